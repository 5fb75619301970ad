package ippsrv

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/OpenPrinting/goipp"

	"platen/fault"
	"platen/ipp"
	"platen/job"
	"platen/site"
)

// fakeCertificates takes those of one authority; the common name is a login.
type fakeCertificates struct{ ca *x509.Certificate }

func (f *fakeCertificates) Authorities(context.Context) *x509.CertPool {
	if f.ca == nil {
		return nil
	}
	pool := x509.NewCertPool()
	pool.AddCert(f.ca)
	return pool
}

func (f *fakeCertificates) Certificate(_ context.Context, chain []*x509.Certificate, q site.Queue) (string, Person, error) {
	if chain[0].CheckSignatureFrom(f.ca) != nil || q.Name == "" {
		return "", Person{}, &fault.Error{Op: "fake", Kind: fault.Denied}
	}
	name := chain[0].Subject.CommonName
	switch name {
	case "away":
		return "", Person{}, &fault.Error{Op: "fake", Kind: fault.Unavailable}
	case "anna":
		return name, Person{ID: "u-anna", Login: name}, nil
	}
	return name, Person{}, nil
}

// people makes an authority and certificates of it.
func people(t *testing.T, names ...string) (*x509.Certificate, map[string]tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "People"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	if err == nil {
		ca, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatal(err)
	}
	list := map[string]tls.Certificate{}
	for _, n := range names {
		c := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: n}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter}
		der, err := x509.CreateCertificate(rand.Reader, c, ca, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		list[n] = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	}
	return ca, list
}

// secure is a TLS connection on which a client shows a certificate whatever it is
// asked for, "" none, and whom it was asked for.
func secure(t *testing.T, addr string, cert tls.Certificate, how *tls.Config) (c *talk, asked *tls.CertificateRequestInfo) {
	t.Helper()
	how.InsecureSkipVerify, how.MinVersion = true, tls.VersionTLS12
	how.GetClientCertificate = func(r *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		asked = r
		return &cert, nil
	}
	conn := tls.Client(dialTalk(t, addr), how)
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	return &talk{conn, t, bufio.NewReader(conn)}, asked
}

// TestCertificatesOfPeople: what a client has shown counts like a password, and
// what proves nothing is in nobody's way.
func TestCertificatesOfPeople(t *testing.T) {
	ca, certs := people(t, "anna", "carla", "away")
	certs["foreign"] = selfSigned(t)
	f, addr := serve(t, func(s *Server) { s.Certificates = &fakeCertificates{ca} })
	basic := func(login string) string {
		return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(login+":"+login)) + "\r\n"
	}
	for name, tt := range map[string]struct {
		cert, queue, header string
		status, code        int
		want                job.Origin
	}{
		"anna":                        {"anna", "secure", "", 200, statusOK, job.Origin{User: "u-anna", Certificate: "anna"}},
		"who prints must prove it":    {"anna", "strict", "", 200, statusOK, job.Origin{User: "u-anna", Certificate: "anna"}},
		"a password says who instead": {"carla", "strict", basic("anna"), 200, statusOK, job.Origin{User: "u-anna"}},
		"nobody here":                 {"carla", "secure", "", 200, statusOK, job.Origin{Certificate: "carla"}},
		"nobody here, to strict":      {"carla", "strict", "", 401, 0, job.Origin{}},
		"of another authority":        {"foreign", "secure", "", 200, statusOK, job.Origin{}},
		"the same, to strict":         {"foreign", "strict", "", 401, 0, job.Origin{}},
		"none":                        {"", "secure", "", 200, statusOK, job.Origin{}},
		"none, to strict":             {"", "strict", "", 401, 0, job.Origin{}},
		"the store does not answer":   {"away", "secure", "", 200, statusUnavailable, job.Origin{}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				f.mu.Lock()
				f.origins = nil
				f.mu.Unlock()
				c, asked := secure(t, addr, certs[tt.cert], &tls.Config{MaxVersion: version})
				if asked == nil || len(asked.AcceptableCAs) != 1 || string(asked.AcceptableCAs[0]) != string(ca.RawSubject) {
					t.Errorf("asked for %+v", asked)
				}
				body := append(bodyFor(t, tt.queue), pdf...)
				c.say("%s%sContent-Length: %d\r\n\r\n%s", headTo(tt.queue), tt.header, len(body), body)
				status, m := c.hear()
				if status != tt.status || m != nil && int(m.Code) != tt.code {
					t.Fatalf("%d %+v, want %d %#x", status, m, tt.status, tt.code)
				}
				if tt.status != 200 || tt.code != statusOK {
					continue
				}
				got := f.origins[0]
				if got.User != tt.want.User || got.Certificate != tt.want.Certificate || got.Believed {
					t.Errorf("%+v, want %+v", got, tt.want)
				}
			}
		})
	}
}

func headTo(queue string) string { return strings.Replace(head, "/secure", "/"+queue, 1) }

func bodyFor(t *testing.T, queue string) []byte {
	t.Helper()
	m := goipp.NewRequest(goipp.DefaultVersion, goipp.OpPrintJob, 9)
	m.Operation = goipp.Attributes{ipp.Charset("attributes-charset", "utf-8"), ipp.Language("attributes-natural-language", "en"),
		ipp.URI("printer-uri", "ipps://127.0.0.1/ipp/print/"+queue), ipp.Name("requesting-user-name", "boss")}
	b, err := m.EncodeBytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestCertificatesAreAskedFor only where one could count, and of those who could have one.
func TestCertificatesAreAskedFor(t *testing.T) {
	ca, _ := people(t)
	host := sha256.Sum256([]byte("a host"))
	for name, tt := range map[string]struct {
		ca    *x509.Certificate
		hosts bool
		asks  bool
		of    int
	}{
		"nobody": {}, "people": {ca, false, true, 1}, "hosts": {nil, true, true, 0},
		"both": {ca, true, true, 0}, // a host's may be signed by itself, and a client shows none that it was not asked for
	} {
		t.Run(name, func(t *testing.T) {
			_, addr := serve(t, func(s *Server) {
				s.Certificates = &fakeCertificates{tt.ca}
				if tt.hosts {
					s.Certs = []string{hex.EncodeToString(host[:])}
				}
			})
			_, asked := secure(t, addr, tls.Certificate{}, &tls.Config{})
			if (asked != nil) != tt.asks || asked != nil && len(asked.AcceptableCAs) != tt.of {
				t.Errorf("%+v", asked)
			}
		})
	}
}

// TestCertificatesAreNotResumed: who was sent away does not come back with an
// old handshake.
func TestCertificatesAreNotResumed(t *testing.T) {
	ca, certs := people(t, "anna")
	_, addr := serve(t, func(s *Server) { s.Certificates = &fakeCertificates{ca} })
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cache := tls.NewLRUClientSessionCache(4)
		for range 2 {
			c, _ := secure(t, addr, certs["anna"], &tls.Config{MaxVersion: version, ServerName: "printer", ClientSessionCache: cache})
			body := append(bodyFor(t, "secure"), pdf...)
			c.say("%sContent-Length: %d\r\n\r\n%s", head, len(body), body)
			if _, m := c.hear(); m == nil || m.Code != statusOK {
				t.Fatalf("%+v", m)
			}
			if c.Conn.(*tls.Conn).ConnectionState().DidResume {
				t.Errorf("%#x: the session was resumed", version)
			}
		}
	}
}

// TestCertificateAfterAnUpgrade: HTTP Upgrade asks for certificates as well.
func TestCertificateAfterAnUpgrade(t *testing.T) {
	ca, certs := people(t, "anna")
	f, addr := serve(t, func(s *Server) { s.Certificates = &fakeCertificates{ca} })
	raw := dialTalk(t, addr)
	raw.say("OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: TLS/1.2\r\n\r\n")
	if got := raw.answerTo("OPTIONS"); got != http.StatusSwitchingProtocols {
		t.Fatalf("%d", got)
	}
	conn := tls.Client(&buffered{raw.Conn, raw.r}, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certs["anna"]}})
	c := &talk{conn, t, bufio.NewReader(conn)}
	if got := c.answerTo("OPTIONS"); got != http.StatusOK {
		t.Fatalf("%d", got)
	}
	body := append(bodyFor(t, "strict"), pdf...)
	c.say("%sContent-Length: %d\r\n\r\n%s", headTo("strict"), len(body), body)
	if _, m := c.hear(); m == nil || m.Code != statusOK || f.origins[0].Certificate != "anna" {
		t.Errorf("%+v %+v", m, f.origins)
	}
}

// TestCertificatesAreTold where a queue wants to know who prints, and nowhere else
// (RFC 8011, section 5.4.2).
func TestCertificatesAreTold(t *testing.T) {
	ca, _ := people(t)
	for name, tt := range map[string]struct {
		plain bool
		ca    *x509.Certificate
		queue string
		want  []string
	}{
		"strict":             {false, ca, "strict", []string{"ipps basic", "ipps certificate", "ipp basic"}},
		"strict, from plain": {true, ca, "strict", []string{"ipp basic", "ipps basic", "ipps certificate"}},
		"no authority":       {false, nil, "strict", []string{"ipps basic", "ipp basic"}},
		"anybody may print":  {false, ca, "secure", []string{"ipps requesting-user-name", "ipp requesting-user-name"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := openDoor(t, !tt.plain)
			d.srv.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
			d.srv.Certificates = &fakeCertificates{tt.ca}
			d.path = "/ipp/print/" + tt.queue
			m, got := d.ask(goipp.OpGetPrinterAttributes, "")
			d.want(statusOK, m, got)
			uris, auth, security := ipp.Texts(m.Printer, "printer-uri-supported"), ipp.Texts(m.Printer, "uri-authentication-supported"), ipp.Texts(m.Printer, "uri-security-supported")
			var list []string
			for i := range uris {
				scheme, _, _ := strings.Cut(uris[i], ":")
				list = append(list, fmt.Sprintf("%s %s", scheme, auth[i]))
				if (scheme == "ipps") != (security[i] == "tls") {
					t.Errorf("%s: %s", uris[i], security[i])
				}
			}
			if !slices.Equal(list, tt.want) {
				t.Errorf("%q, want %q", list, tt.want)
			}
		})
	}
}
