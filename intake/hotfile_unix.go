//go:build unix

package intake

import (
	"os"

	"golang.org/x/sys/unix"
)

// openFile opens a file for reading: no link, and without waiting for the other
// end of a pipe that has taken its place.
func openFile(root *os.Root, name string) (*os.File, error) {
	return root.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
}

func identify(f *os.File) (identity, error) {
	info, err := f.Stat()
	if err != nil {
		return identity{}, err
	}
	if !info.Mode().IsRegular() {
		return identity{}, errBusy // what was seen is not what is there
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return identity{}, &os.PathError{Op: "fstat", Path: f.Name(), Err: err}
	}
	return identity{
		inode: st.Ino, octets: info.Size(), modified: info.ModTime().UnixNano(),
		changed: unix.TimespecToNsec(st.Ctim),
	}, nil
}
