package spool

import "time"

var processStart = time.Now()

// processUp is the running time where the system does not tell the machine's.
func processUp() time.Duration { return time.Since(processStart) }
