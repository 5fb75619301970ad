package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// What cannot be is a mistake on the command line, however deep it is noticed.
func TestUsageOfWhatCannotBe(t *testing.T) {
	dir := newNode(t)
	must(t, dir, "", "source", "add", "elsewhere", "--kind", "push")
	must(t, dir, "x", "source", "add", "corp", "--kind", "ldap", "--enabled", "no", "--server", "ldaps://127.0.0.1:1", "--bind-as", "x", "--ask-password")
	tests := map[string]struct{ line, says string }{
		"LDAP without a server":    {"source add l --kind ldap", "Name at least one directory server."},
		"a path that is relative":  {"source add c --kind csv --path people.csv", "must be an absolute one"},
		"Entra without a tenant":   {"source add e --kind entra", "The tenant is"},
		"no such kind":             {"source add e --kind ad", "--kind is"},
		"a rule":                   {"source set corp --card-rule foo", "--card-rule: There is no card number function foo."},
		"a rule of a terminal":     {"terminal set demo --card-rule foo", "--card-rule: There is no card number function foo."},
		"Entra's flag for LDAP":    {"source set corp --tenant x", "--tenant is for sources of the kind entra; this one is of the kind ldap"},
		"LDAP's for another":       {"source add c --kind csv --path /x --server ldaps://x", "--server is for sources of the kind ldap; this one is of the kind csv"},
		"CSV's for another":        {"source set corp --path /x", "--path is for sources of the kind csv"},
		"a time of what is pushed": {"source set elsewhere --every 5m", "--every is for sources that are asked"},
		"jobs of nobody":           {"owner unclaimed foo --queue secure", "only like hold or ask"},
		"a pattern":                {"owner pattern add ( --queue secure", "no regular expression"},
		"a computer":               {"owner host add 10.0.0.0/99 anna --queue secure", "no address"},
		"mail without a server":    {"mail set --tls foo", "mail server is missing"},
		"an issuer":                {"sign-in oidc set --issuer foo", "The issuer is a web address"},
		"a claim":                  {"sign-in oidc set --issuer https://x --client x --login-claim foo", "cannot come from the claim foo"},
		"an end in the past":       {"guest add E --sponsor anna --until 2020-01-01", "later than now"},
		"for many":                 {"guest import - --sponsor anna --until 2020-01-01", "later than now"},
		"a new end in the past":    {"guest extend eve --until 2020-01-01", "later than now"},
		"mail to nowhere":          {"guest add E --sponsor anna --mail", "needs an e-mail address"},
		"no scheme":                {"device add d --uri foo", "A device is reached by"},
		"for oneself":              {"delegation add --of anna --to anna", "the same person"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { wants(t, dir, exitUsage, tt.says, strings.Fields(tt.line)...) })
	}
	if a := platen("x", "source", "add", "c", "--kind", "csv", "--path", "/x", "--ask-password", "--dir", dir); a.code != exitUsage || !strings.Contains(a.err, "has no password") {
		t.Errorf("a password of a file: %d %s", a.code, a.err)
	}
	wants(t, dir, exitUsage, "needs a login", "user", "add", "")
	wants(t, dir, exitUsage, "needs a name", "group", "add", " ")
}

// Columns that an import passes over are told, with what to do instead.
func TestImportUsersTellsWhatItPassesOver(t *testing.T) {
	dir := newNode(t)
	a := platen("id,login,groups\n17,carla,pupils\n", "import", "users", "-", "--dir", dir)
	for _, says := range []string{"The column id is not taken: ", "The column groups is not taken: platen group join puts people into groups."} {
		if a.code != exitDone || !strings.Contains(a.err, says) {
			t.Errorf("%d, without %q:\n%s", a.code, says, a.err)
		}
	}
	if a := platen("login\ndora\n", "import", "users", "-", "--dir", dir); strings.Contains(a.err, "not taken") {
		t.Errorf("of a table without them:\n%s", a.err)
	}
}

// A source as scripts read it has its times in seconds and its configuration as an
// object, never its secret.
func TestSourcesInJSONAndWords(t *testing.T) {
	dir := newNode(t)
	must(t, dir, "s3cret-of-ldap", "source", "add", "corp", "--kind", "ldap", "--enabled", "no", "--server", "ldaps://127.0.0.1:1", "--bind-as", "x", "--ask-password", "--every", "10m")
	must(t, dir, "", "source", "add", "elsewhere", "--kind", "push")
	text := must(t, dir, "", "source", "list", "--json")
	var list []struct {
		Name          string
		Config        struct{ Servers []string }
		Every         any
		Every_Seconds *float64
		Has_Secret    bool
		Full          *string
		Report        struct {
			Began    *string
			Problems []string
		}
	}
	if err := json.Unmarshal([]byte(text), &list); err != nil || len(list) != 2 || strings.Contains(text, "s3cret-of-ldap") {
		t.Fatalf("%v:\n%s", err, text)
	}
	corp, push := list[0], list[1]
	if len(corp.Config.Servers) != 1 || corp.Every != nil || corp.Every_Seconds == nil || *corp.Every_Seconds != 600 || !corp.Has_Secret || corp.Full != nil || corp.Report.Began != nil || corp.Report.Problems == nil {
		t.Errorf("corp: %s", text)
	}
	if push.Every_Seconds != nil || push.Has_Secret {
		t.Errorf("elsewhere: %s", text)
	}
	says := func(wanted bool, part string, args ...string) {
		t.Helper()
		if a := platen("", append(args, "--dir", dir)...); strings.Contains(a.out+a.err, part) != wanted {
			t.Errorf("%v: %q there: %v\n%s%s", args, part, !wanted, a.out, a.err)
		}
	}
	says(true, "10m", "source", "show", "corp")
	says(false, "asked every", "source", "show", "elsewhere")
	says(true, "nobody was brought yet", "source", "show", "elsewhere")
	says(true, "refuses the connection", "source", "sync", "corp")
	says(true, ", before anybody was read", "source", "show", "corp")
	says(false, "0 read", "source", "show", "corp")
	says(true, "refuses the connection", "source", "test", "corp")
	says(false, "deletions are known", "source", "test", "corp")
	must(t, dir, "", "source", "add", "file", "--kind", "csv", "--enabled", "no", "--path", write(t, "login,email\nx,nomail\n"))
	says(true, "Nothing was taken: a line of the file is wrong: line 2: ", "source", "test", "file")
	if st := (stage{what: "connect"}).String(); st != "connecting" {
		t.Errorf("a run that has just begun: %s", st)
	}
}

// Every command that makes or changes something says in JSON what has become of it.
func TestRolesInJSON(t *testing.T) {
	dir := newNode(t)
	for _, line := range []string{"role add desk --right support", "role set desk --right support --right report", "role give desk --user anna", "role take desk --user anna"} {
		var r roleView
		text := must(t, dir, "", append(strings.Fields(line), "--json")...)
		if err := json.Unmarshal([]byte(text), &r); err != nil || r.Name != "desk" || r.BuiltIn {
			t.Errorf("%s: %v\n%s", line, err, text)
		}
		if given := strings.Contains(line, "give"); given != (len(r.Holders) == 1) {
			t.Errorf("%s: %+v", line, r)
		}
	}
}

// What needs the ports of a node that does not run says so, and how to start it.
func TestWithoutTheNode(t *testing.T) {
	dir := newNode(t)
	const says = "The node is not running, so its ports are not known. Start it first: platen service start, or platen run."
	wants(t, dir, exitFailed, says, "admin", "token")
	wants(t, dir, exitFailed, says, "user", "print-url", "add", "anna")
	wants(t, dir, exitDone, "the node says it when it runs", "sign-in", "oidc", "set", "--issuer", "https://127.0.0.1:1/x", "--client", "platen")
	wants(t, dir, exitDone, `"callback": ""`, "sign-in", "oidc", "show", "--json")
}

// A delegation names people as they sign in, and what they are called.
func TestDelegationsNameLogins(t *testing.T) {
	dir := newNode(t)
	must(t, dir, "", "user", "add", "sec", "--full-name", "Sarah Sec")
	must(t, dir, "", "user", "add", "temp")
	must(t, dir, "", "delegation", "add", "--of", "anna", "--to", "sec")
	must(t, dir, "", "delegation", "add", "--of", "anna", "--to", "temp")
	wants(t, dir, exitDone, "sec (Sarah Sec)", "delegation", "list")
	wants(t, dir, exitDone, "anna  temp  ", "delegation", "list")
	wants(t, dir, exitDone, `"delegate_login": "sec"`, "delegation", "list", "--json")
}

func TestCounted(t *testing.T) {
	for n, want := range map[int]string{0: "0 files", 1: "1 file", 2: "2 files"} {
		if got := counted(n, "file", "files"); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}
