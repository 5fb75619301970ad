package store

import (
	"context"

	"platen/site"
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
	fold := site.FoldName(name)
	return kept(s, tablesOf("queues", "devices"), "queue", fold, func() (site.Queue, error) {
		return find(ctx, s, "store.QueueByName", noQueue, scanQueue, selectQueueByName, fold)
	})
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
)
