package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"

	"platen/directory"
	"platen/fault"
	"platen/job"
)

// gate is a call that occupies the writer until it is let go, so that a test can
// say who comes while a group is under way.
type gate struct {
	entered, leave chan struct{}
	done           chan error
}

func (w *world) gate(t *testing.T) *gate {
	g := &gate{entered: make(chan struct{}), leave: make(chan struct{}), done: make(chan error, 1)}
	go func() {
		g.done <- w.a.write(context.Background(), func(tx) error {
			close(g.entered)
			<-g.leave
			return nil
		})
	}()
	<-g.entered
	t.Cleanup(func() {
		select {
		case <-g.leave:
		default:
			close(g.leave)
		}
	})
	return g
}

// queued waits until n calls stand behind the gate. They are about to block, and
// there is nothing else to wait on.
func (w *world) queued(n int) {
	for len(w.w.calls) < n {
		runtime.Gosched()
	}
}

func (w *world) audits(t *testing.T) int {
	t.Helper()
	lines, err := w.a.AuditTrail(context.Background(), 0, 10000)
	must(t, err)
	return len(lines)
}

// TestGroupsShareOneCommit: callers that come together are committed together,
// and a caller that fails takes nobody along.
func TestGroupsShareOneCommit(t *testing.T) {
	w := newWorld(t)
	before := w.audits(t)
	rows, commits := w.Commits()
	g := w.gate(t)
	errs := make([]error, 30)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			errs[i] = w.a.write(context.Background(), func(t tx) error {
				if _, err := t.exec(nextAudit); err != nil {
					return err
				}
				_, err := t.exec(insertAudit, 1000+i, 0, "a", "b", "c", "d", []byte("h"))
				if i%3 == 0 {
					return fmt.Errorf("caller %d fails after it has written", i)
				}
				return err
			})
		})
	}
	w.queued(len(errs))
	close(g.leave)
	wg.Wait()
	must(t, <-g.done)
	for i, err := range errs {
		if (err != nil) != (i%3 == 0) {
			t.Errorf("caller %d: %v", i, err)
		}
	}
	if n := w.audits(t) - before; n != 20 {
		t.Errorf("%d rows, want those of the 20 that did not fail", n)
	}
	rows2, commits2 := w.Commits()
	if rows2-rows != 21 || commits2-commits != 1 {
		t.Errorf("%d transactions in %d commits, want 21 in 1", rows2-rows, commits2-commits)
	}
	var counted int
	must(t, w.a.read(context.Background(), func(v view) error { return v.one(selectAuditCount, []any{&counted}) }))
	if counted != 1+20 {
		t.Errorf("the counter is %d: a rolled back savepoint left something behind", counted)
	}
}

// TestCallerGivesUp: before its turn nothing happens; after it, the caller still
// learns what happened, and the others do not notice.
func TestCallerGivesUp(t *testing.T) {
	w := newWorld(t)
	g := w.gate(t)
	ctx, cancel := context.WithCancel(context.Background())
	early, ran := make(chan error, 1), false
	go func() {
		early <- w.a.write(ctx, func(tx) error { ran = true; return nil })
	}()
	w.queued(1)
	cancel()
	if err := <-early; !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that gave up in the queue: %v", err)
	}

	late, other := make(chan error, 1), make(chan error, 1)
	ctx, cancel = context.WithCancel(context.Background())
	go func() {
		late <- w.a.write(ctx, func(t tx) error {
			cancel()
			_, err := t.exec(putSetting, "late", "1")
			return err
		})
	}()
	w.queued(2)
	go func() {
		other <- w.a.write(context.Background(), func(t tx) error {
			_, err := t.exec(putSetting, "other", "1")
			return err
		})
	}()
	w.queued(3)
	close(g.leave)
	if err := <-late; err != nil {
		t.Errorf("a caller that gave up in its turn: %v, want its outcome", err)
	}
	must(t, <-other)
	must(t, <-g.done)
	if ran {
		t.Error("the call of the one that gave up in the queue ran")
	}
	for _, name := range []string{"late", "other"} {
		found := false
		must(t, w.a.read(context.Background(), func(v view) error {
			return v.each(selectSetting, func(scanner) error { found = true; return nil }, name)
		}))
		if !found {
			t.Errorf("%s is not stored", name)
		}
	}
}

// TestOutcomeUnknown: a caller that gives up while the disk hangs gets ErrUnknown,
// which is no error of its context: that would say that nothing was stored.
func TestOutcomeUnknown(t *testing.T) {
	w := newWorld(t)
	w.w.patience = time.Millisecond
	commit, hang := w.w.commit, make(chan struct{})
	w.w.commit = func(ctx context.Context) error {
		<-hang
		return commit(ctx)
	}
	ctx, cancel := context.WithCancel(context.Background())
	err := w.a.write(ctx, func(tx) error { cancel(); return nil })
	if !errors.Is(err, ErrUnknown) || errors.Is(err, context.Canceled) || fault.KindOf(err) != fault.Unavailable {
		t.Errorf("err = %v", err)
	}
	close(hang)
}

func TestPanicGoesToTheCaller(t *testing.T) {
	w := newWorld(t)
	func() {
		defer func() {
			if p := recover(); p != "mine" {
				t.Errorf("recovered %v", p)
			}
		}()
		_ = w.a.write(t.Context(), func(t tx) error {
			if _, err := t.exec(putSetting, "half", "1"); err != nil {
				return err
			}
			panic("mine")
		})
	}()
	found := false
	must(t, w.a.read(t.Context(), func(v view) error {
		return v.each(selectSetting, func(scanner) error { found = true; return nil }, "half")
	}))
	if found {
		t.Error("what the call wrote before it panicked is stored")
	}
	must(t, w.a.Audit(t.Context(), "anna", "goes", "on", ""))
}

// TestF10SyncFails: after a sync that failed nothing is written any more, because
// the next one would lie; reading goes on.
func TestF10SyncFails(t *testing.T) {
	s := open(t, options(filepath.Join(t.TempDir(), "platen.db"), time.Now))
	sc, err := s.Default(t.Context())
	must(t, err)
	s.w.commit = func(context.Context) error {
		return fmt.Errorf("COMMIT: %w", sqlite3.Error{Code: sqlite3.ErrIoErr, ExtendedCode: sqlite3.ErrIoErrFsync})
	}
	err = sc.AddJob(t.Context(), newJob("lost", anna), nil)
	if !errors.Is(err, ErrUnknown) || fault.KindOf(err) != fault.Unavailable {
		t.Errorf("AddJob: %v, want unknown", err)
	}
	select {
	case <-s.Broken():
	default:
		t.Error("nobody is told that the disk is broken")
	}
	wantKind(t, "the next write", sc.Audit(t.Context(), "a", "b", "c", "d"), fault.Unavailable)
	if _, err := sc.Users(t.Context()); err != nil {
		t.Errorf("reading: %v", err)
	}
	must(t, s.Close())
	if _, err := os.Stat(markName(s.path)); err != nil {
		t.Errorf("a broken store is marked as closed in order: %v", err)
	}
}

// TestF14TheWitnessStopsTheStore: a COMMIT that succeeded on a file system that has
// given up its journal is nobody's promise.
func TestF14TheWitnessStopsTheStore(t *testing.T) {
	s := open(t, options(filepath.Join(t.TempDir(), "platen.db"), time.Now))
	sc, err := s.Default(t.Context())
	must(t, err)
	s.w.witness = func() error { return syscall.EROFS }
	err = sc.AddJob(t.Context(), newJob("who knows", anna), nil)
	if !errors.Is(err, ErrUnknown) || fault.KindOf(err) != fault.Unavailable {
		t.Errorf("AddJob: %v, want unknown", err)
	}
	select {
	case <-s.Broken():
	default:
		t.Error("nobody is told that the disk is broken")
	}
	wantKind(t, "the next write", sc.Audit(t.Context(), "a", "b", "c", "d"), fault.Unavailable)
	must(t, s.Close())
}

// TestF12DiskFull: with no room left the answer is Full, what was committed is
// there, what is held can still be read, and when there is room again everything
// works again.
func TestF12DiskFull(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	pragma := func(text string) {
		t.Helper()
		must(t, w.write(ctx, "", "", func(t tx) error {
			var now int // the writer's own connection answers with the new value
			return t.conn.QueryRowContext(t.ctx, text).Scan(&now)
		}))
	}
	must(t, w.a.AddJob(ctx, newJob("before", anna), nil))
	pragma("PRAGMA max_page_count = 1") // SQLite takes what the file has now
	var full error
	acked := 0
	for i := range 500 {
		if full = w.a.AddJob(ctx, newJob(fmt.Sprint("n", i), anna), nil); full != nil {
			break
		}
		acked++
	}
	wantKind(t, "AddJob on a full disk", full, fault.Full)
	select {
	case <-w.Broken():
		t.Fatal("a full disk is not a broken one")
	default:
	}

	// A group in which one is too large must not take the others along for ever.
	g := w.gate(t)
	errs := make(chan error, 2)
	go func() { errs <- w.a.AddJob(ctx, newJob("large", anna), nil) }()
	w.queued(1)
	go func() { errs <- w.a.SetCondition(ctx, hall, conditionOf("idle")) }()
	w.queued(2)
	close(g.leave)
	wantKind(t, "the large one", <-errs, fault.Full)
	if err := <-errs; err != nil && !fault.Is(err, fault.Full) {
		t.Errorf("its neighbour: %v", err)
	}
	<-g.done

	jobs, err := w.a.OwnJobs(ctx, anna, epoch, 1000)
	if err != nil || len(jobs) != acked+2 {
		t.Errorf("OwnJobs on a full disk: %d, %v; want %d", len(jobs), err, acked+2)
	}
	pragma("PRAGMA max_page_count = 1073741823")
	must(t, w.a.AddJob(ctx, newJob("after", anna), nil))
	w.release(t, epoch, jobs[0].ID)
	must(t, w.Check(ctx))
}

// TestReadersGiveUp: whenever a reader gives up, its connection is fit for the
// next one, and holds no old snapshot.
func TestReadersGiveUp(t *testing.T) {
	w := newWorld(t)
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			for i := range 200 {
				ctx, cancel := context.WithCancel(context.Background())
				go func() {
					for range i % 40 {
						runtime.Gosched()
					}
					cancel()
				}()
				_, err := w.a.OwnJobs(ctx, anna, epoch, 10)
				cancel()
				if err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("OwnJobs: %v", err)
				}
			}
		})
	}
	wg.Wait()
	must(t, w.a.PutUser(t.Context(), directory.User{ID: attic, Login: "new"}))
	for range 2 * readers {
		wg.Go(func() {
			if _, err := w.a.User(context.Background(), attic); err != nil {
				t.Errorf("a reader sees an old snapshot: %v", err)
			}
		})
	}
	wg.Wait()
}

// TestLogStaysShort: readers that overlap without a pause do not make the
// write-ahead log grow for ever.
func TestLogStaysShort(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	must(t, w.write(ctx, "", "", func(tx) error { w.w.restartAt = 100; return nil })) // in the writer's own goroutine
	begin := func() (end func()) {
		conn, err := w.reads.Conn(ctx)
		must(t, err)
		_, err = conn.ExecContext(ctx, "BEGIN")
		must(t, err)
		var n int
		must(t, conn.QueryRowContext(ctx, "SELECT COUNT(*) FROM jobs").Scan(&n))
		return func() {
			_, err := conn.ExecContext(ctx, "ROLLBACK")
			must(t, errors.Join(err, conn.Close()))
		}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() { // at every moment there is a reader, and none stays
		defer close(stopped)
		end := begin()
		for {
			next := begin()
			end()
			end = next
			select {
			case <-stop:
				end()
				return
			default:
			}
		}
	}()
	restarted := false
	for i := range 20 * lookEvery {
		must(t, w.a.SetCondition(ctx, hall, conditionOf(fmt.Sprint(i))))
		must(t, w.write(ctx, "", "", func(tx) error {
			restarted = restarted || w.w.restartAt == longLog
			return nil
		}))
		if restarted {
			break
		}
	}
	close(stop)
	<-stopped
	if !restarted {
		t.Error("the log was never begun anew")
	}
	var timeout int
	must(t, w.write(ctx, "", "", func(t tx) error {
		return t.conn.QueryRowContext(t.ctx, "PRAGMA busy_timeout").Scan(&timeout)
	}))
	if timeout != busyTimeout {
		t.Errorf("busy_timeout is %d afterwards", timeout)
	}
}

func TestClosedStoreRefuses(t *testing.T) {
	s := open(t, options(filepath.Join(t.TempDir(), "other.db"), time.Now))
	sc, err := s.Default(t.Context())
	must(t, err)
	must(t, s.Close())
	wantKind(t, "writing", sc.Audit(t.Context(), "a", "b", "c", "d"), fault.Unavailable)
	if _, err := sc.Users(t.Context()); err == nil {
		t.Error("reading a closed store works")
	}
}

// TestCloseFinishesWhatWaits: a call that was accepted has an outcome, also when
// the store closes at that moment.
func TestCloseFinishesWhatWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "platen.db")
	s := open(t, options(path, time.Now))
	sc, err := s.Default(t.Context())
	must(t, err)
	stored := map[string]bool{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	started := make(chan struct{}, 64)
	for i := range 64 {
		wg.Go(func() {
			j := newJob(fmt.Sprint(i), "")
			started <- struct{}{}
			if sc.AddJob(context.Background(), j, nil) == nil {
				mu.Lock()
				defer mu.Unlock()
				stored[j.UUID] = true
			}
		})
	}
	for range 40 {
		<-started
	}
	must(t, s.Close())
	wg.Wait()
	s = open(t, options(path, time.Now))
	sc, err = s.Default(t.Context())
	must(t, err)
	jobs, err := sc.Jobs(t.Context(), job.Filter{})
	must(t, err)
	if len(jobs) != len(stored) {
		t.Errorf("%d jobs are there, %d were acknowledged", len(jobs), len(stored))
	}
	for _, j := range jobs {
		if !stored[j.UUID] {
			t.Errorf("job %s is there, but its caller was refused", j.UUID)
		}
	}
}

// TestAFullGroupLosesNobody: whoever comes when a group has no room is in the next.
func TestAFullGroupLosesNobody(t *testing.T) {
	w := newWorld(t)
	for _, lazy := range []bool{false, true} {
		g := w.gate(t)
		var all sync.WaitGroup
		var done atomic.Int64
		for range 3 * mostCalls {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				defer cancel()
				c := &call{tenant: w.a.tenant, fn: func(tx) error { done.Add(1); return nil }}
				if lazy {
					if err := w.w.later(ctx, c); err != nil {
						t.Errorf("later: %v", err)
					}
					return
				}
				if err := w.a.call(ctx, c); err != nil {
					t.Errorf("call: %v", err)
				}
			})
		}
		w.queued(mostCalls)
		close(g.leave)
		must(t, <-g.done)
		all.Wait()
		w.settled(t.Context())
		if n, err := w.Owing(); n != 0 || err != nil || done.Load() != 3*mostCalls {
			t.Errorf("lazy %v: %d of %d calls were done, %d are owed, %v", lazy, done.Load(), 3*mostCalls, n, err)
		}
	}
}
