package lpd_test

import (
	"strings"
	"testing"

	"platen/lpd"
)

// BenchmarkReceive is the protocol alone, with an intake that drops the
// document: the ceiling of whatever stands behind it.
func BenchmarkReceive(b *testing.B) {
	for name, size := range map[string]int{"10KiB": 10 << 10, "64MiB": 64 << 20} {
		b.Run(name, func(b *testing.B) {
			r := start(b, &memory{forget: true}, nil)
			content := strings.Repeat("x", size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				conn := r.dial(b)
				out := outgoing()
				out.Documents = []lpd.File{text("a", content, 1)}
				if _, err := new(lpd.Client).Send(b.Context(), conn, out); err != nil {
					b.Fatal(err)
				}
				conn.Close()
			}
		})
	}
}
