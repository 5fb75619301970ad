package release

import (
	"context"
	"errors"
	"net/netip"

	"platen/directory"
	"platen/fault"
	"platen/job"
	"platen/site"
)

// cardShortest is how many digits a number needs for people to take it for a
// card's. A shorter one is more likely a PIN, and must never become a card.
const cardShortest = 8

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
	if reason := refusal(r.err); r.err == nil || reason == directory.ReasonUnknownCard || reason == directory.ReasonRandomCard {
		g.last = r
	}
	return r.sess, r.token, r.err
}

// byCard does not ask the throttles of accounts: who guesses at a PIN somewhere
// cannot keep the owner of a card away.
func (s *Service) byCard(ctx context.Context, t site.Terminal, number, raw string, digest []byte) (Session, string, error) {
	const op = "release.card"
	cards := limit{key: "cards/" + t.ID, rule: terminalRule}
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
		guess = append(guess, limit{key: "pin/" + t.ID, rule: pinHereRule}, limit{key: "pin", rule: pinRule})
	}
	if a, err := s.attempt(ctx, op, guess...); err == nil {
		if err := a.failed(ctx); err != nil {
			return Session{}, "", err
		}
	} else if busy := (*Throttled)(nil); !errors.As(err, &busy) {
		return Session{}, "", err
	}
	c := Credentials{Method: directory.MethodCard, User: "card …" + directory.LastDigits(number)}
	if directory.RandomUID(number) { // nobody need give a name and a secret to hear that
		return Session{}, "", s.refuse(ctx, t, c, refused(op, directory.ReasonRandomCard, textRandom))
	}
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

// textRandom is why a card of another number each time is no card here.
const textRandom = "This card or phone shows a new number each time, so it cannot be registered. Please use another card."

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
		return "", &fault.Error{Op: op, Kind: fault.Invalid, Text: textRandom}
	}
	return number, nil
}
