package job

import "time"

// Guard says how a job must be for a change to apply.
type Guard struct {
	State    State
	Owner    string    // "" does not ask
	Device   string    // "" does not ask
	Released time.Time // the zero time does not ask; else exactly this release, not a later one
}

// Order is a release before it is recorded.
type Order struct {
	Release Release // without Items
	Scope   string  // within which Key is unique: a session, or an administrator
	Key     string  // idempotency key, "" none
	Items   []OrderItem
}

// OrderItem is one job of an order, and how it must be for moving.
type OrderItem struct {
	Job     int64
	From    State
	Owner   string // "" does not ask: break glass
	Options Options
	History []Entry
	By      string // login of who releases it where that is not the owner, "" the owner
	Audit   Note   // by whom By names; without an Action there is none
}

// Note is a line of the audit trail that is written together with what it tells.
type Note struct{ Action, Object, Detail string }

// Orphan is a job whose worker died with it in hand.
type Orphan struct {
	Job         Job
	Send        string    // the open send, "" when none was begun
	Began       time.Time // when the send was begun
	CancelAsked bool
}
