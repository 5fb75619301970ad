package ui

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"platen/directory"
)

// sessionOf is the token that the browser has, "" none.
func (h *house) sessionOf() string {
	for _, c := range h.jar.Cookies(h.request("GET", "/", nil, nil).URL) {
		if c.Name == memberCookie {
			return c.Value
		}
	}
	return ""
}

func TestSignInAndOut(t *testing.T) {
	h := newHouse(t)
	h.member("anna", "wrong", "").wants(t, 403, "/sign-in", "notice bad", "did not match", `value="anna"`)
	h.member("anna", "", "").wants(t, 403, "/sign-in", "Please type both")
	me := h.member("anna", "anna", "")
	me.wants(t, 200, "/me", "Anna Bell", "anna@example.com", "print own documents", "user", "with a password", "entered here", "<i>this one</i>")
	h.get("/sign-in?next=/print/mine").wants(t, 200, "/print/mine") // she is here already
	h.post("/sign-out", url.Values{"key": {""}}).wants(t, 403, "", "not one of ours")
	h.postMine(me, "/sign-out", url.Values{}).wants(t, 200, "/sign-in?out=1", "You are signed out.")
	if h.sessionOf() != "" || len(h.members.sessions) != 0 {
		t.Errorf("a session is left: %v", h.members.sessions)
	}
	h.get("/me").wants(t, 200, "/sign-in")
	for range 4 {
		h.member("ben", "wrong", "")
	}
	if me = h.member("ben", "ben", ""); me.status != http.StatusTooManyRequests || me.header.Get("Retry-After") == "" {
		t.Errorf("guessing goes on: %d", me.status)
	}
}

// The cookie has all that browsers know to protect one.
func TestA42TheCookieOfASession(t *testing.T) {
	h := newHouse(t)
	h.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	p := h.member("anna", "anna", "")
	found := false
	for _, line := range p.header.Values("Set-Cookie") {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			t.Fatal(err)
		}
		if c.Name == memberCookie {
			found = true
			if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 0 || len(c.Value) < 26 {
				t.Errorf("%q", line)
			}
		}
	}
	if !found || !strings.HasPrefix(memberCookie, "__Host-") {
		t.Errorf("%q", p.header)
	}
}

// A42: what ends a session, also one that a thief has.
func TestA42MemberSessionsEnd(t *testing.T) {
	h := newHouse(t)
	h.member("anna", "anna", "")
	h.clock.add(memberIdle - time.Second)
	h.get("/me").wants(t, 200, "/me")
	h.clock.add(memberIdle)
	h.get("/me").wants(t, 200, "/sign-in")

	h.member("anna", "anna", "")
	for range 26 {
		h.clock.add(memberIdle - time.Minute)
		h.get("/me")
	}
	h.get("/me").wants(t, 200, "/sign-in") // twelve hours, however busy

	h.member("anna", "anna", "")
	h.change(func() { h.desk.users["anna"].Enabled = false })
	h.get("/me").wants(t, 200, "/sign-in")
	h.change(func() { h.desk.users["anna"].Enabled = true })

	// A sign-in has a token of its own: one that somebody planted is worth nothing.
	h.newBrowser()
	h.member("anna", "anna", "")
	stolen := h.sessionOf()
	h.get("/me").wants(t, 200, "/me")
	page := h.get("/me")
	h.postMine(page, "/sign-out", url.Values{})
	h.newBrowser()
	r := h.request("GET", "/me", nil, map[string]string{"Cookie": memberCookie + "=" + stolen})
	h.do(r).wants(t, 200, "/sign-in")
	planted := h.get("/sign-in")
	form := url.Values{"user": {"ben"}, "secret": {"ben"}, "key": {hiddenKey.FindStringSubmatch(planted.body)[1]}}
	h.jar.SetCookies(h.request("GET", "/", nil, nil).URL, []*http.Cookie{{Name: memberCookie, Value: "planted", Path: "/", Secure: true}})
	h.post("/sign-in", form).wants(t, 200, "/me")
	if got := h.sessionOf(); got == "planted" || got == stolen || got == "" {
		t.Errorf("the session is %q", got)
	}
}

// Several browsers of one person, and the end of one of them from another.
func TestEndAnotherBrowser(t *testing.T) {
	h := newHouse(t)
	h.member("anna", "anna", "")
	first := h.sessionOf()
	h.newBrowser()
	h.member("ben", "ben", "")
	bens := h.sessionOf()
	h.newBrowser()
	me := h.member("anna", "anna", "")
	if n := strings.Count(me.body, `action="/me/end"`); n != 2 {
		t.Fatalf("%d sessions in\n%s", n, me.body)
	}
	h.postMine(me, "/me/end", url.Values{"id": {h.members.sessions[bens].ID}}).wants(t, 200, "/me?did=ended") // looks the same
	if h.members.sessions[bens] == nil {
		t.Error("anna has ended a session of ben's")
	}
	h.postMine(me, "/me/end", url.Values{"id": {h.members.sessions[first].ID}}).wants(t, 200, "/me?did=ended", "That browser is signed out.")
	if h.members.sessions[first] != nil {
		t.Error("it goes on")
	}
	h.postMine(me, "/me/end", url.Values{"id": {h.members.sessions[h.sessionOf()].ID}}).wants(t, 200, "/sign-in?out=1")
}

// A54: the form for signing in is of this browser, so that nobody signs another
// one in as himself.
func TestA54SignInNeedsItsForm(t *testing.T) {
	h := newHouse(t)
	form := url.Values{"user": {"anna"}, "secret": {"anna"}}
	for name, key := range map[string]string{"none": "", "guessed": "AAAAAAAAAAAAAAAAAAAAAA"} {
		form.Set("key", key)
		h.post("/sign-in", form).wants(t, 403, "", "not one of ours")
		_ = name
	}
	form.Set("key", hiddenKey.FindStringSubmatch(h.get("/sign-in").body)[1])
	h.newBrowser()
	h.post("/sign-in", form).wants(t, 403, "", "not one of ours") // of another browser
	h.get("/sign-in")
	h.post("/sign-in", form).wants(t, 403, "", "not one of ours")
	if len(h.members.sessions) != 0 {
		t.Error("somebody is signed in")
	}
}

// No link leads from here to somewhere else by way of signing in.
func TestNoOpenRedirect(t *testing.T) {
	for next, want := range map[string]string{
		"": "/me", "/print/mine": "/print/mine", "/print/mine?did=removed&lang=de": "/print/mine?did=removed&lang=de", "/": "/", "/t/lobby/": "/t/lobby/",
		"//evil.example": "/me", "/\\evil.example": "/me", "\\\\evil.example": "/me", "https://evil.example/": "/me", "javascript:alert(1)": "/me",
		"/\t/evil.example": "/me", "/%5cevil.example": "/%5cevil.example", "/\n//evil.example": "/me", "evil.example": "/me", " /x": "/me", "/x y": "/me",
		"/a//evil.example": "/a//evil.example", "/@evil.example": "/@evil.example", "/sign-in?next=/sign-in": "/me", "/sign-in/oidc": "/me",
		"/x#//evil": "/me", "/" + strings.Repeat("x", 600): "/me", "/?x=https://evil.example": "/?x=https://evil.example", "/\u00e4": "/me", "/x\x00": "/me",
	} {
		if got := within(next); got != want {
			t.Errorf("within(%q) = %q, want %q", next, got, want)
		}
	}
	h := newHouse(t)
	h.member("anna", "anna", "//evil.example/").wants(t, 200, "/me")
	h.get("/sign-in?next=https://evil.example/").wants(t, 200, "/me")
}

// FuzzWithin: wherever a link says that a person wants to go, it stays here, as Go
// reads addresses and as browsers do.
func FuzzWithin(f *testing.F) {
	for _, s := range []string{"/me", "//evil.example", "/\\evil.example", "/\t/evil", "https:evil", "/a/../..//b", "/%2f%2fevil", "/x?y=//z", "/:80", "/;@evil"} {
		f.Add(s)
	}
	base, _ := url.Parse("https://print.example.com/sign-in")
	f.Fuzz(func(t *testing.T, next string) {
		to := within(next)
		// WHATWG URL: controls and blanks around are cut, tabs and newlines left out,
		// a backslash is a slash.
		browser := strings.NewReplacer("\t", "", "\n", "", "\r", "", "\\", "/").Replace(strings.TrimFunc(to, func(r rune) bool { return r <= ' ' }))
		for _, address := range []string{to, browser} {
			u, err := base.Parse(address)
			if err != nil || u.Scheme != "https" || u.Host != "print.example.com" || strings.HasPrefix(address, "//") {
				t.Errorf("%q leads to %v, %v", next, u, err)
			}
		}
	})
}

func TestA44SignInWithATicket(t *testing.T) {
	h := newHouse(t)
	h.get("/sign-in").lacks(t, "this computer&#39;s account")
	h.get("/sign-in/negotiate").wants(t, 404, "", "There is no such page here.")
	h.change(func() { h.members.ways.Kerberos = true })
	h.get("/sign-in?next=/print/mine").wants(t, 200, "", `href="/sign-in/negotiate?next=%2Fprint%2Fmine"`)
	h.get("/me").wants(t, 200, "/sign-in") // nobody is asked for a ticket who has not wanted to

	p := h.get("/sign-in/negotiate?next=/print/mine")
	p.wants(t, 401, "", "has shown no ticket", `name="secret"`, `name="next" value="/print/mine"`)
	if got := p.header.Values("WWW-Authenticate"); !slices.Equal(got, []string{"Negotiate"}) {
		t.Errorf("asked for %q", got)
	}
	ticket := func(text, path string) pageGot {
		t.Helper()
		return h.do(h.request("GET", path, nil, map[string]string{"Authorization": "Negotiate " + text}))
	}
	p = ticket("mallory", "/sign-in/negotiate")
	p.wants(t, 403, "", "notice bad", "Signing in with Kerberos did not work.", `name="secret"`)
	if p.header.Get("WWW-Authenticate") != "" {
		t.Error("it is asked again, and again")
	}
	ticket("anna", "/sign-in/negotiate?next=/print/mine").wants(t, 200, "/print/mine", "Anna Bell")
	me := h.get("/me")
	me.wants(t, 200, "/me", "the computer&#39;s account")

	// Whoever has come with a ticket before is asked for it at once.
	h.postMine(me, "/sign-out", url.Values{}).wants(t, 200, "/sign-in?out=1")
	h.get("/me").wants(t, 401, "/sign-in/negotiate", `name="secret"`)
	ticket("mallory", "/sign-in/negotiate")
	h.get("/me").wants(t, 200, "/sign-in")
	h.change(func() { h.members.ways.Try = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	h.get("/me").wants(t, 401, "/sign-in/negotiate")
	r := h.request("GET", "/me", nil, map[string]string{"X-Forwarded-For": "192.0.2.1"})
	h.do(r).wants(t, 401, "/sign-in/negotiate") // A44
}

func TestSignInAtTheProvider(t *testing.T) {
	h := newHouse(t)
	h.get("/sign-in/oidc").wants(t, 404, "", "There is no such page here.")
	h.change(func() {
		h.members.ways.OIDC, h.members.comes, h.members.roles = "Example ID", "anna", []string{"reporting"}
	})
	h.get("/sign-in?next=/print/mine").wants(t, 200, "", "Sign in with Example ID", `href="/sign-in/oidc?next=%2Fprint%2Fmine"`)
	here := h.client.CheckRedirect
	h.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Host == "login.example.com" {
			return http.ErrUseLastResponse
		}
		return nil
	}
	defer func() { h.client.CheckRedirect = here }()
	begin := func() {
		t.Helper()
		to, err := url.Parse(h.get("/sign-in/oidc?next=/print/mine").header.Get("Location"))
		if err != nil || to.Query().Get("redirect_uri") != h.http.URL+"/sign-in/oidc/callback" {
			t.Fatalf("sent to %v, %v", to, err)
		}
	}
	begin()
	h.get("/sign-in/oidc/callback?state=s&code=c").wants(t, 200, "/print/mine", "Anna Bell")
	h.get("/me").wants(t, 200, "/me", "at the sign-in service", "reporting", "read reports")
	h.get("/sign-in/oidc/callback?state=s&code=c").wants(t, 403, "", "expired or was used already") // the cookie is gone

	h.newBrowser()
	h.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error { return http.ErrUseLastResponse }
	for name, spoil := range map[string]func() string{
		"never begun":   func() string { return "state=s&code=c" },
		"another state": func() string { begin(); return "state=x&code=c" },
		"too late":      func() string { begin(); h.clock.add(leaveFor); return "state=s&code=c" },
		"a stranger":    func() string { begin(); h.members.comes = "mallory"; return "state=s&code=c" },
		"of another browser": func() string {
			begin()
			h.newBrowser()
			h.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error { return http.ErrUseLastResponse }
			return "state=s&code=c"
		},
		"sealed for something else": func() string {
			begin()
			h.jar.SetCookies(h.request("GET", "/", nil, nil).URL, []*http.Cookie{{Name: leaveCookie, Value: h.server.sealed("card", "/\nhttps://x\n"+h.members.pending), Path: "/", Secure: true}})
			return "state=s&code=c"
		},
	} {
		t.Run(name, func(t *testing.T) {
			h.members.comes = "anna"
			p := h.get("/sign-in/oidc/callback?" + spoil())
			p.wants(t, 403, "", "notice bad")
			if h.sessionOf() != "" {
				t.Error("somebody is signed in")
			}
		})
	}
}

// A53, A58: the page for the first administrator is there for whoever has the
// token, once.
func TestA53A58FirstAdministrator(t *testing.T) {
	h := newHouse(t)
	for _, path := range []string{"/setup", "/setup?token=", "/setup?token=guessed"} {
		h.get(path).wants(t, 404, "", "There is no such page here.")
	}
	h.change(func() { h.members.first = "canary-first" })
	h.get("/setup").wants(t, 404, "")
	page := h.get("/setup?token=canary-first")
	page.wants(t, 200, "", "The first administrator", `autocomplete="new-password"`)
	form := func(change ...string) url.Values {
		f := url.Values{"token": {"canary-first"}, "user": {"ada"}, "secret": {"correct horse battery"}, "again": {"correct horse battery"}}
		for i := 0; i < len(change); i += 2 {
			f.Set(change[i], change[i+1])
		}
		return f
	}
	h.postMine(page, "/setup", form("again", "correct horse batterY")).wants(t, 400, "", "not the same", `value="ada"`)
	h.postMine(page, "/setup", form("secret", "short", "again", "short")).wants(t, 400, "", "fewer than 12 characters")
	h.postMine(page, "/setup", form("token", "guessed")).wants(t, 404, "")
	h.post("/setup", form("key", "guessed")).wants(t, 403, "", "not one of ours")
	me := h.postMine(page, "/setup", form())
	me.wants(t, 200, "/me", "administrator", "change everything", "when the administrator was made")
	h.get("/setup?token=canary-first").wants(t, 404, "")
	h.newBrowser()
	h.postMine(h.get("/sign-in"), "/setup", form("user", "eve")).wants(t, 404, "")
	if strings.Contains(h.log.String(), "canary-first") || strings.Contains(h.log.String(), "correct horse") || strings.Contains(h.log.String(), "member-token") {
		t.Errorf("A52: a secret is in the log:\n%s", h.log.String())
	}
}

// A57: every route as every wrong person. What a role is for stands in needs; here
// it is tried from outside, with routes of each role that do no more than answer.
func TestA57EveryRoleAsEverybody(t *testing.T) {
	before := routes
	t.Cleanup(func() { routes = before })
	routes = slices.Clone(routes)
	hello := func(_ *Server, v *visit) error { return v.json(200, "hello") }
	for _, r := range []role{member, helper, reader, administrator} {
		name := strings.ReplaceAll(string(r), " ", "-")
		routes = append(routes, route{"GET", "/try/" + name, r, page, "", hello}, route{"POST", "/try/" + name, r, page, "", hello},
			route{"GET", "/api/try/" + name, r, data, "", hello}, route{"POST", "/api/try/" + name, r, data, "", hello})
	}
	h := newHouse(t)
	h.ownCerts()
	h.staff()
	let := map[role][]string{ // who is let in
		member: {"anna", "sam", "rita", "ada"}, helper: {"sam", "ada"}, reader: {"sam", "rita", "ada"}, administrator: {"ada"},
	}
	for _, who := range []string{"", "anna", "sam", "rita", "ada"} {
		h.newBrowser()
		key := ""
		if who != "" {
			key = hiddenKey.FindStringSubmatch(h.member(who, who, "").body)[1]
		}
		for _, r := range routes {
			allowed, known := let[r.role]
			if !known {
				continue
			}
			if strings.HasPrefix(r.path, minePath) || strings.HasPrefix(r.path, "/sign-out") || (strings.HasPrefix(r.path, "/me") || strings.HasPrefix(r.path, receptionPath) || strings.Contains(r.path, cardsPath)) && r.method != "GET" {
				continue // they do something; looked at where they are tested
			}
			ok := slices.Contains(allowed, who)
			send := func(key string) pageGot {
				if r.method == "GET" {
					return h.get(r.path)
				}
				header := map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
				body := url.Values{"key": {key}}.Encode()
				if r.face == data {
					header = map[string]string{keyHeader: key, "Sec-Fetch-Site": "same-origin"}
					body = "{}"
				}
				return h.do(h.request(r.method, r.path, strings.NewReader(body), header))
			}
			p := send(key)
			switch {
			case ok && p.status == 200 && p.path == r.path:
			case ok && strings.Contains(r.path, certsPath) && p.status != 401 && p.status != 403: // what they do is looked at where they are tested
			case who == "" && r.face == data && p.status == 401 && strings.Contains(p.body, `"reason":"session"`):
			case who == "" && r.face == page && (p.status == 403 || strings.HasPrefix(p.path, "/sign-in")):
			case who != "" && !ok && p.status == 403:
			default:
				t.Errorf("%s %s (%s) as %q: %d at %s", r.method, r.path, r.role, who, p.status, p.path)
			}
			if who != "" && r.method == "POST" {
				if p := send("guessed"); p.status != 403 {
					t.Errorf("A54: %s %s as %q without the key: %d", r.method, r.path, who, p.status)
				}
			}
		}
	}
	// A token of the administration API has its rights, and is nobody. One that
	// prints has none.
	h.newBrowser()
	for _, r := range routes {
		if _, known := let[r.role]; !known || !strings.HasPrefix(r.path, "/api/") {
			continue
		}
		for token, want := range map[string]int{"reports": map[role]int{member: 200, reader: 200}[r.role], "erp": 401, "guessed": 401} {
			if want == 0 {
				want = 403
			}
			if p, _ := h.call(r.method, r.path, token, "{}"); p.status != want {
				t.Errorf("%s %s (%s) with the token %s: %d, want %d", r.method, r.path, r.role, token, p.status, want)
			}
		}
	}
	if p, _ := h.call("POST", "/api/v1/jobs?queue=secure", "reports", "x"); p.status != 401 {
		t.Errorf("a token of reports prints: %d", p.status)
	}
}

func TestAPIOfMembers(t *testing.T) {
	h := newHouse(t)
	h.staff()
	h.member("rita", "rita", "")
	p, m := h.call("GET", "/api/v1/me", "", "")
	p.wants(t, 200, "")
	if m["kind"] != "person" || m["login"] != "rita" || m["method"] != "password" || m["key"] == "" || m["expires"] == nil || !strings.Contains(p.body, `"roles":["reporting"],"rights":["report"]`) {
		t.Errorf("%s", p.body)
	}
	h.get("/api/v1/readiness").wants(t, 200, "", `"people":3,"ready":0`)
	h.newBrowser()
	p, m = h.call("GET", "/api/v1/me", "reports", "")
	if p.status != 200 || m["kind"] != "token" || m["display"] != "Grafana" || m["key"] != "" || m["expires"] != nil {
		t.Errorf("%s", p.body)
	}
	h.change(func() { h.server.Readiness = nil })
	handler, err := h.server.Handler()
	if err != nil {
		t.Fatal(err)
	}
	_ = handler
	if (&Server{Members: h.members}).has(route{path: "/api/v1/readiness", role: reader}) {
		t.Error("there is a route to what nobody can tell")
	}
	if (&Server{}).has(route{path: "/sign-in", role: anyone}) || (&Server{}).has(route{path: "/me", role: member}) {
		t.Error("there is a sign-in without people")
	}
	var doc struct {
		Components struct{ SecuritySchemes map[string]any }
	}
	if err := json.Unmarshal(openAPIDocument, &doc); err != nil || doc.Components.SecuritySchemes["session"] == nil {
		t.Errorf("%v, %v", doc, err)
	}
}

// A person whom a right of a role was given by the provider's claims has it for as
// long as the session, and not at terminals.
func TestRolesOfASession(t *testing.T) {
	u := directory.User{Enabled: true}
	more := u.WithRoles([]directory.Role{{Name: "support", Rights: []directory.Right{directory.Support}}, {}})
	if !more.May(directory.Support) || more.May(directory.Administer) || u.May(directory.Support) {
		t.Errorf("%+v", more)
	}
	more.Enabled = false
	if more.May(directory.Support) {
		t.Error("a disabled person has rights")
	}
}
