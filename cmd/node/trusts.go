package main

import (
	"context"
	"slices"
	"time"

	"platen/directory"
	"platen/job"
	"platen/store"
	"platen/ui"
)

// trusts is what people settle on their own page: who may release their documents.
type trusts struct {
	scope store.Scope
	now   func() time.Time
	told  func(d directory.Delegation, given bool) // a message to both sides
}

var _ ui.Trusts = trusts{}

// Given implements ui.Trusts.
func (t trusts) Given(ctx context.Context, u directory.User) ([]directory.Delegation, error) {
	return t.scope.DelegationsOf(ctx, u.ID)
}

// Received implements ui.Trusts.
func (t trusts) Received(ctx context.Context, u directory.User) ([]directory.Delegation, error) {
	return t.scope.DelegationsTo(ctx, u.ID)
}

// Give implements ui.Trusts. Whoever gives it has consented.
func (t trusts) Give(ctx context.Context, u directory.User, login string, titles bool, until time.Time) error {
	to, err := t.scope.UserByLogin(ctx, directory.Fold(login))
	if err != nil {
		return err
	}
	now := t.now().UTC()
	if err := to.MayStandIn(until, now); err != nil {
		return err
	}
	d := directory.Delegation{ID: job.NewUUID(), Owner: u.ID, Delegate: to.ID, Titles: titles, MadeBy: u.Login,
		Created: now, Consented: now, Consent: "on the own page", Until: until.UTC()}
	if err := t.scope.AddDelegation(ctx, d, "user "+u.Login); err != nil {
		return err
	}
	d.DelegateName = to.Name()
	t.told(d, true)
	return nil
}

// Allow implements ui.Trusts.
func (t trusts) Allow(ctx context.Context, u directory.User, id string) error {
	d, err := t.given(ctx, u, id)
	if err == nil {
		err = t.scope.Consent(ctx, id, u.ID, t.now(), "on the own page", "user "+u.Login)
	}
	if err == nil {
		t.told(d, true)
	}
	return err
}

// End implements ui.Trusts.
func (t trusts) End(ctx context.Context, u directory.User, id string) error {
	d, err := t.given(ctx, u, id)
	if err == nil {
		err = t.scope.EndDelegation(ctx, id, u.ID, "user "+u.Login)
	}
	if err == nil && !d.Consented.IsZero() { // a refusal changes nothing
		t.told(d, false)
	}
	return err
}

// given is a delegation of the person's documents. That there is none, the change says.
func (t trusts) given(ctx context.Context, u directory.User, id string) (directory.Delegation, error) {
	list, err := t.scope.DelegationsOf(ctx, u.ID)
	if i := slices.IndexFunc(list, func(d directory.Delegation) bool { return d.ID == id }); i >= 0 {
		return list[i], err
	}
	return directory.Delegation{}, err
}
