package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"platen/fault"
)

// judged is when the certificates of these tests are made: late enough for every
// rule that zlint knows to be in force.
var judged = time.Date(2030, 1, 2, 8, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

var houseNames = []string{"print.example.com", "localhost", "node1", "node1.lan", "127.0.0.1", "::1", "192.168.7.4", "203.0.113.9"}

func newRoot(t *testing.T, now time.Time) *Chain {
	t.Helper()
	root, err := NewRoot("Müller & Söhne", now)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func newAuthorities(t *testing.T, now time.Time) (root, issuing *Chain) {
	t.Helper()
	root = newRoot(t, now)
	issuing, err := NewIssuing(root, houseNames, now)
	if err != nil {
		t.Fatal(err)
	}
	return root, issuing
}

func poolOf(certs ...*x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	for _, c := range certs {
		p.AddCert(c)
	}
	return p
}

// A65: what an authority may do is written in it.
func TestA65Authorities(t *testing.T) {
	root, issuing := newAuthorities(t, judged)
	r, i := root.Leaf(), issuing.Leaf()
	if len(r.PermittedDNSDomains)+len(r.PermittedIPRanges)+len(r.ExtKeyUsage) > 0 {
		t.Error("the root is constrained: a new domain would need a new root")
	}
	if r.MaxPathLen != 1 || i.MaxPathLen != 0 || !i.MaxPathLenZero {
		t.Errorf("path lengths %d and %d", r.MaxPathLen, i.MaxPathLen)
	}
	if !i.PermittedDNSDomainsCritical || !slices.Equal(i.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) {
		t.Errorf("constraints critical: %v, usages %v", i.PermittedDNSDomainsCritical, i.ExtKeyUsage)
	}
	if !bytes.Equal(i.AuthorityKeyId, r.SubjectKeyId) || len(r.SubjectKeyId) != 20 || bytes.Equal(i.SubjectKeyId, r.SubjectKeyId) {
		t.Error("the identifiers of the keys do not fit together")
	}
	for name, c := range map[string]*x509.Certificate{"root": r, "issuing": i} {
		if c.SignatureAlgorithm != x509.ECDSAWithSHA256 || c.SerialNumber.BitLen() < 64 || c.KeyUsage != x509.KeyUsageCertSign|x509.KeyUsageCRLSign {
			t.Errorf("%s: %v, serial of %d bits, usage %b", name, c.SignatureAlgorithm, c.SerialNumber.BitLen(), c.KeyUsage)
		}
	}
	if want := judged.AddDate(10, 0, 0); !r.NotAfter.Equal(want) || !r.NotBefore.Equal(judged.Add(-366*day)) {
		t.Errorf("the root is good from %v to %v", r.NotBefore, r.NotAfter)
	}
	if want := judged.AddDate(5, 0, 0); !i.NotAfter.Equal(want) || i.NotBefore.Before(r.NotBefore) {
		t.Errorf("the issuing one is good from %v to %v", i.NotBefore, i.NotAfter)
	}
	if again := newRoot(t, judged).Leaf(); bytes.Equal(again.RawSubject, r.RawSubject) {
		t.Error("two roots of one account have one name")
	}
}

func TestNameOfARoot(t *testing.T) {
	tests := map[string]struct{ in, want string }{
		"host":      {"print.example.com", "Platen authority print.example.com "},
		"account":   {"Müller & Söhne", "Platen authority Müller & Söhne "},
		"none":      {"", "Platen authority "},
		"long":      {strings.Repeat("ü", 100), "Platen authority " + strings.Repeat("ü", 38) + " "},
		"controls":  {" a\x00b\x1b[31m\nc ", "Platen authority a b [31m c "},
		"not UTF-8": {"a\xffb", "Platen authority a b "},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			root, err := NewRoot(tt.in, judged)
			if err != nil {
				t.Fatal(err)
			}
			got := root.Leaf().Subject.CommonName
			if rest, ok := strings.CutPrefix(got, tt.want); !ok || len(rest) != 6 || len([]rune(got)) > 64 {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestRootAsFile(t *testing.T) {
	root := newRoot(t, judged)
	b, rest := pem.Decode(root.CertsPEM())
	if b == nil || b.Type != "CERTIFICATE" || len(rest) > 0 || !bytes.Equal(b.Bytes, root.Leaf().Raw) {
		t.Error("the files do not hold the root alone")
	}
}

// F44: nothing outlives its issuer, and nothing is issued by what has ended.
func TestF44NothingOutlivesItsIssuer(t *testing.T) {
	root := newRoot(t, judged)
	now := judged.AddDate(8, 0, 0)
	issuing, err := NewIssuing(root, houseNames, now)
	if err != nil {
		t.Fatal(err)
	}
	if !issuing.Leaf().NotAfter.Equal(root.Leaf().NotAfter) {
		t.Errorf("the issuing one ends %v, its root %v", issuing.Leaf().NotAfter, root.Leaf().NotAfter)
	}
	now = judged.AddDate(9, 6, 0)
	c, err := Issue(issuing, []string{"node1"}, now)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Leaf().NotAfter.Equal(root.Leaf().NotAfter) {
		t.Errorf("the server's ends %v, its root %v", c.Leaf().NotAfter, root.Leaf().NotAfter)
	}
	for name, now := range map[string]time.Time{"ended": judged.AddDate(10, 0, 1), "clock before the birth": judged.AddDate(-5, 0, 0)} {
		if _, err := Issue(issuing, []string{"node1"}, now); !fault.Is(err, fault.Conflict) || !strings.Contains(fault.Text(err), now.Format(time.DateOnly)) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := NewIssuing(root, nil, now); !fault.Is(err, fault.Conflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// thieves is what somebody tries with a stolen issuing key, behind the back of every
// check here: the certificate, and the name for which it should be believed.
var thieves = map[string]struct {
	name      string // that a client connects to
	dns       []string
	ips       []string
	common    string
	vouchable bool
}{
	"a name of the node":          {name: "print.example.com", dns: []string{"print.example.com"}, vouchable: true},
	"below it":                    {name: "a.print.example.com", dns: []string{"a.print.example.com"}, vouchable: true},
	"in the house":                {name: "nas.local", dns: []string{"nas.local"}, vouchable: true},
	"an address in the house":     {name: "10.9.8.7", ips: []string{"10.9.8.7"}, vouchable: true},
	"the public address":          {name: "203.0.113.9", ips: []string{"203.0.113.9"}, vouchable: true},
	"the bank":                    {name: "www.bank.example", dns: []string{"www.bank.example"}},
	"the parent":                  {name: "example.com", dns: []string{"example.com"}},
	"a sister":                    {name: "mail.example.com", dns: []string{"mail.example.com"}},
	"a wildcard over it":          {name: "mail.example.com", dns: []string{"*.example.com"}},
	"a wildcard over all":         {name: "bank.com", dns: []string{"*.com"}},
	"a name that only looks it":   {name: "evilprint.example.com", dns: []string{"evilprint.example.com"}},
	"a name that only begins so":  {name: "print.example.com.bank.example", dns: []string{"print.example.com.bank.example"}},
	"a label that only ends so":   {name: "www.latest", dns: []string{"www.latest"}},
	"one good, one bad":           {name: "www.bank.example", dns: []string{"print.example.com", "www.bank.example"}},
	"the good one of both":        {name: "print.example.com", dns: []string{"print.example.com", "www.bank.example"}},
	"capital letters":             {name: "www.bank.example", dns: []string{"WWW.BANK.EXAMPLE"}},
	"in the common name":          {name: "www.bank.example", common: "www.bank.example"},
	"another address":             {name: "8.8.8.8", ips: []string{"8.8.8.8"}},
	"the address beside":          {name: "203.0.113.8", ips: []string{"203.0.113.8"}},
	"another address, IPv6":       {name: "2001:db8::1", ips: []string{"2001:db8::1"}},
	"an address as a name":        {name: "8.8.8.8", dns: []string{"8.8.8.8"}},
	"an address, and a good name": {name: "8.8.8.8", dns: []string{"print.example.com"}, ips: []string{"8.8.8.8"}},
}

// stolen makes what a thief would.
func stolen(t *testing.T, issuing *Chain, dns, ips []string, common string) *x509.Certificate {
	t.Helper()
	c := server(nil, x509.KeyUsageDigitalSignature)
	c.DNSNames, c.Subject.CommonName = dns, common
	for _, ip := range ips {
		c.IPAddresses = append(c.IPAddresses, net.ParseIP(ip))
	}
	if common == "" {
		c.Subject.CommonName = "Thief"
	}
	cert, err := vouch(issuing, c, issuing.Key.Public(), judged)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// A65: an issuing key is no use for anybody else's names, whatever is made with it.
func TestA65TheIssuingIsConstrained(t *testing.T) {
	root, issuing := newAuthorities(t, judged)
	for name, tt := range thieves {
		t.Run(name, func(t *testing.T) {
			leaf := stolen(t, issuing, tt.dns, tt.ips, tt.common)
			_, err := leaf.Verify(x509.VerifyOptions{DNSName: tt.name, Roots: poolOf(root.Leaf()), Intermediates: poolOf(issuing.Leaf()), CurrentTime: judged})
			if (err == nil) != tt.vouchable {
				t.Errorf("err = %v, want none: %v", err, tt.vouchable)
			}
		})
	}
}

// A65: nor for mail or programs, nor for a further authority.
func TestA65TheIssuingServesOnly(t *testing.T) {
	root, issuing := newAuthorities(t, judged)
	for _, use := range []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageCodeSigning, x509.ExtKeyUsageEmailProtection} {
		c := server([]string{"node1"}, x509.KeyUsageDigitalSignature)
		c.ExtKeyUsage = []x509.ExtKeyUsage{use}
		leaf, err := vouch(issuing, c, issuing.Key.Public(), judged)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: poolOf(root.Leaf()), Intermediates: poolOf(issuing.Leaf()), CurrentTime: judged, KeyUsages: leaf.ExtKeyUsage}); err == nil {
			t.Errorf("verified for usage %v", use)
		}
	}
	sub, err := NewIssuing(issuing, []string{"bank.example"}, judged)
	if err != nil {
		t.Fatal(err)
	}
	leaf := stolen(t, sub, []string{"node1"}, nil, "")
	if _, err := leaf.Verify(x509.VerifyOptions{DNSName: "node1", Roots: poolOf(root.Leaf()), Intermediates: poolOf(issuing.Leaf(), sub.Leaf()), CurrentTime: judged}); err == nil {
		t.Error("the issuing one has made an authority")
	}
}
