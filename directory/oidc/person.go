package oidc

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode"

	"github.com/coreos/go-oidc/v3/oidc"

	"platen/fault"
)

const (
	verified  = "email_verified"
	maxGroups = 2000
	maxText   = 255 // octets of a login, a name, an address or a group
)

// Person is who has signed in, as the provider spells it: whoever stores or
// compares it folds.
type Person struct {
	Subject string // with Issuer the only name that stays and is never given to somebody else
	Issuer  string

	Login         string
	Email         string
	EmailVerified bool // the provider says that the address is this person's
	Name          string
	Groups        []string // values of the groups claim
	Roles         []string // what Config.Roles makes of them, each once
}

// person makes a Person of verified claims.
func (p *Provider) person(id *oidc.IDToken, c claims) (Person, error) {
	conf := &p.Config
	who := Person{Subject: id.Subject, Issuer: conf.Issuer, Name: c.text(conf.nameClaim()), Email: c.text(conf.emailClaim())}
	// email_verified speaks of email, and of no other claim.
	who.EmailVerified = conf.emailClaim() == "email" && who.Email != "" && c.yes(verified)
	groups, err := p.groups(c)
	if err != nil {
		return Person{}, err
	}
	who.Groups, who.Roles = groups, conf.roles(groups)

	who.Login = c.text(conf.loginClaim())
	switch {
	case conf.loginClaim() == "sub":
		who.Login = id.Subject
	case conf.loginClaim() == "email" && !c.yes(verified) && !conf.TrustEmail:
		return Person{}, &fault.Error{Op: "oidc.person", Kind: fault.Denied, Text: "The sign-in service has not confirmed your e-mail address, so you cannot sign in with it."}
	}
	if who.Login == "" {
		return Person{}, &fault.Error{Op: "oidc.person", Kind: fault.Denied, Text: "The sign-in service does not say who you are: the claim %s is missing. Please tell the administrator.", Args: []any{conf.loginClaim()}}
	}
	return who, nil
}

// groups returns the values of the groups claim: a list, or one value.
//
// Entra ID leaves the list out of the token of somebody who is in more than 200
// groups and points to Graph instead (_claim_names), with a right that the
// print service does not have. Guessing that somebody is in no group would take
// his roles away, or a refusal that hangs on one; so he is told.
func (p *Provider) groups(c claims) ([]string, error) {
	name := p.Config.GroupsClaim
	if name == "" {
		return nil, nil
	}
	if c[name] == nil && c.elsewhere(name) {
		return nil, &fault.Error{Op: "oidc.groups", Kind: fault.Denied, Text: "You are in more groups than the sign-in service can name, so your rights are not known. Please ask the administrator to let it send fewer groups."}
	}
	groups := c.list(name)
	if len(groups) > maxGroups {
		return nil, untrusted(errors.New("too many groups"))
	}
	return groups, nil
}

// elsewhere reports whether a claim is not here but somewhere else (OpenID
// Connect Core 1.0, section 5.6.2; for Entra ID, hasgroups too).
func (c claims) elsewhere(name string) bool {
	var names map[string]string
	_ = json.Unmarshal(c["_claim_names"], &names)
	return names[name] != "" || name == "groups" && c.yes("hasgroups")
}

// text returns a claim that is one line of sensible length, else "".
func (c claims) text(name string) string {
	var s string
	if json.Unmarshal(c[name], &s) != nil || len(s) > maxText || strings.ContainsFunc(s, unicode.IsControl) {
		return ""
	}
	return strings.TrimSpace(s)
}

// yes reports whether a claim is true; some providers write "true".
func (c claims) yes(name string) bool {
	s := string(c[name])
	return s == "true" || s == `"true"`
}

func (c claims) list(name string) []string {
	if one := c.text(name); one != "" {
		return []string{one}
	}
	var values []json.RawMessage
	_ = json.Unmarshal(c[name], &values)
	var list []string
	for i := range values {
		if s := (claims{name: values[i]}).text(name); s != "" {
			list = append(list, s)
		}
	}
	return list
}
