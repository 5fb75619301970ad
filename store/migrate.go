package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"path/filepath"
	"strconv"
	"time"

	"platen/fault"
	"platen/internal/fsys"
)

// released holds the migrations of this program.
//
//go:embed migrations/*.sql
var released embed.FS

// migration is one run of whatever migrations a database lacks.
type migration struct {
	conn    *sql.Conn
	path    string // of the database
	from    fs.FS  // migrations/NNNN_what.sql
	dialect dialect
	now     func() time.Time
	log     *slog.Logger
}

// step is one migration file.
type step struct {
	n    int
	name string
	text string
}

// migrate brings a database to the schema of this program, one transaction per
// step, so that a process that dies leaves the old schema or the new one. It
// keeps a copy of a database that it is about to change.
func migrate(ctx context.Context, m migration) error {
	const op = "store.migrate"
	steps, err := m.steps()
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	at, err := m.version(ctx)
	if err != nil {
		return explain(op, err)
	}
	if at > len(steps) {
		return newer(at, len(steps))
	}
	if at > 0 && at < len(steps) {
		if err := m.backup(ctx, at); err != nil {
			return explain(op, err)
		}
	}
	for _, s := range steps[at:] {
		if err := m.apply(ctx, s); err != nil {
			return explain(op, fmt.Errorf("%s: %w", s.name, err))
		}
		m.log.Info("store: schema changed", "step", s.name)
	}
	return nil
}

func newer(at, known int) error {
	return &fault.Error{Op: "store.migrate", Kind: fault.Conflict,
		Text: "This database was written by a newer version of Platen (schema %d, this program knows %d). Install that version again, or restore a backup from before.",
		Args: []any{at, known}}
}

// steps reads the files, which must be numbered from 1 without a gap.
func (m migration) steps() ([]step, error) {
	names, err := fs.Glob(m.from, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	steps := make([]step, 0, len(names))
	for i, file := range names { // Glob sorts
		name := path.Base(file)
		n, err := strconv.Atoi(name[:min(4, len(name))])
		if err != nil || n != i+1 {
			return nil, fmt.Errorf("migration %s is not number %d", name, i+1)
		}
		text, err := fs.ReadFile(m.from, file)
		if err != nil {
			return nil, err
		}
		steps = append(steps, step{n: n, name: name, text: m.dialect.schema.Replace(string(text))})
	}
	return steps, nil
}

// version returns the number of the last step that the database has, 0 for a
// new one.
func (m migration) version(ctx context.Context) (int, error) {
	var there, n int
	err := m.conn.QueryRowContext(ctx, `SELECT COUNT(*) FROM sqlite_master WHERE name = 'migrations'`).Scan(&there)
	if err != nil || there == 0 {
		return 0, err
	}
	err = m.conn.QueryRowContext(ctx, `SELECT COALESCE(MAX(n), 0) FROM migrations`).Scan(&n)
	return n, err
}

// apply runs one step and counts it, both or neither.
func (m migration) apply(ctx context.Context, s step) error {
	text := "BEGIN IMMEDIATE;\n" + m.dialect.schema.Replace(countTable) + s.text //nolint:gosec // a migration is SQL
	_, err := m.conn.ExecContext(ctx, text)
	if err == nil {
		_, err = m.conn.ExecContext(ctx, sqliteDialect.param(countStep), s.n, s.name, m.now().UnixMilli())
	}
	if err == nil {
		_, err = m.conn.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		_, rerr := m.conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return errors.Join(err, rerr)
	}
	return nil
}

const (
	countTable = "CREATE TABLE IF NOT EXISTS migrations (\n\tn BIGINT PRIMARY KEY NOT NULL,\n\tname TEXT NOT NULL,\n\tat BIGINT NOT NULL\n);\n"
	countStep  = `INSERT INTO migrations (n, name, at) VALUES ($1, $2, $3)`
)

// backup keeps the database as it is before a change of schema, under a name
// that says which one it has.
func (m migration) backup(ctx context.Context, at int) error {
	to := fmt.Sprintf("%s.schema%d", m.path, at)
	if err := vacuumInto(ctx, m.conn, to); err != nil {
		return err
	}
	m.log.Info("store: a copy from before the change of schema is kept", "path", to)
	return nil
}

// vacuumInto writes a private, durable copy of the database. Whatever path
// held before is replaced when the copy is whole.
func vacuumInto(ctx context.Context, conn *sql.Conn, path string) error {
	temp := path + ".part"
	if err := fsys.RemoveFile(temp); err != nil { // of a copy that was interrupted
		return err
	}
	f, err := fsys.CreatePrivate(temp) // SQLite takes an empty file, and its mode
	if err != nil {
		return err
	}
	if _, err = conn.ExecContext(ctx, "VACUUM INTO ?", temp); err == nil {
		err = fsys.SyncFile(f)
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = fsys.Rename(temp, path)
	}
	if err != nil {
		return errors.Join(err, fsys.RemoveFile(temp))
	}
	return fsys.SyncDir(filepath.Dir(path))
}
