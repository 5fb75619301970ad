package entra

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"platen/fault"
)

// errAgain says that what is known of the tenant is of no use any more:
// everybody has to be read again.
var errAgain = errors.New("the service asks for a full synchronization")

// unreachable makes an error of a request that had no answer, or none to its
// end. The address stays out of it: it holds tokens.
func unreachable(host string, err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err
	}
	if unknown := (x509.UnknownAuthorityError{}); errors.As(err, &unknown) {
		return &fault.Error{Op: "entra.ask", Kind: fault.Unavailable, Args: []any{host}, Err: err,
			Text: "The certificate of %s is of an authority that is not trusted here: perhaps that of a proxy which looks into connections. Import its certificate if that is meant to be (platen cert trust import FILE --for sign-in)."}
	}
	return &fault.Error{Op: "entra.ask", Kind: fault.Unavailable, Args: []any{host}, Err: err,
		Text: "Microsoft Entra ID cannot be reached at %s, or is too slow. Check the network and the proxy."}
}

// ended makes an error of a wait that was cut short.
func ended(err error) error {
	return &fault.Error{Op: "entra.wait", Kind: fault.Unavailable, Text: "Microsoft is too busy to answer. Try again later.", Err: err}
}

func unusable(op string, err error) error {
	return &fault.Error{Op: op, Kind: fault.Invalid, Text: "Microsoft gave an answer that cannot be used. Check the addresses of sign-in and Graph.", Err: err}
}

func tooMuch(err error) error {
	return &fault.Error{Op: "entra.read", Kind: fault.Invalid, Text: "Microsoft Graph sends more than a node takes.", Err: err}
}

func troubled(op string, status int, err error) error {
	return &fault.Error{Op: op, Kind: fault.Unavailable, Text: "Microsoft reports trouble of its own (%d). Try again later.", Args: []any{status}, Err: err}
}

// graphError is an error of Graph. The codes of its inner errors say more than
// the outer one.
type graphError struct {
	Code    string      `json:"code"`
	Message string      `json:"message"`
	Inner   *graphError `json:"innerError"` // "innererror" elsewhere; encoding/json takes either
}

func parseError(body []byte) *graphError {
	var r struct {
		Error *graphError `json:"error"`
	}
	if err := json.Unmarshal(body, &r); err != nil || r.Error == nil {
		return &graphError{}
	}
	return r.Error
}

func (e *graphError) codes() (codes []string) {
	for ; e != nil && len(codes) < 10; e = e.Inner {
		codes = append(codes, strings.ToLower(e.Code))
	}
	return codes
}

// resync says whether an answer means that the state of a delta query is gone.
func resync(status int, body []byte) bool {
	if status == http.StatusGone {
		return true
	}
	if status < 400 || status > 499 {
		return false
	}
	for _, code := range parseError(body).codes() {
		if slices.Contains([]string{"syncstatenotfound", "resyncrequired"}, code) {
			return true
		}
	}
	return false
}

// said is what Graph answered instead of what it was asked for.
type said struct {
	status  int
	code    string
	message string // for the log; "should not be displayed to the user"
}

func (s *said) Error() string { return fmt.Sprintf("status %d, %s: %s", s.status, s.code, s.message) }

// refusedWith says whether err is an answer with this status.
func refusedWith(err error, status int) bool {
	var s *said
	return errors.As(err, &s) && s.status == status
}

// refusal makes an error of an answer of Graph that is not 200.
func refusal(status int, body []byte) error {
	const op = "entra.graph"
	e := parseError(body)
	cause := &said{status, word(e.Code), line(e.Message)}
	switch {
	case resync(status, body):
		return fmt.Errorf("%s: %w: %w", op, errAgain, cause)
	case status == http.StatusUnauthorized:
		return &fault.Error{Op: op, Kind: fault.Denied, Text: "Microsoft Graph does not accept the token of the application. Check that the addresses of sign-in and Graph belong to the same cloud.", Err: cause}
	case status == http.StatusForbidden:
		return &fault.Error{Op: op, Kind: fault.Denied, Text: "The application lacks a permission. Grant it the application permissions User.Read.All and Group.Read.All, or Directory.Read.All, with the consent of an administrator.", Err: cause}
	case status >= 500:
		return troubled(op, status, cause)
	case status == http.StatusBadRequest:
		return &fault.Error{Op: op, Kind: fault.Invalid, Text: "Microsoft Graph does not understand the question (%s). Check the attributes for cards, aliases and PIN.", Args: []any{cause.code}, Err: cause}
	}
	return unusable(op, cause)
}

// word makes a code of a stranger fit to be shown.
func word(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '_' || r == '.' || r == '-' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, s[:min(len(s), 64)])
	return orElse(s, "no code")
}

// line makes a stranger's words fit for the log: the first line of them.
func line(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return printable(strings.TrimSpace(s), 300)
}

func printable(s string, limit int) string {
	s = strings.ToValidUTF8(s[:min(len(s), limit)], "")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7F && r < 0xA0 {
			return -1
		}
		return r
	}, s)
}
