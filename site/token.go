package site

import "time"

// PersonalURL is the Kind of a token that is part of an address to print to:
// whoever prints there is its owner.
const PersonalURL = "personal-url"

// Bringer is the Kind of a token with which another machine brings the people of a
// source.
const Bringer = "bringer"

// ReceptionToken is the Kind of a token with which a program makes accounts of
// guests: a system for visitors, say. Its Owner answers for them.
const ReceptionToken = "reception"

// Token lets a backend system print over the API. Its text is shown once and
// never kept; the store has a keyed digest of it.
type Token struct {
	ID      string    `json:"id"`   // UUIDv7
	Kind    string    `json:"kind"` // PersonalURL, Bringer, ReceptionToken, or "" to print over the API
	Label   string    `json:"label"`
	Queue   string    `json:"queue"`            // queue id it may print to; "" any
	Owner   string    `json:"owner"`            // user id its jobs belong to; "" whoever the request claims
	Source  string    `json:"source,omitempty"` // id of the source whose people it brings; only of Bringer
	Created time.Time `json:"created"`
	Used    time.Time `json:"used"` // last time, zero never
}
