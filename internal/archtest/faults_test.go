package archtest

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// together returns the text of all files that match.
func together(t *testing.T, match func(path string) bool) (all []byte) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if err == nil && match(filepath.ToSlash(path)) {
			b, err := os.ReadFile(path)
			all = append(all, b...)
			return err
		}
		return err
	})
	if err != nil || len(all) == 0 {
		t.Fatal("nothing found", err)
	}
	return all
}

// TestFaultsAndAbuseTables: docs/faults.md and docs/abuse.md name tests and scenarios
// that exist, every fault and abuse of this stage has its row, and every scenario
// stands in a row.
func TestFaultsAndAbuseTables(t *testing.T) {
	tests := together(t, func(path string) bool {
		return strings.HasSuffix(path, "_test.go") && !strings.HasSuffix(path, "archtest/faults_test.go")
	})
	chaos := together(t, func(path string) bool {
		return strings.Contains(path, "internal/chaos/scenario") && strings.HasSuffix(path, ".go")
	})
	var tables []byte
	for file, want := range map[string]int{"faults.md": 24 + 11 + 7 + 5 + 1, "abuse.md": 33 + 7 + 7 + 7} {
		table, err := os.ReadFile(filepath.Join(root, "docs", file))
		if err != nil {
			t.Fatal(err)
		}
		tables = append(tables, table...)
		rows := 0
		for line := range strings.Lines(string(table)) {
			if !regexp.MustCompile(`^\| [AF][0-9]{2} `).MatchString(line) {
				continue
			}
			rows++
			for _, m := range regexp.MustCompile("`((?:Test|F[0-9]{2})[^`]*)`").FindAllStringSubmatch(line, -1) {
				if name := m[1]; !bytes.Contains(tests, []byte("func "+name+"(")) && !bytes.Contains(tests, []byte(`"`+name+`"`)) {
					t.Errorf("%s: no test is called %s", file, name)
				}
			}
		}
		if rows != want {
			t.Errorf("%s has %d rows, want %d", file, rows, want)
		}
	}
	for _, m := range regexp.MustCompile(`\{name: "([^"]*)"`).FindAllSubmatch(chaos, -1) {
		if !bytes.Contains(tables, m[1]) {
			t.Errorf("no table knows the scenario %s", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`scenarios? ([a-z, -]+)`).FindAllSubmatch(tables, -1) {
		for name := range strings.SplitSeq(string(m[1]), ", ") {
			if name = strings.TrimSpace(name); strings.Contains(name, "-") && !bytes.Contains(chaos, []byte(`{name: "`+name+`"`)) {
				t.Errorf("there is no scenario %s", name)
			}
		}
	}
}
