package pdl

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// confine puts the limits on this process, for the rest of its life. No file
// and no socket can be opened any more.
//
// RLIMIT_DATA counts what is writable and private, touched or not: a program in
// Go and C has a hundred MiB of that before it does anything, so that the limit
// is put on what it may ask for from here on. The document is in a shared
// mapping, which load bounds.
func confine(l limits) error {
	// Where memory runs out, this process goes and not the node. It may be refused.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0o600)

	data, err := private()
	if err != nil {
		return err
	}
	confineRuntime(l)
	for _, r := range []struct {
		resource int
		value    uint64
	}{
		{unix.RLIMIT_CORE, 0},
		{unix.RLIMIT_FSIZE, 0},
		{unix.RLIMIT_CPU, l.CPU}, // soft is hard: the Go runtime ignores SIGXCPU, but nobody ignores SIGKILL
		{unix.RLIMIT_DATA, data + l.Data},
		{unix.RLIMIT_NOFILE, 0}, // what is open stays open
	} {
		if err := lower(r.resource, r.value); err != nil {
			return fmt.Errorf("pdl: rlimit %d: %w", r.resource, err)
		}
	}
	// NO_NEW_PRIVS holds for this thread, which parses, and those it starts.
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("pdl: no_new_privs: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("pdl: dumpable: %w", err)
	}
	return nil
}

// private is how much writable and private memory this process has mapped, in
// octets: the sixth number of statm, see proc_pid_statm(5).
func private() (uint64, error) {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, fmt.Errorf("pdl: %w", err)
	}
	fields := strings.Fields(string(b))
	if len(fields) < 6 {
		return 0, fmt.Errorf("pdl: /proc/self/statm: %q", b)
	}
	pages, err := strconv.ParseUint(fields[5], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("pdl: /proc/self/statm: %w", err)
	}
	return pages * uint64(os.Getpagesize()), nil
}

// lower sets a limit that cannot be raised again. One that is lower already
// stays.
func lower(resource int, value uint64) error {
	var now unix.Rlimit
	if err := unix.Getrlimit(resource, &now); err != nil {
		return err
	}
	value = min(value, now.Max)
	return unix.Setrlimit(resource, &unix.Rlimit{Cur: value, Max: value})
}

// load reads at most limit octets into memory that the collector neither moves
// nor copies, and that takes no more pages than the document has.
func load(r io.Reader, limit int) ([]byte, error) {
	b, err := unix.Mmap(-1, 0, limit, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("pdl: memory for a document: %w", err)
	}
	n, err := io.ReadFull(r, b)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("pdl: read the document: %w", err)
	}
	return b[:n], nil
}
