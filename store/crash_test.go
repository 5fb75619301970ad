package store

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"platen/accounting"
	"platen/job"
)

// The crash tests kill a child of this test binary with signal 9 and look at
// what it leaves. The child says on its standard output what it was told is
// durable, as a door says it to its client.

const (
	childEnv  = "PLATEN_STORE_CHILD"  // the database; what the child is to do follows a blank
	childKill = "PLATEN_STORE_KILLAT" // "before 3", "after 3": dies around the third COMMIT
)

// TestChild is the child. Without its environment it has nothing to do.
func TestChild(t *testing.T) {
	path, what, child := strings.Cut(os.Getenv(childEnv), " ")
	if !child {
		return
	}
	ctx := context.Background()
	s, err := Open(ctx, options(path, time.Now))
	must(t, err)
	if place, n, ok := strings.Cut(os.Getenv(childKill), " "); ok {
		killAt(s.w, place, n)
	}
	sc, err := s.Default(ctx)
	must(t, err)
	switch what {
	case "add":
		var wg sync.WaitGroup
		for c := range 8 {
			wg.Go(func() {
				for i := 0; ; i++ {
					j := newJob(fmt.Sprint("crash ", c, " ", i), "")
					if sc.AddJob(ctx, j, entries("Arrived.")) != nil {
						return
					}
					fmt.Printf("acked %s\n", j.UUID)
				}
			})
		}
		wg.Wait()
	case "end":
		for {
			j := newJob(job.NewUUID(), "")
			j.State, j.Device, j.Released = job.Pending, hall, epoch
			must(t, sc.AddJob(ctx, j, nil))
			got, err := sc.Claim(ctx, hall, "boot 1", time.Now())
			must(t, err)
			send := job.NewUUID()
			must(t, sc.Intend(ctx, got, send, time.Now()))
			fmt.Printf("intended %s %s\n", got.UUID, send)
			must(t, sc.EndSend(ctx, got, accounting.Row{ID: send, JobID: got.ID, Outcome: accounting.Printed},
				job.Change{State: job.Completed, Reasons: []job.Reason{job.CompletedSuccessfully}, Device: hall}, time.Now()))
			fmt.Printf("ended %s %s\n", got.UUID, send)
		}
	}
}

// killAt makes the writer's process die right before or right after its n-th
// COMMIT, when the callers have not been answered.
func killAt(w *writer, place, n string) {
	var at, commits int
	fmt.Sscan(n, &at)
	commit := w.commit
	die := func() {
		p, _ := os.FindProcess(os.Getpid())
		_ = p.Kill()
		select {}
	}
	w.commit = func(ctx context.Context) error {
		commits++
		if commits == at && place == "before" {
			die()
		}
		err := commit(ctx)
		if commits == at && place == "after" {
			die()
		}
		return err
	}
}

// crash runs the child and kills it once it has said so many lines, or lets it
// kill itself. It returns what was said.
func crash(t *testing.T, path, what, killAt string, lines int) []string {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), childEnv+"="+path+" "+what, childKill+"="+killAt)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	var said []string
	read := bufio.NewScanner(out)
	for read.Scan() {
		said = append(said, read.Text())
		if len(said) == lines {
			must(t, cmd.Process.Kill())
		}
	}
	_ = cmd.Wait() // it was killed
	if cmd.ProcessState.Exited() {
		t.Fatalf("the child ended by itself: %v\n%s", cmd.ProcessState, strings.Join(said, "\n"))
	}
	return said
}

// reopen opens what a crash left, checks it, and returns its jobs by UUID.
func reopen(t *testing.T, path string) (Scope, map[string]job.Job) {
	t.Helper()
	s := open(t, options(path, time.Now))
	if s.Lost() {
		t.Error("the log is taken for lost after a mere crash")
	}
	must(t, s.Check(t.Context()))
	sc, err := s.Default(t.Context())
	must(t, err)
	jobs, err := sc.Jobs(t.Context(), job.Filter{})
	must(t, err)
	byUUID := map[string]job.Job{}
	for _, j := range jobs {
		byUUID[j.UUID] = j
	}
	if len(byUUID) != len(jobs) {
		t.Errorf("%d jobs have %d UUIDs", len(jobs), len(byUUID))
	}
	return sc, byUUID
}

// TestF03KilledWhileAdding: every job whose AddJob returned is there, whole, and
// nothing is there by half.
func TestF03KilledWhileAdding(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	places := []string{"before 1", "after 1", "before 4", "after 4", "before 9", "after 9", "", "", "", ""}
	for i, place := range places {
		t.Run(fmt.Sprint(i, " ", place), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "platen.db")
			said := crash(t, path, "add", place, 1+random.IntN(200))
			sc, jobs := reopen(t, path)
			for _, line := range said {
				uuid, ok := strings.CutPrefix(line, "acked ")
				if !ok {
					continue // the last line may be cut
				}
				if len(uuid) == 36 && jobs[uuid].State != job.Held {
					t.Errorf("job %s was acknowledged and is %v", uuid, jobs[uuid].State)
				}
			}
			octets := int64(0)
			for _, j := range jobs {
				h, err := sc.History(t.Context(), j.ID)
				must(t, err)
				if len(j.Documents) != 2 || len(h) != 1 || !strings.HasPrefix(j.Ticket.Title, "canary title crash ") {
					t.Errorf("job %d is there by half: %d documents, %d lines, %q", j.ID, len(j.Documents), len(h), j.Ticket.Title)
				}
				octets += j.Octets
			}
			used, open, err := sc.Usage(t.Context(), "")
			if err != nil || used != octets || open != len(jobs) {
				t.Errorf("Usage = %d octets, %d jobs, %v; want %d, %d", used, open, err, octets, len(jobs))
			}
			t.Logf("%d lines, %d jobs", len(said), len(jobs))
		})
	}
}

// TestF06KilledWhileEnding: a send has exactly one ledger row when its EndSend
// returned; when it did not, the job is either ended with one row, or an orphan
// with its send open.
func TestF06KilledWhileEnding(t *testing.T) {
	for _, place := range []string{"before 4", "after 4", "before 12", "after 12", ""} {
		t.Run(place, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "platen.db")
			said := crash(t, path, "end", place, 33)
			sc, jobs := reopen(t, path)
			orphans, err := sc.Orphans(t.Context(), "boot 2")
			must(t, err)
			open := map[string]string{}
			for _, o := range orphans {
				open[o.Job.UUID] = o.Send
			}
			rows := map[string]int{}
			seqs := map[int64]bool{}
			must(t, sc.Ledger(t.Context(), time.Time{}, time.Time{}, func(r accounting.Row) error {
				rows[r.ID]++
				if seqs[r.Seq] {
					t.Errorf("seq %d twice", r.Seq)
				}
				seqs[r.Seq] = true
				if jobs[r.Job].State != job.Completed {
					t.Errorf("a row of job %s, which is %v", r.Job, jobs[r.Job].State)
				}
				return nil
			}))
			for _, line := range said {
				f := strings.Fields(line)
				if len(f) != 3 || len(f[2]) != 36 {
					continue
				}
				switch n := rows[f[2]]; {
				case f[0] == "ended" && n != 1:
					t.Errorf("send %s was ended and has %d rows", f[2], n)
				case f[0] == "intended" && n == 0 && open[f[1]] != f[2]:
					t.Errorf("send %s was intended, has no row and is no orphan", f[2])
				case n == 1 && open[f[1]] == f[2]:
					t.Errorf("send %s has a row and is open", f[2])
				}
			}
			waiting, err := sc.Outbox(t.Context())
			if err != nil || int(waiting) != len(rows) {
				t.Errorf("%d rows wait in the outbox, %v; want %d", waiting, err, len(rows))
			}
		})
	}
}
