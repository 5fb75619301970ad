package ui

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"platen/internal/crowd"
)

// FuzzRequests sends a stranger's words as somebody who is signed in. Whatever
// they are, the node answers with a page or a refusal, and never with a failure
// of its own.
func FuzzRequests(f *testing.F) {
	for _, s := range [][3]string{
		{"GET", "/t/lobby/jobs?from=3&lang=de", ""}, {"GET", "/t/lobby/releases/r-1?looked=14&quiet", ""},
		{"POST", "/t/lobby/jobs/act", "do=release&id=101&id=102&copies=2&sides=one-sided"}, {"POST", "/t/lobby/jobs/delete", "id=101&sure=1"},
		{"POST", "/t/lobby/login", "code=04A1B2C3D4"}, {"POST", "/t/lobby/login", "method=pin&user=anna&secret=246810"},
		{"POST", "/t/lobby/register", "card=AAAA&user=anna&secret=anna"}, {"POST", "/t/lobby/glass", "do=release&user=anna&id=101&reason=x"},
		{"POST", "/api/terminal/v1/sessions", `{"method":"card","value":"04A1B2C3D4"}`}, {"POST", "/api/terminal/v1/sessions/session/release", `{"jobs":"all","copies":1}`},
		{"POST", "/api/terminal/v1/devices/d-1/events", `{"id":"1","kind":"copy","at":"2026-03-02T08:00:00Z"}`},
		{"GET", "/t/%2e%2e/%00?lang=%ff", ""}, {"GET", "/assets/../x", ""}, {"GET", "/t/lobby/jobs/18446744073709551616", ""},
	} {
		f.Add(s[0], s[1], s[2])
	}
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
	key := (&visit{terminalToken: desk.token}).formKey()
	f.Fuzz(func(t *testing.T, method, target, body string) {
		r, err := http.NewRequestWithContext(t.Context(), method, "https://localhost", strings.NewReader(body))
		if err != nil {
			return // nothing that net/http would hand on
		}
		path, query, _ := strings.Cut(target, "?")
		r.URL.Path, r.URL.RawQuery, r.RemoteAddr = "/"+strings.TrimPrefix(path, "/"), query, "192.0.2.7:1234"
		if strings.HasPrefix(r.URL.Path, "/t/") {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Body = http.NoBody
			if method == "POST" {
				r, _ = http.NewRequestWithContext(t.Context(), method, "https://localhost", strings.NewReader("key="+key+"&"+body))
				r.URL.Path, r.URL.RawQuery = "/"+strings.TrimPrefix(path, "/"), query
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
		}
		desk.mu.Lock()
		clear(desk.releases)
		_, token := desk.openLocked(desk.users["hilda"], "card")
		desk.sessions["session"] = desk.sessions[token]
		desk.mu.Unlock()
		r.Header.Set("Authorization", "Bearer "+desk.token)
		r.AddCookie(&http.Cookie{Name: terminalCookie, Value: desk.token})
		r.AddCookie(&http.Cookie{Name: sessionCookie, Value: token})
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code >= 500 || strings.Contains(log.String(), "panicked") {
			t.Errorf("%s %q with %q: %d\n%s", method, target, body, w.Code, log.String())
		}
		log.reset()
	})
}

func FuzzHostOf(f *testing.F) {
	for _, s := range []string{"localhost", "LocalHost.:443", "[::1]:80", "::ffff:127.0.0.1", "[fe80::1%eth0]:1", "a:b:c", "[", "]:", "."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		// A host is one thing however it is written, and a port never makes
		// another of it.
		if h := crowd.HostOf(s); h != "" && !strings.ContainsAny(s, ":[]") && crowd.HostOf(s+":443") != h {
			t.Errorf("crowd.HostOf(%q) = %q, with a port %q", s, h, crowd.HostOf(s+":443"))
		}
	})
}

// FuzzPlain: what is shown of a name never controls the screen.
func FuzzPlain(f *testing.F) {
	for _, s := range naughty {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p := plain(s, 200)
		if strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e }) {
			t.Errorf("plain(%q) = %q", s, p)
		}
		if n := len([]rune(p)); n > 201 {
			t.Errorf("%d runes", n)
		}
		if again := plain(p, 201); again != p {
			t.Errorf("plain(%q) is %q, again %q", s, p, again)
		}
	})
}
