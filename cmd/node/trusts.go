package main

import (
	"context"
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
	return t.scope.AddDelegation(ctx, d, "user "+u.Login)
}

// Allow implements ui.Trusts.
func (t trusts) Allow(ctx context.Context, u directory.User, id string) error {
	return t.scope.Consent(ctx, id, u.ID, t.now(), "on the own page", "user "+u.Login)
}

// End implements ui.Trusts.
func (t trusts) End(ctx context.Context, u directory.User, id string) error {
	return t.scope.EndDelegation(ctx, id, u.ID, "user "+u.Login)
}
