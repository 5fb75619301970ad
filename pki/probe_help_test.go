package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// made is a certificate with its key, and how it was made.
type made struct {
	cert   *x509.Certificate
	key    crypto.Signer
	issuer *made // nil for one that has signed itself
}

type change func(*x509.Certificate)

// withKey makes a certificate called name, an authority unless change says
// otherwise. A nil issuer is itself.
func (m *made) withKey(t *testing.T, name string, key crypto.Signer, changes ...change) *made {
	t.Helper()
	serial, err := newSerial()
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().AddDate(0, 0, -10), NotAfter: time.Now().AddDate(0, 0, 100),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	for _, change := range changes {
		change(c)
	}
	if key == nil {
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	n := &made{key: key, issuer: m}
	parent, signer := c, key
	if m != nil {
		parent, signer = m.cert, m.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	if n.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return n
}

func (m *made) under(t *testing.T, name string, changes ...change) *made {
	t.Helper()
	return m.withKey(t, name, nil, changes...)
}

// atLoopback makes it a certificate for a server at 127.0.0.1.
func atLoopback(c *x509.Certificate) {
	c.IsCA, c.KeyUsage = false, x509.KeyUsageDigitalSignature
	c.ExtKeyUsage, c.IPAddresses = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, []net.IP{net.IPv4(127, 0, 0, 1)}
}

func endsAt(end time.Time) change { return func(c *x509.Certificate) { c.NotAfter = end } }

// trusted is for these purposes, under the name of its subject.
func (m *made) trusted(t *testing.T, purposes ...string) Trusted {
	t.Helper()
	x, err := NewTrusted("", m.cert, purposes)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// files writes certificate and key into files for a peer, and more certificates
// into a third one, which is "" when there is none.
func (m *made) files(t *testing.T, more ...*made) (cert, key, chain string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, kind string, der ...[]byte) string {
		var b []byte
		for _, d := range der {
			b = append(b, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: d})...)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(dir, name)
	}
	der, err := x509.MarshalPKCS8PrivateKey(m.key)
	if err != nil {
		t.Fatal(err)
	}
	var list [][]byte
	for _, o := range more {
		list = append(list, o.cert.Raw)
	}
	if len(list) > 0 {
		chain = write("chain.pem", "CERTIFICATE", list...)
	}
	return write("cert.pem", "CERTIFICATE", m.cert.Raw), write("key.pem", "PRIVATE KEY", der), chain
}

// fromPEM reads the one certificate of a peer's authority.
func fromPEM(t *testing.T, text []byte) *made {
	t.Helper()
	b, _ := pem.Decode(text)
	c, err := x509.ParseCertificate(b.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return &made{cert: c}
}

// rules lists what was found, those that refuse with an exclamation mark.
func foundRules(list []Finding) []string {
	names := []string{}
	for _, f := range list {
		if f.Refuse {
			f.Rule += "!"
		}
		names = append(names, f.Rule)
	}
	return names
}
