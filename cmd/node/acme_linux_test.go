package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"platen/internal/testkit/peers"
)

// clocked is a node whose certificates live by a clock that the test sets.
type clocked struct {
	t    *testing.T
	dir  string
	node *node
	off  atomic.Int64 // of the clock, nanoseconds
	log  *buffer
	stop context.CancelFunc
	done chan error
}

// startClocked runs a node on dir, with an ACME door at addr; "" none.
func startClocked(t *testing.T, dir, addr string) *clocked {
	t.Helper()
	c := &clocked{t: t, dir: dir, log: &buffer{}, done: make(chan error, 1)}
	toml := fmt.Sprintf("[listen]\nlpd = \"127.0.0.1:0\"\nipp = \"127.0.0.1:0\"\nweb = \"127.0.0.1:0\"\nacme = %q\n\n[ipp]\nadvertise = false\n", addr)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "node.toml"), []byte(toml), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := where{dir: dir}.find()
	if err != nil {
		t.Fatal(err)
	}
	log, err := openLog(p.cfg.Log, c.log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	up := make(chan *node, 1)
	go func() {
		c.done <- serve(ctx, p, log, func(n *node) error {
			n.chain.Now = func() time.Time { return time.Now().Add(time.Duration(c.off.Load())) }
			up <- n
			return nil
		})
	}()
	t.Cleanup(stop)
	select {
	case c.node = <-up:
	case err := <-c.done:
		t.Fatalf("the node ended: %v\n%s", err, c.log)
	}
	return c
}

func (c *clocked) end() {
	c.t.Helper()
	c.stop()
	if err := <-c.done; err != nil {
		c.t.Fatalf("the node ended with %v\n%s", err, c.log)
	}
}

// later moves the clock, and lets the node look.
func (c *clocked) later(d time.Duration) {
	c.off.Add(int64(d))
	c.node.chain.Wake()
}

func (c *clocked) must(args ...string) string {
	c.t.Helper()
	return must(c.t, c.dir, "", args...)
}

// serial is that of the certificate which a client sees who asks for a name.
func (c *clocked) serial(name string) string {
	c.t.Helper()
	d := tls.Dialer{Config: &tls.Config{ServerName: name, InsecureSkipVerify: true}}
	conn, err := d.DialContext(inTime(c.t), "tcp", c.node.web.addr())
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String()
}

// awaitNew waits until another certificate is shown than before.
func (c *clocked) awaitNew(name, before string) string {
	c.t.Helper()
	now := before
	await(c.t, "another certificate is shown for "+name, func() bool { now = c.serial(name); return now != before })
	return now
}

func (c *clocked) show(chain string) (v chainView) {
	c.t.Helper()
	if err := json.Unmarshal([]byte(c.must("cert", "chain", "show", chain, "--json")), &v); err != nil {
		c.t.Fatal(err)
	}
	return v
}

// curl fetches an address of the node by a name.
func (c *clocked) curl(addr, scheme, name, path string, args ...string) string {
	c.t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		c.t.Fatal(err)
	}
	args = append([]string{"-sS", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", "--resolve", name + ":" + port + ":127.0.0.1"}, args...)
	out, err := exec.CommandContext(inTime(c.t), "curl", append(args, scheme+"://"+name+":"+port+path)...).CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

func startPebble(t *testing.T, o peers.PebbleOptions) *peers.Pebble {
	t.Helper()
	o.Below = "../.."
	p, err := peers.StartPebble(t.Context(), t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p
}

// file writes what is given into a new file, and returns its path.
func file(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// wantsNow lets pebble say that it wants a certificate renewed now.
func wantsNow(t *testing.T, p *peers.Pebble, leafPEM []byte) {
	t.Helper()
	now := time.Now().UTC()
	ari, err := json.Marshal(map[string]any{"suggestedWindow": map[string]any{"start": now.Add(-2 * time.Hour), "end": now.Add(-time.Hour)}})
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]string{"certificate": string(leafPEM), "ariResponse": string(ari)})
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(p.Certificate.CA)
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	defer tr.CloseIdleConnections()
	req, err := http.NewRequestWithContext(inTime(t), http.MethodPost, p.Management+"/set-renewal-info/", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("pebble: %s", resp.Status)
	}
}

// A node with a public name gets its certificate by itself, and another one in time;
// what fails meanwhile is told and harms nobody.
func TestF44ACMEByHTTP(t *testing.T) {
	const name = "print.example.com"
	names, err := peers.StartChallTestSrv(t.Context(), "../..")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(names.Stop)
	port, err := peers.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	o := peers.PebbleOptions{DNS: names.Addr, HTTPPort: port}
	p := startPebble(t, o)
	t.Logf("peers: %s, %s, %s", p.Version, names.Version, peers.Version("curl"))
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	dir := filepath.Join(t.TempDir(), "node")
	c := startClocked(t, dir, addr)
	if got := readAddresses(filepath.Join(dir, "addresses.json")).ACME; got != addr {
		t.Errorf("addresses.json says %q", got)
	}
	before := c.serial(name)

	order := []string{"cert", "chain", "acme", "public", "--domain", name, "--email", "admin@example.com", "--server", p.Directory}
	agreed := append(slices.Clone(order), "--agree")
	wants(t, dir, exitNotFound, "The account has no domain print.example.com", agreed...)
	c.must("cert", "domain", "add", name)
	wants(t, dir, exitFailed, "Import the authority: platen cert trust import FILE --for acme", agreed...)
	ca := file(t, "ca.pem", p.Certificate.CA)
	c.must("cert", "trust", "import", ca, "--for", "mail")
	wants(t, dir, exitFailed, "is not trusted here", agreed...)
	c.must("cert", "trust", "import", ca, "--for", "acme")
	wants(t, dir, exitFailed, "has terms that must be agreed to first", order...)
	wants(t, dir, exitFailed, "does not find print.example.com in the DNS", agreed...)
	if err := names.Set(t.Context(), name, "127.0.0.1"); err != nil {
		t.Fatal(err)
	}
	a := platen("", append(agreed, "--dir", dir)...)
	for _, says := range []string{"A certificate for print.example.com is ordered", "print.example.com is proven by http-01.", "This waits until", "makes the certificate"} {
		if !strings.Contains(a.err, says) {
			t.Errorf("while it works it does not say %q:\n%s", says, a.err)
		}
	}
	if a.code != exitDone || !strings.Contains(a.out, p.Directory) || !strings.Contains(a.out, "http-01") {
		t.Fatalf("exit %d: %s%s", a.code, a.out, a.err)
	}
	if n := strings.Count(c.log.String(), "acme: account made"); n != 1 {
		t.Errorf("%d accounts: what a try in vain has made was forgotten", n)
	}
	wants(t, dir, exitConflict, "There is a certificate chain public already.", agreed...)
	wants(t, dir, exitUsage, "there is no request to write", "cert", "chain", "renew", "public", filepath.Join(t.TempDir(), "x.csr"))
	first := c.serial(name)
	root, err := p.Root(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	roots := file(t, "root.pem", root)
	if got := c.curl(c.node.web.addr(), "https", name, "/healthz", "--cacert", roots); first == before || got != "200" {
		t.Errorf("curl with the root of pebble: %s", got)
	}

	// Port 80 for people, and for those who look for something else there.
	_, web, _ := net.SplitHostPort(c.node.web.addr())
	for _, tt := range []struct{ name, path, want, arg string }{
		{name, "/print?q=%2F", "302 https://print.example.com:" + web + "/print?q=%2F", "-i"},
		{name, "//evil.example/", "302 https://print.example.com:" + web + "//evil.example/", "--path-as-is"},
		{"evil.example", "/", "404", "-i"},
		{name, "/sign-in", "404", "-dpassword=canary"},
		{name, "/.well-known/acme-challenge/x", "404", "-i"},
		{name, "/.well-known/acme-challenge/../../print", "404", "--path-as-is"},
	} {
		if got := c.curl(addr, "http", tt.name, tt.path, tt.arg); got != tt.want {
			t.Errorf("http://%s%s %s: %s, want %s", tt.name, tt.path, tt.arg, got, tt.want)
		}
	}

	// Somebody asks for another one now; the server wants one renewed; the time comes.
	if out := c.must("cert", "chain", "renew", "public"); !strings.Contains(out, name) {
		t.Errorf("%s", out)
	}
	second := c.awaitNew(name, first)
	v := c.show("public")
	if v.Server != p.Directory || v.Proof != "http-01" || v.Trouble != "" || !v.Next.After(time.Now().Add(24*time.Hour)) {
		t.Errorf("%+v", v)
	}
	wantsNow(t, p, leafOf(t, c, "public"))
	c.later(25 * time.Hour)
	third := c.awaitNew(name, second)
	life := time.Until(v.Until)
	c.later(life * 3 / 4)
	fourth := c.awaitNew(name, third)

	// The server is gone when the next one is due.
	p.Stop()
	c.later(life)
	await(t, "it is told", func() bool { return c.show("public").Trouble != "" })
	if got := c.serial(name); got != fourth {
		t.Errorf("what was good is not shown any longer: %s", got)
	}
	const why = "cannot be reached. Check its address, the DNS and the firewall."
	if out := c.must("cert", "list"); !strings.Contains(out, why) {
		t.Errorf("cert list: %s", out)
	}
	if out := c.must("cert", "chain", "show", "public"); !strings.Contains(out, why) || !strings.Contains(out, "tried again") {
		t.Errorf("cert chain show: %s", out)
	}
	for _, cmd := range []string{"check", "doctor"} {
		if a := platen("", cmd, "--dir", dir); a.code != exitDone || !strings.Contains(a.out, "certificate public") || !strings.Contains(a.out, why) {
			t.Errorf("%s: %d %s%s", cmd, a.code, a.out, a.err)
		}
	}
	if n := strings.Count(c.log.String(), "a certificate could not be renewed"); n != 1 {
		t.Errorf("told %d times", n)
	}

	// Another start knows all that; the server comes again, and knows nobody.
	c.end()
	o.At = p.At
	p = startPebble(t, o)
	c = startClocked(t, dir, addr)
	if v := c.show("public"); v.Trouble == "" || c.serial(name) != fourth {
		t.Errorf("after a start: %+v", v)
	}
	wants(t, dir, exitFailed, "is not trusted here", "cert", "chain", "renew", "public")
	c.must("cert", "trust", "import", file(t, "ca.pem", p.Certificate.CA), "--for", "acme", "--name", "another")
	c.must("cert", "chain", "renew", "public")
	if v := c.show("public"); v.Trouble != "" || c.serial(name) == fourth {
		t.Errorf("%+v", v)
	}
	c.end()
	if a := platen("", "check", "--dir", dir); a.code != exitDone || !strings.Contains(a.out, "ACME port      "+addr) {
		t.Errorf("check of a node that does not run: %s%s", a.out, a.err)
	}
	wants(t, dir, exitConflict, "The node is not running.", "cert", "chain", "renew", "public")
}

func leafOf(t *testing.T, c *clocked, chain string) []byte {
	t.Helper()
	v, err := c.node.chain.Find(chain)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: v.Certs[0].Raw})
}

// Names that lead nowhere, a wildcard among them, are proven by entries in the DNS; the
// server wants to know whose account it is. Neither secret is ever said again.
func TestACMEByDNS(t *testing.T) {
	const kid, eab = "kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
	b, err := peers.StartBind(t.Context(), t.TempDir(), "acme.test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	p := startPebble(t, peers.PebbleOptions{DNS: b.Addr, HTTPPort: 1, EAB: map[string]string{kid: eab}})
	t.Logf("peers: %s, %s, %s", p.Version, b.Version, peers.Version("curl"))
	c := startClocked(t, filepath.Join(t.TempDir(), "node"), "")
	c.must("cert", "domain", "add", "acme.test", "print.acme.test", "web.acme.test")
	c.must("cert", "chain", "generate", "other", "--domain", "web.acme.test")
	c.must("cert", "chain", "choose", "other", "web.acme.test")
	c.must("cert", "trust", "import", file(t, "ca.pem", p.Certificate.CA), "--for", "acme")

	order := []string{"cert", "chain", "acme", "public", "--domain", "acme.test", "--domain", "*.acme.test", "--server", p.Directory, "--agree"}
	wants(t, c.dir, exitFailed, `Set acme = ":80" under [listen]`, order...)
	order = append(order, "--challenge", "dns-01", "--dns-server", b.Addr, "--dns-key", b.KeyName, "--eab-key-id", kid)
	wants(t, c.dir, exitUsage, "there is no secret of the EAB key", order...)
	one := platen(eab+"\n", append(order, "--dir", c.dir)...)
	if one.code != exitUsage || !strings.Contains(one.err, "there is no secret of the DNS key") {
		t.Errorf("with one secret: %d %s", one.code, one.err)
	}
	swapped := platen(b.Secret+"\n"+eab+"\n", append(order, "--dir", c.dir)...)
	if swapped.code != exitFailed {
		t.Errorf("with the wrong secrets: %d %s", swapped.code, swapped.err)
	}
	secrets := file(t, "secrets", []byte(eab+"\r\n"+b.Secret+"\n"))
	done := platen("", append(order, "--password-file", secrets, "--dir", c.dir)...)
	if done.code != exitDone || !strings.Contains(done.err, "its name servers show them") {
		t.Fatalf("exit %d: %s%s", done.code, done.out, done.err)
	}
	root, err := p.Root(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	roots := file(t, "root.pem", root)
	for _, name := range []string{"acme.test", "print.acme.test"} {
		if got := c.curl(c.node.web.addr(), "https", name, "/healthz", "--cacert", roots); got != "200" {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := c.curl(c.node.web.addr(), "https", "web.acme.test", "/healthz", "--cacert", roots); !strings.HasPrefix(got, "exit status") {
		t.Errorf("a domain that shows a chain of its own has lost it: %s", got)
	}
	before := c.serial("acme.test")
	v := c.show("public")
	if v.Proof != "dns-01 at "+b.Addr {
		t.Errorf("%+v", v)
	}
	c.later(time.Until(v.Until) * 3 / 4)
	c.awaitNew("acme.test", before)
	said := c.log.String() + c.must("cert", "chain", "show", "public", "--json") + c.must("cert", "list") + c.must("audit", "list") + one.out + one.err + swapped.out + swapped.err + done.out + done.err
	for _, s := range []string{eab, b.Secret} {
		if strings.Contains(said, s) {
			t.Errorf("a secret was said:\n%s", said)
		}
	}

	// A wildcard alone is shown for what is below its domain, a name of nobody's too.
	c.must("cert", "domain", "add", "deep.acme.test")
	wild := append(slices.Replace(slices.Clone(order), 3, 8, "wild", "--domain", "*.deep.acme.test"), "--password-file", secrets, "--dir", c.dir)
	if a := platen("", wild...); a.code != exitDone {
		t.Fatalf("%q: exit %d: %s%s", wild, a.code, a.out, a.err)
	}
	if got := c.curl(c.node.web.addr(), "https", "any.deep.acme.test", "/healthz", "--cacert", roots); got != "200" {
		t.Errorf("below a wildcard: %s", got)
	}
	c.must("cert", "chain", "remove", "public", "--yes")
	if secret, err := c.node.scope.ChainSecret(t.Context(), v.ID); err != nil || secret != "" {
		t.Errorf("its secrets are left behind: %v", err)
	}
	if _, err := c.node.chain.Find("public"); err == nil {
		t.Error("it is still there")
	}
	c.end()
}
