package ippsrv

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"platen/fault"
	"platen/internal/crowd"
	"platen/ipp"
	"platen/job"
	"platen/site"
)

// Server speaks IPP. All fields are set before Serve or Handler.
type Server struct {
	Version string
	Web     func() string // address of the web pages, "host:port" or ":port"; "" none

	Site   Site
	Intake Intake
	People People
	// Tickets takes Kerberos tickets; nil: nobody does.
	Tickets Tickets
	// Certificates of people count; nil: they do not.
	Certificates Certificates

	Hosts   func() []string // names and addresses of this node
	TLS     *tls.Config     // nil: no TLS
	Trusted []netip.Prefix  // hosts whose user names are believed, by address
	Certs   []string        // and by the SHA-256 of their client certificate, hexadecimal
	Now     func() time.Time
	Log     *slog.Logger
	Limits  Limits

	*State // what this door has in common with the one before it; nil: nothing

	icons map[string][]byte
	known descriptions
	again *sniffer // where an upgraded connection goes back to
}

// State is what outlives a Server: the door gets another one when its limits
// change, and a job that was announced to the one before, a subscription and the
// time since the start are still those of the same printer.
type State struct {
	start time.Time
	hub   *hub
	open  openJobs
}

// NewState returns the state of a door that begins now.
func NewState(now func() time.Time) *State { return &State{start: now(), hub: newHub(now)} }

// Listening reports whether anybody wants to know of jobs.
func (s *State) Listening() bool { return s.hub.listening() }

// JobChanged tells those who have subscribed to it. It is quick.
func (s *State) JobChanged(j job.Job) { s.hub.jobChanged(j) }

// Limits are what one client, or all of them, may use up.
type Limits struct {
	Conns     int           // connections at a time
	PerIP     int           // of one address
	Header    time.Duration // until a connection has said what it wants; also for the handshake
	Request   time.Duration // for the attributes of a request and its answer
	Idle      time.Duration // between requests, and between two octets of a document
	Octets    int           // of a request's header
	Grace     time.Duration // for requests that run when the node stops
	Operation time.Duration // multiple-operation-time-out: between two operations on an open job
	Open      int           // jobs whose documents are still to come
	OpenPerIP int           // and those of one address
	Message   ipp.Limits
	Expansion int64 // octets of a compressed document from which on its ratio is looked at
	Ratio     int64 // the most that such a document may grow by
}

// DefaultLimits returns the limits that the documentation speaks of.
func DefaultLimits() Limits {
	return Limits{
		Conns: 2000, PerIP: 64, Header: 10 * time.Second, Request: 30 * time.Second, Idle: 300 * time.Second, Octets: 16 << 10,
		Grace: 10 * time.Second, Operation: 300 * time.Second, Open: 1000, OpenPerIP: 100, Message: ipp.RequestLimits(),
		Expansion: 64 << 20, Ratio: 200,
	}
}

// Site tells what an administrator set up, and changes what an administrator may
// change over IPP.
type Site interface {
	Queues(ctx context.Context) ([]site.Queue, error)
	QueueByName(ctx context.Context, name string) (site.Queue, error)
	PutQueue(ctx context.Context, q site.Queue) error
	Devices(ctx context.Context) ([]site.Device, error)
	Settings(ctx context.Context) (site.Settings, error)
	// QueueWaiting returns how many jobs of a queue are not done.
	QueueWaiting(ctx context.Context, queueID string) (int, error)
}

// Intake takes jobs and answers for those that it has taken.
type Intake interface {
	Check(ctx context.Context, o job.Origin, t job.Ticket) error
	Open(ctx context.Context, o job.Origin) (job.Arrival, error)
	Create(ctx context.Context, o job.Origin, t job.Ticket) (job.Opened, error)

	Own(ctx context.Context, r job.Requester, id int64) (job.Job, error)
	OwnJobs(ctx context.Context, r job.Requester, f job.Sent) ([]job.Job, error)
	CancelOwn(ctx context.Context, r job.Requester, id int64) error
	HoldOwn(ctx context.Context, r job.Requester, id int64) error
	ReleaseOwn(ctx context.Context, r job.Requester, id int64) error
	RestartOwn(ctx context.Context, r job.Requester, id int64) error
	ChangeTicket(ctx context.Context, r job.Requester, id int64, change func(*job.Ticket)) error
	Resume(ctx context.Context, q site.Queue) error
}

// Person is somebody who has proven to be it.
type Person struct {
	ID    string
	Login string
	Admin bool
}

// People says who somebody is. fault.Denied when the proof is wrong; it is as
// slow then as when it is right.
type People interface {
	Password(ctx context.Context, login, password string, client netip.Addr) (Person, error)
	// Personal finds the person whose personal address holds this secret, for a
	// queue id.
	Personal(ctx context.Context, secret, queue string) (Person, error)
	// HashPIN makes a verifier of a job-password.
	HashPIN(octets []byte) (string, error)
}

// Tickets says whose Kerberos ticket a request has (RFC 4559).
type Tickets interface {
	// Offered reports whether clients are asked for one.
	Offered(ctx context.Context) bool
	// Ticket says who sent the request, with the reply for the client in the header
	// of w. It reports false and no error when there is no ticket; fault.Denied when
	// it is not good, or of nobody here.
	Ticket(w http.ResponseWriter, r *http.Request) (Person, bool, error)
}

// Certificates says whose certificate a client has shown in its handshake. TLS has
// proven that it has the key, and nothing else.
type Certificates interface {
	// Authorities are those whose certificates name people. nil: no client is asked
	// for one.
	Authorities(ctx context.Context) *x509.CertPool
	// Certificate says what the first certificate of a chain calls its holder, and
	// who that is by the rules of the queue: the zero Person when that is nobody, or
	// somebody who may not print. fault.Denied when the chain proves nothing.
	Certificate(ctx context.Context, chain []*x509.Certificate, q site.Queue) (name string, p Person, err error)
}

// Serve answers requests until ctx ends, lets running ones finish within
// Limits.Grace, and returns nil. It owns ln and closes it.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	s.prepare()
	srv := &http.Server{
		DisableGeneralOptionsHandler: true, // OPTIONS * is how clients ask for TLS
		Handler:                      s.Handler(), ReadHeaderTimeout: s.Limits.Header, IdleTimeout: s.Limits.Idle, MaxHeaderBytes: s.Limits.Octets,
		ErrorLog:    slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug), // strangers' handshakes, mostly
		ConnContext: crowd.Context, ConnState: crowd.State,
	}
	in := newSniffer(&crowd.Listener{Listener: ln, Conns: s.Limits.Conns, PerIP: s.Limits.PerIP}, s.tlsConfig(), s.Limits.Header)
	s.again = in
	var done sync.WaitGroup
	defer done.Wait()
	done.Go(func() { s.watchOpen(ctx) })
	defer context.AfterFunc(ctx, func() {
		done.Go(func() { s.shutdown(ctx, srv) })
	})()
	err := srv.Serve(in)
	if errors.Is(err, http.ErrServerClosed) || ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("ippsrv: %w", err)
}

// prepare fills in what the first request needs.
func (s *Server) prepare() {
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.State == nil {
		s.State = NewState(s.Now)
	}
	s.icons = drawn()
}

// tlsConfig offers no HTTP/2: printing over it was never defined. It sends no
// session tickets: CUPS 2.4 (ipptool, and its backends) looks whether an answer is
// there while it still sends its first request, takes the ticket for one, and ends
// the connection. The price is a whole handshake for every connection, and what it
// buys beside is that nobody who was sent away comes back with an old proof.
//
// Certificates are asked for and never demanded here: what one is worth is looked at
// with each request (docs/decisions/0018-certificates-of-people.md). Whose count is
// looked up for each handshake.
func (s *Server) tlsConfig() *tls.Config {
	if s.TLS == nil {
		return nil
	}
	c := s.TLS.Clone()
	c.NextProtos, c.SessionTicketsDisabled = []string{"http/1.1"}, true
	if len(s.Certs) > 0 { // a host that is believed may have one of any authority, or signed by itself
		c.ClientAuth = tls.RequestClientCert
		return c
	}
	c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		people := s.authorities(hello.Context())
		if people == nil { // else some clients would ask their user for one
			return nil, nil //nolint:nilnil // as it is said to be: c itself
		}
		asking := c.Clone()
		asking.GetConfigForClient, asking.ClientAuth, asking.ClientCAs = nil, tls.RequestClientCert, people
		return asking, nil
	}
	return c
}

// authorities are those whose certificates name people, nil for none.
func (s *Server) authorities(ctx context.Context) *x509.CertPool {
	if s.Certificates == nil {
		return nil
	}
	return s.Certificates.Authorities(ctx)
}

func (s *Server) shutdown(ctx context.Context, srv *http.Server) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Limits.Grace)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		s.Log.Warn("ipp: requests were cut off at the end", "error", err)
		_ = srv.Close()
	}
}

// kindStatus is how each kind of failure is called in IPP (RFC 8011, appendix B).
func kindStatus(k fault.Kind) int {
	switch k {
	case fault.Invalid:
		return statusBadRequest
	case fault.TooLarge:
		return statusTooLarge
	case fault.NotFound:
		return statusNotFound
	case fault.Denied:
		return statusNotAuthorized
	case fault.Conflict:
		return statusNotPossible
	case fault.Full:
		return statusTemporaryError
	case fault.Unavailable:
		return statusUnavailable
	case fault.Internal:
	}
	return statusInternalError
}

// Status codes (RFC 8011, appendix B).
const (
	statusOK                 = 0x0000
	statusOKIgnored          = 0x0001
	statusBadRequest         = 0x0400
	statusForbidden          = 0x0401
	statusNotAuthorized      = 0x0403
	statusNotPossible        = 0x0404
	statusTimeout            = 0x0405
	statusNotFound           = 0x0406
	statusTooLarge           = 0x0408
	statusFormatNotSupported = 0x040a
	statusAttributes         = 0x040b
	statusCharset            = 0x040d
	statusCompression        = 0x040f
	statusCompressionError   = 0x0410
	statusTooManySubs        = 0x0415
	statusInternalError      = 0x0500
	statusNoOperation        = 0x0501
	statusUnavailable        = 0x0502
	statusVersion            = 0x0503
	statusTemporaryError     = 0x0505
	statusNotAccepting       = 0x0506
	statusBusy               = 0x0507
)
