package release

import (
	"context"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/job"
	"platen/site"
)

// Session returns the session of a token at its terminal, and counts as a sign
// of life. How long the session may rest stays as it is: once something was
// released it is short, until the person acts again or says Stay.
func (s *Service) Session(ctx context.Context, token, terminal string) (Session, error) {
	sess, err := s.Peek(ctx, token, terminal)
	if err != nil {
		return Session{}, err
	}
	return s.touch(ctx, sess, sess.Idle)
}

// Peek is Session without the sign of life, for pages that refresh themselves.
func (s *Service) Peek(ctx context.Context, token, terminal string) (Session, error) {
	const op = "release.Session"
	sess, err := s.Store.SessionByToken(ctx, s.Digests.TokenDigest(token))
	if fault.Is(err, fault.NotFound) || err == nil && sess.Terminal != terminal {
		return Session{}, signedOut(op)
	}
	if err != nil {
		return Session{}, err
	}
	if s.rested(&sess) {
		if err := s.end(ctx, sess, "idle"); err != nil {
			return Session{}, err
		}
		return Session{}, signedOut(op)
	}
	// Read again each time: who was disabled a second ago is out.
	sess.User, err = s.Store.User(ctx, sess.User.ID)
	if fault.Is(err, fault.NotFound) || err == nil && !sess.User.Enabled {
		if err := s.end(ctx, sess, "disabled"); err != nil {
			return Session{}, err
		}
		return Session{}, signedOut(op)
	}
	return sess, err
}

// Stay lets the session rest for the usual time again: the person touched the
// warning.
func (s *Service) Stay(ctx context.Context, sess Session) (Session, error) {
	return s.touch(ctx, sess, s.Limits.Idle)
}

// WarnAt returns when the page says that the session is about to end.
func (s *Service) WarnAt(sess Session) time.Time {
	return sess.Expires().Add(-min(s.Limits.Warn, sess.Idle))
}

// SignOut ends the session. The person's released jobs at this device that
// have not begun go back to held, unless the device is at this moment at work
// for the same person: then only the set time recalls them.
func (s *Service) SignOut(ctx context.Context, sess Session) error {
	return s.end(ctx, sess, "sign-out")
}

// end is done by exactly one of all who notice that a session is over.
func (s *Service) end(ctx context.Context, sess Session, why string) error {
	s.forget(sess.ID)
	err := s.Store.EndSession(ctx, sess.ID)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	s.Log.Debug("release: session ended", "session", sess.ID, "why", why)
	return s.recall(ctx, sess)
}

// stale is how old the stored sign of life may become. It is written rarely; a
// restart ends a session that much earlier.
const stale = 5 * time.Second

func (s *Service) touch(ctx context.Context, sess Session, idle time.Duration) (Session, error) {
	now := s.Now()
	if idle != sess.Idle || elapsed(sess.Seen, now) >= stale {
		err := s.Store.TouchSession(ctx, sess.ID, now, idle)
		if fault.Is(err, fault.NotFound) {
			return Session{}, signedOut("release.touch")
		}
		if err != nil {
			return Session{}, err
		}
	}
	s.remember(sess.ID, now)
	sess.Seen, sess.Idle = now, idle
	return sess, nil
}

// rested reports whether nobody gave a sign of life for too long, by either
// clock. A session that only the store remembers and that comes from the
// future is over too.
func (s *Service) rested(sess *Session) bool {
	now := s.Now()
	s.mu.Lock()
	seen, ok := s.seen[sess.ID]
	s.mu.Unlock()
	if !ok && sess.Seen.After(now.Add(stale)) {
		return true
	}
	return elapsed(later(seen, sess.Seen, now), now) >= sess.Idle
}

// later returns the later sign of life of the two: a sibling of this node may
// have written the stored one. What comes from the future was written before
// the clock was set back, and the own memory is better.
func later(own, stored, now time.Time) time.Time {
	if own.IsZero() || stored.Round(0).After(own.Round(0)) && !stored.After(now) {
		return stored
	}
	return own
}

func (s *Service) remember(session string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = map[string]time.Time{}
	}
	s.seen[session] = now
}

func (s *Service) forget(session string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.seen, session)
}

// prune forgets sessions that ended somewhere else, with their terminal for
// example. One that begins at this moment is at worst read from the store.
func (s *Service) prune(live []Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.seen
	s.seen = make(map[string]time.Time, len(live))
	for _, sess := range live {
		if seen, ok := known[sess.ID]; ok {
			s.seen[sess.ID] = seen
		}
	}
}

func signedOut(op string) error {
	return &fault.Error{Op: op, Kind: fault.Denied, Text: "You are signed out. Please sign in again."}
}

// recall takes back what the session's person released at its device and what
// has not begun.
func (s *Service) recall(ctx context.Context, sess Session) error {
	now := s.Now()
	own, err := s.Store.OwnJobs(ctx, sess.User.ID, now.Add(-s.Limits.Calm), s.Limits.Jobs)
	if err != nil {
		return err
	}
	theirs, err := s.releasedFor(ctx, sess, now.Add(-s.Limits.Calm))
	if err != nil {
		return err
	}
	own = append(own, theirs...)
	if s.atWork(own, sess.Device, now) {
		return nil
	}
	queues, err := s.queues(ctx)
	if err != nil {
		return err
	}
	for _, j := range own {
		if j.State != job.Pending || j.Device != sess.Device || queues[j.Queue].Mode == site.Passthrough && j.Ticket.PIN == nil {
			continue
		}
		if err := s.hold(ctx, j, "The device had not begun it when its owner signed out, so it is held again."); err != nil {
			return err
		}
	}
	return nil
}

// atWork reports whether the device delivers one of these jobs, or did so a
// moment ago and is about to take the next.
func (s *Service) atWork(own []job.Job, device string, now time.Time) bool {
	for _, j := range own {
		if j.Device != device {
			continue
		}
		if j.State == job.Processing || j.State.Done() && now.Sub(j.Completed) < s.Limits.Calm {
			return true
		}
	}
	return false
}

// hold brings a waiting job back to held, if it is still waiting since the same
// release. It gets an hour at least, whatever its hold time: its owner wanted
// it a moment ago.
func (s *Service) hold(ctx context.Context, j job.Job, why string) error {
	now := s.Now()
	c := job.Change{
		State: job.Held, Reasons: j.HeldReasons(),
		History: []job.Entry{{At: now, Actor: node, Text: why}},
	}
	if j.ExpiresAt.Before(now.Add(time.Hour)) {
		c.ExpiresAt = now.Add(time.Hour)
	}
	err := s.Store.ChangeJob(ctx, j.ID, Guard{State: job.Pending, Device: j.Device, Released: j.Released}, c, now)
	if fault.Is(err, fault.Conflict) || fault.Is(err, fault.NotFound) {
		return nil // it has begun, or somebody else took it back
	}
	return err
}

// ActorOf returns who acts in a session, for BreakGlass.
func ActorOf(sess Session) Actor { return Actor{User: sess.User.ID, Name: sess.User.Login} }

// may refuses what the person has no right to.
func may(op string, u *directory.User, r directory.Right) error {
	if u.May(r) {
		return nil
	}
	return &fault.Error{Op: op, Kind: fault.Denied, Text: "You do not have the right to do that. Please ask the help desk."}
}
