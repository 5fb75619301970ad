//go:build !windows

package reader

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// pcscd is the PC/SC service of Linux and others, spoken to through its socket.
//
// Messages are structures of the machine's own byte order: a header of size and
// command, then the command's, which comes back filled in. Layouts are those of
// pcsc-lite's winscard_msg.h and of READER_STATE in eventhandler.h, which are
// the same from 1.8.24 to at least 2.5.
//
// Versions up to 2.4.0 take no version of the protocol but their own: 4:4 until
// 2.2, 4:5 from 2.3.0 on. Later ones take both. What differs is not used here.
//
// Why not a module: go-libpcsclite reads a number from a card (tried with pcscd
// 1.9.9), but cannot say whether there is a card nor wait for one, speaks 4:3 and
// 4:4 only, gives names of readers with the NULs behind them, and reserves as
// much memory for an answer as it is told. ebfe/scard needs a C compiler and
// headers. libpcsclite.so.1 could be loaded at run time, by a module that brings
// its own assembler, for the same few calls.
type pcscd struct {
	socket string
	minor  atomic.Uint32 // agreed last; pcscd logs each offer that it does not like
}

func (p *PCSC) system() service { return &pcscd{socket: cmp.Or(p.Socket, "/run/pcscd/pcscd.comm")} }

// Commands, and what they are used with.
const (
	cmdEstablish  = 0x01
	cmdRelease    = 0x02
	cmdConnect    = 0x04
	cmdDisconnect = 0x06
	cmdTransmit   = 0x09
	cmdVersion    = 0x11
	cmdStates     = 0x12
	cmdWait       = 0x13

	scopeSystem = 2
	shareShared = 2
	protocolAny = 1 | 2 // T=0, T=1
	leaveCard   = 0

	nameSize    = 128
	stateSize   = nameSize + 3*4 + 36 + 2*4 // name, event counter, state, sharing, ATR, its length, protocol
	cardPresent = 0x04
	maxReaders  = 256
	maxAnswer   = 264 // octets, of a short APDU

	serviceStopped = 0x8010001E // SCARD_E_SERVICE_STOPPED, here: another version please
)

// Times for what pcscd does by itself. Readers on USB take a while to start, and
// until then it answers nobody.
const (
	dialTime  = 5 * time.Second
	startTime = 30 * time.Second
)

// scardError is a return value of PC/SC.
type scardError uint32

func (e scardError) Error() string { return fmt.Sprintf("PC/SC error %08X", uint32(e)) }

func scard(rv uint32) error {
	if rv == 0 {
		return nil
	}
	return scardError(rv)
}

// pcscdConn is a connection to pcscd.
type pcscdConn struct {
	net.Conn
	minor uint32 // version 4:minor is spoken
}

// open connects and agrees on a version.
func (d *pcscd) open(ctx context.Context) (*pcscdConn, error) {
	dialer := net.Dialer{Timeout: dialTime}
	conn, err := dialer.DialContext(ctx, "unix", d.socket)
	if err != nil {
		return nil, fmt.Errorf("reader: pcscd: %w", err)
	}
	c := &pcscdConn{conn, cmp.Or(d.minor.Load(), 4)}
	if err := errors.Join(conn.SetDeadline(time.Now().Add(startTime)), c.agree()); err != nil {
		conn.Close()
		return nil, fmt.Errorf("reader: pcscd: %w", err)
	}
	d.minor.Store(c.minor)
	return c, nil
}

// agree offers the version, and takes pcscd's own when it is one that we know.
func (c *pcscdConn) agree() error {
	answer := make([]byte, 12)
	for range 2 {
		if err := c.call(cmdVersion, words(4, c.minor, 0), answer); err != nil {
			return err
		}
		major, minor := word(answer, 0), word(answer, 1)
		if word(answer, 2) != serviceStopped || major != 4 || minor != 4 && minor != 5 {
			break
		}
		c.minor = minor
	}
	if err := scard(word(answer, 2)); err != nil {
		return fmt.Errorf("it speaks protocol %d:%d, which is not known here: %w", word(answer, 0), word(answer, 1), err)
	}
	return nil
}

// call sends a command and reads its answer.
func (c *pcscdConn) call(command uint32, body, answer []byte) error {
	if _, err := c.Write(message(command, body)); err != nil {
		return err
	}
	_, err := io.ReadFull(c, answer)
	return err
}

func message(command uint32, body []byte) []byte {
	return append(words(uint32(len(body)), command), body...)
}

func words(list ...uint32) (b []byte) {
	for _, w := range list {
		b = binary.NativeEndian.AppendUint32(b, w)
	}
	return b
}

func word(b []byte, i int) uint32 { return binary.NativeEndian.Uint32(b[4*i:]) }

func (d *pcscd) watch(ctx context.Context, seen func([]presence)) error {
	c, err := d.open(ctx)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { c.Close() })()
	defer c.Close()
	return fmt.Errorf("reader: pcscd: %w", c.follow(seen))
}

// follow tells of changes. pcscd notes that we wait before it says how the
// readers are, so that no change is missed.
func (c *pcscdConn) follow(seen func([]presence)) error {
	n, err := c.count()
	if err != nil {
		return err
	}
	states, event := make([]byte, n*stateSize), make([]byte, 8)
	for {
		if err := c.SetDeadline(time.Now().Add(startTime)); err != nil {
			return err
		}
		if err := c.call(cmdWait, nil, states); err != nil {
			return err
		}
		seen(parseStates(states))
		if err := c.SetDeadline(time.Time{}); err != nil {
			return err
		}
		if _, err := io.ReadFull(c, event); err != nil {
			return err
		}
		if err := scard(word(event, 1)); err != nil {
			return err
		}
	}
}

// count returns for how many readers pcscd tells the state: 16, but some
// distributions built it for more, and it does not say. A question for the
// version behind it ends the answer: no reader's name begins with its octets.
func (c *pcscdConn) count() (int, error) {
	if _, err := c.Write(message(cmdStates, nil)); err != nil {
		return 0, err
	}
	if _, err := c.Write(message(cmdVersion, words(4, c.minor, 0))); err != nil {
		return 0, err
	}
	mark, state := words(4), make([]byte, stateSize)
	for n := range maxReaders + 1 {
		if _, err := io.ReadFull(c, state[:12]); err != nil {
			return 0, err
		}
		if bytes.HasPrefix(state, mark) {
			return n, nil
		}
		if _, err := io.ReadFull(c, state[12:]); err != nil {
			return 0, err
		}
	}
	return 0, errors.New("too many readers")
}

// parseStates leaves out places for readers that are empty.
func parseStates(b []byte) (list []presence) {
	for ; len(b) >= stateSize; b = b[stateSize:] {
		name, _, _ := bytes.Cut(b[:nameSize], []byte{0})
		if len(name) == 0 {
			continue
		}
		rest := b[nameSize:]
		list = append(list, presence{reader: string(name), events: word(rest, 0), card: word(rest, 1)&cardPresent != 0})
	}
	return list
}

// ask uses a connection of its own, so that a reader that hangs holds up no
// other.
func (d *pcscd) ask(ctx context.Context, reader string, command []byte) (answer []byte, err error) {
	c, err := d.open(ctx)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { c.Close() })()
	defer c.Close()
	answer, err = c.ask(reader, command)
	if err != nil {
		return nil, fmt.Errorf("reader: pcscd: %w", cmp.Or(context.Cause(ctx), err))
	}
	return answer, nil
}

func (c *pcscdConn) ask(reader string, command []byte) ([]byte, error) {
	established := make([]byte, 12)
	if err := c.call(cmdEstablish, words(scopeSystem, 0, 0), established); err != nil {
		return nil, err
	}
	if err := scard(word(established, 2)); err != nil {
		return nil, err
	}
	own := word(established, 1)
	card, protocol, err := c.connect(own, reader)
	if err != nil {
		return nil, err
	}
	answer, err := c.transmit(card, protocol, command)
	if err != nil {
		return nil, err
	}
	// In order: pcscd resets the card of a client that just goes away.
	if err := c.call(cmdDisconnect, words(card, leaveCard, 0), make([]byte, 12)); err != nil {
		return nil, err
	}
	return answer, c.call(cmdRelease, words(own, 0), make([]byte, 8))
}

func (c *pcscdConn) connect(own uint32, reader string) (card, protocol uint32, err error) {
	name := make([]byte, nameSize)
	copy(name[:nameSize-1], reader)
	body := append(append(words(own), name...), words(shareShared, protocolAny, 0, 0, 0)...)
	if err := c.call(cmdConnect, body, body); err != nil {
		return 0, 0, err
	}
	rest := body[4+nameSize:]
	return word(rest, 2), word(rest, 3), scard(word(rest, 4))
}

func (c *pcscdConn) transmit(card, protocol uint32, command []byte) ([]byte, error) {
	head := words(card, protocol, 8, uint32(len(command)), protocol, 8, maxAnswer, 0)
	if _, err := c.Write(append(message(cmdTransmit, head), command...)); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(c, head); err != nil {
		return nil, err
	}
	if err := scard(word(head, 7)); err != nil {
		return nil, err
	}
	n := word(head, 6)
	if n > maxAnswer {
		return nil, fmt.Errorf("answer of %d octets", n)
	}
	answer := make([]byte, n)
	_, err := io.ReadFull(c, answer)
	return answer, err
}
