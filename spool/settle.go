package spool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"platen/fault"
	"platen/internal/fsys"
	"platen/job"
)

// Settled says what Settle found and did.
type Settled struct {
	Files       int // files in the spool at the start
	Rows        int // documents that the database says are there
	Swept       int // incomplete or erased files without a row, removed
	Quarantined int // files without a row that may be somebody's, put aside
	Restored    int // jobs made again from their documents
	Aborted     int // jobs whose document is missing or cut short
}

// What people read about jobs that were settled.
const (
	textLost         = "The document is missing, so this job cannot be printed. Please print it again."
	textCut          = "The document is damaged, so this job cannot be printed. Please print it again."
	textRebuilt      = "This job was rebuilt after a restore. It may have been printed before."
	textForeignSpool = "The spool folder is missing or belongs to another node. Nothing was changed."
	historyLost      = "The document was missing when the node started."
	historyCut       = "The document was damaged when the node started."
	historyRebuilt   = "The job was rebuilt from its document after a restore of the database. It may have been printed before."
	historyRemade    = "The job was recorded again from its documents when the node started."
	settler          = "the node"
)

// markFile says whose spool the folder is.
const (
	markFile = "spool"
	markText = "Platen spool\nkeys %s\n"
)

// Settle makes files and rows agree, once, when the node starts and before
// anything else uses spool or store. It looks at names and lengths only, so
// that a hundred thousand held jobs do not keep the node from serving; what a
// document contains is verified before it is sent.
//
//   - A row whose file is missing or too short: its job is aborted and says so.
//   - A file without a row that is incomplete or erased is removed: nothing
//     ever depended on it.
//   - A held job that is whole was perhaps acknowledged: its row was still to come
//     (small documents in the log), or the database has lost it. Its row is made
//     again. If nobody was told, its owner may see it twice, and never not at all.
//   - Any other file without a row is put aside. After a restore of the
//     database (marked by the file Restored) it may have been acknowledged, so
//     its job is rebuilt instead, held, provided it is whole.
//
// A full disk keeps nobody from fetching what is there. On a disk that fails the
// probe nothing is settled and nothing accepted, as Healthy says; what can still
// be read may be printed.
func (k *Keeper) Settle(ctx context.Context) (Settled, error) {
	if err := k.Spool.prepare(); err != nil {
		return Settled{}, err
	}
	switch err := k.Spool.Probe(); {
	case fault.Is(err, fault.Full):
		k.Log.Warn("spool: the disk is full, no jobs are taken for now", "error", err)
	case err != nil:
		_ = k.Spool.fail("spool.Settle", err)
		return Settled{}, nil
	}
	if err := k.Spool.sweepTemporary(); err != nil {
		return Settled{}, err
	}
	s, err := k.newSettlement(ctx)
	if err != nil {
		return Settled{}, err
	}
	if err := s.checkMark(); err != nil {
		return s.found, err
	}
	if err := s.settleRows(ctx); err != nil {
		return s.found, err
	}
	if err := s.settleFiles(ctx); err != nil {
		return s.found, err
	}
	if s.restored {
		if err := fsys.RemoveFile(k.Restored); err != nil {
			return s.found, fmt.Errorf("spool.Settle: %w", err)
		}
		if err := fsys.SyncDir(filepath.Dir(k.Restored)); err != nil {
			return s.found, fmt.Errorf("spool.Settle: %w", err)
		}
	}
	return s.found, nil
}

// settlement is one run of Settle.
type settlement struct {
	*Keeper
	found    Settled
	rows     map[string]row   // by file
	files    map[string]int64 // by what rows call them: octets of the image in a frame, 0 for a file of its own
	restored bool
}

// row is a document of the database and whose it is.
type row struct {
	job.StoredFile
	tenant string
}

func (k *Keeper) newSettlement(ctx context.Context) (*settlement, error) {
	s := &settlement{Keeper: k, rows: map[string]row{}, files: map[string]int64{}}
	tenants, err := k.Tenants(ctx)
	if err != nil {
		return nil, fmt.Errorf("spool.Settle: %w", err)
	}
	for _, tenant := range tenants {
		rows, err := k.Store(tenant).SpoolFiles(ctx)
		if err != nil {
			return nil, fmt.Errorf("spool.Settle: %w", err)
		}
		for _, r := range rows {
			s.rows[r.File] = row{r, tenant}
		}
	}
	names, err := k.Spool.ownFiles()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		s.files[name] = 0
	}
	found, err := k.Spool.openFrames()
	if err != nil {
		return nil, err
	}
	for _, f := range found {
		s.files[f.file] = f.image
	}
	if k.Restored != "" {
		_, err := os.Lstat(k.Restored)
		s.restored = err == nil
	}
	s.found.Rows, s.found.Files = len(s.rows), len(s.files)
	return s, nil
}

// sweepTemporary removes what a crash has left beside the folders.
func (s *Spool) sweepTemporary() error {
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		return fmt.Errorf("spool.Settle: %w", err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), probePrefix) && !strings.Contains(e.Name(), fsys.TempInfix) {
			continue
		}
		if err := fsys.RemoveFile(filepath.Join(s.Dir, e.Name())); err != nil {
			return fmt.Errorf("spool.Settle: %w", err)
		}
	}
	return nil
}

// checkMark looks at the file that says whose spool this is, and writes it where
// nothing can be lost by that. Rows and no mark mean that a volume is not
// mounted, and taking that for an empty spool would abort every job; a foreign
// mark means that the keys are not those of the documents.
func (s *settlement) checkMark() error {
	path := filepath.Join(s.Spool.Dir, markFile)
	want := fmt.Sprintf(markText, s.Spool.Keys.ID())
	got, err := os.ReadFile(path)
	if err == nil && string(got) == want {
		return nil
	}
	expected := len(s.rows) > 0 && !s.restored
	absent := errors.Is(err, fs.ErrNotExist)
	if !expected && (absent || len(s.files) == 0) {
		return fsys.WriteFile(path, []byte(want))
	}
	if err == nil {
		err = fmt.Errorf("%s says %q, this node has %q", path, got, want)
	}
	return &fault.Error{Op: "spool.Settle", Kind: fault.Unavailable, Text: textForeignSpool, Err: err}
}

// settleRows aborts jobs whose document cannot be there. Jobs that are being
// delivered are left to those who know how far that had come; jobs that are
// done need no document.
func (s *settlement) settleRows(ctx context.Context) error {
	aborted := map[string]bool{} // by tenant and job-uuid: once is enough
	for _, r := range s.rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		if r.State.Done() || r.State == job.Processing || aborted[r.tenant+"/"+r.UUID] {
			continue
		}
		text, entry := textLost, historyLost
		if image, ok := s.files[r.File]; ok {
			if s.longEnough(r, image) {
				continue
			}
			text, entry = textCut, historyCut
		}
		if err := s.abort(ctx, r, text, entry); err != nil {
			return err
		}
		aborted[r.tenant+"/"+r.UUID] = true
	}
	return nil
}

// longEnough asks the folder or the frame only, not the document.
func (s *settlement) longEnough(r row, image int64) bool {
	least := footer{Octets: r.Octets, Manifest: tagOctets}
	if image > 0 {
		return image >= least.size()
	}
	info, err := os.Lstat(s.Spool.path(r.File))
	if err != nil {
		return false
	}
	return info.Mode().IsRegular() && info.Size() >= least.size()
}

func (s *settlement) abort(ctx context.Context, r row, text, entry string) error {
	reasons := []job.Reason{job.AbortedBySystem, job.DocumentAccessError}
	err := s.Store(r.tenant).AbortJob(ctx, r.Job, reasons, text, job.Entry{At: s.Now(), Actor: settler, Text: entry})
	switch {
	case fault.Is(err, fault.Conflict):
		return nil
	case err != nil:
		return fmt.Errorf("spool.Settle: job %d: %w", r.Job, err)
	}
	s.found.Aborted++
	s.Log.Error("spool: a job has lost its document and was aborted", "job", r.Job, "file", r.File)
	return nil
}

// settleFiles looks at files without a row, those of one job together.
func (s *settlement) settleFiles(ctx context.Context) error {
	orphans := map[string][]string{}
	for name := range s.files {
		if _, ok := s.rows[name]; !ok {
			uuid, _, _ := parseName(withoutPlace(name))
			orphans[uuid] = append(orphans[uuid], name) // under "": names that are not ours
		}
	}
	for _, uuid := range s.numbered(orphans) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.settleOrphans(ctx, uuid, orphans[uuid]); err != nil {
			return err
		}
	}
	if s.found.Quarantined == 0 {
		return nil
	}
	return s.Spool.syncAside()
}

// numbered sorts jobs by the number that their client was told, the highest first:
// should the database have gone back, nobody else gets one of these.
func (s *settlement) numbered(orphans map[string][]string) []string {
	number := make(map[string]int64, len(orphans))
	for uuid, names := range orphans {
		if m, err := s.Spool.Manifest(names[0]); err == nil {
			number[uuid] = m.Job.ID
		}
	}
	return slices.SortedFunc(maps.Keys(orphans), func(a, b string) int {
		return cmp.Or(cmp.Compare(number[b], number[a]), strings.Compare(a, b))
	})
}

func (s *settlement) settleOrphans(ctx context.Context, uuid string, names []string) error {
	if uuid != "" {
		done, err := s.rebuild(ctx, names)
		if err != nil || done {
			return err
		}
	}
	for _, name := range names {
		if err := s.settleOrphan(name); err != nil {
			return fmt.Errorf("spool.Settle: %w", err)
		}
	}
	return nil
}

// settleOrphan removes what can never be read, and puts the rest aside. After
// a restore an incomplete file may be an acknowledged one that was damaged, so
// only erased ones go then.
func (s *settlement) settleOrphan(name string) error {
	_, err := s.Spool.Manifest(name)
	if errors.Is(err, errErased) || errors.Is(err, errCut) && !s.restored {
		s.found.Swept++
		s.Log.Info("spool: a file without a job was removed", "file", name, "why", err)
		return s.Spool.remove(name)
	}
	s.found.Quarantined++
	s.Log.Warn("spool: a file without a job was put aside", "file", name, "error", err)
	return s.Spool.putAside(name)
}

// rebuild makes a job from its files, all of them and all verified to the last
// octet: what was acknowledged is that, or nothing.
func (s *settlement) rebuild(ctx context.Context, names []string) (done bool, err error) {
	ms, err := s.wholeJob(ctx, names)
	if err != nil {
		s.Log.Warn("spool: a job cannot be rebuilt from its files", "files", names, "error", err)
		return false, ctx.Err()
	}
	j, history := rebuilt(ms, s.Now())
	if !s.restored {
		if ms[0].Job.State != job.Held {
			return false, nil // it would have printed, and nobody was promised that
		}
		j, history = remade(ms, s.Now())
	}
	err = s.Store(ms[0].Tenant).RestoreJob(ctx, &j, history)
	if fault.Is(err, fault.Conflict) {
		return false, nil // its row is there, but not with these files
	}
	if err != nil {
		return false, fmt.Errorf("spool.Settle: rebuild %s: %w", j.UUID, err)
	}
	s.found.Restored++
	s.Log.Warn("spool: a job was made again from its documents", "job", j.ID, "uuid", j.UUID, "restored", s.restored)
	return true, nil
}

// wholeJob returns the manifests of a job in the order of its documents.
func (s *settlement) wholeJob(ctx context.Context, names []string) ([]Manifest, error) {
	ms := make([]Manifest, 0, len(names))
	for _, name := range names {
		m, err := s.Spool.Manifest(name)
		if err != nil {
			return nil, err
		}
		if err := s.Spool.Verify(ctx, m.Tenant, m.Document); err != nil {
			return nil, err
		}
		ms = append(ms, m)
	}
	sort.Slice(ms, func(a, b int) bool { return ms[a].Number < ms[b].Number })
	for i, m := range ms {
		if m.Number != i+1 || m.Of != len(ms) || m.Tenant != ms[0].Tenant {
			return nil, fmt.Errorf("%d of %d documents are here", len(ms), m.Of)
		}
	}
	return ms, nil
}

// remade returns a job whose row was not on the disk when the power went. It is
// what it was, with the number that its client was told, if it was told one: had anything been done to it since it came, that would have
// brought its row to the disk, or its key would be gone.
func remade(ms []Manifest, now time.Time) (job.Job, []job.Entry) {
	j := ms[0].Job
	for _, m := range ms {
		j.Documents = append(j.Documents, m.Document)
	}
	j.Seen = 0
	return j, []job.Entry{{At: now, Actor: settler, Text: historyRemade}}
}

// rebuilt returns the job as it comes back: held, whatever it was, because
// nobody knows what has happened to it since.
func rebuilt(ms []Manifest, now time.Time) (job.Job, []job.Entry) {
	j := ms[0].Job
	for _, m := range ms {
		j.Documents = append(j.Documents, m.Document)
	}
	j.State, j.Reasons, j.Message = job.Held, j.HeldReasons(), textRebuilt
	j.Device, j.DeviceName, j.Seen, j.Fence, j.Attempts, j.Crashes = "", "", 0, 0, 0, 0
	j.NotBefore, j.Released, j.Completed = time.Time{}, time.Time{}, time.Time{}
	if !j.ExpiresAt.IsZero() { // it waits for its owner anew
		j.ExpiresAt = now.Add(j.ExpiresAt.Sub(j.Created))
	}
	return j, []job.Entry{{At: now, Actor: settler, Text: historyRebuilt}}
}

// Tenants returns whose documents are here, as these say themselves; it is for a
// database that is gone. Nothing is changed.
func (s *Spool) Tenants() ([]string, error) {
	names, err := s.ownFiles()
	if err != nil {
		return nil, err
	}
	ids, err := s.segmentIDs()
	if err != nil {
		return nil, fmt.Errorf("spool.Tenants: %w", err)
	}
	for _, id := range ids {
		found, err := s.scanSegment(id)
		if err != nil {
			return nil, fmt.Errorf("spool.Tenants: %w", err)
		}
		for _, f := range found {
			names = append(names, f.file)
		}
	}
	var tenants []string
	for _, name := range names {
		if m, err := s.Manifest(name); err == nil && !slices.Contains(tenants, m.Tenant) {
			tenants = append(tenants, m.Tenant)
		}
	}
	return tenants, nil
}
