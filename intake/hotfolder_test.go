package intake

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"

	"platen/fault"
	"platen/job"
)

// inbox is a folder that is watched by hand: a test says when it is looked at.
type inbox struct {
	*node
	*watch
	dir string
}

func newInbox(t *testing.T) *inbox {
	t.Helper()
	n := newNode(t)
	return n.inbox(Folder{Path: t.TempDir(), Queue: "secure", Owner: "ERP"})
}

func (n *node) inbox(f Folder) *inbox {
	h := &HotFolder{Intake: n.Intake, Settle: 2 * time.Second, Every: 30 * time.Second, Now: n.Now, Log: n.Log}
	return &inbox{node: n, watch: &watch{HotFolder: h, Folder: f, files: map[string]*sighting{}}, dir: f.Path}
}

// put makes a file that nobody will change.
func (b *inbox) put(name, text string) {
	b.t.Helper()
	write(b.t, filepath.Join(b.dir, name), text)
}

// after lets time pass and looks at the folder.
func (b *inbox) after(d time.Duration) time.Duration {
	b.now = b.now.Add(d)
	return b.scan(b.t.Context())
}

// settle looks at the folder until what is in it had its chance.
func (b *inbox) settle() {
	b.after(0)
	b.after(b.Settle)
}

// in lists a folder below the inbox.
func (b *inbox) in(folder string) []string {
	b.t.Helper()
	entries, err := os.ReadDir(filepath.Join(b.dir, folder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

func (b *inbox) check(waiting, done, failed []string, jobs int) {
	b.t.Helper()
	for folder, want := range map[string][]string{"": waiting, doneFolder: done, failedFolder: failed} {
		if got := b.in(folder); !slices.Equal(got, append([]string{}, want...)) {
			b.t.Errorf("in %q: %q, want %q", folder, got, want)
		}
	}
	if got := len(b.store.all()); got != jobs {
		b.t.Errorf("%d jobs, want %d", got, jobs)
	}
}

func TestAFileBecomesAJob(t *testing.T) {
	b := newInbox(t)
	b.put("Invoice 7.pdf", "%PDF-1.4 x")
	if wait := b.after(0); wait != 2*time.Second {
		t.Errorf("looks again in %v", wait)
	}
	b.check([]string{"Invoice 7.pdf"}, nil, nil, 0)
	if wait := b.after(2 * time.Second); wait != 30*time.Second {
		t.Errorf("looks again in %v", wait)
	}
	b.check(nil, []string{"Invoice 7.pdf"}, nil, 1)
	j := b.store.all()[0]
	if j.Owner != "u-erp" || j.State != job.Held || j.Ticket.Title != "Invoice 7.pdf" || j.Origin.Door != "hotfolder" || b.read(j.Documents[0]) != "%PDF-1.4 x" {
		t.Errorf("%+v", j)
	}
	if h := b.store.history[1][0]; h.Text != "Taken from a folder for queue %s: one document, %s." {
		t.Errorf("history begins with %+v", h)
	}
	if strings.Contains(b.log.String(), "Invoice") {
		t.Errorf("the file's name is personal: %s", b.log)
	}
}

func TestAFileThatGrowsIsNotTaken(t *testing.T) {
	b := newInbox(t)
	b.put("a", "half")
	b.after(0)
	b.after(time.Second)
	b.put("a", "half and half")
	b.after(time.Second)
	b.after(1900 * time.Millisecond)
	b.check([]string{"a"}, nil, nil, 0)
	b.after(100 * time.Millisecond)
	b.check(nil, []string{"a"}, nil, 1)
}

func TestWhatIsNotTaken(t *testing.T) {
	b := newInbox(t)
	names := []string{".hidden", "a.PART", "a.crdownload", "a.filepart", "a.partial", "a.swp", "a.temp", "a.tmp", "a~", "empty"}
	for _, name := range names {
		b.put(name, strings.Repeat("x", len(strings.TrimPrefix(name, "empty"))))
	}
	if err := os.Mkdir(filepath.Join(b.dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	b.settle()
	b.settle()
	b.check(names, nil, nil, 0)
	if err := os.Rename(filepath.Join(b.dir, "a.tmp"), filepath.Join(b.dir, "a.prn")); err != nil {
		t.Fatal(err)
	}
	b.settle()
	if b.check(slices.DeleteFunc(names, func(s string) bool { return s == "a.tmp" }), []string{"a.prn"}, nil, 1); len(b.watch.files) != 0 {
		t.Errorf("still remembers %v", b.watch.files)
	}
}

func TestFilesComeInTheirOrder(t *testing.T) {
	b := newInbox(t)
	for i, name := range []string{"c", "a", "b"} {
		b.put(name, name)
		at := someTime.Add(time.Duration(min(i, 1)) * time.Minute) // a and b at the same time
		if err := os.Chtimes(filepath.Join(b.dir, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	b.settle()
	var got []string
	for _, j := range b.store.all() {
		got = append(got, j.Ticket.Title)
	}
	if !slices.Equal(got, []string{"c", "a", "b"}) {
		t.Errorf("%q", got)
	}
}

func TestA74LinksAreRefused(t *testing.T) {
	b := newInbox(t)
	secret := filepath.Join(t.TempDir(), "secret")
	write(t, secret, "secret")
	if err := os.Symlink(secret, filepath.Join(b.dir, "link.pdf")); err != nil {
		t.Fatal(err)
	}
	b.settle()
	b.check(nil, nil, []string{"link.pdf", "link.pdf.txt"}, 0)
	said, err := os.ReadFile(filepath.Join(b.dir, failedFolder, "link.pdf.txt"))
	if err != nil || string(said) != "This is a link or device and not a file. Links are not followed.\n" {
		t.Errorf("%q, %v", said, err)
	}
}

// A link that takes a file's place between the look and the opening.
func TestA74ALinkThatComesLater(t *testing.T) {
	b := newInbox(t)
	b.put("a", "a")
	secret := filepath.Join(t.TempDir(), "secret")
	write(t, secret, "a")
	root, err := os.OpenRoot(b.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	list, err := b.list(root)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	if err := errors.Join(os.Remove(filepath.Join(b.dir, "a")), os.Symlink(secret, filepath.Join(b.dir, "a"))); err != nil {
		t.Fatal(err)
	}
	b.take(t.Context(), root, list[0], b.see(list[0]))
	b.check([]string{"a"}, nil, nil, 0)
}

func TestA74DoneIsNoWayOut(t *testing.T) {
	b := newInbox(t)
	elsewhere := t.TempDir()
	if err := os.Symlink(elsewhere, filepath.Join(b.dir, doneFolder)); err != nil {
		t.Fatal(err)
	}
	b.put("a", "a")
	b.settle()
	b.settle()
	if entries, err := os.ReadDir(elsewhere); err != nil || len(entries) != 0 || len(b.store.all()) != 0 {
		t.Errorf("%v, %v, %d jobs", entries, err, len(b.store.all()))
	}
	if strings.Count(b.log.String(), "cannot be used") != 1 {
		t.Errorf("log: %s", b.log)
	}
}

func TestAFileThatCanNeverBeAJob(t *testing.T) {
	b := newInbox(t)
	b.Queue = "small"
	b.put("big.prn", strings.Repeat("x", 101))
	b.settle()
	b.check(nil, nil, []string{"big.prn", "big.prn.txt"}, 0)
	said, err := os.ReadFile(filepath.Join(b.dir, failedFolder, "big.prn.txt"))
	if err != nil || string(said) != "The job is larger than 100 octets, which is the most that is allowed here.\n" {
		t.Errorf("%q, %v", said, err)
	}
	if b.node.empty(); strings.Contains(b.log.String(), "big.prn") {
		t.Errorf("log: %s", b.log)
	}
}

func TestAFileWaitsForWhatCanBeMended(t *testing.T) {
	tests := map[string]struct{ damage, mend func(b *inbox) }{
		"no such queue":  {func(b *inbox) { b.Queue = "nowhere" }, func(b *inbox) { b.Queue = "secure" }},
		"a closed queue": {func(b *inbox) { b.Queue = "closed" }, func(b *inbox) { b.Queue = "secure" }},
		"F11 a full disk": {func(b *inbox) { b.free = func() (uint64, uint64, error) { return 0, 0, nil } },
			func(b *inbox) { b.free = func() (uint64, uint64, error) { return 1 << 40, 1000, nil } }},
		"a database that is away": {func(b *inbox) { b.store.broken = &fault.Error{Kind: fault.Unavailable} }, func(b *inbox) { b.store.broken = nil }},
		"a row that is not stored": {func(b *inbox) { b.store.addError = func(*job.Job) error { return &fault.Error{Kind: fault.Full} } },
			func(b *inbox) { b.store.addError = nil }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newInbox(t)
			tt.damage(b)
			b.put("a", "a")
			b.settle()
			b.after(29 * time.Second)
			b.after(time.Second)
			b.check([]string{"a"}, nil, nil, 0)
			if said := strings.Count(b.log.String(), "has to wait"); said != 1 {
				t.Errorf("said %d times: %s", said, b.log)
			}
			tt.mend(b)
			b.after(30 * time.Second)
			b.check(nil, []string{"a"}, nil, 1)
		})
	}
}

// The node dies after the job's commit and before the file is moved.
func TestAFilePrintsOnceOverACrash(t *testing.T) {
	b := newInbox(t)
	b.put("a", "a")
	root, err := os.OpenRoot(b.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	list, err := b.list(root)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.submit(t.Context(), root, list[0], b.see(list[0])); err != nil {
		t.Fatal(err)
	}
	b.check([]string{"a"}, nil, nil, 1)

	again := b.inbox(b.Folder)
	again.settle()
	again.check(nil, []string{"a"}, nil, 1)
}

// While it cannot be moved it is not printed again, also when somebody who
// mends the folder touches the file.
func TestAFilePrintsOnceWhileItCannotBeMoved(t *testing.T) {
	b := newInbox(t)
	b.put("a", "a")
	b.after(0)
	root, err := os.OpenRoot(b.dir)
	if err != nil {
		t.Fatal(err)
	}
	list, err := b.list(root)
	if err != nil {
		t.Fatal(err)
	}
	root.Close() // so that moving fails
	open, err := os.OpenRoot(b.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	s := b.see(list[0])
	j, err := b.submit(t.Context(), open, list[0], s)
	if err != nil {
		t.Fatal(err)
	}
	s.taken = &j
	b.take(t.Context(), root, list[0], s)
	b.check([]string{"a"}, nil, nil, 1)
	if err := os.Chmod(filepath.Join(b.dir, "a"), 0o640); err != nil {
		t.Fatal(err)
	}
	b.after(30 * time.Second)
	b.check(nil, []string{"a"}, nil, 1)
}

func TestTheSameNameAgainIsAnotherJob(t *testing.T) {
	b := newInbox(t)
	for range 3 {
		b.put("labels.zpl", "^XA^XZ")
		b.settle()
	}
	b.check(nil, []string{"labels-1.zpl", "labels-2.zpl", "labels.zpl"}, nil, 3)
}

func TestWhoOwnsAFile(t *testing.T) {
	for owner, want := range map[string]string{"erp": "u-erp", "nobody here": "", "gone": "", "": "u-ben"} {
		b := newInbox(t)
		b.Owner = owner
		b.put("a.ps", "%!PS\n%%For: ben\n%%EndComments\n")
		b.settle()
		if j := b.store.all()[0]; j.Owner != want {
			t.Errorf("%q: owner %q, %s", owner, j.Owner, j.OwnerRule)
		}
	}
}

func TestAFolderThatIsNotThere(t *testing.T) {
	n := newNode(t)
	dir := filepath.Join(t.TempDir(), "later")
	b := n.inbox(Folder{Path: dir, Queue: "secure", Owner: "erp"})
	if wait := b.after(0); wait != b.Every {
		t.Errorf("looks again in %v", wait)
	}
	b.after(b.Every)
	if said := strings.Count(b.log.String(), "cannot be used"); said != 1 {
		t.Errorf("said %d times: %s", said, b.log)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	b.put("a", "a")
	b.settle()
	b.check(nil, []string{"a"}, nil, 1)
}

func TestTheFileChangesWhileItIsRead(t *testing.T) {
	b := newInbox(t)
	b.put("a", "a")
	f, err := os.Open(filepath.Join(b.dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	before, err := identify(f)
	if err != nil {
		t.Fatal(err)
	}
	b.put("a", "b and more")
	if _, err := b.stream(t.Context(), f, "a", b.uuid("a", before), before); !errors.Is(err, errBusy) {
		t.Errorf("%v", err)
	}
	b.node.empty()
}

func TestAFilesJobHasAnUUIDOfItsOwn(t *testing.T) {
	b := newInbox(t)
	i := identity{1, 2, 3, 4}
	first := b.uuid("a", i)
	if len(first) != 36 || first[14] != '8' || !strings.ContainsRune("89ab", rune(first[19])) {
		t.Errorf("%s is no UUIDv8", first)
	}
	for _, other := range []string{b.uuid("b", i), b.uuid("a", identity{2, 2, 3, 4}), b.uuid("a", identity{1, 2, 3, 5})} {
		if other == first {
			t.Error("another file, the same job")
		}
	}
	b.Path += "/"
	if b.uuid("a", i) != first {
		t.Error("the same folder, written otherwise, is another one")
	}
}

// A burst of hints, or the news that some were lost, leads to one look soon.
func TestHintsShortenTheRest(t *testing.T) {
	b := newInbox(t)
	synctest.Test(t, func(t *testing.T) {
		hints := &fsnotify.Watcher{Events: make(chan fsnotify.Event), Errors: make(chan error)}
		begin := time.Now()
		go func() {
			time.Sleep(10 * time.Second)
			hints.Errors <- fsnotify.ErrEventOverflow
			for range 3 {
				time.Sleep(100 * time.Millisecond)
				hints.Events <- fsnotify.Event{}
			}
		}()
		if !b.rest(context.Background(), hints, 30*time.Second) || time.Since(begin) != 10*time.Second+500*time.Millisecond {
			t.Errorf("rested %v", time.Since(begin))
		}
		begin = time.Now()
		if !b.rest(context.Background(), hints, 30*time.Second) || time.Since(begin) != 30*time.Second {
			t.Errorf("without hints rested %v", time.Since(begin))
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if b.rest(ctx, hints, time.Hour) {
			t.Error("rested beyond the end")
		}
	})
}

// The whole of it, with the system's own hints.
func TestServeWatchesFolders(t *testing.T) {
	n := newNode(t)
	one, two := t.TempDir(), t.TempDir()
	came := make(chan job.Job, 3)
	n.Accepted = func(j job.Job) { came <- j }
	write(t, filepath.Join(one, "before"), "was there at the start")
	h := &HotFolder{
		Folders: []Folder{{one, "secure", "erp"}, {two, "labels", "erp"}},
		Intake:  n.Intake, Settle: 10 * time.Millisecond, Every: time.Hour, Now: time.Now, Log: n.Log,
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- h.Serve(ctx) }()
	if j := <-came; j.QueueName != "secure" {
		t.Errorf("%+v", j)
	}
	write(t, filepath.Join(two, "later"), "^XA^XZ")
	if j := <-came; j.QueueName != "Labels" {
		t.Errorf("%+v", j)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
