package store

import (
	"bytes"
	"context"
	"database/sql"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// postgres starts a PostgreSQL 15 of its own, on a socket, and returns a pool
// for it. A machine without one fails the test: make test installs it.
func postgres(t *testing.T) *sql.DB {
	t.Helper()
	const bin = "/usr/lib/postgresql/15/bin/"
	dir, err := os.MkdirTemp("", "pg") // t.TempDir is too long for a socket's name, and too private
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	run := func(args ...string) string {
		t.Helper()
		var out bytes.Buffer
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Stdout, cmd.Stderr, cmd.Dir = &out, &out, dir
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out.String())
		}
		return out.String()
	}
	as := func(args ...string) []string { return args }
	if os.Geteuid() == 0 { // the server refuses to be root
		if _, err := user.Lookup("postgres"); err != nil {
			t.Fatalf("PostgreSQL 15 is not installed: %v", err)
		}
		run("chown", "postgres", dir)
		as = func(args ...string) []string {
			return append([]string{"setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"}, args...)
		}
	}
	data := filepath.Join(dir, "data")
	t.Logf("%s", run(bin+"postgres", "--version"))
	run(as(bin+"initdb", "-D", data, "-U", "platen", "-A", "trust", "-E", "UTF8", "--no-sync")...)
	run(as(bin+"pg_ctl", "-D", data, "-w", "-l", filepath.Join(dir, "log"), "-o", "-k "+dir+" -c listen_addresses='' -F", "start")...)
	t.Cleanup(func() { run(as(bin+"pg_ctl", "-D", data, "-m", "fast", "stop")...) })
	db, err := sql.Open("pgx", "host="+dir+" user=platen dbname=postgres")
	must(t, err)
	t.Cleanup(func() { db.Close() })
	var version string
	must(t, db.QueryRow("SHOW server_version").Scan(&version))
	if !strings.HasPrefix(version, "15.") {
		t.Fatalf("PostgreSQL is %s, want 15", version)
	}
	return db
}

// TestQueriesPrepareOnPostgreSQL makes the schema on PostgreSQL 15 and prepares
// every statement of the package there.
func TestQueriesPrepareOnPostgreSQL(t *testing.T) {
	db := postgres(t)
	ctx := context.Background()
	steps, err := migration{from: released, dialect: postgresDialect}.steps()
	must(t, err)
	for _, s := range append([]step{{text: countTable}}, steps...) {
		if _, err := db.ExecContext(ctx, s.text); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
	}
	list := queries(t)
	list["countStep"] = countStep
	for name, q := range list {
		prepares(t, db, name, postgresDialect.param(string(q)))
	}
	t.Logf("%d statements prepared", len(list))
}
