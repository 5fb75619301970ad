package main

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"platen/config"
)

// oldDoors are the ports that speak TLS as old devices do, each for the few hosts
// that it was opened for. They come and go with the configuration, without touching
// the other doors: also one that cannot be opened, because its address is not there
// yet, keeps the node from nothing.
type oldDoors struct {
	n      *node
	change chan struct{} // the configuration is another

	mu   sync.Mutex
	list []*oldDoor
}

// oldDoor is one of them.
type oldDoor struct {
	*door
	cfg  config.OldListener
	stop context.CancelFunc // nil until it serves
}

// oldRetry is how long a port waits that could not be opened.
const oldRetry = 30 * time.Second

func newOldDoors(n *node) *oldDoors { return &oldDoors{n: n, change: make(chan struct{}, 1)} }

// update makes serve look at the configuration again.
func (o *oldDoors) update() {
	select {
	case o.change <- struct{}{}:
	default:
	}
}

// open opens what the configuration names and is not open, and reports whether that
// was anything.
func (o *oldDoors) open(ctx context.Context) (opened bool) {
	for _, l := range o.n.settings().Listen.Old {
		if o.has(l) {
			continue
		}
		name := "old " + l.Service
		d, err := o.n.openDoor(ctx, name, l.Address, o.n.log.Logger)
		if err != nil {
			o.n.log.Error("the listener for an old device cannot be opened", "address", l.Address, "service", l.Service, "error", err)
			continue
		}
		d.ln = &only{Listener: d.ln, allow: l.Allow, log: o.n.log.With("door", name, "address", d.addr())}
		o.n.log.Warn("a listener for old devices is open: "+oldWeakness, "address", d.addr(), "service", l.Service, "allow", networkList(l.Allow))
		o.mu.Lock()
		o.list = append(o.list, &oldDoor{door: d, cfg: l})
		o.mu.Unlock()
		opened = true
	}
	return opened
}

func (o *oldDoors) has(l config.OldListener) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.ContainsFunc(o.list, func(d *oldDoor) bool { return reflect.DeepEqual(d.cfg, l) })
}

// all returns those that are open.
func (o *oldDoors) all() []*oldDoor {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.list)
}

// forget takes one out of the list.
func (o *oldDoors) forget(d *oldDoor) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = slices.DeleteFunc(o.list, func(x *oldDoor) bool { return x == d })
}

// closeOthers closes what the configuration does not name any more. Its port is free
// when this returns; what is under way there has the grace that every end has.
func (o *oldDoors) closeOthers() (closed bool) {
	want := o.n.settings().Listen.Old
	for _, d := range o.all() {
		if slices.ContainsFunc(want, func(l config.OldListener) bool { return reflect.DeepEqual(l, d.cfg) }) {
			continue
		}
		o.forget(d)
		d.stop()
		_ = d.ln.Close() // the door does so too, in its own time
		o.n.log.Info("a listener for old devices was closed", "address", d.addr(), "service", d.cfg.Service)
		closed = true
	}
	return closed
}

// serve serves them, and follows the configuration, until ctx ends.
func (o *oldDoors) serve(ctx context.Context) error {
	var serving sync.WaitGroup
	defer serving.Wait()
	retry := time.NewTicker(oldRetry)
	defer retry.Stop()
	for {
		for _, d := range o.all() {
			if d.stop == nil {
				own, stop := context.WithCancel(ctx)
				d.stop = stop
				serving.Go(func() { o.serveOne(own, d) })
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-o.change:
		case <-retry.C:
		}
		closed := o.closeOthers()
		if opened := o.open(ctx); opened || closed {
			o.changed(ctx)
		}
	}
}

// changed makes the certificate that only old devices are shown, before they are
// served, and tells where the node is.
func (o *oldDoors) changed(ctx context.Context) {
	if err := o.n.chain.Reload(ctx); err != nil {
		o.n.log.Error("the certificates for old devices", "error", err)
	}
	if err := o.n.writeAddresses(); err != nil {
		o.n.log.Error("the addresses of the node cannot be written", "error", err)
	}
}

func (o *oldDoors) serveOne(ctx context.Context, d *oldDoor) {
	defer d.stop()
	if err := d.serve(ctx, o.server(d, o.n.settings())); err != nil {
		o.n.log.Error("the listener for an old device has ended; it is opened again", "error", err)
		o.forget(d)
	}
}

// server is what the service has behind its usual door, with other TLS.
func (o *oldDoors) server(d *oldDoor, cfg config.Config) server {
	if d.cfg.Service == config.ServiceIPP {
		return o.n.ippServer(cfg, o.n.chain.OldConfig())
	}
	return o.n.webServer(cfg, o.n.chain.OldConfig())
}

// replace puts a server of the moment behind those of a service.
func (o *oldDoors) replace(service string, cfg config.Config) {
	for _, d := range o.all() {
		if d.cfg.Service == service {
			d.replace(o.server(d, cfg))
		}
	}
}

// addresses are where they are.
func (o *oldDoors) addresses() (list []oldAddress) {
	for _, d := range o.all() {
		list = append(list, oldAddress{Service: d.cfg.Service, Address: d.addr()})
	}
	return list
}

// replaceWeb and replaceIPP put servers with the settings of cfg behind all doors of
// a service.
func (n *node) replaceWeb(cfg config.Config) {
	if n.web != nil {
		n.web.replace(n.webServer(cfg, n.chain.ServerConfig()))
	}
	n.old.replace(config.ServiceWeb, cfg)
}

func (n *node) replaceIPP(cfg config.Config) {
	if n.ipp != nil {
		n.ipp.replace(n.ippServer(cfg, n.chain.ServerConfig()))
	}
	n.old.replace(config.ServiceIPP, cfg)
}

// only is a listener for a few hosts. Everybody else is closed before a single octet
// is read, so that no handshake of theirs is begun.
type only struct {
	net.Listener
	allow []config.Network
	log   *slog.Logger

	mu      sync.Mutex
	told    time.Time // when a refusal was told last
	refused int       // since then
}

// refusalsEvery keeps a scan from filling the log.
const refusalsEvery = time.Minute

// Accept returns the next connection of one who may connect.
func (o *only) Accept() (net.Conn, error) {
	for {
		c, err := o.Listener.Accept()
		if err != nil || o.allows(c.RemoteAddr()) {
			return c, err
		}
		o.tell(c.RemoteAddr())
		_ = c.Close()
	}
}

func (o *only) allows(addr net.Addr) bool {
	ap, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return false
	}
	ip := ap.Addr().Unmap().WithZone("")
	return slices.ContainsFunc(o.allow, func(n config.Network) bool { return n.Contains(ip) })
}

func (o *only) tell(addr net.Addr) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refused++
	if now := time.Now(); now.Sub(o.told) >= refusalsEvery {
		o.log.Warn("this listener is for old devices only; somebody else was sent away", "client", addr.String(), "connections", o.refused)
		o.told, o.refused = now, 0
	}
}

// oldWeakness is what is weak about it.
const oldWeakness = "TLS 1.0 and 1.1, key exchange by RSA alone, CBC and 3DES with SHA-1"

func networkList(list []config.Network) string {
	words := make([]string, len(list))
	for i, n := range list {
		words[i] = n.String()
	}
	return strings.Join(words, ", ")
}

// checkOld names the listeners for old devices, and what is weak about them.
func checkOld(ctx context.Context, p place, running bool, f *findings) {
	for _, l := range p.cfg.Listen.Old {
		what := "old device port " + l.Address
		if !running {
			checkPort(ctx, f, what, l.Address)
		}
		f.warn(what, "It is %s once more, for %s and nobody else, with what can be broken: %s. Remove it from the configuration once the device is gone.",
			serviceName(l.Service), networkList(l.Allow), oldWeakness)
	}
}

func serviceName(service string) string {
	if service == config.ServiceIPP {
		return "IPP"
	}
	return "HTTPS"
}
