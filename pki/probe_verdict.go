package pki

import (
	"bytes"
	"crypto/x509"
	"errors"
	"slices"
	"time"
)

// judge writes into the report what is to be thought of a chain: each thing that
// is wrong with it, not only the first.
func (p *probe) judge(s seen) {
	for _, c := range s.chain[:min(len(s.chain), maxShown)] {
		p.report.Chain = append(p.report.Chain, DescribeCert(c, p.now))
	}
	chain, err := p.anchored(s.chain)
	if err != nil {
		p.untrusted(s.chain, err)
		chain = climb(s.chain)
	} else {
		p.report.Anchor = p.anchor(chain[len(chain)-1])
	}
	p.times(chain)
	p.name(s.chain[0])
	for _, c := range chain {
		if weakKey(c) {
			p.report.Findings = append(p.report.Findings, tooShort(c))
		}
	}
	p.asked(s)
	refused := func(f Finding) bool { return f.Refuse }
	if s.err != nil && !slices.ContainsFunc(p.report.Findings, refused) {
		p.add("handshake", true, "The server broke the connection off, although nothing is wrong with its certificates.")
	}
	p.report.Good = !slices.ContainsFunc(p.report.Findings, refused)
}

// asked tells of a server that wants to know who connects.
func (p *probe) asked(s seen) {
	switch {
	case !s.asked:
	case s.err != nil:
		p.add("client-certificate", true, "The server wants a certificate of this node, and ends the connection without one.")
	default:
		p.add("client-certificate", false, "The server asks for a certificate of this node, and there is none to show. It may end a connection because of that.")
	}
}

// anchored returns the chain from the leaf to what is trusted, whatever its
// names and times are. Of several it prefers one that the account trusts itself.
func (p *probe) anchored(shown []*x509.Certificate) ([]*x509.Certificate, error) {
	chains, err := follow(shown, p.pool, p.now)
	if err != nil {
		return nil, err
	}
	for _, chain := range chains {
		if a := p.anchor(chain[len(chain)-1]); !a.System {
			return chain, nil
		}
	}
	return chains[0], nil
}

// follow returns the chains that lead to roots now, or else at another moment:
// whether something is trusted and whether it is valid now are two questions.
func follow(shown []*x509.Certificate, roots *x509.CertPool, now time.Time) (chains [][]*x509.Certificate, err error) {
	for _, at := range moments(now, shown) {
		chains, e := verify(shown, roots, at)
		if e == nil {
			return chains, nil
		}
		if err == nil || isTime(err) { // which says nothing about trust
			err = e
		}
	}
	return nil, err
}

// moments are when a chain may be valid: now, or when its last begins, or when
// its first ends.
func moments(now time.Time, shown []*x509.Certificate) []time.Time {
	path := climb(shown)
	from, until := path[0].NotBefore, path[0].NotAfter
	for _, c := range path {
		if c.NotBefore.After(from) {
			from = c.NotBefore
		}
		if c.NotAfter.Before(until) {
			until = c.NotAfter
		}
	}
	return []time.Time{now, from, until}
}

func verify(shown []*x509.Certificate, roots *x509.CertPool, at time.Time) ([][]*x509.Certificate, error) {
	o := x509.VerifyOptions{Roots: roots, CurrentTime: at, Intermediates: x509.NewCertPool()}
	for _, c := range shown[1:] {
		o.Intermediates.AddCert(c)
	}
	return shown[0].Verify(o)
}

func isTime(err error) bool {
	var invalid x509.CertificateInvalidError
	return errors.As(err, &invalid) && invalid.Reason == x509.Expired
}

// climb returns the path from the leaf upwards as far as what was shown goes.
func climb(shown []*x509.Certificate) []*x509.Certificate {
	path := []*x509.Certificate{shown[0]}
	for len(path) < maxShown {
		top := path[len(path)-1]
		if selfSigned(top) {
			break
		}
		i := slices.IndexFunc(shown, func(c *x509.Certificate) bool {
			return bytes.Equal(c.RawSubject, top.RawIssuer) && !slices.Contains(path, c) && signedBy(top, c)
		})
		if i < 0 {
			break
		}
		path = append(path, shown[i])
	}
	return path
}

// anchor names what is trusted.
func (p *probe) anchor(c *x509.Certificate) *Anchor {
	a := &Anchor{System: true, Certificate: DescribeCert(c, p.now)}
	for _, t := range p.o.Trusted {
		if t.For(p.o.Purpose) && bytes.Equal(t.DER, c.Raw) {
			a.Name, a.System = t.Name, false
			break
		}
	}
	return a
}

// untrusted says why a chain leads to nothing that is trusted, and what to do.
func (p *probe) untrusted(shown []*x509.Certificate, err error) {
	path := climb(shown)
	top := path[len(path)-1]
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &invalid):
		p.invalid(invalid)
		return
	case p.forAnother(shown), p.notAuthority(path), p.forged(path), p.otherKey(top):
		return
	}
	switch {
	case !selfSigned(top):
		p.add("chain-missing", true, "The server does not send the certificate of its issuer “%s”, and it is not trusted here. Let the server send its whole chain, or import that certificate (platen cert trust import FILE --for %s).",
			issuerOf(top), p.o.Purpose)
	case len(path) == 1:
		p.add("self-signed", true, "The server shows a certificate that it has made itself. Compare its fingerprint with what the server says, then import it (platen cert trust import FILE --for %s).", p.o.Purpose)
	default:
		p.add("authority-unknown", true, "The chain of the server ends at “%s”, which is not trusted here. Compare the fingerprint with what its owner says, then import it (platen cert trust import FILE --for %s).",
			nameOf(top), p.o.Purpose)
	}
}

// invalid says what a certificate may not do that was to do it.
func (p *probe) invalid(err x509.CertificateInvalidError) {
	who := nameOf(err.Cert)
	switch err.Reason {
	case x509.IncompatibleUsage:
		p.add("eku", true, "The certificate of “%s” was not made for a server. Have one issued for server authentication.", who)
	case x509.CANotAuthorizedForThisName, x509.TooManyConstraints, x509.UnconstrainedName:
		p.add("constraint", true, "An authority above “%s” may not vouch for the names of this certificate. Ask whoever has issued it.", who)
	case x509.Expired: // that is said elsewhere
		p.add("never-valid", true, "The certificates of the chain of “%s” are never valid at the same time. Have them issued again.", who)
	default: // a chain that is longer than one of its authorities allows
		p.mayNot(err.Cert)
	}
}

// forAnother looks whether the chain is trusted, but not for this.
func (p *probe) forAnother(shown []*x509.Certificate) bool {
	for _, t := range p.o.Trusted {
		if t.For(p.o.Purpose) || len(t.Purposes) == 0 {
			continue
		}
		if _, err := follow(shown, Pool([]Trusted{t}, t.Purposes[0], false), p.now); err == nil {
			p.add("other-purpose", true, "The certificate “%s” is trusted here, but not for this. If it is to be, import it for this too (platen cert trust import FILE --for %s).", t.Name, p.o.Purpose)
			return true
		}
	}
	return false
}

// otherKey looks whether what is trusted has the name of the last issuer, and
// not its key.
func (p *probe) otherKey(top *x509.Certificate) bool {
	for _, t := range p.o.Trusted {
		c, err := t.Cert()
		if err != nil || !t.For(p.o.Purpose) || !bytes.Equal(c.RawSubject, top.RawIssuer) || signedBy(top, c) {
			continue
		}
		p.add("other-key", true, "The issuer of the server's certificate is called as “%s”, which is trusted here, but has another key. If the authority has a new one, import its new certificate (platen cert trust import FILE --for %s); otherwise somebody may pretend to be the server.",
			t.Name, p.o.Purpose)
		return true
	}
	return false
}

// notAuthority looks for a certificate in the path that may not vouch for the
// one below it.
func (p *probe) notAuthority(path []*x509.Certificate) bool {
	i := slices.IndexFunc(path[1:], func(c *x509.Certificate) bool { return !vouches(c) })
	if i >= 0 {
		p.mayNot(path[i])
	}
	return i >= 0
}

func (p *probe) mayNot(c *x509.Certificate) {
	p.add("issuer-ca", true, "The chain of “%s” has a certificate in it that may not vouch for others. Ask whoever has issued it.", nameOf(c))
}

// forged looks whether the path cannot be followed because of how something in
// it was signed.
func (p *probe) forged(path []*x509.Certificate) bool {
	i := slices.IndexFunc(path, func(c *x509.Certificate) bool { return weakSignature(c) && !selfSigned(c) })
	if i >= 0 {
		p.add("signature", true, "The certificate of “%s” is signed with %s, which is not accepted. Have a new one issued, with SHA-256.", nameOf(path[i]), path[i].SignatureAlgorithm.String())
	}
	return i >= 0
}

// times says which of a chain are not valid now, and counts the days of it. It
// cannot know whether the clock is right, and says what it shows.
func (p *probe) times(chain []*x509.Certificate) {
	clock := p.now.UTC().Format("2006-01-02 15:04 UTC")
	until := chain[0].NotAfter
	for _, c := range chain {
		if c.NotAfter.Before(until) {
			until = c.NotAfter
		}
		who := nameOf(c)
		switch {
		case p.now.Before(c.NotBefore):
			p.add("not-yet", true, "The certificate of “%s” is not valid before %s, and the clock of this machine says %s. Set it if it is wrong; otherwise check the clock of whoever has issued it.", who, onDay(c.NotBefore), clock)
		case p.now.After(c.NotAfter):
			p.add("ended", true, "The certificate of “%s” ended on %s, and the clock of this machine says %s. Renew it; or set the clock if it is wrong.", who, onDay(c.NotAfter), clock)
		case c.NotAfter.Sub(p.now) < endsSoon:
			p.report.Findings = append(p.report.Findings, nearEnd(c))
		}
	}
	p.report.Days = days(until.Sub(p.now))
}

// days counts whole ones; what is over by an hour is over by a day.
func days(d time.Duration) int {
	const whole = 24 * time.Hour
	n := int(d / whole)
	if d < 0 && d%whole != 0 {
		n--
	}
	return n
}

// name says whether the certificate is the one of the server that was meant, and
// if not, of which it is.
func (p *probe) name(leaf *x509.Certificate) {
	if leaf.VerifyHostname(p.o.ServerName) == nil {
		return
	}
	names := shownNames(leaf)
	switch {
	case len(names) == 0 && leaf.Subject.CommonName != "":
		p.add("name", true, "The certificate names “%s” in its common name only, which no longer counts. Have one issued that has %s as an alternative name.", nameOf(leaf), p.o.ServerName)
	case len(names) == 0:
		p.add("name", true, "The certificate has no names. Have one issued that has %s as an alternative name.", p.o.ServerName)
	default:
		p.add("name", true, "The certificate is not for %s. It is for: %s. Use one of these names, or have one issued that has this one too.", p.o.ServerName, spoken(names))
	}
}
