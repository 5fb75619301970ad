package lpd

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// lobby is where connections wait that have not said a word for a while. One
// goroutine watches all of them by an epoll of its own, so that a silent client
// costs what its socket costs and no stack.
type lobby struct {
	limit time.Duration // from its beginning on; then a connection has to leave
	ready func(*conn)   // it has something to say, or has hung up
	late  func(*conn)   // its time is up
	work  func(func())  // runs something in a goroutine that is waited for

	mu    sync.Mutex
	in    map[int32]*conn // by descriptor
	ended bool
	epoll int
	file  *os.File // the epoll itself, which Go's poller watches; nil until somebody comes
	raw   syscall.RawConn
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

// park takes c in, and returns false where c has to be waited for otherwise.
func (l *lobby) park(c *conn) bool {
	socket, ok := c.Conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || l.openLocked() != nil {
		return false
	}
	var watched error
	err = raw.Control(func(fd uintptr) {
		c.fd = int32(fd)
		e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLONESHOT, Fd: c.fd}
		watched = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, int(fd), &e)
	})
	if err != nil || watched != nil {
		return false
	}
	l.in[c.fd] = c
	if len(l.in) == 1 {
		_ = l.file.SetReadDeadline(time.Now().Add(lobbyTick)) // until now nobody had to be timed
	}
	return true
}

// take takes c out, and returns false when it is not there. Whoever closes a
// connection asks first: a closed descriptor leaves an epoll without a word.
func (l *lobby) take(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.in[c.fd] != c {
		return false
	}
	delete(l.in, c.fd)
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

// sort takes out whom the events speak of, and whose time is up.
func (l *lobby) sort(events []unix.EpollEvent, now time.Time) (ready, late []*conn, done bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range events {
		// A descriptor may be another connection's by now. That one then waits in a
		// goroutine of its own.
		if c := l.in[e.Fd]; c != nil {
			delete(l.in, e.Fd)
			ready = append(ready, c)
		}
	}
	for fd, c := range l.in {
		if now.Sub(c.born) >= l.limit {
			delete(l.in, fd)
			late = append(late, c)
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
