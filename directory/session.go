package directory

import "time"

// Throttle holds the recent failures of one account, terminal or the like.
type Throttle struct {
	Key      string
	Version  int64       // counts the writes; 0: not stored yet
	Failures []time.Time // oldest first; whoever writes it keeps it short
}

// ThrottleKnown begins the key of what is no list of failures: when an account last
// signed in from an address. It is kept for longer than they are.
const (
	ThrottleKnown = "known/"
	KnownFor      = 30 * 24 * time.Hour
)

// Session is one person at one terminal, for a short while.
type Session struct {
	ID       string // UUIDv7; not a secret, unlike its token
	Terminal string // terminal id
	Device   string // device id
	User     User
	Method   string // how the person signed in
	Started  time.Time
	Seen     time.Time     // when the person last did something
	Idle     time.Duration // how long the session rests before it ends
}

// Expires returns when the session ends if nobody does anything.
func (s *Session) Expires() time.Time { return s.Seen.Add(s.Idle) }
