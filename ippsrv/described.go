package ippsrv

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/OpenPrinting/goipp"

	"platen/ipp"
	"platen/site"
)

// What a queue can do follows from what an administrator set up and from what its
// devices are, and both change a few times a day; but every client asks before it
// prints, and again every few seconds while it shows a printer. So it is worked out
// once, and what does not change with time is kept as the octets that go out.

// described is what a queue can do, and from what that follows.
type described struct {
	queue site.Queue
	all   []site.Device

	can     site.Capabilities
	media   []string
	devices []site.Device
}

// of reports whether it still holds.
func (d *described) of(q *site.Queue, all []site.Device) bool {
	return len(d.all) == len(all) && reflect.DeepEqual(&d.queue, q) && reflect.DeepEqual(d.all, all)
}

// lasting are the attributes that somebody asks for and that do not change with
// time, encoded.
type lasting struct {
	of     *described
	wanted wanted
	octets []byte
}

// descriptions keeps them.
type descriptions struct {
	mu      sync.RWMutex
	queues  map[string]*described // by queue id
	lasting map[string]lasting    // by lastingKey
	waiting map[string]count      // by queue id
}

// What of each is kept at most: then it begins anew.
const (
	mostDescribed = 4096
	mostLasting   = 256
	longestKey    = 4096
)

// describe returns what a queue can do.
func (s *Server) describe(q *site.Queue, all []site.Device) *described {
	k := &s.known
	k.mu.RLock()
	d := k.queues[q.ID]
	k.mu.RUnlock()
	if d != nil && d.of(q, all) {
		return d
	}
	d = &described{queue: *q, all: slices.Clone(all)}
	d.can, d.media, d.devices = capable(q, d.all)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.queues == nil || len(k.queues) >= mostDescribed {
		k.queues = map[string]*described{}
	}
	k.queues[q.ID] = d
	return d
}

// lastingKey is everything that the lasting attributes depend on besides the queue:
// what is asked for, and how the client reaches us.
func (p *printer) lastingKey(asked []string) string {
	var b strings.Builder
	for _, x := range append([]string{p.q.queue.ID, p.q.base, p.q.path, p.moreInfo(), strconv.FormatBool(p.q.hidden)}, asked...) {
		b.WriteString(x)
		b.WriteByte(0)
	}
	return b.String()
}

// lasting returns the lasting attributes that a request asks for, all of them when
// it does not say.
func (p *printer) lasting(asked []string) (lasting, error) {
	k, key := &p.q.s.known, p.lastingKey(asked)
	k.mu.RLock()
	l, ok := k.lasting[key]
	k.mu.RUnlock()
	if ok && l.of == p.described {
		return l, nil
	}
	l = lasting{of: p.described, wanted: wantedBy(p.q.msg, "all")}
	b := builder{wanted: l.wanted}
	p.describe(&b)
	octets, err := encoded(b.list)
	if err != nil || len(key) > longestKey || p.q.hidden { // a secret stays nowhere
		l.octets = octets
		return l, err
	}
	l.octets = octets
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.lasting == nil || len(k.lasting) >= mostLasting {
		k.lasting = map[string]lasting{}
	}
	k.lasting[key] = l
	return l, nil
}

// encoded returns attributes as they stand in a group of a message.
func encoded(list []goipp.Attribute) ([]byte, error) {
	const header = 8 + 1 // and the tag that begins the group
	m := goipp.Message{Groups: goipp.Groups{{Tag: goipp.TagPrinterGroup, Attrs: list}}}
	b, err := m.EncodeBytes()
	if err != nil {
		return nil, err
	}
	return b[header : len(b)-1], nil
}

// count is how many jobs of a queue are not done, as it was a moment ago.
type count struct {
	jobs  int
	until time.Time
}

// mostStale is how old it may be.
const mostStale = 2 * time.Second

// waiting counts the jobs of a queue that are not done. To count very many takes
// long, so that the answer is kept for as long as it is cheap to ask again.
func (p *printer) waiting() (a goipp.Attribute, ok bool) {
	k, id := &p.q.s.known, p.q.queue.ID
	began := time.Now()
	k.mu.RLock()
	c, there := k.waiting[id]
	k.mu.RUnlock()
	if there && began.Before(c.until) {
		return queued(c.jobs), true
	}
	n, err := p.q.s.Site.QueueWaiting(p.q.ctx, id)
	if err != nil {
		return goipp.Attribute{}, false
	}
	now := time.Now()
	c = count{n, now.Add(min(mostStale, 50*now.Sub(began)))}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.waiting == nil || len(k.waiting) >= mostDescribed {
		k.waiting = map[string]count{}
	}
	k.waiting[id] = c
	return queued(n), true
}

func queued(n int) goipp.Attribute { return ipp.Integer("queued-job-count", n) }
