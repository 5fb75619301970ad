// Package archtest holds the map of the house as a test: which package may
// import which. It reads the import lines of the tree with go/parser, so that
// its answer is never a cached one.
package archtest

import (
	"go/build"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const root = "../.."

// mayImport is the map. A package of ours that is not a key may not exist.
// internal/failpoint and internal/fsys are open to everybody.
var mayImport = map[string][]string{
	"fault":      {},
	"job":        {"fault"},
	"site":       {"fault"},
	"directory":  {"fault"},
	"accounting": {"job"},
	"pdl":        {"fault"},
	"pki":        {"fault"},
	"spool":      {"fault", "job", "pdl"},
	"intake":     {"accounting", "directory", "fault", "job", "pdl", "site", "spool"},
	"lpd":        {"fault", "job"},
	"convert":    {"fault", "job", "pdl", "site"},
	"device":     {"fault", "ipp", "job", "lpd", "site"},
	"dispatch":   {"accounting", "device", "fault", "job", "site"},
	"release":    {"accounting", "directory", "fault", "job", "site"},
	"ui":         {"accounting", "directory", "fault", "job", "pki", "setup", "site", "ui/catalog", "internal/crowd", "internal/unpack"},
	"ui/catalog": {"fault"},
	"store":      {"accounting", "directory", "fault", "job", "pki", "site"},
	"config":     {"fault"},
	"dnssd":      {"fault"},
	"setup":      {"fault", "site"},
	"packaging":  {},

	"directory/cardrule": {"fault"},
	"directory/csvfile":  {"directory", "fault", "internal/table"},
	"directory/entra":    {"directory", "fault", "internal/webtrust"},
	"directory/foreign":  {"directory", "directory/cardrule", "fault", "internal/table"},
	"directory/kerberos": {"directory", "fault"},
	"directory/ldap":     {"directory", "fault"},
	"directory/oidc":     {"directory", "fault", "internal/webtrust"},
	"notify":             {"fault"},
	"pki/acme":           {"fault", "pki"},
	"reader":             {"fault"},
	"internal/table":     {"fault"},

	"cmd/node": {"*"},

	"ipp":    {"fault"},
	"ippsrv": {"fault", "ipp", "job", "site", "internal/crowd", "internal/unpack"},

	"internal/crowd":     {},
	"internal/unpack":    {},
	"internal/webtrust":  {},
	"internal/failpoint": {},
	"internal/fsys":      {"fault"},
	"internal/archtest":  {},
	"internal/testkit":   {"*"},
	"internal/chaos":     {"internal/testkit"},
	"internal/hostile":   {},
	"internal/bench":     {"internal/testkit"},
}

// below lists folders whose packages count as the folder itself: test helpers
// that live beside what they test.
var below = []string{"internal/testkit", "internal/chaos", "internal/bench"}

// openToAll may be imported by every package.
var openToAll = []string{"internal/failpoint", "internal/fsys"}

// SQL is the store's business and networking is not.
var forbidden = map[string][]string{
	"database/sql": {"store"},
	"net/http":     {"ui", "device", "directory/entra", "directory/kerberos", "directory/oidc", "ippsrv", "internal/crowd", "internal/webtrust", "pki/acme", "cmd/node", "internal/testkit", "internal/chaos", "internal/bench", "internal/hostile"},
	"os/signal":    {"cmd/node", "internal/chaos", "internal/bench", "internal/hostile"},
}

func room(dir string) string {
	for _, b := range below {
		if dir == b || strings.HasPrefix(dir, b+"/") {
			return b
		}
	}
	// A package of test helpers beside its subject, release/releasetest, may
	// import what its subject may, and the subject.
	if strings.HasSuffix(dir, "test") {
		if parent := filepath.ToSlash(filepath.Dir(dir)); strings.HasPrefix(filepath.Base(dir), filepath.Base(parent)) {
			return parent
		}
	}
	return dir
}

// imports returns, for each folder with Go files, what its files import.
// Tests may import anything: they are not the house, they inspect it.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	got := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "var" || name == "bin") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		dir = filepath.ToSlash(dir)
		if _, ok := got[dir]; !ok {
			got[dir] = nil
		}
		for _, s := range f.Imports {
			p, err := strconv.Unquote(s.Path.Value)
			if err != nil {
				return err
			}
			if !slices.Contains(got[dir], p) {
				got[dir] = append(got[dir], p)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestMapOfTheHouse(t *testing.T) {
	for dir, list := range imports(t) {
		r := room(dir)
		allowed, known := mayImport[r]
		if !known {
			t.Errorf("%s has no row in the map; give it one here and in the house's description", dir)
			continue
		}
		for _, p := range list {
			theirs, ours := strings.CutPrefix(p, "platen/")
			switch {
			case !ours:
				where, guarded := forbidden[p]
				if guarded && !slices.Contains(where, r) {
					t.Errorf("%s imports %s, which is the business of %s", dir, p, strings.Join(where, ", "))
				}
			case slices.Contains(allowed, "*"), slices.Contains(openToAll, theirs), room(theirs) == r,
				slices.Contains(allowed, room(theirs)):
			default:
				t.Errorf("%s imports %s; the map allows %v", dir, theirs, allowed)
			}
		}
	}
}

// No package of ours takes a name of the standard library: a reader must not
// have to ask which one is meant.
func TestNoNameOfTheStandardLibrary(t *testing.T) {
	for dir := range imports(t) {
		name := filepath.Base(dir)
		if p, err := build.Default.Import(name, "", build.FindOnly); err == nil && p.Goroot {
			t.Errorf("%s is a package of the standard library too", name)
		}
	}
}
