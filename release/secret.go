package release

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net/netip"

	"platen/directory"
	"platen/fault"
	"platen/site"
)

// bySecret checks a PIN or a password of a named user.
func (s *Service) bySecret(ctx context.Context, t site.Terminal, c Credentials) (directory.User, error) {
	const op = "release.secret"
	login := directory.Fold(c.User)
	if login == "" || c.Value == "" {
		return directory.User{}, &fault.Error{Op: op, Kind: fault.Invalid, Text: "Please type both your user name and your PIN or password."}
	}
	u, err := s.named(ctx, login)
	if err != nil {
		return directory.User{}, err
	}
	account := account(u, login)
	here := limit{key: account + "@" + t.ID, rule: hereRule}
	a, err := s.attempt(ctx, op, here, limit{key: account, rule: accountRule}, limit{key: "terminal/" + t.ID, rule: terminalRule})
	if err != nil {
		return directory.User{}, err
	}
	ok, err := s.matches(ctx, u, c.Method, login, c.Value)
	if err != nil && !errors.Is(err, errAway) {
		return directory.User{}, err
	}
	if errors.Is(err, errUnchecked) {
		return directory.User{}, s.unchecked(ctx, op, a, here.key)
	}
	if !ok {
		return directory.User{}, s.wrong(ctx, op, a, err)
	}
	return u, a.succeeded(ctx, here.key)
}

// Prove checks a user's password for a door without a terminal, which is slow on
// purpose, and counts what is wrong as everywhere. fault.Denied when it is wrong.
//
// Many people may come from one address. What went wrong there makes nobody wait
// whose account has signed in from it lately, and everybody else once, shortly.
func (s *Service) Prove(ctx context.Context, login, password string, client netip.Addr) (directory.User, error) {
	const op = "release.Prove"
	login = directory.Fold(login)
	if login == "" || password == "" {
		return directory.User{}, &fault.Error{Op: op, Kind: fault.Denied, Text: "Please type both your user name and your PIN or password."}
	}
	u, err := s.named(ctx, login)
	if err != nil {
		return directory.User{}, err
	}
	account := account(u, login)
	from := network(client)
	here := limit{key: account + "@" + from, rule: hereRule}
	known, err := s.knows(ctx, here.key)
	if err != nil {
		return directory.User{}, err
	}
	a, err := s.attempt(ctx, op, here, limit{key: account, rule: accountRule}, limit{"client/" + from, clientRule, s.turn(here.key, known)})
	if err != nil {
		return directory.User{}, noCard(err)
	}
	ok, err := s.matches(ctx, u, directory.MethodPassword, login, password)
	if err != nil && !errors.Is(err, errAway) {
		return directory.User{}, err
	}
	if errors.Is(err, errUnchecked) {
		return directory.User{}, noCard(s.unchecked(ctx, op, a, here.key))
	}
	if !ok {
		return directory.User{}, s.wrong(ctx, op, a, err)
	}
	if err := a.succeeded(ctx, here.key); err != nil {
		return directory.User{}, err
	}
	return u, s.know(ctx, here.key)
}

// network is what a client's failures are counted under: its address, of IPv6 the
// part that it cannot choose by itself.
func network(client netip.Addr) string {
	client = client.Unmap().WithZone("")
	if p, err := client.Prefix(64); err == nil && client.Is6() {
		return p.String()
	}
	return client.String()
}

// matches does the same work for a user who does not exist as for one who does.
func (s *Service) matches(ctx context.Context, u directory.User, method, login, value string) (bool, error) {
	secrets, err := s.Store.Secrets(ctx, u.ID)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return false, err
	}
	if method != directory.MethodPassword {
		return s.pin(secrets, value) && u.ID != "" && u.Enabled, nil
	}
	ok, err := s.password(ctx, u, secrets, login, value)
	return ok && u.ID != "" && u.Enabled, err
}

// pin compares a PIN. One that a directory brought has no verifier beside its
// digest: there would be two ways to try all PINs instead of one.
func (s *Service) pin(x directory.Secrets, value string) bool {
	ok := s.Verify(x.PIN, value) && x.PIN != ""
	if x.PIN == "" && x.PINDigest != nil {
		ok = subtle.ConstantTimeCompare(x.PINDigest, s.Digests.PINDigest(value)) == 1
	}
	return ok
}

// byPINOnly looks a PIN up by its digest and then verifies it once, whoever
// has it.
func (s *Service) byPINOnly(ctx context.Context, t site.Terminal, pin string) (directory.User, error) {
	const op = "release.pin"
	if err := s.pinOnlyAllowed(ctx, op, t, pin); err != nil {
		return directory.User{}, err
	}
	here, all := limit{key: "pin/" + t.ID, rule: pinHereRule}, limit{key: "pin", rule: pinRule}
	if err := s.pinsLeft(ctx, op, here, all); err != nil {
		return directory.User{}, err
	}
	a, err := s.attempt(ctx, op, here, all, limit{key: "terminal/" + t.ID, rule: terminalRule})
	if err != nil {
		return directory.User{}, err
	}
	users, err := s.Store.UsersByPIN(ctx, s.Digests.PINDigest(pin), 2)
	if err != nil {
		return directory.User{}, err
	}
	var u directory.User
	if len(users) == 1 { // a PIN that two people have names nobody
		u = users[0]
	}
	ok, err := s.matches(ctx, u, directory.MethodPIN, "", pin)
	if err != nil {
		return directory.User{}, err
	}
	if !ok {
		return directory.User{}, s.wrong(ctx, op, a, nil)
	}
	return u, a.succeeded(ctx)
}

// pinOnlyAllowed refuses a PIN alone where a guess could hit somebody.
func (s *Service) pinOnlyAllowed(ctx context.Context, op string, t site.Terminal, pin string) error {
	users := 0
	if t.PINOnly {
		var err error
		if users, err = s.Store.CountPINs(ctx); err != nil {
			return err
		}
	}
	if !t.PINOnly || !digits(pin) || !directory.PINOnlyAllowed(users, len(pin)) {
		return refused(op, directory.ReasonNeedUser, "Please type your user name together with your PIN.")
	}
	return nil
}

// pinsLeft asks for the user name as well, instead of making people wait, when
// PINs alone have been tried too often.
func (s *Service) pinsLeft(ctx context.Context, op string, here, all limit) error {
	ts, err := s.Store.Throttles(ctx, []string{here.key, all.key})
	if err != nil {
		return err
	}
	for i, l := range []limit{here, all} {
		if l.rule.wait(s.Now(), ts[i].Failures) > 0 {
			return refused(op, directory.ReasonNeedUser, "Too many wrong PINs were typed. For now, please type your user name together with your PIN.")
		}
	}
	return nil
}

// PINOnly reports whether a terminal takes a PIN of that many digits alone, for
// its pages to ask for the right fields.
func (s *Service) PINOnly(ctx context.Context, t site.Terminal, digits int) (bool, error) {
	if !t.PINOnly {
		return false, nil
	}
	users, err := s.Store.CountPINs(ctx)
	return err == nil && directory.PINOnlyAllowed(users, digits), err
}

// wrong is the end of a guess. why is errAway when nobody could tell.
func (s *Service) wrong(ctx context.Context, op string, a *attempt, why error) error {
	if err := a.failed(ctx); err != nil {
		return err
	}
	if errors.Is(why, errAway) {
		return notChecked(op)
	}
	return wrongSecret(op)
}

// unchecked is the end of an attempt at a password that nobody could compare with
// anything: it was not wrong, and nobody has learned anything from the answer. It
// waits as a guess would, so that nobody sees by that of whom something is kept
// here; but under a key of its own, which nobody asks once the directory is back.
func (s *Service) unchecked(ctx context.Context, op string, a *attempt, here string) error {
	if err := a.succeeded(ctx); err != nil {
		return err
	}
	if _, err := s.attempt(ctx, op, limit{key: "away/" + here, rule: hereRule}); err != nil {
		return err
	}
	return notChecked(op)
}

func notChecked(op string) error {
	return refused(op, directory.ReasonWrong,
		"That did not match, or it cannot be checked now, because the directory does not answer. Please use your card, or try again later.")
}

// account is the throttle key of a user; of a name that nobody has, something
// that looks and behaves the same.
func account(u directory.User, login string) string {
	if u.ID != "" {
		return "account/" + u.ID
	}
	sum := sha256.Sum256([]byte(login))
	return "account/" + hex.EncodeToString(sum[:16])
}
