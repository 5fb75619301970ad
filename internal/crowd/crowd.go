// Package crowd is what every door that speaks HTTP has before its handlers: a
// listener that keeps thousands of idle, slow and half-done clients within limits,
// and the question whether a request is for this host at all.
//
// The package does not know what is asked for.
package crowd

import (
	"cmp"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Listener keeps the crowd at the door within its limits. Far below them
// everybody may take the time that the deadlines give. Once 80 % of a limit is
// taken, whoever makes us wait has to go, the longest first, so that a client
// with something to say finds a place. What is still too much is closed at
// once.
type Listener struct {
	net.Listener
	Conns, PerIP int // the most connections, and those of one address; 0 no limit

	now func() time.Time

	mu   sync.Mutex
	open map[*conn]struct{}
	byIP map[netip.Addr]int
	shy  int // connections that have not begun a request yet: handshakes, mostly

	swept time.Time // when waiting connections were last looked for
}

// conn is one client's connection as the listener sees it.
type conn struct {
	net.Conn
	l  *Listener
	ip netip.Addr

	// Guarded by l.mu.
	spoken bool      // has begun a request
	busy   int       // requests being answered
	since  time.Time // when the present wait for a request began

	// Of the body that is being read.
	reading bool
	began   time.Time // of the present wait for octets
	waited  time.Duration
	octets  int64
}

const (
	// patience is how long a connection without a request is left alone, also
	// in a crowd: a handshake over a slow link takes that long.
	patience = time.Second
	// betweenSweeps keeps a flood from making us look at everybody for each of
	// its connections. One look makes room for a fifth of the limit.
	betweenSweeps = 100 * time.Millisecond
	// A body is slow when it made us wait this long for fewer octets a second
	// than this; lpd's limits are the same.
	slowAfter = 10 * time.Second
	slowBelow = 1024
)

// Accept returns the next connection that there is room for.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &conn{Conn: nc, l: l, ip: address(nc.RemoteAddr().String())}
		shed, ok := l.enter(c)
		for _, s := range shed {
			_ = s.Close()
		}
		if ok {
			return c, nil
		}
		_ = nc.Close()
	}
}

// enter counts c in if there is room, and names the connections that have to
// go.
func (l *Listener) enter(c *conn) (shed []*conn, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.since = l.clock()
	all, own := len(l.open)-crowded(l.Conns), l.byIP[c.ip]-crowded(l.PerIP)
	if c.since.Sub(l.swept) >= betweenSweeps && (l.Conns > 0 && all >= 0 || l.PerIP > 0 && own >= 0 || l.tooShyLocked()) {
		l.swept = c.since
		shed = l.shedLocked(c.since, c.ip, all+1, own+1)
		for _, s := range shed {
			l.leaveLocked(s)
		}
	}
	if l.PerIP > 0 && l.byIP[c.ip] >= l.PerIP {
		return shed, false
	}
	if l.Conns > 0 && len(l.open) >= l.Conns || l.tooShyLocked() {
		s := l.pushyLocked(l.byIP[c.ip])
		if s == nil {
			return shed, false
		}
		l.leaveLocked(s)
		shed = append(shed, s)
	}
	if l.open == nil {
		l.open, l.byIP = map[*conn]struct{}{}, map[netip.Addr]int{}
	}
	l.open[c] = struct{}{}
	l.byIP[c.ip]++
	l.shy++
	return shed, true
}

// pushyLocked picks a connection that has not begun a request, of the address that
// has the most: someone who comes with own others of his address, and so with
// fewer, takes its place. A flood is then in its own way first.
func (l *Listener) pushyLocked(own int) *conn {
	var from netip.Addr
	most := own + 1
	for ip, n := range l.byIP {
		if n > most {
			from, most = ip, n
		}
	}
	var picked *conn
	for c := range l.open {
		if c.ip == from && !c.spoken && (picked == nil || c.since.Before(picked.since)) {
			picked = c
		}
	}
	return picked
}

// tooShyLocked reports whether half of all places are taken by connections that
// have not begun a request. A flood of handshakes gets that far and no further.
func (l *Listener) tooShyLocked() bool { return l.Conns > 0 && l.shy >= max(16, l.Conns/2) }

// crowded is the 80 % of a limit from which on waiting has an end.
func crowded(limit int) int { return max(1, limit*4/5) }

func (l *Listener) clock() time.Time {
	if l.now == nil {
		return time.Now()
	}
	return l.now()
}

// shedLocked picks those who have made us wait longest: of all to free `all`
// places, of address ip to free `own`, and one of those without a request when
// there are too many of them.
func (l *Listener) shedLocked(now time.Time, ip netip.Addr, all, own int) []*conn {
	shy := 0
	if l.tooShyLocked() {
		shy = max(1, l.Conns/10)
	}
	var waiting []*conn
	for c := range l.open {
		if c.waitsLocked(now) {
			waiting = append(waiting, c)
		}
	}
	slices.SortFunc(waiting, func(a, b *conn) int { return cmp.Compare(a.since.UnixNano(), b.since.UnixNano()) })
	var picked []*conn
	for _, c := range waiting {
		mine := c.ip == ip
		if mine && own > 0 && l.PerIP > 0 || all > 0 && l.Conns > 0 || shy > 0 && !c.spoken {
			picked = append(picked, c)
			all--
			if mine {
				own--
			}
			if !c.spoken {
				shy--
			}
		}
	}
	return picked
}

// waitsLocked reports whether we wait for this client, and not it for us.
func (c *conn) waitsLocked(now time.Time) bool {
	if c.busy == 0 {
		return now.Sub(c.since) >= patience
	}
	waited := c.waited
	if c.reading {
		waited += now.Sub(c.began)
	}
	return waited >= slowAfter && float64(c.octets) < slowBelow*waited.Seconds()
}

func (l *Listener) leaveLocked(c *conn) {
	if _, in := l.open[c]; !in {
		return
	}
	delete(l.open, c)
	if l.byIP[c.ip]--; l.byIP[c.ip] == 0 {
		delete(l.byIP, c.ip)
	}
	if !c.spoken {
		l.shy--
	}
}

// Close counts the connection out and closes it.
func (c *conn) Close() error {
	c.l.mu.Lock()
	c.l.leaveLocked(c)
	c.l.mu.Unlock()
	return c.Conn.Close()
}

// connKey is where a request's context has its connection.
type connKey struct{}

// Context is an http.Server.ConnContext.
func Context(ctx context.Context, nc net.Conn) context.Context {
	if c := ours(nc); c != nil {
		return context.WithValue(ctx, connKey{}, c)
	}
	return ctx
}

// ours is the listener's view of a connection that net/http has.
func ours(nc net.Conn) *conn {
	for {
		switch c := nc.(type) {
		case *conn:
			return c
		case interface{ NetConn() net.Conn }: // *tls.Conn, and what a door puts around ours
			nc = c.NetConn()
		default:
			return nil
		}
	}
}

// State is an http.Server.ConnState: active when a request has begun, idle when
// the next one is waited for.
func State(nc net.Conn, state http.ConnState) {
	c := ours(nc)
	if c == nil || state != http.StateActive {
		return
	}
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	if _, in := c.l.open[c]; in && !c.spoken {
		c.l.shy--
	}
	c.spoken = true
}

// Answering marks the request's connection as busy until it is answered, and
// returns the request with a body whose pace is watched. It is a copy: net/http
// looks at the body of its own, to see whether the rest is worth waiting for.
func Answering(r *http.Request) (_ *http.Request, done func()) {
	c, ok := r.Context().Value(connKey{}).(*conn)
	if !ok {
		return r, func() {}
	}
	c.l.mu.Lock()
	if c.busy++; c.busy == 1 {
		c.waited, c.octets = 0, 0
	}
	c.l.mu.Unlock()
	if r.Body != nil && r.Body != http.NoBody {
		own := *r
		own.Body = &watched{r.Body, c}
		r = &own
	}
	return r, func() {
		c.l.mu.Lock()
		defer c.l.mu.Unlock()
		if c.busy--; c.busy == 0 {
			c.since = c.l.clock()
		}
	}
}

// watched is a request's body whose pace is known.
type watched struct {
	io.ReadCloser
	c *conn
}

func (w *watched) Read(p []byte) (int, error) {
	l := w.c.l
	l.mu.Lock()
	w.c.reading, w.c.began = true, l.clock()
	l.mu.Unlock()
	n, err := w.ReadCloser.Read(p)
	l.mu.Lock()
	w.c.reading = false
	w.c.waited += l.clock().Sub(w.c.began)
	w.c.octets += int64(n)
	l.mu.Unlock()
	return n, err
}
