package intake

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// beingWritten reports whether anybody has the file open for writing: a read
// lease is then refused. Where leases are not to be had (a file of another user,
// a network file system), nobody knows, and what counts is how long the file has
// not changed.
func beingWritten(f *os.File) bool {
	fd := int(f.Fd())
	_, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_RDLCK)
	if err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_UNLCK)
	}
	return errors.Is(err, unix.EAGAIN)
}
