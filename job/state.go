package job

import "fmt"

// State is a job-state as in RFC 8011, section 5.3.7.
type State int

// The states. Uncertain jobs are Stopped with reason Suspended.
const (
	Pending    State = 3 // pending: released, waits for its device
	Held       State = 4 // pending-held: waits for its owner, or for the rest of its data
	Processing State = 5 // processing: claimed by a device's worker
	Stopped    State = 6 // processing-stopped: may have printed; a person decides
	Canceled   State = 7 // canceled: by a person, or by its retention
	Aborted    State = 8 // aborted: by the system
	Completed  State = 9 // completed: on paper, as far as the evidence goes
)

var stateNames = map[State]string{
	Pending: "pending", Held: "pending-held", Processing: "processing", Stopped: "processing-stopped",
	Canceled: "canceled", Aborted: "aborted", Completed: "completed",
}

// String returns the keyword of RFC 8011.
func (s State) String() string {
	if n, ok := stateNames[s]; ok {
		return n
	}
	return fmt.Sprintf("state(%d)", int(s))
}

// ParseState is the reverse of State.String; ok is false for an unknown keyword.
func ParseState(keyword string) (s State, ok bool) {
	for s, n := range stateNames {
		if n == keyword {
			return s, true
		}
	}
	return 0, false
}

// Done reports whether the state is final.
func (s State) Done() bool { return s == Canceled || s == Aborted || s == Completed }

// follows lists which state may come after which. Completed to Held is
// "print again" (Restart-Job of RFC 8011 with the document still kept).
var follows = map[State][]State{
	Held:       {Pending, Canceled, Aborted},
	Pending:    {Held, Processing, Canceled, Aborted},
	Processing: {Pending, Held, Stopped, Canceled, Aborted, Completed},
	Stopped:    {Held, Pending, Canceled, Aborted, Completed},
	Completed:  {Held, Pending},
}

// CanBecome reports whether a job in state s may go to state t.
func (s State) CanBecome(t State) bool {
	for _, f := range follows[s] {
		if f == t {
			return true
		}
	}
	return false
}

// Reason is a job-state-reasons keyword (RFC 8011, section 5.3.8, and the IPP
// registry).
type Reason string

// The reasons Platen gives.
const (
	Incoming              Reason = "job-incoming"                // the document is still arriving
	HeldForRelease        Reason = "job-held-for-release"        // its owner has not come yet
	HeldForAuthorization  Reason = "job-held-for-authorization"  // unclaimed: no rule named an owner
	HoldUntil             Reason = "job-hold-until-specified"    // the client wants it held until Release-Job
	PasswordWait          Reason = "job-password-wait"           // held until its job-password is given at a device
	PrinterStopped        Reason = "printer-stopped"             // its queue is paused
	Queued                Reason = "job-queued"                  // released, its device is busy or away
	Outgoing              Reason = "job-outgoing"                // being delivered
	Suspended             Reason = "job-suspended"               // uncertain: interrupted after the first octet
	CompletedSuccessfully Reason = "job-completed-successfully"  // the device confirmed
	CompletedWithWarnings Reason = "job-completed-with-warnings" // delivered, printing not confirmed
	CompletedWithErrors   Reason = "job-completed-with-errors"   // a person said that it had printed
	CanceledByUser        Reason = "job-canceled-by-user"        // by its owner
	CanceledByOperator    Reason = "job-canceled-by-operator"    // by an administrator
	CanceledAfterTimeout  Reason = "job-canceled-after-timeout"  // its hold time ended
	AbortedBySystem       Reason = "aborted-by-system"           // damaged or missing document, poison job
	DocumentAccessError   Reason = "document-access-error"       // the document is missing or damaged
	DocumentFormatError   Reason = "document-format-error"       // the document could not be made into what its device reads
	JobStored             Reason = "job-stored"                  // printed, the document is kept to print again
	ProcessingToStopPoint Reason = "processing-to-stop-point"    // canceled while being delivered
)

// Evidence says how far a send is known to have come. Stronger evidence has a
// higher value.
type Evidence int

// The kinds of evidence, weakest first.
const (
	NoneAccepted Evidence = iota // no octet was accepted: safe to try again
	Partial                      // interrupted after the first octet: nobody knows
	Delivered                    // every octet handed over, the connection closed in order
	Acknowledged                 // the device acknowledged the whole (LPR's last octet); still not paper
	Confirmed                    // the device, or the folder's file system, says that it is out
	Attested                     // a person looked and said so
)

var evidenceNames = [...]string{"none-accepted", "partial", "delivered", "acknowledged", "confirmed", "attested"}

func (e Evidence) String() string {
	if e < 0 || int(e) >= len(evidenceNames) {
		return fmt.Sprintf("evidence(%d)", int(e))
	}
	return evidenceNames[e]
}
