package intake

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"platen/fault"
	"platen/job"
	"platen/site"
	"platen/spool"
)

// Intake takes new jobs of one tenant. All fields are set before use; any
// number of doors may use it at once.
type Intake struct {
	Tenant string
	Store  Store
	Spool  *spool.Spool
	Now    func() time.Time
	Log    *slog.Logger

	// Free returns the octets and files that the spool's disk has room for.
	Free func() (octets, inodes uint64, err error)

	Released func(device string) // a job waits at this device, only a hint; nil: nobody wants to know
	Counted  func(job int64)     // a job has documents to count, only a hint; nil: nobody wants to know
	Canceled func(job int64)     // a job that is being delivered was canceled, only a hint; nil: nobody wants to know
	Erased   func()              // a document may go, only a hint; nil: nobody wants to know
	Accepted func(job.Job)       // a job is durable, for the metrics; nil: nobody wants to know

	arriving atomic.Int64 // octets in the spool whose row is not committed
	admitted atomic.Int64 // octets whose row was committed, since the start
	stored   atomic.Int64 // with admitted the most that the spool can hold; see roomInSpool
	asked    atomic.Bool  // stored means something
	ruled    sync.Map     // queue id → ruled
	owners   sync.Map     // owner → usage, as it was with the last job
}

// usage is what an owner has.
type usage struct {
	octets int64
	jobs   int
}

// leastInodes is how many new files must have room besides the job's own: the
// database makes some, and so does whoever tidies up.
const leastInodes = 16

// Open begins a job of a client, or says why the client may not print: the
// queue is unknown (NotFound), not for this client (Denied), closed
// (Unavailable), or there is no room (Full).
func (in *Intake) Open(ctx context.Context, o job.Origin) (job.Arrival, error) {
	a, err := in.open(ctx, o, job.NewUUID())
	if err != nil {
		return nil, err
	}
	return a, nil
}

func (in *Intake) open(ctx context.Context, o job.Origin, uuid string) (*arrival, error) {
	const op = "intake.Open"
	q, err := in.queue(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	s, err := in.Store.Settings(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	a := &arrival{in: in, origin: o, queue: q, settings: s, uuid: uuid}
	if err := a.look(ctx); err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	return a, nil
}

// queue finds the queue and asks whether this client may print to it now.
func (in *Intake) queue(ctx context.Context, o job.Origin) (site.Queue, error) {
	const op = "intake.queue"
	q, err := in.Store.QueueByName(ctx, o.Queue)
	switch {
	case err != nil:
		return q, err
	case !q.Admits(o.Client):
		return q, &fault.Error{Op: op, Kind: fault.Denied, Text: "Printing to the queue %s is not allowed from this computer.", Args: []any{q.Name}}
	case !q.AcceptJobs:
		return q, &fault.Error{Op: op, Kind: fault.Unavailable, Text: "The queue %s takes no jobs at the moment.", Args: []any{q.Name}}
	case q.Mode == site.Passthrough && q.Device == "":
		return q, &fault.Error{Op: op, Kind: fault.Unavailable, Text: "The queue %s has no device.", Args: []any{q.Name}}
	}
	return q, in.Spool.Healthy()
}

// roomOnDisk refuses before the disk is so full that the database could not go
// on.
func (in *Intake) roomOnDisk(s *site.Settings) error {
	const op = "intake.roomOnDisk"
	octets, inodes, err := in.Free()
	switch {
	case err != nil:
		return &fault.Error{Op: op, Kind: fault.Unavailable, Text: "The disk does not answer. No jobs are taken at the moment.", Err: err}
	case s.Reserve > 0 && octets <= uint64(s.Reserve):
		return &fault.Error{Op: op, Kind: fault.Full, Text: "The disk is full. No jobs are taken at the moment.",
			Err: fmt.Errorf("%d octets free, %d are kept free", octets, s.Reserve)}
	case inodes < leastInodes:
		return &fault.Error{Op: op, Kind: fault.Full, Text: "The disk is full. No jobs are taken at the moment.",
			Err: fmt.Errorf("%d inodes free", inodes)}
	}
	return nil
}

// roomInSpool refuses what goes beyond the limit of all documents together. What
// the spool has takes a sum over all owners to know. So the last answer is kept
// and what has come since is added, which is the most that it can be, and the
// question is asked again only when that would be too much. The order of the looks
// matters: a job that commits between them is counted twice rather than not at all.
func (in *Intake) roomInSpool(ctx context.Context, s *site.Settings) (stored int64, err error) {
	if s.MaxSpool <= 0 {
		return 0, nil
	}
	arriving := in.arriving.Load()
	if in.asked.Load() {
		stored = in.stored.Load() + in.admitted.Load()
		if stored+arriving <= s.MaxSpool {
			return stored, nil
		}
	}
	admitted := in.admitted.Load()
	if stored, err = in.Store.SpoolOctets(ctx); err != nil {
		return stored, err
	}
	in.stored.Store(stored - admitted)
	in.asked.Store(true)
	if stored+arriving > s.MaxSpool {
		err = spoolFull()
	}
	return stored, err
}

func spoolFull() error {
	return &fault.Error{Op: "intake.roomInSpool", Kind: fault.Full,
		Text: "So many jobs are waiting that there is no room for another. Please try again later."}
}

// roomForOwner refuses what goes beyond an owner's quota before it is made
// durable. The last word is spoken when the row is added.
func (in *Intake) roomForOwner(ctx context.Context, s *site.Settings, owner string, octets int64) error {
	if in.plenty(s, owner, octets) {
		return nil
	}
	stored, jobs, err := in.Store.Usage(ctx, owner)
	if err != nil {
		return err
	}
	return in.admit(s, owner, usage{stored + octets, jobs + 1})
}

// plenty reports whether an owner is so far from the quota, by what was learned
// with the last job, that nobody needs to count.
func (in *Intake) plenty(s *site.Settings, owner string, octets int64) bool {
	if s.MaxUser <= 0 && s.MaxUserJobs <= 0 {
		return true
	}
	last, ok := in.owners.Load(owner)
	if !ok {
		return false
	}
	u := last.(usage)
	return withinQuota(s, 2*(u.octets+octets), 2*(u.jobs+1)) == nil
}

// admit notes what an owner has and says whether that is allowed.
func (in *Intake) admit(s *site.Settings, owner string, u usage) error {
	in.owners.Store(owner, u)
	return withinQuota(s, u.octets, u.jobs)
}

func withinQuota(s *site.Settings, octets int64, jobs int) error {
	const op = "intake.withinQuota"
	switch {
	case s.MaxUserJobs > 0 && jobs > s.MaxUserJobs:
		return &fault.Error{Op: op, Kind: fault.Full, Text: "%d jobs are waiting already. Please print or delete some of them first.", Args: []any{jobs - 1}}
	case s.MaxUser > 0 && octets > s.MaxUser:
		return &fault.Error{Op: op, Kind: fault.Full, Text: "The waiting jobs take up all the room that one person may use. Please print or delete some of them first."}
	}
	return nil
}
