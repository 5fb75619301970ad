package csvfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"platen/directory"
	"platen/directory/csvfile"
	"platen/fault"
)

func TestWatchedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "people.csv")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := &csvfile.Source{Config: csvfile.Config{Path: path}}
	if _, err := s.Read(t.Context(), nil, nil); !fault.Is(err, fault.Unavailable) {
		t.Errorf("no file: %v", err)
	}
	write("id,login,full_name,cards,groups,enabled\n17,Anna,Anna Muster,04A1|04B2,Staff|Sales,yes\n18,ben,,,staff,no\n,carl,,,,\n")
	a, err := s.Read(t.Context(), nil, nil)
	if err != nil || !a.Full || len(a.People) != 3 || len(a.Groups) != 2 || len(a.Cursor) != 32 {
		t.Fatalf("%+v, %v", a, err)
	}
	anna, ben, carl := a.People[0], a.People[1], a.People[2]
	if anna.Key != "id 17" || len(anna.Cards) != 2 || !anna.Enabled || ben.Enabled || carl.Key != "login carl" || !carl.Enabled {
		t.Errorf("%+v", a.People)
	}
	if g := a.Groups[1]; g.Name != "Staff" || len(g.People) != 2 {
		t.Errorf("%+v", g)
	}
	if b, err := s.Read(t.Context(), a.Cursor, nil); err != nil || b.Full || len(b.People) != 0 || string(b.Cursor) != string(a.Cursor) {
		t.Errorf("the same file again: %+v, %v", b, err)
	}
	// TestF48: a file that is half written, or wrong in one line, is no answer.
	for name, text := range map[string]string{
		"half a line": "id,login,full_name\n17,anna,\"An", "an id twice": "id,login\n17,anna\n17,ben\n", "empty": "", "no login": "id,login\n17,\n",
	} {
		write(text)
		if b, err := s.Read(t.Context(), a.Cursor, nil); err == nil || len(b.People) != 0 || fault.Is(err, fault.Internal) {
			t.Errorf("%s: %+v, %v", name, b, err)
		}
	}
	if err := (&csvfile.Config{Path: "people.csv"}).Check(); !fault.Is(err, fault.Invalid) {
		t.Errorf("a relative path: %v", err)
	}
	write("login,pin\n" + strings.Repeat("x", 10) + ",1234\n")
	if _, err := s.Read(t.Context(), nil, nil); !fault.Is(err, fault.Invalid) {
		t.Errorf("an easy PIN: %v", err)
	}
	var _ directory.Source = s
}
