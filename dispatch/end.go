package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"platen/accounting"
	"platen/device"
	"platen/fault"
	"platen/internal/failpoint"
	"platen/job"
	"platen/site"
)

// Sentences that a job carries as its message. The terminal and the commands
// show them.
const (
	textNotConfirmed = "Delivered; printing was not confirmed."
	textUncertain    = "The delivery was interrupted; it may have printed in part."
	textCrashed      = "The node stopped while it was sending; nobody knows how much was printed."
	textHeldAgain    = "The device did not take the job in time; it is held again."
	textPutAside     = "The node stopped twice while it had this job in hand; it is held until somebody releases it again."
	textDamaged      = "The document is missing or damaged; it cannot be printed."
	textCanceled     = "Canceled while it was being sent."
	textNotSent      = "Canceled before anything was sent."
)

const theNode = "the node"

func deviceActor(dev site.Device) string { return "device " + dev.Name }

// verdict is what the end of a delivery means.
type verdict struct {
	change  job.Change
	outcome accounting.Outcome // of the ledger row, where a send was begun
}

// end writes how a delivery ended: with a ledger row when a send was begun,
// without one when not.
func (s *send) end(work context.Context, res device.Result, err error) {
	d := s.w.d
	v := s.judge(res, err)
	if s.crashed {
		v.change.Crashed = true
		if v.change.State == job.Pending && s.job.Crashes+1 >= crashLimit {
			v.change = putAside(&s.job, append(v.change.History, job.Entry{At: d.Now(), Actor: theNode, Text: textPutAside}), d.Now())
		}
	}
	log := d.Log.With("job", s.job.ID, "device", s.dev.ID, "send", s.id, "state", v.change.State.String())
	now := d.Now()
	var werr error
	if s.intended {
		row := s.row(res, v.outcome, now)
		werr = d.persist(work, "end of a send", func(ctx context.Context) error { return d.Store.EndSend(ctx, s.job, row, v.change, now) })
		log = log.With("outcome", string(v.outcome), "evidence", res.Evidence.String(), "octets", res.Octets)
	} else {
		werr = d.persist(work, "end of a claim", func(ctx context.Context) error { return d.Store.GiveUp(ctx, s.job, v.change, now) })
		if s.tried && fault.Is(werr, fault.Conflict) {
			// The intent may have been written although we were told that it was
			// not. Nothing was sent, and nobody but us knows.
			row := s.row(res, v.outcome, now)
			werr = d.persist(work, "end of a send", func(ctx context.Context) error { return d.Store.EndSend(ctx, s.job, row, v.change, now) })
		}
	}
	switch {
	case fault.Is(werr, fault.Conflict): // somebody else has ended it, and what is written stands
		log.Warn("dispatch: the job was no longer ours", "error", werr)
		return
	case werr != nil:
		log.Error("dispatch: the end of a delivery could not be written", "error", werr)
		return
	case err != nil:
		log.Warn("dispatch: job not delivered", "error", err)
	default:
		log.Info("dispatch: job delivered")
	}
	if s.intended && d.SendEnded != nil {
		d.SendEnded(s.dev, v.outcome, res.Evidence)
	}
	if s.again = v.change.State == job.Pending; !s.again {
		delete(s.w.said, s.job.ID)
	}
	if d.JobEnded != nil {
		d.JobEnded(s.job.ID, v.change.State)
	}
}

// judge says what the result means for the job, and notes what it means for
// the device.
func (s *send) judge(res device.Result, err error) verdict {
	if err == nil && s.intended {
		return s.completed(res)
	}
	evidence := res.Evidence
	if failpoint.Defect("retry-after-one-octet") && evidence == job.Partial {
		evidence = job.NoneAccepted
	}
	var ours *ourError
	var un *unprintable
	switch {
	case errors.Is(err, errCanceled) || s.canceledMeanwhile(err):
		return s.canceled(res)
	case evidence >= job.Partial && device.Damaged(err):
		return s.aborted(accounting.Uncertain, "The document turned out to be damaged after %d octets.", res.Octets)
	case evidence >= job.Partial:
		return s.uncertain(res, err)
	case device.Damaged(err):
		return s.aborted(accounting.Failed, "The document was checked before sending: it is missing or damaged. Nothing was sent.")
	case errors.Is(err, errStopping):
		return s.postponed("Put it back before anything was sent, because the node stops.", time.Time{})
	case errors.As(err, &ours):
		return s.postponed("Put it back before anything was sent, because the node could not read or write its own data.", s.w.d.Now().Add(firstPause))
	case errors.As(err, &un):
		return s.unconverted(un)
	case device.Refused(err):
		s.well(s.w.d.Now())
		return s.turnedAway(deviceActor(s.dev), err)
	default:
		return s.notTaken(err)
	}
}

// canceledMeanwhile reports whether the store refused the intent because
// somebody had asked for the cancel.
func (s *send) canceledMeanwhile(err error) bool {
	if s.intended || !fault.Is(err, fault.Conflict) {
		return false
	}
	ctx, done := context.WithTimeout(context.Background(), storeTime)
	defer done()
	asked, err := s.w.d.Store.CancelAsked(ctx, s.job.ID)
	return err == nil && asked
}

// history begins with the send, where there was one.
func (s *send) history(last job.Entry) []job.Entry {
	if !s.intended {
		return []job.Entry{last}
	}
	return []job.Entry{{At: s.began, Actor: theNode, Text: "Began sending it to %s.", Args: []any{s.dev.Name}}, last}
}

func (s *send) say(actor, text string, args ...any) []job.Entry {
	return s.history(job.Entry{At: s.w.d.Now(), Actor: actor, Text: text, Args: args})
}

// completed is every octet handed over.
func (s *send) completed(res device.Result) verdict {
	now := s.w.d.Now()
	s.well(now)
	c := job.Change{State: job.Completed, Device: s.dev.ID, Attempts: s.job.Attempts, ExpiresAt: now.Add(s.queue.Keep())}
	if res.Evidence >= job.Confirmed {
		c.Reasons = []job.Reason{job.CompletedSuccessfully}
		c.History = s.say(deviceActor(s.dev), "Confirmed the whole job, %d octets.", res.Octets)
	} else {
		c.Reasons, c.Message = []job.Reason{job.CompletedWithWarnings}, textNotConfirmed
		c.History = s.say(theNode, "Handed over the whole job, %d octets; the device did not confirm that it printed.", res.Octets)
	}
	if s.queue.Keep() > 0 {
		c.Reasons = append(c.Reasons, job.JobStored)
	}
	if s.late {
		c.History = append(c.History, job.Entry{At: now, Actor: theNode, Text: "Its cancel came too late: everything had been handed over."})
	}
	return verdict{c, accounting.Printed}
}

// well notes that the device took a job.
func (s *send) well(now time.Time) {
	s.w.failures, s.w.until = 0, time.Time{}
	s.w.see(site.Condition{State: "idle", Seen: now})
}

// canceled is a person's wish that came in time for something.
func (s *send) canceled(res device.Result) verdict {
	c := job.Change{State: job.Canceled, Reasons: []job.Reason{job.CanceledByUser}, Device: s.dev.ID, Attempts: s.job.Attempts, Message: textCanceled}
	if s.intended {
		c.History = s.say(theNode, "Stopped sending it after %d octets, because it was canceled.", res.Octets)
		s.w.see(site.Condition{State: "idle", Seen: s.w.d.Now()})
	} else {
		c.Message = textNotSent
		c.History = s.say(theNode, "Stopped before anything was sent, because it was canceled.")
	}
	return verdict{c, accounting.Canceled}
}

// uncertain is a real interruption: a person has to look.
func (s *send) uncertain(res device.Result, err error) verdict {
	c := job.Change{State: job.Stopped, Reasons: []job.Reason{job.Suspended}, Device: s.dev.ID, Attempts: s.job.Attempts, Message: textUncertain}
	c.History = s.say(deviceActor(s.dev), "The delivery was interrupted after %d octets; it may have printed in part.", res.Octets)
	if !errors.Is(err, errStopping) {
		s.w.failed(plainText(err))
	}
	return verdict{c, accounting.Uncertain}
}

func (s *send) aborted(o accounting.Outcome, text string, args ...any) verdict {
	return verdict{job.Change{
		State: job.Aborted, Reasons: []job.Reason{job.AbortedBySystem, job.DocumentAccessError}, Device: s.dev.ID,
		Attempts: s.job.Attempts, Message: textDamaged, History: s.say(theNode, text, args...),
	}, o}
}

// postponed is a delivery to which the node did not get, for reasons that no
// device knows of.
func (s *send) postponed(text string, notBefore time.Time) verdict {
	c := s.pending(s.job.Attempts, notBefore, text)
	if s.newHere(text) || s.intended {
		c.History = s.say(theNode, text)
	}
	return verdict{c, accounting.Failed}
}

// newHere reports whether this was not the reason of the last attempt too. A
// device that is away for a weekend makes one line of history, not thousands.
func (s *send) newHere(reason string) bool {
	was := s.w.said[s.job.ID]
	s.w.said[s.job.ID] = reason
	return was != reason
}

func (s *send) pending(attempts int, notBefore time.Time, message string) job.Change {
	return job.Change{
		State: job.Pending, Reasons: []job.Reason{job.Queued}, Device: s.dev.ID,
		Attempts: attempts, NotBefore: notBefore, Message: message,
	}
}

// lastChance is how long a job that is held again stays at least, however long
// it was held before: its owner has just shown that it is wanted.
const lastChance = time.Hour

// patientAttempts is after how many attempts others of the same device go
// first once: perhaps it is the job.
const patientAttempts = 3

// notTaken is an attempt of which it is known that no octet was accepted. It is
// made again, soon and then less often; a job that waits for a person is held
// again after a while, so that it does not print hours later for anybody to
// take.
func (s *send) notTaken(err error) verdict {
	now := s.w.d.Now()
	text, args := fault.Sentence(err)
	args = plainArgs(args)
	s.w.failed(plainText(err))
	attempts := s.job.Attempts + 1
	limit := s.job.Released.Add(s.w.d.HoldAfter)
	waits := s.forPerson()
	if waits && !now.Before(limit) {
		return verdict{s.heldAgain(now, attempts, text, args), accounting.Failed}
	}
	next := now.Add(pauseAfter(attempts))
	if attempts >= patientAttempts {
		next = maxTime(next, s.w.until.Add(lookAfter))
	}
	if waits && limit.Before(next) {
		next = limit
	}
	message := plainText(err)
	c := s.pending(attempts, next, message)
	if s.newHere(message) || s.intended { // said once, not at every attempt
		c.History = s.say(deviceActor(s.dev), text, args...)
	}
	return verdict{c, accounting.Failed}
}

// forPerson reports whether somebody released the job at a device: it came by a
// queue that holds, or has a PIN, which every queue holds.
func (s *send) forPerson() bool {
	return (s.queue.Mode != site.Passthrough || s.job.Ticket.PIN != nil) && !s.job.Released.IsZero()
}

// turnedAway is a job that the device does not print, or that somebody there did
// not want, before anything came out: to send it again would not help. It waits
// for a person where its queue has it wait.
func (s *send) turnedAway(actor string, err error) verdict {
	now := s.w.d.Now()
	text, args := fault.Sentence(err)
	history := s.say(actor, text, plainArgs(args)...)
	if s.forPerson() {
		c := hold(&s.job, s.job.Attempts, plainText(err))
		c.ExpiresAt, c.History = maxTime(s.job.ExpiresAt, now.Add(lastChance)), history
		return verdict{c, accounting.Failed}
	}
	c := job.Change{
		State: job.Aborted, Reasons: []job.Reason{job.AbortedBySystem}, Device: s.dev.ID,
		Attempts: s.job.Attempts, Message: plainText(err), History: history,
	}
	if fault.Is(err, fault.Conflict) { // by a person
		c.State, c.Reasons = job.Canceled, []job.Reason{job.CanceledByOperator}
		return verdict{c, accounting.Canceled}
	}
	return verdict{c, accounting.Failed}
}

// plainArgs makes strings of what a history cannot hold.
func plainArgs(args []any) []any {
	plain := make([]any, len(args))
	for i, a := range args {
		switch a.(type) {
		case string, int, int64:
			plain[i] = a
		default:
			plain[i] = fmt.Sprint(a)
		}
	}
	return plain
}

func (s *send) heldAgain(now time.Time, attempts int, text string, args []any) job.Change {
	c := hold(&s.job, attempts, textHeldAgain)
	c.ExpiresAt = maxTime(s.job.ExpiresAt, now.Add(lastChance))
	c.History = append(s.say(deviceActor(s.dev), text, args...),
		job.Entry{At: now, Actor: theNode, Text: "Held again: %s did not take it within %d minutes.", Args: []any{s.dev.Name, int(s.w.d.HoldAfter / time.Minute)}})
	return c
}

// hold takes a job back from its device.
func hold(j *job.Job, attempts int, message string) job.Change {
	return job.Change{State: job.Held, Reasons: j.HeldReasons(), Attempts: attempts, Message: message}
}

func maxTime(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// row is the ledger's line of this send.
func (s *send) row(res device.Result, o accounting.Outcome, now time.Time) accounting.Row {
	r := rowOf(&s.job, s.id, o, now)
	r.Device, r.DeviceName, r.Serial = s.dev.ID, s.dev.Name, s.dev.Serial
	r.Evidence, r.Octets = res.Evidence, res.Octets
	r.Impressions, r.Sheets, r.Copies = res.Impressions, res.Sheets, res.Copies
	if res.Sides != "" {
		r.Sides = res.Sides
	}
	return r
}

// rowOf is what a job itself says about a send of it. What nobody knows stays
// unknown.
func rowOf(j *job.Job, id string, o accounting.Outcome, now time.Time) accounting.Row {
	r := accounting.Row{
		ID: id, At: now, Job: j.UUID, JobID: j.ID, Owner: j.Owner, OwnerName: j.OwnerName,
		Device: j.Device, DeviceName: j.DeviceName, Queue: j.Queue, QueueName: j.QueueName, Title: j.Ticket.Title,
		Outcome: o, Pages: job.Unknown, Impressions: job.Unknown, Sheets: job.Unknown,
	}
	for i, d := range j.Documents {
		if i == 0 {
			r.Pages, r.Sides, r.Colour, r.Method, r.Confidence = d.Count.Pages, d.Count.Sides, d.Count.Colour, d.Count.Method, d.Count.Confidence
			continue
		}
		r.Pages = addPages(r.Pages, d.Count.Pages)
		r.Sides, r.Method = same(r.Sides, d.Count.Sides), same(r.Method, d.Count.Method)
		r.Colour = mostColour(r.Colour, d.Count.Colour)
		r.Confidence = weaker(r.Confidence, d.Count.Confidence)
	}
	return r
}

func addPages(a, b int) int {
	if a == job.Unknown || b == job.Unknown {
		return job.Unknown
	}
	return a + b
}

func same(a, b string) string {
	if a == b {
		return a
	}
	return ""
}

// mostColour is colour when any document has it, and monochrome only when all
// are.
func mostColour(a, b string) string {
	if a == "color" || b == "color" {
		return "color"
	}
	return same(a, b)
}

func weaker(a, b string) string {
	rank := map[string]int{"": 0, "none": 0, "low": 1, "high": 2}
	if rank[b] < rank[a] {
		return b
	}
	return a
}
