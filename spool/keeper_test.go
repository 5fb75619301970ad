package spool

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"platen/fault"
	"platen/internal/fsys"
	"platen/job"
)

// fakeStore is one tenant's rows, as KeeperStore describes them.
type fakeStore struct {
	mu      sync.Mutex // held in every method
	jobs    map[int64]*job.Job
	history map[int64][]job.Entry
	fails   map[string]error // by method
	asked   map[string]int
	titles  time.Time // last ForgetTitles
	forgot  time.Time // last ForgetJobs
}

func newFakeStore() *fakeStore {
	return &fakeStore{jobs: map[int64]*job.Job{}, history: map[int64][]job.Entry{}, fails: map[string]error{}, asked: map[string]int{}}
}

// do looks at the rows, or changes them, while a keeper is at work.
func (f *fakeStore) do(what func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	what()
}

func (f *fakeStore) call(method string) error { f.asked[method]++; return f.fails[method] }

// add makes a row for documents that are in the spool.
func (f *fakeStore) add(uuid string, state job.State, docs ...job.Document) *job.Job {
	j := &job.Job{
		ID: int64(len(f.jobs) + 1), UUID: uuid, State: state, Documents: slices.Clone(docs),
		Created: someTime, ExpiresAt: someTime.Add(96 * time.Hour),
	}
	if state.Done() {
		j.Completed = someTime
		j.ExpiresAt = someTime.Add(2 * time.Hour)
	}
	f.jobs[j.ID] = j
	return j
}

func (f *fakeStore) SpoolFiles(context.Context) (files []job.StoredFile, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, j := range f.jobs {
		files = append(files, stored1(j)...)
	}
	return files, f.call("SpoolFiles")
}

func stored1(j *job.Job) (files []job.StoredFile) {
	for _, d := range j.Documents {
		if d.File != "" {
			files = append(files, job.StoredFile{File: d.File, Job: j.ID, UUID: j.UUID, State: j.State, Octets: d.Octets})
		}
	}
	return files
}

func (f *fakeStore) RestoreJob(_ context.Context, j *job.Job, h []job.Entry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, have := range f.jobs {
		if have.UUID == j.UUID {
			return &fault.Error{Op: "fake", Kind: fault.Conflict}
		}
	}
	if j.ID == 0 {
		j.ID = int64(len(f.jobs) + 1)
	}
	f.jobs[j.ID], f.history[j.ID] = j, h
	return f.call("RestoreJob")
}

func (f *fakeStore) AbortJob(_ context.Context, id int64, reasons []job.Reason, message string, h job.Entry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	j := f.jobs[id]
	if j.State.Done() || j.State == job.Processing {
		return &fault.Error{Op: "fake", Kind: fault.Conflict}
	}
	if err := f.call("AbortJob"); err != nil {
		return err
	}
	j.State, j.Reasons, j.Message = job.Aborted, reasons, message
	f.history[id] = append(f.history[id], h)
	return nil
}

func (f *fakeStore) DueJobs(_ context.Context, now time.Time, limit int) (expired []int64, erasable []job.StoredFile, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id := int64(1); id <= int64(len(f.jobs)); id++ {
		j, ok := f.jobs[id]
		if !ok {
			continue
		}
		due := !j.ExpiresAt.IsZero() && !j.ExpiresAt.After(now)
		switch {
		case j.State == job.Held && due && len(expired) < limit:
			expired = append(expired, id)
		case j.State == job.Canceled, j.State == job.Aborted, j.State == job.Completed && (due || !j.ExpiresAt.After(j.Completed)):
			for _, file := range stored1(j) {
				if len(erasable) < limit {
					erasable = append(erasable, file)
				}
			}
		}
	}
	return expired, erasable, f.call("DueJobs")
}

func (f *fakeStore) ExpireJob(_ context.Context, id int64, now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	j := f.jobs[id]
	if j.ExpiresAt.After(now) {
		return errors.New("not due")
	}
	if err := f.call("ExpireJob"); err != nil {
		return err
	}
	j.State, j.Reasons, j.Completed = job.Canceled, []job.Reason{job.CanceledAfterTimeout}, now
	return nil
}

func (f *fakeStore) FilesErased(_ context.Context, files []string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("FilesErased"); err != nil {
		return err
	}
	for _, j := range f.jobs {
		for i := range j.Documents {
			if slices.Contains(files, j.Documents[i].File) {
				j.Documents[i].File = ""
			}
		}
	}
	return nil
}

func (f *fakeStore) ForgetTitles(_ context.Context, before time.Time) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.titles = before
	return 1, f.call("ForgetTitles")
}

func (f *fakeStore) ForgetJobs(_ context.Context, before time.Time) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forgot = before
	return 1, f.call("ForgetJobs")
}

// house is a keeper with a spool, two tenants and a machine.
type house struct {
	*Keeper
	*machine
	stores map[string]*fakeStore
	log    *logged
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{
		machine: &machine{wall: someTime, up: time.Hour, boot: "first"},
		stores:  map[string]*fakeStore{"one": newFakeStore(), "two": newFakeStore()},
		log:     &logged{},
	}
	s := newSpool(t)
	s.Now = h.now
	h.Keeper = &Keeper{
		Spool:   s,
		Tenants: func(context.Context) ([]string, error) { return []string{"one", "two"}, nil },
		Store:   func(tenant string) KeeperStore { return h.stores[tenant] },
		Retention: func(context.Context, string) (time.Duration, time.Duration, error) {
			return 7 * 24 * time.Hour, 90 * 24 * time.Hour, nil
		},
		Restored: filepath.Join(t.TempDir(), "restored"),
		Now:      h.now, Up: h.running, Boot: h.boot,
		Log: slog.New(slog.NewTextHandler(h.log, nil)),
	}
	return h
}

func (h *house) settle(t *testing.T) Settled {
	t.Helper()
	found, err := h.Settle(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func (h *house) round(t *testing.T) {
	t.Helper()
	if err := h.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// held keeps a job of one document with its row.
func (h *house) held(t *testing.T, tenant string, plain string) *job.Job {
	t.Helper()
	uuid := job.NewUUID()
	return h.stores[tenant].add(uuid, job.Held, keep(t, h.Spool, tenant, uuid, []byte(plain))...)
}

func (h *house) aside(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(h.Spool.Dir, quarantineFolder))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func (h *house) touch(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestF20OrphansAreSettledBothWays(t *testing.T) {
	h := newHouse(t)
	h.settle(t)
	fine, lost, cut := h.held(t, "one", "fine"), h.held(t, "one", "lost"), h.held(t, "two", "cut")
	printing := h.held(t, "two", "printing")
	printing.State = job.Processing
	printed := h.held(t, "one", "printed")
	printed.State = job.Completed
	for _, j := range []*job.Job{lost, printing, printed} {
		if err := os.Remove(h.Spool.path(j.Documents[0].File)); err != nil {
			t.Fatal(err)
		}
	}
	whole := fileOf(t, h.Spool, cut.Documents[0])
	h.touch(t, h.Spool.path(cut.Documents[0].File), whole[:headerOctets+20])

	direct := keepPrinting(t, h.Spool, []byte("whole, no row"))
	again := keepOne(t, h.Spool, []byte("whole, held, no row"))
	half := receive(t, h.Spool, "one", job.NewUUID(), 1, []byte("half"))
	half.close()
	erased := keepOne(t, h.Spool, []byte("erased"))
	if err := h.Spool.destroyKey(h.Spool.path(erased.File)); err != nil {
		t.Fatal(err)
	}
	h.touch(t, h.Spool.path("letter.txt"), []byte("of a stranger"))

	want := Settled{Files: 7, Rows: 5, Swept: 2, Quarantined: 2, Restored: 1, Aborted: 2}
	if got := h.settle(t); got != want {
		t.Errorf("settled %+v, want %+v", got, want)
	}
	if fine.State != job.Held || printing.State != job.Processing || printed.State != job.Completed {
		t.Errorf("states %v %v %v", fine.State, printing.State, printed.State)
	}
	for tenant, j := range map[string]*job.Job{"one": lost, "two": cut} {
		entries := h.stores[tenant].history[j.ID]
		if j.State != job.Aborted || !j.Has(job.DocumentAccessError) || j.Message == "" || len(entries) != 1 || !entries[0].At.Equal(someTime) {
			t.Errorf("job %+v, history %v", j, entries)
		}
	}
	left, err := h.Spool.Files()
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(left)
	expect := []string{fine.Documents[0].File, cut.Documents[0].File, again.File}
	slices.Sort(expect)
	if !slices.Equal(left, expect) {
		t.Errorf("left %q, want %q", left, expect)
	}
	aside := h.aside(t)
	for _, file := range []string{direct.File, "letter.txt"} {
		if !slices.Contains(aside, "20260304T050607Z_"+file) {
			t.Errorf("%s is not among %q", file, aside)
		}
	}
	if found := grep(t, h.Spool.Dir, canary); len(found) > 0 || strings.Contains(h.log.String(), canary) {
		t.Error("a title is in the clear")
	}
	// A second start finds nothing more to do, and the next round tidies up.
	if got, want := h.settle(t), (Settled{Files: 3, Rows: 6}); got != want {
		t.Errorf("settled again %+v, want %+v", got, want)
	}
	h.round(t)
	if left, err := h.Spool.Files(); err != nil || len(left) != 2 {
		t.Errorf("left %q, %v", left, err)
	}
}

// F53: a start looks at names and lengths. What the files contain is verified
// when they are sent.
func TestF53SettleReadsNoDocumentThatHasARow(t *testing.T) {
	h := newHouse(t)
	h.settle(t)
	for i := range 50 {
		j := h.held(t, "one", fmt.Sprint("job ", i))
		path := h.Spool.path(j.Documents[0].File)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		h.touch(t, path, make([]byte, info.Size())) // as long as before, and nothing else
	}
	if got, want := h.settle(t), (Settled{Files: 50, Rows: 50}); got != want {
		t.Errorf("settled %+v, want %+v", got, want)
	}
}

func TestF20AFolderThatIsNotMountedAbortsNothing(t *testing.T) {
	h := newHouse(t)
	h.settle(t)
	j := h.held(t, "one", "x")
	away := h.Spool.Dir + ".away"
	if err := os.Rename(h.Spool.Dir, away); err != nil {
		t.Fatal(err)
	}
	h.Spool.made = false
	_, err := h.Settle(t.Context())
	if wantKind(t, err, fault.Unavailable); j.State != job.Held {
		t.Errorf("the job is %v", j.State)
	}
	if err := os.RemoveAll(h.Spool.Dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(away, h.Spool.Dir); err != nil {
		t.Fatal(err)
	}
	if got, want := h.settle(t), (Settled{Files: 1, Rows: 1}); got != want {
		t.Errorf("settled %+v, want %+v", got, want)
	}
}

func TestSettleRefusesASpoolOfOtherKeys(t *testing.T) {
	h := newHouse(t)
	h.settle(t)
	d := keepOne(t, h.Spool, []byte("x"))
	own := h.Spool.Keys
	h.Spool.Keys = newSpool(t).Keys
	_, err := h.Settle(t.Context())
	wantKind(t, err, fault.Unavailable)
	if !exists(t, h.Spool.path(d.File)) {
		t.Error("a document of other keys was moved")
	}
	// An empty one is taken over: nothing can be lost.
	if err := h.Spool.Erase(d.File); err != nil {
		t.Fatal(err)
	}
	h.settle(t)
	h.Spool.Keys = own
}

func TestSettleSweepsWhatACrashLeft(t *testing.T) {
	h := newHouse(t)
	h.settle(t)
	left := []string{"probe-0011", "clock.json.new-0011"}
	for _, name := range left {
		h.touch(t, filepath.Join(h.Spool.Dir, name), []byte("x"))
	}
	h.settle(t)
	for _, name := range left {
		if exists(t, filepath.Join(h.Spool.Dir, name)) {
			t.Errorf("%s is still there", name)
		}
	}
}

// F18: after a restore of the database the jobs that it does not know are
// rebuilt from their files.
func TestF18JobsAreRebuiltAfterARestore(t *testing.T) {
	h := newHouse(t)
	h.settle(t)
	known := h.held(t, "one", "known")
	uuid := job.NewUUID()
	docs := keep(t, h.Spool, "two", uuid, []byte("page 1"), []byte("page 2"))

	incomplete := keep(t, h.Spool, "one", job.NewUUID(), []byte("here"), []byte("missing"))
	if err := os.Remove(h.Spool.path(incomplete[1].File)); err != nil {
		t.Fatal(err)
	}
	rotten := keepOne(t, h.Spool, []byte("rotten"))
	b := fileOf(t, h.Spool, rotten)
	b[headerOctets] ^= 1
	h.touch(t, h.Spool.path(rotten.File), b)
	unfinished := receive(t, h.Spool, "one", job.NewUUID(), 1, []byte("half"))
	unfinished.close()
	h.touch(t, h.Restored, nil)
	h.pass(24 * time.Hour)

	want := Settled{Files: 6, Rows: 1, Quarantined: 3, Restored: 1}
	if got := h.settle(t); got != want {
		t.Errorf("settled %+v, want %+v\n%s", got, want, h.log)
	}
	if known.State != job.Held || exists(t, h.Restored) {
		t.Errorf("the known job is %v; marker there: %v", known.State, exists(t, h.Restored))
	}
	two := h.stores["two"]
	j := two.jobs[1]
	if j == nil || j.UUID != uuid || j.State != job.Held || !slices.Equal(j.Reasons, []job.Reason{job.HeldForRelease}) ||
		j.Owner != "anna" || !strings.Contains(j.Ticket.Title, canary) || j.Message != textRebuilt {
		t.Fatalf("rebuilt %+v", j)
	}
	if !j.ExpiresAt.Equal(h.wall.Add(96 * time.Hour)) {
		t.Errorf("it expires at %v, although nobody could come for it before", j.ExpiresAt)
	}
	if len(two.history[1]) != 1 || !two.history[1][0].At.Equal(h.wall) {
		t.Errorf("history %+v", two.history[1])
	}
	for i, d := range j.Documents {
		if d.File != docs[i].File || d.Number != i+1 {
			t.Errorf("document %d is %+v", i, d)
		}
		if err := h.Spool.Verify(t.Context(), "two", d); err != nil {
			t.Error(err)
		}
	}
	if len(h.aside(t)) != 3 {
		t.Errorf("put aside: %q", h.aside(t))
	}
}

func TestF18ARebuiltJobForgetsWhereItWas(t *testing.T) {
	m := manifestOf("one", job.NewUUID())
	m.Job.Owner, m.Job.State, m.Job.Device, m.Job.Attempts, m.Job.Fence, m.Job.Seen, m.Job.ID = "", job.Pending, "d", 3, 4, 5, 6
	m.Job.Released, m.Job.NotBefore, m.Job.ExpiresAt = someTime, someTime, time.Time{}
	j, _ := rebuilt([]Manifest{m}, someTime)
	if j.State != job.Held || !j.Has(job.HeldForAuthorization) || j.Device != "" || j.Attempts != 0 || j.Fence != 0 || j.Seen != 0 || j.ID != 6 ||
		!j.Released.IsZero() || !j.NotBefore.IsZero() || !j.ExpiresAt.IsZero() {
		t.Errorf("rebuilt %+v", j)
	}
	m.Job.Owner, m.Job.Ticket.PIN = "u", &job.PIN{Encryption: "none", Verifier: "phc"}
	if j, _ := rebuilt([]Manifest{m}, someTime); !slices.Equal(j.Reasons, []job.Reason{job.HeldForRelease, job.PasswordWait}) {
		t.Errorf("rebuilt with a PIN: %v", j.Reasons)
	}
}

func TestF18AJobThatIsKnownIsNotRebuiltFromStrangeFiles(t *testing.T) {
	h := newHouse(t)
	h.settle(t)
	uuid := job.NewUUID()
	keep(t, h.Spool, "one", uuid, []byte("x"))
	h.stores["one"].add(uuid, job.Completed) // its row knows no file
	h.touch(t, h.Restored, nil)
	if got, want := h.settle(t), (Settled{Files: 1, Quarantined: 1}); got != want {
		t.Errorf("settled %+v, want %+v", got, want)
	}
}

// F18: without a database the documents themselves say whose they are.
func TestF18TheDocumentsKnowTheirTenants(t *testing.T) {
	h := newHouse(t)
	h.settle(t)
	keep(t, h.Spool, "one", job.NewUUID(), []byte("x"))
	keep(t, h.Spool, "two", job.NewUUID(), pattern(100_000), []byte("y"))
	h.touch(t, h.Spool.path("letter.txt"), []byte("of a stranger"))
	got, err := h.Spool.Tenants()
	slices.Sort(got)
	if err != nil || !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestF10ANodeWithABrokenDiskStartsAndTakesNothing(t *testing.T) {
	h := newHouse(t)
	h.settle(t)
	fine, lost := h.held(t, "one", "fine"), h.held(t, "one", "lost")
	if err := os.Remove(h.Spool.path(lost.Documents[0].File)); err != nil {
		t.Fatal(err)
	}
	h.Spool.disk.syncFile = func(*os.File) error { return syscall.EIO }
	if got := h.settle(t); got != (Settled{}) || lost.State != job.Held {
		t.Errorf("settled %+v on a disk that does not work", got)
	}
	wantKind(t, h.Spool.Healthy(), fault.Unavailable)
	if got, err := readAll(h.Spool, "one", fine.Documents[0]); err != nil || string(got) != "fine" {
		t.Errorf("read %q, %v", got, err)
	}
	h.Spool.disk.syncFile = nil
	if got := h.settle(t); got.Aborted != 1 {
		t.Errorf("settled %+v", got)
	}
	if err := h.Spool.Healthy(); err != nil {
		t.Error(err)
	}
}

func TestF11ANodeWithAFullDiskStarts(t *testing.T) {
	h := newHouse(t)
	h.settle(t)
	h.held(t, "one", "fine")
	h.Spool.disk.writeAt = func(*os.File, []byte, int64) (int, error) { return 0, syscall.ENOSPC }
	if got, want := h.settle(t), (Settled{Files: 1, Rows: 1}); got != want {
		t.Errorf("settled %+v, want %+v", got, want)
	}
	if err := h.Spool.Healthy(); err != nil {
		t.Error(err)
	}
}

func TestSettlePassesFailuresOn(t *testing.T) {
	failed := errors.New("database is locked")
	tests := map[string]func(h *house){
		"tenants": func(h *house) {
			h.Tenants = func(context.Context) ([]string, error) { return nil, failed }
		},
		"rows":  func(h *house) { h.stores["two"].fails["SpoolFiles"] = failed },
		"abort": func(h *house) { h.stores["one"].fails["AbortJob"] = failed },
		"aside": func(h *house) {
			h.Spool.disk.syncDir = func(dir string) error {
				if filepath.Base(dir) == quarantineFolder {
					return failed
				}
				return nil
			}
		},
		"restore": func(h *house) {
			h.stores["one"].fails["RestoreJob"] = failed
			if err := fsys.WriteFile(h.Restored, nil); err != nil {
				panic(err)
			}
		},
	}
	for name, breakIt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.settle(t)
			lost := h.held(t, "one", "lost")
			if err := os.Remove(h.Spool.path(lost.Documents[0].File)); err != nil {
				t.Fatal(err)
			}
			keepPrinting(t, h.Spool, []byte("orphan"))
			breakIt(h)
			if _, err := h.Settle(t.Context()); !errors.Is(err, failed) {
				t.Errorf("err = %v", err)
			}
		})
	}
	t.Run("folder", func(t *testing.T) {
		h := newHouse(t)
		h.touch(t, h.Spool.Dir, nil)
		if _, err := h.Settle(t.Context()); err == nil {
			t.Error("settled in a file")
		}
	})
	t.Run("context", func(t *testing.T) {
		h := newHouse(t)
		h.held(t, "one", "x")
		h.touch(t, h.Restored, nil)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := h.Settle(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v", err)
		}
	})
}

func TestRetention(t *testing.T) {
	h := newHouse(t)
	held := h.held(t, "one", "held")
	other := h.held(t, "two", "other tenant's")
	printed := h.held(t, "one", "printed")
	printed.State, printed.Completed, printed.ExpiresAt = job.Completed, someTime, someTime.Add(2*time.Hour)
	files := func() int {
		names, err := h.Spool.Files()
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	h.round(t)
	h.pass(believeAfter)
	h.round(t)
	if files() != 3 {
		t.Fatalf("%d files are left after an hour", files())
	}
	h.pass(time.Hour)
	h.round(t)
	if files() != 2 || printed.Documents[0].File != "" || held.State != job.Held {
		t.Errorf("%d files after two hours, printed %+v", files(), printed.Documents)
	}
	h.pass(93 * time.Hour)
	h.round(t)
	if held.State != job.Held {
		t.Error("expired an hour early")
	}
	h.pass(time.Hour)
	h.round(t)
	if files() != 0 || held.State != job.Canceled || other.State != job.Canceled {
		t.Errorf("%d files after four days, %v and %v", files(), held.State, other.State)
	}
	one := h.stores["one"]
	if !one.titles.Equal(h.wall.Add(-7*24*time.Hour)) || !one.forgot.Equal(h.wall.Add(-90*24*time.Hour)) {
		t.Errorf("forgot titles before %v and jobs before %v", one.titles, one.forgot)
	}
	asked := one.asked["ForgetTitles"]
	h.pass(time.Minute)
	h.round(t)
	if one.asked["ForgetTitles"] != asked {
		t.Error("titles are looked for every minute")
	}
}

// What a confidential queue has printed, and what somebody has deleted, goes at
// once: that is no question of time.
func TestF23WhatIsNotKeptGoesWhateverTheClockSays(t *testing.T) {
	h := newHouse(t)
	h.jump(-10 * year)
	confidential, canceled, kept := h.held(t, "one", "a"), h.held(t, "one", "b"), h.held(t, "one", "c")
	confidential.State, confidential.Completed, confidential.ExpiresAt = job.Completed, h.wall, h.wall
	canceled.State = job.Canceled
	kept.State, kept.Completed, kept.ExpiresAt = job.Completed, h.wall, h.wall.Add(time.Hour)
	h.round(t)
	if confidential.Documents[0].File != "" || canceled.Documents[0].File != "" || kept.Documents[0].File == "" {
		t.Errorf("left: %+v %+v %+v", confidential.Documents, canceled.Documents, kept.Documents)
	}
}

func TestF22TenYearsAheadExpiresNobody(t *testing.T) {
	h := newHouse(t)
	held := h.held(t, "one", "x")
	h.round(t)
	h.pass(believeAfter)
	h.round(t)
	h.jump(10 * year)
	h.round(t)
	if held.State != job.Held || h.ClockTrouble() != clockAhead {
		t.Fatalf("the job is %v, trouble %q", held.State, h.ClockTrouble())
	}
	if !strings.Contains(h.log.String(), "the clocks do not agree") {
		t.Error("nobody was told")
	}
	if err := h.AcceptClock(); err != nil {
		t.Fatal(err)
	}
	h.round(t)
	if held.State != job.Canceled || h.ClockTrouble() != "" {
		t.Errorf("the job is %v, trouble %q", held.State, h.ClockTrouble())
	}
}

func TestF23TheClockIsRememberedAcrossProcesses(t *testing.T) {
	h := newHouse(t)
	held := h.held(t, "one", "x")
	if err := h.AcceptClock(); err != nil {
		t.Fatal(err)
	}
	h.jump(10 * year)
	again := newHouse(t)
	again.Spool, again.machine, again.stores = h.Spool, h.machine, h.stores
	again.Now, again.Up = h.now, h.running
	again.round(t)
	if held.State != job.Held || again.ClockTrouble() != clockAhead {
		t.Errorf("the job is %v, trouble %q", held.State, again.ClockTrouble())
	}
}

func TestAnUnreadableClockDeletesNothing(t *testing.T) {
	h := newHouse(t)
	held := h.held(t, "one", "x")
	h.touch(t, h.clockFile(), []byte("{"))
	h.pass(100 * time.Hour)
	h.round(t)
	if held.State != job.Held || !strings.Contains(h.log.String(), "unreadable") {
		t.Errorf("the job is %v\n%s", held.State, h.log)
	}
	h = newHouse(t)
	held = h.held(t, "one", "x")
	if err := os.Mkdir(h.clockFile(), 0o700); err != nil {
		t.Fatal(err)
	}
	h.pass(100 * time.Hour)
	h.round(t)
	if held.State != job.Held || !strings.Contains(h.log.String(), "cannot be read") {
		t.Errorf("the job is %v\n%s", held.State, h.log)
	}
	if err := h.AcceptClock(); err == nil || h.ClockTrouble() != clockUnread {
		t.Errorf("a clock was accepted that cannot be kept: %v, %q", err, h.ClockTrouble())
	}
}

func TestRoundGoesOnAfterAFailure(t *testing.T) {
	failed := errors.New("database is locked")
	for _, method := range []string{"DueJobs", "ExpireJob", "FilesErased", "ForgetTitles", "ForgetJobs"} {
		t.Run(method, func(t *testing.T) {
			h := newHouse(t)
			bad, good := h.held(t, "one", "x"), h.held(t, "two", "y")
			canceled := h.held(t, "one", "z")
			canceled.State = job.Canceled
			h.stores["one"].fails[method] = failed
			if err := h.AcceptClock(); err != nil {
				t.Fatal(err)
			}
			h.pass(100 * time.Hour)
			if err := h.Round(t.Context()); !errors.Is(err, failed) {
				t.Errorf("err = %v", err)
			}
			if good.State != job.Canceled || good.Documents[0].File != "" {
				t.Errorf("the other tenant has to wait: %+v", good)
			}
			delete(h.stores["one"].fails, method)
			h.pass(forgetEvery)
			h.round(t)
			if bad.State != job.Canceled || bad.Documents[0].File != "" || canceled.Documents[0].File != "" {
				t.Errorf("left after the second round: %+v %+v", bad, canceled)
			}
		})
	}
	t.Run("Tenants", func(t *testing.T) {
		h := newHouse(t)
		h.Tenants = func(context.Context) ([]string, error) { return nil, failed }
		if err := h.Round(t.Context()); !errors.Is(err, failed) {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("Retention", func(t *testing.T) {
		h := newHouse(t)
		h.Retention = func(context.Context, string) (time.Duration, time.Duration, error) { return 0, 0, failed }
		if err := h.AcceptClock(); err != nil {
			t.Fatal(err)
		}
		if err := h.Round(t.Context()); !errors.Is(err, failed) {
			t.Errorf("err = %v", err)
		}
	})
}

// A document that cannot be erased keeps nobody else's from being.
func TestRoundSkipsWhatCannotBeErased(t *testing.T) {
	h := newHouse(t)
	stuck, fine := h.held(t, "one", "x"), h.held(t, "one", "y")
	stuck.State, fine.State = job.Canceled, job.Canceled
	path := h.Spool.path(stuck.Documents[0].File)
	h.Spool.disk.syncFile = func(f *os.File) error {
		if f.Name() == path {
			return errors.New("bad sector")
		}
		return fsys.SyncFile(f)
	}
	if err := h.Round(t.Context()); err == nil {
		t.Error("nobody heard of the bad sector")
	}
	if stuck.Documents[0].File == "" || fine.Documents[0].File != "" || !exists(t, path) {
		t.Errorf("left: %+v %+v", stuck.Documents, fine.Documents)
	}
}

func TestRoundWorksInBatches(t *testing.T) {
	h := newHouse(t)
	for range batch + 10 {
		h.stores["one"].add(job.NewUUID(), job.Held, job.Document{File: fileName(job.NewUUID(), 1)})
	}
	if err := h.AcceptClock(); err != nil {
		t.Fatal(err)
	}
	h.pass(100 * time.Hour)
	h.round(t)
	for _, j := range h.stores["one"].jobs {
		if j.State != job.Canceled || j.Documents[0].File != "" {
			t.Fatalf("job %d is %v with %+v", j.ID, j.State, j.Documents)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Round(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
}

func TestAJobThatItsOwnerWasFasterToReleaseDoesNotExpire(t *testing.T) {
	h := newHouse(t)
	j := h.held(t, "one", "x")
	if err := h.AcceptClock(); err != nil {
		t.Fatal(err)
	}
	h.pass(100 * time.Hour)
	h.stores["one"].fails["ExpireJob"] = &fault.Error{Op: "fake", Kind: fault.Conflict}
	h.round(t) // and it ends, although the job is listed as due again
	if j.State != job.Held || j.Documents[0].File == "" {
		t.Errorf("the job is %v, its document %+v", j.State, j.Documents)
	}
}

func TestQuarantineEmptiesItself(t *testing.T) {
	h := newHouse(t)
	h.settle(t)
	d := keepPrinting(t, h.Spool, []byte("x"))
	h.settle(t) // puts it aside
	h.touch(t, filepath.Join(h.Spool.Dir, quarantineFolder, "note"), []byte("of an administrator"))
	if err := h.AcceptClock(); err != nil {
		t.Fatal(err)
	}
	found := filepath.Join(t.TempDir(), "found")
	if err := os.Link(filepath.Join(h.Spool.Dir, quarantineFolder, "20260304T050607Z_"+d.File), found); err != nil {
		t.Fatal(err)
	}
	h.pass(7*24*time.Hour - time.Minute)
	h.round(t)
	if len(h.aside(t)) != 2 {
		t.Errorf("put aside: %q", h.aside(t))
	}
	h.pass(forgetEvery)
	h.round(t)
	if got := h.aside(t); !slices.Equal(got, []string{"note"}) {
		t.Errorf("put aside: %q", got)
	}
	b, err := os.ReadFile(found)
	if err != nil {
		t.Fatal(err)
	}
	if head, err := parseHeader(b); !errors.Is(err, errErased) {
		t.Errorf("the key is still there: %+v, %v", head, err)
	}
}

func TestServeTidiesUpUntilItEnds(t *testing.T) {
	h := newHouse(t)
	canceled := h.held(t, "one", "x")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- h.Serve(ctx) }()
		synctest.Wait()
		one := h.stores["one"]
		var asked int
		one.do(func() { asked, canceled.State = one.asked["DueJobs"], job.Canceled })
		if asked == 0 {
			t.Error("no round at the start")
		}
		h.Wake()
		h.Wake() // one is as good as two
		synctest.Wait()
		one.do(func() {
			if canceled.Documents[0].File != "" {
				t.Error("waking it does nothing")
			}
			asked = one.asked["DueJobs"]
		})
		time.Sleep(defaultEvery)
		synctest.Wait()
		one.do(func() {
			if one.asked["DueJobs"] == asked {
				t.Error("no round after a minute")
			}
			one.fails["DueJobs"] = errors.New("database is locked")
		})
		time.Sleep(defaultEvery)
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	if !strings.Contains(h.log.String(), "a round of the keeper failed") {
		t.Error("a failed round went unnoticed")
	}
	if _, err := os.Stat(h.clockFile()); errors.Is(err, fs.ErrNotExist) {
		t.Error("the clock was not kept")
	}
}

// TestF08NumbersThatWereToldAreKept: those whose client knows their number come
// first, so that no other job gets it.
func TestF08NumbersThatWereToldAreKept(t *testing.T) {
	h := newHouse(t)
	h.settle(t)
	told := map[string]int64{}
	for i, number := range []int64{0, 1, 0, 2, 3, 0} {
		m := manifestOf("one", job.NewUUID())
		m.Job.ID, told[m.Job.UUID] = number, number
		in := receive(t, h.Spool, "one", m.Job.UUID, 1, []byte{byte(i)})
		if _, err := h.Spool.Seal(m, []*Incoming{in}); err != nil {
			t.Fatal(err)
		}
	}
	if got := h.settle(t); got.Restored != 6 {
		t.Fatalf("settled %+v\n%s", got, h.log)
	}
	for id, j := range h.stores["one"].jobs {
		if number := told[j.UUID]; number != 0 && number != id {
			t.Errorf("job %d was told that it is %d", id, number)
		}
	}
}
