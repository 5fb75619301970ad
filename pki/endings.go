package pki

import (
	"context"
	"slices"
	"time"
)

// Ending is a certificate that ends soon, or has ended.
type Ending struct {
	ID, Name string
	Use      string
	From     string
	Subject  string
	Ends     time.Time
	Days     int    // left, rounded down; negative: ended
	Trouble  string // why it is not renewed
}

// warnAt are the days before the end at which somebody is told.
var warnAt = []int{30, 14, 7, 1, 0}

// threshold is the smallest of warnAt that has been reached; -1 none yet.
func threshold(left time.Duration) int {
	t := -1
	for _, days := range warnAt {
		if left <= time.Duration(days)*24*time.Hour {
			t = days
		}
	}
	return t
}

// Endings returns the certificates in use that end within 30 days, the nearest first.
func (k *Keeper) Endings() []Ending { return k.endings(k.state.Load()) }

func (k *Keeper) endings(s *state) []Ending {
	var list []Ending
	for _, t := range s.terms() {
		if left := t.Ends.Sub(k.Now()); threshold(left) >= 0 {
			list = append(list, Ending{ID: t.ID, Name: t.Name, Use: t.Use, From: t.From, Subject: t.Subject, Ends: t.Ends, Days: int(left.Truncate(24*time.Hour) / (24 * time.Hour)), Trouble: t.Trouble})
		}
	}
	slices.SortFunc(list, func(a, b Ending) int { return a.Ends.Compare(b.Ends) })
	return list
}

// inUse reports whether somebody relies on a chain: an imported one that no domain
// shows may end in peace.
func (s *state) inUse(x Kept) bool {
	switch {
	case x.Use == UseSigning || s.signs(x.ID):
		return s.signs(x.ID)
	case x.From == FromBuiltIn && (x.Name == nameRoot || x.Name == nameIssuing || x.Name == nameOwn):
		return true
	case x.From == FromBuiltIn && x.Name == nameOwnRSA:
		return s.rsa != nil // the listener may be closed again
	}
	return slices.ContainsFunc(s.domains, func(d Domain) bool { return d.Chain == x.ID })
}

// signs reports whether a chain, of a server perhaps, signs tokens.
func (s *state) signs(id string) bool {
	c := s.chains[id]
	return c != nil && s.signing != nil && s.signing.Chosen != nil && s.signing.Chosen.Chain == c
}

// toldValue is where the store has what was told already.
const toldValue = "certificates told"

// warn tells of certificates that end soon, each once at 30, 14, 7 and 1 days and at
// the end: also over a restart. A Keeper that can tell nobody leaves it to the one of
// the running node.
func (k *Keeper) warn(ctx context.Context, s *state) {
	if k.Tell == nil {
		return
	}
	var told map[string]int
	if _, err := k.Store.Value(ctx, toldValue, &told); err != nil {
		k.Log.Error("pki: what was told of certificates cannot be read", "error", err)
		return
	}
	now, fresh := map[string]int{}, []Ending{}
	for _, e := range k.endings(s) {
		key := e.ID + " " + e.Ends.UTC().Format(time.DateOnly)
		t := threshold(e.Ends.Sub(k.Now()))
		now[key] = t
		if before, ok := told[key]; ok && before <= t {
			continue
		}
		fresh = append(fresh, e)
		k.Log.Warn("pki: a certificate ends soon", "chain", e.Name, "use", e.Use, "ends", e.Ends, "days", e.Days, "trouble", e.Trouble)
	}
	if len(fresh) == 0 && len(now) == len(told) {
		return
	}
	if err := k.Store.PutValue(ctx, toldValue, now); err != nil {
		k.Log.Error("pki: what was told of certificates cannot be kept", "error", err)
		return
	}
	if len(fresh) > 0 {
		k.Tell(ctx, fresh)
	}
}
