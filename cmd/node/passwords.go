package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"platen/directory"
	"platen/directory/ldap"
	"platen/fault"
	"platen/pki"
	"platen/store"
)

// passwords asks the directories that people come from whether a password is
// right. It is a release.Directory.
type passwords struct {
	scope store.Scope
	log   *slog.Logger
	now   func() time.Time

	cut   *cut // nil: never
	roots rooted

	mu   sync.Mutex
	open map[string]*asking // by source
}

// asking is one directory that knows passwords.
type asking struct {
	sum     [32]byte // of its configuration and secret
	checker *ldap.Checker
	away    time.Time // nobody is sent there before; zero: it answers
}

// awayFor is how long a directory that did not answer is not asked again. Else
// everybody at a device would wait for it anew.
const awayFor = 15 * time.Second

func newPasswords(scope store.Scope, now func() time.Time, log *slog.Logger) *passwords {
	return &passwords{scope: scope, log: log, now: now, open: map[string]*asking{}}
}

// CheckPassword asks the directory of a person. For somebody of no directory, and
// for nobody, one is asked all the same: the time it takes must not tell who is who.
func (p *passwords) CheckPassword(ctx context.Context, u directory.User, login, password string) error {
	const op = "passwords"
	none := &fault.Error{Op: op, Kind: fault.NotFound, Err: directory.ErrOwnPassword}
	list, err := p.scope.Sources(ctx)
	if err != nil {
		return err
	}
	source, key := "", ""
	if u.ID != "" {
		if source, key, err = p.scope.EntryOf(ctx, u.ID); err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	var first *directory.SourceSetup
	for i := range list {
		x := &list[i]
		if x.Kind != directory.SourceLDAP || !x.Enabled {
			continue
		}
		if x.ID == source {
			return p.ask(ctx, x, key, account(u, login), password)
		}
		if first == nil {
			first = x
		}
	}
	if first == nil {
		return none
	}
	err = p.ask(ctx, first, "", login, password)
	switch {
	case fault.Is(err, fault.Unavailable) && u.ID != "":
		return &fault.Error{Op: op, Kind: fault.Unavailable, Err: fmt.Errorf("%w: %w", directory.ErrOwnPassword, err)}
	case fault.Is(err, fault.Unavailable): // nobody learns from the answer who is whose
		return err
	}
	return none
}

// account is how a person is called where passwords are kept.
func account(u directory.User, login string) string {
	switch {
	case u.UPN != "":
		return u.UPN
	case u.Login != "":
		return u.Login
	}
	return login
}

func (p *passwords) ask(ctx context.Context, x *directory.SourceSetup, key, login, password string) error {
	a, err := p.asking(ctx, x)
	if err != nil {
		return err
	}
	if p.cut.now() || p.isAway(a) {
		return &fault.Error{Op: "passwords", Kind: fault.Unavailable, Text: "The directory does not answer at the moment."}
	}
	err = a.checker.Check(ctx, key, login, password)
	p.mu.Lock()
	defer p.mu.Unlock()
	if errors.Is(ctx.Err(), context.Canceled) {
		return err
	}
	if !fault.Is(err, fault.Unavailable) && ctx.Err() == nil {
		a.away = time.Time{}
		return err
	}
	if a.away.IsZero() {
		p.log.Warn("passwords: a directory does not answer; for a while, what is kept here decides", "source", x.Name, "error", err)
	}
	a.away = p.now().Add(awayFor)
	return &fault.Error{Op: "passwords", Kind: fault.Unavailable, Err: err}
}

// answered hears that a directory has answered something else: it is back.
func (p *passwords) answered(source string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a := p.open[source]; a != nil {
		a.away = time.Time{}
	}
}

func (p *passwords) isAway(a *asking) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now().Before(a.away)
}

// asking returns the checker of a source, a new one when it was set up anew.
func (p *passwords) asking(ctx context.Context, x *directory.SourceSetup) (*asking, error) {
	secret, err := p.scope.SourceSecret(ctx, x.ID)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(x.Config + "\x00" + secret))
	p.mu.Lock()
	defer p.mu.Unlock()
	if a := p.open[x.ID]; a != nil && a.sum == sum {
		return a, nil
	} else if a != nil {
		go a.checker.Close()
	}
	c := &ldap.Checker{Secret: secret, Log: p.log, Now: p.now, Roots: p.roots.of(pki.ForDirectory)}
	if err := parseConfig(x.Kind, x.Config, &c.Config); err != nil {
		return nil, err
	}
	p.open[x.ID] = &asking{sum: sum, checker: c}
	return p.open[x.ID], nil
}

// close ends the connections that are kept.
func (p *passwords) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.open {
		a.checker.Close()
	}
	clear(p.open)
}
