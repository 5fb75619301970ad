package dispatch_test

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"platen/accounting"
	"platen/device"
	"platen/dispatch"
	"platen/fault"
	"platen/internal/testkit/devicetest"
	"platen/job"
	"platen/site"
)

// rows is a Store in memory.
type rows struct {
	mu      sync.Mutex
	devices map[string]site.Device
	queues  map[string]site.Queue
	jobs    map[int64]*entry
	ledger  []accounting.Row
	seen    map[string]site.Condition
	broken  error // every write fails with it
	claims  int
}

type entry struct {
	job     job.Job
	history []job.Entry
	boot    string
	send    string // open
	began   time.Time
	cancel  bool
}

func conflict(why string) error { return &fault.Error{Op: "rows", Kind: fault.Conflict, Text: why} }
func notFound() error           { return &fault.Error{Op: "rows", Kind: fault.NotFound} }

func (r *rows) Devices(context.Context) ([]site.Device, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []site.Device
	for _, d := range r.devices {
		all = append(all, d)
	}
	return all, nil
}

func (r *rows) Device(_ context.Context, id string) (site.Device, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d, ok := r.devices[id]
	if !ok {
		return d, notFound()
	}
	return d, nil
}

func (r *rows) Queue(_ context.Context, id string) (site.Queue, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q, ok := r.queues[id]
	if !ok {
		return q, notFound()
	}
	return q, nil
}

func (r *rows) Waiting(_ context.Context, now time.Time) ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var ids []string
	for _, e := range r.jobs {
		if e.job.State == job.Pending && !e.job.NotBefore.After(now) {
			ids = append(ids, e.job.Device)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

func (r *rows) Claim(_ context.Context, dev, boot string, now time.Time) (job.Job, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken != nil {
		return job.Job{}, r.broken
	}
	var best *entry
	for _, e := range r.jobs {
		if e.job.State != job.Pending || e.job.Device != dev || e.job.NotBefore.After(now) {
			continue
		}
		if best == nil || cmp.Or(cmp.Compare(best.job.Priority, e.job.Priority), e.job.Released.Compare(best.job.Released), cmp.Compare(e.job.ID, best.job.ID)) < 0 {
			best = e
		}
	}
	if best == nil {
		return job.Job{}, notFound()
	}
	r.claims++
	best.job.State, best.job.Reasons, best.boot, best.cancel = job.Processing, []job.Reason{job.Outgoing}, boot, false
	best.job.Fence++
	return best.job, nil
}

func (r *rows) mine(j job.Job) (*entry, error) {
	e := r.jobs[j.ID]
	if r.broken != nil {
		return nil, r.broken
	}
	if e == nil || e.job.State != job.Processing || e.job.Fence != j.Fence {
		return nil, conflict("not yours")
	}
	return e, nil
}

func (r *rows) Intend(_ context.Context, j job.Job, send string, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, err := r.mine(j)
	if err != nil {
		return err
	}
	if e.send != "" || e.cancel {
		return conflict("canceled, or begun")
	}
	e.send, e.began = send, now
	return nil
}

func (r *rows) GiveUp(_ context.Context, j job.Job, c job.Change, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, err := r.mine(j)
	if err != nil {
		return err
	}
	if e.send != "" {
		return conflict("a send is open")
	}
	e.apply(c, now)
	return nil
}

func (r *rows) EndSend(_ context.Context, j job.Job, row accounting.Row, c job.Change, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, err := r.mine(j)
	if err != nil {
		return err
	}
	if e.send != row.ID {
		return conflict("another send")
	}
	e.send = ""
	e.apply(c, now)
	r.ledger = append(r.ledger, row)
	return nil
}

func (e *entry) apply(c job.Change, now time.Time) {
	if !e.job.State.CanBecome(c.State) {
		panic("impossible: " + e.job.State.String() + " to " + c.State.String())
	}
	j := &e.job
	j.State, j.Reasons, j.Message, j.Device, j.NotBefore, j.Attempts = c.State, c.Reasons, c.Message, c.Device, c.NotBefore, c.Attempts
	if !c.ExpiresAt.IsZero() {
		j.ExpiresAt = c.ExpiresAt
	}
	if c.Crashed {
		j.Crashes++
	}
	if c.State == job.Held {
		j.Device, j.Released, j.Options = "", time.Time{}, job.Options{}
	}
	if c.State.Done() {
		j.Completed = now
	}
	e.history = append(e.history, c.History...)
}

func (r *rows) AddHistory(_ context.Context, id int64, h ...job.Entry) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.jobs[id].history = append(r.jobs[id].history, h...)
	return nil
}

func (r *rows) CancelAsked(_ context.Context, id int64) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.jobs[id] != nil && r.jobs[id].cancel, nil
}

func (r *rows) SetCondition(_ context.Context, id string, c site.Condition) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen[id] = c
	return nil
}

func (r *rows) Orphans(_ context.Context, boot string) ([]dispatch.Orphan, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []dispatch.Orphan
	for _, e := range r.jobs {
		if e.job.State == job.Processing && e.boot != boot {
			all = append(all, dispatch.Orphan{Job: e.job, Send: e.send, Began: e.began, CancelAsked: e.cancel})
		}
	}
	return all, nil
}

func (r *rows) job(id int64) job.Job {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.jobs[id].job
}

func (r *rows) texts(id int64) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, h := range r.jobs[id].history {
		all = append(all, h.Text)
	}
	return all
}

func (r *rows) rowsOf(id int64) []accounting.Row {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.ledger), func(row accounting.Row) bool { return row.JobID != id })
}

func (r *rows) condition(id string) site.Condition {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen[id]
}

func (r *rows) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

// papers are the documents.
type papers struct {
	mu    sync.Mutex
	files map[string][]byte
	bad   map[string]error // what Authenticate says
	reads int
}

func (p *papers) Authenticate(_ context.Context, tenant string, d job.Document) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if tenant != "t" || p.files[d.File] == nil {
		return notFound()
	}
	return p.bad[d.File]
}

func (p *papers) Reader(_ string, d job.Document) (io.ReadCloser, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reads++
	return io.NopCloser(bytes.NewReader(p.files[d.File])), nil
}

// house is a dispatcher and everything around it.
type house struct {
	*dispatch.Dispatcher
	rows    *rows
	papers  *papers
	devices map[string]*devicetest.Fake // by device id
	next    int64
	cancel  context.CancelFunc
	done    chan struct{}
}

// newHouse has the devices named and the queues "hold" and "pass". It is used
// inside a synctest bubble.
func newHouse(t *testing.T, ids ...string) *house {
	h := &house{
		rows: &rows{
			devices: map[string]site.Device{}, jobs: map[int64]*entry{}, seen: map[string]site.Condition{},
			queues: map[string]site.Queue{
				"hold": {ID: "hold", Name: "secure", Mode: site.Hold, KeepFor: 2 * time.Hour},
				"pass": {ID: "pass", Name: "direct", Mode: site.Passthrough, KeepFor: 2 * time.Hour},
				"conf": {ID: "conf", Name: "hr", Mode: site.Hold, KeepFor: 2 * time.Hour, Confidential: true},
			},
		},
		papers:  &papers{files: map[string][]byte{}, bad: map[string]error{}},
		devices: map[string]*devicetest.Fake{},
	}
	for _, id := range ids {
		h.addDevice(id, "socket://"+id)
	}
	h.Dispatcher = &dispatch.Dispatcher{
		Store: h.rows, Documents: h.papers, Tenant: "t", Boot: "now", Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Open: func(d site.Device) (device.Device, error) { return h.devices[d.ID], nil },
	}
	return h
}

func (h *house) addDevice(id, uri string) *devicetest.Fake {
	h.rows.mu.Lock()
	defer h.rows.mu.Unlock()
	h.rows.devices[id] = site.Device{ID: id, Name: "MFD " + id, URI: uri, Enabled: true}
	h.devices[id] = &devicetest.Fake{}
	return h.devices[id]
}

// start serves until stop.
func (h *house) start(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	h.cancel, h.done = cancel, make(chan struct{})
	go func() {
		defer close(h.done)
		if err := h.Serve(ctx); err != nil {
			t.Errorf("Serve: %v", err)
		}
	}()
}

func (h *house) stop() {
	h.cancel()
	<-h.done
}

// add puts a job at a device.
func (h *house) add(queue, dev string, size int, change ...func(*job.Job)) int64 {
	h.rows.mu.Lock()
	defer h.rows.mu.Unlock()
	h.next++
	id := h.next
	uuid := job.NewUUID()
	h.papers.mu.Lock()
	h.papers.files[uuid] = devicetest.Bytes(uint64(id), size)
	h.papers.mu.Unlock()
	j := job.Job{
		ID: id, UUID: uuid, State: job.Pending, Queue: queue, QueueName: queue, Owner: "u1", OwnerName: "anna", Device: dev, DeviceName: "MFD " + dev,
		Ticket: job.Ticket{Title: "Quarterly report"}, Priority: 50, Released: time.Now(), Created: time.Now(),
		Documents: []job.Document{{Number: 1, Name: "report", Octets: int64(size), Language: "pdf", Copies: 1, File: uuid, Count: job.NoCount("")}},
		Octets:    int64(size),
	}
	for _, f := range change {
		f(&j)
	}
	h.rows.jobs[id] = &entry{job: j}
	return id
}

// release adds a job and says so.
func (h *house) release(queue, dev string, size int, change ...func(*job.Job)) int64 {
	id := h.add(queue, dev, size, change...)
	h.Wake(dev)
	return id
}
