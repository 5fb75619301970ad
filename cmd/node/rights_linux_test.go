package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// inked says which inks the newest file that was printed needs, by Ghostscript.
func (h *house) inked() string {
	h.t.Helper()
	files, err := filepath.Glob(filepath.Join(h.dir, "printed", "*.pdf"))
	if err != nil || len(files) != 1 {
		h.t.Fatalf("printed %v, %v", files, err)
	}
	out, err := exec.CommandContext(inTime(h.t), "gs", "-q", "-o", "-", "-sDEVICE=inkcov", files[0]).CombinedOutput()
	if err != nil {
		h.t.Fatalf("gs: %v: %s", err, out)
	}
	return string(out)
}

// Rights that a group gives count for what is said of a job as they do at a terminal,
// and those that restrict let nothing through that nobody understands.
func TestRightsOfAJob(t *testing.T) {
	h := startDemo(t, "")
	version, err := exec.CommandContext(inTime(t), "gs", "--version").CombinedOutput()
	if err != nil {
		t.Fatalf("gs: %v (make peers installs it)", err)
	}
	t.Logf("gs %s", version)
	h.must("group", "add", "pupils")
	h.must("group", "join", "pupils", "--user", "anna")
	h.must("group", "add", "wardens")
	h.must("group", "join", "wardens", "--user", "ben")
	h.must("user", "set", "anna", "--right", "none")
	h.must("right", "add", "release", "--group", "pupils")
	h.must("right", "add", "break-glass", "--group", "wardens")
	send := func(name, text string) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		before := len(h.jobs())
		must(t, h.dir, "", "send", "--to", h.demo.Secure, "--user", "anna", file)
		await(t, "the job is there", func() bool { return len(h.jobs()) > before })
		id := int64(0)
		for _, j := range h.jobs() {
			id = max(id, j.ID)
		}
		await(t, "its pages are counted, or cannot be", func() bool {
			return !strings.Contains(h.must("job", "show", fmt.Sprint(id)), "still being counted")
		})
		return fmt.Sprint(id)
	}
	says := func(id string, parts ...string) {
		t.Helper()
		text := h.must("job", "show", id)
		for _, p := range parts {
			if !strings.Contains(text, p) {
				t.Errorf("job show lacks %q:\n%s", p, text)
			}
		}
	}
	red := send("red.pdf", redPDF)
	says(red, "Who may release it: anna, at any terminal, with a card", "ben, with a reason, by the right break-glass")

	h.must("right", "add", "force-mono", "--group", "pupils")
	says(red, "anna, at any terminal")
	h.release(annasCard)
	await(t, "it is printed", func() bool { return strings.Contains(h.must("job", "show", red), "is completed") })
	if ink := h.inked(); !strings.HasPrefix(strings.TrimSpace(ink), "0.00000  0.00000  0.00000") {
		t.Errorf("force-mono printed in colour: %s", ink)
	}
	says(red, "Printed without colour, because of the right force-mono of group pupils.")

	odd := send("odd.pcl", "\x1bE\x1b*r3U\x1b*v1Sred\x1bE") // nobody here makes that gray
	says(odd, "Not anna at", "This document may have colour, this device cannot be told to print it without")
	if code := h.call("POST", "sessions", map[string]string{"method": "card", "value": annasCard}, nil); code != 201 {
		t.Fatal(code)
	}
	h.must("job", "cancel", odd)

	h.must("right", "remove", "force-mono", "--group", "pupils")
	h.must("right", "add", "page-limit", "--group", "pupils", "--pages", "1")
	ps := send("three.ps", "%!PS\n3 {showpage} repeat\n")
	says(ps, "Not anna at", "Nobody knows how many pages this document has", "(1 page at most at a time, because of the right page-limit of group pupils)")
	h.must("job", "cancel", ps)

	// Of the job of a drill, which took its queue and its person with it.
	h.must("drill", "--for", "1s")
	last := int64(0)
	for _, j := range h.jobs() {
		last = max(last, j.ID)
	}
	id := fmt.Sprint(last)
	says(id, "Its owner is "+textGone)
	if text := h.must("owner", "explain", "--job", id); !strings.Contains(text, "Its queue was removed") || !strings.Contains(text, "At job "+id+" stands "+textGone) {
		t.Errorf("owner explain: %s", text)
	}
	var x explained
	h.json(&x, "owner", "explain", "--job", id)
	if x.Job != last || !x.Removed || x.Stored == "" {
		t.Errorf("%+v", x)
	}
	h.end()
}

// redPDF is one page that is red all over.
const redPDF = "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n" +
	"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R>>endobj\n" +
	"4 0 obj<</Length 28>>stream\n1 0 0 rg 20 20 100 100 re f \nendstream\nendobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
