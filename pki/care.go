package pki

import (
	"context"
	"crypto/x509"
	"slices"
	"time"
)

// Term is when something in use ends: a chain with the first of its certificates, or
// an authority that is trusted.
type Term struct {
	ID, Name string
	Use      string // as Kept.Use; "trusted" of an authority
	From     string // as Kept.From; "" of an authority
	Subject  string
	Ends     time.Time
	Trouble  string // why it is not renewed; ""
}

const useTrusted = "trusted"

// Terms returns when whatever is in use ends, in no order.
func (k *Keeper) Terms() []Term { return k.state.Load().terms() }

func (s *state) terms() []Term {
	var list []Term
	for _, x := range s.kept {
		if c := s.chains[x.ID]; c != nil && s.inUse(x) {
			list = append(list, Term{ID: x.ID, Name: x.Name, Use: x.Use, From: x.From, Subject: c.Leaf().Subject.String(), Ends: c.ends(), Trouble: x.Trouble})
		}
	}
	for _, t := range s.trusted {
		if c, err := t.Cert(); err == nil {
			list = append(list, Term{ID: t.ID, Name: t.Name, Use: useTrusted, Subject: c.Subject.String(), Ends: c.NotAfter})
		}
	}
	return list
}

// ends is when the first of a chain's certificates ends.
func (c *Chain) ends() time.Time {
	return slices.MinFunc(c.Certs, func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) }).NotAfter
}

// begins is when the last of them begins.
func (c *Chain) begins() time.Time {
	return slices.MaxFunc(c.Certs, func(a, b *x509.Certificate) int { return a.NotBefore.Compare(b.NotBefore) }).NotBefore
}

// Whose clients believe a chain.
const (
	TrustBuiltIn = "built-in" // those that have the certificate of the built-in authority
	TrustPublic  = "public"   // everybody whose system trusts what this system does
	TrustCompany = "company"  // those that have the root of somebody else
	TrustItself  = "itself"   // those that have this very certificate
)

// Examined is what was found of a chain in use, or of a trusted authority.
type Examined struct {
	Term
	Config   string // as Kept.Config
	InUse    bool
	Shown    []string  // domains that show it; nil of the node's own, which all others see
	Begins   time.Time // when the last of its certificates begins
	Damaged  bool      // its key cannot be opened, or it cannot be read: nothing below is known
	Trust    string    // one of the above
	Anchor   string    // who vouches for it in the end
	Complete bool      // it leads to a root, or as far as one that only clients need to have
	Unfit    []string  // names that it is shown for, and is not one for
	Names    []string  // that it is for
}

// Inspection is how the certificates of an account are.
type Inspection struct {
	Chains  []Examined // in use, or renewed by an ACME server, or not renewed
	Trusted []Examined
	Signs   bool      // some chain signs API tokens
	Refused bool      // somebody has chosen that none does
	Issued  time.Time // when the newest of what the node made was made, by its clock of then
	Root    bool      // there is a built-in authority, with its key
}

// Inspect looks at what the store has. It makes nothing, changes nothing, and needs no
// Open. system is what the system trusts.
func (k *Keeper) Inspect(ctx context.Context, system *x509.CertPool) (Inspection, error) {
	var x Inspection
	s, err := k.load(ctx)
	if err != nil {
		return x, err
	}
	stand, said, err := k.signingStand(ctx)
	if err != nil {
		return x, err
	}
	x.Signs, x.Refused = s.signing.Chosen != nil, said && stand.Chosen == ""
	_, root := s.named(nameRoot)
	x.Root = root != nil
	if _, c := s.named(nameOwnRSA); c != nil && k.RSA != nil && k.RSA() {
		s.rsa = c.TLS()
	}
	for _, kept := range s.kept {
		c := s.chains[kept.ID]
		if c != nil && kept.From == FromBuiltIn {
			x.issued(c.Leaf())
		}
		used := s.inUse(kept) || kept.ID == stand.Chosen
		if !used && kept.Trouble == "" && kept.From != FromACME {
			continue
		}
		e := k.examine(s, kept, system)
		e.InUse = used
		x.Chains = append(x.Chains, e)
	}
	for _, t := range s.trusted {
		x.Trusted = append(x.Trusted, examineTrusted(t))
	}
	return x, nil
}

// issued takes note of when a certificate of the node's own was made.
func (x *Inspection) issued(c *x509.Certificate) {
	at := c.NotBefore.Add(issuedBack)
	if c.IsCA {
		at = c.NotBefore.Add(authorityBack)
	}
	if at.After(x.Issued) {
		x.Issued = at
	}
}

func examineTrusted(t Trusted) Examined {
	e := Examined{Term: Term{ID: t.ID, Name: t.Name, Use: useTrusted}, InUse: true, Complete: true}
	c, err := t.Cert()
	if err != nil {
		e.Damaged = true
		return e
	}
	e.Begins, e.Ends, e.Subject = c.NotBefore, c.NotAfter, c.Subject.String()
	return e
}

func (k *Keeper) examine(s *state, kept Kept, system *x509.CertPool) Examined {
	e := Examined{Term: Term{ID: kept.ID, Name: kept.Name, Use: kept.Use, From: kept.From, Trouble: kept.Trouble}, Config: kept.Config}
	for _, d := range s.domains {
		if d.Chain == kept.ID {
			e.Shown = append(e.Shown, d.Name)
		}
	}
	c := s.chains[kept.ID]
	if c == nil {
		e.Damaged = true
		return e
	}
	leaf := c.Leaf()
	e.Subject, e.Begins, e.Ends, e.Names = leaf.Subject.String(), c.begins(), c.ends(), namesOf(leaf)
	for _, d := range e.Shown {
		if !fits(leaf, d) {
			e.Unfit = append(e.Unfit, d)
		}
	}
	if kept.From == FromBuiltIn && kept.Name == nameOwn {
		for _, n := range k.wanted(s) {
			if leaf.VerifyHostname(n) != nil {
				e.Unfit = append(e.Unfit, n)
			}
		}
	}
	e.anchor(s, c, system)
	return e
}

// anchor follows the chain to where it ends.
func (e *Examined) anchor(s *state, c *Chain, system *x509.CertPool) {
	top := c.Certs[len(c.Certs)-1]
	_, root := s.named(nameRoot)
	switch {
	case root != nil && c.leadsTo(anchoredAt(root.Leaf())):
		e.Trust, e.Anchor, e.Complete = TrustBuiltIn, nameOf(root.Leaf()), true
	case c.leadsTo(system):
		e.Trust, e.Anchor, e.Complete = TrustPublic, issuerOf(top), true
	case len(c.Certs) == 1 && selfSigned(top):
		e.Trust, e.Anchor, e.Complete = TrustItself, nameOf(top), true
	case selfSigned(top):
		e.Trust, e.Anchor, e.Complete = TrustCompany, nameOf(top), c.leadsTo(anchoredAt(top))
	default:
		e.Trust, e.Anchor = TrustCompany, issuerOf(top)
		// Whether the issuer of a lone certificate is a root or stands below one,
		// nothing here can say, unless it was imported.
		e.Complete = len(c.Certs) > 1 && c.leadsTo(anchoredAt(top)) || s.imported(c)
	}
}

// imported reports whether a trusted authority, whatever it is trusted for, vouches
// for the chain.
func (s *state) imported(c *Chain) bool {
	return slices.ContainsFunc(s.trusted, func(t Trusted) bool {
		root, err := t.Cert()
		return err == nil && c.leadsTo(anchoredAt(root))
	})
}

func anchoredAt(c *x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(c)
	return p
}

// leadsTo reports whether clients that trust roots believe the chain, at a time when
// all of it is valid.
func (c *Chain) leadsTo(roots *x509.CertPool) bool {
	if roots == nil {
		return false
	}
	o := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool(), CurrentTime: c.begins(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	for _, x := range c.Certs[1:] {
		o.Intermediates.AddCert(x)
	}
	_, err := c.Leaf().Verify(o)
	return err == nil
}
