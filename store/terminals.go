package store

import (
	"context"

	"platen/site"
)

// Terminals returns all terminals by name.
func (s Scope) Terminals(ctx context.Context) ([]site.Terminal, error) {
	return all(ctx, s, "store.Terminals", scanTerminal, selectTerminals)
}

// Terminal returns a terminal.
func (s Scope) Terminal(ctx context.Context, id string) (site.Terminal, error) {
	return find(ctx, s, "store.Terminal", noTerminal, scanTerminal, selectTerminal, id)
}

// TerminalByName finds a terminal, whatever the case of its name.
func (s Scope) TerminalByName(ctx context.Context, name string) (site.Terminal, error) {
	return find(ctx, s, "store.TerminalByName", noTerminal, scanTerminal, selectTerminalByName, site.FoldName(name))
}

func scanTerminal(row scanner, m *site.Terminal) error {
	return row.Scan(&m.ID, &m.Name, &m.Device, &m.DeviceName, prefixes{&m.Allow}, &m.PINOnly, &m.Asserted, &m.Language,
		span{&m.RecallAfter}, &m.Rule)
}

// PutTerminal adds a terminal, or changes the one with the same ID; its
// enrolment stays. Another terminal with the same name is a Conflict.
func (s Scope) PutTerminal(ctx context.Context, m site.Terminal) error {
	const op = "store.PutTerminal"
	if m.ID == "" || site.FoldName(m.Name) == "" {
		return invalid(op, "A terminal needs a name.")
	}
	if m.Device == "" {
		return invalid(op, "A terminal needs a device.")
	}
	err := s.write(ctx, func(t tx) error {
		if err := t.free(op, "There is a terminal %s already.", selectTerminalID, m.ID, m.Name, site.FoldName(m.Name)); err != nil {
			return err
		}
		if err := t.hasDevice(op, m.Device); err != nil {
			return err
		}
		_, err := t.exec(putTerminal, m.ID, m.Name, site.FoldName(m.Name), m.Device, joinPrefixes(m.Allow), m.PINOnly, m.Asserted,
			m.Language, m.RecallAfter, m.Rule)
		if err != nil {
			return err
		}
		t.changed(aTerminal, m.ID, false)
		return nil
	})
	return explain(op, err)
}

// RemoveTerminal removes a terminal and ends its sessions.
func (s Scope) RemoveTerminal(ctx context.Context, id string) error {
	const op = "store.RemoveTerminal"
	err := s.write(ctx, func(t tx) error {
		if _, err := t.exec(deleteSessionsAt, id); err != nil {
			return err
		}
		return t.removeUnused(op, noTerminal, aTerminal, id, deleteTerminal)
	})
	return explain(op, err)
}

const (
	terminalSelect = `
		SELECT m.id, m.name, m.device, COALESCE(d.name, ''), m.allow, m.pin_only, m.asserted, m.language, m.recall_after, m.rule
		  FROM terminals m LEFT JOIN devices d ON d.tenant = $1 AND d.id = m.device WHERE m.tenant = $1`
	selectTerminals       query = terminalSelect + ` ORDER BY m.fold`
	selectTerminal        query = terminalSelect + ` AND m.id = $2`
	selectTerminalByName  query = terminalSelect + ` AND m.fold = $2`
	selectTerminalByToken query = terminalSelect + ` AND m.token IS NOT NULL AND m.token = $2`
	selectTerminalID      query = `SELECT id FROM terminals WHERE tenant = $1 AND fold = $2`
	putTerminal           query = `
		INSERT INTO terminals (tenant, id, name, fold, device, allow, pin_only, asserted, language, recall_after,
		       rule, secret, secret_expires, token)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, NULL, 0, NULL)
		ON CONFLICT (tenant, id) DO UPDATE SET name = excluded.name, fold = excluded.fold, device = excluded.device,
		       allow = excluded.allow, pin_only = excluded.pin_only, asserted = excluded.asserted,
		       language = excluded.language, recall_after = excluded.recall_after, rule = excluded.rule`
	deleteTerminal query = `DELETE FROM terminals WHERE tenant = $1 AND id = $2`
)
