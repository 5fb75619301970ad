package dispatch

import (
	"context"
	"time"

	"platen/accounting"
	"platen/job"
	"platen/site"
)

// Store is where jobs, sends and the ledger are kept. *store.Scope is one.
//
// Every method speaks of one tenant. A thing that is not there is
// fault.NotFound; a compare-and-set that lost is fault.Conflict and has
// changed nothing. What returned nil is durable.
type Store interface {
	// What an administrator set up.

	Devices(ctx context.Context) ([]site.Device, error)
	Device(ctx context.Context, id string) (site.Device, error)
	Queue(ctx context.Context, id string) (site.Queue, error)

	// Waiting returns the ids of the devices at which a job could be claimed at
	// now: Pending, NotBefore not after now. One query, however many devices:
	// it runs every few seconds.
	Waiting(ctx context.Context, now time.Time) ([]string, error)

	// Claim takes the next job of a device from Pending to Processing (reason
	// job-outgoing), in one UPDATE: NotBefore not after now; the highest
	// priority first, then the one released first, then the lowest ID. It
	// counts Fence up, stores boot, and clears a request to cancel that an
	// earlier delivery left behind. The job comes back with its documents,
	// Options and all names filled. NotFound when there is none.
	Claim(ctx context.Context, device, boot string, now time.Time) (job.Job, error)

	// Intend makes the send durable: after it, and until EndSend, nobody may
	// believe that nothing was printed. Conflict when the job is no longer
	// Processing under j.Fence, when a send of it is open, or when its cancel
	// was asked for.
	Intend(ctx context.Context, j job.Job, send string, now time.Time) error

	// GiveUp ends a claim for which no send was begun: the change and its
	// history, no ledger row. Conflict when the job is no longer Processing
	// under j.Fence or a send of it is open.
	//
	// What every Change does is in its fields; Held clears Device, Released and
	// Options; Pending keeps Released and Options; a done state sets
	// Completed to now. Crashed counts Job.Crashes up by one.
	GiveUp(ctx context.Context, j job.Job, c job.Change, now time.Time) error

	// EndSend closes the send row.ID: its end, the job's change and history, and
	// the ledger row, in one transaction. The store fills Key, Epoch, Seq and
	// Department. Conflict when that send was ended before or never begun.
	// row.Octets may be job.Unknown: the node died while it was sending.
	EndSend(ctx context.Context, j job.Job, row accounting.Row, c job.Change, now time.Time) error

	// AddHistory appends lines to a job's history.
	AddHistory(ctx context.Context, id int64, h ...job.Entry) error

	// CancelAsked reports whether the cancel of a job that is being delivered
	// was asked for.
	CancelAsked(ctx context.Context, id int64) (bool, error)

	// SetCondition stores what was last seen of a device. It does not touch
	// what an administrator set up. Since is as given.
	SetCondition(ctx context.Context, device string, c site.Condition) error

	// Orphans returns the jobs that are Processing under another boot: their
	// worker died. They come with their documents and names, Fence as stored.
	Orphans(ctx context.Context, boot string) ([]Orphan, error)
}

// Orphan is a job whose worker died with it in hand.
type Orphan = job.Orphan
