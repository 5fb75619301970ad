package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// valueError is a value that cannot be read. The decoder does not always say
// where a value stands, so the value itself comes along to be looked for.
type valueError struct{ raw, text string }

func (e *valueError) Error() string { return e.text }

// Duration is a time.Duration that the file spells "5m" or "168h".
type Duration struct{ time.Duration }

// UnmarshalText reads Go's notation. A bare number has no unit and is refused:
// whoever wrote 300 may have meant seconds or minutes.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return &valueError{string(text), fmt.Sprintf("%q is not a time such as \"30s\", \"5m\" or \"168h\"", text)}
	}
	d.Duration = v
	return nil
}

// MarshalText writes the shortest form that UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) {
	s := d.Duration.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return []byte(s), nil
}

// Network is a netip.Prefix that the file may also spell as the address of one
// host, "192.0.2.50".
type Network struct{ netip.Prefix }

// UnmarshalText reads an address or a prefix.
func (n *Network) UnmarshalText(text []byte) error {
	p, err := netip.ParsePrefix(string(text))
	if a, addrErr := netip.ParseAddr(string(text)); addrErr == nil {
		p, err = netip.PrefixFrom(a, a.BitLen()), nil
	}
	if err != nil || p.Addr().Is4In6() || p.Addr().Zone() != "" {
		return &valueError{string(text), fmt.Sprintf("%q is not an address such as \"192.0.2.50\" or a network such as \"192.0.2.48/29\"", text)}
	}
	n.Prefix = p.Masked()
	return nil
}

// MarshalText writes the shortest form that UnmarshalText reads.
func (n Network) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// String writes one host without its length.
func (n Network) String() string {
	if n.IsSingleIP() {
		return n.Addr().String()
	}
	return n.Prefix.String()
}

// Octets is a size that the file spells 65536 or "64KiB".
type Octets int64

// units from the largest to the smallest, as MarshalText tries them.
var units = []struct {
	name string
	size int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// UnmarshalText reads a number of octets with or without a binary unit.
func (o *Octets) UnmarshalText(text []byte) error {
	v, err := ParseOctets(string(text))
	*o = Octets(v)
	return err
}

// MarshalText writes the largest unit that divides the size.
func (o Octets) MarshalText() ([]byte, error) {
	for _, u := range units {
		if o != 0 && int64(o)%u.size == 0 {
			return []byte(strconv.FormatInt(int64(o)/u.size, 10) + u.name), nil
		}
	}
	return []byte(strconv.FormatInt(int64(o), 10)), nil
}

// ParseOctets reads "512MiB", "4 GiB" or "65536". Units are the binary ones
// only, because a GB means two sizes to two people.
func ParseOctets(s string) (int64, error) {
	digits, factor := strings.TrimSpace(s), int64(1)
	for _, u := range units {
		if cut, ok := strings.CutSuffix(digits, u.name); ok {
			digits, factor = strings.TrimSpace(cut), u.size
			break
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > (1<<62)/factor {
		return 0, &valueError{s, fmt.Sprintf("%q is not a size such as 65536, \"64KiB\" or \"4GiB\"", s)}
	}
	return n * factor, nil
}
