//go:build !linux && !windows

package spool

import "time"

func machineUp() time.Duration { return processUp() }

func machineBoot() string { return "" }
