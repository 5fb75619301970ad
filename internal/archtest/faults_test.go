package archtest

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestFaultsTable: docs/faults.md names tests that exist, and every fault of this
// stage has its row.
func TestFaultsTable(t *testing.T) {
	table, err := os.ReadFile("../../docs/faults.md")
	if err != nil {
		t.Fatal(err)
	}
	var tests, chaos []byte
	err = filepath.WalkDir("../..", func(path string, _ os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, "_test.go") && !strings.HasSuffix(path, "faults_test.go") {
			b, err := os.ReadFile(path)
			tests = append(tests, b...)
			return err
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	scenarios, err := filepath.Glob("../chaos/scenario_*.go")
	if err != nil || len(scenarios) == 0 {
		t.Fatal("no scenarios", err)
	}
	for _, path := range scenarios {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		chaos = append(chaos, b...)
	}
	rows := 0
	for line := range strings.Lines(string(table)) {
		if !strings.HasPrefix(line, "| F") {
			continue
		}
		rows++
		for _, m := range regexp.MustCompile("`((?:Test|F[0-9]{2})[^`]*)`").FindAllStringSubmatch(line, -1) {
			if name := m[1]; !bytes.Contains(tests, []byte("func "+name+"(")) && !bytes.Contains(tests, []byte(`"`+name+`"`)) {
				t.Errorf("no test is called %s", name)
			}
		}
	}
	for _, m := range regexp.MustCompile(`\{name: "([^"]*)"`).FindAllSubmatch(chaos, -1) {
		if !bytes.Contains(table, m[1]) {
			t.Errorf("the table does not know the scenario %s", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`scenarios? ([a-z, -]+)`).FindAllSubmatch(table, -1) {
		for name := range strings.SplitSeq(string(m[1]), ", ") {
			if name = strings.TrimSpace(name); strings.Contains(name, "-") && !bytes.Contains(chaos, []byte(`{name: "`+name+`"`)) {
				t.Errorf("there is no scenario %s", name)
			}
		}
	}
	if rows != 24+11+7 {
		t.Errorf("%d rows", rows)
	}
}
