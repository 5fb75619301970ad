package intake

import (
	"context"
	"net/netip"
	"time"

	"platen/directory"
	"platen/job"
	"platen/site"
)

// Store is what intake asks of the database. It is one tenant's.
type Store interface {
	directory.Lookup

	// QueueByName finds a queue whatever the case of its name; NotFound.
	QueueByName(ctx context.Context, name string) (site.Queue, error)
	Settings(ctx context.Context) (site.Settings, error)

	// Usage returns the octets in the spool and the number of jobs that are
	// not done, of one owner; "" are the unclaimed jobs.
	Usage(ctx context.Context, owner string) (octets int64, jobs int, err error)
	// SpoolOctets returns the octets of all documents.
	SpoolOctets(ctx context.Context) (int64, error)

	// NextJobID returns a number for a job, which no other one gets, ever.
	NextJobID(ctx context.Context) (int64, error)
	// AdmitJob records a job with its documents and the history that how.Admit
	// returns, unless that refuses, and sets j.ID unless it has one of NextJobID, and before that j.Seen: the
	// newest job of the same owner since how.Since with the same documents, 0
	// when there is none. It returns after COMMIT: from then on the job is
	// durable, provided, with how.Redo, that its documents are. A job-uuid that is
	// there already is a Conflict. An error of kind Invalid, Conflict or Full, or
	// of the context, says that nothing was stored; after any other nobody
	// knows, and the documents are left for the spool's Keeper.
	AdmitJob(ctx context.Context, j *job.Job, how job.Admission) error
	// OpenJob records a job whose documents are still to come, and FillJob gives it
	// its documents and its place; Conflict when it is not open any longer.
	OpenJob(ctx context.Context, j *job.Job, admit func(octets int64, jobs int) ([]job.Entry, error)) error
	FillJob(ctx context.Context, j *job.Job, how job.Admission) error
	// Job returns a job with its documents and names; NotFound.
	Job(ctx context.Context, id int64) (job.Job, error)
	// Jobs returns what a filter asks for, newest first, JobsSent what a client
	// has sent itself.
	Jobs(ctx context.Context, f job.Filter) ([]job.Job, error)
	JobsSent(ctx context.Context, f job.Sent) ([]job.Job, error)
	// ChangeJob applies c if the job is as g says, else it is a Conflict. AskCancel
	// marks one that is being delivered, AbortJob ends one that is not, SetTicket
	// changes what a client asked for while its job is held.
	ChangeJob(ctx context.Context, id int64, g job.Guard, c job.Change, now time.Time) error
	AskCancel(ctx context.Context, id int64, owner string, h job.Entry) error
	AbortJob(ctx context.Context, id int64, reasons []job.Reason, message string, h job.Entry) error
	SetTicket(ctx context.Context, j job.Job, c job.Change, now time.Time) error
	// JobByUUID finds a job by its job-uuid; NotFound.
	JobByUUID(ctx context.Context, uuid string) (job.Job, error)

	// QueueLines returns the jobs of a queue that are not done and came from
	// this client's address, oldest first, at most 100, and how many jobs of
	// the queue in all are not done.
	QueueLines(ctx context.Context, queueID string, client netip.Addr) (lines []job.Line, waiting int, err error)
	// CancelJobByClient cancels a job if it is held or pending, belongs to this
	// queue, and came from this address: Canceled, job-canceled-by-user, with h
	// in its history. Anything else is a Conflict, a job that is not there
	// NotFound.
	CancelJobByClient(ctx context.Context, id int64, queueID string, client netip.Addr, now time.Time, h job.Entry) error
}

// CountStore is what the counter asks of the database.
type CountStore interface {
	// Uncounted returns documents in the spool whose pages nobody has tried to
	// count, the newest jobs first.
	Uncounted(ctx context.Context, limit int) ([]job.StoredFile, error)
	// Job returns a job with its documents.
	Job(ctx context.Context, id int64) (job.Job, error)
	// SetCount stores what is known of a document's pages. A document that is
	// gone is NotFound.
	SetCount(ctx context.Context, file string, c job.Count) error
}
