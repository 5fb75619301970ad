package spool

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/iotest"

	"platen/fault"
	"platen/internal/fsys"
	"platen/job"
)

func TestDocumentsComeBack(t *testing.T) {
	s := newSpool(t)
	readers := map[string]func(io.Reader) io.Reader{
		"whole": func(r io.Reader) io.Reader { return r },
		"half":  iotest.HalfReader,
		"eof":   iotest.DataErrReader,
	}
	for _, octets := range []int{0, 1, 100, headOctets, headOctets + 1, chunkOctets - 1, chunkOctets, chunkOctets + 1, 2*chunkOctets - 1, 2 * chunkOctets, 3*chunkOctets + 7} {
		for name, wrap := range readers {
			t.Run(strconv.Itoa(octets)+" "+name, func(t *testing.T) {
				plain := pattern(octets)
				uuid := job.NewUUID()
				in, err := s.Create("one", uuid, 1)
				if err != nil {
					t.Fatal(err)
				}
				if err := in.ReadFrom(t.Context(), wrap(bytes.NewReader(plain)), int64(octets)); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(in.Head(), plain[:min(octets, headOctets)]) || in.Octets() != int64(octets) {
					t.Errorf("head of %d octets, %d octets in all", len(in.Head()), in.Octets())
				}
				docs, err := s.Seal(manifestOf("one", uuid), []*Incoming{in})
				if err != nil {
					t.Fatal(err)
				}
				checkWhole(t, s, "one", docs[0], plain)
			})
		}
	}
}

// checkWhole reads a document in every way there is.
func checkWhole(t *testing.T, s *Spool, tenant string, d job.Document, plain []byte) {
	t.Helper()
	if err := s.Verify(t.Context(), tenant, d); err != nil {
		t.Error(err)
	}
	r, err := s.Reader(tenant, d)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(iotest.OneByteReader(r)); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("read %d octets of %d, %v", len(got), len(plain), err)
	}
	r.Close()
	if r, err = s.Reader(tenant, d); err != nil {
		t.Fatal(err)
	}
	begin := make([]byte, min(3, len(plain)))
	if _, err := io.ReadFull(r, begin); err != nil {
		t.Error(err)
	}
	var rest bytes.Buffer
	if n, err := io.Copy(&rest, r); err != nil || !bytes.Equal(append(begin, rest.Bytes()...), plain) {
		t.Errorf("copied %d octets of %d, %v", n, len(plain), err)
	}
	r.Close()
}

func TestSlowReaderGetsTheSameDocument(t *testing.T) {
	s := newSpool(t)
	plain := pattern(chunkOctets + 50)
	uuid := job.NewUUID()
	in, err := s.Create("one", uuid, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := in.ReadFrom(t.Context(), iotest.OneByteReader(bytes.NewReader(plain)), 0); err != nil {
		t.Fatal(err)
	}
	docs, err := s.Seal(manifestOf("one", uuid), []*Incoming{in})
	if err != nil {
		t.Fatal(err)
	}
	checkWhole(t, s, "one", docs[0], plain)
}

func TestEqualDocumentsHaveOneDigestWithinATenant(t *testing.T) {
	s := newSpool(t)
	plain := pattern(1000)
	a, b := keepOne(t, s, plain), keepOne(t, s, plain)
	other := keep(t, s, "two", job.NewUUID(), plain)[0]
	if !bytes.Equal(a.Digest, b.Digest) {
		t.Error("the same document twice is not noticed")
	}
	if bytes.Equal(a.Digest, other.Digest) {
		t.Error("two tenants can tell that they have the same document")
	}
	// On the disk nobody can tell, not even for one tenant.
	x, y := fileOf(t, s, a), fileOf(t, s, b)
	sealed := len(x) - footerOctets
	for at := atKeyID + keyIDSpace; at+16 <= sealed; at += 16 {
		if part := x[at : at+16]; bytes.Equal(part, y[at:at+16]) && !bytes.Equal(part, make([]byte, 16)) {
			t.Errorf("both files have the same octets at %d", at)
		}
	}
	if bytes.Equal(x[sealed+atDigest:], y[sealed+atDigest:]) {
		t.Error("both files show the same digest")
	}
}

func TestSealTakesTheOrderGiven(t *testing.T) {
	s := newSpool(t)
	uuid := job.NewUUID()
	first, second := receive(t, s, "one", uuid, 1, []byte("first")), receive(t, s, "one", uuid, 2, []byte("second"))
	docs, err := s.Seal(manifestOf("one", uuid), []*Incoming{second, first})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"second", "first"} {
		got, err := readAll(s, "one", docs[i])
		if err != nil || string(got) != want || docs[i].Number != i+1 {
			t.Errorf("document %d is %q, %v", docs[i].Number, got, err)
		}
		m, err := s.Manifest(docs[i].File)
		if err != nil || m.Number != i+1 || m.Of != 2 {
			t.Errorf("manifest says %d of %d, %v", m.Number, m.Of, err)
		}
	}
}

func TestSealRefusesWhatDoesNotBelong(t *testing.T) {
	s := newSpool(t)
	uuid := job.NewUUID()
	tests := map[string]func() (Manifest, *Incoming){
		"another job": func() (Manifest, *Incoming) {
			return manifestOf("one", uuid), receive(t, s, "one", job.NewUUID(), 1, nil)
		},
		"another tenant": func() (Manifest, *Incoming) {
			return manifestOf("two", uuid), receive(t, s, "one", uuid, 1, nil)
		},
		"still arriving": func() (Manifest, *Incoming) {
			in, err := s.Create("one", uuid, 2)
			if err != nil {
				t.Fatal(err)
			}
			return manifestOf("one", uuid), in
		},
		"discarded": func() (Manifest, *Incoming) {
			in := receive(t, s, "one", uuid, 3, nil)
			in.Discard()
			return manifestOf("one", uuid), in
		},
		"sealed before": func() (Manifest, *Incoming) {
			in := receive(t, s, "one", uuid, 4, nil)
			if _, err := s.Seal(manifestOf("one", uuid), []*Incoming{in}); err != nil {
				t.Fatal(err)
			}
			return manifestOf("one", uuid), in
		},
		"endless description": func() (Manifest, *Incoming) {
			m := manifestOf("one", uuid)
			m.Job.Message = string(make([]byte, maxManifest))
			return m, receive(t, s, "one", uuid, 5, nil)
		},
	}
	for name, make := range tests {
		t.Run(name, func(t *testing.T) {
			m, in := make()
			if docs, err := s.Seal(m, []*Incoming{in}); err == nil {
				t.Errorf("sealed %+v", docs)
			}
			in.Discard()
		})
	}
	wantNoFile(t, s)
}

func TestCreateRefusesBadNames(t *testing.T) {
	s := newSpool(t)
	good := job.NewUUID()
	tests := map[string]struct {
		tenant, uuid string
		number       int
	}{
		"no tenant":       {"", good, 1},
		"long tenant":     {string(bytes.Repeat([]byte("x"), tenantOctets+1)), good, 1},
		"tenant with NUL": {"a\x00b", good, 1},
		"tenant in latin": {"\xe4", good, 1},
		"path":            {"one", "../../../../../../etc/passwd-aaaaaaa", 1},
		"upper case":      {"one", "0195A3C1-7D2E-7000-8A4B-1C2D3E4F5061", 1},
		"short":           {"one", good[1:], 1},
		"number 0":        {"one", good, 0},
		"number 10000":    {"one", good, maxNumber + 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := s.Create(tt.tenant, tt.uuid, tt.number)
			wantKind(t, err, fault.Invalid)
		})
	}
	receive(t, s, "one", good, maxNumber, nil)
	in, err := s.Create("one", good, maxNumber)
	if err != nil {
		t.Fatal(err)
	}
	wantKind(t, in.ReadFrom(t.Context(), strings.NewReader("x"), 0), fault.Conflict)
	if names, err := s.Files(); err != nil || len(names) != 1 {
		t.Errorf("the first one is gone: %q, %v", names, err)
	}
}

func TestLimit(t *testing.T) {
	for _, limit := range []int{1, 1000, chunkOctets, chunkOctets + 1, 2*chunkOctets + 5} {
		s := newSpool(t)
		in, err := s.Create("one", job.NewUUID(), 1)
		if err != nil {
			t.Fatal(err)
		}
		err = in.ReadFrom(t.Context(), bytes.NewReader(pattern(limit+1)), int64(limit))
		wantKind(t, err, fault.TooLarge)
		wantNoFile(t, s)
	}
}

func TestAnEndlessDocumentStopsAtTheLimit(t *testing.T) {
	s := newSpool(t)
	in, err := s.Create("one", job.NewUUID(), 1)
	if err != nil {
		t.Fatal(err)
	}
	endless := &repeater{pattern(1000), 1 << 62, 0}
	wantKind(t, in.ReadFrom(t.Context(), endless, 1<<20), fault.TooLarge)
	if read := int64(1<<62) - endless.octets; read > 1<<20+2*chunkOctets {
		t.Errorf("%d octets were read for a limit of %d", read, 1<<20)
	}
	wantNoFile(t, s)
}

func TestF33AClientThatVanishesLeavesNothing(t *testing.T) {
	gone := errors.New("connection reset")
	for _, after := range []int{0, 10, chunkOctets, chunkOctets + 1, 3 * chunkOctets} {
		s := newSpool(t)
		in, err := s.Create("one", job.NewUUID(), 1)
		if err != nil {
			t.Fatal(err)
		}
		broken := io.MultiReader(bytes.NewReader(pattern(after)), iotest.ErrReader(gone))
		if err := in.ReadFrom(t.Context(), broken, 0); !errors.Is(err, gone) {
			t.Errorf("after %d: err = %v, want the reader's own", after, err)
		}
		wantNoFile(t, s)
		in.Discard() // once more does no harm
		if err := in.ReadFrom(t.Context(), bytes.NewReader(nil), 0); err == nil {
			t.Error("a document that is gone was read on")
		}
	}
}

func TestReadFromEnds(t *testing.T) {
	t.Run("with its context", func(t *testing.T) {
		s := newSpool(t)
		ctx, cancel := context.WithCancel(t.Context())
		in, err := s.Create("one", job.NewUUID(), 1)
		if err != nil {
			t.Fatal(err)
		}
		r := readerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil })
		if err := in.ReadFrom(ctx, r, 0); !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v", err)
		}
		wantNoFile(t, s)
	})
	t.Run("when nothing comes", func(t *testing.T) {
		s := newSpool(t)
		in, err := s.Create("one", job.NewUUID(), 1)
		if err != nil {
			t.Fatal(err)
		}
		r := readerFunc(func([]byte) (int, error) { return 0, nil })
		if err := in.ReadFrom(t.Context(), r, 0); !errors.Is(err, io.ErrNoProgress) {
			t.Errorf("err = %v", err)
		}
		wantNoFile(t, s)
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestDiscardRemovesAlsoWhatWasSealed(t *testing.T) {
	s := newSpool(t)
	uuid := job.NewUUID()
	in := receive(t, s, "one", uuid, 1, []byte("x"))
	if _, err := s.Seal(manifestOf("one", uuid), []*Incoming{in}); err != nil {
		t.Fatal(err)
	}
	in.Discard()
	in.Discard()
	wantNoFile(t, s)
	(*Incoming)(nil).Discard() // a door whose Create has failed
}

// A large document takes no more memory than a small one.
func TestMemoryIsConstant(t *testing.T) {
	s := newSpool(t)
	keepOne(t, s, nil) // folders and pools are there
	uuid := job.NewUUID()
	in, err := s.Create("one", uuid, 1)
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := in.ReadFrom(t.Context(), &repeater{pattern(1000), 64 << 20, 0}, 0); err != nil {
		t.Fatal(err)
	}
	docs, err := s.Seal(manifestOf("one", uuid), []*Incoming{in})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(t.Context(), "one", docs[0]); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 3<<20 { // the two buffers of a pipe, and little else
		t.Errorf("64 MiB in and out allocated %d octets", used)
	}
}

// I8, A66: neither the document nor its title is ever on the disk in the clear,
// also not while it arrives.
func TestPlaintextIsNeverOnTheDisk(t *testing.T) {
	s := newSpool(t)
	plain := bytes.Repeat([]byte(canary+"\n"), 10_000)
	look := func(when string) {
		t.Helper()
		if found := grep(t, s.Dir, canary); len(found) > 0 {
			t.Errorf("%s: in the clear in %q", when, found)
		}
	}
	uuid := job.NewUUID()
	in, err := s.Create("one", uuid, 1)
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	watched := readerFunc(func(p []byte) (int, error) {
		look("while it arrives")
		n := copy(p, plain[at:])
		at += n
		if n == 0 {
			return 0, io.EOF
		}
		return n, nil
	})
	if err := in.ReadFrom(t.Context(), watched, 0); err != nil {
		t.Fatal(err)
	}
	in.Document.Name = canary
	look("before it is sealed")
	docs, err := s.Seal(manifestOf("one", uuid), []*Incoming{in})
	if err != nil {
		t.Fatal(err)
	}
	look("sealed")
	if err := s.Quarantine(docs[0].File); err != nil {
		t.Fatal(err)
	}
	look("put aside")
}

// A document that never became a job cannot be read by anybody, even with the
// node's keys: its own key was only in memory.
func TestA76AnAbandonedDocumentHasNoKeyOnTheDisk(t *testing.T) {
	s := newSpool(t)
	in := receive(t, s, "one", job.NewUUID(), 1, pattern(100_000))
	head, err := os.ReadFile(s.path(in.file))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(head[:headerOctets], make([]byte, headerOctets)) {
		t.Error("the header was written before the job was complete")
	}
}

// A76: someone who finds the blocks of an erased document, here by a second name
// for the file, finds no key in them.
func TestA76ErasedDocumentsAreUnreadable(t *testing.T) {
	s := newSpool(t)
	d := keepOne(t, s, []byte("secret"))
	found := filepath.Join(t.TempDir(), "found")
	if err := os.Link(s.path(d.File), found); err != nil {
		t.Fatal(err)
	}
	before := fileOf(t, s, d)
	if err := s.Erase(d.File); err != nil {
		t.Fatal(err)
	}
	_, err := s.Reader("one", d)
	wantKind(t, err, fault.NotFound)
	if err := os.Rename(found, s.path(d.File)); err != nil {
		t.Fatal(err)
	}
	after := fileOf(t, s, d)
	if !bytes.Equal(after[atKeyID:headerOctets], make([]byte, headerOctets-atKeyID)) {
		t.Error("the key block is still there")
	}
	if bytes.Contains(after, before[atWrapped:atWrapped+wrappedOctets]) {
		t.Error("the wrapped key is still there")
	}
	_, err = s.Manifest(d.File)
	if wantKind(t, err, fault.Invalid); !errors.Is(err, errErased) {
		t.Errorf("err = %v, want erased", err)
	}
}

// F56: a crash after the key went and before the name did.
func TestF56ErasingResumes(t *testing.T) {
	s := newSpool(t)
	d := keepOne(t, s, []byte("secret"))
	if err := s.destroyKey(s.path(d.File)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Erase(d.File); err != nil {
			t.Fatal(err)
		}
	}
	wantNoFile(t, s)
}

func TestF56TheKeyGoesFirst(t *testing.T) {
	s := newSpool(t)
	d := keepOne(t, s, []byte("secret"))
	synced := false
	s.disk.syncFile = func(f *os.File) error {
		synced = exists(t, s.path(d.File))
		return fsys.SyncFile(f)
	}
	if err := s.Erase(d.File); err != nil || !synced {
		t.Errorf("the name went before the key: %v", err)
	}

	d = keepOne(t, s, []byte("secret"))
	s.disk.syncFile = func(*os.File) error { return syscall.EIO }
	if err := s.Erase(d.File); !errors.Is(err, syscall.EIO) || !exists(t, s.path(d.File)) {
		t.Errorf("err = %v; a document whose key may still be there has to stay", err)
	}
	s.disk = disk{writeAt: func(*os.File, []byte, int64) (int, error) { return 0, syscall.EROFS }}
	if err := s.Erase(d.File); !errors.Is(err, syscall.EROFS) || !exists(t, s.path(d.File)) {
		t.Errorf("err = %v", err)
	}
}

func TestA74LinksInTheSpoolHarmNothing(t *testing.T) {
	s := newSpool(t)
	d := keepOne(t, s, []byte("real"))
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, bytes.Repeat([]byte("victim "), 100), 0o600); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(outside)
	if err != nil {
		t.Fatal(err)
	}
	soft, hard := fileName(job.NewUUID(), 1), fileName(job.NewUUID(), 1)
	if err := os.Symlink(outside, s.path(soft)); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(outside, s.path(hard)); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{soft, hard} {
		d.File = file
		_, err := s.Reader("one", d)
		wantKind(t, err, fault.Invalid)
		if err := s.Erase(file); err != nil {
			t.Error(err)
		}
		if exists(t, s.path(file)) {
			t.Errorf("%s is still there", file)
		}
	}
	if got, err := os.ReadFile(outside); err != nil || !bytes.Equal(got, want) {
		t.Errorf("what the links meant was changed: %q, %v", got, err)
	}
	// A link to another document, under a name of its own.
	real := keepOne(t, s, []byte("other"))
	link := fileName(job.NewUUID(), 1)
	if err := os.Link(s.path(real.File), s.path(link)); err != nil {
		t.Fatal(err)
	}
	real.File = link
	_, err = s.Reader("one", real)
	wantKind(t, err, fault.Invalid)
}

func TestNamesAreNotPaths(t *testing.T) {
	s := newSpool(t)
	d := keepOne(t, s, []byte("x"))
	for _, bad := range []string{"", ".", "..", "../spool", "/etc/passwd", "../docs/" + d.File, d.File + "/..", "./" + d.File, d.File + "\x00", "clock.json"} {
		d.File = bad
		_, err := s.Reader("one", d)
		wantKind(t, err, fault.Invalid)
		wantKind(t, s.Verify(t.Context(), "one", d), fault.Invalid)
		wantKind(t, s.Erase(bad), fault.Invalid)
		_, err = s.Manifest(bad)
		wantKind(t, err, fault.Invalid)
		if err := s.Quarantine(bad); err == nil {
			t.Errorf("%q was put aside", bad)
		}
	}
}

func TestMissingDocument(t *testing.T) {
	s := newSpool(t)
	d := keepOne(t, s, []byte("x"))
	if err := os.Remove(s.path(d.File)); err != nil {
		t.Fatal(err)
	}
	_, err := s.Reader("one", d)
	wantKind(t, err, fault.NotFound)
	wantKind(t, s.Verify(t.Context(), "one", d), fault.NotFound)
	_, err = s.Manifest(d.File)
	wantKind(t, err, fault.NotFound)
	if err := s.Erase(d.File); err != nil {
		t.Error(err)
	}
	if err := s.Quarantine(d.File); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("put aside: %v", err)
	}
}

func TestReaderAfterClose(t *testing.T) {
	s := newSpool(t)
	r, err := s.Reader("one", keepOne(t, s, []byte("x")))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("read after close: %v", err)
	}
}

func TestWriteToStopsWhenTheDeviceDoes(t *testing.T) {
	s := newSpool(t)
	r, err := s.Reader("one", keepOne(t, s, pattern(2*chunkOctets)))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	jam := errors.New("paper jam")
	w := writerFunc(func(p []byte) (int, error) { return 5, jam })
	if n, err := io.Copy(w, r); n != 5 || !errors.Is(err, jam) {
		t.Errorf("copied %d octets, %v", n, err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestVerifyEndsWithItsContext(t *testing.T) {
	s := newSpool(t)
	d := keepOne(t, s, []byte("x"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Verify(ctx, "one", d); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
}

// Many jobs at once share syncs of the folder, and every one of them is covered
// by a sync that began after its file was made.
func TestFolderSyncsAreShared(t *testing.T) {
	s := newSpool(t)
	keepOne(t, s, nil)
	var syncs atomic.Int64
	begun, gate := make(chan struct{}, 100), make(chan struct{})
	s.disk.syncDir = func(dir string) error {
		syncs.Add(1)
		begun <- struct{}{}
		<-gate
		return fsys.SyncDir(dir)
	}
	const jobs = 20
	var ready sync.WaitGroup
	sealed := make(chan error)
	one := func() {
		uuid := job.NewUUID()
		in := receive(t, s, "one", uuid, 1, []byte("x"))
		ready.Done()
		_, err := s.Seal(manifestOf("one", uuid), []*Incoming{in})
		sealed <- err
	}
	ready.Add(1)
	go one()
	<-begun // a sync is under way that can cover nobody else
	ready.Add(jobs)
	for range jobs {
		go one()
	}
	ready.Wait()
	close(gate)
	for range jobs + 1 {
		if err := <-sealed; err != nil {
			t.Error(err)
		}
	}
	if n := syncs.Load(); n < 2 || n > jobs {
		t.Errorf("%d syncs of the folder for %d jobs", n, jobs+1)
	}
}

func TestSyncerNeverAnswersWithASyncThatBeganBefore(t *testing.T) {
	var s syncer
	var began atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				before := began.Load()
				var mine int64
				err := s.do(func() error { mine = began.Add(1); runtime.Gosched(); return nil })
				if err != nil || began.Load() <= before || mine != 0 && mine <= before {
					t.Errorf("sync %d answered a call made after sync %d had begun", mine, before)
				}
			}
		})
	}
	wg.Wait()
	failed := errors.New("bad disk")
	if err := s.do(func() error { return failed }); !errors.Is(err, failed) {
		t.Errorf("err = %v", err)
	}
}

func TestManyAtOnce(t *testing.T) {
	s := newSpool(t)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for n := range 5 {
				plain := pattern(i*7000 + n)
				d := keepOne(t, s, plain)
				if got, err := readAll(s, "one", d); err != nil || !bytes.Equal(got, plain) {
					t.Errorf("read %d octets of %d, %v", len(got), len(plain), err)
				}
				if err := s.Erase(d.File); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	wantNoFile(t, s)
}

func fileOf(t testing.TB, s *Spool, d job.Document) []byte {
	t.Helper()
	b, err := os.ReadFile(s.path(d.File))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
