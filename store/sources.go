package store

import (
	"context"
	"encoding/json"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/site"
)

const noSource = "There is no such source."

// Sources returns all sources by name.
func (s Scope) Sources(ctx context.Context) ([]directory.SourceSetup, error) {
	return all(ctx, s, "store.Sources", scanSource, selectSources)
}

// Source returns a source.
func (s Scope) Source(ctx context.Context, id string) (directory.SourceSetup, error) {
	return find(ctx, s, "store.Source", noSource, scanSource, selectSource, id)
}

// SourceByName finds a source, whatever the case of its name.
func (s Scope) SourceByName(ctx context.Context, name string) (directory.SourceSetup, error) {
	return find(ctx, s, "store.SourceByName", noSource, scanSource, selectSourceByName, site.FoldName(name))
}

func scanSource(row scanner, x *directory.SourceSetup) error {
	return row.Scan(&x.ID, &x.Name, &x.Kind, &x.Config, &x.Enabled, span{&x.Every}, &x.Rule, when{&x.Full}, when{&x.Good}, asJSON{&x.Report})
}

// PutSource adds a source, or changes what an administrator set up of the one
// with the same ID. What it has said stays. Another source with the same name is
// a Conflict.
func (s Scope) PutSource(ctx context.Context, x directory.SourceSetup) error {
	const op = "store.PutSource"
	if x.ID == "" || site.FoldName(x.Name) == "" {
		return invalid(op, "A source needs a name.")
	}
	err := s.write(ctx, func(t tx) error {
		if err := t.free(op, "There is a source %s already.", selectSourceID, x.ID, x.Name, site.FoldName(x.Name)); err != nil {
			return err
		}
		_, err := t.exec(putSource, x.ID, x.Name, site.FoldName(x.Name), x.Kind, x.Config, x.Enabled, x.Every, x.Rule)
		return err
	})
	return explain(op, err)
}

// RemoveSource removes a source with its secret. Its people stay, as if they had
// been entered here, or are removed as well: it returns how many. Its groups go.
func (s Scope) RemoveSource(ctx context.Context, id, actor string, people bool) (removed int, err error) {
	const op = "store.RemoveSource"
	var targets []directory.Entry
	err = s.write(ctx, func(t tx) error {
		if err := t.each(selectEntries, to(&targets, scanSourceEntry), id); err != nil {
			return err
		}
		for _, e := range targets {
			if e.Kind == directory.KindGroup {
				if err := t.removeGroup(e.Target); err != nil {
					return err
				}
			}
		}
		for _, q := range []query{deleteEntriesFrom, deleteRightsOf, adoptUsers, adoptCards, adoptAliases} {
			if _, err := t.exec(q, id); err != nil {
				return err
			}
		}
		if _, err := t.exec(deleteSecret, inVault+id); err != nil {
			return err
		}
		n, err := t.exec(deleteSource, id)
		if err == nil && n == 0 {
			err = notFound(op, noSource)
		}
		return err
	})
	for i := 0; err == nil && people && i < len(targets); i++ {
		if targets[i].Kind == directory.KindUser {
			switch err = s.RemoveUser(ctx, targets[i].Target, actor); {
			case err == nil:
				removed++
			case fault.Is(err, fault.NotFound):
				err = nil
			}
		}
	}
	return removed, explain(op, err)
}

// inVault begins the names of what sources sign in with, in the vault.
const inVault = "source/"

// SetSourceSecret keeps what a source signs in with; "" forgets it.
func (s Scope) SetSourceSecret(ctx context.Context, id, secret string) error {
	return s.SetSecret(ctx, inVault+id, secret)
}

// SourceSecret returns it; "" when there is none.
func (s Scope) SourceSecret(ctx context.Context, id string) (string, error) {
	return s.Secret(ctx, inVault+id)
}

// SourceState is where the changes of a source stand.
type SourceState struct {
	Cursor []byte
	Full   time.Time // when everybody was compared last
}

// StandOf returns where the changes of a source stand.
func (s Scope) StandOf(ctx context.Context, id string) (cursor []byte, full time.Time, err error) {
	x, err := find(ctx, s, "store.StandOf", noSource, func(row scanner, x *SourceState) error {
		return row.Scan(&x.Cursor, when{&x.Full})
	}, selectStand, id)
	return x.Cursor, x.Full, err
}

// RunBegan keeps that a source is being asked.
func (s Scope) RunBegan(ctx context.Context, id string, r directory.Run) error {
	return s.putRun(ctx, "store.RunBegan", id, r, setReport)
}

// RunFailed keeps why a source did not answer. Where its changes stand stays.
func (s Scope) RunFailed(ctx context.Context, id string, r directory.Run) error {
	return s.putRun(ctx, "store.RunFailed", id, r, setReport)
}

// RunEnded keeps what a source has brought, and where its changes stand from now
// on.
func (s Scope) RunEnded(ctx context.Context, id string, r directory.Run, cursor []byte) error {
	if r.Full {
		return s.putRun(ctx, "store.RunEnded", id, r, setStandFull, cursor, r.Ended)
	}
	return s.putRun(ctx, "store.RunEnded", id, r, setStand, cursor, r.Ended)
}

func (s Scope) putRun(ctx context.Context, op, id string, r directory.Run, q query, more ...any) error {
	text, err := json.Marshal(r)
	if err != nil {
		return explain(op, err)
	}
	return s.alter(ctx, op, noSource, q, append([]any{id, string(text)}, more...)...)
}

// ForgetStand lets the next look at a source be one at everybody.
func (s Scope) ForgetStand(ctx context.Context, id string) error {
	return s.alter(ctx, "store.ForgetStand", noSource, forgetStand, id)
}

// Entries returns what is known of the entries of a source, by key.
func (s Scope) Entries(ctx context.Context, source string) (map[string]directory.Entry, error) {
	known := map[string]directory.Entry{}
	err := s.read(ctx, func(v view) error {
		return v.each(selectEntries, func(row scanner) error {
			var e directory.Entry
			err := scanSourceEntry(row, &e)
			known[e.Key] = e
			return err
		}, source)
	})
	return known, explain("store.Entries", err)
}

// InQuestion counts the entries of a source that seem to have left and about which
// nobody has decided.
func (s Scope) InQuestion(ctx context.Context, source string) (int, error) {
	return s.count(ctx, "store.InQuestion", countMissing, source)
}

// EntryOf returns the entry of a user, for asking the source for a password; of a
// user of no source NotFound.
func (s Scope) EntryOf(ctx context.Context, user string) (source, key string, err error) {
	type of struct{ source, key string }
	x, err := find(ctx, s, "store.EntryOf", noSource, func(row scanner, x *of) error { return row.Scan(&x.source, &x.key) }, selectEntryOf, user)
	return x.source, x.key, err
}

func scanSourceEntry(row scanner, e *directory.Entry) error {
	var digest []byte
	err := row.Scan(&e.Key, &e.Kind, &e.Target, &e.Base, &digest, when{&e.Missing}, when{&e.Gone})
	copy(e.Digest[:], digest)
	return err
}

const (
	sourceSelect             = `SELECT id, name, kind, config, enabled, every, rule, full_at, good_at, report FROM sources WHERE tenant = $1`
	selectSources      query = sourceSelect + ` ORDER BY fold`
	selectSource       query = sourceSelect + ` AND id = $2`
	selectSourceByName query = sourceSelect + ` AND (fold = $2 OR id = $2)`
	selectSourceID     query = `SELECT id FROM sources WHERE tenant = $1 AND fold = $2`
	putSource          query = `
		INSERT INTO sources (tenant, id, name, fold, kind, config, enabled, every, rule, standing, full_at, good_at, report)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL, 0, 0, '')
		ON CONFLICT (tenant, id) DO UPDATE SET name = excluded.name, fold = excluded.fold, kind = excluded.kind, config = excluded.config,
		       enabled = excluded.enabled, every = excluded.every, rule = excluded.rule`
	deleteSource query = `DELETE FROM sources WHERE tenant = $1 AND id = $2`
	selectStand  query = `SELECT standing, full_at FROM sources WHERE tenant = $1 AND id = $2`
	setReport    query = `UPDATE sources SET report = $3 WHERE tenant = $1 AND id = $2`
	setStand     query = `UPDATE sources SET report = $3, standing = $4, good_at = $5 WHERE tenant = $1 AND id = $2`
	setStandFull query = `UPDATE sources SET report = $3, standing = $4, good_at = $5, full_at = $5 WHERE tenant = $1 AND id = $2`
	forgetStand  query = `UPDATE sources SET standing = NULL, full_at = 0 WHERE tenant = $1 AND id = $2`

	selectEntries query = `
		SELECT entry, kind, target, base, digest, missing_at, gone_at FROM source_entries WHERE tenant = $1 AND source = $2`
	selectEntryOf     query = `SELECT source, entry FROM source_entries WHERE tenant = $1 AND target = $2 AND kind = 'user' AND gone_at = 0 LIMIT 1`
	countMissing      query = `SELECT COUNT(*) FROM source_entries WHERE tenant = $1 AND source = $2 AND missing_at > 0`
	deleteEntriesFrom query = `DELETE FROM source_entries WHERE tenant = $1 AND source = $2`
	adoptUsers        query = `UPDATE users SET source = 'local' WHERE tenant = $1 AND source = $2`
	adoptCards        query = `UPDATE cards SET source = '' WHERE tenant = $1 AND source = $2`
	adoptAliases      query = `UPDATE aliases SET source = '' WHERE tenant = $1 AND source = $2`
)
