package reader

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"platen/fault"
)

var testTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestCheck(t *testing.T) {
	tests := map[string]struct {
		l    *Lines
		want string // a part of the sentence
	}{
		"listens":            {&Lines{Address: ":4001"}, ""},
		"calls":              {&Lines{Role: Client, Address: "192.0.2.7:4001", Terminator: None}, ""},
		"no address":         {&Lines{}, "address and a port"},
		"no port":            {&Lines{Address: "192.0.2.7"}, "address and a port"},
		"an empty port":      {&Lines{Address: "192.0.2.7:"}, "address and a port"},
		"calls nobody":       {&Lines{Role: Client, Address: ":4001"}, "address and a port"},
		"role":               {&Lines{Role: "both", Address: ":4001"}, "role"},
		"terminator":         {&Lines{Terminator: "\r", Address: ":4001"}, "end of a reader's line"},
		"TLS without a cert": {&Lines{Address: ":4001", TLS: plainTLS()}, "certificate"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := tt.l.Check()
			if tt.want == "" && err == nil {
				return
			}
			if fault.KindOf(err) != fault.Invalid || !strings.Contains(fault.Text(err), tt.want) || tt.want == "" {
				t.Errorf("err = %v", err)
			}
			if served := tt.l.Serve(t.Context()); served == nil {
				t.Error("it was served all the same")
			}
		})
	}
}

// line is a Lines that calls a reader, within a bubble. What is heard is in got.
type line struct {
	*Lines
	got   []string
	peers chan net.Conn // the other ends

	mu    sync.Mutex
	calls []time.Time
}

func (n *line) called() []time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.calls)
}

// newLine calls a reader that answers as long as up says so.
func newLine(t *testing.T, l *Lines, up func() bool) *line {
	n := &line{Lines: l, peers: make(chan net.Conn, 16)}
	l.Role, l.Address, l.Log = Client, "192.0.2.7:4001", slog.New(slog.DiscardHandler)
	l.Sink = func(_ context.Context, r Reading) { n.got = append(n.got, r.Raw) }
	l.dial = func(context.Context, string) (net.Conn, error) {
		n.mu.Lock()
		n.calls = append(n.calls, time.Now())
		n.mu.Unlock()
		if !up() {
			return nil, errors.New("nobody there")
		}
		ours, theirs := net.Pipe()
		n.peers <- theirs
		return ours, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return n
}

func always() bool { return true }

func say(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

func TestDebounce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newLine(t, &Lines{}, always)
		c := <-n.peers
		for range 10 { // a card that lies on a reader that repeats
			say(t, c, "1234\r")
			time.Sleep(1500 * time.Millisecond)
		}
		say(t, c, "5678\r1234\r1234\r")
		time.Sleep(2 * time.Second)
		say(t, c, "1234\r")
		if want := []string{"1234", "5678", "1234", "1234"}; !slices.Equal(n.got, want) {
			t.Errorf("got %v, want %v", n.got, want)
		}
	})
}

func TestNoDebounce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newLine(t, &Lines{Debounce: -1, Terminator: LF}, always)
		say(t, <-n.peers, "1234\n1234\n")
		if len(n.got) != 2 {
			t.Errorf("got %v", n.got)
		}
	})
}

// Half a number, a pause, and the rest: nobody is signed in by the rest.
func TestLineThatPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newLine(t, &Lines{}, always)
		c := <-n.peers
		say(t, c, "1234")
		time.Sleep(time.Second)
		say(t, c, "5678\r12")
		time.Sleep(6 * time.Second)
		say(t, c, "345678\r")
		say(t, c, "9\r")
		if want := []string{"12345678", "9"}; !slices.Equal(n.got, want) {
			t.Errorf("got %v, want %v", n.got, want)
		}
	})
}

func TestPauseEndsLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newLine(t, &Lines{Terminator: None}, always)
		c := <-n.peers
		say(t, c, "12")
		time.Sleep(100 * time.Millisecond)
		say(t, c, "34")
		time.Sleep(200 * time.Millisecond)
		say(t, c, strings.Repeat("9", 300))
		time.Sleep(200 * time.Millisecond)
		say(t, c, "56")
		c.Close()
		synctest.Wait()
		if want := []string{"1234", "56"}; !slices.Equal(n.got, want) {
			t.Errorf("got %v, want %v", n.got, want)
		}
	})
}

// What breaks off with its connection is not a number.
func TestLineThatBreaksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newLine(t, &Lines{}, always)
		c := <-n.peers
		say(t, c, "12345")
		c.Close()
		say(t, <-n.peers, "678\r")
		if want := []string{"678"}; !slices.Equal(n.got, want) {
			t.Errorf("got %v, want %v", n.got, want)
		}
	})
}

func TestBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		n := newLine(t, &Lines{}, up.Load)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		var waits []time.Duration
		calls := n.called()
		for i := range calls[1:] {
			waits = append(waits, calls[i+1].Sub(calls[i]))
		}
		if got := fmt.Sprint(waits[:8]); got != "[1s 2s 4s 8s 16s 32s 1m0s 1m0s]" {
			t.Errorf("waited %s", got)
		}
		if ok, text, since := n.State(); ok || text != cannotReach || !since.Equal(calls[0]) {
			t.Errorf("state %v %q since %v", ok, text, since)
		}
		up.Store(true)
		c := <-n.peers
		say(t, c, "1\r")
		if ok, text, _ := n.State(); !ok || text != connected {
			t.Errorf("state %v %q", ok, text)
		}
		c.Close() // somebody was there: the next call comes soon
		before := time.Now()
		<-n.peers
		if d := time.Since(before); d != time.Second {
			t.Errorf("called again after %v", d)
		}
	})
}

func TestSilentConnectionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newLine(t, &Lines{Idle: time.Hour}, always)
		c := <-n.peers
		say(t, c, strings.Repeat("9", 1000)) // refused until its end, which never comes
		before := time.Now()
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("it says something")
		}
		if d := time.Since(before); d != time.Hour {
			t.Errorf("it ended after %v", d)
		}
	})
}

func TestA39CountedUpLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var alarms []string
		n := newLine(t, &Lines{Name: "lobby", Busy: func(reader string, perMinute int) { alarms = append(alarms, fmt.Sprint(reader, perMinute)) }}, always)
		c := <-n.peers
		for i := range 30 {
			say(t, c, fmt.Sprintf("%d\r", i))
		}
		if len(alarms) > 0 {
			t.Fatalf("alarms %v", alarms)
		}
		for i := range 70 {
			say(t, c, fmt.Sprintf("%d\r", i))
		}
		time.Sleep(time.Minute)
		say(t, c, "1\r")
		if !slices.Equal(alarms, []string{"lobby31"}) || len(n.got) != 101 {
			t.Errorf("alarms %v, %d readings", alarms, len(n.got))
		}
	})
}

func TestWhoMayEnter(t *testing.T) {
	a, b, stranger := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("198.51.100.1")
	lan := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	tests := map[string]struct {
		l    *Lines
		come []netip.Addr
		want string // of the last
	}{
		"anybody, by default":     {&Lines{}, []netip.Addr{a}, "address not allowed"},
		"loopback, by default":    {&Lines{}, []netip.Addr{netip.MustParseAddr("::1")}, ""},
		"the network":             {&Lines{Allow: lan}, []netip.Addr{a}, ""},
		"a stranger":              {&Lines{Allow: lan}, []netip.Addr{stranger}, "address not allowed"},
		"nobody knows who":        {&Lines{Allow: lan}, []netip.Addr{{}}, "address not allowed"},
		"a second reader":         {&Lines{Allow: lan}, []netip.Addr{a, b}, "another reader is connected"},
		"the reader again":        {&Lines{Allow: lan}, []netip.Addr{a, a}, ""},
		"a second one by source":  {&Lines{Allow: lan, BySource: true}, []netip.Addr{a, b}, ""},
		"too many of one":         {&Lines{Allow: lan}, []netip.Addr{a, a, a, a, a}, "too many connections of one address"},
		"too many":                {&Lines{Allow: lan, BySource: true, MaxConns: 2}, []netip.Addr{a, b, a}, "too many connections"},
		"refused ones do not add": {&Lines{Allow: lan, MaxConns: 1}, []netip.Addr{stranger, stranger, a}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := &door{Lines: tt.l, from: map[netip.Addr]int{}}
			got := ""
			for _, s := range tt.come {
				got = d.enter(s)
			}
			if got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestRefusalsAreCounted(t *testing.T) {
	var r refusals
	var told []int
	for i := range 130 {
		if n := r.due("flood", testTime.Add(time.Duration(i)*time.Second)); n > 0 {
			told = append(told, n)
		}
	}
	if !slices.Equal(told, []int{1, 60, 60}) {
		t.Errorf("told %v", told)
	}
}

func plainTLS() *tls.Config { return &tls.Config{MinVersion: tls.VersionTLS12} }
