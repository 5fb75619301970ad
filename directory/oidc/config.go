package oidc

import (
	"crypto/x509"
	"net"
	"net/url"
	"slices"
	"strings"

	"platen/fault"
)

// Config is what an administrator sets up. It holds no secret.
type Config struct {
	Issuer   string   `json:"issuer"` // exactly as the provider spells it, with or without the last slash
	ClientID string   `json:"client_id"`
	Scopes   []string `json:"scopes"` // empty: openid profile email

	LoginClaim  string `json:"login_claim"`  // one of LoginClaims; "" preferred_username
	NameClaim   string `json:"name_claim"`   // "" name
	EmailClaim  string `json:"email_claim"`  // "" email
	GroupsClaim string `json:"groups_claim"` // "" nobody asks for groups

	// TrustEmail takes an e-mail address for a login although the provider does
	// not say that it has checked it. Only for a provider where people cannot
	// choose their address: otherwise anybody is whoever he likes.
	TrustEmail bool `json:"trust_email"`

	Roles         []GroupRole `json:"roles"`          // which groups have which roles
	RefuseUnknown bool        `json:"refuse_unknown"` // only who is in the directory already may sign in

	CA string `json:"ca"` // PEM of who alone may vouch for the provider; "" those of Provider.Roots
}

// GroupRole gives a role to everybody whose groups claim holds a value.
type GroupRole struct {
	Group string `json:"group"` // as the provider spells it; Entra ID sends the object id
	Role  string `json:"role"`
}

// LoginClaims lists the claims that may be the login.
func LoginClaims() []string { return []string{"preferred_username", "email", "upn", "sub"} }

// Check returns what is wrong with the configuration, as an Invalid sentence for
// the administrator.
func (c *Config) Check() error {
	if err := c.checkIssuer(); err != nil {
		return err
	}
	switch {
	case strings.TrimSpace(c.ClientID) == "":
		return invalid("The client ID is missing.")
	case !slices.Contains(LoginClaims(), c.loginClaim()):
		return invalid("The login cannot come from the claim %s.", c.LoginClaim)
	case slices.ContainsFunc(c.Scopes, func(s string) bool { return s == "" || strings.ContainsAny(s, " \t\r\n\"\\") }):
		return invalid("A scope is one word.")
	case slices.ContainsFunc(c.Roles, func(r GroupRole) bool { return r.Group == "" || r.Role == "" }):
		return invalid("Each role needs a group.")
	case len(c.Roles) > 0 && c.GroupsClaim == "":
		return invalid("Roles need the name of the claim that holds the groups.")
	case c.CA != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(c.CA)):
		return invalid("The CA certificate cannot be read.")
	}
	return nil
}

func (c *Config) checkIssuer() error {
	u, err := url.Parse(c.Issuer)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return invalid("The issuer is a web address such as https://login.example.com.")
	case !safe(u):
		return invalid("The issuer must begin with https.")
	}
	return nil
}

// SameServer reports whether a secret that was stored with old may be used with
// c. When somebody has changed where the secret would go, or who vouches for the
// place, whoever stores it forgets it.
func (c *Config) SameServer(old Config) bool {
	return c.Issuer == old.Issuer && c.ClientID == old.ClientID && c.CA == old.CA
}

func (c *Config) loginClaim() string { return or(c.LoginClaim, "preferred_username") }
func (c *Config) nameClaim() string  { return or(c.NameClaim, "name") }
func (c *Config) emailClaim() string { return or(c.EmailClaim, "email") }

// scopes returns what is asked for, openid always.
func (c *Config) scopes() []string {
	if len(c.Scopes) == 0 {
		return []string{"openid", "profile", "email"}
	}
	if !slices.Contains(c.Scopes, "openid") {
		return append([]string{"openid"}, c.Scopes...)
	}
	return c.Scopes
}

// roles returns the roles of who is in groups, each once.
func (c *Config) roles(groups []string) []string {
	var roles []string
	for _, r := range c.Roles {
		if slices.Contains(groups, r.Group) && !slices.Contains(roles, r.Role) {
			roles = append(roles, r.Role)
		}
	}
	return roles
}

// safe reports whether a secret may go to u: over TLS, or not out of the machine.
func safe(u *url.URL) bool {
	if u.Scheme == "https" {
		return true
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func invalid(text string, args ...any) error {
	return &fault.Error{Op: "oidc.check", Kind: fault.Invalid, Text: text, Args: args}
}

// cut shortens what a provider has sent, for the log.
func cut(err error) error {
	const most = 300
	if s := err.Error(); len(s) > most {
		return &shortened{strings.ToValidUTF8(s[:most], "") + "…", err}
	}
	return err
}

// shortened is an error with less text.
type shortened struct {
	text string
	err  error
}

func (s *shortened) Error() string { return s.text }
func (s *shortened) Unwrap() error { return s.err }
