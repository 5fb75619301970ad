package main

import (
	"context"
	"flag"
	"slices"
	"strings"

	"platen/directory"
	"platen/directory/oidc"
	"platen/fault"
)

func roleCommands() []*command {
	var added, changed *opt[[]string]
	var givenTo, takenFrom holderFlags
	rights := func(into **opt[[]string]) func(*flag.FlagSet) {
		return func(fs *flag.FlagSet) {
			*into = optWords(fs, "right", "`NAME` of a right that is in it; several times for several, empty for none. Rights are "+rightNames())
		}
	}
	return []*command{
		{
			name: "role add", args: "NAME", least: 1, most: 1, summary: "make a role: a set of rights with a name",
			more:     "There are user, support, reporting and administrator already, which stay as they are.",
			examples: []string{"role add desk --right support --right report"}, flags: rights(&added),
			admin: func(ctx context.Context, a *admin, c *call) error { return a.putRole(ctx, c, added, true) },
		},
		{
			name: "role set", args: "NAME", least: 1, most: 1, summary: "change the rights of a role, for everybody who has it",
			examples: []string{"role set desk --right support --right break-glass"}, flags: rights(&changed),
			admin: func(ctx context.Context, a *admin, c *call) error { return a.putRole(ctx, c, changed, false) },
		},
		{name: "role list", summary: "list the roles", examples: []string{"role list", "role list --json"}, admin: on((*admin).listRoles)},
		{name: "role remove", args: "NAME", least: 1, most: 1, summary: "remove a role, also from everybody who has it", examples: []string{"role remove desk"}, admin: on((*admin).removeRole)},
		{
			name: "role give", args: "NAME", least: 1, most: 1, summary: "give a role to people, groups or sources",
			examples: []string{"role give support --group helpdesk", "role give administrator --user ada", "role give user --oidc"}, flags: givenTo.add,
			admin: func(ctx context.Context, a *admin, c *call) error { return a.giveRole(ctx, c, &givenTo, true) },
		},
		{
			name: "role take", args: "NAME", least: 1, most: 1, summary: "take a role away",
			examples: []string{"role take support --group helpdesk"}, flags: takenFrom.add,
			admin: func(ctx context.Context, a *admin, c *call) error { return a.giveRole(ctx, c, &takenFrom, false) },
		},
	}
}

// holderFlags name who has a role.
type holderFlags struct {
	users, groups, sources *opt[[]string]
	oidc                   bool
}

func (f *holderFlags) add(fs *flag.FlagSet) {
	f.users = optWords(fs, "user", "`LOGIN` of a person; several times for several")
	f.groups = optWords(fs, "group", "`NAME` of a group; several times for several")
	f.sources = optWords(fs, "source", "`NAME` of a source, all of whose people are meant; several times for several")
	fs.BoolVar(&f.oidc, "oidc", false, "people whom signing in with OpenID Connect has added")
}

// holders returns the ids of those who are named.
func (f *holderFlags) holders(ctx context.Context, a *admin) ([]string, error) {
	var ids []string
	for _, login := range f.users.value {
		u, err := a.user(ctx, login)
		if err != nil {
			return nil, err
		}
		ids = append(ids, u.ID)
	}
	for _, name := range f.groups.value {
		g, err := a.group(ctx, name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, g.ID)
	}
	for _, name := range f.sources.value {
		x, err := a.source(ctx, name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, x.ID)
	}
	if f.oidc {
		ids = append(ids, directory.SourceOIDC)
	}
	if len(ids) == 0 {
		return nil, usagef("name somebody: --user, --group, --source or --oidc")
	}
	return ids, nil
}

func (a *admin) putRole(ctx context.Context, c *call, rights *opt[[]string], isNew bool) error {
	r := directory.Role{Name: directory.Fold(c.args[0])}
	others, err := a.scope.Roles(ctx)
	if err != nil {
		return err
	}
	old, there := directory.RoleNamed(others, r.Name)
	switch {
	case isNew && there:
		return &fault.Error{Op: "role.add", Kind: fault.Conflict, Text: "There is a role %s already.", Args: []any{r.Name}}
	case !isNew && !there:
		return &fault.Error{Op: "role.set", Kind: fault.NotFound, Text: "There is no role %s.", Args: []any{r.Name}}
	}
	r.Rights = old.Rights
	if rights.given {
		if r.Rights, err = rightsOf(rights.value); err != nil {
			return err
		}
	}
	if err := a.scope.PutRole(ctx, r); err != nil {
		return err
	}
	verb := map[bool]string{true: "role.add", false: "role.set"}[isNew]
	if err := a.audit(ctx, verb, r.Name, rightsText(directory.User{Rights: r.Rights})); err != nil {
		return err
	}
	return a.printRole(ctx, c, r.Name)
}

// roleView is a role with who has it.
type roleView struct {
	directory.Role
	BuiltIn bool     `json:"built_in"`
	Holders []string `json:"holders"`
}

// viewRoles returns all roles, those that are always there first.
func (a *admin) viewRoles(ctx context.Context) ([]roleView, error) {
	others, err := a.scope.Roles(ctx)
	if err != nil {
		return nil, err
	}
	grants, err := a.scope.AllRights(ctx)
	if err != nil {
		return nil, err
	}
	builtIn := directory.BuiltInRoles()
	var list []roleView
	for i, r := range slices.Concat(builtIn, others) {
		v := roleView{Role: r, BuiltIn: i < len(builtIn), Holders: []string{}}
		for _, g := range grants {
			if string(g.Right) == directory.RolePrefix+r.Name {
				v.Holders = append(v.Holders, holderText(g))
			}
		}
		list = append(list, v)
	}
	return list, nil
}

func (a *admin) printRole(ctx context.Context, c *call, name string) error {
	list, err := a.viewRoles(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(r roleView) bool { return r.Name == name })
	if i < 0 { // removed meanwhile
		return &fault.Error{Op: "role.show", Kind: fault.NotFound, Text: "There is no role %s.", Args: []any{name}}
	}
	r := &list[i]
	if c.json {
		return writeJSON(c.out, r)
	}
	return fields(c.out, "role", r.Name, "rights", rightsText(directory.User{Rights: r.Rights}), "given to", strings.Join(r.Holders, ", "), "built in", yesNo(r.BuiltIn))
}

func (a *admin) listRoles(ctx context.Context, c *call) error {
	list, err := a.viewRoles(ctx)
	if err != nil {
		return err
	}
	return writeList(c, list, []column[roleView]{
		{"role", func(r roleView) string { return r.Name }},
		{"rights", func(r roleView) string { return rightsText(directory.User{Rights: r.Rights}) }},
		{"given to", func(r roleView) string { return strings.Join(r.Holders, ", ") }},
		{"built in", func(r roleView) string { return yesNo(r.BuiltIn) }},
	})
}

func holderText(g directory.Grant) string {
	if g.Holder == directory.SourceOIDC {
		return "people of OpenID Connect"
	}
	return g.From
}

func (a *admin) removeRole(ctx context.Context, c *call) error {
	name := directory.Fold(c.args[0])
	x, _, err := a.members().provider.setup(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(x.Roles, func(r oidc.GroupRole) bool { return r.Role == name }) {
		return &fault.Error{Op: "role.remove", Kind: fault.Conflict, Text: "A group of the sign-in service has the role %s; change that first: platen sign-in oidc set --role", Args: []any{name}}
	}
	if err := a.scope.RemoveRole(ctx, name); err != nil {
		return named(err, "role", name)
	}
	return a.audit(ctx, "role.remove", name, "")
}

func (a *admin) giveRole(ctx context.Context, c *call, f *holderFlags, has bool) error {
	name := directory.Fold(c.args[0])
	ids, err := f.holders(ctx, a)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := a.scope.GiveRole(ctx, id, name, has); err != nil {
			return err
		}
	}
	verb := map[bool]string{true: "role.give", false: "role.take"}[has]
	if err := a.audit(ctx, verb, name, strings.Join(slices.Concat(f.users.value, f.groups.value, f.sources.value), " ")); err != nil {
		return err
	}
	return a.printRole(ctx, c, name)
}
