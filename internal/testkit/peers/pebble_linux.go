package peers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// The programs that make peers has built from Go modules. below is where .peers is
// when PLATEN_PEERS does not say so: the root of the tree.
func goPeer(below, name string) (path, version string, err error) {
	root := os.Getenv("PLATEN_PEERS")
	if root == "" {
		root = filepath.Join(below, ".peers")
	}
	if path, err = filepath.Abs(filepath.Join(root, "go", name)); err != nil {
		return "", "", err
	}
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return "", "", fmt.Errorf("peers: %w (make peers builds it)", err)
	}
	return path, name + " " + info.Main.Version, nil
}

// PebbleOptions say how a private ACME server differs from the usual one.
type PebbleOptions struct {
	Below    string            // the root of the tree
	DNS      string            // host:port of the name server that it asks; "" the system's
	HTTPPort int               // where it looks for answers of http-01, instead of 80
	EAB      map[string]string // key identifiers and keys, base64url; nil: anybody gets an account
	Blocked  []string          // names that it gives no certificate for
	Nonces   int               // how many of a hundred good nonces it rejects; 0: its usual five
	At       [2]int            // its ports, of a server that was there before; 0: free ones
}

// Pebble is Let's Encrypt's ACME server for tests. It forgets everything at its end.
type Pebble struct {
	*Process
	Directory   string // web address
	Management  string // web address
	Certificate Certificate
	Version     string
	At          [2]int
}

type pebbleConf struct {
	ListenAddress                  string            `json:"listenAddress"`
	ManagementListenAddress        string            `json:"managementListenAddress"`
	Certificate                    string            `json:"certificate"`
	PrivateKey                     string            `json:"privateKey"`
	HTTPPort                       int               `json:"httpPort"`
	TLSPort                        int               `json:"tlsPort"`
	KeyAlgorithm                   string            `json:"keyAlgorithm"`
	ExternalAccountBindingRequired bool              `json:"externalAccountBindingRequired"`
	ExternalAccountMACKeys         map[string]string `json:"externalAccountMACKeys,omitempty"`
	DomainBlocklist                []string          `json:"domainBlocklist,omitempty"`
	RetryAfter                     map[string]int    `json:"retryAfter"`
}

// StartPebble runs pebble on ports of 127.0.0.1, its files below dir.
func StartPebble(ctx context.Context, dir string, o PebbleOptions) (*Pebble, error) {
	bin, version, err := goPeer(o.Below, "pebble")
	if err != nil {
		return nil, err
	}
	p := &Pebble{Version: version, At: o.At}
	for i := range p.At {
		if p.At[i] == 0 {
			p.At[i], err = FreePort()
		}
		if err != nil {
			return nil, err
		}
	}
	if p.Certificate, err = NewCertificate(time.Now().AddDate(0, 0, 2), "127.0.0.1"); err != nil {
		return nil, err
	}
	p.Directory, p.Management = fmt.Sprintf("https://127.0.0.1:%d/dir", p.At[0]), fmt.Sprintf("https://127.0.0.1:%d", p.At[1])
	args := []string{"-config", filepath.Join(dir, "pebble.json")}
	if o.DNS != "" {
		args = append(args, "-dnsserver", o.DNS)
	}
	if err := p.write(dir, o); err != nil {
		return nil, err
	}
	env := []string{"PEBBLE_VA_NOSLEEP=1"}
	if o.Nonces > 0 {
		env = append(env, fmt.Sprintf("PEBBLE_WFE_NONCEREJECT=%d", o.Nonces))
	}
	if p.Process, err = startProcess(ctx, env, bin, args...); err != nil {
		return nil, err
	}
	for _, port := range p.At {
		if err := p.untilOpen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err != nil {
			p.Stop()
			return nil, err
		}
	}
	return p, nil
}

func (p *Pebble) write(dir string, o PebbleOptions) error {
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	conf, err := json.Marshal(map[string]pebbleConf{"pebble": {
		ListenAddress: fmt.Sprintf("127.0.0.1:%d", p.At[0]), ManagementListenAddress: fmt.Sprintf("127.0.0.1:%d", p.At[1]),
		Certificate: cert, PrivateKey: key, HTTPPort: o.HTTPPort, TLSPort: 1, KeyAlgorithm: "ecdsa",
		ExternalAccountBindingRequired: o.EAB != nil, ExternalAccountMACKeys: o.EAB, DomainBlocklist: o.Blocked,
		RetryAfter: map[string]int{"authz": 1, "order": 1},
	}})
	return errors.Join(err,
		os.WriteFile(filepath.Join(dir, "pebble.json"), conf, 0o600),
		os.WriteFile(cert, p.Certificate.Cert, 0o600),
		os.WriteFile(key, p.Certificate.Key, 0o600))
}

// Root returns the root of the authority that it gives certificates of, PEM. It is
// another one at each start.
func (p *Pebble) Root(ctx context.Context) ([]byte, error) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(p.Certificate.CA)
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	defer tr.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.Management+"/roots/0", nil)
	if err != nil {
		return nil, err
	}
	resp, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

// ChallTestSrv is a name server for pebble, which answers as it is told.
type ChallTestSrv struct {
	*Process
	Addr       string // host:port of its DNS
	Management string // web address
	Version    string
}

// StartChallTestSrv runs pebble-challtestsrv. Nothing has an address until Set says so.
func StartChallTestSrv(ctx context.Context, below string) (*ChallTestSrv, error) {
	bin, version, err := goPeer(below, "pebble-challtestsrv")
	if err != nil {
		return nil, err
	}
	port, err1 := FreePort()
	management, err2 := FreePort()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	c := &ChallTestSrv{Addr: fmt.Sprintf("127.0.0.1:%d", port), Management: fmt.Sprintf("http://127.0.0.1:%d", management), Version: version}
	c.Process, err = startProcess(ctx, nil, bin, "-dnsserver", c.Addr, "-management", strings.TrimPrefix(c.Management, "http://"),
		"-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "", "-defaultIPv4", "", "-defaultIPv6", "")
	if err != nil {
		return nil, err
	}
	for _, addr := range []string{c.Addr, strings.TrimPrefix(c.Management, "http://")} {
		if err := c.untilOpen("tcp", addr); err != nil {
			c.Stop()
			return nil, err
		}
	}
	return c, nil
}

// Set gives a name an address.
func (c *ChallTestSrv) Set(ctx context.Context, name, addr string) error {
	body := fmt.Sprintf(`{"host": %q, "addresses": [%q]}`, name+".", addr)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Management+"/add-a", strings.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("peers: pebble-challtestsrv: %s", resp.Status)
	}
	return nil
}

// Bind is BIND 9 with one zone that takes updates. A is told 127.0.0.1 for its own
// name server, ns, and for the name print.
type Bind struct {
	*Process
	Addr    string // host:port
	Port    string
	Version string
	KeyName string // of the key that may change all of the zone
	Secret  string // base64, of all its keys
	Weak    string // the name of a key that may change only the entry "weak"
}

const bindConf = `key "updates" { algorithm hmac-sha256; secret "%[3]s"; };
key "weak" { algorithm hmac-sha256; secret "%[3]s"; };
options { directory "%[1]s"; listen-on port %[2]d { 127.0.0.1; }; listen-on-v6 { none; }; recursion no;
  dnssec-validation no; pid-file none; session-keyfile none; managed-keys-directory "%[1]s"; };
controls { };
zone "%[4]s" { type master; file "zone"; update-policy { grant updates zonesub ANY; grant weak name weak.%[4]s. TXT; }; };
`

const bindZone = `$TTL 60
@ SOA ns hostmaster 1 60 60 60 60
@ NS ns
@ NS gone
@ A 127.0.0.1
ns A 127.0.0.1
gone A 127.0.0.254
print A 127.0.0.1
_acme-challenge.alias CNAME _proof.elsewhere
alias A 127.0.0.1
`

// StartBind runs named on a free port for a zone without its final dot, its files below
// dir. The zone has a second name server that is not there.
func StartBind(ctx context.Context, dir, zone string) (*Bind, error) {
	secret, err := exec.CommandContext(ctx, "/usr/sbin/tsig-keygen", "-a", "hmac-sha256", "updates").Output()
	if err != nil {
		return nil, fmt.Errorf("peers: tsig-keygen: %w (make peers installs it)", err)
	}
	_, rest, _ := strings.Cut(string(secret), `secret "`)
	b64, _, ok := strings.Cut(rest, `"`)
	port, err := FreePort()
	if err != nil || !ok {
		return nil, errors.Join(err, errors.New("peers: tsig-keygen makes no secret"))
	}
	b := &Bind{Addr: fmt.Sprintf("127.0.0.1:%d", port), Port: fmt.Sprint(port), Version: Version("bind9"), KeyName: "updates", Secret: b64, Weak: "weak"}
	conf := filepath.Join(dir, "named.conf")
	err = errors.Join(
		os.WriteFile(conf, fmt.Appendf(nil, bindConf, dir, port, b64, zone), 0o600),
		os.WriteFile(filepath.Join(dir, "zone"), []byte(bindZone), 0o600))
	if err != nil {
		return nil, err
	}
	if b.Process, err = startProcess(ctx, nil, "/usr/sbin/named", "-g", "-n", "1", "-c", conf); err != nil {
		return nil, err
	}
	if err := b.untilOpen("tcp", b.Addr); err != nil {
		b.Stop()
		return nil, err
	}
	return b, nil
}
