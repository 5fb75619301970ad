package ippsrv

import (
	"slices"
	"strings"

	"github.com/OpenPrinting/goipp"

	"platen/fault"
	"platen/ipp"
	"platen/job"
	"platen/site"
)

// operation is what a request may ask for.
type operation struct {
	do       func(q *request) (answer, error)
	operator bool // an administrator only: over TLS, with a password
}

// operations are all that are offered; docs/standards.md names those that are
// not and why.
var operations map[goipp.Op]operation

func init() { //nolint:gochecknoinits // the table names functions that read it
	operations = map[goipp.Op]operation{
		goipp.OpPrintJob:             {do: (*request).printJob},
		goipp.OpValidateJob:          {do: (*request).validateJob},
		goipp.OpCreateJob:            {do: (*request).createJob},
		goipp.OpSendDocument:         {do: (*request).sendDocument},
		goipp.OpCloseJob:             {do: (*request).closeJob},
		goipp.OpCancelJob:            {do: (*request).cancelJob},
		goipp.OpCancelMyJobs:         {do: (*request).cancelMyJobs},
		goipp.OpGetJobAttributes:     {do: (*request).getJobAttributes},
		goipp.OpGetJobs:              {do: (*request).getJobs},
		goipp.OpGetPrinterAttributes: {do: (*request).getPrinterAttributes},
		goipp.OpHoldJob:              {do: (*request).holdJob},
		goipp.OpReleaseJob:           {do: (*request).releaseJob},
		goipp.OpSetJobAttributes:     {do: (*request).setJobAttributes},
		goipp.OpIdentifyPrinter:      {do: (*request).identifyPrinter},

		goipp.OpGetPrinterSupportedValues: {do: (*request).getPrinterAttributes},

		goipp.OpCreatePrinterSubscriptions: {do: (*request).createPrinterSubscriptions},
		goipp.OpCreateJobSubscriptions:     {do: (*request).createJobSubscriptions},
		goipp.OpGetSubscriptionAttributes:  {do: (*request).getSubscriptionAttributes},
		goipp.OpGetSubscriptions:           {do: (*request).getSubscriptions},
		goipp.OpRenewSubscription:          {do: (*request).renewSubscription},
		goipp.OpCancelSubscription:         {do: (*request).cancelSubscription},
		goipp.OpGetNotifications:           {do: (*request).getNotifications},

		goipp.OpRestartJob:            {do: (*request).restartJob},
		goipp.OpGetDocuments:          {do: (*request).getDocuments},
		goipp.OpGetDocumentAttributes: {do: (*request).getDocuments},

		goipp.OpCancelJobs:                  {do: (*request).cancelMyJobs, operator: true},
		goipp.OpPurgeJobs:                   {do: (*request).cancelMyJobs, operator: true},
		goipp.OpSetPrinterAttributes:        {do: (*request).setPrinterAttributes, operator: true},
		goipp.OpPausePrinterAfterCurrentJob: {do: queueChange(func(q *site.Queue) { q.IPP.Paused = true }), operator: true},
		goipp.OpPausePrinter:                {do: queueChange(func(q *site.Queue) { q.IPP.Paused = true }), operator: true},
		goipp.OpResumePrinter:               {do: queueChange(func(q *site.Queue) { q.IPP.Paused = false }), operator: true},
		goipp.OpEnablePrinter:               {do: queueChange(func(q *site.Queue) { q.AcceptJobs = true }), operator: true},
		goipp.OpDisablePrinter:              {do: queueChange(func(q *site.Queue) { q.AcceptJobs = false }), operator: true},
		goipp.OpHoldNewJobs:                 {do: queueChange(func(q *site.Queue) { q.IPP.HoldNew = true }), operator: true},
		goipp.OpReleaseHeldNewJobs:          {do: queueChange(func(q *site.Queue) { q.IPP.HoldNew = false }), operator: true},
	}
}

func operationCodes() []int {
	codes := make([]int, 0, len(operations))
	for op := range operations {
		codes = append(codes, int(op))
	}
	slices.Sort(codes)
	return codes
}

func (q *request) getPrinterAttributes() (answer, error) {
	if f := ipp.Text(q.msg.Operation, "document-format"); f != "" && !slices.Contains(queueFormats, f) {
		return answer{}, refuse(statusFormatNotSupported, fault.Invalid, "Documents of this kind are not taken here: %s.", f)
	}
	p, err := q.printer()
	if err != nil {
		return answer{}, err
	}
	list, rest, err := p.attributes()
	return answer{groups: []goipp.Group{{Tag: goipp.TagPrinterGroup, Attrs: list}}, rest: rest}, err
}

// identifyPrinter cannot make a queue flash. It says which one it is.
func (q *request) identifyPrinter() (answer, error) {
	for _, a := range ipp.Texts(q.msg.Operation, "identify-actions") {
		if a != "display" {
			q.unsupported.Add(ipp.Keyword("identify-actions", a))
		}
	}
	q.s.Log.Info("ipp: asked to identify a queue", "queue", q.queue.Name, "client", q.client.String())
	return answer{}, nil
}

// jobID finds out which job a request is about.
func (q *request) jobID() (int64, error) {
	if n, ok := ipp.Int(q.msg.Operation, "job-id"); ok && n > 0 {
		return int64(n), nil
	}
	if n, ok := jobOf(ipp.Text(q.msg.Operation, "job-uri")); ok {
		return n, nil
	}
	return 0, &fault.Error{Op: "ippsrv.jobID", Kind: fault.Invalid, Text: "The request names no job: job-id or job-uri is missing."}
}

func (q *request) job() (job.Job, error) {
	id, err := q.jobID()
	if err != nil {
		return job.Job{}, err
	}
	return q.s.Intake.Own(q.ctx, q.requester(), id)
}

func (q *request) getJobAttributes() (answer, error) {
	j, err := q.job()
	if err != nil {
		return answer{}, err
	}
	if q.isBackend() && j.State == job.Held {
		j.State = job.Pending // and the reasons say why
	}
	return answer{groups: []goipp.Group{{Tag: goipp.TagJobGroup, Attrs: q.jobAttributes(&j, wantedBy(q.msg, "all"))}}}, nil
}

// backendAsks is what the ipp backend of CUPS asks about the job that it waits
// for.
var backendAsks = []string{
	"job-id", "job-impressions-completed", "job-media-sheets-completed", "job-name", "job-originating-user-name", "job-state", "job-state-reasons",
}

// isBackend reports whether a print spooler of CUPS asks for whom a job is still
// under way. CUPS 2.4.2, as in Debian 12, takes pending-held for the end: the
// job vanishes from the user's view at once, and with it the way to cancel it.
// Later versions wait until the job is done, whatever it is called until then.
// See docs/decisions/0012-what-a-held-job-is-called.md.
func (q *request) isBackend() bool {
	asked := ipp.Texts(q.msg.Operation, "requested-attributes")
	return strings.HasPrefix(q.http.UserAgent(), "CUPS/") && slices.Equal(slices.Sorted(slices.Values(asked)), backendAsks)
}

// mostJobs is how many jobs one answer of Get-Jobs lists.
const mostJobs = 1000

// whichJobs are the states behind the keywords of which-jobs (RFC 8011, section
// 4.2.6.1, and PWG 5100.7).
var whichJobs = map[string][]job.State{
	"all": nil, "not-completed": {job.Pending, job.Held, job.Processing, job.Stopped}, "completed": {job.Canceled, job.Aborted, job.Completed},
	"aborted": {job.Aborted}, "canceled": {job.Canceled}, "pending": {job.Pending}, "pending-held": {job.Held},
	"processing": {job.Processing}, "processing-stopped": {job.Stopped},
}

// getJobs lists jobs of the one who asks: nobody else's can be seen here. An
// administrator sees those of everybody unless my-jobs is true.
func (q *request) getJobs() (answer, error) {
	op := q.msg.Operation
	if ids := ipp.Ints(op, "job-ids"); len(ids) > 0 {
		return q.getJobsByID(ids)
	}
	which := ipp.Text(op, "which-jobs")
	if which == "" {
		which = "not-completed"
	}
	states, ok := whichJobs[which]
	if !ok {
		q.unsupported.Add(ipp.Keyword("which-jobs", which))
		return answer{}, refuse(statusAttributes, fault.Invalid, "Jobs cannot be listed like that: %s.", which)
	}
	limit, has := ipp.Int(op, "limit")
	if _, given := ipp.Find(op, "limit"); given && (!has || limit < 1) {
		return answer{}, &fault.Error{Op: "ippsrv.getJobs", Kind: fault.Invalid, Text: "The limit is at least 1."}
	}
	if !has || limit > mostJobs {
		limit = mostJobs
	}
	r := q.requester()
	if mine, _ := ipp.Bool(op, "my-jobs"); mine {
		r.Admin = false
	}
	open := len(states) > 0 && !states[0].Done()
	w := wantedBy(q.msg, "job-id", "job-uri")
	f := job.Sent{Queue: q.queue.ID, Open: open, Done: len(states) > 0 && !open, Limit: limit, Bare: !w.needsDocuments()}
	if len(states) == 1 {
		f.Limit = mostJobs
	}
	if from, ok := ipp.Int(op, "first-job-id"); ok && from > 0 {
		f.Limit = mostJobs
	}
	list, err := q.s.Intake.OwnJobs(q.ctx, r, f)
	if err != nil {
		return answer{}, err
	}
	if from, ok := ipp.Int(op, "first-job-id"); ok {
		list = slices.DeleteFunc(list, func(j job.Job) bool { return j.ID < int64(from) })
	}
	if len(states) > 0 {
		list = slices.DeleteFunc(list, func(j job.Job) bool { return !slices.Contains(states, j.State) })
	}
	if open { // in the order in which they will print; finished ones the other way round
		slices.Reverse(list)
	}
	return q.listed(list[:min(limit, len(list))]), nil
}

func (q *request) listed(list []job.Job) answer {
	w := wantedBy(q.msg, "job-id", "job-uri")
	a := answer{groups: make([]goipp.Group, 0, len(list))}
	for i := range list {
		a.groups = append(a.groups, goipp.Group{Tag: goipp.TagJobGroup, Attrs: q.jobAttributes(&list[i], w)})
	}
	return a
}

func (q *request) getJobsByID(ids []int) (answer, error) {
	var list []job.Job
	for _, id := range ids[:min(len(ids), mostJobs)] {
		j, err := q.s.Intake.Own(q.ctx, q.requester(), int64(id))
		if fault.Is(err, fault.NotFound) {
			q.unsupported.Add(ipp.Integer("job-ids", id))
			continue
		}
		if err != nil {
			return answer{}, err
		}
		list = append(list, j)
	}
	return q.listed(list), nil
}

func (q *request) cancelJob() (answer, error) {
	id, err := q.jobID()
	if err != nil {
		return answer{}, err
	}
	return answer{}, q.cancel(id)
}

func (q *request) cancel(id int64) error {
	err := q.s.Intake.CancelOwn(q.ctx, q.requester(), id)
	if err == nil {
		q.s.open.forget(id)
		q.changed(id)
	}
	return err
}

// changed tells subscribers about a job that this request has changed.
func (q *request) changed(id int64) {
	if j, err := q.s.Intake.Own(q.ctx, q.requester(), id); err == nil {
		q.s.hub.jobChanged(j)
	}
}

// cancelMyJobs cancels the named jobs, or all of the one who asks; all of them or
// none (PWG 5100.11, section 4.2).
func (q *request) cancelMyJobs() (answer, error) {
	r := q.requester()
	if q.op() == goipp.OpCancelMyJobs {
		r.Admin = false
	}
	ids := ipp.Ints(q.msg.Operation, "job-ids")
	if len(ids) == 0 {
		list, err := q.s.Intake.OwnJobs(q.ctx, r, job.Sent{Queue: q.queue.ID, Open: true, Limit: mostJobs})
		if err != nil {
			return answer{}, err
		}
		for _, j := range list {
			ids = append(ids, int(j.ID))
		}
	}
	for _, id := range ids {
		j, err := q.s.Intake.Own(q.ctx, r, int64(id))
		if err == nil && j.State.Done() {
			err = &fault.Error{Op: "ippsrv.cancelMyJobs", Kind: fault.Conflict, Text: "Job %d is done already.", Args: []any{id}}
		}
		if err != nil {
			q.unsupported.Add(ipp.Integer("job-ids", id))
			return answer{}, err
		}
	}
	for _, id := range ids {
		if err := q.cancel(int64(id)); err != nil && !fault.Is(err, fault.Conflict) {
			return answer{}, err
		}
	}
	return answer{}, nil
}

func (q *request) holdJob() (answer, error) {
	id, err := q.jobID()
	if err != nil {
		return answer{}, err
	}
	if until := ipp.Text(q.msg.Operation, "job-hold-until"); until == "no-hold" {
		return q.releaseJob()
	}
	if err := q.s.Intake.HoldOwn(q.ctx, q.requester(), id); err != nil {
		return answer{}, err
	}
	q.changed(id)
	return answer{}, nil
}

func (q *request) releaseJob() (answer, error) {
	id, err := q.jobID()
	if err != nil {
		return answer{}, err
	}
	if err := q.s.Intake.ReleaseOwn(q.ctx, q.requester(), id); err != nil {
		return answer{}, err
	}
	q.changed(id)
	return answer{}, nil
}

// setJobAttributes changes a held job (RFC 3380, section 4.2). All or nothing.
func (q *request) setJobAttributes() (answer, error) {
	id, err := q.jobID()
	if err != nil {
		return answer{}, err
	}
	p, err := q.printer()
	if err != nil {
		return answer{}, err
	}
	if len(q.msg.Job) == 0 {
		return answer{}, &fault.Error{Op: "ippsrv.setJobAttributes", Kind: fault.Invalid, Text: "There is nothing to change."}
	}
	for _, a := range q.msg.Job {
		i := slices.IndexFunc(templateAttributes, func(x templateAttribute) bool { return x.name == a.Name })
		removes := ipp.Tag(a) == goipp.TagDeleteAttr
		switch {
		case !slices.Contains(settable, a.Name):
			q.unsupported.Add(goipp.MakeAttribute(a.Name, goipp.TagNotSettable, goipp.Void{}))
		case !removes && i >= 0 && !templateAttributes[i].fits(p, a):
			q.unsupported.Add(a)
		}
	}
	if len(q.unsupported) > 0 {
		return answer{}, refuse(statusAttributes, fault.Invalid, "These cannot be changed like that: %s.", names(q.unsupported))
	}
	var bad error
	err = q.s.Intake.ChangeTicket(q.ctx, q.requester(), id, func(t *job.Ticket) { bad = changeTicket(p, t, q.msg.Job) })
	if err == nil {
		err = bad
	}
	if err != nil {
		return answer{}, err
	}
	q.changed(id)
	return answer{}, nil
}

// changeTicket writes attributes over those that a ticket has.
func changeTicket(p *printer, t *job.Ticket, changes goipp.Attributes) error {
	list := slices.Clone(templateOf(t))
	for _, a := range changes {
		if a.Name == "job-name" {
			t.Title = ipp.Cut(text(a), 255)
			continue
		}
		list = slices.DeleteFunc(list, func(x goipp.Attribute) bool { return x.Name == a.Name })
		if ipp.Tag(a) != goipp.TagDeleteAttr {
			list.Add(a)
		}
	}
	t.Copies, t.Sides, t.Colour, t.Media, t.Finishings, t.Ranges, t.HoldUntil, t.Account, t.Template = 0, "", "", "", nil, nil, "", "", nil
	for _, a := range list {
		for _, x := range templateAttributes {
			if x.name == a.Name && x.note != nil {
				x.note(p, a, t)
			}
		}
	}
	if len(list) == 0 {
		return nil
	}
	m := goipp.Message{Version: goipp.DefaultVersion, RequestID: 1, Job: list}
	b, err := m.EncodeBytes()
	t.Template = b
	return err
}

// restartJob prints a job again whose document was kept, or holds it again for its
// owner (RFC 8011, section 4.3.7).
func (q *request) restartJob() (answer, error) {
	id, err := q.jobID()
	if err != nil {
		return answer{}, err
	}
	if err := q.s.Intake.RestartOwn(q.ctx, q.requester(), id); err != nil {
		return answer{}, err
	}
	q.changed(id)
	return answer{}, nil
}

// getDocuments lists the documents of a job, or tells of one of them (PWG 5100.5,
// sections 4.2 and 4.3).
func (q *request) getDocuments() (answer, error) {
	j, err := q.job()
	if err != nil {
		return answer{}, err
	}
	one, named := ipp.Int(q.msg.Operation, "document-number")
	w := wantedBy(q.msg, "all")
	a := answer{}
	for _, d := range j.Documents {
		if named && d.Number != one {
			continue
		}
		b := builder{wanted: w, group: "document-description"}
		state := 3 // pending
		switch {
		case j.State.Done():
			state = int(j.State)
		case j.State == job.Processing:
			state = 5
		}
		b.wanted.all = b.wanted.all || w.groups["document-description"]
		b.add(ipp.Integer("document-number", d.Number), ipp.Integer("document-job-id", int(j.ID)), ipp.URI("document-job-uri", q.jobURI(j.ID)),
			ipp.URI("document-printer-uri", q.printerURI()), ipp.Enum("document-state", state), ipp.Keyword("document-state-reasons", "none"),
			ipp.MIME("document-format", mimeOf(d.Language)), ipp.Name("document-name", d.Name), ipp.Integer("k-octets", int((d.Octets+1023)/1024)),
			known("pages", d.Count.Pages), ipp.Boolean("last-document", d.Number == len(j.Documents)),
			ipp.Charset("attributes-charset", "utf-8"), ipp.Language("attributes-natural-language", "en"))
		a.groups = append(a.groups, goipp.Group{Tag: goipp.TagDocumentGroup, Attrs: b.list})
	}
	if named && len(a.groups) == 0 {
		return answer{}, &fault.Error{Op: "ippsrv.getDocuments", Kind: fault.NotFound, Text: "Job %d has no document %d.", Args: []any{j.ID, one}}
	}
	return a, nil
}

// settableOfPrinter are what Set-Printer-Attributes changes.
var settableOfPrinter = []string{"printer-geo-location", "printer-info", "printer-location", "printer-organization", "printer-organizational-unit"}

// setPrinterAttributes changes what an administrator may say of a queue (RFC
// 3380, section 4.1). All or nothing.
func (q *request) setPrinterAttributes() (answer, error) {
	now := q.queue
	fields := map[string]*string{
		"printer-info": &now.Info, "printer-location": &now.IPP.Location, "printer-geo-location": &now.IPP.Geo,
		"printer-organization": &now.IPP.Organization, "printer-organizational-unit": &now.IPP.Unit,
	}
	if len(q.msg.Printer) == 0 {
		return answer{}, &fault.Error{Op: "ippsrv.setPrinterAttributes", Kind: fault.Invalid, Text: "There is nothing to change."}
	}
	for _, a := range q.msg.Printer {
		f, ok := fields[a.Name]
		if !ok {
			q.unsupported.Add(goipp.MakeAttribute(a.Name, goipp.TagNotSettable, goipp.Void{}))
			continue
		}
		*f = ipp.Cut(text(a), 127)
	}
	if len(q.unsupported) > 0 {
		return answer{}, refuse(statusAttributes, fault.Invalid, "These cannot be changed like that: %s.", names(q.unsupported))
	}
	if err := q.s.Site.PutQueue(q.ctx, now); err != nil {
		return answer{}, err
	}
	q.s.hub.printerChanged(now.ID)
	return answer{}, nil
}

// queueChange makes an operation that changes the queue.
func queueChange(change func(*site.Queue)) func(*request) (answer, error) {
	return func(q *request) (answer, error) {
		now := q.queue
		change(&now)
		if err := q.s.Site.PutQueue(q.ctx, now); err != nil {
			return answer{}, err
		}
		q.s.hub.printerChanged(now.ID)
		q.s.Log.Info("ipp: queue changed by an administrator", "op", q.op().String(), "queue", now.Name, "user", q.person.Login)
		return answer{}, q.s.Intake.Resume(q.ctx, now)
	}
}
