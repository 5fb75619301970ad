package peers

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// What every measurement and delivery test rests on: a job printed with lpr
// reaches cupsd through cups-lpd and is held there.
func TestCupsLPDFeedsCups(t *testing.T) {
	// cups-lpd runs as user lp and must reach the folder.
	dir, err := os.MkdirTemp("", "platen-peers-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	c, err := StartCups(t.Context(), dir+"/cups")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	if err := c.Queue(t.Context(), "held", "file:/dev/null", true); err != nil {
		t.Fatal(err)
	}
	l, err := StartCupsLPD(t.Context(), dir+"/lpd", c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	t.Logf("peers: %s, %s", Version("cups-daemon"), Version("xinetd"))

	_, port, _ := strings.Cut(l.Addr, ":")
	cmd := exec.CommandContext(t.Context(), "rlpr", "-H", "127.0.0.1", "-Pheld", "-N", "--port="+port)
	cmd.Stdin = strings.NewReader("hello\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("rlpr: %v: %s", err, out)
	}
	cmd = exec.CommandContext(t.Context(), "lpstat", "-o", "held")
	cmd.Env = append(os.Environ(), "CUPS_SERVER="+c.Server())
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "held-1") {
		t.Fatalf("lpstat: %v: %s", err, out)
	}
}
