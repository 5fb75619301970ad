package store

import (
	"context"
	"encoding/json"

	"platen/site"
)

// Settings returns the settings, the defaults where nobody has set anything.
func (s Scope) Settings(ctx context.Context) (site.Settings, error) {
	return kept(s, tablesOf("settings"), "settings", "", func() (site.Settings, error) {
		x := site.DefaultSettings()
		err := s.look(ctx, func(v view) error {
			return v.each(selectSetting, func(row scanner) error { return row.Scan(asJSON{&x}) }, settingsName)
		})
		return x, explain("store.Settings", err)
	})
}

// settingsName is the row that holds site.Settings.
const settingsName = "site"

// PutSettings replaces the settings.
func (s Scope) PutSettings(ctx context.Context, x site.Settings) error {
	const op = "store.PutSettings"
	text, err := json.Marshal(x)
	if err != nil {
		return explain(op, err)
	}
	err = s.write(ctx, func(t tx) error {
		_, err := t.exec(putSetting, settingsName, string(text))
		return err
	})
	return explain(op, err)
}

// Value reads one named part of what an administrator set up, JSON, into what to
// points at; ok is false when nobody has set it.
func (s Scope) Value(ctx context.Context, name string, to any) (ok bool, err error) {
	err = s.look(ctx, func(v view) error {
		return v.each(selectSetting, func(row scanner) error { ok = true; return row.Scan(asJSON{to}) }, name)
	})
	return ok, explain("store.Value", err)
}

// PutValue keeps it; nil forgets it.
func (s Scope) PutValue(ctx context.Context, name string, value any) error {
	const op = "store.PutValue"
	text, err := json.Marshal(value)
	if err != nil {
		return explain(op, err)
	}
	err = s.write(ctx, func(t tx) error {
		if value == nil {
			_, err := t.exec(deleteSetting, name)
			return err
		}
		_, err := t.exec(putSetting, name, string(text))
		return err
	})
	return explain(op, err)
}

const (
	selectSetting query = `SELECT value FROM settings WHERE tenant = $1 AND name = $2`
	putSetting    query = `
		INSERT INTO settings (tenant, name, value) VALUES ($1, $2, $3)
		ON CONFLICT (tenant, name) DO UPDATE SET value = excluded.value`
	deleteSetting query = `DELETE FROM settings WHERE tenant = $1 AND name = $2`
)
