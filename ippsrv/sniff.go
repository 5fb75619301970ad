package ippsrv

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// sniffer hands out connections that have said something: as *tls.Conn when it
// was the beginning of a handshake, plain otherwise. So one port serves ipp and
// ipps, as clients of CUPS expect of port 631.
type sniffer struct {
	net.Listener
	config *tls.Config // nil: everything is plain
	wait   time.Duration
	conns  chan net.Conn
	failed chan error
	done   chan struct{}
	begin  sync.Once
	end    sync.Once
}

func newSniffer(ln net.Listener, config *tls.Config, wait time.Duration) *sniffer {
	return &sniffer{Listener: ln, config: config, wait: wait, conns: make(chan net.Conn), failed: make(chan error, 1), done: make(chan struct{})}
}

// Accept implements net.Listener.
func (s *sniffer) Accept() (net.Conn, error) {
	s.begin.Do(func() { go s.accept() })
	select {
	case c := <-s.conns:
		return c, nil
	case err := <-s.failed:
		s.failed <- err
		return nil, err
	case <-s.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (s *sniffer) Close() error {
	s.end.Do(func() { close(s.done) })
	return s.Listener.Close()
}

func (s *sniffer) accept() {
	for {
		c, err := s.Listener.Accept()
		if err != nil {
			s.failed <- err
			return
		}
		go s.look(c)
	}
}

// handshakeOctet is what every TLS record of a handshake begins with, and no
// HTTP request (RFC 8446, section 5.1).
const handshakeOctet = 0x16

func (s *sniffer) look(c net.Conn) {
	var first [1]byte
	_ = c.SetReadDeadline(time.Now().Add(s.wait))
	if n, err := c.Read(first[:]); n == 0 || err != nil {
		_ = c.Close()
		return
	}
	_ = c.SetReadDeadline(time.Time{})
	var nc net.Conn = &begun{Conn: c, first: first[0], has: true}
	if first[0] == handshakeOctet {
		if s.config == nil {
			_ = c.Close()
			return
		}
		nc = tls.Server(nc, s.config)
	}
	s.give(nc)
}

func (s *sniffer) give(c net.Conn) {
	select {
	case s.conns <- c:
	case <-s.done:
		_ = c.Close()
	}
}

// begun is a connection whose first octet was read.
type begun struct {
	net.Conn
	first byte
	has   bool
}

// NetConn is the connection below, as *tls.Conn has it.
func (b *begun) NetConn() net.Conn { return b.Conn }

func (b *begun) Read(p []byte) (int, error) {
	if b.has && len(p) > 0 {
		p[0], b.has = b.first, false
		return 1, nil
	}
	return b.Conn.Read(p)
}

// buffered is a connection of which a reader holds octets already.
type buffered struct {
	net.Conn
	r *bufio.Reader
}

// NetConn is the connection below.
func (b *buffered) NetConn() net.Conn { return b.Conn }

func (b *buffered) Read(p []byte) (int, error) { return b.r.Read(p) }

var errNoUpgrade = errors.New("the connection cannot be upgraded")

// upgrade is HTTP Upgrade to TLS (RFC 2817, section 3): the answer to the request
// comes over TLS, and so does everything after it.
func (s *Server) upgrade(w http.ResponseWriter) error {
	h, ok := w.(http.Hijacker)
	if !ok {
		return errNoUpgrade
	}
	nc, rw, err := h.Hijack()
	if err != nil {
		return err
	}
	_ = nc.SetDeadline(time.Now().Add(s.Limits.Header))
	_, err = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: TLS/1.2, HTTP/1.1\r\n\r\n")
	if err == nil {
		err = rw.Flush()
	}
	if err != nil {
		_ = nc.Close()
		return err
	}
	t := tls.Server(&buffered{nc, rw.Reader}, s.tlsConfig())
	ctx, cancel := context.WithTimeout(context.Background(), s.Limits.Header)
	defer cancel()
	if err := t.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return err
	}
	if _, err := t.Write([]byte("HTTP/1.1 200 OK\r\nAllow: GET, HEAD, OPTIONS, POST\r\nContent-Length: 0\r\n\r\n")); err != nil {
		_ = t.Close()
		return err
	}
	_ = nc.SetDeadline(time.Time{})
	s.again.give(t)
	return nil
}
