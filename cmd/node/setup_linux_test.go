package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"platen/config"
	"platen/dnssd"
	"platen/internal/testkit/peers"
	"platen/setup"
	"platen/site"
)

// What clients look for is what the queue then says: the TXT record of the zone
// against Get-Printer-Attributes, asked by ipptool. BIND's own checker reads the
// zone.
func TestZoneSaysWhatTheQueueSays(t *testing.T) {
	h := startDemo(t, "")
	h.must("queue", "set", "secure", "--location", "2nd floor", "--profile", "finisher-colour")
	h.must("queue", "add", "backstage", "--hidden", "yes")
	h.must("queue", "add", "closed", "--accept-jobs", "no")
	text := h.must("dns-sd", "zone", "--domain", "example.org", "--host", "node1", "--address", "192.0.2.10", "--address", "2001:db8::10")
	for _, gone := range []string{"backstage", "closed"} {
		if strings.Contains(text, gone) {
			t.Errorf("%s is in the zone", gone)
		}
	}
	wants(t, h.dir, exitUsage, "needs --domain", "dns-sd", "zone")
	wants(t, h.dir, exitUsage, "not a domain", "dns-sd", "zone", "--domain", "x.local")
	wants(t, h.dir, exitUsage, "an address", "dns-sd", "zone", "--domain", "example.org", "--address", "here")

	file := filepath.Join(t.TempDir(), "zone")
	head := "$ORIGIN example.org.\n$TTL 3600\n@ SOA ns.example.org. root.example.org. 1 3600 600 86400 600\n@ NS ns.example.org.\nns A 192.0.2.1\n"
	if err := os.WriteFile(file, []byte(head+text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(inTime(t), "named-checkzone", "-D", "-i", "local", "example.org", file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s\n%s", err, out, text)
	}
	record := regexp.MustCompile(`(?m)^Platen\\032secure\._ipps\._tcp\.example\.org\.\s.*\sTXT\s+(.*)$`).FindStringSubmatch(string(out))
	if record == nil {
		t.Fatalf("no TXT record in\n%s", out)
	}
	txt := map[string]string{}
	for _, m := range regexp.MustCompile(`"([^"=]+)=((?:[^"\\]|\\.)*)"`).FindAllStringSubmatch(record[1], -1) {
		txt[m[1]] = m[2]
	}
	says := h.attributes(h.demo.IPPS)
	for key, want := range map[string]string{
		"UUID": strings.TrimPrefix(says["printer-uuid"], "urn:uuid:"), "URF": says["urf-supported"], "ty": says["printer-make-and-model"], "note": says["printer-location"],
		"mopria-certified": says["mopria-certified"], "rp": "ipp/print/secure", "adminurl": "https://node1.example.org:" + fmt.Sprint(portOf(strings.TrimSuffix(strings.TrimPrefix(h.demo.Web, "https://"), "/"))) + "/print",
		"Color": "T", "Duplex": "T", "Staple": "T", "Punch": "T", "Copies": "T", "PaperMax": "tabloid-A3", "TLS": "1.3", "priority": "50", "kind": "document",
	} {
		if txt[key] != want || want == "" {
			t.Errorf("%s=%s, the queue says %q", key, txt[key], want)
		}
	}
	if !strings.HasSuffix(says["printer-more-info"], "/print") || says["color-supported"] != "true" || !strings.Contains(says["sides-supported"], "two-sided-long-edge") {
		t.Errorf("%q", says)
	}
	formats := strings.Split(says["document-format-supported"], ",")
	for _, f := range strings.Split(txt["pdl"], ",") {
		if !slices.Contains(formats, f) {
			t.Errorf("%s is advertised and not taken", f)
		}
	}
	for _, f := range []string{"image/pwg-raster", "image/urf", "image/jpeg", "application/pdf"} {
		if !slices.Contains(strings.Split(txt["pdl"], ","), f) {
			t.Errorf("%s is not advertised: %s", f, txt["pdl"])
		}
	}
	if set := setup.PrinterUUID(fullHostName(), "secure"); txt["UUID"] != set {
		t.Errorf("printer-uuid is %s, want the one of host and queue, %s", txt["UUID"], set)
	}
	h.end()
}

// attributes asks a queue by ipptool.
func (h *house) attributes(uri string) map[string]string {
	h.t.Helper()
	out, err := exec.CommandContext(inTime(h.t), "ipptool", "-tv", uri, "get-printer-attributes.test").CombinedOutput()
	if err != nil {
		h.t.Fatalf("ipptool: %v\n%s", err, out)
	}
	got := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^\s+([a-z0-9-]+) \([^)]*\)(?: =|:) (.*)$`).FindAllStringSubmatch(string(out), -1) {
		if _, again := got[m[1]]; !again || m[1] != "attributes-charset" {
			got[m[1]] = m[2]
		}
	}
	return got
}

// A node that was installed anew keeps the identity of its queues.
func TestPrinterUUIDSurvivesReinstallation(t *testing.T) {
	type shown struct {
		ID  string
		IPP site.IPP
	}
	var first, second shown
	a, b := newNode(t), newNode(t)
	for dir, v := range map[string]*shown{a: &first, b: &second} {
		if err := json.Unmarshal([]byte(must(t, dir, "", "queue", "show", "secure", "--json")), v); err != nil {
			t.Fatal(err)
		}
	}
	if first.IPP.UUID != second.IPP.UUID || first.ID == second.ID || first.IPP.UUID == "" {
		t.Errorf("%+v, then %+v", first, second)
	}
}

func TestQueueFlags(t *testing.T) {
	dir := newNode(t)
	do := func(args ...string) string { t.Helper(); return must(t, dir, "", args...) }
	do("device", "set", "folder", "--profile", "simple-mono")
	wants(t, dir, exitDone, "simple-mono", "device", "show", "folder")
	wants(t, dir, exitUsage, "one of finisher-colour, ", "device", "set", "folder", "--profile", "perfect")
	do("queue", "set", "secure", "--alias", "HP_3rd", "--alias", "Old-Queue", "--alias", "hp_3rd", "--location", "2nd floor", "--geo", "geo:48.40,9.99", "--organization", "Example",
		"--unit", "Sales", "--require-identity", "yes", "--report-completed", "yes", "--hidden", "yes", "--profile", "office-mono", "--behind", "folder")
	var q struct {
		Aliases []string
		IPP     site.IPP
	}
	if err := json.Unmarshal([]byte(do("queue", "show", "OLD-queue", "--json")), &q); err != nil {
		t.Fatal(err)
	}
	if slices.Sort(q.Aliases); !slices.Equal(q.Aliases, []string{"hp_3rd", "old-queue"}) {
		t.Errorf("aliases %q", q.Aliases)
	}
	i := q.IPP
	if len(i.Devices) != 1 || i.Location != "2nd floor" || i.Geo != "geo:48.40,9.99" || i.Organization != "Example" || i.Unit != "Sales" || i.Profile != "office-mono" || !i.RequireIdentity || !i.ReportCompleted || !i.Hidden {
		t.Errorf("%+v", i)
	}
	for _, says := range []string{"old-queue", "2nd floor", "geo:48.40,9.99", "Sales", "office-mono", "folder", i.UUID} {
		wants(t, dir, exitDone, says, "queue", "show", "secure")
	}
	wants(t, dir, exitConflict, "There is a queue HP_3rd already.", "queue", "add", "HP_3rd")
	wants(t, dir, exitConflict, "There is a queue direct already.", "queue", "set", "secure", "--alias", "direct")
	wants(t, dir, exitUsage, "geo:", "queue", "set", "secure", "--geo", "Ulm")
	wants(t, dir, exitUsage, "cannot be a name", "queue", "set", "secure", "--alias", "a/b")
	wants(t, dir, exitNotFound, "There is no device nowhere.", "queue", "set", "secure", "--behind", "nowhere")
	do("queue", "set", "secure", "--alias", "", "--behind", "", "--profile", "", "--hidden", "no")
	wants(t, dir, exitNotFound, "There is no queue hp_3rd.", "queue", "show", "hp_3rd")
	wants(t, dir, exitDone, "all", "queue", "show", "secure")

	do("settings", "set", "--default-queue", "direct", "--personal-urls", "no", "--advertise", "no")
	var s site.Settings
	read := func() {
		t.Helper()
		s = site.Settings{}
		var raw map[string]any
		text := do("settings", "show", "--json")
		if err := json.Unmarshal([]byte(text), &raw); err != nil {
			t.Fatal(err)
		}
		s.DefaultQueue, _ = raw["default_queue"].(string)
		s.PersonalURLs, _ = raw["personal_urls"].(bool)
		s.Advertise, _ = raw["advertise"].(bool)
	}
	if read(); s.DefaultQueue == "" || s.PersonalURLs || s.Advertise {
		t.Errorf("%+v", s)
	}
	wants(t, dir, exitDone, "direct", "settings", "show")
	wants(t, dir, exitConflict, "turned off", "user", "print-url", "add", "anna")
	wants(t, dir, exitNotFound, "There is no queue nowhere.", "settings", "set", "--default-queue", "nowhere")
	do("settings", "set", "--default-queue", "", "--personal-urls", "yes", "--advertise", "yes")
	if read(); s.DefaultQueue != "" || !s.PersonalURLs || !s.Advertise {
		t.Errorf("%+v", s)
	}
}

// A personal address prints as its owner without a password, over TLS only, until
// it is removed. It is in no list and in no log.
func TestPersonalAddress(t *testing.T) {
	h := startDemo(t, "")
	var made struct{ ID, URL, Queue_Name, Token string }
	h.json(&made, "user", "print-url", "add", "anna", "--queue", "secure", "--host", "127.0.0.1", "--label", "tablet")
	prefix := h.demo.IPPS + "/u/"
	secret := strings.TrimPrefix(made.URL, prefix)
	if !strings.HasPrefix(made.URL, prefix) || len(secret) != 43 || made.Queue_Name != "secure" || made.Token != "" {
		t.Fatalf("%+v", made)
	}
	if says := h.attributes(made.URL); !strings.HasSuffix(says["printer-uri-supported"], "/ipp/print/secure/u/"+secret) { // of nothing else
		t.Errorf("it says of itself %s", says["printer-uri-supported"])
	}
	doc, _ := document(t, 2000)
	h.printTo(made.URL, doc, true)
	await(t, "anna's job", func() bool { return len(h.jobs()) == 1 && h.jobs()[0].Owner == "anna" })
	h.printTo(strings.Replace(made.URL, "ipps:", "ipp:", 1), doc, false)
	h.printTo(strings.Replace(made.URL, "secure", "direct", 1), doc, false)
	for _, args := range [][]string{{"user", "print-url", "list", "anna"}, {"token", "list"}, {"audit", "list"}, {"user", "show", "anna", "--json"}} {
		if out := h.must(args...); strings.Contains(out, secret) {
			t.Errorf("%v tells the secret", args)
		}
	}
	if strings.Contains(h.log.String(), secret) {
		t.Error("the log tells the secret")
	}
	if out := h.must("token", "list"); strings.Contains(out, "tablet") {
		t.Errorf("it is among the tokens of programs:\n%s", out)
	}
	wants(t, h.dir, exitDone, "tablet", "user", "print-url", "list", "anna")
	wants(t, h.dir, exitNotFound, "ben has no such address.", "user", "print-url", "remove", "ben", made.ID)
	wants(t, h.dir, exitUsage, `user has no "print-url"`, "user", "print-url")
	wants(t, h.dir, exitUsage, "is not the name or the address of a host", "user", "print-url", "add", "anna", "--host", "a b")
	h.must("user", "print-url", "remove", "anna", made.ID)
	h.printTo(made.URL, doc, false)

	// For every queue, and then all at once.
	var every struct{ URL string }
	h.json(&every, "user", "print-url", "add", "anna", "--host", "127.0.0.1")
	h.printTo(strings.Replace(every.URL, "secure", "direct", 1), doc, true)
	h.must("user", "print-url", "remove", "anna", "--queue", "secure")
	h.printTo(every.URL, doc, true)
	h.must("user", "print-url", "remove", "anna")
	h.printTo(every.URL, doc, false)

	// Nobody prints as a person who is gone.
	h.json(&every, "user", "print-url", "add", "ben", "--host", "127.0.0.1")
	h.must("user", "remove", "ben")
	h.printTo(every.URL, doc, false)
	h.end()
}

// printTo sends a document by ipptool.
func (h *house) printTo(uri, doc string, works bool) {
	h.t.Helper()
	out, err := exec.CommandContext(inTime(h.t), "ipptool", "-tv", "-f", doc, "-d", "filetype=application/octet-stream", uri, "print-job.test").CombinedOutput()
	if (err == nil) != works {
		h.t.Errorf("printing to %s: %v\n%s", uri, err, out)
	}
}

// All that is handed out is for the queue that was asked for, and parses.
func TestDeploy(t *testing.T) {
	h := startDemo(t, "")
	h.must("queue", "add", "backstage", "--hidden", "yes")
	ipp := strings.TrimSuffix(strings.TrimPrefix(h.demo.IPPS, "ipps://127.0.0.1:"), "/ipp/print/secure")
	parsers := map[string][]string{
		"cups": {"sh", "-n"}, "ansible": {"/usr/bin/python3", "-c", "import sys, yaml; yaml.safe_load(sys.stdin)"},
		"macos": {"python3", "-c", "import sys, plistlib; plistlib.loads(sys.stdin.buffer.read())"},
	}
	parsers["jamf"] = parsers["macos"]
	for _, kind := range []string{"windows", "intune", "macos", "jamf", "ansible", "cups"} {
		all := h.must("deploy", kind, "--host", "print.example.org")
		one := h.must("deploy", kind, "--host", "print.example.org", "--queue", "secure", "--ca")
		if !strings.Contains(all, "/ipp/print/direct") || strings.Contains(one, "/ipp/print/direct") || strings.Contains(all, "backstage") || !strings.Contains(one, "/ipp/print/secure") {
			t.Errorf("%s:\n%s", kind, one)
		}
		if !strings.Contains(one, ipp) || strings.Contains(one, "127.0.0.1") {
			t.Errorf("%s does not go to print.example.org, port %s:\n%s", kind, ipp, one)
		}
		if strings.Contains(all, "MII") || !strings.Contains(one, "MII") {
			t.Errorf("%s trusts what it was not asked to, or does not trust", kind)
		}
		for _, text := range []string{all, one} {
			if p := parsers[kind]; p != nil {
				cmd := exec.CommandContext(inTime(t), p[0], p[1:]...)
				cmd.Stdin = strings.NewReader(text)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%s: %v: %s\n%s", kind, err, out, text)
				}
			}
		}
	}
	if text := h.must("deploy", "intune", "--detect"); strings.Contains(text, "Add-Printer") {
		t.Error("what only looks adds printers")
	}
	wants(t, h.dir, exitNotFound, "There is no queue nowhere.", "deploy", "cups", "--queue", "nowhere")
	h.end()
	wants(t, h.dir, exitFailed, "The node is not running", "deploy", "cups") // port 0 of the demo: nobody knows it now
}

// The script for CUPS runs twice against a cupsd of its own: it adds the queues
// without a driver, and the second time all is there.
func TestDeployedToCUPS(t *testing.T) {
	h := startDemo(t, "")
	cups, err := peers.StartCups(inTime(t), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cups.Stop)
	t.Logf("peer: /usr/sbin/cupsd of %s", peers.Version("cups-daemon"))
	script := h.must("deploy", "cups", "--host", "127.0.0.1")
	for _, says := range []string{"platen: secure was added: " + h.demo.IPPS, "platen: secure is there"} {
		cmd := exec.CommandContext(inTime(t), "sh")
		cmd.Env = append(os.Environ(), "CUPS_SERVER="+cups.Server())
		cmd.Stdin = strings.NewReader(script)
		out, err := cmd.CombinedOutput()
		if os.Geteuid() != 0 {
			says = "platen: this needs root"
		} else if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		if !strings.Contains(string(out), says) {
			t.Errorf("%q is not in\n%s", says, out)
		}
	}
	h.end()
}

// What printers call themselves is made into a name and a line that a shell reads
// as it is.
func TestDiscoverMakesLinesToCopy(t *testing.T) {
	found := []dnssd.Found{
		{Instance: "HP LaserJet; rm -rf ~", Type: "_pdl-datastream._tcp", Host: "hp.local", Port: 9100, URI: "socket://hp.local:9100"},
		{Instance: "HP LaserJet; rm -rf ~", Type: "_ipps._tcp", Host: "hp.local", Port: 631, URI: "ipps://hp.local:631/ipp/print", TXT: map[string]string{"ty": "HP LaserJet M507", "note": "2nd floor", "uuid": "u-1"}},
		{Instance: "Guard", Type: "_printer._tcp", Host: "guard.local", URI: "lpr://guard.local:0/auto"},
		{Instance: "Platen secure", Type: "_ipps._tcp", Host: "node.local", Port: 631, URI: "ipps://node.local:631/ipp/print/secure", TXT: map[string]string{"ty": "Platen Print Queue"}},
		{Instance: "///", Type: "_printer._tcp", Host: "old.local", Port: 515, URI: "lpr://old.local:515/auto"},
	}
	known := map[string]bool{"hp.local": true, "old.local": true, "node.local": true}
	list := devicesAmong(found, known, false)
	var lines []string
	for _, d := range list {
		lines = append(lines, d.Add)
	}
	want := []string{
		"platen device add printer --uri lpr://old.local:515/auto",
		"platen device add hp-laserjet-rm--rf --uri ipps://hp.local:631/ipp/print --model 'HP LaserJet M507' --location '2nd floor'",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got  %q\nwant %q", lines, want)
	}
	for _, d := range list {
		if err := checkName(deviceName(d.Name)); err != nil {
			t.Errorf("%s: %v", d.Name, err)
		}
	}
	if all := devicesAmong(found, known, true); len(all) != 3 {
		t.Errorf("all: %+v", all)
	}
}

func TestAdvertisedWhere(t *testing.T) {
	for addr, want := range map[string]bool{"": true, "127.0.0.1:631": true, "[::1]:631": true, "[::ffff:127.0.0.1]:631": true, ":631": false, "0.0.0.0:631": false, "[::]:631": false, "192.0.2.1:631": false} {
		if got := onlyHere(addr); got != want {
			t.Errorf("%q is only here: %v", addr, got)
		}
	}
	cfg := config.Default()
	cfg.Web.Names = []string{"192.0.2.7", "*.example.org", "Print.example.org"}
	if got := clientHost(cfg); got != "print.example.org" {
		t.Errorf("clients know it as %s", got)
	}
	if !slices.Contains(certified(cfg), localName()) {
		t.Errorf("%q lacks %s", certified(cfg), localName())
	}
	if cfg.Listen.IPP = "127.0.0.1:631"; slices.Contains(certified(cfg), localName()) {
		t.Errorf("%q has a name of the LAN", certified(cfg))
	}
	if got := interfacesOf("127.0.0.1:631"); !slices.Equal(got, []string{"lo"}) {
		t.Errorf("127.0.0.1 is of %q", got)
	}
	if got := interfacesOf("[::]:631"); got != nil {
		t.Errorf("all is %q", got)
	}
}

// Two machines on a cable: what `platen run` advertises in one, `platen device
// discover` finds in the other, and it follows what an administrator changes. A
// client that comes by the advertised name is let in by its certificate.
func TestNodeIsFoundOnTheLAN(t *testing.T) {
	a, b := fmt.Sprintf("pna%d", os.Getpid()), fmt.Sprintf("pnb%d", os.Getpid())
	root := func(args ...string) {
		t.Helper()
		if os.Geteuid() != 0 {
			args = append([]string{"sudo", "-n"}, args...)
		}
		if out, err := exec.CommandContext(inTime(t), args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s (this test makes network namespaces: it needs root, or sudo without a password)", args, err, out)
		}
	}
	for _, ns := range []string{a, b} {
		root("ip", "netns", "add", ns)
		t.Cleanup(func() {
			args := []string{"ip", "netns", "del", ns}
			if os.Geteuid() != 0 {
				args = append([]string{"sudo", "-n"}, args...)
			}
			_ = exec.CommandContext(context.WithoutCancel(t.Context()), args[0], args[1:]...).Run()
		})
	}
	root("ip", "link", "add", "va", "netns", a, "type", "veth", "peer", "name", "vb", "netns", b)
	for _, end := range [][3]string{{a, "va", "10.99.1.1/24"}, {b, "vb", "10.99.1.2/24"}} {
		root("ip", "-n", end[0], "addr", "add", end[2], "dev", end[1])
		root("ip", "-n", end[0], "link", "set", end[1], "up")
		root("ip", "-n", end[0], "link", "set", "lo", "up")
		root("ip", "-n", end[0], "route", "add", "224.0.0.0/4", "dev", end[1])
	}
	inside := func(ns string, args ...string) *exec.Cmd {
		cmd := asPlaten(t, args...)
		words := append([]string{"ip", "netns", "exec", ns}, cmd.Args...)
		if os.Geteuid() != 0 {
			words = append([]string{"sudo", "-n", "-E"}, words...)
		}
		wrapped := exec.CommandContext(inTime(t), words[0], words[1:]...)
		wrapped.Env = cmd.Env
		return wrapped
	}
	dir := filepath.Join(t.TempDir(), "node")
	file := filepath.Join(t.TempDir(), "node.toml")
	text := fmt.Sprintf("data = %q\n[listen]\nlpd = \"0.0.0.0:1515\"\nipp = \"0.0.0.0:1631\"\nweb = \"0.0.0.0:1443\"\n", dir)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	log := &buffer{}
	node := inside(a, "run", "--config", file)
	node.Stdout, node.Stderr = log, log
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = node.Process.Signal(syscall.SIGTERM); _ = node.Wait() })
	await(t, "the node is up", func() bool { _, err := os.Stat(filepath.Join(dir, "addresses.json")); return err == nil })
	command := func(args ...string) {
		t.Helper()
		if a := platen("", append(args, "--config", file)...); a.code != exitDone {
			t.Fatalf("%v: %s%s\n%s", args, a.out, a.err, log)
		}
	}
	command("queue", "add", "secure", "--location", "2nd floor")
	discovered := func() (list []foundDevice) {
		t.Helper()
		cmd := inside(b, "device", "discover", "--all", "--json", "--wait", "2s")
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err == nil {
			err = json.Unmarshal(out, &list)
		}
		if err != nil {
			t.Fatalf("discover: %v: %s", err, out)
		}
		return list
	}
	var list []foundDevice
	await(t, "the queue is found", func() bool { list = discovered(); return len(list) == 1 })
	if d := list[0]; d.Name != "Platen secure" || d.URI != "ipps://10.99.1.1:1631/ipp/print/secure" || d.Location != "2nd floor" || d.UUID != setup.PrinterUUID(fullHostName(), "secure") {
		t.Errorf("%+v", d)
	}
	// The advertised name is in the certificate, and requests for it are answered.
	out, err := exec.CommandContext(inTime(t), "ip", "netns", "exec", b, "curl", "-sS", "--cacert", filepath.Join(dir, "ca.pem"),
		"--resolve", localName()+":1443:10.99.1.1", "https://"+localName()+":1443/print").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "https://"+localName()+":1631/ipp/print/secure") {
		t.Errorf("by its name on the LAN: %v %s", err, out)
	}
	command("queue", "set", "secure", "--hidden", "yes")
	await(t, "a hidden queue is gone", func() bool { return len(discovered()) == 0 })
	command("queue", "set", "secure", "--hidden", "no")
	await(t, "it is back", func() bool { return len(discovered()) == 1 })
	command("settings", "set", "--advertise", "no")
	await(t, "nothing is advertised", func() bool { return len(discovered()) == 0 })
}
