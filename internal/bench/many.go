package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

func tool(name string, args ...string) error { return exec.Command(name, args...).Run() }

// benchIdle is the memory of a node that has nothing to do.
func benchIdle(ctx context.Context, binary, dir string, raw *sink, v *verdicts) error {
	n, err := startNode(ctx, binary, filepath.Join(dir, "idle"), raw)
	if err != nil {
		return err
	}
	if _, err := n.again(ctx); err != nil { // the first start hashes passwords, which takes memory once
		return err
	}
	defer n.stop()
	time.Sleep(15 * time.Second)
	rss := float64(n.memory("VmRSS:")) / 1024
	fmt.Printf("an idle node, 15 s after its start: %.1f MiB resident\n\n", rss)
	v.most("idle memory of a node", rss, 60, 40, " MiB")
	return nil
}

// again kills the node as a power cut would, starts it, and returns how long it
// took until it was ready.
func (n *node) again(ctx context.Context) (time.Duration, error) {
	_ = n.cmd.Process.Kill()
	<-n.done
	if err := os.Remove(filepath.Join(n.dir, "addresses.json")); err != nil {
		return 0, err
	}
	start := time.Now()
	if err := n.start(ctx); err != nil {
		return 0, err
	}
	for ; ; time.Sleep(time.Millisecond) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+n.web+"/readyz", nil)
		if err != nil {
			return 0, err
		}
		res, err := n.http.Do(req)
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return time.Since(start), nil
			}
		}
		if time.Since(start) > 2*time.Minute {
			return 0, errors.Join(errors.New("the node is not ready after two minutes"), err)
		}
	}
}

// people and jobs of the node that has many.
const manyUsers, manyJobs = 100_000, 1_000_000

// benchMany is a node with very many people and held jobs: how long it takes to
// come back after kill -9, and from a card to the list of its owner's jobs, beside
// a node with a thousand of each.
func benchMany(ctx context.Context, binary, dir string, raw *sink, v *verdicts) error {
	few, err := crowded(ctx, binary, filepath.Join(dir, "few"), raw, 1000)
	if err != nil {
		return err
	}
	defer few.stop()
	many, err := crowded(ctx, binary, filepath.Join(dir, "many"), raw, manyUsers)
	if err != nil {
		return err
	}
	defer many.stop()
	fmt.Println("ready after kill -9, with so many held jobs (files in the cache)")
	held := 0
	for _, stage := range []struct {
		jobs   int
		within float64 // seconds; 0: not asked for
	}{{0, 1}, {10_000, 5}, {100_000, 30}, {manyJobs, 0}} {
		began := time.Now()
		if err := many.fill(ctx, held, stage.jobs, manyUsers); err != nil {
			return err
		}
		rate := float64(stage.jobs-held) / time.Since(began).Seconds()
		held = stage.jobs
		var took spread
		for range 3 {
			d, err := many.again(ctx)
			if err != nil {
				return err
			}
			took = append(took, d.Seconds())
		}
		fmt.Printf("%9d jobs: %s s (they came in at %.0f jobs/s)\n", held, took, rate)
		if stage.within > 0 {
			v.most(fmt.Sprintf("ready with %d held jobs", held), took.median(), stage.within, stage.within, " s")
		}
	}
	if err := few.fill(ctx, 0, 1000, 1000); err != nil {
		return err
	}
	var small, large spread
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range 520 {
		for _, at := range []struct {
			n     *node
			users int
			into  *spread
		}{{few, 1000, &small}, {many, manyUsers, &large}} {
			start := time.Now()
			if err := at.n.list(ctx, rng.IntN(at.users)); err != nil {
				return err
			}
			if i >= 20 { // caches are warm
				*at.into = append(*at.into, time.Since(start).Seconds()*1e3)
			}
		}
	}
	fmt.Printf("card to list, ms: 1,000 people and jobs p50 %.2f p99 %.2f; %d people and %d jobs p50 %.2f p99 %.2f\n\n",
		small.median(), small.at(0.99), manyUsers, manyJobs, large.median(), large.at(0.99))
	v.most("card to list with very many, p99, times that with few", large.at(0.99)/small.at(0.99), 2, 1.3, "")
	v.most("card to list with very many, p99", large.at(0.99), 1000, 10, " ms")
	return nil
}

// crowded starts a node with so many people, each with a card.
func crowded(ctx context.Context, binary, dir string, raw *sink, users int) (*node, error) {
	n, err := startNode(ctx, binary, dir, raw)
	if err != nil {
		return nil, err
	}
	table := dir + ".csv"
	f, err := os.Create(table)
	if err != nil {
		return nil, err
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "login,full_name,cards")
	for i := range users {
		fmt.Fprintf(w, "%s,Person %d,%s\n", login(i), i, card(i))
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		return nil, err
	}
	began := time.Now()
	if err := errors.Join(n.command(ctx, nil, "import", "users", table), os.Remove(table)); err != nil {
		n.stop()
		return nil, err
	}
	fmt.Printf("%d people imported in %s\n", users, time.Since(began).Round(10*time.Millisecond))
	return n, nil
}

func login(i int) string { return fmt.Sprintf("person%06d", i) }
func card(i int) string  { return fmt.Sprintf("0A%08X", 0x10000000+i) }

// fill prints small held jobs until there are so many, several in each connection.
func (n *node) fill(ctx context.Context, from, to, users int) error {
	const perConnection = 100
	var next atomic.Int64
	next.Store(int64(from))
	var wg sync.WaitGroup
	errs := make(chan error, 64)
	for range cap(errs) {
		wg.Go(func() {
			for ctx.Err() == nil {
				first := int(next.Add(perConnection)) - perConnection
				if first >= to {
					return
				}
				if err := n.several(first, min(first+perConnection, to), users); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return ctx.Err()
	}
}

func (n *node) several(from, to, users int) error {
	conn, err := net.Dial("tcp", n.lpd)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(2 * time.Minute))
	say := func(s string) error {
		if _, err := io.WriteString(conn, s); err != nil {
			return err
		}
		var b [1]byte
		if _, err := io.ReadFull(conn, b[:]); err != nil {
			return err
		}
		if b[0] != 0 {
			return fmt.Errorf("refused with octet %d", b[0])
		}
		return nil
	}
	err = say("\x02secure\n")
	for i := from; i < to && err == nil; i++ {
		control := fmt.Sprintf("Hbench\nP%s\nJjob %d\nldfA%03dbench\n", login(i%users), i, i%1000)
		doc := fmt.Sprintf("document %d\n", i)
		for _, s := range []string{
			fmt.Sprintf("\x02%d cfA%03dbench\n", len(control), i%1000), control + "\x00",
			fmt.Sprintf("\x03%d dfA%03dbench\n", len(doc), i%1000), doc + "\x00",
		} {
			if err = say(s); err != nil {
				break
			}
		}
	}
	return err
}

// list signs somebody in with a card, reads the list and signs out.
func (n *node) list(ctx context.Context, user int) error {
	var s struct{ Session string }
	if err := n.call(ctx, "sessions", map[string]any{"method": "card", "value": card(user)}, &s); err != nil {
		return err
	}
	var jobs []struct{ ID int64 }
	if err := n.ask(ctx, http.MethodGet, "sessions/"+s.Session+"/jobs", nil, &jobs); err != nil {
		return err
	}
	if len(jobs) == 0 {
		return fmt.Errorf("%s has no job", login(user))
	}
	return nil
}
