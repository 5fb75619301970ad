package ui

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"platen/job"
)

// unclaimed puts into the tray what nobody could be named for.
func (h *house) unclaimed() *house {
	h.change(func() {
		found := func(id int64, claimed, computer string) job.Found {
			return job.Found{View: job.View{ID: id, UUID: "u", Queue: "secure", Status: job.StatusHeld, Pages: pointer(3), Size: 20_000, Submitted: h.clock.Now().Add(-time.Hour)},
				Claimed: claimed, Computer: computer, Address: "192.0.2.31", Fits: "It came from a computer that you have printed from.", Remember: true}
		}
		a, b, c := found(401, "macuser", "MacBook-7"), found(402, "аnnа", ""), found(403, "root", "")
		b.Fits, b.Warning = "Its name is like yours.", "Some letters of this name only look like those of yours. Please be sure before you claim it."
		c.Remember, c.NeedsPIN = false, true
		h.desk.tray = []job.Found{a, b, c}
	})
	return h
}

func TestUnclaimedTray(t *testing.T) {
	h := newHouse(t).enrolled()
	list := h.signIn("04A1B2C3D4")
	list.lacks(t, "may be yours")
	h.get("/t/lobby/unclaimed").wants(t, 200, "/t/lobby/unclaimed", "Nothing of that kind is waiting.")
	h.unclaimed()
	h.get("/t/lobby/jobs").wants(t, 200, "", "There is more that may be yours.", `href="/t/lobby/unclaimed"`)
	p := h.get("/t/lobby/unclaimed")
	p.wants(t, 200, "", "macuser", "MacBook-7 (192.0.2.31)", "3 pages", "only look like those of yours", "This is mine", "Needs its PIN.")
	p.lacks(t, "What it was called", "<script")
	checkPage(t, parse(t, p.body), "en")
	h.desk.took()

	// Nothing is claimed before it was asked for twice.
	p = h.post("/t/lobby/claim", url.Values{"do": {"ask"}, "id": {"401"}})
	p.wants(t, 200, "/t/lobby/claim", "Is this document yours?", "From now on, what is printed by macuser is mine.", ` checked`, `name="do" value="claim"`, "is recorded")
	checkPage(t, parse(t, p.body), "en")
	if took := h.desk.took(); len(took) != 0 {
		t.Fatalf("asked the desk for %q", took)
	}
	p = h.post("/t/lobby/claim", url.Values{"do": {"claim"}, "id": {"401"}, "remember": {"1"}})
	p.wants(t, 200, "/t/lobby/jobs?did=known", "What comes under this name from now on is yours as well.", "What it was called")
	p = h.post("/t/lobby/claim", url.Values{"do": {"claim"}, "id": {"402"}})
	p.wants(t, 200, "/t/lobby/jobs?did=claimed", "It is yours now, and stands in your list.")
	if took := h.desk.took(); !slices.Equal(took, []string{"claim 401 remember=true", "claim 402 remember=false"}) {
		t.Errorf("asked the desk for %q", took)
	}
}

func TestClaimForms(t *testing.T) {
	ask, sure := url.Values{"do": {"ask"}, "id": {"403"}}, func(id string, more ...string) url.Values {
		f := url.Values{"do": {"claim"}, "id": {id}}
		for i := 0; i+1 < len(more); i += 2 {
			f.Set(more[i], more[i+1])
		}
		return f
	}
	tests := map[string]struct {
		prepare func(*house)
		form    url.Values
		status  int
		at      string
		texts   []string
		lacks   string
	}{
		"a generic name":    {nil, ask, 200, "/t/lobby/claim", []string{"Is this document yours?", `name="pin-403"`}, `name="remember"`},
		"a warning":         {nil, url.Values{"do": {"ask"}, "id": {"402"}}, 200, "", []string{"only look like those of yours"}, ""},
		"PIN missing":       {nil, sure("403"), 200, "/t/lobby/claim", []string{"printed only with its PIN", `name="pin-403"`}, "1234"},
		"PIN wrong":         {nil, sure("403", "pin-403", "4321"), 403, "", []string{"That is not the PIN of this document."}, "4321"},
		"PIN":               {nil, sure("403", "pin-403", "1234"), 200, "/t/lobby/jobs?did=claimed", []string{"It is yours now"}, ""},
		"gone":              {nil, sure("404"), 404, "", []string{"This document is not in your list.", "macuser"}, ""},
		"gone before asked": {nil, url.Values{"do": {"ask"}, "id": {"404"}}, 404, "", []string{"Somebody was faster"}, ""},
		"somebody faster":   {func(h *house) { h.desk.tray[0].Claimed = "taken" }, sure("401"), 409, "", []string{"Somebody was faster"}, ""},
		"too many":          {func(h *house) { h.desk.tray[0].Claimed = "limited" }, sure("401"), 429, "", []string{"as much as one person may claim in an hour"}, ""},
		"none":              {nil, url.Values{"do": {"claim"}}, 200, "/t/lobby/unclaimed", []string{"macuser"}, ""},
		"two":               {nil, url.Values{"do": {"claim"}, "id": {"401", "402"}}, 200, "/t/lobby/unclaimed", []string{"macuser"}, ""},
		"Enter in the PIN":  {nil, url.Values{"do": {"look"}, "id": {"403"}}, 200, "/t/lobby/unclaimed", []string{"macuser"}, ""},
		"no number":         {nil, url.Values{"do": {"claim"}, "id": {"x"}}, 400, "", nil, ""},
		"not remembered":    {nil, sure("403", "pin-403", "1", "remember", ""), 403, "", nil, ` checked`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t).enrolled().unclaimed()
			if tt.prepare != nil {
				h.change(func() { tt.prepare(h) })
			}
			h.signIn("04A1B2C3D4")
			p := h.post("/t/lobby/claim", tt.form)
			p.wants(t, tt.status, tt.at, tt.texts...)
			if tt.lacks != "" {
				p.lacks(t, tt.lacks)
			}
			if tt.status == 429 && p.header.Get("Retry-After") == "" {
				t.Error("nobody says when to come again")
			}
		})
	}
}

func TestClaimByAPI(t *testing.T) {
	tests := map[string]struct {
		body, reason string
		status       int
		asked        []string
		remembered   any
	}{
		"remembered":     {`{"job":401,"remember":true}`, "", 200, []string{"claim 401 remember=true"}, true},
		"not remembered": {`{"job":401}`, "", 200, []string{"claim 401 remember=false"}, false},
		"PIN missing":    {`{"job":403}`, "need-pin", 403, nil, nil},
		"PIN wrong":      {`{"job":403,"pin":"4321"}`, "wrong-pin", 403, nil, nil},
		"PIN":            {`{"job":403,"pin":"1234"}`, "", 200, []string{"claim 403 remember=false"}, false},
		"not there":      {`{"job":101}`, "not-found", 404, nil, nil},
		"misspelled":     {`{"jop":401}`, "invalid", 400, nil, nil},
		"no number":      {`{"job":"401"}`, "invalid", 400, nil, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t).unclaimed()
			_, m := h.call("POST", terminals+"sessions", "terminal-token", `{"method":"card","value":"04A1B2C3D4"}`)
			session, _ := m["session"].(string)
			p, _ := h.call("GET", terminals+"sessions/"+session+"/unclaimed", "terminal-token", "")
			if p.status != 200 || strings.Count(p.body, `"claimed":`) != 3 || strings.Contains(p.body, "What it was called") {
				t.Errorf("the tray: %d %s", p.status, p.body)
			}
			h.desk.took()
			p, m = h.call("POST", terminals+"sessions/"+session+"/claim", "terminal-token", tt.body)
			if reason, _ := m["reason"].(string); p.status != tt.status || reason != tt.reason || m["remembered"] != tt.remembered {
				t.Errorf("got %d %s, want %d %s", p.status, p.body, tt.status, tt.reason)
			}
			if took := h.desk.took(); !slices.Equal(took, tt.asked) {
				t.Errorf("asked the desk for %q, want %q", took, tt.asked)
			}
		})
	}
}
