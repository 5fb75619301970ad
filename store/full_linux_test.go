package store

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"platen/fault"
	"platen/job"
)

const fullEnv = "PLATEN_STORE_FULL" // a small file system of its own

// TestFullChild is the child of TestF12FileSystemFull.
func TestFullChild(t *testing.T) {
	dir := os.Getenv(fullEnv)
	if dir == "" {
		return
	}
	ctx := t.Context()
	path := filepath.Join(dir, "platen.db")
	s := open(t, options(path, time.Now))
	sc, err := s.Default(ctx)
	must(t, err)
	furnish(t, sc)
	filler := filepath.Join(dir, "filler")
	must(t, os.WriteFile(filler, make([]byte, 1<<20), 0o600))

	acked := map[int64]bool{}
	fill := func(round string) error {
		for i := 0; ; i++ {
			j := newJob(fmt.Sprint(round, " ", i), anna)
			if err := sc.AddJob(ctx, j, entries("Arrived.")); err != nil {
				return err
			}
			acked[j.ID] = true
		}
	}
	wantKind(t, "AddJob on a full file system", fill("first"), fault.Full)
	select {
	case <-s.Broken():
		t.Fatal("a full disk is taken for a broken one")
	default:
	}
	jobs, err := sc.OwnJobs(ctx, anna, epoch, 1<<20)
	if err != nil || len(jobs) != len(acked)+1 {
		t.Errorf("OwnJobs: %d, %v; %d were acknowledged", len(jobs), err, len(acked))
	}
	must(t, s.Check(ctx))

	must(t, os.Remove(filler)) // room again, without a restart
	before := len(acked)
	wantKind(t, "AddJob when it is full again", fill("second"), fault.Full)
	if len(acked) < before+50 {
		t.Errorf("%d jobs fitted into the room that came back", len(acked)-before)
	}
	must(t, s.Close()) // and as it is, full
	again := open(t, options(path, time.Now))
	counts, err := again.Tenant(sc.tenant).Counts(ctx)
	if err != nil || counts[job.Held] != int64(len(acked)+1) {
		t.Errorf("after a restart on a full disk: %v, %v; %d were acknowledged", counts, err, len(acked))
	}
}

// TestF12FileSystemFull fills a real one, in a mount namespace of its own.
func TestF12FileSystemFull(t *testing.T) {
	dir := t.TempDir()
	args := []string{"--mount", "--propagation=private"}
	if os.Geteuid() != 0 {
		args = append(args, "--user", "--map-root-user")
	}
	args = append(args, "sh", "-c", `mount -t tmpfs -o size=6m none "$1" && exec "$0" -test.run='^TestFullChild$'`, os.Args[0], dir)
	var out bytes.Buffer
	cmd := exec.Command("unshare", args...)
	cmd.Env = append(os.Environ(), fullEnv+"="+dir)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
}
