package pki

import (
	"bufio"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"platen/fault"
	"platen/internal/testkit/peers"
)

func startSlapd(t *testing.T, c peers.Certificate) *peers.Slapd {
	t.Helper()
	s, err := peers.StartSlapd(t.Context(), t.TempDir(), peers.SlapdOptions{Certificate: c})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	t.Logf("peer: /usr/sbin/slapd, %s", s.Version)
	return s
}

func certificate(t *testing.T, end time.Time, names ...string) peers.Certificate {
	t.Helper()
	c, err := peers.NewCertificate(end, names...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// verdict is what a report comes to.
func verdict(r Report) string {
	v := fmt.Sprint(len(r.Chain), " ", foundRules(r.Findings))
	if r.Anchor != nil {
		v += " " + r.Anchor.Name
	}
	if r.Good {
		v += " good"
	}
	return v
}

// texts are all sentences of a report.
func texts(r Report) string {
	var s []string
	for _, f := range r.Findings {
		s = append(s, fmt.Sprintf(f.Text, f.Args...))
	}
	return strings.Join(s, "\n")
}

// A directory server over LDAPS and StartTLS: right, of an authority that is not
// the one it should be, and under another name.
func TestA69ProbeOfSlapd(t *testing.T) {
	s := startSlapd(t, peers.Certificate{})
	right, twin := fromPEM(t, s.Certificate.CA), fromPEM(t, certificate(t, time.Now().AddDate(0, 0, 1), "x").CA)
	other := (*made)(nil).under(t, "Another")
	tests := map[string]struct {
		o        ProbeOptions
		want     string
		sentence string
	}{
		"right": {ProbeOptions{Trusted: []Trusted{other.trusted(t, ForDirectory), right.trusted(t, ForDirectory, ForMail)}},
			"1 [ends-soon] Authority of a test good", "The certificate of “127.0.0.1” ends on"},
		"nothing is trusted":             {ProbeOptions{}, "1 [chain-missing! ends-soon]", "issuer “Authority of a test”"},
		"not even by the system":         {ProbeOptions{System: true}, "1 [chain-missing! ends-soon]", "(platen cert trust import FILE --for directory)"},
		"another one is trusted":         {ProbeOptions{Trusted: []Trusted{other.trusted(t, ForDirectory)}}, "1 [chain-missing! ends-soon]", "Let the server send its whole chain"},
		"one of this name is trusted":    {ProbeOptions{Trusted: []Trusted{twin.trusted(t, ForDirectory)}}, "1 [other-key! ends-soon]", "somebody may pretend to be the server"},
		"A67 trusted for something else": {ProbeOptions{Trusted: []Trusted{right.trusted(t, ForMail)}}, "1 [other-purpose! ends-soon]", "“Authority of a test” is trusted here, but not for this."},
		"under another name": {ProbeOptions{ServerName: "ldap.example.test", Trusted: []Trusted{right.trusted(t, ForDirectory)}},
			"1 [ends-soon name!] Authority of a test", "The certificate is not for ldap.example.test. It is for: 127.0.0.1."},
	}
	for name, tt := range tests {
		for _, url := range []string{s.URL(), s.TLSURL()} {
			t.Run(name+" "+url[:5], func(t *testing.T) {
				r, err := Probe(t.Context(), url, tt.o)
				if v := verdict(r); err != nil || v != tt.want {
					t.Errorf("got %s, %v, want %s", v, err, tt.want)
				}
				if !strings.Contains(texts(r), tt.sentence) {
					t.Errorf("it says: %s", texts(r))
				}
				if r.TLS != "TLS 1.3" || !strings.HasPrefix(r.Suite, "TLS_") || r.Chain[0].Names[0] != "127.0.0.1" || r.Days != 1 && r.Anchor != nil {
					t.Errorf("%s, %s, %v, %d days", r.TLS, r.Suite, r.Chain[0].Names, r.Days)
				}
			})
		}
	}
}

// A directory server whose certificate has ended, and a node whose clock is wrong.
func TestF45ProbeOfSlapd(t *testing.T) {
	now := time.Now()
	ended := startSlapd(t, certificate(t, now.Add(-time.Hour), "127.0.0.1"))
	good := startSlapd(t, certificate(t, now.AddDate(0, 0, 2), "127.0.0.1"))
	tests := map[string]struct {
		of       *peers.Slapd
		clock    time.Duration
		want     string
		days     int
		sentence string
	}{
		"ended":                {ended, 0, "1 [ended!] Authority of a test", -1, "Renew it; or set the clock if it is wrong."},
		"the clock is ahead":   {good, 72 * time.Hour, "1 [ended!] Authority of a test", -2, "the clock of this machine says " + now.Add(72*time.Hour).UTC().Format("2006-01-02")},
		"the clock is behind":  {good, -240 * time.Hour, "1 [not-yet!] Authority of a test", 11, "Set it if it is wrong"},
		"the clock is in 1970": {good, -now.Sub(time.Unix(0, 0)), "1 [not-yet! not-yet!] Authority of a test", 0, "the clock of this machine says 1970-01-01"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			ca := fromPEM(t, tt.of.Certificate.CA)
			o := ProbeOptions{Trusted: []Trusted{ca.trusted(t, ForDirectory)}, Now: func() time.Time { return now.Add(tt.clock) }}
			r, err := Probe(t.Context(), tt.of.TLSURL(), o)
			if v := verdict(r); err != nil || v != tt.want || tt.days != 0 && r.Days != tt.days {
				t.Errorf("got %s, %v, %d days, want %s", v, err, r.Days, tt.want)
			}
			if !strings.Contains(texts(r), tt.sentence) {
				t.Errorf("it says: %s", texts(r))
			}
		})
	}
}

// A mail server with STARTTLS, with TLS from the beginning and with none, each
// taken for each.
func TestProbeOfAiosmtpd(t *testing.T) {
	root := (*made)(nil).under(t, "Root")
	cert, key, _ := root.under(t, "mail", atLoopback).files(t)
	start := func(o peers.SMTPOptions) int {
		p, err := peers.StartSMTP(t.Context(), t.TempDir(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Stop)
		t.Logf("peer: %s", p.Version)
		return p.Port
	}
	request, atOnce, none := start(peers.SMTPOptions{CertFile: cert, KeyFile: key}), start(peers.SMTPOptions{CertFile: cert, KeyFile: key, Implicit: true}), start(peers.SMTPOptions{})
	tests := map[string]struct {
		scheme string
		port   int
		want   string // of the report, or of the error
	}{
		"STARTTLS":                   {"smtp", request, "1 [] Root good"},
		"TLS at once":                {"smtps", atOnce, "1 [] Root good"},
		"TLS at once, with STARTTLS": {"smtps", request, "begins with smtp://"},
		"STARTTLS without TLS":       {"smtp", none, "begins with smtps://"},
		"no web server":              {"https", none, "does not speak TLS at this port. Check the port."},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := Probe(t.Context(), fmt.Sprintf("%s://127.0.0.1:%d", tt.scheme, tt.port), ProbeOptions{Trusted: []Trusted{root.trusted(t, ForMail)}})
			if err != nil && strings.Contains(fault.Text(err), tt.want) {
				return
			}
			if v := verdict(r); err != nil || v != tt.want {
				t.Errorf("got %s, %v, want %s", v, err, tt.want)
			}
		})
	}
}

// A printer that upgrades a connection: cupsd, with the certificate that it makes
// for itself.
func TestProbeOfCups(t *testing.T) {
	c, err := peers.StartCups(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	t.Logf("peer: /usr/sbin/cupsd, %s", peers.Version("cups-daemon"))
	address := fmt.Sprintf("ipp://localhost:%d/printers/x", c.Port)
	r, err := Probe(t.Context(), address, ProbeOptions{})
	if err != nil || len(r.Chain) != 1 || !r.Chain[0].Own || !strings.Contains(verdict(r), "self-signed!") {
		t.Fatalf("got %s, %v: %s", verdict(r), err, texts(r))
	}
	t.Log(verdict(r), r.TLS, r.Suite, r.Chain[0].Names)
}

// sServer runs openssl s_server with a certificate and its key, and returns its address.
func sServer(t *testing.T, m *made, more []*made, args ...string) string {
	t.Helper()
	cert, key, chain := m.files(t, more...)
	return sServerWith(t, cert, key, chain, args...)
}

func sServerWith(t *testing.T, cert, key, chain string, args ...string) string {
	t.Helper()
	args = append([]string{"s_server", "-accept", "127.0.0.1:0", "-www", "-cert", cert, "-key", key}, args...)
	if chain != "" {
		args = append(args, "-cert_chain", chain)
	}
	cmd := exec.CommandContext(t.Context(), "openssl", args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if addr, ok := strings.CutPrefix(lines.Text(), "ACCEPT "); ok {
			return addr
		}
	}
	t.Fatal("openssl s_server has not begun to listen")
	return ""
}

func rsaKey(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Servers of all kinds that an administrator meets.
func TestProbeOfOpenSSL(t *testing.T) {
	t.Logf("peer: openssl, %s", peers.Version("openssl"))
	root := (*made)(nil).under(t, "Root")
	issuing := root.under(t, "Issuing")
	leaf := issuing.under(t, "Server", atLoopback)
	own := (*made)(nil).under(t, "Printer", atLoopback)
	old := rsaKey(t, 2048)
	rsaLeaf := root.withKey(t, "Old", old, atLoopback, func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageKeyEncipherment })
	rsaRoot := (*made)(nil).withKey(t, "RSA Root", old)
	weak := root.withKey(t, "Weak", rsaKey(t, 1024), atLoopback)
	list := []Trusted{root.trusted(t, ForStorage), rsaRoot.trusted(t, ForStorage)}
	clients := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }
	commonName := func(c *x509.Certificate) { c.IPAddresses = nil; c.Subject.CommonName = "127.0.0.1" }
	house := func(c *x509.Certificate) {
		c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{"example.test"}, true
		c.PermittedIPRanges = []*net.IPNet{{IP: net.IPv4(10, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)}}
	}
	narrow, longer := root.under(t, "Narrow", house), root.under(t, "Short", func(c *x509.Certificate) { c.MaxPathLenZero = true })
	lenient := []string{"-cipher", "ALL:@SECLEVEL=0"}
	tests := map[string]struct {
		cert     *made
		chain    []*made
		args     []string
		trusted  []Trusted
		want     string
		sentence string
	}{
		"whole":                      {leaf, []*made{issuing}, nil, list, "2 [] Root good", ""},
		"with the root":              {leaf, []*made{issuing, root}, nil, list, "3 [] Root good", ""},
		"in disorder":                {leaf, []*made{root, issuing}, nil, list, "3 [] Root good", ""},
		"without the intermediate":   {leaf, nil, nil, list, "1 [chain-missing!]", "The server does not send the certificate of its issuer “Issuing”"},
		"but that one is trusted":    {leaf, nil, nil, []Trusted{issuing.trusted(t, ForStorage)}, "1 [] Issuing good", ""},
		"of an unknown root":         {leaf, []*made{issuing, root}, nil, nil, "3 [authority-unknown!]", "ends at “Root”"},
		"of itself":                  {own, nil, nil, list, "1 [self-signed!]", "(platen cert trust import FILE --for storage)"},
		"of itself, trusted":         {own, nil, nil, []Trusted{own.trusted(t, ForStorage)}, "1 [] Printer good", ""},
		"of one that is no root":     {own.under(t, "Child", atLoopback), []*made{own}, nil, []Trusted{own.trusted(t, ForStorage)}, "2 [issuer-ca!]", "The chain of “Child” has a certificate in it that may not vouch for others."},
		"for clients":                {root.under(t, "Server", atLoopback, clients), nil, nil, list, "1 [eku!]", "server authentication"},
		"of a narrow one":            {narrow.under(t, "Server", atLoopback), []*made{narrow}, nil, list, "2 [constraint!]", "may not vouch for the names"},
		"of one too many":            {longer.under(t, "Below").under(t, "Server", atLoopback), []*made{longer}, nil, list, "2 [chain-missing!]", "“Below”"},
		"with a common name only":    {root.under(t, "x", atLoopback, commonName), nil, nil, list, "1 [name!] Root", "common name only"},
		"with no name":               {root.under(t, "", atLoopback, func(c *x509.Certificate) { c.IPAddresses = nil }), nil, nil, list, "1 [name!] Root", "has no names"},
		"two things at once":         {root.under(t, "x", atLoopback, commonName, endsAt(time.Now().Add(-time.Hour))), nil, nil, nil, "1 [chain-missing! ended! name!]", ""},
		"RSA 1024":                   {weak, nil, lenient, list, "1 [key-size] Root good", "The key of “Weak” is too short (RSA 1024)"},
		"A64 SHA-1":                  {rsaRoot.under(t, "Server", atLoopback, func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA1WithRSA }), nil, lenient, list, "1 [signature!]", "signed with SHA1-RSA"},
		"A68 TLS 1.0":                {rsaLeaf, nil, append([]string{"-tls1"}, lenient...), list, "1 [old-tls!] Root", "no more than TLS 1.0 with TLS_"},
		"A68 TLS 1.1":                {leaf, []*made{issuing}, append([]string{"-tls1_1"}, lenient...), list, "2 [old-tls!] Root", "no more than TLS 1.1 with TLS_"},
		"A68 RSA key exchange":       {rsaLeaf, nil, []string{"-tls1_2", "-cipher", "AES128-SHA"}, list, "1 [old-tls!] Root", "TLS 1.2 with TLS_RSA_WITH_AES_128_CBC_SHA"},
		"asks who comes":             {leaf, []*made{issuing}, []string{"-verify", "1"}, list, "2 [client-certificate] Root good", "asks for a certificate of this node"},
		"wants to know who comes":    {leaf, []*made{issuing}, []string{"-Verify", "1", "-tls1_2"}, list, "2 [client-certificate!] Root", "ends the connection without one"},
		"wants to know, and is not ": {own, nil, []string{"-Verify", "1"}, nil, "1 [self-signed!]", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := Probe(t.Context(), sServer(t, tt.cert, tt.chain, tt.args...), ProbeOptions{Trusted: tt.trusted, Purpose: ForStorage})
			if v := verdict(r); err != nil || v != tt.want {
				t.Errorf("got %s, %v, want %s", v, err, tt.want)
			}
			if s := texts(r); !strings.Contains(s, tt.sentence) || strings.Contains(s, "%!") {
				t.Errorf("it says: %s", s)
			}
		})
	}
}

// Some devices have made themselves certificates that no standard knows.
func TestProbeOfANegativeSerial(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	out, err := exec.CommandContext(t.Context(), "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-subj", "/CN=x", "-set_serial", "-5").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	_, err = Probe(t.Context(), sServerWith(t, cert, key, ""), ProbeOptions{Purpose: ForDevices})
	if !strings.Contains(fault.Text(err), "is not made as certificates are") {
		t.Errorf("%s (%v)", fault.Text(err), err)
	}
}

// A port that takes connections and says nothing, and one that does not.
func TestProbeOfASilentPort(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Probe(t.Context(), ln.Addr().String(), ProbeOptions{Purpose: ForMail, Timeout: 200 * time.Millisecond})
	if !strings.Contains(fault.Text(err), "takes the connection and then says nothing") {
		t.Errorf("silent: %s (%v)", fault.Text(err), err)
	}
	ln.Close()
	_, err = Probe(t.Context(), ln.Addr().String(), ProbeOptions{Purpose: ForMail})
	if !strings.Contains(fault.Text(err), "could be made. Check the address and the port") {
		t.Errorf("closed: %s (%v)", fault.Text(err), err)
	}
}

// The fingerprints are those that openssl shows.
func TestFingerprintsAreOpenSSLs(t *testing.T) {
	m := (*made)(nil).under(t, "Müller & Söhne, Druck", atLoopback)
	file := filepath.Join(t.TempDir(), "cert.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	d := DescribeCert(m.cert, time.Now())
	for option, want := range map[string]string{"-sha256": d.SHA256, "-sha1": d.SHA1} {
		out, err := exec.CommandContext(t.Context(), "openssl", "x509", "-in", file, "-noout", "-fingerprint", option).Output()
		if err != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), "="+want) {
			t.Errorf("openssl says %s (%v), we %s", out, err, want)
		}
	}
	out, err := exec.CommandContext(t.Context(), "openssl", "x509", "-in", file, "-noout", "-serial").Output()
	if want := "serial=" + strings.ReplaceAll(d.Serial, ":", ""); err != nil || strings.TrimSpace(string(out)) != want {
		t.Errorf("openssl says %s (%v), we %s", out, err, want)
	}
}
