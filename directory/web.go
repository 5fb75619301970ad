package directory

import (
	"slices"
	"time"
)

// Methods of signing in at a browser of one's own, beside MethodPassword.
const (
	MethodKerberos = "kerberos" // with the ticket that the computer has
	MethodOIDC     = "oidc"     // at an OpenID Connect provider
	MethodSetup    = "setup"    // with the token that made the person an administrator
)

// SourceOIDC is the Source of people whom a sign-in with OpenID Connect has added.
const SourceOIDC = "oidc"

// WebSession is one person at a browser of their own.
type WebSession struct {
	ID      string    `json:"id"` // UUIDv7; not a secret, unlike its token
	User    string    `json:"user"`
	Method  string    `json:"method"`
	Roles   []string  `json:"roles"` // that the provider's claims gave, by name
	Created time.Time `json:"created"`
	Seen    time.Time `json:"seen"`
	Expires time.Time `json:"expires"` // whatever the person does
	Client  string    `json:"client"`  // address that it began from
	Hint    string    `json:"hint"`    // what the browser said it was
}

// Lives reports whether the session may be used at now, if it may rest for idle.
// A clock that was set back ends nothing.
func (s *WebSession) Lives(now time.Time, idle time.Duration) bool {
	return now.Before(s.Expires) && now.Sub(s.Seen) < idle
}

// Role is a set of rights with a name.
type Role struct {
	Name   string  `json:"name"` // folded
	Rights []Right `json:"rights"`
}

// RolePrefix begins the name of a right that stands for all of a role.
const RolePrefix = "role:"

// BuiltInRoles are there always and stay as they are.
func BuiltInRoles() []Role {
	return []Role{
		{"user", []Right{Release}},
		{"support", []Right{Support}},
		{"reporting", []Right{Report}},
		{"administrator", []Right{Administer}},
	}
}

// RoleNamed finds a role among the built-in ones and others.
func RoleNamed(others []Role, name string) (Role, bool) {
	all := slices.Concat(BuiltInRoles(), others)
	if i := slices.IndexFunc(all, func(r Role) bool { return r.Name == name }); i >= 0 {
		return all[i], true
	}
	return Role{}, false
}

// WithRoles returns the user with what these roles add to the rights that hold
// everywhere. A role that nobody knows adds nothing.
func (u User) WithRoles(roles []Role) User {
	u.Grants = slices.Clone(u.Grants)
	for _, r := range roles {
		for _, right := range r.Rights {
			u.Grants = append(u.Grants, Grant{Right: right, Holder: RolePrefix + r.Name, From: "role " + r.Name})
		}
	}
	return u
}
