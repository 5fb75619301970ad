package main

import (
	"encoding/xml"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"platen/internal/testkit/peers"
)

// scan is what sslscan has seen of a port.
type scan struct {
	Protocols []struct {
		Type    string `xml:"type,attr"`
		Version string `xml:"version,attr"`
		Enabled bool   `xml:"enabled,attr"`
	} `xml:"ssltest>protocol"`
	Compression []struct {
		Supported bool `xml:"supported,attr"`
	} `xml:"ssltest>compression"`
	Heartbleed []struct {
		Vulnerable bool `xml:"vulnerable,attr"`
	} `xml:"ssltest>heartbleed"`
	Ciphers []struct {
		Version string `xml:"sslversion,attr"`
		Name    string `xml:"cipher,attr"`
		Curve   string `xml:"curve,attr"`
	} `xml:"ssltest>cipher"`
	Groups []struct {
		Name string `xml:"name,attr"`
	} `xml:"ssltest>group"`
	Signature string `xml:"ssltest>certificates>certificate>signature-algorithm"`
	Key       struct {
		Type string `xml:"type,attr"`
		Bits int    `xml:"bits,attr"`
	} `xml:"ssltest>certificates>certificate>pk"`
}

func sslscan(t *testing.T, addr string) (s scan) {
	t.Helper()
	cmd := exec.CommandContext(inTime(t), "sslscan", "--no-colour", "--xml=-", addr)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	if err == nil {
		err = xml.Unmarshal(out, &s)
	}
	if err != nil {
		t.Fatalf("sslscan: %v: %s", err, out)
	}
	for _, c := range s.Compression {
		if c.Supported {
			t.Errorf("%s compresses", addr)
		}
	}
	for _, h := range s.Heartbleed {
		if h.Vulnerable {
			t.Errorf("%s has Heartbleed", addr)
		}
	}
	if s.Signature != "ecdsa-with-SHA256" {
		t.Errorf("%s: the certificate is signed with %s", addr, s.Signature)
	}
	return s
}

// offers is what was seen as lines: the versions, and version by version the suites.
func (s *scan) offers() string {
	suites := map[string][]string{}
	for _, c := range s.Ciphers {
		suites[c.Version] = append(suites[c.Version], c.Name)
	}
	var b strings.Builder
	for _, p := range s.Protocols {
		if name := strings.ToUpper(p.Type) + "v" + p.Version; p.Enabled {
			slices.Sort(suites[name])
			fmt.Fprintf(&b, "%s %s\n", name, strings.Join(suites[name], " "))
		}
	}
	return b.String()
}

// modern is all that a listener offers which nobody has weakened.
const modern = `TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-ECDSA-CHACHA20-POLY1305
TLSv1.3 TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256
`

// documented is what docs/certificates-old-devices.md says of the other ones.
const documented = `TLSv1.0 AES128-SHA AES256-SHA ECDHE-RSA-AES128-SHA ECDHE-RSA-AES256-SHA TLS_RSA_WITH_3DES_EDE_CBC_SHA
TLSv1.1 AES128-SHA AES256-SHA ECDHE-RSA-AES128-SHA ECDHE-RSA-AES256-SHA TLS_RSA_WITH_3DES_EDE_CBC_SHA
TLSv1.2 AES128-GCM-SHA256 AES128-SHA AES128-SHA256 AES256-GCM-SHA384 AES256-SHA ECDHE-RSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-SHA ECDHE-RSA-AES128-SHA256 ECDHE-RSA-AES256-GCM-SHA384 ECDHE-RSA-AES256-SHA ECDHE-RSA-CHACHA20-POLY1305 TLS_RSA_WITH_3DES_EDE_CBC_SHA
`

// renegotiates asks OpenSSL to negotiate again in the middle of a connection.
func renegotiates(t *testing.T, addr string) bool {
	t.Helper()
	cmd := exec.CommandContext(inTime(t), "openssl", "s_client", "-connect", addr, "-tls1_2", "-cipher", "ALL:@SECLEVEL=0")
	cmd.Stdin = strings.NewReader("R\n")
	out, err := cmd.CombinedOutput()
	if !strings.Contains(string(out), "RENEGOTIATING") {
		t.Fatalf("openssl: %v: %s", err, out)
	}
	return err == nil
}

func hostOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// old opens listeners for old devices at 127.0.0.1 while the node runs.
func (h *house) old(entries ...string) (at []string) {
	h.t.Helper()
	text := fmt.Sprintf(demoConfig, "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0")
	for _, e := range entries {
		text += "\n[[listen.old]]\n" + e + "\n"
	}
	h.rewrite(text)
	await(h.t, "the old doors are as they should be", func() bool {
		at = nil
		for _, o := range readAddresses(h.dir + "/addresses.json").Old {
			at = append(at, o.Address)
		}
		return len(at) == len(entries)
	})
	return at
}

const (
	oldWeb = "address = \"127.0.0.1:0\"\nservice = \"web\"\nallow = [\"127.0.0.1\"]"
	oldIPP = "address = \"127.0.0.1:0\"\nservice = \"ipp\"\nallow = [\"127.0.0.1\", \"192.0.2.0/24\"]"
)

// A68: every port that speaks TLS offers versions 1.2 and 1.3 and nothing but suites
// that authenticate what they encrypt, with keys of the moment, also while one is open
// that was weakened for an old device; that one offers what is documented.
func TestA68SeenBySslscan(t *testing.T) {
	h := startDemo(t, "")
	t.Logf("peers: /usr/bin/sslscan of %s, /usr/bin/openssl of %s", peers.Version("sslscan"), peers.Version("openssl"))
	h.panel("panel")
	h.must("reader", "add", "hall", "--kind", "line", "--terminal", "panel", "--address", "127.0.0.1:0", "--tls", "yes")
	old := h.old(oldWeb, oldIPP)
	for name, addr := range map[string]string{"ipps": hostOf(t, h.demo.IPPS), "web": hostOf(t, h.demo.Web), "reader": h.awaitReader("hall", waitingForReader).State.Listening} {
		s := sslscan(t, addr)
		if got := s.offers(); got != modern {
			t.Errorf("%s offers\n%s, not\n%s", name, got, modern)
		}
		for _, c := range s.Ciphers {
			if c.Curve == "" {
				t.Errorf("%s: %s has no key of the moment", name, c.Name)
			}
		}
		for _, g := range s.Groups {
			if n, _, _ := strings.Cut(g.Name, " "); !slices.Contains([]string{"secp256r1", "secp384r1", "secp521r1", "x25519"}, n) {
				t.Errorf("%s offers the group %s", name, g.Name)
			}
		}
		if len(s.Groups) == 0 || s.Key.Type != "EC" || s.Key.Bits != 128 {
			t.Errorf("%s: groups %v, key %v", name, s.Groups, s.Key)
		}
		if renegotiates(t, addr) {
			t.Errorf("%s negotiates again", name)
		}
	}
	for _, addr := range old {
		s := sslscan(t, addr)
		if got := s.offers(); got != documented || s.Key.Type != "RSA" || s.Key.Bits != 2048 {
			t.Errorf("the old listener has a key of %v and offers\n%s, not\n%s", s.Key, got, documented)
		}
		if renegotiates(t, addr) {
			t.Error("the old listener negotiates again")
		}
	}
	h.end()
}

// oldCurl speaks TLS 1.0 with RSA alone, as a printer of 2008 does.
func oldCurl(t *testing.T, ca string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(inTime(t), "curl", append([]string{"-sS", "--noproxy", "*", "--cacert", ca, "--tlsv1.0", "--tls-max", "1.0", "--ciphers", "AES128-SHA:@SECLEVEL=0"}, args...)...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// A68: a listener for an old device serves that device and nobody else, comes and goes
// while the node runs, and weakens and disturbs no other.
func TestA68OldDevice(t *testing.T) {
	h := startDemo(t, "")
	t.Logf("peers: %s, %s", peers.Version("curl"), peers.Version("openssl"))
	web, ipp := hostOf(t, h.demo.Web), hostOf(t, h.demo.IPPS)
	_, ippPort, _ := net.SplitHostPort(ipp)
	long := dialLong(t, h.demo.CA, web)
	long.get(t)
	if out, err := oldCurl(t, h.demo.CA, "https://"+web+"/healthz"); err == nil {
		t.Fatalf("the usual listener speaks TLS 1.0: %s", out)
	}
	wantsNot(t, h, "old device port", "check")

	at := h.old(oldWeb, oldIPP)
	for _, addr := range at {
		h.awaitLog("address=" + addr)
	}
	if out, err := oldCurl(t, h.demo.CA, "https://"+at[0]+"/healthz"); err != nil || !strings.Contains(out, "ok") {
		t.Fatalf("HTTPS by TLS 1.0: %v: %s", err, out)
	}
	print := func(addr string) (string, error) {
		request := write(t, string(printJob("ipps://"+addr+"/ipp/print/secure", "anna")))
		return oldCurl(t, h.demo.CA, "-o", os.DevNull, "-w", "%{http_code}", "-H", "Content-Type: application/ipp", "--data-binary", "@"+request, "https://"+addr+"/ipp/print/secure")
	}
	if out, err := print(at[1]); err != nil || out != "200" || len(h.jobs()) != 1 {
		t.Fatalf("IPPS by TLS 1.0: %v: %s", err, out)
	}
	// The rest of the world is closed before its handshake, and so is plain HTTP.
	for _, scheme := range []string{"https", "http"} {
		for _, addr := range at {
			if out, err := oldCurl(t, h.demo.CA, "--interface", "127.0.0.2", scheme+"://"+addr+"/healthz"); err == nil || strings.Contains(out, "http") && !strings.Contains(out, "curl:") {
				t.Errorf("127.0.0.2 was let in at %s by %s: %s", addr, scheme, out)
			}
		}
	}
	h.awaitLog("somebody else was sent away")
	// The others are as they were.
	for _, addr := range []string{web, ipp} {
		if out, err := oldCurl(t, h.demo.CA, "https://"+addr+"/healthz"); err == nil {
			t.Errorf("%s speaks TLS 1.0 now: %s", addr, out)
		}
	}
	for _, cmd := range []string{"check", "doctor"} {
		out := h.must(cmd)
		if strings.Count(out, "old device port") != 2 || !strings.Contains(out, "for 127.0.0.1, 192.0.2.0/24 and nobody else") || !strings.Contains(out, "TLS 1.0 and 1.1") {
			t.Errorf("%s says nothing of them:\n%s", cmd, out)
		}
	}
	// What is set up afterwards counts there too.
	h.rewrite(strings.Replace(readFile(t, h.dir+"/node.toml"), "advertise = false", "advertise = false\nmax_connections = 1900", 1))
	h.awaitLog("ipp.max_connections")
	if out, err := print(at[1]); err != nil || out != "200" {
		t.Errorf("after a reload: %v: %s", err, out)
	}
	// Another device at the same port: the one before is out.
	narrow := strings.Replace(strings.Replace(oldWeb, "127.0.0.1:0", at[0], 1), `["127.0.0.1"]`, `["127.0.0.3"]`, 1)
	if now := h.old(narrow); now[0] != at[0] {
		t.Fatalf("%q", now)
	}
	await(t, "the device before is sent away", func() bool { _, err := oldCurl(t, h.demo.CA, "https://"+at[0]+"/healthz"); return err != nil })
	await(t, "the new one is let in", func() bool {
		out, err := oldCurl(t, h.demo.CA, "--interface", "127.0.0.3", "https://"+at[0]+"/healthz")
		return err == nil && strings.Contains(out, "ok")
	})
	h.old()
	for _, addr := range at {
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			t.Errorf("%s is still open", addr)
		}
	}
	long.get(t) // the same connection, through all of it
	if err := h.prints("ipps://localhost:" + ippPort + "/ipp/print/secure"); err != nil {
		t.Error(err)
	}
	h.end()
}

// A port that cannot be opened for an old device keeps nobody else from printing, and
// check says it.
func TestOldDeviceWithoutAnAddress(t *testing.T) {
	dir := t.TempDir()
	config := fmt.Sprintf(demoConfig, "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0") + "[[listen.old]]\naddress = \"127.0.0.1:1\"\nservice = \"web\"\nallow = [\"127.0.0.1\"]\n"
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	config = strings.Replace(config, "127.0.0.1:1", ln.Addr().String(), 1)
	if err := os.WriteFile(dir+"/node.toml", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	h := startDemo(t, dir)
	h.awaitLog("cannot be opened")
	h.end()
	wants(t, dir, exitFailed, "address already in use", "check")
}
