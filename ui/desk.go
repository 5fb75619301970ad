package ui

import (
	"context"
	"net/netip"
	"time"

	"platen/directory"
	"platen/job"
	"platen/site"
)

// Desk is a person at a device; *release.Service with a few words around it
// is one.
type Desk interface {
	Enrolment
	Sessions
	Readers
	Documents
	Tray
	Glass
	Deputy
}

// Enrolment says which terminal a browser or a box is.
type Enrolment interface {
	// EnrolTerminal exchanges a secret for a token, once.
	EnrolTerminal(ctx context.Context, secret string, client netip.Addr) (site.Terminal, string, error)
	// Terminal returns the terminal of a token, fault.Denied when there is none.
	Terminal(ctx context.Context, token string, client netip.Addr) (site.Terminal, error)
	// PINOnly reports whether a PIN of so many digits may sign in alone there.
	PINOnly(ctx context.Context, t site.Terminal, digits int) (bool, error)
}

// Sessions says who stands at a terminal.
type Sessions interface {
	// SignIn opens a session. Its error may be a directory.Refused or a
	// directory.Throttled.
	SignIn(ctx context.Context, t site.Terminal, c directory.Credentials, client netip.Addr) (directory.Session, string, error)
	RegisterCard(ctx context.Context, t site.Terminal, card directory.Reading, user, password string, client netip.Addr) (directory.Session, string, error)
	// Session returns the session of a token and counts as a sign of life;
	// Peek does not. Both say fault.Denied when it has ended.
	Session(ctx context.Context, token, terminal string) (directory.Session, error)
	Peek(ctx context.Context, token, terminal string) (directory.Session, error)
	// Stay lets a session rest for the usual time again.
	Stay(ctx context.Context, s directory.Session) (directory.Session, error)
	// WarnAt returns when a person is told that the session is about to end.
	WarnAt(s directory.Session) time.Time
	SignOut(ctx context.Context, s directory.Session) error
}

// Readers are card readers that stand beside a terminal and do not type into its
// page.
type Readers interface {
	// HasReader reports whether there is one, so that the page looks what it says.
	HasReader(t site.Terminal) bool
	// PickUp returns, once, what came of the last card that was shown there. ok is
	// false when there is nothing.
	PickUp(ctx context.Context, t site.Terminal) (x directory.Shown, ok bool, err error)
	// AwaitPickUp is PickUp that waits until there is something or ctx ends.
	AwaitPickUp(ctx context.Context, t site.Terminal) (x directory.Shown, ok bool, err error)
}

// Documents are the person's own jobs, and what can be done with them.
type Documents interface {
	Jobs(ctx context.Context, s directory.Session) ([]job.View, error)
	// Release, ReleaseAll, PrintAgain and Resolve say directory.Refused when the
	// PIN of a job that has one is missing or wrong, and directory.Throttled when
	// too many were wrong. ReleaseAll leaves those whose PIN is missing.
	Release(ctx context.Context, s directory.Session, ids []int64, o job.Options, pins job.PINs, key string) (job.Release, error)
	ReleaseAll(ctx context.Context, s directory.Session, o job.Options, pins job.PINs, key string) (job.Release, error)
	PrintAgain(ctx context.Context, s directory.Session, id int64, o job.Options, pins job.PINs, key string) (job.Release, error)
	// Resolve ends the uncertainty about a job: it is printed again, or it did
	// print, and then there is no release to look at.
	Resolve(ctx context.Context, s directory.Session, id int64, again bool, pins job.PINs, key string) (job.Release, error)
	ReleaseStatus(ctx context.Context, s directory.Session, id string) (job.Release, error)
	ReleaseAt(ctx context.Context, t site.Terminal, id string) (job.Release, error)
	Delete(ctx context.Context, s directory.Session, ids []int64) error
	Keep(ctx context.Context, s directory.Session, ids []int64) error
}

// Tray holds the jobs that no rule could name an owner for, where their queue
// says that people are asked.
type Tray interface {
	// Unclaimed returns those that may be the person's, without their titles.
	Unclaimed(ctx context.Context, s directory.Session) ([]job.Found, error)
	// Claim makes one of them the person's, and reports whether the name that it
	// claimed is remembered. It says directory.Refused when the PIN of a job that
	// has one is missing or wrong, directory.Throttled when there were too many
	// claims, and fault.Conflict when somebody else was faster.
	Claim(ctx context.Context, s directory.Session, id int64, remember bool, pins job.PINs) (remembered bool, err error)
}

// Glass is for a person with the right to break it.
type Glass interface {
	// Others returns the held jobs of a user, of "" the unclaimed ones, without
	// their titles.
	Others(ctx context.Context, s directory.Session, login string) ([]job.View, error)
	BreakGlass(ctx context.Context, s directory.Session, id int64, reason, key string) (job.Release, error)
}

// Deputy is for people who release documents of others, and for those who let them.
type Deputy interface {
	// ReleaseFor is ReleaseAll for the documents of somebody with that login.
	ReleaseFor(ctx context.Context, s directory.Session, login string, o job.Options, pins job.PINs, key string) (job.Release, error)
	// Asked returns what waits for the person's consent; Answer gives or refuses it.
	Asked(ctx context.Context, s directory.Session) ([]directory.Delegation, error)
	Answer(ctx context.Context, s directory.Session, id string, allow bool) error
}

// Events keeps what a device reports of itself.
type Events interface {
	DeviceEvent(ctx context.Context, t site.Terminal, e Event) error
}

// Event is what a terminal reports of its device: usage that no job of this
// node caused, counters, or a state.
type Event struct {
	ID       string           `json:"id"`   // of the event, given by the terminal; the same one may come twice
	Kind     string           `json:"kind"` // "copy", "scan", "fax", "print", "counters", "state"
	At       time.Time        `json:"at"`
	User     string           `json:"user,omitempty"` // login, as the device knows it
	Counters map[string]int64 `json:"counters,omitempty"`
	State    string           `json:"state,omitempty"`
}
