package lpd

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"platen/fault"
)

// door is one listener with its connections. It counts them, turns away what
// is beyond the caps, and makes room when slow clients fill it.
type door struct {
	*Server
	ctx context.Context //nolint:containedctx // of what connections do; they outlive the one of Serve

	mu      sync.Mutex
	conns   map[*conn]struct{}
	perIP   map[netip.Addr]int
	closing bool      // the server is ending: no connection may rest
	swept   time.Time // when slow clients were last looked for

	lobby *lobby
}

// conn is one client's connection. Its Read keeps the deadlines and knows how
// long the client has made us wait.
type conn struct {
	net.Conn
	ip    netip.Addr
	idle  time.Duration // longest silence; the deadline of every Read
	late  time.Time     // when reading ends whatever comes; zero: never
	brief bool          // reads wait for no longer than patience, and their being over says nothing
	lost  error         // what ended the reading or writing; only for the goroutine that does both

	session *session // of a client that brings jobs
	held    []byte   // octets that have come and that Read has not returned
	first   [1]byte  // what held begins as
	seat             // in the lobby

	cut     bool // has to make room; guarded by door.mu
	resting bool // waits for a command, with nothing half done; guarded by door.mu

	born   time.Time
	octets atomic.Int64 // received
	waited atomic.Int64 // nanoseconds spent waiting for the client, the present wait left out
	since  atomic.Int64 // start of the present wait, in nanoseconds after born; -1: not waiting
}

// Read reads with a deadline of its own for each call: a client may be slow
// for ever, but not silent. Only its first line has to come in time as a whole.
func (c *conn) Read(p []byte) (int, error) {
	if len(c.held) > 0 {
		n := copy(p, c.held)
		c.held = c.held[n:]
		return n, nil
	}
	if c.lost != nil {
		return 0, c.lost
	}
	start := time.Now()
	c.since.Store(int64(start.Sub(c.born)))
	until := c.until(start)
	brief := c.brief && start.Add(patience).Before(until)
	if brief {
		until = start.Add(patience)
	}
	err := c.SetReadDeadline(until)
	n := 0
	if err == nil {
		hurry(c.Conn)
		n, err = c.Conn.Read(p)
	}
	c.heard(n)
	switch {
	case err == nil:
	case brief && errors.Is(err, os.ErrDeadlineExceeded):
		err = errSilent
	default:
		c.lost = err
	}
	return n, err
}

// errSilent ends a brief wait.
var errSilent = errors.New("lpd: nothing has come for a moment")

// until is when a wait that begins now is over.
func (c *conn) until(now time.Time) time.Time {
	t := now.Add(c.idle)
	if !c.late.IsZero() && c.late.Before(t) {
		return c.late
	}
	return t
}

// heard ends a wait that brought n octets.
func (c *conn) heard(n int) {
	c.waited.Add(int64(time.Since(c.born)) - c.since.Swap(-1))
	c.octets.Add(int64(n))
}

// Write gives up on a client that does not take even an octet.
func (c *conn) Write(p []byte) (int, error) {
	err := c.SetWriteDeadline(time.Now().Add(c.idle))
	n := 0
	if err == nil {
		n, err = c.Conn.Write(p)
	}
	if err != nil {
		c.lost = err
	}
	return n, err
}

// rate returns how many octets per second the client sent while it was waited
// for, and how long that was.
func (c *conn) rate(now time.Time) (perSecond float64, waited time.Duration) {
	waited = time.Duration(c.waited.Load())
	if since := c.since.Load(); since >= 0 {
		waited += now.Sub(c.born) - time.Duration(since)
	}
	if waited <= 0 {
		return 0, 0
	}
	return float64(c.octets.Load()) / waited.Seconds(), waited
}

// admit takes a connection in, or refuses it when a cap is reached.
func (d *door) admit(nc net.Conn) *conn {
	now := time.Now()
	c := &conn{Conn: nc, ip: addrOf(nc), idle: d.FirstByte, late: now.Add(d.FirstByte), resting: true, born: now}
	slow, ok := d.enter(c)
	for _, s := range slow {
		d.hangUp(s)
	}
	if len(slow) > 0 {
		d.Log.Warn("lpd: cut off slow clients to make room", "clients", len(slow))
	}
	if ok {
		d.OnConn(1)
		return c
	}
	d.Log.Warn("lpd: too many connections", "client", c.ip)
	d.OnRefuse(fault.Unavailable)
	nc.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = nc.Write([]byte{octet(fault.Unavailable)}) // it may not even be listening
	nc.Close()
	return nil
}

func addrOf(nc net.Conn) netip.Addr {
	ap, err := netip.ParseAddrPort(nc.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// enter counts c in if there is room, and names the clients to cut off.
func (d *door) enter(c *conn) (slow []*conn, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	perIP := d.MaxPerIP
	if slices.ContainsFunc(d.Trusted, func(p netip.Prefix) bool { return p.Contains(c.ip) }) {
		perIP = d.MaxTrusted
	}
	all, own := len(d.conns), d.perIP[c.ip]
	if now := time.Now(); (all >= share(d.MaxConns) || own >= share(perIP)) && now.Sub(d.swept) >= time.Second {
		d.swept = now
		slow = d.slowLocked(now, all-share(d.MaxConns)+1, c.ip, own-share(perIP)+1)
		for _, s := range slow { // as good as gone: they are closed before c is served
			all--
			if s.ip == c.ip {
				own--
			}
		}
	}
	if d.closing || own >= perIP {
		return slow, false
	}
	if all >= d.MaxConns {
		s := d.pushyLocked(own)
		if s == nil {
			return slow, false
		}
		slow = append(slow, s)
	}
	d.conns[c] = struct{}{}
	d.perIP[c.ip]++
	return slow, true
}

// share is the 80 % of a cap above which slow clients have to make room.
func share(limit int) int { return max(1, limit*4/5) }

// muteAfter is how long a client that has not said a word is left alone when
// places are rare. Every print client speaks at once; a flood of connections does
// not, and would otherwise keep the door shut until FirstByte is over.
const muteAfter = time.Second

// pushyLocked picks, when every place is taken, a connection without a word of the
// address that has the most: someone who comes with own others of his address, and
// so with fewer, takes its place. A flood is then in its own way first.
func (d *door) pushyLocked(own int) *conn {
	var from netip.Addr
	most := own + 1
	for ip, n := range d.perIP {
		if n > most {
			from, most = ip, n
		}
	}
	var picked *conn
	for c := range d.conns {
		if c.ip == from && !c.cut && c.octets.Load() == 0 && (picked == nil || c.born.Before(picked.born)) {
			picked = c
		}
	}
	if picked != nil {
		picked.cut = true
	}
	return picked
}

// slowLocked picks the slowest clients: of all to free `all` places, of address
// ip to free `own`.
func (d *door) slowLocked(now time.Time, all int, ip netip.Addr, own int) []*conn {
	type pace struct {
		*conn
		rate float64
	}
	var slow []pace
	for c := range d.conns {
		if c.cut {
			continue
		}
		rate, waited := c.rate(now)
		mute := waited >= muteAfter && c.octets.Load() == 0
		if mute || waited >= d.SlowAfter && rate < float64(d.SlowBelow) {
			slow = append(slow, pace{c, rate})
		}
	}
	slices.SortFunc(slow, func(a, b pace) int { return cmp.Compare(a.rate, b.rate) })
	var picked []*conn
	for _, p := range slow {
		switch mine := p.ip == ip; {
		case mine && own > 0, all > 0:
			p.cut = true
			picked = append(picked, p.conn)
			all--
			if mine {
				own--
			}
		}
	}
	return picked
}

// hangUp closes c. Its own goroutine cleans up, where it has one.
func (d *door) hangUp(c *conn) {
	if d.lobby.take(c) {
		d.lose(c, net.ErrClosed)
		return
	}
	c.Close()
	if d.lobby.take(c) { // it went there in this moment; now it cannot any more
		d.lose(c, net.ErrClosed)
	}
}

// leave counts c out.
func (d *door) leave(c *conn) {
	c.Close()
	d.mu.Lock()
	delete(d.conns, c)
	if d.perIP[c.ip]--; d.perIP[c.ip] == 0 {
		delete(d.perIP, c.ip)
	}
	d.mu.Unlock()
	d.OnConn(-1)
}

// rest marks that c waits for a command with nothing half done, or that it no
// longer does. It returns false when the server is ending and c should too.
func (d *door) rest(c *conn, resting bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	c.resting = resting
	return !d.closing || !resting
}

// close ends the connections that are chosen.
func (d *door) close(chosen func(*conn) bool) {
	d.mu.Lock()
	d.closing = true
	var list []*conn
	for c := range d.conns {
		if chosen(c) {
			list = append(list, c)
		}
	}
	d.mu.Unlock()
	for _, c := range list {
		d.hangUp(c) // does not block: net.Conn
	}
}
