package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"platen/config"
	"platen/directory"
	"platen/internal/testkit/peers"
	"platen/packaging"
	"platen/site"
)

// machine is one that is no node: a folder with the file of sync-directory and what
// it names.
type machine struct {
	t    *testing.T
	file string
}

// put writes a file that nobody else may read.
func put(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// newMachine brings the people of a source that it adds to the node.
func (h *house) newMachine(source, node, table string) *machine {
	h.t.Helper()
	h.must("source", "add", source, "--kind", "push")
	m := &machine{h.t, filepath.Join(h.t.TempDir(), "sync.toml")}
	m.token(h.newToken(source))
	m.write(fmt.Sprintf("node = %q\nca = %q\ntoken_file = \"token\"\n%s", node, h.demo.CA, table))
	return m
}

func (m *machine) write(text string) { put(m.t, m.file, text) }

// token changes the token of the machine.
func (m *machine) token(text string) {
	put(m.t, filepath.Join(filepath.Dir(m.file), "token"), text+"\n")
}

// newToken makes the token of a source.
func (h *house) newToken(source string) string {
	h.t.Helper()
	var v struct {
		Kind, Source, Token string
	}
	h.json(&v, "source", "token", source)
	if v.Kind != site.Bringer || v.Source == "" || len(v.Token) != 43 {
		h.t.Fatalf("token %+v", v)
	}
	return v.Token
}

// once brings people, in this process.
func (m *machine) once(how ...string) directory.Run {
	m.t.Helper()
	a := platen("", append([]string{"sync-directory", m.file, "--once", "--json"}, how...)...)
	var r directory.Run
	if err := json.Unmarshal([]byte(a.out), &r); a.code != exitDone || err != nil {
		m.t.Fatalf("sync-directory: exit %d: %v: %s%s", a.code, err, a.out, a.err)
	}
	return r
}

// fails brings nobody, and says why.
func (m *machine) fails(code int, says string, how ...string) {
	m.t.Helper()
	if a := platen("", append([]string{"sync-directory", m.file, "--once"}, how...)...); a.code != code || !strings.Contains(a.err, says) {
		m.t.Errorf("exit %d, want %d with %q: %s%s", a.code, code, says, a.out, a.err)
	}
}

// people are those who have come from a source, as "login" or "login (disabled)".
func (h *house) people(source string) []string {
	h.t.Helper()
	var all []directory.User
	h.json(&all, "user", "list")
	list := []string{}
	for _, u := range all {
		switch {
		case u.From == "source "+source && u.Enabled:
			list = append(list, u.Login)
		case u.From == "source "+source:
			list = append(list, u.Login+" (disabled)")
		}
	}
	return list
}

func (h *house) wantPeople(source string, want ...string) {
	h.t.Helper()
	if got := h.people(source); !slices.Equal(got, want) {
		h.t.Errorf("of %s there are %q, want %q", source, got, want)
	}
}

// peopleTable is a CSV file with this many people, for a machine that reads one.
func peopleTable(t *testing.T, people int) (path, toml string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "people.csv")
	writeTable(t, path, people)
	return path, fmt.Sprintf("[csv]\npath = %q\n", path)
}

func writeTable(t *testing.T, path string, people int) {
	t.Helper()
	var b strings.Builder
	b.WriteString("id,login,full_name,cards\n")
	for i := range people {
		fmt.Fprintf(&b, "%d,p%03d,Person %d,04DD%06X\n", i, i, i, i)
	}
	put(t, path, b.String())
}

// People of an OpenLDAP that only another machine reaches: they come, change and
// leave, from a process of its own.
func TestSyncDirectoryFromOpenLDAP(t *testing.T) {
	s, ca := slapd(t, 60)
	h := startDemo(t, "")
	defer h.end()
	m := h.newMachine("corp", h.demo.Web, fmt.Sprintf("secret_file = \"secret\"\ndirectory_ca = %q\n[ldap]\nservers = [%q]\nbind_as = %q\nbases = [%q]\nmap.cards = [\"pager\"]\nmap.disabled = \"employeeType\"\n",
		ca, s.TLSURL(), peers.SlapdAdmin, peers.SlapdSuffix))
	put(t, filepath.Join(filepath.Dir(m.file), "secret"), peers.SlapdPassword+"\n")

	if a := platen("", "sync-directory", m.file, "--test"); a.code != exitDone || !strings.Contains(a.out, "60 people") || !strings.Contains(a.out, "syncrepl") || !strings.Contains(a.out, "source there:  corp") {
		t.Errorf("test: %d %s%s", a.code, a.out, a.err)
	}
	if r := m.once("--dry-run"); r.New != 60 || !r.DryRun {
		t.Errorf("dry run: %+v", r)
	}
	h.wantPeople("corp")
	cmd := asPlaten(t, "sync-directory", m.file, "--once")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "60 new") {
		t.Fatalf("first: %v\n%s", err, out)
	}
	if n := len(h.people("corp")); n != 60 {
		t.Errorf("%d people have come", n)
	}
	if !h.signsIn("card", "", "04CC000003") {
		t.Error("a card that was brought does not sign in")
	}
	if r := m.once(); r.Full || r.Read != 0 {
		t.Errorf("nothing has changed: %+v", r)
	}

	dn := func(i int) string { return fmt.Sprintf("uid=u%03d,ou=people,%s", i, peers.SlapdSuffix) }
	ldapTool(t, s, "ldapmodrdn", "", "-r", dn(1), "uid=anna.berg")
	ldapTool(t, s, "ldapdelete", "", dn(2))
	ldapTool(t, s, "ldapmodify", "dn: "+dn(3)+"\nchangetype: modify\nadd: employeeType\nemployeeType: TRUE\n")
	ldapTool(t, s, "ldapadd", "dn: uid=new,ou=people,"+peers.SlapdSuffix+"\nobjectClass: inetOrgPerson\nuid: new\ncn: New\nsn: N\n")
	if r := m.once(); r.Full || r.New != 1 || r.Changed != 2 || r.Disabled != 1 || r.Removed != 1 {
		t.Errorf("changes: %+v", r)
	}
	got := h.people("corp")
	for login, there := range map[string]bool{"anna.berg": true, "u001": false, "u002": false, "u003 (disabled)": true, "new": true} {
		if slices.Contains(got, login) != there {
			t.Errorf("%s: there is %q", login, got)
		}
	}
	if h.signsIn("card", "", "04CC000002") || h.signsIn("card", "", "04CC000003") || !h.signsIn("card", "", "04CC000001") {
		t.Error("who signs in after the changes")
	}

	// Another attribute is another reading: what was heard does not count.
	text, err := os.ReadFile(m.file)
	if err != nil {
		t.Fatal(err)
	}
	m.write(strings.Replace(string(text), "map.cards", "map.department = [\"mail\"]\nmap.cards", 1))
	if r := m.once(); !r.Full || r.Changed < 50 {
		t.Errorf("with another attribute: %+v", r)
	}
	s.Stop()
	m.fails(exitFailed, "refuses the connection")
	if a := platen("", "sync-directory", m.file, "--test"); a.code != exitFailed || !strings.Contains(a.err, "The directory: ") || !strings.Contains(a.out, "source there:  corp") {
		t.Errorf("test without the directory: %d %s%s", a.code, a.out, a.err)
	}
}

// F48: a table with half of itself does not lock the other half out, until somebody
// at the node says so; and the one who says so needs nothing of the machine.
func TestF48BroughtMassDeletionWaits(t *testing.T) {
	h := startDemo(t, "")
	defer h.end()
	path, toml := peopleTable(t, 60)
	m := h.newMachine("staff", h.demo.Web, toml)
	if r := m.once(); r.New != 60 || !r.Full {
		t.Fatalf("first: %+v", r)
	}
	writeTable(t, path, 10)
	if r := m.once(); r.Removed != 0 || r.Waiting != 50 || r.Why == "" {
		t.Errorf("half of it: %+v", r)
	}
	if a := platen("", "sync-directory", m.file, "--once", "--full"); !strings.Contains(a.out, "Nobody was removed. If that is right: platen source approve") {
		t.Errorf("nobody is told: %s", a.out)
	}
	if n := len(h.people("staff")); n != 60 {
		t.Errorf("%d people are left", n)
	}
	h.must("source", "approve", "staff")
	left := slices.DeleteFunc(h.people("staff"), func(s string) bool { return strings.HasSuffix(s, "(disabled)") })
	if len(left) != 10 {
		t.Errorf("%d people are left once it was approved", len(left))
	}
	if r := m.once(); r.Waiting != 0 || r.Full {
		t.Errorf("after that: %+v", r)
	}
	if out := h.must("source", "show", "staff"); !strings.Contains(out, "good") {
		t.Errorf("it stands at %s", out)
	}
}

// Who holds a token can do what it is for, until it ends.
func TestSyncDirectoryTokens(t *testing.T) {
	h := startDemo(t, "")
	defer h.end()
	_, toml := peopleTable(t, 3)
	a := h.newMachine("one", h.demo.Web, toml)
	b := h.newMachine("two", h.demo.Web, toml)
	const unknown = "does not know the token in"

	// The token says whose people they are, and nothing else does.
	first := h.newToken("one")
	a.fails(exitFailed, unknown) // a new one ends the one before
	a.token(first)
	b.token(first)
	b.once("--full")
	h.wantPeople("two")
	h.wantPeople("one", "p000", "p001", "p002")

	a.token("guessed")
	a.fails(exitFailed, unknown)
	var api struct{ Token string }
	h.json(&api, "token", "add", "--label", "ERP")
	a.token(api.Token)
	a.fails(exitFailed, unknown)
	a.token(h.demo.Token)
	a.fails(exitFailed, unknown)
	for _, path := range []string{"/api/v1/jobs/1", "/api/terminal/v1/devices/x/policy"} {
		req, err := http.NewRequest(http.MethodGet, strings.TrimSuffix(h.demo.Web, "/")+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+first)
		res, err := h.client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s with the token of a source: %d", path, res.StatusCode)
		}
	}
	if out := h.must("token", "list"); strings.Contains(out, "one") {
		t.Errorf("the list of programs has it: %s", out)
	}

	a.token(first)
	if err := os.Chmod(filepath.Join(filepath.Dir(a.file), "token"), 0o644); err != nil {
		t.Fatal(err)
	}
	a.fails(exitFailed, "Others may read or change")
	if err := os.Remove(filepath.Join(filepath.Dir(a.file), "token")); err != nil {
		t.Fatal(err)
	}
	a.fails(exitFailed, "Is it there, and may this user read it?")
	a.token(first + " " + first)
	a.fails(exitFailed, "on one line")

	a.token(first)
	a.once()
	h.must("source", "set", "one", "--enabled", "no")
	a.fails(exitConflict, "The source one is switched off at the node.")
	h.must("source", "set", "one", "--enabled", "yes")
	a.once()
	h.must("source", "token", "one", "--revoke")
	a.fails(exitFailed, unknown)
	wants(t, h.dir, exitNotFound, "The source one has no token.", "source", "token", "one", "--revoke")
	second := h.newToken("one")
	a.token(second)
	a.once()
	h.must("source", "remove", "one")
	a.fails(exitFailed, unknown)
	h.must("source", "add", "read", "--kind", "csv", "--path", "/nonexistent.csv", "--enabled", "no")
	wants(t, h.dir, exitFailed, "Only a source of the kind push has a token.", "source", "token", "read")
	wants(t, h.dir, exitFailed, "another machine brings its people", "source", "sync", "two")

	audit := h.must("audit", "list")
	for _, line := range []string{"source.token", "source.token.revoke"} {
		if !strings.Contains(audit, line) {
			t.Errorf("the audit trail lacks %s", line)
		}
	}
	for _, secret := range []string{first, second} {
		if strings.Contains(audit+h.log.String(), secret) {
			t.Error("a token is in the log or in the audit trail")
		}
	}
}

// wire is a line to the node that can be cut: after that many octets of a client.
type wire struct {
	addr string
	cut  atomic.Int64 // octets of the clients until it is cut; below zero never
	down atomic.Bool
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	w := &wire{addr: ln.Addr().String()}
	w.cut.Store(-1)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go w.carry(c, to)
		}
	}()
	return w
}

func (w *wire) carry(c net.Conn, to string) {
	defer c.Close()
	if w.down.Load() {
		return
	}
	n, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer n.Close()
	go func() {
		_, _ = io.Copy(c, n)
		c.Close()
	}()
	if cut := w.cut.Load(); cut >= 0 {
		_, _ = io.CopyN(n, c, cut)
		return
	}
	_, _ = io.Copy(n, c)
}

// F48: a line that breaks in the middle of everybody changes nothing, and the next
// time they come.
func TestF48BroughtOverACutLine(t *testing.T) {
	h := startDemo(t, "")
	defer h.end()
	path, toml := peopleTable(t, 5000)
	w := newWire(t, strings.Trim(strings.TrimPrefix(h.demo.Web, "https://"), "/"))
	m := h.newMachine("staff", "https://"+w.addr, toml)
	w.cut.Store(40_000) // the question fits, everybody does not
	m.fails(exitFailed, "cannot be reached, or broke off")
	h.wantPeople("staff")
	w.cut.Store(-1)
	await(t, "the node has seen that it was cut", func() bool { return strings.Contains(h.log.String(), "route=/api/v1/directory status=400") })
	if r := m.once(); r.New != 5000 {
		t.Errorf("%+v", r)
	}
	writeTable(t, path, 5001)
	w.cut.Store(40_000)
	m.fails(exitFailed, "cannot be reached, or broke off")
	if n := len(h.people("staff")); n != 5000 {
		t.Errorf("%d people after a cut", n)
	}
}

// As a service it brings what changes, goes on when the node was away, and ends in
// order.
func TestSyncDirectoryServes(t *testing.T) {
	h := startDemo(t, "")
	defer h.end()
	path, toml := peopleTable(t, 2)
	w := newWire(t, strings.Trim(strings.TrimPrefix(h.demo.Web, "https://"), "/"))
	w.down.Store(true)
	m := h.newMachine("staff", "https://"+w.addr, "every = \"24h\"\n"+toml)
	cfg, err := loadDirConfig(m.file)
	if err != nil {
		t.Fatal(err)
	}
	log := &buffer{}
	b, err := newBringer(cfg, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	b.pause, cfg.Every.Duration = 10*time.Millisecond, 10*time.Millisecond
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.serve(ctx) }()
	await(t, "it has noticed that the node is away", func() bool { return strings.Contains(log.String(), "cannot be reached") })
	w.down.Store(false)
	await(t, "people have come", func() bool { return len(h.people("staff")) == 2 })
	writeTable(t, path, 3)
	await(t, "one more has come", func() bool { return len(h.people("staff")) == 3 })
	put(t, path, "not a table")
	await(t, "it has noticed that the table is bad", func() bool { return strings.Contains(log.String(), `Nothing was taken`) })
	if n := len(h.people("staff")); n != 3 {
		t.Errorf("%d people with a bad table", n)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}

	cmd := asPlaten(t, "sync-directory", m.file)
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer notify.Close()
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+notify.LocalAddr().String())
	var out buffer
	cmd.Stderr = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := make([]byte, 100)
	n, err := notify.Read(said)
	if err != nil || string(said[:n]) != "READY=1" {
		t.Errorf("systemd is told %q, %v", said[:n], err)
	}
	await(t, "it has tried", func() bool { return strings.Contains(out.String(), "Nothing was taken") })
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), "stopped") {
		t.Errorf("Ctrl-C: %v\n%s", err, out.String())
	}
}

type trip func(*http.Request) (*http.Response, error)

func (f trip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// It asks less and less often while the node is away, and as often as it should once
// it is back.
func TestSyncDirectoryBacksOff(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "token"), "x")
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var at []time.Duration
		began := time.Now()
		cfg := &dirConfig{Node: "https://node.example", TokenFile: filepath.Join(dir, "token"), CSV: map[string]any{"path": "/nonexistent"}, Every: config.Duration{Duration: 5 * time.Minute}}
		b := &bringer{cfg: cfg, log: slog.New(slog.NewTextHandler(t.Output(), nil)), token: cfg.token, pause: firstPause}
		b.http = &http.Client{Transport: trip(func(r *http.Request) (*http.Response, error) {
			at = append(at, time.Since(began).Round(time.Second))
			if len(at) == 8 {
				stop()
			}
			return nil, errors.New("down")
		})}
		if err := b.serve(ctx); err != nil {
			t.Error(err)
		}
		var want []time.Duration
		for _, minute := range []int{0, 1, 3, 7, 15, 30, 45, 60} {
			want = append(want, time.Duration(minute)*time.Minute)
		}
		if !slices.Equal(at, want) {
			t.Errorf("it asked at %v, want %v", at, want)
		}
	})
}

// Whatever answers is no reason to believe it.
func TestSyncDirectoryBelievesOnlyANode(t *testing.T) {
	var answer atomic.Value // http.HandlerFunc
	var mu sync.Mutex
	var asked []string
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.Method+" "+r.URL.Path)
		mu.Unlock()
		answer.Load().(http.HandlerFunc)(w, r)
	}))
	defer srv.Close()
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	says := func(status int, kind, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Location", "https://evil.example/")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, text)
		}
	}
	tests := map[string]struct {
		answer http.HandlerFunc
		says   string
	}{
		"a portal":          {says(200, "text/html", "<html>"), "no Platen node"},
		"a redirect":        {says(302, "text/html", ""), "no Platen node"},
		"other JSON":        {says(200, "application/json", `{"hello":1}`), "no Platen node"},
		"half JSON":         {says(200, "application/json", `{"source":"corp"`), "no Platen node"},
		"too much":          {says(200, "application/json", strings.Repeat(" ", maxNodeAnswer+1)), "no Platen node"},
		"an error of JSON":  {says(500, "application/json", `[]`), "no Platen node"},
		"an older node":     {says(404, "application/json", `{"reason":"not-found","text":"x","reference":"r"}`), "as new as this program"},
		"a node in trouble": {says(503, "application/json", `{"reason":"unavailable","text":"Later.\u001b[2J","reference":"r"}`), "says: Later.?[2J"},
	}
	dir := t.TempDir()
	var ca bytes.Buffer
	if err := pem.Encode(&ca, &pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "ca.pem"), ca.String())
	put(t, filepath.Join(dir, "token"), "the-token")
	_, toml := peopleTable(t, 1)
	m := &machine{t, filepath.Join(dir, "sync.toml")}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			answer.Store(tt.answer)
			m := &machine{t, m.file}
			m.write(fmt.Sprintf("node = %q\nca = \"ca.pem\"\ntoken_file = \"token\"\n%s", srv.URL, toml))
			m.fails(exitCodeOf(tt.says), tt.says)
		})
	}
	mu.Lock()
	defer mu.Unlock()
	if slices.ContainsFunc(asked, func(s string) bool { return s != "GET /api/v1/directory" }) {
		t.Errorf("people were sent: %q", asked)
	}
	asked = nil
	m.write(fmt.Sprintf("node = %q\ntoken_file = \"token\"\n%s", srv.URL, toml))
	m.fails(exitFailed, "from an authority that is not trusted here")
	m.write(fmt.Sprintf("node = %q\nca = \"ca.pem\"\ntoken_file = \"token\"\n%s", strings.Replace(srv.URL, "127.0.0.1", "localhost", 1), toml))
	m.fails(exitFailed, "is for another name")
	if len(asked) != 0 {
		t.Errorf("it was asked %q", asked)
	}
}

func exitCodeOf(says string) int {
	if strings.Contains(says, "as new as") {
		return exitNotFound
	}
	return exitFailed
}

func TestSyncDirectoryConfig(t *testing.T) {
	const good = "node = \"https://node.example\"\ntoken_file = \"token\"\n"
	tests := map[string]struct{ text, says string }{
		"empty":              {"", "node is the address"},
		"http":               {"node = \"http://node.example\"\ntoken_file = \"token\"\n[csv]\npath = \"/x\"\n", "sync.toml:1: node is the address"},
		"a path":             {"node = \"https://node.example/api\"\ntoken_file = \"token\"\n[csv]\npath = \"/x\"\n", "sync.toml:1: node is the address"},
		"no token":           {"node = \"https://node.example\"\n[csv]\npath = \"/x\"\n", "platen source token NAME"},
		"no table":           {good, "0 are there"},
		"two tables":         {good + "[csv]\npath = \"/x\"\n[ldap]\nservers = []\n", "2 are there"},
		"unknown key":        {good + "tokn = 1\n[csv]\npath = \"/x\"\n", "sync.toml:3: unknown key tokn"},
		"unknown table":      {good + "[cvs]\npath = \"/x\"\n", "sync.toml:3: unknown key cvs"},
		"unknown in a table": {good + "[ldap]\nservers = [\"ldaps://x\"]\nbind-as = \"x\"\n", "sync.toml:5: unknown key bind-as in [ldap]"},
		"unknown in map":     {good + "[ldap]\nservers = [\"ldaps://x\"]\n[ldap.map]\ncard = [\"x\"]\n", "sync.toml:6: unknown key card in [ldap]"},
		"another type":       {good + "[ldap]\nservers = \"ldaps://x\"\n", "sync.toml:4: ldap.servers is to be a list of texts, such as [\"one\", \"two\"], and a text stands there"},
		"a text for a list":  {good + "[ldap]\nservers = [\"ldaps://x\"]\n[ldap.map]\nlogin = \"uid\"\n", "sync.toml:6: ldap.map.login is to be a list of texts"},
		"a list for a text":  {good + "[csv]\npath = [\"/x\"]\n", "sync.toml:4: csv.path is to be a text, such as \"one\", and a list stands there"},
		"a text for yes":     {good + "[ldap]\nservers = [\"ldaps://x\"]\nallow_plain = \"yes\"\n", "sync.toml:5: ldap.allow_plain is to be true or false, and a text stands there"},
		"no TOML":            {good + "[csv\n", "sync.toml:3"},
		"a bad server":       {good + "[ldap]\nservers = [\"http://x\"]\n", "ldaps://host"},
		"a relative table":   {good + "[csv]\npath = \"people.csv\"\n", "must be an absolute one"},
		"too often":          {good + "every = \"1s\"\n[csv]\npath = \"/x\"\n", "sync.toml:3: every is from"},
		"no time":            {good + "every = \"often\"\n[csv]\npath = \"/x\"\n", "is not a time"},
		"a bad level":        {good + "[log]\nlevel = \"loud\"\n[csv]\npath = \"/x\"\n", "log.level"},
		"no authority":       {good + "ca = \"none.pem\"\n[csv]\npath = \"/x\"\n", "which ca names, cannot be read"},
		"an empty authority": {good + "ca = \"token\"\n[csv]\npath = \"/x\"\n", "there is no certificate"},
		"no directory_ca":    {good + "directory_ca = \"none.pem\"\n[ldap]\nservers = [\"ldaps://x\"]\n", "which directory_ca names, cannot be read"},
		"directory_ca alone": {good + "directory_ca = \"none.pem\"\n[csv]\npath = \"/x\"\n", "directory_ca is for [ldap]"},
	}
	dir := t.TempDir()
	put(t, filepath.Join(dir, "token"), "x")
	file := filepath.Join(dir, "sync.toml")
	for name, tt := range tests {
		put(t, file, tt.text)
		if a := platen("", "sync-directory", file, "--once"); a.code != exitFailed || !strings.Contains(a.err, tt.says) {
			t.Errorf("%s: exit %d, want %q: %s", name, a.code, tt.says, a.err)
		}
	}
	if a := platen("", "sync-directory", filepath.Join(dir, "none")); a.code != exitNotFound {
		t.Errorf("no file: %d %s", a.code, a.err)
	}
	if a := platen("", "sync-directory", file, "--full"); a.code != exitUsage {
		t.Errorf("--full alone: %d %s", a.code, a.err)
	}
}

// The file of the package is one that is understood, with each key that it only
// speaks of.
func TestSyncDirectoryPackagedFile(t *testing.T) {
	dir := t.TempDir()
	file := put(t, filepath.Join(dir, "sync.toml"), string(packaging.SyncConfig))
	if _, err := loadDirConfig(file); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"ldap", "entra", "csv"} {
		var part []string
		in := false
		for _, line := range strings.Split(string(packaging.SyncConfig), "\n") {
			key := strings.TrimPrefix(line, "#")
			if strings.HasPrefix(key, "[") {
				in = strings.HasPrefix(key, "["+name+"]")
			}
			if in && !strings.HasPrefix(key, " ") {
				part = append(part, key)
			}
		}
		text := "node = \"https://node.example\"\ntoken_file = \"x\"\n" + strings.Join(part, "\n")
		if _, err := loadDirConfig(put(t, file, text)); err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}

func TestSyncDirectoryUnitFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "platen-sync-directory.service")
	text := strings.NewReplacer("/usr/bin/platen ", "/bin/true ", "User=platen\nGroup=platen\n", "User=daemon\n").Replace(packaging.SyncUnit)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(inTime(t), "systemd-analyze", "verify", "--man=no", path).CombinedOutput()
	if err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("verify: %v\n%s", err, out)
	}
	out, err = exec.CommandContext(inTime(t), "systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", path).CombinedOutput()
	if err != nil {
		t.Errorf("security: %v\n%s", err, out)
	}
	got := syncUnit("/opt/my platen/platen", "/etc/platen/sync.toml", "printer")
	if !strings.Contains(got, "\nExecStart=\"/opt/my platen/platen\" sync-directory /etc/platen/sync.toml\nExecReload") || !strings.Contains(got, "\nUser=printer\n") || strings.Contains(got, "{{") {
		t.Errorf("the unit is\n%s", got)
	}
	file := put(t, filepath.Join(t.TempDir(), "sync.toml"), "node = \"http://x\"\n")
	if a := platen("", "service", "install", "--sync-directory", file); a.code != exitFailed || !strings.Contains(a.err, "node is the address") {
		t.Errorf("install with a bad file: %d %s", a.code, a.err)
	}
	if a := platen("", "service", "install", "--sync-directory", file, "--dir", "/x"); a.code != exitUsage {
		t.Errorf("install with --dir: %d %s", a.code, a.err)
	}
}
