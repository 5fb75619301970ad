package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// source parses the package without its tests.
func source(t *testing.T) (*token.FileSet, []*ast.File) {
	t.Helper()
	names, err := filepath.Glob("*.go")
	must(t, err)
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, 0)
		must(t, err)
		files = append(files, f)
	}
	return fset, files
}

type noImports struct{}

func (noImports) Import(string) (*types.Package, error) { return nil, errors.New("not needed") }

// queries returns every statement of the package by its name: the constants of
// type query, wherever they are.
func queries(t *testing.T) map[string]query {
	t.Helper()
	fset, files := source(t)
	info := &types.Info{Defs: map[*ast.Ident]types.Object{}}
	conf := types.Config{Importer: noImports{}, Error: func(error) {}} // what is imported stays unknown; constants do not need it
	_, _ = conf.Check("store", fset, files, info)
	found := map[string]query{}
	for _, o := range info.Defs {
		c, ok := o.(*types.Const)
		if !ok {
			continue
		}
		if n, ok := c.Type().(*types.Named); ok && n.Obj().Name() == "query" {
			found[c.Name()] = query(constant.StringVal(c.Val()))
		}
	}
	if len(found) < 100 {
		t.Fatalf("only %d statements found: does this test still see them?", len(found))
	}
	return found
}

// TestQueriesAreConstants: whatever is executed is the name of a constant, or a
// parameter that such a name was given to, so that queries sees all SQL.
func TestQueriesAreConstants(t *testing.T) {
	fset, files := source(t)
	takesQuery := map[string]int{ // which argument is the query
		"exec": 0, "each": 0, "one": 0, "job": 1, "jobs": 1, "bareJobs": 1, "more": 2, "users": -1, "user": 2, "count": 2, "release": 0,
		"alter": 3, "mark": 4, "remove": 5, "find": 5, "all": 4, "removeUnused": 5, "free": 2, "unused": 2, "forget": 3,
	}
	// Text goes to the driver as it is only where transactions, pragmas and
	// migrations are.
	bare := []string{"writer.go", "checkpoint.go", "open.go", "migrate.go", "tx.go"}
	for _, f := range files {
		file := fset.Position(f.Pos()).Filename
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			name := ""
			switch fun := call.Fun.(type) {
			case *ast.SelectorExpr:
				name = fun.Sel.Name
			case *ast.Ident:
				name = fun.Name
			}
			if slices.Contains([]string{"ExecContext", "QueryContext", "QueryRowContext", "PrepareContext"}, name) && !slices.Contains(bare, file) {
				t.Errorf("%s: %s outside the files that may", fset.Position(call.Pos()), name)
			}
			if at, ok := takesQuery[name]; ok && at >= 0 && at < len(call.Args) {
				switch call.Args[at].(type) {
				case *ast.BasicLit, *ast.BinaryExpr:
					t.Errorf("%s: %s is given a text and not the name of a query", fset.Position(call.Pos()), name)
				}
			}
			if conv, ok := call.Fun.(*ast.Ident); ok && conv.Name == "query" {
				t.Errorf("%s: a query is made at run time", fset.Position(call.Pos()))
			}
			return true
		})
	}
}

// tenantTables reads the migrations for the tables that have a tenant.
func tenantTables(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	names, err := filepath.Glob("migrations/*.sql")
	must(t, err)
	for _, name := range names {
		text, err := os.ReadFile(name)
		must(t, err)
		for _, m := range regexp.MustCompile(`(?s)CREATE TABLE (\w+) \((.*?)\n\)`).FindAllStringSubmatch(string(text), -1) {
			found[m[1]] = regexp.MustCompile(`(?m)^\ttenant\s`).MatchString(m[2])
		}
	}
	return found
}

var (
	tableRef  = regexp.MustCompile(`(?i)\b(FROM|JOIN|UPDATE|INTO)\s+([a-z_]+)(?:\s+([a-z]\w*))?`)
	notAlias  = []string{"where", "set", "on", "order", "group", "left", "join", "values", "select", "limit", "returning", "union"}
	wholeText = []string{"tenants", "counters", "epochs"}
)

// lacksTenant says which tables a statement uses without saying whose rows.
func lacksTenant(q query, hasTenant map[string]bool) []string {
	text := string(q)
	var lacks []string
	bareRefs := 0
	for _, m := range tableRef.FindAllStringSubmatch(text, -1) {
		verb, table, alias := strings.ToUpper(m[1]), m[2], m[3]
		if slices.Contains(notAlias, strings.ToLower(alias)) {
			alias = ""
		}
		switch known, ok := hasTenant[table]; {
		case strings.Contains(text, "WITH RECURSIVE "+table+" ("): // made of the statement's own rows
		case strings.EqualFold(table, "set"): // DO UPDATE SET
		case !ok:
			lacks = append(lacks, table+" (unknown table)")
		case !known:
			if table == "tenants" && verb != "INTO" && !strings.Contains(text, "id = $1") {
				lacks = append(lacks, table)
			}
		case verb == "INTO":
			if !regexp.MustCompile(`INTO ` + table + ` \(tenant,[^)]*\)\s+(VALUES \(\$1,|SELECT (\$1|tenant|\w\.tenant),)`).MatchString(text) {
				lacks = append(lacks, table)
			}
		case alias != "":
			if !regexp.MustCompile(`\b` + alias + `\.tenant = \$1`).MatchString(text) {
				lacks = append(lacks, table+" "+alias)
			}
		default:
			bareRefs++
		}
	}
	if n := len(regexp.MustCompile(`[^.\w]tenant = \$1`).FindAllString(text, -1)); n < bareRefs {
		lacks = append(lacks, fmt.Sprintf("%d of the tables without an alias", bareRefs-n))
	}
	return lacks
}

// TestEveryQueryHasItsTenant reads the SQL: a statement that touches a table of
// tenants names $1, which is the scope's tenant, for each of them.
func TestEveryQueryHasItsTenant(t *testing.T) {
	hasTenant := tenantTables(t)
	for _, table := range wholeText {
		if has, ok := hasTenant[table]; !ok || has {
			t.Errorf("table %s: want one without a tenant", table)
		}
	}
	if n := len(hasTenant); n < 20 {
		t.Fatalf("only %d tables found", n)
	}
	for name, q := range queries(t) {
		if name == "selectTenants" { // what a start and the keeper walk through
			continue
		}
		if lacks := lacksTenant(q, hasTenant); len(lacks) > 0 {
			t.Errorf("%s does not say whose rows of %s:\n%s", name, strings.Join(lacks, ", "), q)
		}
	}
}

func TestLacksTenantSees(t *testing.T) {
	hasTenant := tenantTables(t)
	for _, q := range []query{
		`SELECT id FROM jobs WHERE id = $1`,
		`SELECT j.id FROM jobs j JOIN users u ON u.id = j.owner WHERE j.tenant = $1`,
		`UPDATE jobs SET state = 3 WHERE id = $2`,
		`DELETE FROM jobs WHERE tenant = $1 AND id IN (SELECT job FROM documents)`,
		`INSERT INTO cards (id, tenant) VALUES ($2, $1)`,
		`INSERT INTO cards (tenant, id) VALUES ($2, $1)`,
		`SELECT j.id FROM jobs j WHERE j.tenant = $2`,
		`SELECT changes FROM tenants`,
		`SELECT x FROM nowhere WHERE tenant = $1`,
	} {
		if len(lacksTenant(q, hasTenant)) == 0 {
			t.Errorf("passes: %s", q)
		}
	}
}

// TestQueriesPrepareOnSQLite: and each has the parameters from $1 on without a
// gap, which SQLite would not notice.
func TestQueriesPrepareOnSQLite(t *testing.T) {
	w := newWorld(t)
	for name, q := range queries(t) {
		prepares(t, w.reads, name, w.sql.text(q))
		for n := 1; n <= highest(q); n++ {
			if !regexp.MustCompile(fmt.Sprintf(`\$%d\b`, n)).MatchString(string(q)) {
				t.Errorf("%s: $%d is missing", name, n)
			}
		}
	}
}

func prepares(t *testing.T, db *sql.DB, name, text string) {
	t.Helper()
	stmt, err := db.PrepareContext(context.Background(), text)
	if err != nil {
		t.Errorf("%s: %v\n%s", name, err, text)
		return
	}
	defer stmt.Close()
}

func highest(q query) int {
	n := 0
	for _, m := range regexp.MustCompile(`\$(\d+)`).FindAllStringSubmatch(string(q), -1) {
		var i int
		fmt.Sscan(m[1], &i)
		n = max(n, i)
	}
	return n
}
