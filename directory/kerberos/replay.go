package kerberos

import (
	"crypto/sha256"
	"sync"
	"time"
)

// maxShown bounds what is remembered: some 64 MiB, and 1,700 requests a second.
const maxShown = 1 << 20

// replays remembers the authenticators that were shown (RFC 4120, section
// 3.2.3), by the digest of their ciphertext: it cannot be changed, and two
// requests of one client in the same microsecond differ in it.
type replays struct {
	mu    sync.Mutex
	shown map[[sha256.Size]byte]time.Time // and when they are worth nothing any more
	sweep time.Time                       // when to look for those next
	max   int
}

// take reports whether the authenticator is new, and remembers it until end.
// full says that nobody can tell.
func (r *replays) take(cipher []byte, now, end time.Time) (fresh, full bool) {
	id := sha256.Sum256(cipher)
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.shown[id]; ok {
		return false, false
	}
	if r.shown == nil {
		r.shown = map[[sha256.Size]byte]time.Time{}
	}
	if !now.Before(r.sweep) {
		r.sweepLocked(now)
	}
	if len(r.shown) >= r.max {
		return false, true
	}
	r.shown[id] = end
	return true, false
}

// sweepLocked forgets what has ended, once a minute, so that nobody waits for it
// with every request.
func (r *replays) sweepLocked(now time.Time) {
	r.sweep = now.Add(time.Minute)
	for id, end := range r.shown {
		if now.After(end) {
			delete(r.shown, id)
		}
	}
}
