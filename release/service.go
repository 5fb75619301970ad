package release

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/job"
	"platen/site"
)

// Digests makes the keyed digests under which secrets are looked up.
type Digests interface {
	CardDigest(number string) []byte
	PINDigest(pin string) []byte
	TokenDigest(token string) []byte
}

// Service is the release desk of one tenant. The fields are set before its
// first use and stay as they are; all methods may be called at the same time.
type Service struct {
	Store   Store
	Digests Digests
	// Verify compares a secret with its PHC string; directory.VerifySecret is
	// one. It takes as long for the empty PHC string as for a real one.
	Verify func(phc, secret string) bool
	// Directory checks passwords of people who come from a directory. Nil: nobody does.
	Directory Directory
	// Number brings what a reader sends to the number of a card, by the rule of the
	// terminal or reader. Nil: it is the number.
	Number func(t site.Terminal, reader, raw string) (string, error)
	// Told hears that a card was registered on somebody's account, for a message to
	// that person. Nil: nobody is told.
	Told func(u directory.User, last, where string)
	// Agreed hears that the owner of documents has consented to a delegation, as it was
	// before, or has taken that back, for messages to both. Nil: nobody is told.
	Agreed func(d directory.Delegation, given bool)
	Now    func() time.Time
	Log    *slog.Logger
	Limits Limits // DefaultLimits unless somebody has a reason

	Wake   func(device string) // a job waits for the device; only a hint
	Cancel func(job int64)     // a job that is being delivered shall stop; only a hint
	Erased func()              // a document is not needed any longer; only a hint
	Expect func(user string)   // somebody has signed in and may soon release something; only a hint
	// Allows says whether copies and sides may still be chosen for a job at a
	// device. Nil allows neither.
	Allows func(j job.Job, d site.Device) (copies, sides bool)
	// Greys says whether a job comes out of a device without colour when that is asked
	// for. Nil: never.
	Greys func(j job.Job, d site.Device) bool
	// Beside says whether a reader stands beside a terminal that does not type into its
	// page. Nil: there are none.
	Beside func(terminal string) bool
	// Prints says in one sentence why a device cannot print a job, "" when it
	// can. Nil says that every device can.
	Prints func(j job.Job, d site.Device) (why string)

	mu    sync.Mutex
	seen  map[string]time.Time // session id to its last sign of life, with the monotonic clock
	gates map[string]*gate     // terminal id to its gate

	turns map[string]time.Time // account and address to when it has waited for the address

	stands map[string]*stand // terminal id to what it may pick up
}

// Directory knows whether the password of a person is right.
type Directory interface {
	// CheckPassword asks the directory that the person comes from. It returns nil when
	// the password is right, fault.Denied when it is wrong or the account may not be
	// used, fault.Unavailable when nobody can tell now, and fault.NotFound when the
	// person is of no directory that is asked. The zero User is somebody whom nobody
	// has: the answer is the one for somebody else's wrong password.
	CheckPassword(ctx context.Context, u directory.User, login, password string) error
}

// Limits are times and counts of the desk.
type Limits struct {
	Idle         time.Duration // a session ends after so long without a sign of the person
	Warn         time.Duration // the warning comes this long before the end
	AfterRelease time.Duration // instead of Idle, once something was released
	Debounce     time.Duration // a card read again within it is the same presentation
	PickUp       time.Duration // a card that was shown to a reader beside an idle terminal counts for so long
	EnrolFor     time.Duration // an enrolment secret must be used within it
	Listed       time.Duration // what was printed is shown for so long, and longer while its document is kept
	Jobs         int           // most jobs shown, or released at once
	Calm         time.Duration // a device that ended a person's job so recently is still at work for that person
	MaxCopies    int
	Ask          time.Duration // a directory is waited for so long; then what is kept here decides
}

// DefaultLimits returns the limits that the documentation speaks of.
func DefaultLimits() Limits {
	return Limits{
		Idle: 45 * time.Second, Warn: 15 * time.Second, AfterRelease: 10 * time.Second,
		Debounce: 2 * time.Second, PickUp: 20 * time.Second, EnrolFor: 72 * time.Hour, Listed: 24 * time.Hour,
		Jobs: 1000, Calm: 5 * time.Second, MaxCopies: 999,
		Ask: 2 * time.Second,
	}
}

// node is the actor of what nobody asked for.
const node = "the node"

// Admits reports whether a terminal may be used from this address.
func Admits(t site.Terminal, client netip.Addr) bool {
	if len(t.Allow) == 0 {
		return true
	}
	client = client.Unmap()
	return slices.ContainsFunc(t.Allow, func(p netip.Prefix) bool { return p.Contains(client) })
}

func (s *Service) wake(device string) {
	if s.Wake != nil {
		s.Wake(device)
	}
}

func (s *Service) expect(u *directory.User) {
	if s.Expect != nil && u.ID != "" {
		s.Expect(u.ID)
	}
}

// queues returns the queues by their ids. A job whose queue has been removed
// is treated as one of a queue with the default values.
func (s *Service) queues(ctx context.Context) (map[string]site.Queue, error) {
	all, err := s.Store.Queues(ctx)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]site.Queue, len(all))
	for _, q := range all {
		byID[q.ID] = q
	}
	return byID, nil
}

// missing is the one answer for a job that is not there and for one that is
// somebody else's: a number alone must not tell which.
func missing(op string) error {
	return &fault.Error{Op: op, Kind: fault.NotFound, Text: "This document is not in your list."}
}
