package ui

import (
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"platen/job"
	"platen/site"
)

func TestEnrolment(t *testing.T) {
	h := newHouse(t)
	h.get("/t/lobby/").wants(t, 403, "/t/lobby/", "This screen is not connected to a device.")
	h.get("/t/lobby/enrol?secret=wrong").wants(t, 403, "", "This address was used already, or it is too old.")
	p := h.get("/t/lobby/enrol?secret=first-secret")
	p.wants(t, 200, "/t/lobby/", "Hold your card to the reader", "Ricoh, 2nd floor")
	p.lacks(t, "first-secret", "terminal-token")

	// A panel opens its first address at every start.
	h.get("/t/lobby/enrol?secret=first-secret").wants(t, 200, "/t/lobby/", "Hold your card to the reader")

	// Another browser cannot use the secret again.
	h.newBrowser()
	h.get("/t/lobby/enrol?secret=first-secret").wants(t, 403, "")
	h.get("/t/lobby/").wants(t, 403, "")
}

func TestCookiesAreForThisTerminalOnly(t *testing.T) {
	h := newHouse(t)
	h.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	p := h.get("/t/lobby/enrol?secret=first-secret")
	cookie := p.header.Get("Set-Cookie")
	for _, want := range []string{"__Secure-platen-terminal=", "Path=/t/lobby/", "HttpOnly", "Secure", "SameSite=Lax"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("%q is not in %q", want, cookie)
		}
	}
	p = h.post("/t/lobby/login", url.Values{"code": {"04A1B2C3D4"}})
	cookie = p.header.Get("Set-Cookie")
	for _, want := range []string{"__Secure-platen-session=", "Path=/t/lobby/", "HttpOnly", "Secure", "SameSite=Strict"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("%q is not in %q", want, cookie)
		}
	}
	if strings.Contains(cookie, "Max-Age") || strings.Contains(cookie, "Expires") {
		t.Errorf("the session outlives the browser: %q", cookie)
	}
}

func TestEnrolmentInABrowserWithoutCookies(t *testing.T) {
	h := newHouse(t)
	h.client.Jar = nil
	h.get("/t/lobby/enrol?secret=first-secret").wants(t, 403, "/t/lobby/?first", "This browser keeps no cookies")
}

// The cookie of one terminal does not open another's pages.
func TestCookieOfAnotherTerminal(t *testing.T) {
	h := newHouse(t).enrolled()
	r := h.request("GET", "/t/basement/", nil, map[string]string{"Cookie": terminalCookie + "=terminal-token"})
	h.do(r).wants(t, 403, "/t/basement/", "not connected")
}

func TestTerminalPathHasOneSpelling(t *testing.T) {
	h := newHouse(t).enrolled()
	h.get("/t/LOBBY").wants(t, 200, "/t/lobby/", "Hold your card")
}

func TestSignInByCardAndSignOut(t *testing.T) {
	h := newHouse(t).enrolled()
	p := h.post("/t/lobby/login", url.Values{"code": {"04A1B2C3D4"}})
	p.wants(t, 200, "/t/lobby/jobs", "Anna Bell", "Print all 3", "Train ticket Würzburg–Ulm", "1 page", "24 pages", "2 copies",
		"about 3 pages", "It is still arriving.", "Did it print?", "Looks the same")
	h.get("/t/lobby/").wants(t, 200, "/t/lobby/jobs", "Anna Bell") // the start of somebody who is signed in
	p = h.post("/t/lobby/logout", nil)
	p.wants(t, 200, "/t/lobby/?out=1", "You are signed out.", "Hold your card")
	if took := h.desk.took(); !slices.Contains(took, "sign out anna") {
		t.Errorf("asked the desk for %q", took)
	}
	h.get("/t/lobby/jobs").wants(t, 200, "/t/lobby/?out=1", "You are signed out.")
}

// What stands in the one field may be a card or a PIN. It is looked at once. A
// mistyped PIN is never offered to become a card, a new card is.
func TestA38OneFieldForCardAndPIN(t *testing.T) {
	const register = "This card is new here"
	tests := map[string]struct {
		pinOnly bool
		code    string
		shows   string
	}{
		"card":                         {false, "04A1B2C3D4", "Anna Bell"},
		"a PIN where none is taken":    {false, "246810", "Please type your user name together with your PIN."},
		"a short PIN":                  {true, "246810", "Anna Bell"},
		"a mistyped PIN":               {true, "246811", "That did not match."},
		"a mistyped PIN with a digit":  {true, "2468100", "That did not match."},
		"a long number that is a card": {true, "12345678", "ben"},
		"a long PIN":                   {true, "13579024", "ben"},
		"a new card, all digits":       {true, "0499999999", register},
		"a new card without PIN alone": {false, "0499999999", register},
		"a random number":              {true, "08A1B2C3", "This card or phone shows a new number each time"},
		"a new card, hexadecimal":      {true, "CAFE0001", register},
		"too short for a PIN alone":    {true, "1234", "Please type your user name together with your PIN."},
		"nothing":                      {true, "", "Hold your card to the reader"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t).enrolled()
			h.change(func() { h.desk.terminal.PINOnly = tt.pinOnly })
			p := h.post("/t/lobby/login", url.Values{"code": {tt.code}})
			if took := h.desk.took(); len(took) > 1 {
				t.Errorf("asked the desk for %q: each try counts against guessers", took)
			}
			if !strings.Contains(p.body, tt.shows) {
				t.Errorf("no %q in\n%s", tt.shows, p.body)
			}
			if tt.shows != register {
				p.lacks(t, register)
			}
		})
	}
}

func TestSignInWithUserNameAndSecret(t *testing.T) {
	h := newHouse(t).enrolled()
	h.get("/t/lobby/sign-in?with=pin").wants(t, 200, "", `name="method" value="pin"`, "User name and PIN")
	h.get("/t/lobby/sign-in").wants(t, 200, "", `name="method" value="password"`, "User name and password")

	p := h.post("/t/lobby/login", url.Values{"method": {"password"}, "user": {"anna"}, "secret": {"nope"}})
	p.wants(t, 403, "/t/lobby/login", "That did not match.", `name="method" value="password"`)
	p.lacks(t, "nope", "anna")
	p = h.post("/t/lobby/login", url.Values{"method": {"pin"}, "user": {"anna"}, "secret": {"throttle"}})
	p.wants(t, 429, "/t/lobby/login", "Too many attempts. Please wait 30 seconds and try again.")
	if p.header.Get("Retry-After") != "30" {
		t.Errorf("Retry-After is %q", p.header.Get("Retry-After"))
	}
	h.post("/t/lobby/login", url.Values{"method": {"pin"}, "user": {"anna"}, "secret": {"246810"}}).wants(t, 200, "/t/lobby/jobs", "Anna Bell")
}

// Somebody who was given a code finds a field for it at every terminal: the reader
// beside this one leaves the idle screen none.
func TestSignInWithACode(t *testing.T) {
	h := newHouse(t).enrolled()
	h.change(func() { h.desk.reader = true })
	h.get("/t/lobby/").wants(t, 200, "", "PIN, password or code", "sign-in?with=password")
	for _, with := range []string{"password", "pin"} {
		h.get("/t/lobby/sign-in?with="+with).wants(t, 200, "", "Use a code instead", `href="/t/lobby/sign-in?with=code"`)
	}
	p := h.get("/t/lobby/sign-in?with=code")
	p.wants(t, 200, "", "A code that works once", `name="method" value="code"`, `inputmode="numeric"`)
	p.lacks(t, `name="user"`)
	p = h.post("/t/lobby/login", url.Values{"method": {"code"}, "secret": {"12121212"}})
	p.wants(t, 403, "/t/lobby/login", "That did not match.", `name="method" value="code"`)
	p.lacks(t, "12121212")
	h.desk.took()
	h.post("/t/lobby/login", url.Values{"method": {"code"}, "secret": {"55667788"}}).wants(t, 200, "/t/lobby/jobs", "Anna Bell")
	if took := h.desk.took(); !slices.Equal(took, []string{"sign in code "}) {
		t.Errorf("%q", took)
	}
}

var hiddenCard = regexp.MustCompile(`name="card" value="([^"]+)"`)

// A40: an unknown card is only given to somebody who knows the password.
func TestA40RegisterUnknownCard(t *testing.T) {
	h := newHouse(t).enrolled()
	p := h.post("/t/lobby/login", url.Values{"code": {"CAFE0001"}})
	p.wants(t, 403, "/t/lobby/login", "This card is new here")
	p.lacks(t, "CAFE0001", "CAFE") // the number cannot be read in the page afterwards
	sealed := hiddenCard.FindStringSubmatch(p.body)[1]

	p = h.post("/t/lobby/register", url.Values{"card": {sealed}, "user": {"anna"}, "secret": {"wrong"}})
	p.wants(t, 403, "/t/lobby/register", "That did not match.", "This card is new here")
	p = h.post("/t/lobby/register", url.Values{"card": {sealed}, "user": {"anna"}, "secret": {"anna"}})
	p.wants(t, 200, "/t/lobby/jobs", "Anna Bell")
	if took := h.desk.took(); !slices.Contains(took, "register CAFE0001 for anna") {
		t.Errorf("asked the desk for %q", took)
	}
	h.post("/t/lobby/logout", nil)
	h.post("/t/lobby/login", url.Values{"code": {"CAFE0001"}}).wants(t, 200, "/t/lobby/jobs", "Anna Bell")
}

func TestA40SealedCardEndsAndCannotBeForged(t *testing.T) {
	h := newHouse(t).enrolled()
	p := h.post("/t/lobby/login", url.Values{"code": {"CAFE0001"}})
	sealed := hiddenCard.FindStringSubmatch(p.body)[1]
	h.desk.took()
	for name, card := range map[string]string{"forged": "AAAA" + sealed[4:], "plain": "CAFE0001", "empty": ""} {
		h.post("/t/lobby/register", url.Values{"card": {card}, "user": {"anna"}, "secret": {"anna"}}).
			wants(t, 200, "/t/lobby/register", "Please hold your card to the reader again.")
		if took := h.desk.took(); len(took) != 0 {
			t.Errorf("%s: asked the desk for %q", name, took)
		}
	}
	h.clock.add(sealFor)
	h.post("/t/lobby/register", url.Values{"card": {sealed}, "user": {"anna"}, "secret": {"anna"}}).wants(t, 200, "/t/lobby/register", "That took too long.")
}

func TestUnknownCardWhereTheHelpDeskRegisters(t *testing.T) {
	h := newHouse(t).enrolled()
	h.change(func() { h.desk.settings.RegisterCards = false })
	p := h.post("/t/lobby/login", url.Values{"code": {"CAFE0001"}})
	p.wants(t, 403, "/t/lobby/login", "This card is not known. Please ask the help desk.", "Hold your card")
}

// A42: the warning comes in time, the end too, and nothing that a page does by
// itself is a sign of life.
func TestA42IdleSignOutByRefreshAlone(t *testing.T) {
	h := newHouse(t).enrolled()
	p := h.signIn("04A1B2C3D4")
	seconds, next := p.refresh(t)
	if seconds != "30" || next != "/t/lobby/still" {
		t.Fatalf("goes to %s after %s s, want the warning after 30", next, seconds)
	}
	h.clock.add(30 * time.Second)
	p = h.get(next)
	p.wants(t, 200, "/t/lobby/still", "Are you still there?", "You will be signed out in 15 seconds.", "Stay signed in", "Anna Bell")
	if seconds, next = p.refresh(t); seconds != "15" || next != "/t/lobby/still" {
		t.Fatalf("goes to %s after %s s, want its end after 15", next, seconds)
	}
	// A browser whose clock runs fast comes too early and is asked to wait.
	h.clock.add(14 * time.Second)
	p = h.get(next)
	p.wants(t, 200, "/t/lobby/still", "in 1 seconds")
	h.clock.add(time.Second)
	p = h.get(next)
	p.wants(t, 200, "/t/lobby/?out=1", "You are signed out.")
	p.lacks(t, "Anna")
	h.get("/t/lobby/jobs").wants(t, 200, "/t/lobby/?out=1")
}

func TestStaySignedIn(t *testing.T) {
	h := newHouse(t).enrolled()
	h.signIn("04A1B2C3D4")
	h.clock.add(40 * time.Second)
	p := h.post("/t/lobby/stay", nil)
	p.wants(t, 200, "/t/lobby/jobs", "Anna Bell")
	if seconds, _ := p.refresh(t); seconds != "30" {
		t.Errorf("the warning comes after %s s", seconds)
	}
}

// After a release the page looks for the paper, and then signs out in ten
// seconds.
func TestA42SignOutAfterRelease(t *testing.T) {
	h := newHouse(t).enrolled()
	h.signIn("04A1B2C3D4")
	p := h.post("/t/lobby/jobs/act", url.Values{"do": {"all"}, "once": {"k1"}})
	p.wants(t, 200, "/t/lobby/releases/r-2", "Your documents are on their way", "Waits for the device", "Invoice 2026-1177")
	if took := h.desk.took(); !slices.Equal(took, []string{"release all [101 102 103] copies=0 sides="}) {
		t.Errorf("asked the desk for %q", took)
	}
	seconds, next := p.refresh(t)
	if seconds != "2" || next != "/t/lobby/releases/r-2?looked=1" {
		t.Fatalf("goes to %s after %s s", next, seconds)
	}
	h.desk.becomes(job.StatusPrinted, "")
	h.clock.add(2 * time.Second)
	p = h.get(next)
	p.wants(t, 200, next, "Please take your paper", "You will be signed out in 10 seconds.")
	if seconds, next = p.refresh(t); seconds != "10" || next != "/t/lobby/still" {
		t.Fatalf("goes to %s after %s s", next, seconds)
	}
	h.clock.add(10 * time.Second)
	h.get(next).wants(t, 200, "/t/lobby/?out=1", "You are signed out.")
}

// Waiting for a device that does not print is a sign of life only for so long.
func TestA42WaitingForADeviceEnds(t *testing.T) {
	h := newHouse(t).enrolled()
	h.signIn("04A1B2C3D4")
	p := h.post("/t/lobby/jobs/act", url.Values{"do": {"all"}})
	var waited time.Duration
	for strings.HasPrefix(p.path, "/t/lobby/releases/") {
		seconds, next := p.refresh(t)
		if seconds != "2" {
			t.Fatalf("looks again after %s s", seconds)
		}
		h.clock.add(2 * time.Second)
		if waited += 2 * time.Second; waited > time.Minute {
			t.Fatal("never ends")
		}
		p = h.get(next)
	}
	p.wants(t, 200, "/t/lobby/?out=1", "You are signed out.")
	if waited < 30*time.Second || waited > 45*time.Second {
		t.Errorf("signed out after %v", waited)
	}
}

func TestNextCardEndsTheSession(t *testing.T) {
	h := newHouse(t).enrolled()
	p := h.signIn("04A1B2C3D4")
	p.wants(t, 200, "", `class="wedge"`, "autofocus")
	p = h.signIn("04E5F60718")
	p.wants(t, 200, "/t/lobby/jobs", "ben", "Es wartet nichts auf Sie.")
	p.lacks(t, "Anna", "Invoice")
}

func TestTroubleOfTheDevice(t *testing.T) {
	tests := map[string]struct {
		device site.Device
		want   string
	}{
		"idle":           {site.Device{Enabled: true, Status: site.Condition{State: "idle"}}, ""},
		"out of service": {site.Device{}, "This device is out of service. Please use another one."},
		"no paper":       {site.Device{Enabled: true, Status: site.Condition{State: "stopped", Text: "The device needs paper."}}, "The device needs paper."},
		"no word":        {site.Device{Enabled: true, Status: site.Condition{State: "stopped"}}, "The device does not answer at the moment."},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t).enrolled()
			h.change(func() { h.desk.device = tt.device })
			p := h.get("/t/lobby/")
			if tt.want == "" {
				p.lacks(t, `class="notice`)
			} else {
				p.wants(t, 200, "", tt.want)
			}
		})
	}
}

func TestLanguages(t *testing.T) {
	const english, deutsch = "Hold your card to the reader", "Karte an den Leser halten"
	tests := map[string]struct {
		terminal, accept string
		want             string
	}{
		"nothing is said":        {"", "", english},
		"the browser":            {"", "de-AT,de;q=0.9,en;q=0.5", deutsch},
		"the terminal before it": {"en", "de", english},
		"an unknown language":    {"", "fr", english},
		"nonsense":               {"", "\xff;;;q=x", english},
		"the second wish":        {"", "fr, de;q=0.5", deutsch},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t).enrolled()
			h.change(func() { h.desk.terminal.Language = tt.terminal })
			p := h.do(h.request("GET", "/t/lobby/", nil, map[string]string{"Accept-Language": tt.accept}))
			p.wants(t, 200, "", tt.want)
		})
	}
}

// A choice is for the one who made it: it beats everything, and ends with the
// session.
func TestLanguageLink(t *testing.T) {
	h := newHouse(t).enrolled()
	p := h.get("/t/lobby/?lang=de")
	p.wants(t, 200, "/t/lobby/", "Karte an den Leser halten", `lang="de"`, `<html lang="de" dir="ltr">`)
	p = h.signIn("04A1B2C3D4")
	p.wants(t, 200, "/t/lobby/jobs", "Ihre Dokumente", "Abmelden", `href="/t/lobby/jobs?lang=en"`)
	if cookie := strings.Join(h.get("/t/lobby/jobs").header.Values("Set-Cookie"), "; "); !strings.Contains(cookie, languageCookie+"=de;") || !strings.Contains(cookie, "Max-Age=120") {
		t.Errorf("the choice is not kept while the person is there: %q", cookie)
	}
	h.get("/t/lobby/jobs?lang=en").wants(t, 200, "/t/lobby/jobs", "Your documents")
	h.get("/t/lobby/jobs?lang=de").wants(t, 200, "/t/lobby/jobs", "Ihre Dokumente")
	h.get("/t/lobby/sign-in?lang=en&with=pin").wants(t, 200, "/t/lobby/sign-in?with=pin", "User name and PIN")
	h.get("/t/lobby/jobs?lang=de")
	h.post("/t/lobby/logout", nil).wants(t, 200, "/t/lobby/?out=1", "You are signed out.")
	h.get("/t/lobby/?lang=xx").wants(t, 200, "/t/lobby/?lang=xx", "Hold your card")
}

// A44: what a client says about its own address is not believed.
func TestA44ForwardedForIsIgnored(t *testing.T) {
	h := newHouse(t).enrolled()
	h.change(func() { h.desk.terminal.Allow = []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")} })
	for _, name := range []string{"X-Forwarded-For", "X-Real-IP", "Forwarded", "Client-IP", "True-Client-IP", "X-Forwarded-Host"} {
		value := "10.9.1.1"
		if name == "Forwarded" {
			value = "for=10.9.1.1"
		}
		p := h.do(h.request("GET", "/t/lobby/", nil, map[string]string{name: value}))
		p.wants(t, 403, "", "This terminal may not be used from this address.")
	}
}
