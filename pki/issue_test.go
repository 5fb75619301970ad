package pki

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"slices"
	"strings"
	"testing"

	"platen/fault"
)

func TestIssueVerifiesForEveryName(t *testing.T) {
	root, issuing := newAuthorities(t, judged)
	ec, err1 := Issue(issuing, houseNames, judged)
	rs, err2 := IssueRSA(issuing, houseNames, judged)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	for kind, c := range map[string]*Chain{"EC": ec, "RSA": rs} {
		leaf := c.Leaf()
		if len(c.Certs) != 2 || !c.Certs[1].Equal(issuing.Leaf()) {
			t.Errorf("%s: %d certificates are shown", kind, len(c.Certs))
		}
		opt := x509.VerifyOptions{Roots: poolOf(root.Leaf()), Intermediates: poolOf(c.Certs[1:]...), CurrentTime: judged}
		for _, n := range houseNames {
			opt.DNSName = n
			if _, err := leaf.Verify(opt); err != nil {
				t.Errorf("%s, %s: %v", kind, n, err)
			}
		}
		opt.DNSName = "other.example.com"
		if _, err := leaf.Verify(opt); err == nil {
			t.Errorf("%s: verified for a name it does not have", kind)
		}
		if life := leaf.NotAfter.Sub(leaf.NotBefore); life > 398*day || leaf.NotBefore.Add(day) != judged {
			t.Errorf("%s: from %v, for %v", kind, leaf.NotBefore, life)
		}
		if leaf.IsCA || !leaf.BasicConstraintsValid || !slices.Equal(leaf.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) || len(leaf.SubjectKeyId) != 20 {
			t.Errorf("%s: may do more than serve", kind)
		}
		if found := Judge(c, []string{"print.example.com", "localhost", "node1", "node1.lan"}, judged); len(found) > 0 {
			t.Errorf("%s: the rules for imported chains say %v", kind, found)
		}
		if leaf.Subject.String() != "CN=print.example.com" || leaf.SerialNumber.BitLen() < 64 {
			t.Errorf("%s: %s with serial number %x", kind, leaf.Subject, leaf.SerialNumber)
		}
	}
	if key, ok := ec.Leaf().PublicKey.(*ecdsa.PublicKey); !ok || key.Params().Name != "P-256" || ec.Leaf().KeyUsage != x509.KeyUsageDigitalSignature {
		t.Errorf("the key is %T for %b", ec.Leaf().PublicKey, ec.Leaf().KeyUsage)
	}
	if key, ok := rs.Leaf().PublicKey.(*rsa.PublicKey); !ok || key.N.BitLen() != 2048 || rs.Leaf().KeyUsage != x509.KeyUsageDigitalSignature|x509.KeyUsageKeyEncipherment {
		t.Errorf("the key is %T for %b", rs.Leaf().PublicKey, rs.Leaf().KeyUsage)
	}
}

func TestA65IssueRefuses(t *testing.T) {
	_, issuing := newAuthorities(t, judged)
	var many []string
	for c := 'a'; c <= 'z'; c++ {
		many = append(many, string(c)+".example")
	}
	tests := map[string]struct {
		names []string
		kind  fault.Kind
		says  string
	}{
		"none":           {nil, fault.Invalid, "at least one name"},
		"a foreign name": {[]string{"node1", "www.bank.example"}, fault.Denied, "this: www.bank.example."},
		"a wildcard":     {[]string{"*.print.example.com"}, fault.Denied, "*.print"},
		"no host name":   {[]string{"a b\x1b[31m"}, fault.Denied, "a b\ufffd[31m"},
		"many":           {many, fault.Denied, "i.example, j.example, …."},
		"a long one":     {[]string{strings.Repeat("x", 9999)}, fault.Denied, "xxx"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Issue(issuing, tt.names, judged)
			if !fault.Is(err, tt.kind) || !strings.Contains(fault.Text(err), tt.says) || len(fault.Text(err)) > 600 {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestCovers(t *testing.T) {
	root := newRoot(t, judged)
	given := []string{"node1", "print.example.com", "198.51.100.4", "dev", "co.uk", "github.io", "no host"}
	issuing, err := NewIssuing(root, given, judged)
	if err != nil {
		t.Fatal(err)
	}
	covered, left := Covers(issuing, slices.Concat(given, []string{"Other.LAN.", "node1", "www.dev", "sub.print.example.com", "example.com", "198.51.100.5", "10.0.0.1", "fd00::1", "[::1]", "2001:db8::1"}))
	if want := []string{"node1", "other.lan", "print.example.com", "sub.print.example.com", "10.0.0.1", "198.51.100.4", "::1", "fd00::1"}; !slices.Equal(covered, want) {
		t.Errorf("covered %q\nwant    %q", covered, want)
	}
	// A machine may be called "dev". Its authority would be good for www.dev.
	if want := []string{"dev", "co.uk", "github.io", "no host", "www.dev", "example.com", "198.51.100.5", "2001:db8::1"}; !slices.Equal(left, want) {
		t.Errorf("left %q\nwant %q", left, want)
	}
}

func TestCommonName(t *testing.T) {
	long := strings.Repeat("a", 60) + ".example"
	for want, names := range map[string][]string{
		"node1": {"localhost", "127.0.0.1", "Node1.", "node2"}, "localhost": {"localhost", "::1"}, "": {long, "10.0.0.1"},
	} {
		if got := commonName(names); got != want {
			t.Errorf("%q: %q, want %q", names, got, want)
		}
	}
}

// A certificate that has no name for its subject has none, and then its names are
// critical (RFC 5280, section 4.2.1.6).
func TestIssueWithoutASubject(t *testing.T) {
	root, issuing := newAuthorities(t, judged)
	for _, name := range []string{strings.Repeat("a", 60) + ".print.example.com", "192.168.7.4"} {
		c, err := Issue(issuing, []string{name}, judged)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Leaf().Verify(x509.VerifyOptions{DNSName: name, Roots: poolOf(root.Leaf()), Intermediates: poolOf(issuing.Leaf()), CurrentTime: judged}); err != nil {
			t.Error(err)
		}
		i := slices.IndexFunc(c.Leaf().Extensions, func(e pkix.Extension) bool { return e.Id.String() == "2.5.29.17" })
		if i < 0 || !c.Leaf().Extensions[i].Critical || c.Leaf().Subject.String() != "" {
			t.Errorf("%s: subject %q", name, c.Leaf().Subject)
		}
	}
}

func TestIssueSigning(t *testing.T) {
	root, issuing := newAuthorities(t, judged)
	c, err := IssueSigning(root, "Müller & Söhne", judged)
	if err != nil {
		t.Fatal(err)
	}
	leaf := c.Leaf()
	if leaf.IsCA || leaf.KeyUsage != x509.KeyUsageDigitalSignature || len(c.Certs) != 1 || len(leaf.DNSNames)+len(leaf.IPAddresses) > 0 {
		t.Errorf("%+v", leaf)
	}
	opt := x509.VerifyOptions{Roots: poolOf(root.Leaf()), CurrentTime: judged, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	if _, err := leaf.Verify(opt); err != nil {
		t.Error(err)
	}
	opt.KeyUsages = nil
	if _, err := leaf.Verify(opt); err == nil {
		t.Error("it is good for a server")
	}
	if !strings.HasPrefix(leaf.Subject.CommonName, "Platen tokens Müller & Söhne ") {
		t.Errorf("%s", leaf.Subject)
	}
	if _, err := IssueSigning(issuing, "x", judged); !fault.Is(err, fault.Invalid) {
		t.Errorf("an issuing chain signs for tokens: %v", err)
	}
}
