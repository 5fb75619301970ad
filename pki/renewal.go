package pki

import (
	"crypto/x509"
	"slices"
	"time"
)

// RenewAt returns when a certificate is to be renewed: at two thirds of its life.
//
// That life begins when it was issued and not at its NotBefore, which lies a day
// before that, and a year for an authority; of a stranger's certificate nobody
// knows, so of a short one no more than a fifth is taken for that.
func RenewAt(leaf *x509.Certificate) time.Time {
	back := issuedBack
	if leaf.IsCA {
		back = authorityBack
	}
	life := leaf.NotAfter.Sub(leaf.NotBefore)
	life -= min(back, life/5)
	return leaf.NotAfter.Add(-life / 3)
}

// DueIn returns how long a certificate has until it is to be renewed, and 0 when
// that is now: also before its NotBefore, when the clock has gone back.
func DueIn(leaf *x509.Certificate, now time.Time) time.Duration {
	if now.Before(leaf.NotBefore) {
		return 0
	}
	return max(0, RenewAt(leaf).Sub(now))
}

// Due reports whether what issuer has issued must be issued again: it has come to
// DueIn, and a new one would live longer; another authority has issued it; or names
// (those that Covers returns) are no longer those it has. For a certificate without
// names, names is empty.
func Due(leaf *x509.Certificate, issuer *Chain, names []string, now time.Time) bool {
	by := issuer.Leaf()
	return now.Before(leaf.NotBefore) ||
		DueIn(leaf, now) == 0 && leaf.NotAfter.Before(by.NotAfter) ||
		leaf.CheckSignatureFrom(by) != nil ||
		!slices.Equal(namesOf(leaf), names)
}
