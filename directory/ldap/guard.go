package ldap

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	goldap "github.com/go-ldap/ldap/v3"
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
	maxKept     = 1 << 20   // octets of a buffer that is used again
)

// errTooMuch is the server's fault: it says more than anybody would.
var errTooMuch = errors.New("the answer is larger than can be taken")

// errNotLDAP is the server's fault too.
var errNotLDAP = errors.New("the answer is not LDAP")

// guard lets whole LDAP messages through, after it has looked at them. It
// remembers why it did not, because the codec above forgets. While a search runs
// it keeps the entries back, which it reads faster.
type guard struct {
	net.Conn
	in      *bufio.Reader
	buffer  []byte // of the message; only the reader touches it
	message []byte // what is left of the one that was checked; only the reader touches it

	mu       sync.Mutex
	octets   int // what may still come in answer to this request
	messages int
	err      error

	gathering bool
	search    int64           // the number of the search that was asked; 0 not yet
	entries   []*goldap.Entry // its answer so far
}

func newGuard(conn net.Conn) *guard { return &guard{Conn: conn, in: bufio.NewReaderSize(conn, 32<<10)} }

// begin allows one more answer.
func (g *guard) begin(messages int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.octets, g.messages = maxAnswer, messages
}

// gather keeps back the entries that answer the search that is asked next, up to
// the first message of it that is neither an entry nor a reference. That one, and
// what comes behind it, is for the codec above: it knows what an answer means.
func (g *guard) gather() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.gathering, g.search, g.entries = true, 0, nil
}

// gathered ends that, and returns the entries.
func (g *guard) gathered() []*goldap.Entry {
	g.mu.Lock()
	defer g.mu.Unlock()
	list := g.entries
	g.gathering, g.entries = false, nil
	return list
}

// keepLocked reports whether a message is an entry that was kept back.
func (g *guard) keepLocked(m []byte) bool {
	if !g.gathering || g.search == 0 {
		return false
	}
	id, says, ok := envelope(string(m))
	if ok && id != g.search {
		return false // an answer to nobody
	}
	if e, ok := searchEntry(says); ok {
		g.entries = append(g.entries, e)
		return true
	}
	g.gathering = ok && says[0] == tagSearchReference // nobody follows these
	return false
}

// Write sends what the codec above has to say. It does so with a whole message.
func (g *guard) Write(p []byte) (int, error) {
	g.mu.Lock()
	if g.gathering && g.search == 0 {
		if id, says, ok := envelope(string(p)); ok && says[0] == tagSearchRequest {
			g.search = id
		}
	}
	g.mu.Unlock()
	return g.Conn.Write(p)
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

// next reads messages up to the first one that is not kept back, and checks them.
func (g *guard) next() error {
	for {
		if cap(g.buffer) > maxKept {
			g.buffer = nil
		}
		m, err := readMessage(g.in, g.buffer, maxMessage)
		if err != nil {
			return err
		}
		g.buffer = m
		if err := checkMessage(m); err != nil {
			return err
		}
		if kept, err := g.take(m); err != nil || !kept {
			return err
		}
	}
}

// take counts a message and lets it through, unless it is kept back.
func (g *guard) take(m []byte) (kept bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.octets -= len(m)
	g.messages--
	if g.octets < 0 || g.messages < 0 {
		return false, errTooMuch
	}
	if g.keepLocked(m) {
		return true, nil
	}
	g.message = m
	return false, nil
}

// readMessage reads one element of BER whose length is written before it, as RFC
// 4511, section 5.1 wants it. It uses the buffer when that is large enough.
func readMessage(r io.Reader, buffer []byte, most int) ([]byte, error) {
	m := buffer[:0]
	m = append(m, 0, 0)
	if _, err := io.ReadFull(r, m); err != nil {
		return nil, err
	}
	if m[0] != tagSequence {
		return nil, fmt.Errorf("%w: it begins with %#02x", errNotLDAP, m[0])
	}
	length := int(m[1])
	if length >= 0x80 {
		n := length & 0x7F
		if n == 0 || n > 4 {
			return nil, fmt.Errorf("%w: a length of %d octets", errNotLDAP, n)
		}
		m = append(m, make([]byte, n)...)
		if _, err := io.ReadFull(r, m[2:]); err != nil {
			return nil, err
		}
		length = 0
		for _, b := range m[2:] {
			length = length<<8 | int(b)
		}
	}
	if length > most || length < 0 {
		return nil, errTooMuch
	}
	return readBody(r, m, length)
}

// readBody takes memory as the octets come, not as they were promised.
func readBody(r io.Reader, m []byte, length int) ([]byte, error) {
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
func header[T []byte | elements](b T) (head, length int, ok bool) {
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
	for i := range n {
		length = length<<8 | int(b[2+i])
	}
	return 2 + n, length, length >= 0
}
