package dispatch_test

import (
	"bytes"
	"context"
	"io"
	"slices"
	"sync/atomic"
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

// press makes PCL XL of PDF, twice as long.
type press struct {
	made, open atomic.Int64
	takes      time.Duration
	err        error
	why        string
}

func (p *press) Plan(_ *job.Job, d job.Document, _ site.Device) dispatch.Conversion {
	if p.why != "" {
		return dispatch.Conversion{Why: p.why}
	}
	if d.Language != "pdf" {
		return dispatch.Conversion{}
	}
	return dispatch.Conversion{Language: "pclxl", From: "PDF", To: "PCL XL"}
}

func (p *press) Convert(ctx context.Context, _ *job.Job, _ job.Document, _ site.Device, open func() (io.ReadCloser, error)) (dispatch.Converted, error) {
	r, err := open()
	if err != nil {
		return dispatch.Converted{}, err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return dispatch.Converted{}, err
	}
	select {
	case <-ctx.Done():
		return dispatch.Converted{}, ctx.Err()
	case <-time.After(p.takes):
	}
	if p.err != nil {
		return dispatch.Converted{}, p.err
	}
	nth := p.made.Add(1)
	p.open.Add(1)
	b = append(b, b...)
	return dispatch.Converted{
		Octets: int64(len(b)), Doubt: nth > 1, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil },
		Close: func() error { p.open.Add(-1); return nil },
	}, nil
}

func withPress(p *press, test func(t *testing.T, h *house)) func(*testing.T) {
	return func(t *testing.T) {
		in(t, []string{"a"}, func(h *house) { h.Converter = p }, test)
	}
}

// What was made is delivered and counted, and the history says so.
func TestConverted(t *testing.T) {
	p := &press{takes: 7 * time.Second}
	withPress(p, func(t *testing.T, h *house) {
		started := make(chan device.Delivery, 1)
		h.devices["a"].Started = started
		id := h.release("hold", "a", 1000)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if c := h.rows.condition("a"); c.Text != "A document is being converted for the device." {
			t.Errorf("condition %+v", c)
		}
		h.rows.change(func() {
			if h.rows.jobs[id].send != "" {
				t.Error("the send was intended before the document was there")
			}
		})
		time.Sleep(5 * time.Second)
		synctest.Wait()
		wantState(t, h, id, job.Completed, job.CompletedSuccessfully)
		if row := wantRow(t, h, id, accounting.Printed, job.Confirmed); row.Octets != 2000 {
			t.Errorf("%d octets", row.Octets)
		}
		if d := <-started; d.Documents[0].Language != "pclxl" || d.Documents[0].Octets != 2000 || !d.Documents[0].Made {
			t.Errorf("%+v", d.Documents[0])
		}
		want := []string{"Converting it from %s to %s for %s.", "Converted from %s to %s for %s in %d s."}
		if got := h.rows.texts(id); !slices.Equal(got[:2], want) {
			t.Errorf("history %q", got)
		}
		h.rows.change(func() {
			if args := h.rows.jobs[id].history[1].Args; !slices.Equal(args, []any{"PDF", "PCL XL", "MFD a", 7}) {
				t.Errorf("%v", args)
			}
		})
		if p.open.Load() != 0 {
			t.Errorf("%d converted documents were kept", p.open.Load())
		}
		// Another language goes as it is.
		id = h.release("hold", "a", 1000, func(j *job.Job) { j.Documents[0].Language = "postscript" })
		synctest.Wait()
		if row := wantRow(t, h, id, accounting.Printed, job.Confirmed); row.Octets != 1000 || p.made.Load() != 1 {
			t.Errorf("%d octets, %d made", row.Octets, p.made.Load())
		}
	})(t)
}

// A document is made once, however often its device has to be tried, and goes
// when the job does.
func TestConvertedOnceForAllAttempts(t *testing.T) {
	p := &press{}
	withPress(p, func(t *testing.T, h *house) {
		h.devices["a"].Set(devicetest.Manner{Refuse: true})
		id := h.release("hold", "a", 1000)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		claims := 0
		h.rows.change(func() { claims = h.rows.claims })
		if claims < 3 || p.made.Load() != 1 || p.open.Load() != 1 {
			t.Errorf("%d attempts, %d made, %d open", claims, p.made.Load(), p.open.Load())
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		wantState(t, h, id, job.Held, job.HeldForRelease)
		if p.made.Load() != 1 || p.open.Load() != 0 {
			t.Errorf("%d made, %d open", p.made.Load(), p.open.Load())
		}
	})(t)
}

// One that cannot be converted was never sent: it is held again, or aborted, and
// the device is not blamed.
func TestNotConverted(t *testing.T) {
	const why = "This document is damaged."
	tests := map[string]struct {
		press           *press
		held, passed    job.State
		reason, reason2 job.Reason
		message         string
	}{
		"hostile":    {&press{err: &fault.Error{Kind: fault.Invalid, Text: why}}, job.Held, job.Aborted, job.HeldForRelease, job.DocumentFormatError, why},
		"impossible": {&press{why: why}, job.Held, job.Aborted, job.HeldForRelease, job.DocumentFormatError, why},
	}
	for name, tt := range tests {
		t.Run(name, withPress(tt.press, func(t *testing.T, h *house) {
			held, passed := h.release("hold", "a", 100), h.release("pass", "a", 100)
			time.Sleep(time.Minute)
			synctest.Wait()
			for id, state := range map[int64]job.State{held: tt.held, passed: tt.passed} {
				j := h.rows.job(id)
				if j.State != state || j.Message != tt.message || len(h.rows.rowsOf(id)) != 0 {
					t.Errorf("%v %q, rows %v", j.State, j.Message, h.rows.rowsOf(id))
				}
				if got := h.rows.texts(id); got[len(got)-1] != why {
					t.Errorf("history %q", got)
				}
			}
			if j := h.rows.job(passed); !j.Has(tt.reason2) {
				t.Errorf("reasons %v", j.Reasons)
			}
			if c := h.rows.condition("a"); c.State == "stopped" {
				t.Errorf("condition %+v", c)
			}
		}))
	}
	t.Run("the node's trouble", withPress(&press{err: &fault.Error{Kind: fault.Unavailable, Text: "The disk is full."}}, func(t *testing.T, h *house) {
		id := h.release("hold", "a", 100)
		synctest.Wait()
		wantStatePending(t, h, id)
	}))
	t.Run("canceled meanwhile", withPress(&press{takes: time.Hour}, func(t *testing.T, h *house) {
		id := h.release("hold", "a", 100)
		synctest.Wait()
		h.rows.change(func() { h.rows.jobs[id].cancel = true })
		h.Cancel(id)
		synctest.Wait()
		wantState(t, h, id, job.Canceled, job.CanceledByUser)
		if len(h.rows.rowsOf(id)) != 0 {
			t.Error("a ledger row of what never began")
		}
	}))
}

// Of what was made before a crash nobody knows any more how long it was: a device
// that counts octets leaves it uncertain, and the ledger does not pretend.
func TestConvertedBeforeACrash(t *testing.T) {
	for name, tt := range map[string]struct {
		octets int64
		state  job.State
		reason job.Reason
		row    accounting.Outcome
		ev     job.Evidence
	}{
		"it is out":              {job.Unknown, job.Completed, job.CompletedSuccessfully, accounting.Printed, job.Confirmed},
		"so many octets are out": {1000, job.Stopped, job.Suspended, accounting.Uncertain, job.Partial},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, "a")
				h.Converter = &press{}
				a := &asker{Fake: h.devices["a"], ask: says{result(job.Confirmed, tt.octets, 3), true, nil}.ask}
				h.Open = func(site.Device) (device.Device, error) { return a, nil }
				id := h.add("hold", "a", 1000, func(j *job.Job) { j.State, j.Reasons, j.Fence = job.Processing, []job.Reason{job.Outgoing}, 1 })
				h.rows.change(func() { h.rows.jobs[id].boot, h.rows.jobs[id].send = "before", job.NewUUID() })
				h.start(t)
				synctest.Wait()
				wantState(t, h, id, tt.state, tt.reason)
				if row := wantRow(t, h, id, tt.row, tt.ev); row.Octets != job.Unknown {
					t.Errorf("%d octets", row.Octets)
				}
				h.stop()
			})
		})
	}
}
