package device

import (
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
	most := maxFiles
	if p.traits.OneFile {
		most = 1
	}
	evidence := job.Confirmed
	for part := 0; len(docs) > 0; part++ {
		n := min(most, len(docs))
		e, err := p.session(ctx, r, docs[:n], part)
		if err != nil {
			return r.interrupted(), err
		}
		evidence, docs = min(evidence, e), docs[n:]
	}
	failpoint.Hit("device.acked")
	if evidence == job.Acknowledged {
		return r.result(evidence, textAcknowledged), nil
	}
	return r.result(evidence, "Every octet was handed over; the last answer of the device never came."), nil
}

// session is one LPR job on a connection of its own.
func (p *lpr) session(ctx context.Context, r *run, docs []Doc, part int) (job.Evidence, error) {
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
		Documents: c.files(docs), DataFirst: p.traits.DataFirst, Go: r.begin,
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
	left  int64         // octets of the current document still to come
	small bool          // none of it has gone yet
	wait  time.Duration // what the deadline gave when it was set; 0 no deadline
}

// files are the documents for lpd. Opening one says that its octets come next.
func (c *counted) files(docs []Doc) []lpd.File {
	files := make([]lpd.File, len(docs))
	for i, d := range docs {
		files[i] = lpd.File{Name: harmless(d.Name, 131), Octets: d.Octets, Open: func() (io.ReadCloser, error) {
			c.left, c.small = d.Octets, true
			return c.r.reader(d)
		}}
	}
	return files
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
		if c.left > 0 {
			size := nextWrite
			if c.small {
				size = firstWrite
			}
			piece = piece[:min(int64(size), int64(len(piece)), c.left)]
		}
		n, err := c.link.Write(piece)
		done += n
		if c.left > 0 && n > 0 {
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
