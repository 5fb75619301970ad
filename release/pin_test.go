package release_test

import (
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/job"
	"platen/release"
	"platen/release/releasetest"
)

// pinned adds a held job of Anna that was printed with the PIN 1234, and returns
// its number.
func (d *desk) pinned(t testing.TB, change ...func(*job.Job)) int64 {
	t.Helper()
	return d.with(t, func(j *job.Job) {
		sum := sha256.Sum256([]byte("1234"))
		j.Ticket.PIN = &job.PIN{Encryption: "sha2-256", Verifier: "phc:" + string(sum[:])}
		j.Reasons = j.HeldReasons()
		for _, f := range change {
			f(j)
		}
	})
}

func TestPINOfADocument(t *testing.T) {
	d := newDesk(t)
	sess := d.anna(t)
	id, other := d.pinned(t), d.held(t, anna.ID)
	views, err := d.Jobs(t.Context(), sess)
	must(t, err)
	for _, v := range views {
		if v.NeedsPIN != (v.ID == id) || !v.Releasable || v.WhyNot != "" {
			t.Errorf("%+v", v)
		}
	}
	tests := []struct {
		what   string
		ids    []int64
		pins   job.PINs
		reason string
	}{
		{"none", []int64{id}, nil, directory.ReasonNeedPIN},
		{"an empty one", []int64{id}, job.PINs{id: ""}, directory.ReasonNeedPIN},
		{"that of another", []int64{id}, job.PINs{other: "1234"}, directory.ReasonNeedPIN},
		{"none, among others", []int64{other, id}, nil, directory.ReasonNeedPIN},
		{"wrong, among others", []int64{other, id}, job.PINs{id: "4321"}, directory.ReasonWrongPIN},
	}
	for _, tt := range tests {
		_, err := d.Release(t.Context(), sess, tt.ids, job.Options{}, tt.pins, "")
		wantRefused(t, err, tt.reason)
		wantKind(t, tt.what, err, fault.Denied)
		d.wantState(t, id, job.Held)
		d.wantState(t, other, job.Held) // all or nothing
	}
	r, err := d.Release(t.Context(), sess, []int64{id}, job.Options{}, job.PINs{id: "1234"}, "press")
	if err != nil || len(r.Items) != 1 || r.Items[0].Status != job.StatusQueued {
		t.Fatalf("with its PIN: %+v, %v", r, err)
	}
	d.wantHistory(t, id, "anna", "Its PIN was given.")
	again, err := d.Release(t.Context(), sess, []int64{id}, job.Options{}, job.PINs{id: "1234"}, "press")
	if err != nil || again.ID != r.ID {
		t.Errorf("the second press: %+v, %v", again, err)
	}
	for _, e := range d.History(t, id) {
		if strings.Contains(fmt.Sprint(e), "1234") || strings.Contains(fmt.Sprint(e), "4321") {
			t.Errorf("a PIN is in the history: %+v", e)
		}
	}
	if strings.Contains(d.log.String(), "1234") || strings.Contains(d.log.String(), "4321") {
		t.Errorf("a PIN is in the log:\n%s", d.log)
	}
}

// The PIN is needed each time paper comes out, and for nothing else.
func TestPINWherePaperComesOut(t *testing.T) {
	d := newDesk(t)
	sess := d.anna(t)
	id := d.pinned(t)
	pins := job.PINs{id: "1234"}
	release := func() {
		t.Helper()
		_, err := d.Release(t.Context(), sess, []int64{id}, job.Options{}, pins, "")
		must(t, err)
	}
	release()
	must(t, d.SignOut(t.Context(), sess))
	if j := d.job(t, id); j.State != job.Held || !slices.Equal(j.Reasons, []job.Reason{job.HeldForRelease, job.PasswordWait}) {
		t.Errorf("recalled: %+v", j)
	}
	sess = d.anna(t)
	release()
	d.Fixture.Claim(t, id)
	d.Finish(t, id, job.Change{State: job.Stopped, Reasons: []job.Reason{job.Suspended}, Device: sess.Device}, time.Now())
	_, err := d.Resolve(t.Context(), sess, id, true, nil, "")
	wantRefused(t, err, directory.ReasonNeedPIN)
	d.wantState(t, id, job.Stopped)
	_, err = d.Resolve(t.Context(), sess, id, true, pins, "")
	must(t, err)
	d.complete(t, id, sess.Device)
	_, err = d.PrintAgain(t.Context(), sess, id, job.Options{}, nil, "")
	wantRefused(t, err, directory.ReasonNeedPIN)
	_, err = d.PrintAgain(t.Context(), sess, id, job.Options{}, job.PINs{id: "9999"}, "")
	wantRefused(t, err, directory.ReasonWrongPIN)
	d.wantState(t, id, job.Completed)
	_, err = d.PrintAgain(t.Context(), sess, id, job.Options{}, pins, "")
	must(t, err)
	d.Fixture.Claim(t, id)
	d.Finish(t, id, job.Change{State: job.Stopped, Reasons: []job.Reason{job.Suspended}, Device: sess.Device}, time.Now())
	_, err = d.Resolve(t.Context(), sess, id, false, nil, "") // it did print: no paper comes of it
	must(t, err)
	d.wantState(t, id, job.Completed)

	next := d.pinned(t)
	must(t, d.Keep(t.Context(), sess, []int64{next}))
	must(t, d.Delete(t.Context(), sess, []int64{next}))
}

func TestReleaseAllLeavesPINs(t *testing.T) {
	d := newDesk(t)
	sess := d.anna(t)
	one, two, plain := d.pinned(t), d.pinned(t), d.held(t, anna.ID)
	r, err := d.ReleaseAll(t.Context(), sess, job.Options{}, nil, "all")
	if err != nil || len(r.Items) != 1 || r.Items[0].Job != plain || r.Left != 2 {
		t.Errorf("all: %+v, %v", r, err)
	}
	if again, err := d.ReleaseAll(t.Context(), sess, job.Options{}, nil, "all"); err != nil || again.ID != r.ID {
		t.Errorf("the second press: %+v, %v", again, err)
	}
	_, err = d.ReleaseAll(t.Context(), sess, job.Options{}, nil, "other")
	wantRefused(t, err, directory.ReasonNeedPIN)
	_, err = d.ReleaseAll(t.Context(), sess, job.Options{}, job.PINs{one: "0000"}, "")
	wantRefused(t, err, directory.ReasonWrongPIN)
	d.wantState(t, one, job.Held)
	r, err = d.ReleaseAll(t.Context(), sess, job.Options{}, job.PINs{one: "1234"}, "")
	if err != nil || len(r.Items) != 1 || r.Items[0].Job != one || r.Left != 1 {
		t.Errorf("all, with one PIN: %+v, %v", r, err)
	}
	d.wantState(t, two, job.Held)
}

// What somebody typed is compared as the client encrypted it.
func TestPINEncryptions(t *testing.T) {
	a, b, c := sha256.Sum256([]byte("00815")), sha512.Sum384([]byte("00815")), sha512.Sum512([]byte("00815"))
	for how, came := range map[string]string{"none": "00815", "sha2-256": string(a[:]), "sha2-384": string(b[:]), "sha2-512": string(c[:])} {
		d := newDesk(t)
		sess := d.anna(t)
		id := d.pinned(t, func(j *job.Job) { j.Ticket.PIN = &job.PIN{Encryption: how, Verifier: "phc:" + came} })
		for _, wrong := range []string{"815", "00815 ", came[:4]} {
			_, err := d.Release(t.Context(), sess, []int64{id}, job.Options{}, job.PINs{id: wrong}, "")
			wantRefused(t, err, directory.ReasonWrongPIN)
			must(t, d.store.ForgetThrottles(t.Context(), time.Now().Add(time.Hour)))
		}
		_, err := d.Release(t.Context(), sess, []int64{id}, job.Options{}, job.PINs{id: "00815"}, "")
		if err != nil {
			t.Errorf("%s: %v", how, err)
		}
	}
	d := newDesk(t)
	sess := d.anna(t)
	id := d.pinned(t, func(j *job.Job) { j.Ticket.PIN = &job.PIN{Encryption: "md5", Verifier: "phc:1234"} })
	_, err := d.Release(t.Context(), sess, []int64{id}, job.Options{}, job.PINs{id: "1234"}, "")
	wantRefused(t, err, directory.ReasonWrongPIN)
}

// TestA37PINOfADocument: guesses at the PIN of a document wait, also after a
// restart, and take nobody's sign-in or other document away.
func TestA37PINOfADocument(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.Limits.Idle = 24 * time.Hour
		sess := d.anna(t)
		id, other := d.pinned(t), d.pinned(t)
		guess := func(id int64, pin string) error {
			_, err := d.Release(t.Context(), sess, []int64{id}, job.Options{}, job.PINs{id: pin}, "")
			return err
		}
		for range 3 {
			wantRefused(t, guess(id, "0000"), directory.ReasonWrongPIN)
		}
		looked := d.verified.Load()
		if wait := wantThrottled(t, guess(id, "1234")); wait != 30*time.Second {
			t.Errorf("waits %s", wait)
		}
		if d.verified.Load() != looked {
			t.Error("a throttled guess was looked at")
		}
		if !strings.Contains(d.log.String(), "document/") || len(d.store.AuditTrail("throttle")) != 1 || d.store.AuditTrail("throttle")[0].Detail != "repeated wrong PINs of documents" {
			t.Errorf("nobody is told: %v\n%s", d.store.AuditTrail("throttle"), d.log)
		}
		d.Service = d.service()
		d.Limits.Idle = 24 * time.Hour
		wantThrottled(t, guess(id, "1234")) // after a restart
		for _, wait := range []time.Duration{30 * time.Second, time.Minute} {
			time.Sleep(wait)
			wantRefused(t, guess(id, "0000"), directory.ReasonWrongPIN)
		}
		wait := wantThrottled(t, guess(id, "1234"))
		if wait < 50*time.Minute {
			t.Errorf("the sixth guess within the hour waits %s", wait)
		}
		err := guess(id, "1234")
		if text := fault.Text(err); !strings.Contains(text, "delete the document and print it again") {
			t.Errorf("how to go on: %s", text)
		}
		must(t, guess(other, "1234")) // the other document is not in it
		_, _, err = d.SignIn(t.Context(), attic, pin("anna", "24681012"), here)
		must(t, err) // nor is signing in
		time.Sleep(wait)
		must(t, guess(id, "1234"))
	})
}

// Twenty wrong PINs an hour, whatever the documents.
func TestA37PINsOfAllDocuments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		sess := d.anna(t)
		wrong := 0
		for range 10 {
			id := d.pinned(t)
			for range 3 {
				_, err := d.Release(t.Context(), sess, []int64{id}, job.Options{}, job.PINs{id: "0000"}, "")
				if th := (*release.Throttled)(nil); !errors.As(err, &th) {
					wantRefused(t, err, directory.ReasonWrongPIN)
					wrong++
				}
			}
		}
		if wrong != 20 {
			t.Errorf("%d guesses were looked at, want 20", wrong)
		}
	})
}

// A guess is counted before it is looked at: side by side they buy nothing.
func TestA37PINsSideBySide(t *testing.T) {
	d := newDesk(t)
	sess := d.anna(t)
	id := d.pinned(t)
	done := make(chan struct{})
	for i := range 100 {
		go func() {
			_, _ = d.Release(t.Context(), sess, []int64{id}, job.Options{}, job.PINs{id: fmt.Sprintf("%04d", 5000+i)}, "")
			done <- struct{}{}
		}()
	}
	for range 100 {
		<-done
	}
	if n := d.real.Load(); n > 3 {
		t.Errorf("%d of 100 guesses were looked at, want 3 at most", n)
	}
	d.wantState(t, id, job.Held)
}

// Somebody else with the right, and an administrator, need no PIN, and it is
// written down that there was one.
func TestBreakGlassWithoutThePIN(t *testing.T) {
	d := newDesk(t)
	id := d.pinned(t)
	r, err := d.BreakGlass(t.Context(), release.Actor{Name: "administrator root", Administrator: true}, hall.Device, id, "she is ill", "")
	if err != nil || r.Items[0].Status != job.StatusQueued {
		t.Fatalf("%+v, %v", r, err)
	}
	d.wantHistory(t, id, "administrator root", "Released at %s without its owner and without its PIN, for this reason: %s", "hall", "she is ill")
	if lines := d.store.AuditTrail("break-glass"); len(lines) != 1 || lines[0].Detail != "without its PIN: she is ill" {
		t.Errorf("audit: %v", lines)
	}
}

// What its computer holds until Release-Job is released by its owner at a device
// all the same: a person who stands there outranks it.
func TestHoldUntilAtADevice(t *testing.T) {
	d := newDesk(t)
	sess := d.anna(t)
	until := func(j *job.Job) {
		j.Ticket.HoldUntil, j.Reasons = "indefinite", append(j.HeldReasons(), job.HoldUntil)
	}
	one := d.with(t, until)
	direct := d.with(t, func(j *job.Job) {
		j.Queue, j.Ticket.HoldUntil, j.Reasons = releasetest.Direct.ID, "indefinite", []job.Reason{job.HoldUntil}
	})
	pinned := d.pinned(t, until)
	views, err := d.Jobs(t.Context(), sess)
	must(t, err)
	for _, v := range views {
		if !v.Releasable || v.Status != job.StatusHeld {
			t.Errorf("%+v", v)
		}
	}
	d.release(t, sess, one)
	d.wantState(t, one, job.Pending)
	_, err = d.Release(t.Context(), sess, []int64{pinned}, job.Options{}, nil, "")
	wantRefused(t, err, directory.ReasonNeedPIN)
	r, err := d.ReleaseAll(t.Context(), sess, job.Options{}, nil, "")
	if err != nil || len(r.Items) != 1 || r.Items[0].Job != direct || r.Left != 1 {
		t.Errorf("all: %+v, %v", r, err)
	}
}
