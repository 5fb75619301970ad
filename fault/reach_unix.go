//go:build !windows

package fault

import "syscall"

// What the system answers to a dial, and of a connection that stood.
var (
	refused = []error{syscall.ECONNREFUSED}
	noWay   = []error{syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN}
	broken  = []error{syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED}
)
