package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"platen/directory"
	"platen/job"
)

// BenchmarkPeople measures how fast a large house is stored: 100,000 people with
// 150,000 cards, as a file brings them and as a directory does.
func BenchmarkPeople(b *testing.B) {
	const people = 100_000
	digest := func(s string) []byte { d := sha256.Sum256([]byte(s)); return d[:] }
	var list []Person
	var arrived []directory.Arrived
	for i := range people {
		p := Person{User: directory.User{Login: fmt.Sprint("user", i), FullName: fmt.Sprint("Person ", i), Email: fmt.Sprintf("user%d@example.org", i),
			Department: fmt.Sprint("department ", i%50), Enabled: true, Rights: []directory.Right{directory.Release}}}
		for k := range 1 + i%2 {
			p.Cards = append(p.Cards, directory.Card{ID: job.NewUUID(), Digest: digest(fmt.Sprint("card", i, k)), Last: "1234"})
		}
		list = append(list, p)
		arrived = append(arrived, directory.Arrived{Key: fmt.Sprintf("0198f000-0000-7000-8000-%012d", i), User: p.User, Cards: p.Cards})
	}
	open := func(b *testing.B) Scope {
		s := open(b, options(filepath.Join(b.TempDir(), "platen.db"), time.Now))
		sc, err := s.Default(context.Background())
		must(b, err)
		return sc
	}
	b.Run("file", func(b *testing.B) {
		for b.Loop() {
			sc := open(b)
			_, _, err := sc.ImportUsers(b.Context(), list, nil)
			must(b, err)
		}
	})
	b.Run("directory", func(b *testing.B) {
		for b.Loop() {
			sc := open(b)
			for part := range slices.Chunk(arrived, 5000) {
				_, err := sc.ApplyPeople(b.Context(), "source", part, nil)
				must(b, err)
			}
		}
	})
}
