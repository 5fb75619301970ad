package ldap

import (
	"context"
	"errors"
	"fmt"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"
)

// attrUUID names the entries in RFC 4533.
const attrUUID = "entryUUID"

// beginSync gets the cookies of now, one for each part, by asking for the content
// that is nobody. A server whose cookie is good for that content only says so at
// the next reading, which is a full one then.
func (r *reading) beginSync(ctx context.Context, c *cursor) error {
	if !strings.EqualFold(r.config().Map.Key, attrUUID) {
		return readAll("people are known by another attribute than %s", attrUUID)
	}
	c.Cookies = map[string][]byte{}
	c.Hears = true
	for _, p := range r.parts() {
		a, err := r.refresh(ctx, p.query(r, "("+attrUUID+"=00000000-0000-0000-0000-000000000000)"), nil)
		if err != nil {
			return err
		}
		if len(a.cookie) == 0 {
			return readAll("the server gives no cookie")
		}
		c.Cookies[p.name()] = a.cookie
	}
	return nil
}

// content is what a refresh says: who has changed, and either who has left or who
// is still there as before.
type content struct {
	changed []*goldap.Entry
	gone    []string
	present []string
	cookie  []byte
	deletes bool // who has left is in gone; otherwise in none of the others
	done    bool
}

// synced asks for the changes of each part. Where the server cannot say who has
// left, only who is there, the tally tells whether somebody has.
func (r *reading) synced(ctx context.Context, c *cursor) ([]string, error) {
	var gone []string
	for _, p := range r.parts() {
		old, ok := c.Cookies[p.name()]
		if !ok {
			return nil, readAll("there is no cookie for %s", p.name())
		}
		a, err := r.refresh(ctx, p.query(r, ""), old)
		if refused(err) {
			return nil, readAll("the server wants everybody to be read: %w", err)
		}
		if err != nil {
			return nil, err
		}
		if err := r.present(c, p, &a); err != nil {
			return nil, err
		}
		if err := p.take(ctx, r, a.changed); err != nil {
			return nil, err
		}
		gone = append(gone, a.gone...)
		if len(a.cookie) > 0 {
			c.Cookies[p.name()] = a.cookie
		}
	}
	c.Newest = later(c.Newest, r.newest)
	return gone, nil
}

// present keeps the tally of a part up to date, as far as that is possible.
func (r *reading) present(c *cursor, p part, a *content) error {
	if a.deletes {
		if len(a.changed)+len(a.gone) > 0 {
			delete(c.Tallies, p.name()) // who of them is new, nobody has said
		}
		return nil
	}
	changed := map[string]bool{}
	for _, e := range a.changed {
		changed[r.key(e)] = true
	}
	var list []born
	for _, key := range a.present {
		if !changed[key] { // some servers say so of them too
			list = append(list, born{key: key})
		}
	}
	for _, e := range a.changed {
		list = append(list, born{key: r.key(e), at: r.made(e)})
	}
	old, ok := c.Tallies[p.name()]
	if !ok || !explained(old, list, c.Newest) {
		return readAll("somebody has left or moved (%s)", p.name())
	}
	c.Tallies[p.name()] = tallyOf(list)
	return nil
}

// refresh asks for what has changed since the cookie (RFC 4533, section 3.3).
// Only an answer that has its end is one: the library does not tell a search that
// is over from one that was cut off.
func (r *reading) refresh(ctx context.Context, q query, cookie []byte) (content, error) {
	var a content
	r.session.messages = r.config().limits().most + 1000
	err := r.do(ctx, func() error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		answer := r.conn.Syncrepl(ctx, q.request(0), 64, goldap.SyncRequestModeRefreshOnly, cookie, false)
		for answer.Next() {
			if err := a.take(answer.Entry(), answer.Controls()); err != nil {
				return err
			}
		}
		if err := answer.Err(); err != nil {
			return err
		}
		if !a.done {
			return errors.New("ldap: the answer has no end")
		}
		return nil
	})
	return a, err
}

func (a *content) take(e *goldap.Entry, controls []goldap.Control) error {
	for _, c := range controls {
		switch c := c.(type) {
		case *goldap.ControlSyncState:
			a.entry(e, c)
		case *goldap.ControlSyncInfo:
			a.info(c)
		case *goldap.ControlSyncDone:
			a.done, a.deletes, a.cookie = true, c.RefreshDeletes, newer(c.Cookie, a.cookie)
		}
	}
	if len(a.cookie) > maxCursor/8 {
		return fmt.Errorf("%w: a cookie of %d octets", errTooMuch, len(a.cookie))
	}
	if len(a.changed)+len(a.gone) > maxDelta {
		return readAll("more than %d entries have changed", maxDelta)
	}
	return nil
}

func newer(cookie, old []byte) []byte {
	if len(cookie) > 0 {
		return cookie
	}
	return old
}

func (a *content) entry(e *goldap.Entry, c *goldap.ControlSyncState) {
	a.cookie = newer(c.Cookie, a.cookie)
	switch c.State {
	case goldap.SyncStateDelete:
		a.gone = append(a.gone, c.EntryUUID.String())
	case goldap.SyncStatePresent:
		a.present = append(a.present, c.EntryUUID.String())
	default:
		if e != nil {
			a.changed = append(a.changed, e)
		}
	}
}

func (a *content) info(c *goldap.ControlSyncInfo) {
	switch {
	case c.NewCookie != nil:
		a.cookie = newer(c.NewCookie.Cookie, a.cookie)
	case c.RefreshDelete != nil:
		a.cookie = newer(c.RefreshDelete.Cookie, a.cookie)
	case c.RefreshPresent != nil:
		a.cookie = newer(c.RefreshPresent.Cookie, a.cookie)
	case c.SyncIdSet != nil:
		a.cookie = newer(c.SyncIdSet.Cookie, a.cookie)
		for _, u := range c.SyncIdSet.SyncUUIDs {
			if c.SyncIdSet.RefreshDeletes {
				a.gone = append(a.gone, u.String())
			} else {
				a.present = append(a.present, u.String())
			}
		}
	}
}
