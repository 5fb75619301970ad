package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"platen/dnssd"
	"platen/site"
)

func dnssdCommands() []*command {
	var domain, host *opt[string]
	var addresses *opt[[]netip.Addr]
	var wait *opt[time.Duration]
	var all bool
	return []*command{
		{
			name: "dns-sd zone", summary: "write what makes the queues findable through a name server",
			more: "The DNS administrator includes the output in the zone of the clients' search domain (DHCP options 15 and\n" +
				"119): with BIND by $INCLUDE. Phones and computers then find the queues from every subnet.",
			examples: []string{
				"dns-sd zone --domain example.org",
				"dns-sd zone --domain example.org --host node1.example.org --address 192.0.2.10 --address 2001:db8::10",
			},
			flags: func(fs *flag.FlagSet) {
				domain = optText(fs, "domain", "search `DOMAIN` of the clients")
				host = optText(fs, "host", "`NAME` of this node; one word is one in the domain")
				addresses = optAddrs(fs, "address", "`ADDRESS` of the node that the zone shall give; several times for several. Without, the name has its addresses elsewhere")
			},
			admin: func(ctx context.Context, a *admin, c *call) error {
				return a.zone(ctx, c, domain.value, host.value, addresses.value)
			},
		},
		{
			name: "device discover", summary: "look for printers on the local network",
			more: "It prints for each what to copy to add it. Queues of Platen nodes are left out. A printer that is found\n" +
				"under several protocols is shown under the best: IPPS, IPP, port 9100, LPR.",
			examples: []string{"device discover", "device discover --wait 10s --json"},
			flags: func(fs *flag.FlagSet) {
				wait = optTime(fs, "wait", "listen for this `TIME` (3s)", time.Minute)
				fs.BoolVar(&all, "all", false, "also queues of Platen nodes")
			},
			local: func(ctx context.Context, _ *env, c *call) error {
				if !wait.given {
					wait.value = 3 * time.Second
				}
				return discover(ctx, c, wait.value, all)
			},
		},
	}
}

// optAddrs may be given several times.
func optAddrs(fs *flag.FlagSet, name, usage string) *opt[[]netip.Addr] {
	return addOpt(fs, name, usage, func(s string, before []netip.Addr) ([]netip.Addr, error) {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return before, fmt.Errorf("an address such as 192.0.2.10")
		}
		return append(before, a), nil
	})
}

func (a *admin) zone(ctx context.Context, c *call, domain, host string, addresses []netip.Addr) error {
	if domain == "" {
		return usagef("dns-sd zone needs --domain")
	}
	if host == "" {
		host = clientHost(a.place.cfg)
	}
	if host = strings.TrimSuffix(host, "."); !strings.Contains(host, ".") {
		host += "." + strings.TrimSuffix(domain, ".")
	}
	at, err := a.reached(host)
	if err != nil {
		return err
	}
	list, err := services(ctx, a.scope, at)
	if err != nil {
		return err
	}
	return mistyped(dnssd.Zone(c.out, dnssd.ZoneData{Domain: domain, Host: host, Addrs: addresses, Services: list}))
}

// foundDevice is a printer of the LAN, and how to make a device of it.
type foundDevice struct {
	Name     string `json:"name"`
	URI      string `json:"uri"`
	Model    string `json:"model"`
	Location string `json:"location"`
	UUID     string `json:"uuid"`
	Add      string `json:"add"` // the command
}

func discover(ctx context.Context, c *call, wait time.Duration, all bool) error {
	found, err := dnssd.Browse(ctx, wait)
	if err != nil {
		return err
	}
	list := devicesAmong(found, resolvable(ctx, found), all)
	if c.json {
		return writeList(c, list, nil)
	}
	if len(list) == 0 {
		_, err := fmt.Fprintf(c.out, "No printer answered within %s.\n", wait)
		return err
	}
	err = writeList(c, list, []column[foundDevice]{
		{"name", func(d foundDevice) string { return d.Name }},
		{"URI", func(d foundDevice) string { return d.URI }},
		{"model", func(d foundDevice) string { return d.Model }},
		{"location", func(d foundDevice) string { return d.Location }},
	})
	if err != nil {
		return err
	}
	fmt.Fprint(c.out, "\nTo add one, copy its line:\n")
	for _, d := range list {
		fmt.Fprintln(c.out, plain(d.Add))
	}
	return nil
}

// resolvable returns the hosts whose names this system resolves. Many do not know
// .local, and a device under a name that nobody knows would never print.
func resolvable(ctx context.Context, found []dnssd.Found) map[string]bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	known := map[string]bool{}
	for _, f := range found {
		known[f.Host] = false
	}
	var mu sync.Mutex // guards known
	var asked sync.WaitGroup
	for _, host := range slices.Collect(maps.Keys(known)) {
		asked.Go(func() {
			_, err := net.DefaultResolver.LookupHost(ctx, host)
			mu.Lock()
			defer mu.Unlock()
			known[host] = err == nil
		})
	}
	asked.Wait()
	return known
}

// devicesAmong makes one device of all that a printer is found under.
func devicesAmong(found []dnssd.Found, known map[string]bool, all bool) []foundDevice {
	list, have := []foundDevice{}, map[string]bool{}
	for _, typ := range []string{"_ipps._tcp", "_ipp._tcp", "_pdl-datastream._tcp", "_printer._tcp"} {
		for _, f := range found {
			who := strings.ToLower(f.Instance + "\x00" + f.Host)
			if f.Type != typ || have[who] || !all && strings.HasPrefix(f.TXT["ty"], "Platen ") {
				continue
			}
			if d, ok := deviceOf(f, known[f.Host]); ok {
				have[who] = true
				list = append(list, d)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b foundDevice) int { return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	return list
}

func deviceOf(f dnssd.Found, byName bool) (foundDevice, bool) {
	d := foundDevice{Name: f.Instance, URI: f.URI, Model: f.TXT["ty"], Location: f.TXT["note"], UUID: f.TXT["uuid"]}
	if !byName {
		i := slices.IndexFunc(f.Addrs, func(a netip.Addr) bool { return a.Is4() && !a.IsLinkLocalUnicast() })
		if i < 0 {
			i = slices.IndexFunc(f.Addrs, func(a netip.Addr) bool { return !a.IsLinkLocalUnicast() })
		}
		if i >= 0 {
			d.URI = f.URIAt(f.Addrs[i])
		}
	}
	if u, err := url.Parse(d.URI); err != nil || u.Host == "" || f.Port == 0 { // port 0 only guards a name
		return d, false
	}
	d.Add = "platen device add " + quote(deviceName(d.Name)) + " --uri " + quote(d.URI)
	for _, x := range [][2]string{{"model", d.Model}, {"location", d.Location}} {
		if x[1] != "" {
			d.Add += " --" + x[0] + " " + quote(plain(x[1]))
		}
	}
	return d, true
}

// deviceName makes a name that a device may have of what a printer calls itself.
func deviceName(s string) string {
	s = strings.Join(strings.FieldsFunc(site.FoldName(plain(s)), func(r rune) bool {
		return strings.ContainsRune(" \t/\\?#%@:\"'<>()[]{},;&|$`!*~^=+", r)
	}), "-")
	for len(s) > 100 {
		s = s[:len(s)-1]
	}
	if s = strings.Trim(strings.ToValidUTF8(s, ""), "-"); s == "" {
		return "printer"
	}
	return s
}
