package store

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/job"
)

func logins(users []directory.User) string {
	var names []string
	for _, u := range users {
		names = append(names, u.Login)
	}
	return strings.Join(names, " ")
}

func TestUsersComeBackAsTheyWerePut(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	u, err := w.a.User(ctx, anna)
	if len(u.Grants) != 4 || !u.May(directory.Colour) || u.Grants[0].From != "everybody" {
		t.Errorf("what everybody may: %+v", u.Grants)
	}
	u.Grants = nil
	want := directory.User{ID: anna, Login: "anna", FullName: "Anna Berg", Email: "anna@example.test", UPN: "anna@corp.test",
		Department: "sales", Enabled: true, Source: "local", From: "local", Rights: []directory.Right{directory.Release},
		Aliases: []string{"aberg", "berg.a"}, Cards: 1, HasPIN: true, HasPass: true, Created: epoch}
	if err != nil || !reflect.DeepEqual(u, want) {
		t.Errorf("User\ngot  %+v, %v\nwant %+v", u, err, want)
	}
	u.Login, u.Enabled, u.Aliases, u.Rights = "anna.berg", false, []string{"aberg", "aberg", ""}, nil
	must(t, w.a.PutUser(ctx, u))
	got, err := w.a.User(ctx, anna)
	if err != nil || got.Login != "anna.berg" || got.Enabled || len(got.Aliases) != 1 || got.Rights != nil || !got.HasPIN || got.Cards != 1 {
		t.Errorf("changed: %+v, %v", got, err)
	}
	_, err = w.a.UserByLogin(ctx, "anna")
	wantKind(t, "the old login", err, fault.NotFound)
	wantKind(t, "TestA18: somebody else's login", w.a.PutUser(ctx, directory.User{ID: job.NewUUID(), Login: "ben"}), fault.Conflict)
	wantKind(t, "no login", w.a.PutUser(ctx, directory.User{ID: job.NewUUID()}), fault.Invalid)
	if all, err := w.a.Users(ctx); err != nil || logins(all) != "anna.berg ben" {
		t.Errorf("Users: %s, %v", logins(all), err)
	}
	if n, err := w.a.CountUsers(ctx); err != nil || n != 2 {
		t.Errorf("CountUsers = %d, %v", n, err)
	}
}

func TestUsersByName(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	must(t, w.a.PutUser(ctx, directory.User{ID: attic, Login: "aberg", Enabled: true, Created: epoch})) // as anna's alias
	for name, want := range map[string]string{
		"anna": "anna", "anna@example.test": "anna", "anna@corp.test": "anna", "berg.a": "anna", "aberg": "aberg anna",
		"nobody": "", "": "", "an%": "", "ann": "",
	} {
		got, err := w.a.UsersByName(ctx, name)
		if sorted := sortedLogins(got); err != nil || sorted != want {
			t.Errorf("UsersByName(%q) = %q, %v; want %q", name, sorted, err, want)
		}
	}
	for prefix, want := range map[string]string{
		"ann": "anna", "anna@ex": "anna", "ber": "anna", "a": "aberg anna", "": "", "an%": "", "zz": "", "annä": "",
	} {
		got, err := w.a.UsersByPrefix(ctx, prefix, 10)
		if sorted := sortedLogins(got); err != nil || sorted != want {
			t.Errorf("UsersByPrefix(%q) = %q, %v; want %q", prefix, sorted, err, want)
		}
	}
	if got, err := w.a.UsersByPrefix(ctx, "a", 1); err != nil || len(got) != 1 {
		t.Errorf("at most one: %v, %v", got, err)
	}
}

func sortedLogins(users []directory.User) string {
	names := strings.Fields(logins(users))
	if len(names) == 2 && names[0] > names[1] {
		names[0], names[1] = names[1], names[0]
	}
	return strings.Join(names, " ")
}

func TestManyUsersHaveTheirOwnAliases(t *testing.T) {
	w := newWorld(t)
	var people []Person
	for i := range 50 {
		people = append(people, Person{User: directory.User{Login: fmt.Sprintf("u%02d", i), Aliases: []string{fmt.Sprintf("alias%02d", i)}, Enabled: true}})
	}
	if _, _, err := w.a.ImportUsers(t.Context(), people, nil); err != nil {
		t.Fatal(err)
	}
	all, err := w.a.Users(t.Context())
	must(t, err)
	for _, u := range all {
		if n, ok := strings.CutPrefix(u.Login, "u"); ok && (len(u.Aliases) != 1 || u.Aliases[0] != "alias"+n) {
			t.Errorf("%s has the aliases %v", u.Login, u.Aliases)
		}
	}
}

func TestRemoveUser(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	held, pending := w.add(t, "held", anna), w.put(t, "pending", job.Pending)
	done := w.put(t, "done", job.Canceled)
	_, err := w.a.StartSession(ctx, directory.Session{ID: attic, Terminal: panel, User: directory.User{ID: anna}}, []byte("t"))
	must(t, err)
	must(t, w.a.RemoveUser(ctx, anna, "administrator root"))
	wantKind(t, "again", w.a.RemoveUser(ctx, anna, "administrator root"), fault.NotFound)
	_, err = w.a.CardByDigest(ctx, []byte("card"))
	wantKind(t, "TestA46: the card of somebody who left", err, fault.NotFound)
	_, err = w.a.SessionByToken(ctx, []byte("t"))
	wantKind(t, "the session", err, fault.NotFound)
	_, err = w.a.Secrets(ctx, anna)
	wantKind(t, "the secrets", err, fault.NotFound)
	got := w.job(t, held.ID)
	if !got.Unclaimed() || !got.Has(job.HeldForAuthorization) || got.State != job.Held {
		t.Errorf("a held job: %+v", got)
	}
	if got := w.job(t, pending.ID); !got.Unclaimed() || got.State != job.Pending || !got.Has(job.Queued) {
		t.Errorf("a released job: %+v", got)
	}
	if got := w.job(t, done.ID); got.Owner != anna {
		t.Errorf("a job that is done: %+v", got)
	}
	if h, err := w.a.History(ctx, held.ID); err != nil || len(h) != 2 || h[1].Actor != "administrator root" {
		t.Errorf("history: %+v, %v", h, err)
	}
	gone := map[string]bool{}
	changes, err := w.a.Changes(ctx, 0, 100)
	must(t, err)
	for _, c := range changes {
		gone[c.Kind+c.ID] = c.Gone
	}
	if !gone["user"+anna] || !gone["card"+anna] || gone["user"+ben] {
		t.Errorf("the feed: %+v", changes)
	}
}

func TestSecrets(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	x, err := w.a.Secrets(ctx, anna)
	if want := (directory.Secrets{Password: "phc-p", PIN: "phc-n", PINDigest: []byte("pin")}); err != nil || !reflect.DeepEqual(x, want) {
		t.Errorf("Secrets = %+v, %v", x, err)
	}
	_, err = w.a.StartSession(ctx, directory.Session{ID: attic, Terminal: panel, User: directory.User{ID: anna}}, []byte("t"))
	must(t, err)
	must(t, w.a.SetSecrets(ctx, anna, directory.Secrets{Password: "new"}))
	if _, err := w.a.SessionByToken(ctx, []byte("t")); !fault.Is(err, fault.NotFound) {
		t.Errorf("a session opened with the old password: %v", err)
	}
	if users, err := w.a.UsersByPIN(ctx, []byte("pin"), 2); err != nil || len(users) != 0 {
		t.Errorf("the PIN that was taken away: %v, %v", users, err)
	}
	if n, err := w.a.CountPINs(ctx); err != nil || n != 0 {
		t.Errorf("CountPINs = %d, %v", n, err)
	}
	wantKind(t, "nobody", w.a.SetSecrets(ctx, attic, directory.Secrets{}), fault.NotFound)
	if u, err := w.b.UsersByPIN(ctx, []byte("pin"), 2); err != nil || len(u) != 1 {
		t.Errorf("the other tenant's: %v, %v", u, err)
	}
}

func TestCards(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	c, err := w.a.CardByDigest(ctx, []byte("card"))
	want := directory.Card{ID: anna, User: anna, Login: "anna", Digest: []byte("card"), Raw: []byte("raw"), Last: "3D4", Created: epoch}
	if err != nil || !reflect.DeepEqual(c, want) {
		t.Errorf("CardByDigest = %+v, %v", c, err)
	}
	wantKind(t, "TestA40: a card that is somebody's", w.a.PutCard(ctx, directory.Card{ID: ben, User: ben, Digest: []byte("card")}), fault.Conflict)
	wantKind(t, "no user", w.a.PutCard(ctx, directory.Card{ID: ben, User: attic, Digest: []byte("x")}), fault.NotFound)
	wantKind(t, "no number", w.a.PutCard(ctx, directory.Card{ID: ben, User: ben}), fault.Invalid)
	must(t, w.a.PutCard(ctx, directory.Card{ID: ben, User: ben, Digest: []byte("blue"), Created: epoch.Add(time.Second)}))
	for user, want := range map[string]int{"": 2, anna: 1, ben: 1, attic: 0} {
		if list, err := w.a.Cards(ctx, user); err != nil || len(list) != want {
			t.Errorf("Cards(%q): %d, %v; want %d", user, len(list), err, want)
		}
	}
	must(t, w.a.RemoveCard(ctx, ben))
	wantKind(t, "again", w.a.RemoveCard(ctx, ben), fault.NotFound)
	if _, err := w.a.Card(ctx, anna); err != nil {
		t.Error(err)
	}
}

func TestImportIsAllOrNothing(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	before := dump(t, w.a)
	person := func(login string, cards ...string) Person {
		p := Person{User: directory.User{Login: login, FullName: "From a file", Enabled: true, Source: "csv:staff", Created: epoch}}
		for _, c := range cards {
			p.Cards = append(p.Cards, directory.Card{ID: job.NewUUID(), Digest: []byte(c), Last: "123", Created: epoch})
		}
		return p
	}
	bad := []Person{person("carl", "green"), person("dora", "card"), person(""), person("emil")}
	added, changed, err := w.a.ImportUsers(ctx, bad, nil)
	var refused *ImportError
	if !errors.As(err, &refused) || len(refused.Lines) != 2 || refused.Lines[0].Index != 1 || refused.Lines[1].Index != 2 ||
		!fault.Is(refused.Lines[0].Err, fault.Conflict) || !fault.Is(refused.Lines[1].Err, fault.Invalid) {
		t.Fatalf("err = %v", err)
	}
	if fault.KindOf(err) != fault.Conflict || fault.Text(err) != "This card belongs to somebody already." {
		t.Errorf("kind %v, %q", fault.KindOf(err), fault.Text(err))
	}
	if after := dump(t, w.a); added != 0 || changed != 0 || !reflect.DeepEqual(before, after) {
		t.Errorf("a refused import stored something:\n%v\n%v", before, after)
	}

	secrets := &directory.Secrets{PIN: "phc", PINDigest: []byte("p")}
	good := []Person{person("carl", "green"), person("anna", "card", "second"), person("ben")}
	good[0].Secrets = secrets
	progress := 0
	added, changed, err = w.a.ImportUsers(ctx, good, func(done int) { progress = done })
	if err != nil || added != 1 || changed != 2 || progress != 3 {
		t.Fatalf("added %d, changed %d, progress %d, %v", added, changed, progress, err)
	}
	u, err := w.a.UserByLogin(ctx, "anna")
	if err != nil || u.ID != anna || u.Cards != 2 || u.FullName != "From a file" || !u.HasPIN {
		t.Errorf("anna: %+v, %v; her id, PIN and card stay", u, err)
	}
	if u, err = w.a.UserByLogin(ctx, "carl"); err != nil || !u.HasPIN || u.Cards != 1 {
		t.Errorf("carl: %+v, %v", u, err)
	}
	if added, changed, err := w.a.ImportUsers(ctx, good, nil); err != nil || added != 0 || changed != 3 {
		t.Errorf("the same file again: %d, %d, %v", added, changed, err)
	}
}

// TestChangesFeed: numbers rise without a gap, a thing is there once, and what
// was removed leaves a tombstone.
func TestChangesFeed(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	first, err := w.a.Changes(ctx, 0, 100)
	must(t, err)
	if len(first) == 0 {
		t.Fatal("nothing in the feed")
	}
	cursor := first[len(first)-1].Seq
	u, err := w.a.User(ctx, ben)
	must(t, err)
	must(t, w.a.PutUser(ctx, u))
	must(t, w.a.PutUser(ctx, u))
	must(t, w.a.SetCondition(ctx, hall, conditionOf("idle"))) // does not travel
	wantKind(t, "a change that fails", w.a.PutUser(ctx, directory.User{ID: attic, Login: "anna"}), fault.Conflict)
	must(t, w.a.RemoveCard(ctx, anna))
	got, err := w.a.Changes(ctx, cursor, 100)
	want := []Change{{cursor + 2, "user", ben, false}, {cursor + 3, "card", anna, true}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("feed %+v, %v; want %+v", got, err, want)
	}
	if page, err := w.a.Changes(ctx, cursor, 1); err != nil || len(page) != 1 || page[0] != want[0] {
		t.Errorf("a page of one: %+v, %v", page, err)
	}
}
