package notify

import (
	"bufio"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// authority makes certificates that are good around noon.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{cert: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: noon.AddDate(-5, 0, 0), NotAfter: noon.AddDate(5, 0, 0), KeyUsage: x509.KeyUsageCertSign,
	}}
	var der []byte
	der, a.key = sign(t, a.cert, nil)
	var err error
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pem = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return a
}

// server returns a certificate for 127.0.0.1 and a name.
func (a *authority) server(t *testing.T, name string, from, until time.Time) *tls.Certificate {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "mail"}, DNSNames: []string{name},
		NotBefore: from, NotAfter: until, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if name == "localhost" {
		c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	der, key := sign(t, c, a)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// good returns a certificate that nothing is wrong with.
func (a *authority) good(t *testing.T) *tls.Certificate {
	t.Helper()
	return a.server(t, "localhost", noon.AddDate(0, 0, -1), noon.AddDate(0, 0, 1))
}

func sign(t *testing.T, c *x509.Certificate, by *authority) ([]byte, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent, signer := c, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	return der, key
}

// fake is a mail server with one fault. Its steps are banner, EHLO, STARTTLS,
// handshake, EHLO+TLS, AUTH, MAIL, RCPT, DATA, body and QUIT.
type fake struct {
	replies  map[string]string // by step; instead of the usual ones, without the last CRLF
	hang     string            // the step that it never answers
	drip     bool              // it hangs by answering an octet a second
	garbled  bool              // what it says after STARTTLS is no TLS
	cert     *tls.Certificate
	implicit bool

	piped sync.WaitGroup // the conversations of pipe
	mu    sync.Mutex
	heard []string
}

var usual = map[string]string{
	"banner":   "220 fake ESMTP",
	"EHLO":     "250-fake\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN",
	"STARTTLS": "220 2.0.0 go on",
	"EHLO+TLS": "250-fake\r\n250 AUTH PLAIN LOGIN",
	"AUTH":     "235 2.7.0 welcome",
	"MAIL":     "250 2.1.0 ok",
	"RCPT":     "250 2.1.5 ok",
	"DATA":     "354 go on",
	"body":     "250 2.0.0 taken",
	"QUIT":     "221 2.0.0 bye",
}

// listen serves on loopback until the test ends, and returns a mailer for it.
func (f *fake) listen(t *testing.T, ca *authority) *Mailer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(all.Wait)
	t.Cleanup(func() { ln.Close() })
	all.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() { f.serve(conn) })
		}
	})
	m := f.mailer(ca)
	m.Port = ln.Addr().(*net.TCPAddr).Port
	return m
}

// mailer returns one that reaches the fake through a pipe.
func (f *fake) mailer(ca *authority) *Mailer {
	m := &Mailer{
		Config: Config{Host: "127.0.0.1", User: "anna", From: "print@example.test", CA: ca.pem},
		Secret: "s3cret-pass", Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return noon },
	}
	if f.implicit {
		m.TLS = TLS
	}
	return m
}

func (f *fake) pipe(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	f.piped.Go(func() { f.serve(server) })
	return client, nil
}

func (f *fake) lines() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.heard, "")
}

func (f *fake) hear(line string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.heard = append(f.heard, line)
}

// say answers a step, and reports whether the conversation goes on.
func (f *fake) say(conn net.Conn, step string) bool {
	if step == f.hang {
		f.stall(conn)
		return false
	}
	reply := cmp.Or(f.replies[step], usual[step], "500 5.5.1 what?")
	_, err := io.WriteString(conn, reply+"\r\n")
	return err == nil
}

func (f *fake) stall(conn net.Conn) {
	if f.drip {
		for err := error(nil); err == nil; _, err = conn.Write([]byte("2")) {
			time.Sleep(time.Second) // of a bubble
		}
		return
	}
	_, _ = io.Copy(io.Discard, conn) // until the client has had enough
}

func (f *fake) serve(conn net.Conn) {
	defer conn.Close()
	// Tickets would be written when nobody reads, which a pipe does not take.
	config := &tls.Config{SessionTicketsDisabled: true}
	if f.cert != nil {
		config.Certificates = []tls.Certificate{*f.cert}
	}
	suffix := ""
	if f.implicit {
		conn, suffix = tls.Server(conn, config), "+TLS"
	}
	if !f.say(conn, "banner") {
		return
	}
	r := bufio.NewReader(conn)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		f.hear(line)
		step, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if step == "EHLO" {
			step += suffix
		}
		if !f.say(conn, step) {
			return
		}
		switch {
		case step == "STARTTLS" && f.hang == "handshake":
			f.stall(conn)
			return
		case step == "STARTTLS" && f.garbled:
			_, _ = r.ReadByte()
			_, _ = io.WriteString(conn, "500 what?\r\n")
			return
		case step == "STARTTLS":
			conn, suffix = tls.Server(conn, config), "+TLS"
			r = bufio.NewReader(conn)
		case step == "DATA" && f.replies["DATA"] == "":
			for line != ".\r\n" {
				if line, err = r.ReadString('\n'); err != nil {
					return
				}
				f.hear(line)
			}
			if !f.say(conn, "body") {
				return
			}
		}
	}
}
