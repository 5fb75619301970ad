package entra

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"platen/fault"
)

// How long an assertion is good for: "5-10 minutes after nbf at most".
const assertionLife = 10 * time.Minute

// tokenMargin is how long before its end a token is no longer used.
const tokenMargin = 2 * time.Minute

// bearer is an access token. It is opaque to us: what is in it is between Entra
// ID and Graph.
type bearer struct {
	value string
	until time.Time
}

// bearer returns the token that is still good, or fetches one.
func (t *talk) bearer(ctx context.Context) (string, error) {
	t.mu.Lock()
	b := t.token
	t.mu.Unlock()
	if b.value != "" && t.now().Before(b.until) {
		return b.value, nil
	}
	b, err := t.fetchToken(ctx)
	if err != nil {
		return "", err
	}
	t.mu.Lock()
	t.token = b
	t.mu.Unlock()
	return b.value, nil
}

// forget drops a token that was refused, unless somebody has a new one already.
func (t *talk) forget(value string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token.value == value {
		t.token = bearer{}
	}
}

// fetchToken asks for a token with the client credentials grant.
func (t *talk) fetchToken(ctx context.Context) (bearer, error) {
	endpoint := t.Config.authority() + "/" + t.Config.Tenant + "/oauth2/v2.0/token"
	form := func() (url.Values, error) { return t.credentials(endpoint) }
	a, err := t.patiently(ctx, func(ctx context.Context) (answer, error) {
		v, err := form() // anew each time: an assertion is used once
		if err != nil {
			return answer{}, err
		}
		h := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
		return t.once(ctx, http.MethodPost, endpoint, h, []byte(v.Encode()))
	})
	if err != nil {
		return bearer{}, err
	}
	if a.status != http.StatusOK {
		return bearer{}, t.Config.refused(a)
	}
	return t.readToken(a.body)
}

func (t *talk) readToken(body []byte) (bearer, error) {
	var r struct {
		Type    string      `json:"token_type"`
		Token   string      `json:"access_token"`
		Expires json.Number `json:"expires_in"`
	}
	if err := json.Unmarshal(body, &r); err != nil {
		return bearer{}, unusable("entra.token", errors.New("the token endpoint did not answer with JSON"))
	}
	seconds, err := r.Expires.Int64()
	if err != nil || !strings.EqualFold(r.Type, "Bearer") || r.Token == "" || strings.ContainsFunc(r.Token, notVisible) {
		return bearer{}, unusable("entra.token", errors.New("the answer holds no bearer token"))
	}
	life := time.Duration(min(max(seconds, 0), 24*3600)) * time.Second
	return bearer{value: r.Token, until: t.now().Add(life - min(tokenMargin, life/2))}, nil
}

func notVisible(r rune) bool { return r <= ' ' || r > '~' }

// credentials returns what the token endpoint is asked.
func (t *talk) credentials(endpoint string) (url.Values, error) {
	if t.Secret == "" {
		return nil, &fault.Error{Op: "entra.token", Kind: fault.Invalid, Text: "The secret is missing. Enter the client secret, or the private key of the certificate."}
	}
	v := url.Values{
		"client_id":  {t.Config.Client},
		"scope":      {t.Config.graph() + "/.default"},
		"grant_type": {"client_credentials"},
	}
	if t.Config.Certificate == "" {
		v.Set("client_secret", t.Secret)
		return v, nil
	}
	assertion, err := t.assertion(endpoint)
	if err != nil {
		return nil, err
	}
	v.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	v.Set("client_assertion", assertion)
	return v, nil
}

// assertion returns a JSON Web Token that is signed with the certificate's key.
// PS256 is RSASSA-PSS with SHA-256 and a salt as long as the digest (RFC 7518,
// section 3.5).
func (t *talk) assertion(endpoint string) (string, error) {
	cert, err := t.Config.certificate()
	if err != nil {
		return "", err
	}
	now := t.now()
	if now.After(cert.NotAfter) {
		return "", &fault.Error{Op: "entra.token", Kind: fault.Denied, Args: []any{cert.NotAfter.Format(time.DateOnly)},
			Text: "The certificate of the application was good until %s. Upload a new one to its registration, and enter it here."}
	}
	key, err := privateKey(t.Secret, cert)
	if err != nil {
		return "", err
	}
	thumb := sha256.Sum256(cert.Raw)
	head := map[string]any{"alg": "PS256", "typ": "JWT", "x5t#S256": base64.RawURLEncoding.EncodeToString(thumb[:])}
	claims := map[string]any{
		"aud": endpoint, "iss": t.Config.Client, "sub": t.Config.Client, "jti": uuid.NewString(),
		"nbf": now.Unix(), "iat": now.Unix(), "exp": now.Add(assertionLife).Unix(),
	}
	return sign(key, head, claims)
}

func sign(key *rsa.PrivateKey, head, claims map[string]any) (string, error) {
	var parts [2]string
	for i, part := range []map[string]any{head, claims} {
		b, err := json.Marshal(part)
		if err != nil {
			return "", fmt.Errorf("entra.token: %w", err)
		}
		parts[i] = base64.RawURLEncoding.EncodeToString(b)
	}
	signed := parts[0] + "." + parts[1]
	digest := sha256.Sum256([]byte(signed))
	sig, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	if err != nil {
		return "", fmt.Errorf("entra.token: %w", err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(sig), nil
}

// privateKey reads the key from PEM, and says nothing of what it has read.
func privateKey(secret string, cert *x509.Certificate) (*rsa.PrivateKey, error) {
	wrong := &fault.Error{Op: "entra.token", Kind: fault.Invalid, Text: "The private key does not belong to the certificate, or is not an RSA key in PEM without a password."}
	block, _ := pem.Decode([]byte(secret))
	if block == nil {
		return nil, wrong
	}
	key, ok := parseKey(block.Bytes).(*rsa.PrivateKey)
	if !ok || !key.PublicKey.Equal(cert.PublicKey) {
		return nil, wrong
	}
	return key, nil
}

func parseKey(der []byte) any {
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil
	}
	return key
}

// refused makes an error of what the token endpoint said instead of a token.
// The kind is from error, "which should be used to react to errors"; the AADSTS
// numbers only choose a sentence that says more.
func (c *Config) refused(a answer) error {
	var r struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
		Codes       []int  `json:"error_codes"`
	}
	err := json.Unmarshal(a.body, &r)
	cause := fmt.Errorf("status %d, %s %v: %s", a.status, word(r.Error), r.Codes[:min(len(r.Codes), 5)], line(r.Description))
	switch {
	case a.status >= 500 || r.Error == "temporarily_unavailable":
		return troubled("entra.token", a.status, cause)
	case err != nil || r.Error == "":
		return unusable("entra.token", cause)
	}
	text, args := c.whyRefused(r.Error, r.Codes)
	return &fault.Error{Op: "entra.token", Kind: fault.Denied, Text: text, Args: args, Err: cause}
}

func (c *Config) whyRefused(code string, numbers []int) (string, []any) {
	has := func(n int) bool { return slices.Contains(numbers, n) }
	switch {
	case has(90002): // InvalidTenantName
		return "Microsoft Entra ID does not know the tenant %s. Check its id, and whether it is in this cloud.", []any{c.Tenant}
	case has(700016) || has(700011) || code == "unauthorized_client":
		return "Microsoft Entra ID does not know the application %s in this tenant. Check the client id and the tenant.", []any{c.Client}
	case has(7000222):
		return "The client secret has expired. Create a new one in the registration of the application, and enter it here.", nil
	case code == "invalid_client" && c.Certificate != "":
		return "Microsoft Entra ID does not accept the certificate. Upload its public part to the registration of the application, and check the clock of this machine.", nil
	case code == "invalid_client":
		return "Microsoft Entra ID does not accept the client secret. Enter its value, not its id, or create a new one.", nil
	}
	return "Microsoft Entra ID refuses the application (%s).", []any{word(code)}
}
