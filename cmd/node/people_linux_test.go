package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"platen/directory"
	"platen/internal/testkit/peers"
)

// slapd starts an OpenLDAP with people in it and returns it, and the file of its
// authority.
func slapd(t *testing.T, people int) (*peers.Slapd, string) {
	t.Helper()
	var ldif strings.Builder
	fmt.Fprintf(&ldif, "dn: %[1]s\nobjectClass: dcObject\nobjectClass: organization\no: x\ndc: platen\n\ndn: ou=people,%[1]s\nobjectClass: organizationalUnit\nou: people\n\n", peers.SlapdSuffix)
	for i := range people {
		fmt.Fprintf(&ldif, "dn: uid=u%03[1]d,ou=people,%[2]s\nobjectClass: inetOrgPerson\nuid: u%03[1]d\ncn: User %[1]d\nsn: U\nmail: u%03[1]d@example.org\npager: 04CC%06[1]X\nuserPassword: secret%[1]d\n\n", i, peers.SlapdSuffix)
	}
	s, err := peers.StartSlapd(t.Context(), t.TempDir(), peers.SlapdOptions{LDIF: ldif.String(), SessionLog: 100})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	t.Logf("peer: %s", s.Version)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, s.Certificate.CA, 0o600); err != nil {
		t.Fatal(err)
	}
	return s, ca
}

// ldapTool runs one of OpenLDAP's own tools against it.
func ldapTool(t *testing.T, s *peers.Slapd, tool, stdin string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), tool, append([]string{"-x", "-H", s.TLSURL(), "-D", peers.SlapdAdmin, "-w", peers.SlapdPassword}, args...)...)
	cmd.Env = append(os.Environ(), "LDAPTLS_REQCERT=never")
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", tool, err, out)
	}
}

// addCorp adds the directory to the node.
func (h *house) addCorp(s *peers.Slapd, ca string) {
	h.t.Helper()
	must(h.t, h.dir, peers.SlapdPassword+"\n", "source", "add", "corp", "--kind", "ldap", "--enabled", "no", "--server", s.TLSURL(), "--base", peers.SlapdSuffix,
		"--bind-as", peers.SlapdAdmin, "--attribute", "cards=pager", "--ask-password")
	h.must("source", "trust", "corp", ca)
}

// sync asks the source now.
func (h *house) sync(how ...string) directory.Run {
	h.t.Helper()
	var r directory.Run
	h.json(&r, append([]string{"source", "sync", "corp"}, how...)...)
	return r
}

// enable lets the node ask the source for passwords, and for changes once now and
// then not for a day.
func (h *house) enable() {
	h.t.Helper()
	h.must("source", "set", "corp", "--every", "24h", "--enabled", "yes")
	await(h.t, "the source was asked", func() bool { return strings.Contains(h.must("source", "show", "corp"), "changes: 0 read") })
}

// signsIn tries to sign in at the terminal, and waits when it has to.
func (h *house) signsIn(method, user, value string) bool {
	h.t.Helper()
	code := 0
	await(h.t, "somebody may try to sign in", func() bool {
		code = h.call("POST", "sessions", map[string]string{"method": method, "user": user, "value": value}, nil)
		return code != 429
	})
	return code == 201
}

// TestPeopleOfOpenLDAP: people come, change and leave, and sign in with the password
// that the directory has, also once it is gone.
func TestPeopleOfOpenLDAP(t *testing.T) {
	s, ca := slapd(t, 60)
	h := startDemo(t, "")
	h.addCorp(s, ca)
	if out := h.must("source", "test", "corp"); !strings.Contains(out, "60 people") || !strings.Contains(out, "syncrepl") {
		t.Errorf("test: %s", out)
	}
	if r := h.sync("--dry-run"); r.New != 60 || !r.DryRun {
		t.Errorf("dry run: %+v", r)
	}
	if r := h.sync(); r.New != 60 || !r.Full {
		t.Errorf("first: %+v", r)
	}
	if r := h.sync(); r.Full || r.Read != 0 {
		t.Errorf("nothing has changed: %+v", r)
	}
	h.enable()
	if !h.signsIn("password", "u001", "secret1") || h.signsIn("password", "u002", "secret1") || !h.signsIn("card", "", "04cc:00:00:03") {
		t.Error("who can sign in")
	}
	if !h.signsIn("password", "U001@example.org", "secret1") {
		t.Error("by e-mail address")
	}

	// Renamed, disabled, gone and new: heard of without reading everybody.
	dn := func(i int) string { return fmt.Sprintf("uid=u%03d,ou=people,%s", i, peers.SlapdSuffix) }
	ldapTool(t, s, "ldapmodrdn", "", "-r", dn(1), "uid=anna.berg")
	ldapTool(t, s, "ldapdelete", "", dn(2))
	ldapTool(t, s, "ldapadd", "dn: uid=new,ou=people,"+peers.SlapdSuffix+"\nobjectClass: inetOrgPerson\nuid: new\ncn: New\nsn: N\nuserPassword: fresh\n")
	r := h.sync()
	if r.Full || r.New != 1 || r.Changed != 1 || r.Removed != 1 {
		t.Errorf("changes: %+v", r)
	}
	if !h.signsIn("password", "anna.berg", "secret1") || h.signsIn("password", "u002", "secret2") || h.signsIn("card", "", "04CC000002") {
		t.Error("who can sign in after the changes")
	}

	// A job of somebody printed under the old name belongs to nobody, under the new to her.
	path, sum := document(t, 1)
	h.must("queue", "list")
	must(t, h.dir, "", "send", "--to", h.demo.Secure, "--user", "anna.berg", path)
	h.release("04CC000001")
	h.awaitPrinted(sum)

	// TestF46: the directory is gone. Who was here signs in, who was not does not.
	s.Stop()
	if !h.signsIn("password", "anna.berg", "secret1") || h.signsIn("password", "u005", "secret5") || !h.signsIn("card", "", "04CC000005") {
		t.Error("who can sign in without the directory")
	}
	var ready directory.Readiness
	h.json(&ready, "readiness")
	// The demo's two, the new one who has no card, and those of the 60 who are left.
	if ready.People != 62 || ready.Ready != 61 || ready.Password != 3 || len(ready.Cannot) != 1 || ready.Cannot[0].Login != "new" {
		t.Errorf("readiness %+v", ready)
	}
	// It is back, with another password: that one counts at once, and the old does not.
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ldapTool(t, s, "ldapmodify", "dn: uid=anna.berg,ou=people,"+peers.SlapdSuffix+"\nchangetype: modify\nreplace: userPassword\nuserPassword: another\n")
	h.sync()
	if !h.signsIn("password", "anna.berg", "another") || h.signsIn("password", "anna.berg", "secret1") {
		t.Error("the new password does not count, or the old one does")
	}
	if out := must(t, h.dir, "", "drill", "--for", "1s"); !strings.Contains(out, "it comes out: good") {
		t.Errorf("drill: %s", out)
	}
	h.end()
}

// TestF48TheDirectoryIsEmpty: half the house is not locked out because a directory
// says so once.
func TestF48TheDirectoryIsEmpty(t *testing.T) {
	s, ca := slapd(t, 50)
	h := startDemo(t, "")
	h.addCorp(s, ca)
	h.sync()
	h.must("source", "set", "corp", "--user-filter", "(&(objectClass=inetOrgPerson)(uid=u00*))") // somebody's mistake: 10 are left
	r := h.sync()
	if r.Removed != 0 || r.Waiting != 40 || !strings.Contains(r.Why, "40 of 50") {
		t.Errorf("the mistake: %+v", r)
	}
	if !h.signsIn("card", "", "04CC000020") {
		t.Error("somebody was locked out")
	}
	if out := h.must("source", "list"); !strings.Contains(out, "platen source approve corp") {
		t.Errorf("list: %s", out)
	}
	if r := h.sync("--full"); r.Waiting != 40 {
		t.Errorf("again: %+v", r)
	}
	var approved directory.Run
	h.json(&approved, "source", "approve", "corp")
	if approved.Removed != 40 || h.signsIn("card", "", "04CC000020") || !h.signsIn("card", "", "04CC000003") {
		t.Errorf("approved: %+v", approved)
	}
	h.end()
}

// TestA47TheSecretIsNotSentElsewhere: whoever changes where a directory is does not
// get its password sent there.
func TestA47TheSecretIsNotSentElsewhere(t *testing.T) {
	s, ca := slapd(t, 1)
	h := startDemo(t, "")
	h.addCorp(s, ca)
	h.sync()
	var heard atomic.Value
	heard.Store("")
	canary, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer canary.Close()
	go func() {
		for {
			conn, err := canary.Accept()
			if err != nil {
				return
			}
			_ = conn.SetReadDeadline(time.Now().Add(2 * time.Second))
			b, _ := io.ReadAll(io.LimitReader(conn, 4096))
			heard.Store(heard.Load().(string) + string(b))
			conn.Close()
		}
	}()
	out := platen("", "source", "set", "corp", "--server", "ldap://"+canary.Addr().String(), "--allow-plain", "yes", "--dir", h.dir)
	if !strings.Contains(out.err, "The password was forgotten") {
		t.Errorf("set: %+v", out)
	}
	_ = platen("", "source", "test", "corp", "--dir", h.dir)
	_ = platen("", "source", "sync", "corp", "--dir", h.dir)
	if got := heard.Load().(string); strings.Contains(got, peers.SlapdPassword) {
		t.Errorf("the canary heard the password: %q", got)
	}
	var x struct {
		HasSecret bool `json:"has_secret"`
	}
	h.json(&x, "source", "show", "corp")
	if x.HasSecret {
		t.Error("the secret is kept")
	}
	h.end()
}

// TestPeopleOfActiveDirectory: a domain controller, read by a plain account.
func TestPeopleOfActiveDirectory(t *testing.T) {
	ctx := t.Context()
	dc, err := peers.StartSamba(ctx, t.TempDir(), peers.SambaOptions{Addr: "127.0.0.14", Below: "../.."})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(dc.Stop)
	t.Logf("peer: %s", dc.Version)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, dc.Certificate.CA, 0o600); err != nil {
		t.Fatal(err)
	}
	tool := func(args ...string) {
		t.Helper()
		if out, err := dc.Tool(ctx, args...); err != nil {
			t.Fatalf("samba-tool %v: %v\n%s", args, err, out)
		}
	}
	tool("ou", "add", "OU=Staff,"+peers.SambaBase)
	tool("ou", "add", "OU=Sales,OU=Staff,"+peers.SambaBase)
	tool("ou", "add", "OU=Elsewhere,"+peers.SambaBase)
	for _, name := range []string{"anna", "jürgen", "carl", "dora"} {
		tool("user", "create", name, "Pa55.word-2026", "--userou=OU=Staff", "--mail-address="+name+"@platen.test")
	}
	tool("user", "create", "reader", "Pa55.word-2026")
	tool("group", "add", "Inner", "--groupou=OU=Staff")
	tool("group", "add", "Printers", "--groupou=OU=Staff")
	tool("group", "addmembers", "Inner", "jürgen")
	tool("group", "addmembers", "Printers", "Inner,carl")
	modify := func(text string) {
		t.Helper()
		cmd := exec.CommandContext(ctx, "ldapmodify", "-x", "-H", dc.TLSURL(), "-D", peers.SambaAdmin, "-w", peers.SambaPassword)
		cmd.Env, cmd.Stdin = append(os.Environ(), "LDAPTLS_REQCERT=never"), strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("ldapmodify: %v\n%s\n%s", err, out, text)
		}
	}
	where := func(name, ou string) string { return "CN=" + name + "," + ou + peers.SambaBase }
	modify("dn: " + where("carl", "OU=Staff,") + "\nchangetype: modify\nreplace: pager\npager: 04DD000001\n-\nreplace: employeeNumber\nemployeeNumber: 00012345\n")

	h := startDemo(t, "")
	must(t, h.dir, "Pa55.word-2026\n", "source", "add", "corp", "--kind", "ldap", "--enabled", "no", "--server", dc.TLSURL(), "--base", "OU=Staff,"+peers.SambaBase,
		"--bind-as", "reader@platen.test", "--attribute", "cards=pager,employeeNumber", "--ask-password")
	h.must("source", "trust", "corp", ca)
	if out := h.must("source", "test", "corp"); !strings.Contains(out, "dirsync") || !strings.Contains(out, "4 people") {
		t.Errorf("test: %s", out)
	}
	h.must("right", "remove", "release", "--source", "corp")
	h.must("right", "remove", "colour", "--everybody")
	if r := h.sync(); r.New != 4 || r.Groups != 2 { // one of them is the demo's anna, who is the domain's from now on
		t.Fatalf("first: %+v", r)
	}
	h.enable()
	h.must("right", "add", "release", "--group", "Printers")
	h.must("right", "add", "colour", "--group", "Inner")
	if out := h.must("user", "show", "jürgen"); !strings.Contains(out, "release (group Printers, by Inner)") || !strings.Contains(out, "colour (group Inner)") {
		t.Errorf("rights of jürgen: %s", out)
	}
	if out := h.must("user", "show", "dora"); strings.Contains(out, "release") {
		t.Errorf("rights of dora: %s", out)
	}
	for _, name := range []string{"jürgen", "jürgen@platen.test", `PLATEN\jürgen`, "JU\u0308RGEN"} {
		if !h.signsIn("password", name, "Pa55.word-2026") {
			t.Errorf("%s cannot sign in", name)
		}
	}
	if h.signsIn("password", "jürgen", "wrong") || h.signsIn("password", "jürgen", " ") || !h.signsIn("card", "", "04:DD:00:00:01") || !h.signsIn("card", "", "00012345") {
		t.Error("who can sign in")
	}

	// What changes there is heard of by the incremental way.
	tool("user", "create", "emil", "Pa55.word-2026", "--userou=OU=Staff")
	tool("user", "rename", "carl", "--samaccountname=karl", "--upn=karl@platen.test")
	tool("user", "move", "dora", "OU=Sales,OU=Staff,"+peers.SambaBase)
	tool("user", "disable", "anna")
	r := h.sync()
	if r.New != 1 || r.Changed < 2 || r.Disabled != 1 || r.Removed != 0 {
		t.Errorf("add, rename, move, disable: %+v", r)
	}
	if !h.signsIn("card", "", "04DD000001") || h.signsIn("password", "anna", "Pa55.word-2026") || h.signsIn("card", "", annasCard) || !h.signsIn("password", "emil", "Pa55.word-2026") {
		t.Error("who can sign in after add, rename, move, disable")
	}
	var karl directory.User
	h.json(&karl, "user", "show", "karl")
	if karl.Login != "karl" || karl.Cards != 2 || !karl.Enabled {
		t.Errorf("karl: %+v", karl)
	}
	tool("user", "move", "dora", "OU=Elsewhere,"+peers.SambaBase)
	tool("user", "delete", "emil")
	r = h.sync()
	if r.Removed != 2 {
		t.Errorf("moved out, deleted: %+v", r)
	}
	if h.signsIn("password", "emil", "Pa55.word-2026") || h.signsIn("password", "dora", "Pa55.word-2026") {
		t.Error("who has left can sign in")
	}
	// The controller is gone: what was used here goes on.
	dc.Stop()
	if !h.signsIn("password", "jürgen", "Pa55.word-2026") || !h.signsIn("card", "", "04DD000001") {
		t.Error("without the controller")
	}
	h.end()
}

// TestMailOfPINs: a PIN goes to its owner and nowhere else.
func TestMailOfPINs(t *testing.T) {
	cert, err := peers.NewCertificate(time.Now().Add(time.Hour), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := map[string][]byte{"cert.pem": cert.Cert, "key.pem": cert.Key, "ca.pem": cert.CA}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sink, err := peers.StartSMTP(context.Background(), t.TempDir(), peers.SMTPOptions{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem"), User: "print", Password: "s3cret"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Stop)
	t.Logf("peer: %s", sink.Version)
	h := startDemo(t, "")
	must(t, h.dir, "s3cret\n", "mail", "set", "--host", sink.Host, "--port", fmt.Sprint(sink.Port), "--from", "print@example.org", "--user", "print", "--ask-password")
	h.must("mail", "trust", filepath.Join(dir, "ca.pem"))
	must(t, h.dir, "s3cret\n", "mail", "set", "--ask-password")
	if out := h.must("mail", "test"); !strings.Contains(out, "signed in:") || !strings.Contains(out, "yes") {
		t.Errorf("test: %s", out)
	}
	h.must("user", "set", "anna", "--email", "anna@example.org", "--language", "de")
	if out := h.must("pin", "generate", "anna", "--mail"); strings.ContainsAny(out, "0123456789") {
		t.Errorf("the PIN was shown: %s", out)
	}
	h.must("code", "add", "anna", "--mail")
	heard := func(n int) (subjects, bodies, to string) {
		t.Helper()
		await(t, fmt.Sprintf("%d mails have come", n), func() bool {
			list, err := sink.Mails()
			if err != nil {
				t.Fatal(err)
			}
			subjects, bodies, to = "", "", ""
			for _, m := range list {
				b, err := io.ReadAll(m.Body)
				if err != nil {
					t.Fatal(err)
				}
				subjects, bodies, to = subjects+m.Header.Get("Subject")+"\n", bodies+string(b), to+m.Header.Get("To")
			}
			return len(list) == n
		})
		return subjects, bodies, to
	}
	_, bodies, to := heard(2)
	if to != "<anna@example.org><anna@example.org>" || !strings.Contains(bodies, "PIN") {
		t.Errorf("mails to %s: %s", to, bodies)
	}
	pin := regexp.MustCompile(`\b\d{6}\b`).FindString(bodies)
	if !h.signsIn("pin", "anna", pin) {
		t.Errorf("the PIN of the mail, %q, does not sign in", pin)
	}
	// A card that is registered on her account with a code: she learns of it.
	code := regexp.MustCompile(`\b\d{8}\b`).FindString(bodies)
	if !h.signsIn("code", "anna", code) || h.signsIn("code", "anna", code) {
		t.Errorf("the code of the mail, %q, does not work once", code)
	}
	h.end()
}
