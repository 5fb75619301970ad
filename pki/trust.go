package pki

import (
	"crypto/x509"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"platen/fault"
)

// purposes are those of Trusted, in the order of a list, and what each is.
var purposes = []struct{ word, text string }{
	{ForDirectory, "Directory servers, over LDAPS or StartTLS."},
	{ForMail, "Mail servers, over SMTP."},
	{ForSignIn, "Sign-in services (OpenID Connect) and Microsoft Graph."},
	{ForDevices, "Devices that are printed to over IPPS."},
	{ForPrimary, "The primary of this node."},
	{ForStorage, "Storage for documents (S3)."},
	{ForACME, "An ACME server of the house."},
	{ForPeople, "Certificates with which people sign in."},
}

// Purposes returns all purposes for which an authority can be trusted.
func Purposes() []string {
	var list []string
	for _, p := range purposes {
		list = append(list, p.word)
	}
	return list
}

// PurposeText returns the English sentence that says what a purpose is, "" for
// one that does not exist.
func PurposeText(purpose string) string {
	for _, p := range purposes {
		if p.word == purpose {
			return p.text
		}
	}
	return ""
}

// maxTrustedName is the longest name of a trusted authority, in characters.
const maxTrustedName = 100

// NewTrusted makes a certificate one that is trusted for some purposes. With no
// name it is called what its subject is. It has no ID and no time of creation:
// whoever keeps it gives it these.
//
// A certificate that vouches for others is trusted for all that it vouches for.
// One that vouches for itself alone, as devices make them, is trusted as that
// device; Trusted.Describe says so. Any other is refused as Invalid: it would
// never be found at the end of a chain. For people only authorities count: the
// certificate of a person in that place would prove itself.
func NewTrusted(name string, cert *x509.Certificate, purposes []string) (Trusted, error) {
	if name = strings.TrimSpace(name); name == "" {
		name = cut(nameOf(cert), maxTrustedName)
	}
	if !utf8.ValidString(name) || utf8.RuneCountInString(name) > maxTrustedName || strings.ContainsFunc(name, unprintable) {
		return Trusted{}, untrusted("The name of a trusted certificate has at most %d characters, all of them visible.", maxTrustedName)
	}
	list, err := checkPurposes(purposes)
	if err != nil {
		return Trusted{}, err
	}
	if !vouches(cert) && !selfSigned(cert) {
		return Trusted{}, untrusted("The certificate of “%s” is not one of an authority, and so nothing can be trusted because of it. Import the certificate of its issuer “%s” instead.",
			nameOf(cert), issuerOf(cert))
	}
	if slices.Contains(list, ForPeople) && !(vouches(cert) && cert.IsCA) {
		return Trusted{}, untrusted("The certificate of “%s” is not one of an authority, so it cannot say who people are.", nameOf(cert))
	}
	return Trusted{Name: name, Purposes: list, DER: cert.Raw}, nil
}

func untrusted(text string, args ...any) error {
	return &fault.Error{Op: "pki.NewTrusted", Kind: fault.Invalid, Text: text, Args: args}
}

// checkPurposes returns them in the order of Purposes, each once.
func checkPurposes(given []string) ([]string, error) {
	if len(given) == 0 {
		return nil, untrusted("Say what the certificate is trusted for: %s.", strings.Join(Purposes(), ", "))
	}
	for _, p := range given {
		if PurposeText(p) == "" {
			return nil, untrusted("There is no purpose “%s”. A certificate can be trusted for: %s.", printable(p), strings.Join(Purposes(), ", "))
		}
	}
	return slices.DeleteFunc(Purposes(), func(p string) bool { return !slices.Contains(given, p) }), nil
}

// For reports whether it is trusted for a purpose.
func (t Trusted) For(purpose string) bool { return slices.Contains(t.Purposes, purpose) }

// Cert returns the certificate.
func (t Trusted) Cert() (*x509.Certificate, error) {
	c, err := x509.ParseCertificate(t.DER)
	if err != nil {
		return nil, &fault.Error{Op: "pki.Trusted", Kind: fault.Internal, Text: "The certificate “%s” is damaged. Remove it and import it again.", Args: []any{t.Name}, Err: err}
	}
	return c, nil
}

// Pool returns what is trusted for a purpose, and with system what the system
// trusts too. What cannot be read is not trusted. Where the system has no list
// of authorities, its part is empty, not everything.
func Pool(list []Trusted, purpose string, system bool) *x509.CertPool {
	pool := x509.NewCertPool()
	if system {
		if p, err := x509.SystemCertPool(); err == nil {
			pool = p
		}
	}
	for _, t := range list {
		if !t.For(purpose) {
			continue
		}
		if c, err := t.Cert(); err == nil {
			pool.AddCert(c)
		}
	}
	return pool
}

// withSystem reports whether the authorities of the system count for a purpose
// beside those of the account. Any of them vouches for every name in the world:
// enough for a server that everybody reaches by its public name, too much where
// a name means a person or stands for a device in the house.
func withSystem(purpose string) bool { return purpose != ForDevices && purpose != ForPeople }

// Roots returns the authorities that count for a purpose: those of list, and those
// of the system, except for devices and people.
func Roots(list []Trusted, purpose string) *x509.CertPool {
	return Pool(list, purpose, withSystem(purpose))
}

// vouches reports whether crypto/x509 takes a certificate for one of an issuer
// (RFC 5280, sections 4.2.1.3 and 4.2.1.9). Those before version 3 do not say;
// as one that is trusted, each of them is.
func vouches(c *x509.Certificate) bool {
	if c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0 {
		return false
	}
	return c.BasicConstraintsValid && c.IsCA || c.Version < 3 && selfSigned(c)
}

func unprintable(r rune) bool { return !unicode.IsGraphic(r) }

func cut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
