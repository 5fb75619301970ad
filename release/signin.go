package release

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
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

// cardShortest is how many digits a number needs for people to take it for a
// card's. A shorter one is more likely a PIN, and must never become a card.
const cardShortest = 8

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
	limits := []limit{{"cards/" + t.ID, terminalRule}, {"pin/" + t.ID, pinHereRule}, {"pin", pinRule}}
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

// number brings what a reader sent to the normal form of the card's number.
func (s *Service) number(t site.Terminal, reader, raw string) (string, error) {
	number := raw
	if s.Number != nil {
		var err error
		if number, err = s.Number(t, reader, raw); err != nil {
			return "", err
		}
	}
	return directory.NormalCard(number)
}

// signInByCard also knows the card that was shown a moment ago: readers send a
// number twice, and the second one must neither end the session nor count.
func (s *Service) signInByCard(ctx context.Context, g *gate, t site.Terminal, c Credentials) (Session, string, error) {
	number, err := s.number(t, c.Reader, c.Value)
	if err != nil {
		return Session{}, "", &Refused{Reason: directory.ReasonUnknownCard, Err: err}
	}
	digest := s.Digests.CardDigest(number)
	if r, ok := s.again(ctx, g, digest); ok {
		s.expect(&r.sess.User)
		return r.sess, r.token, r.err
	}
	r := reading{digest: digest}
	r.sess, r.token, r.err = s.byCard(ctx, t, number, c.Value, digest)
	r.at = s.Now()
	g.last = reading{}
	if reason := refusal(r.err); r.err == nil || reason == directory.ReasonUnknownCard {
		g.last = r
	}
	return r.sess, r.token, r.err
}

// byCard does not ask the throttles of accounts: who guesses at a PIN somewhere
// cannot keep the owner of a card away.
func (s *Service) byCard(ctx context.Context, t site.Terminal, number, raw string, digest []byte) (Session, string, error) {
	const op = "release.card"
	cards := limit{"cards/" + t.ID, terminalRule}
	ts, err := s.Store.Throttles(ctx, []string{cards.key})
	if err != nil {
		return Session{}, "", err
	}
	if wait := cards.rule.wait(s.Now(), ts[0].Failures); wait > 0 {
		return Session{}, "", throttled(op, wait)
	}
	u, err := s.holder(ctx, digest, raw)
	if err == nil {
		return s.open(ctx, t, u, directory.MethodCard)
	}
	if !fault.Is(err, fault.NotFound) {
		return Session{}, "", err
	}
	guess := []limit{cards}
	if couldBeCode(raw) { // it may have been meant for one
		guess = append(guess, limit{"pin/" + t.ID, pinHereRule}, limit{"pin", pinRule})
	}
	if a, err := s.attempt(ctx, op, guess...); err == nil {
		if err := a.failed(ctx); err != nil {
			return Session{}, "", err
		}
	} else if busy := (*Throttled)(nil); !errors.As(err, &busy) {
		return Session{}, "", err
	}
	c := Credentials{Method: directory.MethodCard, User: "card …" + directory.LastDigits(number)}
	return Session{}, "", s.refuse(ctx, t, c, refused(op, directory.ReasonUnknownCard,
		"This card cannot sign in here. If it is yours, register it with your user name and password, or ask the help desk."))
}

// holder returns the user of a card that may be used, else NotFound: a blocked
// card and one of a disabled user are as unknown as any other.
func (s *Service) holder(ctx context.Context, digest []byte, raw string) (directory.User, error) {
	c, err := s.Store.CardByDigest(ctx, digest)
	if fault.Is(err, fault.NotFound) {
		c, err = s.Store.CardByRaw(ctx, s.Digests.CardDigest(raw))
	}
	if same, nerr := directory.NormalCard(raw); nerr == nil && fault.Is(err, fault.NotFound) {
		c, err = s.Store.CardByDigest(ctx, s.Digests.CardDigest(same)) // enrolled while there was no rule
	}
	if err != nil {
		return directory.User{}, err
	}
	u, err := s.Store.User(ctx, c.User)
	if err == nil && (c.Blocked || !u.Enabled) {
		err = &fault.Error{Op: "release.holder", Kind: fault.NotFound}
	}
	return u, err
}

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
	here := limit{account + "@" + t.ID, hereRule}
	a, err := s.attempt(ctx, op, here, limit{account, accountRule}, limit{"terminal/" + t.ID, terminalRule})
	if err != nil {
		return directory.User{}, err
	}
	ok, err := s.matches(ctx, u, c.Method, login, c.Value)
	if err != nil && !errors.Is(err, errAway) {
		return directory.User{}, err
	}
	if !ok {
		return directory.User{}, s.wrong(ctx, op, a, err)
	}
	return u, a.succeeded(ctx, here.key)
}

// Prove checks a user's password for a door without a terminal, which is slow on
// purpose, and counts what is wrong as everywhere. fault.Denied when it is wrong.
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
	here := limit{account + "@" + from, hereRule}
	a, err := s.attempt(ctx, op, here, limit{account, accountRule}, limit{"client/" + from, pinHereRule})
	if err != nil {
		return directory.User{}, err
	}
	ok, err := s.matches(ctx, u, directory.MethodPassword, login, password)
	if err != nil && !errors.Is(err, errAway) {
		return directory.User{}, err
	}
	if !ok {
		return directory.User{}, s.wrong(ctx, op, a, err)
	}
	return u, a.succeeded(ctx, here.key, "client/"+from)
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
	here, all := limit{"pin/" + t.ID, pinHereRule}, limit{"pin", pinRule}
	if err := s.pinsLeft(ctx, op, here, all); err != nil {
		return directory.User{}, err
	}
	a, err := s.attempt(ctx, op, here, all, limit{"terminal/" + t.ID, terminalRule})
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

// RegisterCard gives an unknown card to the person who shows it and knows the
// password, the PIN or a code that was made for it, and signs that person in.
func (s *Service) RegisterCard(ctx context.Context, t site.Terminal, card directory.Reading, user, password string, client netip.Addr) (Session, string, error) {
	const op = "release.RegisterCard"
	if err := admit(op, t, client); err != nil {
		return Session{}, "", err
	}
	set, err := s.Store.Settings(ctx)
	if err != nil {
		return Session{}, "", err
	}
	if !set.RegisterCards {
		return Session{}, "", &fault.Error{Op: op, Kind: fault.Denied, Text: "Cards are registered by the help desk here."}
	}
	number, err := s.registrable(op, t, card)
	if err != nil {
		return Session{}, "", err
	}
	g, leave, err := s.enter(ctx, op, t.ID)
	if err != nil {
		return Session{}, "", err
	}
	defer leave()

	c := Credentials{Method: directory.MethodPassword, User: user, Value: password}
	u, err := s.byAny(ctx, t, c)
	if err != nil {
		return Session{}, "", s.refuse(ctx, t, c, err)
	}
	g.last = reading{}
	if n, err := s.Store.CountCards(ctx, u.ID); err != nil {
		return Session{}, "", err
	} else if set.MaxCards > 0 && n >= set.MaxCards {
		return Session{}, "", &fault.Error{Op: op, Kind: fault.Conflict, Text: "You have as many cards already as one person may have here. Please ask the help desk."}
	}
	if err := s.addCard(ctx, op, t, u, number, card.Raw); err != nil {
		return Session{}, "", err
	}
	sess, token, err := s.open(ctx, t, u, directory.MethodCard)
	if err == nil {
		s.lies(t, card, sess)
	}
	return sess, token, err
}

func (s *Service) addCard(ctx context.Context, op string, t site.Terminal, u directory.User, number, raw string) error {
	err := s.Store.PutCard(ctx, directory.Card{
		ID: job.NewUUID(), User: u.ID, Digest: s.Digests.CardDigest(number), Raw: directory.RawDigest(s.Digests.CardDigest, raw, number),
		Last: directory.LastDigits(number), Label: "registered at " + t.Name, Created: s.Now(),
	})
	if fault.Is(err, fault.Conflict) { // also when it is this person's own, but blocked
		return &fault.Error{Op: op, Kind: fault.Conflict, Text: "This card cannot be registered. Please ask the help desk.", Err: err}
	}
	if err != nil {
		return err
	}
	s.Log.Info("release: card registered", "user", u.Login, "card", "…"+directory.LastDigits(number), "terminal", t.Name)
	if s.Told != nil {
		s.Told(u, directory.LastDigits(number), t.Name)
	}
	return s.Store.Audit(ctx, u.Login, "card-registered", "card …"+directory.LastDigits(number), "terminal "+t.Name)
}

// registrable returns the normal form of a number that stays the same each
// time the card is shown.
func (s *Service) registrable(op string, t site.Terminal, card directory.Reading) (string, error) {
	number, err := s.number(t, card.Reader, card.Raw)
	if err != nil {
		return "", err
	}
	if digits(number) && len(number) < cardShortest {
		return "", &fault.Error{Op: op, Kind: fault.Invalid,
			Text: "This number is too short to be registered as a card here. Please ask the help desk."}
	}
	if directory.RandomUID(number) {
		return "", &fault.Error{Op: op, Kind: fault.Invalid,
			Text: "This card or phone shows a new number each time, so it cannot be registered. Please use another card."}
	}
	return number, nil
}

// wrong is the end of a guess. why is errAway when nobody could tell.
func (s *Service) wrong(ctx context.Context, op string, a *attempt, why error) error {
	if err := a.failed(ctx); err != nil {
		return err
	}
	if errors.Is(why, errAway) {
		return refused(op, directory.ReasonWrong,
			"That did not match, or it cannot be checked now, because the directory does not answer. Please use your card, or try again later.")
	}
	return wrongSecret(op)
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
	if reason != directory.ReasonWrong && reason != directory.ReasonUnknownCard {
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

// account is the throttle key of a user; of a name that nobody has, something
// that looks and behaves the same.
func account(u directory.User, login string) string {
	if u.ID != "" {
		return "account/" + u.ID
	}
	sum := sha256.Sum256([]byte(login))
	return "account/" + hex.EncodeToString(sum[:16])
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
