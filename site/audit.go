package site

import "time"

// AuditLine is one line of the audit trail: who has done what to what.
type AuditLine struct {
	N      int64     `json:"n"` // counts from 1, without a gap
	At     time.Time `json:"at"`
	Actor  string    `json:"actor"`
	Action string    `json:"action"`
	Object string    `json:"object"`
	Detail string    `json:"detail"`
}
