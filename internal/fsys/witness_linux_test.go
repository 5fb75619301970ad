package fsys

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// TestWitness takes the journal of a real file system away.
func TestWitness(t *testing.T) {
	if os.Getuid() != 0 {
		t.Log("not root: only what needs no file system of its own")
		return
	}
	dir := t.TempDir()
	volume, image := filepath.Join(dir, "volume"), filepath.Join(dir, "image")
	run := func(name string, args ...string) {
		t.Helper()
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s %v: %v: %s", name, args, err, out)
		}
	}
	run("truncate", "-s", "16M", image)
	run("mkfs.ext4", "-q", "-e", "continue", image)
	if err := os.Mkdir(volume, 0o700); err != nil {
		t.Fatal(err)
	}
	run("mount", "-o", "loop", image, volume)
	t.Cleanup(func() { run("umount", volume) })

	w, err := OpenWitness(filepath.Join(volume, "witness"))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for range 3 {
		if err := w.Check(); err != nil {
			t.Fatal(err)
		}
	}
	fill, err := os.Create(filepath.Join(volume, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	for block := make([]byte, 1<<20); err == nil; _, err = fill.Write(block) {
	}
	fill.Close()
	if !IsFull(err) {
		t.Fatal(err)
	}
	if err := w.Check(); err != nil {
		t.Errorf("a full volume: %v", err)
	}
	run("mount", "-o", "remount,abort", volume)
	if err := w.Check(); !errors.Is(err, syscall.EROFS) {
		t.Errorf("the journal was given up: %v", err)
	}
}
