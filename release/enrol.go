package release

import (
	"context"
	"net/netip"

	"platen/fault"
	"platen/site"
)

// A terminal proves what it is by a token that it got for an enrolment secret,
// never by its serial number or by what its browser calls itself. The secret
// stands in the first address that is opened at it, works once, and not for
// long.

// NewEnrolment returns a new enrolment secret for a terminal. What the terminal
// had before, secret, token and session, stops working at once.
func (s *Service) NewEnrolment(ctx context.Context, actor, terminal string) (secret string, err error) {
	if secret, err = newSecret(16); err != nil {
		return "", err
	}
	t, err := s.Store.Terminal(ctx, terminal)
	if err != nil {
		return "", err
	}
	if err := s.Store.Audit(ctx, actor, "terminal-enrolment", "terminal "+t.Name, "a new secret was made"); err != nil {
		return "", err
	}
	return secret, s.Store.SetEnrolment(ctx, t.ID, s.Digests.TokenDigest(secret), s.Now().Add(s.Limits.EnrolFor))
}

// EnrolTerminal exchanges an enrolment secret for the token of the terminal.
func (s *Service) EnrolTerminal(ctx context.Context, secret string, client netip.Addr) (site.Terminal, string, error) {
	const op = "release.EnrolTerminal"
	token, err := newSecret(32)
	if err != nil {
		return site.Terminal{}, "", err
	}
	t, err := s.Store.Enrol(ctx, s.Digests.TokenDigest(secret), s.Digests.TokenDigest(token), s.Now())
	if fault.Is(err, fault.NotFound) {
		return site.Terminal{}, "", &fault.Error{Op: op, Kind: fault.Denied, Err: err,
			Text: "This address was used already, or it is too old. Please ask the administrator for a new one."}
	}
	if err != nil {
		return site.Terminal{}, "", err
	}
	if err := admit(op, t, client); err != nil {
		return site.Terminal{}, "", err // the token is lost, which is what a stolen secret deserves
	}
	s.Log.Info("release: terminal enrolled", "terminal", t.Name, "client", client)
	return t, token, s.Store.Audit(ctx, "terminal "+t.Name, "terminal-enrolled", "terminal "+t.Name, client.String())
}

// NewToken enrols a terminal without a detour over its first address, for boxes
// that are configured with a token.
func (s *Service) NewToken(ctx context.Context, actor, terminal string) (token string, err error) {
	secret, err := s.NewEnrolment(ctx, actor, terminal)
	if err != nil {
		return "", err
	}
	if token, err = newSecret(32); err != nil {
		return "", err
	}
	_, err = s.Store.Enrol(ctx, s.Digests.TokenDigest(secret), s.Digests.TokenDigest(token), s.Now())
	return token, err
}

// RevokeTerminal takes a terminal's token, secret and session away.
func (s *Service) RevokeTerminal(ctx context.Context, actor, terminal string) error {
	t, err := s.Store.Terminal(ctx, terminal)
	if err != nil {
		return err
	}
	if err := s.Store.Audit(ctx, actor, "terminal-revoked", "terminal "+t.Name, ""); err != nil {
		return err
	}
	return s.Store.SetEnrolment(ctx, t.ID, nil, s.Now())
}

// Terminal returns the terminal that holds the token, when it comes from an
// address it may come from.
func (s *Service) Terminal(ctx context.Context, token string, client netip.Addr) (site.Terminal, error) {
	const op = "release.Terminal"
	t, err := s.Store.TerminalByToken(ctx, s.Digests.TokenDigest(token))
	if fault.Is(err, fault.NotFound) {
		return site.Terminal{}, &fault.Error{Op: op, Kind: fault.Denied, Err: err,
			Text: "This terminal is not enrolled. Please ask the administrator for its first address."}
	}
	if err != nil {
		return site.Terminal{}, err
	}
	return t, admit(op, t, client)
}
