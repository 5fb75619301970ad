package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"platen/fault"
	"platen/internal/fsys"
	"platen/job"
)

// TestEveryConnectionHasThePragmas: also those that a pool opens later. Without
// synchronous=FULL acknowledged rows are lost with the power.
func TestEveryConnectionHasThePragmas(t *testing.T) {
	w := newWorld(t)
	want := map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000", "wal_autocheckpoint": "1000"}
	for i := range readers {
		conn, err := w.reads.Conn(t.Context())
		must(t, err)
		defer conn.Close() // all at once, so that each is another one
		for name, value := range want {
			var got string
			must(t, conn.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&got))
			if got != value {
				t.Errorf("reader %d: %s = %s, want %s", i, name, got, value)
			}
		}
		if _, err := conn.ExecContext(t.Context(), "DELETE FROM jobs"); err == nil {
			t.Errorf("reader %d can write", i)
		}
	}
	must(t, w.write(t.Context(), "", "", func(t2 tx) error {
		for name, value := range want {
			var got string
			if err := t2.conn.QueryRowContext(t2.ctx, "PRAGMA "+name).Scan(&got); err != nil || got != value {
				t.Errorf("writer: %s = %s, %v; want %s", name, got, err, value)
			}
		}
		return nil
	}))
}

// TestA61FilesArePrivate: the database, what SQLite puts beside it, and copies.
func TestA61FilesArePrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Log("modes are the business of fsys there")
	}
	w := newWorld(t)
	must(t, w.Backup(t.Context(), filepath.Join(w.dir, "copy.db")))
	seen := 0
	must(t, filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if seen++; info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
			t.Errorf("%s has mode %v", d.Name(), info.Mode())
		}
		return nil
	}))
	if seen < 6 { // database, -wal, -shm, -lock, -open, copy
		t.Errorf("only %d files", seen)
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	w := newWorld(t)
	_, err := Open(t.Context(), options(w.path, time.Now))
	wantKind(t, "opening it twice", err, fault.Conflict)

	o := options(w.path, time.Now)
	o.ReadOnly = true
	r := open(t, o)
	jobs, err := r.Tenant(w.a.tenant).Jobs(t.Context(), job.Filter{})
	if err != nil || len(jobs) != 1 {
		t.Errorf("reading beside it: %d, %v", len(jobs), err)
	}
	wantKind(t, "writing beside it", r.Tenant(w.a.tenant).Audit(t.Context(), "a", "b", "c", "d"), fault.Denied)
	if r.Broken() != nil {
		t.Error("a reader is broken")
	}
	o.Path = filepath.Join(w.dir, "none.db")
	_, err = Open(t.Context(), o)
	wantKind(t, "reading what is not there", err, fault.NotFound)
}

// closed makes a database with some jobs, closes it and returns its path.
func closed(t *testing.T, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "platen.db")
	s := open(t, options(path, time.Now))
	sc, err := s.Default(t.Context())
	must(t, err)
	for i := range n {
		must(t, sc.AddJob(t.Context(), newJob(fmt.Sprint(i), ""), entries("Arrived.")))
	}
	must(t, s.Close())
	return path
}

// TestF17DamagedPage: flipped octets in the file are found at the start, said in
// a plain sentence, and nothing is made worse.
func TestF17DamagedPage(t *testing.T) {
	for name, spoil := range map[string]func([]byte) []byte{
		"a page":     func(b []byte) []byte { copy(b[5*4096:], bytes.Repeat([]byte{0xA5}, 4096)); return b },
		"the header": func(b []byte) []byte { copy(b, "not a database at all"); return b },
		"cut short":  func(b []byte) []byte { return b[:len(b)/2] },
	} {
		t.Run(name, func(t *testing.T) {
			path := closed(t, 50)
			b, err := os.ReadFile(path)
			must(t, err)
			b = spoil(b)
			must(t, os.WriteFile(path, b, 0o600))
			s, err := Open(t.Context(), options(path, time.Now))
			if err == nil {
				s.Close()
				t.Fatal("a damaged database was opened")
			}
			if fault.Text(err) != damagedText {
				t.Errorf("err = %v, said %q", err, fault.Text(err))
			}
			after, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(after, b) {
				t.Error("the damaged file was changed")
			}
		})
	}
}

// TestF17DamageWhileRunning: Check finds it.
func TestF17DamageWhileRunning(t *testing.T) {
	path := closed(t, 300)
	s := open(t, options(path, time.Now))
	must(t, s.Check(t.Context()))
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt(bytes.Repeat([]byte{0xA5}, 40*4096), 20*4096)
	must(t, err)
	must(t, f.Close())
	err = s.Check(t.Context())
	if fault.Text(err) != damagedText {
		t.Errorf("Check = %v", err)
	}
}

// killed makes a database whose process was killed, so that its log is there.
func killed(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "platen.db")
	crash(t, path, "add", "", 20)
	return path
}

// TestF18LogDeleted: SQLite would not notice. The node says so, begins a new
// epoch, and has whole documents adopted.
func TestF18LogDeleted(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"deleted":          func(path string) error { return os.Remove(path + "-wal") },
		"emptied":          func(path string) error { return os.Truncate(path+"-wal", 0) },
		"deleted with shm": func(path string) error { return errors.Join(os.Remove(path+"-wal"), os.Remove(path+"-shm")) },
	} {
		t.Run(name, func(t *testing.T) {
			path := killed(t)
			must(t, spoil(path))
			var said bytes.Buffer
			o := options(path, time.Now)
			o.Log = slog.New(slog.NewTextHandler(&said, nil))
			s := open(t, o)
			if !s.lost || !strings.Contains(said.String(), "level=ERROR") {
				t.Errorf("lost = %v, the log says %q", s.lost, said.String())
			}
			must(t, s.Check(t.Context()))
			first, _, err := s.Epoch(t.Context())
			must(t, err)
			must(t, s.Close()) // as a command would, which does not ask
			asks := open(t, o)
			if !asks.Lost() {
				t.Error("a command has hidden the loss")
			}
			must(t, asks.Close())
			again := open(t, o)
			if second, _, err := again.Epoch(t.Context()); err != nil || again.Lost() || second != first {
				t.Errorf("the next start: lost %v, epoch %d after %d, %v", again.Lost(), second, first, err)
			}
		})
	}
}

// TestF18LogCut: what was whole before the cut is there.
func TestF18LogCut(t *testing.T) {
	path := killed(t)
	info, err := os.Stat(path + "-wal")
	must(t, err)
	must(t, os.Truncate(path+"-wal", info.Size()*2/3))
	s := open(t, options(path, time.Now))
	must(t, s.Check(t.Context()))
}

func TestF18IndexOfTheLogDeleted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "platen.db")
	said := crash(t, path, "add", "", 20)
	must(t, os.Remove(path+"-shm"))
	_, jobs := reopen(t, path)
	for _, line := range said {
		if uuid, ok := strings.CutPrefix(line, "acked "); ok && len(uuid) == 36 && jobs[uuid].UUID == "" {
			t.Errorf("job %s is gone", uuid)
		}
	}
}

// TestReaderLeavesTheLog: a look at the database of a node that died does not
// tidy up its log, which would look like a loss to the node.
func TestReaderLeavesTheLog(t *testing.T) {
	path := killed(t)
	o := options(path, time.Now)
	o.ReadOnly = true
	r, err := Open(t.Context(), o)
	must(t, err)
	tenants, err := r.Tenants(t.Context())
	must(t, err)
	jobs, err := r.Tenant(tenants[0]).Jobs(t.Context(), job.Filter{})
	must(t, err)
	must(t, r.Close())
	s := open(t, options(path, time.Now))
	sc, err := s.Default(t.Context())
	must(t, err)
	again, err := sc.Jobs(t.Context(), job.Filter{})
	if err != nil || s.Lost() || len(again) != len(jobs) || len(jobs) < 10 {
		t.Errorf("lost %v, %d jobs after %d, %v", s.Lost(), len(again), len(jobs), err)
	}
}

// next returns the migrations of a later program.
func next(t *testing.T, second string) fs.FS {
	t.Helper()
	steps, err := migration{from: released, dialect: postgresDialect}.steps()
	must(t, err)
	m := fstest.MapFS{fmt.Sprintf("migrations/%04d_later.sql", len(steps)+1): {Data: []byte(second)}}
	for _, s := range steps {
		m["migrations/"+s.name] = &fstest.MapFile{Data: []byte(s.text)}
	}
	return m
}

// known is the schema of this program.
func known(t *testing.T) int {
	t.Helper()
	steps, err := migration{from: released, dialect: sqliteDialect}.steps()
	must(t, err)
	return len(steps)
}

// copyOf is where the copy before the next migration goes.
func copyOf(t *testing.T, path string) string {
	t.Helper()
	return fmt.Sprintf("%s.schema%d", path, known(t))
}

const later = "CREATE TABLE later (\n\ttenant TEXT NOT NULL,\n\tn BIGINT NOT NULL,\n\tPRIMARY KEY (tenant, n)\n);\nUPDATE jobs SET message = 'migrated';\n"

// TestF51Downgrade: a database of a later program is refused and left alone.
func TestF51Downgrade(t *testing.T) {
	path := closed(t, 3)
	o := options(path, time.Now)
	o.migrations = next(t, later)
	must(t, open(t, o).Close())
	before, err := os.ReadFile(path)
	must(t, err)
	_, err = Open(t.Context(), options(path, time.Now))
	wantKind(t, "an older program", err, fault.Conflict)
	if text := fault.Text(err); !strings.Contains(text, fmt.Sprintf("newer version of Platen (schema %d, this program knows %d)", known(t)+1, known(t))) {
		t.Errorf("it says %q", text)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Error("the refused database was changed")
	}
}

// TestF50CopyBeforeMigration: the copy opens with the old program and has
// everything.
func TestF50CopyBeforeMigration(t *testing.T) {
	path := closed(t, 3)
	must(t, os.WriteFile(copyOf(t, path)+".part", []byte("of an attempt before"), 0o600))
	o := options(path, time.Now)
	o.migrations = next(t, later)
	s := open(t, o)
	sc, err := s.Default(t.Context())
	must(t, err)
	jobs, err := sc.Jobs(t.Context(), job.Filter{})
	if err != nil || len(jobs) != 3 || jobs[0].Message != "migrated" {
		t.Errorf("migrated: %+v, %v", jobs, err)
	}
	must(t, s.Close())
	old := open(t, options(copyOf(t, path), time.Now))
	sc, err = old.Default(t.Context())
	must(t, err)
	if jobs, err := sc.Jobs(t.Context(), job.Filter{}); err != nil || len(jobs) != 3 || jobs[0].Message != "" {
		t.Errorf("the copy: %+v, %v", jobs, err)
	}
	if _, err := os.Stat(copyOf(t, path) + ".part"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the half copy is still there: %v", err)
	}
}

// TestF50MigrationFails: a step that fails leaves the schema before it.
func TestF50MigrationFails(t *testing.T) {
	path := closed(t, 3)
	o := options(path, time.Now)
	o.migrations = next(t, later+"CREATE TABLE tenants (x BIGINT);\n")
	if s, err := Open(t.Context(), o); err == nil {
		s.Close()
		t.Fatal("a migration that cannot be done was done")
	}
	_, jobs := reopen(t, path)
	if len(jobs) != 3 {
		t.Errorf("%d jobs", len(jobs))
	}
	for _, j := range jobs {
		if j.Message != "" {
			t.Errorf("half of the step is there: %+v", j)
		}
	}
}

const migrateEnv = "PLATEN_STORE_MIGRATE" // the database, then a blank, then the step's last statements

// TestMigrateChild is the child of TestF50KilledWhileMigrating.
func TestMigrateChild(t *testing.T) {
	path, tail, child := strings.Cut(os.Getenv(migrateEnv), " ")
	if !child {
		return
	}
	o := options(path, time.Now)
	o.migrations = next(t, later+tail)
	fmt.Println("begun")
	_, err := Open(t.Context(), o)
	fmt.Println("ended", err)
}

// TestF50KilledWhileMigrating: killed in the middle of a step, the database has
// the old schema, whole, and the next start migrates it.
func TestF50KilledWhileMigrating(t *testing.T) {
	path := closed(t, 3)
	// A statement that takes for ever, after others that have changed things.
	endless := "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n;\n"
	cmd := exec.Command(os.Args[0], "-test.run=^TestMigrateChild$")
	cmd.Env = append(os.Environ(), migrateEnv+"="+path+" "+endless)
	must(t, cmd.Start())
	for { // until the copy is there, after which only the step remains
		if _, err := os.Stat(copyOf(t, path)); err == nil {
			break
		}
		runtime.Gosched()
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	_, jobs := reopen(t, path)
	for _, j := range jobs {
		if j.Message != "" {
			t.Errorf("half of the step is there: %+v", j)
		}
	}
	if len(jobs) != 3 {
		t.Errorf("%d jobs", len(jobs))
	}
}

func TestMigrationsAreNumbered(t *testing.T) {
	for name, files := range map[string]fstest.MapFS{
		"a gap":       {"migrations/0001_a.sql": {}, "migrations/0003_b.sql": {}},
		"twice":       {"migrations/0001_a.sql": {}, "migrations/0001_b.sql": {}},
		"no number":   {"migrations/init.sql": {}},
		"a short one": {"migrations/1.sql": {}},
	} {
		if _, err := (migration{from: files, dialect: sqliteDialect}).steps(); err == nil {
			t.Errorf("%s passes", name)
		}
	}
}

// TestBackupWhileInUse: a copy made under load is whole, and has what was
// committed before it began.
func TestBackupWhileInUse(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	before := w.add(t, "before", anna)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				if err := w.a.AddJob(ctx, newJob(fmt.Sprint("load ", i), ben), nil); err != nil {
					t.Error(err)
					return
				}
			}
		}
	}()
	path := filepath.Join(t.TempDir(), "copy.db")
	must(t, os.WriteFile(path, []byte("an old copy"), 0o600))
	must(t, w.Backup(ctx, path))
	close(stop)
	<-done
	c := open(t, options(path, time.Now))
	must(t, c.Check(ctx))
	if _, err := c.Tenant(w.a.tenant).Job(ctx, before.ID); err != nil {
		t.Errorf("the copy lacks what was there: %v", err)
	}
}

// TestF31Restore: the backup is in place, the old database kept, and the ledger
// goes on in an epoch that was never there.
func TestF31Restore(t *testing.T) {
	path := closed(t, 3)
	o := options(path, time.Now)
	s := open(t, o)
	sc, err := s.Default(t.Context())
	must(t, err)
	first, _, err := s.Epoch(t.Context())
	must(t, err)
	copied := filepath.Join(t.TempDir(), "backup.db")
	must(t, s.Backup(t.Context(), copied))
	must(t, sc.AddJob(t.Context(), newJob("after the backup", ""), nil))
	_, err = Restore(t.Context(), o, copied)
	wantKind(t, "restoring under a running node", err, fault.Conflict)
	must(t, s.Close())

	kept, err := Restore(t.Context(), o, copied)
	must(t, err)
	s = open(t, o)
	if s.Lost() {
		t.Error("a restore is taken for a loss")
	}
	second, seq, err := s.Epoch(t.Context())
	if err != nil || second <= first || seq != 0 {
		t.Errorf("epoch %d after %d, seq %d, %v", second, first, seq, err)
	}
	counts, err := s.Tenant(sc.tenant).Counts(t.Context())
	if err != nil || counts[job.Held] != 3 {
		t.Errorf("restored: %v, %v", counts, err)
	}
	must(t, s.Close())
	old := open(t, options(kept, time.Now))
	if counts, err := old.Tenant(sc.tenant).Counts(t.Context()); err != nil || counts[job.Held] != 4 {
		t.Errorf("what was there: %v, %v", counts, err)
	}
}

// TestRestoreRefuses: what is no backup, before anything is touched.
func TestRestoreRefuses(t *testing.T) {
	path := closed(t, 3)
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		p := filepath.Join(dir, name)
		must(t, os.WriteFile(p, b, 0o600))
		return p
	}
	b, err := os.ReadFile(path)
	must(t, err)
	newerPath := write("newer.db", b)
	o := options(newerPath, time.Now)
	o.migrations = next(t, later)
	must(t, open(t, o).Close())
	for name, tt := range map[string]struct {
		from string
		kind fault.Kind
	}{
		"nothing":   {filepath.Join(dir, "none"), fault.NotFound},
		"a text":    {write("text", []byte(strings.Repeat("no database ", 1000))), fault.Invalid},
		"empty":     {write("empty", nil), fault.Invalid},
		"cut":       {write("cut", b[:len(b)/2]), fault.Invalid},
		"too new":   {newerPath, fault.Conflict},
		"a picture": {write("png", append([]byte("\x89PNG"), b...)), fault.Invalid},
	} {
		_, err := Restore(t.Context(), options(path, time.Now), tt.from)
		wantKind(t, name, err, tt.kind)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, b) {
		t.Error("the database was touched")
	}
}

// TestRestoreOverADamagedOne: that is what it is for.
func TestF17RestoreOverADamagedOne(t *testing.T) {
	path := closed(t, 3)
	good, err := os.ReadFile(path)
	must(t, err)
	copied := filepath.Join(t.TempDir(), "backup.db")
	must(t, os.WriteFile(copied, good, 0o600))
	must(t, os.WriteFile(path, []byte(strings.Repeat("rubbish ", 10000)), 0o600))
	must(t, os.WriteFile(path+"-wal", []byte("more of it"), 0o600))
	kept, err := Restore(t.Context(), options(path, time.Now), copied)
	must(t, err)
	if b, err := os.ReadFile(kept); err != nil || !bytes.HasPrefix(b, []byte("rubbish")) {
		t.Errorf("what was there is not kept: %v", err)
	}
	if b, err := os.ReadFile(kept + "-wal"); err != nil || string(b) != "more of it" {
		t.Errorf("its log is not kept: %v", err)
	}
	_, jobs := reopen(t, path)
	if len(jobs) != 3 {
		t.Errorf("%d jobs", len(jobs))
	}
}

// TestRestoreCutInTheMiddle: at every step of putting the backup in place there
// is a database that opens, and one that lacks its log says so.
func TestRestoreCutInTheMiddle(t *testing.T) {
	path := killed(t)
	kept := path + ".aside"
	must(t, setAside(path, kept))
	s := open(t, options(path, time.Now)) // as if the power had failed here
	if !s.Lost() {
		t.Error("the old database without its log is taken for whole")
	}
	must(t, s.Close())
	if _, err := fsys.OpenPrivate(kept+"-wal", false); err != nil {
		t.Errorf("the log is not kept: %v", err)
	}
}
