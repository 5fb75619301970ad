package store

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"platen/accounting"
	"platen/fault"
	"platen/job"
)

// put brings a new job into a state by the way that leads there.
func (w *world) put(t *testing.T, name string, s job.State) job.Job {
	t.Helper()
	ctx := t.Context()
	id := w.add(t, name, anna).ID
	change := func(from, to job.State) {
		must(t, w.a.ChangeJob(ctx, id, job.Guard{State: from}, job.Change{State: to, Device: hall}, epoch))
	}
	switch s {
	case job.Held:
	case job.Canceled, job.Aborted:
		change(job.Held, s)
	default:
		w.release(t, epoch, id)
		if s == job.Pending {
			break
		}
		j, err := w.a.Claim(ctx, hall, "boot 1", epoch)
		must(t, err)
		if j.ID != id {
			t.Fatalf("claimed %d, want %d", j.ID, id)
		}
		if s != job.Processing {
			change(job.Processing, s)
		}
	}
	return w.job(t, id)
}

var states = []job.State{job.Pending, job.Held, job.Processing, job.Stopped, job.Canceled, job.Aborted, job.Completed}

// TestStatesChangeOnlyAsTheyMay tries every pair of states.
func TestStatesChangeOnlyAsTheyMay(t *testing.T) {
	w := newWorld(t)
	for _, from := range states {
		for _, to := range states {
			j := w.put(t, fmt.Sprint(from, to), from)
			err := w.a.ChangeJob(t.Context(), j.ID, job.Guard{State: from}, job.Change{
				State: to, Device: hall, Reasons: []job.Reason{"r"}, Message: "m", History: entries("h")}, epoch.Add(time.Hour))
			got := w.job(t, j.ID)
			h, herr := w.a.History(t.Context(), j.ID)
			must(t, herr)
			last := h[len(h)-1].Text
			if may := from == to || from.CanBecome(to); !may {
				wantKind(t, fmt.Sprint(from, " to ", to), err, fault.Conflict)
				if !reflect.DeepEqual(got, j) || last == "h" {
					t.Errorf("%v to %v was refused and changed something: %+v", from, to, got)
				}
			} else if err != nil || got.State != to || !got.Has("r") || last != "h" {
				t.Errorf("%v to %v: %v, %+v, %q", from, to, err, got, last)
			}
			if got.State.Done() == got.Completed.IsZero() {
				t.Errorf("%v to %v: completed at %v", from, to, got.Completed)
			}
			if got.State == job.Held && (got.Device != "" || !got.Released.IsZero()) {
				t.Errorf("%v to %v: held at a device, or still released: %+v", from, to, got)
			}
			// Nothing that would be claimed or counted by the next round.
			must(t, w.a.write(t.Context(), func(t tx) error {
				_, err := t.conn.ExecContext(t.ctx, "DELETE FROM jobs WHERE tenant = ? AND id = ?", w.a.tenant, j.ID)
				return err
			}))
		}
	}
	must(t, w.a.recount(t.Context()))
}

func TestChangeIsGuarded(t *testing.T) {
	w := newWorld(t)
	j := w.put(t, "guarded", job.Pending)
	held := job.Change{State: job.Held, History: entries("Recalled.")}
	for name, g := range map[string]job.Guard{
		"another state":   {State: job.Held},
		"another owner":   {State: job.Pending, Owner: ben},
		"another device":  {State: job.Pending, Device: attic},
		"a later release": {State: job.Pending, Released: epoch.Add(time.Millisecond)},
	} {
		wantKind(t, name, w.a.ChangeJob(t.Context(), j.ID, g, held, epoch), fault.Conflict)
	}
	wantKind(t, "another tenant", w.b.ChangeJob(t.Context(), j.ID, job.Guard{State: job.Pending}, held, epoch), fault.Conflict)
	wantKind(t, "pending nowhere", w.a.ChangeJob(t.Context(), j.ID, job.Guard{State: job.Pending}, job.Change{State: job.Pending}, epoch), fault.Invalid)
	must(t, w.a.ChangeJob(t.Context(), j.ID, job.Guard{State: job.Pending, Owner: anna, Device: hall, Released: epoch}, held, epoch))
	if got := w.job(t, j.ID); got.State != job.Held {
		t.Errorf("state %v", got.State)
	}
}

// TestF42ReleasedAtOnce: 100 terminals release one job; one of them gets it, and
// its history has one line of it.
func TestF42ReleasedAtOnce(t *testing.T) {
	w := newWorld(t)
	j := w.add(t, "wanted", anna)
	var wins atomic.Int32
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			device := []string{hall, attic}[i%2]
			r, _, err := w.a.ReleaseJobs(t.Context(), job.Order{
				Release: job.Release{ID: job.NewUUID(), Device: device, User: anna, At: epoch},
				Items:   []job.OrderItem{{Job: j.ID, From: job.Held, Owner: anna, History: entries("Released.")}},
			})
			if err != nil {
				t.Error(err)
			} else if r.Items[0].Status == job.StatusQueued {
				wins.Add(1)
			}
		})
	}
	wg.Wait()
	h, err := w.a.History(t.Context(), j.ID)
	must(t, err)
	if wins.Load() != 1 || len(h) != 2 {
		t.Errorf("%d of 100 released it, history %v", wins.Load(), h)
	}
	claimed := 0
	for _, device := range []string{hall, attic} {
		if _, err := w.a.Claim(t.Context(), device, "boot", epoch); err == nil {
			claimed++
		}
	}
	if claimed != 1 {
		t.Errorf("claimed at %d devices", claimed)
	}
}

// TestClaimedAtOnce: of many workers, each job goes to one.
func TestClaimedAtOnce(t *testing.T) {
	w := newWorld(t)
	var ids []int64
	for i := range 20 {
		ids = append(ids, w.add(t, fmt.Sprint(i), anna).ID)
	}
	w.release(t, epoch, ids...)
	var mu sync.Mutex
	got := map[int64]int{}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			j, err := w.a.Claim(t.Context(), hall, "boot", epoch)
			if err != nil {
				wantKind(t, "nothing left", err, fault.NotFound)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			got[j.ID]++
		})
	}
	wg.Wait()
	if len(got) != 20 {
		t.Errorf("%d jobs claimed: %v", len(got), got)
	}
	for id, n := range got {
		if n != 1 {
			t.Errorf("job %d claimed %d times", id, n)
		}
	}
}

func TestClaimTakesTheNext(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	add := func(name string, priority int, released time.Time) int64 {
		j := newJob(name, anna)
		j.State, j.Device, j.Priority, j.Released = job.Pending, hall, priority, released
		must(t, w.a.AddJob(ctx, j, nil))
		return j.ID
	}
	late := add("late", 50, epoch.Add(time.Second))
	early := add("early", 50, epoch)
	twin := add("twin", 50, epoch)
	label := add("label", 90, epoch.Add(time.Hour))
	backoff := newJob("backoff", anna)
	backoff.State, backoff.Device, backoff.Priority, backoff.NotBefore = job.Pending, hall, 100, epoch.Add(time.Minute)
	must(t, w.a.AddJob(ctx, backoff, nil))
	elsewhere := newJob("elsewhere", anna)
	elsewhere.State, elsewhere.Device, elsewhere.Priority, elsewhere.NotBefore = job.Pending, attic, 100, epoch.Add(time.Hour)
	must(t, w.a.AddJob(ctx, elsewhere, nil))

	if ids, err := w.a.Waiting(ctx, epoch); err != nil || !reflect.DeepEqual(ids, []string{hall}) {
		t.Errorf("Waiting = %v, %v", ids, err)
	}
	if at, ok, err := w.a.NextAttempt(ctx, attic); err != nil || !ok || !at.Equal(epoch.Add(time.Hour)) {
		t.Errorf("NextAttempt = %v, %v, %v", at, ok, err)
	}
	for _, want := range []int64{label, early, twin, late} {
		j, err := w.a.Claim(ctx, hall, "boot 7", epoch)
		if err != nil || j.ID != want || j.State != job.Processing || j.Fence != 1 || !j.Has(job.Outgoing) || len(j.Documents) != 2 ||
			j.DeviceName != "Hall" || j.OwnerName != "anna" {
			t.Fatalf("claimed %d, %v; want %d: %+v", j.ID, err, want, j)
		}
	}
	_, err := w.a.Claim(ctx, hall, "boot 7", epoch)
	wantKind(t, "before its time", err, fault.NotFound)
	if j, err := w.a.Claim(ctx, hall, "boot 7", epoch.Add(time.Minute)); err != nil || j.ID != backoff.ID {
		t.Errorf("at its time: %d, %v", j.ID, err)
	}
	if _, err := w.b.Claim(ctx, hall, "boot 7", epoch.Add(time.Hour)); !fault.Is(err, fault.NotFound) {
		t.Errorf("another tenant's device of the same id got something: %v", err)
	}
}

// send brings a job to its send intent.
func (w *world) send(t *testing.T, name string) (job.Job, string) {
	t.Helper()
	j := w.put(t, name, job.Processing)
	id := job.NewUUID()
	must(t, w.a.Intend(t.Context(), j, id, epoch.Add(time.Second)))
	return j, id
}

var printed = job.Change{State: job.Completed, Reasons: []job.Reason{job.CompletedSuccessfully, job.JobStored}, Device: hall,
	ExpiresAt: epoch.Add(2 * time.Hour), History: []job.Entry{{At: epoch, Actor: "device Hall", Text: "Printed."}}}

func TestEndSendIsOneTransaction(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	j, send := w.send(t, "printed")
	row := accounting.Row{ID: send, Job: j.UUID, JobID: j.ID, Owner: anna, Device: hall, Queue: secure, Title: "canary title printed",
		Outcome: accounting.Printed, Evidence: job.Confirmed, Octets: 1000, Pages: 3, Impressions: job.Unknown, Sheets: job.Unknown}
	at := epoch.Add(time.Minute)
	must(t, w.a.EndSend(ctx, j, row, printed, at))

	got := w.job(t, j.ID)
	if got.State != job.Completed || !got.Completed.Equal(at) || !got.ExpiresAt.Equal(printed.ExpiresAt) {
		t.Errorf("job %+v", got)
	}
	rows, err := w.a.LedgerOf(ctx, j.ID)
	must(t, err)
	epochNow, seq, err := w.Epoch(ctx)
	must(t, err)
	want := row
	want.Key, want.Epoch, want.Seq, want.At = "key-1", epochNow, 1, at
	want.OwnerName, want.Department, want.DeviceName, want.Serial, want.QueueName = "anna", "sales", "Hall", "S-1", "Secure"
	if len(rows) != 1 || !reflect.DeepEqual(rows[0], want) || seq != 1 {
		t.Errorf("ledger\ngot  %+v\nwant %+v", rows, want)
	}
	wantKind(t, "ended again", w.a.EndSend(ctx, j, row, printed, at), fault.Conflict)
	other := row
	other.ID = job.NewUUID()
	wantKind(t, "never begun", w.a.EndSend(ctx, j, other, printed, at), fault.Conflict)
	if n, err := w.a.Outbox(ctx); err != nil || n != 1 {
		t.Errorf("Outbox = %d, %v", n, err)
	}
	if rows, err := w.b.LedgerOf(ctx, j.ID); err != nil || len(rows) != 0 {
		t.Errorf("another tenant's ledger: %v, %v", rows, err)
	}
}

// TestEndSendAllOrNothing: when the ledger row cannot be written the job is not
// completed and the send stays open.
func TestEndSendAllOrNothing(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	j1, send1 := w.send(t, "first")
	must(t, w.a.EndSend(ctx, j1, accounting.Row{ID: send1, JobID: j1.ID}, printed, epoch))
	j2, send2 := w.send(t, "second")
	must(t, w.write(ctx, "", "", func(t tx) error { // as a restore without a new epoch would
		_, err := t.conn.ExecContext(t.ctx, "UPDATE epochs SET seq = 0")
		return err
	}))
	wantKind(t, "F31: a number given twice", w.a.EndSend(ctx, j2, accounting.Row{ID: send2, JobID: j2.ID}, printed, epoch), fault.Conflict)
	if got := w.job(t, j2.ID); got.State != job.Processing {
		t.Errorf("state %v", got.State)
	}
	orphans, err := w.a.Orphans(ctx, "boot 2")
	if err != nil || len(orphans) != 1 || orphans[0].Send != send2 || !orphans[0].Began.Equal(epoch.Add(time.Second)) {
		t.Errorf("orphans %+v, %v", orphans, err)
	}
	must(t, w.NewEpoch(ctx))
	must(t, w.a.EndSend(ctx, j2, accounting.Row{ID: send2, JobID: j2.ID}, printed, epoch))
}

func TestIntendAndGiveUp(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	j, _ := w.send(t, "intended")
	wantKind(t, "a second send", w.a.Intend(ctx, j, job.NewUUID(), epoch), fault.Conflict)
	retry := job.Change{State: job.Pending, Device: hall, Reasons: []job.Reason{job.Queued}, NotBefore: epoch.Add(5 * time.Second), Attempts: 1}
	wantKind(t, "giving up after the intent", w.a.GiveUp(ctx, j, retry, epoch), fault.Conflict)

	k := w.put(t, "not intended", job.Processing)
	old := k
	old.Fence--
	wantKind(t, "an old fence", w.a.Intend(ctx, old, job.NewUUID(), epoch), fault.Conflict)
	wantKind(t, "an old fence", w.a.GiveUp(ctx, old, retry, epoch), fault.Conflict)
	retry.Crashed = true
	must(t, w.a.GiveUp(ctx, k, retry, epoch))
	got := w.job(t, k.ID)
	if got.State != job.Pending || got.Attempts != 1 || got.Crashes != 1 || !got.NotBefore.Equal(retry.NotBefore) ||
		!got.Released.Equal(epoch) || got.Device != hall {
		t.Errorf("given up: %+v", got)
	}
	wantKind(t, "given up again", w.a.GiveUp(ctx, k, retry, epoch), fault.Conflict)
	wantKind(t, "intended afterwards", w.a.Intend(ctx, k, job.NewUUID(), epoch), fault.Conflict)
}

func TestF43CancelWhileDelivering(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	h := job.Entry{At: epoch, Actor: "anna", Text: "Asked to cancel."}
	j := w.put(t, "canceling", job.Processing)
	wantKind(t, "not the owner", w.a.AskCancel(ctx, j.ID, ben, h), fault.Conflict)
	wantKind(t, "another tenant", w.b.AskCancel(ctx, j.ID, "", h), fault.Conflict)
	must(t, w.a.AskCancel(ctx, j.ID, anna, h))
	if asked, err := w.a.CancelAsked(ctx, j.ID); err != nil || !asked {
		t.Errorf("CancelAsked = %v, %v", asked, err)
	}
	if got := w.job(t, j.ID); got.State != job.Processing || !got.Has(job.ProcessingToStopPoint) {
		t.Errorf("asked: %+v", got)
	}
	wantKind(t, "sending after that", w.a.Intend(ctx, j, job.NewUUID(), epoch), fault.Conflict)
	must(t, w.a.GiveUp(ctx, j, job.Change{State: job.Pending, Device: hall}, epoch))
	j, err := w.a.Claim(ctx, hall, "boot", epoch)
	must(t, err)
	if asked, err := w.a.CancelAsked(ctx, j.ID); err != nil || asked {
		t.Errorf("the request outlived its delivery: %v, %v", asked, err)
	}
	must(t, w.a.Intend(ctx, j, job.NewUUID(), epoch))
	_, err = w.a.CancelAsked(ctx, 999)
	wantKind(t, "no job", err, fault.NotFound)
}

func TestOrphansAreOfOtherBoots(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	j := w.put(t, "orphan", job.Processing)
	must(t, w.a.AskCancel(ctx, j.ID, "", job.Entry{At: epoch}))
	if o, err := w.a.Orphans(ctx, "boot 1"); err != nil || len(o) != 0 {
		t.Errorf("of this boot: %+v, %v", o, err)
	}
	o, err := w.a.Orphans(ctx, "boot 2")
	if err != nil || len(o) != 1 || o[0].Job.ID != j.ID || o[0].Send != "" || !o[0].CancelAsked || o[0].Job.Fence != j.Fence || len(o[0].Job.Documents) != 2 {
		t.Errorf("of another boot: %+v, %v", o, err)
	}
	if o, err := w.b.Orphans(ctx, "boot 2"); err != nil || len(o) != 0 {
		t.Errorf("of another tenant: %+v, %v", o, err)
	}
}

func TestLedgerInOrderAndInPages(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	const n = ledgerPage + 20
	must(t, w.a.write(ctx, func(t tx) error {
		for i := range n {
			r := accounting.Row{ID: fmt.Sprintf("row %04d", i), Job: "gone", At: epoch.Add(time.Duration(i/3) * time.Second)}
			if err := w.a.insertRow(t, r, nil, epoch); err != nil {
				return err
			}
		}
		return nil
	}))
	var got []string
	collect := func(r accounting.Row) error { got = append(got, r.ID); return nil }
	must(t, w.a.Ledger(ctx, time.Time{}, time.Time{}, collect))
	if len(got) != n || got[0] != "row 0000" || got[n-1] != fmt.Sprintf("row %04d", n-1) {
		t.Errorf("%d rows, %s to %s", len(got), got[0], got[len(got)-1])
	}
	got = nil
	must(t, w.a.Ledger(ctx, epoch.Add(time.Second), epoch.Add(2*time.Second), collect))
	if strings.Join(got, ",") != "row 0003,row 0004,row 0005" {
		t.Errorf("one second: %v", got)
	}
	stop := fmt.Errorf("enough")
	if err := w.a.Ledger(ctx, time.Time{}, time.Time{}, func(accounting.Row) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("err = %v", err)
	}
	got = nil
	must(t, w.b.Ledger(ctx, time.Time{}, time.Time{}, collect))
	if len(got) != 0 {
		t.Errorf("another tenant's ledger: %d rows", len(got))
	}
}

// TestF31EpochsAreNeverReused: also when the clock stands still or goes back.
func TestF31EpochsAreNeverReused(t *testing.T) {
	w := newWorld(t)
	seen := map[int64]bool{}
	for i, now := range []time.Time{epoch, epoch, epoch.Add(-time.Hour), epoch.Add(time.Hour), epoch} {
		w.now = now
		must(t, w.NewEpoch(t.Context()))
		e, seq, err := w.Epoch(t.Context())
		if err != nil || seen[e] || seq != 0 {
			t.Errorf("%d: epoch %d again, or seq %d, %v", i, e, seq, err)
		}
		for old := range seen {
			if e <= old {
				t.Errorf("epoch %d after %d", e, old)
			}
		}
		seen[e] = true
	}
}

func TestAssignOwner(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	j := newJob("unclaimed", "")
	j.Reasons, j.OwnerRule = []job.Reason{job.HeldForAuthorization}, "Nobody is called ANNA."
	j.Message = "Nobody here is known as its owner."
	must(t, w.a.AddJob(ctx, j, nil))
	wantKind(t, "nobody", w.a.AssignOwner(ctx, j.ID, attic, "administrator root"), fault.NotFound)
	must(t, w.a.AssignOwner(ctx, j.ID, ben, "administrator root"))
	got := w.job(t, j.ID)
	if got.Owner != ben || got.OwnerName != "ben" || !got.Has(job.HeldForRelease) || got.OwnerRule == j.OwnerRule || got.Message != "" {
		t.Errorf("assigned: %+v", got)
	}
	for owner, want := range map[string]int64{"": 0, ben: 1000, anna: 1000} {
		octets, jobs, err := w.a.Usage(ctx, owner)
		if err != nil || octets != want || int64(jobs) != want/1000 {
			t.Errorf("Usage of %q = %d, %d, %v; want %d", owner, octets, jobs, err, want)
		}
	}
	// One with a PIN waits for it, whoever has it.
	p := newJob("a PIN", "")
	p.Ticket.PIN = &job.PIN{Encryption: "none", Verifier: "phc"}
	p.Reasons = p.HeldReasons()
	must(t, w.a.AddJob(ctx, p, nil))
	must(t, w.a.AssignOwner(ctx, p.ID, ben, "administrator root"))
	if got := w.job(t, p.ID); !slices.Equal(got.Reasons, []job.Reason{job.HeldForRelease, job.PasswordWait}) || got.Ticket.PIN == nil {
		t.Errorf("assigned with a PIN: %+v", got)
	}
	must(t, w.a.RemoveUser(ctx, ben, "administrator root"))
	if got := w.job(t, p.ID); !slices.Equal(got.Reasons, []job.Reason{job.HeldForAuthorization, job.PasswordWait}) {
		t.Errorf("its owner left: %+v", got)
	}
	w.release(t, epoch, j.ID)
	wantKind(t, "a released job", w.a.AssignOwner(ctx, j.ID, anna, "administrator root"), fault.Conflict)
}

// TestUsageIsExact walks jobs through their lives and compares the sums with
// what counting anew finds.
func TestUsageIsExact(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for i, s := range append(states, job.Completed) {
		j := w.put(t, fmt.Sprint("usage ", i), s)
		if s == job.Processing { // make room for the next
			must(t, w.a.GiveUp(ctx, j, job.Change{State: job.Held}, epoch))
		}
		if s == job.Pending {
			must(t, w.a.ChangeJob(ctx, j.ID, job.Guard{State: s}, job.Change{State: job.Held}, epoch))
		}
		if s == job.Canceled || i == len(states) {
			must(t, w.a.FilesErased(ctx, []string{j.Documents[0].File}))
		}
		if s == job.Completed && i < len(states) {
			r, _, err := w.a.ReleaseJobs(ctx, job.Order{Release: job.Release{ID: job.NewUUID(), Device: attic, At: epoch},
				Items: []job.OrderItem{{Job: j.ID, From: job.Completed}}})
			if err != nil || r.Items[0].Status != job.StatusQueued {
				t.Errorf("printing again: %+v, %v", r, err)
			}
		}
	}
	octets, jobs, err := w.a.Usage(ctx, anna)
	must(t, err)
	must(t, w.a.recount(ctx))
	octets2, jobs2, err := w.a.Usage(ctx, anna)
	if err != nil || octets != octets2 || jobs != jobs2 || jobs == 0 {
		t.Errorf("kept %d octets, %d jobs; counted %d, %d, %v", octets, jobs, octets2, jobs2, err)
	}
}
