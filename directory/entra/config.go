package entra

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"platen/fault"
)

// The public cloud. National clouds have addresses of their own.
const (
	PublicAuthority = "https://login.microsoftonline.com"
	PublicGraph     = "https://graph.microsoft.com"
)

// Where the login comes from. LoginPrefix is what stands before the @ of the
// userPrincipalName.
const (
	LoginPrefix   = "prefix"
	LoginUPN      = "userPrincipalName"
	LoginSAM      = "onPremisesSamAccountName"
	LoginNickname = "mailNickname"
)

// What a configuration may name at most.
const (
	maxAttributes = 20
	maxGroups     = 50
)

// Config says which tenant is read and what becomes of its attributes. There is
// no secret in it.
type Config struct {
	Tenant string `json:"tenant"` // id or domain name
	Client string `json:"client"` // application id of the registration

	// Certificate is the public part, PEM. With it the secret is its private key;
	// without it the secret is a client secret.
	Certificate string `json:"certificate,omitempty"`

	Authority string `json:"authority,omitempty"` // "" is PublicAuthority
	Graph     string `json:"graph,omitempty"`     // "" is PublicGraph
	Loopback  bool   `json:"loopback,omitempty"`  // http is allowed, to loopback addresses only; for tests

	Login   string   `json:"login,omitempty"`   // "" is LoginPrefix
	Aliases []string `json:"aliases,omitempty"` // attributes with other names that clients write
	Cards   []string `json:"cards,omitempty"`   // attributes with card numbers
	PIN     string   `json:"pin,omitempty"`     // attribute with the PIN; "" none

	Groups []string `json:"groups,omitempty"` // object ids: only who is in one of them, or in a group in it
	Guests bool     `json:"guests"`           // people with the userType Guest as well
}

var (
	tenantName = regexp.MustCompile(`^[0-9A-Za-z]([0-9A-Za-z.-]{0,252}[0-9A-Za-z])?$`)
	objectID   = regexp.MustCompile(`^[0-9A-Za-z_-]{1,128}$`)
	extension  = regexp.MustCompile(`^(onPremisesExtensionAttributes\.extensionAttribute([1-9]|1[0-5])|extension_[0-9A-Fa-f]{32}_[0-9A-Za-z_]{1,128})$`)
)

// plain lists the attributes of a user that may hold a name, a card or a PIN.
var plain = []string{
	"employeeId", "faxNumber", "mail", "mailNickname", "mobilePhone", "onPremisesImmutableId",
	"onPremisesSamAccountName", "onPremisesUserPrincipalName", "userPrincipalName",
}

// Check says what is wrong with a configuration.
func (c *Config) Check() error {
	if !tenantName.MatchString(c.Tenant) {
		return invalid("The tenant is its id, or one of its domain names.")
	}
	if !objectID.MatchString(c.Client) {
		return invalid("The client id is the application id that the registration in Microsoft Entra ID shows.")
	}
	for _, address := range []string{c.authority(), c.graph()} {
		if !c.usable(address) {
			return invalid("The address %s cannot be used: it is https://, a host name, and nothing after it.", address)
		}
	}
	if c.Certificate != "" {
		if _, err := c.certificate(); err != nil {
			return err
		}
	}
	return c.checkPeople()
}

func (c *Config) checkPeople() error {
	if !slices.Contains([]string{"", LoginPrefix, LoginUPN, LoginSAM, LoginNickname}, c.Login) {
		return invalid("The login comes from userPrincipalName, what stands before its @, onPremisesSamAccountName or mailNickname, not from %s.", c.Login)
	}
	named := slices.Concat(c.Aliases, c.Cards)
	if c.PIN != "" {
		named = append(named, c.PIN)
	}
	if len(named) > maxAttributes || len(c.Groups) > maxGroups {
		return invalid("At most %d attributes and %d groups can be named.", maxAttributes, maxGroups)
	}
	for _, name := range named {
		if !slices.Contains(plain, name) && !extension.MatchString(name) {
			return invalid("There is no attribute %s for this. There are employeeId, onPremisesExtensionAttributes.extensionAttribute1 to 15, and directory extensions with their whole name.", name)
		}
	}
	for _, id := range c.Groups {
		if !objectID.MatchString(id) {
			return invalid("A group is named by its object id, not by %s.", id)
		}
	}
	return nil
}

// SameServer says whether a secret that was entered for old goes to the same
// place with c. When it does not, the caller clears the secret (A47).
func (c *Config) SameServer(old *Config) bool {
	return strings.EqualFold(c.Tenant, old.Tenant) && strings.EqualFold(c.Client, old.Client) &&
		strings.EqualFold(c.authority(), old.authority()) && strings.EqualFold(c.graph(), old.graph())
}

func (c *Config) authority() string {
	return orElse(strings.TrimRight(c.Authority, "/"), PublicAuthority)
}
func (c *Config) graph() string { return orElse(strings.TrimRight(c.Graph, "/"), PublicGraph) }

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// usable says whether a token may be sent to address.
func (c *Config) usable(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return false
	}
	if u.Scheme == "https" {
		return true
	}
	ip := net.ParseIP(u.Hostname())
	return c.Loopback && u.Scheme == "http" && ip != nil && ip.IsLoopback()
}

// certificate returns the certificate of the application, whose key is an RSA
// key as PS256 needs it.
func (c *Config) certificate() (*x509.Certificate, error) {
	const text = "The certificate cannot be used. Enter its public part as PEM; its key is an RSA key of at least 2048 bits."
	block, _ := pem.Decode([]byte(c.Certificate))
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, invalid(text)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, &fault.Error{Op: "entra.certificate", Kind: fault.Invalid, Text: text, Err: err}
	}
	if key, ok := cert.PublicKey.(*rsa.PublicKey); !ok || key.N.BitLen() < 2048 {
		return nil, invalid(text)
	}
	return cert, nil
}

// mark is different when a cursor of another configuration would give other
// people, or the same ones with other attributes.
func (c *Config) mark() string {
	d := *c
	d.Certificate, d.Loopback = "", false
	d.Authority, d.Graph = d.authority(), d.graph()
	b, _ := json.Marshal(d) // strings and truth values cannot fail
	return fmt.Sprintf("%x", sha256.Sum256(b))
}

func invalid(text string, args ...any) error {
	return &fault.Error{Op: "entra.check", Kind: fault.Invalid, Text: text, Args: args}
}
