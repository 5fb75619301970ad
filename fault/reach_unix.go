//go:build !windows

package fault

import "syscall"

// What the system answers to a dial.
var (
	refused = []error{syscall.ECONNREFUSED}
	noWay   = []error{syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN}
)
