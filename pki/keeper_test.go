package pki

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var birth = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

// clock is a clock that a test sets.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func newChain(t *testing.T, c *clock, names ...string) *Keeper {
	t.Helper()
	dir := t.TempDir()
	ch := &Keeper{
		Dir: filepath.Join(dir, "pki"), CAFile: filepath.Join(dir, "ca.pem"),
		Names: func() []string { return names }, Now: c.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	if err := ch.Open(); err != nil {
		t.Fatal(err)
	}
	return ch
}

var testNames = []string{"localhost", "127.0.0.1", "::1", "node1", "print.example.com", "192.168.7.4", "203.0.113.9"}

func pool(t *testing.T, ch *Keeper) *x509.CertPool {
	t.Helper()
	data, err := os.ReadFile(ch.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(data) {
		t.Fatal("no certificate in the CA file")
	}
	return p
}

func TestChainVerifiesForEveryName(t *testing.T) {
	c := &clock{birth}
	ch := newChain(t, c, testNames...)
	leaf := ch.leaf.Leaf
	for _, n := range testNames {
		opt := x509.VerifyOptions{DNSName: n, Roots: pool(t, ch), CurrentTime: birth}
		if _, err := leaf.Verify(opt); err != nil {
			t.Errorf("%s: %v", n, err)
		}
	}
	if _, err := leaf.Verify(x509.VerifyOptions{DNSName: "other.example.com", Roots: pool(t, ch), CurrentTime: birth}); err == nil {
		t.Error("verified for a name it does not have")
	}
	if life := leaf.NotAfter.Sub(leaf.NotBefore); life > 398*24*time.Hour {
		t.Errorf("life = %v, want at most 398 days", life)
	}
	if bits := leaf.SerialNumber.BitLen(); bits < 64 {
		t.Errorf("serial number has %d bits", bits)
	}
	if leaf.IsCA || leaf.KeyUsage != x509.KeyUsageDigitalSignature || !slices.Equal(leaf.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) {
		t.Errorf("leaf may do more than serve: ca %v, usage %b, extended %v", leaf.IsCA, leaf.KeyUsage, leaf.ExtKeyUsage)
	}
	if key, ok := leaf.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve.Params().Name != "P-256" {
		t.Errorf("key is %T", leaf.PublicKey)
	}
}

// A65: the authority is no use for anybody else's names, whatever is asked of it.
func TestA65TheAuthorityIsConstrained(t *testing.T) {
	c := &clock{birth}
	ch := newChain(t, c, testNames...)
	roots := pool(t, ch)
	for _, n := range []string{"www.bank.example", "example.com", "8.8.8.8", "2001:db8::1"} {
		// Issued behind the back of the check, as a thief would.
		leaf, _, err := ch.ca.issue([]string{n}, birth)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := leaf.Leaf.Verify(x509.VerifyOptions{DNSName: n, Roots: roots, CurrentTime: birth}); err == nil {
			t.Errorf("the stolen authority vouches for %s", n)
		}
	}
	for _, use := range []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageCodeSigning, x509.ExtKeyUsageEmailProtection} {
		opt := x509.VerifyOptions{Roots: roots, CurrentTime: birth, KeyUsages: []x509.ExtKeyUsage{use}}
		if _, err := ch.leaf.Leaf.Verify(opt); err == nil {
			t.Errorf("verified for usage %v", use)
		}
	}
	if ca := ch.ca.cert; !ca.MaxPathLenZero || ca.MaxPathLen != 0 || !ca.PermittedDNSDomainsCritical {
		t.Error("the authority may make authorities, or its constraints may be ignored")
	}
}

// A65: names that the authority may not vouch for are left out and reported,
// the rest is served.
func TestA65NewPublicNameIsReported(t *testing.T) {
	c := &clock{birth}
	ch := newChain(t, c, "localhost", "node1")
	ch.Names = func() []string {
		return []string{"localhost", "node1", "other.lan", "print.example.net", "198.51.100.4", "no host"}
	}
	renewed, err := ch.Check()
	if err != nil || !renewed {
		t.Fatalf("renewed %v, err %v", renewed, err)
	}
	if got, want := ch.Uncovered(), []string{"print.example.net", "198.51.100.4", "no host"}; !slices.Equal(got, want) {
		t.Errorf("uncovered %q, want %q", got, want)
	}
	if got, want := ch.Hosts(), []string{"localhost", "node1", "other.lan"}; !slices.Equal(got, want) {
		t.Errorf("hosts %q, want %q", got, want)
	}
	if err := ch.Replace(); err != nil {
		t.Fatal(err)
	}
	if got, want := ch.Hosts(), []string{"localhost", "node1", "other.lan", "print.example.net", "198.51.100.4"}; !slices.Equal(got, want) {
		t.Errorf("hosts after Replace %q, want %q", got, want)
	}
	if _, err := ch.leaf.Leaf.Verify(x509.VerifyOptions{DNSName: "print.example.net", Roots: pool(t, ch), CurrentTime: birth}); err != nil {
		t.Errorf("the published authority does not verify: %v", err)
	}
}

// F44, F22: renewal by the clock, wherever the clock goes.
func TestF44Renewal(t *testing.T) {
	tests := map[string]struct {
		after   time.Duration // since birth
		renewed bool
	}{
		"the next day":               {24 * time.Hour, false},
		"after 350 days":             {350 * 24 * time.Hour, false},
		"less than 45 days left":     {353 * 24 * time.Hour, true},
		"expired while switched off": {500 * 24 * time.Hour, true},
		"clock two days back":        {-48 * time.Hour, true},
		"clock half a year back":     {-180 * 24 * time.Hour, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := &clock{birth}
			ch := newChain(t, c, testNames...)
			before := ch.leaf.Leaf.SerialNumber
			c.now = birth.Add(tt.after)
			renewed, err := ch.Check()
			if err != nil || renewed != tt.renewed {
				t.Fatalf("renewed = %v, %v, want %v", renewed, err, tt.renewed)
			}
			if got := ch.leaf.Leaf.SerialNumber.Cmp(before) != 0; got != tt.renewed {
				t.Errorf("serial number changed: %v", got)
			}
			opt := x509.VerifyOptions{DNSName: "node1", Roots: pool(t, ch), CurrentTime: c.now}
			if _, err := ch.leaf.Leaf.Verify(opt); err != nil {
				t.Errorf("not valid at its own time: %v", err)
			}
			if again, err := ch.Check(); again || err != nil {
				t.Errorf("renewed twice: %v, %v", again, err)
			}
		})
	}
}

func TestF44AuthorityNearItsEnd(t *testing.T) {
	c := &clock{birth}
	ch := newChain(t, c, testNames...)
	var log bytes.Buffer
	ch.Log = slog.New(slog.NewTextHandler(&log, nil))

	c.now = ch.ca.cert.NotAfter.Add(-80 * 24 * time.Hour)
	if renewed, err := ch.Check(); err != nil || !renewed {
		t.Fatalf("renewed %v, %v", renewed, err)
	}
	if server, ca := ch.Ends(); server.After(ca) {
		t.Errorf("the certificate ends %v, after its issuer %v", server, ca)
	}
	if !strings.Contains(log.String(), "ends soon") {
		t.Errorf("no warning in %q", log.String())
	}
	c.now = ch.ca.cert.NotAfter.Add(-time.Hour)
	if renewed, err := ch.Check(); err != nil || renewed {
		t.Errorf("renewing cannot help any more: %v, %v", renewed, err)
	}
	c.now = ch.ca.cert.NotAfter.Add(time.Hour)
	if _, err := ch.Check(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "has ended") {
		t.Errorf("no alarm in %q", log.String())
	}
}

func TestServeRenewsInARunningServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := newChain(t, &clock{}, "localhost") // of the year 1; the real one follows
		ch.Now = time.Now
		if err := ch.Replace(); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- ch.Serve(ctx) }()
		first, err := ch.Certificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(400 * 24 * time.Hour)
		synctest.Wait()
		if second, _ := ch.Certificate(nil); second == first {
			t.Error("the certificate is the same after 400 days")
		} else if left := time.Until(second.Leaf.NotAfter); left < leafRenew {
			t.Errorf("only %v left", left)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestOpenKeepsWhatIsThere(t *testing.T) {
	c := &clock{birth}
	ch := newChain(t, c, testNames...)
	again := &Keeper{Dir: ch.Dir, CAFile: ch.CAFile, Names: ch.Names, Now: c.Now, Log: ch.Log}
	if err := os.Remove(ch.CAFile); err != nil {
		t.Fatal(err)
	}
	if err := again.Open(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.leaf.Certificate[0], ch.leaf.Certificate[0]) || !bytes.Equal(again.CAPEM(), ch.CAPEM()) {
		t.Error("a second start made new certificates")
	}
	if data, err := os.ReadFile(ch.CAFile); err != nil || !bytes.Equal(data, ch.CAPEM()) {
		t.Errorf("the CA file was not written again: %v", err)
	}
}

func TestOpenWithDamagedFiles(t *testing.T) {
	for name, tt := range map[string]struct {
		file string
		data string
		ok   bool
	}{
		"server certificate cut":  {"server.pem", "-----BEGIN", true},
		"server certificate gone": {"server.pem", "", true},
		"authority damaged":       {"authority.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			c := &clock{birth}
			ch := newChain(t, c, testNames...)
			if err := os.WriteFile(filepath.Join(ch.Dir, tt.file), []byte(tt.data), 0o600); err != nil {
				t.Fatal(err)
			}
			again := &Keeper{Dir: ch.Dir, CAFile: ch.CAFile, Names: ch.Names, Now: c.Now, Log: ch.Log}
			if err := again.Open(); (err == nil) != tt.ok {
				t.Fatalf("err = %v, want none: %v", err, tt.ok)
			}
			if tt.ok && !bytes.Equal(again.CAPEM(), ch.CAPEM()) {
				t.Error("the authority was replaced")
			}
		})
	}
}

// A61, A66: the keys are for the owner only, the CA's certificate is for all.
func TestA61ModesOfFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Log("modes are ACLs there; internal/fsys tests them")
		return
	}
	ch := newChain(t, &clock{birth}, testNames...)
	for path, want := range map[string]os.FileMode{
		ch.Dir: 0o700, ch.authorityPath(): 0o600, ch.leafPath(): 0o600, ch.CAFile: 0o644,
	} {
		fi, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := fi.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", filepath.Base(path), got, want)
		}
	}
	data, err := os.ReadFile(ch.CAFile)
	if err != nil || bytes.Contains(data, []byte("PRIVATE")) {
		t.Errorf("the CA file holds a key, or: %v", err)
	}
}

func TestNormalNames(t *testing.T) {
	for raw, want := range map[string]string{
		"Node1.": "node1", " print.lan ": "print.lan", "[::1]": "::1", "::ffff:10.0.0.1": "10.0.0.1", "pc_17": "pc_17",
		"": "", "0.0.0.0": "", "::": "", "fe80::1%eth0": "", "a..b": "", "-x": "", "*.example.com": "", "a b": "", strings.Repeat("a", 64): "",
	} {
		got, _, ok := normal(raw)
		if ok != (want != "") || ok && got != want {
			t.Errorf("normal(%q) = %q, %v, want %q", raw, got, ok, want)
		}
	}
}

func TestHostNames(t *testing.T) {
	names := HostNames("print.example.com:5443", "0.0.0.0:443", "192.0.2.7", "LOCALHOST")
	for _, want := range []string{"localhost", "127.0.0.1", "::1", "print.example.com", "192.0.2.7"} {
		if !slices.Contains(names, want) {
			t.Errorf("%q is missing in %q", want, names)
		}
	}
	if slices.Contains(names, "0.0.0.0") || slices.Index(names, "localhost") != len(names)-1-slices.Index(reversed(names), "localhost") {
		t.Errorf("a wildcard, or a name twice: %q", names)
	}
}

func reversed(s []string) []string {
	r := slices.Clone(s)
	slices.Reverse(r)
	return r
}

// serve accepts TLS connections until the test ends.
func serve(t *testing.T, ch *Keeper) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			tc := tls.Server(conn, ch.ServerConfig())
			_ = tc.SetDeadline(time.Now().Add(10 * time.Second))
			if tc.Handshake() == nil {
				_, _ = io.WriteString(tc, "HTTP/1.0 200 OK\r\n\r\n")
			}
			_ = tc.Close()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return ln.Addr().String()
}

// A68: what OpenSSL is offered, old and weak things included.
func TestA68OpenSSLHandshakes(t *testing.T) {
	ch := newChain(t, &clock{time.Now()}, testNames...)
	addr := serve(t, ch)
	tests := map[string]struct {
		args []string
		ok   bool
	}{
		"TLS 1.3":                 {[]string{"-tls1_3"}, true},
		"TLS 1.2":                 {[]string{"-tls1_2"}, true},
		"TLS 1.2 CHACHA20":        {[]string{"-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"}, true},
		"TLS 1.1":                 {[]string{"-tls1_1", "-cipher", "ALL:@SECLEVEL=0"}, false},
		"TLS 1.0":                 {[]string{"-tls1", "-cipher", "ALL:@SECLEVEL=0"}, false},
		"CBC with SHA-1":          {[]string{"-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"}, false},
		"CBC with SHA-256":        {[]string{"-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256:@SECLEVEL=0"}, false},
		"RSA key exchange":        {[]string{"-tls1_2", "-cipher", "AES128-GCM-SHA256:@SECLEVEL=0"}, false},
		"another name":            {[]string{"-verify_hostname", "other.example.com"}, false},
		"the address by its name": {[]string{"-verify_ip", "192.168.7.4"}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"s_client", "-connect", addr, "-CAfile", ch.CAFile, "-no-CApath", "-verify_return_error", "-x509_strict"}, tt.args...)
			cmd := exec.CommandContext(t.Context(), "openssl", args...)
			out, err := cmd.CombinedOutput()
			ok := err == nil && bytes.Contains(out, []byte("Verify return code: 0 (ok)"))
			if ok != tt.ok {
				t.Errorf("openssl s_client %v: ok = %v, want %v\n%s", tt.args, ok, tt.ok, out)
			}
		})
	}
}

// The chain is checked by software that nobody here wrote, constraints included.
func TestOpenSSLVerifiesTheChain(t *testing.T) {
	ch := newChain(t, &clock{time.Now()}, testNames...)
	foreign, data, err := ch.ca.issue([]string{"www.bank.example"}, time.Now())
	if err != nil || foreign == nil {
		t.Fatal(err)
	}
	bad := filepath.Join(t.TempDir(), "bad.pem")
	if err := os.WriteFile(bad, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{ch.leafPath(): true, bad: false} {
		out, err := exec.CommandContext(t.Context(), "openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-no-CApath", "-CAfile", ch.CAFile, path).CombinedOutput()
		if (err == nil) != want {
			t.Errorf("openssl verify %s: %v\n%s", filepath.Base(path), err, out)
		}
	}
}
