package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mattn/go-sqlite3"

	"platen/fault"
	"platen/internal/failpoint"
)

// writer is the one goroutine that writes. Callers hand it their transactions;
// it runs as many as wait within one of its own, each in a savepoint, commits,
// and answers them all. What it does never depends on a caller's context.
type writer struct {
	conn     *sql.Conn
	sql      *spelled
	log      *slog.Logger
	calls    chan *call
	kept     []*call // taken from calls, for the next group
	lazy     bool    // how COMMIT works at the moment
	owed     owed
	quit     chan struct{} // closed: take no more
	quitOnce sync.Once
	done     chan struct{} // closed: nothing runs any more
	broken   chan struct{} // closed: the disk has lied, see fatal
	patience time.Duration // how long a caller that gave up waits for its outcome

	wrote     tableSet                    // by the group
	changed   func(tableSet)              // is told after a COMMIT
	commit    func(context.Context) error // tests replace it to break it
	witness   func() error                // whether syncs have said the truth
	restartAt int                         // pages of the log at which restartLog is tried
	groups    atomic.Int64                // COMMITs
	rows      atomic.Int64                // calls that were committed
}

// call is one caller's transaction.
type call struct {
	point  string // what the failpoints call it, "" nothing
	tenant string
	lazy   bool // its COMMIT need not be on the disk: see lazy.go
	fn     func(tx) error
	state  atomic.Int32
	out    chan outcome // has room for the outcome: the writer never waits
	err    error        // of fn, until the group has ended
	told   bool         // it was answered before the group has ended
}

type outcome struct {
	err      error
	panicked any // what fn panicked with; it goes on in the caller
}

// A call is waiting until either the writer takes it or its caller withdraws
// it; both at once cannot be.
const (
	waiting int32 = iota
	taken
	withdrawn
)

// mostCalls bounds a group, and with it how long the first of it waits.
const mostCalls = 128

func newWriter(conn *sql.Conn, spell *spelled, log *slog.Logger) *writer {
	w := &writer{
		conn: conn, sql: spell, log: log,
		calls: make(chan *call, mostCalls),
		quit:  make(chan struct{}), done: make(chan struct{}), broken: make(chan struct{}),
		patience: 10 * time.Second, restartAt: longLog,
	}
	w.changed = func(tableSet) {}
	w.owed.log, w.owed.pause = log, time.Second
	w.commit = func(ctx context.Context) error { return w.plain(ctx, "COMMIT") }
	w.witness = func() error { return nil }
	return w
}

// do runs fn in a transaction and returns after its COMMIT. When ctx ends
// before the writer has taken the call, nothing has happened; afterwards do
// still waits for the outcome, and after w.patience returns ErrUnknown.
func (w *writer) do(ctx context.Context, c *call) error {
	c.out = make(chan outcome, 1)
	select {
	case <-w.quit:
		return errClosed
	default:
	}
	select {
	case w.calls <- c:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.quit:
		return errClosed
	}
	select {
	case out := <-c.out:
		return out.unwrap()
	case <-ctx.Done():
	case <-w.done:
	}
	return w.abandoned(ctx, c)
}

// abandoned is the end of a call whose caller gave up, or whose writer ended.
func (w *writer) abandoned(ctx context.Context, c *call) error {
	if c.state.CompareAndSwap(waiting, withdrawn) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return errClosed
	}
	late := time.NewTimer(w.patience)
	defer late.Stop()
	select {
	case out := <-c.out:
		return out.unwrap()
	case <-late.C:
		return unknown(ctx.Err())
	}
}

func (o outcome) unwrap() error {
	if o.panicked != nil {
		panic(o.panicked) //nolint:forbidigo // it panicked in the writer, and belongs to this goroutine
	}
	return o.err
}

// unknown does not wrap the cause: an error of a context says that nothing has
// happened.
func unknown(cause error) error {
	return &fault.Error{Op: "store.write", Kind: fault.Unavailable,
		Text: "Nobody knows whether this was stored. Please look before you try again.", Err: fmt.Errorf("%w: %s", ErrUnknown, fmt.Sprint(cause))}
}

// serve runs groups until stop, and then those that still wait.
func (w *writer) serve() {
	defer close(w.done)
	for {
		if c := w.waiting(); c != nil {
			w.gather(c)
			w.group(w.waiting())
			continue
		}
		select {
		case c := <-w.calls:
			w.kept = append(w.kept, c)
		case <-w.owed.again():
			w.kept = w.owed.take()
		case <-w.quit:
			w.kept = append(w.owed.take(), w.kept...)
			for c := w.waiting(); c != nil; c = w.waiting() {
				w.group(c)
			}
			return
		}
	}
}

// waiting returns the next call, or nil.
func (w *writer) waiting() *call {
	if len(w.kept) > 0 {
		c := w.kept[0]
		w.kept = w.kept[1:]
		return c
	}
	select {
	case c := <-w.calls:
		return c
	default:
		return nil
	}
}

func (w *writer) stop() {
	w.quitOnce.Do(func() { close(w.quit) })
	<-w.done
}

// err returns why nothing can be written any more, or nil.
func (w *writer) err() error {
	select {
	case <-w.broken:
		return &fault.Error{Op: "store.write", Kind: fault.Unavailable, Text: "The print service cannot use its disk. Please call the help desk.",
			Err: errors.New("the disk failed before: the node must be started again")}
	default:
		return nil
	}
}

// group runs first and whoever else waits by now or comes meanwhile. A group that
// begins with a lazy call takes only such.
func (w *writer) group(first *call) {
	ctx := context.Background()
	if err := w.err(); err != nil {
		w.refuse(first, err)
		return
	}
	if err := w.begin(ctx, first.lazy); err != nil {
		w.refuse(first, err)
		return
	}
	w.wrote = 0
	calls := make([]*call, 0, mostCalls)
	for c := first; c != nil; c = w.next(len(calls) == 1) {
		if w.lazy && !c.lazy {
			w.kept = append([]*call{c}, w.kept...)
			break
		}
		if !c.state.CompareAndSwap(waiting, taken) {
			continue
		}
		calls = append(calls, c)
		if err := w.run(ctx, c); err != nil { // the engine has rolled everything back
			w.end(ctx, calls, err)
			return
		}
		if len(calls) == mostCalls { // before the next one is taken, whom nobody would answer
			break
		}
	}
	w.end(ctx, calls, nil)
}

// begin opens a transaction. How it is committed can be said only before.
func (w *writer) begin(ctx context.Context, lazy bool) error {
	if lazy != w.lazy {
		level := "FULL"
		if lazy || failpoint.Defect("sync-normal") {
			level = "NORMAL"
		}
		if err := w.plain(ctx, "PRAGMA synchronous = "+level); err != nil {
			return err
		}
		w.lazy = lazy
	}
	return w.plain(ctx, "BEGIN IMMEDIATE")
}

// next returns a call that waits, or nil. The answers of the group before wake
// their callers, who may be about to come again: once per group it lets them.
func (w *writer) next(yield bool) *call {
	if yield && len(w.calls) == 0 && len(w.kept) == 0 {
		runtime.Gosched()
	}
	return w.waiting()
}

// refuse answers a call without having run it.
func (w *writer) refuse(c *call, err error) {
	switch {
	case c.out == nil:
		w.owed.failed(c, err)
	case c.state.CompareAndSwap(waiting, taken):
		c.out <- outcome{err: err}
	}
}

// run does one call within its savepoint. Its own failure is c.err; what run
// returns ends the whole group.
func (w *writer) run(ctx context.Context, c *call) error {
	if err := w.plain(ctx, "SAVEPOINT caller"); err != nil {
		return err
	}
	out := w.protected(ctx, c)
	if out.panicked != nil && c.out == nil { // nobody waits in whom it could go on
		out = outcome{err: fmt.Errorf("store: panic: %v", out.panicked)}
	}
	c.err = out.err
	if out.panicked != nil {
		c.told = true
		c.out <- out
	}
	if out.err == nil && !c.told {
		return w.plain(ctx, "RELEASE caller")
	}
	// A full disk or a failed read may have ended the transaction of all.
	if fatal(out.err) || w.ended() {
		return out.err
	}
	if err := w.plain(ctx, "ROLLBACK TO caller"); err != nil {
		return err
	}
	return w.plain(ctx, "RELEASE caller")
}

func (w *writer) protected(ctx context.Context, c *call) (out outcome) {
	defer func() { out.panicked = recover() }()
	t := tx{view{ctx: ctx, conn: w.conn, sql: w.sql, tenant: c.tenant, wrote: &w.wrote}, new([]Change)}
	if out.err = c.fn(t); out.err == nil {
		out.err = t.tell()
	}
	return out
}

// ended reports whether the engine has left the transaction by itself.
func (w *writer) ended() bool {
	ended := false
	err := w.conn.Raw(func(c any) error {
		ended = c.(*sqlite3.SQLiteConn).AutoCommit()
		return nil
	})
	return ended || err != nil
}

// end commits the group, or with a cause rolls it back, and answers its calls.
func (w *writer) end(ctx context.Context, calls []*call, cause error) {
	if cause == nil && w.nobody(calls) {
		cause = errNothing
	}
	if cause == nil {
		hit(calls, beforeCommit)
		cause = w.commit(ctx)
		if cause == nil {
			cause = w.trusted()
		}
		w.changed(w.wrote) // also when nobody knows
		if cause == nil {
			hit(calls, afterCommit)
			w.groups.Add(1)
		}
	}
	if cause != nil && !w.ended() {
		if err := w.plain(ctx, "ROLLBACK"); err != nil {
			w.log.Error("store: rolling back failed", "error", err)
		}
	}
	if fatal(cause) {
		w.log.Error("store: the disk cannot be trusted, nothing is written any more", "error", cause)
		close(w.broken)
		cause = unknown(cause)
	}
	for _, c := range calls {
		w.answer(c, cause)
	}
	if cause == nil {
		w.tendLog(ctx)
	}
}

// errUnkept says that a COMMIT that succeeded may be lost.
var errUnkept = errors.New("store: nobody knows what the disk has kept")

// trusted asks the witness. It is asked after every COMMIT, also of those that need
// not be on the disk: SQLite may have brought its log into the database, and the
// next COMMIT would be written over the log.
func (w *writer) trusted() error {
	if failpoint.Defect("no-witness") {
		return nil
	}
	if err := w.witness(); err != nil {
		return fmt.Errorf("%w: %w", errUnkept, err)
	}
	return nil
}

var errNothing = errors.New("store: every caller failed")

// nobody reports whether there is nothing to commit.
func (w *writer) nobody(calls []*call) bool {
	for _, c := range calls {
		if c.err == nil && !c.told {
			return false
		}
	}
	return true
}

func (w *writer) answer(c *call, cause error) {
	switch {
	case c.out == nil && (c.err != nil || cause != nil):
		w.owed.failed(c, errors.Join(c.err, cause))
	case c.out == nil:
		w.owed.paid()
		w.rows.Add(1)
	case c.told:
	case c.err != nil:
		c.out <- outcome{err: c.err}
	case cause != nil:
		c.out <- outcome{err: cause}
	default:
		w.rows.Add(1)
		c.out <- outcome{}
	}
}

// plain executes a statement without parameters.
func (w *writer) plain(ctx context.Context, text string) error {
	_, err := w.conn.ExecContext(ctx, text)
	if err != nil {
		return fmt.Errorf("%s: %w", text, err)
	}
	return nil
}

// The places around a group's COMMIT, one per kind of call that the harness
// asks for.
var (
	beforeCommit = map[string]string{"add": "store.add.before-commit", "end": "store.end.before-commit"}
	afterCommit  = map[string]string{"add": "store.add.after-commit", "end": "store.end.after-commit"}
)

func hit(calls []*call, points map[string]string) {
	for _, c := range calls {
		if name := points[c.point]; name != "" && c.err == nil {
			failpoint.Hit(name)
		}
	}
}
