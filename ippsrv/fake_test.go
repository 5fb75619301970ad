package ippsrv

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/OpenPrinting/goipp"

	"platen/fault"
	"platen/ipp"
	"platen/job"
	"platen/site"
)

// fakeHouse is everything behind the door, in memory.
type fakeHouse struct {
	mu       sync.Mutex
	queues   []site.Queue
	devices  []site.Device
	settings site.Settings
	jobs     []job.Job
	docs     map[string]string // of a job-uuid: what came
	origins  []job.Origin      // of everything that was opened
	checks   []job.Ticket
	refuse   error // every job
	resumed  int
	tried    []string // "login password"
}

func newHouse() *fakeHouse {
	return &fakeHouse{
		queues: []site.Queue{
			{ID: "q-direct", Name: "direct", Mode: site.Passthrough, Device: "d-1", AcceptJobs: true, IPP: site.IPP{UUID: "11111111-1111-1111-1111-111111111111"}},
			{ID: "q-secure", Name: "secure", Mode: site.Hold, AcceptJobs: true, IPP: site.IPP{UUID: "22222222-2222-2222-2222-222222222222"}},
			{ID: "q-strict", Name: "strict", Mode: site.Hold, AcceptJobs: true, IPP: site.IPP{RequireIdentity: true}},
			{ID: "q-closed", Name: "closed", Mode: site.Hold},
			{ID: "q-quick", Name: "quick", Mode: site.Hold, AcceptJobs: true, IPP: site.IPP{ReportCompleted: true}},
		},
		devices:  []site.Device{{ID: "d-1", Name: "mfp", Enabled: true}},
		settings: site.DefaultSettings(),
		docs:     map[string]string{},
	}
}

func notFound() error { return &fault.Error{Op: "fake", Kind: fault.NotFound, Text: "It is not here."} }

func (f *fakeHouse) Queues(context.Context) ([]site.Queue, error) { return f.queues, nil }

func (f *fakeHouse) QueueByName(_ context.Context, name string) (site.Queue, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, q := range f.queues {
		if q.Name == strings.ToLower(name) {
			return q, nil
		}
	}
	return site.Queue{}, notFound()
}

func (f *fakeHouse) PutQueue(_ context.Context, q site.Queue) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.queues, func(x site.Queue) bool { return x.ID == q.ID })
	f.queues[i] = q
	return nil
}

func (f *fakeHouse) Devices(context.Context) ([]site.Device, error)        { return f.devices, nil }
func (f *fakeHouse) Settings(context.Context) (site.Settings, error)       { return f.settings, nil }
func (f *fakeHouse) QueueWaiting(context.Context, string) (n int, _ error) { return len(f.jobs), nil }

func (f *fakeHouse) Check(_ context.Context, o job.Origin, t job.Ticket) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.origins, f.checks = append(f.origins, o), append(f.checks, t)
	return f.refuse
}

// fakeArrival is one job on its way in.
type fakeArrival struct {
	f      *fakeHouse
	origin job.Origin
	uuid   string
	opened *job.Job
	docs   []string
	ended  bool
}

func (f *fakeHouse) Open(_ context.Context, o job.Origin) (job.Arrival, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.origins = append(f.origins, o)
	if f.refuse != nil {
		return nil, f.refuse
	}
	return &fakeArrival{f: f, origin: o, uuid: job.NewUUID()}, nil
}

func (f *fakeHouse) Create(_ context.Context, o job.Origin, t job.Ticket) (job.Opened, error) {
	a := &fakeArrival{f: f, origin: o, uuid: job.NewUUID()}
	j := job.Job{UUID: a.uuid, Queue: f.id(o.Queue), QueueName: o.Queue, State: job.Held, Reasons: []job.Reason{job.Incoming}, Ticket: t, Origin: o, Created: time.Now()}
	f.add(&j)
	a.opened = &j
	return a, f.refuse
}

func (f *fakeHouse) id(name string) string {
	q, _ := f.QueueByName(context.Background(), name)
	return q.ID
}

func (f *fakeHouse) add(j *job.Job) {
	f.mu.Lock()
	defer f.mu.Unlock()
	j.ID = int64(len(f.jobs) + 1)
	f.jobs = append(f.jobs, *j)
}

func (a *fakeArrival) Job() job.Job { return *a.opened }

func (a *fakeArrival) Document(_ context.Context, _ string, r io.Reader) (int, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return 0, fmt.Errorf("fake: %w", err)
	}
	a.docs = append(a.docs, string(b))
	return len(a.docs), nil
}

func (a *fakeArrival) Submit(_ context.Context, t job.Ticket, order []job.Piece) (job.Job, error) {
	a.ended = true
	j := job.Job{UUID: a.uuid, Queue: a.f.id(a.origin.Queue), QueueName: a.origin.Queue, State: job.Held, Reasons: []job.Reason{job.HeldForRelease},
		Ticket: t, Origin: a.origin, Created: time.Now()}
	text := ""
	for _, p := range order {
		text += a.docs[p.Number-1]
		j.Octets += int64(len(a.docs[p.Number-1]))
		j.Documents = append(j.Documents, job.Document{Number: p.Number, Name: p.Name, Copies: p.Copies, Language: "pdf", Count: job.NoCount("")})
	}
	if a.opened != nil {
		j.ID = a.opened.ID
		a.f.mu.Lock()
		defer a.f.mu.Unlock()
		if a.f.jobs[j.ID-1].State.Done() {
			return job.Job{}, &fault.Error{Op: "fake", Kind: fault.Conflict}
		}
		a.f.jobs[j.ID-1] = j
		a.f.docs[j.UUID] = text
		return j, nil
	}
	a.f.add(&j)
	a.f.mu.Lock()
	defer a.f.mu.Unlock()
	a.f.docs[j.UUID] = text
	return j, nil
}

func (a *fakeArrival) Abandon() {
	if a.ended || a.opened == nil {
		return
	}
	a.ended = true
	a.f.mu.Lock()
	defer a.f.mu.Unlock()
	if j := &a.f.jobs[a.opened.ID-1]; !j.State.Done() {
		j.State = job.Aborted
	}
}

func (f *fakeHouse) Own(_ context.Context, r job.Requester, id int64) (job.Job, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if id < 1 || id > int64(len(f.jobs)) {
		return job.Job{}, notFound()
	}
	j := f.jobs[id-1]
	if !r.Admin && (r.User != j.Origin.User || r.User == "" && (r.Claimed != j.Ticket.Claimed || r.Client != j.Origin.Client)) {
		return job.Job{}, notFound()
	}
	return j, nil
}

func (f *fakeHouse) OwnJobs(ctx context.Context, r job.Requester, s job.Sent) (list []job.Job, _ error) {
	for id := int64(len(f.jobs)); id > 0; id-- {
		j, err := f.Own(ctx, r, id)
		if err == nil && (s.Queue == "" || s.Queue == j.Queue) && (!s.Open || !j.State.Done()) && (!s.Done || j.State.Done()) {
			list = append(list, j)
		}
	}
	return list, nil
}

func (f *fakeHouse) become(ctx context.Context, r job.Requester, id int64, s job.State, reasons ...job.Reason) error {
	j, err := f.Own(ctx, r, id)
	if err != nil {
		return err
	}
	if j.State.Done() {
		return &fault.Error{Op: "fake", Kind: fault.Conflict, Text: "It is done."}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.jobs[id-1].State, f.jobs[id-1].Reasons = s, reasons
	return nil
}

func (f *fakeHouse) CancelOwn(ctx context.Context, r job.Requester, id int64) error {
	return f.become(ctx, r, id, job.Canceled, job.CanceledByUser)
}

func (f *fakeHouse) HoldOwn(ctx context.Context, r job.Requester, id int64) error {
	return f.become(ctx, r, id, job.Held, job.HoldUntil)
}

func (f *fakeHouse) ReleaseOwn(ctx context.Context, r job.Requester, id int64) error {
	return f.become(ctx, r, id, job.Pending, job.Queued)
}

func (f *fakeHouse) RestartOwn(ctx context.Context, r job.Requester, id int64) error {
	return f.become(ctx, r, id, job.Pending, job.Queued)
}

func (f *fakeHouse) ChangeTicket(ctx context.Context, r job.Requester, id int64, change func(*job.Ticket)) error {
	if _, err := f.Own(ctx, r, id); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.jobs[id-1].Ticket)
	return nil
}

func (f *fakeHouse) Resume(context.Context, site.Queue) error { f.resumed++; return nil }

// secrets of the fake's people.
const annasSecret = "an-address-of-annas-own"

func (f *fakeHouse) Password(_ context.Context, login, password string, _ netip.Addr) (Person, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tried = append(f.tried, login+" "+password)
	switch login + " " + password {
	case "anna anna":
		return Person{ID: "u-anna", Login: "anna"}, nil
	case "root secret":
		return Person{ID: "u-root", Login: "root", Admin: true}, nil
	case "anna again":
		return Person{}, &fault.Error{Op: "fake", Kind: fault.Unavailable, Text: "Too many attempts. Please wait %d seconds and try again.", Args: []any{30}}
	}
	return Person{}, &fault.Error{Op: "fake", Kind: fault.Denied, Text: "That is wrong."}
}

func (f *fakeHouse) Personal(_ context.Context, secret, queue string) (Person, error) {
	if secret == annasSecret && queue == "q-secure" {
		return Person{ID: "u-anna", Login: "anna"}, nil
	}
	return Person{}, notFound()
}

func (f *fakeHouse) HashPIN(octets []byte) (string, error) { return "hashed " + string(octets), nil }

func (f *fakeHouse) last() job.Job {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.jobs[len(f.jobs)-1]
}

// door is a server with its house, and a client of it.
type door struct {
	*fakeHouse
	t    *testing.T
	srv  *Server
	http *httptest.Server
	auth [2]string
	path string // resource path
}

func newServer(f *fakeHouse) *Server {
	return &Server{
		Version: "1", Web: func() string { return ":443" }, Site: f, Intake: f, People: f,
		Hosts: func() []string { return []string{"127.0.0.1", "print.example.org"} }, Log: slog.New(slog.DiscardHandler), Limits: DefaultLimits(),
	}
}

func openDoor(t *testing.T, secure bool) *door {
	t.Helper()
	f := newHouse()
	d := &door{fakeHouse: f, t: t, path: "/ipp/print/secure"}
	d.srv = newServer(f)
	if secure {
		d.http = httptest.NewTLSServer(d.srv.Handler())
		d.srv.TLS = d.http.TLS
	} else {
		d.http = httptest.NewServer(d.srv.Handler())
	}
	t.Cleanup(d.http.Close)
	return d
}

// ask sends an operation as anna, with attributes after the usual ones, and a
// document.
func (d *door) ask(op goipp.Op, doc string, groups ...goipp.Group) (*goipp.Message, int) {
	d.t.Helper()
	uri := strings.Replace(strings.Replace(d.http.URL, "https", "ipps", 1), "http:", "ipp:", 1) + d.path
	operation := goipp.Attributes{ipp.Charset("attributes-charset", "utf-8"), ipp.Language("attributes-natural-language", "en"),
		ipp.URI("printer-uri", uri), ipp.Name("requesting-user-name", "anna")}
	all := goipp.Groups{{Tag: goipp.TagOperationGroup, Attrs: operation}}
	for _, g := range groups {
		if g.Tag == goipp.TagOperationGroup {
			all[0].Attrs = append(all[0].Attrs, g.Attrs...)
		} else {
			all = append(all, g)
		}
	}
	m := goipp.NewMessageWithGroups(goipp.DefaultVersion, goipp.Code(op), 7, all)
	b, err := m.EncodeBytes()
	if err != nil {
		d.t.Fatal(err)
	}
	return d.post(append(b, doc...))
}

func (d *door) post(body []byte) (*goipp.Message, int) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodPost, d.http.URL+d.path, bytes.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	if d.auth[0] != "" {
		req.SetBasicAuth(d.auth[0], d.auth[1])
	}
	res, err := d.http.Client().Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, res.StatusCode
	}
	m, err := ipp.Read(res.Body, ipp.AnswerLimits())
	if err != nil {
		d.t.Fatal(err)
	}
	return m, int(m.Code)
}

// op and jobs make groups of a request.
func op(attrs ...goipp.Attribute) goipp.Group {
	return goipp.Group{Tag: goipp.TagOperationGroup, Attrs: attrs}
}

func jobGroup(attrs ...goipp.Attribute) goipp.Group {
	return goipp.Group{Tag: goipp.TagJobGroup, Attrs: attrs}
}

func (d *door) want(status int, m *goipp.Message, got int) *goipp.Message {
	d.t.Helper()
	if got != status {
		text := ""
		if m != nil {
			text = ipp.Text(m.Operation, "status-message")
		}
		d.t.Errorf("status %#04x, want %#04x: %s", got, status, text)
	}
	return m
}
