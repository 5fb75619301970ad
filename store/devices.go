package store

import (
	"context"
	"encoding/json"
	"time"

	"platen/site"
)

// Devices returns all devices by name. Callers share the list and must not change
// it.
func (s Scope) Devices(ctx context.Context) ([]site.Device, error) {
	return kept(s, tablesOf("devices"), "devices", "", func() ([]site.Device, error) {
		return all(ctx, s, "store.Devices", scanDevice, selectDevices)
	})
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
		&d.Status.State, &d.Status.Text, when{&d.Status.Since}, when{&d.Status.Seen},
		&d.Profile, asJSON{&d.Capabilities}, &d.Key, &d.Status.Reasons, &d.Site, words[string]{&d.Groups})
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
	can, err := json.Marshal(d.Capabilities)
	if err != nil {
		return err
	}
	_, err = t.exec(putDevice, d.ID, d.Name, site.FoldName(d.Name), d.Serial, d.Model, d.Location, d.URI, join(d.Quirks), d.Enabled,
		d.Status.State, d.Status.Text, d.Status.Since, d.Status.Seen, d.Profile, string(can), d.Key, d.Status.Reasons, d.Site, join(d.Groups))
	if err != nil {
		return err
	}
	t.changed(aDevice, d.ID, false)
	return nil
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
		if r.Serial != "" || r.URI != "" { // perhaps another machine
			d.Key, d.Capabilities = "", site.Capabilities{}
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

// SetCapabilities stores what a device says of itself.
func (s Scope) SetCapabilities(ctx context.Context, device string, c site.Capabilities) error {
	const op = "store.SetCapabilities"
	text, err := json.Marshal(c)
	if err != nil {
		return explain(op, err)
	}
	return s.alter(ctx, op, noDevice, setCapabilities, device, string(text))
}

// PinKey remembers the key that a device showed first, and returns the one that
// counts: whoever was first.
func (s Scope) PinKey(ctx context.Context, device, key string) (string, error) {
	const op = "store.PinKey"
	err := s.write(ctx, func(t tx) error {
		_, err := t.exec(pinKey, device, key)
		if err == nil {
			err = missing(t.one(selectKey, []any{&key}, device), op, noDevice)
		}
		return err
	})
	return key, explain(op, err)
}

// SetKey remembers a key in place of the one before: an authority vouches for it.
func (s Scope) SetKey(ctx context.Context, device, key string) error {
	return s.alter(ctx, "store.SetKey", noDevice, setKey, device, key)
}

func (t tx) condition(op, device string, c site.Condition) error {
	n, err := t.exec(setCondition, device, c.State, c.Text, c.Since, c.Seen, c.Reasons)
	if err == nil && n == 0 {
		err = notFound(op, noDevice)
	}
	return err
}

const (
	noDevice = "There is no such device."

	deviceSelect = `
		SELECT id, name, serial, model, location, uri, quirks, enabled, state, state_text, state_since, state_seen,
		       profile, capabilities, spki, state_reasons, site, device_groups
		  FROM devices WHERE tenant = $1`
	selectDevices          query = deviceSelect + ` ORDER BY fold`
	selectDevice           query = deviceSelect + ` AND id = $2`
	selectDeviceByName     query = deviceSelect + ` AND fold = $2`
	selectDeviceBySerial   query = deviceSelect + ` AND serial = $2 AND serial <> ''`
	selectDeviceID         query = `SELECT id FROM devices WHERE tenant = $1 AND fold = $2`
	selectDeviceIDBySerial query = `SELECT id FROM devices WHERE tenant = $1 AND serial = $2 AND serial <> ''`
	putDevice              query = `
		INSERT INTO devices (tenant, id, name, fold, serial, model, location, uri, quirks, enabled,
		       state, state_text, state_since, state_seen, profile, capabilities, spki, state_reasons,
		       site, device_groups)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
		ON CONFLICT (tenant, id) DO UPDATE SET name = excluded.name, fold = excluded.fold, serial = excluded.serial,
		       model = excluded.model, location = excluded.location, uri = excluded.uri, quirks = excluded.quirks,
		       enabled = excluded.enabled, profile = excluded.profile, capabilities = excluded.capabilities, spki = excluded.spki,
		       site = excluded.site, device_groups = excluded.device_groups`
	deleteDevice query = `DELETE FROM devices WHERE tenant = $1 AND id = $2`
	setCondition query = `
		UPDATE devices SET state = $3, state_text = $4, state_since = $5, state_seen = $6, state_reasons = $7 WHERE tenant = $1 AND id = $2`
	setCapabilities      query = `UPDATE devices SET capabilities = $3 WHERE tenant = $1 AND id = $2`
	setKey               query = `UPDATE devices SET spki = $3 WHERE tenant = $1 AND id = $2`
	pinKey               query = `UPDATE devices SET spki = $3 WHERE tenant = $1 AND id = $2 AND spki = ''`
	selectKey            query = `SELECT spki FROM devices WHERE tenant = $1 AND id = $2`
	countDeviceTerminals query = `SELECT COUNT(*) FROM terminals WHERE tenant = $1 AND device = $2`
	countDeviceQueues    query = `SELECT COUNT(*) FROM queues WHERE tenant = $1 AND device = $2`
	countDeviceJobs      query = `SELECT COUNT(*) FROM jobs WHERE tenant = $1 AND device = $2 AND state < 7`
)
