package spool

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"platen/fault"
	"platen/job"
)

// someTime is when the tests happen.
var someTime = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// newSpool is a spool in which every document has a file of its own, so that a
// few octets are enough for the tests of files.
func newSpool(t testing.TB) *Spool {
	t.Helper()
	s := newLogSpool(t)
	s.disk.filesOnly = true
	return s
}

// newLogSpool is a spool as it is in a node.
func newLogSpool(t testing.TB) *Spool {
	t.Helper()
	keys, err := CreateKeys(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	return &Spool{
		Dir: filepath.Join(t.TempDir(), "spool"), Keys: keys,
		Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return someTime },
	}
}

// receive streams one document in without sealing it.
func receive(t testing.TB, s *Spool, tenant, uuid string, number int, plain []byte) *Incoming {
	t.Helper()
	in, err := s.Create(tenant, uuid, number)
	if err != nil {
		t.Fatal(err)
	}
	if err := in.ReadFrom(context.Background(), bytes.NewReader(plain), 0); err != nil {
		t.Fatal(err)
	}
	in.Document.Name, in.Document.Copies, in.Document.Count = "name", 1, job.NoCount("test")
	return in
}

// manifestOf is what a door would say about a job.
func manifestOf(tenant, uuid string) Manifest {
	return Manifest{Tenant: tenant, Job: job.Job{
		UUID: uuid, State: job.Held, Reasons: []job.Reason{job.HeldForRelease},
		Owner: "anna", Ticket: job.Ticket{Title: "Title " + canary},
		Created: someTime, ExpiresAt: someTime.Add(96 * time.Hour),
	}}
}

// keep makes a whole job of one tenant durable.
func keep(t testing.TB, s *Spool, tenant, uuid string, plains ...[]byte) []job.Document {
	t.Helper()
	var ins []*Incoming
	for i, plain := range plains {
		ins = append(ins, receive(t, s, tenant, uuid, i+1, plain))
	}
	docs, err := s.Seal(manifestOf(tenant, uuid), ins)
	if err != nil {
		t.Fatal(err)
	}
	return docs
}

func keepOne(t testing.TB, s *Spool, plain []byte) job.Document {
	t.Helper()
	return keep(t, s, "one", job.NewUUID(), plain)[0]
}

// keepPrinting keeps the document of a job that would have been printed at once.
func keepPrinting(t testing.TB, s *Spool, plain []byte) job.Document {
	t.Helper()
	uuid := job.NewUUID()
	m := manifestOf("one", uuid)
	m.Job.State = job.Pending
	docs, err := s.Seal(m, []*Incoming{receive(t, s, "one", uuid, 1, plain)})
	if err != nil {
		t.Fatal(err)
	}
	return docs[0]
}

// readAll returns what the reader hands out before it ends or fails.
func readAll(s *Spool, tenant string, d job.Document) ([]byte, error) {
	r, err := s.Reader(tenant, d)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(struct{ io.Reader }{r})
}

// pattern is octets that repeat neither within a chunk nor from chunk to chunk.
func pattern(n int) []byte {
	b := make([]byte, n)
	source := rand.NewChaCha8([32]byte{1})
	source.Read(b)
	return b
}

// canary is a text that must never be on the disk.
const canary = "canary-5f0e8d1c-plaintext"

func wantKind(t testing.TB, err error, want fault.Kind) {
	t.Helper()
	if !fault.Is(err, want) {
		t.Errorf("err = %v, want kind %v", err, want)
	}
}

func wantNoFile(t testing.TB, s *Spool) {
	t.Helper()
	if names, err := s.Files(); err != nil || len(names) > 0 {
		t.Errorf("the spool holds %q, %v", names, err)
	}
}

func exists(t testing.TB, path string) bool {
	t.Helper()
	_, err := os.Lstat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

// grep returns the files below dir that contain text, or bear it in their name.
func grep(t testing.TB, dir, text string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.Contains(d.Name(), text) {
			found = append(found, path)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(text)) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// logged is a log that can be read.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
