package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"
)

// door is one port with the server behind it. The server's limits can be
// changed while it runs: a new one takes the connections from then on, and the
// one before ends when its last connection does.
type door struct {
	name  string
	ln    net.Listener
	grace time.Duration // what connections have left once ctx has ended
	log   *slog.Logger

	change chan server

	mu      sync.Mutex
	current *relay
	open    map[*relayed]struct{}
}

// server serves a listener until ctx ends; *lpd.Server and *ui.Server do. It
// lets what is under way finish however long it takes: the door ends it.
type server func(ctx context.Context, ln net.Listener) error

// forever is the grace that a server behind a door is given.
const forever = 30 * 24 * time.Hour

func newDoor(name string, ln net.Listener, grace time.Duration, log *slog.Logger) *door {
	return &door{name: name, ln: ln, grace: grace, log: log, change: make(chan server, 1), open: map[*relayed]struct{}{}}
}

// replace puts another server behind the door. Of several that nobody has
// looked at yet the last one counts.
func (d *door) replace(s server) {
	select {
	case <-d.change:
	default:
	}
	d.change <- s
}

// serve opens the door until ctx ends, and returns when the last connection
// has ended. It owns the listener.
func (d *door) serve(ctx context.Context, first server) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { d.ln.Close() })()

	ended := make(chan struct{})
	defer close(ended)
	go d.endLate(ctx, ended)
	var all sync.WaitGroup
	defer all.Wait()

	failed := make(chan error, 2)
	start := func(s server) context.CancelFunc {
		own, stop := context.WithCancel(ctx)
		r := &relay{addr: d.ln.Addr(), conns: make(chan net.Conn), done: make(chan struct{})}
		d.mu.Lock()
		d.current = r
		d.mu.Unlock()
		all.Go(func() {
			if err := s(own, r); err != nil {
				select {
				case failed <- fmt.Errorf("%s: %w", d.name, err):
				default:
				}
			}
		})
		return stop
	}
	stop := start(first)
	defer func() { stop() }()
	all.Go(func() {
		if err := d.accept(ctx); err != nil {
			failed <- err
		}
	})
	for {
		select {
		case s := <-d.change:
			before := stop
			stop = start(s)
			before()
		case err := <-failed:
			cancel()
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

// endLate closes the connections that are still open when the grace is over.
func (d *door) endLate(ctx context.Context, ended <-chan struct{}) {
	select {
	case <-ended:
		return
	case <-ctx.Done():
	}
	select {
	case <-ended:
		return
	case <-time.After(d.grace):
	}
	d.mu.Lock()
	open := make([]*relayed, 0, len(d.open))
	for c := range d.open {
		open = append(open, c)
	}
	d.mu.Unlock()
	for _, c := range open {
		_ = c.Close()
	}
	if len(open) > 0 {
		d.log.Warn("connections were cut off at the end", "door", d.name, "connections", len(open))
	}
}

// accept hands connections to the server of the moment.
func (d *door) accept(ctx context.Context) error {
	for {
		conn, err := d.ln.Accept()
		switch {
		case err == nil:
			d.hand(conn)
		case ctx.Err() != nil:
			return nil //nolint:nilerr // the door was closed on purpose
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("%s: %w", d.name, err)
		default: // out of file descriptors, perhaps: keep the door, try again
			d.log.Warn("accept failed", "door", d.name, "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
}

// hand gives a connection to the server of the moment. One that was replaced
// just now does not take it, and the next one does.
func (d *door) hand(conn net.Conn) {
	c := &relayed{Conn: conn, d: d}
	d.mu.Lock()
	d.open[c] = struct{}{}
	r := d.current
	d.mu.Unlock()
	for {
		if r.hand(c) {
			return
		}
		d.mu.Lock()
		next := d.current
		d.mu.Unlock()
		if next == r { // nobody is left
			_ = c.Close()
			return
		}
		r = next
	}
}

// relay is the listener that a server behind a door sees.
type relay struct {
	addr  net.Addr
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (r *relay) hand(c net.Conn) bool {
	select {
	case r.conns <- c:
		return true
	case <-r.done:
		return false
	}
}

// Accept returns the next connection that the door has taken.
func (r *relay) Accept() (net.Conn, error) {
	select {
	case c := <-r.conns:
		return c, nil
	case <-r.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept. The port stays open.
func (r *relay) Close() error {
	r.once.Do(func() { close(r.done) })
	return nil
}

// Addr returns the address of the port.
func (r *relay) Addr() net.Addr { return r.addr }

// relayed is a connection that its door knows of.
type relayed struct {
	net.Conn
	d *door
}

// Close closes the connection.
func (c *relayed) Close() error {
	c.d.mu.Lock()
	delete(c.d.open, c)
	c.d.mu.Unlock()
	return c.Conn.Close()
}

// CloseWrite ends one direction, where the connection can.
func (c *relayed) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return errors.ErrUnsupported
}

// SyscallConn gives the socket, where the connection has one: lpd asks it to
// confirm at once what has come.
func (c *relayed) SyscallConn() (syscall.RawConn, error) {
	if s, ok := c.Conn.(syscall.Conn); ok {
		return s.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}
