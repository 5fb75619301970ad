package dispatch_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"platen/accounting"
	"platen/device"
	"platen/fault"
	"platen/internal/testkit/devicetest"
	"platen/job"
	"platen/site"
)

// in runs a test in a bubble with a house that serves, and stops it.
func in(t *testing.T, ids []string, prepare func(*house), test func(t *testing.T, h *house)) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, ids...)
		if prepare != nil {
			prepare(h)
		}
		h.start(t)
		synctest.Wait()
		test(t, h)
		h.stop()
	})
}

func wantState(t *testing.T, h *house, id int64, s job.State, reason job.Reason) job.Job {
	t.Helper()
	j := h.rows.job(id)
	if j.State != s || !j.Has(reason) {
		t.Fatalf("job %d is %v %v (%s), want %v %v; history %q", id, j.State, j.Reasons, j.Message, s, reason, h.rows.texts(id))
	}
	return j
}

func wantRow(t *testing.T, h *house, id int64, o accounting.Outcome, e job.Evidence) accounting.Row {
	t.Helper()
	all := h.rows.rowsOf(id)
	if len(all) != 1 {
		t.Fatalf("job %d has %d ledger rows, want 1", id, len(all))
	}
	if all[0].Outcome != o || all[0].Evidence != e {
		t.Fatalf("row %+v, want %v %v", all[0], o, e)
	}
	return all[0]
}

func TestDelivers(t *testing.T) {
	in(t, []string{"a"}, nil, func(t *testing.T, h *house) {
		var first time.Duration = -1
		h.FirstOctet = func(_ site.Device, d time.Duration) { first = d }
		id := h.release("hold", "a", 5000)
		synctest.Wait()
		j := wantState(t, h, id, job.Completed, job.CompletedSuccessfully)
		if !j.Has(job.JobStored) || !j.ExpiresAt.Equal(time.Now().Add(2*time.Hour)) {
			t.Errorf("the document is not kept: %v until %v", j.Reasons, j.ExpiresAt)
		}
		row := wantRow(t, h, id, accounting.Printed, job.Confirmed)
		if row.Octets != 5000 || row.Pages != job.Unknown || row.Copies != 0 || row.Impressions != job.Unknown || row.DeviceName != "MFD a" || row.OwnerName != "anna" {
			t.Errorf("row %+v", row)
		}
		if first != 0 {
			t.Errorf("first octet after %v", first)
		}
		if got := h.devices["a"].Documents(); len(got) != 1 || len(got[0]) != 5000 {
			t.Errorf("%d documents", len(got))
		}
		if got := h.rows.texts(id); len(got) != 2 {
			t.Errorf("history %q", got)
		}
	})
}

func TestHintsMayBeLost(t *testing.T) {
	in(t, []string{"a"}, nil, func(t *testing.T, h *house) {
		id := h.add("hold", "a", 100)
		synctest.Wait()
		wantStatePending(t, h, id)
		time.Sleep(h.Poll + time.Second)
		wantState(t, h, id, job.Completed, job.CompletedSuccessfully)
	})
}

func wantStatePending(t *testing.T, h *house, id int64) {
	t.Helper()
	if j := h.rows.job(id); j.State != job.Pending {
		t.Fatalf("job %d is %v", id, j.State)
	}
}

func TestF38NotConfirmedIsCompleted(t *testing.T) {
	in(t, []string{"a"}, func(h *house) { h.devices["a"].Set(devicetest.Manner{Silent: true}) }, func(t *testing.T, h *house) {
		id := h.release("conf", "a", 100)
		synctest.Wait()
		j := wantState(t, h, id, job.Completed, job.CompletedWithWarnings)
		if j.Message != "Delivered; printing was not confirmed." || j.Has(job.JobStored) || !j.ExpiresAt.Equal(time.Now()) {
			t.Errorf("job %+v", j)
		}
		wantRow(t, h, id, accounting.Printed, job.Delivered)
	})
}

// A confidential job has a title for its owner, none for the device.
func TestConfidentialTitleStays(t *testing.T) {
	in(t, []string{"a"}, func(h *house) { h.devices["a"].Started = make(chan device.Delivery, 2) }, func(t *testing.T, h *house) {
		h.release("conf", "a", 100)
		h.release("hold", "a", 100)
		synctest.Wait()
		secret, open := <-h.devices["a"].Started, <-h.devices["a"].Started
		if secret.Title != "" || secret.Documents[0].Name != "" || open.Title == "" || open.User != "anna" {
			t.Errorf("told %q %q, %q", secret.Title, secret.Documents[0].Name, open.Title)
		}
	})
}

func TestF36InterruptedIsUncertain(t *testing.T) {
	in(t, []string{"a"}, func(h *house) { h.devices["a"].Set(devicetest.Manner{Die: true, At: 300}) }, func(t *testing.T, h *house) {
		id := h.release("hold", "a", 5000)
		synctest.Wait()
		wantState(t, h, id, job.Stopped, job.Suspended)
		if row := wantRow(t, h, id, accounting.Uncertain, job.Partial); row.Octets != 300 {
			t.Errorf("%d octets", row.Octets)
		}
		h.devices["a"].Set(devicetest.Manner{})
		time.Sleep(time.Hour)
		wantState(t, h, id, job.Stopped, job.Suspended) // nobody prints it again by himself
		if n := len(h.devices["a"].Documents()); n != 0 {
			t.Errorf("%d documents", n)
		}
	})
}

func TestF35OfflineIsTriedAgainAndHeldAfterFiveMinutes(t *testing.T) {
	in(t, []string{"a"}, func(h *house) { h.devices["a"].Set(devicetest.Manner{Refuse: true}) }, func(t *testing.T, h *house) {
		id := h.release("hold", "a", 100)
		synctest.Wait()
		wantStatePending(t, h, id)
		j := h.rows.job(id)
		if got := time.Until(j.NotBefore); got != 5*time.Second || j.Message != "The device cannot be reached." {
			t.Errorf("next attempt in %v, message %q", got, j.Message)
		}
		time.Sleep(2 * time.Second)
		if c := h.rows.condition("a"); c.State != "stopped" || c.Text != "The device cannot be reached." {
			t.Errorf("condition %+v", c)
		}
		time.Sleep(4 * time.Minute)
		wantStatePending(t, h, id)
		if n := h.rows.job(id).Attempts; n < 7 || n > 12 {
			t.Errorf("%d attempts in four minutes", n)
		}
		time.Sleep(time.Minute)
		j = wantState(t, h, id, job.Held, job.HeldForRelease)
		if j.Device != "" || j.Message != "The device did not take the job in time; it is held again." {
			t.Errorf("job %+v", j)
		}
		if got := h.rows.texts(id); len(got) != 3 { // one line for all attempts but the last
			t.Errorf("history %q", got)
		}
		if len(h.rows.rowsOf(id)) != 0 {
			t.Error("a ledger row although no send was begun")
		}
	})
}

func TestF35PassthroughIsTriedForEver(t *testing.T) {
	in(t, []string{"a"}, func(h *house) { h.devices["a"].Set(devicetest.Manner{Refuse: true}) }, func(t *testing.T, h *house) {
		id := h.release("pass", "a", 100)
		time.Sleep(48 * time.Hour)
		wantStatePending(t, h, id)
		if n := len(h.rows.texts(id)); n != 1 {
			t.Errorf("%d lines of history", n)
		}
		h.devices["a"].Set(devicetest.Manner{})
		time.Sleep(31 * time.Second)
		wantState(t, h, id, job.Completed, job.CompletedSuccessfully)
	})
}

// A person who stands there does not wait for a pause to end.
func TestWakeEndsAPause(t *testing.T) {
	in(t, []string{"a"}, func(h *house) { h.devices["a"].Set(devicetest.Manner{Refuse: true}) }, func(t *testing.T, h *house) {
		h.release("pass", "a", 100)
		time.Sleep(10 * time.Minute)
		h.devices["a"].Set(devicetest.Manner{})
		id := h.release("hold", "a", 100)
		synctest.Wait()
		wantState(t, h, id, job.Completed, job.CompletedSuccessfully)
	})
}

func TestPriorityGoesFirst(t *testing.T) {
	in(t, []string{"a"}, func(h *house) { h.devices["a"].Gate = make(chan struct{}) }, func(t *testing.T, h *house) {
		var order []int64
		h.JobEnded = func(id int64, _ job.State) { order = append(order, id) }
		first := h.release("hold", "a", 100)
		synctest.Wait() // it is at the gate
		low := h.release("hold", "a", 100, func(j *job.Job) { j.Priority = 10 })
		later := h.release("hold", "a", 100, func(j *job.Job) { j.Released = time.Now().Add(time.Millisecond) })
		normal := h.release("hold", "a", 100)
		label := h.release("pass", "a", 100, func(j *job.Job) { j.Priority = 90 })
		close(h.devices["a"].Gate)
		synctest.Wait()
		if want := []int64{first, label, normal, later, low}; !slices.Equal(order, want) {
			t.Errorf("order %v, want %v", order, want)
		}
	})
}

func TestDamagedDocumentIsNeverSent(t *testing.T) {
	damaged := &fault.Error{Op: "spool.Verify", Kind: fault.Invalid, Text: "damaged"}
	in(t, []string{"a"}, nil, func(t *testing.T, h *house) {
		bad := h.add("hold", "a", 100)
		h.papers.mu.Lock()
		h.papers.bad[h.rows.job(bad).Documents[0].File] = damaged
		h.papers.mu.Unlock()
		gone := h.add("hold", "a", 100)
		h.papers.mu.Lock()
		delete(h.papers.files, h.rows.job(gone).Documents[0].File)
		h.papers.mu.Unlock()
		good := h.release("hold", "a", 100)
		synctest.Wait()
		wantState(t, h, bad, job.Aborted, job.DocumentAccessError)
		wantState(t, h, gone, job.Aborted, job.DocumentAccessError)
		wantState(t, h, good, job.Completed, job.CompletedSuccessfully)
		if len(h.rows.rowsOf(bad)) != 0 || h.papers.reads != 1 {
			t.Errorf("%d rows, %d reads", len(h.rows.rowsOf(bad)), h.papers.reads)
		}
		if c := h.rows.condition("a"); c.State == "stopped" {
			t.Errorf("the device was blamed: %+v", c)
		}
	})
}

// A disk that cannot be read now is not a damaged document, and not the
// device's fault.
func TestNodeTroubleWaits(t *testing.T) {
	in(t, []string{"a"}, nil, func(t *testing.T, h *house) {
		id := h.add("hold", "a", 100)
		file := h.rows.job(id).Documents[0].File
		h.papers.mu.Lock()
		h.papers.bad[file] = errors.New("input/output error")
		h.papers.mu.Unlock()
		h.Wake("a")
		synctest.Wait()
		wantStatePending(t, h, id)
		h.papers.mu.Lock()
		delete(h.papers.bad, file)
		h.papers.mu.Unlock()
		time.Sleep(10 * time.Second)
		wantState(t, h, id, job.Completed, job.CompletedSuccessfully)
	})
}

func TestF43CancelWhileSending(t *testing.T) {
	for name, hint := range map[string]bool{"with a hint": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			in(t, []string{"a"}, func(h *house) { h.devices["a"].Gate = make(chan struct{}) }, func(t *testing.T, h *house) {
				id := h.release("hold", "a", 10_000)
				h.devices["a"].Gate <- struct{}{}
				h.devices["a"].Gate <- struct{}{}
				synctest.Wait()
				h.rows.change(func() { h.rows.jobs[id].cancel = true })
				if hint {
					h.Cancel(id)
					synctest.Wait()
				} else {
					time.Sleep(2 * time.Second)
				}
				wantState(t, h, id, job.Canceled, job.CanceledByUser)
				if row := wantRow(t, h, id, accounting.Canceled, job.Partial); row.Octets != 2000 {
					t.Errorf("%d octets charged", row.Octets)
				}
			})
		})
	}
}

func TestCancelBeforeIntent(t *testing.T) {
	in(t, []string{"a"}, func(h *house) { h.devices["a"].Started = make(chan device.Delivery) }, func(t *testing.T, h *house) {
		id := h.release("hold", "a", 100)
		synctest.Wait() // claimed, about to be intended
		h.rows.change(func() { h.rows.jobs[id].cancel = true })
		<-h.devices["a"].Started
		synctest.Wait()
		wantState(t, h, id, job.Canceled, job.CanceledByUser)
		if len(h.rows.rowsOf(id)) != 0 || h.devices["a"].Octets() != 0 {
			t.Error("something was sent")
		}
	})
}

func TestF37StalledDeviceHarmsNobodyElse(t *testing.T) {
	in(t, []string{"a", "b"}, func(h *house) { h.devices["a"].Set(devicetest.Manner{Stall: true, At: 500}) }, func(t *testing.T, h *house) {
		stuck := h.release("hold", "a", 5000)
		behind := h.release("pass", "a", 5000)
		time.Sleep(2 * time.Hour)
		wantState(t, h, stuck, job.Processing, job.Outgoing)
		wantStatePending(t, h, behind)
		if c := h.rows.condition("a"); c.State != "processing" || !strings.Contains(c.Text, "out of paper") {
			t.Errorf("condition %+v", c)
		}
		other := h.release("hold", "b", 100)
		synctest.Wait()
		wantState(t, h, other, job.Completed, job.CompletedSuccessfully)
		h.devices["a"].Set(devicetest.Manner{})
		h.rows.change(func() { h.rows.jobs[stuck].cancel = true })
		h.Cancel(stuck)
		synctest.Wait()
		wantState(t, h, stuck, job.Canceled, job.CanceledByUser)
		wantRow(t, h, stuck, accounting.Canceled, job.Partial)
		wantState(t, h, behind, job.Completed, job.CompletedSuccessfully)
	})
}

func TestOneDeviceInTwoRows(t *testing.T) {
	pairs := map[string][2]site.Device{
		"the same address":       {{URI: "socket://mfd"}, {URI: "SOCKET://MFD:9100/"}},
		"the same serial number": {{URI: "socket://mfd", Serial: "S1"}, {URI: "lpr://elsewhere/q", Serial: "s1"}},
	}
	for name, pair := range pairs {
		t.Run(name, func(t *testing.T) {
			var shared *devicetest.Fake
			in(t, nil, func(h *house) {
				shared = &devicetest.Fake{Gate: make(chan struct{})}
				for i, id := range []string{"a", "b"} {
					h.addDevice(id, pair[i].URI)
					d := h.rows.devices[id]
					d.Serial = pair[i].Serial
					h.rows.devices[id], h.devices[id] = d, shared
				}
			}, func(t *testing.T, h *house) {
				var ids []int64
				for _, dev := range []string{"a", "b", "a", "b"} {
					ids = append(ids, h.release("hold", dev, 100))
				}
				synctest.Wait()
				close(shared.Gate)
				time.Sleep(time.Minute)
				for _, id := range ids {
					wantState(t, h, id, job.Completed, job.CompletedSuccessfully)
				}
				if n := shared.Most(); n != 1 {
					t.Errorf("%d deliveries at once", n)
				}
			})
		})
	}
}

func TestRecover(t *testing.T) {
	tests := map[string]struct {
		orphan func(*entry)
		state  job.State
		reason job.Reason
		row    accounting.Outcome // "" none
	}{
		"F04 nothing sent":                {state: job.Pending, reason: job.Queued},
		"F05 F06 sending":                 {orphan: func(e *entry) { e.send = "s" }, state: job.Stopped, reason: job.Suspended, row: accounting.Uncertain},
		"F21 the second crash in a row":   {orphan: func(e *entry) { e.job.Crashes = 1 }, state: job.Held, reason: job.HeldForRelease},
		"canceled, nothing sent":          {orphan: func(e *entry) { e.cancel = true }, state: job.Canceled, reason: job.CanceledByUser},
		"canceled, sending":               {orphan: func(e *entry) { e.cancel, e.send = true, "s" }, state: job.Canceled, reason: job.CanceledByUser, row: accounting.Canceled},
		"F21 an unclaimed one, put aside": {orphan: func(e *entry) { e.job.Crashes, e.job.Owner = 5, "" }, state: job.Held, reason: job.HeldForAuthorization},
		"F21 one with a PIN, put aside": {orphan: func(e *entry) {
			e.job.Crashes, e.job.Ticket.PIN = 5, &job.PIN{Encryption: "none", Verifier: "phc"}
		}, state: job.Held, reason: job.PasswordWait},
		"F24 of this boot: somebody has it": {orphan: func(e *entry) { e.boot = "now" }, state: job.Processing, reason: job.Outgoing},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, "a")
			id := h.add("hold", "a", 100)
			e := h.rows.jobs[id]
			e.job.State, e.job.Reasons, e.boot = job.Processing, []job.Reason{job.Outgoing}, "before"
			if tt.orphan != nil {
				tt.orphan(e)
			}
			crashes := e.job.Crashes
			if err := h.Recover(t.Context()); err != nil {
				t.Fatal(err)
			}
			j := wantState(t, h, id, tt.state, tt.reason)
			if tt.state != job.Processing && j.Crashes != crashes+1 {
				t.Errorf("Crashes = %d", j.Crashes)
			}
			if tt.row == "" {
				if n := len(h.rows.rowsOf(id)); n != 0 {
					t.Errorf("%d ledger rows", n)
				}
				return
			}
			row := wantRow(t, h, id, tt.row, job.Partial)
			if row.Octets != job.Unknown || row.ID != "s" || row.DeviceName != "MFD a" {
				t.Errorf("row %+v", row)
			}
		})
	}
}

// A worker that was away, and whose job somebody else has settled, sends
// nothing any more.
func TestF24LostClaimSendsNothing(t *testing.T) {
	in(t, []string{"a"}, func(h *house) { h.devices["a"].Started = make(chan device.Delivery) }, func(t *testing.T, h *house) {
		id := h.release("hold", "a", 100)
		synctest.Wait()
		h.rows.change(func() { h.rows.jobs[id].job.Fence++ })
		<-h.devices["a"].Started
		synctest.Wait()
		if h.devices["a"].Octets() != 0 || len(h.rows.rowsOf(id)) != 0 {
			t.Error("it was sent")
		}
	})
}

// What a device did is written, however long the store is away.
func TestEndIsWrittenWhenTheStoreIsBack(t *testing.T) {
	in(t, []string{"a"}, func(h *house) { h.devices["a"].Gate = make(chan struct{}) }, func(t *testing.T, h *house) {
		id := h.release("hold", "a", 100)
		synctest.Wait()
		h.rows.change(func() { h.rows.broken = errors.New("disk full") })
		close(h.devices["a"].Gate)
		time.Sleep(10 * time.Minute)
		wantState(t, h, id, job.Processing, job.Outgoing)
		h.rows.change(func() { h.rows.broken = nil })
		time.Sleep(20 * time.Second)
		wantState(t, h, id, job.Completed, job.CompletedSuccessfully)
		wantRow(t, h, id, accounting.Printed, job.Confirmed)
	})
}

func TestStopping(t *testing.T) {
	t.Run("a delivery may finish", func(t *testing.T) {
		in(t, []string{"a"}, func(h *house) { h.devices["a"].Gate, h.Grace = make(chan struct{}), 10*time.Second }, func(t *testing.T, h *house) {
			id := h.release("hold", "a", 100)
			waiting := h.release("hold", "a", 100)
			synctest.Wait()
			h.cancel()
			time.Sleep(5 * time.Second)
			close(h.devices["a"].Gate)
			<-h.done
			wantState(t, h, id, job.Completed, job.CompletedSuccessfully)
			wantStatePending(t, h, waiting)
		})
	})
	t.Run("a long one is interrupted", func(t *testing.T) {
		in(t, []string{"a"}, func(h *house) { h.devices["a"].Gate, h.Grace = make(chan struct{}), 10*time.Second }, func(t *testing.T, h *house) {
			id := h.release("hold", "a", 5000)
			h.devices["a"].Gate <- struct{}{}
			h.stop()
			wantState(t, h, id, job.Stopped, job.Suspended)
			wantRow(t, h, id, accounting.Uncertain, job.Partial)
		})
	})
	t.Run("one that has not begun goes back", func(t *testing.T) {
		in(t, []string{"a"}, func(h *house) { h.devices["a"].Gate, h.Grace = make(chan struct{}), 10*time.Second }, func(t *testing.T, h *house) {
			id := h.release("hold", "a", 5000)
			synctest.Wait()
			h.stop()
			wantState(t, h, id, job.Pending, job.Queued)
			wantRow(t, h, id, accounting.Failed, job.NoneAccepted) // the intent was written
		})
	})
}

func TestDevicesChange(t *testing.T) {
	in(t, []string{"a"}, nil, func(t *testing.T, h *house) {
		id := h.add("hold", "b", 100)
		h.addDevice("b", "socket://b")
		h.Reload()
		synctest.Wait()
		wantState(t, h, id, job.Completed, job.CompletedSuccessfully)

		h.rows.change(func() { // switched off
			d := h.rows.devices["b"]
			d.Enabled = false
			h.rows.devices["b"] = d
		})
		waits := h.release("pass", "b", 100)
		time.Sleep(time.Hour)
		wantStatePending(t, h, waits)
		if n := h.rows.job(waits).Attempts; n != 0 {
			t.Errorf("%d attempts at a device that is switched off", n)
		}
		h.rows.change(func() {
			d := h.rows.devices["b"]
			d.Enabled = true
			h.rows.devices["b"] = d
		})
		h.Reload()
		synctest.Wait()
		wantState(t, h, waits, job.Completed, job.CompletedSuccessfully)
	})
}

func TestIdleDeviceIsLookedAt(t *testing.T) {
	in(t, []string{"a"}, nil, func(t *testing.T, h *house) {
		time.Sleep(2 * time.Second)
		if c := h.rows.condition("a"); c.State != "idle" {
			t.Fatalf("condition %+v", c)
		}
		h.devices["a"].Set(devicetest.Manner{Refuse: true})
		time.Sleep(62 * time.Second)
		c := h.rows.condition("a")
		if c.State != "stopped" || c.Text != "The device cannot be reached." || time.Since(c.Since) > time.Minute {
			t.Fatalf("condition %+v", c)
		}
		since := c.Since
		time.Sleep(10 * time.Minute)
		if c := h.rows.condition("a"); !c.Since.Equal(since) {
			t.Errorf("Since moved from %v to %v", since, c.Since)
		}
	})
}

// A device whose row is wrong says so, and its jobs wait untouched.
func TestWrongDeviceClaimsNothing(t *testing.T) {
	in(t, []string{"a"}, func(h *house) {
		h.Open = func(site.Device) (device.Device, error) {
			return nil, &fault.Error{Op: "device.New", Kind: fault.Denied, Text: "A device cannot be this node itself."}
		}
	}, func(t *testing.T, h *house) {
		id := h.release("pass", "a", 100)
		time.Sleep(10 * time.Second)
		wantStatePending(t, h, id)
		if c := h.rows.condition("a"); c.State != "stopped" || c.Text != "A device cannot be this node itself." || h.rows.claims != 0 {
			t.Errorf("condition %+v, %d claims", c, h.rows.claims)
		}
	})
}

func TestReloadOpensAgain(t *testing.T) {
	opens, kind := 0, fault.Denied
	in(t, []string{"a"}, func(h *house) {
		h.Open = func(site.Device) (device.Device, error) {
			if opens++; kind != 0 {
				return nil, &fault.Error{Op: "device.New", Kind: kind, Text: "A device may not be at this address. An administrator can allow it in the configuration."}
			}
			return h.devices["a"], nil
		}
	}, func(t *testing.T, h *house) {
		id := h.release("hold", "a", 100)
		synctest.Wait()
		wantStatePending(t, h, id)
		kind = 0 // the administrator has
		h.Reload()
		synctest.Wait()
		wantState(t, h, id, job.Completed, job.CompletedSuccessfully)
		before := opens
		h.Reload()
		h.release("hold", "a", 100)
		synctest.Wait()
		if opens != before+1 {
			t.Errorf("opened %d times after the reload", opens-before)
		}
	})
}

// picky is a device that never takes one certain job.
type picky struct {
	*devicetest.Fake
	not string // job-uuid
}

func (p *picky) Deliver(ctx context.Context, d device.Delivery) (device.Result, error) {
	if d.UUID == p.not {
		return device.Result{Impressions: job.Unknown, Sheets: job.Unknown}, &fault.Error{Op: "picky", Kind: fault.Unavailable, Text: "The device refused the job."}
	}
	return p.Fake.Deliver(ctx, d)
}

// A job that its device never takes does not keep others from it for ever,
// however high its priority.
func TestOneBadJobLetsOthersPass(t *testing.T) {
	dev := &picky{}
	in(t, []string{"a"}, func(h *house) {
		dev.Fake = h.devices["a"]
		h.Open = func(site.Device) (device.Device, error) { return dev, nil }
	}, func(t *testing.T, h *house) {
		bad := h.add("pass", "a", 100, func(j *job.Job) { j.Priority = 99 })
		dev.not = h.rows.job(bad).UUID
		good := h.add("pass", "a", 100)
		time.Sleep(2 * time.Minute)
		wantStatePending(t, h, bad)
		wantState(t, h, good, job.Completed, job.CompletedSuccessfully)
	})
}

func TestLedgerKnowsWhatIsKnown(t *testing.T) {
	count := func(pages int, sides, colour, confidence string) job.Count {
		return job.Count{Pages: pages, Sides: sides, Colour: colour, Method: "parsed", Confidence: confidence}
	}
	in(t, []string{"a"}, nil, func(t *testing.T, h *house) {
		id := h.release("hold", "a", 100, func(j *job.Job) {
			d := j.Documents[0]
			d.Copies = 2
			d.Count = count(3, "one-sided", "monochrome", "high")
			e := d
			e.Number, e.Count = 2, count(4, "one-sided", "color", "low")
			j.Documents = []job.Document{d, e}
		})
		unknown := h.release("hold", "a", 100, func(j *job.Job) {
			d := j.Documents[0]
			d.Count = count(3, "one-sided", "monochrome", "high")
			e := d
			e.Count = job.NoCount("a language nobody counts")
			j.Documents = []job.Document{d, e}
			j.Options.Copies = 3
		})
		synctest.Wait()
		got := wantRow(t, h, id, accounting.Printed, job.Confirmed)
		want := accounting.Row{Pages: 7, Sides: "one-sided", Colour: "color", Method: "parsed", Confidence: "low", Copies: 2, Octets: 400}
		if g := (accounting.Row{Pages: got.Pages, Sides: got.Sides, Colour: got.Colour, Method: got.Method, Confidence: got.Confidence, Copies: got.Copies, Octets: got.Octets}); !reflect.DeepEqual(g, want) {
			t.Errorf("got  %+v\nwant %+v", g, want)
		}
		if got := wantRow(t, h, unknown, accounting.Printed, job.Confirmed); got.Pages != job.Unknown || got.Confidence != "none" || got.Copies != 3 || got.Octets != 600 {
			t.Errorf("row %+v", got)
		}
	})
}

// A node that is stopped in the moment in which it starts ends all the same.
func TestStoppedAtOnce(t *testing.T) {
	for range 500 {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := newHouse(t).Serve(ctx); err != nil {
			t.Fatal(err)
		}
	}
}
