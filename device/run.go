package device

import (
	"errors"
	"fmt"
	"io"

	"platen/internal/failpoint"
	"platen/job"
)

// run is one delivery under way: what is sent in which order, and how far it
// has come.
type run struct {
	Delivery
	begun   bool
	octets  int64 // of documents, handed over
	total   int64
	halfway bool
}

func newRun(d Delivery) *run {
	r := &run{Delivery: d}
	for _, doc := range d.Documents {
		r.total += doc.Octets * int64(r.copies(doc))
	}
	return r
}

// copies says how often a document is sent: what a person asked for at the
// terminal stands above what the client asked for.
func (r *run) copies(d Doc) int {
	if r.Options.Copies > 0 {
		return r.Options.Copies
	}
	return max(d.Copies, 1)
}

// sends lists the documents in the order in which they go out: each as often
// as asked, copies of the whole job collated.
func (r *run) sends() []Doc {
	var all []Doc
	if n := r.Options.Copies; n > 0 {
		for range n {
			all = append(all, r.Documents...)
		}
		return all
	}
	for _, d := range r.Documents {
		for range r.copies(d) {
			all = append(all, d)
		}
	}
	return all
}

// knownCopies is what may be said of the copies afterwards: nothing, where each
// document went out once and may ask for copies itself.
func (r *run) knownCopies() int {
	n := r.copies(r.Documents[0])
	for _, d := range r.Documents {
		if r.copies(d) != n {
			return 0
		}
	}
	if n == 1 && r.Options.Copies == 0 {
		return 0
	}
	return n
}

// begin asks for leave to hand over the first octet, once.
func (r *run) begin() error {
	if r.begun {
		return nil
	}
	if err := r.Go(); err != nil {
		return err
	}
	r.begun = true
	return nil
}

// add counts octets that were handed over.
func (r *run) add(n int) {
	if n <= 0 {
		return
	}
	first := r.octets == 0
	r.octets += int64(n)
	if first {
		failpoint.Hit("device.first-octet")
	}
	if !r.halfway && r.octets >= r.total/2 {
		r.halfway = true
		failpoint.Hit("device.middle")
	}
	if r.octets == r.total {
		failpoint.Hit("device.last-octet")
	}
	if r.Progress != nil {
		r.Progress(r.octets)
	}
}

// result is what is known, with no count by the device.
func (r *run) result(e job.Evidence, detail string) Result {
	res := Result{Octets: r.octets, Evidence: e, Impressions: job.Unknown, Sheets: job.Unknown, Copies: r.knownCopies(), Detail: detail}
	if e == job.NoneAccepted {
		res.Octets = 0
	}
	return res
}

// interrupted is the result of a delivery that ended before its end.
func (r *run) interrupted() Result {
	if r.octets == 0 {
		return r.result(job.NoneAccepted, "")
	}
	return r.result(job.Partial, "")
}

// Sizes of writes: small first, so that what dies early has accepted little,
// then large enough to be fast and small enough to stop soon.
const (
	firstWrite = 512
	nextWrite  = 32 << 10
)

// reader returns a document's octets, neither more nor fewer than announced.
func (r *run) reader(d Doc) (io.ReadCloser, error) {
	rc, err := d.Open()
	if err != nil {
		return nil, &sourceError{err}
	}
	return &exact{rc: rc, left: d.Octets}, nil
}

// exact is a reader that fails when the octets are not as many as announced.
type exact struct {
	rc   io.ReadCloser
	left int64
}

func (e *exact) Close() error { return e.rc.Close() }

func (e *exact) Read(p []byte) (int, error) {
	n, err := e.rc.Read(p)
	e.left -= int64(n)
	switch {
	case e.left < 0:
		return 0, &sourceError{errors.New("longer than announced")}
	case errors.Is(err, io.EOF) && e.left > 0:
		return n, &sourceError{fmt.Errorf("%d octets are missing", e.left)}
	case err != nil && !errors.Is(err, io.EOF):
		return n, &sourceError{err}
	}
	return n, err
}

// copy hands the octets of one document to w.
func (r *run) copy(w io.Writer, d Doc) error {
	src, err := r.reader(d)
	if err != nil {
		return err
	}
	defer src.Close()
	buf := make([]byte, nextWrite)
	size := firstWrite
	for {
		n, err := io.ReadFull(src, buf[:size])
		if n > 0 {
			m, err := w.Write(buf[:n])
			r.add(m)
			if err != nil {
				return err
			}
		}
		size = nextWrite
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return err
		}
	}
}
