package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// node is the program under attack.
type node struct {
	binary, dir string
	cmd         *exec.Cmd
	done        chan struct{}
	lpd, web    string
	ipp         string
	token       string // of a program that prints
	roots       *x509.CertPool
}

// config is a node's that trusts nobody with more connections than others.
const config = `[listen]
lpd = "127.0.0.1:0"
ipp = "127.0.0.1:0"
web = "127.0.0.1:0"
[devices]
allow_loopback = true
[log]
level = "error"
`

// start runs a demo node with limits.
func start(ctx context.Context, binary, dir, limits string) (*node, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "node.toml"), []byte(config+limits), 0o600); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "hostile.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	n := &node{binary: binary, dir: dir, done: make(chan struct{})}
	n.cmd = exec.CommandContext(ctx, binary, "demo", "--dir", dir, "--lpd", "127.0.0.1:0", "--ipp", "127.0.0.1:0", "--web", "127.0.0.1:0")
	n.cmd.Stdout, n.cmd.Stderr = log, log
	if err := n.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = n.cmd.Wait(); close(n.done) }()
	if err := n.awaitReady(); err != nil {
		n.stop()
		return nil, err
	}
	if err := errors.Join(n.trust(), n.addToken(ctx)); err != nil {
		n.stop()
		return nil, err
	}
	return n, nil
}

func (n *node) awaitReady() error {
	for until := time.Now().Add(30 * time.Second); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		select {
		case <-n.done:
			b, _ := os.ReadFile(filepath.Join(n.dir, "hostile.log"))
			return fmt.Errorf("the node ended: %s", b)
		default:
		}
		if _, err := os.Stat(filepath.Join(n.dir, "demo.json")); err != nil {
			continue
		}
		b, err := os.ReadFile(filepath.Join(n.dir, "addresses.json"))
		var a struct{ LPD, IPP, Web string }
		if err != nil || json.Unmarshal(b, &a) != nil || a.Web == "" {
			continue
		}
		if conn, err := net.DialTimeout("tcp", a.LPD, time.Second); err == nil {
			conn.Close()
			n.lpd, n.ipp, n.web = a.LPD, a.IPP, a.Web
			return nil
		}
	}
	return errors.New("the node did not serve within 30 s")
}

// trust reads the node's own authority.
func (n *node) trust() error {
	var demo struct {
		CA string `json:"ca_file"`
	}
	b, err := os.ReadFile(filepath.Join(n.dir, "demo.json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &demo); err != nil {
		return err
	}
	pem, err := os.ReadFile(demo.CA)
	if err != nil {
		return err
	}
	n.roots = x509.NewCertPool()
	n.roots.AppendCertsFromPEM(pem)
	return nil
}

func (n *node) addToken(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, n.binary, "token", "add", "--label", "hostile", "--queue", "secure", "--owner", "ben", "--json", "--dir", n.dir)
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("token add: %w: %s", err, out)
	}
	var t struct{ Token string }
	if err := json.Unmarshal(out, &t); err != nil {
		return err
	}
	n.token = t.Token
	return nil
}

func (n *node) stop() {
	_ = n.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-n.done:
	case <-time.After(30 * time.Second):
		_ = n.cmd.Process.Kill()
		<-n.done
	}
}

// from is a client of the node's HTTPS side at another address of loopback than
// the crowd's.
func (n *node) from(ip string) *http.Client {
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: n.roots, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) { return dial(withAddress(ctx, ip), addr) },
	}}
}

// post prints over the API.
func (n *node) post(ctx context.Context, doc []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+n.web+"/api/v1/jobs?queue=secure", bytes.NewReader(doc))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+n.token)
	res, err := n.from(good).Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		return fmt.Errorf("the API says %s", res.Status)
	}
	return nil
}

// lpr prints over LPD.
func (n *node) lpr(ctx context.Context, doc []byte) error {
	conn, err := dial(withAddress(ctx, good), n.lpd)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	control := "Hgood\nPben\nJgood\nldfA002good\n"
	for _, s := range []string{
		"\x02secure\n", fmt.Sprintf("\x02%d cfA002good\n", len(control)), control + "\x00",
		fmt.Sprintf("\x03%d dfA002good\n", len(doc)), string(doc) + "\x00",
	} {
		if err := exchange(conn, s); err != nil {
			return err
		}
	}
	return nil
}

// good is where people who only want to print come from.
const good = "127.0.0.2"
