package job

import "time"

// How a job stands for its owner: Status of ReleaseItem and View.
const (
	StatusQueued       = "queued"
	StatusSending      = "sending"
	StatusPrinted      = "printed"
	StatusNotConfirmed = "printed-not-confirmed"
	StatusUncertain    = "uncertain"
	StatusFailed       = "failed"
	StatusHeld         = "held"
	StatusCanceled     = "canceled"
)

// View is one job as its owner sees it at one terminal. A pointer is nil
// where nobody knows. Texts are catalogue keys without arguments, unless they
// say otherwise.
type View struct {
	ID        int64     `json:"id"`
	UUID      string    `json:"uuid"`
	Title     string    `json:"title"` // "" once it is forgotten, or where it is not the person's own
	Owner     string    `json:"owner"` // login, "" unclaimed
	For       string    `json:"for"`   // what its owner is called where that is somebody else, "" the person's own
	By        string    `json:"by"`    // login of who released it in place of its owner, "" the owner
	Queue     string    `json:"queue"` // name
	Status    string    `json:"status"`
	Text      string    `json:"text"`   // the job's message, one sentence, "" all is well
	Device    string    `json:"device"` // name of the device it is at, "" while held
	Pages     *int      `json:"pages"`  // of all documents, copies not multiplied
	Estimated bool      `json:"estimated"`
	Copies    *int      `json:"copies"`
	Colour    *bool     `json:"colour"`
	Duplex    *bool     `json:"duplex"`
	Sides     *string   `json:"sides"` // sides keyword
	Size      int64     `json:"size"`  // octets
	Cost      int64     `json:"cost"`  // minor units
	Submitted time.Time `json:"submitted"`
	Expires   time.Time `json:"expires"` // when it is deleted; zero where it is not
	SameAs    int64     `json:"same_as"` // an equal job came within the hour before: its number, 0 none

	NeedsPIN   bool   `json:"needs_pin"`  // it has a PIN of its own, without which it is not released or printed again
	Releasable bool   `json:"releasable"` // held, and Release would take it, with its PIN where it needs one
	WhyNot     string `json:"why_not"`    // "" when Releasable
	CanDelete  bool   `json:"can_delete"`
	CanKeep    bool   `json:"can_keep"`
	CanAgain   bool   `json:"can_again"`   // printed, the document is still kept: PrintAgain would take it
	CanResolve bool   `json:"can_resolve"` // uncertain: Resolve would take it
	CanCopies  bool   `json:"can_copies"`
	CanSides   bool   `json:"can_sides"`
}
