package spool

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"platen/job"
)

// KeeperStore is what the Keeper asks of one tenant's rows; store.Scope is one.
type KeeperStore interface {
	// SpoolFiles lists the documents whose File is not "": those that no
	// FilesErased has named yet, whatever the state of their job.
	SpoolFiles(ctx context.Context) ([]job.StoredFile, error)

	// RestoreJob adds a job that was found whole in the spool but not in the
	// database, with its documents and history, and sets j.ID. Its UUID being
	// there already is a Conflict. An owner, queue or device that no longer
	// exists is left out, and the job is then unclaimed or without a queue;
	// that is not an error.
	RestoreJob(ctx context.Context, j *job.Job, h []job.Entry) error

	// AbortJob ends a job that is not done and not processing: aborted, with
	// these reasons, message and line of history. In another state it is a
	// Conflict and nothing changes.
	AbortJob(ctx context.Context, id int64, reasons []job.Reason, message string, h job.Entry) error

	// DueJobs lists at most limit of each: held jobs whose ExpiresAt is set
	// and not after now; and the files of jobs that need them no longer:
	// canceled or aborted (whatever now is), completed with nothing to keep
	// (ExpiresAt zero or not after Completed, whatever now is), or completed
	// with ExpiresAt not after now. A now of the zero time therefore asks for
	// what is due without any regard to age.
	DueJobs(ctx context.Context, now time.Time, limit int) (expired []int64, erasable []job.StoredFile, err error)

	// ExpireJob takes a held job that is due to canceled,
	// job-canceled-after-timeout, with a line of history. A Conflict when it
	// is not held any more.
	ExpireJob(ctx context.Context, id int64, now time.Time) error

	// FilesErased sets File of these documents to "". Names without a row are
	// passed over.
	FilesErased(ctx context.Context, files []string) error

	// ForgetTitles removes the titles of jobs that were done before: of the
	// jobs, their documents and their ledger rows. It returns how many jobs.
	ForgetTitles(ctx context.Context, before time.Time) (int, error)

	// ForgetJobs removes the rows of jobs that were done before and have no
	// file left; ledger rows stay. It returns how many jobs.
	ForgetJobs(ctx context.Context, before time.Time) (int, error)
}

// Keeper settles the spool with the database when the node starts, and lets go
// of documents, titles and jobs when their time has come. All fields are set
// before Settle.
type Keeper struct {
	Spool   *Spool
	Tenants func(ctx context.Context) ([]string, error) // every tenant of the store
	Store   func(tenant string) KeeperStore
	// Retention returns the node-wide periods of a tenant: Settings.TitleFor
	// and Settings.HistoryFor.
	Retention func(ctx context.Context, tenant string) (titleFor, historyFor time.Duration, err error)

	Restored   string        // path of the marker that a restore of the database leaves; "" none
	Quarantine time.Duration // how long a file without a row is kept; 7 days when 0
	Every      time.Duration // between two rounds; 1 minute when 0
	Now        func() time.Time
	Log        *slog.Logger
}

// Settled says what Settle found and did.
type Settled struct {
	Files       int // files in the spool at the start
	Rows        int // documents that the database says are there
	Swept       int // incomplete or erased files without a row, removed
	Quarantined int // whole files without a row, put aside
	Restored    int // jobs rebuilt from their files after a restore
	Aborted     int // jobs whose document is missing or cut short
}

var errNotYet = errors.New("spool: not built yet")

// Settle ...
func (k *Keeper) Settle(ctx context.Context) (Settled, error) { return Settled{}, errNotYet }

// Serve ...
func (k *Keeper) Serve(ctx context.Context) error { return errNotYet }

// Wake asks for a round soon.
func (k *Keeper) Wake() {}

// AcceptClock says that the wall clock is right.
func (k *Keeper) AcceptClock() error { return errNotYet }

// ClockTrouble returns one sentence, or "".
func (k *Keeper) ClockTrouble() string { return "" }
