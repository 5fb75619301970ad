package ui

import (
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"platen/directory"
	"platen/fault"
)

// errSignedOut sends a person back to the idle screen; it is no failure.
var errSignedOut = &fault.Error{Op: "ui.person", Kind: fault.Denied, Text: "You are signed out. Please sign in again."}

// refusal is an error whose status or reason is not that of its kind.
type refusal struct {
	status int
	reason string
	err    error
}

func (r *refusal) Error() string { return r.reason + ": " + r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// status is the HTTP column of the house's table of errors.
func status(k fault.Kind) int {
	switch k {
	case fault.Invalid:
		return http.StatusBadRequest
	case fault.TooLarge:
		return http.StatusRequestEntityTooLarge
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Denied:
		return http.StatusForbidden
	case fault.Conflict:
		return http.StatusConflict
	case fault.Full:
		return http.StatusInsufficientStorage
	case fault.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// answer is what an error becomes on the way out.
type answer struct {
	status int
	reason string        // for programs
	retry  time.Duration // Retry-After, 0 none
}

func answerTo(err error) answer {
	a := answer{status: status(fault.KindOf(err)), reason: fault.KindOf(err).String()}
	if r := (*refusal)(nil); errors.As(err, &r) {
		a.status, a.reason = r.status, r.reason
	}
	if t := (*directory.Throttled)(nil); errors.As(err, &t) {
		a = answer{http.StatusTooManyRequests, "throttled", t.RetryAfter}
	}
	return a
}

// route adapts a handler that returns an error: the role is proved, the
// handler runs, and an error is shown and logged under one reference.
func (s *Server) route(r route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		rec := &recorder{ResponseWriter: w}
		v := s.visit(rec, req, r.face)
		defer func() {
			s.counted.WithLabelValues(r.path, strconv.Itoa(rec.code())).Inc()
		}()
		defer s.survive(v, r)
		err := s.admit(v, r.role)
		if err == nil {
			err = r.handle(s, v)
		}
		if err != nil {
			s.fail(v, r, err)
		}
	})
}

// survive turns a panic of a handler into an error, so that the person reads
// a sentence and the log has a reference.
func (s *Server) survive(v *visit, r route) {
	switch p := recover(); p {
	case nil:
	case http.ErrAbortHandler:
		panic(p) //nolint:forbidigo // net/http's own way to cut a connection
	default:
		s.Log.Error("ui: a handler panicked", "route", r.path, "panic", p, "stack", stack())
		s.fail(v, r, &fault.Error{Op: "ui.panic", Kind: fault.Internal})
	}
}

// fail shows an error and logs it. The path is not logged: it may hold the
// token of a session; the route's pattern says enough.
func (s *Server) fail(v *visit, r route, err error) {
	if errors.Is(err, errSignedOut) && r.face == page {
		v.forget()
		_ = v.see("?out=1")
		return
	}
	if errors.Is(err, errNotMember) && r.face == page && safeMethod(v.r.Method) {
		_ = s.toSignIn(v)
		return
	}
	a := answerTo(err)
	v.failed = reference()
	s.Log.LogAttrs(v.ctx(), severity(err), "ui: request failed", slog.String("ref", v.failed), slog.String("method", v.r.Method),
		slog.String("route", r.path), slog.Int("status", a.status), slog.String("client", v.client.String()), slog.Any("error", err))
	if rec, ok := v.w.(*recorder); ok && rec.status != 0 {
		return // half an answer is out already
	}
	if a.retry > 0 {
		v.w.Header().Set("Retry-After", strconv.Itoa(int(a.retry/time.Second)))
	}
	if a.status == http.StatusUnauthorized && r.role != boxed && a.reason == "token" {
		v.w.Header().Set("WWW-Authenticate", `Bearer realm="platen"`)
	}
	key, args := fault.Sentence(err)
	sentence := v.say.Text(key, args...)
	switch {
	case v.face == page && !wantsJSON(v.r):
		v.errorPage(a.status, sentence)
	case v.face == text:
		http.Error(v.w, sentence+" ("+v.failed+")", a.status)
	default:
		_ = v.json(a.status, problemOf(err, problem{a.reason, sentence, v.failed}))
	}
}

// problem is an error as programs read it.
type problem struct {
	Reason    string `json:"reason"`
	Text      string `json:"text"`
	Reference string `json:"reference"`
}

// problemOf adds what rules say, when it was they who refused.
func problemOf(err error, p problem) any {
	if j := (*judged)(nil); errors.As(err, &j) {
		return judgedProblem{p, nonNil(j.findings)}
	}
	return p
}

// severity: an error of the node is for a person to look at, one of a stranger
// is not, and refused sign-ins are in the audit trail already.
func severity(err error) slog.Level {
	switch fault.KindOf(err) {
	case fault.Internal:
		return slog.LevelError
	case fault.Full, fault.Unavailable:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// wantsJSON reports whether an unknown path under the API was asked for.
func wantsJSON(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/api/") }

func (s *Server) notFound(*visit) error {
	return &fault.Error{Op: "ui.route", Kind: fault.NotFound, Text: "There is no such page here."}
}

func (s *Server) notAllowed(v *visit) error {
	v.w.Header().Set("Allow", strings.Join(allowed(v.r.URL.Path), ", "))
	return &refusal{http.StatusMethodNotAllowed, "method", &fault.Error{
		Op: "ui.route", Kind: fault.Invalid, Text: "That cannot be done with this address."}}
}

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(code int) {
	if r.status == 0 {
		r.status = code
	}
	r.ResponseWriter.WriteHeader(code)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

func (r *recorder) code() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}

// Unwrap lets http.ResponseController find the real one.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
