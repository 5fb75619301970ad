//go:build chaos

package fsys

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The log is opened once for a process, so the test runs itself in another one.
func TestOpLog(t *testing.T) {
	if dir := os.Getenv("FSYS_TEST_DIR"); dir != "" {
		doEverything(t, dir)
		return
	}
	dir, log := t.TempDir(), filepath.Join(t.TempDir(), "log")
	cmd := exec.Command(os.Args[0], "-test.run=^TestOpLog$")
	cmd.Env = append(os.Environ(), "FSYS_TEST_DIR="+dir, "PLATEN_FSLOG="+log)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.ReplaceAll(string(data), dir, "DIR")
	want := `{"op":"mkdir","path":"DIR/d"}
{"op":"syncdir","path":"DIR"}
{"op":"create","path":"DIR/d/f"}
{"op":"sync","path":"DIR/d/f","len":5}
{"op":"syncdir","path":"DIR/d"}
{"op":"rename","path":"DIR/d/f","to":"DIR/d/g"}
{"op":"remove","path":"DIR/d/g"}
`
	if got != want {
		t.Errorf("the log says\n%s\nwant\n%s", got, want)
	}
}

func doEverything(t *testing.T, dir string) {
	path := filepath.Join(dir, "d", "f")
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(MkdirPrivate(filepath.Dir(path)))
	f, err := CreatePrivate(path)
	must(err)
	_, err = f.Write([]byte("12345"))
	must(err)
	must(SyncFile(f))
	must(f.Close())
	must(SyncDir(filepath.Dir(path)))
	must(Rename(path, filepath.Join(dir, "d", "g")))
	must(RemoveFile(filepath.Join(dir, "d", "g")))
}
