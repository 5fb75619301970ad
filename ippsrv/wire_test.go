package ippsrv

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/OpenPrinting/goipp"

	"platen/ipp"
)

// serve runs the whole server on a port, with TLS.
func serve(t *testing.T, options ...func(*Server)) (*fakeHouse, string) {
	t.Helper()
	f := newHouse()
	s := newServer(f)
	for _, o := range options {
		o(s)
	}
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{selfSigned(t)}}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return f, ln.Addr().String()
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "127.0.0.1"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// printJob is the attributes of a Print-Job to the queue secure.
func printJob(t *testing.T, version goipp.Version) []byte {
	t.Helper()
	m := goipp.NewRequest(version, goipp.OpPrintJob, 9)
	m.Operation = goipp.Attributes{ipp.Charset("attributes-charset", "utf-8"), ipp.Language("attributes-natural-language", "en"),
		ipp.URI("printer-uri", "ipp://127.0.0.1/ipp/print/secure"), ipp.Name("requesting-user-name", "anna")}
	b, err := m.EncodeBytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// talk is a connection on which a test writes HTTP by hand.
type talk struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

func dialTalk(t *testing.T, addr string) *talk {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return &talk{c, t, bufio.NewReader(c)}
}

func (c *talk) say(format string, args ...any) {
	c.t.Helper()
	if _, err := fmt.Fprintf(c, format, args...); err != nil {
		c.t.Fatal(err)
	}
}

// hear reads an answer: its status, and the IPP message in it if there is one.
func (c *talk) hear() (int, *goipp.Message) {
	c.t.Helper()
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if res.Header.Get("Content-Type") != contentType {
		return res.StatusCode, nil
	}
	m, err := ipp.Read(bytes.NewReader(b), ipp.AnswerLimits())
	if err != nil {
		c.t.Fatal(err)
	}
	return res.StatusCode, m
}

// answerTo reads the head of an answer and leaves what follows.
func (c *talk) answerTo(method string) int {
	c.t.Helper()
	res, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		c.t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

const head = "POST /ipp/print/secure HTTP/1.1\r\nHost: 127.0.0.1:631\r\nContent-Type: application/ipp\r\n"

// TestHowClientsSend: whole, in chunks that begin and end anywhere, an octet at a
// time, after 100-continue, several on one connection, and in each version.
func TestHowClientsSend(t *testing.T) {
	f, addr := serve(t)
	body := append(printJob(t, goipp.DefaultVersion), pdf...)
	accepted := func(c *talk) {
		t.Helper()
		if status, m := c.hear(); m == nil || m.Code != statusOK {
			t.Fatalf("%d %+v", status, m)
		}
		if j := f.last(); f.docs[j.UUID] != pdf {
			t.Errorf("%q came", f.docs[j.UUID])
		}
	}
	c := dialTalk(t, addr)
	for range 2 { // keep-alive
		c.say("%sContent-Length: %d\r\n\r\n%s", head, len(body), body)
		accepted(c)
	}
	for _, size := range []int{1, 7, len(body) - 1, len(body)} {
		c.say("%sTransfer-Encoding: chunked\r\n\r\n", head)
		for at := 0; at < len(body); at += size {
			part := body[at:min(at+size, len(body))]
			c.say("%x\r\n%s\r\n", len(part), part)
		}
		c.say("0\r\n\r\n")
		accepted(c)
	}
	all := fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(body), body)
	for i := range all {
		c.say("%s", all[i:i+1])
	}
	accepted(c)

	c.say("%sExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", head, len(body))
	if line, err := c.r.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("%q, %v", line, err)
	}
	if line, err := c.r.ReadString('\n'); err != nil || line != "\r\n" {
		t.Fatalf("%q, %v", line, err)
	}
	c.say("%s", body)
	accepted(c)

	for version, want := range map[goipp.Version]goipp.Version{0x0100: 0x0100, 0x0101: 0x0101, 0x0200: 0x0200, 0x0201: 0x0201, 0x0202: 0x0202, 0x0109: 0x0101, 0x0209: 0x0200} {
		b := append(printJob(t, version), pdf...)
		c.say("%sContent-Length: %d\r\n\r\n%s", head, len(b), b)
		if _, m := c.hear(); m == nil || m.Code != statusOK || m.Version != want {
			t.Errorf("%s: %+v", version, m)
		}
	}
	b := append(printJob(t, 0x0300), pdf...)
	c.say("%sContent-Length: %d\r\n\r\n%s", head, len(b), b)
	if _, m := c.hear(); m == nil || m.Code != statusVersion || m.Version != 0x0200 {
		t.Errorf("3.0: %+v", m)
	}
}

// TestCutBodiesAreNoJob: a body without its last chunk, or shorter than it said.
func TestCutBodiesAreNoJob(t *testing.T) {
	f, addr := serve(t)
	body := append(printJob(t, goipp.DefaultVersion), pdf...)
	for name, text := range map[string]string{
		"no last chunk":  fmt.Sprintf("%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", head, len(body), body),
		"half a chunk":   fmt.Sprintf("%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s", head, len(body)+10, body),
		"short":          fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(body)+10, body),
		"a broken chunk": fmt.Sprintf("%sTransfer-Encoding: chunked\r\n\r\nzz\r\n%s", head, body),
	} {
		c := dialTalk(t, addr)
		c.say("%s", text)
		if w, ok := c.Conn.(*net.TCPConn); ok {
			_ = w.CloseWrite()
		}
		rest, _ := io.ReadAll(c.r) // whatever is said, the connection ends
		if strings.Contains(string(rest), "\x00\x00\x00\x00\x00\x09") && strings.Contains(string(rest), "job-uri") {
			t.Errorf("%s was accepted: %q", name, rest)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.jobs) != 0 {
		t.Errorf("jobs: %+v", f.jobs)
	}
}

// TestOnePort: ipp, ipps and HTTP that is upgraded come in by the same port.
func TestOnePort(t *testing.T) {
	f, addr := serve(t)
	body := append(printJob(t, goipp.DefaultVersion), pdf...)
	trusting := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}
	over := func(c *talk) {
		t.Helper()
		c.say("%sContent-Length: %d\r\n\r\n%s", head, len(body), body)
		if status, m := c.hear(); m == nil || m.Code != statusOK || !strings.HasPrefix(ipp.Text(m.Job, "job-uri"), "ipps://") {
			t.Errorf("%d %+v", status, m)
		}
	}
	raw := dialTalk(t, addr)
	secure := tls.Client(raw, trusting)
	over(&talk{secure, t, bufio.NewReader(secure)})

	raw = dialTalk(t, addr)
	raw.say("OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: TLS/1.2,TLS/1.1,TLS/1.0\r\n\r\n")
	if status := raw.answerTo(http.MethodPost); status != http.StatusSwitchingProtocols {
		t.Fatalf("%d", status)
	}
	secure = tls.Client(raw, trusting)
	c := &talk{secure, t, bufio.NewReader(secure)}
	if status := c.answerTo(http.MethodOptions); status != http.StatusOK {
		t.Fatalf("the answer to OPTIONS comes over TLS: %d", status)
	}
	over(c)
	over(c)
	if len(f.jobs) != 3 {
		t.Errorf("%d jobs", len(f.jobs))
	}
	if secure.ConnectionState().NegotiatedProtocol == "h2" {
		t.Error("HTTP/2 was never defined for printing")
	}
	plain := dialTalk(t, addr)
	plain.say("OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
	if status, _ := plain.hear(); status != http.StatusOK {
		t.Errorf("%d", status)
	}
}

// TestOtherRequests: what is no print job.
func TestOtherRequests(t *testing.T) {
	_, addr := serve(t)
	body := printJob(t, goipp.DefaultVersion)
	for name, tt := range map[string]struct {
		text   string
		status int
	}{
		"an icon":         {"GET /icons/48.png HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", http.StatusOK},
		"a browser":       {"GET /ipp/print/secure HTTP/1.1\r\nHost: 127.0.0.1:631\r\n\r\n", http.StatusSeeOther},
		"another host":    {"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", http.StatusMisdirectedRequest},
		"another method":  {"PUT /ipp/print/secure HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n", http.StatusMethodNotAllowed},
		"a form":          {fmt.Sprintf("POST /ipp/print/secure HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", len(body), body), http.StatusUnsupportedMediaType},
		"a foreign page":  {fmt.Sprintf("%sOrigin: https://evil.example\r\nContent-Length: %d\r\n\r\n%s", head, len(body), body), http.StatusForbidden},
		"no IPP":          {head + "Content-Length: 5\r\n\r\nhello", http.StatusBadRequest},
		"nothing":         {head + "Content-Length: 0\r\n\r\n", http.StatusBadRequest},
		"a name of ours":  {"GET /icons/128.png HTTP/1.1\r\nHost: print.example.org:631\r\n\r\n", http.StatusOK},
		"an unknown file": {"GET /../../etc/passwd HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", http.StatusSeeOther},
	} {
		c := dialTalk(t, addr)
		c.say("%s", tt.text)
		if status, _ := c.hear(); status != tt.status {
			t.Errorf("%s: %d, want %d", name, status, tt.status)
		}
	}
}

// TestBelievedByCertificate: a host that shows its certificate is believed, one
// that shows another is not.
func TestBelievedByCertificate(t *testing.T) {
	ours, other := selfSigned(t), selfSigned(t)
	sum := sha256.Sum256(ours.Certificate[0])
	f, addr := serve(t, func(s *Server) { s.Certs = []string{hex.EncodeToString(sum[:])} })
	body := append(printJob(t, goipp.DefaultVersion), pdf...)
	for i, tt := range []struct {
		certs    []tls.Certificate
		believed bool
	}{{[]tls.Certificate{ours}, true}, {[]tls.Certificate{other}, false}, {nil, false}} {
		secure := tls.Client(dialTalk(t, addr), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12, Certificates: tt.certs})
		c := &talk{secure, t, bufio.NewReader(secure)}
		c.say("%sContent-Length: %d\r\n\r\n%s", head, len(body), body)
		if _, m := c.hear(); m == nil || m.Code != statusOK {
			t.Fatalf("%+v", m)
		}
		if o := f.origins[i]; o.Believed != tt.believed {
			t.Errorf("certificate %d: %+v", i, o)
		}
	}
}
