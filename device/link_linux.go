package device

import (
	"errors"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// unanswered is how many questions in a row the other end may leave without an
// answer before its silence counts.
const unanswered = 3

// silence says for how long the other end has given no sign of life although
// it owes us one: an acknowledgement of octets, or an answer to the question
// whether it reads again (a zero-window probe, RFC 9293, section 3.8.6.1).
func silence(conn *net.TCPConn) (time.Duration, bool) {
	var silent time.Duration
	err := control(conn, func(fd int) error {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			return err
		}
		if info.Retransmits >= unanswered || info.Probes >= unanswered {
			silent = time.Duration(info.Last_ack_recv) * time.Millisecond
		}
		return nil
	})
	return silent, err == nil
}

// unacknowledged returns how many octets, and the end of them, the other end
// has not acknowledged yet.
func unacknowledged(conn *net.TCPConn) (n int, ok bool) {
	err := control(conn, func(fd int) (err error) {
		n, err = unix.IoctlGetInt(fd, unix.SIOCOUTQ)
		return err
	})
	return n, err == nil
}

// wasReset reports whether the connection is closed with octets under way. A
// reader that has seen the end does not see the reset that follows.
func wasReset(conn *net.TCPConn) bool {
	const closed = 7 // TCP_CLOSE of linux/tcp_states.h
	reset := false
	err := control(conn, func(fd int) error {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		reset = err == nil && info.State == closed
		return err
	})
	n, ok := unacknowledged(conn)
	return err == nil && ok && reset && n > 0
}

func control(conn *net.TCPConn, f func(fd int) error) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return err
	}
	return inner
}

// reuse lets a socket have a port that a closed connection to somebody else
// still blocks.
func reuse(c syscall.RawConn) error {
	var inner error
	err := c.Control(func(fd uintptr) { inner = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) })
	return errors.Join(err, inner)
}

func isPortTaken(err error) bool {
	return errors.Is(err, unix.EADDRINUSE) || errors.Is(err, unix.EADDRNOTAVAIL)
}
