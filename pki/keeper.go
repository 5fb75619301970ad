package pki

import (
	"context"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"platen/fault"
	"platen/internal/fsys"
)

// Store is where a Keeper has what it keeps. *store.Scope is one.
type Store interface {
	Chains(ctx context.Context) ([]Kept, error)
	PutChain(ctx context.Context, x Kept) error
	RemoveChain(ctx context.Context, id string) error
	ChainSecret(ctx context.Context, id string) (string, error)
	SetChainSecret(ctx context.Context, id, secret string) error
	Domains(ctx context.Context) ([]Domain, error)
	PutDomain(ctx context.Context, x Domain) error
	RemoveDomain(ctx context.Context, name string) error
	Trusted(ctx context.Context) ([]Trusted, error)
	PutTrusted(ctx context.Context, x Trusted) error
	RemoveTrusted(ctx context.Context, id string) error
	Value(ctx context.Context, name string, to any) (ok bool, err error)
	PutValue(ctx context.Context, name string, value any) error
}

// Keeper has the certificates of one account: it makes what is missing, renews what
// ends, and says which chain a client is shown. All fields are set before Open.
//
// What a handshake asks for is in memory and replaced as a whole, so that a renewal
// drops no connection and no handshake waits for the store.
type Keeper struct {
	Store  Store
	CAFile string          // where clients find the authority's certificate, mode 0644; "" nowhere
	Names  func() []string // host names and addresses of this node; asked again at every check
	Tenant string          // UUID of the account
	RSA    func() bool     // reports whether a listener is for clients that know nothing but RSA; nil: none is
	NewID  func() string   // UUIDv7
	Now    func() time.Time
	Log    *slog.Logger

	// Obtain gets a chain for names from the ACME server that x.Config describes, and
	// keeps there what the server knows of us; nil where nobody can.
	Obtain func(ctx context.Context, x *Kept, names []string) (*Chain, error)
	// RenewalTime asks that server when it wants its certificate renewed; zero: it has
	// no opinion. nil: it is not asked.
	RenewalTime func(ctx context.Context, x Kept, leaf *x509.Certificate) (time.Time, error)
	// Tell is told of certificates that end soon, all at once, and must not wait for
	// anybody; nil, in a command beside the node, tells nobody and keeps no account.
	Tell func(ctx context.Context, list []Ending)

	change sync.Mutex // one at a time
	state  atomic.Pointer[state]
	wake   chan struct{} // a look is due

	turn  chan struct{}        // whoever has put something in may ask an ACME server
	asked map[string]time.Time // when RenewalTime was asked, by the id of a chain; whoever has the turn
}

// How often a Keeper looks, and how long it waits after a renewal that did not work.
const (
	checkEvery = time.Hour
	retryAfter = 6 * time.Hour  // what ACME servers count: failed orders by the hour
	askEvery   = 24 * time.Hour // for the time of a renewal
)

// Names of the chains that the node makes by itself, and what is put behind the name of
// a chain while the answer to its renewal is awaited.
const (
	nameRoot    = "root"
	nameIssuing = "issuing"
	nameOwn     = "node"
	nameOwnRSA  = "node-rsa"
	nameSigning = "signing"

	renewalSuffix = " (renewal)"
)

// state is all that a Keeper has, as it is shown.
type state struct {
	kept    []Kept
	chains  map[string]*Chain // by id; without those that are awaited or cannot be read
	domains []Domain
	trusted []Trusted
	people  *x509.CertPool // of those in trusted that are for people; nil when none is
	signing *Signing
	own     *tls.Certificate
	rsa     *tls.Certificate            // nil unless Keeper.RSA says so
	shown   map[string]*tls.Certificate // by domain, of those that show a chain of their own
}

// named returns a chain that the node made by itself.
func (s *state) named(name string) (Kept, *Chain) {
	for _, k := range s.kept {
		if k.From == FromBuiltIn && k.Name == name {
			return k, s.chains[k.ID]
		}
	}
	return Kept{}, nil
}

// byID returns a chain.
func (s *state) byID(id string) (Kept, *Chain) {
	for _, k := range s.kept {
		if k.ID == id {
			return k, s.chains[id]
		}
	}
	return Kept{}, nil
}

// Open reads what there is and makes what is missing.
func (k *Keeper) Open(ctx context.Context) error {
	k.wake, k.turn, k.asked = make(chan struct{}, 1), make(chan struct{}, 1), map[string]time.Time{}
	_, err := k.Check(ctx)
	return err
}

// Reload reads the store again, after somebody has changed it.
func (k *Keeper) Reload(ctx context.Context) error {
	_, err := k.Check(ctx)
	return err
}

// load reads the store.
func (k *Keeper) load(ctx context.Context) (*state, error) {
	s := &state{chains: map[string]*Chain{}, shown: map[string]*tls.Certificate{}}
	var err error
	if s.kept, err = k.Store.Chains(ctx); err != nil {
		return nil, err
	}
	if s.domains, err = k.Store.Domains(ctx); err != nil {
		return nil, err
	}
	if s.trusted, err = k.Store.Trusted(ctx); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(s.trusted, func(t Trusted) bool { return t.For(ForPeople) }) {
		s.people = Roots(s.trusted, ForPeople)
	}
	for _, x := range s.kept {
		if x.Certs == nil {
			continue
		}
		c, err := x.Chain()
		if err != nil {
			k.Log.Error("pki: a chain cannot be read", "chain", x.Name, "error", err)
			continue
		}
		s.chains[x.ID] = c
	}
	return s, k.loadSigning(ctx, s)
}

// show says which chain is shown for which name. One with a wildcard of a domain is
// shown for the names below it.
func (s *state) show() {
	for _, d := range s.domains {
		c := s.chains[d.Chain]
		if d.Chain == "" || c == nil {
			continue
		}
		if matches(c.Leaf(), d.Name) {
			s.shown[d.Name] = c.TLS()
		}
		if slices.Contains(c.Leaf().DNSNames, "*."+d.Name) {
			s.shown["*."+d.Name] = c.TLS()
		}
	}
}

// of returns the chain of a domain, and of the domain above it when that has a chain
// with a wildcard; nil: none is chosen.
func (s *state) of(name string) *tls.Certificate {
	n := ascii(name)
	if c := s.shown[n]; c != nil || s.has(n) {
		return c
	}
	_, above, _ := strings.Cut(n, ".")
	return s.shown["*."+above]
}

// has reports whether a name is a domain of the account.
func (s *state) has(name string) bool {
	return slices.ContainsFunc(s.domains, func(d Domain) bool { return d.Name == name })
}

// Check makes what is missing, renews what is due, says what ends soon, and shows
// what has changed from the next handshake on. It reports whether it made something.
func (k *Keeper) Check(ctx context.Context) (renewed bool, err error) {
	k.change.Lock()
	defer k.change.Unlock()
	s, err := k.load(ctx)
	if err != nil {
		return false, err
	}
	made, err := k.ensure(ctx, s)
	if err != nil && s.own == nil {
		return made, err
	}
	if err != nil { // what there is, is still good
		k.Log.Error("pki: renewal failed", "error", err)
	}
	s.show()
	k.state.Store(s)
	k.warn(ctx, s)
	return made, k.publish(s)
}

// ensure makes the authority, what it issues for the node, and the first chain that
// signs tokens, where they are missing or due.
func (k *Keeper) ensure(ctx context.Context, s *state) (made bool, err error) {
	issuing, made, err := k.authority(ctx, s)
	if err != nil {
		if _, c := s.named(nameOwn); c != nil {
			s.own = c.TLS()
		}
		if _, c := s.named(nameOwnRSA); c != nil {
			s.rsa = c.TLS()
		}
		fresh, err2 := k.look(ctx, s) // watched files need no authority
		return made || fresh, errors.Join(err, err2)
	}
	own, new1, err1 := k.own(ctx, s, nameOwn, issuing, Issue)
	if own != nil {
		s.own = own.TLS()
	}
	var new2 bool
	var err2 error
	if k.RSA != nil && k.RSA() {
		var c *Chain
		if c, new2, err2 = k.own(ctx, s, nameOwnRSA, issuing, IssueRSA); c != nil {
			s.rsa = c.TLS()
		}
	}
	new3, err3 := k.firstSigning(ctx, s)
	new4, err4 := k.renew(ctx, s, issuing)
	new5, err5 := k.look(ctx, s)
	return made || new1 || new2 || new3 || new4 || new5, errors.Join(err1, err2, err3, err4, err5)
}

// authority returns the built-in authority's issuing chain, made anew when it is
// missing, due, or may not vouch for a name that is wanted. A root that cannot be
// opened is never replaced by itself: every client would have to be told.
func (k *Keeper) authority(ctx context.Context, s *state) (issuing *Chain, made bool, err error) {
	const op = "pki.authority"
	kept, root := s.named(nameRoot)
	switch {
	case kept.ID != "" && root == nil:
		return nil, false, &fault.Error{Op: op, Kind: fault.Internal, Text: "The node's certificate authority is damaged. Restore it from a backup, or make a new one: platen cert ca generate"}
	case kept.ID == "":
		if root, err = NewRoot(title(k.Names()), k.Now()); err != nil {
			return nil, false, err
		}
		if err := k.keep(ctx, s, Kept{Name: nameRoot, Use: UseRoot}, root); err != nil {
			return nil, false, err
		}
		made = true
	}
	names := slices.DeleteFunc(append(k.wanted(s), domainsOf(s)...), everybodys) // also of domains that show another chain: it may be one of ours
	kept, issuing = s.named(nameIssuing)
	if issuing != nil && !Due(issuing.Leaf(), root, nil, k.Now()) {
		if _, left := Covers(issuing, names); len(left) == 0 {
			return issuing, made, nil
		}
	}
	if issuing, err = NewIssuing(root, names, k.Now()); err != nil {
		return nil, made, err
	}
	kept.Name, kept.Use = nameIssuing, UseIssuing
	return issuing, true, k.keep(ctx, s, kept, issuing)
}

// wanted are the names that the node's own chain has: what the machine is called, and
// the domains that no other chain is for. What is no host name is left out.
func (k *Keeper) wanted(s *state) []string {
	var names []string
	add := func(raw string) {
		if n, _, ok := normal(raw); ok && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	for _, n := range k.Names() {
		add(n)
	}
	for _, d := range s.domains {
		if c := s.chains[d.Chain]; d.Chain == "" || c == nil || !matches(c.Leaf(), d.Name) {
			add(d.Name)
		}
	}
	return names
}

// own returns a chain of the node's own names, without those that no authority here
// may vouch for: a machine may be called "dev".
func (k *Keeper) own(ctx context.Context, s *state, name string, issuing *Chain, issue func(*Chain, []string, time.Time) (*Chain, error)) (*Chain, bool, error) {
	names, left := Covers(issuing, k.wanted(s))
	kept, c := s.named(name)
	if c != nil && !Due(c.Leaf(), issuing, names, k.Now()) {
		return c, false, nil
	}
	fresh, err := issue(issuing, names, k.Now())
	if err != nil {
		return c, false, err
	}
	kept.Name, kept.Use = name, UseServer
	if err := k.keep(ctx, s, kept, fresh); err != nil {
		return c, false, err
	}
	k.Log.Info("pki: new server certificate", "chain", name, "names", names, "left_out", left, "until", fresh.Leaf().NotAfter)
	return fresh, true, nil
}

// keep stores a chain that the node made, new where kept has no id, and puts it into
// the state.
func (k *Keeper) keep(ctx context.Context, s *state, kept Kept, c *Chain) error {
	if kept.ID == "" {
		kept.ID, kept.Created = k.NewID(), k.Now()
	}
	if kept.From == "" {
		kept.From = FromBuiltIn
	}
	if kept.Config == "" {
		kept.Config = "{}"
	}
	if err := kept.Set(c); err != nil {
		return err
	}
	if err := k.Store.PutChain(ctx, kept); err != nil {
		return err
	}
	i := slices.IndexFunc(s.kept, func(x Kept) bool { return x.ID == kept.ID })
	if i < 0 {
		s.kept = append(s.kept, kept)
	} else {
		s.kept[i] = kept
	}
	s.chains[kept.ID] = c
	return nil
}

// renew renews chains of domains that the node made: those that are due, and those of
// an authority that was replaced.
func (k *Keeper) renew(ctx context.Context, s *state, issuing *Chain) (made bool, failed error) {
	_, root := s.named(nameRoot)
	due := func(c *Chain) bool { // a new issuing certificate of the same root is no reason
		if len(c.Certs) < 2 || c.Certs[1].CheckSignatureFrom(root.Leaf()) != nil {
			return true
		}
		return worthIt(c.Leaf(), issuing.Leaf(), k.Now())
	}
	for _, x := range slices.Clone(s.kept) {
		c := s.chains[x.ID]
		if c == nil || x.From != FromBuiltIn || x.Use != UseServer || x.Name == nameOwn || x.Name == nameOwnRSA || !due(c) {
			continue
		}
		issue := Issue
		if _, ok := c.Key.(*rsa.PrivateKey); ok {
			issue = IssueRSA
		}
		fresh, err := issue(issuing, namesOf(c.Leaf()), k.Now())
		if err == nil {
			x.Trouble, x.Tried = "", time.Time{}
			made, err = true, k.keep(ctx, s, x, fresh)
		}
		if err != nil { // of this one; the others are renewed all the same
			failed = errors.Join(failed, k.trouble(ctx, s, x, err))
			continue
		}
		k.Log.Info("pki: a certificate was renewed", "chain", x.Name, "until", fresh.Leaf().NotAfter)
	}
	return made, failed
}

// publish writes the authority's certificate where clients may read it. It is written
// again when somebody removed or changed it.
func (k *Keeper) publish(s *state) error {
	_, root := s.named(nameRoot)
	if k.CAFile == "" || root == nil {
		return nil
	}
	want := root.CertsPEM()
	if got, err := os.ReadFile(k.CAFile); err == nil && slices.Equal(got, want) {
		return nil
	}
	err := fsys.WriteFile(k.CAFile, want)
	if err == nil {
		err = os.Chmod(k.CAFile, 0o644) //nolint:gosec // a certificate is public; clients must be able to read it
	}
	if err != nil {
		return &fault.Error{Op: "pki.publish", Kind: fault.Internal, Text: "The authority's certificate could not be written for the clients.", Err: err}
	}
	return nil
}

// Replace makes a new authority and whatever comes from it. Clients that trusted the
// old one must be given the new one.
func (k *Keeper) Replace(ctx context.Context) error {
	k.change.Lock()
	err := k.forget(ctx, nameRoot, nameIssuing, nameOwn, nameOwnRSA)
	k.change.Unlock()
	if err != nil {
		return err
	}
	return k.Reload(ctx)
}

func (k *Keeper) forget(ctx context.Context, names ...string) error {
	kept, err := k.Store.Chains(ctx)
	if err != nil {
		return err
	}
	for _, x := range kept {
		if x.From == FromBuiltIn && slices.Contains(names, x.Name) {
			if err := k.Store.RemoveChain(ctx, x.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// Serve looks every hour, when it is woken, and when a watched file has changed, until
// ctx ends.
func (k *Keeper) Serve(ctx context.Context) error {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	e := &eyes{k: k}
	defer e.close()
	quiet := time.NewTimer(0) // the files are read once at the start
	defer quiet.Stop()
	var orders sync.WaitGroup
	defer orders.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-k.wake:
		case <-quiet.C:
		case event := <-e.events:
			if e.concerns(event.Name) {
				quiet.Reset(settle)
			}
			continue
		case err := <-e.errors:
			k.Log.Warn("pki: watching files", "error", err)
			continue
		}
		// What is shown is still good for weeks: it is tried again in an hour.
		if _, err := k.Check(ctx); err != nil && ctx.Err() == nil {
			k.Log.Error("pki: the certificates could not be looked at", "error", err)
		}
		if e.update() {
			quiet.Reset(settle) // what happened before it was watched, nobody has told
		}
		orders.Go(func() { k.renewDue(ctx) })
	}
}

// renewDue is Renew beside everything else, unless somebody asks a server already:
// then the next look does it.
func (k *Keeper) renewDue(ctx context.Context) {
	select {
	case k.turn <- struct{}{}:
	default:
		return
	}
	defer func() { <-k.turn }()
	if err := k.renewAll(ctx); err != nil && ctx.Err() == nil {
		k.Log.Error("pki: what was renewed could not be kept", "error", err)
	}
}

// Wake makes Serve look now.
func (k *Keeper) Wake() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// Hosts returns the names and addresses that the node answers to: those of its own
// chain, its domains, and "*.DOMAIN" where a wildcard is shown. A request for another
// host is not for this node.
func (k *Keeper) Hosts() []string {
	s := k.state.Load()
	names := namesOf(s.own.Leaf)
	add := func(n string) {
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	for _, d := range s.domains {
		add(d.Name)
	}
	for n := range s.shown {
		add(n)
	}
	return names
}

// Ends returns when the node's own certificate and the authority end.
func (k *Keeper) Ends() (server, authority time.Time) {
	s := k.state.Load()
	if _, root := s.named(nameRoot); root != nil {
		authority = root.Leaf().NotAfter
	}
	return s.own.Leaf.NotAfter, authority
}

// Root returns the authority's certificate; nil when it is damaged.
func (k *Keeper) Root() *x509.Certificate {
	if _, root := k.state.Load().named(nameRoot); root != nil {
		return root.Leaf()
	}
	return nil
}

// Mobileconfig returns the authority's certificate as a profile for devices of Apple;
// nil when it is damaged.
func (k *Keeper) Mobileconfig(name string) []byte {
	_, root := k.state.Load().named(nameRoot)
	if root == nil {
		return nil
	}
	return Mobileconfig(root, name)
}

// CAPEM returns the authority's certificate, as it is in CAFile.
func (k *Keeper) CAPEM() []byte {
	if root := k.Root(); root != nil {
		return certsPEM([]*x509.Certificate{root})
	}
	return nil
}

// Pool returns what is trusted for a purpose: the authorities that an administrator
// gave for it, and those of the system, except for devices and people. It is asked
// for each connection, so that a change counts from the next one on.
func (k *Keeper) Pool(purpose string) *x509.CertPool {
	return Roots(k.state.Load().trusted, purpose)
}

// People returns the authorities whose certificates say who somebody is; nil when
// there are none, and nobody is to be asked for one. It must not be changed.
func (k *Keeper) People() *x509.CertPool { return k.state.Load().people }

// Certificate is a tls.Config.GetCertificate: the chain of the domain that the client
// asks for, or else the node's own. A renewed one is used from the next handshake on.
func (k *Keeper) Certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	s := k.state.Load()
	if hello != nil {
		if c := s.of(hello.ServerName); c != nil {
			return c, nil
		}
	}
	return s.own, nil
}

// certificateRSA is Certificate for clients that know nothing but RSA.
func (k *Keeper) certificateRSA(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	s := k.state.Load()
	if c := s.of(hello.ServerName); c != nil && hello.SupportsCertificate(c) == nil {
		return c, nil
	}
	if s.rsa == nil {
		return nil, fmt.Errorf("pki: there is no RSA certificate yet")
	}
	return s.rsa, nil
}
