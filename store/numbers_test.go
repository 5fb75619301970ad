package store

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"platen/job"
)

// afterACrash is the store as a process finds it that starts when this one has been
// killed just now.
func (w *world) afterACrash(t *testing.T) Scope {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"platen.db", "platen.db-wal"} {
		b, err := os.ReadFile(filepath.Join(w.dir, name))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
	}
	s := open(t, options(filepath.Join(dir, "platen.db"), func() time.Time { return w.now }))
	return s.Tenant(w.a.Tenant())
}

func number(t *testing.T, s Scope) int64 {
	t.Helper()
	id, err := s.NextJobID(t.Context())
	must(t, err)
	return id
}

// TestJobNumbersAreGivenOnce: by whatever way, by however many, and with a crash
// between.
func TestJobNumbersAreGivenOnce(t *testing.T) {
	w := newWorld(t)
	var mu sync.Mutex
	given := map[int64]bool{}
	note := func(id int64) {
		mu.Lock()
		defer mu.Unlock()
		if id <= 0 || given[id] {
			t.Errorf("number %d is given twice", id)
		}
		given[id] = true
	}
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 2 * blockOfNumbers / 8 {
				if i%4 == g%4 { // as by LPR: the row gets one by itself
					j := newJob(fmt.Sprint("by itself ", g, i), anna)
					if err := w.a.AddJob(t.Context(), j, nil); err != nil {
						t.Error(err)
					}
					note(j.ID)
					continue
				}
				id, err := w.a.NextJobID(t.Context())
				if err != nil {
					t.Error(err)
				}
				note(id)
			}
		})
	}
	all.Wait()
	after := w.afterACrash(t)
	for range 2 * blockOfNumbers {
		note(number(t, after))
	}
}

// TestAStopLeavesNoGap: what is left of the block is given back.
func TestAStopLeavesNoGap(t *testing.T) {
	w := newWorld(t)
	before := number(t, w.a)
	path := filepath.Join(t.TempDir(), "platen.db")
	must(t, w.Backup(t.Context(), path))
	s, err := Open(t.Context(), options(path, time.Now))
	must(t, err)
	scope := s.Tenant(w.a.Tenant())
	first := number(t, scope)
	if first <= before {
		t.Errorf("%d was given before the copy, %d by it", before, first)
	}
	must(t, s.Close())
	if _, err := scope.NextJobID(t.Context()); err == nil {
		t.Error("a closed store gives numbers")
	}
	s = open(t, options(path, time.Now))
	if again := number(t, s.Tenant(w.a.Tenant())); again != first+1 {
		t.Errorf("%d, then after a stop %d", first, again)
	}
}

// TestAJobKeepsTheNumberItsClientWasTold: also when its row comes later, and when it
// is made again.
func TestAJobKeepsTheNumberItsClientWasTold(t *testing.T) {
	w := newWorld(t)
	told := newJob("told", anna)
	told.ID = number(t, w.a)
	id := told.ID
	must(t, w.a.AdmitJob(t.Context(), told, redo()))
	if got := w.job(t, id); got.UUID != told.UUID || told.ID != id {
		t.Errorf("job %d is %s, told was %s", id, got.UUID, told.UUID)
	}

	ahead := newJob("ahead", anna)
	ahead.ID = 5000
	must(t, w.a.RestoreJob(t.Context(), ahead, nil))
	if got := w.job(t, 5000); got.UUID != ahead.UUID {
		t.Errorf("job 5000 is %+v", got)
	}
	taken := newJob("taken", anna)
	taken.ID = id
	must(t, w.a.RestoreJob(t.Context(), taken, nil))
	if taken.ID == id || w.job(t, taken.ID).UUID != taken.UUID {
		t.Errorf("the number of another job: %d", taken.ID)
	}
	for range 2 * blockOfNumbers { // until the counter is asked again
		if number(t, w.a) == 5000 {
			t.Fatal("5000 was given again")
		}
	}
}

// TestAnOpenJobGetsItsDocumentsAgain: the row was there and what filled it was not.
func TestAnOpenJobGetsItsDocumentsAgain(t *testing.T) {
	w := newWorld(t)
	_, before, err := w.a.Usage(t.Context(), anna)
	must(t, err)
	o := announced("open", anna)
	must(t, w.a.OpenJob(t.Context(), o, anyone))
	found := filled(o, "open", anna)
	found.ID = 0 // whatever its documents say
	must(t, w.a.RestoreJob(t.Context(), found, entries("Recorded again.")))
	got := w.job(t, o.ID)
	if found.ID != o.ID || len(got.Documents) != 2 || !got.Has(job.HeldForRelease) {
		t.Errorf("job %d: %+v", found.ID, got)
	}
	if _, jobs, err := w.a.Usage(t.Context(), anna); err != nil || jobs != before+1 {
		t.Errorf("anna has %d jobs more, %v", jobs-before, err)
	}
}

// TestANewEpochPassesAllNumbers: those that were given after a backup are in no
// database that is made from it.
func TestANewEpochPassesAllNumbers(t *testing.T) {
	w := newWorld(t)
	before := number(t, w.a)
	path := filepath.Join(t.TempDir(), "platen.db")
	must(t, w.Backup(t.Context(), path))
	after := w.add(t, "after the backup", anna).ID
	at := filepath.Join(t.TempDir(), "platen.db")
	_, err := Restore(t.Context(), options(at, time.Now), path)
	must(t, err)
	s := open(t, options(at, time.Now))
	if id := number(t, s.Tenant(w.a.Tenant())); id < before+leap || id <= after {
		t.Errorf("%d and %d were given, then from the backup %d", before, after, id)
	}

	o := options(filepath.Join(t.TempDir(), "platen.db"), time.Now)
	o.Again = true
	if id := number(t, open(t, o).Tenant(w.a.Tenant())); id < leap {
		t.Errorf("a database in the place of one that is gone begins with %d", id)
	}
}
