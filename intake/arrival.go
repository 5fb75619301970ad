package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/internal/failpoint"
	"platen/job"
	"platen/pdl"
	"platen/site"
	"platen/spool"
)

// arrival is one job on its way in. One goroutine uses it.
type arrival struct {
	in       *Intake
	origin   job.Origin
	queue    site.Queue
	settings site.Settings
	uuid     string
	opened   *job.Job // its row, when it has one already (Create-Job)

	docs   map[int]*spool.Incoming // by number
	last   int                     // number of the last document
	octets int64                   // of all documents, counted in Intake.arriving
	stored int64                   // octets of the spool when it was last asked, if there is a limit
	looked int64                   // a.octets when the disk was last looked at
	ended  bool
}

var _ job.Arrival = (*arrival)(nil)

// Encoding is the code page of names that are not UTF-8.
func (a *arrival) Encoding() string { return a.queue.Encoding }

// lookEvery is how many octets arrive between two looks at what room is left.
const lookEvery = 4 << 20

// look asks whether there is room.
func (a *arrival) look(ctx context.Context) error {
	a.looked = a.octets
	if err := a.in.roomOnDisk(&a.settings); err != nil {
		return err
	}
	stored, err := a.in.roomInSpool(ctx, &a.settings)
	a.stored = stored
	return err
}

// Document implements job.Arrival.
func (a *arrival) Document(ctx context.Context, name string, r io.Reader) (int, error) {
	const op = "intake.Document"
	if a.ended {
		return 0, &fault.Error{Op: op, Err: errors.New("the job has been submitted or abandoned")}
	}
	doc, err := a.in.Spool.Create(a.in.Tenant, a.uuid, a.last+1)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", op, err)
	}
	a.last++
	m := &meter{ctx: ctx, r: r, a: a}
	if err := doc.ReadFrom(ctx, m, 0); err != nil {
		doc.Discard()
		a.forget(m.octets)
		return 0, fmt.Errorf("%s: %w", op, err)
	}
	doc.Document.Name = name
	if a.docs == nil { // most that flood us never come here
		a.docs = map[int]*spool.Incoming{}
	}
	a.docs[a.last] = doc
	return a.last, nil
}

// meter counts the octets of a document as they come, and ends it when there
// are too many.
type meter struct {
	ctx    context.Context //nolint:containedctx // a reader has nowhere else to get it from
	r      io.Reader
	a      *arrival
	octets int64
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.octets += int64(n)
	if refused := m.a.take(m.ctx, int64(n)); refused != nil {
		return n, refused
	}
	return n, err
}

// take counts n octets that have come.
func (a *arrival) take(ctx context.Context, n int64) error {
	a.octets += n
	arriving := a.in.arriving.Add(n)
	if limit := a.largest(); limit > 0 && a.octets > limit {
		return &fault.Error{Op: "intake.Document", Kind: fault.TooLarge, Text: "The job is larger than %s, which is the most that is allowed here.",
			Args: []any{sizeText(limit)}}
	}
	if a.octets-a.looked < lookEvery && (a.settings.MaxSpool <= 0 || a.stored+arriving <= a.settings.MaxSpool) {
		return nil
	}
	return a.look(ctx)
}

// largest returns how many octets a job of this queue may have, 0 for no limit.
func (a *arrival) largest() int64 {
	limit, own := a.settings.MaxOctets, a.queue.MaxOctets
	if limit <= 0 || own > 0 && own < limit {
		return own
	}
	return limit
}

// forget takes back what take has counted.
func (a *arrival) forget(n int64) {
	a.octets -= n
	a.looked = min(a.looked, a.octets)
	a.in.arriving.Add(-n)
}

// Abandon implements job.Arrival.
func (a *arrival) Abandon() {
	if !a.ended {
		a.discard()
	}
}

// discard ends the arrival and removes what has come.
func (a *arrival) discard() {
	a.giveUp()
	a.end()
	for _, doc := range a.docs {
		doc.Discard()
	}
}

// end lets go of the octets: they count as stored from here on, or are gone.
func (a *arrival) end() {
	a.ended = true
	a.forget(a.octets)
}

// Submit implements job.Arrival.
func (a *arrival) Submit(ctx context.Context, t job.Ticket, order []job.Piece) (job.Job, error) {
	const op = "intake.Submit"
	if a.ended {
		return job.Job{}, &fault.Error{Op: op, Err: errors.New("the job has been submitted or abandoned")}
	}
	j, err := a.submit(ctx, t, order)
	if err != nil {
		return job.Job{}, fmt.Errorf("%s: %w", op, err)
	}
	a.in.tell(j)
	return j, nil
}

// submit makes the job durable. After an error nothing of it is left, unless
// nobody knows whether its row was committed.
func (a *arrival) submit(ctx context.Context, t job.Ticket, order []job.Piece) (job.Job, error) {
	docs, err := a.pick(order)
	if err != nil {
		a.discard()
		return job.Job{}, err
	}
	j, owner, err := a.describe(ctx, t, docs)
	if err != nil {
		a.discard()
		return job.Job{}, err
	}
	if err := a.room(ctx, &j); err != nil {
		a.discard()
		return job.Job{}, err
	}
	if err := a.number(ctx, &j); err != nil {
		a.discard()
		return job.Job{}, err
	}
	if j.Documents, err = a.in.Spool.Seal(spool.Manifest{Tenant: a.in.Tenant, Job: j}, docs); err != nil {
		a.discard()
		return job.Job{}, err
	}
	return a.commit(ctx, j, owner)
}

// number gives a job its number before its documents are sealed, when its client is
// told it: they know it then, whatever becomes of its row.
func (a *arrival) number(ctx context.Context, j *job.Job) (err error) {
	if j.ID == 0 && a.origin.Door == doorIPP {
		j.ID, err = a.in.Store.NextJobID(ctx)
	}
	return err
}

// commit records the job. The files of a job whose row may have been committed
// stay: the spool's Keeper settles them with the rows.
func (a *arrival) commit(ctx context.Context, j job.Job, owner directory.Match) (job.Job, error) {
	redo := a.redo(&j)
	how := job.Admission{Since: j.Created.Add(-again), Redo: redo,
		Admit: func(j *job.Job, octets int64, jobs int) ([]job.Entry, error) {
			if err := a.admit(j, usage{octets + j.Octets, jobs + 1}); err != nil && !redo {
				return nil, err
			}
			return a.history(j, owner), nil
		}}
	if failpoint.Defect("ack-before-commit") { // the harness must notice
		a.end()
		go func() {
			time.Sleep(50 * time.Millisecond)
			_ = a.in.Store.AdmitJob(context.WithoutCancel(ctx), &j, how)
		}()
		return j, nil
	}
	var err error
	if a.opened != nil {
		err = a.in.Store.FillJob(ctx, &j, how)
	} else {
		err = a.in.Store.AdmitJob(ctx, &j, how)
	}
	switch {
	case err == nil:
		a.in.admitted.Add(a.octets) // before end, which takes them from what arrives
		a.end()
		return j, nil
	case nothingStored(err):
		a.discard()
	default:
		a.in.admitted.Add(a.octets)
		a.end()
		a.in.Log.Error("intake: nobody knows whether a job was stored, its documents stay until the node starts again", "uuid", j.UUID, "error", err)
	}
	return job.Job{}, err
}

// redo reports whether the job can be made again from the spool as it is: all of
// it is in the log, it is held, its documents know its number or nobody is told it,
// and there is no doubt that its owner may have it. A job that was opened has a row,
// which somebody may cancel meanwhile: that of its documents is waited for.
func (a *arrival) redo(j *job.Job) bool {
	for _, d := range j.Documents {
		if !spool.InLog(d.File) {
			return false
		}
	}
	known := j.ID != 0 || a.origin.Door == "lpd"
	return j.State == job.Held && known && a.opened == nil && a.in.plenty(&a.settings, j.Owner, j.Octets)
}

// nothingStored reports whether an error of AdmitJob says that there is no row.
func nothingStored(err error) bool {
	switch fault.KindOf(err) {
	case fault.Invalid, fault.Conflict, fault.Full:
		return true
	case fault.Unavailable: // also a caller whose time was up before the outcome was known
		return false
	}
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// tell gives hints about a job that is durable.
func (in *Intake) tell(j job.Job) {
	if in.Released != nil && j.State == job.Pending {
		in.Released(j.Device)
	}
	if in.Counted != nil && uncounted(j.Documents) {
		in.Counted(j.ID)
	}
	if in.Accepted != nil {
		in.Accepted(j)
	}
}

// pick puts the documents in order. Those that the ticket does not speak of are
// not part of the job and go.
func (a *arrival) pick(order []job.Piece) ([]*spool.Incoming, error) {
	const op = "intake.pick"
	docs := make([]*spool.Incoming, 0, len(order))
	picked := make(map[int]bool, len(order))
	for _, piece := range order {
		doc := a.docs[piece.Number]
		if doc == nil || picked[piece.Number] {
			return nil, &fault.Error{Op: op, Kind: fault.Invalid, Text: "The job speaks of a document that did not come, or speaks of it twice.",
				Err: fmt.Errorf("document %d", piece.Number)}
		}
		picked[piece.Number] = true
		if piece.Name != "" {
			doc.Document.Name = piece.Name
		}
		doc.Document.Copies = max(1, piece.Copies)
		docs = append(docs, doc)
	}
	if len(docs) == 0 {
		return nil, &fault.Error{Op: op, Kind: fault.Invalid, Text: "The job has no document."}
	}
	for number, doc := range a.docs {
		if !picked[number] {
			a.forget(doc.Octets())
			doc.Discard()
			delete(a.docs, number)
		}
	}
	return docs, nil
}

// describe says what the job is and whose.
func (a *arrival) describe(ctx context.Context, t job.Ticket, docs []*spool.Incoming) (job.Job, directory.Match, error) {
	heads := make([][]byte, len(docs))
	for i, doc := range docs {
		heads[i] = doc.Head()
	}
	f := OwnerFacts(a.origin, t, nil)
	f.Look = func(from string) []string { return lookInto(heads, from) }
	for i, doc := range docs {
		head := pdl.Examine(heads[i])
		doc.Document.Language = string(head.Language)
		doc.Document.Count = firstCount(head)
		learn(&f, head)
	}
	owner, err := directory.Owner(ctx, a.in.Store, f, a.in.rules(&a.queue, &a.settings))
	if err != nil {
		return job.Job{}, owner, err
	}
	now := a.in.Now()
	j := job.Job{
		UUID:  a.uuid,
		Queue: a.queue.ID, QueueName: a.queue.Name,
		Owner: owner.User.ID, OwnerName: owner.User.Login, OwnerRule: owner.Rule,
		Ticket: t, Origin: a.origin, Priority: priority(a.queue.Priority),
		Octets: a.octets, Created: now, ExpiresAt: now.Add(holdFor(&a.queue)),
	}
	if a.opened != nil {
		j.ID, j.Created, j.ExpiresAt = a.opened.ID, a.opened.Created, a.opened.Created.Add(holdFor(&a.queue))
	}
	place(&j, &a.queue, now)
	return j, owner, nil
}

// learn adds the names of a document's header to those that are known. The
// first document that has one decides.
func learn(f *directory.Facts, h pdl.Head) {
	for _, x := range []struct {
		known *string
		name  string
	}{{&f.PJLUser, h.User}, {&f.PJLAcct, h.Account}, {&f.PJLComment, h.Comment}, {&f.PSFor, h.For}} {
		if *x.known == "" {
			*x.known = x.name
		}
	}
}

// never is when a job of a paused queue may begin. Resume-Printer ends it.
var never = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// place puts a new job where its queue says: it is held for its owner, or
// waits at the queue's device.
func place(j *job.Job, q *site.Queue, now time.Time) {
	switch {
	case j.Ticket.PIN != nil: // also one that nobody owns: printing it at once would betray the PIN
		j.State, j.Reasons = job.Held, j.HeldReasons()
		j.Message = "Waiting for its owner, and for its PIN, at a device."
		if j.Unclaimed() {
			j.Message = "Nobody here is known as its owner. An administrator can say whose it is."
		}
	case q.Mode == site.Passthrough && (j.Ticket.Held() || q.IPP.HoldNew):
		j.State, j.Reasons = job.Held, []job.Reason{job.HoldUntil}
		j.Message = "Held until somebody releases it."
	case q.Mode == site.Passthrough:
		j.State, j.Reasons = job.Pending, []job.Reason{job.Queued}
		j.Device, j.DeviceName, j.Released = q.Device, q.DeviceName, now
		if q.IPP.Paused {
			j.Reasons, j.NotBefore, j.Message = []job.Reason{job.PrinterStopped}, never, "The queue is paused."
		}
	case j.Unclaimed():
		j.State, j.Reasons = job.Held, j.HeldReasons()
		j.Message = "Nobody here is known as its owner. An administrator can say whose it is."
	default:
		j.State, j.Reasons = job.Held, j.HeldReasons()
		j.Message = "Waiting for its owner at a device."
	}
}

func priority(p int) int {
	if p < 1 || p > 100 {
		return site.DefaultPriority
	}
	return p
}

func holdFor(q *site.Queue) time.Duration {
	if q.HoldFor <= 0 {
		return site.DefaultHoldFor
	}
	return q.HoldFor
}

// room asks once more, now that the length and the owner are known.
func (a *arrival) room(ctx context.Context, j *job.Job) error {
	if err := a.look(ctx); err != nil || a.unlimited(j) {
		return err
	}
	return a.in.roomForOwner(ctx, &a.settings, j.Owner, j.Octets)
}

// unlimited: jobs that nobody owns share one quota, so that made-up names
// cannot fill the disk; where such jobs print at once they have none.
func (a *arrival) unlimited(j *job.Job) bool {
	return j.Unclaimed() && a.queue.Mode == site.Passthrough
}

// admit has the last word on an owner's quota.
func (a *arrival) admit(j *job.Job, with usage) error {
	if a.unlimited(j) {
		return nil
	}
	return a.in.admit(&a.settings, j.Owner, with)
}

// again is how long a job is remembered as perhaps the same as the next one. A
// client that never saw its acknowledgement sends again. Both are kept: only a
// person can tell a second copy from an accident.
const again = time.Hour
