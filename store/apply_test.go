package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/job"
)

// corp is the source of the tests.
const corp = "0198f000-0000-7000-8000-0000000000e1"

// said is a source that says what a test wants.
type said struct {
	directory.Answer
	err    error
	cursor []byte // that it was asked with
}

func (s *said) Read(_ context.Context, cursor []byte, _ func(int)) (directory.Answer, error) {
	s.cursor = cursor
	return s.Answer, s.err
}

type plainDigests struct{}

func (plainDigests) CardDigest(n string) []byte { return []byte("digest of " + n) }
func (plainDigests) PINDigest(n string) []byte  { return []byte("digest of " + n) }
func (plainDigests) SourceKey() []byte          { return []byte("key") }

// feed is a source and the syncer that listens to it.
type feed struct {
	t      *testing.T
	w      *world
	src    said
	syncer directory.Syncer
}

func newFeed(t *testing.T) *feed {
	w := newWorld(t)
	must(t, w.a.PutSource(t.Context(), directory.SourceSetup{ID: corp, Name: "Corp", Kind: directory.SourceLDAP, Config: "{}", Enabled: true}))
	f := &feed{t: t, w: w}
	f.syncer = directory.Syncer{Store: w.a, Digests: plainDigests{}, NewID: job.NewUUID, Now: func() time.Time { return w.now },
		Log: slog.New(slog.DiscardHandler), Guard: directory.DefaultGuard}
	return f
}

// full lets the source say all of this.
func (f *feed) full(people []directory.Record, groups ...directory.GroupRecord) directory.Run {
	f.t.Helper()
	return f.run(directory.Answer{Full: true, People: people, Groups: groups, Cursor: []byte("c")}, directory.Ask{Full: true})
}

func (f *feed) run(a directory.Answer, ask directory.Ask) directory.Run {
	f.t.Helper()
	f.src = said{Answer: a}
	r, err := f.syncer.Run(f.t.Context(), directory.SourceSetup{ID: corp, Name: "Corp"}, &f.src, ask)
	must(f.t, err)
	return r
}

func (f *feed) user(login string) directory.User {
	f.t.Helper()
	u, err := f.w.a.UserByLogin(f.t.Context(), login)
	if err != nil {
		f.t.Fatalf("%s: %v", login, err)
	}
	return u
}

func rec(key, login string, cards ...string) directory.Record {
	return directory.Record{Key: key, Login: login, Enabled: true, Cards: cards, FullName: "Of corp"}
}

func TestPeopleOfASource(t *testing.T) {
	f := newFeed(t)
	ctx := t.Context()
	r := f.full([]directory.Record{rec("1", "Carl", "0411"), rec("2", "dora", "0422", "0433")})
	if r.New != 2 || r.Changed != 0 || r.Same != 0 || !r.Full || r.Failed != "" {
		t.Fatalf("first run: %+v", r)
	}
	carl, dora := f.user("carl"), f.user("dora")
	if carl.Source != corp || carl.From != "source Corp" || !carl.Enabled || carl.Cards != 1 || dora.Cards != 2 {
		t.Errorf("carl %+v\ndora %+v", carl, dora)
	}
	if r := f.full([]directory.Record{rec("1", "carl"), rec("2", "dora", "0422", "0433")}); r.Same != 1 || r.Changed != 1 {
		t.Errorf("one lost a card: %+v", r)
	}
	if _, err := f.w.a.CardByDigest(ctx, []byte("digest of 0411")); !fault.Is(err, fault.NotFound) {
		t.Errorf("the card that the source took away: %v", err)
	}

	// A rename is the same person, and so is a swap of two logins.
	f.full([]directory.Record{rec("1", "karl"), rec("2", "dora", "0422", "0433")})
	if got := f.user("karl"); got.ID != carl.ID {
		t.Errorf("renamed: %s, want %s", got.ID, carl.ID)
	}
	f.full([]directory.Record{rec("1", "dora"), rec("2", "karl", "0422", "0433")})
	if f.user("dora").ID != carl.ID || f.user("karl").ID != dora.ID {
		t.Error("two who swap logins are not themselves any more")
	}

	// Disabled at once, and who is blocked here stays so.
	two := rec("2", "karl", "0422")
	two.Enabled = false
	if r := f.full([]directory.Record{rec("1", "dora"), two}); r.Disabled != 1 || f.user("karl").Enabled {
		t.Errorf("TestA46 disabled at the source: %+v", r)
	}
	u := f.user("dora")
	u.Blocked, u.Enabled = true, false
	must(t, f.w.a.PutUser(ctx, u))
	one := rec("1", "dora")
	one.FullName = "Somebody else"
	f.full([]directory.Record{one, two})
	if u := f.user("dora"); u.Enabled || !u.Blocked || u.FullName != "Somebody else" {
		t.Errorf("blocked here: %+v", u)
	}
}

func TestWhoTheSourceMeans(t *testing.T) {
	f := newFeed(t)
	ctx := t.Context()
	// anna was entered here, with a card, an alias and a PIN: they stay hers.
	r := f.full([]directory.Record{{Key: "1", Login: "anna", Enabled: true, Aliases: []string{"Anna.B", "anna"}, Cards: []string{"0499"}, PIN: "830264"}})
	u := f.user("anna")
	if u.ID != anna || u.Source != corp || u.Cards != 2 || !slices.Equal(u.Aliases, []string{"aberg", "berg.a", "anna.b"}) || len(u.Rights) != 1 || r.New != 1 {
		t.Errorf("anna %+v, %+v", u, r)
	}
	if x, err := f.w.a.Secrets(ctx, anna); err != nil || string(x.PINDigest) != "digest of 830264" || x.PIN != "" || x.Password != "phc-p" {
		t.Errorf("secrets %+v, %v", x, err)
	}
	// A card of hers is not given to ben, and it is told.
	r = f.full([]directory.Record{rec("1", "anna", "0499"), rec("2", "ben", "04:99", "08AABBCC", "x!")})
	if len(r.Problems) != 3 || !strings.Contains(strings.Join(r.Problems, "\n"), "of ben was passed over: somebody else has it") {
		t.Errorf("problems %q", r.Problems)
	}
	// Two entries with one login: the second is passed over and told, every time.
	for range 2 {
		r = f.full([]directory.Record{rec("1", "anna", "0499"), rec("2", "ben"), rec("3", "ANNA")})
		if len(r.Problems) != 1 || !strings.Contains(r.Problems[0], "anna was passed over") {
			t.Errorf("problems %q", r.Problems)
		}
	}
	if f.user("anna").ID != anna {
		t.Error("anna is somebody else now")
	}
	// Somebody who left and somebody new with the same login are two people.
	f.full([]directory.Record{rec("1", "anna", "0499")})
	f.full([]directory.Record{rec("1", "anna", "0499"), rec("9", "ben")})
	if u := f.user("ben"); u.ID == ben || u.Cards != 0 || !u.Enabled {
		t.Errorf("the new ben: %+v", u)
	}
	if old, err := f.w.a.User(ctx, ben); err != nil || old.Enabled || old.Login != "~"+ben {
		t.Errorf("the old ben: %+v, %v", old, err)
	}
}

// TestA57WhoIsNotTakenOver: whoever is called so in a directory gets neither the
// rights of an administrator here nor the account of a guest.
func TestA57WhoIsNotTakenOver(t *testing.T) {
	f := newFeed(t)
	ctx := t.Context()
	boss := directory.User{ID: job.NewUUID(), Login: "boss", Enabled: true, Source: "local", Rights: []directory.Right{directory.Administer}, Created: epoch}
	helps := directory.User{ID: job.NewUUID(), Login: "helps", Enabled: true, Source: "local", Created: epoch}
	guest := directory.User{ID: job.NewUUID(), Login: "guest", Enabled: true, Source: "local", Sponsor: "anna", Until: epoch.Add(time.Hour), Created: epoch}
	cloud := directory.User{ID: job.NewUUID(), Login: "cloud", Enabled: true, Source: directory.SourceOIDC, Created: epoch}
	for _, u := range []directory.User{boss, helps, guest, cloud} {
		must(t, f.w.a.PutUser(ctx, u))
	}
	must(t, f.w.a.PutRight(ctx, directory.Grant{Holder: helps.ID, Right: directory.Support}))
	people := []directory.Record{rec("1", "boss", "0411"), rec("2", "helps"), rec("3", "guest"), rec("4", "cloud"), rec("5", "ben")}
	r := f.full(people)
	if len(r.Problems) != 4 {
		t.Errorf("problems %q", r.Problems)
	}
	for _, was := range []directory.User{boss, helps, guest, cloud} {
		if u := f.user(was.Login); u.ID != was.ID || u.Source != was.Source || u.Cards != 0 || !u.Enabled {
			t.Errorf("%s was taken over: %+v", was.Login, u)
		}
	}
	if f.user("ben").Source != corp {
		t.Error("an ordinary account was not")
	}
	boss.Rights = nil
	must(t, f.w.a.PutUser(ctx, boss))
	if f.full(people); f.user("boss").Source != corp {
		t.Error("without its rights it is the directory's")
	}
}

func TestWhoLeaves(t *testing.T) {
	f := newFeed(t)
	ctx := t.Context()
	people := func(n int) (list []directory.Record) {
		for i := range n {
			r := rec(fmt.Sprint(i), fmt.Sprintf("u%04d", i), fmt.Sprintf("04%06d", i))
			r.Base = "ou=a"
			if i >= 30 {
				r.Base = "ou=b"
			}
			list = append(list, r)
		}
		return list
	}
	all := people(100)
	f.full(all)
	id := f.user("u0099").ID

	// TestF48: few leave at once, and are not forgotten for a week.
	if r := f.full(people(99)); r.Removed != 1 || r.Waiting != 0 {
		t.Errorf("one leaves: %+v", r)
	}
	u := f.user("u0099")
	if u.Enabled || u.Removed.IsZero() || u.Cards != 1 {
		t.Errorf("who has left: %+v", u)
	}
	f.full(all)
	if u := f.user("u0099"); u.ID != id || !u.Enabled || !u.Removed.IsZero() || u.Cards != 1 {
		t.Errorf("who came back: %+v", u)
	}

	// TestF48: an answer that is empty, or lacks a base, waits for somebody.
	for name, list := range map[string][]directory.Record{"empty": nil, "a base": all[30:], "a fifth and one": all[21:]} {
		r := f.full(list)
		if r.Removed != 0 || r.Waiting != 100-len(list) || r.Why == "" {
			t.Errorf("%s: %+v", name, r)
		}
		if !f.user("u0000").Enabled {
			t.Errorf("%s: u0000 was locked out", name)
		}
	}
	// In small parts it does not pass either.
	if r := f.run(directory.Answer{Gone: []string{"50", "51"}}, directory.Ask{}); r.Removed != 0 || r.Waiting < 23 || !strings.Contains(r.Why, "of 100 people would be removed.") {
		t.Errorf("more while some are in question: %+v", r)
	}
	// Who is there again is not in question any longer.
	if r := f.full(all); r.Waiting != 0 || r.Why != "" {
		t.Errorf("all are back: %+v", r)
	}
	if r := f.run(directory.Answer{Gone: []string{"50", "51", "unknown"}}, directory.Ask{}); r.Removed != 2 {
		t.Errorf("two leave: %+v", r)
	}
	// Approved: they go.
	r := f.run(directory.Answer{Full: true, People: all[60:]}, directory.Ask{Approved: true})
	if r.Removed != 58 || r.Waiting != 0 || f.user("u0010").Enabled {
		t.Errorf("approved: %+v", r)
	}
	if f.src.cursor != nil {
		t.Error("an approval was not for an answer about everybody")
	}

	f.w.now = f.w.now.Add(directory.ForgetAfter + time.Hour)
	x, err := f.w.a.EndPeople(ctx, f.w.now, "the node")
	if err != nil || len(x.Forgotten) != 60 {
		t.Errorf("forgotten: %d, %v", len(x.Forgotten), err)
	}
	if known, err := f.w.a.Entries(ctx, corp); err != nil || len(known) != 40 {
		t.Errorf("entries: %d, %v", len(known), err)
	}
	if r := f.full(all[59:]); r.New != 1 || r.Same != 40 {
		t.Errorf("somebody comes back after that: %+v", r)
	}
}

func TestASourceThatFails(t *testing.T) {
	f := newFeed(t)
	ctx := t.Context()
	f.full([]directory.Record{rec("1", "carl")})
	before := dump(t, f.w.a)["users"]
	f.src = said{err: &fault.Error{Op: "test", Kind: fault.Unavailable, Text: "The directory does not answer."}}
	r, err := f.syncer.Run(ctx, directory.SourceSetup{ID: corp}, &f.src, directory.Ask{})
	if !fault.Is(err, fault.Unavailable) || r.Failed != "The directory does not answer." || string(f.src.cursor) != "c" {
		t.Errorf("%+v, %v, asked with %q", r, err, f.src.cursor)
	}
	x, err := f.w.a.Source(ctx, corp)
	if err != nil || x.Report.Failed != r.Failed || !x.Good.Equal(epoch) {
		t.Errorf("kept: %+v, %v", x, err)
	}
	if after := dump(t, f.w.a)["users"]; !slices.Equal(before, after) {
		t.Error("a source that failed changed people")
	}
	f.w.now = f.w.now.Add(directory.FullEvery + time.Hour)
	f.src = said{err: errors.New("x")}
	_, _ = f.syncer.Run(ctx, directory.SourceSetup{ID: corp}, &f.src, directory.Ask{})
	if f.src.cursor != nil {
		t.Error("a day later not everybody is compared")
	}
	dry := said{Answer: directory.Answer{Full: true, People: []directory.Record{rec("2", "new", "08AABBCC")}}}
	r, err = f.syncer.Run(ctx, directory.SourceSetup{ID: corp}, &dry, directory.Ask{DryRun: true})
	if err != nil || r.New != 1 || r.Removed != 1 || len(r.Problems) != 1 || !r.DryRun {
		t.Errorf("dry: %+v, %v", r, err)
	}
	if after := dump(t, f.w.a)["users"]; !slices.Equal(before, after) {
		t.Error("a dry run changed people")
	}
}

func TestGroupsGiveRights(t *testing.T) {
	f := newFeed(t)
	ctx := t.Context()
	people := []directory.Record{rec("1", "carl"), rec("2", "dora")}
	// staff contains sales contains carl; loop and staff contain each other (TestA51).
	groups := []directory.GroupRecord{
		{Key: "g1", Name: "Staff", Members: []string{"g2", "g3"}},
		{Key: "g2", Name: "Sales", People: []string{"1", "99"}},
		{Key: "g3", Name: "Loop", Members: []string{"g1"}, People: []string{"2"}},
	}
	f.full(people, groups...)
	staff, err := f.w.a.GroupByName(ctx, "staff")
	must(t, err)
	if staff.From != "Corp" || staff.Members != 2 {
		t.Errorf("staff: %+v", staff)
	}
	for _, g := range []directory.Grant{
		{Holder: staff.ID, Right: directory.BreakGlass}, {Holder: staff.ID, Right: directory.PageLimit, Amount: 50, Queue: secure},
		{Holder: corp, Right: directory.Release}, {Holder: "", Right: directory.Support, DeviceGroup: hall},
	} {
		must(t, f.w.a.PutRight(ctx, g))
	}
	carl := f.user("carl")
	if !carl.May(directory.BreakGlass) || !carl.May(directory.Release) || carl.May(directory.Support) || !carl.MayAt(directory.Support, directory.Place{Groups: []string{hall}}) {
		t.Errorf("carl's grants: %+v", carl.Grants)
	}
	if n, from := carl.Limit(directory.Place{Queue: secure}); n != 50 || from != "group Staff" {
		t.Errorf("carl's limit: %d from %q", n, from)
	}
	if n, _ := carl.Limit(directory.Place{Queue: direct}); n != 0 {
		t.Errorf("carl's limit elsewhere: %d", n)
	}
	if path, err := f.w.a.PathTo(ctx, carl.ID, staff.ID); err != nil || !slices.Equal(path, []string{"Sales", "Staff"}) {
		t.Errorf("why carl: %v, %v", path, err)
	}
	if others := []directory.User{f.user("ben"), f.user("anna")}; others[0].May(directory.BreakGlass) || others[1].MayAt(directory.Support, directory.Place{}) {
		t.Error("rights of groups that they are not in")
	}
	// Who leaves the group loses its rights at once.
	groups[1].People = nil
	if r := f.full(people, groups...); r.Groups != 1 {
		t.Errorf("one group changed: %+v", r)
	}
	if u := f.user("carl"); u.May(directory.BreakGlass) || !u.May(directory.Release) {
		t.Errorf("carl after leaving: %+v", u.Grants)
	}
	// Somebody comes whom the group named before.
	people = append(people, rec("99", "emil"))
	groups[1].People = []string{"99"}
	f.full(people[:2], groups...)
	r := f.full(people, groups...)
	emil := f.user("emil")
	if r.Groups != 1 || !emil.May(directory.BreakGlass) {
		t.Errorf("who came later: %+v", r)
	}
	wantKind(t, "a group of the directory", f.w.a.RemoveGroup(ctx, staff.ID), fault.Conflict)
	f.full(people)
	emil = f.user("emil")
	if _, err := f.w.a.Group(ctx, staff.ID); !fault.Is(err, fault.NotFound) || emil.May(directory.BreakGlass) {
		t.Errorf("a group that is gone: %v", err)
	}
}

func TestLocalGroups(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	a, b := directory.Group{ID: job.NewUUID(), Name: "A"}, directory.Group{ID: job.NewUUID(), Name: "B"}
	must(t, w.a.PutGroup(ctx, a))
	must(t, w.a.PutGroup(ctx, b))
	wantKind(t, "the same name", w.a.PutGroup(ctx, directory.Group{ID: job.NewUUID(), Name: "a"}), fault.Conflict)
	must(t, w.a.SetMember(ctx, a.ID, directory.Member{ID: b.ID, Nested: true}, true))
	must(t, w.a.SetMember(ctx, b.ID, directory.Member{ID: ben}, true))
	wantKind(t, "a circle", w.a.SetMember(ctx, b.ID, directory.Member{ID: a.ID, Nested: true}, true), fault.Invalid)
	wantKind(t, "itself", w.a.SetMember(ctx, b.ID, directory.Member{ID: b.ID, Nested: true}, true), fault.Invalid)
	wantKind(t, "nobody", w.a.SetMember(ctx, b.ID, directory.Member{ID: attic}, true), fault.NotFound)
	must(t, w.a.PutRight(ctx, directory.Grant{Holder: a.ID, Right: directory.BreakGlass}))
	if u, err := w.a.UsersByName(ctx, "ben"); err != nil || !u[0].May(directory.BreakGlass) {
		t.Errorf("ben: %+v, %v", u, err)
	}
	wantKind(t, "no right", w.a.PutRight(ctx, directory.Grant{Holder: a.ID, Right: "fly"}), fault.Invalid)
	must(t, w.a.RemoveRight(ctx, directory.Grant{Holder: a.ID, Right: directory.BreakGlass}))
	wantKind(t, "again", w.a.RemoveRight(ctx, directory.Grant{Holder: a.ID, Right: directory.BreakGlass}), fault.NotFound)
	if u, err := w.a.UsersByName(ctx, "ben"); err != nil || u[0].May(directory.BreakGlass) {
		t.Errorf("ben: %+v, %v", u, err)
	}
	if m, err := w.a.Members(ctx, a.ID); err != nil || len(m) != 1 || m[0].Name != "B" || !m[0].Nested {
		t.Errorf("members: %+v, %v", m, err)
	}
	must(t, w.a.RemoveGroup(ctx, b.ID))
	if ids, err := w.a.GroupsOf(ctx, ben); err != nil || len(ids) != 0 {
		t.Errorf("ben's groups: %v, %v", ids, err)
	}
}

// TestRemovedSource: its people stay, and are changed here from then on.
func TestRemovedSource(t *testing.T) {
	for _, people := range []bool{false, true} {
		f := newFeed(t)
		ctx := t.Context()
		f.full([]directory.Record{rec("1", "carl", "0411")}, directory.GroupRecord{Key: "g", Name: "G", People: []string{"1"}})
		must(t, f.w.a.SetSourceSecret(ctx, corp, "s3cret"))
		if s, err := f.w.a.SourceSecret(ctx, corp); err != nil || s != "s3cret" {
			t.Errorf("secret %q, %v", s, err)
		}
		_, err := f.w.a.RemoveSource(ctx, corp, "root", people)
		must(t, err)
		if s, err := f.w.a.SourceSecret(ctx, corp); err != nil || s != "" {
			t.Errorf("the secret of a source that is gone: %q, %v", s, err)
		}
		u, err := f.w.a.UserByLogin(ctx, "carl")
		if people != fault.Is(err, fault.NotFound) || !people && (u.Source != "local" || u.Cards != 1) {
			t.Errorf("people %v: %+v, %v", people, u, err)
		}
		if g, err := f.w.a.Groups(ctx); err != nil || len(g) != 0 {
			t.Errorf("groups %v, %v", g, err)
		}
		_, err = f.w.a.RemoveSource(ctx, corp, "root", people)
		wantKind(t, "again", err, fault.NotFound)
	}
}

// What waited for an administrator and is there again has not changed. The log says of
// which source people wait, once it is so.
func TestBackFromTheGuard(t *testing.T) {
	f := newFeed(t)
	var log strings.Builder
	f.syncer.Log = slog.New(slog.NewTextHandler(&log, nil))
	var people []directory.Record
	for i := range 60 {
		p := rec(fmt.Sprint(i), fmt.Sprintf("u%02d", i))
		p.Enabled = i != 7
		people = append(people, p)
	}
	staff := directory.GroupRecord{Key: "g", Name: "staff", People: []string{"50"}}
	f.full(people, staff)
	half := directory.Answer{Full: true, People: people[:10], Cursor: []byte("c")}
	if r := f.run(half, directory.Ask{Full: true, DryRun: true}); r.Waiting != 50 || log.Len() > 0 {
		t.Errorf("a dry run: %+v, the log says %s", r, log.String())
	}
	if r := f.run(half, directory.Ask{Full: true}); r.Waiting != 50 || !strings.Contains(log.String(), "source=Corp ") || strings.Contains(log.String(), corp) {
		t.Errorf("%+v, the log says %s", r, log.String())
	}
	people[20].FullName = "Somebody else"
	for _, dry := range []bool{true, false} {
		r := f.run(directory.Answer{Full: true, People: people, Groups: []directory.GroupRecord{staff}, Cursor: []byte("c")}, directory.Ask{Full: true, DryRun: dry})
		if r.Changed != 1 || r.New != 0 || r.Disabled != 0 || r.Groups != 0 || r.Same != 60 || r.Waiting != 0 {
			t.Errorf("all are back: %+v", r)
		}
	}
	if n, err := f.w.a.InQuestion(t.Context(), corp); err != nil || n != 0 {
		t.Errorf("%d are in question: %v", n, err)
	}
	if r := f.full(people, staff); r.Same != 61 || r.Changed != 0 || r.Groups != 0 {
		t.Errorf("once more: %+v", r)
	}
}
