package pki

import (
	"cmp"
	"crypto/x509"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// View is a chain as programs read it, from a command or over the API. There is no key
// in it.
type View struct {
	ID       string        `json:"id"`
	Name     string        `json:"name"`
	Use      string        `json:"use"`
	From     string        `json:"from"`
	Vouched  string        `json:"vouched"` // who vouches for it, "" while an answer is awaited
	Names    []string      `json:"names"`
	Domains  []string      `json:"domains"`
	Chosen   bool          `json:"chosen"`
	Awaited  bool          `json:"awaited"`
	Damaged  bool          `json:"damaged"`
	Trouble  string        `json:"trouble"`
	Next     time.Time     `json:"next"`      // when it is renewed by itself
	Server   string        `json:"server"`    // of an ACME server, its web address
	Proof    string        `json:"challenge"` // how names are proven to it
	Files    []string      `json:"files"`     // that are watched
	Until    time.Time     `json:"until"`
	Certs    []Description `json:"certificates"`
	Findings []Finding     `json:"findings"`
}

// View describes a chain as of now, with what was found of it.
func (v Shown) View(findings []Finding, now time.Time) View {
	x := View{
		ID: v.ID, Name: v.Name, Use: v.Use, From: v.From, Vouched: v.Vouched, Domains: filled(v.Domains), Chosen: v.Chosen, Awaited: v.Awaited, Damaged: v.Damaged,
		Trouble: v.Trouble, Next: v.Next, Files: filled(v.Files()), Names: []string{}, Certs: []Description{}, Findings: filled(findings),
	}
	x.Server, x.Proof = v.ACME()
	for _, c := range v.Certs {
		x.Certs = append(x.Certs, DescribeCert(c, now))
	}
	if len(x.Certs) > 0 {
		x.Until, x.Names = x.Certs[0].NotAfter, x.Certs[0].Names
	}
	return x
}

// MarshalJSON writes null for a time that nobody knows.
func (x View) MarshalJSON() ([]byte, error) {
	type fields View
	return json.Marshal(struct {
		fields
		Next  *time.Time `json:"next"`
		Until *time.Time `json:"until"`
	}{fields(x), known(x.Next), known(x.Until)})
}

// MarshalJSON writes null for a time that nobody knows.
func (r Row) MarshalJSON() ([]byte, error) {
	type fields Row
	return json.Marshal(struct {
		fields
		Until *time.Time `json:"until"`
	}{fields(r), known(r.Until)})
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// LetsEncrypt is the directory of the ACME server that is asked when none is named.
const LetsEncrypt = "https://acme-v02.api.letsencrypt.org/directory"

// ACME is where a chain comes from, and how its names are proven there, as the
// configuration of package acme says.
func (v Shown) ACME() (server, challenge string) {
	var c struct {
		Directory string `json:"directory"`
		Challenge string `json:"challenge"`
		DNS       struct {
			Server string `json:"server"`
		} `json:"dns"`
	}
	if v.From != FromACME || json.Unmarshal([]byte(v.Config), &c) != nil {
		return "", ""
	}
	server, challenge = cmp.Or(c.Directory, LetsEncrypt), cmp.Or(c.Challenge, "http-01")
	if c.DNS.Server != "" && challenge != "http-01" {
		challenge += " at " + c.DNS.Server
	}
	return server, challenge
}

// filled is an empty list in JSON where there is none.
func filled[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// Where says in a word or two where a chain is used.
func (x View) Where() string {
	switch {
	case x.Chosen:
		return "signs tokens"
	case len(x.Domains) > 0:
		return strings.Join(x.Domains, ", ")
	case x.From == FromBuiltIn && (x.Name == nameOwn || x.Name == nameOwnRSA):
		return "everything else"
	}
	return ""
}

// State says what is wrong with a chain, "" nothing.
func (x View) State() string {
	switch {
	case x.Damaged:
		return "damaged"
	case x.Awaited:
		return "waits for an answer"
	}
	return x.Trouble
}

// Row is a chain or a trusted authority in the list of all.
type Row struct {
	Name  string    `json:"name"`
	Use   string    `json:"use"` // that of a chain, or "trusted"
	From  string    `json:"from"`
	Until time.Time `json:"until"`
	Where string    `json:"where"`
	State string    `json:"state"`
}

// Rows lists what there is.
func (k *Keeper) Rows() []Row {
	list := []Row{}
	for _, v := range k.Chains() {
		x := v.View(nil, k.Now())
		list = append(list, Row{x.Name, x.Use, x.From, x.Until, x.Where(), x.State()})
	}
	for _, t := range k.Trusted() {
		if c, err := t.Cert(); err == nil {
			list = append(list, Row{t.Name, "trusted", "", c.NotAfter, strings.Join(t.Purposes, ", "), ""})
		}
	}
	return list
}

// DomainView is a domain as programs read it.
type DomainView struct {
	Domain string `json:"domain"`
	Chain  string `json:"chain"` // name; "node" the node's own
}

// DomainViews lists the domains with the names of their chains.
func (k *Keeper) DomainViews() []DomainView {
	list := []DomainView{}
	for _, d := range k.Domains() {
		v := DomainView{d.Name, nameOwn}
		if x, err := k.Find(d.Chain); d.Chain != "" && err == nil {
			v.Chain = x.Name
		}
		list = append(list, v)
	}
	return list
}

// TrustedView is a trusted authority as programs read it.
type TrustedView struct {
	ID       string      `json:"id"`
	Name     string      `json:"name"`
	Purposes []string    `json:"purposes"`
	Cert     Description `json:"certificate"`
}

// TrustedViews describes authorities as of now, without those that cannot be read.
func TrustedViews(list []Trusted, now time.Time) []TrustedView {
	views := []TrustedView{}
	for _, t := range list {
		if d, err := t.Describe(now); err == nil {
			views = append(views, TrustedView{t.ID, t.Name, t.Purposes, d})
		}
	}
	return views
}

// Who vouches for a chain, and with it who believes it.
const (
	VouchedHere    = "built-in" // the built-in authority: clients that were given its certificate
	VouchedSelf    = "self"     // nobody but itself: clients that were given this very certificate
	VouchedPublic  = "public"   // an authority that the system trusts: everybody
	VouchedCompany = "company"  // another authority: the devices of whoever it belongs to
)

// vouched says who vouches for the chain of certs as of now.
func vouched(from string, certs []*x509.Certificate, root *x509.Certificate, now time.Time) string {
	if len(certs) == 0 {
		return ""
	}
	leaf := certs[0]
	o := x509.VerifyOptions{Intermediates: x509.NewCertPool(), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	for _, c := range certs[1:] {
		o.Intermediates.AddCert(c)
	}
	if root != nil {
		o.Roots = x509.NewCertPool()
		o.Roots.AddCert(root)
		if _, err := leaf.Verify(o); err == nil {
			return VouchedHere
		}
	}
	switch {
	case from == FromBuiltIn: // of an authority before, or not valid now
		return VouchedHere
	case selfSigned(leaf):
		return VouchedSelf
	}
	o.Roots = nil // those of the system
	if _, err := leaf.Verify(o); err == nil {
		return VouchedPublic
	}
	return VouchedCompany
}

// ShownFor returns the chain that is shown to whoever asks for a host.
func (k *Keeper) ShownFor(host string) (Shown, error) {
	s := k.state.Load()
	if c := s.of(host); c != nil {
		for _, x := range s.kept {
			if y := s.chains[x.ID]; y != nil && y.Leaf() == c.Leaf {
				return k.shown(s, x), nil
			}
		}
	}
	return k.Find(nameOwn)
}

// Fits reports whether a chain may be shown for a domain.
func (v Shown) Fits(domain string) bool {
	return v.Use == UseServer && len(v.Certs) > 0 && !v.Damaged && (matches(v.Certs[0], ascii(domain)) || slices.Contains(v.Certs[0].DNSNames, "*."+ascii(domain)))
}

// Needed reports whether it is one of those that the node makes and cannot do without.
func (v Shown) Needed() bool {
	return v.From == FromBuiltIn && slices.Contains([]string{nameRoot, nameIssuing, nameOwn, nameOwnRSA}, v.Name)
}

// Signer returns the chain that signs tokens; false when nothing does.
func (k *Keeper) Signer() (Shown, bool) {
	for _, v := range k.Chains() {
		if v.Chosen {
			return v, true
		}
	}
	return Shown{}, false
}
