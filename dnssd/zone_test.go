package dnssd

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"platen/fault"
)

func itoa(n int) string { return strconv.Itoa(n) }

func zoneOf(services ...Service) ZoneData {
	return ZoneData{
		Domain: "example.org", Host: "node1", Services: services,
		Addrs: []netip.Addr{netip.MustParseAddr("10.99.0.1"), netip.MustParseAddr("fd00::1")},
	}
}

// parseZone reads a zone with a parser that is not ours.
func parseZone(t *testing.T, text string) []dns.RR {
	t.Helper()
	var list []dns.RR
	p := dns.NewZoneParser(strings.NewReader(text), "", "")
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		list = append(list, rr)
	}
	if err := p.Err(); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return list
}

func TestZone(t *testing.T) {
	var b strings.Builder
	s := office()
	if err := Zone(&b, zoneOf(s)); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"$ORIGIN example.org.", "b._dns-sd._udp PTR @", "lb._dns-sd._udp PTR @", "_services._dns-sd._udp PTR _ipp._tcp",
		`_ipp._tcp PTR B\195\188ro\0323\0461\032\034Hold\034._ipp._tcp`,
		`_universal._sub._ipps._tcp PTR B\195\188ro\0323\0461\032\034Hold\034._ipps._tcp`,
		`B\195\188ro\0323\0461\032\034Hold\034._ipps._tcp SRV 0 0 8632 node1.example.org.`,
		"node1 A 10.99.0.1", "node1 AAAA fd00::1",
	} {
		if !slices.Contains(strings.Split(b.String(), "\n"), line) {
			t.Errorf("no line %q in\n%s", line, b.String())
		}
	}
	if strings.Contains(b.String(), "_printer._tcp") {
		t.Error("a name that only guards is in the zone")
	}
	texts := 0
	for _, rr := range parseZone(t, b.String()) {
		if rr, ok := rr.(*dns.TXT); ok {
			texts++
			var got []string
			for _, s := range rr.Txt {
				got = append(got, unescape(s))
			}
			if !slices.Equal(got, s.TXT()) {
				t.Errorf("got  %q\nwant %q", got, s.TXT())
			}
		}
	}
	if texts != 2 {
		t.Errorf("%d TXT records", texts)
	}
}

func TestZoneRefuses(t *testing.T) {
	long := strings.Repeat("abcdefghi.", 24)
	for name, change := range map[string]func(*ZoneData){
		"a name of 64 octets":   func(z *ZoneData) { z.Services[0].Instance = strings.Repeat("ä", 32) },
		"control characters":    func(z *ZoneData) { z.Services[0].Instance = "a\nb" },
		"a full name too long":  func(z *ZoneData) { z.Domain, z.Host = long+"org", "x.org" },
		"two of one name":       func(z *ZoneData) { z.Services = append(z.Services, office()) },
		"no domain":             func(z *ZoneData) { z.Domain = "" },
		"the domain of the LAN": func(z *ZoneData) { z.Domain = "local" },
		"a domain with a line":  func(z *ZoneData) { z.Domain = "example.org\n$INCLUDE x" },
		"no host":               func(z *ZoneData) { z.Host = "" },
		"no path":               func(z *ZoneData) { z.Services[0].ResourcePath = "" },
	} {
		t.Run(name, func(t *testing.T) {
			z := zoneOf(office())
			change(&z)
			var b strings.Builder
			if err := Zone(&b, z); !fault.Is(err, fault.Invalid) || b.Len() > 0 {
				t.Errorf("err = %v after %q", err, b.String())
			}
		})
	}
}

// Whatever an administrator calls things, the zone says just that.
func FuzzZone(f *testing.F) {
	f.Add("Büro 3.1 \"Hold\" \\ @;()", "Hall; (2nd) \\floor\"")
	f.Add("$ORIGIN x.", "@")
	f.Add("a", "\n$INCLUDE /x")
	f.Fuzz(func(t *testing.T, instance, note string) {
		s := office()
		s.Instance, s.Note = instance, note
		var b strings.Builder
		if err := Zone(&b, zoneOf(s)); err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("an administrator's mistake became %v", err)
			}
			return
		}
		srv := 0
		for _, rr := range parseZone(t, b.String()) {
			switch rr := rr.(type) {
			case *dns.SRV:
				srv++
				if got := unescape(strings.TrimSuffix(strings.TrimSuffix(rr.Hdr.Name, "._ipp._tcp.example.org."), "._ipps._tcp.example.org.")); got != instance {
					t.Errorf("%q became %q", instance, got)
				}
			case *dns.TXT:
				for i, want := range s.TXT() {
					if got := unescape(rr.Txt[i]); got != want {
						t.Errorf("%q became %q", want, got)
					}
				}
			}
		}
		if srv != 2 {
			t.Errorf("%d SRV records in\n%s", srv, b.String())
		}
	})
}
