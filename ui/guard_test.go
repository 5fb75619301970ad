package ui

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"platen/fault"
)

var update = flag.Bool("update", false, "write docs/routes.md again")

// A21: a request for another host is a name that somebody points at us.
func TestA21UnknownHost(t *testing.T) {
	h := newHouse(t).enrolled()
	for host, want := range map[string]int{
		"localhost": 200, "LOCALHOST": 200, "localhost.": 200, "127.0.0.1": 200, "127.0.0.1:5443": 200, "print.example.com:443": 200,
		"evil.example": 421, "print.example.com.evil.example": 421, "localhost@evil.example": 421, "10.1.2.3": 421, "[::1]": 421, "": 200,
	} {
		r := h.request("GET", "/", nil, nil)
		r.Host = host // "" is the address of the test server itself
		if p := h.do(r); p.status != want {
			t.Errorf("Host %q got %d, want %d", host, p.status, want)
		}
	}
	for _, path := range []string{"/t/lobby/", "/metrics", "/api/v1/jobs", "/nowhere", "/healthz"} {
		r := h.request("GET", path, nil, map[string]string{"Host": "evil.example"})
		if p := h.do(r); p.status != 421 || strings.Contains(p.body, "<") {
			t.Errorf("%s for another host got %d", path, p.status)
		}
	}
}

func TestA21HostThatIsTheConnectionsOwnAddress(t *testing.T) {
	h := newHouse(t)
	h.change(func() { h.server.Hosts = func() []string { return []string{"print.example.com"} } })
	if p := h.get("/"); p.status != 200 { // by its address, which no name can be pointed at
		t.Errorf("got %d", p.status)
	}
}

func TestA21NoHostAtAll(t *testing.T) {
	h := newHouse(t)
	c := tls.Client(h.dial(), &tls.Config{InsecureSkipVerify: true})
	fmt.Fprintf(c, "GET / HTTP/1.0\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 421 {
		t.Errorf("got %d", resp.StatusCode)
	}
}

// posts returns a path for every route that changes something.
func posts() []string {
	var paths []string
	for _, r := range routes {
		if r.method != "GET" {
			p := strings.NewReplacer("{terminal}", "lobby", "{act:act|release|delete|keep}", "release", "{act:give|allow|end}", "give", "{act:extend|end}", "end", "{session}", "s", "{device}", "d-1").Replace(r.path)
			paths = append(paths, r.method+" "+p)
		}
	}
	return paths
}

// A54: a page of another site makes nobody's browser do anything, even with all
// the cookies.
func TestA54ForeignPages(t *testing.T) {
	h := newHouse(t).enrolled()
	h.signIn("04A1B2C3D4")
	for _, route := range posts() {
		method, path, _ := strings.Cut(route, " ")
		for name, header := range map[string]map[string]string{
			"Sec-Fetch-Site cross-site": {"Sec-Fetch-Site": "cross-site"},
			"Sec-Fetch-Site same-site":  {"Sec-Fetch-Site": "same-site"},
			"Origin":                    {"Origin": "https://evil.example"},
			"Origin null":               {"Origin": "null"},
			"Origin of another port":    {"Origin": "https://127.0.0.1:1"},
		} {
			form := url.Values{"key": {h.key()}, "do": {"all"}}
			header["Content-Type"] = "application/x-www-form-urlencoded"
			p := h.do(h.request(method, path, strings.NewReader(form.Encode()), header))
			if p.status != 403 {
				t.Errorf("%s with %s got %d", route, name, p.status)
			}
		}
	}
	if took := h.desk.took(); len(took) != 0 {
		t.Errorf("a foreign page made it %q", took)
	}
}

// A54: a browser too old to say where a request comes from still needs the key
// of our own forms.
func TestA54FormsNeedTheirKey(t *testing.T) {
	h := newHouse(t).enrolled()
	h.signIn("04A1B2C3D4")
	for _, route := range posts() {
		method, path, _ := strings.Cut(route, " ")
		if !strings.HasPrefix(path, "/t/") {
			continue
		}
		for _, key := range []string{"", "AAAAAAAAAAAAAAAAAAAAAA", h.desk.token} {
			form := url.Values{"key": {key}, "do": {"all"}, "code": {"04A1B2C3D4"}}
			p := h.do(h.request(method, path, strings.NewReader(form.Encode()), map[string]string{"Content-Type": "application/x-www-form-urlencoded"}))
			p.wants(t, 403, "", "This form is not one of ours.")
		}
	}
	if took := h.desk.took(); len(took) != 0 {
		t.Errorf("a form without its key made it %q", took)
	}
}

// A54: nothing that acts answers to GET, and the key does not work from the
// address either.
func TestA54NothingActsByGET(t *testing.T) {
	h := newHouse(t).enrolled()
	h.signIn("04A1B2C3D4")
	for _, route := range posts() {
		_, path, _ := strings.Cut(route, " ")
		p := h.get(path + "?do=all&id=101&key=" + h.key())
		if p.status == 200 && !strings.Contains(path, "glass") && !strings.HasSuffix(path, "/sign-in") && path != receptionPath && path != learnPath { // four pages that only show a form
			t.Errorf("GET %s got 200", path)
		}
	}
	p := h.do(h.request("POST", "/t/lobby/jobs/act?do=all&key="+url.QueryEscape(h.key()), nil, nil))
	p.wants(t, 403, "")
	if took := h.desk.took(); len(took) != 0 {
		t.Errorf("GET made it %q", took)
	}
}

// A55: every answer, errors too, forbids what the pages do not need.
func TestA55SecurityHeaders(t *testing.T) {
	h := newHouse(t).enrolled()
	for _, path := range []string{"/", "/t/lobby/", "/t/lobby/jobs", "/nowhere", "/api/v1/jobs", "/healthz", stylePath} {
		p := h.get(path)
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
			"X-Content-Type-Options":  "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := p.header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		if cache := p.header.Get("Cache-Control"); path != stylePath && cache != "no-store" {
			t.Errorf("%s: Cache-Control is %q", path, cache)
		}
		if p.header.Get("Server") != "" || p.header.Get("X-Powered-By") != "" {
			t.Errorf("%s says what it runs on", path)
		}
	}
	if p := h.get(stylePath); p.header.Get("Content-Type") != "text/css; charset=utf-8" || !strings.Contains(p.header.Get("Cache-Control"), "immutable") {
		t.Errorf("style sheet: %v", p.header)
	}
	h.get("/assets/platen-000000000000.css").wants(t, 404, "")
}

func TestA55NothingInline(t *testing.T) {
	h := newHouse(t).enrolled()
	for _, s := range scenes {
		h := newHouse(t).enrolled()
		p := h.get(s.prepare(h))
		p.lacks(t, "<script", "style=", "onclick", "javascript:", "<iframe", "http://")
	}
	_ = h
}

// A57: the roles of all routes, as a document that is reviewed, and tried one
// by one: without its proof no route tells anything.
func TestA57RolesAreDocumented(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("# Who may ask for what\n\nGenerated from `ui/routes.go` by `go test ./ui -run A57 -update`. What is not here does not exist.\n\n" +
		"| method | path | role | what for |\n| --- | --- | --- | --- |\n")
	for _, r := range routes {
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s |\n", r.method, strings.ReplaceAll(r.path, "|", `\|`), r.role, r.does)
	}
	b.WriteString("\n| role | proved by |\n| --- | --- |\n")
	for _, r := range [][2]string{
		{string(anyone), "nothing; nothing of a person is told"},
		{string(secret), "the secret in the address: 128 bits, works once, not for long"},
		{string(screen), "the cookie of the terminal, or its bearer token; with POST also the key of its forms"},
		{string(person), "the cookies of the terminal and of the session, both for this terminal only"},
		{string(box), "the bearer token of the terminal"},
		{string(boxed), "the bearer token of the terminal and the session's token in the path"},
		{string(program), "an API token"},
		{string(bringer), "a token of `platen source token`, which is good for one source and for nothing else"},
		{string(monitors), "an address on the list of monitors; by default this machine's own"},
		{string(holder), "a personal address in the path, 256 bits, until its owner removes it"},
		{string(first), "the token of `platen admin token` in the address: 256 bits, works once, within an hour"},
		{string(member), "the cookie of a session at a browser of one's own; to change something also the key of its forms, over the API in the header `X-Platen-Key`. Over the API a token with rights as well, where no person is needed"},
		{string(helper), "the same, and the right support or administer"},
		{string(reader), "the same, and the right report, support or administer"},
		{string(administrator), "the same, and the right administer"},
		{string(visitors), "an API token for guests, which is good for nothing else"},
	} {
		fmt.Fprintf(&b, "| %s | %s |\n", r[0], r[1])
	}
	const file = "../docs/routes.md"
	if *update {
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(got, b.Bytes()) {
		t.Errorf("docs/routes.md is not what the code says (%v); run with -update and review it", err)
	}
}

func TestA57EveryRouteWantsItsProof(t *testing.T) {
	h := newHouse(t) // no cookie, no token
	h.change(func() { h.server.Monitors = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
	for _, r := range routes {
		path := strings.NewReplacer("{terminal}", "lobby", "{act:act|release|delete|keep}", "release", "{act:give|allow|end}", "give", "{act:extend|end}", "end", "{id:[0-9]+}", "101", "{id}", "1",
			"{session}", "s", "{device}", "d-1", "{release}", "r-1", "{file}", "x", "{queue}", "secure", "{secret}", "guessed").Replace(r.path)
		p := h.do(h.request(r.method, path, strings.NewReader("{}"), nil))
		switch r.role {
		case anyone:
		case member, helper, reader, administrator: // a page is the sign-in then
			switch {
			case r.face == data && p.status == 401 && strings.Contains(p.body, `"reason":"session"`):
			case r.face == page && (p.status == 403 || r.method == "GET" && strings.HasPrefix(p.path, "/sign-in")):
			default:
				t.Errorf("%s %s without its cookie: %d at %s", r.method, path, p.status, p.path)
			}
		case first: // nobody is told that there is such a page
			if p.status != 404 && (r.method == "GET" || p.status != 403) {
				t.Errorf("%s %s without a token: %d", r.method, path, p.status)
			}
		case holder: // who guesses is not told that there is something to guess
			if p.status != 404 {
				t.Errorf("%s %s with a guess: %d", r.method, path, p.status)
			}
		case box, boxed, program, bringer, visitors:
			if p.status != 401 || !strings.Contains(p.body, `"reason":"token"`) || p.header.Get("WWW-Authenticate") == "" && r.role != boxed {
				t.Errorf("%s %s without a token: %d %s", r.method, path, p.status, p.body)
			}
		default:
			if p.status != 403 {
				t.Errorf("%s %s (%s) without its proof: %d", r.method, path, r.role, p.status)
			}
		}
	}
	// A terminal without a person: sent to sign in, and nothing asked.
	h.enrolled()
	for _, r := range routes {
		if r.role == person && r.method == "GET" {
			path := strings.NewReplacer("{terminal}", "lobby", "{id:[0-9]+}", "101", "{release}", "r-1").Replace(r.path)
			h.get(path).wants(t, 200, "/t/lobby/?out=1", "You are signed out.")
		}
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	h := newHouse(t).enrolled()
	h.get("/nowhere").wants(t, 404, "", "Not found", "<!DOCTYPE html>")
	h.get("/api/nowhere").wants(t, 404, "", `"reason":"not-found"`)
	p := h.do(h.request("PUT", "/t/lobby/jobs", nil, nil))
	p.wants(t, 405, "", "That cannot be done with this address.")
	if allow := p.header.Get("Allow"); allow != "GET" {
		t.Errorf("Allow is %q", allow)
	}
	p = h.do(h.request("DELETE", "/api/v1/jobs", nil, nil))
	p.wants(t, 405, "", `"reason":"method"`)
	p = h.do(h.request("HEAD", "/", nil, nil))
	p.wants(t, 200, "")
	for _, path := range []string{"/../../etc/passwd", "/t/../metrics", "/t/%2e%2e/x", "/assets/..%2fx", "//evil.example/", "/t/lobby/%00"} {
		if p := h.get(path); p.status != 404 && p.status != 403 && p.status != 200 {
			t.Errorf("%s got %d", path, p.status)
		}
	}
}

func TestBodiesHaveALimit(t *testing.T) {
	h := newHouse(t).enrolled()
	big := url.Values{"code": {strings.Repeat("1", 70<<10)}}
	h.post("/t/lobby/login", big).wants(t, 413, "", "That was too much to read.")
	r := h.request("POST", "/api/terminal/v1/sessions", strings.NewReader(`{"method":"`+strings.Repeat("x", 70<<10)+`"}`), map[string]string{"Authorization": "Bearer terminal-token"})
	h.do(r).wants(t, 413, "", `"reason":"too-large"`)
	if took := h.desk.took(); len(took) != 0 {
		t.Errorf("asked the desk for %q", took)
	}
}

// A52, A61: no page, no log line and no address ever has a token, a secret or a
// card number in it.
func TestA52NoSecretsInPagesOrLog(t *testing.T) {
	h := newHouse(t)
	h.get("/t/lobby/enrol?secret=canary-wrong-secret")
	h.enrolled()
	bodies := ""
	for _, form := range []url.Values{
		{"code": {"CA4A5213"}}, {"method": {"password"}, "user": {"anna"}, "secret": {"canary-password"}},
		{"method": {"pin"}, "user": {"anna"}, "secret": {"97531086"}}, {"code": {"04A1B2C3D4"}},
	} {
		bodies += h.post("/t/lobby/login", form).body
	}
	bodies += h.get("/t/lobby/jobs/4711").body
	for _, path := range []string{"/api/terminal/v1/sessions/canary-session/jobs", "/api/terminal/v1/releases/r-0"} {
		bodies += h.do(h.request("GET", path, nil, map[string]string{"Authorization": "Bearer terminal-token"})).body
	}
	bodies += h.do(h.request("GET", "/api/v1/jobs/1", nil, map[string]string{"Authorization": "Bearer canary-token"})).body
	for _, secret := range []string{"canary-wrong-secret", "first-secret", "terminal-token", "session-token", "CA4A5213", "04A1B2C3D4", "canary-password", "97531086", "canary-session", "canary-token"} {
		if strings.Contains(h.log.String(), secret) {
			t.Errorf("%q is in the log:\n%s", secret, h.log.String())
		}
		if strings.Contains(bodies, secret) {
			t.Errorf("%q is in a page", secret)
		}
	}
	if strings.Contains(h.log.String(), "Train ticket") {
		t.Error("a title is in the log")
	}
}

func TestHealthAndReadiness(t *testing.T) {
	h := newHouse(t)
	h.get("/healthz").wants(t, 200, "", `"status":"ok"`)
	h.get("/readyz").wants(t, 200, "", `"status":"ready"`, `{"name":"store","ready":true}`)
	h.change(func() {
		h.server.Parts = func(context.Context) []Part {
			return []Part{{Name: "store", Ready: true}, {Name: "disk", Text: "The disk is full."}}
		}
	})
	h.get("/readyz").wants(t, 503, "", `"status":"not ready"`, "The disk is full.")
	h.change(func() {
		h.server.Alive = func() error { return fmt.Errorf("the dispatcher has not moved for a minute") }
	})
	h.get("/healthz").wants(t, 503, "", `"reason":"unavailable"`)
}

func TestMetrics(t *testing.T) {
	h := newHouse(t)
	h.get("/nowhere")
	h.get("/metrics").wants(t, 200, "", `platen_http_requests_total{code="404",route="404"} 1`)
	h.change(func() { h.server.Monitors = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
	h.get("/metrics").wants(t, 403, "", "This address may not read that.")
	r := h.request("GET", "/metrics", nil, map[string]string{"X-Forwarded-For": "192.0.2.1"})
	h.do(r).wants(t, 403, "")
}

func TestPanicsBecomeAnErrorWithAReference(t *testing.T) {
	h := newHouse(t)
	h.change(func() { h.server.Parts = func(context.Context) []Part { panic("kaboom") } })
	p := h.get("/readyz")
	p.wants(t, 500, "", `"reason":"internal"`, `"reference":"`)
	p.lacks(t, "kaboom")
	if !strings.Contains(h.log.String(), "kaboom") {
		t.Error("the panic is not in the log")
	}
}

func TestErrorKindsAndTheirStatus(t *testing.T) {
	for kind, want := range map[fault.Kind]int{
		fault.Invalid: 400, fault.TooLarge: 413, fault.NotFound: 404, fault.Denied: 403, fault.Conflict: 409,
		fault.Full: 507, fault.Unavailable: 503, fault.Internal: 500,
	} {
		if got := status(kind); got != want {
			t.Errorf("%v is %d, want %d", kind, got, want)
		}
	}
}

// serve runs the server over real TLS with a chain of the house.
func serve(t *testing.T, limits Limits) (addr string, stop func() error) {
	t.Helper()
	h := newHouse(t)
	chain := newKeeper("")
	if err := chain.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := *h.server
	s.Numbers, s.TLS, s.Hosts, s.Limits = nil, chain.ServerConfig(), chain.Hosts, limits
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	stop = sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() { _ = stop() })
	return ln.Addr().String(), stop
}

func TestServeOverTLSAndStop(t *testing.T) {
	addr, stop := serve(t, DefaultLimits())
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}}
	resp, err := client.Get("https://" + addr + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.ProtoMajor != 2 || resp.TLS.Version != tls.VersionTLS13 {
		t.Errorf("spoke %s over %x", resp.Proto, resp.TLS.Version)
	}
	if err := stop(); err != nil {
		t.Errorf("Serve returned %v", err)
	}
	if _, err := net.Dial("tcp", addr); err == nil {
		t.Error("still listening")
	}
}

// A24: one address cannot take all connections.
func TestA24ConnectionsPerAddress(t *testing.T) {
	limits := DefaultLimits()
	limits.PerIP = 3
	addr, _ := serve(t, limits)
	open := func() error {
		c, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", addr, &tls.Config{InsecureSkipVerify: true})
		if err == nil {
			t.Cleanup(func() { c.Close() })
		}
		return err
	}
	var results []bool
	for range 5 {
		results = append(results, open() == nil)
	}
	if !slices.Equal(results, []bool{true, true, true, false, false}) {
		t.Errorf("accepted %v", results)
	}
}

// A07: a client that sends its header octet by octet is cut off.
func TestA07SlowHeader(t *testing.T) {
	limits := DefaultLimits()
	limits.Header = 200 * time.Millisecond
	addr, _ := serve(t, limits)
	c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: local")
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if b, err := io.ReadAll(c); err != nil && strings.Contains(err.Error(), "timeout") {
		t.Errorf("still open: %q, %v", b, err)
	}
}

// A07: a stranger's document that nobody reads is not waited for: the answer
// ends the connection.
func TestA07UnwantedBodyEndsTheConnection(t *testing.T) {
	addr, _ := serve(t, DefaultLimits())
	c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST /api/v1/jobs HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000000\r\n\r\nx", addr)
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second)) // ReadTimeout is 30 s
	if b, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(b), "HTTP/1.1 40") {
		t.Errorf("%q, %v", b, err)
	}
}
