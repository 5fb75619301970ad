//go:build !windows

package reader

import "syscall"

// What the system answers to who wants to listen.
const (
	errAddressUsed = syscall.EADDRINUSE
	errAddressElse = syscall.EADDRNOTAVAIL
)
