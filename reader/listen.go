package reader

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// listen opens the address and takes who calls until ctx ends. It reports
// whether the address could be opened.
func (l *Lines) listen(ctx context.Context) (opened bool, err error) {
	ln, err := (&net.ListenConfig{KeepAliveConfig: keepAlive}).Listen(ctx, "tcp", l.Address)
	if err != nil {
		l.state(false, whyNotOpen(err))
		return false, err
	}
	if l.OnListen != nil {
		l.OnListen(ln.Addr())
	}
	return true, l.accept(ctx, ln)
}

// whyNotOpen says why an address could not be listened at.
func whyNotOpen(err error) string {
	switch {
	case errors.Is(err, errAddressUsed):
		return addressUsed
	case errors.Is(err, errAddressElse):
		return addressElse
	case errors.Is(err, fs.ErrPermission):
		return addressOver
	}
	return cannotOpen
}

// accept owns ln and closes it.
func (l *Lines) accept(ctx context.Context, ln net.Listener) error {
	defer context.AfterFunc(ctx, func() { ln.Close() })()
	defer ln.Close()
	d := &door{Lines: l, from: make(map[netip.Addr]int)}
	defer d.conns.Wait()
	l.state(true, waiting)
	for {
		conn, err := ln.Accept()
		switch {
		case err == nil:
			d.take(ctx, conn)
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("reader: %w", err)
		default: // out of file descriptors, perhaps: keep the door, try again
			l.Log.Warn("reader: accept failed", "reader", l.Name, "error", err)
			pause(ctx, 100*time.Millisecond)
		}
	}
}

// door lets connections in.
type door struct {
	*Lines
	conns sync.WaitGroup

	mu      sync.Mutex
	all     int
	from    map[netip.Addr]int
	talking int
}

func (d *door) take(ctx context.Context, conn net.Conn) {
	source := sourceOf(conn)
	if why := d.enter(source); why != "" {
		conn.Close()
		d.refuse(why, source)
		return
	}
	d.conns.Go(func() {
		defer d.leave(source)
		defer context.AfterFunc(ctx, func() { conn.Close() })()
		defer conn.Close()
		d.serve(ctx, conn, source)
	})
}

func (d *door) serve(ctx context.Context, conn net.Conn, source netip.Addr) {
	if d.TLS != nil {
		secure, err := handshake(ctx, tls.Server(conn, d.TLS))
		if err != nil {
			d.Log.Warn("reader: secure connection failed", "reader", d.Name, "source", source, "error", err)
			return
		}
		conn = secure
	}
	d.talk(1)
	defer d.talk(-1)
	_, err := d.converse(ctx, conn, source)
	d.Log.Debug("reader: connection ended", "reader", d.Name, "source", source, "error", err)
}

// enter counts a connection in, or says why not.
func (d *door) enter(source netip.Addr) (why string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case !d.allowed(source):
		return "address not allowed"
	case d.all >= orDefault(d.MaxConns, 64):
		return "too many connections"
	case d.from[source] >= orDefault(d.MaxPerIP, 4):
		return "too many connections of one address"
	case !d.BySource && d.all > d.from[source]:
		return "another reader is connected"
	}
	d.all++
	d.from[source]++
	return ""
}

func (d *door) leave(source netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all--
	d.from[source]--
	if d.from[source] == 0 {
		delete(d.from, source)
	}
}

// talk counts the connections that numbers may come over.
func (d *door) talk(delta int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.talking += delta
	if d.talking > 0 {
		d.state(true, connected)
	} else {
		d.state(true, waiting)
	}
}

func (l *Lines) allowed(source netip.Addr) bool {
	if len(l.Allow) == 0 {
		return source.IsLoopback()
	}
	return slices.ContainsFunc(l.Allow, func(p netip.Prefix) bool { return p.Contains(source) })
}

// refusals keeps those who are refused from filling the log.
type refusals struct {
	mu    sync.Mutex
	last  map[string]time.Time
	count map[string]int
}

// refuse logs once a minute per reason, with how many there were. Reasons are
// constants, so that there are few.
func (l *Lines) refuse(why string, source netip.Addr) {
	if n := l.refusals.due(why, time.Now()); n > 0 {
		l.Log.Warn("reader: refused", "reader", l.Name, "source", source, "reason", why, "times", n)
	}
}

// due counts, and returns the count when it is time to tell.
func (r *refusals) due(why string, now time.Time) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == nil {
		r.last, r.count = make(map[string]time.Time), make(map[string]int)
	}
	r.count[why]++
	if last, told := r.last[why]; told && now.Sub(last) < time.Minute {
		return 0
	}
	n := r.count[why]
	r.last[why], r.count[why] = now, 0
	return n
}
