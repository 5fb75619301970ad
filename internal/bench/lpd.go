package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"platen/internal/testkit/peers"
)

const smallJob = 10 << 10

// benchLPD is the first row: acknowledged 10 KiB jobs per second, one
// connection each, the control file first. The node syncs before it answers;
// cups-lpd does not, and submits after it has answered.
//
// It does so twice: in new directories, and in such as were used for long, in which
// ext4 makes files more slowly.
func benchLPD(ctx context.Context, n *node, cups *peers.Cups, peer *peers.CupsLPD, null, limitDir string, runs, jobs int, v *verdicts) error {
	if err := benchLPDOnce(ctx, "new directories", n, peer, null, limitDir, runs, jobs, v); err != nil {
		return err
	}
	for _, dir := range []string{filepath.Join(n.dir, "spool", "docs"), filepath.Join(n.dir, "spool", "log"), filepath.Join(cups.Dir, "spool"), limitDir} {
		if err := wear(dir); err != nil {
			return err
		}
	}
	return benchLPDOnce(ctx, "recycled directories", n, peer, null, limitDir, runs, jobs, nil)
}

// wear makes and removes as many files as a spool sees in a few weeks.
func wear(dir string) error {
	const files = 30_000
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	name := func(i int) string { return filepath.Join(dir, fmt.Sprintf("worn-%06d", i)) }
	for i := range files {
		if err := os.WriteFile(name(i), nil, 0o600); err != nil {
			return err
		}
	}
	for i := range files {
		if err := os.Remove(name(i)); err != nil {
			return err
		}
	}
	return nil
}

func benchLPDOnce(ctx context.Context, state string, n *node, peer *peers.CupsLPD, null, limitDir string, runs, jobs int, v *verdicts) error {
	fmt.Printf("LPD intake, 10 KiB jobs, %s, acknowledged jobs/s (p50 / p99 ms of the last run)\n", state)
	fmt.Printf("%-12s %-34s %-34s %-30s %-30s %8s %8s %8s\n", "connections", "platen (synced)", "cups-lpd (not synced)", "null (stores nothing)", "bare file+sync stores/s", "x peer", "x null", "x limit")
	goals := map[int][4]float64{1: {5, 6, 0.4, 0.6}, 8: {7, 10, 0.5, 0.6}, 64: {10, 15, 0.6, 0.8}}
	for _, conc := range []int{1, 8, 64} {
		var own, other, nothing, limit spread
		var ownLat, otherLat spread
		for run := range runs {
			rate, lat, err := load(ctx, n.lpd, "secure", "anna", jobs, conc, run)
			if err != nil {
				return fmt.Errorf("platen: %w", err)
			}
			own, ownLat = append(own, rate), lat
			if rate, lat, err = load(ctx, peer.Addr, "held", "anna", jobs/2, conc, run); err != nil {
				return fmt.Errorf("cups-lpd: %w", err)
			}
			other, otherLat = append(other, rate), lat
			if rate, _, err = load(ctx, null, "null", "anna", jobs, conc, run); err != nil {
				return fmt.Errorf("null: %w", err)
			}
			nothing = append(nothing, rate)
			if rate, err = storeLimit(limitDir, fmt.Sprintf("%.3s-%d-%d-", state, conc, run), jobs, conc); err != nil {
				return err
			}
			limit = append(limit, rate)
		}
		fmt.Printf("%-12d %-34s %-34s %-30s %-30s %8.2f %8.2f %8.2f\n", conc,
			fmt.Sprintf("%s (%.1f / %.1f)", own, ownLat.median(), ownLat.at(0.99)),
			fmt.Sprintf("%s (%.1f / %.1f)", other, otherLat.median(), otherLat.at(0.99)),
			nothing, limit, own.median()/other.median(), own.median()/nothing.median(), own.median()/limit.median())
		if v == nil {
			continue
		}
		g := goals[conc]
		v.least(fmt.Sprintf("10 KiB LPR jobs/s at %d, times cups-lpd", conc), own.median()/other.median(), g[0], g[1], "")
		v.least("the same, share of a receiver that stores nothing", own.median()/nothing.median(), g[2], g[3], "")
	}
	fmt.Println()
	return nil
}

// load prints jobs with conc clients at once and returns acknowledged jobs per
// second and each job's time in milliseconds.
func load(ctx context.Context, addr, queue, user string, jobs, conc, run int) (rate float64, ms spread, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	doc := text(smallJob)
	clients := make([]func(int) error, conc)
	for k := range clients {
		clients[k] = func(i int) error {
			return printOne(addr, queue, user, fmt.Sprintf("bench %d %d", run, i), i%1000, doc)
		}
	}
	return together(ctx, clients, jobs)
}

// together has clients do what each of them does, count times in all, numbered from
// 1, and returns how often a second, and how long each took in milliseconds. The
// first failure of a client is its last.
func together(ctx context.Context, clients []func(i int) error, count int) (rate float64, ms spread, err error) {
	var next atomic.Int64
	var mu sync.Mutex
	var wg sync.WaitGroup
	start := time.Now()
	for _, do := range clients {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := next.Add(1)
				if i > int64(count) {
					return
				}
				began := time.Now()
				failed := do(int(i))
				took := time.Since(began)
				mu.Lock()
				if failed == nil {
					ms = append(ms, took.Seconds()*1e3)
				}
				err = errors.Join(err, failed)
				mu.Unlock()
				if failed != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	return float64(len(ms)) / time.Since(start).Seconds(), ms, err
}

// text is a document of so many octets.
func text(octets int) []byte {
	doc := make([]byte, octets)
	for i := range doc {
		doc[i] = 'a' + byte((i*7+i/64)%26)
	}
	return doc
}

func printOne(addr, queue, user, title string, number int, doc []byte) error {
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(2 * time.Minute))
	control := fmt.Sprintf("Hbench\nP%s\nJ%s\nldfA%03dbench\nUdfA%03dbench\nN%s\n", user, title, number, number, title)
	for _, part := range []net.Buffers{
		{[]byte("\x02" + queue + "\n")},
		{fmt.Appendf(nil, "\x02%d cfA%03dbench\n", len(control), number)}, {[]byte(control + "\x00")},
		{fmt.Appendf(nil, "\x03%d dfA%03dbench\n", len(doc), number)}, {doc, {0}},
	} {
		if _, err := part.WriteTo(conn); err != nil {
			return err
		}
		var b [1]byte
		if _, err := io.ReadFull(conn, b[:]); err != nil {
			return err
		}
		if b[0] != 0 {
			return fmt.Errorf("refused with octet %d", b[0])
		}
	}
	return nil
}

// storeLimit is what the disk allows: 10 KiB written, synced, named and its
// folder synced, per second, without any protocol.
func storeLimit(dir, prefix string, files, conc int) (float64, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, err
	}
	folder, err := os.Open(dir)
	if err != nil {
		return 0, err
	}
	defer folder.Close()
	data := make([]byte, smallJob)
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, conc)
	start := time.Now()
	for range conc {
		wg.Go(func() {
			for {
				i := next.Add(1)
				if i > int64(files) {
					return
				}
				if err := storeOne(folder, filepath.Join(dir, prefix+fmt.Sprint(i)), data); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(start)
	select {
	case err := <-errs:
		return 0, err
	default:
		return float64(files) / took.Seconds(), nil
	}
}

func storeOne(folder *os.File, path string, data []byte) error {
	f, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close(), os.Rename(path+".tmp", path), folder.Sync())
}
