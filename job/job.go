package job

import (
	"context"
	"io"
	"net/netip"
	"time"

	"github.com/google/uuid"
)

// NewUUID returns a UUIDv7 (RFC 9562, section 5.7) as text. Everything that
// travels between nodes is named by one.
func NewUUID() string { return uuid.Must(uuid.NewV7()).String() }

// Origin says where a job came in. Nothing in it is proof of anything.
type Origin struct {
	Door   string     `json:"door"`   // "lpd", "ipp", "hotfolder", "api"
	Queue  string     `json:"queue"`  // the name as the client wrote it
	Client netip.Addr `json:"client"` // the peer's address; invalid where there is none
	User   string     `json:"user"`   // user id, where the door itself has proof of the owner (token, hot folder, password, certificate); else ""

	// Certificate is the name in the TLS client certificate of a person, where that
	// is the proof; "" none. The queue's rules say whose name it is.
	Certificate string `json:"certificate,omitempty"`

	// Believed says that the host is trusted to name its users: a terminal server
	// or a print gateway. What it claims then stands above what documents say.
	Believed bool `json:"believed,omitempty"`
}

// Ticket is what the client asked for. All of it is claimed, none of it is
// checked, and all of it is valid UTF-8 without NUL.
type Ticket struct {
	Title   string            `json:"title,omitempty"`   // job-name
	Claimed string            `json:"claimed,omitempty"` // requesting-user-name, or P of RFC 1179
	Host    string            `json:"host,omitempty"`    // H of RFC 1179
	Class   string            `json:"class,omitempty"`   // C of RFC 1179
	Banner  string            `json:"banner,omitempty"`  // L of RFC 1179
	Account string            `json:"account,omitempty"` // job-accounting-user-id
	Copies  int               `json:"copies,omitempty"`  // copies, 0 when not asked for: what the document itself says stands
	Sides   string            `json:"sides,omitempty"`   // sides, "" when not asked for
	Cut     bool              `json:"cut,omitempty"`     // Claimed may be cut: it has exactly 31 octets (protocols.md 4.2, rule 14)
	Extra   map[string]string `json:"extra,omitempty"`   // lines nobody here understands, by their letter; kept, never used

	Colour     string   `json:"colour,omitempty"`      // print-color-mode
	Media      string   `json:"media,omitempty"`       // media, a PWG 5101.1 name
	Finishings []int    `json:"finishings,omitempty"`  // finishings, enums of the registry
	Ranges     [][2]int `json:"page_ranges,omitempty"` // page-ranges
	HoldUntil  string   `json:"hold_until,omitempty"`  // job-hold-until: "" and "no-hold" do not hold
	PrinterURI string   `json:"printer_uri,omitempty"` // job-printer-uri, as the client wrote it, without what is secret in it
	Template   []byte   `json:"template,omitempty"`    // all Job Template attributes as they came, an IPP message with one job group
	PIN        *PIN     `json:"pin,omitempty"`         // job-password; nil none
}

// Held reports whether the ticket asks for the job to be held until somebody
// releases it with Release-Job (RFC 8011, section 5.2.2).
func (t *Ticket) Held() bool { return t.HoldUntil != "" && t.HoldUntil != "no-hold" }

// Document is one document of a job. Its octets are in the spool, under File.
type Document struct {
	Number   int    `json:"number"`         // document-number, from 1
	Name     string `json:"name,omitempty"` // document-name; personal, like a title
	Octets   int64  `json:"octets"`         // length of the plain document
	Digest   []byte `json:"digest"`         // keyed digest of the plain document
	Language string `json:"language"`       // what pdl found: "pdf", "postscript", "pcl", "pclxl", ..., "unknown"
	Copies   int    `json:"copies"`         // how often it is sent: equal print lines of RFC 1179; at least 1
	File     string `json:"file"`           // name within the spool, no path; "" once it is erased
	Count    Count  `json:"count"`
}

// Unknown is the value of a count that nobody knows. It is never 0.
const Unknown = -1

// Count is what is known of a document's pages. The zero value is not a valid
// Count: use NoCount.
type Count struct {
	Pages      int    `json:"pages"`         // pages of the document, or Unknown
	Sides      string `json:"sides"`         // sides keyword, "" unknown
	Colour     string `json:"colour"`        // "color", "monochrome", "" unknown
	Method     string `json:"method"`        // "parsed", "interpreted", "declared", "heuristic", "device", "" not counted
	Confidence string `json:"confidence"`    // "high", "low", "none"
	Why        string `json:"why,omitempty"` // why it is unknown, one English sentence
}

// NoCount is the count of a document that was not, or could not be, counted.
func NoCount(why string) Count {
	return Count{Pages: Unknown, Confidence: "none", Why: why}
}

// Job is one print job.
type Job struct {
	ID      int64  // job-id, a number per store, for people and IPP
	UUID    string // job-uuid, a UUIDv7
	State   State
	Reasons []Reason
	Message string // job-state-message: one sentence for people, English, no title in it

	Queue     string // queue id
	QueueName string // as configured; filled when read
	Owner     string // user id; "" while unclaimed
	OwnerName string // login; filled when read
	OwnerRule string // the rule that named the owner, one English sentence; with "" Owner, why none did
	Ticket    Ticket // Title is "" once it is forgotten
	Origin    Origin
	Priority  int // job-priority 1..100, from its queue; higher goes first

	Device     string    // device id it was released to, "" while held
	DeviceName string    // filled when read
	NotBefore  time.Time // no new attempt before this time
	Attempts   int       // deliveries begun without an octet accepted, since its release
	Crashes    int       // times a worker died with it in hand

	Documents []Document
	Octets    int64 // job-k-octets × 1024: sum over the documents, one copy each

	Created    time.Time // date-time-at-creation
	Released   time.Time // zero while held
	ReleasedBy string    // login of who released it last where that was not the owner, "" the owner
	Completed  time.Time // date-time-at-completed
	ExpiresAt  time.Time // when a held job expires, or a printed document goes
	Fence      int64     // counts the claims; a worker whose fence is old has lost the job
	Seen       int64     // equal job seen before within the hour (same owner, keyed digest, octets): its job-id, 0 none

	Options Options // what was changed when it was released; the zero value leaves everything as it came
	Kept    bool    // its owner has extended its hold time, which is possible once
}

// Unclaimed reports whether no rule named an owner.
func (j *Job) Unclaimed() bool { return j.Owner == "" }

// Uncertain reports whether the job may have printed and nobody knows.
func (j *Job) Uncertain() bool { return j.State == Stopped }

// Has reports whether the job gives reason r.
func (j *Job) Has(r Reason) bool {
	for _, x := range j.Reasons {
		if x == r {
			return true
		}
	}
	return false
}

// Entry is one line of a job's history: a sentence with a time and an actor.
type Entry struct {
	At    time.Time
	Actor string // "anna", "administrator root", "the node", "device Ricoh 2nd floor"
	Text  string // catalogue key: an English sentence, may hold %s and %d
	Args  []any  // strings and integers only; never a title
}

// Arrival is one job on its way in: a door streams documents into it and then
// submits it. An Arrival is used by one goroutine. Either Submit or Abandon is
// called last; Abandon after Submit does nothing.
type Arrival interface {
	// Document reads r to its end into the spool. The octets are not durable
	// before Submit. An error of r is returned as it is, wrapped; the
	// document is then gone, and the arrival may be used again. fault.Full and
	// fault.TooLarge say that the node refuses.
	Document(ctx context.Context, name string, r io.Reader) (number int, err error)

	// Submit makes the job durable: the documents in the order given, each as
	// often as its copies say. When it returns nil the client may be
	// acknowledged: files, folder and rows are synced.
	Submit(ctx context.Context, t Ticket, order []Piece) (Job, error)

	// Abandon removes whatever has arrived.
	Abandon()
}

// Opened is an Arrival whose job has a row already, with no documents and the
// reason job-incoming (Create-Job). Submit fills the row; Abandon aborts it.
type Opened interface {
	Arrival
	Job() Job // as it was when it was opened
}

// Piece names one document of an Arrival and how often it is printed.
type Piece struct {
	Number int    // as returned by Arrival.Document
	Name   string // document-name
	Copies int    // at least 1
}

// Admission says how a new job is added.
type Admission struct {
	// Since is how far back an earlier job with the same documents is looked
	// for.
	Since time.Time
	// Redo says that all of the job is on the disk already, that a node that
	// starts makes its row again from there, and that there is room. Its row is
	// then not waited for.
	Redo bool
	// Admit is asked when the row is added, and told what the owner has without
	// this job, as Usage does. It returns the job's history, or why there is no
	// room. It must be quick.
	Admit func(j *Job, octets int64, jobs int) ([]Entry, error)
}

// Change is what one step does to a job. The store applies it whole or not at
// all.
type Change struct {
	State     State
	Reasons   []Reason
	Message   string    // job-state-message
	Device    string    // device id; "" takes the job away from its device
	NotBefore time.Time // for Pending: no attempt before
	Attempts  int       // new value of Job.Attempts
	ExpiresAt time.Time // new value of Job.ExpiresAt; zero leaves it
	Crashed   bool      // its worker died with it in hand: counts Job.Crashes up
	History   []Entry
}

// Line is one job as a client without identity may see it: no title, no name
// but the one it wrote itself.
type Line struct {
	ID      int64
	State   State
	Claimed string // as written by the client that asks
	Octets  int64
	Created time.Time
}

// QueueStatus is what RFC 1179's status commands may tell.
type QueueStatus struct {
	Queue     string
	Accepting bool
	Jobs      []Line // only those that came from the asking client
	Waiting   int    // all jobs of the queue that are not done
}

// Release is one act of releasing jobs at a device.
type Release struct {
	ID      string // UUIDv7
	Device  string
	User    string // owner; the actor where it was break glass
	Session string
	At      time.Time
	Items   []ReleaseItem
	Left    int `json:",omitempty"` // how many jobs ReleaseAll left because their PIN was not given; not recorded
}

// ReleaseItem is one job of a release, and how it stands now.
type ReleaseItem struct {
	Job    int64
	Status string // "queued", "sending", "printed", "printed-not-confirmed", "uncertain", "failed", "held", "canceled"
	Reason string // one sentence, "" when all is well
	Title  string // of the job, where the person who asks may read it
}

// Options are what a person may change when releasing.
type Options struct {
	Copies int    // 0 leaves it; only where every document is sent as it is
	Sides  string // "" leaves it; only where the language of the document allows it
	Mono   bool   // without colour, whatever was asked for; only where Sides may be chosen too
}
