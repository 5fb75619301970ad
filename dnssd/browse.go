package dnssd

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/miekg/dns"
)

// Limits on what Browse keeps of the answers of strangers.
const (
	maxFound   = 512  // instances
	maxHosts   = 512  // names of hosts with addresses
	maxKeys    = 64   // of a TXT record
	maxTXT     = 4096 // octets of a TXT record
	maxMore    = 64   // questions in one message about what is missing
	maxBrowsed = 100_000
)

// browsed are the types under which printers are found, those we would rather
// speak first.
var browsed = []string{"_ipps._tcp", "_ipp._tcp", "_pdl-datastream._tcp", "_printer._tcp"}

// Found is a printer on the LAN, under one of its types.
type Found struct {
	Instance string // what people read
	Type     string // "_ipp._tcp"
	Host     string // "BRW1234.local", without a final dot
	Addrs    []netip.Addr
	Port     int
	TXT      map[string]string // keys in lower case
	URI      string            // how a device there is addressed; empty when it cannot be
}

// URIAt returns the URI with an address in place of the host's name, for systems
// that do not resolve .local.
func (f Found) URIAt(a netip.Addr) string { return f.uri(a.String()) }

// Browse asks the LAN for printers and returns what answered within wait, or
// before ctx ended. It asks on the named interfaces, or on all.
func Browse(ctx context.Context, wait time.Duration, interfaces ...string) ([]Found, error) {
	ls, err := links(interfaces)
	if err != nil {
		return nil, err
	}
	c, err := openConn(ls)
	if err != nil {
		return nil, err
	}
	defer c.close()
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()

	h := newHeap()
	tick := time.NewTimer(0)
	defer tick.Stop()
	for pause := 300 * time.Millisecond; ; {
		select {
		case <-ctx.Done():
			return h.found(), nil
		case err := <-c.failed:
			return h.found(), err
		case p := <-c.packets:
			h.take(p)
		case <-tick.C:
			for _, l := range c.links {
				for _, m := range h.ask() {
					_ = c.send(l, netip.AddrPort{}, m) // another link may do
				}
			}
			tick.Reset(pause)
			pause *= 2
		}
	}
}

// heap collects records as they come, in any order and from anybody.
type heap struct {
	instances map[string]instance // by lower-case name
	srv       map[string]*dns.SRV
	txt       map[string]map[string]string
	hosts     map[string][]netip.Addr
	records   int // looked at, of all kinds
}

type instance struct{ label, typ, name string }

func newHeap() *heap {
	return &heap{
		instances: map[string]instance{}, srv: map[string]*dns.SRV{},
		txt: map[string]map[string]string{}, hosts: map[string][]netip.Addr{},
	}
}

// ask returns the questions that are open: who is there, and then also what is
// missing of those who are.
func (h *heap) ask() []*dns.Msg {
	first := new(dns.Msg)
	for _, typ := range browsed {
		first.Question = append(first.Question, dns.Question{Name: typ + "." + local, Qtype: dns.TypePTR, Qclass: dns.ClassINET})
		for _, i := range h.instances { // who answered need not do it again
			if i.typ == typ && len(first.Answer) < maxMore {
				first.Answer = append(first.Answer, &dns.PTR{Hdr: header(typ+"."+local, dns.TypePTR, otherTTL), Ptr: i.name})
			}
		}
	}
	first.Compress = true
	list := []*dns.Msg{first}
	more := &dns.Msg{Compress: true}
	want := func(name string, t uint16) {
		if len(more.Question) < maxMore {
			more.Question = append(more.Question, dns.Question{Name: name, Qtype: t, Qclass: dns.ClassINET})
		}
	}
	for key, i := range h.instances {
		srv := h.srv[key]
		switch {
		case srv == nil:
			want(i.name, dns.TypeSRV)
		case len(h.hosts[strings.ToLower(srv.Target)]) == 0:
			want(srv.Target, dns.TypeA)
			want(srv.Target, dns.TypeAAAA)
		}
		if h.txt[key] == nil {
			want(i.name, dns.TypeTXT)
		}
	}
	if len(more.Question) > 0 {
		list = append(list, more)
	}
	return list
}

func (h *heap) take(p packet) {
	m := new(dns.Msg)
	if err := m.Unpack(p.octets); err != nil || !m.Response || m.Rcode != dns.RcodeSuccess || p.from.Port() != port {
		return
	}
	for _, rr := range slices.Concat(m.Answer, m.Extra) {
		if h.records++; h.records > maxBrowsed {
			return
		}
		h.add(rr)
	}
}

func (h *heap) add(rr dns.RR) {
	key, gone := strings.ToLower(rr.Header().Name), rr.Header().Ttl == 0
	switch rr := rr.(type) {
	case *dns.PTR:
		h.addInstance(key, rr.Ptr, gone)
	case *dns.SRV:
		if h.ofPrinter(key) && !gone {
			h.srv[key] = rr
		}
	case *dns.TXT:
		if h.ofPrinter(key) && !gone {
			h.txt[key] = parseTXT(rr.Txt)
		}
	case *dns.A, *dns.AAAA:
		a, ok := addrOf(rr)
		list := h.hosts[key]
		if ok && !gone && !a.IsLoopback() && !a.IsMulticast() && !slices.Contains(list, a) &&
			len(list) < maxAddrs && (list != nil || len(h.hosts) < maxHosts) {
			h.hosts[key] = append(list, a)
		}
	}
}

func (h *heap) addInstance(service, name string, gone bool) {
	typ := strings.TrimSuffix(service, "."+local)
	if !slices.Contains(browsed, typ) {
		return
	}
	label, ok := splitInstance(name, typ)
	key := strings.ToLower(name)
	switch {
	case gone:
		delete(h.instances, key)
	case ok && tidy(label) != "" && len(h.instances) < maxFound:
		h.instances[key] = instance{tidy(label), typ, name}
	}
}

// ofPrinter says whether SRV and TXT of a name are kept; they may come before
// the pointer to it.
func (h *heap) ofPrinter(name string) bool {
	if len(h.srv)+len(h.txt) > 4*maxFound {
		return false
	}
	return slices.ContainsFunc(browsed, func(typ string) bool {
		_, ok := splitInstance(name, typ)
		return ok
	})
}

// found puts together what belongs together. A type with port 0 only guards a
// name; what has no address cannot be reached.
func (h *heap) found() []Found {
	var list []Found
	for key, i := range h.instances {
		srv := h.srv[key]
		if srv == nil || srv.Port == 0 {
			continue
		}
		f := Found{
			Instance: i.label, Type: i.typ, Port: int(srv.Port), TXT: h.txt[key],
			Host:  strings.TrimSuffix(unescape(srv.Target), "."),
			Addrs: slices.Clone(h.hosts[strings.ToLower(srv.Target)]),
		}
		if len(f.Addrs) == 0 || !isHostName(f.Host) {
			continue
		}
		slices.SortFunc(f.Addrs, netip.Addr.Compare)
		f.URI = f.uri(f.Host)
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b Found) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Instance), strings.ToLower(b.Instance)),
			slices.Index(browsed, a.Type)-slices.Index(browsed, b.Type), strings.Compare(a.Instance, b.Instance))
	})
	return list
}

// isHostName keeps names out that mean something else inside a URI.
func isHostName(s string) bool {
	return s != "" && len(s) <= 253 && !strings.HasPrefix(s, "-") &&
		!strings.ContainsFunc(s, func(r rune) bool { return r != '.' && (r > 127 || !isPlain(byte(r))) })
}

// uri proposes how to address the device. lpr and socket are what the drivers of
// devices are called here.
func (f Found) uri(host string) string {
	u := url.URL{Host: net.JoinHostPort(host, strconv.Itoa(f.Port))}
	rp := strings.Trim(f.TXT["rp"], "/")
	if strings.ContainsFunc(rp, func(r rune) bool { return unicode.IsControl(r) || r == ' ' || r == unicode.ReplacementChar }) {
		rp = ""
	}
	switch f.Type {
	case "_ipp._tcp", "_ipps._tcp":
		u.Scheme = strings.TrimSuffix(strings.TrimPrefix(f.Type, "_"), "._tcp")
		if rp == "" {
			rp = "ipp/print"
		}
		u.Path = "/" + rp
	case "_pdl-datastream._tcp":
		u.Scheme = "socket"
	case "_printer._tcp":
		u.Scheme = "lpr"
		if rp == "" {
			rp = "auto" // Bonjour Printing Specification 1.2, section 9.2.2
		}
		u.Path = "/" + rp
	}
	return u.String()
}

// parseTXT reads the strings of a TXT record, RFC 6763, section 6.4: the first
// of equal keys counts, and keys do not differ by case.
func parseTXT(list []string) map[string]string {
	got, size := map[string]string{}, 0
	for _, s := range list {
		s = unescape(s)
		if size += len(s); size > maxTXT || len(got) == maxKeys {
			break
		}
		key, value, _ := strings.Cut(s, "=")
		key = strings.ToLower(key)
		if key == "" || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
			continue
		}
		if _, twice := got[key]; !twice {
			got[key] = strings.ToValidUTF8(value, "\uFFFD")
		}
	}
	return got
}
