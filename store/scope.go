package store

import (
	"context"
	"errors"
)

// Scope is a Store and a tenant: everything that may be asked of a customer's
// world.
type Scope struct {
	st     *Store
	tenant string
}

// Tenant returns the scope of a tenant. It does not look whether there is one.
func (s *Store) Tenant(id string) Scope { return Scope{st: s, tenant: id} }

// Tenant returns the id of the scope's tenant.
func (s Scope) Tenant() string { return s.tenant }

var errNoTenant = errors.New("store: a scope without a tenant")

func (s Scope) write(ctx context.Context, fn func(tx) error) error { return s.writeAt(ctx, "", fn) }

// writeAt is write between the failpoints of that name.
func (s Scope) writeAt(ctx context.Context, point string, fn func(tx) error) error {
	if s.tenant == "" {
		return errNoTenant
	}
	return s.st.write(ctx, s.tenant, point, fn)
}

// call is write for a call that was prepared.
func (s Scope) call(ctx context.Context, c *call) error {
	if s.tenant == "" {
		return errNoTenant
	}
	c.tenant = s.tenant
	return s.st.call(ctx, c)
}

// look reads with one statement; see Store.look.
func (s Scope) look(ctx context.Context, fn func(view) error) error {
	if s.tenant == "" {
		return errNoTenant
	}
	return s.st.look(ctx, s.tenant, fn)
}

func (s Scope) read(ctx context.Context, fn func(view) error) error {
	if s.tenant == "" {
		return errNoTenant
	}
	return s.st.read(ctx, s.tenant, fn)
}

// kind is what a change in the feed is about.
type kind string

// What travels between nodes.
const (
	aUser     kind = "user"
	aCard     kind = "card"
	aQueue    kind = "queue"
	aDevice   kind = "device"
	aTerminal kind = "terminal"

	aGroup       kind = "group" // with its members
	aRight       kind = "right" // of a holder
	aDeviceGroup kind = "device-group"
	aSite        kind = "site"
	aReader      kind = "reader"
	aDelegation  kind = "delegation"
)

// changed puts a thing into the tenant's feed.
func (t tx) changed(k kind, id string, gone bool) {
	*t.feed = append(*t.feed, Change{Kind: string(k), ID: id, Gone: gone})
}

// tell numbers what a call has changed, at its end and in its transaction, so that a
// reader of the feed never passes a number that is committed later.
func (t tx) tell() error {
	if len(*t.feed) == 0 {
		return nil
	}
	var last int64
	if err := t.one(nextChanges, []any{&last}, len(*t.feed)); err != nil {
		return err
	}
	first := last - int64(len(*t.feed)) + 1
	for i, c := range *t.feed {
		if _, err := t.exec(putChange, c.Kind, c.ID, first+int64(i), c.Gone); err != nil {
			return err
		}
	}
	return nil
}

// Change is one entry of a tenant's feed.
type Change struct {
	Seq  int64
	Kind string // "user", "card", "queue", "device", "terminal", "group", "right", "device-group", "site", "reader", "delegation"
	ID   string
	Gone bool // it was removed
}

// Changes returns at most limit entries of the feed after seq, in order. A
// thing that changed several times is there once, with its last number.
func (s Scope) Changes(ctx context.Context, after int64, limit int) ([]Change, error) {
	var list []Change
	err := s.read(ctx, func(v view) error {
		return v.each(selectChanges, to(&list, func(row scanner, c *Change) error {
			return row.Scan(&c.Seq, &c.Kind, &c.ID, &c.Gone)
		}), after, limit)
	})
	return list, explain("store.Changes", err)
}

const (
	nextChanges query = `UPDATE tenants SET changes = changes + $2 WHERE id = $1 RETURNING changes`
	putChange   query = `
		INSERT INTO changes (tenant, kind, id, seq, gone) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (tenant, kind, id) DO UPDATE SET seq = excluded.seq, gone = excluded.gone`
	selectChanges query = `SELECT seq, kind, id, gone FROM changes WHERE tenant = $1 AND seq > $2 ORDER BY seq LIMIT $3`
)
