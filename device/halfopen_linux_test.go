package device_test

import (
	"fmt"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"platen/fault"
	"platen/internal/testkit/devicetest"
	"platen/job"
	"platen/site"
)

// deafen makes the system drop every packet for a connection, as if its
// machine had lost its power: a socket filter that keeps no octet.
func deafen(t *testing.T, conn *net.TCPConn) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Error(err)
		return
	}
	drop := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 0}}
	err = raw.Control(func(fd uintptr) {
		prog := unix.SockFprog{Len: 1, Filter: &drop[0]}
		if err := unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &prog); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Error(err)
	}
}

// F34: a device that is switched off in the middle says nothing, not even that
// it is gone. It is found out, and the job is uncertain.
func TestF34HalfOpen(t *testing.T) {
	for name, start := range map[string]func(testing.TB, devicetest.Manner) *devicetest.TCP{"socket://%s": devicetest.NewRaw, "lpr://%s/q": devicetest.NewLPR} {
		t.Run(name, func(t *testing.T) {
			sink := start(t, devicetest.Manner{Stall: true, At: 10_000})
			sink.Stalled = func(c *net.TCPConn) { deafen(t, c) }
			begin := time.Now()
			dev := open(t, site.Device{URI: fmt.Sprintf(name, sink.Addr)}, quick())
			res, err := dev.Deliver(t.Context(), named(devicetest.Doc("unknown", devicetest.Bytes(1, 8<<20))))
			if !fault.Is(err, fault.Unavailable) || res.Evidence != job.Partial || res.Octets < 10_000 {
				t.Errorf("result %+v, %v", res, err)
			}
			if d := time.Since(begin); d > 20*time.Second {
				t.Errorf("found out after %v", d)
			}
		})
	}
}

func TestF34HalfOpenIPP(t *testing.T) {
	p := newPrinter(t, devicetest.Manner{Stall: true, At: 10_000}, func(p *printer) {
		p.conn = func(c net.Conn) { deafen(t, c.(*net.TCPConn)) }
	})
	begin := time.Now()
	s := quick()
	s.Answer = 5 * time.Second
	res, err := open(t, site.Device{URI: p.uri()}, s).Deliver(t.Context(), named(devicetest.Doc("unknown", devicetest.Bytes(1, 8<<20))))
	if !fault.Is(err, fault.Unavailable) || res.Evidence != job.Partial || res.Octets < 10_000 {
		t.Errorf("result %+v, %v", res, err)
	}
	if d := time.Since(begin); d > 20*time.Second {
		t.Errorf("found out after %v", d)
	}
}
