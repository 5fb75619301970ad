package store

import (
	"context"
	"errors"
	"time"

	"platen/accounting"
	"platen/fault"
	"platen/job"
)

// Waiting returns the ids of the devices at which a job could be claimed now.
func (s Scope) Waiting(ctx context.Context, now time.Time) ([]string, error) {
	var ids []string
	err := s.read(ctx, func(v view) error {
		return v.each(selectWaiting, to(&ids, func(row scanner, id *string) error {
			return row.Scan(id)
		}), now)
	})
	return ids, explain("store.Waiting", err)
}

// NextAttempt returns the earliest NotBefore of a device's pending jobs, and
// false when there are none.
func (s Scope) NextAttempt(ctx context.Context, device string) (time.Time, bool, error) {
	var at time.Time
	found := false
	err := s.read(ctx, func(v view) error {
		return v.each(selectNextAttempt, func(row scanner) error {
			found = true
			return row.Scan(when{&at})
		}, device)
	})
	return at, found, explain("store.NextAttempt", err)
}

// Claim takes the next job of a device from Pending to Processing, in one
// UPDATE: the highest priority first, then the one released first, then the
// lowest number. NotFound when there is none. A claim is for others to see, not
// for keeping: its COMMIT does not wait for the disk. Intend's does, before
// anything is sent, and brings it there too.
func (s Scope) Claim(ctx context.Context, device, boot string, now time.Time) (job.Job, error) {
	const op = "store.Claim"
	var j job.Job
	err := s.call(ctx, &call{lazy: true, fn: func(t tx) error {
		var id int64
		err := t.one(claimJob, []any{&id}, device, now, boot, string(job.Outgoing))
		if err != nil {
			return missing(err, op, "No job waits for this device.")
		}
		j, err = s.job(t.view, selectJob, id)
		return err
	}})
	return j, explain(op, err)
}

// Intend makes a send durable: after it, and until EndSend, nobody may believe
// that nothing was printed. Conflict when the job is no longer Processing under
// j.Fence, when a send of it is open, or when its cancel was asked for.
func (s Scope) Intend(ctx context.Context, j job.Job, send string, now time.Time) error {
	const op = "store.Intend"
	err := s.write(ctx, func(t tx) error {
		n, err := t.exec(insertSend, send, j.ID, j.Fence, now)
		if err == nil && n == 0 {
			err = movedOn(op)
		}
		return err
	})
	return explain(op, err)
}

// GiveUp ends a claim for which no send was begun. Conflict when the job is no
// longer Processing under j.Fence, or a send of it is open.
func (s Scope) GiveUp(ctx context.Context, j job.Job, c job.Change, now time.Time) error {
	const op = "store.GiveUp"
	err := s.write(ctx, func(t tx) error {
		var open int
		if err := t.one(countOpenSends, []any{&open}, j.ID); err != nil {
			return err
		}
		if open > 0 {
			return movedOn(op)
		}
		return t.endClaim(op, j, c, now)
	})
	return explain(op, err)
}

// endClaim changes a job that is still its worker's.
func (t tx) endClaim(op string, j job.Job, c job.Change, now time.Time) error {
	was, err := t.jobRow(op, j.ID)
	if err != nil {
		return err
	}
	if was.state != job.Processing || was.fence != j.Fence {
		return movedOn(op)
	}
	return t.change(op, was, c, now)
}

// EndSend closes the send row.ID: its end, the job's change and history, the
// ledger row and its place in the outbox, in one transaction. It fills Key,
// Epoch, Seq and Department, and what else of the row is known here and was
// left empty. Conflict when that send was ended before or never begun: whoever
// came first has been charged.
func (s Scope) EndSend(ctx context.Context, j job.Job, row accounting.Row, c job.Change, now time.Time) error {
	const op = "store.EndSend"
	title, err := s.sealTitle(row)
	if err != nil {
		return explain(op, err)
	}
	err = s.writeAt(ctx, "end", func(t tx) error {
		n, err := t.exec(endSend, row.ID, j.ID, now)
		if err != nil {
			return err
		}
		if n != 1 {
			return conflict(op, "This job has already been printed or canceled.")
		}
		if err := t.endClaim(op, j, c, now); err != nil {
			return err
		}
		return s.insertRow(t, row, title, now)
	})
	return explain(op, err)
}

// Orphans returns the jobs that are Processing under another boot: their
// worker died.
func (s Scope) Orphans(ctx context.Context, boot string) ([]job.Orphan, error) {
	var list []job.Orphan
	err := s.read(ctx, func(v view) error {
		jobs, err := s.jobs(v, selectOrphans, boot)
		if err != nil {
			return err
		}
		for _, j := range jobs {
			o := job.Orphan{Job: j}
			if err := v.one(selectCancel, []any{&o.CancelAsked}, j.ID); err != nil {
				return err
			}
			err := v.one(selectOpenSend, []any{&o.Send, when{&o.Began}}, j.ID)
			if err != nil && !errors.Is(err, errNoRow) {
				return err
			}
			list = append(list, o)
		}
		return nil
	})
	return list, explain("store.Orphans", err)
}

// Ledger calls each for every row of the tenant that was born from from on and
// before to, in order; a zero time is no limit. An error of each ends it.
func (s Scope) Ledger(ctx context.Context, from, to time.Time, each func(accounting.Row) error) error {
	const op = "store.Ledger"
	after, end := millis(from), millis(to)
	if to.IsZero() {
		end = 1 << 62
	}
	last := ""
	for { // in pages, so that a slow reader does not hold back the write-ahead log
		rows, err := s.ledgerPage(ctx, after, end, last)
		if err != nil {
			return explain(op, err)
		}
		for _, r := range rows {
			if err := each(r); err != nil {
				return err
			}
			after, last = millis(r.At), r.ID
		}
		if len(rows) < ledgerPage {
			return nil
		}
	}
}

const ledgerPage = 500

func (s Scope) ledgerPage(ctx context.Context, after, end int64, last string) ([]accounting.Row, error) {
	var rows []accounting.Row
	err := s.read(ctx, func(v view) error {
		return v.each(selectLedger, to(&rows, s.scanRow), after, end, last, ledgerPage)
	})
	return rows, err
}

// LedgerOf returns the rows of one job, oldest first.
func (s Scope) LedgerOf(ctx context.Context, id int64) ([]accounting.Row, error) {
	var rows []accounting.Row
	err := s.read(ctx, func(v view) error { return v.each(selectLedgerOf, to(&rows, s.scanRow), id) })
	return rows, explain("store.LedgerOf", err)
}

func (s Scope) scanRow(row scanner, r *accounting.Row) error {
	var title []byte
	err := row.Scan(&r.ID, &r.Key, &r.Epoch, &r.Seq, when{&r.At}, &r.Job, &r.JobID, &r.Owner, &r.OwnerName, &r.Department,
		&r.Device, &r.DeviceName, &r.Serial, &r.Queue, &r.QueueName, &title, &r.Outcome, &r.Evidence, &r.Octets,
		&r.Copies, &r.Sides, &r.Colour, &r.Pages, &r.Impressions, &r.Sheets, &r.Method, &r.Confidence, &r.CostMinor, &r.Currency)
	r.Title = s.unseal(title, "ledger", r.ID)
	return err
}

func (s Scope) sealTitle(row accounting.Row) ([]byte, error) {
	if row.Title == "" {
		return nil, nil
	}
	return s.st.titles.SealTitle(row.Title, s.aad("ledger", row.ID))
}

// insertRow writes a ledger row with the next number of the node.
func (s Scope) insertRow(t tx, r accounting.Row, title []byte, now time.Time) error {
	r.Key = s.st.key
	if err := t.store().one(nextSeq, []any{&r.Epoch, &r.Seq}, r.Key); err != nil {
		return err
	}
	if r.At.IsZero() {
		r.At = now
	}
	if err := t.fillRow(&r); err != nil {
		return err
	}
	_, err := t.exec(insertLedger, r.ID, r.Key, r.Epoch, r.Seq, r.At, r.Job, r.JobID, r.Owner, r.OwnerName, r.Department,
		r.Device, r.DeviceName, r.Serial, r.Queue, r.QueueName, title, string(r.Outcome), int64(r.Evidence), r.Octets,
		r.Copies, r.Sides, r.Colour, r.Pages, r.Impressions, r.Sheets, r.Method, r.Confidence, r.CostMinor, r.Currency)
	if err != nil {
		return err
	}
	_, err = t.exec(insertOutbox, "ledger", r.ID, now)
	return err
}

// fillRow adds the names of this moment: later they may be others.
func (t tx) fillRow(r *accounting.Row) error {
	var uuid, login, department, device, serial, queue string
	err := t.one(selectRowNames, []any{&uuid, &login, &department, &device, &serial, &queue}, r.JobID, r.Owner, r.Device, r.Queue)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		to *string
		is string
	}{{&r.Job, uuid}, {&r.OwnerName, login}, {&r.Department, department}, {&r.DeviceName, device}, {&r.Serial, serial}, {&r.QueueName, queue}} {
		if *f.to == "" {
			*f.to = f.is
		}
	}
	return nil
}

// Outbox returns how many rows wait for a primary.
func (s Scope) Outbox(ctx context.Context) (int64, error) {
	var n int64
	err := s.read(ctx, func(v view) error { return v.one(countOutbox, []any{&n}) })
	return n, explain("store.Outbox", err)
}

// Epoch returns the epoch of the node's ledger and the last number given in it.
func (s *Store) Epoch(ctx context.Context) (epoch, seq int64, err error) {
	err = s.read(ctx, "", func(v view) error { return v.one(selectEpoch, []any{&epoch, &seq}, s.key) })
	if errors.Is(err, errNoRow) {
		err = &fault.Error{Op: "store.Epoch", Kind: fault.NotFound, Text: "This node has no ledger yet."}
	}
	return epoch, seq, explain("store.Epoch", err)
}

const (
	selectWaiting query = `
		SELECT DISTINCT device FROM jobs WHERE tenant = $1 AND state = 3 AND not_before <= $2`
	selectNextAttempt query = `
		SELECT not_before FROM jobs WHERE tenant = $1 AND state = 3 AND device = $2 ORDER BY not_before LIMIT 1`
	claimJob query = `
		UPDATE jobs SET state = 5, reasons = $5, message = '', fence = fence + 1, boot = $4, cancel_asked = 0
		 WHERE tenant = $1 AND state = 3 AND id = (
		       SELECT n.id FROM jobs n
		        WHERE n.tenant = $1 AND n.state = 3 AND n.device = $2 AND n.not_before <= $3
		        ORDER BY n.priority DESC, n.released_at, n.id LIMIT 1)
		RETURNING id`
	insertSend query = `
		INSERT INTO sends (tenant, id, job, device, fence, boot, begun_at, ended_at)
		SELECT j.tenant, $2, j.id, j.device, j.fence, j.boot, CAST($5 AS BIGINT), 0 FROM jobs j
		 WHERE j.tenant = $1 AND j.id = $3 AND j.fence = $4 AND j.state = 5 AND j.cancel_asked = 0
		   AND NOT EXISTS (SELECT 1 FROM sends o WHERE o.tenant = $1 AND o.job = $3 AND o.ended_at = 0)`
	countOpenSends query = `SELECT COUNT(*) FROM sends WHERE tenant = $1 AND job = $2 AND ended_at = 0`
	selectOpenSend query = `SELECT id, begun_at FROM sends WHERE tenant = $1 AND job = $2 AND ended_at = 0`
	endSend        query = `UPDATE sends SET ended_at = $4 WHERE tenant = $1 AND id = $2 AND job = $3 AND ended_at = 0`
	selectOrphans  query = jobSelect + ` AND j.state < 7 AND j.state = 5 AND j.boot <> $2 ORDER BY j.id`

	nextSeq      query = `UPDATE epochs SET seq = seq + 1 WHERE node_key = $1 RETURNING epoch, seq`
	selectEpoch  query = `SELECT epoch, seq FROM epochs WHERE node_key = $1`
	insertLedger query = `
		INSERT INTO ledger (tenant, id, node_key, epoch, seq, at, job, job_id, owner, owner_name, department,
		       device, device_name, serial, queue, queue_name, title, outcome, evidence, octets,
		       copies, sides, colour, pages, impressions, sheets, method, confidence, cost_minor, currency)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
		       $21, $22, $23, $24, $25, $26, $27, $28, $29, $30)`
	selectRowNames query = `
		SELECT COALESCE((SELECT j.uuid FROM jobs j WHERE j.tenant = $1 AND j.id = $2), ''),
		       COALESCE((SELECT u.login FROM users u WHERE u.tenant = $1 AND u.id = $3), ''),
		       COALESCE((SELECT v.department FROM users v WHERE v.tenant = $1 AND v.id = $3), ''),
		       COALESCE((SELECT d.name FROM devices d WHERE d.tenant = $1 AND d.id = $4), ''),
		       COALESCE((SELECT e.serial FROM devices e WHERE e.tenant = $1 AND e.id = $4), ''),
		       COALESCE((SELECT q.name FROM queues q WHERE q.tenant = $1 AND q.id = $5), '')`
	ledgerSelect = `
		SELECT id, node_key, epoch, seq, at, job, job_id, owner, owner_name, department,
		       device, device_name, serial, queue, queue_name, title, outcome, evidence, octets,
		       copies, sides, colour, pages, impressions, sheets, method, confidence, cost_minor, currency
		  FROM ledger WHERE tenant = $1`
	selectLedger query = ledgerSelect + `
		   AND at >= $2 AND at < $3 AND (at > $2 OR id > $4) ORDER BY at, id LIMIT $5`
	selectLedgerOf query = ledgerSelect + ` AND job_id = $2 ORDER BY 0 + at, id`
	insertOutbox   query = `INSERT INTO outbox (tenant, kind, id, at) VALUES ($1, $2, $3, $4)`
	countOutbox    query = `SELECT COUNT(*) FROM outbox WHERE tenant = $1`
)
