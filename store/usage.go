package store

import (
	"context"
)

// use counts what an owner has: octets in the spool, and jobs that are not
// done.
func (t tx) use(owner string, octets int64, jobs int) error {
	if octets == 0 && jobs == 0 {
		return nil
	}
	_, err := t.exec(putUsage, owner, octets, jobs)
	return err
}

// recount makes the sums right again, should a program before have erred.
func (s Scope) recount(ctx context.Context) error {
	err := s.write(ctx, func(t tx) error {
		for _, q := range []query{deleteUsage, recountJobs, recountOctets} {
			if _, err := t.exec(q); err != nil {
				return err
			}
		}
		return nil
	})
	return explain("store.recount", err)
}

// Usage returns the octets of an owner's documents ("": the unclaimed ones),
// and how many jobs of the owner are not done.
func (s Scope) Usage(ctx context.Context, owner string) (octets int64, jobs int, err error) {
	err = s.look(ctx, func(v view) (err error) {
		octets, jobs, err = v.usage(owner)
		return err
	})
	return octets, jobs, explain("store.Usage", err)
}

func (v view) usage(owner string) (octets int64, jobs int, err error) {
	err = v.each(selectUsage, func(row scanner) error { return row.Scan(&octets, &jobs) }, owner)
	return octets, jobs, err
}

// SpoolOctets returns the octets of all documents of the tenant.
func (s Scope) SpoolOctets(ctx context.Context) (int64, error) {
	var octets int64
	err := s.read(ctx, func(v view) error { return v.one(selectOctets, []any{&octets}) })
	return octets, explain("store.SpoolOctets", err)
}

const (
	putUsage query = `
		INSERT INTO usage (tenant, owner, octets, jobs) VALUES ($1, $2, $3, $4)
		ON CONFLICT (tenant, owner) DO UPDATE SET octets = usage.octets + excluded.octets, jobs = usage.jobs + excluded.jobs`
	selectUsage  query = `SELECT octets, jobs FROM usage WHERE tenant = $1 AND owner = $2`
	selectOctets query = `SELECT CAST(COALESCE(SUM(octets), 0) AS BIGINT) FROM usage WHERE tenant = $1`
	deleteUsage  query = `DELETE FROM usage WHERE tenant = $1`
	recountJobs  query = `
		INSERT INTO usage (tenant, owner, octets, jobs)
		SELECT tenant, owner, 0, COUNT(*) FROM jobs WHERE tenant = $1 AND state < 7 GROUP BY tenant, owner`
	recountOctets query = `
		INSERT INTO usage (tenant, owner, octets, jobs)
		SELECT d.tenant, j.owner, SUM(d.octets), 0
		  FROM documents d JOIN jobs j ON j.tenant = $1 AND j.id = d.job
		 WHERE d.tenant = $1 AND d.file <> '' GROUP BY d.tenant, j.owner
		ON CONFLICT (tenant, owner) DO UPDATE SET octets = excluded.octets`
)
