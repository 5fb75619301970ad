package release

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/job"
	"platen/site"
)

// Release lets the person's jobs with these numbers, and those of others who
// consented to that, print at the session's device. Those that cannot are in the result with the reason; when none can,
// that is the error. The same key in the same session is the same release,
// however often it is asked for. Of jobs that have a PIN, every one must come
// with its own, else none is released.
func (s *Service) Release(ctx context.Context, sess Session, ids []int64, o job.Options, pins job.PINs, key string) (job.Release, error) {
	const op = "release.Release"
	jobs, m, err := s.chooseAny(ctx, op, sess, ids)
	if err != nil {
		return job.Release{}, err
	}
	r, err := s.releaseJobs(ctx, op, sess, jobs, m, job.Held, o, pins, key)
	for i := range jobs { // the same key with other jobs is a mistake, not a second press
		if err == nil && !slices.ContainsFunc(r.Items, func(it job.ReleaseItem) bool { return it.Job == jobs[i].ID }) {
			return job.Release{}, &fault.Error{Op: op, Kind: fault.Conflict, Text: "This key was used to release other documents. Nothing was released now."}
		}
	}
	return r, err
}

// ReleaseAll releases all of the person's own that can be released here now. Jobs with a PIN that did
// not come along stay, and are counted in Release.Left.
func (s *Service) ReleaseAll(ctx context.Context, sess Session, o job.Options, pins job.PINs, key string) (job.Release, error) {
	return s.releaseEverything(ctx, "release.ReleaseAll", sess, sess.User.ID, nil, o, pins, key)
}

// releaseEverything releases all of one owner that can be released here now.
func (s *Service) releaseEverything(ctx context.Context, op string, sess Session, owner string, m mandates, o job.Options, pins job.PINs, key string) (job.Release, error) {
	own, err := s.Store.OwnJobs(ctx, owner, time.Time{}, s.Limits.Jobs)
	if err != nil {
		return job.Release{}, err
	}
	left := 0
	own = slices.DeleteFunc(own, func(j job.Job) bool {
		if notNow(&j) != "" {
			return true
		}
		stays := j.Ticket.PIN != nil && pins[j.ID] == ""
		if stays {
			left++
		}
		return stays
	})
	r, err := s.releaseJobs(ctx, op, sess, own, m, job.Held, o, pins, key)
	if left > 0 && len(own) == 0 && fault.Is(err, fault.NotFound) {
		return job.Release{}, refused(op, directory.ReasonNeedPIN, "Nothing was printed: what waits here needs its PIN. Please choose a document and type its PIN.")
	}
	r.Left = left
	return r, err
}

// PrintAgain prints once more a document that was kept after printing.
func (s *Service) PrintAgain(ctx context.Context, sess Session, id int64, o job.Options, pins job.PINs, key string) (job.Release, error) {
	const op = "release.PrintAgain"
	jobs, err := s.choose(ctx, op, sess, []int64{id})
	if err != nil {
		return job.Release{}, err
	}
	return s.releaseJobs(ctx, op, sess, jobs, nil, job.Completed, o, pins, key)
}

// Resolve ends the uncertainty about a job that may have printed: its person
// has looked. Either it is printed again at the session's device, or it did
// print and is completed. Of the latter there is no release to look at, and it
// needs no PIN: no paper comes of it.
func (s *Service) Resolve(ctx context.Context, sess Session, id int64, again bool, pins job.PINs, key string) (job.Release, error) {
	const op = "release.Resolve"
	jobs, m, err := s.chooseAny(ctx, op, sess, []int64{id})
	if err != nil {
		return job.Release{}, err
	}
	if again {
		return s.releaseJobs(ctx, op, sess, jobs, m, job.Stopped, job.Options{}, pins, key)
	}
	return job.Release{}, s.attest(ctx, op, sess, jobs[0])
}

// attest completes an uncertain job on the person's word. The ledger has had the
// row of that send since it ended.
func (s *Service) attest(ctx context.Context, op string, sess Session, j job.Job) error {
	queues, err := s.queues(ctx)
	if err != nil {
		return err
	}
	now := s.Now()
	q := queues[j.Queue]
	c := job.Change{
		State: job.Completed, Reasons: []job.Reason{job.CompletedWithErrors}, Device: j.Device,
		Message: "Its owner said that it had printed.", ExpiresAt: now.Add(q.Keep()),
		History: []job.Entry{{At: now, Actor: sess.User.Login, Text: "Looked at the device and said that it had printed."}},
	}
	if j.Owner != sess.User.ID {
		c.Message = "Whoever released it for its owner said that it had printed."
	}
	if q.Keep() > 0 {
		c.Reasons = append(c.Reasons, job.JobStored)
	}
	err = s.Store.ChangeJob(ctx, j.ID, Guard{State: job.Stopped, Owner: j.Owner}, c, now)
	if fault.Is(err, fault.Conflict) {
		return &fault.Error{Op: op, Kind: fault.Conflict, Text: "Somebody has already answered that.", Err: err}
	}
	if err != nil {
		return err
	}
	s.erased()
	s.alive(ctx, sess, s.Limits.Idle)
	return nil
}

// releaseJobs releases jobs that are in state from: those of the session's person,
// and of others by these mandates.
func (s *Service) releaseJobs(ctx context.Context, op string, sess Session, jobs []job.Job, m mandates, from job.State, o job.Options, pins job.PINs, key string) (job.Release, error) {
	d, err := s.Store.Device(ctx, sess.Device)
	if err != nil {
		return job.Release{}, err
	}
	if why := notHere(&d, &sess.User); why != "" {
		return job.Release{}, &fault.Error{Op: op, Kind: fault.Denied, Text: why}
	}
	now := s.Now()
	ord := Order{Scope: sess.ID, Key: key, Release: job.Release{
		ID: job.NewUUID(), Device: d.ID, User: sess.User.ID, Session: sess.ID, At: now,
	}}
	for i := range jobs {
		if err := s.mayChange(op, &jobs[i], &d, o); err != nil {
			return job.Release{}, err
		}
		asked := jobs[i]
		asked.Options.Copies = cmp.Or(o.Copies, asked.Options.Copies)
		t := s.termsFor(&asked, &d, &sess.User, m)
		if t.why != "" && len(jobs) == 1 {
			return job.Release{}, &fault.Error{Op: op, Kind: fault.Denied, Text: t.why}
		}
		it := OrderItem{Job: jobs[i].ID, From: from, Owner: jobs[i].Owner, Options: t.onto(o)}
		if !ready(&jobs[i], from, now) || t.why != "" || s.cannot(&jobs[i], &d) != "" {
			it.From = 0
		}
		it.History = append(story(sess.User.Login, from, &d, o, now), t.history...)
		m.inPlace(&it, &jobs[i], &sess.User, &d)
		if jobs[i].Ticket.PIN != nil {
			it.History = append(it.History, job.Entry{At: now, Actor: sess.User.Login, Text: "Its PIN was given."})
		}
		ord.Items = append(ord.Items, it)
	}
	if err := s.unlock(ctx, op, sess, jobs, pins); err != nil {
		return job.Release{}, err
	}
	r, err := s.order(ctx, op, ord)
	if err == nil {
		s.alive(ctx, sess, s.Limits.AfterRelease)
	}
	return r, err
}

// ready reports whether nothing but somebody faster keeps a job from leaving
// the state. One that is in another state by now is left to the store.
func ready(j *job.Job, from job.State, now time.Time) bool {
	switch {
	case j.State != from:
		return true
	case from == job.Held:
		return notNow(j) == ""
	case from == job.Completed:
		return kept(j, now)
	}
	return whole(j)
}

// story is what the history of a job says about its release.
func story(actor string, from job.State, d *site.Device, o job.Options, now time.Time) []job.Entry {
	text := "Released at %s."
	switch from {
	case job.Completed:
		text = "Asked to print the kept document again at %s."
	case job.Stopped:
		text = "Asked to print it again at %s, although it may have printed."
	}
	h := []job.Entry{{At: now, Actor: actor, Text: text, Args: []any{d.Name}}}
	if o.Copies > 0 {
		h = append(h, job.Entry{At: now, Actor: actor, Text: "Set the copies to %d.", Args: []any{o.Copies}})
	}
	if o.Sides != "" {
		h = append(h, job.Entry{At: now, Actor: actor, Text: "Set the sides to %s.", Args: []any{o.Sides}})
	}
	return h
}

// mayChange refuses options that make no sense, or that this job at this device
// cannot have.
func (s *Service) mayChange(op string, j *job.Job, d *site.Device, o job.Options) error {
	if o == (job.Options{}) {
		return nil
	}
	if o.Copies < 0 || o.Copies > s.Limits.MaxCopies {
		return &fault.Error{Op: op, Kind: fault.Invalid, Text: "Please choose between 1 and %d copies.", Args: []any{s.Limits.MaxCopies}}
	}
	if o.Sides != "" && o.Sides != "one-sided" && o.Sides != "two-sided-long-edge" && o.Sides != "two-sided-short-edge" {
		return &fault.Error{Op: op, Kind: fault.Invalid, Text: "Please choose one side or both sides of the paper."}
	}
	var copies, sides bool
	if s.Allows != nil {
		copies, sides = s.Allows(*j, *d)
	}
	if o.Copies != 0 && !copies {
		return &fault.Error{Op: op, Kind: fault.Invalid, Text: "The copies of this document cannot be changed here. Please release it as it is."}
	}
	if o.Sides != "" && !sides {
		return &fault.Error{Op: op, Kind: fault.Invalid, Text: "The sides of this document cannot be changed here. Please release it as it is."}
	}
	return nil
}

// order has the store move the jobs, wakes the device, and says how each job
// stands now.
func (s *Service) order(ctx context.Context, op string, o Order) (job.Release, error) {
	r, again, err := s.Store.ReleaseJobs(ctx, o)
	if fault.Is(err, fault.NotFound) && len(o.Items) == 0 {
		return job.Release{}, &fault.Error{Op: op, Kind: fault.NotFound, Text: "There is nothing to print here now."}
	}
	if err != nil {
		return job.Release{}, err
	}
	moved := slices.ContainsFunc(r.Items, func(it job.ReleaseItem) bool { return it.Status == job.StatusQueued })
	if moved {
		s.wake(r.Device)
		if !again {
			s.Log.Info("release: jobs released", "release", r.ID, "device", r.Device, "jobs", len(r.Items))
		}
	}
	if moved && !again && !slices.ContainsFunc(r.Items, func(it job.ReleaseItem) bool { return it.Status != job.StatusQueued }) {
		return r, nil // that is how they stand
	}
	r, err = s.standing(ctx, r)
	if err != nil || moved {
		return r, err
	}
	for _, it := range r.Items {
		if it.Status == job.StatusFailed {
			return r, &fault.Error{Op: op, Kind: fault.Conflict, Text: it.Reason}
		}
	}
	return r, nil // all of them were on their way to this device already
}

// ReleaseStatus says how each job of one of the person's releases stands now.
func (s *Service) ReleaseStatus(ctx context.Context, sess Session, id string) (job.Release, error) {
	r, err := s.Store.ReleaseByID(ctx, id)
	if fault.Is(err, fault.NotFound) || err == nil && r.User != sess.User.ID {
		return job.Release{}, unknownRelease()
	}
	if err != nil {
		return job.Release{}, err
	}
	return s.standing(ctx, r)
}

// ReleaseAt is ReleaseStatus for a terminal, whose session may have ended: it
// may look at what was released at its device.
func (s *Service) ReleaseAt(ctx context.Context, t site.Terminal, id string) (job.Release, error) {
	r, err := s.Store.ReleaseByID(ctx, id)
	if fault.Is(err, fault.NotFound) || err == nil && r.Device != t.Device {
		return job.Release{}, unknownRelease()
	}
	if err != nil {
		return job.Release{}, err
	}
	return s.standing(ctx, r)
}

func unknownRelease() error {
	return &fault.Error{Op: "release.ReleaseStatus", Kind: fault.NotFound, Text: "This release is not known here."}
}

// standing replaces what was recorded at the release by what is so now.
func (s *Service) standing(ctx context.Context, r job.Release) (job.Release, error) {
	items, title := make([]job.ReleaseItem, len(r.Items)), s.titles(ctx, r.User)
	for i, it := range r.Items {
		j, err := s.Store.Job(ctx, it.Job)
		switch {
		case fault.Is(err, fault.NotFound):
			items[i] = job.ReleaseItem{Job: it.Job, Status: job.StatusCanceled, Reason: "It is not known here any longer."}
		case err != nil:
			return job.Release{}, err
		case it.Status == job.StatusFailed && (!underWay(&j) || j.Device != r.Device):
			items[i] = job.ReleaseItem{Job: it.Job, Status: job.StatusFailed, Reason: s.lost(ctx, &j, r)}
		default:
			items[i] = job.ReleaseItem{Job: it.Job, Status: statusOf(&j), Reason: reason(&j)}
		}
		if err == nil {
			items[i].Title = title(&j)
		}
	}
	r.Items = items
	return r, nil
}

// underWay reports whether a job is released and not at its end.
func underWay(j *job.Job) bool { return j.State == job.Pending || j.State == job.Processing }

// lost says why a job did not come along in a release.
func (s *Service) lost(ctx context.Context, j *job.Job, r job.Release) string {
	now := s.Now()
	switch {
	case j.State == job.Held && notNow(j) == "":
		if d, err := s.Store.Device(ctx, r.Device); err == nil {
			if why := cmp.Or(s.cannot(j, &d), s.forbidden(ctx, j, &d, r.User)); why != "" {
				return why
			}
		}
		return "It could not be released just now. Please try again."
	case underWay(j):
		return "It was released somewhere else a moment ago."
	case j.State == job.Canceled:
		return "It was deleted."
	case j.State == job.Completed && !kept(j, now):
		return "It has printed, and its document is not kept any longer."
	case j.State == job.Completed:
		return "It has printed already."
	}
	return notNow(j)
}

// reason is the sentence beside the status of a job that came along.
func reason(j *job.Job) string {
	if j.State == job.Held {
		return "The device had not begun it, so it is held again."
	}
	return j.Message
}

// Delete removes the person's jobs with these numbers, wherever they stand. One
// that is being delivered is stopped at the next safe boundary.
func (s *Service) Delete(ctx context.Context, sess Session, ids []int64) error {
	const op = "release.Delete"
	jobs, m, err := s.chooseAny(ctx, op, sess, ids)
	if err == nil {
		err = m.mayDelete(op, sess, jobs)
	}
	if err != nil {
		return err
	}
	d, err := s.Store.Device(ctx, sess.Device)
	if err != nil {
		return err
	}
	h := job.Entry{At: s.Now(), Actor: sess.User.Login, Text: "Deleted at %s.", Args: []any{d.Name}}
	for i := range jobs {
		if err := s.remove(ctx, op, jobs[i].Owner, jobs[i], h); err != nil {
			return err
		}
	}
	s.erased()
	s.alive(ctx, sess, s.Limits.Idle)
	return nil
}

// remove tries again when the job moved on meanwhile, from waiting to being
// delivered for example. It can move only so often.
func (s *Service) remove(ctx context.Context, op, owner string, j job.Job, h job.Entry) error {
	for range tries {
		err := s.removeFrom(ctx, owner, &j, h)
		if !fault.Is(err, fault.Conflict) {
			return err
		}
		if j, err = s.Store.Job(ctx, j.ID); fault.Is(err, fault.NotFound) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return &fault.Error{Op: op, Kind: fault.Conflict, Text: "This document is being worked on. Please try again."}
}

func (s *Service) removeFrom(ctx context.Context, owner string, j *job.Job, h job.Entry) error {
	now := s.Now()
	g := Guard{State: j.State, Owner: owner}
	c := job.Change{
		State: job.Canceled, Reasons: []job.Reason{job.CanceledByUser}, Device: j.Device, History: []job.Entry{h},
	}
	switch {
	case j.State == job.Processing:
		err := s.Store.AskCancel(ctx, j.ID, owner, h)
		if err == nil && s.Cancel != nil {
			s.Cancel(j.ID)
		}
		return err
	case j.State == job.Completed && whole(j): // it did print; only its document goes
		c.State, c.Message, c.Attempts, c.ExpiresAt = j.State, j.Message, j.Attempts, now
		c.Reasons = slices.DeleteFunc(slices.Clone(j.Reasons), func(r job.Reason) bool { return r == job.JobStored })
	case j.State.Done():
		return nil
	}
	return s.Store.ChangeJob(ctx, j.ID, g, c, now)
}

// Keep lets held jobs of the person expire one hold time later than they would,
// which is possible once for each.
func (s *Service) Keep(ctx context.Context, sess Session, ids []int64) error {
	const op = "release.Keep"
	jobs, _, err := s.chooseAny(ctx, op, sess, ids)
	if err != nil {
		return err
	}
	queues, err := s.queues(ctx)
	if err != nil {
		return err
	}
	for i := range jobs {
		if err := s.keep(ctx, op, sess, &jobs[i], queues[jobs[i].Queue]); err != nil {
			return err
		}
	}
	s.alive(ctx, sess, s.Limits.Idle)
	return nil
}

func (s *Service) keep(ctx context.Context, op string, sess Session, j *job.Job, q site.Queue) error {
	more := cmp.Or(q.HoldFor, site.DefaultHoldFor)
	until := j.ExpiresAt.Add(more)
	if j.ExpiresAt.IsZero() {
		until = s.Now().Add(more)
	}
	h := job.Entry{At: s.Now(), Actor: sess.User.Login, Text: "Extended the time it is held by %d hours.", Args: []any{int(more / time.Hour)}}
	err := s.Store.KeepJob(ctx, j.ID, j.Owner, until, h)
	if fault.Is(err, fault.Conflict) {
		return &fault.Error{Op: op, Kind: fault.Conflict, Text: "Only a held document can be kept longer, and only once.", Err: err}
	}
	return err
}

// BreakGlass releases a held job of whoever it is, unclaimed ones too, at a
// device, for somebody who may do so. The reason is written to the job's
// history and to the audit trail.
//
// It needs no PIN. Only whoever printed a document knows its PIN, so that asking
// for it would leave nobody to get an urgent paper of somebody who is not there,
// or of somebody who forgot it; and whoever has this right, or is administrator,
// was trusted with the papers of others in the first place. But both places say
// that there was a PIN and that it was not given, so that its owner can see it.
func (s *Service) BreakGlass(ctx context.Context, by Actor, device string, id int64, reason, key string) (job.Release, error) {
	const op = "release.BreakGlass"
	reason = strings.TrimSpace(clip(reason, 400))
	if reason == "" {
		return job.Release{}, &fault.Error{Op: op, Kind: fault.Invalid, Text: "Please say why. The reason is kept in the history of the document."}
	}
	if err := s.mayBreakGlass(ctx, op, by); err != nil {
		return job.Release{}, err
	}
	d, err := s.Store.Device(ctx, device)
	if err != nil {
		return job.Release{}, err
	}
	j, err := s.Store.Job(ctx, id)
	if err != nil {
		return job.Release{}, err
	}
	if !d.Enabled {
		return job.Release{}, &fault.Error{Op: op, Kind: fault.Conflict, Text: "This device is out of service. Please use another one."}
	}
	now := s.Now()
	e := job.Entry{At: now, Actor: by.Name, Text: "Released at %s without its owner, for this reason: %s", Args: []any{d.Name, reason}}
	detail := reason
	if j.Ticket.PIN != nil {
		e = job.Entry{At: now, Actor: by.Name, Text: "Released at %s without its owner and without its PIN, for this reason: %s", Args: []any{d.Name, reason}}
		detail = "without its PIN: " + reason
	}
	if err := s.Store.Audit(ctx, by.Name, "break-glass", "job "+j.UUID+" device "+d.Name, detail); err != nil {
		return job.Release{}, err
	}
	it := OrderItem{Job: id, From: job.Held, History: []job.Entry{e}, By: by.Name}
	if !ready(&j, job.Held, now) {
		it.From = 0
	}
	r, err := s.order(ctx, op, Order{Scope: "glass/" + by.Name, Key: key, Items: []OrderItem{it}, Release: job.Release{
		ID: job.NewUUID(), Device: d.ID, User: cmp.Or(by.User, by.Name), At: now,
	}})
	if err != nil { // the trail must not say that paper came out
		err = errors.Join(err, s.Store.Audit(ctx, by.Name, "break-glass-refused", "job "+j.UUID+" device "+d.Name, fault.Text(err)))
	}
	return r, err
}

// Desk is the Service as a terminal uses it: whoever breaks glass there is the
// person signed in, and the device is the terminal's.
type Desk struct{ *Service }

// BreakGlass releases somebody else's held job at the session's device.
func (d Desk) BreakGlass(ctx context.Context, sess Session, id int64, reason, key string) (job.Release, error) {
	r, err := d.Service.BreakGlass(ctx, ActorOf(sess), sess.Device, id, reason, key)
	if err == nil {
		d.alive(ctx, sess, d.Limits.AfterRelease)
	}
	return r, err
}

// mayBreakGlass reads the rights again: they may have been taken away.
func (s *Service) mayBreakGlass(ctx context.Context, op string, by Actor) error {
	if by.Administrator {
		return nil
	}
	u, err := s.Store.User(ctx, by.User)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	return may(op, &u, directory.BreakGlass)
}

// choose returns the person's own jobs with these numbers, each once. One
// number that is not the person's spoils the whole choice.
func (s *Service) choose(ctx context.Context, op string, sess Session, ids []int64) ([]job.Job, error) {
	return s.pick(ctx, op, ids, func(j *job.Job) (bool, error) { return j.Owner == sess.User.ID, nil })
}

// pick returns the jobs with these numbers, each once, if the person may have every
// one of them.
func (s *Service) pick(ctx context.Context, op string, ids []int64, mayHave func(*job.Job) (bool, error)) ([]job.Job, error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	if len(ids) == 0 {
		return nil, &fault.Error{Op: op, Kind: fault.Invalid, Text: "Please choose a document first."}
	}
	if len(ids) > s.Limits.Jobs {
		return nil, &fault.Error{Op: op, Kind: fault.TooLarge, Text: "Please choose at most %d documents.", Args: []any{s.Limits.Jobs}}
	}
	jobs := make([]job.Job, len(ids))
	for i, id := range ids {
		j, err := s.Store.Job(ctx, id)
		may := false
		if err == nil {
			may, err = mayHave(&j)
		}
		if fault.Is(err, fault.NotFound) || err == nil && !may {
			return nil, missing(op)
		}
		if err != nil {
			return nil, err
		}
		jobs[i] = j
	}
	return jobs, nil
}

// alive notes that the person acted. What was done stays done when that fails.
func (s *Service) alive(ctx context.Context, sess Session, idle time.Duration) {
	if _, err := s.touch(ctx, sess, idle); err != nil && !fault.Is(err, fault.Denied) {
		s.Log.Warn("release: the session was not prolonged", "session", sess.ID, "error", err)
	}
}

func (s *Service) erased() {
	if s.Erased != nil {
		s.Erased()
	}
}
