//go:build chaos

package failpoint

import (
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// The file that PLATEN_CLOCK names says how far the wall clock is off, as a
// duration such as 87600h; without the file it is right.
var clockFile = os.Getenv("PLATEN_CLOCK")

var clockOff, clockRead atomic.Int64 // nanoseconds; when the file was read last

// Now is the wall clock, as far off as the file says. The file is looked at ten
// times a second.
func Now() time.Time {
	now := time.Now()
	if clockFile == "" {
		return now
	}
	if last := clockRead.Load(); now.UnixNano()-last > int64(100*time.Millisecond) && clockRead.CompareAndSwap(last, now.UnixNano()) {
		var off time.Duration
		if b, err := os.ReadFile(clockFile); err == nil {
			off, _ = time.ParseDuration(strings.TrimSpace(string(b)))
		}
		clockOff.Store(int64(off))
	}
	return now.Add(time.Duration(clockOff.Load()))
}
