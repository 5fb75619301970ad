package release

import (
	"bytes"
	"context"
	"time"
)

// gate lets one sign-in at a time through at a terminal, which has one person
// before it. So a reader that sends a number twice is seen to do so, and
// guesses cannot be tried side by side.
type gate struct {
	turn    chan struct{}
	waiting int // guarded by Service.mu
	last    reading
}

// reading is the last card shown at a terminal and what came of it. The token
// is kept for as long as a second reading counts as the same.
type reading struct {
	digest []byte
	at     time.Time
	sess   Session
	token  string
	err    error
}

// crowd is how many may wait at one gate.
const crowd = 8

// enter waits for the terminal's gate. leave must be called.
func (s *Service) enter(ctx context.Context, op, terminal string) (*gate, func(), error) {
	g := s.queue(terminal)
	if g == nil {
		return nil, nil, throttled(op, time.Second)
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		g.waiting--
	}()
	select {
	case g.turn <- struct{}{}:
		return g, func() { <-g.turn }, nil
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
}

// queue joins those who wait at a terminal's gate, and returns nil when there
// are too many.
func (s *Service) queue(terminal string) *gate {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gates == nil {
		s.gates = map[string]*gate{}
	}
	g := s.gates[terminal]
	if g == nil {
		g = &gate{turn: make(chan struct{}, 1)}
		s.gates[terminal] = g
	}
	if g.waiting >= crowd {
		return nil
	}
	g.waiting++
	return g
}

// again returns what came of the same card a moment ago, when its session
// still lives.
func (s *Service) again(ctx context.Context, g *gate, digest []byte) (reading, bool) {
	now := s.Now()
	if g.last.digest == nil || !bytes.Equal(g.last.digest, digest) || elapsed(g.last.at, now) >= s.Limits.Debounce {
		return reading{}, false
	}
	if g.last.err != nil {
		return g.last, true
	}
	if _, err := s.Store.SessionByToken(ctx, s.Digests.TokenDigest(g.last.token)); err != nil {
		return reading{}, false
	}
	return g.last, true
}

// elapsed returns the longer of what the monotonic clock and the clock on the
// wall say. A machine that slept has only the latter; a clock that was set
// makes things older at most, never younger.
func elapsed(from, to time.Time) time.Duration {
	return max(to.Sub(from), to.Round(0).Sub(from.Round(0)))
}
