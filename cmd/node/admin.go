package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"platen/fault"
	"platen/internal/failpoint"
	"platen/internal/fsys"
	"platen/pki"
	"platen/release"
	"platen/spool"
	"platen/store"
)

// admin is what the commands of an administrator act on: the store of a node,
// and the node itself where it runs.
type admin struct {
	place   place
	store   *store.Store
	scope   store.Scope
	keys    *spool.Keys
	spool   *spool.Spool
	desk    *release.Service
	now     func() time.Time
	log     *slog.Logger
	actor   string      // "administrator root"
	running *node       // nil while no node runs
	opened  *pki.Keeper // certificates of a node that does not run; nil while nobody asked for them

	signings signings // of API tokens
}

// audit writes a line of the audit trail for something that was done.
func (a *admin) audit(ctx context.Context, action, object, detail string) error {
	return a.scope.Audit(ctx, a.actor, action, object, detail)
}

// devicesChanged tells the running node to look at its devices again.
func (a *admin) devicesChanged() {
	if a.running != nil {
		a.running.dispatcher.Reload()
		a.running.advertiser.Update() // what they can do is what their queues can do
	}
}

// administer runs a command in the node, or here when no node runs.
func administer(ctx context.Context, e *env, cmd *command, c *call) error {
	p, err := c.where.find()
	if err != nil {
		return err
	}
	if err := p.exists(); err != nil {
		return err
	}
	done, err := prepareCall(e, cmd, c)
	if err == nil {
		err = administerAt(ctx, p, cmd, c)
	}
	return done(err)
}

// startStop is how long a command waits for a node that starts or stops: then
// it holds the lock, but does not answer.
const startStop = 10 * time.Second

func administerAt(ctx context.Context, p place, cmd *command, c *call) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for until := time.Now().Add(startStop); ; {
		reached, err := remote(ctx, p.socket(), c)
		if reached || !nobodyThere(err) && !errors.Is(err, errNotReached) {
			return err
		}
		unlock, err := fsys.Lock(p.lock())
		if err == nil {
			return errors.Join(offline(ctx, p, cmd, c), unlock())
		}
		if !fault.Is(err, fault.Conflict) {
			return err
		}
		if time.Now().After(until) {
			return &fault.Error{Op: "administer", Kind: fault.Conflict, Text: "Another program works with %s and does not answer.", Args: []any{p.cfg.Data}, Err: err}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// offline runs a command on the store of a node that does not run. The caller
// holds the node's lock.
func offline(ctx context.Context, p place, cmd *command, c *call) (err error) {
	c.actor = self()
	if err := becomeOwner(p.cfg.Data); err != nil {
		return err
	}
	a, closeStore, err := openAdmin(ctx, p, slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	a.actor = c.actor
	return cmd.admin(ctx, a, c)
}

// openAdmin opens the keys and the store of a node that does not run.
func openAdmin(ctx context.Context, p place, log *slog.Logger) (*admin, func() error, error) {
	keys, err := spool.LoadKeys(p.keys())
	if err != nil {
		return nil, nil, err
	}
	st, err := openStore(ctx, p, keys, log)
	if err != nil {
		return nil, nil, err
	}
	scope, err := st.Default(ctx)
	if err != nil {
		return nil, nil, errors.Join(err, st.Close())
	}
	a := &admin{place: p, store: st, scope: scope, keys: keys, now: time.Now, log: log}
	a.spool = &spool.Spool{Dir: p.spool(), Keys: keys, Log: log, Now: time.Now}
	a.desk = newDesk(scope, keys, log)
	return a, st.Close, nil
}

// openStore opens the database and makes it at the first start. When one has been
// here and is gone, the new one gets the tenants whose documents are here, and the
// next start of the node makes jobs of these.
func openStore(ctx context.Context, p place, keys *spool.Keys, log *slog.Logger) (*store.Store, error) {
	o := store.Options{Path: p.database(), Titles: keys, Key: keys.ID(), Now: failpoint.Now, Log: log}
	_, noDatabase := os.Stat(p.database())
	_, noSpool := os.Stat(filepath.Join(p.spool(), "docs"))
	if !errors.Is(noDatabase, os.ErrNotExist) || noSpool != nil {
		return store.Open(ctx, o)
	}
	log.Error("node: the database is gone and a new one is made; its documents become held jobs again, but people, cards, queues and devices are only in a backup: platen restore")
	var err error
	o.Again = true
	if o.Tenants, err = (&spool.Spool{Dir: p.spool(), Keys: keys, Log: log, Now: o.Now}).Tenants(); err != nil {
		return nil, err
	}
	if err := fsys.WriteFile(p.restored(), []byte("the database was gone\n")); err != nil {
		return nil, err
	}
	return store.Open(ctx, o)
}

// named replaces the sentence of a NotFound by one with the name that was
// typed.
func named(err error, what, name string) error {
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	return &fault.Error{Op: "admin", Kind: fault.NotFound, Text: "There is no " + what + " %s.", Args: []any{name}, Err: err}
}

// number reads a job number.
func number(text string) (int64, error) {
	var n int64
	if _, err := fmt.Sscanf(text, "%d", &n); err != nil || n < 1 || fmt.Sprint(n) != text {
		return 0, usagef("%q is not a job number", text)
	}
	return n, nil
}
