package release_test

import (
	"testing"

	"platen/fault"
	"platen/job"
	"platen/site"
)

// What a device cannot print is known before anybody releases it: it says so in
// the list, it stays held, and the others go.
func TestWhatADeviceCannotPrint(t *testing.T) {
	const why = "This device cannot print this document."
	d := newDesk(t)
	d.Prints = func(j job.Job, dev site.Device) string {
		if j.Documents[0].Language == "xps" && dev.ID == hall.Device {
			return why
		}
		return ""
	}
	sess := d.anna(t)
	xps := func() int64 { return d.with(t, func(j *job.Job) { j.Documents[0].Language = "xps" }) }
	one, pdf := xps(), d.held(t, anna.ID)
	views, err := d.Jobs(t.Context(), sess)
	must(t, err)
	for _, v := range views {
		if bad := v.ID == one; v.Releasable == bad || (v.WhyNot == why) != bad {
			t.Errorf("%+v", v)
		}
	}
	_, err = d.Release(t.Context(), sess, []int64{one}, job.Options{}, nil, "")
	if !fault.Is(err, fault.Conflict) || fault.Text(err) != why {
		t.Errorf("%v", err)
	}
	r, err := d.ReleaseAll(t.Context(), sess, job.Options{}, nil, "")
	must(t, err)
	for _, it := range r.Items {
		if bad := it.Job == one; (it.Status == job.StatusFailed) != bad || (it.Reason == why) != bad {
			t.Errorf("%+v", it)
		}
	}
	d.wantState(t, one, job.Held)
	d.wantState(t, pdf, job.Pending)
}
