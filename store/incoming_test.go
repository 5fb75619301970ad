package store

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"platen/fault"
	"platen/job"
	"platen/site"
)

// announced is a job that came by IPP and has no documents yet.
func announced(name, owner string) *job.Job {
	j := newJob(name, owner)
	j.Reasons, j.Documents, j.Octets = []job.Reason{job.Incoming}, nil, 0
	j.Origin.Door = "ipp"
	return j
}

func anyone(int64, int) ([]job.Entry, error) {
	return []job.Entry{{At: epoch, Actor: "the node", Text: "Announced."}}, nil
}

// filled is it with its documents, owned by owner.
func filled(open *job.Job, name, owner string) *job.Job {
	j := newJob(name, owner)
	j.ID, j.UUID, j.Origin = open.ID, open.UUID, open.Origin
	return j
}

func admission() job.Admission {
	return job.Admission{Since: epoch.Add(-time.Hour), Admit: func(*job.Job, int64, int) ([]job.Entry, error) {
		return []job.Entry{{At: epoch, Actor: "the node", Text: "Filled."}}, nil
	}}
}

// TestOpenAndFill: the row is there first, with the reason why it waits; the
// documents make it what every other job is, and what its owner has is counted
// once.
func TestOpenAndFill(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	octets, jobs, err := w.a.Usage(ctx, anna)
	must(t, err)
	open := announced("open", anna)
	must(t, w.a.OpenJob(ctx, open, anyone))
	if got := w.job(t, open.ID); got.State != job.Held || !slices.Equal(got.Reasons, []job.Reason{job.Incoming}) || len(got.Documents) != 0 {
		t.Errorf("opened: %+v", got)
	}
	if o, n, err := w.a.Usage(ctx, anna); err != nil || o != octets || n != jobs+1 {
		t.Errorf("usage %d, %d, %v", o, n, err)
	}
	full := filled(open, "open", ben) // its document knew better whose it is
	must(t, w.a.FillJob(ctx, full, admission()))
	got := w.job(t, open.ID)
	if got.State != job.Held || !got.Has(job.HeldForRelease) || got.Owner != ben || len(got.Documents) != 2 || got.Octets != 1000 || got.UUID != open.UUID || got.Ticket.Title != full.Ticket.Title {
		t.Errorf("filled: %+v", got)
	}
	if o, n, err := w.a.Usage(ctx, anna); err != nil || o != octets || n != jobs {
		t.Errorf("anna has %d, %d, %v", o, n, err)
	}
	h, err := w.a.History(ctx, open.ID)
	must(t, err)
	if len(h) != 2 || h[0].Text != "Announced." || h[1].Text != "Filled." {
		t.Errorf("history %+v", h)
	}
	wantKind(t, "filled twice", w.a.FillJob(ctx, filled(open, "open", ben), admission()), fault.Conflict)
	wantKind(t, "an open job with documents", w.a.OpenJob(ctx, newJob("x", anna), anyone), fault.Invalid)
	wantKind(t, "a UUID that is there", w.a.OpenJob(ctx, announced("open", anna), anyone), fault.Conflict)
}

// TestFillWhatIsCanceled: a job that somebody has ended takes no documents.
func TestFillWhatIsCanceled(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	open := announced("open", anna)
	must(t, w.a.OpenJob(ctx, open, anyone))
	must(t, w.a.ChangeJob(ctx, open.ID, job.Guard{State: job.Held}, job.Change{State: job.Canceled, Reasons: []job.Reason{job.CanceledByUser}}, epoch))
	wantKind(t, "a canceled one", w.a.FillJob(ctx, filled(open, "open", anna), admission()), fault.Conflict)
	if got := w.job(t, open.ID); got.State != job.Canceled || len(got.Documents) != 0 {
		t.Errorf("%+v", got)
	}
	other := announced("other", anna)
	must(t, w.a.OpenJob(ctx, other, anyone))
	full := filled(other, "other", anna)
	refuse := admission()
	refuse.Admit = func(*job.Job, int64, int) ([]job.Entry, error) {
		return nil, &fault.Error{Op: "test", Kind: fault.Full}
	}
	wantKind(t, "no room", w.a.FillJob(ctx, full, refuse), fault.Full)
	if got := w.job(t, other.ID); !got.Has(job.Incoming) || len(got.Documents) != 0 {
		t.Errorf("half of it is there: %+v", got)
	}
}

// TestAbortIncoming ends what a node that died had announced, and nothing else.
func TestAbortIncoming(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	whole := w.add(t, "whole", anna)
	open := announced("open", anna)
	must(t, w.a.OpenJob(ctx, open, anyone))
	n, err := w.a.AbortIncoming(ctx, "It never came.", job.Entry{At: epoch, Actor: "the node", Text: "Aborted."})
	if err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
	if got := w.job(t, open.ID); got.State != job.Aborted || got.Message != "It never came." {
		t.Errorf("%+v", got)
	}
	if got := w.job(t, whole.ID); got.State != job.Held {
		t.Errorf("%+v", got)
	}
}

// TestJobsSent: each computer sees what came from it under the same name.
func TestJobsSent(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	here := netip.MustParseAddr("10.1.2.3")
	var ids []int64
	for _, name := range []string{"a", "b", "c"} {
		j := newJob("sent "+name, anna)
		j.Origin.Door = "ipp"
		must(t, w.a.AddJob(ctx, j, nil))
		ids = append(ids, j.ID)
	}
	lpd := w.add(t, "by lpd", anna)
	_ = lpd
	must(t, w.a.ChangeJob(ctx, ids[1], job.Guard{State: job.Held}, job.Change{State: job.Canceled, Reasons: []job.Reason{job.CanceledByUser}}, epoch))
	for name, tt := range map[string]struct {
		f    job.Sent
		want []int64
	}{
		"all":             {job.Sent{Client: here, Claimed: "ANNA"}, []int64{ids[2], ids[1], ids[0]}},
		"open":            {job.Sent{Client: here, Claimed: "ANNA", Open: true}, []int64{ids[2], ids[0]}},
		"done":            {job.Sent{Client: here, Claimed: "ANNA", Done: true}, []int64{ids[1]}},
		"limit":           {job.Sent{Client: here, Claimed: "ANNA", Limit: 1}, []int64{ids[2]}},
		"next page":       {job.Sent{Client: here, Claimed: "ANNA", Before: ids[1]}, []int64{ids[0]}},
		"another name":    {job.Sent{Client: here, Claimed: "ben"}, nil},
		"another address": {job.Sent{Client: netip.MustParseAddr("10.1.2.4"), Claimed: "ANNA"}, nil},
		"another queue":   {job.Sent{Client: here, Claimed: "ANNA", Queue: ben}, nil},
	} {
		list, err := w.a.JobsSent(ctx, tt.f)
		must(t, err)
		var got []int64
		for _, j := range list {
			got = append(got, j.ID)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
	if list, err := w.b.JobsSent(ctx, job.Sent{Client: here, Claimed: "ANNA"}); err != nil || len(list) != 0 {
		t.Errorf("another tenant sees %+v, %v", list, err)
	}
}

// TestSetTicket changes what a held job asks for, title included, and nothing
// that is not held.
func TestSetTicket(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	j := w.job(t, w.add(t, "held", anna).ID)
	j.Ticket.Title, j.Ticket.Copies, j.Ticket.HoldUntil, j.Ticket.PIN = "a new title", 7, "indefinite", &job.PIN{Encryption: "none", Verifier: "v"}
	must(t, w.a.SetTicket(ctx, j, job.Change{State: job.Held, Reasons: []job.Reason{job.HoldUntil}}, epoch))
	got := w.job(t, j.ID)
	if got.Ticket.Title != "a new title" || got.Ticket.Copies != 7 || got.Ticket.PIN == nil || got.Ticket.Claimed != "ANNA" || !got.Has(job.HoldUntil) {
		t.Errorf("%+v", got)
	}
	must(t, w.a.ChangeJob(ctx, j.ID, job.Guard{State: job.Held}, job.Change{State: job.Canceled}, epoch))
	stale := j
	stale.State = job.Pending
	wantKind(t, "one that has moved on", w.a.SetTicket(ctx, stale, job.Change{State: job.Held}, epoch), fault.Conflict)
	wantKind(t, "a canceled one", w.a.SetTicket(ctx, j, job.Change{State: job.Held}, epoch), fault.Conflict)
}

// TestCapabilitiesAndKey: what a device says of itself is kept; of several keys
// the first counts, until it is forgotten or the machine is another.
func TestCapabilitiesAndKey(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	d, err := w.a.Device(ctx, hall)
	must(t, err)
	must(t, w.a.SetCapabilities(ctx, d.ID, site.Capabilities{Media: []string{"iso_a4_210x297mm"}, Asked: epoch}))
	for _, key := range []string{"first", "second"} {
		if is, err := w.a.PinKey(ctx, d.ID, key); err != nil || is != "first" {
			t.Errorf("%s: %q, %v", key, is, err)
		}
	}
	d, err = w.a.Device(ctx, d.ID)
	if err != nil || d.Key != "first" || !slices.Equal(d.Capabilities.Media, []string{"iso_a4_210x297mm"}) {
		t.Errorf("%+v, %v", d, err)
	}
	d, err = w.a.ReplaceDevice(ctx, d.ID, Replacement{URI: "ipps://10.9.9.9/ipp/print"})
	if err != nil || d.Key != "" || d.Capabilities.Known() {
		t.Errorf("another machine: %+v, %v", d, err)
	}
	if _, err := w.a.PinKey(ctx, anna, "x"); !fault.Is(err, fault.NotFound) {
		t.Errorf("the key of no device: %v", err)
	}
}

// TestQueueWaiting: a row that is on its way counts.
func TestQueueWaiting(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	waiting := func() int {
		t.Helper()
		n, err := w.a.QueueWaiting(ctx, secure)
		must(t, err)
		return n
	}
	before := waiting()
	j := w.add(t, "one more", anna)
	if n := waiting(); n != before+1 {
		t.Errorf("%d after %d and one more", n, before)
	}
	must(t, w.a.AdmitJob(ctx, newJob("on its way", anna), job.Admission{Redo: true, Admit: func(*job.Job, int64, int) ([]job.Entry, error) { return nil, nil }}))
	if n := waiting(); n != before+2 {
		t.Errorf("%d after %d and two more, one of them on its way", n, before)
	}
	must(t, w.a.ChangeJob(ctx, j.ID, job.Guard{State: job.Held}, job.Change{State: job.Canceled}, epoch))
	if n := waiting(); n != before+1 {
		t.Errorf("%d when one was canceled", n)
	}
	if n, err := w.b.QueueWaiting(ctx, attic); err != nil || n != 0 {
		t.Errorf("another tenant, no queue: %d, %v", n, err)
	}
}
