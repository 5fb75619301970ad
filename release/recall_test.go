package release_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"platen/job"
	"platen/release"
	"platen/release/releasetest"
)

// serve runs a Recaller until the test ends.
func (d *desk) serve(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- (&release.Recaller{Service: d.Service}).Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

const (
	heldAtSignOut = "The device had not begun it when its owner signed out, so it is held again."
	heldInTime    = "The device had not begun it in time, so it is held again."
)

func TestRecallAtSignOut(t *testing.T) {
	d := newDesk(t)
	sess := d.anna(t)
	one, two, bens := d.held(t, anna.ID), d.held(t, anna.ID), d.held(t, ben.ID)
	direct := d.with(t, func(j *job.Job) { j.Queue = releasetest.Direct.ID })
	d.release(t, sess, one, two, direct)
	other, _ := d.signIn(t, attic, pin("ben", "13579135"))
	d.release(t, other, bens)

	must(t, d.SignOut(t.Context(), sess))
	for _, id := range []int64{one, two} {
		if j := d.job(t, id); j.State != job.Held || j.Device != "" || !j.Has(job.HeldForRelease) {
			t.Errorf("%+v", j)
		}
		d.wantHistory(t, id, "the node", heldAtSignOut)
	}
	d.wantState(t, bens, job.Pending)
	d.wantState(t, direct, job.Pending) // it asked for nobody in the first place
	r, err := d.ReleaseAll(t.Context(), d.anna(t), job.Options{}, nil, "")
	if err != nil || len(r.Items) != 2 {
		t.Errorf("released again: %+v, %v", r, err)
	}
}

func TestRecallNotWhileAtWorkForTheSamePerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		sess := d.anna(t)
		first, second := d.held(t, anna.ID), d.held(t, anna.ID)
		d.release(t, sess, first, second)
		d.Fixture.Claim(t, first)
		must(t, d.SignOut(t.Context(), sess))
		d.wantState(t, first, job.Processing)
		d.wantState(t, second, job.Pending)

		// Between two of the person's jobs the device is still at work.
		sess = d.anna(t)
		d.Finish(t, first, job.Change{State: job.Completed, Device: hall.Device}, time.Now())
		must(t, d.SignOut(t.Context(), sess))
		d.wantState(t, second, job.Pending)

		sess = d.anna(t)
		time.Sleep(6 * time.Second)
		must(t, d.SignOut(t.Context(), sess))
		d.wantState(t, second, job.Held)
	})
}

func TestRecallAtWorkForSomebodyElse(t *testing.T) {
	d := newDesk(t)
	bens := d.held(t, ben.ID)
	sess, _ := d.signIn(t, hall, pin("ben", "13579135"))
	d.release(t, sess, bens)
	d.Fixture.Claim(t, bens)
	sess = d.anna(t)
	mine := d.held(t, anna.ID)
	d.release(t, sess, mine)
	must(t, d.SignOut(t.Context(), sess))
	d.wantState(t, mine, job.Held)
	d.wantState(t, bens, job.Processing)
}

func TestRecallWhenIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.serve(t)
		sess, token := d.signIn(t, hall, card(annasCard))
		id := d.held(t, anna.ID)
		d.release(t, sess, id)
		time.Sleep(9 * time.Second)
		synctest.Wait()
		d.wantState(t, id, job.Pending)
		time.Sleep(4 * time.Second) // nobody asks for the session; the round finds it
		synctest.Wait()
		d.wantState(t, id, job.Held)
		d.wantHistory(t, id, "the node", heldAtSignOut)
		_, err := d.Peek(t.Context(), token, hall.ID)
		if err == nil {
			t.Error("the session lives")
		}
	})
}

func TestRecallAtTheNextSignIn(t *testing.T) {
	d := newDesk(t)
	id := d.held(t, anna.ID)
	d.release(t, d.anna(t), id)
	d.signIn(t, hall, password("anna", "anna"))
	d.wantState(t, id, job.Pending) // the same person is still there
	d.signIn(t, hall, pin("ben", "13579135"))
	d.wantState(t, id, job.Held)
}

func TestRecallAfterTheSetTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		slow := attic
		slow.RecallAfter = 20 * time.Minute
		d.PutTerminal(t, slow)
		d.serve(t)
		atHall, begun, atAttic, direct := d.held(t, anna.ID), d.held(t, anna.ID), d.held(t, anna.ID),
			d.with(t, func(j *job.Job) { j.Queue = releasetest.Direct.ID })
		glass := d.held(t, "")
		sess := d.anna(t)
		d.release(t, sess, begun, atHall, direct)
		d.Fixture.Claim(t, begun) // and hangs there
		far, _ := d.signIn(t, attic, card(annasCard))
		d.release(t, far, atAttic)
		root := release.Actor{Name: "administrator root", Administrator: true}
		_, err := d.BreakGlass(t.Context(), root, hall.Device, glass, "the owner rang", "")
		must(t, err)
		if err := d.store.EndSession(t.Context(), far.ID); err != nil { // leave without a sign-out
			t.Fatal(err)
		}

		time.Sleep(4*time.Minute + 50*time.Second)
		synctest.Wait()
		d.wantState(t, atHall, job.Pending)
		time.Sleep(20 * time.Second)
		synctest.Wait()
		d.wantState(t, atHall, job.Held)
		d.wantHistory(t, atHall, "the node", heldInTime)
		d.wantState(t, begun, job.Processing)
		d.wantState(t, atAttic, job.Pending)
		d.wantState(t, direct, job.Pending)
		if j := d.job(t, glass); j.State != job.Held || !j.Has(job.HeldForAuthorization) {
			t.Errorf("an unclaimed job: %+v", j)
		}
		time.Sleep(15 * time.Minute)
		synctest.Wait()
		d.wantState(t, atAttic, job.Held)
	})
}

func TestRecalledJobIsNotGoneAtOnce(t *testing.T) {
	d := newDesk(t)
	sess := d.anna(t)
	id := d.with(t, func(j *job.Job) { j.ExpiresAt = time.Now().Add(time.Minute) })
	d.release(t, sess, id)
	must(t, d.SignOut(t.Context(), sess))
	if left := time.Until(d.job(t, id).ExpiresAt); left < 59*time.Minute {
		t.Errorf("%v are left for the next try, want an hour", left)
	}
}

// F22: a clock that was set back does not let a job wait for ever.
func TestF22RecallAndClocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		var back atomic.Int64
		d.Now = func() time.Time { return time.Now().Add(time.Duration(back.Load())) }
		d.serve(t)
		sess := d.anna(t)
		id := d.held(t, anna.ID)
		d.release(t, sess, id)
		must(t, d.store.EndSession(t.Context(), sess.ID))
		back.Store(int64(-10 * 365 * 24 * time.Hour))
		time.Sleep(5*time.Minute + 10*time.Second)
		synctest.Wait()
		d.wantState(t, id, job.Held)
	})
}

func TestRecallerCopesWithItsStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		sess := d.anna(t)
		id := d.held(t, anna.ID)
		d.release(t, sess, id)
		d.store.Break(errors.New("the disk is full"))
		d.serve(t)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if !strings.Contains(d.log.String(), "a round of recalling failed") {
			t.Error("nobody was told")
		}
		d.store.Break(nil)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		d.wantState(t, id, job.Held)
	})
}

func TestRecallerForgetsOldThrottles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.serve(t)
		if _, _, err := d.SignIn(t.Context(), hall, password("anna", "x"), here); err == nil {
			t.Fatal("a wrong password did")
		}
		version := func() int64 {
			ts, err := d.store.Throttles(t.Context(), []string{"terminal/" + hall.ID})
			must(t, err)
			return ts[0].Version
		}
		time.Sleep(time.Hour)
		if version() == 0 {
			t.Error("forgotten within the hour")
		}
		time.Sleep(3 * time.Hour)
		if version() != 0 {
			t.Error("kept for four hours")
		}
	})
}
