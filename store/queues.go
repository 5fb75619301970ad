package store

import (
	"context"
	"encoding/json"

	"platen/fault"
	"platen/site"
)

// Queues returns all queues by name.
func (s Scope) Queues(ctx context.Context) ([]site.Queue, error) {
	list, err := all(ctx, s, "store.Queues", scanQueue, selectQueues)
	if err != nil {
		return nil, err
	}
	err = s.read(ctx, func(v view) error {
		return v.each(selectQueueNames, func(row scanner) error {
			var queue, name string
			if err := row.Scan(&queue, &name); err != nil {
				return err
			}
			for i := range list {
				if list[i].ID == queue {
					list[i].Aliases = append(list[i].Aliases, name)
				}
			}
			return nil
		})
	})
	return list, explain("store.Queues", err)
}

// Queue returns a queue.
func (s Scope) Queue(ctx context.Context, id string) (site.Queue, error) {
	return s.queue(ctx, "store.Queue", selectQueue, id)
}

// queue finds a queue with its other names.
func (s Scope) queue(ctx context.Context, op string, q query, arg string) (site.Queue, error) {
	x, err := find(ctx, s, op, noQueue, scanQueue, q, arg)
	if err != nil {
		return x, err
	}
	err = s.read(ctx, func(v view) error {
		return v.each(selectNamesOf, to(&x.Aliases, func(row scanner, name *string) error { return row.Scan(name) }), x.ID)
	})
	return x, explain(op, err)
}

// QueueByName finds a queue by its name or one of its other names, whatever
// their case.
func (s Scope) QueueByName(ctx context.Context, name string) (site.Queue, error) {
	const op = "store.QueueByName"
	fold := site.FoldName(name)
	return kept(s, tablesOf("queues", "devices", "queue_names"), "queue", fold, func() (site.Queue, error) {
		x, err := s.queue(ctx, op, selectQueueByName, fold)
		if fault.Is(err, fault.NotFound) {
			return s.queue(ctx, op, selectQueueByOther, fold)
		}
		return x, err
	})
}

func scanQueue(row scanner, q *site.Queue) error {
	return row.Scan(&q.ID, &q.Name, &q.Info, &q.Mode, &q.Device, &q.DeviceName, prefixes{&q.Allow}, &q.Priority, &q.Encoding,
		span{&q.HoldFor}, span{&q.KeepFor}, &q.Confidential, &q.AcceptJobs, &q.AllowRemove, &q.OwnerPattern, &q.MaxOctets, asJSON{&q.IPP}, asJSON{&q.Owner})
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
	if err := q.Owner.Check(); err != nil {
		return explain(op, err)
	}
	if q.IPP.UUID == "" {
		q.IPP.UUID = q.ID
	}
	ipp, err := json.Marshal(q.IPP)
	if err != nil {
		return explain(op, err)
	}
	owner, err := json.Marshal(q.Owner)
	if err != nil {
		return explain(op, err)
	}
	err = s.write(ctx, func(t tx) error {
		for _, name := range append([]string{q.Name}, q.Aliases...) {
			name = site.FoldName(name)
			for _, held := range []query{selectQueueID, selectQueueIDByOther} {
				if err := t.free(op, "There is a queue %s already.", held, q.ID, name, name); err != nil {
					return err
				}
			}
		}
		if err := t.hasDevice(op, q.Device); err != nil {
			return err
		}
		_, err := t.exec(putQueue, q.ID, q.Name, site.FoldName(q.Name), q.Info, string(q.Mode), q.Device, joinPrefixes(q.Allow),
			q.Priority, q.Encoding, q.HoldFor, q.KeepFor, q.Confidential, q.AcceptJobs, q.AllowRemove, q.OwnerPattern, q.MaxOctets, string(ipp), string(owner))
		if err != nil {
			return err
		}
		if _, err := t.exec(deleteQueueNames, q.ID); err != nil {
			return err
		}
		for _, name := range q.Aliases {
			if name = site.FoldName(name); name == "" || name == site.FoldName(q.Name) {
				continue
			}
			if _, err := t.exec(insertQueueName, name, q.ID); err != nil {
				return err
			}
		}
		t.changed(aQueue, q.ID, false)
		return nil
	})
	return explain(op, err)
}

// RemoveQueue removes a queue. One with jobs that are not done is a Conflict.
func (s Scope) RemoveQueue(ctx context.Context, id string) error {
	const op = "store.RemoveQueue"
	err := s.write(ctx, func(t tx) error {
		return t.removeUnused(op, noQueue, aQueue, id, deleteQueue, inUse{"%d jobs of this queue are not done.", countQueueJobs})
	})
	return explain(op, err)
}

const (
	noQueue = "There is no such queue."

	queueSelect = `
		SELECT q.id, q.name, q.info, q.mode, q.device, COALESCE(d.name, ''), q.allow, q.priority, q.encoding,
		       q.hold_for, q.keep_for, q.confidential, q.accept_jobs, q.allow_remove, q.owner_pattern, q.max_octets, q.ipp, q.owner
		  FROM queues q LEFT JOIN devices d ON d.tenant = $1 AND d.id = q.device WHERE q.tenant = $1`
	selectQueues       query = queueSelect + ` ORDER BY q.fold`
	selectQueue        query = queueSelect + ` AND q.id = $2`
	selectQueueByName  query = queueSelect + ` AND q.fold = $2`
	selectQueueByOther query = queueSelect + `
		   AND q.id = (SELECT queue FROM queue_names WHERE tenant = $1 AND fold = $2)`
	selectQueueID query = `SELECT id FROM queues WHERE tenant = $1 AND fold = $2`
	putQueue      query = `
		INSERT INTO queues (tenant, id, name, fold, info, mode, device, allow, priority, encoding, hold_for, keep_for,
		       confidential, accept_jobs, allow_remove, owner_pattern, max_octets, ipp, owner)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
		ON CONFLICT (tenant, id) DO UPDATE SET name = excluded.name, fold = excluded.fold, info = excluded.info,
		       mode = excluded.mode, device = excluded.device, allow = excluded.allow, priority = excluded.priority,
		       encoding = excluded.encoding, hold_for = excluded.hold_for, keep_for = excluded.keep_for,
		       confidential = excluded.confidential, accept_jobs = excluded.accept_jobs, allow_remove = excluded.allow_remove,
		       owner_pattern = excluded.owner_pattern, max_octets = excluded.max_octets, ipp = excluded.ipp, owner = excluded.owner`
	selectQueueIDByOther query = `SELECT queue FROM queue_names WHERE tenant = $1 AND fold = $2`
	selectQueueNames     query = `SELECT queue, fold FROM queue_names WHERE tenant = $1 ORDER BY fold`
	selectNamesOf        query = `SELECT fold FROM queue_names WHERE tenant = $1 AND queue = $2 ORDER BY fold`
	deleteQueueNames     query = `DELETE FROM queue_names WHERE tenant = $1 AND queue = $2`
	insertQueueName      query = `INSERT INTO queue_names (tenant, fold, queue) VALUES ($1, $2, $3)`
	deleteQueue          query = `DELETE FROM queues WHERE tenant = $1 AND id = $2`
	countQueueJobs       query = `SELECT COUNT(*) FROM jobs WHERE tenant = $1 AND queue = $2 AND state < 7`
)
