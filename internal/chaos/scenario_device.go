package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

func deviceScenarios() []scenario {
	return []scenario{
		{name: "dead-at-any-octet", faults: "F36", slow: true, play: deadAt(1)},
		{name: "dead-at-some-octets", faults: "F36", play: deadAt(23)},
		{name: "stalled", faults: "F37", play: stalled},
		{name: "two-terminals", faults: "F42", play: twoTerminals(100)},
		{name: "cancel-while-sending", faults: "F43", play: cancelWhileSending},
	}
}

// deadAt: both devices reset their connections after so many octets of a document,
// from 400 down to none. Documents are longer from one to the next, so that the
// first come whole, one dies at its end, and the rest inside. Every send has a
// truthful end, and none is repeated.
func deadAt(step int) func(ctx context.Context, st *stage) error {
	return func(ctx context.Context, st *stage) error {
		if err := st.start(ctx); err != nil {
			return err
		}
		const most = 400
		die := func(conn int) mood { // after the last, they are well again: dieAt is -1
			return mood{dieAt: int64(max(most-conn*step, -1))}
		}
		st.raw.play(die)
		st.lpr.play(die)
		for st.raw.connections()*step <= most || st.lpr.connections()*step <= most {
			if len(st.jobs)*step > 8*most {
				return errors.New("the devices are not asked often enough")
			}
			for _, user := range []string{"anna", "ben"} {
				if err := st.all(plan{held: true, tiny: true, user: user}, 1, "while devices die"); err != nil {
					return err
				}
			}
			if err := st.ends(ctx); err != nil {
				return err
			}
		}
		return nil
	}
}

// ends releases what is held until nothing is under way.
func (st *stage) ends(ctx context.Context) error {
	var jobs []listed
	for range 600 {
		_ = st.release(ctx, st.n, "t-raw", "anna")
		_ = st.release(ctx, st.n, "t-lpr", "ben")
		if err := st.command(ctx, &jobs, "job", "list", "--all", "--json"); err != nil {
			return err
		}
		if quiet(jobs) {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return &broken{"I6", fmt.Sprintf("jobs are still under way: %+v", unfinished(jobs))}
}

// stalled: a device stops reading in the middle of a large document, for as long as
// -stall says, with its connection open. Others print meanwhile; in the end the
// document comes out whole, once.
func stalled(ctx context.Context, st *stage) error {
	if err := st.start(ctx); err != nil {
		return err
	}
	stall, begun := make(chan struct{}), make(chan struct{})
	lift := sync.OnceFunc(func() { close(stall) })
	defer lift()
	st.raw.play(func(int) mood { return mood{dieAt: -1, stallAt: 100_000, stall: stall, begun: begun} }) // who only looks sends nothing
	if err := st.all(plan{held: true, user: "anna", octets: 64 << 20}, 1, "before"); err != nil {
		return err
	}
	if err := st.release(ctx, st.n, "t-raw", "anna"); err != nil {
		return err
	}
	select {
	case <-begun:
	case <-time.After(10 * time.Second):
		return &broken{"I6", "the device was sent nothing"}
	}
	var others int
	for until := time.Now().Add(st.o.stall); ; {
		if others < 400 {
			if err := st.all(plan{held: true, user: "ben"}, 4, "while a device does not read"); err != nil {
				return err
			}
			others += 4
			before := len(st.lpr.sightings())
			if err := st.release(ctx, st.n, "t-lpr", "ben"); err != nil {
				return err
			}
			for range 100 {
				if len(st.lpr.sightings()) >= before+4 {
					break
				}
				time.Sleep(50 * time.Millisecond)
			}
			if got := len(st.lpr.sightings()); got < before+4 {
				return &broken{"I6", fmt.Sprintf("%d of 4 jobs were printed elsewhere while a device did not read", got-before)}
			}
		}
		left := time.Until(until)
		if left <= 0 {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(left, max(st.o.stall/100, time.Second))):
		}
	}
	st.say("not read for %s, %d jobs printed elsewhere meanwhile", st.o.stall, others)
	lift()
	for range 300 {
		if len(st.raw.sightings()) > 0 {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return &broken{"I1", "the document did not come out when the device read again"}
}

// twoTerminals: the same jobs are released at two terminals at once, again and
// again. Each comes out once.
func twoTerminals(times int) func(ctx context.Context, st *stage) error {
	return func(ctx context.Context, st *stage) error {
		if err := st.start(ctx); err != nil {
			return err
		}
		for range times {
			if err := st.all(plan{held: true, user: "anna", small: true}, 2, "before"); err != nil {
				return err
			}
			var wg sync.WaitGroup
			for _, terminal := range []string{"t-raw", "t-lpr"} {
				wg.Go(func() { _ = st.release(ctx, st.n, terminal, "anna") })
			}
			wg.Wait()
		}
		st.say("released at two terminals %d times", times)
		return st.ends(ctx)
	}
}

// cancelWhileSending: a job is canceled while its device takes it.
func cancelWhileSending(ctx context.Context, st *stage) error {
	if err := st.start(ctx); err != nil {
		return err
	}
	for _, d := range []struct {
		sink           *sink
		terminal, user string
	}{{st.raw, "t-raw", "anna"}, {st.lpr, "t-lpr", "ben"}} {
		stall, begun := make(chan struct{}), make(chan struct{})
		lift := sync.OnceFunc(func() { close(stall) })
		defer lift()
		d.sink.play(func(int) mood { return mood{dieAt: -1, stallAt: 50_000, stall: stall, begun: begun} })
		if err := st.all(plan{held: true, user: d.user, octets: 64 << 20}, 1, "before"); err != nil {
			return err
		}
		st.jobs[len(st.jobs)-1].fate = "canceled"
		if err := st.release(ctx, st.n, d.terminal, d.user); err != nil {
			return err
		}
		select {
		case <-begun:
		case <-time.After(10 * time.Second):
			return &broken{"I6", "the device was sent nothing"}
		}
		var jobs []listed
		if err := st.command(ctx, &jobs, "job", "list", "--json"); err != nil {
			return err
		}
		if len(jobs) != 1 {
			return errors.New("more than one job is there")
		}
		if err := st.command(ctx, nil, "job", "cancel", fmt.Sprint(jobs[0].ID)); err != nil {
			return err
		}
		time.Sleep(300 * time.Millisecond)
		lift()
		if err := st.ends(ctx); err != nil {
			return err
		}
		if err := st.command(ctx, &jobs, "job", "list", "--all", "--json"); err != nil {
			return err
		}
		for _, j := range jobs {
			if j.State != "canceled" {
				return &broken{"I2", fmt.Sprintf("a job that was canceled while it was sent is %s", j.State)}
			}
		}
	}
	return nil
}
