package release_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/release"
	"platen/site"
)

// atDoor is a card at the one reader beside the terminal in the hall.
func atDoor(number string) directory.Reading {
	return directory.Reading{Reader: "door", Raw: number}
}

// pickUp demands that there is something to be picked up in the hall.
func (d *desk) pickUp(t *testing.T) directory.Shown {
	t.Helper()
	x, ok, err := d.PickUp(t.Context(), hall)
	must(t, err)
	if !ok {
		t.Fatal("there is nothing to be picked up")
	}
	return x
}

func (d *desk) wantNothing(t *testing.T, when string) {
	t.Helper()
	if x, ok, err := d.PickUp(t.Context(), hall); ok || err != nil {
		t.Errorf("%s: picked up a session of %q, %v", when, x.Session.User.Login, err)
	}
}

func TestCardAtAReaderBesideATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.wantNothing(t, "before")
		must(t, d.ShowCard(t.Context(), hall, atDoor(annasCard)))
		if x, ok, err := d.PickUp(t.Context(), attic); ok || err != nil {
			t.Errorf("another terminal picked up %+v, %v", x, err)
		}
		x := d.pickUp(t)
		if x.Session.User.ID != anna.ID || x.Session.Method != directory.MethodCard || x.Err != nil || x.Raw != "" || x.Gone {
			t.Errorf("picked up %+v", x)
		}
		_, err := d.Session(t.Context(), x.Token, hall.ID)
		must(t, err)
		d.wantNothing(t, "a second time")
		if n := len(d.store.AuditTrail("sign-in")); n != 1 {
			t.Errorf("%d sign-ins in the audit trail", n)
		}
		must(t, d.SignOut(t.Context(), x.Session))
		must(t, d.ShowCard(t.Context(), hall, atDoor(annasCard)))
		time.Sleep(20 * time.Second)
		d.wantNothing(t, "after 20 s")
	})
}

// What does not open a session is told as where a card is typed; only the number
// of a card that nobody knows comes with it.
func TestRefusedAtAReader(t *testing.T) {
	d := newDesk(t)
	d.Number = func(_ site.Terminal, reader, raw string) (string, error) {
		if reader != "door" {
			t.Errorf("asked for the rule of %q", reader)
		}
		if raw == "odd" {
			return "", &fault.Error{Op: "test", Kind: fault.Invalid, Text: "x"}
		}
		return raw, nil
	}
	must(t, d.store.PutCard(t.Context(), directory.Card{ID: "blocked", User: anna.ID, Digest: digests{}.CardDigest("0411111111"), Blocked: true}))
	for _, raw := range []string{"0433333333", "0411111111", "odd"} {
		must(t, d.ShowCard(t.Context(), hall, atDoor(raw)))
		x := d.pickUp(t)
		wantRefused(t, x.Err, directory.ReasonUnknownCard)
		if x.Raw != raw || x.Reader != "door" || x.Session.ID != "" || x.Token != "" {
			t.Errorf("picked up %+v", x)
		}
	}
	must(t, d.ShowCard(t.Context(), hall, atDoor("08112233")))
	x := d.pickUp(t)
	wantRefused(t, x.Err, directory.ReasonRandomCard)
	if x.Raw != "" {
		t.Errorf("may be registered: %+v", x)
	}
	if strings.Contains(d.log.String(), "0433333333") {
		t.Error("a number is in the log")
	}
}

// A card that was unknown at a reader is registered by the rule of that reader.
func TestA40RegisterACardOfAReader(t *testing.T) {
	d := newDesk(t)
	d.Number = func(_ site.Terminal, reader, raw string) (string, error) {
		return strings.TrimPrefix(raw, reader+":"), nil
	}
	card := atDoor("door:0455667788")
	must(t, d.ShowCard(t.Context(), hall, card))
	_, _, err := d.RegisterCard(t.Context(), hall, card, "anna", "wrong", here)
	wantRefused(t, err, directory.ReasonWrong)
	sess, _, err := d.RegisterCard(t.Context(), hall, card, "anna", "anna", here)
	must(t, err)
	other, _ := d.signIn(t, attic, release.Credentials{Method: directory.MethodCard, Value: "0455667788"})
	if other.User.ID != anna.ID {
		t.Errorf("the card is %s's", other.User.Login)
	}
	must(t, d.CardGone(t.Context(), hall, card)) // it has lain there all the time
	wantSession(t, d, sess, false)
}

// wantSession checks whether a session is there.
func wantSession(t *testing.T, d *desk, sess release.Session, there bool) {
	t.Helper()
	all, err := d.store.Sessions(t.Context())
	must(t, err)
	for _, x := range all {
		if x.ID == sess.ID {
			if !there {
				t.Error("the session goes on")
			}
			return
		}
	}
	if there {
		t.Error("the session has ended")
	}
}

func TestA42CardTakenOutOfTheReader(t *testing.T) {
	d := newDesk(t)
	ctx := t.Context()
	must(t, d.ShowCard(ctx, hall, atDoor(annasCard)))
	x := d.pickUp(t)
	must(t, d.CardGone(ctx, hall, atDoor("0433333333")))
	must(t, d.CardGone(ctx, hall, directory.Reading{Reader: "another", Raw: annasCard}))
	must(t, d.CardGone(ctx, attic, atDoor(annasCard)))
	wantSession(t, d, x.Session, true)
	must(t, d.CardGone(ctx, hall, atDoor(annasCard)))
	_, err := d.Session(ctx, x.Token, hall.ID)
	wantKind(t, "after the card was taken", err, fault.Denied)
	if x := d.pickUp(t); !x.Gone || x.Token != "" {
		t.Errorf("the terminal hears %+v", x)
	}

	// Before anybody picked it up.
	must(t, d.ShowCard(ctx, hall, atDoor(annasCard)))
	must(t, d.CardGone(ctx, hall, atDoor(annasCard)))
	if x := d.pickUp(t); !x.Gone || x.Token != "" {
		t.Errorf("the terminal hears %+v", x)
	}

	// Who signed in otherwise stays, whatever is done with cards.
	sess, _ := d.signIn(t, hall, password("anna", "anna"))
	must(t, d.ShowCard(ctx, hall, atDoor(annasCard)))
	must(t, d.CardGone(ctx, hall, atDoor(annasCard)))
	wantSession(t, d, sess, true)
}

// The next person's card ends the session of whoever is still there, and waits
// until the page that still shows it looks again.
func TestA42NextPersonAtAReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		sess, token := d.signIn(t, hall, pin("ben", "13579135"))
		must(t, d.ShowCard(t.Context(), hall, atDoor(annasCard)))
		_, err := d.Session(t.Context(), token, hall.ID)
		wantKind(t, "ben", err, fault.Denied)
		time.Sleep(time.Until(d.WarnAt(sess)) + time.Second)
		if x := d.pickUp(t); x.Session.User.ID != anna.ID {
			t.Errorf("picked up %+v", x)
		}
	})
}

// The card of the person who is there is a sign of life. It opens another session
// only where nobody knows the one that there is: in a browser that was restarted.
func TestSamePersonAtAReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		must(t, d.ShowCard(t.Context(), hall, atDoor(annasCard)))
		must(t, d.ShowCard(t.Context(), hall, atDoor(annasCard)))
		first := d.pickUp(t)
		time.Sleep(40 * time.Second)
		must(t, d.ShowCard(t.Context(), hall, atDoor(annasCard)))
		time.Sleep(10 * time.Second)
		_, err := d.Session(t.Context(), first.Token, hall.ID)
		must(t, err)
		second := d.pickUp(t)
		if second.Session.User.ID != anna.ID || second.Token == first.Token {
			t.Errorf("picked up %+v", second)
		}
		must(t, d.ShowCard(t.Context(), hall, atDoor(annasCard)))
		must(t, d.SignOut(t.Context(), second.Session))
		d.wantNothing(t, "A41: after signing out")
	})
}

func TestDisabledBeforePickingUp(t *testing.T) {
	d := newDesk(t)
	must(t, d.ShowCard(t.Context(), hall, atDoor(annasCard)))
	out := anna
	out.Enabled = false
	d.PutUser(t, out, directory.Secrets{})
	d.wantNothing(t, "disabled")
}

func TestA39CountedUpCardsAtAReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		looked := 0
		for i := range 600 {
			must(t, d.ShowCard(t.Context(), hall, atDoor(fmt.Sprintf("04%08X", i))))
			x := d.pickUp(t)
			if r := (*release.Refused)(nil); errors.As(x.Err, &r) {
				looked++
			} else {
				wantThrottled(t, x.Err)
			}
			time.Sleep(time.Second)
		}
		if looked > 30 {
			t.Errorf("%d numbers were looked at within ten minutes", looked)
		}
	})
}

func TestAwaitPickUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		var x directory.Shown
		var ok bool
		done := make(chan error)
		go func() {
			var err error
			x, ok, err = d.AwaitPickUp(t.Context(), hall)
			done <- err
		}()
		synctest.Wait()
		must(t, d.ShowCard(t.Context(), attic, atDoor("0433333333")))
		time.Sleep(time.Minute)
		must(t, d.ShowCard(t.Context(), hall, atDoor(annasCard)))
		must(t, <-done)
		if !ok || x.Session.User.ID != anna.ID {
			t.Errorf("heard %v %+v", ok, x)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
		defer cancel()
		if _, ok, err := d.AwaitPickUp(ctx, hall); ok || err != nil {
			t.Errorf("heard %v, %v", ok, err)
		}
	})
}

func TestHasReader(t *testing.T) {
	d := newDesk(t)
	if d.HasReader(hall) {
		t.Error("nobody knows of one")
	}
	d.Beside = func(terminal string) bool { return terminal == hall.ID }
	if !d.HasReader(hall) || d.HasReader(attic) {
		t.Error("the reader stands elsewhere")
	}
}
