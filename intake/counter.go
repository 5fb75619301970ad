package intake

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"platen/fault"
	"platen/job"
	"platen/pdl"
)

// Counter counts the pages of documents behind the acknowledgement, one at a
// time, the newest first. What it has not come to when the node stops it finds
// again at the next start. All fields are set before Serve.
type Counter struct {
	Tenant string
	Store  CountStore
	Spool  Reader
	Pages  Pages // *pdl.Counter is one
	Log    *slog.Logger
	Every  time.Duration // also looks when nobody wakes it, and then tries again what did not work; 5 min when 0

	once sync.Once
	wake chan struct{}
}

// Reader opens documents; *spool.Spool is one.
type Reader interface {
	Reader(tenant string, d job.Document) (io.ReadCloser, error)
}

// Pages counts the pages of a document outside of this process. A document that
// cannot be counted, or that ends whoever tries, is a result with its reason; an
// error says that it can be tried again.
type Pages interface {
	Count(ctx context.Context, language pdl.Language, open func() (io.ReadCloser, error)) (pdl.Result, error)
}

const whyDamaged = "The document is damaged."

// firstCount is what the head of a document says about its pages. What the
// Counter can count is left for it; the others cost no second commit.
func firstCount(h pdl.Head) job.Count {
	return job.Count{Pages: job.Unknown, Sides: h.Sides, Colour: h.Colour, Confidence: "none", Why: h.Language.WhyUncounted()}
}

// uncounted reports whether there is work for the Counter.
func uncounted(docs []job.Document) bool {
	return slices.ContainsFunc(docs, func(d job.Document) bool { return d.Count.Method == "" && d.Count.Why == "" })
}

// Wake says that a job may have documents to count. It is only a hint.
func (c *Counter) Wake(int64) {
	select {
	case c.woken() <- struct{}{}:
	default:
	}
}

func (c *Counter) woken() chan struct{} {
	c.once.Do(func() { c.wake = make(chan struct{}, 1) })
	return c.wake
}

// Serve counts until ctx ends, and returns nil.
func (c *Counter) Serve(ctx context.Context) error {
	every := c.Every
	if every <= 0 {
		every = 5 * time.Minute
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	later := map[string]bool{} // files that did not work in this round
	for {
		if err := c.round(ctx, later); err != nil && ctx.Err() == nil {
			c.Log.Warn("intake: counting pages failed", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-c.woken():
		case <-tick.C:
			clear(later)
		}
	}
}

// countAtOnce is how many documents are asked for at a time: few, so that a new
// job does not wait behind old ones.
const countAtOnce = 8

// round counts until nothing is left but what does not work.
func (c *Counter) round(ctx context.Context, later map[string]bool) error {
	for ctx.Err() == nil { // every time some go, or are put off
		list, err := c.Store.Uncounted(ctx, countAtOnce+len(later))
		if err != nil {
			return err
		}
		list = slices.DeleteFunc(list, func(f job.StoredFile) bool { return later[f.File] })
		if len(list) == 0 {
			return nil
		}
		for _, f := range list[:min(countAtOnce, len(list))] {
			err := c.one(ctx, f)
			if err == nil {
				continue
			}
			later[f.File] = true
			if !fault.Is(err, fault.NotFound) && ctx.Err() == nil { // else it went meanwhile, or we do
				c.Log.Warn("intake: a document could not be counted yet", "job", f.Job, "error", err)
			}
		}
	}
	return nil
}

// one counts one document and stores the answer. NotFound says that it is gone.
func (c *Counter) one(ctx context.Context, f job.StoredFile) error {
	const op = "intake.Counter"
	j, err := c.Store.Job(ctx, f.Job)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	i := slices.IndexFunc(j.Documents, func(d job.Document) bool { return d.File == f.File })
	if i < 0 {
		return &fault.Error{Op: op, Kind: fault.NotFound}
	}
	count, err := c.count(ctx, j.Documents[i])
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	if err := c.Store.SetCount(ctx, f.File, count); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}

func (c *Counter) count(ctx context.Context, d job.Document) (job.Count, error) {
	r, err := c.Pages.Count(ctx, pdl.Language(d.Language), func() (io.ReadCloser, error) { return c.Spool.Reader(c.Tenant, d) })
	n := job.NoCount(r.Why)
	switch {
	case fault.Is(err, fault.Invalid):
		n = job.NoCount(whyDamaged)
	case err != nil:
		return n, err
	case r.Pages > 0:
		n = job.Count{Pages: r.Pages, Method: r.Method, Confidence: r.Confidence}
	}
	n.Sides, n.Colour = d.Count.Sides, d.Count.Colour // what its header said
	return n, nil
}
