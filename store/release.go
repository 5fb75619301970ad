package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"platen/job"
)

// OwnJobs returns, newest first, at most limit jobs of the owner ("": the
// unclaimed ones) that are not done, or are completed with a document that is
// still kept, or were completed or aborted at or after since. Of since zero it is
// only those that are not done.
func (s Scope) OwnJobs(ctx context.Context, owner string, since time.Time, limit int) ([]job.Job, error) {
	var list []job.Job
	err := s.read(ctx, func(v view) error {
		if err := s.more(v, &list, selectOwnOpen, owner, limit); err != nil {
			return err
		}
		if since.IsZero() {
			return s.fill(v, list)
		}
		if err := s.more(v, &list, selectOwnKept, owner, limit); err != nil {
			return err
		}
		if err := s.more(v, &list, selectOwnDone, owner, since, limit); err != nil {
			return err
		}
		list = newest(list, limit)
		return s.fill(v, list)
	})
	return list, explain("store.OwnJobs", err)
}

// more appends the jobs of a statement, without their documents.
func (s Scope) more(v view, list *[]job.Job, q query, args ...any) error {
	return v.each(q, to(list, s.scanJob), args...)
}

// fill adds the documents.
func (s Scope) fill(v view, list []job.Job) error {
	for i := range list {
		if err := s.documents(v, &list[i]); err != nil {
			return err
		}
	}
	return nil
}

// newest sorts jobs by falling number, each once, and keeps limit of them.
func newest(list []job.Job, limit int) []job.Job {
	slices.SortFunc(list, func(a, b job.Job) int { return cmp.Compare(b.ID, a.ID) })
	list = slices.CompactFunc(list, func(a, b job.Job) bool { return a.ID == b.ID })
	return list[:min(limit, len(list))]
}

// WaitingJobs returns, those that were released first first, at most limit
// jobs that are pending and were released by somebody: their queue is not a
// passthrough one, or they have a PIN, which every queue holds.
func (s Scope) WaitingJobs(ctx context.Context, limit int) ([]job.Job, error) {
	var list []job.Job
	err := s.read(ctx, func(v view) (err error) {
		list, err = s.jobs(v, selectWaitingJobs, limit)
		return err
	})
	return list, explain("store.WaitingJobs", err)
}

// ReleaseJobs moves the jobs of the order to Pending at its device and records
// the release, in one transaction. Each job moves by compare-and-set on its own:
// one that is not as its item says stays as it is, with job.StatusFailed in the
// result, one that moved has job.StatusQueued. An order with the Scope and the
// Key, not "", of an earlier one changes nothing: the earlier release is
// returned, with again set.
func (s Scope) ReleaseJobs(ctx context.Context, o job.Order) (r job.Release, again bool, err error) {
	const op = "store.ReleaseJobs"
	err = s.write(ctx, func(t tx) error {
		again = false
		if o.Key != "" {
			r, err = t.release(selectReleaseByKey, o.Scope, o.Key)
			if again = err == nil; again || !errors.Is(err, errNoRow) {
				return err
			}
		}
		if len(o.Items) == 0 {
			return notFound(op, "There is no job to release.")
		}
		r = o.Release
		r.At, r.Items = r.At.UTC().Truncate(time.Millisecond), nil
		if _, err := t.exec(insertRelease, r.ID, r.Device, r.User, r.Session, r.At, o.Scope, o.Key); err != nil {
			return err
		}
		for i, it := range o.Items {
			item, err := t.move(op, it, r)
			if err != nil {
				return err
			}
			if _, err := t.exec(insertReleaseItem, r.ID, i+1, item.Job, item.Status, item.Reason); err != nil {
				return err
			}
			r.Items = append(r.Items, item)
		}
		return nil
	})
	return r, again, explain(op, err)
}

// move takes one job to the device of its release.
func (t tx) move(op string, it job.OrderItem, r job.Release) (job.ReleaseItem, error) {
	item := job.ReleaseItem{Job: it.Job, Status: job.StatusFailed}
	if !it.From.CanBecome(job.Pending) {
		return item, nil
	}
	n, err := t.exec(releaseJob, it.Job, int64(it.From), it.Owner, r.Device, r.At,
		it.Options.Copies, it.Options.Sides, string(job.Queued), it.Options.Mono, it.By)
	if err != nil || n == 0 {
		return item, err
	}
	item.Status = job.StatusQueued
	if it.From.Done() {
		was, err := t.jobRow(op, it.Job)
		if err != nil {
			return item, err
		}
		if err := t.use(was.owner, 0, 1); err != nil {
			return item, err
		}
	}
	if a := it.Audit; a.Action != "" {
		if err := t.audit(r.At, it.By, a.Action, a.Object, a.Detail); err != nil {
			return item, err
		}
	}
	return item, t.append(it.Job, it.History)
}

// release reads a recorded release. No row is sql.ErrNoRows.
func (v view) release(q query, args ...any) (job.Release, error) {
	var r job.Release
	err := v.one(q, []any{&r.ID, &r.Device, &r.User, &r.Session, when{&r.At}}, args...)
	if err != nil {
		return r, err
	}
	err = v.each(selectReleaseItems, to(&r.Items, func(row scanner, i *job.ReleaseItem) error {
		return row.Scan(&i.Job, &i.Status, &i.Reason)
	}), r.ID)
	return r, err
}

// ReleaseByID returns a recorded release with the Items it had then.
func (s Scope) ReleaseByID(ctx context.Context, id string) (job.Release, error) {
	const op = "store.ReleaseByID"
	var r job.Release
	err := s.read(ctx, func(v view) (err error) {
		r, err = v.release(selectRelease, id)
		return err
	})
	return r, explain(op, missing(err, op, "There is no such release."))
}

const (
	selectOwnOpen query = jobSelect + `
		   AND j.state < 7 AND j.owner = $2 ORDER BY j.id DESC LIMIT $3`
	selectOwnKept query = jobSelect + `
		   AND j.state > 6 AND j.files > 0 AND j.owner = $2 AND j.state > 8 ORDER BY j.id DESC LIMIT $3`
	selectOwnDone query = jobSelect + `
		   AND j.state > 6 AND j.owner = $2 AND j.state > 7 AND j.completed_at >= $3 ORDER BY 0 + j.id DESC LIMIT $4`
	selectWaitingJobs query = jobSelect + `
		   AND j.state = 3 AND j.device >= '' AND (COALESCE(q.mode, '') <> 'passthrough' OR j.ticket LIKE '%"pin":{%') ORDER BY j.released_at, j.id LIMIT $2`

	releaseJob query = `
		UPDATE jobs SET state = 3, reasons = $9, message = '', device = $5, released_at = $6, copies = $7, sides = $8, mono = $10, released_by = $11,
		       not_before = 0, attempts = 0, completed_at = 0, cancel_asked = 0
		 WHERE tenant = $1 AND id = $2 AND state = $3 AND ($4 = '' OR owner = $4)
		   AND (state < 7 OR files > 0)`
	insertRelease query = `
		INSERT INTO releases (tenant, id, device, user_id, session, at, scope, idem_key)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
	insertReleaseItem query = `
		INSERT INTO release_items (tenant, release_id, n, job, status, reason) VALUES ($1, $2, $3, $4, $5, $6)`
	selectReleaseByKey query = `
		SELECT id, device, user_id, session, at FROM releases
		 WHERE tenant = $1 AND scope = $2 AND idem_key = $3 AND idem_key <> ''`
	selectRelease      query = `SELECT id, device, user_id, session, at FROM releases WHERE tenant = $1 AND id = $2`
	selectReleaseItems query = `
		SELECT job, status, reason FROM release_items WHERE tenant = $1 AND release_id = $2 ORDER BY n`
)
