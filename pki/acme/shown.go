package acme

import (
	"context"
	"errors"
	"net"
	"slices"

	"github.com/miekg/dns"

	"platen/fault"
)

var errNotShown = errors.New("acme: a name server does not show the entry")

// ready waits until every name server of the zones shows the entries: the ACME server
// asks any of them.
func (u *updates) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, shownWithin, errNotShown)
	defer cancel()
	for _, e := range u.made {
		for _, server := range u.nameServers(ctx, e.zone) {
			if err := u.shown(ctx, server, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// shown waits for one name server. One that cannot be reached from here, as behind the
// firewalls of many houses, is not waited for; the server that took the entry is.
func (u *updates) shown(ctx context.Context, server string, e entry) error {
	const tries = 2
	silent := 0
	err := new(transport).poll(ctx, func() (bool, error) {
		r, err := u.ask(ctx, server, e.name, dns.TypeTXT)
		if err != nil {
			silent++
			if silent >= tries && server != u.updateServer() && ctx.Err() == nil {
				u.log().Info("acme: a name server of the zone cannot be asked from here", "server", server, "zone", e.zone, "error", err)
				return true, nil
			}
			return false, nil
		}
		return slices.ContainsFunc(r.Answer, func(rr dns.RR) bool {
			t, ok := rr.(*dns.TXT)
			return ok && slices.Equal(t.Txt, []string{e.value})
		}), nil
	})
	if errors.Is(err, errNotShown) {
		return &fault.Error{Op: "acme.dns", Kind: fault.Unavailable, Err: err,
			Text: "The name server %s does not show %s yet. Try again later.", Args: []any{server, plain(e.name)}}
	}
	return err
}

// nameServers returns host:port of the server that takes the entries, which may be
// hidden from the world, and then of those that the zone names.
func (u *updates) nameServers(ctx context.Context, zone string) []string {
	servers := []string{u.updateServer()}
	r, err := u.ask(ctx, u.updateServer(), zone, dns.TypeNS)
	if err != nil {
		return servers
	}
	for _, rr := range r.Answer {
		ns, ok := rr.(*dns.NS)
		if !ok || len(servers) > 16 {
			continue
		}
		if host := u.address(ctx, ns.Ns); host != "" && !slices.Contains(servers, net.JoinHostPort(host, u.port())) {
			servers = append(servers, net.JoinHostPort(host, u.port()))
		}
	}
	return servers
}

func (u *updates) port() string {
	if u.nsPort != "" {
		return u.nsPort
	}
	return "53"
}

// address returns where a name server is, or "" when nobody knows.
func (u *updates) address(ctx context.Context, name string) string {
	if r, err := u.ask(ctx, u.updateServer(), name, dns.TypeA); err == nil {
		for _, rr := range r.Answer {
			if a, ok := rr.(*dns.A); ok {
				return a.A.String()
			}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, dnsTimeout)
	defer cancel()
	list, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	if err != nil || len(list) == 0 {
		u.log().Info("acme: a name server of the zone has no address", "name", name, "error", err)
		return ""
	}
	return list[0].Unmap().String()
}
