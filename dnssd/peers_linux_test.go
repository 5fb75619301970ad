package dnssd

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"platen/internal/testkit/peers"
)

// The peers live in network namespaces, two machines on one cable:
//
//	a: 10.99.0.1, the node        b: 10.99.0.2, avahi-daemon and its clients, BIND
//
// The node is this test again, started as a helper inside the namespace.
const (
	helperVar = "PLATEN_DNSSD_HELPER"
	addrA     = "10.99.0.1"
	addrB     = "10.99.0.2"
)

func TestMain(m *testing.M) {
	if what := os.Getenv(helperVar); what != "" {
		if err := helper(what); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// helper advertises what comes as lines of JSON, each the whole list, until
// standard input ends; or it browses once.
func helper(what string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if what == "browse" {
		found, err := Browse(ctx, 4*time.Second)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(found)
	}
	var mu sync.Mutex
	var services []Service
	a := &Advertiser{
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), Host: what, Retry: time.Second, Look: 500 * time.Millisecond,
		Services: func() []Service { mu.Lock(); defer mu.Unlock(); return services },
	}
	done := make(chan error, 1)
	go func() { done <- a.Serve(ctx) }()
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var list []Service
		if err := json.Unmarshal(lines.Bytes(), &list); err != nil {
			return err
		}
		mu.Lock()
		services = list
		mu.Unlock()
		a.Update()
		for deadline := time.Now().Add(30 * time.Second); len(a.Names()) != len(list) || len(list) > 0 && a.HostName() == ""; {
			if time.Now().After(deadline) {
				return errors.New("nothing was advertised within 30 seconds")
			}
			time.Sleep(20 * time.Millisecond)
		}
		out := struct {
			Host  string
			Names map[string]string
		}{a.HostName(), a.Names()}
		if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
			return err
		}
	}
	cancel()
	return <-done
}

// root prefixes a command that needs root with sudo where the test has not.
func root(args ...string) []string {
	if os.Geteuid() != 0 {
		return append([]string{"sudo", "-n", "-E"}, args...)
	}
	return args
}

// logPeers names each program and the package that it is of. A missing one fails
// the test where it is used.
func logPeers(t *testing.T, pairs ...string) {
	t.Helper()
	for pair := range slices.Chunk(pairs, 2) {
		path, err := exec.LookPath(pair[0])
		t.Log(path, peers.Version(pair[1]), err)
	}
}

// cable is the pair of namespaces.
type cable struct {
	t    *testing.T
	dir  string
	a, b string
	bus  string // of D-Bus, for avahi's clients
}

var cables atomic.Int32

func newCable(t *testing.T) *cable {
	t.Helper()
	t.Parallel() // they wait more than they work
	logPeers(t, "ip", "iproute2", "nsenter", "util-linux")
	id := cables.Add(1)
	c := &cable{t: t, dir: t.TempDir(), a: fmt.Sprintf("pla%d-%d", os.Getpid(), id), b: fmt.Sprintf("plb%d-%d", os.Getpid(), id)}
	for _, ns := range []string{c.a, c.b} {
		c.must("ip", "netns", "add", ns)
		t.Cleanup(func() { c.must("ip", "netns", "del", ns) })
	}
	c.must("ip", "link", "add", "va", "netns", c.a, "type", "veth", "peer", "name", "vb", "netns", c.b)
	for _, end := range [][3]string{{c.a, "va", addrA}, {c.b, "vb", addrB}} {
		c.must("ip", "-n", end[0], "addr", "add", end[2]+"/24", "dev", end[1])
		c.must("ip", "-n", end[0], "link", "set", end[1], "up")
		c.must("ip", "-n", end[0], "link", "set", "lo", "up")
		c.must("ip", "-n", end[0], "route", "add", "224.0.0.0/4", "dev", end[1])
	}
	return c
}

func (c *cable) must(args ...string) {
	c.t.Helper()
	args = root(args...)
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		c.t.Fatalf("%v: %v: %s (this test makes network namespaces: it needs root, or sudo without a password, and what `make peers` installs)", args, err, out)
	}
}

// in prepares a command inside a namespace.
func (c *cable) in(ns string, args ...string) *exec.Cmd {
	args = root(append([]string{"ip", "netns", "exec", ns}, args...)...)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	if c.bus != "" {
		cmd.Env = append(cmd.Env, "DBUS_SYSTEM_BUS_ADDRESS="+c.bus)
	}
	cmd.WaitDelay = time.Second
	return cmd
}

// start runs a command until the test ends.
func (c *cable) start(cmd *exec.Cmd) *bytes.Buffer {
	c.t.Helper()
	out := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		_ = cmd.Wait()
		if c.t.Failed() {
			c.t.Logf("%v said:\n%s", cmd.Args, out)
		}
	})
	return out
}

// ask runs a command and returns what it says; a peer that finds nothing may say
// so with its exit status.
func (c *cable) ask(ns string, args ...string) string {
	c.t.Helper()
	cmd := c.in(ns, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || exit.ExitCode() < 0 || exit.ExitCode() > 100) {
		c.t.Fatalf("%v: %v: %s", args, err, stderr.String())
	}
	return string(out) + stderr.String()
}

// until repeats a question until the answer pleases.
func (c *cable) until(what string, ok func(string) bool, ns string, args ...string) string {
	c.t.Helper()
	var out string
	for range 10 {
		if out = c.ask(ns, args...); ok(out) {
			return out
		}
		time.Sleep(500 * time.Millisecond)
	}
	c.t.Fatalf("%s: %v says\n%s", what, args, out)
	return ""
}

// node is the helper that advertises.
type node struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
	log bytes.Buffer
}

type told struct {
	Host  string
	Names map[string]string
}

func (c *cable) node(ns, host string) *node {
	c.t.Helper()
	self, err := os.Executable()
	if err != nil {
		c.t.Fatal(err)
	}
	n := &node{t: c.t, cmd: c.in(ns, "env", helperVar+"="+host, self)}
	n.cmd.Stderr = &n.log
	if n.in, err = n.cmd.StdinPipe(); err != nil {
		c.t.Fatal(err)
	}
	stdout, err := n.cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	n.out = bufio.NewScanner(stdout)
	if err := n.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		n.stop()
		if c.t.Failed() {
			c.t.Logf("the node in %s said:\n%s", ns, n.log.String())
		}
	})
	return n
}

// say gives the node a list of services and returns what they are called once
// they are advertised.
func (n *node) say(list ...Service) told {
	n.t.Helper()
	b, err := json.Marshal(list)
	if err != nil {
		n.t.Fatal(err)
	}
	if _, err := n.in.Write(append(b, '\n')); err != nil {
		n.t.Fatal(err)
	}
	var got told
	if !n.out.Scan() {
		n.t.Fatal("the node ended")
	}
	if err := json.Unmarshal(n.out.Bytes(), &got); err != nil {
		n.t.Fatal(err)
	}
	return got
}

func (n *node) stop() {
	_ = n.in.Close()
	_ = n.cmd.Wait()
}

// avahi starts avahi-daemon with a D-Bus of its own in namespace b, now: it has
// heard nothing of what was announced before.
func (c *cable) avahi(options string) {
	c.t.Helper()
	logPeers(c.t, "avahi-daemon", "avahi-daemon", "avahi-browse", "avahi-utils", "dbus-daemon", "dbus", "ippfind", "cups-ipp-utils")
	socket, err := os.MkdirTemp("", "dbus") // a socket's path may have 107 octets
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = os.RemoveAll(socket) })
	c.bus = "unix:path=" + filepath.Join(socket, "bus")
	c.write("dbus.conf", `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>`+c.bus+`</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_type="signal"/><allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>`)
	c.write("avahi.conf", "[server]\nhost-name=stranger\nuse-ipv4=yes\nuse-ipv6=yes\nallow-interfaces=vb\nenable-dbus=yes\nratelimit-interval-usec=1000000\nratelimit-burst=1000\n"+
		"[publish]\npublish-workstation=no\npublish-hinfo=no\n"+options)
	c.write("resolv.conf", "nameserver "+addrB+"\n")
	bus := root("dbus-daemon", "--config-file="+filepath.Join(c.dir, "dbus.conf"), "--nofork", "--nopidfile")
	c.start(exec.Command(bus[0], bus[1:]...))
	c.wait(strings.TrimPrefix(c.bus, "unix:path="))
	daemon := root("nsenter", "--net=/run/netns/"+c.b, "env", "DBUS_SYSTEM_BUS_ADDRESS="+c.bus, "unshare", "-m", "sh", "-c",
		`mount --bind "$1/resolv.conf" "$(readlink -f /etc/resolv.conf)" && mount -t tmpfs t /run && mkdir -p /run/avahi-daemon /run/dbus &&
		 exec avahi-daemon -f "$1/avahi.conf" --no-drop-root --no-chroot --no-rlimits --no-proc-title`, "sh", c.dir)
	c.start(exec.Command(daemon[0], daemon[1:]...))
	c.until("avahi runs", func(s string) bool { return !strings.Contains(s, "Daemon not running") && !strings.Contains(s, "rror") },
		c.b, "avahi-browse", "-tp", "_nothing._tcp")
}

func (c *cable) write(name, text string) string {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		c.t.Fatal(err)
	}
	return path
}

func (c *cable) wait(path string) {
	c.t.Helper()
	for range 100 {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	c.t.Fatalf("%s does not appear", path)
}

// resolved is a line of avahi-browse -rtp.
type resolved struct {
	instance, host, addr, port string
	txt                        []string
}

func (c *cable) browse(typ string, more ...string) []resolved {
	c.t.Helper()
	var list []resolved
	for line := range strings.Lines(c.ask(c.b, slices.Concat([]string{"avahi-browse", "-rtp"}, more, []string{typ})...)) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ";", 10)
		if f[0] != "=" || len(f) < 10 {
			continue
		}
		r := resolved{instance: unescape(f[3]), host: f[6], addr: f[7], port: f[8]}
		for s := range strings.SplitSeq(strings.Trim(f[9], `"`), `" "`) {
			r.txt = append(r.txt, unescape(s))
		}
		list = append(list, r)
	}
	return list
}

// finds fails unless avahi lists s under a type with every TXT key.
func (c *cable) finds(s Service, typ string, port int, want []string) {
	c.t.Helper()
	c.findsIn("local", typ, s, "platen-test.local", port, want)
}

func (c *cable) findsIn(domain, typ string, s Service, host string, port int, want []string) {
	c.t.Helper()
	var list []resolved
	for range 5 {
		list = c.browse(typ, "-d", domain)
		for _, r := range list {
			slices.Sort(r.txt)
			sorted := slices.Sorted(slices.Values(want))
			if r.instance == s.Instance && r.host == host && r.port == itoa(port) && slices.Equal(r.txt, sorted) {
				return
			}
		}
		time.Sleep(300 * time.Millisecond)
	}
	c.t.Errorf("avahi-browse under %s: %+v\nwant %q at port %d with %q", typ, list, s.Instance, port, want)
}

func TestAvahiAndIppfindFindTheQueue(t *testing.T) {
	c := newCable(t)
	n := c.node(c.a, "platen-test")
	s := office()
	plain := office()
	plain.Instance, plain.Queue, plain.UUID, plain.TLSPort, plain.ResourcePath = "Direct", "direct", "", 0, "ipp/print/direct"
	if got := n.say(s, plain); got.Host != "platen-test.local" || got.Names["secure"] != s.Instance || got.Names["direct"] != "Direct" {
		t.Fatalf("the node says %+v", got)
	}
	c.avahi("") // it starts when all announcements are out

	for _, prefix := range []string{"", "_universal._sub.", "_print._sub."} {
		c.finds(s, prefix+"_ipp._tcp", s.Port, s.TXT())
		c.finds(s, prefix+"_ipps._tcp", s.TLSPort, s.TXT())
		c.finds(plain, prefix+"_ipp._tcp", plain.Port, plain.TXT())
	}
	c.finds(s, "_printer._tcp", 0, []string{""})
	if out := c.ask(c.b, "avahi-browse", "-atp"); !strings.Contains(out, ";Internet Printer;") && !strings.Contains(out, ";_ipp._tcp;") {
		t.Errorf("the types of services are not listed: %s", out)
	}
	for _, typ := range []string{"_ipp._tcp,_universal", "_ipp._tcp,_print", "_ipps._tcp,_universal", "_ipps._tcp,_print"} {
		scheme, _, _ := strings.Cut(strings.TrimPrefix(typ, "_"), ".")
		uri := fmt.Sprintf("%s://platen-test.local:%d/ipp/print/secure\n", scheme, map[string]int{"ipp": s.Port, "ipps": s.TLSPort}[scheme])
		c.until("ippfind lists the queue", func(s string) bool { return strings.Contains(s, uri) }, c.b, "ippfind", "-T", "2", typ, "--txt-URF", "V1.4.*", "--print")
	}
	// The host by itself, as a client asks two minutes later.
	c.until("avahi resolves the host", func(s string) bool { return strings.Contains(s, addrA) }, c.b, "avahi-resolve", "-4", "-n", "platen-test.local")
	c.until("avahi resolves it to IPv6", func(s string) bool { return strings.Contains(s, "fe80::") }, c.b, "avahi-resolve", "-6", "-n", "platen-test.local")
	// A resolver that knows no multicast DNS.
	logPeers(t, "dig", "bind9-dnsutils")
	if out := c.ask(c.b, "dig", "+short", "+time=2", "+tries=1", "-p", "5353", "@"+addrA, "platen-test.local", "A"); strings.TrimSpace(out) != addrA {
		t.Errorf("dig says %q", out)
	}

	t.Run("what changes", func(t *testing.T) {
		s.Note, plain.Instance = "Moved to the cellar", "Direct and new"
		n.say(s, plain)
		c.until("the note is new", func(s string) bool { return strings.Contains(s, `"note=Moved to the cellar"`) }, c.b, "avahi-browse", "-rtp", "_ipp._tcp")
		c.finds(plain, "_universal._sub._ipp._tcp", plain.Port, plain.TXT())
		c.until("the old name is gone", func(s string) bool { return !strings.Contains(s, ";Direct;") }, c.b, "avahi-browse", "-tp", "_ipp._tcp")
	})
	t.Run("an address", func(t *testing.T) {
		c.must("ip", "-n", c.a, "addr", "add", "10.99.0.7/24", "dev", "va")
		c.must("ip", "-n", c.a, "addr", "del", addrA+"/24", "dev", "va")
		c.must("ip", "-n", c.a, "addr", "replace", "10.99.0.7/24", "dev", "va")
		c.until("the address is new", func(s string) bool { return strings.Contains(s, "10.99.0.7") }, c.b, "avahi-resolve", "-4", "-n", "platen-test.local")
	})
	gone := func(s string) bool { return !strings.Contains(s, "_ipp") && !strings.Contains(s, "Internet Printer") }
	t.Run("turned off and on", func(t *testing.T) {
		n.say()
		c.until("goodbye was heard", gone, c.b, "avahi-browse", "-tp", "_ipp._tcp")
		n.say(s)
		c.finds(s, "_ipp._tcp", s.Port, s.TXT())
	})
	n.stop()
	c.until("goodbye was heard at the end", gone, c.b, "avahi-browse", "-tp", "_ipp._tcp")
}

func TestNameThatAnotherHostHas(t *testing.T) {
	s := office()
	s.Instance = "Büro"

	t.Run("avahi", func(t *testing.T) {
		c := newCable(t)
		c.avahi("")
		c.start(c.in(c.b, "avahi-publish", "-s", s.Instance, "_ipp._tcp", "631", "rp=ipp/print"))
		c.until("avahi has the name", func(s string) bool { return strings.Contains(s, "=;") }, c.b, "avahi-browse", "-rtp", "_ipp._tcp")
		n := c.node(c.a, "stranger") // which is what avahi calls itself
		if got := n.say(s); got.Names["secure"] != "Büro (2)" || got.Host != "stranger-2.local" {
			t.Errorf("the node says %+v", got)
		}
	})
	t.Run("two nodes at once", func(t *testing.T) {
		c := newCable(t)
		one, two := c.node(c.a, "platen-test"), c.node(c.b, "platen-test")
		other := s
		other.Port = 9631
		done := make(chan told)
		go func() { done <- one.say(s) }()
		b := two.say(other)
		a := <-done
		t.Logf("at first %+v and %+v", a, b)
		a, b = one.say(s), two.say(other) // settled, in case a conflict was found after the first announcement
		names, hosts := []string{a.Names["secure"], b.Names["secure"]}, []string{a.Host, b.Host}
		slices.Sort(names)
		slices.Sort(hosts)
		if !slices.Equal(names, []string{"Büro", "Büro (2)"}) || !slices.Equal(hosts, []string{"platen-test-2.local", "platen-test.local"}) {
			t.Errorf("names %q, hosts %q", names, hosts)
		}
	})
}

func TestBrowse(t *testing.T) {
	c := newCable(t)
	c.avahi("")
	for _, args := range [][]string{
		{"-s", "Brüder 7.1", "_ipp._tcp", "8000", "rp=ipp/print/x", "ty=A printer", "UUID=1-2"},
		{"-s", "Brüder 7.1", "_pdl-datastream._tcp", "9100", "note=a=b \\ \"c\""},
		{"-s", "Line", "_printer._tcp", "515", "rp=lp"},
		{"-s", "Guard", "_printer._tcp", "0"},
	} {
		c.start(c.in(c.b, append([]string{"avahi-publish"}, args...)...))
	}
	c.until("avahi publishes", func(s string) bool { return strings.Contains(s, "Line") }, c.b, "avahi-browse", "-tp", "_printer._tcp")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out := c.ask(c.a, "env", helperVar+"=browse", self)
	var found []Found
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	got := map[string]Found{}
	for _, f := range found {
		if !slices.Contains(f.Addrs, netip.MustParseAddr(addrB)) || f.Host != "stranger.local" {
			t.Errorf("found %+v", f)
		}
		got[f.Instance+" "+f.Type] = f
	}
	for key, uri := range map[string]string{
		"Brüder 7.1 _ipp._tcp":            "ipp://stranger.local:8000/ipp/print/x",
		"Brüder 7.1 _pdl-datastream._tcp": "socket://stranger.local:9100",
		"Line _printer._tcp":              "lpr://stranger.local:515/lp",
	} {
		if got[key].URI != uri {
			t.Errorf("%s: %+v", key, got[key])
		}
	}
	if len(found) != 3 || got["Brüder 7.1 _pdl-datastream._tcp"].TXT["note"] != "a=b \\ \"c\"" || got["Brüder 7.1 _ipp._tcp"].TXT["uuid"] != "1-2" {
		t.Errorf("found %+v", found)
	}
}

func TestZoneInBIND(t *testing.T) {
	c := newCable(t)
	logPeers(t, "named", "bind9", "named-checkzone", "bind9-utils", "dig", "bind9-dnsutils")
	s, two := office(), office()
	two.Instance, two.UUID, two.ResourcePath, two.TLSPort = `Dots. and \ and (more); "q" @ $`, "2", "ipp/print/two", 0
	var snippet strings.Builder
	if err := Zone(&snippet, zoneOf(s, two)); err != nil {
		t.Fatal(err)
	}
	include := c.write("platen.inc", snippet.String())
	zone := c.write("example.org.zone", fmt.Sprintf("$TTL 3600\n@ IN SOA ns.example.org. root.example.org. 1 3600 600 86400 60\n@ NS ns.example.org.\nns A %s\n$INCLUDE %s\n", addrB, include))
	if out := c.ask(c.b, "named-checkzone", "example.org", zone); !strings.Contains(out, "\nOK") {
		t.Fatalf("named-checkzone says\n%s", out)
	}
	conf := c.write("named.conf", fmt.Sprintf(`options { directory "%s"; listen-on { %s; 127.0.0.1; }; listen-on-v6 { none; }; recursion no; dnssec-validation no; pid-file none; session-keyfile none; };
controls { };
zone "example.org" { type primary; file "%s"; };
`, c.dir, addrB, zone))
	c.start(c.in(c.b, "named", "-g", "-c", conf))
	dig := func(name, typ string) string {
		return c.ask(c.a, "dig", "+short", "+time=2", "+tries=1", "@"+addrB, name, typ)
	}
	for range 50 {
		if strings.TrimSpace(dig("ns.example.org", "A")) == addrB {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}

	label := escape(s.Instance)
	for _, q := range [][3]string{
		{"b._dns-sd._udp.example.org", "PTR", "example.org."},
		{"lb._dns-sd._udp.example.org", "PTR", "example.org."},
		{"_services._dns-sd._udp.example.org", "PTR", "_ipp._tcp.example.org."},
		{"_services._dns-sd._udp.example.org", "PTR", "_ipps._tcp.example.org."},
		{label + "._ipp._tcp.example.org", "SRV", "0 0 8631 node1.example.org."},
		{label + "._ipps._tcp.example.org", "SRV", "0 0 8632 node1.example.org."},
		{"node1.example.org", "A", addrA},
		{"node1.example.org", "AAAA", "fd00::1"},
	} {
		if got := dig(q[0], q[1]); !slices.Contains(strings.Split(got, "\n"), q[2]) {
			t.Errorf("dig %s %s says %q, want %q", q[0], q[1], got, q[2])
		}
	}
	for _, name := range []string{"_ipp._tcp", "_universal._sub._ipp._tcp", "_print._sub._ipp._tcp", "_ipps._tcp", "_universal._sub._ipps._tcp", "_print._sub._ipps._tcp"} {
		var got []string
		for line := range strings.SplitSeq(strings.TrimSpace(dig(name+".example.org", "PTR")), "\n") {
			got = append(got, unescape(strings.TrimSuffix(strings.TrimSuffix(line, "._ipp._tcp.example.org."), "._ipps._tcp.example.org.")))
		}
		want := []string{s.Instance}
		if !strings.Contains(name, "_ipps") {
			want = append(want, two.Instance)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("dig %s says %q, want %q", name, got, want)
		}
	}
	for _, v := range []Service{s, two} {
		got := strings.TrimSpace(dig(escape(v.Instance)+"._ipp._tcp.example.org", "TXT"))
		var list []string
		for part := range strings.SplitSeq(strings.Trim(got, `"`), `" "`) {
			list = append(list, unescape(part))
		}
		if !slices.Equal(list, v.TXT()) {
			t.Errorf("dig says %q\nwant %q", list, v.TXT())
		}
	}

	// Clients that ask the name server.
	c.avahi("[wide-area]\nenable-wide-area=yes\n")
	for _, v := range []Service{s, two} {
		c.findsIn("example.org", "_ipp._tcp", v, "node1.example.org", v.Port, v.TXT())
	}
	c.findsIn("example.org", "_universal._sub._ipps._tcp", s, "node1.example.org", s.TLSPort, s.TXT())
	c.until("ippfind lists both queues", func(out string) bool {
		return strings.Contains(out, "ipp://node1.example.org:8631/ipp/print/secure\n") && strings.Contains(out, "ipp://node1.example.org:8631/ipp/print/two\n")
	}, c.b, "ippfind", "-T", "3", "_ipp._tcp.example.org.")
}
