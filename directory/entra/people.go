package entra

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"platen/directory"
)

// maxValue is how long a value of an attribute may be, in octets. A longer one
// counts as missing.
const maxValue = 1024

// attributes are the names of what is read of a user, in the order in which a
// user keeps the values. A dot leads into a complex property.
type attributes []string

// user holds the values of one user, by the places of their names.
type user [][]string

func (c *Config) attributes() attributes {
	names := attributes{"userPrincipalName", "mail", "displayName", "department", "preferredLanguage", "accountEnabled", "userType", c.loginFrom()}
	names = append(append(names, c.Aliases...), c.Cards...)
	if c.PIN != "" {
		names = append(names, c.PIN)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// loginFrom is the attribute that the login is in.
func (c *Config) loginFrom() string {
	if c.Login == "" || c.Login == LoginPrefix {
		return LoginUPN
	}
	return c.Login
}

// selected is what Graph is asked for: a complex property as a whole.
func (a attributes) selected() string {
	names := []string{"id"}
	for _, name := range a {
		top, _, _ := strings.Cut(name, ".")
		if !slices.Contains(names, top) {
			names = append(names, top)
		}
	}
	return strings.Join(names, ",")
}

// merge writes what fields have over u. A property that is not there has not
// changed; one that is null is cleared.
func (a attributes) merge(u user, fields map[string]json.RawMessage) user {
	if u == nil {
		u = make(user, len(a))
	}
	for i, name := range a {
		top, sub, nested := strings.Cut(name, ".")
		raw, ok := fields[top]
		if !ok {
			continue
		}
		if nested {
			var parts map[string]json.RawMessage
			if err := json.Unmarshal(raw, &parts); err != nil {
				parts = nil
			}
			raw = parts[sub]
		}
		u[i] = values(raw)
	}
	return u
}

// values returns the scalars of a property, which may be a list of them.
func values(raw json.RawMessage) (all []string) {
	if len(raw) == 0 {
		return nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		list = []json.RawMessage{raw}
	}
	for _, one := range list {
		if v := clean(scalar(one)); v != "" {
			all = append(all, v)
		}
	}
	return all
}

// scalar returns a string as it is, and numbers and truth values as they are
// written.
func scalar(raw json.RawMessage) string {
	if len(raw) == 0 || raw[0] == '{' || raw[0] == '[' || string(raw) == "null" {
		return ""
	}
	if raw[0] == '"' {
		return text(raw)
	}
	return string(raw)
}

func clean(s string) string {
	if len(s) > maxValue {
		return ""
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, s))
}

func (a attributes) all(u user, name string) []string {
	if i := slices.Index(a, name); i >= 0 {
		return u[i]
	}
	return nil
}

func (a attributes) one(u user, name string) string {
	if v := a.all(u, name); len(v) > 0 {
		return v[0]
	}
	return ""
}

// wanted says whether u is read at all.
func (c *Config) wanted(a attributes, u user) bool {
	return c.Guests || !strings.EqualFold(a.one(u, "userType"), "Guest")
}

// record makes a person of a user, or says why it cannot. Without a word on
// accountEnabled the account is not enabled.
func (c *Config) record(a attributes, id string, u user) (directory.Record, string) {
	r := directory.Record{
		Key: id, Login: a.one(u, c.loginFrom()), UPN: a.one(u, "userPrincipalName"), Email: a.one(u, "mail"),
		FullName: a.one(u, "displayName"), Department: a.one(u, "department"), Language: a.one(u, "preferredLanguage"),
		Enabled: a.one(u, "accountEnabled") == "true",
	}
	if c.Login == "" || c.Login == LoginPrefix {
		r.Login, _, _ = strings.Cut(r.Login, "@")
	}
	if r.Login == "" {
		return r, fmt.Sprintf("%s was passed over: there is nothing in %s to take the login from.", orElse(r.UPN, id), c.loginFrom())
	}
	for _, name := range c.Aliases {
		r.Aliases = append(r.Aliases, a.all(u, name)...)
	}
	for _, name := range c.Cards {
		r.Cards = append(r.Cards, a.all(u, name)...)
	}
	if c.PIN != "" {
		r.PIN = a.one(u, c.PIN)
	}
	return r, ""
}
