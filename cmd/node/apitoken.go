package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"strings"
	"time"

	"platen/fault"
	"platen/pki"
	"platen/site"
	"platen/spool"
	"platen/store"
)

// signings has the keys that sign the API tokens of accounts.
type signings interface {
	Signing(tenant string) *pki.Signing
}

// signing returns the keys that sign the tokens of the account.
func (a *admin) signing(ctx context.Context) (*pki.Signing, error) {
	if a.signings != nil {
		return a.signings.Signing(a.scope.Tenant()), nil
	}
	k, err := a.certs(ctx)
	if err != nil {
		return nil, err
	}
	return k.Signing(), nil
}

// keeperSignings are those of the one account of a node.
type keeperSignings struct{ keeper *pki.Keeper }

// Signing implements signings.
func (k keeperSignings) Signing(tenant string) *pki.Signing {
	if tenant != k.keeper.Tenant {
		return nil
	}
	return k.keeper.Signing()
}

// signingOf returns the keys of an account; nil, which signs and believes nothing,
// where there are none.
func signingOf(k signings, tenant string) *pki.Signing {
	if k == nil {
		return nil
	}
	return k.Signing(tenant)
}

// tokenLife is how long an API token is good when nobody says otherwise.
const tokenLife = 365 * 24 * time.Hour

// optExpires is how long a token is good.
func optExpires(fs *flag.FlagSet) *opt[time.Duration] {
	o := addOpt(fs, "expires", "`TIME` that it is good for, such as 90d; a year if nothing is said, at most 398d", func(s string, _ time.Duration) (time.Duration, error) {
		d, err := parseDays(s)
		if err != nil || d < time.Second || d > pki.LongestToken {
			return 0, fmt.Errorf("a time such as 12h or 90d, at most 398d")
		}
		return d, nil
	})
	o.value = tokenLife
	return o
}

// tokens finds the token of a program by its text.
type tokens struct {
	scope    store.Scope
	digests  spool.TenantKeys
	signings signings
	now      func() time.Time
}

func (n *node) tokens() tokens {
	return tokens{n.scope, n.keys.Tenant(n.scope.Tenant()), n.signings, time.Now}
}

// jwks is what others check the tokens of this account with.
func (n *node) jwks() []byte {
	return signingOf(n.signings, n.scope.Tenant()).At(time.Now()).JWKS()
}

// Token returns the token, or Denied when nobody has it.
func (t tokens) Token(ctx context.Context, text string) (site.Token, error) {
	return t.kind(ctx, text, "")
}

// kind returns a token of one kind. One of another kind is not known there.
func (t tokens) kind(ctx context.Context, text, kind string) (site.Token, error) {
	claims, err := t.claims(text)
	if err != nil {
		return site.Token{}, err
	}
	x, err := t.scope.TokenByDigest(ctx, t.digests.TokenDigest(text))
	if fault.Is(err, fault.NotFound) || err == nil && (x.Kind != kind || !agrees(x, claims)) {
		return site.Token{}, &fault.Error{Op: "tokens", Kind: fault.Denied, Text: "This API token is not known.", Err: err}
	}
	return x, err
}

// claims returns what a signed token says when the signature is right and it has not
// ended, and nothing of an opaque one.
func (t tokens) claims(text string) (pki.Claims, error) {
	if !strings.Contains(text, ".") {
		return pki.Claims{}, nil
	}
	return signingOf(t.signings, t.scope.Tenant()).Check(text, t.now())
}

// agrees reports whether a token says of itself what the store does. The row is what
// counts; whoever could change it still cannot give a signed token more rights.
func agrees(x site.Token, c pki.Claims) bool {
	if c.ID == "" {
		return x.Expires.IsZero()
	}
	return x.ID == c.ID && x.Scope() == c.Scope && x.Expires.Equal(c.Expires)
}

// admins finds the tokens of the administration API.
type admins struct{ tokens }

// Token returns the token, or Denied.
func (t admins) Token(ctx context.Context, text string) (site.Token, error) {
	return t.kind(ctx, text, site.AdminToken)
}

// keepToken makes the text of a token and keeps the token under its digest. One with
// a life is signed with the account's chain and ends; without a chain that signs it
// is a Conflict. With no life it is opaque, and ends when it is removed.
func (a *admin) keepToken(ctx context.Context, t *site.Token, life time.Duration) (text string, err error) {
	text = newToken()
	if life > 0 {
		signing, err := a.signing(ctx)
		if err != nil {
			return "", err
		}
		now := a.now().UTC().Truncate(time.Second) // as a token writes it
		t.Created, t.Expires = now, now.Add(life)
		text, err = signing.Sign(pki.Claims{
			ID: t.ID, Subject: cmp.Or(t.Owner, t.ID), Scope: t.Scope(), Issued: t.Created, Expires: t.Expires,
		})
		if err != nil {
			return "", err
		}
	}
	return text, a.scope.AddToken(ctx, *t, a.keys.Tenant(a.scope.Tenant()).TokenDigest(text))
}

// writeToken shows a new token, this once.
func writeToken(c *call, v tokenView) error {
	if c.json {
		return writeJSON(c.out, v)
	}
	if !v.Expires.IsZero() {
		fmt.Fprintf(c.err, "It ends on %s.\n", stamp(v.Expires))
	}
	_, err := fmt.Fprintf(c.out, "The token, shown this once:\n%s\n", v.Text)
	return err
}
