package pki_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"platen/fault"
	"platen/pki"
)

// Each purpose has its own authorities. Those of the system count beside them, but
// never say who people are, nor which device is which.
func TestA67RootsByPurpose(t *testing.T) {
	w := newWorld(t, "localhost")
	ctx := t.Context()
	system, err := x509.SystemCertPool()
	must(t, err)
	ca, err := pki.NewRoot("corp", birth)
	must(t, err)
	alone := x509.NewCertPool()
	alone.AddCert(ca.Leaf())
	both := system.Clone()
	both.AddCert(ca.Leaf())
	if w.People() != nil {
		t.Error("people are asked for certificates")
	}
	for _, p := range pki.Purposes() {
		_, err := w.Trust(ctx, "corp", ca.CertsPEM(), []string{p})
		must(t, err)
		for _, other := range pki.Purposes() {
			want := system
			switch strict := other == pki.ForPeople || other == pki.ForDevices; {
			case strict && p == other:
				want = alone
			case strict:
				want = x509.NewCertPool()
			case p == other:
				want = both
			}
			if !w.Pool(other).Equal(want) {
				t.Errorf("for %s, the authorities for %s are wrong", p, other)
			}
		}
		if people := w.People(); (people != nil) != (p == pki.ForPeople) || people != nil && !people.Equal(alone) {
			t.Errorf("for %s, people: %v", p, people)
		}
		if was, err := w.Untrust(ctx, p); err != nil || len(was) != 1 || len(w.Trusted()) != 0 {
			t.Errorf("%+v, %v, left %d", was, err, len(w.Trusted()))
		}
	}
}

func TestUntrustLeavesOtherPurposes(t *testing.T) {
	w := newWorld(t, "localhost")
	ca, err := pki.NewRoot("corp", birth)
	must(t, err)
	_, err = w.Trust(t.Context(), "", ca.CertsPEM(), []string{pki.ForPeople, pki.ForMail})
	must(t, err)
	_, err = w.Untrust(t.Context(), pki.ForPeople)
	must(t, err)
	if list := w.Trusted(); len(list) != 1 || !slices.Equal(list[0].Purposes, []string{pki.ForMail}) || w.People() != nil {
		t.Errorf("%+v", list)
	}
}

// ofADevice is a certificate that vouches for itself alone.
func ofADevice(t *testing.T) []byte {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mfp"}, NotBefore: birth, NotAfter: birth.AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	must(t, err)
	return der
}

// Whoever has a certificate does not vouch for himself with it, and not everybody is
// told to every client.
func TestA67WhoMaySayWhoPeopleAre(t *testing.T) {
	w := newWorld(t, "localhost")
	ctx := t.Context()
	own := ofADevice(t)
	if _, err := w.Trust(ctx, "", own, []string{pki.ForPeople}); !fault.Is(err, fault.Invalid) || !strings.Contains(fault.Text(err), "cannot say who people are") {
		t.Errorf("a certificate that has signed itself: %v", err)
	}
	if _, err := w.Trust(ctx, "", own, []string{pki.ForDevices}); err != nil {
		t.Errorf("that of a device: %v", err)
	}
	if _, err := w.Trust(ctx, "", own, []string{pki.ForPeople}); err == nil {
		t.Error("trusted for people, because it was trusted for devices")
	}
	var file []byte
	for i := range 51 {
		ca, err := pki.NewRoot(fmt.Sprint("corp ", i%3), birth) // some call themselves alike
		must(t, err)
		file = append(file, ca.CertsPEM()...)
	}
	if _, err := w.Trust(ctx, "", file, []string{pki.ForPeople}); !strings.Contains(fault.Text(err), "At most 50") {
		t.Errorf("51 of them: %v", err)
	}
	if list, err := w.Trust(ctx, "", append(file, file...), []string{pki.ForMail}); err != nil || len(list) != 51 {
		t.Errorf("for mail: %d, %v", len(list), err)
	}
}
