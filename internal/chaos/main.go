// Command chaos kills a node again and again under load and checks that it
// kept its word.
//
// It shares no code with the node: it has its own LPD and IPP clients, its own
// printers, and reads what the node says only through its outside face (LPD, IPP, the
// terminal API, the commands). The node is a build with the tag chaos, which knows
// failpoints; everything else about it is the real thing.
//
// Every round prints its seed. A failure prints the command that repeats it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

type options struct {
	node    string
	rounds  int
	seed    uint64
	only    int
	short   bool
	keep    bool
	defects bool
	dir     string
	cuts    int
	peers   int
	scene   string
	stall   time.Duration
}

func run(ctx context.Context, args []string) error {
	var o options
	fs := flag.NewFlagSet("chaos", flag.ContinueOnError)
	fs.StringVar(&o.node, "node", "bin/platen-chaos", "the node, built with -tags chaos")
	fs.IntVar(&o.rounds, "rounds", 200, "how many rounds")
	fs.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "first seed; round n uses seed+n")
	fs.IntVar(&o.only, "only", -1, "run this round of the seed alone")
	fs.BoolVar(&o.short, "short", false, "every failpoint once, a few random kills, and the seeded defects")
	fs.BoolVar(&o.keep, "keep", false, "keep the folders of the rounds")
	fs.BoolVar(&o.defects, "defects", true, "check that each seeded defect turns the harness red")
	fs.IntVar(&o.cuts, "cuts", 0, "instead: so many power cuts on each of ext4 and xfs (root)")
	fs.IntVar(&o.peers, "peers", 5, "with -cuts: so many rounds of each kind for each of the peers")
	fs.StringVar(&o.scene, "scenario", "", "instead: this scenario, or all, or short (root)")
	fs.DurationVar(&o.stall, "stall", 5*time.Second, "how long a device stops reading in the scenario stalled")
	fs.StringVar(&o.dir, "dir", "", "work here (default: a temporary folder)")
	if err := fs.Parse(args); err != nil {
		return err
	}
	abs, err := filepath.Abs(o.node)
	if err != nil {
		return err
	}
	o.node = abs
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "platen-chaos-"); err != nil {
			return err
		}
		defer func() {
			if !o.keep {
				_ = os.RemoveAll(o.dir)
			}
		}()
	}

	house, err := build(ctx, o)
	if err != nil {
		return fmt.Errorf("setting up: %w", err)
	}
	defer house.close()

	if o.cuts > 0 {
		fmt.Printf("chaos: seed %d, %d power cuts on each file system in %s\n", o.seed, o.cuts, o.dir)
		return cuts(ctx, house, o)
	}
	if o.scene != "" {
		return scenes(ctx, house, o)
	}
	plans := makePlans(o)
	fmt.Printf("chaos: seed %d, %d rounds in %s\n", o.seed, len(plans), o.dir)
	start := time.Now()
	var sum tally
	for i, p := range plans {
		if o.only >= 0 && i != o.only {
			continue
		}
		res, err := house.round(ctx, i, p)
		if err != nil {
			return repeat(o, i, p, err)
		}
		sum.add(res)
		fmt.Printf("round %3d seed %d %-44s %s\n", i, o.seed+uint64(i), p.name, res)
	}
	fmt.Printf("chaos: %d rounds in %s: %s; nothing lost, changed or printed twice, ledger exact\n",
		len(plans), time.Since(start).Round(time.Second), sum)

	if o.defects && o.only < 0 {
		return seededDefects(ctx, house, o)
	}
	return nil
}

// repeat wraps a failure with the command that shows it again.
func repeat(o options, i int, p plan, err error) error {
	cmd := fmt.Sprintf("bin/chaos -seed %d -only %d -rounds %d", o.seed, i, o.rounds)
	if o.short {
		cmd += " -short"
	}
	return fmt.Errorf("round %d (%s): %w\nrepeat it with: %s -keep", i, p.name, err, cmd)
}

// seededDefects builds each known mistake into the node and demands that the
// oracle sees it. A harness that cannot turn red proves nothing.
func seededDefects(ctx context.Context, h *house, o options) error {
	for _, d := range []struct {
		name string
		kind kind
		also string // where the node is killed besides, so that the mistake has its chance
		ipp  bool
	}{
		{"no-dirsync", powerCut, "lpd.after-ack=kill@%d", false},
		{"ack-before-commit", atFailpoint, "lpd.after-ack=kill@%d", false},
		{"ack-before-commit", atFailpoint, "ipp.after-ack=kill@%d", true},
		{"retry-after-one-octet", badDevices, "", false},
	} {
		if err := mustTurnRed(ctx, h, o, d.name, d.kind, d.also, d.ipp); err != nil {
			return err
		}
	}
	return nil
}

// tries is how many rounds a defect gets to show itself.
const tries = 12

func mustTurnRed(ctx context.Context, h *house, o options, name string, k kind, also string, ipp bool) error {
	for i := range tries {
		p := plan{name: "defect " + name, kind: k, failpoints: "defect:" + name, ipp: ipp}
		if also != "" {
			p.failpoints += ";" + fmt.Sprintf(also, i+1)
		}
		_, err := h.round(ctx, 10_000+i, p)
		var broken *broken
		switch {
		case err == nil:
		case errors.As(err, &broken):
			fmt.Printf("defect %-22s found in round %d: %s\n", name, i, strings.SplitN(broken.Error(), "\n", 2)[0])
			return nil
		default:
			return fmt.Errorf("defect %s: %w", name, err)
		}
	}
	return fmt.Errorf("the seeded defect %s stayed green for %d rounds (seed %d): the harness is blind", name, tries, o.seed)
}

// kind is what happens to the node in a round.
type kind int

const (
	atFailpoint kind = iota // SIGKILL at a named place
	randomKill              // SIGKILL at a random moment
	powerCut                // SIGKILL, and what was not synced is lost
	realCut                 // the file system under the node stops, without its last journal
	living                  // the same, and the node goes on
	badDevices              // no kill; devices die, refuse and stay silent
)

// plan is one round.
type plan struct {
	name       string
	kind       kind
	failpoints string
	fs         string // on an image of its own: "ext4" or "xfs"
	held       bool   // all is held, and nothing is released while jobs come
	direct     bool   // all is printed at once
	large      bool   // every document has a file of its own
	afterAck   bool   // a cut comes right after an acknowledgement
	small      bool   // every document is in the log
	tiny       bool   // every document has less than 1,200 octets
	user       string // whose all jobs are; "" anna's and ben's
	octets     int64  // of the document; 0 any
	ipp        bool   // all jobs come over IPP
	cuts       bool   // some clients die in the middle of their documents
}

var intakePoints = []string{
	"spool.create", "spool.write", "spool.trailer", "spool.fsync", "spool.dirsync",
	"spool.log.segment", "spool.log.write", "spool.log.sync",
	"store.add.before-commit", "store.add.after-commit", "lpd.before-ack", "lpd.after-ack", "ipp.before-ack", "ipp.after-ack",
}

var deliveryPoints = []string{
	"dispatch.claimed", "dispatch.verified", "dispatch.intended",
	"device.first-octet", "device.middle", "device.last-octet", "device.acked",
	"dispatch.before-end", "store.end.before-commit", "store.end.after-commit",
}

// faults are errors of the system that the node must survive, not die of.
var faults = []string{
	"spool.write=err:ENOSPC@5", "spool.fsync=err:EIO@4", "spool.dirsync=err:EIO@4",
	"spool.log.segment=err:ENOSPC@1", "spool.log.sync=err:EIO@4",
}

// makePlans returns the rounds of a run: each failpoint first, then mixed.
func makePlans(o options) []plan {
	var plans []plan
	rng := rand.New(rand.NewPCG(o.seed, 0))
	for _, p := range append(append([]string{}, intakePoints...), deliveryPoints...) {
		n := 1 + rng.IntN(12)
		if p == "spool.log.segment" { // a round makes two
			n = 1 + rng.IntN(2)
		}
		plans = append(plans, plan{name: fmt.Sprintf("kill at %s, hit %d", p, n), kind: atFailpoint, failpoints: fmt.Sprintf("%s=kill@%d", p, n)})
	}
	for _, f := range faults {
		plans = append(plans, plan{name: "error " + f, kind: randomKill, failpoints: f})
	}
	mixed := []plan{{name: "kill -9 at random", kind: randomKill}, {name: "power cut at random", kind: powerCut}, {name: "devices die at any octet", kind: badDevices}}
	rounds := o.rounds
	if o.short {
		rounds = len(plans) + 6
	}
	for i := len(plans); i < rounds; i++ {
		if i%4 == 3 {
			all := append(append([]string{}, intakePoints...), deliveryPoints...)
			p, n := all[rng.IntN(len(all))], 1+rng.IntN(40)
			plans = append(plans, plan{name: fmt.Sprintf("kill at %s, hit %d", p, n), kind: atFailpoint, failpoints: fmt.Sprintf("%s=kill@%d", p, n)})
			continue
		}
		plans = append(plans, mixed[i%3])
	}
	return plans[:min(len(plans), max(rounds, 1))]
}
