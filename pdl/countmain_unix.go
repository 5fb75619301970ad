//go:build unix && !linux

package pdl

import (
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// confine puts on this process what every Unix has. RLIMIT_DATA counts
// anonymous mappings on the BSDs; macOS takes it and does not look, so that
// there only the collector's own limit holds.
func confine(l limits) error {
	confineRuntime(l)
	for _, r := range []struct {
		resource int
		value    uint64
	}{
		{unix.RLIMIT_CORE, 0},
		{unix.RLIMIT_FSIZE, 0},
		{unix.RLIMIT_CPU, l.CPU},
		{unix.RLIMIT_DATA, l.Data + uint64(l.Octets)}, // the document is on the heap
		{unix.RLIMIT_NOFILE, 0},
	} {
		var both unix.Rlimit
		setLimit(&both.Cur, r.value)
		setLimit(&both.Max, r.value)
		if err := unix.Setrlimit(r.resource, &both); err != nil {
			return fmt.Errorf("pdl: rlimit %d: %w", r.resource, err)
		}
	}
	return nil
}

// setLimit knows that some systems count with a sign.
func setLimit[T int64 | uint64](field *T, value uint64) { *field = T(value) }

// load reads at most limit octets.
func load(r io.Reader, limit int) ([]byte, error) {
	return io.ReadAll(io.LimitReader(r, int64(limit)))
}
