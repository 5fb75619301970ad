package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/mattn/go-sqlite3"

	"platen/fault"
)

// ErrUnknown is in the chain of an error after which nobody knows whether the
// change was made. Whoever gets it looks before trying again.
var ErrUnknown = errors.New("store: the outcome is unknown")

var errClosed = errors.New("store: closed")

// explain gives an engine's error its kind and its sentence. An error that has
// a kind already keeps it, and so does one of the caller's own context.
func explain(op string, err error) error {
	var f *fault.Error
	var e sqlite3.Error
	switch {
	case err == nil || errors.As(err, &f):
		return err
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w", op, err)
	case errors.Is(err, sql.ErrNoRows):
		return &fault.Error{Op: op, Kind: fault.NotFound, Text: "There is no such thing here.", Err: err}
	case errors.Is(err, sql.ErrConnDone) || errors.Is(err, errClosed):
		return &fault.Error{Op: op, Kind: fault.Unavailable, Text: "The print service is stopping. Please try again in a moment.", Err: err}
	case !errors.As(err, &e):
		return fmt.Errorf("%s: %w", op, err)
	}
	switch e.Code {
	case sqlite3.ErrFull:
		return &fault.Error{Op: op, Kind: fault.Full, Text: "The disk of the print service is full. Please try again later.", Err: err}
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		return &fault.Error{Op: op, Kind: fault.Unavailable, Text: "The print service is busy. Please try again in a moment.", Err: err}
	case sqlite3.ErrConstraint:
		return &fault.Error{Op: op, Kind: fault.Conflict, Text: "This is already there, or is still in use.", Err: err}
	case sqlite3.ErrCorrupt, sqlite3.ErrNotADB:
		return &fault.Error{Op: op, Kind: fault.Internal, Text: damagedText, Err: err}
	}
	return &fault.Error{Op: op, Kind: fault.Unavailable, Text: "The print service cannot use its disk. Please call the help desk.", Err: err}
}

const damagedText = "The database of the print service is damaged. Please restore the last backup."

// fatal reports whether err means that this process must not write any more.
// After a sync that failed the kernel takes the lost pages for clean, so that
// the next one would succeed and lie; and a damaged page spreads.
func fatal(err error) bool {
	if errors.Is(err, errUnkept) {
		return true
	}
	var e sqlite3.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.ExtendedCode {
	case sqlite3.ErrIoErrFsync, sqlite3.ErrIoErrDirFsync, sqlite3.ErrIoErrDirClose:
		return true
	}
	return e.Code == sqlite3.ErrCorrupt || e.Code == sqlite3.ErrNotADB
}

func notFound(op, text string, args ...any) error {
	return &fault.Error{Op: op, Kind: fault.NotFound, Text: text, Args: args}
}

func conflict(op, text string, args ...any) error {
	return &fault.Error{Op: op, Kind: fault.Conflict, Text: text, Args: args}
}

func invalid(op, text string) error {
	return &fault.Error{Op: op, Kind: fault.Invalid, Text: text}
}

// missing turns "no row" into a NotFound with its sentence.
func missing(err error, op, text string, args ...any) error {
	if errors.Is(err, sql.ErrNoRows) {
		return notFound(op, text, args...)
	}
	return err
}
