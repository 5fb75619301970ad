package main

import (
	"net"
	"os"
	"os/user"
	"strconv"

	"golang.org/x/sys/unix"
)

// peer names the person at the other end of the control socket, as the kernel
// knows him: "administrator root". What he says of himself does not count.
func peer(conn net.Conn) string {
	c, ok := conn.(*net.UnixConn)
	if !ok {
		return "administrator"
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return "administrator"
	}
	var cred *unix.Ucred
	if raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }) != nil || err != nil {
		return "administrator"
	}
	return administrator(int(cred.Uid))
}

// self names the person who runs this process. Behind sudo that is still root:
// the variables that tell more can be set by anybody.
func self() string { return administrator(os.Getuid()) }

func administrator(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return "administrator " + u.Username
	}
	return "administrator " + strconv.Itoa(uid)
}
