package ui

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"strings"
	"sync"
	"time"

	"platen/internal/testkit"
	"platen/job"
	"platen/pki"
)

// fakeWork does with the house's certificates what it is told, and notes it.
type fakeWork struct {
	h     *house
	actor string
}

func (w *fakeWork) keeper() *pki.Keeper { return w.h.server.Certs.(*pki.Keeper) }

func (w *fakeWork) note(err error, words ...string) {
	if err == nil {
		w.h.work = append(w.h.work, w.actor+" "+strings.Join(words, " "))
	}
}

// worked returns what was done since the last time.
func (h *house) worked() []string {
	var list []string
	h.change(func() { list, h.work = h.work, nil })
	return list
}

func (w *fakeWork) Import(ctx context.Context, name, use string, data []byte, password string, domains []string) (pki.Imported, error) {
	x, err := w.keeper().ImportChain(ctx, name, use, data, password)
	if err == nil && len(domains) > 0 {
		err = w.keeper().Choose(ctx, x.ID, domains)
	}
	if err == nil {
		x.Shown, err = w.keeper().Find(x.ID)
	}
	w.note(err, "imports", name, "for", use, strings.Join(domains, " "))
	return x, err
}

func (w *fakeWork) Generate(ctx context.Context, name string, domains []string, rsa bool) (pki.Imported, error) {
	x, err := w.keeper().Generate(ctx, name, domains, rsa)
	w.note(err, "generates", name, strings.Join(domains, " "))
	return x, err
}

func (w *fakeWork) Request(ctx context.Context, name string, s pki.Subject, domains []string, rsa bool) (pki.Shown, error) {
	x, err := w.keeper().Request(ctx, name, s, domains, rsa)
	w.note(err, "requests", name, s.Organization, strings.Join(domains, " "))
	return x, err
}

func (w *fakeWork) Renew(ctx context.Context, chain string) (pki.Shown, error) {
	x, err := w.keeper().Renewal(ctx, chain)
	w.note(err, "renews", x.Name)
	return x, err
}

func (w *fakeWork) Answer(ctx context.Context, chain string, data []byte) (pki.Imported, error) {
	x, err := w.keeper().Answer(ctx, chain, data)
	w.note(err, "answers", x.Name)
	return x, err
}

func (w *fakeWork) Choose(ctx context.Context, chain string, domains []string) error {
	if chain == ChainNode {
		chain = ""
	}
	err := w.keeper().Choose(ctx, chain, domains)
	w.note(err, "chooses for", strings.Join(domains, " "))
	return err
}

func (w *fakeWork) Remove(ctx context.Context, chain string, insist bool) error {
	x, _ := w.keeper().Find(chain)
	err := w.keeper().Remove(ctx, chain, insist)
	w.note(err, "removes", x.Name)
	return err
}

func (w *fakeWork) AddDomain(ctx context.Context, name string) (pki.Domain, error) {
	d, err := w.keeper().AddDomain(ctx, name)
	w.note(err, "adds", d.Name)
	return d, err
}

func (w *fakeWork) RemoveDomain(ctx context.Context, name string) error {
	err := w.keeper().RemoveDomain(ctx, name)
	w.note(err, "drops", name)
	return err
}

func (w *fakeWork) Trust(ctx context.Context, name string, data []byte, purposes []string) ([]pki.Trusted, error) {
	list, err := w.keeper().Trust(ctx, name, data, purposes)
	w.note(err, "trusts for", strings.Join(purposes, " "))
	return list, err
}

func (w *fakeWork) Distrust(ctx context.Context, name string) error {
	err := w.keeper().Distrust(ctx, name)
	w.note(err, "distrusts")
	return err
}

func (w *fakeWork) Test(ctx context.Context, address, purpose string) (pki.Report, error) {
	return pki.Probe(ctx, address, pki.ProbeOptions{Purpose: purpose, Trusted: w.keeper().Trusted(), Now: time.Now})
}

func (w *fakeWork) GenerateSigning(ctx context.Context) error {
	err := w.keeper().GenerateSigning(ctx)
	w.note(err, "makes what signs")
	return err
}

func (w *fakeWork) ChooseSigning(ctx context.Context, chain string) error {
	name := chain
	if chain == ChainNone {
		chain = ""
	}
	err := w.keeper().ChooseSigning(ctx, chain)
	w.note(err, "lets sign", name)
	return err
}

func (w *fakeWork) NewAuthority(ctx context.Context) error {
	err := w.keeper().Replace(ctx)
	w.note(err, "makes an authority")
	return err
}

func (w *fakeWork) Sign(ctx context.Context, data []byte) ([]*x509.Certificate, error) {
	certs, err := w.keeper().SignRequest(ctx, data)
	w.note(err, "signs")
	return certs, err
}

// corp is the authority of a company.
type corp struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

var corpCA = sync.OnceValue(func() corp {
	key := newKey()
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Example Corp CA"}, NotBefore: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter: time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	return corp{key, made(t, t, key, &key.PublicKey)}
})

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

func made(t, by *x509.Certificate, key *ecdsa.PrivateKey, pub any) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, t, by, pub, key)
	if err != nil {
		panic(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return c
}

// issue signs a certificate for a key.
func (c corp) issue(pub any, now time.Time, life time.Duration, names ...string) *x509.Certificate {
	return made(&x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(life),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}, c.cert, c.key, pub)
}

// file is a PEM file with a key and its chain.
func (c corp) file(now time.Time, life time.Duration, names ...string) []byte {
	key := newKey()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return append(append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), pemOf(c.issue(&key.PublicKey, now, life, names...))...), pemOf(c.cert)...)
}

func pemOf(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// ownCerts gives the house certificates of its own, by its own clock.
func (h *house) ownCerts() *pki.Keeper {
	h.t.Helper()
	k := &pki.Keeper{Store: &testkit.CertStore{}, Tenant: job.NewUUID(), Names: func() []string { return []string{"localhost", "127.0.0.1"} }, NewID: job.NewUUID, Now: h.clock.Now, Log: slog.New(slog.DiscardHandler)}
	if err := k.Open(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	h.change(func() { h.server.Certs = k })
	return k
}

// company has an authority of its own: a chain of it that is shown, one that ends
// soon, one that is waited for, and the authority itself is trusted.
func (h *house) company() *pki.Keeper {
	h.t.Helper()
	k, ctx, now := h.ownCerts(), h.t.Context(), h.clock.Now()
	must := func(err error) {
		h.t.Helper()
		if err != nil {
			h.t.Fatal(err)
		}
	}
	for _, d := range []string{"print.example.com", "old.example.com", "localhost", "test.example.com"} {
		_, err := k.AddDomain(ctx, d)
		must(err)
	}
	_, err := k.ImportChain(ctx, "web", pki.UseServer, corpCA().file(now, 90*24*time.Hour, "print.example.com", "localhost"), "")
	must(err)
	_, err = k.ImportChain(ctx, "old", pki.UseServer, corpCA().file(now, 5*24*time.Hour+time.Hour, "old.example.com"), "")
	must(err)
	must(k.Choose(ctx, "web", []string{"print.example.com", "localhost"}))
	must(k.Choose(ctx, "old", []string{"old.example.com"}))
	_, err = k.Request(ctx, "next", pki.Subject{Organization: "Example"}, []string{"print.example.com"}, false)
	must(err)
	_, err = k.Trust(ctx, "", pemOf(corpCA().cert), []string{pki.ForDirectory, pki.ForMail})
	must(err)
	return k
}

// chainURL is the page of a chain.
func (h *house) chainURL(name string) string {
	h.t.Helper()
	c, err := h.server.Certs.Find(name)
	if err != nil {
		h.t.Fatal(err)
	}
	return certURL("chain", c.ID)
}
