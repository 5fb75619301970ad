package release_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/release"
	"platen/site"
)

func TestSignIn(t *testing.T) {
	asserted := func(user string) release.Credentials {
		return release.Credentials{Method: directory.MethodAsserted, User: user}
	}
	noPIN := hall
	noPIN.PINOnly = false
	fenced := hall
	fenced.Allow = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
	tests := map[string]struct {
		at     site.Terminal
		with   release.Credentials
		want   string     // user id
		reason string     // of a Refused
		kind   fault.Kind // of what is not a Refused
	}{
		"card":                     {at: hall, with: card(annasCard), want: anna.ID},
		"card, as another reader":  {at: hall, with: card(" " + strings.ToLower(annasCard) + "\n"), want: anna.ID},
		"unknown card":             {at: hall, with: card("0499887766"), reason: directory.ReasonUnknownCard},
		"random number":            {at: hall, with: card("08112233"), reason: directory.ReasonRandomCard},
		"code: random number":      {at: hall, with: code("08A1B2C3"), reason: directory.ReasonRandomCard},
		"no card":                  {at: hall, with: card(""), reason: directory.ReasonUnknownCard},
		"login and PIN":            {at: hall, with: pin(" ANNA ", "24681012"), want: anna.ID},
		"login and somebody's PIN": {at: hall, with: pin("anna", "13579135"), reason: directory.ReasonWrong},
		"PIN alone":                {at: hall, with: pin("", "13579135"), want: ben.ID},
		"PIN alone, wrong":         {at: hall, with: pin("", "99999999"), reason: directory.ReasonWrong},
		"PIN alone, disabled":      {at: hall, with: pin("", "86420864"), reason: directory.ReasonWrong},
		"PIN alone, too short":     {at: hall, with: pin("", "1357"), reason: directory.ReasonNeedUser},
		"PIN alone, no digits":     {at: hall, with: pin("", "abcdefghijk"), reason: directory.ReasonNeedUser},
		"PIN alone, not here":      {at: noPIN, with: pin("", "13579135"), reason: directory.ReasonNeedUser},
		"code: card":               {at: hall, with: code(annasCard), want: anna.ID},
		"code: long PIN":           {at: hall, with: code("13579135"), want: ben.ID},
		"code: mistyped PIN":       {at: hall, with: code("1357913"), reason: directory.ReasonWrong},
		"code: new card of digits": {at: hall, with: code("0499887766"), reason: directory.ReasonUnknownCard},
		"code: new card":           {at: hall, with: code("CAFE0001"), reason: directory.ReasonUnknownCard},
		"code: PIN, not here":      {at: noPIN, with: code("13579135"), reason: directory.ReasonUnknownCard},
		"code: too short a PIN":    {at: hall, with: code("1357"), reason: directory.ReasonUnknownCard},
		"code: disabled":           {at: hall, with: code("86420864"), reason: directory.ReasonUnknownCard},
		"password":                 {at: hall, with: password("anna", "anna"), want: anna.ID},
		"password is no PIN":       {at: hall, with: password("anna", "24681012"), reason: directory.ReasonWrong},
		"password of one without":  {at: hall, with: password("ben", ""), kind: fault.Invalid},
		"A48 empty password":       {at: hall, with: password("anna", ""), kind: fault.Invalid},
		"nobody":                   {at: hall, with: password("nobody", "x"), reason: directory.ReasonWrong},
		"disabled":                 {at: hall, with: password("eve", "eve"), reason: directory.ReasonWrong},
		"by word":                  {at: attic, with: asserted("Ben"), want: ben.ID},
		"by word of any terminal":  {at: hall, with: asserted("ben"), reason: directory.ReasonMethod},
		"by word, disabled":        {at: attic, with: asserted("eve"), reason: directory.ReasonWrong},
		"by word, nobody":          {at: attic, with: asserted("nobody"), reason: directory.ReasonWrong},
		"another method":           {at: attic, with: release.Credentials{Method: "voice"}, reason: directory.ReasonMethod},
		"A43 from another address": {at: fenced, with: card(annasCard), kind: fault.Denied},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			sess, token, err := d.SignIn(t.Context(), tt.at, tt.with, here)
			switch {
			case tt.reason != "":
				wantRefused(t, err, tt.reason)
			case tt.want == "":
				wantKind(t, name, err, tt.kind)
			case err != nil:
				t.Fatal(err)
			case sess.User.ID != tt.want || sess.Terminal != tt.at.ID || sess.Device != tt.at.Device || len(token) < 22:
				t.Errorf("session %+v, token of %d octets", sess, len(token))
			}
			if err != nil && token != "" {
				t.Error("a token came with the refusal")
			}
		})
	}
}

// A40: what may be a mistyped PIN never becomes a card, whoever asks.
func TestA40ShortNumberIsNoCard(t *testing.T) {
	d := newDesk(t)
	_, _, err := d.RegisterCard(t.Context(), hall, read("246811"), "anna", "anna", here)
	wantKind(t, "246811", err, fault.Invalid)
	if _, _, err := d.RegisterCard(t.Context(), hall, read("0499887766"), "anna", "anna", here); err != nil {
		t.Fatal(err)
	}
}

func TestPINOfTwoPeopleNamesNobody(t *testing.T) {
	d := newDesk(t)
	d.PutUser(t, ben, directory.Secrets{PIN: "phc:24681012", PINDigest: []byte("pin:24681012")})
	_, _, err := d.SignIn(t.Context(), hall, pin("", "24681012"), here)
	wantRefused(t, err, directory.ReasonWrong)
	d.signIn(t, hall, pin("ben", "24681012"))
}

func TestA38PINOnlyNeedsFewPeople(t *testing.T) {
	d := newDesk(t)
	ask := func() bool {
		ok, err := d.PINOnly(t.Context(), hall, 6)
		must(t, err)
		return ok
	}
	if !ask() {
		t.Error("two people with six digits are few enough")
	}
	for i := range 9 {
		u := directory.User{ID: fmt.Sprint(i), Login: fmt.Sprint("u", i), Enabled: true}
		d.PutUser(t, u, directory.Secrets{PINDigest: []byte{byte(i)}})
	}
	if ask() {
		t.Error("eleven people with six digits are too many")
	}
	_, _, err := d.SignIn(t.Context(), hall, pin("", "246810"), here)
	wantRefused(t, err, directory.ReasonNeedUser)
}

// A45: what a guesser sees of a user who does not exist, is disabled, has no
// such secret, or has another one is the same, and so is the work.
func TestA45SameAnswer(t *testing.T) {
	type answer struct {
		text, reason   string
		verified       int64
		commits, audit int
	}
	ask := func(c release.Credentials) answer {
		d := newDesk(t)
		before := d.store.Commits()
		_, _, err := d.SignIn(t.Context(), hall, c, here)
		r := (*release.Refused)(nil)
		if !errors.As(err, &r) {
			t.Fatalf("%+v: %v", c, err)
		}
		return answer{fault.Text(err), r.Reason, d.verified.Load(), d.store.Commits() - before, len(d.store.AuditTrail("sign-in-refused"))}
	}
	want := answer{"That did not match. Please try again, or ask the help desk.", directory.ReasonWrong, 1, 2, 1}
	for _, c := range []release.Credentials{
		password("anna", "wrong"), password("nobody", "wrong"), password("eve", "eve"), password("eve", "wrong"), password("ben", "wrong"),
		pin("anna", "11111111"), pin("nobody", "11111111"), pin("eve", "86420864"),
		pin("", "86420864"), pin("", "11111111"),
	} {
		if got := ask(c); got != want {
			t.Errorf("%s %q %q:\ngot  %+v\nwant %+v", c.Method, c.User, c.Value, got, want)
		}
	}
}

func TestA45ThrottledAlike(t *testing.T) {
	waits := func(user string) (w []time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t)
			for range 40 {
				_, _, err := d.SignIn(t.Context(), hall, password(user, "wrong"), here)
				th := (*release.Throttled)(nil)
				if errors.As(err, &th) {
					w = append(w, th.RetryAfter)
				} else {
					w = append(w, 0)
				}
				time.Sleep(10 * time.Second)
			}
		})
		return w
	}
	if a, n := waits("anna"), waits("nobody"); !slices.Equal(a, n) {
		t.Errorf("anna   %v\nnobody %v", a, n)
	}
}

// guess tries n secrets evenly over d, at the terminals in turn.
func (d *desk) guess(t *testing.T, n int, over time.Duration, user string, at ...site.Terminal) {
	for i := range n {
		_, _, err := d.SignIn(t.Context(), at[i%len(at)], pin(user, fmt.Sprintf("%08d", 30000000+i)), here)
		if err == nil {
			t.Fatal("a guess was right")
		}
		time.Sleep(over / time.Duration(n))
	}
}

func TestA37TenThousandGuesses(t *testing.T) {
	tests := map[string]struct {
		at   []site.Terminal
		most int64
	}{
		"one terminal":  {[]site.Terminal{hall}, 10},
		"two terminals": {[]site.Terminal{hall, attic}, 20},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t)
				d.guess(t, 10_000, time.Hour-time.Second, "anna", tt.at...)
				if n := d.real.Load(); n > tt.most || n < 5 {
					t.Errorf("%d guesses at the account were looked at within an hour, want at most %d", n, tt.most)
				}
				if len(d.store.AuditTrail("throttle")) == 0 || !strings.Contains(d.log.String(), "repeated failures") {
					t.Error("nobody was told")
				}
				// The owner's card does not ask the account's throttle.
				d.signIn(t, hall, card(annasCard))
			})
		})
	}
}

// However an hour is cut out of three, it never holds more than twenty.
func TestA37AnyHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		var looked []time.Time
		for i := range 3 * 720 {
			before := d.real.Load()
			at := []site.Terminal{hall, attic}[i%2]
			_, _, err := d.SignIn(t.Context(), at, pin("anna", "30000000"), here)
			if err == nil {
				t.Fatal("a guess was right")
			}
			if d.real.Load() > before {
				looked = append(looked, time.Now())
			}
			time.Sleep(5 * time.Second)
		}
		for i := 20; i < len(looked); i++ {
			if d := looked[i].Sub(looked[i-20]); d < time.Hour {
				t.Errorf("21 guesses within %v", d)
			}
		}
		if len(looked) < 40 {
			t.Errorf("only %d guesses were looked at in three hours: the account is locked", len(looked))
		}
	})
}

func TestA37SideBySide(t *testing.T) {
	d := newDesk(t)
	var wg sync.WaitGroup
	for i := range 200 {
		m := hall
		m.ID = fmt.Sprint("terminal ", i)
		wg.Go(func() {
			_, _, err := d.SignIn(context.Background(), m, pin("anna", "30000000"), here)
			if err == nil {
				t.Error("a guess was right")
			}
		})
	}
	wg.Wait()
	if n := d.real.Load(); n > 20 {
		t.Errorf("%d guesses from 200 terminals at once were looked at, want at most 20", n)
	}
}

func TestA37ThrottlesSurviveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.guess(t, 5, time.Second, "anna", hall)
		d.Service = d.service()
		_, _, err := d.SignIn(t.Context(), hall, pin("anna", "24681012"), here)
		wait := wantThrottled(t, err)
		time.Sleep(wait)
		d.signIn(t, hall, pin("anna", "24681012"))
	})
}

func TestA37PINAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		var panels []site.Terminal
		for i := range 8 {
			m := hall
			m.ID = fmt.Sprint("panel ", i)
			panels = append(panels, m)
		}
		d.guess(t, 2000, 59*time.Minute, "", panels[0])
		if n := d.verified.Load(); n > 20 {
			t.Errorf("%d PINs alone were looked at from one terminal within an hour, want at most 20", n)
		}
		_, _, err := d.SignIn(t.Context(), panels[0], pin("", "13579135"), here)
		wantRefused(t, err, directory.ReasonNeedUser)
		// Nobody is kept out by that.
		d.signIn(t, panels[0], card(annasCard))
		d.signIn(t, panels[0], pin("ben", "13579135"))
		d.signIn(t, panels[1], pin("", "13579135"))
	})
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		var panels []site.Terminal
		for i := range 8 {
			m := hall
			m.ID = fmt.Sprint("panel ", i)
			panels = append(panels, m)
		}
		d.guess(t, 10_000, 59*time.Minute, "", panels...)
		if n := d.verified.Load(); n > 100 || n < 90 {
			t.Errorf("%d PINs alone were looked at from all terminals within an hour, want 100", n)
		}
	})
}

// Nobody can lock the house: while somebody fails at one terminal without end,
// the owner comes in there with the card, and elsewhere with the PIN.
func TestNobodyLocksTheHouse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		for range 60 {
			d.guess(t, 20, time.Minute, "anna", hall)
			d.signIn(t, hall, card(annasCard))
			time.Sleep(3 * time.Second) // not the same presentation as the next
		}
		d.signIn(t, attic, pin("anna", "24681012"))
		_, _, err := d.SignIn(t.Context(), hall, pin("ben", "13579135"), here)
		if err != nil { // the terminal delays, but never for long
			if wait := wantThrottled(t, err); wait > 30*time.Second {
				t.Errorf("a terminal keeps everybody waiting for %v", wait)
			} else {
				time.Sleep(wait)
			}
			d.signIn(t, hall, pin("ben", "13579135"))
		}
	})
}

func TestA39CountedUpCards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		looked := 0
		for i := range 3600 {
			_, _, err := d.SignIn(t.Context(), hall, card(fmt.Sprintf("04%08X", i)), here)
			r := (*release.Refused)(nil)
			if errors.As(err, &r) {
				looked++
			} else if wait := wantThrottled(t, err); wait > 30*time.Second {
				t.Fatalf("a terminal keeps everybody waiting for %v", wait)
			}
			time.Sleep(time.Second)
		}
		if looked > 130 {
			t.Errorf("%d numbers were looked at within an hour", looked)
		}
		if len(d.store.AuditTrail("throttle")) == 0 {
			t.Error("nobody was told")
		}
		d.signIn(t, hall, password("anna", "anna")) // cards and passwords are delayed apart
		time.Sleep(30 * time.Second)
		d.signIn(t, hall, card(annasCard))
	})
}

func TestSuccessForgivesOnlyItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		// Somebody with an account of the own guesses at Anna's and signs in as
		// Ben in between: the terminal's delay must not begin anew each time.
		for range 3 {
			d.guess(t, 2, time.Second, "anna", hall)
			_, _, err := d.SignIn(t.Context(), hall, pin("ben", "13579135"), here)
			if err != nil {
				wantThrottled(t, err)
				return
			}
		}
		t.Error("six failures at a terminal did not delay the next sign-in there")
	})
}

func TestCardReadTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		sess, token := d.signIn(t, hall, card(annasCard))
		time.Sleep(1900 * time.Millisecond)
		again, same := d.signIn(t, hall, card(annasCard))
		if again.ID != sess.ID || same != token || len(d.store.AuditTrail("sign-in")) != 1 {
			t.Errorf("a double read began another session: %s %s", sess.ID, again.ID)
		}
		_, err := d.Session(t.Context(), token, hall.ID)
		must(t, err)
		time.Sleep(200 * time.Millisecond)
		if again, _ = d.signIn(t, hall, card(annasCard)); again.ID == sess.ID {
			t.Error("the card shown again later got the old session")
		}
		must(t, d.SignOut(t.Context(), again))
		if last, _ := d.signIn(t, hall, card(annasCard)); last.ID == again.ID {
			t.Error("A41: a double read brought a session back that was signed out")
		}
	})
}

func TestUnknownCardReadTwiceCountsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		for i := range 5 {
			for range 3 {
				_, _, err := d.SignIn(t.Context(), hall, card(fmt.Sprintf("04AABBCC%02X", i)), here)
				wantRefused(t, err, directory.ReasonUnknownCard)
			}
		}
		_, _, err := d.SignIn(t.Context(), hall, card("04AABBCCFF"), here)
		wantThrottled(t, err)
	})
}

func TestBlockedAndDisabledCardsAreUnknown(t *testing.T) {
	d := newDesk(t)
	number := func(raw string) []byte {
		n, err := directory.NormalCard(raw)
		must(t, err)
		return digests{}.CardDigest(n)
	}
	must(t, d.store.PutCard(t.Context(), directory.Card{ID: "blocked", User: anna.ID, Digest: number("0411111111"), Blocked: true}))
	must(t, d.store.PutCard(t.Context(), directory.Card{ID: "eves", User: eve.ID, Digest: number("0422222222")}))
	_, _, unknown := d.SignIn(t.Context(), hall, card("0433333333"), here)
	for _, raw := range []string{"0411111111", "0422222222"} {
		_, _, err := d.SignIn(t.Context(), hall, card(raw), here)
		wantRefused(t, err, directory.ReasonUnknownCard)
		if fault.Text(err) != fault.Text(unknown) {
			t.Errorf("%s is told apart: %s", raw, fault.Text(err))
		}
	}
}

func TestRegisterCard(t *testing.T) {
	d := newDesk(t)
	register := func(number, user, password string) (release.Session, error) {
		sess, _, err := d.RegisterCard(t.Context(), hall, read(number), user, password, here)
		return sess, err
	}
	const fresh = "0455667788"
	_, err := register(fresh, "anna", "wrong")
	wantRefused(t, err, directory.ReasonWrong)
	_, err = register(fresh, "eve", "eve")
	wantRefused(t, err, directory.ReasonWrong)
	_, err = register("08AABBCC", "anna", "anna")
	wantKind(t, "a random UID", err, fault.Invalid)
	_, err = register("", "anna", "anna")
	wantKind(t, "no number", err, fault.Invalid)
	_, _, err = d.SignIn(t.Context(), hall, card(fresh), here)
	wantRefused(t, err, directory.ReasonUnknownCard)

	sess, err := register(fresh, "anna", "anna")
	if err != nil || sess.User.ID != anna.ID || sess.Method != directory.MethodCard {
		t.Fatalf("%+v, %v", sess, err)
	}
	again, _ := d.signIn(t, hall, card(fresh))
	if again.User.ID != anna.ID {
		t.Errorf("the registered card is %s's", again.User.Login)
	}
	d.PutUser(t, ben, directory.Secrets{Password: "phc:ben"})
	_, err = register(fresh, "ben", "ben")
	wantKind(t, "A40: somebody else's card", err, fault.Conflict)
	if lines := d.store.AuditTrail("card-registered"); len(lines) != 1 || lines[0].Actor != "anna" || lines[0].Object != "card …788" {
		t.Errorf("audit: %+v", lines)
	}
	d.store.NodeSettings.RegisterCards = false
	_, err = register("0499999999", "anna", "anna")
	wantKind(t, "not allowed here", err, fault.Denied)
}

func TestA40RegisteringIsThrottled(t *testing.T) {
	d := newDesk(t)
	for range 50 {
		_, _, err := d.RegisterCard(t.Context(), hall, read("0455667788"), "anna", "wrong", here)
		if err == nil {
			t.Fatal("a wrong password did")
		}
	}
	if n := d.real.Load(); n > 5 {
		t.Errorf("%d passwords were looked at", n)
	}
}

func TestParallelUseIsNoted(t *testing.T) {
	d := newDesk(t)
	d.signIn(t, hall, card(annasCard))
	d.signIn(t, attic, card(annasCard))
	if lines := d.store.AuditTrail("parallel-use"); len(lines) != 1 || lines[0].Actor != "anna" {
		t.Errorf("audit: %+v", lines)
	}
}

// A61, A77: no secret, token or whole card number reaches log or audit trail.
func TestA77NoSecretsInLogOrAudit(t *testing.T) {
	d := newDesk(t)
	canaries := []string{annasCard, "0499887766", "24681012", "30000000", "canary-password", "canary-wrong"}
	d.PutUser(t, ben, directory.Secrets{Password: "phc:canary-password"})
	_, token := d.signIn(t, hall, card(annasCard))
	canaries = append(canaries, token)
	d.signIn(t, hall, password("ben", "canary-password"))
	for _, c := range []release.Credentials{card("0499887766"), password("ben", "canary-wrong"), pin("anna", "30000000"), pin("", "30000000")} {
		if _, _, err := d.SignIn(t.Context(), hall, c, here); err == nil {
			t.Fatalf("%s got in", c.Method)
		} else {
			d.log.WriteString(err.Error())
		}
	}
	written := d.log.String() + fmt.Sprint(d.store.AuditTrail(""))
	for _, c := range canaries {
		if strings.Contains(written, c) {
			t.Errorf("%q was written:\n%s", c, written)
		}
	}
}

func TestStoreFailureIsNoRefusal(t *testing.T) {
	d := newDesk(t)
	d.store.Break(&fault.Error{Op: "store", Kind: fault.Full, Text: "The disk of the print service is full."})
	for _, c := range []release.Credentials{card(annasCard), pin("anna", "24681012"), pin("", "24681012"), password("nobody", "x")} {
		_, _, err := d.SignIn(t.Context(), hall, c, here)
		wantKind(t, c.Method, err, fault.Full)
	}
}

func TestCrowdAtOneTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		open := make(chan struct{})
		d.Verify = func(string, string) bool { <-open; return false }
		var wg sync.WaitGroup
		busy := make(chan error, 100)
		for range 40 {
			wg.Go(func() {
				_, _, err := d.SignIn(t.Context(), hall, password("anna", "x"), here)
				busy <- err
			})
		}
		synctest.Wait() // one is being looked at, eight wait
		if len(busy) != 31 {
			t.Errorf("%d of 40 were sent away, want 31", len(busy))
		}
		wantThrottled(t, <-busy)
		close(open)
		wg.Wait()
	})
}

func TestGateHonoursItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		open := make(chan struct{})
		d.Verify = func(string, string) bool { <-open; return false }
		var wg sync.WaitGroup
		wg.Go(func() { _, _, _ = d.SignIn(t.Context(), hall, password("anna", "x"), here) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _, err := d.SignIn(ctx, hall, card(annasCard), here)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("err = %v", err)
		}
		close(open)
		wg.Wait()
	})
}
