package ldap

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"platen/directory"
)

// ref is what stands behind a distinguished name.
type ref struct {
	key   string
	group bool
}

// reading is one Read: what was found so far.
type reading struct {
	*session
	mapper
	progress func(int)

	people []directory.Record
	groups []rawGroup
	taken  map[string]bool // keys of people and groups

	byDN    map[string]ref      // normal DN
	byLogin map[string]string   // folded login to key
	bySID   map[string][]string // objectSid of a primary group to keys

	latest  string // the last modifyTimestamp seen
	newest  string // when the last one was made
	tallies map[string]tally
	others  int // members of groups who are not read here
	partial int // groups that have some
}

func newReading(s *session, now time.Time, progress func(int)) *reading {
	if progress == nil {
		progress = func(int) {}
	}
	return &reading{
		session: s, mapper: mapper{cfg: s.cfg, now: now}, progress: progress, taken: map[string]bool{},
		byDN: map[string]ref{}, byLogin: map[string]string{}, bySID: map[string][]string{}, tallies: map[string]tally{},
	}
}

// config is the same in both halves of a reading.
func (r *reading) config() Config { return r.session.cfg }

// everybody reads all people and groups. The cursor is of the time before, so that
// what changes meanwhile is heard again.
func (r *reading) everybody(ctx context.Context) (directory.Answer, error) {
	c, err := r.begin(ctx)
	if err != nil {
		return directory.Answer{}, err
	}
	for _, p := range r.parts() {
		if err := r.part(ctx, p); err != nil {
			return directory.Answer{}, err
		}
	}
	c.Tallies, c.Counted, c.Since, c.Newest = r.tallies, r.now, later(c.Since, r.latest), r.newest
	a := directory.Answer{Full: true, People: r.people, Groups: r.linked()}
	a.Problems = r.problems
	a.Cursor, err = c.octets()
	return a, err
}

// part reads all of a part. People are taken while the next page is on its way;
// of a group more may have to be asked for.
func (r *reading) part(ctx context.Context, p part) error {
	var t tally
	take := func(entries []*goldap.Entry) error {
		for _, e := range entries {
			t.add(r.key(e))
		}
		return p.take(ctx, r, entries)
	}
	wait := func() error { return nil }
	if !p.groups {
		take, wait = behind(take)
	}
	err := r.pages(ctx, p.query(r, ""), take)
	if late := wait(); err == nil {
		err = late
	}
	r.tallies[p.name()] = t
	return err
}

// behind lets take work on one page while its caller goes on to the next. What
// has gone wrong with a page is said at the next one, or by wait, which is to be
// called in any case.
func behind(take func([]*goldap.Entry) error) (each func([]*goldap.Entry) error, wait func() error) {
	last := make(chan error, 1)
	last <- nil
	each = func(entries []*goldap.Entry) error {
		err := <-last
		if err != nil {
			last <- err
			return err
		}
		go func() { last <- take(entries) }()
		return nil
	}
	return each, func() error { return <-last }
}

// part is what one search asks for: the people or the groups of one base.
type part struct {
	base   string
	groups bool
}

// parts lists them all, people first: the groups need them.
func (r *reading) parts() []part {
	var list []part
	for _, base := range r.config().Bases {
		list = append(list, part{base: base})
	}
	for _, base := range r.config().Bases {
		if !r.config().NoGroups {
			list = append(list, part{base: base, groups: true})
		}
	}
	return list
}

// name tells parts apart in a cursor.
func (p part) name() string {
	if p.groups {
		return "groups " + p.base
	}
	return "people " + p.base
}

func (p part) filter(c Config) string {
	if p.groups {
		return c.GroupFilter
	}
	return c.UserFilter
}

// query asks for the part, or for those of it that another filter fits too.
func (p part) query(r *reading, and string, more ...string) query {
	q := query{base: p.base, scope: goldap.ScopeWholeSubtree, filter: p.filter(r.config())}
	if and != "" {
		q.filter = "(&" + q.filter + and + ")"
	}
	if p.groups {
		q.attrs = r.groupAttrs(more...)
	} else {
		q.attrs = r.userAttrs(more...)
	}
	return q
}

func (p part) take(ctx context.Context, r *reading, entries []*goldap.Entry) error {
	if p.groups {
		return r.takeGroups(ctx, entries, p.base)
	}
	return r.takePeople(entries, p.base)
}

// times notes when the last change was, and when the last entry was made.
func (r *reading) times(e *goldap.Entry) {
	r.latest = later(r.latest, value(e, attrChanged))
	r.newest = later(r.newest, value(e, r.madeAttr()))
}

// full says that there are more entries than the configuration allows.
func (r *reading) full() error {
	if most := r.config().limits().most; len(r.taken) > most {
		return answerFault("ldap.read", r.server, "", fmt.Errorf("%w: more than %d entries", errTooMuch, most))
	}
	return nil
}

func (r *reading) takePeople(entries []*goldap.Entry, base string) error {
	for _, e := range entries {
		r.times(e)
		p, ok := r.person(e, r.baseName(base))
		if !ok || r.taken[p.Key] {
			continue
		}
		r.taken[p.Key] = true
		r.people = append(r.people, p)
		r.byDN[normalDN(e.DN)] = ref{key: p.Key}
		r.byLogin[fold(p.Login)] = p.Key
		if sid := primarySID(e); sid != "" {
			r.bySID[sid] = append(r.bySID[sid], p.Key)
		}
	}
	r.progress(len(r.taken))
	return r.full()
}

func (r *reading) takeGroups(ctx context.Context, entries []*goldap.Entry, base string) error {
	for _, e := range entries {
		r.times(e)
		g, ok := r.group(e, r.baseName(base))
		if !ok || r.taken[g.rec.Key] {
			continue
		}
		r.taken[g.rec.Key] = true
		if err := r.moreMembers(ctx, &g); err != nil {
			return err
		}
		r.groups = append(r.groups, g)
		r.byDN[normalDN(e.DN)] = ref{key: g.rec.Key, group: true}
	}
	r.progress(len(r.taken))
	return r.full()
}

// baseName is what Record.Base says; with a single base there is nothing to tell
// apart.
func (r *reading) baseName(base string) string {
	if len(r.config().Bases) == 1 {
		return ""
	}
	return base
}

// moreMembers asks for the members of a large group that the server has kept
// back. A group that is gone meanwhile keeps what it had: the next reading hears
// that it has left.
func (r *reading) moreMembers(ctx context.Context, g *rawGroup) error {
	for g.next > 0 {
		q := query{base: g.rec.DN, filter: "(objectClass=*)", attrs: []string{fmt.Sprintf("%s;range=%d-*", attrMember, g.next)}}
		before := len(g.dns)
		res, err := r.search(ctx, q.request(0))
		if goldap.IsErrorWithCode(err, goldap.LDAPResultNoSuchObject) {
			return nil
		}
		if err != nil {
			return answerFault("ldap.members", r.server, g.rec.DN, err)
		}
		g.next = 0
		for _, e := range res.Entries {
			g.members(e)
		}
		if len(g.dns) > r.config().limits().most || g.next > 0 && len(g.dns) == before {
			return answerFault("ldap.members", r.server, g.rec.DN, fmt.Errorf("%w: members of one group", errTooMuch))
		}
	}
	return nil
}

// linked turns the names of all members into keys.
func (r *reading) linked() []directory.GroupRecord {
	out := make([]directory.GroupRecord, 0, len(r.groups))
	for i := range r.groups {
		out = append(out, r.members(&r.groups[i]))
		r.groups[i] = rawGroup{} // half a million names need not wait for the end
	}
	if r.others > 0 {
		r.problem("%d members of %d groups are not among those who are read and were passed over.", r.others, r.partial)
	}
	return out
}

// members turns the names of a group's members into keys. Those who are not read
// here, computers or people of other places, are counted.
func (r *reading) members(g *rawGroup) directory.GroupRecord {
	people, groups, others := map[string]bool{}, map[string]bool{}, 0
	for _, dn := range g.dns {
		switch m, ok := r.byDN[normalDN(dn)]; {
		case !ok:
			others++
		case m.group:
			groups[m.key] = true
		default:
			people[m.key] = true
		}
	}
	for _, uid := range g.uids {
		if key, ok := r.byLogin[fold(uid)]; ok {
			people[key] = true
		} else {
			others++
		}
	}
	for _, key := range r.bySID[g.sid] {
		people[key] = true
	}
	if others > 0 {
		r.others, r.partial = r.others+others, r.partial+1
	}
	g.rec.People, g.rec.Members = slices.Sorted(maps.Keys(people)), slices.Sorted(maps.Keys(groups))
	return g.rec
}
