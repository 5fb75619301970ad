package spool

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"platen/fault"
	"platen/internal/fsys"
	"platen/job"
)

// placeOf returns where a document of the log is.
func placeOf(t testing.TB, d job.Document) place {
	t.Helper()
	_, p, framed, ok := parseReference(d.File)
	if !ok || !framed {
		t.Fatalf("%q is not in the log", d.File)
	}
	return p
}

// patch changes octets of a segment.
func patch(t testing.TB, s *Spool, p place, at int64, change func(b []byte), n int) {
	t.Helper()
	f, err := os.OpenFile(s.segmentPath(p.segment), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, n)
	if _, err := f.ReadAt(b, p.offset+at); err != nil {
		t.Fatal(err)
	}
	change(b)
	if _, err := f.WriteAt(b, p.offset+at); err != nil {
		t.Fatal(err)
	}
}

func flip(b []byte) { b[0] ^= 0x40 }

func TestSmallDocumentsAreInTheLog(t *testing.T) {
	s := newLogSpool(t)
	for _, n := range []int{0, 1, 100, 2047, 2048, 2049, 10 << 10, chunkOctets - 1, chunkOctets} {
		plain := pattern(n)
		d := keepOne(t, s, plain)
		if !InLog(d.File) {
			t.Fatalf("%d octets: %q", n, d.File)
		}
		got, err := readAll(s, "one", d)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d octets: read %d, %v", n, len(got), err)
		}
		if err := s.Verify(t.Context(), "one", d); err != nil {
			t.Errorf("%d octets: %v", n, err)
		}
		m, err := s.Manifest(d.File)
		if err != nil || m.Document.File != d.File || m.Job.Ticket.Title == "" {
			t.Errorf("%d octets: %+v, %v", n, m, err)
		}
	}
	if d := keepOne(t, s, pattern(chunkOctets+1)); InLog(d.File) {
		t.Errorf("a large one is in the log: %q", d.File)
	}
	if names, err := s.Files(); err != nil || len(names) != 10 {
		t.Errorf("%q, %v", names, err)
	}
	if found := grep(t, s.Dir, canary); len(found) > 0 {
		t.Errorf("a title can be read in %q", found)
	}
}

func TestAJobOfSmallAndLargeDocuments(t *testing.T) {
	s := newLogSpool(t)
	plains := [][]byte{pattern(10), pattern(2 * chunkOctets), pattern(20)}
	docs := keep(t, s, "one", job.NewUUID(), plains...)
	for i, d := range docs {
		if got, err := readAll(s, "one", d); err != nil || !bytes.Equal(got, plains[i]) || d.Number != i+1 {
			t.Errorf("document %d: %v", i+1, err)
		}
	}
	if InLog(docs[1].File) || !InLog(docs[0].File) || !InLog(docs[2].File) {
		t.Errorf("%+v", docs)
	}
}

// TestLogMuchAtOnce: whoever comes while the disk is busy shares the next write.
func TestLogMuchAtOnce(t *testing.T) {
	s := newLogSpool(t)
	var mu sync.Mutex
	syncs := 0
	s.disk.syncFile = func(f *os.File) error {
		mu.Lock()
		syncs++
		mu.Unlock()
		return fsys.SyncFile(f)
	}
	const writers, each = 16, 40
	docs := make([][]job.Document, writers)
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				docs[w] = append(docs[w], keepOne(t, s, fmt.Appendf(nil, "%d of %d %s", i, w, strings.Repeat("x", 9000))))
			}
		})
	}
	all.Wait()
	seen := map[string]bool{}
	for w, list := range docs {
		for i, d := range list {
			if seen[d.File] {
				t.Fatalf("%s twice", d.File)
			}
			seen[d.File] = true
			if got, err := readAll(s, "one", d); err != nil || !strings.HasPrefix(string(got), fmt.Sprintf("%d of %d ", i, w)) {
				t.Errorf("%s: %.20q, %v", d.File, got, err)
			}
		}
	}
	if syncs > writers*each {
		t.Errorf("%d syncs for %d documents", syncs, writers*each)
	}
}

// A76: the key of an erased document is nowhere, and the others stay.
func TestA76ErasingInTheLog(t *testing.T) {
	s := newLogSpool(t)
	gone, stays := keepOne(t, s, []byte("gone")), keepOne(t, s, []byte("stays"))
	key := func() []byte {
		image, err := s.frameImage(placeOf(t, gone))
		if err != nil {
			t.Fatal(err)
		}
		return image[atKeyID:headerOctets]
	}
	wrapped := bytes.Clone(key())
	for range 2 {
		if err := s.Erase(gone.File); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(key(), make([]byte, headerOctets-atKeyID)) {
		t.Error("the key block is there")
	}
	if found := grep(t, s.Dir, string(wrapped[atWrapped-atKeyID:][:wrappedOctets])); len(found) > 0 {
		t.Errorf("the wrapped key is in %q", found)
	}
	_, err := s.Reader("one", gone)
	wantKind(t, err, fault.NotFound)
	if got, err := readAll(s, "one", stays); err != nil || string(got) != "stays" {
		t.Errorf("%q, %v", got, err)
	}
	if names, err := s.Files(); err != nil || !slices.Equal(names, []string{stays.File}) {
		t.Errorf("%q, %v", names, err)
	}
	if err := s.Erase(reference(fileName(job.NewUUID(), 1), place{7, 0})); err != nil {
		t.Errorf("a segment that is not there: %v", err)
	}
	other := reference(fileName(job.NewUUID(), 1), placeOf(t, stays))
	if err := s.Erase(other); err != nil {
		t.Error(err)
	}
	if _, err := readAll(s, "one", stays); err != nil {
		t.Errorf("erased under another name: %v", err)
	}
}

// F19: whatever octet of a frame changes, its document is not handed out, and
// its neighbours are.
func TestF19EveryFlippedOctetOfAFrame(t *testing.T) {
	s := newLogSpool(t)
	before, d, after := keepOne(t, s, []byte("before")), keepOne(t, s, []byte("this one")), keepOne(t, s, []byte("after"))
	p := placeOf(t, d)
	image, err := s.frameImage(p)
	if err != nil {
		t.Fatal(err)
	}
	checked := func() error {
		if err := s.Verify(t.Context(), "one", d); err != nil {
			return err
		}
		_, err := s.Manifest(d.File)
		return err
	}
	if err := checked(); err != nil {
		t.Fatal(err)
	}
	for at := range int64(prefixOctets + len(image)) {
		if at >= atPrefixSum+4 && at < prefixOctets {
			continue // nothing there
		}
		patch(t, s, p, at, flip, 1)
		if err := checked(); err == nil {
			t.Errorf("octet %d: nobody noticed", at)
		}
		patch(t, s, p, at, flip, 1)
	}
	for _, n := range []job.Document{before, d, after} {
		if err := s.Verify(t.Context(), "one", n); err != nil {
			t.Error(err)
		}
	}
}

// F20: what a start makes of the log.
func TestF20SettlingTheLog(t *testing.T) {
	h := newHouse(t)
	h.Spool.disk.filesOnly = false
	if _, err := h.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	whole, torn, rotten, direct, old := job.NewUUID(), job.NewUUID(), job.NewUUID(), job.NewUUID(), job.NewUUID()
	first := keep(t, h.Spool, "one", whole, []byte("one"), []byte("two"))
	cut := keep(t, h.Spool, "one", torn, []byte("cut"))
	patch(t, h.Spool, placeOf(t, cut[0]), prefixOctets+headerOctets+3+tagOctets, func(b []byte) { clear(b) }, 200)
	bad := keep(t, h.Spool, "one", rotten, []byte("bad"))
	patch(t, h.Spool, placeOf(t, bad[0]), prefixOctets+headerOctets, flip, 1)
	in := receive(t, h.Spool, "one", direct, 1, []byte("prints at once"))
	m := manifestOf("one", direct)
	m.Job.State = job.Pending
	if _, err := h.Spool.Seal(m, []*Incoming{in}); err != nil {
		t.Fatal(err)
	}
	gone := keep(t, h.Spool, "one", old, []byte("gone"))
	if err := h.Spool.Erase(gone[0].File); err != nil {
		t.Fatal(err)
	}

	h.Spool = again(h.Spool)
	found := h.settle(t)
	if found.Files != 5 || found.Restored != 1 || found.Swept+found.Quarantined != 3 {
		t.Errorf("settled %+v", found)
	}
	j := h.stores["one"].jobs[1]
	if j == nil || j.UUID != whole || j.State != job.Held || len(j.Documents) != 2 {
		t.Fatalf("%+v", j)
	}
	for i, d := range j.Documents {
		if d.File != first[i].File {
			t.Errorf("document %d is %q", i+1, d.File)
		}
	}
	if names, err := h.Spool.Files(); err != nil || len(names) != 2 {
		t.Errorf("%q, %v", names, err)
	}
}

// again is the same spool in another process.
func again(s *Spool) *Spool {
	return &Spool{Dir: s.Dir, Keys: s.Keys, Log: s.Log, Now: s.Now}
}

// TestQuarantineOfTheLog: what is put aside is a file like any other, and comes
// back as one.
func TestQuarantineOfTheLog(t *testing.T) {
	s := newLogSpool(t)
	d := keepOne(t, s, []byte("aside"))
	if err := s.Quarantine(d.File); err != nil {
		t.Fatal(err)
	}
	if names, err := s.Files(); err != nil || len(names) != 0 {
		t.Errorf("%q, %v", names, err)
	}
	name, _, _, _ := parseReference(d.File)
	aside := filepath.Join(s.Dir, quarantineFolder, someTime.Format(asideStamp)+asideSeparator+name)
	if err := os.Rename(aside, s.path(name)); err != nil {
		t.Fatal(err)
	}
	d.File = name
	if got, err := readAll(s, "one", d); err != nil || string(got) != "aside" {
		t.Errorf("%q, %v", got, err)
	}
	if m, err := s.Manifest(name); err != nil || m.Document.File != name {
		t.Errorf("%+v, %v", m, err)
	}
}

// TestSegmentsAreUsedAgain: and what stood in them before is nobody's.
func TestSegmentsAreUsedAgain(t *testing.T) {
	s := newLogSpool(t)
	if _, err := s.openFrames(); err != nil {
		t.Fatal(err)
	}
	fill := func() (docs []job.Document) {
		for range 2 * segmentOctets / (64 << 10) {
			docs = append(docs, keepOne(t, s, pattern(60<<10)))
		}
		return docs
	}
	var last []job.Document
	for range 4 {
		docs := fill()
		if _, err := s.EraseAll(filesOf(last)); err != nil {
			t.Fatal(err)
		}
		last = docs
	}
	s.waitForSpare()
	ids, err := s.segmentIDs()
	if err != nil || len(ids) > 2+3+mostSpare {
		t.Errorf("%d segments for two that are needed, %v", len(ids), err)
	}
	for _, d := range last {
		if err := s.Verify(t.Context(), "one", d); err != nil {
			t.Fatal(err)
		}
	}
	if names, err := s.Files(); err != nil || len(names) != len(last) {
		t.Errorf("%d files, want %d; %v", len(names), len(last), err)
	}
	fresh := again(s)
	found, err := fresh.openFrames()
	if err != nil || len(found) != len(last) {
		t.Errorf("the next process finds %d, %v", len(found), err)
	}
	if d := keepOne(t, fresh, []byte("x")); placeOf(t, d).segment <= ids[len(ids)-1] {
		t.Errorf("%s goes on with a segment of the process before, of which the last is %x", d.File, ids[len(ids)-1])
	}
}

func filesOf(docs []job.Document) (names []string) {
	for _, d := range docs {
		names = append(names, d.File)
	}
	return names
}

// waitForSpare returns when no segment is being made.
func (s *Spool) waitForSpare() {
	s.frames.mu.Lock()
	making := s.frames.making
	s.frames.mu.Unlock()
	if making != nil {
		<-making
	}
}

// F10: a log that cannot be synced takes no more.
func TestF10AFailedSyncOfTheLog(t *testing.T) {
	s := newLogSpool(t)
	kept := keepOne(t, s, []byte("before"))
	s.waitForSpare()
	s.disk.syncFile = func(*os.File) error { return syscall.EIO }
	uuid := job.NewUUID()
	in := receive(t, s, "one", uuid, 1, []byte("x"))
	_, err := s.Seal(manifestOf("one", uuid), []*Incoming{in})
	wantKind(t, err, fault.Unavailable)
	in.Discard()
	wantKind(t, s.Healthy(), fault.Unavailable)
	_, err = s.Create("one", job.NewUUID(), 1)
	wantKind(t, err, fault.Unavailable)
	if _, err := readAll(s, "one", kept); err != nil {
		t.Error(err)
	}
}

// F11: no room for a segment refuses this document and stops nothing.
func TestF11NoRoomForASegment(t *testing.T) {
	s := newLogSpool(t)
	s.disk.writeAt = func(*os.File, []byte, int64) (int, error) { return 0, syscall.ENOSPC }
	uuid := job.NewUUID()
	in := receive(t, s, "one", uuid, 1, []byte("x"))
	_, err := s.Seal(manifestOf("one", uuid), []*Incoming{in})
	wantKind(t, err, fault.Full)
	in.Discard()
	if err := s.Healthy(); err != nil {
		t.Error(err)
	}
	if ids, err := s.segmentIDs(); err != nil || len(ids) != 0 {
		t.Errorf("%v, %v", ids, err)
	}
	s.disk.writeAt = nil
	keepOne(t, s, []byte("x"))
}

// A24: documents that wait for their job take a bounded amount of memory; what
// is beyond gets files.
func TestA24WhatWaitsInMemoryIsBounded(t *testing.T) {
	s := newLogSpool(t)
	var ins []*Incoming
	uuid := job.NewUUID()
	for i := range mostHeld/chunkOctets + 10 {
		ins = append(ins, receive(t, s, "one", uuid, i+1, pattern(chunkOctets)))
	}
	if held := s.held.Load(); held > mostHeld {
		t.Errorf("%d octets are held", held)
	}
	files := 0
	for _, in := range ins {
		if in.filed {
			files++
		}
	}
	if files < 10 {
		t.Errorf("%d have files", files)
	}
	docs, err := s.Seal(manifestOf("one", uuid), ins)
	if err != nil || len(docs) != len(ins) {
		t.Fatal(err)
	}
	if held := s.held.Load(); held != 0 {
		t.Errorf("%d octets are held", held)
	}
}

func TestReferences(t *testing.T) {
	name := fileName(goldenUUID, 7)
	p := place{0xa1, 4096}
	if got, at, framed, ok := parseReference(reference(name, p)); !ok || !framed || got != name || at != p {
		t.Errorf("%q %+v %v %v", got, at, framed, ok)
	}
	for _, bad := range []string{
		"", "@", name + "@", name + "@1:0", name + "@00000000000000a1:1", name + "@00000000000000a1:-512", name + "@00000000000000A1:0",
		name + "@00000000000000a1:0x", name + "@00000000000000a1:8389120", "../" + reference(name, p), name + "@00000000000000a1:0512",
	} {
		if _, _, _, ok := parseReference(bad); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}

// FuzzSegment: whatever is in a segment, a start comes through it, and what it
// finds is within.
func FuzzSegment(f *testing.F) {
	s := newLogSpool(f)
	keepOne(f, s, []byte("one"))
	keepOne(f, s, pattern(700))
	ids, err := s.segmentIDs()
	if err != nil {
		f.Fatal(err)
	}
	b, err := os.ReadFile(s.segmentPath(ids[0]))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[:4096])
	f.Add(b[:1000])
	lie := bytes.Clone(b[:2048])
	binary.BigEndian.PutUint32(lie[atImageLen:], 1<<31)
	binary.BigEndian.PutUint32(lie[atPrefixSum:], crc32.ChecksumIEEE(lie[:atPrefixSum]))
	f.Add(lie)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<20 {
			return
		}
		s := again(s)
		s.Dir = filepath.Join(t.TempDir(), "spool")
		if err := s.prepare(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(s.segmentPath(1), b, 0o600); err != nil {
			t.Fatal(err)
		}
		found, err := s.openFrames()
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range found {
			if err := s.Erase(x.file); err != nil {
				t.Errorf("%s: %v", x.file, err)
			}
		}
		if names, err := s.Files(); err != nil || len(names) != 0 {
			t.Errorf("after erasing: %q, %v", names, err)
		}
	})
}
