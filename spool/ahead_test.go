package spool

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"

	"platen/fault"
	"platen/job"
)

// What was read ahead is not read again, and what has happened to it since is
// still noticed: at once when it is gone, and before a wrong octet goes out.
func TestReadAhead(t *testing.T) {
	s := newSpool(t)
	plain := pattern(3*chunkOctets + 5)
	docs := []job.Document{
		keep(t, s, "one", job.NewUUID(), plain)[0], keep(t, s, "one", job.NewUUID(), plain)[0], keep(t, s, "one", job.NewUUID(), plain)[0],
	}
	bad := fileOf(t, s, docs[2])
	bad[headerOctets+chunkOctets+100] ^= 1
	replace(t, s.path(docs[2].File), bad) // before it is read ahead

	asked := 0
	a := &Ahead{Spool: s, Tenant: "one", Held: func(_ context.Context, owner string, limit int) ([]job.Job, error) {
		asked++
		if owner != "anna" {
			return nil, errors.New("the store does not answer")
		}
		var list []job.Job
		for _, d := range docs {
			list = append(list, job.Job{Documents: []job.Document{d}})
		}
		return list[:min(limit, len(list))], nil
	}}
	a.readFor(t.Context(), "ben")
	if a.fresh(docs[0]) {
		t.Error("a store that does not answer was taken for a document")
	}
	a.readFor(t.Context(), "anna")
	if !a.fresh(docs[0]) || !a.fresh(docs[1]) || a.fresh(docs[2]) || asked != 2 {
		t.Errorf("read ahead: %v %v, a damaged one %v, asked %d times", a.fresh(docs[0]), a.fresh(docs[1]), a.fresh(docs[2]), asked)
	}
	for _, d := range docs[:2] {
		if err := a.Authenticate(t.Context(), "one", d); err != nil {
			t.Error(err)
		}
	}
	wantKind(t, a.Authenticate(t.Context(), "one", docs[2]), fault.Invalid)
	wantKind(t, a.Authenticate(t.Context(), "two", docs[0]), fault.Invalid)

	bad = bytes.Clone(fileOf(t, s, docs[0])) // and after
	bad[headerOctets+chunkOctets+100] ^= 1
	replace(t, s.path(docs[0].File), bad)
	got, err := readAll(s, "one", docs[0])
	if wantKind(t, err, fault.Invalid); !bytes.HasPrefix(plain, got) {
		t.Error("octets that were never stored went out")
	}
	if err := os.Remove(s.path(docs[1].File)); err != nil {
		t.Fatal(err)
	}
	wantKind(t, a.Authenticate(t.Context(), "one", docs[1]), fault.NotFound)
}
