package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
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
