package ui

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
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
	"sync"
	"testing"
	"time"

	"platen/directory"
	"platen/internal/testkit"
	"platen/job"
	"platen/pki"
	"platen/ui/catalog"
)

// clock is a clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// house is a node with a fake desk behind its pages, and a browser before it.
type house struct {
	t       *testing.T
	clock   *clock
	desk    *fakeDesk
	intake  *fakeIntake
	events  *fakeEvents
	people  *fakePersonal
	brings  *fakeBringers
	members *fakeMembers
	guests  *fakeReception
	trusts  *fakeTrusts
	cards   *fakeLearner
	work    []string // what was done with certificates
	server  *Server
	log     *syncBuffer
	http    *httptest.Server
	jar     http.CookieJar
	steady  sync.RWMutex // held by every request while it is answered
	client  *http.Client // follows redirects and keeps cookies
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.b.Reset()
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// chain is the one that all houses of a run share.
var chain = sync.OnceValues(func() (*pki.Keeper, error) {
	dir, err := os.MkdirTemp("", "platen-ui-test-")
	if err != nil {
		return nil, err
	}
	ch := newKeeper(dir + "/ca.pem")
	return ch, ch.Open(context.Background())
})

func newKeeper(caFile string) *pki.Keeper {
	return &pki.Keeper{Store: &testkit.CertStore{}, Tenant: job.NewUUID(), CAFile: caFile, Names: func() []string { return []string{"localhost", "127.0.0.1"} },
		NewID: job.NewUUID, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
}

func TestMain(m *testing.M) {
	code := m.Run()
	if ch, err := chain(); err == nil {
		_ = os.RemoveAll(filepath.Dir(ch.CAFile))
	}
	os.Exit(code)
}

// newHouse starts a node that already has its terminal enrolled, unless the
// test says otherwise by not using the jar.
func newHouse(t *testing.T, more ...*catalog.Language) *house {
	t.Helper()
	h := &house{t: t, clock: &clock{now: time.Date(2026, 3, 2, 9, 30, 0, 0, time.Local)}, log: &syncBuffer{}}
	h.desk = newDesk(h.clock.Now)
	h.intake = &fakeIntake{limit: 1 << 20}
	h.events = &fakeEvents{}
	h.people = &fakePersonal{desk: h.desk, now: h.clock.Now}
	h.brings = &fakeBringers{stand: directory.Stand{Source: "corp", Cursor: []byte("c1")}}
	h.members = &fakeMembers{desk: h.desk, now: h.clock.Now}
	h.guests = &fakeReception{now: h.clock.Now}
	h.trusts = &fakeTrusts{}
	h.cards = newLearner()
	ch, err := chain()
	if err != nil {
		t.Fatal(err)
	}
	cat, err := catalog.New(more...)
	if err != nil {
		t.Fatal(err)
	}
	h.server = &Server{
		Name: "print.example.com", Version: "test", LPD: "0.0.0.0:5515", IPP: "0.0.0.0:5631", Personal: h.people, Members: h.members, Reception: h.guests, Trusts: h.trusts, Cards: h.cards,
		Desk: h.desk, Site: h.desk, Intake: h.intake, Jobs: h.intake, Tokens: fakeTokens{}, Admins: fakeAdmins{}, Events: h.events, Bringers: h.brings,
		Hosts:     func() []string { return []string{"localhost", "127.0.0.1", "print.example.com"} },
		Readiness: func(context.Context) (any, error) { return directory.Readiness{People: 3}, nil },
		Parts:     func(context.Context) []Part { return []Part{{Name: "store", Ready: true}} },
		CAPEM:     func() []byte { return []byte("-----BEGIN CERTIFICATE-----\n") },
		Certs:     ch,
		CertWork:  func(actor string) CertWork { return &fakeWork{h, actor} },
		JWKS:      func() []byte { return []byte(`{"keys":[]}`) },
		Now:       h.clock.Now, Catalog: cat,
		Log: slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	handler, err := h.server.Handler()
	if err != nil {
		t.Fatal(err)
	}
	cert, err := ch.Certificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	h.http = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.steady.RLock()
		defer h.steady.RUnlock()
		handler.ServeHTTP(w, r)
	}))
	h.http.TLS = ch.ServerConfig()
	h.http.TLS.Certificates = []tls.Certificate{*cert}
	h.http.StartTLS()
	t.Cleanup(h.http.Close)
	h.newBrowser()
	return h
}

// change changes the house while nothing is being answered.
func (h *house) change(f func()) {
	h.steady.Lock()
	defer h.steady.Unlock()
	f()
}

// newBrowser forgets all cookies.
func (h *house) newBrowser() {
	h.jar, _ = cookiejar.New(nil)
	roots := x509.NewCertPool()
	ch, _ := chain()
	roots.AppendCertsFromPEM(ch.CAPEM())
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	h.t.Cleanup(tr.CloseIdleConnections)
	h.client = &http.Client{Transport: tr, Jar: h.jar, Timeout: 20 * time.Second}
}

// enrolled lets the browser be the terminal.
func (h *house) enrolled() *house {
	h.t.Helper()
	p := h.get("/t/lobby/enrol?secret=first-secret")
	if p.status != 200 || p.path != "/t/lobby/" {
		h.t.Fatalf("enrolment ended at %s with %d", p.path, p.status)
	}
	h.desk.took()
	return h
}

// pageGot is what came back, after redirects.
type pageGot struct {
	status int
	path   string // of the last request, with query
	body   string
	header http.Header
}

func (h *house) request(method, path string, body io.Reader, header map[string]string) *http.Request {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.http.URL+path, body)
	if err != nil {
		h.t.Fatal(err)
	}
	for k, v := range header {
		r.Header.Set(k, v)
		if k == "Host" {
			r.Host = v
		}
	}
	return r
}

func (h *house) do(r *http.Request) pageGot {
	h.t.Helper()
	resp, err := h.client.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return pageGot{resp.StatusCode, resp.Request.URL.RequestURI(), string(b), resp.Header}
}

func (h *house) get(path string) pageGot {
	h.t.Helper()
	return h.do(h.request("GET", path, nil, nil))
}

// post sends a form as the page of the browser would.
func (h *house) post(path string, form url.Values) pageGot {
	h.t.Helper()
	if form == nil {
		form = url.Values{}
	}
	if !form.Has("key") {
		form.Set("key", h.key())
	}
	return h.do(h.request("POST", path, strings.NewReader(form.Encode()), map[string]string{
		"Content-Type": "application/x-www-form-urlencoded", "Origin": h.http.URL, "Sec-Fetch-Site": "same-origin",
	}))
}

// key returns the form key that the terminal's pages have.
func (h *house) key() string {
	v := visit{terminalToken: h.desk.token}
	return v.formKey()
}

// signIn signs in with a card and returns the page it leads to.
func (h *house) signIn(card string) pageGot {
	h.t.Helper()
	p := h.post("/t/lobby/login", url.Values{"code": {card}})
	h.desk.took()
	return p
}

func (p pageGot) wants(t *testing.T, status int, path string, texts ...string) {
	t.Helper()
	if p.status != status || path != "" && p.path != path {
		t.Errorf("got %d at %s, want %d at %s", p.status, p.path, status, path)
	}
	for _, text := range texts {
		if !strings.Contains(p.body, text) {
			t.Errorf("%s: %q is not in\n%s", p.path, text, p.body)
		}
	}
}

func (p pageGot) lacks(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(p.body, text) {
			t.Errorf("%s: %q is in\n%s", p.path, text, p.body)
		}
	}
}

var refreshTag = regexp.MustCompile(`<meta http-equiv="refresh" content="(\d+);url=([^"]*)">`)

// refresh returns where the page goes by itself and after how many seconds.
func (p pageGot) refresh(t *testing.T) (seconds, target string) {
	t.Helper()
	m := refreshTag.FindStringSubmatch(p.body)
	if m == nil {
		t.Fatalf("%s does not go on by itself", p.path)
	}
	return m[1], strings.ReplaceAll(m[2], "&amp;", "&")
}

// dial opens a plain connection to the node, for what no client would send.
func (h *house) dial() net.Conn {
	h.t.Helper()
	c, err := net.Dial("tcp", h.http.Listener.Addr().String())
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { c.Close() })
	return c
}
