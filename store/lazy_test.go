package store

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"

	"platen/directory"
	"platen/fault"
	"platen/job"
	"platen/site"
)

// redo is how a job comes whose documents are in the spool's log.
func redo() job.Admission {
	return job.Admission{Redo: true, Since: epoch, Admit: func(*job.Job, int64, int) ([]job.Entry, error) { return entries("Arrived."), nil }}
}

// TestLazyJobsAreThereForWhoeverAsks: who brings such a job does not wait, and
// who asks for it does.
func TestLazyJobsAreThereForWhoeverAsks(t *testing.T) {
	w := newWorld(t)
	for i := range 100 {
		name := fmt.Sprint("lazy ", i)
		j := newJob(name, anna)
		must(t, w.a.AdmitJob(t.Context(), j, redo()))
		if j.ID != 0 {
			t.Fatal("the caller's own job was changed behind its back")
		}
		got, err := w.a.JobByUUID(t.Context(), uuidOf(name))
		if err != nil || got.Owner != anna || len(got.Documents) != 2 {
			t.Fatalf("%s: %+v, %v", name, got, err)
		}
	}
	if n, err := w.Owing(); n != 0 || err != nil {
		t.Errorf("%d are owed, %v", n, err)
	}
}

// TestLazyJobsShareACommit: and its disk is not waited for, as a COMMIT of
// anything else is.
func TestLazyJobsShareACommit(t *testing.T) {
	w := newWorld(t)
	var syncs atomic.Int64
	level := func(tx tx) (n int64) {
		must(t, tx.each("PRAGMA synchronous", func(row scanner) error { return row.Scan(&n) }))
		return n
	}
	_, before := w.Commits()
	const jobs = 200
	for i := range jobs {
		must(t, w.a.AdmitJob(t.Context(), newJob(fmt.Sprint("together ", i), anna), redo()))
	}
	must(t, w.w.later(t.Context(), &call{tenant: w.a.tenant, fn: func(tx tx) error { syncs.Store(level(tx)); return nil }}))
	w.settled(t.Context())
	if _, after := w.Commits(); after-before > jobs/2 {
		t.Errorf("%d commits for %d jobs", after-before, jobs)
	}
	if n := syncs.Load(); n != 1 { // NORMAL
		t.Errorf("synchronous is %d for those who do not wait", n)
	}
	must(t, w.a.write(t.Context(), func(tx tx) error { syncs.Store(level(tx)); return nil }))
	if n := syncs.Load(); n != 2 { // FULL
		t.Errorf("synchronous is %d for those who wait", n)
	}
}

// F12: while rows cannot be added, no more such jobs are taken; those that were
// get their rows as soon as it works again.
func TestF12LazyJobsAreTriedAgain(t *testing.T) {
	w := newWorld(t)
	var full atomic.Bool
	full.Store(true)
	commit := w.w.commit
	err := w.a.write(t.Context(), func(tx) error { // in the writer's own goroutine
		w.w.owed.pause = time.Millisecond
		w.w.commit = func(ctx context.Context) error {
			if full.Load() {
				return sqlite3.Error{Code: sqlite3.ErrFull}
			}
			return commit(ctx)
		}
		return errNothing
	})
	if !errors.Is(err, errNothing) {
		t.Fatal(err)
	}
	must(t, w.a.AdmitJob(t.Context(), newJob("in need", anna), redo()))
	for {
		if _, err := w.Owing(); err != nil {
			break
		}
	}
	for i := 0; ; i++ {
		err := w.a.AdmitJob(t.Context(), newJob(fmt.Sprint("too many ", i), anna), redo())
		if fault.Is(err, fault.Full) {
			break
		}
		must(t, err) // it came just when the others were tried again
	}
	full.Store(false)
	for {
		if n, err := w.Owing(); n == 0 && err == nil {
			break
		}
		w.settled(t.Context())
	}
	if _, err := w.a.JobByUUID(t.Context(), uuidOf("in need")); err != nil {
		t.Error(err)
	}
}

// TestLazyJobsAtTheEnd: a store that closes has written what it owed.
func TestLazyJobsAtTheEnd(t *testing.T) {
	dir := t.TempDir()
	st := open(t, options(dir+"/platen.db", func() time.Time { return epoch }))
	s, err := st.Default(t.Context())
	must(t, err)
	furnish(t, s)
	for i := range 50 {
		must(t, s.AdmitJob(t.Context(), newJob(fmt.Sprint("late ", i), anna), redo()))
	}
	must(t, st.Close())
	if err := s.AdmitJob(t.Context(), newJob("too late", anna), redo()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("after the end: %v", err)
	}
	st = open(t, options(dir+"/platen.db", func() time.Time { return epoch }))
	s, err = st.Default(t.Context())
	must(t, err)
	for i := range 50 {
		if _, err := s.JobByUUID(t.Context(), uuidOf(fmt.Sprint("late ", i))); err != nil {
			t.Error(err)
		}
	}
}

// TestKeptAnswers: what is remembered of queues, settings and people is never
// older than the last change.
func TestKeptAnswers(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for i := range 3 {
		q, err := w.a.QueueByName(ctx, "SECURE")
		must(t, err)
		q.Info = fmt.Sprint("info ", i)
		must(t, w.a.PutQueue(ctx, q))
		if got, err := w.a.QueueByName(ctx, "secure"); err != nil || got.Info != q.Info {
			t.Errorf("%q, %v", got.Info, err)
		}
		x, err := w.a.Settings(ctx)
		must(t, err)
		x.MaxUserJobs = i + 5
		must(t, w.a.PutSettings(ctx, x))
		if got, err := w.a.Settings(ctx); err != nil || got.MaxUserJobs != i+5 {
			t.Errorf("%d, %v", got.MaxUserJobs, err)
		}
		alias := fmt.Sprint("alias", i)
		if list, err := w.a.UsersByName(ctx, alias); err != nil || len(list) != 0 {
			t.Errorf("%v, %v", list, err)
		}
		u, err := w.a.User(ctx, anna)
		must(t, err)
		u.Aliases = []string{alias}
		must(t, w.a.PutUser(ctx, u))
		list, err := w.a.UsersByName(ctx, alias)
		if err != nil || len(list) != 1 || list[0].ID != anna {
			t.Errorf("%v, %v", list, err)
		}
	}
	q, err := w.a.QueueByName(ctx, "direct")
	if err == nil && q.Device != "" {
		d, err := w.a.Device(ctx, q.Device)
		must(t, err)
		d.Name = "renamed"
		must(t, w.a.PutDevice(ctx, d))
		if q, err := w.a.QueueByName(ctx, "direct"); err != nil || q.DeviceName != "renamed" {
			t.Errorf("%q, %v", q.DeviceName, err)
		}
	}
	must(t, w.a.PutUser(ctx, directory.User{ID: uuidOf("short-lived"), Login: "short-lived", Enabled: true}))
	if list, err := w.a.UsersByName(ctx, "short-lived"); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	must(t, w.a.RemoveUser(ctx, uuidOf("short-lived"), ""))
	if list, err := w.a.UsersByName(ctx, "short-lived"); err != nil || len(list) != 0 {
		t.Errorf("somebody who is gone: %v, %v", list, err)
	}
	must(t, w.a.PutQueue(ctx, site.Queue{ID: uuidOf("short-lived"), Name: "short-lived", Mode: site.Hold}))
	_, err = w.a.QueueByName(ctx, "short-lived")
	must(t, err)
	must(t, w.a.RemoveQueue(ctx, uuidOf("short-lived")))
	if _, err := w.a.QueueByName(ctx, "short-lived"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a queue that is gone: %v", err)
	}
	if _, err := w.b.QueueByName(ctx, "short-lived"); !fault.Is(err, fault.NotFound) {
		t.Error("another tenant's")
	}
}

// TestWritesAreKnown: a statement that writes to one of the tables that answers
// are kept of says so.
func TestWritesAreKnown(t *testing.T) {
	for text, want := range map[string]tableSet{
		"INSERT INTO queues (tenant) VALUES ($1)":                        tablesOf("queues"),
		"\n\t\tUPDATE users SET login = $2":                              tablesOf("users"),
		"DELETE FROM aliases WHERE tenant = $1":                          tablesOf("aliases"),
		"INSERT INTO usage (a) VALUES (1)":                               0,
		"SELECT 1 FROM queues":                                           0,
		"INSERT INTO settings (x) VALUES ($1) ON CONFLICT DO UPDATE SET": tablesOf("settings"),
	} {
		if got := writes(text); got != want {
			t.Errorf("%q writes to %b, want %b", text, got, want)
		}
	}
	for name, q := range queries(t) {
		text := string(q)
		if reads := !written.MatchString(text); reads && writes(text) != 0 {
			t.Errorf("%s: %b", name, writes(text))
		}
	}
}

// TestABackupHasWhatIsOwed: a copy that was asked for after a job was taken has
// the job's row.
func TestABackupHasWhatIsOwed(t *testing.T) {
	w := newWorld(t)
	for i := range 20 {
		name := fmt.Sprint("backed up ", i)
		must(t, w.a.AdmitJob(t.Context(), newJob(name, anna), redo()))
		path := fmt.Sprintf("%s/copy-%d.db", w.dir, i)
		must(t, w.Backup(t.Context(), path))
		copied := open(t, options(path, func() time.Time { return epoch }))
		if _, err := copied.Tenant(w.a.Tenant()).JobByUUID(t.Context(), uuidOf(name)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}
