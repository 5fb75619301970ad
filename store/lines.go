package store

import (
	"context"
	"net/netip"
	"time"

	"platen/job"
)

// mostLines bounds what a client may see of a queue.
const mostLines = 100

// QueueLines returns the jobs of a queue that are not done and came from this
// client's address, oldest first, at most 100, and how many jobs of the queue in
// all are not done.
func (s Scope) QueueLines(ctx context.Context, queueID string, client netip.Addr) (lines []job.Line, waiting int, err error) {
	err = s.read(ctx, func(v view) error {
		if client.IsValid() { // without an address nothing is anybody's own
			err := v.each(selectLines, to(&lines, func(row scanner, l *job.Line) error {
				return row.Scan(&l.ID, &l.State, &l.Claimed, &l.Octets, when{&l.Created})
			}), queueID, address(client), mostLines)
			if err != nil {
				return err
			}
		}
		return v.one(countQueueJobs, []any{&waiting}, queueID)
	})
	return lines, waiting, explain("store.QueueLines", err)
}

// QueueWaiting returns how many jobs of a queue are not done.
func (s Scope) QueueWaiting(ctx context.Context, queueID string) (n int, err error) {
	err = s.read(ctx, func(v view) error { return v.one(countQueueJobs, []any{&n}, queueID) })
	return n, explain("store.QueueWaiting", err)
}

// CancelJobByClient cancels a job if it is held or pending, belongs to this
// queue, and came from this address. Anything else is a Conflict, a job that is
// not there NotFound.
func (s Scope) CancelJobByClient(ctx context.Context, id int64, queueID string, client netip.Addr, now time.Time, h job.Entry) error {
	const op = "store.CancelJobByClient"
	err := s.write(ctx, func(t tx) error {
		was, err := t.jobRow(op, id)
		if err != nil {
			return err
		}
		var queue, from string
		if err := t.one(selectDoor, []any{&queue, &from}, id); err != nil {
			return err
		}
		if was.state != job.Held && was.state != job.Pending || queue != queueID || from == "" || from != address(client) {
			return movedOn(op)
		}
		return t.change(op, was, job.Change{
			State: job.Canceled, Reasons: []job.Reason{job.CanceledByUser}, Message: "The computer that sent it canceled it.",
			History: []job.Entry{h},
		}, now)
	})
	return explain(op, err)
}

const (
	selectLines query = `
		SELECT id, state, claimed, octets, created_at FROM jobs
		 WHERE tenant = $1 AND queue = $2 AND state < 7 AND client = $3 ORDER BY id LIMIT $4`
	selectDoor query = `SELECT queue, client FROM jobs WHERE tenant = $1 AND id = $2`
)
