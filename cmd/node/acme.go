package main

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"platen/internal/crowd"
	"platen/internal/failpoint"
	"platen/pki"
	"platen/pki/acme"
)

// acmeDoor is port 80: what an ACME server asks there, and the way to HTTPS for people
// who typed a name only.
type acmeDoor struct {
	door    *door // nil where the node does not listen
	answers acme.Challenges
}

// Limits of the door. A server asks from a handful of places, one short request each.
const (
	acmeConns  = 100
	acmePerIP  = 16
	acmeTime   = 10 * time.Second // of a connection
	acmeOctets = 4 << 10          // of a request's header
)

// acmeServer is what stands behind the port.
func (n *node) acmeServer() server {
	return func(ctx context.Context, ln net.Listener) error {
		srv := &http.Server{
			Handler: n.plainHTTP(), ReadHeaderTimeout: acmeTime, ReadTimeout: acmeTime, WriteTimeout: acmeTime, MaxHeaderBytes: acmeOctets,
			ErrorLog:    slog.NewLogLogger(n.log.Handler(), slog.LevelDebug),
			ConnContext: crowd.Context, ConnState: crowd.State,
		}
		srv.SetKeepAlivesEnabled(false)
		done := make(chan struct{})
		defer func() { <-done }()
		stop := context.AfterFunc(ctx, func() {
			defer close(done)
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), acmeTime)
			defer cancel()
			if srv.Shutdown(end) != nil {
				_ = srv.Close()
			}
		})
		err := srv.Serve(&crowd.Listener{Listener: ln, Conns: acmeConns, PerIP: acmePerIP})
		if stop() {
			close(done)
		}
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return fmt.Errorf("acme: %w", err)
	}
}

// plainHTTP answers ACME servers, and sends people to HTTPS. It says nothing to who asks
// for another host, and takes nothing that somebody sends.
func (n *node) plainHTTP() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, answered := crowd.Answering(r)
		defer answered()
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		_, proof := strings.CutPrefix(r.URL.Path, "/.well-known/acme-challenge/")
		reads := r.Method == http.MethodGet || r.Method == http.MethodHead
		switch {
		case proof:
			n.acme.answers.ServeHTTP(w, r)
		case reads && n.web != nil && crowd.IsHere(r, n.hosts()):
			to := url.URL{Scheme: "https", Host: atPort(r.Host, n.web.addr()), Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
			w.Header().Set("Location", to.String())
			w.WriteHeader(http.StatusFound) // and not for good: the port may be closed tomorrow, or be another
		default:
			http.NotFound(w, r)
		}
	})
}

// atPort is a host at the port of an address, as it stands in an https URL.
func atPort(host, addr string) string {
	host = crowd.HostOf(host)
	if _, port, err := net.SplitHostPort(addr); err == nil && port != "443" {
		return net.JoinHostPort(host, port)
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// acmeSecret is what belongs to a chain of an ACME server, in the vault.
type acmeSecret struct {
	EAB string `json:"eab,omitempty"` // of acme.Config.EABKeyID
	DNS string `json:"dns,omitempty"` // of acme.Config.DNS.KeyName
}

// acmeAccount is the node's account at a server, in the vault. It is that of all chains
// of this server: servers count accounts. It is kept also when an order fails.
type acmeAccount struct {
	Key          []byte          `json:"key"` // PKCS #8
	Registration json.RawMessage `json:"registration,omitempty"`
}

// accountID is under which name the vault has an account.
func accountID(c acme.Config) string {
	if c.Directory == "" {
		c.Directory = acme.LetsEncrypt
	}
	sum := sha256.Sum256([]byte(c.Directory + "\n" + c.Email + "\n" + c.EABKeyID))
	return "acme-account/" + hex.EncodeToString(sum[:16])
}

type tellKey struct{}

// telling makes obtain say what it does to who waits for it.
func telling(ctx context.Context, tell func(text string, args ...any)) context.Context {
	return context.WithValue(ctx, tellKey{}, tell)
}

// acmeClient makes a client of what is kept of a chain.
func (n *node) acmeClient(ctx context.Context, x *pki.Kept) (*acme.Client, error) {
	c := &acme.Client{Roots: n.chain.Pool(pki.ForACME), Now: failpoint.Now, Log: n.log.Logger}
	c.Tell, _ = ctx.Value(tellKey{}).(func(string, ...any))
	if err := json.Unmarshal([]byte(x.Config), &c.Config); err != nil {
		return nil, fmt.Errorf("acme: the configuration of %s: %w", x.Name, err)
	}
	var own acmeSecret
	var account acmeAccount
	if err := errors.Join(n.vault(ctx, x.ID, &own), n.vault(ctx, accountID(c.Config), &account)); err != nil {
		return nil, err
	}
	c.EABKey, c.DNSSecret, c.Registration = own.EAB, own.DNS, account.Registration
	if account.Key != nil {
		key, err := x509.ParsePKCS8PrivateKey(account.Key)
		if err != nil {
			return nil, fmt.Errorf("acme: the key of the account cannot be read: %w", err)
		}
		c.Key, _ = key.(crypto.Signer)
	}
	if n.acme.door != nil {
		c.HTTP01 = &n.acme.answers
	}
	return c, nil
}

func (n *node) vault(ctx context.Context, id string, to any) error {
	text, err := n.scope.ChainSecret(ctx, id)
	if err != nil || text == "" {
		return err
	}
	if err := json.Unmarshal([]byte(text), to); err != nil {
		return errors.New("acme: what the vault has cannot be read") // its error may quote it
	}
	return nil
}

// obtain gets a chain for names from the ACME server of x; a pki.Keeper calls it. What
// the server knows of us is kept, also when that is all that came of it.
func (n *node) obtain(ctx context.Context, x *pki.Kept, names []string) (*pki.Chain, error) {
	c, err := n.acmeClient(ctx, x)
	if err != nil {
		return nil, err
	}
	if x.Certs != nil {
		if certs, err := pki.ImportCerts(x.Certs); err == nil {
			c.Replaces = certs[0]
		}
	}
	before := c.Registration
	chain, err := c.Obtain(ctx, names, nil)
	if c.Registration != nil && !slices.Equal(before, c.Registration) {
		if err := n.keepAccount(context.WithoutCancel(ctx), c); err != nil { // the chain is good; the next time makes another account
			n.log.Error("acme: the account could not be kept", "chain", x.Name, "error", err)
		}
	}
	return chain, err
}

func (n *node) keepAccount(ctx context.Context, c *acme.Client) error {
	key, err := x509.MarshalPKCS8PrivateKey(c.Key)
	if err != nil {
		return fmt.Errorf("acme: %w", err)
	}
	text, err := json.Marshal(acmeAccount{Key: key, Registration: c.Registration})
	if err != nil {
		return fmt.Errorf("acme: %w", err)
	}
	return n.scope.SetChainSecret(ctx, accountID(c.Config), string(text))
}

// renewalTime asks the server of x when it wants a certificate renewed.
func (n *node) renewalTime(ctx context.Context, x pki.Kept, leaf *x509.Certificate) (time.Time, error) {
	c, err := n.acmeClient(ctx, &x)
	if err != nil || c.Key == nil { // it has no account there any more
		return time.Time{}, err
	}
	return c.RenewalTime(ctx, leaf)
}
