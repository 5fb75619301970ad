package config_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"platen/config"
	"platen/fault"
	"platen/packaging"
)

func TestDefaultIsValid(t *testing.T) {
	cfg := config.Default()
	if err := cfg.Check(); err != nil {
		t.Error(err)
	}
}

func networks(list ...string) (n []config.Network) {
	for _, s := range list {
		n = append(n, config.Network{Prefix: netip.MustParsePrefix(s)})
	}
	return n
}

func TestParse(t *testing.T) {
	tests := map[string]struct {
		in   string
		want func(*config.Config) // what differs from the defaults
		errs []string             // lines of the refusal, when one is wanted
	}{
		"empty":    {in: "", want: func(*config.Config) {}},
		"comments": {in: "# nothing\n\n", want: func(*config.Config) {}},
		"values": {
			in: "data = \"/srv/platen\"\ntrusted = [\"10.1.0.0/16\"]\n[listen]\nlpd = \"127.0.0.1:0\"\nweb = \"\"\n[lpd]\nidle = \"10m\"\nmax_control_octets = 4096\nslow_rate = \"2 KiB\"\n",
			want: func(c *config.Config) {
				c.Data = "/srv/platen"
				c.Trusted = []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}
				c.Listen = config.Listen{LPD: "127.0.0.1:0", IPP: ":631"}
				c.LPD.Idle = config.Duration{Duration: 10 * time.Minute}
				c.LPD.MaxControlOctets = 4096
				c.LPD.SlowRate = 2048
			},
		},
		"hot folders": {
			in: "[[hotfolder]]\npath = \"/a\"\nqueue = \"q\"\nowner = \"erp\"\n[[hotfolder]]\npath = \"/b\"\nqueue = \"q\"\nowner = \"erp\"\n",
			want: func(c *config.Config) {
				c.HotFolders = []config.HotFolder{{Path: "/a", Queue: "q", Owner: "erp"}, {Path: "/b", Queue: "q", Owner: "erp"}}
			},
		},
		"unknown key": {
			in:   "[lpd]\nmax_connections = 5\nmax_conections = 7\n",
			errs: []string{"node.toml:3: lpd.max_conections: unknown key; did you mean lpd.max_connections?"},
		},
		"key in the wrong table": {
			in:   "[web]\nslow_rate = 5\n",
			errs: []string{"node.toml:2: web.slow_rate: unknown key; did you mean lpd.slow_rate?"},
		},
		"unknown table": {
			in:   "[colours]\nred = 1\n",
			errs: []string{"node.toml:1: colours: unknown key"},
		},
		"two unknown keys": {
			in:   "dta = \"/x\"\n[log]\nlevl = \"info\"\n",
			errs: []string{"node.toml:1: dta: unknown key; did you mean data?", "node.toml:3: log.levl: unknown key; did you mean log.level?"},
		},
		"unknown key of a hot folder": {
			in:   "[[hotfolder]]\npath = \"/a\"\nqueue = \"q\"\nower = \"erp\"\n",
			errs: []string{"node.toml:4: hotfolder.ower: unknown key; did you mean hotfolder.owner?"},
		},
		"time without unit":     {in: "grace = 30\n", errs: []string{`node.toml:1: grace:`}},
		"no time":               {in: "[lpd]\n\nidle = \"soon\"\n", errs: []string{`node.toml:3: lpd.idle:`}},
		"no size":               {in: "[lpd]\nslow_rate = \"256MB\"\n", errs: []string{`node.toml:2: lpd.slow_rate:`}},
		"not TOML":              {in: "data = /var\n", errs: []string{"node.toml:1:"}},
		"relative data":         {in: "\ndata = \"var\"\n", errs: []string{"node.toml:2: data: must be an absolute path, because a service has no folder of its own"}},
		"level":                 {in: "[log]\nlevel = \"loud\"\n", errs: []string{`node.toml:2: log.level: must be debug, info, warn or error, not "loud"`}},
		"format":                {in: "[log]\nformat = \"xml\"\n", errs: []string{`node.toml:2: log.format: must be text or json, not "xml"`}},
		"address without port":  {in: "[listen]\nlpd = \"515\"\n", errs: []string{"node.toml:2: listen.lpd: must be ADDRESS:PORT"}},
		"address with name":     {in: "[listen]\nweb = \"localhost:443\"\n", errs: []string{`node.toml:2: listen.web: "localhost" is not an IP address`}},
		"port too large":        {in: "[listen]\nlpd = \":70000\"\n", errs: []string{`node.toml:2: listen.lpd: port "70000" is not a number from 0 to 65535`}},
		"no connection at all":  {in: "lpd.max_connections = 0\n", errs: []string{"node.toml:1: lpd.max_connections: must be at least 1"}},
		"idle too long":         {in: "[lpd]\nidle = \"48h\"\n", errs: []string{"node.toml:2: lpd.idle: must be between 1s and 24h"}},
		"prefix":                {in: "[metrics]\nallow = [\"10.0.0.1\"]\n", errs: []string{"node.toml:2: metrics.allow:"}},
		"folder twice":          {in: "[[hotfolder]]\npath = \"/a\"\nqueue = \"q\"\nowner = \"e\"\n[[hotfolder]]\npath = \"/a/\"\nqueue = \"q\"\nowner = \"e\"\n", errs: []string{"node.toml:2: hotfolder.path: /a/ is watched twice"}},
		"folder without a path": {in: "[[hotfolder]]\nqueue = \"q\"\nowner = \"e\"\n", errs: []string{`hotfolder.path: must be an absolute path, not ""`}},
		"old devices": {
			in: "[[listen.old]]\naddress = \"192.0.2.7:8443\"\nservice = \"web\"\nallow = [\"192.0.2.50\", \"192.0.2.64/29\", \"2001:db8::50\"]\n[[listen.old]]\naddress = \":6310\"\nservice = \"ipp\"\nallow = [\"192.0.2.77/24\", \"2001:db8::/64\"]\n",
			want: func(c *config.Config) {
				c.Listen.Old = []config.OldListener{
					{Address: "192.0.2.7:8443", Service: "web", Allow: networks("192.0.2.50/32", "192.0.2.64/29", "2001:db8::50/128")},
					{Address: ":6310", Service: "ipp", Allow: networks("192.0.2.0/24", "2001:db8::/64")},
				}
			},
		},
		"old for nobody":        {in: "[[listen.old]]\naddress = \"192.0.2.7:8443\"\nservice = \"web\"\n", errs: []string{"listen.old.allow: must name the old device of 192.0.2.7:8443 by its address"}},
		"old for all":           {in: "[[listen.old]]\naddress = \"192.0.2.7:8443\"\nservice = \"web\"\nallow = [\"0.0.0.0/0\"]\n", errs: []string{"node.toml:4: listen.old.allow: 0.0.0.0/0 is too wide: name the device, or a network no wider than /24"}},
		"old for half a /24":    {in: "[[listen.old]]\naddress = \"192.0.2.7:8443\"\nservice = \"web\"\nallow = [\"192.0.2.50\", \"192.0.2.0/23\"]\n", errs: []string{"192.0.2.0/23 is too wide"}},
		"old for much IPv6":     {in: "[[listen.old]]\naddress = \"[2001:db8::7]:8443\"\nservice = \"web\"\nallow = [\"2001:db8::/63\"]\n", errs: []string{"2001:db8::/63 is too wide: name the device, or a network no wider than /64"}},
		"old for a name":        {in: "[[listen.old]]\naddress = \"192.0.2.7:8443\"\nservice = \"web\"\nallow = [\"printer\"]\n", errs: []string{`node.toml:4: listen.old.allow: "printer" is not an address`}},
		"old, IPv4 as IPv6":     {in: "[[listen.old]]\naddress = \"192.0.2.7:8443\"\nservice = \"web\"\nallow = [\"::ffff:0.0.0.0/96\"]\n", errs: []string{"is not an address"}},
		"old without a service": {in: "[[listen.old]]\naddress = \"192.0.2.7:8443\"\nservice = \"lpd\"\nallow = [\"192.0.2.50\"]\n", errs: []string{`node.toml:3: listen.old.service: must be web or ipp, not "lpd"`}},
		"old nowhere":           {in: "[[listen.old]]\nservice = \"web\"\nallow = [\"192.0.2.50\"]\n", errs: []string{"listen.old.address: must say where it listens"}},
		"old twice":             {in: strings.Repeat("[[listen.old]]\naddress = \"192.0.2.7:8443\"\nservice = \"web\"\nallow = [\"192.0.2.50\"]\n", 2), errs: []string{"listen.old.address: 192.0.2.7:8443 is there twice"}},
		"name":                  {in: "[web]\nnames = [\"https://x\"]\n", errs: []string{`node.toml:2: web.names: "https://x" is not a host name or address`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := config.Parse("node.toml", []byte(tt.in))
			if tt.errs == nil {
				want := config.Default()
				tt.want(&want)
				if err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
				}
				return
			}
			if !fault.Is(err, fault.Invalid) {
				t.Fatalf("err = %v, want Invalid", err)
			}
			for _, line := range tt.errs {
				if !strings.Contains(fault.Text(err), line) {
					t.Errorf("the refusal\n%s\ndoes not say\n%s", fault.Text(err), line)
				}
			}
		})
	}
}

// The file that is shipped documents every key, with the default that is in
// force when the line stays a comment.
func TestShippedFileAndDefaults(t *testing.T) {
	commented := regexp.MustCompile(`(?m)^#([a-z_]+ = |\[\[)`)
	plain := commented.ReplaceAll(packaging.Config, []byte("$1"))
	got, err := config.Parse("packaging/node.toml", plain)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.HotFolders) != 1 {
		t.Errorf("the example of a hot folder became %+v", got.HotFolders)
	}
	got.HotFolders = nil
	if len(got.Listen.Old) != 1 {
		t.Errorf("the example of an old device became %+v", got.Listen.Old)
	}
	got.Listen.Old = nil
	want := config.Default()
	for _, list := range []*[]netip.Prefix{&got.Trusted, &got.Devices.Allow, &got.IPP.Believed} {
		if len(*list) == 0 {
			*list = nil
		}
	}
	for _, list := range []*[]string{&got.Web.Names, &got.Devices.Folders, &got.IPP.Certificates, &got.IPP.Interfaces} {
		if len(*list) == 0 {
			*list = nil
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("packaging/node.toml says\n%+v\nthe defaults are\n%+v", got, want)
	}
	if shipped, err := config.Parse("packaging/node.toml", packaging.Config); err != nil || !reflect.DeepEqual(shipped, want) {
		t.Errorf("as shipped it is not the defaults: %+v, %v", shipped, err)
	}
	documented := keysIn(string(plain))
	if known := config.Keys(); !slices.Equal(documented, known) {
		t.Errorf("packaging/node.toml has\n%v\nthe program knows\n%v", documented, known)
	}
}

// keysIn lists the keys of a simple TOML text, sorted.
func keysIn(text string) []string {
	var keys []string
	table := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			table = strings.Trim(line, "[]") + "."
		} else if key, _, ok := strings.Cut(line, " = "); ok && !strings.HasPrefix(line, "#") {
			keys = append(keys, table+key)
		}
	}
	slices.Sort(keys)
	return keys
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	if _, err := config.Load(filepath.Join(dir, "none.toml")); !fault.Is(err, fault.NotFound) {
		t.Errorf("a missing file: %v", err)
	}
	path := filepath.Join(dir, "node.toml")
	if err := os.WriteFile(path, []byte("[log]\nlevel = \"debug\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if cfg, err := config.Load(path); err != nil || cfg.Log.Level != "debug" {
		t.Errorf("got %+v, %v", cfg.Log, err)
	}
	if err := os.WriteFile(path, []byte(strings.Repeat("# much\n", 200_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(path); !fault.Is(err, fault.Invalid) {
		t.Errorf("a file of more than a megabyte: %v", err)
	}
	if _, err := config.Load(dir); err == nil {
		t.Error("a folder was read as a file")
	}
}

func TestChanges(t *testing.T) {
	old := config.Default()
	now := config.Default()
	now.Log.Level, now.Log.File = "debug", "/var/log/platen/node.log"
	now.Listen.LPD = ":1515"
	now.Listen.Old = []config.OldListener{{Address: ":8443", Service: "web", Allow: networks("192.0.2.50/32")}}
	now.HotFolders = []config.HotFolder{{Path: "/a", Queue: "q", Owner: "e"}}
	live, restart := config.Changes(old, now)
	if want := []string{"listen.old", "log.level", "hotfolder"}; !slices.Equal(live, want) {
		t.Errorf("live: got %v, want %v", live, want)
	}
	if want := []string{"listen.lpd", "log.file"}; !slices.Equal(restart, want) {
		t.Errorf("restart: got %v, want %v", restart, want)
	}
}

func TestOctetsAndDurationRoundTrip(t *testing.T) {
	for in, want := range map[string]string{"65536": "64KiB", "64KiB": "64KiB", "1500": "1500", "0": "0", "4 GiB": "4GiB"} {
		var o config.Octets
		if err := o.UnmarshalText([]byte(in)); err != nil {
			t.Errorf("%s: %v", in, err)
		}
		if got, _ := o.MarshalText(); string(got) != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	for _, in := range []string{"", "-1", "1GB", "99999999999GiB", "1e3", "KiB", "9223372036854775808"} {
		if n, err := config.ParseOctets(in); err == nil {
			t.Errorf("%q was read as %d", in, n)
		}
	}
	for in, want := range map[string]string{"5m": "5m", "168h": "168h", "90s": "1m30s", "1h0m0s": "1h", "10s": "10s", "100ms": "100ms"} {
		var d config.Duration
		if err := d.UnmarshalText([]byte(in)); err != nil || d.String() != want {
			t.Errorf("%s: got %s, %v", in, d, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(packaging.Config)
	f.Add([]byte("[lpd]\nidle = \"5m\"\n[[hotfolder]]\npath = \"/a\"\n"))
	f.Add([]byte("a.b.c = 1\n[x]\n[x]\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		cfg, err := config.Parse("node.toml", b)
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("a mistake in the file became %v", err)
			}
			return
		}
		if err := cfg.Check(); err != nil {
			t.Errorf("accepted, and then %v", err)
		}
	})
}
