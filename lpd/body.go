package lpd

import (
	"bufio"
	"errors"
	"io"
	"os"
	"time"
)

// bounded reads a file of known size. A connection that ends before it is an
// error: the file is not whole.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if errors.Is(err, io.EOF) && b.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// lonely is how long a client that announced no size and sent one NUL has to
// send more. An empty document looks like that: its client now waits for us.
const lonely = 5 * time.Second

// streamed reads a document that ends with its connection, without the NUL
// that some clients send last. A NUL that something follows is the document's.
type streamed struct {
	r      *bufio.Reader
	conn   *conn
	held   bool  // a NUL waits to learn whether something follows
	octets int64 // handed on
	silent bool  // the document was empty, and its client still waits
}

func (b *streamed) Read(p []byte) (int, error) {
	if b.silent {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	if b.held {
		if err := b.more(); err != nil {
			return 0, err
		}
		b.held = false
		p[0] = 0
		b.octets++
		return 1, nil
	}
	n, err := b.r.Read(p)
	if n > 0 && p[n-1] == 0 {
		n, b.held = n-1, true
	}
	b.octets += int64(n)
	return n, err
}

// more waits for an octet after a NUL.
func (b *streamed) more() error {
	if b.octets == 0 {
		defer func(d time.Duration) { b.conn.idle = d }(b.conn.idle)
		b.conn.idle = min(b.conn.idle, lonely)
	}
	_, err := b.r.Peek(1)
	if b.octets == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
		b.silent, b.conn.lost = true, nil
		return io.EOF
	}
	return err
}
