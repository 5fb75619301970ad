package reader

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"platen/fault"
)

// Reading is a number that a reader has heard, or that it is gone.
type Reading struct {
	Reader  string     // which one: a name, an address, or what PC/SC calls it
	Raw     string     // as it came: printable ASCII, not empty, and nothing else is sure
	At      time.Time  // when
	Source  netip.Addr // who sent it; zero for PC/SC
	Removed bool       // the card with this number was taken away; PC/SC only
}

// Sink takes what was heard. It is called from several goroutines at once, but
// the readings of one connection or PC/SC reader come one after the other; the
// next is not heard before it returns. Its context ends with Serve's.
type Sink func(ctx context.Context, r Reading)

// Limits and times for a field that is zero.
const (
	defaultDebounce = 2 * time.Second
	defaultRetry    = time.Second
	defaultBusy     = 30 // readings per minute; nobody walks past that fast
)

func orDefault[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// The states of a reader, for people.
const (
	NotRunning  = "The reader is not running."
	Starting    = "The reader is being started."
	waiting     = "Waiting for a reader to connect."
	connected   = "A reader is connected."
	cannotOpen  = "The address for the reader cannot be opened."
	addressUsed = "The address for the reader cannot be opened: another program listens there."
	addressElse = "The address for the reader cannot be opened: this computer does not have it."
	addressOver = "The address for the reader cannot be opened: the print service may not use this port."
	cannotReach = "The reader cannot be reached."
	notSecure   = "The secure connection to the reader failed."
	noneThere   = "No card reader is plugged in."
	noService   = "The card service of this computer does not answer."
	noNumber    = "The last card gave no number."
	notReadable = "The last card could not be read."
	longestWait = time.Minute // between two tries
)

// unreached says why no connection to a reader came about.
var unreached = map[fault.Reach]string{
	fault.Unreached:   cannotReach,
	fault.Refused:     "The reader refuses the connection.",
	fault.Unnamed:     "The reader cannot be found: nobody knows its name.",
	fault.NameUnasked: "The reader cannot be looked for: no name server answers.",
	fault.Silent:      "The reader does not answer in time.",
	fault.NoWay:       "The reader cannot be reached: there is no way to it in the network.",
}

// condition is how a reader is.
type condition struct {
	mu    sync.Mutex
	ok    bool
	text  string
	since time.Time
}

func (c *condition) get() (ok bool, text string, since time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.text == "" {
		return false, NotRunning, c.since
	}
	return c.ok, c.text, c.since
}

// set changes the state, and calls changed if it is another one.
func (c *condition) set(ok bool, text string, changed func()) {
	c.mu.Lock()
	same := c.ok == ok && c.text == text
	if !same {
		c.ok, c.text, c.since = ok, text, time.Now()
	}
	c.mu.Unlock()
	if !same && changed != nil {
		changed()
	}
}

// patience is how long to wait between two tries: twice as long each time.
type patience struct {
	first, longest, next time.Duration
}

func (p *patience) again() time.Duration {
	wait := min(max(p.next, p.first), p.longest)
	p.next = 2 * wait
	return wait
}

func (p *patience) reset() { p.next = 0 }

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
