package ippsrv

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/OpenPrinting/goipp"

	"platen/fault"
	"platen/internal/crowd"
	"platen/internal/failpoint"
	"platen/ipp"
	"platen/site"
)

// contentType is what both ends send (RFC 8010, section 4).
const contentType = "application/ipp"

// Handler answers every request of the door.
func (s *Server) Handler() http.Handler {
	s.prepare()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, answered := crowd.Answering(r)
		defer answered()
		w.Header().Set("Server", "Platen/"+s.Version+" IPP/2.1")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		rc := http.NewResponseController(w)
		now := time.Now()
		_ = rc.SetReadDeadline(now.Add(s.Limits.Request))
		_ = rc.SetWriteDeadline(now.Add(s.Limits.Request))
		switch {
		case r.Method == http.MethodOptions && wantsTLS(r) && s.TLS != nil && r.TLS == nil:
			if err := s.upgrade(w); err != nil {
				s.Log.Debug("ipp: upgrade to TLS failed", "client", r.RemoteAddr, "error", err)
			}
		case !crowd.IsHere(r, nil) && !crowd.IsHere(r, s.Hosts()) && r.Method != http.MethodOptions:
			s.Log.Info("ipp: request for another host", "host", ipp.Cut(r.Host, 100), "client", r.RemoteAddr)
			http.Error(w, "This server is not the host that you asked for.", http.StatusMisdirectedRequest)
		case r.Method == http.MethodOptions:
			w.Header().Set("Allow", "GET, HEAD, OPTIONS, POST")
			w.WriteHeader(http.StatusOK)
		case r.Method == http.MethodPost:
			s.post(w, r, rc)
		case r.Method == http.MethodGet || r.Method == http.MethodHead:
			s.get(w, r)
		default:
			http.Error(w, "This address takes print jobs.", http.StatusMethodNotAllowed)
		}
	})
}

// wantsTLS reports whether a client asks to go on in TLS.
func wantsTLS(r *http.Request) bool {
	return strings.Contains(strings.ToLower(r.Header.Get("Connection")), "upgrade") && strings.Contains(r.Header.Get("Upgrade"), "TLS/")
}

// get answers browsers: the icons, and else the way to the pages for people.
func (s *Server) get(w http.ResponseWriter, r *http.Request) {
	if b, ok := s.icons[r.URL.Path]; ok {
		w.Header().Set("Content-Type", "image/png")
		w.Header().Set("Cache-Control", "max-age=86400")
		_, _ = w.Write(b)
		return
	}
	if web := s.webURL(r); web != "" {
		http.Redirect(w, r, web+"print", http.StatusSeeOther) //nolint:gosec // to this host, which IsHere has looked at
		return
	}
	http.Error(w, "This address takes print jobs.", http.StatusNotFound)
}

// webURL is where the pages for people are, as this client reaches the node.
func (s *Server) webURL(r *http.Request) string {
	if s.Web == nil {
		return ""
	}
	_, port, err := net.SplitHostPort(s.Web())
	if err != nil {
		return ""
	}
	host := crowd.HostOf(r.Host)
	if port != "443" {
		host = net.JoinHostPort(host, port)
	} else if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return "https://" + host + "/"
}

// request is one IPP request and what is known of who sent it.
type request struct {
	s      *Server
	ctx    context.Context //nolint:containedctx // one request, one goroutine
	http   *http.Request
	msg    *goipp.Message
	body   *bufio.Reader // the document
	client netip.Addr

	base   string // scheme://host:port of this client's view
	path   string // resource path of the printer, as the client reaches it
	queue  site.Queue
	person Person // who has proven to be it; zero nobody
	host   bool   // the host's word for its users counts
	holder string // what the client's certificate calls the person, where nothing better is known
	hidden bool   // the path holds a secret

	unsupported goipp.Attributes
}

// answer is what a request comes to.
type answer struct {
	status  int
	message string        // status-message
	groups  []goipp.Group // after the operation attributes
	rest    []byte        // of the last group's attributes, encoded
	durable bool          // it acknowledges a job
	extra   []goipp.Attribute
}

var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 32<<10) }}

func (s *Server) post(w http.ResponseWriter, r *http.Request, rc *http.ResponseController) {
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); !strings.EqualFold(strings.TrimSpace(kind), contentType) {
		http.Error(w, "A print job is sent as application/ipp.", http.StatusUnsupportedMediaType)
		return
	}
	if r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") == "cross-site" {
		s.Log.Warn("ipp: request from a web page", "client", r.RemoteAddr)
		http.Error(w, "Web pages do not print here.", http.StatusForbidden)
		return
	}
	body := readers.Get().(*bufio.Reader)
	pace := &patient{r: r.Body, rc: rc, idle: s.Limits.Idle, request: s.Limits.Request}
	body.Reset(pace)
	defer func() {
		body.Reset(nil)
		readers.Put(body)
	}()
	msg, err := ipp.Read(body, s.Limits.Message)
	if err != nil {
		s.Log.Debug("ipp: no valid request", "client", r.RemoteAddr, "error", err)
		status := http.StatusBadRequest
		if fault.Is(err, fault.TooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
		http.Error(w, fault.Text(err), status)
		return
	}
	pace.document = true
	q := &request{s: s, ctx: r.Context(), http: r, msg: msg, body: body, client: clientOf(r.RemoteAddr)}
	a, httpStatus := q.serve(w)
	if httpStatus != 0 {
		return // said already
	}
	pace.document = false
	now := time.Now()
	_ = rc.SetReadDeadline(now.Add(s.Limits.Request))
	_ = rc.SetWriteDeadline(now.Add(s.Limits.Request))
	// Who is answered in the middle of a document breaks off and connects anew;
	// CUPS 2.4.2 then loses its way when TLS comes by upgrade. So a short rest is
	// read first.
	_, _ = io.CopyN(io.Discard, q.body, shortRest)
	if !a.durable {
		q.write(w, a)
		return
	}
	failpoint.Hit("ipp.before-ack")
	q.write(w, a)
	_ = rc.Flush()
	failpoint.Hit("ipp.after-ack")
}

// shortRest is as much as net/http reads of a body that nobody wanted.
const shortRest = 256 << 10

func clientOf(remote string) netip.Addr {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

// patient reads a body. Attributes, and what nobody wants, come within one limit;
// a document may take as long as it likes while octets keep coming.
type patient struct {
	r             io.Reader
	rc            *http.ResponseController
	idle, request time.Duration
	document      bool
}

func (p *patient) Read(b []byte) (int, error) {
	if p.document {
		now := time.Now()
		_ = p.rc.SetReadDeadline(now.Add(p.idle)) // not every connection in a test has one
		_ = p.rc.SetWriteDeadline(now.Add(p.idle + p.request))
	}
	return p.r.Read(b)
}

// write encodes the answer (RFC 8011, section 4.1.4.2: charset and language come
// first).
func (q *request) write(w http.ResponseWriter, a answer) {
	op := goipp.Attributes{ipp.Charset("attributes-charset", "utf-8"), ipp.Language("attributes-natural-language", "en")}
	if a.message != "" {
		op = append(op, goipp.MakeAttribute("status-message", goipp.TagText, goipp.String(ipp.Cut(a.message, 255))))
	}
	op = append(op, a.extra...)
	groups := goipp.Groups{{Tag: goipp.TagOperationGroup, Attrs: op}}
	if len(q.unsupported) > 0 {
		groups = append(groups, goipp.Group{Tag: goipp.TagUnsupportedGroup, Attrs: q.unsupported})
		if a.status == statusOK {
			a.status = statusOKIgnored
		}
	}
	groups = append(groups, a.groups...)
	m := goipp.Message{Version: q.version(), Code: goipp.Code(a.status), RequestID: q.msg.RequestID, Groups: groups}
	b := answers.Get().(*bytes.Buffer)
	defer answers.Put(b)
	b.Reset()
	if err := m.Encode(b); err != nil {
		q.s.Log.Error("ipp: an answer could not be encoded", "op", q.op().String(), "error", err)
		http.Error(w, "The answer could not be encoded.", http.StatusInternalServerError)
		return
	}
	if len(a.rest) > 0 {
		b.Truncate(b.Len() - 1)
		b.Write(a.rest)
		b.WriteByte(byte(goipp.TagEnd))
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	_, _ = w.Write(b.Bytes())
}

// answers are what answers are written in.
var answers = sync.Pool{New: func() any { return &bytes.Buffer{} }}

// version is the one that the client speaks, as far as we do.
func (q *request) version() goipp.Version {
	switch v := q.msg.Version; v {
	case 0x0100, 0x0101, 0x0200, 0x0201, 0x0202:
		return v
	default:
		if v.Major() == 1 {
			return 0x0101
		}
	}
	return 0x0200
}

func (q *request) op() goipp.Op { return goipp.Op(q.msg.Code) }

// serve checks what every request must have, finds out who asks, and has the
// operation done. httpStatus is not 0 when the answer was one of HTTP.
func (q *request) serve(w http.ResponseWriter) (a answer, httpStatus int) {
	if a := q.wellFormed(); a != nil {
		return *a, 0
	}
	o, ok := operations[q.op()]
	if !ok {
		return answer{status: statusNoOperation, message: "This operation is not offered."}, 0
	}
	if a := q.target(); a != nil {
		return *a, 0
	}
	if status, err := q.identify(w); err != nil {
		return q.failed(err), 0
	} else if status != 0 {
		return answer{}, status
	}
	if o.operator && !q.person.Admin {
		if status := q.askPassword(w); status != 0 {
			return answer{}, status
		}
		return answer{status: statusForbidden, message: "An administrator may do that, over TLS and with a password."}, 0
	}
	if q.s.Log.Enabled(q.ctx, slog.LevelDebug) {
		q.s.Log.Debug("ipp: request", "op", q.op().String(), "queue", q.queue.Name, "client", q.client.String(), "user", q.claimed())
	}
	a, err := o.do(q)
	if err != nil {
		return q.failed(err), 0
	}
	return a, 0
}

// wellFormed checks RFC 8011, sections 4.1.1 to 4.1.8.
func (q *request) wellFormed() *answer {
	bad := func(text string) *answer { return &answer{status: statusBadRequest, message: text} }
	v := q.msg.Version
	if v.Major() != 1 && v.Major() != 2 {
		return &answer{status: statusVersion, message: "This version of IPP is not supported; 1.1 and 2.0 are."}
	}
	if q.msg.RequestID == 0 || q.msg.RequestID > 1<<31-1 {
		return bad("The request-id is 0.")
	}
	groups := q.msg.AttrGroups()
	if len(groups) == 0 || groups[0].Tag != goipp.TagOperationGroup {
		return bad("The operation attributes are missing.")
	}
	for i, g := range groups[1:] {
		if g.Tag == goipp.TagOperationGroup || g.Tag < groups[i].Tag && g.Tag != goipp.TagJobGroup {
			return bad("The groups of attributes are not in order.")
		}
	}
	op := groups[0].Attrs
	if len(op) < 2 || op[0].Name != "attributes-charset" || ipp.Tag(op[0]) != goipp.TagCharset ||
		op[1].Name != "attributes-natural-language" || ipp.Tag(op[1]) != goipp.TagLanguage {
		return bad("A request begins with attributes-charset and attributes-natural-language.")
	}
	if len(op[0].Values) != 1 || len(op[1].Values) != 1 {
		return bad("The charset and the language have one value each.")
	}
	if c := ipp.Text(op, "attributes-charset"); !strings.EqualFold(c, "utf-8") && !strings.EqualFold(c, "us-ascii") {
		return &answer{status: statusCharset, message: "The charset is utf-8."}
	}
	for i, a := range op {
		for _, b := range op[:i] {
			if a.Name == b.Name {
				return bad("An operation attribute comes twice.")
			}
		}
	}
	return nil
}

// failed says how a failure is called in IPP.
func (q *request) failed(err error) answer {
	var refused *refusal
	if errors.As(err, &refused) {
		return answer{status: refused.status, message: fault.Text(err)}
	}
	status := kindStatus(fault.KindOf(err))
	if fault.Is(err, fault.Internal) {
		if e := (*fault.Error)(nil); !errors.As(err, &e) && q.ctx.Err() != nil {
			return answer{status: statusTimeout}
		}
		q.s.Log.Error("ipp: request failed", "op", q.op().String(), "client", q.client.String(), "queue", q.queue.Name, "error", err)
	} else {
		q.s.Log.Info("ipp: request refused", "op", q.op().String(), "client", q.client.String(), "queue", q.queue.Name, "error", err)
	}
	return answer{status: status, message: fault.Text(err)}
}

// refusal is a failure with a status of its own.
type refusal struct {
	status int
	err    *fault.Error
}

func (r *refusal) Error() string { return r.err.Error() }

func (r *refusal) Unwrap() error { return r.err }

func refuse(status int, kind fault.Kind, text string, args ...any) error {
	return &refusal{status, &fault.Error{Op: "ippsrv", Kind: kind, Text: text, Args: args}}
}

// printRoot is where queues are.
const printRoot = "/ipp/print"

// target finds the queue and whether the address is a personal one.
func (q *request) target() *answer {
	op := q.msg.AttrGroups()[0].Attrs
	uri, name := ipp.Text(op, "printer-uri"), "printer-uri"
	if uri == "" {
		uri, name = ipp.Text(op, "job-uri"), "job-uri"
	}
	if uri == "" {
		return &answer{status: statusBadRequest, message: "The request names no printer: printer-uri or job-uri is missing."}
	}
	u, err := url.Parse(uri)
	if err != nil || len(uri) > 1023 || !slices.Contains([]string{"ipp", "ipps", "http", "https"}, strings.ToLower(u.Scheme)) {
		return &answer{status: statusBadRequest, message: "The address in " + name + " is not one of IPP."}
	}
	scheme := "ipp"
	if q.http.TLS != nil {
		scheme = "ipps"
	}
	q.base = scheme + "://" + q.hostPort()
	queue, secret, ok := splitPath(q.http.URL.Path)
	named, secret2, ok2 := splitPath(u.Path)
	if !ok2 {
		return notFoundAnswer()
	}
	if !ok || queue == "" {
		queue = named
	}
	if secret == "" {
		secret = secret2
	}
	if err := q.find(queue); err != nil {
		a := q.failed(err)
		return &a
	}
	q.path = printRoot
	if queue != "" {
		q.path += "/" + url.PathEscape(q.queue.Name)
	}
	if secret == "" {
		return nil
	}
	if q.http.TLS == nil {
		q.s.Log.Warn("ipp: a personal address was used without TLS and was not listened to", "client", q.client.String())
		return &answer{status: statusForbidden, message: "A personal address is used with ipps only."}
	}
	p, err := q.s.People.Personal(q.ctx, secret, q.queue.ID)
	if err != nil {
		a := q.failed(err)
		return &a
	}
	q.person, q.hidden = p, true
	q.path = printRoot + "/" + url.PathEscape(q.queue.Name) + "/u/" + secret
	return nil
}

func notFoundAnswer() *answer {
	return &answer{status: statusNotFound, message: "There is no such queue."}
}

// find looks the queue up; "" is the default one.
func (q *request) find(name string) (err error) {
	if name != "" {
		q.queue, err = q.s.Site.QueueByName(q.ctx, name)
		return err
	}
	set, err := q.s.Site.Settings(q.ctx)
	if err != nil {
		return err
	}
	queues, err := q.s.Site.Queues(q.ctx)
	if err != nil {
		return err
	}
	var ok bool
	if q.queue, ok = site.DefaultQueue(queues, set); !ok {
		return refuse(statusNotFound, fault.NotFound, "There is no queue here yet.")
	}
	return nil
}

// splitPath takes a resource path apart: /ipp/print[/queue[/u/secret]][/jobs/N].
// Old clients come to / and name the queue in printer-uri.
func splitPath(path string) (queue, secret string, ok bool) {
	path = strings.TrimSuffix(path, "/")
	if path == "" || path == "/ipp" {
		return "", "", true
	}
	rest, ok := strings.CutPrefix(path, printRoot)
	if !ok {
		if rest, ok = strings.CutPrefix(path, "/printers"); !ok { // what CUPS calls its queues: links of a server that was here before
			return "", "", false
		}
	}
	if rest == "" {
		return "", "", true
	}
	parts := strings.Split(strings.TrimPrefix(rest, "/"), "/")
	if n := len(parts); n >= 2 && parts[n-2] == "jobs" {
		parts = parts[:n-2]
	}
	switch {
	case len(parts) == 0:
		return "", "", true
	case len(parts) == 1:
		return parts[0], "", rest[0] == '/'
	case len(parts) == 3 && parts[1] == "u" && parts[2] != "":
		return parts[0], parts[2], true
	}
	return "", "", false
}

// hostPort is this node as the client knows it.
func (q *request) hostPort() string {
	host := q.http.Host
	if _, _, err := net.SplitHostPort(host); err == nil {
		return strings.ToLower(host)
	}
	port := "631"
	if a, ok := q.http.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		if _, p, err := net.SplitHostPort(a.String()); err == nil {
			port = p
		}
	}
	return net.JoinHostPort(strings.Trim(strings.ToLower(host), "[]"), port)
}

// printerURI is the queue's address as this client reaches it.
func (q *request) printerURI() string { return q.base + q.path }

// jobURI is the address of a job.
func (q *request) jobURI(id int64) string { return fmt.Sprintf("%s/jobs/%d", q.printerURI(), id) }
