package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"platen/directory"
	"platen/directory/cardrule"
	"platen/directory/csvfile"
	"platen/directory/entra"
	"platen/directory/ldap"
	"platen/fault"
	"platen/job"
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
	path                                                      *opt[string]
}

func (f *sourceFlags) add(fs *flag.FlagSet) {
	f.kind = optText(fs, "kind", "`ldap|entra|csv|push`: LDAP or Active Directory, Microsoft Entra ID, a watched file, or another machine that brings what it reads")
	f.enabled = optYesNo(fs, "enabled", "whether it is asked")
	f.every = optTime(fs, "every", "`TIME` between two looks at what has changed; everybody is compared once a day", 24*time.Hour)
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
			return false, err
		}
		x.Rule = r.String()
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
		return true, putConfig(x, c, c.Check())
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
	return c.SameServer(old), putConfig(x, c, c.Check())
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
	return c.SameServer(&old), putConfig(x, c, c.Check())
}

func sourceCommands() []*command {
	var added, changed sourceFlags
	var people, full, dry bool
	one := func(name, summary, more string, examples ...string) *command {
		return &command{name: name, args: "NAME", least: 1, most: 1, summary: summary, more: more, examples: examples}
	}
	add := one("source add", "add a directory or file from which people come", "Its people keep their cards, PIN and documents when they are renamed or moved there. Rights are given to groups,\n"+
		"or to all people of the source: platen right add --source NAME release.",
		"source add corp --kind ldap --server ldaps://dc1.corp.example --base DC=corp,DC=example --bind-as svc-platen@corp.example --attribute cards=pager --ask-password",
		"source add cloud --kind entra --tenant corp.example --client 018f3c2e-7b1a-7c3d-9e4f-0123456789ab --card-attribute employeeId --ask-password",
		"source add personnel --kind csv --path /srv/export/people.csv")
	add.flags, add.secret = added.add, added.secret()
	add.admin = func(ctx context.Context, a *admin, c *call) error { return a.addSource(ctx, c, &added) }
	set := one("source set", "change a source", "What is not named stays. Another server, port or trust forgets the password that is kept: it must not be sent somewhere else.",
		"source set corp --every 10m", "source set corp --server ldaps://dc2.corp.example --ask-password")
	set.flags, set.secret = changed.add, changed.secret()
	set.admin = func(ctx context.Context, a *admin, c *call) error { return a.setSource(ctx, c, &changed) }
	remove := one("source remove", "remove a source", "Its people stay, as if they had been added here; with --people they go too.", "source remove corp", "source remove corp --people")
	remove.flags = func(fs *flag.FlagSet) { fs.BoolVar(&people, "people", false, "remove its people as well") }
	remove.admin = func(ctx context.Context, a *admin, c *call) error { return a.removeSource(ctx, c, people) }
	show := one("source show", "show a source, and what its last run has brought", "", "source show corp", "source show corp --json")
	show.admin = on((*admin).showSource)
	test := one("source test", "connect to a source and look, without changing anything", "It tells the certificates that were seen, and a few people.", "source test corp")
	test.admin = on((*admin).testSource)
	sync := one("source sync", "ask a source now", "", "source sync corp", "source sync corp --full --dry-run")
	sync.flags = func(fs *flag.FlagSet) {
		fs.BoolVar(&full, "full", false, "compare everybody, instead of what has changed")
		fs.BoolVar(&dry, "dry-run", false, "only say what would be done, of everybody")
	}
	sync.admin = func(ctx context.Context, a *admin, c *call) error {
		return a.syncSource(ctx, c, directory.Ask{Full: full || dry, DryRun: dry})
	}
	approve := one("source approve", "say that the people who seem to have left a source have left", "An answer that would remove more than 20 people or 2 % of them waits for this.", "source approve corp")
	approve.admin = func(ctx context.Context, a *admin, c *call) error {
		return a.syncSource(ctx, c, directory.Ask{Approved: true})
	}
	return []*command{
		add, {
			name: "source list", summary: "list the sources of people", examples: []string{"source list", "source list --json"}, admin: on((*admin).listSources),
		}, show, set, {
			name: "source trust", args: "NAME FILE", least: 2, most: 2, summary: "trust the authority in a PEM file; for Entra ID: the certificate to sign in with",
			examples: []string{"source trust corp ca.pem", "source trust cloud platen-cert.pem"}, input: &input{"certificate", 1}, admin: on((*admin).trustSource),
		}, {
			name: "source key", args: "NAME FILE", least: 2, most: 2, summary: "keep the private key of the certificate that Entra ID knows (PEM)",
			examples: []string{"source key cloud platen-key.pem"}, input: &input{"private key", 1}, admin: on((*admin).keySource),
		},
		test, sync, approve, remove,
	}
}

// on makes a command of a method.
func on(f func(*admin, context.Context, *call) error) func(context.Context, *admin, *call) error {
	return func(ctx context.Context, a *admin, c *call) error { return f(a, ctx, c) }
}

func (a *admin) source(ctx context.Context, name string) (directory.SourceSetup, error) {
	x, err := a.scope.SourceByName(ctx, name)
	return x, named(err, "source", name)
}

func (a *admin) addSource(ctx context.Context, c *call, f *sourceFlags) error {
	x := directory.SourceSetup{ID: job.NewUUID(), Name: c.args[0], Enabled: true, Every: directory.DefaultEvery}
	if !f.kind.given {
		return usagef("a source needs --kind")
	}
	if _, err := f.apply(&x); err != nil {
		return err
	}
	if x.Config == "" {
		x.Config = "{}"
	}
	if err := a.scope.PutSource(ctx, x); err != nil {
		return err
	}
	if c.secret != "" {
		if err := a.scope.SetSourceSecret(ctx, x.ID, c.secret); err != nil {
			return err
		}
	}
	if err := a.scope.PutRight(ctx, directory.Grant{Holder: x.ID, Right: directory.Release}); err != nil {
		return err
	}
	if err := a.audit(ctx, "source.add", x.Name, x.Kind); err != nil {
		return err
	}
	a.sourcesChanged(x.ID)
	if !c.json {
		fmt.Fprintf(c.err, "Its people may release their documents: platen right list --source %s shows it. Next: platen source test %s\n", plain(x.Name), plain(x.Name))
	}
	return a.printSource(ctx, c, x.ID)
}

// sourcesChanged lets the running node look at its sources again.
func (a *admin) sourcesChanged(id string) {
	if a.running != nil {
		a.running.sources.wake(id)
	}
}

func (a *admin) setSource(ctx context.Context, c *call, f *sourceFlags) error {
	x, err := a.source(ctx, c.args[0])
	if err != nil {
		return err
	}
	before := x.Config
	keep, err := f.apply(&x)
	if err != nil {
		return err
	}
	return a.changeSource(ctx, c, x, keep, before, c.secret)
}

// changeSource stores a source that was changed. A secret that may not be sent to
// where it now leads is forgotten first, so that it never is.
func (a *admin) changeSource(ctx context.Context, c *call, x directory.SourceSetup, keep bool, before, secret string) error {
	was, err := a.scope.SourceSecret(ctx, x.ID)
	if err != nil {
		return err
	}
	forgotten := !keep && was != ""
	if forgotten {
		if err := a.scope.SetSourceSecret(ctx, x.ID, ""); err != nil {
			return err
		}
	}
	if err := a.scope.PutSource(ctx, x); err != nil {
		return err
	}
	if secret != "" {
		if err := a.scope.SetSourceSecret(ctx, x.ID, secret); err != nil {
			return err
		}
	}
	if before != x.Config {
		if err := a.scope.ForgetStand(ctx, x.ID); err != nil {
			return err
		}
	}
	detail := strings.Join(given(c.argv), " ")
	if forgotten {
		detail += " (the secret was forgotten)"
	}
	if err := a.audit(ctx, "source.set", x.Name, detail); err != nil {
		return err
	}
	if forgotten && secret == "" && !c.json {
		fmt.Fprintln(c.err, "The password was forgotten, because it leads somewhere else now. Give it again: platen source set "+plain(x.Name)+" --ask-password")
	}
	a.sourcesChanged(x.ID)
	return a.printSource(ctx, c, x.ID)
}

// maxPEM is the longest file of certificates or keys.
const maxPEM = 1 << 20

func readPEM(c *call) (string, error) {
	b, err := io.ReadAll(io.LimitReader(c.in, maxPEM+1))
	if err != nil {
		return "", err
	}
	if len(b) > maxPEM || !strings.Contains(string(b), "-----BEGIN") {
		return "", &fault.Error{Op: "source", Kind: fault.Invalid, Text: "This is no PEM file: it has to contain -----BEGIN lines."}
	}
	return string(b), nil
}

func (a *admin) trustSource(ctx context.Context, c *call) error {
	x, err := a.source(ctx, c.args[0])
	if err != nil {
		return err
	}
	text, err := readPEM(c)
	if err != nil {
		return err
	}
	before, keep := x.Config, false
	switch x.Kind {
	case directory.SourceLDAP:
		var old ldap.Config
		if err := parseConfig(x.Kind, x.Config, &old); err != nil {
			return err
		}
		now := old
		now.CAPEM = text
		keep, err = now.SameServer(old) || old.CAPEM == "", putConfig(&x, now, now.Check())
	case directory.SourceEntra:
		var conf entra.Config
		if err := parseConfig(x.Kind, x.Config, &conf); err != nil {
			return err
		}
		conf.Certificate = text
		err = putConfig(&x, conf, conf.Check())
	default:
		return usagef("a source of the kind %s trusts nobody", x.Kind)
	}
	if err != nil {
		return err
	}
	return a.changeSource(ctx, c, x, keep, before, "")
}

func (a *admin) keySource(ctx context.Context, c *call) error {
	x, err := a.source(ctx, c.args[0])
	if err != nil {
		return err
	}
	if x.Kind != directory.SourceEntra {
		return usagef("only Entra ID is signed in to with a key")
	}
	text, err := readPEM(c)
	if err != nil {
		return err
	}
	return a.changeSource(ctx, c, x, true, x.Config, text)
}

func (a *admin) removeSource(ctx context.Context, c *call, people bool) error {
	x, err := a.source(ctx, c.args[0])
	if err != nil {
		return err
	}
	tokens, err := a.bringerTokens(ctx, x.ID)
	if err != nil {
		return err
	}
	if err := a.revokeBringers(ctx, tokens); err != nil {
		return err
	}
	if err := a.scope.RemoveSource(ctx, x.ID, a.actor, people); err != nil {
		return err
	}
	a.sourcesChanged(x.ID)
	return a.audit(ctx, "source.remove", x.Name, strings.Join(given(c.argv), " "))
}

func (a *admin) listSources(ctx context.Context, c *call) error {
	list, err := a.scope.Sources(ctx)
	if err != nil {
		return err
	}
	return writeList(c, list, []column[directory.SourceSetup]{
		{"name", func(x directory.SourceSetup) string { return x.Name }},
		{"kind", func(x directory.SourceSetup) string { return x.Kind }},
		{"enabled", func(x directory.SourceSetup) string { return yesNo(x.Enabled) }},
		{"answered", func(x directory.SourceSetup) string { return stamp(x.Good) }},
		{"everybody compared", func(x directory.SourceSetup) string { return stamp(x.Full) }},
		{"state", func(x directory.SourceSetup) string { return sourceState(&x) }},
	})
}

// sourceState says in a few words how a source is.
func sourceState(x *directory.SourceSetup) string {
	r := &x.Report
	switch {
	case r.Began.IsZero():
		return "never asked"
	case r.Failed != "":
		return r.Failed
	case r.Waiting > 0:
		return fmt.Sprintf("%s Somebody must approve that: platen source approve %s", r.Why, x.Name)
	case r.Ended.IsZero():
		return "being asked"
	}
	return "good"
}

func (a *admin) showSource(ctx context.Context, c *call) error {
	x, err := a.source(ctx, c.args[0])
	if err != nil {
		return err
	}
	return a.printSource(ctx, c, x.ID)
}

func (a *admin) printSource(ctx context.Context, c *call, id string) error {
	x, err := a.scope.Source(ctx, id)
	if err != nil {
		return err
	}
	secret, err := a.scope.SourceSecret(ctx, id)
	if err != nil {
		return err
	}
	if c.json {
		return writeJSON(c.out, struct {
			directory.SourceSetup
			Config    json.RawMessage `json:"config"`
			HasSecret bool            `json:"has_secret"`
		}{x, json.RawMessage(x.Config), secret != ""})
	}
	now := ""
	if a.running != nil {
		if st, ok := a.running.sources.progress(id); ok {
			now = st.String()
		}
	}
	r := &x.Report
	return fields(c.out, "name", x.Name, "kind", x.Kind, "enabled", yesNo(x.Enabled), "asked every", x.Every.String(), "configuration", configText(x.Config),
		"password or key kept", yesNo(secret != ""), "card rule", x.Rule, "answered last", stamp(x.Good), "everybody compared", stamp(x.Full),
		"now", now, "state", sourceState(&x), "last run", runText(r), "passed over", strings.Join(r.Problems, "; "), "id", x.ID)
}

// configText is a configuration without the text of its certificates.
func configText(config string) string {
	var m map[string]any
	if json.Unmarshal([]byte(config), &m) != nil {
		return config
	}
	for _, k := range []string{"ca_pem", "certificate"} {
		if s, ok := m[k].(string); ok && s != "" {
			m[k] = fmt.Sprintf("(%d certificates)", strings.Count(s, "BEGIN CERTIFICATE"))
		}
	}
	text, err := json.Marshal(m)
	if err != nil {
		return config
	}
	return string(text)
}

func (st stage) String() string {
	if st.of == 0 {
		return fmt.Sprintf("%s: %d", st.what, st.done)
	}
	return fmt.Sprintf("%s: %d of %d", st.what, st.done, st.of)
}

// runText says what a run has brought.
func runText(r *directory.Run) string {
	if r.Began.IsZero() {
		return ""
	}
	what := "changes"
	if r.Full {
		what = "everybody"
	}
	took := ""
	if !r.Ended.IsZero() {
		took = " in " + r.Ended.Sub(r.Began).Round(time.Millisecond).String()
	}
	return fmt.Sprintf("%s: %s: %d read%s, %d new, %d changed, %d disabled, %d removed, %d as before, %d groups changed",
		stamp(r.Began), what, r.Read, took, r.New, r.Changed, r.Disabled, r.Removed, r.Same, r.Groups)
}

func (a *admin) sourceRunner() *sources {
	if a.running != nil {
		return a.running.sources
	}
	return newSources(a.scope, a.keys, a.now, a.log)
}

func (a *admin) syncSource(ctx context.Context, c *call, how directory.Ask) error {
	x, err := a.source(ctx, c.args[0])
	if err != nil {
		return err
	}
	runner := a.sourceRunner()
	var src directory.Source = doubted{a.scope, x.ID}
	if x.Kind != directory.SourcePush || !how.Approved {
		if src, err = runner.open(ctx, x); err != nil {
			return err
		}
	}
	how.Progress = progressTo(c.err)
	r, err := runner.ask(ctx, x, src, how)
	if how.Approved && err == nil {
		err = a.audit(ctx, "source.approve", x.Name, fmt.Sprintf("%d removed", r.Removed))
	}
	if err != nil {
		return err
	}
	return printRun(c, &r, x.Name)
}

func (a *admin) testSource(ctx context.Context, c *call) error {
	x, err := a.source(ctx, c.args[0])
	if err != nil {
		return err
	}
	src, err := a.sourceRunner().open(ctx, x)
	if err != nil {
		return err
	}
	report, err := probe(ctx, c, src)
	if c.json && report != nil {
		err = errors.Join(writeJSON(c.out, report), err)
	}
	return err
}

// probe looks at a source and tells people what it has seen; the report is for
// programs.
func probe(ctx context.Context, c *call, src directory.Source) (report any, err error) {
	switch src := src.(type) {
	case *ldap.Source:
		r, perr := src.Probe(ctx)
		err = errors.Join(ldapReport(c, &r), perr)
		report = r
	case *entra.Source:
		r, perr := src.Probe(ctx)
		report, err = r, perr
		if !c.json {
			err = errors.Join(fields(c.out, "tenant", r.Tenant, "people", fmt.Sprint(r.People), "first", strings.Join(r.Names, ", "), "permissions missing", strings.Join(r.Missing, ", ")), err)
		}
	case *csvfile.Source:
		an, perr := src.Read(ctx, nil, nil)
		report, err = map[string]int{"people": len(an.People), "groups": len(an.Groups)}, perr
		if !c.json && perr == nil {
			err = fields(c.out, "people", fmt.Sprint(len(an.People)), "groups", fmt.Sprint(len(an.Groups)))
		}
	}
	return report, err
}

// ldapReport tells what was seen of a server, also of one that was refused.
func ldapReport(c *call, r *ldap.Report) error {
	if c.json {
		return nil
	}
	var chain []string
	for _, k := range r.Chain {
		chain = append(chain, fmt.Sprintf("%s, by %s, until %s", k.Subject, k.Issuer, k.NotAfter.Format(time.DateOnly)))
	}
	deleted := "by comparing everybody"
	if r.Deleted {
		deleted = "by the server"
	}
	if err := fields(c.out, "server", r.Server, "encryption", r.TLS, "certificates", strings.Join(chain, "; "), "kind", strings.TrimSpace(string(r.Kind)+" "+r.Vendor),
		"changes are heard of", r.Changes, "deletions are known", deleted, "attributes that nobody has", strings.Join(r.Missing, ", ")); err != nil {
		return err
	}
	for _, b := range r.Bases {
		more := ""
		if b.More {
			more = " or more"
		}
		fmt.Fprintf(c.out, "%s: %d people%s, %d groups; %s\n", plain(orElse(b.Base, "(all)")), b.People, more, b.Groups, plain(strings.Join(b.First, ", ")))
	}
	for _, p := range r.Problems {
		fmt.Fprintln(c.out, "  "+plain(p))
	}
	return nil
}
