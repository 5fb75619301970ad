package directory

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// village has names that are easy to mistake for each other.
var village = people{
	{ID: "1", Login: "anna", FullName: "Anna Berg", UPN: "anna@corp.example", Email: "anna.berg@example.org", Enabled: true, Aliases: []string{"aberg", `corp\anna.berg`, "mac\u00a0book"}},
	{ID: "2", Login: "jürgen.müller", FullName: "Jürgen Müller", UPN: "jmueller@corp.example", Enabled: true},
	{ID: "3", Login: "maximiliane.von-und-zu-guttenberg", Enabled: true},
	{ID: "4", Login: "ilker", FullName: "İlker Işık", Enabled: true},
	{ID: "5", Login: "ışık", Enabled: true},
	{ID: "6", Login: "paul", FullName: "Paul Kopp", Enabled: true},
	{ID: "7", Login: "o'brien", Enabled: true},
	{ID: "8", Login: "dora", Enabled: false},
	{ID: "9", Login: "ben", Email: "team@example.org", Enabled: true},
	{ID: "10", Login: "carl", Email: "team@example.org", Enabled: true},
	{ID: "11", Login: "krüger-löwenstein-wertheim-frühling", Enabled: true},
	{ID: "12", Login: "strasse", Enabled: true},
	{ID: "13", Login: "svc-print", Enabled: true},
	{ID: "14", Login: "андрей", Enabled: true},
	{ID: "15", Login: "ελένη", Enabled: true},
	{ID: "16", Login: "김민수", Enabled: true},
	{ID: "17", Login: "franz", UPN: "franz@klinik.example", Email: "franz@klinik.example", Enabled: true},
}

// The names of the field, as their octets, in the control file unless the name of
// the test says something else: whose they are, and which rule says so.
func TestA18OwnerNames(t *testing.T) {
	all := Rules{Steps: order(), Aliases: true, Prefix: true}
	only := func(domains ...string) Rules {
		r := all
		r.Strip = func(d string) bool { return slices.Contains(domains, d) }
		return r
	}
	upn := all
	upn.KeepUPN = true
	swap := func(pattern, with string) Rules {
		r := all
		r.Replace = []Replacement{{regexp.MustCompile(pattern), with}}
		return r
	}
	match := all
	match.Match = []string{"login"}
	const (
		login, alias, upnKind, email = "is the login of", "is the alias of", "is the user principal name of", "is the e-mail address of"
		nobody, several, assumed     = "Nobody here is called", "of several people", "Assumed"
	)
	tests := []struct {
		name  string
		raw   string // octets
		r     Rules
		login string
		rule  string
	}{
		// Case and width.
		{"plain", "anna", all, "anna", login},
		{"upper case", "ANNA", all, "anna", login},
		{"mixed case", "aNNa", all, "anna", login},
		{"full width", "\xef\xbd\x81\xef\xbd\x8e\xef\xbd\x8e\xef\xbd\x81", all, "anna", login},
		{"full width capitals", "ＡＮＮＡ", all, "anna", login},
		{"mathematical letters", "𝐚𝐧𝐧𝐚", all, "anna", login},
		{"Cyrillic case", "АНДРЕЙ", all, "андрей", login},
		{"Greek case, final sigma apart", "ΕΛΈΝΗ", all, "ελένη", login},
		{"sharp s is not two", "straße", all, "", nobody},
		{"capital sharp s is not two", "STRAẞE", all, "", nobody},
		{"ligature", "ﬀranz", all, "", nobody},

		// Unicode forms.
		{"composed (NFC)", "j\xc3\xbcrgen.m\xc3\xbcller", all, "jürgen.müller", login},
		{"decomposed (NFD), as macOS writes", "ju\xcc\x88rgen.mu\xcc\x88ller", all, "jürgen.müller", login},
		{"decomposed capitals", "JU\xcc\x88RGEN.MU\xcc\x88LLER", all, "jürgen.müller", login},
		{"without its dots", "jurgen.muller", all, "", nobody},
		{"umlauts written out", "juergen.mueller", all, "", nobody},
		{"Hangul in letters (NFD)", "\u1100\u1175\u11b7\u1106\u1175\u11ab\u1109\u116e", all, "김민수", login},
		{"zero width space", "an\xe2\x80\x8bna", all, "anna", login},
		{"soft hyphen", "an\u00adna", all, "anna", login},
		{"byte order mark", "\xef\xbb\xbfanna", all, "anna", login},
		{"right-to-left override", "\u202eanna", all, "anna", login},
		{"no-break space in an alias is a space", "mac book", all, "", nobody},
		{"octets that are no text are no letters", "an\xff\xfena", all, "anna", login},

		// The Turkish i.
		{"I is i, by no locale", "ILKER", all, "ilker", login},
		{"dotted capital", "\xc4\xb0LKER", all, "", nobody},
		{"dotless i", "\xc4\xb1lker", all, "", nobody},
		{"dotless as it is", "ışık", all, "ışık", login},
		{"dotless, capitals without a locale", "IŞIK", all, "", nobody},

		// Letters that look the same are not the same.
		{"Cyrillic a", "аnnа", all, "", nobody},
		{"Cyrillic all over", "раul", all, "", nobody},
		{"Greek", "pαul", all, "", nobody},
		{"digit for a letter", "pau1", all, "", nobody},
		{"combining mark", "an\u0301na", all, "", nobody},

		// Domains.
		{"domain", `CORP\anna`, all, "anna", login},
		{"domain in lower case", `corp\Anna`, all, "anna", login},
		{"any domain", `OTHER\anna`, all, "anna", login},
		{"this machine", `.\anna`, all, "anna", login},
		{"domain with a dot", `corp.example\anna`, all, "anna", login},
		{"two backslashes", `CORP\\anna`, all, "anna", login},
		{"four, as a shell made of two", `CORP\\\\anna`, all, "anna", login},
		{"backslash first", `\anna`, all, "anna", login},
		{"backslash last", `anna\`, all, "", nobody},
		{"forest, domain and user", `FOREST\CORP\anna`, all, "anna", login},
		{"slash is no domain", "corp/anna", all, "", nobody},
		{"domain that is an alias with it", `CORP\anna.berg`, all, "anna", alias},
		{"only this domain", `CORP\anna`, only("corp"), "anna", login},
		{"only another domain", `OTHER\anna`, only("corp"), "", nobody},
		{"only a domain that is a computer", `LAPTOP-7\anna`, only("corp"), "", nobody},
		{"no domain is no other domain", "anna", only("corp"), "anna", login},

		// UPN and e-mail.
		{"UPN", "anna@corp.example", all, "anna", upnKind},
		{"UPN in capitals", "Anna@CORP.EXAMPLE", all, "anna", upnKind},
		{"UPN that is not the login", "jmueller@corp.example", all, "jürgen.müller", upnKind},
		{"e-mail address", "anna.berg@example.org", all, "anna", email},
		{"UPN before e-mail address", "franz@klinik.example", all, "franz", upnKind},
		{"suffix nobody has", "anna@elsewhere.example", all, "anna", login},
		{"suffix nobody has, and UPN are kept", "anna@elsewhere.example", upn, "", nobody},
		{"UPN kept", "anna@corp.example", upn, "anna", upnKind},
		{"suffix that is not in the list", "anna@elsewhere.example", only("corp"), "", nobody},
		{"trailing @", "anna@", all, "anna", login},
		{"trailing @ and UPN are kept", "anna@", upn, "anna", login},
		{"leading @", "@anna", all, "", nobody},
		{"only an @", "@", all, "", nobody},
		{"two @", "anna@corp@example", all, "anna", login},
		{"domain and UPN", `CORP\anna@corp.example`, all, "anna", upnKind},
		{"user%domain", "anna%corp", all, "", nobody},
		{"user%domain, replaced", "anna%corp", swap(`%.*$`, ""), "anna", login},
		{"shared mailbox", "team@example.org", all, "", several},
		{"only logins count", "anna.berg@example.org", match, "", nobody},
		{"only logins count, alias", "aberg", match, "", nobody},

		// What surrounds a name.
		{"double quotes", `"anna"`, all, "anna", login},
		{"single quotes", "'anna'", all, "anna", login},
		{"quote within", "o'brien", all, "o'brien", login},
		{"typographic quote within", "o’brien", all, "", nobody},
		{"blanks", "  anna\t", all, "anna", login},
		{"NUL at the end", "anna\x00\x00", all, "anna", login},
		{"NUL within", "an\x00na", all, "anna", login},
		{"line end", "anna\r\n", all, "anna", login},
		{"only quotes", `""`, all, "", "without any name"},
		{"nothing", "", all, "", "without any name"},
		{"blank within", "an na", all, "", nobody},

		// Cut at 31 octets.
		{"31 octets", "maximiliane.von-und-zu-guttenbe", all, "maximiliane.von-und-zu-guttenberg", assumed},
		{"30 octets", "maximiliane.von-und-zu-guttenb", all, "", nobody},
		{"31 octets with a domain", `CORP\maximiliane.von-und-zu-gut`, all, "maximiliane.von-und-zu-guttenberg", assumed},
		{"31 octets, all of it a domain", `KLINIKUM-AM-GROSSEN-BERG-7\maxi`, all, "", nobody},
		{"31 octets within a letter", "krüger-löwenstein-wertheim-fr\xc3\xbcx"[:31], all, "krüger-löwenstein-wertheim-frühling", assumed},
		{"31 octets that are whole", "wolfeschlegelsteinhausenberger1", all, "", nobody},
		{"31 octets with a suffix", "anna@a-very-long-domain.example", all, "anna", login},

		// Services and filters.
		{"service account that is a person", "svc-print", all, "svc-print", login},
		{"service account that is nobody", "sapadm", all, "", nobody},
		{"root", "root", all, "", nobody},
		{"computer account", "PC-17$", all, "", nobody},
		{"disabled", "dora", all, "", "who is disabled"},
		{"A49 filter", "*)(uid=*", all, "", nobody},
		{"A49 filter that would match all", "*", all, "", nobody},
		{"A49 filter with a NUL", "anna)(\x00", all, "", nobody},
		{"A49 SQL", "anna' OR '1'='1", all, "", nobody},
		{"A49 LIKE", "ann%", all, "", nobody},
		{"A49 LIKE of one", "ann_", all, "", nobody},
		{"A49 DN", "cn=anna,dc=corp", all, "", nobody},
		{"format of a sentence", "%s%n%d", all, "", nobody},
		{"very long", strings.Repeat("a", 100_000), all, "", nobody},
	}
	if len(tests) < 60 {
		t.Errorf("only %d names", len(tests))
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := Owner(t.Context(), village, Facts{Claimed: tt.raw, Cut: len(tt.raw) == 31}, tt.r)
			if err != nil {
				t.Fatal(err)
			}
			if m.User.Login != tt.login || !strings.Contains(m.Rule, tt.rule) {
				t.Errorf("%q by %q; want %q by a rule with %q", m.User.Login, m.Rule, tt.login, tt.rule)
			}
			if !utf8.ValidString(m.Rule) || len(m.Tried) == 0 {
				t.Errorf("rule %q, %d steps", m.Rule, len(m.Tried))
			}
		})
	}
}

// What is near enough to ask a person, and what is not.
func TestSimilar(t *testing.T) {
	tests := map[string]struct {
		user, claimed string
		similar, warn bool
	}{
		"other separator":         {"jürgen.müller", "juergen.müller", true, false},
		"initial and surname":     {"jürgen.müller", "jmüller", true, false},
		"surname and initial":     {"anna", "berg.a", true, false},
		"both names":              {"anna", "Anna Berg", true, false},
		"the other way":           {"anna", "bergAnna", true, false},
		"login within":            {"anna", "anna-macbook", true, false},
		"one letter":              {"paul", "paula", true, false},
		"swapped":                 {"franz", "frnaz", true, false},
		"two letters in a short":  {"franz", "frnnx", false, false},
		"domain does not matter":  {"anna", `MAC\annab`, true, false},
		"nothing alike":           {"anna", "macuser", false, false},
		"too short":               {"ben", "be", false, false},
		"three letters":           {"ben", "ben2", false, false},
		"A18 Cyrillic":            {"anna", "аnnа", true, true},
		"A18 Cyrillic all over":   {"paul", "раul", true, true},
		"A18 Greek":               {"paul", "pαul", true, true},
		"A18 digit":               {"paul", "pau1", true, true},
		"A18 dotted capital i":    {"ilker", "İLKER", true, true},
		"A18 dotless i":           {"ilker", "ılker", true, true},
		"generic":                 {"anna", "root", false, false},
		"generic with a number":   {"anna", "User1", false, false},
		"generic with a domain":   {"anna", `PC-7\Administrator`, false, false},
		"generic, though like it": {"svc-print", "print", false, false},
		"longer than a name":      {"anna", strings.Repeat("anna", 100), false, false},
		"nothing":                 {"anna", "", false, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			i := slices.IndexFunc(village, func(u User) bool { return u.Login == tt.user })
			if similar, warn := Similar(&village[i], tt.claimed); similar != tt.similar || warn != tt.warn {
				t.Errorf("%v, warned %v", similar, warn)
			}
		})
	}
}

func FuzzSimilar(f *testing.F) {
	for _, s := range []string{"anna", "аnnа", `CORP\\x`, "\xff", "İ", strings.Repeat("é", 70)} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, login, claimed string) {
		u := User{Login: Fold(login), FullName: login}
		similar, warn := Similar(&u, claimed)
		if warn && !similar || similar && Generic(claimed) {
			t.Errorf("similar %v, warned %v, generic %v", similar, warn, Generic(claimed))
		}
		if d := distance([]rune(bare(login)), []rune(bare(claimed)), 2); d == 0 != (bare(login) == bare(claimed)) {
			t.Errorf("distance %d", d)
		}
	})
}
