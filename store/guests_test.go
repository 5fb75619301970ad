package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/job"
	"platen/site"
)

func guest(login string, until time.Time) directory.User {
	return directory.User{ID: job.NewUUID(), Login: login, FullName: "Eve " + login, Enabled: true, Source: "local", Created: epoch, Until: until, Sponsor: "anna"}
}

func pinned(pin string) directory.Secrets {
	return directory.Secrets{PIN: "phc-" + pin, PINDigest: []byte("pin " + pin)}
}

// A guest's account from its beginning to the day on which it is forgotten.
func TestGuestsLife(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	end := epoch.Add(3 * time.Hour)
	g := guest("guest-bcdf", end)
	must(t, w.a.AddGuest(ctx, g, pinned("1"), epoch, "user anna"))
	u, err := w.a.User(ctx, g.ID)
	if must(t, err); !u.May(directory.Release) || u.May(directory.Administer) || len(u.Rights) != 0 {
		t.Errorf("%+v", u)
	}
	if has, _ := u.Has(directory.Release, directory.Place{}); has.From != "group guests" {
		t.Errorf("%+v", has)
	}
	must(t, w.a.AddToken(ctx, site.Token{ID: job.NewUUID(), Kind: site.PersonalURL, Owner: g.ID}, []byte("of the guest")))
	sess := directory.Session{ID: job.NewUUID(), Terminal: panel, Device: hall, User: u, Started: epoch, Seen: epoch, Idle: time.Minute}
	_, err = w.a.StartSession(ctx, sess, []byte("s"))
	must(t, err)

	x, err := w.a.EndPeople(ctx, end.Add(-1), "the node")
	if must(t, err); len(x.Ended) != 0 {
		t.Errorf("too early: %+v", x)
	}
	x, err = w.a.EndPeople(ctx, end, "the node")
	if must(t, err); len(x.Ended) != 1 || x.Ended[0] != "guest-bcdf" {
		t.Errorf("its end: %+v", x)
	}
	if u, err = w.a.User(ctx, g.ID); err != nil || u.Enabled || u.May(directory.Release) {
		t.Errorf("after its end: %+v, %v", u, err)
	}
	_, err = w.a.SessionByToken(ctx, []byte("s"))
	wantKind(t, "its session", err, fault.NotFound)

	must(t, w.a.SetGuestUntil(ctx, g.ID, end.Add(time.Hour), "user anna"))
	if u, err = w.a.User(ctx, g.ID); err != nil || !u.Enabled || !u.Until.Equal(end.Add(time.Hour)) {
		t.Errorf("extended: %+v, %v", u, err)
	}
	must(t, w.a.EndGuest(ctx, g.ID, end, "user anna"))
	wantKind(t, "ended twice", w.a.EndGuest(ctx, g.ID, end, "user anna"), fault.NotFound)
	if u, err = w.a.User(ctx, g.ID); err != nil || u.Enabled {
		t.Errorf("ended: %+v, %v", u, err)
	}

	if list, err := w.a.ForgetGuests(ctx, end.Add(-1), "the node"); err != nil || len(list) != 0 {
		t.Errorf("forgotten too early: %v, %v", list, err)
	}
	list, err := w.a.ForgetGuests(ctx, end, "the node")
	if err != nil || len(list) != 1 {
		t.Errorf("forgotten: %v, %v", list, err)
	}
	_, err = w.a.User(ctx, g.ID)
	wantKind(t, "gone", err, fault.NotFound)
	_, err = w.a.TokenByDigest(ctx, []byte("of the guest"))
	wantKind(t, "its address", err, fault.NotFound)
	lines, err := w.a.AuditTrail(ctx, 0, 3)
	must(t, err)
	var got []string
	for _, l := range lines {
		got = append(got, l.Actor+" "+l.Action+" "+l.Object+" "+l.Detail)
	}
	if want := []string{"user anna guest.end guest-bcdf ", "user anna guest.extend guest-bcdf until 2027-03-01T12:00:00Z",
		"user anna guest.add guest-bcdf guest of anna until 2027-03-01T11:00:00Z"}; strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("audit: %q", got)
	}
}

func TestGuestsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	end := epoch.Add(time.Hour)
	add := func(u directory.User, x directory.Secrets) error { return w.a.AddGuest(ctx, u, x, epoch, "a") }
	must(t, add(guest("guest-1", end), pinned("1")))
	wantKind(t, "a login", add(guest("ben", end), pinned("2")), fault.Conflict)
	wantKind(t, "another name of somebody", add(guest("aberg", end), pinned("2")), fault.Conflict)
	mail := guest("guest-2", end)
	mail.Email = "anna@example.test"
	wantKind(t, "an e-mail address", add(mail, pinned("2")), fault.Conflict)
	wantKind(t, "a PIN", add(guest("guest-2", end), pinned("1")), fault.Conflict)
	must(t, add(guest("guest-2", end), directory.Secrets{Password: "phc"}))

	// The PIN of a guest who left is free for others, and then not the guest's any more.
	one, err := w.a.UserByLogin(ctx, "guest-1")
	must(t, err)
	must(t, w.a.EndGuest(ctx, one.ID, epoch, "a"))
	must(t, add(guest("guest-3", end), pinned("1")))
	wantKind(t, "back with a PIN of another", w.a.SetGuestUntil(ctx, one.ID, end, "a"), fault.Conflict)

	wantKind(t, "no guest", w.a.SetGuestUntil(ctx, anna, end, "a"), fault.NotFound)
	wantKind(t, "no guest", w.a.EndGuest(ctx, anna, epoch, "a"), fault.NotFound)
	if groups, err := w.a.Groups(ctx); err != nil || len(groups) != 1 || groups[0].People != 3 {
		t.Errorf("%+v, %v", groups, err)
	}
}

// One who can make guests cannot fill the directory with them.
func TestGuestsHaveALimit(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for i := range directory.MostGuests {
		must(t, w.a.AddGuest(ctx, guest(fmt.Sprint("guest-", i), epoch.Add(time.Hour)), directory.Secrets{}, epoch, "a"))
	}
	wantKind(t, "one more", w.a.AddGuest(ctx, guest("guest-x", epoch.Add(2*time.Hour)), directory.Secrets{}, epoch, "a"), fault.Conflict)
	must(t, w.a.AddGuest(ctx, guest("guest-x", epoch.Add(3*time.Hour)), directory.Secrets{}, epoch.Add(time.Hour), "a")) // the others have ended
	list, err := w.a.Guests(ctx)
	if err != nil || len(list) != directory.MostGuests+1 || list[0].Login != "guest-x" {
		t.Errorf("%d, %v", len(list), err)
	}
}
