package dnssd

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// link is one interface with the addresses to announce on it.
type link struct {
	index    int
	name     string
	v4, v6   []netip.Addr
	prefixes []netip.Prefix // who is on the link
}

// maxAddrs keeps a message small when an interface collects addresses.
const maxAddrs = 8

// links returns the interfaces to speak on: the named ones, or else all that
// are up, can multicast and lead to more than one other machine.
func links(names []string) ([]link, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("dnssd: %w", err)
	}
	var list []link
	for _, ifc := range all {
		named := slices.Contains(names, ifc.Name)
		if len(names) > 0 && !named || ifc.Flags&net.FlagUp == 0 || ifc.Flags&net.FlagMulticast == 0 {
			continue
		}
		if !named && ifc.Flags&(net.FlagLoopback|net.FlagPointToPoint) != 0 {
			continue
		}
		addrs, err := ifc.Addrs()
		if err != nil {
			continue // it went a moment ago
		}
		if l := newLink(ifc, addrs); len(l.v4)+len(l.v6) > 0 {
			list = append(list, l)
		}
	}
	if len(list) == 0 {
		return nil, errors.New("dnssd: no interface that is up, has an address and can multicast")
	}
	slices.SortFunc(list, func(a, b link) int { return cmp.Compare(a.index, b.index) })
	return list, nil
}

func newLink(ifc net.Interface, addrs []net.Addr) link {
	l := link{index: ifc.Index, name: ifc.Name}
	var near []netip.Addr // fe80::/10, of use only where nothing better is
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		ip, ok := netip.AddrFromSlice(n.IP)
		if !ok {
			continue
		}
		ip = ip.Unmap()
		bits, _ := n.Mask.Size()
		l.prefixes = append(l.prefixes, netip.PrefixFrom(ip, bits).Masked())
		switch {
		case ip.Is4():
			l.v4 = append(l.v4, ip)
		case ip.IsLinkLocalUnicast():
			near = append(near, ip)
		default:
			l.v6 = append(l.v6, ip)
		}
	}
	if len(l.v6) == 0 {
		l.v6 = near
	}
	slices.SortFunc(l.v4, netip.Addr.Compare)
	slices.SortFunc(l.v6, netip.Addr.Compare)
	l.v4, l.v6 = l.v4[:min(len(l.v4), maxAddrs)], l.v6[:min(len(l.v6), maxAddrs)]
	return l
}

func (l link) has(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(l.prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

func sameLinks(a, b []link) bool {
	return slices.EqualFunc(a, b, func(x, y link) bool {
		return x.index == y.index && x.name == y.name && slices.Equal(x.v4, y.v4) && slices.Equal(x.v6, y.v6)
	})
}
