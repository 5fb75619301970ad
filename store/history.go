package store

import (
	"context"

	"platen/job"
)

// History returns a job's history, oldest first.
func (s Scope) History(ctx context.Context, id int64) ([]job.Entry, error) {
	var list []job.Entry
	err := s.read(ctx, func(v view) error { return v.each(selectHistory, to(&list, scanEntry), id) })
	return list, explain("store.History", err)
}

func scanEntry(row scanner, e *job.Entry) error {
	var args string
	err := row.Scan(when{&e.At}, &e.Actor, &e.Text, &args)
	if err == nil {
		e.Args, err = parseArgs(args)
	}
	return err
}

// AddHistory appends lines to a job's history.
func (s Scope) AddHistory(ctx context.Context, id int64, h ...job.Entry) error {
	const op = "store.AddHistory"
	err := s.write(ctx, func(t tx) error {
		if _, err := t.jobRow(op, id); err != nil {
			return err
		}
		return t.append(id, h)
	})
	return explain(op, err)
}

// append adds lines after those that are there.
func (t tx) append(id int64, h []job.Entry) error {
	if len(h) == 0 {
		return nil
	}
	var last int
	if err := t.one(lastHistory, []any{&last}, id); err != nil {
		return err
	}
	return t.remember(id, h, last)
}

// remember writes lines after the last.
func (t tx) remember(id int64, h []job.Entry, last int) error {
	for i, e := range h {
		args, err := formatArgs(e.Args)
		if err != nil {
			return err
		}
		if _, err := t.exec(insertHistory, id, last+i+1, e.At, e.Actor, e.Text, args); err != nil {
			return err
		}
	}
	return nil
}

const (
	selectHistory query = `SELECT at, actor, text, args FROM job_history WHERE tenant = $1 AND job = $2 ORDER BY n`
	lastHistory   query = `SELECT COALESCE(MAX(n), 0) FROM job_history WHERE tenant = $1 AND job = $2`
	insertHistory query = `INSERT INTO job_history (tenant, job, n, at, actor, text, args) VALUES ($1, $2, $3, $4, $5, $6, $7)`
)
