package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"platen/internal/testkit/peers"
)

// What the node goes through is done to programs that people print with today,
// in the same way and on the same file systems: their own acknowledgement, then a
// cut, then a look at what is there.

// peer is one of them, running on an image.
type peer struct {
	send func(ctx context.Context, s *submission, rng *rand.Rand) error
	kill func()
	stop func()                                          // in order
	kept func(ctx context.Context) (map[int]bool, error) // which documents it has after a start
}

type peerKind struct {
	name  string
	start func(ctx context.Context, dir, outside string) (*peer, error)
	often bool // as many rounds as the node, right after the last acknowledgement
}

// peerJobs is how many jobs a peer gets before the cut.
const peerJobs = 16

// startCups starts cupsd as it comes or as strict as it can be.
func startCups(ctx context.Context, dir string, strict bool) (*peers.Cups, error) {
	if strict {
		return peers.StartStrictCups(ctx, dir)
	}
	return peers.StartCups(ctx, dir)
}

// cups prints with lp, whose success is cupsd's answer to Send-Document.
func cups(ctx context.Context, dir, outside string, strict bool) (*peer, error) {
	c, err := startCups(ctx, dir, strict)
	if err != nil {
		return nil, err
	}
	err = c.Queue(ctx, "held", "file:/dev/null", true)
	c.Stop() // the queue was made long ago and is written down
	if err != nil {
		return nil, err
	}
	if c, err = startCups(ctx, dir, strict); err != nil {
		return nil, err
	}
	return &peer{
		kill: c.Kill, stop: c.Stop,
		send: func(ctx context.Context, s *submission, _ *rand.Rand) error {
			file := filepath.Join(outside, fmt.Sprint("job-", s.id))
			if err := os.WriteFile(file, document(s.id, s.octets), 0o644); err != nil {
				return err
			}
			cmd := exec.CommandContext(ctx, "lp", "-d", "held", "-t", fmt.Sprint("job ", s.id), file)
			cmd.Env = append(os.Environ(), "CUPS_SERVER="+c.Server())
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("lp: %w: %s", err, out)
			}
			s.acked = time.Now()
			return nil
		},
		kept: func(ctx context.Context) (map[int]bool, error) { return cupsKept(ctx, dir, strict) },
	}, nil
}

// cupsKept starts cupsd again, and returns the documents that are whole and whose
// job it still knows.
func cupsKept(ctx context.Context, dir string, strict bool) (map[int]bool, error) {
	c, err := startCups(ctx, dir, strict)
	if err != nil {
		return nil, err
	}
	defer c.Kill()
	cmd := exec.CommandContext(ctx, "lpstat", "-W", "not-completed", "-o")
	cmd.Env = append(os.Environ(), "CUPS_SERVER="+c.Server())
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("lpstat: %w", err)
	}
	known := map[int]bool{}
	for _, line := range strings.Split(string(out), "\n") {
		if number, ok := strings.CutPrefix(strings.Fields(line + " .")[0], "held-"); ok {
			n, err := strconv.Atoi(number)
			if err != nil {
				return nil, err
			}
			known[n] = true
		}
	}
	return whole(filepath.Join(dir, "spool", "d*"), func(name string) bool {
		n, err := strconv.Atoi(strings.Split(strings.TrimPrefix(name, "d"), "-")[0])
		return err == nil && known[n]
	})
}

// whole returns which documents are complete in the files that match.
func whole(pattern string, known func(name string) bool) (map[int]bool, error) {
	files, err := filepath.Glob(pattern)
	if err != nil {
		return nil, err
	}
	kept := map[int]bool{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, s := range recognise(b) {
			if s.whole && known(filepath.Base(file)) {
				kept[s.id] = true
			}
		}
	}
	return kept, nil
}

// cupsLPD prints by LPR to cups-lpd, which answers and then hands over to cupsd.
func cupsLPD(ctx context.Context, dir, outside string) (*peer, error) {
	p, err := cups(ctx, dir, outside, false)
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(filepath.Join(dir, "conf/cupsd.conf"))
	if err != nil {
		p.kill()
		return nil, err
	}
	var port int
	for _, line := range strings.Split(string(b), "\n") {
		if n, ok := strings.CutPrefix(line, "Listen 127.0.0.1:"); ok {
			port, _ = strconv.Atoi(n)
		}
	}
	l, err := peers.StartCupsLPD(ctx, outside, &peers.Cups{Port: port})
	if err != nil {
		p.kill()
		return nil, err
	}
	killCups, stopCups := p.kill, p.stop
	p.kill = func() { l.Kill(); killCups() }
	p.stop = func() { l.Stop(); stopCups() }
	p.send = func(_ context.Context, s *submission, rng *rand.Rand) error { return s.sendLPD(l.Addr, rng) }
	return p, nil
}

// lprng counts a job as kept when its files are there: no start is asked of it.
func lprng(ctx context.Context, dir string) (*peer, error) {
	root, err := peers.UnpackedLPRng(".peers")
	if err != nil {
		return nil, err
	}
	l, err := peers.StartLPRng(ctx, root, dir)
	if err != nil {
		return nil, err
	}
	return &peer{
		kill: l.Kill, stop: l.Stop,
		send: func(_ context.Context, s *submission, rng *rand.Rand) error { return s.sendLPD(l.Addr, rng) },
		kept: func(context.Context) (map[int]bool, error) {
			return whole(filepath.Join(l.Spool, "df*"), func(string) bool { return true })
		},
	}, nil
}

var peerKinds = []peerKind{
	{name: "cupsd as it comes, by lp", often: true, start: func(ctx context.Context, dir, outside string) (*peer, error) {
		return cups(ctx, dir, outside, false)
	}},
	{name: "cupsd with SyncOnClose and DirtyCleanInterval 0, by lp", start: func(ctx context.Context, dir, outside string) (*peer, error) {
		return cups(ctx, dir, outside, true)
	}},
	{name: "cups-lpd", start: cupsLPD},
	{name: "LPRng", start: func(ctx context.Context, dir, _ string) (*peer, error) { return lprng(ctx, dir) }},
}

// moment is when a peer is cut off.
type moment struct {
	name  string
	later time.Duration
	safe  bool // stopped in order and synced: what is lost then, the harness does not see
}

var moments = []moment{
	{name: "right after the last acknowledgement"},
	{name: "3 s after it", later: 3 * time.Second},
	// Two of them answer before they file a job.
	{name: "after a stop in order and a sync (control)", later: 6 * time.Second, safe: true},
}

// peerCuts cuts each peer off at each moment.
func peerCuts(ctx context.Context, o options) ([]cutRow, error) {
	fmt.Printf("peers: %s; %s; lprng unpacked\n", peers.Version("cups-daemon"), peers.Version("xinetd"))
	var rows []cutRow
	for _, fs := range []string{"ext4", "xfs"} {
		for _, k := range peerKinds {
			for i, m := range moments {
				row := cutRow{who: k.name, fs: fs, cut: m.name}
				rounds := o.peers
				switch {
				case m.safe:
					rounds = 1
				case i == 0 && k.often: // as often as the node
					rounds = max(o.peers, o.cuts)
				}
				for row.rounds < rounds {
					acked, lost, err := peerCut(ctx, o, k, fs, m, row.rounds)
					if err == nil && m.safe && lost > 0 {
						err = fmt.Errorf("%d of %d jobs are not found although they are there: the harness is blind", lost, acked)
					}
					if err != nil {
						return nil, fmt.Errorf("%s on %s: %w", k.name, fs, err)
					}
					row.rounds++
					row.acked += acked
					row.lost += lost
				}
				fmt.Println(row)
				rows = append(rows, row)
			}
		}
	}
	return rows, nil
}

func peerCut(ctx context.Context, o options, k peerKind, fs string, m moment, round int) (acked, lost int, err error) {
	dir, err := os.MkdirTemp(o.dir, "peer-")
	if err != nil {
		return 0, 0, err
	}
	defer os.RemoveAll(dir)
	outside := filepath.Join(dir, "outside")
	if err := os.MkdirAll(outside, 0o755); err != nil {
		return 0, 0, err
	}
	for d := dir; d != os.TempDir() && len(d) > 1; d = filepath.Dir(d) { // peers become somebody else
		if err := os.Chmod(d, 0o755); err != nil {
			return 0, 0, err
		}
	}
	disk, err := mountImage(ctx, fs, dir+".img", filepath.Join(dir, "disk"), imageOctets)
	if err != nil {
		return 0, 0, err
	}
	defer disk.remove(ctx)
	home := filepath.Join(disk.dir, "home")
	if err := os.Mkdir(home, 0o755); err != nil {
		return 0, 0, err
	}
	p, err := k.start(ctx, home, outside)
	if err != nil {
		return 0, 0, err
	}
	defer p.kill()
	if err := tool(ctx, "sync", "-f", home); err != nil { // it was set up long ago
		return 0, 0, err
	}
	rng := rand.New(rand.NewPCG(o.seed, uint64(round)+1))
	jobs := make([]*submission, peerJobs)
	for i := range jobs {
		jobs[i] = &submission{id: i, octets: smallest + int64(i) + stride*rng.Int64N(1+rng.Int64N(pick(rng, sizes...))), user: "anna", queue: "held", order: "control first", copies: 1}
		if err := p.send(ctx, jobs[i], rng); err != nil {
			return 0, 0, err
		}
	}
	time.Sleep(m.later)
	if m.safe {
		p.stop()
		if err := tool(ctx, "sync", "-f", home); err != nil {
			return 0, 0, err
		}
	}
	if err := disk.shutdown(); err != nil {
		return 0, 0, err
	}
	p.kill()
	if err := disk.again(ctx); err != nil {
		return 0, 0, err
	}
	kept, err := p.kept(ctx)
	if err != nil {
		return 0, 0, err
	}
	promised(jobs, disk.cut)
	for _, s := range jobs {
		if !s.acked.IsZero() && !kept[s.id] {
			lost++
		}
	}
	return acknowledged(jobs), lost, nil
}
