package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/OpenPrinting/goipp"
)

// How a job goes over IPP.
const (
	printJob     = "Print-Job"
	printChunked = "Print-Job, chunked"
	createSend   = "Create-Job and Send-Document"
)

func (s *submission) overIPP() bool { return slices.Contains(ippOrders, s.order) }

// errDied is what a client says that has died on purpose.
var errDied = errors.New("the client died in the middle of its document")

// sendIPP prints over IPP. It is acknowledged when the client has read
// successful-ok and a job-id, for a job in parts that of its last document.
func (s *submission) sendIPP(addr string, rng *rand.Rand) error {
	c, err := dialIPP(addr, s.queue)
	if err != nil {
		return err
	}
	defer c.conn.Close()
	op := c.operation(s.user)
	title := attribute("job-name", goipp.TagName, goipp.String(fmt.Sprintf("Job %d", s.id)))
	copies := goipp.Attributes{attribute("copies", goipp.TagInteger, goipp.Integer(s.copies))}
	doc := document(s.id, s.octets)
	if s.order != createSend {
		id, err := c.document(s, goipp.OpPrintJob, append(op, title), copies, doc, s.order == printChunked, rng)
		if err != nil {
			return err
		}
		s.acked, s.number = time.Now(), id
		s.told = s.acked
		return nil
	}
	id, err := c.call(goipp.OpCreateJob, append(op, title), copies)
	if err != nil {
		return err
	}
	s.number, s.told = id, time.Now()
	op = append(op[:3:3], attribute("job-id", goipp.TagInteger, goipp.Integer(id)),
		attribute("requesting-user-name", goipp.TagName, goipp.String(s.user)),
		attribute("last-document", goipp.TagBoolean, goipp.Boolean(true)))
	again, err := c.document(s, goipp.OpSendDocument, op, nil, doc, rng.IntN(2) == 0, rng)
	switch {
	case err == nil && again != id:
		return fmt.Errorf("job %d became job %d", id, again)
	case err == nil:
		s.acked = time.Now()
	case !errors.Is(err, errDied): // a client that lives takes back what it has announced
		cancelIPP(addr, s.queue, s.user, id)
	}
	return err
}

func cancelIPP(addr, queue, user string, id int64) {
	c, err := dialIPP(addr, queue)
	if err != nil {
		return
	}
	defer c.conn.Close()
	c.conn.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = c.call(goipp.OpCancelJob, append(c.operation(user)[:3], attribute("job-id", goipp.TagInteger, goipp.Integer(id)),
		attribute("requesting-user-name", goipp.TagName, goipp.String(user))), nil)
}

// ippConn is a connection to a queue.
type ippConn struct {
	conn       net.Conn
	r          *bufio.Reader
	addr, path string
}

func dialIPP(addr, queue string) (*ippConn, error) {
	conn, err := net.DialTimeout("tcp", addr, 2*time.Second)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return &ippConn{conn: conn, r: bufio.NewReader(conn), addr: addr, path: "/ipp/print/" + queue}, nil
}

func attribute(name string, tag goipp.Tag, v goipp.Value) goipp.Attribute {
	return goipp.MakeAttribute(name, tag, v)
}

// operation is what every request begins with.
func (c *ippConn) operation(user string) goipp.Attributes {
	return goipp.Attributes{
		attribute("attributes-charset", goipp.TagCharset, goipp.String("utf-8")),
		attribute("attributes-natural-language", goipp.TagLanguage, goipp.String("en")),
		attribute("printer-uri", goipp.TagURI, goipp.String("ipp://"+c.addr+c.path)),
		attribute("requesting-user-name", goipp.TagName, goipp.String(user)),
	}
}

func encode(op goipp.Op, attrs, job goipp.Attributes) ([]byte, error) {
	m := goipp.NewRequest(goipp.MakeVersion(2, 0), op, 1)
	m.Operation, m.Job = attrs, job
	return m.EncodeBytes()
}

// call sends a request without a document and returns the job-id of its answer.
func (c *ippConn) call(op goipp.Op, attrs, job goipp.Attributes) (int64, error) {
	b, err := encode(op, attrs, job)
	if err != nil {
		return 0, err
	}
	if _, err := c.conn.Write(append(c.head(fmt.Sprintf("Content-Length: %d", len(b))), b...)); err != nil {
		return 0, err
	}
	return c.answer()
}

func (c *ippConn) head(how string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/ipp\r\n%s\r\n\r\n", c.path, c.addr, how)
}

// document sends a request with its document, whole or until the client dies. A
// chunked body is whole when its last chunk is there.
func (c *ippConn) document(s *submission, op goipp.Op, attrs, job goipp.Attributes, doc []byte, chunked bool, rng *rand.Rand) (int64, error) {
	b, err := encode(op, attrs, job)
	if err != nil {
		return 0, err
	}
	how := fmt.Sprintf("Content-Length: %d", len(b)+len(doc))
	if chunked {
		how = "Transfer-Encoding: chunked"
	}
	if _, err := c.conn.Write(c.head(how)); err != nil {
		return 0, err
	}
	until := len(doc)
	if s.cut {
		until = rng.IntN(len(doc) + 1)
		if !chunked {
			until = rng.IntN(len(doc))
		}
	}
	if err := c.body(b, doc[:until], chunked, rng); err != nil {
		return 0, err
	}
	if s.cut {
		c.die(rng)
		return 0, errDied
	}
	if chunked {
		if _, err := io.WriteString(c.conn, "0\r\n\r\n"); err != nil {
			return 0, err
		}
	}
	s.sent = true
	return c.answer()
}

// body writes attributes and document in pieces.
func (c *ippConn) body(attrs, doc []byte, chunked bool, rng *rand.Rand) error {
	for rest := slices.Concat(attrs, doc); len(rest) > 0; {
		piece := rest[:min(len(rest), 1+rng.IntN(96<<10))]
		rest = rest[len(piece):]
		out := piece
		if chunked {
			out = append(append(fmt.Appendf(nil, "%x\r\n", len(piece)), piece...), '\r', '\n')
		}
		if _, err := c.conn.Write(out); err != nil {
			return err
		}
	}
	return nil
}

// die ends the connection as a program does that crashes, or as a machine that is
// reset.
func (c *ippConn) die(rng *rand.Rand) {
	if tcp, ok := c.conn.(*net.TCPConn); ok && rng.IntN(2) == 0 {
		_ = tcp.SetLinger(0)
	}
	c.conn.Close()
}

// answer reads one, which must be successful, and returns its job-id, 0 where it has
// none.
func (c *ippConn) answer() (int64, error) {
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return 0, err
	}
	if res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("refused with %s", res.Status)
	}
	var m goipp.Message
	if err := m.DecodeBytes(b); err != nil {
		return 0, err
	}
	if goipp.Status(m.Code) >= goipp.StatusRedirectionOtherSite {
		return 0, fmt.Errorf("refused with %s", goipp.Status(m.Code))
	}
	for _, a := range m.Job {
		if id, ok := a.Values[0].V.(goipp.Integer); ok && a.Name == "job-id" {
			return int64(id), nil
		}
	}
	return 0, nil
}
