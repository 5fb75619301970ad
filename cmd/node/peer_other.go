//go:build !windows && !linux

package main

import (
	"net"
	"os/user"
)

// peer names who is at the other end of the control socket. Only the node's
// own user and root can be.
func peer(net.Conn) string { return "administrator" }

// self names the person who runs this process.
func self() string {
	if u, err := user.Current(); err == nil {
		return "administrator " + u.Username
	}
	return "administrator"
}
