package dnssd

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"platen/fault"
)

// ZoneData is what a zone for a name server says.
type ZoneData struct {
	Domain   string // "example.org": the clients' search domain, DHCP options 15 and 119
	Host     string // where the queues are: a full name, or one label in Domain
	Addrs    []netip.Addr
	TTL      int // seconds; an hour when 0
	Services []Service
}

// Zone writes what makes queues findable in a domain without multicast (RFC
// 6763, sections 10 and 11), to be included in the zone of that domain. With
// Addrs it also gives Host its addresses, when Host is in the domain. Instance
// names stay as they are: one that DNS cannot hold is refused.
func Zone(w io.Writer, z ZoneData) error {
	domain, host, err := z.names()
	if err != nil {
		return err
	}
	if err := z.instances(domain); err != nil {
		return err
	}
	ttl := z.TTL
	if ttl <= 0 {
		ttl = 3600
	}
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "; DNS-SD of print queues (RFC 6763); include it in the zone %s\n$ORIGIN %s\n$TTL %d\n", domain, domain, ttl)
	for _, browse := range []string{"b", "lb"} { // to browse, and to browse without being asked
		fmt.Fprintf(b, "%s._dns-sd._udp PTR @\n", browse)
	}
	for _, t := range z.types() {
		fmt.Fprintf(b, "_services._dns-sd._udp PTR %s\n", t)
	}
	if label, ok := strings.CutSuffix(host, "."+domain); ok {
		for _, a := range z.Addrs {
			kind := "AAAA"
			if a = a.Unmap(); a.Is4() {
				kind = "A"
			}
			fmt.Fprintf(b, "%s %s %s\n", label, kind, a.WithZone(""))
		}
	}
	for _, s := range z.Services {
		for _, o := range s.zoneOffers() {
			writeOffer(b, escape(s.Instance), o, host)
		}
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("dnssd.Zone: %w", err)
	}
	return nil
}

func writeOffer(w io.Writer, label string, o offer, host string) {
	name := label + "." + o.typ
	fmt.Fprintf(w, "\n%s PTR %s\n", o.typ, name)
	for _, sub := range o.subs {
		fmt.Fprintf(w, "%s._sub.%s PTR %s\n", sub, o.typ, name)
	}
	fmt.Fprintf(w, "%s SRV 0 0 %d %s\n%s TXT", name, o.port, host, name)
	for _, s := range o.txt {
		fmt.Fprintf(w, " %s", quoteTXT(s))
	}
	fmt.Fprintln(w)
}

// zoneOffers are the types of a zone: a name that only guards is for the LAN.
func (s Service) zoneOffers() []offer {
	return slices.DeleteFunc(s.offers(), func(o offer) bool { return o.port == 0 })
}

func (z ZoneData) types() []string {
	var list []string
	for _, s := range z.Services {
		for _, o := range s.zoneOffers() {
			if !slices.Contains(list, o.typ) {
				list = append(list, o.typ)
			}
		}
	}
	return list
}

const zoneOp = "dnssd.Zone"

// names returns domain and host as absolute names.
func (z ZoneData) names() (domain, host string, err error) {
	domain = strings.ToLower(strings.TrimSuffix(z.Domain, "."))
	host = strings.ToLower(strings.TrimSuffix(z.Host, "."))
	if !isDomain(domain) || strings.HasSuffix("."+domain, ".local") {
		return "", "", &fault.Error{Op: zoneOp, Kind: fault.Invalid, Text: "“%s” is not a domain of a name server.", Args: []any{z.Domain}}
	}
	if host != "" && !strings.Contains(host, ".") {
		host += "." + domain
	}
	if !isDomain(host) {
		return "", "", &fault.Error{Op: zoneOp, Kind: fault.Invalid, Text: "“%s” is not the name of a host.", Args: []any{z.Host}}
	}
	return domain + ".", host + ".", nil
}

// isDomain accepts what host names are made of, so that nothing in it means
// something to the reader of the file.
func isDomain(name string) bool {
	if !isHostName(name) {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return true
}

// maxName is the length of a name on the wire without its final zero, RFC 1035,
// section 3.1.
const maxName = 254

// instances refuses names that DNS cannot hold, and equal ones: they would be
// one printer with two addresses.
func (z ZoneData) instances(domain string) error {
	seen := map[string]bool{}
	for _, s := range z.Services {
		refuse := func(text string) error {
			return &fault.Error{Op: zoneOp, Kind: fault.Invalid, Text: text, Args: []any{s.Instance}}
		}
		if s.Instance != tidy(s.Instance) {
			return refuse("The name “%s” cannot be used: it has control characters, or space around it.")
		}
		if err := s.check(); err != nil {
			return &fault.Error{Op: zoneOp, Kind: fault.Invalid, Text: "The queue “%s” cannot be listed: its name, its path or a port is missing or wrong.", Args: []any{s.Instance}, Err: err}
		}
		if len(s.Instance) > maxLabel || len(s.Instance)+len("._printer._tcp.")+len(domain) > maxName {
			return refuse("The name “%s” is too long for a name server. Please choose one of at most 63 octets.")
		}
		key := strings.ToLower(s.Instance)
		if seen[key] {
			return refuse("Two queues are called “%s”. Please rename one of them.")
		}
		seen[key] = true
	}
	return nil
}

// quoteTXT writes one string of a TXT record, RFC 1035, section 5.1.
func quoteTXT(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\%03d`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
