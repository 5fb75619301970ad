package pki

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"platen/fault"
	"platen/internal/fsys"
)

// How long things live.
const (
	leafLife     = 398*24*time.Hour - time.Minute // from NotBefore; 398 days is what browsers take
	leafRenew    = 45 * 24 * time.Hour            // a certificate with less left is renewed
	leafBackdate = 24 * time.Hour                 // clients whose clock is behind
	// An authority is dated back so far that a node whose clock falls back a
	// year is still believed.
	caBackdate = 366 * 24 * time.Hour
	caLife     = 10 * 366 * 24 * time.Hour
	caWarn     = 90 * 24 * time.Hour // say so daily from here on
	checkEvery = 24 * time.Hour
)

// Keeper has the node's own authority and the server certificate that it
// vouches for. All fields are set before Open.
type Keeper struct {
	Dir    string          // private folder of the keys; made when it is missing
	CAFile string          // where clients find the authority's certificate, mode 0644; "" nowhere
	Names  func() []string // host names and addresses of this node; asked again at every check
	Now    func() time.Time
	Log    *slog.Logger

	mu   sync.RWMutex // guards what follows
	ca   *authority
	leaf *tls.Certificate
	left []string // names the authority may not vouch for
}

// Open loads the authority and the server certificate, and makes what is
// missing or no longer good.
func (c *Keeper) Open() error {
	if err := fsys.MkdirPrivate(c.Dir); err != nil {
		return &fault.Error{Op: "pki.Open", Kind: fault.Internal, Text: "The folder for the private keys could not be made.", Err: err}
	}
	ca, err := c.loadAuthority()
	if err != nil {
		return err
	}
	leaf, err := loadLeaf(c.leafPath())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.Log.Warn("pki: the server certificate cannot be read and is made again", "error", err)
	}
	c.mu.Lock()
	c.ca, c.leaf = ca, leaf
	c.mu.Unlock()
	if _, err := c.Check(); err != nil {
		return err
	}
	return c.publish(ca)
}

func (c *Keeper) authorityPath() string { return filepath.Join(c.Dir, "authority.pem") }
func (c *Keeper) leafPath() string      { return filepath.Join(c.Dir, "server.pem") }

// loadAuthority reads the authority, or makes the first one. A damaged one is
// never replaced by itself: every client would have to be told.
func (c *Keeper) loadAuthority() (*authority, error) {
	const op = "pki.authority"
	ca, err := readAuthority(c.authorityPath())
	if err == nil {
		return ca, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, &fault.Error{Op: op, Kind: fault.Internal, Text: "The node's certificate authority is damaged. Restore it from a backup, or make a new one.", Err: err}
	}
	return c.makeAuthority()
}

func (c *Keeper) makeAuthority() (*authority, error) {
	const op = "pki.makeAuthority"
	ca, err := newAuthority(c.Names(), c.Now())
	if err != nil {
		return nil, &fault.Error{Op: op, Kind: fault.Internal, Err: err}
	}
	if err := ca.write(c.authorityPath()); err != nil {
		return nil, &fault.Error{Op: op, Kind: fault.Internal, Text: "The node's certificate authority could not be written.", Err: err}
	}
	c.Log.Info("pki: made a certificate authority", "subject", ca.cert.Subject.String(), "until", ca.cert.NotAfter)
	return ca, nil
}

// publish writes the authority's certificate where clients may read it. It is
// written again when somebody removed or changed it.
func (c *Keeper) publish(ca *authority) error {
	if c.CAFile == "" {
		return nil
	}
	want := ca.certPEM()
	if got, err := os.ReadFile(c.CAFile); err == nil && slices.Equal(got, want) {
		return nil
	}
	err := fsys.WriteFile(c.CAFile, want)
	if err == nil {
		err = os.Chmod(c.CAFile, 0o644) //nolint:gosec // a certificate is public; clients must be able to read it
	}
	if err != nil {
		return &fault.Error{Op: "pki.publish", Kind: fault.Internal, Text: "The authority's certificate could not be written for the clients.", Err: err}
	}
	return nil
}

// Replace makes a new authority and a server certificate from it. Clients that
// trusted the old one must be given the new one.
func (c *Keeper) Replace() error {
	ca, err := c.makeAuthority()
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.ca, c.leaf = ca, nil
	c.mu.Unlock()
	if _, err := c.Check(); err != nil {
		return err
	}
	return c.publish(ca)
}

// Check issues a new server certificate when the present one ends soon, is not
// valid yet (the clock went back), comes from another authority, or does not
// have the node's names. It reports whether it did.
func (c *Keeper) Check() (renewed bool, err error) {
	now := c.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.warnLocked(now)
	names, left := c.ca.split(c.Names())
	for _, n := range left {
		if !slices.Contains(c.left, n) {
			c.Log.Warn("pki: the authority may not vouch for this name; make a new authority to include it", "name", n)
		}
	}
	c.left = left
	if c.leaf != nil && !due(c.leaf.Leaf, c.ca, names, now) {
		return false, nil
	}
	leaf, data, err := c.ca.issue(names, now)
	if err != nil {
		return false, &fault.Error{Op: "pki.Check", Kind: fault.Internal, Text: "The server certificate could not be made.", Err: err}
	}
	if err := fsys.WriteFile(c.leafPath(), data); err != nil {
		return false, &fault.Error{Op: "pki.Check", Kind: fault.Internal, Text: "The server certificate could not be written.", Err: err}
	}
	c.leaf = leaf
	c.Log.Info("pki: new server certificate", "names", names, "until", leaf.Leaf.NotAfter)
	return true, nil
}

// warnLocked says when the authority itself nears its end: that is the one
// thing a node cannot mend alone.
func (c *Keeper) warnLocked(now time.Time) {
	end := c.ca.cert.NotAfter
	switch {
	case !now.Before(end):
		c.Log.Error("pki: the certificate authority has ended; make a new one and give it to the clients", "ended", end)
	case end.Sub(now) < caWarn:
		c.Log.Warn("pki: the certificate authority ends soon; make a new one and give it to the clients", "ends", end)
	case now.Before(c.ca.cert.NotBefore):
		c.Log.Warn("pki: the clock is before the birth of the certificate authority", "now", now, "valid_from", c.ca.cert.NotBefore)
	}
}

// due reports whether leaf must be replaced.
func due(leaf *x509.Certificate, ca *authority, names []string, now time.Time) bool {
	return leaf.NotAfter.Sub(now) < leafRenew && leaf.NotAfter.Before(ca.cert.NotAfter) ||
		now.Before(leaf.NotBefore) ||
		leaf.CheckSignatureFrom(ca.cert) != nil ||
		!slices.Equal(namesOf(leaf), names)
}

// Serve checks daily until ctx ends.
func (c *Keeper) Serve(ctx context.Context) error {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			// The old certificate is still good for weeks: try again tomorrow.
			if _, err := c.Check(); err != nil {
				c.Log.Error("pki: renewal failed", "error", err)
			}
		}
	}
}

// Certificate is a tls.Config.GetCertificate: a renewed certificate is used
// from the next handshake on.
func (c *Keeper) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.leaf, nil
}

// Hosts returns the names and addresses in the present certificate. A request
// for another host is not for this node.
func (c *Keeper) Hosts() []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return namesOf(c.leaf.Leaf)
}

// Uncovered returns the names of the node that the authority may not vouch
// for, in case somebody gave the node a public name after it was installed.
func (c *Keeper) Uncovered() []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return slices.Clone(c.left)
}

// Ends returns when the server certificate and the authority end.
func (c *Keeper) Ends() (server, authority time.Time) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.leaf.Leaf.NotAfter, c.ca.cert.NotAfter
}

// CAPEM returns the authority's certificate, as it is in CAFile.
func (c *Keeper) CAPEM() []byte {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.ca.certPEM()
}

// ServerConfig returns what a server of this node offers: TLS 1.2 and 1.3, and
// of TLS 1.2 only forward-secret AEAD suites, because Go's own list still has
// one with CBC and SHA-1.
func (c *Keeper) ServerConfig() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		CipherSuites:   aead,
		GetCertificate: c.Certificate,
	}
}

// aead are the suites of TLS 1.2 (RFC 9325, section 4.2). Those of TLS 1.3 are
// not configurable and all AEAD.
var aead = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
}
