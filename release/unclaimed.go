package release

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/job"
	"platen/site"
)

// A job that no rule could name an owner for is shown at a terminal where its
// queue says so, to a person for whom something speaks: it came from a computer
// from which that person has printed, or its name is like that person's. Nobody
// sees its title before it is claimed, a claim is counted, and the audit trail
// tells of it. See docs/decisions/0014-owner-rules.md.

// claimRule is how many documents a person may claim: nobody shall go through
// what others have printed.
var claimRule = rule{free: 5, hourly: 5}

const (
	// among is how many of the newest jobs say which computer is whose.
	among = 2000
	// sharers is how many other people may have printed from a computer before it
	// says nothing about who prints there.
	sharers = 2
	// looked is how many of the newest unclaimed jobs are looked at.
	looked = 500
	// mostFound bounds what a person is asked about at once.
	mostFound = 50
)

// What speaks for an owner, and against it.
const (
	fitsName     = "Its name is one of yours."
	fitsShared   = "Its name is one of yours, but others have it too."
	fitsComputer = "It came from a computer that you have printed from."
	fitsSimilar  = "Its name is like yours."
	warnLooks    = "Some letters of this name only look like those of yours. Please be sure before you claim it."
)

// Unclaimed returns the unclaimed jobs that may be the person's, newest first.
func (s *Service) Unclaimed(ctx context.Context, sess Session) ([]job.Found, error) {
	found, _, err := s.unclaimed(ctx, sess)
	return found, err
}

// unclaimed returns what Unclaimed does, and the jobs behind it.
func (s *Service) unclaimed(ctx context.Context, sess Session) ([]job.Found, []job.Job, error) {
	queues, err := s.queues(ctx)
	if err != nil || !anyAsks(queues) || !sess.User.MaySomewhere(directory.Release) {
		return nil, nil, err
	}
	jobs, err := s.Store.OwnJobs(ctx, "", time.Time{}, looked)
	if err != nil {
		return nil, nil, err
	}
	jobs = slices.DeleteFunc(jobs, func(j job.Job) bool {
		q := queues[j.Queue]
		return j.State != job.Held || j.Has(job.Incoming) || !whole(&j) || !q.Asks()
	})
	if len(jobs) == 0 {
		return nil, nil, nil
	}
	who, err := s.asked(ctx, &sess.User)
	if err != nil {
		return nil, nil, err
	}
	var found []job.Found
	var behind []job.Job
	for i := range jobs {
		q := queues[jobs[i].Queue]
		f, ok, err := who.found(ctx, &jobs[i], &q)
		if err != nil {
			return nil, nil, err
		}
		if ok && len(found) < mostFound {
			found, behind = append(found, f), append(behind, jobs[i])
		}
	}
	return found, behind, nil
}

func anyAsks(queues map[string]site.Queue) bool {
	for _, q := range queues {
		if q.Asks() {
			return true
		}
	}
	return false
}

// asked is a person who is asked, with what is known of that person's computers.
type asked struct {
	s        *Service
	u        *directory.User
	settings site.Settings
	own      map[netip.Addr]bool
	others   map[netip.Addr]int
}

func (s *Service) asked(ctx context.Context, u *directory.User) (*asked, error) {
	set, err := s.Store.Settings(ctx)
	if err != nil {
		return nil, err
	}
	senders, err := s.Store.RecentSenders(ctx, among)
	if err != nil {
		return nil, err
	}
	a := &asked{s: s, u: u, settings: set, own: map[netip.Addr]bool{}, others: map[netip.Addr]int{}}
	for _, x := range senders {
		if x.Owner == u.ID {
			a.own[x.Client.Unmap()] = true
		} else {
			a.others[x.Client.Unmap()]++
		}
	}
	return a, nil
}

// found says what a job looks like to the person, and whether anything speaks
// for it being theirs.
func (a *asked) found(ctx context.Context, j *job.Job, q *site.Queue) (job.Found, bool, error) {
	mine, others, free, err := a.named(ctx, j.Ticket.Claimed)
	if err != nil || others && !mine {
		return job.Found{}, false, err
	}
	f := job.Found{View: describe(j), Claimed: j.Ticket.Claimed, Computer: j.Ticket.Host}
	f.Title, f.Text = "", ""
	client := j.Origin.Client.Unmap()
	if client.IsValid() {
		f.Address = client.String()
	}
	if f.Computer == f.Address {
		f.Computer = ""
	}
	similar, warn := false, false
	if q.Owner.Similar {
		similar, warn = directory.Similar(a.u, j.Ticket.Claimed)
	}
	switch {
	case mine && others:
		f.Fits = fitsShared
	case mine:
		f.Fits = fitsName
	case client.IsValid() && a.own[client] && a.others[client] <= sharers:
		f.Fits = fitsComputer
	case similar:
		f.Fits = fitsSimilar
	}
	if warn {
		f.Warning = warnLooks
	}
	f.Remember = free && !others && q.Owner.Remember && a.settings.AliasesEnabled && !q.Owner.NoAliases && !directory.Generic(j.Ticket.Claimed) && !ofHost(j)
	return f, f.Fits != "", nil
}

// named reports who is called what a job claims, with or without its domain.
// free says that nobody has the whole name.
func (a *asked) named(ctx context.Context, claimed string) (mine, others, free bool, err error) {
	for i, form := range directory.Forms(claimed) {
		people, err := a.s.Store.UsersByName(ctx, form)
		if err != nil {
			return false, false, false, err
		}
		free = free || i == 0 && len(people) == 0
		for _, p := range people {
			mine, others = mine || p.ID == a.u.ID, others || p.ID != a.u.ID
		}
	}
	return mine, others, free, nil
}

// ofHost reports whether what a job claims as its user is its computer.
func ofHost(j *job.Job) bool {
	host := directory.Fold(j.Ticket.Host)
	short, _, _ := strings.Cut(host, ".")
	return host != "" && slices.ContainsFunc(directory.Forms(j.Ticket.Claimed), func(n string) bool {
		n = strings.TrimSuffix(n, "$")
		return n == host || n == short
	})
}

// Claim makes an unclaimed job the person's who says so, and reports whether what
// it had claimed is remembered as a name of that person. A job that has a PIN
// needs it. One that is not offered to the person answers like one that is not
// there, one that somebody else was faster with is a Conflict.
func (s *Service) Claim(ctx context.Context, sess Session, id int64, remember bool, pins job.PINs) (remembered bool, err error) {
	const op = "release.Claim"
	a, err := s.attempt(ctx, op, limit{key: "claims/" + sess.User.ID, rule: claimRule})
	if busy := (*Throttled)(nil); errors.As(err, &busy) {
		return false, waitWithClaims(op, busy.RetryAfter)
	}
	if err != nil {
		return false, err
	}
	a.what = "claimed as many documents as one person may"
	if err := a.failed(ctx); err != nil {
		return false, err
	}
	found, jobs, err := s.unclaimed(ctx, sess)
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(jobs, func(j job.Job) bool { return j.ID == id })
	if i < 0 {
		return false, missing(op)
	}
	if err := s.unlock(ctx, op, sess, jobs[i:i+1], pins); err != nil {
		return false, errors.Join(err, a.takenBack(ctx, err))
	}
	remembered, err = s.Store.ClaimJob(ctx, s.claim(sess, &jobs[i], remember && found[i].Remember))
	if fault.Is(err, fault.Conflict) {
		err = &fault.Error{Op: op, Kind: fault.Conflict, Text: "Somebody was faster: this document has an owner now, or it is gone.", Err: err}
		return false, errors.Join(err, a.succeeded(ctx))
	}
	if err != nil {
		return false, err
	}
	s.Log.Info("release: an unclaimed job was claimed", "job", id, "user", sess.User.Login, "remembered", remembered)
	s.expect(&sess.User)
	s.alive(ctx, sess, s.Limits.Idle)
	return remembered, nil
}

// takenBack: a PIN that did not come, or that has a throttle of its own, is no
// claim.
func (a *attempt) takenBack(ctx context.Context, err error) error {
	if r := (*Refused)(nil); errors.As(err, &r) && r.Reason == directory.ReasonNeedPIN {
		return a.succeeded(ctx)
	}
	return nil
}

// claim is what the store is asked to do.
func (s *Service) claim(sess Session, j *job.Job, remember bool) job.Claim {
	from := j.Ticket.Host
	if c := j.Origin.Client.Unmap(); c.IsValid() {
		from = c.String()
	}
	c := job.Claim{
		Job: j.ID, User: sess.User.ID,
		Rule:    fmt.Sprintf("%s said at a terminal that it is theirs; it had claimed %q.", sess.User.Login, j.Ticket.Claimed),
		History: job.Entry{At: s.Now(), Actor: sess.User.Login, Text: "Said that it is theirs. It had come from %s and claimed %s.", Args: []any{from, j.Ticket.Claimed}},
		Detail:  fmt.Sprintf("it had come from %s and claimed %q", from, j.Ticket.Claimed),
	}
	if remember {
		c.Alias = directory.Forms(j.Ticket.Claimed)[0]
	}
	return c
}

func waitWithClaims(op string, wait time.Duration) *Throttled {
	return &Throttled{RetryAfter: wait, Err: &fault.Error{
		Op: op, Kind: fault.Unavailable, Text: "That was as much as one person may claim in an hour. Please wait %d minutes, or ask the help desk.",
		Args: []any{max(2, int((wait+time.Minute-1)/time.Minute))},
	}}
}
