package release_test

import (
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"platen/directory"
	"platen/fault"
	"platen/job"
)

func TestA42IdleSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		sess, token := d.signIn(t, hall, card(annasCard))
		if warn := time.Until(d.WarnAt(sess)); warn != 30*time.Second {
			t.Errorf("the warning comes after %v, want 30 s", warn)
		}
		time.Sleep(40 * time.Second)
		sess, err := d.Session(t.Context(), token, hall.ID)
		must(t, err)
		if end := time.Until(sess.Expires()); end != 45*time.Second {
			t.Errorf("a sign of life prolongs by %v, want 45 s", end)
		}
		for range 22 { // a page that refreshes itself is nobody
			time.Sleep(2 * time.Second)
			_, err = d.Peek(t.Context(), token, hall.ID)
			must(t, err)
		}
		time.Sleep(time.Second)
		_, err = d.Session(t.Context(), token, hall.ID)
		wantKind(t, "after 45 s", err, fault.Denied)
		_, err = d.Session(t.Context(), token, hall.ID)
		wantKind(t, "again", err, fault.Denied)
	})
}

func TestA42ShortAfterARelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		sess, token := d.signIn(t, hall, card(annasCard))
		d.release(t, sess, d.held(t, anna.ID))
		time.Sleep(9 * time.Second)
		sess, err := d.Session(t.Context(), token, hall.ID) // looks how far it is
		must(t, err)
		if sess.Idle != 10*time.Second {
			t.Errorf("after a release the session rests %v, want 10 s", sess.Idle)
		}
		_, err = d.Stay(t.Context(), sess)
		must(t, err)
		time.Sleep(44 * time.Second)
		sess, err = d.Session(t.Context(), token, hall.ID)
		must(t, err)
		d.release(t, sess, d.held(t, anna.ID))
		time.Sleep(10 * time.Second)
		_, err = d.Session(t.Context(), token, hall.ID)
		wantKind(t, "10 s after a release", err, fault.Denied)
	})
}

func TestA42NewSignInEndsTheOld(t *testing.T) {
	d := newDesk(t)
	_, old := d.signIn(t, hall, card(annasCard))
	_, other := d.signIn(t, attic, card(annasCard))
	_, fresh := d.signIn(t, hall, pin("ben", "13579135"))
	_, err := d.Session(t.Context(), old, hall.ID)
	wantKind(t, "the old one", err, fault.Denied)
	sess, err := d.Session(t.Context(), fresh, hall.ID)
	if err != nil || sess.User.ID != ben.ID {
		t.Errorf("the new one: %+v, %v", sess, err)
	}
	if _, err = d.Session(t.Context(), other, attic.ID); err != nil {
		t.Errorf("at another terminal: %v", err)
	}
}

func TestA42TokenIsBoundToItsTerminal(t *testing.T) {
	d := newDesk(t)
	_, token := d.signIn(t, hall, card(annasCard))
	_, err := d.Session(t.Context(), token, attic.ID)
	wantKind(t, "at another terminal", err, fault.Denied)
	_, err = d.Session(t.Context(), "", hall.ID)
	wantKind(t, "no token", err, fault.Denied)
	_, err = d.Session(t.Context(), token, hall.ID)
	must(t, err)
}

func TestA46DisabledInTheMiddle(t *testing.T) {
	d := newDesk(t)
	_, token := d.signIn(t, hall, card(annasCard))
	gone := anna
	gone.Enabled = false
	d.PutUser(t, gone, directory.Secrets{})
	_, err := d.Session(t.Context(), token, hall.ID)
	wantKind(t, "disabled", err, fault.Denied)
	d.PutUser(t, anna, directory.Secrets{})
	_, err = d.Session(t.Context(), token, hall.ID)
	wantKind(t, "enabled again", err, fault.Denied)
}

func TestRightsAreReadEachTime(t *testing.T) {
	d := newDesk(t)
	_, token := d.signIn(t, hall, card(annasCard))
	less := anna
	less.Rights = nil
	d.PutUser(t, less, directory.Secrets{})
	sess, err := d.Session(t.Context(), token, hall.ID)
	must(t, err)
	_, err = d.Release(t.Context(), sess, []int64{d.held(t, anna.ID)}, job.Options{}, nil, "")
	wantKind(t, "without the right", err, fault.Denied)
}

func TestSessionOverARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		_, token := d.signIn(t, hall, card(annasCard))
		time.Sleep(20 * time.Second)
		_, err := d.Session(t.Context(), token, hall.ID)
		must(t, err)
		d.Service = d.service()
		time.Sleep(40 * time.Second)
		_, err = d.Session(t.Context(), token, hall.ID)
		must(t, err)
		d.Service = d.service()
		time.Sleep(45 * time.Second)
		_, err = d.Session(t.Context(), token, hall.ID)
		wantKind(t, "after 45 s", err, fault.Denied)
	})
}

// F22, F24: a session never lives longer than its rest by any clock: not when
// the clock on the wall is set back, not when the machine slept, which the
// monotonic clock does not notice.
func TestF22SessionAndClocks(t *testing.T) {
	tests := map[string]struct {
		set     time.Duration // how the wall clock jumps
		after   time.Duration // what really passes
		restart bool
		ends    bool
	}{
		"set back an hour":           {-time.Hour, 44 * time.Second, false, false},
		"set back an hour, idle":     {-time.Hour, 45 * time.Second, false, true},
		"set back, then a restart":   {-time.Hour, time.Second, true, true},
		"set forward":                {time.Hour, time.Second, false, true},
		"F24 slept for ten minutes":  {10 * time.Minute, 0, false, true},
		"corrected by two seconds":   {-2 * time.Second, 40 * time.Second, true, false},
		"not touched":                {0, 44 * time.Second, false, false},
		"not touched, but a restart": {0, 44 * time.Second, true, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			clock := &clock{base: time.Now()}
			d.Now = clock.now
			_, token := d.signIn(t, hall, card(annasCard))
			clock.jump, clock.passed = tt.set, tt.after
			if tt.restart {
				d.Service = d.service()
				d.Now = clock.now
			}
			_, err := d.Session(t.Context(), token, hall.ID)
			if tt.ends != (err != nil) {
				t.Errorf("err = %v, want the session to end: %v", err, tt.ends)
			}
		})
	}
}

// clock is one whose wall time can be set while its monotonic time goes on.
// The times of testing/synctest have no monotonic reading to tell apart.
type clock struct {
	base         time.Time
	passed, jump time.Duration
}

// now changes the wall seconds of a time alone, for which package time has no
// word: its first field holds them above 30 bits of nanoseconds while there is
// a monotonic reading.
func (c *clock) now() time.Time {
	now := c.base.Add(c.passed)
	*(*uint64)(unsafe.Pointer(&now)) += uint64(c.jump/time.Second) << 30
	return now
}

func TestClockJumps(t *testing.T) {
	c := &clock{base: time.Now(), passed: time.Minute, jump: -time.Hour}
	if d := c.now().Sub(c.base); d != time.Minute {
		t.Errorf("the monotonic clock went on by %v, want a minute", d)
	}
	if d := c.now().Round(0).Sub(c.base.Round(0)); d != time.Minute-time.Hour {
		t.Errorf("the clock on the wall went by %v, want 59 minutes back", d)
	}
}

func TestSignOut(t *testing.T) {
	d := newDesk(t)
	sess, token := d.signIn(t, hall, card(annasCard))
	must(t, d.SignOut(t.Context(), sess))
	must(t, d.SignOut(t.Context(), sess)) // twice is no failure
	_, err := d.Session(t.Context(), token, hall.ID)
	wantKind(t, "signed out", err, fault.Denied)
}

func TestSignsOfLifeAreRarelyWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		_, token := d.signIn(t, hall, card(annasCard))
		before := d.store.Commits()
		for range 40 {
			time.Sleep(500 * time.Millisecond)
			_, err := d.Session(t.Context(), token, hall.ID)
			must(t, err)
		}
		if n := d.store.Commits() - before; n > 4 {
			t.Errorf("40 requests in 20 s wrote %d times, want at most 4", n)
		}
	})
}
