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
	var tests []byte
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
	if rows != 24+11+7 {
		t.Errorf("%d rows", rows)
	}
}
