package directory

import "time"

// Methods of signing in.
const (
	MethodCard     = "card"        // Value is the number as the reader sent it
	MethodPIN      = "pin"         // Value is the PIN; User the login, or "" for PIN alone
	MethodCode     = "card-or-pin" // Value is what stood in a field that takes both
	MethodPassword = "password"    // User and Value
	MethodOnce     = "code"        // Value is a code that works once; User the login, or ""
	MethodAsserted = "asserted"    // User, by the word of the terminal
)

// Credentials are what a person shows at a terminal. They are never logged.
type Credentials struct {
	Method string `json:"method"`
	User   string `json:"user"`   // login as typed
	Value  string `json:"value"`  // card number, PIN or password
	Reader string `json:"reader"` // which reader sent it, "" unknown
}

// Throttled is the error of a sign-in, or of the PIN of a document, that was not
// even looked at.
type Throttled struct {
	RetryAfter time.Duration
	Err        error // a fault.Error with the sentence
}

func (t *Throttled) Error() string { return t.Err.Error() + ": retry after " + t.RetryAfter.String() }

func (t *Throttled) Unwrap() error { return t.Err }

// Reasons of a Refused sign-in, for the JSON API.
const (
	ReasonWrong       = "wrong"         // user, secret or both; nobody says which
	ReasonUnknownCard = "unknown-card"  // registering it may help
	ReasonRandomCard  = "random-card"   // it shows another number each time
	ReasonNeedUser    = "user-required" // a PIN alone is not enough here
	ReasonMethod      = "method"        // this terminal does not offer it
)

// Reasons of a Refused release of a document that has a PIN of its own.
const (
	ReasonNeedPIN  = "need-pin"  // it did not come with the request
	ReasonWrongPIN = "wrong-pin" // it did not match
)

// Refused is the error of a sign-in, or of the PIN of a document, that failed.
type Refused struct {
	Reason string
	Err    error // a fault.Error with the sentence
}

func (r *Refused) Error() string { return r.Err.Error() + ": " + r.Reason }

func (r *Refused) Unwrap() error { return r.Err }
