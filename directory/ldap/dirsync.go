package ldap

import (
	"context"
	"fmt"
	"slices"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"
)

// The DirSync control, MS-ADTS 3.1.1.3.4.1.3.
const (
	objectSecurity = 1       // everybody may ask, and sees what he may see
	roundOctets    = 1 << 20 // of one answer
	maxRounds      = 10_000
)

// nobodyAtAll fits no entry: who asks for it only wants to have a cookie.
const nobodyAtAll = `(objectGUID=\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00)`

// contexts lists the naming contexts that hold the bases. DirSync can be asked
// for a whole one only; whoever moves out of a base is heard of just because of
// that.
func (r *reading) contexts() []string {
	var list []string
	for _, base := range r.config().Bases {
		if c := r.root.context(base); c != "" && !slices.Contains(list, c) {
			list = append(list, c)
		}
	}
	return list
}

// beginDirSync gets the cookies of now. With the right to replicate, what was
// deleted is heard too.
func (r *reading) beginDirSync(ctx context.Context, c *cursor) error {
	c.Cookies = map[string][]byte{}
	c.Hears = true
	for _, nc := range r.contexts() {
		_, cookie, err := r.rounds(ctx, nc, nobodyAtAll, c.Flags, nil)
		if c.Flags == 0 && refused(err) {
			c.Flags, c.Hears = objectSecurity, false
			_, cookie, err = r.rounds(ctx, nc, nobodyAtAll, c.Flags, nil)
		}
		if err != nil {
			return err
		}
		c.Cookies[nc] = cookie
	}
	if len(c.Cookies) == 0 {
		return readAll("the server says of no naming context that the bases are in it")
	}
	return nil
}

// dirSync asks who has changed since the cookies.
func (r *reading) dirSync(ctx context.Context, c *cursor) (delta, error) {
	d := delta{moved: map[string]bool{}}
	for _, nc := range r.contexts() {
		old, ok := c.Cookies[nc]
		if !ok {
			return d, readAll("there is no cookie for %s", nc)
		}
		entries, cookie, err := r.rounds(ctx, nc, "(objectClass=*)", c.Flags, old)
		if refused(err) {
			return d, readAll("the server refuses its cookie: %w", err)
		}
		if err != nil {
			return d, err
		}
		for _, e := range entries {
			if has(e, attrMember) && r.filtersByGroup() {
				return d, readAll("a group has changed, and the filter of people asks for groups")
			}
			d.add(r.key(e), has(e, "name") || has(e, attrPrimary))
		}
		c.Cookies[nc] = cookie
	}
	return d, nil
}

// has reports whether an attribute is in what has changed, also when it has no
// values any more.
func has(e *goldap.Entry, name string) bool {
	return slices.ContainsFunc(e.Attributes, func(a *goldap.EntryAttribute) bool {
		plain, _, _ := strings.Cut(a.Name, ";")
		return strings.EqualFold(plain, name)
	})
}

// listened are the attributes whose changes matter. name changes when an entry is
// renamed or moved.
func (r *reading) listened() []string {
	names := append(r.config().Map.names(), attrControl, attrExpires, attrPrimary, attrMember, "name", "isDeleted", "objectClass")
	names = append(names, filterAttrs(r.config().UserFilter)...)
	names = append(names, filterAttrs(r.config().GroupFilter)...)
	return distinct(names)
}

// rounds asks until the server has said everything. The entries hold only what
// has changed, and their key.
func (r *reading) rounds(ctx context.Context, nc, filter string, flags int64, cookie []byte) ([]*goldap.Entry, []byte, error) {
	var all []*goldap.Entry
	for range maxRounds {
		var res *goldap.SearchResult
		// A new request each time: the library keeps the cookie of the first one in it.
		q := query{base: nc, scope: goldap.ScopeWholeSubtree, filter: filter, attrs: r.listened()}
		r.session.messages = maxUnpaged
		err := r.do(ctx, func() (err error) {
			res, err = r.conn.DirSync(q.request(0), flags, roundOctets, cookie)
			return err
		})
		if err != nil {
			return nil, nil, err
		}
		c, ok := goldap.FindControl(res.Controls, goldap.ControlTypeDirSync).(*goldap.ControlDirSync)
		if !ok || len(c.Cookie) == 0 || len(c.Cookie) > maxCursor/4 {
			return nil, nil, fmt.Errorf("%w: DirSync without a cookie", errNotLDAP)
		}
		all, cookie = append(all, res.Entries...), c.Cookie
		if c.Flags == 0 {
			return all, cookie, nil
		}
		if len(all) > maxDelta {
			return nil, nil, readAll("more than %d entries have changed", maxDelta)
		}
	}
	return nil, nil, fmt.Errorf("%w: DirSync does not end", errTooMuch)
}
