//go:build !windows

package fsys

import (
	"errors"
	"math"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// errLocked is what lock returns while another process has it.
var errLocked error = unix.EWOULDBLOCK

// open never follows a link in the last place.
func open(path string, flag int) (*os.File, error) {
	return os.OpenFile(path, flag|unix.O_NOFOLLOW, 0o600)
}

func createPrivate(path string) (*os.File, error) {
	return open(path, os.O_CREATE|os.O_EXCL|os.O_RDWR)
}

// openPrivate does not block on a pipe that somebody put there.
func openPrivate(path string, write bool) (*os.File, error) {
	flag := os.O_RDONLY
	if write {
		flag = os.O_RDWR
	}
	return open(path, flag|unix.O_NONBLOCK)
}

func openLock(path string) (*os.File, error) {
	return open(path, os.O_CREATE|os.O_RDWR|unix.O_NONBLOCK)
}

func mkdirPrivate(path string) error { return os.Mkdir(path, 0o700) }

// tighten changes the folder that it has opened, so that nobody can slip
// another one under the name in between.
func tighten(path string) error {
	dir, err := open(path, os.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer dir.Close()
	info, err := dir.Stat()
	if err != nil || info.Mode().Perm() == 0o700 {
		return err
	}
	return dir.Chmod(0o700)
}

// syncDir follows a link: the folder above ours is the administrator's.
func syncDir(dir string) error {
	open := func() (*os.File, error) { return os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0) }
	f, err := open()
	// No descriptor is left: that is not the disk's fault, and one comes back soon.
	for range 200 {
		if !errors.Is(err, unix.EMFILE) && !errors.Is(err, unix.ENFILE) {
			break
		}
		time.Sleep(10 * time.Millisecond)
		f, err = open()
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

func rename(from, to string) error { return os.Rename(from, to) }

func lock(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) }

func freeSpace(dir string) (octets, inodes uint64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	inodes = st.Ffree
	if st.Files == 0 { // btrfs and some network file systems
		inodes = math.MaxUint64
	}
	return st.Bavail * uint64(st.Bsize), inodes, nil
}

func isFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }
