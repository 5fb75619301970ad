package dispatch

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"platen/accounting"
	"platen/device"
	"platen/fault"
	"platen/job"
	"platen/site"
)

// Documents are where the octets are. *spool.Spool is one, and *spool.Ahead.
type Documents interface {
	// Authenticate makes sure of the whole document to its last octet, now or, read
	// ahead, a moment ago: Invalid when it is damaged, NotFound when it is missing.
	Authenticate(ctx context.Context, tenant string, d job.Document) error
	// Reader returns the plain document; what it returns is authentic.
	Reader(tenant string, d job.Document) (io.ReadCloser, error)
}

// Dispatcher delivers the released jobs of one tenant. All fields are set
// before Serve.
type Dispatcher struct {
	Store     Store
	Documents Documents
	Converter Converter // nil: devices get every document as it came
	Tenant    string
	Boot      string                                   // of this run of the node: a new UUID at every start
	Open      func(site.Device) (device.Device, error) // device.New with the node's settings
	Now       func() time.Time
	Log       *slog.Logger

	Poll      time.Duration // between two looks at the rows, in case a hint was lost; 3 s when 0
	Probe     time.Duration // between two looks at an idle device; 60 s when 0
	HoldAfter time.Duration // a released job that no attempt could deliver is held again after it; site.DefaultRecallAfter when 0
	Grace     time.Duration // what is left of a delivery once ctx has ended

	// Hooks for metrics and for whoever waits; nil ones are skipped. They
	// return at once.
	FirstOctet func(dev site.Device, sinceRelease time.Duration)
	Octets     func(dev site.Device, n int64)                                           // handed over since the last call
	SendEnded  func(dev site.Device, outcome accounting.Outcome, evidence job.Evidence) // one call per ledger row
	JobEnded   func(jobID int64, state job.State)                                       // it left the hands of its worker

	settings atomic.Int64 // how often they may have changed

	mu      sync.Mutex
	workers map[string]*worker
	sending map[int64]*send
	orphans map[string][]Orphan // by device: sends of other runs of the node that it is to be asked about
	reload  chan struct{}
	locks   locks
	seen    conditions
}

func (d *Dispatcher) prepare() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range []struct {
		field *time.Duration
		value time.Duration
	}{{&d.Poll, 3 * time.Second}, {&d.Probe, time.Minute}, {&d.HoldAfter, site.DefaultRecallAfter}} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	if d.workers == nil {
		d.workers, d.sending, d.orphans = map[string]*worker{}, map[int64]*send{}, map[string][]Orphan{}
	}
	if d.reload == nil {
		d.reload = make(chan struct{}, 1)
	}
}

// Serve first settles what a crash left behind, then delivers until ctx ends.
// Deliveries under way may finish within Grace; what is then still not over is
// interrupted, and uncertain.
func (d *Dispatcher) Serve(ctx context.Context) error {
	d.prepare()
	if err := d.Recover(ctx); err != nil {
		return err
	}
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(errStopping)
	defer context.AfterFunc(ctx, func() { time.AfterFunc(d.Grace, func() { stop(errStopping) }) })()
	var all sync.WaitGroup
	defer all.Wait()
	ended := make(chan struct{}) // the last words of the workers are written too
	defer close(ended)
	all.Go(func() { d.seen.serve(work, d, ended) })

	var workers sync.WaitGroup
	defer workers.Wait()
	tick := time.NewTicker(d.Poll)
	defer tick.Stop()
	for {
		if err := d.look(ctx, work, &workers); err != nil && ctx.Err() == nil {
			d.Log.Warn("dispatch: cannot see what waits", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-d.reload:
		}
	}
}

// look gives every device its worker and wakes those for whom something
// waits.
func (d *Dispatcher) look(ctx, work context.Context, all *sync.WaitGroup) error {
	devices, err := d.Store.Devices(ctx)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, dev := range devices {
		there[dev.ID] = true
		d.hire(ctx, work, all, dev)
	}
	d.dismiss(there)
	waiting, err := d.Store.Waiting(ctx, d.Now())
	if err != nil {
		return err
	}
	for _, id := range waiting {
		if w := d.worker(id); w != nil {
			w.nudge(w.look)
		}
	}
	return nil
}

func (d *Dispatcher) hire(ctx, work context.Context, all *sync.WaitGroup, dev site.Device) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.workers[dev.ID] != nil {
		return
	}
	mine, leave := context.WithCancel(ctx)
	w := newWorker(d, dev, leave)
	d.workers[dev.ID] = w
	all.Go(func() { w.serve(mine, work) })
}

// dismiss lets the workers of devices go that are no longer there.
func (d *Dispatcher) dismiss(there map[string]bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, w := range d.workers {
		if !there[id] {
			w.leave()
			delete(d.workers, id)
			d.seen.forget(id)
		}
	}
}

func (d *Dispatcher) worker(id string) *worker {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.workers[id]
}

// Wake says that a job was released at a device. It is a hint: the rows are
// looked at anyway, a little later.
func (d *Dispatcher) Wake(deviceID string) {
	if w := d.worker(deviceID); w != nil {
		w.nudge(w.wake)
		return
	}
	d.Reload()
}

// Reload says that devices, or the settings they are opened with, were changed.
func (d *Dispatcher) Reload() {
	d.prepare()
	d.settings.Add(1)
	select {
	case d.reload <- struct{}{}:
	default:
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, w := range d.workers {
		w.nudge(w.look)
	}
}

// Cancel says that the cancel of a job was asked for. It is a hint: the row is
// the truth, and is looked at anyway, a little later.
func (d *Dispatcher) Cancel(jobID int64) {
	d.mu.Lock()
	s := d.sending[jobID]
	d.mu.Unlock()
	if s != nil {
		select {
		case s.look <- struct{}{}:
		default:
		}
	}
}

func (d *Dispatcher) began(s *send) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sending[s.job.ID] = s
}

func (d *Dispatcher) over(s *send) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.sending, s.job.ID)
}

// storeTime is how long one step at the store may take.
const storeTime = 30 * time.Second

// persist repeats a step at the store until it is done or in conflict, or the
// node stops: what a device did cannot be done again, so it has to be written.
func (d *Dispatcher) persist(work context.Context, what string, step func(context.Context) error) error {
	for pause := time.Second; ; pause = min(2*pause, 10*time.Second) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(work), storeTime)
		err := step(ctx)
		cancel()
		if err == nil || fault.Is(err, fault.Conflict) || fault.Is(err, fault.NotFound) {
			return err
		}
		if work.Err() != nil { // the next start settles it
			return err
		}
		d.Log.Error("dispatch: a step could not be written and is tried again", "step", what, "error", err)
		select {
		case <-work.Done():
		case <-time.After(pause):
		}
	}
}
