//go:build !linux

package lpd

import "time"

// lobby has room for nobody here: each connection is waited for by its own
// goroutine.
type lobby struct {
	limit       time.Duration
	ready, late func(*conn)
	work        func(func())
}

func (*lobby) park(*conn) bool { return false }
func (*lobby) take(*conn) bool { return false }
func (*lobby) end()            {}
