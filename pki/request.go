package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"platen/fault"
)

// Subject is whom a request is for. What is empty is left out; Country is a code of
// two letters (ISO 3166-1).
type Subject struct {
	CommonName, Organization, OrganizationalUnit, Locality, Province, Country string
}

// NewRequest makes a key and a request (PKCS #10, DER) for a company's authority to
// answer: ECDSA P-256, or RSA 2048 for an authority that knows nothing else. names
// are host names, addresses, and wildcards as "*.example.com"; without a common name
// the first of them is it. What the certificate may be used for is left to the
// authority.
func NewRequest(s Subject, names []string, rsaKey bool) (key crypto.Signer, der []byte, err error) {
	const op = "pki.NewRequest"
	t, err := request(s, names)
	if err != nil {
		return nil, nil, err
	}
	if rsaKey {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", op, err)
	}
	if der, err = x509.CreateCertificateRequest(rand.Reader, t, key); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", op, err)
	}
	return key, der, nil
}

// RequestPEM is a request as the file or the text that authorities take.
func RequestPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

func request(s Subject, names []string) (*x509.CertificateRequest, error) {
	const op = "pki.NewRequest"
	t := &x509.CertificateRequest{}
	var good []string
	for _, raw := range names {
		rest, wild := strings.CutPrefix(strings.TrimSpace(raw), "*.")
		n, addr, ok := normal(rest)
		switch {
		case !ok || wild && (addr.IsValid() || !strings.Contains(n, ".")):
			return nil, &fault.Error{Op: op, Kind: fault.Invalid, Text: "This is no host name and no address: %s.", Args: []any{printable(raw)}}
		case wild:
			n = "*." + n
		}
		if slices.Contains(good, n) {
			continue
		}
		good = append(good, n)
		if addr.IsValid() {
			t.IPAddresses = append(t.IPAddresses, addr.AsSlice())
		} else {
			t.DNSNames = append(t.DNSNames, n)
		}
	}
	if len(good) == 0 {
		return nil, &fault.Error{Op: op, Kind: fault.Invalid, Text: "A certificate needs at least one name."}
	}
	if s.CommonName == "" && len(good[0]) <= 64 {
		s.CommonName = good[0]
	}
	var err error
	t.Subject, err = s.name()
	return t, err
}

// name checks the lengths of RFC 5280, appendix A.1.
func (s Subject) name() (pkix.Name, error) {
	const op = "pki.Subject"
	for _, f := range []struct {
		text string
		most int
	}{{s.CommonName, 64}, {s.Organization, 64}, {s.OrganizationalUnit, 64}, {s.Locality, 128}, {s.Province, 128}} {
		hidden := func(r rune) bool { return !unicode.IsGraphic(r) || r == unicode.ReplacementChar }
		if utf8.RuneCountInString(f.text) > f.most || strings.ContainsFunc(f.text, hidden) {
			return pkix.Name{}, &fault.Error{Op: op, Kind: fault.Invalid, Text: "This does not fit into a certificate: %s.", Args: []any{printable(f.text)}}
		}
	}
	n := pkix.Name{CommonName: s.CommonName}
	if s.Country != "" {
		c := strings.ToUpper(s.Country)
		if len(c) != 2 || strings.Trim(c, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
			return n, &fault.Error{Op: op, Kind: fault.Invalid, Text: "A country is a code of two letters, as DE."}
		}
		n.Country = []string{c}
	}
	for to, text := range map[*[]string]string{
		&n.Organization: s.Organization, &n.OrganizationalUnit: s.OrganizationalUnit, &n.Locality: s.Locality, &n.Province: s.Province,
	} {
		if text != "" {
			*to = []string{text}
		}
	}
	return n, nil
}

// Answer takes what an authority has answered to the request of key, in any order
// and with whatever else was in the file, and returns the chain of it. When the file
// has several certificates for the key, the one that ends last is it.
func Answer(key crypto.Signer, certs []*x509.Certificate) (*Chain, error) {
	var leaf *x509.Certificate
	for _, c := range certs {
		if sameKey(c.PublicKey, key.Public()) && (leaf == nil || c.NotAfter.After(leaf.NotAfter)) {
			leaf = c
		}
	}
	if leaf == nil {
		return nil, &fault.Error{
			Op: "pki.Answer", Kind: fault.Conflict,
			Text: "None of these certificates answers this request: they are for another key. Import the answer to the request that was made last, or make a new request.",
		}
	}
	return &Chain{Certs: Order(leaf, certs), Key: key}, nil
}

// What a request of a stranger may be.
const (
	mostRequest      = 16 << 10 // octets; one with a hundred names and RSA 8192 has about 6,000
	mostRequestNames = 100
)

// ParseRequest reads a request (PKCS #10, as DER or PEM) that a stranger made, and
// checks that whoever made it has the key, and that the key is a good one.
func ParseRequest(data []byte) (*x509.CertificateRequest, error) {
	const op = "pki.ParseRequest"
	if len(data) > mostRequest {
		return nil, &fault.Error{Op: op, Kind: fault.TooLarge, Text: "A request for a certificate has at most %d octets.", Args: []any{mostRequest}}
	}
	if b, _ := pem.Decode(bytes.TrimPrefix(data, []byte("\ufeff"))); b != nil && strings.HasSuffix(b.Type, "CERTIFICATE REQUEST") {
		data = b.Bytes
	}
	r, err := x509.ParseCertificateRequest(data)
	if err != nil {
		return nil, &fault.Error{Op: op, Kind: fault.Invalid, Text: "This is no request for a certificate, or it is damaged.", Err: err}
	}
	// First the key, then the signature: what is refused anyway is no work.
	if err := strong(r.PublicKey); err != nil {
		return nil, &fault.Error{
			Op: op, Kind: fault.Invalid, Err: err,
			Text: "The key of this request is too weak, or of a kind that clients do not know. Make one of RSA with 2048 to 8192 bits, or of P-256, P-384 or P-521.",
		}
	}
	if err := r.CheckSignature(); err != nil {
		return nil, &fault.Error{Op: op, Kind: fault.Invalid, Text: "This is no request for a certificate, or it is damaged.", Err: err}
	}
	return r, nil
}

// strong allows the keys of servers that every client takes; Ed25519 is none of them.
func strong(pub any) error {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n < 2048 || n > 8192 || n%8 != 0 || k.E < 65537 || k.E%2 == 0 {
			return fmt.Errorf("pki: RSA of %d bits with exponent %d", n, k.E)
		}
		return nil
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() && k.Curve != elliptic.P384() && k.Curve != elliptic.P521() {
			return fmt.Errorf("pki: curve %s", k.Params().Name)
		}
		return nil
	}
	return errors.New("pki: a kind of key that is not known")
}

// SignRequest answers the request of a stranger, a device perhaps, with a chain that
// is the same as Issue makes, but for the key. All that counts of the request is the
// key and the names: each must be in allowed and one that issuing may vouch for, a
// wildcard never is. Its common name is read where there are no other names. What
// else it asks for (to be an authority, other uses, another subject) it does not
// get.
func SignRequest(issuing *Chain, der []byte, allowed []string, now time.Time) ([]*x509.Certificate, error) {
	r, err := ParseRequest(der)
	if err != nil {
		return nil, err
	}
	names, err := granted(r, allowed)
	if err != nil {
		return nil, err
	}
	if err := may(issuing, names); err != nil {
		return nil, err
	}
	usage := x509.KeyUsageDigitalSignature
	if _, ok := r.PublicKey.(*rsa.PublicKey); ok {
		usage |= x509.KeyUsageKeyEncipherment
	}
	cert, err := vouch(issuing, server(names, usage), r.PublicKey, now)
	if err != nil {
		return nil, fmt.Errorf("pki.SignRequest: %w", err)
	}
	return shown(cert, issuing), nil
}

// granted returns the names that a request asks for, when all of them are allowed.
func granted(r *x509.CertificateRequest, allowed []string) ([]string, error) {
	const op = "pki.SignRequest"
	asked := slices.Clone(r.DNSNames)
	for _, ip := range r.IPAddresses {
		asked = append(asked, ip.String())
	}
	if len(asked) == 0 && r.Subject.CommonName != "" {
		asked = []string{r.Subject.CommonName}
	}
	if len(asked) > mostRequestNames {
		return nil, &fault.Error{Op: op, Kind: fault.TooLarge, Text: "A request has at most %d names.", Args: []any{mostRequestNames}}
	}
	list := map[string]bool{}
	for _, raw := range allowed {
		if n, _, ok := normal(raw); ok {
			list[n] = true
		}
	}
	foreign := slices.DeleteFunc(slices.Clone(asked), func(raw string) bool {
		n, _, ok := normal(raw)
		return ok && list[n]
	})
	if len(foreign) > 0 {
		return nil, &fault.Error{Op: op, Kind: fault.Denied, Text: "This request asks for names that are not allowed: %s.", Args: []any{spoken(foreign)}}
	}
	return asked, nil
}
