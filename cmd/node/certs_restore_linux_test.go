package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"platen/internal/testkit/peers"
	"platen/job"
	"platen/pki"
)

// serialFor is what a client sees who asks a node for a name, having nothing but the
// authority's certificate; and the error of one who checks it.
func (h *house) serialFor(name string) (serial string, err error) {
	h.t.Helper()
	b, err := os.ReadFile(h.demo.CA)
	if err != nil {
		h.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(b)
	addr := strings.TrimSuffix(strings.TrimPrefix(h.demo.Web, "https://"), "/")
	conn, err := (&tls.Dialer{Config: &tls.Config{ServerName: name, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}}).DialContext(inTime(h.t), "tcp", addr)
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close()
	shown := conn.(*tls.Conn).ConnectionState().PeerCertificates
	between := x509.NewCertPool()
	for _, c := range shown[1:] {
		between.AddCert(c)
	}
	_, err = shown[0].Verify(x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: between})
	return shown[0].SerialNumber.String(), err
}

// believesToken reports whether the node takes an API token.
func (h *house) believesToken(token string) bool {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, h.demo.Web+"api/v1/readiness", http.NoBody)
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := h.client().Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// A66, F31: after a disk has died a backup brings back the authority, so that no client
// has to be told anything; the chains, and what they are shown for; the key that signs
// tokens, so that those that are out there are good; domains, trusted authorities,
// watched files with their password, and the account at an ACME server. Without the
// passphrase it brings nothing.
func TestA66CertificatesComeBackFromABackup(t *testing.T) {
	t.Logf("peer: %s", peers.Version("openssl"))
	h := startDemo(t, "")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keyPath := keyFile(t, key)
	h.must("cert", "domain", "add", "print.example.com", "druck.example.com", "watched.example.com")
	must(t, h.dir, "pfx password", "cert", "chain", "import", "web", pfx(t, keyPath, "print.example.com", "pfx password", 100), "--domain", "print.example.com", "--ask-password")
	h.must("cert", "chain", "generate", "own", "--domain", "druck.example.com")
	h.must("cert", "chain", "choose", "own", "druck.example.com")
	h.must("cert", "chain", "request", "asked", filepath.Join(t.TempDir(), "csr"), "--domain", "print.example.com")
	corp := newSigner(t, t.TempDir(), "corp")
	h.must("cert", "trust", "import", corp.file("corp.pem"), "--for", "directory", "--for", "mail")
	h.must("cert", "signing", "generate")
	var token struct{ Token string }
	h.json(&token, "token", "add", "--label", "x", "--right", "report")
	if !h.believesToken(token.Token) {
		t.Fatal("a token that was just made is refused")
	}
	watched := pfx(t, keyPath, "watched.example.com", "watched password", 100)
	h.end()

	const account = `{"key":"the account key","eab":"secret"}`
	acme := pki.Kept{Name: "public", Use: pki.UseServer, From: pki.FromACME, Config: `{"directory":"https://acme.example.com"}`}
	opening(t, h.dir, func(ctx context.Context, a *admin) {
		k, err := a.certs(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.Watch(ctx, "deployed", []string{watched}, "watched password"); err != nil {
			t.Fatal(err)
		}
		if err := k.Choose(ctx, "deployed", []string{"watched.example.com"}); err != nil {
			t.Fatal(err)
		}
		root, err := pki.NewRoot("public", a.now())
		if err == nil {
			acme.ID, acme.Created = job.NewUUID(), a.now()
			err = acme.Set(root)
		}
		if err == nil {
			err = a.scope.PutChain(ctx, acme)
		}
		if err == nil {
			err = a.scope.SetChainSecret(ctx, acme.ID, account)
		}
		if err != nil {
			t.Fatal(err)
		}
	})

	h = startDemo(t, h.dir)
	names := []string{"localhost", "print.example.com", "druck.example.com", "watched.example.com", "other.example.com"}
	serials := map[string]string{}
	for _, n := range names {
		serials[n], _ = h.serialFor(n)
	}
	if len(serials) != 5 || serials["localhost"] != serials["other.example.com"] || serials["print.example.com"] == serials["localhost"] || serials["watched.example.com"] == serials["localhost"] {
		t.Fatalf("shown: %v", serials)
	}
	lists := [][]string{{"cert", "list"}, {"cert", "chain", "list"}, {"cert", "domain", "list"}, {"cert", "trust", "list"}, {"cert", "signing", "list"}, {"cert", "ca", "show"}, {"token", "list"}}
	before := map[string]any{}
	all := func(h *house, into map[string]any) {
		t.Helper()
		for _, args := range lists {
			var v any
			h.json(&v, args...)
			into[strings.Join(args, " ")] = v
		}
	}
	all(h, before)
	file := filepath.Join(t.TempDir(), "platen.age")
	must(t, h.dir, passphrase, "backup", file)
	h.end()
	ca, err := os.ReadFile(h.demo.CA)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(h.dir); err != nil {
		t.Fatal(err)
	}

	dir := filepath.Join(t.TempDir(), "restored")
	if a := platen("another passphrase", "restore", file, "--dir", dir); a.code != exitFailed || !strings.Contains(a.err, "The passphrase is not the one of this backup.") {
		t.Errorf("another passphrase: %d %s", a.code, a.err)
	}
	if list, _ := filepath.Glob(filepath.Join(dir, "*")); len(list) > 0 {
		t.Errorf("without the passphrase: %v", list)
	}
	must(t, dir, passphrase, "restore", file)
	h = startDemo(t, dir)
	if now, err := os.ReadFile(h.demo.CA); err != nil || !slices.Equal(now, ca) {
		t.Errorf("the authority is another one: %v", err)
	}
	for _, n := range names {
		if got, _ := h.serialFor(n); got != serials[n] {
			t.Errorf("%s is shown %s, and was %s", n, got, serials[n])
		}
	}
	for _, n := range []string{"localhost", "druck.example.com"} {
		if _, err := h.serialFor(n); err != nil {
			t.Errorf("clients that have the authority refuse %s: %v", n, err)
		}
	}
	after := map[string]any{}
	all(h, after)
	for what, want := range before {
		a, _ := json.Marshal(want)
		b, _ := json.Marshal(after[what])
		if string(a) != string(b) {
			t.Errorf("%s:\n%s\n%s", what, a, b)
		}
	}
	if !h.believesToken(token.Token) {
		t.Error("a token of before is refused")
	}
	var fresh struct{ Token string }
	h.json(&fresh, "token", "add", "--label", "y", "--right", "report")
	if !h.believesToken(fresh.Token) {
		t.Error("a token of now is refused")
	}
	h.end()
	opening(t, dir, func(ctx context.Context, a *admin) {
		secret, err := a.scope.ChainSecret(ctx, acme.ID)
		if err != nil || secret != account {
			t.Errorf("the account at the ACME server: %q, %v", secret, err)
		}
		k, err := a.certs(ctx)
		if err != nil {
			t.Fatal(err)
		}
		v, err := k.Find("deployed")
		if err != nil || !strings.Contains(v.Config, watched) || v.Trouble != "" {
			t.Errorf("watched: %+v, %v", v, err)
		}
		if secret, err := a.scope.ChainSecret(ctx, v.ID); err != nil || secret != "watched password" {
			t.Errorf("the password of the watched file: %v", err)
		}
	})
}
