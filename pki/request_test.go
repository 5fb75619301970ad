package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"

	"platen/fault"
)

func TestNewRequest(t *testing.T) {
	tests := map[string]struct {
		subject Subject
		names   []string
		want    string // the subject
		dns     []string
		ips     int
		kind    fault.Kind // of the refusal, when want is "refused"
	}{
		"one name":         {Subject{}, []string{"Print.example.com."}, "CN=print.example.com", []string{"print.example.com"}, 0, 0},
		"names, addresses": {Subject{Organization: "Müller", Country: "de"}, []string{"node1", "10.0.0.1", "::1", "node1"}, "CN=node1,O=Müller,C=DE", []string{"node1"}, 2, 0},
		"all of a subject": {
			Subject{"Printing", "A", "B", "C", "D", "AT"}, []string{"node1"}, "CN=Printing,OU=B,O=A,L=C,ST=D,C=AT", []string{"node1"}, 0, 0,
		},
		"a wildcard":            {Subject{}, []string{"*.example.com"}, "CN=*.example.com", []string{"*.example.com"}, 0, 0},
		"a long name":           {Subject{}, []string{strings.Repeat("a", 60) + ".example"}, "", []string{strings.Repeat("a", 60) + ".example"}, 0, 0},
		"no name":               {Subject{CommonName: "x"}, nil, "refused", nil, 0, fault.Invalid},
		"no host name":          {Subject{}, []string{"a b"}, "refused", nil, 0, fault.Invalid},
		"a wildcard of all":     {Subject{}, []string{"*.com"}, "refused", nil, 0, fault.Invalid},
		"a wildcard in it":      {Subject{}, []string{"a.*.example.com"}, "refused", nil, 0, fault.Invalid},
		"a wildcard of numbers": {Subject{}, []string{"*.10.0.0.1"}, "refused", nil, 0, fault.Invalid},
		"a long organisation":   {Subject{Organization: strings.Repeat("ü", 65)}, []string{"node1"}, "refused", nil, 0, fault.Invalid},
		"a line break":          {Subject{Locality: "a\nb"}, []string{"node1"}, "refused", nil, 0, fault.Invalid},
		"not UTF-8":             {Subject{Locality: "a\xff"}, []string{"node1"}, "refused", nil, 0, fault.Invalid},
		"a country in full":     {Subject{Country: "Germany"}, []string{"node1"}, "refused", nil, 0, fault.Invalid},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			key, der, err := NewRequest(tt.subject, tt.names, false)
			if tt.want == "refused" {
				if !fault.Is(err, tt.kind) || key != nil || der != nil {
					t.Fatalf("err = %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			r, err := ParseRequest(RequestPEM(der))
			if err != nil {
				t.Fatal(err)
			}
			if r.Subject.String() != tt.want || !slices.Equal(r.DNSNames, tt.dns) || len(r.IPAddresses) != tt.ips {
				t.Errorf("%s for %q and %v", r.Subject, r.DNSNames, r.IPAddresses)
			}
			if k, ok := key.Public().(*ecdsa.PublicKey); !ok || !k.Equal(r.PublicKey) {
				t.Error("the key is another one")
			}
		})
	}
	key, der, err := NewRequest(Subject{}, []string{"node1"}, true)
	if err != nil {
		t.Fatal(err)
	}
	if k, ok := key.(*rsa.PrivateKey); !ok || k.N.BitLen() != 2048 {
		t.Errorf("the key is %T", key)
	}
	if _, err := ParseRequest(der); err != nil {
		t.Error(err)
	}
}

func TestAnswer(t *testing.T) {
	root, issuing := newAuthorities(t, judged)
	otherRoot, otherIssuing := newAuthorities(t, judged)
	key, der, err := NewRequest(Subject{}, []string{"node1"}, false)
	if err != nil {
		t.Fatal(err)
	}
	old, err1 := SignRequest(issuing, der, []string{"node1"}, judged)
	late, err2 := SignRequest(issuing, der, []string{"node1"}, judged.Add(day))
	foreign, err3 := Issue(issuing, []string{"node1"}, judged)
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	leaf := late[0]
	tests := map[string]struct{ in, want []*x509.Certificate }{
		"leaf alone":            {late[:1], late[:1]},
		"in order":              {[]*x509.Certificate{leaf, issuing.Leaf(), root.Leaf()}, []*x509.Certificate{leaf, issuing.Leaf(), root.Leaf()}},
		"root first":            {[]*x509.Certificate{root.Leaf(), issuing.Leaf(), leaf}, []*x509.Certificate{leaf, issuing.Leaf(), root.Leaf()}},
		"with others, and more": {[]*x509.Certificate{otherRoot.Leaf(), foreign.Leaf(), leaf, leaf, otherIssuing.Leaf(), issuing.Leaf()}, []*x509.Certificate{leaf, issuing.Leaf()}},
		"a gap":                 {[]*x509.Certificate{root.Leaf(), leaf}, []*x509.Certificate{leaf}},
		"the old one too":       {[]*x509.Certificate{old[0], leaf, issuing.Leaf()}, []*x509.Certificate{leaf, issuing.Leaf()}},
		"for another key":       {foreign.Certs, nil},
		"nothing":               {nil, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := Answer(key, tt.in)
			if tt.want == nil {
				if !fault.Is(err, fault.Conflict) {
					t.Errorf("err = %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(c.Certs, tt.want, (*x509.Certificate).Equal) || c.Key != key {
				t.Errorf("%d certificates, want %d in their order", len(c.Certs), len(tt.want))
			}
		})
	}
}

// asked makes a request as a device, a fool or an attacker would.
func asked(t testing.TB, key crypto.Signer, r x509.CertificateRequest) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &r, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func ecKey(t testing.TB, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// greedy asks to be an authority, for ever, for programs and everything.
func greedy(t testing.TB) []pkix.Extension {
	t.Helper()
	marshal := func(v any) []byte {
		b, err := asn1.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	return []pkix.Extension{
		{Id: asn1.ObjectIdentifier{2, 5, 29, 19}, Critical: true, Value: marshal(struct{ CA bool }{true})},
		{Id: asn1.ObjectIdentifier{2, 5, 29, 15}, Critical: true, Value: marshal(asn1.BitString{Bytes: []byte{0x06}, BitLength: 7})}, // certSign, crlSign
		{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Value: marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 3}, {2, 5, 29, 37, 0}})},
		{Id: asn1.ObjectIdentifier{1, 2, 3, 4, 5}, Critical: true, Value: marshal("anything")},
	}
}

// A65: whatever a request asks for, the template decides.
func TestA65SignRequest(t *testing.T) {
	root, issuing := newAuthorities(t, judged)
	p256 := ecKey(t, elliptic.P256())
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	allowed := []string{"printer.lan", "Printer2.LAN.", "10.1.2.3", "www.bank.example", "*.lan"}
	named := func(names ...string) x509.CertificateRequest { return x509.CertificateRequest{DNSNames: names} }
	bank, err := url.Parse("https://www.bank.example/")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		key  crypto.Signer
		ask  x509.CertificateRequest
		want []string // names; nil: refused
		kind fault.Kind
		says string
	}{
		"plain":             {p256, named("printer.lan"), []string{"printer.lan"}, 0, ""},
		"names, addresses":  {p256, x509.CertificateRequest{DNSNames: []string{"printer.lan", "PRINTER2.lan"}, IPAddresses: []net.IP{net.ParseIP("10.1.2.3")}}, []string{"printer.lan", "printer2.lan", "10.1.2.3"}, 0, ""},
		"an address there":  {p256, named("10.1.2.3"), []string{"10.1.2.3"}, 0, ""},
		"common name alone": {p256, x509.CertificateRequest{Subject: pkix.Name{CommonName: "printer.lan"}}, []string{"printer.lan"}, 0, ""},
		"a subject": {p256, x509.CertificateRequest{
			Subject: pkix.Name{CommonName: "www.bank.example", Organization: []string{"The Bank"}}, DNSNames: []string{"printer.lan"},
		}, []string{"printer.lan"}, 0, ""},
		"to be an authority": {p256, x509.CertificateRequest{DNSNames: []string{"printer.lan"}, ExtraExtensions: greedy(t)}, []string{"printer.lan"}, 0, ""},
		"mail and URI": {p256, x509.CertificateRequest{
			DNSNames: []string{"printer.lan"}, EmailAddresses: []string{"chief@bank.example"}, URIs: []*url.URL{bank},
		}, []string{"printer.lan"}, 0, ""},
		"P-384": {ecKey(t, elliptic.P384()), named("printer.lan"), []string{"printer.lan"}, 0, ""},
		"P-521": {ecKey(t, elliptic.P521()), named("printer.lan"), []string{"printer.lan"}, 0, ""},

		"a foreign name":          {p256, named("printer.lan", "printer3.lan"), nil, fault.Denied, "not allowed: printer3.lan."},
		"a foreign address":       {p256, x509.CertificateRequest{IPAddresses: []net.IP{net.ParseIP("10.1.2.4")}}, nil, fault.Denied, "10.1.2.4"},
		"below an allowed one":    {p256, named("a.printer.lan"), nil, fault.Denied, "a.printer.lan"},
		"a wildcard":              {p256, named("*.lan"), nil, fault.Denied, "*.lan"},
		"a foreign common name":   {p256, x509.CertificateRequest{Subject: pkix.Name{CommonName: "Ricoh MP"}}, nil, fault.Denied, "Ricoh MP"},
		"escape sequences":        {p256, named("\x1b[31mprinter.lan"), nil, fault.Denied, "\ufffd[31mprinter.lan"},
		"allowed, but not for us": {p256, named("www.bank.example"), nil, fault.Denied, "vouch for this: www.bank.example"},
		"no name":                 {p256, x509.CertificateRequest{}, nil, fault.Invalid, "at least one name"},
		"many names":              {p256, named(slices.Repeat([]string{"printer.lan"}, 101)...), nil, fault.TooLarge, "100"},
		"P-224":                   {ecKey(t, elliptic.P224()), named("printer.lan"), nil, fault.Invalid, "too weak"},
		"Ed25519":                 {ed, named("printer.lan"), nil, fault.Invalid, "clients do not know"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			der := asked(t, tt.key, tt.ask)
			certs, err := SignRequest(issuing, der, allowed, judged)
			if tt.want == nil {
				if !fault.Is(err, tt.kind) || !strings.Contains(fault.Text(err), tt.says) {
					t.Errorf("err = %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			leaf := certs[0]
			if got := namesOf(leaf); !slices.Equal(got, tt.want) {
				t.Errorf("names %q, want %q", got, tt.want)
			}
			if got := leaf.Subject.CommonName; got != commonName(tt.want) {
				t.Errorf("common name %q of %q", got, tt.want)
			}
			if _, err := leaf.Verify(x509.VerifyOptions{DNSName: tt.want[0], Roots: poolOf(root.Leaf()), Intermediates: poolOf(certs[1:]...), CurrentTime: judged}); err != nil {
				t.Error(err)
			}
			isTemplate(t, leaf)
		})
	}
}

// isTemplate: nothing of the request but its key and names is in the certificate.
func isTemplate(t testing.TB, leaf *x509.Certificate) {
	t.Helper()
	if leaf.IsCA || !leaf.BasicConstraintsValid || leaf.KeyUsage&^(x509.KeyUsageDigitalSignature|x509.KeyUsageKeyEncipherment) != 0 {
		t.Errorf("an authority, or of usage %b", leaf.KeyUsage)
	}
	if !slices.Equal(leaf.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) || len(leaf.UnknownExtKeyUsage)+len(leaf.UnhandledCriticalExtensions) > 0 {
		t.Errorf("usages %v, %v", leaf.ExtKeyUsage, leaf.UnknownExtKeyUsage)
	}
	if len(leaf.EmailAddresses)+len(leaf.URIs) > 0 || len(leaf.Subject.Names) > 1 || len(leaf.Extensions) != 6 {
		t.Errorf("more than the template: %s, %d extensions", leaf.Subject, len(leaf.Extensions))
	}
	if leaf.NotAfter.Sub(leaf.NotBefore) > 398*day || leaf.SerialNumber.BitLen() < 64 {
		t.Errorf("until %v, serial number %x", leaf.NotAfter, leaf.SerialNumber)
	}
}

func TestA65ParseRequestRefuses(t *testing.T) {
	der := asked(t, ecKey(t, elliptic.P256()), x509.CertificateRequest{DNSNames: []string{"printer.lan"}})
	other := asked(t, ecKey(t, elliptic.P256()), x509.CertificateRequest{DNSNames: []string{"printer.lan"}})
	forged := bytes.Replace(der, []byte("printer.lan"), []byte("printer.dev"), 1)
	tests := map[string]struct {
		in   []byte
		kind fault.Kind
	}{
		"nothing":              {nil, fault.Invalid},
		"text":                 {[]byte("hello"), fault.Invalid},
		"cut":                  {der[:len(der)-1], fault.Invalid},
		"more behind it":       {append(slices.Clone(der), 0), fault.Invalid},
		"changed":              {forged, fault.Invalid},
		"signature of another": {append(slices.Clone(der[:len(der)-40]), other[len(other)-40:]...), fault.Invalid},
		"a certificate":        {newRoot(t, judged).Leaf().Raw, fault.Invalid},
		"large":                {make([]byte, 16<<10+1), fault.TooLarge},
		"RSA of 40,000 bits":   {huge(t), fault.Invalid},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := ParseRequest(tt.in); !fault.Is(err, tt.kind) {
				t.Errorf("err = %v", err)
			}
		})
	}
	for name, in := range map[string][]byte{
		"PEM": RequestPEM(der), "PEM from Windows": append([]byte("\ufeff"), bytes.ReplaceAll(RequestPEM(der), []byte("\n"), []byte("\r\n"))...),
		"the old header": bytes.ReplaceAll(RequestPEM(der), []byte("CERTIFICATE"), []byte("NEW CERTIFICATE")),
	} {
		if r, err := ParseRequest(in); err != nil || !bytes.Equal(r.Raw, der) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// huge is a request with a key of 40,000 bits, which the standard library reads.
func huge(t testing.TB) []byte {
	t.Helper()
	n := bytes.Repeat([]byte{0x7f}, 5000)
	key, err := asn1.Marshal(struct {
		N asn1.RawValue
		E int
	}{asn1.RawValue{Tag: asn1.TagInteger, Bytes: n}, 1<<31 - 1})
	if err != nil {
		t.Fatal(err)
	}
	alg := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}, Parameters: asn1.NullRawValue}
	sig := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, Parameters: asn1.NullRawValue}
	type keyInfo struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	type info struct {
		Version    int
		Subject    asn1.RawValue
		Key        keyInfo
		Attributes []asn1.RawValue `asn1:"tag:0,set"`
	}
	der, err := asn1.Marshal(struct {
		Info info
		Alg  pkix.AlgorithmIdentifier
		Sig  asn1.BitString
	}{
		info{Subject: asn1.RawValue{FullBytes: []byte{0x30, 0}}, Key: keyInfo{alg, asn1.BitString{Bytes: key, BitLength: 8 * len(key)}}},
		sig, asn1.BitString{Bytes: n, BitLength: 8 * len(n)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x509.ParseCertificateRequest(der); err != nil {
		t.Fatalf("the standard library does not read it: %v", err)
	}
	return der
}

// FuzzSignRequest: whatever a stranger sends, it is refused as its mistake, or it is
// a certificate by the template for allowed names.
func FuzzSignRequest(f *testing.F) {
	key := ecKey(f, elliptic.P256())
	f.Add(asked(f, key, x509.CertificateRequest{DNSNames: []string{"printer.lan"}}))
	f.Add(asked(f, key, x509.CertificateRequest{DNSNames: []string{"printer.lan"}, ExtraExtensions: greedy(f)}))
	f.Add(RequestPEM(asked(f, key, x509.CertificateRequest{Subject: pkix.Name{CommonName: "10.1.2.3"}})))
	f.Add(asked(f, ecKey(f, elliptic.P521()), x509.CertificateRequest{IPAddresses: []net.IP{net.ParseIP("10.1.2.3")}}))
	_, der, err := NewRequest(Subject{"Printing", "A", "B", "C", "D", "AT"}, []string{"printer.lan"}, true)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der)
	f.Add(huge(f))
	root, err := NewRoot("fuzz", judged)
	if err != nil {
		f.Fatal(err)
	}
	issuing, err := NewIssuing(root, nil, judged)
	if err != nil {
		f.Fatal(err)
	}
	allowed := []string{"10.1.2.3", "printer.lan"}
	f.Fuzz(func(t *testing.T, b []byte) {
		certs, err := SignRequest(issuing, b, allowed, judged)
		if err != nil {
			if k := fault.KindOf(err); k != fault.Invalid && k != fault.Denied && k != fault.TooLarge {
				t.Errorf("a stranger's mistake became %v", err)
			}
			return
		}
		isTemplate(t, certs[0])
		for _, n := range namesOf(certs[0]) {
			if !slices.Contains(allowed, n) {
				t.Errorf("issued for %q", n)
			}
		}
	})
}
