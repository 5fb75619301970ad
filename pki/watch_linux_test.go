package pki_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"platen/fault"
)

// A pipe in place of a file would let nobody go on who waits for the keeper.
func TestAPipeIsNotRead(t *testing.T) {
	w := newWorld(t, "localhost")
	pipe := filepath.Join(t.TempDir(), "pipe.pem")
	must(t, syscall.Mkfifo(pipe, 0o600))
	if _, err := w.Watch(t.Context(), "bot", []string{pipe}, ""); !fault.Is(err, fault.Unavailable) || !strings.Contains(fault.Text(err), "it is no file") {
		t.Errorf("a pipe: %v", err)
	}
}
