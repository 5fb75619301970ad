package device

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"platen/fault"
)

// sendBuffer is how much the system may hold for a device: small, so that what
// was handed over is close to what the device has, and a cancel stops soon.
const sendBuffer = 256 << 10

// errHalfOpen is a connection whose other end is gone without a word.
var errHalfOpen = errors.New("the other end shows no sign of life")

// A link is a connection to a device that ends with its context and with its
// other end, however quietly that goes. Blocked reads and writes then return.
type link struct {
	*net.TCPConn
	ctx      context.Context
	halfOpen atomic.Bool
	unwatch  func() bool
	done     chan struct{}
	watching sync.WaitGroup
	closing  sync.Once
}

// dial connects to the first allowed address of h that answers. Nothing was
// handed over when it fails.
func (s Settings) dial(ctx context.Context, h host, reservedPort bool) (*link, error) {
	const op = "device.dial"
	looking, cancel := context.WithTimeout(ctx, s.Connect)
	addrs, err := s.resolve(looking, h)
	cancel()
	if err != nil {
		return nil, err
	}
	// An address that swallows everything leaves time for the others.
	each := max(s.Connect/time.Duration(len(addrs)), min(s.Connect, 2*time.Second))
	for _, ap := range addrs {
		var conn net.Conn
		limited, cancel := context.WithTimeout(ctx, each)
		conn, err = s.connect(limited, ap, reservedPort)
		cancel()
		if err == nil {
			return s.watch(ctx, conn.(*net.TCPConn)), nil
		}
		if fault.Is(err, fault.Denied) {
			return nil, err
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, unavailable(op, "The device cannot be reached.", err)
}

// connect makes one connection. Keep-alive finds out about an end that is gone
// while nothing is under way; what is under way is watched by the link.
func (s Settings) connect(ctx context.Context, ap netip.AddrPort, reservedPort bool) (net.Conn, error) {
	d := net.Dialer{
		Control:         s.guard,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 6},
	}
	if !reservedPort {
		return d.DialContext(ctx, "tcp", ap.String())
	}
	// RFC 1179, section 3.1, then any other reserved port: one that was used for
	// the same device a moment ago is not free for a minute.
	d.Control = func(network, address string, c syscall.RawConn) error {
		return errors.Join(reuse(c), s.guard(network, address, c))
	}
	var err error
	for _, port := range reservedPorts() {
		d.LocalAddr = &net.TCPAddr{Port: port}
		var conn net.Conn
		if conn, err = d.DialContext(ctx, "tcp", ap.String()); err == nil || !isPortTaken(err) {
			return conn, err
		}
	}
	return nil, err
}

func reservedPorts() []int {
	var ports []int
	for p := 721; p <= 731; p++ {
		ports = append(ports, p)
	}
	for p := 1023; p >= 512; p-- {
		if p < 721 || p > 731 {
			ports = append(ports, p)
		}
	}
	return ports
}

func (s Settings) watch(ctx context.Context, conn *net.TCPConn) *link {
	_ = conn.SetWriteBuffer(sendBuffer)
	l := &link{TCPConn: conn, ctx: ctx, done: make(chan struct{})}
	l.unwatch = context.AfterFunc(ctx, l.wake)
	l.watching.Go(func() { l.lookForLife(s.HalfOpen) })
	return l
}

// wake makes whoever waits on the connection return.
func (l *link) wake() { _ = l.TCPConn.SetDeadline(time.Unix(1, 0)) }

// lookForLife ends the connection when its other end is gone. It tells a device
// that does not read, and says so whenever it is asked, from one that says
// nothing any more: TCP_USER_TIMEOUT cannot, it ends both.
func (l *link) lookForLife(limit time.Duration) {
	tick := time.NewTicker(max(limit/8, 10*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-l.done:
			return
		case <-tick.C:
			if silent, ok := silence(l.TCPConn); ok && silent >= limit {
				l.halfOpen.Store(true)
				l.wake()
				return
			}
		}
	}
}

// explain says why a read or write really failed.
func (l *link) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case l.halfOpen.Load():
		return errHalfOpen
	case l.ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded):
		return l.ctx.Err()
	}
	return err
}

// Deadlines set by whoever uses the link never undo its end.

func (l *link) SetDeadline(t time.Time) error      { return l.set(l.TCPConn.SetDeadline(t)) }
func (l *link) SetReadDeadline(t time.Time) error  { return l.set(l.TCPConn.SetReadDeadline(t)) }
func (l *link) SetWriteDeadline(t time.Time) error { return l.set(l.TCPConn.SetWriteDeadline(t)) }

func (l *link) set(err error) error {
	if l.ctx.Err() != nil || l.halfOpen.Load() {
		l.wake()
	}
	return err
}

// over reports whether nothing that is still under way will arrive: the link
// is to end, or the other end has reset it.
func (l *link) over() bool {
	return l.ctx.Err() != nil || l.halfOpen.Load() || wasReset(l.TCPConn)
}

// hangUp ends the connection in order.
func (l *link) hangUp() {
	l.closing.Do(func() {
		l.unwatch()
		close(l.done)
		l.watching.Wait()
		_ = l.TCPConn.Close() // what it has to say came with the last read or write
	})
}

// abort ends the connection at once and drops what the system still holds for
// the device.
func (l *link) abort() {
	_ = l.SetLinger(0)
	l.hangUp()
}

// patience is how long a device may refuse the next connection of a job it has
// begun. Nothing of the next document was accepted, so that trying again is
// safe; giving up leaves half a job.
const patience = 5 * time.Minute

// dialAgain connects: once for the first connection of a job, patiently for
// those that follow.
func dialAgain(ctx context.Context, s Settings, h host, reservedPort bool, r *run) (*link, error) {
	until := s.Now().Add(patience)
	for pause := time.Second; ; pause = min(2*pause, 5*time.Second) {
		l, err := s.dial(ctx, h, reservedPort)
		if err == nil || r.octets == 0 || ctx.Err() != nil || s.Now().After(until) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}
