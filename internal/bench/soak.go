package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// soakRate is how many jobs come in a second.
const soakRate = 20

// soak prints without a pause and releases, deletes and lets expire what came, and
// shows once a minute what the node uses. It shall not grow.
func soak(ctx context.Context, binary, dir string, raw *sink, long time.Duration) error {
	n, err := startNode(ctx, binary, filepath.Join(dir, "node"), raw)
	if err != nil {
		return err
	}
	defer n.stop()
	if err := errors.Join(
		n.command(ctx, nil, "user", "add", "carl"), // who never comes
		n.command(ctx, nil, "queue", "add", "short", "--mode", "hold", "--hold-for", "1m"),
		n.command(ctx, nil, "queue", "set", "secure", "--keep-for", "1m"),
		n.command(ctx, nil, "settings", "set", "--history-for", "5m", "--title-for", "5m"),
		n.command(ctx, nil, "clock", "accept"), // a new node deletes nothing by age in its first hour
	); err != nil {
		return err
	}
	go func() { // nobody looks at what comes out
		for range raw.jobs {
		}
	}()
	fmt.Printf("soak: %d jobs/s for %s of 10 KiB to 1 MiB; one in five expires after a minute, some are deleted, the rest is released; jobs are forgotten after five minutes\n", soakRate, long)
	fmt.Printf("%8s %10s %8s %10s %12s %12s %12s\n", "minute", "jobs", "refused", "RSS MiB", "descriptors", "spool MiB", "database MiB")
	ctx, cancel := context.WithTimeout(ctx, long)
	defer cancel()
	s := &soaking{node: n}
	var work sync.WaitGroup
	work.Go(func() { s.print(ctx) })
	work.Go(func() { s.release(ctx) })
	work.Go(func() { s.remove(ctx) })
	s.watch(ctx)
	work.Wait()
	fmt.Printf("memory in the second half: %+.1f MiB an hour; descriptors at the beginning and the end of it: %d and %d\n\n",
		slope(s.half(s.rss)), s.half(s.fds)[0], s.fds[len(s.fds)-1])
	if err := errors.Join(s.failed...); err != nil {
		return err
	}
	return nil
}

type soaking struct {
	*node
	taken, refused atomic.Int64

	rss, fds []int // once a minute
	failed   []error
}

func (s *soaking) print(ctx context.Context) {
	rng := rand.New(rand.NewPCG(1, 2))
	tick := time.NewTicker(time.Second / soakRate)
	defer tick.Stop()
	places := make(chan struct{}, 64)
	var clients sync.WaitGroup
	defer clients.Wait()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		size, queue, user := smallJob, "secure", []string{"anna", "ben"}[i%2]
		switch p := rng.IntN(10); {
		case p == 0:
			size = 1 << 20
		case p < 5:
			size = 100<<10 + rng.IntN(200<<10)
		}
		if i%5 == 0 {
			queue, user = "short", "carl"
		}
		places <- struct{}{}
		clients.Go(func() {
			defer func() { <-places }()
			if printOne(s.lpd, queue, user, fmt.Sprint("soak ", i), i%1000, text(size)) == nil {
				s.taken.Add(1)
			} else {
				s.refused.Add(1)
			}
		})
	}
}

// release lets anna and ben fetch what is theirs, each ten seconds.
func (s *soaking) release(ctx context.Context) {
	for i := 0; wait(ctx, 10*time.Second); i++ {
		for _, card := range []string{"04A1B2C3D4", "04E5F60718"} {
			var sess struct{ Session string }
			if s.call(ctx, "sessions", map[string]any{"method": "card", "value": card}, &sess) == nil {
				_ = s.call(ctx, "sessions/"+sess.Session+"/release", map[string]any{"jobs": "all", "idempotency_key": fmt.Sprint(i, card)}, &struct{}{})
			}
		}
	}
}

// remove deletes some of what is held.
func (s *soaking) remove(ctx context.Context) {
	for wait(ctx, 7*time.Second) {
		var jobs []struct {
			ID    int64
			State string
		}
		if s.command(ctx, &jobs, "job", "list", "--json") != nil {
			continue
		}
		for i, j := range jobs {
			if j.State == "pending-held" && i < 5 {
				_ = s.command(ctx, nil, "job", "cancel", fmt.Sprint(j.ID)) // or it was released a moment ago
			}
		}
	}
}

func (s *soaking) watch(ctx context.Context) {
	for minute := 1; ; minute++ {
		left := wait(ctx, time.Minute)
		fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid))
		if err != nil {
			s.failed = append(s.failed, fmt.Errorf("the node is gone: %w", err))
			return
		}
		rss := int(s.memory("VmRSS:") >> 10)
		s.rss, s.fds = append(s.rss, rss), append(s.fds, len(fds))
		fmt.Printf("%8d %10d %8d %10d %12d %12d %12d\n", minute, s.taken.Load(), s.refused.Load(), rss, len(fds),
			size(filepath.Join(s.dir, "spool"))>>20, size(filepath.Join(s.dir, "platen.db"))>>20)
		if !left {
			return
		}
	}
}

func (s *soaking) half(of []int) []int { return of[len(of)/2:] }

// slope is how much the series grows in an hour, by least squares.
func slope(perMinute []int) float64 {
	n := float64(len(perMinute))
	var x, y, xx, xy float64
	for i, v := range perMinute {
		x, y, xx, xy = x+float64(i), y+float64(v), xx+float64(i*i), xy+float64(i*v)
	}
	if d := n*xx - x*x; d != 0 {
		return 60 * (n*xy - x*y) / d
	}
	return 0
}

// wait returns false when ctx has ended.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// size is how many octets a file, or all files below a folder, have.
func size(path string) (octets int64) {
	_ = filepath.WalkDir(path, func(_ string, d os.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // gone meanwhile
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			octets += info.Size()
		}
		return nil
	})
	return octets
}
