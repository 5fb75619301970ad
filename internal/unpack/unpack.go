// Package unpack bounds how much a stranger's compressed octets may become.
package unpack

import "io"

// Counted counts what is read from R.
type Counted struct {
	R io.Reader
	N int64 // octets
}

func (c *Counted) Read(p []byte) (int, error) {
	n, err := c.R.Read(p)
	c.N += int64(n)
	return n, err
}

// Bounded is what Packed becomes when R unpacks it. What grows beyond all measure
// was made to fill a memory or a disk: beyond Free octets it may be at most Ratio
// times as long as what came. The read that goes beyond it gives its octets no
// more, and TooMuch.
type Bounded struct {
	R       io.Reader
	Packed  *Counted
	Free    int64 // octets
	Ratio   int64
	TooMuch error

	n int64
}

func (b *Bounded) Read(p []byte) (int, error) {
	n, err := b.R.Read(p)
	b.n += int64(n)
	if b.n > b.Free && b.n > b.Packed.N*b.Ratio {
		return 0, b.TooMuch
	}
	return n, err
}
