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

// worthIt reports whether a new certificate of issuer takes the place of one: it has
// come to RenewAt and the new one would live longer, or the clock has gone back before
// its NotBefore.
func worthIt(leaf, issuer *x509.Certificate, now time.Time) bool {
	return now.Before(leaf.NotBefore) || !now.Before(RenewAt(leaf)) && leaf.NotAfter.Before(issuer.NotAfter)
}

// Due reports whether what issuer has issued must be issued again: a new one is worth
// it, another authority has issued it, or names (those that Covers returns) are no
// longer those it has. For a certificate without names, names is empty.
func Due(leaf *x509.Certificate, issuer *Chain, names []string, now time.Time) bool {
	return worthIt(leaf, issuer.Leaf(), now) || leaf.CheckSignatureFrom(issuer.Leaf()) != nil || !slices.Equal(namesOf(leaf), names)
}
