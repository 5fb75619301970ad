// Package releasetest holds the promises of release.Store as tests, and a fake
// that keeps them. The real store passes the same tests:
//
//	releasetest.Run(t, func(t *testing.T) (release.Store, releasetest.Fixture) { … })
package releasetest

import (
	"context"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/job"
	"platen/release"
	"platen/site"
)

// Fixture fills a store the way administrators, doors and devices do. Whatever
// has an ID keeps it.
type Fixture struct {
	Stranger    release.Store // another tenant of the same store; it has nothing
	PutUser     func(t testing.TB, u directory.User, s directory.Secrets)
	PutQueue    func(t testing.TB, q site.Queue)
	PutDevice   func(t testing.TB, d site.Device)
	PutTerminal func(t testing.TB, m site.Terminal)
	// PutGroup makes a group of these people.
	PutGroup      func(t testing.TB, id, name string, members ...string)
	AddDelegation func(t testing.TB, d directory.Delegation)
	// AddJob adds a held job with its documents, as intake does, and sets its ID.
	AddJob func(t testing.TB, j *job.Job)
	// Claim takes a pending job in hand as a device's worker does: it becomes
	// Processing. The test sees to it that no other job waits at the device.
	Claim func(t testing.TB, id int64)
	// Finish ends the delivery of a job that was claimed, as the worker does.
	Finish func(t testing.TB, id int64, c job.Change, at time.Time)
	// Erase notes that the documents of a job are gone from the spool.
	Erase   func(t testing.TB, id int64)
	History func(t testing.TB, id int64) []job.Entry
}

// Epoch is when the tests begin. Times in a store are whole milliseconds.
var Epoch = time.Date(2027, 3, 1, 8, 0, 0, 0, time.UTC)

// The people and things of the tests.
var (
	Anna = directory.User{ID: "0198f000-0000-7000-8000-0000000000a1", Login: "anna", FullName: "Anna Berg", Enabled: true,
		Source: "local", Rights: []directory.Right{directory.Release}, Created: Epoch}
	Ben = directory.User{ID: "0198f000-0000-7000-8000-0000000000a2", Login: "ben", Enabled: true,
		Source: "local", Rights: []directory.Right{directory.Release}, Created: Epoch}
	Eve = directory.User{ID: "0198f000-0000-7000-8000-0000000000a3", Login: "eve", Enabled: false,
		Source: "local", Rights: []directory.Right{directory.Release}, Created: Epoch}

	Hold = site.Queue{ID: "0198f000-0000-7000-8000-0000000000b1", Name: "secure", Mode: site.Hold, Priority: 50,
		Encoding: site.DefaultEncoding, HoldFor: 96 * time.Hour, KeepFor: 2 * time.Hour, AcceptJobs: true}
	Direct = site.Queue{ID: "0198f000-0000-7000-8000-0000000000b2", Name: "direct", Mode: site.Passthrough, Priority: 50,
		Encoding: site.DefaultEncoding, HoldFor: 96 * time.Hour, KeepFor: 2 * time.Hour, AcceptJobs: true,
		Device: "0198f000-0000-7000-8000-0000000000c1"}
	Secret = site.Queue{ID: "0198f000-0000-7000-8000-0000000000b3", Name: "personnel", Mode: site.Hold, Priority: 50,
		Encoding: site.DefaultEncoding, HoldFor: 96 * time.Hour, KeepFor: 2 * time.Hour, AcceptJobs: true, Confidential: true}

	Hall  = site.Device{ID: "0198f000-0000-7000-8000-0000000000c1", Name: "hall", URI: "folder:///tmp/hall", Enabled: true}
	Attic = site.Device{ID: "0198f000-0000-7000-8000-0000000000c2", Name: "attic", URI: "folder:///tmp/attic", Enabled: true}

	HallPanel = site.Terminal{ID: "0198f000-0000-7000-8000-0000000000d1", Name: "hall", Device: Hall.ID,
		PINOnly: true, RecallAfter: 5 * time.Minute}
	AtticPanel = site.Terminal{ID: "0198f000-0000-7000-8000-0000000000d2", Name: "attic", Device: Attic.ID,
		Asserted: true, RecallAfter: 5 * time.Minute}
)

// Furnish puts the people and things of the tests into a store.
func Furnish(t testing.TB, f Fixture) {
	f.PutUser(t, Anna, directory.Secrets{Password: "phc:anna", PIN: "phc:24681012", PINDigest: []byte("pin:24681012")})
	f.PutUser(t, Ben, directory.Secrets{PIN: "phc:13579135", PINDigest: []byte("pin:13579135")})
	f.PutUser(t, Eve, directory.Secrets{Password: "phc:eve", PIN: "phc:86420864", PINDigest: []byte("pin:86420864")})
	f.PutDevice(t, Hall)
	f.PutDevice(t, Attic)
	f.PutQueue(t, Hold)
	f.PutQueue(t, Direct)
	f.PutQueue(t, Secret)
	f.PutTerminal(t, HallPanel)
	f.PutTerminal(t, AtticPanel)
}

// NewJob returns a held job of an owner, "" unclaimed, with one document.
func NewJob(owner string, created time.Time) *job.Job {
	uuid := job.NewUUID()
	j := &job.Job{
		UUID: uuid, State: job.Held, Reasons: []job.Reason{job.HeldForRelease}, Queue: Hold.ID, Owner: owner,
		Ticket: job.Ticket{Title: "Invoice", Claimed: "anna"}, Origin: job.Origin{Door: "lpd", Queue: Hold.Name}, Priority: 50,
		Documents: []job.Document{{
			Number: 1, Name: "Invoice", Octets: 1000, Digest: []byte(uuid), Language: "pdf", Copies: 1, File: uuid + "-1.doc",
			Count: job.Count{Pages: 3, Sides: "one-sided", Colour: "monochrome", Method: "parsed", Confidence: "high"},
		}},
		Octets: 1000, Created: created, ExpiresAt: created.Add(96 * time.Hour),
	}
	if owner == "" {
		j.Reasons = []job.Reason{job.HeldForAuthorization}
	}
	return j
}

// Run tests a store against what release.Store promises. newStore returns an
// empty store and the ways to fill it.
func Run(t *testing.T, newStore func(*testing.T) (release.Store, Fixture)) {
	tests := []struct {
		name string
		f    func(*testing.T, *suite)
	}{
		{"people", testPeople}, {"cards", testCards}, {"enrolment", testEnrolment},
		{"sessions", testSessions}, {"session ends once", testSessionEndsOnce}, {"throttles", testThrottles},
		{"throttles at once", testThrottlesAtOnce}, {"release", testRelease}, {"release again", testReleaseAgain},
		{"TestF42 release at once", testReleaseAtOnce}, {"release of what is done", testReleaseDone},
		{"change", testChange}, {"change is guarded", testChangeGuarded}, {"keep", testKeep}, {"cancel", testCancel},
		{"own jobs", testOwnJobs}, {"delegations", testDelegations}, {"release by somebody else", testReleaseByAnother},
		{"claim", testClaim}, {"TestF42 claim at once", testClaimAtOnce}, {"waiting jobs", testWaitingJobs}, {"tenants", testTenants},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			st, f := newStore(t)
			Furnish(t, f)
			tt.f(t, &suite{Fixture: f, st: st, ctx: t.Context()})
		})
	}
}

type suite struct {
	Fixture
	st  release.Store
	ctx context.Context
}

func testPeople(t *testing.T, s *suite) {
	u, err := s.st.User(s.ctx, Anna.ID)
	if err != nil || u.Login != "anna" || !u.May(directory.Release) {
		t.Errorf("User: %+v, %v", u, err)
	}
	u, err = s.st.UserByLogin(s.ctx, "eve")
	if err != nil || u.ID != Eve.ID || u.Enabled {
		t.Errorf("UserByLogin: %+v, %v; a disabled user is found too", u, err)
	}
	_, err = s.st.UserByLogin(s.ctx, "nobody")
	wantKind(t, "UserByLogin of nobody", err, fault.NotFound)
	_, err = s.st.User(s.ctx, job.NewUUID())
	wantKind(t, "User nobody", err, fault.NotFound)
	sec, err := s.st.Secrets(s.ctx, Anna.ID)
	if err != nil || sec.Password != "phc:anna" || sec.PIN != "phc:24681012" {
		t.Errorf("Secrets: %+v, %v", sec, err)
	}
	_, err = s.st.Secrets(s.ctx, job.NewUUID())
	wantKind(t, "Secrets of nobody", err, fault.NotFound)
	_, err = s.st.Secrets(s.ctx, "")
	wantKind(t, "Secrets of no id", err, fault.NotFound)

	found, err := s.st.UsersByPIN(s.ctx, []byte("pin:24681012"), 2)
	if err != nil || len(found) != 1 || found[0].ID != Anna.ID {
		t.Errorf("UsersByPIN: %+v, %v", found, err)
	}
	found, err = s.st.UsersByPIN(s.ctx, []byte("pin:86420864"), 2)
	if err != nil || len(found) != 0 {
		t.Errorf("UsersByPIN of a disabled user: %+v, %v", found, err)
	}
	if n, err := s.st.CountPINs(s.ctx); err != nil || n != 2 {
		t.Errorf("CountPINs = %d, %v; want 2, the enabled ones", n, err)
	}
	if d, err := s.st.Device(s.ctx, Hall.ID); err != nil || d.Name != "hall" || !d.Enabled {
		t.Errorf("Device: %+v, %v", d, err)
	}
	if m, err := s.st.Terminal(s.ctx, HallPanel.ID); err != nil || m.Device != Hall.ID || !m.PINOnly || m.RecallAfter != 5*time.Minute {
		t.Errorf("Terminal: %+v, %v", m, err)
	}
	if all, err := s.st.Terminals(s.ctx); err != nil || len(all) != 2 {
		t.Errorf("Terminals: %d, %v", len(all), err)
	}
	if all, err := s.st.Queues(s.ctx); err != nil || len(all) != 3 {
		t.Errorf("Queues: %d, %v", len(all), err)
	}
	if err := s.st.Audit(s.ctx, "anna", "sign-in", "terminal hall", "card"); err != nil {
		t.Errorf("Audit: %v", err)
	}
}

func card(id, user, digest string) directory.Card {
	return directory.Card{ID: id, User: user, Digest: []byte(digest), Raw: []byte("raw " + digest), Last: "3D4", Label: "blue", Created: Epoch}
}

func testCards(t *testing.T, s *suite) {
	mine, other := job.NewUUID(), job.NewUUID()
	if err := s.st.PutCard(s.ctx, card(mine, Anna.ID, "one")); err != nil {
		t.Fatal(err)
	}
	wantKind(t, "the same number for somebody else", s.st.PutCard(s.ctx, card(other, Ben.ID, "one")), fault.Conflict)
	c, err := s.st.CardByDigest(s.ctx, []byte("one"))
	if err != nil || c.ID != mine || c.User != Anna.ID || c.Last != "3D4" || c.Blocked {
		t.Errorf("CardByDigest: %+v, %v", c, err)
	}
	c.Blocked = true
	if err := s.st.PutCard(s.ctx, c); err != nil {
		t.Errorf("changing a card: %v", err)
	}
	if c, err = s.st.CardByDigest(s.ctx, []byte("one")); err != nil || !c.Blocked {
		t.Errorf("a blocked card: %+v, %v; it is found, as blocked", c, err)
	}
	_, err = s.st.CardByDigest(s.ctx, []byte("two"))
	wantKind(t, "an unknown card", err, fault.NotFound)
}

func testEnrolment(t *testing.T, s *suite) {
	secret, token := []byte("secret 1"), []byte("token 1")
	must(t, s.st.SetEnrolment(s.ctx, HallPanel.ID, secret, Epoch.Add(time.Hour)))
	_, err := s.st.Enrol(s.ctx, []byte("guess"), token, Epoch)
	wantKind(t, "a guess", err, fault.NotFound)
	_, err = s.st.Enrol(s.ctx, secret, token, Epoch.Add(time.Hour))
	wantKind(t, "too late", err, fault.NotFound)
	m, err := s.st.Enrol(s.ctx, secret, token, Epoch.Add(time.Minute))
	if err != nil || m.ID != HallPanel.ID {
		t.Fatalf("Enrol: %+v, %v", m, err)
	}
	_, err = s.st.Enrol(s.ctx, secret, []byte("token 2"), Epoch.Add(time.Minute))
	wantKind(t, "the secret again", err, fault.NotFound)
	if m, err := s.st.TerminalByToken(s.ctx, token); err != nil || m.ID != HallPanel.ID || m.Device != Hall.ID {
		t.Errorf("TerminalByToken: %+v, %v", m, err)
	}
	s.start(t, HallPanel, Anna, "session token")

	must(t, s.st.SetEnrolment(s.ctx, HallPanel.ID, []byte("secret 2"), Epoch.Add(time.Hour)))
	_, err = s.st.TerminalByToken(s.ctx, token)
	wantKind(t, "the old token", err, fault.NotFound)
	_, err = s.st.SessionByToken(s.ctx, []byte("session token"))
	wantKind(t, "a session of the old token", err, fault.NotFound)

	must(t, s.st.SetEnrolment(s.ctx, HallPanel.ID, nil, Epoch))
	_, err = s.st.Enrol(s.ctx, []byte("secret 2"), token, Epoch)
	wantKind(t, "a secret that was taken back", err, fault.NotFound)
	_, err = s.st.Enrol(s.ctx, nil, token, Epoch)
	wantKind(t, "no secret", err, fault.NotFound)
	_, err = s.st.TerminalByToken(s.ctx, nil)
	wantKind(t, "no token", err, fault.NotFound)
	wantKind(t, "no terminal", s.st.SetEnrolment(s.ctx, job.NewUUID(), secret, Epoch), fault.NotFound)
}

func (s *suite) start(t *testing.T, m site.Terminal, u directory.User, token string) (release.Session, []release.Session) {
	t.Helper()
	sess := release.Session{
		ID: job.NewUUID(), Terminal: m.ID, Device: m.Device, User: u, Method: directory.MethodCard,
		Started: Epoch, Seen: Epoch, Idle: 45 * time.Second,
	}
	ended, err := s.st.StartSession(s.ctx, sess, []byte(token))
	must(t, err)
	return sess, ended
}

func testSessions(t *testing.T, s *suite) {
	first, ended := s.start(t, HallPanel, Anna, "one")
	if len(ended) != 0 {
		t.Errorf("a first session ended %+v", ended)
	}
	s.start(t, AtticPanel, Ben, "elsewhere")
	got, err := s.st.SessionByToken(s.ctx, []byte("one"))
	if err != nil || got.User.ID != Anna.ID {
		t.Errorf("SessionByToken: %+v, %v", got, err)
	}
	wantSession(t, got, first)

	must(t, s.st.TouchSession(s.ctx, first.ID, Epoch.Add(7*time.Second), 10*time.Second))
	got, err = s.st.SessionByToken(s.ctx, []byte("one"))
	first.Seen, first.Idle = Epoch.Add(7*time.Second), 10*time.Second
	if err != nil {
		t.Error(err)
	}
	wantSession(t, got, first)

	second, ended := s.start(t, HallPanel, Ben, "two")
	if len(ended) != 1 {
		t.Fatalf("TestA42: a new sign-in ended %d sessions of the terminal, want 1", len(ended))
	}
	wantSession(t, ended[0], first)
	_, err = s.st.SessionByToken(s.ctx, []byte("one"))
	wantKind(t, "the token of the ended session", err, fault.NotFound)
	if all, err := s.st.Sessions(s.ctx); err != nil || len(all) != 2 {
		t.Errorf("Sessions: %d, %v; the other terminal's stays", len(all), err)
	}
	must(t, s.st.EndSession(s.ctx, second.ID))
	wantKind(t, "ending again", s.st.EndSession(s.ctx, second.ID), fault.NotFound)
	wantKind(t, "touching the dead", s.st.TouchSession(s.ctx, second.ID, Epoch, time.Second), fault.NotFound)
}

func wantSession(t *testing.T, got, want release.Session) {
	t.Helper()
	if got.ID != want.ID || got.Terminal != want.Terminal || got.Device != want.Device || got.User.ID != want.User.ID ||
		got.Method != want.Method || !got.Started.Equal(want.Started) || !got.Seen.Equal(want.Seen) || got.Idle != want.Idle {
		t.Errorf("session\ngot  %+v\nwant %+v", got, want)
	}
}

func testSessionEndsOnce(t *testing.T, s *suite) {
	sess, _ := s.start(t, HallPanel, Anna, "one")
	wins := parallel(20, func(int) bool { return s.st.EndSession(s.ctx, sess.ID) == nil })
	if wins != 1 {
		t.Errorf("%d of 20 ended the session, want 1", wins)
	}
}

func testThrottles(t *testing.T, s *suite) {
	ts, err := s.st.Throttles(s.ctx, []string{"b", "a"})
	if err != nil || len(ts) != 2 || ts[0].Key != "b" || ts[1].Key != "a" || ts[0].Version != 0 || len(ts[0].Failures) != 0 {
		t.Fatalf("unknown throttles: %+v, %v", ts, err)
	}
	ts[0].Failures = []time.Time{Epoch, Epoch.Add(time.Second)}
	must(t, s.st.PutThrottles(s.ctx, ts))
	wantKind(t, "an old version", s.st.PutThrottles(s.ctx, ts[:1]), fault.Conflict)

	fresh, err := s.st.Throttles(s.ctx, []string{"a", "b"})
	if err != nil || fresh[1].Version != 1 || len(fresh[1].Failures) != 2 || !fresh[1].Failures[1].Equal(Epoch.Add(time.Second)) {
		t.Fatalf("stored throttles: %+v, %v", fresh, err)
	}
	half := []release.Throttle{fresh[1], {Key: "a", Version: 0}}
	half[0].Failures = nil
	wantKind(t, "one of two is old", s.st.PutThrottles(s.ctx, half), fault.Conflict)
	if fresh, err = s.st.Throttles(s.ctx, []string{"b"}); err != nil || len(fresh[0].Failures) != 2 {
		t.Errorf("a refused write wrote: %+v, %v", fresh, err)
	}
	must(t, s.st.ForgetThrottles(s.ctx, time.Now().Add(-24*time.Hour)))
	if fresh, err = s.st.Throttles(s.ctx, []string{"b"}); err != nil || fresh[0].Version != 1 {
		t.Errorf("a young throttle was forgotten: %+v, %v", fresh, err)
	}
	known := []release.Throttle{{Key: directory.ThrottleKnown + "b", Failures: []time.Time{Epoch}}}
	must(t, s.st.PutThrottles(s.ctx, known))
	must(t, s.st.ForgetThrottles(s.ctx, time.Now().AddDate(0, 0, 20)))
	for key, want := range map[string]int64{"b": 0, known[0].Key: 1} {
		if fresh, err = s.st.Throttles(s.ctx, []string{key}); err != nil || fresh[0].Version != want {
			t.Errorf("three weeks later, %s: %+v, %v", key, fresh, err)
		}
	}
	must(t, s.st.PutThrottles(s.ctx, []release.Throttle{{Key: "b"}}))
	must(t, s.st.ForgetThrottles(s.ctx, time.Now().AddDate(100, 0, 0)))
	if fresh, err = s.st.Throttles(s.ctx, []string{"b"}); err != nil || fresh[0].Version != 0 || len(fresh[0].Failures) != 0 {
		t.Errorf("an old throttle was kept: %+v, %v", fresh, err)
	}
}

func testThrottlesAtOnce(t *testing.T, s *suite) {
	keys := []string{"x", "y"}
	wins := parallel(40, func(i int) bool {
		ts, err := s.st.Throttles(s.ctx, keys)
		if err != nil {
			t.Error(err)
			return false
		}
		for k := range ts {
			ts[k].Failures = append(ts[k].Failures, Epoch.Add(time.Duration(i)*time.Second))
		}
		err = s.st.PutThrottles(s.ctx, ts)
		if err != nil && !fault.Is(err, fault.Conflict) {
			t.Error(err)
		}
		return err == nil
	})
	ts, err := s.st.Throttles(s.ctx, keys)
	if err != nil || wins < 1 || len(ts[0].Failures) != wins || len(ts[1].Failures) != wins || ts[0].Version != int64(wins) {
		t.Errorf("TestA37: %d writers won, the store holds %+v, %v", wins, ts, err)
	}
}

// order is a release of jobs held for Anna at the hall.
func order(at time.Time, key string, ids ...int64) release.Order {
	o := release.Order{Scope: "session", Key: key, Release: job.Release{
		ID: job.NewUUID(), Device: Hall.ID, User: Anna.ID, Session: "session", At: at,
	}}
	for _, id := range ids {
		o.Items = append(o.Items, release.OrderItem{Job: id, From: job.Held, Owner: Anna.ID, History: []job.Entry{
			{At: at, Actor: "anna", Text: "Released at %s.", Args: []any{"hall"}},
		}})
	}
	return o
}

func (s *suite) add(t *testing.T, owner string, created time.Time) int64 {
	t.Helper()
	j := NewJob(owner, created)
	s.AddJob(t, j)
	if j.ID == 0 {
		t.Fatal("AddJob gave no number")
	}
	return j.ID
}

func (s *suite) job(t *testing.T, id int64) job.Job {
	t.Helper()
	j, err := s.st.Job(s.ctx, id)
	must(t, err)
	return j
}

func (s *suite) release(t *testing.T, o release.Order) job.Release {
	t.Helper()
	r, again, err := s.st.ReleaseJobs(s.ctx, o)
	if err != nil || again {
		t.Fatalf("ReleaseJobs: again %v, %v", again, err)
	}
	return r
}

func testRelease(t *testing.T, s *suite) {
	at := Epoch.Add(time.Hour)
	first, second, bens := s.add(t, Anna.ID, Epoch), s.add(t, Anna.ID, Epoch), s.add(t, Ben.ID, Epoch)
	before := s.job(t, first)
	o := order(at, "", second, bens, first)
	o.Items[2].Options = job.Options{Copies: 3, Sides: "two-sided-long-edge"}
	o.Items[0].From = 0
	r := s.release(t, o)
	want := []job.ReleaseItem{
		{Job: second, Status: job.StatusFailed}, {Job: bens, Status: job.StatusFailed}, {Job: first, Status: job.StatusQueued},
	}
	if !reflect.DeepEqual(r.Items, want) || r.ID != o.Release.ID {
		t.Errorf("release\ngot  %+v\nwant %+v", r.Items, want)
	}
	j := s.job(t, first)
	if j.State != job.Pending || j.Device != Hall.ID || j.DeviceName != "hall" || !j.Released.Equal(at) || !j.Has(job.Queued) ||
		j.Options != o.Items[2].Options || !j.ExpiresAt.Equal(before.ExpiresAt) || j.Message != "" || j.OwnerName != "anna" || j.QueueName != "secure" {
		t.Errorf("the released job: %+v", j)
	}
	for _, id := range []int64{second, bens} {
		if j := s.job(t, id); j.State != job.Held || j.Device != "" || !j.Released.IsZero() {
			t.Errorf("job %d came along: %+v", id, j)
		}
	}
	if h := s.History(t, first); !slices.ContainsFunc(h, func(e job.Entry) bool {
		return e.Actor == "anna" && e.Text == "Released at %s." && len(e.Args) == 1 && e.Args[0] == "hall" && e.At.Equal(at)
	}) {
		t.Errorf("history: %+v", h)
	}
	if h := s.History(t, bens); slices.ContainsFunc(h, func(e job.Entry) bool { return e.Text == "Released at %s." }) {
		t.Errorf("history of a job that did not come along: %+v", h)
	}
	got, err := s.st.ReleaseByID(s.ctx, r.ID)
	if err != nil || !reflect.DeepEqual(got.Items, want) || got.Device != Hall.ID || got.User != Anna.ID || got.Session != "session" || !got.At.Equal(at) {
		t.Errorf("ReleaseByID: %+v, %v", got, err)
	}
	_, err = s.st.ReleaseByID(s.ctx, job.NewUUID())
	wantKind(t, "an unknown release", err, fault.NotFound)

	glass := order(at, "", bens)
	glass.Items[0].Owner = ""
	if r := s.release(t, glass); r.Items[0].Status != job.StatusQueued {
		t.Errorf("break glass: %+v", r.Items)
	}
	if r := s.release(t, order(at, "", 1<<40)); r.Items[0].Status != job.StatusFailed {
		t.Errorf("a job that is not there: %+v", r.Items)
	}
}

func testReleaseAgain(t *testing.T, s *suite) {
	id, other := s.add(t, Anna.ID, Epoch), s.add(t, Anna.ID, Epoch)
	first := s.release(t, order(Epoch, "press", id))
	r, again, err := s.st.ReleaseJobs(s.ctx, order(Epoch.Add(time.Second), "press", id, other))
	if err != nil || !again || r.ID != first.ID || !reflect.DeepEqual(r.Items, first.Items) {
		t.Errorf("the same key: %+v, again %v, %v", r, again, err)
	}
	r, again, err = s.st.ReleaseJobs(s.ctx, order(Epoch, "press"))
	if err != nil || !again || r.ID != first.ID {
		t.Errorf("the same key without items: %+v, again %v, %v", r, again, err)
	}
	if j := s.job(t, other); j.State != job.Held {
		t.Errorf("a repeated key released another job: %v", j.State)
	}
	elsewhere := order(Epoch, "press", other)
	elsewhere.Scope = "another session"
	if r := s.release(t, elsewhere); r.Items[0].Status != job.StatusQueued {
		t.Errorf("the same key in another scope: %+v", r.Items)
	}
	_, _, err = s.st.ReleaseJobs(s.ctx, order(Epoch, "new"))
	wantKind(t, "an order without items", err, fault.NotFound)
	s.release(t, order(Epoch, "", id))
	s.release(t, order(Epoch, "", id)) // no key is no repetition
}

func testReleaseAtOnce(t *testing.T, s *suite) {
	id := s.add(t, Anna.ID, Epoch)
	moved := parallel(100, func(i int) bool {
		o := order(Epoch, fmt.Sprint(i), id)
		if i%2 == 1 {
			o.Release.Device = Attic.ID
		}
		r, _, err := s.st.ReleaseJobs(s.ctx, o)
		if err != nil {
			t.Error(err)
			return false
		}
		return r.Items[0].Status == job.StatusQueued
	})
	if moved != 1 {
		t.Errorf("%d of 100 releases moved the job, want 1", moved)
	}
	second := s.add(t, Anna.ID, Epoch)
	fresh := parallel(20, func(int) bool {
		_, again, err := s.st.ReleaseJobs(s.ctx, order(Epoch, "one key", second))
		if err != nil {
			t.Error(err)
		}
		return err == nil && !again
	})
	if fresh != 1 {
		t.Errorf("TestA41: %d of 20 orders with one key were the first, want 1", fresh)
	}
}

// deliver takes a held job of Anna through a device to the state of c.
func (s *suite) deliver(t *testing.T, id int64, c job.Change, at time.Time) {
	t.Helper()
	s.release(t, order(at, "", id))
	s.Claim(t, id)
	s.Finish(t, id, c, at)
}

func testReleaseDone(t *testing.T, s *suite) {
	at := Epoch.Add(time.Hour)
	id := s.add(t, Anna.ID, Epoch)
	s.deliver(t, id, job.Change{State: job.Completed, Reasons: []job.Reason{job.CompletedSuccessfully, job.JobStored},
		Device: Hall.ID, ExpiresAt: at.Add(2 * time.Hour)}, at)
	if j := s.job(t, id); j.State != job.Completed || !j.Completed.Equal(at) || !j.ExpiresAt.Equal(at.Add(2*time.Hour)) {
		t.Fatalf("the completed job: %+v", j)
	}
	if r := s.release(t, order(at, "", id)); r.Items[0].Status != job.StatusFailed {
		t.Errorf("a completed job was released as a held one: %+v", r.Items)
	}
	o := order(at.Add(time.Minute), "", id)
	o.Items[0].From = job.Completed
	if r := s.release(t, o); r.Items[0].Status != job.StatusQueued {
		t.Fatalf("print again: %+v", r.Items)
	}
	j := s.job(t, id)
	if j.State != job.Pending || !j.Completed.IsZero() || !j.Released.Equal(at.Add(time.Minute)) || j.Attempts != 0 {
		t.Errorf("printed again: %+v", j)
	}
	s.Claim(t, id)
	s.Finish(t, id, job.Change{State: job.Stopped, Reasons: []job.Reason{job.Suspended}, Device: Hall.ID, Message: "Interrupted."}, at)
	o = order(at.Add(time.Hour), "", id)
	o.Items[0].From = job.Stopped
	if r := s.release(t, o); r.Items[0].Status != job.StatusQueued {
		t.Errorf("an uncertain job, again: %+v", r.Items)
	}
	if j := s.job(t, id); j.Message != "" || j.Has(job.Suspended) {
		t.Errorf("an uncertain job that waits again: %+v", j)
	}
}

func testChange(t *testing.T, s *suite) {
	at := Epoch.Add(time.Minute)
	id := s.add(t, Anna.ID, Epoch)
	o := order(at, "", id)
	o.Items[0].Options.Copies = 2
	s.release(t, o)
	until := at.Add(time.Hour)
	c := job.Change{State: job.Held, Reasons: []job.Reason{job.HeldForRelease}, Device: Hall.ID, ExpiresAt: until,
		History: []job.Entry{{At: at, Actor: "the node", Text: "Held again."}}}
	must(t, s.st.ChangeJob(s.ctx, id, release.Guard{State: job.Pending}, c, at))
	j := s.job(t, id)
	if j.State != job.Held || j.Device != "" || !j.Released.IsZero() || j.Options != (job.Options{}) || !j.Has(job.HeldForRelease) || !j.ExpiresAt.Equal(until) {
		t.Errorf("held again: %+v", j)
	}
	if h := s.History(t, id); len(h) == 0 || h[len(h)-1].Text != "Held again." {
		t.Errorf("history: %+v", h)
	}
	same := job.Change{State: job.Held, Reasons: j.Reasons, Message: "Still here."}
	must(t, s.st.ChangeJob(s.ctx, id, release.Guard{State: job.Held}, same, at))
	if j := s.job(t, id); j.Message != "Still here." || !j.ExpiresAt.Equal(until) {
		t.Errorf("the same state, another message: %+v", j)
	}
	gone := job.Change{State: job.Canceled, Reasons: []job.Reason{job.CanceledByUser}}
	must(t, s.st.ChangeJob(s.ctx, id, release.Guard{State: job.Held, Owner: Anna.ID}, gone, at.Add(time.Second)))
	if j := s.job(t, id); j.State != job.Canceled || !j.Completed.Equal(at.Add(time.Second)) || !j.Has(job.CanceledByUser) {
		t.Errorf("canceled: %+v", j)
	}

	printed := s.add(t, Anna.ID, Epoch)
	s.deliver(t, printed, job.Change{State: job.Completed, Reasons: []job.Reason{job.CompletedSuccessfully}, Device: Hall.ID, ExpiresAt: until}, at)
	erase := job.Change{State: job.Completed, Reasons: []job.Reason{job.CompletedSuccessfully}, Device: Hall.ID, ExpiresAt: at.Add(time.Second)}
	must(t, s.st.ChangeJob(s.ctx, printed, release.Guard{State: job.Completed, Owner: Anna.ID}, erase, at.Add(time.Second)))
	if j := s.job(t, printed); !j.Completed.Equal(at) || !j.ExpiresAt.Equal(at.Add(time.Second)) {
		t.Errorf("a done job stays done at its time: %+v", j)
	}
}

func testChangeGuarded(t *testing.T, s *suite) {
	at := Epoch.Add(time.Minute)
	id := s.add(t, Anna.ID, Epoch)
	s.release(t, order(at, "", id))
	c := job.Change{State: job.Held, Reasons: []job.Reason{job.HeldForRelease}}
	guards := map[string]release.Guard{
		"state":    {State: job.Held},
		"owner":    {State: job.Pending, Owner: Ben.ID},
		"device":   {State: job.Pending, Device: Attic.ID},
		"released": {State: job.Pending, Released: at.Add(-time.Minute)},
	}
	for name, g := range guards {
		wantKind(t, name, s.st.ChangeJob(s.ctx, id, g, c, at), fault.Conflict)
	}
	wantKind(t, "no such job", s.st.ChangeJob(s.ctx, 1<<40, release.Guard{State: job.Held}, c, at), fault.Conflict)
	if j := s.job(t, id); j.State != job.Pending {
		t.Errorf("a refused change changed: %v", j.State)
	}
	all := release.Guard{State: job.Pending, Owner: Anna.ID, Device: Hall.ID, Released: at}
	wins := parallel(20, func(int) bool { return s.st.ChangeJob(s.ctx, id, all, c, at) == nil })
	if wins != 1 {
		t.Errorf("%d of 20 equal changes applied, want 1", wins)
	}
}

func testKeep(t *testing.T, s *suite) {
	id := s.add(t, Anna.ID, Epoch)
	until := Epoch.Add(200 * time.Hour)
	h := job.Entry{At: Epoch, Actor: "anna", Text: "Extended."}
	wantKind(t, "somebody else's", s.st.KeepJob(s.ctx, id, Ben.ID, until, h), fault.Conflict)
	must(t, s.st.KeepJob(s.ctx, id, Anna.ID, until, h))
	if j := s.job(t, id); !j.Kept || !j.ExpiresAt.Equal(until) || j.State != job.Held {
		t.Errorf("kept: %+v", j)
	}
	wantKind(t, "twice", s.st.KeepJob(s.ctx, id, Anna.ID, until.Add(time.Hour), h), fault.Conflict)
	released := s.add(t, Anna.ID, Epoch)
	s.release(t, order(Epoch, "", released))
	wantKind(t, "released", s.st.KeepJob(s.ctx, released, Anna.ID, until, h), fault.Conflict)
}

func testCancel(t *testing.T, s *suite) {
	id := s.add(t, Anna.ID, Epoch)
	h := job.Entry{At: Epoch, Actor: "anna", Text: "Deleted at %s.", Args: []any{"hall"}}
	wantKind(t, "held", s.st.AskCancel(s.ctx, id, Anna.ID, h), fault.Conflict)
	s.release(t, order(Epoch, "", id))
	s.Claim(t, id)
	wantKind(t, "somebody else's", s.st.AskCancel(s.ctx, id, Ben.ID, h), fault.Conflict)
	must(t, s.st.AskCancel(s.ctx, id, Anna.ID, h))
	if j := s.job(t, id); j.State != job.Processing {
		t.Errorf("a job that is asked to stop is %v", j.State)
	}
	if h := s.History(t, id); len(h) == 0 || h[len(h)-1].Text != "Deleted at %s." {
		t.Errorf("history: %+v", h)
	}
}

func testOwnJobs(t *testing.T, s *suite) {
	at := Epoch.Add(time.Hour)
	printed := func() int64 {
		id := s.add(t, Anna.ID, Epoch)
		s.deliver(t, id, job.Change{State: job.Completed, Reasons: []job.Reason{job.CompletedSuccessfully}, Device: Hall.ID, ExpiresAt: at}, at)
		return id
	}
	held, keptOld, erasedOld := s.add(t, Anna.ID, Epoch), printed(), printed()
	s.Erase(t, erasedOld)
	bens, unclaimed := s.add(t, Ben.ID, Epoch), s.add(t, "", Epoch)
	canceled := s.add(t, Anna.ID, Epoch)
	must(t, s.st.ChangeJob(s.ctx, canceled, release.Guard{State: job.Held}, job.Change{State: job.Canceled}, at))
	aborted := s.add(t, Anna.ID, Epoch)
	must(t, s.st.ChangeJob(s.ctx, aborted, release.Guard{State: job.Held}, job.Change{State: job.Aborted}, at))

	own := func(owner string, since time.Time, limit int) []int64 {
		jobs, err := s.st.OwnJobs(s.ctx, owner, since, limit)
		must(t, err)
		var ids []int64
		for i := range jobs {
			ids = append(ids, jobs[i].ID)
			if len(jobs[i].Documents) != 1 || jobs[i].QueueName != "secure" {
				t.Errorf("job %d is not whole: %+v", jobs[i].ID, jobs[i])
			}
		}
		return ids
	}
	tests := map[string]struct {
		owner string
		since time.Time
		limit int
		want  []int64
	}{
		"all of today":       {Anna.ID, at, 100, []int64{aborted, erasedOld, keptOld, held}},
		"later":              {Anna.ID, at.Add(time.Second), 100, []int64{keptOld, held}},
		"not done":           {Anna.ID, time.Time{}, 100, []int64{held}},
		"limited to newest":  {Anna.ID, at, 2, []int64{aborted, erasedOld}},
		"somebody else":      {Ben.ID, at, 100, []int64{bens}},
		"unclaimed":          {"", at, 100, []int64{unclaimed}},
		"nobody of the kind": {Eve.ID, at, 100, nil},
	}
	for name, tt := range tests {
		if got := own(tt.owner, tt.since, tt.limit); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}

func testWaitingJobs(t *testing.T, s *suite) {
	early, late, held, direct := s.add(t, Anna.ID, Epoch), s.add(t, Anna.ID, Epoch), s.add(t, Anna.ID, Epoch), NewJob(Anna.ID, Epoch)
	direct.Queue = Direct.ID
	s.AddJob(t, direct)
	s.release(t, order(Epoch.Add(2*time.Minute), "", late))
	s.release(t, order(Epoch.Add(time.Minute), "", early))
	s.release(t, order(Epoch, "", direct.ID))
	if j := s.job(t, held); j.State != job.Held {
		t.Fatalf("%+v", j)
	}
	waiting := func(limit int) []int64 {
		jobs, err := s.st.WaitingJobs(s.ctx, limit)
		must(t, err)
		var ids []int64
		for i := range jobs {
			ids = append(ids, jobs[i].ID)
			if jobs[i].Released.IsZero() || jobs[i].Device != Hall.ID || jobs[i].Owner != Anna.ID {
				t.Errorf("job %d: %+v", jobs[i].ID, jobs[i])
			}
		}
		return ids
	}
	if got := waiting(10); !slices.Equal(got, []int64{early, late}) {
		t.Errorf("got %v, want %v", got, []int64{early, late})
	}
	if got := waiting(1); !slices.Equal(got, []int64{early}) {
		t.Errorf("got %v, want the first released, %d", got, early)
	}
	pin := NewJob(Anna.ID, Epoch) // somebody gave it at a device
	pin.Queue, pin.Ticket.PIN = Direct.ID, &job.PIN{Encryption: "none", Verifier: "phc"}
	s.AddJob(t, pin)
	s.release(t, order(Epoch.Add(3*time.Minute), "", pin.ID))
	if got := waiting(10); !slices.Equal(got, []int64{early, late, pin.ID}) {
		t.Errorf("with a PIN: got %v, want %v", got, []int64{early, late, pin.ID})
	}
}

func testTenants(t *testing.T, s *suite) {
	id := s.add(t, Anna.ID, Epoch)
	r := s.release(t, order(Epoch, "key", s.add(t, Anna.ID, Epoch)))
	sess, _ := s.start(t, HallPanel, Anna, "token")
	must(t, s.st.PutCard(s.ctx, card(job.NewUUID(), Anna.ID, "one")))
	must(t, s.st.SetEnrolment(s.ctx, AtticPanel.ID, []byte("secret"), Epoch.Add(time.Hour)))
	must(t, s.st.PutThrottles(s.ctx, []release.Throttle{{Key: "k", Failures: []time.Time{Epoch}}}))
	s.AddDelegation(t, delegation(1, Anna.ID, Ben.ID))

	x := s.Stranger
	get := map[string]error{
		"User": second(x.User(s.ctx, Anna.ID)), "UserByLogin": second(x.UserByLogin(s.ctx, "anna")), "Secrets": second(x.Secrets(s.ctx, Anna.ID)),
		"CardByDigest": second(x.CardByDigest(s.ctx, []byte("one"))), "Device": second(x.Device(s.ctx, Hall.ID)),
		"Terminal": second(x.Terminal(s.ctx, HallPanel.ID)), "Enrol": second(x.Enrol(s.ctx, []byte("secret"), []byte("t"), Epoch)),
		"SessionByToken": second(x.SessionByToken(s.ctx, []byte("token"))), "EndSession": x.EndSession(s.ctx, sess.ID),
		"Job": second(x.Job(s.ctx, id)), "ReleaseByID": second(x.ReleaseByID(s.ctx, r.ID)),
	}
	for name, err := range get {
		wantKind(t, name, err, fault.NotFound)
	}
	c := job.Change{State: job.Canceled}
	wantKind(t, "ChangeJob", x.ChangeJob(s.ctx, id, release.Guard{State: job.Held}, c, Epoch), fault.Conflict)
	wantKind(t, "Consent", x.Consent(s.ctx, delegation(1, "", "").ID, Anna.ID, Epoch, "", "anna"), fault.NotFound)
	wantKind(t, "EndDelegation", x.EndDelegation(s.ctx, delegation(1, "", "").ID, Anna.ID, "anna"), fault.NotFound)
	wantKind(t, "KeepJob", x.KeepJob(s.ctx, id, Anna.ID, Epoch, job.Entry{At: Epoch}), fault.Conflict)
	lists := map[string]int{
		"UsersByPIN": length(x.UsersByPIN(s.ctx, []byte("pin:24681012"), 9)), "Queues": length(x.Queues(s.ctx)),
		"Terminals": length(x.Terminals(s.ctx)), "Sessions": length(x.Sessions(s.ctx)),
		"DelegationsTo": length(x.DelegationsTo(s.ctx, Ben.ID)), "DelegationsOf": length(x.DelegationsOf(s.ctx, Anna.ID)),
		"OwnJobs": length(x.OwnJobs(s.ctx, Anna.ID, Epoch, 9)), "WaitingJobs": length(x.WaitingJobs(s.ctx, 9)),
	}
	for name, n := range lists {
		if n != 0 {
			t.Errorf("%s shows a stranger %d rows", name, n)
		}
	}
	if ts, err := x.Throttles(s.ctx, []string{"k"}); err != nil || ts[0].Version != 0 {
		t.Errorf("Throttles shows a stranger %+v, %v", ts, err)
	}
	if n, err := x.CountPINs(s.ctx); err != nil || n != 0 {
		t.Errorf("CountPINs counts a stranger's: %d, %v", n, err)
	}
}

func second[T any](_ T, err error) error { return err }

// length is -1 for a list that could not be read.
func length[T any](list []T, err error) int {
	if err != nil {
		return -1
	}
	return len(list)
}

// parallel runs f n times at once and counts how often it said yes.
func parallel(n int, f func(i int) bool) int {
	var wg sync.WaitGroup
	var mu sync.Mutex
	start := make(chan struct{})
	yes := 0
	for i := range n {
		wg.Go(func() {
			<-start
			if f(i) {
				mu.Lock()
				defer mu.Unlock()
				yes++
			}
		})
	}
	close(start)
	wg.Wait()
	return yes
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t testing.TB, what string, err error, k fault.Kind) {
	t.Helper()
	if !fault.Is(err, k) {
		t.Errorf("%s: err = %v, want %v", what, err, k)
	}
}

// claimOf is Anna's or Ben's word that a job is theirs.
func claimOf(u directory.User, id int64, alias string) job.Claim {
	return job.Claim{Job: id, User: u.ID, Rule: u.Login + " said so.", Alias: alias, Detail: "it had claimed macuser",
		History: job.Entry{At: Epoch, Actor: u.Login, Text: "Said that it is theirs. It had come from %s and claimed %s.", Args: []any{"192.0.2.9", "macuser"}}}
}

func testClaim(t *testing.T, s *suite) {
	ctx := t.Context()
	add := func(owner string, change func(*job.Job)) int64 {
		j := NewJob(owner, Epoch)
		j.Origin.Client, j.Ticket.Claimed = netip.MustParseAddr("192.0.2.9"), "macuser"
		change(j)
		s.AddJob(t, j)
		return j.ID
	}
	one := add("", func(j *job.Job) { j.Ticket.PIN = &job.PIN{Encryption: "none", Verifier: "phc:1"} })
	remembered, err := s.st.ClaimJob(ctx, claimOf(Anna, one, "macuser"))
	if err != nil || !remembered {
		t.Fatalf("claimed: %v, %v", remembered, err)
	}
	j, err := s.st.Job(ctx, one)
	if err != nil || j.Owner != Anna.ID || j.OwnerRule != "anna said so." || !slices.Equal(j.Reasons, []job.Reason{job.HeldForRelease, job.PasswordWait}) {
		t.Errorf("the job: %+v, %v", j, err)
	}
	if h := s.History(t, one); len(h) != 1 || h[0].Actor != "anna" {
		t.Errorf("history: %+v", h)
	}
	if list, err := s.st.UsersByName(ctx, "macuser"); err != nil || len(list) != 1 || list[0].ID != Anna.ID {
		t.Errorf("macuser is %+v, %v", list, err)
	}
	// What is Anna's now is not Ben's as well, and Ben's login is nobody's alias.
	for _, alias := range []string{"macuser", "anna"} {
		if remembered, err := s.st.ClaimJob(ctx, claimOf(Ben, add("", func(*job.Job) {}), alias)); err != nil || remembered {
			t.Errorf("%s for ben: %v, %v", alias, remembered, err)
		}
	}
	if remembered, err := s.st.ClaimJob(ctx, claimOf(Ben, add("", func(*job.Job) {}), "")); err != nil || remembered {
		t.Errorf("nothing to remember: %v, %v", remembered, err)
	}
	for name, id := range map[string]int64{
		"again": one, "somebody's": add(Anna.ID, func(*job.Job) {}), "not there": 1 << 40,
		"still arriving": add("", func(j *job.Job) { j.Reasons, j.Documents, j.Octets = []job.Reason{job.Incoming}, nil, 0 }),
	} {
		if _, err := s.st.ClaimJob(ctx, claimOf(Ben, id, "")); !fault.Is(err, fault.Conflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	senders, err := s.st.RecentSenders(ctx, 100)
	if err != nil || len(senders) != 2 {
		t.Errorf("senders: %+v, %v", senders, err)
	}
	if senders, err := s.st.RecentSenders(ctx, 1); err != nil || len(senders) != 0 { // the newest is nobody's
		t.Errorf("senders of the newest: %+v, %v", senders, err)
	}
	if senders, err := s.Stranger.RecentSenders(ctx, 100); err != nil || len(senders) != 0 {
		t.Errorf("senders of another tenant: %+v, %v", senders, err)
	}
	if _, err := s.Stranger.ClaimJob(ctx, claimOf(Ben, add("", func(*job.Job) {}), "")); !fault.Is(err, fault.Conflict) {
		t.Errorf("a job of another tenant: %v", err)
	}
}

// Of two who claim the same job one gets it.
func testClaimAtOnce(t *testing.T, s *suite) {
	j := NewJob("", Epoch)
	s.AddJob(t, j)
	var won, lost atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			switch _, err := s.st.ClaimJob(t.Context(), claimOf([]directory.User{Anna, Ben}[i%2], j.ID, "")); {
			case err == nil:
				won.Add(1)
			case fault.Is(err, fault.Conflict):
				lost.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || lost.Load() != 7 {
		t.Errorf("%d won, %d lost", won.Load(), lost.Load())
	}
}
