package store

import (
	"slices"
	"testing"

	"platen/fault"
	"platen/job"
)

// An alias that is remembered is nobody else's, in the feed, and one of the
// person's own.
func TestAddAlias(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for name, alias := range map[string]string{"login": "anna", "alias": "berg.a", "UPN": "anna@corp.test", "e-mail address": "anna@example.test"} {
		wantKind(t, name+" of another", w.a.AddAlias(ctx, ben, alias), fault.Conflict)
		must(t, w.a.AddAlias(ctx, anna, alias))
	}
	wantKind(t, "a name for nobody", w.a.AddAlias(ctx, job.NewUUID(), "x"), fault.NotFound)
	before, err := w.a.Changes(ctx, 0, 100)
	must(t, err)
	must(t, w.a.AddAlias(ctx, ben, "macuser"))
	must(t, w.a.AddAlias(ctx, ben, "macuser"))
	u, err := w.a.User(ctx, ben)
	if err != nil || !slices.Equal(u.Aliases, []string{"macuser"}) {
		t.Errorf("aliases: %q, %v", u.Aliases, err)
	}
	if after, err := w.a.Changes(ctx, before[len(before)-1].Seq, 100); err != nil || len(after) != 1 || after[0].ID != ben || after[0].Kind != "user" {
		t.Errorf("the feed: %+v, %v", after, err)
	}
	if list, err := w.a.UsersByName(ctx, "macuser"); err != nil || len(list) != 1 || list[0].ID != ben { // not what was kept before
		t.Errorf("macuser: %+v, %v", list, err)
	}
}

// A claim that cannot be written leaves nothing of itself.
func TestClaimIsWholeOrNothing(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	j := w.put(t, "unclaimed", job.Held)
	must(t, w.a.AssignOwner(ctx, j.ID, ben, "test"))
	lines, _, err := w.a.VerifyAudit(ctx)
	must(t, err)
	h, err := w.a.History(ctx, j.ID)
	must(t, err)
	_, err = w.a.ClaimJob(ctx, job.Claim{Job: j.ID, User: anna, Alias: "new", History: job.Entry{At: epoch, Actor: "anna", Text: "x"}})
	wantKind(t, "a job with an owner", err, fault.Conflict)
	_, err = w.a.ClaimJob(ctx, job.Claim{Job: 1 << 40, User: anna})
	wantKind(t, "no job", err, fault.Conflict)
	if n, _, err := w.a.VerifyAudit(ctx); err != nil || n != lines {
		t.Errorf("audit has %d lines, had %d: %v", n, lines, err)
	}
	if now, err := w.a.History(ctx, j.ID); err != nil || len(now) != len(h) {
		t.Errorf("history: %+v, %v", now, err)
	}
	if list, err := w.a.UsersByName(ctx, "new"); err != nil || len(list) != 0 {
		t.Errorf("an alias was left: %+v, %v", list, err)
	}
}
