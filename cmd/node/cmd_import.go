package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"platen/directory"
	"platen/directory/csvfile"
	"platen/fault"
	"platen/internal/table"
	"platen/store"
)

func importCommands() []*command {
	var dry bool
	var source *opt[string]
	return []*command{{
		name: "import users", args: "FILE.csv", least: 1, most: 1, summary: "add or change people from a table",
		more: "Columns: " + strings.Join(csvfile.Columns(), ", ") + ".\nOnly login is required, and a person is known by it. Several rights, aliases, cards and groups are separated by |.\nid and groups count only in a file that is watched: platen source add --kind csv.\n" +
			"A column that the table does not have changes nothing; an empty field of one that it has clears it, but never\ncards, PIN or password. Commas, semicolons or tabs; UTF-8, UTF-16 or code page 1252.\n" +
			"All lines or none: when one is wrong, nothing is changed and every mistake is told by line.",
		examples: []string{"import users people.csv --dry-run", "import users people.csv --source personnel", "import users -"},
		input:    &input{"table of people", 0},
		flags: func(fs *flag.FlagSet) {
			fs.BoolVar(&dry, "dry-run", false, "only say what would be done")
			source = optText(fs, "source", "`NAME` of where the people come from, shown with each of them")
		},
		admin: func(ctx context.Context, a *admin, c *call) error {
			return a.importUsers(ctx, c, "csv:"+orElse(source.value, "import"), dry)
		},
	}}
}

func (a *admin) importUsers(ctx context.Context, c *call, source string, dry bool) error {
	entries, problems, err := csvfile.Read(c.in)
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return refuseTable(c, problems)
	}
	fmt.Fprintln(c.err, counted(len(entries), "line", "lines")+" read.")
	sayUnused(c, csvfile.Unused(entries))
	people, err := a.people(ctx, c, entries, source)
	if err != nil {
		return err
	}
	if dry {
		return a.dryImport(ctx, c, entries, people)
	}
	p := &progress{c: c, what: "stored", of: len(people)}
	added, changed, err := a.scope.ImportUsers(ctx, people, p.at)
	var refused *store.ImportError
	if errors.As(err, &refused) {
		return refuseTable(c, importProblems(refused, entries))
	}
	if err != nil {
		return err
	}
	if err := a.audit(ctx, "user.import", source, fmt.Sprintf("%d added, %d changed", added, changed)); err != nil {
		return err
	}
	return imported(c, false, counted(added, "person", "people"), added, changed)
}

// sayUnused warns of columns that somebody has filled in vain.
func sayUnused(c *call, columns []string) {
	for _, name := range columns {
		why := map[string]string{
			"id":     "a person is known by the login here",
			"groups": "platen group join puts people into groups",
		}[name]
		fmt.Fprintf(c.err, "The column %s is not taken: %s. It counts in a file that is watched: platen source add --kind csv.\n", name, why)
	}
}

func importProblems(e *store.ImportError, entries []csvfile.Entry) []table.Problem {
	problems := make([]table.Problem, len(e.Lines))
	for i, l := range e.Lines {
		problems[i] = table.Problem{Line: entries[l.Index].Line, Text: fault.Text(l.Err)}
	}
	return problems
}

// people turns the lines of a table into what the store takes: each over what
// is known of that person, and with secrets hashed. Hashing is slow on purpose,
// so this is where an import with many passwords takes its time.
func (a *admin) people(ctx context.Context, c *call, entries []csvfile.Entry, source string) ([]store.Person, error) {
	users, err := a.scope.Users(ctx)
	if err != nil {
		return nil, err
	}
	known := make(map[string]directory.User, len(users))
	for _, u := range users {
		known[u.Login] = u
	}
	p := &progress{c: c, what: "prepared", of: len(entries)}
	people := make([]store.Person, len(entries))
	for i := range entries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if people[i], err = a.person(ctx, &entries[i], known, source); err != nil {
			return nil, fmt.Errorf("line %d: %w", entries[i].Line, err)
		}
		p.at(i + 1)
	}
	return people, nil
}

func (a *admin) person(ctx context.Context, e *csvfile.Entry, known map[string]directory.User, source string) (store.Person, error) {
	u, ok := known[e.Login]
	if !ok {
		u = directory.User{Enabled: true, Rights: []directory.Right{directory.Release}, Created: a.now().UTC()}
	}
	e.Apply(&u)
	u.Source = source
	p := store.Person{User: u}
	for _, raw := range e.Raw {
		k, err := a.newCard(u.ID, raw, "")
		if err != nil {
			return p, err
		}
		p.Cards = append(p.Cards, k)
	}
	if e.PIN == "" && e.Password == "" {
		return p, nil
	}
	s := directory.Secrets{}
	if ok {
		var err error
		if s, err = a.scope.Secrets(ctx, u.ID); err != nil {
			return p, err
		}
	}
	if e.PIN != "" {
		if err := a.putPIN(&s, e.PIN); err != nil {
			return p, err
		}
	}
	if e.Password != "" {
		var err error
		if s.Password, err = directory.HashSecret(e.Password); err != nil {
			return p, err
		}
	}
	p.Secrets = &s
	return p, nil
}

// dryImport looks for what the store would refuse, without asking it.
func (a *admin) dryImport(ctx context.Context, c *call, entries []csvfile.Entry, people []store.Person) error {
	cards, err := a.scope.Cards(ctx, "")
	if err != nil {
		return err
	}
	owners := make(map[string]string, len(cards))
	for _, k := range cards {
		owners[string(k.Digest)] = k.User
	}
	var problems []table.Problem
	added := 0
	for i, p := range people {
		if p.User.ID == "" {
			added++
		}
		for _, k := range p.Cards {
			if owner, ok := owners[string(k.Digest)]; ok && owner != p.User.ID {
				problems = append(problems, table.Problem{Line: entries[i].Line, Text: "a card belongs to somebody already: …" + k.Last})
			}
		}
	}
	if len(problems) > 0 {
		return refuseTable(c, problems)
	}
	return imported(c, true, counted(added, "person", "people"), added, len(people)-added)
}

// imported tells how an import ended. what is how many of what were added.
func imported(c *call, dry bool, what string, added, changed int) error {
	if c.json {
		return writeJSON(c.out, map[string]any{"added": added, "changed": changed, "dry_run": dry})
	}
	text := "%s added, %d changed.\n"
	if dry {
		text = "%s would be added, %d changed. Nothing was done.\n"
	}
	fmt.Fprintf(c.out, text, what, changed)
	return nil
}

// maxProblems is how many mistakes of one file are told.
const maxProblems = 200

// refuseTable tells what is wrong with a table, line by line.
func refuseTable(c *call, problems []table.Problem) error {
	slices.SortStableFunc(problems, func(a, b table.Problem) int { return a.Line - b.Line })
	for i, p := range problems {
		if i == maxProblems {
			fmt.Fprintf(c.err, "… and %d more\n", len(problems)-i)
			break
		}
		fmt.Fprintln(c.err, plain(p.String()))
	}
	return &fault.Error{Op: "import", Kind: fault.Invalid, Text: "Nothing was changed: %s wrong.", Args: []any{counted(len(problems), "line is", "lines are")}}
}

// progress tells how far a long command has come, at most twice a second, and
// nothing at all of a short one.
type progress struct {
	c     *call
	what  string
	of    int
	began time.Time
	last  time.Time
}

func (p *progress) at(done int) {
	now := time.Now()
	if p.began.IsZero() {
		p.began, p.last = now, now
	}
	if now.Sub(p.last) < 500*time.Millisecond && (done < p.of || p.last.Equal(p.began)) {
		return
	}
	p.last = now
	fmt.Fprintf(p.c.err, "%d of %d %s\n", done, p.of, p.what)
}
