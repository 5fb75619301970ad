package notify

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"platen/fault"
)

// How a mail server is encrypted.
const (
	StartTLS = "starttls" // from the STARTTLS command on, RFC 3207; the default, and required
	TLS      = "tls"      // from the first octet on, RFC 8314
	NoTLS    = "none"     // not at all; see Config.AllowNoTLS
)

// Config is how mail is sent. The password is not in it.
type Config struct {
	Host       string `json:"host"`         // name or address; its certificate must be for it
	Port       int    `json:"port"`         // 0 is 587, 465 with TLS, 25 without
	TLS        string `json:"tls"`          // StartTLS, TLS or NoTLS; "" is StartTLS
	AllowNoTLS bool   `json:"allow_no_tls"` // somebody has said that TLS "none" is meant
	User       string `json:"user"`         // "" does not sign in
	From       string `json:"from"`         // address of the sender
	FromName   string `json:"from_name"`    // what people see of it; may be empty
	CA         string `json:"ca"`           // PEM: the only authorities to trust; "" those of Mailer.Roots
	HELO       string `json:"helo"`         // what the node calls itself; "" its address, RFC 5321, section 4.1.4
}

// The longest of each.
const (
	maxName = 200       // octets of a name that people read
	maxCA   = 64 * 1024 // octets of PEM
)

var (
	host = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\.?$`)
	// address is a mailbox that every server takes without SMTPUTF8: no quotes, no
	// comments, no address literal. RFC 5321, section 4.1.2.
	address = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$")
)

// Check returns what is wrong with c, for the one who has typed it.
func (c Config) Check() error {
	const op = "notify.Check"
	wrong := func(text string) error { return &fault.Error{Op: op, Kind: fault.Invalid, Text: text} }
	switch {
	case !isHost(c.Host):
		return wrong("The name of the mail server is missing or wrong.")
	case c.Port < 0 || c.Port > 65535:
		return wrong("The port of the mail server is a number from 1 to 65535.")
	case c.mode() != StartTLS && c.mode() != TLS && c.mode() != NoTLS:
		return wrong("The encryption of the mail server is starttls, tls or none.")
	case c.mode() == NoTLS && !c.AllowNoTLS:
		return wrong("Mail without encryption has to be allowed first (--allow-no-tls yes).")
	case c.mode() == NoTLS && c.User != "" && !loopback(c.Host):
		return wrong("A password for mail is sent with encryption only.")
	case !isAddress(c.From):
		return wrong("The sender of mail is not an e-mail address.")
	case !isName(c.FromName) || !isName(c.User):
		return wrong("The name of the sender or the user is too long, or has characters that no name has.")
	case c.HELO != "" && !isHost(strings.Trim(strings.TrimPrefix(c.HELO, "[IPv6:"), "[]")):
		return wrong("What the node calls itself before the mail server is no name of a host.")
	}
	if _, err := c.authorities(); err != nil {
		return &fault.Error{Op: op, Kind: fault.Invalid, Text: "The authorities of the mail server are not certificates in PEM.", Err: err}
	}
	return nil
}

// SameServer reports whether c speaks to the same server as old, in the same
// way and as the same user. When it does not, the caller forgets the stored
// password and asks for it anew: who may change the server may not send the
// password to one of his own.
func (c Config) SameServer(old Config) bool {
	return strings.EqualFold(c.Host, old.Host) && c.port() == old.port() && c.mode() == old.mode() && c.CA == old.CA && c.User == old.User
}

func (c Config) mode() string {
	if c.TLS == "" {
		return StartTLS
	}
	return c.TLS
}

func (c Config) port() int {
	switch {
	case c.Port != 0:
		return c.Port
	case c.mode() == TLS:
		return 465
	case c.mode() == NoTLS:
		return 25
	}
	return 587
}

// authorities returns the configured ones, nil when there are none.
func (c Config) authorities() (*x509.CertPool, error) {
	if c.CA == "" {
		return nil, nil
	}
	if len(c.CA) > maxCA {
		return nil, errors.New("too long")
	}
	pool, rest := x509.NewCertPool(), []byte(c.CA)
	for len(strings.TrimSpace(string(rest))) > 0 {
		block, after := pem.Decode(rest)
		if block == nil || block.Type != "CERTIFICATE" { // a private key does not belong here
			return nil, errors.New("not a certificate in PEM")
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		pool.AddCert(cert)
		rest = after
	}
	return pool, nil
}

func isHost(s string) bool {
	return len(s) <= 253 && (host.MatchString(s) || net.ParseIP(s) != nil)
}

// isAddress reports whether mail can be sent to s: RFC 5321, section 4.5.3.1,
// says how long it may be.
func isAddress(s string) bool {
	return len(s) <= 254 && strings.IndexByte(s, '@') <= 64 && address.MatchString(s)
}

func isName(s string) bool {
	return len(s) <= maxName && utf8.ValidString(s) && !strings.ContainsFunc(s, unseen)
}

// unseen reports whether r is none that people see: a control character, or
// one that changes the direction of others.
func unseen(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }

// loopback reports whether host is this very computer by its spelling.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// domain returns what logs may show of an address.
func domain(address string) string {
	_, d, _ := strings.Cut(address, "@")
	return d
}
