package release_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/job"
	"platen/release"
	"platen/site"
)

// asked is a directory that says what a test wants.
type asked struct {
	err   error
	hangs atomic.Bool
	users []string // whose password it was asked for; "" nobody's
	seen  func(context.Context)
}

func (a *asked) CheckPassword(ctx context.Context, u directory.User, _, password string) error {
	if a.hangs.Load() {
		<-ctx.Done()
		time.Sleep(30 * time.Second) // and does not even hear that
		return ctx.Err()
	}
	a.users = append(a.users, u.Login)
	if a.seen != nil {
		a.seen(ctx)
	}
	if strings.TrimSpace(password) == "" {
		panic("TestA48: an empty password was brought to the directory")
	}
	if u.ID == "" && a.err == nil {
		return &fault.Error{Op: "test", Kind: fault.Denied}
	}
	return a.err
}

func says(kind fault.Kind) error { return &fault.Error{Op: "test", Kind: kind} }

// TestPasswordsOfADirectory follows one person through a directory that answers, is
// away, comes back, and has another password by then.
func TestPasswordsOfADirectory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		dir := &asked{}
		d.Directory = dir
		d.Verify = directory.VerifySecret
		carl := directory.User{ID: job.NewUUID(), Login: "carl", UPN: "carl@corp.test", Enabled: true, Source: "some source", Rights: []directory.Right{directory.Release}}
		d.PutUser(t, carl, directory.Secrets{})
		in := func(name, password string) error {
			_, _, err := d.SignIn(t.Context(), hall, release.Credentials{Method: directory.MethodPassword, User: name, Value: password}, here)
			return err
		}
		must(t, in("carl", "first"))
		must(t, in(`CORP\Carl`, "first"))
		must(t, in("carl@corp.test", "first"))
		if x, err := d.store.Secrets(t.Context(), carl.ID); err != nil || x.Password == "" || !x.PasswordUntil.After(time.Now().Add(29*24*time.Hour)) {
			t.Errorf("what is kept: %+v, %v", x, err)
		}
		// TestF46: the directory is away.
		dir.err = says(fault.Unavailable)
		must(t, in("carl", "first"))
		wantRefused(t, in("carl", "second"), directory.ReasonWrong)
		// TestF47: it takes 30 seconds, and the person at the device does not.
		dir.hangs.Store(true)
		start := time.Now()
		must(t, in("carl", "first"))
		if waited := time.Since(start); waited > 3*time.Second {
			t.Errorf("somebody at the device waited %v", waited)
		}
		dir.hangs.Store(false)
		// The password was changed there: the old one ends at once, also for later.
		dir.err = says(fault.Denied)
		wantRefused(t, in("carl", "first"), directory.ReasonWrong)
		dir.err = says(fault.Unavailable)
		wantRefused(t, in("carl", "first"), directory.ReasonWrong)
		time.Sleep(time.Hour) // of the throttles
		dir.err = nil
		must(t, in("carl", "second"))
		// TestA46: what is kept ends.
		dir.err = says(fault.Unavailable)
		must(t, in("carl", "second"))
		time.Sleep(31 * 24 * time.Hour)
		wantRefused(t, in("carl", "second"), directory.ReasonWrong)
		synctest.Wait()
	})
}

// TestA45TheDirectoryIsAskedForNobody: nobody learns from the time it takes who
// exists, and a person of this node alone is not asked about when the password is
// right.
func TestA45TheDirectoryIsAskedForNobody(t *testing.T) {
	d := newDesk(t)
	dir := &asked{err: says(fault.NotFound)}
	d.Directory = dir
	for _, c := range []release.Credentials{password("nobody", "x"), password("anna", "x"), password("anna", "anna")} {
		_, _, err := d.SignIn(t.Context(), hall, c, here)
		if (err == nil) != (c.Value == "anna") {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if strings.Join(dir.users, " ") != " anna" {
		t.Errorf("asked for %q", dir.users)
	}
	_, _, err := d.SignIn(t.Context(), hall, password("anna", "   "), here)
	wantRefused(t, err, directory.ReasonWrong)
}

func TestCodesWorkOnce(t *testing.T) {
	d := newDesk(t)
	ctx := t.Context()
	digest := digests{}.TokenDigest("code 12345678")
	once := func(user string) error {
		_, _, err := d.SignIn(ctx, hall, release.Credentials{Method: directory.MethodOnce, User: user, Value: "12345678"}, here)
		return err
	}
	wantRefused(t, once(""), directory.ReasonWrong)
	must(t, d.store.PutCode(ctx, digest, anna.ID, directory.CodeSignIn, time.Now().Add(time.Hour)))
	wantRefused(t, once("ben"), directory.ReasonWrong)
	must(t, once("Anna"))
	wantRefused(t, once(""), directory.ReasonWrong)
	must(t, d.store.PutCode(ctx, digest, anna.ID, directory.CodeSignIn, time.Now().Add(time.Hour)))
	if sess, _, err := d.SignIn(ctx, hall, card("12345678"), here); err != nil || sess.User.ID != anna.ID { // typed into the one field of the idle page
		t.Errorf("%+v, %v", sess.User, err)
	}
	_, _, err := d.SignIn(ctx, hall, card("12345678"), here)
	wantRefused(t, err, directory.ReasonUnknownCard)
	must(t, d.store.PutCode(ctx, digest, anna.ID, directory.CodeSignIn, time.Now().Add(-time.Second)))
	wantRefused(t, once(""), directory.ReasonWrong)
	must(t, d.store.PutCode(ctx, digest, anna.ID, directory.CodeFirst, time.Now().Add(time.Hour)))
	wantRefused(t, once(""), directory.ReasonWrong)

	// A card is registered with a code, and with a PIN by somebody without a password.
	must(t, d.store.PutCode(ctx, digest, anna.ID, directory.CodeSignIn, time.Now().Add(time.Hour)))
	var told []string
	d.Told = func(u directory.User, last, where string) { told = append(told, u.Login+" "+last+" "+where) }
	if _, _, err := d.RegisterCard(ctx, attic, read("04FFEE0099"), "anna", "12345678", here); err != nil {
		t.Error(err)
	}
	if _, _, err := d.RegisterCard(ctx, attic, read("04FFEE0088"), "ben", "13579135", here); err != nil {
		t.Error(err)
	}
	if len(told) != 2 || told[0] != "anna 099 "+attic.Name {
		t.Errorf("told: %q", told)
	}
	d.store.NodeSettings.MaxCards = 2
	_, _, err = d.RegisterCard(ctx, attic, read("04FFEE0077"), "anna", "anna", here)
	wantKind(t, "a third card", err, fault.Conflict)
}

// TestA37CodesAreGuesses: whoever types numbers until one is a code has to wait like
// everybody, and the right one gets no other answer meanwhile.
func TestA37CodesAreGuesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		ctx := t.Context()
		right := digests{}.TokenDigest("code 87654321")
		must(t, d.store.PutCode(ctx, right, anna.ID, directory.CodeSignIn, time.Now().Add(48*time.Hour)))
		guess := func(value string) error {
			_, _, err := d.SignIn(ctx, hall, card(value), here)
			return err
		}
		for i := range 6 {
			if err := guess(fmt.Sprintf("1000000%d", i)); err == nil {
				t.Fatal("a wrong number signs in")
			}
		}
		if err := guess("87654321"); err == nil {
			t.Error("the right one is answered while the others wait")
		}
		if _, _, err := d.RegisterCard(ctx, hall, directory.Reading{Raw: "04FFEE0066"}, "", "87654321", here); err == nil {
			t.Error("the same to register a card")
		}
		time.Sleep(2 * time.Hour)
		must(t, guess("87654321"))
	})
}

// TestA45HangingUpSaysNothing: a client that goes away does not make the directory
// look as if it did.
func TestA45HangingUpSaysNothing(t *testing.T) {
	d := newDesk(t)
	dir := &asked{}
	d.Directory = dir
	ctx, cancel := context.WithCancel(t.Context())
	dir.seen = func(asking context.Context) {
		cancel() // the client is gone now
		if asking.Err() != nil {
			t.Errorf("the directory hears that the client is gone: %v", asking.Err())
		}
	}
	_, _, _ = d.SignIn(ctx, hall, password("nobody", "x"), here)
	if len(dir.users) != 1 {
		t.Errorf("asked for %q", dir.users)
	}
}

func TestTheRuleOfAReader(t *testing.T) {
	d := newDesk(t)
	ctx := t.Context()
	d.Number = func(m site.Terminal, reader, raw string) (string, error) {
		if reader == "broken" {
			return "", &fault.Error{Op: "test", Kind: fault.Invalid, Text: "x"}
		}
		return strings.TrimPrefix(raw, ";"), nil
	}
	if _, _, err := d.SignIn(ctx, hall, release.Credentials{Method: directory.MethodCard, Value: ";" + annasCard}, here); err != nil {
		t.Error(err)
	}
	_, _, err := d.SignIn(ctx, hall, release.Credentials{Method: directory.MethodCard, Value: annasCard, Reader: "broken"}, here)
	wantRefused(t, err, directory.ReasonUnknownCard)
	// Enrolled before the rule was changed: known by what the reader sent then.
	must(t, d.store.PutCard(ctx, directory.Card{ID: job.NewUUID(), User: ben.ID, Digest: digests{}.CardDigest("OLD"), Raw: digests{}.CardDigest(";0455667788"), Last: "788"}))
	sess, _, err := d.SignIn(ctx, attic, release.Credentials{Method: directory.MethodCard, Value: ";0455667788"}, here)
	if err != nil || sess.User.ID != ben.ID {
		t.Errorf("%+v, %v", sess.User, err)
	}
	if _, _, err := d.SignIn(ctx, attic, password("ben", "   "), here); err == nil {
		t.Error("blank")
	}
	// A PIN that a directory brought has only a digest.
	d.PutUser(t, directory.User{ID: job.NewUUID(), Login: "dora", Enabled: true}, directory.Secrets{PINDigest: []byte("pin:975310")})
	if _, _, err := d.SignIn(ctx, attic, pin("dora", "975310"), here); err != nil {
		t.Error(err)
	}
	_, _, err = d.SignIn(ctx, attic, pin("dora", "975311"), here)
	wantRefused(t, err, directory.ReasonWrong)
}

// TestRights: what a person may and must at this device is kept at the release.
func TestRights(t *testing.T) {
	grants := func(list ...directory.Grant) []directory.Grant { return list }
	colourful := func(j *job.Job) {
		j.Documents[0].Language, j.Documents[0].Count = "postscript", job.Count{Pages: 3, Colour: "color", Method: "parsed", Confidence: "high"}
	}
	release, colour := directory.Grant{Right: directory.Release}, directory.Grant{Right: directory.Colour}
	tests := map[string]struct {
		grants []directory.Grant
		change func(*job.Job)
		why    string
		want   job.Options
	}{
		"all":                  {grants: grants(release, colour), change: colourful},
		"nothing":              {grants: grants(colour), why: "You do not have the right to release documents. Please ask the help desk."},
		"elsewhere":            {grants: grants(colour, directory.Grant{Right: directory.Release, DeviceGroup: "other"}), why: "You do not have the right to release this document at this device."},
		"of another queue":     {grants: grants(colour, directory.Grant{Right: directory.Release, Queue: "other"}), why: "You do not have the right to release this document at this device."},
		"here":                 {grants: grants(colour, directory.Grant{Right: directory.Release, DeviceGroup: "ground"}), change: colourful},
		"no colour":            {grants: grants(release), change: colourful, want: job.Options{Mono: true}},
		"no colour elsewhere":  {grants: grants(release, directory.Grant{Right: directory.Colour, DeviceGroup: "other"}), change: colourful, want: job.Options{Mono: true}},
		"forced":               {grants: grants(release, colour, directory.Grant{Right: directory.ForceMono, From: "group pupils"}), change: colourful, want: job.Options{Mono: true}},
		"not to be told":       {grants: grants(release), change: func(j *job.Job) { colourful(j); j.Documents[0].Language = "pdf" }, why: "This document has colour, and you may not print in colour here."},
		"not known, not told":  {grants: grants(release), change: func(j *job.Job) { colourful(j); j.Documents[0].Language, j.Documents[0].Count.Colour = "pdf", "" }, why: "This document may have colour, this device cannot be told to print it without, and you may not print in colour here."},
		"not known, but told":  {grants: grants(release), change: func(j *job.Job) { colourful(j); j.Documents[0].Count.Colour = "" }, want: job.Options{Mono: true}},
		"pages not known":      {grants: grants(release, colour, directory.Grant{Right: directory.PageLimit, Amount: 1}), change: func(j *job.Job) { j.Documents[0].Count = job.NoCount("It is of a kind that is not counted.") }, why: "Nobody knows how many pages this document has, and you may print only so many at a time here."},
		"pages not yet known":  {grants: grants(release, colour, directory.Grant{Right: directory.PageLimit, Amount: 1}), change: func(j *job.Job) { j.Documents[0].Count = job.NoCount("") }, why: "The pages of this document are still being counted. Please wait a moment."},
		"pages, without limit": {grants: grants(release, colour), change: func(j *job.Job) { j.Documents[0].Count = job.NoCount("It is of a kind that is not counted.") }},
		"pages as sent":        {grants: grants(release, colour, directory.Grant{Right: directory.PageLimit, Amount: 5}), change: func(j *job.Job) { colourful(j); j.Documents[0].Copies = 2 }, why: "This document has more pages than you may print at a time here."},
		"no colour in it":      {grants: grants(release), change: func(j *job.Job) { colourful(j); j.Documents[0].Count.Colour = "monochrome" }},
		"both sides":           {grants: grants(release, colour, directory.Grant{Right: directory.ForceDuplex}), change: colourful, want: job.Options{Sides: "two-sided-long-edge"}},
		"both sides already":   {grants: grants(release, colour, directory.Grant{Right: directory.ForceDuplex}), change: func(j *job.Job) { colourful(j); j.Ticket.Sides = "two-sided-short-edge" }},
		"pages":                {grants: grants(release, colour, directory.Grant{Right: directory.PageLimit, Amount: 2}), change: colourful, why: "This document has more pages than you may print at a time here."},
		"pages, just":          {grants: grants(release, colour, directory.Grant{Right: directory.PageLimit, Amount: 3}), change: colourful},
		"pages of all copies":  {grants: grants(release, colour, directory.Grant{Right: directory.PageLimit, Amount: 5}), change: func(j *job.Job) { colourful(j); j.Ticket.Copies = 2 }, why: "This document has more pages than you may print at a time here."},
		"the smallest of them": {grants: grants(release, colour, directory.Grant{Right: directory.PageLimit, Amount: 9}, directory.Grant{Right: directory.PageLimit, Amount: 2}), change: colourful, why: "This document has more pages than you may print at a time here."},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			ctx := t.Context()
			dev, err := d.store.Device(ctx, hall.Device)
			must(t, err)
			dev.Groups = []string{"ground"}
			d.PutDevice(t, dev)
			u := directory.User{ID: anna.ID, Login: "anna", Enabled: true, Grants: tt.grants}
			d.PutUser(t, u, directory.Secrets{Password: "phc:anna"})
			if tt.change == nil {
				tt.change = func(*job.Job) {}
			}
			id := d.with(t, tt.change)
			sess := d.anna(t)
			views, err := d.Jobs(ctx, sess)
			if err != nil || len(views) != 1 || views[0].WhyNot != tt.why || views[0].Releasable != (tt.why == "") {
				t.Errorf("seen: %+v, %v", views, err)
			}
			_, err = d.Release(ctx, sess, []int64{id}, job.Options{}, nil, "")
			if tt.why != "" {
				if fault.Text(err) != tt.why || !fault.Is(err, fault.Denied) {
					t.Errorf("err = %v, want %q", err, tt.why)
				}
				return
			}
			must(t, err)
			if j := d.job(t, id); j.Options != tt.want {
				t.Errorf("options %+v, want %+v", j.Options, tt.want)
			}
		})
	}
}

// person puts somebody with a password of this node into the desk.
func (d *desk) person(t testing.TB, login string) {
	t.Helper()
	d.PutUser(t, directory.User{ID: job.NewUUID(), Login: login, Enabled: true, Source: "local"}, directory.Secrets{Password: "phc:" + login})
}

// TestA37AnAddressIsNotClosed: a whole house may come from one address. Whoever
// guesses there delays the others shortly, and those who have signed in from there
// before not at all.
func TestA37AnAddressIsNotClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		ctx := t.Context()
		d.person(t, "carl")
		d.person(t, "dora")
		d.person(t, "mallory")
		prove := func(login, password string) error {
			_, err := d.Prove(ctx, login, password, here)
			return err
		}
		must(t, prove("carl", "carl"))
		for i := range 40 {
			_ = prove(fmt.Sprint("user", i), "wrong")
			must(t, prove("carl", "carl"))
		}
		wait := wantThrottled(t, prove("dora", "dora"))
		if wait > 30*time.Second {
			t.Errorf("somebody else waits %v", wait)
		}
		// However often others fail meanwhile, she waits once.
		time.Sleep(wait / 2)
		_ = prove("user99", "wrong")
		if again := wantThrottled(t, prove("dora", "dora")); again > wait {
			t.Errorf("her wait was prolonged from %v to %v", wait, again)
		}
		time.Sleep(wait - wait/2)
		_ = prove("user98", "wrong")
		must(t, prove("dora", "dora"))
		must(t, prove("dora", "dora"))

		// Also after a restart.
		d.Service = d.service()
		must(t, prove("carl", "carl"))

		// The success of an account of the guesser's own forgets nothing.
		time.Sleep(wantThrottled(t, prove("mallory", "mallory")))
		must(t, prove("mallory", "mallory"))
		_ = prove("user97", "wrong")
		wantThrottled(t, prove("user96", "wrong"))

		// It decays.
		time.Sleep(15 * time.Minute)
		wantKind(t, "it decays", prove("user97", "wrong"), fault.Denied)
	})
}

// TestA37GuessesAtADoor: without a terminal an account has its limits all the same,
// known at the address or not, and nobody is sent to a reader that is not there.
func TestA37GuessesAtADoor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.person(t, "carl")
		if _, err := d.Prove(t.Context(), "carl", "carl", here); err != nil {
			t.Fatal(err)
		}
		d.real.Store(0)
		text := ""
		for i := range 10_000 {
			_, err := d.Prove(t.Context(), "carl", "wrong", netip.AddrFrom4([4]byte{10, 0, 0, byte(i % 200)}))
			if err == nil {
				t.Fatal("a guess was right")
			}
			text = fault.Text(err)
			time.Sleep(time.Hour / 10_000)
		}
		if n := d.real.Load(); n > 20 || n < 5 {
			t.Errorf("%d guesses were looked at within an hour", n)
		}
		if strings.Contains(text, "card") {
			t.Errorf("read: %q", text)
		}
	})
}

// TestA37NotChecked: a password that nobody can compare with anything was not wrong.
func TestA37NotChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		ctx := t.Context()
		dir := &asked{err: says(fault.Unavailable)}
		d.Directory = dir
		var ids []string
		for i := range 30 {
			u := directory.User{ID: job.NewUUID(), Login: fmt.Sprint("user", i), Enabled: true, Source: "some source"}
			d.PutUser(t, u, directory.Secrets{})
			ids = append(ids, u.Login)
		}
		for _, login := range ids {
			_, err := d.Prove(ctx, login, "right", here)
			wantRefused(t, err, directory.ReasonWrong)
		}
		for range 5 {
			_, _, err := d.SignIn(ctx, hall, password("user0", "right"), here)
			wantRefused(t, err, directory.ReasonWrong)
		}
		_, _, err := d.SignIn(ctx, hall, password("user0", "right"), here) // as a guess at a verifier would
		wantThrottled(t, err)
		dir.err = nil // it is back
		for _, login := range ids {
			if _, err := d.Prove(ctx, login, "right", here); err != nil {
				t.Errorf("%s: %v", login, err)
			}
		}
		_, _, err = d.SignIn(ctx, hall, password("user0", "right"), here)
		must(t, err)
	})
}

// What is chosen at the terminal counts as well.
func TestPageLimitOfCopiesChosen(t *testing.T) {
	d := newDesk(t)
	u := directory.User{ID: anna.ID, Login: "anna", Enabled: true, Grants: []directory.Grant{{Right: directory.Release}, {Right: directory.Colour}, {Right: directory.PageLimit, Amount: 5}}}
	d.PutUser(t, u, directory.Secrets{Password: "phc:anna"})
	id := d.with(t, func(j *job.Job) {
		j.Documents[0].Language, j.Documents[0].Count = "pdf", job.Count{Pages: 3, Method: "parsed", Confidence: "high"}
	})
	sess := d.anna(t)
	_, err := d.Release(t.Context(), sess, []int64{id}, job.Options{Copies: 2}, nil, "")
	if fault.Text(err) != "This document has more pages than you may print at a time here." {
		t.Errorf("err = %v", err)
	}
	_, err = d.Release(t.Context(), sess, []int64{id}, job.Options{Copies: 1}, nil, "")
	must(t, err)
}
