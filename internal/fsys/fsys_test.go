package fsys

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"platen/fault"
)

func TestWriteFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	for _, want := range []string{"first", "second, longer", ""} {
		if err := WriteFile(path, []byte(want)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("read %q, %v, want %q", got, err, want)
		}
	}
	onlyEntry(t, filepath.Dir(path), "state")
}

func TestWriteFileLeavesNothingBehindWhenItFails(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "taken", "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(filepath.Join(dir, "taken"), []byte("x")); err == nil {
		t.Error("a folder was replaced by a file")
	}
	onlyEntry(t, dir, "taken")
	if err := WriteFile(filepath.Join(dir, "nowhere", "f"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("err = %v, want not exist", err)
	}
}

func TestRename(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	for _, path := range []string{from, to} {
		if err := WriteFile(path, []byte(path)); err != nil {
			t.Fatal(err)
		}
	}
	if err := Rename(from, to); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(to); err != nil || string(got) != from {
		t.Errorf("read %q, %v", got, err)
	}
	onlyEntry(t, dir, "to")
	if err := Rename(from, to); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("err = %v, want not exist", err)
	}
}

func TestRemoveFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := WriteFile(path, nil); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it is missing, and that is fine
		if err := RemoveFile(path); err != nil {
			t.Fatal(err)
		}
	}
	full := t.TempDir()
	if err := WriteFile(filepath.Join(full, "f"), nil); err != nil {
		t.Fatal(err)
	}
	if err := RemoveFile(full); err == nil {
		t.Error("a folder with a file in it was removed")
	}
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	release, err := Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(path); !fault.Is(err, fault.Conflict) {
		t.Errorf("second lock: %v, want a conflict", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	release, err = Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(filepath.Join(path, "below")); err == nil || fault.Is(err, fault.Conflict) {
		t.Errorf("a lock below a file: %v", err)
	}
}

func TestMkdirPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "c")
	for range 2 {
		if err := MkdirPrivate(path); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(path, "f")
	if err := WriteFile(file, nil); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{file, filepath.Join(file, "below")} {
		if err := MkdirPrivate(bad); err == nil {
			t.Errorf("%s became a folder", bad)
		}
	}
}

func TestCreatePrivateRefusesATakenName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	f, err := CreatePrivate(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	if _, err := CreatePrivate(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("err = %v, want exists", err)
	}
}

func TestOpenPrivate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := WriteFile(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	r, err := OpenPrivate(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.WriteAt([]byte("new"), 0); err == nil {
		t.Error("written through a file that was opened for reading")
	}
	w, err := OpenPrivate(path, true)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.WriteAt([]byte("new"), 0); err != nil {
		t.Error(err)
	}
	WriteBack(w, 0, 3)
	if err := SyncFile(w); err != nil {
		t.Error(err)
	}
	if _, err := OpenPrivate(dir, false); err == nil {
		t.Error("a folder was opened as a file")
	}
	if _, err := OpenPrivate(filepath.Join(dir, "none"), false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("err = %v, want not exist", err)
	}
}

func TestSyncFileReportsFailure(t *testing.T) {
	f, err := CreatePrivate(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := SyncFile(f); err == nil {
		t.Error("a closed file was synced")
	}
}

func TestFreeSpace(t *testing.T) {
	octets, inodes, err := FreeSpace(t.TempDir())
	if err != nil || octets == 0 || inodes == 0 {
		t.Errorf("%d octets, %d inodes, %v", octets, inodes, err)
	}
	if _, _, err := FreeSpace(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("there is room in a folder that is not there")
	}
}

func onlyEntry(t *testing.T, dir, name string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if strings.Join(names, " ") != name {
		t.Errorf("the folder holds %q, want only %q", names, name)
	}
}
