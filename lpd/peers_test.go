//go:build linux

package lpd_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The tests of this file print with software that nobody here wrote. `make
// peers` installs it; what is missing is a failure, never a skip.

// prints are what a test prints: a text, octets that are not text, and both.
type prints struct{ dir, text, binary string }

const helloText = "Hello, world\nsecond line\n"

func somePrints(t *testing.T) prints {
	t.Helper()
	dir := t.TempDir()
	p := prints{dir, filepath.Join(dir, "a.txt"), filepath.Join(dir, "b.bin")}
	b := make([]byte, 5420)
	_, _ = rand.Read(b)
	b[0], b[5419] = 0, 0 // NULs where they could be mistaken for the protocol's
	if err := os.WriteFile(p.text, []byte(helloText), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.binary, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// peerProgram finds a program and logs what it is.
func peerProgram(t *testing.T, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is missing (make peers installs it): %v", name, err)
	}
	out, err := exec.Command("dpkg-query", "-W", "-f", "${Version}", pkg).Output()
	if err != nil {
		t.Logf("peer: %s, %s of unknown version", path, pkg)
	} else {
		t.Logf("peer: %s, %s %s", path, pkg, out)
	}
	return path
}

// asRoot returns a command that runs as root: what the peers do needs source
// ports below 1024 or a private mount.
func asRoot(ctx context.Context, name string, args ...string) *exec.Cmd {
	if os.Geteuid() != 0 {
		return exec.CommandContext(ctx, "sudo", append([]string{"-n", "-E", name}, args...)...)
	}
	return exec.CommandContext(ctx, name, args...)
}

// runPeer runs a program to its good end and returns its output.
func runPeer(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, &out)
	}
	return out.String()
}

func peerContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// wantDocument compares a document that came with the file that went.
func wantDocument(t *testing.T, d memoryDoc, path string, times int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.Repeat(b, times)
	if d.octets != int64(len(b)) || d.sum != crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) {
		t.Errorf("document of %s: %d octets with sum %08x came, %d went", filepath.Base(path), d.octets, d.sum, len(b))
	}
}

// only returns the one job that came.
func (r *running) only(t *testing.T) memoryJob {
	t.Helper()
	r.gone()
	r.stop()
	jobs := r.m.all()
	if len(jobs) != 1 {
		t.Fatalf("%d jobs came: %v\n%s", len(jobs), jobs, r.log)
	}
	return jobs[0]
}

func TestPeerCUPS(t *testing.T) {
	const backend = "/usr/lib/cups/backend/lpd"
	path := peerProgram(t, backend, "cups")
	p := somePrints(t)
	tests := map[string]struct {
		options, user, title string
		copies               int
		file                 string
		stdin                bool
		want                 string // claimed, cut, title
		lines, times         int    // print lines; how often the document is in its file
	}{
		"default":      {"", "anna", "Invoice 4", 1, p.text, false, "anna false Invoice 4", 1, 1},
		"utf-8":        {"", `CORP\jürgen.müller`, "Bericht Größe", 1, p.text, false, `CORP\jürgen.müller false Bericht Gr____e`, 1, 1},
		"not cleaned":  {"?sanitize_title=no", "anna", "Bericht Größe", 1, p.text, false, "anna false Bericht Größe", 1, 1},
		"data,control": {"?order=data,control", "anna", "Invoice 4", 1, p.binary, false, "anna false Invoice 4", 1, 1},
		"stream":       {"?mode=stream", "anna", "Streamed", 1, p.text, true, "anna false Streamed", 1, 1},
		"stream file":  {"?mode=stream", "anna", "Streamed", 1, p.text, false, "anna false Streamed", 1, 1}, // as from a raw queue: the exact size, and no last NUL
		"reserved":     {"?reserve=rfc1179&banner=on", "anna", "Reserved", 1, p.text, false, "anna false Reserved", 1, 1},
		"copies":       {"", "anna", "Two", 2, p.binary, false, "anna false Two", 1, 2},
		"copies lines": {"?manual_copies=off", "anna", "Two", 2, p.binary, false, "anna false Two", 2, 1},
		"cut": {"?sanitize_title=no", `EXAMPLE-DOMAIN\jürgen.müller-lüdenscheidt@example.org`, strings.Repeat("Ä", 60), 1, p.text, false,
			`EXAMPLE-DOMAIN\jürgen.müller- true ` + strings.Repeat("Ä", 49), 1, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := startForPeer(t, &memory{})
			args := []string{"DEVICE_URI=lpd://" + r.addr + "/secure" + tt.options, path, "42", tt.user, tt.title, fmt.Sprint(tt.copies), ""}
			if !tt.stdin {
				args = append(args, tt.file)
			}
			cmd := asRoot(peerContext(t), "env", args...)
			// cupsd gives its backends a back channel and a side channel.
			back, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer back.Close()
			side, other, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer side.Close()
			defer other.Close()
			cmd.ExtraFiles = []*os.File{back, side}
			if tt.stdin {
				in, err := os.Open(tt.file)
				if err != nil {
					t.Fatal(err)
				}
				defer in.Close()
				cmd.Stdin = in
			}
			runPeer(t, cmd)
			j := r.only(t)
			if got := fmt.Sprint(j.ticket.Claimed, " ", j.ticket.Cut, " ", j.ticket.Title); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if len(j.docs) != 1 || j.docs[0].copies != tt.lines {
				t.Fatalf("job %v", j)
			}
			wantDocument(t, j.docs[0], tt.file, tt.times)
		})
	}
}

func TestPeerRlpr(t *testing.T) {
	path := peerProgram(t, "rlpr", "rlpr")
	p := somePrints(t)
	tests := map[string]struct {
		args []string
		want []string // title, copies and file of each job
	}{
		// From a port of 721-731, as it likes best; there are only eleven.
		"one":    {[]string{"-J", "Größe", "-C", "cls", "a.txt"}, []string{"Größe 1 " + p.text}},
		"two":    {[]string{"--no-bind", "a.txt", "b.bin"}, []string{"a.txt 1 " + p.text, "b.bin 1 " + p.binary}},
		"copies": {[]string{"--no-bind", "-#3", "a.txt"}, []string{"a.txt 3 " + p.text}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := startForPeer(t, &memory{})
			host, port, _ := strings.Cut(r.addr, ":")
			cmd := asRoot(peerContext(t), path, append([]string{"-q", "-H", host, "-P", "secure", "--port=" + port}, tt.args...)...)
			cmd.Dir = p.dir
			runPeer(t, cmd)
			r.gone()
			r.stop()
			var got []string
			for i, j := range r.m.all() {
				if i < len(tt.want) {
					wantDocument(t, j.docs[0], strings.Fields(tt.want[i])[2], 1)
				}
				got = append(got, fmt.Sprint(j.ticket.Title, " ", j.docs[0].copies, " ", filepath.Join(p.dir, j.docs[0].name)))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestPeerRlprQueue: rlpq and rlprm.
func TestPeerRlprQueue(t *testing.T) {
	m := &memory{}
	given(t, []string{"job 12 anna"}, m, nil)
	for program, want := range map[string]string{
		"rlpq":  "secure is ready, 1 waiting",
		"rlprm": "Jobs cannot be removed from this queue by LPR.",
	} {
		path := peerProgram(t, program, "rlpr")
		r := start(t, m, nil)
		host, port, _ := strings.Cut(r.addr, ":")
		out := runPeer(t, asRoot(peerContext(t), path, "-H", host, "-P", "secure", "--port="+port, "--no-bind", "12"))
		if !strings.Contains(out, want) {
			t.Errorf("%s shows %q, want %q", program, out, want)
		}
		r.stop()
	}
}

// lprng is LPRng, unpacked into a folder. Its programs read /etc/lprng and
// /etc/printcap: they get an /etc of their own, laid over this machine's.
type lprng struct{ root, etc string }

func unpackedLPRng(t *testing.T) lprng {
	t.Helper()
	root := os.Getenv("PLATEN_PEERS")
	if root == "" {
		root = filepath.Join("..", ".peers")
	}
	root, err := filepath.Abs(filepath.Join(root, "lprng"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "usr/bin/lpr")); err != nil {
		t.Fatalf("LPRng is missing (make peers unpacks it): %v", err)
	}
	return lprng{root, t.TempDir()}
}

// command prepares one of LPRng's programs. The queue is secure@ADDR, or many,
// which allows copies.
func (l lprng) command(t *testing.T, addr, program string, args ...string) *exec.Cmd {
	t.Helper()
	host, port, _ := strings.Cut(addr, ":")
	printcap := fmt.Sprintf("many:\n :lp=secure@%s%%%s\n :mc=9\n :force_localhost@\n", host, port)
	if err := os.WriteFile(filepath.Join(l.etc, "printcap"), []byte(printcap), 0o644); err != nil {
		t.Fatal(err)
	}
	script := `mount -t overlay overlay -o "lowerdir=$1:$2/etc:/etc" /etc && shift 2 && exec "$@"`
	return asRoot(peerContext(t), "unshare", append([]string{"-m", "sh", "-c", script, "sh", l.etc, l.root, filepath.Join(l.root, "usr/bin", program)}, args...)...)
}

func TestPeerLPRng(t *testing.T) {
	l := unpackedLPRng(t)
	p := somePrints(t)
	t.Log("peer:", strings.SplitN(l.version(t), "\n", 2)[0])
	tests := map[string]struct {
		queue string // "" for secure@host%port
		args  []string
		stdin string
		title string
		extra string // of which letter, what
		docs  []string
		lines int
	}{
		"one":    {"", []string{"-J", "Bericht Größe", "a.txt"}, "", "Bericht Größe", "Qsecure", []string{p.text}, 1},
		"two":    {"", []string{"-Jtwo", "a.txt", "b.bin"}, "", "two", "Qsecure", []string{p.text, p.binary}, 1},
		"raw":    {"", []string{"-l", "b.bin"}, "", "b.bin", "Qsecure", []string{p.binary}, 1},
		"stream": {"", []string{"-k", "-Zduplex", "-Jstream"}, p.text, "stream", "Zduplex", []string{p.text}, 1},
		"copies": {"many", []string{"-K2", "a.txt", "b.bin"}, "", "a.txt,b.bin", "Qmany", []string{p.text, p.binary}, 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := startForPeer(t, &memory{})
			queue := tt.queue
			if queue == "" {
				queue = "secure@" + strings.Replace(r.addr, ":", "%", 1)
			}
			cmd := l.command(t, r.addr, "lpr", append([]string{"-P" + queue}, tt.args...)...)
			cmd.Dir = p.dir
			if tt.stdin != "" {
				in, err := os.Open(tt.stdin)
				if err != nil {
					t.Fatal(err)
				}
				defer in.Close()
				cmd.Stdin = in
			}
			runPeer(t, cmd)
			j := r.only(t)
			if j.ticket.Title != tt.title || j.ticket.Extra[tt.extra[:1]] != tt.extra[1:] || len(j.docs) != len(tt.docs) {
				t.Fatalf("job %v", j)
			}
			for i, path := range tt.docs {
				wantDocument(t, j.docs[i], path, 1)
				if j.docs[i].copies != tt.lines {
					t.Errorf("%d copies of %s, want %d", j.docs[i].copies, path, tt.lines)
				}
			}
		})
	}
}

func (l lprng) version(t *testing.T) string {
	cmd := l.command(t, "127.0.0.1:1", "lpq", "-V", "-Pnobody@127.0.0.1%1")
	out, _ := cmd.CombinedOutput() // it cannot reach a queue, and says its version before that
	return string(out)
}

// TestPeerLPRngQueue: lpq, long and short, and lprm, which is refused (A10).
func TestPeerLPRngQueue(t *testing.T) {
	l := unpackedLPRng(t)
	m := &memory{}
	given(t, []string{"job 12 anna", "job 13 ben"}, m, nil)
	for name, tt := range map[string]struct {
		program string
		args    []string
		want    []string
		not     string
	}{
		"long":  {"lpq", nil, []string{"secure is ready, 2 waiting", "anna: held", "[job 12]", "ben: held"}, "Invoice"},
		"short": {"lpq", []string{"-s"}, []string{"Rank", "held       anna            12"}, "Invoice"},
		"user":  {"lpq", []string{"anna"}, []string{"anna: held"}, "ben"},
		"lprm":  {"lprm", []string{"12"}, []string{"Jobs cannot be removed from this queue by LPR."}, "anna"},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, m, nil)
			queue := "-Psecure@" + strings.Replace(r.addr, ":", "%", 1)
			out := runPeer(t, l.command(t, r.addr, tt.program, append([]string{queue}, tt.args...)...))
			for _, w := range tt.want {
				if !strings.Contains(out, w) {
					t.Errorf("%s shows %q, want %q in it", tt.program, out, w)
				}
			}
			if strings.Contains(out, tt.not) {
				t.Errorf("%s shows %q", tt.program, out)
			}
		})
	}
}

// TestA06PeerKilled: a real client that is killed in the middle of its document
// leaves nothing.
func TestA06PeerKilled(t *testing.T) {
	path := peerProgram(t, "rlpr", "rlpr")
	big := filepath.Join(t.TempDir(), "big")
	if err := os.WriteFile(big, make([]byte, 32<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	m := &memory{begun: make(chan struct{}), hold: make(chan struct{})}
	r := start(t, m, nil)
	host, port, _ := strings.Cut(r.addr, ":")
	ctx, kill := context.WithCancel(peerContext(t))
	defer kill()
	cmd := asRoot(ctx, path, "-q", "-H", host, "-P", "secure", "--port="+port, "--no-bind", big)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-m.begun:
	case err := <-ended:
		t.Fatalf("rlpr ended before it sent anything: %v", err)
	}
	kill()
	<-ended
	close(m.hold)
	r.gone()
	r.stop() // checks that no arrival is left
	if jobs := m.all(); len(jobs) != 0 || m.abandoned != 1 {
		t.Errorf("jobs %v, %d arrivals abandoned", jobs, m.abandoned)
	}
}
