package directory

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"platen/fault"
)

// Names in a certificate of a person.
const (
	CertUPN   = "upn"     // user principal name, an otherName of SAN
	CertEmail = "email"   // e-mail address in SAN
	CertCN    = "cn"      // common name of the subject
	CertDNS   = "san-dns" // DNS name in SAN: of a computer that one person has
)

// CertNames are the names that count unless somebody says otherwise, the first
// that a certificate has. The common name is the last: in many houses it is a
// name for people to read.
var CertNames = []string{CertUPN, CertEmail, CertCN}

// AllCertNames are all names that may count.
var AllCertNames = []string{CertUPN, CertEmail, CertCN, CertDNS}

// Certificates say what the certificates of people prove.
type Certificates struct {
	Roots *x509.CertPool // authorities whose certificates name people
	Names []string       // which name counts, the first that a certificate has; nil: CertNames
}

// longestChain is how many certificates a client may show along with its own.
const longestChain = 8

// Holder returns what the certificate that stands first in a chain calls its
// holder. TLS has proven that the client has its key. fault.Denied when it is not
// good for that: of another authority, not valid now, not made for clients, without
// a name.
func (c *Certificates) Holder(chain []*x509.Certificate, now time.Time) (string, error) {
	if len(chain) == 0 || len(chain) > longestChain {
		return "", noProof(fmt.Errorf("a chain of %d certificates", len(chain)))
	}
	leaf := *chain[0]
	// Verify takes a certificate that says nothing of its use for one of all uses.
	if !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth) {
		return "", noProof(errors.New("it is not made for clients (clientAuth)"))
	}
	names := nameSources(&leaf)
	if len(names[CertUPN]) > 0 { // SAN is critical where the subject is empty, and Verify knows no otherName
		leaf.UnhandledCriticalExtensions = slices.DeleteFunc(slices.Clone(leaf.UnhandledCriticalExtensions), oidSAN.Equal)
	}
	between := x509.NewCertPool()
	for _, x := range chain[1:] {
		between.AddCert(x)
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: c.Roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		return "", noProof(err)
	}
	kinds := c.Names
	if len(kinds) == 0 {
		kinds = CertNames
	}
	for _, kind := range kinds {
		if list := names[kind]; len(list) > 0 {
			return list[0], nil
		}
	}
	return "", noProof(fmt.Errorf("it has no name of the kinds %s", strings.Join(kinds, ", ")))
}

// noProof is for the log: whoever prints is asked for another proof, or for none.
func noProof(err error) error {
	return &fault.Error{Op: "directory.Holder", Kind: fault.Denied, Err: err}
}

// nameSources returns the names in a certificate, by their kind.
func nameSources(c *x509.Certificate) map[string][]string {
	names := map[string][]string{CertEmail: c.EmailAddresses, CertCN: {c.Subject.CommonName}, CertDNS: c.DNSNames}
	for i := range c.Extensions {
		if c.Extensions[i].Id.Equal(oidSAN) {
			names[CertUPN] = principalNames(c.Extensions[i].Value)
		}
	}
	for kind, list := range names {
		names[kind] = slices.DeleteFunc(slices.Clone(list), func(n string) bool { return !speakable(n) })
	}
	return names
}

var (
	oidSAN = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidUPN = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 20, 2, 3}
)

// principalNames reads the user principal names of a SubjectAltName (RFC 5280,
// section 4.2.1.6): otherName [0] { type-id, value [0] EXPLICIT UTF8String }. What
// cannot be read has none.
func principalNames(san []byte) (list []string) {
	var seq asn1.RawValue
	if rest, err := asn1.Unmarshal(san, &seq); err != nil || len(rest) > 0 || seq.Class != asn1.ClassUniversal || seq.Tag != asn1.TagSequence {
		return nil
	}
	for rest := seq.Bytes; len(rest) > 0; {
		var name asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &name); err != nil {
			return nil
		}
		if upn := principalName(&name); upn != "" {
			list = append(list, upn)
		}
	}
	return list
}

// principalName reads one otherName, "" when it is something else.
func principalName(name *asn1.RawValue) string {
	if name.Class != asn1.ClassContextSpecific || name.Tag != 0 || !name.IsCompound {
		return ""
	}
	var id asn1.ObjectIdentifier
	rest, err := asn1.Unmarshal(name.Bytes, &id)
	if err != nil || !id.Equal(oidUPN) {
		return ""
	}
	var explicit, text asn1.RawValue
	if rest, err = asn1.Unmarshal(rest, &explicit); err != nil || len(rest) > 0 || explicit.Class != asn1.ClassContextSpecific || explicit.Tag != 0 {
		return ""
	}
	if rest, err = asn1.Unmarshal(explicit.Bytes, &text); err != nil || len(rest) > 0 || text.Class != asn1.ClassUniversal || text.Tag != asn1.TagUTF8String || text.IsCompound {
		return ""
	}
	return string(text.Bytes)
}

// speakable reports whether a text can be somebody's name: an authority may sign
// what it was asked to.
func speakable(name string) bool {
	return name != "" && len(name) <= longestName && utf8.ValidString(name) && !strings.ContainsFunc(name, unicode.IsControl)
}
