package convert

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// spec is what a child is told. It is made by this program and nobody else.
type spec struct {
	Argv   []string `json:"argv,omitempty"`   // the program to become
	Raster string   `json:"raster,omitempty"` // or the raster language to make PDF of
	Memory int64    `json:"memory"`           // octets
	CPU    int      `json:"cpu"`              // seconds
	Most   int64    `json:"most"`             // octets of one file
}

// begun is the first line of a child that holds itself within its limits. What
// came before is the node's trouble, and what comes after the document's.
const begun = "platen-begun\n"

// Why a child was stopped by us.
var (
	errTooMuch = errors.New("it wrote too much")
	errDisk    = errors.New("the disk is almost full")
)

// starved is the part of its time that a child needs as processor time before
// the document is blamed for it.
const starved = 4

// child runs one step in a process of its own, and says what its end means.
func (c *Converter) child(ctx context.Context, dir string, s spec) (*says, error) {
	s.Memory, s.CPU, s.Most = cmp.Or(c.Memory, 1<<30), int(max(cmp.Or(c.CPU, 3*time.Minute), time.Second)/time.Second), c.most()
	limited, cancel := context.WithTimeout(ctx, c.timeout())
	defer cancel()
	watched, stop := context.WithCancelCause(limited)
	defer stop(nil)

	// A child dies with its parent, and its parent is this thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	out := &says{}
	cmd, err := c.start(watched, dir, s, out)
	if err != nil {
		return nil, trouble(err)
	}
	var watch sync.WaitGroup
	watch.Go(func() { c.watch(watched, dir, stop) })
	err = cmd.Wait()
	cause := context.Cause(watched)
	stop(nil)
	watch.Wait()
	if out.last() != "" {
		c.Log.Debug("convert: a program said something", "program", filepath.Base(first(s.Argv)), "text", out.last())
	}
	return out, c.verdict(ctx, limited, cause, cmd, out, err)
}

func first(argv []string) string {
	if len(argv) == 0 {
		return ""
	}
	return argv[0]
}

// verdict says what the end of a child means.
func (c *Converter) verdict(ctx, limited context.Context, cause error, cmd *exec.Cmd, out *says, err error) error {
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	switch {
	case err == nil && out.began():
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("convert.Run: %w", ctx.Err())
	case errors.Is(cause, errDisk):
		return trouble(cause)
	case errors.Is(cause, errTooMuch):
		return invalid(textLarge, cause)
	case !out.began():
		return trouble(fmt.Errorf("the child did not begin: %w", cmp.Or(err, errors.New(out.last()))))
	case limited.Err() != nil && used < c.timeout()/starved:
		return trouble(fmt.Errorf("the child had %s of processor time in %s", used, c.timeout()))
	case limited.Err() != nil:
		return invalid(textLimits, limited.Err())
	}
	if text := endedBy(cmd.ProcessState); text != "" {
		return invalid(text, err)
	}
	if out.outOfMemory() {
		return invalid(textLimits, err)
	}
	return invalid(textDamaged, fmt.Errorf("%w: %s", err, out.last()))
}

// start starts the child without a shell and with next to no environment; where
// the system allows it, without a network and as nobody, in namespaces of its
// own.
func (c *Converter) start(ctx context.Context, dir string, s spec, out *says) (*exec.Cmd, error) {
	told, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	if len(c.Command) == 0 {
		return nil, errors.New("no command")
	}
	make := func(alone bool) *exec.Cmd {
		cmd := exec.CommandContext(ctx, c.Command[0], append(append([]string{}, c.Command[1:]...), string(told))...) //nolint:gosec // it is this program; a document is no argument
		cmd.Dir, cmd.Stderr = dir, out
		cmd.Env = []string{"TMPDIR=.", "TEMP=.", "HOME=.", "XDG_CACHE_HOME=.", "LC_ALL=C"}
		cmd.SysProcAttr = attributes(alone)
		cmd.Cancel = func() error { return killGroup(cmd.Process) }
		cmd.WaitDelay = time.Second
		return cmd
	}
	cmd := make(true)
	alone := cmd.Start()
	if alone == nil {
		return cmd, nil
	}
	cmd = make(false)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if c.refused.CompareAndSwap(false, true) {
		c.Log.Info("convert: the system refuses namespaces to conversions, which run without", "error", alone)
	}
	return cmd, nil
}

// lookAfter is how often what a child writes is looked at.
const lookAfter = 500 * time.Millisecond

// watch stops a child that writes too much, in whatever number of files, or that
// fills the disk.
func (c *Converter) watch(ctx context.Context, dir string, stop context.CancelCauseFunc) {
	tick := time.NewTicker(lookAfter)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if written(dir) > c.most()+inputOf(dir) {
			stop(errTooMuch)
		}
		if c.room(0) != nil {
			stop(errDisk)
		}
	}
}

func inputOf(dir string) int64 {
	if info, err := os.Lstat(filepath.Join(dir, fileIn)); err == nil {
		return info.Size()
	}
	return 0
}

// maxFiles is how many files no honest conversion has.
const maxFiles = 10_000

func written(dir string) (octets int64) {
	files := 0
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // files come and go while one looks
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			octets += info.Size()
		}
		if files++; files > maxFiles {
			octets = 1 << 62
			return filepath.SkipAll
		}
		return nil
	})
	return octets
}

// maxSaid is how much of the last words of a child is kept, in octets.
const maxSaid = 4 << 10

// says keeps how a child began and what it said last, which nobody trusts.
type says struct {
	mu    sync.Mutex // exec may give up waiting for the one who writes
	first []byte
	tail  []byte
}

func (s *says) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := p
	if room := len(begun) - len(s.first); room > 0 {
		n := min(room, len(rest))
		s.first, rest = append(s.first, rest[:n]...), rest[n:]
	}
	s.tail = append(s.tail, rest[max(0, len(rest)-maxSaid):]...)
	s.tail = bytes.Clone(s.tail[max(0, len(s.tail)-maxSaid):])
	return len(p), nil
}

func (s *says) began() bool { s.mu.Lock(); defer s.mu.Unlock(); return string(s.first) == begun }

func (s *says) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if string(s.first) == begun {
		return string(s.tail)
	}
	return string(s.first) + string(s.tail)
}

// Ghostscript is asked at the end how many pages came out, because it ends well
// with none of what it cannot read too.
const askPages = "(\nplaten-pages ) print currentpagedevice /PageCount get ="

var pagesSaid = regexp.MustCompile(`(?m)^platen-pages (\d{1,9})\s*$`)

// pages is how many came out, -1 when nobody said.
func (s *says) pages() int {
	m := pagesSaid.FindStringSubmatch(s.last())
	if m == nil {
		return -1
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return -1
	}
	return n
}

// doubts reports whether Ghostscript had to guess.
func (s *says) doubts() bool {
	return bytes.Contains([]byte(s.last()), []byte("Output may be incorrect"))
}

func (s *says) outOfMemory() bool {
	for _, sign := range []string{"VMerror", "Out of memory", "out of memory", "cannot allocate memory"} {
		if bytes.Contains([]byte(s.last()), []byte(sign)) {
			return true
		}
	}
	return false
}
