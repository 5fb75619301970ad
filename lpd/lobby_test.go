package lpd_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"platen/lpd"
)

// A07: wherever a client pauses for so long that it waits in the lobby, its job is
// the same as without the pause.
func TestA07APauseAtAnyOctet(t *testing.T) {
	cf := "Panna\nldfA001PC\n"
	long := strings.Repeat("0123456789", 70) // longer than what is waited for before a document is opened
	for name, dialogue := range map[string]string{
		"control first": fmt.Sprintf("\x02secure\n\x02%d cfA001PC\n%s\x00\x035 dfA001PC\nhello\x00", len(cf), cf),
		"data first":    fmt.Sprintf("\x02secure\n\x035 dfA001PC\nhello\x00\x02%d cfA001PC\n%s\x00", len(cf), cf),
		"NUL between":   fmt.Sprintf("\x02secure\n\x00\x02%d cfA001PC\n%s\x00\x00\n\x035 dfA001PC\nhello\x00", len(cf), cf),
		"long":          fmt.Sprintf("\x02secure\n\x02%d cfA001PC\n%s\x00\x03%d dfA001PC\n%s\x00", len(cf), cf, len(long), long),
	} {
		t.Run(name, func(t *testing.T) {
			m := &memory{}
			r := start(t, m, func(s *lpd.Server) { s.MaxPerIP = len(dialogue) + 1 })
			want := "hello"
			if name == "long" {
				want = long
			}
			var clients sync.WaitGroup
			for k := range dialogue {
				c := r.dial(t)
				clients.Go(func() {
					defer c.Close()
					_, _ = io.WriteString(c, dialogue[:k])
					time.Sleep(250 * time.Millisecond)
					_, _ = io.WriteString(c, dialogue[k:])
					var acks [5]byte
					if _, err := io.ReadFull(c, acks[:]); err != nil || acks != [5]byte{} {
						t.Errorf("paused after %d octets: %v, %v", k, acks, err)
					}
				})
			}
			clients.Wait()
			r.gone()
			r.stop()
			jobs := m.all()
			if len(jobs) != len(dialogue) {
				t.Errorf("%d clients brought %d jobs", len(dialogue), len(jobs))
			}
			for _, j := range jobs {
				if len(j.docs) != 1 || string(j.docs[0].content) != want {
					t.Errorf("documents: %+v", j.docs)
				}
			}
			if n := m.live.Load(); n != 0 {
				t.Errorf("%d arrivals are left", n)
			}
		})
	}
}

// A07: a document without a size, its client pausing wherever it likes.
func TestA07APauseInAStream(t *testing.T) {
	const dialogue = "\x02secure\n\x030 dfA001PC\nhello, hello"
	m := &memory{}
	r := start(t, m, nil)
	var clients sync.WaitGroup
	for k := range dialogue {
		c := r.dial(t)
		clients.Go(func() {
			_, _ = io.WriteString(c, dialogue[:k])
			time.Sleep(250 * time.Millisecond)
			_, _ = io.WriteString(c, dialogue[k:])
			_ = c.(*net.TCPConn).CloseWrite()
			if got, err := io.ReadAll(c); string(got) != "\x00\x00\x00" || err != nil {
				t.Errorf("paused after %d octets: %q, %v", k, got, err)
			}
		})
	}
	clients.Wait()
	r.gone()
	r.stop()
	for _, j := range m.all() {
		if string(j.docs[0].content) != "hello, hello" {
			t.Errorf("documents: %+v", j.docs)
		}
	}
	if n := len(m.all()); n != len(dialogue) {
		t.Errorf("%d jobs", n)
	}
}

// Who waits in the lobby with something half done has the time that everybody has,
// and leaves nothing behind when it is over, when it hangs up, when it has to make
// room and when the server ends.
func TestA07TheLobbyEnds(t *testing.T) {
	stages := []string{"\x02sec", "\x02secure\n", "\x02secure\n\x0217 c", "\x02secure\n\x0217 cfA001PC\nPanna", "\x02secure\n\x035000 dfA001PC\nhello", "\x02secure\n\x030 dfA001PC\nhello"}
	for name, end := range map[string]func(r *running, open []net.Conn){
		"silence": func(*running, []net.Conn) {},
		"hang up": func(_ *running, open []net.Conn) {
			for _, c := range open[:len(open)-1] { // a stream would be complete
				c.Close()
			}
		},
		"reset": func(_ *running, open []net.Conn) {
			for _, c := range open {
				_ = c.(*net.TCPConn).SetLinger(0)
				c.Close()
			}
		},
		"server": func(r *running, _ []net.Conn) { r.stop() },
	} {
		t.Run(name, func(t *testing.T) {
			m := &memory{}
			r := start(t, m, func(s *lpd.Server) {
				s.FirstByte, s.Idle, s.Grace = time.Second, time.Second, 300*time.Millisecond
				if name == "server" {
					s.FirstByte, s.Idle = time.Minute, time.Minute
				}
			})
			var open []net.Conn
			for _, s := range stages {
				c := r.dial(t)
				_, _ = io.WriteString(c, s)
				open = append(open, c)
			}
			time.Sleep(400 * time.Millisecond)
			end(r, open)
			for i, c := range open {
				c.SetReadDeadline(time.Now().Add(10 * time.Second))
				if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("%q is still there", stages[i])
				}
			}
			r.gone()
			r.stop()
			if n := m.live.Load(); n != 0 || len(m.all()) != 0 {
				t.Errorf("%d arrivals and %d jobs are left", n, len(m.all()))
			}
		})
	}
}

// TestA07DripMemory: 5,000 clients of an octet a second fit into 64 MiB, wherever
// they are. Here are fewer, with their clients in the same process.
func TestA07DripMemory(t *testing.T) {
	const conns = 1000
	for name, said := range map[string]string{"command": "\x02sec", "control file": "\x02secure\n\x0217 cfA001PC\nPann", "document": "\x02secure\n\x035000 dfA001PC\nhello"} {
		t.Run(name, func(t *testing.T) {
			r := start(t, &memory{}, func(s *lpd.Server) { s.MaxPerIP, s.FirstByte = conns, time.Minute })
			used := func() uint64 {
				var ms runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&ms)
				return ms.HeapInuse + ms.StackInuse
			}
			before := used()
			open := make([]net.Conn, conns)
			for i := range open {
				open[i] = r.dial(t)
				_, _ = io.WriteString(open[i], said)
			}
			time.Sleep(500 * time.Millisecond)
			for range 3 {
				for _, c := range open {
					_, _ = io.WriteString(c, "x")
				}
				time.Sleep(200 * time.Millisecond)
			}
			if each := (used() - before) / conns; each > 6656 {
				t.Errorf("such a client costs %d octets", each)
			} else {
				t.Logf("such a client costs %d octets, its own side included", each)
			}
			for _, c := range open {
				_ = c.(*net.TCPConn).SetLinger(0)
				c.Close()
			}
			r.gone()
			r.stop()
		})
	}
}
