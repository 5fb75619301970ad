package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"platen/fault"
)

// maxHeard is the most that a server may say in one conversation, its
// certificates among it. A usual one says 5 KiB.
const maxHeard = 256 * 1024

// session is one conversation with a mail server.
type session struct {
	m      *Mailer
	ctx    context.Context // of the call that it lives in
	conn   net.Conn
	stop   func() bool // lets go of ctx
	client *smtp.Client
	report Report
}

// open reaches the server, encrypts, and signs in. The session is there after
// a failure too, for its report; it is closed then.
func (m *Mailer) open(ctx context.Context) (*session, error) {
	s := &session{m: m, ctx: ctx, report: Report{Server: net.JoinHostPort(m.Host, strconv.Itoa(m.port()))}}
	for _, step := range []struct {
		name string
		do   func() error
	}{{"dial", s.connect}, {"TLS", s.implicitTLS}, {"EHLO", s.hello}, {"STARTTLS", s.startTLS}, {"AUTH", s.signIn}} {
		if err := s.step(step.name, step.do); err != nil {
			s.close()
			return s, err
		}
	}
	return s, nil
}

// step does one of them within its time, and explains why it failed.
func (s *session) step(name string, do func() error) error {
	if s.conn != nil {
		_ = s.conn.SetDeadline(time.Now().Add(stepTime)) // one for the whole step: an octet now and then does not prolong it
	}
	if err := do(); err != nil {
		return s.explain(name, err)
	}
	return nil
}

func (s *session) connect() error {
	dial := s.m.dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	ctx, cancel := context.WithTimeout(s.ctx, stepTime)
	defer cancel()
	conn, err := dial(ctx, "tcp", s.report.Server)
	if err != nil {
		return err
	}
	s.conn = &limited{Conn: conn, left: maxHeard}
	s.stop = context.AfterFunc(s.ctx, func() { conn.Close() }) // ends whatever step is waiting
	return nil
}

func (s *session) tlsConfig() *tls.Config {
	pool, _ := s.m.authorities() // Check has read them
	if pool == nil && s.m.Roots != nil {
		pool = s.m.Roots()
	}
	return &tls.Config{ServerName: strings.TrimSuffix(s.m.Host, "."), RootCAs: pool, MinVersion: tls.VersionTLS12, Time: s.m.Now}
}

func (s *session) implicitTLS() error {
	if s.m.mode() != TLS {
		return nil
	}
	conn := tls.Client(s.conn, s.tlsConfig())
	if err := conn.HandshakeContext(s.ctx); err != nil {
		s.seeRefused(err)
		return err
	}
	s.conn = conn
	s.see(conn.ConnectionState())
	return nil
}

func (s *session) hello() error {
	client, err := smtp.NewClient(s.conn, s.m.Host)
	if err != nil {
		return err
	}
	client.SkipSMTPUTF8(true) // nothing of ours needs it
	s.client = client
	return client.Hello(s.helo())
}

// helo returns the configured name or, since a machine's own name means nothing
// elsewhere, its address: RFC 5321, section 4.1.3.
func (s *session) helo() string {
	if s.m.HELO != "" {
		return s.m.HELO
	}
	addr, ok := s.conn.LocalAddr().(*net.TCPAddr)
	switch {
	case !ok:
		return "localhost"
	case addr.IP.To4() != nil:
		return "[" + addr.IP.String() + "]"
	}
	return "[IPv6:" + addr.IP.String() + "]"
}

func (s *session) startTLS() error {
	if s.m.mode() != StartTLS {
		return nil
	}
	// Never without: whoever is in between would only have to leave the line out.
	if ok, _ := s.client.Extension("STARTTLS"); !ok {
		return &fault.Error{Kind: fault.Unavailable, Text: "The mail server does not offer encryption by STARTTLS."}
	}
	if err := s.client.StartTLS(s.tlsConfig()); err != nil {
		s.seeRefused(err)
		return err
	}
	if state, ok := s.client.TLSConnectionState(); ok {
		s.see(state)
	}
	return nil
}

// mechanism is a way to sign in, as RFC 4422, section 3.1, spells them.
var mechanism = regexp.MustCompile(`^[A-Z0-9_-]{1,20}$`)

func (s *session) signIn() error {
	_, words := s.client.Extension("AUTH")
	for _, w := range strings.Fields(words) {
		if mechanism.MatchString(w) && len(s.report.Auth) < 20 {
			s.report.Auth = append(s.report.Auth, w)
		}
	}
	if s.m.User == "" {
		return nil
	}
	auth, err := s.auth()
	if err != nil {
		return err
	}
	if err := s.client.Auth(auth); err != nil {
		return err
	}
	s.report.SignedIn = true
	return nil
}

// auth picks PLAIN or LOGIN. Both show the password to the server, which is
// known to be the right one by its certificate, or is this very computer.
func (s *session) auth() (smtp.Auth, error) {
	open := s.report.TLS == ""
	if addr, ok := s.conn.RemoteAddr().(*net.TCPAddr); open && (!ok || !addr.IP.IsLoopback() || !s.m.AllowNoTLS) {
		return nil, &fault.Error{Kind: fault.Invalid, Text: "A password for mail is sent with encryption only."}
	}
	switch {
	case slices.Contains(s.report.Auth, "PLAIN"):
		return smtp.PlainAuth("", s.m.User, s.m.Secret, s.m.Host, open), nil
	case slices.Contains(s.report.Auth, "LOGIN"):
		return smtp.LoginAuth(s.m.User, s.m.Secret, s.m.Host, open), nil
	}
	return nil, &fault.Error{Kind: fault.Denied, Text: "The mail server does not offer to sign in with PLAIN or LOGIN."}
}

func (s *session) deliver(to string, octets []byte) error {
	if err := s.step("MAIL", func() error { return s.client.Mail("<" + s.m.From + ">") }); err != nil {
		return err
	}
	if err := s.step("RCPT", func() error { return s.client.Rcpt("<" + to + ">") }); err != nil {
		return err
	}
	return s.step("DATA", func() error {
		w, err := s.client.Data()
		if err != nil {
			return err
		}
		if _, err := w.Write(octets); err != nil {
			return err
		}
		return w.Close()
	})
}

// quit takes leave. The message is taken by now, so that nobody is kept for
// long, and nothing that happens here matters.
func (s *session) quit() {
	_ = s.conn.SetDeadline(time.Now().Add(time.Second))
	_ = s.client.Quit()
}

func (s *session) close() {
	if s.conn != nil {
		s.stop()
		s.conn.Close()
	}
}

// see keeps what a report says of the encryption.
func (s *session) see(state tls.ConnectionState) {
	s.report.TLS = tls.VersionName(state.Version)
	s.seeChain(state.PeerCertificates)
}

// seeRefused keeps the chain that was not trusted: whoever set this up wants to
// know which it was.
func (s *session) seeRefused(err error) {
	if refused := (*tls.CertificateVerificationError)(nil); errors.As(err, &refused) {
		s.seeChain(refused.UnverifiedCertificates)
	}
}

func (s *session) seeChain(chain []*x509.Certificate) {
	for _, c := range chain {
		names := slices.Clone(c.DNSNames)
		for _, ip := range c.IPAddresses {
			names = append(names, ip.String())
		}
		s.report.Chain = append(s.report.Chain, Certificate{
			Subject: c.Subject.String(), Issuer: c.Issuer.String(), Names: names, From: c.NotBefore, Until: c.NotAfter,
		})
	}
}

// limited is a connection that has heard enough at some point.
type limited struct {
	net.Conn
	left int
}

var errTooMuch = errors.New("the server says more than mail needs")

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errTooMuch
	}
	n, err := l.Conn.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}
