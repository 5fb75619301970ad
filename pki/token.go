package pki

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"
	"github.com/go-jose/go-jose/v4/json"
	"github.com/go-jose/go-jose/v4/jwt"

	"platen/fault"
)

// Claims are what a token says, in the words of RFC 9068, section 2.2.
type Claims struct {
	ID      string // jti and client_id: the id of the token where it is kept
	Tenant  string // iss and aud: the account. Sign writes its own, whatever stands here
	Subject string // sub: the user whose work it does, or its own ID
	Scope   string // what it may do: words with a space between
	Issued  time.Time
	Expires time.Time // times are whole seconds
}

// Bounds of tokens.
const (
	LongestToken = 398 * 24 * time.Hour // of life: so long a key is believed after another was chosen
	mostToken    = 8 << 10              // octets of its text
)

const (
	tokenType    = "at+jwt" // RFC 9068, section 2.1: a token that the same key has signed for something else is none
	x5tHeader    = "x5t#S256"
	clocksDiffer = jwt.DefaultLeeway // one minute, between nodes
)

// payload is Claims as a token has them.
type payload struct {
	jwt.Claims
	Client string `json:"client_id"`
	Scope  string `json:"scope,omitempty"`
}

// Sign makes a token with the chosen key. Without one, or when its certificate has
// ended, it is a Conflict.
func (s *Signing) Sign(c Claims) (string, error) {
	const op = "pki.Sign"
	k, err := s.signer(c.Issued)
	if err != nil {
		return "", err
	}
	if life := c.Expires.Sub(c.Issued); life <= 0 || life > LongestToken {
		return "", &fault.Error{Op: op, Kind: fault.Invalid, Text: "A token ends after at most %d days.", Args: []any{int(LongestToken.Hours() / 24)}}
	}
	if c.ID == "" || c.Subject == "" || s.Tenant == "" {
		return "", &fault.Error{Op: op, Kind: fault.Internal, Err: errors.New("a token without a name, a subject or an account")}
	}
	body, err := json.Marshal(payload{Client: c.ID, Scope: c.Scope, Claims: jwt.Claims{
		Issuer: s.Issuer(), Audience: jwt.Audience{s.Issuer()}, ID: c.ID, Subject: c.Subject,
		IssuedAt: jwt.NewNumericDate(c.Issued), Expiry: jwt.NewNumericDate(c.Expires),
	}})
	if err != nil {
		return "", fmt.Errorf("%s: %w", op, err)
	}
	return k.sign(body)
}

// signer returns the key that signs at a time, or tells why there is none.
func (s *Signing) signer(now time.Time) (*SigningKey, error) {
	const op = "pki.Sign"
	if s == nil || s.Chosen == nil {
		return nil, &fault.Error{Op: op, Kind: fault.Conflict, Text: "No chain is chosen that signs API tokens, so none are made. Make one with platen cert signing generate, or choose one with platen cert signing choose."}
	}
	if end := s.Chosen.Chain.Leaf().NotAfter; now.After(end) {
		return nil, &fault.Error{Op: op, Kind: fault.Conflict, Text: "The chain that signs API tokens ended on %s, so none are made. Make the next one with platen cert signing generate.", Args: []any{end.Format(time.DateOnly)}}
	}
	return s.Chosen, nil
}

func (k *SigningKey) sign(body []byte) (string, error) {
	const op = "pki.Sign"
	alg, _ := jwsAlgorithm(k.Chain.Key.Public())
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: cryptosigner.Opaque(k.Chain.Key), KeyID: k.ID}},
		(&jose.SignerOptions{}).WithType(tokenType).WithHeader(x5tHeader, k.thumbprint()))
	if err != nil {
		return "", fmt.Errorf("%s: %w", op, err)
	}
	jws, err := signer.Sign(body)
	if err != nil {
		return "", fmt.Errorf("%s: %w", op, err)
	}
	text, err := jws.CompactSerialize()
	if err == nil && len(text) > mostToken {
		err = fmt.Errorf("%d octets", len(text))
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", op, err)
	}
	return text, nil
}

// Check returns what a token says when a key of the account has signed it and it has
// not ended; else it is Denied. That the certificate of the key has ended is no reason:
// the key's Until is.
func (s *Signing) Check(token string, now time.Time) (Claims, error) {
	k, err := s.keyOf(token, now)
	if err != nil {
		return Claims{}, unknownToken(err)
	}
	p, err := k.verify(token)
	if err != nil {
		return Claims{}, unknownToken(err)
	}
	if p.ID == "" || p.Subject == "" || p.IssuedAt == nil || p.Expiry == nil {
		return Claims{}, unknownToken(errors.New("a claim is missing"))
	}
	err = p.ValidateWithLeeway(jwt.Expected{Issuer: s.Issuer(), AnyAudience: jwt.Audience{s.Issuer()}, Time: now}, clocksDiffer)
	if err != nil {
		return Claims{}, notNow(err)
	}
	return Claims{ID: p.ID, Tenant: s.Tenant, Subject: p.Subject, Scope: p.Scope, Issued: p.IssuedAt.Time().UTC(), Expires: p.Expiry.Time().UTC()}, nil
}

func unknownToken(err error) error {
	return &fault.Error{Op: "pki.Check", Kind: fault.Denied, Text: "This API token is not known.", Err: err}
}

// notNow tells whoever has a token of ours why it is not taken.
func notNow(err error) error {
	f := &fault.Error{Op: "pki.Check", Kind: fault.Denied, Text: "This API token is not known.", Err: err}
	switch {
	case errors.Is(err, jwt.ErrExpired):
		f.Text = "This API token has ended. Please ask the administrator for a new one."
	case errors.Is(err, jwt.ErrNotValidYet), errors.Is(err, jwt.ErrIssuedInTheFuture):
		f.Text = "This API token is not valid yet. Please check the clock of the print service."
	}
	return f
}

// keyOf returns the key that a token names. The rest of its header has to be what
// Sign writes with that key: so the algorithm is the key's, and there is nothing
// critical, no key and no address from which one could be had (RFC 8725, section 3).
func (s *Signing) keyOf(token string, now time.Time) (*SigningKey, error) {
	if len(token) > mostToken || strings.ContainsAny(token, "\r\n") {
		return nil, errors.New("no token")
	}
	head, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.Strict().DecodeString(head)
	if err != nil {
		return nil, err
	}
	var h map[string]string // of jose's json, which refuses what stands twice
	if err := json.Unmarshal(raw, &h); err != nil {
		return nil, err
	}
	for _, k := range s.keys() {
		if k.ID != h["kid"] || k.ended(now) {
			continue
		}
		alg, _ := jwsAlgorithm(k.Chain.Key.Public())
		// The certificate may have been renewed since.
		if !maps.Equal(h, map[string]string{"alg": string(alg), "kid": k.ID, "typ": tokenType, x5tHeader: h[x5tHeader]}) {
			return nil, errors.New("another header than ours")
		}
		return &k, nil
	}
	return nil, errors.New("another key than ours")
}

// verify returns what the key has signed.
func (k *SigningKey) verify(token string) (payload, error) {
	alg, _ := jwsAlgorithm(k.Chain.Key.Public())
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{alg})
	if err != nil {
		return payload{}, err
	}
	body, err := jws.Verify(k.Chain.Key.Public())
	if err != nil {
		return payload{}, err
	}
	var p payload
	err = json.Unmarshal(body, &p)
	return p, err
}
