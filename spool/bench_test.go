package spool

import (
	"bytes"
	"crypto/rand"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"platen/internal/fsys"
	"platen/job"
)

// The benchmarks run the plain disk beside the spool, because only the ratio of
// the two means anything: run them in one command, several times.
//
//	go test -run '^$' -bench . -count 5 ./spool

func BenchmarkSeal10KiB(b *testing.B) { benchmarkSeal(b, 10<<10) }

func BenchmarkSeal256MiB(b *testing.B) { benchmarkSeal(b, 256<<20) }

func BenchmarkSeal1GiB(b *testing.B) { benchmarkSeal(b, 1<<30) }

func BenchmarkPlain10KiB(b *testing.B) { benchmarkPlain(b, 10<<10) }

func BenchmarkPlain256MiB(b *testing.B) { benchmarkPlain(b, 256<<20) }

func BenchmarkPlain1GiB(b *testing.B) { benchmarkPlain(b, 1<<30) }

func BenchmarkSeal10KiBParallel8(b *testing.B) {
	s := newBenchSpool(b)
	plain := noise(10 << 10)
	b.SetParallelism(8)
	b.SetBytes(int64(len(plain)))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			sealOnce(b, s, plain, int64(len(plain)))
		}
	})
}

func BenchmarkVerify256MiB(b *testing.B) {
	s := newBenchSpool(b)
	d := sealOnce(b, s, noise(1<<20), 256<<20)
	b.SetBytes(d.Octets)
	for b.Loop() {
		if err := s.Verify(b.Context(), "one", d); err != nil {
			b.Fatal(err)
		}
	}
}

func newBenchSpool(b *testing.B) *Spool {
	b.Helper()
	keys, err := CreateKeys(filepath.Join(b.TempDir(), "keys"))
	if err != nil {
		b.Fatal(err)
	}
	return &Spool{Dir: b.TempDir(), Keys: keys, Log: slog.New(slog.DiscardHandler), Now: time.Now}
}

// benchmarkSeal: files stay, because a file system is slower while it has just
// removed many; the large ones are removed outside the time.
func benchmarkSeal(b *testing.B, octets int64) {
	s := newBenchSpool(b)
	plain := noise(min(octets, 1<<20))
	b.SetBytes(octets)
	b.ReportAllocs()
	for b.Loop() {
		d := sealOnce(b, s, plain, octets)
		if octets >= 1<<20 {
			b.StopTimer()
			os.Remove(s.path(d.File))
			b.StartTimer()
		}
	}
}

func sealOnce(b *testing.B, s *Spool, plain []byte, octets int64) job.Document {
	uuid := job.NewUUID()
	in, err := s.Create("one", uuid, 1)
	if err != nil {
		b.Fatal(err)
	}
	if err := in.ReadFrom(b.Context(), &repeater{plain, octets, 0}, 0); err != nil {
		b.Fatal(err)
	}
	docs, err := s.Seal(Manifest{Tenant: "one", Job: job.Job{UUID: uuid}}, []*Incoming{in})
	if err != nil {
		b.Fatal(err)
	}
	return docs[0]
}

// benchmarkPlain is the limit: the same octets into a file under its final
// name, file and folder synced, no encryption.
func benchmarkPlain(b *testing.B, octets int64) {
	dir := b.TempDir()
	plain := noise(min(octets, 1<<20))
	buf := make([]byte, 64<<10)
	b.SetBytes(octets)
	for b.Loop() {
		path := filepath.Join(dir, job.NewUUID())
		f, err := fsys.CreatePrivate(path)
		if err != nil {
			b.Fatal(err)
		}
		// struct{ io.Writer }: no copy inside the kernel, as from a socket
		if _, err := io.CopyBuffer(struct{ io.Writer }{f}, struct{ io.Reader }{&repeater{plain, octets, 0}}, buf); err != nil {
			b.Fatal(err)
		}
		if err := fsys.SyncFile(f); err != nil {
			b.Fatal(err)
		}
		f.Close()
		if err := fsys.SyncDir(dir); err != nil {
			b.Fatal(err)
		}
		if octets >= 1<<20 {
			b.StopTimer()
			os.Remove(path)
			b.StartTimer()
		}
	}
}

// repeater reads block over and over, octets in all.
type repeater struct {
	block  []byte
	octets int64
	at     int
}

func (r *repeater) Read(p []byte) (int, error) {
	if r.octets == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(int64(len(p)), r.octets)], r.block[r.at:])
	r.at = (r.at + n) % len(r.block)
	r.octets -= int64(n)
	return n, nil
}

func noise(n int64) []byte {
	var b bytes.Buffer
	io.CopyN(&b, rand.Reader, n)
	return b.Bytes()
}
