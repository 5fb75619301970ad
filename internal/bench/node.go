package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// node is a demo node with one more device, the sink, and a terminal for it.
type node struct {
	binary  string
	dir     string
	cmd     *exec.Cmd
	done    chan struct{}
	lpd     string
	ipp     string
	web     string
	base    string
	token   string
	version string
	http    *http.Client
}

func startNode(ctx context.Context, binary, dir string, raw *sink) (*node, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	n := &node{binary: binary, dir: dir}
	if err := n.start(ctx); err != nil {
		return nil, err
	}
	var terminal struct{ Token string }
	if err := errors.Join(
		n.command(ctx, nil, "device", "add", "sink", "--uri", "socket://"+raw.ln.Addr().String()),
		n.command(ctx, &terminal, "terminal", "add", "bench", "--device", "sink", "--json"),
		n.trust(dir),
	); err != nil {
		n.stop()
		return nil, err
	}
	n.token = terminal.Token
	out, err := exec.CommandContext(ctx, binary, "version").Output()
	n.version = strings.TrimSpace(string(out))
	return n, err
}

// start runs the node on its folder and waits until it serves.
func (n *node) start(ctx context.Context) error {
	log, err := os.OpenFile(filepath.Join(n.dir, "bench.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	n.cmd, n.done = exec.CommandContext(ctx, n.binary, "demo", "--dir", n.dir, "--lpd", "127.0.0.1:0", "--ipp", "127.0.0.1:0", "--web", "127.0.0.1:0"), make(chan struct{})
	n.cmd.Stdout, n.cmd.Stderr = log, log
	if err := n.cmd.Start(); err != nil {
		return err
	}
	done := n.done
	go func() { _ = n.cmd.Wait(); close(done) }()
	for until := time.Now().Add(2 * time.Minute); time.Now().Before(until); time.Sleep(2 * time.Millisecond) {
		b, err := os.ReadFile(filepath.Join(n.dir, "addresses.json"))
		if err != nil {
			continue
		}
		var a struct{ LPD, IPP, Web string }
		if json.Unmarshal(b, &a) == nil && a.LPD != "" && a.IPP != "" && a.Web != "" {
			if c, err := net.Dial("tcp", a.LPD); err == nil {
				c.Close()
				n.lpd, n.ipp, n.web, n.base = a.LPD, a.IPP, a.Web, "https://"+a.Web+"/api/terminal/v1/"
				return nil
			}
		}
	}
	n.stop()
	return errors.New("the node does not come up; see bench.log")
}

func (n *node) command(ctx context.Context, v any, args ...string) error {
	out, err := exec.CommandContext(ctx, n.binary, append(args, "--dir", n.dir)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("platen %v: %w: %s", args, err, out)
	}
	if v == nil {
		return nil
	}
	return json.Unmarshal(out, v)
}

// trust reads the node's own CA.
func (n *node) trust(dir string) error {
	var demo struct {
		CA string `json:"ca_file"`
	}
	b, err := os.ReadFile(filepath.Join(dir, "demo.json"))
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
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	n.http = &http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	return nil
}

func (n *node) stop() {
	_ = n.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-n.done:
	case <-time.After(20 * time.Second):
		_ = n.cmd.Process.Kill()
		<-n.done
	}
}

// submit prints a held job as ben, signs in with his card, and returns the call
// that releases it.
func (n *node) submit(ctx context.Context, doc []byte, i int) (func() error, error) {
	if err := printOne(n.lpd, "secure", "ben", fmt.Sprintf("release %d", i), i%1000, doc); err != nil {
		return nil, err
	}
	var s struct{ Session string }
	if err := n.call(ctx, "sessions", map[string]any{"method": "card", "value": "04E5F60718"}, &s); err != nil {
		return nil, err
	}
	return func() error {
		return n.call(ctx, "sessions/"+s.Session+"/release", map[string]any{"jobs": "all", "idempotency_key": fmt.Sprint(i, len(doc))}, &struct{}{})
	}, nil
}

func (n *node) call(ctx context.Context, path string, body, answer any) error {
	return n.ask(ctx, http.MethodPost, path, body, answer)
}

func (n *node) ask(ctx context.Context, method, path string, body, answer any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, n.base+path, bytes.NewReader(b))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+n.token)
	req.Header.Set("Content-Type", "application/json")
	res, err := n.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		return fmt.Errorf("%s: %s: %s", path, res.Status, got)
	}
	return json.Unmarshal(got, answer)
}

// peak is the most memory that the node has had, in KiB; 0 when nobody knows.
func (n *node) peak() int64 { return n.memory("VmHWM:") }

// forgetPeak makes the peak count from now on.
func (n *node) forgetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", n.cmd.Process.Pid), []byte("5"), 0)
}

// memory is a line of /proc/PID/status in KiB.
func (n *node) memory(line string) (kib int64) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for l := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(l, line); ok {
			_, _ = fmt.Sscan(rest, &kib)
		}
	}
	return kib
}
