package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"time"

	"platen/fault"
	"platen/pki"
	"platen/site"
)

// fixedSignings has the keys of accounts that a test says.
type fixedSignings map[string]*pki.Signing

func (f fixedSignings) Signing(tenant string) *pki.Signing { return f[tenant] }

// newSigning makes an account's keys, which sign from now on.
func newSigning(t *testing.T, tenant string, now time.Time) *pki.Signing {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certs, err := x509.ParseCertificates(der)
	if err != nil {
		t.Fatal(err)
	}
	s, err := (&pki.Signing{Tenant: tenant}).Choose(&pki.Chain{Certs: certs, Key: key}, now, now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// signedHouse is the store of a node whose account has a signing chain.
func signedHouse(t *testing.T) (a *admin, keys fixedSignings, lookup *tokens) {
	t.Helper()
	p, err := (where{dir: newNode(t)}).find()
	if err != nil {
		t.Fatal(err)
	}
	a, closeStore, err := openAdmin(t.Context(), p, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = closeStore() })
	keys = fixedSignings{a.scope.Tenant(): newSigning(t, a.scope.Tenant(), a.now())}
	a.actor, a.signings = "administrator test", keys
	return a, keys, &tokens{a.scope, a.keys.Tenant(a.scope.Tenant()), keys, a.now}
}

func (a *admin) testToken(t *testing.T, add func(context.Context, *call) error) tokenView {
	t.Helper()
	var out bytes.Buffer
	var v tokenView
	if err := add(t.Context(), &call{json: true, out: &out, err: &out}); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestAPITokensAreSigned(t *testing.T) {
	a, keys, lookup := signedHouse(t)
	ctx := t.Context()
	signing := keys[a.scope.Tenant()]
	tests := map[string]struct {
		add         func(context.Context, *call) error
		kind, scope string
	}{
		"prints": {func(ctx context.Context, c *call) error {
			return a.addToken(ctx, c, "ERP", "secure", "ben", nil, time.Hour)
		}, "", "print"},
		"administers": {func(ctx context.Context, c *call) error {
			return a.addToken(ctx, c, "Grafana", "", "", []string{"support", "report"}, tokenLife)
		}, site.AdminToken, "support report"},
		"guests": {func(ctx context.Context, c *call) error {
			return a.addReceptionToken(ctx, c, "visitors", "anna", time.Hour)
		}, site.ReceptionToken, "guests"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			v := a.testToken(t, tt.add)
			c, err := signing.Check(v.Text, a.now())
			if err != nil || c.ID != v.ID || c.Scope != tt.scope || !c.Expires.Equal(v.Expires) || c.Subject == "" {
				t.Errorf("%+v, %v", c, err)
			}
			got, err := lookup.kind(ctx, v.Text, tt.kind)
			if err != nil || got.ID != v.ID || got.Owner != v.Owner {
				t.Errorf("%+v, %v", got, err)
			}
			for _, kind := range []string{"", site.AdminToken, site.ReceptionToken, site.Bringer, site.PersonalURL} {
				if _, err := lookup.kind(ctx, v.Text, kind); (err == nil) != (kind == tt.kind) || err != nil && !fault.Is(err, fault.Denied) {
					t.Errorf("as %q: %v", kind, err)
				}
			}
			if err := a.removeToken(ctx, &call{args: []string{v.ID}}); err != nil {
				t.Fatal(err)
			}
			if _, err := lookup.kind(ctx, v.Text, tt.kind); !fault.Is(err, fault.Denied) {
				t.Errorf("removed: %v", err)
			}
		})
	}
}

// What is in the store, and what a token says: both have to be right.
func TestSignedTokensAreDenied(t *testing.T) {
	a, keys, lookup := signedHouse(t)
	ctx, tenant := t.Context(), a.scope.Tenant()
	digests := a.keys.Tenant(tenant)
	good := a.testToken(t, func(ctx context.Context, c *call) error {
		return a.addToken(ctx, c, "good", "", "", []string{"report"}, time.Hour)
	})
	stored := func(tok site.Token, text string) string {
		t.Helper()
		if err := a.scope.AddToken(ctx, tok, digests.TokenDigest(text)); err != nil {
			t.Fatal(err)
		}
		return text
	}
	sign := func(c pki.Claims) string {
		t.Helper()
		c.Subject, c.Issued = "somebody", a.now()
		if c.Expires.IsZero() {
			c.Expires = good.Expires
		}
		text, err := keys[tenant].Sign(c)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	row := func(id string) site.Token {
		return site.Token{ID: id, Kind: site.AdminToken, Rights: []string{"administer"}, Expires: good.Expires}
	}
	expired := good.Expires.Add(time.Hour)
	tests := map[string]struct {
		text string
		at   time.Time
		want string
	}{
		"as it is":               {good.Text, a.now(), ""},
		"an opaque one":          {stored(site.Token{ID: "o", Kind: site.AdminToken}, "opaque"), a.now(), ""},
		"ended":                  {good.Text, expired, "has ended"},
		"signed, but not kept":   {sign(pki.Claims{ID: good.ID, Scope: "report"}), a.now(), "not known"},
		"more rights in the row": {stored(row("1"), sign(pki.Claims{ID: "1", Scope: "report"})), a.now(), "not known"},
		"another name":           {stored(row("2"), sign(pki.Claims{ID: good.ID, Scope: "administer"})), a.now(), "not known"},
		"a longer life":          {stored(row("3"), sign(pki.Claims{ID: "3", Scope: "administer", Expires: expired})), a.now(), "not known"},
		"a row of a signed one":  {stored(row("4"), "made up"), a.now(), "not known"},
		"kept, but nobody's key": {stored(row("5"), strings.Repeat("A", 30)+".e30.AA"), a.now(), "not known"},
		"of another account's key": {func() string {
			other := newSigning(t, "018f3c2e-7b1a-7c3d-9e4f-00000000000b", a.now())
			text, err := other.Sign(pki.Claims{ID: "6", Subject: "6", Scope: "administer", Issued: a.now(), Expires: good.Expires})
			if err != nil {
				t.Fatal(err)
			}
			return stored(row("6"), text)
		}(), a.now(), "not known"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			lookup.now = func() time.Time { return tt.at }
			_, err := admins{*lookup}.Token(ctx, tt.text)
			if tt.want == "" && err != nil || tt.want != "" && (!fault.Is(err, fault.Denied) || !strings.Contains(fault.Text(err), tt.want)) {
				t.Error(err)
			}
		})
	}
	lookup.signings, lookup.now = nil, a.now
	if _, err := (admins{*lookup}).Token(ctx, good.Text); !fault.Is(err, fault.Denied) {
		t.Errorf("without keys: %v", err)
	}
}

// Without a chosen chain there are no tokens; those that there are stay.
func TestNoChainNoTokens(t *testing.T) {
	a, keys, lookup := signedHouse(t)
	tenant := a.scope.Tenant()
	add := func(ctx context.Context, c *call) error { return a.addToken(ctx, c, "x", "", "", nil, time.Hour) }
	v := a.testToken(t, add)
	var err error
	if keys[tenant], err = keys[tenant].Choose(nil, a.now(), v.Expires); err != nil {
		t.Fatal(err)
	}
	for _, k := range []*pki.Signing{keys[tenant], nil} {
		keys[tenant] = k
		err := add(t.Context(), &call{out: &bytes.Buffer{}, err: &bytes.Buffer{}})
		if !fault.Is(err, fault.Conflict) || !strings.Contains(fault.Text(err), "platen cert signing generate") {
			t.Error(err)
		}
		if _, err := lookup.Token(t.Context(), v.Text); (err == nil) != (k != nil) {
			t.Error(err)
		}
	}
	list, err := a.scope.Tokens(t.Context())
	if err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	// The token with which another machine brings people does not end by itself.
	src := a.testToken(t, func(ctx context.Context, c *call) error {
		v := tokenView{Token: site.Token{ID: "b", Kind: site.Bringer}}
		var err error
		if v.Text, err = a.keepToken(ctx, &v.Token, 0); err != nil {
			return err
		}
		return writeToken(c, v)
	})
	if !src.Expires.IsZero() || strings.Contains(src.Text, ".") {
		t.Errorf("%+v", src)
	}
}

func TestTokenTakesNoLongerLife(t *testing.T) {
	for _, life := range []string{"0", "0d", "-1h", "399d", "never", ""} {
		wants(t, t.TempDir(), exitUsage, "at most 398d", "token", "add", "--expires", life)
	}
}
