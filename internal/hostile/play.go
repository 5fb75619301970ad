package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// play puts a crowd before a fresh node and checks what must hold.
func play(ctx context.Context, o options, dir string, a attack) error {
	n, err := start(ctx, o.node, dir, a.limits)
	if err != nil {
		return err
	}
	defer n.stop()
	before, err := n.warm(ctx)
	if err != nil {
		return fmt.Errorf("before the crowd: %w", err)
	}
	if a.storm {
		return playStorm(ctx, n, a, before)
	}
	c := gather(ctx, n, a)
	defer c.disperse()
	came := time.Since(c.born)
	normal := probe(ctx, n, a.stay)
	during, err := n.vitals(ctx)
	if err != nil {
		return fmt.Errorf("with the crowd: %w", err)
	}
	stood := c.here.Load()
	if a.silent {
		c.drip.Store(false)
	}
	shed := true
	if a.gone > 0 {
		shed = c.awaitGone(ctx, a.gone+10*time.Second)
	} else {
		c.disperse()
	}
	left := c.here.Load()
	c.disperse()
	after, ok := n.settles(ctx, before)
	fmt.Printf("%s\n  %d came in %s, %d were refused, %d stood there for %s; peak %d MiB of %d allowed\n"+
		"  normal jobs meanwhile: %s\n  before: %s\n  during: %s\n  after:  %s\n",
		a.name, c.joined.Load(), came.Round(10*time.Millisecond), c.refused.Load(), stood, a.stay, during.peak, a.memory, normal, before, during, after)
	return errors.Join(normal.err(), check(a, c, during, left, shed), settled(ok, before, after))
}

// playStorm lets requests come that must be refused, all the time.
func playStorm(ctx context.Context, n *node, a attack, before vitals) error {
	raging, calm := context.WithCancel(ctx)
	defer calm()
	c := storm(raging, n, a)
	normal := probe(ctx, n, a.stay)
	during, err := n.vitals(ctx)
	calm()
	c.done.Wait()
	if err != nil {
		return fmt.Errorf("in the storm: %w", err)
	}
	after, ok := n.settles(ctx, before)
	fmt.Printf("%s\n  %d were refused in %s, %d were not; peak %d MiB of %d allowed\n  normal jobs meanwhile: %s\n  before: %s\n  during: %s\n  after:  %s\n",
		a.name, c.refused.Load(), time.Since(c.born).Round(10*time.Millisecond), c.joined.Load(), during.peak, a.memory, normal, before, during, after)
	var errs []error
	if c.joined.Load() > 0 || c.refused.Load() == 0 {
		errs = append(errs, fmt.Errorf("%d were refused as they should be, %d were not", c.refused.Load(), c.joined.Load()))
	}
	if during.peak > a.memory {
		errs = append(errs, fmt.Errorf("the node has used %d MiB, %d are allowed", during.peak, a.memory))
	}
	return errors.Join(append(errs, normal.err(), settled(ok, before, after))...)
}

// warm fills the node's pools and caches with normal work, so that what is
// measured afterwards is the crowd's doing.
func (n *node) warm(ctx context.Context) (vitals, error) {
	var busy sync.WaitGroup
	errs := make(chan error, 32)
	for range cap(errs) {
		busy.Go(func() { errs <- probe(ctx, n, 500*time.Millisecond).err() })
	}
	busy.Wait()
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	if err := errors.Join(all...); err != nil {
		return vitals{}, err
	}
	if err := n.forgetPeak(); err != nil {
		return vitals{}, err
	}
	return n.vitals(ctx)
}

func check(a attack, c *crowd, during vitals, left int64, shed bool) error {
	var errs []error
	if during.peak > a.memory {
		errs = append(errs, fmt.Errorf("the node used %d MiB, more than %d", during.peak, a.memory))
	}
	if !shed {
		errs = append(errs, fmt.Errorf("%d of the crowd are still there after their deadline of %s", left, a.gone))
	}
	switch refused := int(c.refused.Load()); {
	case refused < a.refused:
		errs = append(errs, fmt.Errorf("%d were refused, %d should have been", refused, a.refused))
	case a.refused == 0 && refused > 0:
		errs = append(errs, fmt.Errorf("%d were refused although there was room: the crowd was not what it should be", refused))
	}
	return errors.Join(errs...)
}

// settles waits until the node is as it was before.
func (n *node) settles(ctx context.Context, before vitals) (after vitals, ok bool) {
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until) && ctx.Err() == nil; time.Sleep(200 * time.Millisecond) {
		v, err := n.vitals(ctx)
		if err != nil {
			continue
		}
		after = v
		if v.descriptors <= before.descriptors+8 && v.goroutines <= before.goroutines+16 {
			return after, true
		}
	}
	return after, false
}

func settled(ok bool, before, after vitals) error {
	if ok {
		return nil
	}
	return fmt.Errorf("the node does not come back to what it was: before %s, after %s", before, after)
}

// latencies are how long normal jobs took, on every door.
type latencies struct {
	lpd, web, ipp []time.Duration
	failed        []error
}

// probe sends normal jobs for a while, one after the other, as people do.
func probe(ctx context.Context, n *node, d time.Duration) *latencies {
	l := &latencies{}
	doc := bytes.Repeat([]byte("A normal document of 10 KiB, for somebody in a hurry.\n"), 190)
	for until := time.Now().Add(d); time.Now().Before(until) && ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		l.lpd = append(l.lpd, l.timed("LPD", func() error { return n.lpr(ctx, doc) }))
		l.web = append(l.web, l.timed("API", func() error { return n.post(ctx, doc) }))
		l.ipp = append(l.ipp, l.timed("IPP", func() error { return n.printIPP(ctx, doc) }))
	}
	return l
}

func (l *latencies) timed(door string, f func() error) time.Duration {
	start := time.Now()
	if err := f(); err != nil {
		l.failed = append(l.failed, fmt.Errorf("a normal job over %s after %s: %w", door, time.Since(start).Round(time.Millisecond), err))
	}
	return time.Since(start)
}

// err says whether every normal job passed.
func (l *latencies) err() error {
	if len(l.failed) == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d normal jobs failed, the first: %w", len(l.failed), len(l.lpd)+len(l.web)+len(l.ipp), l.failed[0])
}

func (l *latencies) String() string {
	return fmt.Sprintf("%d by LPD, p50 %s p99 %s; %d by the API, p50 %s p99 %s; %d by IPP, p50 %s p99 %s", len(l.lpd), at(l.lpd, 50), at(l.lpd, 99),
		len(l.web), at(l.web, 50), at(l.web, 99), len(l.ipp), at(l.ipp, 50), at(l.ipp, 99))
}

func at(d []time.Duration, percent int) time.Duration {
	if len(d) == 0 {
		return 0
	}
	d = slices.Sorted(slices.Values(d))
	return d[min(len(d)-1, len(d)*percent/100)].Round(100 * time.Microsecond)
}
