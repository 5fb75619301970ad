package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"platen/internal/testkit/peers"
)

// longConn is one TLS connection that is kept and used again and again.
type longConn struct {
	conn *tls.Conn
	r    *bufio.Reader
}

func poolOf(t *testing.T, files ...string) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	for _, f := range files {
		if !pool.AppendCertsFromPEM([]byte(readFile(t, f))) {
			t.Fatalf("no certificate in %s", f)
		}
	}
	return pool
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func dialLong(t *testing.T, ca, addr string) *longConn {
	t.Helper()
	conn, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: poolOf(t, ca), MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &longConn{conn, bufio.NewReader(conn)}
}

// get sends one request, and reads its answer.
func (l *longConn) get(t *testing.T) {
	t.Helper()
	_ = l.conn.SetDeadline(time.Now().Add(30 * time.Second))
	_, err := io.WriteString(l.conn, "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
	if err != nil {
		t.Fatalf("a connection was ended: %v", err)
	}
	resp, err := http.ReadResponse(l.r, nil)
	if err != nil {
		t.Fatalf("a connection was ended: %v", err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
}

// wantsNot demands that a command works and does not say something.
func wantsNot(t *testing.T, h *house, says string, args ...string) {
	t.Helper()
	if out := h.must(args...); strings.Contains(out, says) {
		t.Errorf("platen %v says %q:\n%s", args, says, out)
	}
}

// clock is one that a test moves.
type clock struct{ off atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.off.Load())) }

// startAt runs the demo on a new folder with a clock of its own for certificates.
func startAt(t *testing.T, c *clock) (*house, *node) {
	t.Helper()
	h := &house{t: t, dir: filepath.Join(t.TempDir(), "demo"), done: make(chan int, 1), out: &buffer{}, log: &buffer{}}
	p, err := demoPlace(h.dir, &opt[string]{given: true, value: "127.0.0.1:0"}, &opt[string]{given: true, value: "127.0.0.1:0"}, &opt[string]{given: true, value: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	h.stop = stop
	t.Cleanup(stop)
	up := make(chan *node, 1)
	go func() {
		err := runNode(ctx, &env{out: h.out, err: h.log}, p, func(n *node) error {
			n.chain.Now = c.now // nobody serves yet
			if err := n.demo(ctx, h.out); err != nil {
				return err
			}
			up <- n
			return nil
		})
		code := exitDone
		if err != nil {
			code = exitFailed
		}
		h.done <- code
	}()
	select {
	case n := <-up:
		h.demo.CA = p.ca()
		return h, n
	case code := <-h.done:
		t.Fatalf("the demo ended with %d:\n%s", code, h.log)
		return nil, nil
	}
}

// load asks again and again, and counts.
type load struct {
	roots atomic.Pointer[x509.CertPool]
	clock *clock

	asked, dials atomic.Int64
	mu           sync.Mutex
	serials      map[[2]string]map[string]bool // that new connections have seen, by address and the name asked for
	failed       []string
}

func (l *load) fail(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.failed) < 10 {
		l.failed = append(l.failed, fmt.Sprintf(format, args...))
	}
}

// seen is how many certificates of a name have been seen at every one of the addresses.
func (l *load) seen(name string, at ...string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	least := len(l.serials[[2]string{at[0], name}])
	for _, a := range at {
		least = min(least, len(l.serials[[2]string{a, name}]))
	}
	return least
}

// client connects to addr under a name, whatever the name means elsewhere.
func (l *load) client(addr, name string, keep bool) *http.Client {
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		DisableKeepAlives: !keep, ForceAttemptHTTP2: false, MaxConnsPerHost: 1,
		DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			d := tls.Dialer{Config: &tls.Config{RootCAs: l.roots.Load(), ServerName: name, Time: l.clock.now, MinVersion: tls.VersionTLS12}}
			conn, err := d.DialContext(ctx, "tcp", addr)
			if err != nil {
				return nil, err
			}
			l.dials.Add(1)
			serial := conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String()
			l.mu.Lock()
			defer l.mu.Unlock()
			key := [2]string{addr, name}
			if l.serials[key] == nil {
				l.serials[key] = map[string]bool{}
			}
			l.serials[key][serial] = true
			return conn, nil
		},
	}}
}

// run asks until ctx ends; ask makes a request of a client.
func (l *load) run(ctx context.Context, c *http.Client, ask func() *http.Request) {
	for ctx.Err() == nil {
		resp, err := c.Do(ask())
		if err != nil {
			l.fail("%v", err)
			return
		}
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			l.fail("%s %v", resp.Status, err)
			return
		}
		l.asked.Add(1)
	}
}

// A certificate is renewed, imported and chosen, and the clock moves past two thirds of
// its life, while clients of both doors ask on old connections and on new ones: none of
// them is refused or cut off, and the new connections see what is new.
func TestRenewalUnderLoadDropsNoRequest(t *testing.T) {
	c := &clock{}
	h, n := startAt(t, c)
	t.Logf("peer: openssl of %s makes the imported chains", peers.Version("openssl"))
	web, ipp := n.web.addr(), n.ipp.addr()
	dir := t.TempDir()
	company := newSigner(t, dir, "company")
	imported := func(name string) string {
		return company.sign(name, "/CN=print.company.example", "subjectAltName=DNS:print.company.example\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n", 1000)
	}
	h.must("cert", "domain", "add", "print.company.example")
	l := &load{clock: c, serials: map[[2]string]map[string]bool{}}
	l.roots.Store(poolOf(t, h.demo.CA, company.file("company.pem")))

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var all sync.WaitGroup
	get := func(name string) func() *http.Request {
		return func() *http.Request {
			r, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://"+name+"/healthz", nil)
			return r
		}
	}
	attributes := func(name string) func() *http.Request {
		body := printerAttributes("ipps://" + name + "/ipp/print/secure")
		return func() *http.Request {
			r, _ := http.NewRequestWithContext(context.Background(), http.MethodPost, "https://"+name+"/ipp/print/secure", bytes.NewReader(body))
			r.Header.Set("Content-Type", "application/ipp")
			return r
		}
	}
	for _, name := range []string{"localhost", "print.company.example"} {
		for _, keep := range []bool{true, false} {
			all.Go(func() { l.run(ctx, l.client(web, name, keep), get(name)) })
			all.Go(func() { l.run(ctx, l.client(ipp, name, keep), attributes(name)) })
		}
	}
	old := &load{clock: c, serials: map[[2]string]map[string]bool{}} // its connections are from before all of it
	old.roots.Store(l.roots.Load())
	for _, name := range []string{"localhost", "print.company.example"} {
		all.Go(func() { old.run(ctx, old.client(web, name, true), get(name)) })
		all.Go(func() { old.run(ctx, old.client(ipp, name, true), attributes(name)) })
	}
	failures := func() string {
		var list []string
		for _, x := range []*load{l, old} {
			x.mu.Lock()
			list = append(list, x.failed...)
			x.mu.Unlock()
		}
		return strings.Join(list, "\n")
	}
	// more waits until new connections have seen another certificate, and everybody has
	// been answered some more.
	more := func(what, name string, serials int) {
		t.Helper()
		asked, before := l.asked.Load(), old.asked.Load()
		await(t, what, func() bool {
			return failures() != "" || l.seen(name, web, ipp) >= serials && l.asked.Load() > asked+40 && old.asked.Load() > before+20
		})
		if f := failures(); f != "" {
			t.Fatalf("%s: %s\n%s", what, f, h.log)
		}
	}
	more("all connections are there", "localhost", 1)
	more("all connections are there", "print.company.example", 1) // the node's own
	h.must("cert", "chain", "import", "company", imported("one"), "--domain", "print.company.example")
	more("an imported chain is chosen", "print.company.example", 2)
	h.must("cert", "chain", "import", "company", imported("two"))
	more("its successor is imported", "print.company.example", 3)
	h.must("cert", "chain", "generate", "house", "--domain", "print.company.example")
	h.must("cert", "chain", "choose", "house", "print.company.example")
	more("another chain is chosen", "print.company.example", 4)
	own, generated := l.seen("localhost", web, ipp), l.seen("print.company.example", web, ipp)
	c.off.Store(int64(270 * 24 * time.Hour)) // of 397 days
	n.chain.Wake()
	await(t, "the clock is noticed", func() bool {
		ends, _ := n.chain.Ends()
		return ends.Sub(c.now()) > 390*24*time.Hour
	})
	more("the node has renewed its own chain", "localhost", own+1)
	more("the node has renewed the chain of a domain", "print.company.example", generated+1)
	h.must("cert", "domain", "add", "print.house.example") // the node's own chain is made again with it
	more("a domain came", "localhost", own+2)
	h.must("cert", "chain", "remove", "house", "--yes")
	more("the node's own chain is shown again", "print.company.example", generated+2)
	stop()
	all.Wait()
	if f := failures(); f != "" {
		t.Errorf("requests were dropped: %s", f)
	}
	if d := old.dials.Load(); d != 4 {
		t.Errorf("4 connections from before became %d", d)
	}
	t.Logf("%d requests on %d connections, %d of them on %d that stayed; certificates seen: %d and %d", l.asked.Load()+old.asked.Load(), l.dials.Load()+old.dials.Load(),
		old.asked.Load(), old.dials.Load(), l.seen("localhost", web, ipp), l.seen("print.company.example", web, ipp))
	h.end()
}

// printerAttributes is a Get-Printer-Attributes request.
func printerAttributes(uri string) []byte {
	b := []byte{2, 0, 0, 0x0b, 0, 0, 0, 1, 1}
	for _, a := range [][3]string{{"\x47", "attributes-charset", "utf-8"}, {"\x48", "attributes-natural-language", "en"}, {"\x45", "printer-uri", uri}} {
		b = append(b, a[0]...)
		for _, s := range a[1:] {
			b = append(append(b, byte(len(s)>>8), byte(len(s))), s...)
		}
	}
	return append(b, 3)
}
