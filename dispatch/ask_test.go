package dispatch_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"platen/accounting"
	"platen/device"
	"platen/dispatch"
	"platen/fault"
	"platen/internal/testkit/devicetest"
	"platen/job"
	"platen/site"
)

// asker is a device that can be asked afterwards.
type asker struct {
	*devicetest.Fake
	ask   func(ctx context.Context, uuid, send string) (device.Result, bool, error)
	asked int
}

func (a *asker) Ask(ctx context.Context, uuid, send string) (device.Result, bool, error) {
	a.asked++
	return a.ask(ctx, uuid, send)
}

// says is an asker's answer.
type says struct {
	res   device.Result
	found bool
	err   error
}

func (s says) ask(context.Context, string, string) (device.Result, bool, error) {
	return s.res, s.found, s.err
}

func result(e job.Evidence, octets int64, impressions int) device.Result {
	return device.Result{Evidence: e, Octets: octets, Impressions: impressions, Sheets: job.Unknown}
}

var (
	away     = &fault.Error{Op: "test", Kind: fault.Unavailable, Text: "The device no longer answers."}
	gaveUp   = &fault.Error{Op: "test", Kind: fault.Unavailable, Text: "The device gave up the job."}
	canceled = device.RefusedError(&fault.Error{Op: "test", Kind: fault.Conflict, Text: "Somebody canceled the job at the device."})
	noPDF    = device.RefusedError(&fault.Error{Op: "test", Kind: fault.Invalid, Text: "The device cannot print this document."})
)

// inAsked is in with one device, "a", that can be asked.
func inAsked(t *testing.T, prepare func(h *house, a *asker), test func(t *testing.T, h *house, a *asker)) {
	var a *asker
	in(t, []string{"a"}, func(h *house) {
		a = &asker{Fake: h.devices["a"]}
		h.Open = func(site.Device) (device.Device, error) { return a, nil }
		prepare(h, a)
	}, func(t *testing.T, h *house) { test(t, h, a) })
}

func TestRecoverAsks(t *testing.T) {
	tests := map[string]struct {
		answer says
		entry  func(*entry)
		queue  string
		state  job.State
		reason job.Reason
		row    accounting.Outcome
		ev     job.Evidence
		octets int64
	}{
		"it is out":                    {answer: says{result(job.Confirmed, job.Unknown, 7), true, nil}, state: job.Completed, reason: job.CompletedSuccessfully, row: accounting.Printed, ev: job.Confirmed, octets: 5000},
		"it is out, in full":           {answer: says{result(job.Confirmed, 5120, 7), true, nil}, state: job.Completed, reason: job.CompletedSuccessfully, row: accounting.Printed, ev: job.Confirmed, octets: 5000},
		"half of it is out":            {answer: says{result(job.Confirmed, 2048, 7), true, nil}, state: job.Stopped, reason: job.Suspended, row: accounting.Uncertain, ev: job.Partial, octets: job.Unknown},
		"some of it may be out":        {answer: says{result(job.Partial, job.Unknown, 2), true, gaveUp}, state: job.Stopped, reason: job.Suspended, row: accounting.Uncertain, ev: job.Partial, octets: job.Unknown},
		"the device does not know":     {answer: says{}, state: job.Stopped, reason: job.Suspended, row: accounting.Uncertain, ev: job.Partial, octets: job.Unknown},
		"nothing is out":               {answer: says{result(job.NoneAccepted, 0, 0), true, gaveUp}, state: job.Pending, reason: job.Queued, row: accounting.Failed, ev: job.NoneAccepted},
		"F21 so, the second time":      {answer: says{result(job.NoneAccepted, 0, 0), true, gaveUp}, entry: func(e *entry) { e.job.Crashes = 1 }, state: job.Held, reason: job.HeldForRelease, row: accounting.Failed, ev: job.NoneAccepted},
		"canceled there":               {answer: says{result(job.NoneAccepted, 0, 0), true, canceled}, state: job.Held, reason: job.HeldForRelease, row: accounting.Failed, ev: job.NoneAccepted},
		"canceled there, passed on":    {answer: says{result(job.NoneAccepted, 0, 0), true, canceled}, queue: "pass", state: job.Canceled, reason: job.CanceledByOperator, row: accounting.Canceled, ev: job.NoneAccepted},
		"unprintable, passed on":       {answer: says{result(job.NoneAccepted, 0, 0), true, noPDF}, queue: "pass", state: job.Aborted, reason: job.AbortedBySystem, row: accounting.Failed, ev: job.NoneAccepted},
		"the device is away for good":  {answer: says{err: away}, state: job.Stopped, reason: job.Suspended, row: accounting.Uncertain, ev: job.Partial, octets: job.Unknown},
		"of a device that is disabled": {answer: says{result(job.Confirmed, job.Unknown, 7), true, nil}, entry: func(e *entry) { e.boot = "disabled" }, state: job.Completed, reason: job.CompletedSuccessfully, row: accounting.Printed, ev: job.Confirmed, octets: 5000},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var id int64
			inAsked(t, func(h *house, a *asker) {
				queue := "hold"
				if tt.queue != "" {
					queue = tt.queue
				}
				id = h.add(queue, "a", 5000)
				e := h.rows.jobs[id]
				e.job.State, e.job.Reasons, e.boot, e.send = job.Processing, []job.Reason{job.Outgoing}, "before", "s"
				if tt.entry != nil {
					tt.entry(e)
				}
				if e.boot == "disabled" {
					d := h.rows.devices["a"]
					d.Enabled = false
					h.rows.devices["a"] = d
				}
				a.ask = func(_ context.Context, uuid, send string) (device.Result, bool, error) {
					if uuid != e.job.UUID || send != "s" {
						t.Errorf("asked for %q, %q", uuid, send)
					}
					return tt.answer.ask(nil, uuid, send) //nolint:staticcheck // it has no use for one
				}
				a.Gate = make(chan struct{}) // what is sent again stays where it can be seen
			}, func(t *testing.T, h *house, a *asker) {
				if errors.Is(tt.answer.err, away) {
					wantState(t, h, id, job.Processing, job.Outgoing)
					time.Sleep(6 * time.Minute)
				}
				synctest.Wait()
				j := wantState(t, h, id, tt.state, tt.reason)
				if j.Crashes == 0 {
					t.Error("the crash is not counted")
				}
				if row := wantRow(t, h, id, tt.row, tt.ev); row.ID != "s" || row.Octets != tt.octets {
					t.Errorf("row %+v", row)
				}
			})
		})
	}
}

// What waits behind a send that is asked about goes on when that has an end,
// and other devices do not wait at all.
func TestRecoverFollowsToTheEnd(t *testing.T) {
	release := make(chan struct{})
	synctest.Test(t, func(t *testing.T) {
		release = make(chan struct{})
		h := newHouse(t, "a", "b")
		a := &asker{Fake: h.devices["a"], ask: func(ctx context.Context, _, _ string) (device.Result, bool, error) {
			select {
			case <-release:
				return result(job.Confirmed, job.Unknown, 3), true, nil
			case <-ctx.Done():
				return result(job.NoneAccepted, 0, 0), true, ctx.Err()
			}
		}}
		h.Open = func(d site.Device) (device.Device, error) {
			if d.ID == "a" {
				return a, nil
			}
			return h.devices["b"], nil
		}
		old := h.add("hold", "a", 100)
		e := h.rows.jobs[old]
		e.job.State, e.job.Reasons, e.boot, e.send = job.Processing, []job.Reason{job.Outgoing}, "before", "s"
		h.start(t)
		synctest.Wait()
		behind, beside := h.release("hold", "a", 100), h.release("hold", "b", 100)
		time.Sleep(3 * time.Hour)
		wantStatePending(t, h, behind)
		wantState(t, h, beside, job.Completed, job.CompletedSuccessfully)
		close(release)
		synctest.Wait()
		wantState(t, h, old, job.Completed, job.CompletedSuccessfully)
		wantState(t, h, behind, job.Completed, job.CompletedSuccessfully)
		h.stop()
	})
}

// A job that is asked about can be canceled, also when that was asked for
// before the crash.
func TestRecoverCancels(t *testing.T) {
	for name, before := range map[string]bool{"before the crash": true, "after it": false} {
		t.Run(name, func(t *testing.T) {
			var id int64
			inAsked(t, func(h *house, a *asker) {
				id = h.add("hold", "a", 100)
				e := h.rows.jobs[id]
				e.job.State, e.job.Reasons, e.boot, e.send, e.cancel = job.Processing, []job.Reason{job.Outgoing}, "before", "s", before
				a.ask = func(ctx context.Context, _, _ string) (device.Result, bool, error) {
					<-ctx.Done()
					return result(job.NoneAccepted, 0, 0), true, ctx.Err()
				}
			}, func(t *testing.T, h *house, _ *asker) {
				if !before {
					wantState(t, h, id, job.Processing, job.Outgoing)
					h.rows.change(func() { h.rows.jobs[id].cancel = true })
					h.Cancel(id)
					synctest.Wait()
				}
				wantState(t, h, id, job.Canceled, job.CanceledByUser)
				wantRow(t, h, id, accounting.Canceled, job.NoneAccepted)
			})
		})
	}
}

// A delivery that breaks off is asked about before it is uncertain.
func TestInterruptedIsAskedAbout(t *testing.T) {
	tests := map[string]struct {
		dies    int64
		answers []says
		state   job.State
		reason  job.Reason
		row     accounting.Outcome
		ev      job.Evidence
	}{
		"all had gone, and it is out":    {5000, []says{{result(job.Confirmed, job.Unknown, 3), true, nil}}, job.Completed, job.CompletedSuccessfully, accounting.Printed, job.Confirmed},
		"it answers only later":          {5000, []says{{err: away}, {err: away}, {result(job.Confirmed, job.Unknown, 3), true, nil}}, job.Completed, job.CompletedSuccessfully, accounting.Printed, job.Confirmed},
		"half had gone, and that is out": {3000, []says{{result(job.Confirmed, job.Unknown, 3), true, nil}}, job.Stopped, job.Suspended, accounting.Uncertain, job.Partial},
		"nothing came out":               {3000, []says{{result(job.NoneAccepted, 0, 0), true, gaveUp}}, job.Pending, job.Queued, accounting.Failed, job.NoneAccepted},
		"something came out":             {3000, []says{{result(job.Partial, 0, 2), true, gaveUp}}, job.Stopped, job.Suspended, accounting.Uncertain, job.Partial},
		"it does not know":               {3000, []says{{}}, job.Stopped, job.Suspended, accounting.Uncertain, job.Partial},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inAsked(t, func(_ *house, a *asker) {
				a.Set(devicetest.Manner{Die: true, At: tt.dies})
				a.ask = func(context.Context, string, string) (device.Result, bool, error) {
					s := tt.answers[min(a.asked, len(tt.answers))-1]
					return s.res, s.found, s.err
				}
			}, func(t *testing.T, h *house, a *asker) {
				id := h.release("hold", "a", 5000)
				time.Sleep(time.Duration(len(tt.answers)-1) * 5 * time.Second)
				synctest.Wait()
				wantState(t, h, id, tt.state, tt.reason)
				wantRow(t, h, id, tt.row, tt.ev)
				if a.asked != len(tt.answers) {
					t.Errorf("asked %d times", a.asked)
				}
			})
		})
	}
}

// When the node goes, a job that its device has stays open and is asked about
// at the next start.
func TestStoppingLeavesTheJobAtItsDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, "a")
		a := &asker{Fake: h.devices["a"], ask: says{result(job.Confirmed, job.Unknown, 3), true, nil}.ask}
		h.Open = func(site.Device) (device.Device, error) { return a, nil }
		a.Gate = make(chan struct{})
		h.start(t)
		synctest.Wait()
		id := h.release("hold", "a", 5000)
		a.Gate <- struct{}{}
		synctest.Wait()
		h.stop()
		wantState(t, h, id, job.Processing, job.Outgoing)
		if a.asked != 0 || len(h.rows.rowsOf(id)) != 0 {
			t.Errorf("asked %d times, rows %v", a.asked, h.rows.rowsOf(id))
		}
		h.Dispatcher = &dispatch.Dispatcher{
			Store: h.rows, Documents: h.papers, Tenant: "t", Boot: "next", Now: time.Now, Log: h.Log, Open: h.Open,
		}
		h.start(t)
		synctest.Wait()
		wantState(t, h, id, job.Completed, job.CompletedSuccessfully)
		wantRow(t, h, id, accounting.Printed, job.Confirmed)
		h.stop()
	})
}

// refusing says that it will never print this.
type refusing struct {
	*devicetest.Fake
	err error
}

func (r refusing) Deliver(context.Context, device.Delivery) (device.Result, error) {
	return result(job.NoneAccepted, 0, job.Unknown), r.err
}

// A job that its device will not print is not tried again and again, and the
// device is not blamed.
func TestRefusedIsNotTriedAgain(t *testing.T) {
	in(t, []string{"a"}, func(h *house) {
		h.Open = func(site.Device) (device.Device, error) { return refusing{h.devices["a"], noPDF}, nil }
	}, func(t *testing.T, h *house) {
		held, passed := h.release("hold", "a", 100), h.release("pass", "a", 100)
		synctest.Wait()
		if j := wantState(t, h, held, job.Held, job.HeldForRelease); j.Message != "The device cannot print this document." {
			t.Errorf("message %q", j.Message)
		}
		if j := wantState(t, h, passed, job.Aborted, job.AbortedBySystem); j.Message != "The device cannot print this document." {
			t.Errorf("message %q", j.Message)
		}
		if c := h.rows.condition("a"); c.State == "stopped" {
			t.Errorf("condition %+v", c)
		}
		if h.rows.claims != 2 || len(h.rows.rowsOf(held)) != 0 {
			t.Errorf("%d claims", h.rows.claims)
		}
	})
}
