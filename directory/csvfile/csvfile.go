// Package csvfile is a source of users: a table that somebody exported from a
// personnel system or from another print system.
//
// It reads the whole table and checks it by itself, before anything is
// changed, so that an import is all or nothing and its mistakes are told by
// line.
package csvfile

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"platen/directory"
	"platen/fault"
	"platen/internal/table"
)

// Columns lists the columns that a table may have. Only login is required.
// rights, aliases, cards and groups hold several values separated by | each. id and
// groups count only in a file that is watched.
func Columns() []string {
	return []string{"id", "login", "full_name", "email", "upn", "department", "language", "enabled", "rights", "aliases", "cards", "pin", "password", "groups"}
}

// Unused returns the columns of a table that do nothing in an import: they count only
// in a file that is watched.
func Unused(entries []Entry) []string {
	var list []string
	for _, name := range []string{"id", "groups"} {
		if len(entries) > 0 && entries[0].row.Has(name) {
			list = append(list, name)
		}
	}
	return list
}

// Entry is one row: a user as the table describes him.
type Entry struct {
	Line     int
	Login    string   // folded
	Cards    []string // in normal form
	Raw      []string // the same cards as the table spells them
	PIN      string   // "" leaves what there is
	Password string   // "" leaves what there is

	row     table.Row
	enabled bool
	rights  []directory.Right
	aliases []string
}

// Apply writes what the table says over u. A column that the table does not
// have leaves what is there; an empty field of one that it has clears it.
func (e *Entry) Apply(u *directory.User) {
	u.Login = e.Login
	e.set("full_name", &u.FullName, asIs)
	e.set("email", &u.Email, directory.Fold)
	e.set("upn", &u.UPN, directory.Fold)
	e.set("department", &u.Department, asIs)
	e.set("language", &u.Language, strings.ToLower)
	if e.row.Has("enabled") {
		u.Enabled = e.enabled
	}
	if e.row.Has("rights") {
		u.Rights = e.rights
	}
	if e.row.Has("aliases") {
		u.Aliases = e.aliases
	}
}

func (e *Entry) set(column string, field *string, form func(string) string) {
	if e.row.Has(column) {
		*field = form(e.row.Get(column))
	}
}

func asIs(s string) string { return s }

// Read returns the users of a table, or everything that is wrong with it.
func Read(r io.Reader) ([]Entry, []table.Problem, error) {
	rows, problems, err := table.Read(r, Columns(), []string{"login"})
	if err != nil {
		return nil, nil, err
	}
	c := checker{seen: map[string]int{}, problems: problems}
	entries := make([]Entry, 0, len(rows))
	for _, row := range rows {
		entries = append(entries, c.entry(row))
	}
	slices.SortStableFunc(c.problems, func(a, b table.Problem) int { return a.Line - b.Line })
	return entries, c.problems, nil
}

// checker turns rows into entries and remembers what it has seen.
type checker struct {
	seen     map[string]int // "login anna", "card 04A1…": the line it was on
	problems []table.Problem
}

func (c *checker) bad(line int, format string, args ...any) {
	c.problems = append(c.problems, table.Problem{Line: line, Text: fmt.Sprintf(format, args...)})
}

// once complains when a value that may be there once was there before. What is
// secret is not repeated in the complaint.
func (c *checker) once(line int, kind, value, shown string) {
	if first, ok := c.seen[kind+" "+value]; ok {
		c.bad(line, "the %s %s is on line %d too", kind, shown, first)
		return
	}
	c.seen[kind+" "+value] = line
}

func (c *checker) entry(row table.Row) Entry {
	e := Entry{Line: row.Line, Login: directory.Fold(row.Get("login")), PIN: row.Get("pin"), Password: row.Get("password"), row: row}
	switch {
	case e.Login == "":
		c.bad(row.Line, "the login is missing")
	case strings.ContainsFunc(row.Get("login"), func(r rune) bool { return r < ' ' || r == 0x7F }):
		c.bad(row.Line, "the login holds control characters")
	default:
		c.once(row.Line, "login", e.Login, e.Login)
	}
	if l := strings.ToLower(row.Get("language")); !slices.Contains([]string{"", "de", "en"}, l) {
		c.bad(row.Line, "the language is de, en or empty, not %q", l)
	}
	if mail := row.Get("email"); mail != "" && !strings.Contains(mail, "@") {
		c.bad(row.Line, "%q is not an e-mail address", mail)
	}
	e.enabled = c.enabled(row)
	e.rights = c.rights(row)
	for _, a := range list(row.Get("aliases")) {
		e.aliases = append(e.aliases, directory.Fold(a))
	}
	c.cards(&e)
	if e.PIN != "" {
		if err := directory.CheckPIN(e.PIN); err != nil {
			c.bad(row.Line, "the PIN is refused: %s", fault.Text(err))
		}
	}
	return e
}

func (c *checker) enabled(row table.Row) bool {
	switch v := strings.ToLower(row.Get("enabled")); v {
	case "", "yes", "true", "1", "ja":
		return true
	case "no", "false", "0", "nein":
		return false
	default:
		c.bad(row.Line, "enabled is yes or no, not %q", v)
		return false
	}
}

// rights reads the list of rights. An empty field gives what everybody has.
func (c *checker) rights(row table.Row) []directory.Right {
	rights := []directory.Right{}
	for _, name := range list(row.Get("rights")) {
		switch r := directory.Right(strings.ToLower(name)); r {
		case directory.Release, directory.BreakGlass, directory.Administer:
			rights = append(rights, r)
		case "none":
		default:
			c.bad(row.Line, "there is no right %q; rights are %s, %s, %s and none", name, directory.Release, directory.BreakGlass, directory.Administer)
		}
	}
	if row.Get("rights") == "" {
		rights = append(rights, directory.Release)
	}
	return rights
}

func (c *checker) cards(e *Entry) {
	for _, raw := range list(e.row.Get("cards")) {
		normal, err := directory.NormalCard(raw)
		if err != nil {
			c.bad(e.Line, "a card number is refused: %s", fault.Text(err))
			continue
		}
		c.once(e.Line, "card", normal, "…"+normal[max(0, len(normal)-3):])
		e.Cards, e.Raw = append(e.Cards, normal), append(e.Raw, raw)
	}
}

// list splits a field with several values.
func list(field string) []string {
	var out []string
	for part := range strings.SplitSeq(field, "|") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}
