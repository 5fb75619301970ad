package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/internal/testkit/peers"
	"platen/job"
)

// list is what a session shows.
func (h *house) list(session string) (jobs []job.View) {
	h.t.Helper()
	if code := h.call("GET", session+"/jobs", nil, &jobs); code != http.StatusOK {
		h.t.Fatalf("jobs: %d", code)
	}
	return jobs
}

// Anna is the chief and prints as CUPS does. Ben, her secretary, sees nothing before
// she has consented, then releases her document, which stays hers in every book; and
// when that ends, it ends for the session that he has open.
func TestFlowSecretaryReleasesForTheChief(t *testing.T) {
	h := startDemo(t, "")
	t.Logf("peer: /usr/lib/cups/backend/lpd of %s", peers.Version("cups"))
	first, sumFirst := document(t, 3000)
	h.cupsPrints("anna", first)
	var d directory.Delegation
	h.json(&d, "delegation", "add", "--of", "anna", "--to", "ben")
	wants(t, h.dir, exitConflict, "That was given already.", "delegation", "add", "--of", "anna", "--to", "ben")
	wants(t, h.dir, exitDone, "the owner will be asked", "delegation", "list")
	if jobs := h.list(h.session(bensCard)); len(jobs) != 0 {
		t.Fatalf("without consent Ben sees %+v", jobs)
	}
	wants(t, h.dir, exitDone, "on paper, 2026-11-28", "delegation", "consent", d.ID, "--consented", "on paper, 2026-11-28")
	wants(t, h.dir, exitConflict, "has consented already", "delegation", "consent", d.ID, "--consented", "again")

	session := h.session(bensCard)
	jobs := h.list(session)
	if len(jobs) != 1 || jobs[0].Owner != "anna" || jobs[0].For == "" || !jobs[0].Releasable || jobs[0].CanDelete {
		t.Fatalf("Ben sees %+v", jobs)
	}
	if code := h.call("POST", session+"/release", map[string]any{"jobs": "all"}, nil); code != http.StatusNotFound {
		t.Errorf("all of Ben's own, of which there is none: %d", code)
	}
	if code := h.call("POST", session+"/release", map[string]any{"jobs": []int64{jobs[0].ID}}, nil); code != http.StatusAccepted {
		t.Fatalf("release: %d", code)
	}
	h.awaitPrinted(sumFirst)
	wants(t, h.dir, exitDone, "Released at folder by ben, for anna.", "job", "show", fmt.Sprint(jobs[0].ID))
	await(t, "the row in the ledger", func() bool { return strings.Contains(h.must("export", "accounting"), "anna") })
	if rows := h.must("export", "accounting"); strings.Contains(rows, "ben") {
		t.Errorf("it counts as Ben's:\n%s", rows)
	}
	if trail := h.must("audit", "list"); !strings.Contains(trail, "release-for") || !strings.Contains(trail, "for anna at folder") || !strings.Contains(trail, "on paper, 2026-11-28") {
		t.Errorf("audit:\n%s", trail)
	}
	if i := slices.IndexFunc(h.list(h.session(annasCard)), func(v job.View) bool { return v.By == "ben" }); i < 0 {
		t.Error("Anna does not see who it was")
	}

	second, _ := document(t, 2000)
	session = h.session(bensCard)
	h.cupsPrints("anna", second)
	id := h.list(session)[0].ID
	wants(t, h.dir, exitDone, "in place of anna, who consented on paper, 2026-11-28.", "job", "show", fmt.Sprint(id))
	h.must("delegation", "remove", "--of", "anna", "--to", "ben")
	if code := h.call("POST", session+"/release", map[string]any{"jobs": []int64{id}}, nil); code != http.StatusNotFound {
		t.Errorf("a release after its end, in a session from before: %d", code)
	}
	if jobs := h.list(session); len(jobs) != 0 {
		t.Errorf("Ben still sees %+v", jobs)
	}
	wants(t, h.dir, exitNotFound, "There is no such delegation.", "delegation", "remove", "--of", "anna", "--to", "ben")
	h.end()
}

// What is sent to a ward's pool comes out for whoever is there from the ward.
func TestFlowPoolOfAWard(t *testing.T) {
	h := startDemo(t, "")
	h.must("user", "add", "ward3", "--full-name", "Ward 3")
	h.must("group", "add", "ward3")
	h.must("group", "join", "ward3", "--user", "ben")
	wants(t, h.dir, exitConflict, "is no pool", "delegation", "add", "--of", "anna", "--to-group", "ward3", "--pool")
	wants(t, h.dir, exitDone, "release, read titles, delete", "delegation", "add", "--of", "ward3", "--to-group", "ward3", "--pool")
	path, sum := document(t, 1500)
	h.must("send", "--to", h.demo.Secure, "--user", "ward3", path)
	if jobs := h.list(h.session(annasCard)); len(jobs) != 0 {
		t.Errorf("Anna is of another ward: %+v", jobs)
	}
	session := h.session(bensCard)
	jobs := h.list(session)
	if len(jobs) != 1 || jobs[0].For != "Ward 3" || !jobs[0].CanDelete {
		t.Fatalf("Ben sees %+v", jobs)
	}
	if code := h.call("POST", session+"/release", map[string]any{"jobs": []int64{jobs[0].ID}}, nil); code != http.StatusAccepted {
		t.Fatalf("release: %d", code)
	}
	h.awaitPrinted(sum)
	wants(t, h.dir, exitDone, "group ward3", "delegation", "list")
	h.must("group", "leave", "ward3", "--user", "ben")
	h.must("send", "--to", h.demo.Secure, "--user", "ward3", path)
	if jobs := h.list(h.session(bensCard)); slices.ContainsFunc(jobs, func(v job.View) bool { return v.Status == job.StatusHeld }) {
		t.Errorf("Ben has left: %+v", jobs)
	}
	h.end()
}

// browser is a person at a browser of their own.
func (h *house) webClient() *http.Client {
	h.t.Helper()
	c := h.client()
	c.Jar, _ = cookiejar.New(nil)
	return c
}

var keyOfForms = regexp.MustCompile(`name="key" value="([^"]+)"`)

func (h *house) post(c *http.Client, path string, form url.Values) (status int, body string) {
	h.t.Helper()
	res, err := c.PostForm(h.demo.Web+strings.TrimPrefix(path, "/"), form)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// signInAt signs a person in at a browser and goes on to a page.
func (h *house) signInAt(c *http.Client, login, password, next string) (int, string) {
	h.t.Helper()
	res, err := c.Get(strings.TrimSuffix(h.demo.Web, "/") + "/sign-in?" + url.Values{"next": {next}}.Encode())
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	form, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	if !strings.Contains(string(form), `name="secret"`) { // signed in already
		return res.StatusCode, string(form)
	}
	values := url.Values{"user": {login}, "secret": {password}, "next": {next}}
	if m := keyOfForms.FindStringSubmatch(string(form)); m != nil {
		values.Set("key", m[1])
	}
	return h.post(c, "/sign-in", values)
}

// A person settles on their own page who may release their documents.
func TestFlowOwnDelegations(t *testing.T) {
	h := startDemo(t, "")
	c := h.webClient()
	status, page := h.signInAt(c, "ben", "ben", "/print/mine/delegations")
	key := keyOfForms.FindStringSubmatch(page)
	if status != http.StatusOK || key == nil || !strings.Contains(page, "/print/mine/delegations/give") {
		t.Fatalf("%d\n%s", status, page)
	}
	if status, page = h.post(c, "/print/mine/delegations/give", url.Values{"key": key[1:], "login": {"nobody"}}); status != http.StatusNotFound {
		t.Errorf("to nobody: %d\n%s", status, page)
	}
	if status, page = h.post(c, "/print/mine/delegations/give", url.Values{"key": key[1:], "login": {"Anna"}}); status != http.StatusOK {
		t.Fatalf("%d\n%s", status, page)
	}
	path, _ := document(t, 700)
	h.must("send", "--to", h.demo.Secure, "--user", "ben", path)
	session := h.session(annasCard)
	if jobs := h.list(session); len(jobs) != 1 || jobs[0].Owner != "ben" || jobs[0].Title != "" {
		t.Fatalf("Anna sees %+v", jobs)
	}
	id := regexp.MustCompile(`name="id" value="([^"]+)"`).FindStringSubmatch(page)[1]
	h.post(c, "/print/mine/delegations/end", url.Values{"key": key[1:], "id": {id}})
	if jobs := h.list(session); len(jobs) != 0 {
		t.Errorf("Anna still sees %+v", jobs)
	}
	wants(t, h.dir, exitDone, "delegation.remove", "audit", "list")
	h.end()
}

// signInWith tries to sign in at the terminal with user name and PIN.
func (h *house) signInWith(login, pin string) (session string, code int) {
	h.t.Helper()
	var s struct{ Session string }
	code = h.call("POST", "sessions", map[string]string{"method": "pin", "user": login, "value": pin}, &s)
	return "sessions/" + s.Session, code
}

// A guest comes, prints from a computer of their own, and leaves.
func TestA52FlowGuest(t *testing.T) {
	h := startDemo(t, "")
	t.Log(peers.Version("ipptool"))
	var slip directory.ToldSlip
	h.json(&slip, "guest", "add", "Eve Example", "--company", "ACME", "--sponsor", "anna", "--for", "3d")
	if !strings.HasPrefix(slip.Login, "guest-") || len(slip.PIN) < 6 || slip.Sponsor != "anna" || slip.Password != "" {
		t.Fatalf("%+v", slip)
	}
	secret := slip.Address[strings.LastIndex(slip.Address, "/")+1:]
	path, _ := document(t, 2500)
	h.printTo(h.demo.IPPS+"/u/"+secret, path, true)
	await(t, "the guest's job", func() bool { return len(h.jobs()) == 1 && h.jobs()[0].Owner == slip.Login })
	session, code := h.signInWith(slip.Login, slip.PIN)
	if code != http.StatusCreated {
		t.Fatalf("the guest signs in: %d", code)
	}
	if code := h.call("POST", session+"/release", map[string]any{"jobs": "all"}, nil); code != http.StatusAccepted {
		t.Fatalf("release: %d", code)
	}
	await(t, "the row in the ledger", func() bool { return strings.Contains(h.must("export", "accounting"), slip.Login) })
	wants(t, h.dir, exitDone, "release (group guests)", "user", "show", slip.Login)
	wants(t, h.dir, exitDone, "2 days", "guest", "list")

	// What belongs to all guests is said of their group.
	h.must("right", "remove", "release", "--group", "guests")
	if jobs := h.list(session); len(jobs) > 0 && jobs[0].Releasable {
		t.Errorf("%+v", jobs)
	}
	h.must("right", "add", "release", "--group", "guests")

	wants(t, h.dir, exitUsage, "Give --until or --for", "guest", "extend", slip.Login)
	wants(t, h.dir, exitDone, slip.Login, "guest", "extend", slip.Login, "--for", "9d")
	h.must("guest", "end", slip.Login)
	if _, code := h.signInWith(slip.Login, slip.PIN); code != http.StatusUnauthorized {
		t.Errorf("after its end the guest signs in: %d", code)
	}
	if code := h.call("GET", session+"/jobs", nil, nil); code != http.StatusNotFound {
		t.Errorf("the session from before: %d", code)
	}
	h.printTo(h.demo.IPPS+"/u/"+secret, path, false)
	wants(t, h.dir, exitDone, "ended", "guest", "list")
	wants(t, h.dir, exitNotFound, "There is no such guest.", "guest", "end", "anna")
	for _, args := range [][]string{{"guest", "list", "--json"}, {"user", "show", slip.Login, "--json"}, {"audit", "list"}} {
		if out := h.must(args...); strings.Contains(out, slip.PIN) || strings.Contains(out, secret) { // A52
			t.Errorf("%v tells a secret", args)
		}
	}
	if strings.Contains(h.log.String(), slip.PIN) || strings.Contains(h.log.String(), secret) {
		t.Error("the log tells a secret")
	}
	h.end()
}

// Time passes: an account that nobody touches ends by itself, and is removed later
// with all that was the guest's.
func TestGuestsEndByThemselves(t *testing.T) {
	dir := newNode(t)
	ctx := t.Context()
	p, err := (where{dir: dir}).find()
	if err != nil {
		t.Fatal(err)
	}
	a, closeStore, err := openAdmin(ctx, p, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = closeStore() }()
	a.actor = "administrator test"
	now := time.Now()
	sponsor, err := a.scope.UserByLogin(ctx, "anna")
	if err != nil {
		t.Fatal(err)
	}
	slip, err := a.welcome(ctx, directory.Guest{Name: "Eve", Sponsor: "anna", Until: now.Add(2 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.welcome(ctx, directory.Guest{Name: "Of a guest", Sponsor: slip.Login, Until: now.Add(time.Hour)}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a guest answers for a guest: %v", err)
	}
	d := directory.Delegation{ID: job.NewUUID(), Owner: sponsor.ID, Delegate: sponsor.ID, Created: now, Consented: now, Until: now.Add(time.Hour)}
	u, err := a.scope.UserByLogin(ctx, slip.Login)
	if err != nil {
		t.Fatal(err)
	}
	d.Delegate = u.ID
	if err := a.scope.AddDelegation(ctx, d, a.actor); err != nil {
		t.Fatal(err)
	}
	n := &node{scope: a.scope, log: &logger{Logger: slog.New(slog.DiscardHandler)}}
	at := func(later time.Duration) (guest, addresses, delegations int) {
		t.Helper()
		if _, err := n.scope.EndPeople(ctx, now.Add(later), "the node"); err != nil {
			t.Fatal(err)
		}
		if err := n.keepGuests(ctx, now.Add(later)); err != nil {
			t.Fatal(err)
		}
		switch u, err := a.scope.UserByLogin(ctx, slip.Login); {
		case err == nil && u.Enabled:
			guest = 2
		case err == nil:
			guest = 1
		case !fault.Is(err, fault.NotFound):
			t.Fatal(err)
		}
		list, err := a.personal().Addresses(ctx, u.ID)
		if err != nil {
			t.Fatal(err)
		}
		given, err := a.scope.Delegations(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return guest, len(list), len(given)
	}
	for _, tt := range []struct {
		later                         time.Duration
		guest, addresses, delegations int
	}{{time.Hour - time.Minute, 2, 1, 1}, {time.Hour, 2, 1, 0}, {2 * time.Hour, 1, 1, 0}, {30 * 24 * time.Hour, 1, 1, 0}, {30*24*time.Hour + 2*time.Hour, 0, 0, 0}} {
		if g, x, y := at(tt.later); g != tt.guest || x != tt.addresses || y != tt.delegations {
			t.Errorf("after %v: %d %d %d, want %+v", tt.later, g, x, y, tt)
		}
	}
}

// An agency's people come in a table, all of them or none.
func TestGuestImport(t *testing.T) {
	dir := newNode(t)
	good := write(t, "name;company;email;until;login\nJane Doe;;jane@example.org;31.12."+fmt.Sprint(time.Now().Year())+";\nJohn Doe;Other Ltd;;;jdoe\n")
	var slips []directory.ToldSlip
	if err := json.Unmarshal([]byte(must(t, dir, "", "guest", "import", good, "--sponsor", "anna", "--for", "14d", "--company", "ACME", "--json")), &slips); err != nil {
		t.Fatal(err)
	}
	if len(slips) != 2 || slips[0].Company != "ACME" || slips[1].Company != "Other Ltd" || slips[1].Login != "jdoe" || slips[0].PIN == slips[1].PIN {
		t.Errorf("%+v", slips)
	}
	bad := write(t, "name,until,email\nA,2020-01-01,\n,,x@y\nB,soon,\nC,,c\n")
	for _, says := range []string{"line 2: The end must be later", "line 3: The name is missing", "line 4: That is no day", "line 5: That is no e-mail"} {
		wants(t, dir, exitFailed, says, "guest", "import", bad, "--sponsor", "anna", "--for", "14d")
	}
	wants(t, dir, exitConflict, "Somebody here is called jdoe already", "guest", "add", "--login", "jdoe", "--sponsor", "anna")
	wants(t, dir, exitNotFound, "There is no such user.", "guest", "add", "--sponsor", "nobody")
	wants(t, dir, exitUsage, "--sponsor", "guest", "add", "x")
	wants(t, dir, exitUsage, "366 days at most", "guest", "add", "x", "--sponsor", "anna", "--until", fmt.Sprint(time.Now().Year()+3, "-01-01"))
	if out := must(t, dir, "", "guest", "list"); strings.Count(out, "\n") != 3 {
		t.Errorf("%s", out)
	}
}

// What was made is told in any case: nobody can read a PIN again.
func TestGuestImportTellsEverySlip(t *testing.T) {
	h := startDemo(t, "")
	taken := "name,login,email\nJane,,jane@example.org\nJohn,,john@example.org\nEve,anna,eve@example.org\nMax,,max@example.org\n"
	a := platen(taken, "guest", "import", "-", "--sponsor", "anna", "--for", "1d", "--mail", "--json", "--dir", h.dir)
	var slips []slipView
	if err := json.Unmarshal([]byte(a.out), &slips); err != nil || a.code != exitConflict || len(slips) != 2 {
		t.Fatalf("%d %v:\n%s%s", a.code, err, a.out, a.err)
	}
	for _, s := range slips {
		if s.Mailed || s.PIN == "" || s.Unsent != "No mail server is set up. See platen mail set --help." {
			t.Errorf("%+v", s)
		}
		if _, code := h.signInWith(s.Login, s.PIN); code != http.StatusCreated {
			t.Errorf("%s: %d", s.Login, code)
		}
	}
	for _, says := range []string{"At Eve it ended.\n", "2 guests. ", "2 mails were not sent; hand out these slips.\n", "Somebody here is called anna already: anna."} {
		if !strings.Contains(a.err, says) {
			t.Errorf("it does not say %q:\n%s", says, a.err)
		}
	}

	sink, err := peers.StartSMTP(t.Context(), t.TempDir(), peers.SMTPOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Stop)
	t.Logf("peer: %s", sink.Version)
	h.must("mail", "set", "--host", sink.Host, "--port", fmt.Sprint(sink.Port), "--tls", "none", "--allow-no-tls", "yes", "--from", "print@example.org")
	a = platen("name,email\nMia,mia@example.org\n", "guest", "import", "-", "--sponsor", "anna", "--for", "1d", "--mail", "--dir", h.dir)
	if a.code != exitDone || !strings.Contains(a.out, "  Mia  sent by mail\n") || !strings.Contains(a.err, "1 guest. ") || strings.Contains(a.err, "not sent") {
		t.Errorf("%d\n%s%s", a.code, a.out, a.err)
	}
	sink.Stop()
	a = platen("name,email\nTom,tom@example.org\n", "guest", "import", "-", "--sponsor", "anna", "--for", "1d", "--mail", "--dir", h.dir)
	if a.code != exitDone || !strings.Contains(a.out, "  Tom  not sent: The mail server refuses the connection.") || !strings.Contains(a.err, "1 mail was not sent") {
		t.Errorf("%d\n%s%s", a.code, a.out, a.err)
	}
	a = platen("", "guest", "add", "Tim", "--email", "tim@example.org", "--sponsor", "anna", "--for", "1d", "--mail", "--dir", h.dir)
	if a.code != exitDone || !strings.Contains(a.err, "The mail was not sent: The mail server refuses the connection.") || !strings.Contains(a.out, "PIN:") {
		t.Errorf("%d\n%s%s", a.code, a.out, a.err)
	}
	h.end()
}

// The reception's page and the API of a system for visitors, on the real program.
func TestFlowReception(t *testing.T) {
	h := startDemo(t, "")
	c := h.webClient()
	status, page := h.signInAt(c, "anna", "anna", "/reception")
	if status != http.StatusForbidden {
		t.Fatalf("Anna has no right yet: %d\n%s", status, page)
	}
	h.must("right", "add", "support", "--user", "anna")
	status, page = h.signInAt(c, "anna", "anna", "/reception")
	key := keyOfForms.FindStringSubmatch(page)
	if status != http.StatusOK || key == nil {
		t.Fatalf("%d\n%s", status, page)
	}
	status, page = h.post(c, "/reception", url.Values{"key": key[1:], "name": {"Eve"}, "until": {time.Now().AddDate(0, 0, 2).Format(time.DateOnly)}, "language": {"de"}, "after": {""}})
	row := regexp.MustCompile(`class="code">([^<]+)<`).FindAllStringSubmatch(page, -1)
	if status != http.StatusOK || len(row) != 2 {
		t.Fatalf("%d\n%s", status, page)
	}
	if _, code := h.signInWith(row[0][1], row[1][1]); code != http.StatusCreated {
		t.Errorf("with what the slip says: %d", code)
	}
	wants(t, h.dir, exitDone, "user anna", "audit", "list")

	var token struct{ Token, ID string }
	h.json(&token, "guest", "token", "add", "--label", "visitor system", "--sponsor", "ben")
	ask := func(method, path, body string) (int, string) {
		req, err := http.NewRequestWithContext(context.Background(), method, h.demo.Web+path, bytes.NewReader([]byte(body)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token.Token)
		res, err := h.client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(b)
	}
	code, body := ask("POST", "api/v1/guests", `{"name":"Jane","until":"`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}`)
	var slip directory.ToldSlip
	if err := json.Unmarshal([]byte(body), &slip); err != nil || code != http.StatusCreated || slip.Sponsor != "ben" {
		t.Fatalf("%d %s", code, body)
	}
	if _, code := h.signInWith(slip.Login, slip.PIN); code != http.StatusCreated {
		t.Errorf("with what the API says: %d", code)
	}
	if code, body := ask("GET", "api/v1/guests", ""); code != http.StatusOK || strings.Contains(body, slip.PIN) || !strings.Contains(body, slip.Login) {
		t.Errorf("%d %s", code, body)
	}
	if code, _ := ask("POST", "api/v1/jobs?queue=secure", "x"); code != http.StatusUnauthorized {
		t.Errorf("it prints: %d", code)
	}
	wants(t, h.dir, exitDone, "visitor system", "guest", "token", "list")
	if out := h.must("token", "list"); strings.Contains(out, "visitor system") {
		t.Errorf("it is among the tokens that print:\n%s", out)
	}
	h.must("token", "remove", token.ID)
	if code, _ := ask("GET", "api/v1/guests", ""); code != http.StatusUnauthorized {
		t.Errorf("a token that was removed: %d", code)
	}
	h.end()
}
