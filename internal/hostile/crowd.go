package main

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// crowd is what stands before the node.
type crowd struct {
	next    atomic.Int64 // counts who joins, for addresses
	joined  atomic.Int64
	refused atomic.Int64 // did not get in, or were sent away in the first second
	here    atomic.Int64
	drip    atomic.Bool
	done    sync.WaitGroup

	mu      sync.Mutex
	clients []client
	born    time.Time
}

// gather lets n clients join, 16 at a time, and watches each of them: one that
// is closed by the node is gone.
func gather(ctx context.Context, nd *node, a attack) *crowd {
	c := &crowd{born: time.Now()}
	c.drip.Store(true)
	var joining sync.WaitGroup
	turns := make(chan struct{}, 16)
	for range a.clients {
		turns <- struct{}{}
		joining.Go(func() {
			defer func() { <-turns }()
			k, err := a.join(ctx, nd, c)
			if err != nil {
				c.refused.Add(1)
				return
			}
			c.joined.Add(1)
			c.here.Add(1)
			c.mu.Lock()
			c.clients = append(c.clients, k)
			c.mu.Unlock()
			c.watch(k)
		})
	}
	joining.Wait()
	return c
}

// storm has n clients at a time come again and again until ctx ends; whoever is not
// refused has joined.
func storm(ctx context.Context, nd *node, a attack) *crowd {
	c := &crowd{born: time.Now()}
	for range a.clients {
		c.done.Go(func() {
			for ctx.Err() == nil {
				if _, err := a.join(context.WithoutCancel(ctx), nd, c); err != nil {
					c.refused.Add(1)
				} else {
					c.joined.Add(1)
				}
			}
		})
	}
	return c
}

// watch reads until the node closes, and drips meanwhile.
func (c *crowd) watch(k client) {
	stop := make(chan struct{})
	at := time.Now()
	c.done.Go(func() {
		defer close(stop)
		_, _ = io.Copy(io.Discard, k)
		if time.Since(at) < time.Second {
			c.refused.Add(1)
		}
		c.here.Add(-1)
		k.Close()
	})
	if k.drip == "" {
		return
	}
	c.done.Go(func() {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		for {
			select {
			case <-stop:
				return
			case <-t.C:
				if c.drip.Load() {
					if _, err := io.WriteString(k, k.drip); err != nil {
						return
					}
				}
			}
		}
	})
}

// disperse ends whoever is left.
func (c *crowd) disperse() {
	c.mu.Lock()
	for _, k := range c.clients {
		k.Close()
	}
	c.mu.Unlock()
	c.done.Wait()
}

// awaitGone waits until the node has shed everybody.
func (c *crowd) awaitGone(ctx context.Context, within time.Duration) bool {
	for until := time.Now().Add(within); time.Now().Before(until) && ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		if c.here.Load() == 0 {
			return true
		}
	}
	return c.here.Load() == 0
}
