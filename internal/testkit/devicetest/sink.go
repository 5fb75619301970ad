package devicetest

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Manner is how a sink behaves. The zero value is a good device.
type Manner struct {
	Refuse bool  // nothing is accepted
	Die    bool  // the connection is reset after At octets of documents
	Stall  bool  // nothing is read any more after At octets of documents
	At     int64 // octets of documents
	Silent bool  // everything is taken, nothing is ever confirmed
}

// A Sink is the device's end of a delivery.
type Sink interface {
	Documents() [][]byte // whole documents, in the order in which they came
	Octets() int64       // of documents, whole or not
}

// memory is what a sink remembers.
type memory struct {
	mu    sync.Mutex
	docs  [][]byte
	n     int64
	rest  []byte // a document that did not come to its end
	ctl   [][]byte
	peers []netip.AddrPort
}

// Interrupted returns what had come of the last document that was cut.
func (m *memory) Interrupted() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rest
}

// ControlFiles returns the control files of LPR, in the order in which they
// came.
func (m *memory) ControlFiles() [][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([][]byte(nil), m.ctl...)
}

// Peers returns where the connections came from.
func (m *memory) Peers() []netip.AddrPort {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]netip.AddrPort(nil), m.peers...)
}

func (m *memory) note(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

func (m *memory) Documents() [][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([][]byte(nil), m.docs...)
}

func (m *memory) Octets() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.n
}

func (m *memory) add(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.n += int64(n)
}

func (m *memory) whole(doc []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.docs = append(m.docs, doc)
}

// TCP is a sink on a loopback port.
type TCP struct {
	memory
	Manner Manner
	Addr   string // host:port
	// Answer, when set, is asked for the raw port's back channel: what to write
	// when this much has been read.
	Answer func(got []byte) []byte
	// Stalled, when set, is called when the sink stops reading.
	Stalled func(*net.TCPConn)

	ln   net.Listener
	stop chan struct{}
}

// NewRaw starts a raw port. A refusing one is a port where nobody listens.
func NewRaw(t testing.TB, m Manner) *TCP { return newTCP(t, m, (*TCP).raw) }

// NewLPR starts a small LPR server: as much of one as devices have.
func NewLPR(t testing.TB, m Manner) *TCP { return newTCP(t, m, (*TCP).lpr) }

func newTCP(t testing.TB, m Manner, serve func(*TCP, *net.TCPConn)) *TCP {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &TCP{Manner: m, Addr: ln.Addr().String(), ln: ln, stop: make(chan struct{})}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			s.note(func() { s.peers = append(s.peers, conn.RemoteAddr().(*net.TCPAddr).AddrPort()) })
			conns.Go(func() {
				defer conn.Close()
				serve(s, conn.(*net.TCPConn))
			})
		}
	})
	t.Cleanup(func() { close(s.stop); ln.Close(); conns.Wait() })
	return s
}

// Close stops listening: the next connection is refused.
func (s *TCP) Close() { s.ln.Close() }

func reset(conn *net.TCPConn) {
	_ = conn.SetLinger(0)
	conn.Close()
}

// hold keeps the connection as it is until the test ends or its other end is
// gone for good.
func (s *TCP) hold() { <-s.stop }

// take reads one document: to the end of the connection, or n octets. It
// returns nil when the sink's manner ended it.
func (s *TCP) take(conn *net.TCPConn, r io.Reader, n int64) []byte {
	var doc bytes.Buffer
	buf := make([]byte, 16<<10)
	for n != 0 {
		size := int64(len(buf))
		if n > 0 {
			size = min(size, n)
		}
		if s.Manner.Die || s.Manner.Stall {
			size = min(size, s.Manner.At-s.Octets())
		}
		if size <= 0 {
			s.end(conn)
			return nil
		}
		m, err := r.Read(buf[:size])
		s.add(m)
		doc.Write(buf[:m])
		n -= int64(m)
		if s.Answer != nil {
			if a := s.Answer(doc.Bytes()); len(a) > 0 {
				_, _ = conn.Write(a)
			}
		}
		if err != nil {
			if n > 0 || !errors.Is(err, io.EOF) {
				s.note(func() { s.rest = doc.Bytes() })
				return nil
			}
			break
		}
	}
	if (s.Manner.Die || s.Manner.Stall) && s.Octets() >= s.Manner.At {
		s.end(conn)
		return nil
	}
	return doc.Bytes()
}

func (s *TCP) end(conn *net.TCPConn) {
	if s.Manner.Stall {
		if s.Stalled != nil {
			s.Stalled(conn)
		}
		s.hold()
		return
	}
	reset(conn)
}

func (s *TCP) raw(conn *net.TCPConn) {
	if s.Manner.Refuse {
		reset(conn)
		return
	}
	if doc := s.take(conn, conn, -1); doc != nil {
		s.whole(doc)
	}
	if s.Manner.Silent {
		s.hold()
	}
}

func (s *TCP) lpr(conn *net.TCPConn) {
	r := bufio.NewReader(conn)
	answer := func(b byte) { _, _ = conn.Write([]byte{b}) }
	if _, err := r.ReadString('\n'); err != nil {
		return
	}
	if s.Manner.Refuse {
		answer(1)
		return
	}
	answer(0)
	var control, data bool
	for {
		line, err := r.ReadString('\n')
		if err != nil || len(line) < 3 {
			return
		}
		size, _, _ := strings.Cut(line[1:], " ")
		n, err := strconv.ParseInt(size, 10, 64)
		if err != nil {
			return
		}
		answer(0)
		if line[0] == 2 {
			ctl := make([]byte, n+1)
			if _, err := io.ReadFull(r, ctl); err != nil {
				return
			}
			s.note(func() { s.ctl = append(s.ctl, ctl[:n]) })
			if control = true; data && s.Manner.Silent {
				s.hold()
				return
			}
			answer(0)
			continue
		}
		doc := s.take(conn, r, n)
		if doc == nil {
			return
		}
		if _, err := r.ReadByte(); err != nil {
			return
		}
		s.whole(doc)
		if data = true; control && s.Manner.Silent {
			s.hold()
			return
		}
		answer(0)
	}
}
