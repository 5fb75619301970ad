package entra

import (
	"context"
	"maps"
	"net/http"
	"slices"

	"platen/directory"
)

// since is what two delta queries have named: true for what is there, false for
// what has been removed. Whoever is named last is right.
type since struct {
	users, groups map[string]bool
	moved         map[string]bool // users who came into a group or left one
}

// changes reads who has changed since c.
func (t *talk) changes(ctx context.Context, c cursor) (directory.Answer, error) {
	s := since{users: map[string]bool{}, groups: map[string]bool{}, moved: map[string]bool{}}
	usersLink, err := t.resumed(ctx, c.Users, func(i item) error {
		s.users[i.ID] = !i.Removed
		return t.count()
	})
	if err != nil {
		return directory.Answer{}, err
	}
	groupsLink, err := t.resumed(ctx, c.Groups, func(i item) error { return t.noteGroup(&s, i) })
	if err != nil {
		return directory.Answer{}, err
	}
	sc, err := t.scope(ctx)
	if err != nil {
		return directory.Answer{}, err
	}
	if !slices.Equal(sc.tree, c.Tree) {
		// Groups came into those of the configuration, or left them, and whoever is
		// in them was not named.
		return directory.Answer{}, errAgain
	}
	var a directory.Answer
	if err := t.people(ctx, &a, &s, sc); err != nil {
		return directory.Answer{}, err
	}
	if err := t.groups(ctx, &a, s.groups); err != nil {
		return directory.Answer{}, err
	}
	return a, t.finish(&a, usersLink, groupsLink, sc)
}

// resumed walks on from a deltaLink of an earlier read. "In case of an expired
// token, the service should respond with a 40X-series error": whatever it is
// exactly, that link is of no use any more.
func (t *talk) resumed(ctx context.Context, link string, take func(item) error) (string, error) {
	before := t.pages
	end, err := t.walk(ctx, link, true, take)
	first := t.pages == before+1
	if first && (refusedWith(err, http.StatusNotFound) || refusedWith(err, http.StatusBadRequest)) {
		return "", errAgain
	}
	return end, err
}

func (t *talk) noteGroup(s *since, i item) error {
	s.groups[i.ID] = !i.Removed
	members, err := memberChanges(i)
	if err != nil {
		return err
	}
	for _, m := range members {
		if m.Type == typeUser || m.Type == "" {
			s.moved[m.ID] = true
		}
		if err := t.countMember(); err != nil {
			return err
		}
	}
	return t.count()
}

// people reads those again who have changed, and those who came into a group
// that people have to be in.
func (t *talk) people(ctx context.Context, a *directory.Answer, s *since, sc scope) error {
	if !sc.everybody {
		for id := range s.moved {
			if _, named := s.users[id]; !named {
				s.users[id] = true
			}
		}
	}
	var changed []string
	for _, id := range slices.Sorted(maps.Keys(s.users)) {
		if s.users[id] && sc.has(id) {
			changed = append(changed, id)
		} else {
			a.Gone = append(a.Gone, id)
		}
	}
	names := t.Config.attributes()
	return t.whole(ctx, "/users", changed, names.selected(), func(i item) error {
		t.Config.add(a, names, i.ID, names.merge(nil, i.Fields))
		return nil
	})
}

// groups reads those again that have changed, with all of their members.
func (t *talk) groups(ctx context.Context, a *directory.Answer, named map[string]bool) error {
	var changed []string
	for _, id := range slices.Sorted(maps.Keys(named)) {
		if named[id] {
			changed = append(changed, id)
		} else {
			a.Gone = append(a.Gone, id)
		}
	}
	return t.whole(ctx, "/groups", changed, "id,displayName", func(i item) error {
		g := group{name: clean(text(i.Fields["displayName"])), members: map[string]string{}}
		err := t.list(ctx, i.ID, "members", func(m item) { g.members[m.ID] = m.Type })
		switch {
		case refusedWith(err, http.StatusNotFound):
			return errAgain
		case err != nil:
			return err
		}
		a.Groups = append(a.Groups, g.record(i.ID))
		return nil
	})
}
