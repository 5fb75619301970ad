//go:build chaos

package spool

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"platen/fault"
	"platen/internal/fsys"
)

// Failpoints are set for a whole process, so these tests run themselves in
// others: each takes one document in and says how that went.
//
//	go test -tags chaos ./spool

const chaosPlainOctets = chunkOctets + 1000

func TestMain(m *testing.M) {
	if dir := os.Getenv("SPOOL_TEST_DIR"); dir != "" {
		fmt.Println(takeOne(dir))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// takeOne is what the other process does. It says "acknowledged", or the kind
// of its failure.
func takeOne(dir string) string {
	keys, err := LoadKeys(filepath.Join(dir, "keys"))
	if err != nil {
		return err.Error()
	}
	s := &Spool{Dir: filepath.Join(dir, "spool"), Keys: keys, Log: slog.New(slog.DiscardHandler), Now: time.Now}
	in, err := s.Create("one", goldenUUID, 1)
	if err == nil {
		err = in.ReadFrom(context.Background(), bytes.NewReader(pattern(chaosPlainOctets)), 0)
	}
	if err == nil {
		_, err = s.Seal(manifestOf("one", goldenUUID), []*Incoming{in})
	}
	if err != nil {
		in.Discard()
		healthy := "healthy"
		if s.Healthy() != nil {
			healthy = "stopped"
		}
		return fault.KindOf(err).String() + " " + healthy
	}
	return "acknowledged"
}

// take runs takeOne in another process.
func take(t *testing.T, dir, failpoints string) (said string, killed bool, ops []fsys.Op) {
	t.Helper()
	if !exists(t, filepath.Join(dir, "keys")) {
		if _, err := CreateKeys(filepath.Join(dir, "keys")); err != nil {
			t.Fatal(err)
		}
	}
	log := filepath.Join(t.TempDir(), "fslog")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SPOOL_TEST_DIR="+dir, "PLATEN_FAILPOINTS="+failpoints, "PLATEN_FSLOG="+log)
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return strings.TrimSpace(string(out)), exit.ExitCode() == -1, readOps(t, log)
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out)), false, readOps(t, log)
}

func readOps(t *testing.T, log string) (ops []fsys.Op) {
	t.Helper()
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		var op fsys.Op
		if err := json.Unmarshal([]byte(line), &op); err != nil {
			t.Fatal(err)
		}
		ops = append(ops, op)
	}
	return ops
}

// settleAfter starts the node again, with a database that never heard of the
// document.
func settleAfter(t *testing.T, dir string) (*house, Settled) {
	t.Helper()
	h := newHouse(t)
	keys, err := LoadKeys(filepath.Join(dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	h.Spool.Keys, h.Spool.Dir = keys, filepath.Join(dir, "spool")
	return h, h.settle(t)
}

// F03: killed at any place before the end, nothing is left in the spool that a
// start does not settle, and nobody had been told that it is safe.
func TestF03KilledAtEveryPlace(t *testing.T) {
	for _, point := range []string{"spool.create", "spool.write", "spool.write=kill@2", "spool.trailer", "spool.fsync", "spool.dirsync"} {
		t.Run(point, func(t *testing.T) {
			if !strings.Contains(point, "=") {
				point += "=kill"
			}
			dir := t.TempDir()
			said, killed, _ := take(t, dir, point)
			if said != "" || !killed {
				t.Fatalf("it was not killed, and said %q", said)
			}
			h, found := settleAfter(t, dir)
			left := 1
			if point == "spool.create=kill" { // its first octets are still to come
				left = 0
			}
			if found.Files != left || found.Swept+found.Restored != left {
				t.Errorf("settled %+v", found)
			}
			if found.Restored > 0 { // it was whole: nobody was told, and it is there
				return
			}
			wantNoFile(t, h.Spool)
			// The same document may come again.
			if said, _, _ := take(t, dir, ""); said != "acknowledged" {
				t.Errorf("the second time it said %q", said)
			}
		})
	}
}

func TestF10F11F13ErrorsAtEveryPlace(t *testing.T) {
	for point, want := range map[string]string{
		"spool.create=err:ENOSPC":  "full healthy",
		"spool.create=err:EMFILE":  "unavailable healthy",
		"spool.write=err:ENOSPC":   "full healthy",
		"spool.write=err:EIO@2":    "unavailable healthy",
		"spool.trailer=err:ENOSPC": "full healthy",
		"spool.trailer=err:EROFS":  "unavailable healthy",
		"spool.fsync=err:EIO":      "unavailable stopped",
		"spool.fsync=err:ENOSPC":   "full healthy",
		"spool.dirsync=err:EIO":    "unavailable stopped",
	} {
		t.Run(point, func(t *testing.T) {
			dir := t.TempDir()
			if said, _, _ := take(t, dir, point); said != want {
				t.Errorf("said %q, want %q", said, want)
			}
			h, found := settleAfter(t, dir)
			if found.Files != 0 {
				t.Errorf("settled %+v", found)
			}
			wantNoFile(t, h.Spool)
		})
	}
}

// F08: before it is acknowledged, the whole file and then its name are synced,
// in the log that the power-cut model replays; with the seeded defect the name
// is not.
func TestF08TheLogShowsThatNamesAreSynced(t *testing.T) {
	for failpoints, want := range map[string]bool{"": true, "defect:no-dirsync": false} {
		said, _, ops := take(t, t.TempDir(), failpoints)
		if said != "acknowledged" {
			t.Fatalf("said %q", said)
		}
		created, whole, named := false, false, false
		for _, op := range ops {
			switch {
			case op.Op == "create" && strings.HasSuffix(op.Path, suffix):
				created = true
			case op.Op == "sync" && strings.HasSuffix(op.Path, suffix):
				whole = created && op.Length > chaosPlainOctets
			case op.Op == "syncdir" && filepath.Base(op.Path) == docsFolder:
				named = created && whole
			}
		}
		if !whole || named != want {
			t.Errorf("%q: file synced %v, name synced %v, want %v\n%+v", failpoints, whole, named, want, ops)
		}
	}
}
