package dispatch

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"platen/device"
	"platen/fault"
	"platen/job"
	"platen/site"
)

// Converter makes documents into what a device reads.
type Converter interface {
	// Plan says what has to be done for a device to print a document. It is
	// quick.
	Plan(j *job.Job, d job.Document, dev site.Device) Conversion
	// Convert does it. Invalid says that this document cannot be converted, and
	// its sentence why; every other error, that it may be tried again.
	Convert(ctx context.Context, j *job.Job, d job.Document, dev site.Device, open func() (io.ReadCloser, error)) (Converted, error)
}

// Conversion is what has to be done with a document. The zero value: nothing.
type Conversion struct {
	Language string // in which the device gets it, as pdl calls it; "" as it came
	From, To string // as people call the languages
	Why      string // why the device cannot print it, one sentence; "" it can
}

// Converted is a document made for a device.
type Converted struct {
	Octets int64
	Doubt  bool // the original is damaged, and something may be missing
	Open   func() (io.ReadCloser, error)
	Close  func() error
}

// unprintable is a document that was not made into what its device reads. No
// device has seen it.
type unprintable struct{ err error }

func (e *unprintable) Error() string { return "not converted: " + e.err.Error() }
func (e *unprintable) Unwrap() error { return e.err }

// made is what was converted for the job that a device tried last. Until the job
// has left, every attempt delivers the same: a device that is away for minutes
// does not have everything made again each time.
type made struct {
	job     int64
	options job.Options
	at      time.Time
	docs    map[int]Converted // by the number of the document
}

// drop gives up what was converted.
func (w *worker) drop() {
	if w.made == nil {
		return
	}
	for _, c := range w.made.docs {
		if err := c.Close(); err != nil {
			w.d.Log.Warn("dispatch: a converted document was not removed", "device", w.id, "error", err)
		}
	}
	w.made = nil
}

// convert makes what the device cannot read into what it can. Nothing has been
// promised or begun by then: whatever goes wrong here, nothing was printed.
func (s *send) convert(ctx context.Context) error {
	s.plain()
	c := s.w.d.Converter
	if c == nil {
		return nil
	}
	for i, doc := range s.job.Documents {
		plan := c.Plan(&s.job, doc, s.dev)
		if plan.Why != "" {
			return &unprintable{&fault.Error{Op: "dispatch.convert", Kind: fault.Invalid, Text: plan.Why}}
		}
		if plan.Language == "" {
			continue
		}
		m, err := s.converted(ctx, doc, plan)
		if err != nil {
			return err
		}
		s.docs[i].Language, s.docs[i].Octets, s.docs[i].Open, s.docs[i].Made = plan.Language, m.Octets, m.Open, true
	}
	return nil
}

// plain are the documents as they came.
func (s *send) plain() {
	s.docs = nil
	for _, doc := range s.job.Documents {
		name := doc.Name
		if s.queue.Confidential {
			name = ""
		}
		s.docs = append(s.docs, device.Doc{
			Name: name, Language: doc.Language, Octets: doc.Octets, Copies: doc.Copies,
			Open: func() (io.ReadCloser, error) { return s.w.d.Documents.Reader(s.w.d.Tenant, doc) },
		})
	}
}

// converted returns one document made for the device, by this attempt or by the
// one before.
func (s *send) converted(ctx context.Context, doc job.Document, plan Conversion) (Converted, error) {
	w := s.w
	if w.made == nil || w.made.job != s.job.ID || w.made.options != s.job.Options {
		w.drop()
		w.made = &made{job: s.job.ID, options: s.job.Options, at: w.d.Now(), docs: map[int]Converted{}}
	}
	if c, ok := w.made.docs[doc.Number]; ok {
		return c, nil
	}
	w.see(site.Condition{State: "processing", Text: "A document is being converted for the device."})
	defer w.see(site.Condition{State: "idle"})
	began := w.d.Now()
	s.note("Converting it from %s to %s for %s.", plan.From, plan.To, s.dev.Name)
	var broken atomic.Pointer[error]
	c, err := w.d.Converter.Convert(ctx, &s.job, doc, s.dev, func() (io.ReadCloser, error) {
		r, err := w.d.Documents.Reader(w.d.Tenant, doc)
		if err != nil {
			broken.Store(&err)
			return nil, err
		}
		return &watched{r, &broken}, nil
	})
	if err != nil {
		return c, s.notConverted(ctx, err, broken.Load())
	}
	w.made.docs[doc.Number] = c
	s.note("Converted from %s to %s for %s in %d s.", plan.From, plan.To, s.dev.Name, int(w.d.Now().Sub(began).Round(time.Second)/time.Second))
	if c.Doubt {
		s.note("The document is damaged; something of it may be missing on paper.")
	}
	return c, nil
}

// notConverted says whose failure it was.
func (s *send) notConverted(ctx context.Context, err error, source *error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case source != nil && (fault.Is(*source, fault.Invalid) || fault.Is(*source, fault.NotFound)):
		return device.SourceError(*source)
	case source == nil && fault.Is(err, fault.Invalid):
		return &unprintable{err}
	}
	return &ourError{err}
}

// watched remembers that a document could not be read, which is not the fault of
// who converts it.
type watched struct {
	io.ReadCloser
	err *atomic.Pointer[error]
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err.Store(&err)
	}
	return n, err
}

// note writes a line of history at once: a conversion can take minutes, and
// people look. A line that is lost costs no job.
func (s *send) note(text string, args ...any) {
	d := s.w.d
	ctx, done := context.WithTimeout(context.Background(), storeTime)
	defer done()
	if err := d.Store.AddHistory(ctx, s.job.ID, job.Entry{At: d.Now(), Actor: theNode, Text: text, Args: args}); err != nil {
		d.Log.Warn("dispatch: a line of history was not written", "job", s.job.ID, "error", err)
	}
}

// converts reports whether a document of the job is not delivered as it came.
func (s *send) converts() bool {
	c := s.w.d.Converter
	if c == nil {
		return false
	}
	for _, doc := range s.job.Documents {
		if c.Plan(&s.job, doc, s.dev).Language != "" {
			return true
		}
	}
	return false
}

// unconverted is a job whose document could not be made into what the device
// reads. It is treated as one that the device refuses: no octet of it has gone,
// so that it is not uncertain, and to try it again here would not help. Where its
// queue holds jobs it is held again, with the sentence, because another device may
// read it as it is; elsewhere it is aborted.
func (s *send) unconverted(err error) verdict {
	v := s.turnedAway(theNode, err)
	if v.change.State == job.Aborted {
		v.change.Reasons = append(v.change.Reasons, job.DocumentFormatError)
	}
	return v
}
