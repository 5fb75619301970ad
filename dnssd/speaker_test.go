package dnssd

import (
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// stage is a speaker with a clock that we move, and what it said.
type stage struct {
	t    *testing.T
	now  time.Time
	s    *speaker
	said []line
}

type line struct {
	at   time.Time
	link int
	to   netip.AddrPort
	m    *dns.Msg
}

var (
	link1  = newLink(net.Interface{Index: 1, Name: "one"}, []net.Addr{network("10.1.0.1/24"), network("fe80::1/64")})
	link2  = newLink(net.Interface{Index: 2, Name: "two"}, []net.Addr{network("10.2.0.1/24")})
	client = netip.MustParseAddrPort("10.1.0.9:5353")
)

func network(s string) net.Addr {
	ip, n, err := net.ParseCIDR(s)
	if err != nil {
		return nil
	}
	n.IP = ip
	return n
}

func newStage(t *testing.T) *stage {
	g := &stage{t: t, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	g.s = &speaker{log: slog.New(slog.DiscardHandler), links: []link{link1, link2}}
	g.s.send = func(l link, to netip.AddrPort, m *dns.Msg) {
		b, err := m.Pack()
		if err != nil {
			t.Fatalf("%v in %v", err, m)
		}
		read := new(dns.Msg)
		if err := read.Unpack(b); err != nil {
			t.Fatal(err)
		}
		g.said = append(g.said, line{g.now, l.index, to, read})
	}
	return g
}

// pass lets time go by and returns what was said in it.
func (g *stage) pass(d time.Duration) []line {
	from, end := len(g.said), g.now.Add(d)
	for {
		next := g.s.tick(g.now)
		if next.After(end) {
			g.now = end
			return g.said[from:]
		}
		g.now = next
	}
}

// hear gives the speaker a message of somebody on link 1.
func (g *stage) hear(from netip.AddrPort, m *dns.Msg) []line {
	g.t.Helper()
	b, err := m.Pack()
	if err != nil {
		g.t.Fatal(err)
	}
	at := len(g.said)
	g.s.handle(g.now, packet{b, from, 1})
	g.pass(200 * time.Millisecond)
	return g.said[at:]
}

func ask(name string, t uint16) *dns.Msg {
	return &dns.Msg{Question: []dns.Question{{Name: name, Qtype: t, Qclass: dns.ClassINET}}}
}

func records(list ...string) []dns.RR {
	var rrs []dns.RR
	for _, s := range list {
		rr, err := dns.NewRR(s)
		if err != nil {
			rrs = append(rrs, nil)
			continue
		}
		rrs = append(rrs, rr)
	}
	return rrs
}

func answered(list ...string) *dns.Msg {
	m := &dns.Msg{Answer: records(list...)}
	m.Response = true
	return m
}

func plainOffice() Service {
	s := office()
	s.Instance = "Office"
	return s
}

// standing returns a stage on which everything is announced.
func standingStage(t *testing.T, services ...Service) *stage {
	g := newStage(t)
	g.s.wish(g.now, "node", services)
	g.pass(10 * time.Second)
	return g
}

func has(list []dns.RR, text string) bool {
	return slices.ContainsFunc(list, func(rr dns.RR) bool {
		return strings.Contains(strings.ReplaceAll(rr.String(), "\t", " "), text)
	})
}

func TestProbeThenAnnounce(t *testing.T) {
	g := newStage(t)
	g.s.wish(g.now, "node", []Service{plainOffice()})
	probed, announced := map[int]int{}, map[int]int{}
	first := map[bool]time.Time{}
	for _, l := range g.pass(10 * time.Second) {
		if l.to.IsValid() {
			t.Errorf("sent to %v alone", l.to)
		}
		if _, ok := first[l.m.Response]; !ok {
			first[l.m.Response] = l.at
		}
		switch {
		case !l.m.Response && strings.HasPrefix(l.m.Question[0].Name, "Office."):
			if probed[l.link]++; probed[l.link] > 1 && !has(l.m.Ns, "8631 node.local.") {
				t.Errorf("a probe without what it is for: %v", l.m)
			}
		case l.m.Response && has(l.m.Answer, "Office._ipps._tcp.local. 120 CLASS32769 SRV"), l.m.Response && has(l.m.Answer, "SRV 0 0 8632 node.local."):
			announced[l.link]++
		}
	}
	if probed[1] != 4 || probed[2] != 4 || announced[1] != 2 || announced[2] != 2 {
		t.Errorf("probed %v, announced %v", probed, announced)
	}
	if d := first[true].Sub(first[false]); d < 4*probeEvery {
		t.Errorf("announced %v after the first question", d)
	}
}

func TestAnswers(t *testing.T) {
	second := plainOffice()
	second.Instance, second.UUID = "Second", "2"
	tests := map[string]struct {
		query  *dns.Msg
		answer []string // all of one message
		extra  []string
		none   bool
	}{
		"a type": {
			query:  ask("_ipp._tcp.local.", dns.TypePTR),
			answer: []string{"PTR Office._ipp._tcp.local.", "PTR Second._ipp._tcp.local."},
			extra:  []string{"SRV 0 0 8631 node.local.", "A 10.1.0.1", "AAAA fe80::1"},
		},
		"upper case":         {query: ask("_IPP._TCP.Local.", dns.TypePTR), answer: []string{"PTR Office._ipp._tcp.local."}},
		"AirPrint":           {query: ask("_universal._sub._ipps._tcp.local.", dns.TypePTR), answer: []string{"_universal._sub._ipps._tcp.local. 4500", "PTR Office._ipps._tcp.local."}},
		"IPP Everywhere":     {query: ask("_print._sub._ipp._tcp.local.", dns.TypePTR), answer: []string{"PTR Office._ipp._tcp.local."}},
		"all types":          {query: ask("_services._dns-sd._udp.local.", dns.TypePTR), answer: []string{"PTR _ipp._tcp.local.", "PTR _ipps._tcp.local.", "PTR _printer._tcp.local."}},
		"an instance":        {query: ask("Office._ipp._tcp.local.", dns.TypeSRV), answer: []string{"SRV 0 0 8631 node.local."}, extra: []string{"A 10.1.0.1"}},
		"its text":           {query: ask("Office._ipp._tcp.local.", dns.TypeTXT), answer: []string{`"rp=ipp/print/secure"`}},
		"everything of it":   {query: ask("Office._ipp._tcp.local.", dns.TypeANY), answer: []string{"SRV 0 0 8631", `"txtvers=1"`}},
		"the host":           {query: ask("node.local.", dns.TypeA), answer: []string{"A 10.1.0.1"}, extra: []string{"AAAA fe80::1"}},
		"what there is not":  {query: ask("Office._ipp._tcp.local.", dns.TypeA), answer: []string{"NSEC Office._ipp._tcp.local. TXT SRV"}},
		"another's instance": {query: ask("Other._ipp._tcp.local.", dns.TypeSRV), none: true},
		"another's subtype":  {query: ask("_cups._sub._ipp._tcp.local.", dns.TypePTR), none: true},
		"another class":      {query: &dns.Msg{Question: []dns.Question{{Name: "node.local.", Qtype: dns.TypeA, Qclass: dns.ClassCHAOS}}}, none: true},
		"what is known": {
			query: func() *dns.Msg {
				m := ask("_printer._tcp.local.", dns.TypePTR)
				m.Answer = records("_printer._tcp.local. 4000 PTR office._printer._tcp.local.", "_printer._tcp.local. 4000 PTR Second._printer._tcp.local.")
				return m
			}(), none: true,
		},
		"what is hardly known any more": {
			query: func() *dns.Msg {
				m := ask("_printer._tcp.local.", dns.TypePTR)
				m.Answer = records("_printer._tcp.local. 100 PTR Office._printer._tcp.local.")
				return m
			}(), answer: []string{"PTR Office._printer._tcp.local."},
		},
		"somebody's opcode": {query: func() *dns.Msg { m := ask("node.local.", dns.TypeA); m.Opcode = dns.OpcodeNotify; return m }(), none: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			g := standingStage(t, plainOffice(), second)
			got := g.hear(client, tt.query)
			if tt.none {
				if len(got) > 0 {
					t.Errorf("said %v", got[0].m)
				}
				return
			}
			if len(got) == 0 {
				t.Fatal("nothing was said")
			}
			l := got[0]
			if l.link != 1 || l.to.IsValid() || !l.m.Response || !l.m.Authoritative || len(l.m.Question) > 0 || l.m.Id != 0 {
				t.Errorf("said on link %d to %v: %v", l.link, l.to, l.m)
			}
			for _, w := range tt.answer {
				if !has(l.m.Answer, w) {
					t.Errorf("no %q in %v", w, l.m)
				}
			}
			for _, w := range tt.extra {
				if !has(l.m.Extra, w) {
					t.Errorf("no %q beside %v", w, l.m)
				}
			}
			if has(append(l.m.Answer, l.m.Extra...), "10.2.0.1") {
				t.Errorf("an address of another link: %v", l.m)
			}
		})
	}
}

func TestUnicast(t *testing.T) {
	g := standingStage(t, plainOffice())
	q := ask("node.local.", dns.TypeA)
	q.Question[0].Qclass |= flush
	if got := g.hear(client, q); len(got) != 1 || got[0].to != client {
		t.Errorf("a wish for unicast was answered with %v", got)
	}
	q, old := ask("node.local.", dns.TypeA), netip.MustParseAddrPort("10.1.0.9:40000")
	q.Id = 4711
	got := g.hear(old, q)
	if len(got) != 1 || got[0].to != old {
		t.Fatalf("a resolver was answered with %v", got)
	}
	if m := got[0].m; m.Id != 4711 || len(m.Question) != 1 || m.Answer[0].Header().Class != dns.ClassINET || m.Answer[0].Header().Ttl > 10 {
		t.Errorf("a resolver reads %v", m)
	}
	n := 0
	for range 1000 {
		g.s.handle(g.now, packet{mustPack(t, q), old, 1})
	}
	for _, l := range g.said {
		if l.to == old {
			n++
		}
	}
	if n > maxUnicast+2 {
		t.Errorf("%d answers within a second", n)
	}
}

func mustPack(t *testing.T, m *dns.Msg) []byte {
	t.Helper()
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAnswersOnceInASecond(t *testing.T) {
	g := standingStage(t, plainOffice())
	n := 0
	for range 20 {
		n += len(g.hear(client, ask("node.local.", dns.TypeA))) // each takes 200 ms
	}
	if n != 4 {
		t.Errorf("%d answers in four seconds", n)
	}
	probe := ask("node.local.", dns.TypeANY)
	probe.Ns = records("node.local. 120 A 10.1.0.77")
	for range 3 {
		if len(g.hear(client, probe)) == 0 {
			t.Error("a name was not defended")
		}
	}
}

func TestConflicts(t *testing.T) {
	srv := func(name string) string { return name + "._ipp._tcp.local. 120 SRV 0 0 631 other.local." }
	t.Run("while probing", func(t *testing.T) {
		g := newStage(t)
		g.s.wish(g.now, "node", []Service{plainOffice()})
		g.pass(600 * time.Millisecond)
		g.hear(client, answered(srv("office")))
		g.hear(client, answered(srv(`Office\032\0402\041`)))
		g.hear(client, answered("node.local. 120 A 10.1.0.9"))
		g.pass(10 * time.Second)
		if c := g.s.claims[0]; c.name != "Office (3)" || c.phase != standing || g.s.host.name != "node-2" {
			t.Errorf("called %q on %q, phase %d", c.name, g.s.host.name, c.phase)
		}
		if got := g.hear(client, ask("_ipp._tcp.local.", dns.TypePTR)); len(got) != 1 || !has(got[0].m.Extra, "node-2.local.") {
			t.Errorf("said %v", got)
		}
	})
	t.Run("of two that yield", func(t *testing.T) {
		g := standingStage(t, plainOffice())
		g.hear(client, answered(srv("Office")))
		if c := g.s.claims[0]; c.phase != probing || c.name != "Office" {
			t.Errorf("%q, phase %d", c.name, c.phase)
		}
		g.pass(5 * time.Second)
		if c := g.s.claims[0]; c.phase != standing || c.name != "Office" {
			t.Errorf("the other went, and still %q, phase %d", c.name, c.phase)
		}
	})
	t.Run("with one that never yields", func(t *testing.T) {
		g := standingStage(t, plainOffice())
		for range 5 {
			g.hear(client, answered(srv("Office")))
			g.pass(5 * time.Second)
		}
		if c := g.s.claims[0]; c.phase != standing || c.name != "Office (2)" {
			t.Errorf("%q, phase %d", c.name, c.phase)
		}
	})
	t.Run("with ourselves over another link", func(t *testing.T) {
		g := standingStage(t, plainOffice())
		g.hear(client, answered("node.local. 120 A 10.2.0.1", "Office._ipp._tcp.local. 120 SRV 0 0 8631 NODE.local."))
		if g.s.claims[0].phase != standing || g.s.host.phase != standing {
			t.Error("we fought with ourselves")
		}
	})
	t.Run("a goodbye is none", func(t *testing.T) {
		g := standingStage(t, plainOffice())
		g.hear(client, answered("Office._ipp._tcp.local. 0 SRV 0 0 631 other.local."))
		if g.s.claims[0].phase != standing {
			t.Error("a goodbye was taken for a conflict")
		}
	})
	t.Run("not from another port", func(t *testing.T) {
		g := standingStage(t, plainOffice())
		g.hear(netip.MustParseAddrPort("10.1.0.9:4000"), answered(srv("Office")))
		if g.s.claims[0].phase != standing {
			t.Error("an answer from an unprivileged port was believed")
		}
	})
	t.Run("two at the same moment", func(t *testing.T) {
		for other, yields := range map[string]bool{"node.local. 120 A 10.1.0.200": true, "node.local. 120 A 10.0.0.1": false} {
			g := newStage(t)
			g.s.wish(g.now, "node", nil)
			g.pass(300 * time.Millisecond)
			m := ask("node.local.", dns.TypeANY)
			m.Ns = records(other, "node.local. 120 AAAA fe80::1")
			g.hear(client, m)
			g.pass(700 * time.Millisecond)
			if was := g.s.host.step == 0; was != yields {
				t.Errorf("%s: step %d", other, g.s.host.step)
			}
		}
	})
	t.Run("of our own", func(t *testing.T) {
		other := plainOffice()
		other.Instance, other.UUID = "OFFICE", "2"
		g := standingStage(t, plainOffice(), other)
		if g.s.claims[1].name != "OFFICE (2)" {
			t.Errorf("called %q", g.s.claims[1].name)
		}
	})
}

func TestOnlyWhatChanged(t *testing.T) {
	second := plainOffice()
	second.Instance, second.UUID = "Second", "2"
	g := standingStage(t, plainOffice(), second)
	names := func(list []line) (gone, new []string) {
		for _, l := range list {
			for _, rr := range slices.Concat(l.m.Answer, l.m.Ns) {
				if h := rr.Header(); h.Rrtype == dns.TypeSRV && l.link == 1 {
					if h.Ttl == 0 {
						gone = append(gone, h.Name)
					} else if !slices.Contains(new, h.Name) {
						new = append(new, h.Name)
					}
				}
			}
		}
		return gone, new
	}
	look := func(what string, gone, fresh []string, services ...Service) {
		t.Helper()
		from := len(g.said)
		g.s.wish(g.now, "node", services)
		g.pass(10 * time.Second)
		a, b := names(g.said[from:])
		if !slices.Equal(a, gone) || !slices.Equal(b, fresh) {
			t.Errorf("%s: gone %q, new %q", what, a, b)
		}
	}
	of := func(name string, types ...string) (list []string) {
		for _, t := range types {
			list = append(list, name+"._"+t+"._tcp.local.")
		}
		return list
	}
	look("nothing", nil, nil, plainOffice(), second)
	noted := second
	noted.Note = "New"
	look("a note", nil, of("Second", "printer", "ipp", "ipps"), plainOffice(), noted)
	noted.TLSPort = 0
	look("no TLS", of("Second", "ipps"), of("Second", "printer", "ipp"), plainOffice(), noted)
	noted.Instance = "Third"
	look("a name", of("Second", "printer", "ipp"), of("Third", "printer", "ipp"), plainOffice(), noted)
	look("a queue less", of("Third", "printer", "ipp"), nil, plainOffice())
	look("none", of("Office", "printer", "ipp", "ipps"), nil)
}

// A name that is probed for anew, because the addresses changed, was announced
// all the same: somebody remembers it.
func TestGoodbyeWhileProbingAgain(t *testing.T) {
	for name, conflict := range map[string]bool{"after a change of addresses": false, "after a conflict": true} {
		t.Run(name, func(t *testing.T) {
			g := standingStage(t, plainOffice())
			if conflict { // the name may be the other's now, and so would be the goodbye
				g.hear(client, answered("Office._ipp._tcp.local. 120 SRV 0 0 631 other.local."))
			} else {
				g.s.claims[0].probe(g.now)
			}
			g.said = nil
			g.s.wish(g.now, "node", nil)
			said := slices.ContainsFunc(g.said, func(l line) bool { return has(l.m.Answer, "_ipp._tcp.local. 0 IN PTR Office._ipp._tcp.local.") })
			if said == conflict {
				t.Errorf("goodbye was said: %v", said)
			}
		})
	}
}

// Whatever a stranger sends, the speaker stays upright and in its frame.
func FuzzHandle(f *testing.F) {
	for _, m := range []*dns.Msg{
		ask("_ipp._tcp.local.", dns.TypePTR), ask("node.local.", dns.TypeANY),
		answered("Office._ipp._tcp.local. 120 SRV 0 0 631 other.local.", "node.local. 120 A 10.1.0.9"),
		answered(`Br\195\188der._ipp._tcp.local. 120 TXT "a=b" "c"`, "_ipp._tcp.local. 120 PTR Office._ipp._tcp.local."),
	} {
		b, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, uint16(5353))
		f.Add(b, uint16(40000))
	}
	f.Fuzz(func(t *testing.T, b []byte, from uint16) {
		if len(b) > maxMessage {
			return
		}
		p := packet{b, netip.AddrPortFrom(client.Addr(), from), 1}
		g := standingStage(t, plainOffice())
		g.s.handle(g.now, p)
		g.pass(time.Minute)
		for _, l := range g.said {
			if n := l.m.Len(); n > maxMessage {
				t.Errorf("a message of %d octets", n)
			}
		}
		if c := g.s.claims[0]; c.phase != standing || len(c.name) > maxLabel {
			t.Errorf("%q, phase %d a minute later", c.name, c.phase)
		}
		h := newHeap()
		h.take(p)
		for _, m := range h.ask() {
			if _, err := m.Pack(); err != nil {
				t.Errorf("a question that cannot be asked: %v", err)
			}
		}
		h.found()
	})
}
