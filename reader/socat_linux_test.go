package reader

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"platen/fault"
	"platen/internal/testkit/peers"
)

// post is a Lines on a real socket.
type post struct {
	*Lines
	t     *testing.T
	addr  string
	reads chan Reading
	state chan struct{}
}

func startPost(t *testing.T, l *Lines) *post {
	t.Helper()
	p := &post{Lines: l, t: t, reads: make(chan Reading, 1000), state: make(chan struct{}, 1)}
	listening := make(chan string, 1)
	l.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	l.Sink = func(_ context.Context, r Reading) { p.reads <- r }
	l.OnState = func() { ping(p.state) }
	l.OnListen = func(a net.Addr) { listening <- a.String() }
	l.Retry = 10 * time.Millisecond
	if l.Address == "" {
		l.Address = "127.0.0.1:0"
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- l.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	if l.Role != Client {
		p.addr = <-listening
	}
	return p
}

func (p *post) wants(reader, source string, numbers ...string) {
	p.t.Helper()
	for _, raw := range numbers {
		select {
		case r := <-p.reads:
			if r.Raw != raw || r.Reader != reader || r.Source.String() != source || r.Removed || r.At.IsZero() {
				p.t.Fatalf("got %+v, want %s by %s from %s", r, raw, reader, source)
			}
		case <-time.After(30 * time.Second):
			p.t.Fatalf("%s was not heard", raw)
		}
	}
}

func (p *post) becomes(text string) { p.t.Helper(); becomes(p.t, p.State, p.state, text) }

// program is a peer that sends what is written to it.
type program struct {
	io.Writer
	end  func() // closes what is written to, and waits
	done chan struct{}
}

func start(t *testing.T, name string, args ...string) *program {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), name, args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Logf("with %s", peers.Version(name)) // programs are called like their packages
	p := &program{Writer: in, done: make(chan struct{})}
	go func() { _ = cmd.Wait(); close(p.done) }()
	p.end = func() { in.Close(); <-p.done }
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Logf("%s said: %s", name, said.String())
		}
	})
	return p
}

func (p *program) says(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(p, text); err != nil {
		t.Fatal(err)
	}
}

// ended waits until the program has ended by itself.
func (p *program) ended(t *testing.T) {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		t.Fatal("it is still connected")
	}
}

func caller(t *testing.T, addr string, more ...string) *program {
	return start(t, "socat", "-", strings.Join(append([]string{"TCP:" + addr}, more...), ","))
}

func TestReaderThatCalls(t *testing.T) {
	tests := map[Terminator]struct {
		says []string // a reading after each
		want []string
	}{
		CR:   {[]string{"1234\r", "\x025678\x03\r"}, []string{"1234", "5678"}},
		LF:   {[]string{"1234\r\n", "5678\n"}, []string{"1234", "5678"}},
		CRLF: {[]string{"1234\r\n", "5678\r\n"}, []string{"1234", "5678"}},
		None: {[]string{"1234", "5678"}, []string{"1234", "5678"}},
	}
	for end, tt := range tests {
		t.Run(string(end), func(t *testing.T) {
			p := startPost(t, &Lines{Name: "lobby", Terminator: end})
			p.becomes(waiting)
			c := caller(t, p.addr)
			for i, text := range tt.says {
				c.says(t, text)
				p.wants("lobby", "127.0.0.1", tt.want[i])
			}
			p.becomes(connected)
			c.end()
			p.becomes(waiting)
		})
	}
}

// Each octet is in a packet of its own, so that a CRLF is in two.
func TestEndOfLineInTwoPackets(t *testing.T) {
	p := startPost(t, &Lines{Name: "lobby", Terminator: CRLF})
	c := caller(t, p.addr, "nodelay")
	for _, octet := range strings.Split("1234\r\n56\r78\r\n", "") {
		c.says(t, octet)
	}
	p.wants("lobby", "127.0.0.1", "1234", "5678")
}

func TestReaderThatIsCalled(t *testing.T) {
	port, err := peers.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	p := startPost(t, &Lines{Name: "lobby", Role: Client, Address: fmt.Sprintf("127.0.0.1:%d", port), Prefix: "rfid:"})
	p.becomes(unreached[fault.Refused])
	for _, number := range []string{"1234", "5678"} { // it goes and comes back
		reader := start(t, "socat", "-", fmt.Sprintf("TCP-LISTEN:%d,bind=127.0.0.1,reuseaddr", port))
		reader.says(t, "rfid:"+number+"\r\n")
		p.wants("lobby", "127.0.0.1", number)
		p.becomes(connected)
		reader.end()
		p.becomes(unreached[fault.Refused])
	}
}

// The address is somebody else's at first.
func TestAddressThatIsTaken(t *testing.T) {
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	state := make(chan struct{}, 1)
	l := &Lines{Log: slog.New(slog.DiscardHandler), Address: ln.Addr().String(), Retry: 10 * time.Millisecond, OnState: func() { ping(state) }}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- l.Serve(ctx) }()
	becomes(t, l.State, state, addressUsed)
	ln.Close()
	becomes(t, l.State, state, waiting)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A flood: a line of a mebioctet is refused, and the number after it is heard.
func TestFlood(t *testing.T) {
	p := startPost(t, &Lines{Name: "lobby"})
	c := caller(t, p.addr)
	c.says(t, strings.Repeat("9", 1<<20)+"\r1234\r")
	p.wants("lobby", "127.0.0.1", "1234")
}

func TestSecondReader(t *testing.T) {
	t.Run("refused", func(t *testing.T) {
		p := startPost(t, &Lines{Name: "lobby"})
		first := caller(t, p.addr, "bind=127.0.0.2")
		first.says(t, "1\r")
		p.wants("lobby", "127.0.0.2", "1")
		caller(t, p.addr, "bind=127.0.0.3").ended(t)
		first.says(t, "3\r")
		p.wants("lobby", "127.0.0.2", "3")
		first.end()
		p.becomes(waiting)
		third := caller(t, p.addr, "bind=127.0.0.3")
		third.says(t, "4\r")
		p.wants("lobby", "127.0.0.3", "4")
	})
	t.Run("told apart", func(t *testing.T) {
		p := startPost(t, &Lines{BySource: true})
		first, second := caller(t, p.addr, "bind=127.0.0.2"), caller(t, p.addr, "bind=127.0.0.3")
		first.says(t, "1\r")
		p.wants("127.0.0.2", "127.0.0.2", "1")
		second.says(t, "1\r")
		p.wants("127.0.0.3", "127.0.0.3", "1")
	})
	t.Run("from elsewhere", func(t *testing.T) {
		p := startPost(t, &Lines{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}})
		caller(t, p.addr, "bind=127.0.0.3").ended(t)
		c := caller(t, p.addr, "bind=127.0.0.2")
		c.says(t, "1\r")
		p.wants("", "127.0.0.2", "1")
	})
}

// certificate makes one for 127.0.0.1, and files of it for openssl.
func certificate(t *testing.T) (cert tls.Certificate, pool *x509.CertPool, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "reader"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM, keyPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, b := range map[string][]byte{certFile: certPEM, keyFile: keyPEM} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, err = tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return cert, pool, certFile, keyFile
}

func TestSecureReaderThatCalls(t *testing.T) {
	cert, _, certFile, _ := certificate(t)
	config := plainTLS()
	config.Certificates = []tls.Certificate{cert}
	p := startPost(t, &Lines{Name: "lobby", TLS: config, Terminator: None, BySource: false})
	plain := caller(t, p.addr)
	plain.says(t, "1234\r")
	plain.ended(t)
	c := start(t, "openssl", "s_client", "-quiet", "-verify_return_error", "-CAfile", certFile, "-connect", p.addr)
	for _, number := range []string{"12", "34", "56"} { // a pause within TLS breaks nothing
		c.says(t, number)
		p.wants("lobby", "127.0.0.1", number)
	}
}

func TestSecureReaderThatIsCalled(t *testing.T) {
	_, pool, certFile, keyFile := certificate(t)
	port, err := peers.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	reader := start(t, "openssl", "s_server", "-quiet", "-cert", certFile, "-key", keyFile, "-accept", address)

	stranger := startPost(t, &Lines{Role: Client, Address: address, TLS: plainTLS()})
	stranger.becomes(notSecure)

	config := plainTLS()
	config.RootCAs = pool
	p := startPost(t, &Lines{Name: "lobby", Role: Client, Address: address, TLS: config, Terminator: LF})
	p.becomes(connected)
	reader.says(t, "1234\n")
	p.wants("lobby", "127.0.0.1", "1234")
}
