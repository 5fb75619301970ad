package pki_test

import (
	"crypto/x509"
	"slices"
	"strings"
	"testing"
	"time"

	"platen/pki"
)

// imported puts a chain of somebody else's authority into the store, as a file that was
// imported, and shows it for names.
func (w *world) imported(t *testing.T, name string, c *pki.Chain, names ...string) {
	t.Helper()
	x := pki.Kept{ID: "id-" + name, Name: name, Use: pki.UseServer, From: pki.FromFile, Config: "{}", Created: w.now}
	must(t, x.Set(c))
	must(t, w.store.PutChain(t.Context(), x))
	for _, n := range names {
		must(t, w.store.PutDomain(t.Context(), pki.Domain{Name: n, Chain: x.ID}))
	}
	must(t, w.Reload(t.Context()))
}

func (w *world) inspect(t *testing.T, system *x509.CertPool) pki.Inspection {
	t.Helper()
	before, err := w.store.Chains(t.Context())
	must(t, err)
	x, err := w.keeper("").Inspect(t.Context(), system)
	must(t, err)
	after, err := w.store.Chains(t.Context())
	must(t, err)
	if len(before) != len(after) {
		t.Error("a look made something")
	}
	return x
}

func examined(t *testing.T, list []pki.Examined, name string) pki.Examined {
	t.Helper()
	i := slices.IndexFunc(list, func(e pki.Examined) bool { return e.Name == name })
	if i < 0 {
		t.Fatalf("no %s in %+v", name, list)
	}
	return list[i]
}

// Who believes a chain in the end, and whether what is shown is enough for that.
func TestInspectTrust(t *testing.T) {
	corp, err := pki.NewRoot("corp", birth)
	must(t, err)
	sub, err := pki.NewIssuing(corp, []string{"example.com"}, birth)
	must(t, err)
	leaf, err := pki.Issue(sub, []string{"print.example.com"}, birth)
	must(t, err)
	other, err := pki.NewRoot("corp", birth) // the same name, another key
	must(t, err)
	full := append(slices.Clone(leaf.Certs), corp.Leaf())
	alone := leaf.Certs[:1]
	trusted := func(c *x509.Certificate) *x509.CertPool {
		p := x509.NewCertPool()
		p.AddCert(c)
		return p
	}
	tests := map[string]struct {
		certs    []*x509.Certificate
		system   *x509.CertPool
		imported *x509.Certificate
		trust    string
		complete bool
	}{
		"with its root":                        {certs: full, trust: pki.TrustCompany, complete: true},
		"without its root":                     {certs: leaf.Certs, trust: pki.TrustCompany, complete: true},
		"the system knows the root":            {certs: leaf.Certs, system: trusted(corp.Leaf()), trust: pki.TrustPublic, complete: true},
		"the system knows another":             {certs: leaf.Certs, system: trusted(other.Leaf()), trust: pki.TrustCompany, complete: true},
		"without the intermediate":             {certs: alone, trust: pki.TrustCompany},
		"without it, and the root is known":    {certs: alone, system: trusted(corp.Leaf()), trust: pki.TrustCompany},
		"without it, and the root was trusted": {certs: alone, imported: corp.Leaf(), trust: pki.TrustCompany},
		"its issuer was trusted":               {certs: alone, imported: sub.Leaf(), trust: pki.TrustCompany, complete: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "localhost")
			if tt.imported != nil {
				_, err := w.Trust(t.Context(), "", (&pki.Chain{Certs: []*x509.Certificate{tt.imported}}).CertsPEM(), []string{pki.ForMail})
				must(t, err)
			}
			w.imported(t, "web", &pki.Chain{Certs: tt.certs, Key: leaf.Key}, "print.example.com")
			for _, at := range []time.Time{birth, birth.AddDate(20, 0, 0)} { // whatever has ended
				w.now = at
				e := examined(t, w.inspect(t, tt.system).Chains, "web")
				if e.Trust != tt.trust || e.Complete != tt.complete || len(e.Unfit) > 0 || e.Damaged || !slices.Equal(e.Shown, []string{"print.example.com"}) || !e.InUse {
					t.Errorf("%+v", e)
				}
			}
		})
	}
}

// What the node made itself, names that do not fit, keys that are gone, and chains that
// nobody uses.
func TestInspectWhatIsWrong(t *testing.T) {
	w := newWorld(t, "localhost", "node1")
	x := w.inspect(t, nil)
	for _, name := range []string{"root", "issuing", "node", "signing"} {
		if e := examined(t, x.Chains, name); e.Trust != pki.TrustBuiltIn || !e.Complete || len(e.Unfit) > 0 || !strings.Contains(e.Anchor, "authority") {
			t.Errorf("%+v", e)
		}
	}
	if !x.Root || !x.Signs || x.Refused || !x.Issued.Truncate(time.Second).Equal(birth) || len(x.Trusted) != 0 {
		t.Errorf("%+v", x)
	}

	self, err := pki.NewRoot("self", birth)
	must(t, err)
	w.imported(t, "self", self, "print.example.com")
	w.imported(t, "idle", self)
	x = w.inspect(t, nil)
	if e := examined(t, x.Chains, "self"); e.Trust != pki.TrustItself || !slices.Equal(e.Unfit, []string{"print.example.com"}) {
		t.Errorf("%+v", e)
	}
	if slices.ContainsFunc(x.Chains, func(e pki.Examined) bool { return e.Name == "idle" }) {
		t.Error("a chain that nobody sees is told of")
	}

	list, err := w.store.Chains(t.Context())
	must(t, err)
	idle := list[slices.IndexFunc(list, func(k pki.Kept) bool { return k.Name == "idle" })]
	idle.Trouble = "No."
	must(t, w.store.PutChain(t.Context(), idle))
	if e := examined(t, w.inspect(t, nil).Chains, "idle"); e.InUse || e.Trouble != "No." {
		t.Errorf("%+v", e)
	}

	w.names = append(w.names, "node2")
	if e := examined(t, w.inspect(t, nil).Chains, "node"); !slices.Equal(e.Unfit, []string{"node2"}) {
		t.Errorf("%+v", e)
	}
	list, err = w.store.Chains(t.Context())
	must(t, err)
	for _, kept := range list {
		kept.Key = nil
		must(t, w.store.PutChain(t.Context(), kept))
	}
	x = w.inspect(t, nil)
	if x.Root || x.Signs || x.Refused || !examined(t, x.Chains, "root").Damaged || !examined(t, x.Chains, "self").Damaged || !examined(t, x.Chains, "signing").Damaged {
		t.Errorf("%+v", x)
	}
}

func TestInspectTrustedAndSigning(t *testing.T) {
	w := newWorld(t, "localhost")
	corp, err := pki.NewRoot("corp", birth)
	must(t, err)
	_, err = w.Trust(t.Context(), "Corp", corp.CertsPEM(), []string{pki.ForDirectory})
	must(t, err)
	must(t, w.ChooseSigning(t.Context(), ""))
	x := w.inspect(t, nil)
	if e := examined(t, x.Trusted, "Corp"); !e.Ends.Equal(corp.Leaf().NotAfter) || e.Damaged || x.Signs || !x.Refused {
		t.Errorf("%+v", x)
	}
	bad := w.Trusted()[0]
	bad.DER = bad.DER[:20]
	must(t, w.store.PutTrusted(t.Context(), bad))
	if e := examined(t, w.inspect(t, nil).Trusted, "Corp"); !e.Damaged {
		t.Errorf("%+v", e)
	}
	if x, err := (&pki.Keeper{Store: w.keeper("").Store, Tenant: w.Tenant, Names: func() []string { return nil }, Now: w.Now, Log: w.Log}).Inspect(t.Context(), nil); err != nil || len(x.Chains) == 0 {
		t.Error(err)
	}
}

// F44: a command beside the node tells nobody, and leaves it to the node to tell.
func TestF44ACommandTellsNobody(t *testing.T) {
	w := newWorld(t, "node1")
	_, root := w.Ends()
	w.now = root.Add(-20 * day)
	k := w.keeper("")
	k.Tell = nil
	must(t, k.Open(t.Context()))
	if strings.Contains(w.log.String(), "ends soon") {
		t.Errorf("%s", w.log.String())
	}
	must(t, w.Reload(t.Context()))
	if !slices.Contains(w.told, "root 20") {
		t.Errorf("told %q", w.told)
	}
}
