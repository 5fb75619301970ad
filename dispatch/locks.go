package dispatch

import (
	"context"
	"slices"
	"sync"
)

// locks keep two rows that describe one device from sending at the same time.
// The zero value is ready.
type locks struct {
	mu   sync.Mutex
	held map[string]chan struct{} // full while somebody holds the key
}

func (l *locks) key(k string) chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == nil {
		l.held = map[string]chan struct{}{}
	}
	c := l.held[k]
	if c == nil {
		c = make(chan struct{}, 1)
		l.held[k] = c
	}
	return c
}

// take waits for all keys, always in the same order, and returns what lets
// them go. It fails only when ctx ends.
func (l *locks) take(ctx context.Context, keys []string) (release func(), err error) {
	keys = slices.Compact(slices.Sorted(slices.Values(keys)))
	var mine []chan struct{}
	release = func() {
		for _, c := range mine {
			<-c
		}
	}
	for _, k := range keys {
		c := l.key(k)
		select {
		case c <- struct{}{}:
			mine = append(mine, c)
		case <-ctx.Done():
			release()
			return nil, ctx.Err()
		}
	}
	return release, nil
}
