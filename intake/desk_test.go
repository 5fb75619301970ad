package intake

import (
	"errors"
	"slices"
	"testing"

	"platen/fault"
	"platen/job"
)

// threeJobs are two of anna's and one of ben's from one computer, and one from
// another.
func threeJobs(t *testing.T) *node {
	n := newNode(t)
	for _, claimed := range []string{"anna", "ben", "ANNA"} {
		n.mustSend("staff", claimed, "x")
	}
	o := from("staff")
	o.Client = otherClient.Prev().Prev()
	if _, err := n.sendAs(o, job.Ticket{Claimed: "anna"}, "x"); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestStatusShowsAClientItsOwn(t *testing.T) {
	n := threeJobs(t)
	tests := map[string]struct {
		users []string
		ids   []int64
		want  []int64
	}{
		"all": {nil, nil, []int64{1, 2, 3}}, "of a user": {[]string{"Anna"}, nil, []int64{1, 3}},
		"by number": {nil, []int64{2, 4}, []int64{2}}, "both": {[]string{"ben"}, []int64{3}, []int64{2, 3}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			st, err := n.Status(t.Context(), "STAFF", someClient, tt.users, tt.ids)
			if err != nil || st.Queue != "staff" || !st.Accepting || st.Waiting != 4 {
				t.Errorf("%+v, %v", st, err)
			}
			var got []int64
			for _, l := range st.Jobs {
				got = append(got, l.ID)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("jobs %v, want %v", got, tt.want)
			}
		})
	}
	if _, err := n.Status(t.Context(), "nowhere", someClient, nil, nil); !fault.Is(err, fault.NotFound) {
		t.Errorf("%v", err)
	}
	if _, err := n.Status(t.Context(), "staff", otherClient, nil, nil); !fault.Is(err, fault.Denied) {
		t.Errorf("a stranger asked: %v", err)
	}
}

func TestRemoveReachesOnlyWhatTheSameNameSent(t *testing.T) {
	tests := map[string]struct {
		queue, agent string
		users        []string
		ids          []int64
		kind         fault.Kind
		want         []int64 // canceled
	}{
		"the oldest":            {queue: "staff", agent: "anna", want: []int64{1}},
		"by user":               {queue: "staff", agent: "anna", users: []string{"anna"}, want: []int64{1, 3}},
		"by number":             {queue: "staff", agent: "anna", ids: []int64{3}, want: []int64{3}},
		"somebody else's":       {queue: "staff", agent: "anna", ids: []int64{2}},
		"from another computer": {queue: "staff", agent: "anna", ids: []int64{4}},
		"root is nobody":        {queue: "staff", agent: "root", users: []string{"anna"}},
		"a queue that does not": {queue: "secure", agent: "anna", kind: fault.Denied},
		"unknown queue":         {queue: "nowhere", agent: "anna", kind: fault.NotFound},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			n := threeJobs(t)
			removed, err := n.Remove(t.Context(), tt.queue, tt.agent, someClient, tt.users, tt.ids)
			if err != nil && !fault.Is(err, tt.kind) || err == nil && tt.kind != fault.Internal {
				t.Fatalf("%v, want %v", err, tt.kind)
			}
			var got []int64
			for _, j := range n.store.all() {
				if j.State == job.Canceled {
					got = append(got, j.ID)
				}
			}
			if removed != len(tt.want) || !slices.Equal(got, tt.want) {
				t.Errorf("removed %d, canceled %v, want %v", removed, got, tt.want)
			}
		})
	}
}

func TestRemoveWhenSomebodyWasFaster(t *testing.T) {
	n := threeJobs(t)
	n.store.addError = func(*job.Job) error { return &fault.Error{Kind: fault.Conflict} }
	if removed, err := n.Remove(t.Context(), "staff", "anna", someClient, nil, nil); removed != 0 || err != nil {
		t.Errorf("%d, %v", removed, err)
	}
	boom := errors.New("boom")
	n.store.addError = func(*job.Job) error { return boom }
	if _, err := n.Remove(t.Context(), "staff", "anna", someClient, nil, nil); !errors.Is(err, boom) {
		t.Errorf("%v", err)
	}
}
