package main

import (
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
	path, _ := document(t, 2000)
	print := func() {
		t.Helper()
		out, err := exec.CommandContext(inTime(t), "ipptool", "-tf", path, "-d", "filetype=text/plain", h.demo.IPP, "print-job.test").CombinedOutput()
		if err != nil {
			t.Fatalf("ipptool: %v: %s", err, out)
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
