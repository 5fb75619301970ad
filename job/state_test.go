package job

import "testing"

var states = []State{Pending, Held, Processing, Stopped, Canceled, Aborted, Completed}

func TestStatesSpeakRFC8011(t *testing.T) {
	for i, s := range states {
		if int(s) != i+3 {
			t.Errorf("%v is %d, RFC 8011 section 5.3.7 says %d", s, s, i+3)
		}
		if got, ok := ParseState(s.String()); !ok || got != s {
			t.Errorf("%v came back as %v", s, got)
		}
	}
	if _, ok := ParseState("printing"); ok {
		t.Error("a state that does not exist")
	}
}

// Which state may follow which, as a picture: rows become columns.
func TestCanBecome(t *testing.T) {
	picture := map[State]string{
		//          P H R S C A D
		Pending:    ".xx.xx.",
		Held:       "x...xx.",
		Processing: "xx.xxxx",
		Stopped:    "xx..xxx",
		Canceled:   ".......",
		Aborted:    ".......",
		Completed:  "xx.....",
	}
	for from, row := range picture {
		for i, to := range states {
			if got, want := from.CanBecome(to), row[i] == 'x'; got != want {
				t.Errorf("%v to %v: %v, want %v", from, to, got, want)
			}
		}
	}
}

// A job that may be on paper never goes back to the queue by the machine's own
// word: only a job that is being delivered, and a person, lead out of Stopped.
func TestDone(t *testing.T) {
	for _, s := range states {
		if s.Done() != (s == Canceled || s == Aborted || s == Completed) {
			t.Errorf("%v.Done() = %v", s, s.Done())
		}
	}
}

func TestEvidenceGrows(t *testing.T) {
	if !(NoneAccepted < Partial && Partial < Delivered && Delivered < Acknowledged && Acknowledged < Confirmed && Confirmed < Attested) {
		t.Error("stronger evidence has a higher value")
	}
	if Evidence(42).String() != "evidence(42)" || State(42).String() != "state(42)" {
		t.Error("unknown values show themselves")
	}
}

func TestJob(t *testing.T) {
	j := Job{State: Stopped, Reasons: []Reason{Suspended}}
	if !j.Uncertain() || !j.Unclaimed() || !j.Has(Suspended) || j.Has(Outgoing) {
		t.Errorf("%+v", j)
	}
	if c := NoCount("because"); c.Pages != Unknown || c.Pages == 0 || c.Confidence != "none" {
		t.Errorf("an unknown count is %+v", c)
	}
	if a, b := NewUUID(), NewUUID(); a >= b || a[14] != '7' {
		t.Errorf("%s then %s: want UUIDv7, in order", a, b)
	}
}
