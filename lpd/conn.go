package lpd

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"platen/fault"
)

// lines holds the buffers of connections that have said something. They are as
// long as a command line may be; documents are read past them.
var lines = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, maxLine) }}

// patience is how long a goroutine waits for a client that has to say something
// before the lobby does. Print clients speak at once.
const patience = 100 * time.Millisecond

// serve speaks with one client until it has gone or waits in the lobby, from
// where it comes back here. Most of the clients that do harm say nothing or one
// octet in a while, so that waiting for them is kept cheap: no buffer before the
// first octet, and after a while no goroutine.
func (d *door) serve(c *conn) {
	if c.session == nil && len(c.held) == 0 && c.lost == nil {
		c.brief = true
		n, err := c.Read(c.first[:])
		c.brief = false
		if errors.Is(err, errSilent) && d.lobby.park(c, nil, lineCame) {
			return
		}
		if c.lost != nil {
			d.leave(c)
			return
		}
		c.held = c.first[:n]
	}
	r := lines.Get().(*bufio.Reader)
	r.Reset(c)
	if !d.converse(c, r) {
		d.leave(c)
	}
	r.Reset(nil)
	lines.Put(r)
}

// lose ends what is known to be lost, and which no goroutine serves. Nothing is
// waited for.
func (d *door) lose(c *conn, why error) {
	c.lost = why
	if c.session == nil && len(c.held) == 0 { // it has not said a word
		d.leave(c)
		return
	}
	d.serve(c)
}

// enough says whether the octets that have come, and that nobody has taken yet, are
// enough to go on with. It has to say so when there are maxLine of them.
type enough func(came []byte) bool

// gather waits until enough has come or the client is lost, which the next read
// says. A client that lets it wait goes into the lobby: then parked is true, and c
// is somebody else's.
func (d *door) gather(c *conn, r *bufio.Reader, enough enough) (parked bool) {
	c.brief = true
	for {
		came, _ := r.Peek(r.Buffered())
		if enough(came) {
			break
		}
		_, err := r.Peek(len(came) + 1)
		if err == nil {
			continue
		}
		if !errors.Is(err, errSilent) {
			break
		}
		c.brief = false
		came, _ = r.Peek(len(came)) // it was moved
		if d.lobby.park(c, came, enough) {
			return true
		}
	}
	c.brief = false
	return false
}

// lineCame is enough for the first line: all of it, or what is no command.
func lineCame(came []byte) bool {
	return len(came) >= maxLine || len(came) > 0 && (came[0] < cmdPrint || came[0] > cmdRemove) || bytes.IndexByte(came, '\n') >= 0
}

// converse reads the first line and does what it says, or goes on with the jobs
// of a client that comes from the lobby.
func (d *door) converse(c *conn, r *bufio.Reader) (parked bool) {
	if s := c.session; s != nil {
		return d.bring(s, r)
	}
	if d.gather(c, r, lineCame) {
		return true
	}
	d.rest(c, false)
	cmd, err := firstLine(r)
	c.idle, c.late = d.Idle, time.Time{}
	if err == nil {
		switch cmd.code {
		case cmdPrint: // jobs print when their owner says so
			_, err = c.Write([]byte{0})
		case cmdReceive:
			if c.session, err = d.receive(c, cmd); err == nil {
				return d.bring(c.session, r)
			}
		case cmdShortStatus, cmdLongStatus:
			err = d.status(d.ctx, c, cmd)
		case cmdRemove:
			err = d.remove(d.ctx, c, cmd)
		}
	}
	d.end(c, cmd, err)
	return false
}

// bring goes on with the jobs that a client brings.
func (d *door) bring(s *session, r *bufio.Reader) (parked bool) {
	parked, err := s.run(r)
	if parked {
		return true
	}
	s.abandon()
	d.end(s.conn, s.cmd, err)
	return false
}

// firstLine reads the first line, unless its first octet is no command: a browser
// that was sent here by a web page begins with a letter.
func firstLine(r *bufio.Reader) (command, error) {
	b, err := r.Peek(1)
	if err != nil {
		return command{}, err
	}
	if b[0] < cmdPrint || b[0] > cmdRemove {
		return command{}, invalid("lpd.command", "This is a printer's port. It does not speak this protocol.")
	}
	line, err := readLine(r)
	if err != nil {
		return command{}, err
	}
	return parseCommand(line)
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
	case err == nil, errors.Is(err, errEnd):
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
