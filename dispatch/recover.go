package dispatch

import (
	"context"
	"fmt"
	"time"

	"platen/accounting"
	"platen/fault"
	"platen/job"
)

// crashLimit is after how many crashes with a job in hand, and nothing sent,
// it is no longer delivered by itself.
const crashLimit = 2

// Recover ends what other runs of the node had in hand when they died. A send
// that was begun is uncertain, where its device cannot be asked; else it is left
// to the device's worker to ask. A claim without a send goes back to wait, unless
// the node died of it again and again.
func (d *Dispatcher) Recover(ctx context.Context) error {
	d.prepare()
	orphans, err := d.Store.Orphans(ctx, d.Boot)
	if err != nil {
		return fmt.Errorf("dispatch: recover: %w", err)
	}
	for _, o := range orphans {
		if d.askLater(ctx, o) {
			continue
		}
		c, err := d.settle(ctx, o)
		if fault.Is(err, fault.Conflict) { // settled by somebody else
			continue
		}
		if err != nil {
			return fmt.Errorf("dispatch: recover job %d: %w", o.Job.ID, err)
		}
		d.settled(o, c)
	}
	return nil
}

func (d *Dispatcher) settled(o Orphan, c job.Change) {
	d.Log.Warn("dispatch: the node had died with a job in hand", "job", o.Job.ID, "send", o.Send, "state", c.State.String())
	if d.JobEnded != nil {
		d.JobEnded(o.Job.ID, c.State)
	}
}

func (d *Dispatcher) settle(ctx context.Context, o Orphan) (job.Change, error) {
	if o.Send == "" {
		c := d.orphanedClaim(o)
		return c, d.Store.GiveUp(ctx, o.Job, c, d.Now())
	}
	c, outcome := d.orphanedSend(o)
	row := rowOf(&o.Job, o.Send, outcome, d.Now())
	row.Evidence, row.Octets = job.Partial, job.Unknown
	if dev, err := d.Store.Device(ctx, o.Job.Device); err == nil {
		row.DeviceName, row.Serial = dev.Name, dev.Serial
	}
	return c, d.Store.EndSend(ctx, o.Job, row, c, d.Now())
}

// orphanedClaim is a job of which nothing was sent. One with which the node
// dies twice is put aside: it keeps its document, and waits for a person.
func (d *Dispatcher) orphanedClaim(o Orphan) job.Change {
	j := &o.Job
	now := d.Now()
	say := func(text string) []job.Entry { return []job.Entry{{At: now, Actor: theNode, Text: text}} }
	c := job.Change{
		State: job.Pending, Reasons: []job.Reason{job.Queued}, Device: j.Device, Attempts: j.Attempts, Message: j.Message,
		History: say("The node stopped before anything was sent; it is tried again."),
	}
	switch {
	case o.CancelAsked:
		c = job.Change{
			State: job.Canceled, Reasons: []job.Reason{job.CanceledByUser}, Device: j.Device, Message: textNotSent,
			History: say("Stopped before anything was sent, because it was canceled."),
		}
	case j.Crashes+1 >= crashLimit:
		c = putAside(j, say(textPutAside), now)
	}
	c.Crashed = true
	return c
}

// putAside has a job wait for a person although it could go to its device.
func putAside(j *job.Job, history []job.Entry, now time.Time) job.Change {
	c := hold(j, j.Attempts, textPutAside)
	c.ExpiresAt, c.History, c.Crashed = maxTime(j.ExpiresAt, now.Add(lastChance)), history, true
	return c
}

// orphanedSend is a job of which nobody knows what was sent.
func (d *Dispatcher) orphanedSend(o Orphan) (job.Change, accounting.Outcome) {
	j := &o.Job
	c := job.Change{
		State: job.Stopped, Reasons: []job.Reason{job.Suspended}, Device: j.Device, Attempts: j.Attempts,
		Message: textCrashed, Crashed: true,
		History: []job.Entry{
			{At: o.Began, Actor: theNode, Text: "Began sending it to %s.", Args: []any{j.DeviceName}},
			{At: d.Now(), Actor: theNode, Text: textCrashed},
		},
	}
	if !o.CancelAsked {
		return c, accounting.Uncertain
	}
	c.State, c.Reasons = job.Canceled, []job.Reason{job.CanceledByUser}
	c.History = append(c.History, job.Entry{At: d.Now(), Actor: theNode, Text: "It is not asked about, because it was canceled."})
	return c, accounting.Canceled
}
