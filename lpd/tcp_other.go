//go:build !linux

package lpd

import (
	"net"
	"syscall"
)

// hurry cannot be asked for here; a file may take 40 ms longer.
func hurry(net.Conn) {}

// shareWithDead does nothing: on Windows the same option would share a port with
// the living.
func shareWithDead(string, string, syscall.RawConn) error { return nil }

// unsent cannot be told here: a write that succeeded counts as handed over.
func unsent(net.Conn) int { return 0 }
