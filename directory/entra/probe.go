package entra

import (
	"context"
	"net/http"
	"strconv"
	"strings"
)

// Report is what a test of the connection has found.
type Report struct {
	Tenant  string   `json:"tenant"`
	Missing []string `json:"missing"` // permissions that would be needed, each by the name of the least one
	Names   []string `json:"names"`   // a few people, as "Anna Berg (anna)"
	People  int      `json:"people"`  // how many there are in the tenant; -1 when the service does not say
}

// A few are enough to see whether the attributes are the right ones.
const probeNames = "5"

// Probe asks for a token, a few people and a group, and for every group of the
// configuration. What the application may not read is in the report; everything
// else that is wrong is an error, as of Read.
func (s *Source) Probe(ctx context.Context) (Report, error) {
	r := Report{Tenant: s.Config.Tenant, People: -1}
	if err := s.Config.Check(); err != nil {
		return r, err
	}
	t := s.talk(nil)
	defer t.client.CloseIdleConnections()
	steps := []struct {
		permission string
		ask        func(context.Context, *Report) error
	}{{"User.Read.All", t.probePeople}, {"Group.Read.All", t.probeGroups}}
	for _, step := range steps {
		err := step.ask(ctx, &r)
		switch {
		case refusedWith(err, http.StatusForbidden):
			r.Missing = append(r.Missing, step.permission)
		case err != nil:
			return r, err
		}
	}
	return r, nil
}

func (t *talk) probePeople(ctx context.Context, r *Report) error {
	names := t.Config.attributes()
	p, err := t.page(ctx, t.url(query("/users", "$top", probeNames, "$select", names.selected())), false)
	if err != nil {
		return err
	}
	for _, i := range p.Items {
		record, _ := t.Config.record(names, i.ID, names.merge(nil, i.Fields))
		r.Names = append(r.Names, record.FullName+" ("+orElse(record.Login, "-")+")")
	}
	r.People = t.howMany(ctx)
	return nil
}

// howMany asks for the number of users, -1 when there is none to be had. Counts
// of directory objects need the header ("Advanced query capabilities on
// Microsoft Entra ID objects",
// https://learn.microsoft.com/en-us/graph/aad-advanced-queries).
func (t *talk) howMany(ctx context.Context) int {
	b, err := t.get(ctx, t.url("/users/$count"), http.Header{"Consistencylevel": {"eventual"}, "Accept": {"text/plain"}})
	if err != nil {
		return -1
	}
	n, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(string(b), "\ufeff")))
	if err != nil || n < 0 {
		return -1
	}
	return n
}

func (t *talk) probeGroups(ctx context.Context, _ *Report) error {
	if _, err := t.page(ctx, t.url(query("/groups", "$top", "1", "$select", "id")), false); err != nil {
		return err
	}
	for _, id := range t.Config.Groups {
		_, err := t.get(ctx, t.url(query("/groups/"+id, "$select", "id")), nil)
		if err != nil {
			return noGroup(id, err)
		}
	}
	return nil
}
