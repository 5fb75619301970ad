// Package fuzz holds the list of fuzz targets that run in every `make test`.
package fuzz

import (
	"bufio"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTargetsExist: `go test -fuzz` calls a name that nothing has a success, so
// that a target which was renamed would be fuzzed no more and nobody would know.
func TestTargetsExist(t *testing.T) {
	list, err := os.Open("targets")
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	targets := 0
	for lines := bufio.NewScanner(list); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		targets++
		pkg, name, _ := strings.Cut(lines.Text(), ":")
		if !declares(t, filepath.Join("..", "..", filepath.FromSlash(pkg)), name) {
			t.Errorf("there is no %s in %s", name, pkg)
		}
	}
	if targets < 7 {
		t.Errorf("%d targets are left of the list", targets)
	}
}

func declares(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`(?m)^func ` + regexp.QuoteMeta(name) + `\(`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if declared.Match(text) {
			return true
		}
	}
	return false
}
