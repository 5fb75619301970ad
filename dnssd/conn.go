package dnssd

import (
	"errors"
	"fmt"
	"hash/maphash"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

const (
	port       = 5353
	maxMessage = 9000 // RFC 6762, section 17
)

var (
	group4 = netip.MustParseAddr("224.0.0.251")
	group6 = netip.MustParseAddr("ff02::fb")
)

// packet is what came, not yet read as a message.
type packet struct {
	octets []byte
	from   netip.AddrPort
	link   int // the interface's index; 0 where the system does not tell
}

// conn is the door of multicast DNS on some links. It is shared with whatever
// else speaks it on this machine.
type conn struct {
	links   []link
	packets chan packet
	failed  chan error // a door that no longer reads

	v4 *ipv4.PacketConn
	v6 *ipv6.PacketConn

	closed chan struct{}
	once   sync.Once
	wg     sync.WaitGroup

	mu   sync.Mutex // writing, and what was written
	seed maphash.Seed
	sent []uint64 // a ring of what we said: it comes back to us, also over other links
	next int
}

func openConn(ls []link) (*conn, error) {
	c := &conn{
		links: ls, packets: make(chan packet, 64), failed: make(chan error, 2), closed: make(chan struct{}),
		seed: maphash.MakeSeed(), sent: make([]uint64, 128),
	}
	err4, err6 := c.open4(), c.open6()
	if c.v4 == nil && c.v6 == nil {
		return nil, fmt.Errorf("dnssd: %w", errors.Join(err4, err6))
	}
	if c.v4 != nil {
		c.wg.Go(c.read4)
	}
	if c.v6 != nil {
		c.wg.Go(c.read6)
	}
	return c, nil
}

// open4 listens on the group's address, because the standard library then lets
// the port be shared, and joins it on every link that has IPv4.
func (c *conn) open4() error {
	pc, err := net.ListenUDP("udp4", &net.UDPAddr{IP: group4.AsSlice(), Port: port})
	if err != nil {
		return err
	}
	v4, joined := ipv4.NewPacketConn(pc), false
	// Windows knows none of these messages and is served without them.
	_ = v4.SetControlMessage(ipv4.FlagInterface|ipv4.FlagDst, true)
	for _, l := range c.links {
		if len(l.v4) > 0 {
			err = v4.JoinGroup(&net.Interface{Index: l.index, Name: l.name}, &net.UDPAddr{IP: group4.AsSlice()})
			joined = joined || err == nil
		}
	}
	if !joined {
		_ = pc.Close()
		return err
	}
	_ = v4.SetMulticastTTL(255) // RFC 6762, section 11
	_ = v4.SetTTL(255)
	_ = v4.SetMulticastLoopback(true) // for who else is on this machine
	c.v4 = v4
	return nil
}

func (c *conn) open6() error {
	pc, err := net.ListenUDP("udp6", &net.UDPAddr{IP: group6.AsSlice(), Port: port})
	if err != nil {
		return err
	}
	v6, joined := ipv6.NewPacketConn(pc), false
	_ = v6.SetControlMessage(ipv6.FlagInterface|ipv6.FlagDst, true)
	for _, l := range c.links {
		if len(l.v6) > 0 {
			err = v6.JoinGroup(&net.Interface{Index: l.index, Name: l.name}, &net.UDPAddr{IP: group6.AsSlice()})
			joined = joined || err == nil
		}
	}
	if !joined {
		_ = pc.Close()
		return err
	}
	_ = v6.SetMulticastHopLimit(255)
	_ = v6.SetHopLimit(255)
	_ = v6.SetMulticastLoopback(true)
	c.v6 = v6
	return nil
}

func (c *conn) close() {
	c.once.Do(func() {
		close(c.closed)
		if c.v4 != nil {
			_ = c.v4.Close()
		}
		if c.v6 != nil {
			_ = c.v6.Close()
		}
	})
	c.wg.Wait()
}

func (c *conn) read4() {
	buf := make([]byte, maxMessage)
	for {
		n, cm, from, err := c.v4.ReadFrom(buf)
		if err != nil {
			c.failed <- err
			return
		}
		var dst net.IP
		var index int
		if cm != nil {
			dst, index = cm.Dst, cm.IfIndex
		}
		c.take(buf[:n], from, dst, index)
	}
}

func (c *conn) read6() {
	buf := make([]byte, maxMessage)
	for {
		n, cm, from, err := c.v6.ReadFrom(buf)
		if err != nil {
			c.failed <- err
			return
		}
		var dst net.IP
		var index int
		if cm != nil {
			dst, index = cm.Dst, cm.IfIndex
		}
		c.take(buf[:n], from, dst, index)
	}
}

// take passes on what came over one of our links from somebody who is on it.
// A question from elsewhere is not for us, and answering it would help those
// who fake senders (RFC 6762, section 11).
func (c *conn) take(b []byte, from net.Addr, dst net.IP, index int) {
	udp, ok := from.(*net.UDPAddr)
	if !ok || c.ours(b) {
		return
	}
	src := udp.AddrPort()
	src = netip.AddrPortFrom(src.Addr().Unmap(), src.Port())
	i := slices.IndexFunc(c.links, func(l link) bool {
		if index != 0 {
			return l.index == index
		}
		return l.has(src.Addr())
	})
	if i < 0 || !dst.IsMulticast() && !c.links[i].has(src.Addr()) {
		return
	}
	select {
	case c.packets <- packet{slices.Clone(b), src, c.links[i].index}:
	case <-c.closed:
	}
}

func (c *conn) ours(b []byte) bool {
	h := maphash.Bytes(c.seed, b)
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Contains(c.sent, h)
}

// send writes m to everybody on the link, or to one of them.
func (c *conn) send(l link, to netip.AddrPort, m *dns.Msg) error {
	b, err := m.Pack()
	if err != nil {
		return fmt.Errorf("dnssd: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !to.IsValid() {
		c.sent[c.next], c.next = maphash.Bytes(c.seed, b), (c.next+1)%len(c.sent)
	}
	var errs []error
	if c.v4 != nil && len(l.v4) > 0 && (!to.IsValid() || to.Addr().Is4()) {
		errs = append(errs, c.write4(l, to, b))
	}
	if c.v6 != nil && len(l.v6) > 0 && (!to.IsValid() || to.Addr().Is6()) {
		errs = append(errs, c.write6(l, to, b))
	}
	return errors.Join(errs...)
}

func (c *conn) write4(l link, to netip.AddrPort, b []byte) error {
	cm := &ipv4.ControlMessage{IfIndex: l.index}
	if !to.IsValid() {
		to = netip.AddrPortFrom(group4, port)
		if runtime.GOOS == "windows" { // which has no such message
			_ = c.v4.SetMulticastInterface(&net.Interface{Index: l.index, Name: l.name})
		}
	}
	_ = c.v4.SetWriteDeadline(time.Now().Add(time.Second))
	_, err := c.v4.WriteTo(b, cm, net.UDPAddrFromAddrPort(to))
	return err
}

func (c *conn) write6(l link, to netip.AddrPort, b []byte) error {
	cm := &ipv6.ControlMessage{IfIndex: l.index}
	if !to.IsValid() {
		to = netip.AddrPortFrom(group6, port)
		if runtime.GOOS == "windows" {
			_ = c.v6.SetMulticastInterface(&net.Interface{Index: l.index, Name: l.name})
		}
	}
	_ = c.v6.SetWriteDeadline(time.Now().Add(time.Second))
	_, err := c.v6.WriteTo(b, cm, net.UDPAddrFromAddrPort(to))
	return err
}
