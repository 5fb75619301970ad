package oidc

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"platen/fault"
)

const (
	lifetime   = 10 * time.Minute // of a sign-in, from Begin to Finish
	discovered = time.Hour        // how long what the provider says of itself is believed
	maxUsed    = 100_000          // sign-ins remembered as used; they are forgotten after lifetime
)

// Provider signs people in with one OpenID Connect provider. All exported fields
// are set before its first use.
type Provider struct {
	Config Config
	Secret string            // of the client; "" a public client, which has PKCE alone
	HTTP   http.RoundTripper // nil: one of its own that trusts Config.CA or Roots
	Now    func() time.Time

	// Roots is asked who may vouch for the provider when Config.CA names nobody;
	// nil is the system's list.
	Roots func() *x509.CertPool

	once sync.Once
	http *http.Client

	mu   sync.Mutex
	meta *metadata
	used map[[sha256.Size]byte]time.Time // states that have come back, and when they end
}

// Pending is what must be kept between Begin and Finish, in a sealed cookie of
// the browser that signs in. Whoever reads it can finish the sign-in, so it is
// not shown to anybody.
type Pending struct {
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"` // RFC 7636, section 4.1
	Expires  time.Time `json:"e"`
}

// metadata is what a provider says of itself (OpenID Connect Discovery 1.0,
// section 3).
type metadata struct {
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	fetched  time.Time

	AuthURL     string   `json:"authorization_endpoint"`
	TokenURL    string   `json:"token_endpoint"`
	KeysURL     string   `json:"jwks_uri"`
	UserInfoURL string   `json:"userinfo_endpoint"`
	AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
	SaysIssuer  bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207, section 3
}

// Begin returns the address to send the browser to and what to remember until it
// comes back to redirect, which is registered with the provider.
func (p *Provider) Begin(ctx context.Context, redirect string) (string, Pending, error) {
	m, err := p.discover(ctx)
	if err != nil {
		return "", Pending{}, fmt.Errorf("oidc.Begin: %w", err)
	}
	st := Pending{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Expires: p.Now().Add(lifetime)}
	return p.oauth(m, redirect).AuthCodeURL(st.State, oidc.Nonce(st.Nonce), oauth2.S256ChallengeOption(st.Verifier)), st, nil
}

func (p *Provider) oauth(m *metadata, redirect string) *oauth2.Config {
	endpoint := oauth2.Endpoint{AuthURL: m.AuthURL, TokenURL: m.TokenURL, AuthStyle: oauth2.AuthStyleInHeader}
	// A list that does not have the default means what it says.
	if p.Secret == "" || len(m.AuthMethods) > 0 && !slices.Contains(m.AuthMethods, "client_secret_basic") {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{ClientID: p.Config.ClientID, ClientSecret: p.Secret, Endpoint: endpoint, RedirectURL: redirect, Scopes: p.Config.scopes()}
}

// Test asks the provider for what it says of itself, for an administrator who
// has just typed the configuration. It shows the provider no secret.
func (p *Provider) Test(ctx context.Context) error {
	_, err := p.fetch(ctx)
	return p.forAdministrators(err)
}

// discover returns what the provider says of itself, asked for not longer than an
// hour ago. Two who ask at the same time may both fetch it.
func (p *Provider) discover(ctx context.Context) (*metadata, error) {
	p.mu.Lock()
	m := p.meta
	p.mu.Unlock()
	if m != nil && p.Now().Sub(m.fetched) < discovered {
		return m, nil
	}
	m, err := p.fetch(ctx)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.meta = m
	return m, nil
}

func (p *Provider) fetch(ctx context.Context) (*metadata, error) {
	const op = "oidc.discover"
	ctx = oidc.ClientContext(ctx, p.client())
	provider, err := oidc.NewProvider(ctx, p.Config.Issuer)
	if mismatch := (*oidc.IssuerMismatchError)(nil); errors.As(err, &mismatch) {
		return nil, &fault.Error{Op: op, Kind: fault.Invalid, Text: "The sign-in service calls itself by another issuer than the one that is set up here.", Err: cut(err)}
	}
	if err != nil {
		return nil, away(op, err)
	}
	m := &metadata{provider: provider, fetched: p.Now()}
	if err := provider.Claims(m); err != nil {
		return nil, useless(op, err)
	}
	for _, s := range []string{m.AuthURL, m.TokenURL, m.KeysURL} {
		if u, err := url.Parse(s); err != nil || u.Host == "" || !safe(u) {
			return nil, useless(op, fmt.Errorf("endpoint %q", s))
		}
	}
	if u, err := url.Parse(m.UserInfoURL); err != nil || m.UserInfoURL != "" && !safe(u) {
		return nil, useless(op, fmt.Errorf("endpoint %q", m.UserInfoURL))
	}
	// The list of the provider is not asked: it could have HS256 on it, whose key
	// would be our secret, or none.
	m.verifier = provider.Verifier(&oidc.Config{
		ClientID: p.Config.ClientID, Now: p.Now,
		SupportedSigningAlgs: []string{oidc.RS256, oidc.PS256, oidc.ES256, oidc.EdDSA},
	})
	return m, nil
}

// away is the failure of a provider that gave no usable answer. A certificate
// that does not hold gets its own sentence: waiting does not help.
func away(op string, err error) error {
	var (
		unknown  x509.UnknownAuthorityError
		expired  x509.CertificateInvalidError
		hostname x509.HostnameError
	)
	text := "The sign-in service does not answer at the moment. Please try again later or sign in another way."
	if errors.As(err, &unknown) || errors.As(err, &expired) || errors.As(err, &hostname) {
		text = "The certificate of the sign-in service is not valid, so nobody is sent there. Please tell the administrator."
	}
	return &fault.Error{Op: op, Kind: fault.Unavailable, Text: text, Err: cut(err)}
}

// useless is the failure of a provider that answered with what nobody can use.
func useless(op string, err error) error {
	return &fault.Error{Op: op, Kind: fault.Unavailable, Text: "The sign-in service gave an answer that cannot be used. Please tell the administrator.", Err: cut(err)}
}
