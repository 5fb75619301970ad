package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"
)

// view is a connection inside a transaction, together with the tenant whose
// rows it may see. A view of a reader is a snapshot.
type view struct {
	ctx    context.Context
	conn   *sql.Conn
	sql    *spelled
	tenant string
	wrote  *tableSet // what was written to; nil of a reader
}

// tx is a view that may write. Only the writer makes one.
type tx struct {
	view
	feed *[]Change // what it has changed, told at its end
}

// args puts the tenant in front and brings every value into the form that the
// drivers take.
func (v view) args(args []any) []any {
	all := make([]any, 0, len(args)+1)
	if v.tenant != "" {
		all = append(all, v.tenant)
	}
	for _, a := range args {
		all = append(all, value(a))
	}
	return all
}

// value is the door to SQL.
func value(a any) any {
	switch a := a.(type) {
	case string:
		return clean(a)
	case bool:
		if a {
			return int64(1)
		}
		return int64(0)
	case int:
		return int64(a)
	case time.Time:
		return millis(a)
	case time.Duration:
		return a.Milliseconds()
	case []byte:
		if a == nil {
			return nil // not an empty blob
		}
	}
	return a
}

// clean replaces what PostgreSQL refuses in a text. It replaces and does not
// cut, so that no name becomes another one by it.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// statement returns the text of q, and notes what it writes to.
func (v view) statement(q query) string {
	s := v.sql.of(q)
	if v.wrote != nil {
		*v.wrote |= s.writes
	}
	return s.text
}

// exec returns how many rows it changed.
func (t tx) exec(q query, args ...any) (int64, error) {
	res, err := t.conn.ExecContext(t.ctx, t.statement(q), t.args(args)...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// each calls scan for every row.
func (v view) each(q query, scan func(row scanner) error, args ...any) (err error) {
	// Of a context that may end, the driver makes two goroutines for every
	// statement and one for every row; so it does not hear of it, and we look.
	rows, err := v.conn.QueryContext(context.WithoutCancel(v.ctx), v.statement(q), v.args(args)...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for n := 0; rows.Next(); n++ {
		if err := scan(rows); err != nil {
			return err
		}
		if n%64 == 63 && v.ctx.Err() != nil {
			return v.ctx.Err()
		}
	}
	return rows.Err()
}

// one reads a single row into dest. No row is sql.ErrNoRows.
func (v view) one(q query, dest []any, args ...any) error {
	found := false
	err := v.each(q, func(row scanner) error {
		found = true
		return row.Scan(dest...)
	}, args...)
	if err == nil && !found {
		return sql.ErrNoRows
	}
	return err
}

// scanner is *sql.Rows while it stands on a row.
type scanner interface{ Scan(dest ...any) error }

// to collects what scan makes of every row.
func to[T any](list *[]T, scan func(scanner, *T) error) func(scanner) error {
	return func(row scanner) error {
		var x T
		err := scan(row, &x)
		if err == nil {
			*list = append(*list, x)
		}
		return err
	}
}

// store is the same transaction for statements of the whole store.
func (t tx) store() tx {
	t.tenant = ""
	return t
}

var errNoRow = sql.ErrNoRows

// find reads the one row of a statement; sentence says that there is none.
func find[T any](ctx context.Context, s Scope, op, sentence string, scan func(scanner, *T) error, q query, args ...any) (T, error) {
	var list []T
	err := s.look(ctx, func(v view) error { return v.each(q, to(&list, scan), args...) })
	if err == nil && len(list) == 0 {
		err = notFound(op, sentence)
	}
	if err != nil {
		var zero T
		return zero, explain(op, err)
	}
	return list[0], nil
}

// all reads every row of a statement.
func all[T any](ctx context.Context, s Scope, op string, scan func(scanner, *T) error, q query, args ...any) ([]T, error) {
	var list []T
	err := s.read(ctx, func(v view) error { return v.each(q, to(&list, scan), args...) })
	return list, explain(op, err)
}

// alter runs a statement that must meet a row; sentence says that there is
// none.
func (s Scope) alter(ctx context.Context, op, sentence string, q query, args ...any) error {
	err := s.write(ctx, func(t tx) error {
		n, err := t.exec(q, args...)
		if err == nil && n == 0 {
			err = notFound(op, sentence)
		}
		return err
	})
	return explain(op, err)
}
