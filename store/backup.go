package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"platen/fault"
	"platen/internal/fsys"
)

// Backup writes a private, durable copy of the database to path while it is in
// use. What path held before is replaced when the copy is whole.
func (s *Store) Backup(ctx context.Context, path string) error {
	const op = "store.Backup"
	s.settled(ctx)
	// On a reader's connection SQLite takes the copy for a write.
	err := alone(ctx, s.path, func(conn *sql.Conn) error { return vacuumInto(ctx, conn, path) })
	return explain(op, err)
}

// Restore puts the backup at from in the place of the database that o names,
// which nobody may have open, and begins a new epoch, so that no number of the
// ledger is given again. The database that was there is kept beside it and its
// name returned, "" when there was none. from is looked at before anything is
// touched.
//
// Whole documents without a row are to be adopted afterwards: their jobs may
// have come after the backup.
func Restore(ctx context.Context, o Options, from string) (kept string, err error) {
	const op = "store.Restore"
	if err := checkBackup(ctx, o, from); err != nil {
		return "", err
	}
	unlock, err := fsys.Lock(o.Path + "-lock")
	if err != nil {
		return "", err
	}
	kept, err = replace(o, from)
	if err = errors.Join(err, unlock()); err != nil {
		return kept, explain(op, err)
	}
	s, err := Open(ctx, o)
	if err != nil {
		return kept, err
	}
	return kept, errors.Join(s.NewEpoch(ctx), s.Close())
}

// checkBackup refuses what is no whole database of this program or an older
// one.
func checkBackup(ctx context.Context, o Options, from string) error {
	const op = "store.Restore"
	if _, err := os.Stat(from); err != nil {
		return &fault.Error{Op: op, Kind: fault.NotFound, Text: "There is no such backup.", Err: err}
	}
	err := alone(ctx, from, func(conn *sql.Conn) error {
		if err := quickCheck(ctx, conn); err != nil {
			return err
		}
		return checkVersion(ctx, conn, o)
	})
	if fault.Is(err, fault.Internal) {
		return noBackup(err)
	}
	return err
}

func noBackup(err error) error {
	return &fault.Error{Op: "store.Restore", Kind: fault.Invalid, Text: "This is not a backup, or it is damaged.", Err: err}
}

func checkVersion(ctx context.Context, conn *sql.Conn, o Options) error {
	if o.migrations == nil {
		o.migrations = released
	}
	m := migration{conn: conn, from: o.migrations, dialect: sqliteDialect}
	steps, err := m.steps()
	if err != nil {
		return err
	}
	at, err := m.version(ctx)
	switch {
	case err != nil:
		return explain("store.Restore", err)
	case at == 0:
		return noBackup(nil)
	case at > len(steps):
		return newer(at, len(steps))
	}
	return nil
}

// replace puts the old database aside and a copy of the backup in its place.
// At every moment there is a database under the name, and never one beside a
// write-ahead log that belongs to another: SQLite would write the one into the
// other. In between, the old one stands there without its log, and the mark says
// that it lacks something.
func replace(o Options, from string) (kept string, err error) {
	temp := o.Path + ".part"
	if err := copyFile(from, temp); err != nil {
		return "", errors.Join(err, fsys.RemoveFile(temp))
	}
	if _, err := os.Stat(o.Path); err == nil {
		kept = fmt.Sprintf("%s.replaced-%s", o.Path, o.Now().UTC().Format("20060102T150405.000"))
		if err := setAside(o.Path, kept); err != nil {
			return kept, err
		}
	}
	dir := filepath.Dir(o.Path)
	if err := errors.Join(fsys.SyncDir(dir), fsys.Rename(temp, o.Path), fsys.SyncDir(dir)); err != nil {
		return kept, err
	}
	return kept, markClosed(o.Path)
}

// setAside gives the database a second name, and its log another one.
func setAside(path, kept string) error {
	if err := errors.Join(os.Link(path, kept), markOpen(path)); err != nil {
		return err
	}
	if _, err := os.Stat(path + "-wal"); err == nil {
		if err := fsys.Rename(path+"-wal", kept+"-wal"); err != nil {
			return err
		}
	}
	return fsys.RemoveFile(path + "-shm")
}

func copyFile(from, to string) error {
	if err := fsys.RemoveFile(to); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := fsys.CreatePrivate(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = fsys.SyncFile(out)
	}
	return errors.Join(err, out.Close())
}
