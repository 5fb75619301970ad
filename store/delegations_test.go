package store

import (
	"strings"
	"testing"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/job"
)

func delegationTo(owner, delegate string) directory.Delegation {
	return directory.Delegation{ID: job.NewUUID(), Owner: owner, Delegate: delegate, MadeBy: "administrator root", Created: epoch, Titles: true}
}

// Whatever is done about a delegation stands in the audit trail, with the people's
// names and not their ids.
func TestDelegationsAreAudited(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	x := delegationTo(anna, ben)
	must(t, w.a.AddDelegation(ctx, x, "administrator root"))
	must(t, w.a.Consent(ctx, x.ID, anna, epoch, "at Panel", "anna"))
	must(t, w.a.EndDelegation(ctx, x.ID, anna, "anna"))
	y := delegationTo(anna, ben)
	y.Until = epoch.Add(time.Hour)
	must(t, w.a.AddDelegation(ctx, y, "administrator root"))
	if n, err := w.a.EndDelegations(ctx, epoch, "the node"); n != 0 || err != nil {
		t.Errorf("too early: %d, %v", n, err)
	}
	if n, err := w.a.EndDelegations(ctx, epoch.Add(time.Hour), "the node"); n != 1 || err != nil {
		t.Errorf("its end: %d, %v", n, err)
	}
	z := delegationTo(anna, ben)
	must(t, w.a.AddDelegation(ctx, z, "administrator root"))
	must(t, w.a.EndDelegation(ctx, z.ID, anna, "anna"))
	lines, err := w.a.AuditTrail(ctx, 0, 7)
	must(t, err)
	var got []string
	for _, l := range lines {
		got = append(got, strings.Join([]string{l.Actor, l.Action, l.Object, l.Detail}, "|"))
	}
	want := []string{
		"anna|delegation.refuse|anna|to ben", "administrator root|delegation.add|anna|to ben", "the node|delegation.end|anna|to ben",
		"administrator root|delegation.add|anna|to ben", "anna|delegation.remove|anna|to ben, consented at Panel",
		"anna|delegation.consent|anna|to ben, consented at Panel", "administrator root|delegation.add|anna|to ben",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if _, _, err := w.a.VerifyAudit(ctx); err != nil {
		t.Error(err)
	}
}

func TestDelegationsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	must(t, w.a.AddDelegation(ctx, delegationTo(anna, ben), "a"))
	wantKind(t, "again", w.a.AddDelegation(ctx, delegationTo(anna, ben), "a"), fault.Conflict)
	wantKind(t, "to oneself", w.a.AddDelegation(ctx, delegationTo(anna, anna), "a"), fault.Invalid)
	wantKind(t, "to nobody", w.a.AddDelegation(ctx, delegationTo(anna, job.NewUUID()), "a"), fault.NotFound)
	wantKind(t, "of nobody", w.a.AddDelegation(ctx, delegationTo(job.NewUUID(), ben), "a"), fault.NotFound)
	for range directory.MostDelegations - 1 {
		g := directory.Group{ID: job.NewUUID()}
		g.Name = g.ID
		must(t, w.a.PutGroup(ctx, g))
		must(t, w.a.AddDelegation(ctx, delegationTo(anna, g.ID), "a"))
	}
	must(t, w.a.PutGroup(ctx, directory.Group{ID: attic, Name: "one more"}))
	wantKind(t, "one more", w.a.AddDelegation(ctx, delegationTo(anna, attic), "a"), fault.Conflict)
	must(t, w.a.RemoveUser(ctx, anna, "a"))
	if list, err := w.a.Delegations(ctx); err != nil || len(list) != 0 {
		t.Errorf("of somebody who is gone: %d, %v", len(list), err)
	}
}

// A group in a group is a group of the person's too, and one that contains itself
// does no harm.
func TestDelegationsToNestedGroups(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	must(t, w.a.PutGroup(ctx, directory.Group{ID: hall, Name: "ward"}))
	must(t, w.a.PutGroup(ctx, directory.Group{ID: attic, Name: "house"}))
	must(t, w.a.SetMember(ctx, hall, directory.Member{ID: ben}, true))
	must(t, w.a.SetMember(ctx, attic, directory.Member{ID: hall, Nested: true}, true))
	must(t, w.a.AddDelegation(ctx, delegationTo(anna, attic), "a"))
	list, err := w.a.DelegationsTo(ctx, ben)
	if err != nil || len(list) != 1 || list[0].DelegateName != "house" || !list[0].ToGroup {
		t.Errorf("%+v, %v", list, err)
	}
	must(t, w.a.SetMember(ctx, hall, directory.Member{ID: ben}, false))
	if list, err := w.a.DelegationsTo(ctx, ben); err != nil || len(list) != 0 {
		t.Errorf("he has left: %+v, %v", list, err)
	}
}
