// Package site holds what an administrator sets up: queues, devices,
// terminals, and the settings of the whole node.
//
// The package does not know SQL, and it does not know jobs.
package site

import (
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// ReleaseMode says when a job of a queue prints.
type ReleaseMode string

// The release modes.
const (
	Hold        ReleaseMode = "hold"        // when its owner stands at a device
	Passthrough ReleaseMode = "passthrough" // at once, at the queue's device
)

// Queue is what clients print to.
type Queue struct {
	ID           string         `json:"id"`   // UUIDv7
	Name         string         `json:"name"` // unique, compared without case
	Info         string         `json:"info"` // printer-info
	Mode         ReleaseMode    `json:"mode"`
	Device       string         `json:"device"`        // device id; where a passthrough queue prints, "" for hold
	DeviceName   string         `json:"device_name"`   // filled when read
	Allow        []netip.Prefix `json:"allow"`         // clients that may print; empty: every client
	Priority     int            `json:"priority"`      // job-priority of its jobs, 1..100, 50 unless set
	Encoding     string         `json:"encoding"`      // of names that are not UTF-8: "windows-1252" or "ibm850"
	HoldFor      time.Duration  `json:"hold_for"`      // held jobs expire after it; 96 h unless set
	KeepFor      time.Duration  `json:"keep_for"`      // a printed document stays for it; 2 h unless set
	Confidential bool           `json:"confidential"`  // nothing stays after printing: KeepFor counts as 0
	AcceptJobs   bool           `json:"accept_jobs"`   // printer-is-accepting-jobs
	AllowRemove  bool           `json:"allow_remove"`  // answer RFC 1179's remove command for jobs of the same host and claimed user
	OwnerPattern string         `json:"owner_pattern"` // regular expression with one group, cut out of the claimed user first; "" none
	Owner        OwnerRules     `json:"owner"`         // how its jobs get their owner
	MaxOctets    int64          `json:"max_octets"`    // largest job; 0: the node's limit
	Aliases      []string       `json:"aliases"`       // other names that clients may print to, folded: those of a system that was here before
	IPP          IPP            `json:"ipp"`
}

// IPP is what an IPP Printer object has beside its queue.
type IPP struct {
	UUID            string   `json:"uuid"`             // printer-uuid; made once and never changed, because clients know the queue by it
	Location        string   `json:"location"`         // printer-location
	Geo             string   `json:"geo"`              // printer-geo-location, a geo: URI, "" unknown
	Organization    string   `json:"organization"`     // printer-organization
	Unit            string   `json:"unit"`             // printer-organizational-unit
	RequireIdentity bool     `json:"require_identity"` // a requesting-user-name alone may not print
	ReportCompleted bool     `json:"report_completed"` // clients are told that a held job is completed, so that they forget it
	HoldNew         bool     `json:"hold_new"`         // Hold-New-Jobs
	Paused          bool     `json:"paused"`           // Pause-Printer: jobs of a passthrough queue wait
	Hidden          bool     `json:"hidden"`           // not advertised by DNS-SD
	Profile         string   `json:"profile"`          // name of a profile; "" asks the devices
	Devices         []string `json:"devices"`          // ids of the devices behind a queue that holds; empty: all
}

// Defaults of a queue.
const (
	DefaultHoldFor  = 96 * time.Hour
	DefaultKeepFor  = 2 * time.Hour
	DefaultPriority = 50
	DefaultEncoding = "windows-1252"
)

// Admits reports whether a client with this address may print.
func (q *Queue) Admits(client netip.Addr) bool {
	if len(q.Allow) == 0 || !client.IsValid() {
		return true
	}
	client = client.Unmap()
	return slices.ContainsFunc(q.Allow, func(p netip.Prefix) bool { return p.Contains(client) })
}

// Instance is what the queue is called on the network and in lists of printers
// (printer-dns-sd-name, at most 63 octets).
func (q *Queue) Instance() string {
	name := "Platen " + q.Name
	if len(name) <= 63 {
		return name
	}
	end := 63
	for !utf8.RuneStart(name[end]) {
		end--
	}
	return name[:end]
}

// Keep returns how long a printed document of this queue stays.
func (q *Queue) Keep() time.Duration {
	if q.Confidential {
		return 0
	}
	return q.KeepFor
}

// Device is one output device, the MFD that marks paper.
type Device struct {
	ID       string    `json:"id"` // UUIDv7
	Name     string    `json:"name"`
	Serial   string    `json:"serial"` // its identity; "" unknown
	Model    string    `json:"model"`
	Location string    `json:"location"`
	URI      string    `json:"uri"`     // lpr://host[:515]/queue, socket://host[:9100], folder:///absolute/path
	Quirks   []string  `json:"quirks"`  // names from device/quirks.toml, beside those its model gives it
	Enabled  bool      `json:"enabled"` // false: jobs wait
	Status   Condition `json:"status"`

	Profile      string       `json:"profile"`      // name of a profile; "" asks the device where it can be asked
	Capabilities Capabilities `json:"capabilities"` // what it has said of itself; the zero value: nothing
	Site         string       `json:"site"`         // id of the place where it stands, "" not said
	Groups       []string     `json:"groups"`       // ids of the device groups it is in

	Key string `json:"key"` // SHA-256 of the public key that it showed first (ipps), hex; "" none yet
}

// Condition is what was last seen of a device.
type Condition struct {
	State string    `json:"state"` // "idle", "processing", "stopped", "unknown"
	Text  string    `json:"text"`  // one English sentence, "" when all is well
	Since time.Time `json:"since"`
	Seen  time.Time `json:"seen"` // last contact

	Reasons string `json:"reasons,omitempty"` // printer-state-reasons of a device that tells them, with commas between
}

// Terminal is a card reader or panel page that belongs to one device.
type Terminal struct {
	ID          string         `json:"id"`   // UUIDv7
	Name        string         `json:"name"` // unique; the path of its pages
	Device      string         `json:"device"`
	DeviceName  string         `json:"device_name"`
	Allow       []netip.Prefix `json:"allow"`        // addresses it may come from; empty: any
	PINOnly     bool           `json:"pin_only"`     // a PIN alone may sign in, where the numbers allow it
	Asserted    bool           `json:"asserted"`     // its word for who the person is counts
	Language    string         `json:"language"`     // "de", "en"; "" as the browser says
	Rule        string         `json:"rule"`         // brings what its reader sends to the number of the card; see directory/cardrule
	RecallAfter time.Duration  `json:"recall_after"` // a released job that has not begun goes back to held after it; 5 min unless set
}

// DefaultRecallAfter is how long a released job may wait for its device.
const DefaultRecallAfter = 5 * time.Minute

// Settings are the node-wide values that an administrator changes at run time.
type Settings struct {
	MaxOctets      int64         `json:"max_octets"`      // largest job
	MaxSpool       int64         `json:"max_spool"`       // octets of all documents; 0: no limit but the reserve
	MaxUser        int64         `json:"max_user"`        // octets of one owner's documents; 0 no limit
	MaxUserJobs    int           `json:"max_user_jobs"`   // jobs not done of one owner; 0 no limit
	Reserve        int64         `json:"reserve"`         // octets of disk that stay free for the database
	TitleFor       time.Duration `json:"title_for"`       // titles are forgotten this long after completion
	HistoryFor     time.Duration `json:"history_for"`     // finished jobs are forgotten after it; ledger rows stay
	AliasesEnabled bool          `json:"aliases_enabled"` // owner rule "alias"
	PrefixEnabled  bool          `json:"prefix_enabled"`  // owner rule "unique prefix of 31 octets"
	RegisterCards  bool          `json:"register_cards"`  // a person may register an unknown card with a password
	MaxCards       int           `json:"max_cards"`       // how many cards a person may have who registers one; 0 no limit
	GuestsFor      time.Duration `json:"guests_for"`      // the account of a guest is removed this long after its end
	VerifierFor    time.Duration `json:"verifier_for"`    // how long a password stands in for a directory that is away; 0: never
	DefaultQueue   string        `json:"default_queue"`   // queue id behind /ipp/print; "": the first that holds
	PersonalURLs   bool          `json:"personal_urls"`   // people may have an address of their own to print to
	Advertise      bool          `json:"advertise"`       // queues are advertised by DNS-SD
	WebIdle        time.Duration `json:"web_idle"`        // a session at a browser of one's own ends after so long without a sign of the person
	WebLife        time.Duration `json:"web_life"`        // and after so long in any case
}

// DefaultSettings returns the values a new node starts with.
func DefaultSettings() Settings {
	return Settings{
		MaxOctets: 4 << 30, MaxUser: 20 << 30, MaxUserJobs: 10_000, Reserve: 512 << 20,
		TitleFor: 7 * 24 * time.Hour, HistoryFor: 90 * 24 * time.Hour,
		AliasesEnabled: true, PrefixEnabled: true, RegisterCards: true, PersonalURLs: true, Advertise: true,
		MaxCards: 5, GuestsFor: 30 * 24 * time.Hour, VerifierFor: 30 * 24 * time.Hour, WebIdle: 30 * time.Minute, WebLife: 12 * time.Hour,
	}
}

// DefaultQueue returns the queue of clients that name none: the chosen one, else
// the first that holds, else the first.
func DefaultQueue(queues []Queue, s Settings) (Queue, bool) {
	best := -1
	for i := range queues {
		if queues[i].ID == s.DefaultQueue {
			return queues[i], true
		}
		if best < 0 || queues[best].Mode != Hold && queues[i].Mode == Hold {
			best = i
		}
	}
	if best < 0 {
		return Queue{}, false
	}
	return queues[best], true
}

// FoldName is the form in which names of queues, devices and terminals are
// compared.
func FoldName(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
