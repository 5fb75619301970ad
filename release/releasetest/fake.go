package releasetest

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/job"
	"platen/release"
	"platen/site"
)

// Fake is a Store in memory that keeps every promise but the durable ones.
type Fake struct {
	NodeSettings site.Settings // may be changed while nobody uses the store

	mu        sync.Mutex
	broken    error
	good      int // calls that still work although the store is broken
	commits   int
	now       func() time.Time
	users     map[string]directory.User
	secrets   map[string]directory.Secrets
	cards     []directory.Card
	queues    map[string]site.Queue
	devices   map[string]site.Device
	terminals map[string]*terminal
	sessions  map[string]session
	jobs      map[int64]*job.Job
	history   map[int64][]job.Entry
	canceling map[int64]bool
	releases  []recorded
	throttles map[string]throttle
	codes     map[string]code
	audit     []Line
	lastJob   int64

	delegations []directory.Delegation
	groups      map[string][]string // id to the ids of its members
}

// Line is one line of the audit trail.
type Line struct{ Actor, Action, Object, Detail string }

type terminal struct {
	site.Terminal
	secret, token []byte
	expires       time.Time
}

type session struct {
	release.Session
	token []byte
}

type recorded struct {
	job.Release
	scope, key string
}

type code struct {
	user, purpose string
	until         time.Time
}

type throttle struct {
	release.Throttle
	written time.Time
}

var _ release.Store = (*Fake)(nil)

// NewFake returns an empty store. now says when a throttle was written.
func NewFake(now func() time.Time) *Fake {
	return &Fake{
		NodeSettings: site.DefaultSettings(), now: now,
		users: map[string]directory.User{}, secrets: map[string]directory.Secrets{},
		queues: map[string]site.Queue{}, devices: map[string]site.Device{}, terminals: map[string]*terminal{},
		sessions: map[string]session{}, jobs: map[int64]*job.Job{}, history: map[int64][]job.Entry{},
		canceling: map[int64]bool{}, throttles: map[string]throttle{}, codes: map[string]code{},
	}
}

func notFound() error { return &fault.Error{Op: "fake", Kind: fault.NotFound} }

func conflict() error { return &fault.Error{Op: "fake", Kind: fault.Conflict} }

// read runs f with the lock held.
func read[T any](s *Fake, f func() (T, error)) (T, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil && s.good == 0 {
		var zero T
		return zero, s.broken
	}
	s.good = max(0, s.good-1)
	return f()
}

func write[T any](s *Fake, f func() (T, error)) (T, error) {
	return read(s, func() (T, error) {
		v, err := f()
		if err == nil {
			s.commits++
		}
		return v, err
	})
}

func (s *Fake) do(f func() error) error {
	_, err := write(s, func() (struct{}, error) { return struct{}{}, f() })
	return err
}

// granted adds what everybody may, as a new store says.
func granted(u directory.User) directory.User {
	if u.Grants == nil {
		u.Grants = []directory.Grant{{Right: directory.Colour, From: "everybody"}}
	}
	return u
}

// User is a promise of release.Store, as every method below up to Audit.
func (s *Fake) User(_ context.Context, id string) (directory.User, error) {
	return read(s, func() (directory.User, error) {
		u, ok := s.users[id]
		if !ok {
			return u, notFound()
		}
		return granted(u), nil
	})
}

func (s *Fake) UserByLogin(_ context.Context, folded string) (directory.User, error) {
	return read(s, func() (directory.User, error) {
		for _, u := range s.users {
			if u.Login == folded {
				return granted(u), nil
			}
		}
		return directory.User{}, notFound()
	})
}

func (s *Fake) UsersByName(_ context.Context, folded string) ([]directory.User, error) {
	return read(s, func() ([]directory.User, error) { return s.named(folded), nil })
}

func (s *Fake) KeepVerifier(_ context.Context, user, phc string, until time.Time) error {
	return s.do(func() error {
		x, ok := s.secrets[user]
		if !ok {
			return notFound()
		}
		x.Password, x.PasswordUntil = phc, ms(until)
		s.secrets[user] = x
		return nil
	})
}

// PutCode keeps a code that works once.
func (s *Fake) PutCode(_ context.Context, digest []byte, user, purpose string, until time.Time) error {
	return s.do(func() error {
		s.codes[string(digest)] = code{user, purpose, until}
		return nil
	})
}

func (s *Fake) CodeHolder(_ context.Context, digest []byte, purpose string, now time.Time) (string, error) {
	return read(s, func() (string, error) {
		c, ok := s.codes[string(digest)]
		if !ok || c.purpose != purpose || !c.until.After(now) {
			return "", notFound()
		}
		return c.user, nil
	})
}

func (s *Fake) SpendCode(_ context.Context, digest []byte) error {
	return s.do(func() error {
		if _, ok := s.codes[string(digest)]; !ok {
			return notFound()
		}
		delete(s.codes, string(digest))
		return nil
	})
}

func (s *Fake) CardByRaw(_ context.Context, digest []byte) (directory.Card, error) {
	return read(s, func() (directory.Card, error) {
		var found []directory.Card
		for _, c := range s.cards {
			if c.Raw != nil && bytes.Equal(c.Raw, digest) {
				found = append(found, c)
			}
		}
		if len(found) != 1 {
			return directory.Card{}, notFound()
		}
		return found[0], nil
	})
}

func (s *Fake) CountCards(_ context.Context, user string) (int, error) {
	return read(s, func() (n int, err error) {
		for _, c := range s.cards {
			if c.User == user {
				n++
			}
		}
		return n, nil
	})
}

func (s *Fake) Secrets(_ context.Context, user string) (directory.Secrets, error) {
	return read(s, func() (directory.Secrets, error) {
		sec, ok := s.secrets[user]
		if !ok {
			return sec, notFound()
		}
		return sec, nil
	})
}

func (s *Fake) UsersByPIN(_ context.Context, digest []byte, limit int) ([]directory.User, error) {
	return read(s, func() ([]directory.User, error) {
		var found []directory.User
		for id, sec := range s.secrets {
			if u := s.users[id]; u.Enabled && sec.PINDigest != nil && bytes.Equal(sec.PINDigest, digest) && len(found) < limit {
				found = append(found, u)
			}
		}
		return found, nil
	})
}

func (s *Fake) CountPINs(context.Context) (int, error) {
	return read(s, func() (int, error) {
		n := 0
		for id, sec := range s.secrets {
			if s.users[id].Enabled && sec.PINDigest != nil {
				n++
			}
		}
		return n, nil
	})
}

func (s *Fake) CardByDigest(_ context.Context, digest []byte) (directory.Card, error) {
	return read(s, func() (directory.Card, error) {
		for _, c := range s.cards {
			if bytes.Equal(c.Digest, digest) {
				return c, nil
			}
		}
		return directory.Card{}, notFound()
	})
}

func (s *Fake) PutCard(_ context.Context, c directory.Card) error {
	return s.do(func() error {
		at := -1
		for i, old := range s.cards {
			switch {
			case old.ID == c.ID:
				at = i
			case bytes.Equal(old.Digest, c.Digest):
				return conflict()
			}
		}
		if at >= 0 {
			s.cards[at] = c
		} else {
			s.cards = append(s.cards, c)
		}
		return nil
	})
}

func (s *Fake) Settings(context.Context) (site.Settings, error) {
	return read(s, func() (site.Settings, error) { return s.NodeSettings, nil })
}

func (s *Fake) Queues(context.Context) ([]site.Queue, error) {
	return read(s, func() ([]site.Queue, error) { return values(s.queues), nil })
}

func (s *Fake) Device(_ context.Context, id string) (site.Device, error) {
	return read(s, func() (site.Device, error) {
		d, ok := s.devices[id]
		if !ok {
			return d, notFound()
		}
		return d, nil
	})
}

func (s *Fake) Terminal(_ context.Context, id string) (site.Terminal, error) {
	return read(s, func() (site.Terminal, error) {
		t, ok := s.terminals[id]
		if !ok {
			return site.Terminal{}, notFound()
		}
		return t.Terminal, nil
	})
}

func (s *Fake) Terminals(context.Context) ([]site.Terminal, error) {
	return read(s, func() ([]site.Terminal, error) {
		var all []site.Terminal
		for _, t := range s.terminals {
			all = append(all, t.Terminal)
		}
		return all, nil
	})
}

func (s *Fake) SetEnrolment(_ context.Context, id string, digest []byte, expires time.Time) error {
	return s.do(func() error {
		t, ok := s.terminals[id]
		if !ok {
			return notFound()
		}
		t.secret, t.token, t.expires = digest, nil, expires
		for sid, sess := range s.sessions {
			if sess.Terminal == id {
				delete(s.sessions, sid)
			}
		}
		return nil
	})
}

func (s *Fake) Enrol(_ context.Context, secret, token []byte, now time.Time) (site.Terminal, error) {
	return write(s, func() (site.Terminal, error) {
		for _, t := range s.terminals {
			if t.secret != nil && bytes.Equal(t.secret, secret) && t.expires.After(now) {
				t.secret, t.token = nil, token
				return t.Terminal, nil
			}
		}
		return site.Terminal{}, notFound()
	})
}

func (s *Fake) TerminalByToken(_ context.Context, token []byte) (site.Terminal, error) {
	return read(s, func() (site.Terminal, error) {
		for _, t := range s.terminals {
			if t.token != nil && bytes.Equal(t.token, token) {
				return t.Terminal, nil
			}
		}
		return site.Terminal{}, notFound()
	})
}

func (s *Fake) StartSession(_ context.Context, sess release.Session, token []byte) ([]release.Session, error) {
	return write(s, func() ([]release.Session, error) {
		var ended []release.Session
		for id, old := range s.sessions {
			if old.Terminal == sess.Terminal {
				ended = append(ended, old.Session)
				delete(s.sessions, id)
			}
		}
		s.sessions[sess.ID] = session{stored(sess), token}
		return ended, nil
	})
}

// stored is a session as it comes back from a table.
func stored(sess release.Session) release.Session {
	sess.User = directory.User{ID: sess.User.ID}
	sess.Started, sess.Seen = ms(sess.Started), ms(sess.Seen)
	return sess
}

// ms is a time as a table keeps it, without the monotonic clock.
func ms(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return time.UnixMilli(t.UnixMilli()).UTC()
}

func (s *Fake) SessionByToken(_ context.Context, token []byte) (release.Session, error) {
	return read(s, func() (release.Session, error) {
		for _, sess := range s.sessions {
			if bytes.Equal(sess.token, token) {
				return sess.Session, nil
			}
		}
		return release.Session{}, notFound()
	})
}

func (s *Fake) TouchSession(_ context.Context, id string, seen time.Time, idle time.Duration) error {
	return s.do(func() error {
		sess, ok := s.sessions[id]
		if !ok {
			return notFound()
		}
		sess.Seen, sess.Idle = ms(seen), idle
		s.sessions[id] = sess
		return nil
	})
}

func (s *Fake) EndSession(_ context.Context, id string) error {
	return s.do(func() error {
		if _, ok := s.sessions[id]; !ok {
			return notFound()
		}
		delete(s.sessions, id)
		return nil
	})
}

func (s *Fake) Sessions(context.Context) ([]release.Session, error) {
	return read(s, func() ([]release.Session, error) {
		var all []release.Session
		for _, sess := range s.sessions {
			all = append(all, sess.Session)
		}
		return all, nil
	})
}

func (s *Fake) Job(_ context.Context, id int64) (job.Job, error) {
	return read(s, func() (job.Job, error) {
		j, ok := s.jobs[id]
		if !ok {
			return job.Job{}, notFound()
		}
		return s.filled(j), nil
	})
}

// filled is a copy with the names that a reader sees.
func (s *Fake) filled(j *job.Job) job.Job {
	c := *j
	c.Documents = slices.Clone(j.Documents)
	c.Reasons = slices.Clone(j.Reasons)
	c.OwnerName, c.QueueName, c.DeviceName = s.users[j.Owner].Login, s.queues[j.Queue].Name, s.devices[j.Device].Name
	return c
}

func (s *Fake) OwnJobs(_ context.Context, owner string, since time.Time, limit int) ([]job.Job, error) {
	return read(s, func() ([]job.Job, error) {
		var own []job.Job
		for _, j := range s.jobs {
			if j.Owner == owner && listed(j, since) {
				own = append(own, s.filled(j))
			}
		}
		slices.SortFunc(own, func(a, b job.Job) int { return cmp.Compare(b.ID, a.ID) })
		return own[:min(limit, len(own))], nil
	})
}

func listed(j *job.Job, since time.Time) bool {
	switch {
	case !j.State.Done():
		return true
	case j.State == job.Canceled || since.IsZero():
		return false
	case !j.Completed.Before(since):
		return true
	}
	return j.State == job.Completed && slices.ContainsFunc(j.Documents, func(d job.Document) bool { return d.File != "" })
}

func (s *Fake) WaitingJobs(_ context.Context, limit int) ([]job.Job, error) {
	return read(s, func() ([]job.Job, error) {
		var waiting []job.Job
		for _, j := range s.jobs {
			if j.State == job.Pending && (s.queues[j.Queue].Mode != site.Passthrough || j.Ticket.PIN != nil) {
				waiting = append(waiting, s.filled(j))
			}
		}
		slices.SortFunc(waiting, func(a, b job.Job) int {
			return cmp.Or(a.Released.Compare(b.Released), cmp.Compare(a.ID, b.ID))
		})
		return waiting[:min(limit, len(waiting))], nil
	})
}

func (s *Fake) ChangeJob(_ context.Context, id int64, g release.Guard, c job.Change, now time.Time) error {
	return s.do(func() error {
		j, ok := s.jobs[id]
		if !ok || j.State != g.State || g.Owner != "" && j.Owner != g.Owner || g.Device != "" && j.Device != g.Device ||
			!g.Released.IsZero() && !j.Released.Equal(ms(g.Released)) {
			return conflict()
		}
		s.apply(j, c, now)
		return nil
	})
}

func (s *Fake) apply(j *job.Job, c job.Change, now time.Time) {
	was := j.State
	j.State, j.Reasons, j.Message, j.Device = c.State, c.Reasons, c.Message, c.Device
	j.NotBefore, j.Attempts = ms(c.NotBefore), c.Attempts
	if !c.ExpiresAt.IsZero() {
		j.ExpiresAt = ms(c.ExpiresAt)
	}
	if c.State == job.Held {
		j.Device, j.Released, j.Options = "", time.Time{}, job.Options{}
	}
	switch {
	case was.Done() && !c.State.Done():
		j.Completed = time.Time{}
	case !was.Done() && c.State.Done():
		j.Completed = ms(now)
	}
	s.history[j.ID] = append(s.history[j.ID], c.History...)
}

func (s *Fake) KeepJob(_ context.Context, id int64, owner string, until time.Time, h job.Entry) error {
	return s.do(func() error {
		j, ok := s.jobs[id]
		if !ok || j.State != job.Held || j.Owner != owner || j.Kept {
			return conflict()
		}
		j.Kept, j.ExpiresAt = true, ms(until)
		s.history[id] = append(s.history[id], h)
		return nil
	})
}

func (s *Fake) AskCancel(_ context.Context, id int64, owner string, h job.Entry) error {
	return s.do(func() error {
		j, ok := s.jobs[id]
		if !ok || j.State != job.Processing || owner != "" && j.Owner != owner {
			return conflict()
		}
		s.canceling[id] = true
		s.history[id] = append(s.history[id], h)
		return nil
	})
}

func (s *Fake) ReleaseJobs(_ context.Context, o release.Order) (r job.Release, again bool, err error) {
	r, err = write(s, func() (job.Release, error) {
		for _, old := range s.releases {
			if o.Key != "" && old.scope == o.Scope && old.key == o.Key {
				again = true
				return copied(old.Release), nil
			}
		}
		if len(o.Items) == 0 {
			return job.Release{}, notFound()
		}
		r := o.Release
		r.At = ms(r.At)
		r.Items = nil
		for _, it := range o.Items {
			r.Items = append(r.Items, job.ReleaseItem{Job: it.Job, Status: s.move(it, r)})
		}
		s.releases = append(s.releases, recorded{copied(r), o.Scope, o.Key})
		return r, nil
	})
	return r, again, err
}

func copied(r job.Release) job.Release {
	r.Items = slices.Clone(r.Items)
	return r
}

func (s *Fake) move(it release.OrderItem, r job.Release) string {
	j, ok := s.jobs[it.Job]
	if !ok || j.State != it.From || it.Owner != "" && j.Owner != it.Owner {
		return job.StatusFailed
	}
	j.State, j.Reasons, j.Message, j.Device = job.Pending, []job.Reason{job.Queued}, "", r.Device
	j.Released, j.Options, j.NotBefore, j.Attempts, j.Completed = r.At, it.Options, time.Time{}, 0, time.Time{}
	j.ReleasedBy = it.By
	if it.Audit.Action != "" {
		s.audit = append(s.audit, Line{it.By, it.Audit.Action, it.Audit.Object, it.Audit.Detail})
	}
	s.history[j.ID] = append(s.history[j.ID], it.History...)
	return job.StatusQueued
}

func (s *Fake) ReleaseByID(_ context.Context, id string) (job.Release, error) {
	return read(s, func() (job.Release, error) {
		for _, r := range s.releases {
			if r.ID == id {
				return copied(r.Release), nil
			}
		}
		return job.Release{}, notFound()
	})
}

func (s *Fake) Throttles(_ context.Context, keys []string) ([]release.Throttle, error) {
	return read(s, func() ([]release.Throttle, error) {
		ts := make([]release.Throttle, len(keys))
		for i, key := range keys {
			ts[i] = s.throttles[key].Throttle
			ts[i].Key = key
			ts[i].Failures = slices.Clone(ts[i].Failures)
		}
		return ts, nil
	})
}

func (s *Fake) PutThrottles(_ context.Context, ts []release.Throttle) error {
	return s.do(func() error {
		for _, t := range ts {
			if s.throttles[t.Key].Version != t.Version {
				return conflict()
			}
		}
		for _, t := range ts {
			t.Version++
			t.Failures = slices.Clone(t.Failures)
			for i, f := range t.Failures {
				t.Failures[i] = ms(f)
			}
			s.throttles[t.Key] = throttle{t, s.now()}
		}
		return nil
	})
}

func (s *Fake) ForgetThrottles(_ context.Context, before time.Time) error {
	return s.do(func() error {
		for key, t := range s.throttles {
			limit := before
			if strings.HasPrefix(key, directory.ThrottleKnown) {
				limit = before.Add(-directory.KnownFor)
			}
			if t.written.Before(limit) {
				delete(s.throttles, key)
			}
		}
		return nil
	})
}

func (s *Fake) Audit(_ context.Context, actor, action, object, detail string) error {
	return s.do(func() error {
		s.audit = append(s.audit, Line{actor, action, object, detail})
		return nil
	})
}

func (s *Fake) named(folded string) (list []directory.User) {
	for _, u := range s.users {
		if folded != "" && (u.Login == folded || u.UPN == folded || u.Email == folded || slices.Contains(u.Aliases, folded)) {
			list = append(list, granted(u))
		}
	}
	return list
}

func (s *Fake) RecentSenders(_ context.Context, among int) ([]job.Sender, error) {
	return read(s, func() ([]job.Sender, error) {
		ids := slices.Sorted(maps.Keys(s.jobs))
		var list []job.Sender
		for _, id := range ids[max(0, len(ids)-among):] {
			x := job.Sender{Client: s.jobs[id].Origin.Client, Owner: s.jobs[id].Owner}
			if x.Owner != "" && x.Client.IsValid() && !slices.Contains(list, x) {
				list = append(list, x)
			}
		}
		return list, nil
	})
}

func (s *Fake) ClaimJob(_ context.Context, c job.Claim) (bool, error) {
	return write(s, func() (bool, error) {
		j, ok := s.jobs[c.Job]
		if !ok || j.State != job.Held || j.Owner != "" || j.Has(job.Incoming) {
			return false, conflict()
		}
		u, ok := s.users[c.User]
		if !ok {
			return false, notFound()
		}
		j.Owner, j.OwnerRule, j.Message = c.User, c.Rule, ""
		j.Reasons = j.HeldReasons()
		s.history[c.Job] = append(s.history[c.Job], c.History)
		others := slices.DeleteFunc(s.named(c.Alias), func(x directory.User) bool { return x.ID == c.User })
		remembered := c.Alias != "" && len(others) == 0
		if remembered && !slices.Contains(u.Aliases, c.Alias) {
			u.Aliases = append(slices.Clone(u.Aliases), c.Alias)
			s.users[c.User] = u
		}
		s.audit = append(s.audit, Line{c.History.Actor, "claim", "job " + j.UUID, c.Detail})
		return remembered, nil
	})
}

// Break makes every method return err, until it is nil.
func (s *Fake) Break(err error) { s.BreakAfter(0, err) }

// BreakAfter is Break after some more calls that work.
func (s *Fake) BreakAfter(calls int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken, s.good = err, calls
}

// Commits returns how often something was written.
func (s *Fake) Commits() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.commits
}

// AuditTrail returns what was written with that action, of "" everything.
func (s *Fake) AuditTrail(action string) []Line {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []Line
	for _, l := range s.audit {
		if action == "" || l.Action == action {
			lines = append(lines, l)
		}
	}
	return lines
}

// Canceling reports whether the job was asked to stop while being delivered.
func (s *Fake) Canceling(id int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.canceling[id]
}

// Fixture returns the ways to fill the fake.
func (s *Fake) Fixture(stranger release.Store) Fixture {
	locked := func(f func()) {
		s.mu.Lock()
		defer s.mu.Unlock()
		f()
	}
	return Fixture{
		Stranger: stranger,
		PutUser: func(_ testing.TB, u directory.User, sec directory.Secrets) {
			locked(func() { s.users[u.ID], s.secrets[u.ID] = u, sec })
		},
		PutQueue:    func(_ testing.TB, q site.Queue) { locked(func() { s.queues[q.ID] = q }) },
		PutDevice:   func(_ testing.TB, d site.Device) { locked(func() { s.devices[d.ID] = d }) },
		PutTerminal: func(_ testing.TB, t site.Terminal) { locked(func() { s.terminals[t.ID] = &terminal{Terminal: t} }) },
		PutGroup: func(_ testing.TB, id, _ string, members ...string) {
			locked(func() {
				if s.groups == nil {
					s.groups = map[string][]string{}
				}
				s.groups[id] = members
			})
		},
		AddDelegation: func(_ testing.TB, d directory.Delegation) {
			locked(func() { s.delegations = append(s.delegations, d) })
		},
		AddJob: func(_ testing.TB, j *job.Job) {
			locked(func() {
				s.lastJob++
				j.ID = s.lastJob
				c := *j
				s.jobs[j.ID] = &c
			})
		},
		Claim: func(t testing.TB, id int64) {
			locked(func() {
				if s.jobs[id].State != job.Pending {
					t.Fatalf("job %d is %v and cannot be claimed", id, s.jobs[id].State)
				}
				s.jobs[id].State = job.Processing
				s.jobs[id].Reasons = []job.Reason{job.Outgoing}
			})
		},
		Finish: func(_ testing.TB, id int64, c job.Change, at time.Time) {
			locked(func() { s.apply(s.jobs[id], c, at) })
		},
		Erase: func(_ testing.TB, id int64) {
			locked(func() {
				for i := range s.jobs[id].Documents {
					s.jobs[id].Documents[i].File = ""
				}
			})
		},
		History: func(_ testing.TB, id int64) (h []job.Entry) {
			locked(func() { h = slices.Clone(s.history[id]) })
			return h
		},
	}
}

func values[K cmp.Ordered, V any](m map[K]V) []V {
	all := make([]V, 0, len(m))
	for _, v := range m {
		all = append(all, v)
	}
	return all
}
