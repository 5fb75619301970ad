package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// sink is a printer: it takes what comes, remembers it, and misbehaves when
// asked to.
type sink struct {
	ln  net.Listener
	lpr bool

	mu     sync.Mutex
	rng    *rand.Rand
	bad    bool                // misbehave now and then
	script func(conn int) mood // how each connection goes, counted from 0; nil: as bad says
	served int                 // connections since the last reset
	seen   []sighting
	open   int
	latest time.Time
	conns  map[net.Conn]bool
}

func newSink(lpr bool) (*sink, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{ln: ln, lpr: lpr, conns: map[net.Conn]bool{}}
	go s.serve()
	return s, nil
}

// reset forgets what came, breaks what is still open, and sets how the next
// round goes.
func (s *sink) reset(seed uint64, bad bool) {
	s.mu.Lock()
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.quiet()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rng, s.bad, s.script, s.served, s.seen = rand.New(rand.NewPCG(seed, 7)), bad, nil, 0, nil
}

// quiet waits until no connection is open, for at most two seconds.
func (s *sink) quiet() {
	for range 200 {
		s.mu.Lock()
		n := s.open
		s.mu.Unlock()
		if n == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (s *sink) behave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bad, s.script = false, nil
}

// play makes connections go as the script says, from now on.
func (s *sink) play(script func(conn int) mood) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script, s.served = script, 0
}

func (s *sink) sightings() []sighting {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]sighting(nil), s.seen...)
}

// connections is how many there were since the last reset or play.
func (s *sink) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.served
}

// mood is how one connection will go.
type mood struct {
	refuse bool  // close before reading
	dieAt  int64 // reset after so many octets of the document; -1 never
	silent bool  // take all, never confirm

	stallAt int64         // stop reading after so many octets
	stall   chan struct{} // until this is closed; nil: does not stop
	begun   chan struct{} // told when it stops reading
}

// pause stops reading.
func (m mood) pause() {
	if m.begun != nil {
		close(m.begun)
	}
	<-m.stall
}

func (s *sink) mood() mood {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.served++
	if s.script != nil {
		return s.script(s.served - 1)
	}
	m := mood{dieAt: -1}
	if !s.bad || s.rng == nil {
		return m
	}
	switch p := s.rng.IntN(10); {
	case p < 3:
		m.dieAt = smallest + s.rng.Int64N(60_000)
	case p < 4:
		m.refuse = true
	case p < 5:
		m.silent = true
	}
	return m
}

func (s *sink) serve() {
	for {
		conn, err := s.ln.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.open++
		s.conns[conn] = true
		s.mu.Unlock()
		go func() {
			defer func() {
				conn.Close()
				s.mu.Lock()
				s.open--
				delete(s.conns, conn)
				s.latest = time.Now()
				s.mu.Unlock()
			}()
			m := s.mood()
			if m.refuse {
				reset(conn)
				return
			}
			var got []byte
			if s.lpr {
				got = takeLPR(conn, m)
			} else {
				got = takeRaw(conn, m)
			}
			s.mu.Lock()
			s.seen = append(s.seen, recognise(got)...)
			s.mu.Unlock()
		}()
	}
}

func reset(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}

// takeRaw reads to the end, or dies at the octet its mood says.
func takeRaw(conn net.Conn, m mood) []byte {
	var before []byte
	if m.stall != nil {
		before, _ = io.ReadAll(io.LimitReader(conn, m.stallAt))
		if int64(len(before)) < m.stallAt { // somebody only looked whether it is there
			return before
		}
		m.pause()
	}
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	if m.dieAt < 0 {
		b, _ := io.ReadAll(conn)
		return append(before, b...)
	}
	b, _ := io.ReadAll(io.LimitReader(conn, m.dieAt))
	if int64(len(b)) == m.dieAt {
		reset(conn)
	}
	return b
}

// takeLPR is a receiver of RFC 1179 that knows just what a printer needs.
func takeLPR(conn net.Conn, m mood) []byte {
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	r := bufio.NewReader(conn)
	if _, err := r.ReadString('\n'); err != nil {
		return nil
	}
	ack := func() { _, _ = conn.Write([]byte{0}) }
	ack()
	var all []byte
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return all
		}
		count, err := strconv.ParseInt(strings.Fields(line[1:] + " x")[0], 10, 64)
		if err != nil {
			return all
		}
		ack()
		if line[0] == 3 && m.stall != nil {
			b, _ := io.ReadAll(io.LimitReader(r, min(m.stallAt, count)))
			m.pause()
			conn.SetDeadline(time.Now().Add(30 * time.Second))
			all, count = append(all, b...), count-int64(len(b))
		}
		if line[0] == 3 && m.dieAt >= 0 && m.dieAt < count {
			b, _ := io.ReadAll(io.LimitReader(r, m.dieAt))
			reset(conn)
			return append(all, b...)
		}
		b, _ := io.ReadAll(io.LimitReader(r, count))
		if line[0] == 3 {
			all = append(all, b...)
		}
		if int64(len(b)) < count {
			return all
		}
		if _, err := r.ReadByte(); err != nil {
			return all
		}
		if line[0] == 3 && m.silent {
			return all // every octet taken, no last word
		}
		ack()
	}
}

func (s *sink) uri() string {
	if s.lpr {
		return fmt.Sprintf("lpr://%s/raw", s.ln.Addr())
	}
	return fmt.Sprintf("socket://%s", s.ln.Addr())
}
