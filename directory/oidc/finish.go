package oidc

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"platen/fault"
)

// Finish says who has come back to redirect with query. st is what Begin gave to
// the same browser.
//
// Denied is the person's refusal or the provider's, and everything that does not
// fit together; Unavailable a provider that is away.
func (p *Provider) Finish(ctx context.Context, redirect string, st Pending, query url.Values) (Person, error) {
	if err := p.returned(st, query); err != nil {
		return Person{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	m, err := p.discover(ctx)
	if err != nil {
		return Person{}, fmt.Errorf("oidc.Finish: %w", err)
	}
	if err := p.answered(m, query); err != nil {
		return Person{}, err
	}
	ctx = oidc.ClientContext(ctx, p.client())
	token, err := p.oauth(m, redirect).Exchange(ctx, query.Get("code"), oauth2.VerifierOption(st.Verifier))
	if err != nil {
		return Person{}, refusedToken(err)
	}
	id, err := p.verify(ctx, m, token, st.Nonce)
	if err != nil {
		return Person{}, err
	}
	claims, err := p.claims(ctx, m, id, token)
	if err != nil {
		return Person{}, err
	}
	return p.person(id, claims)
}

// again is what a person reads whose sign-in does not fit together: nothing of
// what was wrong helps anybody but an attacker.
func again(cause string) error {
	return &fault.Error{Op: "oidc.finish", Kind: fault.Denied, Text: "This sign-in has expired or was used already. Please sign in again.", Err: errors.New(cause)}
}

// returned checks that query answers the question of st, and only once.
func (p *Provider) returned(st Pending, query url.Values) error {
	for name, values := range query { // RFC 6749, section 3.1: once each
		if len(values) > 1 {
			return again("the parameter " + fmt.Sprintf("%.40q", name) + " came twice")
		}
	}
	switch {
	case st.State == "" || st.Nonce == "" || st.Verifier == "":
		return again("nothing is pending")
	case subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(st.State)) != 1:
		return again("wrong state")
	case !p.Now().Before(st.Expires) || st.Expires.Sub(p.Now()) > lifetime:
		return again("expired")
	}
	return p.takeOnce(st)
}

// takeOnce lets every state through one time. The provider takes a code only once
// as well, or should.
func (p *Provider) takeOnce(st Pending) error {
	key := sha256.Sum256([]byte(st.State))
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.used[key]; ok {
		return again("used already")
	}
	if len(p.used) >= maxUsed {
		p.forgetLocked()
	}
	if len(p.used) >= maxUsed {
		return away("oidc.finish", errors.New("too many sign-ins at a time"))
	}
	if p.used == nil {
		p.used = map[[sha256.Size]byte]time.Time{}
	}
	p.used[key] = st.Expires
	return nil
}

func (p *Provider) forgetLocked() {
	now := p.Now()
	for key, end := range p.used {
		if !now.Before(end) {
			delete(p.used, key)
		}
	}
}

// answered checks the answer of the authorisation endpoint: whose it is (RFC
// 9207, section 2.4) and whether it is a yes.
func (p *Provider) answered(m *metadata, query url.Values) error {
	iss, said := query.Get("iss"), query.Has("iss")
	if said && iss != p.Config.Issuer || m.SaysIssuer && !said {
		return again("the answer is not the issuer's")
	}
	code := query.Get("error")
	cause := errors.New("the provider said " + fmt.Sprintf("%.60q, %.200q", code, query.Get("error_description")))
	switch code {
	case "":
	case "temporarily_unavailable", "server_error":
		return away("oidc.finish", cause)
	case "access_denied", "login_required", "interaction_required", "consent_required", "account_selection_required":
		return &fault.Error{Op: "oidc.finish", Kind: fault.Denied, Text: "You were not signed in, because it was not completed at the sign-in service.", Err: cause}
	default:
		return &fault.Error{Op: "oidc.finish", Kind: fault.Denied, Text: "The sign-in service does not accept the question of the print service. Please tell the administrator.", Err: cause}
	}
	if code := query.Get("code"); code == "" || len(code) > 4096 {
		return again("no code")
	}
	return nil
}

// refusedToken tells apart why there is no token. The answer is not repeated as
// it came: it may repeat what was sent.
func refusedToken(err error) error {
	const op = "oidc.token"
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		return away(op, err)
	}
	cause := fmt.Errorf("the token endpoint said %d, %.60q", refused.Response.StatusCode, refused.ErrorCode)
	switch {
	case refused.ErrorCode == "invalid_grant":
		return again(cause.Error())
	case refused.ErrorCode != "" && refused.Response.StatusCode < http.StatusInternalServerError, refused.Response.StatusCode == http.StatusUnauthorized:
		return &fault.Error{Op: op, Kind: fault.Denied, Text: "The sign-in service does not accept the client ID or the secret of the print service. Please tell the administrator.", Err: cause}
	}
	return away(op, cause)
}

// verify checks the ID token (OpenID Connect Core 1.0, section 3.1.3.7): who
// signed it, for whom, when, and in answer to which question.
func (p *Provider) verify(ctx context.Context, m *metadata, token *oauth2.Token, nonce string) (*oidc.IDToken, error) {
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return nil, untrusted(errors.New("no ID token"))
	}
	id, err := m.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, untrusted(err)
	}
	var more struct {
		AZP *string `json:"azp"`
	}
	if err := id.Claims(&more); err != nil {
		return nil, untrusted(err)
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(nonce)) != 1:
		return nil, untrusted(errors.New("wrong nonce"))
	case more.AZP != nil && *more.AZP != p.Config.ClientID, more.AZP == nil && len(id.Audience) > 1:
		return nil, untrusted(errors.New("the token is another client's"))
	case id.Subject == "" || len(id.Subject) > 255: // section 2
		return nil, untrusted(errors.New("no subject"))
	case id.IssuedAt.IsZero() || id.IssuedAt.Sub(p.Now()) > 5*time.Minute:
		return nil, untrusted(errors.New("issued in the future"))
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(token.AccessToken); err != nil {
			return nil, untrusted(err)
		}
	}
	return id, nil
}

func untrusted(err error) error {
	return &fault.Error{Op: "oidc.verify", Kind: fault.Denied, Text: "The answer of the sign-in service could not be verified, so you were not signed in. Please tell the administrator.", Err: cut(err)}
}

// claims returns what the ID token says and, for what it leaves out, what the
// userinfo endpoint says.
func (p *Provider) claims(ctx context.Context, m *metadata, id *oidc.IDToken, token *oauth2.Token) (claims, error) {
	c := claims{}
	if err := id.Claims(&c); err != nil {
		return nil, untrusted(err)
	}
	if m.UserInfoURL == "" || c.has(p.wanted()...) {
		return c, nil
	}
	info, err := m.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return nil, away("oidc.userinfo", err)
	}
	if info.Subject != id.Subject { // section 5.3.2
		return nil, untrusted(errors.New("the userinfo is somebody else's"))
	}
	more := claims{}
	if err := info.Claims(&more); err != nil {
		return nil, untrusted(err)
	}
	c.fill(more)
	return c, nil
}

// wanted lists the claims for which the userinfo endpoint is asked.
func (p *Provider) wanted() []string {
	names := []string{p.Config.loginClaim(), p.Config.nameClaim(), p.Config.emailClaim()}
	if p.Config.GroupsClaim != "" {
		names = append(names, p.Config.GroupsClaim)
	}
	return names
}

// claims are what is said of a person, by name.
type claims map[string]json.RawMessage

func (c claims) has(names ...string) bool {
	return !slices.ContainsFunc(names, func(n string) bool { return c[n] == nil })
}

// fill adds what is not there yet. An address and whether it was checked stay
// together.
func (c claims) fill(more claims) {
	if c["email"] != nil {
		delete(more, verified)
	} else {
		delete(c, verified)
	}
	for name, v := range more {
		if c[name] == nil {
			c[name] = v
		}
	}
}
