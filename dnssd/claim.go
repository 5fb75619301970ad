package dnssd

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Lives of records, RFC 6762, section 10: what names a host two minutes,
// anything else 75.
const (
	hostTTL  = 120
	otherTTL = 4500
)

const flush = 1 << 15 // the cache-flush bit of a record, and of a question the wish for unicast

type phase int

const (
	probing    phase = iota // is the name free?
	announcing              // it is ours, and everybody shall know
	standing
)

// claim is one name that only one host of the LAN may have: our host name, or
// the instance name of a queue under all its types.
type claim struct {
	key   string // empty for the host
	want  string // as configured
	name  string // as it became
	tries int    // names tried so far

	service Service
	offers  []offer

	phase     phase
	step      int
	due       time.Time
	announced bool // under this name, ever: somebody may remember it
	conflicts int  // since it last stood
	fights    int  // lost while it stood, ever
}

func (c *claim) isHost() bool { return c.key == "" }

// owners are the names of the claim's records that nobody else may have.
func (c *claim) owners() []string {
	if c.isHost() {
		return []string{hostName(c.name)}
	}
	var list []string
	for _, o := range c.offers {
		list = append(list, instanceName(c.name, o.typ))
	}
	return list
}

func hostName(label string) string { return canonical(label + "." + local) }

func header(name string, rrtype uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: rrtype, Class: dns.ClassINET, Ttl: ttl}
}

// identity are the records that a probe proposes and a conflict is seen by: SRV
// of each type, or the addresses.
func (c *claim) identity(host string, l link) []dns.RR {
	if c.isHost() {
		return addresses(hostName(c.name), l)
	}
	var list []dns.RR
	for _, o := range c.offers {
		list = append(list, &dns.SRV{
			Hdr:    header(instanceName(c.name, o.typ), dns.TypeSRV, hostTTL),
			Port:   uint16(o.port),
			Target: hostName(host),
		})
	}
	return list
}

func addresses(name string, l link) []dns.RR {
	var list []dns.RR
	for _, a := range l.v4 {
		list = append(list, &dns.A{Hdr: header(name, dns.TypeA, hostTTL), A: a.AsSlice()})
	}
	for _, a := range l.v6 {
		list = append(list, &dns.AAAA{Hdr: header(name, dns.TypeAAAA, hostTTL), AAAA: a.AsSlice()})
	}
	return list
}

// records are all that the claim says on a link.
func (c *claim) records(host string, l link) []dns.RR {
	list := c.identity(host, l)
	if c.isHost() {
		return append(list, nothingElse(list))
	}
	for i, o := range c.offers {
		name := list[i].Header().Name
		text := &dns.TXT{Hdr: header(name, dns.TypeTXT, otherTTL)}
		for _, s := range o.txt {
			text.Txt = append(text.Txt, strings.ReplaceAll(s, `\`, `\\`)) // the codec takes a backslash for an escape
		}
		list = append(list, text, nothingElse([]dns.RR{list[i], text}))
		list = append(list, pointer("_services._dns-sd._udp."+local, o.typ+"."+local))
		list = append(list, pointer(o.typ+"."+local, name))
		for _, sub := range o.subs {
			list = append(list, pointer(sub+"._sub."+o.typ+"."+local, name))
		}
	}
	return list
}

func pointer(name, to string) dns.RR {
	return &dns.PTR{Hdr: header(canonical(name), dns.TypePTR, otherTTL), Ptr: canonical(to)}
}

// nothingElse says that a name has these types and no others, so that nobody
// waits for an IPv6 address that will never come (RFC 6762, section 6.1).
func nothingElse(of []dns.RR) dns.RR {
	h := of[0].Header()
	n := &dns.NSEC{Hdr: header(h.Name, dns.TypeNSEC, h.Ttl), NextDomain: h.Name}
	for _, rr := range of {
		if t := rr.Header().Rrtype; !slices.Contains(n.TypeBitMap, t) {
			n.TypeBitMap = append(n.TypeBitMap, t)
		}
	}
	slices.Sort(n.TypeBitMap)
	return n
}

// rdata returns the octets of a record's data, uncompressed.
func rdata(rr dns.RR) []byte {
	buf := make([]byte, dns.Len(rr)+256)
	end, err := dns.PackRR(rr, buf, 0, nil, false)
	if err != nil {
		return nil
	}
	_, start, err := dns.UnpackDomainName(buf, 0)
	if err != nil || start+10 > end {
		return nil
	}
	data := buf[start+10 : end]
	switch rr.(type) {
	case *dns.SRV, *dns.PTR: // names do not differ by case
		data = bytes.ToLower(data)
	}
	return data
}

// same says whether two records say the same of the same name.
func same(a, b dns.RR) bool {
	x, y := a.Header(), b.Header()
	if x.Rrtype != y.Rrtype || !strings.EqualFold(x.Name, y.Name) {
		return false
	}
	if p, ok := a.(*dns.PTR); ok { // there may be very many, and this is quick
		q, ok := b.(*dns.PTR)
		return ok && strings.EqualFold(p.Ptr, q.Ptr)
	}
	return bytes.Equal(rdata(a), rdata(b))
}

// later compares what two hosts propose for one name at the same moment, RFC
// 6762, section 8.2: 0 when both say the same, and more than 0 when ours wins.
func later(ours, theirs []dns.RR) int {
	order := func(a, b dns.RR) int {
		x, y := a.Header(), b.Header()
		if d := int(x.Class&^flush) - int(y.Class&^flush); d != 0 {
			return d
		}
		if d := int(x.Rrtype) - int(y.Rrtype); d != 0 {
			return d
		}
		return bytes.Compare(rdata(a), rdata(b))
	}
	ours, theirs = slices.SortedFunc(slices.Values(ours), order), slices.SortedFunc(slices.Values(theirs), order)
	return slices.CompareFunc(ours, theirs, order)
}

// taken says whether rr, heard from somebody else, denies us one of the names:
// it is of a kind that we use and says something that we do not say on any link.
func taken(rr dns.RR, owners []string, ours []dns.RR) bool {
	h := rr.Header()
	if h.Ttl == 0 || h.Class&^flush != dns.ClassINET {
		return false
	}
	switch h.Rrtype {
	case dns.TypeSRV, dns.TypeA, dns.TypeAAAA:
	default:
		return false
	}
	if !slices.ContainsFunc(owners, func(o string) bool { return strings.EqualFold(o, h.Name) }) {
		return false
	}
	return !slices.ContainsFunc(ours, func(o dns.RR) bool { return same(o, rr) })
}

func addrOf(rr dns.RR) (netip.Addr, bool) {
	var ip []byte
	switch rr := rr.(type) {
	case *dns.A:
		ip = rr.A
	case *dns.AAAA:
		ip = rr.AAAA
	default:
		return netip.Addr{}, false
	}
	a, ok := netip.AddrFromSlice(ip)
	return a.Unmap(), ok && !a.IsUnspecified()
}
