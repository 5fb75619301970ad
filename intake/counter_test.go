package intake

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"platen/fault"
	"platen/job"
	"platen/pdl"
)

// fakePages counts letters.
type fakePages struct {
	mu    sync.Mutex
	asked int
	err   error
}

func (p *fakePages) Count(_ context.Context, language pdl.Language, open func() (io.ReadCloser, error)) (pdl.Result, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	r, err := open()
	if err != nil {
		return pdl.Result{}, err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	switch {
	case p.err != nil:
		return pdl.Result{}, p.err
	case err != nil:
		return pdl.Result{}, err
	case strings.Contains(string(b), "secret"):
		return pdl.Result{Pages: -1, Confidence: "none", Why: "This PDF opens with a password only."}, nil
	}
	return pdl.Result{Pages: len(b), Method: "parsed", Confidence: "high"}, nil
}

func (n *node) counter(p *fakePages) *Counter {
	return &Counter{Tenant: "one", Store: n.store, Spool: n.Spool, Pages: p, Log: n.Log}
}

func TestPagesAreCountedBehindTheAcknowledgement(t *testing.T) {
	n := newNode(t)
	five := n.mustSend("secure", "anna", "\x1b%-12345X@PJL SET DUPLEX=ON\n@PJL SET RENDERMODE=COLOR\n@PJL ENTER LANGUAGE=PDF\n%PDF-").Documents[0]
	locked := n.mustSend("secure", "anna", "%PDF-secret").Documents[0]
	label := n.mustSend("secure", "anna", "^XA").Documents[0]
	p := &fakePages{}
	if err := n.counter(p).round(t.Context(), map[string]bool{}); err != nil {
		t.Fatal(err)
	}
	want := map[string]job.Count{
		five.File:   {Pages: int(five.Octets), Sides: "two-sided-long-edge", Colour: "color", Method: "parsed", Confidence: "high"},
		locked.File: {Pages: job.Unknown, Confidence: "none", Why: "This PDF opens with a password only."},
	}
	for file, c := range want {
		if n.store.counts[file] != c {
			t.Errorf("got  %+v\nwant %+v", n.store.counts[file], c)
		}
	}
	if p.asked != 2 || label.Count.Why == "" || label.Count.Pages != job.Unknown {
		t.Errorf("asked %d times; a label: %+v", p.asked, label.Count)
	}
}

func TestADamagedDocumentIsNotCounted(t *testing.T) {
	n := newNode(t)
	d := n.mustSend("secure", "anna", "%PDF-x").Documents[0]
	n.store.jobs[0].Documents[0].Digest = []byte("another one's")
	if err := n.counter(&fakePages{}).round(t.Context(), map[string]bool{}); err != nil {
		t.Fatal(err)
	}
	if c := n.store.counts[d.File]; c.Pages != job.Unknown || c.Why != whyDamaged {
		t.Errorf("%+v", c)
	}
}

func TestADocumentThatWentIsPassedOver(t *testing.T) {
	n := newNode(t)
	gone := n.mustSend("secure", "anna", "%PDF-x").Documents[0]
	here := n.mustSend("secure", "anna", "%PDF-y").Documents[0]
	if err := n.Spool.Erase(gone.File); err != nil {
		t.Fatal(err)
	}
	later := map[string]bool{}
	if err := n.counter(&fakePages{}).round(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	if len(n.store.counted()) != 1 || n.store.counts[here.File].Pages != 6 || !later[gone.File] || n.log.Len() != 0 {
		t.Errorf("%v, later %v, log %s", n.store.counts, later, n.log)
	}
}

// A document that does not work does not keep the others waiting, is not asked
// about again and again, and gets another chance.
func TestTheCounterGoesOn(t *testing.T) {
	n := newNode(t)
	for range 2 * countAtOnce {
		n.mustSend("secure", "anna", "%PDF-x")
	}
	synctest.Test(t, func(t *testing.T) {
		p := &fakePages{err: &fault.Error{Kind: fault.Unavailable}}
		c := n.counter(p)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error)
		go func() { ended <- c.Serve(ctx) }()
		synctest.Wait()
		if p.asked != 2*countAtOnce {
			t.Errorf("asked %d times at the start", p.asked)
		}
		p.mu.Lock()
		p.err = nil
		p.mu.Unlock()
		c.Wake(1)
		c.Wake(1)
		synctest.Wait()
		if len(n.store.counted()) != 0 {
			t.Error("asked again at once")
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if len(n.store.counted()) != 2*countAtOnce {
			t.Errorf("%d were counted later", len(n.store.counted()))
		}
		n.store.breakDown(errors.New("boom"))
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	if said := n.log.String(); strings.Count(said, "boom") != 1 {
		t.Error(said)
	}
}
