package store

import (
	"context"
	"time"

	"platen/fault"
	"platen/job"
)

// OpenJob records a job whose documents are still to come, held with the reason
// job-incoming, and sets j.ID. A UUID that is there already is a Conflict.
func (s Scope) OpenJob(ctx context.Context, j *job.Job, admit func(octets int64, jobs int) ([]job.Entry, error)) error {
	const op = "store.OpenJob"
	if j.State != job.Held || !j.Has(job.Incoming) || len(j.Documents) > 0 {
		return invalid(op, "A job whose documents are still to come is held and has none.")
	}
	c, err := s.adding(op, j, func(t tx) ([]job.Entry, error) {
		octets, jobs, err := t.usage(j.Owner)
		if err != nil {
			return nil, err
		}
		return admit(octets, jobs)
	})
	if err != nil {
		return explain(op, err)
	}
	return explain(op, s.call(ctx, c))
}

// FillJob gives the job that OpenJob recorded its documents and its place, and
// sets j.Seen, as AdmitJob does. A job that is not open any longer, because
// somebody has canceled it, is a Conflict. When FillJob returns nil the job is
// durable and its client may be told so.
func (s Scope) FillJob(ctx context.Context, j *job.Job, how job.Admission) error {
	const op = "store.FillJob"
	row, err := s.sealJob(j)
	if err != nil {
		return explain(op, err)
	}
	c := &call{point: "add", tenant: s.tenant, fn: func(t tx) error {
		was, err := t.jobRow(op, j.ID)
		if err != nil {
			return err
		}
		if !was.incoming() || was.uuid != j.UUID {
			return conflict(op, "This job takes no documents any longer.")
		}
		octets, jobs, err := t.usage(j.Owner)
		if err == nil {
			err = t.see(j, how.Since)
		}
		if err != nil {
			return err
		}
		if was.owner == j.Owner {
			jobs-- // it is counted already
		}
		h, err := how.Admit(j, octets, jobs)
		if err != nil {
			return err
		}
		return t.fillJob(was, j, row, h)
	}}
	return explain(op, s.call(ctx, c))
}

func (t tx) fillJob(was jobRow, j *job.Job, row sealedJob, h []job.Entry) error {
	files, octets := spooled(j.Documents)
	n, err := t.exec(fillJob, j.ID, int64(j.State), join(j.Reasons), j.Message, j.Owner, j.OwnerRule, row.ticket, row.personal,
		j.Device, j.Octets, files, j.Released, j.ExpiresAt, j.Seen)
	if err != nil {
		return err
	}
	if n != 1 {
		return movedOn("store.FillJob")
	}
	for i, d := range j.Documents {
		if err := t.insertDocument(j.ID, d, row.names[i]); err != nil {
			return err
		}
	}
	if err := t.append(j.ID, h); err != nil {
		return err
	}
	if was.owner == j.Owner {
		return t.use(j.Owner, octets, 0)
	}
	if err := t.use(was.owner, 0, -1); err != nil {
		return err
	}
	return t.use(j.Owner, octets, 1)
}

// AbortIncoming aborts the jobs whose documents never came whole. It is for a
// node that starts: whoever sent them was never told that they are here.
func (s Scope) AbortIncoming(ctx context.Context, message string, h job.Entry) (int, error) {
	const op = "store.AbortIncoming"
	var ids []int64
	err := s.read(ctx, func(v view) error {
		return v.each(selectIncoming, to(&ids, func(row scanner, id *int64) error { return row.Scan(id) }))
	})
	if err != nil {
		return 0, explain(op, err)
	}
	n := 0
	for _, id := range ids {
		switch err := s.AbortJob(ctx, id, []job.Reason{job.AbortedBySystem}, message, h); {
		case err == nil:
			n++
		case !fault.Is(err, fault.Conflict):
			return n, explain(op, err)
		}
	}
	return n, nil
}

// JobsSent returns the jobs that came by IPP from this client's address under
// this claimed name, newest first, with their documents and names.
func (s Scope) JobsSent(ctx context.Context, f job.Sent) ([]job.Job, error) {
	limit, before := f.Limit, f.Before
	if limit <= 0 {
		limit = mostSent
	}
	if before <= 0 {
		before = 1<<63 - 1
	}
	lowest, highest := int64(0), int64(99)
	if f.Open {
		highest = 6
	}
	if f.Done {
		lowest = 7
	}
	var list []job.Job
	err := s.read(ctx, func(v view) (err error) {
		list, err = s.bareJobs(v, listSent, address(f.Client), f.Claimed, lowest, highest, before, f.Queue, min(limit, mostSent))
		if err != nil || f.Bare {
			return err
		}
		return s.fill(v, list)
	})
	return list, explain("store.JobsSent", err)
}

// mostSent bounds one answer.
const mostSent = 1000

// SetTicket changes what a client asked for, of a job that is held or waits at its
// device and is in the state in which j was read, and its state with its reasons.
func (s Scope) SetTicket(ctx context.Context, j job.Job, c job.Change, now time.Time) error {
	const op = "store.SetTicket"
	row, err := s.sealJob(&j)
	if err != nil {
		return explain(op, err)
	}
	err = s.write(ctx, func(t tx) error {
		was, err := t.jobRow(op, j.ID)
		if err != nil {
			return err
		}
		if was.state != j.State || was.state != job.Held && was.state != job.Pending {
			return movedOn(op)
		}
		if _, err := t.exec(setTicket, j.ID, row.ticket, row.personal); err != nil {
			return err
		}
		return t.change(op, was, c, now)
	})
	return explain(op, err)
}

const (
	fillJob query = `
		UPDATE jobs SET state = $3, reasons = $4, message = $5, owner = $6, owner_rule = $7, ticket = $8, personal = $9,
		       device = $10, octets = $11, files = $12, released_at = $13, expires_at = $14, seen = $15
		 WHERE tenant = $1 AND id = $2 AND state = 4 AND files = 0`
	selectIncoming query = `SELECT id FROM jobs WHERE tenant = $1 AND state = 4 AND files = 0 ORDER BY id`
	listSent       query = jobSelect + `
		   AND j.door = 'ipp' AND j.client = $2 AND j.claimed = $3 AND j.state >= $4 AND j.state <= $5 AND j.id < $6
		   AND ($7 = '' OR j.queue = $7) ORDER BY j.id DESC LIMIT $8`
	setTicket query = `UPDATE jobs SET ticket = $3, personal = $4 WHERE tenant = $1 AND id = $2`
)
