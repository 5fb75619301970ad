package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// ippAttribute asks a queue for one attribute.
func (h *house) ippAttribute(uri, name string) string {
	h.t.Helper()
	file := filepath.Join(h.t.TempDir(), "ask.test")
	text := `{
	NAME "one attribute"
	OPERATION Get-Printer-Attributes
	GROUP operation-attributes-tag
	ATTR charset attributes-charset utf-8
	ATTR naturalLanguage attributes-natural-language en
	ATTR uri printer-uri $uri
	ATTR keyword requested-attributes ` + name + `
	STATUS successful-ok
	DISPLAY ` + name + `
}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	out, err := exec.CommandContext(inTime(h.t), "ipptool", "-tv", uri, file).CombinedOutput()
	m := regexp.MustCompile(name + ` \(\w+\) = (.*)`).FindStringSubmatch(string(out))
	if err != nil || m == nil {
		h.t.Fatalf("ipptool: %v: %s", err, out)
	}
	return m[1]
}

// TestIPPIdentitySurvives: clients know a queue by its printer-uuid and a job by
// its number, so neither is given to anything else after a restart.
func TestIPPIdentitySurvives(t *testing.T) {
	h := startDemo(t, "")
	uuid := h.ippAttribute(h.demo.IPP, "printer-uuid")
	print := func() {
		t.Helper()
		if err := h.prints(h.demo.IPP); err != nil {
			t.Fatal(err)
		}
	}
	print()
	print()
	before := h.jobs()
	h.end()
	h = startDemo(t, h.dir)
	if again := h.ippAttribute(h.demo.IPP, "printer-uuid"); again != uuid || !strings.HasPrefix(uuid, "urn:uuid:") {
		t.Errorf("printer-uuid was %s and is %s", uuid, again)
	}
	print()
	after := h.jobs()
	if len(after) != 3 || after[0].ID <= before[0].ID || after[1].UUID != before[0].UUID || after[1].ID != before[0].ID {
		t.Errorf("before %+v\nafter %+v", before, after)
	}
	h.end()
}

// TestDemoFromBeforeIPP: the configuration of an older demo names no address for
// IPP, and the demo goes on.
func TestDemoFromBeforeIPP(t *testing.T) {
	dir := t.TempDir()
	old := "trusted = [\"127.0.0.0/8\", \"::1/128\"]\n\n[listen]\nlpd = \"127.0.0.1:0\"\nweb = \"127.0.0.1:0\"\n\n[devices]\nallow_loopback = true\n"
	if err := os.WriteFile(filepath.Join(dir, "node.toml"), []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := demoPlace(dir, &opt[string]{}, &opt[string]{}, &opt[string]{})
	if err != nil || p.cfg.Listen.IPP != "127.0.0.1:5631" || p.cfg.IPP.Advertise {
		t.Errorf("%+v, %v", p.cfg.Listen, err)
	}
	startDemo(t, dir).end()
}

// prints has ipptool print a small document.
func (h *house) prints(uri string) error {
	h.t.Helper()
	path, _ := document(h.t, 1000)
	cmd := exec.CommandContext(inTime(h.t), "ipptool", "-T", "10", "-tf", path, "-d", "filetype=text/plain", uri, "print-job.test")
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.Stdin = strings.NewReader("") // nobody types a password
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// TestIPPPasswords: a queue that wants to know who prints takes nobody's word, no
// wrong password, and none in clear text.
func TestIPPPasswords(t *testing.T) {
	h := startDemo(t, "")
	h.must("queue", "add", "strict", "--require-identity", "yes")
	plain := strings.Replace(h.demo.IPP, "secure", "strict", 1)
	secure := strings.Replace(strings.Replace(plain, "ipp:", "ipps:", 1), "127.0.0.1", "localhost", 1)
	with := func(who string) string { return strings.Replace(secure, "://", "://"+who+"@", 1) }
	// ipptool says a refused password again until it is told something else: after
	// five, that it has to wait. So does who comes with the right one then.
	for _, tt := range []struct{ name, uri, answer string }{
		{"a name alone", secure, "not-authenticated"},
		{"nobody", with("nobody:x"), "Please wait 30 seconds"},
		{"a wrong password", with("ben:anna"), "Please wait 30 seconds"},
		{"the right one after that", with("ben:ben"), "Please wait 30 seconds"},
	} {
		if err := h.prints(tt.uri); err == nil || !strings.Contains(err.Error(), tt.answer) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if jobs := h.jobs(); len(jobs) != 0 {
		t.Fatalf("%+v", jobs)
	}
	if err := h.prints(with("anna:anna")); err != nil {
		t.Fatal(err)
	}
	if jobs := h.jobs(); len(jobs) != 1 || jobs[0].Owner != "anna" {
		t.Errorf("%+v", jobs)
	}
	h.end()
}

// TestPausedQueue: jobs of a queue that is paused wait, and print when it goes on.
func TestPausedQueue(t *testing.T) {
	h := startDemo(t, "")
	if out := h.must("queue", "set", "direct", "--paused", "yes"); !strings.Contains(out, "paused:") {
		t.Errorf("%s", out)
	}
	if state := h.ippAttribute(h.demo.IPPNow, "printer-state-reasons"); state != "paused" {
		t.Errorf("printer-state-reasons %s", state)
	}
	if err := h.prints(h.demo.IPPNow); err != nil {
		t.Fatal(err)
	}
	if jobs := h.jobs(); len(jobs) != 1 || jobs[0].State != "pending" || jobs[0].Message != "The queue is paused." {
		t.Fatalf("%+v", jobs)
	}
	h.must("queue", "set", "direct", "--paused", "no")
	h.awaitState(h.jobs()[0].ID, "completed")
	h.end()
}

// TestPrinterUUIDSurvivesAReinstall: with the data gone too, clients know the queue
// again.
func TestPrinterUUIDSurvivesAReinstall(t *testing.T) {
	first, second := startDemo(t, ""), startDemo(t, "")
	if a, b := first.ippAttribute(first.demo.IPP, "printer-uuid"), second.ippAttribute(second.demo.IPP, "printer-uuid"); a != b {
		t.Errorf("%s and %s", a, b)
	}
	second.end()
	first.end()
}
