package pdl

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The roles of a child that need Linux.
func init() {
	roles["eats"] = func([]string) int { return confined(childLimits(), eat) }
	roles["recurses"] = func([]string) int { return confined(childLimits(), func() int { return recurse(0) }) }
	roles["spins"] = func([]string) int {
		l := childLimits()
		l.CPU = 1
		return confined(l, spin)
	}
	roles["reaches"] = func(args []string) int {
		return confined(childLimits(), func() int { return reach(args[0], args[1]) })
	}
	roles["looks"] = func([]string) int {
		before, err := private()
		if err != nil {
			return 1
		}
		return confined(childLimits(), func() int { return look(before) })
	}
	roles["dials"] = func(args []string) int { return says(1 + dial(args[0])) }
	roles["holds"] = func(args []string) int { return hold(args[0]) }
	roles["begets"] = func(args []string) int {
		cmd := exec.Command("/proc/self/exe", childArg, "holds", args[0])
		cmd.Stdout = os.Stdout
		if cmd.Run() != nil {
			return 1
		}
		return 0
	}
	roles["refused"] = func([]string) int { return countRefused() }
	// node counts as the node does, with a child that holds.
	roles["node"] = func(args []string) int {
		c := &Counter{Command: []string{"/proc/self/exe", childArg, "holds", args[0]}, Timeout: time.Hour}
		if _, err := c.Count(context.Background(), PDF, opens(onePage())); err != nil {
			return 1
		}
		return 0
	}
}

// confined begins as CountMain does and then does something else, which
// returns a number of pages.
func confined(l limits, do func() int) int {
	runtime.LockOSThread()
	if err := confine(l); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(`{"pages":-1,"why":"limits"}`)
	return says(do())
}

func says(pages int) int {
	fmt.Printf("{\"pages\":%d,\"sure\":true}\n", pages)
	return 0
}

// eat takes 4 GiB.
func eat() int {
	var all [][]byte
	for range 4 << 10 {
		b := make([]byte, 1<<20)
		for i := 0; i < len(b); i += 4 << 10 {
			b[i] = 1
		}
		all = append(all, b)
	}
	return len(all)
}

// recurse would need a TiB of stack.
func recurse(n int) int {
	var frame [1 << 10]byte
	if n > 1<<30 {
		return 1
	}
	frame[n%len(frame)] = 1
	return recurse(n+1) + int(frame[0])
}

func spin() int {
	for n := 0; ; n++ {
		runtime.KeepAlive(n)
	}
}

// reach tries to get at files, a network and another program: 1 is nothing.
func reach(file, addr string) int {
	got := 1
	if f, err := os.Open("/etc/passwd"); err == nil {
		f.Close()
		got++
	}
	if os.WriteFile(file, []byte("x"), 0o600) == nil {
		got += 2
	}
	if exec.Command("/bin/true").Run() == nil {
		got += 4
	}
	return got + 8*dial(addr)
}

func dial(addr string) int {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return 0
	}
	conn.Close()
	return 1
}

// look compares the limits with what they should be: 1 is right.
func look(before uint64) int {
	wrong := 1
	if dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || dumpable != 0 {
		wrong++
	}
	if bound, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); err != nil || bound != 1 {
		wrong += 2
	}
	for i, want := range []struct {
		resource int
		most     uint64
	}{
		{unix.RLIMIT_CORE, 0}, {unix.RLIMIT_FSIZE, 0}, {unix.RLIMIT_NOFILE, 0}, {unix.RLIMIT_CPU, 10},
		{unix.RLIMIT_DATA, before + 260<<20},
	} {
		var r unix.Rlimit
		if err := unix.Getrlimit(want.resource, &r); err != nil || r.Max > want.most || r.Cur != r.Max {
			wrong += 4 << i
		}
	}
	return wrong
}

// hold keeps a pipe open that ends when the process does.
func hold(pipe string) int {
	f, err := os.OpenFile(pipe, os.O_WRONLY, 0)
	if err != nil {
		return 1
	}
	fmt.Fprintln(f, "begun")
	fmt.Println(`{"pages":-1,"why":"limits"}`)
	for {
		time.Sleep(time.Hour)
	}
}

// died remembers how a child ended.
type died struct {
	status syscall.WaitStatus
	peak   int64 // MiB that were resident at once
	user   time.Duration
}

func watch(c *Counter) *died {
	d := &died{}
	c.ended = func(p *os.ProcessState) {
		d.status, _ = p.Sys().(syscall.WaitStatus)
		d.peak = p.SysUsage().(*syscall.Rusage).Maxrss >> 10
		d.user = p.UserTime() + p.SystemTime()
	}
	return d
}

// most is what a child may have in memory, in MiB: what it asks for, the
// document, and the program itself. Linux also counts for a child what its
// parent had when it was started, which under the race detector can be more.
func most(t *testing.T) int64 {
	t.Helper()
	var self syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &self); err != nil {
		t.Fatal(err)
	}
	return max(256+MaxCounted>>20+64, self.Maxrss>>10)
}

// Documents that inflate.
func TestA30Bombs(t *testing.T) {
	pages := map[int]string{3: leaf}
	inStream := map[int][2]int{1: {0, 0}, 2: {0, 1}, 3: {0, 2}}
	const head = "/Type/ObjStm/N 3/First 15/Filter"
	objects := "1 0 2 30 3 80  " + pad(catalog, 30) + pad("<</Type/Pages/Count 1/Kids[3 0 R]>>", 50) + leaf
	big := inflating(t, objects, 4<<10)
	t.Logf("4 GiB in %d KiB", len(big)>>10)

	tests := map[string][]byte{
		"an object stream of 4 GiB":         compressed([]string{stream(head+"/FlateDecode", big)}, inStream),
		"12 object streams of 60 MiB":       retained(t, 12, 60),
		"a cross-reference stream of 4 GiB": crossed(stream("/Type/XRef/Size 9/W[1 4 2]/Root 1 0 R/Filter/FlateDecode", big)),
		"predictor with endless columns":    crossed(stream("/Type/XRef/Size 9/W[1 4 2]/Root 1 0 R/Filter/FlateDecode/DecodeParms<</Predictor 12/Columns 2147483647>>", inflating(t, "", 1))),
		"wide entries":                      crossed(stream("/Type/XRef/Size 9/W[2147483647 2147483647 2147483647]/Root 1 0 R", "x")),
		"a size of two billions":            crossed(stream("/Type/XRef/Size 2147483647/W[1 4 2]/Root 1 0 R", "x")),
		"an index of two billions":          crossed(stream("/Type/XRef/Size 9/Index[0 2147483647]/W[1 4 2]/Root 1 0 R", "x")),
		"filters on filters":                compressed([]string{stream(head+"["+strings.Repeat("/FlateDecode", 500)+"]", inflating(t, "", 1))}, inStream),
		"a stream that inflates, unread":    tree("<</Type/Pages/Count 1/Kids[3 0 R]>>", map[int]string{3: leaf, 4: stream("/Filter/FlateDecode", big)}),
		"objects without end, unread":       tree("<</Type/Pages/Count 1/Kids[3 0 R]>>", map[int]string{3: leaf, 4: strings.Repeat("<</A", 1<<20)}),
		"streams without length or end":     endless(),
		"a cross-reference to a billion":    []byte("%PDF-1.4\nxref\n0 1000000000\n0000000000 65535 f \ntrailer<</Size 1000000000/Root 1 0 R>>\nstartxref\n9\n%%EOF\n"),
		"a page tree of millions of kids":   tree("<</Type/Pages/Count 1/Kids["+strings.Repeat("3 0 R ", 2<<20)+"]>>", pages),
	}
	for name, doc := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCounter(t, "count")
			c.Timeout = time.Minute // the limit on processor time comes first
			end := watch(c)
			began := time.Now()
			r := count(t, c, doc)
			t.Logf("%d KiB: %q %d pages, %s, %d MiB, %s of processor, %s", len(doc)>>10, r.Why, r.Pages, describe(end.status), end.peak, end.user, time.Since(began))
			if strings.HasSuffix(name, "unread") {
				if r.Pages != 1 {
					t.Errorf("%+v", r)
				}
			} else if r.Pages != -1 {
				t.Errorf("%+v", r)
			}
			if end.peak > most(t) {
				t.Errorf("%d MiB in memory", end.peak)
			}
		})
	}
}

// retained is a PDF with a page in each of n object streams of that many MiB.
func retained(t *testing.T, n, each int) []byte {
	t.Helper()
	var kids strings.Builder
	at := map[int][2]int{1: {0, 0}, 2: {0, 1}}
	streams := []string{""}
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&kids, "%d 0 R ", 2+i)
		at[2+i] = [2]int{i, 0}
		streams = append(streams, stream("/Type/ObjStm/N 1/First 10/Filter/FlateDecode", inflating(t, pad(fmt.Sprintf("%d 0", 2+i), 10)+leaf, each)))
	}
	streams[0] = stream("/Type/ObjStm/N 2/First 10", pad("1 0 2 30", 10)+pad(catalog, 30)+fmt.Sprintf("<</Type/Pages/Count %d/Kids[%s]>>", n, kids.String()))
	return compressed(streams, at)
}

// crossed is a PDF with a cross-reference stream.
func crossed(object string) []byte {
	head := "%PDF-1.7\n"
	return fmt.Appendf(nil, "%s1 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF\n", head, object, len(head))
}

// endless has streams of which each would reach to the end of the document.
func endless() []byte {
	more := map[int]string{3: leaf}
	for n := 4; n < 30_000; n++ {
		more[n] = "<<>>stream\n" + strings.Repeat("x", 500)
	}
	return tree("<</Type/Pages/Count 1/Kids[3 0 R]>>", more)
}

func describe(s syscall.WaitStatus) string {
	if s.Signaled() {
		return s.Signal().String()
	}
	return fmt.Sprintf("status %d", s.ExitStatus())
}

// Whatever the parser does, the limits hold.
func TestA30Limits(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		c := newCounter(t, "eats")
		end := watch(c)
		if r := count(t, c, onePage()); r != unknownPages(textLimits) || end.peak > most(t) {
			t.Errorf("%+v, %d MiB", r, end.peak)
		}
	})
	t.Run("stack", func(t *testing.T) {
		c := newCounter(t, "recurses")
		end := watch(c)
		if r := count(t, c, onePage()); r != unknownPages(textLimits) || end.peak > most(t) {
			t.Errorf("%+v, %d MiB", r, end.peak)
		}
	})
	t.Run("processor", func(t *testing.T) {
		c := newCounter(t, "spins")
		c.Timeout = time.Hour
		end := watch(c)
		if r := count(t, c, onePage()); r != unknownPages(textLimits) || !end.status.Signaled() || end.user > 3*time.Second {
			t.Errorf("%+v, %s, %s", r, describe(end.status), end.user)
		}
	})
	t.Run("all are set", func(t *testing.T) {
		if r := count(t, newCounter(t, "looks"), onePage()); r.Pages != 1 {
			t.Errorf("wrong: %b", r.Pages-1)
		}
	})
}

// A child gets at nothing, even when the system refuses it namespaces.
func TestA30ChildIsAlone(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	addr := ln.Addr().String()
	file := filepath.Join(t.TempDir(), "written")

	if r := count(t, newCounter(t, "reaches", file, addr), onePage()); r.Pages != 1 {
		t.Errorf("got at %b", r.Pages-1)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("wrote a file")
	}
	c := newCounter(t, "dials", addr)
	if r := count(t, c, onePage()); r.Pages != 1 && !c.refused.Load() {
		t.Error("reached the network from a namespace of its own")
	}
	t.Logf("namespaces refused: %t", c.refused.Load())
}

// Where the system refuses namespaces, pages are counted without.
func TestCountWithoutNamespaces(t *testing.T) {
	refuse := func(attr *syscall.SysProcAttr) *exec.Cmd {
		cmd := exec.Command(os.Args[0], childArg, "refused")
		cmd.SysProcAttr = attr
		return cmd
	}
	self := []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
	out, err := refuse(&syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER, UidMappings: self}).CombinedOutput()
	if err != nil { // this system refuses them to everybody
		t.Logf("%v: %s", err, out)
		out, err = refuse(nil).CombinedOutput()
	}
	if want := "1 pages, refused: true"; err != nil || string(out) != want {
		t.Errorf("%v: got %q, want %q", err, out, want)
	}

	c := newCounter(t, "count")
	c.Command[0] = "/nonexistent"
	if _, err := c.start(t.Context(), strings.NewReader(""), io.Discard); err == nil || c.refused.Load() {
		t.Errorf("a missing program was taken for a refusal: %v", err)
	}
}

// countRefused counts in a namespace that may not have more of them.
func countRefused() int {
	_ = os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0) // else they are refused already
	c := &Counter{Command: []string{"/proc/self/exe", childArg, "count"}, Timeout: time.Minute, Log: slog.New(slog.DiscardHandler)}
	r, err := c.Count(context.Background(), PDF, opens(onePage()))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Printf("%d pages, refused: %t", r.Pages, c.refused.Load())
	return 0
}

// pipe makes a named pipe that a child can hold.
func pipe(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A child that hangs is killed with its own children.
func TestA30GroupIsKilled(t *testing.T) {
	path := pipe(t)
	c := newCounter(t, "begets", path)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	counted := make(chan error, 1)
	go func() {
		_, err := c.Count(ctx, PDF, opens(onePage()))
		counted <- err
	}()
	waitForEnd(t, path, cancel)
	if err := <-counted; err == nil {
		t.Error("no error")
	}
}

// A child does not outlive the node.
func TestA30ChildDiesWithNode(t *testing.T) {
	path := pipe(t)
	node := exec.Command(os.Args[0], childArg, "node", path)
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	waitForEnd(t, path, func() {
		if err := node.Process.Kill(); err != nil {
			t.Error(err)
		}
	})
	node.Wait()
}

// waitForEnd waits until somebody holds the pipe, acts, and waits until nobody
// does.
func waitForEnd(t *testing.T, path string, act func()) {
	t.Helper()
	f, err := os.Open(path) // blocks until somebody opens it for writing
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	held := bufio.NewReader(f)
	if line, err := held.ReadString('\n'); err != nil {
		t.Fatalf("%q, %v", line, err)
	}
	act()
	if rest, err := io.ReadAll(held); err != nil || len(rest) > 0 {
		t.Errorf("%q, %v", rest, err)
	}
}

// BenchmarkCount measures a whole count, with the start of the child.
func BenchmarkCount(b *testing.B) {
	for name, pdf := range map[string][]byte{
		"1":           ghostscript(b, 1),
		"1000":        ghostscript(b, 1000),
		"1000-objstm": qpdf(b, ghostscript(b, 1000), "--object-streams=generate"),
	} {
		b.Run(name, func(b *testing.B) {
			c := &Counter{Command: []string{os.Args[0], childArg, "count"}}
			for b.Loop() {
				if r, err := c.Count(b.Context(), PDF, opens(pdf)); err != nil || r.Pages < 1 {
					b.Fatal(r, err)
				}
			}
		})
	}
}
