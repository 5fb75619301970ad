package dnssd

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// office is a queue with everything.
func office() Service {
	return Service{
		Instance: "Büro 3.1 \"Hold\"", Queue: "secure", ResourcePath: "/ipp/print/secure",
		UUID: "urn:uuid:01980000-0000-7000-8000-000000000001", Make: "Platen Secure", Note: "Hall; 2nd floor \\ east",
		AdminURL: "https://node1.example.org/q/secure", QTotal: 1,
		PDL:    []string{"application/pdf", "image/urf", "image/pwg-raster", "image/jpeg", "application/octet-stream"},
		URF:    "V1.4,W8,SRGB24,CP1,DM1,RS600",
		Colour: true, Duplex: true, Copies: Present, Collate: Present, Staple: Present, Punch: Absent,
		PaperMax: "tabloid-A3", Port: 8631, TLSPort: 8632, TLSVersion: "1.3", Air: "username,password", Mopria: "1.3",
	}
}

func TestTXT(t *testing.T) {
	long := strings.Repeat
	tests := map[string]struct {
		change func(*Service)
		want   []string // strings that are there
		no     []string // beginnings that are not
	}{
		"everything": {
			change: func(*Service) {},
			want: []string{
				"txtvers=1", "qtotal=1", "rp=ipp/print/secure", "ty=Platen Secure", "adminurl=https://node1.example.org/q/secure",
				"note=Hall; 2nd floor \\ east", "priority=0", "product=(Platen Secure)",
				"pdl=application/pdf,image/urf,image/pwg-raster,image/jpeg", "URF=V1.4,W8,SRGB24,CP1,DM1,RS600",
				"UUID=01980000-0000-7000-8000-000000000001", "Color=T", "Duplex=T", "Copies=T", "Collate=T", "Punch=F", "Staple=T",
				"PaperMax=tabloid-A3", "kind=document", "TLS=1.3", "air=username,password", "mopria-certified=1.3",
			},
			no: []string{"Bind=", "Sort=", "Covers=", "printer-state=", "printer-type="},
		},
		"black and one-sided": {
			change: func(s *Service) { s.Colour, s.Duplex = false, false },
			want:   []string{"Color=F", "Duplex=F"},
		},
		"without TLS, sign-in, Mopria and URF": {
			change: func(s *Service) { s.TLSPort, s.Air, s.Mopria, s.URF = 0, "", "", "" },
			no:     []string{"TLS=", "air=", "mopria-certified=", "URF="},
		},
		"long text is cut at a character": {
			change: func(s *Service) { s.Make, s.Note = long("ä", 200), long("x", 300) },
			want:   []string{"ty=" + long("ä", 126), "note=" + long("x", 250), "product=(" + long("ä", 122) + ")"},
		},
		"long addresses are left out": {
			change: func(s *Service) { s.AdminURL, s.URF = "https://x/"+long("y", 250), long("V1.4,", 60) },
			no:     []string{"adminurl=", "URF="},
		},
		"formats are cut between types, and what clients need stays": {
			change: func(s *Service) {
				s.PDL = append([]string{"application/vnd." + long("a", 80), "application/vnd." + long("b", 80), "application/vnd." + long("c", 80)}, s.PDL...)
			},
			want: []string{"pdl=application/pdf,image/urf,image/pwg-raster,image/jpeg,application/vnd." + long("a", 80) + ",application/vnd." + long("b", 80)},
		},
		"a list that just fits keeps its end": {
			change: func(s *Service) { s.PDL = []string{"a/" + long("b", 122), "c/" + long("d", 124)} },
			want:   []string{"pdl=a/" + long("b", 122) + ",c/" + long("d", 124)},
		},
		"a list that is one octet too long": {
			change: func(s *Service) { s.PDL = []string{"a/" + long("b", 122), "c/" + long("d", 125)} },
			want:   []string{"pdl=a/" + long("b", 122)},
		},
		"state and priority": {
			change: func(s *Service) { s.State, s.Priority, s.QTotal = 3, 1000, 0 },
			want:   []string{"printer-state=3", "priority=99", "qtotal=1"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := office()
			tt.change(&s)
			got := s.TXT()
			for _, w := range tt.want {
				if !slices.Contains(got, w) {
					t.Errorf("no %q in %q", w, got)
				}
			}
			for _, n := range tt.no {
				if slices.ContainsFunc(got, func(g string) bool { return strings.HasPrefix(g, n) }) {
					t.Errorf("%q in %q", n, got)
				}
			}
			if got[0] != "txtvers=1" {
				t.Errorf("the first string is %q", got[0])
			}
			for _, g := range got {
				if len(g) > 255 || !utf8.ValidString(g) {
					t.Errorf("%d octets: %q", len(g), g)
				}
			}
		})
	}
}

func TestOffers(t *testing.T) {
	tests := map[string]struct {
		change func(*Service)
		want   string
	}{
		"both":    {func(*Service) {}, "_printer._tcp:0 _ipp._tcp:8631 _ipps._tcp:8632"},
		"plain":   {func(s *Service) { s.TLSPort = 0 }, "_printer._tcp:0 _ipp._tcp:8631"},
		"all":     {func(s *Service) { s.LPDPort, s.WebPort = 515, 80 }, "_printer._tcp:515 _ipp._tcp:8631 _ipps._tcp:8632 _http._tcp:80"},
		"nothing": {func(s *Service) { s.Port, s.TLSPort = 0, 0 }, "_printer._tcp:0"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := office()
			tt.change(&s)
			var got []string
			for _, o := range s.offers() {
				got = append(got, o.typ+":"+itoa(o.port))
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	lpd := office()
	lpd.LPDPort = 515
	if got := lpd.offers()[0].txt; !slices.Contains(got, "rp=secure") {
		t.Errorf("LPD is told %q", got)
	}
}

func TestNames(t *testing.T) {
	for in, want := range map[string]string{
		"Office":          "Office",
		"Büro 3.1":        `B\195\188ro\0323\0461`,
		`a"b\c;d(e)@$`:    `a\034b\092c\059d\040e\041\064\036`,
		"\x00\xff under_": `\000\255\032under_`,
	} {
		if got := escape(in); got != want {
			t.Errorf("escape(%q) = %q, want %q", in, got, want)
		}
		if got := unescape(escape(in)); got != in {
			t.Errorf("%q became %q", in, got)
		}
		got, ok := splitInstance(instanceName(in, "_ipp._tcp"), "_ipp._tcp")
		if !ok || got != in {
			t.Errorf("%q became %q, %v as the codec writes it", in, got, ok)
		}
	}
	long := strings.Repeat("ä", 40)
	for _, tt := range []struct {
		name string
		n    int
		host bool
		want string
	}{
		{"Office", 1, false, "Office"},
		{"Office", 2, false, "Office (2)"},
		{"Office", 12, false, "Office (12)"},
		{long, 1, false, strings.Repeat("ä", 31)},
		{long, 2, false, strings.Repeat("ä", 29) + " (2)"},
		{"node", 3, true, "node-3"},
	} {
		if got := numbered(tt.name, tt.n, tt.host); got != tt.want || len(got) > maxLabel {
			t.Errorf("numbered(%q, %d) = %q, want %q", tt.name, tt.n, got, tt.want)
		}
	}
	for in, want := range map[string]string{
		"node1": "node1", "node1.example.org": "node1", "Büro PC_2": "B-ro-PC-2", "": "platen", "--": "platen",
	} {
		if got := hostLabel(in); got != want {
			t.Errorf("hostLabel(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestWhatCannotBeAdvertised(t *testing.T) {
	for name, change := range map[string]func(*Service){
		"no name":        func(s *Service) { s.Instance = " \n" },
		"no path":        func(s *Service) { s.ResourcePath = "" },
		"endless path":   func(s *Service) { s.ResourcePath = strings.Repeat("x", 300) },
		"no key":         func(s *Service) { s.UUID, s.Queue = "", "" },
		"port too large": func(s *Service) { s.Port = 70000 },
	} {
		s := office()
		change(&s)
		if s.check() == nil {
			t.Errorf("%s: nothing was said", name)
		}
	}
	if err := office().check(); err != nil {
		t.Error(err)
	}
}
