package store

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"platen/job"
)

// BenchmarkAddJob measures acknowledged jobs per second: one document each, one
// line of history. rows/commit says how many callers shared a COMMIT.
func BenchmarkAddJob(b *testing.B) {
	for _, callers := range []int{1, 8, 64} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			s := open(b, options(filepath.Join(b.TempDir(), "platen.db"), time.Now))
			sc, err := s.Default(context.Background())
			must(b, err)
			rows, commits := s.Commits()
			var next atomic.Int64
			b.ResetTimer()
			start := time.Now()
			var wg sync.WaitGroup
			for range callers {
				wg.Go(func() {
					for next.Add(1) <= int64(b.N) {
						j := newJob("", "")
						j.UUID = job.NewUUID()
						j.Documents = j.Documents[:1]
						j.Documents[0].File = j.UUID + "-1.doc"
						if err := sc.AddJob(context.Background(), j, entries("Arrived.")); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			seconds := time.Since(start).Seconds()
			rows2, commits2 := s.Commits()
			b.ReportMetric(float64(b.N)/seconds, "rows/s")
			b.ReportMetric(float64(rows2-rows)/float64(commits2-commits), "rows/commit")
		})
	}
}

// BenchmarkBareCommit is the limit that AddJob is measured against: one narrow
// row per COMMIT, synchronous=FULL, one caller.
func BenchmarkBareCommit(b *testing.B) {
	ctx := context.Background()
	db, err := connect(filepath.Join(b.TempDir(), "bare.db"), "_journal_mode=WAL")
	must(b, err)
	defer db.Close()
	conn, err := db.Conn(ctx)
	must(b, err)
	defer conn.Close()
	exec := func(q string, args ...any) {
		if _, err := conn.ExecContext(ctx, q, args...); err != nil {
			b.Fatal(err)
		}
	}
	exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
	b.ResetTimer()
	start := time.Now()
	for i := range b.N {
		exec("INSERT INTO t VALUES (?, 'a row of some forty octets, no more than that')", i)
	}
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "rows/s")
}

// BenchmarkOwnJobs is the list of a person with 20 held jobs at a terminal,
// among 10,000 of others.
func BenchmarkOwnJobs(b *testing.B) {
	ctx := context.Background()
	s := open(b, options(filepath.Join(b.TempDir(), "platen.db"), time.Now))
	sc, err := s.Default(ctx)
	must(b, err)
	for i := range 10_000 / mostCalls {
		var wg sync.WaitGroup
		for k := range mostCalls {
			wg.Go(func() { must(b, sc.AddJob(ctx, newJob(fmt.Sprint("other ", i, " ", k), ben), nil)) })
		}
		wg.Wait()
	}
	for i := range 20 {
		must(b, sc.AddJob(ctx, newJob(fmt.Sprint("mine ", i), anna), nil))
	}
	b.ResetTimer()
	for range b.N {
		if jobs, err := sc.OwnJobs(ctx, anna, epoch, 200); err != nil || len(jobs) != 20 {
			b.Fatalf("%d jobs, %v", len(jobs), err)
		}
	}
}
