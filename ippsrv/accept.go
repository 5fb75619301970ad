package ippsrv

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"errors"
	"io"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/OpenPrinting/goipp"

	"platen/fault"
	"platen/internal/unpack"
	"platen/ipp"
	"platen/job"
)

// jobOf finds the number at the end of a job-uri: .../jobs/17.
func jobOf(uri string) (int64, bool) {
	u, err := url.Parse(uri)
	if err != nil {
		return 0, false
	}
	i := strings.LastIndexByte(u.Path, '/')
	if i < 0 || !strings.HasSuffix(u.Path[:i], "/jobs") {
		return 0, false
	}
	n, err := strconv.ParseInt(u.Path[i+1:], 10, 64)
	return n, err == nil && n > 0
}

// checkFormat refuses what no device could print and nobody could convert, and
// what is packed in a way we do not know.
func (q *request) checkFormat() error {
	op := q.msg.Operation
	if f := ipp.Text(op, "document-format"); f != "" && !slices.Contains(queueFormats, f) {
		q.unsupported.Add(ipp.MIME("document-format", f))
		return refuse(statusFormatNotSupported, fault.Invalid, "Documents of this kind are not taken here: %s.", f)
	}
	if c := ipp.Text(op, "compression"); c != "" && c != "none" && c != "gzip" && c != "deflate" {
		q.unsupported.Add(ipp.Keyword("compression", c))
		return refuse(statusCompression, fault.Invalid, "Documents are packed with gzip or deflate, or not at all.")
	}
	if c := ipp.Text(op, "document-charset"); c != "" && !strings.EqualFold(c, "utf-8") && !strings.EqualFold(c, "us-ascii") {
		return refuse(statusCharset, fault.Invalid, "The charset is utf-8.")
	}
	return nil
}

// accepting refuses early what Intake would refuse: for printer-is-accepting-jobs
// IPP has a status of its own.
func (q *request) accepting() error {
	if !q.queue.AcceptJobs {
		return refuse(statusNotAccepting, fault.Unavailable, "The queue %s takes no jobs at the moment.", q.queue.Name)
	}
	return nil
}

func (q *request) validateJob() (answer, error) {
	t, err := q.asked()
	if err != nil {
		return answer{}, err
	}
	return answer{}, q.s.Intake.Check(q.ctx, q.origin(), t)
}

// asked is everything that is checked before a document is taken.
func (q *request) asked() (job.Ticket, error) {
	if err := q.accepting(); err != nil {
		return job.Ticket{}, err
	}
	if err := q.checkFormat(); err != nil {
		return job.Ticket{}, err
	}
	p, err := q.printer()
	if err != nil {
		return job.Ticket{}, err
	}
	return q.ticket(p)
}

func (q *request) printJob() (answer, error) {
	t, err := q.asked()
	if err != nil {
		return answer{}, err
	}
	in, err := q.s.Intake.Open(q.ctx, q.origin())
	if err != nil {
		return answer{}, err
	}
	defer in.Abandon()
	n, err := q.document(in)
	if err != nil {
		return answer{}, err
	}
	if n == 0 {
		return answer{}, &fault.Error{Op: "ippsrv.printJob", Kind: fault.Invalid, Text: "The job has no document."}
	}
	j, err := in.Submit(q.ctx, t, []job.Piece{{Number: n, Name: q.documentName(), Copies: max(1, t.Copies)}})
	if err != nil {
		return answer{}, err
	}
	return q.accepted(&j), nil
}

func (q *request) documentName() string {
	return ipp.Cut(ipp.Text(q.msg.Operation, "document-name"), 255)
}

// accepted is the answer to a job that is durable, or open.
func (q *request) accepted(j *job.Job) answer {
	q.s.hub.jobChanged(*j)
	state, reasons, message := q.s.shown(j, q.queue)
	a := answer{durable: !j.Has(job.Incoming), groups: []goipp.Group{{Tag: goipp.TagJobGroup, Attrs: goipp.Attributes{
		ipp.Integer("job-id", int(j.ID)), ipp.URI("job-uri", q.jobURI(j.ID)), ipp.URI("job-uuid", "urn:uuid:"+j.UUID),
		ipp.Enum("job-state", state), ipp.Keyword("job-state-reasons", reasons...), ipp.TextWithout("job-state-message", message),
	}}}}
	if list := q.subscriptionGroups(); len(list) > 0 { // RFC 3995, section 11.1.3
		a.groups = append(a.groups, q.subscribe(list, j.ID)...)
	}
	return a
}

// document streams what follows the attributes into an arrival. number is 0 when
// nothing follows.
func (q *request) document(in job.Arrival) (number int, err error) {
	if _, err := q.body.Peek(1); errors.Is(err, io.EOF) {
		return 0, nil
	}
	r, err := q.unpacked()
	if err != nil {
		return 0, err
	}
	number, err = in.Document(q.ctx, q.documentName(), r)
	return number, cutShort(err)
}

// cutShort says whose fault it is that a document did not arrive.
func cutShort(err error) error {
	if e := (*fault.Error)(nil); err == nil || errors.As(err, &e) {
		return err
	}
	if r := (*refusal)(nil); errors.As(err, &r) {
		return err
	}
	return &fault.Error{Op: "ippsrv.document", Kind: fault.Invalid, Text: "The document did not arrive whole.", Err: err}
}

// unpacked undoes compression (RFC 8011, section 5.4.32). deflate is RFC 1951
// there; some clients send it with the two octets of RFC 1950 before it.
func (q *request) unpacked() (io.Reader, error) {
	packed := &unpack.Counted{R: q.body}
	var r io.Reader
	switch ipp.Text(q.msg.Operation, "compression") {
	case "gzip":
		z, err := gzip.NewReader(packed)
		if err != nil {
			return nil, unpackable(err)
		}
		r = z
	case "deflate":
		head, err := q.body.Peek(2)
		if err == nil && head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
			z, err := zlib.NewReader(packed)
			if err != nil {
				return nil, unpackable(err)
			}
			r = z
		} else {
			r = flate.NewReader(bufio.NewReader(packed))
		}
	default:
		return q.body, nil
	}
	return corrupt{&unpack.Bounded{
		R: r, Packed: packed, Free: q.s.Limits.Expansion, Ratio: q.s.Limits.Ratio,
		TooMuch: &refusal{statusCompressionError, &fault.Error{Op: "ippsrv.unpacked", Kind: fault.TooLarge, Text: "The document grows too much when it is unpacked."}},
	}}, nil
}

func unpackable(err error) error {
	return &refusal{statusCompressionError, &fault.Error{Op: "ippsrv.unpacked", Kind: fault.Invalid, Text: "The document cannot be unpacked.", Err: err}}
}

// corrupt tells octets that cannot be unpacked from those that did not come.
type corrupt struct{ io.Reader }

func (c corrupt) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	var e flate.CorruptInputError
	if errors.As(err, &e) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) || errors.Is(err, zlib.ErrChecksum) {
		err = unpackable(err)
	}
	return n, err
}

// openJob is a job between Create-Job and its last document.
type openJob struct {
	mu     sync.Mutex // one operation at a time
	in     job.Opened
	client netip.Addr
	ticket job.Ticket
	pieces []job.Piece
	last   time.Time // of the last operation
	gone   bool
}

// openJobs are those whose documents are still to come. They live in memory: a
// node that stops ends them, and nobody was told that they are here whole.
type openJobs struct {
	mu   sync.Mutex
	jobs map[int64]*openJob
}

func (o *openJobs) find(id int64) *openJob {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.jobs[id]
}

// room reports whether a client may announce another job. One that announces jobs
// and sends no documents is only in its own way.
func (o *openJobs) room(client netip.Addr, l *Limits) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	own := 0
	for _, x := range o.jobs {
		if x.client == client {
			own++
		}
	}
	return len(o.jobs) < l.Open && own < l.OpenPerIP
}

func (o *openJobs) add(id int64, j *openJob) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.jobs == nil {
		o.jobs = map[int64]*openJob{}
	}
	o.jobs[id] = j
}

// forget ends an open job that was canceled: what has come of it goes.
func (o *openJobs) forget(id int64) {
	o.mu.Lock()
	j := o.jobs[id]
	delete(o.jobs, id)
	o.mu.Unlock()
	if j == nil {
		return
	}
	go func() { // a document may be arriving just now
		j.mu.Lock()
		defer j.mu.Unlock()
		j.gone = true
		j.in.Abandon()
	}()
}

func (o *openJobs) done(id int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.jobs, id)
}

// late returns the open jobs that nobody has touched since a time.
func (o *openJobs) late(before time.Time) map[int64]*openJob {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := map[int64]*openJob{}
	for id, j := range o.jobs {
		if j.mu.TryLock() {
			if !j.last.After(before) {
				list[id] = j
			}
			j.mu.Unlock()
		}
	}
	return list
}

func (q *request) createJob() (answer, error) {
	t, err := q.asked()
	if err != nil {
		return answer{}, err
	}
	if !q.s.open.room(q.client, &q.s.Limits) { // before the row: as many connections as there are may pass at once
		return answer{}, refuse(statusBusy, fault.Unavailable, "So many jobs are arriving that there is no room for another. Please try again later.")
	}
	in, err := q.s.Intake.Create(q.ctx, q.origin(), t)
	if err != nil {
		return answer{}, err
	}
	j := in.Job()
	q.s.open.add(j.ID, &openJob{in: in, client: q.client, ticket: t, last: q.s.Now()})
	return q.accepted(&j), nil
}

// opened finds the open job of the request and has it alone.
func (q *request) opened() (*openJob, job.Job, error) {
	j, err := q.job()
	if err != nil {
		return nil, j, err
	}
	o := q.s.open.find(j.ID)
	if o == nil {
		return nil, j, &fault.Error{Op: "ippsrv.opened", Kind: fault.Conflict, Text: "Job %d takes no documents any longer.", Args: []any{j.ID}}
	}
	o.mu.Lock()
	if o.gone {
		o.mu.Unlock()
		return nil, j, &fault.Error{Op: "ippsrv.opened", Kind: fault.Conflict, Text: "Job %d takes no documents any longer.", Args: []any{j.ID}}
	}
	return o, j, nil
}

func (q *request) sendDocument() (answer, error) {
	last, ok := ipp.Bool(q.msg.Operation, "last-document")
	if !ok {
		return answer{}, &fault.Error{Op: "ippsrv.sendDocument", Kind: fault.Invalid, Text: "The request does not say whether this is the last document."}
	}
	if err := q.checkFormat(); err != nil {
		return answer{}, err
	}
	o, j, err := q.opened()
	if err != nil {
		return answer{}, err
	}
	defer o.mu.Unlock()
	n, err := q.document(o.in)
	o.last = q.s.Now()
	if err != nil { // what has not come whole is as if it had not been sent: the client may send it again
		return answer{}, err
	}
	switch {
	case n > 0:
		o.pieces = append(o.pieces, job.Piece{Number: n, Name: q.documentName(), Copies: max(1, o.ticket.Copies)})
	case !last:
		return answer{}, &fault.Error{Op: "ippsrv.sendDocument", Kind: fault.Invalid, Text: "The request has no document."}
	}
	if !last {
		return q.accepted(&j), nil
	}
	return q.finish(o, j)
}

func (q *request) closeJob() (answer, error) {
	o, j, err := q.opened()
	if err != nil {
		if fault.Is(err, fault.Conflict) && j.ID != 0 && !j.State.Done() { // closed already
			return answer{}, nil
		}
		return answer{}, err
	}
	defer o.mu.Unlock()
	return q.finish(o, j)
}

// finish makes an open job durable. Without documents there is nothing to print.
func (q *request) finish(o *openJob, j job.Job) (answer, error) {
	done, err := q.s.submit(q.ctx, o, j.ID)
	if err != nil {
		return answer{}, err
	}
	return q.accepted(&done), nil
}

// submit ends an open job; the caller has its lock.
func (s *Server) submit(ctx context.Context, o *openJob, id int64) (job.Job, error) {
	o.gone = true
	s.open.done(id)
	if len(o.pieces) == 0 {
		o.in.Abandon()
		return job.Job{}, &fault.Error{Op: "ippsrv.submit", Kind: fault.Conflict, Text: "The job has no document."}
	}
	return o.in.Submit(ctx, o.ticket, o.pieces)
}

// watchOpen ends open jobs whose client has gone (multiple-operation-time-out):
// with what has come, where something has.
func (s *Server) watchOpen(ctx context.Context) {
	tick := time.NewTicker(max(time.Second, s.Limits.Operation/10))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.endLate(ctx, s.Now())
	}
}

// endLate ends the open jobs that nobody has touched for too long.
func (s *Server) endLate(ctx context.Context, now time.Time) {
	for id, o := range s.open.late(now.Add(-s.Limits.Operation)) {
		o.mu.Lock()
		if !o.gone {
			j, err := s.submit(ctx, o, id)
			if err == nil {
				s.hub.jobChanged(j)
			}
			s.Log.Warn("ipp: a job was left open by its client", "job", id, "error", err)
		}
		o.mu.Unlock()
	}
}
