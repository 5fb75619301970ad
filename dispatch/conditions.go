package dispatch

import (
	"context"
	"maps"
	"sync"
	"time"

	"platen/fault"
	"platen/site"
)

// conditions is what was last seen of each device. It is written behind the
// deliveries, never before them: to know that a device is busy is worth no
// disk sync between a card and the first page. The zero value is ready.
type conditions struct {
	mu      sync.Mutex
	now     map[string]site.Condition
	written map[string]site.Condition
}

// Times of writing conditions.
const (
	writeEvery = time.Second // at most so often
	seenEvery  = time.Minute // a new Seen alone is written so often
)

func (c *conditions) initLocked() {
	if c.now == nil {
		c.now, c.written = map[string]site.Condition{}, map[string]site.Condition{}
	}
}

// start is what the store says of a device.
func (c *conditions) start(id string, was site.Condition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.initLocked()
	c.now[id], c.written[id] = was, was
}

func (c *conditions) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.now, id)
	delete(c.written, id)
}

// set notes a condition. Since is when its State or Text was first seen.
func (c *conditions) set(id string, s site.Condition, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.initLocked()
	was := c.now[id]
	s.Since = now
	if was.State == s.State && was.Text == s.Text && !was.Since.IsZero() {
		s.Since = was.Since
	}
	if s.Seen.IsZero() {
		s.Seen = was.Seen
	}
	c.now[id] = s
}

// serve writes until end is closed, and what is left then.
func (c *conditions) serve(ctx context.Context, d *Dispatcher, end <-chan struct{}) {
	tick := time.NewTicker(writeEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.write(ctx, d)
		case <-end:
			c.write(ctx, d)
			return
		}
	}
}

func (c *conditions) write(ctx context.Context, d *Dispatcher) {
	for id, s := range c.news() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
		err := d.Store.SetCondition(ctx, id, s)
		cancel()
		if err != nil && !fault.Is(err, fault.NotFound) {
			d.Log.Warn("dispatch: the condition of a device could not be written", "device", id, "error", err)
			return
		}
		c.mu.Lock()
		if _, known := c.now[id]; known {
			c.written[id] = s
		}
		c.mu.Unlock()
	}
}

// news returns what is worth writing.
func (c *conditions) news() map[string]site.Condition {
	c.mu.Lock()
	defer c.mu.Unlock()
	news := maps.Clone(c.now)
	maps.DeleteFunc(news, func(id string, s site.Condition) bool {
		w := c.written[id]
		return s.State == w.State && s.Text == w.Text && s.Since.Equal(w.Since) && s.Seen.Sub(w.Seen) < seenEvery
	})
	return news
}
