package device_test

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"platen/device"
	"platen/fault"
	"platen/internal/testkit/devicetest"
	"platen/site"
)

// quick are the settings of tests: devices on loopback, and no patience.
func quick() device.Settings {
	return device.Settings{
		Host: "node", AllowLoopback: true,
		Answer: 400 * time.Millisecond, Idle: 200 * time.Millisecond, Talk: time.Second, HalfOpen: 300 * time.Millisecond,
	}
}

// quickFor leaves a sink that resets the connection all the time it needs to do
// so on a busy machine: before, it cannot be told from a silent one.
func quickFor(m devicetest.Manner) device.Settings {
	s := quick()
	if m.Die {
		s.Idle, s.Answer = 20*time.Second, 20*time.Second
	}
	return s
}

func open(t *testing.T, d site.Device, s device.Settings) device.Device {
	t.Helper()
	dev, err := device.New(d, s)
	if err != nil {
		t.Fatal(err)
	}
	return dev
}

func TestSocket(t *testing.T) {
	devicetest.Run(t, func(t *testing.T, m devicetest.Manner) (device.Device, devicetest.Sink) {
		sink := devicetest.NewRaw(t, m)
		if m.Refuse {
			sink.Close()
		}
		return open(t, site.Device{URI: "socket://" + sink.Addr}, quickFor(m)), sink
	})
}

func TestLPR(t *testing.T) {
	devicetest.Run(t, func(t *testing.T, m devicetest.Manner) (device.Device, devicetest.Sink) {
		sink := devicetest.NewLPR(t, m)
		return open(t, site.Device{URI: "lpr://" + sink.Addr + "/raw"}, quickFor(m)), sink
	})
}

func TestLPRWithQuirks(t *testing.T) {
	for _, quirk := range []string{"data-first", "one-file"} {
		t.Run(quirk, func(t *testing.T) {
			devicetest.Run(t, func(t *testing.T, m devicetest.Manner) (device.Device, devicetest.Sink) {
				sink := devicetest.NewLPR(t, m)
				return open(t, site.Device{URI: "lpr://" + sink.Addr + "/raw", Quirks: []string{quirk}}, quickFor(m)), sink
			})
		})
	}
}

func TestFake(t *testing.T) {
	devicetest.Run(t, func(t *testing.T, m devicetest.Manner) (device.Device, devicetest.Sink) {
		f := &devicetest.Fake{Manner: m}
		return f, f
	})
}

// files is a folder device's sink: what is in the folder, by name.
type files struct {
	t   *testing.T
	dir string
}

func (f files) list() []string {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		f.t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			all = append(all, filepath.Join(f.dir, e.Name()))
		}
	}
	return all
}

func (f files) Documents() (docs [][]byte) {
	for _, p := range f.list() {
		b, err := os.ReadFile(p)
		if err != nil {
			f.t.Fatal(err)
		}
		docs = append(docs, b)
	}
	return docs
}

func (f files) Octets() (n int64) {
	for _, d := range f.Documents() {
		n += int64(len(d))
	}
	return n
}

func folderURI(dir string) string {
	return (&url.URL{Scheme: "folder", Path: filepath.ToSlash(dir)}).String()
}

func TestFolder(t *testing.T) {
	devicetest.Good(t, func(t *testing.T, _ devicetest.Manner) (device.Device, devicetest.Sink) {
		dir := filepath.Join(t.TempDir(), "a [strange] fold*r")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		return open(t, site.Device{URI: folderURI(dir)}, quick()), files{t, dir}
	})
}

func TestNew(t *testing.T) {
	allowed := t.TempDir()
	tests := map[string]struct {
		d    site.Device
		s    device.Settings
		kind fault.Kind
		ok   bool
	}{
		"lpr":                      {d: site.Device{URI: "lpr://mfd.example.org/print"}, ok: true},
		"lpr with port":            {d: site.Device{URI: "lpr://192.0.2.7:1515/a%20queue"}, ok: true},
		"socket":                   {d: site.Device{URI: "socket://mfd.example.org"}, ok: true},
		"socket IPv6":              {d: site.Device{URI: "socket://[2001:db8::7]:9101"}, ok: true},
		"ipp":                      {d: site.Device{URI: "ipp://mfd.example.org/ipp/print"}, ok: true},
		"ipps with port":           {d: site.Device{URI: "ipps://192.0.2.7:443/printers/a%20b"}, ok: true},
		"ipp without a path":       {d: site.Device{URI: "ipp://mfd.example.org"}, ok: true},
		"A33 ipp loopback":         {d: site.Device{URI: "ipp://127.0.0.1/ipp/print"}, kind: fault.Denied},
		"A33 ipps own port":        {d: site.Device{URI: "ipps://127.0.0.1/ipp/print"}, s: device.Settings{AllowLoopback: true, OwnPorts: []uint16{631}}, kind: fault.Denied},
		"ipp with a query":         {d: site.Device{URI: "ipp://mfd.example.org/ipp/print?waitjob=false"}, kind: fault.Invalid},
		"folder":                   {d: site.Device{URI: folderURI(allowed)}, ok: true},
		"scheme without case":      {d: site.Device{URI: "SOCKET://mfd.example.org"}, ok: true},
		"nothing":                  {d: site.Device{}, kind: fault.Invalid},
		"A33 another scheme":       {d: site.Device{URI: "http://mfd.example.org/"}, kind: fault.Invalid},
		"A33 a file":               {d: site.Device{URI: "file:///etc/passwd"}, kind: fault.Invalid},
		"a user in the address":    {d: site.Device{URI: "socket://root@mfd.example.org"}, kind: fault.Invalid},
		"a query":                  {d: site.Device{URI: "socket://mfd.example.org?waiteof=false"}, kind: fault.Invalid},
		"no queue":                 {d: site.Device{URI: "lpr://mfd.example.org"}, kind: fault.Invalid},
		"a queue with a line end":  {d: site.Device{URI: "lpr://mfd.example.org/a%0A%05a"}, kind: fault.Invalid},
		"a path on a raw port":     {d: site.Device{URI: "socket://mfd.example.org/queue"}, kind: fault.Invalid},
		"no host":                  {d: site.Device{URI: "socket://"}, kind: fault.Invalid},
		"port 0":                   {d: site.Device{URI: "socket://mfd.example.org:0"}, kind: fault.Invalid},
		"a relative folder":        {d: site.Device{URI: "folder:printed"}, kind: fault.Invalid},
		"a folder elsewhere":       {d: site.Device{URI: "folder:///etc"}, s: device.Settings{Folders: []string{allowed}}, kind: fault.Denied},
		"a folder beside":          {d: site.Device{URI: folderURI(allowed + "-not")}, s: device.Settings{Folders: []string{allowed}}, kind: fault.Denied},
		"a folder above by dots":   {d: site.Device{URI: folderURI(allowed) + "/../../etc"}, s: device.Settings{Folders: []string{allowed}}, kind: fault.Denied},
		"a folder below":           {d: site.Device{URI: folderURI(allowed + "/b")}, s: device.Settings{Folders: []string{allowed}}, ok: true},
		"an unknown quirk":         {d: site.Device{URI: "socket://mfd.example.org", Quirks: []string{"sulks"}}, kind: fault.Invalid},
		"A33 loopback":             {d: site.Device{URI: "socket://127.0.0.1"}, kind: fault.Denied},
		"A33 loopback, allowed":    {d: site.Device{URI: "socket://127.0.0.1"}, s: device.Settings{AllowLoopback: true}, ok: true},
		"A33 own port":             {d: site.Device{URI: "lpr://127.0.0.1:515/q"}, s: device.Settings{AllowLoopback: true, OwnPorts: []uint16{515}}, kind: fault.Denied},
		"A33 clouds' questions":    {d: site.Device{URI: "socket://169.254.169.254"}, kind: fault.Denied},
		"A33 in NAT64":             {d: site.Device{URI: "socket://[64:ff9b::7f00:1]"}, kind: fault.Denied},
		"A33 mapped":               {d: site.Device{URI: "socket://[::ffff:127.0.0.1]"}, kind: fault.Denied},
		"A33 6to4":                 {d: site.Device{URI: "socket://[2002:7f00:1::]"}, kind: fault.Denied},
		"A33 this host":            {d: site.Device{URI: "socket://0.0.0.0"}, kind: fault.Denied},
		"A33 this host, allowed":   {d: site.Device{URI: "socket://0.0.0.0"}, s: device.Settings{AllowLoopback: true}, kind: fault.Denied},
		"A33 multicast":            {d: site.Device{URI: "socket://224.0.0.251"}, kind: fault.Denied},
		"A33 broadcast":            {d: site.Device{URI: "socket://255.255.255.255"}, kind: fault.Denied},
		"A33 link-local IPv6":      {d: site.Device{URI: "socket://[fe80::1]"}, kind: fault.Denied},
		"A33 link-local with zone": {d: site.Device{URI: "socket://[fe80::1%25eth0]"}, kind: fault.Invalid},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dev, err := device.New(tt.d, tt.s)
			if tt.ok {
				if err != nil || dev == nil {
					t.Fatalf("err = %v", err)
				}
				return
			}
			if dev != nil { // not even one that holds a nil pointer
				t.Errorf("a device came with the refusal: %#v", dev)
			}
			if !fault.Is(err, tt.kind) {
				t.Fatalf("err = %v, want %v", err, tt.kind)
			}
		})
	}
}

func TestKeys(t *testing.T) {
	same := [][2]site.Device{
		{{URI: "socket://MFD-1"}, {URI: "socket://mfd-1:9100"}},
		{{URI: "socket://mfd-1", Serial: "X1"}, {URI: "lpr://mfd-2/q", Serial: "x1 "}},
		{{URI: "lpr://mfd-1/a", Quirks: []string{"one-connection"}}, {URI: "socket://mfd-1", Quirks: []string{"one-connection"}}},
		{{URI: "folder:///a"}, {URI: "folder:///a"}},
		{{URI: "ipp://MFD-1/ipp/print"}, {URI: "ipps://mfd-1:631/ipp/print"}},
		{{URI: "ipp://mfd-1"}, {URI: "ipp://mfd-1/ipp/print"}},
	}
	for _, s := range same {
		if !overlap(device.Keys(s[0]), device.Keys(s[1])) {
			t.Errorf("%v and %v share nothing", device.Keys(s[0]), device.Keys(s[1]))
		}
	}
	other := [][2]site.Device{
		{{URI: "socket://mfd-1"}, {URI: "socket://mfd-1:9101"}}, // a print server box with three ports
		{{URI: "lpr://server/a"}, {URI: "lpr://server/b"}},
		{{URI: "ipp://server/printers/a"}, {URI: "ipp://server/printers/b"}},
		{{URI: "socket://mfd-1", Serial: "X1"}, {URI: "socket://mfd-2", Serial: "X2"}},
	}
	for _, o := range other {
		if overlap(device.Keys(o[0]), device.Keys(o[1])) {
			t.Errorf("%v and %v share a key", device.Keys(o[0]), device.Keys(o[1]))
		}
	}
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(k string) bool { return slices.Contains(b, k) })
}

func TestGreys(t *testing.T) {
	asked := func(uri string, c site.Capabilities) site.Device {
		c.Formats = []string{"application/pdf"}
		return site.Device{URI: uri, Capabilities: c}
	}
	const laser = "HP LaserJet 4250"
	tests := map[string]struct {
		language, colour string
		dev              site.Device
		want             bool
	}{
		"a folder":             {"pdf", "", site.Device{URI: "folder:///x"}, false},
		"text":                 {"text", "", site.Device{URI: "folder:///x"}, true},
		"no colours":           {"pcl", "color", site.Device{URI: "socket://mfd", Profile: "office-mono"}, true},
		"it says it has none":  {"pcl", "", asked("ipp://mfd", site.Capabilities{}), true},
		"PJL":                  {"pdf", "", site.Device{URI: "socket://mfd", Model: laser}, true},
		"PJL by LPR":           {"pcl", "", site.Device{URI: "lpr://mfd/q", Model: laser}, true},
		"PJL, but a colour in": {"pcl", "color", site.Device{URI: "socket://mfd", Model: laser}, false},
		"nobody knows":         {"pdf", "", site.Device{URI: "socket://mfd"}, false},
		"IPP, not yet asked":   {"pdf", "", site.Device{URI: "ipp://mfd/ipp/print"}, true},
		"IPP":                  {"pdf", "", asked("IPPS://mfd", site.Capabilities{Colour: true, Attributes: []string{"copies", "print-color-mode"}}), true},
		"IPP that cannot":      {"pdf", "", asked("ipp://mfd", site.Capabilities{Colour: true, Attributes: []string{"copies"}}), false},
		"IPP, not obeyed":      {"postscript", "", site.Device{URI: "ipp://mfd/ipp/print"}, false},
	}
	for name, tt := range tests {
		if got := device.Greys(tt.language, tt.colour, tt.dev); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestAllows(t *testing.T) {
	tests := []struct {
		language, model, uri string
		sides                bool
	}{
		{"pdf", "HP LaserJet 4250", "socket://mfd", true},
		{"pcl", "hp laserjet 4250", "socket://mfd", true},
		{"pdf", "HP LaserJet 4250", "lpr://mfd/q", true},
		{"pdf", "HP LaserJet III", "socket://mfd", false},
		{"pdf", "Nobody knows", "socket://mfd", false},
		{"unknown", "HP LaserJet 4250", "socket://mfd", false},
		{"pdf", "Nobody knows", "ipp://mfd/ipp/print", true},
		{"pdf", "Nobody knows", "IPPS://mfd/ipp/print", true},
		{"pcl", "HP LaserJet 4250", "ipp://mfd/ipp/print", false},
	}
	for _, tt := range tests {
		copies, sides := device.Allows(tt.language, site.Device{Model: tt.model, URI: tt.uri})
		if !copies || sides != tt.sides {
			t.Errorf("%+v: copies %v, sides %v", tt, copies, sides)
		}
	}
}
