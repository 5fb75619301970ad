package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"platen/internal/testkit/peers"
)

// filed writes the parts of a certificate into files: ca.pem, cert.pem, key.pem.
func filed(t *testing.T, c peers.Certificate) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, b := range map[string][]byte{"ca.pem": c.CA, "cert.pem": c.Cert, "key.pem": c.Key} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func certificateFor(t *testing.T, notAfter time.Time, name string) peers.Certificate {
	t.Helper()
	c, err := peers.NewCertificate(notAfter, name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// An authority that is trusted for one thing is trusted for nothing else; what changes
// counts at the next connection of the running node, and the sentence of a test says
// what is to be imported.
func TestA67F45TheDirectoryIsTrustedForItself(t *testing.T) {
	s, ca := slapd(t, 3)
	h := startDemo(t, "")
	must(t, h.dir, peers.SlapdPassword+"\n", "source", "add", "corp", "--kind", "ldap", "--enabled", "no", "--server", s.TLSURL(), "--base", peers.SlapdSuffix,
		"--bind-as", peers.SlapdAdmin, "--attribute", "cards=pager", "--ask-password")
	const importIt = "platen cert trust import FILE --for directory"
	refused := func(says string) {
		t.Helper()
		for _, url := range []string{s.TLSURL(), s.URL()} {
			must(t, h.dir, peers.SlapdPassword+"\n", "source", "set", "corp", "--server", url, "--ask-password")
			wants(t, h.dir, exitFailed, says, "source", "test", "corp")
			wants(t, h.dir, exitFailed, says, "source", "sync", "corp")
		}
	}
	refused(importIt)
	wants(t, h.dir, exitFailed, importIt, "cert", "trust", "test", s.TLSURL())
	h.must("cert", "trust", "import", ca, "--for", "mail", "--for", "sign-in", "--for", "people", "--for", "devices", "--name", "corp")
	refused(importIt)
	wants(t, h.dir, exitFailed, "trusted here, but not for this", "cert", "trust", "test", s.TLSURL())
	h.must("cert", "trust", "import", ca, "--for", "directory")
	for _, url := range []string{s.TLSURL(), s.URL()} {
		must(t, h.dir, peers.SlapdPassword+"\n", "source", "set", "corp", "--server", url, "--ask-password")
		wants(t, h.dir, exitDone, "3 people", "source", "test", "corp")
	}
	wants(t, h.dir, exitDone, "It is trusted", "cert", "trust", "test", s.TLSURL())
	if r := h.sync(); r.Read == 0 {
		t.Errorf("%+v", r)
	}

	// A certificate that has ended, or is another host's, is refused although its
	// authority is trusted.
	for name, tt := range map[string]struct {
		c    peers.Certificate
		says string
	}{
		"ended":        {certificateFor(t, time.Now().AddDate(0, 0, -1), "127.0.0.1"), "is not valid now"},
		"another host": {certificateFor(t, time.Now().AddDate(0, 0, 2), "dc9.platen.test"), "is for another name"},
	} {
		other, err := peers.StartSlapd(t.Context(), t.TempDir(), peers.SlapdOptions{Certificate: tt.c})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(other.Stop)
		h.must("cert", "trust", "import", filepath.Join(filed(t, tt.c), "ca.pem"), "--for", "directory")
		must(t, h.dir, peers.SlapdPassword+"\n", "source", "set", "corp", "--server", other.TLSURL(), "--ask-password")
		a := platen("", "source", "test", "corp", "--dir", h.dir)
		if a.code != exitFailed || !strings.Contains(a.err, tt.says) {
			t.Errorf("%s: %+v", name, a)
		}
	}

	// What is named for the source alone counts alone.
	must(t, h.dir, peers.SlapdPassword+"\n", "source", "set", "corp", "--server", s.TLSURL(), "--ask-password")
	wants(t, h.dir, exitDone, "3 people", "source", "test", "corp")
	h.must("source", "trust", "corp", filepath.Join(filed(t, certificateFor(t, time.Now().Add(time.Hour), "127.0.0.1")), "ca.pem"))
	wants(t, h.dir, exitFailed, "named for it alone", "source", "test", "corp")
	h.must("source", "trust", "corp", ca)
	h.must("cert", "trust", "remove", "corp")
	must(t, h.dir, peers.SlapdPassword+"\n", "source", "set", "corp", "--ask-password")
	wants(t, h.dir, exitDone, "3 people", "source", "test", "corp")
	h.end()

	// A node that does not run reads the same list.
	must(t, h.dir, peers.SlapdPassword+"\n", "source", "add", "again", "--kind", "ldap", "--enabled", "no", "--server", s.TLSURL(), "--base", peers.SlapdSuffix,
		"--bind-as", peers.SlapdAdmin, "--ask-password")
	wants(t, h.dir, exitFailed, importIt, "source", "test", "again")
	must(t, h.dir, "", "cert", "trust", "import", ca, "--for", "directory")
	wants(t, h.dir, exitDone, "3 people", "source", "test", "again")
}

func TestA67TheMailServerIsTrustedForItself(t *testing.T) {
	files := filed(t, certificateFor(t, time.Now().Add(time.Hour), "127.0.0.1"))
	ca := filepath.Join(files, "ca.pem")
	sink, err := peers.StartSMTP(context.Background(), t.TempDir(), peers.SMTPOptions{CertFile: filepath.Join(files, "cert.pem"), KeyFile: filepath.Join(files, "key.pem"), User: "print", Password: "s3cret"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Stop)
	t.Logf("peer: %s", sink.Version)
	h := startDemo(t, "")
	must(t, h.dir, "s3cret\n", "mail", "set", "--host", sink.Host, "--port", fmt.Sprint(sink.Port), "--from", "print@example.org", "--user", "print", "--ask-password")
	const importIt = "platen cert trust import FILE --for mail"
	wants(t, h.dir, exitFailed, importIt, "mail", "test")
	h.must("cert", "trust", "import", ca, "--for", "directory", "--name", "corp")
	wants(t, h.dir, exitFailed, importIt, "mail", "test")
	h.must("cert", "trust", "import", ca, "--for", "mail")
	wants(t, h.dir, exitDone, "signed in", "mail", "test", "anna@example.org")
	h.must("user", "set", "anna", "--email", "anna@example.org")
	h.must("pin", "generate", "anna", "--mail")
	if mails, err := sink.Mails(); err != nil || len(mails) != 2 {
		t.Errorf("%d mails, %v", len(mails), err)
	}
	h.must("cert", "trust", "remove", "corp")
	wants(t, h.dir, exitFailed, importIt, "mail", "test")
	h.end()
}

func TestA67TheProviderIsTrustedForItself(t *testing.T) {
	c := certificateFor(t, time.Now().Add(time.Hour), "127.0.0.1")
	ca := filepath.Join(filed(t, c), "ca.pem")
	pair, err := tls.X509KeyPair(c.Cert, c.Key)
	if err != nil {
		t.Fatal(err)
	}
	h := startDemo(t, "")
	issuer := startProvider(t, people{}, h.demo.Web, pair)
	must(t, h.dir, clientSecret+"\n", "sign-in", "oidc", "set", "--issuer", issuer, "--client", "platen", "--name", "Zitadel", "--ask-password")
	client := h.client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	begins := func() bool {
		t.Helper()
		resp, err := client.Get(h.demo.Web + "sign-in/oidc")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return strings.HasPrefix(resp.Header.Get("Location"), issuer)
	}
	const importIt = "platen cert trust import FILE --for sign-in"
	for _, purpose := range []string{"", "mail", "sign-in"} {
		if purpose != "" {
			h.must("cert", "trust", "import", ca, "--for", purpose, "--name", "corp")
		}
		if purpose == "sign-in" {
			break
		}
		wants(t, h.dir, exitFailed, importIt, "sign-in", "oidc", "test")
		if begins() {
			t.Errorf("trusted for %q, and somebody is sent there", purpose)
		}
	}
	wants(t, h.dir, exitDone, "answers", "sign-in", "oidc", "test")
	if !begins() {
		t.Error("trusted, and nobody is sent there")
	}
	h.must("cert", "trust", "remove", "corp")
	wants(t, h.dir, exitFailed, importIt, "sign-in", "oidc", "test")
	h.end()
}

// A device whose authority was named for devices gets its new keys by itself; one for
// which nobody vouches is known by its key, as before. The device is another node.
func TestA67ADeviceThatIsVouchedFor(t *testing.T) {
	h, far := startDemo(t, ""), startDemo(t, "")
	uri := strings.Replace(strings.Replace(far.demo.IPPNow, "ipp:", "ipps:", 1), "127.0.0.1", "localhost", 1)
	h.must("device", "add", "far", "--uri", uri)
	h.must("queue", "add", "far", "--mode", "passthrough", "--device", "far")
	local := strings.TrimSuffix(h.demo.IPPNow, "direct") + "far"
	prints := func() {
		t.Helper()
		before := len(far.printed())
		if err := h.prints(local); err != nil {
			t.Fatal(err)
		}
		await(t, "the document comes out far away", func() bool { return len(far.printed()) > before })
	}
	key := func() string {
		t.Helper()
		var d struct{ Key string }
		h.json(&d, "device", "show", "far")
		return d.Key
	}

	prints()
	wants(t, h.dir, exitFailed, "--for devices", "cert", "trust", "test", uri, "--for", "devices")
	h.must("cert", "trust", "import", far.demo.CA, "--for", "devices", "--name", "far's")
	wants(t, h.dir, exitDone, "It is trusted", "cert", "trust", "test", uri, "--for", "devices")
	far.must("cert", "domain", "add", "one.example.org") // a new certificate, with a new key
	prints()
	h.awaitLog("shows a new key, and an authority vouches for it")

	// Without it, another key is another device.
	h.must("cert", "trust", "remove", "far's")
	prints()
	was := key()
	far.must("cert", "domain", "add", "two.example.org")
	if err := h.prints(local); err != nil {
		t.Fatal(err)
	}
	h.awaitLog("The key of the device has changed")
	if key() != was || was == "" {
		t.Errorf("the key was %q, and is %q", was, key())
	}
	count := len(far.printed())
	h.must("cert", "trust", "import", far.demo.CA, "--for", "devices")
	await(t, "the document that waited comes out", func() bool { return len(far.printed()) > count })
	h.end()
	far.end()
}
