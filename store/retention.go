package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"platen/job"
)

// forgetAtOnce bounds one transaction of forgetting: acknowledgements wait
// behind it.
const forgetAtOnce = 500

// SpoolFiles lists the documents whose File is not "".
func (s Scope) SpoolFiles(ctx context.Context) ([]job.StoredFile, error) {
	var list []job.StoredFile
	err := s.read(ctx, func(v view) error {
		for _, counted := range []bool{false, true} { // the index begins with it
			if err := v.each(selectFiles, to(&list, scanStored), counted); err != nil {
				return err
			}
		}
		return nil
	})
	return list, explain("store.SpoolFiles", err)
}

func scanStored(row scanner, f *job.StoredFile) error {
	return row.Scan(&f.File, &f.Job, &f.UUID, &f.State, &f.Octets)
}

// DueJobs lists at most limit of each: held jobs whose ExpiresAt is set and not
// after now; and the files of jobs that need them no longer: canceled or
// aborted, completed with nothing to keep, or completed with ExpiresAt not
// after now. A now of the zero time asks for what is due whatever its age.
func (s Scope) DueJobs(ctx context.Context, now time.Time, limit int) (expired []int64, erasable []job.StoredFile, err error) {
	err = s.read(ctx, func(v view) error {
		err := v.each(selectExpired, to(&expired, func(row scanner, id *int64) error { return row.Scan(id) }), now, limit)
		if err != nil {
			return err
		}
		return v.each(selectErasable, to(&erasable, scanStored), now, limit)
	})
	return expired, erasable, explain("store.DueJobs", err)
}

// ExpireJob takes a held job that is due to canceled,
// job-canceled-after-timeout. A Conflict when it is not held any more.
func (s Scope) ExpireJob(ctx context.Context, id int64, now time.Time) error {
	const op = "store.ExpireJob"
	err := s.write(ctx, func(t tx) error {
		was, err := t.jobRow(op, id)
		if err != nil {
			return err
		}
		if was.state != job.Held || was.expires.IsZero() || was.expires.After(now) {
			return movedOn(op)
		}
		return t.change(op, was, job.Change{
			State: job.Canceled, Reasons: []job.Reason{job.CanceledAfterTimeout},
			Message: "Nobody printed this in time, so it was deleted.",
			History: []job.Entry{{At: now, Actor: "the node", Text: "Nobody printed this in time, so it was deleted."}},
		}, now)
	})
	return explain(op, err)
}

// FilesErased sets File of these documents to "". Names without a row are
// passed over.
func (s Scope) FilesErased(ctx context.Context, files []string) error {
	const op = "store.FilesErased"
	err := s.write(ctx, func(t tx) error {
		for _, f := range files {
			if err := t.fileErased(f); err != nil {
				return err
			}
		}
		return nil
	})
	return explain(op, err)
}

func (t tx) fileErased(file string) error {
	var id, octets int64
	err := t.one(eraseFile, []any{&id, &octets}, file)
	if errors.Is(err, errNoRow) {
		return nil
	}
	if err != nil {
		return err
	}
	var owner string
	var left int
	var reasons []job.Reason
	if err := t.one(fewerFiles, []any{&owner, &left, words[job.Reason]{&reasons}}, id); err != nil {
		return err
	}
	if stored := slices.Index(reasons, job.JobStored); left == 0 && stored >= 0 { // nothing is stored any more
		if _, err := t.exec(setReasons, id, join(slices.Delete(reasons, stored, stored+1))); err != nil {
			return err
		}
	}
	return t.use(owner, -octets, 0)
}

// ForgetTitles removes the titles of jobs that were done before: of the jobs,
// their documents and their ledger rows. It returns how many jobs.
func (s Scope) ForgetTitles(ctx context.Context, before time.Time) (int, error) {
	return s.forget(ctx, "store.ForgetTitles", before, forgetNames, forgetRowTitles, forgetTitles)
}

// ForgetJobs removes the rows of jobs that were done before and have no file
// left, with their history, sends and releases; ledger rows stay. It returns how
// many jobs.
func (s Scope) ForgetJobs(ctx context.Context, before time.Time) (int, error) {
	return s.forget(ctx, "store.ForgetJobs", before, forgetSends, forgetReleases, forgetJobs)
}

// forget runs the statements, of which the last counts, until it finds nothing
// more.
func (s Scope) forget(ctx context.Context, op string, before time.Time, list ...query) (total int, err error) {
	for {
		var n int64
		err := s.write(ctx, func(t tx) (err error) {
			for _, q := range list {
				if n, err = t.exec(q, before, forgetAtOnce); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return total, explain(op, err)
		}
		if total += int(n); n < forgetAtOnce {
			return total, nil
		}
	}
}

// Uncounted returns at most limit documents in the spool whose pages nobody has
// tried to count, the newest jobs first: somebody may be waiting for them. (A
// file's name begins with its job's UUIDv7.)
func (s Scope) Uncounted(ctx context.Context, limit int) ([]job.StoredFile, error) {
	return all(ctx, s, "store.Uncounted", scanStored, selectUncounted, limit)
}

// SetCount stores what is known of a document's pages. A document that is gone
// is NotFound.
func (s Scope) SetCount(ctx context.Context, file string, c job.Count) error {
	return s.alter(ctx, "store.SetCount", "This document is gone.", setCount, file,
		pages(c), c.Sides, c.Colour, c.Method, c.Confidence, c.Why)
}

const (
	selectFiles query = `
		SELECT d.file, j.id, j.uuid, j.state, d.octets
		  FROM documents d JOIN jobs j ON j.tenant = $1 AND j.id = d.job
		 WHERE d.tenant = $1 AND d.counted = $2 AND d.file <> '' AND d.file > ''`
	selectExpired query = `
		SELECT id FROM jobs WHERE tenant = $1 AND state = 4 AND expires_at > 0 AND expires_at <= $2
		 ORDER BY expires_at LIMIT $3`
	selectErasable query = `
		SELECT d.file, j.id, j.uuid, j.state, d.octets
		  FROM jobs j CROSS JOIN documents d -- which SQLite takes in this order
		 WHERE d.tenant = $1 AND d.job = j.id AND j.tenant = $1 AND j.state > 6 AND j.files > 0 AND d.file <> ''
		   AND (j.state < 9 OR j.expires_at <= j.completed_at OR j.expires_at <= $2)
		 LIMIT $3`
	eraseFile query = `
		UPDATE documents SET file = '' WHERE tenant = $1 AND counted IN (0, 1) AND file = $2 AND file <> '' RETURNING job, octets`
	fewerFiles query = `
		UPDATE jobs SET files = files - 1 WHERE tenant = $1 AND id = $2 RETURNING owner, files, reasons`
	setReasons query = `UPDATE jobs SET reasons = $3 WHERE tenant = $1 AND id = $2`

	// The same jobs three times: those with a title that were done before.
	forgetNames query = `
		UPDATE documents SET name = NULL WHERE tenant = $1 AND name IS NOT NULL AND job IN (
		       SELECT j.id FROM jobs j WHERE j.tenant = $1 AND j.state > 6 AND j.personal IS NOT NULL AND j.completed_at < $2
		        ORDER BY j.completed_at, j.id LIMIT $3)`
	forgetTitles query = `
		UPDATE jobs SET personal = NULL WHERE tenant = $1 AND id IN (
		       SELECT j.id FROM jobs j WHERE j.tenant = $1 AND j.state > 6 AND j.personal IS NOT NULL AND j.completed_at < $2
		        ORDER BY j.completed_at, j.id LIMIT $3)`
	// A ledger row may be older than the end of its job, or have outlived it.
	forgetRowTitles query = `
		UPDATE ledger SET title = NULL WHERE tenant = $1 AND title IS NOT NULL AND id IN (
		       SELECT l.id FROM ledger l WHERE l.tenant = $1 AND l.title IS NOT NULL AND l.at < $2
		          AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.tenant = $1 AND j.uuid = l.job
		                             AND (j.state < 7 OR j.completed_at >= $2))
		        ORDER BY l.at LIMIT 10 * CAST($3 AS BIGINT))`

	forgetSends query = `
		DELETE FROM sends WHERE tenant = $1 AND job IN (
		       SELECT j.id FROM jobs j WHERE j.tenant = $1 AND j.state > 6 AND j.completed_at < $2 AND j.files = 0
		        ORDER BY j.completed_at, j.id LIMIT $3)`
	forgetReleases query = `
		DELETE FROM releases WHERE tenant = $1 AND id IN (
		       SELECT r.id FROM releases r WHERE r.tenant = $1 AND r.at < $2 ORDER BY r.at LIMIT 10 * CAST($3 AS BIGINT))`
	forgetJobs query = `
		DELETE FROM jobs WHERE tenant = $1 AND id IN (
		       SELECT j.id FROM jobs j WHERE j.tenant = $1 AND j.state > 6 AND j.completed_at < $2 AND j.files = 0
		        ORDER BY j.completed_at, j.id LIMIT $3)`

	selectUncounted query = `
		SELECT d.file, j.id, j.uuid, j.state, d.octets
		  FROM documents d JOIN jobs j ON j.tenant = $1 AND j.id = d.job
		 WHERE d.tenant = $1 AND d.counted = 0 AND d.file <> '' ORDER BY d.file DESC LIMIT $2`
	setCount query = `
		UPDATE documents SET counted = 1, pages = $3, sides = $4, colour = $5, method = $6, confidence = $7, why = $8
		 WHERE tenant = $1 AND counted IN (0, 1) AND file = $2 AND file <> ''`
)
