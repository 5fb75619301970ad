package lpd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"time"

	"platen/fault"
	"platen/internal/failpoint"
	"platen/job"
)

// session is one "receive a printer job": a run of subcommands that bring
// control and data files until the client closes.
type session struct {
	*door
	*conn
	ctx   context.Context
	r     *bufio.Reader
	queue string
	log   *slog.Logger

	spare job.Arrival // opened and not in use yet
	open  []*pending  // jobs that are not complete, oldest first

	controls, data int // files of jobs that are not complete; see Server.MaxControlFiles
	aborts         int
}

// receive answers "receive a printer job". What is not complete when it
// returns leaves nothing behind.
func (d *door) receive(ctx context.Context, c *conn, r *bufio.Reader, cmd command) error {
	s := &session{door: d, conn: c, ctx: ctx, r: r, queue: cmd.queue,
		log: d.Log.With("client", c.ip, "queue", cmd.queue)}
	defer s.abandon()
	var err error
	if s.spare, err = s.openJob(); err != nil {
		return err
	}
	if err := s.ack(); err != nil {
		return err
	}
	for {
		sub, err := s.next()
		if s.lost != nil && len(s.open) == 0 || errors.Is(err, errStopped) {
			return nil // the way conversations end
		}
		if err != nil {
			return while("subcommand", err)
		}
		switch sub.code {
		case subAbort:
			err = s.abort()
		case subControl:
			err = s.controlFile(sub)
		case subData:
			err = s.dataFile(sub)
		}
		if errors.Is(err, errStreamed) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

var (
	errStopped  = errors.New("lpd: the server is stopping")
	errStreamed = errors.New("lpd: the document ended with its connection") // nothing can follow
)

// portSuffix is what is left of host%port when a client cuts a queue's address
// in the wrong place.
var portSuffix = regexp.MustCompile(`%[0-9]{1,5}$`)

// openJob asks the intake for room for a job.
func (s *session) openJob() (job.Arrival, error) {
	o := job.Origin{Door: "lpd", Queue: s.queue, Client: s.ip}
	a, err := s.Intake.Open(s.ctx, o)
	if short := portSuffix.ReplaceAllString(s.queue, ""); short != s.queue && fault.Is(err, fault.NotFound) {
		o.Queue = short
		a, err = s.Intake.Open(s.ctx, o)
	}
	if err != nil {
		return nil, fmt.Errorf("lpd: open: %w", err)
	}
	return a, nil
}

// arrival returns room for one more job on this connection.
func (s *session) arrival() (job.Arrival, error) {
	if a := s.spare; a != nil {
		s.spare = nil
		return a, nil
	}
	return s.openJob()
}

// abandon removes whatever is not complete.
func (s *session) abandon() {
	if s.spare != nil {
		s.spare.Abandon()
	}
	for _, p := range s.open {
		p.arrival.Abandon()
	}
	s.spare, s.open = nil, nil
}

// abort is the subcommand; RFC 1179, section 6.1, gives it no answer.
func (s *session) abort() error {
	s.abandon()
	if s.aborts++; s.aborts > s.MaxControlFiles {
		return invalid("lpd.abort", "The print client aborted too many jobs.")
	}
	return nil
}

func (s *session) ack() error {
	if _, err := s.conn.Write([]byte{0}); err != nil {
		return while("acknowledge", err)
	}
	return nil
}

// maxStray is how many octets that belong to nothing a client may send before
// a subcommand. PLP sends a second NUL after a file, others a line feed.
const maxStray = 16

// next reads a subcommand.
func (s *session) next() (subcommand, error) {
	if !s.rest(s.conn, len(s.open) == 0) {
		return subcommand{}, errStopped
	}
	defer s.rest(s.conn, false)
	for range maxStray {
		b, err := s.r.ReadByte()
		if err != nil {
			return subcommand{}, err
		}
		if b == 0 || b == '\n' || b == '\r' {
			continue
		}
		if err := s.r.UnreadByte(); err != nil {
			return subcommand{}, err
		}
		line, err := readLine(s.r)
		if err != nil {
			return subcommand{}, err
		}
		return parseSubcommand(line)
	}
	return subcommand{}, invalid("lpd.subcommand", "The print client sent a command that does not exist.")
}

// controlFile receives a control file. It completes its job when the data
// files have come before it.
func (s *session) controlFile(sub subcommand) error {
	const op = "lpd.controlFile"
	if s.controls++; s.controls > s.MaxControlFiles {
		return &fault.Error{Op: op, Kind: fault.TooLarge, Text: "The print client sent too many jobs at once."}
	}
	if sub.count == 0 || sub.count > s.MaxControlOctets {
		return &fault.Error{Op: op, Kind: fault.TooLarge, Text: "The print client's control file is empty or too large."}
	}
	if err := s.ack(); err != nil {
		return err
	}
	b, err := io.ReadAll(&bounded{r: s.r, left: int64(sub.count)}) // grows as octets come
	if err != nil {
		return while("control file", err)
	}
	if err := s.endOfFile(); err != nil {
		return err
	}
	last := time.Now()
	cf, err := parseControlFile(b)
	if err != nil {
		return err
	}
	p, err := s.forControl(sub.name, &cf)
	if err != nil {
		return err
	}
	return s.answer(p, last)
}

// dataFile receives a document.
func (s *session) dataFile(sub subcommand) error {
	const op = "lpd.dataFile"
	if s.data++; s.data > s.MaxDataFiles {
		return &fault.Error{Op: op, Kind: fault.TooLarge, Text: "The print client sent too many documents at once."}
	}
	p, err := s.forData(sub.name)
	if err != nil {
		return err
	}
	if err := s.ack(); err != nil {
		return err
	}
	if !sub.bounded() {
		return s.stream(p, sub.name)
	}
	body := &bounded{r: s.r, left: int64(sub.count)}
	if err := s.document(p, sub.name, body); err != nil {
		return err
	}
	if body.left > 0 {
		return &fault.Error{Op: op, Kind: fault.Internal, Err: errors.New("intake did not read the whole document")}
	}
	err = s.endOfFile()
	if errors.Is(err, io.EOF) && p.complete() {
		return s.closedAfterLast(p)
	}
	if err != nil {
		return err
	}
	return s.answer(p, time.Now())
}

// closedAfterLast takes a job whose client sent every octet that it had
// announced and then closed its half in order, without the last zero octet: so
// does CUPS with mode=stream, which reports the job as sent and never sends it
// again. A reset or a time-out at this place still discards.
func (s *session) closedAfterLast(p *pending) error {
	s.lost = nil
	if err := s.answer(p, time.Now()); err != nil {
		return err
	}
	return errStreamed
}

// stream receives a document that ends when the client closes its half of the
// connection. Such a document needs no control file: none can follow it.
func (s *session) stream(p *pending, name string) error {
	body := &streamed{r: s.r, conn: s.conn}
	err := s.document(p, name, body)
	if errors.Is(s.lost, io.EOF) {
		s.lost = nil // the end of the connection was the end of the document
	}
	if err != nil {
		return err
	}
	last := time.Now()
	if body.silent {
		return s.answer(p, last)
	}
	if body.octets == 0 || p.control != nil && !p.complete() {
		s.lost = io.EOF
		return invalid("lpd.stream", "The print client left before its job was complete.")
	}
	if err := s.submit(p); err != nil {
		return err
	}
	s.acknowledge(last)
	return errStreamed
}

// document hands one document to the intake.
func (s *session) document(p *pending, name string, body io.Reader) error {
	number, err := p.arrival.Document(s.ctx, p.documentName(name), body)
	if err != nil {
		return fmt.Errorf("lpd: document: %w", err)
	}
	p.docs = append(p.docs, arrived{name: name, number: number})
	return nil
}

// endOfFile reads the zero octet after a file of known size. Without it the
// client has not said that the file is whole, and what follows would be taken
// for commands.
func (s *session) endOfFile() error {
	b, err := s.r.ReadByte()
	if err != nil {
		return while("end of file", err)
	}
	if b != 0 {
		return invalid("lpd.endOfFile", "The print client sent a file that is not as long as it said.")
	}
	return nil
}

// answer acknowledges a file. If the file completed its job, the job is
// durable before the octet goes out.
func (s *session) answer(p *pending, last time.Time) error {
	if !p.complete() {
		return s.ack()
	}
	if err := s.submit(p); err != nil {
		return err
	}
	s.acknowledge(last)
	return nil
}

// submit makes a job durable and forgets it.
func (s *session) submit(p *pending) error {
	ticket, order := p.job()
	j, err := p.arrival.Submit(s.ctx, ticket, order)
	if err != nil {
		return fmt.Errorf("lpd: submit: %w", err)
	}
	s.forget(p)
	s.log.Info("lpd: job accepted", "uuid", j.UUID, "documents", len(order), "octets", j.Octets)
	return nil
}

// acknowledge sends the octet that is a promise. Whether the client lives to
// read it changes nothing: the job is there.
func (s *session) acknowledge(last time.Time) {
	failpoint.Hit("lpd.before-ack")
	if _, err := s.conn.Write([]byte{0}); err != nil {
		s.log.Debug("lpd: client did not wait for its acknowledgement", "error", err)
	}
	failpoint.Hit("lpd.after-ack")
	s.OnAck(time.Since(last))
}
