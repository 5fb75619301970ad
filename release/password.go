package release

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/site"
)

// named finds the person whom somebody calls by login, user principal name or
// e-mail address, with or without a domain. Nobody is the zero User, and no error:
// the same work follows.
func (s *Service) named(ctx context.Context, name string) (directory.User, error) {
	u, err := s.Store.UserByLogin(ctx, name)
	if err == nil || !fault.Is(err, fault.NotFound) {
		return u, err
	}
	list, err := s.Store.UsersByName(ctx, name)
	if err != nil {
		return directory.User{}, err
	}
	var found []directory.User
	for _, u := range list {
		if u.UPN == name || u.Email == name { // an alias was made for naming owners, not for signing in
			found = append(found, u)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	if i := strings.LastIndexByte(name, '\\'); len(found) == 0 && i >= 0 && i < len(name)-1 {
		u, err := s.Store.UserByLogin(ctx, name[i+1:])
		if !fault.Is(err, fault.NotFound) {
			return u, err
		}
	}
	return directory.User{}, nil
}

// password compares a password. That of a person from a directory is the
// directory's business; while it is away, or too slow for somebody who stands at a
// device, the verifier of the last time decides. With it back, what it says wins.
func (s *Service) password(ctx context.Context, u directory.User, x directory.Secrets, login, value string) (bool, error) {
	here := s.Verify(x.Password, value) && x.Password != ""
	if s.Directory == nil {
		return here && s.current(x), nil
	}
	if u.ID != "" && u.Source == "local" && here { // somebody's own password here: nobody else need be asked
		return true, nil
	}
	err := s.ask(ctx, u, login, value)
	own := errors.Is(err, directory.ErrOwnPassword)
	switch {
	case err == nil:
		return true, s.keepVerifier(ctx, u, x, value, here)
	case own && here && s.current(x):
		return true, nil
	case fault.Is(err, fault.Denied):
		if here { // it was right once, and is not any longer
			return false, s.Store.KeepVerifier(ctx, u.ID, "", time.Time{})
		}
		return false, nil
	case fault.Is(err, fault.NotFound):
		return here && s.current(x), nil
	}
	if !own && here && !x.PasswordUntil.IsZero() && s.current(x) { // not one that the person had before coming from a directory
		s.Log.Info("release: a directory is away, what is kept here decided", "user", u.Login, "error", err)
		return true, nil
	}
	if x.Password == "" || !s.current(x) || !own && x.PasswordUntil.IsZero() { // nothing that the guess could have been
		return false, errUnchecked
	}
	return false, errAway
}

// errAway says that a password was not right as far as anybody here knows, and that
// the directory which would know is away. It is the same for whoever is asked about.
var errAway = errors.New("the directory is away")

// errUnchecked is errAway where nothing is kept here that a password could be
// compared with, so that nobody can say that it was wrong.
var errUnchecked = fmt.Errorf("%w, and nothing is kept here", errAway)

// current reports whether a verifier still stands in for the directory.
func (s *Service) current(x directory.Secrets) bool {
	return x.PasswordUntil.IsZero() || x.PasswordUntil.After(s.Now())
}

// ask waits for the directory, but not longer than people at a device do.
func (s *Service) ask(ctx context.Context, u directory.User, login, value string) error {
	if strings.TrimSpace(value) == "" { // an anonymous bind would say yes (RFC 4513, section 6.3.1)
		return &fault.Error{Op: "release.ask", Kind: fault.Denied}
	}
	// Whoever hangs up must not look like a directory that does not answer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Limits.Ask)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.Directory.CheckPassword(ctx, u, login, value) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return &fault.Error{Op: "release.ask", Kind: fault.Unavailable, Err: ctx.Err()}
	}
}

// keepVerifier keeps what stands in for the password, unless it is there and half of
// its time is not over. Making one is slow, and one write for each sign-in too many.
func (s *Service) keepVerifier(ctx context.Context, u directory.User, x directory.Secrets, value string, here bool) error {
	set, err := s.Store.Settings(ctx)
	if err != nil || set.VerifierFor <= 0 {
		return err
	}
	now := s.Now()
	if here && !x.PasswordUntil.IsZero() && x.PasswordUntil.After(now.Add(set.VerifierFor/2)) {
		return nil
	}
	phc, err := directory.HashSecret(value)
	if err != nil {
		return err
	}
	return s.Store.KeepVerifier(ctx, u.ID, phc, now.Add(set.VerifierFor))
}

// isOnce reports whether what was typed where a card is read is a code that works
// once. A number that is no code goes on as a card, and counts as one.
func (s *Service) isOnce(ctx context.Context, t site.Terminal, c Credentials) (bool, error) {
	if c.Method != directory.MethodCard && c.Method != directory.MethodCode || c.Reader != "" || !couldBeCode(c.Value) {
		return false, nil
	}
	if waits, err := s.waits(ctx, t); err != nil || waits {
		return false, err
	}
	_, err := s.Store.CodeHolder(ctx, s.Digests.TokenDigest("code "+c.Value), directory.CodeSignIn, s.Now())
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil, err
}

// couldBeCode reports whether something looks like a code that works once.
func couldBeCode(value string) bool { return len(value) == directory.CodeDigits && digits(value) }

// byOnce takes a code that works once, with or without the name of its holder.
// Codes are counted like PINs alone.
func (s *Service) byOnce(ctx context.Context, t site.Terminal, c Credentials) (directory.User, error) {
	const op = "release.code"
	a, err := s.attempt(ctx, op, limit{key: "pin/" + t.ID, rule: pinHereRule}, limit{key: "pin", rule: pinRule}, limit{key: "terminal/" + t.ID, rule: terminalRule})
	if err != nil {
		return directory.User{}, err
	}
	digest := s.Digests.TokenDigest("code " + strings.TrimSpace(c.Value))
	id, err := s.Store.CodeHolder(ctx, digest, directory.CodeSignIn, s.Now())
	if fault.Is(err, fault.NotFound) {
		return directory.User{}, s.wrong(ctx, op, a, nil)
	}
	if err != nil {
		return directory.User{}, err
	}
	u, err := s.Store.User(ctx, id)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return directory.User{}, err
	}
	name := directory.Fold(c.User)
	if !u.Enabled || name != "" && name != u.Login && name != u.UPN && name != u.Email {
		return directory.User{}, s.wrong(ctx, op, a, nil)
	}
	if err := s.Store.SpendCode(ctx, digest); fault.Is(err, fault.NotFound) {
		return directory.User{}, s.wrong(ctx, op, a, nil)
	} else if err != nil {
		return directory.User{}, err
	}
	return u, a.succeeded(ctx)
}

// byAny is for registering a card: a password, a PIN or a code that works once, in
// one field. Which it is can be seen: a code is known by itself, a PIN has digits
// only. It is one attempt, whatever it is compared with.
func (s *Service) byAny(ctx context.Context, t site.Terminal, c Credentials) (directory.User, error) {
	if waits, err := s.waits(ctx, t); err != nil {
		return directory.User{}, err
	} else if digits(c.Value) && !waits {
		digest := s.Digests.TokenDigest("code " + c.Value)
		switch _, err := s.Store.CodeHolder(ctx, digest, directory.CodeSignIn, s.Now()); {
		case err == nil:
			c.Method = directory.MethodOnce
			return s.byOnce(ctx, t, c)
		case !fault.Is(err, fault.NotFound):
			return directory.User{}, err
		}
		u, err := s.named(ctx, directory.Fold(c.User))
		if err != nil {
			return directory.User{}, err
		}
		if x, err := s.Store.Secrets(ctx, u.ID); err == nil && (x.PIN != "" || x.PINDigest != nil) && x.Password == "" {
			c.Method = directory.MethodPIN
		}
	}
	return s.bySecret(ctx, t, c)
}
