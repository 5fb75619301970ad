package lpd

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

func FuzzStreamed(f *testing.F) {
	f.Add([]byte("hello"), 3, 2)
	f.Add([]byte("\x00\x00\x1b\x01@EJL\x00\x00"), 1, 1)
	f.Add([]byte("hello\x00"), 6, 100)
	f.Add([]byte("\x00"), 1, 1)
	f.Add(bytes.Repeat([]byte{0}, 3000), 1024, 512)
	f.Fuzz(func(t *testing.T, document []byte, sent, asked int) {
		sent, asked = 1+abs(sent)%2000, 1+abs(asked)%2000
		r := bufio.NewReaderSize(&pieces{document, sent}, maxLine)
		body := &streamed{r: r, conn: &conn{}}
		var got []byte
		var err error
		for err == nil {
			p := make([]byte, asked)
			var n int
			n, err = body.Read(p)
			got = append(got, p[:n]...)
		}
		if want := bytes.TrimSuffix(document, []byte{0}); !errors.Is(err, io.EOF) || !bytes.Equal(got, want) || body.octets != int64(len(want)) {
			t.Errorf("%d octets in pieces of %d became %d: %v", len(document), sent, len(got), err)
		}
	})
}

func abs(n int) int {
	if n < 0 {
		return -(n + 1)
	}
	return n
}

// pieces gives what is left a piece at a time.
type pieces struct {
	left []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.left) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), p.size)], p.left)
	p.left = p.left[n:]
	return n, nil
}

// TestStreamedLost: a stream that ends in anything but an orderly end is not
// whole, also when a NUL was held back.
func TestStreamedLost(t *testing.T) {
	reset := errors.New("connection reset")
	for _, document := range []string{"", "hello", "hello\x00"} {
		r := bufio.NewReader(io.MultiReader(bytes.NewBufferString(document), iotest.ErrReader(reset)))
		if _, err := io.ReadAll(&streamed{r: r, conn: &conn{}}); !errors.Is(err, reset) {
			t.Errorf("%q: err = %v", document, err)
		}
	}
}

func TestBounded(t *testing.T) {
	for name, tt := range map[string]struct {
		sent string
		size int64
		want string
		err  error
	}{
		"whole":      {"hello", 5, "hello", nil},
		"more comes": {"hello\x00\x02", 5, "hello", nil},
		"short":      {"hel", 5, "hel", io.ErrUnexpectedEOF},
		"nothing":    {"", 5, "", io.ErrUnexpectedEOF},
	} {
		got, err := io.ReadAll(&bounded{r: iotest.OneByteReader(bytes.NewBufferString(tt.sent)), left: tt.size})
		if string(got) != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
