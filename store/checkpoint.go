package store

import (
	"context"
	"errors"
	"fmt"
)

// SQLite brings the write-ahead log into the database by itself every 1000
// pages, but begins it anew only at a moment when nobody reads from it. Where
// readers overlap without a pause, at a busy site, that moment never comes, and
// the log grows. So the writer looks now and then, and when the log is long it
// waits a little for those who read, while nobody can begin to.
const (
	lookEvery   = 64   // groups
	longLog     = 8192 // pages, 32 MiB
	restartWait = 200  // milliseconds; acknowledgements wait as long
)

// tendLog keeps the log short. A failure is no failure of the group before: the
// log is only longer.
func (w *writer) tendLog(ctx context.Context) {
	if w.groups.Load()%lookEvery != 0 {
		return
	}
	pages, _, err := w.checkpoint(ctx, "PRAGMA wal_checkpoint(PASSIVE)")
	if err == nil && pages >= w.restartAt {
		pages, err = w.restartLog(ctx, pages)
	}
	if err != nil {
		w.log.Warn("store: the write-ahead log cannot be tended", "pages", pages, "error", err)
	}
}

// restartLog makes the next transaction begin at the front of the log. While
// somebody reads for long, a backup say, it tries again only when the log has
// grown by as much again.
func (w *writer) restartLog(ctx context.Context, pages int) (int, error) {
	if err := w.plain(ctx, fmt.Sprintf("PRAGMA busy_timeout = %d", restartWait)); err != nil {
		return pages, err
	}
	left, busy, err := w.checkpoint(ctx, "PRAGMA wal_checkpoint(RESTART)")
	w.restartAt = longLog
	if busy {
		w.restartAt = pages + longLog
	}
	return left, errors.Join(err, w.plain(ctx, fmt.Sprintf("PRAGMA busy_timeout = %d", busyTimeout)))
}

// checkpoint returns how many pages the log holds.
func (w *writer) checkpoint(ctx context.Context, pragma string) (pages int, busy bool, err error) {
	var done int
	err = w.conn.QueryRowContext(ctx, pragma).Scan(&busy, &pages, &done)
	return pages, busy, err
}
