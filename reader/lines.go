package reader

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"platen/fault"
)

// Role says who calls.
type Role string

// The roles.
const (
	Server Role = "server" // the reader calls us; also when it is empty
	Client Role = "client" // we call the reader
)

// Terminator says what ends a line.
type Terminator string

// The ends of a line. What CR or LF leave of a CRLF is dropped with the other
// control characters.
const (
	CR   Terminator = "cr" // also when it is empty
	LF   Terminator = "lf"
	CRLF Terminator = "crlf"
	None Terminator = "none" // a pause ends it, and so does the end of the connection
)

var ends = map[Terminator][]byte{"": {'\r'}, CR: {'\r'}, LF: {'\n'}, CRLF: {'\r', '\n'}, None: nil}

// Lines hears numbers that come as lines over TCP. All fields are set before
// Serve; a field that is zero has the default named beside it.
type Lines struct {
	Name string // of the reader, in Reading.Reader
	Sink Sink
	Log  *slog.Logger

	Role    Role
	Address string // host:port to listen on or to call
	// BySource makes a reader of each address that sends: Reading.Reader is the
	// address. Otherwise there is one reader, and while it is connected, others
	// are refused.
	BySource bool
	Allow    []netip.Prefix // who may call; empty: loopback. A number may sign somebody in.
	TLS      *tls.Config    // plain when nil; a server's has a certificate

	Terminator     Terminator
	Gap            time.Duration // a pause that ends a line of None, 150 ms, and refuses one of the others, 5 s
	Prefix, Suffix string        // taken off a line that has them; NULs around a line are taken off before
	Framed         bool          // lines without both are not numbers: the reader's own messages
	Strict         bool          // control characters within a line refuse it; otherwise they are dropped
	Max            int           // octets of a line; 256

	Debounce time.Duration // 2 s; negative: every line is a reading
	Retry    time.Duration // the first wait before trying again, doubled up to a minute; 1 s
	Idle     time.Duration // longest silence of a connection; 24 h. A dead one is noticed within a minute.
	MaxConns int           // 64
	MaxPerIP int           // 4

	// BusyAbove readings in a minute, 30, Busy is called, once in the minute.
	// Whether they are cards that nobody knows is for others to say.
	BusyAbove int
	Busy      func(reader string, perMinute int)

	OnListen func(addr net.Addr) // the address as it became, each time it was opened
	OnState  func()              // State has changed

	condition condition
	ears      ears
	refusals  refusals
	dial      func(ctx context.Context, address string) (net.Conn, error) // for tests
}

// State says whether the reader can be used, what about it, as a sentence for
// people, and since when.
func (l *Lines) State() (ok bool, text string, since time.Time) { return l.condition.get() }

func (l *Lines) state(ok bool, text string) { l.condition.set(ok, text, l.OnState) }

// Check says what is wrong with the fields. Its errors are Invalid.
func (l *Lines) Check() error {
	const op = "reader.Lines"
	if _, known := ends[l.Terminator]; !known {
		return &fault.Error{Op: op, Kind: fault.Invalid, Text: "The end of a reader's line is cr, lf, crlf or none."}
	}
	if l.Role != "" && l.Role != Server && l.Role != Client {
		return &fault.Error{Op: op, Kind: fault.Invalid, Text: "The role of a reader is server or client."}
	}
	host, port, err := net.SplitHostPort(l.Address)
	if err != nil || port == "" || l.Role == Client && (host == "" || port == "0") {
		return &fault.Error{Op: op, Kind: fault.Invalid, Text: "A reader needs an address and a port, such as 192.0.2.7:4001.", Err: err}
	}
	if l.TLS != nil && l.Role != Client && len(l.TLS.Certificates) == 0 && l.TLS.GetCertificate == nil && l.TLS.GetConfigForClient == nil {
		return &fault.Error{Op: op, Kind: fault.Invalid, Text: "A secure connection that the reader opens needs a certificate."}
	}
	return nil
}

// Serve hears until ctx ends and returns nil. Only fields that Check refuses
// end it before.
func (l *Lines) Serve(ctx context.Context) error {
	if err := l.Check(); err != nil {
		return err
	}
	l.state(false, Starting)
	wait := patience{first: orDefault(l.Retry, defaultRetry), longest: longestWait}
	for ctx.Err() == nil {
		l.round(ctx, &wait)
	}
	l.state(false, NotRunning)
	return nil
}

// round hears until the network fails or ctx ends, and waits before the next.
func (l *Lines) round(ctx context.Context, wait *patience) {
	work := l.listen
	if l.Role == Client {
		work = l.call
	}
	good, err := work(ctx)
	if ctx.Err() != nil {
		return
	}
	if good {
		wait.reset()
	}
	d := wait.again()
	l.Log.Warn("reader: trying again", "reader", l.Name, "address", l.Address, "after", d, "error", err)
	pause(ctx, d)
}

// keepAlive notices within a minute that the other side is dead.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3}

// call opens one connection to the reader and hears what comes. It reports
// whether anything did.
func (l *Lines) call(ctx context.Context) (heard bool, err error) {
	dial := l.dial
	if dial == nil {
		d := &net.Dialer{Timeout: handshakeTime, KeepAliveConfig: keepAlive}
		dial = func(ctx context.Context, address string) (net.Conn, error) { return d.DialContext(ctx, "tcp", address) }
	}
	conn, err := dial(ctx, l.Address)
	if err != nil {
		l.state(false, unreached[fault.ReachOf(err)])
		return false, err
	}
	plain := conn
	defer context.AfterFunc(ctx, func() { plain.Close() })()
	defer plain.Close()
	source := sourceOf(plain)
	if l.TLS != nil {
		if conn, err = l.secureCall(ctx, plain); err != nil {
			l.state(false, notSecure)
			return false, err
		}
	}
	l.state(true, connected)
	heard, err = l.converse(ctx, conn, source)
	l.state(false, cannotReach)
	return heard, err
}

func (l *Lines) secureCall(ctx context.Context, conn net.Conn) (net.Conn, error) {
	config := l.TLS.Clone()
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(l.Address) // Check has looked
	}
	return handshake(ctx, tls.Client(conn, config))
}

const handshakeTime = 10 * time.Second

func handshake(ctx context.Context, conn *tls.Conn) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	return conn, conn.HandshakeContext(ctx)
}

// sourceOf returns the other side's address as people write it; zero when it
// has none.
func sourceOf(conn net.Conn) netip.Addr {
	a, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap().WithZone("")
}

func (l *Lines) readerAt(source netip.Addr) string {
	if l.BySource {
		return source.String()
	}
	return l.Name
}

// converse hears the lines of a connection until it ends, and reports whether
// any octet came.
func (l *Lines) converse(ctx context.Context, conn net.Conn, source netip.Addr) (heard bool, err error) {
	s := &splitter{end: ends[l.Terminator], max: orDefault(l.Max, 256)}
	reader := l.readerAt(source)
	emit := func(line []byte) { l.hear(ctx, reader, source, line) }
	refuse := func() { l.refuse("line too long or broken off", source) }
	buf := make([]byte, 512)
	for {
		if err := conn.SetReadDeadline(time.Now().Add(l.silence(s))); err != nil {
			return heard, err
		}
		n, err := conn.Read(buf)
		heard = heard || n > 0
		s.feed(buf[:n], emit, refuse)
		switch timeout := net.Error(nil); {
		case err == nil:
		case errors.As(err, &timeout) && timeout.Timeout() && s.within():
			s.pause(emit, refuse)
		default:
			if len(s.end) == 0 && errors.Is(err, io.EOF) {
				s.pause(emit, refuse)
			}
			return heard, err
		}
	}
}

// silence is how long nothing may come now.
func (l *Lines) silence(s *splitter) time.Duration {
	switch {
	case !s.within():
		return orDefault(l.Idle, 24*time.Hour)
	case len(s.end) == 0:
		return orDefault(l.Gap, 150*time.Millisecond)
	default:
		return orDefault(l.Gap, 5*time.Second)
	}
}

func (l *Lines) hear(ctx context.Context, reader string, source netip.Addr, line []byte) {
	raw, ok := l.number(line)
	if !ok {
		l.refuse("line is not a number", source)
		return
	}
	now := time.Now()
	if raw == "" || l.ears.again(reader, raw, now, orDefault(l.Debounce, defaultDebounce)) {
		return
	}
	l.ears.busy(reader, now, orDefault(l.BusyAbove, defaultBusy), l.Busy)
	l.Sink(ctx, Reading{Reader: reader, Raw: raw, At: now, Source: source})
}

// number takes off a line what is not part of the number. An empty one is
// nothing to speak of: the reader's sign of life, or a message of its own.
func (l *Lines) number(line []byte) (raw string, ok bool) {
	line = bytes.Trim(line, "\x00")
	rest, before := bytes.CutPrefix(line, []byte(l.Prefix))
	rest, after := bytes.CutSuffix(rest, []byte(l.Suffix))
	if l.Framed && !(before && after) {
		return "", true
	}
	if l.Strict && bytes.ContainsFunc(rest, notPrintable) {
		return "", false
	}
	return strings.TrimSpace(string(bytes.Map(func(r rune) rune {
		if notPrintable(r) {
			return -1
		}
		return r
	}, rest))), true
}

func notPrintable(r rune) bool { return r < ' ' || r > '~' }
