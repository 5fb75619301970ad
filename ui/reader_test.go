package ui

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"platen/directory"
)

// A terminal with a reader beside it looks every other second, and has no field that
// this could take something from.
func TestIdleScreenWithAReader(t *testing.T) {
	h := newHouse(t).enrolled()
	h.change(func() { h.desk.reader = true })
	p := h.get("/t/lobby/")
	p.wants(t, 200, "/t/lobby/", "Hold your card to the reader", "PIN, password or code", "sign-in?with=password")
	p.lacks(t, "<input", "<form")
	if seconds, next := p.refresh(t); seconds != "2" || next != "/t/lobby/" {
		t.Errorf("goes to %s after %s s", next, seconds)
	}
	p = h.get("/t/lobby/?out=1")
	if seconds, next := p.refresh(t); seconds != "5" || next != "/t/lobby/" {
		t.Errorf("the notice goes to %s after %s s", next, seconds)
	}
	h.change(func() { h.desk.terminal.PINOnly = true })
	h.get("/t/lobby/").wants(t, 200, "", "sign-in?with=card-or-pin")
	h.get("/t/lobby/sign-in?with=card-or-pin").wants(t, 200, "", `name="code"`, "or type your PIN")
	h.post("/t/lobby/login", url.Values{"code": {"246810"}}).wants(t, 200, "/t/lobby/jobs", "Anna Bell")
}

func TestCardAtAReader(t *testing.T) {
	h := newHouse(t).enrolled()
	h.desk.show("04A1B2C3D4")
	h.get("/t/lobby/").wants(t, 200, "/t/lobby/", "Hold your card") // no reader stands here: whatever it was
	h.change(func() { h.desk.reader = true })
	h.do(h.request("HEAD", "/t/lobby/", nil, nil))
	h.get("/t/lobby/").wants(t, 200, "/t/lobby/jobs", "Anna Bell")
	h.get("/t/lobby/").wants(t, 200, "/t/lobby/jobs", "Anna Bell")

	// The next person: whoever is there sees it at the next step.
	h.desk.show("04E5F60718")
	p := h.get("/t/lobby/jobs")
	p.wants(t, 200, "/t/lobby/jobs", "Es wartet nichts auf Sie.")
	p.lacks(t, "Anna")
	h.post("/t/lobby/logout", nil)
	h.get("/t/lobby/").wants(t, 200, "/t/lobby/", "Hold your card")
}

func TestRefusedAtAReader(t *testing.T) {
	h := newHouse(t).enrolled()
	h.change(func() { h.desk.reader = true })
	h.desk.show("throttle")
	p := h.get("/t/lobby/")
	p.wants(t, 429, "/t/lobby/", "Too many attempts. Please wait 30 seconds and try again.", "Hold your card")
	if seconds, _ := p.refresh(t); seconds != "5" {
		t.Errorf("stays %s s", seconds)
	}
	h.desk.show("4711") // rather a PIN
	p = h.get("/t/lobby/")
	p.wants(t, 403, "/t/lobby/", "This card cannot sign in here.")
	p.lacks(t, "This card is new here")
	h.desk.show("08112233") // another number each time
	p = h.get("/t/lobby/")
	p.wants(t, 403, "/t/lobby/", "This card or phone shows a new number each time")
	p.lacks(t, "This card is new here")
	h.get("/t/lobby/").wants(t, 200, "/t/lobby/", "Hold your card")
}

func TestA40RegisterACardOfAReader(t *testing.T) {
	h := newHouse(t).enrolled()
	h.change(func() { h.desk.reader = true })
	h.desk.show("CAFE0001")
	p := h.get("/t/lobby/")
	p.wants(t, 403, "/t/lobby/", "This card is new here", "Password, PIN or code")
	p.lacks(t, "CAFE0001", "CAFE")
	sealed := hiddenCard.FindStringSubmatch(p.body)[1]
	h.post("/t/lobby/register", url.Values{"card": {sealed}, "user": {"anna"}, "secret": {"anna"}}).wants(t, 200, "/t/lobby/jobs", "Anna Bell")
	if took := h.desk.took(); !slices.Contains(took, "register door CAFE0001 for anna") {
		t.Errorf("asked the desk for %q", took)
	}
}

// A box hears of a card at once.
func TestReaderAPI(t *testing.T) {
	h := newHouse(t)
	h.change(func() { h.server.Limits.Request = 50 * time.Millisecond })
	p, _ := h.call("GET", terminals+"reader", "terminal-token", "")
	if p.wants(t, 204, ""); p.body != "" {
		t.Errorf("without a card: %s", p.body)
	}
	h.desk.show("04A1B2C3D4")
	p, m := h.call("GET", terminals+"reader", "terminal-token", "")
	p.wants(t, 200, "")
	sess, _ := m["session"].(map[string]any)
	user, _ := sess["user"].(map[string]any)
	if m["event"] != "session" || m["reader"] != "door" || user["login"] != "anna" || sess["session"] == "" {
		t.Errorf("answer %s", p.body)
	}
	token, _ := sess["session"].(string)
	p, _ = h.call("GET", terminals+"sessions/"+token+"/jobs", "terminal-token", "")
	p.wants(t, 200, "")
	for number, want := range map[string]string{
		"CAFE0001": `{"event":"unknown-card","reader":"door","reason":"unknown-card","text":"This card cannot sign in here.`,
		"08112233": `{"event":"refused","reader":"door","reason":"random-card","text":"This card or phone shows a new number each time, so it cannot be registered.`,
		"throttle": `{"event":"refused","reader":"door","reason":"throttled","text":"Too many attempts. Please wait 30 seconds and try again.","retry_after":30}`,
	} {
		h.desk.show(number)
		p, _ := h.call("GET", terminals+"reader", "terminal-token", "")
		p.wants(t, 200, "")
		if !strings.HasPrefix(p.body, want) || strings.Contains(p.body, "CAFE") {
			t.Errorf("%s: %s", number, p.body)
		}
	}
	h.change(func() { h.desk.shown = &directory.Shown{Reading: directory.Reading{Reader: "door"}, Gone: true} })
	p, _ = h.call("GET", terminals+"reader", "terminal-token", "")
	p.wants(t, 200, "", `{"event":"card-removed","reader":"door"}`)
	p, _ = h.call("GET", terminals+"reader", "wrong", "")
	p.wants(t, 401, "")
}

// A server that ends does not wait for those who wait for a card.
func TestBoxThatWaitsWhenTheServerEnds(t *testing.T) {
	h := newHouse(t)
	s := *h.server
	s.Numbers, s.TLS = nil, nil
	s.Limits = DefaultLimits()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	go func() {
		for !slices.Contains(h.desk.took(), "await") { // until it waits
			runtime.Gosched()
		}
		stop()
	}()
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+ln.Addr().String()+terminals+"reader", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer terminal-token")
	res, err := (&http.Client{Transport: &http.Transport{}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusNoContent || ctx.Err() == nil {
		t.Errorf("it was told %d, after the end: %v", res.StatusCode, ctx.Err())
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
