package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"platen/config"
	"platen/packaging"
)

// rewrite replaces the node's configuration as a careful script does.
func (h *house) rewrite(text string) {
	h.t.Helper()
	path := filepath.Join(h.dir, "node.toml")
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) awaitLog(what string) {
	h.t.Helper()
	await(h.t, "the log says "+what, func() bool { return strings.Contains(h.log.String(), what) })
}

// F52: a bad file keeps the node as it is and says why; of a good one that is
// put in force at once what can be, and what cannot says so.
func TestF52Reload(t *testing.T) {
	h := startDemo(t, "")
	base := fmt.Sprintf(demoConfig, "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0")
	h.rewrite(base + "[lpd]\nidel = \"1m\"\n")
	h.awaitLog("the new file is refused; the old one stays in force")
	h.awaitLog("did you mean lpd.idle?")

	// One connection of an address and no more.
	h.rewrite(strings.Replace(base, `trusted = ["127.0.0.0/8", "::1/128"]`, "", 1) + "[lpd]\nmax_per_client = 1\n[log]\nlevel = \"debug\"\n[spool]\nquarantine = \"24h\"\n")
	h.awaitLog("new values are in force")
	h.awaitLog(`new values need a restart" keys=spool.quarantine`)
	await(t, "a second connection is refused", func() bool {
		first, err := net.Dial("tcp", h.demo.LPD)
		if err != nil {
			t.Fatal(err)
		}
		defer first.Close()
		fmt.Fprint(first, "\x02secure\n")
		var ok [1]byte
		if _, err := first.Read(ok[:]); err != nil || ok[0] != 0 {
			return false // still closing the one before
		}
		second, err := net.Dial("tcp", h.demo.LPD)
		if err != nil {
			t.Fatal(err)
		}
		defer second.Close()
		second.SetDeadline(time.Now().Add(10 * time.Second))
		fmt.Fprint(second, "\x02secure\n")
		n, err := second.Read(ok[:])
		return err != nil || n == 1 && ok[0] != 0
	})
	var s struct{ Session string }
	if code := h.call("POST", "sessions", map[string]string{"method": "card", "value": bensCard}, &s); code != http.StatusCreated {
		t.Fatalf("sign-in: %d", code)
	}
	h.call("DELETE", "sessions/"+s.Session, nil, nil) // worth a line at this level only
	h.awaitLog("level=DEBUG")
	path, sum := document(t, 100)
	await(t, "one at a time still prints", func() bool {
		return platen("", "send", "--to", h.demo.Direct, "--user", "anna", path).code == exitDone
	})
	h.awaitPrinted(sum)
	h.end()
}

// A transfer that was begun before the limits changed goes on to its end.
func TestReloadLetsTransfersFinish(t *testing.T) {
	h := startDemo(t, "")
	conn, err := net.Dial("tcp", h.demo.LPD)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	acked := func() {
		t.Helper()
		var b [1]byte
		if _, err := conn.Read(b[:]); err != nil || b[0] != 0 {
			t.Fatalf("%d, %v\n%s", b[0], err, h.log)
		}
	}
	fmt.Fprint(conn, "\x02secure\n")
	acked()
	fmt.Fprint(conn, "\x0310 dfA001pc\n")
	acked()
	fmt.Fprint(conn, "01234")
	h.rewrite(fmt.Sprintf(demoConfig, "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0") + "[lpd]\nmax_data_files = 7\n")
	h.awaitLog("new values are in force")
	fmt.Fprint(conn, "56789\x00")
	acked()
	control := "Hpc\nPben\nldfA001pc\n"
	fmt.Fprintf(conn, "\x02%d cfA001pc\n", len(control))
	acked()
	fmt.Fprint(conn, control+"\x00")
	acked()
	if list := h.jobs(); len(list) != 1 || list[0].Octets != 10 || list[0].Owner != "ben" {
		t.Errorf("jobs: %+v", list)
	}
	h.end()
}

// A hot folder appears with the configuration and turns files into jobs.
func TestHotFolder(t *testing.T) {
	h := startDemo(t, "")
	folder := filepath.Join(t.TempDir(), "erp")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	h.rewrite(fmt.Sprintf(demoConfig, "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0") + fmt.Sprintf("[[hotfolder]]\npath = %q\nqueue = \"direct\"\nowner = \"ben\"\n", folder))
	h.awaitLog("new values are in force")
	path, sum := document(t, 30_000)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "invoice.txt"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	h.awaitPrinted(sum)
	await(t, "the file is done", func() bool {
		list, _ := filepath.Glob(filepath.Join(folder, "done", "*"))
		return len(list) == 1
	})
	if list := h.jobs(); len(list) != 1 || list[0].Owner != "ben" || list[0].Door != "hotfolder" {
		t.Errorf("jobs: %+v", list)
	}
	wants(t, h.dir, exitDone, "queue direct, owner ben", "check")
	h.end()
}

// broken is a log that cannot be written, or that nobody reads.
type brokenWriter struct {
	full  atomic.Bool
	block chan struct{}
	lines atomic.Int64
}

func (b *brokenWriter) Write(p []byte) (int, error) {
	if b.block != nil {
		<-b.block
	}
	if b.full.Load() {
		return 0, syscall.ENOSPC
	}
	b.lines.Add(1)
	return len(p), nil
}

// F55: a log volume that is full, or a pipe that nobody reads, does not stop
// whoever writes to the log; what is lost is counted and told.
func TestF55FullLogDropsAndCounts(t *testing.T) {
	w := &brokenWriter{}
	w.full.Store(true)
	l, err := openLog(config.Log{Level: "info", Format: "text"}, w)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		l.Info("line")
	}
	await(t, "ten lines are counted", func() bool { return l.out.dropped.Load() == 10 })
	w.full.Store(false)
	l.Info("line")
	l.close()
	if n := w.lines.Load(); n != 2 { // the line, and that some were dropped
		t.Errorf("%d lines came out", n)
	}

	stuck := &brokenWriter{block: make(chan struct{})}
	l, err = openLog(config.Log{Level: "info", Format: "json"}, stuck)
	if err != nil {
		t.Fatal(err)
	}
	for range queueLength + 500 { // returns although nothing is ever written
		l.Info("line")
	}
	if n := l.out.dropped.Load(); n < 400 {
		t.Errorf("%d lines were dropped", n)
	}
	close(stuck.block)
	l.close()
}

// F55, the whole of it: the node prints while its log file is on a full disk.
func TestF55PrintingGoesOnWithAFullLog(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Fatal(err)
	}
	h := startDemo(t, "")
	h.end()
	h.rewrite(fmt.Sprintf(demoConfig, "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0") + "[log]\nfile = \"/dev/full\"\n")
	h = startDemo(t, h.dir)
	path, sum := document(t, 5000)
	h.must("send", "--to", h.demo.Direct, "--user", "anna", path)
	h.awaitPrinted(sum)
	res, err := h.client().Get(h.demo.Web + "metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	if s := text.String(); !strings.Contains(s, "platen_log_dropped_lines_total") || strings.Contains(s, "platen_log_dropped_lines_total 0\n") {
		t.Error("dropped lines are not counted")
	}
	h.end()
}

// The log file is opened anew on SIGHUP, as logrotate wants it.
func TestHangupReopensTheLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	logs := t.TempDir()
	file := filepath.Join(logs, "node.log")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	conf := fmt.Sprintf(demoConfig, "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0") + fmt.Sprintf("[log]\nfile = %q\nformat = \"json\"\n", file)
	if err := os.WriteFile(filepath.Join(dir, "node.toml"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	node := asPlaten(t, "demo", "--dir", dir)
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	awaitAddresses(t, dir)
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	await(t, "there is a new file", func() bool {
		_ = node.Process.Signal(syscall.SIGHUP)
		_, err := os.Stat(file)
		return err == nil
	})
	_ = node.Process.Signal(syscall.SIGTERM)
	if err := node.Wait(); err != nil {
		t.Error(err)
	}
	b, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(b, []byte(`"msg":"stopped"`)) {
		t.Errorf("the new file says %s, %v", b, err)
	}
}

// systemd is told when the node is ready, that it is well, and that it stops.
func TestSystemdIsTold(t *testing.T) {
	sock := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: sock, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	dir := filepath.Join(t.TempDir(), "demo")
	node := asPlaten(t, "demo", "--dir", dir, "--lpd", "127.0.0.1:0", "--ipp", "127.0.0.1:0", "--web", "127.0.0.1:0")
	node.Env = append(node.Env, "NOTIFY_SOCKET="+sock, "WATCHDOG_USEC=300000")
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	said := func() string {
		conn.SetReadDeadline(time.Now().Add(30 * time.Second))
		b := make([]byte, 4096)
		n, err := conn.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	heard := map[string]int{}
	for heard["READY=1"] == 0 || heard["WATCHDOG=1"] < 3 {
		heard[said()]++
	}
	_ = node.Process.Signal(syscall.SIGTERM)
	for heard["STOPPING=1"] == 0 {
		heard[said()]++
	}
	if err := node.Wait(); err != nil {
		t.Error(err)
	}
}

// F54: a store that does not answer is not well, and the watchdog hears
// nothing.
func TestF54HealthIsTheStoresHealth(t *testing.T) {
	answer := error(nil)
	h := &health{probe: func(context.Context) error { return answer }, log: noLog()}
	if h.err() == nil {
		t.Error("well before it was asked")
	}
	h.check(t.Context())
	if err := h.err(); err != nil {
		t.Error(err)
	}
	answer = errors.New("stuck")
	h.check(t.Context())
	if !errors.Is(h.err(), answer) {
		t.Errorf("err = %v", h.err())
	}
	answer = nil
	h.check(t.Context())
	if err := h.err(); err != nil {
		t.Error(err)
	}
}

func TestHealthAndReadiness(t *testing.T) {
	h := startDemo(t, "")
	for _, path := range []string{"healthz", "readyz"} {
		await(t, path, func() bool {
			res, err := h.client().Get(h.demo.Web + path)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			return res.StatusCode == http.StatusOK
		})
	}
	h.end()
}

// The unit file is what systemd understands, hardened, and what service
// install writes.
func TestUnitFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "platen.service")
	// Neither program nor user of the unit exist here.
	text := strings.NewReplacer("/usr/bin/platen ", "/bin/true ", "User=platen\nGroup=platen\n", "User=daemon\n").Replace(packaging.Unit)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(inTime(t), "systemd-analyze", "verify", "--man=no", path).CombinedOutput()
	if err != nil || len(bytes.TrimSpace(out)) > 0 { // it only prints what it does not know
		t.Errorf("verify: %v\n%s", err, out)
	}
	out, err = exec.CommandContext(inTime(t), "systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", path).CombinedOutput()
	if err != nil {
		t.Errorf("security: %v\n%s", err, out)
	}
	got := unit("/opt/my platen/bin/platen", "/etc/platen/node.toml", "printer")
	for _, want := range []string{"\nExecStart=\"/opt/my platen/bin/platen\" run --config /etc/platen/node.toml\n", "\nUser=printer\n", "\nType=notify\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("the unit does not say %q", want)
		}
	}
	if strings.Contains(got, "/usr/bin/platen") || strings.Contains(got, "{{") {
		t.Errorf("the unit is\n%s", got)
	}
}

// The service commands drive systemd; a stand-in for systemctl notes how.
func TestServiceCommands(t *testing.T) {
	if a := platen("", "service", "install", "--account", "no-such-user-here", "--config", filepath.Join(t.TempDir(), "node.toml")); a.code != exitConflict || !strings.Contains(a.err, "useradd --system") {
		t.Errorf("install without its user: %d %s", a.code, a.err)
	}
	file := filepath.Join(t.TempDir(), "etc", "node.toml")
	if made, err := writeConfig(file); !made || err != nil {
		t.Fatal(err)
	}
	if made, err := writeConfig(file); made || err != nil {
		t.Errorf("it was written again: %v", err)
	}
	if _, err := config.Load(file); err != nil {
		t.Error(err)
	}
	a := platen("", "service", "status", "--json")
	var s struct{ Service, Status string }
	if a.code == exitDone {
		if err := json.Unmarshal([]byte(a.out), &s); err != nil || s.Status == "" {
			t.Errorf("status: %s", a.out)
		}
	} else if a.err == "" {
		t.Errorf("status: %d and not a word", a.code)
	}
}

// A command that comes while a node starts waits for it; one whose node is
// gone works on the store itself.
func TestCommandsWhileANodeStartsAndStops(t *testing.T) {
	dir := newNode(t)
	done := make(chan string, 1)
	go func() {
		for range 40 {
			if a := platen("", "user", "list", "--json", "--dir", dir); a.code != exitDone {
				done <- fmt.Sprintf("exit %d: %s", a.code, a.err)
				return
			}
		}
		done <- ""
	}()
	for range 3 {
		h := startDemo(t, dir)
		h.end()
	}
	if text := <-done; text != "" {
		t.Error(text)
	}
}

// A path that is longer than a socket's may be.
func TestLongDataPath(t *testing.T) {
	h := startDemo(t, filepath.Join(t.TempDir(), strings.Repeat("long/", 30), "demo"))
	h.must("user", "list")
	if !strings.Contains(h.must("doctor"), "It is running") {
		t.Error("the running node was not asked")
	}
	h.end()
}

// A node that ends may have a connection that it has never looked at. Its command
// is done on the store; one that the node has begun to read is not done again.
func TestCommandThatANodeNeverSaw(t *testing.T) {
	dir := newNode(t)
	at := place{cfg: config.Config{Data: dir}}
	socket := at.socket()
	saw := ending(t, socket, "")
	if a := platen("", "user", "add", "zoe", "--dir", dir); a.code != exitDone || <-saw != "" {
		t.Errorf("a command that the node never saw: %d %s", a.code, a.err)
	}
	saw = ending(t, socket, "HTTP/1.1 100 Continue\r\n\r\n")
	a := platen("", "user", "add", "yve", "--dir", dir)
	if line := <-saw; a.code == exitDone || !strings.Contains(line, "yve") {
		t.Errorf("a command that the node has read, %q: %d %s", line, a.code, a.err)
	}
	if a := platen("", "user", "list", "--dir", dir); !strings.Contains(a.out, "zoe") || strings.Contains(a.out, "yve") {
		t.Errorf("the people are\n%s%s", a.out, a.err)
	}
}

// ending is a node that ends on its first command: at once, or after it has said
// something and read a line. It returns the line.
func ending(t *testing.T, socket, say string) <-chan string {
	t.Helper()
	ln, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	saw := make(chan string, 1)
	go func() {
		defer close(saw)
		conn, err := ln.Accept()
		ln.Close()
		if err != nil {
			return
		}
		defer conn.Close()
		br := bufio.NewReader(conn)
		for line := "-"; line != "" && line != "\r\n"; {
			line, _ = br.ReadString('\n')
		}
		if say == "" {
			return
		}
		fmt.Fprint(conn, say)
		_, _ = br.ReadString('\n') // the length of a chunk
		line, _ := br.ReadString('\n')
		saw <- line
	}()
	return saw
}
