package dnssd

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

func TestFound(t *testing.T) {
	tests := map[string]struct {
		heard []string
		want  []Found
	}{
		"a printer, in any order": {
			heard: []string{
				"p.local. 120 A 10.0.0.5", `Br\195\188der\0327\.1._ipp._tcp.local. 120 TXT "rp=ipp/print" "RP=second" "flag" "=x"`,
				`Br\195\188der\0327\.1._ipp._tcp.local. 120 SRV 0 0 631 p.local.`, `_ipp._tcp.local. 120 PTR Br\195\188der\0327\.1._ipp._tcp.local.`,
				"p.local. 120 AAAA fd00::5", "p.local. 120 A 10.0.0.5",
			},
			want: []Found{{
				Instance: "Brüder 7.1", Type: "_ipp._tcp", Host: "p.local", Port: 631,
				Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.5"), netip.MustParseAddr("fd00::5")},
				TXT:   map[string]string{"rp": "ipp/print", "flag": ""}, URI: "ipp://p.local:631/ipp/print",
			}},
		},
		"no address":        {heard: []string{"_ipp._tcp.local. 120 PTR a._ipp._tcp.local.", "a._ipp._tcp.local. 120 SRV 0 0 631 p.local."}},
		"no service":        {heard: []string{"_ipp._tcp.local. 120 PTR a._ipp._tcp.local.", "p.local. 120 A 10.0.0.5"}},
		"only a guard":      {heard: []string{"_printer._tcp.local. 120 PTR a._printer._tcp.local.", "a._printer._tcp.local. 120 SRV 0 0 0 p.local.", "p.local. 120 A 10.0.0.5"}},
		"loopback":          {heard: []string{"_ipp._tcp.local. 120 PTR a._ipp._tcp.local.", "a._ipp._tcp.local. 120 SRV 0 0 631 p.local.", "p.local. 120 A 127.0.0.1"}},
		"a goodbye":         {heard: []string{"_ipp._tcp.local. 120 PTR a._ipp._tcp.local.", "a._ipp._tcp.local. 120 SRV 0 0 631 p.local.", "p.local. 120 A 10.0.0.5", "_ipp._tcp.local. 0 PTR a._ipp._tcp.local."}},
		"a host like a URI": {heard: []string{"_ipp._tcp.local. 120 PTR a._ipp._tcp.local.", `a._ipp._tcp.local. 120 SRV 0 0 631 u\064h\047x.local.`, `u\064h\047x.local. 120 A 10.0.0.5`}},
		"another type":      {heard: []string{"_http._tcp.local. 120 PTR a._http._tcp.local.", "a._http._tcp.local. 120 SRV 0 0 80 p.local.", "p.local. 120 A 10.0.0.5"}},
		"a longer name":     {heard: []string{"_ipp._tcp.local. 120 PTR a.b._ipp._tcp.local.", "a.b._ipp._tcp.local. 120 SRV 0 0 80 p.local.", "p.local. 120 A 10.0.0.5"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHeap()
			for _, rr := range records(tt.heard...) {
				h.add(rr)
			}
			if got := h.found(); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestURI(t *testing.T) {
	for _, tt := range []struct{ typ, rp, want string }{
		{"_ipp._tcp", "ipp/print", "ipp://h.local:9/ipp/print"},
		{"_ipps._tcp", "/ipp/print/", "ipps://h.local:9/ipp/print"},
		{"_ipp._tcp", "", "ipp://h.local:9/ipp/print"},
		{"_ipp._tcp", "a?b#c%/../ä", "ipp://h.local:9/a%3Fb%23c%25/../%C3%A4"},
		{"_ipp._tcp", "a\nb", "ipp://h.local:9/ipp/print"},
		{"_printer._tcp", "", "lpr://h.local:9/auto"},
		{"_pdl-datastream._tcp", "x", "socket://h.local:9"},
	} {
		f := Found{Type: tt.typ, Host: "h.local", Port: 9, TXT: map[string]string{"rp": tt.rp}}
		if got := f.uri(f.Host); got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
	}
	f := Found{Type: "_ipp._tcp", Port: 631}
	if got := f.URIAt(netip.MustParseAddr("fd00::5")); got != "ipp://[fd00::5]:631/ipp/print" {
		t.Error(got)
	}
}

// A stranger can fill the list, not the memory.
func TestBrowseHasLimits(t *testing.T) {
	h := newHeap()
	for i := range 20_000 {
		name := fmt.Sprintf("p%d", i)
		for _, rr := range records("_ipp._tcp.local. 120 PTR "+name+"._ipp._tcp.local.", name+"._ipp._tcp.local. 120 SRV 0 0 631 "+name+".local.",
			name+`._ipp._tcp.local. 120 TXT "a=b"`, name+".local. 120 A 10.0.0.5", fmt.Sprintf("p0.local. 120 A 10.1.%d.%d", i/250, i%250)) {
			h.add(rr)
		}
	}
	if n := len(h.found()); n != maxFound {
		t.Errorf("%d found", n)
	}
	if len(h.srv)+len(h.txt) > 4*maxFound+2 || len(h.hosts) > maxHosts || len(h.hosts["p0.local."]) > maxAddrs {
		t.Errorf("kept %d and %d records, %d hosts, %d addresses", len(h.srv), len(h.txt), len(h.hosts), len(h.hosts["p0.local."]))
	}
	for _, m := range h.ask() {
		if n := m.Len(); n > maxMessage {
			t.Errorf("a question of %d octets", n)
		}
	}
	var many []string
	for i := range 1000 {
		many = append(many, fmt.Sprintf("k%d=%s", i, strings.Repeat("v", 200)))
	}
	size := 0
	for k, v := range parseTXT(many) {
		size += len(k) + len(v)
	}
	if size > maxTXT {
		t.Errorf("%d octets of TXT", size)
	}
}
