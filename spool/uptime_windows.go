package spool

import (
	"time"

	"golang.org/x/sys/windows"
)

// machineUp returns for how long the machine has been running, time in which
// it was suspended included.
func machineUp() time.Duration { return windows.DurationSinceBoot() }

// machineBoot: Windows has no name for one run of the machine.
func machineBoot() string { return "" }
