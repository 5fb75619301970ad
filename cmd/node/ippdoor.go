package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"net/netip"
	"sync"
	"time"

	"platen/config"
	"platen/directory"
	"platen/fault"
	"platen/ippsrv"
	"platen/release"
	"platen/site"
	"platen/spool"
	"platen/store"
)

// ippServer is the IPP door with the limits of cfg.
func (n *node) ippServer(cfg config.Config, offer *tls.Config) server {
	limits := ippsrv.DefaultLimits()
	limits.Conns, limits.PerIP, limits.Header, limits.Grace = cfg.IPP.MaxConnections, cfg.IPP.MaxPerClient, cfg.IPP.HeaderTimeout.Duration, forever
	limits.Idle, limits.Operation = cfg.IPP.Idle.Duration, cfg.IPP.Operation.Duration
	limits.Octets = n.headerOctets(limits.Octets)
	s := &ippsrv.Server{
		State:   n.printers,
		Version: version, Web: n.web.addr, Site: n.scope, Intake: n.intake,
		People:  &ippPeople{desk: n.desk, scope: n.scope, digests: n.keys.Tenant(n.scope.Tenant())},
		Tickets: n.members.tickets, Certificates: n.members.certificates,
		Hosts: n.hosts, TLS: offer, Trusted: cfg.IPP.Believed, Certs: cfg.IPP.Certificates, Log: n.log.Logger, Limits: limits,
	}
	return s.Serve
}

// ippPeople says who prints. A client sends its password with every request, and
// to look at it takes long on purpose, so what was right is remembered shortly.
type ippPeople struct {
	desk    *release.Service
	scope   store.Scope
	digests spool.TenantKeys

	once   sync.Once
	key    [32]byte
	mu     sync.Mutex
	proven map[[32]byte]provenUser
}

type provenUser struct {
	id, verifier string
	until        time.Time
}

const (
	provenFor  = 5 * time.Minute
	mostProven = 10_000
)

// Password implements ippsrv.People.
func (p *ippPeople) Password(ctx context.Context, login, password string, client netip.Addr) (ippsrv.Person, error) {
	p.once.Do(func() {
		_, _ = rand.Read(p.key[:]) // never fails: crypto/rand ends the process instead
		p.proven = map[[32]byte]provenUser{}
	})
	mac := hmac.New(sha256.New, p.key[:])
	mac.Write([]byte(directory.Fold(login) + "\x00" + password))
	known := [32]byte(mac.Sum(nil))
	p.mu.Lock()
	was, ok := p.proven[known]
	p.mu.Unlock()
	if ok && time.Now().Before(was.until) {
		u, err := p.scope.User(ctx, was.id)
		secrets, err2 := p.scope.Secrets(ctx, was.id)
		if err == nil && err2 == nil && u.Enabled && secrets.Password == was.verifier {
			return personOf(u), nil
		}
	}
	u, err := p.desk.Prove(ctx, login, password, client)
	if err != nil {
		return ippsrv.Person{}, err
	}
	secrets, err := p.scope.Secrets(ctx, u.ID)
	if err != nil {
		return ippsrv.Person{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.proven) >= mostProven {
		clear(p.proven)
	}
	p.proven[known] = provenUser{u.ID, secrets.Password, time.Now().Add(provenFor)}
	return personOf(u), nil
}

func personOf(u directory.User) ippsrv.Person {
	return ippsrv.Person{ID: u.ID, Login: u.Login, Admin: u.May(directory.Administer)}
}

// Personal implements ippsrv.People.
func (p *ippPeople) Personal(ctx context.Context, secret, queue string) (ippsrv.Person, error) {
	const op = "node.personal"
	unknown := &fault.Error{Op: op, Kind: fault.NotFound, Text: "This address is not valid any longer. Please get a new one."}
	t, err := p.scope.TokenByDigest(ctx, p.digests.TokenDigest(secret))
	switch {
	case fault.Is(err, fault.NotFound):
		return ippsrv.Person{}, unknown
	case err != nil:
		return ippsrv.Person{}, err
	case t.Kind != site.PersonalURL || t.Owner == "" || t.Queue != "" && t.Queue != queue:
		return ippsrv.Person{}, unknown
	}
	set, err := p.scope.Settings(ctx)
	if err != nil {
		return ippsrv.Person{}, err
	}
	u, err := p.scope.User(ctx, t.Owner)
	switch {
	case fault.Is(err, fault.NotFound), err == nil && (!u.Enabled || !set.PersonalURLs):
		return ippsrv.Person{}, unknown
	case err != nil:
		return ippsrv.Person{}, err
	}
	return ippsrv.Person{ID: u.ID, Login: u.Login}, nil // an address is no password: no administrator
}

// HashPIN implements ippsrv.People.
func (p *ippPeople) HashPIN(octets []byte) (string, error) {
	return directory.HashSecret(string(octets))
}

var _ ippsrv.People = (*ippPeople)(nil)
