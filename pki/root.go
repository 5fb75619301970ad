package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// How long authorities live.
const (
	rootYears    = 10
	issuingYears = 5 // and never longer than its root
	// An authority is dated back so far that a node whose clock falls back a
	// year is still believed.
	authorityBack = 366 * 24 * time.Hour
)

// NewRoot makes the authority that people and machines trust: ECDSA P-256 with
// SHA-256, for ten years. name says whose it is, a host or an account.
//
// It has no name constraints, so that a new domain needs no new root: those are
// in what it makes with NewIssuing, and its path length leaves no more than that
// one step.
func NewRoot(name string, now time.Time) (*Chain, error) {
	c, t, err := newAuthorityKey("authority", name)
	if err != nil {
		return nil, fmt.Errorf("pki.NewRoot: %w", err)
	}
	t.NotBefore, t.NotAfter = now.Add(-authorityBack), now.AddDate(rootYears, 0, 0)
	t.MaxPathLen = 1
	self := &Chain{Certs: []*x509.Certificate{t}, Key: c.Key}
	cert, err := vouch(self, t, c.Key.Public(), now)
	if err != nil {
		return nil, fmt.Errorf("pki.NewRoot: %w", err)
	}
	c.Certs = []*x509.Certificate{cert}
	return c, nil
}

// NewIssuing makes what stands between a root and the servers. It may vouch for
// names, what is below them, and whatever exists only inside a house, and that by
// critical constraints (RFC 5280, section 4.2.1.10); for no mail, no program and
// no further authority. It lives five years, and never longer than its root.
//
// A name that cannot be constrained (no host name, or one that is everybody's, as
// "com") is left out: Covers tells which.
func NewIssuing(root *Chain, names []string, now time.Time) (*Chain, error) {
	c, t, err := newAuthorityKey("issuing", title(names))
	if err != nil {
		return nil, fmt.Errorf("pki.NewIssuing: %w", err)
	}
	t.NotBefore, t.NotAfter = now.Add(-authorityBack), now.AddDate(issuingYears, 0, 0)
	t.MaxPathLenZero = true
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	t.PermittedDNSDomainsCritical = true
	t.PermittedDNSDomains, t.PermittedIPRanges = constraints(names)
	cert, err := vouch(root, t, c.Key.Public(), now)
	if err != nil {
		return nil, fmt.Errorf("pki.NewIssuing: %w", err)
	}
	c.Certs = []*x509.Certificate{cert}
	return c, nil
}

// newAuthorityKey makes the key of an authority, and what the certificates of all
// of them have. The serial number in the name tells two authorities of one host
// apart: some clients look up issuers by name alone.
func newAuthorityKey(kind, name string) (*Chain, *x509.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, nil, err
	}
	return &Chain{Key: key}, &x509.Certificate{
		SerialNumber:          serial,
		Subject:               platen(fmt.Sprintf("Platen %s %s %x", kind, short(name), serial.Bytes()[:3])),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}, nil
}

func platen(commonName string) pkix.Name {
	return pkix.Name{Organization: []string{"Platen"}, CommonName: strings.Join(strings.Fields(commonName), " ")}
}

// short makes a name fit into a common name, which has room for 64 characters
// (RFC 5280, appendix A.1), beside the words around it.
func short(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) && r != unicode.ReplacementChar {
			return r
		}
		return ' '
	}, name)
	if r := []rune(name); len(r) > 38 {
		name = string(r[:38])
	}
	return strings.Join(strings.Fields(name), " ")
}
