package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"platen/internal/testkit/peers"
)

// ippSuite is one of ipptool's test files and what it must come to. Every test
// that fails must be named here, with the reason in docs/standards.md.
type ippSuite struct {
	file    string
	version string
	fails   []string
	args    []string
}

// TestIPPToolPassthrough: CUPS' conformance files against a queue that prints at
// once, with every document that they name.
func TestIPPToolPassthrough(t *testing.T) {
	h := startDemo(t, "")
	docs := filepath.Join(t.TempDir(), "docs")
	if err := peers.IPPDocuments(t.Context(), docs); err != nil {
		t.Fatal(err)
	}
	t.Logf("peer: /usr/bin/ipptool of %s", peers.Version("cups-ipp-utils"))
	t.Logf("peer: /usr/bin/gs of %s", peers.Version("ghostscript"))
	for _, s := range []ippSuite{
		{file: "ipp-1.1", version: "1.1"},
		{file: "ipp-2.0", version: "2.0"},
		{file: "ipp-2.1", version: "2.1"},
		// Operations that are refused on purpose; docs/standards.md names them.
		{file: "ipp-2.2", version: "2.2", fails: []string{"PWG 5100.12 section 6.4 - Required Printer Description Attributes"}},
		{file: "ipp-everywhere", version: "2.0"},
		{file: "ipp-everywhere", version: "2.0", args: []string{"-E"}}, // HTTP Upgrade to TLS
		{file: "get-printer-attributes", version: "2.0"},
		{file: "get-printer-attributes", version: "1.1"},
		{file: "get-printer-description-attributes", version: "2.0"},
		{file: "get-job-template-attributes", version: "2.0"},
		{file: "get-jobs", version: "2.0"},
		{file: "get-completed-jobs", version: "2.0"},
		{file: "validate-job", version: "2.0"},
		{file: "print-job", version: "2.0"},
		{file: "print-job", version: "2.0", args: []string{"-C"}}, // chunked
		{file: "print-job", version: "2.0", args: []string{"-L"}}, // with a length
		{file: "print-job", version: "1.1"},
		{file: "print-job-hold", version: "2.0"},
		{file: "print-job-and-wait", version: "2.0"},
		{file: "print-job-gzip", version: "2.0"},
		{file: "print-job-deflate", version: "2.0"},
		{file: "print-job-media-col", version: "2.0"},
		{file: "print-job-letter", version: "2.0"},
		{file: "create-job", version: "2.0"},
		{file: "create-job-format", version: "2.0"},
		{file: "identify-printer", version: "2.0"},
		{file: "create-printer-subscription", version: "2.0"},
		{file: "get-subscriptions", version: "2.0"},
		{file: "print-uri", version: "2.0", fails: []string{"Print file using Print-URI"}}, // never: it would fetch what strangers name
	} {
		h.ipptool(docs, h.demo.IPPNow, s)
	}
	h.ipptool(docs, strings.Replace(h.demo.IPPNow, "ipp:", "ipps:", 1), ippSuite{file: "ipp-2.0", version: "2.0"})
	h.end()
}

var ippVerdict = regexp.MustCompile(`(?m)^    (\S.*?) +\[(PASS|FAIL|SKIP)\]`)

func (h *house) ipptool(docs, uri string, s ippSuite) {
	h.t.Helper()
	args := slices.Concat([]string{"-V", s.version, "-I", "-T", "30", "-t", "-f", filepath.Join(docs, "document-a4.pdf")}, s.args, []string{uri, s.file + ".test"})
	cmd := exec.CommandContext(inTime(h.t), "ipptool", args...)
	cmd.Dir = docs
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, _ := cmd.CombinedOutput() // ends with 1 when a test fails, which is looked at here
	var passed, skipped int
	var failed []string
	for _, m := range ippVerdict.FindAllStringSubmatch(string(out), -1) {
		switch m[2] {
		case "PASS":
			passed++
		case "SKIP":
			skipped++
		default:
			failed = append(failed, m[1])
		}
	}
	h.t.Logf("%s.test -V %s %s: %d passed, %d failed, %d do not apply", s.file, s.version, strings.Join(s.args, " "), passed, len(failed), skipped)
	if passed+len(s.fails) == 0 || !slices.Equal(failed, s.fails) {
		h.t.Errorf("%s.test: failed %q, want %q\n%s", s.file, failed, s.fails, out)
	}
}

// TestIPPToolHeld: the same against a queue that holds. What waits for a job to
// end differs, and nothing else.
func TestIPPToolHeld(t *testing.T) {
	h := startDemo(t, "")
	docs := filepath.Join(t.TempDir(), "docs")
	if err := peers.IPPDocuments(t.Context(), docs); err != nil {
		t.Fatal(err)
	}
	for _, s := range []ippSuite{
		{file: "get-printer-attributes", version: "2.0"}, {file: "get-jobs", version: "2.0"}, {file: "validate-job", version: "2.0"},
		{file: "print-job", version: "2.0"}, {file: "print-job-gzip", version: "2.0"}, {file: "print-job-deflate", version: "2.0"},
		{file: "create-job", version: "2.0"}, {file: "print-job-media-col", version: "2.0"}, {file: "cancel-current-job", version: "2.0"},
	} {
		h.ipptool(docs, h.demo.IPP, s)
	}
	// The rest of the conformance files waits for a job to end in one test, which
	// repeats itself for as long as ipptool is let. Here that test is cut out.
	for _, name := range []string{"ipp-1.1", "ipp-2.0", "ipp-everywhere"} {
		if err := withoutWaiting(docs); err != nil {
			t.Fatal(err)
		}
		h.ipptool(docs, h.demo.IPP, ippSuite{file: name, version: strings.TrimPrefix(strings.Replace(name, "everywhere", "2.0", 1), "ipp-")})
	}
	h.end()
}

// withoutWaiting replaces ipp-1.1.test, which the others include, by one without
// the test that waits.
func withoutWaiting(docs string) error {
	text, err := os.ReadFile(filepath.Join(peers.IPPTests, "ipp-1.1.test"))
	if err != nil {
		return err
	}
	blocks := strings.Split(string(text), "\n{\n")
	blocks = slices.DeleteFunc(blocks, func(b string) bool { return strings.Contains(b, `NAME "Get-Job-Attributes Until Job Complete"`) })
	path := filepath.Join(docs, "ipp-1.1.test")
	if err := os.Remove(path); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(strings.Join(blocks, "\n{\n")), 0o600)
}

// TestCupsEverywhere: a queue of CUPS that was made without a driver prints over
// ipp and ipps, its options arrive, a held job stays in the user's view, and
// cancel reaches it.
func TestCupsEverywhere(t *testing.T) {
	h := startDemo(t, "")
	ctx := inTime(t)
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // its filters run as lp
		t.Fatal(err)
	}
	c, err := peers.StartCups(ctx, filepath.Join(dir, "cups"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	t.Logf("peer: /usr/sbin/cupsd of %s", peers.Version("cups-daemon"))
	t.Logf("peer: lpadmin, lp, lpstat and cancel of %s", peers.Version("cups-client"))
	h.ownedBy("root", rootsCard)
	h.rewrite(fmt.Sprintf(demoConfig, "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0") + "[log]\nlevel = \"debug\"\n")
	h.awaitLog("new values are in force")

	ipps := func(uri string) string {
		return strings.Replace(strings.Replace(uri, "ipp:", "ipps:", 1), "127.0.0.1", "localhost", 1)
	}
	for name, uri := range map[string]string{"direct": h.demo.IPPNow, "directs": ipps(h.demo.IPPNow), "held": h.demo.IPP, "helds": h.demo.IPPS} {
		if err := c.Everywhere(ctx, name, uri); err != nil {
			t.Fatal(err)
		}
	}
	docs := filepath.Join(dir, "docs")
	if err := peers.IPPDocuments(ctx, docs); err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(dir, "letter.txt")
	if err := os.WriteFile(text, []byte("Dear Anna,\nthis is plain text.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	lp := func(args ...string) {
		t.Helper()
		if out, err := c.Run(ctx, "lp", args...); err != nil {
			t.Fatalf("lp: %v: %s", err, out)
		}
	}
	n := 0
	for _, queue := range []string{"direct", "directs"} {
		for _, file := range []string{filepath.Join(docs, "document-a4.pdf"), filepath.Join(docs, "color.jpg"), text} {
			lp("-d", queue, "-t", filepath.Base(file), file)
			n++
		}
	}
	await(t, "all are printed", func() bool { return len(h.inState("completed")) == n || t.Failed() })
	for _, j := range h.inState("completed") {
		if j.Owner != "root" || j.Queue != "direct" {
			t.Errorf("%+v", j)
		}
	}
	await(t, "CUPS knows that they are done", func() bool {
		out, err := c.Run(ctx, "lpstat", "-o")
		return err == nil && strings.TrimSpace(out) == ""
	})

	lp("-d", "direct", "-t", "options", "-n", "2", "-o", "sides=two-sided-long-edge", "-o", "print-color-mode=monochrome", "-o", "page-ranges=1-2",
		"-o", "media=iso_a5_148x210mm", filepath.Join(docs, "document-a4.pdf"))
	await(t, "it is printed with its options", func() bool { return len(h.inState("completed")) == n+1 })
	asked := h.asked(h.inState("completed")[0].ID) // newest first
	for _, want := range []string{"copies 2", "sides two-sided-long-edge", "print-color-mode monochrome", "media iso_a5_148x210mm"} {
		if !slices.Contains(asked, want) {
			t.Errorf("%s is missing in the ticket: %q", want, asked)
		}
	}

	for _, queue := range []string{"held", "helds"} {
		lp("-d", queue, "-t", "private "+queue, filepath.Join(docs, "document-a4.pdf"))
	}
	await(t, "both are held", func() bool { return len(h.inState("pending-held")) == 2 })
	for range 3 {
		asked := strings.Count(h.log.String(), "op=Get-Job-Attribute ")
		await(t, "CUPS has asked how they are", func() bool { return strings.Count(h.log.String(), "op=Get-Job-Attribute ") >= asked+2 })
		out, err := c.Run(ctx, "lpstat", "-o")
		if err != nil || !strings.Contains(out, "held-") || !strings.Contains(out, "helds-") {
			t.Fatalf("held jobs are gone from view: %v\n%s", err, out)
		}
	}
	if out, err := c.Run(ctx, "cancel", "-a", "held"); err != nil {
		t.Fatalf("cancel: %v: %s", err, out)
	}
	await(t, "the job of held is canceled here too", func() bool { return len(h.inState("canceled")) == 1 && len(h.inState("pending-held")) == 1 })
	h.release(rootsCard)
	await(t, "CUPS sees that it was released", func() bool {
		out, err := c.Run(ctx, "lpstat", "-o")
		return err == nil && strings.TrimSpace(out) == ""
	})
	h.end()
}

// inState lists the jobs that are in a state.
func (h *house) inState(state string) (list []jobLine) {
	h.t.Helper()
	for _, j := range h.jobs() {
		if j.State == state {
			list = append(list, j)
		}
	}
	return list
}

// rootsCard is the card of the person whose name the computer of the test claims.
const rootsCard = "04AABBCCDD"

func (h *house) ownedBy(login, card string) {
	h.t.Helper()
	h.must("user", "add", login, "--full-name", "The user "+login)
	must(h.t, h.dir, card+"\n", "card", "add", login)
}

// asked is what the newest job with this claimed user asks for.
func (h *house) asked(id int64) []string {
	h.t.Helper()
	var d jobDetail
	h.json(&d, "job", "show", strconv.FormatInt(id, 10))
	return d.Asked
}
