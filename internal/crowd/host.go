package crowd

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// IsHere reports whether the request is for this node: for one of its names, where
// "*.example.com" is any one label below that, or for the very address that the
// connection reached. The latter cannot be forged by a name that somebody points at us.
func IsHere(r *http.Request, hosts []string) bool {
	host := HostOf(r.Host)
	if a, err := netip.ParseAddr(host); err == nil {
		if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && address(local.String()) == a.Unmap() {
			return true
		}
	}
	label, above, _ := strings.Cut(host, ".")
	return host != "" && slices.ContainsFunc(hosts, func(h string) bool {
		h = HostOf(h)
		return h == host || label != "" && above != "" && h == "*."+above
	})
}

// HostOf returns the host of "host:port" in the form it is compared in.
func HostOf(hostport string) string {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap().String()
	}
	return host
}

// address returns the address of "ip:port", the zero one when there is none.
func address(hostport string) netip.Addr {
	ap, err := netip.ParseAddrPort(hostport)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}
