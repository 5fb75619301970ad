package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/go-acme/lego/v5/acme"

	"platen/fault"
)

// Later is in the chain of an error when the server wants to be left alone for a while.
type Later struct {
	At  time.Time
	Err error
}

func (l *Later) Error() string {
	return "not before " + l.At.Format(time.RFC3339) + ": " + l.Err.Error()
}

func (l *Later) Unwrap() error { return l.Err }

// RetryAt returns the time before which the server does not want to be asked again, for
// those who do not know this package.
func (l *Later) RetryAt() time.Time { return l.At }

// trouble says what went wrong in a session. What has a sentence already keeps it.
func (s *session) trouble(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return fmt.Errorf("acme: %w", err)
	}
	err = &short{err}
	if p, ok := errors.AsType[*acme.ProblemDetails](err); ok {
		return s.refused(p, err)
	}
	if st := s.seen.status; st == http.StatusTooManyRequests || st >= http.StatusInternalServerError {
		return s.refused(&acme.ProblemDetails{Type: acme.ServerInternalErrorType, Detail: http.StatusText(st)}, err)
	}
	return s.unreachable(ctx, err)
}

// short is an error with a text for the log that has an end: lego's hold whatever the
// server has sent.
type short struct{ error }

func (s *short) Error() string { return brief(s.error.Error()) }

func (s *short) Unwrap() error { return s.error }

func brief(s string) string {
	const longest = 1000 // octets
	if len(s) <= longest {
		return s
	}
	return strings.ToValidUTF8(s[:longest], "") + "…"
}

// refused is for what the server says no to.
func (s *session) refused(p *acme.ProblemDetails, err error) error {
	e := &fault.Error{Op: "acme.obtain", Kind: fault.Denied, Err: err, Args: []any{s.server(), words(p.Detail)}}
	if p.Type == acme.RateLimitedErrorType || s.seen.later > 0 {
		return s.later(p, err)
	}
	switch p.Type {
	case acme.UserActionRequiredErrorType:
		e.Text = "The ACME server %s asks for something to be done first: %s."
		if p.Instance != "" {
			e.Args[1] = words(p.Instance)
		}
	case acme.CaaErrorType:
		e.Text = "The DNS does not let the ACME server %s give this certificate (CAA): %s."
	case acme.RejectedIdentifierErrorType, acme.UnsupportedIdentifierErrorType:
		e.Text = "The ACME server %s gives no certificate for this name: %s."
		e.Args[1] = words(whole(p))
	case acme.ServerInternalErrorType:
		e.Kind, e.Text = fault.Unavailable, "The ACME server %s has a fault of its own: %s. Try again later."
	default:
		e.Text = "The ACME server %s refuses: %s."
	}
	return e
}

// later is for a server that has had enough for now. One that does not say for how
// long is left alone for an hour.
func (s *session) later(p *acme.ProblemDetails, err error) error {
	wait := s.seen.later
	if wait <= 0 {
		wait = time.Hour
	}
	at := s.now().Add(wait)
	return &fault.Error{Op: "acme.obtain", Kind: fault.Unavailable, Err: &Later{At: at, Err: err},
		Text: "The ACME server %s takes no more requests for now: %s. Try again after %s.",
		Args: []any{s.server(), words(p.Detail), at.Format("2006-01-02 15:04")}}
}

// whole joins what a problem says of the single names to what it says of all.
func whole(p *acme.ProblemDetails) string {
	all := []string{strings.TrimSuffix(p.Detail, ".")}
	for _, sub := range p.SubProblems {
		all = append(all, sub.Identifier.Value+": "+sub.Detail)
	}
	return strings.Join(all, "; ")
}

// unreachable is for when the server does not get to say anything, or nothing that
// could be understood.
func (s *session) unreachable(ctx context.Context, err error) error {
	e := &fault.Error{Op: "acme.obtain", Kind: fault.Unavailable, Err: err, Args: []any{s.server()}}
	_, network := errors.AsType[net.Error](err)
	_, noTLS := errors.AsType[tls.RecordHeaderError](err)
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errSlow):
		e.Text = "The ACME server %s was not done in time. Try again later."
	case cause != nil:
		return fmt.Errorf("acme: %w: %w", cause, err)
	case certTrouble(err) != "":
		e.Text = certTrouble(err)
	case network && !noTLS:
		e.Text = "The ACME server %s cannot be reached. Check its address, the DNS and the firewall."
	default:
		e.Text = "What answers at %s is not an ACME server, or does not do what it should."
	}
	return e
}

// certTrouble returns the sentence for a server whose own certificate is refused, or "".
func certTrouble(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "The certificate of the ACME server %s is of an authority that is not trusted here. Import the authority: platen cert trust import FILE --for acme."
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "The certificate of the ACME server %s is for other names."
	}
	if _, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		return "The certificate of the ACME server %s is not valid. Check when it ends, and the clock of this node."
	}
	return ""
}

// notProven says why the server does not believe a proof.
func (s *session) notProven(p *proof, why *acme.ProblemDetails) error {
	e := &fault.Error{Op: "acme.prove", Kind: fault.Denied, Err: why, Args: []any{p.name, words(why.Detail)}}
	web := s.challenge() == ByHTTP
	switch {
	case why.Type == acme.CaaErrorType:
		e.Text = "An entry in the DNS of %s (CAA) does not let this ACME server give certificates: %s."
	case why.Type == acme.RateLimitedErrorType:
		return s.later(why, why)
	case web && why.Type == acme.DNSErrorType, web && unresolved(why.Detail):
		e.Text = "The ACME server does not find %s in the DNS: %s. Enter the name in the DNS that the server sees, or use dns-01."
	case web && (why.Type == acme.ConnectionErrorType || why.Type == acme.TLSErrorType):
		e.Text = "The ACME server cannot reach %s at port 80: %s. Let port 80 of this name lead to this node, or use dns-01."
	case web && (why.Type == acme.UnauthorizedErrorType || why.Type == acme.IncorrectResponseErrorType):
		e.Text = "Something else than this node answers for %s at port 80: %s. Let port 80 of this name lead to this node, or use dns-01."
	case !web && (why.Type == acme.DNSErrorType || why.Type == acme.UnauthorizedErrorType || why.Type == acme.IncorrectResponseErrorType):
		e.Text = "The ACME server does not see what this node has entered in the DNS for %s: %s. Check that the name server with the entry is one that the server asks."
	default:
		e.Text = "The ACME server does not believe that %s belongs to this node: %s."
	}
	return e
}

// unresolved recognises servers that call a name without an address a failed
// connection; their words are Go's.
func unresolved(detail string) bool {
	return strings.Contains(detail, "could not resolve") || strings.Contains(detail, "error occurred while resolving") || strings.Contains(detail, "no such host")
}

// said returns the server's own words.
func said(err error) string {
	if p, ok := errors.AsType[*acme.ProblemDetails](err); ok {
		return words(p.Detail)
	}
	return words(err.Error())
}

// words makes a stranger's text fit into a sentence: one line, nothing that cannot be
// seen, at most 200 characters, no stop at the end.
func words(s string) string {
	const longest = 200
	clean := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == unicode.ReplacementChar || !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)
	r := []rune(strings.TrimRight(strings.Join(strings.Fields(clean), " "), ".:; "))
	switch {
	case len(r) == 0:
		return "it does not say why"
	case len(r) > longest:
		return strings.TrimSpace(string(r[:longest-1])) + "…"
	}
	return string(r)
}
