//go:build chaos

package failpoint

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// PLATEN_FAILPOINTS is a list separated by semicolons:
//
//	spool.fsync=kill@3          SIGKILL to the process itself at the third hit
//	spool.write=err:ENOSPC@1    the first Err of that name fails with ENOSPC
//	spool.write=err:EIO@2+      the second and every later one
//	defect:no-dirsync           a seeded defect
type rule struct {
	kill    bool
	errno   syscall.Errno
	at      int
	forever bool
	hits    int
}

var (
	mu      sync.Mutex
	rules   = map[string][]*rule{}
	defects = map[string]bool{}
)

var errnos = map[string]syscall.Errno{
	"ENOSPC": syscall.ENOSPC, "EIO": syscall.EIO, "EMFILE": syscall.EMFILE, "EROFS": syscall.EROFS,
}

func init() {
	for _, item := range strings.Split(os.Getenv("PLATEN_FAILPOINTS"), ";") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		if err := parse(item); err != nil {
			fmt.Fprintln(os.Stderr, "failpoint:", err)
			os.Exit(2)
		}
	}
}

func parse(item string) error {
	if name, ok := strings.CutPrefix(item, "defect:"); ok {
		defects[name] = true
		return nil
	}
	name, action, ok := strings.Cut(item, "=")
	if !ok {
		return fmt.Errorf("%q: want name=action@n", item)
	}
	r := &rule{at: 1}
	if what, n, ok := strings.Cut(action, "@"); ok {
		n, r.forever = strings.CutSuffix(n, "+")
		at, err := strconv.Atoi(n)
		if err != nil {
			return fmt.Errorf("%q: %w", item, err)
		}
		action, r.at = what, at
	}
	switch errname, isErr := strings.CutPrefix(action, "err:"); {
	case action == "kill":
		r.kill = true
	case isErr && errnos[errname] != 0:
		r.errno = errnos[errname]
	default:
		return fmt.Errorf("%q: unknown action %q", item, action)
	}
	rules[name] = append(rules[name], r)
	return nil
}

func due(name string, kill bool) *rule {
	mu.Lock()
	defer mu.Unlock()
	for _, r := range rules[name] {
		if r.kill != kill {
			continue
		}
		r.hits++
		if r.hits == r.at || r.forever && r.hits > r.at {
			return r
		}
	}
	return nil
}

// Hit kills the process when a rule says so.
func Hit(name string) {
	if due(name, true) != nil {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal is on its way
	}
}

// Err returns the error that a rule asks for.
func Err(name string) error {
	Hit(name)
	if r := due(name, false); r != nil {
		return fmt.Errorf("failpoint %s: %w", name, r.errno)
	}
	return nil
}

// Defect reports whether the seeded defect of that name is on.
func Defect(name string) bool { return defects[name] }
