package store

import (
	"context"

	"platen/site"
)

const (
	noDeviceGroup = "There is no such device group."
	noPlace       = "There is no such site."
)

// DeviceGroups returns all device groups by name.
func (s Scope) DeviceGroups(ctx context.Context) ([]site.DeviceGroup, error) {
	return all(ctx, s, "store.DeviceGroups", scanDeviceGroup, selectDeviceGroups)
}

// DeviceGroupByName finds a device group, whatever the case of its name.
func (s Scope) DeviceGroupByName(ctx context.Context, name string) (site.DeviceGroup, error) {
	return find(ctx, s, "store.DeviceGroupByName", noDeviceGroup, scanDeviceGroup, selectDeviceGroupByName, site.FoldName(name))
}

func scanDeviceGroup(row scanner, g *site.DeviceGroup) error { return row.Scan(&g.ID, &g.Name) }

// PutDeviceGroup adds a device group, or changes its name. Another one with the same
// name is a Conflict.
func (s Scope) PutDeviceGroup(ctx context.Context, g site.DeviceGroup) error {
	const op = "store.PutDeviceGroup"
	if g.ID == "" || site.FoldName(g.Name) == "" {
		return invalid(op, "A device group needs a name.")
	}
	err := s.write(ctx, func(t tx) error {
		if err := t.free(op, "There is a device group %s already.", selectDeviceGroupID, g.ID, g.Name, site.FoldName(g.Name)); err != nil {
			return err
		}
		if _, err := t.exec(putDeviceGroup, g.ID, g.Name, site.FoldName(g.Name)); err != nil {
			return err
		}
		t.changed(aDeviceGroup, g.ID, false)
		return nil
	})
	return explain(op, err)
}

// RemoveDeviceGroup removes a device group. One that rights speak of is a Conflict.
func (s Scope) RemoveDeviceGroup(ctx context.Context, id string) error {
	const op = "store.RemoveDeviceGroup"
	err := s.write(ctx, func(t tx) error {
		return t.removeUnused(op, noDeviceGroup, aDeviceGroup, id, deleteDeviceGroup,
			inUse{"%d rights speak of this device group. Take them away first.", countDeviceGroupRights})
	})
	return explain(op, err)
}

// Places returns all sites by name.
func (s Scope) Places(ctx context.Context) ([]site.Place, error) {
	return all(ctx, s, "store.Places", scanPlace, selectPlaces)
}

// PlaceByName finds a site, whatever the case of its name.
func (s Scope) PlaceByName(ctx context.Context, name string) (site.Place, error) {
	return find(ctx, s, "store.PlaceByName", noPlace, scanPlace, selectPlaceByName, site.FoldName(name))
}

func scanPlace(row scanner, p *site.Place) error { return row.Scan(&p.ID, &p.Name, &p.Location) }

// PutPlace adds a site, or changes the one with the same ID. Another one with the
// same name is a Conflict.
func (s Scope) PutPlace(ctx context.Context, p site.Place) error {
	const op = "store.PutPlace"
	if p.ID == "" || site.FoldName(p.Name) == "" {
		return invalid(op, "A site needs a name.")
	}
	err := s.write(ctx, func(t tx) error {
		if err := t.free(op, "There is a site %s already.", selectPlaceID, p.ID, p.Name, site.FoldName(p.Name)); err != nil {
			return err
		}
		if _, err := t.exec(putPlace, p.ID, p.Name, site.FoldName(p.Name), p.Location); err != nil {
			return err
		}
		t.changed(aSite, p.ID, false)
		return nil
	})
	return explain(op, err)
}

// RemovePlace removes a site. One where devices stand is a Conflict.
func (s Scope) RemovePlace(ctx context.Context, id string) error {
	const op = "store.RemovePlace"
	err := s.write(ctx, func(t tx) error {
		return t.removeUnused(op, noPlace, aSite, id, deletePlace, inUse{"%d devices stand at this site. Move them first.", countPlaceDevices})
	})
	return explain(op, err)
}

const (
	selectDeviceGroups      query = `SELECT id, name FROM device_groups WHERE tenant = $1 ORDER BY fold`
	selectDeviceGroupByName query = `SELECT id, name FROM device_groups WHERE tenant = $1 AND fold = $2`
	selectDeviceGroupID     query = `SELECT id FROM device_groups WHERE tenant = $1 AND fold = $2`
	putDeviceGroup          query = `
		INSERT INTO device_groups (tenant, id, name, fold) VALUES ($1, $2, $3, $4)
		ON CONFLICT (tenant, id) DO UPDATE SET name = excluded.name, fold = excluded.fold`
	deleteDeviceGroup      query = `DELETE FROM device_groups WHERE tenant = $1 AND id = $2`
	countDeviceGroupRights query = `SELECT COUNT(*) FROM rights WHERE tenant = $1 AND device_group = $2`

	selectPlaces      query = `SELECT id, name, location FROM sites WHERE tenant = $1 ORDER BY fold`
	selectPlaceByName query = `SELECT id, name, location FROM sites WHERE tenant = $1 AND fold = $2`
	selectPlaceID     query = `SELECT id FROM sites WHERE tenant = $1 AND fold = $2`
	putPlace          query = `
		INSERT INTO sites (tenant, id, name, fold, location) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (tenant, id) DO UPDATE SET name = excluded.name, fold = excluded.fold, location = excluded.location`
	deletePlace       query = `DELETE FROM sites WHERE tenant = $1 AND id = $2`
	countPlaceDevices query = `SELECT COUNT(*) FROM devices WHERE tenant = $1 AND site = $2`
)
