package store

import (
	"context"
	"sync"
)

// A client that prints over IPP is told its job's number, so that one must be known
// before the row is there, and be that job's for ever. So numbers are taken from a
// block that the counter of the database has passed already, by a COMMIT that is on
// the disk: whatever a crash takes, nobody gets them again. What is left of the
// block then is lost. A job that is made again from the spool brings its number
// along (RestoreJob).
//
// Numbers of jobs whose rows are waited for come from the same block, so that they
// grow with time as far as anybody can see.

// numbers are the job-ids that may be given away.
type numbers struct {
	fetching chan struct{} // has room for the one who fetches a block

	mu     sync.Mutex
	next   int64
	end    int64 // behind the last
	closed bool
}

// blockOfNumbers is how many are taken at a time: a COMMIT for so many jobs, and at
// most so many lost by a crash.
const blockOfNumbers = 256

// take returns a number, 0 when there is none, and whether it is time for more.
func (n *numbers) take() (id int64, low bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.next < n.end && !n.closed {
		id = n.next
		n.next++
	}
	return id, n.end-n.next < blockOfNumbers/2
}

// add appends the block that ends with last.
func (n *numbers) add(last int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	first := last - blockOfNumbers + 1
	if n.end != first { // others have counted meanwhile
		n.next = first
	}
	n.end = last + 1
}

// rest ends the giving away, and returns what the counter stands at and what it
// would stand at without what is left; the same when nothing is.
func (n *numbers) rest() (counter, given int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	return n.end - 1, n.next - 1
}

// NextJobID returns a number for a job that is about to be added. Nobody gets it
// again, also when that job is never added, and after a crash.
func (s Scope) NextJobID(ctx context.Context) (int64, error) {
	const op = "store.NextJobID"
	for {
		id, low := s.st.numbers.take()
		if id > 0 {
			if low {
				s.st.fetchNumbers(ctx)
			}
			return id, nil
		}
		if err := s.st.waitForNumbers(ctx); err != nil {
			return 0, explain(op, err)
		}
	}
}

// fetchNumbers has somebody fetch a block, so that the next ones do not wait.
func (s *Store) fetchNumbers(ctx context.Context) {
	select {
	case s.numbers.fetching <- struct{}{}:
	default: // somebody does
		return
	}
	go func() {
		defer func() { <-s.numbers.fetching }()
		if err := s.moreNumbers(context.WithoutCancel(ctx)); err != nil {
			s.log.Warn("store: no new job numbers yet", "error", err)
		}
	}()
}

// waitForNumbers returns when there were some.
func (s *Store) waitForNumbers(ctx context.Context) error {
	select {
	case s.numbers.fetching <- struct{}{}:
		defer func() { <-s.numbers.fetching }()
	case <-ctx.Done():
		return ctx.Err()
	}
	s.numbers.mu.Lock()
	there, closed := s.numbers.next < s.numbers.end, s.numbers.closed
	s.numbers.mu.Unlock()
	switch {
	case closed:
		return errClosed
	case there: // somebody else has fetched them
		return nil
	}
	return s.moreNumbers(ctx)
}

// moreNumbers fetches a block; the caller is the one in numbers.fetching.
func (s *Store) moreNumbers(ctx context.Context) error {
	var last int64
	err := s.write(ctx, "", "", func(t tx) error { return t.one(moreJobs, []any{&last}, blockOfNumbers) })
	if err == nil {
		s.numbers.add(last)
	}
	return err
}

// number is that of a job whose row is being added: one of the block when there is
// one, else the counter's next.
func (s *Store) number(t tx) (int64, error) {
	id, _ := s.numbers.take()
	if id > 0 {
		return id, nil
	}
	err := t.store().one(moreJobs, []any{&id}, 1)
	return id, err
}

// numberAgain is the number of a job that is made again: its own, and the counter
// is not behind it.
func (s *Store) numberAgain(t tx, id int64) (int64, error) {
	taken := 1
	if id > 0 {
		if err := t.one(countJobID, []any{&taken}, id); err != nil {
			return 0, err
		}
	}
	if taken > 0 {
		return s.number(t)
	}
	_, err := t.store().exec(passJob, id)
	return id, err
}

// returnNumbers gives back what is left of the block, so that a stop leaves no gap.
func (s *Store) returnNumbers() {
	counter, given := s.numbers.rest()
	if counter == given || s.w == nil || s.w.err() != nil {
		return
	}
	err := s.write(context.Background(), "", "", func(t tx) error {
		_, err := t.exec(returnJobs, given, counter)
		return err
	})
	if err != nil {
		s.log.Warn("store: some job numbers will never be used", "error", err)
	}
}

// leap is how far the counter jumps when nobody knows how many numbers were given
// after what the database has: more than anybody prints between two backups.
const leap = 1_000_000

const (
	moreJobs query = `
		INSERT INTO counters (name, value) VALUES ('job', $1)
		ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value RETURNING value`
	passJob query = `
		INSERT INTO counters (name, value) VALUES ('job', $1)
		ON CONFLICT (name) DO UPDATE SET value = CASE WHEN excluded.value > counters.value THEN excluded.value ELSE counters.value END`
	returnJobs query = `UPDATE counters SET value = $1 WHERE name = 'job' AND value = $2`
	countJobID query = `SELECT COUNT(*) FROM jobs WHERE tenant = $1 AND id = $2`
)
