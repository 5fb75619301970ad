package pki

import (
	"context"
	"slices"
	"time"

	"platen/fault"
)

// signingValue is where the store has which chain signs tokens.
const signingValue = "token signing"

// signingStand is what the store has of it.
type signingStand struct {
	Chosen string      `json:"chosen"` // id of a chain; "" nobody signs
	Older  []olderSign `json:"older"`
}

type olderSign struct {
	Chain string    `json:"chain"`
	Until time.Time `json:"until"`
}

// Signing returns the keys that sign and check the tokens of the account.
func (k *Keeper) Signing() *Signing { return k.state.Load().signing.At(k.Now()) }

// loadSigning reads which chains sign, and signed.
func (k *Keeper) loadSigning(ctx context.Context, s *state) error {
	s.signing = &Signing{Tenant: k.Tenant}
	stand, _, err := k.signingStand(ctx)
	if err != nil {
		return err
	}
	if c := s.chains[stand.Chosen]; c != nil {
		if s.signing.Chosen, err = NewSigningKey(c); err != nil {
			k.Log.Error("pki: the chain that signs tokens cannot", "error", err)
			err = nil
		}
	}
	for _, o := range stand.Older {
		c := s.chains[o.Chain]
		if c == nil {
			continue
		}
		if older, err := NewSigningKey(c); err == nil {
			older.Until = o.Until
			s.signing.Older = append(s.signing.Older, *older)
		}
	}
	return err
}

func (k *Keeper) signingStand(ctx context.Context) (x signingStand, ok bool, err error) {
	ok, err = k.Store.Value(ctx, signingValue, &x)
	return x, ok, err
}

// firstSigning makes the chain that signs tokens when nobody has chosen yet, and a new
// one when the one that the node made is due. Where somebody chose none there is none.
func (k *Keeper) firstSigning(ctx context.Context, s *state) (made bool, err error) {
	stand, ok, err := k.signingStand(ctx)
	if err != nil {
		return false, err
	}
	kept, c := s.byID(stand.Chosen)
	_, root := s.named(nameRoot)
	switch {
	case !ok:
	case stand.Chosen == "", kept.From != FromBuiltIn, c != nil && (root == nil || !worthIt(c.Leaf(), root.Leaf(), k.Now())):
		return false, k.forgetSigning(ctx, s, stand)
	}
	return true, k.newSigning(ctx, s, stand)
}

// newSigning makes a chain and chooses it.
func (k *Keeper) newSigning(ctx context.Context, s *state, stand signingStand) error {
	_, root := s.named(nameRoot)
	if root == nil {
		return nil
	}
	c, err := IssueSigning(root, title(k.Names()), k.Now())
	if err != nil {
		return err
	}
	kept := Kept{Name: k.free(s, nameSigning), Use: UseSigning}
	if err := k.keep(ctx, s, kept, c); err != nil {
		return err
	}
	return k.sign(ctx, s, stand, s.kept[len(s.kept)-1].ID)
}

// free is a name that no chain has.
func (k *Keeper) free(s *state, name string) string {
	taken := func(n string) bool {
		return slices.ContainsFunc(s.kept, func(x Kept) bool { return x.Name == n })
	}
	at := k.Now().UTC()
	for free := name; ; at = at.Add(time.Second) {
		if !taken(free) {
			return free
		}
		free = name + " " + at.Format("2006-01-02 15:04:05")
	}
}

// sign lets a chain sign from now on. What the one before has signed is believed until
// the last of its tokens ends.
func (k *Keeper) sign(ctx context.Context, s *state, stand signingStand, id string) error {
	if stand.Chosen != "" && stand.Chosen != id {
		stand.Older = append([]olderSign{{stand.Chosen, k.Now().Add(LongestToken)}}, stand.Older...)
	}
	stand.Older = slices.DeleteFunc(stand.Older, func(o olderSign) bool { return o.Chain == id })
	stand.Chosen = id
	if err := k.Store.PutValue(ctx, signingValue, stand); err != nil {
		return err
	}
	return k.loadSigning(ctx, s)
}

// forgetSigning removes chains that the node made and that nobody believes any more.
func (k *Keeper) forgetSigning(ctx context.Context, s *state, stand signingStand) error {
	over := func(o olderSign) bool { return !k.Now().Before(o.Until) }
	if !slices.ContainsFunc(stand.Older, over) {
		return nil
	}
	for _, o := range stand.Older {
		if kept, _ := s.byID(o.Chain); over(o) && kept.From == FromBuiltIn {
			if err := k.Store.RemoveChain(ctx, o.Chain); err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
			s.kept = slices.DeleteFunc(s.kept, func(x Kept) bool { return x.ID == o.Chain })
			delete(s.chains, o.Chain)
		}
	}
	stand.Older = slices.DeleteFunc(stand.Older, over)
	return k.Store.PutValue(ctx, signingValue, stand)
}

// GenerateSigning makes a new chain that signs tokens from now on.
func (k *Keeper) GenerateSigning(ctx context.Context) error {
	return k.changeSigning(ctx, func(s *state, stand signingStand) error { return k.newSigning(ctx, s, stand) })
}

// ChooseSigning lets a chain sign tokens from now on; "" lets nobody.
func (k *Keeper) ChooseSigning(ctx context.Context, chain string) error {
	id := ""
	if chain != "" {
		v, err := k.Find(chain)
		if err != nil {
			return err
		}
		c := k.state.Load().chains[v.ID]
		if c == nil || v.Use != UseSigning { // the key of another one may be replaced, and with it all tokens
			return &fault.Error{Op: "pki.ChooseSigning", Kind: fault.Conflict, Text: "The chain %s cannot sign tokens.", Args: []any{v.Name}}
		}
		if _, err := NewSigningKey(c); err != nil {
			return err
		}
		id = v.ID
	}
	return k.changeSigning(ctx, func(s *state, stand signingStand) error { return k.sign(ctx, s, stand, id) })
}

func (k *Keeper) changeSigning(ctx context.Context, fn func(*state, signingStand) error) error {
	k.change.Lock()
	s, err := k.load(ctx)
	var stand signingStand
	if err == nil {
		stand, _, err = k.signingStand(ctx)
	}
	if err == nil {
		err = fn(s, stand)
	}
	k.change.Unlock()
	return k.then(ctx, err)
}
