package pki

import (
	"context"
	"crypto/x509"
	"errors"
	"strings"
	"time"

	"platen/fault"
)

// Order gets a chain from an ACME server and keeps it, so that it is renewed by itself.
// config is JSON, and secret what belongs to it; x.Obtain understands both.
func (k *Keeper) Order(ctx context.Context, name string, domains []string, config, secret string) (Imported, error) {
	const op = "pki.Order"
	if k.Obtain == nil {
		return Imported{}, notRunning(op)
	}
	end, err := k.takeTurn(ctx)
	if err != nil {
		return Imported{}, err
	}
	defer end()
	if _, err := k.Find(name); err == nil {
		return Imported{}, &fault.Error{Op: op, Kind: fault.Conflict, Text: "There is a certificate chain %s already.", Args: []any{name}}
	}
	if err := errors.Join(k.mayBeCalled(name), k.known(domains)); err != nil {
		return Imported{}, err
	}
	x := Kept{ID: k.NewID(), Name: name, Use: UseServer, From: FromACME, Config: config, Created: k.Now()}
	if err := k.Store.SetChainSecret(ctx, x.ID, secret); err != nil {
		return Imported{}, err
	}
	c, err := k.Obtain(ctx, &x, domains)
	if err == nil {
		var done Imported
		if done, err = k.add(ctx, x, c, Judge(c, k.domainNames(), k.Now())); err == nil {
			return done, nil
		}
	}
	return Imported{}, errors.Join(err, k.Store.SetChainSecret(context.WithoutCancel(ctx), x.ID, ""))
}

// known refuses names that are no domains of the account.
func (k *Keeper) known(names []string) error {
	domains := k.domainNames()
	for _, n := range names {
		n = strings.TrimPrefix(ascii(n), "*.")
		found := false
		for _, d := range domains {
			found = found || d == n
		}
		if !found {
			return &fault.Error{Op: "pki.known", Kind: fault.NotFound, Text: "The account has no domain %s. Add it: platen cert domain add %s", Args: []any{n, n}}
		}
	}
	return nil
}

// Renew asks ACME servers for what is due. They may take minutes, so nobody waits for
// it meanwhile. What fails is told, and tried again later; the old chain is shown on.
func (k *Keeper) Renew(ctx context.Context) error {
	end, err := k.takeTurn(ctx)
	if err != nil {
		return err
	}
	defer end()
	return k.renewAll(ctx)
}

// takeTurn waits until nobody else asks an ACME server: two orders for one account, or
// for one name, would be in each other's way.
func (k *Keeper) takeTurn(ctx context.Context) (end func(), err error) {
	select {
	case k.turn <- struct{}{}:
		return func() { <-k.turn }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (k *Keeper) renewAll(ctx context.Context) error {
	s := k.state.Load()
	for _, x := range s.kept {
		c := s.chains[x.ID]
		if x.From != FromACME || k.Obtain == nil || c == nil || ctx.Err() != nil {
			continue
		}
		if err := k.ask(ctx, &x, c.Leaf()); err != nil {
			return err
		}
		if k.Now().Before(k.nextTry(x, c.Leaf())) {
			continue
		}
		fresh, err := k.Obtain(ctx, &x, namesOf(c.Leaf()))
		if err := k.renewed(ctx, x, fresh, err); err != nil {
			return err
		}
	}
	return nil
}

// RenewNow asks an ACME server for a chain at once.
func (k *Keeper) RenewNow(ctx context.Context, chain string) error {
	v, err := k.Find(chain)
	if err != nil {
		return err
	}
	switch {
	case v.From != FromACME || len(v.Certs) == 0:
		return &fault.Error{Op: "pki.RenewNow", Kind: fault.Conflict, Text: "No ACME server gave the chain %s.", Args: []any{v.Name}}
	case k.Obtain == nil:
		return notRunning("pki.RenewNow")
	}
	end, err := k.takeTurn(ctx)
	if err != nil {
		return err
	}
	defer end()
	x := k.get(v.ID)
	fresh, why := k.Obtain(ctx, &x, namesOf(v.Certs[0]))
	if err := k.renewed(ctx, x, fresh, why); err != nil {
		return err
	}
	return why
}

func notRunning(op string) error {
	return &fault.Error{Op: op, Kind: fault.Conflict, Text: "The node is not running. Start it first: it is the node that proves the names to the ACME server."}
}

// nextTry is when a chain is renewed: at two thirds of its life; sooner when its server
// wants that; later after a try, and when the server wants to be left alone.
func (k *Keeper) nextTry(x Kept, leaf *x509.Certificate) time.Time {
	now, at := k.Now(), RenewAt(leaf)
	if now.Before(leaf.NotBefore) { // the clock went back
		at = now
	}
	if x.Tried.After(now) { // and what it said then is worth nothing
		return at
	}
	if !x.Next.IsZero() && (x.Trouble != "" || x.Next.Before(at)) {
		at = x.Next
	}
	if soonest := x.Tried.Add(retryAfter); !x.Tried.IsZero() && at.Before(soonest) {
		at = soonest // also after a success: a certificate that is due when it comes is not asked for all day
	}
	return at
}

// ask asks once a day when the server wants a certificate renewed. It counts when that
// is sooner than two thirds of its life: RFC 9773 is for certificates that are going to
// be taken back.
func (k *Keeper) ask(ctx context.Context, x *Kept, leaf *x509.Certificate) error {
	now := k.Now()
	if k.RenewalTime == nil || x.Trouble != "" || now.Sub(k.asked[x.ID]).Abs() < askEvery {
		return nil
	}
	k.asked[x.ID] = now
	at, err := k.RenewalTime(ctx, *x, leaf)
	if err != nil { // it is asked again tomorrow, and renewed in time without
		k.Log.Info("pki: an ACME server does not say when a certificate should be renewed", "chain", x.Name, "error", err)
		return nil
	}
	if !at.Before(RenewAt(leaf)) {
		at = time.Time{}
	}
	if at.Equal(x.Next) {
		return nil
	}
	if !at.IsZero() {
		k.Log.Info("pki: an ACME server wants a certificate renewed before its time", "chain", x.Name, "at", at)
	}
	x.Next = at
	return k.put(ctx, *x, leaf)
}

// put keeps what is new of a chain, unless it was removed or renewed meanwhile.
func (k *Keeper) put(ctx context.Context, x Kept, leaf *x509.Certificate) error {
	k.change.Lock()
	s, err := k.load(ctx)
	if err == nil {
		if _, c := s.byID(x.ID); c != nil && c.Leaf().Equal(leaf) {
			err = k.Store.PutChain(ctx, x)
		}
	}
	k.change.Unlock()
	return k.then(ctx, err)
}

// retryable is an error of a server that wants to be left alone for a while.
type retryable interface {
	error
	RetryAt() time.Time
}

// again is when a renewal that has failed is tried again.
func (k *Keeper) again(why error) time.Time {
	at := k.Now().Add(retryAfter)
	if later, ok := errors.AsType[retryable](why); ok && later.RetryAt().After(at) {
		return later.RetryAt()
	}
	return at
}

// renewed keeps what came of a renewal.
func (k *Keeper) renewed(ctx context.Context, x Kept, fresh *Chain, why error) error {
	k.change.Lock()
	s, err := k.load(ctx)
	if kept, _ := s.byID(x.ID); err == nil && kept.ID == "" {
		k.change.Unlock()
		return nil // somebody removed it meanwhile
	}
	switch {
	case err != nil:
	case why != nil && ctx.Err() != nil: // the node ends, or who asked has gone
	case why != nil:
		x.Next = k.again(why)
		err = k.trouble(ctx, s, x, why)
	default:
		x.Tried, x.Trouble, x.Next = k.Now(), "", time.Time{}
		err = k.keep(ctx, s, x, fresh)
		k.Log.Info("pki: a certificate was renewed", "chain", x.Name, "until", fresh.Leaf().NotAfter)
	}
	k.change.Unlock()
	return k.then(ctx, err)
}
