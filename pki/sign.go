package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"platen/fault"
)

// Signing are the keys that sign and check the API tokens of one account. Many read
// it at a time: it is never changed, Choose and At return another one.
type Signing struct {
	Tenant string       // UUID of the account
	Chosen *SigningKey  // it signs; nil: no chain is chosen
	Older  []SigningKey // sign nothing any longer, but what they have signed is believed
}

// SigningKey is a chain whose key signs tokens.
type SigningKey struct {
	ID    string // of the public key, RFC 7638 with SHA-256: a chain that is renewed with the same key keeps it
	Chain *Chain
	Until time.Time // what it has signed is believed until then; zero: no end
}

// The moduli of RSA with which tokens are signed, in bits. Many libraries that read
// JWKS take no longer ones.
const leastRSA, mostRSA = 2048, 4096

// NewSigningKey makes a key of a chain that can sign tokens. Another one is Invalid.
func NewSigningKey(c *Chain) (*SigningKey, error) {
	const op = "pki.NewSigningKey"
	pub := c.Key.Public()
	if _, ok := jwsAlgorithm(pub); !ok {
		return nil, &fault.Error{Op: op, Kind: fault.Invalid, Text: "This chain cannot sign tokens: its key must be ECDSA on P-256, P-384 or P-521, RSA with 2048 to 4096 bits, or Ed25519."}
	}
	if u := c.Leaf().KeyUsage; u != 0 && u&x509.KeyUsageDigitalSignature == 0 {
		return nil, &fault.Error{Op: op, Kind: fault.Invalid, Text: "This chain cannot sign tokens: its certificate does not allow signatures."}
	}
	if same, ok := pub.(interface{ Equal(crypto.PublicKey) bool }); !ok || !same.Equal(c.Leaf().PublicKey) {
		return nil, &fault.Error{Op: op, Kind: fault.Internal, Err: errors.New("the certificate is of another key")}
	}
	sum, err := (&jose.JSONWebKey{Key: pub}).Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	return &SigningKey{ID: base64.RawURLEncoding.EncodeToString(sum), Chain: c}, nil
}

// jwsAlgorithm is the one with which a key signs, RFC 7518, section 3.1, and RFC 8037,
// section 3.1. The key decides, never a token.
func jwsAlgorithm(pub crypto.PublicKey) (alg jose.SignatureAlgorithm, ok bool) {
	switch pub := pub.(type) {
	case *ecdsa.PublicKey:
		alg, ok = map[elliptic.Curve]jose.SignatureAlgorithm{elliptic.P256(): jose.ES256, elliptic.P384(): jose.ES384, elliptic.P521(): jose.ES512}[pub.Curve]
	case *rsa.PublicKey:
		alg, ok = jose.RS256, pub.N.BitLen() >= leastRSA && pub.N.BitLen() <= mostRSA
	case ed25519.PublicKey:
		alg, ok = jose.EdDSA, true
	}
	return alg, ok
}

// thumbprint is the x5t#S256 of RFC 7515, section 4.1.8.
func (k *SigningKey) thumbprint() string {
	sum := sha256.Sum256(k.Chain.Leaf().Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (k *SigningKey) public() jose.JSONWebKey {
	sum := sha256.Sum256(k.Chain.Leaf().Raw)
	alg, _ := jwsAlgorithm(k.Chain.Key.Public())
	return jose.JSONWebKey{
		Key: k.Chain.Key.Public(), KeyID: k.ID, Use: "sig", Algorithm: string(alg),
		Certificates: k.Chain.Certs, CertificateThumbprintSHA256: sum[:],
	}
}

// Issuer is what the account is called in its tokens: as who made them, and as who
// takes them. It is no address, because nodes get other names.
func (s *Signing) Issuer() string { return "urn:uuid:" + s.Tenant } // RFC 9562, section 4

// keys returns what is believed, the chosen one first.
func (s *Signing) keys() []SigningKey {
	switch {
	case s == nil || s.Tenant == "":
		return nil
	case s.Chosen == nil:
		return s.Older
	}
	return append([]SigningKey{*s.Chosen}, s.Older...)
}

// At returns s without the older keys that have ended.
func (s *Signing) At(now time.Time) *Signing {
	if s == nil {
		return nil
	}
	left := slices.DeleteFunc(slices.Clone(s.Older), func(k SigningKey) bool { return k.ended(now) })
	return &Signing{Tenant: s.Tenant, Chosen: s.Chosen, Older: left}
}

func (k *SigningKey) ended(now time.Time) bool { return !k.Until.IsZero() && !now.Before(k.Until) }

// Choose returns what holds when next signs from now on; nil: nothing does. What the
// key before has signed is believed until then, which is when the last of its tokens
// ends, or at once no longer. A chain that cannot sign tokens is Invalid.
func (s *Signing) Choose(next *Chain, now, until time.Time) (*Signing, error) {
	out := s.At(now)
	if s.Chosen != nil {
		before := *s.Chosen
		before.Until = until
		out.Older = append([]SigningKey{before}, out.Older...)
	}
	out.Chosen = nil
	if next != nil {
		k, err := NewSigningKey(next)
		if err != nil {
			return nil, err
		}
		out.Chosen = k
		out.Older = slices.DeleteFunc(out.Older, func(x SigningKey) bool { return x.ID == k.ID }) // with a newer certificate
	}
	return out.At(now), nil
}

// JWKS returns the public keys as RFC 7517 writes them, with their certificates. At
// leaves out those that have ended.
func (s *Signing) JWKS() []byte {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range s.keys() {
		set.Keys = append(set.Keys, k.public())
	}
	if b, err := json.Marshal(set); err == nil { // it cannot fail with what NewSigningKey has made
		return b
	}
	return []byte(`{"keys":[]}`)
}
