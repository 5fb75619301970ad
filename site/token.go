package site

import (
	"strings"
	"time"
)

// Kinds of tokens beside "", with which a backend system prints.
const (
	PersonalURL = "personal-url" // part of an address to print to: whoever prints there is its owner
	Bringer     = "bringer"      // of another machine, which brings the people of a source
	AdminToken  = "admin"        // for the administration API; it has Rights and does not print
)

// ReceptionToken is the Kind of a token with which a program makes accounts of
// guests: a system for visitors, say. Its Owner answers for them.
const ReceptionToken = "reception"

// Token lets a program in over the API. Its text is shown once and never kept; the
// store has a keyed digest of it.
type Token struct {
	ID      string    `json:"id"`   // UUIDv7
	Kind    string    `json:"kind"` // one of the above, or "" to print
	Label   string    `json:"label"`
	Queue   string    `json:"queue"`            // queue id it may print to; "" any
	Owner   string    `json:"owner"`            // user id its jobs belong to; "" whoever the request claims
	Source  string    `json:"source,omitempty"` // id of the source whose people it brings; only of Bringer
	Rights  []string  `json:"rights,omitempty"` // directory.Right; only of AdminToken
	Created time.Time `json:"created"`
	Used    time.Time `json:"used"` // last time, zero never
	// Expires is when it ends. Zero: it does not, and is opaque; the others are JWTs
	// that the account's chain signs.
	Expires time.Time `json:"expires"`
}

// Scope says what the token may do, as it stands in a JWT: "print", "guests",
// "directory", or its rights.
func (t Token) Scope() string {
	switch t.Kind {
	case "":
		return "print"
	case ReceptionToken:
		return "guests"
	case Bringer:
		return "directory"
	}
	return strings.Join(t.Rights, " ")
}
