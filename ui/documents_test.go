package ui

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"platen/fault"
	"platen/job"
)

func TestActions(t *testing.T) {
	tests := map[string]struct {
		path   string
		form   url.Values
		asked  []string
		status int
		at     string
		texts  []string
	}{
		"one":     {"act", url.Values{"do": {"release"}, "id": {"102"}}, []string{"release [102] copies=0 sides="}, 200, "/t/lobby/releases/r-2", []string{"Train ticket"}},
		"several": {"act", url.Values{"do": {"release"}, "id": {"102", "103"}}, []string{"release [102 103] copies=0 sides="}, 200, "/t/lobby/releases/r-2", nil},
		"all":     {"act", url.Values{"do": {"all"}}, []string{"release all [101 102 103] copies=0 sides="}, 200, "/t/lobby/releases/r-2", nil},
		"by path": {"release", url.Values{"id": {"102"}}, []string{"release [102] copies=0 sides="}, 200, "/t/lobby/releases/r-2", nil},
		"options": {"act", url.Values{"do": {"release"}, "id": {"101"}, "copies": {"3"}, "sides": {"two-sided-long-edge"}},
			[]string{"release [101] copies=3 sides=two-sided-long-edge"}, 200, "/t/lobby/releases/r-2", nil},
		"print again":            {"act", url.Values{"do": {"repeat"}, "id": {"99"}}, []string{"repeat [99] copies=0 sides="}, 200, "/t/lobby/releases/r-2", nil},
		"uncertain, again":       {"act", url.Values{"do": {"again"}, "id": {"105"}}, []string{"resolve [105] copies=0 sides="}, 200, "/t/lobby/releases/r-2", nil},
		"uncertain, done":        {"act", url.Values{"do": {"printed"}, "id": {"105"}}, []string{"resolve [105] printed"}, 200, "/t/lobby/jobs?did=printed", []string{"Thank you."}},
		"keep":                   {"keep", url.Values{"id": {"101", "102"}}, []string{"keep [101 102]"}, 200, "/t/lobby/jobs?did=kept", []string{"Kept longer."}},
		"delete asks":            {"delete", url.Values{"id": {"101"}}, nil, 200, "/t/lobby/jobs/delete", []string{"Delete this document?", "Quarterly figures", `name="sure"`}},
		"delete, sure":           {"delete", url.Values{"id": {"101"}, "sure": {"1"}}, []string{"delete [101]"}, 200, "/t/lobby/jobs?did=deleted", []string{"Deleted."}},
		"Enter somewhere":        {"act", url.Values{"do": {"look"}, "id": {"101"}}, nil, 200, "/t/lobby/jobs", nil},
		"no button":              {"act", url.Values{"id": {"101"}}, nil, 200, "/t/lobby/jobs", nil},
		"nothing chosen":         {"act", url.Values{"do": {"release"}}, nil, 400, "/t/lobby/jobs/act", []string{"Please choose a document first.", "Print all 3"}},
		"not a number":           {"act", url.Values{"do": {"release"}, "id": {"1e9"}}, nil, 400, "/t/lobby/jobs/act", nil},
		"negative":               {"act", url.Values{"do": {"release"}, "id": {"-1"}}, nil, 400, "/t/lobby/jobs/act", nil},
		"no such button":         {"act", url.Values{"do": {"format"}, "id": {"101"}}, nil, 400, "/t/lobby/jobs/act", []string{"That could not be read."}},
		"bad copies":             {"act", url.Values{"do": {"release"}, "id": {"101"}, "copies": {"99999"}}, nil, 400, "/t/lobby/jobs/act", []string{"That is no number of copies."}},
		"bad sides":              {"act", url.Values{"do": {"release"}, "id": {"101"}, "sides": {"three"}}, nil, 400, "/t/lobby/jobs/act", nil},
		"somebody else's":        {"act", url.Values{"do": {"release"}, "id": {"4711"}}, []string{"release [4711] copies=0 sides="}, 404, "/t/lobby/jobs/act", []string{"This document is not in your list."}},
		"delete somebody else's": {"delete", url.Values{"id": {"4711"}}, nil, 404, "/t/lobby/jobs/delete", []string{"This document is not in your list."}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t).enrolled()
			h.signIn("04A1B2C3D4")
			p := h.post("/t/lobby/jobs/"+tt.path, tt.form)
			p.wants(t, tt.status, tt.at, tt.texts...)
			if took := h.desk.took(); !slices.Equal(took, tt.asked) {
				t.Errorf("asked the desk for %q, want %q", took, tt.asked)
			}
		})
	}
}

// A double click, or a page sent again, acts once.
func TestIdempotencyKeyOfThePage(t *testing.T) {
	h := newHouse(t).enrolled()
	p := h.signIn("04A1B2C3D4")
	_, rest, _ := strings.Cut(p.body, `name="once" value="`)
	key, _, _ := strings.Cut(rest, `"`)
	if len(key) < 22 {
		t.Fatalf("key %q is shorter than 128 bits", key)
	}
	form := url.Values{"do": {"release"}, "id": {"102"}, "once": {key}}
	first := h.post("/t/lobby/jobs/act", form)
	second := h.post("/t/lobby/jobs/act", form)
	if first.path != second.path {
		t.Errorf("two releases: %s and %s", first.path, second.path)
	}
}

func TestDocumentPages(t *testing.T) {
	h := newHouse(t).enrolled()
	h.signIn("04A1B2C3D4")
	h.get("/t/lobby/jobs/101").wants(t, 200, "", "Quarterly figures", `name="copies"`, `name="sides"`, `value="release"`, "Kept until")
	h.get("/t/lobby/jobs/101").lacks(t, `<option value="2">`)
	p := h.get("/t/lobby/jobs/103")
	p.wants(t, 200, "", `value="release"`)
	p.lacks(t, `name="copies"`, `name="sides"`)
	h.get("/t/lobby/jobs/104").wants(t, 200, "", "It is still arriving. Please wait a moment.")
	h.get("/t/lobby/jobs/105").wants(t, 200, "", "Did this document print?", `value="printed"`, `value="again"`)
	h.get("/t/lobby/jobs/99").wants(t, 200, "", `value="repeat"`, "Delivered; printing was not confirmed.")
	h.get("/t/lobby/jobs/4711").wants(t, 404, "", "This document is not in your list.", "Reference for the help desk")
	h.get("/t/lobby/jobs/99999999999999999999").wants(t, 404, "")
}

func TestReleasePage(t *testing.T) {
	tests := map[string]struct {
		status, reason string
		want           []string
	}{
		"queued":     {job.StatusQueued, "", []string{"on their way", "Waits for the device"}},
		"sending":    {job.StatusSending, "", []string{"on their way", "Is being printed"}},
		"printed":    {job.StatusPrinted, "", []string{"Please take your paper", "Printed"}},
		"unsure":     {job.StatusNotConfirmed, "Delivered; printing was not confirmed.", []string{"Please take your paper", "Sent to the device", "Delivered; printing was not confirmed."}},
		"uncertain":  {job.StatusUncertain, "", []string{"Not everything was printed", "May have printed"}},
		"held again": {job.StatusHeld, "The device had not begun it, so it is held again.", []string{"Not everything was printed", "Held again"}},
		"failed":     {job.StatusFailed, "It was deleted.", []string{"Not everything was printed", "Not printed"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t).enrolled()
			path := released(h, tt.status, tt.reason)
			h.get(path).wants(t, 200, path, append(tt.want, "Train ticket")...)
		})
	}
	h := newHouse(t).enrolled()
	h.signIn("04A1B2C3D4")
	h.get("/t/lobby/releases/r-99").wants(t, 404, "", "This release is not known here.")
}

// A17: nobody sees another's release.
func TestA17ReleaseOfAnother(t *testing.T) {
	h := newHouse(t).enrolled()
	path := released(h, job.StatusPrinted, "")
	h.signIn("04E5F60718")
	h.get(path).wants(t, 404, "")
}

func TestLongListsHavePages(t *testing.T) {
	h := newHouse(t).enrolled()
	var many []job.View
	for i := range 60 {
		j := h.desk.jobs["anna"][0]
		j.ID, j.Title = int64(1000+i), fmt.Sprintf("Document of the batch %d", i)
		many = append(many, j)
	}
	h.change(func() { h.desk.jobs["anna"] = many })
	p := h.signIn("04A1B2C3D4")
	p.wants(t, 200, "", "Print all 60", "Document of the batch 0", "Next page", `href="/t/lobby/jobs?from=25"`)
	p.lacks(t, "Document of the batch 25", "Previous page")
	p = h.get("/t/lobby/jobs?from=50")
	p.wants(t, 200, "", "Document of the batch 59", "Previous page")
	p.lacks(t, "Next page")
	for _, from := range []string{"-1", "60", "x", "99999999999999999999"} {
		h.get("/t/lobby/jobs?from="+from).wants(t, 200, "", "Document of the batch 0")
	}
}

func TestFailuresOfTheNode(t *testing.T) {
	h := newHouse(t).enrolled()
	h.signIn("04A1B2C3D4")
	h.change(func() {
		h.desk.broken = fmt.Errorf("store: disk at /var/lib/platen/x.db: %w", &fault.Error{Op: "store", Kind: fault.Unavailable, Text: "The print service is busy. Please try again in a moment."})
	})
	p := h.get("/t/lobby/jobs")
	p.wants(t, 503, "", "The print service is busy. Please try again in a moment.", "Reference for the help desk")
	p.lacks(t, "/var/lib")
	seconds, back := p.refresh(t)
	if seconds != "20" || back != "/t/lobby/" {
		t.Errorf("a panel stays with the error: goes to %s after %s", back, seconds)
	}
	_, rest, _ := strings.Cut(p.body, "help desk: ")
	ref, _, _ := strings.Cut(rest, "<")
	if !strings.Contains(h.log.String(), "ref="+ref) || !strings.Contains(h.log.String(), "/var/lib/platen/x.db") {
		t.Errorf("reference %q and its cause are not in the log:\n%s", ref, h.log.String())
	}
	h.change(func() { h.desk.broken = fmt.Errorf("secret detail") })
	h.get("/t/lobby/jobs").lacks(t, "secret detail")
}

// A57: only who may break glass sees its page, and the desk is asked again.
func TestBreakGlass(t *testing.T) {
	h := newHouse(t).enrolled()
	h.signIn("04A1B2C3D4").lacks(t, "glass")
	h.get("/t/lobby/glass").wants(t, 403, "", "You do not have the right to do that.")
	h.post("/t/lobby/glass", url.Values{"user": {"ben"}}).wants(t, 403, "")
	h.desk.took()

	h.post("/t/lobby/login", hilda()).wants(t, 200, "/t/lobby/jobs", "Print for somebody else")
	h.get("/t/lobby/glass").wants(t, 200, "", "Whose documents?")
	p := h.post("/t/lobby/glass", url.Values{"user": {"anna"}, "do": {"find"}})
	p.wants(t, 200, "", "Document 102", "Reason")
	p.lacks(t, "Train ticket") // titles of others are nobody's business
	h.post("/t/lobby/glass", url.Values{"user": {"nobody"}, "do": {"find"}}).wants(t, 200, "", "Nothing is held there.")
	h.desk.took()

	h.post("/t/lobby/glass", url.Values{"user": {"anna"}, "do": {"release"}, "id": {"102"}}).
		wants(t, 400, "", "Please say why.", "Document 102")
	h.post("/t/lobby/glass", url.Values{"user": {"anna"}, "do": {"release"}, "reason": {"ward round"}}).wants(t, 400, "", "Please choose a document first.")
	h.desk.took()
	p = h.post("/t/lobby/glass", url.Values{"user": {"anna"}, "do": {"release"}, "id": {"102"}, "reason": {"ward round"}})
	p.wants(t, 200, "", "on their way", "Document 102")
	if took := h.desk.took(); !slices.Equal(took, []string{"glass [102] copies=0 sides="}) {
		t.Errorf("asked the desk for %q", took)
	}
}

// While documents are on their way, the page says what keeps the device from
// printing them.
func TestNoPaperInTheMiddleOfAJob(t *testing.T) {
	h := newHouse(t).enrolled()
	h.signIn("04A1B2C3D4")
	h.change(func() {
		h.desk.device.Status.State, h.desk.device.Status.Text = "processing", "The device needs paper."
	})
	p := h.post("/t/lobby/jobs/act", url.Values{"do": {"release"}, "id": {"102"}})
	p.wants(t, 200, "/t/lobby/releases/r-2", "The device needs paper.")
}
