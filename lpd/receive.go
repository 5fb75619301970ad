package lpd

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"platen/fault"
	"platen/internal/failpoint"
	"platen/job"
)

// session is one "receive a printer job": a run of subcommands that bring
// control and data files until the client closes. It goes step by step, so that a
// client that lets it wait between two of them costs no goroutine.
type session struct {
	*door
	*conn
	r   *bufio.Reader // nil in the lobby
	cmd command

	enough enough               // what the next step waits for
	step   func(*session) error // the next step
	sub    subcommand           // whose file comes
	into   *pending             // the job of a data file that comes

	spare job.Arrival // opened and not in use yet
	open  []*pending  // jobs that are not complete, oldest first

	controls, data int // files of jobs that are not complete; see Server.MaxControlFiles
	aborts         int
}

// receive answers "receive a printer job".
func (d *door) receive(c *conn, cmd command) (*session, error) {
	s := &session{door: d, conn: c, cmd: cmd}
	var err error
	if s.spare, err = s.openJob(); err != nil {
		return nil, err
	}
	if err := errors.Join(s.ack(), s.between()); err != nil {
		s.abandon()
		return nil, err
	}
	return s, nil
}

// run takes the steps that what the client sends allows. What is not complete when
// it returns unparked has to be abandoned.
func (s *session) run(r *bufio.Reader) (parked bool, err error) {
	s.r = r
	for {
		if s.gather(s.conn, r, s.enough) {
			return true, nil
		}
		if err := s.step(s); err != nil {
			return false, err
		}
	}
}

// between waits for a subcommand.
func (s *session) between() error {
	s.enough, s.step, s.into = subcommandCame, (*session).subcommand, nil
	if !s.rest(s.conn, len(s.open) == 0) {
		return errEnd // the server is stopping
	}
	return nil
}

// subcommandCame is enough for a subcommand: all of its line, or what is none.
func subcommandCame(came []byte) bool {
	line := bytes.TrimLeft(came, stray)
	return len(came) >= maxLine || len(came)-len(line) >= maxStray || len(line) > 0 && line[0] > subData || bytes.IndexByte(line, '\n') >= 0
}

// subcommand reads one and prepares for its file.
func (s *session) subcommand() error {
	sub, err := s.next()
	s.rest(s.conn, false)
	if s.lost != nil && len(s.open) == 0 {
		return errEnd // the way conversations end
	}
	if err != nil {
		return while("subcommand", err)
	}
	s.sub = sub
	switch sub.code {
	case subControl:
		return s.beforeControlFile()
	case subData:
		return s.beforeDataFile()
	}
	if err := s.abort(); err != nil {
		return err
	}
	return s.between()
}

// prelude is how much of a file has to have come, if it has as much, before
// anything is done about it: a client of an octet a second has no document
// before 8 minutes are over, and costs next to nothing.
const prelude = 512

// fileCame is enough for a file of known size: its prelude, or all of it with its
// zero octet.
func fileCame(count uint64) enough {
	least := int(min(count+1, prelude))
	return func(came []byte) bool { return len(came) >= least }
}

// streamCame is enough for a document that ends with its connection. A single NUL
// may be all that its client has; see streamed.
func streamCame(came []byte) bool { return len(came) >= prelude || len(came) == 1 && came[0] == 0 }

// errEnd ends a session in which nothing is wrong and nothing can follow.
var errEnd = errors.New("lpd: the session has ended")

// portSuffix is what is left of host%port when a client cuts a queue's address
// in the wrong place.
var portSuffix = regexp.MustCompile(`%[0-9]{1,5}$`)

// openJob asks the intake for room for a job.
func (s *session) openJob() (job.Arrival, error) {
	o := job.Origin{Door: "lpd", Queue: s.cmd.queue, Client: s.ip}
	a, err := s.Intake.Open(s.door.ctx, o)
	if short := portSuffix.ReplaceAllString(s.cmd.queue, ""); short != s.cmd.queue && fault.Is(err, fault.NotFound) {
		o.Queue = short
		a, err = s.Intake.Open(s.door.ctx, o)
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

// stray is what such octets are.
const stray = "\x00\r\n"

// next reads a subcommand.
func (s *session) next() (subcommand, error) {
	for range maxStray {
		b, err := s.r.ReadByte()
		if err != nil {
			return subcommand{}, err
		}
		if strings.IndexByte(stray, b) >= 0 {
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

// beforeControlFile says whether a control file may come.
func (s *session) beforeControlFile() error {
	const op = "lpd.controlFile"
	if s.controls++; s.controls > s.MaxControlFiles {
		return &fault.Error{Op: op, Kind: fault.TooLarge, Text: "The print client sent too many jobs at once."}
	}
	if s.sub.count == 0 || s.sub.count > s.MaxControlOctets {
		return &fault.Error{Op: op, Kind: fault.TooLarge, Text: "The print client's control file is empty or too large."}
	}
	s.enough, s.step = fileCame(s.sub.count), (*session).controlFile
	return s.ack()
}

// controlFile receives a control file. It completes its job when the data
// files have come before it.
func (s *session) controlFile() error {
	b, err := io.ReadAll(&bounded{r: s.r, left: int64(s.sub.count)}) // grows as octets come
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
	p, err := s.forControl(s.sub.name, &cf)
	if err != nil {
		return err
	}
	if err := s.answer(p, last); err != nil {
		return err
	}
	return s.between()
}

// beforeDataFile says whether a document may come.
func (s *session) beforeDataFile() error {
	const op = "lpd.dataFile"
	if s.data++; s.data > s.MaxDataFiles {
		return &fault.Error{Op: op, Kind: fault.TooLarge, Text: "The print client sent too many documents at once."}
	}
	p, err := s.forData(s.sub.name)
	if err != nil {
		return err
	}
	s.into, s.enough, s.step = p, streamCame, (*session).stream
	if s.sub.bounded() {
		s.enough, s.step = fileCame(s.sub.count), (*session).dataFile
	}
	return s.ack()
}

// dataFile receives a document of known size.
func (s *session) dataFile() error {
	const op = "lpd.dataFile"
	p := s.into
	body := &bounded{r: s.r, left: int64(s.sub.count)}
	if err := s.document(p, s.sub.name, body); err != nil {
		return err
	}
	if body.left > 0 {
		return &fault.Error{Op: op, Kind: fault.Internal, Err: errors.New("intake did not read the whole document")}
	}
	err := s.endOfFile()
	if errors.Is(err, io.EOF) && p.complete() {
		return s.closedAfterLast(p)
	}
	if err != nil {
		return err
	}
	if err := s.answer(p, time.Now()); err != nil {
		return err
	}
	return s.between()
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
	return errEnd
}

// stream receives a document that ends when the client closes its half of the
// connection. Such a document needs no control file: none can follow it.
func (s *session) stream() error {
	p, body := s.into, &streamed{r: s.r, conn: s.conn}
	err := s.document(p, s.sub.name, body)
	if errors.Is(s.lost, io.EOF) {
		s.lost = nil // the end of the connection was the end of the document
	}
	if err != nil {
		return err
	}
	last := time.Now()
	if body.silent {
		if err := s.answer(p, last); err != nil {
			return err
		}
		return s.between()
	}
	if body.octets == 0 || p.control != nil && !p.complete() {
		s.lost = io.EOF
		return invalid("lpd.stream", "The print client left before its job was complete.")
	}
	if err := s.submit(p); err != nil {
		return err
	}
	s.acknowledge(last)
	return errEnd
}

// document hands one document to the intake.
func (s *session) document(p *pending, name string, body io.Reader) error {
	number, err := p.arrival.Document(s.door.ctx, p.documentName(name), body)
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
	j, err := p.arrival.Submit(s.door.ctx, ticket, order)
	if err != nil {
		return fmt.Errorf("lpd: submit: %w", err)
	}
	s.forget(p)
	s.Log.Info("lpd: job accepted", "client", s.ip, "queue", s.cmd.queue, "uuid", j.UUID, "documents", len(order), "octets", j.Octets)
	return nil
}

// acknowledge sends the octet that is a promise. Whether the client lives to
// read it changes nothing: the job is there.
func (s *session) acknowledge(last time.Time) {
	failpoint.Hit("lpd.before-ack")
	if _, err := s.conn.Write([]byte{0}); err != nil {
		s.Log.Debug("lpd: client did not wait for its acknowledgement", "client", s.ip, "queue", s.cmd.queue, "error", err)
	}
	failpoint.Hit("lpd.after-ack")
	s.OnAck(time.Since(last))
}
