package job

// PIN is the job-password of a job (PWG 5100.11, section 5.1.1): the job is held
// until its owner gives it at a device.
type PIN struct {
	Encryption string `json:"encryption"` // job-password-encryption, what was done to it before it came: "sha2-256"
	Verifier   string `json:"verifier"`   // argon2id of what came, PHC string
}

// String keeps the verifier out of logs: a PIN has few digits, and whoever reads
// its verifier can try them all.
func (PIN) String() string { return "a PIN" }

// PINs are what was typed for jobs that have a PIN, by job-id.
type PINs map[int64]string

// String keeps them out of logs.
func (PINs) String() string { return "PINs" }

// HeldReasons are the job-state-reasons of a job that waits for its owner. A job
// that comes back to Held gives them again, whatever became of it meanwhile: one
// with a PIN waits for its PIN each time.
func (j *Job) HeldReasons() []Reason {
	reasons := []Reason{HeldForRelease}
	if j.Unclaimed() {
		reasons = []Reason{HeldForAuthorization}
	}
	if j.Ticket.PIN != nil {
		reasons = append(reasons, PasswordWait)
	}
	return reasons
}
