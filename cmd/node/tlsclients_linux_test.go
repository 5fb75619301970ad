package main

import (
	"encoding/pem"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"platen/internal/testkit/peers"
)

// byName is a name that the node answers to, and who vouches for it.
type byName struct {
	name   string
	ca     string // file
	issuer string // in what the client shows
}

// twoDomains gives an account two domains, each with a chain of its own: one of the
// company's authority, one of the node's.
func twoDomains(t *testing.T, h *house) []byName {
	t.Helper()
	dir := t.TempDir()
	company := newSigner(t, dir, "company")
	both := company.sign("web", "/CN=print.company.example", "subjectAltName=DNS:print.company.example\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n", 90)
	h.must("cert", "domain", "add", "print.company.example", "print.house.example")
	h.must("cert", "chain", "import", "company", both, "--domain", "print.company.example")
	h.must("cert", "chain", "generate", "house", "--domain", "print.house.example")
	h.must("cert", "chain", "choose", "house", "print.house.example")
	return []byName{
		{"print.company.example", company.file("company.pem"), "CN = People"},
		{"print.house.example", h.demo.CA, "Platen issuing"},
		{"localhost", h.demo.CA, "Platen issuing"},
	}
}

func exitStatus(err error) int {
	var e *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.ExitCode()
	}
	return -1
}

// Clients of three TLS libraries are shown the chain of the domain that they ask for at
// one and the same address. Each connects with the authority of that domain imported,
// and refuses without it, with another's, and under another name.
func TestClientsAreShownTheChainOfTheirDomain(t *testing.T) {
	h := startDemo(t, "")
	t.Logf("peers: curl of %s, openssl of %s, gnutls-cli of %s", peers.Version("curl"), peers.Version("openssl"), peers.Version("gnutls-bin"))
	names := twoDomains(t, h)
	empty := filepath.Join(t.TempDir(), "none.pem")
	stranger := newSigner(t, filepath.Dir(empty), "stranger").file("stranger.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for door, addr := range map[string]string{"web": hostOf(t, h.demo.Web), "ipps": hostOf(t, h.demo.IPPS)} {
		host, port, err := net.SplitHostPort(addr)
		if err != nil {
			t.Fatal(err)
		}
		clients := map[string]func(name, ca string) (string, error){
			"curl": func(name, ca string) (string, error) {
				out, err := exec.CommandContext(inTime(t), "curl", "-sS", "--noproxy", "*", "-o", os.DevNull, "-w", "%{http_code}", "--resolve", name+":"+port+":"+host, "--cacert", ca, "https://"+name+":"+port+"/healthz").CombinedOutput()
				if err == nil && door == "web" && string(out) != "200" {
					t.Errorf("curl was answered %s under %s", out, name)
				}
				return string(out), err
			},
			"openssl": func(name, ca string) (string, error) {
				cmd := exec.CommandContext(inTime(t), "openssl", "s_client", "-connect", addr, "-servername", name, "-verify_hostname", name, "-CAfile", ca, "-no-CApath", "-no-CAstore", "-verify_return_error")
				out, err := cmd.CombinedOutput()
				return string(out), err
			},
			"gnutls-cli": func(name, ca string) (string, error) {
				cmd := exec.CommandContext(inTime(t), "gnutls-cli", "--port", port, "--x509cafile", ca, "--sni-hostname", name, "--verify-hostname", name, host)
				out, err := cmd.CombinedOutput()
				return string(out), err
			},
		}
		for client, connect := range clients {
			for _, n := range names {
				out, err := connect(n.name, n.ca)
				if err != nil {
					t.Errorf("%s to %s as %s: %v: %s", client, door, n.name, err, out)
				}
				if client == "openssl" && !strings.Contains(out, n.issuer) {
					t.Errorf("%s as %s was shown another chain:\n%s", door, n.name, out)
				}
				for _, ca := range []string{stranger, empty, map[bool]string{true: names[1].ca, false: names[0].ca}[n.ca == names[0].ca]} {
					if out, err := connect(n.name, ca); exitStatus(err) <= 0 {
						t.Errorf("%s to %s as %s connects with %s: %v: %s", client, door, n.name, ca, err, out)
					}
				}
			}
			if out, err := connect("print.other.example", h.demo.CA); exitStatus(err) <= 0 {
				t.Errorf("%s connects to %s under a name that is not the node's: %v: %s", client, door, err, out)
			}
		}
	}
	h.end()
}

// CUPS' own client prints over ipps, and over ipp that it upgrades. A queue that wants
// proof takes no password in clear text, so its jobs were encrypted.
func TestIPPToolEncrypts(t *testing.T) {
	h := startDemo(t, "")
	t.Logf("peer: ipptool of %s", peers.Version("cups-ipp-utils"))
	h.must("queue", "add", "strict", "--require-identity", "yes")
	plain := strings.Replace(strings.Replace(h.demo.IPP, "secure", "strict", 1), "127.0.0.1", "localhost", 1)
	path, _ := document(t, 1000)
	for i, args := range [][]string{{strings.Replace(plain, "ipp://", "ipps://anna:anna@", 1)}, {"-E", strings.Replace(plain, "://", "://anna:anna@", 1)}} {
		uri := args[len(args)-1]
		args = append(args[:len(args)-1:len(args)-1], "-T", "20", "-tf", path, "-d", "filetype=text/plain", uri, "print-job.test")
		out, err := exec.CommandContext(inTime(t), "ipptool", args...).CombinedOutput()
		if jobs := h.jobs(); err != nil || len(jobs) != i+1 || jobs[0].Owner != "anna" {
			t.Errorf("ipptool %v: %v: %s\n%+v", args, err, out, jobs)
		}
	}
	h.end()
}

// A queue of CUPS that trusts nobody on sight prints over ipps once the authority that
// issued the node's certificate is its site's, and stops before and with another's.
func TestCupsTrustsTheImportedAuthority(t *testing.T) {
	h := startDemo(t, "")
	ctx := inTime(t)
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // its backends run as lp
		t.Fatal(err)
	}
	c, err := peers.StartCups(ctx, filepath.Join(dir, "cups"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	t.Logf("peers: /usr/sbin/cupsd and its backend ipps of %s, lp of %s", peers.Version("cups-daemon"), peers.Version("cups-client"))
	site := filepath.Join(c.Dir, "tmp", ".cups", "ssl", "site.crt") // where the backend has its home
	if err := os.MkdirAll(filepath.Dir(site), 0o755); err != nil {
		t.Fatal(err)
	}
	put := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put(filepath.Join(c.Dir, "conf", "client.conf"), "TrustOnFirstUse No\nAllowAnyRoot No\nValidateCerts Yes\n")
	uri := strings.Replace(strings.Replace(h.demo.IPPNow, "ipp:", "ipps:", 1), "127.0.0.1", "localhost", 1)
	if err := c.Queue(ctx, "secured", uri, false); err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(dir, "letter.txt")
	put(text, "Dear Anna,\nthis is plain text.\n")
	if out, err := c.Run(ctx, "lp", "-d", "secured", text); err != nil {
		t.Fatalf("lp: %v: %s", err, out)
	}
	stopped := func() bool {
		out, err := c.Run(ctx, "lpstat", "-l", "-p", "secured")
		return err == nil && strings.Contains(out, "cups-pki-invalid") && strings.Contains(out, "disabled")
	}
	await(t, "CUPS refuses whom nobody vouches for", stopped)
	put(site, readFile(t, newSigner(t, dir, "stranger").file("stranger.pem")))
	if out, err := c.Run(ctx, "cupsenable", "secured"); err != nil {
		t.Fatalf("cupsenable: %v: %s", err, out)
	}
	await(t, "CUPS refuses whom another authority does not vouch for", stopped)
	if jobs := h.jobs(); len(jobs) != 0 {
		t.Fatalf("%+v", jobs)
	}
	// What CUPS 2.4 compares with its site's authority is all that follows the first
	// certificate, so that is the one which has issued it; it knows nothing of roots.
	chain := dialLong(t, h.demo.CA, hostOf(t, h.demo.IPPS)).conn.ConnectionState().PeerCertificates
	put(site, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: chain[1].Raw})))
	if out, err := c.Run(ctx, "cupsenable", "secured"); err != nil {
		t.Fatalf("cupsenable: %v: %s", err, out)
	}
	await(t, "the job is printed", func() bool { return len(h.inState("completed")) == 1 })
	h.end()
}
