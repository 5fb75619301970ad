package store

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"platen/accounting"
	"platen/fault"
	"platen/job"
)

func names(list []job.StoredFile) []string {
	var files []string
	for _, f := range list {
		files = append(files, f.File)
	}
	slices.Sort(files)
	return files
}

func files(jobs ...job.Job) []string {
	var list []string
	for _, j := range jobs {
		for _, d := range j.Documents {
			list = append(list, d.File)
		}
	}
	slices.Sort(list)
	return list
}

func TestDueJobs(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	now := epoch.Add(time.Hour)
	completed := func(name string, expires time.Time) job.Job {
		j := w.put(t, name, job.Processing)
		must(t, w.a.ChangeJob(ctx, j.ID, job.Guard{State: job.Processing},
			job.Change{State: job.Completed, Device: hall, ExpiresAt: expires}, epoch.Add(time.Minute)))
		return w.job(t, j.ID)
	}
	held := func(name string, expires time.Time) int64 {
		j := newJob(name, anna)
		j.ExpiresAt = expires
		must(t, w.a.AddJob(ctx, j, nil))
		return j.ID
	}
	kept := completed("kept", now.Add(time.Second))
	over := completed("over", now)
	confidential := completed("confidential", epoch.Add(time.Minute))
	canceled, aborted := w.put(t, "canceled", job.Canceled), w.put(t, "aborted", job.Aborted)
	due := held("due", now)
	held("not yet", now.Add(time.Second))
	held("never", time.Time{})

	expired, erasable, err := w.a.DueJobs(ctx, now, 100)
	if err != nil || !reflect.DeepEqual(expired, []int64{due}) {
		t.Errorf("expired %v, %v; want %d", expired, err, due)
	}
	if got, want := names(erasable), files(over, confidential, canceled, aborted); !reflect.DeepEqual(got, want) {
		t.Errorf("erasable\ngot  %v\nwant %v", got, want)
	}
	expired, erasable, err = w.a.DueJobs(ctx, time.Time{}, 100)
	if err != nil || len(expired) != 0 || !reflect.DeepEqual(names(erasable), files(confidential, canceled, aborted)) {
		t.Errorf("F22: whatever the clock says: %v, %v, %v", expired, names(erasable), err)
	}
	if expired, erasable, err := w.a.DueJobs(ctx, now.Add(time.Minute), 1); err != nil || len(expired) != 1 || len(erasable) != 1 {
		t.Errorf("one of each: %v, %v, %v", expired, erasable, err)
	}

	wantKind(t, "expiring too early", w.a.ExpireJob(ctx, due, now.Add(-time.Second)), fault.Conflict)
	wantKind(t, "expiring what is done", w.a.ExpireJob(ctx, kept.ID, now), fault.Conflict)
	wantKind(t, "another tenant's", w.b.ExpireJob(ctx, due, now), fault.NotFound)
	must(t, w.a.ExpireJob(ctx, due, now))
	got := w.job(t, due)
	if got.State != job.Canceled || !got.Has(job.CanceledAfterTimeout) || !got.Completed.Equal(now) {
		t.Errorf("expired: %+v", got)
	}
}

func TestFilesErased(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	j, send := w.send(t, "erased")
	must(t, w.a.EndSend(ctx, j, accounting.Row{ID: send, JobID: j.ID}, printed, epoch))
	f := files(j)
	before, err := w.a.SpoolFiles(ctx)
	must(t, err)
	must(t, w.b.FilesErased(ctx, []string{"nobody's"}))
	must(t, w.a.FilesErased(ctx, []string{f[0], "nobody's"}))
	if got := w.job(t, j.ID); !got.Has(job.JobStored) || got.Documents[0].File != "" || got.Documents[1].File != f[1] {
		t.Errorf("one of two: %+v", got)
	}
	must(t, w.a.FilesErased(ctx, f))
	if got := w.job(t, j.ID); got.Has(job.JobStored) || !got.Has(job.CompletedSuccessfully) {
		t.Errorf("both: reasons %v", got.Reasons)
	}
	after, err := w.a.SpoolFiles(ctx)
	if err != nil || len(before) != 4 || len(after) != 2 {
		t.Errorf("%d files before, %d after, %v", len(before), len(after), err)
	}
	if octets, _, err := w.a.Usage(ctx, anna); err != nil || octets != 1000 {
		t.Errorf("Usage = %d, %v; want the fixture's 1000", octets, err)
	}
	r, _, err := w.a.ReleaseJobs(ctx, job.Order{Release: job.Release{ID: job.NewUUID(), Device: hall, At: epoch},
		Items: []job.OrderItem{{Job: j.ID, From: job.Completed}}})
	if err != nil || r.Items[0].Status != job.StatusFailed {
		t.Errorf("printing again what was erased: %+v, %v", r, err)
	}
}

func TestForgetTitles(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	end := func(name string, at time.Time) job.Job {
		j, send := w.send(t, name)
		must(t, w.a.EndSend(ctx, j, accounting.Row{ID: send, JobID: j.ID, Title: "canary title"}, printed, at))
		return j
	}
	old, young := end("old", epoch), end("young", epoch.Add(time.Hour))
	open := w.add(t, "open", anna)
	nameless := newJob("nameless", anna)
	nameless.Ticket = job.Ticket{Claimed: "anna"} // only its documents have names
	must(t, w.a.AddJob(ctx, nameless, nil))
	must(t, w.a.ChangeJob(ctx, nameless.ID, job.Guard{State: job.Held}, job.Change{State: job.Canceled}, epoch))

	n, err := w.a.ForgetTitles(ctx, epoch.Add(time.Minute))
	if err != nil || n != 2 {
		t.Errorf("forgot %d, %v; want 2", n, err)
	}
	for id, want := range map[int64]string{old.ID: "", nameless.ID: "", young.ID: "canary title young", open.ID: "canary title open"} {
		got := w.job(t, id)
		if got.Ticket.Title != want || (got.Documents[0].Name == "") != (want == "") || (got.Ticket.Extra == nil) != (want == "") {
			t.Errorf("job %d: %+v, %q; want %q", id, got.Ticket, got.Documents[0].Name, want)
		}
		if got.Ticket.Claimed == "" {
			t.Errorf("job %d has lost its claimed user", id)
		}
	}
	for id, want := range map[int64]string{old.ID: "", young.ID: "canary title"} {
		rows, err := w.a.LedgerOf(ctx, id)
		if err != nil || len(rows) != 1 || rows[0].Title != want {
			t.Errorf("ledger of %d: %+v, %v; want title %q", id, rows, err, want)
		}
	}
	if n, err := w.a.ForgetTitles(ctx, epoch.Add(time.Minute)); err != nil || n != 0 {
		t.Errorf("again: %d, %v", n, err)
	}
	nulls := 0
	must(t, w.a.read(ctx, func(v view) error {
		return v.conn.QueryRowContext(v.ctx, `SELECT (SELECT COUNT(*) FROM jobs WHERE tenant = $1 AND personal IS NULL)
			+ (SELECT COUNT(*) FROM documents WHERE tenant = $1 AND name IS NULL) + (SELECT COUNT(*) FROM ledger WHERE tenant = $1 AND title IS NULL)`,
			w.a.tenant).Scan(&nulls)
	}))
	if nulls != 2+4+1 {
		t.Errorf("%d NULLs, want 7", nulls)
	}
}

// TestLedgerTitlesGoWithoutTheirJobs: when jobs are forgotten sooner than
// titles, the rows do not keep theirs.
func TestLedgerTitlesGoWithoutTheirJobs(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	j, send := w.send(t, "gone")
	must(t, w.a.EndSend(ctx, j, accounting.Row{ID: send, JobID: j.ID, Title: "canary title"}, printed, epoch))
	must(t, w.a.FilesErased(ctx, files(j)))
	if n, err := w.a.ForgetJobs(ctx, epoch.Add(time.Hour)); err != nil || n != 1 {
		t.Fatalf("ForgetJobs = %d, %v", n, err)
	}
	if _, err := w.a.ForgetTitles(ctx, epoch.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if rows, err := w.a.LedgerOf(ctx, j.ID); err != nil || len(rows) != 1 || rows[0].Title != "" {
		t.Errorf("rows %+v, %v", rows, err)
	}
}

func TestForgetJobs(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	const n = forgetAtOnce + 30
	must(t, w.a.write(ctx, func(t tx) error {
		for i := range n {
			_, err := t.exec(insertJob, 1000+i, fmt.Sprint("u", i), int64(job.Canceled), "", "", secure, anna, "", "", "{}", nil, "lpd", "", "", "",
				50, "", 0, 0, 0, 1, 0, 0, 0, epoch, 0, 0, 0, 0, "", false, false)
			if err == nil {
				err = t.remember(int64(1000+i), entries("x"), 0)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}))
	withFile := w.put(t, "with file", job.Canceled)
	ended, send := w.send(t, "ended")
	must(t, w.a.EndSend(ctx, ended, accounting.Row{ID: send, JobID: ended.ID}, printed, epoch))
	must(t, w.a.FilesErased(ctx, files(ended)))
	got, err := w.a.ForgetJobs(ctx, epoch.Add(time.Millisecond))
	if err != nil || got != n+1 {
		t.Errorf("forgot %d, %v; want %d", got, err, n+1)
	}
	if _, err := w.a.Job(ctx, withFile.ID); err != nil {
		t.Errorf("a job with a file was forgotten: %v", err)
	}
	left := dump(t, w.a)
	if len(left["job_history"]) != 2 || len(left["sends"]) != 0 || len(left["releases"]) != 0 || len(left["release_items"]) != 0 || len(left["ledger"]) != 1 {
		t.Errorf("left: history %v, sends %v, releases %v, ledger %v", left["job_history"], left["sends"], left["releases"], left["ledger"])
	}
}

func TestCounting(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	j := w.add(t, "counted", anna)
	k := newJob("known", anna)
	k.Documents[0].Count = job.Count{Pages: 4, Method: "parsed", Confidence: "high"}
	k.Documents[1].Count = job.NoCount("Nobody here reads this language.")
	must(t, w.a.AddJob(ctx, k, nil))
	list, err := w.a.Uncounted(ctx, 100)
	if err != nil || len(list) != 4 { // and the fixture's
		t.Errorf("Uncounted: %v, %v", list, err)
	}
	for _, f := range files(*j) {
		if !slices.Contains(names(list), f) {
			t.Errorf("%s is not in the list", f)
		}
	}
	if got := w.job(t, k.ID); got.Documents[0].Count.Pages != 4 || got.Documents[1].Count.Pages != job.Unknown {
		t.Errorf("counts as added: %+v", got.Documents)
	}
	if got := w.job(t, j.ID); got.Documents[0].Count.Pages != job.Unknown {
		t.Errorf("uncounted: %+v; unknown is never 0", got.Documents[0].Count)
	}
	want := job.Count{Pages: 12, Sides: "two-sided-long-edge", Colour: "color", Method: "parsed", Confidence: "high"}
	must(t, w.a.SetCount(ctx, j.Documents[0].File, want))
	must(t, w.a.SetCount(ctx, j.Documents[1].File, job.NoCount("It could not be read.")))
	if got := w.job(t, j.ID).Documents; got[0].Count != want || got[1].Count != job.NoCount("It could not be read.") {
		t.Errorf("counts: %+v, %+v", got[0].Count, got[1].Count)
	}
	if list, err := w.a.Uncounted(ctx, 100); err != nil || len(list) != 2 {
		t.Errorf("Uncounted: %v, %v; one that could not be counted is not tried for ever", list, err)
	}
	wantKind(t, "a document that is gone", w.a.SetCount(ctx, "gone.doc", want), fault.NotFound)
	wantKind(t, "another tenant's", w.b.SetCount(ctx, j.Documents[0].File, want), fault.NotFound)
}
