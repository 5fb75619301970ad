package spool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"platen/fault"
	"platen/job"
)

// damage writes b as the file of d and checks that everybody notices: nothing
// that differs from plain is ever handed out.
func damage(t *testing.T, s *Spool, d job.Document, b, plain []byte, what string, at int) {
	t.Helper()
	replace(t, s.path(d.File), b)
	if err := s.Verify(t.Context(), "one", d); !fault.Is(err, fault.Invalid) {
		t.Errorf("%s %d: verified: %v", what, at, err)
	}
	got, err := readAll(s, "one", d)
	if !bytes.HasPrefix(plain, got) {
		t.Errorf("%s %d: read what was never written", what, at)
	}
	if err == nil && len(got) != len(plain) {
		t.Errorf("%s %d: the end is missing and nobody says so", what, at)
	}
}

// replace makes the file anew: ext4 writes one that was cut and filled again to
// the disk at once, and these tests do that a thousand times.
func replace(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestF19EveryFlippedOctetIsNoticed(t *testing.T) {
	s := newSpool(t)
	plain := pattern(150)
	d := keepOne(t, s, plain)
	whole := fileOf(t, s, d)
	manifestFrom, manifestTo := headerOctets+len(plain)+tagOctets, len(whole)-footerOctets
	for i := range whole {
		bad := bytes.Clone(whole)
		bad[i] ^= byte(1 << (i % 8))
		if i >= manifestFrom && i < manifestTo { // not part of the document: it prints, but it is not rebuilt from
			replace(t, s.path(d.File), bad)
			_, err := s.Manifest(d.File)
			wantKind(t, err, fault.Invalid)
			continue
		}
		damage(t, s, d, bad, plain, "flipped", i)
	}
}

func TestF19EveryTruncationIsNoticed(t *testing.T) {
	s := newSpool(t)
	plain := pattern(150)
	d := keepOne(t, s, plain)
	whole := fileOf(t, s, d)
	for i := range whole {
		damage(t, s, d, whole[:i], plain, "cut at", i)
		if _, err := s.Manifest(d.File); !errors.Is(err, errCut) {
			t.Errorf("cut at %d: %v, want incomplete", i, err)
		}
	}
	for _, more := range [][]byte{{0}, make([]byte, footerOctets), whole[len(whole)-footerOctets:], whole} {
		damage(t, s, d, append(bytes.Clone(whole), more...), plain, "longer by", len(more))
	}
}

func TestF19ChunksOutOfPlaceAreNoticed(t *testing.T) {
	s := newSpool(t)
	plain := pattern(3*chunkOctets + 100)
	d := keepOne(t, s, plain)
	whole := fileOf(t, s, d)
	const sealed = chunkOctets + tagOctets
	chunk := func(b []byte, i int) []byte { return b[headerOctets+i*sealed : headerOctets+(i+1)*sealed] }

	swapped := bytes.Clone(whole)
	copy(chunk(swapped, 0), chunk(whole, 1))
	copy(chunk(swapped, 1), chunk(whole, 0))
	damage(t, s, d, swapped, plain, "swapped", 0)

	repeated := bytes.Clone(whole)
	copy(chunk(repeated, 1), chunk(whole, 0))
	damage(t, s, d, repeated, plain, "repeated", 1)

	other := fileOf(t, s, keepOne(t, s, plain))
	foreign := bytes.Clone(whole)
	copy(chunk(foreign, 1), chunk(other, 1))
	damage(t, s, d, foreign, plain, "of another document", 1)

	// Without its third chunk, with a footer that says so.
	shorter := append(bytes.Clone(whole[:headerOctets+2*sealed]), whole[headerOctets+3*sealed:]...)
	binary.BigEndian.PutUint64(shorter[len(shorter)-footerOctets+atOctets:], uint64(len(plain)-chunkOctets))
	damage(t, s, d, shorter, plain, "shorter by", chunkOctets)

	// Cut after a whole chunk, with the old end.
	ended := append(bytes.Clone(whole[:headerOctets+2*sealed]), whole[headerOctets+3*sealed+100+tagOctets:]...)
	binary.BigEndian.PutUint64(ended[len(ended)-footerOctets+atOctets:], 2*chunkOctets)
	damage(t, s, d, ended, plain, "ended after", 2*chunkOctets)
}

func TestSwappedFilesAreNoticed(t *testing.T) {
	s := newSpool(t)
	a, b := keepOne(t, s, []byte("letter of Anna")), keepOne(t, s, []byte("letter of Ben!"))
	x, y := fileOf(t, s, a), fileOf(t, s, b)
	damage(t, s, a, y, []byte("letter of Anna"), "swapped", 0)
	damage(t, s, b, x, []byte("letter of Ben!"), "swapped", 1)
	if _, err := s.Manifest(a.File); !errors.Is(err, errMisplaced) {
		t.Errorf("manifest of a swapped file: %v", err)
	}
	// The same, with the header of the right one.
	mixed := append(bytes.Clone(x[:headerOctets]), y[headerOctets:]...)
	damage(t, s, a, mixed, []byte("letter of Anna"), "mixed", 0)
	// Two documents of one job.
	docs := keep(t, s, "one", job.NewUUID(), []byte("page 1"), []byte("page 2"))
	damage(t, s, docs[0], fileOf(t, s, docs[1]), []byte("page 1"), "swapped within a job", 0)
}

func TestAnotherTenantGetsNothing(t *testing.T) {
	s := newSpool(t)
	d := keepOne(t, s, []byte("x"))
	_, err := s.Reader("two", d)
	wantKind(t, err, fault.Invalid)
	wantKind(t, s.Verify(t.Context(), "two", d), fault.Invalid)
	// A header that says so does not help either.
	b := fileOf(t, s, d)
	copy(b[atTenant:], "two")
	if err := os.WriteFile(s.path(d.File), b, 0o600); err != nil {
		t.Fatal(err)
	}
	wantKind(t, s.Verify(t.Context(), "two", d), fault.Invalid)
}

func TestARowThatMeansAnotherDocumentIsNoticed(t *testing.T) {
	s := newSpool(t)
	good := keepOne(t, s, []byte("x"))
	for name, change := range map[string]func(*job.Document){
		"length": func(d *job.Document) { d.Octets++ },
		"digest": func(d *job.Document) { d.Digest = bytes.Clone(d.Digest); d.Digest[0] ^= 1 },
		"none":   func(d *job.Document) { d.Digest = nil },
	} {
		t.Run(name, func(t *testing.T) {
			d := good
			change(&d)
			wantKind(t, s.Verify(t.Context(), "one", d), fault.Invalid)
			_, err := readAll(s, "one", d)
			wantKind(t, err, fault.Invalid)
		})
	}
}

func TestFilesOfOtherKeysAreLeftUnread(t *testing.T) {
	s := newSpool(t)
	d := keepOne(t, s, []byte("x"))
	s.Keys = newSpool(t).Keys
	if _, err := s.Manifest(d.File); !errors.Is(err, errUnknownKey) {
		t.Errorf("err = %v, want an unknown key", err)
	}
	wantKind(t, s.Verify(t.Context(), "one", d), fault.Invalid)
}

func TestALaterFormatIsRefused(t *testing.T) {
	s := newSpool(t)
	d := keepOne(t, s, []byte("x"))
	b := fileOf(t, s, d)
	b[atVersion+1]++
	damage(t, s, d, b, []byte("x"), "version", 2)
	if _, err := s.Manifest(d.File); errors.Is(err, errCut) || errors.Is(err, errErased) {
		t.Errorf("a file of a later version would be swept: %v", err)
	}
}

func TestNames(t *testing.T) {
	const uuid = "0195a3c1-7d2e-7000-8a4b-1c2d3e4f5061"
	for name, ok := range map[string]bool{
		uuid + "-1.doc": true, uuid + "-9999.doc": true,
		uuid + "-0.doc": false, uuid + "-10000.doc": false, uuid + "-01.doc": false, uuid + "-+1.doc": false,
		uuid + "-1": false, uuid + ".doc": false, uuid + "-.doc": false, "-1.doc": false, ".doc": false, "": false,
		"g" + uuid[1:] + "-1.doc": false, uuid + "-1.doc.doc": false, "../" + uuid + "-1.doc": false,
	} {
		got, number, is := parseName(name)
		if is != ok || ok && fileName(got, number) != name {
			t.Errorf("%q: %q, %d, %v", name, got, number, is)
		}
	}
}

// FuzzFile gives the reader files that a stranger wrote. Nothing but the very
// file that was sealed is ever taken for whole.
func FuzzFile(f *testing.F) {
	golden := goldenFile(f, "v1-short.doc")
	f.Add(golden)
	f.Add(golden[:headerOctets])
	f.Add(append(bytes.Clone(golden[:headerOctets]), golden[len(golden)-footerOctets:]...))
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0xff}, headerOctets+tagOctets+tagOctets+footerOctets))
	s := goldenSpool(f)
	file := fileName(shortUUID, 1)
	m, err := s.Manifest(file)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		whole, err := s.openSource("fuzz", file, nopCloser{bytes.NewReader(b)}, int64(len(b)))
		if err != nil {
			wantKind(t, err, fault.Invalid)
			return
		}
		if _, err := whole.manifest(); err == nil && !bytes.Equal(b[whole.footer.manifestAt():], golden[whole.footer.manifestAt():]) {
			t.Error("a manifest that was never sealed was believed")
		}
		r, err := whole.reader("fuzz", "one", m.Document)
		if err != nil {
			wantKind(t, err, fault.Invalid)
			return
		}
		got, err := io.ReadAll(r)
		if !strings.HasPrefix(shortPlain, string(got)) || err == nil && string(got) != shortPlain {
			t.Error("read what was never written")
		}
		r.Close()
	})
}

type nopCloser struct{ io.ReaderAt }

func (nopCloser) Close() error { return nil }

// FuzzEnds gives the parsers of header and footer what a stranger wrote: what
// they accept, they would have written.
func FuzzEnds(f *testing.F) {
	whole := goldenFile(f, "v1.doc")
	f.Add(whole[:headerOctets], whole[len(whole)-footerOctets:], int64(len(whole)))
	f.Add([]byte("PLATENSP"), []byte("PLATENEN"), int64(-1))
	f.Fuzz(func(t *testing.T, head, foot []byte, size int64) {
		if h, err := parseHeader(head); err == nil && !bytes.Equal(h.marshal(), head[:headerOctets]) {
			t.Errorf("header %+v was not written like this", h)
		}
		end, err := parseFooter(foot, size)
		if err != nil {
			return
		}
		if end.size() != size || end.Octets < 0 || end.Manifest > maxManifest || end.manifestAt() < headerOctets ||
			!bytes.Equal(end.plain(), foot[:atDigest]) {
			t.Errorf("footer %+v of a file of %d octets", end, size)
		}
	})
}
