package lpd

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// lobby is where connections wait that let us wait. One goroutine watches all of
// them by an epoll of its own and keeps what they say until it is enough, so that a
// client that says nothing, or an octet in a while, costs what its socket costs and
// no stack.
type lobby struct {
	ready func(*conn)  // enough has come, or it has hung up
	late  func(*conn)  // its time is up
	work  func(func()) // runs something in a goroutine that is waited for

	mu     sync.Mutex
	in     map[int32]*conn // by descriptor
	ended  bool
	epoll  int
	file   *os.File // the epoll itself, which Go's poller watches; nil until somebody comes
	raw    syscall.RawConn
	looked time.Time     // when it was last asked whose time is up
	buf    [maxLine]byte // for what is heard
}

// seat is what a connection has in the lobby; guarded by lobby.mu.
type seat struct {
	fd      int32
	socket  syscall.RawConn
	enough  enough
	leaving time.Time // when its time is up
}

// lobbyTick is how exactly the lobby keeps time.
const lobbyTick = 250 * time.Millisecond

// openLocked begins to watch when the first one comes.
func (l *lobby) openLocked() error {
	if l.file != nil {
		return nil
	}
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err == nil {
		err = unix.SetNonblock(fd, true) // so that os.NewFile takes it for one that can be waited for
	}
	if err != nil {
		return fmt.Errorf("lpd: epoll: %w", err)
	}
	file := os.NewFile(uintptr(fd), "epoll")
	raw, err := file.SyscallConn()
	if err != nil {
		return errors.Join(fmt.Errorf("lpd: epoll: %w", err), file.Close())
	}
	l.in, l.epoll, l.file, l.raw = map[int32]*conn{}, fd, file, raw
	l.work(l.serve)
	return nil
}

// park takes c in, of whom came has come, and returns false where c has to be
// waited for otherwise.
func (l *lobby) park(c *conn, came []byte, enough enough) bool {
	sc, ok := c.Conn.(syscall.Conn)
	if !ok {
		return false
	}
	socket, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || l.openLocked() != nil {
		return false
	}
	var watched error
	err = socket.Control(func(fd uintptr) {
		c.fd = int32(fd)
		e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP, Fd: c.fd}
		watched = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, int(fd), &e)
	})
	if err != nil || watched != nil {
		return false
	}
	now := time.Now()
	c.socket, c.seat.enough, c.held, c.leaving = socket, enough, bytes.Clone(came), c.until(now)
	c.since.Store(int64(now.Sub(c.born)))
	l.in[c.fd] = c
	if len(l.in) == 1 {
		_ = l.file.SetReadDeadline(now.Add(lobbyTick)) // until now nobody had to be timed
	}
	return true
}

// hearLocked takes what c has said, and reports whether the lobby is done with it.
func (l *lobby) hearLocked(c *conn, now time.Time) (done bool) {
	n := 0
	var heard error
	err := c.socket.Control(func(fd uintptr) { n, heard = unix.Read(int(fd), l.buf[:maxLine-len(c.held)]) })
	if err == nil && (errors.Is(heard, unix.EAGAIN) || errors.Is(heard, unix.EINTR)) {
		return false
	}
	if err = errors.Join(err, heard); err != nil {
		c.lost = err // a reset is told once, and the next read would see an orderly end
		return true
	}
	if n == 0 {
		return true // which the next read sees too
	}
	c.heard(n)
	c.held = append(c.held, l.buf[:n]...)
	if c.seat.enough(c.held) {
		return true
	}
	c.since.Store(int64(now.Sub(c.born)))
	c.leaving = c.until(now)
	return false
}

// leaveLocked takes c out.
func (l *lobby) leaveLocked(c *conn) {
	delete(l.in, c.fd)
	_ = c.socket.Control(func(fd uintptr) { _ = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, int(fd), nil) })
}

// take takes c out, and returns false when it is not there. Whoever closes a
// connection asks first: a closed descriptor leaves an epoll without a word.
func (l *lobby) take(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.in[c.fd] != c {
		return false
	}
	l.leaveLocked(c)
	return true
}

// serve watches until end is called and everybody is gone.
func (l *lobby) serve() {
	defer l.file.Close()
	events := make([]unix.EpollEvent, 128)
	for {
		n := 0
		_ = l.raw.Read(func(fd uintptr) bool { // an error is the end of the tick
			got, err := unix.EpollWait(int(fd), events, 0)
			n = max(got, 0)
			return err != nil || n > 0
		})
		ready, late, done := l.sort(events[:n], time.Now())
		for _, c := range ready {
			l.ready(c)
		}
		for _, c := range late {
			l.late(c)
		}
		if done {
			return
		}
	}
}

// sort takes out who has said enough, and whose time is up.
func (l *lobby) sort(events []unix.EpollEvent, now time.Time) (ready, late []*conn, done bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range events {
		if c := l.in[e.Fd]; c != nil && l.hearLocked(c, now) {
			l.leaveLocked(c)
			ready = append(ready, c)
		}
	}
	if now.Sub(l.looked) >= lobbyTick {
		l.looked = now
		for _, c := range l.in {
			if now.After(c.leaving) {
				l.leaveLocked(c)
				late = append(late, c)
			}
		}
	}
	tick := time.Time{} // nobody is here: no tick
	if len(l.in) > 0 {
		tick = now.Add(lobbyTick)
	}
	_ = l.file.SetReadDeadline(tick)
	return ready, late, l.ended && len(l.in) == 0
}

// end lets nobody in any more.
func (l *lobby) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	if l.file == nil {
		return
	}
	_ = l.file.SetReadDeadline(time.Unix(1, 0)) // wakes serve
}
