package lpd

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// hurry has the system confirm at once what has come. Clients write a file in
// pieces and its zero octet after them; Nagle's algorithm on their side holds
// the next piece back until the last is confirmed, and our side would wait 40 ms
// to do so. The setting lasts for a moment only, so each read asks again.
func hurry(conn net.Conn) {
	control(conn, func(fd int) error { return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) })
}

// shareWithDead lets a socket have a port whose last connection lingers in
// TIME_WAIT. There are only eleven ports that RFC 1179 allows.
func shareWithDead(_, _ string, raw syscall.RawConn) error {
	return raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) })
}

// unsent returns how many octets the peer's system has not confirmed. A
// document may fit into our own socket's buffer while its device takes nothing.
func unsent(conn net.Conn) (octets int) {
	control(conn, func(fd int) (err error) {
		octets, err = unix.IoctlGetInt(fd, unix.SIOCOUTQ)
		return err
	})
	return octets
}

// control does something to a connection's socket. Both uses are about doing
// better where it works: a connection without a socket is left alone.
func control(conn net.Conn, f func(fd int) error) {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { _ = f(int(fd)) })
}
