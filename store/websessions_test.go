package store

import (
	"reflect"
	"testing"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/job"
	"platen/site"
)

func webSession(id, user string) directory.WebSession {
	return directory.WebSession{ID: id, User: user, Method: directory.MethodOIDC, Roles: []string{"support", "user"}, Created: epoch, Seen: epoch,
		Expires: epoch.Add(12 * time.Hour), Client: "10.1.2.3", Hint: "Firefox on Linux"}
}

func TestWebSessions(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	x := webSession("s-1", anna)
	must(t, w.a.StartWebSession(ctx, x, []byte("one"), nil))
	got, err := w.a.WebSession(ctx, []byte("one"))
	if err != nil || !reflect.DeepEqual(got, x) {
		t.Fatalf("got  %+v, %v\nwant %+v", got, err, x)
	}
	must(t, w.a.TouchWebSession(ctx, []byte("one"), epoch.Add(time.Minute)))
	if got, err = w.a.WebSession(ctx, []byte("one")); err != nil || !got.Seen.Equal(epoch.Add(time.Minute)) {
		t.Errorf("%+v, %v", got, err)
	}

	// A sign-in ends what the browser had before, and nothing else.
	y, z := webSession("s-2", anna), webSession("s-3", ben)
	y.Created = epoch.Add(time.Minute)
	must(t, w.a.StartWebSession(ctx, z, []byte("three"), nil))
	must(t, w.a.StartWebSession(ctx, y, []byte("two"), []byte("one")))
	_, err = w.a.WebSession(ctx, []byte("one"))
	wantKind(t, "TestA42: the session before", err, fault.NotFound)
	if list, err := w.a.WebSessionsOf(ctx, anna); err != nil || len(list) != 1 || list[0].ID != "s-2" {
		t.Errorf("%+v, %v", list, err)
	}
	wantKind(t, "somebody else's", w.a.EndWebSessionOf(ctx, anna, "s-3"), fault.NotFound)
	must(t, w.a.EndWebSessionOf(ctx, ben, "s-3"))
	must(t, w.a.EndWebSession(ctx, []byte("two")))
	must(t, w.a.EndWebSession(ctx, []byte("two")))
	must(t, w.a.StartWebSession(ctx, x, []byte("one"), nil))
	must(t, w.a.EndWebSessions(ctx, x.Expires.Add(-time.Second)))
	if _, err := w.a.WebSession(ctx, []byte("one")); err != nil {
		t.Error(err)
	}
	must(t, w.a.EndWebSessions(ctx, x.Expires))
	_, err = w.a.WebSession(ctx, []byte("one"))
	wantKind(t, "one that is over", err, fault.NotFound)
	wantKind(t, "of nobody", w.a.StartWebSession(ctx, webSession("s-9", job.NewUUID()), []byte("nine"), nil), fault.NotFound)
}

// TestA42WhatEndsAWebSession: nobody goes on who may not sign in any longer.
func TestA42WhatEndsAWebSession(t *testing.T) {
	for name, end := range map[string]func(w *world) error{
		"a new password": func(w *world) error {
			return w.a.SetSecrets(t.Context(), anna, directory.Secrets{Password: "phc-new"})
		},
		"disabled": func(w *world) error {
			u, err := w.a.User(t.Context(), anna)
			must(t, err)
			u.Enabled = false
			return w.a.PutUser(t.Context(), u)
		},
		"removed": func(w *world) error { return w.a.RemoveUser(t.Context(), anna, "administrator root") },
		"over": func(w *world) error {
			u, err := w.a.User(t.Context(), anna)
			must(t, err)
			u.Until = epoch.Add(time.Hour)
			must(t, w.a.PutUser(t.Context(), u))
			_, err = w.a.EndPeople(t.Context(), epoch.Add(2*time.Hour), "the node")
			return err
		},
		"disabled by a source": func(w *world) error {
			must(t, w.a.PutSource(t.Context(), directory.SourceSetup{ID: attic, Name: "corp", Kind: "push", Config: "{}"}))
			problems, err := w.a.ApplyPeople(t.Context(), attic, []directory.Arrived{{Key: "k", User: directory.User{Login: "anna"}}}, nil)
			if len(problems) > 0 {
				t.Error(problems)
			}
			return err
		},
		"another person at the provider": func(w *world) error { return w.a.SetSubject(t.Context(), anna, "") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			must(t, w.a.StartWebSession(t.Context(), webSession("s-1", anna), []byte("one"), nil))
			must(t, end(w))
			_, err := w.a.WebSession(t.Context(), []byte("one"))
			wantKind(t, name, err, fault.NotFound)
		})
	}
}

func TestSubjects(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	must(t, w.a.SetSubject(ctx, anna, "https://op 1"))
	must(t, w.a.SetSubject(ctx, anna, "https://op 1"))
	if u, err := w.a.UserBySubject(ctx, "https://op 1"); err != nil || u.ID != anna {
		t.Errorf("%+v, %v", u, err)
	}
	wantKind(t, "somebody else with the address of anna", w.a.SetSubject(ctx, anna, "https://op 2"), fault.Conflict)
	wantKind(t, "one name, two people", w.a.SetSubject(ctx, ben, "https://op 1"), fault.Conflict)
	_, err := w.a.UserBySubject(ctx, "")
	wantKind(t, "no name", err, fault.NotFound)
	must(t, w.a.SetSubject(ctx, anna, ""))
	must(t, w.a.SetSubject(ctx, ben, "https://op 1"))
	if s, err := w.a.Subject(ctx, ben); err != nil || s != "https://op 1" {
		t.Errorf("%q, %v", s, err)
	}
}

func TestRoles(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	may := func(r directory.Right) bool {
		u, err := w.a.User(ctx, ben)
		must(t, err)
		return u.May(r)
	}
	must(t, w.a.GiveRole(ctx, ben, "support", true))
	u, err := w.a.User(ctx, ben)
	must(t, err)
	if g, ok := u.Has(directory.Support, directory.Place{}); !ok || g.From != "this person, role support" || may(directory.Administer) {
		t.Errorf("%+v", u.Grants)
	}
	desk := directory.Role{Name: "desk-2", Rights: []directory.Right{directory.Support, directory.Report}}
	wantKind(t, "no such role", w.a.GiveRole(ctx, "", "desk-2", true), fault.NotFound)
	must(t, w.a.PutRole(ctx, desk))
	must(t, w.a.GiveRole(ctx, "", "desk-2", true))
	if !may(directory.Report) {
		t.Error("everybody has it, but ben has not")
	}
	must(t, w.a.PutRole(ctx, directory.Role{Name: "desk-2", Rights: []directory.Right{directory.Support}}))
	if may(directory.Report) {
		t.Error("the role has lost a right, ben has not")
	}
	if list, err := w.a.Roles(ctx); err != nil || len(list) != 1 || list[0].Name != "desk-2" {
		t.Errorf("%+v, %v", list, err)
	}
	must(t, w.a.RemoveRole(ctx, "desk-2"))
	if rights, err := w.a.RightsOf(ctx, ""); err != nil || len(rights) != 4 {
		t.Errorf("%+v, %v", rights, err)
	}
	must(t, w.a.GiveRole(ctx, ben, "support", false))
	wantKind(t, "twice", w.a.GiveRole(ctx, ben, "support", false), fault.NotFound)
	if may(directory.Support) {
		t.Error("ben still has it")
	}
	wantKind(t, "built in", w.a.PutRole(ctx, directory.Role{Name: "administrator"}), fault.Conflict)
	wantKind(t, "built in", w.a.RemoveRole(ctx, "user"), fault.Conflict)
	wantKind(t, "no name", w.a.PutRole(ctx, directory.Role{Name: "Two words"}), fault.Invalid)
	wantKind(t, "a role in a role", w.a.PutRole(ctx, directory.Role{Name: "x", Rights: []directory.Right{"role:user"}}), fault.Invalid)
	wantKind(t, "a right by that name", w.a.PutRight(ctx, directory.Grant{Holder: ben, Right: "role:administrator"}), fault.Invalid)
}

func TestSetupsAndTokensWithRights(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	if text, err := w.a.Setup(ctx, "oidc"); err != nil || text != "" {
		t.Errorf("%q, %v", text, err)
	}
	must(t, w.a.PutSetup(ctx, "oidc", `{"issuer":"x"}`))
	if text, err := w.a.Setup(ctx, "oidc"); err != nil || text != `{"issuer":"x"}` {
		t.Errorf("%q, %v", text, err)
	}
	must(t, w.a.AddToken(ctx, site.Token{ID: ben, Kind: site.AdminToken, Rights: []string{"report", "support"}, Created: epoch}, []byte("t2")))
	x, err := w.a.TokenByDigest(ctx, []byte("t2"))
	if err != nil || !reflect.DeepEqual(x.Rights, []string{"report", "support"}) {
		t.Errorf("%+v, %v", x, err)
	}
}
