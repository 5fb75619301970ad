package spool

import (
	"bytes"
	"context"
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

// BenchmarkBesidePlain takes one document into the spool and writes the same
// octets into a plain file, in turns, because on a shared disk only the share of
// the one in the other means anything. A plain store is the limit: under its
// final name, file and folder synced, no encryption, no digest.
//
//	go test -run '^$' -bench BesidePlain -benchtime 2000x ./spool   (10KiB; 20x for 256MiB)
func BenchmarkBesidePlain(b *testing.B) {
	for name, octets := range map[string]int64{"10KiB": 10 << 10, "200KiB": 200 << 10, "256MiB": 256 << 20, "1GiB": 1 << 30} {
		b.Run(name, func(b *testing.B) {
			s, dir := newBenchSpool(b), b.TempDir()
			plain := noise(min(octets, 1<<20))
			var sealed, bare time.Duration
			n := 0
			for b.Loop() {
				began := time.Now()
				d := sealOnce(b, s, plain, octets)
				between := time.Now()
				path := storePlain(b, dir, plain, octets)
				sealed, bare = sealed+between.Sub(began), bare+time.Since(between)
				n++
				if octets >= 1<<20 { // small ones stay: a file system is slower while it has just removed many
					os.Remove(s.path(d.File))
					os.Remove(path)
				}
			}
			b.ReportMetric(float64(n)*float64(octets)/1e6/sealed.Seconds(), "sealed-MB/s")
			b.ReportMetric(float64(n)*float64(octets)/1e6/bare.Seconds(), "plain-MB/s")
			b.ReportMetric(float64(n)/sealed.Seconds(), "sealed/s")
			b.ReportMetric(float64(n)/bare.Seconds(), "plain/s")
			b.ReportMetric(bare.Seconds()/sealed.Seconds(), "share")
		})
	}
}

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

func storePlain(b *testing.B, dir string, plain []byte, octets int64) string {
	path := filepath.Join(dir, job.NewUUID())
	f, err := fsys.CreatePrivate(path)
	if err != nil {
		b.Fatal(err)
	}
	// Neither side of the copy may hand it to the kernel: a socket's octets
	// have to come through memory too.
	buf := make([]byte, min(octets, chunkOctets))
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
	return path
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

// BenchmarkSettle100k starts a node with 100,000 held jobs: the goal is less
// than 30 s for the whole start, of which this is a part.
func BenchmarkSettle100k(b *testing.B) {
	s := newBenchSpool(b)
	st := newFakeStore()
	k := &Keeper{
		Spool: s, Now: time.Now, Log: s.Log,
		Tenants: func(context.Context) ([]string, error) { return []string{"one"}, nil },
		Store:   func(string) KeeperStore { return st },
	}
	if _, err := k.Settle(b.Context()); err != nil {
		b.Fatal(err)
	}
	whole := make([]byte, 12<<10)
	for range 100_000 {
		uuid := job.NewUUID()
		d := job.Document{File: fileName(uuid, 1), Octets: 10 << 10}
		if err := os.WriteFile(s.path(d.File), whole, 0o600); err != nil {
			b.Fatal(err)
		}
		st.add(uuid, job.Held, d)
	}
	for b.Loop() {
		found, err := k.Settle(b.Context())
		if err != nil || found.Files != 100_000 || found.Aborted > 0 {
			b.Fatalf("%+v, %v", found, err)
		}
	}
}
