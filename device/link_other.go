//go:build !linux

package device

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// silence is not known here: the system's own limit on retransmissions, and
// keep-alive, find out about an end that is gone.
func silence(*net.TCPConn) (time.Duration, bool) { return 0, false }

// unacknowledged is not known here.
func unacknowledged(*net.TCPConn) (int, bool) { return 0, false }

// wasReset is not known here: unacknowledged never asks to wait for it.
func wasReset(*net.TCPConn) bool { return false }

// reuse does nothing here: where it exists, it takes ports away from others.
func reuse(syscall.RawConn) error { return nil }

func isPortTaken(err error) bool {
	return errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, syscall.EADDRNOTAVAIL)
}
