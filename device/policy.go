package device

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"platen/fault"
)

// Well-known ports.
const (
	lprPort = 515
	rawPort = 9100
)

// A host is where a network device is, before its name is resolved.
type host struct {
	name string // name or address
	port uint16
}

func (h host) String() string { return net.JoinHostPort(h.name, strconv.Itoa(int(h.port))) }

// parseHost takes the host of a device URI. An address that is not allowed is
// refused here already, so that an administrator sees it when entering it.
func parseHost(u *url.URL, port uint16, s Settings) (host, error) {
	const op = "device.New"
	h := host{name: u.Hostname(), port: port}
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return host{}, &fault.Error{Op: op, Kind: fault.Invalid, Text: "The port of a device is a number from 1 to 65535.", Err: err}
		}
		h.port = uint16(n)
	}
	if h.name == "" || len(h.name) > 253 || strings.ContainsAny(h.name, " %\t\r\n\x00") {
		return host{}, &fault.Error{Op: op, Kind: fault.Invalid, Text: "The address of a device looks like ipp://host/path, lpr://host/queue, socket://host or folder:///path."}
	}
	if addr, err := netip.ParseAddr(h.name); err == nil {
		if err := s.permit(netip.AddrPortFrom(addr, h.port)); err != nil {
			return host{}, err
		}
	}
	return h, nil
}

func hostPort(u *url.URL, port uint16) string {
	if p := u.Port(); p != "" {
		return net.JoinHostPort(u.Hostname(), p)
	}
	return net.JoinHostPort(u.Hostname(), strconv.Itoa(int(port)))
}

// Prefixes whose addresses hold an IPv4 address in the last or the next four
// octets: a refused address must not come back in a disguise.
var (
	nat64      = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052
	compatible = netip.MustParsePrefix("::/96")        // RFC 4291, section 2.5.5.1
	sixToFour  = netip.MustParsePrefix("2002::/16")    // RFC 3056
	thisNet    = netip.MustParsePrefix("0.0.0.0/8")    // RFC 1122, section 3.2.1.3
	reserved   = netip.MustParsePrefix("240.0.0.0/4")  // RFC 1112, section 4, with the broadcast address
)

// plain returns the address that a connection to a really goes to.
func plain(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if !a.Is6() || a.IsLoopback() || a.IsUnspecified() {
		return a
	}
	b := a.As16()
	switch {
	case nat64.Contains(a), compatible.Contains(a):
		return netip.AddrFrom4([4]byte(b[12:16]))
	case sixToFour.Contains(a):
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return a
}

// permit says whether a device may be at this address. Refused are this
// machine, link-local addresses (169.254.169.254 answers questions about
// clouds), and what no single device has, unless an administrator listed them.
func (s Settings) permit(ap netip.AddrPort) error {
	const op = "device.permit"
	a := plain(ap.Addr())
	local := a.IsLoopback() || a.IsUnspecified() || thisNet.Contains(a) || ownAddress(a)
	if local && slices.Contains(s.OwnPorts, ap.Port()) {
		return &fault.Error{Op: op, Kind: fault.Denied, Text: "A device cannot be this node itself.", Err: fmt.Errorf("%s", ap)}
	}
	if slices.ContainsFunc(s.Allow, func(p netip.Prefix) bool { return p.Contains(a) }) {
		return nil
	}
	switch {
	case !a.IsValid(), a.IsUnspecified(), thisNet.Contains(a), reserved.Contains(a), a.IsMulticast(),
		a.IsLinkLocalUnicast(),
		a.IsLoopback() && !s.AllowLoopback:
		return &fault.Error{Op: op, Kind: fault.Denied, Text: "A device may not be at this address. An administrator can allow it in the configuration.", Err: fmt.Errorf("%s", ap)}
	}
	return nil
}

// ownAddress reports whether a belongs to this machine.
func ownAddress(a netip.Addr) bool {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, i := range all {
		if n, ok := i.(*net.IPNet); ok {
			if own, ok := netip.AddrFromSlice(n.IP); ok && own.Unmap() == a {
				return true
			}
		}
	}
	return false
}

// resolve returns the allowed addresses of a host. When it has addresses and
// none is allowed, the answer is Denied.
func (s Settings) resolve(ctx context.Context, h host) ([]netip.AddrPort, error) {
	const op = "device.resolve"
	addrs, err := s.lookup(ctx, h.name)
	if err != nil || len(addrs) == 0 {
		return nil, unavailable(op, "The name of the device cannot be found in the network.", err)
	}
	var allowed []netip.AddrPort
	var refused error
	for _, a := range addrs {
		ap := netip.AddrPortFrom(a.Unmap(), h.port)
		if err := s.permit(ap); err != nil {
			refused = err
			continue
		}
		allowed = append(allowed, ap)
	}
	if len(allowed) == 0 {
		return nil, refused
	}
	return allowed, nil
}

func (s Settings) lookup(ctx context.Context, name string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(name); err == nil {
		return []netip.Addr{a}, nil
	}
	var r Resolver = net.DefaultResolver
	if s.Resolver != nil {
		r = s.Resolver
	}
	return r.LookupNetIP(ctx, "ip", name)
}

// guard is the last look at an address, when the socket is about to connect to
// it: whatever a name meant before, this is where the octets would go.
func (s Settings) guard(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return &fault.Error{Op: "device.guard", Kind: fault.Denied, Err: err}
	}
	return s.permit(ap)
}
