package store

import (
	"errors"
	"io/fs"
	"os"

	"platen/internal/fsys"
)

// SQLite cannot tell a write-ahead log that somebody deleted from one that was
// never there, and would quietly go back to the last checkpoint. So a mark
// beside the database says that it is open. While it is, there is a log, with a
// commit in it; a store that finds the mark and no log has lost commits.
func markName(path string) string { return path + "-open" }

func markOpen(path string) error {
	f, err := fsys.CreatePrivate(markName(path))
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

func markClosed(path string) error { return fsys.RemoveFile(markName(path)) }

func walLost(path string) bool {
	if _, err := os.Stat(markName(path)); err != nil {
		return false
	}
	log, err := os.Stat(path + "-wal")
	return err != nil || log.Size() == 0
}
