package intake

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// A host system that pauses for minutes has its file open all the while.
func TestAFileThatIsOpenForWritingIsNotTaken(t *testing.T) {
	b := newInbox(t)
	b.put("a", "half")
	f, err := os.OpenFile(filepath.Join(b.dir, "a"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	b.settle()
	b.after(time.Hour)
	b.check([]string{"a"}, nil, nil, 0)
	f.Close()
	b.after(b.Settle)
	b.check(nil, []string{"a"}, nil, 1)
}

func TestA74APipeIsRefused(t *testing.T) {
	b := newInbox(t)
	if err := syscall.Mkfifo(filepath.Join(b.dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.settle()
	b.check(nil, nil, []string{"pipe", "pipe.txt"}, 0)
}
