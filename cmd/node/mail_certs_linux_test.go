package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/quotedprintable"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"platen/config"
	"platen/internal/testkit/peers"
)

// aPostOffice runs aiosmtpd and returns the commands' arguments that make it the mail
// server of a node.
func aPostOffice(t *testing.T) (sink *peers.SMTP, set, trust []string) {
	t.Helper()
	cert, err := peers.NewCertificate(time.Now().Add(time.Hour), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, b := range map[string][]byte{"cert.pem": cert.Cert, "key.pem": cert.Key, "ca.pem": cert.CA} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sink, err = peers.StartSMTP(context.Background(), t.TempDir(), peers.SMTPOptions{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Stop)
	t.Logf("peer: %s", sink.Version)
	return sink, []string{"mail", "set", "--host", sink.Host, "--port", strconv.Itoa(sink.Port), "--from", "print@example.org"}, []string{"mail", "trust", filepath.Join(dir, "ca.pem")}
}

// mailsTo waits for n mails in all, and returns what each recipient has got, white
// space made even.
func mailsTo(t *testing.T, sink *peers.SMTP, n int) map[string][]string {
	t.Helper()
	got := map[string][]string{}
	await(t, fmt.Sprintf("%d mails have come", n), func() bool {
		list, err := sink.Mails()
		if err != nil {
			t.Fatal(err)
		}
		clear(got)
		for _, m := range list {
			b, err := io.ReadAll(quotedprintable.NewReader(m.Body))
			if err != nil {
				t.Fatal(err)
			}
			subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
			if err != nil {
				t.Fatal(err)
			}
			to := strings.Trim(m.Header.Get("To"), "<>")
			got[to] = append(got[to], subject+": "+strings.Join(strings.Fields(string(b)), " "))
		}
		return len(list) >= n
	})
	return got
}

func has(t *testing.T, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("no %q in\n%s", w, text)
		}
	}
}

// F44: administrators are told by mail what ends, everything in one, each in their
// language and once, also over a restart; and so are log, readiness, numbers and doctor.
func TestF44MailOfWhatEnds(t *testing.T) {
	sink, set, trust := aPostOffice(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keyPath := keyFile(t, key)
	dir := newNode(t)
	do := func(args ...string) { t.Helper(); must(t, dir, "", args...) }
	do(set...)
	do(trust...)
	do("user", "set", "anna", "--email", "anna@example.org")
	do("user", "set", "ben", "--email", "ben@example.org", "--language", "de")
	do("user", "add", "carla")
	do("user", "add", "dora", "--email", "dora@example.org")
	do("user", "add", "emil", "--email", "emil@example.org", "--enabled", "no")
	do("group", "add", "admins")
	do("group", "join", "admins", "--user", "ben")
	do("role", "give", "administrator", "--user", "anna", "--user", "carla", "--user", "emil", "--group", "admins")
	for _, name := range []string{"web", "idle"} { // nobody is shown the second
		must(t, dir, "password", "cert", "domain", "add", name+".example.com")
		must(t, dir, "password", "cert", "chain", "import", name, pfx(t, keyPath, name+".example.com", "password", 10), "--ask-password")
	}
	do("cert", "chain", "choose", "web", "web.example.com")
	do("cert", "trust", "import", newSigner(t, t.TempDir(), "corp").file("corp.pem"), "--name", "corp", "--for", "directory") // for 30 days

	h := startDemo(t, dir)
	got := mailsTo(t, sink, 2)
	if len(got) != 2 || len(got["anna@example.org"]) != 1 || len(got["ben@example.org"]) != 1 {
		t.Fatalf("%q", got)
	}
	has(t, got["anna@example.org"][0], "Certificates of "+hostName()+" end soon: Good day Anna Example,", "“web” (CN=web.example.com) ends on ", ", in 9 days.",
		"Import the next one: platen cert chain import web FILE", "“corp” (CN=People,O=Example) ends on ", "in 29 days.", "Documents that are sent by LPR are printed all the same.")
	has(t, got["ben@example.org"][0], "Zertifikate von "+hostName()+" enden bald: Guten Tag Ben Example,", "„web“ (CN=web.example.com) endet am ", "platen cert chain import web DATEI", "platen cert trust import DATEI")
	if strings.Contains(fmt.Sprint(got), "idle") {
		t.Error("a chain that nobody is shown is told of")
	}
	if n := strings.Count(h.log.String(), "a certificate ends soon"); n != 2 {
		t.Errorf("the log says it %d times", n)
	}
	has(t, h.get("readyz"), `{"name":"certificates","ready":true,"text":"The certificate web ends on `, ", and 1 more does soon.")
	numbers := h.get("metrics")
	has(t, numbers, `platen_certificate_ends_seconds{chain="web",use="server"} 1.`, `platen_certificate_ends_seconds{chain="corp",use="trusted"} `, `platen_certificate_ends_seconds{chain="root",use="root"} `,
		`platen_certificate_trouble{chain="web"} 0`, `platen_certificate_trouble{chain="node"} 0`)
	if strings.Contains(numbers, `chain="idle"`) {
		t.Error("a chain that nobody is shown has numbers")
	}
	wants(t, dir, exitDone, "It ends in 9 days", "doctor")
	wants(t, dir, exitDone, "It ends in 9 days", "check")
	h.end()

	h = startDemo(t, dir)
	must(t, dir, "password", "cert", "chain", "import", "idle", pfx(t, keyPath, "idle.example.com", "password", 1), "--domain", "idle.example.com", "--ask-password")
	got = mailsTo(t, sink, 4)
	if len(got["anna@example.org"]) != 2 || len(got["ben@example.org"]) != 2 {
		t.Fatalf("%q", got)
	}
	for _, text := range got["anna@example.org"] {
		if strings.Contains(text, "idle") == strings.Contains(text, "web") {
			t.Errorf("told again, or of what was not there: %s", text)
		}
	}
	h.end()
}

// F44: the clock of a node over the life of a chain: at 30, 14, 7 and 1 days and at its
// end, once each; what the node made itself is renewed and nobody hears of it. Without
// a mail server the log says it all the same.
func TestF44MailByTheClock(t *testing.T) {
	sink, set, trust := aPostOffice(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	dir := newNode(t)
	must(t, dir, "", "cert", "domain", "add", "web.example.com")
	must(t, dir, "password", "cert", "chain", "import", "web", pfx(t, keyFile(t, key), "web.example.com", "password", 100), "--domain", "web.example.com", "--ask-password")
	must(t, dir, "", "user", "set", "anna", "--email", "anna@example.org")
	must(t, dir, "", "role", "give", "administrator", "--user", "anna")
	life := func(mails int) {
		opening(t, dir, func(ctx context.Context, a *admin) {
			if err := a.scope.PutValue(ctx, "certificates told", map[string]int{}); err != nil {
				t.Fatal(err)
			}
			begun := a.now()
			var log buffer
			a.log, a.now = slog.New(slog.NewTextHandler(&log, nil)), time.Now
			p := newPost(a.scope, nil, a.log)
			ctx, stop := context.WithCancel(ctx)
			served := make(chan error, 1)
			go func() { served <- p.serve(ctx) }()
			for _, after := range []int{0, 60, 70, 80, 86, 90, 93, 94, 99, 100, 102} {
				now := func() time.Time { return begun.AddDate(0, 0, after).Add(time.Hour) }
				a.now, p.now = now, now
				k := newCerts(a.place, a.scope, now, a.log, func() config.Config { return a.place.cfg })
				k.Tell = p.certificatesEnd // as each start of the node does
				if err := k.Open(ctx); err != nil {
					t.Fatal(err)
				}
			}
			await(t, "all are on their way", func() bool { return len(p.box) == 0 })
			mailsTo(t, sink, mails)
			stop()
			if err := <-served; err != nil {
				t.Error(err)
			}
			if n := strings.Count(log.String(), "a certificate ends soon"); n != 5 || strings.Count(log.String(), "chain=web") != 5 {
				t.Errorf("the log says it %d times:\n%s", n, &log)
			}
		})
	}
	life(0)
	if list, err := sink.Mails(); err != nil || len(list) != 0 {
		t.Errorf("%d mails without a mail server, %v", len(list), err)
	}
	must(t, dir, "", set...)
	must(t, dir, "", trust...)
	life(5)
	list := mailsTo(t, sink, 5)["anna@example.org"]
	slices.Sort(list)
	if len(list) != 5 || !strings.Contains(list[0], "end soon") || !strings.Contains(list[4], "have ended") || !strings.Contains(list[4], "“web” (CN=web.example.com) ended on ") {
		t.Errorf("%d mails: %q", len(list), list)
	}
	has(t, strings.Join(list, "\n"), "in 29 days.", "in 13 days.", "in 6 days.", "within a day.")
}
