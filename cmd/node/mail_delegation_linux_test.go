package main

import (
	"context"
	"io"
	"mime/quotedprintable"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"platen/internal/testkit/peers"
)

// Both sides learn by mail that somebody lets a colleague print their documents, and
// that it is over; a refusal is no mail.
func TestMailOfDelegations(t *testing.T) {
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
	sink, err := peers.StartSMTP(context.Background(), t.TempDir(), peers.SMTPOptions{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Stop)
	t.Logf("peer: %s", sink.Version)
	h := startDemo(t, "")
	h.must("mail", "set", "--host", sink.Host, "--port", strconv.Itoa(sink.Port), "--from", "print@example.org")
	h.must("mail", "trust", filepath.Join(dir, "ca.pem"))
	h.must("user", "set", "anna", "--email", "anna@example.org")
	h.must("user", "set", "ben", "--email", "ben@example.org", "--language", "de")
	come := func(n int, want ...string) {
		t.Helper()
		var all string
		await(t, "the mails have come", func() bool {
			list, err := sink.Mails()
			if err != nil {
				t.Fatal(err)
			}
			all = ""
			for _, m := range list {
				b, err := io.ReadAll(quotedprintable.NewReader(m.Body))
				if err != nil {
					t.Fatal(err)
				}
				all += m.Header.Get("To") + ": " + strings.Join(strings.Fields(string(b)), " ") + "\n"
			}
			return len(list) == n
		})
		for _, w := range want {
			if !strings.Contains(all, w) {
				t.Errorf("no %q in\n%s", w, all)
			}
		}
	}
	page := h.browser().signIn("anna", "anna").get("/print/mine/delegations")
	page.post("/print/mine/delegations/give", "login", "ben").wants(200, "/print/mine/delegations", "Ben Example")
	come(2, "<anna@example.org>: Good day Anna Example", "your documents may be printed by Ben Example.", "<ben@example.org>: Guten Tag Ben Example", "Sie dürfen Dokumente von Anna Example drucken")
	id := regexp.MustCompile(`name="id" value="([^"]*)"`).FindStringSubmatch(page.body)[1]
	page.post("/print/mine/delegations/end", "id", id).wants(200, "/print/mine/delegations", "Nobody but you.")
	come(4, "your documents may no longer be printed by Ben Example.", "Sie dürfen Dokumente von Anna Example nicht mehr drucken")

	// One that an administrator has made: refused, made again, and allowed.
	ask := func() *browser {
		t.Helper()
		h.must("delegation", "add", "--of", "anna", "--to", "ben")
		page.get("/print/mine/delegations").wants(200, "/print/mine/delegations", "asks to print your documents")
		id = regexp.MustCompile(`name="id" value="([^"]*)"`).FindStringSubmatch(page.body)[1]
		return page
	}
	ask().post("/print/mine/delegations/end", "id", id)
	ask().post("/print/mine/delegations/allow", "id", id).wants(200, "/print/mine/delegations", "Ben Example")
	come(6)
	h.end()
}
