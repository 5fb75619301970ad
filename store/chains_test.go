package store

import (
	"bytes"
	"os"
	"testing"

	"platen/fault"
	"platen/pki"
)

// Chains are kept with their keys sealed, and go with all that belongs to them.
func TestChains(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	x := pki.Kept{ID: "c-1", Name: "Web", Use: pki.UseServer, From: pki.FromFile, Certs: []byte("certs"), Key: []byte("canary key"), Config: "{}", Created: epoch}
	must(t, w.a.PutChain(ctx, x))
	must(t, w.a.SetChainSecret(ctx, "c-1", "canary secret"))
	must(t, w.a.PutDomain(ctx, pki.Domain{Name: "print.example.com", Chain: "c-1"}))
	must(t, w.a.PutDomain(ctx, pki.Domain{Name: "other.example.com"}))
	wantKind(t, "another one of this name", w.a.PutChain(ctx, pki.Kept{ID: "c-2", Name: "WEB"}), fault.Conflict)
	wantKind(t, "a domain of somebody else", w.b.PutDomain(ctx, pki.Domain{Name: "print.example.com"}), fault.Conflict)
	x.Trouble, x.Tried = "It was not reachable.", epoch
	must(t, w.a.PutChain(ctx, x))
	list, err := w.a.Chains(ctx)
	if err != nil || len(list) != 1 || string(list[0].Key) != "canary key" || list[0].Trouble != x.Trouble || !list[0].Created.Equal(epoch) {
		t.Errorf("chains %+v, %v", list, err)
	}
	if secret, err := w.a.ChainSecret(ctx, "c-1"); err != nil || secret != "canary secret" {
		t.Errorf("the secret is %q, %v", secret, err)
	}
	for _, name := range []string{"platen.db", "platen.db-wal"} {
		data, err := os.ReadFile(w.dir + "/" + name)
		must(t, err)
		for _, canary := range []string{"canary key", "canary secret"} {
			if bytes.Contains(data, []byte(canary)) {
				t.Errorf("%s in %s", canary, name)
			}
		}
	}
	must(t, w.a.RemoveChain(ctx, "c-1"))
	wantKind(t, "removed twice", w.a.RemoveChain(ctx, "c-1"), fault.NotFound)
	domains, err := w.a.Domains(ctx)
	if err != nil || len(domains) != 2 || domains[1] != (pki.Domain{Name: "print.example.com"}) {
		t.Errorf("domains %+v, %v", domains, err)
	}
	if secret, err := w.a.ChainSecret(ctx, "c-1"); err != nil || secret != "" {
		t.Errorf("the secret is still %q, %v", secret, err)
	}
	must(t, w.a.RemoveDomain(ctx, "print.example.com"))
	wantKind(t, "removed twice", w.a.RemoveDomain(ctx, "print.example.com"), fault.NotFound)
}

func TestTrusted(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	x := pki.Trusted{ID: "t-1", Name: "House", Purposes: []string{pki.ForMail, pki.ForDirectory}, DER: []byte{1, 2}, Created: epoch}
	must(t, w.a.PutTrusted(ctx, x))
	wantKind(t, "another one of this name", w.a.PutTrusted(ctx, pki.Trusted{ID: "t-2", Name: "house"}), fault.Conflict)
	x.Purposes = []string{pki.ForMail}
	must(t, w.a.PutTrusted(ctx, x))
	list, err := w.a.Trusted(ctx)
	if err != nil || len(list) != 1 || len(list[0].Purposes) != 1 || !bytes.Equal(list[0].DER, x.DER) {
		t.Errorf("trusted %+v, %v", list, err)
	}
	must(t, w.a.RemoveTrusted(ctx, "t-1"))
	wantKind(t, "removed twice", w.a.RemoveTrusted(ctx, "t-1"), fault.NotFound)
}
