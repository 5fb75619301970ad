// Package fault is the one vocabulary for what went wrong.
//
// A failure has a kind, which tells a caller what it can do and each protocol
// which code to answer, and two texts: one sentence for the person, and the
// cause for the log. The two never mix: a path, a query or a secret in the
// cause never reaches a person.
package fault

import (
	"errors"
	"fmt"
	"strings"
)

// Kind says what the one who asked can do about a failure.
type Kind int

// The kinds, in the order of the house's table of codes.
const (
	Internal    Kind = iota // call someone; the zero value, so that a forgotten kind is not a harmless one
	Invalid                 // fix the request
	TooLarge                // send less
	NotFound                // nothing: it is not there, or not for you
	Denied                  // nothing: you may not
	Conflict                // look again: somebody was faster
	Full                    // try later: no space or no quota left
	Unavailable             // try later: a part is down or busy
)

var kindNames = [...]string{"internal", "invalid", "too-large", "not-found", "denied", "conflict", "full", "unavailable"}

func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("kind(%d)", int(k))
	}
	return kindNames[k]
}

// ParseKind is the reverse of Kind.String, for errors that travelled as JSON.
// A name nobody knows is Internal.
func ParseKind(name string) Kind {
	for i, n := range kindNames {
		if n == name {
			return Kind(i)
		}
	}
	return Internal
}

// Error is made once, at the place that knows what the failure means.
// Callers above add context with fmt.Errorf and %w.
type Error struct {
	Op   string // what was being done, "release.card"
	Kind Kind
	Text string // one sentence for the person, the catalogue's key; no paths, no SQL, no secrets
	Args []any  // what the sentence speaks of
	Err  error  // the cause, for the log; may be nil
}

// Error is the text for the log.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	b.WriteString(": ")
	b.WriteString(e.Kind.String())
	if e.Text != "" {
		b.WriteString(": ")
		fmt.Fprintf(&b, e.Text, e.Args...)
	}
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// private is what a person reads of an error that nobody prepared for people.
const private = "The print service could not do that. Please try again or ask the help desk."

// Sentence returns the catalogue key and its arguments that a person may read.
// An error nobody prepared for people stays private.
func Sentence(err error) (key string, args []any) {
	for e := (*Error)(nil); errors.As(err, &e); err = e.Err {
		if e.Text != "" {
			return e.Text, e.Args
		}
	}
	return private, nil
}

// Text returns, in English, what a person may read of err.
func Text(err error) string {
	key, args := Sentence(err)
	return fmt.Sprintf(key, args...)
}

// KindOf returns the kind of the outermost Error in err's chain, and Internal
// when there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// Is reports whether err is a failure of kind k. A nil err is of no kind.
func Is(err error, k Kind) bool { return err != nil && KindOf(err) == k }
