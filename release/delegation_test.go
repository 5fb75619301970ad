package release_test

import (
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

// annaLets lets Ben release Anna's documents, after change has seen to it.
func (d *desk) annaLets(t testing.TB, change func(*directory.Delegation)) string {
	t.Helper()
	x := directory.Delegation{ID: job.NewUUID(), Owner: anna.ID, Delegate: ben.ID, Titles: true, MadeBy: "anna",
		Created: time.Now(), Consented: time.Now(), Consent: "on her own page"}
	change(&x)
	d.AddDelegation(t, x)
	return x.ID
}

func asGiven(*directory.Delegation) {}

func (d *desk) ben(t testing.TB) release.Session {
	t.Helper()
	sess, _ := d.signIn(t, hall, pin("ben", "13579135"))
	return sess
}

func ids(views []release.JobView) (list []int64) {
	for _, v := range views {
		list = append(list, v.ID)
	}
	return list
}

func TestDelegateSeesAndReleases(t *testing.T) {
	d := newDesk(t)
	d.annaLets(t, asGiven)
	d.printed(t, d.anna(t)) // what she has printed is nobody else's business
	own, first, second := d.held(t, ben.ID), d.held(t, anna.ID), d.held(t, anna.ID)
	sess := d.ben(t)
	views, err := d.Jobs(t.Context(), sess)
	must(t, err)
	if !slices.Equal(ids(views), []int64{own, second, first}) {
		t.Fatalf("%+v", views)
	}
	if v := views[1]; v.For != "Anna Berg" || v.Owner != "anna" || v.Title != "Invoice" || !v.Releasable || !v.CanKeep || v.CanDelete || v.CanAgain {
		t.Errorf("%+v", v)
	}
	if views[0].For != "" {
		t.Errorf("his own: %+v", views[0])
	}
	r, err := d.ReleaseAll(t.Context(), sess, job.Options{}, nil, "")
	must(t, err)
	if len(r.Items) != 1 || r.Items[0].Job != own {
		t.Errorf("all is more than his own: %+v", r)
	}

	r, err = d.Release(t.Context(), sess, []int64{first}, job.Options{}, nil, "key")
	must(t, err)
	j := d.job(t, first)
	if j.State != job.Pending || j.Owner != anna.ID || j.ReleasedBy != "ben" {
		t.Errorf("%+v", j)
	}
	h := d.History(t, first)
	if e := h[len(h)-1]; e.Actor != "ben" || e.Text != "Released at %s by %s, for %s." || !slices.Equal(e.Args, []any{"hall", "ben", "anna"}) {
		t.Errorf("history: %+v", h)
	}
	if trail := d.store.AuditTrail("release-for"); len(trail) != 1 || trail[0] != (releasetest.Line{Actor: "ben", Action: "release-for", Object: "job " + j.UUID, Detail: "for anna at hall"}) {
		t.Errorf("audit: %+v", trail)
	}
	if r, err = d.ReleaseStatus(t.Context(), sess, r.ID); err != nil || r.Items[0].Title != "Invoice" {
		t.Errorf("%+v, %v", r, err)
	}
	d.complete(t, first, hall.Device)
	again, err := d.Release(t.Context(), sess, []int64{first}, job.Options{}, nil, "key") // a second press, late
	if err != nil || again.ID != r.ID {
		t.Errorf("%+v, %v", again, err)
	}

	views, err = d.Jobs(t.Context(), d.anna(t))
	must(t, err)
	if i := slices.IndexFunc(views, func(v release.JobView) bool { return v.ID == first }); i < 0 || views[i].By != "ben" || views[i].For != "" {
		t.Errorf("its owner does not see who it was: %+v", views)
	}
}

func TestDelegateReleasesEverythingOfOne(t *testing.T) {
	d := newDesk(t)
	d.annaLets(t, asGiven)
	first, second := d.held(t, anna.ID), d.held(t, anna.ID)
	pinned := d.with(t, func(j *job.Job) { j.Ticket.PIN = &job.PIN{Encryption: "none", Verifier: "phc:4711"} })
	sess := d.ben(t)
	r, err := d.ReleaseFor(t.Context(), sess, "anna", job.Options{}, nil, "k")
	must(t, err)
	if len(r.Items) != 2 || r.Left != 1 {
		t.Errorf("%+v", r)
	}
	again, err := d.ReleaseFor(t.Context(), sess, "ANNA", job.Options{}, nil, "k")
	if err != nil || again.ID != r.ID {
		t.Errorf("a second press: %+v, %v", again, err)
	}
	d.wantState(t, first, job.Pending)
	d.wantState(t, second, job.Pending)
	d.wantState(t, pinned, job.Held)
	_, err = d.ReleaseFor(t.Context(), sess, "eve", job.Options{}, nil, "")
	wantKind(t, "that", err, fault.Denied)
}

// The PIN of a document is asked of a delegate too: being allowed is not knowing it.
func TestDelegateNeedsThePIN(t *testing.T) {
	d := newDesk(t)
	d.annaLets(t, asGiven)
	id := d.with(t, func(j *job.Job) { j.Ticket.PIN = &job.PIN{Encryption: "none", Verifier: "phc:4711"} })
	sess := d.ben(t)
	_, err := d.Release(t.Context(), sess, []int64{id}, job.Options{}, nil, "")
	wantRefused(t, err, directory.ReasonNeedPIN)
	_, err = d.Release(t.Context(), sess, []int64{id}, job.Options{}, job.PINs{id: "1"}, "")
	wantRefused(t, err, directory.ReasonWrongPIN)
	_, err = d.Release(t.Context(), sess, []int64{id}, job.Options{}, job.PINs{id: "4711"}, "")
	must(t, err)
	d.wantState(t, id, job.Pending)
}

// Whatever does not hold, does not let anybody do anything; and what ends, ends at
// once, for a session that is open too.
func TestDelegationThatDoesNotHold(t *testing.T) {
	past := time.Now().Add(-time.Minute)
	tests := map[string]func(t *testing.T, d *desk){
		"no consent": func(t *testing.T, d *desk) {
			d.annaLets(t, func(x *directory.Delegation) { x.Consented = time.Time{} })
		},
		"over": func(t *testing.T, d *desk) { d.annaLets(t, func(x *directory.Delegation) { x.Until = past }) },
		"another way": func(t *testing.T, d *desk) {
			d.annaLets(t, func(x *directory.Delegation) { x.Owner, x.Delegate = ben.ID, anna.ID })
		},
		"somebody else": func(t *testing.T, d *desk) { d.annaLets(t, func(x *directory.Delegation) { x.Delegate = eve.ID }) },
		"not his group": func(t *testing.T, d *desk) {
			d.PutGroup(t, releasetest.Ward, "ward", eve.ID)
			d.annaLets(t, func(x *directory.Delegation) { x.Delegate = releasetest.Ward })
		},
		"taken back": func(t *testing.T, d *desk) {
			must(t, d.store.EndDelegation(t.Context(), d.annaLets(t, asGiven), anna.ID, "anna"))
		},
		"owner disabled": func(t *testing.T, d *desk) {
			d.annaLets(t, asGiven)
			u := anna
			u.Enabled = false
			d.PutUser(t, u, directory.Secrets{})
		},
	}
	for name, end := range tests {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			id, sess := d.held(t, anna.ID), d.ben(t) // he has signed in before it ends
			end(t, d)
			if views, err := d.Jobs(t.Context(), sess); err != nil || len(views) != 0 {
				t.Errorf("%+v, %v", views, err)
			}
			_, err := d.Release(t.Context(), sess, []int64{id}, job.Options{}, nil, "")
			wantKind(t, "that", err, fault.NotFound)
			_, err = d.ReleaseFor(t.Context(), sess, "anna", job.Options{}, nil, "")
			wantKind(t, "that", err, fault.Denied)
			wantKind(t, "that", d.Keep(t.Context(), sess, []int64{id}), fault.NotFound)
			wantKind(t, "that", d.Delete(t.Context(), sess, []int64{id}), fault.NotFound)
			d.wantState(t, id, job.Held)
		})
	}
}

func TestDelegationToAGroupAndItsPolicies(t *testing.T) {
	d := newDesk(t)
	d.PutGroup(t, releasetest.Ward, "ward", ben.ID)
	d.annaLets(t, func(x *directory.Delegation) { x.Delegate, x.Titles, x.Deletes = releasetest.Ward, false, true })
	id, sess := d.held(t, anna.ID), d.ben(t)
	views, err := d.Jobs(t.Context(), sess)
	if err != nil || len(views) != 1 || views[0].Title != "" || !views[0].CanDelete {
		t.Fatalf("%+v, %v", views, err)
	}
	r := d.release(t, sess, id)
	if r, err = d.ReleaseStatus(t.Context(), sess, r.ID); err != nil || r.Items[0].Title != "" {
		t.Errorf("a title that is not shown: %+v, %v", r, err)
	}
	must(t, d.Delete(t.Context(), sess, []int64{id}))
	d.wantState(t, id, job.Canceled)
}

func TestDelegateMayNotDeleteNorPrintAgain(t *testing.T) {
	d := newDesk(t)
	d.annaLets(t, asGiven)
	printed, held := d.printed(t, d.anna(t)), d.held(t, anna.ID)
	sess := d.ben(t)
	wantKind(t, "that", d.Delete(t.Context(), sess, []int64{held}), fault.Denied)
	wantKind(t, "that", d.Delete(t.Context(), sess, []int64{printed}), fault.NotFound)
	_, err := d.PrintAgain(t.Context(), sess, printed, job.Options{}, nil, "")
	wantKind(t, "that", err, fault.NotFound)
	must(t, d.Keep(t.Context(), sess, []int64{held}))
	d.wantState(t, held, job.Held)
}

// A delegate may clear up what the delegate has released and what then hung.
func TestDelegateAnswersWhatIsUncertain(t *testing.T) {
	d := newDesk(t)
	d.annaLets(t, asGiven)
	id := d.uncertain(t, d.anna(t))
	sess := d.ben(t)
	_, err := d.Resolve(t.Context(), sess, id, true, nil, "")
	must(t, err)
	d.wantState(t, id, job.Pending)
	h := d.History(t, id)
	if e := h[len(h)-1]; e.Text != "Asked to print it again at %s, although it may have printed: %s, for %s." {
		t.Errorf("%+v", h)
	}
	other := d.uncertain(t, d.anna(t))
	_, err = d.Resolve(t.Context(), d.ben(t), other, false, nil, "")
	must(t, err)
	if j := d.job(t, other); j.State != job.Completed || j.Message != "Whoever released it for its owner said that it had printed." {
		t.Errorf("%+v", j)
	}
}

// Nobody may do more for others than for themselves, or than they may.
func TestDelegateAndOwnerMustBothBeAllowed(t *testing.T) {
	limit := directory.Grant{Right: directory.PageLimit, Amount: 2, From: "group pupils"}
	colour := directory.Grant{Right: directory.Colour, From: "everybody"}
	tests := map[string]struct {
		anna, ben func(*directory.User)
		colour    bool
		why       string
	}{
		"both may":             {why: ""},
		"he may not release":   {ben: func(u *directory.User) { u.Rights = nil }, why: "You do not have the right to release documents. Please ask the help desk."},
		"she may not release":  {anna: func(u *directory.User) { u.Rights = nil }, why: "Its owner may not print it like this at this device, so you may not either."},
		"he has a page limit":  {ben: func(u *directory.User) { u.Grants = []directory.Grant{limit, colour} }, why: "This document has more pages than you may print at a time here."},
		"she has a page limit": {anna: func(u *directory.User) { u.Grants = []directory.Grant{limit, colour} }, why: "Its owner may not print it like this at this device, so you may not either."},
		"he has no colour":     {ben: func(u *directory.User) { u.Grants = []directory.Grant{} }, colour: true, why: "This document has colour, and you may not print in colour here."},
		"she has no colour":    {anna: func(u *directory.User) { u.Grants = []directory.Grant{} }, colour: true, why: "Its owner may not print it like this at this device, so you may not either."},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.annaLets(t, asGiven)
			id := d.with(t, func(j *job.Job) {
				if tt.colour {
					j.Documents[0].Count.Colour = "color"
				}
			})
			sess := d.ben(t)
			for u, change := range map[*directory.User]func(*directory.User){&anna: tt.anna, &ben: tt.ben} {
				if change != nil {
					x := *u
					change(&x)
					d.PutUser(t, x, directory.Secrets{})
					if u == &ben {
						sess.User = x
					}
				}
			}
			views, err := d.Jobs(t.Context(), sess)
			if err != nil || len(views) != 1 || views[0].WhyNot != tt.why || views[0].Releasable != (tt.why == "") {
				t.Fatalf("%+v, %v", views, err)
			}
			_, err = d.Release(t.Context(), sess, []int64{id}, job.Options{}, nil, "")
			if tt.why == "" {
				must(t, err)
			} else if key, _ := fault.Sentence(err); key != tt.why || !fault.Is(err, fault.Denied) {
				t.Errorf("%v", err)
			}
		})
	}
}

// What one of the two may not do in colour is printed without, and the history says
// whose right it was.
func TestDelegateWithoutColour(t *testing.T) {
	d := newDesk(t)
	d.annaLets(t, asGiven)
	u := ben
	u.Grants = []directory.Grant{}
	d.PutUser(t, u, directory.Secrets{PIN: "phc:13579135"})
	id := d.with(t, func(j *job.Job) { j.Documents[0].Language, j.Documents[0].Count.Colour = "postscript", "color" })
	d.release(t, d.ben(t), id)
	if j := d.job(t, id); !j.Options.Mono {
		t.Errorf("%+v", j.Options)
	}
	h := d.History(t, id)
	if e := h[len(h)-1]; e.Text != "Printed without colour, because %s has no right to print in colour here." || !slices.Equal(e.Args, []any{"ben"}) {
		t.Errorf("%+v", h)
	}
}

// What a delegate released and what has not begun goes back when the delegate goes,
// and what the owner released there before does not.
func TestSignOutRecallsWhatWasReleasedForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.annaLets(t, asGiven)
		hers, his := d.held(t, anna.ID), d.held(t, anna.ID)
		sess := d.anna(t)
		d.release(t, sess, hers)
		must(t, d.store.EndSession(t.Context(), sess.ID)) // gone without a word: nothing is recalled
		time.Sleep(time.Minute)
		bens := d.ben(t)
		d.release(t, bens, his)
		must(t, d.SignOut(t.Context(), bens))
		d.wantState(t, hers, job.Pending)
		d.wantState(t, his, job.Held)
	})
}

func TestConsentAtTheTerminal(t *testing.T) {
	d := newDesk(t)
	waiting := func(x *directory.Delegation) {
		x.Consented, x.Consent, x.MadeBy = time.Time{}, "", "administrator root"
	}
	id := d.annaLets(t, waiting)
	d.annaLets(t, func(x *directory.Delegation) { waiting(x); x.Delegate, x.Until = eve.ID, time.Now().Add(-time.Hour) })
	sess := d.anna(t)
	asked, err := d.Asked(t.Context(), sess)
	if err != nil || len(asked) != 1 || asked[0].ID != id || asked[0].DelegateName != "ben" {
		t.Fatalf("%+v, %v", asked, err)
	}
	if asked, err := d.Asked(t.Context(), d.ben(t)); err != nil || len(asked) != 0 {
		t.Errorf("it is not his to answer: %+v, %v", asked, err)
	}
	var told []string
	d.Agreed = func(x directory.Delegation, given bool) { told = append(told, fmt.Sprint(x.ID == id, given)) }
	wantKind(t, "that", d.Answer(t.Context(), d.ben(t), id, true), fault.NotFound)
	must(t, d.Answer(t.Context(), d.anna(t), id, true))
	doc := d.held(t, anna.ID)
	d.release(t, d.ben(t), doc)
	wantKind(t, "that", d.Answer(t.Context(), d.anna(t), id, true), fault.NotFound)
	if trail := d.store.AuditTrail("delegation.consent"); len(trail) != 1 || !strings.Contains(trail[0].Detail, "at hall") {
		t.Errorf("%+v", trail)
	}

	no := d.annaLets(t, func(x *directory.Delegation) { waiting(x); x.Delegate = eve.ID })
	must(t, d.Answer(t.Context(), d.anna(t), no, false))
	if trail := d.store.AuditTrail("delegation.refuse"); len(trail) != 1 || trail[0].Actor != "anna" {
		t.Errorf("%+v", trail)
	}
	if of, err := d.store.DelegationsOf(t.Context(), anna.ID); err != nil || len(of) != 2 {
		t.Errorf("%+v, %v", of, err)
	}
	must(t, d.Answer(t.Context(), d.anna(t), id, false)) // taken back
	if !slices.Equal(told, []string{"true true", "true false"}) {
		t.Errorf("both were told %q", told)
	}
}
