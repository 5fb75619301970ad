package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"platen/internal/testkit/peers"
)

// A document goes in by platen send, waits, is released with a card over the
// API, and comes out octet for octet.
func TestPrintSignInRelease(t *testing.T) {
	h := startDemo(t, "")
	path, sum := document(t, 300_000)
	h.must("send", "--to", h.demo.Secure, "--user", "CORP\\anna", "--title", "Salaries", path)
	list := h.jobs()
	if len(list) != 1 || list[0].State != "pending-held" || list[0].Owner != "anna" || list[0].Octets != 300_000 || list[0].Title != "Salaries" {
		t.Fatalf("jobs: %+v", list)
	}
	if len(h.printed()) != 0 {
		t.Fatal("it printed before anybody came")
	}
	nothingFor(h, bensCard)
	h.release(annasCard)
	h.awaitPrinted(sum)
	j := h.awaitState(1, "completed")
	if j.Title != "" {
		t.Errorf("the title of a job that is done is shown: %q", j.Title)
	}
	var rows []map[string]any
	h.json(&rows, "export", "accounting")
	if len(rows) != 1 || rows[0]["outcome"] != "printed" || rows[0]["evidence"] != "confirmed" || rows[0]["octets"] != 300_000.0 || rows[0]["pages"] != nil {
		t.Errorf("ledger: %v", rows)
	}
	if text := h.log.String(); strings.Contains(text, "Salaries") {
		t.Errorf("the title is in the log:\n%s", text)
	}
	h.end()
}

// nothingFor checks that the person with this card has nothing to release.
func nothingFor(h *house, card string) {
	h.t.Helper()
	var s struct{ Session string }
	if code := h.call("POST", "sessions", map[string]string{"method": "card", "value": card}, &s); code != http.StatusCreated {
		h.t.Fatalf("sign-in: %d", code)
	}
	if code := h.call("POST", "sessions/"+s.Session+"/release", map[string]any{"jobs": "all"}, nil); code != http.StatusNotFound {
		h.t.Errorf("something was released: %d", code)
	}
}

// A passthrough queue prints at once, and pages of a PDF are counted behind
// the acknowledgement.
func TestDirectQueueAndPageCount(t *testing.T) {
	h := startDemo(t, "")
	h.must("send", "--to", h.demo.Direct, "--user", "ben", h.demo.Document)
	letter, err := os.ReadFile(h.demo.Document)
	if err != nil {
		t.Fatal(err)
	}
	h.awaitPrinted(digest(letter))
	await(t, "the page is counted", func() bool {
		list := h.jobs()
		return len(list) == 1 && list[0].Pages != nil && *list[0].Pages == 1
	})
	h.end()
}

// What the demo prints can be pasted into a shell.
func TestDemoLinesWork(t *testing.T) {
	h := startDemo(t, "")
	lines := strings.Split(h.out.String(), "\n")
	script := strings.Join(lines[2:5], "\n")
	sh := exec.CommandContext(inTime(t), "sh", "-eu", "-c", script)
	sh.Env = append(os.Environ(), "PLATEN_TEST_IS_PLATEN=1")
	out, err := sh.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "the server has the job") {
		t.Fatalf("%v:\n%s\n%s", err, script, out)
	}
	letter, err := os.ReadFile(h.demo.Document)
	if err != nil {
		t.Fatal(err)
	}
	h.awaitPrinted(digest(letter))
	h.end()
}

// A second start keeps what the first had: people, jobs, the terminal's token,
// and what an administrator has changed since.
func TestDemoKeepsWhatItHad(t *testing.T) {
	h := startDemo(t, "")
	path, sum := document(t, 5000)
	h.must("send", "--to", h.demo.Secure, "--user", "anna", path)
	h.must("user", "remove", "ben")
	h.end()
	before := h.demo

	h = startDemo(t, h.dir)
	if h.demo.Token != before.Token {
		t.Error("the token is another one")
	}
	wants(t, h.dir, exitNotFound, "There is no user ben.", "user", "show", "ben")
	h.release(annasCard)
	h.awaitPrinted(sum)
	h.end()
}

func TestDemoIsForLoopbackOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	for _, addr := range []string{":5515", "0.0.0.0:5515", "10.0.0.1:5515", "printhost:5515"} {
		wants(t, dir, exitUsage, "", "demo", "--lpd", addr)
	}
}

// The first address of a terminal works once, and then its pages know it.
func TestTerminalAddress(t *testing.T) {
	h := startDemo(t, "")
	text := h.must("terminal", "add", "lobby", "--device", "folder")
	i := strings.Index(text, "https://")
	if i < 0 {
		t.Fatalf("no address in %s", text)
	}
	at, err := url.Parse(strings.TrimSpace(text[i:]))
	if err != nil {
		t.Fatal(err)
	}
	if host, _, err := net.SplitHostPort(h.demo.LPD); err != nil || at.Hostname() != host {
		t.Errorf("the address is %s", at)
	}
	c := h.client()
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for i, want := range []int{http.StatusSeeOther, http.StatusForbidden} {
		res, err := c.Get(at.String())
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("use %d: %d, want %d", i+1, res.StatusCode, want)
		}
	}
	h.end()
}

// A program prints over the API with a token, as the owner of the token.
func TestTokenPrints(t *testing.T) {
	h := startDemo(t, "")
	var token struct{ Token, ID string }
	h.json(&token, "token", "add", "--label", "ERP", "--queue", "secure", "--owner", "ben")
	path, _ := document(t, 1234)
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	post := func() int {
		req, err := http.NewRequest("POST", h.demo.Web+"api/v1/jobs", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token.Token)
		req.Header.Set("Content-Type", "application/octet-stream")
		res, err := h.client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	if code := post(); code != http.StatusCreated {
		t.Fatalf("print: %d", code)
	}
	if list := h.jobs(); len(list) != 1 || list[0].Owner != "ben" || list[0].Octets != 1234 || list[0].Door != "api" {
		t.Errorf("jobs: %+v", list)
	}
	h.must("token", "remove", token.ID)
	if code := post(); code != http.StatusUnauthorized && code != http.StatusForbidden {
		t.Errorf("print with a token that was removed: %d", code)
	}
	h.end()
}

// Two nodes never share a data folder.
func TestSecondStartIsRefused(t *testing.T) {
	h := startDemo(t, "")
	wants(t, h.dir, exitConflict, "A node is running on "+h.dir+" already.", "run")
	wants(t, h.dir, exitConflict, "A node is running on "+h.dir+" already.", "demo", "--lpd", "127.0.0.1:0", "--ipp", "127.0.0.1:0", "--web", "127.0.0.1:0")
	h.end()
}

// CUPS' own backend prints, in the order that CUPS uses and in the other one.
func TestCupsBackendPrints(t *testing.T) {
	t.Log(peers.Version("cups"))
	h := startDemo(t, "")
	for i, options := range []string{"", "?order=data,control", "?mode=stream", "?reserve=rfc1179", "?banner=on"} {
		path, sum := document(t, 50_000+i)
		cmd := exec.CommandContext(inTime(t), "/usr/lib/cups/backend/lpd", strconv.Itoa(i+1), "anna", "A letter", "1", "")
		cmd.Stdin = open(t, path) // as from a filter
		cmd.ExtraFiles = channels(t)
		cmd.Env = append(os.Environ(), "DEVICE_URI="+h.demo.Secure+options, "PRINTER=test", "CONTENT_TYPE=application/octet-stream")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", options, err, out)
		}
		await(t, "the job is there", func() bool { return len(h.jobs()) == i+1 }) // with mode=stream it does not wait for the last octet
		if j := h.jobs()[0]; j.State != "pending-held" || j.Owner != "anna" {
			t.Fatalf("%s: %+v\n%s\n%s", options, j, out, h.must("job", "show", fmt.Sprint(j.ID)))
		}
		h.release(annasCard)
		h.awaitPrinted(sum)
	}
	if n := len(h.jobs()); n != 5 {
		t.Errorf("%d jobs, want 5", n)
	}
	h.end()
}

// inTime ends a peer that hangs before the whole test does.
func inTime(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// channels are the back channel and the side channel that cupsd gives to its
// backends: without them a backend waits for its standard error.
func channels(t *testing.T) []*os.File {
	t.Helper()
	side, other, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { side.Close(); other.Close() })
	return []*os.File{open(t, os.DevNull), side}
}

// rlpr prints two files with copies: a job each, each copy comes out.
func TestRlprPrints(t *testing.T) {
	t.Log(peers.Version("rlpr"))
	h := startDemo(t, "")
	host, port, err := net.SplitHostPort(h.demo.LPD)
	if err != nil {
		t.Fatal(err)
	}
	one, sumOne := document(t, 4000)
	two, sumTwo := document(t, 70_000)
	cmd := exec.CommandContext(inTime(t), "rlpr", "--no-bind", "-H"+host, "--port="+port, "-Psecure", "-#2", one, two)
	cmd.Env = append(os.Environ(), "USER=ben", "LOGNAME=ben")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, j := range h.jobs() {
		if j.Owner == "" { // rlpr says root, who is nobody here
			h.must("job", "assign", fmt.Sprint(j.ID), "ben")
		}
	}
	h.release(bensCard)
	await(t, "two copies of each come out", func() bool {
		count := map[string]int{}
		for _, s := range h.printed() {
			count[s]++
		}
		return count[sumOne] == 2 && count[sumTwo] == 2
	})
	h.end()
}

// A job that nobody could be named for is shown, and given to somebody by hand.
func TestUnclaimedJobIsAssigned(t *testing.T) {
	h := startDemo(t, "")
	path, sum := document(t, 900)
	h.must("send", "--to", h.demo.Secure, "--user", "stranger", path)
	text := h.must("job", "show", "1")
	for _, want := range []string{"No rule named an owner", "Nobody owns it: ", "An administrator, with a reason: platen job release 1"} {
		if !strings.Contains(text, want) {
			t.Errorf("job show does not say %q:\n%s", want, text)
		}
	}
	var list []jobLine
	h.json(&list, "job", "list", "--unclaimed")
	if len(list) != 1 || list[0].Claimed != "stranger" {
		t.Errorf("unclaimed: %+v", list)
	}
	wants(t, h.dir, exitNotFound, "There is no user nobody.", "job", "assign", "1", "nobody")
	h.must("job", "assign", "1", "ben")
	wants(t, h.dir, exitDone, "ben, at any terminal, with a card, or a PIN, or a password.", "job", "show", "1")
	h.release(bensCard)
	h.awaitPrinted(sum)
	h.end()
}

// An administrator releases with a reason, cancels, recalls, keeps.
func TestJobsByHand(t *testing.T) {
	h := startDemo(t, "")
	send := func() (string, string) {
		path, sum := document(t, 2000)
		h.must("send", "--to", h.demo.Secure, "--user", "anna", path)
		return fmt.Sprint(h.jobs()[0].ID), sum
	}
	id, sum := send()
	wants(t, h.dir, exitUsage, "needs --device and --reason", "job", "release", id, "--device", "folder")
	h.must("job", "release", id, "--device", "folder", "--reason", "she is on the phone")
	h.awaitPrinted(sum)
	wants(t, h.dir, exitDone, "she is on the phone", "job", "show", id)

	id, _ = send()
	h.must("job", "cancel", id)
	wants(t, h.dir, exitConflict, "It is done already.", "job", "cancel", id)
	wants(t, h.dir, exitDone, "administrator ", "job", "show", id)

	id, sum = send()
	before := h.jobs()[0].Expires
	h.must("job", "keep", id, "--for", "9d")
	if after := h.jobs()[0].Expires; after == nil || before == nil || !after.After(*before) {
		t.Errorf("it expires at %v, before at %v", after, before)
	}
	h.must("device", "set", "folder", "--enabled", "no")
	wants(t, h.dir, exitConflict, "This device is out of service.", "job", "release", id, "--device", "folder", "--reason", "x")
	wants(t, h.dir, exitConflict, "Only a released job", "job", "recall", id)
	wants(t, h.dir, exitConflict, "Only a job that may have printed", "job", "resolve", id, "--printed")
	h.must("device", "set", "folder", "--enabled", "yes")
	h.release(annasCard)
	h.awaitPrinted(sum)
	h.end()
}

// Held jobs are there again after a restart, and after a kill.
func TestHeldJobsSurvive(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	node := asPlaten(t, "demo", "--dir", dir, "--lpd", "127.0.0.1:0", "--ipp", "127.0.0.1:0", "--web", "127.0.0.1:0")
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	awaitAddresses(t, dir)
	path, sum := document(t, 20_000)
	must(t, dir, "", "send", "--to", "lpd://"+readAddresses(filepath.Join(dir, "addresses.json")).LPD+"/secure", "--user", "anna", path)
	if err := node.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = node.Wait()

	h := startDemo(t, dir)
	if list := h.jobs(); len(list) != 1 || list[0].State != "pending-held" {
		t.Fatalf("jobs after the kill: %+v", list)
	}
	h.end()
	h = startDemo(t, dir)
	h.release(annasCard)
	h.awaitPrinted(sum)
	h.end()
}

func awaitAddresses(t *testing.T, dir string) {
	t.Helper()
	await(t, "the node serves", func() bool {
		a := readAddresses(filepath.Join(dir, "addresses.json"))
		if a.LPD == "" {
			return false
		}
		_, err := os.Stat(filepath.Join(dir, "demo.json"))
		return err == nil
	})
}

// SIGTERM in the middle of a transfer: it finishes and is acknowledged, and
// the node ends with 0.
func TestStopWhileATransferRuns(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	node := asPlaten(t, "demo", "--dir", dir, "--lpd", "127.0.0.1:0", "--ipp", "127.0.0.1:0", "--web", "127.0.0.1:0")
	var log buffer
	node.Stderr = &log
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	awaitAddresses(t, dir)
	conn, err := net.Dial("tcp", readAddresses(filepath.Join(dir, "addresses.json")).LPD)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	say := func(text string) {
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
	}
	acked := func(what string) {
		var b [1]byte
		if _, err := io.ReadFull(conn, b[:]); err != nil || b[0] != 0 {
			t.Fatalf("%s: %d, %v\n%s", what, b[0], err, &log)
		}
	}
	control := "Hpc\nPanna\nldfA001pc\n"
	say("\x02secure\n")
	acked("queue")
	say(fmt.Sprintf("\x02%d cfA001pc\n", len(control)))
	acked("control announced")
	say(control + "\x00")
	acked("control file")
	say("\x03100000 dfA001pc\n")
	acked("data announced")
	say(strings.Repeat("x", 60_000))
	if err := node.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	await(t, "the node is stopping", func() bool { return strings.Contains(log.String(), "msg=stopping") })
	say(strings.Repeat("y", 40_000) + "\x00")
	acked("data file")
	conn.Close()
	if err := node.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, &log)
	}
	var list []jobLine
	if err := json.Unmarshal([]byte(must(t, dir, "", "job", "list", "--json")), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 || list[0].Octets != 100_000 || list[0].State != "pending-held" {
		t.Errorf("jobs: %+v", list)
	}
}

// A client that hangs up in the middle leaves nothing behind.
func TestHangUpLeavesNothing(t *testing.T) {
	h := startDemo(t, "")
	conn, err := net.Dial("tcp", h.demo.LPD)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, "\x02secure\n\x031000000 dfA001pc\n"+strings.Repeat("z", 300_000))
	conn.Close()
	docs := filepath.Join(h.dir, "spool", "docs")
	await(t, "the spool is empty", func() bool {
		list, err := os.ReadDir(docs)
		return err == nil && len(list) == 0
	})
	if n := len(h.jobs()); n != 0 {
		t.Errorf("%d jobs", n)
	}
	h.end()
}

// The numbers say what happened; nobody but the allow list may read them.
func TestMetrics(t *testing.T) {
	h := startDemo(t, "")
	path, sum := document(t, 3000)
	h.must("send", "--to", h.demo.Direct, "--user", "anna", path)
	h.awaitPrinted(sum)
	h.awaitState(1, "completed")
	var text string
	await(t, "all is counted", func() bool {
		res, err := h.client().Get(h.demo.Web + "metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		text = string(b)
		return strings.Contains(text, `platen_sends_total{evidence="confirmed",outcome="printed"} 1`)
	})
	for _, want := range []string{
		`platen_jobs{state="completed"} 1`, `platen_accepted_octets_total{door="lpd"} 3000`, `platen_delivered_octets_total{device="folder"} 3000`,
		"platen_lpd_ack_seconds_count 1", `platen_release_to_first_octet_seconds_count{device="folder"} 1`, "platen_disk_free_octets ", "platen_healthy 1",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("/metrics does not say %s", want)
		}
	}
	if lines := strings.Split(text, "\n"); slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, "anna") }) {
		t.Error("a person is named in /metrics")
	}
	h.end()
}
