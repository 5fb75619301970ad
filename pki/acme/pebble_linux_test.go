package acme

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"platen/fault"
	"platen/internal/testkit/peers"
	"platen/pki"
)

const below = "../.."

func pebble(t *testing.T, o peers.PebbleOptions) *peers.Pebble {
	t.Helper()
	o.Below = below
	p, err := peers.StartPebble(t.Context(), t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	t.Log(p.Version)
	return p
}

// nameServer returns a name server that knows names, all at 127.0.0.1.
func nameServer(t *testing.T, names ...string) *peers.ChallTestSrv {
	t.Helper()
	c, err := peers.StartChallTestSrv(t.Context(), below)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	t.Log(c.Version)
	for _, n := range names {
		if err := c.Set(t.Context(), n, "127.0.0.1"); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// port80 serves h and returns its port.
func port80(t *testing.T, h http.Handler) int {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func client(t *testing.T, p *peers.Pebble) *Client {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(p.Certificate.CA) {
		t.Fatal("pebble shows no certificate")
	}
	return &Client{
		Config: Config{Directory: p.Directory, Email: "admin@print.example", Agreed: true},
		Roots:  roots, HTTP01: &Challenges{}, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
}

func mustTrust(t *testing.T, p *peers.Pebble, c *pki.Chain, names ...string) {
	t.Helper()
	root, err := p.Root(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AppendCertsFromPEM(root)
	for _, x := range c.Certs[1:] {
		between.AddCert(x)
	}
	for _, n := range names {
		if _, err := c.Leaf().Verify(x509.VerifyOptions{DNSName: n, Roots: roots, Intermediates: between}); err != nil {
			t.Errorf("%s: %v", n, err)
		}
	}
	if _, err := tls.X509KeyPair(c.CertsPEM(), keyPEM(t, c.Key)); err != nil {
		t.Error(err)
	}
}

func mustSay(t *testing.T, err error, kind fault.Kind, want ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("there is no error")
	}
	text := fault.Text(err)
	t.Log(text)
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("it says %q, want %q\n%v", text, w, err)
		}
	}
	if fault.KindOf(err) != kind {
		t.Errorf("kind %v, want %v", fault.KindOf(err), kind)
	}
}

func mustBeEmpty(t *testing.T, c *Challenges) {
	t.Helper()
	if len(c.answers) > 0 {
		t.Errorf("%d answers are left behind", len(c.answers))
	}
}

func TestHTTP01(t *testing.T) {
	answers := &Challenges{}
	p := pebble(t, peers.PebbleOptions{DNS: nameServer(t, "print.example", "www.print.example").Addr, HTTPPort: port80(t, answers)})
	c := client(t, p)
	c.HTTP01 = answers
	first, err := c.Obtain(t.Context(), []string{"Print.Example.", "www.print.example", "print.example"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	mustTrust(t, p, first, "print.example", "www.print.example")
	mustBeEmpty(t, answers)

	// Another run of the node has only what was kept.
	again := client(t, p)
	again.HTTP01, again.Key, again.Registration, again.Replaces = answers, c.Key, c.Registration, first.Leaf()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	second, err := again.Obtain(t.Context(), []string{"print.example"}, key)
	if err != nil {
		t.Fatal(err)
	}
	mustTrust(t, p, second, "print.example")
	if !key.PublicKey.Equal(second.Leaf().PublicKey) {
		t.Error("the certificate is for another key")
	}
	if !bytes.Equal(again.Registration, c.Registration) {
		t.Errorf("the account was %s, and is now %s", c.Registration, again.Registration)
	}
}

func TestManyNoncesAreRejected(t *testing.T) {
	answers := &Challenges{}
	p := pebble(t, peers.PebbleOptions{DNS: nameServer(t, "print.example").Addr, HTTPPort: port80(t, answers), Nonces: 30})
	c := client(t, p)
	c.HTTP01 = answers
	if _, err := c.Obtain(t.Context(), []string{"print.example"}, nil); err != nil {
		t.Fatal(err)
	}
}

func TestNamesThatAreNotProven(t *testing.T) {
	nobody, err := peers.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		name string
		port int
		want []string
	}{
		"not in the DNS":    {"nowhere.example", nobody, []string{"does not find nowhere.example in the DNS", "or use dns-01."}},
		"nobody answers":    {"print.example", nobody, []string{"cannot reach print.example at port 80", "connection refused", "Let port 80"}},
		"another answers":   {"print.example", port80(t, http.NotFoundHandler()), []string{"Something else than this node answers for print.example", "404"}},
		"another says more": {"print.example", port80(t, http.HandlerFunc(chatter)), []string{"Something else than this node answers for print.example", "…"}},
	}
	dns := nameServer(t, "print.example")
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := client(t, pebble(t, peers.PebbleOptions{DNS: dns.Addr, HTTPPort: tt.port}))
			_, err := c.Obtain(t.Context(), []string{tt.name}, nil)
			mustSay(t, err, fault.Denied, tt.want...)
			mustBeEmpty(t, c.HTTP01)
		})
	}
}

func chatter(w http.ResponseWriter, _ *http.Request) {
	_, _ = w.Write([]byte(strings.Repeat("<html>\r\n\x1b[31mHello ", 1000)))
}

func TestNobodyWaitsAnyLonger(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	c := client(t, pebble(t, peers.PebbleOptions{DNS: nameServer(t, "print.example").Addr, HTTPPort: port80(t, silent(t, func() { cancel(nil) }))}))
	_, err := c.Obtain(ctx, []string{"print.example"}, nil)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
	mustBeEmpty(t, c.HTTP01)
	if c.Key == nil || c.Registration == nil {
		t.Error("the account that was made is not kept")
	}
}

func TestItTakesTooLong(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	c := client(t, pebble(t, peers.PebbleOptions{DNS: nameServer(t, "print.example").Addr, HTTPPort: port80(t, silent(t, func() { cancel(errSlow) }))}))
	_, err := c.Obtain(ctx, []string{"print.example"}, nil)
	mustSay(t, err, fault.Unavailable, "was not done in time")
	mustBeEmpty(t, c.HTTP01)
}

func TestNobodyWaitsForTheDirectory(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	srv := httptest.NewTLSServer(silent(t, cancel))
	defer srv.Close()
	c := &Client{Config: Config{Directory: srv.URL}, Roots: x509.NewCertPool(), HTTP01: &Challenges{}}
	c.Roots.AddCert(srv.Certificate())
	_, err := c.Obtain(ctx, []string{"print.example"}, nil)
	if !errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err = %v", err)
	}
}

// silent tells that somebody has asked, and does not answer.
func silent(t *testing.T, asked func()) http.HandlerFunc {
	t.Helper()
	return func(_ http.ResponseWriter, r *http.Request) {
		asked()
		select {
		case <-t.Context().Done():
		case <-r.Context().Done():
		}
	}
}

func TestServersThatAreNotBelieved(t *testing.T) {
	p := pebble(t, peers.PebbleOptions{HTTPPort: 1})
	other, err := peers.NewCertificate(time.Now().AddDate(0, 0, 2), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	website := httptest.NewTLSServer(http.HandlerFunc(chatter))
	defer website.Close()
	elsewhere := httptest.NewTLSServer(http.RedirectHandler(p.Directory, http.StatusFound))
	defer elsewhere.Close()
	closed, err := peers.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(strings.TrimSuffix(p.Directory, "/dir"), "https://"))
	tests := map[string]struct {
		change func(*Client)
		kind   fault.Kind
		want   string
	}{
		"another authority": {func(c *Client) { c.Roots = pool(other.CA) }, fault.Unavailable, "not trusted here. Import the authority: platen cert trust import"},
		"another name":      {func(c *Client) { c.Directory = "https://localhost:" + port + "/dir" }, fault.Unavailable, "for other names"},
		"a website": {func(c *Client) {
			c.Directory, c.Roots = website.URL, website.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		}, fault.Unavailable, "is not an ACME server"},
		"a detour": {func(c *Client) { c.Directory = elsewhere.URL; c.Roots.AddCert(elsewhere.Certificate()) }, fault.Unavailable, "is not an ACME server"},
		"nobody":   {func(c *Client) { c.Directory = "https://127.0.0.1:" + strconv.Itoa(closed) }, fault.Unavailable, "cannot be reached"},
		"no TLS":   {func(c *Client) { c.Directory = "http://127.0.0.1:" + port + "/dir" }, fault.Invalid, "begins with https"},
		"terms":    {func(c *Client) { c.Agreed = false }, fault.Invalid, "has terms that must be agreed to first: data:text/plain,"},
		"e-mail":   {func(c *Client) { c.Email = "no address" }, fault.Invalid, "does not accept the e-mail address"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := client(t, p)
			tt.change(c)
			_, err := c.Obtain(t.Context(), []string{"print.example"}, nil)
			mustSay(t, err, tt.kind, tt.want)
		})
	}
}

func pool(pem []byte) *x509.CertPool {
	p := x509.NewCertPool()
	p.AppendCertsFromPEM(pem)
	return p
}

func TestExternalAccountBinding(t *testing.T) {
	const kid, key = "kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
	answers := &Challenges{}
	p := pebble(t, peers.PebbleOptions{DNS: nameServer(t, "print.example").Addr, HTTPPort: port80(t, answers), EAB: map[string]string{kid: key}})
	tests := map[string]struct {
		kid, key string
		want     string // "": a certificate
	}{
		"none":          {"", "", "wants to know whose account this is (EAB)"},
		"unknown":       {"kid-2", key, "does not accept the key kid-2 (EAB)"},
		"wrong secret":  {kid, "AAAA" + key[4:], "does not accept the key kid-1 (EAB)"},
		"not a secret":  {kid, "!!", "cannot be read: it is base64url"},
		"as it should":  {kid, key, ""},
		"padded, maybe": {kid, key + "==", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := client(t, p)
			c.HTTP01, c.EABKeyID, c.EABKey = answers, tt.kid, tt.key
			_, err := c.Obtain(t.Context(), []string{"print.example"}, nil)
			if tt.want != "" {
				mustSay(t, err, fault.Invalid, tt.want)
			} else if err != nil {
				t.Error(err)
			}
			if err != nil && tt.key != "" && strings.Contains(err.Error(), tt.key) {
				t.Error("the secret is in the error")
			}
		})
	}
}

func TestNamesThatAreBlocked(t *testing.T) {
	c := client(t, pebble(t, peers.PebbleOptions{HTTPPort: 1, Blocked: []string{"blocked.example"}}))
	_, err := c.Obtain(t.Context(), []string{"print.example", "blocked.example"}, nil)
	mustSay(t, err, fault.Denied, "gives no certificate for this name", "blocked.example")
}

// A server of the house that was set up anew knows nobody.
func TestTheServerForgotTheAccount(t *testing.T) {
	answers := &Challenges{}
	o := peers.PebbleOptions{DNS: nameServer(t, "print.example").Addr, HTTPPort: port80(t, answers)}
	p := pebble(t, o)
	c := client(t, p)
	c.HTTP01 = answers
	first, err := c.Obtain(t.Context(), []string{"print.example"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	p.Stop()
	before := c.Registration
	o.At = p.At
	p = pebble(t, o)
	c.Roots, c.Replaces = client(t, p).Roots, first.Leaf()
	if _, err := c.Obtain(t.Context(), []string{"print.example"}, nil); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(before, c.Registration) {
		t.Error("the account is still the old one")
	}
}

func TestRenewalTime(t *testing.T) {
	answers := &Challenges{}
	p := pebble(t, peers.PebbleOptions{DNS: nameServer(t, "print.example").Addr, HTTPPort: port80(t, answers)})
	c := client(t, p)
	c.HTTP01 = answers
	chain, err := c.Obtain(t.Context(), []string{"print.example"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	at, err := c.RenewalTime(t.Context(), chain.Leaf())
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.RenewalTime(t.Context(), chain.Leaf())
	if err != nil || !again.Equal(at) {
		t.Errorf("%v, then %v, %v", at, again, err)
	}
	if at.Before(chain.Leaf().NotBefore) || at.After(chain.Leaf().NotAfter) {
		t.Errorf("renewal at %v of a certificate from %v to %v", at, chain.Leaf().NotBefore, chain.Leaf().NotAfter)
	}
	t.Logf("renewal at %v, end at %v", at, chain.Leaf().NotAfter)
}

func keyPEM(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}
