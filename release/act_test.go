package release_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/job"
	"platen/release"
	"platen/release/releasetest"
)

func statuses(r job.Release) string {
	s := ""
	for _, it := range r.Items {
		s += fmt.Sprintf("%d %s; ", it.Job, it.Status)
	}
	return s
}

func TestReleaseOneSeveralAll(t *testing.T) {
	d := newDesk(t)
	sess := d.anna(t)
	var ids []int64
	for range 5 {
		ids = append(ids, d.held(t, anna.ID))
	}
	bens := d.held(t, ben.ID)
	incoming := d.with(t, func(j *job.Job) { j.Reasons = []job.Reason{job.Incoming} })

	d.release(t, sess, ids[0])
	d.wantState(t, ids[0], job.Pending)
	d.wantState(t, ids[1], job.Held)
	if j := d.job(t, ids[0]); j.Device != hall.Device {
		t.Errorf("released to %q", j.Device)
	}
	d.wantHistory(t, ids[0], "anna", "Released at %s.", "hall")

	r := d.release(t, sess, ids[2], ids[1], ids[2])
	if got, want := statuses(r), fmt.Sprintf("%d queued; %d queued; ", ids[1], ids[2]); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	r, err := d.ReleaseAll(t.Context(), sess, job.Options{}, nil, "all")
	must(t, err)
	if got, want := statuses(r), fmt.Sprintf("%d queued; %d queued; ", ids[4], ids[3]); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	d.wantState(t, bens, job.Held)
	d.wantState(t, incoming, job.Held)
	if len(d.woken) != 3 || d.woken[0] != hall.Device {
		t.Errorf("woken: %v", d.woken)
	}
	again, err := d.ReleaseAll(t.Context(), sess, job.Options{}, nil, "all")
	if err != nil || again.ID != r.ID {
		t.Errorf("the second press: %+v, %v", again, err)
	}
	_, err = d.ReleaseAll(t.Context(), sess, job.Options{}, nil, "other")
	wantKind(t, "nothing left", err, fault.NotFound)
	_, err = d.Release(t.Context(), sess, nil, job.Options{}, nil, "")
	wantKind(t, "nothing chosen", err, fault.Invalid)
	_, err = d.Release(t.Context(), sess, make([]int64, 5000), job.Options{}, nil, "")
	wantKind(t, "zeroes", err, fault.NotFound)
}

// A17: a number that is somebody else's, unclaimed or nobody's answers alike,
// and spoils the whole choice.
func TestA17StrangersJobs(t *testing.T) {
	d := newDesk(t)
	sess := d.anna(t)
	mine := d.held(t, anna.ID)
	acts := map[string]func(ids ...int64) error{
		"release": func(ids ...int64) error {
			_, err := d.Release(t.Context(), sess, ids, job.Options{}, nil, "")
			return err
		},
		"again": func(ids ...int64) error {
			_, err := d.PrintAgain(t.Context(), sess, ids[len(ids)-1], job.Options{}, nil, "")
			return err
		},
		"resolve": func(ids ...int64) error {
			_, err := d.Resolve(t.Context(), sess, ids[len(ids)-1], false, nil, "")
			return err
		},
		"delete": func(ids ...int64) error { return d.Delete(t.Context(), sess, ids) },
		"keep":   func(ids ...int64) error { return d.Keep(t.Context(), sess, ids) },
	}
	text := map[string]bool{}
	for name, act := range acts {
		for what, id := range map[string]int64{"ben's": d.held(t, ben.ID), "unclaimed": d.held(t, ""), "nobody's": 1 << 40, "negative": -1} {
			err := act(mine, id)
			wantKind(t, name+" "+what, err, fault.NotFound)
			text[fault.Text(err)] = true
		}
	}
	if len(text) != 1 {
		t.Errorf("the answers differ: %v", text)
	}
	d.wantState(t, mine, job.Held)
	if j := d.job(t, mine); j.Kept {
		t.Error("kept in passing")
	}
	views, err := d.Jobs(t.Context(), sess)
	if err != nil || len(views) != 1 || views[0].ID != mine {
		t.Errorf("the list: %+v, %v", views, err)
	}
	other, _ := d.signIn(t, attic, pin("ben", "13579135"))
	r := d.release(t, sess, mine)
	_, err = d.ReleaseStatus(t.Context(), other, r.ID)
	wantKind(t, "a stranger's release", err, fault.NotFound)
	_, err = d.ReleaseAt(t.Context(), attic, r.ID)
	wantKind(t, "a release of another device", err, fault.NotFound)
	_, err = d.ReleaseStatus(t.Context(), sess, job.NewUUID())
	wantKind(t, "no release", err, fault.NotFound)
	_, err = d.ReleaseAt(t.Context(), hall, r.ID)
	must(t, err)
}

func TestA41SecondPress(t *testing.T) {
	d := newDesk(t)
	sess := d.anna(t)
	id := d.held(t, anna.ID)
	first, err := d.Release(t.Context(), sess, []int64{id}, job.Options{}, nil, "press")
	must(t, err)
	d.complete(t, id, hall.Device)
	second, err := d.Release(t.Context(), sess, []int64{id}, job.Options{}, nil, "press")
	if err != nil || second.ID != first.ID || second.Items[0].Status != job.StatusPrinted {
		t.Errorf("the second press: %+v, %v", second, err)
	}
	d.wantState(t, id, job.Completed)

	// Also without a key a second press prints nothing twice.
	other := d.held(t, anna.ID)
	d.release(t, sess, other)
	again := d.release(t, sess, other)
	if again.Items[0].Status != job.StatusQueued || again.Items[0].Reason != "" {
		t.Errorf("pressed again: %+v", again.Items)
	}
	if n := len(d.History(t, other)); n != 1 {
		t.Errorf("the history has %d lines, want 1", n)
	}
	// A replay in another session is another scope and finds nothing held.
	elsewhere, _ := d.signIn(t, attic, card(annasCard))
	_, err = d.Release(t.Context(), elsewhere, []int64{id}, job.Options{}, nil, "press")
	wantKind(t, "replayed elsewhere", err, fault.Conflict)
}

func TestF42HundredReleasesOfOneJob(t *testing.T) {
	d := newDesk(t)
	d.Wake = nil
	first, _ := d.signIn(t, hall, card(annasCard))
	second, _ := d.signIn(t, attic, pin("anna", "24681012"))
	at := []release.Session{first, second}
	id := d.held(t, anna.ID)
	var won, lost atomic.Int64
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			r, err := d.Release(context.Background(), at[i%2], []int64{id}, job.Options{}, nil, fmt.Sprint(i))
			switch {
			case fault.Is(err, fault.Conflict):
				lost.Add(1)
			case err != nil:
				t.Error(err)
			case r.Items[0].Status == job.StatusQueued:
				won.Add(1) // the one that moved it, and the second presses at the same device
			}
		})
	}
	wg.Wait()
	if n := len(d.History(t, id)); n != 1 {
		t.Errorf("the job was released %d times, want once", n)
	}
	if won.Load() != 50 || lost.Load() != 50 {
		t.Errorf("%d at the winning device, %d refused; want 50 and 50", won.Load(), lost.Load())
	}
}

func TestReleaseElsewhereLoses(t *testing.T) {
	d := newDesk(t)
	id, other := d.held(t, anna.ID), d.held(t, anna.ID)
	d.release(t, d.anna(t), id)
	late, _ := d.signIn(t, attic, card(annasCard))
	_, err := d.Release(t.Context(), late, []int64{id}, job.Options{}, nil, "")
	if wantKind(t, "too late", err, fault.Conflict); fault.Text(err) != "It was released somewhere else a moment ago." {
		t.Errorf("text: %s", fault.Text(err))
	}
	r := d.release(t, late, id, other)
	if got, want := statuses(r), fmt.Sprintf("%d failed; %d queued; ", id, other); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if j := d.job(t, id); j.Device != hall.Device {
		t.Errorf("the job went to %s", j.Device)
	}
}

func TestOptions(t *testing.T) {
	d := newDesk(t)
	sess := d.anna(t)
	pdf := func() int64 { return d.held(t, anna.ID) }
	ps := func() int64 {
		return d.with(t, func(j *job.Job) { j.Documents[0].Language = "postscript" })
	}
	tests := map[string]struct {
		id   int64
		o    job.Options
		kind fault.Kind
		ok   bool
	}{
		"nothing":             {id: ps(), ok: true},
		"copies":              {id: pdf(), o: job.Options{Copies: 3}, ok: true},
		"copies of ps":        {id: ps(), o: job.Options{Copies: 3}, kind: fault.Invalid},
		"too many copies":     {id: pdf(), o: job.Options{Copies: 1000}, kind: fault.Invalid},
		"A14 negative":        {id: pdf(), o: job.Options{Copies: -1}, kind: fault.Invalid},
		"A14 huge":            {id: pdf(), o: job.Options{Copies: 1 << 62}, kind: fault.Invalid},
		"sides":               {id: ps(), o: job.Options{Sides: "two-sided-long-edge"}, ok: true},
		"sides of pdf":        {id: pdf(), o: job.Options{Sides: "one-sided"}, kind: fault.Invalid},
		"A15 no such keyword": {id: ps(), o: job.Options{Sides: "one-sided\n@PJL"}, kind: fault.Invalid},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := d.Release(t.Context(), sess, []int64{tt.id}, tt.o, nil, "")
			if !tt.ok {
				wantKind(t, name, err, tt.kind)
				d.wantState(t, tt.id, job.Held)
				return
			}
			must(t, err)
			if j := d.job(t, tt.id); j.Options != tt.o || j.State != job.Pending {
				t.Errorf("%+v", j)
			}
		})
	}
	d.wantHistory(t, tests["copies"].id, "anna", "Set the copies to %d.", 3)
	d.wantHistory(t, tests["sides"].id, "anna", "Set the sides to %s.", "two-sided-long-edge")
	d.Allows = nil
	_, err := d.Release(t.Context(), sess, []int64{pdf()}, job.Options{Copies: 2}, nil, "")
	wantKind(t, "nobody says that it may", err, fault.Invalid)
}

// F22: whether the time of a job is really over is for the keeper to say, who asks
// two clocks; until it has let go of the job, its owner may have it.
func TestF22AJobWhoseTimeSeemsToBeOverCanBeReleased(t *testing.T) {
	d := newDesk(t)
	sess := d.anna(t)
	id := d.with(t, func(j *job.Job) { j.ExpiresAt = time.Now().AddDate(-1, 0, 0) })
	if _, err := d.Release(t.Context(), sess, []int64{id}, job.Options{}, nil, ""); err != nil {
		t.Fatal(err)
	}
	if j := d.job(t, id); j.State != job.Pending {
		t.Errorf("it is %v", j.State)
	}
}

func TestWhatCannotBeReleased(t *testing.T) {
	d := newDesk(t)
	sess := d.anna(t)
	for name, change := range map[string]func(*job.Job){
		"arriving": func(j *job.Job) { j.Reasons = []job.Reason{job.Incoming} },
		"erased":   func(j *job.Job) { j.Documents[0].File = "" },
		"empty":    func(j *job.Job) { j.Documents = nil },
		"aborted":  func(j *job.Job) { j.State, j.Completed = job.Aborted, time.Now() },
	} {
		id := d.with(t, change)
		views, err := d.Jobs(t.Context(), sess)
		must(t, err)
		i := slices.IndexFunc(views, func(v release.JobView) bool { return v.ID == id })
		if i < 0 || views[i].Releasable || views[i].WhyNot == "" {
			t.Errorf("%s: %+v", name, views)
			continue
		}
		_, err = d.Release(t.Context(), sess, []int64{id}, job.Options{}, nil, "")
		if wantKind(t, name, err, fault.Conflict); d.job(t, id).State == job.Held && fault.Text(err) != views[i].WhyNot {
			t.Errorf("%s: the list says %q, the refusal %q", name, views[i].WhyNot, fault.Text(err))
		}
		if d.job(t, id).State == job.Pending {
			t.Errorf("%s was released", name)
		}
	}
	out := releasetest.Hall
	out.Enabled = false
	d.PutDevice(t, out)
	d.held(t, anna.ID)
	views, err := d.Jobs(t.Context(), sess)
	if err != nil || views[0].Releasable || views[0].WhyNot != "This device is out of service. Please use another one." {
		t.Errorf("device out of service: %+v, %v", views, err)
	}
	_, err = d.Release(t.Context(), sess, []int64{d.held(t, anna.ID)}, job.Options{}, nil, "")
	wantKind(t, "device out of service", err, fault.Denied)
}

func TestReleaseStatusWords(t *testing.T) {
	d := newDesk(t)
	sess := d.anna(t)
	end := func(id int64, s job.State, why job.Reason, message string) {
		d.Fixture.Claim(t, id)
		d.Finish(t, id, job.Change{State: s, Reasons: []job.Reason{why}, Device: hall.Device, Message: message}, time.Now())
	}
	tests := []struct {
		status, reason string
		then           func(id int64)
	}{
		{job.StatusQueued, "", func(int64) {}},
		{job.StatusSending, "", func(id int64) { d.Fixture.Claim(t, id) }},
		{job.StatusPrinted, "", func(id int64) { end(id, job.Completed, job.CompletedSuccessfully, "") }},
		{job.StatusNotConfirmed, "Not confirmed.", func(id int64) { end(id, job.Completed, job.CompletedWithWarnings, "Not confirmed.") }},
		{job.StatusUncertain, "Interrupted.", func(id int64) { end(id, job.Stopped, job.Suspended, "Interrupted.") }},
		{job.StatusFailed, "Damaged.", func(id int64) { end(id, job.Aborted, job.DocumentAccessError, "Damaged.") }},
		{job.StatusCanceled, "", func(id int64) { end(id, job.Canceled, job.CanceledByUser, "") }},
		{job.StatusHeld, "The device had not begun it, so it is held again.", func(id int64) { end(id, job.Held, job.HeldForRelease, "") }},
	}
	var ids []int64
	for range tests {
		ids = append(ids, d.held(t, anna.ID))
	}
	r := d.release(t, sess, ids...)
	for i, tt := range tests {
		tt.then(ids[i])
	}
	got, err := d.ReleaseStatus(t.Context(), sess, r.ID)
	must(t, err)
	for i, tt := range tests {
		if want := (job.ReleaseItem{Job: ids[i], Status: tt.status, Reason: tt.reason, Title: "Invoice"}); got.Items[i] != want {
			t.Errorf("got %+v, want %+v", got.Items[i], want)
		}
	}
}

func TestDelete(t *testing.T) {
	d := newDesk(t)
	sess := d.anna(t)
	var erased int
	d.Erased = func() { erased++ }
	uncertain, printed := d.uncertain(t, sess), d.printed(t, sess)
	held, pending, sending := d.held(t, anna.ID), d.held(t, anna.ID), d.held(t, anna.ID)
	d.release(t, sess, sending)
	d.Fixture.Claim(t, sending)
	d.release(t, sess, pending)

	must(t, d.Delete(t.Context(), sess, []int64{held, pending, sending, uncertain, printed}))
	for _, id := range []int64{held, pending, uncertain} {
		d.wantState(t, id, job.Canceled)
		d.wantHistory(t, id, "anna", "Deleted at %s.", "hall")
		if j := d.job(t, id); !j.Has(job.CanceledByUser) {
			t.Errorf("reasons: %v", j.Reasons)
		}
	}
	d.wantState(t, sending, job.Processing)
	if !d.store.Canceling(sending) || !slices.Equal(d.stopped, []int64{sending}) {
		t.Errorf("the job being delivered was not asked to stop: %v", d.stopped)
	}
	j := d.job(t, printed)
	if j.State != job.Completed || j.ExpiresAt.After(time.Now()) || j.Has(job.JobStored) || !j.Has(job.CompletedSuccessfully) {
		t.Errorf("the kept document: %+v", j)
	}
	if erased != 1 {
		t.Errorf("told %d times that documents may go", erased)
	}
	must(t, d.Delete(t.Context(), sess, []int64{held, printed})) // twice is no failure
}

func TestDeleteFollowsTheJob(t *testing.T) {
	d := newDesk(t)
	sess := d.anna(t)
	id := d.held(t, anna.ID)
	d.release(t, sess, id)
	// The worker claims it between the look and the deletion.
	race := &racing{Fake: d.store, before: func() { d.Fixture.Claim(t, id) }}
	d.Store = race
	must(t, d.Delete(t.Context(), sess, []int64{id}))
	if !d.store.Canceling(id) {
		t.Error("a job that was claimed meanwhile was not asked to stop")
	}
}

// racing does something once, just before a job is changed.
type racing struct {
	*releasetest.Fake
	before func()
	once   sync.Once
}

func (r *racing) ChangeJob(ctx context.Context, id int64, g release.Guard, c job.Change, now time.Time) error {
	r.once.Do(r.before)
	return r.Fake.ChangeJob(ctx, id, g, c, now)
}

func TestKeepOnce(t *testing.T) {
	d := newDesk(t)
	sess := d.anna(t)
	id := d.held(t, anna.ID)
	before := d.job(t, id).ExpiresAt
	must(t, d.Keep(t.Context(), sess, []int64{id}))
	if j := d.job(t, id); !j.ExpiresAt.Equal(before.Add(96*time.Hour).Truncate(time.Millisecond)) && j.ExpiresAt.Sub(before).Round(time.Second) != 96*time.Hour {
		t.Errorf("expires at %v, was %v", j.ExpiresAt, before)
	}
	d.wantHistory(t, id, "anna", "Extended the time it is held by %d hours.", 96)
	wantKind(t, "twice", d.Keep(t.Context(), sess, []int64{id}), fault.Conflict)
	views, err := d.Jobs(t.Context(), sess)
	if err != nil || views[0].CanKeep {
		t.Errorf("%+v, %v", views, err)
	}
	released := d.held(t, anna.ID)
	d.release(t, sess, released)
	wantKind(t, "released", d.Keep(t.Context(), sess, []int64{released}), fault.Conflict)
}

func TestResolvePrintAgain(t *testing.T) {
	d := newDesk(t)
	sess := d.anna(t)
	id := d.uncertain(t, sess)
	_, err := d.Release(t.Context(), sess, []int64{id}, job.Options{}, nil, "")
	wantKind(t, "an uncertain job is not just released", err, fault.Conflict)
	r, err := d.Resolve(t.Context(), sess, id, true, nil, "key")
	if err != nil || r.Items[0].Status != job.StatusQueued {
		t.Fatalf("%+v, %v", r, err)
	}
	d.wantState(t, id, job.Pending)
	d.wantHistory(t, id, "anna", "Asked to print it again at %s, although it may have printed.", "hall")
	again, err := d.Resolve(t.Context(), sess, id, true, nil, "key")
	if err != nil || again.ID != r.ID {
		t.Errorf("the second press: %+v, %v", again, err)
	}
	_, err = d.Resolve(t.Context(), sess, d.held(t, anna.ID), true, nil, "")
	wantKind(t, "a held job", err, fault.Conflict)
}

func TestResolveDidPrint(t *testing.T) {
	d := newDesk(t)
	sess := d.anna(t)
	id := d.uncertain(t, sess)
	_, err := d.Resolve(t.Context(), sess, id, false, nil, "")
	must(t, err)
	j := d.job(t, id)
	if j.State != job.Completed || !j.Has(job.CompletedWithErrors) || !j.Has(job.JobStored) || time.Until(j.ExpiresAt).Round(time.Minute) != 2*time.Hour {
		t.Errorf("%+v", j)
	}
	d.wantHistory(t, id, "anna", "Looked at the device and said that it had printed.")
	_, err = d.Resolve(t.Context(), sess, id, false, nil, "")
	wantKind(t, "twice", err, fault.Conflict)
	if r, err := d.PrintAgain(t.Context(), sess, id, job.Options{}, nil, ""); err != nil || r.Items[0].Status != job.StatusQueued {
		t.Errorf("printing the kept document again: %+v, %v", r, err)
	}

	secret := d.with(t, func(j *job.Job) { j.Queue = releasetest.Secret.ID })
	d.release(t, sess, secret)
	d.Fixture.Claim(t, secret)
	d.Finish(t, secret, job.Change{State: job.Stopped, Device: hall.Device}, time.Now())
	_, err = d.Resolve(t.Context(), sess, secret, false, nil, "")
	must(t, err)
	if j := d.job(t, secret); j.Has(job.JobStored) || j.ExpiresAt.After(time.Now()) {
		t.Errorf("a confidential document stays: %+v", j)
	}
}

func TestPrintAgain(t *testing.T) {
	d := newDesk(t)
	sess := d.anna(t)
	id := d.printed(t, sess)
	r, err := d.PrintAgain(t.Context(), sess, id, job.Options{Copies: 2}, nil, "key")
	if err != nil || r.Items[0].Status != job.StatusQueued {
		t.Fatalf("%+v, %v", r, err)
	}
	if again, err := d.PrintAgain(t.Context(), sess, id, job.Options{Copies: 2}, nil, "key"); err != nil || again.ID != r.ID {
		t.Errorf("the second press: %+v, %v", again, err)
	}
	d.wantHistory(t, id, "anna", "Asked to print the kept document again at %s.", "hall")
	gone := d.printed(t, sess)
	must(t, d.Delete(t.Context(), sess, []int64{gone}))
	_, err = d.PrintAgain(t.Context(), sess, gone, job.Options{}, nil, "")
	wantKind(t, "deleted", err, fault.Conflict)
	erased := d.printed(t, sess)
	d.Erase(t, erased)
	_, err = d.PrintAgain(t.Context(), sess, erased, job.Options{}, nil, "")
	wantKind(t, "erased", err, fault.Conflict)
	_, err = d.PrintAgain(t.Context(), sess, d.held(t, anna.ID), job.Options{}, nil, "")
	wantKind(t, "held", err, fault.Conflict)
}

func TestBreakGlass(t *testing.T) {
	d := newDesk(t)
	root := release.Actor{Name: "administrator root", Administrator: true}
	nurse := directory.User{ID: "0198f000-0000-7000-8000-0000000000a4", Login: "nurse", Enabled: true,
		Rights: []directory.Right{directory.Release, directory.BreakGlass}}
	d.PutUser(t, nurse, directory.Secrets{Password: "phc:nurse"})
	sess, _ := d.signIn(t, hall, password("nurse", "nurse"))
	bens, unclaimed := d.held(t, ben.ID), d.held(t, "")

	_, err := d.BreakGlass(t.Context(), root, hall.Device, bens, " \n", "")
	wantKind(t, "no reason", err, fault.Invalid)
	_, err = d.BreakGlass(t.Context(), release.ActorOf(d.annaAt(t)), hall.Device, bens, "because", "")
	wantKind(t, "no right", err, fault.Denied)
	_, err = d.BreakGlass(t.Context(), release.Actor{}, hall.Device, bens, "because", "")
	wantKind(t, "nobody", err, fault.Denied)
	d.wantState(t, bens, job.Held)

	views, err := d.Others(t.Context(), sess, "Ben")
	if err != nil || len(views) != 1 || views[0].ID != bens || views[0].Title != "" || views[0].Owner != "ben" {
		t.Errorf("ben's: %+v, %v", views, err)
	}
	views, err = d.Others(t.Context(), sess, "")
	if err != nil || len(views) != 1 || views[0].ID != unclaimed {
		t.Errorf("unclaimed: %+v, %v", views, err)
	}
	if views, err = d.Others(t.Context(), sess, "nobody"); err != nil || len(views) != 0 {
		t.Errorf("nobody's: %+v, %v", views, err)
	}
	_, err = d.Others(t.Context(), d.annaAt(t), "ben")
	wantKind(t, "a look without the right", err, fault.Denied)

	r, err := release.Desk{Service: d.Service}.BreakGlass(t.Context(), sess, bens, "patient in the\nemergency room", "key")
	if err != nil || r.Items[0].Status != job.StatusQueued {
		t.Fatalf("%+v, %v", r, err)
	}
	again, err := d.BreakGlass(t.Context(), release.ActorOf(sess), hall.Device, bens, "patient", "key")
	if err != nil || again.ID != r.ID {
		t.Errorf("the second press: %+v, %v", again, err)
	}
	d.wantHistory(t, bens, "nurse", "Released at %s without its owner, for this reason: %s", "hall", "patient in the emergency room")
	if lines := d.store.AuditTrail("break-glass"); len(lines) == 0 || lines[0].Actor != "nurse" || lines[0].Detail != "patient in the emergency room" {
		t.Errorf("audit: %+v", lines)
	}
	if _, err = d.BreakGlass(t.Context(), root, attic.Device, unclaimed, "the owner rang", ""); err != nil {
		t.Error(err)
	}
	_, err = d.BreakGlass(t.Context(), root, attic.Device, unclaimed, "the owner rang", "")
	if err != nil {
		t.Errorf("pressed again without a key: %v", err)
	}
	_, err = d.BreakGlass(t.Context(), root, hall.Device, unclaimed, "elsewhere", "")
	wantKind(t, "already released elsewhere", err, fault.Conflict)
	_, err = d.BreakGlass(t.Context(), root, hall.Device, 1<<40, "because", "")
	if !fault.Is(err, fault.NotFound) {
		t.Errorf("no such job: %v", err)
	}
	out := releasetest.Hall
	out.Enabled = false
	d.PutDevice(t, out)
	_, err = d.BreakGlass(t.Context(), root, hall.Device, d.held(t, ben.ID), "because", "")
	wantKind(t, "device out of service", err, fault.Conflict)
}

func TestViews(t *testing.T) {
	d := newDesk(t)
	sess := d.anna(t)
	plain := d.held(t, anna.ID)
	d.with(t, func(j *job.Job) {
		j.Documents[0].Count = job.NoCount("nobody counts it")
		j.Documents[0].Language = "pcl"
		j.Seen = plain
	})
	d.with(t, func(j *job.Job) {
		j.Ticket.Copies, j.Ticket.Sides = 4, "two-sided-short-edge"
		second := j.Documents[0]
		second.Count = job.Count{Pages: 2, Colour: "color", Sides: "two-sided-long-edge", Method: "heuristic", Confidence: "low"}
		j.Documents = append(j.Documents, second)
	})
	views, err := d.Jobs(t.Context(), sess)
	must(t, err)
	if len(views) != 3 {
		t.Fatalf("%d views", len(views))
	}
	two, unknown, one := views[0], views[1], views[2]
	if !one.Releasable || one.Status != job.StatusHeld || one.Title != "Invoice" || one.Owner != "anna" || one.Queue != "secure" || one.Size != 1000 ||
		*one.Pages != 3 || *one.Copies != 1 || *one.Colour || *one.Duplex || *one.Sides != "one-sided" || one.Cost != 0 || one.SameAs != 0 ||
		!one.CanDelete || !one.CanKeep || one.CanAgain || one.CanResolve || !one.CanCopies || one.CanSides || one.Expires.IsZero() || one.Estimated {
		t.Errorf("plain: %+v", one)
	}
	if unknown.Pages != nil || unknown.Copies != nil || unknown.Colour != nil || unknown.Duplex != nil || unknown.Sides != nil || unknown.SameAs != plain || unknown.CanCopies {
		t.Errorf("unknown: %+v", unknown)
	}
	if *two.Pages != 5 || *two.Copies != 4 || !*two.Colour || !*two.Duplex || *two.Sides != "two-sided-short-edge" || !two.Estimated {
		t.Errorf("two documents: %+v", two)
	}

	uncertain, printed := d.uncertain(t, sess), d.printed(t, sess)
	views, err = d.Jobs(t.Context(), sess)
	must(t, err)
	for _, v := range views {
		switch v.ID {
		case uncertain:
			if v.Status != job.StatusUncertain || !v.CanResolve || v.Releasable || v.WhyNot == "" || v.Text == "" || v.Device != "hall" || !v.CanDelete {
				t.Errorf("uncertain: %+v", v)
			}
		case printed:
			if v.Status != job.StatusPrinted || !v.CanAgain || v.Releasable || !v.CanCopies || !v.CanDelete || v.CanKeep {
				t.Errorf("printed: %+v", v)
			}
		}
	}
}

func TestListForgetsWhatIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		id := d.printed(t, d.anna(t))
		list := func() int {
			views, err := d.Jobs(t.Context(), d.annaAt(t))
			must(t, err)
			return len(views)
		}
		time.Sleep(23 * time.Hour)
		d.Erase(t, id)
		if list() != 1 {
			t.Error("what was printed today is not shown")
		}
		time.Sleep(61 * time.Minute)
		if list() != 0 {
			t.Error("what was printed yesterday is still shown")
		}
	})
}

// A key that comes again with other documents is a client's mistake; saying
// yes would leave it believing that they print.
func TestKeyWithOtherDocuments(t *testing.T) {
	d := newDesk(t)
	sess := d.anna(t)
	first, second := d.held(t, anna.ID), d.held(t, anna.ID)
	if _, err := d.Release(t.Context(), sess, []int64{first}, job.Options{}, nil, "k"); err != nil {
		t.Fatal(err)
	}
	_, err := d.Release(t.Context(), sess, []int64{second}, job.Options{}, nil, "k")
	wantKind(t, "another document", err, fault.Conflict)
	if r, err := d.Release(t.Context(), sess, []int64{first}, job.Options{}, nil, "k"); err != nil || len(r.Items) != 1 {
		t.Errorf("the second press: %+v, %v", r, err)
	}
}
