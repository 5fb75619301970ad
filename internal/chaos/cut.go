package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// A real cut stops a real file system under the node, or takes a copy of the disk
// at one moment; what was acknowledged before it began must be there.

// cutRow is a line of the closing table.
type cutRow struct {
	who, fs, cut string
	rounds       int
	acked        int
	lost         int
	note         string
}

func (r cutRow) String() string {
	if r.note != "" { // a round that ends with the finding counts nothing
		return fmt.Sprintf("| %s | %s | %s | %d | - | %s | %s |", r.who, r.fs, r.cut, r.rounds, r.found(), r.note)
	}
	return fmt.Sprintf("| %s | %s | %s | %d | %d | %d | |", r.who, r.fs, r.cut, r.rounds, r.acked, r.lost)
}

func (r cutRow) found() string {
	if r.lost > 0 {
		return "some"
	}
	return "0"
}

const cutHead = "| who | file system | cut | rounds | acknowledged before | lost of these | |\n| --- | --- | --- | --- | --- | --- | --- |"

// cuts plays everything on both file systems, shows that a node which does not
// keep its word is found out, and does to the peers what it has done to the node.
func cuts(ctx context.Context, h *house, o options) error {
	var table []cutRow
	for _, fs := range []string{"ext4", "xfs"} {
		rows, err := nodeCuts(ctx, h, o, fs)
		if err != nil {
			return err
		}
		table = append(table, rows...)
		if rows, err = controls(ctx, h, o, fs); err != nil {
			return err
		}
		table = append(table, rows...)
	}
	if o.peers > 0 {
		rows, err := peerCuts(ctx, o)
		if err != nil {
			return err
		}
		table = append(table, rows...)
	}
	fmt.Println(cutHead)
	for _, r := range table {
		fmt.Println(r)
	}
	return nil
}

// nodeCuts plays a node that must lose nothing.
func nodeCuts(ctx context.Context, h *house, o options, fs string) ([]cutRow, error) {
	few := (o.cuts + 4) / 5
	plans := []struct {
		rounds int
		plan   plan
	}{
		{(o.cuts + 1) / 2, plan{name: "right after an acknowledgement", kind: realCut, afterAck: true}},
		{o.cuts / 2, plan{name: "at a random moment", kind: realCut}},
		{few, plan{name: "journal given up, the node goes on", kind: living}},
		{few, plan{name: "the same, large documents, printed at once", kind: living, direct: true, large: true}},
	}
	var rows []cutRow
	i := 0
	for _, p := range plans {
		p.plan.fs = fs
		var sum tally
		for range p.rounds {
			res, err := h.round(ctx, i, p.plan)
			if err != nil {
				return nil, fmt.Errorf("round %d (%s, %s): %w\nrepeat it with: bin/chaos -seed %d -cuts %d -keep", i, fs, p.plan.name, err, o.seed, o.cuts)
			}
			sum.add(res)
			fmt.Printf("cut %3d seed %d %-5s %-42s %s\n", i, o.seed+uint64(i), fs, p.plan.name, res)
			i++
		}
		rows = append(rows, cutRow{who: "platen", fs: fs, cut: p.plan.name, rounds: p.rounds, acked: sum.acked})
	}
	row := cutRow{who: "platen", fs: fs, cut: "copies of the running disk"}
	for row.rounds < o.cuts {
		acked, err := h.snapshots(ctx, i, fs)
		if err != nil {
			return nil, fmt.Errorf("copies of the disk %d (%s): %w\nrepeat it with: bin/chaos -seed %d -cuts %d -keep", i, fs, err, o.seed, o.cuts)
		}
		i++
		fmt.Printf("copies   seed %d %-5s acknowledged before each: %v\n", o.seed+uint64(i), fs, acked)
		row.rounds += len(acked)
		for _, n := range acked {
			row.acked += n
		}
	}
	return append(rows, row), nil
}

// control is a node with a mistake built in, which must lose what it has
// acknowledged.
type control struct {
	defect string
	plan   plan
	fs     string // "" for each
	chance bool   // it shows only when the kernel and the moment are right
}

var cutControls = []control{
	{defect: "no-filesync", plan: plan{kind: realCut, afterAck: true}},
	// Large documents wait for their row, and nothing but the row is missing when the
	// cut comes right after the acknowledgement. A held job would be made again from
	// its document.
	{defect: "sync-normal", plan: plan{kind: realCut, afterAck: true, direct: true, large: true}},
	{defect: "no-witness", plan: plan{kind: living, direct: true, large: true}, fs: "ext4", chance: true},
}

// cutName says what is done to a control.
func (p plan) cutName() string {
	if p.kind == living {
		return "journal given up, the node goes on"
	}
	return "right after an acknowledgement"
}

func controls(ctx context.Context, h *house, o options, fs string) ([]cutRow, error) {
	var rows []cutRow
	for _, c := range cutControls {
		if c.fs != "" && c.fs != fs {
			continue
		}
		c.plan.name, c.plan.fs, c.plan.failpoints = "control "+c.defect, fs, "defect:"+c.defect
		row := cutRow{who: "control " + c.defect, fs: fs, cut: c.plan.cutName(), note: "not found out"}
		most := 2 * tries
		if c.chance {
			most = min(most, 3*o.cuts)
		}
		for row.lost == 0 && row.rounds < most {
			_, err := h.round(ctx, 20_000+row.rounds, c.plan)
			row.rounds++
			var broken *broken
			switch {
			case err == nil:
			case errors.As(err, &broken) && broken.invariant == "I1":
				row.lost, row.note = 1, "found out, as it must be: "+broken.Error()
			case errors.As(err, &broken):
				fmt.Printf("control %s, round %d: %s\n", c.defect, row.rounds, broken)
			default:
				return nil, err
			}
		}
		fmt.Println(row)
		if row.lost == 0 && !c.chance {
			return nil, fmt.Errorf("the control %s lost nothing on %s in %d rounds (seed %d): the harness is blind", c.defect, fs, row.rounds, o.seed)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// copies is how many are taken of one running disk.
const copies = 5

// snapshots takes copies of the disk of a node that only takes jobs, and brings each
// of them up. It returns how much was acknowledged before each.
func (h *house) snapshots(ctx context.Context, i int, fs string) (acked []int, err error) {
	rng := rand.New(rand.NewPCG(h.o.seed, uint64(i)+1))
	h.rounds++
	dir := filepath.Join(h.o.dir, fmt.Sprintf("copies-%d-%d", i, h.rounds))
	shelf, err := mountImage(ctx, "xfs", dir+".shelf.img", dir+".shelf", 3*imageOctets)
	if err != nil {
		return nil, err
	}
	defer shelf.remove(ctx)
	disk, err := mountImage(ctx, fs, filepath.Join(shelf.dir, "disk.img"), dir, imageOctets)
	if err != nil {
		return nil, err
	}
	defer disk.remove(ctx)
	if err := h.furnish(ctx, disk.node()); err != nil {
		return nil, err
	}
	n, err := start(ctx, h.o.node, disk.node())
	if err != nil {
		return nil, err
	}
	p := plan{held: true}
	var taken []*image
	var failed error
	jobs := h.load(ctx, n, p, rng, func(ctx context.Context, acked <-chan struct{}) {
		for k := range copies {
			if k%2 == 0 {
				await(ctx, 1, acked)
			} else {
				pause(ctx, 15*time.Millisecond, n)
			}
			c, err := disk.clone(filepath.Join(shelf.dir, fmt.Sprintf("copy-%d.img", k)))
			if err != nil {
				failed = err
				return
			}
			taken = append(taken, c)
		}
	})
	n.kill()
	if err := errors.Join(failed, disk.unmount(ctx)); err != nil {
		return nil, err
	}
	for _, c := range taken {
		n, err := h.revive(ctx, c, jobs)
		if err != nil {
			return nil, err
		}
		acked = append(acked, n)
	}
	return acked, nil
}

// revive brings a copy of a disk up and judges the node on it.
func (h *house) revive(ctx context.Context, c *image, jobs []*submission) (acked int, err error) {
	for _, s := range h.sinks() {
		s.reset(0, false)
	}
	if err := c.mount(ctx); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, c.unmount(ctx), os.Remove(c.file)) }()
	mine := make([]*submission, len(jobs))
	for i, s := range jobs {
		one := *s
		mine[i] = &one
	}
	promised(mine, c.cut)
	n, err := start(ctx, h.o.node, c.node())
	if err != nil {
		return 0, err
	}
	if n.dead() {
		return 0, &broken{"I6", "the node does not start again: " + tail(filepath.Join(n.dir, "chaos.log"))}
	}
	if _, err := h.verdict(ctx, n, mine); err != nil {
		return 0, err
	}
	return acknowledged(mine), nil
}
