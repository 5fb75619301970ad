package lpd_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"platen/fault"
	"platen/internal/testkit"
	"platen/job"
	"platen/lpd"
)

func text(name, content string, copies int) lpd.File {
	return lpd.File{Name: name, Octets: int64(len(content)), Copies: copies,
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil }}
}

func outgoing() lpd.Outgoing {
	return lpd.Outgoing{Queue: "secure", Number: 7, Host: "pc-17", User: "anna", Title: "Invoice 4",
		Documents: []lpd.File{text("a.pdf", "hello", 1)}}
}

// TestClientDialogues plays testdata/lpd/client-*: the script is the server.
func TestClientDialogues(t *testing.T) {
	for _, d := range testkit.LoadDialogues(t, "../testdata/lpd/client-*.dialogue") {
		t.Run(d.Name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			conn, err := lpd.Dial(t.Context(), ln.Addr().String(), false)
			if err != nil {
				t.Fatal(err)
			}
			server, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			got := make(chan string, 1)
			go func() {
				sent, err := new(lpd.Client).Send(t.Context(), conn, clientJob(t, d.Given))
				conn.Close()
				if (err == nil) != (sent.Evidence >= job.Delivered) {
					t.Errorf("err = %v with evidence %v", err, sent.Evidence)
				}
				got <- describe(sent)
			}()
			d.Play(t, testkit.Server, server)
			if got := <-got; !slices.Equal(d.Then, []string{got}) {
				t.Errorf("got %s, want %s", got, d.Then)
			}
		})
	}
}

func describe(s lpd.Sent) string {
	text := fmt.Sprintf("%v, %d octets", s.Evidence, s.Octets)
	if s.Refusal != 0 {
		text += fmt.Sprintf(", refused with %d", s.Refusal)
	}
	return text
}

func clientJob(t *testing.T, given []string) lpd.Outgoing {
	out := outgoing()
	for _, g := range given {
		switch g {
		case "data-first":
			out.DataFirst = true
		case "second world":
			out.Documents[0].Copies = 2
			out.Documents = append(out.Documents, text("", "world!", 0))
		case "go fails":
			out.Go = func() error { return &fault.Error{Op: "test", Kind: fault.Conflict} }
		case "short":
			out.Documents[0].Open = text("", "hell", 1).Open
		case "long":
			out.Documents[0].Open = text("", "hello!", 1).Open
		case "names":
			out.Queue, out.Class, out.Banner = "secure\n queue\x00", "cl\nass", "banner"
			out.User, out.Title = `EXAMPLE\`+strings.Repeat("ü", 20), strings.Repeat("ä", 60)
			out.Documents[0].Name = "\x1b%-12345X@PJL FSDELETE"
		default:
			t.Errorf("unknown given %q", g)
		}
	}
	return out
}

// TestSendToServer: both halves together, with documents of every size near
// the buffers'.
func TestSendToServer(t *testing.T) {
	for _, size := range []int{1, 1023, 1024, 1025, 64 << 10, 64<<10 + 1, 3 << 20} {
		for _, dataFirst := range []bool{false, true} {
			m := &memory{}
			r := start(t, m, nil)
			content := strings.Repeat("\x00ab\x02\n", size/5+1)[:size]
			out := outgoing()
			out.DataFirst = dataFirst
			out.Documents = []lpd.File{text("first", content, 3), text("second", "x", 1)}
			went, progress := 0, int64(0)
			out.Go = func() error { went++; return nil }
			out.Progress = func(n int64) { progress = n }
			sent, err := new(lpd.Client).Send(t.Context(), r.dial(t), out)
			if err != nil || sent != (lpd.Sent{Octets: int64(size) + 1, Evidence: job.Acknowledged}) || went != 1 || progress != sent.Octets {
				t.Fatalf("%d: %+v, %v, %d calls of Go, progress %d", size, sent, err, went, progress)
			}
			jobs := m.all()
			if len(jobs) != 1 || len(jobs[0].docs) != 2 || jobs[0].docs[0].copies != 3 || jobs[0].docs[0].octets != int64(size) {
				t.Fatalf("%d: %v", size, jobs)
			}
			if size <= 4096 && !bytes.Equal(jobs[0].docs[0].content, []byte(content)) {
				t.Errorf("%d: other octets came", size)
			}
			r.stop()
		}
	}
}

// TestSendRefusedInTheMiddle: the server has had enough, says so, and the
// client learns it although it was writing.
func TestSendRefusedInTheMiddle(t *testing.T) {
	r := start(t, &memory{limit: 1 << 20}, nil)
	out := outgoing()
	out.Documents = []lpd.File{text("big", strings.Repeat("x", 8<<20), 1)}
	sent, err := new(lpd.Client).Send(t.Context(), r.dial(t), out)
	if fault.KindOf(err) != fault.Unavailable || sent.Evidence != job.Partial || sent.Refusal != 1 {
		t.Errorf("%+v, %v", sent, err)
	}
}

// TestSendRefusesBadJobs before a single octet goes.
func TestSendRefusesBadJobs(t *testing.T) {
	for name, change := range map[string]func(*lpd.Outgoing){
		"no document":        func(o *lpd.Outgoing) { o.Documents = nil },
		"an empty document":  func(o *lpd.Outgoing) { o.Documents[0].Octets = 0 },
		"too many documents": func(o *lpd.Outgoing) { o.Documents = slices.Repeat(o.Documents, 53) },
	} {
		client, server := net.Pipe()
		server.Close()
		out := outgoing()
		change(&out)
		if sent, err := new(lpd.Client).Send(t.Context(), client, out); fault.KindOf(err) != fault.Invalid || sent != (lpd.Sent{}) {
			t.Errorf("%s: %+v, %v", name, sent, err)
		}
	}
}

// sendInBubble sends to a peer that a test plays by hand, in a bubble.
func sendInBubble(t *testing.T, c lpd.Client, out lpd.Outgoing, play func(peer *player, cancel func())) (lpd.Sent, error) {
	var sent lpd.Sent
	var err error
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan struct{})
		go func() {
			sent, err = c.Send(ctx, client, out)
			client.Close()
			close(done)
		}()
		play(&player{t, server}, cancel)
		<-done
		server.Close()
	})
	return sent, err
}

type player struct {
	t *testing.T
	net.Conn
}

// accept reads what the client says until it waits, and answers with zero.
func (p *player) accept(times int) {
	for range times {
		buf := make([]byte, 1024)
		if _, err := p.Read(buf); err != nil {
			p.t.Error(err)
		}
		if _, err := p.Write([]byte{0}); err != nil {
			p.t.Error(err)
		}
	}
}

func TestSendTimes(t *testing.T) {
	tests := map[string]struct {
		client lpd.Client
		play   func(p *player, cancel func())
		want   lpd.Sent
		after  time.Duration
		err    bool
	}{
		"no answer to the queue": {lpd.Client{}, func(p *player, _ func()) {
			p.Read(make([]byte, 100))
		}, lpd.Sent{}, time.Minute, true},
		"no answer to the announcement": {lpd.Client{Answer: 10 * time.Second}, func(p *player, _ func()) {
			p.accept(3)
			p.Read(make([]byte, 100))
		}, lpd.Sent{}, 10 * time.Second, true},
		"no last octet": {lpd.Client{}, func(p *player, _ func()) {
			p.accept(4)
			io.ReadFull(p, make([]byte, 6))
		}, lpd.Sent{Octets: 5, Evidence: job.Delivered}, 5 * time.Minute, false},
		"a late last octet": {lpd.Client{Final: 2 * time.Hour}, func(p *player, _ func()) {
			p.accept(4)
			io.ReadFull(p, make([]byte, 6))
			time.Sleep(time.Hour)
			p.Write([]byte{0})
		}, lpd.Sent{Octets: 5, Evidence: job.Acknowledged}, time.Hour, false},
		"a jam of two hours": {lpd.Client{}, func(p *player, _ func()) {
			p.accept(4)
			io.ReadFull(p, make([]byte, 2))
			time.Sleep(2 * time.Hour)
			io.ReadFull(p, make([]byte, 4))
			p.Write([]byte{0})
		}, lpd.Sent{Octets: 5, Evidence: job.Acknowledged}, 2 * time.Hour, false},
		"a jam that is too long": {lpd.Client{Stall: time.Hour}, func(p *player, _ func()) {
			p.accept(4)
			io.ReadFull(p, make([]byte, 2))
			time.Sleep(time.Hour + time.Second) // the last for a look whether the device said why
			synctest.Wait()
		}, lpd.Sent{Octets: 2, Evidence: job.Partial}, time.Hour + time.Second, true},
		"a jam with a reason": {lpd.Client{Stall: time.Hour}, func(p *player, _ func()) {
			p.accept(4)
			io.ReadFull(p, make([]byte, 2))
			p.Write([]byte{3})
		}, lpd.Sent{Octets: 2, Evidence: job.Partial, Refusal: 3}, time.Hour, true},
		"stopped before": {lpd.Client{}, func(p *player, cancel func()) {
			p.accept(3)
			p.Read(make([]byte, 100))
			cancel()
		}, lpd.Sent{}, 0, true},
		"stopped in the middle": {lpd.Client{}, func(p *player, cancel func()) {
			p.accept(4)
			io.ReadFull(p, make([]byte, 2))
			synctest.Wait()
			cancel()
			synctest.Wait()
		}, lpd.Sent{Octets: 2, Evidence: job.Partial}, 0, true},
		"stopped at the end": {lpd.Client{}, func(p *player, cancel func()) {
			p.accept(4)
			io.ReadFull(p, make([]byte, 6))
			synctest.Wait()
			cancel()
		}, lpd.Sent{Octets: 5, Evidence: job.Partial}, 0, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var took time.Duration
			sent, err := sendInBubble(t, tt.client, outgoing(), func(p *player, cancel func()) {
				start := time.Now()
				tt.play(p, cancel)
				if _, err := p.Read(make([]byte, 1)); err == nil {
					t.Error("the client said more than it should")
				}
				took = time.Since(start)
			})
			if sent != tt.want || (err != nil) != tt.err || took != tt.after {
				t.Errorf("%+v, %v after %v, want %+v after %v", sent, err, took, tt.want, tt.after)
			}
			if strings.HasPrefix(name, "stopped") && !errors.Is(err, context.Canceled) {
				t.Errorf("err = %v, want the context's", err)
			}
		})
	}
}

// TestF37DeviceTakesNothing: the document fits into this machine's own socket
// buffer while the device reads none of it. That is not delivered.
func TestF37DeviceTakesNothing(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	release := make(chan struct{})
	defer close(release)
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		conn.(*net.TCPConn).SetReadBuffer(4096)
		p := &player{t, conn}
		p.accept(4)
		<-release
	}()
	conn, err := lpd.Dial(t.Context(), ln.Addr().String(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.(*net.TCPConn).SetWriteBuffer(4 << 20)
	out := outgoing()
	out.Documents = []lpd.File{text("a.pdf", strings.Repeat("x", 1<<20), 1)}
	c := lpd.Client{Final: 100 * time.Millisecond, Stall: 5 * time.Second}
	sent, err := c.Send(t.Context(), conn, out)
	if err == nil || sent.Evidence != job.Partial || sent.Octets != 1<<20 {
		t.Errorf("%+v, %v: want all octets handed over, and partial", sent, err)
	}
}

func TestDialReserved(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	conn, err := lpd.Dial(t.Context(), ln.Addr().String(), true)
	if err != nil {
		if strings.Contains(err.Error(), "permission denied") {
			t.Log("only the refusal was seen: this user may not bind ports below 1024")
			return
		}
		t.Fatal(err)
	}
	defer conn.Close()
	conn.(*net.TCPConn).SetLinger(0) // leaves no port in TIME_WAIT
	if port := conn.LocalAddr().(*net.TCPAddr).Port; port < 721 || port > 731 {
		t.Errorf("source port %d", port)
	}
	second, err := lpd.Dial(t.Context(), ln.Addr().String(), true)
	if err != nil {
		t.Fatal(err)
	}
	second.(*net.TCPConn).SetLinger(0)
	second.Close()
}
