package pki

import (
	"crypto/x509"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// HostNames returns what a node on this machine is called: localhost, the
// loopback addresses, the machine's name and its private addresses, and then
// extra, which may hold names, addresses, and either with a port.
func HostNames(extra ...string) []string {
	names := []string{"localhost", "127.0.0.1", "::1"}
	add := func(raw string) {
		if n, _, ok := normal(raw); ok && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	if host, err := os.Hostname(); err == nil {
		add(host)
	}
	for _, a := range interfaceAddrs() {
		add(a.String())
	}
	for _, e := range extra {
		if host, _, err := net.SplitHostPort(e); err == nil {
			e = host
		}
		add(e)
	}
	return names
}

// interfaceAddrs returns the private addresses of this machine. Link-local
// ones need a zone, which no certificate can hold; public ones are named by the
// administrator or not at all.
func interfaceAddrs() []netip.Addr {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var addrs []netip.Addr
	for _, a := range list {
		p, err := netip.ParsePrefix(a.String())
		if err != nil || p.Addr().IsLinkLocalUnicast() {
			continue
		}
		if slices.ContainsFunc(private, func(q netip.Prefix) bool { return q.Contains(p.Addr()) }) {
			addrs = append(addrs, p.Addr())
		}
	}
	return addrs
}

// normal returns the form in which a name stands in a certificate; addr is
// valid when it is an address. A wildcard address, an address with a zone, or
// what is no host name at all is not ok.
func normal(raw string) (name string, addr netip.Addr, ok bool) {
	n := strings.ToLower(strings.TrimSuffix(strings.TrimSpace(raw), "."))
	if a, err := netip.ParseAddr(strings.Trim(n, "[]")); err == nil {
		a = a.Unmap()
		return a.String(), a, !a.IsUnspecified() && a.Zone() == ""
	}
	return n, netip.Addr{}, isHostName(n)
}

// isHostName checks RFC 1123, section 2.1, and allows the underscore that
// Windows machines have in their names.
func isHostName(n string) bool {
	if n == "" || len(n) > 253 {
		return false
	}
	for label := range strings.SplitSeq(n, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

// within reports whether name is one of domains or below one of them.
func within(domains []string, name string) bool {
	return slices.ContainsFunc(domains, func(d string) bool { return name == d || strings.HasSuffix(name, "."+d) })
}

// namesOf returns the names of a certificate, in the order of compareNames.
func namesOf(c *x509.Certificate) []string {
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		if a, ok := netip.AddrFromSlice(ip); ok {
			names = append(names, a.Unmap().String())
		}
	}
	slices.SortFunc(names, compareNames)
	return names
}

// compareNames puts host names before addresses, each in their own order.
func compareNames(a, b string) int {
	_, errA := netip.ParseAddr(a)
	_, errB := netip.ParseAddr(b)
	switch {
	case (errA == nil) == (errB == nil):
		return strings.Compare(a, b)
	case errA == nil:
		return 1
	default:
		return -1
	}
}

// title picks the name that people know a node by: the first that is no
// address and not localhost.
func title(names []string) string {
	for _, raw := range names {
		if n, addr, ok := normal(raw); ok && !addr.IsValid() && n != "localhost" && len(n) <= 40 {
			return n
		}
	}
	return "localhost"
}
