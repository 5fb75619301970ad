package intake

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"platen/fault"
	"platen/job"
)

func (f *fakeStore) OpenJob(_ context.Context, j *job.Job, admit func(int64, int) ([]job.Entry, error)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	octets, jobs, err := f.usage(j.Owner)
	if err != nil {
		return err
	}
	h, err := admit(octets, jobs)
	if err != nil {
		return err
	}
	j.ID = int64(len(f.jobs) + 1)
	f.jobs = append(f.jobs, *j)
	f.history[j.ID] = h
	return nil
}

func (f *fakeStore) FillJob(_ context.Context, j *job.Job, how job.Admission) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if was := &f.jobs[j.ID-1]; was.State != job.Held || !was.Has(job.Incoming) {
		return &fault.Error{Op: "fake", Kind: fault.Conflict}
	}
	h, err := how.Admit(j, 0, 0)
	if err != nil {
		return err
	}
	f.jobs[j.ID-1] = *j
	f.history[j.ID] = append(f.history[j.ID], h...)
	return nil
}

func (f *fakeStore) Jobs(_ context.Context, want job.Filter) (list []job.Job, err error) {
	for _, j := range slices.Backward(f.all()) {
		if (want.Owner == "" || want.Owner == j.Owner) && (want.Queue == "" || want.Queue == j.Queue) &&
			(len(want.States) == 0 || slices.Contains(want.States, j.State)) {
			list = append(list, j)
		}
	}
	return list, f.broken
}

func (f *fakeStore) JobsSent(_ context.Context, s job.Sent) (list []job.Job, err error) {
	for _, j := range slices.Backward(f.all()) {
		if j.Origin.Client == s.Client && j.Ticket.Claimed == s.Claimed && (!s.Open || !j.State.Done()) && (!s.Done || j.State.Done()) {
			list = append(list, j)
		}
	}
	return list, f.broken
}

func (f *fakeStore) ChangeJob(_ context.Context, id int64, g job.Guard, c job.Change, _ time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	j := &f.jobs[id-1]
	if j.State != g.State {
		return &fault.Error{Op: "fake", Kind: fault.Conflict}
	}
	j.State, j.Reasons, j.Message, j.Device, j.NotBefore = c.State, c.Reasons, c.Message, c.Device, c.NotBefore
	f.history[id] = append(f.history[id], c.History...)
	return nil
}

func (f *fakeStore) SetTicket(ctx context.Context, j job.Job, c job.Change, now time.Time) error {
	if err := f.ChangeJob(ctx, j.ID, job.Guard{State: j.State}, c, now); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.jobs[j.ID-1].Ticket = j.Ticket
	return nil
}

func (f *fakeStore) AskCancel(_ context.Context, id int64, _ string, h job.Entry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.jobs[id-1].Reasons = []job.Reason{job.Outgoing, job.ProcessingToStopPoint}
	f.history[id] = append(f.history[id], h)
	return nil
}

func (f *fakeStore) AbortJob(_ context.Context, id int64, reasons []job.Reason, message string, h job.Entry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	j := &f.jobs[id-1]
	if j.State.Done() {
		return &fault.Error{Op: "fake", Kind: fault.Conflict}
	}
	j.State, j.Reasons, j.Message = job.Aborted, reasons, message
	f.history[id] = append(f.history[id], h)
	return nil
}

func fromIPP(queue string) job.Origin {
	return job.Origin{Door: doorIPP, Queue: queue, Client: someClient}
}

func asker(name string) job.Requester {
	return job.Requester{Client: someClient, Claimed: name, Actor: name}
}

// TestCreate: the row is there before the documents, says so, and is filled by
// them; or aborted when they do not come.
func TestCreate(t *testing.T) {
	n := newNode(t)
	ctx := t.Context()
	in, err := n.Create(ctx, fromIPP("secure"), job.Ticket{Title: canary, Claimed: "anna"})
	if err != nil {
		t.Fatal(err)
	}
	open := in.Job()
	if got := n.store.all()[open.ID-1]; got.State != job.Held || !got.Has(job.Incoming) || got.Owner != "u-anna" || len(got.Documents) != 0 {
		t.Errorf("opened: %+v", got)
	}
	d, err := in.Document(ctx, "a", strings.NewReader("%PDF-1.4 something"))
	if err != nil {
		t.Fatal(err)
	}
	j, err := in.Submit(ctx, job.Ticket{Title: canary, Claimed: "anna"}, []job.Piece{{Number: d, Copies: 1}})
	if err != nil || j.ID != open.ID || j.UUID != open.UUID || !j.Has(job.HeldForRelease) || len(j.Documents) != 1 {
		t.Fatalf("filled: %+v, %v", j, err)
	}
	in.Abandon() // does nothing any longer
	if got := n.store.all()[open.ID-1]; got.State != job.Held || got.Has(job.Incoming) {
		t.Errorf("after all: %+v", got)
	}

	gone, err := n.Create(ctx, fromIPP("secure"), job.Ticket{Claimed: "anna"})
	if err != nil {
		t.Fatal(err)
	}
	gone.Abandon()
	if got := n.store.all()[gone.Job().ID-1]; got.State != job.Aborted || got.Message == "" {
		t.Errorf("abandoned: %+v", got)
	}

	canceled, err := n.Create(ctx, fromIPP("secure"), job.Ticket{Claimed: "anna"})
	if err != nil {
		t.Fatal(err)
	}
	id := canceled.Job().ID
	if err := n.CancelOwn(ctx, asker("anna"), id); err != nil {
		t.Fatal(err)
	}
	if d, err = canceled.Document(ctx, "a", strings.NewReader("late")); err != nil {
		t.Fatal(err)
	}
	if _, err := canceled.Submit(ctx, job.Ticket{Claimed: "anna"}, []job.Piece{{Number: d, Copies: 1}}); !fault.Is(err, fault.Conflict) {
		t.Errorf("a document of a canceled job: %v", err)
	}
	if got := n.store.all()[id-1]; got.State != job.Canceled {
		t.Errorf("canceled meanwhile: %+v", got)
	}
}

// TestOwn: a job is seen by its owner, and by nobody else who only says so.
func TestOwn(t *testing.T) {
	n := newNode(t)
	ctx := t.Context()
	j, err := n.sendAs(fromIPP("secure"), job.Ticket{Claimed: "Anna"}, "text")
	if err != nil {
		t.Fatal(err)
	}
	proven, err := n.sendAs(job.Origin{Door: doorIPP, Queue: "secure", Client: someClient, User: "u-anna"}, job.Ticket{Claimed: "x"}, "text")
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		r          job.Requester
		id         int64
		mayAndSees bool
	}{
		"the same name in another case":          {asker("ANNA"), j.ID, true},
		"another name":                           {asker("ben"), j.ID, false},
		"another address":                        {job.Requester{Client: otherClient, Claimed: "anna"}, j.ID, false},
		"no address":                             {job.Requester{Claimed: "anna"}, j.ID, false},
		"proven, another computer":               {job.Requester{Client: otherClient, User: "u-anna"}, j.ID, true},
		"proven to be somebody else":             {job.Requester{Client: someClient, Claimed: "anna", User: "u-ben"}, j.ID, false},
		"an administrator":                       {job.Requester{Client: otherClient, Admin: true}, j.ID, true},
		"a name alone for what came with proof":  {asker("x"), proven.ID, false},
		"proof for what came with proof":         {job.Requester{Client: otherClient, User: "u-anna"}, proven.ID, true},
		"the owner's name for what came proven":  {asker("anna"), proven.ID, false},
		"a number that nobody has":               {job.Requester{Admin: true}, 99, false},
		"somebody else for what came with proof": {job.Requester{User: "u-ben"}, proven.ID, false},
	} {
		if _, err := n.Own(ctx, tt.r, tt.id); (err == nil) != tt.mayAndSees || err != nil && !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestHoldAndRelease: what a client holds it may release, and what waits at a
// device it may not.
func TestHoldAndRelease(t *testing.T) {
	n := newNode(t)
	ctx := t.Context()
	anna := asker("anna")
	held, err := n.sendAs(fromIPP("labels"), job.Ticket{Claimed: "anna", HoldUntil: "indefinite"}, "x")
	if err != nil || held.State != job.Held || !held.Has(job.HoldUntil) {
		t.Fatalf("job-hold-until: %+v, %v", held, err)
	}
	n.released = nil
	if err := n.ReleaseOwn(ctx, anna, held.ID); err != nil {
		t.Fatal(err)
	}
	if got := n.store.all()[held.ID-1]; got.State != job.Pending || got.Device != "d-zebra" || !slices.Equal(n.released, []string{"d-zebra"}) {
		t.Errorf("released: %+v, %v", got, n.released)
	}
	if err := n.ReleaseOwn(ctx, anna, held.ID); !fault.Is(err, fault.Conflict) {
		t.Errorf("released twice: %v", err)
	}
	if err := n.HoldOwn(ctx, anna, held.ID); err != nil {
		t.Error(err)
	}
	if got := n.store.all()[held.ID-1]; got.State != job.Held || got.Device != "" || !got.Has(job.HoldUntil) {
		t.Errorf("held again: %+v", got)
	}

	waits, err := n.sendAs(fromIPP("secure"), job.Ticket{Claimed: "anna"}, "x")
	if err != nil {
		t.Fatal(err)
	}
	if err := n.ReleaseOwn(ctx, anna, waits.ID); !fault.Is(err, fault.Conflict) || !strings.Contains(fault.Text(err), "at a device") {
		t.Errorf("a computer released what waits at a device: %v", err)
	}
	if err := n.HoldOwn(ctx, anna, waits.ID); err != nil {
		t.Error(err)
	}
	if err := n.ReleaseOwn(ctx, anna, waits.ID); err != nil {
		t.Error(err)
	}
	if got := n.store.all()[waits.ID-1]; got.State != job.Held || !slices.Equal(got.Reasons, []job.Reason{job.HeldForRelease}) {
		t.Errorf("it waits again: %+v", got)
	}

	pin, err := n.sendAs(fromIPP("labels"), job.Ticket{Claimed: "anna", PIN: &job.PIN{Encryption: "none", Verifier: "x"}}, "x")
	if err != nil || pin.State != job.Held || !pin.Has(job.PasswordWait) {
		t.Fatalf("job-password: %+v, %v", pin, err)
	}
	if err := n.ReleaseOwn(ctx, anna, pin.ID); !fault.Is(err, fault.Conflict) {
		t.Errorf("a job with a PIN was released by its computer: %v", err)
	}
	if err := n.HoldOwn(ctx, anna, pin.ID); err != nil {
		t.Error(err)
	}
	if err := n.ReleaseOwn(ctx, anna, pin.ID); err != nil {
		t.Error(err)
	}
	if got := n.store.all()[pin.ID-1]; got.State != job.Held || !slices.Equal(got.Reasons, []job.Reason{job.HeldForRelease, job.PasswordWait}) {
		t.Errorf("held and released by its computer: %+v", got)
	}
	// Released with its PIN, held by its computer, and released by it: the PIN
	// is asked for again.
	n.store.change(pin.ID, func(j *job.Job) { j.State, j.Reasons, j.Device = job.Pending, []job.Reason{job.Queued}, "d-zebra" })
	if err := n.HoldOwn(ctx, anna, pin.ID); err != nil {
		t.Error(err)
	}
	if err := n.ReleaseOwn(ctx, anna, pin.ID); err != nil {
		t.Error(err)
	}
	if got := n.store.all()[pin.ID-1]; got.State != job.Held || !slices.Equal(got.Reasons, []job.Reason{job.HeldForRelease, job.PasswordWait}) {
		t.Errorf("held on its way: %+v", got)
	}

	// A queue that holds nothing holds a PIN, whoever sent it.
	strange, err := n.sendAs(fromIPP("labels"), job.Ticket{Claimed: "a stranger", PIN: &job.PIN{Encryption: "none", Verifier: "x"}}, "x")
	if err != nil || !strange.Unclaimed() || strange.State != job.Held || !slices.Equal(strange.Reasons, []job.Reason{job.HeldForAuthorization, job.PasswordWait}) {
		t.Errorf("the PIN of somebody unknown: %+v, %v", strange, err)
	}
	if h := n.store.told(strange.ID); !slices.ContainsFunc(h, func(e job.Entry) bool {
		return strings.HasPrefix(e.Text, "Held until an administrator says whose it is")
	}) {
		t.Errorf("its history: %+v", h)
	}
}

// TestChangeTicket: Set-Job-Attributes changes what is held, and job-hold-until
// holds and releases.
func TestChangeTicket(t *testing.T) {
	n := newNode(t)
	ctx := t.Context()
	anna := asker("anna")
	j, err := n.sendAs(fromIPP("labels"), job.Ticket{Claimed: "anna", HoldUntil: "indefinite"}, "x")
	if err != nil {
		t.Fatal(err)
	}
	if err := n.ChangeTicket(ctx, anna, j.ID, func(t *job.Ticket) { t.Copies = 3 }); err != nil {
		t.Fatal(err)
	}
	if got := n.store.all()[j.ID-1]; got.Ticket.Copies != 3 || got.State != job.Held {
		t.Errorf("%+v", got)
	}
	if err := n.ChangeTicket(ctx, anna, j.ID, func(t *job.Ticket) { t.HoldUntil = "no-hold" }); err != nil {
		t.Fatal(err)
	}
	if got := n.store.all()[j.ID-1]; got.State != job.Pending || got.Device != "d-zebra" {
		t.Errorf("no-hold: %+v", got)
	}
	if err := n.ChangeTicket(ctx, anna, j.ID, func(*job.Ticket) {}); !fault.Is(err, fault.Conflict) {
		t.Errorf("what is not held was changed: %v", err)
	}
}

// TestPausedQueue: jobs of a paused queue wait, and go on.
func TestPausedQueue(t *testing.T) {
	n := newNode(t)
	ctx := t.Context()
	labels := &n.store.queues[1]
	labels.IPP.Paused = true
	waits, err := n.sendAs(fromIPP("labels"), job.Ticket{Claimed: "anna"}, "x")
	if err != nil || waits.State != job.Pending || !waits.NotBefore.After(someTime.AddDate(100, 0, 0)) || waits.Message == "" {
		t.Fatalf("%+v, %v", waits, err)
	}
	labels.IPP.Paused, labels.IPP.HoldNew = false, true
	held, err := n.sendAs(fromIPP("labels"), job.Ticket{Claimed: "anna"}, "y")
	if err != nil || held.State != job.Held {
		t.Fatalf("%+v, %v", held, err)
	}
	labels.IPP.HoldNew = false
	own, err := n.sendAs(fromIPP("labels"), job.Ticket{Claimed: "anna"}, "z")
	if err != nil {
		t.Fatal(err)
	}
	if err := n.HoldOwn(ctx, asker("anna"), own.ID); err != nil {
		t.Fatal(err)
	}
	if err := n.Resume(ctx, *labels); err != nil {
		t.Fatal(err)
	}
	for _, id := range []int64{waits.ID, held.ID} {
		if got := n.store.all()[id-1]; got.State != job.Pending || !got.NotBefore.IsZero() || got.Device != "d-zebra" {
			t.Errorf("resumed: %+v", got)
		}
	}
	if got := n.store.all()[own.ID-1]; got.State != job.Held {
		t.Errorf("what somebody has held was let go because its queue goes on: %+v", got)
	}
}

// TestCheck refuses at Validate-Job what would be refused later.
func TestCheck(t *testing.T) {
	n := newNode(t)
	for name, tt := range map[string]struct {
		queue, user string
		kind        fault.Kind
	}{
		"nobody's queue":  {"nowhere", "anna", fault.NotFound},
		"a closed one":    {"closed", "anna", fault.Unavailable},
		"without a right": {"secure", "anna", fault.Denied},
	} {
		if err := n.Check(t.Context(), fromIPP(tt.queue), job.Ticket{Claimed: tt.user}); !fault.Is(err, tt.kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := n.Check(t.Context(), fromIPP("secure"), job.Ticket{Claimed: "stranger"}); err != nil {
		t.Errorf("a stranger's job is taken and unclaimed, so it is valid: %v", err)
	}
	if all := n.store.all(); len(all) != 0 {
		t.Errorf("a check left jobs: %+v", all)
	}
}

// change changes a job behind everybody's back.
func (f *fakeStore) change(id int64, how func(*job.Job)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	how(&f.jobs[id-1])
}

// told returns the history of a job.
func (f *fakeStore) told(id int64) []job.Entry {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.history[id])
}

// TestWhoIsToldANumber: over IPP it is known before the documents are sealed, so that
// a start that finds only these gives the same one; by LPR nobody is told.
func TestWhoIsToldANumber(t *testing.T) {
	n := newNode(t)
	for _, tt := range []struct {
		origin job.Origin
		told   bool
	}{{from("secure"), false}, {job.Origin{Door: doorIPP, Queue: "secure", Client: someClient}, true}} {
		j, err := n.sendAs(tt.origin, job.Ticket{Claimed: "anna"}, "text")
		if err != nil {
			t.Fatal(err)
		}
		m, err := n.Spool.Manifest(j.Documents[0].File)
		if err != nil || j.ID == 0 || tt.told && m.Job.ID != j.ID || !tt.told && m.Job.ID != 0 {
			t.Errorf("%s: job %d, its document says %d, %v", tt.origin.Door, j.ID, m.Job.ID, err)
		}
	}
}
