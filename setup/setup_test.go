package setup

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"platen/fault"
	"platen/site"
)

func node() Node { return Node{Host: "print.example.org", IPP: 631, LPD: 515, Web: 443} }

func queue(name string) Queue {
	return Of(node(), site.Queue{Name: name, Info: "held until its owner comes", IPP: site.IPP{UUID: PrinterUUID("print.example.org", name), Location: "2nd floor"}})
}

// authority makes a certificate, as a file.
func authority(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// nasty are names that a queue may have and no script may stumble over.
var nasty = []string{"secure", "Büro-Süd", "a'b", "$(id)", "`id`", "x;reboot", "{{7*7}}", "{%x%}", "a&b", "]]-[[", "’quoted’", "日本", "💥"}

func all() []Queue {
	list := make([]Queue, len(nasty))
	for i, n := range nasty {
		list[i] = queue(n)
		list[i].Info, list[i].Location = n, n
	}
	return list
}

func written(t *testing.T, write func(d *Deployment, b *bytes.Buffer) error, d Deployment) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&d, &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAddresses(t *testing.T) {
	q := queue("secure")
	for got, want := range map[string]string{
		q.IPPS():       "ipps://print.example.org/ipp/print/secure",
		q.IPP():        "ipp://print.example.org/ipp/print/secure",
		q.HTTPS():      "https://print.example.org:631/ipp/print/secure",
		q.LPD():        "lpd://print.example.org/secure",
		q.AddPrinter(): "Add-Printer -IppURL 'https://print.example.org:631/ipp/print/secure'",
		q.Lpadmin():    "lpadmin -p secure -E -v ipps://print.example.org/ipp/print/secure -m everywhere",
		node().Pages(): "https://print.example.org/",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	q.Node = Node{Host: "fd00::7", IPP: 5631, LPD: 5515, Web: 5443}
	q.Secret = "s3cret"
	for got, want := range map[string]string{
		q.IPPS():         "ipps://[fd00::7]:5631/ipp/print/secure/u/s3cret",
		q.IPP():          "",
		q.LPD():          "",
		q.Node.Pages():   "https://[fd00::7]:5443/",
		Node{}.Pages():   "",
		q.WindowsName():  "Platen secure",
		q.LpadminLPD():   "",
		queue("ü").IPP(): "ipp://print.example.org/ipp/print/%C3%BC",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// A node that is installed anew under its name has the printers that people know.
func TestPrinterUUIDStays(t *testing.T) {
	a := PrinterUUID("node1.example.org", "Secure")
	if a != PrinterUUID("NODE1.example.org.", "secure") {
		t.Error("case makes another printer")
	}
	if a == PrinterUUID("node2.example.org", "secure") || a == PrinterUUID("node1.example.org", "direct") || a[14] != '5' {
		t.Errorf("%s is not a UUID of host and queue", a)
	}
}

// Python's plistlib reads the profile, and finds in it what Apple's AirPrint
// payload has.
func TestProfile(t *testing.T) {
	ca := authority(t)
	write := func(d *Deployment, b *bytes.Buffer) error { return d.Profile(b) }
	d := Deployment{Node: node(), Queues: all(), CA: ca, Version: "test"}
	text := written(t, write, d)
	cmd := exec.CommandContext(inTime(t), "python3", "-c", `
import json, plistlib, sys
p = plistlib.loads(sys.stdin.buffer.read())
json.dump(p, sys.stdout, default=lambda b: b.hex())`)
	cmd.Stdin = strings.NewReader(text)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	var p struct {
		PayloadType, PayloadIdentifier, PayloadUUID, PayloadDisplayName string
		PayloadVersion                                                  int
		PayloadContent                                                  []struct {
			PayloadType, PayloadUUID, PayloadIdentifier string
			PayloadContent                              string
			AirPrint                                    []struct {
				IPAddress, ResourcePath string
				Port                    int
				ForceTLS                bool
			}
		}
	}
	if err := json.Unmarshal(out, &p); err != nil {
		t.Fatal(err)
	}
	if p.PayloadType != "Configuration" || p.PayloadVersion != 1 || len(p.PayloadUUID) != 36 || len(p.PayloadContent) != 2 {
		t.Fatalf("%+v", p)
	}
	air, root := p.PayloadContent[0], p.PayloadContent[1]
	if air.PayloadType != "com.apple.airprint" || len(air.AirPrint) != len(nasty) || air.PayloadUUID == p.PayloadUUID {
		t.Errorf("%+v", air)
	}
	for i, a := range air.AirPrint {
		if a.IPAddress != "print.example.org" || a.Port != 631 || !a.ForceTLS || a.ResourcePath != d.Queues[i].Path() {
			t.Errorf("%+v is not %s", a, d.Queues[i].IPPS())
		}
	}
	block, _ := pem.Decode(ca)
	if root.PayloadType != "com.apple.security.root" || root.PayloadContent != fmt.Sprintf("%x", block.Bytes) {
		t.Errorf("%+v is not the authority", root)
	}
	if text != written(t, write, d) {
		t.Error("a second profile is another one")
	}
	other := d
	other.Queues = []Queue{queue("secure")}
	if strings.Contains(written(t, write, other), p.PayloadUUID) {
		t.Error("two profiles have one UUID")
	}
}

func inTime(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// The shell reads every name as it is, adds what is missing, and the second time
// finds all there.
func TestCUPSScript(t *testing.T) {
	d := Deployment{Node: node(), Queues: all(), Version: "test"}
	write := func(d *Deployment, b *bytes.Buffer) error { return d.CUPS(b) }
	for _, ca := range [][]byte{nil, authority(t)} {
		d.CA = ca
		cmd := exec.CommandContext(inTime(t), "sh", "-n")
		cmd.Stdin = strings.NewReader(written(t, write, d))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	d.CA = nil
	script := written(t, write, d)
	bin := t.TempDir()
	for name, text := range map[string]string{
		"lpadmin": "[ \"$2\" != secure ] || [ ! -e \"$0.broken\" ] || exit 1\nprintf 'device for %s: %s\\n' \"$2\" \"$5\" >>\"$0.state\"\nprintf '%s\\n' \"$@\" >>\"$0.calls\"\n",
		"lpstat":  "grep -F \"device for $2: \" \"${0%lpstat}lpadmin.state\"\n",
		"id":      "echo 0\n",
		"logger":  "exit 1\n",
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	run := func() (string, error) {
		cmd := exec.CommandContext(inTime(t), "sh")
		cmd.Env = []string{"PATH=" + bin + ":/usr/bin:/bin"}
		cmd.Stdin = strings.NewReader(script)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if err := os.WriteFile(filepath.Join(bin, "lpadmin.broken"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := run(); err == nil || !strings.Contains(out, "secure could not be added") {
		t.Errorf("a queue that cannot be added: %v\n%s", err, out)
	}
	if err := os.Remove(filepath.Join(bin, "lpadmin.broken")); err != nil {
		t.Fatal(err)
	}
	if out, err := run(); err != nil || strings.Count(out, "was added") != 1 {
		t.Errorf("%v\n%s", err, out)
	}
	calls, err := os.ReadFile(filepath.Join(bin, "lpadmin.calls"))
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range d.Queues {
		if want := "-p\n" + q.Name + "\n-E\n-v\n" + q.IPPS() + "\n-m\neverywhere\n-D\n" + q.Label + "\n-L\n" + q.Location + "\n"; !strings.Contains(string(calls), want) {
			t.Errorf("%q is not in\n%s", want, calls)
		}
	}
	if out, err := run(); err != nil || strings.Count(out, "is there") != len(nasty) {
		t.Errorf("%v\n%s", err, out)
	}
}

// python3-yaml reads the tasks, and every name comes out as it is.
func TestAnsibleTasks(t *testing.T) {
	d := Deployment{Node: node(), Queues: all(), CA: authority(t), Version: "test"}
	text := written(t, func(d *Deployment, b *bytes.Buffer) error { return d.Ansible(b) }, d)
	cmd := exec.CommandContext(inTime(t), "/usr/bin/python3", "-c", "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)")
	cmd.Stdin = strings.NewReader(text)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	var tasks []struct {
		Name string
		Vars struct {
			Queues []struct{ Name, URI, Info string } `json:"platen_queues"`
		}
		Block []map[string]any
	}
	if err := json.Unmarshal(out, &tasks); err != nil {
		t.Fatal(err)
	}
	if len(tasks) != 1 || len(tasks[0].Block) != 5 || len(tasks[0].Vars.Queues) != len(nasty) {
		t.Fatalf("%s", out)
	}
	for i, q := range tasks[0].Vars.Queues {
		name := strings.NewReplacer("{{ '{{' }}", "{{", "{{ '{%' }}", "{%").Replace(q.Name) // as Jinja would
		if name != nasty[i] || q.URI != d.Queues[i].IPPS() {
			t.Errorf("%+v is not %s", q, nasty[i])
		}
	}
	if content := tasks[0].Block[1]["ansible.builtin.copy"].(map[string]any)["content"]; strings.TrimSpace(fmt.Sprint(content)) != d.PEM() {
		t.Errorf("the authority became %s", content)
	}
}

// balance looks at PowerShell as far as that goes without one: ASCII, strings and
// comments that end, and brackets that match outside of them.
func balance(script string) error {
	var open []byte
	for i := 0; i < len(script); i++ {
		c := script[i]
		rest := script[i:]
		switch {
		case c > '~' || c < ' ' && c != '\n':
			return fmt.Errorf("octet %#x at %d", c, i)
		case strings.HasPrefix(rest, "<#"):
			end := strings.Index(rest, "#>")
			if end < 0 {
				return fmt.Errorf("comment at %d does not end", i)
			}
			i += end + 1
		case c == '#':
			i += strings.IndexByte(rest, '\n')
		case c == '\'' || c == '"':
			end := strings.IndexByte(rest[1:], c)
			if end < 0 || strings.Contains(rest[:end+1], "\n") {
				return fmt.Errorf("string at %d does not end on its line", i)
			}
			i += end + 1 // a doubled quote begins the next string at once
		case strings.IndexByte("([{", c) >= 0:
			open = append(open, c)
		case strings.IndexByte(")]}", c) >= 0:
			if len(open) == 0 || open[len(open)-1] != map[byte]byte{')': '(', ']': '[', '}': '{'}[c] {
				return fmt.Errorf("%c at %d closes nothing: %q", c, i, open)
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		return fmt.Errorf("%q is never closed", open)
	}
	return nil
}

func TestPowerShellScripts(t *testing.T) {
	if balance("if (x) { 'y }") == nil || balance("@('a'") == nil || balance("<# x") == nil || balance("'a''b'") != nil {
		t.Fatal("the test is blind")
	}
	for name, write := range map[string]func(d *Deployment, b *bytes.Buffer) error{
		"windows":       func(d *Deployment, b *bytes.Buffer) error { return d.Windows(b) },
		"intune":        func(d *Deployment, b *bytes.Buffer) error { return d.Intune(b, false) },
		"intune detect": func(d *Deployment, b *bytes.Buffer) error { return d.Intune(b, true) },
	} {
		for _, ca := range [][]byte{nil, authority(t)} {
			d := Deployment{Node: node(), Queues: all(), CA: ca, Version: "test"}
			text := written(t, write, d)
			if err := balance(text); err != nil {
				t.Errorf("%s: %v\n%s", name, err, text)
			}
			if adds := strings.Contains(text, "Add-Printer -IppURL $Queue.Url"); adds == (name == "intune detect") {
				t.Errorf("%s adds printers: %v", name, adds)
			}
			if !strings.Contains(text, "'https://print.example.org:631/ipp/print/a%27b'") || strings.Contains(text, "Remove-") {
				t.Errorf("%s:\n%s", name, text)
			}
			if has := strings.Contains(text, "    'MII"); has != (ca != nil) {
				t.Errorf("%s trusts an authority: %v", name, has)
			}
			if strings.Contains(text, "SysNative") != strings.HasPrefix(name, "intune") {
				t.Errorf("%s: 64 bit", name)
			}
		}
	}
}

func TestPowerShellQuotes(t *testing.T) {
	for in, want := range map[string]string{
		"secure": "'secure'", "a'b": "'a''b'", "$x": "'$x'", "’": "('' + [char]0x2019 + '')", "ü1": "('' + [char]0x00FC + '1')", "💥": "('' + [char]0xD83D + '' + [char]0xDCA5 + '')",
	} {
		if got := powerShell(in); got != want {
			t.Errorf("%s became %s, want %s", in, got, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	var b bytes.Buffer
	if err := (Deployment{Node: node()}).CUPS(&b); !fault.Is(err, fault.NotFound) {
		t.Errorf("without queues: %v", err)
	}
	if err := (Deployment{Node: Node{Host: "x"}, Queues: all()}).CUPS(&b); !fault.Is(err, fault.Invalid) {
		t.Errorf("without IPP: %v", err)
	}
	if err := (Deployment{Node: node(), Queues: all(), CA: []byte("x")}).CUPS(&b); !fault.Is(err, fault.Invalid) || b.Len() > 0 {
		t.Errorf("without a certificate: %v, %d octets", err, b.Len())
	}
}
