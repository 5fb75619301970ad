package lpd_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"platen/fault"
	"platen/lpd"
)

// pipes is a listener whose connections are pipes, for tests inside a
// synctest bubble.
type pipes struct {
	accept chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{accept: make(chan net.Conn), closed: make(chan struct{})} }

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// addressed gives a pipe a peer.
type addressed struct {
	net.Conn
	ip string
}

func (a addressed) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(a.ip), 1234))
}

// peer is the client's end of a pipe. What the server says is collected.
type peer struct {
	net.Conn
	mu    sync.Mutex
	got   bytes.Buffer
	ended bool
}

func (l *pipes) dial(ip string) *peer {
	client, server := net.Pipe()
	l.accept <- addressed{server, ip}
	p := &peer{Conn: client}
	go func() {
		buf := make([]byte, 512)
		for {
			n, err := client.Read(buf)
			p.mu.Lock()
			p.got.Write(buf[:n])
			p.ended = err != nil
			p.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return p
}

// say sends and waits until the server has nothing left to do.
func (p *peer) say(s string) {
	_, _ = io.WriteString(p.Conn, s)
	synctest.Wait()
}

// heard returns what the server has said since, as hexadecimal, and "end" when
// it has closed.
func (p *peer) heard() string {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	s := fmt.Sprintf("% x", p.got.Bytes())
	p.got.Reset()
	if p.ended {
		s = strings.TrimSpace(s + " end")
	}
	return s
}

func (p *peer) want(t *testing.T, what, want string) {
	t.Helper()
	if got := p.heard(); got != want {
		t.Errorf("%s: heard %q, want %q", what, got, want)
	}
}

// bubble runs f inside a synctest bubble with a server on pipes.
func bubble(t *testing.T, m *memory, change func(*lpd.Server), f func(t *testing.T, r *running, ln *pipes)) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		r := serve(t, m, ln, change)
		f(t, r, ln)
		r.stop()
	})
}

const control = "Panna\nldfA001PC\n"

func hello(number string) string {
	cf := fmt.Sprintf("Panna\nldfA%sPC\n", number)
	return fmt.Sprintf("\x02%d cfA%sPC\n%s\x00\x035 dfA%sPC\nhello\x00", len(cf), number, cf, number)
}

// TestAcknowledgedOnlyWhenDurable holds the intake's Submit back: the octet
// that completes the job must wait for it.
func TestAcknowledgedOnlyWhenDurable(t *testing.T) {
	var acks []time.Duration
	m := &memory{}
	bubble(t, m, func(s *lpd.Server) { s.OnAck = func(d time.Duration) { acks = append(acks, d) } },
		func(t *testing.T, r *running, ln *pipes) {
			m.gate = make(chan struct{})
			c := ln.dial("192.0.2.1")
			c.say("\x02secure\n")
			c.say(hello("001"))
			c.want(t, "before Submit returned", "00 00 00 00")
			time.Sleep(time.Hour) // of the bubble: however long the disk takes
			c.want(t, "an hour later", "")
			close(m.gate)
			c.want(t, "after Submit", "00")
			if len(acks) != 1 || acks[0] != time.Hour {
				t.Errorf("OnAck: %v, want one of an hour", acks)
			}
			c.Close()
		})
}

// TestSilence: what silence the server bears, and where (rule 16, F33).
func TestSilence(t *testing.T) {
	tests := map[string]struct {
		say   []string
		heard string
		bears time.Duration // and no second longer
		left  string        // what the client hears then
	}{
		"first octet":   {nil, "", 10 * time.Second, "end"},
		"command line":  {[]string{"\x02sec"}, "", 10 * time.Second, "end"},
		"subcommand":    {[]string{"\x02secure\n"}, "00", 300 * time.Second, "end"},
		"a part of one": {[]string{"\x02secure\n", "\x0216 cf"}, "00", 300 * time.Second, "end"},
		"control file":  {[]string{"\x02secure\n", "\x0216 cfA001PC\n", "Pan"}, "00 00", 300 * time.Second, "end"},
		"document":      {[]string{"\x02secure\n", "\x035 dfA001PC\n", "hel"}, "00 00", 300 * time.Second, "end"},
		"final NUL":     {[]string{"\x02secure\n", "\x035 dfA001PC\n", "hello"}, "00 00", 300 * time.Second, "end"},
		"stream":        {[]string{"\x02secure\n", "\x030 dfA001PC\n", "hello"}, "00 00", 300 * time.Second, "end"},
		"NUL in stream": {[]string{"\x02secure\n", "\x030 dfA001PC\n", "hello\x00"}, "00 00", 300 * time.Second, "end"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m := &memory{}
			bubble(t, m, nil, func(t *testing.T, r *running, ln *pipes) {
				c := ln.dial("192.0.2.1")
				for _, s := range tt.say {
					c.say(s)
				}
				c.want(t, "at once", tt.heard)
				time.Sleep(tt.bears - time.Second)
				c.want(t, "before its time", "")
				time.Sleep(2 * time.Second)
				c.want(t, "after its time", tt.left)
				if len(m.all()) != 0 || m.live.Load() != 0 {
					t.Errorf("jobs %v, %d arrivals left", m.all(), m.live.Load())
				}
			})
		})
	}
}

// TestA07SlowFirstLine: a command that comes octet by octet has ten seconds as a
// whole. Nobody has promised anything yet, and no client pauses there.
func TestA07SlowFirstLine(t *testing.T) {
	bubble(t, &memory{}, nil, func(t *testing.T, r *running, ln *pipes) {
		c := ln.dial("192.0.2.1")
		c.say("\x02")
		for range 9 {
			time.Sleep(time.Second)
			c.say("q")
		}
		c.want(t, "after nine seconds", "")
		time.Sleep(1100 * time.Millisecond)
		c.want(t, "after ten", "end")
	})
}

// TestPauses: a mainframe that pauses for minutes again and again is not late.
func TestPauses(t *testing.T) {
	m := &memory{}
	bubble(t, m, nil, func(t *testing.T, r *running, ln *pipes) {
		c := ln.dial("192.0.2.1")
		c.say("\x02secure\n\x0216 cfA001PC\n" + control + "\x00\x0310 dfA001PC\n")
		for range 10 {
			time.Sleep(299 * time.Second)
			c.say("x")
		}
		c.say("\x00")
		c.want(t, "in the end", "00 00 00 00 00")
		if len(m.all()) != 1 {
			t.Errorf("jobs %v", m.all())
		}
		c.Close()
	})
}

// TestEmptyDocument: rlpr announces an empty file as 0 octets, sends one NUL
// and waits. A document may begin with a NUL, so that only silence tells.
func TestEmptyDocument(t *testing.T) {
	m := &memory{}
	bubble(t, m, nil, func(t *testing.T, r *running, ln *pipes) {
		c := ln.dial("192.0.2.1")
		c.say("\x02secure\n\x0216 cfA001PC\n" + control + "\x00\x030 dfA001PC\n\x00")
		c.want(t, "at once", "00 00 00 00")
		time.Sleep(6 * time.Second)
		c.want(t, "after six seconds", "00")
		c.say(hello("002"))
		c.want(t, "the next job", "00 00 00 00")
		c.Close()
		r.gone()
		if got := fmt.Sprint(m.all()); got != `[job queue="secure" claimed="anna" doc("") job queue="secure" claimed="anna" doc("hello")]` {
			t.Error(got)
		}
	})
}

// TestA24Caps: connections per listener and per address.
func TestA24Caps(t *testing.T) {
	m := &memory{}
	var open atomic.Int64
	var refused []fault.Kind
	bubble(t, m, func(s *lpd.Server) {
		s.MaxConns, s.MaxPerIP, s.MaxTrusted = 10, 3, 5
		s.Trusted = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		count := s.OnConn
		s.OnConn = func(d int) { open.Add(int64(d)); count(d) }
		s.OnRefuse = func(k fault.Kind) { refused = append(refused, k) }
	}, func(t *testing.T, r *running, ln *pipes) {
		take := func(ip string, want string) *peer {
			t.Helper()
			c := ln.dial(ip)
			c.want(t, ip, want)
			return c
		}
		first := take("192.0.2.1", "")
		take("192.0.2.1", "")
		take("::ffff:192.0.2.1", "")
		take("192.0.2.1", "01 end")
		for range 5 {
			take("10.1.2.3", "")
		}
		take("10.1.2.3", "01 end")
		take("192.0.2.2", "")
		take("192.0.2.3", "")
		take("192.0.2.4", "")      // every place is taken: one without a word of 10.1.2.3, which has the most, goes
		take("10.1.2.3", "01 end") // which has the most itself
		first.Close()
		synctest.Wait()
		take("192.0.2.5", "")
		if open.Load() != 10 || len(refused) != 3 || refused[0] != fault.Unavailable {
			t.Errorf("%d open, refused %v", open.Load(), refused)
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if n := open.Load(); n != 0 {
			t.Errorf("%d silent connections are still open", n)
		}
	})
}

// TestA24MuteClients: connections that have said nothing for a second make room
// when places are rare; below 80 % of a cap they have their ten seconds.
func TestA24MuteClients(t *testing.T) {
	bubble(t, &memory{}, func(s *lpd.Server) { s.MaxConns = 10 }, func(t *testing.T, r *running, ln *pipes) {
		var mute []*peer
		for i := range 10 {
			mute = append(mute, ln.dial(fmt.Sprintf("192.0.2.%d", 10+i)))
		}
		ln.dial("192.0.2.1").want(t, "at once", "01 end")
		time.Sleep(1100 * time.Millisecond)
		good := ln.dial("192.0.2.1")
		good.say("\x02secure\n" + hello("001"))
		good.want(t, "a second later", "00 00 00 00 00")
		cut := 0
		for _, c := range mute {
			if c.heard() == "end" {
				cut++
			}
		}
		if cut != 3 {
			t.Errorf("%d mute connections were cut off, want 3: down to 80 %% of the cap", cut)
		}
		time.Sleep(8 * time.Second)
		for _, c := range mute {
			if c.heard() == "end" {
				cut++
			}
		}
		if cut >= 10 {
			t.Error("those that were not in the way had no ten seconds")
		}
		good.Close()
	})
}

// TestA07SlowClients: slow clients are cut off when they fill the door, and
// only then; a fast one and one that waits for us are not slow.
func TestA07SlowClients(t *testing.T) {
	m := &memory{}
	bubble(t, m, func(s *lpd.Server) { s.MaxConns = 10 }, func(t *testing.T, r *running, ln *pipes) {
		m.gate = make(chan struct{})
		waiting := ln.dial("192.0.2.1")
		waiting.say("\x02secure\n" + hello("001"))
		waiting.heard()
		fast := ln.dial("192.0.2.2")
		fast.say("\x02secure\n\x03100000 dfA001PC\n" + strings.Repeat("x", 50000))
		fast.heard()
		var slow []*peer
		for i := range 5 {
			c := ln.dial(fmt.Sprintf("192.0.2.%d", 10+i))
			c.say("\x02secure\n\x03100000 dfA001PC\n")
			c.want(t, "slow", "00 00")
			slow = append(slow, c)
		}
		for range 20 {
			time.Sleep(time.Second)
			for _, c := range slow {
				c.say("x")
			}
		}
		for _, c := range slow {
			c.want(t, "slow, below 80 %", "")
		}
		ln.dial("192.0.2.20").want(t, "the eighth", "")
		ln.dial("192.0.2.21").want(t, "the ninth makes room", "")
		cut := 0
		for _, c := range slow {
			if c.heard() == "end" {
				cut++
			}
		}
		if cut != 1 {
			t.Errorf("%d slow clients were cut off, want 1: as many as have to go", cut)
		}
		fast.want(t, "fast", "")
		fast.say(strings.Repeat("x", 50000) + "\x00")
		fast.want(t, "fast", "00")
		close(m.gate)
		waiting.want(t, "waiting for us", "00")
	})
}

// TestA07OneAddress: the same within the cap of one address.
func TestA07OneAddress(t *testing.T) {
	bubble(t, &memory{}, func(s *lpd.Server) { s.MaxPerIP = 5 }, func(t *testing.T, r *running, ln *pipes) {
		other := ln.dial("192.0.2.2")
		other.say("\x02secure\n")
		other.heard()
		var slow []*peer
		for range 4 {
			c := ln.dial("192.0.2.1")
			c.say("\x02secure\n")
			c.heard()
			slow = append(slow, c)
		}
		time.Sleep(11 * time.Second)
		ln.dial("192.0.2.1").want(t, "the fifth makes room", "")
		cut := 0
		for _, c := range slow {
			if c.heard() == "end" {
				cut++
			}
		}
		if cut != 1 {
			t.Errorf("%d were cut off, want 1", cut)
		}
		other.want(t, "another address", "")
	})
}

// TestEnd: when the server ends, idle connections end at once, a transfer may
// finish, and one that does not is cut off when Grace is over.
func TestEnd(t *testing.T) {
	m := &memory{}
	bubble(t, m, nil, func(t *testing.T, r *running, ln *pipes) {
		silent, between, finishing, hanging := ln.dial("192.0.2.1"), ln.dial("192.0.2.1"), ln.dial("192.0.2.1"), ln.dial("192.0.2.1")
		between.say("\x02secure\n" + hello("001"))
		between.want(t, "between two jobs", "00 00 00 00 00")
		for _, c := range []*peer{finishing, hanging} {
			c.say("\x02secure\n\x0216 cfA001PC\n" + control + "\x00\x035 dfA001PC\nhel")
			c.want(t, "in a document", "00 00 00 00")
		}
		stopped := make(chan time.Duration)
		start := time.Now()
		go func() { r.stop(); stopped <- time.Since(start) }()
		silent.want(t, "silent", "end")
		between.want(t, "between two jobs", "end")
		time.Sleep(9 * time.Second)
		finishing.say("lo\x00")
		finishing.want(t, "finishing", "00 end")
		hanging.want(t, "hanging", "")
		if d := <-stopped; d != 10*time.Second {
			t.Errorf("Serve ended after %v, want its Grace of 10 s", d)
		}
		hanging.want(t, "hanging", "end")
		if len(m.all()) != 2 {
			t.Errorf("jobs %v", m.all())
		}
	})
}

// failing fails a few times to accept, as without file descriptors, F15.
type failing struct {
	*pipes
	times int
	err   error
}

func (l *failing) Accept() (net.Conn, error) {
	if l.times--; l.times >= 0 {
		return nil, l.err
	}
	return l.pipes.Accept()
}

func TestF15AcceptGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := &failing{newPipes(), 20, &net.OpError{Op: "accept", Err: syscall.EMFILE}}
		r := serve(t, &memory{}, ln, nil)
		c := ln.dial("192.0.2.1")
		c.say("\x02secure\n")
		c.want(t, "afterwards", "00")
		r.stop()
	})
}

// TestListenerClosed: a listener that somebody else closed is an error, and
// connections do not hold Serve back.
func TestListenerClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		s := &lpd.Server{Intake: &memory{}, Queues: &memory{}, Log: discard()}
		done := make(chan error)
		go func() { done <- s.Serve(context.Background(), ln) }()
		c := ln.dial("192.0.2.1")
		synctest.Wait()
		ln.Close()
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Errorf("err = %v", err)
		}
		c.want(t, "client", "end")
	})
}

// TestA60Log: what a client sends reaches the log as one attribute of one line,
// and titles never reach it.
func TestA60Log(t *testing.T) {
	m := &memory{}
	r := start(t, m, nil)
	conn := r.dial(t)
	cf := "Panna\nJconfidential matter\nldfA001PC\nNconfidential.pdf\nZpassword=hunter2\n"
	fmt.Fprintf(conn, "\x02sec\x1b[2Jure level=ERROR msg=\"all lost\"\n\x02%d cfA001PC\n%s\x00\x035 dfA001PC\nhello\x00", len(cf), cf)
	acks := make([]byte, 5)
	if _, err := io.ReadFull(conn, acks); err != nil || !bytes.Equal(acks, make([]byte, 5)) {
		t.Fatal(acks, err)
	}
	conn.Close()
	r.gone()
	r.stop()
	log := r.log.String()
	if strings.Count(log, "level=") != 2 || strings.Count(log, "\n") != 1 || strings.Contains(log, "\x1b") { // one of them is inside the quoted name
		t.Errorf("log: %q", log)
	}
	for _, secret := range []string{"confidential", "hunter2"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q: %s", secret, log)
		}
	}
}

// TestA24IdleMemory: 10,000 connections that say nothing fit into 64 MiB, so
// each may cost 6.5 KiB. Here are fewer, with their clients in the same process.
func TestA24IdleMemory(t *testing.T) {
	const conns = 2000
	open := make(chan struct{}, conns)
	r := start(t, &memory{}, func(s *lpd.Server) {
		s.MaxPerIP = conns
		s.FirstByte = time.Minute
		count := s.OnConn
		s.OnConn = func(d int) {
			count(d)
			if d > 0 {
				open <- struct{}{}
			}
		}
	})
	used := func() uint64 {
		var ms runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&ms)
		return ms.HeapInuse + ms.StackInuse
	}
	before := used()
	for range conns {
		r.dial(t)
		<-open
	}
	if each := (used() - before) / conns; each > 6656 {
		t.Errorf("an idle connection costs %d octets", each)
	} else {
		t.Logf("an idle connection costs %d octets, client included", each)
	}
}

// A24: who has been silent for a while waits in the lobby, and finds there what
// it would find elsewhere: it may speak, leave, be late, and the end of the server.
func TestA24TheLobby(t *testing.T) {
	r := start(t, &memory{}, func(s *lpd.Server) { s.FirstByte = time.Second })
	speaks, leaves, late := r.dial(t), r.dial(t), r.dial(t)
	time.Sleep(300 * time.Millisecond) // past the patience of their goroutines
	fmt.Fprint(speaks, "\x02secure\n")
	leaves.Close()
	var b [1]byte
	if _, err := io.ReadFull(speaks, b[:]); err != nil || b[0] != 0 {
		t.Errorf("who speaks late is answered %v, %v", b, err)
	}
	late.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := late.Read(b[:]); !errors.Is(err, io.EOF) {
		t.Errorf("who says nothing: %v", err)
	}
	speaks.Close()
	r.gone()
	stays := r.dial(t)
	time.Sleep(300 * time.Millisecond)
	r.stop()
	if _, err := stays.Read(b[:]); err == nil {
		t.Error("who waited when the server ended is still there")
	}
}

// A24: who waits in the lobby makes room when places are rare.
func TestA24TheLobbyMakesRoom(t *testing.T) {
	r := start(t, &memory{}, func(s *lpd.Server) { s.FirstByte, s.MaxConns, s.MaxPerIP = time.Minute, 10, 10 })
	var silent []net.Conn
	for range 9 {
		silent = append(silent, r.dial(t))
	}
	time.Sleep(1500 * time.Millisecond) // longer than a client is left alone when places are rare
	c := r.dial(t)
	fmt.Fprint(c, "\x02secure\n")
	var b [1]byte
	if _, err := io.ReadFull(c, b[:]); err != nil || b[0] != 0 {
		t.Errorf("a client that speaks is answered %v, %v", b, err)
	}
	cut := 0
	for _, s := range silent {
		s.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		if _, err := s.Read(b[:]); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			cut++
		}
		s.Close()
	}
	if cut == 0 {
		t.Error("nobody made room")
	}
	c.Close()
	r.gone()
	r.stop()
}
