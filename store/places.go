package store

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"platen/fault"
	"platen/site"
)

// The sentences of what an administrator set up.
const (
	noQueue  = "There is no such queue."
	noDevice = "There is no such device."
	noToken  = "There is no such token."
)

// Queues returns all queues by name.
func (s Scope) Queues(ctx context.Context) ([]site.Queue, error) {
	return all(ctx, s, "store.Queues", scanQueue, selectQueues)
}

// Queue returns a queue.
func (s Scope) Queue(ctx context.Context, id string) (site.Queue, error) {
	return find(ctx, s, "store.Queue", noQueue, scanQueue, selectQueue, id)
}

// QueueByName finds a queue, whatever the case of its name.
func (s Scope) QueueByName(ctx context.Context, name string) (site.Queue, error) {
	return find(ctx, s, "store.QueueByName", noQueue, scanQueue, selectQueueByName, site.FoldName(name))
}

func scanQueue(row scanner, q *site.Queue) error {
	return row.Scan(&q.ID, &q.Name, &q.Info, &q.Mode, &q.Device, &q.DeviceName, prefixes{&q.Allow}, &q.Priority, &q.Encoding,
		span{&q.HoldFor}, span{&q.KeepFor}, &q.Confidential, &q.AcceptJobs, &q.AllowRemove, &q.OwnerPattern, &q.MaxOctets)
}

// PutQueue adds a queue, or changes the one with the same ID. Another queue
// with the same name is a Conflict.
func (s Scope) PutQueue(ctx context.Context, q site.Queue) error {
	const op = "store.PutQueue"
	if q.ID == "" || site.FoldName(q.Name) == "" {
		return invalid(op, "A queue needs a name.")
	}
	if q.Mode == site.Passthrough && q.Device == "" {
		return invalid(op, "A queue that prints at once needs a device.")
	}
	err := s.write(ctx, func(t tx) error {
		if err := t.free(op, "There is a queue %s already.", selectQueueID, q.ID, q.Name, site.FoldName(q.Name)); err != nil {
			return err
		}
		if err := t.hasDevice(op, q.Device); err != nil {
			return err
		}
		_, err := t.exec(putQueue, q.ID, q.Name, site.FoldName(q.Name), q.Info, string(q.Mode), q.Device, joinPrefixes(q.Allow),
			q.Priority, q.Encoding, q.HoldFor, q.KeepFor, q.Confidential, q.AcceptJobs, q.AllowRemove, q.OwnerPattern, q.MaxOctets)
		if err != nil {
			return err
		}
		return t.changed(aQueue, q.ID, false)
	})
	return explain(op, err)
}

// free is nil when nobody but the thing itself has what the statement looks
// for.
func (t tx) free(op, sentence string, q query, id, shown string, what any) error {
	var taken string
	err := t.one(q, []any{&taken}, what)
	switch {
	case errors.Is(err, errNoRow) || err == nil && taken == id:
		return nil
	case err != nil:
		return err
	}
	return conflict(op, sentence, shown)
}

// hasDevice is nil when the device is there, or none was named.
func (t tx) hasDevice(op, id string) error {
	if id == "" {
		return nil
	}
	var n int
	if err := t.one(existsDevice, []any{&n}, id); err != nil {
		return err
	}
	if n == 0 {
		return notFound(op, noDevice)
	}
	return nil
}

// unused is nil when the statement counts nothing.
func (t tx) unused(op, sentence string, q query, id string) error {
	var n int
	if err := t.one(q, []any{&n}, id); err != nil {
		return err
	}
	if n > 0 {
		return conflict(op, sentence, n)
	}
	return nil
}

// RemoveQueue removes a queue. One with jobs that are not done is a Conflict.
func (s Scope) RemoveQueue(ctx context.Context, id string) error {
	const op = "store.RemoveQueue"
	err := s.write(ctx, func(t tx) error {
		return t.removeUnused(op, noQueue, aQueue, id, deleteQueue, inUse{"%d jobs of this queue are not done.", countQueueJobs})
	})
	return explain(op, err)
}

type inUse struct {
	sentence string
	q        query
}

// removeUnused deletes a thing that nothing else needs any more.
func (t tx) removeUnused(op, sentence string, k kind, id string, q query, uses ...inUse) error {
	for _, u := range uses {
		if err := t.unused(op, u.sentence, u.q, id); err != nil {
			return err
		}
	}
	n, err := t.exec(q, id)
	if err == nil && n == 0 {
		err = notFound(op, sentence)
	}
	if err != nil {
		return err
	}
	return t.changed(k, id, true)
}

// Devices returns all devices by name.
func (s Scope) Devices(ctx context.Context) ([]site.Device, error) {
	return all(ctx, s, "store.Devices", scanDevice, selectDevices)
}

// Device returns a device.
func (s Scope) Device(ctx context.Context, id string) (site.Device, error) {
	return find(ctx, s, "store.Device", noDevice, scanDevice, selectDevice, id)
}

// DeviceByName finds a device, whatever the case of its name.
func (s Scope) DeviceByName(ctx context.Context, name string) (site.Device, error) {
	return find(ctx, s, "store.DeviceByName", noDevice, scanDevice, selectDeviceByName, site.FoldName(name))
}

// DeviceBySerial finds a device by its identity.
func (s Scope) DeviceBySerial(ctx context.Context, serial string) (site.Device, error) {
	return find(ctx, s, "store.DeviceBySerial", noDevice, scanDevice, selectDeviceBySerial, serial)
}

func scanDevice(row scanner, d *site.Device) error {
	return row.Scan(&d.ID, &d.Name, &d.Serial, &d.Model, &d.Location, &d.URI, words[string]{&d.Quirks}, &d.Enabled,
		&d.Status.State, &d.Status.Text, when{&d.Status.Since}, when{&d.Status.Seen})
}

// PutDevice adds a device, or changes what an administrator set up of the one
// with the same ID. Another device with the same name or serial number is a
// Conflict.
func (s Scope) PutDevice(ctx context.Context, d site.Device) error {
	const op = "store.PutDevice"
	err := s.write(ctx, func(t tx) error { return t.putDevice(op, d) })
	return explain(op, err)
}

func (t tx) putDevice(op string, d site.Device) error {
	if d.ID == "" || site.FoldName(d.Name) == "" {
		return invalid(op, "A device needs a name.")
	}
	if err := t.free(op, "There is a device %s already.", selectDeviceID, d.ID, d.Name, site.FoldName(d.Name)); err != nil {
		return err
	}
	if err := t.free(op, "There is a device with the serial number %s already.", selectDeviceIDBySerial, d.ID, d.Serial, d.Serial); err != nil {
		return err
	}
	if d.Status.State == "" {
		d.Status.State = "unknown"
	}
	_, err := t.exec(putDevice, d.ID, d.Name, site.FoldName(d.Name), d.Serial, d.Model, d.Location, d.URI, join(d.Quirks), d.Enabled,
		d.Status.State, d.Status.Text, d.Status.Since, d.Status.Seen)
	if err != nil {
		return err
	}
	return t.changed(aDevice, d.ID, false)
}

// Replacement says what is new about a device; "" leaves what is there.
type Replacement struct {
	Serial string
	Model  string
	URI    string
}

// ReplaceDevice follows a device to a new address, or puts another machine in
// its place: everything that names it, its queues, terminals and waiting jobs,
// goes on. What was last seen of the old machine is forgotten. A serial number
// of yet another device is a Conflict.
func (s Scope) ReplaceDevice(ctx context.Context, id string, r Replacement) (site.Device, error) {
	const op = "store.ReplaceDevice"
	var d site.Device
	err := s.write(ctx, func(t tx) error {
		found := false
		err := t.each(selectDevice, func(row scanner) error {
			found = true
			return scanDevice(row, &d)
		}, id)
		if err != nil {
			return err
		}
		if !found {
			return notFound(op, noDevice)
		}
		for _, f := range []struct {
			to *string
			is string
		}{{&d.Serial, r.Serial}, {&d.Model, r.Model}, {&d.URI, r.URI}} {
			if f.is != "" {
				*f.to = f.is
			}
		}
		d.Status = site.Condition{State: "unknown", Since: s.st.now().UTC().Truncate(time.Millisecond)}
		if err := t.putDevice(op, d); err != nil {
			return err
		}
		return t.condition(op, id, d.Status)
	})
	return d, explain(op, err)
}

// RemoveDevice removes a device. One that has terminals, queues that print to
// it, or jobs that are not done, is a Conflict.
func (s Scope) RemoveDevice(ctx context.Context, id string) error {
	const op = "store.RemoveDevice"
	err := s.write(ctx, func(t tx) error {
		return t.removeUnused(op, noDevice, aDevice, id, deleteDevice,
			inUse{"%d terminals belong to this device.", countDeviceTerminals},
			inUse{"%d queues print to this device.", countDeviceQueues},
			inUse{"%d jobs at this device are not done.", countDeviceJobs})
	})
	return explain(op, err)
}

// SetCondition stores what was last seen of a device. It does not touch what an
// administrator set up, and does not travel.
func (s Scope) SetCondition(ctx context.Context, device string, c site.Condition) error {
	const op = "store.SetCondition"
	err := s.write(ctx, func(t tx) error { return t.condition(op, device, c) })
	return explain(op, err)
}

func (t tx) condition(op, device string, c site.Condition) error {
	n, err := t.exec(setCondition, device, c.State, c.Text, c.Since, c.Seen)
	if err == nil && n == 0 {
		err = notFound(op, noDevice)
	}
	return err
}

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
		span{&m.RecallAfter})
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
			m.Language, m.RecallAfter)
		if err != nil {
			return err
		}
		return t.changed(aTerminal, m.ID, false)
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

// Settings returns the settings, the defaults where nobody has set anything.
func (s Scope) Settings(ctx context.Context) (site.Settings, error) {
	x := site.DefaultSettings()
	err := s.read(ctx, func(v view) error {
		return v.each(selectSetting, func(row scanner) error { return row.Scan(asJSON{&x}) }, settingsName)
	})
	return x, explain("store.Settings", err)
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

// Tokens returns all API tokens, oldest first.
func (s Scope) Tokens(ctx context.Context) ([]site.Token, error) {
	return all(ctx, s, "store.Tokens", scanToken, selectTokens)
}

// TokenByDigest finds the token with this keyed digest, and remembers that it
// was used.
func (s Scope) TokenByDigest(ctx context.Context, digest []byte) (site.Token, error) {
	const op = "store.TokenByDigest"
	x, err := find(ctx, s, op, noToken, scanToken, selectTokenByDigest, digest)
	if err != nil {
		return x, err
	}
	now := s.st.now()
	if now.Sub(x.Used) < time.Minute { // not a commit for every request
		return x, nil
	}
	err = s.alter(ctx, op, noToken, useToken, x.ID, now)
	if fault.Is(err, fault.Full) { // a full disk is no reason to refuse a token
		err = nil
	}
	return x, err
}

func scanToken(row scanner, x *site.Token) error {
	return row.Scan(&x.ID, &x.Label, &x.Queue, &x.Owner, when{&x.Created}, when{&x.Used})
}

// AddToken adds an API token under the keyed digest of its text.
func (s Scope) AddToken(ctx context.Context, x site.Token, digest []byte) error {
	const op = "store.AddToken"
	if x.ID == "" || len(digest) == 0 {
		return invalid(op, "A token needs a digest.")
	}
	err := s.write(ctx, func(t tx) error {
		_, err := t.exec(insertToken, x.ID, x.Label, digest, x.Queue, x.Owner, x.Created)
		return err
	})
	return explain(op, err)
}

// RemoveToken removes an API token.
func (s Scope) RemoveToken(ctx context.Context, id string) error {
	return s.alter(ctx, "store.RemoveToken", noToken, deleteToken, id)
}

const (
	queueSelect = `
		SELECT q.id, q.name, q.info, q.mode, q.device, COALESCE(d.name, ''), q.allow, q.priority, q.encoding,
		       q.hold_for, q.keep_for, q.confidential, q.accept_jobs, q.allow_remove, q.owner_pattern, q.max_octets
		  FROM queues q LEFT JOIN devices d ON d.tenant = $1 AND d.id = q.device WHERE q.tenant = $1`
	selectQueues      query = queueSelect + ` ORDER BY q.fold`
	selectQueue       query = queueSelect + ` AND q.id = $2`
	selectQueueByName query = queueSelect + ` AND q.fold = $2`
	selectQueueID     query = `SELECT id FROM queues WHERE tenant = $1 AND fold = $2`
	putQueue          query = `
		INSERT INTO queues (tenant, id, name, fold, info, mode, device, allow, priority, encoding, hold_for, keep_for,
		       confidential, accept_jobs, allow_remove, owner_pattern, max_octets)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
		ON CONFLICT (tenant, id) DO UPDATE SET name = excluded.name, fold = excluded.fold, info = excluded.info,
		       mode = excluded.mode, device = excluded.device, allow = excluded.allow, priority = excluded.priority,
		       encoding = excluded.encoding, hold_for = excluded.hold_for, keep_for = excluded.keep_for,
		       confidential = excluded.confidential, accept_jobs = excluded.accept_jobs, allow_remove = excluded.allow_remove,
		       owner_pattern = excluded.owner_pattern, max_octets = excluded.max_octets`
	deleteQueue    query = `DELETE FROM queues WHERE tenant = $1 AND id = $2`
	countQueueJobs query = `SELECT COUNT(*) FROM jobs WHERE tenant = $1 AND queue = $2 AND state < 7`

	deviceSelect = `
		SELECT id, name, serial, model, location, uri, quirks, enabled, state, state_text, state_since, state_seen
		  FROM devices WHERE tenant = $1`
	selectDevices          query = deviceSelect + ` ORDER BY fold`
	selectDevice           query = deviceSelect + ` AND id = $2`
	selectDeviceByName     query = deviceSelect + ` AND fold = $2`
	selectDeviceBySerial   query = deviceSelect + ` AND serial = $2 AND serial <> ''`
	selectDeviceID         query = `SELECT id FROM devices WHERE tenant = $1 AND fold = $2`
	selectDeviceIDBySerial query = `SELECT id FROM devices WHERE tenant = $1 AND serial = $2 AND serial <> ''`
	putDevice              query = `
		INSERT INTO devices (tenant, id, name, fold, serial, model, location, uri, quirks, enabled,
		       state, state_text, state_since, state_seen)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		ON CONFLICT (tenant, id) DO UPDATE SET name = excluded.name, fold = excluded.fold, serial = excluded.serial,
		       model = excluded.model, location = excluded.location, uri = excluded.uri, quirks = excluded.quirks,
		       enabled = excluded.enabled`
	deleteDevice query = `DELETE FROM devices WHERE tenant = $1 AND id = $2`
	setCondition query = `
		UPDATE devices SET state = $3, state_text = $4, state_since = $5, state_seen = $6 WHERE tenant = $1 AND id = $2`
	countDeviceTerminals query = `SELECT COUNT(*) FROM terminals WHERE tenant = $1 AND device = $2`
	countDeviceQueues    query = `SELECT COUNT(*) FROM queues WHERE tenant = $1 AND device = $2`
	countDeviceJobs      query = `SELECT COUNT(*) FROM jobs WHERE tenant = $1 AND device = $2 AND state < 7`

	terminalSelect = `
		SELECT m.id, m.name, m.device, COALESCE(d.name, ''), m.allow, m.pin_only, m.asserted, m.language, m.recall_after
		  FROM terminals m LEFT JOIN devices d ON d.tenant = $1 AND d.id = m.device WHERE m.tenant = $1`
	selectTerminals       query = terminalSelect + ` ORDER BY m.fold`
	selectTerminal        query = terminalSelect + ` AND m.id = $2`
	selectTerminalByName  query = terminalSelect + ` AND m.fold = $2`
	selectTerminalByToken query = terminalSelect + ` AND m.token IS NOT NULL AND m.token = $2`
	selectTerminalID      query = `SELECT id FROM terminals WHERE tenant = $1 AND fold = $2`
	putTerminal           query = `
		INSERT INTO terminals (tenant, id, name, fold, device, allow, pin_only, asserted, language, recall_after,
		       secret, secret_expires, token)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, NULL, 0, NULL)
		ON CONFLICT (tenant, id) DO UPDATE SET name = excluded.name, fold = excluded.fold, device = excluded.device,
		       allow = excluded.allow, pin_only = excluded.pin_only, asserted = excluded.asserted,
		       language = excluded.language, recall_after = excluded.recall_after`
	deleteTerminal query = `DELETE FROM terminals WHERE tenant = $1 AND id = $2`

	selectSetting query = `SELECT value FROM settings WHERE tenant = $1 AND name = $2`
	putSetting    query = `
		INSERT INTO settings (tenant, name, value) VALUES ($1, $2, $3)
		ON CONFLICT (tenant, name) DO UPDATE SET value = excluded.value`

	tokenSelect               = `SELECT id, label, queue, owner, created_at, used_at FROM tokens WHERE tenant = $1`
	selectTokens        query = tokenSelect + ` ORDER BY created_at, id`
	selectTokenByDigest query = tokenSelect + ` AND digest = $2`
	insertToken         query = `
		INSERT INTO tokens (tenant, id, label, digest, queue, owner, created_at, used_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 0)`
	useToken    query = `UPDATE tokens SET used_at = $3 WHERE tenant = $1 AND id = $2`
	deleteToken query = `DELETE FROM tokens WHERE tenant = $1 AND id = $2`
)
