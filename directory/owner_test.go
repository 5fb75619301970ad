package directory

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"platen/fault"
	"platen/site"
)

// order is the house's own order of steps, and steps before it.
func order(before ...Step) []Step {
	for _, x := range site.DefaultOwnerSteps {
		source, _ := site.OwnerSourceOf(x.From)
		before = append(before, Step{From: x.From, What: source.What})
	}
	return before
}

// pattern is the step of a queue's old pattern.
func pattern(text string) Step {
	return Step{From: "claimed", What: "the queue's pattern", Pattern: regexp.MustCompile(text)}
}

// people is a directory in memory.
type people []User

func (p people) User(_ context.Context, id string) (User, error) {
	for _, u := range p {
		if u.ID == id {
			return u, nil
		}
	}
	return User{}, &fault.Error{Op: "test", Kind: fault.NotFound}
}

func (p people) find(is func(name string) bool) (got []User) {
	for _, u := range p {
		for _, name := range append([]string{u.Login, u.UPN, u.Email}, u.Aliases...) {
			if name != "" && is(name) {
				got = append(got, u)
				break
			}
		}
	}
	return got
}

func (p people) UsersByName(_ context.Context, name string) ([]User, error) {
	return p.find(func(n string) bool { return n == name }), nil
}

func (p people) UsersByPrefix(_ context.Context, prefix string, limit int) ([]User, error) {
	got := p.find(func(n string) bool { return strings.HasPrefix(n, prefix) })
	return got[:min(limit, len(got))], nil
}

var house = people{
	{ID: "1", Login: "anna", UPN: "anna@corp.example", Email: "anna.berg@example.org", Enabled: true, Aliases: []string{"aberg", "corp\\anna.berg"}},
	{ID: "2", Login: "ben", Email: "team@example.org", Enabled: true, Aliases: []string{"an-alias-that-is-not-short-at-all"}},
	{ID: "3", Login: "carl", Email: "team@example.org", Enabled: true, Aliases: []string{"ben"}},
	{ID: "4", Login: "dora", Enabled: false},
	{ID: "5", Login: "maximiliane.von-und-zu-guttenberg", Enabled: true},
	{ID: "6", Login: "jürgen.müller", Enabled: true},
	{ID: "7", Login: "wolfeschlegelsteinhausenbergerdorff", Enabled: true},
	{ID: "8", Login: "wolfeschlegelsteinhausenbergersen", Enabled: true},
}

func TestOwner(t *testing.T) {
	all, none := Rules{Steps: order(), Aliases: true, Prefix: true}, Rules{Steps: order()}
	tests := map[string]struct {
		f     Facts
		r     Rules
		login string
		rule  string // a part of the sentence
	}{
		"control file":              {Facts{Claimed: "anna"}, all, "anna", `"anna" (control file) is the login of anna`},
		"A18 upper case":            {Facts{Claimed: "ANNA"}, all, "anna", "login"},
		"A18 full width":            {Facts{Claimed: "ａｎｎａ"}, all, "anna", "login"},
		"domain":                    {Facts{Claimed: `CORP\Anna`}, all, "anna", "login"},
		"domain in an alias":        {Facts{Claimed: `CORP\anna.berg`}, all, "anna", "alias"},
		"UPN":                       {Facts{Claimed: "Anna@Corp.Example"}, all, "anna", "user principal name"},
		"e-mail":                    {Facts{Claimed: "Anna.Berg@example.org"}, all, "anna", "e-mail"},
		"UPN of another domain":     {Facts{Claimed: "anna@elsewhere.example"}, all, "anna", "login"},
		"quotes":                    {Facts{PJLUser: "\"anna\"\x00"}, all, "anna", "PJL USERNAME"},
		"alias before login":        {Facts{Claimed: "ben"}, all, "carl", "alias"},
		"aliases off":               {Facts{Claimed: "ben"}, none, "ben", "login"},
		"print data first":          {Facts{PJLUser: "anna", Claimed: "carl"}, all, "anna", "PJL USERNAME"},
		"job attribute":             {Facts{PJLAcct: "anna", Claimed: "sapadm"}, all, "anna", "JobAcct1"},
		"PostScript":                {Facts{PSFor: "anna", Claimed: "lp"}, all, "anna", "%%For"},
		"a stranger says nothing":   {Facts{PJLUser: "macuser", Claimed: "anna"}, all, "anna", "control file"},
		"nobody":                    {Facts{PJLUser: "macuser", Claimed: "xyz"}, all, "", `Nobody here is called "macuser" (PJL USERNAME) or "xyz" (control file)`},
		"no name":                   {Facts{}, all, "", "without any name"},
		"several":                   {Facts{PJLUser: "team@example.org", Claimed: "anna"}, all, "", "several people"},
		"A46 disabled":              {Facts{Claimed: "dora"}, all, "", "disabled"},
		"cut":                       {Facts{Claimed: "maximiliane.von-und-zu-guttenb", Cut: true}, all, "maximiliane.von-und-zu-guttenberg", "Assumed"},
		"not cut":                   {Facts{Claimed: "maximiliane.von-und-zu-guttenb"}, all, "", "Nobody"},
		"cut and ambiguous":         {Facts{Claimed: "wolfeschlegelsteinhausenberger", Cut: true}, all, "", "several people's names begin"},
		"cut behind the @":          {Facts{Claimed: "jür@very-long-domain.example.or", Cut: true}, all, "", "Nobody"},
		"little left but a domain":  {Facts{Claimed: `A-VERY-LONG-DOMAIN.EXAMPLE\max`, Cut: true}, all, "", "Nobody"},
		"cut domain name":           {Facts{Claimed: `LONG-DOMAIN\maximiliane.von-und`, Cut: true}, all, "maximiliane.von-und-zu-guttenberg", "Assumed"},
		"cut alias":                 {Facts{Claimed: "an-alias-that-is-not-short-at-a", Cut: true}, all, "ben", "Assumed"},
		"cut alias, aliases off":    {Facts{Claimed: "an-alias-that-is-not-short-at-a", Cut: true}, Rules{Steps: order(), Prefix: true}, "", "Nobody"},
		"prefix rule off":           {Facts{Claimed: "maximiliane.von-und-zu-guttenb", Cut: true}, none, "", "Nobody"},
		"decomposed umlauts":        {Facts{Claimed: "Ju\u0308rgen.Mu\u0308ller"}, all, "jürgen.müller", "login"},
		"banner last":               {Facts{Claimed: "root", Banner: "anna"}, all, "anna", "banner"},
		"pattern":                   {Facts{Claimed: "sap-anna-prod"}, Rules{Steps: order(pattern(`^sap-(\w+)-`))}, "anna", "the queue's pattern"},
		"pattern that finds nobody": {Facts{Claimed: "anna"}, Rules{Steps: order(pattern(`^(xx)`))}, "anna", "control file"},
		"proof":                     {Facts{Proven: "2", Claimed: "anna"}, all, "ben", "proof"},
		"proof of somebody gone":    {Facts{Proven: "99", Claimed: "anna"}, all, "", "no longer exists"},
		"proof of a disabled":       {Facts{Proven: "4"}, all, "", "disabled"},
		"A49 filter characters":     {Facts{Claimed: "*)(uid=*"}, all, "", "Nobody"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m, err := Owner(t.Context(), house, tt.f, tt.r)
			if err != nil {
				t.Fatal(err)
			}
			if m.User.Login != tt.login || !strings.Contains(m.Rule, tt.rule) {
				t.Errorf("%q by %q; want %q by a rule with %q", m.User.Login, m.Rule, tt.login, tt.rule)
			}
		})
	}
}

func TestA18FoldIsOneForm(t *testing.T) {
	for _, group := range [][]string{
		{"alice", "ALICE", "Alice", " alice ", "ａlice", "ali\u200bce", "alice\x00"},
		{"jürgen", "JÜRGEN", "ju\u0308rgen"},
		{"ꮇ", "Ꮇ"},     // Cherokee, where case folding goes the other way
		{"ali", "ALI"}, // not by a Turkish locale
	} {
		for _, s := range group {
			if got := Fold(s); got != group[0] {
				t.Errorf("Fold(%q) = %q, want %q", s, got, group[0])
			}
		}
	}
}

func FuzzFold(f *testing.F) {
	for _, s := range []string{"Anna", "CORP\\anna", "ﬀ", "\u0345\u0300", "İ", "\xff\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := Fold(s)
		if twice := Fold(once); once != twice {
			t.Errorf("Fold(%q) = %q, and again %q", s, once, twice)
		}
	})
}

// A name stands in the text of a rule as its owner would read it, and cannot pretend
// to be more than a name.
func TestNamesInRules(t *testing.T) {
	tests := map[string]string{
		`CORP\jürgen`:        `Nobody here is called "CORP\jürgen" (claimed user).`,
		"a\x1b[2Jb\nc":       `Nobody here is called "a\x1b[2Jb\nc" (claimed user).`,
		`x" is the login of`: `Nobody here is called "x\" is the login of" (claimed user).`,
		"\u202egpj":          `Nobody here is called "\u202egpj" (claimed user).`,
		"\xff":               `Nobody here is called "\xff" (claimed user).`,
	}
	for name, want := range tests {
		m, err := Owner(t.Context(), people{}, Facts{Claimed: name}, Rules{Steps: []Step{{From: "claimed", What: "claimed user"}}})
		if err != nil || m.Rule != want {
			t.Errorf("%q: %s, %v\nwant %s", name, m.Rule, err, want)
		}
	}
}
