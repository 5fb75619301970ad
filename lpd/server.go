package lpd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"platen/fault"
	"platen/job"
)

// Intake takes the jobs that arrive.
type Intake interface {
	// Open begins a job, or refuses it.
	Open(ctx context.Context, o job.Origin) (job.Arrival, error)
}

// Encoder is what an Arrival may be besides: it knows the code page of its
// queue's names that are not UTF-8, "windows-1252" or "ibm850". Without it,
// names are code page 1252.
type Encoder interface {
	Encoding() string
}

// Queues answers the status and remove commands. What it does not tell, no
// client learns.
type Queues interface {
	Status(ctx context.Context, queue string, client netip.Addr, users []string, ids []int64) (job.QueueStatus, error)
	Remove(ctx context.Context, queue, agent string, client netip.Addr, users []string, ids []int64) (removed int, err error)
}

// Server speaks RFC 1179. All fields are set before Serve; a limit that is
// zero has the default named beside it.
type Server struct {
	Intake Intake
	Queues Queues
	Log    *slog.Logger

	FirstByte time.Duration // longest wait for a connection's first line; 10 s
	Idle      time.Duration // longest silence within a connection; mainframes pause for minutes; 300 s
	Grace     time.Duration // what running transfers have left once ctx has ended; 10 s
	Linger    time.Duration // how long a refused client may go on sending before it is cut off; 5 s

	MaxConns   int            // connections per listener; 2000
	MaxPerIP   int            // connections per address; 64
	MaxTrusted int            // connections per address within Trusted; 1000
	Trusted    []netip.Prefix // print servers and the like
	SlowBelow  int64          // octets per second; above 80 % of a cap, slower clients are cut off; 1024
	SlowAfter  time.Duration  // waited for a client before it counts as slow; 10 s

	// Of jobs that are not complete, per connection. A client may bring any
	// number of jobs one after the other: rlpr does so with every file.
	MaxControlFiles  int    // 16
	MaxControlOctets uint64 // size of a control file; 64 KiB
	MaxDataFiles     int    // 52

	// Hooks for whoever counts. They are called from many goroutines at once.
	OnAck    func(d time.Duration) // a job was acknowledged, d after its last octet had come
	OnRefuse func(k fault.Kind)    // a client was refused
	OnConn   func(delta int)       // a connection opened (1) or closed (-1)
}

// withDefaults returns a copy whose limits are set.
func (s *Server) withDefaults() *Server {
	c := *s
	orDefault(&c.FirstByte, 10*time.Second)
	orDefault(&c.Idle, 300*time.Second)
	orDefault(&c.Grace, 10*time.Second)
	orDefault(&c.Linger, 5*time.Second)
	orDefault(&c.MaxConns, 2000)
	orDefault(&c.MaxPerIP, 64)
	orDefault(&c.MaxTrusted, 1000)
	orDefault(&c.SlowBelow, 1024)
	orDefault(&c.SlowAfter, 10*time.Second)
	orDefault(&c.MaxControlFiles, 16)
	orDefault(&c.MaxControlOctets, 64<<10)
	orDefault(&c.MaxDataFiles, maxDocuments)
	if c.OnAck == nil {
		c.OnAck = func(time.Duration) {}
	}
	if c.OnRefuse == nil {
		c.OnRefuse = func(fault.Kind) {}
	}
	if c.OnConn == nil {
		c.OnConn = func(int) {}
	}
	return &c
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Serve accepts connections until ctx ends, lets running transfers finish
// within Grace, and returns nil. It owns ln and closes it. It may be called for
// several listeners.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	defer ln.Close()
	base, cancel := context.WithCancel(context.WithoutCancel(ctx)) // transfers outlive ctx by Grace
	defer cancel()
	d := &door{Server: s.withDefaults(), ctx: base, conns: make(map[*conn]struct{}), perIP: make(map[netip.Addr]int)}

	var serving sync.WaitGroup
	d.lobby = &lobby{
		work:  serving.Go,
		ready: func(c *conn) { serving.Go(func() { d.serve(c) }) },
		late:  func(c *conn) { d.lose(c, os.ErrDeadlineExceeded) },
	}
	cutOff := func() { d.close(func(*conn) bool { return true }); cancel() }
	var late *time.Timer
	end := sync.OnceFunc(func() {
		ln.Close()
		d.close(func(c *conn) bool { return c.resting })
		d.lobby.end()
		late = time.AfterFunc(d.Grace, cutOff)
	})
	defer func() { serving.Wait(); late.Stop() }()
	defer end()
	context.AfterFunc(ctx, end)
	for {
		nc, err := ln.Accept()
		switch {
		case err == nil:
			if c := d.admit(nc); c != nil {
				serving.Go(func() { d.serve(c) })
			}
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("lpd: %w", err)
		default: // out of file descriptors, perhaps: keep the door, try again
			s.Log.Warn("lpd: accept failed", "error", err)
			pause(ctx, 100*time.Millisecond)
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
