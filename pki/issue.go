package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"platen/fault"
)

// How long certificates live that an authority here issues.
const (
	issuedBack = 24 * time.Hour                 // for clients whose clock is behind
	issuedLife = 397*24*time.Hour - time.Minute // from NotBefore; Apple takes 398 days and advises 397
)

// inHouse are the names that never exist outside of a house (RFC 6761, RFC
// 6762, RFC 8375, and the habits of routers), and so may always be vouched for.
var inHouse = []string{"localhost", "local", "lan", "internal", "intranet", "home.arpa", "test"}

// private are the addresses that never exist outside of a house.
var private = []netip.Prefix{
	netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("fe80::/10"),
}

// Issue makes a key and a certificate for a server with these names: ECDSA P-256,
// for 397 days (browsers take 398). The chain is what the server shows, without the root.
// Names that issuing may not vouch for are Denied; Covers sorts them out first.
func Issue(issuing *Chain, names []string, now time.Time) (*Chain, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("pki.Issue: %w", err)
	}
	return issue(issuing, names, now, key, x509.KeyUsageDigitalSignature)
}

// IssueRSA is Issue with RSA 2048, for a listener that serves old devices, some of
// which know no other key exchange than encryption to the server's key.
func IssueRSA(issuing *Chain, names []string, now time.Time) (*Chain, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("pki.IssueRSA: %w", err)
	}
	return issue(issuing, names, now, key, x509.KeyUsageDigitalSignature|x509.KeyUsageKeyEncipherment)
}

func issue(issuing *Chain, names []string, now time.Time, key crypto.Signer, usage x509.KeyUsage) (*Chain, error) {
	if err := may(issuing, names); err != nil {
		return nil, err
	}
	cert, err := vouch(issuing, server(names, usage), key.Public(), now)
	if err != nil {
		return nil, fmt.Errorf("pki.Issue: %w", err)
	}
	return &Chain{Certs: shown(cert, issuing), Key: key}, nil
}

// may says which of names are not for this authority.
func may(issuing *Chain, names []string) error {
	const op = "pki.Issue"
	_, left := Covers(issuing, names)
	if len(left) > 0 {
		return &fault.Error{Op: op, Kind: fault.Denied, Text: "The certificate authority may not vouch for this: %s.", Args: []any{spoken(left)}}
	}
	if len(names) == 0 {
		return &fault.Error{Op: op, Kind: fault.Invalid, Text: "A certificate needs at least one name."}
	}
	return nil
}

// server is the certificate of a server: its names in their normal form and order,
// and nothing else that it could be used for.
func server(names []string, usage x509.KeyUsage) *x509.Certificate {
	t := &x509.Certificate{
		Subject:               pkix.Name{CommonName: commonName(names)},
		KeyUsage:              usage,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	for _, raw := range names {
		switch n, addr, _ := normal(raw); {
		case addr.IsValid():
			t.IPAddresses = append(t.IPAddresses, addr.AsSlice())
		default:
			t.DNSNames = append(t.DNSNames, n)
		}
	}
	slices.Sort(t.DNSNames)
	t.DNSNames = slices.Compact(t.DNSNames)
	slices.SortFunc(t.IPAddresses, func(a, b net.IP) int { return strings.Compare(a.String(), b.String()) })
	t.IPAddresses = slices.CompactFunc(t.IPAddresses, net.IP.Equal)
	return t
}

// documentSigning is the extended key usage of what is signed for others to read
// (RFC 9336).
var documentSigning = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 36}

// IssueSigning makes a key and a certificate for the signing of an account's
// tokens: no names, no server, 397 days.
//
// It comes straight from the root. What stands between root and servers is there
// for their names, and its extended key usage is theirs alone: a signing chain
// below it would be good for nothing (RFC 5280 leaves it open, Windows and Go do
// not). An issuing chain is Invalid here.
func IssueSigning(root *Chain, account string, now time.Time) (*Chain, error) {
	const op = "pki.IssueSigning"
	if len(root.Leaf().ExtKeyUsage) > 0 {
		return nil, &fault.Error{Op: op, Kind: fault.Invalid, Err: fmt.Errorf("%s may only vouch for servers", root.Leaf().Subject)}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	serial, err := newSerial()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	cert, err := vouch(root, &x509.Certificate{
		SerialNumber:          serial,
		Subject:               platen(fmt.Sprintf("Platen tokens %s %x", short(account), serial.Bytes()[:3])),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		UnknownExtKeyUsage:    []asn1.ObjectIdentifier{documentSigning},
		BasicConstraintsValid: true,
	}, key.Public(), now)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	return &Chain{Certs: shown(cert, root), Key: key}, nil
}

// shown is what a server shows of a chain: the root is left out, because who does
// not have it does not believe it.
func shown(cert *x509.Certificate, issuer *Chain) []*x509.Certificate {
	list := []*x509.Certificate{cert}
	for _, c := range issuer.Certs {
		if !slices.Equal(c.RawSubject, c.RawIssuer) {
			list = append(list, c)
		}
	}
	return list
}

// vouch signs t for a key. It fills in what all certificates have: a serial number
// that nobody can guess, the identifiers of both keys, and for what is no authority
// its life; and it keeps that life within the issuer's, because a certificate that
// outlives its issuer confuses clients.
func vouch(issuer *Chain, t *x509.Certificate, pub crypto.PublicKey, now time.Time) (*x509.Certificate, error) {
	by := issuer.Leaf()
	if now.Before(by.NotBefore) || !now.Before(by.NotAfter) {
		return nil, &fault.Error{
			Op: "pki.vouch", Kind: fault.Conflict, Text: "The certificate authority is good from %s to %s, and it is %s here. Set the clock, or make a new authority.",
			Args: []any{by.NotBefore.Format(time.DateOnly), by.NotAfter.Format(time.DateOnly), now.Format(time.DateOnly)},
		}
	}
	var err error
	if t.SerialNumber == nil {
		if t.SerialNumber, err = newSerial(); err != nil {
			return nil, err
		}
	}
	if t.SubjectKeyId, err = keyID(pub); err != nil {
		return nil, err
	}
	if !t.IsCA {
		t.NotBefore = now.Add(-issuedBack)
		t.NotAfter = t.NotBefore.Add(issuedLife)
	}
	if t.NotBefore.Before(by.NotBefore) {
		t.NotBefore = by.NotBefore
	}
	if t.NotAfter.After(by.NotAfter) {
		t.NotAfter = by.NotAfter
	}
	der, err := x509.CreateCertificate(rand.Reader, t, by, pub, issuer.Key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// keyID identifies a key by the first 160 bits of the SHA-256 of its octets (RFC
// 7093, section 2, method 1).
func keyID(pub crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, err
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(info.Key.RightAlign())
	return sum[:20], nil
}

// newSerial returns a positive serial number of 126 random bits (RFC 5280,
// section 4.1.2.2; 64 is the least that is asked for).
func newSerial() (*big.Int, error) {
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		return nil, err
	}
	b[0] = b[0]&0x7f | 0x40 // positive, and always of 16 octets
	return new(big.Int).SetBytes(b), nil
}

// constraints returns what an authority with these names may vouch for.
func constraints(names []string) (dns []string, ips []*net.IPNet) {
	dns = slices.Clone(inHouse)
	for _, p := range private {
		ips = append(ips, ipNet(p))
	}
	for _, n := range names {
		n, addr, ok := normal(n)
		switch {
		case !ok:
		case !addr.IsValid():
			if !within(dns, n) && !everybodys(n) {
				dns = append(dns, n)
			}
		case !slices.ContainsFunc(private, func(p netip.Prefix) bool { return p.Contains(addr) }):
			ips = append(ips, ipNet(netip.PrefixFrom(addr, addr.BitLen())))
		}
	}
	return dns, ips
}

// everybodys reports whether strangers have names below this one, as below "com"
// and "co.uk". A machine may be called "dev"; its authority must not be good for
// half the world because of that.
func everybodys(name string) bool {
	if _, err := netip.ParseAddr(name); err == nil {
		return false
	}
	suffix, registry := publicsuffix.PublicSuffix(name)
	return suffix == name && (registry || strings.Contains(suffix, "."))
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// Covers returns the names that issuing may vouch for, in their normal form and
// order, and those that it may not: they need a new issuing chain, not a new root.
func Covers(issuing *Chain, names []string) (covered, left []string) {
	return split(issuing.Leaf(), names)
}

func split(ca *x509.Certificate, names []string) (covered, left []string) {
	for _, raw := range names {
		n, addr, ok := normal(raw)
		switch {
		case !ok:
			left = append(left, raw)
		case addr.IsValid() && !slices.ContainsFunc(ca.PermittedIPRanges, func(p *net.IPNet) bool { return p.Contains(addr.AsSlice()) }),
			!addr.IsValid() && !within(ca.PermittedDNSDomains, n):
			left = append(left, n)
		case !slices.Contains(covered, n):
			covered = append(covered, n)
		}
	}
	slices.SortFunc(covered, compareNames)
	return covered, left
}

// commonName is the name that people see first in a certificate: of its host names
// the first that means more than this machine alone, or localhost. One that has no
// room (RFC 5280, appendix A.1) is not it, and no address is: GnuTLS takes the common
// name for a host name where there is no other, and then the constraints are against
// it. A certificate without one is as good, and its names are critical.
func commonName(names []string) string {
	local := ""
	for _, raw := range names {
		n, addr, _ := normal(raw)
		switch {
		case addr.IsValid() || len(n) > 64:
		case n != "localhost":
			return n
		default:
			local = n
		}
	}
	return local
}
