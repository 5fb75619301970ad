package ldap

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// What a server may say. The codec below copies every element into an object of
// some hundred octets and calls itself for each level, without limits of its own.
const (
	maxMessage  = 32 << 20  // octets: a group with some 300,000 members
	maxControls = 1 << 20   // octets of what is decoded twice: controls and intermediate responses
	maxAnswer   = 256 << 20 // octets of all messages that answer one request
	maxElements = 600_000   // of one message
	maxDepth    = 12        // of one message; RFC 4511 needs 6
	maxUnpaged  = 200_000   // messages that answer one request that is not paged
)

// errTooMuch is the server's fault: it says more than anybody would.
var errTooMuch = errors.New("the answer is larger than can be taken")

// errNotLDAP is the server's fault too.
var errNotLDAP = errors.New("the answer is not LDAP")

// guard lets whole LDAP messages through, after it has looked at them. It
// remembers why it did not, because the codec above forgets.
type guard struct {
	net.Conn
	message []byte // what is left of the one that was checked; only the reader touches it

	mu       sync.Mutex
	octets   int // what may still come in answer to this request
	messages int
	err      error
}

// begin allows one more answer.
func (g *guard) begin(messages int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.octets, g.messages = maxAnswer, messages
}

// cause returns why reading has ended, nil while it goes on.
func (g *guard) cause() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

func (g *guard) Read(p []byte) (int, error) {
	if len(g.message) == 0 {
		if err := g.next(); err != nil {
			g.mu.Lock()
			defer g.mu.Unlock()
			if g.err == nil {
				g.err = err
			}
			return 0, err
		}
	}
	n := copy(p, g.message)
	g.message = g.message[n:]
	return n, nil
}

// next reads one message and checks it.
func (g *guard) next() error {
	m, err := readMessage(g.Conn, maxMessage)
	if err != nil {
		return err
	}
	if err := checkMessage(m); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.octets -= len(m)
	g.messages--
	if g.octets < 0 || g.messages < 0 {
		return errTooMuch
	}
	g.message = m
	return nil
}

// readMessage reads one element of BER whose length is written before it, as RFC
// 4511, section 5.1 wants it.
func readMessage(r io.Reader, most int) ([]byte, error) {
	head := make([]byte, 2, 6)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	if head[0] != 0x30 {
		return nil, fmt.Errorf("%w: it begins with %#02x", errNotLDAP, head[0])
	}
	length := int(head[1])
	if length >= 0x80 {
		n := length & 0x7F
		if n == 0 || n > 4 {
			return nil, fmt.Errorf("%w: a length of %d octets", errNotLDAP, n)
		}
		head = head[:2+n]
		if _, err := io.ReadFull(r, head[2:]); err != nil {
			return nil, err
		}
		length = 0
		for _, b := range head[2:] {
			length = length<<8 | int(b)
		}
	}
	if length > most || length < 0 {
		return nil, errTooMuch
	}
	return readBody(r, head, length)
}

// readBody takes memory as the octets come, not as they were promised.
func readBody(r io.Reader, head []byte, length int) ([]byte, error) {
	m := append(make([]byte, 0, len(head)+min(length, 64<<10)), head...)
	for length > 0 {
		n := min(length, max(64<<10, len(m)))
		at := len(m)
		m = append(m, make([]byte, n)...)
		if _, err := io.ReadFull(r, m[at:]); err != nil {
			return nil, err
		}
		length -= n
	}
	return m, nil
}

// checkMessage walks through a message without calling itself, and counts.
func checkMessage(m []byte) error {
	var open []int // where the elements end that at is in
	count := 0
	for at := 0; at < len(m); {
		for len(open) > 0 && at == open[len(open)-1] {
			open = open[:len(open)-1]
		}
		head, length, ok := header(m[at:])
		end := at + head + length
		if !ok || end > len(m) || len(open) > 0 && end > open[len(open)-1] || len(open) == 0 && at > 0 {
			return fmt.Errorf("%w: at octet %d of %d", errNotLDAP, at, len(m))
		}
		tag := m[at]
		if count++; count > maxElements || len(open) >= maxDepth || len(open) == 1 && decodedTwice(tag) && length > maxControls {
			return errTooMuch
		}
		at += head
		if tag&0x20 == 0 || length == 0 {
			at = end
			continue
		}
		open = append(open, end)
	}
	return nil
}

// decodedTwice reports whether an element right below the envelope holds text
// that is BER again: an intermediate response or the controls.
func decodedTwice(tag byte) bool { return tag == 0x79 || tag == 0xA0 }

// header reads tag and length of an element and returns how many octets they
// take. LDAP has no tags above 30 and no lengths that come later.
func header(b []byte) (head, length int, ok bool) {
	if len(b) < 2 || b[0]&0x1F == 0x1F {
		return 0, 0, false
	}
	if b[1] < 0x80 {
		return 2, int(b[1]), true
	}
	n := int(b[1] & 0x7F)
	if n == 0 || n > 4 || len(b) < 2+n {
		return 0, 0, false
	}
	for _, x := range b[2 : 2+n] {
		length = length<<8 | int(x)
	}
	return 2 + n, length, length >= 0
}
