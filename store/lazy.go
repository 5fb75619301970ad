package store

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// A job whose documents are all in the spool's log needs its row for being
// found, not for being safe: a node that starts makes missing rows again from
// there. So the one who brings such a job does not wait for the row. Its call is
// lazy: it is done soon, together with others, and its COMMIT does not wait for
// the disk; the next other one, or a checkpoint, brings it there too, before
// anything that depends on it.
//
// Nobody notices: whoever asks the store for something waits for what was owed
// before (Store.settled).

// owed counts the lazy calls that are not done, and keeps those that failed
// until they succeed. Only the writer's goroutine calls its methods, but for
// those that say otherwise.
type owed struct {
	log   *slog.Logger
	pause time.Duration // before a call that failed is tried again
	calls atomic.Int64  // not committed; read by anybody

	mu     sync.Mutex // guards why
	why    error      // the last failure, while there are calls to do again
	undone []*call
	timer  <-chan time.Time
}

// err returns why the rows of jobs cannot be added at the moment, or nil. Anybody
// may ask.
func (o *owed) err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.why
}

func (o *owed) set(err error) {
	o.mu.Lock()
	o.why = err
	o.mu.Unlock()
}

// failed keeps a call for later.
func (o *owed) failed(c *call, err error) {
	if len(o.undone) == 0 {
		o.log.Error("store: the row of a job that is safe in the spool could not be added; it is tried again", "error", err)
	}
	c.err = nil
	c.state.Store(waiting)
	o.undone = append(o.undone, c)
	o.timer = time.After(o.pause)
	o.set(explain("store.AdmitJob", err))
}

// paid counts one call less.
func (o *owed) paid() { o.calls.Add(-1) }

// again returns what ends when failed calls are to be tried again.
func (o *owed) again() <-chan time.Time {
	if len(o.undone) == 0 {
		return nil
	}
	return o.timer
}

// take returns the failed calls, to try them again.
func (o *owed) take() []*call {
	list := o.undone
	o.undone = nil
	o.set(nil)
	return list
}

// later hands over a lazy call. It fails when there is no hope that it is soon
// done.
func (w *writer) later(ctx context.Context, c *call) error {
	c.lazy = true
	if err := w.err(); err != nil {
		return err
	}
	if err := w.owed.err(); err != nil {
		return err
	}
	select {
	case <-w.quit:
		return errClosed
	default:
	}
	w.owed.calls.Add(1)
	select {
	case w.calls <- c:
		return nil
	case <-ctx.Done():
		w.owed.calls.Add(-1)
		return ctx.Err()
	case <-w.quit:
		w.owed.calls.Add(-1)
		return errClosed
	}
}

// linger is how long a lazy call waits for others: a page that several of them
// change is written once.
const (
	linger   = 10 * time.Millisecond
	together = 64
)

// gather keeps first, and when it is lazy those who come soon after, until
// somebody comes who waits.
func (w *writer) gather(first *call) {
	w.kept = append([]*call{first}, w.kept...)
	if first.out != nil || len(w.kept) > 1 {
		return
	}
	soon := time.NewTimer(linger)
	defer soon.Stop()
	for len(w.kept) < together {
		select {
		case c := <-w.calls:
			w.kept = append(w.kept, c)
			if c.out != nil {
				return
			}
		case <-soon.C:
			return
		case <-w.quit:
			return
		}
	}
}

// settledFor is how long somebody who reads waits for what is owed: a disk that
// hangs does not keep people from seeing what was there before.
const settledFor = 2 * time.Second

// settled returns when everything that was owed at the time of the call is
// done, or has failed for now.
func (s *Store) settled(ctx context.Context) {
	if s.w == nil || s.w.owed.calls.Load() == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, settledFor)
	defer cancel()
	_ = s.w.do(ctx, &call{lazy: true, fn: func(tx) error { return errNothing }})
}

// Owing returns how many jobs are safe in the spool and not in the database yet,
// and why, when they cannot be added.
func (s *Store) Owing() (int64, error) {
	if s.w == nil {
		return 0, nil
	}
	return s.w.owed.calls.Load(), s.w.owed.err()
}
