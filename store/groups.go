package store

import (
	"context"
	"slices"
	"strings"

	"platen/directory"
	"platen/fault"
	"platen/site"
)

const noGroup = "There is no such group."

// Groups returns all groups by name.
func (s Scope) Groups(ctx context.Context) ([]directory.Group, error) {
	return all(ctx, s, "store.Groups", scanGroup, selectGroups)
}

// Group returns a group.
func (s Scope) Group(ctx context.Context, id string) (directory.Group, error) {
	return find(ctx, s, "store.Group", noGroup, scanGroup, selectGroup, id)
}

// GroupByName finds a group, whatever the case of its name: the one that was made
// here before those of sources, and a Conflict when sources have several.
func (s Scope) GroupByName(ctx context.Context, name string) (directory.Group, error) {
	const op = "store.GroupByName"
	list, err := all(ctx, s, op, scanGroup, selectGroupsByName, site.FoldName(name))
	if err == nil && len(list) == 0 {
		list, err = all(ctx, s, op, scanGroup, selectGroup, strings.ToLower(name))
	}
	switch {
	case err != nil:
		return directory.Group{}, err
	case len(list) == 0:
		return directory.Group{}, notFound(op, noGroup)
	case len(list) > 1 && list[0].Source != "":
		return directory.Group{}, conflict(op, "There are several groups called %s. Please name it by its id.", name)
	}
	return list[0], nil
}

func scanGroup(row scanner, g *directory.Group) error {
	return row.Scan(&g.ID, &g.Name, &g.Source, &g.From, &g.People, &g.Members)
}

// PutGroup adds a group that is made here, or changes its name. Another one made
// here with the same name is a Conflict.
func (s Scope) PutGroup(ctx context.Context, g directory.Group) error {
	const op = "store.PutGroup"
	if g.ID == "" || site.FoldName(g.Name) == "" {
		return invalid(op, "A group needs a name.")
	}
	err := s.write(ctx, func(t tx) error {
		if err := t.free(op, "There is a group %s already.", selectLocalGroupID, g.ID, g.Name, site.FoldName(g.Name)); err != nil {
			return err
		}
		return t.putGroup(g)
	})
	return explain(op, err)
}

func (t tx) putGroup(g directory.Group) error {
	if _, err := t.exec(putGroup, g.ID, g.Name, site.FoldName(g.Name), g.Source); err != nil {
		return err
	}
	t.changed(aGroup, g.ID, false)
	return nil
}

// RemoveGroup removes a group with its memberships and rights. One of a source is
// a Conflict: it would come back.
func (s Scope) RemoveGroup(ctx context.Context, id string) error {
	const op = "store.RemoveGroup"
	err := s.write(ctx, func(t tx) error {
		if err := t.madeHere(op, id); err != nil {
			return err
		}
		return t.removeGroup(id)
	})
	return explain(op, err)
}

func (t tx) removeGroup(id string) error {
	for _, q := range []query{deleteMembersOf, deleteMembershipsOf, deleteRightsOf, deleteDelegationsTo, deleteEntriesOf, deleteGroup} {
		if _, err := t.exec(q, id); err != nil {
			return err
		}
	}
	t.changed(aGroup, id, true)
	return nil
}

// madeHere is nil when a group is there and no source's.
func (t tx) madeHere(op, id string) error {
	var source string
	if err := t.one(selectGroupSource, []any{&source}, id); err != nil {
		return missing(err, op, noGroup)
	}
	if source != "" {
		return conflict(op, "This group comes from a directory and is changed there.")
	}
	return nil
}

// Members returns who is in a group directly: groups first, then people, by name.
func (s Scope) Members(ctx context.Context, group string) ([]directory.Member, error) {
	return all(ctx, s, "store.Members", func(row scanner, m *directory.Member) error {
		return row.Scan(&m.ID, &m.Name, &m.Nested)
	}, selectMembers, group)
}

// SetMember puts a person or a group into a group that was made here, or takes it
// out. A group that would be in itself is Invalid.
func (s Scope) SetMember(ctx context.Context, group string, m directory.Member, in bool) error {
	const op = "store.SetMember"
	err := s.write(ctx, func(t tx) error {
		if err := t.madeHere(op, group); err != nil {
			return err
		}
		if !in {
			n, err := t.exec(deleteMember, group, m.ID)
			if err == nil && n == 0 {
				err = notFound(op, "That is not in this group.")
			}
			if err != nil {
				return err
			}
			t.changed(aGroup, group, false)
			return nil
		}
		if err := t.mayContain(op, group, m); err != nil {
			return err
		}
		if _, err := t.exec(insertMember, group, m.ID, m.Nested); err != nil {
			return err
		}
		t.changed(aGroup, group, false)
		return nil
	})
	return explain(op, err)
}

// mayContain refuses what is not there, and a circle.
func (t tx) mayContain(op, group string, m directory.Member) error {
	var n int
	exists, sentence := existsUser, noUser
	if m.Nested {
		exists, sentence = existsGroup, noGroup
	}
	if err := t.one(exists, []any{&n}, m.ID); err != nil {
		return err
	}
	if n == 0 {
		return notFound(op, sentence)
	}
	if !m.Nested {
		return nil
	}
	var above []string
	if err := t.each(selectAbove, to(&above, scanText), group); err != nil {
		return err
	}
	if m.ID == group || slices.Contains(above, m.ID) {
		return invalid(op, "A group cannot be in itself.")
	}
	return nil
}

// GroupsOf returns the ids of all groups that a person or a group is in, directly
// or through others. Groups that contain each other do no harm.
func (s Scope) GroupsOf(ctx context.Context, member string) ([]string, error) {
	return all(ctx, s, "store.GroupsOf", scanText, selectAbove, member)
}

// PathTo returns the names of the groups from one that a member is in directly up
// to this group, the shortest way; nothing when the member is not in it.
func (s Scope) PathTo(ctx context.Context, member, group string) ([]string, error) {
	type step struct {
		id, name string
		below    *step
	}
	var path []string
	err := s.read(ctx, func(v view) error {
		seen := map[string]bool{}
		level := []*step{{id: member}}
		for len(level) > 0 && path == nil {
			var next []*step
			for _, at := range level {
				err := v.each(selectParents, func(row scanner) error {
					up := &step{below: at}
					if err := row.Scan(&up.id, &up.name); err != nil || seen[up.id] {
						return err
					}
					seen[up.id] = true
					next = append(next, up)
					return nil
				}, at.id)
				if err != nil {
					return err
				}
			}
			for _, at := range next {
				if at.id == group && path == nil {
					for ; at.below != nil; at = at.below {
						path = append(path, at.name)
					}
				}
			}
			level = next
		}
		return nil
	})
	slices.Reverse(path)
	return path, explain("store.PathTo", err)
}

// Grants returns what groups, the source of a person and everybody's rights give
// the person. Callers share the list and must not change it.
func (s Scope) Grants(ctx context.Context, u directory.User) ([]directory.Grant, error) {
	return kept(s, tablesOf("memberships", "rights", "groups", "sources", "settings"), "grants "+u.Source, u.ID, func() ([]directory.Grant, error) {
		list, err := all(ctx, s, "store.Grants", scanGrant, selectGrants, u.ID, u.Source)
		if err != nil {
			return nil, err
		}
		return s.unfold(ctx, list)
	})
}

// RightsOf returns the rights of one holder: a group, a person, a source or ""
// for everybody.
func (s Scope) RightsOf(ctx context.Context, holder string) ([]directory.Grant, error) {
	return all(ctx, s, "store.RightsOf", scanGrant, selectRightsOf, holder)
}

// AllRights returns every right that was given, by holder.
func (s Scope) AllRights(ctx context.Context) ([]directory.Grant, error) {
	return all(ctx, s, "store.AllRights", scanGrant, selectRights)
}

func scanGrant(row scanner, g *directory.Grant) error {
	return row.Scan(&g.Right, &g.Holder, &g.DeviceGroup, &g.Queue, &g.Amount, &g.From)
}

// PutRight gives a right, or changes its amount.
func (s Scope) PutRight(ctx context.Context, g directory.Grant) error {
	const op = "store.PutRight"
	if !slices.Contains(directory.Rights(), g.Right) {
		return invalid(op, "There is no such right.")
	}
	err := s.write(ctx, func(t tx) error {
		if _, err := t.exec(putRight, g.Holder, string(g.Right), g.DeviceGroup, g.Queue, g.Amount); err != nil {
			return err
		}
		t.changed(aRight, g.Holder, false)
		return nil
	})
	return explain(op, err)
}

// RemoveRight takes a right away.
func (s Scope) RemoveRight(ctx context.Context, g directory.Grant) error {
	const op = "store.RemoveRight"
	err := s.write(ctx, func(t tx) error {
		n, err := t.exec(deleteRight, g.Holder, string(g.Right), g.DeviceGroup, g.Queue)
		if err == nil && n == 0 {
			err = &fault.Error{Op: op, Kind: fault.NotFound, Text: "This right was not given."}
		}
		if err != nil {
			return err
		}
		t.changed(aRight, g.Holder, false)
		return nil
	})
	return explain(op, err)
}

const (
	groupSelect = `
		SELECT g.id, g.name, g.source, COALESCE((SELECT s.name FROM sources s WHERE s.tenant = $1 AND s.id = g.source), 'local'),
		       (SELECT COUNT(*) FROM memberships m WHERE m.tenant = $1 AND m.group_id = g.id AND m.nested = 0),
		       (SELECT COUNT(*) FROM memberships n WHERE n.tenant = $1 AND n.group_id = g.id AND n.nested = 1)
		  FROM groups g WHERE g.tenant = $1`
	selectGroups       query = groupSelect + ` ORDER BY g.fold, g.id`
	selectGroup        query = groupSelect + ` AND g.id = $2`
	selectGroupsByName query = groupSelect + ` AND g.fold = $2 ORDER BY g.source, g.id LIMIT 3`
	selectGroupSource  query = `SELECT source FROM groups WHERE tenant = $1 AND id = $2`
	selectLocalGroupID query = `SELECT id FROM groups WHERE tenant = $1 AND fold = $2 AND source = ''`
	existsGroup        query = `SELECT COUNT(*) FROM groups WHERE tenant = $1 AND id = $2`
	putGroup           query = `
		INSERT INTO groups (tenant, id, name, fold, source, created_at) VALUES ($1, $2, $3, $4, $5, 0)
		ON CONFLICT (tenant, id) DO UPDATE SET name = excluded.name, fold = excluded.fold, source = excluded.source`
	deleteGroup query = `DELETE FROM groups WHERE tenant = $1 AND id = $2`

	selectMembers query = `
		SELECT m.member, COALESCE(g.name, u.login, ''), m.nested
		  FROM memberships m
		  LEFT JOIN groups g ON g.tenant = $1 AND g.id = m.member
		  LEFT JOIN users u ON u.tenant = $1 AND u.id = m.member
		 WHERE m.tenant = $1 AND m.group_id = $2 ORDER BY m.nested DESC, 2, m.member`
	selectParents query = `
		SELECT m.group_id, COALESCE(g.name, '') FROM memberships m LEFT JOIN groups g ON g.tenant = $1 AND g.id = m.group_id
		 WHERE m.tenant = $1 AND m.member = $2 ORDER BY 2, m.group_id`
	insertMember query = `
		INSERT INTO memberships (tenant, group_id, member, nested) VALUES ($1, $2, $3, $4) ON CONFLICT (tenant, group_id, member) DO NOTHING`
	deleteMember        query = `DELETE FROM memberships WHERE tenant = $1 AND group_id = $2 AND member = $3`
	deleteMembersOf     query = `DELETE FROM memberships WHERE tenant = $1 AND group_id = $2`
	deleteMembershipsOf query = `DELETE FROM memberships WHERE tenant = $1 AND member = $2`
	selectAbove         query = `
		WITH RECURSIVE up (id) AS (
			SELECT m.group_id FROM memberships m WHERE m.tenant = $1 AND m.member = $2
			UNION SELECT n.group_id FROM memberships n JOIN up ON n.member = up.id WHERE n.tenant = $1)
		SELECT up.id FROM up`

	selectGrants query = `
		WITH RECURSIVE up (id) AS (
			SELECT m.group_id FROM memberships m WHERE m.tenant = $1 AND m.member = $2
			UNION SELECT n.group_id FROM memberships n JOIN up ON n.member = up.id WHERE n.tenant = $1)
		SELECT r.may, r.holder, r.device_group, r.queue, r.amount,
		       CASE WHEN r.holder = '' THEN 'everybody' WHEN r.holder = $2 THEN 'this person'
		            WHEN r.holder = $3 THEN 'source ' || COALESCE((SELECT s.name FROM sources s WHERE s.tenant = $1 AND s.id = r.holder), '')
		            ELSE 'group ' || COALESCE((SELECT g.name FROM groups g WHERE g.tenant = $1 AND g.id = r.holder), '') END
		  FROM rights r WHERE r.tenant = $1 AND (r.holder = '' OR r.holder = $2 OR r.holder = $3 OR r.holder IN (SELECT up.id FROM up))
		 ORDER BY r.may, r.holder, r.device_group, r.queue`
	rightSelect = `
		SELECT r.may, r.holder, r.device_group, r.queue, r.amount,
		       CASE WHEN r.holder = '' THEN 'everybody' ELSE COALESCE(
		         (SELECT 'group ' || g.name FROM groups g WHERE g.tenant = $1 AND g.id = r.holder),
		         (SELECT 'source ' || s.name FROM sources s WHERE s.tenant = $1 AND s.id = r.holder),
		         (SELECT u.login FROM users u WHERE u.tenant = $1 AND u.id = r.holder), '') END
		  FROM rights r WHERE r.tenant = $1`
	selectRights   query = rightSelect + ` ORDER BY 6, r.may, r.device_group, r.queue`
	selectRightsOf query = rightSelect + ` AND r.holder = $2 ORDER BY r.may, r.device_group, r.queue`
	putRight       query = `
		INSERT INTO rights (tenant, holder, may, device_group, queue, amount) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (tenant, holder, may, device_group, queue) DO UPDATE SET amount = excluded.amount`
	deleteRight    query = `DELETE FROM rights WHERE tenant = $1 AND holder = $2 AND may = $3 AND device_group = $4 AND queue = $5`
	deleteRightsOf query = `DELETE FROM rights WHERE tenant = $1 AND holder = $2`

	deleteCodesOf       query = `DELETE FROM codes WHERE tenant = $1 AND user_id = $2`
	deleteDelegationsOf query = `DELETE FROM delegations WHERE tenant = $1 AND owner = $2`
	deleteDelegationsTo query = `DELETE FROM delegations WHERE tenant = $1 AND delegate = $2`
	deleteEntriesOf     query = `DELETE FROM source_entries WHERE tenant = $1 AND target = $2`
)
