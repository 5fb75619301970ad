package dispatch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"platen/device"
	"platen/fault"
	"platen/internal/failpoint"
	"platen/job"
	"platen/site"
)

// Why a delivery was stopped by us.
var (
	errCanceled = errors.New("its cancel was asked for")
	errStopping = fmt.Errorf("the node is stopping: %w", device.ErrLeave)
)

// ourError is a failure of this node, of which no device knows.
type ourError struct{ err error }

func (e *ourError) Error() string { return e.err.Error() }
func (e *ourError) Unwrap() error { return e.err }

// send is one claimed job in the hands of a worker, whether or not a send of
// it begins.
type send struct {
	w     *worker
	job   job.Job
	queue site.Queue
	dev   site.Device

	id       string // of the send
	tried    bool   // to intend it
	intended bool
	crashed  bool          // by another run of the node, which died
	began    time.Time     // when it was intended
	late     bool          // its cancel was asked for when everything had gone
	look     chan struct{} // its cancel may have been asked for
	docs     []device.Doc  // as they are delivered; nil before that is known
	again    bool          // it waits for another attempt here

	moved   atomic.Int64 // UnixNano of the last octet
	octets  atomic.Int64
	sent    atomic.Bool // everything that goes has gone: it prints
	noticed atomic.Bool // the device says itself how it is
}

// How often a delivery under way is looked after, and after which time without
// an octet people are told.
const (
	lookAfter  = time.Second
	stallAfter = 30 * time.Second
)

// deliver sees one claimed job to its end.
func (w *worker) deliver(work context.Context, j job.Job) {
	s := &send{w: w, job: j, dev: w.dev, id: job.NewUUID(), look: make(chan struct{}, 1)}
	res, err := s.supervise(work, s.run)
	if s.stays(res, err) {
		w.d.Log.Info("dispatch: the node goes and the job stays at its device", "job", j.ID, "device", w.id, "send", s.id)
		return
	}
	s.end(work, res, err)
	if !s.again {
		w.drop()
	}
}

// supervise looks after a send while it runs, and says why it was stopped.
func (s *send) supervise(work context.Context, run func(context.Context) (device.Result, error)) (device.Result, error) {
	w := s.w
	w.d.began(s)
	defer w.d.over(s)
	ctx, stop := context.WithCancelCause(work)
	defer stop(nil)
	var after sync.WaitGroup
	ended := make(chan struct{})
	after.Go(func() { s.lookAfter(ctx, stop, ended) })

	res, err := run(ctx)
	close(ended)
	after.Wait()
	w.probed = w.d.Now()
	cause := context.Cause(ctx)
	s.late = err == nil && errors.Is(cause, errCanceled)
	if err != nil && cause != nil {
		err = cause
	}
	return res, err
}

// run verifies and delivers. A result with NoneAccepted says that nothing
// happened, however far it came.
func (s *send) run(ctx context.Context) (device.Result, error) {
	d := s.w.d
	none := device.Result{Impressions: job.Unknown, Sheets: job.Unknown}
	if err := s.readQueue(ctx); err != nil {
		return none, err
	}
	for _, doc := range s.job.Documents {
		if err := d.Documents.Authenticate(ctx, d.Tenant, doc); err != nil {
			if fault.Is(err, fault.Invalid) || fault.Is(err, fault.NotFound) {
				return none, device.SourceError(err)
			}
			return none, &ourError{err}
		}
	}
	if len(s.job.Documents) == 0 {
		return none, device.SourceError(errors.New("the job has no document"))
	}
	failpoint.Hit("dispatch.verified")
	if err := s.convert(ctx); err != nil {
		return none, err
	}
	res, err := s.w.open.Deliver(ctx, s.delivery(ctx))
	res, err = s.asked(ctx, res, err)
	failpoint.Hit("dispatch.before-end")
	return res, err
}

func (s *send) readQueue(ctx context.Context) error {
	q, err := s.w.d.Store.Queue(ctx, s.job.Queue)
	if err != nil && !fault.Is(err, fault.NotFound) { // a queue may go while its jobs wait
		return &ourError{err}
	}
	s.queue = q
	return nil
}

// delivery is the job as a device is told of it. Of a confidential one it
// learns no title.
func (s *send) delivery(ctx context.Context) device.Delivery {
	user := s.job.OwnerName
	if user == "" {
		user = s.job.Ticket.Claimed
	}
	del := device.Delivery{
		UUID: s.job.UUID, JobID: s.job.ID, Title: s.job.Ticket.Title, User: user, Queue: s.job.QueueName, Options: s.job.Options,
		Ticket: s.job.Ticket, Send: s.id,
		Go:        func() error { return s.intend(ctx) },
		Progress:  s.progress,
		Sent:      func() { s.sent.Store(true) },
		Notice:    func(c site.Condition) { s.noticed.Store(c.Text != ""); s.w.see(c) },
		Documents: s.docs,
	}
	if s.job.Options.Mono {
		del.Ticket.Colour = "monochrome" // print-color-mode
	}
	if s.queue.Confidential {
		del.Title, del.Ticket.Title = "", ""
	}
	return del
}

// intend makes the send durable, at the last moment at which nothing has
// happened.
func (s *send) intend(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	now := s.w.d.Now()
	// Whether it is there or not must be known afterwards: it is not to be cut
	// short by a cancel.
	sure, done := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer done()
	s.tried = true
	if err := s.w.d.Store.Intend(sure, s.job, s.id, now); err != nil {
		return &ourError{err}
	}
	s.intended, s.began = true, now
	s.moved.Store(now.UnixNano())
	s.w.see(site.Condition{State: "processing", Seen: now})
	failpoint.Hit("dispatch.intended")
	return nil
}

func (s *send) progress(octets int64) {
	d := s.w.d
	before := s.octets.Swap(octets)
	s.moved.Store(d.Now().UnixNano())
	if before == 0 && d.FirstOctet != nil && !s.job.Released.IsZero() {
		d.FirstOctet(s.dev, d.Now().Sub(s.job.Released))
	}
	if d.Octets != nil && octets > before {
		d.Octets(s.dev, octets-before)
	}
}

// lookAfter stops the delivery when its cancel was asked for, and tells people
// when it does not move: nothing else is done about that.
func (s *send) lookAfter(ctx context.Context, stop context.CancelCauseFunc, ended <-chan struct{}) {
	tick := time.NewTicker(lookAfter)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return
		case <-ctx.Done():
			return
		case <-s.look:
		case <-tick.C:
			s.tellStall()
		}
		if asked, err := s.w.d.Store.CancelAsked(ctx, s.job.ID); err == nil && asked {
			stop(errCanceled)
			return
		}
	}
}

// total is how many octets go out when all goes well.
func (s *send) total() (n int64) {
	for _, doc := range s.docs {
		copies := max(doc.Copies, 1)
		if s.job.Options.Copies > 0 {
			copies = s.job.Options.Copies
		}
		n += doc.Octets * int64(copies)
	}
	return n
}

func (s *send) tellStall() {
	moved := s.moved.Load()
	if moved == 0 || s.noticed.Load() || s.sent.Load() || s.octets.Load() >= s.total() { // all gone: it prints
		return
	}
	text := ""
	if s.w.d.Now().Sub(time.Unix(0, moved)) >= stallAfter {
		text = "The device takes no more data; it may be out of paper or jammed."
	}
	s.w.see(site.Condition{State: "processing", Text: text})
}
