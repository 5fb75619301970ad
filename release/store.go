package release

import (
	"context"
	"time"

	"platen/directory"
	"platen/job"
	"platen/site"
)

// Store is where everything that must outlive a restart is kept. *store.Scope
// is one; releasetest.Run says in tests what is promised here in words.
//
// Every method speaks of one tenant. A thing that is not there is
// fault.NotFound; a compare-and-set that lost is fault.Conflict and has
// changed nothing. What returned nil is durable.
type Store interface {
	// People.

	User(ctx context.Context, id string) (directory.User, error)
	UserByLogin(ctx context.Context, folded string) (directory.User, error)
	Secrets(ctx context.Context, user string) (directory.Secrets, error)
	// UsersByPIN returns the enabled users whose PIN has this keyed digest, at
	// most limit of them. None is no error.
	UsersByPIN(ctx context.Context, digest []byte, limit int) ([]directory.User, error)
	// CountPINs counts the enabled users that have a PIN.
	CountPINs(ctx context.Context) (int, error)
	// CardByDigest finds a card, a blocked one too, by the digest of the normal
	// form of its number.
	CardByDigest(ctx context.Context, digest []byte) (directory.Card, error)
	// PutCard adds a card, or changes the one with the same ID. Another card
	// with the same Digest is a Conflict.
	PutCard(ctx context.Context, c directory.Card) error

	// What an administrator set up.

	Settings(ctx context.Context) (site.Settings, error)
	Queues(ctx context.Context) ([]site.Queue, error)
	Device(ctx context.Context, id string) (site.Device, error)
	Terminal(ctx context.Context, id string) (site.Terminal, error)
	Terminals(ctx context.Context) ([]site.Terminal, error)

	// Enrolment of terminals. Only digests are kept.

	// SetEnrolment gives a terminal a new enrolment secret. In the same
	// transaction the secret and the token it had before stop working and its
	// sessions end. A nil digest only does the latter.
	SetEnrolment(ctx context.Context, terminal string, digest []byte, expires time.Time) error
	// Enrol exchanges the enrolment secret for the token, once: the secret is
	// gone afterwards. A secret that nobody has, that was used, or that expired
	// at or before now is NotFound.
	Enrol(ctx context.Context, secret, token []byte, now time.Time) (site.Terminal, error)
	// TerminalByToken finds the terminal that holds the token.
	TerminalByToken(ctx context.Context, token []byte) (site.Terminal, error)

	// Sessions. Of Session.User only the ID is kept.

	// StartSession adds s under the digest of its token. In the same
	// transaction it ends every other session of the same terminal and returns
	// those, so that their owners' waiting jobs can be recalled.
	StartSession(ctx context.Context, s Session, token []byte) (ended []Session, err error)
	SessionByToken(ctx context.Context, token []byte) (Session, error)
	// TouchSession stores when the person last did something and how long the
	// session may rest from then on.
	TouchSession(ctx context.Context, id string, seen time.Time, idle time.Duration) error
	// EndSession removes a session. One that had ended already is NotFound, so
	// that exactly one caller does what follows a sign-out.
	EndSession(ctx context.Context, id string) error
	Sessions(ctx context.Context) ([]Session, error)

	// Jobs. A job is returned with its documents and all names filled.

	Job(ctx context.Context, id int64) (job.Job, error)
	// OwnJobs returns, newest first, at most limit jobs of the owner ("": the
	// unclaimed ones) that are not done, or are completed with a document that
	// is still kept, or were completed or aborted at or after since.
	OwnJobs(ctx context.Context, owner string, since time.Time, limit int) ([]job.Job, error)
	// WaitingJobs returns, those that were released first first, at most limit
	// jobs that are pending and whose queue is not a passthrough one.
	WaitingJobs(ctx context.Context, limit int) ([]job.Job, error)
	// ChangeJob applies c at time now if the job is as g says, else Conflict.
	// c.State may be the state the job is in. Becoming Held clears Device,
	// Released and Options; leaving a done state clears Completed; entering one
	// sets it to now. Becoming Pending is done by ReleaseJobs alone.
	ChangeJob(ctx context.Context, id int64, g Guard, c job.Change, now time.Time) error
	// KeepJob lets a held job of the owner expire at until instead, once: one
	// that was kept before, or is not held, or not the owner's, is a Conflict.
	KeepJob(ctx context.Context, id int64, owner string, until time.Time, h job.Entry) error
	// AskCancel marks a job that is being delivered, so that its worker stops
	// at the next safe boundary. A job that is not Processing, or not the
	// owner's ("" does not ask), is a Conflict.
	AskCancel(ctx context.Context, id int64, owner string, h job.Entry) error

	// ReleaseJobs moves the jobs of the order to Pending at its device and
	// records the release, in one transaction. Each job moves by
	// compare-and-set on its own: one that is not as its item says stays as it
	// is, and its Status in the result is StatusFailed, while one that moved
	// has StatusQueued. The items of the result are in the order asked for.
	//
	// Moving sets Device, Released (o.Release.At), Options and Reasons
	// (job-queued), clears NotBefore, Attempts, Completed and Message, and
	// leaves ExpiresAt. Every move appends the item's history.
	//
	// When an order with the same Scope and the same Key, not "", was recorded
	// before, nothing changes: that release is returned, with again set.
	ReleaseJobs(ctx context.Context, o Order) (r job.Release, again bool, err error)
	// ReleaseByID returns a recorded release with the Items it had then.
	ReleaseByID(ctx context.Context, id string) (job.Release, error)

	// Throttles survive a restart.

	// Throttles returns one throttle per key, in the order of the keys. One
	// that is not there yet has Version 0 and no failures.
	Throttles(ctx context.Context, keys []string) ([]Throttle, error)
	// PutThrottles writes all of ts with Version+1, if every one of them still
	// has the Version given, else it writes none and returns Conflict.
	PutThrottles(ctx context.Context, ts []Throttle) error
	// ForgetThrottles removes those that were last written before.
	ForgetThrottles(ctx context.Context, before time.Time) error

	// Audit appends one line to the audit trail.
	Audit(ctx context.Context, actor, action, object, detail string) error
}

// Guard says how a job must be for a change to apply.
type Guard struct {
	State    job.State
	Owner    string    // "" does not ask
	Device   string    // "" does not ask
	Released time.Time // the zero time does not ask; else exactly this release, not a later one
}

// Order is a release before it is recorded.
type Order struct {
	Release job.Release // without Items
	Scope   string      // within which Key is unique: a session, or an administrator
	Key     string      // idempotency key, "" none
	Items   []OrderItem
}

// OrderItem is one job of an order, and how it must be for moving.
type OrderItem struct {
	Job     int64
	From    job.State
	Owner   string // "" does not ask: break glass
	Options job.Options
	History []job.Entry
}

// Throttle holds the recent failures of one account, terminal or the like.
type Throttle struct {
	Key      string
	Version  int64       // counts the writes; 0: not stored yet
	Failures []time.Time // oldest first; the Service keeps it short
}

// Session is one person at one terminal, for a short while.
type Session struct {
	ID       string // UUIDv7; not a secret, unlike its token
	Terminal string // terminal id
	Device   string // device id
	User     directory.User
	Method   string // how the person signed in
	Started  time.Time
	Seen     time.Time     // when the person last did something
	Idle     time.Duration // how long the session rests before it ends
}

// Expires returns when the session ends if nobody does anything.
func (s *Session) Expires() time.Time { return s.Seen.Add(s.Idle) }

// Methods of signing in.
const (
	MethodCard     = "card"     // Value is the number as the reader sent it
	MethodPIN      = "pin"      // Value is the PIN; User the login, or "" for PIN alone
	MethodPassword = "password" // User and Value
	MethodAsserted = "asserted" // User, by the word of the terminal
)

// Credentials are what a person shows at a terminal. They are never logged.
type Credentials struct {
	Method string `json:"method"`
	User   string `json:"user"`   // login as typed
	Value  string `json:"value"`  // card number, PIN or password
	Reader string `json:"reader"` // which reader sent it, "" unknown
}

// How a released job stands, the words of job.ReleaseItem.
const (
	StatusQueued       = "queued"
	StatusSending      = "sending"
	StatusPrinted      = "printed"
	StatusNotConfirmed = "printed-not-confirmed"
	StatusUncertain    = "uncertain"
	StatusFailed       = "failed"
	StatusHeld         = "held"
	StatusCanceled     = "canceled"
)

// JobView is one job as its owner sees it at one terminal. A pointer is nil
// where nobody knows. Texts are catalogue keys without arguments, unless they
// say otherwise.
type JobView struct {
	ID        int64     `json:"id"`
	UUID      string    `json:"uuid"`
	Title     string    `json:"title"` // "" once it is forgotten, or where it is not the person's own
	Owner     string    `json:"owner"` // login, "" unclaimed
	Queue     string    `json:"queue"` // name
	Status    string    `json:"status"`
	Text      string    `json:"text"`   // the job's message, one sentence, "" all is well
	Device    string    `json:"device"` // name of the device it is at, "" while held
	Pages     *int      `json:"pages"`  // of all documents, copies not multiplied
	Estimated bool      `json:"estimated"`
	Copies    *int      `json:"copies"`
	Colour    *bool     `json:"colour"`
	Duplex    *bool     `json:"duplex"`
	Sides     *string   `json:"sides"` // sides keyword
	Size      int64     `json:"size"`  // octets
	Cost      int64     `json:"cost"`  // minor units
	Submitted time.Time `json:"submitted"`
	Expires   time.Time `json:"expires"` // when it is deleted; zero where it is not
	SameAs    int64     `json:"same_as"` // an equal job came within the hour before: its number, 0 none

	Releasable bool   `json:"releasable"` // held, and Release would take it
	WhyNot     string `json:"why_not"`    // "" when Releasable
	CanDelete  bool   `json:"can_delete"`
	CanKeep    bool   `json:"can_keep"`
	CanAgain   bool   `json:"can_again"`   // printed, the document is still kept: PrintAgain would take it
	CanResolve bool   `json:"can_resolve"` // uncertain: Resolve would take it
	CanCopies  bool   `json:"can_copies"`
	CanSides   bool   `json:"can_sides"`
}

// Actor is who breaks the glass.
type Actor struct {
	User          string // user id; "" for an administrator who is no user
	Name          string // as it stands in the history: "anna", "administrator root"
	Administrator bool
}

// Throttled is the error of a sign-in that was not even looked at.
type Throttled struct {
	RetryAfter time.Duration
	Err        error // a fault.Error with the sentence
}

func (t *Throttled) Error() string { return t.Err.Error() + ": retry after " + t.RetryAfter.String() }

func (t *Throttled) Unwrap() error { return t.Err }

// Reasons of a Refused sign-in, for the JSON API.
const (
	ReasonWrong       = "wrong"         // user, secret or both; nobody says which
	ReasonUnknownCard = "unknown-card"  // registering it may help
	ReasonNeedUser    = "user-required" // a PIN alone is not enough here
	ReasonMethod      = "method"        // this terminal does not offer it
)

// Refused is the error of a sign-in that failed.
type Refused struct {
	Reason string
	Err    error // a fault.Error with the sentence
}

func (r *Refused) Error() string { return r.Err.Error() + ": " + r.Reason }

func (r *Refused) Unwrap() error { return r.Err }
