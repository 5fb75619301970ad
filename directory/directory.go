// Package directory holds users, cards, PINs and passwords, and the rules
// that say who owns a job.
//
// The package does not know SQL and does not know what is being printed.
package directory

import "time"

// Right is something a person may do.
type Right string

// The rights of local users. Later sources add more.
const (
	Release    Right = "release"     // release own jobs
	BreakGlass Right = "break-glass" // release somebody else's job, with a reason
	Administer Right = "administer"  // change queues over IPP
)

// User is a person who owns jobs.
type User struct {
	ID         string    `json:"id"`    // UUIDv7; stays when the login changes
	Login      string    `json:"login"` // folded: see Fold
	FullName   string    `json:"full_name"`
	Email      string    `json:"email"` // folded
	UPN        string    `json:"upn"`   // folded
	Department string    `json:"department"`
	Language   string    `json:"language"` // "de", "en", ""
	Enabled    bool      `json:"enabled"`
	Source     string    `json:"source"` // "local", "csv:NAME"
	Rights     []Right   `json:"rights"`
	Aliases    []string  `json:"aliases"` // folded; other names that clients write
	Cards      int       `json:"cards"`   // how many
	HasPIN     bool      `json:"has_pin"`
	HasPass    bool      `json:"has_password"`
	Created    time.Time `json:"created"`
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
}

// Secrets are the verifiers of a user. They never leave store, directory and
// release.
type Secrets struct {
	Password  string // argon2id, PHC string; "" none
	PIN       string // argon2id, PHC string; "" none
	PINDigest []byte // keyed digest of the PIN, for look-up; nil none
}

// May reports whether the user has right r. A disabled user has none.
func (u *User) May(r Right) bool {
	if !u.Enabled {
		return false
	}
	for _, x := range u.Rights {
		if x == r {
			return true
		}
	}
	return false
}

// Name returns what to call the person.
func (u *User) Name() string {
	if u.FullName != "" {
		return u.FullName
	}
	return u.Login
}
