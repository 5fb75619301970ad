package directory

import (
	"net/netip"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// listed takes one domain off names.
func listed(r Rules, domain string) Rules {
	r.Strip = func(d string) bool { return d == domain }
	return r
}

// Which step counts, and what patterns and tables make of what came.
func TestOwnerSteps(t *testing.T) {
	re := regexp.MustCompile
	rules := func(steps ...Step) Rules {
		return Rules{Steps: append([]Step{{From: "proof", What: "proof"}}, steps...), Aliases: true, Prefix: true, Hosts: []Host{
			{Client: "10.1.0.0/16", Prefix: netip.MustParsePrefix("10.1.0.0/16"), User: "ben"},
			{Client: "10.1.2.3", Prefix: netip.MustParsePrefix("10.1.2.3/32"), User: "anna"},
			{Client: "10.1.2.4", Prefix: netip.MustParsePrefix("10.1.2.4/32"), User: "gone"},
			{Client: "10.1.2.5", Prefix: netip.MustParsePrefix("10.1.2.5/32"), User: "dora"},
			{Client: "fd00::/8", Prefix: netip.MustParsePrefix("fd00::/8"), User: "carl"},
			{Client: "Reception-PC", User: "ben"},
		}}
	}
	host := Step{From: "host", What: "host table"}
	look := func(texts map[string][]string) func(string) []string {
		return func(from string) []string { return texts[from] }
	}
	at := netip.MustParseAddr
	tests := map[string]struct {
		f     Facts
		r     Rules
		login string
		rule  string
	}{
		"host":                          {Facts{Client: at("10.1.9.9")}, rules(host), "ben", `"10.1.0.0/16" (host table) belongs to ben.`},
		"the most exact":                {Facts{Client: at("10.1.2.3")}, rules(host), "anna", "belongs to anna"},
		"mapped into IPv6":              {Facts{Client: at("::ffff:10.1.2.3")}, rules(host), "anna", "belongs to anna"},
		"IPv6 with a zone":              {Facts{Client: at("fd00::1%eth0")}, rules(host), "carl", "belongs to carl"},
		"host by name":                  {Facts{Client: at("10.9.9.9"), Host: "RECEPTION-pc.example.org"}, rules(host), "ben", "belongs to ben"},
		"address before name":           {Facts{Client: at("10.1.2.3"), Host: "reception-pc"}, rules(host), "anna", "belongs to anna"},
		"host of nobody":                {Facts{Client: at("10.9.9.9")}, rules(host), "", "without any name"},
		"no address":                    {Facts{}, rules(host), "", "without any name"},
		"host of somebody gone":         {Facts{Client: at("10.1.2.4"), Claimed: "carl"}, rules(host, Step{From: "claimed", What: "claimed user"}), "carl", "claimed user"},
		"host of somebody disabled":     {Facts{Client: at("10.1.2.5"), Claimed: "carl"}, rules(host, Step{From: "claimed"}), "", "who is disabled"},
		"host only after the name":      {Facts{Client: at("10.1.2.3"), Claimed: "carl"}, rules(Step{From: "claimed", What: "claimed user"}, host), "carl", "claimed user"},
		"proof before all":              {Facts{Proven: "9", Client: at("10.1.2.3")}, rules(host), "ben", "proof"},
		"certificate":                   {Facts{Certificate: "anna@corp.example"}, rules(Step{From: "certificate"}), "anna", "The certificate of the client proves that it is anna."},
		"certificate, another domain":   {Facts{Certificate: "anna@evil.example"}, rules(order()[1:]...), "", `Nobody here is called "anna@evil.example"`},
		"certificate, CORP\\anna":       {Facts{Certificate: `CORP\anna`}, rules(Step{From: "certificate", What: "TLS client certificate"}), "", "Nobody here is called"},
		"certificate, a listed domain":  {Facts{Certificate: "anna@people.example"}, listed(rules(Step{From: "certificate"}), "people.example"), "anna", "certificate of the client proves"},
		"certificate, not listed":       {Facts{Certificate: "anna@evil.example"}, listed(rules(Step{From: "certificate"}), "people.example"), "", "Nobody here is called"},
		"certificate, disabled":         {Facts{Certificate: "dora", Claimed: "anna", IPP: true}, rules(order()...), "", "is dora, who is disabled"},
		"the same, by a believed host":  {Facts{Certificate: "dora", Claimed: "anna", IPP: true, Believed: true}, rules(order()...), "", "is dora, who is disabled"},
		"certificate of a gateway":      {Facts{Certificate: "gateway7", Claimed: "anna", IPP: true, Believed: true}, rules(order()...), "anna", "the word of a trusted host"},
		"certificate before the word":   {Facts{Certificate: "ben", Claimed: "anna", IPP: true, Believed: true}, rules(order()...), "ben", "certificate of the client proves"},
		"job-accounting-user-id":        {Facts{Account: "ANNA", IPP: true}, rules(order()...), "anna", "job-accounting-user-id"},
		"an order of one's own":         {Facts{PJLUser: "anna", Claimed: "ben"}, rules(Step{From: "control-file", What: "control file"}, Step{From: "pjl-username"}), "ben", "control file"},
		"a step that is not there":      {Facts{PJLUser: "anna"}, rules(Step{From: "control-file"}), "", "without any name"},
		"control file is not IPP":       {Facts{Claimed: "anna", IPP: true}, rules(Step{From: "control-file"}), "", "without any name"},
		"requesting-user-name is IPP":   {Facts{Claimed: "anna"}, rules(Step{From: "requesting-user-name"}), "", "without any name"},
		"a believed host":               {Facts{Claimed: "anna", PJLUser: "ben", Believed: true, IPP: true}, rules(order()...), "anna", "the word of a trusted host"},
		"pattern":                       {Facts{Claimed: "sap-anna-7"}, rules(Step{From: "claimed", Pattern: re(`^sap-(\w+)-`)}), "anna", "login"},
		"pattern with a text":           {Facts{Claimed: "berg, anna"}, rules(Step{From: "claimed", Pattern: re(`^\w+, (\w+)$`), With: "$1@corp.example"}), "anna", "user principal name"},
		"pattern that does not fit":     {Facts{Claimed: "anna"}, rules(Step{From: "claimed", Pattern: re(`^sap-(\w+)-`)}), "", "without any name"},
		"group that took no part":       {Facts{Claimed: "anna"}, rules(Step{From: "claimed", Pattern: re(`^anna|(ben)$`)}), "", "without any name"},
		"pattern without a group":       {Facts{Claimed: "anna"}, rules(Step{From: "claimed", Pattern: re(`anna`)}), "", "without any name"},
		"comment":                       {Facts{Look: look(map[string][]string{"pjl-comment": {"x", `SAP_USER="anna"`}})}, rules(Step{From: "pjl-comment", What: "PJL COMMENT, by pattern", Pattern: re(`^\s*SAP_USER="([^"]*)"`)}), "anna", "PJL COMMENT, by pattern"},
		"comment without a pattern":     {Facts{PJLComment: "anna", Look: look(map[string][]string{"pjl-comment": {"ben"}})}, rules(Step{From: "pjl-comment"}), "anna", "login"},
		"variable":                      {Facts{Look: look(map[string][]string{"pjl-set:JOBOWNER": {"", "anna"}})}, rules(Step{From: "pjl-set:JOBOWNER", What: "PJL SET JOBOWNER"}), "anna", "PJL SET JOBOWNER"},
		"control line":                  {Facts{Lines: map[string]string{"O": "x\nowner=anna"}}, rules(Step{From: "control-line:O", Pattern: re(`^owner=(.*)`)}), "anna", "login"},
		"control line, the first":       {Facts{Lines: map[string]string{"O": "anna\nben"}}, rules(Step{From: "control-line:O"}), "anna", "login"},
		"document":                      {Facts{Look: look(map[string][]string{"pattern": {"\x1b%junk", "\x1bE\xff\xfe%%Owner: j\xfcrgen.m\xfcller\r\n"}})}, rules(Step{From: "pattern", Pattern: re(`%%Owner: ([^\r\n]+)`)}), "jürgen.müller", "login"},
		"document in UTF-8":             {Facts{Look: look(map[string][]string{"pattern": {"\xff%%Owner: jürgen.müller\n"}})}, rules(Step{From: "pattern", Pattern: re(`%%Owner: ([^\r\n]+)`)}), "jürgen.müller", "login"},
		"nothing to look into":          {Facts{}, rules(Step{From: "pattern", Pattern: re(`(x)`)}), "", "without any name"},
		"very much from a document":     {Facts{Look: look(map[string][]string{"pattern": {strings.Repeat("é", 5000)}})}, rules(Step{From: "pattern", Pattern: re(`(.*)`)}), "", "Nobody here is called"},
		"replaced, one after the other": {Facts{Claimed: "X_ANNA_1"}, Rules{Steps: order(), Replace: []Replacement{{re(`^x_`), ""}, {re(`_\d+$`), ""}}}, "anna", "login"},
		"replaced by nothing":           {Facts{Claimed: "anna", Banner: "ben"}, Rules{Steps: order(), Replace: []Replacement{{re(`^anna$`), ""}}}, "ben", "banner"},
		"replaced and cut":              {Facts{Claimed: "x-maximiliane.von-und-zu-gutte", Cut: true}, Rules{Steps: order(), Prefix: true, Replace: []Replacement{{re(`^x-`), ""}}}, "maximiliane.von-und-zu-guttenberg", "Assumed"},
		"no rules at all":               {Facts{Claimed: "anna", PJLUser: "ben"}, Rules{}, "anna", "claimed user"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m, err := Owner(t.Context(), village, tt.f, tt.r)
			if err != nil {
				t.Fatal(err)
			}
			if m.User.Login != tt.login || !strings.Contains(m.Rule, tt.rule) {
				t.Errorf("%q by %q; want %q by a rule with %q", m.User.Login, m.Rule, tt.login, tt.rule)
			}
		})
	}
}

// The trail tells every step up to the answer.
func TestOwnerTrail(t *testing.T) {
	r := Rules{Steps: order(), Aliases: true}
	m, err := Owner(t.Context(), village, Facts{PJLUser: "macuser", Claimed: `CORP\JÜRGEN.müller`, Banner: "anna"}, r)
	if err != nil || m.User.Login != "jürgen.müller" {
		t.Fatalf("%+v, %v", m, err)
	}
	nothing := func(step, from string) Tried { return Tried{Step: step, From: from, Result: "says nothing"} }
	want := []Tried{
		nothing("proof", "proof of the door"), nothing("certificate", "TLS client certificate"), nothing("job-accounting-user-id", "job-accounting-user-id"),
		{"pjl-username", "PJL USERNAME", "macuser", "macuser", "is nobody"},
		nothing("pjl-jobacct1", "PJL JOBATTR JobAcct1"), nothing("pjl-comment", "PJL COMMENT Username"), nothing("postscript-for", "PostScript %%For"),
		nothing("requesting-user-name", "requesting-user-name"),
		{"control-file", "control file", `CORP\JÜRGEN.müller`, `corp\jürgen.müller`, "is nobody"},
		{"control-file", "control file", `CORP\JÜRGEN.müller`, "jürgen.müller", "is the login of jürgen.müller"},
	}
	if !reflect.DeepEqual(m.Tried, want) {
		t.Errorf("got  %+v\nwant %+v", m.Tried, want)
	}
}
