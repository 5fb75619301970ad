package pdl

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary be the child that Counter starts.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == childArg {
		syscall.Exit(roles[os.Args[2]](os.Args[3:])) // os.Exit takes a second under the race detector
	}
	for _, peer := range [][]string{{"gs", "--version"}, {"qpdf", "--version"}, {"pdfinfo", "-v"}} {
		out, err := exec.Command(peer[0], peer[1:]...).CombinedOutput()
		if err != nil {
			fmt.Fprintf(os.Stderr, "these tests need %s: %v\n", peer[0], err)
			os.Exit(1)
		}
		line, _, _ := strings.Cut(string(out), "\n")
		fmt.Println("peer:", peer[0], line)
	}
	os.Exit(m.Run())
}

const childArg = "pdl-test-child"

// roles are what a child can be told to be. The linux tests have more.
var roles = map[string]func(args []string) int{
	"count": func(args []string) int { return CountMain(args, os.Stdin, os.Stdout) },

	// says its arguments, takes the document and ends well.
	"says": func(args []string) int {
		fmt.Print(strings.Join(args, ""))
		io.Copy(io.Discard, os.Stdin)
		return 0
	},
	// dies says its arguments and fails.
	"dies": func(args []string) int {
		fmt.Print(strings.Join(args, ""))
		return 3
	},
	// floods says more than anybody wants to hear.
	"floods": func([]string) int {
		for {
			if _, err := fmt.Println(`{"pages":5,"sure":true}`); err != nil {
				return 0
			}
		}
	},
	// environment answers how many variables it has, and one page.
	"environment": func([]string) int {
		fmt.Printf("{\"pages\":%d,\"sure\":true}\n", 1+len(os.Environ()))
		return 0
	},
	// hangs begins and does nothing.
	"hangs": func([]string) int {
		fmt.Println(`{"pages":-1,"why":"limits"}`)
		for {
			time.Sleep(time.Hour)
		}
	},
	// loops begins and works for ever.
	"loops": func([]string) int {
		fmt.Println(`{"pages":-1,"why":"limits"}`)
		for n := 0; ; n++ {
			runtime.KeepAlive(n)
		}
	},
}

func newCounter(t *testing.T, role string, args ...string) *Counter {
	t.Helper()
	return &Counter{
		Command: append([]string{os.Args[0], childArg, role}, args...),
		Timeout: time.Minute, // these tests run on busy machines
		Log:     slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

// count counts a document in a child.
func count(t *testing.T, c *Counter, doc []byte) Result {
	t.Helper()
	r, err := c.Count(t.Context(), PDF, opens(doc))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func opens(doc []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(string(doc))), nil }
}

// countHere counts in this process.
func countHere(t *testing.T, doc []byte) answer {
	t.Helper()
	return countDocument(t.Context(), childLimits(), doc)
}

// broken is a document that ends with an error.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }
func (broken) Close() error               { return nil }

var errDisk = errors.New("input/output error")
