package spool

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"platen/fault"
	"platen/internal/fsys"
	"platen/job"
)

// F10: a failed sync is never tried again on that descriptor, the job fails, and
// nothing more is taken until a probe has shown that the disk works.
func TestF10AFailedSyncStopsTheSpool(t *testing.T) {
	s := newSpool(t)
	var log logged
	s.Log = slog.New(slog.NewTextHandler(&log, nil))
	before := keepOne(t, s, []byte("before"))
	asked := map[*os.File]int{}
	s.disk.syncFile = func(f *os.File) error { asked[f]++; return &os.PathError{Op: "sync", Path: f.Name(), Err: syscall.EIO} }

	uuid := job.NewUUID()
	in := receive(t, s, "one", uuid, 1, []byte("x"))
	waiting := receive(t, s, "one", job.NewUUID(), 1, []byte("y"))
	_, err := s.Seal(manifestOf("one", uuid), []*Incoming{in})
	wantKind(t, err, fault.Unavailable)
	if !errors.Is(err, syscall.EIO) {
		t.Errorf("the cause is gone: %v", err)
	}
	if _, err := s.Seal(manifestOf("one", uuid), []*Incoming{in}); err == nil {
		t.Error("the same document was sealed in a second attempt")
	}
	for f, n := range asked {
		if n != 1 {
			t.Errorf("%s was synced %d times", f.Name(), n)
		}
	}
	wantKind(t, s.Healthy(), fault.Unavailable)
	_, err = s.Create("one", job.NewUUID(), 1)
	wantKind(t, err, fault.Unavailable)
	_, err = s.Seal(manifestOf("one", waiting.header.Job), []*Incoming{waiting})
	wantKind(t, err, fault.Unavailable)
	if got, err := readAll(s, "one", before); err != nil || string(got) != "before" {
		t.Errorf("reading has stopped too: %q, %v", got, err)
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
		t.Errorf("%d lines for one failure:\n%s", n, log.String())
	}

	if err := s.Probe(); err == nil {
		t.Error("the probe found nothing wrong")
	}
	wantKind(t, s.Healthy(), fault.Unavailable)
	s.disk.syncFile = nil
	if err := s.Probe(); err != nil {
		t.Error(err)
	}
	if err := s.Healthy(); err != nil {
		t.Error(err)
	}
	in.Discard()
	waiting.Discard()
	keepOne(t, s, []byte("after"))
	if names, err := s.Files(); err != nil || len(names) != 2 {
		t.Errorf("%q, %v", names, err)
	}
}

func TestF10AFailedSyncOfTheFolderStopsTheSpool(t *testing.T) {
	s := newSpool(t)
	keepOne(t, s, nil)
	s.disk.syncDir = func(string) error { return syscall.EIO }
	uuid := job.NewUUID()
	in := receive(t, s, "one", uuid, 1, []byte("x"))
	_, err := s.Seal(manifestOf("one", uuid), []*Incoming{in})
	wantKind(t, err, fault.Unavailable)
	wantKind(t, s.Healthy(), fault.Unavailable)
	in.Discard()
	if names, err := s.Files(); err != nil || len(names) != 1 {
		t.Errorf("%q, %v", names, err)
	}
}

// F11: a full disk refuses this document and no other.
func TestF11AFullDisk(t *testing.T) {
	for at, full := range map[string]func(f *os.File, b []byte, at int64) bool{
		"first chunk": func(_ *os.File, _ []byte, at int64) bool { return at == headerOctets },
		"later chunk": func(_ *os.File, _ []byte, at int64) bool { return at > headerOctets+chunkOctets },
		"trailer":     func(_ *os.File, b []byte, _ int64) bool { return bytes.Contains(b, endMagic) },
		"header":      func(_ *os.File, _ []byte, at int64) bool { return at == 0 },
	} {
		for _, errno := range []error{syscall.ENOSPC, syscall.EDQUOT} {
			t.Run(at, func(t *testing.T) {
				s := newSpool(t)
				s.disk.writeAt = func(f *os.File, b []byte, at int64) (int, error) {
					if full(f, b, at) {
						return 0, &os.PathError{Op: "write", Path: f.Name(), Err: errno}
					}
					return f.WriteAt(b, at)
				}
				uuid := job.NewUUID()
				in, err := s.Create("one", uuid, 1)
				if err != nil {
					t.Fatal(err)
				}
				err = in.ReadFrom(t.Context(), bytes.NewReader(pattern(3*chunkOctets)), 0)
				if err == nil {
					_, err = s.Seal(manifestOf("one", uuid), []*Incoming{in})
				}
				wantKind(t, err, fault.Full)
				in.Discard()
				wantNoFile(t, s)
				if err := s.Healthy(); err != nil {
					t.Errorf("a full disk is no broken one: %v", err)
				}
			})
		}
	}
}

func TestF11AFullDiskFoundOutBySync(t *testing.T) {
	s := newSpool(t)
	s.disk.syncFile = func(*os.File) error { return syscall.ENOSPC }
	uuid := job.NewUUID()
	in := receive(t, s, "one", uuid, 1, []byte("x"))
	_, err := s.Seal(manifestOf("one", uuid), []*Incoming{in})
	wantKind(t, err, fault.Full)
	if err := s.Healthy(); err != nil {
		t.Error(err)
	}
	in.Discard()
	if names, err := s.Files(); err != nil || len(names) != 1 {
		// the key could not be destroyed, so the file stays for the next start
		t.Errorf("%q, %v", names, err)
	}
}

func TestF14AWriteErrorRefusesTheDocument(t *testing.T) {
	s := newSpool(t)
	s.disk.writeAt = func(*os.File, []byte, int64) (int, error) { return 0, syscall.EROFS }
	in, err := s.Create("one", job.NewUUID(), 1)
	if err != nil {
		t.Fatal(err)
	}
	wantKind(t, in.ReadFrom(t.Context(), strings.NewReader("x"), 0), fault.Unavailable)
	wantKind(t, s.Probe(), fault.Unavailable)
}

func TestProbeReadsBack(t *testing.T) {
	s := newSpool(t)
	s.disk.writeAt = func(f *os.File, b []byte, at int64) (int, error) { return f.WriteAt(make([]byte, len(b)), at) }
	wantKind(t, s.Probe(), fault.Unavailable)
	s.disk = disk{syncDir: func(string) error { return syscall.EIO }}
	wantKind(t, s.Probe(), fault.Unavailable)
	s.disk = disk{}
	if err := s.Probe(); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(s.Dir); err != nil || len(entries) != 4 { // three folders and the witness
		t.Errorf("the probe has left something: %v, %v", entries, err)
	}
}

func TestASpoolWithoutAFolder(t *testing.T) {
	s := newSpool(t)
	if err := fsys.WriteFile(s.Dir, nil); err != nil { // a file where the folder should be
		t.Fatal(err)
	}
	_, err := s.Create("one", job.NewUUID(), 1)
	wantKind(t, err, fault.Unavailable)
	if err := s.Probe(); err == nil {
		t.Error("probed a file")
	}
	if _, err := s.Files(); err == nil {
		t.Error("listed a file")
	}
	if err := s.Quarantine("x"); err == nil {
		t.Error("put something aside in a file")
	}
}

func TestFoldersArePrivate(t *testing.T) {
	s := newSpool(t)
	d := keepOne(t, s, nil)
	for path, want := range map[string]os.FileMode{
		s.Dir: 0o700, s.docs(): 0o700, s.logDir(): 0o700, filepath.Join(s.Dir, quarantineFolder): 0o700, s.path(d.File): 0o600,
	} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

// F14: a file system that gives up its journal may call a sync that it has lost a
// success. The witness says so before anybody is promised anything.
func TestF14TheWitnessStopsTheSpool(t *testing.T) {
	for name, octets := range map[string]int{"a document with a file of its own": 100 << 10, "the first of a segment": 100} {
		t.Run(name, func(t *testing.T) {
			s := newSpool(t)
			s.disk.check = func() error { return syscall.EROFS }
			uuid := job.NewUUID()
			in := receive(t, s, "one", uuid, 1, make([]byte, octets))
			_, err := s.Seal(manifestOf("one", uuid), []*Incoming{in})
			wantKind(t, err, fault.Unavailable)
			if !errors.Is(err, syscall.EROFS) {
				t.Errorf("the cause is gone: %v", err)
			}
			wantKind(t, s.Healthy(), fault.Unavailable)
			if err := s.Probe(); err == nil {
				t.Error("the probe found nothing wrong")
			}
			s.disk.check = nil
			if err := s.Probe(); err != nil {
				t.Error(err)
			}
			if err := s.Healthy(); err != nil {
				t.Error(err)
			}
		})
	}
}
