package device

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/OpenPrinting/goipp"

	"platen/fault"
	"platen/ipp"
	"platen/job"
)

// ippSession is one conversation with a printer: its connections live until
// close, also beyond the context of a request, so that a job can still be
// canceled when its delivery is over.
type ippSession struct {
	dev     *ippDevice
	user    string // requesting-user-name
	ctx     context.Context
	end     context.CancelFunc
	tr      *http.Transport
	number  atomic.Uint32 // request-id
	version atomic.Uint32

	mu   sync.Mutex
	last *link // made last
}

func (p *ippDevice) session(ctx context.Context, user string) *ippSession {
	s := &ippSession{dev: p, user: user}
	if s.user == "" {
		s.user = p.set.Host
	}
	s.version.Store(uint32(goipp.DefaultVersion))
	s.ctx, s.end = context.WithCancel(context.WithoutCancel(ctx))
	s.tr = &http.Transport{
		DialContext:            func(context.Context, string, string) (net.Conn, error) { return s.dial() },
		DialTLSContext:         func(context.Context, string, string) (net.Conn, error) { return s.dialTLS() },
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
		IdleConnTimeout:        time.Minute,
	}
	return s
}

func (s *ippSession) close() {
	s.end()
	s.tr.CloseIdleConnections()
}

// ippConn hides what a link could do beside reading and writing, and ends its
// watch with it.
type ippConn struct {
	net.Conn
	l *link
}

func (c ippConn) Close() error { c.l.hangUp(); return nil }

func (s *ippSession) dial() (net.Conn, error) {
	l, err := s.dev.set.dial(s.ctx, s.dev.host, false)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.last = l
	s.mu.Unlock()
	return ippConn{l, l}, nil
}

// dialTLS takes any certificate: those of printers are mostly signed by themselves.
// What makes a printer the one that it was before is its key, or an authority that
// was named for devices and vouches for its name.
func (s *ippSession) dialTLS() (net.Conn, error) {
	const op = "device.ipps"
	raw, err := s.dial()
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, &tls.Config{
		ServerName:         s.dev.host.name,
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // pin decides
		VerifyConnection:   s.pin,
	})
	ctx, cancel := context.WithTimeout(s.ctx, s.dev.set.Connect)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		if fault.KindOf(err) != fault.Internal {
			return nil, err
		}
		return nil, unavailable(op, "An encrypted connection to the device cannot be made.", err)
	}
	return conn, nil
}

// pin asks whether the key that the device shows is the one that it had.
func (s *ippSession) pin(state tls.ConnectionState) error {
	const op = "device.ipps"
	if s.dev.set.Pin == nil {
		return nil
	}
	sum := sha256.Sum256(state.PeerCertificates[0].RawSubjectPublicKeyInfo)
	err := s.dev.set.Pin(s.ctx, s.dev.id, sum[:], s.vouched(state.PeerCertificates))
	switch {
	case err == nil:
		return nil
	case fault.Is(err, fault.Conflict), fault.Is(err, fault.Denied):
		return &fault.Error{Op: op, Kind: fault.Denied, Text: "The device shows another key than before. If it was exchanged or set up anew, an administrator has its old key forgotten (platen device forget-key), or imports the authority that signs for devices here (platen cert trust import FILE --for devices); otherwise somebody may pretend to be it.", Err: err}
	}
	return unavailable(op, "The key of the device could not be checked.", err)
}

// vouched reports whether an authority that was named for devices vouches for this
// one, by its name in the address of the device, now.
func (s *ippSession) vouched(chain []*x509.Certificate) bool {
	if s.dev.set.Roots == nil {
		return false
	}
	o := x509.VerifyOptions{Roots: s.dev.set.Roots(), Intermediates: x509.NewCertPool(), DNSName: s.dev.host.name, CurrentTime: s.dev.set.Now()}
	if o.Roots == nil { // which would be the system's
		return false
	}
	for _, c := range chain[1:] {
		o.Intermediates.AddCert(c)
	}
	_, err := chain[0].Verify(o)
	return err == nil
}

// ippStatus is a status-code that is no success.
type ippStatus struct {
	op     goipp.Op
	status goipp.Status
	text   string // status-message, for the log
}

func (e *ippStatus) Error() string { return fmt.Sprintf("%v: %v %q", e.op, e.status, e.text) }

// statusOf returns the status-code with which the printer refused, 0 when it
// did not.
func statusOf(err error) goipp.Status {
	var s *ippStatus
	if errors.As(err, &s) {
		return s.status
	}
	return 0
}

// refusal says what a status-code means (RFC 8011, section B.1).
func refusal(e *ippStatus) error {
	const op = "device.ipp"
	switch e.status {
	case goipp.StatusErrorBusy, goipp.StatusErrorTooManyJobs:
		return unavailable(op, "The device is busy with another job.", e)
	case goipp.StatusErrorNotAcceptingJobs, goipp.StatusErrorPrinterIsDeactivated:
		return unavailable(op, textNotAccepting, e)
	case goipp.StatusErrorServiceUnavailable, goipp.StatusErrorTemporary, goipp.StatusErrorDevice, goipp.StatusErrorInternal:
		return unavailable(op, "The device cannot take a job at the moment.", e)
	case goipp.StatusErrorDocumentFormatNotSupported:
		return &refused{&fault.Error{Op: op, Kind: fault.Invalid, Text: textFormat, Err: e}}
	case goipp.StatusErrorDocumentFormatError, goipp.StatusErrorDocumentUnprintable, goipp.StatusErrorDocumentPassword,
		goipp.StatusErrorDocumentPermission, goipp.StatusErrorDocumentSecurity:
		return &refused{&fault.Error{Op: op, Kind: fault.Invalid, Text: textUnprintable, Err: e}}
	case goipp.StatusErrorRequestEntity:
		return &refused{&fault.Error{Op: op, Kind: fault.TooLarge, Text: "The document is too large for the device.", Err: e}}
	case goipp.StatusErrorForbidden, goipp.StatusErrorNotAuthenticated, goipp.StatusErrorNotAuthorized:
		return &fault.Error{Op: op, Kind: fault.Denied, Text: textNotAllowed, Err: e}
	case goipp.StatusErrorNotFound, goipp.StatusErrorGone:
		return &fault.Error{Op: op, Kind: fault.NotFound, Text: textNoQueue, Err: e}
	}
	return unavailable(op, "The device refused the job.", e)
}

// Sentences that are said at several places.
const (
	textNotAccepting = "The device accepts no jobs at the moment."
	textFormat       = "This device does not print documents of this kind."
	textUnprintable  = "The device cannot print this document."
	textNotAllowed   = "The device does not take jobs from this node; it wants a user name and a password, or has a list of who may print."
	textNoQueue      = "The device has no printer at this address; the path of its address is wrong."
	textNoPrinter    = "The device does not answer as a printer does."
	textNoAnswer     = "The device no longer answers."
)

func httpError(status int) error {
	const op = "device.ipp"
	err := fmt.Errorf("HTTP status %d", status)
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return &fault.Error{Op: op, Kind: fault.Denied, Text: textNotAllowed, Err: err}
	case http.StatusNotFound:
		return &fault.Error{Op: op, Kind: fault.NotFound, Text: textNoQueue, Err: err}
	case http.StatusUpgradeRequired:
		return &fault.Error{Op: op, Kind: fault.Invalid, Text: "The device wants an encrypted connection; its address must begin with ipps.", Err: err}
	}
	return unavailable(op, textNoPrinter, err)
}

// ippCall is one request.
type ippCall struct {
	op    goipp.Op
	job   int               // job-id, 0 none
	attrs []goipp.Attribute // of the operation, after those that all have
	tmpl  []goipp.Attribute // of the job
	body  *ippBody          // nil none
}

// call asks and returns the answer. A status that is no success comes back as
// an error. What has no document is answered within Settings.Answer; a document
// takes as long as it takes while the connection is alive.
func (s *ippSession) call(ctx context.Context, c ippCall) (*goipp.Message, error) {
	m, err := s.exchange(ctx, c)
	if err != nil {
		return nil, err
	}
	status := goipp.Status(m.Code)
	if status == goipp.StatusErrorVersionNotSupported && c.body == nil && s.version.CompareAndSwap(uint32(goipp.DefaultVersion), uint32(goipp.MakeVersion(1, 1))) {
		return s.call(ctx, c)
	}
	if _, format := ipp.Find(m.Unsupported, "document-format"); format && status == goipp.StatusErrorAttributesOrValues {
		status = goipp.StatusErrorDocumentFormatNotSupported // ippeveprinter's way to say so
	}
	if status > 0xff {
		return m, refusal(&ippStatus{c.op, status, ipp.Cut(ipp.Text(m.Operation, "status-message"), 255)})
	}
	return m, nil
}

func (s *ippSession) exchange(ctx context.Context, c ippCall) (*goipp.Message, error) {
	id := s.number.Add(1)
	head, err := s.message(c, id).EncodeBytes()
	if err != nil {
		return nil, fmt.Errorf("device.ipp: %w", err)
	}
	asking, cancel := ctx, context.CancelFunc(func() {})
	if c.body == nil {
		asking, cancel = context.WithTimeout(ctx, s.dev.set.Answer)
	}
	defer cancel()
	req, err := http.NewRequestWithContext(asking, http.MethodPost, s.dev.post(), bytes.NewReader(head))
	if err != nil {
		return nil, fmt.Errorf("device.ipp: %w", err)
	}
	if c.body != nil {
		c.body.head = bytes.NewReader(head)
		req.Body, req.GetBody, req.ContentLength = c.body, nil, int64(len(head))+c.body.left
		s.tr.CloseIdleConnections() // one that the printer gives up just now would cost the document
	}
	req.Header.Set("Content-Type", goipp.ContentType)
	req.Header.Set("User-Agent", "Platen")
	m, err := s.roundTrip(req)
	if err == nil && m.RequestID != id {
		err = unavailable("device.ipp", textNoPrinter, fmt.Errorf("request-id %d, want %d", m.RequestID, id))
	}
	if err != nil {
		return nil, s.explain(ctx, asking, err)
	}
	return m, nil
}

// message begins as RFC 8011, sections 4.1.4 and 4.1.5 want it.
func (s *ippSession) message(c ippCall, id uint32) *goipp.Message {
	m := goipp.NewRequest(goipp.Version(s.version.Load()), c.op, id)
	m.Operation = goipp.Attributes{
		ipp.Charset("attributes-charset", "utf-8"),
		ipp.Language("attributes-natural-language", "en"),
		ipp.URI("printer-uri", s.dev.uri()),
	}
	if c.job != 0 {
		m.Operation.Add(ipp.Integer("job-id", c.job))
	}
	m.Operation.Add(ipp.Name("requesting-user-name", printable(s.user)))
	m.Operation = append(m.Operation, c.attrs...)
	m.Job = c.tmpl
	return m
}

func (s *ippSession) roundTrip(req *http.Request) (*goipp.Message, error) {
	resp, err := s.tr.RoundTrip(req) // which follows no redirection
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, httpError(resp.StatusCode)
	}
	m, err := ipp.Read(resp.Body, ipp.AnswerLimits())
	switch {
	case fault.Is(err, fault.Invalid), fault.Is(err, fault.TooLarge):
		return nil, unavailable("device.ipp", textNoPrinter, err)
	case err != nil:
		return nil, err
	}
	_, _ = io.CopyN(io.Discard, resp.Body, 1<<10) // the connection can be used again at its end
	return m, nil
}

// explain says why a request really failed.
func (s *ippSession) explain(ctx, asking context.Context, err error) error {
	const op = "device.ipp"
	var known *fault.Error
	s.mu.Lock()
	dead := s.last != nil && s.last.halfOpen.Load()
	s.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case Damaged(err), errors.As(err, &known):
		return err
	case dead:
		return unavailable(op, textNoAnswer, errors.Join(errHalfOpen, err))
	case asking.Err() != nil:
		return unavailable(op, textNoAnswer, err)
	}
	return unavailable(op, "The connection to the device broke.", err)
}

// ippBody is a document on its way after the attributes of its request. The
// transport may go on reading after it has returned; stop ends that.
type ippBody struct {
	head *bytes.Reader
	r    *run

	mu   sync.Mutex
	src  io.ReadCloser
	left int64 // octets of the document that were not read yet
	any  bool  // some were
	over bool
	err  error // of the document
}

func (b *ippBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return 0, errors.New("the request is over")
	}
	if b.head.Len() > 0 {
		return b.head.Read(p)
	}
	size := nextWrite
	if !b.any {
		size = firstWrite
	}
	n, err := b.src.Read(p[:min(size, len(p))])
	if n > 0 {
		b.any = true
		b.left -= int64(n)
		b.r.add(n)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

// Close is the transport's, which may call it late.
func (b *ippBody) Close() error { return nil }

// stop ends the reading, and says whether the whole document was read and what
// was wrong with it.
func (b *ippBody) stop() (whole bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
	b.src.Close()
	return b.left == 0, b.err
}

// Names of attributes that are asked for.
var (
	aboutState = []string{"printer-state", "printer-state-reasons", "printer-is-accepting-jobs"}
	aboutJob   = []string{
		"job-id", "job-name", "job-state", "job-state-reasons", "job-impressions-completed", "job-media-sheets-completed",
		"job-k-octets", "job-printer-state-reasons",
	}
	beforeJob = append([]string{
		"document-format-supported", "operations-supported", "copies-supported", "sides-supported",
		"multiple-document-jobs-supported", "multiple-document-handling-supported",
	}, aboutState...)
)

// printerAttributes asks the printer for the attributes named, all of them when
// none is.
func (p *ippDevice) printerAttributes(ctx context.Context, names ...string) (goipp.Attributes, error) {
	s := p.session(ctx, "")
	defer s.close()
	return s.printer(ctx, names...)
}

func (s *ippSession) printer(ctx context.Context, names ...string) (goipp.Attributes, error) {
	if len(names) == 0 {
		names = []string{"all"}
	}
	m, err := s.call(ctx, ippCall{op: goipp.OpGetPrinterAttributes, attrs: []goipp.Attribute{ipp.Keyword("requested-attributes", names...)}})
	if err != nil {
		return nil, err
	}
	return m.Printer, nil
}

// The states of a job and of a printer (RFC 8011, sections 5.3.7 and 5.4.11).
const (
	ippCanceled  = 7
	ippAborted   = 8
	ippCompleted = 9

	ippProcessing = 4
	ippStopped    = 5
)

// ippJob is what a printer says of a job.
type ippJob struct {
	id          int
	name        string
	state       int
	reasons     []string
	impressions int      // or job.Unknown
	sheets      int      // or job.Unknown
	octets      int64    // an upper bound, or job.Unknown
	device      []string // reasons of the printer's state
	saysDevice  bool     // it has said those
}

// newIPPJob believes only what can be true.
func newIPPJob(a goipp.Attributes) (ippJob, error) {
	j := ippJob{
		name: ipp.Text(a, "job-name"), reasons: ipp.Texts(a, "job-state-reasons"),
		impressions: countOf(a, "job-impressions-completed"), sheets: countOf(a, "job-media-sheets-completed"),
		octets: job.Unknown, device: ipp.Texts(a, "job-printer-state-reasons"),
	}
	j.saysDevice = len(j.device) > 0
	j.id, _ = ipp.Int(a, "job-id")
	j.state, _ = ipp.Int(a, "job-state")
	if k, ok := ipp.Int(a, "job-k-octets"); ok && k > 0 {
		j.octets = int64(k) << 10
	}
	if j.state < 3 || j.state > ippCompleted || j.id < 0 {
		return j, unavailable("device.ipp", textNoPrinter, fmt.Errorf("job-id %d, job-state %d", j.id, j.state))
	}
	return j, nil
}

func countOf(a goipp.Attributes, name string) int {
	if n, ok := ipp.Int(a, name); ok && n >= 0 && n <= maxPages {
		return n
	}
	return job.Unknown
}

func (j *ippJob) done() bool { return j.state >= ippCanceled }

// incoming reports whether the printer waits for documents of the job.
func (j *ippJob) incoming() bool {
	return !j.done() && slices.ContainsFunc(j.reasons, func(r string) bool { return r == "job-incoming" || r == "job-data-insufficient" })
}

func (s *ippSession) job(ctx context.Context, id int) (ippJob, error) {
	m, err := s.call(ctx, ippCall{op: goipp.OpGetJobAttributes, job: id, attrs: []goipp.Attribute{ipp.Keyword("requested-attributes", aboutJob...)}})
	if err != nil {
		return ippJob{}, err
	}
	j, err := newIPPJob(m.Job)
	if err == nil && j.id != 0 && j.id != id {
		err = unavailable("device.ipp", textNoPrinter, fmt.Errorf("job-id %d, want %d", j.id, id))
	}
	if err == nil && !j.done() && !j.saysDevice {
		if a, err := s.printer(ctx, aboutState...); err == nil {
			j.device = ipp.Texts(a, "printer-state-reasons")
		}
	}
	j.id = id
	return j, err
}

// errForgotten is a job that the printer took and does not speak about.
var errForgotten = errors.New("the printer does not tell of the job any more")

// Pauses between two questions about a job.
const (
	firstLook = 500 * time.Millisecond
	lastLook  = 5 * time.Second
)

// follow asks about a job until it has ended, however long that takes, and
// tells see what it hears. A printer that cannot be reached for Settings.Answer
// has not told.
func (s *ippSession) follow(ctx context.Context, id int, see func(ippJob)) (ippJob, error) {
	heard := time.Now()
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		j, err := s.job(ctx, id)
		status := statusOf(err)
		switch {
		case ctx.Err() != nil:
			return j, ctx.Err()
		case err == nil:
			heard = time.Now()
			if see(j); j.done() {
				return j, nil
			}
		case status == goipp.StatusErrorOperationNotSupported, status >= 0x400 && status < 0x500:
			return j, errForgotten
		case fault.Is(err, fault.Denied), time.Since(heard) >= s.dev.set.Answer:
			return j, err
		}
		select {
		case <-ctx.Done():
			return j, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// cancelTime is how long a printer may take to cancel a job.
const cancelTime = 5 * time.Second

// cancel has the printer forget a job, and says what became of it. ctx may be
// over.
func (s *ippSession) cancel(ctx context.Context, id int) (ippJob, error) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), cancelTime)
	defer stop()
	_, err := s.call(ctx, ippCall{op: goipp.OpCancelJob, job: id})
	if err != nil && statusOf(err) == 0 {
		return ippJob{}, err
	}
	return s.follow(ctx, id, func(ippJob) {})
}

// find returns the jobs whose name holds the mark.
func (s *ippSession) find(ctx context.Context, mark string) (map[int]ippJob, error) {
	found := map[int]ippJob{}
	var failed error
	asked := false
	for _, which := range []string{"all", "not-completed", "completed"} {
		m, err := s.call(ctx, ippCall{op: goipp.OpGetJobs, attrs: []goipp.Attribute{
			ipp.Keyword("which-jobs", which), ipp.Boolean("my-jobs", false), ipp.Keyword("requested-attributes", aboutJob...),
		}})
		if err != nil {
			if failed = err; statusOf(err) == 0 {
				return nil, err
			}
			continue
		}
		asked = true
		for _, g := range m.Groups {
			if g.Tag != goipp.TagJobGroup {
				continue
			}
			if j, err := newIPPJob(g.Attrs); err == nil && j.id != 0 && strings.Contains(j.name, mark) {
				found[j.id] = j
			}
		}
	}
	if !asked {
		return nil, failed
	}
	return found, nil
}
