//go:build !chaos

// Package failpoint names the places where a crash or an error would hurt.
//
// In an ordinary build every function here is an empty one that the compiler
// removes. A build with the tag chaos reads PLATEN_FAILPOINTS and dies, fails or
// misbehaves at the places it names; see chaos.go.
package failpoint

import "time"

// Hit marks a place. In a chaos build the process may be killed here.
func Hit(string) {}

// Err marks an operation that may fail. It returns nil, or in a chaos build the
// error to pretend.
func Err(string) error { return nil }

// Defect reports whether a seeded defect is switched on. The harness must turn
// red for each of them.
func Defect(string) bool { return false }

// Now is the wall clock. In a chaos build it can be put forward and back.
func Now() time.Time { return time.Now() }
