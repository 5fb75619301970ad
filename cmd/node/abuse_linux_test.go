package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// talk says things to an LPD port and returns what was answered to each, until the
// other side has had enough.
func talk(t *testing.T, addr string, parts ...string) (answers []byte) {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	for _, p := range parts {
		if _, err := io.WriteString(conn, p); err != nil {
			return answers
		}
		var b [1]byte
		if _, err := io.ReadFull(conn, b[:]); err != nil {
			return answers
		}
		answers = append(answers, b[0])
	}
	return answers
}

// lpdJob is a whole job with a control file of its own making.
func lpdJob(queue, control, name, data string) []string {
	return []string{
		"\x02" + queue + "\n",
		fmt.Sprintf("\x02%d cf%s\n", len(control), name), control + "\x00",
		fmt.Sprintf("\x03%d df%s\n", len(data), name), data + "\x00",
	}
}

// separate runs a demo in a process of its own, so that it can be watched from
// outside, and returns it with its process.
func separate(t *testing.T) (*house, *exec.Cmd) {
	t.Helper()
	h := startDemo(t, "") // makes the folder
	h.end()
	if err := os.Remove(filepath.Join(h.dir, "addresses.json")); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	cmd := asPlaten(t, "demo", "--dir", h.dir, "--lpd", "127.0.0.1:0", "--ipp", "127.0.0.1:0", "--web", "127.0.0.1:0")
	cmd.Stdout, cmd.Stderr = h.out, h.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	awaitAddresses(t, h.dir)
	await(t, "demo.json is of this run", func() bool {
		b, err := os.ReadFile(filepath.Join(h.dir, "addresses.json"))
		return err == nil && readJSON(filepath.Join(h.dir, "demo.json"), &h.demo) == nil && strings.Contains(string(b), h.demo.LPD)
	})
	return h, cmd
}

func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

// A01 A02 A03: file names, orders and shell texts of strangers, at a node that is
// watched by strace: it runs nothing, and opens nothing for them outside its
// folder.
func TestA01A02A03StrangersNameNoFilesAndRunNothing(t *testing.T) {
	h, node := separate(t)
	trace := filepath.Join(t.TempDir(), "trace")
	strace := exec.CommandContext(inTime(t), "strace", "-f", "-qq", "-y", "-o", trace, "-p", strconv.Itoa(node.Process.Pid),
		"-e", "trace=execve,execveat,open,openat,openat2,creat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,chmod,fchmodat,chown,fchownat")
	if err := strace.Start(); err != nil {
		t.Fatal(err)
	}
	defer strace.Process.Kill()
	await(t, "strace watches", func() bool {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", node.Process.Pid))
		return !bytes.Contains(b, []byte("TracerPid:\t0\n"))
	})
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	evil := []string{"../../../../etc/passwd", victim, "$(touch " + victim + ".x)", "`id`", ";id;", "|id", "%n%n%s%s", "a\x00b", strings.Repeat("A", 200), "-rf", "~root"}
	taken := 0
	for _, name := range evil {
		talk(t, h.demo.LPD, "\x02"+name+"\n")                                                                 // as a queue
		talk(t, h.demo.LPD, "\x01"+name+"\n")                                                                 // print what waits
		talk(t, h.demo.LPD, "\x05"+name+" root 1\n")                                                          // remove
		talk(t, h.demo.LPD, lpdJob("secure", "H"+name+"\nP"+name+"\nJ"+name+"\nldfA001x\n", name, "text")...) // as the name of a file
		control := "H" + name + "\nPanna\nJ" + name + "\nM" + name + "\nS" + name + "\nf" + victim + "\nU" + victim + "\nldfA001host\nN" + victim + "\n"
		if a := talk(t, h.demo.LPD, lpdJob("secure", control, "A001host", "a text")...); len(a) == 5 && a[4] == 0 {
			taken++
		}
	}
	if taken == 0 {
		t.Error("no job at all was taken: this test has tried nothing")
	}
	path, _ := document(t, 1000)
	h.must("send", "--to", h.demo.Secure, "--user", "anna", path) // the node is well
	_ = strace.Process.Signal(os.Interrupt)
	_ = strace.Wait()
	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	opened := 0
	for line := range strings.Lines(string(b)) {
		switch {
		case strings.Contains(line, "exec"): // the counter of pages is this program again, after the acknowledgement
			if !strings.Contains(line, `"`+countPagesName+`"`) && !strings.Contains(line, "/proc/self/exe") {
				t.Errorf("it ran: %s", line)
			}
		case strings.Contains(line, "O_CREAT"), strings.Contains(line, "O_WRONLY"), strings.Contains(line, "O_RDWR"):
			opened++
			if !strings.Contains(line, h.dir) && !strings.Contains(line, "/dev/null") {
				t.Errorf("it opened: %s", line)
			}
		case !strings.Contains(line, "open") && !strings.Contains(line, h.dir) && strings.Contains(line, `"/`):
			t.Errorf("it changed: %s", line)
		}
		if strings.Contains(line, victim) {
			t.Errorf("it touched the victim: %s", line)
		}
	}
	if opened == 0 {
		t.Error("strace saw nothing opened")
	}
	if got, err := os.ReadFile(victim); err != nil || string(got) != "mine" {
		t.Errorf("the victim is %q, %v", got, err)
	}
}

// A08: a name on a job is a claim. Nobody but the one who signs in gets it, and
// nobody pays before it prints.
func TestA08AForgedUserGainsNothing(t *testing.T) {
	h := startDemo(t, "")
	path, sum := document(t, 4000)
	h.must("send", "--to", h.demo.Secure, "--user", "anna", path) // by whomever
	nothingFor(h, bensCard)
	var rows []map[string]any
	if h.json(&rows, "export", "accounting"); len(rows) != 0 {
		t.Errorf("charged before anybody came: %v", rows)
	}
	if len(h.printed()) != 0 {
		t.Error("it printed before anybody came")
	}
	h.release(annasCard)
	h.awaitPrinted(sum)
	h.end()
}

// A09 A77: what looks like a secret in a job, and what is one of the node, is
// nowhere: not in the log, the database, the audit trail, a backup, the arguments
// or the environment of the process.
func TestA09A77SecretsAreNowhere(t *testing.T) {
	h, node := separate(t)
	const inJob, pin, password = "hunter2-canary-in-a-job", "86420975", "correct-canary-password"
	control := "Hhost\nPanna\nWpassword=" + inJob + "\nZjcl=1;PWD=" + inJob + "\nldfA001host\n"
	if a := talk(t, h.demo.LPD, lpdJob("secure", control, "A001host", "a text")...); !bytes.Equal(a, make([]byte, 5)) {
		t.Fatalf("the job was answered %v", a)
	}
	must(t, h.dir, pin, "pin", "set", "anna", "--password-file", "-")
	must(t, h.dir, password, "user", "set", "ben", "--password-file", "-")
	var s struct{ Session string }
	if code := h.call("POST", "sessions", map[string]string{"method": "pin", "value": pin}, &s); code != http.StatusCreated {
		t.Errorf("sign-in with the PIN: %d", code)
	}
	backup := filepath.Join(t.TempDir(), "backup")
	must(t, h.dir, "a long passphrase for this backup", "backup", backup, "--password-file", "-")
	for _, place := range []string{"cmdline", "environ"} {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", node.Process.Pid, place))
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{inJob, pin, password, h.demo.Token, annasCard} {
			if bytes.Contains(b, []byte(secret)) {
				t.Errorf("%s is in %s", secret, place)
			}
		}
	}
	said := h.log.String() + h.out.String() + h.must("audit", "list", "--json") + h.must("job", "list", "--all", "--json") + h.must("user", "show", "anna", "--json")
	for _, secret := range []string{inJob, pin, password} {
		if strings.Contains(said, secret) {
			t.Errorf("%s was said", secret)
		}
	}
	files := 0
	look := func(path string) {
		b, err := os.ReadFile(path)
		if err != nil {
			return // sockets
		}
		files++
		for _, secret := range []string{inJob, pin, password} {
			if bytes.Contains(b, []byte(secret)) {
				t.Errorf("%s is in %s", secret, path)
			}
		}
		if name := filepath.Base(path); name != "demo.json" && name != "token.header" && bytes.Contains(b, []byte(h.demo.Token)) {
			t.Errorf("the terminal's token is in %s", path) // the two are how a newcomer finds it
		}
	}
	look(backup)
	err := filepath.WalkDir(h.dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			look(path)
		}
		return nil
	})
	if err != nil || files < 5 {
		t.Errorf("%d files, %v", files, err)
	}
}

// A77: a crash of the node leaves no core file.
func TestA77NoCore(t *testing.T) {
	_, node := separate(t)
	var l unix.Rlimit
	if err := unix.Prlimit(node.Process.Pid, unix.RLIMIT_CORE, nil, &l); err != nil || l.Max != 0 {
		t.Errorf("core files of %d octets, %v", l.Max, err)
	}
	info, err := os.Stat(fmt.Sprintf("/proc/%d/mem", node.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	if st := info.Sys().(*syscall.Stat_t); st.Uid != 0 { // as the kernel has it for a process that cannot be dumped
		t.Errorf("its memory belongs to %d", st.Uid)
	}
}

// A58: a node that nobody has set up lets nobody in.
func TestA58NothingLetsYouInByDefault(t *testing.T) {
	h := startDemo(t, "") // its authority is handy; the node of this test is another one
	h.end()
	dir := filepath.Join(t.TempDir(), "fresh")
	cfg := filepath.Join(t.TempDir(), "node.toml")
	if err := os.WriteFile(cfg, fmt.Appendf(nil, "data = %q\n[listen]\nlpd = \"127.0.0.1:0\"\nipp = \"\"\nweb = \"127.0.0.1:0\"\n", dir), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan int, 1)
	var out, log buffer
	go func() { done <- run(ctx, []string{"run", "--config", cfg}, strings.NewReader(""), &out, &log) }()
	defer func() { stop(); <-done }()
	await(t, "the node serves", func() bool { return readAddresses(filepath.Join(dir, "addresses.json")).LPD != "" })
	for _, what := range []string{"user", "token", "terminal", "card", "device"} {
		a := platen("", what, "list", "--json", "--config", cfg)
		if a.code != exitDone || strings.TrimSpace(a.out) != "[]" {
			t.Errorf("%s list: %s%s", what, a.out, a.err)
		}
	}
	var at struct{ Web string }
	if err := readJSON(filepath.Join(dir, "addresses.json"), &at); err != nil {
		t.Fatal(err)
	}
	h.demo.CA = filepath.Join(dir, "ca.pem")
	client := h.client()
	for _, who := range []string{"", "admin", "*admin", "1234", "root", "platen"} {
		for _, path := range []string{"/api/terminal/v1/sessions", "/api/print/v1/jobs", "/t/panel", "/metrics"} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				req, err := http.NewRequestWithContext(ctx, method, "https://"+at.Web+path, strings.NewReader("{}"))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Content-Type", "application/json")
				if who != "" {
					req.Header.Set("Authorization", "Bearer "+who)
				}
				res, err := client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
				if res.StatusCode < 400 && path != "/metrics" {
					t.Errorf("%s %s as %q: %d", method, path, who, res.StatusCode)
				}
			}
		}
	}
	// Nothing in the program knows a password but the demo, which is for loopback.
	if out, err := exec.CommandContext(inTime(t), "grep", "-rnEi", "--include=*.go", "--exclude=*_test.go", `(password|pin|secret) *(:|:=|=) *"[^"]+"`, "../..").Output(); err == nil {
		for line := range strings.Lines(string(out)) {
			if !regexp.MustCompile(`cmd_demo\.go|const sourceSecret|\bpc(Password|PIN)|/internal/|/releasetest/|Method[A-Z]|Reason[A-Z]`).MatchString(line) {
				t.Errorf("a secret in the program? %s", line)
			}
		}
	}
}

// A61: another user of the machine reads nothing of a node's folder but the
// certificate that everybody may have.
func TestA61NobodyElseReads(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test becomes another user: run the tests as root, as make test does")
	}
	base, err := os.MkdirTemp("/var/tmp", "platen-a61-") // everybody may look into it
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(base)
	if err := os.Chmod(base, 0o755); err != nil {
		t.Fatal(err)
	}
	h := startDemo(t, filepath.Join(base, "demo"))
	path, _ := document(t, 100_000)
	h.must("send", "--to", h.demo.Secure, "--user", "anna", path)
	h.release(annasCard)
	find := exec.CommandContext(inTime(t), "find", base, "-readable", "-not", "-path", base)
	find.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, _ := find.Output()
	if got := strings.TrimSpace(string(out)); got != "" {
		t.Errorf("nobody reads %s", got)
	}
	h.end()
}

// A75: a program that others can change is not made a service.
func TestA75AProgramThatOthersWriteIsNoService(t *testing.T) {
	base, err := os.MkdirTemp("/var", "platen-a75-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(base)
	program := filepath.Join(base, "bin", "platen")
	if err := os.MkdirAll(filepath.Dir(program), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Chmod(base, 0o755))
	if err := nobodyElseWrites(program); err != nil {
		t.Errorf("a program of root's: %v", err)
	}
	for what, change := range map[string]func() error{
		"the program":        func() error { return os.Chmod(program, 0o777) },
		"its folder":         func() error { return os.Chmod(filepath.Dir(program), 0o1777) },
		"a folder above":     func() error { return os.Chmod(base, 0o757) },
		"of somebody else":   func() error { return os.Chown(program, 65534, 65534) },
		"a folder of theirs": func() error { return os.Chown(base, 65534, 65534) },
	} {
		must(change())
		if err := nobodyElseWrites(program); err == nil {
			t.Errorf("%s can be changed by others, and it was not noticed", what)
		}
		must(errors.Join(os.Chown(program, 0, 0), os.Chown(base, 0, 0), os.Chmod(program, 0o755), os.Chmod(filepath.Dir(program), 0o755), os.Chmod(base, 0o755)))
	}
	link := filepath.Join(base, "link")
	must(os.Symlink(program, link))
	must(os.Chmod(filepath.Dir(program), 0o777))
	if err := nobodyElseWrites(link); err == nil {
		t.Error("what a link leads to was not looked at")
	}
}
