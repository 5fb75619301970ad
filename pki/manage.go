package pki

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"platen/fault"
)

// What an administrator does with certificates. Each changes the store and then what
// is shown.

// Chains returns what there is, without keys.
func (k *Keeper) Chains() []Shown {
	s := k.state.Load()
	list := make([]Shown, 0, len(s.kept))
	for _, x := range s.kept {
		list = append(list, k.shown(s, x))
	}
	return list
}

// Shown is a chain as people see it.
type Shown struct {
	ID      string
	Name    string
	Use     string
	From    string
	Certs   []*x509.Certificate // nil while an answer is awaited, or when it cannot be read
	Request []byte              // DER, of FromRequest
	Config  string
	Domains []string // that show it
	Vouched string   // who vouches for it, "" while an answer is awaited
	Chosen  bool     // signs tokens
	Awaited bool     // an authority has to answer
	Damaged bool     // its key cannot be opened
	Trouble string
	Next    time.Time // when it is renewed by itself; zero: by nobody, or nobody knows
}

// Files returns the files that a watched chain comes from.
func (v Shown) Files() []string {
	var w Watched
	if v.From != FromWatched || json.Unmarshal([]byte(v.Config), &w) != nil {
		return nil
	}
	return w.Files
}

func (k *Keeper) shown(s *state, x Kept) Shown {
	v := Shown{ID: x.ID, Name: x.Name, Use: x.Use, From: x.From, Request: x.Request, Config: x.Config, Trouble: x.Trouble, Awaited: x.Certs == nil}
	if c := s.chains[x.ID]; c != nil {
		v.Certs = c.Certs
	} else if !v.Awaited {
		v.Damaged = true
		v.Certs, _ = ImportCerts(x.Certs) // else there is nothing to show
	}
	for _, d := range s.domains {
		if d.Chain == x.ID {
			v.Domains = append(v.Domains, d.Name)
		}
	}
	v.Chosen = s.signs(x.ID)
	var authority *x509.Certificate
	if _, root := s.named(nameRoot); root != nil {
		authority = root.Leaf()
	}
	v.Vouched = vouched(v.From, v.Certs, authority, k.Now())
	if x.From == FromACME && len(v.Certs) > 0 {
		v.Next = k.nextTry(x, v.Certs[0])
	}
	return v
}

// Find returns a chain by its name or id.
func (k *Keeper) Find(name string) (Shown, error) {
	for _, v := range k.Chains() {
		if v.ID == name || strings.EqualFold(v.Name, name) {
			return v, nil
		}
	}
	return Shown{}, &fault.Error{Op: "pki.Find", Kind: fault.NotFound, Text: "There is no certificate chain %s. See: platen cert chain list", Args: []any{name}}
}

// Domains returns the domains of the account.
func (k *Keeper) Domains() []Domain { return slices.Clone(k.state.Load().domains) }

func (k *Keeper) domainNames() []string {
	var names []string
	for _, d := range k.state.Load().domains {
		names = append(names, d.Name)
	}
	return names
}

// AddDomain adds a DNS name of the account. The node's own chain has it from now on.
func (k *Keeper) AddDomain(ctx context.Context, name string) (Domain, error) {
	n := ascii(name)
	if _, addr, ok := normal(n); !ok || addr.IsValid() || strings.HasPrefix(n, "*.") || everybodys(n) {
		return Domain{}, &fault.Error{Op: "pki.AddDomain", Kind: fault.Invalid, Text: "This is no DNS name: %s. Give one such as print.example.com, without *.", Args: []any{name}}
	}
	for _, d := range k.state.Load().domains {
		if d.Name == n {
			return d, nil
		}
	}
	d := Domain{Name: n}
	return d, k.then(ctx, k.Store.PutDomain(ctx, d))
}

// RemoveDomain removes a DNS name.
func (k *Keeper) RemoveDomain(ctx context.Context, name string) error {
	return k.then(ctx, k.Store.RemoveDomain(ctx, ascii(name)))
}

// then shows what was stored.
func (k *Keeper) then(ctx context.Context, err error) error {
	if err != nil {
		return err
	}
	return k.Reload(ctx)
}

// Choose lets domains show a chain; "" is the node's own again.
func (k *Keeper) Choose(ctx context.Context, chain string, domains []string) error {
	const op = "pki.Choose"
	id := ""
	if chain != "" {
		v, err := k.Find(chain)
		if err != nil {
			return err
		}
		if v.Use != UseServer || v.Certs == nil || v.Damaged {
			return &fault.Error{Op: op, Kind: fault.Conflict, Text: "The chain %s cannot be shown to clients.", Args: []any{v.Name}}
		}
		for _, d := range domains {
			if !fits(v.Certs[0], ascii(d)) {
				return &fault.Error{Op: op, Kind: fault.Conflict, Text: "The certificate of %s is not one for %s. It is for: %s", Args: []any{v.Name, d, strings.Join(namesOf(v.Certs[0]), ", ")}}
			}
		}
		id = v.ID
	}
	known := k.state.Load().domains
	for _, d := range domains {
		if !slices.ContainsFunc(known, func(x Domain) bool { return x.Name == ascii(d) }) {
			return &fault.Error{Op: op, Kind: fault.NotFound, Text: "The account has no domain %s. Add it: platen cert domain add %s", Args: []any{d, d}}
		}
	}
	for _, d := range domains {
		if err := k.Store.PutDomain(ctx, Domain{Name: ascii(d), Chain: id}); err != nil {
			return err
		}
	}
	return k.Reload(ctx)
}

// matches reports whether a certificate is one for a DNS name. One without names of
// its own counts by its common name, as the rules say; no client of today does so.
func matches(c *x509.Certificate, name string) bool {
	return c.VerifyHostname(name) == nil || len(c.DNSNames) == 0 && strings.EqualFold(c.Subject.CommonName, name)
}

// fits reports whether a certificate can be shown for a domain: it is one for that name,
// or for those below it.
func fits(c *x509.Certificate, domain string) bool {
	return matches(c, domain) || slices.Contains(c.DNSNames, "*."+domain)
}

// Imported is what came of a file.
type Imported struct {
	Shown
	Findings []Finding
}

// ImportChain imports a file with a key. A name that is there already is replaced when
// it was imported before, so that a renewal is the same command again; the domains
// stay.
func (k *Keeper) ImportChain(ctx context.Context, name, use string, data []byte, password string) (Imported, error) {
	c, findings, err := Import(data, password)
	if err != nil {
		return Imported{Findings: findings}, err
	}
	if use == UseServer {
		findings = append(findings, Judge(c, k.domainNames(), k.Now())...)
		err = Refusal(findings)
	} else {
		err = k.maySign(c)
	}
	if err != nil {
		return Imported{Findings: findings}, err
	}
	if err := k.mayBeCalled(name); err != nil {
		return Imported{Findings: findings}, err
	}
	kept := Kept{Name: name, Use: use, From: FromFile}
	if old, err := k.Find(name); err == nil {
		if old.From != FromFile || old.Use != use {
			return Imported{Findings: findings}, &fault.Error{Op: "pki.ImportChain", Kind: fault.Conflict, Text: "There is a certificate chain %s already.", Args: []any{name}}
		}
		kept = k.get(old.ID)
		if was := k.state.Load().chains[old.ID]; use == UseSigning && was != nil && !sameKey(was.Key.Public(), c.Key.Public()) {
			return k.follow(ctx, kept, c, findings)
		}
	}
	return k.add(ctx, kept, c, findings)
}

// maySign refuses a chain that could sign no token.
func (k *Keeper) maySign(c *Chain) error {
	if _, err := NewSigningKey(c); err != nil {
		return err
	}
	if end := c.Leaf().NotAfter; !k.Now().Before(end) {
		return &fault.Error{Op: "pki.maySign", Kind: fault.Invalid, Text: "This chain cannot sign tokens: it ended on %s.", Args: []any{onDay(end)}}
	}
	return nil
}

// follow puts a chain with another key in the place of one that signs, or signed: what
// that has signed is believed until it ends.
func (k *Keeper) follow(ctx context.Context, before Kept, c *Chain, findings []Finding) (Imported, error) {
	next := Kept{Name: before.Name, Use: before.Use, From: before.From}
	chosen := k.state.Load().inUse(before)
	before.Name = k.free(k.state.Load(), before.Name+" before")
	if err := k.Store.PutChain(ctx, before); err != nil {
		return Imported{Findings: findings}, err
	}
	x, err := k.add(ctx, next, c, findings)
	if err == nil && chosen {
		err = k.ChooseSigning(ctx, x.ID)
	}
	if err != nil {
		return x, err
	}
	x.Shown, err = k.Find(x.ID)
	return x, err
}

// add stores a chain, and says what it is.
func (k *Keeper) add(ctx context.Context, kept Kept, c *Chain, findings []Finding) (Imported, error) {
	kept.Trouble = ""
	k.change.Lock()
	s := &state{chains: map[string]*Chain{}}
	err := k.keep(ctx, s, kept, c)
	k.change.Unlock()
	if err := k.then(ctx, err); err != nil {
		return Imported{Findings: findings}, err
	}
	v, err := k.Find(s.kept[0].ID)
	return Imported{v, findings}, err
}

func (k *Keeper) get(id string) Kept {
	x, _ := k.state.Load().byID(id)
	return x
}

// Generate makes a chain of the built-in authority for domains of the account.
func (k *Keeper) Generate(ctx context.Context, name string, domains []string, rsa bool) (Imported, error) {
	if err := errors.Join(k.mayBeCalled(name), k.known(domains)); err != nil {
		return Imported{}, err
	}
	names := make([]string, len(domains))
	for i, d := range domains {
		names[i] = ascii(d)
	}
	k.change.Lock()
	s, err := k.load(ctx)
	var issuing *Chain
	if err == nil {
		issuing, _, err = k.authority(ctx, s)
	}
	k.change.Unlock()
	if err != nil {
		return Imported{}, err
	}
	issue := Issue
	if rsa {
		issue = IssueRSA
	}
	c, err := issue(issuing, names, k.Now())
	if err != nil {
		return Imported{}, err
	}
	return k.add(ctx, Kept{Name: name, Use: UseServer, From: FromBuiltIn}, c, nil)
}

// Request makes a key and a request for an authority of the customer. The chain waits
// for the answer.
func (k *Keeper) Request(ctx context.Context, name string, subject Subject, names []string, rsa bool) (Shown, error) {
	if err := k.mayBeCalled(name); err != nil {
		return Shown{}, err
	}
	return k.request(ctx, name, subject, names, rsa)
}

// mayBeCalled refuses names that are the node's own, or that mean something else.
func (k *Keeper) mayBeCalled(name string) error {
	n := strings.ToLower(strings.TrimSpace(name))
	if slices.Contains([]string{nameRoot, nameIssuing, nameOwn, nameOwnRSA, "none"}, n) || strings.HasSuffix(n, renewalSuffix) {
		return &fault.Error{Op: "pki.mayBeCalled", Kind: fault.Invalid, Text: "No chain can be called %s. Choose another name.", Args: []any{name}}
	}
	return nil
}

func (k *Keeper) request(ctx context.Context, name string, subject Subject, names []string, rsa bool) (Shown, error) {
	key, der, err := NewRequest(subject, names, rsa)
	if err != nil {
		return Shown{}, err
	}
	kept := Kept{Name: name, Use: UseServer, From: FromRequest, Request: der}
	if old, err := k.Find(name); err == nil {
		if old.From == FromRequest && old.Awaited { // its key would be lost, and with it the answer
			return Shown{}, &fault.Error{Op: "pki.Request", Kind: fault.Conflict, Text: "The chain %s waits for an answer already. To ask again, remove it first: platen cert chain remove NAME", Args: []any{name}}
		}
		return Shown{}, &fault.Error{Op: "pki.Request", Kind: fault.Conflict, Text: "There is a certificate chain %s already.", Args: []any{name}}
	}
	v, err := k.add(ctx, kept, &Chain{Key: key}, nil)
	return v.Shown, err
}

// Renewal makes a request for what a chain has now, with a key of its own: the chain
// goes on being shown until the answer is there.
func (k *Keeper) Renewal(ctx context.Context, chain string) (Shown, error) {
	v, err := k.Find(chain)
	if err != nil {
		return Shown{}, err
	}
	if v.From != FromRequest || v.Awaited {
		return Shown{}, &fault.Error{Op: "pki.Renewal", Kind: fault.Conflict, Text: "The chain %s does not come from an authority that answered a request.", Args: []any{v.Name}}
	}
	old, err := x509.ParseCertificateRequest(v.Request)
	if err != nil {
		return Shown{}, err
	}
	_, isRSA := old.PublicKey.(*rsa.PublicKey)
	names := slices.Clone(old.DNSNames)
	for _, ip := range old.IPAddresses {
		names = append(names, ip.String())
	}
	return k.request(ctx, v.Name+renewalSuffix, subjectOf(old), names, isRSA)
}

// subjectOf is who a request was made for.
func subjectOf(r *x509.CertificateRequest) Subject {
	first := func(list []string) string {
		if len(list) == 0 {
			return ""
		}
		return list[0]
	}
	n := r.Subject
	return Subject{CommonName: n.CommonName, Organization: first(n.Organization), OrganizationalUnit: first(n.OrganizationalUnit),
		Locality: first(n.Locality), Province: first(n.Province), Country: first(n.Country)}
}

// SignRequest lets the built-in authority answer a request for domains of the account.
func (k *Keeper) SignRequest(ctx context.Context, data []byte) ([]*x509.Certificate, error) {
	r, err := ParseRequest(data)
	if err != nil {
		return nil, err
	}
	k.change.Lock()
	defer k.change.Unlock()
	s, err := k.load(ctx)
	if err != nil {
		return nil, err
	}
	issuing, _, err := k.authority(ctx, s)
	if err != nil {
		return nil, err
	}
	return SignRequest(issuing, r.Raw, k.domainNames(), k.Now())
}

// Answer takes what an authority answered to a request. The answer to a renewal takes
// the place of what was renewed.
func (k *Keeper) Answer(ctx context.Context, chain string, data []byte) (Imported, error) {
	v, err := k.Find(chain)
	if err != nil {
		return Imported{}, err
	}
	if renewal, err := k.Find(v.Name + renewalSuffix); err == nil && v.From == FromRequest {
		v = renewal
	}
	if v.From != FromRequest {
		return Imported{}, &fault.Error{Op: "pki.Answer", Kind: fault.Conflict, Text: "The chain %s waits for no answer.", Args: []any{v.Name}}
	}
	kept := k.get(v.ID)
	key, err := kept.key()
	if err != nil {
		return Imported{}, err
	}
	certs, err := ImportCerts(data)
	if err != nil {
		return Imported{}, err
	}
	c, err := Answer(key, certs)
	if err != nil {
		return Imported{}, err
	}
	findings := Judge(c, k.domainNames(), k.Now())
	if err := Refusal(findings); err != nil {
		return Imported{Findings: findings}, err
	}
	if base, ok := strings.CutSuffix(v.Name, renewalSuffix); ok {
		if old, err := k.Find(base); err == nil && old.From == FromRequest {
			renewed := k.get(old.ID)
			renewed.Request = kept.Request
			x, err := k.add(ctx, renewed, c, findings)
			if err != nil {
				return x, err
			}
			return x, k.then(ctx, k.Store.RemoveChain(ctx, kept.ID))
		}
	}
	return k.add(ctx, kept, c, findings)
}

// Remove removes a chain and its key. One that is shown, or signs, is refused unless
// somebody insists.
func (k *Keeper) Remove(ctx context.Context, chain string, insist bool) error {
	const op = "pki.Remove"
	v, err := k.Find(chain)
	if err != nil {
		return err
	}
	if v.Needed() {
		return &fault.Error{Op: op, Kind: fault.Conflict, Text: "The node needs %s. A new authority is made by: platen cert ca generate", Args: []any{v.Name}}
	}
	if !insist && len(v.Domains) > 0 {
		return &fault.Error{Op: op, Kind: fault.Conflict, Text: "The chain %s is shown for %s. With --yes those domains show the node's own chain again.", Args: []any{v.Name, strings.Join(v.Domains, ", ")}}
	}
	if !insist && v.Chosen {
		return &fault.Error{Op: op, Kind: fault.Conflict, Text: "The chain %s signs the tokens of this account. Choose another one first: platen cert signing choose NAME. With --yes its tokens end now.", Args: []any{v.Name}}
	}
	if believed := slices.ContainsFunc(k.Signing().Older, func(o SigningKey) bool { return o.Chain == k.state.Load().chains[v.ID] }); believed && !insist {
		return &fault.Error{Op: op, Kind: fault.Conflict, Text: "Tokens that the chain %s has signed still count. With --yes they end now.", Args: []any{v.Name}}
	}
	if renewal, err := k.Find(v.Name + renewalSuffix); err == nil && v.From == FromRequest {
		if err := k.Store.RemoveChain(ctx, renewal.ID); err != nil {
			return err
		}
	}
	return k.then(ctx, k.Store.RemoveChain(ctx, v.ID))
}

// Trusted returns the authorities that are trusted.
func (k *Keeper) Trusted() []Trusted { return slices.Clone(k.state.Load().trusted) }

// mostPeople is how many authorities can be trusted for people: the names of all are
// told to every client in its handshake.
const mostPeople = 50

// Trust trusts the authorities in a file for some purposes. One that is trusted
// already gets the purposes as well. One that calls itself as another does, as an
// authority with a new key, is called that with a part of its fingerprint.
func (k *Keeper) Trust(ctx context.Context, name string, data []byte, purposes []string) ([]Trusted, error) {
	certs, err := ImportCerts(data)
	if err != nil {
		return nil, err
	}
	known := k.Trusted()
	var list []Trusted
	for _, c := range certs {
		t, err := NewTrusted(trustedName(name, c, len(certs)), c, purposes)
		if err != nil {
			return nil, err
		}
		same := func(x Trusted) bool { return slices.Equal(x.DER, t.DER) }
		if slices.ContainsFunc(list, same) {
			continue // the file has it twice
		}
		if i := slices.IndexFunc(known, same); i >= 0 {
			added := t.Purposes
			t = known[i]
			t.Purposes = slices.DeleteFunc(Purposes(), func(p string) bool { return !t.For(p) && !slices.Contains(added, p) })
		} else {
			t.ID, t.Created = k.NewID(), k.Now()
			if name == "" && slices.ContainsFunc(slices.Concat(known, list), func(x Trusted) bool { return strings.EqualFold(x.Name, t.Name) }) {
				sum := sha256.Sum256(t.DER)
				t.Name = fmt.Sprintf("%s %x", cut(t.Name, maxTrustedName-9), sum[:4])
			}
		}
		list = append(list, t)
	}
	if err := checkPeople(known, list); err != nil {
		return nil, err
	}
	for _, t := range list {
		if err := k.Store.PutTrusted(ctx, t); err != nil {
			return nil, err
		}
	}
	return list, k.Reload(ctx)
}

// checkPeople counts those that would be trusted for people.
func checkPeople(known, more []Trusted) error {
	ids := map[string]bool{}
	for _, t := range slices.Concat(known, more) {
		if t.For(ForPeople) {
			ids[t.ID] = true
		}
	}
	if len(ids) > mostPeople && slices.ContainsFunc(more, func(t Trusted) bool { return t.For(ForPeople) }) {
		return untrusted("At most %d authorities can say who people are: every client is told all of them.", mostPeople)
	}
	return nil
}

// Untrust trusts nobody for a purpose any longer, and returns whom it was. What is
// trusted for nothing then is removed.
func (k *Keeper) Untrust(ctx context.Context, purpose string) (was []Trusted, err error) {
	for _, t := range k.Trusted() {
		if !t.For(purpose) {
			continue
		}
		was = append(was, t)
		t.Purposes = slices.DeleteFunc(slices.Clone(t.Purposes), func(p string) bool { return p == purpose })
		if len(t.Purposes) == 0 {
			err = k.Store.RemoveTrusted(ctx, t.ID)
		} else {
			err = k.Store.PutTrusted(ctx, t)
		}
		if err != nil {
			return was, err
		}
	}
	return was, k.then(ctx, nil)
}

// trustedName is what an authority is called when nobody gave it a name: as it calls
// itself.
func trustedName(name string, c *x509.Certificate, of int) string {
	own := c.Subject.CommonName
	if own == "" {
		own = c.Subject.String()
	}
	switch {
	case name == "":
		return own
	case of == 1:
		return name
	}
	return name + " " + own
}

// FindTrusted returns an authority by its name or id.
func (k *Keeper) FindTrusted(name string) (Trusted, error) {
	for _, t := range k.Trusted() {
		if t.ID == name || strings.EqualFold(t.Name, name) {
			return t, nil
		}
	}
	return Trusted{}, &fault.Error{Op: "pki.FindTrusted", Kind: fault.NotFound, Text: "There is no authority %s. See: platen cert trust list", Args: []any{name}}
}

// Distrust removes an authority.
func (k *Keeper) Distrust(ctx context.Context, name string) error {
	t, err := k.FindTrusted(name)
	if err != nil {
		return err
	}
	return k.then(ctx, k.Store.RemoveTrusted(ctx, t.ID))
}
