package ldap

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
)

// lookUp finds out who the members of the groups are that have changed, as far as
// that is not known from what was read.
func (r *reading) lookUp(ctx context.Context) error {
	names, logins := r.unknown()
	if len(names)+len(logins) > maxLookUps {
		return readAll("%d members would have to be looked up", len(names)+len(logins))
	}
	if err := r.lookUpNames(ctx, names); err != nil {
		return err
	}
	for some := range slices.Chunk(logins, batch) {
		if err := r.lookUpLogins(ctx, some); err != nil {
			return err
		}
	}
	return r.lookUpPrimary(ctx)
}

// unknown lists names and logins of members that nobody stands behind yet, without
// those who cannot be in a base.
func (r *reading) unknown() (names, logins []string) {
	var bases []string
	for _, b := range r.config().Bases {
		bases = append(bases, normalDN(b))
	}
	dns, uids := map[string]bool{}, map[string]bool{}
	for _, g := range r.groups {
		for _, dn := range g.dns {
			n := normalDN(dn)
			if _, ok := r.byDN[n]; !ok && slices.ContainsFunc(bases, func(b string) bool { return below(n, b) }) {
				dns[dn] = true
			}
		}
		for _, uid := range g.uids {
			if _, ok := r.byLogin[fold(uid)]; !ok {
				uids[uid] = true
			}
		}
	}
	return sortedKeys(dns), sortedKeys(uids)
}

func sortedKeys(m map[string]bool) []string { return slices.Sorted(maps.Keys(m)) }

// lookUpNames asks for many names at once where the server lets one search for
// names, and for one after the other where it does not.
func (r *reading) lookUpNames(ctx context.Context, names []string) error {
	attr := map[Kind]string{ActiveDirectory: "distinguishedName", OpenLDAP: "entryDN"}[r.config().Kind]
	if attr == "" {
		return r.lookUpOneByOne(ctx, names)
	}
	for some := range slices.Chunk(names, batch) {
		which := anyOf(attr, some, func(_, v string) string { return goldap.EscapeFilter(v) })
		for _, p := range r.parts() {
			q := p.query(r, which)
			q.attrs = []string{r.config().Map.Key}
			if err := r.pages(ctx, q, func(entries []*goldap.Entry) error { r.stand(entries, p.groups); return nil }); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *reading) lookUpOneByOne(ctx context.Context, names []string) error {
	if len(names) > maxSingle {
		return readAll("%d members would have to be looked up", len(names))
	}
	for _, dn := range names {
		for _, p := range []part{{}, {groups: true}} {
			q := query{base: dn, filter: p.filter(r.config()), attrs: []string{r.config().Map.Key}}
			res, err := r.search(ctx, q.request(0))
			if refused(err) {
				continue // it is not there, or not for us
			}
			if err != nil {
				return err
			}
			r.stand(res.Entries, p.groups)
		}
	}
	return nil
}

// stand notes who stands behind a name.
func (r *reading) stand(entries []*goldap.Entry, groups bool) {
	for _, e := range entries {
		if key := r.key(e); key != "" {
			r.byDN[normalDN(e.DN)] = ref{key: key, group: groups}
		}
	}
}

func (r *reading) lookUpLogins(ctx context.Context, logins []string) error {
	var b strings.Builder
	for _, attr := range r.config().Map.Login {
		b.WriteString(anyOf(attr, logins, func(_, v string) string { return goldap.EscapeFilter(v) }))
	}
	for _, p := range r.parts() {
		if p.groups {
			continue
		}
		q := p.query(r, "(|"+b.String()+")")
		q.attrs = append([]string{r.config().Map.Key}, r.config().Map.Login...)
		err := r.pages(ctx, q, func(entries []*goldap.Entry) error {
			for _, e := range entries {
				if key, login := r.key(e), r.first(e, r.config().Map.Login); key != "" && login != "" {
					r.byLogin[fold(login)] = key
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// lookUpPrimary finds those whose primary group has changed. They are not in its
// list of members.
func (r *reading) lookUpPrimary(ctx context.Context) error {
	r.bySID = map[string][]string{}
	for _, g := range r.groups {
		rid := primaryRID(g.sid)
		if rid == "" {
			continue
		}
		for _, p := range r.parts() {
			if p.groups {
				continue
			}
			q := p.query(r, "("+attrPrimary+"="+rid+")")
			q.attrs = []string{r.config().Map.Key, attrSID, attrPrimary}
			err := r.pages(ctx, q, func(entries []*goldap.Entry) error {
				for _, e := range entries {
					if key := r.key(e); key != "" && primarySID(e) == g.sid {
						r.bySID[g.sid] = append(r.bySID[g.sid], key)
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// stopwatch returns how long ago it was called.
func stopwatch() func() time.Duration {
	start := time.Now()
	return func() time.Duration { return time.Since(start) }
}
