package fsys

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// witnessOctets are reserved by the first check and are there for the others.
const witnessOctets = 4096

func needJournal(f *os.File) error {
	for {
		err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, witnessOctets)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err == nil, IsFull(err): // found out within the journal
			return nil
		case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
			return nil
		}
		return &os.PathError{Op: "fallocate", Path: f.Name(), Err: err}
	}
}
