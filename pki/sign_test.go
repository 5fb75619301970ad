package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"

	"platen/fault"
)

const (
	accountA = "018f3c2e-7b1a-7c3d-9e4f-00000000000a"
	accountB = "018f3c2e-7b1a-7c3d-9e4f-00000000000b"
)

// signKeys are keys of every kind that signs, made once.
var signKeys = sync.OnceValue(func() map[jose.SignatureAlgorithm]crypto.Signer {
	keys := map[jose.SignatureAlgorithm]crypto.Signer{}
	for alg, curve := range map[jose.SignatureAlgorithm]elliptic.Curve{jose.ES256: elliptic.P256(), jose.ES384: elliptic.P384(), jose.ES512: elliptic.P521()} {
		keys[alg], _ = ecdsa.GenerateKey(curve, rand.Reader)
	}
	keys[jose.RS256], _ = rsa.GenerateKey(rand.Reader, 2048)
	_, keys[jose.EdDSA], _ = ed25519.GenerateKey(rand.Reader)
	return keys
})

// signChain makes a chain of one certificate that signs itself.
func signChain(t testing.TB, key crypto.Signer, change ...func(*x509.Certificate)) *Chain {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Tokens"}, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: birth.Add(-time.Hour), NotAfter: birth.AddDate(1, 0, 0),
	}
	for _, f := range change {
		f(c)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &Chain{Certs: []*x509.Certificate{cert}, Key: key}
}

// signing is an account whose tokens a key signs.
func signing(t testing.TB, tenant string, key crypto.Signer) *Signing {
	t.Helper()
	s, err := (&Signing{Tenant: tenant}).Choose(signChain(t, key), birth, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newECKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func someClaims() Claims {
	return Claims{ID: "018f3c2e-7b1a-7c3d-9e4f-0123456789ab", Tenant: accountA, Subject: "018f3c2e-7b1a-7c3d-9e4f-aaaaaaaaaaaa", Scope: "report support", Issued: birth, Expires: birth.Add(90 * 24 * time.Hour)}
}

func signed(t testing.TB, s *Signing, c Claims) string {
	t.Helper()
	token, err := s.Sign(c)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestTokenRoundTrip(t *testing.T) {
	for alg, key := range signKeys() {
		t.Run(string(alg), func(t *testing.T) {
			s := signing(t, accountA, key)
			token := signed(t, s, someClaims())
			got, err := s.Check(token, birth.Add(time.Hour))
			if err != nil || got != someClaims() {
				t.Errorf("got  %+v, %v\nwant %+v", got, err, someClaims())
			}
			t.Logf("%d octets", len(token))
		})
	}
}

// checker is another implementation of RFC 7515, 7517, 7519 and 7638.
const checker = `
import base64, hashlib, json, sys
import cryptography, jwt
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
ask = json.load(sys.stdin)
spki = lambda k: k.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
unpadded = lambda b: base64.urlsafe_b64encode(b).rstrip(b"=").decode()
for jwk in ask["jwks"]["keys"]:
    assert jwk["use"] == "sig" and not {"d", "p", "q", "k"} & set(jwk), jwk
    members = {m: jwk[m] for m in {"EC": ["crv", "kty", "x", "y"], "RSA": ["e", "kty", "n"], "OKP": ["crv", "kty", "x"]}[jwk["kty"]]}
    assert jwk["kid"] == unpadded(hashlib.sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest())
    cert = base64.b64decode(jwk["x5c"][0])
    assert spki(x509.load_der_x509_certificate(cert).public_key()) == spki(jwt.PyJWK(jwk, jwk["alg"]).key)
    assert jwk["x5t#S256"] == unpadded(hashlib.sha256(cert).digest())
keys = {k["kid"]: jwt.PyJWK(k, k["alg"]) for k in ask["jwks"]["keys"]}
out = []
for token in ask["tokens"]:
    head = jwt.get_unverified_header(token)
    jwk = next(k for k in ask["jwks"]["keys"] if k["kid"] == head["kid"])
    assert head["x5t#S256"] == jwk["x5t#S256"] and head["typ"] == "at+jwt"
    claims = jwt.decode(token, keys[head["kid"]].key, algorithms=[jwk["alg"]], audience=ask["issuer"], issuer=ask["issuer"],
        options={"require": ["iss", "aud", "exp", "iat", "sub", "jti"]})
    out.append([head["alg"], claims])
json.dump({"version": jwt.__version__ + " with cryptography " + cryptography.__version__, "claims": out}, sys.stdout)
`

// Others can check our tokens with what we publish.
func TestPyJWTChecksTokens(t *testing.T) {
	s := &Signing{Tenant: accountA}
	c := someClaims()
	c.Issued = time.Now().UTC().Truncate(time.Second)
	c.Expires = c.Issued.Add(time.Hour)
	var tokens, want []string
	for alg, key := range signKeys() {
		chain := signChain(t, key, func(x *x509.Certificate) { x.NotAfter = c.Expires })
		var err error
		if s, err = s.Choose(chain, c.Issued, c.Expires); err != nil {
			t.Fatal(err)
		}
		tokens, want = append(tokens, signed(t, s, c)), append(want, string(alg))
	}
	ask, err := json.Marshal(map[string]any{"jwks": json.RawMessage(s.JWKS()), "tokens": tokens, "issuer": s.Issuer()})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", "-c", checker)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(ask), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var got struct {
		Version string
		Claims  [][2]any
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	t.Logf("/usr/bin/python3 with PyJWT %s (python3-jwt)", got.Version)
	if len(got.Claims) != len(want) {
		t.Fatalf("%d of %d tokens", len(got.Claims), len(want))
	}
	for i, x := range got.Claims {
		claims, _ := x[1].(map[string]any)
		if x[0] != want[i] || claims["jti"] != c.ID || claims["client_id"] != c.ID || claims["sub"] != c.Subject || claims["scope"] != c.Scope ||
			claims["iss"] != "urn:uuid:"+accountA || claims["aud"] != claims["iss"] || claims["exp"] != float64(c.Expires.Unix()) {
			t.Errorf("%v, want %s", x, want[i])
		}
	}
}

func TestSignRefuses(t *testing.T) {
	s := signing(t, accountA, newECKey(t))
	tests := map[string]struct {
		s      *Signing
		change func(*Claims)
		kind   fault.Kind
		text   string
	}{
		"nothing at all":    {nil, func(*Claims) {}, fault.Conflict, "platen cert signing generate"},
		"no chain chosen":   {&Signing{Tenant: accountA, Older: []SigningKey{*s.Chosen}}, func(*Claims) {}, fault.Conflict, "platen cert signing choose"},
		"an ended chain":    {s, func(c *Claims) { c.Issued, c.Expires = birth.AddDate(1, 0, 1), birth.AddDate(1, 0, 2) }, fault.Conflict, "ended on 2027-03-01"},
		"no end":            {s, func(c *Claims) { c.Expires = time.Time{} }, fault.Invalid, "at most 398 days"},
		"an end before":     {s, func(c *Claims) { c.Expires = c.Issued }, fault.Invalid, "at most 398 days"},
		"too long":          {s, func(c *Claims) { c.Expires = c.Issued.Add(LongestToken + time.Second) }, fault.Invalid, "at most 398 days"},
		"no name":           {s, func(c *Claims) { c.ID = "" }, fault.Internal, ""},
		"no subject":        {s, func(c *Claims) { c.Subject = "" }, fault.Internal, ""},
		"no account":        {&Signing{Chosen: s.Chosen}, func(*Claims) {}, fault.Internal, ""},
		"too large a scope": {s, func(c *Claims) { c.Scope = strings.Repeat("x", 7000) }, fault.Internal, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := someClaims()
			tt.change(&c)
			token, err := tt.s.Sign(c)
			if token != "" || !fault.Is(err, tt.kind) || !strings.Contains(fault.Text(err), tt.text) {
				t.Errorf("%q, %v", token, err)
			}
		})
	}
}

func TestNewSigningKeyRefuses(t *testing.T) {
	ec := newECKey(t)
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	usage := func(u x509.KeyUsage) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.KeyUsage = u }
	}
	tests := map[string]struct {
		chain *Chain
		kind  fault.Kind
		text  string
	}{
		"an odd curve":       {&Chain{Key: p224}, fault.Invalid, "its key must be"},
		"a short RSA key":    {&Chain{Key: shortRSA{1024}}, fault.Invalid, "its key must be"},
		"a long RSA key":     {&Chain{Key: shortRSA{8192}}, fault.Invalid, "its key must be"},
		"no signatures":      {signChain(t, ec, usage(x509.KeyUsageKeyAgreement)), fault.Invalid, "does not allow signatures"},
		"of another key":     {&Chain{Key: newECKey(t), Certs: signChain(t, ec).Certs}, fault.Internal, ""},
		"no usage is said":   {signChain(t, ec, usage(0)), -1, ""},
		"one for a server":   {signChain(t, signKeys()[jose.RS256], usage(x509.KeyUsageDigitalSignature|x509.KeyUsageKeyEncipherment)), -1, ""},
		"one that is itself": {signChain(t, ec), -1, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := NewSigningKey(tt.chain)
			if tt.kind < 0 && err != nil || tt.kind >= 0 && (!fault.Is(err, tt.kind) || !strings.Contains(fault.Text(err), tt.text)) {
				t.Error(err)
			}
		})
	}
}

// shortRSA has a public key of so many bits, and makes no signatures.
type shortRSA struct{ bits uint }

func (k shortRSA) Public() crypto.PublicKey {
	return &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), k.bits-1), E: 65537}
}
func (shortRSA) Sign(_ io.Reader, _ []byte, _ crypto.SignerOpts) ([]byte, error) {
	return nil, x509.ErrUnsupportedAlgorithm
}

// forge signs whatever header and payload with a key.
func forge(t testing.TB, header, payload string, alg jose.SignatureAlgorithm, key crypto.Signer) string {
	t.Helper()
	text := unpadded([]byte(header)) + "." + unpadded([]byte(payload))
	sig, err := cryptosigner.Opaque(key).SignPayload([]byte(text), alg)
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + unpadded(sig)
}

func unpadded(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// parts returns header and payload of a token, as JSON.
func parts(t testing.TB, token string) (header, payload string) {
	t.Helper()
	var out [2]string
	for i, p := range strings.Split(token, ".")[:2] {
		b, err := base64.RawURLEncoding.DecodeString(p)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = string(b)
	}
	return out[0], out[1]
}

// What is wrong with a payload that our own key has signed.
func TestCheckRefusesClaims(t *testing.T) {
	key := newECKey(t)
	s := signing(t, accountA, key)
	header, good := parts(t, signed(t, s, someClaims()))
	exp, iat := fmt.Sprintf(`"exp":%d`, someClaims().Expires.Unix()), fmt.Sprintf(`"iat":%d`, birth.Unix())
	unknown := "This API token is not known."
	tests := map[string]struct{ old, new, want string }{
		"as it is":                 {`"sub"`, `"sub"`, ""},
		"what nobody knows":        {exp, exp + `,"EXP":1,"groups":["x"]`, ""},
		"several for whom":         {`"aud":`, `"aud":["urn:uuid:x","urn:uuid:` + accountA + `"],"a":`, ""},
		"within a minute":          {exp, fmt.Sprintf(`"exp":%d`, birth.Unix()-50), ""},
		"expired":                  {exp, fmt.Sprintf(`"exp":%d`, birth.Unix()-70), "This API token has ended. Please ask the administrator for a new one."},
		"the end twice":            {exp, exp + `,"exp":99999999999`, unknown},
		"the account twice":        {`"iss":`, `"iss":"urn:uuid:` + accountB + `","iss":`, unknown},
		"no end":                   {exp, `"x":1`, unknown},
		"null":                     {exp, `"exp":null`, unknown},
		"the end in another case":  {exp, strings.ToUpper(exp), unknown},
		"a text":                   {exp, `"exp":"99999999999"`, unknown},
		"no number":                {exp, `"exp":NaN`, unknown},
		"a very large number":      {exp, `"exp":1e300`, unknown},
		"too large to compare":     {exp, `"exp":9223372036854775807`, unknown},
		"long ago":                 {exp, `"exp":-1`, "This API token has ended. Please ask the administrator for a new one."},
		"no beginning":             {iat, `"x":1`, unknown},
		"made in the future":       {iat, fmt.Sprintf(`"iat":%d`, birth.Unix()+70), "This API token is not valid yet. Please check the clock of the print service."},
		"good later":               {iat, iat + fmt.Sprintf(`,"nbf":%d`, birth.Unix()+70), "This API token is not valid yet. Please check the clock of the print service."},
		"good since":               {iat, iat + fmt.Sprintf(`,"nbf":%d`, birth.Unix()), ""},
		"of another account":       {`"iss":"urn:uuid:` + accountA, `"iss":"urn:uuid:` + accountB, unknown},
		"for another account":      {`"aud":"urn:uuid:` + accountA, `"aud":"urn:uuid:` + accountB, unknown},
		"for nobody":               {`"aud":`, `"audience":`, unknown},
		"for a number":             {`"aud":"urn:uuid:` + accountA + `"`, `"aud":7`, unknown},
		"of nobody":                {`"iss":`, `"issuer":`, unknown},
		"no name":                  {`"jti":`, `"x":`, unknown},
		"an empty name":            {`"jti":"` + someClaims().ID + `"`, `"jti":""`, unknown},
		"a number as a name":       {`"jti":"` + someClaims().ID + `"`, `"jti":1`, unknown},
		"no subject":               {`"sub":`, `"x":`, unknown},
		"a scope that is a list":   {`"scope":"report support"`, `"scope":["administer"]`, unknown},
		"something behind it":      {`}`, `}{}`, unknown},
		"no object":                {good, `["a"]`, unknown},
		"nothing":                  {good, ``, unknown},
		"null altogether":          {good, `null`, unknown},
		"as deep as it can be":     {good, strings.Repeat("[", 5000), unknown},
		"octets that are no UTF-8": {`"sub":"`, "\"sub\":\"\xff", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			payload := strings.Replace(good, tt.old, tt.new, 1)
			if payload == good && name != "as it is" {
				t.Fatalf("%s is not in %s", tt.old, good)
			}
			c, err := s.Check(forge(t, header, payload, jose.ES256, key), birth)
			if tt.want == "" && (err != nil || c.Tenant != accountA) || tt.want != "" && (!fault.Is(err, fault.Denied) || fault.Text(err) != tt.want || c != Claims{}) {
				t.Errorf("%+v, %v", c, err)
			}
		})
	}
}

// What an attacker can write without our key.
func TestCheckRefusesForgeries(t *testing.T) {
	keys := signKeys()
	ec, rs := keys[jose.ES256], keys[jose.RS256]
	s := signing(t, accountA, rs)
	kidRSA := s.Chosen.ID
	s, err := s.Choose(signChain(t, ec), birth, birth.AddDate(0, 6, 0))
	if err != nil {
		t.Fatal(err)
	}
	evil := newECKey(t)
	other := signing(t, accountB, evil)
	token := signed(t, s, someClaims())
	header, payload := parts(t, token)
	head, rest, _ := strings.Cut(token, ".")
	body, sig, _ := strings.Cut(rest, ".")
	with := func(old, repl string) string { // a header of ours that was changed
		h := strings.Replace(header, old, repl, 1)
		if h == header {
			t.Fatalf("%s is not in %s", old, header)
		}
		return h
	}
	withRSA := func(alg string) string {
		return fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":"at+jwt","x5t#S256":"x"}`, alg, kidRSA)
	}
	spki, err := x509.MarshalPKIXPublicKey(rs.Public())
	if err != nil {
		t.Fatal(err)
	}
	hs256 := func(secret []byte) string {
		text := unpadded([]byte(withRSA("HS256"))) + "." + body
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(text))
		return text + "." + unpadded(mac.Sum(nil))
	}
	jwk, err := json.Marshal(other.Chosen.public())
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{
		"nothing":                       "",
		"dots":                          "..",
		"an opaque token":               "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA",
		"JSON":                          `{"payload":"` + body + `","protected":"` + head + `","signature":"` + sig + `"}`,
		"five parts":                    token + ".a.b",
		"a dot more":                    token + ".",
		"a line more":                   token + "\n",
		"a line within":                 head + "\n." + rest,
		"a blank before":                " " + token,
		"padded":                        head + "=." + rest,
		"standard Base64":               head + "." + strings.Replace(rest, rest[:1], "+", 1),
		"no signature":                  head + "." + body + ".",
		"another's payload":             head + "." + unpadded([]byte(strings.Replace(payload, "report support", "administer", 1))) + "." + sig,
		"alg none":                      unpadded([]byte(with(`"ES256"`, `"none"`))) + "." + body + ".",
		"alg None":                      unpadded([]byte(with(`"ES256"`, `"None"`))) + "." + rest,
		"alg null":                      unpadded([]byte(with(`"ES256"`, `null`))) + "." + rest,
		"no alg":                        unpadded([]byte(with(`"alg":"ES256",`, ``))) + "." + rest,
		"alg twice":                     forge(t, with(`"alg"`, `"alg":"none","alg"`), payload, jose.ES256, ec),
		"HS256 with the key as PEM":     hs256(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})),
		"HS256 with the key as DER":     hs256(spki),
		"HS256 with nothing":            hs256(nil),
		"PS256 with the RSA key":        forge(t, withRSA("PS256"), payload, jose.PS256, rs),
		"RS512 with the RSA key":        forge(t, withRSA("RS512"), payload, jose.RS512, rs),
		"RS256 and the key of ES256":    forge(t, with(`"ES256"`, `"RS256"`), payload, jose.RS256, rs),
		"ES384 and the key of ES256":    forge(t, with(`"ES256"`, `"ES384"`), payload, jose.ES384, keys[jose.ES384]),
		"signed by somebody else":       forge(t, header, payload, jose.ES256, evil),
		"of another account":            signed(t, other, someClaims()),
		"another account's, as if ours": forge(t, with(s.Chosen.ID, other.Chosen.ID), payload, jose.ES256, evil),
		"no kid":                        forge(t, with(`"kid":"`+s.Chosen.ID+`",`, ``), payload, jose.ES256, ec),
		"kid is a path":                 forge(t, with(s.Chosen.ID, "../../dev/null"), payload, jose.ES256, ec),
		"kid is a number":               forge(t, with(`"`+s.Chosen.ID+`"`, "0"), payload, jose.ES256, ec),
		"a key comes with it":           forge(t, with(`"kid"`, `"jwk":`+string(jwk)+`,"kid"`), payload, jose.ES256, evil),
		"a certificate comes with it":   forge(t, with(`"kid"`, `"x5c":["`+base64.StdEncoding.EncodeToString(other.Chosen.Chain.Leaf().Raw)+`"],"kid"`), payload, jose.ES256, ec),
		"keys are at an address":        forge(t, with(`"kid"`, `"jku":"https://evil.example/jwks.json","kid"`), payload, jose.ES256, ec),
		"crit":                          forge(t, with(`"kid"`, `"crit":["exp"],"exp":1,"kid"`), payload, jose.ES256, ec),
		"crit and b64":                  forge(t, with(`"kid"`, `"crit":["b64"],"b64":false,"kid"`), payload, jose.ES256, ec),
		"an empty crit":                 forge(t, with(`"kid"`, `"crit":[],"kid"`), payload, jose.ES256, ec),
		"a text as crit":                forge(t, with(`"kid"`, `"crit":"exp","kid"`), payload, jose.ES256, ec),
		"typ JWT, an ID token":          forge(t, with(`at+jwt`, `JWT`), payload, jose.ES256, ec),
		"no typ":                        forge(t, with(`"typ":"at+jwt",`, ``), payload, jose.ES256, ec),
		"a header behind the header":    forge(t, header+"{}", payload, jose.ES256, ec),
		"a header that is a list":       forge(t, "["+header+"]", payload, jose.ES256, ec),
		"a header that is null":         forge(t, "null", payload, jose.ES256, ec),
		"huge":                          forge(t, header, strings.Replace(payload, `"scope":"`, `"scope":"`+strings.Repeat("x", 6<<10), 1), jose.ES256, ec),
		"a huge header":                 forge(t, with(`{`, `{"x":"`+strings.Repeat("x", 1<<20)+`",`), payload, jose.ES256, ec),
	}
	for _, good := range []string{token, forge(t, withRSA("RS256"), payload, jose.RS256, rs), forge(t, header, payload, jose.ES256, ec)} {
		if _, err := s.Check(good, birth); err != nil {
			t.Fatal(err)
		}
	}
	for name, bad := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := s.Check(bad, birth)
			if !fault.Is(err, fault.Denied) || fault.Text(err) != "This API token is not known." || c != (Claims{}) {
				t.Errorf("%+v, %v", c, err)
			}
		})
	}
	for i := range len(token) {
		if _, err := s.Check(token[:i], birth); !fault.Is(err, fault.Denied) {
			t.Errorf("%d of %d octets: %v", i, len(token), err)
		}
	}
	if _, err := (*Signing)(nil).Check(token, birth); !fault.Is(err, fault.Denied) {
		t.Error(err)
	}
	nobodys := forge(t, header, strings.ReplaceAll(payload, accountA, ""), jose.ES256, ec)
	if _, err := (&Signing{Chosen: s.Chosen}).Check(nobodys, birth); !fault.Is(err, fault.Denied) {
		t.Error("an account without a name:", err)
	}
	shared := &Signing{Tenant: accountB, Chosen: s.Chosen} // two accounts have imported the same chain
	if _, err := shared.Check(token, birth); !fault.Is(err, fault.Denied) {
		t.Error("a token of account A at account B:", err)
	}
}

// kids returns the ids that JWKS publishes.
func kids(t *testing.T, s *Signing) []string {
	t.Helper()
	var set struct {
		Keys []struct {
			Kid, Alg, Use string
			X5c           []string
		}
	}
	if err := json.Unmarshal(s.JWKS(), &set); err != nil || set.Keys == nil {
		t.Fatalf("%s: %v", s.JWKS(), err)
	}
	ids := []string{}
	for _, k := range set.Keys {
		if k.Use != "sig" || k.Alg == "" || len(k.X5c) == 0 {
			t.Errorf("%+v", k)
		}
		ids = append(ids, k.Kid)
	}
	return ids
}

func TestKeysOverlap(t *testing.T) {
	first := signing(t, accountA, newECKey(t))
	token := signed(t, first, someClaims())
	end := someClaims().Expires
	second, err := first.Choose(signChain(t, newECKey(t)), birth.Add(time.Hour), end)
	if err != nil {
		t.Fatal(err)
	}
	if len(first.Older) != 0 || first.Chosen.Until != (time.Time{}) {
		t.Error("the one before was changed")
	}
	newer := signed(t, second, someClaims())
	steps := []struct {
		name         string
		s            *Signing
		at           time.Time
		older, newer bool
		kids         []string
	}{
		{"before", first, birth, true, false, []string{first.Chosen.ID}},
		{"both", second, end.Add(-time.Second), true, true, []string{second.Chosen.ID, first.Chosen.ID}},
		{"the older one has ended", second, end, false, true, []string{second.Chosen.ID}},
		{"nothing is chosen", choose(t, second, nil, birth, end), birth, true, true, []string{second.Chosen.ID, first.Chosen.ID}},
		{"at once", choose(t, second, nil, birth, birth), birth, true, false, []string{first.Chosen.ID}},
		{"the first again", choose(t, second, first.Chosen.Chain, birth, end), birth, true, true, []string{first.Chosen.ID, second.Chosen.ID}},
		{"none", &Signing{Tenant: accountA}, birth, false, false, []string{}},
	}
	for _, st := range steps {
		_, errOlder := st.s.Check(token, st.at)
		_, errNew := st.s.Check(newer, st.at)
		if (errOlder == nil) != st.older || (errNew == nil) != st.newer {
			t.Errorf("%s: older %v, newer %v", st.name, errOlder, errNew)
		}
		if got := kids(t, st.s.At(st.at)); !slices.Equal(got, st.kids) {
			t.Errorf("%s: %v, want %v", st.name, got, st.kids)
		}
	}
	if _, err := second.Choose(&Chain{Key: shortRSA{1024}}, birth, end); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
}

func choose(t *testing.T, s *Signing, next *Chain, now, until time.Time) *Signing {
	t.Helper()
	out, err := s.Choose(next, now, until)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A certificate that is renewed for the same key, and one that nobody has renewed:
// both are no reason not to take a token.
func TestTokensOutliveTheCertificate(t *testing.T) {
	key := newECKey(t)
	s := signing(t, accountA, key)
	c := someClaims()
	c.Issued = birth.AddDate(1, 0, -1)
	c.Expires = c.Issued.AddDate(0, 0, 90)
	token := signed(t, s, c)
	late := birth.AddDate(1, 0, 30)
	if _, err := s.Check(token, late); err != nil {
		t.Error("after the end of the certificate:", err)
	}
	renewed := choose(t, s, signChain(t, key, func(x *x509.Certificate) { x.NotAfter = birth.AddDate(2, 0, 0); x.SerialNumber = big.NewInt(2) }), late, late)
	if _, err := renewed.Check(token, late); err != nil || len(renewed.Older) != 0 || renewed.Chosen.ID != s.Chosen.ID {
		t.Errorf("with the certificate renewed: %v, %d older", err, len(renewed.Older))
	}
}

// The chain that a new account gets can sign, and what is published names its issuers.
func TestBuiltInChainSigns(t *testing.T) {
	root, err := NewRoot("test", birth)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := IssueSigning(root, "default", birth)
	if err != nil {
		t.Fatal(err)
	}
	s := choose(t, &Signing{Tenant: accountA}, chain, birth, birth)
	if c, err := s.Check(signed(t, s, someClaims()), birth); err != nil || c != someClaims() {
		t.Errorf("%+v, %v", c, err)
	}
	for _, c := range chain.Certs {
		if x5c, _ := json.Marshal(base64.StdEncoding.EncodeToString(c.Raw)); !bytes.Contains(s.JWKS(), x5c) {
			t.Errorf("%s is not published: %s", c.Subject, s.JWKS())
		}
	}
}

// FuzzToken: whatever a stranger sends, it is what was signed or it is Denied.
func FuzzToken(f *testing.F) {
	s := signing(f, accountA, signKeys()[jose.EdDSA])
	token := signed(f, s, someClaims())
	header, payload := parts(f, token)
	for _, seed := range []string{token, "..", token + ".", strings.ToUpper(token), "." + token,
		unpadded([]byte(strings.Replace(header, "EdDSA", "none", 1))) + "." + unpadded([]byte(payload)) + ".",
		forge(f, strings.Replace(header, `{`, `{"crit":["b64"],"b64":false,`, 1), payload, jose.EdDSA, s.Chosen.Chain.Key)} {
		f.Add(seed, "")
	}
	for _, seed := range []string{payload, `{}`, `null`, `{"exp":1e99}`, `{"aud":[1]}`, `{"exp":1,"exp":2}`, `{"aud":{"a":[]}}`} {
		f.Add("", seed)
	}
	f.Fuzz(func(t *testing.T, text, body string) {
		if c, err := s.Check(text, birth); err != nil && !fault.Is(err, fault.Denied) || err == nil && c != someClaims() {
			t.Errorf("%+v, %v", c, err)
		}
		// A payload of ours can be odd: the chain may be imported, and sign elsewhere too.
		c, err := s.Check(forge(t, header, body, jose.EdDSA, s.Chosen.Chain.Key), birth)
		if err != nil && !fault.Is(err, fault.Denied) {
			t.Error(err)
		}
		if err == nil && (c.ID == "" || c.Subject == "" || c.Tenant != accountA || c.Expires.Before(birth.Add(-clocksDiffer)) || c.Issued.After(birth.Add(clocksDiffer))) {
			t.Errorf("%+v", c)
		}
	})
}
