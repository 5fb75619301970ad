package unpack

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"errors"
	"io"
	"testing"
)

var errTooMuch = errors.New("too much")

func read(t *testing.T, plain []byte, free, ratio int64) (int, error) {
	t.Helper()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	c := &Counted{R: &packed}
	r, err := gzip.NewReader(c)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(&Bounded{R: r, Packed: c, Free: free, Ratio: ratio, TooMuch: errTooMuch})
	return len(got), err
}

func TestBounded(t *testing.T) {
	noise := make([]byte, 1<<20)
	_, _ = rand.Read(noise)
	zeros := make([]byte, 1<<20) // becomes about a thousandth
	for name, c := range map[string]struct {
		plain       []byte
		free, ratio int64
		want        error
	}{
		"grows little":                   {noise, 1024, 2, nil},
		"grows a thousandfold":           {zeros, 1024, 100, errTooMuch},
		"grows, but is short all in all": {zeros, 1 << 20, 1, nil},
		"one octet beyond":               {zeros, 1<<20 - 1, 1, errTooMuch},
	} {
		t.Run(name, func(t *testing.T) {
			n, err := read(t, c.plain, c.free, c.ratio)
			if !errors.Is(err, c.want) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			if c.want == nil && n != len(c.plain) || c.want != nil && n >= len(c.plain) {
				t.Errorf("%d of %d octets", n, len(c.plain))
			}
		})
	}
}
