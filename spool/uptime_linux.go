package spool

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machineUp returns for how long the machine has been running, time in which
// it was suspended included.
func machineUp() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return processUp()
	}
	return time.Duration(ts.Nano())
}

// machineBoot names this run of the machine, "" when the system does not tell.
func machineBoot() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}
