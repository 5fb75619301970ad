package store

import (
	"context"
	"time"

	"platen/fault"
	"platen/job"
)

// jobRow is what deciding about a job needs of it.
type jobRow struct {
	id        int64
	uuid      string
	state     job.State
	reasons   []job.Reason
	owner     string
	device    string
	notBefore time.Time
	released  time.Time
	completed time.Time
	expires   time.Time
	fence     int64
	cancel    bool
	options   job.Options
	extended  bool
}

// jobRow reads it within the transaction that will change it.
func (t tx) jobRow(op string, id int64) (jobRow, error) {
	r := jobRow{id: id}
	err := t.one(selectJobRow, []any{&r.uuid, &r.state, words[job.Reason]{&r.reasons}, &r.owner, &r.device,
		when{&r.notBefore}, when{&r.released}, when{&r.completed}, when{&r.expires}, &r.fence, &r.cancel,
		&r.options.Copies, &r.options.Sides, &r.extended, &r.options.Mono}, id)
	return r, missing(err, op, "There is no job %d.", id)
}

// jobRowByUUID is jobRow by job-uuid.
func (t tx) jobRowByUUID(op, uuid string) (jobRow, error) {
	var id int64
	if err := t.one(selectJobID, []any{&id}, uuid); err != nil {
		return jobRow{}, missing(err, op, "There is no such job.")
	}
	return t.jobRow(op, id)
}

// incoming reports whether the job's documents are still to come.
func (r *jobRow) incoming() bool {
	return r.state == job.Held && len(r.reasons) > 0 && r.reasons[0] == job.Incoming
}

func movedOn(op string) error {
	return conflict(op, "This job has changed in the meantime. Please look again.")
}

// change takes a job from was to what c says, with its history. The UPDATE
// names what was read, so that on an engine with several writers, too, exactly
// one of them wins.
func (t tx) change(op string, was jobRow, c job.Change, now time.Time) error {
	if c.State != was.state && !was.state.CanBecome(c.State) {
		return movedOn(op)
	}
	if c.State == job.Pending && c.Device == "" {
		return &fault.Error{Op: op, Kind: fault.Invalid, Text: "A released job needs a device."}
	}
	is := was.after(c, now)
	crashed := 0
	if c.Crashed {
		crashed = 1
	}
	n, err := t.exec(updateJob, was.id, int64(was.state), was.fence, was.released,
		int64(is.state), join(is.reasons), c.Message, is.device, is.notBefore, c.Attempts, crashed,
		is.released, is.completed, is.expires, is.options.Copies, is.options.Sides, is.options.Mono)
	if err != nil {
		return err
	}
	if n != 1 {
		return movedOn(op)
	}
	if err := t.append(was.id, c.History); err != nil {
		return err
	}
	switch {
	case is.state.Done() && !was.state.Done():
		return t.use(was.owner, 0, -1)
	case was.state.Done() && !is.state.Done():
		return t.use(was.owner, 0, 1)
	}
	return nil
}

// after returns the row as c makes it.
func (r jobRow) after(c job.Change, now time.Time) jobRow {
	is := r
	is.state, is.reasons, is.device = c.State, c.Reasons, c.Device
	is.notBefore = time.Time{}
	switch {
	case c.State == job.Held:
		is.device, is.released, is.options = "", time.Time{}, job.Options{}
	case c.State == job.Pending:
		is.notBefore = c.NotBefore
	}
	switch {
	case !c.State.Done():
		is.completed = time.Time{}
	case !r.state.Done():
		is.completed = now
	}
	if !c.ExpiresAt.IsZero() {
		is.expires = c.ExpiresAt
	}
	return is
}

// ChangeJob applies c at time now if the job is as g says, else, also when there
// is no such job, it is a Conflict. c.State may be the state the job is in. Becoming Held clears
// Device, Released and Options; leaving a done state clears Completed; entering
// one sets it to now.
func (s Scope) ChangeJob(ctx context.Context, id int64, g job.Guard, c job.Change, now time.Time) error {
	const op = "store.ChangeJob"
	err := s.write(ctx, func(t tx) error {
		was, err := t.jobRow(op, id)
		if fault.Is(err, fault.NotFound) || err == nil && !was.meets(g) {
			return movedOn(op)
		}
		if err != nil {
			return err
		}
		return t.change(op, was, c, now)
	})
	return explain(op, err)
}

func (r jobRow) meets(g job.Guard) bool {
	return r.state == g.State &&
		(g.Owner == "" || g.Owner == r.owner) &&
		(g.Device == "" || g.Device == r.device) &&
		(g.Released.IsZero() || millis(g.Released) == millis(r.released))
}

// KeepJob lets a held job of the owner expire at until instead, once: one that
// was kept before, or is not held, or not the owner's, is a Conflict.
func (s Scope) KeepJob(ctx context.Context, id int64, owner string, until time.Time, h job.Entry) error {
	const op = "store.KeepJob"
	return s.mark(ctx, op, id, h, keepJob, owner, until)
}

// AskCancel marks a job that is being delivered, so that its worker stops at
// the next safe boundary. A job that is not Processing, or not the owner's (""
// does not ask), is a Conflict.
func (s Scope) AskCancel(ctx context.Context, id int64, owner string, h job.Entry) error {
	const op = "store.AskCancel"
	return s.mark(ctx, op, id, h, askCancel, owner, join([]job.Reason{job.Outgoing, job.ProcessingToStopPoint}))
}

// mark runs a conditional UPDATE of one job and appends to its history.
func (s Scope) mark(ctx context.Context, op string, id int64, h job.Entry, q query, args ...any) error {
	err := s.write(ctx, func(t tx) error {
		n, err := t.exec(q, append([]any{id}, args...)...)
		if err != nil {
			return err
		}
		if n == 0 {
			return movedOn(op)
		}
		return t.append(id, []job.Entry{h})
	})
	return explain(op, err)
}

// CancelAsked reports whether the cancel of a job that is being delivered was
// asked for.
func (s Scope) CancelAsked(ctx context.Context, id int64) (bool, error) {
	const op = "store.CancelAsked"
	var asked bool
	err := s.read(ctx, func(v view) error { return v.one(selectCancel, []any{&asked}, id) })
	return asked, explain(op, missing(err, op, "There is no job %d.", id))
}

// AbortJob ends a job that is not done and not being delivered. In another
// state it is a Conflict.
func (s Scope) AbortJob(ctx context.Context, id int64, reasons []job.Reason, message string, h job.Entry) error {
	const op = "store.AbortJob"
	err := s.write(ctx, func(t tx) error {
		was, err := t.jobRow(op, id)
		if err != nil {
			return err
		}
		if was.state.Done() || was.state == job.Processing {
			return movedOn(op)
		}
		return t.change(op, was, job.Change{State: job.Aborted, Reasons: reasons, Message: message, History: []job.Entry{h}}, h.At)
	})
	return explain(op, err)
}

// AssignOwner gives a held job to a user, by hand. actor stands in the history.
func (s Scope) AssignOwner(ctx context.Context, id int64, user, actor string) error {
	const op = "store.AssignOwner"
	err := s.write(ctx, func(t tx) error {
		was, err := t.jobRow(op, id)
		if err != nil {
			return err
		}
		if was.state != job.Held {
			return movedOn(op)
		}
		var login string
		if err := t.one(selectLogin, []any{&login}, user); err != nil {
			return missing(err, op, "There is no such user.")
		}
		h := job.Entry{At: s.st.now(), Actor: actor, Text: "Given to %s by hand.", Args: []any{login}}
		return t.give(op, was, user, "An administrator named the owner.", h)
	})
	return explain(op, err)
}

// give changes whose job it is, and what both sides have. Reasons go to a held
// job only; one with a PIN goes on waiting for it, whoever gets it.
func (t tx) give(op string, was jobRow, owner, rule string, h job.Entry) error {
	reasons := was.reasons
	if was.state == job.Held {
		j := job.Job{Owner: owner}
		if err := t.one(selectTicket, []any{asJSON{&j.Ticket}}, was.id); err != nil {
			return err
		}
		reasons = j.HeldReasons()
	}
	n, err := t.exec(giveJob, was.id, int64(was.state), was.owner, owner, rule, join(reasons))
	if err != nil {
		return err
	}
	if n != 1 {
		return movedOn(op)
	}
	var octets int64
	if err := t.one(selectJobOctets, []any{&octets}, was.id); err != nil {
		return err
	}
	if err := t.use(was.owner, -octets, -1); err != nil {
		return err
	}
	if err := t.use(owner, octets, 1); err != nil {
		return err
	}
	return t.append(was.id, []job.Entry{h})
}

const (
	selectJobID  query = `SELECT id FROM jobs WHERE tenant = $1 AND uuid = $2`
	selectJobRow query = `
		SELECT uuid, state, reasons, owner, device, not_before, released_at, completed_at, expires_at,
		       fence, cancel_asked, copies, sides, extended, mono
		  FROM jobs WHERE tenant = $1 AND id = $2`
	updateJob query = `
		UPDATE jobs SET state = $6, reasons = $7, message = $8, device = $9, not_before = $10, attempts = $11,
		       crashes = crashes + $12, released_at = $13, completed_at = $14, expires_at = $15, copies = $16, sides = $17,
		       mono = $18
		 WHERE tenant = $1 AND id = $2 AND state = $3 AND fence = $4 AND released_at = $5`
	keepJob query = `
		UPDATE jobs SET expires_at = $4, extended = 1
		 WHERE tenant = $1 AND id = $2 AND owner = $3 AND state = 4 AND extended = 0`
	askCancel query = `
		UPDATE jobs SET cancel_asked = 1, reasons = $4
		 WHERE tenant = $1 AND id = $2 AND state = 5 AND ($3 = '' OR owner = $3)`
	selectCancel query = `SELECT cancel_asked FROM jobs WHERE tenant = $1 AND id = $2`
	giveJob      query = `
		UPDATE jobs SET owner = $5, owner_rule = $6, reasons = $7,
		       message = CASE WHEN state = 4 THEN '' ELSE message END
		 WHERE tenant = $1 AND id = $2 AND state = $3 AND owner = $4`
	selectTicket    query = `SELECT ticket FROM jobs WHERE tenant = $1 AND id = $2`
	selectJobOctets query = `SELECT COALESCE(SUM(octets), 0) FROM documents WHERE tenant = $1 AND job = $2 AND file <> ''`
	selectLogin     query = `SELECT login FROM users WHERE tenant = $1 AND id = $2`
)
