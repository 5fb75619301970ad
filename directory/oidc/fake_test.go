package oidc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// A provider that can be told to lie. The real one is in provider_test.go.
type fakeOP struct {
	*httptest.Server
	conf Config

	mu        sync.Mutex
	claims    map[string]any // of the ID token; nil values are left out
	alg       string
	keys      map[string]crypto.Signer // published, by alg
	signer    crypto.Signer            // signs; nil: the published one
	discovery map[string]any           // over what is said of itself
	info      map[string]any           // what userinfo says; nil: there is no such endpoint
	token     http.HandlerFunc         // instead of the token endpoint
	fetched   map[string]int           // how often each path was asked
	form      url.Values               // what the token endpoint was last asked
	basic     string                   // and by whom
}

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

const (
	redirect = "https://print.example/signin/oidc"
	secret   = "s3cret-of-the-client-s3cret-of-the-client"
)

func newFake(t *testing.T) *fakeOP {
	t.Helper()
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	op := &fakeOP{alg: "RS256", keys: map[string]crypto.Signer{"RS256": rsaKey(), "ES256": ec, "EdDSA": ed}, claims: map[string]any{}, fetched: map[string]int{}, discovery: map[string]any{}}
	op.Server = httptest.NewServer(op)
	t.Cleanup(op.Close)
	op.conf = Config{Issuer: op.URL, ClientID: "platen"}
	return op
}

func (op *fakeOP) provider() *Provider {
	return &Provider{Config: op.conf, Secret: secret, Now: time.Now}
}

func (op *fakeOP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	op.mu.Lock()
	defer op.mu.Unlock()
	op.fetched[r.URL.Path]++
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		answer(w, op.metadata())
	case "/keys":
		answer(w, map[string]any{"keys": op.published()})
	case "/userinfo":
		answer(w, op.info)
	case "/token":
		_ = r.ParseForm()
		op.form = r.PostForm
		op.basic, _, _ = r.BasicAuth()
		if op.token != nil {
			op.token(w, r)
			return
		}
		answer(w, map[string]any{"access_token": "at", "token_type": "Bearer", "expires_in": 60, "id_token": op.sign()})
	default:
		http.NotFound(w, r)
	}
}

func (op *fakeOP) metadata() map[string]any {
	m := map[string]any{
		"issuer": op.URL, "authorization_endpoint": op.URL + "/auth", "token_endpoint": op.URL + "/token", "jwks_uri": op.URL + "/keys",
		"id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"},
	}
	if op.info != nil {
		m["userinfo_endpoint"] = op.URL + "/userinfo"
	}
	for k, v := range op.discovery {
		m[k] = v
	}
	return m
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (op *fakeOP) published() []map[string]any {
	var keys []map[string]any
	for alg, k := range op.keys {
		jwk := map[string]any{"kid": alg, "use": "sig"}
		switch pub := k.Public().(type) {
		case *rsa.PublicKey:
			jwk["kty"], jwk["n"], jwk["e"] = "RSA", b64(pub.N.Bytes()), "AQAB"
		case *ecdsa.PublicKey:
			point, _ := pub.Bytes()
			jwk["kty"], jwk["crv"], jwk["x"], jwk["y"] = "EC", "P-256", b64(point[1:33]), b64(point[33:])
		case ed25519.PublicKey:
			jwk["kty"], jwk["crv"], jwk["x"] = "OKP", "Ed25519", b64(pub)
		}
		keys = append(keys, jwk)
	}
	return keys
}

// sign makes an ID token the way RFC 7515 says, and in ways that it does not.
func (op *fakeOP) sign() string {
	now := time.Now()
	c := map[string]any{"iss": op.URL, "aud": op.conf.ClientID, "sub": "id-1", "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "preferred_username": "anna"}
	for k, v := range op.claims {
		c[k] = v
		if v == nil {
			delete(c, k)
		}
	}
	kid := op.alg
	if kid == "PS256" || kid == "RS512" {
		kid = "RS256"
	}
	head, _ := json.Marshal(map[string]any{"alg": op.alg, "kid": kid})
	body, _ := json.Marshal(c)
	input := b64(head) + "." + b64(body)
	return input + "." + b64(op.signature(input, kid))
}

func (op *fakeOP) signature(input, kid string) []byte {
	sum := sha256.Sum256([]byte(input))
	key := op.signer
	if key == nil {
		key = op.keys[kid]
	}
	var sig []byte
	switch op.alg {
	case "RS256":
		sig, _ = key.Sign(rand.Reader, sum[:], crypto.SHA256)
	case "RS512":
		h := crypto.SHA512.New()
		h.Write([]byte(input))
		sig, _ = key.Sign(rand.Reader, h.Sum(nil), crypto.SHA512)
	case "PS256":
		sig, _ = key.Sign(rand.Reader, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256})
	case "ES256":
		r, s, _ := ecdsa.Sign(rand.Reader, key.(*ecdsa.PrivateKey), sum[:])
		sig = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	case "EdDSA":
		sig = ed25519.Sign(key.(ed25519.PrivateKey), []byte(input))
	case "HS256":
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(input))
		sig = mac.Sum(nil)
	}
	return sig
}

// begin starts a sign-in and puts its nonce into the token to come.
func (op *fakeOP) begin(t *testing.T, p *Provider) (Pending, url.Values) {
	t.Helper()
	to, st, err := p.Begin(t.Context(), redirect)
	if err != nil {
		t.Fatal(err)
	}
	q := mustParse(t, to).Query()
	op.mu.Lock()
	defer op.mu.Unlock()
	if _, ok := op.claims["nonce"]; !ok {
		op.claims["nonce"] = q.Get("nonce")
	}
	return st, url.Values{"state": {q.Get("state")}, "code": {"code-1"}}
}

func mustParse(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// cause tells apart refusals that say the same to a person.
func cause(err error) string {
	s := fmt.Sprint(err)
	return s[strings.LastIndex(s, ": ")+1:]
}
