// Package directory holds users, cards, PINs and passwords, and the rules
// that say who owns a job.
//
// The package does not know SQL and does not know what is being printed.
package directory

import "time"

// User is a person who owns jobs.
type User struct {
	ID         string    `json:"id"`    // UUIDv7; stays when the login changes
	Login      string    `json:"login"` // folded: see Fold
	FullName   string    `json:"full_name"`
	Email      string    `json:"email"` // folded
	UPN        string    `json:"upn"`   // folded
	Department string    `json:"department"`
	Language   string    `json:"language"` // "de", "en", ""
	Enabled    bool      `json:"enabled"`  // by the source, and not blocked, removed or over
	Blocked    bool      `json:"blocked"`  // by an administrator here, whatever the source says
	Source     string    `json:"source"`   // "local", "csv:NAME", or the id of a source
	From       string    `json:"from"`     // Source in words, filled when read: "local", "source corp"
	Rights     []Right   `json:"rights"`   // given to this person alone, everywhere
	Grants     []Grant   `json:"grants"`   // by groups and the like; filled when one person is read, not in lists
	Aliases    []string  `json:"aliases"`  // folded; other names that clients write
	Cards      int       `json:"cards"`    // how many
	HasPIN     bool      `json:"has_pin"`
	HasPass    bool      `json:"has_password"`
	Created    time.Time `json:"created"`
	Until      time.Time `json:"until"`   // the account ends; zero never
	Removed    time.Time `json:"removed"` // gone from its source, and forgotten a week later; zero: not
	Sponsor    string    `json:"sponsor"` // who answers for a guest (login); "" no guest
}

// Card is one card of a user. Its number is never kept.
type Card struct {
	ID      string    `json:"id"` // UUIDv7
	User    string    `json:"user"`
	Login   string    `json:"login"` // filled when read
	Digest  []byte    `json:"-"`     // keyed digest of the normal form
	Raw     []byte    `json:"-"`     // keyed digest of the number as the reader sent it
	Last    string    `json:"last"`  // last three digits of the normal form, to tell cards apart
	Label   string    `json:"label"`
	Created time.Time `json:"created"`
	Blocked bool      `json:"blocked"`
	Source  string    `json:"source"` // id of the source it comes from, "" given here
}

// Balance is what somebody had to the credit in the system that was here before.
type Balance struct {
	User     string `json:"user"`    // user id
	Account  string `json:"account"` // "" the person's own
	Amount   int64  `json:"amount"`  // minor units
	Currency string `json:"currency"`
	Origin   string `json:"origin"` // "papercut", "safeq", "equitrac"
}

// Secrets are the verifiers of a user. They never leave store, directory and
// release.
type Secrets struct {
	Password  string // argon2id, PHC string; "" none
	PIN       string // argon2id, PHC string; "" none
	PINDigest []byte // keyed digest of the PIN, for look-up; nil none

	PasswordUntil time.Time // Password stands in for a directory's, and ends; zero: it is the person's own here
}

// Name returns what to call the person.
func (u *User) Name() string {
	if u.FullName != "" {
		return u.FullName
	}
	return u.Login
}
