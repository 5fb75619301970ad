package main

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"platen/site"
)

// walked is every command that leaves a line in the audit trail, in an order in which
// they work. What is in braces is a file of the test, or an id.
var walked = []struct{ line, stdin, id string }{
	{"user add dora --full-name Dora --right release", "", ""},
	{"user set dora --full-name= --language de", "", ""},
	{"user set dora --department -7", "", ""}, // a value that looks like a flag
	{"card add dora --label badge", "0499887766\n", "card"},
	{"card set {card} --label mine --blocked yes", "", ""},
	{"card unblock --login dora --last 766", "", ""},
	{"card block --login dora --last 766", "", ""},
	{"card remove {card}", "", ""},
	{"pin set dora", "8642097\n", ""},
	{"pin clear dora", "", ""},
	{"pin generate dora", "", ""},
	{"pin generate --all --mail", "", ""},
	{"code add dora --for 48h", "", ""},
	{"import users {people} --source personnel", "", ""},
	{"group add staff", "", ""},
	{"group join staff --user dora", "", ""},
	{"right add colour --group staff", "", ""},
	{"right remove colour --group staff", "", ""},
	{"group leave staff --user dora", "", ""},
	{"group remove staff", "", ""},
	{"role add desk --right support", "", ""},
	{"role set desk --right report", "", ""},
	{"role give desk --user dora", "", ""},
	{"role take desk --user dora", "", ""},
	{"role remove desk", "", ""},
	{"delegation add --of dora --to ben --titles no --consented paper", "", ""},
	{"delegation remove --of dora --to ben", "", ""},
	{"guest add Eve --sponsor anna --for 3d", "", ""},
	{"guest token add --label desk", "", ""},
	{"site add north", "", ""},
	{"site set north --location here", "", ""},
	{"device-group add floor", "", ""},
	{"device add mfp-2 --template raw-pjl --host 192.0.2.20 --serial S1", "", ""},
	{"device set mfp-2 --location= --enabled no", "", ""},
	{"device replace S1 --uri socket://192.0.2.30 --serial S2", "", ""},
	{"device forget-key mfp-2", "", ""},
	{"device import {devices}", "", ""},
	{"queue add labels --mode passthrough --device mfp-2", "", ""},
	{"queue set labels --hold-for 4d --priority 90", "", ""},
	{"owner host add 10.1.2.17 anna --queue secure", "", ""},
	{"owner pattern add CORP-(.*) --from claimed --queue secure", "", ""},
	{"owner unclaimed ask --queue secure --similar yes", "", ""},
	{"owner reset --queue secure", "", ""},
	{"terminal add t-2 --device mfp-2", "", ""},
	{"terminal set t-2 --language de --pin-only yes", "", ""},
	{"reader add door --kind line --terminal t-2 --address 127.0.0.1:0 --tls yes", "", ""},
	{"reader set door --enabled no --card-rule reverse_bytes", "", ""},
	{"reader trust door {pem}", "", ""},
	{"card learn {pairs} --terminal t-2 --apply 1", "", ""},
	{"reader remove door", "", ""},
	{"terminal remove t-2", "", ""},
	{"queue remove labels", "", ""},
	{"device remove mfp-2", "", ""},
	{"device-group remove floor", "", ""},
	{"site remove north", "", ""},
	{"token add --label ERP --queue secure --owner anna", "", "token"},
	{"token remove {token}", "", ""},
	{"mail set --host mail.example.org --from print@example.org --user print --ask-password", "mailsecret\n", ""},
	{"mail set --host mail.example.net", "", ""},
	{"mail remove", "", ""},
	{"settings set --max-user 5GiB --title-for 3d", "", ""},
	{"sign-in oidc set --issuer https://127.0.0.1:1/x --client platen --ask-password", "oidcsecret\n", ""},
	{"sign-in oidc set --name=", "", ""},
	{"sign-in oidc link dora --subject 4711", "", ""},
	{"sign-in oidc remove", "", ""},
	{"sign-in certificate trust {pem}", "", ""},
	{"sign-in certificate map upn email", "", ""},
	{"sign-in certificate remove", "", ""},
	{"cert domain add print.example.com", "", ""},
	{"cert chain generate gen --domain print.example.com", "", ""},
	{"cert chain choose gen print.example.com", "", ""},
	{"cert chain remove gen --yes", "", ""},
	{"cert chain request req {csr} --domain print.example.com", "", ""},
	{"cert ca sign {csr} {signed}", "", ""},
	{"cert chain answer req {signed}", "", ""},
	{"cert domain remove print.example.com", "", ""},
	{"cert signing choose none", "", ""},
	{"cert signing generate", "", ""},
	{"cert trust import {pem} --for mail --name corp", "", ""},
	{"cert trust remove corp", "", ""},
	{"cert ca generate --yes", "", ""},
	{"source add corp --kind csv --enabled no --path {people}", "", ""},
	{"source set corp --every 10m", "", ""},
	{"source sync corp", "", ""},
	{"source approve corp", "", ""},
	{"source remove corp --people", "", ""},
	{"source add pushed --kind push", "", ""},
	{"source token pushed", "", ""},
	{"source token pushed --revoke", "", ""},
	{"source remove pushed", "", ""},
	{"clock accept", "", ""},
	{"backup {backup}", "a long passphrase\n", ""},
	{"job assign 1 anna", "", ""},
	{"job cancel 1", "", ""},
	{"user remove dora", "", ""},
}

// onlyThere are actions of commands that are not walked, and why.
var onlyThere = map[string]string{
	"admin.token": "needs the ports of a node that runs", "drill": "needs a node that runs", "card.await": "needs a node that runs",
	"card.learn": "of the page", "job.resolve": "needs a job that may have printed", "sign-in.kerberos.set": "needs a keytab", "sign-in.kerberos.remove": "needs a keytab",
	"cert.": "begins cert.server.import and the like, which TestCertificatesAtThePageOfTheNode leaves", "cert.chain.acme": "needs an ACME server", "cert.chain.renew": "needs an ACME server",
	"cert.chain.watch": "needs files with a key",
}

// The audit trail says the same of a command whether the node ran it or not, and what
// it was about; and nothing of what is secret.
func TestAuditTrailsOfBothWays(t *testing.T) {
	trail := func(t *testing.T, run bool) []string {
		h := startDemo(t, "")
		path, _ := document(t, 1000)
		must(t, h.dir, "", "send", "--to", h.demo.Secure, "--user", "somebody", path)
		if !run {
			h.end()
		}
		lines := walk(t, h.dir, h.demo.CA)
		if run {
			h.end()
		}
		return lines
	}
	var off, on []string
	t.Run("while it does not run", func(t *testing.T) { off = trail(t, false) })
	t.Run("while it runs", func(t *testing.T) { on = trail(t, true) })
	if t.Failed() {
		return
	}
	for i := range max(len(on), len(off)) {
		if i >= len(on) || i >= len(off) || on[i] != off[i] {
			t.Fatalf("line %d: running\n%s\nand not\n%s", i, strings.Join(on[min(i, len(on)):], "\n"), strings.Join(off[min(i, len(off)):], "\n"))
		}
	}
	all := strings.Join(on, "\n") + "\n"
	for _, want := range []string{
		"user.set dora full-name language\n", "user.set dora department\n", "mail.set  ask-password from host user\n", "mail.set  host (the password was forgotten)\n",
		"sign-in.oidc.set https://127.0.0.1:1/x name\n", "source.set corp every\n", "source.remove corp 2 people removed\n", "settings.set  max-user title-for\n",
		"site.set north location\n", "device.set mfp-2 enabled location\n", "queue.set labels hold-for priority\n", "terminal.set t-2 language pin-only\n", "reader.set door card-rule enabled\n",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("the trail does not have %q", want)
		}
	}
	for _, secret := range []string{"mailsecret", "oidcsecret", "8642097", "0499887766"} {
		if strings.Contains(all, secret) {
			t.Errorf("the trail has the secret %s", secret)
		}
	}
	for _, action := range audited(t) {
		if !strings.Contains(all, action+" ") && onlyThere[action] == "" {
			t.Errorf("no command is walked that leaves %s", action)
		}
	}
	if t.Failed() {
		t.Log(all)
	}
}

// walk runs every command and returns what the trail says of them.
func walk(t *testing.T, dir, ca string) []string {
	t.Helper()
	stands := map[string]string{
		"{people}": write(t, "id,login,full_name\n1,erik,Erik\n2,frida,Frida\n"), "{devices}": write(t, "name,uri\nmfp-9,socket://192.0.2.9\n"),
		"{pairs}": write(t, "D4C3B2A104 04A1B2C3D4\nAABBCCDDEE EEDDCCBBAA\n112233445566 665544332211\n"), "{pem}": ca,
		"{backup}": filepath.Join(t.TempDir(), "backup"), "{csr}": filepath.Join(t.TempDir(), "request"), "{signed}": filepath.Join(t.TempDir(), "signed"),
	}
	var before, lines []site.AuditLine
	commandJSON(t, dir, "", &before, "audit", "list", "--limit", "1")
	for _, w := range walked {
		args := words(t, w.line)
		for i := range args {
			args[i] = cmp.Or(stands[args[i]], args[i])
		}
		if w.id == "" {
			must(t, dir, w.stdin, args...)
			continue
		}
		var made struct{ ID string }
		commandJSON(t, dir, w.stdin, &made, args...)
		stands["{"+w.id+"}"] = made.ID
	}
	commandJSON(t, dir, "", &lines, "audit", "list", "--limit", "10000")
	slices.Reverse(lines)
	var list []string
	for _, l := range lines {
		if l.N > before[0].N && l.Actor == self() {
			list = append(list, passing.ReplaceAllString(l.Action+" "+l.Object+" "+l.Detail, "*"))
		}
	}
	return list
}

// commandJSON runs a command and reads its answer.
func commandJSON(t *testing.T, dir, stdin string, v any, args ...string) {
	t.Helper()
	if text := must(t, dir, stdin, append(args, "--json")...); json.Unmarshal([]byte(text), v) != nil {
		t.Fatalf("platen %v: %s", args, text)
	}
}

// passing is what is another each time: ids, times, logins of guests.
var passing = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\dT[0-9:]+Z|guest-[a-z]+|…\w+|([0-9A-F]{2}:){31}[0-9A-F]{2}|Platen authority \S+ \w+|signing \d{4}-\d\d-\d\d [0-9:]+`)

// audited lists the actions that commands write into the trail.
func audited(t *testing.T) (list []string) {
	t.Helper()
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range sources {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\.audit\(ctx, "([a-z.-]+)"`).FindAllSubmatch(text, -1) {
			list = append(list, string(m[1]))
		}
	}
	return list
}
