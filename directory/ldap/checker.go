package ldap

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"strings"
	"sync"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"platen/directory"
	"platen/fault"
)

// Why a password was refused. They are causes for the log: whoever typed it reads
// the same sentence for all of them.
var (
	ErrEmptyPassword   = errors.New("the password is empty")
	ErrWrongPassword   = errors.New("the password is wrong")
	ErrNoAccount       = errors.New("there is no such account")
	ErrLogonHours      = errors.New("the account may not sign in at this hour")
	ErrWorkstation     = errors.New("the account may not sign in here")
	ErrPasswordExpired = errors.New("the password has expired")
	ErrDisabled        = errors.New("the account is disabled")
	ErrAccountExpired  = errors.New("the account has expired")
	ErrMustChange      = errors.New("the password must be changed first")
	ErrLocked          = errors.New("the account is locked after too many wrong passwords")
)

// subCodes are what Active Directory writes behind "data" when it refuses a
// sign-in: Windows error codes in hexadecimal (MS-ERREF, section 2.2).
var subCodes = map[string]error{
	"525": ErrNoAccount, "52e": ErrWrongPassword, "530": ErrLogonHours, "531": ErrWorkstation, "532": ErrPasswordExpired,
	"533": ErrDisabled, "701": ErrAccountExpired, "773": ErrMustChange, "775": ErrLocked,
}

var subCode = regexp.MustCompile(`\bdata ([0-9a-f]+)\b`)

// Limits of a Checker.
const (
	maxAsking   = 8    // connections at once
	maxPassword = 1024 // octets
	maxAccounts = 10_000
	accountLife = time.Minute     // how long somebody's name and state are remembered
	idleLife    = 2 * time.Minute // of a connection; servers close theirs after some minutes
)

// Checker knows whether a password is right: it signs in with it. All fields are
// set before Check, which may be called by many at a time. Close ends the
// connections that are kept.
type Checker struct {
	Config Config
	Secret string // of Config.BindAs
	Log    *slog.Logger
	Now    func() time.Time      // nil: time.Now
	Roots  func() *x509.CertPool // as that of a Source
	Dial   func(ctx context.Context, network, addr string) (net.Conn, error)

	once  sync.Once
	slots chan struct{} // one for each connection that may be in use

	mu       sync.Mutex
	idle     []idleLink
	accounts map[string]account
	resolved *Config
}

var _ directory.Checker = (*Checker)(nil)

type idleLink struct {
	*link
	since time.Time
}

// account is who somebody is for the server.
type account struct {
	dn    string
	off   error // why a right password is no use; nil when it is
	until time.Time
}

// Check signs in as the person with the key. It waits for a connection no longer
// than ctx, however many others wait, and however slow the server is.
func (c *Checker) Check(ctx context.Context, key, login, password string) error {
	const op = "ldap.Check"
	if strings.TrimSpace(password) == "" || len(password) > maxPassword {
		return denied(op, ErrEmptyPassword)
	}
	if err := c.Config.Check(); err != nil {
		return wrap(op, err)
	}
	c.once.Do(func() { c.slots = make(chan struct{}, maxAsking) })
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return &fault.Error{Op: op, Kind: fault.Unavailable, Text: "Passwords cannot be checked now. Please try again later.", Err: ctx.Err()}
	}
	err := c.ask(ctx, key, login, password)
	if err == nil || fault.Is(err, fault.Denied) {
		return err
	}
	return &fault.Error{Op: op, Kind: fault.Unavailable, Text: "Passwords cannot be checked now. Please try again later.", Err: err}
}

func denied(op string, cause error) error {
	return &fault.Error{Op: op, Kind: fault.Denied, Text: "That did not match. Please try again, or ask the help desk.", Err: cause}
}

// ask uses a connection that is there, or a new one. One that the server has
// given up meanwhile is not the end.
func (c *Checker) ask(ctx context.Context, key, login, password string) error {
	if l := c.kept(); l != nil {
		err := c.try(ctx, l, key, login, password)
		if !c.keep(l, err) && ctx.Err() == nil {
			c.Log.Debug("ldap: a kept connection was of no use", "server", l.server, "error", err)
		} else {
			return err
		}
	}
	d := c.dialer()
	l, err := d.open(ctx, func(context.Context, *link) error { return nil })
	if err != nil {
		return err
	}
	err = c.try(ctx, l, key, login, password)
	c.keep(l, err)
	return err
}

func (c *Checker) dialer() dialer {
	return dialer{cfg: c.Config, secret: c.Secret, trust: c.Roots, dial: c.Dial}
}

func (c *Checker) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

// kept returns a connection that is there already, nil when there is none.
func (c *Checker) kept() *link {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.idle) > 0 {
		l := c.idle[len(c.idle)-1]
		c.idle = c.idle[:len(c.idle)-1]
		if !l.conn.IsClosing() && time.Since(l.since) < idleLife {
			return l.link
		}
		go l.close()
	}
	return nil
}

// keep puts a connection back, unless err says that it is broken.
func (c *Checker) keep(l *link, err error) bool {
	if err != nil && !refused(err) && !fault.Is(err, fault.Denied) || l.conn.IsClosing() {
		go l.close()
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = append(c.idle, idleLink{l, time.Now()})
	return true
}

// Close ends the connections that are kept.
func (c *Checker) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.idle {
		l.close()
	}
	c.idle = nil
}

// try finds the person and signs in as him. Whom nobody has, and who is not there
// any more, costs the same: an entry that does not exist is signed in as.
func (c *Checker) try(ctx context.Context, l *link, key, login, password string) error {
	const op = "ldap.Check"
	who, remembered, err := c.account(ctx, l, key, login)
	if err != nil {
		return err
	}
	err = l.bind(ctx, who.dn, password)
	if remembered && (err != nil || who.off != nil) { // perhaps under a name of before
		if who, err = c.look(ctx, l, key, login); err != nil {
			return err
		}
		err = l.bind(ctx, who.dn, password)
	}
	switch {
	case err == nil && who.off == nil:
		return nil
	case err == nil:
		return denied(op, who.off)
	case goldap.IsErrorAnyOf(err, goldap.LDAPResultInvalidCredentials, goldap.LDAPResultInappropriateAuthentication, goldap.LDAPResultNoSuchObject,
		goldap.LDAPResultUnwillingToPerform, goldap.LDAPResultConstraintViolation, goldap.LDAPResultInvalidDNSyntax, goldap.LDAPResultInsufficientAccessRights):
		return denied(op, fmt.Errorf("%w: %w", cause(err, who), err))
	}
	return answerFault(op, l.server, "", err)
}

// cause tells why a sign-in was refused.
func cause(err error, who account) error {
	if m := subCode.FindStringSubmatch(strings.ToLower(err.Error())); m != nil {
		if known, ok := subCodes[m[1]]; ok {
			return known
		}
	}
	if who.off != nil {
		return who.off
	}
	return ErrWrongPassword
}

// account returns the name to sign in with. It is remembered for a minute, also
// of those whom nobody has. Whoever is refused under a remembered name is looked for
// anew: a guess costs the same, whether there is such a person or not.
func (c *Checker) account(ctx context.Context, l *link, key, login string) (who account, remembered bool, err error) {
	c.mu.Lock()
	who, ok := c.accounts[accountID(key, login)]
	c.mu.Unlock()
	if ok && c.now().Before(who.until) {
		return who, true, nil
	}
	who, err = c.look(ctx, l, key, login)
	return who, false, err
}

func accountID(key, login string) string {
	if key == "" {
		return "login " + directory.Fold(login)
	}
	return "key " + key
}

// look finds the name to sign in with, and remembers it.
func (c *Checker) look(ctx context.Context, l *link, key, login string) (account, error) {
	who, err := c.find(ctx, l, key)
	if err != nil {
		return who, err
	}
	who.until = c.now().Add(accountLife)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.accounts == nil || len(c.accounts) >= maxAccounts {
		c.accounts = map[string]account{}
	}
	c.accounts[accountID(key, login)] = who
	return who, nil
}

// find looks for an entry by its key with the account of the configuration. That
// this account is refused is not the person's fault.
func (c *Checker) find(ctx context.Context, l *link, key string) (account, error) {
	if err := c.signIn(ctx, l); err != nil {
		return account{}, &fault.Error{Op: "ldap.find", Kind: fault.Unavailable, Err: err}
	}
	cfg, err := c.config(ctx, l)
	if err != nil {
		return account{}, err
	}
	if key == "" {
		key = "00000000-0000-0000-0000-000000000000"
	}
	m := mapper{cfg: cfg, now: c.now()}
	for _, base := range cfg.Bases {
		q := query{
			base: base, scope: goldap.ScopeWholeSubtree, attrs: m.userAttrs(),
			filter: "(&" + cfg.UserFilter + "(" + cfg.Map.Key + "=" + keyValue(cfg.Map.Key, key) + "))",
		}
		res, err := l.search(ctx, q.request(0))
		if err != nil {
			return account{}, answerFault("ldap.find", l.server, base, err)
		}
		if len(res.Entries) != 1 || m.key(res.Entries[0]) != key || res.Entries[0].DN == "" {
			continue
		}
		who := account{dn: strings.Clone(res.Entries[0].DN)} // without the message around it
		if !m.enabled(res.Entries[0]) {
			who.off = ErrDisabled
		}
		return who, nil
	}
	return account{dn: nobody(cfg.Bases[0]), off: ErrNoAccount}, nil
}

// signIn makes a connection ours again, on which the last person is still signed
// in.
func (c *Checker) signIn(ctx context.Context, l *link) error {
	if c.Config.BindAs == "" {
		return l.do(ctx, func() error { return l.conn.UnauthenticatedBind("") })
	}
	d := c.dialer()
	return d.signIn(ctx, l)
}

// config asks once what the server is.
func (c *Checker) config(ctx context.Context, l *link) (Config, error) {
	c.mu.Lock()
	known := c.resolved
	c.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	root, err := l.root(ctx)
	if err != nil {
		return Config{}, err
	}
	cfg := c.Config.resolved(root)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resolved = &cfg
	return cfg, nil
}
