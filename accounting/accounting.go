// Package accounting holds the accounting row: what one send put on paper, as
// far as anybody knows.
//
// The package does not know SQL and does not know the primary.
package accounting

import (
	"time"

	"platen/job"
)

// Outcome is how a send ended.
type Outcome string

// The outcomes.
const (
	Printed   Outcome = "printed"   // completed, whatever the evidence
	Uncertain Outcome = "uncertain" // interrupted after the first octet
	Failed    Outcome = "failed"    // ended before an octet was accepted
	Canceled  Outcome = "canceled"  // ended by a person while it was under way
)

// Row is one line of the ledger: one send of one job to one device. Every send
// has exactly one, however it ends.
type Row struct {
	ID  string `json:"id"`  // UUIDv7 of the send
	Key string `json:"key"` // id of the node's key
	// Epoch and Seq count the rows of a node from its birth; (Key, Epoch, Seq)
	// is unique for ever, also across restores.
	Epoch int64     `json:"epoch"`
	Seq   int64     `json:"seq"`
	At    time.Time `json:"at"`

	Job        string `json:"job"`    // job-uuid
	JobID      int64  `json:"job_id"` // job-id
	Owner      string `json:"owner"`  // user id, "" unclaimed
	OwnerName  string `json:"owner_name"`
	Department string `json:"department"`
	Device     string `json:"device"`
	DeviceName string `json:"device_name"`
	Serial     string `json:"serial"` // of the device at that time
	Queue      string `json:"queue"`
	QueueName  string `json:"queue_name"`
	Title      string `json:"title"` // "" once it is forgotten

	Outcome  Outcome      `json:"outcome"`
	Evidence job.Evidence `json:"-"`
	Octets   int64        `json:"octets"` // handed over, all copies; or job.Unknown: the node died while it was sending
	Copies   int          `json:"copies"` // 0 unknown: what the document itself says stands
	Sides    string       `json:"sides"`  // sides keyword, "" unknown
	Colour   string       `json:"colour"` // "color", "monochrome", "" unknown
	// Pages of the documents, copies not multiplied, or job.Unknown.
	Pages       int    `json:"pages"`
	Impressions int    `json:"impressions"` // sides marked as the device counted them, or job.Unknown
	Sheets      int    `json:"sheets"`      // or job.Unknown
	Method      string `json:"method"`      // how Pages is known, "" unknown
	Confidence  string `json:"confidence"`
	CostMinor   int64  `json:"cost_minor"` // minor units of Currency
	Currency    string `json:"currency"`
}
