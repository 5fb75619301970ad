package ui

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"platen/job"
)

// pinned gives documents of anna a PIN of their own, 1234.
func (h *house) pinned(ids ...int64) *house {
	h.change(func() {
		for i := range h.desk.jobs["anna"] {
			if j := &h.desk.jobs["anna"][i]; slices.Contains(ids, j.ID) {
				j.NeedsPIN = true
			}
		}
	})
	return h
}

func TestPINsOfDocuments(t *testing.T) {
	wait := "Too many wrong PINs. Please wait 30 seconds and try again."
	tests := map[string]struct {
		pinned []int64
		form   url.Values
		asked  []string
		status int
		at     string
		texts  []string
	}{
		"on its page": {[]int64{102}, url.Values{"do": {"release"}, "id": {"102"}, "pin-102": {"1234"}},
			[]string{"release [102] copies=0 sides="}, 200, "/t/lobby/releases/r-2", nil},
		"none": {[]int64{102}, url.Values{"do": {"release"}, "id": {"102"}}, nil, 200, "/t/lobby/jobs/act",
			[]string{"printed only with its PIN", `name="pin-102"`, `type="password" inputmode="numeric"`, "Train ticket", `name="do" value="release"`}},
		"wrong": {[]int64{102}, url.Values{"do": {"release"}, "id": {"102"}, "pin-102": {"4321"}}, nil, 403, "/t/lobby/jobs/act",
			[]string{"That is not the PIN of this document.", `name="pin-102"`}},
		"too many": {[]int64{102}, url.Values{"do": {"release"}, "id": {"102"}, "pin-102": {"9999"}}, nil, 429, "/t/lobby/jobs/act", []string{wait, `name="pin-102"`}},
		"some of several": {[]int64{102}, url.Values{"do": {"release"}, "id": {"101", "102"}, "copies": {"3"}, "sides": {"one-sided"}}, nil, 200, "/t/lobby/jobs/act",
			[]string{`name="id" value="101"`, `name="id" value="102"`, `name="pin-102"`, `name="copies" value="3"`, `name="sides" value="one-sided"`}},
		"that of another": {[]int64{102}, url.Values{"do": {"release"}, "id": {"102"}, "pin-101": {"1234"}}, nil, 200, "/t/lobby/jobs/act", []string{`name="pin-102"`}},
		"all": {[]int64{101, 102}, url.Values{"do": {"all"}}, []string{"release all [103] copies=0 sides="}, 200, "/t/lobby/releases/r-2?left=2",
			[]string{"2 documents were left because they need their PIN."}},
		"all, and all need one": {[]int64{101, 102, 103}, url.Values{"do": {"all"}}, nil, 200, "/t/lobby/jobs/act", []string{"Nothing was printed: what waits here needs its PIN.", "Needs its PIN."}},
		"print again":           {[]int64{99}, url.Values{"do": {"repeat"}, "id": {"99"}}, nil, 200, "/t/lobby/jobs/act", []string{`name="do" value="repeat"`, `name="pin-99"`}},
		"print again, with it":  {[]int64{99}, url.Values{"do": {"repeat"}, "id": {"99"}, "pin-99": {"1234"}}, []string{"repeat [99] copies=0 sides="}, 200, "/t/lobby/releases/r-2", nil},
		"uncertain":             {[]int64{105}, url.Values{"do": {"again"}, "id": {"105"}}, nil, 200, "/t/lobby/jobs/act", []string{`name="do" value="again"`, `name="pin-105"`}},
		"uncertain, with it":    {[]int64{105}, url.Values{"do": {"again"}, "id": {"105"}, "pin-105": {"1234"}}, []string{"resolve [105] copies=0 sides="}, 200, "/t/lobby/releases/r-2", nil},
		"uncertain, done":       {[]int64{105}, url.Values{"do": {"printed"}, "id": {"105"}}, []string{"resolve [105] printed"}, 200, "/t/lobby/jobs?did=printed", nil},
		"deleted without it":    {[]int64{102}, url.Values{"do": {"delete"}, "id": {"102"}, "sure": {"1"}}, []string{"delete [102]"}, 200, "/t/lobby/jobs?did=deleted", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t).enrolled().pinned(tt.pinned...)
			h.signIn("04A1B2C3D4")
			p := h.post("/t/lobby/jobs/act", tt.form)
			p.wants(t, tt.status, tt.at, tt.texts...)
			if took := h.desk.took(); !slices.Equal(took, tt.asked) {
				t.Errorf("asked the desk for %q, want %q", took, tt.asked)
			}
			if tt.status == 429 && p.header.Get("Retry-After") != "30" {
				t.Errorf("Retry-After %q", p.header.Get("Retry-After"))
			}
			if strings.Contains(p.path, "act") {
				checkPage(t, parse(t, p.body), "en")
			}
			for _, pin := range []string{"1234", "4321", "9999"} {
				if strings.Contains(p.body, pin) || strings.Contains(h.log.String(), pin) {
					t.Errorf("the PIN %s is in the page or the log", pin)
				}
			}
		})
	}
}

// Enter in the field for the PIN prints, and in that of a document that may have
// printed answers nothing.
func TestEnterInThePIN(t *testing.T) {
	h := newHouse(t).enrolled().pinned(102, 105, 104)
	h.signIn("04A1B2C3D4")
	first := func(path string) string {
		t.Helper()
		_, form, _ := strings.Cut(h.get(path).body, `<form method="post" action="/t/lobby/jobs/act"`)
		_, value, _ := strings.Cut(form, `<button name="do" value="`)
		value, _, _ = strings.Cut(value, `"`)
		return value
	}
	for path, want := range map[string]string{"102": "release", "105": "look", "104": "look", "101": "look"} {
		if got := first("/t/lobby/jobs/" + path); got != want {
			t.Errorf("Enter on the page of document %s does %q, want %q", path, got, want)
		}
	}
	h.get("/t/lobby/jobs/102").wants(t, 200, "", `name="pin-102" type="password" inputmode="numeric"`)
	h.get("/t/lobby/jobs/104").lacks(t, `name="pin-104"`) // it is still arriving
}

// How many were left stays on the page while it looks again.
func TestLeftForTheirPINWhileBusy(t *testing.T) {
	h := newHouse(t).enrolled().pinned(102)
	h.signIn("04A1B2C3D4")
	p := h.post("/t/lobby/jobs/act", url.Values{"do": {"all"}})
	p.wants(t, 200, "/t/lobby/releases/r-2?left=1", "1 document was left because it needs its PIN.")
	_, again := p.refresh(t)
	h.get(again).wants(t, 200, "", "1 document was left because it needs its PIN.")
	for _, left := range []string{"-1", "x", "0", "99999999999999999999"} {
		h.get("/t/lobby/releases/r-2?left="+left).lacks(t, "because")
	}
	h.desk.becomes(job.StatusPrinted, "")
	h.get("/t/lobby/releases/r-2").lacks(t, "because")
}

func TestPINsByAPI(t *testing.T) {
	tests := map[string]struct {
		body, reason string
		status       int
		asked        []string
		left         float64
	}{
		"pins":             {`{"jobs":[102,103],"pins":{"102":"1234","103":"1234"}}`, "", 202, []string{"release [102 103] copies=0 sides="}, 0},
		"pin":              {`{"jobs":[102],"pin":"1234"}`, "", 202, []string{"release [102] copies=0 sides="}, 0},
		"none":             {`{"jobs":[102]}`, "need-pin", 403, nil, 0},
		"one of two":       {`{"jobs":[102,103],"pins":{"102":"1234"}}`, "need-pin", 403, nil, 0},
		"wrong":            {`{"jobs":[102],"pin":"4321"}`, "wrong-pin", 403, nil, 0},
		"throttled":        {`{"jobs":[102],"pin":"9999"}`, "throttled", 429, nil, 0},
		"all":              {`{"jobs":"all"}`, "", 202, []string{"release all [101] copies=0 sides="}, 2},
		"all, with one":    {`{"jobs":"all","pins":{"102":"1234"}}`, "", 202, []string{"release all [101 102] copies=0 sides="}, 1},
		"pin for two":      {`{"jobs":[102,103],"pin":"1234"}`, "invalid", 400, nil, 0},
		"pin for all":      {`{"jobs":"all","pin":"1234"}`, "invalid", 400, nil, 0},
		"not by a number":  {`{"jobs":[102],"pins":{"x":"1234"}}`, "invalid", 400, nil, 0},
		"the PIN a number": {`{"jobs":[102],"pins":{"102":1234}}`, "invalid", 400, nil, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t).pinned(102, 103)
			_, m := h.call("POST", terminals+"sessions", "terminal-token", `{"method":"card","value":"04A1B2C3D4"}`)
			session, _ := m["session"].(string)
			p, _ := h.call("GET", terminals+"sessions/"+session+"/jobs", "terminal-token", "")
			if strings.Count(p.body, `"needs_pin":true`) != 2 {
				t.Errorf("the list: %s", p.body)
			}
			h.desk.took()
			p, m = h.call("POST", terminals+"sessions/"+session+"/release", "terminal-token", tt.body)
			if reason, _ := m["reason"].(string); p.status != tt.status || reason != tt.reason {
				t.Errorf("got %d %s, want %d %s", p.status, p.body, tt.status, tt.reason)
			}
			if tt.status == 202 && m["need_pins"] != tt.left {
				t.Errorf("%v were left, want %v", m["need_pins"], tt.left)
			}
			if took := h.desk.took(); !slices.Equal(took, tt.asked) {
				t.Errorf("asked the desk for %q, want %q", took, tt.asked)
			}
			if strings.Contains(h.log.String(), "1234") || strings.Contains(h.log.String(), "4321") {
				t.Errorf("a PIN is in the log:\n%s", h.log)
			}
		})
	}
}

func TestBreakGlassShowsThatThereIsAPIN(t *testing.T) {
	h := newHouse(t).enrolled().pinned(102)
	h.post("/t/lobby/login", hilda())
	h.post("/t/lobby/glass", url.Values{"do": {"find"}, "user": {"anna"}}).wants(t, 200, "", "Has a PIN that only its owner knows.")
}
