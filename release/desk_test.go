package release_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/job"
	"platen/release"
	"platen/release/releasetest"
	"platen/site"
)

var (
	anna, ben, eve = releasetest.Anna, releasetest.Ben, releasetest.Eve
	hall, attic    = releasetest.HallPanel, releasetest.AtticPanel
	here           = netip.MustParseAddr("192.0.2.7")
)

// annasCard is what the reader sends for it.
const annasCard = "04A1B2C3D4"

// desk is a Service before a Store in memory, with everything it calls.
type desk struct {
	*release.Service
	releasetest.Fixture
	store    *releasetest.Fake
	log      *bytes.Buffer
	verified atomic.Int64 // secrets compared, of users and of nobody
	real     atomic.Int64 // secrets compared with one that somebody has
	woken    []string
	stopped  []int64
}

type digests struct{}

func (digests) CardDigest(n string) []byte  { return []byte("card:" + n) }
func (digests) PINDigest(p string) []byte   { return []byte("pin:" + p) }
func (digests) TokenDigest(t string) []byte { return []byte("token:" + t) }

func newDesk(t testing.TB) *desk {
	t.Helper()
	st := releasetest.NewFake(time.Now)
	d := &desk{Fixture: st.Fixture(releasetest.NewFake(time.Now)), store: st}
	d.Service = d.service()
	releasetest.Furnish(t, d.Fixture)
	number, err := directory.NormalCard(annasCard)
	must(t, err)
	must(t, st.PutCard(t.Context(), directory.Card{ID: job.NewUUID(), User: anna.ID, Digest: digests{}.CardDigest(number), Last: "3D4"}))
	return d
}

// service is a new one over the same store, as after a restart.
func (d *desk) service() *release.Service {
	d.log = &bytes.Buffer{}
	return &release.Service{
		Store: d.store, Digests: digests{}, Now: time.Now, Limits: release.DefaultLimits(),
		Log: slog.New(slog.NewTextHandler(d.log, nil)),
		Verify: func(phc, secret string) bool {
			d.verified.Add(1)
			if phc != "" {
				d.real.Add(1)
			}
			return phc == "phc:"+secret
		},
		Wake:   func(device string) { d.woken = append(d.woken, device) },
		Cancel: func(id int64) { d.stopped = append(d.stopped, id) },
		Allows: func(j job.Job, _ site.Device) (copies, sides bool) {
			return j.Documents[0].Language == "pdf", j.Documents[0].Language == "postscript"
		},
		Greys: func(j job.Job, _ site.Device) bool { return j.Documents[0].Language == "postscript" },
	}
}

func card(number string) release.Credentials {
	return release.Credentials{Method: directory.MethodCard, Value: number}
}

// read is a card that a reader typed into the page.
func read(number string) directory.Reading { return directory.Reading{Raw: number} }

func pin(user, value string) release.Credentials {
	return release.Credentials{Method: directory.MethodPIN, User: user, Value: value}
}

func code(value string) release.Credentials {
	return release.Credentials{Method: directory.MethodCode, Value: value}
}

func password(user, value string) release.Credentials {
	return release.Credentials{Method: directory.MethodPassword, User: user, Value: value}
}

// signIn is somebody who gets in.
func (d *desk) signIn(t testing.TB, m site.Terminal, c release.Credentials) (release.Session, string) {
	t.Helper()
	sess, token, err := d.SignIn(t.Context(), m, c, here)
	if err != nil {
		t.Fatalf("sign-in at %s: %v", m.Name, err)
	}
	return sess, token
}

func (d *desk) anna(t testing.TB) release.Session {
	t.Helper()
	sess, _ := d.signIn(t, hall, card(annasCard))
	return sess
}

// annaAt is Anna at the other terminal, who leaves the first one alone.
func (d *desk) annaAt(t testing.TB) release.Session {
	t.Helper()
	sess, _ := d.signIn(t, attic, card(annasCard))
	return sess
}

func (d *desk) job(t testing.TB, id int64) job.Job {
	t.Helper()
	j, err := d.store.Job(t.Context(), id)
	must(t, err)
	return j
}

// held adds a held job and returns its number.
func (d *desk) held(t testing.TB, owner string) int64 {
	t.Helper()
	j := releasetest.NewJob(owner, time.Now())
	d.AddJob(t, j)
	return j.ID
}

// with adds a held job of Anna that is different.
func (d *desk) with(t testing.TB, change func(*job.Job)) int64 {
	t.Helper()
	j := releasetest.NewJob(anna.ID, time.Now())
	change(j)
	d.AddJob(t, j)
	return j.ID
}

// uncertain adds a job of Anna whose delivery was interrupted at the hall.
func (d *desk) uncertain(t testing.TB, sess release.Session) int64 {
	t.Helper()
	id := d.held(t, anna.ID)
	d.release(t, sess, id)
	d.Fixture.Claim(t, id)
	d.Finish(t, id, job.Change{State: job.Stopped, Reasons: []job.Reason{job.Suspended}, Device: sess.Device,
		Message: "The delivery was interrupted."}, time.Now())
	return id
}

// printed adds a job of Anna that was printed and is kept.
func (d *desk) printed(t testing.TB, sess release.Session) int64 {
	t.Helper()
	id := d.held(t, anna.ID)
	d.release(t, sess, id)
	d.complete(t, id, sess.Device)
	return id
}

func (d *desk) complete(t testing.TB, id int64, device string) {
	t.Helper()
	d.Fixture.Claim(t, id)
	d.Finish(t, id, job.Change{State: job.Completed, Reasons: []job.Reason{job.CompletedSuccessfully, job.JobStored}, Device: device,
		ExpiresAt: time.Now().Add(2 * time.Hour)}, time.Now())
}

func (d *desk) release(t testing.TB, sess release.Session, ids ...int64) job.Release {
	t.Helper()
	r, err := d.Release(t.Context(), sess, ids, job.Options{}, nil, "")
	must(t, err)
	return r
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
	if err != nil && fault.Text(err) == fault.Text(errors.New("")) {
		t.Errorf("%s: nobody can read %v", what, err)
	}
}

// wantRefused checks the reason of a refused sign-in.
func wantRefused(t testing.TB, err error, reason string) {
	t.Helper()
	r := (*release.Refused)(nil)
	if !errors.As(err, &r) || r.Reason != reason {
		t.Errorf("err = %v, want it refused as %q", err, reason)
	}
}

// wantThrottled returns how long the person has to wait.
func wantThrottled(t testing.TB, err error) time.Duration {
	t.Helper()
	th := (*release.Throttled)(nil)
	if !errors.As(err, &th) {
		t.Fatalf("err = %v, want it throttled", err)
	}
	if th.RetryAfter <= 0 || th.RetryAfter%time.Second != 0 || !fault.Is(err, fault.Unavailable) {
		t.Errorf("throttled: %+v", th)
	}
	return th.RetryAfter
}

func (d *desk) wantState(t testing.TB, id int64, want job.State) {
	t.Helper()
	if j := d.job(t, id); j.State != want {
		t.Errorf("job %d is %v, want %v", id, j.State, want)
	}
}

func (d *desk) wantHistory(t testing.TB, id int64, actor, text string, args ...any) {
	t.Helper()
	h := d.History(t, id)
	if !slices.ContainsFunc(h, func(e job.Entry) bool {
		return e.Actor == actor && e.Text == text && slices.Equal(e.Args, args)
	}) {
		t.Errorf("history of job %d lacks %s: %q %v\ngot %+v", id, actor, text, args, h)
	}
}
