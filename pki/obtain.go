package pki

import (
	"context"
	"strings"
	"time"

	"platen/fault"
)

// Order gets a chain from an ACME server and keeps it, so that it is renewed by itself.
// config is JSON, and secret what belongs to it; x.Obtain understands both.
func (k *Keeper) Order(ctx context.Context, name string, domains []string, config, secret string) (Imported, error) {
	const op = "pki.Order"
	if k.Obtain == nil {
		return Imported{}, &fault.Error{Op: op, Kind: fault.Conflict, Text: "The node is not running."}
	}
	if _, err := k.Find(name); err == nil {
		return Imported{}, &fault.Error{Op: op, Kind: fault.Conflict, Text: "There is a certificate chain %s already.", Args: []any{name}}
	}
	if err := k.known(domains); err != nil {
		return Imported{}, err
	}
	x := Kept{ID: k.NewID(), Name: name, Use: UseServer, From: FromACME, Config: config, Created: k.Now()}
	if err := k.Store.SetChainSecret(ctx, x.ID, secret); err != nil {
		return Imported{}, err
	}
	c, err := k.Obtain(ctx, &x, domains)
	if err != nil {
		_ = k.Store.SetChainSecret(ctx, x.ID, "")
		return Imported{}, err
	}
	return k.add(ctx, x, c, Judge(c, k.domainNames(), k.Now()))
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
			return &fault.Error{Op: "pki.known", Kind: fault.NotFound, Text: "%s is no domain of this account. Add it: platen cert domain add %s", Args: []any{n, n}}
		}
	}
	return nil
}

// Renew asks ACME servers for what is due. They may take minutes, so nobody waits for
// it meanwhile. What fails is told, and tried again later; the old chain is shown on.
func (k *Keeper) Renew(ctx context.Context) error {
	s := k.state.Load()
	for _, x := range s.kept {
		c := s.chains[x.ID]
		if x.From != FromACME || k.Obtain == nil || c == nil || !k.due(c.Leaf()) || k.Now().Sub(x.Tried).Abs() < retryAfter {
			continue
		}
		fresh, err := k.Obtain(ctx, &x, namesOf(c.Leaf()))
		if err := k.renewed(ctx, x, fresh, err); err != nil {
			return err
		}
	}
	return nil
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
	case why != nil:
		err = k.trouble(ctx, s, x, why)
	default:
		x.Tried, x.Trouble = time.Time{}, ""
		err = k.keep(ctx, s, x, fresh)
		k.Log.Info("pki: a certificate was renewed", "chain", x.Name, "until", fresh.Leaf().NotAfter)
	}
	k.change.Unlock()
	return k.then(ctx, err)
}
