package directory

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"platen/fault"
)

// authority signs certificates of a test.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  crypto.Signer
}

var made = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// issue makes a certificate with a key of its own, signed by a, or by itself.
func (a *authority) issue(t testing.TB, c x509.Certificate) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber = big.NewInt(7)
	if c.NotBefore.IsZero() {
		c.NotBefore, c.NotAfter = made.Add(-time.Hour), made.Add(time.Hour)
	}
	by, with := &c, crypto.Signer(key)
	if a != nil {
		by, with = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, &c, by, &key.PublicKey, with)
	if err != nil {
		t.Fatal(err)
	}
	x, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{t, x, key}
}

func newAuthority(t testing.TB, name string, above *authority) *authority {
	return above.issue(t, x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
}

// sanUPN is a SubjectAltName with user principal names.
func sanUPN(t testing.TB, critical bool, names ...string) []pkix.Extension {
	t.Helper()
	var all []byte
	for _, n := range names {
		all = append(all, otherName(t, oidUPN, n)...)
	}
	return []pkix.Extension{{Id: oidSAN, Critical: critical, Value: wrap(t, asn1.ClassUniversal, asn1.TagSequence, all)}}
}

func wrap(t testing.TB, class, tag int, b []byte) []byte {
	t.Helper()
	out, err := asn1.Marshal(asn1.RawValue{Class: class, Tag: tag, IsCompound: true, Bytes: b})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func otherName(t testing.TB, id asn1.ObjectIdentifier, name string) []byte {
	t.Helper()
	oid, err := asn1.Marshal(id)
	if err != nil {
		t.Fatal(err)
	}
	text, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(name)})
	if err != nil {
		t.Fatal(err)
	}
	return wrap(t, asn1.ClassContextSpecific, 0, append(oid, wrap(t, asn1.ClassContextSpecific, 0, text)...))
}

// client is a certificate of a person.
func client(cn string, change func(*x509.Certificate)) x509.Certificate {
	c := x509.Certificate{Subject: pkix.Name{CommonName: cn}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if change != nil {
		change(&c)
	}
	return c
}

// TestCertificateHolder is what certificates prove, and which do not.
func TestCertificateHolder(t *testing.T) {
	root := newAuthority(t, "People", nil)
	below := newAuthority(t, "People of one site", root)
	foreign := newAuthority(t, "People", nil)
	ben := root.issue(t, client("ben", nil))
	upn := func(critical bool, names ...string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtraExtensions = sanUPN(t, critical, names...) }
	}
	for name, tt := range map[string]struct {
		by    *authority
		c     x509.Certificate
		kinds []string
		later time.Duration
		chain []*authority // shown beside it
		want  string       // "" it proves nothing
		why   string
	}{
		"UPN":                        {by: root, c: client("Anna Berg", upn(false, "anna@corp.example")), want: "anna@corp.example"},
		"critical, without subject":  {by: root, c: client("", upn(true, "anna@corp.example")), want: "anna@corp.example"},
		"another authority between":  {by: below, chain: []*authority{below}, c: client("anna", nil), want: "anna"},
		"which was not shown":        {by: below, c: client("anna", nil), why: "unknown authority"},
		"e-mail address":             {by: root, c: client("Anna Berg", func(c *x509.Certificate) { c.EmailAddresses = []string{"anna@corp.example", "a@b"} }), want: "anna@corp.example"},
		"common name":                {by: root, c: client("anna", nil), want: "anna"},
		"an order of one's own":      {by: root, c: client("anna", upn(false, "ben@corp.example")), kinds: []string{CertCN, CertUPN}, want: "anna"},
		"a kind that does not count": {by: root, c: client("anna", nil), kinds: []string{CertUPN, CertEmail}, why: "no name of the kinds upn, email"},
		"DNS name":                   {by: root, c: client("", func(c *x509.Certificate) { c.DNSNames = []string{"pc17.corp.example"} }), kinds: []string{CertDNS}, want: "pc17.corp.example"},
		"DNS name, not asked for":    {by: root, c: client("", func(c *x509.Certificate) { c.DNSNames = []string{"pc17.corp.example"} }), why: "no name"},
		"no name at all":             {by: root, c: client("", nil), why: "no name"},
		"a name with a line":         {by: root, c: client("anna", upn(false, "anna\n@corp.example")), want: "anna"},
		"a name that is long":        {by: root, c: client("anna", upn(false, strings.Repeat("a", 256))), want: "anna"},
		"another otherName": {by: root, c: client("anna", func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: oidSAN, Value: wrap(t, 0, asn1.TagSequence, otherName(t, asn1.ObjectIdentifier{1, 2, 3}, "ben"))}}
		}), want: "anna"},
		"critical otherName that nobody knows": {by: root, c: client("anna", func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: oidSAN, Critical: true, Value: wrap(t, 0, asn1.TagSequence, otherName(t, asn1.ObjectIdentifier{1, 2, 3}, "ben"))}}
		}), why: "unhandled critical"},
		"has ended":          {by: root, later: 2 * time.Hour, c: client("anna", nil), why: "expired"},
		"is not valid yet":   {by: root, later: -2 * time.Hour, c: client("anna", nil), why: "not yet valid"},
		"of somebody else":   {by: foreign, c: client("anna", nil), why: "authority"},
		"signed by itself":   {c: client("anna", nil), why: "authority"},
		"for servers":        {by: root, c: client("anna", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), why: "not made for clients"},
		"for nothing":        {by: root, c: client("anna", func(c *x509.Certificate) { c.ExtKeyUsage = nil }), why: "not made for clients"},
		"signed by a person": {by: ben, c: client("anna", nil), chain: []*authority{ben}, why: "authority"},
	} {
		t.Run(name, func(t *testing.T) {
			pool := x509.NewCertPool()
			pool.AddCert(root.cert)
			chain := []*x509.Certificate{tt.by.issue(t, tt.c).cert}
			for _, a := range tt.chain {
				chain = append(chain, a.cert)
			}
			got, err := (&Certificates{Roots: pool, Names: tt.kinds}).Holder(chain, made.Add(tt.later))
			if got != tt.want || (err == nil) != (tt.want != "") {
				t.Fatalf("%q, %v; want %q", got, err, tt.want)
			}
			if err != nil && (!fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), tt.why)) {
				t.Errorf("%v; want %q", err, tt.why)
			}
		})
	}
	if _, err := (&Certificates{Roots: x509.NewCertPool()}).Holder(nil, made); !fault.Is(err, fault.Denied) {
		t.Errorf("no certificate: %v", err)
	}
}

// FuzzPrincipalNames: what a SubjectAltName holds is a name or nothing.
func FuzzPrincipalNames(f *testing.F) {
	good := sanUPN(f, false, "anna@corp.example", "b")[0].Value
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add([]byte{0x30, 0x80})
	f.Add([]byte{0x30, 0x04, 0xa0, 0x02, 0x06, 0x00})
	f.Fuzz(func(t *testing.T, san []byte) {
		list := principalNames(san)
		for _, n := range list {
			if !strings.Contains(string(san), n) {
				t.Errorf("%q stands nowhere", n)
			}
			if speakable(n) && (!utf8.ValidString(n) || slices.Contains([]byte(n), 0) || len(n) > longestName) {
				t.Errorf("%q is a name", n)
			}
		}
	})
}
