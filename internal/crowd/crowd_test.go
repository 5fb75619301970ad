package crowd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// crowd is a listener with a clock of its own and clients that are not there.
type crowd struct {
	*Listener
	at time.Time
}

func newCrowd(conns, perIP int) *crowd {
	c := &crowd{at: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)}
	c.Listener = &Listener{Conns: conns, PerIP: perIP, now: func() time.Time { return c.at }}
	return c
}

// nobody is a connection that remembers whether it was closed.
type nobody struct {
	net.Conn
	closed bool
}

func (n *nobody) Close() error { n.closed = true; return nil }

// comes is a client of an address, and whether it was let in.
func (w *crowd) comes(ip string) (*conn, bool) {
	c := &conn{Conn: &nobody{}, l: w.Listener, ip: netip.MustParseAddr(ip)}
	shed, ok := w.enter(c)
	for _, s := range shed {
		_ = s.Close()
	}
	return c, ok
}

func (c *conn) gone() bool { return c.Conn.(*nobody).closed } //nolint:forcetypeassert // of this test

// asks begins a request on c with a body, and returns its body and its end.
func (c *conn) asks(body io.Reader) (io.Reader, func()) {
	State(c, http.StateActive)
	r, _ := http.NewRequestWithContext(Context(context.Background(), c), http.MethodPost, "https://localhost/", io.NopCloser(body))
	r, done := Answering(r)
	return r.Body, done
}

func TestListenerCountsBothWays(t *testing.T) {
	w := newCrowd(2, 1)
	a, ok := w.comes("10.0.0.1")
	_, again := w.comes("10.0.0.1")
	b, other := w.comes("10.0.0.2")
	_, third := w.comes("10.0.0.3")
	if !ok || again || !other || third {
		t.Error("the limits are not kept")
	}
	a.Close()
	a.Close() // net/http closes twice
	c, ok := w.comes("10.0.0.3")
	if _, more := w.comes("10.0.0.1"); !ok || more {
		t.Error("a place that became free is not given away once")
	}
	b.Close()
	c.Close()
	if len(w.byIP) != 0 || len(w.open) != 0 || w.shy != 0 {
		t.Errorf("left over: %v, %d, %d", w.byIP, len(w.open), w.shy)
	}
}

// A24: connections that say nothing make room for one that comes later, the
// oldest first; those that are being answered and those that have only just
// come stay.
func TestA24IdleConnectionsMakeRoom(t *testing.T) {
	w := newCrowd(10, 10)
	busy, _ := w.comes("10.0.0.1")
	_, answered := busy.asks(strings.NewReader(""))
	var idle []*conn
	for i := range 9 {
		w.at = w.at.Add(100 * time.Millisecond)
		c, ok := w.comes(fmt.Sprintf("10.0.1.%d", i))
		if !ok {
			t.Fatal("refused below the limit")
		}
		idle = append(idle, c)
	}
	if _, ok := w.comes("10.0.0.2"); ok {
		t.Error("let in beyond the limit while nobody had waited long")
	}
	w.at = w.at.Add(patience)
	good, ok := w.comes("10.0.0.2")
	if !ok || good.gone() || busy.gone() {
		t.Errorf("the good client is in: %t; the busy one is gone: %t", ok, busy.gone())
	}
	for i, c := range idle {
		if c.gone() != (i < 3) {
			t.Errorf("idle connection %d gone: %t", i, c.gone())
		}
	}
	answered()
	w.at = w.at.Add(patience)
	if _, ok := w.comes("10.0.0.3"); !ok {
		t.Error("no room")
	}
}

// A24: within the limit of one address, its own connections make room and
// nobody else's.
func TestA24OneAddressMakesItsOwnRoom(t *testing.T) {
	w := newCrowd(100, 5)
	other, _ := w.comes("10.0.0.9")
	var idle []*conn
	for range 4 {
		c, _ := w.comes("10.0.0.1")
		idle = append(idle, c)
	}
	w.at = w.at.Add(patience)
	if _, ok := w.comes("10.0.0.1"); !ok || other.gone() || !idle[0].gone() && !idle[1].gone() && !idle[2].gone() && !idle[3].gone() {
		t.Errorf("in: %t, the other address was cut off: %t", ok, other.gone())
	}
}

// A25: half-done handshakes take half of the places and no more, and even those
// only for as long as nobody else wants them.
func TestA25HandshakesTakeHalf(t *testing.T) {
	w := newCrowd(100, 100)
	in := 0
	for range 200 {
		if _, ok := w.comes("10.0.0.1"); ok {
			in++
		}
	}
	if in != 50 {
		t.Errorf("%d connections without a request were let in", in)
	}
	w.at = w.at.Add(patience)
	c, ok := w.comes("10.0.0.2")
	if !ok {
		t.Fatal("a good client is not let in")
	}
	State(c, http.StateActive)
	if w.shy != 40 {
		t.Errorf("%d connections without a request are left", w.shy)
	}
}

// A25: a flood of handshakes is in its own way: whoever comes from an address with
// fewer connections takes one of its places at once.
func TestA25AFloodIsInItsOwnWay(t *testing.T) {
	w := newCrowd(100, 100)
	for range 200 {
		w.comes("10.0.0.1")
	}
	if _, ok := w.comes("10.0.0.1"); ok {
		t.Error("the flood goes on")
	}
	for i := range 10 {
		if _, ok := w.comes(fmt.Sprintf("10.0.1.%d", i)); !ok {
			t.Fatalf("good client %d is not let in", i)
		}
	}
	if w.shy != 50 {
		t.Errorf("%d connections without a request", w.shy)
	}
}

// A07: a body of an octet a second has to go when places are rare, and one that
// comes at a fair pace stays.
func TestA07SlowBodiesMakeRoom(t *testing.T) {
	w := newCrowd(5, 5)
	tick := func(n int) io.Reader { return &pace{w: w, n: n} }
	slow, _ := w.comes("10.0.0.1")
	slowBody, _ := slow.asks(tick(1))
	fair, _ := w.comes("10.0.0.2")
	fairBody, _ := fair.asks(tick(10_000))
	waiting, _ := w.comes("10.0.0.3")
	_, _ = waiting.asks(strings.NewReader("")) // waits for us, however long
	for _, body := range []io.Reader{slowBody, fairBody} {
		for range 11 {
			if _, err := body.Read(make([]byte, 10_000)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, ok := w.comes("10.0.0.4"); !ok || slow.gone() {
		t.Error("somebody had to go below 80 % of the limit")
	}
	w.at = w.at.Add(betweenSweeps)
	if _, ok := w.comes("10.0.0.5"); !ok || !slow.gone() || fair.gone() || waiting.gone() {
		t.Errorf("in: %t; gone: slow %t, fair %t, waiting %t", ok, slow.gone(), fair.gone(), waiting.gone())
	}
}

// pace gives n octets a second.
type pace struct {
	w *crowd
	n int
}

func (p *pace) Read(b []byte) (int, error) {
	p.w.at = p.w.at.Add(time.Second)
	return min(p.n, len(b)), nil
}

// A whole server knows which connection a request came on: one that is being
// answered is busy, and idle again afterwards.
func TestRequestsKnowTheirConnection(t *testing.T) {
	inner, outer := net.Pipe()
	l := &Listener{Listener: &oneConn{conn: inner}, Conns: 10, PerIP: 10}
	busy := make(chan int, 1)
	srv := &http.Server{ConnContext: Context, ConnState: State, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, done := Answering(r)
		defer done()
		l.mu.Lock()
		defer l.mu.Unlock()
		for c := range l.open {
			busy <- c.busy
		}
		if l.shy != 0 {
			t.Error("a connection with a request counts as one without")
		}
	})}
	go func() { _ = srv.Serve(l) }()
	fmt.Fprint(outer, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	if _, err := io.ReadAll(outer); err != nil {
		t.Error(err)
	}
	if n := <-busy; n != 1 {
		t.Errorf("%d requests on the connection", n)
	}
	if err := srv.Close(); err != nil {
		t.Error(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) != 0 {
		t.Errorf("%d connections are left", len(l.open))
	}
}

// oneConn is a listener with one connection.
type oneConn struct {
	conn net.Conn
	net.Listener
}

func (o *oneConn) Accept() (net.Conn, error) {
	if o.conn == nil {
		return nil, errors.New("that was all")
	}
	c := o.conn
	o.conn = nil
	return c, nil
}

func (o *oneConn) Close() error   { return nil }
func (o *oneConn) Addr() net.Addr { return &net.TCPAddr{} }
