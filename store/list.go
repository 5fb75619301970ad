package store

import (
	"context"
	"math"
	"slices"

	"platen/job"
)

// Jobs returns the jobs that a filter asks for, newest first, with all names filled
// and with their documents, unless these are not wanted.
func (s Scope) Jobs(ctx context.Context, f job.Filter) ([]job.Job, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = math.MaxInt
	}
	before := f.Before
	if before <= 0 {
		before = math.MaxInt64
	}
	var list []job.Job
	err := s.read(ctx, func(v view) error {
		rest := []any{before, f.Queue, f.Device, f.Since, limit}
		for _, step := range listSteps(f) {
			if err := s.more(v, &list, step.q, append(step.args, rest...)...); err != nil {
				return err
			}
		}
		list = newest(list, limit)
		if f.Bare {
			return nil
		}
		return s.fill(v, list)
	})
	return list, explain("store.Jobs", err)
}

// listStep is one statement of a list.
type listStep struct {
	q    query
	args []any
}

// listSteps returns the statements whose results together are the list. With an
// owner, or where only open jobs are asked for, each is a look-up in an index;
// else one goes through the table, newest first, as far as the limit needs it.
func listSteps(f job.Filter) []listStep {
	states := f.States
	if len(states) == 0 {
		states = []job.State{job.Pending, job.Held, job.Processing, job.Stopped, job.Canceled, job.Aborted, job.Completed}
	}
	owner, byOwner := f.Owner, f.Owner != "" || f.Unclaimed
	if f.Unclaimed {
		owner = ""
	}
	if !byOwner && len(f.States) == 0 {
		return []listStep{{listAll, []any{int64(0)}}}
	}
	states = slices.Compact(slices.Sorted(slices.Values(states)))
	steps := make([]listStep, 0, len(states))
	for _, state := range states {
		switch {
		case byOwner && state.Done():
			steps = append(steps, listStep{listOwnDone, []any{int64(state), owner}})
		case byOwner:
			steps = append(steps, listStep{listOwnOpen, []any{int64(state), owner}})
		case state.Done():
			steps = append(steps, listStep{listAll, []any{int64(state)}})
		default:
			steps = append(steps, listStep{listOpen, []any{int64(state)}})
		}
	}
	return steps
}

// Counts returns how many jobs there are in each state.
func (s Scope) Counts(ctx context.Context) (map[job.State]int64, error) {
	counts := map[job.State]int64{}
	err := s.read(ctx, func(v view) error {
		for _, q := range []query{countOpen, countDone} {
			err := v.each(q, func(row scanner) error {
				var state job.State
				var n int64
				err := row.Scan(&state, &n)
				counts[state] = n
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return counts, explain("store.Counts", err)
}

const (
	listAll query = jobSelect + `
		   AND ($2 = 0 OR j.state = $2) AND j.id < $3 AND ($4 = '' OR j.queue = $4) AND ($5 = '' OR j.device = $5)
		   AND j.created_at >= $6 ORDER BY j.id DESC LIMIT $7`
	listOpen query = jobSelect + `
		   AND j.state < 7 AND j.state = $2 AND j.id < $3 AND ($4 = '' OR j.queue = $4) AND ($5 = '' OR j.device = $5)
		   AND j.created_at >= $6 ORDER BY j.id DESC LIMIT $7`
	listOwnOpen query = jobSelect + `
		   AND j.state < 7 AND j.state = $2 AND j.owner = $3 AND j.id < $4 AND ($5 = '' OR j.queue = $5)
		   AND ($6 = '' OR j.device = $6) AND j.created_at >= $7 ORDER BY j.id DESC LIMIT $8`
	// The 0 keeps SQLite from going through everybody's jobs in this order.
	listOwnDone query = jobSelect + `
		   AND j.state > 6 AND j.state = $2 AND j.owner = $3 AND 0 + j.id < $4 AND ($5 = '' OR j.queue = $5)
		   AND ($6 = '' OR j.device = $6) AND j.created_at >= $7 ORDER BY 0 + j.id DESC LIMIT $8`

	countOpen query = `SELECT state, COUNT(*) FROM jobs WHERE tenant = $1 AND state < 7 GROUP BY state`
	countDone query = `SELECT state, COUNT(*) FROM jobs WHERE tenant = $1 AND state > 6 GROUP BY state`
)
