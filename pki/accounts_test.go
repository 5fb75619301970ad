package pki_test

import (
	"crypto/tls"
	"testing"

	"platen/pki"
)

// Several accounts on one address: each name shows a chain of its own account, which
// the root of the other does not vouch for.
func TestAccountsOnOneAddress(t *testing.T) {
	a, b := newWorld(t, "localhost"), newWorld(t, "localhost")
	both := pki.Accounts{a.Keeper, b.Keeper}
	for w, domain := range map[*world]string{a: "print.a.example", b: "print.b.example"} {
		_, err := w.AddDomain(t.Context(), domain)
		must(t, err)
	}
	for name, w := range map[string]*world{"print.a.example": a, "PRINT.b.example.": b, "localhost": a, "": a, "other.example": a} {
		got, err := both.Certificate(&tls.ClientHelloInfo{ServerName: name})
		must(t, err)
		want, err := w.Certificate(&tls.ClientHelloInfo{ServerName: name})
		must(t, err)
		if !got.Leaf.Equal(want.Leaf) {
			t.Errorf("%q is shown %v of %v", name, got.Leaf.DNSNames, got.Leaf.Issuer)
		}
	}
	if a.Root().Equal(b.Root()) {
		t.Error("two accounts have one root")
	}
}
