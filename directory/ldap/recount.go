package ldap

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	goldap "github.com/go-ldap/ldap/v3"
)

// born is an entry in a count: who it is, and since when.
type born struct {
	key, at string // at is a stamp
	order   uint64 // which of a second is later, uSNCreated; 0 nobody knows
}

// recount finds out whether somebody has left of whom the server says nothing: a
// plain account of Active Directory does not see what was deleted, and
// timestamps are gone with their entries. It lists the keys alone and compares
// their tally with the last one. Who was made since explains a difference, nobody
// else does.
//
// Counting takes at most a hundredth of the time: where it takes three seconds,
// it is done every five minutes.
func (r *reading) recount(ctx context.Context, c *cursor) error {
	if c.Hears || r.now.Sub(c.Counted) < 100*c.Took && !r.now.Before(c.Counted) {
		return nil
	}
	watch := stopwatch()
	now, newest := map[string]tally{}, c.Newest
	for _, p := range r.parts() {
		list, err := r.list(ctx, p)
		if err != nil {
			return err
		}
		old, ok := c.Tallies[p.name()]
		if !ok || !explained(old, list, c.Newest) {
			return readAll("somebody has left or moved (%s)", p.name())
		}
		now[p.name()] = tallyOf(list)
		for _, b := range list {
			newest = later(newest, b.at)
		}
	}
	c.Tallies, c.Newest, c.Counted, c.Took = now, newest, r.now, watch()
	return nil
}

// list asks for keys and ages of a part.
func (r *reading) list(ctx context.Context, p part) ([]born, error) {
	q := p.query(r, "")
	q.attrs = []string{r.config().Map.Key, r.madeAttr(), "uSNCreated"}
	var list []born
	err := r.pages(ctx, q, func(entries []*goldap.Entry) error {
		for _, e := range entries {
			if key := r.key(e); key != "" {
				order, _ := strconv.ParseUint(value(e, "uSNCreated"), 10, 64) // 0: it has none
				list = append(list, born{key, r.made(e), order})
			}
		}
		return nil
	})
	return list, err
}

func tallyOf(list []born) (t tally) {
	for _, b := range list {
		t.add(b.key)
	}
	return t
}

// explained reports whether the list is the set of old and those who were made
// last: nobody has left then. newest is when the last one of old was made; the
// times are all the server's own. Of several made in one second those are the last
// that have the higher order, or that the server lists last.
func explained(old tally, list []born, newest string) bool {
	more := len(list) - old.n
	if more < 0 {
		return false
	}
	since := earlier(newest, overlap)
	young := slices.DeleteFunc(slices.Clone(list), func(b born) bool { return b.at == "" || b.at < since })
	if more > len(young) {
		return false
	}
	slices.Reverse(young)
	slices.SortStableFunc(young, func(a, b born) int { return cmp.Or(cmp.Compare(b.at, a.at), cmp.Compare(b.order, a.order)) })
	t := tallyOf(list)
	for _, b := range young[:more] {
		t.count(b.key, -1)
	}
	return t == old
}
