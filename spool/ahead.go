package spool

import (
	"context"
	"sync"
	"time"

	"platen/job"
)

// Ahead authenticates the documents of people who have come to a device, before
// they ask for them: reading a large one to its end takes longer than everything
// else between the finger and the first octet. All fields are set before Serve.
type Ahead struct {
	*Spool
	Tenant string

	// Held returns the held jobs of an owner, newest first, at most limit of them.
	Held func(ctx context.Context, owner string, limit int) ([]job.Job, error)

	once sync.Once
	come chan string // owners

	mu   sync.Mutex
	read map[string]time.Time // what was found authentic, and when
}

// What is read ahead for one person at most, and for how long it counts. In that
// time a document may be damaged; its chunks are authenticated again as they are
// sent, so that no wrong octet goes out, but the beginning may.
const (
	aheadJobs   = 20
	aheadOctets = 256 << 20
	aheadFor    = 2 * time.Minute
)

func (a *Ahead) owners() chan string {
	a.once.Do(func() { a.come = make(chan string, 8) })
	return a.come
}

// Expect says that an owner may soon ask for documents. It is a hint, and returns
// at once.
func (a *Ahead) Expect(owner string) {
	select {
	case a.owners() <- owner:
	default: // many come at once: theirs are read when they are asked for
	}
}

// Serve reads ahead until ctx ends.
func (a *Ahead) Serve(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case owner := <-a.owners():
			a.readFor(ctx, owner)
		}
	}
}

// readFor reads what fits. What is wrong with a document is said when it is asked
// for.
func (a *Ahead) readFor(ctx context.Context, owner string) {
	jobs, err := a.Held(ctx, owner, aheadJobs)
	if err != nil {
		a.Log.Debug("spool: nothing was read ahead", "error", err)
		return
	}
	left := int64(aheadOctets)
	for _, j := range jobs {
		for _, d := range j.Documents {
			if left -= d.Octets; left < 0 {
				return
			}
			if !a.fresh(d) && a.Spool.Authenticate(ctx, a.Tenant, d) == nil {
				a.note(d)
			}
		}
	}
}

func (a *Ahead) note(d job.Document) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if a.read == nil {
		a.read = map[string]time.Time{}
	}
	for file, at := range a.read {
		if now.Sub(at) > aheadFor {
			delete(a.read, file)
		}
	}
	a.read[d.File] = now
}

func (a *Ahead) fresh(d job.Document) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	at, ok := a.read[d.File]
	return ok && time.Since(at) <= aheadFor
}

// Authenticate is Spool.Authenticate. Of a document that was read ahead only the
// header and the footer are looked at again.
func (a *Ahead) Authenticate(ctx context.Context, tenant string, d job.Document) error {
	if tenant != a.Tenant || !a.fresh(d) {
		return a.Spool.Authenticate(ctx, tenant, d)
	}
	r, err := a.reader("spool.Authenticate", tenant, d)
	if err != nil {
		return err
	}
	return r.Close()
}
