package main

import (
	"context"
	"log/slog"
	"time"

	"platen/config"
	"platen/job"
	"platen/pki"
	"platen/store"
)

// newCerts has the certificates of the account of scope.
func newCerts(p place, scope store.Scope, now func() time.Time, log *slog.Logger, settings func() config.Config) *pki.Keeper {
	return &pki.Keeper{
		Store: scope, Tenant: scope.Tenant(), CAFile: p.ca(),
		Names: func() []string { return pki.HostNames(certified(settings())...) },
		RSA:   func() bool { return len(settings().Listen.Old) > 0 },
		NewID: job.NewUUID, Now: now, Log: log,
	}
}

// certs returns the certificates: those of the running node, or of the node that does
// not run.
func (a *admin) certs(ctx context.Context) (*pki.Keeper, error) {
	if a.running != nil {
		return a.running.chain, nil
	}
	if a.opened != nil {
		return a.opened, nil
	}
	k := newCerts(a.place, a.scope, a.now, a.log, func() config.Config { return a.place.cfg })
	if err := k.Open(ctx); err != nil {
		return k, err
	}
	a.opened = k
	return k, nil
}
