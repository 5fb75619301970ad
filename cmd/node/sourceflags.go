package main

import (
	"encoding/json"
	"flag"
	"slices"
	"strings"
	"time"

	"platen/directory"
	"platen/directory/cardrule"
	"platen/directory/csvfile"
	"platen/directory/entra"
	"platen/directory/ldap"
	"platen/fault"
)

// sourceFlags are what can be said of a source, of whatever kind.
type sourceFlags struct {
	kind    *opt[string]
	enabled *opt[bool]
	every   *opt[time.Duration]
	rule    *opt[string]
	ask     bool

	servers, bases, attributes                                *opt[[]string]
	bindAs, serverName, userFilter, groupFilter, is, changes  *opt[string]
	plain, noGroups                                           *opt[bool]
	tenant, client, certificate, login, pin, authority, graph *opt[string]
	cards, aliases, groups                                    *opt[[]string]
	guests                                                    *opt[bool]

	set  *flag.FlagSet // for those that were given
	path *opt[string]
}

func (f *sourceFlags) add(fs *flag.FlagSet) {
	f.set = fs
	f.kind = optText(fs, "kind", "`ldap|entra|csv|push`: LDAP or Active Directory, Microsoft Entra ID, a watched file, or another machine that brings what it reads")
	f.enabled = optYesNo(fs, "enabled", "whether it is asked")
	f.every = optTime(fs, "every", "`TIME` between two looks at what has changed; everybody is compared every night", 24*time.Hour)
	f.rule = optText(fs, "card-rule", "brings its card numbers to what readers send, `RULE` as of platen card rule")
	fs.BoolVar(&f.ask, "ask-password", false, "ask for the password of the account, or the client secret; or read it from standard input")
	f.servers = optWords(fs, "server", "LDAP: `URL` such as ldaps://dc1.example.org, or ldap:// with StartTLS; several are tried in order")
	f.bases = optWords(fs, "base", "LDAP: `DN` below which people and groups are; several times for several, none for all")
	f.bindAs = optText(fs, "bind-as", "LDAP: account to sign in with, `DN`, user principal name or DOMAIN\\user")
	f.serverName = optText(fs, "server-name", "LDAP: `NAME` that the certificate must have instead of the host's")
	f.plain = optYesNo(fs, "allow-plain", "LDAP: without encryption, so that whoever listens reads all passwords")
	f.userFilter = optText(fs, "user-filter", "LDAP: `FILTER` of people")
	f.groupFilter = optText(fs, "group-filter", "LDAP: `FILTER` of groups")
	f.noGroups = optYesNo(fs, "no-groups", "LDAP: groups are not read")
	f.is = optText(fs, "server-is", "LDAP: `auto|ad|openldap|generic`")
	f.changes = optText(fs, "changes", "LDAP: how changes are heard of, `auto|dirsync|usn|syncrepl|timestamps|none`")
	f.attributes = optWords(fs, "attribute", "LDAP: `FIELD=NAME[,NAME]`, such as cards=pager,otherPager; fields are key, login, upn, email, full_name, department, language, aliases, cards, pin, enabled, disabled, group_name")
	f.tenant = optText(fs, "tenant", "Entra: `ID` or domain of the tenant")
	f.client = optText(fs, "client", "Entra: application `ID`")
	f.certificate = optText(fs, "certificate", "Entra: empty, to sign in with a client secret again; a certificate is set by platen source trust")
	f.authority = optText(fs, "authority", "Entra: `URL` of a national cloud's sign-in")
	f.graph = optText(fs, "graph", "Entra: `URL` of a national cloud's Graph")
	f.login = optText(fs, "login", "Entra: what becomes the login, `prefix|upn|sam|nickname`")
	f.cards = optWords(fs, "card-attribute", "Entra: `NAME` of an attribute with card numbers, such as employeeId")
	f.aliases = optWords(fs, "alias-attribute", "Entra: `NAME` of an attribute with other names")
	f.pin = optText(fs, "pin-attribute", "Entra: `NAME` of the attribute with the PIN")
	f.groups = optWords(fs, "only-group", "Entra: object `ID` of a group; only its people are taken")
	f.guests = optYesNo(fs, "guests", "Entra: guests too")
	f.path = optText(fs, "path", "CSV: absolute `PATH` of the file; its columns are those of platen import users, and id and groups")
}

// kindOf is the kind of source that a flag is for, by how its help begins.
var kindOf = map[string]string{"LDAP": directory.SourceLDAP, "Entra": directory.SourceEntra, "CSV": directory.SourceCSV}

// fit refuses flags that mean nothing to a source of this kind.
func (f *sourceFlags) fit(kind string) (err error) {
	asked := kind == directory.SourceLDAP || kind == directory.SourceEntra
	f.set.Visit(func(fl *flag.Flag) {
		title, _, _ := strings.Cut(fl.Usage, ": ")
		is := kindOf[title]
		switch {
		case err != nil:
		case is != "" && is != kind:
			err = usagef("--%s is for sources of the kind %s; this one is of the kind %s", fl.Name, is, kind)
		case fl.Name == "every" && kind == directory.SourcePush:
			err = usagef("--every is for sources that are asked; people of one of the kind push are brought")
		case (fl.Name == "ask-password" || fl.Name == "password-file") && !asked:
			err = usagef("--%s is for sources of the kind ldap or entra; one of the kind %s has no password", fl.Name, kind)
		}
	})
	return err
}

// secret says when the password of the account is asked for.
func (f *sourceFlags) secret() *secret {
	return &secret{what: "password of the account", optional: func(*call) bool { return !f.ask }}
}

// apply changes what was named, and reports whether the secret that is kept may
// still be sent: not to another host, and not with less protection.
func (f *sourceFlags) apply(x *directory.SourceSetup) (keepSecret bool, err error) {
	if f.kind.given && f.kind.value != x.Kind {
		if x.Config != "" {
			return false, usagef("the kind of a source stays; add another one")
		}
		x.Kind, x.Config = f.kind.value, "{}"
	}
	f.enabled.apply(&x.Enabled)
	f.every.apply(&x.Every)
	if f.rule.given {
		r, err := cardrule.Parse(f.rule.value)
		if err != nil {
			return false, usagef("--card-rule: %s", fault.Text(err))
		}
		x.Rule = r.String()
	}
	if err := f.fit(x.Kind); err != nil {
		return false, err
	}
	switch x.Kind {
	case directory.SourceLDAP:
		return f.applyLDAP(x)
	case directory.SourceEntra:
		return f.applyEntra(x)
	case directory.SourceCSV:
		c := csvfile.Config{}
		if err := parseConfig(x.Kind, x.Config, &c); err != nil {
			return false, err
		}
		f.path.apply(&c.Path)
		return true, putConfig(x, c, mistyped(c.Check()))
	case directory.SourcePush:
		return true, nil
	}
	return false, usagef("--kind is ldap, entra, csv or push")
}

func putConfig(x *directory.SourceSetup, c any, err error) error {
	if err != nil {
		return err
	}
	text, err := json.Marshal(c)
	x.Config = string(text)
	return err
}

func (f *sourceFlags) applyLDAP(x *directory.SourceSetup) (keepSecret bool, err error) {
	var old ldap.Config
	if err := parseConfig(x.Kind, x.Config, &old); err != nil {
		return false, err
	}
	c := old
	f.servers.apply(&c.Servers)
	f.bases.apply(&c.Bases)
	f.bindAs.apply(&c.BindAs)
	f.serverName.apply(&c.ServerName)
	f.plain.apply(&c.AllowPlain)
	f.userFilter.apply(&c.UserFilter)
	f.groupFilter.apply(&c.GroupFilter)
	f.noGroups.apply(&c.NoGroups)
	f.changes.apply(&c.Changes)
	if f.is.given {
		c.Kind = ldap.Kind(f.is.value)
	}
	for _, a := range f.attributes.value {
		if err := setAttribute(&c.Map, a); err != nil {
			return false, err
		}
	}
	return c.SameServer(old), putConfig(x, c, mistyped(c.Check()))
}

// setAttribute reads one FIELD=NAME[,NAME]. An empty list is the default again.
func setAttribute(m *ldap.Map, text string) error {
	field, names, ok := strings.Cut(text, "=")
	list := slices.DeleteFunc(strings.Split(names, ","), func(s string) bool { return strings.TrimSpace(s) == "" })
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	if len(list) == 0 {
		list = nil
	}
	lists := map[string]*[]string{
		"login": &m.Login, "upn": &m.UPN, "email": &m.Email, "full_name": &m.FullName, "department": &m.Department, "language": &m.Language,
		"aliases": &m.Aliases, "cards": &m.Cards, "pin": &m.PIN, "group_name": &m.GroupName,
	}
	single := map[string]*string{"key": &m.Key, "enabled": &m.Enabled, "disabled": &m.Disabled}
	switch {
	case !ok:
		return usagef("--attribute is FIELD=NAME, such as cards=pager")
	case lists[field] != nil:
		*lists[field] = list
	case single[field] != nil && len(list) < 2:
		*single[field] = strings.Join(list, "")
	default:
		return usagef("--attribute: there is no field %q", field)
	}
	return nil
}

func (f *sourceFlags) applyEntra(x *directory.SourceSetup) (keepSecret bool, err error) {
	var old entra.Config
	if err := parseConfig(x.Kind, x.Config, &old); err != nil {
		return false, err
	}
	c := old
	f.tenant.apply(&c.Tenant)
	f.client.apply(&c.Client)
	f.certificate.apply(&c.Certificate)
	f.authority.apply(&c.Authority)
	f.graph.apply(&c.Graph)
	f.login.apply(&c.Login)
	f.cards.apply(&c.Cards)
	f.aliases.apply(&c.Aliases)
	f.pin.apply(&c.PIN)
	f.groups.apply(&c.Groups)
	f.guests.apply(&c.Guests)
	return c.SameServer(&old), putConfig(x, c, mistyped(c.Check()))
}
