package directory

import (
	"time"

	"platen/fault"
)

// Delegation says who may release whose documents, with that person's consent.
type Delegation struct {
	ID        string    `json:"id"`       // UUIDv7
	Owner     string    `json:"owner"`    // user id: whose documents
	Delegate  string    `json:"delegate"` // id of the person, or of the group whose members may
	Titles    bool      `json:"titles"`   // delegates read what the documents are called
	Deletes   bool      `json:"deletes"`  // delegates may delete what waits
	MadeBy    string    `json:"made_by"`  // "administrator root", "chief"
	Created   time.Time `json:"created"`
	Consented time.Time `json:"consented"` // zero: the owner has not answered, and nothing may be released
	Consent   string    `json:"consent"`   // how that was given: "at Lobby", "on paper, 2026-11-28"
	Until     time.Time `json:"until"`     // zero: until somebody ends it

	// Filled when read.

	OwnerLogin   string `json:"owner_login"`
	OwnerName    string `json:"owner_name"`
	DelegateName string `json:"delegate_name"` // what the person or the group is called
	ToGroup      bool   `json:"to_group"`
}

// Holds reports whether it may be used at now: its owner has consented, and it has
// not ended.
func (d *Delegation) Holds(now time.Time) bool { return !d.Consented.IsZero() && !d.Over(now) }

// Over reports whether it has ended at now.
func (d *Delegation) Over(now time.Time) bool { return !d.Until.IsZero() && !now.Before(d.Until) }

// MayStandIn says whether somebody can be let release documents of others, until
// then (zero: for good).
func (u *User) MayStandIn(until, now time.Time) error {
	const op = "directory.MayStandIn"
	switch {
	case !u.Enabled:
		return &fault.Error{Op: op, Kind: fault.Invalid, Text: "This person's account is not in use."}
	case !until.IsZero() && !until.After(now):
		return &fault.Error{Op: op, Kind: fault.Invalid, Text: "The end must be later than now."}
	}
	return nil
}

// MostDelegations is how many delegations one person may give.
const MostDelegations = 50
