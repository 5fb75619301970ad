package pki

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // people compare it with what old tools show; nothing rests on it
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Description is a certificate as people read it. Its texts are a stranger's,
// made safe to be shown.
type Description struct {
	Subject   string    `json:"subject"` // RFC 4514
	Issuer    string    `json:"issuer"`
	Serial    string    `json:"serial"` // octets in hexadecimal digits, with colons
	Names     []string  `json:"names"`  // host names, then addresses; at most 100
	SHA256    string    `json:"sha256"` // of the whole certificate, as Serial
	SHA1      string    `json:"sha1"`   // the same, to compare with old tools
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	Key       string    `json:"key"`       // "RSA 2048", "ECDSA P-256", "Ed25519"
	Signature string    `json:"signature"` // "SHA256-RSA"
	CA        bool      `json:"ca"`        // it may vouch for others
	Own       bool      `json:"own"`       // it is signed with its own key
	Findings  []Finding `json:"findings"`  // what should worry its owner; none of them refuses
}

// Limits of what is shown of a certificate.
const (
	maxShownName  = 300 // characters of one name
	maxShownNames = 100
)

// DescribeCert describes a certificate as of now.
func DescribeCert(c *x509.Certificate, now time.Time) Description {
	s256, s1 := sha256.Sum256(c.Raw), sha1.Sum(c.Raw) //nolint:gosec // as above
	return Description{
		Subject: legible(c.Subject.String()), Issuer: legible(c.Issuer.String()),
		Serial: colons(c.SerialNumber.Bytes()), Names: filled(shownNames(c)),
		SHA256: colons(s256[:]), SHA1: colons(s1[:]),
		NotBefore: c.NotBefore, NotAfter: c.NotAfter,
		Key: keyOf(c), Signature: c.SignatureAlgorithm.String(),
		CA: vouches(c), Own: selfSigned(c),
		Findings: filled(worries(c, now)),
	}
}

// Describe describes a trusted certificate as of now, and says what kind of
// trust it is when that is not the usual one.
func (t Trusted) Describe(now time.Time) (Description, error) {
	c, err := t.Cert()
	if err != nil {
		return Description{}, err
	}
	d := DescribeCert(c, now)
	switch {
	case !d.CA:
		d.Findings = append(d.Findings, Finding{Rule: "device", Text: "This is the certificate of one device, not of an authority: only this device is trusted because of it, and no longer when it gets a new one."})
	case c.Version < 3:
		d.Findings = append(d.Findings, Finding{Rule: "version", Text: "This certificate is of an old kind that does not say whether it is one of an authority. Whoever has its key can vouch for every name."})
	}
	return d, nil
}

// worries are of the certificate alone, whoever trusts it.
func worries(c *x509.Certificate, now time.Time) []Finding {
	var list []Finding
	who := nameOf(c)
	add := func(rule, text string, args ...any) {
		list = append(list, Finding{Rule: rule, Text: text, Args: append([]any{who}, args...)})
	}
	switch {
	case now.Before(c.NotBefore):
		add("not-yet", "The certificate of “%s” is not valid before %s.", onDay(c.NotBefore))
	case now.After(c.NotAfter):
		add("ended", "The certificate of “%s” ended on %s.", onDay(c.NotAfter))
	case c.NotAfter.Sub(now) < endsSoon:
		list = append(list, nearEnd(c))
	}
	if weakKey(c) {
		list = append(list, tooShort(c))
	}
	// Nobody looks at the signature of what is trusted by itself.
	if weakSignature(c) && !selfSigned(c) {
		add("signature", "The certificate of “%s” is signed with %s, which can be forged. Have a new one issued, with SHA-256.", c.SignatureAlgorithm.String())
	}
	return list
}

func nearEnd(c *x509.Certificate) Finding {
	return Finding{Rule: "ends-soon", Text: "The certificate of “%s” ends on %s. Have the next one ready before.", Args: []any{nameOf(c), onDay(c.NotAfter)}}
}

func tooShort(c *x509.Certificate) Finding {
	return Finding{Rule: "key-size", Text: "The key of “%s” is too short (%s): it can be broken. Have a new one made, of RSA 2048 or ECDSA P-256 at least.", Args: []any{nameOf(c), keyOf(c)}}
}

func weakKey(c *x509.Certificate) bool {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return k.N.BitLen() < 2048
	case *ecdsa.PublicKey:
		return k.Params().BitSize < 256
	}
	return false
}

func weakSignature(c *x509.Certificate) bool { return slices.Contains(forgeable, c.SignatureAlgorithm) }

// keyOf names the kind and the size of a public key.
func keyOf(c *x509.Certificate) string {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", k.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return c.PublicKeyAlgorithm.String()
}

func shownNames(c *x509.Certificate) []string {
	names := namesOf(c)
	names = slices.Clone(names[:min(len(names), maxShownNames)])
	for i, n := range names {
		names[i] = legible(n)
	}
	return names
}

// legible makes a name of a stranger fit for a page, as printable does for a
// sentence, which has less room.
func legible(s string) string {
	return cut(strings.Map(func(r rune) rune {
		if unprintable(r) {
			return utf8.RuneError
		}
		return r
	}, s), maxShownName)
}

// colons writes octets as openssl does: "04:A1:0B".
func colons(b []byte) string {
	return strings.ReplaceAll(fmt.Sprintf("% X", b), " ", ":")
}
