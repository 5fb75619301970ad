package intake

import (
	"context"
	"fmt"
	"slices"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/job"
	"platen/site"
)

// giveUpTime bounds what is written about a job after its client has gone.
const giveUpTime = 10 * time.Second

// owns reports whether the requester may see and change a job. A name alone is
// no proof, so it reaches only what came from the same address under it.
func owns(r *job.Requester, j *job.Job) bool {
	switch {
	case r.Admin:
		return true
	case r.User != "":
		return j.Owner == r.User || j.Origin.User == r.User
	}
	return j.Origin.Door == doorIPP && j.Origin.User == "" && r.Client.IsValid() && j.Origin.Client.Unmap() == r.Client.Unmap() &&
		directory.Fold(j.Ticket.Claimed) == directory.Fold(r.Claimed)
}

// Own returns a job of the requester; every other one is NotFound.
func (in *Intake) Own(ctx context.Context, r job.Requester, id int64) (job.Job, error) {
	const op = "intake.Own"
	j, err := in.Store.Job(ctx, id)
	if err == nil && !owns(&r, &j) {
		err = &fault.Error{Op: op, Kind: fault.NotFound, Text: "There is no job %d.", Args: []any{id}}
	}
	return j, err
}

// OwnJobs returns the requester's jobs, newest first.
func (in *Intake) OwnJobs(ctx context.Context, r job.Requester, f job.Sent) ([]job.Job, error) {
	if r.User == "" && !r.Admin {
		f.Client, f.Claimed = r.Client.Unmap(), r.Claimed
		list, err := in.Store.JobsSent(ctx, f)
		return slices.DeleteFunc(list, func(j job.Job) bool { return !owns(&r, &j) }), err
	}
	want := job.Filter{Owner: r.User, Queue: f.Queue, Before: f.Before, Limit: f.Limit, Bare: f.Bare}
	if r.Admin {
		want.Owner = ""
	}
	open, done := []job.State{job.Pending, job.Held, job.Processing, job.Stopped}, []job.State{job.Canceled, job.Aborted, job.Completed}
	switch {
	case f.Open:
		want.States = open
	case f.Done:
		want.States = done
	case r.Admin:
	default:
		want.States = slices.Concat(open, done)
	}
	return in.Store.Jobs(ctx, want)
}

// CancelOwn cancels a job of the requester. One that is done is a Conflict; one
// that is being delivered ends at the next safe boundary.
func (in *Intake) CancelOwn(ctx context.Context, r job.Requester, id int64) error {
	const op = "intake.CancelOwn"
	j, err := in.Own(ctx, r, id)
	if err != nil {
		return err
	}
	now := in.Now()
	h := job.Entry{At: now, Actor: r.Actor, Text: "Canceled by the computer that sent it, %s.", Args: []any{r.Client.Unmap().String()}}
	if j.State == job.Processing {
		if err := in.Store.AskCancel(ctx, id, "", h); err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
		if in.Canceled != nil {
			in.Canceled(id)
		}
		return nil
	}
	if j.State.Done() {
		return &fault.Error{Op: op, Kind: fault.Conflict, Text: "Job %d is done already.", Args: []any{id}}
	}
	reason := job.CanceledByUser
	if r.Admin && r.User != j.Owner {
		reason = job.CanceledByOperator
	}
	err = in.Store.ChangeJob(ctx, id, job.Guard{State: j.State}, job.Change{
		State: job.Canceled, Reasons: []job.Reason{reason}, Message: "The computer that sent it canceled it.", Device: j.Device,
		Attempts: j.Attempts, History: []job.Entry{h},
	}, now)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	in.erase()
	return nil
}

func (in *Intake) erase() {
	if in.Erased != nil {
		in.Erased()
	}
}

// HoldOwn holds a job until ReleaseOwn (RFC 8011, section 4.3.5): one that waits
// at its device, or one that is held for another reason too.
func (in *Intake) HoldOwn(ctx context.Context, r job.Requester, id int64) error {
	const op = "intake.HoldOwn"
	j, err := in.Own(ctx, r, id)
	if err != nil {
		return err
	}
	if j.State != job.Held && j.State != job.Pending || j.Has(job.Incoming) {
		return &fault.Error{Op: op, Kind: fault.Conflict, Text: "Job %d cannot be held any longer.", Args: []any{id}}
	}
	if j.Has(job.HoldUntil) {
		return nil
	}
	reasons := []job.Reason{job.HoldUntil}
	switch {
	case j.State == job.Held:
		reasons = append(slices.Clone(j.Reasons), job.HoldUntil)
	case j.Ticket.PIN != nil: // Release-Job must not print it without its PIN
		reasons = append(j.HeldReasons(), job.HoldUntil)
	}
	j.Ticket.HoldUntil = "indefinite" // so that it is not let go with those that Hold-New-Jobs has held
	err = in.Store.SetTicket(ctx, j, job.Change{
		State: job.Held, Reasons: reasons, Message: "Held until somebody releases it.",
		History: []job.Entry{{At: in.Now(), Actor: r.Actor, Text: "Held by the computer that sent it, %s.", Args: []any{r.Client.Unmap().String()}}},
	}, in.Now())
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}

// ReleaseOwn ends HoldOwn and job-hold-until. What waits for its owner at a
// device goes on waiting: a computer cannot stand there.
func (in *Intake) ReleaseOwn(ctx context.Context, r job.Requester, id int64) error {
	const op = "intake.ReleaseOwn"
	j, err := in.Own(ctx, r, id)
	if err != nil {
		return err
	}
	if !j.Has(job.HoldUntil) || j.State != job.Held {
		text := "Job %d is not held."
		if j.State == job.Held {
			text = "Job %d waits for its owner at a device. Please release it there."
		}
		return &fault.Error{Op: op, Kind: fault.Conflict, Text: text, Args: []any{id}}
	}
	q, err := in.Store.QueueByName(ctx, j.QueueName)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	now := in.Now()
	c, device := release(&j, &q)
	c.History = []job.Entry{{At: now, Actor: r.Actor, Text: "Released by the computer that sent it, %s.", Args: []any{r.Client.Unmap().String()}}}
	j.Ticket.HoldUntil = ""
	if err := in.Store.SetTicket(ctx, j, c, now); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	if device != "" && in.Released != nil {
		in.Released(device)
	}
	return nil
}

// RestartOwn prints a job again whose document was kept (RFC 8011, section
// 4.3.7): at once where its queue does so, else it is held for its owner again.
func (in *Intake) RestartOwn(ctx context.Context, r job.Requester, id int64) error {
	const op = "intake.RestartOwn"
	j, err := in.Own(ctx, r, id)
	if err != nil {
		return err
	}
	kept := len(j.Documents) > 0 && !slices.ContainsFunc(j.Documents, func(d job.Document) bool { return d.File == "" })
	if j.State != job.Completed || !kept || !in.Now().Before(j.ExpiresAt) {
		return &fault.Error{Op: op, Kind: fault.Conflict, Text: "Job %d cannot be printed again: its document was not kept.", Args: []any{id}}
	}
	q, err := in.Store.QueueByName(ctx, j.QueueName)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	now := in.Now()
	place(&j, &q, now)
	err = in.Store.ChangeJob(ctx, id, job.Guard{State: job.Completed}, job.Change{
		State: j.State, Reasons: j.Reasons, Message: j.Message, Device: j.Device, NotBefore: j.NotBefore, ExpiresAt: now.Add(holdFor(&q)),
		History: []job.Entry{{At: now, Actor: r.Actor, Text: "Asked to print it again from %s.", Args: []any{r.Client.Unmap().String()}}},
	}, now)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	if j.Device != "" && in.Released != nil {
		in.Released(j.Device)
	}
	return nil
}

// release is the change that takes job-hold-until-specified from a job, and the
// device that it goes to, "" when it is still held.
func release(j *job.Job, q *site.Queue) (job.Change, string) {
	rest := slices.DeleteFunc(slices.Clone(j.Reasons), func(x job.Reason) bool { return x == job.HoldUntil })
	if len(rest) > 0 {
		return job.Change{State: job.Held, Reasons: rest, Message: "Waiting for its owner at a device."}, ""
	}
	if q.Mode != site.Passthrough || j.Ticket.PIN != nil {
		return job.Change{State: job.Held, Reasons: j.HeldReasons(), Message: "Waiting for its owner at a device."}, ""
	}
	return job.Change{State: job.Pending, Reasons: []job.Reason{job.Queued}, Device: q.Device}, q.Device
}

// ChangeTicket is Set-Job-Attributes: change is given the job's ticket, and the
// job goes where the changed one says. A job that is not held is a Conflict.
func (in *Intake) ChangeTicket(ctx context.Context, r job.Requester, id int64, change func(*job.Ticket)) error {
	const op = "intake.ChangeTicket"
	j, err := in.Own(ctx, r, id)
	if err != nil {
		return err
	}
	if j.State != job.Held || j.Has(job.Incoming) {
		return &fault.Error{Op: op, Kind: fault.Conflict, Text: "Job %d cannot be changed any longer.", Args: []any{id}}
	}
	q, err := in.Store.QueueByName(ctx, j.QueueName)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	held := j.Ticket.Held()
	change(&j.Ticket)
	now := in.Now()
	c, device := job.Change{State: job.Held, Reasons: j.Reasons, Message: j.Message}, ""
	switch is := j.Ticket.Held(); {
	case is && !j.Has(job.HoldUntil):
		c.Reasons = append(slices.Clone(j.Reasons), job.HoldUntil)
	case !is && held || !is && j.Has(job.HoldUntil):
		c, device = release(&j, &q)
	}
	c.History = []job.Entry{{At: now, Actor: r.Actor, Text: "Changed by the computer that sent it, %s.", Args: []any{r.Client.Unmap().String()}}}
	if err := in.Store.SetTicket(ctx, j, c, now); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	if device != "" && in.Released != nil {
		in.Released(device)
	}
	return nil
}

// Resume lets the jobs go that waited because their queue was paused, or that
// Hold-New-Jobs has held.
func (in *Intake) Resume(ctx context.Context, q site.Queue) error {
	const op = "intake.Resume"
	states := []job.State{job.Pending}
	if q.Mode == site.Passthrough { // else very many are held, for their owners
		states = append(states, job.Held)
	}
	list, err := in.Store.Jobs(ctx, job.Filter{Queue: q.ID, States: states})
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	for _, j := range list {
		waits := j.State == job.Pending && j.Has(job.PrinterStopped) && !q.IPP.Paused
		held := j.State == job.Held && j.Has(job.HoldUntil) && !j.Ticket.Held() && !q.IPP.HoldNew
		if !waits && !held {
			continue
		}
		c := job.Change{State: job.Pending, Reasons: []job.Reason{job.Queued}, Device: j.Device}
		if held {
			c, _ = release(&j, &q)
		}
		c.History = []job.Entry{{At: in.Now(), Actor: theNode, Text: "Its queue goes on."}}
		err := in.Store.ChangeJob(ctx, j.ID, job.Guard{State: j.State}, c, in.Now())
		if err != nil && !fault.Is(err, fault.Conflict) {
			return fmt.Errorf("%s: job %d: %w", op, j.ID, err)
		}
	}
	if in.Released != nil && q.Device != "" {
		in.Released(q.Device)
	}
	return nil
}
