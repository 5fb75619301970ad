package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"

	"platen/directory"
	"platen/directory/entra"
	"platen/directory/ldap"
	"platen/fault"
	"platen/job"
)

func sourceCommands() []*command {
	var added, changed sourceFlags
	var people, full, dry bool
	one := func(name, summary, more string, examples ...string) *command {
		return &command{name: name, args: "NAME", least: 1, most: 1, summary: summary, more: more, examples: examples}
	}
	add := one("source add", "add a directory or file from which people come", "Nothing is read until somebody runs platen source sync for the first time; from then on it is asked again and again.\n"+
		"Its people keep their cards, PIN and documents when they are renamed or moved there. Rights are given to groups,\n"+
		"or to all people of the source: platen right add --source NAME release.",
		"source add corp --kind ldap --server ldaps://dc1.corp.example --base DC=corp,DC=example --bind-as svc-platen@corp.example --attribute cards=pager --ask-password",
		"source add cloud --kind entra --tenant corp.example --client 018f3c2e-7b1a-7c3d-9e4f-0123456789ab --card-attribute employeeId --ask-password",
		"source add personnel --kind csv --path /srv/export/people.csv")
	add.flags, add.secret = added.add, added.secret()
	add.admin = func(ctx context.Context, a *admin, c *call) error { return a.addSource(ctx, c, &added) }
	set := one("source set", "change a source", "What is not named stays. What is changed while a source is enabled counts with its next look; to see before what it would do, switch it\n"+
		"off (--enabled no), change it, and run platen source sync NAME --dry-run. Another server, port or trust forgets the password that is kept: it must not be sent somewhere else.",
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
	sync := one("source sync", "ask a source now", "The first time begins: from then on the running node asks it by itself, and compares everybody every night. A dry run changes nothing and\n"+
		"begins nothing. While the node reads the source itself, this waits for it.", "source sync corp", "source sync corp --full --dry-run")
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
		fmt.Fprintf(c.err, "Its people may release their documents: platen right list --source %s shows it.\n", plain(x.Name))
		tellNext(c, &x)
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
	detail := strings.Join(c.given, " ")
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
	switch {
	case c.json:
	case x.New():
		tellNext(c, &x)
	case before != x.Config && x.Enabled:
		fmt.Fprintf(c.err, "The next look at the source compares everybody with this. To see first what a change would do: platen source set %[1]s --enabled no,\n"+
			"then the change, then platen source sync %[1]s --dry-run. What would remove many people waits for platen source approve %[1]s in any case.\n", plain(x.Name))
	}
	return a.printSource(ctx, c, x.ID)
}

// tellNext says how a new source is begun.
func tellNext(c *call, x *directory.SourceSetup) {
	if x.Kind == directory.SourcePush {
		fmt.Fprintf(c.err, "Next: platen source token %s, for the machine that brings its people. There, platen sync-directory FILE --once --dry-run shows what it would bring.\n", plain(x.Name))
		return
	}
	fmt.Fprintf(c.err, "Next: platen source test %s. %s\n", plain(x.Name), plain(upper(notBegun(x.Name))))
}

// notBegun says of a new source that it is not read yet, and what begins it.
func notBegun(name string) string {
	return fmt.Sprintf("it is not read yet: platen source sync %[1]s --dry-run shows what it would bring, platen source sync %[1]s begins.", name)
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
	removed, err := a.scope.RemoveSource(ctx, x.ID, a.actor, people)
	if err != nil {
		return err
	}
	a.sourcesChanged(x.ID)
	detail := ""
	if people {
		detail = counted(removed, "person", "people") + " removed"
	}
	if err := a.audit(ctx, "source.remove", x.Name, detail); err != nil || !people {
		return err
	}
	if c.json {
		return writeJSON(c.out, map[string]any{"name": x.Name, "people_removed": removed})
	}
	_, err = fmt.Fprintf(c.out, "The source %s is removed, and %s with it.\n", plain(x.Name), counted(removed, "person", "people"))
	return err
}

func (a *admin) sourceRunner() *sources {
	if a.running != nil {
		return a.running.sources
	}
	s := newSources(a.scope, a.keys, a.now, a.log)
	s.roots = a.roots
	return s
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
	r, err := runner.askInTurn(ctx, x, src, how, func() {
		fmt.Fprintln(c.err, "The source is being read at this moment; this waits until that has ended.")
	})
	if how.Approved && err == nil {
		err = a.audit(ctx, "source.approve", x.Name, fmt.Sprintf("%d removed", r.Removed))
	}
	if err != nil {
		return err
	}
	return printRun(c, &r, x.Name)
}
