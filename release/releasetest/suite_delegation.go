package releasetest

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"platen/directory"
	"platen/fault"
	"platen/job"
)

// Ward is the id of a group in the tests.
const Ward = "0198f000-0000-7000-8000-0000000000e1"

// delegation returns one that waits for consent.
func delegation(n int, owner, delegate string) directory.Delegation {
	return directory.Delegation{ID: fmt.Sprintf("0198f000-0000-7000-8000-0000000000f%d", n), Owner: owner, Delegate: delegate, Titles: true, MadeBy: "administrator root", Created: Epoch}
}

func testDelegations(t *testing.T, s *suite) {
	s.PutGroup(t, Ward, "ward", Ben.ID)
	x, y := delegation(1, Anna.ID, Ben.ID), delegation(2, Eve.ID, Ward)
	y.Titles, y.Deletes, y.Until, y.Consented, y.Consent = false, true, Epoch.Add(1e9), Epoch, "on paper"
	s.AddDelegation(t, x)
	s.AddDelegation(t, y)
	to, err := s.st.DelegationsTo(s.ctx, Ben.ID)
	must(t, err)
	x.OwnerLogin, x.OwnerName, x.DelegateName = "anna", "Anna Berg", "ben"
	y.OwnerLogin, y.OwnerName, y.ToGroup, y.DelegateName = "eve", "eve", true, "ward"
	for i := range to {
		if to[i].ToGroup {
			to[i].DelegateName = "ward" // a name that the fake does not keep
		}
	}
	if !reflect.DeepEqual(to, []directory.Delegation{x, y}) {
		t.Errorf("to ben: %+v", to)
	}
	if n := length(s.st.DelegationsTo(s.ctx, Anna.ID)); n != 0 {
		t.Errorf("to anna: %d", n)
	}
	if of, err := s.st.DelegationsOf(s.ctx, Anna.ID); err != nil || !reflect.DeepEqual(of, []directory.Delegation{x}) {
		t.Errorf("of anna: %+v, %v", of, err)
	}

	wantKind(t, "somebody else's consent", s.st.Consent(s.ctx, x.ID, Ben.ID, Epoch, "at hall", "ben"), fault.NotFound)
	must(t, s.st.Consent(s.ctx, x.ID, Anna.ID, Epoch, "at hall", "anna"))
	wantKind(t, "twice", s.st.Consent(s.ctx, x.ID, Anna.ID, Epoch, "at attic", "anna"), fault.NotFound)
	of, err := s.st.DelegationsOf(s.ctx, Anna.ID)
	if err != nil || len(of) != 1 || of[0].Consent != "at hall" || !of[0].Holds(Epoch) {
		t.Errorf("after the consent: %+v, %v", of, err)
	}
	wantKind(t, "somebody else ends it", s.st.EndDelegation(s.ctx, x.ID, Ben.ID, "ben"), fault.NotFound)
	must(t, s.st.EndDelegation(s.ctx, x.ID, Anna.ID, "anna"))
	wantKind(t, "twice", s.st.EndDelegation(s.ctx, x.ID, Anna.ID, "anna"), fault.NotFound)
	if to, err := s.st.DelegationsTo(s.ctx, Ben.ID); err != nil || len(to) != 1 || to[0].ID != y.ID {
		t.Errorf("after its end: %+v, %v", to, err)
	}
}

func testReleaseByAnother(t *testing.T, s *suite) {
	mine, other := s.add(t, Anna.ID, Epoch), s.add(t, Anna.ID, Epoch)
	o := order(Epoch, "", mine, other)
	o.Release.User = Ben.ID
	for i := range o.Items {
		o.Items[i].By, o.Items[i].Owner = "ben", Anna.ID
		o.Items[i].Audit = job.Note{Action: "release-for", Object: "job x", Detail: "for anna"}
	}
	o.Items[1].Owner = Ben.ID // it is not his
	r, _, err := s.st.ReleaseJobs(s.ctx, o)
	must(t, err)
	if !slices.Equal([]string{r.Items[0].Status, r.Items[1].Status}, []string{job.StatusQueued, job.StatusFailed}) {
		t.Errorf("%+v", r.Items)
	}
	if j := s.job(t, mine); j.ReleasedBy != "ben" || j.Owner != Anna.ID {
		t.Errorf("%+v", j)
	}
	if j := s.job(t, other); j.ReleasedBy != "" {
		t.Errorf("what did not move: %+v", j)
	}
	s.release(t, order(Epoch, "", other))
	if j := s.job(t, other); j.ReleasedBy != "" {
		t.Errorf("released by its owner: %+v", j)
	}
}
