package ldap

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"platen/directory"
)

// What an answer about changes may hold. With more, everybody is read: that is
// faster.
const (
	maxDelta   = 20_000 // entries that have changed
	maxTouched = 2_000  // groups that somebody has come to
	maxLookUps = 50_000 // members to be looked up
	maxSingle  = 1_000  // members to be looked up one by one
	batch      = 50     // names or keys in one filter

	// overlap is how much of the past is read again: clocks of servers differ, and
	// replication brings changes late.
	overlap = 10 * time.Minute
)

func readAll(format string, args ...any) error {
	return fmt.Errorf("%w: %w", errReadAll, fmt.Errorf(format, args...))
}

// ways lists how one may hear of changes here, the best first.
func (r *reading) ways() []string {
	cfg := r.config()
	switch {
	case cfg.Changes != ChangesAuto:
		return []string{cfg.Changes}
	case cfg.Kind == ActiveDirectory:
		return []string{ChangesDirSync, ChangesUSN}
	case r.root.offers(goldap.ControlTypeSyncRequest):
		return []string{ChangesSync, ChangesTimestamps}
	}
	return []string{ChangesTimestamps}
}

// begin makes the cursor of now. A way that the server refuses is no way.
func (r *reading) begin(ctx context.Context) (cursor, error) {
	for _, way := range r.ways() {
		c := cursor{Version: cursorVersion, Config: r.config().digest(), Kind: way}
		var err error
		switch way {
		case ChangesDirSync:
			err = r.beginDirSync(ctx, &c)
		case ChangesUSN:
			err = r.beginUSN(ctx, &c)
		case ChangesSync:
			err = r.beginSync(ctx, &c)
		}
		if err == nil {
			return c, nil
		}
		if !refused(err) {
			return c, answerFault("ldap.begin", r.server, "", err)
		}
	}
	return cursor{Version: cursorVersion, Kind: ChangesNone}, nil
}

// refused reports whether a server has understood a question and does not want to
// answer it, now and later.
func refused(err error) bool {
	var r *goldap.Error
	if !errors.As(err, &r) {
		return errors.Is(err, errReadAll)
	}
	switch r.ResultCode {
	case goldap.LDAPResultBusy, goldap.LDAPResultUnavailable:
		return false
	}
	return r.ResultCode < goldap.ErrorNetwork || r.ResultCode >= goldap.LDAPResultSyncRefreshRequired
}

// delta is what has changed, as far as the server says.
type delta struct {
	keys  []string
	moved map[string]bool // they may be new here: their groups are looked at
}

func (d *delta) add(key string, moved bool) {
	if key == "" {
		return
	}
	if _, ok := d.moved[key]; !ok {
		d.keys = append(d.keys, key)
	}
	d.moved[key] = d.moved[key] || moved
}

// changes reads who has changed since the cursor. errReadAll says that only
// everybody will do.
func (r *reading) changes(ctx context.Context, c cursor) (directory.Answer, error) {
	var gone []string
	var err error
	switch c.Kind {
	case ChangesDirSync:
		gone, err = r.heard(ctx, &c, r.dirSync)
	case ChangesUSN:
		gone, err = r.heard(ctx, &c, r.byUSN)
	case ChangesSync:
		gone, err = r.synced(ctx, &c)
	case ChangesTimestamps:
		err = r.byTime(ctx, &c)
	default:
		err = readAll("the cursor is of an unknown kind")
	}
	if err == nil {
		err = r.recount(ctx, &c)
	}
	if err == nil && len(r.groups) > 0 && r.filtersByGroup() {
		err = readAll("a group has changed, and the filter of people asks for groups")
	}
	if err == nil {
		err = r.lookUp(ctx)
	}
	if err != nil {
		return directory.Answer{}, answerFault("ldap.changes", r.server, "", err)
	}
	a := directory.Answer{People: r.people, Groups: r.linked(), Gone: r.notTaken(gone)}
	a.Problems = r.problems
	c.Since = later(c.Since, r.latest)
	a.Cursor, err = c.octets()
	return a, err
}

// notTaken drops from the keys of those who have left who is there all the same:
// moved from one base to another, or a group that is a person now.
func (r *reading) notTaken(keys []string) []string {
	var out []string
	for _, key := range keys {
		if !r.taken[key] && !slices.Contains(out[max(0, len(out)-1):], key) {
			out = append(out, key)
		}
	}
	return out
}

// filtersByGroup reports whether people are chosen by their groups. Who comes to
// such a group or leaves it is not changed himself.
func (r *reading) filtersByGroup() bool {
	return slices.ContainsFunc(filterAttrs(r.config().UserFilter), func(a string) bool { return strings.EqualFold(a, "memberOf") })
}

var inFilter = regexp.MustCompile(`\(\s*([A-Za-z][A-Za-z0-9.-]*)[^=()]*=`)

// filterAttrs lists the attributes that a filter looks at.
func filterAttrs(filter string) []string {
	var names []string
	for _, m := range inFilter.FindAllStringSubmatch(filter, -1) {
		names = append(names, m[1])
	}
	return names
}

// heard reads again who has changed, whole and where they are now. Who is not
// found where people are looked for has left: deleted, moved away, or no longer
// what the filter asks for.
func (r *reading) heard(ctx context.Context, c *cursor, listen func(context.Context, *cursor) (delta, error)) ([]string, error) {
	d, err := listen(ctx, c)
	if err != nil {
		return nil, err
	}
	if len(d.keys) > maxDelta {
		return nil, readAll("%d entries have changed", len(d.keys))
	}
	touched := map[string]bool{}
	for keys := range slices.Chunk(d.keys, batch) {
		if err := r.reread(ctx, keys, d.moved, touched); err != nil {
			return nil, err
		}
	}
	gone := slices.DeleteFunc(d.keys, func(key string) bool { return r.taken[key] })
	return gone, r.touch(ctx, touched)
}

// reread reads entries by their keys. It notes in touched the filters for the
// groups of those who may be new here.
func (r *reading) reread(ctx context.Context, keys []string, moved, touched map[string]bool) error {
	which := anyOf(r.config().Map.Key, keys, keyValue)
	for _, p := range r.parts() {
		err := r.pages(ctx, p.query(r, which, "memberOf"), func(entries []*goldap.Entry) error {
			for _, e := range entries {
				if !moved[r.key(e)] {
					continue
				}
				for _, dn := range values(e, "memberOf") {
					touched["(distinguishedName="+goldap.EscapeFilter(dn)+")"] = true
				}
				if sid := primarySID(e); sid != "" && !p.groups {
					touched["("+attrSID+"="+escapeOctets([]byte(sid))+")"] = true
				}
			}
			return p.take(ctx, r, entries)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// anyOf is a filter for entries whose attribute has one of the values.
func anyOf(attr string, values []string, escape func(attr, value string) string) string {
	var b strings.Builder
	b.WriteString("(|")
	for _, v := range values {
		b.WriteString("(" + attr + "=" + escape(attr, v) + ")")
	}
	b.WriteString(")")
	return b.String()
}

// touch reads groups that have not changed, but of whose members somebody has come
// to us.
func (r *reading) touch(ctx context.Context, filters map[string]bool) error {
	if len(filters) > maxTouched {
		return readAll("the members of %d groups have moved", len(filters))
	}
	for some := range slices.Chunk(sortedKeys(filters), batch) {
		for _, p := range r.parts() {
			if !p.groups {
				continue
			}
			q := p.query(r, "(|"+strings.Join(some, "")+")")
			if err := r.pages(ctx, q, func(entries []*goldap.Entry) error { return p.take(ctx, r, entries) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// byTime reads who was changed after the last change that was seen.
func (r *reading) byTime(ctx context.Context, c *cursor) error {
	since := earlier(c.Since, overlap)
	if since == "" {
		return readAll("nobody knows since when")
	}
	n := 0
	for _, p := range r.parts() {
		err := r.pages(ctx, p.query(r, "("+attrChanged+">="+since+"Z)"), func(entries []*goldap.Entry) error {
			if n += len(entries); n > maxDelta {
				return readAll("more than %d entries have changed", maxDelta)
			}
			return p.take(ctx, r, entries)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
