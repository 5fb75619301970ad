package spool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"platen/fault"
	"platen/internal/fsys"
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

	// Up returns how long the machine has been running, and Boot names that
	// run; the system's when nil and "". Tests that turn the clock set them.
	Up   func() time.Duration
	Boot string

	once sync.Once
	wake chan struct{}

	mu      sync.Mutex
	clock   *clock
	trouble string // what the log was told last
	forgot  time.Time
	saved   time.Time
}

const (
	defaultQuarantine = 7 * 24 * time.Hour
	defaultEvery      = time.Minute
	forgetEvery       = time.Hour // titles and finished jobs
	saveClockEvery    = time.Hour
	batch             = 256 // jobs and files handled between two looks at the context
)

// Serve keeps the spool tidy until ctx ends, and returns nil.
func (k *Keeper) Serve(ctx context.Context) error {
	every := k.Every
	if every == 0 {
		every = defaultEvery
	}
	timer := time.NewTimer(every)
	defer timer.Stop()
	for {
		if err := k.Round(ctx); err != nil && ctx.Err() == nil {
			k.Log.Warn("spool: a round of the keeper failed", "error", err)
		}
		timer.Reset(every)
		select {
		case <-ctx.Done():
			k.saveClock()
			return nil
		case <-timer.C:
		case <-k.woken():
		}
	}
}

// Wake asks for a round now: a document may have become unnecessary.
func (k *Keeper) Wake() {
	select {
	case k.woken() <- struct{}{}:
	default: // one is asked for already
	}
}

func (k *Keeper) woken() chan struct{} {
	k.once.Do(func() { k.wake = make(chan struct{}, 1) })
	return k.wake
}

// Round lets go of all that is due. What fails is tried again in the next
// round, and does not keep the rest from being done.
func (k *Keeper) Round(ctx context.Context) error {
	now := k.deleteBefore()
	tenants, err := k.Tenants(ctx)
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	forget := k.forgetDue(now)
	var failed []error
	for _, tenant := range tenants {
		failed = append(failed, k.eraseDue(ctx, tenant, now))
		if forget {
			failed = append(failed, k.forget(ctx, tenant, now))
		}
	}
	if forget {
		failed = append(failed, k.emptyQuarantine(now))
	}
	return errors.Join(failed...)
}

// forgetDue reports, about once an hour of trusted time, that it is time to
// forget. While the clocks disagree nothing is forgotten.
func (k *Keeper) forgetDue(now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now.IsZero() || now.Sub(k.forgot).Abs() < forgetEvery {
		return false
	}
	k.forgot = now
	return true
}

// eraseDue expires held jobs and erases documents until nothing is due. With
// the zero time it does what does not depend on age.
func (k *Keeper) eraseDue(ctx context.Context, tenant string, now time.Time) error {
	st := k.Store(tenant)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		expired, erasable, err := st.DueJobs(ctx, now, batch)
		if err != nil {
			return fmt.Errorf("spool: due jobs: %w", err)
		}
		moved, err := k.expire(ctx, st, expired, now)
		gone, erasing := k.erase(ctx, st, erasable)
		more := moved > 0 || len(expired) == batch || len(erasable) == batch
		if !more || moved+gone == 0 { // with nothing changed, another look would find the same
			return errors.Join(err, erasing)
		}
	}
}

// expire returns how many jobs it has taken to canceled.
func (k *Keeper) expire(ctx context.Context, st KeeperStore, ids []int64, now time.Time) (moved int, err error) {
	var failed []error
	for _, id := range ids {
		switch err := st.ExpireJob(ctx, id, now); {
		case err == nil:
			moved++
			k.Log.Info("spool: a held job has expired", "job", id)
		case fault.Is(err, fault.Conflict): // its owner was faster
		default:
			failed = append(failed, fmt.Errorf("spool: expire job %d: %w", id, err))
		}
	}
	return moved, errors.Join(failed...)
}

// erase returns how many documents are gone, on disk and in their rows.
func (k *Keeper) erase(ctx context.Context, st KeeperStore, files []job.StoredFile) (gone int, err error) {
	if len(files) == 0 {
		return 0, nil
	}
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = f.File
	}
	names, failed := k.Spool.EraseAll(names)
	if len(names) > 0 {
		if err := st.FilesErased(ctx, names); err != nil {
			return 0, errors.Join(failed, fmt.Errorf("spool: erased: %w", err))
		}
		k.Log.Debug("spool: documents erased", "files", len(names))
	}
	return len(names), failed
}

// forget removes titles and finished jobs whose time has come.
func (k *Keeper) forget(ctx context.Context, tenant string, now time.Time) error {
	titleFor, historyFor, err := k.Retention(ctx, tenant)
	if err != nil {
		return fmt.Errorf("spool: retention: %w", err)
	}
	st := k.Store(tenant)
	titles, err := st.ForgetTitles(ctx, now.Add(-titleFor))
	if err != nil {
		return fmt.Errorf("spool: forget titles: %w", err)
	}
	jobs, err := st.ForgetJobs(ctx, now.Add(-historyFor))
	if err != nil {
		return fmt.Errorf("spool: forget jobs: %w", err)
	}
	if titles+jobs > 0 {
		k.Log.Info("spool: titles and finished jobs forgotten", "titles", titles, "jobs", jobs)
	}
	return nil
}

// emptyQuarantine destroys files that nobody has missed.
func (k *Keeper) emptyQuarantine(now time.Time) error {
	keep := k.Quarantine
	if keep == 0 {
		keep = defaultQuarantine
	}
	folder := filepath.Join(k.Spool.Dir, quarantineFolder)
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("spool: quarantine: %w", err)
	}
	var failed []error
	for _, e := range entries {
		stamp, _, _ := strings.Cut(e.Name(), asideSeparator)
		if since, err := time.Parse(asideStamp, stamp); err != nil || !since.Add(keep).Before(now) {
			continue // a name without a time was not given by us, and is left alone
		}
		if err := k.Spool.erasePath(filepath.Join(folder, e.Name())); err != nil {
			failed = append(failed, err)
			continue
		}
		k.Log.Info("spool: a file in quarantine was destroyed", "file", e.Name())
	}
	return errors.Join(failed...)
}

// AcceptClock says that the wall clock is right, whatever it has done.
func (k *Keeper) AcceptClock() error {
	if err := k.startClock(); err != nil {
		return err
	}
	k.mu.Lock()
	k.clock.accept()
	k.trouble = ""
	k.mu.Unlock()
	k.Wake()
	return k.writeClock()
}

// ClockTrouble returns what is wrong with the clock and what that means, one
// sentence; "" when nothing is.
func (k *Keeper) ClockTrouble() string {
	if err := k.startClock(); err != nil {
		return clockUnread
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	_, trouble := k.clock.deleteBefore()
	return trouble
}

// deleteBefore asks the clock, and tells the log when its mind has changed.
func (k *Keeper) deleteBefore() time.Time {
	if err := k.startClock(); err != nil {
		k.Log.Warn("spool: the state of the clock cannot be read", "error", err)
		return time.Time{}
	}
	k.mu.Lock()
	now, trouble := k.clock.deleteBefore()
	changed := trouble != k.trouble
	k.trouble = trouble
	save := changed || k.Now().Sub(k.saved).Abs() >= saveClockEvery
	k.mu.Unlock()
	if changed && trouble != "" {
		k.Log.Warn("spool: the clocks do not agree", "trouble", trouble)
	}
	if save {
		k.saveClock()
	}
	return now
}

// startClock reads what the last run of the node knew of the time, once.
func (k *Keeper) startClock() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.clock != nil {
		return nil
	}
	if k.Up == nil {
		k.Up, k.Boot = machineUp, machineBoot()
	}
	data, err := os.ReadFile(k.clockFile())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var saved clockState // the zero value when there is none, or none that can be read
	if err == nil && json.Unmarshal(data, &saved) != nil {
		k.Log.Warn("spool: the state of the clock was unreadable", "file", k.clockFile())
		saved = clockState{}
	}
	k.clock = newClock(k.Now, k.Up, k.Boot, saved)
	return nil
}

func (k *Keeper) clockFile() string { return filepath.Join(k.Spool.Dir, "clock.json") }

func (k *Keeper) saveClock() {
	if err := k.writeClock(); err != nil {
		k.Log.Warn("spool: the state of the clock cannot be kept", "error", err)
	}
}

func (k *Keeper) writeClock() error {
	if err := k.Spool.prepare(); err != nil {
		return err
	}
	k.mu.Lock()
	if k.clock == nil {
		k.mu.Unlock()
		return nil
	}
	state := k.clock.state(k.Boot)
	k.saved = k.Now()
	k.mu.Unlock()
	data, err := json.MarshalIndent(state, "", "  ")
	if err != nil {
		return err
	}
	return fsys.WriteFile(k.clockFile(), append(data, '\n'))
}
