package dnssd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Advertiser tells the LAN of our queues. All fields are set before Serve.
type Advertiser struct {
	Log        *slog.Logger
	Host       string           // our own host name in .local, one label; not the system's, which may have a responder already
	Interfaces []string         // names; all when empty
	Services   func() []Service // what to advertise now; none turns advertising off
	Retry      time.Duration    // how long after a failure; a minute when 0
	Look       time.Duration    // how often addresses are looked at; 15 seconds when 0

	mu    sync.Mutex
	wake  chan struct{}
	names map[string]string
	host  string
}

// Update says that queues changed, or that advertising was turned on or off. It
// returns at once.
func (a *Advertiser) Update() {
	select {
	case a.woken() <- struct{}{}:
	default: // it is awake already
	}
}

func (a *Advertiser) woken() chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.wake == nil {
		a.wake = make(chan struct{}, 1)
	}
	return a.wake
}

// Names returns the instance name under which each queue is found on the LAN, by
// the queue's name: its own, or one with a number when another host has that. It
// holds only what everybody has been told.
func (a *Advertiser) Names() map[string]string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.names)
}

// HostName returns the host name in .local as it became; empty while nothing is
// advertised.
func (a *Advertiser) HostName() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.host
}

// Serve advertises until ctx ends, says goodbye and returns nil. Nothing that
// fails here ends it.
func (a *Advertiser) Serve(ctx context.Context) error {
	s := &speaker{log: a.Log}
	for ctx.Err() == nil {
		if err := a.session(ctx, s); err != nil && ctx.Err() == nil {
			a.pause(ctx, err)
		}
	}
	return nil
}

// pause waits before the next try, or until something is wanted of us.
func (a *Advertiser) pause(ctx context.Context, err error) {
	wait := a.Retry
	if wait == 0 {
		wait = time.Minute
	}
	a.Log.Warn("dnssd: queues are not advertised; trying again", "after", wait, "error", err)
	a.tell(nil)
	select {
	case <-ctx.Done():
	case <-a.woken():
	case <-time.After(wait):
	}
}

// session advertises for as long as the links stay the same. It returns nil when
// they changed, or when ctx ended.
func (a *Advertiser) session(ctx context.Context, s *speaker) (err error) {
	defer func() {
		if p := recover(); p != nil { // strangers' messages pass through here
			err = fmt.Errorf("dnssd: %v\n%s", p, debug.Stack())
			*s = speaker{log: a.Log}
		}
	}()
	services := a.services()
	if len(services) == 0 {
		a.tell(nil)
		*s = speaker{log: a.Log}
		select {
		case <-ctx.Done():
		case <-a.woken():
		}
		return nil
	}
	ls, err := links(a.Interfaces)
	if err != nil {
		return err
	}
	c, err := openConn(ls)
	if err != nil {
		return err
	}
	defer c.close()

	failed := false
	s.links, s.pending = ls, nil
	s.send = func(l link, to netip.AddrPort, m *dns.Msg) {
		if err := c.send(l, to, m); err != nil && !failed {
			failed = true // once: the rest would say the same
			a.Log.Warn("dnssd: message was not sent", "interface", l.name, "error", err)
		}
	}
	now := time.Now()
	for _, old := range s.all() { // the addresses are new, the names are kept if they still can be
		old.probe(now.Add(jitter(probeEvery)))
	}
	s.wish(now, hostLabel(a.Host), services)
	return a.converse(ctx, s, c)
}

func (a *Advertiser) converse(ctx context.Context, s *speaker, c *conn) error {
	every := a.Look
	if every == 0 {
		every = 15 * time.Second
	}
	look := time.NewTicker(every)
	defer look.Stop()
	for {
		a.tell(s)
		timer := time.NewTimer(time.Until(s.tick(time.Now())))
		select {
		case <-ctx.Done():
			timer.Stop()
			s.goodbye(s.all())
			a.tell(nil)
			return nil
		case p := <-c.packets:
			s.handle(time.Now(), p)
		case err := <-c.failed:
			timer.Stop()
			return err
		case <-a.woken():
			services := a.services()
			if len(services) == 0 {
				timer.Stop()
				s.goodbye(s.all())
				return nil
			}
			s.wish(time.Now(), hostLabel(a.Host), services)
		case <-look.C:
			if ls, err := links(a.Interfaces); err != nil || !sameLinks(ls, c.links) {
				timer.Stop()
				a.Log.Info("dnssd: addresses of this machine changed")
				return err
			}
		case <-timer.C:
		}
		timer.Stop()
	}
}

// services asks what to advertise and leaves out what cannot be.
func (a *Advertiser) services() []Service {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(a.Services()), func(v Service) bool {
		err := v.check()
		if err == nil && seen[v.key()] {
			err = errors.New("the same UUID twice")
		}
		if err != nil {
			a.Log.Warn("dnssd: queue cannot be advertised", "queue", v.Queue, "error", err)
			return true
		}
		seen[v.key()] = true
		return false
	})
}

// tell keeps for others what is advertised now.
func (a *Advertiser) tell(s *speaker) {
	names, host := map[string]string{}, ""
	if s != nil {
		for _, c := range s.claims {
			if c.phase == standing && s.host.phase == standing {
				names[c.service.Queue] = c.name
			}
		}
		if s.host.phase != probing {
			host = s.host.name + ".local"
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.names, a.host = names, host
}
