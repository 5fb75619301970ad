package oidc

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"platen/fault"
)

// What the browser carries to the provider: the digest of the verifier, and
// neither the verifier nor the secret.
func TestBegin(t *testing.T) {
	op := newFake(t)
	op.conf.Scopes = []string{"email", "groups"}
	to, st, err := op.provider().Begin(t.Context(), redirect)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(st.Verifier))
	want := url.Values{
		"response_type": {"code"}, "client_id": {"platen"}, "redirect_uri": {redirect}, "scope": {"openid email groups"},
		"state": {st.State}, "nonce": {st.Nonce}, "code_challenge": {b64(sum[:])}, "code_challenge_method": {"S256"},
	}
	if got := mustParse(t, to).Query(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if b, err := json.Marshal(st); err != nil || len(b) > 256 {
		t.Errorf("a cookie of %d octets: %s, %v", len(b), b, err)
	}
	if _, next, _ := op.provider().Begin(t.Context(), redirect); next.State == st.State || next.Nonce == st.Nonce || next.Verifier == st.Verifier || len(st.State) < 26 {
		t.Errorf("%+v\n%+v", st, next)
	}
}

func TestAlgorithms(t *testing.T) {
	for _, alg := range []string{"RS256", "PS256", "ES256", "EdDSA"} {
		t.Run(alg, func(t *testing.T) {
			op := newFake(t)
			op.alg = alg
			p := op.provider()
			st, q := op.begin(t, p)
			who, err := p.Finish(t.Context(), redirect, st, q)
			if err != nil {
				t.Fatal(err)
			}
			if who.Login != "anna" || who.Subject != "id-1" || who.Issuer != op.URL {
				t.Errorf("%+v", who)
			}
			if op.basic != "platen" || op.form.Get("redirect_uri") != redirect || op.form.Get("code_verifier") != st.Verifier {
				t.Errorf("the token endpoint was asked %v by %q", op.form, op.basic)
			}
		})
	}
}

// What a token must not be: each of these is a person who is not let in.
func TestHostileTokens(t *testing.T) {
	stranger, _ := rsa.GenerateKey(rand.Reader, 2048)
	tests := map[string]struct {
		lie  func(*fakeOP)
		want string // of the cause
	}{
		"alg none":                {func(op *fakeOP) { op.alg = "none" }, "unexpected signature algorithm"},
		"HS256 with our secret":   {func(op *fakeOP) { op.alg = "HS256" }, "unexpected signature algorithm"},
		"RS512":                   {func(op *fakeOP) { op.alg = "RS512" }, "unexpected signature algorithm"},
		"another key":             {func(op *fakeOP) { op.signer = stranger }, "failed to verify"},
		"wrong nonce":             {func(op *fakeOP) { op.claims["nonce"] = "x" }, "wrong nonce"},
		"no nonce":                {func(op *fakeOP) { op.claims["nonce"] = nil }, "wrong nonce"},
		"wrong audience":          {func(op *fakeOP) { op.claims["aud"] = "mail" }, "expected audience"},
		"many audiences, no azp":  {func(op *fakeOP) { op.claims["aud"] = []string{"mail", "platen"} }, "another client's"},
		"another client's azp":    {func(op *fakeOP) { op.claims["azp"] = "mail" }, "another client's"},
		"expired":                 {func(op *fakeOP) { op.claims["exp"] = time.Now().Add(-time.Minute).Unix() }, "token is expired"},
		"no expiry":               {func(op *fakeOP) { op.claims["exp"] = nil }, "token is expired"},
		"issued tomorrow":         {func(op *fakeOP) { op.claims["iat"] = time.Now().Add(24 * time.Hour).Unix() }, "in the future"},
		"not before tomorrow":     {func(op *fakeOP) { op.claims["nbf"] = time.Now().Add(24 * time.Hour).Unix() }, "nbf"},
		"wrong issuer":            {func(op *fakeOP) { op.claims["iss"] = "https://evil.example" }, "different provider"},
		"no subject":              {func(op *fakeOP) { op.claims["sub"] = nil }, "no subject"},
		"another access token":    {func(op *fakeOP) { op.claims["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" }, "access token hash"},
		"claims of nobody's":      {func(op *fakeOP) { op.claims["_claim_names"] = map[string]string{"groups": "x"} }, "source does not exist"},
		"no ID token":             {func(op *fakeOP) { op.token = reply(200, `{"access_token":"at"}`) }, "no ID token"},
		"somebody else's details": {func(op *fakeOP) { op.info = map[string]any{"sub": "id-2", "name": "Ben"} }, "somebody else's"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			op := newFake(t)
			tt.lie(op)
			p := op.provider()
			st, q := op.begin(t, p)
			who, err := p.Finish(t.Context(), redirect, st, q)
			if !fault.Is(err, fault.Denied) || who.Subject != "" {
				t.Fatalf("%+v, %v", who, err)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("refused for another reason: %v", err)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the secret is in %v", err)
			}
		})
	}
}

func reply(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// What comes back in the query is written by anybody.
func TestHostileQueries(t *testing.T) {
	tests := map[string]struct {
		change func(op *fakeOP, p *Provider, st *Pending, q url.Values)
		kind   fault.Kind
		want   string
	}{
		"wrong state": {func(_ *fakeOP, _ *Provider, _ *Pending, q url.Values) { q.Set("state", "x") }, fault.Denied, "wrong state"},
		"no state":    {func(_ *fakeOP, _ *Provider, _ *Pending, q url.Values) { q.Del("state") }, fault.Denied, "wrong state"},
		"two states":  {func(_ *fakeOP, _ *Provider, _ *Pending, q url.Values) { q.Add("state", "x") }, fault.Denied, "came twice"},
		"nothing pending": {func(_ *fakeOP, _ *Provider, st *Pending, q url.Values) {
			*st = Pending{}
			q.Set("state", "")
		}, fault.Denied, "nothing is pending"},
		"too late": {func(_ *fakeOP, p *Provider, _ *Pending, _ url.Values) {
			p.Now = func() time.Time { return time.Now().Add(lifetime) }
		}, fault.Denied, "expired"},
		"too long a life":  {func(_ *fakeOP, _ *Provider, st *Pending, _ url.Values) { st.Expires = st.Expires.Add(time.Hour) }, fault.Denied, "expired"},
		"no code":          {func(_ *fakeOP, _ *Provider, _ *Pending, q url.Values) { q.Del("code") }, fault.Denied, "no code"},
		"another's answer": {func(_ *fakeOP, _ *Provider, _ *Pending, q url.Values) { q.Set("iss", "https://evil.example") }, fault.Denied, "not the issuer's"},
		"nobody's answer": {func(op *fakeOP, p *Provider, _ *Pending, _ url.Values) {
			op.discovery["authorization_response_iss_parameter_supported"] = true
			p.meta = nil
		}, fault.Denied, "not the issuer's"},
		"the person said no": {func(_ *fakeOP, _ *Provider, _ *Pending, q url.Values) { q.Set("error", "access_denied") }, fault.Denied, "access_denied"},
		"we are not known":   {func(_ *fakeOP, _ *Provider, _ *Pending, q url.Values) { q.Set("error", "unauthorized_client") }, fault.Denied, "unauthorized_client"},
		"busy":               {func(_ *fakeOP, _ *Provider, _ *Pending, q url.Values) { q.Set("error", "temporarily_unavailable") }, fault.Unavailable, "temporarily"},
		"a code used already": {func(op *fakeOP, _ *Provider, _ *Pending, _ url.Values) {
			op.token = reply(400, `{"error":"invalid_grant"}`)
		}, fault.Denied, "invalid_grant"},
		"a wrong secret": {func(op *fakeOP, _ *Provider, _ *Pending, _ url.Values) {
			op.token = reply(401, `{"error":"invalid_client"}`)
		}, fault.Denied, "invalid_client"},
		"tokens are out": {func(op *fakeOP, _ *Provider, _ *Pending, _ url.Values) { op.token = reply(503, `busy `+secret) }, fault.Unavailable, "503"},
		"not JSON":       {func(op *fakeOP, _ *Provider, _ *Pending, _ url.Values) { op.token = reply(200, `<html>`) }, fault.Unavailable, "json"},
		"tokens elsewhere": {func(op *fakeOP, _ *Provider, _ *Pending, _ url.Values) {
			op.token = func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, op.URL+"/elsewhere", http.StatusTemporaryRedirect)
			}
		}, fault.Unavailable, "307"},
		"endless": {func(op *fakeOP, _ *Provider, _ *Pending, _ url.Values) {
			op.token = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				for b := []byte(strings.Repeat(" ", 64<<10)); ; {
					if _, err := w.Write(b); err != nil {
						return
					}
				}
			}
		}, fault.Unavailable, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			op := newFake(t)
			p := op.provider()
			st, q := op.begin(t, p)
			op.mu.Lock()
			tt.change(op, p, &st, q)
			op.mu.Unlock()
			who, err := p.Finish(t.Context(), redirect, st, q)
			if !fault.Is(err, tt.kind) || who.Subject != "" || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("%+v, %v; want %v, %q", who, err, tt.kind, tt.want)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the secret is in %v", err)
			}
			if op.fetched["/elsewhere"] > 0 {
				t.Error("the secret went elsewhere")
			}
		})
	}
}

// RFC 9207: a right issuer in the query is no obstacle.
func TestIssuerInTheQuery(t *testing.T) {
	op := newFake(t)
	op.discovery["authorization_response_iss_parameter_supported"] = true
	p := op.provider()
	st, q := op.begin(t, p)
	q.Set("iss", op.URL)
	if _, err := p.Finish(t.Context(), redirect, st, q); err != nil {
		t.Fatal(err)
	}
}

// Who has seen the address that a browser came back with cannot come back with
// it again, also when the provider takes a code twice.
func TestA41AnAnswerCountsOnce(t *testing.T) {
	op := newFake(t)
	p := op.provider()
	st, q := op.begin(t, p)
	if _, err := p.Finish(t.Context(), redirect, st, q); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Finish(t.Context(), redirect, st, q); !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "used already") {
		t.Fatalf("the second time: %v", err)
	}
}

// Whatever is wrong, the person reads the same.
func TestA45RefusalsReadAlike(t *testing.T) {
	op := newFake(t)
	p := op.provider()
	st, q := op.begin(t, p)
	q.Set("state", "x")
	_, first := p.Finish(t.Context(), redirect, st, q)
	_, second := p.Finish(t.Context(), redirect, Pending{}, q)
	if fault.Text(first) != fault.Text(second) || cause(first) == cause(second) {
		t.Errorf("%v\n%v", first, second)
	}
}

func TestUsedSignInsAreForgottenAndBounded(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	p := &Provider{Now: func() time.Time { return now }}
	take := func() error {
		return p.takeOnce(Pending{State: rand.Text(), Expires: now.Add(lifetime)})
	}
	for range maxUsed {
		if err := take(); err != nil {
			t.Fatal(err)
		}
	}
	if err := take(); !fault.Is(err, fault.Unavailable) {
		t.Errorf("one too many: %v", err)
	}
	now = now.Add(lifetime)
	if err := take(); err != nil || len(p.used) != 1 {
		t.Errorf("%v, %d remembered", err, len(p.used))
	}
}

func TestKeysRotate(t *testing.T) {
	op := newFake(t)
	p := op.provider()
	signIn := func() error {
		st, q := op.begin(t, p)
		_, err := p.Finish(t.Context(), redirect, st, q)
		delete(op.claims, "nonce")
		return err
	}
	if err := signIn(); err != nil {
		t.Fatal(err)
	}
	if err := signIn(); err != nil || op.fetched["/keys"] != 1 {
		t.Fatalf("%v; keys were fetched %d times", err, op.fetched["/keys"])
	}
	next, _ := rsa.GenerateKey(rand.Reader, 2048)
	op.keys = map[string]crypto.Signer{"RS256": next}
	if err := signIn(); err != nil || op.fetched["/keys"] != 2 {
		t.Fatalf("after the change: %v; keys were fetched %d times", err, op.fetched["/keys"])
	}
	op.signer = rsaKey()
	if err := signIn(); !fault.Is(err, fault.Denied) {
		t.Fatalf("the old key is still good: %v", err)
	}
}

func TestDiscoveryIsKeptForAnHour(t *testing.T) {
	op := newFake(t)
	p := op.provider()
	now := time.Now()
	p.Now = func() time.Time { return now }
	const path = "/.well-known/openid-configuration"
	for i, want := range []int{1, 1, 2} {
		if i == 2 {
			now = now.Add(discovered)
		}
		if _, _, err := p.Begin(t.Context(), redirect); err != nil || op.fetched[path] != want {
			t.Fatalf("round %d: %v, fetched %d times", i, err, op.fetched[path])
		}
	}
}

func TestHostileDiscovery(t *testing.T) {
	tests := map[string]struct {
		say  map[string]any
		kind fault.Kind
	}{
		"another issuer":          {map[string]any{"issuer": "https://evil.example"}, fault.Invalid},
		"a slash too many":        {map[string]any{"issuer": "URL/"}, fault.Invalid},
		"tokens in the clear":     {map[string]any{"token_endpoint": "http://login.example/token"}, fault.Unavailable},
		"no token endpoint":       {map[string]any{"token_endpoint": ""}, fault.Unavailable},
		"a page that is a script": {map[string]any{"authorization_endpoint": "javascript:alert(1)"}, fault.Unavailable},
		"keys of a file":          {map[string]any{"jwks_uri": "file:///etc/passwd"}, fault.Unavailable},
		"details in the clear":    {map[string]any{"userinfo_endpoint": "http://login.example/me"}, fault.Unavailable},
		"numbers":                 {map[string]any{"token_endpoint": 5}, fault.Unavailable},
		"huge":                    {map[string]any{"padding": strings.Repeat("x", maxAnswer)}, fault.Unavailable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			op := newFake(t)
			op.discovery = tt.say
			if tt.say["issuer"] == "URL/" {
				op.discovery = map[string]any{"issuer": op.URL + "/"}
			}
			p := op.provider()
			_, _, err := p.Begin(t.Context(), redirect)
			if !fault.Is(err, tt.kind) || len(err.Error()) > 700 {
				t.Errorf("%v", err)
			}
			if err := p.Test(t.Context()); !fault.Is(err, tt.kind) {
				t.Errorf("the administrator is told %v", err)
			}
		})
	}
}

// A provider that takes the question and never answers costs ten seconds.
func TestF47AProviderThatHangs(t *testing.T) {
	op := newFake(t)
	p := op.provider()
	st, q := op.begin(t, p) // discovery is done; what follows hangs
	synctest.Test(t, func(t *testing.T) {
		slow := op.provider()
		slow.meta, slow.HTTP = p.meta, hang{}
		slow.meta.fetched, st.Expires = time.Now(), time.Now().Add(lifetime) // the clock of the bubble
		_, err := slow.Finish(t.Context(), redirect, st, q)
		if !fault.Is(err, fault.Unavailable) {
			t.Errorf("%v", err)
		}
		cold := op.provider()
		cold.HTTP = hang{}
		if _, _, err := cold.Begin(t.Context(), redirect); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%v", err)
		}
	})
}

type hang struct{}

func (hang) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, context.Cause(r.Context())
}

func TestF46AProviderThatIsAway(t *testing.T) {
	op := newFake(t)
	op.Close()
	_, _, err := op.provider().Begin(t.Context(), redirect)
	if !fault.Is(err, fault.Unavailable) || fault.Text(err) != fault.Text(away("", errors.New("x"))) {
		t.Errorf("%v", err)
	}
}

// A certificate that does not hold is said to be one, and nobody is sent there.
func TestF45TheProvidersCertificate(t *testing.T) {
	op := newFake(t)
	tlsOP := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { op.ServeHTTP(w, r) }))
	defer tlsOP.Close()
	op.discovery["issuer"] = tlsOP.URL
	op.conf.Issuer = tlsOP.URL
	_, _, err := op.provider().Begin(t.Context(), redirect)
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(fault.Text(err), "certificate") {
		t.Fatalf("without the CA: %v", err)
	}
	op.conf.CA = pemOf(tlsOP.Certificate())
	if _, _, err := op.provider().Begin(t.Context(), redirect); err != nil {
		t.Fatalf("with the CA: %v", err)
	}
	op.conf.Issuer = strings.Replace(tlsOP.URL, "127.0.0.1", "localhost", 1)
	if _, _, err := op.provider().Begin(t.Context(), redirect); !strings.Contains(fault.Text(err), "certificate") {
		t.Fatalf("with another name: %v", err)
	}
}

// Whoever tests the provider learns what to do about its certificate; who is trusted
// counts from the next connection on.
func TestF45TheAdministratorLearnsAboutTheCertificate(t *testing.T) {
	op := newFake(t)
	tlsOP := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { op.ServeHTTP(w, r) }))
	defer tlsOP.Close()
	op.discovery["issuer"], op.conf.Issuer = tlsOP.URL, tlsOP.URL
	nobody, ours := x509.NewCertPool(), x509.NewCertPool()
	ours.AddCert(tlsOP.Certificate())
	pool := nobody
	p := op.provider()
	p.Roots = func() *x509.CertPool { return pool }
	says := func(p *Provider, text string) {
		t.Helper()
		if err := p.Test(t.Context()); !fault.Is(err, fault.Unavailable) || !strings.Contains(fault.Text(err), text) {
			t.Errorf("%v: %s", err, fault.Text(err))
		}
	}
	const importIt = "platen cert trust import FILE --for sign-in"
	says(p, importIt)
	if _, _, err := p.Begin(t.Context(), redirect); strings.Contains(fault.Text(err), "platen") {
		t.Errorf("people read %s", fault.Text(err))
	}
	pool = ours
	if err := p.Test(t.Context()); err != nil {
		t.Error(err)
	}
	if _, _, err := p.Begin(t.Context(), redirect); err != nil {
		t.Error(err)
	}
	pool = nobody
	says(p, importIt)

	pool = ours
	op.conf.Issuer = strings.Replace(tlsOP.URL, "127.0.0.1", "localhost", 1)
	q := op.provider()
	q.Roots = p.Roots
	says(q, "for another name")
	op.conf.Issuer, op.conf.CA = tlsOP.URL, pemOf(strangers(t))
	q = op.provider()
	q.Roots = p.Roots
	says(q, "named for it alone")
	op.conf.CA, pool = pemOf(tlsOP.Certificate()), nobody
	q = op.provider()
	q.Roots = p.Roots
	if err := q.Test(t.Context()); err != nil {
		t.Errorf("its own authority: %v", err)
	}
}

// strangers is a certificate of somebody else.
func strangers(t *testing.T) *x509.Certificate {
	t.Helper()
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestClientAuthentication(t *testing.T) {
	tests := map[string]struct {
		methods []string
		secret  string
		basic   bool
		inForm  string
	}{
		"nothing said":  {nil, secret, true, ""},
		"basic":         {[]string{"client_secret_post", "client_secret_basic"}, secret, true, ""},
		"post alone":    {[]string{"client_secret_post"}, secret, false, secret},
		"public client": {[]string{"client_secret_basic"}, "", false, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			op := newFake(t)
			op.discovery["token_endpoint_auth_methods_supported"] = tt.methods
			p := op.provider()
			p.Secret = tt.secret
			st, q := op.begin(t, p)
			if _, err := p.Finish(t.Context(), redirect, st, q); err != nil {
				t.Fatal(err)
			}
			if (op.basic != "") != tt.basic || op.form.Get("client_secret") != tt.inForm {
				t.Errorf("basic %q, form %v", op.basic, op.form)
			}
		})
	}
}
