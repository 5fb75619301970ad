package release

import (
	"bytes"
	"context"
	"errors"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/site"
)

// A reader that stands beside a terminal, instead of typing into its page, shows
// its cards here. Who it is becomes known at once; the page, or the box, that is
// the terminal picks the session up a moment later, once. What waits for that is
// in memory: a restart loses it, and the card is shown again.

// stand is the place where a terminal picks things up.
type stand struct {
	waiting *waiting
	news    chan struct{} // closed when something comes
	lying   lying
}

// waiting is what is to be picked up.
type waiting struct {
	directory.Shown
	at   time.Time
	good time.Duration
	// again is the person's session that was there already when the card was shown.
	again Session
}

// lying is the session that a card has opened which may still lie in its reader.
type lying struct {
	session string // its id, "" none
	reader  string
	card    []byte // digest of the number as it came
}

// HasReader reports whether a reader stands beside the terminal.
func (s *Service) HasReader(t site.Terminal) bool { return s.Beside != nil && s.Beside(t.ID) }

// ShowCard signs in whoever has the card that was shown to a reader of a terminal,
// as if it had been typed there, and keeps what comes of it until the terminal
// picks it up. The person who is signed in there already stays. The error is one
// of the node: that a card is refused is for the terminal to say.
func (s *Service) ShowCard(ctx context.Context, t site.Terminal, r directory.Reading) error {
	const op = "release.ShowCard"
	g, leave, err := s.enter(ctx, op, t.ID)
	if err != nil {
		return s.offerRefusal(t, r, err)
	}
	defer leave()
	before, err := s.presentAt(ctx, t)
	if err != nil {
		return err
	}
	if stays, err := s.stays(ctx, before, t, r); err != nil || stays {
		return err
	}
	sess, token, err := s.signInByCard(ctx, g, t, Credentials{Method: directory.MethodCard, Value: r.Raw, Reader: r.Reader})
	if err != nil {
		return s.offerRefusal(t, r, err)
	}
	good := s.Limits.PickUp
	if before.ID != "" { // the page of the person before looks again by itself, but not soon
		good = max(good, s.Limits.Idle)
	}
	s.lies(t, r, sess)
	s.offer(t, waiting{Shown: directory.Shown{Reading: directory.Reading{Reader: r.Reader}, Session: sess, Token: token}, good: good})
	return nil
}

// offerRefusal keeps why a card did not do. What went wrong here is returned.
func (s *Service) offerRefusal(t site.Terminal, r directory.Reading, err error) error {
	busy := (*Throttled)(nil)
	reason := refusal(err)
	if reason == "" && !errors.As(err, &busy) {
		return err
	}
	x := directory.Shown{Reading: directory.Reading{Reader: r.Reader}, Err: err}
	if reason == directory.ReasonUnknownCard {
		x.Raw = r.Raw
	}
	s.offer(t, waiting{Shown: x, good: s.Limits.PickUp})
	return nil
}

// presentAt returns the session of whoever is signed in at the terminal.
func (s *Service) presentAt(ctx context.Context, t site.Terminal) (Session, error) {
	all, err := s.Store.Sessions(ctx)
	if err != nil {
		return Session{}, err
	}
	for _, sess := range all {
		if sess.Terminal == t.ID && !s.rested(&sess) {
			return sess, nil
		}
	}
	return Session{}, nil
}

// stays reports whether the card is that of the person who is there already, and
// counts it as a sign of life then.
func (s *Service) stays(ctx context.Context, sess Session, t site.Terminal, r directory.Reading) (bool, error) {
	if sess.ID == "" {
		return false, nil
	}
	number, err := s.number(t, r.Reader, r.Raw)
	if err != nil {
		return false, nil //nolint:nilerr // signing in says so
	}
	u, err := s.holder(ctx, s.Digests.CardDigest(number), r.Raw)
	if fault.Is(err, fault.NotFound) || err == nil && u.ID != sess.User.ID {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if sess, err = s.Stay(ctx, sess); fault.Is(err, fault.Denied) {
		return false, nil // it has ended just now
	}
	if err == nil && !s.waitsFor(t, sess.ID) {
		s.offer(t, waiting{Shown: directory.Shown{Reading: directory.Reading{Reader: r.Reader, Raw: r.Raw}}, good: s.Limits.PickUp, again: sess})
	}
	return true, err
}

// CardGone says that a card was taken out of a reader. The session that it opened
// ends with it.
func (s *Service) CardGone(ctx context.Context, t site.Terminal, r directory.Reading) error {
	id := s.opened(t, r)
	if id == "" {
		return nil
	}
	sess, err := s.presentAt(ctx, t)
	if err != nil || sess.ID != id {
		return err
	}
	if err := s.end(ctx, sess, "card taken away"); err != nil {
		return err
	}
	s.lies(t, r, Session{})
	s.offer(t, waiting{Shown: directory.Shown{Reading: directory.Reading{Reader: r.Reader}, Gone: true}, good: s.Limits.PickUp})
	return nil
}

// PickUp returns what came of the last card that was shown to a reader of the
// terminal, to the first who asks. ok is false when there is nothing, or nothing
// that still counts.
func (s *Service) PickUp(ctx context.Context, t site.Terminal) (x directory.Shown, ok bool, err error) {
	w := s.take(t)
	if w == nil || elapsed(w.at, s.Now()) >= w.good {
		return directory.Shown{}, false, nil
	}
	if w.again.ID != "" {
		return s.anew(ctx, t, w)
	}
	if w.Token == "" {
		return w.Shown, true, nil
	}
	if w.Session, err = s.Session(ctx, w.Token, t.ID); fault.Is(err, fault.Denied) {
		return directory.Shown{}, false, nil // over before anybody came for it
	}
	return w.Shown, err == nil, err
}

// anew gives a person whose session nobody there knows any longer another one: who
// has it does not pick anything up.
func (s *Service) anew(ctx context.Context, t site.Terminal, w *waiting) (directory.Shown, bool, error) {
	_, leave, err := s.enter(ctx, "release.PickUp", t.ID)
	if err != nil {
		return directory.Shown{}, false, err
	}
	defer leave()
	sess, err := s.presentAt(ctx, t)
	if err != nil || sess.ID != w.again.ID {
		return directory.Shown{}, false, err
	}
	u, err := s.Store.User(ctx, sess.User.ID)
	if fault.Is(err, fault.NotFound) || err == nil && !u.Enabled {
		return directory.Shown{}, false, nil
	}
	if err != nil {
		return directory.Shown{}, false, err
	}
	x := directory.Shown{Reading: directory.Reading{Reader: w.Reader}}
	if x.Session, x.Token, err = s.open(ctx, t, u, directory.MethodCard); err != nil {
		return directory.Shown{}, false, err
	}
	s.lies(t, w.Reading, x.Session)
	return x, true, nil
}

// AwaitPickUp is PickUp that waits until there is something, or ctx ends: then ok
// is false.
func (s *Service) AwaitPickUp(ctx context.Context, t site.Terminal) (x directory.Shown, ok bool, err error) {
	for {
		news := s.news(t)
		if x, ok, err = s.PickUp(ctx, t); ok || err != nil {
			return x, ok, err
		}
		select {
		case <-news:
		case <-ctx.Done():
			return directory.Shown{}, false, nil
		}
	}
}

func (s *Service) standLocked(t site.Terminal) *stand {
	if s.stands == nil {
		s.stands = map[string]*stand{}
	}
	if s.stands[t.ID] == nil {
		s.stands[t.ID] = &stand{news: make(chan struct{})}
	}
	return s.stands[t.ID]
}

// offer puts something down to be picked up, in the place of what was there.
func (s *Service) offer(t site.Terminal, w waiting) {
	w.at = s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.standLocked(t)
	st.waiting = &w
	close(st.news)
	st.news = make(chan struct{})
}

func (s *Service) take(t site.Terminal) *waiting {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.standLocked(t)
	w := st.waiting
	st.waiting = nil
	return w
}

func (s *Service) news(t site.Terminal) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.standLocked(t).news
}

// waitsFor reports whether the session has not been picked up yet.
func (s *Service) waitsFor(t site.Terminal, session string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.standLocked(t).waiting
	return w != nil && w.Session.ID == session
}

// lies notes that a card at a reader has opened a session.
func (s *Service) lies(t site.Terminal, r directory.Reading, sess Session) {
	if r.Reader == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.standLocked(t).lying = lying{sess.ID, r.Reader, s.Digests.CardDigest(r.Raw)}
}

// opened returns the session that a card at a reader has opened, "" none.
func (s *Service) opened(t site.Terminal, r directory.Reading) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.standLocked(t).lying
	if l.reader != r.Reader || !bytes.Equal(l.card, s.Digests.CardDigest(r.Raw)) {
		return ""
	}
	return l.session
}
