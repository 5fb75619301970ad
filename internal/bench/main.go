// Command bench measures the node beside its peers and beside the machine's own
// limits, all in one run and in turn, so that a ratio means something on a noisy
// machine. It asserts nothing.
//
// Everything runs on loopback, every loop is bounded by a count and a time.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"platen/internal/testkit/peers"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == nullName {
		fmt.Fprintln(os.Stderr, "bench:", receiveNothing(os.Args[2:]))
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	binary := flag.String("node", "bin/platen", "the node")
	runs := flag.Int("runs", 5, "runs of each cell, in turn")
	jobs := flag.Int("jobs", 400, "jobs of one LPD run")
	releases := flag.Int("releases", 15, "releases of each size")
	only := flag.String("only", "", "only this part: lpd, ipp (or of it ipp-jobs, ipp-printer, ipp-large, ipp-list), large, release, idle, people, many")
	soaking := flag.Duration("soak", 0, "instead: print for so long without a pause, and watch memory and descriptors")
	flag.Parse()
	abs, err := filepath.Abs(*binary)
	if err != nil {
		return err
	}

	// cups-lpd runs as another user and must reach its folder.
	dir, err := os.MkdirTemp("", "platen-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}

	if *soaking > 0 {
		raw, err := newSink()
		if err != nil {
			return err
		}
		defer raw.ln.Close()
		return soak(ctx, abs, dir, raw, *soaking)
	}
	cups, err := peers.StartCups(ctx, filepath.Join(dir, "cups"))
	if err != nil {
		return err
	}
	defer cups.Stop()
	lpd, err := peers.StartCupsLPD(ctx, filepath.Join(dir, "cups-lpd"), cups)
	if err != nil {
		return err
	}
	defer lpd.Stop()
	raw, err := newSink()
	if err != nil {
		return err
	}
	defer raw.ln.Close()
	n, err := startNode(ctx, abs, filepath.Join(dir, "node"), raw)
	if err != nil {
		return err
	}
	defer n.stop()

	fmt.Printf("%s, %d cores, %s, %s\n", time.Now().UTC().Format("2006-01-02 15:04 UTC"), runtime.NumCPU(), kernel(), filesystem(dir))
	fmt.Printf("platen %s; %s; %s\n", n.version, peers.Version("cups-daemon"), peers.Version("xinetd"))
	fmt.Printf("a figure is the median [min..max] of %d runs taken in turn\n\n", *runs)

	if err := cups.Queue(ctx, "held", "socket://"+raw.ln.Addr().String(), true); err != nil {
		return err
	}
	null, stopNull, err := startNull(ctx)
	if err != nil {
		return err
	}
	defer stopNull()
	var v verdicts
	for _, part := range []struct {
		name string
		run  func() error
	}{
		{"idle", func() error { return benchIdle(ctx, abs, dir, raw, &v) }},
		{"lpd", func() error { return benchLPD(ctx, n, cups, lpd, null, filepath.Join(dir, "limit"), *runs, *jobs, &v) }},
		{"ipp-jobs", func() error { return benchPrintJob(ctx, n, cups, raw, filepath.Join(dir, "strict"), *runs, *jobs, &v) }},
		{"ipp-printer", func() error { return benchPrinterAttributes(ctx, n, cups, *runs, &v) }},
		{"ipp-large", func() error { return benchSendDocument(ctx, n, dir, *runs, &v) }},
		{"ipp-list", func() error { return benchGetJobs(ctx, abs, dir, cups, raw, &v) }},
		{"release", func() error { return benchRelease(ctx, n, cups, raw, *releases, &v) }},
		{"large", func() error { return benchLarge(ctx, n, lpd, dir, *runs, &v) }},
		{"people", func() error { return benchPeople(ctx, abs, dir, raw, *runs, &v) }},
		{"many", func() error { return benchMany(ctx, abs, dir, raw, &v) }},
	} {
		if *only != "" && *only != part.name && !strings.HasPrefix(part.name, *only+"-") {
			continue
		}
		if err := part.run(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	v.print()
	return nil
}

// spread is a series of measurements of one thing.
type spread []float64

func (s spread) median() float64 {
	if len(s) == 0 {
		return 0
	}
	c := slices.Sorted(slices.Values(s))
	return c[len(c)/2]
}

func (s spread) at(q float64) float64 {
	if len(s) == 0 {
		return 0
	}
	c := slices.Sorted(slices.Values(s))
	return c[min(len(c)-1, int(q*float64(len(c))))]
}

func (s spread) String() string {
	if len(s) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.4g [%.4g..%.4g]", s.median(), slices.Min(s), slices.Max(s))
}

func kernel() string {
	out, err := exec.Command("uname", "-sr").Output()
	if err != nil {
		return "unknown kernel"
	}
	return strings.TrimSpace(string(out))
}

func filesystem(dir string) string {
	out, err := exec.Command("stat", "-f", "-c", "%T", dir).Output()
	if err != nil {
		return "unknown file system"
	}
	return strings.TrimSpace(string(out))
}
