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
	// UsersByName returns the people whose login, alias, UPN or e-mail address is
	// this folded name. Nobody is no error.
	UsersByName(ctx context.Context, folded string) ([]directory.User, error)
	Secrets(ctx context.Context, user string) (directory.Secrets, error)
	// KeepVerifier keeps what stands in for the password that a directory has, until
	// then; "" forgets it. Sessions go on.
	KeepVerifier(ctx context.Context, user, phc string, until time.Time) error
	// CodeHolder returns whose code for this purpose has the digest, if it has not
	// ended at now. SpendCode takes it away and says NotFound when somebody was faster.
	CodeHolder(ctx context.Context, digest []byte, purpose string, now time.Time) (user string, err error)
	SpendCode(ctx context.Context, digest []byte) error
	// UsersByPIN returns the enabled users whose PIN has this keyed digest, at
	// most limit of them. None is no error.
	UsersByPIN(ctx context.Context, digest []byte, limit int) ([]directory.User, error)
	// CountPINs counts the enabled users that have a PIN.
	CountPINs(ctx context.Context) (int, error)
	// CardByDigest finds a card, a blocked one too, by the digest of the normal
	// form of its number.
	CardByDigest(ctx context.Context, digest []byte) (directory.Card, error)
	// CardByRaw finds the one card whose number came from a reader as this digest, for
	// cards that were enrolled before the rule of the reader was changed.
	CardByRaw(ctx context.Context, digest []byte) (directory.Card, error)
	// CountCards counts a user's cards.
	CountCards(ctx context.Context, user string) (int, error)
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
	// is still kept, or were completed or aborted at or after since. Of since
	// zero it is only those that are not done.
	OwnJobs(ctx context.Context, owner string, since time.Time, limit int) ([]job.Job, error)
	// WaitingJobs returns, those that were released first first, at most limit
	// jobs that are pending and were released by somebody: their queue is not a
	// passthrough one, or they have a PIN, which every queue holds.
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

	// Unclaimed jobs.

	// RecentSenders returns whose jobs came from which address, among the newest
	// so many jobs.
	RecentSenders(ctx context.Context, among int) ([]job.Sender, error)
	// ClaimJob gives an unclaimed held job to a person, with its history and a
	// line of the audit trail (action "claim", object "job UUID"), or nothing. A
	// job that is not held any longer, has an owner or is still arriving is a
	// Conflict. The alias of the claim becomes one of that person, which remembered
	// reports, unless somebody else has it as a login, alias, UPN or e-mail address.
	ClaimJob(ctx context.Context, c job.Claim) (remembered bool, err error)

	// Delegations.

	// DelegationsTo returns those that let this user release documents of others, as
	// a person or as a member of a group; DelegationsOf those about the user's own
	// documents. Both return them whether they hold or not.
	DelegationsTo(ctx context.Context, user string) ([]directory.Delegation, error)
	DelegationsOf(ctx context.Context, owner string) ([]directory.Delegation, error)
	// Consent notes that the owner agrees, and how that was given. One that is not
	// the owner's, or has consent already, is NotFound.
	Consent(ctx context.Context, id, owner string, at time.Time, how, actor string) error
	// EndDelegation removes a delegation of the owner. Both write a line of the
	// audit trail in the same transaction: "delegation.consent", "delegation.remove",
	// or "delegation.refuse" where there was no consent yet, about the owner's login.
	EndDelegation(ctx context.Context, id, owner, actor string) error

	// ReleaseJobs moves the jobs of the order to Pending at its device and
	// records the release, in one transaction. Each job moves by
	// compare-and-set on its own: one that is not as its item says stays as it
	// is, and its Status in the result is job.StatusFailed, while one that
	// moved has job.StatusQueued. The items of the result are in the order
	// asked for, and recorded with that Status.
	//
	// Moving sets Device, Released (o.Release.At), Options and Reasons
	// (job-queued), clears NotBefore, Attempts, Completed and Message, and
	// leaves ExpiresAt. It sets ReleasedBy to the item's By. Every move appends the
	// item's history and, where there is one, its line of the audit trail.
	//
	// When an order with the same Scope and the same Key, not "", was recorded
	// before, nothing changes: that release is returned, with again set. Else an
	// order without Items records nothing and is NotFound. An item whose From
	// is 0 never moves: it is recorded as StatusFailed.
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
	// ForgetThrottles removes those that were last written before, those under
	// directory.ThrottleKnown after directory.KnownFor more.
	ForgetThrottles(ctx context.Context, before time.Time) error

	// Audit appends one line to the audit trail.
	Audit(ctx context.Context, actor, action, object, detail string) error
}

// Words that are told further right, where the store and the pages see them too.
type (
	Guard       = job.Guard
	Order       = job.Order
	OrderItem   = job.OrderItem
	JobView     = job.View
	Session     = directory.Session
	Throttle    = directory.Throttle
	Credentials = directory.Credentials
	Throttled   = directory.Throttled
	Refused     = directory.Refused
)

// Actor is who breaks the glass.
type Actor struct {
	User          string // user id; "" for an administrator who is no user
	Name          string // as it stands in the history: "anna", "administrator root"
	Administrator bool
}
