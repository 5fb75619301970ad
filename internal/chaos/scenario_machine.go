package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

func machineScenarios() []scenario {
	return []scenario{
		{name: "descriptors", faults: "F15", play: noDescriptors},
		{name: "memory", faults: "F16", play: noMemory},
		{name: "paused", faults: "F24", play: paused},
		{name: "clock-ahead", faults: "F22 F23", play: clockJumps("87600h")},
		{name: "clock-back", faults: "F22 F23", play: clockJumps("-8760h")},
		{name: "poison", faults: "F21", play: poison},
		{name: "erase-crash", faults: "F56", play: eraseCrash},
	}
}

// meanwhile prints while something is done to the node, and returns how many jobs
// were taken.
func (st *stage) meanwhile(p plan, k int, do func() error) (taken int, err error) {
	var wg sync.WaitGroup
	wg.Go(func() { taken = st.print(p, k) })
	err = do()
	wg.Wait()
	return taken, err
}

// noDescriptors: the process may not open anything more.
func noDescriptors(ctx context.Context, st *stage) error {
	if err := st.start(ctx); err != nil {
		return err
	}
	if err := st.all(held, 16, "before"); err != nil {
		return err
	}
	pid := fmt.Sprint(st.n.cmd.Process.Pid)
	open, err := os.ReadDir(filepath.Join("/proc", pid, "fd"))
	if err != nil {
		return err
	}
	limit := func(n int) error { return tool(ctx, "prlimit", "--pid", pid, fmt.Sprintf("--nofile=%d:", n)) }
	var idle []net.Conn
	defer func() {
		for _, c := range idle {
			c.Close()
		}
	}()
	taken, err := st.meanwhile(held, 32, func() error {
		if err := limit(len(open) + 4); err != nil {
			return err
		}
		for range 32 { // they wait in the kernel's queue
			if c, err := net.DialTimeout("tcp", st.n.lpd, time.Second); err == nil {
				idle = append(idle, c)
			}
		}
		time.Sleep(2 * time.Second)
		for _, c := range idle {
			c.Close()
		}
		return limit(4096)
	})
	if err != nil {
		return err
	}
	st.say("four descriptors left: %d of 32 jobs taken", taken)
	if st.n.dead() {
		return &broken{"I6", "the node died of missing descriptors"}
	}
	return st.all(held, 16, "when there were descriptors again")
}

// noMemory: the kernel kills the node because its group has used up its memory.
func noMemory(ctx context.Context, st *stage) error {
	group := filepath.Join("/sys/fs/cgroup/memory", filepath.Base(st.o.dir))
	limit := "memory.limit_in_bytes"
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil { // version 2
		group, limit = filepath.Join("/sys/fs/cgroup", filepath.Base(st.o.dir)), "memory.max"
	}
	if err := os.Mkdir(group, 0o755); err != nil {
		return err
	}
	defer func() {
		for range 50 {
			if os.Remove(group) == nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	}()
	if err := st.start(ctx); err != nil {
		return err
	}
	if err := st.all(held, 16, "before"); err != nil {
		return err
	}
	set := func(file, value string) error { return os.WriteFile(filepath.Join(group, file), []byte(value), 0o644) }
	taken, err := st.meanwhile(large, 64, func() error {
		return errors.Join(set("cgroup.procs", fmt.Sprint(st.n.cmd.Process.Pid)), set(limit, "1048576"))
	})
	if err != nil {
		return err
	}
	for range 8 {
		if !st.n.dead() {
			taken += st.print(large, 16)
		}
	}
	st.say("%d jobs taken before the kernel's kill", taken)
	if !st.n.dead() {
		return errors.New("the kernel did not kill the node")
	}
	return st.start(ctx)
}

// paused: the process stands still for a while, as in a virtual machine that is
// suspended, while jobs come and go.
func paused(ctx context.Context, st *stage) error {
	if err := st.start(ctx); err != nil {
		return err
	}
	if err := st.all(held, 16, "before"); err != nil {
		return err
	}
	taken, err := st.meanwhile(plan{}, 64, func() error {
		err := errors.Join(st.release(ctx, st.n, "t-raw", "anna"), st.release(ctx, st.n, "t-lpr", "ben"))
		for range 3 {
			time.Sleep(30 * time.Millisecond)
			err = errors.Join(err, st.n.cmd.Process.Signal(syscall.SIGSTOP))
			time.Sleep(time.Second)
			err = errors.Join(err, st.n.cmd.Process.Signal(syscall.SIGCONT))
		}
		return err
	})
	if err == nil && taken != 64 {
		err = &broken{"I6", fmt.Sprintf("%d of 64 jobs were taken by a node that was paused three times", taken)}
	}
	return err
}

// clockJumps: the wall clock of the machine is wrong by years, while the node runs
// and over a restart, and comes back.
func clockJumps(by string) func(ctx context.Context, st *stage) error {
	return func(ctx context.Context, st *stage) error {
		clock := filepath.Join(st.dir, "wall-clock")
		st.env = []string{"PLATEN_CLOCK=" + clock}
		if err := st.start(ctx); err != nil {
			return err
		}
		if err := st.all(held, 24, "before"); err != nil {
			return err
		}
		if err := os.WriteFile(clock, []byte(by), 0o600); err != nil {
			return err
		}
		time.Sleep(time.Second)
		if err := st.all(held, 8, "while the clock was wrong"); err != nil {
			return err
		}
		if err := st.again(ctx); err != nil { // the keeper's first round comes with the start
			return err
		}
		time.Sleep(2 * time.Second)
		if err := st.allHeld(ctx, 32); err != nil {
			return err
		}
		if err := os.Remove(clock); err != nil {
			return err
		}
		time.Sleep(time.Second)
		if err := st.all(held, 8, "when the clock was right again"); err != nil {
			return err
		}
		if err := st.again(ctx); err != nil {
			return err
		}
		time.Sleep(2 * time.Second)
		return st.allHeld(ctx, 40)
	}
}

// allHeld demands that so many jobs are held and no other is there.
func (st *stage) allHeld(ctx context.Context, n int) error {
	var jobs []listed
	if err := st.command(ctx, &jobs, "job", "list", "--all", "--json"); err != nil {
		return err
	}
	count := 0
	for _, j := range jobs {
		if j.State == "pending-held" {
			count++
		}
	}
	if count != n || len(jobs) != n {
		return &broken{"I1", fmt.Sprintf("%d of %d jobs are held, %d are there", count, n, len(jobs))}
	}
	return nil
}

// poison: a document crashes the node each time that it is worked on. The node must
// not go round in circles, and others must print.
func poison(ctx context.Context, st *stage) error {
	crash := "PLATEN_FAILPOINTS=dispatch.verified=kill@1"
	if err := st.start(ctx, crash); err != nil {
		return err
	}
	if err := st.all(plan{held: true, user: "anna"}, 1, "before"); err != nil {
		return err
	}
	_ = st.release(ctx, st.n, "t-raw", "anna") // the answer may be lost with the node
	crashes := 0
	for ; crashes < 10; crashes++ {
		select {
		case <-st.n.done:
		case <-time.After(5 * time.Second):
		}
		if !st.n.dead() {
			break
		}
		if err := st.startDoomed(ctx, crash); err != nil {
			return err
		}
	}
	if crashes != 2 {
		return &broken{"I6", fmt.Sprintf("one job has crashed the node %d times", crashes)}
	}
	st.say("set aside after %d crashes", crashes)
	if err := st.again(ctx); err != nil {
		return err
	}
	return st.all(held, 16, "beside it")
}

// startDoomed starts a node that may die at once.
func (st *stage) startDoomed(ctx context.Context, env ...string) (err error) {
	st.n, err = start(ctx, st.o.node, st.dir, append(st.env, env...)...)
	return err
}

// eraseCrash: the node is killed while it lets go of documents. Whatever was
// canceled is gone in the end, and nothing else.
func eraseCrash(ctx context.Context, st *stage) error {
	if err := st.start(ctx); err != nil {
		return err
	}
	if err := errors.Join(st.all(large, 32, "before"), st.all(held, 32, "before")); err != nil {
		return err
	}
	var jobs []listed
	if err := st.command(ctx, &jobs, "job", "list", "--all", "--json"); err != nil {
		return err
	}
	byOctets := map[int64]*submission{}
	for _, s := range st.jobs {
		byOctets[s.octets] = s
	}
	kills := 0
	for i, j := range jobs {
		if i%4 == 3 {
			continue // these stay
		}
		byOctets[j.Octets].fate = "canceled"
		n := st.n
		if i%8 == 0 {
			kills++
			time.AfterFunc(time.Duration(st.rng.IntN(30))*time.Millisecond, n.kill)
		}
		_ = st.command(ctx, nil, "job", "cancel", fmt.Sprint(j.ID))
		if i%8 == 0 {
			n.kill()
			if err := st.start(ctx); err != nil {
				return err
			}
		}
	}
	st.say("%d kills while erasing", kills)
	if err := st.command(ctx, &jobs, "job", "list", "--all", "--json"); err != nil {
		return err
	}
	return st.erased(jobs)
}

// erased demands that no document of a canceled job is left, after a round of the
// keeper.
func (st *stage) erased(jobs []listed) error {
	var left []string
	for range 100 {
		left = nil
		for _, j := range jobs {
			if j.State != "canceled" {
				continue
			}
			found, err := filepath.Glob(filepath.Join(st.dir, "spool", "docs", j.UUID+"-*"))
			if err != nil {
				return err
			}
			left = append(left, found...)
		}
		if len(left) == 0 {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return &broken{"I5", fmt.Sprintf("documents of canceled jobs are left: %v", left)}
}
