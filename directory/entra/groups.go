package entra

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"platen/directory"
	"platen/fault"
)

// Types of members that matter here. Devices, contacts and services are passed
// over.
const (
	typeUser  = "#microsoft.graph.user"
	typeGroup = "#microsoft.graph.group"
)

// group gathers what the pages of a delta query say of one group: its members
// may be spread over many of them.
type group struct {
	name    string
	members map[string]string // id: type
}

// merge adds what a page says of the group.
func (t *talk) merge(g *group, i item) error {
	if raw, ok := i.Fields["displayName"]; ok {
		g.name = clean(text(raw))
	}
	members, err := memberChanges(i)
	if err != nil {
		return err
	}
	for _, m := range members {
		if err := t.countMember(); err != nil {
			return err
		}
		if m.Removed {
			delete(g.members, m.ID)
			continue
		}
		g.members[m.ID] = m.Type
	}
	return nil
}

// memberChanges returns who was added to a group, or removed.
func memberChanges(i item) ([]item, error) {
	raw, ok := i.Fields["members@delta"]
	if !ok {
		return nil, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, unusable("entra.members", err)
	}
	members := make([]item, 0, len(list))
	for _, b := range list {
		m, err := parseItem(b)
		if err != nil {
			return nil, unusable("entra.members", err)
		}
		members = append(members, m)
	}
	return members, nil
}

// record returns the group with its members in a fixed order.
func (g *group) record(id string) directory.GroupRecord {
	r := directory.GroupRecord{Key: id, Name: orElse(g.name, id)}
	for _, m := range slices.Sorted(maps.Keys(g.members)) {
		switch g.members[m] {
		case typeUser:
			r.People = append(r.People, m)
		case typeGroup:
			r.Members = append(r.Members, m)
		}
	}
	return r
}

// list asks for members or transitiveMembers of a group.
func (t *talk) list(ctx context.Context, id, what string, take func(item)) error {
	// $top may be 999 at most; more comes on further pages.
	link := t.url(query("/groups/"+id+"/"+what, "$select", "id", "$top", "999"))
	_, err := t.walk(ctx, link, false, func(i item) error {
		take(i)
		return t.countMember()
	})
	return err
}

// scope is who may be read, when only members of some groups are.
type scope struct {
	everybody bool
	people    map[string]bool
	tree      []string // the groups of the configuration and all groups in them, sorted
}

// scope asks who is in the groups of the configuration. It is asked after what
// has changed, so that it is never older than that. A group that is not there
// is an error: nobody in it would look as if everybody had left.
func (t *talk) scope(ctx context.Context) (scope, error) {
	if len(t.Config.Groups) == 0 {
		return scope{everybody: true}, nil
	}
	sc := scope{people: map[string]bool{}}
	for _, id := range t.Config.Groups {
		sc.tree = append(sc.tree, id)
		err := t.list(ctx, id, "transitiveMembers", func(i item) {
			switch i.Type {
			case typeUser:
				sc.people[i.ID] = true
			case typeGroup:
				sc.tree = append(sc.tree, i.ID)
			}
		})
		if err != nil {
			return scope{}, noGroup(id, err)
		}
	}
	slices.Sort(sc.tree)
	sc.tree = slices.Compact(sc.tree)
	return sc, nil
}

// noGroup says of a 404 which group it is about.
func noGroup(id string, err error) error {
	if !refusedWith(err, http.StatusNotFound) {
		return err
	}
	return &fault.Error{Op: "entra.scope", Kind: fault.Invalid, Args: []any{id}, Err: err,
		Text: "There is no group %s in this tenant. Check the groups that people have to be in."}
}

func (s *scope) has(id string) bool { return s.everybody || s.people[id] }
