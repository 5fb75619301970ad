package main

import (
	"crypto/tls"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"golang.org/x/text/language"
)

// browser is a person's browser: it keeps cookies and follows redirects.
type browser struct {
	t      *testing.T
	client *http.Client
	base   string // https://host:port

	status int
	at     *url.URL
	body   string
}

func (h *house) browser() *browser {
	h.t.Helper()
	c := h.client()
	c.Jar, _ = cookiejar.New(nil)
	return &browser{t: h.t, client: c, base: strings.TrimSuffix(h.demo.Web, "/")}
}

func (b *browser) do(r *http.Request) *browser {
	b.t.Helper()
	resp, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	b.status, b.at, b.body = resp.StatusCode, resp.Request.URL, html.UnescapeString(string(text))
	return b
}

func (b *browser) get(to string) *browser {
	b.t.Helper()
	if strings.HasPrefix(to, "/") {
		to = b.base + to
	}
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, to, http.NoBody)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(r)
}

var formKey = regexp.MustCompile(`name="key" value="([^"]*)"`)

// post sends the form of the page that the browser shows.
func (b *browser) post(path string, form ...string) *browser {
	b.t.Helper()
	f := url.Values{}
	if m := formKey.FindStringSubmatch(b.body); m != nil {
		f.Set("key", m[1])
	}
	for i := 0; i < len(form); i += 2 {
		f.Set(form[i], form[i+1])
	}
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.base+path, strings.NewReader(f.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", b.base)
	return b.do(r)
}

func (b *browser) signIn(login, password string) *browser {
	b.t.Helper()
	return b.get("/sign-in").post("/sign-in", "user", login, "secret", password)
}

func (b *browser) wants(status int, path string, texts ...string) *browser {
	b.t.Helper()
	if b.status != status || b.at.Path != path {
		b.t.Errorf("got %d at %s, want %d at %s\n%s", b.status, b.at, status, path, b.body)
	}
	for _, text := range texts {
		if !strings.Contains(b.body, text) {
			b.t.Errorf("%q is not in\n%s", text, b.body)
		}
	}
	return b
}

// The sessions of a node outlive it, and end with what they rest on.
func TestA42WebSessionsOfANode(t *testing.T) {
	h := startDemo(t, "")
	b := h.browser()
	b.signIn("anna", "wrong").wants(403, "/sign-in", "did not match")
	b.signIn("anna", "anna").wants(200, "/me", "Anna Example", "print own documents")
	b.get("/api/v1/me").wants(200, "/api/v1/me", `"login":"anna"`, `"roles":["user"]`)
	h.end()
	h = startDemo(t, h.dir)
	b.base = strings.TrimSuffix(h.demo.Web, "/") // another port; cookies do not mind
	b.get("/me").wants(200, "/me")

	must(t, h.dir, "", "role", "give", "reporting", "--user", "anna")
	b.get("/api/v1/me").wants(200, "/api/v1/me", `"roles":["user","reporting"]`)
	other := h.browser().signIn("anna", "anna")
	must(t, h.dir, "another password\n", "user", "set", "anna", "--ask-password")
	b.get("/me").wants(200, "/sign-in")
	other.get("/me").wants(200, "/sign-in")
	b.signIn("anna", "another password").wants(200, "/me")
	must(t, h.dir, "", "user", "set", "anna", "--enabled", "no")
	b.get("/me").wants(200, "/sign-in")
	must(t, h.dir, "", "user", "set", "anna", "--enabled", "yes")
	b.get("/me").wants(200, "/sign-in")
	b.signIn("anna", "another password").wants(200, "/me")
	must(t, h.dir, "", "user", "remove", "anna")
	b.get("/me").wants(200, "/sign-in")

	b = h.browser().signIn("ben", "ben")
	wants(t, h.dir, exitUsage, "a minute at least", "settings", "set", "--web-idle", "10s")
	wants(t, h.dir, exitDone, "45m without a sign of life, and after 8h", "settings", "set", "--web-idle", "45m", "--web-life", "8h")
	b.wants(200, "/me").post("/sign-out").wants(200, "/sign-in", "You are signed out.")
	h.end()
}

// A45: whoever is guessed at, the page is the same.
func TestA45ThePageTellsNobodyWhoIsAUser(t *testing.T) {
	h := startDemo(t, "")
	must(t, h.dir, "", "user", "add", "off", "--enabled", "no")
	pages := map[string]string{}
	for _, login := range []string{"anna", "nobody", "off", "'; DROP TABLE users --"} {
		b := h.browser().signIn(login, "wrong")
		text := strings.ReplaceAll(formKey.ReplaceAllString(b.body, ""), `value="`+login+`"`, "")
		pages[fmt.Sprintf("%d %s", b.status, text)] = login
	}
	if len(pages) != 1 {
		t.Errorf("%d pages: %q", len(pages), pages)
	}
	h.end()
}

// A token of the administration API has the rights that it was made with.
func TestAdminTokens(t *testing.T) {
	h := startDemo(t, "")
	wants(t, h.dir, exitUsage, "report, support or administer", "token", "add", "--right", "release")
	wants(t, h.dir, exitUsage, "does not print", "token", "add", "--right", "report", "--queue", "secure")
	var made struct{ Token string }
	h.json(&made, "token", "add", "--label", "Grafana", "--right", "report")
	wants(t, h.dir, exitDone, "Grafana", "token", "list")
	b := h.browser()
	ask := func(method, path string) *browser {
		r, err := http.NewRequestWithContext(t.Context(), method, b.base+path, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+made.Token)
		return b.do(r)
	}
	ask(http.MethodGet, "/api/v1/me").wants(200, "/api/v1/me", `"kind":"token","login":"","display":"Grafana"`, `"rights":["report"]`)
	ask(http.MethodGet, "/api/v1/readiness").wants(200, "/api/v1/readiness", `"people":2,"ready":2`)
	ask(http.MethodPost, "/api/v1/jobs?queue=secure").wants(401, "/api/v1/jobs")
	ask(http.MethodPost, "/api/terminal/v1/sessions").wants(401, "/api/terminal/v1/sessions")
	h.end()
}

// Roles by command.
func TestRolesRoundTrip(t *testing.T) {
	h := startDemo(t, "")
	do := func(args ...string) { t.Helper(); must(t, h.dir, "", args...) }
	do("group", "add", "helpdesk")
	do("group", "join", "helpdesk", "--user", "ben")
	do("role", "add", "desk", "--right", "support")
	wants(t, h.dir, exitConflict, "There is a role desk already.", "role", "add", "desk")
	wants(t, h.dir, exitConflict, "built in", "role", "set", "user", "--right", "administer")
	wants(t, h.dir, exitUsage, "there is no right", "role", "set", "desk", "--right", "root")
	wants(t, h.dir, exitUsage, "name somebody", "role", "give", "desk")
	do("role", "give", "desk", "--group", "helpdesk")
	wants(t, h.dir, exitDone, "support (group helpdesk, role desk)", "user", "show", "ben")
	do("role", "set", "desk", "--right", "support", "--right", "report")
	wants(t, h.dir, exitDone, "report (group helpdesk, role desk)", "user", "show", "ben")
	wants(t, h.dir, exitDone, "group helpdesk", "role", "list")
	h.browser().signIn("ben", "ben").get("/api/v1/me").wants(200, "/api/v1/me", `"roles":["user","support","reporting","desk"]`)
	do("role", "take", "desk", "--group", "helpdesk")
	wants(t, h.dir, exitNotFound, "was not given", "role", "take", "desk", "--group", "helpdesk")
	do("role", "give", "desk", "--user", "anna")
	do("role", "remove", "desk")
	wants(t, h.dir, exitNotFound, "There is no role desk.", "role", "remove", "desk")
	h.browser().signIn("anna", "anna").get("/api/v1/me").wants(200, "/api/v1/me", `"roles":["user"]`)
	h.end()
}

// A58: nobody is an administrator until somebody at the machine has made a token,
// and a token makes one.
func TestA53A58TheFirstAdministratorOfANode(t *testing.T) {
	h := startDemo(t, "") // the people of the demo are in the demo only, and none is an administrator
	h.awaitLog("platen admin token prints the address")
	b := h.browser()
	b.get("/setup").wants(404, "/setup")
	b.get("/setup?token=admin").wants(404, "/setup")
	address := func() string {
		t.Helper()
		var x struct{ URL string }
		h.json(&x, "admin", "token", "--host", "127.0.0.1")
		if !strings.HasPrefix(x.URL, h.demo.Web+"setup?token=") {
			t.Fatal(x.URL)
		}
		return x.URL
	}
	stale, first := address(), address()
	b.get(stale).wants(404, "/setup", "was used already, or it is too old")
	page := func(b *browser, to, login, password string) *browser {
		t.Helper()
		u, _ := url.Parse(to)
		return b.get(to).wants(200, "/setup", "The first administrator").post("/setup", "token", u.Query().Get("token"), "user", login, "secret", password, "again", password)
	}
	page(b, first, "ada", "ada").wants(400, "/setup", "12")
	page(b, first, "anna", "correct horse battery").wants(409, "/setup", "anna")
	page(b, first, "two words", "correct horse battery").wants(400, "/setup")
	page(b, first, "Ada", "correct horse battery").wants(200, "/me", "ada")
	b.get("/api/v1/me").wants(200, "/api/v1/me", `"administrator"`, `"method":"setup"`)
	b.get(first).wants(404, "/setup")
	h.browser().signIn("ada", "correct horse battery").wants(200, "/me")

	// One that is made now makes another; one that was made before there was any does
	// not when there is one by another way.
	page(h.browser(), address(), "grace", "correct horse battery 2").wants(200, "/me")
	must(t, h.dir, "", "user", "remove", "ada")
	must(t, h.dir, "", "user", "remove", "grace")
	old := address()
	must(t, h.dir, "", "user", "set", "anna", "--right", "administer") // anna has a password
	h.browser().get(old).wants(404, "/setup")
	must(t, h.dir, "", "user", "set", "anna", "--right", "release")
	must(t, h.dir, "", "role", "give", "administrator", "--user", "ben")
	h.browser().get(old).wants(404, "/setup")
	secret := old[strings.Index(old, "token=")+6:]
	for _, what := range []string{h.log.String(), must(t, h.dir, "", "audit", "list", "--json")} {
		if strings.Contains(what, secret) || strings.Contains(what, "correct horse") {
			t.Error("A52: a secret is in the log or in the audit trail")
		}
	}
	h.end()
}

// people are those whom the provider of the tests knows.
type people map[string]*storage.User

func (p people) GetUserByID(id string) *storage.User { return p[id] }
func (p people) GetUserByUsername(name string) *storage.User {
	for _, u := range p {
		if u.Username == name {
			return u
		}
	}
	return nil
}
func (people) ExampleClientID() string { return "service" }

const clientSecret = "canary-client-secret"

// startProvider runs zitadel's OpenID provider in this process, with a client for
// the node at web; with a certificate, over TLS.
func startProvider(t *testing.T, who people, web string, shown ...tls.Certificate) (issuer string) {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	issuer = "http://" + ln.Addr().String() + "/"
	if len(shown) > 0 {
		issuer = "https://" + ln.Addr().String() + "/"
	}
	storage.RegisterClients(storage.WebClient("platen", clientSecret, web+"sign-in/oidc/callback"))
	srv := &httptest.Server{Listener: ln, Config: &http.Server{Handler: exampleop.SetupServer(issuer, storage.NewStorage(who), slog.New(slog.DiscardHandler), false)}}
	if len(shown) > 0 {
		srv.TLS = &tls.Config{Certificates: shown}
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(srv.Close)
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("in process: %s", regexp.MustCompile(`github.com/zitadel/oidc/v3 \S+`).Find(mod))
	return issuer
}

func member(id, name, email, family string, verified bool) *storage.User {
	return &storage.User{ID: id, Username: name, Password: "verysecure", FirstName: "F", LastName: family, Email: email, EmailVerified: verified, PreferredLanguage: language.English}
}

var loginID = regexp.MustCompile(`name="id" value="([^"]+)"`)

// atProvider signs in at the provider, as far as its form, and types a name.
func (b *browser) atProvider(name string) *browser {
	b.t.Helper()
	b.get("/sign-in/oidc?next=/print/mine")
	m := loginID.FindStringSubmatch(b.body)
	if m == nil {
		b.t.Fatalf("%d at %s: no form of the provider\n%s", b.status, b.at, b.body)
	}
	form := url.Values{"id": {m[1]}, "username": {name}, "password": {"verysecure"}}
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.at.ResolveReference(&url.URL{Path: "/login/username"}).String(), strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r)
}

// People sign in with a provider that nobody here wrote.
func TestA47A52OpenIDConnect(t *testing.T) {
	h := startDemo(t, "")
	do := func(args ...string) { t.Helper(); must(t, h.dir, "", args...) }
	h.browser().get("/sign-in/oidc").wants(404, "/sign-in/oidc")
	wants(t, h.dir, exitNotFound, "not set up", "sign-in", "oidc", "show")
	who := people{
		"id-anna": member("id-anna", "anna", "anna@elsewhere.example", "reports", false), // by login
		"id-ben":  member("id-ben", "b.ender", "ben@example.org", "x", true),             // by confirmed address
		"id-eve":  member("id-eve", "eve", "ben@example.org", "x", false),                // with an address that nobody has confirmed
		"id-two":  member("id-two", "anna@corp.example", "ben@example.org", "x", true),   // two people at once
		"id-ada":  member("id-ada", "ada", "x@example.org", "admins", true),              // an administrator's name
		"id-new":  member("id-new", "newcomer", "new@example.org", "admins", true),       // nobody here
		"id-oan":  member("id-oan", "anna", "oan@example.org", "x", true),                // for later: anna's name, given to somebody else
	}
	delete(who, "id-oan")
	issuer := startProvider(t, who, h.demo.Web)
	do("user", "set", "anna", "--upn", "anna@corp.example")
	do("user", "set", "ben", "--email", "ben@example.org")
	do("user", "add", "ada", "--right", "administer")
	wants(t, h.dir, exitUsage, "client ID", "sign-in", "oidc", "set", "--issuer", issuer)
	wants(t, h.dir, exitUsage, `there is no role "boss"`, "sign-in", "oidc", "set", "--issuer", issuer, "--client", "platen", "--groups-claim", "family_name", "--role", "x=boss")
	must(t, h.dir, clientSecret+"\n", "sign-in", "oidc", "set", "--issuer", issuer, "--client", "platen", "--name", "Zitadel", "--groups-claim", "family_name",
		"--role", "reports=reporting", "--role", "admins=administrator", "--scope", "openid", "--scope", "profile", "--scope", "email", "--ask-password")
	wants(t, h.dir, exitDone, "answers", "sign-in", "oidc", "test")
	h.browser().get("/sign-in").wants(200, "/sign-in", "Sign in with Zitadel")

	b := h.browser().atProvider("anna").wants(200, "/print/mine", "Anna Example")
	b.get("/api/v1/me").wants(200, "/api/v1/me", `"login":"anna"`, `"roles":["user","reporting"]`, `"method":"oidc"`)
	h.browser().atProvider("b.ender").wants(200, "/print/mine", "Ben Example")
	refused := "/sign-in/oidc/callback"
	for name, says := range map[string]string{
		"eve": "Nobody here is known by the account", "newcomer": "Nobody here is known by the account",
		"anna@corp.example": "Several people here are known", "ada": "not recognised by name alone",
	} {
		h.browser().atProvider(name).wants(403, refused, says)
	}
	h.awaitLog("id-ada") // what the administrator needs for the next command
	do("sign-in", "oidc", "link", "ada", "--subject", "id-ada")
	h.browser().atProvider("ada").get("/api/v1/me").wants(200, "/api/v1/me", `"login":"ada"`, `"administrator"`)

	// Who is called anna now is another one than was.
	who["id-oan"] = member("id-oan", "anna", "oan@example.org", "x", true)
	delete(who, "id-anna")
	h.browser().atProvider("anna").wants(409, refused, "belongs to somebody else")
	do("sign-in", "oidc", "link", "anna")
	b.get("/me").wants(200, "/sign-in") // the one before is out
	h.browser().atProvider("anna").wants(200, "/print/mine")

	do("sign-in", "oidc", "set", "--create", "yes")
	b = h.browser().atProvider("newcomer").wants(200, "/print/mine", "F admins")
	b.get("/api/v1/me").wants(200, "/api/v1/me", `"login":"newcomer"`, `"source":"oidc"`, `"roles":["administrator"]`)
	wants(t, h.dir, exitDone, "oidc", "user", "show", "newcomer")
	var u struct{ Rights []string }
	if h.json(&u, "user", "show", "newcomer"); len(u.Rights) != 0 {
		t.Errorf("somebody new has the rights %q", u.Rights)
	}
	do("role", "give", "user", "--oidc")
	b.get("/api/v1/me").wants(200, "/api/v1/me", `"roles":["user","administrator"]`)
	do("role", "add", "desk", "--right", "support")
	do("sign-in", "oidc", "set", "--role", "admins=desk")
	wants(t, h.dir, exitConflict, "has the role desk", "role", "remove", "desk")
	do("user", "set", "newcomer", "--enabled", "no")
	h.browser().atProvider("newcomer").wants(403, refused, "switched off")
	secretsStay(t, h, clientSecret)

	// A47: another issuer gets no secret.
	var asked string
	canary := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		asked += r.Header.Get("Authorization") + string(b)
		http.NotFound(w, r)
	}))
	defer canary.Close()
	a := platen("", "sign-in", "oidc", "set", "--issuer", canary.URL, "--dir", h.dir)
	if a.code != exitDone || !strings.Contains(a.err, "was forgotten") || strings.Contains(a.out, clientSecret) {
		t.Errorf("%+v", a)
	}
	h.browser().get("/sign-in/oidc").wants(503, "/sign-in/oidc", "does not answer")
	wants(t, h.dir, exitFailed, "At "+canary.URL+" something answers, but not as a sign-in service does.", "sign-in", "oidc", "test")
	do("sign-in", "oidc", "set", "--issuer", "https://127.0.0.1:1/x")
	wants(t, h.dir, exitFailed, "The sign-in service https://127.0.0.1:1/x refuses the connection. Check the port", "sign-in", "oidc", "test")
	h.browser().get("/sign-in/oidc").wants(503, "/sign-in/oidc", "does not answer") // people need not know
	do("sign-in", "oidc", "set", "--issuer", issuer)
	var shown struct{ Has_Secret bool }
	if h.json(&shown, "sign-in", "oidc", "show"); shown.Has_Secret || strings.Contains(asked, clientSecret) {
		t.Errorf("kept %v, the canary heard %q", shown.Has_Secret, asked)
	}
	h.browser().atProvider("b.ender").wants(403, refused, "the client ID or the secret")
	do("sign-in", "oidc", "remove")
	h.browser().get("/sign-in/oidc").wants(404, "/sign-in/oidc")
	h.end()
}

// secretsStay looks for a secret wherever somebody might read one: A52.
func secretsStay(t *testing.T, h *house, secret string) {
	t.Helper()
	said := h.log.String() + h.out.String()
	for _, args := range [][]string{{"sign-in", "oidc", "show"}, {"sign-in", "oidc", "show", "--json"}, {"settings", "show", "--json"}, {"audit", "list", "--json"}} {
		a := platen("", append(args, "--dir", h.dir)...)
		said += a.out + a.err
	}
	if strings.Contains(said, secret) {
		t.Error("A52: the secret is told")
	}
	backup := filepath.Join(t.TempDir(), "backup.tar")
	must(t, h.dir, "a passphrase\n", "backup", backup)
	for _, file := range []string{backup, filepath.Join(h.dir, "platen.db"), filepath.Join(h.dir, "platen.db-wal")} {
		b, err := os.ReadFile(file)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if strings.Contains(string(b), secret) {
			t.Errorf("A52: the secret is in %s", file)
		}
	}
}
