package pki

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"time"
)

// Chain is a private key and the certificates that speak for it.
type Chain struct {
	Certs []*x509.Certificate // the leaf first, then its issuers in order; the root may be missing
	Key   crypto.Signer       // ECDSA, RSA or Ed25519
}

// Leaf is the certificate of the key.
func (c *Chain) Leaf() *x509.Certificate { return c.Certs[0] }

// TLS returns the chain as a handshake needs it.
func (c *Chain) TLS() *tls.Certificate {
	t := &tls.Certificate{PrivateKey: c.Key, Leaf: c.Certs[0]}
	for _, x := range c.Certs {
		t.Certificate = append(t.Certificate, x.Raw)
	}
	return t
}

// CertsPEM returns the certificates, without the key.
func (c *Chain) CertsPEM() []byte { return certsPEM(c.Certs) }

func certsPEM(certs []*x509.Certificate) []byte {
	var out []byte
	for _, x := range certs {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: x.Raw})...)
	}
	return out
}

// What a chain is for.
const (
	UseServer  = "server"  // HTTPS, IPPS
	UseSigning = "signing" // of API tokens
	UseRoot    = "root"    // of the built-in authority
	UseIssuing = "issuing" // between it and what it issues
)

// Where a chain comes from, and with it who renews it.
const (
	FromBuiltIn = "built-in" // the node, by itself
	FromFile    = "imported" // nobody: an administrator imports the next one
	FromRequest = "request"  // an authority of the customer answers a request
	FromACME    = "acme"     // the node, by itself
	FromWatched = "watched"  // whoever puts the next file there
)

// Kept is a chain as it is stored. Its key is sealed at rest, and never read back by
// a command or a page.
type Kept struct {
	ID      string // UUIDv7
	Name    string // unique within the tenant
	Use     string
	From    string
	Certs   []byte // PEM, the leaf first; nil while the answer to a request is awaited
	Key     []byte // PKCS #8, DER
	Request []byte // PKCS #10, DER; of FromRequest
	Config  string // JSON, of From: the file that is watched, the account at an ACME server
	Created time.Time
	Tried   time.Time // the last time that a renewal was tried
	Trouble string    // an English sentence: why it did not work; ""
	Next    time.Time // when the next one is tried; zero: at two thirds of its life
}

// Domain is a DNS name of an account, and which chain is shown to whoever asks for it.
type Domain struct {
	Name  string // lower case, in the form of the DNS ("xn--…"); a name below it is another domain
	Chain string // id; "" the built-in authority's, made by itself
}

// Purposes for which a certificate authority can be trusted.
const (
	ForDirectory = "directory" // LDAPS and StartTLS
	ForMail      = "mail"      // SMTP
	ForSignIn    = "sign-in"   // OpenID Connect, Microsoft Graph
	ForDevices   = "devices"   // IPPS to devices
	ForPrimary   = "primary"   // the uplink
	ForStorage   = "storage"   // S3
	ForACME      = "acme"      // an ACME server of the house
	ForPeople    = "people"    // client certificates of people
)

// Trusted is an authority that an administrator trusts for some purposes.
type Trusted struct {
	ID       string // UUIDv7
	Name     string // what it is called here
	Purposes []string
	DER      []byte
	Created  time.Time
}

// Chain reads a chain with its key.
func (k *Kept) Chain() (*Chain, error) {
	certs, err := ImportCerts(k.Certs)
	if err != nil {
		return nil, err
	}
	key, err := k.key()
	if err != nil {
		return nil, err
	}
	if !sameKey(certs[0].PublicKey, key.Public()) {
		return nil, fmt.Errorf("pki: the key of %s is another one", k.Name)
	}
	return &Chain{Certs: certs, Key: key}, nil
}

func (k *Kept) key() (crypto.Signer, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(k.Key)
	if err != nil {
		return nil, fmt.Errorf("pki: the key of %s cannot be read: %w", k.Name, err)
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("pki: the key of %s is %T", k.Name, parsed)
	}
	return key, nil
}

// Set puts a chain and its key into what is stored.
func (k *Kept) Set(c *Chain) error {
	if c.Certs != nil {
		k.Certs = c.CertsPEM()
	}
	var err error
	k.Key, err = x509.MarshalPKCS8PrivateKey(c.Key)
	return err
}
