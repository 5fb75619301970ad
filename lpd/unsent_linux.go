package lpd

import (
	"net"

	"golang.org/x/sys/unix"
)

// unsent returns how many octets the peer's system has not confirmed. A
// document may fit into our own socket's buffer while its device takes nothing.
func unsent(conn net.Conn) int {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return 0
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return 0
	}
	n := 0
	if err := raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }); err != nil {
		return 0
	}
	return n
}
