// Package fsys makes, syncs and removes files so that they are private and
// durable, on Linux and on Windows.
//
// What each promise rests on:
//
//   - Private. On Unix a folder has mode 0700 and a file 0600 from the moment
//     it exists, whatever the umask. On Windows both carry a protected access
//     list with SYSTEM, the administrators and the owner, and nobody inherited.
//   - No detours. The last element of a path is never followed when it is a
//     symbolic link (a reparse point on Windows), and what is opened is a
//     regular file. The folders above it are the administrator's.
//   - Durable. SyncFile is fsync(2), FlushFileBuffers on Windows. A new name
//     is durable after SyncDir of its folder. Windows has no such call: NTFS
//     journals names, and FlushFileBuffers of the file writes the journal too;
//     SyncDir does nothing there.
//
// A build with the tag chaos also writes what it did to the file named by
// PLATEN_FSLOG, one Op a line; a power-cut model replays it.
package fsys

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"platen/fault"
)

// Op is one line of the log of a chaos build, as JSON.
type Op struct {
	Op     string `json:"op"`            // "create", "sync", "syncdir", "remove", "rename", "mkdir", "write"
	Path   string `json:"path"`          // absolute; the folder for "syncdir", the old name for "rename"
	To     string `json:"to,omitempty"`  // the new name for "rename"
	At     int64  `json:"at,omitempty"`  // where "write" began
	Length int64  `json:"len,omitempty"` // octets of the file when "sync" returned; of a "write" over others
}

// CreatePrivate makes a new private file for reading and writing. A name that
// is taken, be it by a link to nowhere, is an error. The name is durable after
// SyncDir of its folder.
func CreatePrivate(path string) (*os.File, error) {
	f, err := createPrivate(path)
	if err != nil {
		return nil, err
	}
	record(Op{Op: "create", Path: path})
	return f, nil
}

// OpenPrivate opens a regular file that exists, for reading or, with write,
// for both.
func OpenPrivate(path string, write bool) (*os.File, error) {
	f, err := openPrivate(path, write)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: errors.New("not a regular file")}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// SyncFile returns when everything written to f is on the disk. After an error
// nobody knows what is there, and asking again would say that all is well: the
// file is lost.
func SyncFile(f *os.File) error {
	if err := f.Sync(); err != nil {
		return err
	}
	recordSync(f)
	return nil
}

// SyncData is SyncFile for octets that were written over others: neither the
// file's length nor its place on the disk has changed since it was synced.
func SyncData(f *os.File) error {
	if err := syncData(f); err != nil {
		return err
	}
	recordSync(f)
	return nil
}

// Wrote says that octets of a file were written over others. It only tells the
// log of a chaos build what is lost when no sync follows.
func Wrote(f *os.File, at, n int64) { record(Op{Op: "write", Path: f.Name(), At: at, Length: n}) }

// SyncDir returns when the names in dir are on the disk.
func SyncDir(dir string) error {
	if err := syncDir(dir); err != nil {
		return err
	}
	record(Op{Op: "syncdir", Path: dir})
	return nil
}

// MkdirPrivate makes a folder that only its owner may enter, and those above it
// that are missing, and makes their names durable. A folder that is there
// already is made private; nothing above it is touched.
func MkdirPrivate(path string) error {
	path = filepath.Clean(path)
	switch info, err := os.Lstat(path); {
	case err == nil && info.IsDir():
		return tighten(path)
	case err == nil:
		return &fs.PathError{Op: "mkdir", Path: path, Err: errors.New("there is something that is not a folder")}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	parent := filepath.Dir(path)
	if _, err := os.Stat(parent); errors.Is(err, fs.ErrNotExist) {
		if err := MkdirPrivate(parent); err != nil {
			return err
		}
	}
	switch err := mkdirPrivate(path); {
	case errors.Is(err, fs.ErrExist): // somebody else made it meanwhile
		return MkdirPrivate(path)
	case err != nil:
		return err
	}
	record(Op{Op: "mkdir", Path: path})
	return SyncDir(parent)
}

// TempInfix is in the name of every file that WriteFile makes on the way, after
// the name of the file it is for. A crash may leave one behind.
const TempInfix = ".new-"

// WriteFile replaces path by a private file with data, atomically and durably:
// at every moment, also after a power cut, the old or the new contents are
// there, whole.
func WriteFile(path string, data []byte) error {
	temp, err := writeTemp(path, data)
	if err != nil {
		return err
	}
	if err := rename(temp, path); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	record(Op{Op: "rename", Path: temp, To: path})
	return SyncDir(filepath.Dir(path))
}

// writeTemp writes data to a new file beside path and syncs it.
func writeTemp(path string, data []byte) (temp string, err error) {
	var random [8]byte
	rand.Read(random[:])
	temp = path + TempInfix + hex.EncodeToString(random[:])
	f, err := CreatePrivate(temp)
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err == nil {
		err = SyncFile(f)
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return "", errors.Join(err, os.Remove(temp))
	}
	return temp, nil
}

// Rename gives a file a new name, which may be taken. It is durable after
// SyncDir of both folders.
func Rename(from, to string) error {
	if err := rename(from, to); err != nil {
		return err
	}
	record(Op{Op: "rename", Path: from, To: to})
	return nil
}

// RemoveFile removes a file, or a link but not what it points to. A missing
// file is fine. It is durable after SyncDir of its folder.
func RemoveFile(path string) error {
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	record(Op{Op: "remove", Path: path})
	return nil
}

// Lock takes path as a lock for this process, and makes the file when it is
// missing. It does not wait: while another process holds it, the answer is a
// Conflict. The lock goes with release or with the process.
func Lock(path string) (release func() error, err error) {
	f, err := openLock(path)
	if err != nil {
		return nil, err
	}
	if err := lock(f); err != nil {
		f.Close()
		if errors.Is(err, errLocked) {
			return nil, &fault.Error{Op: "fsys.Lock", Kind: fault.Conflict,
				Text: "Another process is using this node's data.", Err: fmt.Errorf("%s: %w", path, err)}
		}
		return nil, &fs.PathError{Op: "lock", Path: path, Err: err}
	}
	return f.Close, nil
}

// FreeSpace returns how many octets and new files the file system of dir has
// room for, as far as this process may use them. A file system that does not
// count files has room for the most that fits the number.
func FreeSpace(dir string) (octets, inodes uint64, err error) { return freeSpace(dir) }

// WriteBack asks the system to begin writing n octets of f from offset on, and
// does not wait. It promises nothing: it only keeps a later SyncFile, and
// everybody else's, from having to write all of a large file at once.
func WriteBack(f *os.File, offset, n int64) { writeBack(f, offset, n) }

// IsFull reports whether err says that the disk, its inodes or a quota is used
// up.
func IsFull(err error) bool { return isFull(err) }
