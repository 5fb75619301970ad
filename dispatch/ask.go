package dispatch

import (
	"context"
	"errors"
	"slices"
	"time"

	"platen/device"
	"platen/fault"
	"platen/job"
	"platen/site"
)

// A device that cannot be reached is asked again for askFor: it may be starting
// as the node is, after the same power cut.
const (
	askFor   = 5 * time.Minute
	askAgain = 5 * time.Second
)

// ask asks the device what became of a send. That it does not know, or cannot
// be reached, is not found.
func (s *send) ask(ctx context.Context, a device.Asker) (device.Result, bool, error) {
	for until := s.w.d.Now().Add(askFor); ; {
		res, found, err := a.Ask(ctx, s.job.UUID, s.id)
		if found || err == nil || ctx.Err() != nil || fault.Is(err, fault.Denied) || !s.w.d.Now().Before(until) {
			return res, found && s.isWhole(res), err
		}
		select {
		case <-ctx.Done():
			return res, false, ctx.Err()
		case <-time.After(askAgain):
		}
	}
}

// isWhole reports whether a job that the device says is out can be all of ours:
// one that got half of a document may print that and be content. Octets are
// told in units of 1024, and not every device rounds up.
func (s *send) isWhole(res device.Result) bool {
	if res.Evidence < job.Confirmed || res.Octets == job.Unknown {
		return true
	}
	if s.docs == nil { // of a send that another run of the node began
		if s.converts() {
			return false // how large it became nobody knows any more
		}
		s.plain()
	}
	return res.Octets+1024 > s.once()
}

// once is how many octets the documents have, one copy each.
func (s *send) once() (n int64) {
	for _, doc := range s.docs {
		n += doc.Octets
	}
	return n
}

// asked asks what became of a delivery that broke off, where the device can be
// asked.
func (s *send) asked(ctx context.Context, res device.Result, err error) (device.Result, error) {
	a, can := s.w.open.(device.Asker)
	if !can || err == nil || res.Evidence != job.Partial || ctx.Err() != nil || device.Damaged(err) {
		return res, err
	}
	s.noticed.Store(true)
	s.w.see(site.Condition{State: "processing", Text: "The connection broke; the device is asked what became of the job."})
	got, found, why := s.ask(ctx, a)
	if !found || why == nil && res.Octets < s.once() {
		return res, err
	}
	if got.Octets = res.Octets; got.Evidence == job.NoneAccepted {
		got.Octets = 0
	}
	got.Copies, got.Sides = res.Copies, res.Sides
	return got, why
}

// stays reports whether a send that ends because the node does is left open: its
// device has the job, and is asked about it when the node is back.
func (s *send) stays(res device.Result, err error) bool {
	_, can := s.w.open.(device.Asker)
	return can && s.intended && res.Evidence == job.Partial && errors.Is(err, errStopping)
}

// askLater leaves a send that another run of the node began to the worker of its
// device, where that can be asked.
func (d *Dispatcher) askLater(ctx context.Context, o Orphan) bool {
	if o.Send == "" {
		return false
	}
	dev, err := d.Store.Device(ctx, o.Job.Device)
	if err != nil {
		return false
	}
	open, err := d.Open(dev)
	if _, can := open.(device.Asker); err != nil || !can {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.orphans[dev.ID] = append(d.orphans[dev.ID], o)
	return true
}

// orphan takes the next send that a device is to be asked about.
func (d *Dispatcher) orphan(dev string) (Orphan, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := d.orphans[dev]
	if len(all) == 0 {
		return Orphan{}, false
	}
	d.orphans[dev] = slices.Clone(all[1:])
	return all[0], true
}

// resolve asks about a send that another run of the node began, and ends it as
// the device says. One of which the device knows nothing is uncertain.
func (w *worker) resolve(work context.Context, o Orphan) {
	s := &send{
		w: w, job: o.Job, dev: w.dev, id: o.Send, tried: true, intended: true, crashed: true,
		began: o.Began, look: make(chan struct{}, 1),
	}
	if o.CancelAsked {
		s.look <- struct{}{}
	}
	found := false
	res, err := s.supervise(work, func(ctx context.Context) (res device.Result, err error) {
		if err := s.readQueue(ctx); err != nil {
			return res, err
		}
		if w.open == nil {
			if w.open, err = w.d.Open(w.dev); err != nil {
				w.open = nil
				return res, err
			}
		}
		if a, can := w.open.(device.Asker); can {
			res, found, err = s.ask(ctx, a)
		}
		return res, err
	})
	switch {
	case work.Err() != nil && err != nil: // the next start asks again
	case found && res.Evidence != job.Partial:
		if err == nil && s.converts() {
			res.Octets = job.Unknown
		} else if err == nil {
			s.plain()
			res.Octets = s.total()
		}
		s.end(work, res, err)
	default:
		w.uncertain(work, o)
	}
}

// uncertain ends a send of which nobody knows what became.
func (w *worker) uncertain(work context.Context, o Orphan) {
	var c job.Change
	err := w.d.persist(work, "end of a send", func(ctx context.Context) (err error) {
		c, err = w.d.settle(ctx, o)
		return err
	})
	if err != nil {
		if !fault.Is(err, fault.Conflict) {
			w.d.Log.Error("dispatch: the end of a delivery could not be written", "job", o.Job.ID, "error", err)
		}
		return
	}
	w.d.settled(o, c)
}
