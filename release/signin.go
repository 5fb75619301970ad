package release

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/netip"
	"unicode"

	"platen/directory"
	"platen/fault"
	"platen/job"
	"platen/site"
)

// SignIn says who stands at the terminal and opens a session for that person.
// It ends whatever session the terminal had. The token is shown to nobody
// again; only its digest is kept.
//
// The error is a Throttled when nothing was looked at, a Refused when the
// credentials did not do, else a failure of the node. Whether the user is
// unknown, the secret wrong or the account disabled is not told, and takes the
// same time.
func (s *Service) SignIn(ctx context.Context, t site.Terminal, c Credentials, client netip.Addr) (Session, string, error) {
	const op = "release.SignIn"
	if err := admit(op, t, client); err != nil {
		return Session{}, "", err
	}
	g, leave, err := s.enter(ctx, op, t.ID)
	if err != nil {
		return Session{}, "", err
	}
	defer leave()

	if once, err := s.isOnce(ctx, t, c); err != nil {
		return Session{}, "", err
	} else if once {
		c.Method = directory.MethodOnce
	}
	if c.Method == directory.MethodCode {
		if c.Method, err = s.codeIs(ctx, t, c.Value); err != nil {
			return Session{}, "", err
		}
	}
	if c.Method == directory.MethodCard {
		return s.signInByCard(ctx, g, t, c)
	}
	u, err := s.identify(ctx, t, c)
	if err != nil {
		return Session{}, "", s.refuse(ctx, t, c, err)
	}
	return s.open(ctx, t, u, c.Method)
}

func (s *Service) identify(ctx context.Context, t site.Terminal, c Credentials) (directory.User, error) {
	switch {
	case c.Method == directory.MethodPIN && directory.Fold(c.User) == "":
		return s.byPINOnly(ctx, t, c.Value)
	case c.Method == directory.MethodPIN, c.Method == directory.MethodPassword:
		return s.bySecret(ctx, t, c)
	case c.Method == directory.MethodOnce:
		return s.byOnce(ctx, t, c)
	case c.Method == directory.MethodAsserted && t.Asserted:
		return s.byWord(ctx, c.User)
	}
	return directory.User{}, refused("release.identify", directory.ReasonMethod, "This terminal does not offer that way to sign in.")
}

// codeIs says what a code is that a person or a reader typed into the one field
// for both, so that it is tried, and counted, once: the card that it belongs
// to; else a PIN, where a PIN alone may sign in and the code is short or
// somebody's PIN; else an unknown card.
func (s *Service) codeIs(ctx context.Context, t site.Terminal, code string) (method string, err error) {
	if !t.PINOnly || !digits(code) {
		return directory.MethodCard, nil
	}
	if ok, err := s.PINOnly(ctx, t, len(code)); err != nil || !ok {
		return directory.MethodCard, err
	}
	number, err := s.number(t, "", code)
	if err != nil {
		number = code // digits are their own normal form
	}
	switch _, err := s.holder(ctx, s.Digests.CardDigest(number), code); {
	case err == nil:
		return directory.MethodCard, nil
	case !fault.Is(err, fault.NotFound):
		return "", err
	case len(code) < cardShortest:
		return directory.MethodPIN, nil
	}
	if waits, err := s.waits(ctx, t); err != nil || waits {
		return directory.MethodCard, err
	}
	users, err := s.Store.UsersByPIN(ctx, s.Digests.PINDigest(code), 2)
	if err != nil || len(users) == 0 {
		return directory.MethodCard, err
	}
	return directory.MethodPIN, nil
}

// waits reports whether whoever guesses at this terminal has to wait. Then nobody
// looks whether a number is a code or a PIN: else only the right one would get an
// answer.
func (s *Service) waits(ctx context.Context, t site.Terminal) (bool, error) {
	limits := []limit{{key: "cards/" + t.ID, rule: terminalRule}, {key: "pin/" + t.ID, rule: pinHereRule}, {key: "pin", rule: pinRule}}
	ts, err := s.Store.Throttles(ctx, []string{limits[0].key, limits[1].key, limits[2].key})
	if err != nil {
		return false, err
	}
	for i, l := range limits {
		if l.rule.wait(s.Now(), ts[i].Failures) > 0 {
			return true, nil
		}
	}
	return false, nil
}

// byWord believes the terminal.
func (s *Service) byWord(ctx context.Context, login string) (directory.User, error) {
	u, err := s.named(ctx, directory.Fold(login))
	if err != nil {
		return directory.User{}, err
	}
	if u.Enabled {
		return u, nil
	}
	return directory.User{}, wrongSecret("release.asserted")
}

// open starts the session of u, whoever u is by now known to be.
func (s *Service) open(ctx context.Context, t site.Terminal, u directory.User, method string) (Session, string, error) {
	token, err := newSecret(32)
	if err != nil {
		return Session{}, "", err
	}
	now := s.Now()
	sess := Session{
		ID: job.NewUUID(), Terminal: t.ID, Device: t.Device, User: u, Method: method,
		Started: now, Seen: now, Idle: s.Limits.Idle,
	}
	if err := s.Store.Audit(ctx, u.Login, "sign-in", "terminal "+t.Name, method); err != nil {
		return Session{}, "", err
	}
	ended, err := s.Store.StartSession(ctx, sess, s.Digests.TokenDigest(token))
	if err != nil {
		return Session{}, "", err
	}
	s.remember(sess.ID, now)
	s.expect(&u)
	for _, old := range ended {
		s.forget(old.ID)
		if old.User.ID == u.ID {
			continue // the same person is still there
		}
		if err := s.recall(ctx, old); err != nil {
			s.Log.Warn("release: waiting jobs were not recalled at sign-out, their time will", "user", old.User.ID, "error", err)
		}
	}
	if err := s.parallel(ctx, sess); err != nil {
		s.Log.Warn("release: nobody looked whether the user is signed in elsewhere", "user", u.ID, "error", err)
	}
	return sess, token, nil
}

// parallel notes that somebody is signed in at two terminals at once. It may be
// a shared account, or a copied card.
func (s *Service) parallel(ctx context.Context, sess Session) error {
	all, err := s.Store.Sessions(ctx)
	if err != nil {
		return err
	}
	for _, other := range all {
		if other.User.ID != sess.User.ID || other.ID == sess.ID || s.rested(&other) {
			continue
		}
		s.Log.Info("release: a user is signed in at two terminals", "user", sess.User.Login, "terminals", []string{other.Terminal, sess.Terminal})
		return s.Store.Audit(ctx, sess.User.Login, "parallel-use", "terminal "+sess.Terminal, "also at terminal "+other.Terminal)
	}
	return nil
}

// wrongSecret is the one answer to an unknown user, a wrong secret and a
// disabled account.
func wrongSecret(op string) error {
	return refused(op, directory.ReasonWrong, "That did not match. Please try again, or ask the help desk.")
}

func refused(op, reason, text string) error {
	return &Refused{Reason: reason, Err: &fault.Error{Op: op, Kind: fault.Denied, Text: text}}
}

// refusal returns the reason of a Refused, "" for everything else.
func refusal(err error) string {
	if r := (*Refused)(nil); errors.As(err, &r) {
		return r.Reason
	}
	return ""
}

// refuse writes a sign-in that was looked at and failed to the audit trail,
// with the name that was tried. What was only throttled is not written: a flood
// would fill the disk.
func (s *Service) refuse(ctx context.Context, t site.Terminal, c Credentials, err error) error {
	reason := refusal(err)
	if reason == "" {
		return err
	}
	s.Log.Info("release: sign-in refused", "terminal", t.Name, "method", c.Method, "reason", reason)
	if reason != directory.ReasonWrong && reason != directory.ReasonUnknownCard && reason != directory.ReasonRandomCard {
		return err
	}
	if aerr := s.Store.Audit(ctx, clip(c.User, 64), "sign-in-refused", "terminal "+t.Name, c.Method); aerr != nil {
		return aerr
	}
	return err
}

func admit(op string, t site.Terminal, client netip.Addr) error {
	if Admits(t, client) {
		return nil
	}
	return &fault.Error{Op: op, Kind: fault.Denied, Text: "This terminal may not be used from this address."}
}

// newSecret returns n random octets as text that is safe in URLs and cookies.
func newSecret(n int) (string, error) {
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

func digits(s string) bool {
	for _, r := range s {
		if r < '0' || r > '9' {
			return false
		}
	}
	return s != ""
}

// clip shortens what a stranger typed to n octets, at a rune's edge, without
// control characters.
func clip(s string, n int) string {
	out := make([]rune, 0, n)
	size := 0
	for _, r := range s {
		if unicode.IsControl(r) {
			r = ' '
		}
		if size += len(string(r)); size > n {
			break
		}
		out = append(out, r)
	}
	return string(out)
}
