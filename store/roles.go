package store

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"platen/directory"
	"platen/fault"
)

// A role is a set of rights with a name. What it holds stands in the settings; who
// has it stands among the rights, as the right role:NAME, and whoever asks for
// somebody's grants gets what is in it.

// rolesName is the row of the settings that holds them.
const rolesName = "roles"

const noRole = "There is no such role."

// Roles returns the roles that are not built in, by name.
func (s Scope) Roles(ctx context.Context) ([]directory.Role, error) {
	return kept(s, tablesOf("settings"), "roles", "", func() ([]directory.Role, error) {
		var list []directory.Role
		err := s.look(ctx, func(v view) error {
			return v.each(selectSetting, func(row scanner) error { return row.Scan(asJSON{&list}) }, rolesName)
		})
		return list, explain("store.Roles", err)
	})
}

// PutRole adds a role, or changes the rights of the one with this name. A built-in
// one is a Conflict.
func (s Scope) PutRole(ctx context.Context, r directory.Role) error {
	const op = "store.PutRole"
	if !fitsName(r.Name) {
		return invalid(op, "The name of a role is one word of small letters, digits and hyphens.")
	}
	if slices.ContainsFunc(r.Rights, func(x directory.Right) bool {
		return !slices.Contains(directory.Rights(), x) || x == directory.PageLimit
	}) {
		return invalid(op, "There is no such right.")
	}
	return explain(op, s.changeRoles(ctx, op, r.Name, func(list []directory.Role) ([]directory.Role, error) {
		list = append(slices.DeleteFunc(list, func(x directory.Role) bool { return x.Name == r.Name }), r)
		slices.SortFunc(list, func(a, b directory.Role) int { return strings.Compare(a.Name, b.Name) })
		return list, nil
	}))
}

// fitsName reports whether a role may be called that: it stands in lists with
// spaces between, and in the rights.
func fitsName(name string) bool {
	return name != "" && len(name) <= 60 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// RemoveRole removes a role, also from everybody who has it.
func (s Scope) RemoveRole(ctx context.Context, name string) error {
	const op = "store.RemoveRole"
	return explain(op, s.changeRoles(ctx, op, name, func(list []directory.Role) ([]directory.Role, error) {
		rest := slices.DeleteFunc(slices.Clone(list), func(x directory.Role) bool { return x.Name == name })
		if len(rest) == len(list) {
			return nil, notFound(op, noRole)
		}
		return rest, nil
	}))
}

// changeRoles changes the list of roles and, where the one that is meant has gone
// from it, takes it from those who have it.
func (s Scope) changeRoles(ctx context.Context, op, name string, change func([]directory.Role) ([]directory.Role, error)) error {
	if _, builtIn := directory.RoleNamed(nil, name); builtIn {
		return conflict(op, "This role is built in and stays as it is.")
	}
	return s.write(ctx, func(t tx) error {
		var list []directory.Role
		if err := t.each(selectSetting, func(row scanner) error { return row.Scan(asJSON{&list}) }, rolesName); err != nil {
			return err
		}
		list, err := change(list)
		if err != nil {
			return err
		}
		if _, ok := directory.RoleNamed(list, name); !ok {
			if _, err := t.exec(deleteRole, directory.RolePrefix+name); err != nil {
				return err
			}
		}
		b, err := json.Marshal(list)
		if err != nil {
			return err
		}
		_, err = t.exec(putSetting, rolesName, string(b))
		return err
	})
}

// GiveRole gives a role to a group, a person, a source or everybody (""), or takes
// it away.
func (s Scope) GiveRole(ctx context.Context, holder, role string, has bool) error {
	const op = "store.GiveRole"
	err := s.write(ctx, func(t tx) error {
		if !has {
			n, err := t.exec(deleteRight, holder, directory.RolePrefix+role, "", "")
			if err == nil && n == 0 {
				err = &fault.Error{Op: op, Kind: fault.NotFound, Text: "This role was not given."}
			}
			if err != nil {
				return err
			}
			t.changed(aRight, holder, false)
			return nil
		}
		var list []directory.Role
		if err := t.each(selectSetting, func(row scanner) error { return row.Scan(asJSON{&list}) }, rolesName); err != nil {
			return err
		}
		if _, ok := directory.RoleNamed(list, role); !ok {
			return notFound(op, noRole)
		}
		if _, err := t.exec(putRight, holder, directory.RolePrefix+role, "", "", 0); err != nil {
			return err
		}
		t.changed(aRight, holder, false)
		return nil
	})
	return explain(op, err)
}

// unfold replaces the roles among grants by the rights that are in them.
func (s Scope) unfold(ctx context.Context, list []directory.Grant) ([]directory.Grant, error) {
	if !slices.ContainsFunc(list, isRole) {
		return list, nil
	}
	others, err := s.Roles(ctx)
	if err != nil {
		return nil, err
	}
	var all []directory.Grant
	for _, g := range list {
		if !isRole(g) {
			all = append(all, g)
			continue
		}
		name := strings.TrimPrefix(string(g.Right), directory.RolePrefix)
		r, _ := directory.RoleNamed(others, name)
		for _, right := range r.Rights {
			x := g
			x.Right, x.From = right, g.From+", role "+name
			all = append(all, x)
		}
	}
	return all, nil
}

func isRole(g directory.Grant) bool { return strings.HasPrefix(string(g.Right), directory.RolePrefix) }

// Setup returns the text of a part of the settings that somebody else reads, ""
// when nobody has set it up: "oidc", "kerberos".
func (s Scope) Setup(ctx context.Context, name string) (string, error) {
	return kept(s, tablesOf("settings"), "setup", name, func() (string, error) {
		var text string
		err := s.look(ctx, func(v view) error {
			return v.each(selectSetting, func(row scanner) error { return row.Scan(&text) }, setupPrefix+name)
		})
		return text, explain("store.Setup", err)
	})
}

// PutSetup keeps such a text; "" forgets it.
func (s Scope) PutSetup(ctx context.Context, name, text string) error {
	err := s.write(ctx, func(t tx) error {
		_, err := t.exec(putSetting, setupPrefix+name, text)
		return err
	})
	return explain("store.PutSetup", err)
}

const setupPrefix = "setup "

const deleteRole query = `DELETE FROM rights WHERE tenant = $1 AND may = $2`
