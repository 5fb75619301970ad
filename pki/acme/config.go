package acme

import (
	"encoding/base64"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/idna"

	"platen/fault"
)

// maxNames is how many names Let's Encrypt takes in one certificate.
const maxNames = 100

// hostNames brings names to the form of the DNS, and refuses what cannot be in it.
var hostNames = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(true), idna.VerifyDNSLength(true))

// Config is what an administrator sets up. It holds no secret.
type Config struct {
	Directory string `json:"directory"`  // web address; "" LetsEncrypt
	Email     string `json:"email"`      // whom the server may write to; "" nobody
	Challenge string `json:"challenge"`  // ByHTTP or ByDNS; "" ByHTTP
	DNS       DNS    `json:"dns"`        // of ByDNS
	EABKeyID  string `json:"eab_key_id"` // external account binding, RFC 8555, section 7.3.4; "" none
	Agreed    bool   `json:"agreed"`     // to the server's terms
}

// DNS says where entries are made, RFC 2136, and with which key, RFC 8945.
type DNS struct {
	Server    string `json:"server"`    // host or host:port that takes updates
	Zone      string `json:"zone"`      // "" the server is asked
	KeyName   string `json:"key_name"`  // "" updates are not signed: the server goes by the address
	Algorithm string `json:"algorithm"` // one of Algorithms; "" the first
}

// Algorithms lists what an update can be signed with.
func Algorithms() []string { return []string{"hmac-sha256", "hmac-sha384", "hmac-sha512"} }

// Check returns what is wrong with the configuration, as an Invalid sentence for
// the administrator.
func (c *Client) Check() error {
	switch u, err := url.Parse(c.directory()); {
	case err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil:
		return invalid("The address of an ACME server begins with https.")
	case c.challenge() != ByHTTP && c.challenge() != ByDNS:
		return invalid("The challenge %s is not known: there are http-01 and dns-01.", c.Challenge)
	case c.challenge() == ByHTTP && c.HTTP01 == nil:
		return invalid("This node does not answer at port 80, which http-01 needs. Set acme = \":80\" under [listen] in its configuration and start it again, or use dns-01.")
	case c.EABKeyID != "" && !isBase64(c.EABKey, base64.RawURLEncoding):
		return invalid("The secret of the key %s (EAB) cannot be read: it is base64url.", c.EABKeyID)
	case c.challenge() == ByDNS:
		return c.checkDNS()
	}
	return nil
}

func (c *Client) checkDNS() error {
	switch {
	case c.DNS.Server == "":
		return invalid("The name server that takes entries in the DNS is missing.")
	case c.DNS.Algorithm != "" && !slices.Contains(Algorithms(), c.DNS.Algorithm):
		return invalid("Entries in the DNS cannot be signed with %s. There are hmac-sha256, hmac-sha384 and hmac-sha512.", c.DNS.Algorithm)
	case c.DNS.KeyName != "" && !isBase64(c.DNSSecret, base64.RawStdEncoding):
		return invalid("The secret of the key %s for entries in the DNS cannot be read: it is base64.", c.DNS.KeyName)
	}
	return nil
}

// isBase64 looks at a secret that may be padded or not.
func isBase64(s string, e *base64.Encoding) bool {
	b, err := e.DecodeString(strings.TrimRight(s, "="))
	return err == nil && len(b) > 0
}

func (c *Config) directory() string {
	if c.Directory == "" {
		return LetsEncrypt
	}
	return c.Directory
}

// server is what people call the server: its host.
func (c *Config) server() string {
	u, err := url.Parse(c.directory())
	if err != nil {
		return ""
	}
	return u.Host
}

func (c *Config) challenge() string {
	if c.Challenge == "" {
		return ByHTTP
	}
	return c.Challenge
}

// names returns names as they stand in a certificate, each once.
func (c *Config) names(raw []string) ([]string, error) {
	var names []string
	for _, r := range raw {
		n, err := c.name(r)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	switch {
	case len(names) == 0:
		return nil, invalid("A certificate needs at least one name.")
	case len(names) > maxNames:
		return nil, invalid("A certificate has at most %d names.", maxNames)
	}
	return names, nil
}

func (c *Config) name(raw string) (string, error) {
	n := strings.TrimSuffix(strings.TrimSpace(raw), ".")
	if _, err := netip.ParseAddr(strings.Trim(n, "[]")); err == nil {
		return "", invalid("An ACME server gives certificates for names, and %s is an address.", raw)
	}
	base, wild := strings.CutPrefix(n, "*.")
	ascii, err := hostNames.ToASCII(base)
	switch {
	case err != nil:
		return "", invalid("The name %s cannot stand in a certificate.", raw)
	case wild && c.challenge() != ByDNS:
		return "", invalid("The wildcard %s can only be proven by dns-01.", raw)
	case wild:
		return "*." + ascii, nil
	}
	return ascii, nil
}

func invalid(text string, args ...any) error {
	return &fault.Error{Op: "acme.config", Kind: fault.Invalid, Text: text, Args: args}
}
