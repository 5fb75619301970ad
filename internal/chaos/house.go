package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// house is what all rounds share: printers, and the folder of a node that is
// set up and was stopped in order.
type house struct {
	o        options
	template string
	raw, lpr *sink
	label    *sink // behind the passthrough queue
	tokens   map[string]string
	rounds   int // played so far
}

// people of the demo, and their cards.
var people = map[string]string{"anna": "04A1B2C3D4", "ben": "04E5F60718"}

// build sets a node up once, through its own commands.
func build(ctx context.Context, o options) (*house, error) {
	h := &house{o: o, template: filepath.Join(o.dir, "template"), tokens: map[string]string{}}
	var err error
	for _, s := range []struct {
		p   **sink
		lpr bool
	}{{&h.raw, false}, {&h.lpr, true}, {&h.label, false}} {
		if *s.p, err = newSink(s.lpr); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(h.template, 0o700); err != nil {
		return nil, err
	}
	n, err := start(ctx, o.node, h.template)
	if err != nil {
		return nil, err
	}
	if n.dead() {
		return nil, fmt.Errorf("the node died at once; see %s", filepath.Join(h.template, "chaos.log"))
	}
	defer n.kill()
	run := func(v any, args ...string) {
		if err == nil {
			err = command(ctx, o.node, h.template, v, args...)
		}
	}
	run(nil, "device", "add", "raw", "--uri", h.raw.uri())
	run(nil, "device", "add", "lpr", "--uri", h.lpr.uri())
	run(nil, "device", "add", "label", "--uri", h.label.uri())
	run(nil, "queue", "add", "label", "--mode", "passthrough", "--device", "label")
	for _, d := range []string{"raw", "lpr"} {
		var t struct{ Token string }
		run(&t, "terminal", "add", "t-"+d, "--device", d, "--json")
		h.tokens["t-"+d] = t.Token
	}
	if err != nil {
		return nil, err
	}
	return h, n.stop()
}

func (h *house) close() {
	for _, s := range []*sink{h.raw, h.lpr, h.label} {
		s.ln.Close()
	}
}

func (h *house) sinks() []*sink { return []*sink{h.raw, h.lpr, h.label} }

// round plays one plan on a fresh copy of the node and judges it.
func (h *house) round(ctx context.Context, i int, p plan) (tally, error) {
	rng := rand.New(rand.NewPCG(h.o.seed, uint64(i)+1))
	h.rounds++ // a folder of its own, also when a defect plays the same number again
	dir := filepath.Join(h.o.dir, fmt.Sprintf("round-%d-%d", i, h.rounds))
	var disk *image
	if p.fs != "" {
		var err error
		if disk, err = mountImage(ctx, p.fs, dir+".img", dir, imageOctets); err != nil {
			return tally{}, err
		}
		defer disk.remove(ctx)
		dir = disk.node()
	}
	if err := h.furnish(ctx, dir); err != nil {
		return tally{}, err
	}
	if !h.o.keep {
		defer os.RemoveAll(dir)
	}
	bad := p.kind == badDevices || rng.IntN(4) == 0
	p.cuts = p.kind == atFailpoint || p.kind == randomKill || p.kind == powerCut
	for j, s := range h.sinks() {
		s.reset(h.o.seed+uint64(i*10+j), bad)
	}

	fslog := filepath.Join(dir, "fs.log")
	n, err := start(ctx, h.o.node, dir, "PLATEN_FAILPOINTS="+p.failpoints, "PLATEN_FSLOG="+fslog)
	if err != nil {
		return tally{}, err
	}
	jobs := h.load(ctx, n, p, rng, duringLoad(p, rng, n, disk))
	if p.kind != badDevices {
		n.kill()
	}
	killed := n.dead()
	if p.kind == powerCut {
		if _, err := loseUnsynced(fslog); err != nil {
			return tally{}, err
		}
	}
	if disk != nil {
		if p.kind == realCut { // a node that goes on answers for all it has said
			promised(jobs, disk.cut)
		}
		if err := disk.again(ctx); err != nil {
			return tally{}, err
		}
	}
	if killed {
		if n, err = start(ctx, h.o.node, dir); err != nil {
			return tally{}, err
		}
		if n.dead() {
			return tally{}, &broken{"I6", "the node does not start again: " + tail(filepath.Join(dir, "chaos.log"))}
		}
	}
	t, err := h.verdict(ctx, n, jobs)
	t.killed = killed
	return t, err
}

// verdict lets a node that has come back finish, and judges it.
func (h *house) verdict(ctx context.Context, n *node, jobs []*submission) (tally, error) {
	defer n.kill()
	e, err := h.settle(ctx, n, n.dir, jobs)
	if err != nil {
		return tally{}, err
	}
	if err := judge(e); err != nil {
		return tally{}, err
	}
	if err := command(ctx, h.o.node, n.dir, nil, "audit", "verify"); err != nil {
		return tally{}, &broken{"I7", err.Error()}
	}
	if err := n.stop(); err != nil {
		return tally{}, &broken{"I6", err.Error()}
	}
	return count(e), h.files(ctx, n.dir, e)
}

// furnish puts a copy of the node in dir, as one that was set up long ago.
func (h *house) furnish(ctx context.Context, dir string) error {
	if err := tool(ctx, "cp", "-a", h.template, dir); err != nil {
		return err
	}
	return tool(ctx, "sync", "-f", dir)
}

// during is what happens while a node is under load. acked tells of every
// acknowledgement.
type during func(ctx context.Context, acked <-chan struct{})

// duringLoad is what a plan does to the node; nil, nothing.
func duringLoad(p plan, rng *rand.Rand, n *node, disk *image) during {
	at := time.Duration(20+rng.IntN(500)) * time.Millisecond
	switch p.kind {
	case randomKill, powerCut:
		return func(ctx context.Context, _ <-chan struct{}) {
			pause(ctx, at, n)
			n.kill()
		}
	case realCut, living:
		acks := 0
		if p.afterAck {
			acks = 1 + rng.IntN(16)
		}
		at = time.Duration(5+rng.IntN(150)) * time.Millisecond
		return func(ctx context.Context, acked <-chan struct{}) {
			if !await(ctx, acks, acked) || acks == 0 {
				pause(ctx, at, n)
			}
			stop := disk.shutdown
			if p.kind == living {
				stop = func() error { return disk.abort(ctx) }
			}
			if err := stop(); err != nil {
				fmt.Println("the file system could not be stopped:", err)
			}
			if p.kind == realCut {
				n.kill()
			}
		}
	}
	return nil
}

// pause waits, or until the node has ended.
func pause(ctx context.Context, d time.Duration, n *node) {
	select {
	case <-time.After(d):
	case <-n.done:
	case <-ctx.Done():
	}
}

// await reports whether so many acknowledgements came.
func await(ctx context.Context, acks int, acked <-chan struct{}) bool {
	for range acks {
		select {
		case <-acked:
		case <-time.After(3 * time.Second): // the load is over
			return false
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// load sends jobs and releases some, until the work is done or the node dies.
func (h *house) load(ctx context.Context, n *node, p plan, rng *rand.Rand, meanwhile during) []*submission {
	writers, each := 4, 8
	if p.kind == living { // at most one job of each is under way at the moment that counts
		writers, each = 16, 4
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var all []*submission
	var wg sync.WaitGroup
	acked := make(chan struct{}, writers*each)
	for w := range writers {
		wrng := rand.New(rand.NewPCG(rng.Uint64(), uint64(w)))
		mine := make([]*submission, each)
		for k := range mine {
			mine[k] = p.submission(w*each+k, wrng)
		}
		all = append(all, mine...)
		wg.Go(func() {
			for _, s := range mine {
				if n.dead() || ctx.Err() != nil {
					return
				}
				if s.send(n, wrng) == nil {
					acked <- struct{}{}
				}
			}
		})
	}
	stop := make(chan struct{})
	var releasers sync.WaitGroup
	if !p.held {
		for _, r := range []struct{ terminal, user string }{{"t-raw", "anna"}, {"t-lpr", "ben"}} {
			releasers.Go(func() {
				for {
					select {
					case <-stop:
						return
					case <-n.done:
						return
					case <-time.After(50 * time.Millisecond):
						_ = h.release(ctx, n, r.terminal, r.user)
					}
				}
			})
		}
	}
	if meanwhile != nil {
		wg.Go(func() { meanwhile(ctx, acked) })
	}
	wg.Wait()
	if p.kind == atFailpoint || p.kind == badDevices { // let deliveries come far enough
		select {
		case <-n.done:
		case <-time.After(1500 * time.Millisecond):
		}
	}
	close(stop)
	releasers.Wait()
	return all
}

// submission makes up a job of a plan.
func (p plan) submission(id int, rng *rand.Rand) *submission {
	s := &submission{
		id: id, octets: smallest + int64(id) + stride*rng.Int64N(1+rng.Int64N(sizes[rng.IntN(len(sizes))])),
		user: pick(rng, "anna", "ben"), queue: pick(rng, "secure", "secure", "label"),
		order: pick(rng, p.orders()...), copies: 1 + rng.IntN(8)/7,
	}
	s.cut = p.cuts && s.overIPP() && rng.IntN(12) == 0
	if p.held {
		s.queue = "secure"
	}
	if p.direct {
		s.queue = "label"
	}
	if p.user != "" {
		s.user = p.user
	}
	switch {
	case p.octets > 0:
		s.octets = p.octets + int64(id)
	case p.tiny:
		s.octets, s.copies = smallest+int64(id), 1 // each its own length, without end
	case p.small:
		s.octets = smallest + stride*rng.Int64N(20) + int64(id)
	case p.large:
		s.octets = stride*(140+rng.Int64N(250)) + int64(id)
	}
	return s
}

// orders are the ways in which a job may come: half of them over IPP.
func (p plan) orders() []string {
	if p.ipp {
		return ippOrders
	}
	return append(slices.Clone(orders), ippOrders...)
}

// promised forgets acknowledgements and numbers that came when the cut had begun: a machine
// without power could not have sent them.
func promised(jobs []*submission, cut time.Time) {
	for _, s := range jobs {
		if !s.acked.Before(cut) {
			s.acked = time.Time{}
		}
		if !s.told.Before(cut) {
			s.number = 0
		}
	}
}

// stride is how many documents a round may have: no two get the same length.
const stride = 512

// sizes, in strides: half of the documents are small enough for the spool's log,
// a quarter is about as large as such a document may be.
var sizes = []int64{25, 125, 250, 500}

func pick[T any](rng *rand.Rand, of ...T) T { return of[rng.IntN(len(of))] }

// release signs a person in with a card and releases everything.
func (h *house) release(ctx context.Context, n *node, terminal, user string) error {
	api, err := newAPI(n, h.tokens[terminal])
	if err != nil {
		return err
	}
	var s struct{ Session string }
	if err := api.call(ctx, "POST", "sessions", map[string]string{"method": "card", "value": people[user]}, &s); err != nil {
		return err
	}
	return api.call(ctx, "POST", "sessions/"+s.Session+"/release", map[string]any{"jobs": "all", "idempotency_key": fmt.Sprint(time.Now().UnixNano())}, &struct{}{})
}

// settle lets the restarted node finish: everything held is released to
// devices that behave now, and nothing may be left under way.
func (h *house) settle(ctx context.Context, n *node, dir string, jobs []*submission) (evidence, error) {
	for _, s := range h.sinks() {
		s.behave()
	}
	e := evidence{submitted: jobs}
	deadline := time.Now().Add(60 * time.Second)
	for {
		for _, r := range []struct{ terminal, user string }{{"t-raw", "anna"}, {"t-lpr", "ben"}} {
			if err := h.release(ctx, n, r.terminal, r.user); err != nil && time.Now().After(deadline) {
				return e, &broken{"I6", "release after the restart: " + err.Error()}
			}
		}
		time.Sleep(150 * time.Millisecond)
		e.jobs = nil
		if err := command(ctx, h.o.node, dir, &e.jobs, "job", "list", "--all", "--json"); err != nil {
			return e, err
		}
		if quiet(e.jobs) {
			break
		}
		if time.Now().After(deadline) {
			return e, &broken{"I6", fmt.Sprintf("jobs are still under way after 60 s: %+v", unfinished(e.jobs))}
		}
	}
	for _, s := range h.sinks() {
		s.quiet()
		e.seen = append(e.seen, s.sightings()...)
	}
	return e, command(ctx, h.o.node, dir, &e.rows, "export", "accounting", "--format", "json")
}

func unfinished(jobs []listed) (left []listed) {
	for _, j := range jobs {
		switch j.State {
		case "pending", "processing", "pending-held":
			left = append(left, j)
		}
	}
	return left
}

// quiet: nothing pending, nothing processing, and all that anna and ben held
// is released.
func quiet(jobs []listed) bool { return len(unfinished(jobs)) == 0 }

// files checks I5 and I8 on the stopped node.
func (h *house) files(ctx context.Context, dir string, e evidence) error {
	db := filepath.Join(dir, "platen.db")
	out, err := exec.CommandContext(ctx, "sqlite3", "-readonly", db, "PRAGMA integrity_check;").CombinedOutput()
	if err != nil || string(bytes.TrimSpace(out)) != "ok" {
		return &broken{"I5", fmt.Sprintf("integrity_check: %v %s", err, out)}
	}
	docs, err := os.ReadDir(filepath.Join(dir, "spool", "docs"))
	if err != nil {
		return err
	}
	uuids := map[string]bool{}
	for _, j := range e.jobs {
		uuids[j.UUID] = true
	}
	for _, d := range docs {
		if len(d.Name()) < 36 || !uuids[d.Name()[:36]] {
			return &broken{"I5", "an orphan in the spool: " + d.Name()}
		}
	}
	return noPlaintext(dir)
}

// noPlaintext checks I8: the words of a document are nowhere in the clear.
func noPlaintext(dir string) error {
	return filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if bytes.Contains(b, []byte(magic)) {
			return &broken{"I8", "a document in the clear: " + path}
		}
		return nil
	})
}

func tail(path string) string {
	b, _ := os.ReadFile(path)
	return string(b[max(0, len(b)-2000):])
}
