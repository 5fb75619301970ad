package device

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"platen/fault"
	"platen/internal/failpoint"
	"platen/job"
	"platen/site"
)

// socket is a device on a raw port: what is written is printed, and the end of
// the connection is the end of the job.
type socket struct {
	host   host
	traits traits
	set    Settings
}

func newSocket(u *url.URL, t traits, s Settings) (*socket, error) {
	if u.Path != "" && u.Path != "/" {
		return nil, &fault.Error{Op: "device.New", Kind: fault.Invalid, Text: "A raw port has no queues: its address is socket://host or socket://host:port."}
	}
	h, err := parseHost(u, rawPort, s)
	if err != nil {
		return nil, err
	}
	return &socket{host: h, traits: t, set: s}, nil
}

// Deliver sends documents inside one PJL job where the device and every
// document's language allow it. Elsewhere each goes through a connection of
// its own, octet for octet: the end of the connection is then the only mark
// between two documents that every language knows.
func (s *socket) Deliver(ctx context.Context, d Delivery) (Result, error) {
	const op = "device.socket"
	if err := checkDelivery(op, d); err != nil {
		return Result{Impressions: job.Unknown, Sheets: job.Unknown}, err
	}
	r := newRun(d)
	if s.allBracketed(d) {
		sends := r.sends()
		if s.traits.Quantity && d.Options.Copies > 0 {
			sends = d.Documents // QTY says how often
			r.total /= int64(d.Options.Copies)
		}
		res, err := s.session(ctx, r, sends, true)
		res.Sides = d.sides()
		return res, err
	}
	all := r.result(job.Confirmed, "")
	for _, doc := range r.sends() {
		res, err := s.session(ctx, r, []Doc{doc}, false)
		if err != nil {
			return res, err
		}
		all.Octets, all.Evidence, all.Detail = r.octets, min(all.Evidence, res.Evidence), res.Detail
	}
	return all, nil
}

func (s *socket) allBracketed(d Delivery) bool {
	for _, doc := range d.Documents {
		if !s.traits.brackets(doc.Language) {
			return false
		}
	}
	return true
}

// session is one connection from its beginning to its end.
func (s *socket) session(ctx context.Context, r *run, docs []Doc, pjl bool) (Result, error) {
	const op = "device.socket"
	l, err := dialAgain(ctx, s.set, s.host, false, r)
	if err != nil {
		return r.interrupted(), err
	}
	defer l.hangUp()
	if err := r.begin(); err != nil {
		return r.interrupted(), err
	}
	t := listen(l, r, pjl)
	if err := s.write(l, r, docs, pjl); err != nil {
		before := r.octets
		s.interrupt(l, r, pjl)
		err = l.explain(err)
		switch {
		case Damaged(err), ctx.Err() != nil:
		case before == 0:
			err = unavailable(op, "The device closed the connection before it took anything.", err)
		default:
			err = unavailable(op, "The connection to the device broke in the middle of the document.", err)
		}
		res := r.interrupted()
		res.Impressions = t.impressions()
		if before > 0 {
			res.Evidence = job.Partial // also when nothing of it was acknowledged
		}
		return res, err
	}
	return s.finish(l, r, t)
}

// write hands over everything that a connection carries.
func (s *socket) write(l *link, r *run, docs []Doc, pjl bool) error {
	if !pjl {
		return r.copy(l, docs[0])
	}
	if _, err := l.Write(pjlHead(r, s.traits)); err != nil {
		return err
	}
	for i, doc := range docs {
		if i > 0 {
			if _, err := l.Write(pjlNext()); err != nil {
				return err
			}
		}
		enter, err := enterFor(r, doc)
		if err != nil {
			return err
		}
		if _, err := l.Write(enter); err != nil {
			return err
		}
		if err := r.copy(l, doc); err != nil {
			return err
		}
	}
	_, err := l.Write(pjlTail(r))
	return err
}

// enterFor looks at the beginning of a document.
func enterFor(r *run, d Doc) ([]byte, error) {
	start, err := startOf(r, d)
	if err != nil {
		return nil, err
	}
	return pjlEnter(d.Language, start), nil
}

// startOf returns as much of a document as tells whether it begins with PJL.
func startOf(r *run, d Doc) ([]byte, error) {
	src, err := r.reader(d)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	start, err := bufio.NewReader(src).Peek(len(uel))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return start, nil
}

// interrupt ends a delivery in the middle. PJL has a way to say so, if the
// device still reads; elsewhere a reset tells it that this was not the end of
// the document. What the device's system never acknowledged was not handed
// over.
func (s *socket) interrupt(l *link, r *run, pjl bool) {
	if n, ok := unacknowledged(l.TCPConn); ok && l.ctx.Err() != nil {
		r.octets = max(r.octets-int64(n), 0)
	}
	if pjl && l.ctx.Err() != nil && r.octets > 0 {
		_ = l.TCPConn.SetWriteDeadline(time.Now().Add(2 * time.Second))
		if _, err := l.Write(pjlTail(r)); err == nil {
			l.hangUp()
			return
		}
	}
	l.abort()
}

// finish waits for what the device says about the whole: its report, the end
// of the connection, or silence.
func (s *socket) finish(l *link, r *run, t *talk) (Result, error) {
	const op = "device.socket"
	t.awaitReport(s.set.Idle, s.set.Talk)
	if !s.traits.NoHalfClose {
		_ = l.CloseWrite() // an error shows itself as the end of the connection
	}
	orderly := t.awaitEnd(s.set.Idle)
	res := r.result(job.Delivered, "Every octet was handed over; the device did not report that it printed.")
	res.Impressions = t.impressions()
	switch {
	case t.confirmed():
		res.Evidence, res.Detail = job.Confirmed, textReported
	case t.canceled():
		res.Detail = "Somebody canceled the job at the device."
	case !orderly:
		err := l.explain(t.failure())
		l.abort()
		res.Evidence = job.Partial
		res.Detail = ""
		if l.ctx.Err() != nil {
			return res, l.ctx.Err()
		}
		return res, unavailable(op, "The connection to the device broke before it had taken the whole document.", err)
	}
	failpoint.Hit("device.acked")
	return res, nil
}

// Condition tries the port.
func (s *socket) Condition(ctx context.Context) (site.Condition, error) {
	return s.set.tryPort(ctx, s.host, s.traits)
}

// tryPort connects and hangs up.
func (s Settings) tryPort(ctx context.Context, h host, t traits) (site.Condition, error) {
	now := s.Now()
	if t.OneConnection { // somebody may be printing
		return site.Condition{State: "unknown", Since: now}, nil
	}
	l, err := s.dial(ctx, h, t.ReservedPort)
	switch {
	case ctx.Err() != nil:
		return site.Condition{}, fmt.Errorf("device.Condition: %w", ctx.Err())
	case err != nil:
		return site.Condition{State: "stopped", Text: fault.Text(err), Since: now}, nil
	}
	l.hangUp()
	return site.Condition{State: "idle", Since: now, Seen: now}, nil
}
