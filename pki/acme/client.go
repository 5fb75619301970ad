package acme

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"log/slog"
	"time"

	"platen/pki"
)

// How a name is proven, RFC 8555, sections 8.3 and 8.4.
const (
	ByHTTP = "http-01"
	ByDNS  = "dns-01"
)

// LetsEncrypt is the directory of a Config that names none.
const LetsEncrypt = pki.LetsEncrypt

const (
	limit = 5 * time.Minute  // of one certificate, from the first question to the last
	grace = 20 * time.Second // for taking away what was shown
)

var errSlow = errors.New("acme: it took too long")

// Client gets certificates from one server, one at a time. All fields but the last
// two are set before; these are kept by the caller, sealed, for the next Client.
type Client struct {
	Config
	EABKey    string            // what belongs to EABKeyID, base64url
	DNSSecret string            // of the key DNS.KeyName, base64
	Roots     *x509.CertPool    // who may vouch for the server itself; nil: the system's list
	HTTP01    *Challenges       // what port 80 answers; of ByHTTP
	Replaces  *x509.Certificate // the certificate that the next one follows, of the same server and for some of the same names, RFC 9773, section 5; nil: none
	Now       func() time.Time  // nil: time.Now
	Log       *slog.Logger      // nil: nothing is logged

	// Tell is told what Obtain does, in a sentence for the administrator who waits for
	// it; nil: nobody waits.
	Tell func(text string, args ...any)

	Key          crypto.Signer // of the account; nil: Obtain makes one
	Registration []byte        // JSON: the account at the server; nil or of another server: Obtain makes it

	nsPort string // of the zone's name servers, for tests; "" 53
}

// Obtain returns a chain for names, which may be wildcards, and key; without a key
// it makes one on the curve P-256. It takes at most five minutes. Errors are
// sentences for the administrator; a *Later among them says when a try is worth it.
func (c *Client) Obtain(ctx context.Context, names []string, key crypto.Signer) (*pki.Chain, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	names, err := c.names(names)
	if err != nil {
		return nil, err
	}
	if key, err = orNew(key); err != nil {
		return nil, err
	}
	if c.Key, err = orNew(c.Key); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errSlow)
	defer cancel()
	chain, err := c.obtain(ctx, names, key)
	if err != nil {
		return nil, err
	}
	c.log().Info("acme: certificate obtained", "server", c.server(), "names", names, "until", chain.Leaf().NotAfter)
	return chain, nil
}

func orNew(key crypto.Signer) (crypto.Signer, error) {
	if key != nil {
		return key, nil
	}
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

func (c *Client) obtain(ctx context.Context, names []string, key crypto.Signer) (*pki.Chain, error) {
	s, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	defer s.close()
	chain, err := s.obtain(ctx, names, key)
	return chain, s.trouble(ctx, err)
}

func (c *Client) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

func (c *Client) tell(text string, args ...any) {
	if c.Tell != nil {
		c.Tell(text, args...)
	}
}

func (c *Client) log() *slog.Logger {
	if c.Log != nil {
		return c.Log
	}
	return slog.New(slog.DiscardHandler)
}
