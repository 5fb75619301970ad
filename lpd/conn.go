package lpd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"platen/fault"
)

// lines holds the buffers of connections that have said something. They are as
// long as a command line may be; documents are read past them.
var lines = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, maxLine) }}

// patience is how long a goroutine waits for the first octet of its client before
// the lobby does. Print clients speak at once.
const patience = 100 * time.Millisecond

// serve speaks with one client. Most of the clients that do harm say nothing, so
// that waiting for the first octet is kept cheap: no buffer, few frames, and after
// a while no goroutine.
func (d *door) serve(ctx context.Context, c *conn) {
	n, err := c.Conn.Read(c.first[:])
	if errors.Is(err, os.ErrDeadlineExceeded) && patience < d.FirstByte {
		if d.lobby.park(c) {
			return // with c goes the duty to clean up
		}
		c.SetReadDeadline(c.born.Add(d.FirstByte))
		n, err = c.Conn.Read(c.first[:])
	}
	d.serveFirst(ctx, c, n, err)
}

// serveReady goes on with a client that the lobby has waited for.
func (d *door) serveReady(ctx context.Context, c *conn) {
	c.SetReadDeadline(c.born.Add(d.FirstByte))
	n, err := c.Conn.Read(c.first[:])
	d.serveFirst(ctx, c, n, err)
}

func (d *door) serveFirst(ctx context.Context, c *conn, n int, err error) {
	if err != nil || n == 0 {
		d.leave(c)
		return
	}
	c.heard(1)
	d.serveSpoken(ctx, c)
}

func (d *door) serveSpoken(ctx context.Context, c *conn) {
	defer d.leave(c)
	r := lines.Get().(*bufio.Reader)
	r.Reset(c)
	d.converse(ctx, c, r, c.first[0])
	r.Reset(nil)
	lines.Put(r)
}

// converse reads the first line and does what it says.
func (d *door) converse(ctx context.Context, c *conn, r *bufio.Reader, code byte) {
	d.rest(c, false)
	c.late = time.Now().Add(d.FirstByte) // an octet at a time would do for hours
	cmd, err := firstLine(r, code)
	c.idle, c.late = d.Idle, time.Time{}
	if err == nil {
		switch cmd.code {
		case cmdPrint: // jobs print when their owner says so
			_, err = c.Write([]byte{0})
		case cmdReceive:
			err = d.receive(ctx, c, r, cmd)
		case cmdShortStatus, cmdLongStatus:
			err = d.status(ctx, c, cmd)
		case cmdRemove:
			err = d.remove(ctx, c, cmd)
		}
	}
	d.end(c, cmd, err)
}

// firstLine reads the rest of the first line, unless its first octet is no
// command: a browser that was sent here by a web page begins with a letter.
func firstLine(r *bufio.Reader, code byte) (command, error) {
	if code < cmdPrint || code > cmdRemove {
		return command{}, invalid("lpd.command", "This is a printer's port. It does not speak this protocol.")
	}
	line, err := readLine(r)
	if err != nil {
		return command{}, err
	}
	return parseCommand(append([]byte{code}, line...))
}

// readLine returns the next line without its line feed; it is valid until the
// next read.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, invalid("lpd.line", "The print client sent a command that is too long.")
	case errors.Is(err, io.EOF) && len(line) > 0:
		return nil, io.ErrUnexpectedEOF
	case err != nil:
		return nil, err
	}
	return line[:len(line)-1], nil
}

// end tells a client that failed, and the log, how the conversation ended.
func (d *door) end(c *conn, cmd command, err error) {
	log := d.Log.With("client", c.ip, "queue", cmd.queue)
	switch {
	case err == nil:
	case c.lost == nil:
		log.Warn("lpd: refused", "kind", fault.KindOf(err), "error", err)
		d.refuse(c, fault.KindOf(err))
	case errors.Is(c.lost, io.EOF):
		log.Info("lpd: client left before its job was complete", "error", err)
		_, _ = c.Write([]byte{octet(fault.Invalid)}) // it may have closed only its own half
	case errors.Is(c.lost, net.ErrClosed):
		log.Info("lpd: client was cut off before its job was complete", "error", err)
	default:
		log.Info("lpd: client was lost before its job was complete", "error", err)
	}
}

// octet is LPD's word for a failure. Clients know two: 2 is "no space, try
// later" since 4.3BSD, everything else is a refusal.
func octet(k fault.Kind) byte {
	if k == fault.Full {
		return 2
	}
	return 1
}

// refuse answers with a non-zero octet and sees to it that the client can read
// it: closing a socket with unread octets makes TCP reset the connection, and
// the answer may be lost with it.
func (d *door) refuse(c *conn, k fault.Kind) {
	d.OnRefuse(k)
	if _, err := c.Write([]byte{octet(k)}); err != nil {
		return
	}
	if half, ok := c.Conn.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		return
	}
	if d.rest(c, true) {
		c.SetReadDeadline(time.Now().Add(d.Linger))
		_, _ = io.Copy(io.Discard, struct{ io.Reader }{c.Conn}) // past conn.Read, which would move the deadline
	}
}

// while says what was being done when a read or write failed.
func while(doing string, err error) error { return fmt.Errorf("lpd: %s: %w", doing, err) }
