package ldap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"

	"platen/fault"
)

// dialer makes connections to the servers of a configuration.
type dialer struct {
	cfg    Config
	secret string
	trust  func() *x509.CertPool // see Source.Roots
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)
}

// link is a connection to a server that was checked, and nobody signed in yet.
type link struct {
	server    string
	raw       net.Conn
	guard     *guard
	conn      *goldap.Conn
	state     *tls.ConnectionState // nil when nothing is encrypted
	operation time.Duration        // longest time of one request
	messages  int                  // most messages that answer one
}

// errStartTLS is a server that says that it does not encrypt, or somebody between us
// who pretends that.
var errStartTLS = errors.New("StartTLS was refused")

// open tries the servers in order until ready is content with one. The first
// failure is the one that is told. Once a server has refused an account the
// others are not asked: they would count the failures too, and lock it.
func (d *dialer) open(ctx context.Context, ready func(context.Context, *link) error) (*link, error) {
	var first error
	for i, text := range d.cfg.Servers {
		l, err := d.connect(ctx, text, len(d.cfg.Servers)-i)
		if err == nil {
			if err = ready(ctx, l); err == nil {
				return l, nil
			}
			l.close()
		}
		if first == nil {
			first = err
		}
		if fault.Is(err, fault.Denied) || ctx.Err() != nil {
			return nil, err
		}
	}
	return nil, first
}

// connect makes one connection, with TLS. When others are left to be tried, they
// get their share of the time.
func (d *dialer) connect(ctx context.Context, text string, left int) (*link, error) {
	srv, err := parseServer(text)
	if err != nil {
		return nil, err
	}
	lim := d.cfg.limits()
	limit := lim.dial
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline)/time.Duration(left))
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	raw, err := d.dialTCP(ctx, srv)
	if err != nil {
		return nil, unreachable(srv, err)
	}
	l := &link{server: srv.String(), raw: raw, operation: lim.operation, messages: maxUnpaged}
	defer context.AfterFunc(ctx, func() { raw.Close() })()
	conn, err := d.secure(ctx, l, srv)
	if err != nil {
		raw.Close()
		return nil, d.untrusted(srv, errors.Join(err, ctx.Err()))
	}
	l.guard = newGuard(conn)
	l.conn = goldap.NewConn(l.guard, true)
	l.conn.Start()
	return l, nil
}

// dialTCP looks the name up itself: the system's resolver would leave a thread
// waiting for a dead name server after the deadline.
func (d *dialer) dialTCP(ctx context.Context, srv server) (net.Conn, error) {
	if d.dial != nil {
		return d.dial(ctx, "tcp", srv.addr())
	}
	return (&net.Dialer{Resolver: &net.Resolver{PreferGo: true}}).DialContext(ctx, "tcp", srv.addr())
}

// secure encrypts what will be said, unless the configuration says plainly that
// it may be read by others.
func (d *dialer) secure(ctx context.Context, l *link, srv server) (net.Conn, error) {
	if !srv.tls {
		if d.cfg.AllowPlain {
			return l.raw, nil
		}
		if err := startTLS(l.raw); err != nil {
			return nil, err
		}
	}
	roots, err := d.roots()
	if err != nil {
		return nil, err
	}
	name := d.cfg.ServerName
	if name == "" {
		name = srv.host
	}
	conn := tls.Client(l.raw, &tls.Config{ServerName: name, RootCAs: roots, MinVersion: tls.VersionTLS12})
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	state := conn.ConnectionState()
	l.state = &state
	return conn, nil
}

// roots are who may vouch for the servers: those of the configuration alone, when
// there are any.
func (d *dialer) roots() (*x509.CertPool, error) {
	own, err := d.cfg.roots()
	if err != nil || own != nil || d.trust == nil {
		return own, err
	}
	return d.trust(), nil
}

// startTLS asks a server to go on with TLS (RFC 4511, section 4.14). It reads no
// octet more than the answer, so that nothing that was said in plain is taken for
// a part of what is encrypted.
func startTLS(conn io.ReadWriter) error {
	const oid = "1.3.6.1.4.1.1466.20037"
	name := append([]byte{0x80, byte(len(oid))}, oid...)
	request := append([]byte{0x02, 1, 1, 0x77, byte(len(name))}, name...)
	if _, err := conn.Write(append([]byte{0x30, byte(len(request))}, request...)); err != nil {
		return err
	}
	m, err := readMessage(conn, nil, 64<<10)
	if err != nil {
		return err // nobody refused anything: the server hangs, or went
	}
	if err := checkMessage(m); err != nil {
		return err
	}
	p, err := ber.DecodePacketErr(m)
	if err != nil {
		return fmt.Errorf("%w: %w", errStartTLS, err)
	}
	if len(p.Children) < 2 || p.Children[1].Tag != goldap.ApplicationExtendedResponse {
		return fmt.Errorf("%w: no answer to it", errStartTLS)
	}
	if err := goldap.GetLDAPError(p); err != nil {
		return fmt.Errorf("%w: %w", errStartTLS, err)
	}
	return nil
}

// close ends the connection, whatever the server thinks of it.
func (l *link) close() {
	_ = l.raw.SetDeadline(time.Now().Add(time.Second))
	_ = l.conn.Close()
	l.raw.Close()
}

// do runs one request. When its time is over the connection is closed, which
// ends the request; nothing more can be asked on it then.
func (l *link) do(ctx context.Context, request func() error) error {
	ctx, cancel := context.WithTimeout(ctx, l.operation)
	defer cancel()
	l.guard.begin(l.messages)
	stop := context.AfterFunc(ctx, func() { l.raw.Close() })
	defer stop()
	err := request()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	if cause := l.guard.cause(); cause != nil {
		return fmt.Errorf("%w: %w", err, cause)
	}
	return err
}

// bind signs in. The caller knows that the password is not empty.
func (l *link) bind(ctx context.Context, as, password string) error {
	return l.do(ctx, func() error { return l.conn.Bind(as, password) })
}

// signIn signs in with the account of the configuration, or stays anonymous when
// it has none.
func (d *dialer) signIn(ctx context.Context, l *link) error {
	if d.cfg.BindAs == "" {
		return nil
	}
	if d.secret == "" { // the server would take it for an anonymous visit
		return &fault.Error{Op: "ldap.signIn", Kind: fault.Denied, Text: "The password of the account “%s” is missing. Please type it again.", Args: []any{d.cfg.BindAs}}
	}
	if err := l.bind(ctx, d.cfg.BindAs, d.secret); err != nil {
		return bindFault(l.server, d.cfg.BindAs, err)
	}
	return nil
}

// search asks one question and takes the whole answer. The values of its entries
// are read with value and values.
func (l *link) search(ctx context.Context, req *goldap.SearchRequest) (*goldap.SearchResult, error) {
	var res *goldap.SearchResult
	err := l.do(ctx, func() (err error) {
		l.guard.gather()
		res, err = l.conn.Search(req)
		entries := l.guard.gathered()
		if err == nil {
			res.Entries = append(entries, res.Entries...)
		}
		return err
	})
	if err != nil {
		return nil, err // what came before is of no use to anybody
	}
	return res, nil
}

// certificates lists the chain that a server has shown, also when it was refused.
func certificates(state *tls.ConnectionState, err error) []*x509.Certificate {
	var refused *tls.CertificateVerificationError
	switch {
	case errors.As(err, &refused):
		return refused.UnverifiedCertificates
	case state == nil:
		return nil
	case len(state.VerifiedChains) > 0:
		return state.VerifiedChains[0]
	default:
		return state.PeerCertificates
	}
}
