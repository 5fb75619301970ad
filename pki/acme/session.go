package acme

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-acme/lego/v5/acme"
	"github.com/go-acme/lego/v5/acme/api"

	"platen/pki"
)

// session is one conversation with the server.
type session struct {
	*Client
	core *api.Core
	http *http.Client
	seen *transport
}

// open fetches the server's directory. The session speaks for the account that is
// kept, if it is one of this server.
func (c *Client) open(ctx context.Context) (*session, error) {
	s := &session{Client: c, seen: &transport{opening: ctx}}
	s.http = c.http(s.seen)
	var err error
	s.core, err = api.New(s.http, "platen", c.directory(), c.account(), c.Key)
	s.seen.opening = nil
	if err != nil {
		s.close()
		return nil, s.trouble(ctx, err)
	}
	return s, nil
}

func (s *session) close() { s.http.CloseIdleConnections() }

// obtain is the road of RFC 8555, section 7.1: an account, an order, a proof for
// each of its names, and the certificate.
func (s *session) obtain(ctx context.Context, names []string, key crypto.Signer) (*pki.Chain, error) {
	order, err := s.order(ctx, names)
	if err != nil {
		return nil, err
	}
	if err := s.prove(ctx, order, names); err != nil {
		return nil, err
	}
	s.tell("The server believes it, and makes the certificate.")
	certs, err := s.finalize(ctx, order, names, key)
	if err != nil {
		return nil, err
	}
	return s.chain(certs, names, key)
}

// order asks for a certificate. A server that has been set up anew does not know the
// account that is kept; it gets another one, once.
func (s *session) order(ctx context.Context, names []string) (acme.ExtendedOrder, error) {
	if err := s.register(ctx); err != nil {
		return acme.ExtendedOrder{}, err
	}
	s.tell("A certificate for %s is ordered of %s.", strings.Join(names, ", "), s.server())
	order, err := s.newOrder(ctx, names)
	if !isProblem(err, acme.AccountDoesNotExistErrorType) {
		return order, err
	}
	s.log().Warn("acme: the server does not know the account; a new one is made", "server", s.server(), "error", err)
	s.Registration = nil
	fresh, err := s.open(ctx)
	if err != nil {
		return acme.ExtendedOrder{}, err
	}
	s.close()
	*s = *fresh
	if err := s.register(ctx); err != nil {
		return acme.ExtendedOrder{}, err
	}
	return s.newOrder(ctx, names)
}

func (s *session) newOrder(ctx context.Context, names []string) (acme.ExtendedOrder, error) {
	var o api.OrderOptions
	if s.Replaces != nil {
		// Without an authority key identifier there is no name for it; the order is one
		// like any other.
		o.ReplacesCertID, _ = api.MakeARICertID(s.Replaces)
	}
	order, err := s.core.Orders.New(ctx, names, &o)
	if o.ReplacesCertID == "" || !s.dislikes(err) {
		return order, err
	}
	s.log().Info("acme: the server does not let the certificate follow the last one", "server", s.server(), "error", err)
	return s.core.Orders.New(ctx, names, nil)
}

// dislikes reports whether an order was refused, perhaps for what it replaces: the last
// one may be of a server that has been set up anew. lego sees to one that is replaced
// already.
func (s *session) dislikes(err error) bool {
	_, refused := errors.AsType[*acme.ProblemDetails](err)
	return refused && s.seen.later == 0 && !isProblem(err, acme.RateLimitedErrorType) && !isProblem(err, acme.AccountDoesNotExistErrorType)
}

// finalize sends the request for the certificate, without a common name, and waits
// for it. It returns what the server sends, PEM.
func (s *session) finalize(ctx context.Context, order acme.ExtendedOrder, names []string, key crypto.Signer) ([]byte, error) {
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: names}, key)
	if err != nil {
		return nil, fmt.Errorf("acme: request: %w", err)
	}
	if _, err := s.awaitOrder(ctx, order.Location, acme.StatusReady); err != nil {
		return nil, err
	}
	if _, err := s.core.Orders.UpdateForCSR(ctx, order.Finalize, csr); err != nil {
		return nil, err
	}
	done, err := s.awaitOrder(ctx, order.Location, acme.StatusValid)
	if err != nil {
		return nil, err
	}
	raw, err := s.core.Certificates.Get(ctx, done.Certificate, true)
	if err != nil {
		return nil, err
	}
	return raw.Cert, nil
}

// awaitOrder waits until an order has a status, or is valid, which comes last.
func (s *session) awaitOrder(ctx context.Context, at, status string) (acme.ExtendedOrder, error) {
	var order acme.ExtendedOrder
	err := s.seen.poll(ctx, func() (bool, error) {
		var err error
		order, err = s.core.Orders.Get(ctx, at)
		switch {
		case err != nil:
			return false, err
		case order.Status == acme.StatusInvalid && order.Error != nil:
			return false, order.Error
		case order.Status == acme.StatusInvalid:
			return false, errors.New("acme: the order is invalid, and the server does not say why")
		}
		return order.Status == status || order.Status == acme.StatusValid, nil
	})
	return order, err
}

// poll asks until the answer is yes, in intervals that grow. A server that names
// another interval is believed, within limits.
func (t *transport) poll(ctx context.Context, ask func() (bool, error)) error {
	const longest = 30 * time.Second
	for pause := 250 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		if done, err := ask(); done || err != nil {
			return err
		}
		if err := sleep(ctx, min(max(pause, t.after), longest)); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// isProblem reports whether the server has said no for this reason.
func isProblem(err error, kind string) bool {
	p, ok := errors.AsType[*acme.ProblemDetails](err)
	return ok && strings.EqualFold(p.Type, kind)
}
