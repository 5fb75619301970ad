package release

import (
	"cmp"
	"context"
	"slices"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/job"
	"platen/site"
)

// A person may release documents of others who have consented to that, directly or
// as a member of a group: a secretary for a chief, a ward for its pool. They stay
// the documents of their owner, who pays for them and sees in their history who
// released them. See docs/decisions/0016-delegation.md.

// mandates are what a person may do for whom, by the owner's id.
type mandates map[string]mandate

// mandate is all that one owner lets a person do.
type mandate struct {
	owner           directory.User
	titles, deletes bool
}

// mandates returns what the person may do for others at this moment: a consent that
// was taken back a second ago does not count, nor does an owner who may do nothing.
func (s *Service) mandates(ctx context.Context, user string) (mandates, error) {
	given, err := s.Store.DelegationsTo(ctx, user)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	m := mandates{}
	for _, g := range given {
		if !g.Holds(now) || g.Owner == user {
			continue
		}
		x, known := m[g.Owner]
		if !known {
			x.owner, err = s.Store.User(ctx, g.Owner)
			if fault.Is(err, fault.NotFound) || err == nil && !x.owner.Enabled {
				continue
			}
			if err != nil {
				return nil, err
			}
		}
		x.titles, x.deletes = x.titles || g.Titles, x.deletes || g.Deletes
		m[g.Owner] = x
	}
	return m, nil
}

// byName returns the mandates in the order in which people look for somebody.
func (m mandates) byName() []mandate {
	list := make([]mandate, 0, len(m))
	for _, x := range m {
		list = append(list, x)
	}
	slices.SortFunc(list, func(a, b mandate) int {
		return cmp.Or(cmp.Compare(directory.Fold(a.owner.Name()), directory.Fold(b.owner.Name())), cmp.Compare(a.owner.ID, b.owner.ID))
	})
	return list
}

// theirs returns what waits of those whose documents the person may release, owner
// by owner, at most so many.
func (s *Service) theirs(ctx context.Context, sess Session, d *site.Device, most int) ([]JobView, error) {
	m, err := s.mandates(ctx, sess.User.ID)
	if err != nil {
		return nil, err
	}
	var views []JobView
	for _, x := range m.byName() {
		if len(views) >= most {
			break
		}
		jobs, err := s.Store.OwnJobs(ctx, x.owner.ID, time.Time{}, most-len(views))
		if err != nil {
			return nil, err
		}
		for i := range jobs {
			views = append(views, s.viewFor(&jobs[i], d, &sess.User, &x))
		}
	}
	return views, nil
}

// viewFor is what u may see of a job of somebody else, and do with it at d.
func (s *Service) viewFor(j *job.Job, d *site.Device, u *directory.User, x *mandate) JobView {
	v := s.view(j, d, u)
	v.For = x.owner.Name()
	if !x.titles {
		v.Title = ""
	}
	v.WhyNot = cmp.Or(v.WhyNot, s.ownersTerms(j, d, &x.owner).why)
	v.Releasable = v.WhyNot == ""
	v.CanCopies, v.CanSides = v.CanCopies && v.Releasable, v.CanSides && v.Releasable
	v.CanAgain, v.CanDelete = false, v.CanDelete && x.deletes
	return v
}

// ownersTerms are the rights of the owner, for somebody who releases in the owner's
// place: nobody may do more for others than they may themselves.
func (s *Service) ownersTerms(j *job.Job, d *site.Device, owner *directory.User) terms {
	t := s.termsOf(j, d, owner)
	if t.why != "" {
		t.why = "Its owner may not print it like this at this device, so you may not either."
	}
	return t
}

// termsFor joins the rights of the person and, where that is somebody else, of the
// job's owner: both must allow it, and what restricts one of them counts.
func (s *Service) termsFor(j *job.Job, d *site.Device, u *directory.User, m mandates) terms {
	t := s.termsOf(j, d, u)
	x, others := m[j.Owner]
	if !others || j.Owner == u.ID {
		return t
	}
	o := s.ownersTerms(j, d, &x.owner)
	for _, e := range o.history { // what holds for both, because of a group of both, is said once
		if !slices.ContainsFunc(t.history, func(h job.Entry) bool { return h.Text == e.Text && slices.Equal(h.Args, e.Args) }) {
			t.history = append(t.history, e)
		}
	}
	t.why, t.mono, t.duplex = cmp.Or(t.why, o.why), t.mono || o.mono, t.duplex || o.duplex
	return t
}

// inPlace says in the history of a job and in the audit trail that somebody
// releases it in its owner's place. Of the person's own jobs it says nothing.
func (m mandates) inPlace(it *OrderItem, j *job.Job, u *directory.User, d *site.Device) {
	x, others := m[j.Owner]
	if !others || j.Owner == u.ID {
		return
	}
	text := "Released at %s by %s, for %s."
	if it.From == job.Stopped || j.State == job.Stopped {
		text = "Asked to print it again at %s, although it may have printed: %s, for %s."
	}
	it.History[0].Text, it.History[0].Args = text, []any{d.Name, u.Login, x.owner.Login}
	it.By = u.Login
	it.Audit = job.Note{Action: "release-for", Object: "job " + j.UUID, Detail: "for " + x.owner.Login + " at " + d.Name}
}

// chooseAny is choose for what the person may also do with documents of others, and
// says for whom. What was printed of others is not there any longer, except for
// whoever released it.
func (s *Service) chooseAny(ctx context.Context, op string, sess Session, ids []int64) ([]job.Job, mandates, error) {
	var m mandates
	jobs, err := s.pick(ctx, op, ids, func(j *job.Job) (bool, error) {
		if j.Owner == sess.User.ID {
			return true, nil
		}
		if j.Unclaimed() || j.State.Done() && j.ReleasedBy != sess.User.Login {
			return false, nil
		}
		if m == nil {
			var err error
			if m, err = s.mandates(ctx, sess.User.ID); err != nil {
				return false, err
			}
		}
		_, ok := m[j.Owner]
		return ok, nil
	})
	return jobs, m, err
}

// ReleaseFor releases all that waits of somebody who lets the person do that, as
// ReleaseAll does with the person's own.
func (s *Service) ReleaseFor(ctx context.Context, sess Session, login string, o job.Options, pins job.PINs, key string) (job.Release, error) {
	const op = "release.ReleaseFor"
	m, err := s.mandates(ctx, sess.User.ID)
	if err != nil {
		return job.Release{}, err
	}
	for id, x := range m {
		if x.owner.Login == directory.Fold(login) {
			return s.releaseEverything(ctx, op, sess, id, m, o, pins, key)
		}
	}
	return job.Release{}, &fault.Error{Op: op, Kind: fault.Denied, Text: "You may not release documents of this person, or not any longer."}
}

// mayDelete refuses to delete documents of others where their owner does not let the
// person do that.
func (m mandates) mayDelete(op string, sess Session, jobs []job.Job) error {
	for i := range jobs {
		j := &jobs[i]
		if j.Owner != sess.User.ID && (!m[j.Owner].deletes || j.State.Done()) {
			return &fault.Error{Op: op, Kind: fault.Denied, Text: "Only its owner may delete this document. You may print it."}
		}
	}
	return nil
}

// releasedFor returns the jobs of others that the session's person has released at
// its device since it began, for the end of the session.
func (s *Service) releasedFor(ctx context.Context, sess Session, since time.Time) ([]job.Job, error) {
	m, err := s.mandates(ctx, sess.User.ID)
	if err != nil || len(m) == 0 {
		return nil, err
	}
	u, err := s.Store.User(ctx, sess.User.ID)
	if err != nil {
		return nil, missingIsNone(err)
	}
	var list []job.Job
	for id := range m {
		jobs, err := s.Store.OwnJobs(ctx, id, since, s.Limits.Jobs)
		if err != nil {
			return nil, err
		}
		for i := range jobs {
			if jobs[i].ReleasedBy == u.Login && jobs[i].Device == sess.Device && !jobs[i].Released.Before(sess.Started) {
				list = append(list, jobs[i])
			}
		}
	}
	return list, nil
}

func missingIsNone(err error) error {
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// titles returns what says the title of a job to a person: of their own, and of
// those of others who let them read it.
func (s *Service) titles(ctx context.Context, user string) func(*job.Job) string {
	var m mandates
	return func(j *job.Job) string {
		if j.Owner == user {
			return j.Ticket.Title
		}
		if m == nil {
			var err error
			if m, err = s.mandates(ctx, user); err != nil {
				s.Log.Warn("release: nobody knows whose titles may be read", "error", err)
				m = mandates{}
			}
		}
		if m[j.Owner].titles {
			return j.Ticket.Title
		}
		return ""
	}
}

// forbidden says which right keeps a job from being released at a device by that
// person, or by its owner; "" none.
func (s *Service) forbidden(ctx context.Context, j *job.Job, d *site.Device, by string) string {
	if owner, err := s.Store.User(ctx, j.Owner); err == nil {
		if why := s.termsOf(j, d, &owner).why; why != "" && by == j.Owner {
			return why
		} else if why != "" {
			return s.ownersTerms(j, d, &owner).why
		}
	}
	if by == j.Owner {
		return ""
	}
	u, err := s.Store.User(ctx, by)
	if err != nil {
		return "" // whoever broke the glass is nobody here
	}
	return s.termsOf(j, d, &u).why
}

// Asked returns the delegations that wait for the person's consent.
func (s *Service) Asked(ctx context.Context, sess Session) ([]directory.Delegation, error) {
	list, err := s.Store.DelegationsOf(ctx, sess.User.ID)
	now := s.Now()
	return slices.DeleteFunc(list, func(d directory.Delegation) bool { return !d.Consented.IsZero() || d.Over(now) }), err
}

// Answer is the person's consent to a delegation, or the refusal, which ends it.
func (s *Service) Answer(ctx context.Context, sess Session, id string, allow bool) error {
	const op = "release.Answer"
	t, err := s.Store.Terminal(ctx, sess.Terminal)
	if err != nil {
		return err
	}
	before, err := s.Store.DelegationsOf(ctx, sess.User.ID)
	if err != nil {
		return err
	}
	if allow {
		err = s.Store.Consent(ctx, id, sess.User.ID, s.Now(), "at "+t.Name, sess.User.Login)
	} else {
		err = s.Store.EndDelegation(ctx, id, sess.User.ID, sess.User.Login)
	}
	if fault.Is(err, fault.NotFound) {
		return &fault.Error{Op: op, Kind: fault.NotFound, Text: "Nobody asks for that any longer.", Err: err}
	}
	if err != nil {
		return err
	}
	i := slices.IndexFunc(before, func(d directory.Delegation) bool { return d.ID == id })
	if i >= 0 && s.Agreed != nil && (allow || !before[i].Consented.IsZero()) { // a refusal changes nothing
		s.Agreed(before[i], allow)
	}
	s.alive(ctx, sess, s.Limits.Idle)
	return nil
}
