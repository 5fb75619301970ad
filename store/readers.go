package store

import (
	"context"

	"platen/site"
)

const noReader = "There is no such reader."

// Readers returns all card readers by name.
func (s Scope) Readers(ctx context.Context) ([]site.Reader, error) {
	return all(ctx, s, "store.Readers", scanReader, selectReaders)
}

// ReaderByName finds a reader, whatever the case of its name.
func (s Scope) ReaderByName(ctx context.Context, name string) (site.Reader, error) {
	return find(ctx, s, "store.ReaderByName", noReader, scanReader, selectReaderByName, site.FoldName(name))
}

func scanReader(row scanner, r *site.Reader) error {
	return row.Scan(&r.ID, &r.Name, &r.Terminal, &r.TerminalName, &r.Kind, &r.Config, &r.Rule, &r.Enabled)
}

// PutReader adds a reader, or changes the one with the same ID. Another one with the
// same name is a Conflict.
func (s Scope) PutReader(ctx context.Context, r site.Reader) error {
	const op = "store.PutReader"
	if r.ID == "" || site.FoldName(r.Name) == "" {
		return invalid(op, "A reader needs a name.")
	}
	err := s.write(ctx, func(t tx) error {
		if err := t.free(op, "There is a reader %s already.", selectReaderID, r.ID, r.Name, site.FoldName(r.Name)); err != nil {
			return err
		}
		var terminals int
		if err := t.one(existsTerminal, []any{&terminals}, r.Terminal); err != nil {
			return err
		}
		if terminals == 0 {
			return notFound(op, noTerminal)
		}
		if _, err := t.exec(putReader, r.ID, r.Name, site.FoldName(r.Name), r.Terminal, r.Kind, r.Config, r.Rule, r.Enabled); err != nil {
			return err
		}
		t.changed(aReader, r.ID, false)
		return nil
	})
	return explain(op, err)
}

// RemoveReader removes a reader.
func (s Scope) RemoveReader(ctx context.Context, id string) error {
	return s.remove(ctx, "store.RemoveReader", noReader, aReader, id, deleteReader)
}

const (
	readerSelect = `
		SELECT r.id, r.name, r.terminal, COALESCE(m.name, ''), r.kind, r.config, r.rule, r.enabled
		  FROM readers r LEFT JOIN terminals m ON m.tenant = $1 AND m.id = r.terminal WHERE r.tenant = $1`
	selectReaders      query = readerSelect + ` ORDER BY r.fold`
	selectReaderByName query = readerSelect + ` AND r.fold = $2`
	selectReaderID     query = `SELECT id FROM readers WHERE tenant = $1 AND fold = $2`
	existsTerminal     query = `SELECT COUNT(*) FROM terminals WHERE tenant = $1 AND id = $2`
	putReader          query = `
		INSERT INTO readers (tenant, id, name, fold, terminal, kind, config, rule, enabled)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (tenant, id) DO UPDATE SET name = excluded.name, fold = excluded.fold, terminal = excluded.terminal,
		       kind = excluded.kind, config = excluded.config, rule = excluded.rule, enabled = excluded.enabled`
	deleteReader query = `DELETE FROM readers WHERE tenant = $1 AND id = $2`
)
