package spool

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"platen/job"
)

// The golden file was written by the first version: a later one must read it
// for ever. See ../testdata/spool/README.
const (
	goldenDir  = "../testdata/spool"
	goldenUUID = "0195a3c1-7d2e-7000-8a4b-1c2d3e4f5061"
	shortUUID  = "0195a3c1-7d2e-7000-8a4b-1c2d3e4f5062"
)

// goldenSpool is a spool with the golden keys and a copy of the golden files.
func goldenSpool(t testing.TB) *Spool {
	t.Helper()
	s := newSpool(t)
	data, err := os.ReadFile(filepath.Join(goldenDir, "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Keys, err = ImportKeys(data); err != nil {
		t.Fatal(err)
	}
	if err := s.prepare(); err != nil {
		t.Fatal(err)
	}
	for uuid, name := range map[string]string{goldenUUID: "v1.doc", shortUUID: "v1-short.doc"} {
		if err := os.WriteFile(s.path(fileName(uuid, 1)), goldenFile(t, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func goldenFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(goldenDir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func goldenPlain() []byte { return []byte(strings.Repeat("the quick brown fox, 70 kB of it\n", 2121)) }

const shortPlain = "a short one\n"

func TestGoldenFiles(t *testing.T) {
	s := goldenSpool(t)
	for uuid, plain := range map[string][]byte{goldenUUID: goldenPlain(), shortUUID: []byte(shortPlain)} {
		checkGolden(t, s, uuid, plain)
	}
}

func checkGolden(t *testing.T, s *Spool, uuid string, plain []byte) {
	m, err := s.Manifest(fileName(uuid, 1))
	if err != nil {
		t.Fatal(err)
	}
	want := manifestOf("one", uuid)
	want.Number, want.Of, want.Document = 1, 1, m.Document
	if !reflect.DeepEqual(m, want) {
		t.Errorf("manifest\n%+v\nwant\n%+v", m, want)
	}
	if err := s.Verify(t.Context(), "one", m.Document); err != nil {
		t.Error(err)
	}
	if got, err := readAll(s, "one", m.Document); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("read %d octets, %v", len(got), err)
	}
}

// A manifest is JSON with the field names of job.Job: whoever renames one there
// makes jobs unreadable that were accepted before.
func TestManifestKeepsEveryField(t *testing.T) {
	s := newSpool(t)
	uuid := job.NewUUID()
	m := manifestOf("one", uuid)
	m.Job.Ticket = job.Ticket{Title: "T", Claimed: "C", Host: "H", Class: "K", Banner: "L", Copies: 2, Sides: "one-sided", Cut: true, Extra: map[string]string{"Z": "z"}}
	m.Job.Origin = job.Origin{Door: "lpd", Queue: "secure", User: "u"}
	m.Job.Priority, m.Job.Queue, m.Job.OwnerRule, m.Job.Octets = 50, "q", "rule", 4
	in := receive(t, s, "one", uuid, 3, []byte("data"))
	in.Document = job.Document{Name: "N", Language: "pdf", Copies: 2, Count: job.Count{Pages: 3, Method: "parsed", Confidence: "high"}}
	docs, err := s.Seal(m, []*Incoming{in})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Manifest(docs[0].File)
	if err != nil {
		t.Fatal(err)
	}
	m.Number, m.Of, m.Document = 1, 1, docs[0]
	if !reflect.DeepEqual(got, m) {
		t.Errorf("got  %+v\nwant %+v", got, m)
	}
	if d := docs[0]; d.Number != 1 || d.Octets != 4 || len(d.Digest) != 32 || d.File != fileName(uuid, 3) {
		t.Errorf("document %+v", d)
	}
}
