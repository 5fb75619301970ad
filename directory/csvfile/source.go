package csvfile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"platen/directory"
	"platen/fault"
	"platen/internal/table"
)

// Config says which file is watched.
type Config struct {
	Path string `json:"path"` // absolute
}

// Check says what is wrong with a configuration.
func (c *Config) Check() error {
	if !filepath.IsAbs(c.Path) {
		return &fault.Error{Op: "csvfile.Config", Kind: fault.Invalid, Text: "The path of the file must be an absolute one."}
	}
	return nil
}

// Source is a file that somebody else writes: a personnel system's export, say. It
// is read whole when it has changed. People are known by the column id, and where
// there is none by their login.
type Source struct{ Config Config }

var _ directory.Source = (*Source)(nil)

// Read returns everybody in the file, or nothing when the file is the one that the
// cursor is of. A file with a single mistake is Invalid: half of it would look as if
// the others had left.
func (s *Source) Read(_ context.Context, cursor []byte, progress func(int)) (directory.Answer, error) {
	const op = "csvfile.Read"
	data, err := s.data()
	if err != nil {
		return directory.Answer{}, err
	}
	sum := sha256.Sum256(data)
	if bytes.Equal(cursor, sum[:]) {
		return directory.Answer{Cursor: cursor}, nil
	}
	entries, problems, err := Read(bytes.NewReader(data))
	if err != nil {
		return directory.Answer{}, fmt.Errorf("%s: %w", op, err)
	}
	a := directory.Answer{Full: true, Cursor: sum[:]}
	a.People, a.Groups, problems = records(entries, problems)
	if len(problems) > 0 {
		return directory.Answer{}, refused(op, problems)
	}
	if progress != nil {
		progress(len(a.People))
	}
	return a, nil
}

func (s *Source) data() ([]byte, error) {
	const op = "csvfile.data"
	if err := s.Config.Check(); err != nil {
		return nil, err
	}
	info, err := os.Stat(s.Config.Path)
	switch {
	case err != nil:
		return nil, unreadable(op, err)
	case !info.Mode().IsRegular():
		return nil, unreadable(op, errors.New("not a file"))
	case info.Size() > table.MaxOctets:
		return nil, &fault.Error{Op: op, Kind: fault.TooLarge, Text: "The file is larger than 64 MiB."}
	}
	data, err := os.ReadFile(s.Config.Path)
	if err != nil {
		return nil, unreadable(op, err)
	}
	return data, nil
}

func unreadable(op string, err error) error {
	return &fault.Error{Op: op, Kind: fault.Unavailable, Text: "The file cannot be read. Is it there, and may the service read it?", Err: err}
}

func refused(op string, problems []table.Problem) error {
	lines := make([]string, min(len(problems), 5))
	for i := range lines {
		lines[i] = problems[i].String()
	}
	if len(problems) == 1 {
		return &fault.Error{Op: op, Kind: fault.Invalid, Text: "Nothing was taken: a line of the file is wrong: %s", Args: []any{lines[0]}}
	}
	return &fault.Error{Op: op, Kind: fault.Invalid, Text: "Nothing was taken: %d lines of the file are wrong. The first: %s", Args: []any{len(problems), strings.Join(lines, "; ")}}
}

// records turns rows into what a source says. Groups are those that the rows name.
func records(entries []Entry, problems []table.Problem) ([]directory.Record, []directory.GroupRecord, []table.Problem) {
	people := make([]directory.Record, 0, len(entries))
	groups := map[string]*directory.GroupRecord{}
	keys := map[string]int{}
	for i := range entries {
		e := &entries[i]
		r := e.Record()
		if first, ok := keys[r.Key]; ok {
			problems = append(problems, table.Problem{Line: e.Line, Text: fmt.Sprintf("the id is on line %d too", first)})
			continue
		}
		keys[r.Key] = e.Line
		people = append(people, r)
		for _, name := range list(e.row.Get("groups")) {
			key := "group " + directory.Fold(name)
			if groups[key] == nil {
				groups[key] = &directory.GroupRecord{Key: key, Name: name}
			}
			if !slices.Contains(groups[key].People, r.Key) {
				groups[key].People = append(groups[key].People, r.Key)
			}
		}
	}
	all := make([]directory.GroupRecord, 0, len(groups))
	for _, g := range groups {
		all = append(all, *g)
	}
	slices.SortFunc(all, func(a, b directory.GroupRecord) int { return strings.Compare(a.Key, b.Key) })
	return people, all, problems
}

// Record returns the row as a source says it. Rights and passwords are not a
// source's to give.
func (e *Entry) Record() directory.Record {
	r := directory.Record{
		Key: "id " + e.row.Get("id"), Login: e.row.Get("login"), UPN: e.row.Get("upn"), Email: e.row.Get("email"),
		FullName: e.row.Get("full_name"), Department: e.row.Get("department"), Language: e.row.Get("language"),
		Enabled: e.enabled, Aliases: e.aliases, Cards: e.Raw, PIN: e.PIN,
	}
	if e.row.Get("id") == "" {
		r.Key = "login " + e.Login
	}
	return r
}
