package ui

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	cdp "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"platen/directory"
	"platen/fault"
	"platen/site"
)

// fakeReception keeps guests in memory.
type fakeReception struct {
	now func() time.Time

	mu    sync.Mutex
	list  []directory.User
	calls []string
	seen  directory.Guest // the last one that was asked for
	mute  bool            // mail goes nowhere
}

// pinOfGuests is every guest's.
const pinOfGuests = "48151623"

func (f *fakeReception) Welcome(_ context.Context, g directory.Guest, actor string) (directory.Slip, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := g.Check(f.now()); err != nil {
		return directory.Slip{}, err
	}
	if g.Login == "" {
		g.Login = fmt.Sprintf("guest-%c%c%c%c", 'b'+len(f.list), 'c', 'd', 'f')
	}
	f.calls, f.seen = append(f.calls, actor+" welcomes "+g.Name), g
	f.list = append(f.list, directory.User{ID: g.Login, Login: g.Login, FullName: g.Name, Department: g.Company, Email: g.Email, Enabled: true,
		Until: g.Until, Sponsor: g.Sponsor, Created: f.now().Add(time.Duration(len(f.list)))})
	slip := directory.Slip{Login: g.Login, Name: g.Name, Company: g.Company, Sponsor: g.Sponsor, PIN: pinOfGuests, Until: g.Until,
		Queue: "secure", Secret: "gT9wq2LJ6mXbR0sVfH4yZc8dGnPaE1uQoW3iB5jK700"}
	if g.Mail && !f.mute {
		slip.PIN, slip.Email = "", g.Email
	}
	if g.Password {
		slip.Password = "abcd-efgh-jkmn"
	}
	return slip, nil
}

func (f *fakeReception) Guests(context.Context) ([]directory.User, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := slices.Clone(f.list)
	slices.SortStableFunc(list, func(a, b directory.User) int { return b.Until.Compare(a.Until) })
	return list, nil
}

func (f *fakeReception) find(login string) *directory.User {
	i := slices.IndexFunc(f.list, func(u directory.User) bool { return u.Login == login })
	if i < 0 {
		return nil
	}
	return &f.list[i]
}

func (f *fakeReception) Extend(_ context.Context, login string, until time.Time, actor string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	u := f.find(login)
	if u == nil {
		return &fault.Error{Op: "fake", Kind: fault.NotFound, Text: "There is no such guest."}
	}
	if err := directory.CheckUntil(until, f.now()); err != nil {
		return err
	}
	f.calls = append(f.calls, actor+" extends "+login)
	u.Until, u.Enabled = until, true
	return nil
}

func (f *fakeReception) End(_ context.Context, login, actor string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	u := f.find(login)
	if u == nil || !u.Enabled {
		return &fault.Error{Op: "fake", Kind: fault.NotFound, Text: "There is no such guest."}
	}
	f.calls = append(f.calls, actor+" ends "+login)
	u.Until, u.Enabled = f.now(), false
	return nil
}

func (f *fakeReception) Token(_ context.Context, text string) (site.Token, string, error) {
	switch text {
	case "visitors":
		return site.Token{ID: "k-visitors", Kind: site.ReceptionToken, Label: "visitor system", Owner: "u-anna"}, "anna", nil
	case "nobody":
		return site.Token{ID: "k-nobody", Kind: site.ReceptionToken}, "", nil
	}
	return site.Token{}, "", denied("no")
}

// atReception signs somebody in who may make guests, where some are already.
func (h *house) atReception() pageGot {
	h.t.Helper()
	now := h.clock.Now()
	h.change(func() {
		h.desk.users["anna"].Rights = append(h.desk.users["anna"].Rights, directory.Support)
		h.guests.list = []directory.User{
			{Login: "guest-bcdf", FullName: "Eve Example", Department: "ACME", Enabled: true, Until: time.Date(2026, 3, 4, 18, 0, 0, 0, time.Local), Sponsor: "anna", Created: now},
			{Login: "guest-ghjk", Department: "Window cleaning Ltd", Enabled: true, Until: now.Add(time.Hour), Sponsor: "ben", Created: now},
			{Login: "guest-mnpq", FullName: "Mallory", Until: now.Add(-time.Hour), Sponsor: "anna", Created: now.Add(-time.Hour)},
			{Login: "guest-rstv", FullName: "Long Gone", Until: now.Add(-30 * time.Hour), Sponsor: "anna", Created: now.Add(-40 * time.Hour)},
		}
	})
	if p := h.get(receptionPath); p.path == receptionPath { // signed in already
		return p
	}
	return h.member("anna", "anna", receptionPath)
}

func TestReception(t *testing.T) {
	h := newHouse(t)
	h.get(receptionPath).wants(t, 200, "/sign-in?next=%2Freception", "Sign in")
	desk := h.atReception()
	desk.wants(t, 200, receptionPath, "A new guest", "Eve Example", "guest-ghjk", "guest of ben", `value="2026-03-02T18:00"`, "Mallory")
	desk.lacks(t, "Long Gone")

	form := url.Values{"name": {"Jane <b>Doe</b>"}, "company": {"ACME"}, "until": {"2026-03-06T12:00"}, "language": {"de"}, "after": {"guest-bcdf"}}
	slip := h.postMine(desk, receptionPath, form)
	slip.wants(t, 200, receptionPath, pinOfGuests, "Drucken als Gast", "guest-fcdf", "Jane &lt;b&gt;Doe&lt;/b&gt;", "06.03.2026, 12:00", "<path d=\"M", "/print/secure/u/gT9w", "Anna Bell")
	if g := h.guests.seen; g.Sponsor != "anna" || g.Language != "de" || g.Mail || !g.Until.Equal(time.Date(2026, 3, 6, 12, 0, 0, 0, time.Local)) {
		t.Errorf("%+v", g)
	}
	again := h.postMine(desk, receptionPath, form) // a reload of the slip
	again.wants(t, 200, "/reception?did=changed", "Nothing was made")
	again.lacks(t, pinOfGuests, "gT9w") // A52: nobody reads it again

	until := h.guests.find("guest-fcdf").Until
	more := url.Values{"login": {"guest-fcdf"}, "until": {until.UTC().Format(time.RFC3339)}}
	h.postMine(desk, "/reception/extend", more).wants(t, 200, "/reception?did=extended", "more time")
	h.postMine(desk, "/reception/extend", more).wants(t, 200, "/reception?did=changed") // pressed twice
	if got := h.guests.find("guest-fcdf").Until; !got.Equal(until.Add(24 * time.Hour)) {
		t.Errorf("extended to %v", got)
	}
	h.postMine(desk, "/reception/end", url.Values{"login": {"guest-fcdf"}}).wants(t, 200, "/reception?did=ended", "has ended")
	h.postMine(desk, "/reception/end", url.Values{"login": {"guest-fcdf"}}).wants(t, 200, "/reception?did=ended")
	if want := []string{"user anna welcomes Jane <b>Doe</b>", "user anna extends guest-fcdf", "user anna ends guest-fcdf"}; !slices.Equal(h.guests.calls, want) {
		t.Errorf("%q", h.guests.calls)
	}
	if strings.Contains(h.log.String(), pinOfGuests) {
		t.Error("the PIN is in the log")
	}
}

func TestReceptionMails(t *testing.T) {
	h := newHouse(t)
	desk := h.atReception()
	form := url.Values{"name": {"Jane"}, "email": {"jane@example.org"}, "until": {"2026-03-06"}, "mail": {"1"}, "after": {"guest-bcdf"}}
	slip := h.postMine(desk, receptionPath, form)
	slip.wants(t, 200, "", "was sent to jane@example.org", "6 Mar 2026</td>")
	slip.lacks(t, pinOfGuests)
	h.change(func() { h.guests.mute = true })
	form.Set("after", "guest-fcdf")
	h.postMine(desk, receptionPath, form).wants(t, 200, "", "notice bad", "The mail could not be sent.", pinOfGuests)
}

// What was typed is still there when something is wrong with it.
func TestReceptionRefuses(t *testing.T) {
	h := newHouse(t)
	desk := h.atReception()
	for name, tt := range map[string]struct{ field, value, text string }{
		"no day":       {"until", "soon", "That is no day and no time"},
		"over":         {"until", "2026-03-01", "The end must be later than now."},
		"far away":     {"until", "2036-03-01", "366 days at most"},
		"no mail":      {"email", "jane", "That is no e-mail address."},
		"mail without": {"mail", "1", "needs an e-mail address"},
	} {
		form := url.Values{"name": {"Jane Doe"}, "until": {"2026-03-06"}, "after": {"guest-bcdf"}}
		form.Set(tt.field, tt.value)
		h.postMine(desk, receptionPath, form).wants(t, 400, "", tt.text, `value="Jane Doe"`)
		if len(h.guests.calls) != 0 {
			t.Errorf("%s: %q", name, h.guests.calls)
		}
	}
}

// A57: the pages are for people with the right, and a right that is taken away is
// gone at the next click.
func TestA57ReceptionWantsTheRight(t *testing.T) {
	h := newHouse(t)
	mine := signInMine(h, "anna", "anna")
	form := url.Values{"name": {"x"}, "until": {"2026-03-06"}, "after": {""}}
	for _, p := range []pageGot{h.get(receptionPath), h.postMine(mine, receptionPath, form), h.postMine(mine, "/reception/end", url.Values{"login": {"guest-bcdf"}})} {
		p.wants(t, 403, "", "You do not have the right to do that.")
	}
	desk := h.atReception()
	desk.wants(t, 200, receptionPath)
	h.post(receptionPath, url.Values{"name": {"x"}, "until": {"2026-03-06"}, "after": {"guest-bcdf"}, "key": {"guessed"}}).wants(t, 403, "", "not one of ours")
	h.change(func() { h.desk.users["anna"].Rights = nil })
	h.postMine(desk, receptionPath, form).wants(t, 403, "")
	if len(h.guests.calls) != 0 {
		t.Errorf("%q", h.guests.calls)
	}
}

func TestGuestsByAPI(t *testing.T) {
	h := newHouse(t)
	p, m := h.call("POST", "/api/v1/guests", "visitors", `{"name":"Jane Doe","company":"ACME","until":"2026-12-31","email":"jane@example.org"}`)
	p.wants(t, 201, "")
	want := time.Date(2027, 1, 1, 0, 0, 0, 0, time.Local).UTC().Format(time.RFC3339)
	if m["login"] != "guest-bcdf" || m["pin"] != pinOfGuests || m["until"] != want || m["sponsor"] != "anna" || m["mailed"] != false || !strings.HasPrefix(fmt.Sprint(m["address"]), "https://127.0.0.1:") {
		t.Errorf("%v", m)
	}
	if p.header.Get("Cache-Control") != "no-store" {
		t.Error("it may be kept")
	}
	p, m = h.call("POST", "/api/v1/guests", "visitors", `{"name":"Mail","email":"m@example.org","mail":true,"sponsor":"ben"}`)
	if p.status != 201 || m["pin"] != "" || m["mailed"] != true || m["sponsor"] != "ben" || m["until"] != time.Date(2026, 3, 2, 18, 0, 0, 0, time.Local).UTC().Format(time.RFC3339) {
		t.Errorf("%v", m)
	}
	p, _ = h.call("GET", "/api/v1/guests", "visitors", "")
	p.wants(t, 200, "", `"login":"guest-bcdf"`, `"open":true`)
	p.lacks(t, pinOfGuests, "gT9w") // A52
	if want := []string{"token visitor system welcomes Jane Doe", "token visitor system welcomes Mail"}; !slices.Equal(h.guests.calls, want) {
		t.Errorf("%q", h.guests.calls)
	}
	for name, tt := range map[string]struct {
		token, body string
		status      int
		reason      string
	}{
		"no token":         {"", `{}`, 401, "token"},
		"a printing token": {"erp", `{}`, 401, "token"},
		"nobody answers":   {"nobody", `{"name":"x"}`, 400, "invalid"},
		"no such field":    {"visitors", `{"name":"x","rights":["administer"]}`, 400, "invalid"},
		"no such language": {"visitors", `{"name":"x","language":"fr"}`, 400, "invalid"},
		"no day":           {"visitors", `{"name":"x","until":"soon"}`, 400, "invalid"},
		"no secret":        {"visitors", `{"name":"x","pin":false}`, 400, "invalid"},
		"too much":         {"visitors", `{"name":"` + strings.Repeat("x", 70<<10) + `"}`, 413, "too-large"},
	} {
		p, m := h.call("POST", "/api/v1/guests", tt.token, tt.body)
		if p.status != tt.status || m["reason"] != tt.reason {
			t.Errorf("%s: %d %s", name, p.status, p.body)
		}
	}
	p, _ = h.call("POST", "/api/v1/jobs?queue=secure", "visitors", "x")
	p.wants(t, 401, "") // it does not print
}

// The slip in a browser without scripts: a camera reads its code, it fits a phone,
// and on paper it is a slip of A6 on whatever page.
func TestScreenshotsOfTheReception(t *testing.T) {
	ctx := chromium(t)
	for _, l := range []string{"en", "de"} {
		for _, p := range append(slices.Clone(panels), phone) {
			t.Run(l+" "+p.name, func(t *testing.T) {
				panel(t, ctx, p.width, p.height)
				h := newHouse(t)
				h.atReception()
				h.change(func() { h.desk.users["anna"].Language = l })
				look := func(name string) { t.Helper(); looks(t, ctx, name+"-"+l+"-"+p.name) }
				run(t, ctx, "sign in", chromedp.Navigate(h.http.URL+receptionPath), chromedp.WaitReady("#user"))
				look("reception-sign-in")
				run(t, ctx, "sign in", chromedp.SendKeys("#user", "anna", chromedp.ByQuery), chromedp.SendKeys("#secret", "anna\r", chromedp.ByQuery), chromedp.WaitReady("#company"))
				look("reception-form")
				run(t, ctx, "welcome", chromedp.SendKeys("#name", "Jane Doe", chromedp.ByQuery), chromedp.SendKeys("#company", "ACME Window Cleaning\r", chromedp.ByQuery), chromedp.WaitReady(".slip"))
				look("slip")
				var shot, paper []byte
				run(t, ctx, "picture", chromedp.Screenshot(".qr", &shot, chromedp.ByQuery), chromedp.ActionFunc(func(ctx context.Context) (err error) {
					paper, _, err = cdp.PrintToPDF().WithPaperWidth(4.13).WithPaperHeight(5.83).WithMarginTop(0.2).WithMarginBottom(0.2).WithMarginLeft(0.2).WithMarginRight(0.2).Do(ctx)
					return err
				}))
				file := filepath.Join(t.TempDir(), "shot.png")
				if err := os.WriteFile(file, shot, 0o600); err != nil {
					t.Fatal(err)
				}
				if got := zbar(t, file); !strings.HasPrefix(got, h.http.URL+"/print/secure/u/gT9w") {
					t.Errorf("a camera reads %q", got)
				}
				if n := strings.Count(string(paper), "/Type /Page\n"); n != 1 {
					t.Errorf("the slip takes %d pages of A6", n)
				}
				if dir := os.Getenv("PLATEN_SCREENSHOTS"); dir != "" {
					if err := os.WriteFile(filepath.Join(dir, "slip-"+l+".pdf"), paper, 0o600); err != nil {
						t.Fatal(err)
					}
				}
			})
		}
	}
}
