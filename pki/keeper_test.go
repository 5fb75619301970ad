package pki_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"platen/fault"
	"platen/internal/testkit"
	"platen/pki"
)

var birth = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// world is a Keeper with a clock that the test sets.
type world struct {
	*pki.Keeper
	store *testkit.CertStore
	now   time.Time
	log   bytes.Buffer
	names []string
	told  []string // name and days of certificates that end soon
}

var serial atomic.Int64

func newWorld(t *testing.T, names ...string) *world {
	t.Helper()
	w := &world{store: &testkit.CertStore{}, now: birth, names: names}
	w.Keeper = w.keeper(filepath.Join(t.TempDir(), "ca.pem"))
	must(t, w.Open(t.Context()))
	return w
}

func (w *world) keeper(caFile string) *pki.Keeper {
	return &pki.Keeper{
		Store: w.store, Tenant: "0198f000-0000-7000-8000-0000000000aa", CAFile: caFile,
		Names: func() []string { return w.names }, Now: func() time.Time { return w.now }, NewID: func() string { return fmt.Sprint("id-", serial.Add(1)) },
		Log: slog.New(slog.NewTextHandler(&w.log, nil)),
		Tell: func(_ context.Context, list []pki.Ending) {
			for _, e := range list {
				w.told = append(w.told, fmt.Sprint(e.Name, " ", e.Days))
			}
		},
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var testNames = []string{"localhost", "127.0.0.1", "::1", "node1", "print.example.com", "192.168.7.4", "203.0.113.9"}

// shown is the certificate that a client sees who asks for a name.
func (w *world) shown(t *testing.T, name string) *x509.Certificate {
	t.Helper()
	c, err := w.Certificate(&tls.ClientHelloInfo{ServerName: name})
	must(t, err)
	return c.Leaf
}

// believes reports whether somebody with the authority believes what is shown for name.
func (w *world) believes(t *testing.T, name string) error {
	t.Helper()
	c, err := w.Certificate(&tls.ClientHelloInfo{ServerName: name})
	must(t, err)
	data, err := os.ReadFile(w.CAFile)
	must(t, err)
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AppendCertsFromPEM(data)
	for _, der := range c.Certificate[1:] {
		x, err := x509.ParseCertificate(der)
		must(t, err)
		between.AddCert(x)
	}
	_, err = c.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: between, CurrentTime: w.now})
	return err
}

func TestFirstStartHasAWorkingChain(t *testing.T) {
	w := newWorld(t, testNames...)
	for _, n := range testNames {
		if err := w.believes(t, n); err != nil {
			t.Errorf("%s: %v", n, err)
		}
	}
	if err := w.believes(t, "other.example.com"); err == nil {
		t.Error("believed for a name that it does not have")
	}
	if got := w.Hosts(); len(got) != len(testNames) {
		t.Errorf("hosts %q", got)
	}
	list := w.Chains()
	if got := namesOf(list); !slices.Equal(got, []string{"issuing", "node", "root", "signing"}) {
		t.Errorf("chains %q", got)
	}
}

func namesOf(list []pki.Shown) []string {
	var names []string
	for _, v := range list {
		names = append(names, v.Name)
	}
	slices.Sort(names)
	return names
}

// A65: a domain that came later needs no new root: clients that trust it already need
// nothing new.
func TestA65ANewDomainNeedsNoNewRoot(t *testing.T) {
	w := newWorld(t, "localhost", "node1")
	root := w.CAPEM()
	d, err := w.AddDomain(t.Context(), "Drucken.Example.NET.")
	must(t, err)
	if d.Name != "drucken.example.net" || !bytes.Equal(root, w.CAPEM()) {
		t.Errorf("domain %+v; the root is the same: %v", d, bytes.Equal(root, w.CAPEM()))
	}
	must(t, w.believes(t, "drucken.example.net"))
	if !slices.Contains(w.Hosts(), "drucken.example.net") {
		t.Errorf("hosts %q", w.Hosts())
	}
	for _, bad := range []string{"", "*.example.com", "192.0.2.1", "a b", "-x.example.com"} {
		if _, err := w.AddDomain(t.Context(), bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("domain %q: %v", bad, err)
		}
	}
	must(t, w.RemoveDomain(t.Context(), "drucken.example.net"))
	if w.believes(t, "drucken.example.net") == nil {
		t.Error("still in the certificate")
	}
}

// F44, F22: renewal by the clock, wherever the clock goes.
func TestF44Renewal(t *testing.T) {
	tests := map[string]struct {
		after   time.Duration // since birth
		renewed bool
	}{
		"the next day":               {day, false},
		"after half of its life":     {199 * day, false},
		"after two thirds":           {266 * day, true},
		"expired while switched off": {500 * day, true},
		"clock two days back":        {-2 * day, true},
		"clock half a year back":     {-180 * day, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, testNames...)
			before, root := w.shown(t, "node1").SerialNumber, w.CAPEM()
			w.now = birth.Add(tt.after)
			renewed, err := w.Check(t.Context())
			if err != nil || renewed != tt.renewed {
				t.Fatalf("renewed = %v, %v, want %v", renewed, err, tt.renewed)
			}
			if got := w.shown(t, "node1").SerialNumber.Cmp(before) != 0; got != tt.renewed {
				t.Errorf("serial number changed: %v", got)
			}
			if err := w.believes(t, "node1"); err != nil {
				t.Errorf("not valid at its own time: %v", err)
			}
			if again, err := w.Check(t.Context()); again || err != nil {
				t.Errorf("renewed twice: %v, %v", again, err)
			}
			if !bytes.Equal(root, w.CAPEM()) {
				t.Error("the root was replaced")
			}
		})
	}
}

// F44: somebody is told at 30, 14, 7 and 1 days and at the end, once each, also over a
// restart; and what nobody uses ends in peace.
func TestF44WarningsOfWhatEnds(t *testing.T) {
	w := newWorld(t, "node1")
	_, root := w.Ends()
	for _, left := range []time.Duration{40 * day, 30 * day, 29 * day, 14 * day, 13 * day, 6 * day, day, 12 * time.Hour, -day, -2 * day} {
		w.now = root.Add(-left)
		w.Keeper = w.keeper(w.CAFile)
		if err := w.Open(t.Context()); err != nil && left > 0 {
			t.Fatal(err)
		}
	}
	var of []string
	for _, s := range w.told {
		if rest, ok := strings.CutPrefix(s, "root "); ok {
			of = append(of, rest)
		}
	}
	if want := []string{"30", "14", "6", "1", "-1"}; !slices.Equal(of, want) {
		t.Errorf("told of the root at %q days, want %q", of, want)
	}
}

func TestServeRenewsInARunningServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{store: &testkit.CertStore{}, names: []string{"localhost"}}
		k := w.keeper("")
		k.Now = time.Now
		w.Keeper = k
		must(t, k.Open(t.Context()))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- k.Serve(ctx) }()
		first := w.shown(t, "localhost")
		time.Sleep(300 * day)
		synctest.Wait()
		if second := w.shown(t, "localhost"); second.Equal(first) {
			t.Error("the certificate is the same after 300 days")
		}
		stop()
		must(t, <-done)
	})
}

func TestOpenKeepsWhatIsThere(t *testing.T) {
	w := newWorld(t, testNames...)
	before, root := w.shown(t, "node1"), w.CAPEM()
	must(t, os.Remove(w.CAFile))
	w.Keeper = w.keeper(w.CAFile)
	must(t, w.Open(t.Context()))
	if !w.shown(t, "node1").Equal(before) || !bytes.Equal(root, w.CAPEM()) {
		t.Error("a second start made new certificates")
	}
	if data, err := os.ReadFile(w.CAFile); err != nil || !bytes.Equal(data, root) {
		t.Errorf("the CA file was not written again: %v", err)
	}
}

// A root whose key cannot be opened is never replaced by itself; what it issued is
// shown as long as it is good.
func TestOpenWithADamagedRoot(t *testing.T) {
	w := newWorld(t, testNames...)
	list, err := w.store.Chains(t.Context())
	must(t, err)
	for _, x := range list {
		if x.Name == "root" {
			x.Key = nil
			must(t, w.store.PutChain(t.Context(), x))
		}
	}
	w.Keeper = w.keeper(w.CAFile)
	must(t, w.Open(t.Context()))
	if w.shown(t, "node1") == nil || !strings.Contains(w.log.String(), "authority is damaged") {
		t.Errorf("nothing is shown, or nothing was said: %s", w.log.String())
	}
	must(t, w.Replace(t.Context()))
	must(t, w.believes(t, "node1"))
}

// Whoever asks for a domain sees the chain of that domain, and a new one from the next
// handshake on.
func TestChoiceByName(t *testing.T) {
	w := newWorld(t, "localhost", "node1")
	ctx := t.Context()
	for _, d := range []string{"a.example.com", "b.example.com"} {
		_, err := w.AddDomain(ctx, d)
		must(t, err)
	}
	x, err := w.Generate(ctx, "a", []string{"a.example.com"}, false)
	must(t, err)
	must(t, w.Choose(ctx, "a", []string{"A.example.com"}))
	if got := w.shown(t, "a.Example.com"); !got.Equal(x.Certs[0]) {
		t.Errorf("a.example.com is shown %v", got.DNSNames)
	}
	if got := w.shown(t, "b.example.com"); !slices.Contains(got.DNSNames, "b.example.com") || slices.Contains(got.DNSNames, "a.example.com") {
		t.Errorf("b.example.com is shown %v", got.DNSNames)
	}
	if err := w.Choose(ctx, "a", []string{"b.example.com"}); !fault.Is(err, fault.Conflict) {
		t.Errorf("a chain for another domain: %v", err)
	}
	if err := w.Choose(ctx, "a", []string{"c.example.com"}); !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.NotFound) {
		t.Errorf("a domain of nobody: %v", err)
	}
	if err := w.Remove(ctx, "a", false); !fault.Is(err, fault.Conflict) {
		t.Errorf("removed while it is shown: %v", err)
	}
	must(t, w.Replace(ctx)) // a new authority: what it made is made again
	must(t, w.believes(t, "a.example.com"))
	must(t, w.Remove(ctx, "a", true))
	must(t, w.believes(t, "a.example.com"))
	if err := w.Remove(ctx, "root", true); !fault.Is(err, fault.Conflict) {
		t.Errorf("the root was removed: %v", err)
	}
}

// A machine may be called as a part of the DNS below which half the world has names:
// it starts, without that name, and no authority is made again because of it.
func TestAMachineCalledDev(t *testing.T) {
	w := newWorld(t, "localhost", "prod", "dev", "203.0.113.9")
	must(t, w.believes(t, "203.0.113.9"))
	if hosts := w.Hosts(); slices.Contains(hosts, "prod") || !slices.Contains(hosts, "localhost") {
		t.Errorf("hosts %q", hosts)
	}
	if again, err := w.Check(t.Context()); err != nil || again {
		t.Errorf("made again: %v, %v", again, err)
	}
	for _, everybody := range []string{"com", "co.uk", "github.io"} {
		if _, err := w.AddDomain(t.Context(), everybody); !fault.Is(err, fault.Invalid) {
			t.Errorf("the domain %s: %v", everybody, err)
		}
	}
}

// Near the end of the root nothing that it can make lives longer than what there is: it
// is left as it is, and not made again with every look.
func TestF44NothingIsMadeAgainInVain(t *testing.T) {
	w := newWorld(t, "localhost", "node1")
	_, err := w.AddDomain(t.Context(), "print.example.com")
	must(t, err)
	_, err = w.Generate(t.Context(), "web", []string{"print.example.com"}, false)
	must(t, err)
	_, root := w.Ends()
	for _, left := range []time.Duration{300 * day, 90 * day, 30 * day, day} {
		w.now = root.Add(-left)
		if _, err := w.Check(t.Context()); err != nil {
			t.Errorf("%v before the end: %v", left, err)
		}
		w.now = w.now.Add(time.Hour)
		if again, err := w.Check(t.Context()); err != nil || again {
			t.Errorf("%v before the end it is made again an hour later: %v, %v", left, again, err)
		}
		must(t, w.believes(t, "node1"))
	}
}

// One chain that cannot be renewed keeps no other from it, and says why.
func TestOneThatCannotBeRenewed(t *testing.T) {
	w := newWorld(t, "localhost")
	ctx := t.Context()
	for _, d := range []string{"a.example.com", "z.example.net"} {
		_, err := w.AddDomain(ctx, d)
		must(t, err)
		_, err = w.Generate(ctx, "of "+d, []string{d}, false)
		must(t, err)
	}
	must(t, w.Choose(ctx, "of z.example.net", []string{"z.example.net"}))
	must(t, w.RemoveDomain(ctx, "a.example.com"))
	must(t, w.Replace(ctx))
	must(t, w.believes(t, "z.example.net"))
	if v, err := w.Find("of a.example.com"); err != nil || v.Trouble == "" {
		t.Errorf("%+v, %v", v, err)
	}
}

// A chain that signs and is imported again with another key lets its tokens live.
func TestASigningChainIsImportedAgain(t *testing.T) {
	w := newWorld(t, "localhost")
	ctx := t.Context()
	_, err := w.ImportChain(ctx, "corp", pki.UseSigning, selfSigned(t, "tokens"), "")
	must(t, err)
	must(t, w.ChooseSigning(ctx, "corp"))
	claims := pki.Claims{ID: "t-1", Subject: "t-1", Scope: "read", Issued: w.now, Expires: w.now.Add(80 * day)}
	token, err := w.Signing().Sign(claims)
	must(t, err)
	x, err := w.ImportChain(ctx, "corp", pki.UseSigning, selfSigned(t, "tokens"), "")
	if err != nil || !x.Chosen || x.Name != "corp" {
		t.Fatalf("%+v, %v", x, err)
	}
	if _, err := w.Signing().Check(token, w.now); err != nil {
		t.Errorf("the token from before: %v", err)
	}
	w.now = w.now.Add(91 * day)
	if _, err := w.ImportChain(ctx, "late", pki.UseSigning, selfSigned(t, "tokens"), ""); !fault.Is(err, fault.Invalid) {
		t.Errorf("one that has ended: %v", err)
	}
	if err := w.ChooseSigning(ctx, "node"); !fault.Is(err, fault.Conflict) {
		t.Errorf("a chain whose key is replaced by itself signs: %v", err)
	}
}

// The names of the node's own chains are its own.
func TestNamesOfItsOwn(t *testing.T) {
	w := newWorld(t, "localhost")
	for _, name := range []string{"node-rsa", "Node", "root", "none", "web (renewal)"} {
		if _, err := w.ImportChain(t.Context(), name, pki.UseSigning, selfSigned(t, "x"), ""); !fault.Is(err, fault.Invalid) {
			t.Errorf("a chain called %s: %v", name, err)
		}
	}
}

// A chain with a wildcard is chosen for the domain, and shown for the names below it;
// the domain itself shows the node's own.
func TestWildcardBelowADomain(t *testing.T) {
	w := newWorld(t, "localhost")
	ctx := t.Context()
	_, err := w.AddDomain(ctx, "example.com")
	must(t, err)
	x, err := w.ImportChain(ctx, "wild", pki.UseServer, selfSigned(t, "*.example.com"), "")
	must(t, err)
	must(t, w.Choose(ctx, "wild", []string{"example.com"}))
	for name, want := range map[string]bool{"print.example.com": true, "PRINT.Example.com.": true, "example.com": false, "a.b.example.com": false, "com": false, "": false} {
		if got := w.shown(t, name).Equal(x.Certs[0]); got != want {
			t.Errorf("%q shows the wildcard: %v", name, got)
		}
	}
	must(t, w.believes(t, "example.com"))
	_, err = w.AddDomain(ctx, "own.example.com") // a domain of its own shows what was chosen for it
	must(t, err)
	if w.shown(t, "own.example.com").Equal(x.Certs[0]) {
		t.Error("a wildcard stands above the choice for a name")
	}
	if hosts := w.Hosts(); !slices.Contains(hosts, "*.example.com") || !slices.Contains(hosts, "example.com") {
		t.Errorf("hosts %q", hosts)
	}
}

// selfSigned is a key with a certificate for a name, as PEM.
func selfSigned(t *testing.T, name string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: birth.Add(-day), NotAfter: birth.Add(90 * day),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	return append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
}

// A company's authority answers a request; reminders carry over to the renewal.
func TestRequestAnswerRenewal(t *testing.T) {
	w := newWorld(t, "localhost")
	ctx := t.Context()
	_, err := w.AddDomain(ctx, "print.example.com")
	must(t, err)
	ca, err := pki.NewRoot("corp", birth)
	must(t, err)
	sub, err := pki.NewIssuing(ca, []string{"example.com"}, birth)
	must(t, err)
	answer := func(request []byte) []byte {
		t.Helper()
		certs, err := pki.SignRequest(sub, request, []string{"print.example.com"}, w.now)
		must(t, err)
		return (&pki.Chain{Certs: certs}).CertsPEM()
	}
	v, err := w.Request(ctx, "web", pki.Subject{Organization: "Example"}, []string{"print.example.com"}, false)
	must(t, err)
	if !v.Awaited || v.Request == nil {
		t.Errorf("%+v", v)
	}
	if err := w.Choose(ctx, "web", []string{"print.example.com"}); !fault.Is(err, fault.Conflict) {
		t.Errorf("shown before it is answered: %v", err)
	}
	foreign, err := w.Request(ctx, "other", pki.Subject{}, []string{"print.example.com"}, false)
	must(t, err)
	if _, err := w.Answer(ctx, "web", answer(foreign.Request)); !fault.Is(err, fault.Conflict) {
		t.Errorf("the answer to another request: %v", err)
	}
	_, err = w.Answer(ctx, "web", answer(v.Request))
	must(t, err)
	must(t, w.Choose(ctx, "web", []string{"print.example.com"}))
	first := w.shown(t, "print.example.com")

	w.now = first.NotAfter.Add(-10 * day)
	_, err = w.Check(ctx)
	must(t, err)
	if !slices.Contains(w.told, "web 10") {
		t.Errorf("told %q", w.told)
	}
	renewal, err := w.Renewal(ctx, "web")
	must(t, err)
	if !w.shown(t, "print.example.com").Equal(first) {
		t.Error("the old one is not shown any more while the answer is awaited")
	}
	_, err = w.Answer(ctx, "web", answer(renewal.Request))
	must(t, err)
	second := w.shown(t, "print.example.com")
	if second.Equal(first) || second.NotAfter.Before(w.now.Add(300*day)) {
		t.Errorf("shown until %v", second.NotAfter)
	}
	if got := namesOf(w.Chains()); slices.Contains(got, "web (renewal)") {
		t.Errorf("chains %q", got)
	}
	w.told = nil
	w.now = second.NotAfter.Add(-25 * day)
	_, err = w.Check(ctx)
	must(t, err)
	if !slices.Contains(w.told, "web 25") {
		t.Errorf("told of the renewed one: %q", w.told)
	}
}

// Tokens are signed by a chain that is there from the first start; another choice, and
// what was signed before stays good until it ends.
func TestSigningChains(t *testing.T) {
	w := newWorld(t, "localhost")
	ctx := t.Context()
	claims := func() pki.Claims {
		return pki.Claims{ID: "t-1", Subject: "t-1", Scope: "read", Issued: w.now, Expires: w.now.Add(90 * day)}
	}
	token, err := w.Signing().Sign(claims())
	must(t, err)
	must(t, w.GenerateSigning(ctx))
	if _, err := w.Signing().Check(token, w.now); err != nil {
		t.Errorf("a token of the key before: %v", err)
	}
	if n := strings.Count(string(w.Signing().JWKS()), `"kid"`); n != 2 {
		t.Errorf("%d keys in the JWKS", n)
	}
	must(t, w.ChooseSigning(ctx, ""))
	if _, err := w.Signing().Sign(claims()); !fault.Is(err, fault.Conflict) || !strings.Contains(fault.Text(err), "platen cert signing generate") {
		t.Errorf("signed without a chain: %v", err)
	}
	_, err = w.Check(ctx)
	must(t, err)
	if w.Signing().Chosen != nil {
		t.Error("a chain was chosen against somebody's will")
	}
	must(t, w.GenerateSigning(ctx))
	w.now = w.now.Add(420 * day) // the one that the node made is renewed, the first are forgotten
	_, err = w.Check(ctx)
	must(t, err)
	_, err = w.Check(ctx)
	must(t, err)
	if _, err := w.Signing().Sign(claims()); err != nil {
		t.Error(err)
	}
	if got := namesOf(w.Chains()); len(got) > 6 {
		t.Errorf("chains %q", got)
	}
}

func TestTrusted(t *testing.T) {
	w := newWorld(t, "localhost")
	ctx := t.Context()
	var file []byte
	for _, name := range []string{"corp one", "corp two"} {
		ca, err := pki.NewRoot(name, birth)
		must(t, err)
		file = append(file, ca.CertsPEM()...)
	}
	list, err := w.Trust(ctx, "", file, []string{pki.ForMail})
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	again, err := w.Trust(ctx, "", file, []string{pki.ForDirectory})
	if err != nil || len(w.Trusted()) != 2 || !slices.Equal(again[0].Purposes, []string{pki.ForDirectory, pki.ForMail}) {
		t.Errorf("%+v, %v", again, err)
	}
	must(t, w.Distrust(ctx, list[0].Name))
	if err := w.Distrust(ctx, list[0].Name); !fault.Is(err, fault.NotFound) {
		t.Errorf("removed twice: %v", err)
	}
	if len(w.Trusted()) != 1 {
		t.Errorf("trusted %+v", w.Trusted())
	}
}

// A renewal that fails is tried again later, and the old chain is shown meanwhile.
func TestRenewalByACME(t *testing.T) {
	w := newWorld(t, "localhost")
	ctx := t.Context()
	_, err := w.AddDomain(ctx, "print.example.com")
	must(t, err)
	x, err := w.Generate(ctx, "web", []string{"print.example.com"}, false)
	must(t, err)
	must(t, w.Choose(ctx, "web", []string{"print.example.com"}))
	list, err := w.store.Chains(ctx)
	must(t, err)
	i := slices.IndexFunc(list, func(k pki.Kept) bool { return k.ID == x.ID })
	list[i].From = pki.FromACME
	must(t, w.store.PutChain(ctx, list[i]))
	must(t, w.Reload(ctx))
	asked, answer := 0, error(&fault.Error{Op: "acme", Kind: fault.Unavailable, Text: "The server did not answer.", Err: errors.New("no")})
	ca, err := pki.NewRoot("acme", birth)
	must(t, err)
	w.Obtain = func(_ context.Context, _ *pki.Kept, names []string) (*pki.Chain, error) {
		if asked++; answer != nil {
			return nil, answer
		}
		sub, err := pki.NewIssuing(ca, names, w.now)
		must(t, err)
		return pki.Issue(sub, names, w.now)
	}
	w.now = birth.Add(300 * day)
	for range 3 {
		must(t, w.Renew(ctx))
	}
	v, err := w.Find("web")
	if err != nil || asked != 1 || v.Trouble != "The server did not answer." || !w.shown(t, "print.example.com").Equal(x.Certs[0]) {
		t.Errorf("asked %d times; %+v, %v", asked, v, err)
	}
	w.now, answer = w.now.Add(7*time.Hour), nil
	must(t, w.Renew(ctx))
	if v, err = w.Find("web"); err != nil || asked != 2 || v.Trouble != "" || w.shown(t, "print.example.com").Equal(x.Certs[0]) {
		t.Errorf("asked %d times; %+v, %v", asked, v, err)
	}
}

// serve accepts TLS connections until the test ends.
func serve(t *testing.T, ch *pki.Keeper) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			tc := tls.Server(conn, ch.ServerConfig())
			_ = tc.SetDeadline(time.Now().Add(10 * time.Second))
			if tc.Handshake() == nil {
				_, _ = io.WriteString(tc, "HTTP/1.0 200 OK\r\n\r\n")
			}
			_ = tc.Close()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return ln.Addr().String()
}

// A68: what OpenSSL is offered, old and weak things included.
func TestA68OpenSSLHandshakes(t *testing.T) {
	ch := newWorld(t, testNames...)
	ch.now = time.Now()
	if _, err := ch.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	addr := serve(t, ch.Keeper)
	tests := map[string]struct {
		args []string
		ok   bool
	}{
		"TLS 1.3":                 {[]string{"-tls1_3"}, true},
		"TLS 1.2":                 {[]string{"-tls1_2"}, true},
		"TLS 1.2 CHACHA20":        {[]string{"-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"}, true},
		"TLS 1.1":                 {[]string{"-tls1_1", "-cipher", "ALL:@SECLEVEL=0"}, false},
		"TLS 1.0":                 {[]string{"-tls1", "-cipher", "ALL:@SECLEVEL=0"}, false},
		"CBC with SHA-1":          {[]string{"-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"}, false},
		"CBC with SHA-256":        {[]string{"-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256:@SECLEVEL=0"}, false},
		"RSA key exchange":        {[]string{"-tls1_2", "-cipher", "AES128-GCM-SHA256:@SECLEVEL=0"}, false},
		"another name":            {[]string{"-verify_hostname", "other.example.com"}, false},
		"the address by its name": {[]string{"-verify_ip", "192.168.7.4"}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"s_client", "-connect", addr, "-CAfile", ch.CAFile, "-no-CApath", "-verify_return_error", "-x509_strict"}, tt.args...)
			cmd := exec.CommandContext(t.Context(), "openssl", args...)
			out, err := cmd.CombinedOutput()
			ok := err == nil && bytes.Contains(out, []byte("Verify return code: 0 (ok)"))
			if ok != tt.ok {
				t.Errorf("openssl s_client %v: ok = %v, want %v\n%s", tt.args, ok, tt.ok, out)
			}
		})
	}
}
