package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mattn/go-sqlite3"

	"platen/directory"
	"platen/fault"
	"platen/internal/failpoint"
	"platen/internal/fsys"
	"platen/job"
)

// Sealer encrypts what is personal before it reaches SQL. aad names the place
// it is kept at, so that a sealed text cannot be moved to another. *spool.Keys
// is one.
type Sealer interface {
	SealTitle(plain string, aad []byte) ([]byte, error)
	OpenTitle(sealed, aad []byte) (string, error)
}

// Options say which database to open, and how.
type Options struct {
	Path     string // of the database file; its folder exists
	Titles   Sealer
	Key      string // id of the node's key, under which ledger rows are born
	Now      func() time.Time
	Log      *slog.Logger
	ReadOnly bool // beside a running node: no lock, no migration, no writing

	// Tenants are the ids of the tenants that a new database begins with; one of its
	// own when empty.
	Tenants []string
	Again   bool // a new database takes the place of one that is gone

	migrations fs.FS // tests bring their own
}

// Store is the database of a node. Its methods may be called by any number of
// goroutines.
type Store struct {
	path   string
	titles Sealer
	key    string
	now    func() time.Time
	log    *slog.Logger

	sql      *spelled
	writes   *sql.DB // one connection, the writer's
	reads    *sql.DB
	w        *writer // nil when read-only
	numbers  numbers
	unlock   func() error
	witness  *fsys.Witness
	lost     bool        // see Lost
	begin    []string    // Options.Tenants
	again    bool        // Options.Again
	asked    atomic.Bool // somebody wanted to know
	closed   sync.Once
	versions versions
	cache    cache
	sealed   atomic.Bool // a title could not be opened, and the log says so
}

// busyTimeout is how long SQLite waits for a lock, in milliseconds.
const busyTimeout = 5000

// readers is how many queries may run beside each other. More only wait for
// the cores.
const readers = 8

// Open opens the database, makes it when it is missing, checks it, and brings
// its schema up to date. A database that is damaged, or was written by a newer
// program, is refused with a sentence and left as it is.
func Open(ctx context.Context, o Options) (*Store, error) {
	s := &Store{path: o.Path, titles: o.Titles, key: o.Key, now: o.Now, log: o.Log, sql: &spelled{dialect: sqliteDialect}}
	s.numbers.fetching = make(chan struct{}, 1)
	if o.migrations == nil {
		o.migrations = released
	}
	err := s.open(ctx, o)
	if err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, o Options) error {
	if o.ReadOnly { // mode=ro also keeps it from tidying up the log of a node that died
		return s.openReaders(ctx, "mode=ro")
	}
	var err error
	if s.unlock, err = fsys.Lock(o.Path + "-lock"); err != nil {
		return err
	}
	if err := private(o.Path); err != nil {
		return fmt.Errorf("store.Open: %w", err)
	}
	if s.witness, err = fsys.OpenWitness(o.Path + "-witness"); err != nil {
		return fmt.Errorf("store.Open: %w", err)
	}
	s.lost, s.begin, s.again = walLost(o.Path), o.Tenants, o.Again
	if s.writes, err = connect(o.Path, "_journal_mode=WAL&_cache_size="+writerCache); err != nil {
		return err
	}
	s.writes.SetMaxOpenConns(1)
	conn, err := s.writes.Conn(ctx)
	if err != nil {
		return explain("store.Open", err)
	}
	if err := s.prepare(ctx, conn, o.migrations); err != nil {
		return errors.Join(err, conn.Close())
	}
	s.w = newWriter(conn, s.sql, s.log)
	s.w.changed = s.versions.raise
	s.w.witness = s.witness.Check
	go s.w.serve()
	if err := s.openReaders(ctx, "_journal_mode=WAL"); err != nil {
		return err
	}
	return s.settle(ctx)
}

func (s *Store) openReaders(ctx context.Context, more string) error {
	if _, err := os.Stat(s.path); err != nil {
		return &fault.Error{Op: "store.Open", Kind: fault.NotFound, Text: "There is no database yet.", Err: err}
	}
	var err error
	if s.reads, err = connect(s.path, more+"&_query_only=1&_cache_size="+readerCache); err != nil {
		return err
	}
	s.reads.SetMaxOpenConns(readers)
	s.reads.SetMaxIdleConns(readers)
	return explain("store.Open", s.reads.PingContext(ctx))
}

// How much of the database a connection keeps in memory, in KiB. An import touches
// every page of the indexes again and again, and what does not fit is written to the
// log each time.
const (
	readerCache = "-8000"
	writerCache = "-48000"
)

// connect makes a pool. Whatever a connection must have is in the DSN, so that
// every one of the pool has it. The driver's own default is
// synchronous=NORMAL in WAL mode, which loses what was acknowledged.
func connect(path, more string) (*sql.DB, error) {
	dsn := "file:" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath() +
		"?_synchronous=FULL&_foreign_keys=1&_busy_timeout=" + strconv.Itoa(busyTimeout) +
		"&_secure_delete=FAST&_stmt_cache_size=256&" + more
	if failpoint.Defect("sync-normal") { // the harness must notice
		dsn = strings.Replace(dsn, "_synchronous=FULL", "_synchronous=NORMAL", 1)
	}
	db, err := sql.Open("sqlite3", dsn)
	if err != nil {
		return nil, fmt.Errorf("store.Open: %w", err)
	}
	db.SetConnMaxLifetime(0)
	return db, nil
}

// private makes the file before SQLite does: the files beside it take its
// mode.
func private(path string) error {
	f, err := fsys.CreatePrivate(path)
	switch {
	case errors.Is(err, fs.ErrExist):
		return os.Chmod(path, 0o600)
	case err != nil:
		return err
	}
	return errors.Join(f.Close(), fsys.SyncDir(filepath.Dir(path)))
}

// prepare checks the database and migrates it.
func (s *Store) prepare(ctx context.Context, conn *sql.Conn, migrations fs.FS) error {
	if err := quickCheck(ctx, conn); err != nil {
		return err
	}
	return migrate(ctx, migration{conn: conn, path: s.path, from: migrations, dialect: sqliteDialect, now: s.now, log: s.log})
}

// settle brings the node's own rows in order: its ledger has an epoch, and what
// is kept as a sum is right.
func (s *Store) settle(ctx context.Context) error {
	err := s.write(ctx, "", "", func(t tx) error {
		if _, err := t.exec(insertEpoch, s.key, s.now()); err != nil {
			return err
		}
		if !s.lost {
			return t.each(selectLost, func(row scanner) error { return row.Scan(&s.lost) })
		}
		s.log.Error("store: the write-ahead log is gone, the last commits with it; a new epoch begins", "path", s.path)
		if _, err := t.exec(setLost, true); err != nil {
			return err
		}
		return t.newEpoch(s)
	})
	if err != nil {
		return explain("store.Open", err)
	}
	tenants, err := s.Tenants(ctx)
	if err == nil && len(tenants) == 0 {
		tenants, err = s.firstTenants(ctx)
	}
	for _, t := range tenants {
		err = errors.Join(err, s.Tenant(t).recount(ctx))
	}
	if err != nil {
		return err
	}
	return markOpen(s.path)
}

// Close ends what is under way, brings the write-ahead log into the database,
// and closes it. Calls that come later fail with Unavailable. Closing again does
// nothing.
func (s *Store) Close() (err error) {
	s.closed.Do(func() { err = s.close() })
	return err
}

func (s *Store) close() error {
	s.forgetLoss()
	s.returnNumbers()
	if s.w != nil {
		s.w.stop()
	}
	clean := s.w != nil && s.w.err() == nil
	err := s.release()
	if clean && err == nil {
		return markClosed(s.path)
	}
	return err
}

// release closes whatever is open, also of a store that did not come up.
func (s *Store) release() error {
	var errs []error
	if s.reads != nil {
		errs = append(errs, s.reads.Close())
	}
	if s.w != nil {
		s.w.stop()
		errs = append(errs, s.w.conn.Close())
	}
	if s.writes != nil {
		errs = append(errs, s.writes.Close())
	}
	if s.witness != nil {
		errs = append(errs, s.witness.Close())
	}
	if s.unlock != nil {
		errs = append(errs, s.unlock())
	}
	return errors.Join(errs...)
}

// Broken is closed when the disk has failed in a way after which nothing may be
// written any more: the process should end, and start again with its checks.
func (s *Store) Broken() <-chan struct{} {
	if s.w == nil {
		return nil
	}
	return s.w.broken
}

// Lost reports whether the write-ahead log was missing when the store was
// opened although the node had not ended in order: rows may be gone that were
// acknowledged, and their documents in the spool are to be adopted as after a
// restore.
//
// It stays so until a process that has asked closes the store in order: a
// command that looked in between, or a crash, does not hide it.
func (s *Store) Lost() bool {
	s.asked.Store(true)
	return s.lost
}

func (s *Store) forgetLoss() {
	if s.w == nil || !s.lost || !s.asked.Load() {
		return
	}
	err := s.write(context.Background(), "", "", func(t tx) error {
		_, err := t.exec(setLost, false)
		return err
	})
	if err != nil {
		s.log.Warn("store: the loss will be told again", "error", err)
	}
}

// Commits returns how many transactions were committed, and how many COMMITs
// they shared.
func (s *Store) Commits() (transactions, commits int64) {
	if s.w == nil {
		return 0, 0
	}
	return s.w.rows.Load(), s.w.groups.Load()
}

// write runs fn in a transaction for a tenant, "" the whole store, and returns
// when it is durable.
func (s *Store) write(ctx context.Context, tenant, point string, fn func(tx) error) error {
	return s.call(ctx, &call{tenant: tenant, point: point, fn: fn})
}

func (s *Store) call(ctx context.Context, c *call) error {
	if s.w == nil {
		return &fault.Error{Op: "store.write", Kind: fault.Denied, Text: "The database was opened for reading only."}
	}
	return s.w.do(ctx, c)
}

// look runs fn, which reads with one statement: that sees a snapshot anyway. It
// is not interrupted, so it is for what an index answers.
func (s *Store) look(ctx context.Context, tenant string, fn func(view) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.settled(ctx)
	always := context.WithoutCancel(ctx)
	conn, err := s.reads.Conn(always)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	return fn(view{ctx: always, conn: conn, sql: s.sql, tenant: tenant})
}

// read runs fn in a snapshot.
func (s *Store) read(ctx context.Context, tenant string, fn func(view) error) (err error) {
	s.settled(ctx)
	conn, err := s.reads.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	// A caller that gives up between the two must not leave its snapshot to the
	// next user of the connection.
	always := context.WithoutCancel(ctx)
	if _, err := conn.ExecContext(always, "BEGIN"); err != nil {
		return err
	}
	err = fn(view{ctx: ctx, conn: conn, sql: s.sql, tenant: tenant})
	_, rerr := conn.ExecContext(always, "ROLLBACK") // nothing was written
	return errors.Join(err, rerr)
}

// Check reads the whole database for damage. It may run beside everything
// else, and takes seconds on a large one.
func (s *Store) Check(ctx context.Context) error {
	return alone(ctx, s.path, func(conn *sql.Conn) error { return quickCheck(ctx, conn) })
}

// alone runs fn on a connection of its own, which has nothing in its cache and
// may not write.
func alone(ctx context.Context, path string, fn func(*sql.Conn) error) (err error) {
	db, err := connect(path, "mode=ro")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return explain("store.Open", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	return fn(conn)
}

func quickCheck(ctx context.Context, conn *sql.Conn) error {
	var said string
	err := conn.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&said)
	var e sqlite3.Error
	switch {
	case errors.As(err, &e) && (e.Code == sqlite3.ErrCorrupt || e.Code == sqlite3.ErrNotADB):
	case err != nil:
		return explain("store.Check", err)
	case said == "ok":
		return nil
	default:
		err = errors.New(said)
	}
	return &fault.Error{Op: "store.Check", Kind: fault.Internal, Text: damagedText, Err: err}
}

// Tenants returns the ids of all tenants, oldest first.
func (s *Store) Tenants(ctx context.Context) ([]string, error) {
	var ids []string
	err := s.read(ctx, "", func(v view) error {
		return v.each(selectTenants, to(&ids, func(row scanner, id *string) error {
			return row.Scan(id)
		}))
	})
	return ids, explain("store.Tenants", err)
}

// Default returns the first tenant, which is that of a node that stands alone.
func (s *Store) Default(ctx context.Context) (Scope, error) {
	ids, err := s.Tenants(ctx)
	if err != nil {
		return Scope{}, err
	}
	return s.Tenant(ids[0]), nil
}

func (s *Store) firstTenants(ctx context.Context) ([]string, error) {
	ids := s.begin
	if len(ids) == 0 {
		ids = []string{job.NewUUID()}
	}
	if s.again {
		if err := s.NewEpoch(ctx); err != nil {
			return nil, err
		}
	}
	name := "default"
	for _, id := range ids {
		if _, err := s.AddTenant(ctx, id, name); err != nil {
			return nil, err
		}
		name = id
	}
	return ids, nil
}

// AddTenant makes a tenant.
func (s *Store) AddTenant(ctx context.Context, id, name string) (Scope, error) {
	err := s.write(ctx, id, "", func(t tx) error {
		if _, err := t.exec(insertTenant, name, s.now()); err != nil {
			return err
		}
		for _, r := range []directory.Right{directory.Colour, directory.Copy, directory.Scan, directory.Fax} {
			if _, err := t.exec(putRight, "", string(r), "", "", 0); err != nil { // until somebody says otherwise
				return err
			}
		}
		return nil
	})
	return s.Tenant(id), explain("store.AddTenant", err)
}

// NewEpoch begins a new epoch of the node's ledger, so that no number of a row
// is given twice after a restore, and none of a job. The epoch is the time in
// milliseconds: also when the same backup is restored twice, it was never there
// before.
func (s *Store) NewEpoch(ctx context.Context) error {
	return explain("store.NewEpoch", s.write(ctx, "", "", func(t tx) error { return t.newEpoch(s) }))
}

func (t tx) newEpoch(s *Store) error {
	if _, err := t.exec(raiseEpoch, s.key, s.now()); err != nil {
		return err
	}
	var last int64
	return t.one(moreJobs, []any{&last}, leap)
}

const (
	selectLost query = `SELECT value FROM counters WHERE name = 'log-lost'`
	setLost    query = `
		INSERT INTO counters (name, value) VALUES ('log-lost', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value`

	selectTenants query = `SELECT id FROM tenants ORDER BY created_at, id`
	insertTenant  query = `INSERT INTO tenants (id, name, created_at, changes, audit) VALUES ($1, $2, $3, 0, 0)`
	insertEpoch   query = `INSERT INTO epochs (node_key, epoch, seq) VALUES ($1, $2, 0) ON CONFLICT (node_key) DO NOTHING`
	raiseEpoch    query = `
		INSERT INTO epochs (node_key, epoch, seq) VALUES ($1, $2, 0)
		ON CONFLICT (node_key) DO UPDATE SET seq = 0,
		       epoch = CASE WHEN excluded.epoch > epochs.epoch THEN excluded.epoch ELSE epochs.epoch + 1 END`
)
