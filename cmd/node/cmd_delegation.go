package main

import (
	"cmp"
	"context"
	"flag"
	"strings"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/job"
)

// delegationFlags say whose documents somebody else may release, and who.
type delegationFlags struct {
	of, to, toGroup, until, consented *opt[string]
	titles, deletes                   *opt[bool]
	pool                              bool
}

func (f *delegationFlags) whose(fs *flag.FlagSet) {
	f.of = optText(fs, "of", "`LOGIN` of the person whose documents they are")
	f.to = optText(fs, "to", "`LOGIN` of the person who may release them")
	f.toGroup = optText(fs, "to-group", "`NAME` of the group whose members may")
}

func (f *delegationFlags) add(fs *flag.FlagSet) {
	f.whose(fs)
	f.until = optText(fs, "until", "it ends at the end of a `DAY`")
	f.titles = optYesNo(fs, "titles", "they may read what the documents are called; yes unless given")
	f.deletes = optYesNo(fs, "delete", "they may delete what waits; no unless given, yes for a pool")
	f.consented = optText(fs, "consented", "how the owner has consented, `TEXT` such as \"on paper, 2026-11-28\"; otherwise the owner is asked at the next sign-in")
	fs.BoolVar(&f.pool, "pool", false, "the account is a pool that nobody signs in to, so that there is nobody to ask")
}

func delegationCommands() []*command {
	var added, removed delegationFlags
	var consented *opt[string]
	return []*command{
		{
			name: "delegation add", summary: "let somebody release documents of somebody else",
			more: "Nothing may be released before the owner has consented: at a terminal, on the page print/mine/delegations, or as\n" +
				"--consented says. The documents stay the owner's, in the ledger too, and the owner sees who released them.\n" +
				"A pool is an account without card, PIN and password, whose documents all members of a group may release.",
			examples: []string{
				"delegation add --of chief --to secretary", `delegation add --of chief --to secretary --titles no --consented "on paper, 2026-11-28"`,
				"delegation add --of ward3 --to-group ward3 --pool",
			},
			flags: added.add, admin: func(ctx context.Context, a *admin, c *call) error { return a.addDelegation(ctx, c, &added) },
		},
		{
			name: "delegation list", summary: "list who may release whose documents", examples: []string{"delegation list", "delegation list --json"},
			admin: on((*admin).listDelegations),
		},
		{
			name: "delegation consent", args: "ID", least: 1, most: 1, summary: "note that the owner has consented in another way than at a terminal",
			examples: []string{`delegation consent 018f3c2e-7b1a-7c3d-9e4f-0123456789ab --consented "on paper, 2026-11-28"`},
			flags: func(fs *flag.FlagSet) {
				consented = optText(fs, "consented", "how, `TEXT`; it stands in the audit trail")
			},
			admin: func(ctx context.Context, a *admin, c *call) error {
				return a.consentDelegation(ctx, c, consented.value)
			},
		},
		{
			name: "delegation remove", args: "[ID]", most: 1, summary: "end that somebody may release documents of somebody else",
			more:     "ID is from the list; or say --of and --to, or --to-group.",
			examples: []string{"delegation remove --of chief --to secretary", "delegation remove 018f3c2e-7b1a-7c3d-9e4f-0123456789ab"},
			flags:    removed.whose,
			admin:    func(ctx context.Context, a *admin, c *call) error { return a.removeDelegation(ctx, c, &removed) },
		},
	}
}

// pair returns the owner, and the id of the person or group who may release.
func (f *delegationFlags) pair(ctx context.Context, a *admin) (owner directory.User, delegate string, err error) {
	if !f.of.given || f.to.given == f.toGroup.given {
		return owner, "", usagef("whose documents, and who may release them? Give --of, and --to or --to-group")
	}
	if owner, err = a.user(ctx, f.of.value); err != nil {
		return owner, "", err
	}
	if f.to.given {
		u, err := a.user(ctx, f.to.value)
		return owner, u.ID, err
	}
	g, err := a.group(ctx, f.toGroup.value)
	return owner, g.ID, err
}

func (a *admin) addDelegation(ctx context.Context, c *call, f *delegationFlags) error {
	owner, delegate, err := f.pair(ctx, a)
	if err != nil {
		return err
	}
	if delegate == owner.ID {
		return usagef("--of and --to are the same person, who needs nobody's leave")
	}
	d := directory.Delegation{ID: job.NewUUID(), Owner: owner.ID, Delegate: delegate, Titles: true, Deletes: f.pool,
		MadeBy: a.actor, Created: a.now().UTC(), Consent: f.consented.value}
	f.titles.apply(&d.Titles)
	f.deletes.apply(&d.Deletes)
	if f.until.given {
		if d.Until, err = directory.ParseUntil(f.until.value, time.Local); err != nil {
			return usagef("--until: %s", fault.Text(err))
		}
		d.Until = d.Until.UTC()
		if d.Over(a.now()) {
			return usagef("--until lies in the past")
		}
	}
	if f.pool {
		if err := isPool(&owner); err != nil {
			return err
		}
		d.Consent = cmp.Or(d.Consent, "as a pool, which is nobody's own")
	}
	if d.Consent != "" {
		d.Consented = d.Created
	}
	if err := a.scope.AddDelegation(ctx, d, a.actor); err != nil {
		return err
	}
	return a.printDelegation(ctx, c, d.ID)
}

// isPool refuses an account that somebody may sign in to: that person is asked.
func isPool(u *directory.User) error {
	if u.HasPIN || u.HasPass || u.Cards > 0 || u.Source != "local" {
		return &fault.Error{Op: "delegation.add", Kind: fault.Conflict, Text: "%s is no pool: somebody may sign in with a card, a PIN or a password, and has to consent.", Args: []any{u.Login}}
	}
	return nil
}

func (a *admin) listDelegations(ctx context.Context, c *call) error {
	list, err := a.scope.Delegations(ctx)
	if err != nil {
		return err
	}
	views := make([]delegationView, len(list))
	for i := range list {
		if views[i], err = a.viewDelegation(ctx, list[i]); err != nil {
			return err
		}
	}
	return writeList(c, views, []column[delegationView]{
		{"of", func(d delegationView) string { return d.OwnerLogin }},
		{"to", delegationView.delegate},
		{"consent", func(d delegationView) string { return a.consentText(d.Delegation) }},
		{"until", func(d delegationView) string { return stamp(d.Until) }},
		{"may", func(d delegationView) string { return mayText(d.Delegation) }},
		{"made by", func(d delegationView) string { return d.MadeBy }},
		{"id", func(d delegationView) string { return d.ID }},
	})
}

// delegationView is a delegation with the login of the person it is given to.
type delegationView struct {
	directory.Delegation
	DelegateLogin string `json:"delegate_login"` // "" a group
}

func (a *admin) viewDelegation(ctx context.Context, d directory.Delegation) (delegationView, error) {
	v := delegationView{Delegation: d}
	if d.ToGroup {
		return v, nil
	}
	u, err := a.scope.User(ctx, d.Delegate)
	v.DelegateLogin = u.Login
	return v, err
}

// delegate says who may release, in words.
func (d delegationView) delegate() string {
	switch {
	case d.ToGroup:
		return "group " + d.DelegateName
	case d.DelegateName == d.DelegateLogin:
		return d.DelegateLogin
	}
	return d.DelegateLogin + " (" + d.DelegateName + ")"
}

func (a *admin) printDelegation(ctx context.Context, c *call, id string) error {
	list, err := a.scope.Delegations(ctx)
	if err != nil {
		return err
	}
	for _, d := range list {
		if d.ID != id {
			continue
		}
		v, err := a.viewDelegation(ctx, d)
		if err != nil {
			return err
		}
		if c.json {
			return writeJSON(c.out, v)
		}
		return fields(c.out, "of", d.OwnerLogin, "to", v.delegate(), "may", mayText(d), "consent", a.consentText(d), "until", stamp(d.Until), "id", d.ID)
	}
	return &fault.Error{Op: "delegation", Kind: fault.NotFound, Text: "There is no such delegation."}
}

func mayText(d directory.Delegation) string {
	may := []string{"release"}
	if d.Titles {
		may = append(may, "read titles")
	}
	if d.Deletes {
		may = append(may, "delete")
	}
	return strings.Join(may, ", ")
}

func (a *admin) consentText(d directory.Delegation) string {
	switch {
	case d.Over(a.now()):
		return "ended"
	case d.Consented.IsZero():
		return "the owner will be asked"
	}
	return stamp(d.Consented) + ", " + d.Consent
}

func (a *admin) consentDelegation(ctx context.Context, c *call, how string) error {
	if how == "" {
		return usagef("how? Give --consented")
	}
	list, err := a.scope.Delegations(ctx)
	if err != nil {
		return err
	}
	id := strings.ToLower(c.args[0])
	for _, d := range list {
		if d.ID != id {
			continue
		}
		if !d.Consented.IsZero() {
			return &fault.Error{Op: "delegation.consent", Kind: fault.Conflict, Text: "The owner has consented already."}
		}
		if err := a.scope.Consent(ctx, d.ID, d.Owner, a.now(), how, a.actor); err != nil {
			return err
		}
		return a.printDelegation(ctx, c, d.ID)
	}
	return named(&fault.Error{Op: "delegation", Kind: fault.NotFound}, "delegation", c.args[0])
}

func (a *admin) removeDelegation(ctx context.Context, c *call, f *delegationFlags) error {
	if len(c.args) > 0 {
		return named(a.scope.EndDelegation(ctx, strings.ToLower(c.args[0]), "", a.actor), "delegation", c.args[0])
	}
	owner, delegate, err := f.pair(ctx, a)
	if err != nil {
		return err
	}
	list, err := a.scope.DelegationsOf(ctx, owner.ID)
	if err != nil {
		return err
	}
	for _, d := range list {
		if d.Delegate == delegate {
			return a.scope.EndDelegation(ctx, d.ID, "", a.actor)
		}
	}
	return &fault.Error{Op: "delegation.remove", Kind: fault.NotFound, Text: "There is no such delegation."}
}

// deputies says who may release a job in its owner's place.
func (a *admin) deputies(ctx context.Context, j *job.Job) ([]string, error) {
	if j.Unclaimed() {
		return nil, nil
	}
	list, err := a.scope.DelegationsOf(ctx, j.Owner)
	var who []string
	for _, d := range list {
		if d.Holds(a.now()) {
			v, err := a.viewDelegation(ctx, d)
			if err != nil {
				return nil, err
			}
			who = append(who, v.delegate()+", in place of "+d.OwnerLogin+", who consented "+d.Consent+".")
		}
	}
	return who, err
}
