package devicetest

import (
	"context"
	"errors"
	"io"

	"platen/device"
	"platen/fault"
	"platen/job"
	"platen/site"
)

// Fake is a device in memory, for tests whose time is not real. It passes the
// same suite as the real ones.
type Fake struct {
	memory
	Manner Manner
	// Gate, when set, is received from before each piece of a document.
	Gate chan struct{}
	// Started, when set, is sent every delivery that begins.
	Started chan device.Delivery

	busy int
	most int // deliveries seen at the same time
}

// piece is how much a fake takes at once.
const piece = 1000

// Most returns how many deliveries there were at the same time, at most.
func (f *Fake) Most() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.most
}

func (f *Fake) enter(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.busy += n
	f.most = max(f.most, f.busy)
}

// Deliver takes the documents as its manner says.
func (f *Fake) Deliver(ctx context.Context, d device.Delivery) (device.Result, error) {
	f.enter(1)
	defer f.enter(-1)
	res := device.Result{Impressions: job.Unknown, Sheets: job.Unknown}
	if err := ctx.Err(); err != nil {
		return res, err
	}
	f.mu.Lock()
	manner := f.Manner
	f.mu.Unlock()
	if manner.Refuse {
		return res, &fault.Error{Op: "fake", Kind: fault.Unavailable, Text: "The device cannot be reached."}
	}
	if f.Started != nil {
		f.Started <- d
	}
	if err := d.Go(); err != nil {
		return res, err
	}
	var taken int64
	for _, doc := range sends(d) {
		if err := f.take(ctx, d, manner, doc, &taken); err != nil {
			if res.Octets = taken; taken > 0 {
				res.Evidence = job.Partial
			}
			return res, err
		}
	}
	res.Octets, res.Evidence, res.Copies = taken, job.Confirmed, knownCopies(d)
	if manner.Silent {
		res.Evidence = job.Delivered
	}
	return res, nil
}

func sends(d device.Delivery) []device.Doc {
	var all []device.Doc
	if d.Options.Copies > 0 {
		for range d.Options.Copies {
			all = append(all, d.Documents...)
		}
		return all
	}
	for _, doc := range d.Documents {
		for range max(doc.Copies, 1) {
			all = append(all, doc)
		}
	}
	return all
}

func knownCopies(d device.Delivery) int {
	if d.Options.Copies > 0 {
		return d.Options.Copies
	}
	n := max(d.Documents[0].Copies, 1)
	for _, doc := range d.Documents {
		if max(doc.Copies, 1) != n {
			return 0
		}
	}
	if n == 1 {
		return 0
	}
	return n
}

func (f *Fake) take(ctx context.Context, d device.Delivery, m Manner, doc device.Doc, taken *int64) error {
	src, err := doc.Open()
	if err != nil {
		return device.SourceError(err)
	}
	defer src.Close()
	var whole []byte
	buf := make([]byte, piece)
	for {
		size := int64(len(buf))
		if m.Die || m.Stall {
			size = min(size, m.At-f.Octets())
		}
		if size <= 0 {
			return f.end(ctx, m)
		}
		if err := f.pass(ctx); err != nil {
			return err
		}
		n, err := src.Read(buf[:size])
		if n > 0 {
			*taken += int64(n)
			f.add(n)
			whole = append(whole, buf[:n]...)
			if d.Progress != nil {
				d.Progress(*taken)
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			if (m.Die || m.Stall) && f.Octets() >= m.At {
				return f.end(ctx, m)
			}
			f.whole(whole)
			return nil
		case err != nil:
			return device.SourceError(err)
		}
	}
}

// pass waits at the gate.
func (f *Fake) pass(ctx context.Context) error {
	if f.Gate == nil {
		return ctx.Err()
	}
	select {
	case <-f.Gate:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *Fake) end(ctx context.Context, m Manner) error {
	if m.Stall {
		<-ctx.Done()
		return ctx.Err()
	}
	return &fault.Error{Op: "fake", Kind: fault.Unavailable, Text: "The connection to the device broke in the middle of the document."}
}

// Set changes the manner, from the next delivery on.
func (f *Fake) Set(m Manner) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Manner = m
}

// Condition says what the manner lets expect.
func (f *Fake) Condition(ctx context.Context) (site.Condition, error) {
	if err := ctx.Err(); err != nil {
		return site.Condition{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.Manner.Refuse {
		return site.Condition{State: "stopped", Text: "The device cannot be reached."}, nil
	}
	return site.Condition{State: "idle"}, nil
}
