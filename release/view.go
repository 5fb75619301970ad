package release

import (
	"cmp"
	"context"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/job"
	"platen/site"
)

// Jobs returns the person's own jobs as they stand at the session's device,
// newest first: those held, those on their way, those that may have printed,
// and what printed lately or is kept to print again. Then come those of others that
// the person may release, owner by owner, as long as they are not done.
func (s *Service) Jobs(ctx context.Context, sess Session) ([]JobView, error) {
	d, err := s.Store.Device(ctx, sess.Device)
	if err != nil {
		return nil, err
	}
	own, err := s.own(ctx, sess)
	if err != nil {
		return nil, err
	}
	views := make([]JobView, len(own))
	for i := range own {
		views[i] = s.view(&own[i], &d, &sess.User)
	}
	theirs, err := s.theirs(ctx, sess, &d, s.Limits.Jobs)
	return append(views, theirs...), err
}

// Others returns what somebody with the right to break glass may choose from:
// the held jobs of the user with that login, of "" the unclaimed ones, without
// their titles.
func (s *Service) Others(ctx context.Context, sess Session, login string) ([]JobView, error) {
	const op = "release.Others"
	if err := may(op, &sess.User, directory.BreakGlass); err != nil {
		return nil, err
	}
	owner := directory.User{}
	if login = directory.Fold(login); login != "" {
		var err error
		if owner, err = s.Store.UserByLogin(ctx, login); fault.Is(err, fault.NotFound) {
			return []JobView{}, nil
		} else if err != nil {
			return nil, err
		}
	}
	jobs, err := s.Store.OwnJobs(ctx, owner.ID, time.Time{}, s.Limits.Jobs)
	if err != nil {
		return nil, err
	}
	views := []JobView{}
	for i := range jobs {
		if jobs[i].State == job.Held && !jobs[i].Has(job.Incoming) {
			v := describe(&jobs[i])
			v.Title = ""
			views = append(views, v)
		}
	}
	return views, nil
}

func (s *Service) own(ctx context.Context, sess Session) ([]job.Job, error) {
	return s.Store.OwnJobs(ctx, sess.User.ID, s.Now().Add(-s.Limits.Listed), s.Limits.Jobs)
}

// view is what the owner u may see of j, and do with it at d.
func (s *Service) view(j *job.Job, d *site.Device, u *directory.User) JobView {
	now := s.Now()
	v := describe(j)
	v.WhyNot = cmp.Or(whyNot(j, d, u), s.WhyNot(j, d, u))
	v.Releasable = v.WhyNot == ""
	v.CanKeep = j.State == job.Held && !j.Kept && !j.Has(job.Incoming)
	v.CanResolve = j.State == job.Stopped
	v.CanAgain = kept(j, now) && s.WhyNot(j, d, u) == ""
	v.CanDelete = !j.State.Done() || kept(j, now)
	if s.Allows != nil && (v.Releasable || v.CanAgain) {
		v.CanCopies, v.CanSides = s.Allows(*j, *d)
	}
	return v
}

// WhyNot says what keeps the owner u from having a job printed at d, in one sentence,
// "" when nothing does. How the job stands at the moment it does not ask.
func (s *Service) WhyNot(j *job.Job, d *site.Device, u *directory.User) string {
	return cmp.Or(notHere(d, u), s.termsOf(j, d, u).why, s.cannot(j, d))
}

// whyNot says why a job cannot be released at d, "" when it can.
func whyNot(j *job.Job, d *site.Device, u *directory.User) string {
	if why := notHere(d, u); why != "" {
		return why
	}
	return notNow(j)
}

// cannot says why this device cannot print this job, "" when it can.
func (s *Service) cannot(j *job.Job, d *site.Device) string {
	if s.Prints == nil {
		return ""
	}
	return s.Prints(*j, *d)
}

// notHere is what is in the way of every job.
func notHere(d *site.Device, u *directory.User) string {
	switch {
	case !u.MaySomewhere(directory.Release):
		return "You do not have the right to release documents. Please ask the help desk."
	case !d.Enabled:
		return "This device is out of service. Please use another one."
	}
	return ""
}

// notNow is what is in the way of this job, at whatever device.
func notNow(j *job.Job) string {
	switch {
	case underWay(j):
		return "It is on its way to a device already."
	case j.State == job.Stopped:
		return "It may have printed. Please look, and then say whether to print it again."
	case j.State == job.Aborted:
		return "It could not be printed. Please print it again from your computer."
	case j.State != job.Held:
		return "It is done."
	case j.Has(job.Incoming):
		return "It is still arriving. Please wait a moment."
	case !whole(j):
		return "Its document is not there any longer. Please print it again from your computer."
	}
	return ""
}

// whole reports whether every document of the job is still in the spool.
func whole(j *job.Job) bool {
	for i := range j.Documents {
		if j.Documents[i].File == "" {
			return false
		}
	}
	return len(j.Documents) > 0
}

// kept reports whether a printed job can be printed again.
func kept(j *job.Job, now time.Time) bool {
	return j.State == job.Completed && whole(j) && j.ExpiresAt.After(now)
}

// describe says of a job what does not depend on who asks.
func describe(j *job.Job) JobView {
	v := JobView{
		ID: j.ID, UUID: j.UUID, Title: j.Ticket.Title, Owner: j.OwnerName, Queue: j.QueueName,
		Status: statusOf(j), Text: j.Message, Device: j.DeviceName,
		Copies: copies(j), Colour: colour(j), Sides: sides(j),
		Size: j.Octets, Submitted: j.Created, Expires: j.ExpiresAt, SameAs: j.Seen, NeedsPIN: j.Ticket.PIN != nil,
	}
	if !j.Released.IsZero() {
		v.By = j.ReleasedBy
	}
	v.Pages, v.Estimated = pages(j)
	if v.Sides != nil {
		duplex := *v.Sides != "one-sided"
		v.Duplex = &duplex
	}
	return v
}

// statusOf says in the words of ReleaseItem how a job stands.
func statusOf(j *job.Job) string {
	switch j.State {
	case job.Held:
		return job.StatusHeld
	case job.Pending:
		return job.StatusQueued
	case job.Processing:
		return job.StatusSending
	case job.Stopped:
		return job.StatusUncertain
	case job.Canceled:
		return job.StatusCanceled
	case job.Completed:
		if j.Has(job.CompletedWithWarnings) {
			return job.StatusNotConfirmed
		}
		return job.StatusPrinted
	}
	return job.StatusFailed
}

// pages adds up the documents; one that nobody counted makes the sum unknown.
func pages(j *job.Job) (sum *int, estimated bool) {
	n := 0
	for _, d := range j.Documents {
		if d.Count.Pages < 0 || d.Count.Method == "" {
			return nil, false
		}
		n += d.Count.Pages
		estimated = estimated || d.Count.Confidence != "high"
	}
	if len(j.Documents) == 0 {
		return nil, false
	}
	return &n, estimated
}

// copies is what was chosen, else what the client asked for, else how often a
// language that cannot ask for copies itself is sent.
func copies(j *job.Job) *int {
	n := cmp.Or(j.Options.Copies, j.Ticket.Copies, sent(j.Documents))
	if n == 0 {
		return nil
	}
	return &n
}

// sent returns how often each document is sent, 0 when that differs or when
// the documents may ask for copies themselves.
func sent(docs []job.Document) int {
	n := 0
	for _, d := range docs {
		if d.Language != "pdf" || n != 0 && d.Copies != n {
			return 0
		}
		n = d.Copies
	}
	return n
}

// colour is true when one document has colour, false when all are known to
// have none.
func colour(j *job.Job) *bool {
	mono := len(j.Documents) > 0
	for _, d := range j.Documents {
		if d.Count.Colour == "color" {
			yes := true
			return &yes
		}
		mono = mono && d.Count.Colour == "monochrome"
	}
	if !mono {
		return nil
	}
	no := false
	return &no
}

// sides is what was chosen, else what the client asked for, else what all
// documents say.
func sides(j *job.Job) *string {
	s := cmp.Or(j.Options.Sides, j.Ticket.Sides)
	if s == "" && len(j.Documents) > 0 {
		s = j.Documents[0].Count.Sides
		for _, d := range j.Documents {
			if d.Count.Sides != s {
				return nil
			}
		}
	}
	if s == "" {
		return nil
	}
	return &s
}
