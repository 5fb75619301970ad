package directory

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"platen/fault"
)

var morning = time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)

func TestGuestCheck(t *testing.T) {
	good := Guest{Name: "Eve Example", Company: "ACME", Sponsor: "Anna", Until: morning.Add(9 * time.Hour)}
	tests := map[string]struct {
		change func(*Guest)
		text   string // "" it is good
	}{
		"good":                     {func(*Guest) {}, ""},
		"with mail":                {func(g *Guest) { g.Email, g.Mail = "Eve@Example.org", true }, ""},
		"nobody answers":           {func(g *Guest) { g.Sponsor = " " }, "Please say who answers for the guest."},
		"over already":             {func(g *Guest) { g.Until = morning }, "The end must be later than now."},
		"no end":                   {func(g *Guest) { g.Until = time.Time{} }, "The end must be later than now."},
		"for ever":                 {func(g *Guest) { g.Until = morning.Add(LongestGuest + 1) }, "A guest's account lasts %d days at most."},
		"as long as possible":      {func(g *Guest) { g.Until = morning.Add(LongestGuest) }, ""},
		"two words":                {func(g *Guest) { g.Login = "eve example" }, "The user name of a guest is one word."},
		"a domain":                 {func(g *Guest) { g.Login = `corp\eve` }, "The user name of a guest is one word."},
		"a line break":             {func(g *Guest) { g.Name = "Eve\nadmin" }, "Names have no control characters."},
		"no address":               {func(g *Guest) { g.Email = "eve" }, "That is no e-mail address."},
		"mail to nowhere":          {func(g *Guest) { g.Mail = true }, "To be sent, it needs an e-mail address."},
		"mail with a password":     {func(g *Guest) { g.Mail, g.Email, g.Password = true, "e@x", true }, "What is sent by mail is a user name with a PIN, and no password."},
		"no secret":                {func(g *Guest) { g.NoPIN = true }, "A guest needs a PIN or a password."},
		"a password and no PIN":    {func(g *Guest) { g.NoPIN, g.Password = true, true }, ""},
		"a name as long as a book": {func(g *Guest) { g.Name = strings.Repeat("x", 2000) }, "That is too long."},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			g := good
			tt.change(&g)
			err := g.Check(morning)
			if key, _ := fault.Sentence(err); tt.text == "" && err != nil || tt.text != "" && (key != tt.text || !fault.Is(err, fault.Invalid)) {
				t.Errorf("%v, want %q", err, tt.text)
			}
			if err == nil && (g.Sponsor != "anna" || g.Email != strings.ToLower(g.Email)) {
				t.Errorf("not folded: %+v", g)
			}
		})
	}
}

func TestParseUntil(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"2026-12-31": "2027-01-01T00:00:00+01:00", "31.12.2026": "2027-01-01T00:00:00+01:00",
		"2026-03-28": "2026-03-29T00:00:00+01:00", "2026-03-29": "2026-03-30T00:00:00+02:00", // a day of 23 hours
		"2026-12-31T18:00": "2026-12-31T18:00:00+01:00", "2026-12-31 18:00": "2026-12-31T18:00:00+01:00", "31.12.2026 18:00": "2026-12-31T18:00:00+01:00",
		"2026-12-31T18:00:00Z": "2026-12-31T18:00:00Z", " 2026-12-31 ": "2027-01-01T00:00:00+01:00",
		"": "", "tomorrow": "", "2026-13-01": "", "31/12/2026": "",
	} {
		got, err := ParseUntil(text, berlin)
		if want == "" {
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("%q: %v, %v", text, got, err)
			}
			continue
		}
		if err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%q: got %s, %v; want %s", text, got.Format(time.RFC3339), err, want)
		}
	}
}

func TestUsualUntil(t *testing.T) {
	for hour, want := range map[int]string{0: "28T18", 9: "28T18", 15: "28T18", 16: "29T18", 23: "29T18"} {
		if got := UsualUntil(time.Date(2026, 11, 28, hour, 30, 0, 0, time.UTC)).Format("02T15"); got != want {
			t.Errorf("at %d: %s, want %s", hour, got, want)
		}
	}
}

func TestGuestSecrets(t *testing.T) {
	seen := map[string]bool{}
	for range 50 {
		login, err := NewGuestLogin()
		if err != nil || !regexp.MustCompile(`^guest-[bcdfghjkmnpqrstvwxz]{4}$`).MatchString(login) || Fold(login) != login {
			t.Errorf("%q, %v", login, err)
		}
		password, err := GeneratePassword()
		if err != nil || !regexp.MustCompile(`^[a-km-np-z2-9]{4}(-[a-km-np-z2-9]{4}){2}$`).MatchString(password) || seen[password] {
			t.Errorf("%q, %v", password, err)
		}
		seen[password] = true
	}
}

func TestDelegationHolds(t *testing.T) {
	for name, tt := range map[string]struct {
		d    Delegation
		want bool
	}{
		"no consent": {Delegation{}, false}, "consent": {Delegation{Consented: morning}, true},
		"to its end": {Delegation{Consented: morning, Until: morning.Add(1)}, true}, "at its end": {Delegation{Consented: morning, Until: morning}, false},
		"over, no consent": {Delegation{Until: morning.Add(-1)}, false},
	} {
		if got := tt.d.Holds(morning); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
