//go:build !windows

package fsys

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestModesArePrivateWhateverTheUmask(t *testing.T) {
	defer unix.Umask(unix.Umask(0))
	dir := filepath.Join(t.TempDir(), "above", "dir")
	if err := MkdirPrivate(dir); err != nil {
		t.Fatal(err)
	}
	f, err := CreatePrivate(filepath.Join(dir, "created"))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := WriteFile(filepath.Join(dir, "written"), nil); err != nil {
		t.Fatal(err)
	}
	release, err := Lock(filepath.Join(dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	for path, want := range map[string]fs.FileMode{
		filepath.Dir(dir): 0o700, dir: 0o700,
		filepath.Join(dir, "created"): 0o600, filepath.Join(dir, "written"): 0o600, filepath.Join(dir, "lock"): 0o600,
	} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
}

func TestMkdirPrivateTightensOnlyTheLast(t *testing.T) {
	above := t.TempDir()
	dir := filepath.Join(above, "open")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{above, dir} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := MkdirPrivate(dir); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]fs.FileMode{above: 0o755, dir: 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
}

// Links under every name that we might use: none is followed, and nothing
// behind one changes.
func TestA74LinksAreNotFollowed(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	victim := filepath.Join(outside, "victim")
	if err := os.WriteFile(victim, []byte("untouched"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(outside, 0o755); err != nil {
		t.Fatal(err)
	}
	link := func(to string) string {
		path := filepath.Join(dir, fmt.Sprintf("link-%d", len(mustList(t, dir))))
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if _, err := CreatePrivate(link(victim)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("create over a link: %v", err)
	}
	if _, err := CreatePrivate(link(filepath.Join(outside, "new"))); !errors.Is(err, fs.ErrExist) {
		t.Errorf("create over a link to nowhere: %v", err)
	}
	for _, write := range []bool{false, true} {
		if _, err := OpenPrivate(link(victim), write); !errors.Is(err, unix.ELOOP) {
			t.Errorf("open a link: %v", err)
		}
	}
	if _, err := Lock(link(victim)); !errors.Is(err, unix.ELOOP) {
		t.Errorf("lock a link: %v", err)
	}
	if err := MkdirPrivate(link(outside)); err == nil {
		t.Error("a link was taken for a private folder")
	}
	replaced := link(victim)
	if err := WriteFile(replaced, []byte("mine")); err != nil {
		t.Errorf("write over a link: %v", err)
	}
	if info, err := os.Lstat(replaced); err != nil || !info.Mode().IsRegular() {
		t.Errorf("the link is still one: %v %v", info.Mode(), err)
	}
	removed := link(victim)
	if err := RemoveFile(removed); err != nil {
		t.Errorf("remove a link: %v", err)
	}

	if got, err := os.ReadFile(victim); err != nil || string(got) != "untouched" {
		t.Errorf("the victim is %q, %v", got, err)
	}
	if info, err := os.Stat(outside); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the folder outside is %v, %v", info.Mode(), err)
	}
	if names := mustList(t, outside); len(names) != 1 {
		t.Errorf("outside are now %q", names)
	}
}

func TestMkdirPrivateBelowALinkOfTheAdministrator(t *testing.T) {
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	if err := MkdirPrivate(filepath.Join(link, "data")); err != nil {
		t.Error(err)
	}
}

func TestOpenPrivateDoesNotWaitForAPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenPrivate(path, false); err == nil {
		t.Error("a pipe was opened as a file")
	}
}

func TestIsFull(t *testing.T) {
	for err, want := range map[error]bool{
		&fs.PathError{Err: unix.ENOSPC}:                      true,
		fmt.Errorf("x: %w", &fs.PathError{Err: unix.EDQUOT}): true,
		&fs.PathError{Err: unix.EIO}:                         false,
		nil:                                                  false,
	} {
		if IsFull(err) != want {
			t.Errorf("IsFull(%v) = %v", err, !want)
		}
	}
}

func mustList(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
