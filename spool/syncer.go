package spool

import "sync"

// syncer lets one sync serve everybody who had finished before it began.
type syncer struct {
	run  sync.Mutex // held while a sync is under way
	mu   sync.Mutex
	next *syncRound // has not begun: may still be joined
}

type syncRound struct {
	done chan struct{}
	err  error // set before done is closed
}

// do returns the result of a call of sync that began after do was called. The
// first to come waits for the one under way and then calls for all who came
// meanwhile.
func (s *syncer) do(sync func() error) error {
	s.mu.Lock()
	r, leads := s.next, false
	if r == nil {
		r, leads = &syncRound{done: make(chan struct{})}, true
		s.next = r
	}
	s.mu.Unlock()
	if !leads {
		<-r.done
		return r.err
	}
	s.run.Lock()
	s.mu.Lock()
	s.next = nil // from here on a newcomer is too late for this one
	s.mu.Unlock()
	r.err = sync()
	s.run.Unlock()
	close(r.done)
	return r.err
}
