package main

import (
	"sync"
	"time"
)

// cut is whether the node is cut off from what is beyond it, for a drill. It ends by
// itself, whatever becomes of the drill.
type cut struct {
	mu    sync.Mutex
	until time.Time
}

// begin cuts the node off for so long; false when it is already.
func (c *cut) begin(length time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().Before(c.until) {
		return false
	}
	c.until = time.Now().Add(length)
	return true
}

func (c *cut) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = time.Time{}
}

// now reports whether the node is cut off. A nil cut never is.
func (c *cut) now() bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Before(c.until)
}
