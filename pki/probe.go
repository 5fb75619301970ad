package pki

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"platen/fault"
)

// ProbeOptions say as what a server is tried.
type ProbeOptions struct {
	Purpose    string        // which of Trusted count; "" the one that the address suggests
	Trusted    []Trusted     // all of the account
	System     bool          // what the system trusts counts too, where it does for the purpose
	ServerName string        // whose certificate it has to be; "" the host of the address
	Timeout    time.Duration // of everything; 0 is 10 s
	Now        func() time.Time
	Dial       func(ctx context.Context, network, addr string) (net.Conn, error) // nil a plain one
}

// Report is what a server has shown, and what came of it.
type Report struct {
	Server   string        `json:"server"`  // the address that was tried, "ldaps://dc1.example.org:636"
	Purpose  string        `json:"purpose"` // for which it was tried
	Name     string        `json:"name"`    // whose certificate it had to be
	TLS      string        `json:"tls"`     // "TLS 1.3"; "" when it came to none
	Suite    string        `json:"suite"`   // "TLS_AES_128_GCM_SHA256"
	Chain    []Description `json:"chain"`   // as it was shown, at most 10
	Anchor   *Anchor       `json:"anchor"`  // nil when the chain leads to nothing that is trusted
	Good     bool          `json:"good"`    // a connection for this purpose comes about
	Days     int           `json:"days"`    // until the first of the chain ends; negative when it has
	Findings []Finding     `json:"findings"`
}

// Anchor is the trusted certificate at which a chain ends.
type Anchor struct {
	Name        string      `json:"name"`   // of the account's; "" when it is the system's
	System      bool        `json:"system"` // the system trusts it, the account says nothing
	Certificate Description `json:"certificate"`
}

// Limits of a probe.
const (
	probeTime = 10 * time.Second
	maxHeard  = 512 << 10 // octets that a server may say; a usual one says 5 KiB
	maxShown  = 10        // certificates of a chain that are described
)

// Probe opens a connection as the services of a node do, looks at what the server
// shows and closes it. target is a URL of ldaps, ldap (with StartTLS), smtps, smtp
// (with STARTTLS), https, ipps or ipp (with an HTTP upgrade), or host:port, where
// TLS begins at once.
//
// The handshake is an ordinary one: a chain that is not trusted ends it, with the
// chain in the error. So there is no connection here that nobody has verified, not
// even one to look at; and nothing is sent over one that was.
//
// A chain that was refused is no error: the report says so. An error is a
// fault.Error and means that no chain was seen; the report has what there is.
func Probe(ctx context.Context, target string, o ProbeOptions) (Report, error) {
	p, err := newProbe(target, o)
	if err != nil {
		return Report{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, p.o.Timeout)
	defer cancel()
	s, err := p.look(ctx, p.usual())
	if len(s.chain) == 0 && err == nil {
		// Whatever it is that it does not like, what it would like is worth to know.
		if again, _ := p.look(ctx, p.old()); len(again.chain) > 0 {
			s = again
			p.add("old-tls", true, "The server offers no more than %s with %s, which is not safe and is not used here. Turn on TLS 1.2 or 1.3 there, with up-to-date ciphers.",
				tls.VersionName(s.state.Version), tls.CipherSuiteName(s.state.CipherSuite))
		} else {
			err = p.disagreed(s.err)
		}
	}
	p.report.TLS, p.report.Suite = s.versions()
	switch {
	case errors.Is(ctx.Err(), context.Canceled): // by the caller, who knows why
		return p.report, fmt.Errorf("pki.Probe: %w", ctx.Err())
	case err != nil:
		return p.report, err
	}
	p.judge(s)
	return p.report, nil
}

// probe is one look at a server.
type probe struct {
	o      ProbeOptions
	target target
	pool   *x509.CertPool
	now    time.Time
	report Report
}

func newProbe(text string, o ProbeOptions) (*probe, error) {
	t, err := parseTarget(text)
	if err != nil {
		return nil, err
	}
	if o.Purpose == "" {
		o.Purpose = t.purpose
	}
	if PurposeText(o.Purpose) == "" {
		return nil, &fault.Error{Op: "pki.Probe", Kind: fault.Invalid, Text: "Say what the server is for, because what is trusted depends on it: %s.", Args: []any{strings.Join(Purposes(), ", ")}}
	}
	if o.ServerName == "" {
		o.ServerName, _, _ = strings.Cut(t.host, "%") // a zone is no part of a name
	}
	if o.Timeout <= 0 {
		o.Timeout = probeTime
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Dial == nil {
		// The system's resolver would leave a thread waiting for a dead name server.
		o.Dial = (&net.Dialer{Resolver: &net.Resolver{PreferGo: true}}).DialContext
	}
	p := &probe{o: o, target: t, pool: Pool(o.Trusted, o.Purpose, o.System && withSystem(o.Purpose)), now: o.Now()}
	p.report = Report{Server: t.String(), Purpose: o.Purpose, Name: o.ServerName}
	return p, nil
}

func (p *probe) add(rule string, refuse bool, text string, args ...any) {
	p.report.Findings = append(p.report.Findings, Finding{Rule: rule, Refuse: refuse, Text: text, Args: args})
}

// fault is about the server, the first argument of the sentence.
func (p *probe) fault(kind fault.Kind, text string, err error, args ...any) error {
	return &fault.Error{Op: "pki.Probe", Kind: kind, Text: text, Args: append([]any{p.report.Server}, args...), Err: err}
}

// usual is the TLS of a node's connections to others.
func (p *probe) usual() *tls.Config {
	return &tls.Config{ServerName: p.o.ServerName, RootCAs: p.pool, MinVersion: tls.VersionTLS12, Time: p.o.Now}
}

// old agrees to everything that Go can do, to learn what the server can. Nothing
// is sent over it.
func (p *probe) old() *tls.Config {
	c := p.usual()
	c.MinVersion = tls.VersionTLS10
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		c.CipherSuites = append(c.CipherSuites, s.ID)
	}
	return c
}

// seen is what came of a handshake.
type seen struct {
	state tls.ConnectionState
	chain []*x509.Certificate // as it was shown, also when it was refused
	asked bool                // the server wants a certificate
	err   error               // why it was refused, by either side
}

func (s seen) versions() (version, suite string) {
	if len(s.chain) == 0 {
		return "", ""
	}
	return tls.VersionName(s.state.Version), tls.CipherSuiteName(s.state.CipherSuite)
}

// look makes a connection as far as TLS. Without a chain and an error, the two
// have not agreed on how to encrypt.
func (p *probe) look(ctx context.Context, cfg *tls.Config) (seen, error) {
	raw, err := p.o.Dial(ctx, "tcp", p.target.addr())
	if err != nil {
		return seen{}, p.dialFault(ctx, err)
	}
	defer raw.Close()
	if deadline, ok := ctx.Deadline(); ok {
		raw.SetDeadline(deadline)
	}
	defer context.AfterFunc(ctx, func() { raw.Close() })()
	conn := &hearing{Conn: raw, left: maxHeard}
	if err := p.target.start(conn, p.target); err != nil {
		return seen{}, p.startFault(ctx, err)
	}
	s := handshake(ctx, conn, cfg)
	if len(s.chain) == 0 {
		return s, p.shakeFault(ctx, s.err)
	}
	return s, nil
}

func handshake(ctx context.Context, conn net.Conn, cfg *tls.Config) (s seen) {
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		s.asked = true
		return &tls.Certificate{}, nil // none
	}
	c := tls.Client(conn, cfg)
	s.err = c.HandshakeContext(ctx)
	s.state = c.ConnectionState()
	s.chain = s.state.PeerCertificates
	if refused := (*tls.CertificateVerificationError)(nil); errors.As(s.err, &refused) {
		s.chain = refused.UnverifiedCertificates
	}
	return s
}

func (p *probe) dialFault(ctx context.Context, err error) error {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return p.fault(fault.Invalid, "The host of %s is not known to the name servers. Check how it is written.", err)
	case timedOut(ctx, err):
		return p.fault(fault.Unavailable, "The server %s did not answer in time. Check its address and its port, and the firewalls in between.", err)
	}
	return p.fault(fault.Unavailable, "No connection to %s could be made. Check the address and the port, and the firewalls in between.", err)
}

// startFault says why it was not agreed to begin with TLS.
func (p *probe) startFault(ctx context.Context, err error) error {
	switch {
	case timedOut(ctx, err):
		return p.silent(err)
	case errors.Is(err, errNoStart):
		return p.fault(fault.Unavailable, "The server %s does not offer to go on with TLS. Turn that on there, or use an address that begins with %s.", err, p.target.sibling+"://")
	case ended(err):
		return p.broken(err)
	}
	return p.fault(fault.Invalid, "The server %s does not answer as the address says. Check the port, and how the address begins.", err)
}

// shakeFault says why no chain was seen. It is nil when the two did not agree.
func (p *probe) shakeFault(ctx context.Context, err error) error {
	var noTLS tls.RecordHeaderError
	switch {
	case timedOut(ctx, err):
		return p.silent(err)
	case errors.As(err, &noTLS) && p.target.sibling == "":
		return p.fault(fault.Invalid, "The server %s does not speak TLS at this port. Check the port.", noTLS)
	case errors.As(err, &noTLS):
		return p.fault(fault.Invalid, "The server %s does not speak TLS at this port, or not from the beginning. Check the port, or use an address that begins with %s.", noTLS, p.target.sibling+"://")
	case strings.Contains(err.Error(), "failed to parse certificate"): // crypto/tls has no error of its own for it
		return p.fault(fault.Invalid, "The server %s shows a certificate that is not made as certificates are, so nobody can check it. Have a new one made for it.", err)
	}
	return nil
}

// disagreed is of a server that accepts neither the usual TLS nor an old one.
func (p *probe) disagreed(err error) error {
	if ended(err) {
		return p.broken(err)
	}
	return p.fault(fault.Unavailable, "The server %s and this node found no encryption that both of them accept.", err)
}

func (p *probe) silent(err error) error {
	return p.fault(fault.Unavailable, "The server %s takes the connection and then says nothing. Check the port, and how the address begins.", err)
}

func (p *probe) broken(err error) error {
	return p.fault(fault.Unavailable, "The server %s ended the connection before it was encrypted. Check the port, and whether the server has a certificate.", err)
}

func timedOut(ctx context.Context, err error) bool {
	var network net.Error
	return ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &network) && network.Timeout()
}

// ended is a connection that is over without a word. That a word of TLS came is an
// error of the network too, to crypto/tls.
func ended(err error) bool {
	var network *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.As(err, &network) && network.Op != "remote error" && network.Op != "local error"
}

// hearing is a connection that has heard enough at some point.
type hearing struct {
	net.Conn
	left int
}

var errHeardEnough = errors.New("the server says more than is needed")

func (h *hearing) Read(p []byte) (int, error) {
	if h.left <= 0 {
		return 0, errHeardEnough
	}
	n, err := h.Conn.Read(p[:min(len(p), h.left)])
	h.left -= n
	return n, err
}
