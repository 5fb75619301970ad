package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// A scenario is one fault of the machine, the disk, a device or a person, done to
// a whole node that has work; then the fault is over and the node is judged.
type scenario struct {
	name   string
	faults string // by their numbers in docs/faults.md
	slow   bool   // not in the short form
	play   func(ctx context.Context, st *stage) error
}

func allScenarios() []scenario {
	return slices.Concat(diskScenarios(), machineScenarios(), damageScenarios(), deviceScenarios(), ippScenarios())
}

// scenes plays what -scenario asks for.
func scenes(ctx context.Context, h *house, o options) error {
	played := 0
	var failed []error // the others are played all the same
	for i, sc := range allScenarios() {
		if o.scene != sc.name && o.scene != "all" && (o.scene != "short" || sc.slow) {
			continue
		}
		played++
		begin := time.Now()
		seed := o.seed + uint64(i)
		if o.scene == sc.name {
			seed = o.seed
		}
		said, err := h.scene(ctx, sc, seed)
		if err != nil {
			err = fmt.Errorf("scenario %s (%s): %w\nrepeat it with: bin/chaos -scenario %s -seed %d -keep", sc.name, sc.faults, err, sc.name, seed)
			fmt.Println(err)
			failed = append(failed, err)
			continue
		}
		fmt.Printf("scenario %-22s seed %d %-10s %5.1f s  %s\n", sc.name, seed, sc.faults, time.Since(begin).Seconds(), said)
	}
	if played == 0 {
		var names []string
		for _, sc := range allScenarios() {
			names = append(names, sc.name)
		}
		return fmt.Errorf("no scenario is called %q; there are all, short, %s", o.scene, strings.Join(names, ", "))
	}
	if failed != nil {
		return errors.Join(failed...)
	}
	fmt.Printf("chaos: %d scenarios; nothing lost, changed or printed twice, ledger exact\n", played)
	return nil
}

// scene plays one scenario on a node of its own.
func (h *house) scene(ctx context.Context, sc scenario, seed uint64) (string, error) {
	h.rounds++
	st := &stage{house: h, dir: filepath.Join(h.o.dir, fmt.Sprintf("%s-%d", sc.name, h.rounds)), rng: rand.New(rand.NewPCG(seed, 11))}
	for i, s := range h.sinks() {
		s.reset(seed+uint64(i), false)
	}
	defer func() {
		if st.n != nil {
			st.n.kill()
		}
		for _, v := range st.volumes {
			v.remove(ctx)
		}
		if !h.o.keep {
			_ = os.RemoveAll(st.dir)
		}
	}()
	if err := h.furnish(ctx, st.dir); err != nil {
		return "", err
	}
	if err := sc.play(ctx, st); err != nil {
		return "", err
	}
	t, err := h.verdict(ctx, st.n, st.jobs)
	st.n = nil
	if len(st.said) > 0 {
		return strings.Join(st.said, "; ") + "; " + t.String(), err
	}
	return t.String(), err
}

// stage is a node in a scenario, and what was sent to it.
type stage struct {
	*house
	dir     string
	rng     *rand.Rand
	n       *node
	jobs    []*submission
	volumes []*image
	said    []string
	env     []string
}

func (st *stage) say(format string, args ...any) {
	st.said = append(st.said, fmt.Sprintf(format, args...))
}

// start begins a life of the node, which must come up.
func (st *stage) start(ctx context.Context, env ...string) (err error) {
	if st.n, err = start(ctx, st.o.node, st.dir, append(st.env, env...)...); err != nil {
		return err
	}
	if st.n.dead() {
		return &broken{"I6", "the node does not start: " + tail(filepath.Join(st.dir, "chaos.log"))}
	}
	return nil
}

// again kills the node, unless it is dead, and starts it.
func (st *stage) again(ctx context.Context, env ...string) error {
	st.n.kill()
	return st.start(ctx, env...)
}

// print sends k jobs as the plan says, from four clients, and returns how many were
// acknowledged.
func (st *stage) print(p plan, k int) int {
	batch := make([]*submission, k)
	for i := range batch {
		batch[i] = p.submission(len(st.jobs)+i, st.rng)
	}
	st.jobs = append(st.jobs, batch...)
	var wg sync.WaitGroup
	for w := range 4 {
		rng := rand.New(rand.NewPCG(st.rng.Uint64(), uint64(w)))
		wg.Go(func() {
			for i := w; i < k; i += 4 {
				_ = batch[i].send(st.n, rng)
			}
		})
	}
	wg.Wait()
	return acknowledged(batch)
}

// all demands that every one of k jobs is taken.
func (st *stage) all(p plan, k int, when string) error {
	if n := st.print(p, k); n != k {
		return &broken{"I6", fmt.Sprintf("%d of %d jobs were taken %s: %s", n, k, when, tail(filepath.Join(st.dir, "chaos.log")))}
	}
	return nil
}

// command runs one of the node's commands.
func (st *stage) command(ctx context.Context, v any, args ...string) error {
	return command(ctx, st.o.node, st.dir, v, args...)
}

// releases demands that what is held comes out although something is wrong: at
// least one document within ten seconds.
func (st *stage) releases(ctx context.Context, when string) error {
	before := st.papers()
	var err error
	for range 50 {
		err = errors.Join(st.release(ctx, st.n, "t-raw", "anna"), st.release(ctx, st.n, "t-lpr", "ben"))
		time.Sleep(200 * time.Millisecond)
		if st.papers() > before {
			return nil
		}
	}
	return &broken{"I6", fmt.Sprintf("nothing could be released %s: %v", when, err)}
}

func (st *stage) papers() (n int) {
	for _, s := range st.sinks() {
		n += len(s.sightings())
	}
	return n
}

// readyz is the answer of /readyz: its status and its text.
func (st *stage) readyz(ctx context.Context) (int, string) {
	api, err := newAPI(st.n, "")
	if err != nil {
		return 0, err.Error()
	}
	return api.get(ctx, "https://"+st.n.web+"/readyz")
}

// notReady demands that the node says that it does not take jobs.
func (st *stage) notReady(ctx context.Context, when string) error {
	return st.says(ctx, http.StatusServiceUnavailable, when)
}

// ready demands that it says that it takes jobs.
func (st *stage) ready(ctx context.Context, when string) error {
	return st.says(ctx, http.StatusOK, when)
}

// says demands that /readyz answers so, within five seconds.
func (st *stage) says(ctx context.Context, want int, when string) error {
	var status int
	var text string
	for range 50 {
		if status, text = st.readyz(ctx); status == want {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return &broken{"I6", fmt.Sprintf("/readyz says %d %s: %s", status, when, text)}
}

// volume mounts a small file system of its own at a folder of the node, with what
// is in the folder.
func (st *stage) volume(ctx context.Context, sub string, octets int64, how ...string) (*image, error) {
	dir := filepath.Join(st.dir, sub)
	aside := dir + ".aside"
	if err := os.Rename(dir, aside); err != nil {
		return nil, err
	}
	v, err := mountImage(ctx, "ext4", aside+".img", dir, octets, how...)
	if err != nil {
		return nil, err
	}
	st.volumes = append([]*image{v}, st.volumes...) // the last one is unmounted first
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, err
	}
	for _, args := range [][]string{{"cp", "-a", aside + "/.", dir}, {"rm", "-r", aside}, {"sync", "-f", dir}} {
		if err := tool(ctx, args[0], args[1:]...); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// ballast fills a volume to the last octet, and returns what takes it away again.
func ballast(dir string) (lift func() error, err error) {
	path := filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for size := 1 << 20; size >= 1; size >>= 2 {
		b := make([]byte, size)
		for err == nil {
			_, err = f.Write(b)
		}
		err = nil
	}
	_ = f.Sync()
	return func() error { return os.Remove(path) }, nil
}

// tracing makes system calls of the running node fail, as strace's inject has it,
// until it is stopped.
func (st *stage) tracing(ctx context.Context, inject string) (stop func(), err error) {
	calls, _, _ := strings.Cut(inject, ":")
	cmd := exec.CommandContext(ctx, "strace", "-f", "-qq", "-o", filepath.Join(st.dir, "strace.txt"),
		"-p", fmt.Sprint(st.n.cmd.Process.Pid), "-e", "trace="+calls, "-e", "inject="+inject)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	time.Sleep(500 * time.Millisecond) // until it has attached to every thread
	return func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}, nil
}
