package ui

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"platen/directory"
)

// terminalRoutes are the doors of the terminal API that the fuzzer knocks at.
var terminalRoutes = []struct{ method, path string }{
	{"POST", terminals + "sessions"},
	{"POST", terminals + "sessions/session/release"},
	{"POST", terminals + "devices/d-1/events"},
	{"GET", terminals + "sessions/session/jobs"},
	{"DELETE", terminals + "sessions/session"},
	{"GET", terminals + "releases/r-1"},
	{"GET", terminals + "devices/d-1/policy"},
}

// FuzzTerminalAPI gives every door of the terminal API a hostile body: with a
// terminal's token or without, from a person who is signed in. Whatever it is,
// the answer is JSON, is no failure of the node, echoes no secret, and only a
// body that the documentation knows is ever followed.
func FuzzTerminalAPI(f *testing.F) {
	for _, body := range hostileBodies {
		for route := range 3 {
			f.Add(byte(route), true, body)
		}
	}
	f.Add(byte(0), false, `{"method":"card","value":"04A1B2C3D4"}`)
	f.Add(byte(3), true, "")
	f.Add(byte(6), true, "x")

	var log syncBuffer
	desk := newDesk(time.Now)
	server := &Server{
		Desk: desk, Site: desk, Events: &fakeEvents{}, Hosts: func() []string { return []string{"localhost"} },
		Log: slog.New(slog.NewTextHandler(&log, nil)),
	}
	handler, err := server.Handler()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, route byte, known bool, body string) {
		to := terminalRoutes[int(route)%len(terminalRoutes)]
		r := httptest.NewRequestWithContext(t.Context(), to.method, "https://localhost"+to.path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		if known {
			r.Header.Set("Authorization", "Bearer "+desk.token)
		}
		desk.mu.Lock()
		clear(desk.releases)
		_, token := desk.openLocked(desk.users["hilda"], "card")
		desk.sessions["session"] = desk.sessions[token]
		desk.mu.Unlock()
		defer log.reset()
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		switch {
		case w.Code >= 500 || strings.Contains(log.String(), "panicked"):
			t.Fatalf("%s %s with %q: %d\n%s", to.method, to.path, body, w.Code, log.String())
		case !known && w.Code != http.StatusUnauthorized:
			t.Errorf("%s %s without a token: %d", to.method, to.path, w.Code)
		case w.Code != http.StatusNoContent && !json.Valid(w.Body.Bytes()):
			t.Errorf("%s %s with %q: not JSON: %s", to.method, to.path, body, w.Body)
		case strings.Contains(w.Body.String()+log.String(), desk.token):
			t.Error("the terminal's token was repeated")
		}
		if to.method == "POST" && w.Code < 300 {
			followed(t, to.path, body)
		}
		if c := (directory.Credentials{}); json.Unmarshal([]byte(body), &c) == nil && len(c.Value) > 7 && w.Code != http.StatusCreated {
			if strings.Contains(w.Body.String(), c.Value) && !strings.Contains(refusals, c.Value) {
				t.Errorf("the answer repeats the secret %q: %s", c.Value, w.Body)
			}
		}
	})
}

// followed checks that a body which had an effect is one JSON object and no
// more.
func followed(t *testing.T, path, body string) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(body))
	var m map[string]any
	if err := d.Decode(&m); err != nil || d.More() {
		t.Errorf("%s followed %q, which is not one object: %v", path, body, err)
	}
	if len(body) > int(DefaultLimits().Form) {
		t.Errorf("%s followed %d octets", path, len(body))
	}
}

// refusals are words that an answer holds by itself, so that a fuzzer which
// calls one of them a secret proves nothing.
const refusals = `{"error":"invalid","text":"That could not be read. There is no such page here.","reference":""}`

// hostileBodies are what programs in the field and on purpose send.
var hostileBodies = []string{
	`{"method":"card","user":"","value":"04A1B2C3D4","reader":"usb"}`,
	`{"method":"pin","user":"anna","value":"246810"}`,
	`{"method":"pin","value":"000000"}`,
	`{"method":"password","user":"anna","value":""}`,
	`{"method":"asserted","user":"anna"}`,
	`{"method":"card","value":"` + strings.Repeat("A", 5000) + `"}`,
	`{"method":"card","value":"\u0000\u001b[2J;04 A1:B2-C3"}`,
	`{"jobs":"all","copies":2,"sides":"two-sided-long-edge","idempotency_key":"k"}`,
	`{"jobs":[101,102,101],"device":"d-1"}`,
	`{"jobs":[-1,0,9223372036854775807]}`,
	`{"jobs":[1e400]}`, `{"jobs":{"a":1}}`, `{"jobs":null}`, `{"jobs":"ALL"}`, `{"jobs":[]}`,
	`{"jobs":"all","copies":-9223372036854775808}`,
	`{"jobs":"all","admin":true}`, `{"jobs":"all"}{"jobs":"all"}`, `{"jobs":"all","jobs":[1]}`,
	`{"id":"1","kind":"copy","at":"2026-03-02T08:00:00Z","counters":{"a":1},"user":"anna"}`,
	`{"id":"1","kind":"copy","at":"0000-00-00T00:00:00Z"}`,
	`{"id":"","kind":"state","at":"9999-12-31T23:59:59Z","state":"\u202egnp"}`,
	`[` + strings.Repeat("[", 3000), strings.Repeat(`{"a":`, 3000), `"`, `{`, `null`, `true`, ``, "\xff\xfe{", "\xef\xbb\xbf{}", `{"method":"\ud800"}`,
}
