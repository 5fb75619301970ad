// Package ldap is a source of people and groups: a directory service that
// speaks LDAP version 3, Active Directory and OpenLDAP before all.
//
// It reads everybody once and afterwards only what has changed, by what the
// server offers: DirSync or update sequence numbers (Active Directory), content
// synchronization (RFC 4533), or the times of changes. Whenever it cannot be sure
// to have heard of everything, it reads everybody again.
//
// It also knows whether a password is right, by signing in with it (Checker).
//
// A server is a stranger: its answers are read within limits of length, number,
// nesting and time; referrals are not followed; and without AllowPlain nothing is
// said to it before its certificate was checked.
package ldap

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"platen/directory"
)

// Source reads people and groups. All fields are set before Read; it may be
// asked by one at a time.
type Source struct {
	Config Config
	Secret string // of Config.BindAs
	Log    *slog.Logger
	Now    func() time.Time // nil: time.Now

	// Roots is asked, for each connection, who may vouch for a server when
	// Config.CAPEM names nobody; nil is the system's list.
	Roots func() *x509.CertPool

	// Dial connects to a server; nil is that of the system. ctx ends with
	// Config.DialSeconds.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

var _ directory.Source = (*Source)(nil)

// errReadAll is wrapped by the reason why only everybody will do.
var errReadAll = errors.New("everybody has to be read")

// Read returns everybody, or who has changed since the answer with the cursor. A
// cursor that is not one, or is from another configuration, is as good as none.
func (s *Source) Read(ctx context.Context, old []byte, progress func(int)) (directory.Answer, error) {
	const op = "ldap.Read"
	if err := s.Config.Check(); err != nil {
		return directory.Answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.Config.limits().read)
	defer cancel()
	ses, err := s.open(ctx)
	if err != nil {
		return directory.Answer{}, wrap(op, err)
	}
	defer func() {
		if ses != nil {
			ses.close()
		}
	}()

	r := newReading(ses, s.now(), progress)
	if c, ok := parseCursor(old); ok && c.Config == ses.cfg.digest() {
		a, err := r.changes(ctx, c)
		if !errors.Is(err, errReadAll) {
			return a, wrap(op, err)
		}
		s.Log.Info("ldap: everybody is read again", "server", ses.server, "why", err)
		ses.close() // what it still has to say is of no use
		if ses, err = s.open(ctx); err != nil {
			return directory.Answer{}, wrap(op, err)
		}
		r = newReading(ses, s.now(), progress)
	}
	a, err := r.everybody(ctx)
	return a, wrap(op, err)
}

func wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", op, err)
}

func (s *Source) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

// open connects, signs in and looks at what the server is.
func (s *Source) open(ctx context.Context) (*session, error) {
	d := dialer{cfg: s.Config, secret: s.Secret, trust: s.Roots, dial: s.Dial}
	l, err := d.open(ctx, d.signIn)
	if err != nil {
		return nil, err
	}
	root, err := l.root(ctx)
	if err != nil {
		l.close()
		return nil, err
	}
	return &session{link: l, cfg: s.Config.resolved(root), root: root}, nil
}
