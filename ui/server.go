package ui

import (
	"context"
	"crypto/cipher"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"platen/internal/crowd"
	"platen/job"
	"platen/site"
	"platen/ui/catalog"
)

// Server is the HTTPS side of a node. All fields are set before Serve or
// Handler. A part that is nil has no routes.
type Server struct {
	Name    string // of the node, for its first page
	Version string
	LPD     string // address that clients print to, "host:port" or ":port"; "" none
	IPP     string // the same for IPP

	ClientNames []string // host names that clients should use, the best first; none: what the browser used

	Desk   Desk
	Site   Site
	Intake Intake
	Jobs   Jobs
	Tokens Tokens
	Events Events

	Bringers  Bringers
	Admins    Tokens        // of the administration API, which have rights
	JWKS      func() []byte // the keys that sign API tokens, RFC 7517; nil: none are published
	Personal  Personal
	Members   Members
	Reception Reception
	Trusts    Trusts
	Cards     Learner
	Certs     Certs
	CertWork  func(actor string) CertWork // what the actor does with them
	// Readiness says how ready the house is for its people, as JSON; nil: nobody
	// can tell, and there is no such route.
	Readiness func(ctx context.Context) (any, error)

	Alive    func() error                     // for a watchdog; nil: alive as long as it answers
	Parts    func(ctx context.Context) []Part // how the parts of the node are, for /readyz
	CAPEM    func() []byte                    // the authority that clients should trust; nil: no /ca.pem
	Hosts    func() []string                  // names and addresses of this node
	TLS      *tls.Config
	Numbers  *prometheus.Registry // what /metrics shows; the server adds its own
	Monitors []netip.Prefix       // who may read them; empty: loopback

	Catalog *catalog.Catalog
	Now     func() time.Time
	Log     *slog.Logger
	Limits  Limits

	counted *prometheus.CounterVec
	tmpl    *templates
	sealer  cipher.AEAD

	serving  context.Context //nolint:containedctx // Serve's: who waits for a card does not keep the server from ending
	bringing *sync.Map       // sources of which an answer is being read or stored
}

// Limits are what one client, or all of them, may use up.
type Limits struct {
	Conns   int           // connections at a time
	PerIP   int           // of one address
	Header  time.Duration // until the request's header is there; also for the handshake
	Request time.Duration // for the whole request and its answer, apart from documents
	Idle    time.Duration // between requests, and between two octets of a document
	Grace   time.Duration // for requests that run when the node stops
	Form    int64         // octets of a form or of JSON
	Octets  int           // of a request's header
}

// DefaultLimits returns the limits that the documentation speaks of.
func DefaultLimits() Limits {
	return Limits{
		Conns: 2000, PerIP: 64, Header: 10 * time.Second, Request: 30 * time.Second, Idle: 300 * time.Second,
		Grace: 10 * time.Second, Form: 64 << 10, Octets: 16 << 10,
	}
}

// Site tells what an administrator set up.
type Site interface {
	Terminals(ctx context.Context) ([]site.Terminal, error)
	Queues(ctx context.Context) ([]site.Queue, error)
	Device(ctx context.Context, id string) (site.Device, error)
	Settings(ctx context.Context) (site.Settings, error)
}

// Intake takes jobs of programs.
type Intake interface {
	Open(ctx context.Context, o job.Origin) (job.Arrival, error)
}

// Jobs finds a job for the program that sent it.
type Jobs interface {
	Job(ctx context.Context, id int64) (job.Job, error)
	JobByUUID(ctx context.Context, uuid string) (job.Job, error)
}

// Tokens finds an API token by its text; fault.Denied when nobody has it.
type Tokens interface {
	Token(ctx context.Context, text string) (site.Token, error)
}

// Part is how one part of the node is.
type Part struct {
	Name  string `json:"name"`
	Ready bool   `json:"ready"`
	Text  string `json:"text,omitempty"` // one sentence, "" when all is well
}

// keepAlive is how long a connection may rest between two requests.
const keepAlive = time.Minute

// Serve answers requests until ctx ends, lets running ones finish within
// Limits.Grace, and returns nil. It owns ln and closes it.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	h, err := s.Handler()
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	s.serving = ctx
	srv := &http.Server{
		Handler: h, TLSConfig: s.TLS,
		ReadHeaderTimeout: s.Limits.Header, ReadTimeout: s.Limits.Request, WriteTimeout: s.Limits.Request,
		IdleTimeout: min(s.Limits.Idle, keepAlive), MaxHeaderBytes: s.Limits.Octets,
		ErrorLog:    slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug), // strangers' handshakes, mostly
		ConnContext: crowd.Context, ConnState: crowd.State,
	}
	if tooOldForHTTP2(s.TLS) {
		srv.Protocols = new(http.Protocols)
		srv.Protocols.SetHTTP1(true)
	}
	var done sync.WaitGroup
	defer done.Wait()
	defer context.AfterFunc(ctx, func() {
		done.Go(func() { s.shutdown(ctx, srv) })
	})()
	limited := &crowd.Listener{Listener: ln, Conns: s.Limits.Conns, PerIP: s.Limits.PerIP}
	if s.TLS == nil {
		err = srv.Serve(limited)
	} else {
		err = srv.ServeTLS(limited, "", "")
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("ui: %w", err)
}

// tooOldForHTTP2 reports whether a client may come with a version of TLS over which
// there is no HTTP/2 (RFC 9113, section 9.2): one that was promised it is sent away.
func tooOldForHTTP2(c *tls.Config) bool {
	return c != nil && c.MinVersion != 0 && c.MinVersion < tls.VersionTLS12
}

// life ends when the server does.
func (s *Server) life() context.Context {
	if s.serving == nil { // behind a listener of somebody else
		return context.Background()
	}
	return s.serving
}

func (s *Server) shutdown(ctx context.Context, srv *http.Server) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Limits.Grace)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		s.Log.Warn("ui: requests were cut off at the end", "error", err)
		_ = srv.Close()
	}
}

// address returns the address of "ip:port", the zero one when there is none.
func address(hostport string) netip.Addr {
	ap, err := netip.ParseAddrPort(hostport)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}
