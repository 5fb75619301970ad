package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"platen/directory"
)

// volume is a small disk of its own.
func volume(t *testing.T, octets int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", octets)); err != nil {
		t.Fatalf("mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("umount: %v", err)
		}
	})
	return dir
}

// fill takes what is left of a disk but for some octets.
func fill(t *testing.T, dir string, left int64) (lift func()) {
	t.Helper()
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Fallocate(int(f.Fd()), 0, 0, int64(st.Bavail)*st.Bsize-left); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

// manyPeople makes a file of people with a card each.
func manyPeople(t *testing.T, path string, n int) {
	t.Helper()
	var b strings.Builder
	b.WriteString("login;full_name;cards\n")
	for i := range n {
		fmt.Fprintf(&b, "u%05[1]d;User %[1]d;04DD%06[1]X\n", i)
	}
	next := path + ".next"
	if err := errors.Join(os.WriteFile(next, []byte(b.String()), 0o600), os.Rename(next, path)); err != nil {
		t.Fatal(err)
	}
}

// wholePeople counts the people of manyPeople who are there, each with the card.
func (h *house) wholePeople() (n int) {
	h.t.Helper()
	var list []struct {
		Login string
		Cards int
	}
	h.json(&list, "user", "list")
	for _, u := range list {
		if len(u.Login) != len("u00000") || u.Login[0] != 'u' {
			continue
		}
		n++
		if u.Cards != 1 {
			h.t.Errorf("%s has %d cards", u.Login, u.Cards)
		}
	}
	return n
}

// awaitLook waits for what the node does when it looks whose turn it is, on a machine
// that has much to do beside.
func awaitLook(t *testing.T, what string, is func() bool) {
	t.Helper()
	for until := time.Now().Add(8 * look); !is(); time.Sleep(look / 100) {
		if time.Now().After(until) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// TestF12TheDiskIsFullWhilePeopleAreStored: of what a directory says and the disk has
// no room for, nobody is stored by halves; it is told, and stored by itself when there
// is room again.
func TestF12TheDiskIsFullWhilePeopleAreStored(t *testing.T) {
	const few = 20
	for name, tt := range map[string]struct {
		many        int   // people: up to 2,000 are stored by 200, more all at once
		left        int64 // octets
		least, most int   // people who are stored
	}{
		"before anything":                {8_000, 0, few, few},
		"when some have been there":      {1_900, 2 << 20, few + 1, 1_899},
		"in the middle of a whole house": {8_000, 2 << 20, few, few},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			disk := volume(t, 128<<20)
			h := startDemo(t, filepath.Join(disk, "demo"))
			people := filepath.Join(t.TempDir(), "people.csv")
			manyPeople(t, people, few)
			h.must("source", "add", "corp", "--kind", "csv", "--path", people, "--every", "1s")
			h.must("source", "sync", "corp")
			type shown struct {
				Full, Good time.Time
				Report     directory.Run
			}
			state := func() (x shown) {
				t.Helper()
				h.json(&x, "source", "show", "corp")
				return x
			}
			await(t, "few people are there", func() bool { return state().Report.New == few })

			lift := fill(t, disk, tt.left)
			before := time.Now()
			manyPeople(t, people, tt.many)
			const sentence = "The disk of the print service is full. Please try again later."
			awaitLook(t, "the source says so", func() bool {
				x := state()
				return x.Report.Failed == sentence && strings.Contains(h.must("source", "list"), sentence)
			})
			if x := state(); x.Full.After(before) || x.Good.After(before) {
				t.Errorf("it counts as asked: %+v", x)
			}
			n := h.wholePeople()
			t.Logf("%d of %d people are stored", n, tt.many)
			if n < tt.least || n > tt.most {
				t.Errorf("want %d to %d", tt.least, tt.most)
			}

			lift()
			awaitLook(t, "the source was read", func() bool { return state().Good.After(before) })
			if n := h.wholePeople(); n != tt.many {
				t.Errorf("%d of %d people are there in the end", n, tt.many)
			}
			if !h.signsIn("card", "", fmt.Sprintf("04DD%06X", tt.many-1)) {
				t.Error("the last one cannot sign in")
			}
			h.end()
		})
	}
}
