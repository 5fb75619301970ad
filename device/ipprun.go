package device

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/OpenPrinting/goipp"

	"platen/fault"
	"platen/internal/failpoint"
	"platen/ipp"
	"platen/job"
	"platen/site"
)

// Deliver makes a job at the printer, hands over its documents, and follows it
// to its end. A printer that takes only one document a job gets several jobs,
// each when the one before has ended.
func (p *ippDevice) Deliver(ctx context.Context, d Delivery) (Result, error) {
	const op = "device.ipp"
	if err := checkDelivery(op, d); err != nil {
		return Result{Impressions: job.Unknown, Sheets: job.Unknown}, err
	}
	s := p.session(ctx, d.User)
	defer s.close()
	j := &ippRun{ippSession: s, r: newRun(withTicket(d)), formats: map[*Doc]string{}}
	for i := range j.r.Documents {
		if j.r.Documents[i].Octets > 0 {
			j.docs = append(j.docs, &j.r.Documents[i])
		}
	}
	if len(j.docs) == 0 {
		if err := j.r.begin(); err != nil {
			return j.r.interrupted(), err
		}
		return j.r.result(job.Acknowledged, "The document is empty; there was nothing to send."), nil
	}
	if err := j.prepare(ctx); err != nil {
		return j.r.interrupted(), err
	}
	res, err := j.parts(ctx)
	res.Octets, res.Copies, res.Sides = j.r.octets, j.r.knownCopies(), j.sides
	if res.Evidence == job.NoneAccepted {
		res.Octets = 0
	}
	return res, err
}

// parts delivers one part after the other.
func (j *ippRun) parts(ctx context.Context) (Result, error) {
	parts := j.layOut()
	all := j.r.result(job.Confirmed, "")
	all.Impressions, all.Sheets = 0, 0
	for i := range parts {
		res, err := j.patient(ctx, parts[i], i, len(parts))
		all.Impressions, all.Sheets = addCounts(all.Impressions, res.Impressions), addCounts(all.Sheets, res.Sheets)
		all.Evidence, all.Detail = min(all.Evidence, res.Evidence), res.Detail
		if err != nil {
			if i > 0 {
				all.Evidence = job.Partial // of the whole, however little of this part
			}
			return all, err
		}
	}
	return all, nil
}

func addCounts(a, b int) int {
	if a == job.Unknown || b == job.Unknown {
		return job.Unknown
	}
	return a + b
}

// patient delivers a part. A job that has begun is not given up because the
// printer does not take the next part at once.
func (j *ippRun) patient(ctx context.Context, docs []*Doc, part, parts int) (Result, error) {
	until := time.Now().Add(min(patience, j.dev.set.Answer))
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		res, err := j.part(ctx, docs, part, parts)
		if part == 0 || res.Evidence != job.NoneAccepted || !fault.Is(err, fault.Unavailable) || time.Now().After(until) {
			return res, err
		}
		select {
		case <-ctx.Done():
			return res, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// part is one job at the printer from its beginning to its end.
func (j *ippRun) part(ctx context.Context, docs []*Doc, part, parts int) (Result, error) {
	id := 0
	if j.can.create {
		m, err := j.call(ctx, ippCall{op: goipp.OpCreateJob, attrs: j.operation(nil, part, parts), tmpl: j.template()})
		if err != nil {
			return j.none(), err
		}
		if id, _ = ipp.Int(m.Job, "job-id"); id <= 0 {
			return j.none(), unavailable("device.ipp", textNoPrinter, fmt.Errorf("job-id %d", id))
		}
	}
	if err := j.r.begin(); err != nil {
		if id > 0 {
			_, _ = j.cancel(ctx, id)
		}
		return j.none(), err
	}
	before := j.r.octets
	for i, doc := range docs {
		c := ippCall{op: goipp.OpPrintJob, attrs: j.operation(doc, part, parts), tmpl: j.template()}
		last := i == len(docs)-1
		if id > 0 {
			c = ippCall{op: goipp.OpSendDocument, job: id, attrs: append(j.document(doc), ipp.Boolean("last-document", last))}
		}
		m, whole, err := j.send(ctx, c, doc)
		if err != nil {
			some := j.r.octets > before && (i > 0 || !outright(err))
			return j.broken(ctx, id, whole && last, some, err)
		}
		if id == 0 {
			if id, _ = ipp.Int(m.Job, "job-id"); id <= 0 {
				return j.r.result(job.Acknowledged, textAcknowledged), nil
			}
		}
	}
	if j.r.Sent != nil && part == parts-1 {
		j.r.Sent()
	}
	failpoint.Hit("device.acked")
	return j.finish(ctx, id)
}

// outright reports whether a printer has said that it did not take a document,
// and cannot have found out while it printed.
func outright(err error) bool {
	switch statusOf(err) {
	case 0, goipp.StatusErrorDocumentFormatError, goipp.StatusErrorDocumentUnprintable, goipp.StatusErrorInternal, goipp.StatusErrorDevice, goipp.StatusErrorJobCanceled:
		return false
	}
	return true
}

const textAcknowledged = "The device acknowledged the whole job; it did not report that it printed."

// none is a part of which nothing was accepted.
func (j *ippRun) none() Result { return j.r.result(job.NoneAccepted, "") }

// send hands over one document, and says whether all of it went. Meanwhile the
// printer is asked how it is: it may have stopped reading because it has no
// paper.
func (j *ippRun) send(ctx context.Context, c ippCall, doc *Doc) (m *goipp.Message, whole bool, err error) {
	src, err := j.r.reader(*doc)
	if err != nil {
		return nil, false, err
	}
	c.body = &ippBody{r: j.r, src: src, left: doc.Octets}
	sending, stop := context.WithCancel(ctx)
	defer stop()
	var watch sync.WaitGroup
	if c.job > 0 && !j.dev.traits.OneConnection {
		watch.Go(func() { j.watch(sending, c.job, stop) })
	}
	m, err = j.call(sending, c)
	stop()
	watch.Wait()
	whole, damage := c.body.stop()
	switch {
	case damage != nil:
		err = damage
	case ctx.Err() != nil && err != nil:
		err = ctx.Err()
	case errors.Is(err, context.Canceled):
		err = unavailable("device.ipp", textBroken, err) // by watch
	case err == nil && !whole:
		err = unavailable("device.ipp", textBroken, errors.New("it answered before it had the whole document"))
	}
	return m, whole, err
}

const textBroken = "The connection to the device broke in the middle of the document."

// watch looks at a job while its document is sent, and ends the sending when
// the printer has ended the job and only forgets to say so.
func (j *ippRun) watch(ctx context.Context, id int, stop context.CancelFunc) {
	tick := time.NewTicker(lastLook)
	defer tick.Stop()
	over := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		st, err := j.job(ctx, id)
		if err != nil {
			continue
		}
		if j.see(st); st.done() {
			over++
		}
		if over > 1 {
			stop()
			return
		}
	}
}

// see tells what is new about the printer.
func (j *ippRun) see(st ippJob) {
	text := reasonsText(st.device)
	j.mu.Lock()
	news := text != j.text
	j.text = text
	j.mu.Unlock()
	if news && j.r.Notice != nil {
		now := j.dev.set.Now()
		j.r.Notice(site.Condition{State: "processing", Text: text, Since: now, Seen: now, Reasons: reasonWords(st.device)})
	}
}

// broken ends a part whose documents did not all go as they should. What the
// printer has in full it prints, and is followed; what it has in part it is to
// forget.
func (j *ippRun) broken(ctx context.Context, id int, whole, some bool, err error) (Result, error) {
	status := statusOf(err)
	if whole && id > 0 && status == 0 && !Damaged(err) && ctx.Err() == nil {
		return j.finish(ctx, id)
	}
	if !Damaged(err) && ctx.Err() == nil && status == 0 && fault.KindOf(err) == fault.Unavailable {
		text := textBroken
		if !some {
			text = "The device closed the connection before it took anything."
		}
		err = unavailable("device.ipp", text, err)
	}
	return j.giveUp(ctx, id, whole, some, err)
}

// giveUp has the printer forget the job, because of cause, and says how much of
// it there was.
func (j *ippRun) giveUp(ctx context.Context, id int, whole, some bool, cause error) (Result, error) {
	res := j.none()
	if some {
		res.Evidence = job.Partial
	}
	if id == 0 || whole && errors.Is(context.Cause(ctx), ErrLeave) {
		return res, cause
	}
	st, err := j.cancel(ctx, id)
	if err != nil || !st.done() {
		return res, cause
	}
	switch {
	case st.state == ippCompleted && whole:
		return j.completed(st), nil
	case st.impressions > 0:
		res.Evidence, res.Impressions, res.Sheets = job.Partial, st.impressions, st.sheets
	case st.impressions == 0 && st.state != ippCompleted:
		res.Evidence = job.NoneAccepted
	}
	return res, cause
}

// finish follows a job of which the printer has everything.
func (j *ippRun) finish(ctx context.Context, id int) (Result, error) {
	st, err := j.follow(ctx, id, j.see)
	switch {
	case errors.Is(err, errForgotten):
		return j.r.result(job.Acknowledged, textAcknowledged), nil
	case ctx.Err() != nil:
		return j.giveUp(ctx, id, true, true, ctx.Err())
	case err != nil:
		return j.r.result(job.Partial, ""), err
	case st.state == ippCompleted:
		return j.completed(st), nil
	}
	res := j.r.result(job.Partial, "")
	res.Impressions, res.Sheets = st.impressions, st.sheets
	if st.impressions == 0 {
		res.Evidence = job.NoneAccepted
	}
	return res, st.ended()
}

// completed is a job that the printer says is out. Many printers count nothing
// and say 0: of what has octets, no page is no count.
func (j *ippRun) completed(st ippJob) Result {
	res := j.r.result(job.Confirmed, textReported)
	res.Impressions, res.Sheets = printed(st.impressions), printed(st.sheets)
	return res
}

func printed(n int) int {
	if n == 0 {
		return job.Unknown
	}
	return n
}

// ended says why a job that was not completed was not.
func (j *ippJob) ended() error {
	const op = "device.ipp"
	cause := fmt.Errorf("job-id %d, job-state %d, job-state-reasons %v", j.id, j.state, j.reasons)
	document := []string{
		"document-format-error", "document-unprintable-error", "document-password-error", "document-permission-error", "document-security-error",
		"unsupported-document-format", "unsupported-compression", "compression-error",
	}
	switch {
	case j.state == ippCanceled:
		return &refused{&fault.Error{Op: op, Kind: fault.Conflict, Text: "Somebody canceled the job at the device.", Err: cause}}
	case slices.ContainsFunc(j.reasons, func(r string) bool { return slices.Contains(document, r) }):
		return &refused{&fault.Error{Op: op, Kind: fault.Invalid, Text: textUnprintable, Err: cause}}
	}
	return unavailable(op, "The device gave up the job.", cause)
}
