package intake

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/job"
	"platen/site"
	"platen/spool"
)

// fakeStore keeps everything in memory.
type fakeStore struct {
	mu       sync.Mutex
	users    []directory.User
	queues   []site.Queue
	settings site.Settings
	jobs     []job.Job
	history  map[int64][]job.Entry
	counts   map[string]job.Count
	summed   int // how often all octets were asked for

	broken   error                // every question fails with it
	addError func(*job.Job) error // before the job is added
}

var (
	_ Store      = (*fakeStore)(nil)
	_ CountStore = (*fakeStore)(nil)
)

func notFound() error { return &fault.Error{Op: "fake", Kind: fault.NotFound, Text: "It is not here."} }

func (f *fakeStore) User(_ context.Context, id string) (directory.User, error) {
	for _, u := range f.users {
		if u.ID == id {
			return u, nil
		}
	}
	return directory.User{}, notFound()
}

func (f *fakeStore) UsersByName(_ context.Context, name string) (list []directory.User, err error) {
	for _, u := range f.users {
		if u.Login == name || u.UPN == name || slices.Contains(u.Aliases, name) {
			list = append(list, u)
		}
	}
	return list, f.broken
}

func (f *fakeStore) UsersByPrefix(_ context.Context, prefix string, limit int) (list []directory.User, err error) {
	for _, u := range f.users {
		if strings.HasPrefix(u.Login, prefix) && len(list) < limit {
			list = append(list, u)
		}
	}
	return list, f.broken
}

func (f *fakeStore) QueueByName(_ context.Context, name string) (site.Queue, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, q := range f.queues {
		if site.FoldName(q.Name) == site.FoldName(name) {
			return q, nil
		}
	}
	return site.Queue{}, cmp.Or(f.broken, notFound())
}

func (f *fakeStore) Settings(context.Context) (site.Settings, error) { return f.settings, f.broken }

func (f *fakeStore) Usage(_ context.Context, owner string) (octets int64, jobs int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.usage(owner)
}

func (f *fakeStore) usage(owner string) (octets int64, jobs int, err error) {
	for _, j := range f.jobs {
		if j.Owner == owner && !j.State.Done() {
			octets, jobs = octets+j.Octets, jobs+1
		}
	}
	return octets, jobs, f.broken
}

func (f *fakeStore) SpoolOctets(context.Context) (n int64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.summed++
	for _, j := range f.jobs {
		n += j.Octets
	}
	return n, f.broken
}

func (f *fakeStore) seenBefore(j *job.Job, since time.Time) (seen int64) {
	for _, other := range f.jobs {
		same := len(other.Documents) >= len(j.Documents) && other.Owner == j.Owner && !j.Unclaimed() && !other.Created.Before(since)
		for _, d := range j.Documents {
			same = same && slices.ContainsFunc(other.Documents, func(o job.Document) bool { return bytes.Equal(d.Digest, o.Digest) && d.Octets == o.Octets })
		}
		if same {
			seen = other.ID
		}
	}
	return seen
}

func (f *fakeStore) NextJobID(context.Context) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return int64(len(f.jobs) + 1), f.broken
}

func (f *fakeStore) AdmitJob(ctx context.Context, j *job.Job, how job.Admission) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	octets, jobs, err := f.usage(j.Owner)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if f.addError != nil {
		if err := f.addError(j); err != nil {
			return err
		}
	}
	for _, other := range f.jobs {
		if other.UUID == j.UUID {
			return &fault.Error{Op: "fake", Kind: fault.Conflict}
		}
	}
	j.Seen = f.seenBefore(j, how.Since)
	h, err := how.Admit(j, octets, jobs)
	if err != nil {
		return err
	}
	if j.ID == 0 {
		j.ID = int64(len(f.jobs) + 1)
	}
	f.jobs = append(f.jobs, *j)
	f.history[j.ID] = h
	return nil
}

func (f *fakeStore) JobByUUID(_ context.Context, uuid string) (job.Job, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, j := range f.jobs {
		if j.UUID == uuid {
			return j, nil
		}
	}
	return job.Job{}, cmp.Or(f.broken, notFound())
}

func (f *fakeStore) Job(_ context.Context, id int64) (job.Job, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if id < 1 || id > int64(len(f.jobs)) {
		return job.Job{}, notFound()
	}
	return f.jobs[id-1], nil
}

func (f *fakeStore) QueueLines(_ context.Context, queueID string, client netip.Addr) (lines []job.Line, waiting int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, j := range f.jobs {
		if j.Queue != queueID || j.State.Done() {
			continue
		}
		waiting++
		if j.Origin.Client == client {
			lines = append(lines, job.Line{ID: j.ID, State: j.State, Claimed: j.Ticket.Claimed, Octets: j.Octets, Created: j.Created})
		}
	}
	return lines, waiting, f.broken
}

func (f *fakeStore) CancelJobByClient(_ context.Context, id int64, _ string, _ netip.Addr, _ time.Time, h job.Entry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.addError != nil {
		return f.addError(nil)
	}
	f.jobs[id-1].State = job.Canceled
	f.history[id] = append(f.history[id], h)
	return nil
}

func (f *fakeStore) Uncounted(_ context.Context, limit int) (list []job.StoredFile, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, j := range slices.Backward(f.jobs) {
		for _, d := range j.Documents {
			if _, counted := f.counts[d.File]; !counted && d.Count.Method == "" && d.Count.Why == "" && len(list) < limit {
				list = append(list, job.StoredFile{File: d.File, Job: j.ID, UUID: j.UUID})
			}
		}
	}
	return list, f.broken
}

func (f *fakeStore) SetCount(_ context.Context, file string, c job.Count) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[file] = c
	return nil
}

// all returns the jobs that were recorded.
func (f *fakeStore) all() []job.Job {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.jobs)
}

// counted returns what was stored of pages, by file.
func (f *fakeStore) counted() map[string]job.Count {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.counts)
}

// breakDown makes every question fail.
func (f *fakeStore) breakDown(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken = err
}

// someTime is when the tests begin.
var someTime = time.Date(2026, 3, 6, 15, 0, 0, 0, time.UTC)

var (
	someClient  = netip.MustParseAddr("10.0.0.7")
	otherClient = netip.MustParseAddr("10.0.0.8")
)

// node is an intake on a real spool and a store in memory.
type node struct {
	*Intake
	t     testing.TB
	store *fakeStore
	now   time.Time
	log   *bytes.Buffer
	free  func() (octets, inodes uint64, err error)

	mu       sync.Mutex
	released []string
	counted  []int64
	accepted []job.Job
}

func newNode(t testing.TB) *node {
	t.Helper()
	keys, err := spool.CreateKeys(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, now: someTime, log: &bytes.Buffer{}, free: func() (uint64, uint64, error) { return 1 << 40, 1 << 20, nil }}
	now := func() time.Time { return n.now }
	log := slog.New(slog.NewTextHandler(&locked{w: n.log}, nil))
	n.store = &fakeStore{
		users: []directory.User{
			{ID: "u-anna", Login: "anna", Enabled: true}, {ID: "u-ben", Login: "ben", Enabled: true},
			{ID: "u-erp", Login: "erp", Enabled: true}, {ID: "u-gone", Login: "gone"},
		},
		queues: []site.Queue{
			{ID: "q-secure", Name: "secure", Mode: site.Hold, Priority: 50, HoldFor: 96 * time.Hour, AcceptJobs: true, Encoding: "ibm850"},
			{ID: "q-labels", Name: "Labels", Mode: site.Passthrough, Device: "d-zebra", DeviceName: "Zebra", Priority: 80, AcceptJobs: true},
			{ID: "q-staff", Name: "staff", Mode: site.Hold, Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/29")}, AllowRemove: true, AcceptJobs: true},
			{ID: "q-closed", Name: "closed", Mode: site.Hold, Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/29")}},
			{ID: "q-bare", Name: "bare", Mode: site.Passthrough, AcceptJobs: true},
			{ID: "q-small", Name: "small", Mode: site.Hold, MaxOctets: 100, AcceptJobs: true},
			{ID: "q-sap", Name: "sap", Mode: site.Hold, OwnerPattern: `^sap-(\w+)$`, AcceptJobs: true},
			{ID: "q-bad", Name: "bad", Mode: site.Hold, OwnerPattern: `(`, AcceptJobs: true},
		},
		settings: site.DefaultSettings(),
		history:  map[int64][]job.Entry{},
		counts:   map[string]job.Count{},
	}
	n.Intake = &Intake{
		Tenant: "one", Store: n.store, Now: now, Log: log,
		Spool:    &spool.Spool{Dir: filepath.Join(t.TempDir(), "spool"), Keys: keys, Log: log, Now: now},
		Free:     func() (uint64, uint64, error) { return n.free() },
		Released: func(device string) { n.mu.Lock(); defer n.mu.Unlock(); n.released = append(n.released, device) },
		Counted:  func(id int64) { n.mu.Lock(); defer n.mu.Unlock(); n.counted = append(n.counted, id) },
		Accepted: func(j job.Job) { n.mu.Lock(); defer n.mu.Unlock(); n.accepted = append(n.accepted, j) },
	}
	return n
}

// locked makes a log that several goroutines write to.
type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func from(queue string) job.Origin { return job.Origin{Door: "lpd", Queue: queue, Client: someClient} }

// send brings a job of these documents in.
func (n *node) send(queue, claimed string, docs ...string) (job.Job, error) {
	n.t.Helper()
	return n.sendAs(from(queue), job.Ticket{Title: canary, Claimed: claimed}, docs...)
}

// canary is a title; it may not be seen where titles are not.
const canary = "Canary 4711"

func (n *node) sendAs(o job.Origin, t job.Ticket, docs ...string) (job.Job, error) {
	n.t.Helper()
	a, err := n.Open(n.t.Context(), o)
	if err != nil {
		return job.Job{}, err
	}
	defer a.Abandon()
	var order []job.Piece
	for _, d := range docs {
		number, err := a.Document(n.t.Context(), canary, strings.NewReader(d))
		if err != nil {
			return job.Job{}, err
		}
		order = append(order, job.Piece{Number: number, Name: canary, Copies: 1})
	}
	return a.Submit(n.t.Context(), t, order)
}

// mustSend is send where nothing may go wrong.
func (n *node) mustSend(queue, claimed string, docs ...string) job.Job {
	n.t.Helper()
	j, err := n.send(queue, claimed, docs...)
	if err != nil {
		n.t.Fatal(err)
	}
	return j
}

// files counts the documents in the spool.
func (n *node) files() int {
	n.t.Helper()
	names, err := n.Spool.Files()
	if err != nil {
		n.t.Fatal(err)
	}
	return len(names)
}

// empty checks that nothing of a refused job is left.
func (n *node) empty() {
	n.t.Helper()
	if files, rows, arriving := n.files(), len(n.store.all()), n.arriving.Load(); files != 0 || rows != 0 || arriving != 0 {
		n.t.Errorf("%d files, %d jobs, %d octets are left", files, rows, arriving)
	}
}

// read returns a stored document.
func (n *node) read(d job.Document) string {
	n.t.Helper()
	r, err := n.Spool.Reader("one", d)
	if err != nil {
		n.t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		n.t.Fatal(err)
	}
	return string(b)
}

// write makes a file.
func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
