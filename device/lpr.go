package device

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/url"
	"os"
	"strings"
	"time"
	"unicode"

	"platen/fault"
	"platen/internal/failpoint"
	"platen/job"
	"platen/lpd"
	"platen/site"
)

// lpr is a queue of an LPR server: a device's own, or a print server's.
type lpr struct {
	host   host
	queue  string
	traits traits
	set    Settings
}

func newLPR(u *url.URL, t traits, s Settings) (*lpr, error) {
	h, err := parseHost(u, lprPort, s)
	if err != nil {
		return nil, err
	}
	queue := strings.TrimPrefix(u.Path, "/")
	if queue == "" || len(queue) > 255 || strings.ContainsFunc(queue, unicode.IsControl) {
		return nil, &fault.Error{Op: "device.New", Kind: fault.Invalid, Text: "The address of an LPR device names its queue: lpr://host/queue."}
	}
	return &lpr{host: h, queue: queue, traits: t, set: s}, nil
}

// maxFiles is how many data files one LPR job may have: dfA to dfZ, dfa to dfz.
const maxFiles = 52

// Deliver sends every copy as a data file of its own. Servers differ in what
// they make of a print line that is there twice; of a file that is there twice
// they all make two prints.
func (p *lpr) Deliver(ctx context.Context, d Delivery) (Result, error) {
	const op = "device.lpr"
	if err := checkDelivery(op, d); err != nil {
		return Result{Impressions: job.Unknown, Sheets: job.Unknown}, err
	}
	r := newRun(d)
	var docs []Doc
	for _, doc := range r.sends() {
		if doc.Octets > 0 { // LPR has no empty files
			docs = append(docs, doc)
		}
	}
	if len(docs) == 0 {
		if err := r.begin(); err != nil {
			return r.interrupted(), err
		}
		return r.result(job.Acknowledged, "The document is empty; there was nothing to send."), nil
	}
	around, sides, err := p.around(r, docs)
	if err != nil {
		return r.interrupted(), err
	}
	most := maxFiles
	if p.traits.OneFile {
		most = 1
	}
	evidence := job.Confirmed
	for part := 0; len(docs) > 0; part++ {
		n := min(most, len(docs))
		e, err := p.session(ctx, r, docs[:n], around[:n], part)
		if err != nil {
			return r.interrupted(), err
		}
		evidence, docs, around = min(evidence, e), docs[n:], around[n:]
	}
	failpoint.Hit("device.acked")
	res := r.result(evidence, textAcknowledged)
	if evidence != job.Acknowledged {
		res.Detail = "Every octet was handed over; the last answer of the device never came."
	}
	res.Sides = sides
	return res, nil
}

// wrap is what stands around a document in its data file.
type wrap struct{ before, behind []byte }

// around says what was asked for in PJL around each document, where the device
// and the document's language allow it, and which sides all of them were told.
func (p *lpr) around(r *run, docs []Doc) ([]wrap, string, error) {
	all, sides := make([]wrap, len(docs)), r.sides()
	for i, d := range docs {
		if !p.traits.brackets(d.Language) {
			sides = ""
			continue
		}
		start, err := startOf(r, d)
		if err != nil {
			return nil, "", err
		}
		all[i].before, all[i].behind = pjlAround(&r.Delivery, d.Language, start)
	}
	return all, sides, nil
}

// session is one LPR job on a connection of its own.
func (p *lpr) session(ctx context.Context, r *run, docs []Doc, around []wrap, part int) (job.Evidence, error) {
	const op = "device.lpr"
	l, err := dialAgain(ctx, p.set, p.host, p.traits.ReservedPort, r)
	if err != nil {
		return job.NoneAccepted, err
	}
	defer l.hangUp()
	c := &counted{link: l, r: r}
	client := lpd.Client{Answer: p.set.Answer, Final: p.set.Answer}
	sent, err := client.Send(ctx, c, lpd.Outgoing{
		Queue: p.queue, Number: int((r.JobID + int64(part)) % 1000), Host: p.set.Host,
		User: harmless(r.User, 31), Title: harmless(r.Title, 99),
		Documents: c.files(docs, around), DataFirst: p.traits.DataFirst, Go: r.begin,
	})
	n, known := unacknowledged(l.TCPConn)
	if err == nil && sent.Evidence == job.Delivered && known && n > 0 {
		err = unavailable(op, "The device stopped before it had taken the whole document.", nil)
	}
	if err != nil {
		if known && ctx.Err() != nil {
			r.octets = max(r.octets-int64(n), min(r.octets, 1)) // never 0: something may have arrived
		}
		l.abort()
		if cause := l.explain(os.ErrDeadlineExceeded); errors.Is(cause, errHalfOpen) {
			err = unavailable(op, "The device no longer answers.", errors.Join(cause, err))
		}
		return job.Partial, err
	}
	return sent.Evidence, nil
}

// Condition tries the port.
func (p *lpr) Condition(ctx context.Context) (site.Condition, error) {
	return p.set.tryPort(ctx, p.host, p.traits)
}

// counted is a link that counts the octets of documents among everything that
// LPR sends, and on which a deadline starts again as long as the other end is
// alive and has not taken everything: a device that does not read for two hours
// is out of paper, not out of order.
type counted struct {
	*link
	r     *run
	head  int           // octets of what stands before the current document, still to come
	left  int64         // octets of the current document still to come
	small bool          // none of it has gone yet
	wait  time.Duration // what the deadline gave when it was set; 0 no deadline
}

// files are the documents for lpd. Opening one says that its octets come next.
func (c *counted) files(docs []Doc, around []wrap) []lpd.File {
	files := make([]lpd.File, len(docs))
	for i, d := range docs {
		w := around[i]
		octets := d.Octets + int64(len(w.before)+len(w.behind))
		files[i] = lpd.File{Name: harmless(d.Name, 131), Octets: octets, Open: func() (io.ReadCloser, error) {
			c.head, c.left, c.small = len(w.before), d.Octets, true
			src, err := c.r.reader(d)
			if err != nil || len(w.before) == 0 {
				return src, err
			}
			return wrapped{io.MultiReader(bytes.NewReader(w.before), src, bytes.NewReader(w.behind)), src}, nil
		}}
	}
	return files
}

// wrapped is a document with what stands around it.
type wrapped struct {
	io.Reader
	io.Closer
}

func (c *counted) SetDeadline(t time.Time) error {
	// One that is past means to stop, and may come from another goroutine.
	if wait := time.Until(t); t.IsZero() || wait > 0 {
		c.wait = max(wait, 0)
	}
	return c.link.SetDeadline(t)
}

func (c *counted) Read(p []byte) (int, error) {
	for {
		n, err := c.link.Read(p)
		if n > 0 || !c.again(err, c.link.SetReadDeadline) {
			return n, err
		}
	}
}

// Write sends documents in pieces, the first one small.
func (c *counted) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		piece := p[done:]
		head := c.head > 0
		if head {
			piece = piece[:min(c.head, len(piece))]
		} else if c.left > 0 {
			size := nextWrite
			if c.small {
				size = firstWrite
			}
			piece = piece[:min(int64(size), int64(len(piece)), c.left)]
		}
		n, err := c.link.Write(piece)
		done += n
		if head {
			c.head -= n
		} else if c.left > 0 && n > 0 {
			c.left -= int64(n)
			c.small = false
			c.r.add(n)
		}
		if err != nil && !c.again(err, c.link.SetWriteDeadline) {
			return done, err
		}
	}
	return done, nil
}

// again moves a deadline that has passed while the device still has to take
// octets, and says whether to go on.
func (c *counted) again(err error, set func(time.Time) error) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) || c.wait == 0 || c.over() {
		return false
	}
	n, known := unacknowledged(c.TCPConn)
	return known && n > 0 && set(time.Now().Add(c.wait)) == nil
}
