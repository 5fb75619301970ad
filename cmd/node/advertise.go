package main

import (
	"context"
	"net"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"platen/config"
	"platen/dnssd"
	"platen/fault"
	"platen/ippsrv"
	"platen/setup"
	"platen/site"
)

// lookAgain is how often a node looks whether what it advertises has changed.
// Commands on it are heard of at once; this is for what other nodes change.
const lookAgain = 15 * time.Second

// newAdvertiser tells the LAN of the node's queues. Whether there is anything to
// tell is asked when it serves.
func (n *node) newAdvertiser() *dnssd.Advertiser {
	return &dnssd.Advertiser{
		Log: n.log.Logger, Host: localLabel(), Interfaces: n.cfg.IPP.Interfaces,
		Services: func() []dnssd.Service {
			list, err := n.advertised(context.Background())
			if err != nil {
				n.log.Warn("dnssd: queues are not known and not advertised", "error", err)
			}
			return list
		},
	}
}

// advertise serves the advertiser and wakes it when queues have changed.
func (n *node) advertise(ctx context.Context) error {
	if len(n.advertiser.Interfaces) == 0 {
		n.advertiser.Interfaces = interfacesOf(n.ipp.addr())
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var before []dnssd.Service
		for tick := time.NewTicker(lookAgain); ; {
			now, err := n.advertised(ctx)
			if err == nil && !reflect.DeepEqual(before, now) {
				before = now
				n.advertiser.Update()
			}
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
			}
		}
	}()
	err := n.advertiser.Serve(ctx)
	<-done
	return err
}

// advertised are the queues that the LAN is told of: none where configuration or
// settings say so, or where nobody there could print to them.
func (n *node) advertised(ctx context.Context) ([]dnssd.Service, error) {
	if !n.settings().IPP.Advertise || onlyHere(n.ipp.addr()) {
		return nil, nil
	}
	set, err := n.scope.Settings(ctx)
	if err != nil || !set.Advertise {
		return nil, err
	}
	host := n.advertiser.HostName()
	if host == "" {
		host = localName()
	}
	at := setup.Node{Host: host, IPP: portOf(n.ipp.addr()), Web: portOf(n.web.addr())}
	if !onlyHere(n.lpd.addr()) {
		at.LPD = portOf(n.lpd.addr())
	}
	return services(ctx, n.scope, at)
}

// shelves are where queues and devices are read from.
type shelves interface {
	Queues(ctx context.Context) ([]site.Queue, error)
	Devices(ctx context.Context) ([]site.Device, error)
}

// services are the queues as they are advertised, on the LAN or in a zone. What
// they can do is told in the words of the queues themselves.
func services(ctx context.Context, s shelves, at setup.Node) ([]dnssd.Service, error) {
	queues, err := s.Queues(ctx)
	if err != nil {
		return nil, err
	}
	devices, err := s.Devices(ctx)
	if err != nil {
		return nil, err
	}
	var list []dnssd.Service
	for _, q := range queues {
		if q.IPP.Hidden || !q.AcceptJobs {
			continue
		}
		list = append(list, toService(q, ippsrv.Describe(q, devices), at))
	}
	return list, nil
}

func toService(q site.Queue, d ippsrv.Advert, at setup.Node) dnssd.Service {
	v := dnssd.Service{
		Instance: d.Instance, Queue: q.Name, ResourcePath: strings.TrimPrefix(setup.Of(at, q).Path(), "/"), UUID: d.UUID,
		Make: d.Model, Note: q.IPP.Location, Priority: 100 - q.Priority,
		PDL: d.Formats, URF: strings.Join(d.URF, ","), Colour: d.Colour, Duplex: d.Duplex,
		Copies: dnssd.Has(d.Copies > 1), Collate: dnssd.Has(d.Copies > 1), PaperMax: paperMax(d.Media),
		Bind: finishes(d, 7, 90, 99), Punch: finishes(d, 5, 70, 89), Staple: finishes(d, 4, 20, 35), Covers: finishes(d, 6, 6, 6),
		Port: at.IPP, TLSPort: at.IPP, TLSVersion: "1.3", LPDPort: at.LPD, Mopria: d.Mopria,
	}
	if pages := at.Pages(); pages != "" {
		v.AdminURL = pages + "print" // printer-more-info of who comes by that name
	}
	if q.IPP.RequireIdentity {
		v.Air = "username,password"
	}
	return v
}

// finishes says whether a finishing is there: the plain one, or one of those with
// a place (PWG 5100.1, table 1).
func finishes(d ippsrv.Advert, plain, from, to int) dnssd.Feature {
	return dnssd.Has(slices.ContainsFunc(d.Finishings, func(f int) bool { return f == plain || f >= from && f <= to }))
}

// paperMax is the class of the largest sheet (Bonjour Printing Specification 1.2).
func paperMax(media []string) string {
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(media, n) })
	}
	switch {
	case has("iso_a3_297x420mm", "na_ledger_11x17in"):
		return "tabloid-A3"
	case has("iso_a4_210x297mm", "na_letter_8.5x11in", "na_legal_8.5x14in"):
		return "legal-A4"
	}
	return "<legal-A4"
}

// localLabel is the node's own name on the LAN. The machine may be there under
// its own name already, with a responder that is not ours.
func localLabel() string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, strings.ToLower("platen-"+hostName()))
	return strings.TrimRight(name[:min(len(name), 63)], "-")
}

func localName() string { return localLabel() + ".local" }

// certified are the names that the node's certificate shall hold: also the one
// under which its queues are advertised.
func certified(cfg config.Config) []string {
	names := slices.Clone(cfg.Web.Names)
	if cfg.IPP.Advertise && cfg.Listen.IPP != "" && !onlyHere(cfg.Listen.IPP) {
		names = append(names, localName())
	}
	for _, l := range cfg.Listen.Old { // it may have an address of its own
		if ap, err := netip.ParseAddrPort(l.Address); err == nil && !ap.Addr().IsUnspecified() {
			names = append(names, ap.Addr().Unmap().WithZone("").String())
		}
	}
	return names
}

// hosts are the names under which requests are answered. The one on the LAN is
// another than expected when somebody else has that.
func (n *node) hosts() []string {
	list := n.chain.Hosts()
	if h := n.advertiser.HostName(); h != "" {
		list = append(slices.Clone(list), h)
	}
	return list
}

// onlyHere reports whether an address is for this machine alone, or nowhere.
func onlyHere(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

func portOf(addr string) int {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(port)
	return n
}

// interfacesOf returns the interface with this address; none when it is that of
// all interfaces.
func interfacesOf(addr string) []string {
	want, err := netip.ParseAddrPort(addr)
	if err != nil || want.Addr().IsUnspecified() {
		return nil
	}
	all, err := net.Interfaces()
	if err != nil {
		return nil
	}
	for _, i := range all {
		list, _ := i.Addrs()
		for _, a := range list {
			if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Unmap() == want.Addr().Unmap().WithZone("") {
				return []string{i.Name}
			}
		}
	}
	return nil
}

// clientHost is the name by which clients should know the node: the one that its
// administrator gave it, else what the machine calls itself.
func clientHost(cfg config.Config) string {
	for _, name := range cfg.Web.Names {
		if _, err := netip.ParseAddr(name); err != nil && !strings.Contains(name, "*") {
			return strings.ToLower(name)
		}
	}
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return strings.ToLower(name)
}

// notRunning is the error of what only a node that runs can say.
func notRunning(op string) error {
	return &fault.Error{Op: op, Kind: fault.Unavailable, Text: "The node is not running, so its ports are not known. Start it first: platen service start, or platen run."}
}

// reached is where clients reach the node, as far as it can know: by this host,
// or by its own name.
func (a *admin) reached(host string) (setup.Node, error) {
	if host == "" {
		host = clientHost(a.place.cfg)
	}
	if host = strings.Trim(host, "[]"); strings.ContainsAny(host, " /@?#%\"'\\") || host == "" {
		return setup.Node{}, usagef("%q is not the name or the address of a host", plain(host))
	}
	at := readAddresses(a.place.addresses())
	port := func(running, configured string) int {
		if running == "" {
			running = configured
		}
		return portOf(running)
	}
	l := a.place.cfg.Listen
	n := setup.Node{Host: host, IPP: port(at.IPP, l.IPP), LPD: port(at.LPD, l.LPD), Web: port(at.Web, l.Web)}
	if n.IPP == 0 && a.running == nil && l.IPP != "" {
		return n, notRunning("node.reached")
	}
	if n.IPP == 0 {
		return n, &fault.Error{Op: "node.reached", Kind: fault.Invalid, Text: "This node does not listen for IPP, or has not said yet at which port."}
	}
	return n, nil
}

// queuesChanged tells the running node to look at its queues again.
func (a *admin) queuesChanged() {
	if a.running != nil {
		a.running.advertiser.Update()
	}
}
