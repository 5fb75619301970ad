package store

import (
	"bytes"
	"context"
	"database/sql"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"platen/accounting"
	"platen/job"
)

var update = flag.Bool("update", false, "write the file of the newest schema anew")

const schemaDir = "../testdata/schema"

// sqlOf returns a database as SQL: the schema, then the rows in the order of
// their tables' creation.
func sqlOf(t *testing.T, path string) []byte {
	t.Helper()
	var out bytes.Buffer
	must(t, alone(context.Background(), path, func(conn *sql.Conn) error {
		var tables []string
		for _, s := range schemaOf(t, conn) {
			fmt.Fprintf(&out, "%s;\n", s)
			if name, ok := strings.CutPrefix(s, "CREATE TABLE "); ok {
				name, _, _ = strings.Cut(name, " ")
				tables = append(tables, name)
			}
		}
		for _, table := range tables {
			rowsOf(t, conn, table, func(vals []any) {
				fmt.Fprintf(&out, "INSERT INTO %s VALUES (%s);\n", table, literals(vals))
			})
		}
		return nil
	}))
	return out.Bytes()
}

func rowsOf(t *testing.T, conn *sql.Conn, table string, each func([]any)) {
	t.Helper()
	rows, err := conn.QueryContext(context.Background(), "SELECT * FROM "+table)
	must(t, err)
	defer rows.Close()
	cols, err := rows.Columns()
	must(t, err)
	for rows.Next() {
		vals, ptrs := make([]any, len(cols)), make([]any, len(cols))
		for i := range vals {
			ptrs[i] = &vals[i]
		}
		must(t, rows.Scan(ptrs...))
		each(vals)
	}
	must(t, rows.Err())
}

func literals(vals []any) string {
	list := make([]string, len(vals))
	for i, v := range vals {
		switch v := v.(type) {
		case nil:
			list[i] = "NULL"
		case int64:
			list[i] = fmt.Sprint(v)
		case []byte:
			list[i] = fmt.Sprintf("x'%x'", v)
		default:
			list[i] = "'" + strings.ReplaceAll(fmt.Sprint(v), "'", "''") + "'"
		}
	}
	return strings.Join(list, ", ")
}

func schemaOf(t *testing.T, conn *sql.Conn) []string {
	t.Helper()
	var list []string
	rows, err := conn.QueryContext(context.Background(), "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid")
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		var s string
		must(t, rows.Scan(&s))
		list = append(list, s)
	}
	must(t, rows.Err())
	return list
}

// fromSQL makes a database of SQL.
func fromSQL(t *testing.T, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "platen.db")
	db, err := connect(path, "_foreign_keys=0")
	must(t, err)
	defer db.Close()
	conn, err := db.Conn(t.Context())
	must(t, err)
	defer conn.Close()
	for _, s := range []string{"PRAGMA foreign_keys = OFF", "BEGIN", string(text), "COMMIT"} {
		if _, err := conn.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%v", err)
		}
	}
	return path
}

// TestSchemaFixtures opens the database of every schema there was.
func TestSchemaFixtures(t *testing.T) {
	if *update {
		writeFixture(t)
	}
	files, err := filepath.Glob(schemaDir + "/*.sql")
	must(t, err)
	steps, err := migration{from: released, dialect: sqliteDialect}.steps()
	must(t, err)
	if len(files) != len(steps) {
		t.Fatalf("%d files for %d migrations", len(files), len(steps))
	}
	for i, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			must(t, err)
			path := fromSQL(t, text)
			if i == len(files)-1 {
				sameSchema(t, path)
			}
			checkFixture(t, path)
		})
	}
}

// sameSchema holds the newest file and the migrations to each other: a migration
// that was edited after its file was made shows here.
func sameSchema(t *testing.T, path string) {
	t.Helper()
	fresh := closed(t, 0)
	schemas := make([][]string, 2)
	for i, p := range []string{path, fresh} {
		must(t, alone(t.Context(), p, func(conn *sql.Conn) error {
			schemas[i] = schemaOf(t, conn)
			return nil
		}))
	}
	for i, name := range []string{"the file", "the migrations"} {
		for _, s := range schemas[i] {
			if !slices.Contains(schemas[1-i], s) {
				t.Errorf("only %s has:\n%s", name, s)
			}
		}
	}
}

// writeFixture fills a world with a little of everything and keeps it as SQL.
func writeFixture(t *testing.T) {
	t.Helper()
	w := newWorld(t)
	w.put(t, "canceled", job.Canceled)
	q, err := w.a.Queue(t.Context(), secure)
	must(t, err)
	q.Aliases, q.IPP.Location = []string{"hp_color_2"}, "hall"
	must(t, w.a.PutQueue(t.Context(), q))
	j, send := w.send(t, "printed")
	must(t, w.a.EndSend(t.Context(), j, accounting.Row{ID: send, JobID: j.ID, Owner: anna, Device: hall, Queue: secure,
		Title: "canary title printed", Outcome: accounting.Printed, Evidence: job.Confirmed, Octets: 1000, Pages: 3}, printed, epoch))
	path := filepath.Join(t.TempDir(), "copy.db")
	must(t, w.Backup(t.Context(), path))
	steps, err := migration{from: released, dialect: sqliteDialect}.steps()
	must(t, err)
	must(t, os.WriteFile(fmt.Sprintf("%s/%04d.sql", schemaDir, len(steps)), sqlOf(t, path), 0o644))
}

// checkFixture looks whether what writeFixture put in is there.
func checkFixture(t *testing.T, path string) {
	t.Helper()
	ctx := t.Context()
	s := open(t, options(path, time.Now))
	must(t, s.Check(ctx))
	tenants, err := s.Tenants(ctx)
	if err != nil || len(tenants) != 2 {
		t.Fatalf("tenants %v, %v", tenants, err)
	}
	sc := s.Tenant(tenants[0])
	jobs, err := sc.Jobs(ctx, job.Filter{})
	if err != nil || len(jobs) != 3 || jobs[0].State != job.Completed || jobs[1].State != job.Canceled || jobs[2].State != job.Held ||
		jobs[2].Ticket.Title != "canary title fixture" || jobs[2].OwnerName != "anna" || len(jobs[2].Documents) != 2 {
		t.Errorf("jobs %+v, %v", jobs, err)
	}
	rows, err := sc.LedgerOf(ctx, jobs[0].ID)
	if err != nil || len(rows) != 1 || rows[0].Pages != 3 || rows[0].Seq != 1 || rows[0].Title != "canary title printed" {
		t.Errorf("ledger %+v, %v", rows, err)
	}
	users, err := sc.Users(ctx)
	if err != nil || logins(users) != "anna ben" || len(users[0].Aliases) != 2 || users[0].Cards != 1 {
		t.Errorf("users %+v, %v", users, err)
	}
	if lines, _, err := sc.VerifyAudit(ctx); err != nil || lines != 1 {
		t.Errorf("audit %d, %v", lines, err)
	}
	if _, err := sc.TokenByDigest(ctx, []byte("token")); err != nil {
		t.Error(err)
	}
	must(t, sc.AddJob(ctx, newJob("added today", anna), nil))
}
