package lpd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"platen/fault"
	"platen/job"
)

// Outgoing is a job on its way to an LPD server.
type Outgoing struct {
	Queue  string
	Number int    // 0 to 999
	Host   string // H
	User   string // P
	Title  string // J
	Class  string // C, "" for none
	Banner string // L, "" for no banner page

	Documents []File // 1 to 52
	Format    byte   // print command; 0: 'l', octet for octet
	DataFirst bool   // for devices that insist

	// Go is called once, when the server has agreed to everything that comes
	// before the first document octet. An error stops the delivery. May be nil.
	Go func() error
	// Progress is called with the document octets handed over so far. May be nil.
	Progress func(octets int64)
}

// File is one document of an Outgoing job.
type File struct {
	Name   string // N; "" for the job's title
	Octets int64  // its exact size, more than 0
	Copies int    // print lines; 0 counts as 1
	Open   func() (io.ReadCloser, error)
}

// Sent is how far a delivery came.
type Sent struct {
	Octets int64 // of documents, handed to the connection
	// Evidence is NoneAccepted while no document octet was handed over,
	// Partial after that, Delivered when everything was handed over and the
	// last octet never came, and Acknowledged when it came.
	Evidence job.Evidence
	Refusal  byte // the octet with which the server refused, or 0
}

// Client delivers jobs. All fields are set before Send.
type Client struct {
	Answer time.Duration // longest wait for the answer to a command; 0: 60 s
	Final  time.Duration // longest wait for the answer to a document: the device may be printing it; 0: 5 min
	Stall  time.Duration // longest time in which a device takes no octet of a document; 0: no limit, a jam may last for hours
}

// Dial connects to an LPD server. With reserved it does so from a port of 721
// to 731, which few servers demand and RFC 1179, section 3.1, promises; it
// needs the right to bind such ports, and one that is free.
func Dial(ctx context.Context, addr string, reserved bool) (net.Conn, error) {
	if !reserved {
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	}
	var err error
	for port := 731; port >= 721; port-- {
		d := net.Dialer{LocalAddr: &net.TCPAddr{Port: port}, Control: shareWithDead}
		var conn net.Conn
		if conn, err = d.DialContext(ctx, "tcp", addr); err == nil {
			return conn, nil
		}
		if !portTaken(err) {
			break
		}
	}
	return nil, err
}

// portTaken reports whether a source port cannot be had, now or to this server.
func portTaken(err error) bool {
	const inUse, notAvailable = syscall.Errno(10048), syscall.Errno(10049) // as Windows says it
	var errno syscall.Errno
	return errors.As(err, &errno) &&
		slices.Contains([]syscall.Errno{syscall.EADDRINUSE, syscall.EADDRNOTAVAIL, inUse, notAvailable}, errno)
}

// Send delivers a job over conn, which stays open. It returns nil when the
// server acknowledged everything, and also when everything was handed over and
// the last octet never came: a second delivery would be a second print. Every
// other end is an error, and Sent says whether trying again is safe.
func (c *Client) Send(ctx context.Context, conn net.Conn, out Outgoing) (Sent, error) {
	s := &sender{Client: c, ctx: ctx, conn: conn, out: out}
	cf, err := out.controlFile()
	if err != nil {
		return s.sent, err
	}
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	err = s.run(cf)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("lpd: delivery stopped: %w", context.Cause(ctx))
	}
	return s.sent, err
}

// controlFile makes the control file, within the lengths of RFC 1179 and
// without an octet that could mean anything but itself.
func (out *Outgoing) controlFile() (*controlFile, error) {
	const op = "lpd.Send"
	if n := len(out.Documents); n == 0 || n > maxDocuments {
		return nil, &fault.Error{Op: op, Kind: fault.Invalid, Text: "A job by LPR has 1 to 52 documents."}
	}
	cf := &controlFile{
		Host: cut(orText(tidy(out.Host), "platen"), maxHost), User: cut(tidy(out.User), maxUser),
		Job: cut(tidy(out.Title), maxJob), Class: cut(tidy(out.Class), maxUser), Banner: cut(tidy(out.Banner), maxUser),
	}
	format := out.Format
	if format == 0 {
		format = 'l'
	}
	for i, f := range out.Documents {
		if f.Octets <= 0 { // a size of 0 means "until the connection ends"
			return nil, &fault.Error{Op: op, Kind: fault.Invalid, Text: "An empty document cannot be printed by LPR."}
		}
		cf.Documents = append(cf.Documents, printed{
			Letter: format, File: out.fileName('d', i),
			Name: cut(orText(tidy(f.Name), cf.Job), maxName), Copies: max(1, f.Copies),
		})
	}
	return cf, nil
}

func orText(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// fileName returns dfA123host or cfA123host. The host has at most 15 octets
// here: some devices have no room for more.
func (out *Outgoing) fileName(kind byte, document int) string {
	letter := byte('A' + document)
	if document >= 26 {
		letter = byte('a' + document - 26)
	}
	host := strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7F && r != '/' && r != '\\' {
			return r
		}
		return '-'
	}, orText(out.Host, "platen"))
	return fmt.Sprintf("%cf%c%03d%s", kind, letter, uint(out.Number)%1000, cut(host, 15))
}

// sender is one delivery.
type sender struct {
	*Client
	ctx   context.Context
	conn  net.Conn
	out   Outgoing
	sent  Sent
	begun bool // Go was called
	heard [256]byte
}

func (s *sender) run(cf *controlFile) error {
	if err := s.command("queue", fmt.Sprintf("\x02%s\n", tidy(s.out.Queue))); err != nil {
		return err
	}
	b := cf.marshal()
	if s.out.DataFirst {
		if err := s.documents(cf, false); err != nil {
			return err
		}
		return s.control(b, true)
	}
	if err := s.control(b, false); err != nil {
		return err
	}
	return s.documents(cf, true)
}

// control sends the control file; last says that nothing follows.
func (s *sender) control(b []byte, last bool) error {
	if err := s.command("control file", fmt.Sprintf("\x02%d %s\n", len(b), s.out.fileName('c', 0))); err != nil {
		return err
	}
	if err := s.write("control file", append(b, 0)); err != nil {
		return err
	}
	return s.file("control file", s.wait(s.Answer, time.Minute), last)
}

// documents sends all documents; last says that nothing follows them.
func (s *sender) documents(cf *controlFile, last bool) error {
	for i, f := range s.out.Documents {
		if err := s.command("document", fmt.Sprintf("\x03%d %s\n", f.Octets, cf.Documents[i].File)); err != nil {
			return err
		}
		if err := s.start(); err != nil {
			return err
		}
		if err := s.document(f); err != nil {
			return err
		}
		if err := s.file("document", s.wait(s.Final, 5*time.Minute), last && i == len(s.out.Documents)-1); err != nil {
			return err
		}
	}
	return nil
}

// start asks, once, whether the first octet may go.
func (s *sender) start() error {
	if s.begun || s.out.Go == nil {
		return nil
	}
	s.begun = true
	return s.out.Go()
}

// blocks holds what documents are copied with.
var blocks = sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }}

// document sends the octets of one document and the zero octet after them. A
// document that is not as long as announced is not ended with that octet: to
// the server it is then not whole.
func (s *sender) document(f File) error {
	const op = "lpd.Send"
	src, err := f.Open()
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	defer src.Close()
	buf := blocks.Get().(*[]byte)
	defer blocks.Put(buf)
	for left := f.Octets; left > 0; {
		n, err := io.ReadFull(src, (*buf)[:min(left, int64(len(*buf)))])
		if err != nil {
			return &fault.Error{Op: op, Kind: fault.Internal, Err: fmt.Errorf("document is shorter than announced, or unreadable: %w", err)}
		}
		if err := s.octets((*buf)[:n]); err != nil {
			return err
		}
		left -= int64(n)
	}
	if _, err := io.ReadFull(src, (*buf)[:1]); !errors.Is(err, io.EOF) {
		return &fault.Error{Op: op, Kind: fault.Internal, Err: errors.Join(errors.New("document is longer than announced, or unreadable"), err)}
	}
	return s.write("document", []byte{0})
}

// octets hands over document octets and counts them.
func (s *sender) octets(b []byte) error {
	if err := s.deadline(s.Stall); err != nil {
		return err
	}
	n, err := s.conn.Write(b)
	s.sent.Octets += int64(n)
	if s.sent.Octets > 0 {
		s.sent.Evidence = job.Partial
	}
	if err != nil {
		return s.broken("document", err)
	}
	if s.out.Progress != nil {
		s.out.Progress(s.sent.Octets)
	}
	return nil
}

// command sends a command line and waits for its zero octet.
func (s *sender) command(what, line string) error {
	if err := s.write(what, []byte(line)); err != nil {
		return err
	}
	return s.file(what, s.wait(s.Answer, time.Minute), false)
}

func (s *sender) write(what string, b []byte) error {
	if err := s.deadline(s.wait(s.Answer, time.Minute)); err != nil {
		return err
	}
	if _, err := s.conn.Write(b); err != nil {
		return s.broken(what, err)
	}
	return nil
}

// file reads the octet that answers a file or a command. When it was the last
// one, everything has been handed over, and silence is no reason to print
// twice; a reset, or octets that never left this machine, are.
func (s *sender) file(what string, wait time.Duration, last bool) error {
	b, err := s.answer(wait)
	switch {
	case err == nil && b == 0:
		if last {
			s.sent.Evidence = job.Acknowledged
		}
		return nil
	case err == nil:
		return s.refused(what, b)
	case last && s.ctx.Err() == nil && s.handedOver(err):
		s.sent.Evidence = job.Delivered
		return nil
	}
	return s.noAnswer(what, err)
}

// handedOver reports whether the peer has everything although it did not
// answer.
func (s *sender) handedOver(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded) && unsent(s.conn) == 0
}

// answer returns the octet that answers. Whatever comes with it is passed over
// and not left in the way of the next answer: the text after a refusal, a second
// zero, the line feed that some servers send after each octet. No server refuses
// with a line feed.
func (s *sender) answer(wait time.Duration) (byte, error) {
	if err := s.deadline(wait); err != nil {
		return 0, err
	}
	for {
		n, err := s.conn.Read(s.heard[:])
		if said := bytes.TrimLeft(s.heard[:n], "\r\n"); len(said) > 0 {
			return said[0], nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// deadline sets the connection's deadline, unless the delivery was stopped.
// The order of the two keeps a stop from being overwritten.
func (s *sender) deadline(d time.Duration) error {
	var t time.Time
	if d > 0 {
		t = time.Now().Add(d)
	}
	if err := s.conn.SetDeadline(t); err != nil {
		return fmt.Errorf("lpd: %w", err)
	}
	return s.ctx.Err()
}

func (s *sender) wait(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}

func (s *sender) refused(what string, b byte) error {
	s.sent.Refusal = b
	return &fault.Error{Op: "lpd.Send", Kind: fault.Unavailable, Text: "The device refused the job.",
		Err: fmt.Errorf("%s: answered with octet %d", what, b)}
}

func (s *sender) noAnswer(what string, err error) error {
	return &fault.Error{Op: "lpd.Send", Kind: fault.Unavailable, Text: "The device did not answer.",
		Err: fmt.Errorf("%s: %w", what, err)}
}

// broken reports a write that failed, and the refusal that may have preceded
// it: a device that has had enough answers, closes, and resets what still comes.
func (s *sender) broken(what string, err error) error {
	if b, rerr := s.answer(time.Second); rerr == nil && b != 0 {
		return s.refused(what, b)
	}
	return &fault.Error{Op: "lpd.Send", Kind: fault.Unavailable, Text: "The connection to the device broke.",
		Err: fmt.Errorf("%s: %w", what, err)}
}
