package notify

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net"
	"time"

	"platen/fault"
)

// stepTime is the longest that a mail server may take for one step: to be
// reached, to answer a command, to take the message.
const stepTime = 15 * time.Second

// Mailer sends messages through one mail server. All fields are set before its
// first use; it may be used by several goroutines.
type Mailer struct {
	Config
	Secret string // password of Config.User
	Log    *slog.Logger
	Now    func() time.Time

	// Roots is asked, for each connection, who may vouch for the server when
	// Config.CA names nobody; nil is the system's list.
	Roots func() *x509.CertPool

	dial func(ctx context.Context, network, addr string) (net.Conn, error) // nil dials; tests have a fake
}

// Send hands msg to the mail server and returns once the server has taken it.
//
// What went wrong is Invalid when the message or its recipient is refused,
// TooLarge when the text is, Denied when the server does not let this node send,
// and Unavailable when it is away, does not answer within 15 seconds a step or
// before ctx ends, or cannot be trusted. A message whose last answer got lost
// may have been taken: sent again, it arrives twice.
func (m *Mailer) Send(ctx context.Context, msg Message) error {
	const op = "notify.Send"
	if err := m.ready(); err != nil {
		return err
	}
	if err := msg.check(); err != nil {
		return err
	}
	octets, err := msg.compose(m.Config, m.Now())
	if err != nil {
		return &fault.Error{Op: op, Kind: fault.Invalid, Text: "This message cannot be sent by mail.", Err: err}
	}
	s, err := m.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.deliver(msg.To, octets); err != nil {
		return err
	}
	m.Log.Info("notify: mail sent", "server", m.Host, "domain", domain(msg.To))
	s.quit()
	return nil
}

// Report is what a test of the connection has seen, as far as it got.
type Report struct {
	Server   string        `json:"server"` // host and port
	TLS      string        `json:"tls"`    // "TLS 1.3"; "" when there is none
	Chain    []Certificate `json:"chain"`  // as the server sent it, its own first; also when it is not trusted
	Auth     []string      `json:"auth"`   // how one can sign in, once encrypted: "PLAIN"
	SignedIn bool          `json:"signed_in"`
}

// Certificate is one of a chain.
type Certificate struct {
	Subject string    `json:"subject"`
	Issuer  string    `json:"issuer"`
	Names   []string  `json:"names"` // DNS names and addresses it is for
	From    time.Time `json:"from"`
	Until   time.Time `json:"until"`
}

// Test does everything that Send does, short of a message. Its errors are
// those of Send.
func (m *Mailer) Test(ctx context.Context) (Report, error) {
	if err := m.ready(); err != nil {
		return Report{}, err
	}
	s, err := m.open(ctx)
	if err != nil {
		return s.report, err
	}
	defer s.close()
	s.quit()
	return s.report, nil
}

// ready refuses to begin what cannot end well. A password that was cleared
// because somebody changed the server is missing here, and nothing is dialled.
func (m *Mailer) ready() error {
	if err := m.Check(); err != nil {
		return err
	}
	if m.User != "" && m.Secret == "" {
		return &fault.Error{Op: "notify.ready", Kind: fault.Denied, Text: "The password for the mail server is missing. Please enter it again."}
	}
	return nil
}
