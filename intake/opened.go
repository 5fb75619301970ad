package intake

import (
	"context"
	"fmt"

	"platen/directory"
	"platen/fault"
	"platen/job"
)

// opened is an arrival whose job has a row already.
type opened struct{ *arrival }

var _ job.Opened = opened{}

// Job implements job.Opened.
func (o opened) Job() job.Job { return *o.opened }

// Create records a job whose documents are still to come (RFC 8011, section
// 4.2.4), and refuses what Open refuses. The row is durable when it returns; the
// documents are when Submit has returned.
func (in *Intake) Create(ctx context.Context, o job.Origin, t job.Ticket) (job.Opened, error) {
	const op = "intake.Create"
	a, err := in.open(ctx, o, job.NewUUID())
	if err != nil {
		return nil, err
	}
	j, owner, err := a.describe(ctx, t, nil)
	if err == nil {
		err = a.room(ctx, &j)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	j.State, j.Reasons, j.Message = job.Held, []job.Reason{job.Incoming}, "Its document is still arriving."
	j.Device, j.DeviceName, j.Released, j.NotBefore = "", "", j.Completed, j.Completed
	err = in.Store.OpenJob(ctx, &j, func(octets int64, jobs int) ([]job.Entry, error) {
		return []job.Entry{openedEntry(&j)}, a.admit(&j, usage{octets, jobs + 1})
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	_ = owner // said when the documents are here: they may know better
	a.opened = &j
	return opened{a}, nil
}

func openedEntry(j *job.Job) job.Entry {
	return job.Entry{At: j.Created, Actor: theNode, Text: "Announced by %s from %s for queue %s.",
		Args: []any{door(j.Origin), j.Origin.Client.Unmap().String(), j.QueueName}}
}

// giveUp aborts the row of a job whose documents do not come. One that somebody
// has ended already stays as it is.
func (a *arrival) giveUp() {
	if a.opened == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), giveUpTime)
	defer cancel()
	h := job.Entry{At: a.in.Now(), Actor: theNode, Text: "Its document did not arrive whole."}
	err := a.in.Store.AbortJob(ctx, a.opened.ID, []job.Reason{job.AbortedBySystem}, "Its document did not arrive. Please print it again.", h)
	if err != nil && !fault.Is(err, fault.Conflict) {
		a.in.Log.Error("intake: a job whose documents do not come could not be aborted", "job", a.opened.ID, "error", err)
	}
}

// Check says whether a job of this origin with this ticket would be taken, as
// Open and Submit would say it: Validate-Job.
func (in *Intake) Check(ctx context.Context, o job.Origin, t job.Ticket) error {
	const op = "intake.Check"
	a, err := in.open(ctx, o, job.NewUUID())
	if err != nil {
		return err
	}
	j, owner, err := a.describe(ctx, t, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	if owner.Owned() && !owner.User.MaySomewhere(directory.Release) {
		return &fault.Error{Op: op, Kind: fault.Denied, Text: "You do not have the right to print. Please ask the help desk."}
	}
	return a.room(ctx, &j)
}
