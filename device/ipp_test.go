package device_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/OpenPrinting/goipp"

	"platen/device"
	"platen/fault"
	"platen/internal/testkit/devicetest"
	"platen/internal/testkit/peers"
	"platen/ipp"
	"platen/job"
	"platen/site"
)

// printed is one job that a printer has.
type printed struct {
	id      int
	name    string
	user    string
	copies  int
	sides   string
	tmpl    goipp.Attributes // of the job, all of them
	formats []string
	octets  int
	state   int // 3 while documents are missing, or 5
	reason  string
	polls   int
}

// printer is a small IPP printer. Its fields are set before it is spoken to, or
// under its lock.
type printer struct {
	devicetest.Manner
	*httptest.Server

	mu       sync.Mutex
	docs     [][]byte
	octets   int64
	jobs     []*printed
	asked    []goipp.Op
	stop     chan struct{}
	attrs    goipp.Attributes                                         // of the printer, instead of the usual ones of the same name
	statuses map[goipp.Op]goipp.Status                                // refusals
	end      func(*printed) (state int, reason string)                // of a job that is whole, when it is asked about
	counts   func(*printed) (impressions, sheets int)                 // nil counts nothing
	before   func(w http.ResponseWriter, op goipp.Op) (answered bool) // looks at every request first
	reading  func(r *http.Request, n int64)                           // is told of octets of documents
	noAll    bool                                                     // which-jobs has no "all"
	conn     func(net.Conn)                                           // told of a connection that stalls
}

func newPrinter(t *testing.T, m devicetest.Manner, change ...func(*printer)) *printer {
	t.Helper()
	p := &printer{Manner: m, stop: make(chan struct{}), statuses: map[goipp.Op]goipp.Status{}}
	for _, c := range change {
		c(p)
	}
	p.Server = httptest.NewServer(p)
	t.Cleanup(func() { close(p.stop); p.CloseClientConnections(); p.Close() })
	return p
}

func (p *printer) uri() string { return "ipp://" + p.Listener.Addr().String() + "/ipp/print" }

func (p *printer) Documents() [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.docs)
}

func (p *printer) Octets() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.octets
}

func (p *printer) ops() []goipp.Op {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}

func (p *printer) job(i int) printed {
	p.mu.Lock()
	defer p.mu.Unlock()
	return *p.jobs[i]
}

func (p *printer) set(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

func (p *printer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m, err := ipp.Read(r.Body, ipp.RequestLimits())
	if err != nil || r.Header.Get("Content-Type") != goipp.ContentType {
		http.Error(w, "no IPP", http.StatusBadRequest)
		return
	}
	op := goipp.Op(m.Code)
	p.set(func() { p.asked = append(p.asked, op) })
	if p.before != nil && p.before(w, op) {
		return
	}
	a := goipp.NewResponse(m.Version, goipp.StatusOk, m.RequestID)
	a.Operation = goipp.Attributes{ipp.Charset("attributes-charset", "utf-8"), ipp.Language("attributes-natural-language", "en")}
	groups := goipp.Groups{}
	status, refused := p.statuses[op]
	if p.Refuse && slices.Contains([]goipp.Op{goipp.OpValidateJob, goipp.OpCreateJob, goipp.OpPrintJob}, op) {
		status, refused = goipp.StatusErrorBusy, true
	}
	if refused {
		a.Code = goipp.Code(status)
		p.answer(w, a, nil)
		return
	}
	switch op {
	case goipp.OpGetPrinterAttributes:
		groups = append(groups, goipp.Group{Tag: goipp.TagPrinterGroup, Attrs: p.about()})
	case goipp.OpValidateJob:
	case goipp.OpCreateJob, goipp.OpPrintJob:
		j := p.create(m)
		if op == goipp.OpPrintJob && !p.take(w, r, j, m) {
			return
		}
		groups = append(groups, goipp.Group{Tag: goipp.TagJobGroup, Attrs: p.tell(j)})
	case goipp.OpSendDocument:
		j := p.find(m)
		if j == nil || !p.take(w, r, j, m) {
			return
		}
		groups = append(groups, goipp.Group{Tag: goipp.TagJobGroup, Attrs: p.tell(j)})
	case goipp.OpGetJobAttributes, goipp.OpCancelJob:
		j := p.find(m)
		if j == nil {
			a.Code = goipp.Code(goipp.StatusErrorNotFound)
			break
		}
		p.move(j, op == goipp.OpCancelJob)
		groups = append(groups, goipp.Group{Tag: goipp.TagJobGroup, Attrs: p.tell(j)})
	case goipp.OpGetJobs:
		which := ipp.Text(m.Operation, "which-jobs")
		if which == "all" && p.noAll {
			a.Code = goipp.Code(goipp.StatusErrorAttributesOrValues)
			break
		}
		p.mu.Lock()
		all := slices.Clone(p.jobs)
		p.mu.Unlock()
		for _, j := range all {
			p.move(j, false)
			if which == "all" || (which == "completed") == (j.state >= 7) {
				groups = append(groups, goipp.Group{Tag: goipp.TagJobGroup, Attrs: p.tell(j)})
			}
		}
	default:
		a.Code = goipp.Code(goipp.StatusErrorOperationNotSupported)
	}
	p.answer(w, a, groups)
}

func (p *printer) answer(w http.ResponseWriter, a *goipp.Message, groups goipp.Groups) {
	a.Groups = append(goipp.Groups{{Tag: goipp.TagOperationGroup, Attrs: a.Operation}}, groups...)
	b, err := a.EncodeBytes()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", goipp.ContentType)
	_, _ = w.Write(b)
}

func (p *printer) about() goipp.Attributes {
	usual := goipp.Attributes{
		ipp.Enum("printer-state", 3), ipp.Keyword("printer-state-reasons", "none"), ipp.Boolean("printer-is-accepting-jobs", true),
		ipp.MIME("document-format-supported", "application/octet-stream", "application/pdf", "image/jpeg"),
		ipp.Enum("operations-supported", 2, 4, 5, 6, 8, 9, 10, 11), ipp.Boolean("multiple-document-jobs-supported", true),
	}
	all := slices.Clone(p.attrs)
	for _, u := range usual {
		if _, there := ipp.Find(all, u.Name); !there {
			all = append(all, u)
		}
	}
	return all
}

func (p *printer) create(m *goipp.Message) *printed {
	p.mu.Lock()
	defer p.mu.Unlock()
	j := &printed{id: len(p.jobs) + 1, name: ipp.Text(m.Operation, "job-name"), user: ipp.Text(m.Operation, "requesting-user-name"), state: 3, reason: "job-incoming"}
	j.copies, _ = ipp.Int(m.Job, "copies")
	j.sides = ipp.Text(m.Job, "sides")
	j.tmpl = m.Job
	p.jobs = append(p.jobs, j)
	return j
}

func (p *printer) find(m *goipp.Message) *printed {
	p.mu.Lock()
	defer p.mu.Unlock()
	id, _ := ipp.Int(m.Operation, "job-id")
	if id < 1 || id > len(p.jobs) {
		return nil
	}
	return p.jobs[id-1]
}

// take reads a document as the manner says; false when there is no answer.
func (p *printer) take(w http.ResponseWriter, r *http.Request, j *printed, m *goipp.Message) bool {
	var doc bytes.Buffer
	buf := make([]byte, 16<<10)
	for {
		size := int64(len(buf))
		if p.Die || p.Stall {
			size = min(size, p.At-p.Octets())
		}
		if size <= 0 {
			p.sulk(w, j)
			return false
		}
		n, err := r.Body.Read(buf[:size])
		doc.Write(buf[:n])
		p.set(func() { p.octets += int64(n); j.octets += n })
		if p.reading != nil {
			p.reading(r, p.Octets())
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			p.set(func() { j.state, j.reason = 8, "aborted-by-system" })
			return false
		}
	}
	if (p.Die || p.Stall) && p.Octets() >= p.At {
		p.sulk(w, j)
		return false
	}
	last, said := ipp.Bool(m.Operation, "last-document")
	p.set(func() {
		p.docs = append(p.docs, doc.Bytes())
		j.formats = append(j.formats, ipp.Text(m.Operation, "document-format"))
		if last || !said {
			j.state, j.reason = 5, "job-printing"
		}
	})
	return true
}

// sulk resets the connection, or holds it and reads no more.
func (p *printer) sulk(w http.ResponseWriter, j *printed) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	if p.Stall {
		if p.conn != nil {
			p.conn(conn)
		}
		<-p.stop
	} else {
		p.set(func() { j.state, j.reason = 8, "aborted-by-system" })
		_ = conn.(*net.TCPConn).SetLinger(0)
	}
	conn.Close()
}

// move takes a job a step further when it is asked about.
func (p *printer) move(j *printed, cancel bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	j.polls++
	switch {
	case j.state >= 7:
	case cancel:
		j.state, j.reason = 7, "job-canceled-by-user"
	case (j.state == 5 || j.state == 6) && p.end != nil:
		j.state, j.reason = p.end(j)
	case j.state == 5:
		j.state, j.reason = 9, "job-completed-successfully"
	}
}

func (p *printer) tell(j *printed) goipp.Attributes {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := goipp.Attributes{
		ipp.Integer("job-id", j.id), ipp.Name("job-name", j.name), ipp.Enum("job-state", j.state), ipp.Keyword("job-state-reasons", j.reason),
	}
	if p.counts != nil {
		i, s := p.counts(j)
		a = append(a, ipp.Integer("job-impressions-completed", i), ipp.Integer("job-media-sheets-completed", s))
	}
	return a
}

// humble takes the acknowledgement of a job for nothing more than that it was
// delivered. The suite's silent device never acknowledges; one that speaks IPP
// has to, and what is left of silence is that it never confirms.
type humble struct{ device.Device }

func (h humble) Deliver(ctx context.Context, d device.Delivery) (device.Result, error) {
	res, err := h.Device.Deliver(ctx, d)
	if res.Evidence == job.Acknowledged {
		res.Evidence = job.Delivered
	}
	return res, err
}

// patientIPP leaves a busy machine its time.
func patientIPP() device.Settings {
	s := quick()
	s.Answer = 20 * time.Second
	return s
}

func TestIPP(t *testing.T) {
	plans := map[string]func(*printer){
		"Create-Job":   func(*printer) {},
		"one document": func(p *printer) { p.attrs = goipp.Attributes{ipp.Boolean("multiple-document-jobs-supported", false)} },
		"Print-Job":    func(p *printer) { p.attrs = goipp.Attributes{ipp.Enum("operations-supported", 2, 4, 8, 9, 10, 11)} },
		"says very little": func(p *printer) {
			p.attrs = goipp.Attributes{ipp.Unknown("document-format-supported"), ipp.Unknown("printer-state"), ipp.Unknown("printer-is-accepting-jobs")}
		},
	}
	for name, plan := range plans {
		t.Run(name, func(t *testing.T) {
			devicetest.Run(t, func(t *testing.T, m devicetest.Manner) (device.Device, devicetest.Sink) {
				p := newPrinter(t, m, plan)
				if m.Silent {
					p.statuses[goipp.OpGetJobAttributes] = goipp.StatusErrorNotFound
				}
				return humble{open(t, site.Device{URI: p.uri()}, patientIPP())}, p
			})
		})
	}
}

// ippDelivery is a delivery of one PDF that counts its notices.
func ippDelivery(b []byte) (device.Delivery, *[]string) {
	d := devicetest.Delivery(devicetest.Doc("pdf", b))
	d.Send = job.NewUUID()
	var mu sync.Mutex
	texts := &[]string{}
	d.Notice = func(c site.Condition) {
		mu.Lock()
		defer mu.Unlock()
		*texts = append(*texts, c.Text)
	}
	return d, texts
}

var somePDF = append([]byte("%PDF-1.7\n"), devicetest.Bytes(12, 9000)...)

func TestIPPTellsAndIsTold(t *testing.T) {
	p := newPrinter(t, devicetest.Manner{}, func(p *printer) {
		p.counts = func(*printed) (int, int) { return 7, 4 }
	})
	d, _ := ippDelivery(somePDF)
	d.Title, d.User = "Grüße\x00\n"+strings.Repeat("ü", 200), "anna"
	sent := 0
	d.Sent = func() { sent++ }
	res, err := open(t, site.Device{URI: p.uri()}, patientIPP()).Deliver(t.Context(), d)
	if err != nil || res.Evidence != job.Confirmed || res.Impressions != 7 || res.Sheets != 4 || res.Octets != int64(len(somePDF)) {
		t.Fatalf("result %+v, %v", res, err)
	}
	j := p.job(0)
	if !strings.HasPrefix(j.name, d.UUID+"/"+d.Send[24:]+" Grüße  ü") || len(j.name) < 253 || len(j.name) > 255 || j.user != "anna" {
		t.Errorf("job %+v", j)
	}
	if !slices.Equal(j.formats, []string{"application/pdf"}) || sent != 1 {
		t.Errorf("formats %q, Sent called %d times", j.formats, sent)
	}
	want := []goipp.Op{goipp.OpGetPrinterAttributes, goipp.OpValidateJob, goipp.OpCreateJob, goipp.OpSendDocument, goipp.OpGetJobAttributes}
	if got := p.ops(); !slices.Equal(got, want) {
		t.Errorf("asked %v, want %v", got, want)
	}
}

func TestIPPRefusals(t *testing.T) {
	printerSays := func(a ...goipp.Attribute) func(*printer) { return func(p *printer) { p.attrs = a } }
	status := func(op goipp.Op, s goipp.Status) func(*printer) { return func(p *printer) { p.statuses[op] = s } }
	web := func(status int, body string) func(*printer) {
		return func(p *printer) {
			p.before = func(w http.ResponseWriter, _ goipp.Op) bool {
				w.WriteHeader(status)
				_, _ = io.WriteString(w, body)
				return true
			}
		}
	}
	tests := map[string]struct {
		change  func(*printer)
		kind    fault.Kind
		text    string
		refused bool // this very job
		begun   bool // Go was called
	}{
		"busy":             {change: status(goipp.OpCreateJob, goipp.StatusErrorBusy), kind: fault.Unavailable, text: "The device is busy with another job."},
		"busy at its end":  {change: status(goipp.OpSendDocument, goipp.StatusErrorBusy), kind: fault.Unavailable, text: "The device is busy with another job.", begun: true},
		"not accepting":    {change: printerSays(ipp.Boolean("printer-is-accepting-jobs", false)), kind: fault.Unavailable, text: "The device accepts no jobs at the moment."},
		"not accepting it": {change: status(goipp.OpCreateJob, goipp.StatusErrorNotAcceptingJobs), kind: fault.Unavailable, text: "The device accepts no jobs at the moment."},
		"no paper":         {change: printerSays(ipp.Enum("printer-state", 5), ipp.Keyword("printer-state-reasons", "marker-supply-low-report", "media-empty-error")), kind: fault.Unavailable, text: "The device needs paper."},
		"stopped":          {change: printerSays(ipp.Enum("printer-state", 5)), kind: fault.Unavailable, text: "The device is stopped."},
		"no such format":   {change: printerSays(ipp.MIME("document-format-supported", "image/urf")), kind: fault.Invalid, text: "This device does not print documents of this kind.", refused: true},
		"validate says no": {change: status(goipp.OpValidateJob, goipp.StatusErrorDocumentFormatNotSupported), kind: fault.Invalid, text: "This device does not print documents of this kind.", refused: true},
		"too large":        {change: status(goipp.OpSendDocument, goipp.StatusErrorRequestEntity), kind: fault.TooLarge, text: "The document is too large for the device.", refused: true, begun: true},
		"wants a password": {change: web(http.StatusUnauthorized, ""), kind: fault.Denied, text: "The device does not take jobs from this node; it wants a user name and a password, or has a list of who may print."},
		"not allowed":      {change: status(goipp.OpCreateJob, goipp.StatusErrorNotAuthorized), kind: fault.Denied, text: "The device does not take jobs from this node; it wants a user name and a password, or has a list of who may print."},
		"wrong path":       {change: web(http.StatusNotFound, ""), kind: fault.NotFound, text: "The device has no printer at this address; the path of its address is wrong."},
		"wants TLS":        {change: web(http.StatusUpgradeRequired, ""), kind: fault.Invalid, text: "The device wants an encrypted connection; its address must begin with ipps."},
		"a web page":       {change: web(http.StatusOK, "<html>Embedded Web Server</html>"), kind: fault.Unavailable, text: "The device does not answer as a printer does."},
		"sends elsewhere":  {change: web(http.StatusFound, ""), kind: fault.Unavailable, text: "The device does not answer as a printer does."},
		"a giant answer":   {change: web(http.StatusOK, giant()), kind: fault.Unavailable, text: "The device does not answer as a printer does."},
		"deep nesting":     {change: web(http.StatusOK, deep()), kind: fault.Unavailable, text: "The device does not answer as a printer does."},
		"half an answer":   {change: web(http.StatusOK, "\x02\x00\x00\x00\x00\x00\x00\x01\x01\x47"), kind: fault.Unavailable, text: "The device does not answer as a printer does."},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPrinter(t, devicetest.Manner{}, tt.change)
			d, _ := ippDelivery(somePDF)
			begun := false
			d.Go = func() error { begun = true; return nil }
			res, err := open(t, site.Device{URI: p.uri()}, patientIPP()).Deliver(t.Context(), d)
			if res.Evidence != job.NoneAccepted || res.Octets != 0 || !fault.Is(err, tt.kind) || fault.Text(err) != tt.text || device.Refused(err) != tt.refused || begun != tt.begun {
				t.Errorf("result %+v, %v (refused %v), Go called %v", res, err, device.Refused(err), begun)
			}
			if n := len(p.Documents()); n != 0 {
				t.Errorf("%d documents", n)
			}
		})
	}
}

const ippHead = "\x02\x00\x00\x00\x00\x00\x00\x01\x01"

// giant is an answer without an end in sight.
func giant() string {
	value := "\x44\x00\x01a\x7f\xf0" + strings.Repeat("x", 0x7ff0)
	return ippHead + strings.Repeat(value, 200)
}

// deep is an answer whose collections would overflow the stack of a codec that
// trusts them.
func deep() string {
	return ippHead + "\x34\x00\x01a\x00\x00" + strings.Repeat("\x4a\x00\x00\x00\x01m\x34\x00\x00\x00\x00", 300_000)
}

func TestIPPEndsOfJobs(t *testing.T) {
	tests := map[string]struct {
		state, impressions int
		reason             string
		evidence           job.Evidence
		kind               fault.Kind
		refused            bool
		counted            int
	}{
		"aborted before a page":     {state: 8, reason: "aborted-by-system", evidence: job.NoneAccepted, kind: fault.Unavailable, counted: 0},
		"aborted after two":         {state: 8, impressions: 2, reason: "aborted-by-system", evidence: job.Partial, kind: fault.Unavailable, counted: 2},
		"aborted, nobody counts":    {state: 8, impressions: -1, reason: "aborted-by-system", evidence: job.Partial, kind: fault.Unavailable, counted: job.Unknown},
		"unprintable":               {state: 8, reason: "document-format-error", evidence: job.NoneAccepted, kind: fault.Invalid, refused: true},
		"canceled at the device":    {state: 7, reason: "job-canceled-at-device", evidence: job.NoneAccepted, kind: fault.Conflict, refused: true},
		"canceled after one":        {state: 7, impressions: 1, reason: "job-canceled-at-device", evidence: job.Partial, kind: fault.Conflict, refused: true, counted: 1},
		"a count that cannot be":    {state: 8, impressions: 1 << 30, reason: "aborted-by-system", evidence: job.Partial, kind: fault.Unavailable, counted: job.Unknown},
		"completed, counts nothing": {state: 9, reason: "job-completed-successfully", evidence: job.Confirmed, counted: job.Unknown},
		"completed, cannot count":   {state: 9, impressions: -5, reason: "job-completed-successfully", evidence: job.Confirmed, counted: job.Unknown},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPrinter(t, devicetest.Manner{}, func(p *printer) {
				p.end = func(*printed) (int, string) { return tt.state, tt.reason }
				p.counts = func(*printed) (int, int) { return tt.impressions, tt.impressions }
			})
			d, _ := ippDelivery(somePDF)
			dev := open(t, site.Device{URI: p.uri()}, patientIPP())
			res, err := dev.Deliver(t.Context(), d)
			if res.Evidence != tt.evidence || res.Impressions != tt.counted || res.Sheets != tt.counted || device.Refused(err) != tt.refused {
				t.Errorf("result %+v, %v", res, err)
			}
			if (err == nil) != (tt.evidence == job.Confirmed) || err != nil && !fault.Is(err, tt.kind) {
				t.Errorf("err = %v", err)
			}
			// Whoever asks later hears the same.
			again, found, err2 := dev.(device.Asker).Ask(t.Context(), d.UUID, d.Send)
			if !found || again.Evidence != res.Evidence || again.Impressions != res.Impressions || device.Refused(err2) != tt.refused || (err2 == nil) != (err == nil) {
				t.Errorf("asked: %+v, %v, %v", again, found, err2)
			}
		})
	}
}

// A printer without paper is waited for, and people are told why.
func TestIPPWaitsForPaper(t *testing.T) {
	p := newPrinter(t, devicetest.Manner{}, func(p *printer) {
		p.end = func(j *printed) (int, string) {
			switch {
			case j.polls == 1:
				p.attrs = goipp.Attributes{ipp.Keyword("printer-state-reasons", "media-empty-error", "marker-supply-low-warning"), ipp.Enum("printer-state", 5)}
			case j.polls == 3:
				p.attrs = nil
				return 9, "job-completed-successfully"
			}
			return 6, "printer-stopped"
		}
	})
	d, texts := ippDelivery(somePDF)
	dev := open(t, site.Device{URI: p.uri()}, patientIPP())
	res, err := dev.Deliver(t.Context(), d)
	if err != nil || res.Evidence != job.Confirmed {
		t.Fatalf("result %+v, %v", res, err)
	}
	if !slices.Equal(*texts, []string{"The device needs paper.", ""}) {
		t.Errorf("told %q", *texts)
	}
}

// A printer that dies in the middle and comes back may say that nothing came
// out, and is then believed.
func TestIPPDiesInTheMiddle(t *testing.T) {
	for impressions, want := range map[int]job.Evidence{0: job.NoneAccepted, 2: job.Partial, -1: job.Partial} {
		p := newPrinter(t, devicetest.Manner{Die: true, At: int64(len(somePDF) / 2)}, func(p *printer) {
			p.counts = func(*printed) (int, int) { return impressions, impressions }
		})
		d, _ := ippDelivery(somePDF)
		res, err := open(t, site.Device{URI: p.uri()}, patientIPP()).Deliver(t.Context(), d)
		if !fault.Is(err, fault.Unavailable) || device.Refused(err) || res.Evidence != want || res.Impressions > 0 != (impressions > 0) {
			t.Errorf("%d: result %+v, %v", impressions, res, err)
		}
	}
}

// Where each document is a job of its own, the first being out is never
// forgotten, whatever becomes of the second.
func TestIPPParts(t *testing.T) {
	tests := map[string]struct {
		second   goipp.Status // of Create-Job, the second time
		times    int          // how often
		evidence job.Evidence
		counted  int
	}{
		"both":                      {evidence: job.Confirmed, counted: 4},
		"busy with the first":       {second: goipp.StatusErrorBusy, times: 2, evidence: job.Confirmed, counted: 4},
		"the second is too much":    {second: goipp.StatusErrorRequestEntity, times: 99, evidence: job.Partial, counted: job.Unknown},
		"busy for a very long time": {second: goipp.StatusErrorBusy, times: 99, evidence: job.Partial, counted: job.Unknown},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPrinter(t, devicetest.Manner{}, func(p *printer) {
				p.attrs = goipp.Attributes{ipp.Boolean("multiple-document-jobs-supported", false)}
				p.counts = func(*printed) (int, int) { return 2, 1 }
				creates := 0
				p.before = func(_ http.ResponseWriter, op goipp.Op) bool {
					if op == goipp.OpCreateJob {
						creates++
						p.set(func() { delete(p.statuses, op) })
						if creates > 1 && creates <= tt.times+1 {
							p.set(func() { p.statuses[op] = tt.second })
						}
					}
					return false
				}
			})
			d := devicetest.Delivery(devicetest.Doc("pdf", somePDF), devicetest.Doc("pdf", somePDF))
			s := patientIPP()
			s.Answer = 3 * time.Second
			res, err := open(t, site.Device{URI: p.uri()}, s).Deliver(t.Context(), d)
			if (err == nil) != (tt.evidence == job.Confirmed) || res.Evidence != tt.evidence || res.Impressions != tt.counted {
				t.Errorf("result %+v, %v", res, err)
			}
		})
	}
}

func TestIPPCopiesAndSides(t *testing.T) {
	a, b := somePDF, append([]byte("%PDF-1.4\n"), devicetest.Bytes(13, 5000)...)
	can := goipp.Attributes{ipp.Range("copies-supported", 1, 9), ipp.Keyword("sides-supported", "one-sided", "two-sided-long-edge")}
	tests := map[string]struct {
		language string
		attrs    goipp.Attributes
		refuse   goipp.Status // of Validate-Job
		options  job.Options
		ticket   job.Ticket
		docs     int // that arrive
		copies   int // that the printer makes
		sides    string
		known    int
	}{
		"nothing asked for":        {language: "pdf", attrs: can, docs: 2},
		"by the printer":           {language: "pdf", attrs: can, options: job.Options{Copies: 3, Sides: "two-sided-long-edge"}, docs: 2, copies: 3, sides: "two-sided-long-edge", known: 3},
		"the client's wish":        {language: "pdf", attrs: can, ticket: job.Ticket{Copies: 2, Sides: "one-sided"}, docs: 2, copies: 2, sides: "one-sided", known: 2},
		"the person's is above it": {language: "pdf", attrs: can, options: job.Options{Copies: 1, Sides: "one-sided"}, ticket: job.Ticket{Copies: 5, Sides: "two-sided-long-edge"}, docs: 2, sides: "one-sided", known: 1},
		"more than it makes":       {language: "pdf", attrs: can, options: job.Options{Copies: 12}, docs: 24, known: 12},
		"it makes none":            {language: "pdf", ticket: job.Ticket{Copies: 2, Sides: "two-sided-long-edge"}, docs: 4, known: 2},
		"it knows no such sides":   {language: "pdf", attrs: can, options: job.Options{Sides: "two-sided-short-edge"}, docs: 2},
		"Validate-Job says no":     {language: "pdf", attrs: can, refuse: goipp.StatusErrorAttributesOrValues, options: job.Options{Copies: 2, Sides: "one-sided"}, docs: 4, known: 2},
		"a language that says so":  {language: "pcl", attrs: can, options: job.Options{Copies: 2, Sides: "one-sided"}, docs: 4, known: 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPrinter(t, devicetest.Manner{}, func(p *printer) {
				p.attrs = tt.attrs
				if tt.refuse != 0 {
					p.statuses[goipp.OpValidateJob] = tt.refuse
				}
			})
			d := devicetest.Delivery(devicetest.Doc(tt.language, a), devicetest.Doc(tt.language, b))
			d.Options, d.Ticket = tt.options, tt.ticket
			res, err := open(t, site.Device{URI: p.uri()}, patientIPP()).Deliver(t.Context(), d)
			if err != nil || res.Copies != tt.known || res.Sides != tt.sides || res.Octets != p.Octets() {
				t.Fatalf("result %+v, %v", res, err)
			}
			if j := p.job(0); len(p.Documents()) != tt.docs || j.copies != tt.copies || j.sides != tt.sides {
				t.Errorf("%d documents, job %+v", len(p.Documents()), j)
			}
		})
	}
}

// A document that begins with PJL is none that begins with its own language.
func TestIPPFormats(t *testing.T) {
	takes := goipp.Attributes{ipp.MIME("document-format-supported", "application/PDF", "application/octet-stream", "text/plain;charset=us-ascii", "application/vnd.hp-PCL")}
	for _, tt := range []struct{ language, begin, want string }{
		{"pdf", "%PDF-1.7", "application/PDF"},
		{"pdf", "\x1b%-12345X@PJL\r\n%PDF-1.7", "application/octet-stream"},
		{"pcl", "\x1bE", "application/vnd.hp-PCL"},
		{"text", "Hello", "text/plain;charset=us-ascii"},
		{"urf", "UNIRAST\x00", "application/octet-stream"},
		{"unknown", "^XA", "application/octet-stream"},
	} {
		p := newPrinter(t, devicetest.Manner{}, func(p *printer) { p.attrs = takes })
		if _, err := open(t, site.Device{URI: p.uri()}, patientIPP()).Deliver(t.Context(), devicetest.Delivery(devicetest.Doc(tt.language, []byte(tt.begin)))); err != nil {
			t.Errorf("%+v: %v", tt, err)
			continue
		}
		if got := p.job(0).formats; len(got) != 1 || got[0] != tt.want {
			t.Errorf("%+v: sent as %q", tt, got)
		}
	}
}

func TestIPPLies(t *testing.T) {
	lie := func(op goipp.Op, m *goipp.Message) func(*printer) {
		return func(p *printer) {
			p.before = func(w http.ResponseWriter, got goipp.Op) bool {
				if got != op {
					return false
				}
				if m.RequestID == 0 {
					m.RequestID = uint32(len(p.ops())) // as counted by us
				}
				p.answer(w, m, goipp.Groups{{Tag: goipp.TagJobGroup, Attrs: m.Job}})
				return true
			}
		}
	}
	ok := func(id uint32, a ...goipp.Attribute) *goipp.Message {
		m := goipp.NewResponse(goipp.DefaultVersion, goipp.StatusOk, id)
		m.Job = a
		return m
	}
	tests := map[string]struct {
		change   func(*printer)
		evidence job.Evidence
	}{
		"the answer to somebody else":     {lie(goipp.OpCreateJob, ok(4711, ipp.Integer("job-id", 1))), job.NoneAccepted},
		"a job without a number":          {lie(goipp.OpCreateJob, ok(0)), job.NoneAccepted},
		"a job with a number below zero":  {lie(goipp.OpCreateJob, ok(0, ipp.Integer("job-id", -1))), job.NoneAccepted},
		"a state that does not exist":     {lie(goipp.OpGetJobAttributes, ok(0, ipp.Enum("job-state", 42))), job.Partial},
		"another job":                     {lie(goipp.OpGetJobAttributes, ok(0, ipp.Integer("job-id", 99), ipp.Enum("job-state", 9))), job.Partial},
		"it has a document it never read": {lie(goipp.OpSendDocument, ok(0, ipp.Integer("job-id", 1), ipp.Enum("job-state", 9))), job.Partial},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPrinter(t, devicetest.Manner{}, tt.change)
			d, _ := ippDelivery(append([]byte("%PDF-1.7\n"), devicetest.Bytes(14, 8<<20)...))
			s := quick()
			s.Answer = 3 * time.Second
			res, err := open(t, site.Device{URI: p.uri()}, s).Deliver(t.Context(), d)
			if !fault.Is(err, fault.Unavailable) || res.Evidence != tt.evidence {
				t.Errorf("result %+v, %v", res, err)
			}
		})
	}
}

// What a person cancels while the printer has all of it is canceled there too,
// and what the printer says of it counts.
func TestIPPCancelWhilePrinting(t *testing.T) {
	tests := map[string]struct {
		impressions int
		evidence    job.Evidence
		cause       error
		canceled    bool
	}{
		"nothing came out":   {evidence: job.NoneAccepted, canceled: true},
		"a page came out":    {impressions: 1, evidence: job.Partial, canceled: true},
		"only the node goes": {evidence: job.Partial, cause: device.ErrLeave},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			printing := make(chan struct{}, 100)
			p := newPrinter(t, devicetest.Manner{}, func(p *printer) {
				p.end = func(*printed) (int, string) { printing <- struct{}{}; return 5, "job-printing" }
				p.counts = func(*printed) (int, int) { return tt.impressions, tt.impressions }
			})
			d, _ := ippDelivery(somePDF)
			ctx, cancel := context.WithCancelCause(t.Context())
			go func() { <-printing; cancel(tt.cause) }()
			dev := open(t, site.Device{URI: p.uri()}, patientIPP())
			res, err := dev.Deliver(ctx, d)
			if !errors.Is(err, context.Canceled) || res.Evidence != tt.evidence {
				t.Errorf("result %+v, %v", res, err)
			}
			if got := p.job(0).state; (got == 7) != tt.canceled {
				t.Errorf("job-state %d", got)
			}
			if tt.canceled {
				return
			}
			p.set(func() { p.end = nil })
			res, found, err := dev.(device.Asker).Ask(t.Context(), d.UUID, d.Send)
			if !found || err != nil || res.Evidence != job.Confirmed {
				t.Errorf("asked later: %+v, %v, %v", res, found, err)
			}
		})
	}
}

func TestIPPAsk(t *testing.T) {
	const uuid, send = "0190a000-0000-7000-8000-000000000001", "0190b000-0000-7000-8000-abcdefabcdef"
	mark := uuid + "/abcdefabcdef"
	tests := map[string]struct {
		jobs     []*printed
		counts   int
		noAll    bool
		found    bool
		evidence job.Evidence
		refused  bool
		ok       bool // no error
	}{
		"nothing":                  {ok: true},
		"jobs of others":           {jobs: []*printed{{name: "0190a000-0000-7000-8000-000000000002/abcdefabcdef", state: 9}}, ok: true},
		"another delivery of it":   {jobs: []*printed{{name: uuid + "/000000000000 Report", state: 9}}, ok: true},
		"completed":                {jobs: []*printed{{name: mark + " Report", state: 9}}, found: true, evidence: job.Confirmed, ok: true},
		"completed, old printer":   {jobs: []*printed{{name: mark + " Report", state: 9}}, noAll: true, found: true, evidence: job.Confirmed, ok: true},
		"still printing":           {jobs: []*printed{{name: mark, state: 5}}, found: true, evidence: job.Confirmed, ok: true},
		"waits for its document":   {jobs: []*printed{{name: mark, state: 3, reason: "job-incoming"}}, found: true, evidence: job.NoneAccepted},
		"so, but printed":          {jobs: []*printed{{name: mark, state: 3, reason: "job-incoming"}}, counts: 2, found: true, evidence: job.Partial},
		"so, and nobody counts":    {jobs: []*printed{{name: mark, state: 3, reason: "job-incoming"}}, counts: -1, found: true, evidence: job.Partial},
		"aborted":                  {jobs: []*printed{{name: mark, state: 8, reason: "aborted-by-system"}}, found: true, evidence: job.NoneAccepted},
		"unprintable":              {jobs: []*printed{{name: mark, state: 8, reason: "document-unprintable-error"}}, found: true, evidence: job.NoneAccepted, refused: true},
		"canceled by a person":     {jobs: []*printed{{name: mark, state: 7, reason: "job-canceled-at-device"}}, found: true, evidence: job.NoneAccepted, refused: true},
		"all of two parts":         {jobs: []*printed{{name: mark + "/1/2 a/1/3", state: 9}, {name: mark + "/2/2", state: 9}}, found: true, evidence: job.Confirmed, ok: true},
		"one of two parts":         {jobs: []*printed{{name: mark + "/1/2", state: 9}}, found: true, evidence: job.Partial},
		"a part that was repeated": {jobs: []*printed{{name: mark + "/1/1", state: 8}, {name: mark + "/1/1", state: 9}}, found: true, evidence: job.Confirmed, ok: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPrinter(t, devicetest.Manner{}, func(p *printer) {
				for i, j := range tt.jobs {
					j.id = i + 1
				}
				p.jobs, p.noAll = tt.jobs, tt.noAll
				p.counts = func(*printed) (int, int) { return tt.counts, tt.counts }
			})
			res, found, err := open(t, site.Device{URI: p.uri()}, patientIPP()).(device.Asker).Ask(t.Context(), uuid, send)
			if found != tt.found || (err == nil) != tt.ok || device.Refused(err) != tt.refused {
				t.Fatalf("%+v, %v, %v", res, found, err)
			}
			if found && res.Evidence != tt.evidence {
				t.Errorf("result %+v", res)
			}
		})
	}
	t.Run("nobody answers", func(t *testing.T) {
		p := newPrinter(t, devicetest.Manner{})
		p.Close()
		_, found, err := open(t, site.Device{URI: p.uri()}, patientIPP()).(device.Asker).Ask(t.Context(), uuid, send)
		if found || !fault.Is(err, fault.Unavailable) {
			t.Errorf("%v, %v", found, err)
		}
	})
}

func TestIPPCondition(t *testing.T) {
	tests := map[string]struct {
		attrs goipp.Attributes
		want  site.Condition
	}{
		"idle":          {nil, site.Condition{State: "idle"}},
		"printing":      {goipp.Attributes{ipp.Enum("printer-state", 4)}, site.Condition{State: "processing"}},
		"low on toner":  {goipp.Attributes{ipp.Keyword("printer-state-reasons", "marker-supply-low-warning")}, site.Condition{State: "idle", Text: "The device is low on toner or ink.", Reasons: "marker-supply-low-warning"}},
		"jammed, empty": {goipp.Attributes{ipp.Enum("printer-state", 5), ipp.Keyword("printer-state-reasons", "media-empty", "media-jam-error")}, site.Condition{State: "stopped", Text: "Paper is jammed in the device.", Reasons: "media-empty,media-jam-error"}},
		"door":          {goipp.Attributes{ipp.Enum("printer-state", 5), ipp.Keyword("printer-state-reasons", "door-open-error")}, site.Condition{State: "stopped", Text: "A door of the device is open.", Reasons: "door-open-error"}},
		"its own words": {goipp.Attributes{ipp.Enum("printer-state", 5), ipp.Keyword("printer-state-reasons", "com.example-gremlin-error")}, site.Condition{State: "stopped", Text: "The device needs attention.", Reasons: "com.example-gremlin-error"}},
		"not accepting": {goipp.Attributes{ipp.Boolean("printer-is-accepting-jobs", false)}, site.Condition{State: "stopped", Text: "The device accepts no jobs at the moment."}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPrinter(t, devicetest.Manner{}, func(p *printer) { p.attrs = tt.attrs })
			c, err := open(t, site.Device{URI: p.uri()}, patientIPP()).Condition(t.Context())
			if err != nil || c.State != tt.want.State || c.Text != tt.want.Text || c.Seen.IsZero() {
				t.Errorf("%+v, %v", c, err)
			}
		})
	}
	p := newPrinter(t, devicetest.Manner{})
	p.Close()
	if c, err := open(t, site.Device{URI: p.uri()}, patientIPP()).Condition(t.Context()); err != nil || c.State != "stopped" || c.Text != "The device cannot be reached." {
		t.Errorf("nobody there: %+v, %v", c, err)
	}
}

// The policy of addresses holds for what a redirection or a name would lead to.
func TestIPPAddresses(t *testing.T) {
	p := newPrinter(t, devicetest.Manner{})
	d, _ := ippDelivery(somePDF)
	s := patientIPP()
	s.AllowLoopback = false
	s.Resolver = names{"mfd.example.org": {netip.MustParseAddr("127.0.0.1")}}
	_, port, _ := net.SplitHostPort(p.Listener.Addr().String())
	for _, scheme := range []string{"ipp", "ipps"} {
		res, err := open(t, site.Device{URI: scheme + "://mfd.example.org:" + port + "/ipp/print"}, s).Deliver(t.Context(), d)
		if !fault.Is(err, fault.Denied) || res.Evidence != job.NoneAccepted || len(p.ops()) != 0 {
			t.Errorf("%s: %+v, %v", scheme, res, err)
		}
	}
}

func TestIPPSKey(t *testing.T) {
	p := newPrinter(t, devicetest.Manner{})
	secure := httptest.NewTLSServer(p)
	t.Cleanup(secure.Close)
	var first []byte
	s := patientIPP()
	s.Pin = func(_ context.Context, dev string, spki []byte, _ bool) error {
		switch {
		case dev != "d1" || len(spki) != 32:
			return errors.New("wrong question")
		case first == nil:
			first = slices.Clone(spki)
		case !bytes.Equal(first, spki):
			return &fault.Error{Op: "store.Pin", Kind: fault.Conflict}
		}
		return nil
	}
	dev := open(t, site.Device{ID: "d1", URI: "ipps://" + secure.Listener.Addr().String() + "/ipp/print"}, s)
	deliver := func() (device.Result, error) {
		d, _ := ippDelivery(somePDF)
		return dev.Deliver(t.Context(), d)
	}
	for range 2 {
		if res, err := deliver(); err != nil || res.Evidence != job.Confirmed {
			t.Fatalf("result %+v, %v", res, err)
		}
	}
	first = bytes.Repeat([]byte{1}, 32)
	asked := len(p.ops())
	res, err := deliver()
	if !fault.Is(err, fault.Denied) || !strings.HasPrefix(fault.Text(err), "The device shows another key than before.") || res.Evidence != job.NoneAccepted || len(p.ops()) != asked {
		t.Errorf("result %+v, %v", res, err)
	}
	s.Pin = func(context.Context, string, []byte, bool) error { return errors.New("database is closed") }
	dev = open(t, site.Device{ID: "d1", URI: "ipps://" + secure.Listener.Addr().String() + "/ipp/print"}, s)
	if _, err := deliver(); !fault.Is(err, fault.Unavailable) || fault.Text(err) != "The key of the device could not be checked." {
		t.Errorf("err = %v", err)
	}
	// One that speaks no TLS.
	dev = open(t, site.Device{ID: "d1", URI: "ipps" + strings.TrimPrefix(p.uri(), "ipp")}, patientIPP())
	if _, err := deliver(); !fault.Is(err, fault.Unavailable) || fault.Text(err) != "An encrypted connection to the device cannot be made." {
		t.Errorf("err = %v", err)
	}
}

// A device for which a named authority vouches may change its key, and goes back to no
// key for which nobody vouches. What does not verify is known by its key, as before.
func TestIPPSVouched(t *testing.T) {
	p := newPrinter(t, devicetest.Manner{})
	certificate := func(names ...string) (peers.Certificate, tls.Certificate) {
		t.Helper()
		c, err := peers.NewCertificate(time.Now().Add(time.Hour), names...)
		if err != nil {
			t.Fatal(err)
		}
		pair, err := tls.X509KeyPair(c.Cert, c.Key)
		if err != nil {
			t.Fatal(err)
		}
		return c, pair
	}
	ours, first := certificate("127.0.0.1")
	again, second := certificate("127.0.0.1")
	elsewhere, other := certificate("mfp-9.example.org")
	_, nobodys := certificate("127.0.0.1")
	shown := first
	secure := httptest.NewUnstartedServer(p)
	secure.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{Certificates: []tls.Certificate{shown}}, nil
	}}
	secure.StartTLS()
	t.Cleanup(secure.Close)

	var key []byte // as a node keeps it
	s := patientIPP()
	s.Pin = func(_ context.Context, _ string, spki []byte, vouched bool) error {
		switch {
		case key == nil || vouched:
			key = slices.Clone(spki)
		case !bytes.Equal(key, spki):
			return &fault.Error{Op: "store.Pin", Kind: fault.Conflict}
		}
		return nil
	}
	var roots *x509.CertPool
	s.Roots = func() *x509.CertPool { return roots }
	now := time.Now()
	s.Now = func() time.Time { return now }
	trusting := func(list ...peers.Certificate) *x509.CertPool {
		pool := x509.NewCertPool()
		for _, c := range list {
			pool.AppendCertsFromPEM(c.CA)
		}
		return pool
	}
	all := trusting(ours, again, elsewhere)
	for _, step := range []struct {
		name  string
		roots *x509.CertPool
		shows tls.Certificate
		later time.Duration
		takes bool
	}{
		{"the first key, nobody named", nil, first, 0, true},
		{"another key, nobody named", nil, second, 0, false},
		{"another key, its authority is not the named one", trusting(ours), second, 0, false},
		{"another key, vouched for", all, second, 0, true},
		{"back to one that nobody vouches for", all, nobodys, 0, false},
		{"vouched for, for another host", all, other, 0, false},
		{"back to a vouched one", all, first, 0, true},
		{"ended, with the key that it had", all, first, 2 * time.Hour, true},
		{"ended, with another key", all, second, 2 * time.Hour, false},
		{"nobody named any longer, the key that it had", trusting(), first, 0, true},
		{"nobody named any longer, another key", trusting(), second, 0, false},
	} {
		roots, shown, now = step.roots, step.shows, time.Now().Add(step.later)
		dev := open(t, site.Device{ID: "d1", URI: "ipps://" + secure.Listener.Addr().String() + "/ipp/print"}, s)
		d, _ := ippDelivery(somePDF)
		res, err := dev.Deliver(t.Context(), d)
		if (err == nil) != step.takes || err != nil && (!fault.Is(err, fault.Denied) || res.Evidence != job.NoneAccepted || !strings.Contains(fault.Text(err), "platen cert trust import FILE --for devices")) {
			t.Errorf("%s: %+v, %v", step.name, res, err)
		}
	}
}

// An old printer that only knows IPP 1.1 is spoken to in its words.
func TestIPPOldVersion(t *testing.T) {
	p := newPrinter(t, devicetest.Manner{})
	d, _ := ippDelivery(somePDF)
	version := goipp.Version(0)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if version = goipp.MakeVersion(b[0], b[1]); version != goipp.MakeVersion(1, 1) {
			m := goipp.NewResponse(goipp.MakeVersion(1, 1), goipp.StatusErrorVersionNotSupported, 1)
			p.answer(w, m, nil)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(b))
		p.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	res, err := open(t, site.Device{URI: "ipp://" + front.Listener.Addr().String() + "/ipp/print"}, patientIPP()).Deliver(t.Context(), d)
	if err != nil || res.Evidence != job.Confirmed || version != goipp.MakeVersion(1, 1) {
		t.Errorf("result %+v, %v, version %v", res, err, version)
	}
}
