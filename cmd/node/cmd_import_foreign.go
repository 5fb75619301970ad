package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/text/currency"

	"platen/directory/cardrule"
	"platen/directory/foreign"
	"platen/fault"
	"platen/internal/table"
)

// everyArg, as the argument of an input, says that every argument names a file.
// The files come to the command as one tar archive, in the order of the arguments.
const everyArg = -1

// products are those whose files foreign reads, as they are called in commands.
var products = []string{"papercut", "safeq", "equitrac"}

func importForeignCommands() []*command {
	examples := map[string][]string{
		"papercut": {"import papercut users.tsv", "import papercut users.tsv cards=numbers.txt queues=printers.txt rule=config.txt --currency EUR --apply"},
		"safeq":    {"import safeq users.csv rule=conversion.txt", "import safeq users.csv --apply"},
		"equitrac": {"import equitrac batch.csv", "import equitrac batch.csv --currency USD --apply"},
	}
	formats := map[string]string{
		"papercut": "users: the batch import format, or a table with a head that names Username. internal, cards: the other batch\n" +
			"formats. rule: ext-device.card-no-regex and ext-device.card-no-converter as lines KEY=VALUE.",
		"safeq":    "users: the data export, lines that begin with 100, 200, 201, 202 and 300. rule: the card number conversion.",
		"equitrac": "users: batch files of EQCmd with addormodify, lock and unlock.",
	}
	var list []*command
	for _, product := range products {
		var o foreignOptions
		list = append(list, &command{
			name: "import " + product, args: "[KIND=]FILE…", least: 1, most: 20,
			summary: "take people, cards, aliases, balances and queues from files of another product",
			more: formats[product] + "\nqueues, a format of our own: one name a line, or a head with name, server, location and comment.\n" +
				"The others are after what the vendor has published; no installation of the product has been read. What a file\n" +
				"is, is found out or said before its name. Without --apply nothing is changed: the answer says what would be done and, by line, what\n" +
				"does not fit. It may be done again at any time: what is here already stays, and of people from elsewhere only\n" +
				"what is empty is filled. Passwords are never taken. The rule of the product's readers is told in our words, for\n" +
				"the readers here; it is not applied to the numbers in the files, which are what it has made.",
			examples: examples[product],
			input:    &input{"files of the product", everyArg},
			flags:    o.add,
			admin:    func(ctx context.Context, a *admin, c *call) error { return a.importForeign(ctx, c, product, &o) },
		})
	}
	return list
}

type foreignOptions struct {
	apply, dry             bool
	currency, rule, source *opt[string]
}

func (o *foreignOptions) add(fs *flag.FlagSet) {
	fs.BoolVar(&o.apply, "apply", false, "do it")
	fs.BoolVar(&o.dry, "dry-run", false, "only say what would be done, as without --apply")
	o.currency = optText(fs, "currency", "of the balances, a `CODE` such as EUR; without it they are not taken")
	o.rule = optText(fs, "card-rule", "`RULE` that brings the card numbers of the files to those that readers send here")
	o.source = optText(fs, "source", "`NAME` of where the people come from, shown with each of them; otherwise the product's")
}

// kindAndFile takes an argument apart.
func kindAndFile(arg string) (kind, file string) {
	kind, file, ok := strings.Cut(arg, "=")
	if ok && slices.ContainsFunc(products, func(p string) bool { return slices.Contains(foreign.Kinds(p), kind) }) {
		return kind, file
	}
	return "", arg
}

// openEvery opens the files that the arguments name and returns them as one
// archive. It is written while it is read.
func openEvery(e *env, c *call, what string) (io.ReadCloser, error) {
	var files []io.ReadCloser
	closeAll := func() (err error) {
		for _, f := range files {
			err = errors.Join(err, f.Close())
		}
		return err
	}
	for _, arg := range c.args {
		_, name := kindAndFile(arg)
		f, err := (&input{what, 0}).open(e, &call{args: []string{name}})
		if kind, _, named := strings.Cut(name, "="); named && fault.Is(err, fault.NotFound) {
			err = usagef("%s is no file, and %s is none of the kinds of files: %s", name, kind, strings.Join(foreign.Kinds(c.argv[1]), ", "))
		}
		if err != nil {
			return nil, errors.Join(err, closeAll())
		}
		files = append(files, f)
	}
	in, out := io.Pipe()
	go func() { out.CloseWithError(packFiles(out, files)) }()
	return &packed{in, closeAll}, nil
}

type packed struct {
	*io.PipeReader
	closeAll func() error
}

func (p *packed) Close() error { return errors.Join(p.PipeReader.Close(), p.closeAll()) }

// packFiles writes an archive whose entries have no names: the arguments have them.
func packFiles(w io.Writer, files []io.ReadCloser) error {
	tw := tar.NewWriter(w)
	for _, f := range files {
		r, size, err := sized(f)
		if err == nil {
			err = tw.WriteHeader(&tar.Header{Name: "file", Mode: 0o600, Size: size})
		}
		if err == nil {
			_, err = io.CopyN(tw, r, size)
		}
		if err != nil {
			return fmt.Errorf("input: %w", err)
		}
	}
	return tw.Close()
}

// sized returns a file and how long it is. What has no length, such as standard
// input, is read first, as far as it may be taken.
func sized(f io.Reader) (io.Reader, int64, error) {
	if file, ok := f.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			return f, info.Size(), nil
		}
	}
	b, err := io.ReadAll(io.LimitReader(f, table.MaxOctets+1))
	return bytes.NewReader(b), int64(len(b)), err
}

// unpackFiles returns the files of the arguments, each read when its turn comes.
func unpackFiles(c *call) []foreign.Named {
	in := tar.NewReader(c.in)
	files := make([]foreign.Named, len(c.args))
	for i, arg := range c.args {
		kind, name := kindAndFile(arg)
		files[i] = foreign.Named{Name: name, Kind: kind, R: &entry{in: in}}
	}
	return files
}

// entry is the next file of an archive, from its first Read on.
type entry struct {
	in    *tar.Reader
	begun bool
}

func (e *entry) Read(p []byte) (int, error) {
	if !e.begun {
		e.begun = true
		if _, err := e.in.Next(); err != nil {
			return 0, fmt.Errorf("the files are not whole: %w", err)
		}
	}
	return e.in.Read(p)
}

// tally counts one part of an import.
type tally struct {
	New       int `json:"new"`
	Changed   int `json:"changed"`
	Unchanged int `json:"unchanged"`
}

func (t tally) text() string {
	if t == (tally{}) {
		return ""
	}
	return fmt.Sprintf("%d new, %d changed, %d unchanged", t.New, t.Changed, t.Unchanged)
}

// foreignReport is what an import answers.
type foreignReport struct {
	Product  string         `json:"product"`
	Applied  bool           `json:"applied"` // what was to be done is done, also where that was nothing
	Changes  bool           `json:"changes"` // there is or was something to be done
	People   tally          `json:"people"`
	Cards    tally          `json:"cards"`
	Aliases  tally          `json:"aliases"`
	PINs     tally          `json:"pins"`
	Balances tally          `json:"balances"`
	Queues   tally          `json:"queues"`
	CardRule string         `json:"card_rule"` // of the product's readers
	NotTaken []foreign.Note `json:"not_taken"`
}

func (r *foreignReport) note(at foreign.Said, format string, args ...any) {
	r.NotTaken = append(r.NotTaken, at.Note(format, args...))
}

// changes reports whether there is, or was, anything to do.
func (r *foreignReport) changes() bool {
	for _, t := range []tally{r.People, r.Cards, r.Aliases, r.PINs, r.Balances, r.Queues} {
		if t.New+t.Changed > 0 {
			return true
		}
	}
	return false
}

func (r *foreignReport) write(c *call) error {
	if c.json {
		if r.NotTaken == nil {
			r.NotTaken = []foreign.Note{}
		}
		return writeJSON(c.out, r)
	}
	err := fields(c.out, "people", r.People.text(), "cards", r.Cards.text(), "aliases", r.Aliases.text(), "PINs", r.PINs.text(),
		"balances", r.Balances.text(), "queues", r.Queues.text(), "rule for readers", r.CardRule)
	if err != nil {
		return err
	}
	for i, n := range r.NotTaken {
		if i == 0 {
			fmt.Fprintf(c.out, "\n%s did not fit:\n", counted(len(r.NotTaken), "thing", "things"))
		}
		if i == maxProblems {
			fmt.Fprintf(c.out, "… and %d more; --json has them all\n", len(r.NotTaken)-i)
			break
		}
		fmt.Fprintln(c.out, plain(n.String()))
	}
	end := "\nDone.\n"
	switch {
	case !r.Changes:
		end = "\nNothing to do: all that fits is here already.\n"
	case !r.Applied:
		end = "\nNothing was done. Add --apply to do it.\n"
	}
	_, err = io.WriteString(c.out, end)
	return err
}

func (a *admin) importForeign(ctx context.Context, c *call, product string, o *foreignOptions) error {
	m := &migration{a: a, report: foreignReport{Product: product}, source: "csv:" + orElse(o.source.value, product)}
	if err := m.options(o); err != nil {
		return err
	}
	batch, problems, err := foreign.Read(product, unpackFiles(c))
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		for _, p := range problems {
			fmt.Fprintln(c.err, plain(p.String()))
		}
		return &fault.Error{Op: "import", Kind: fault.Invalid, Text: "Nothing was changed: %s cannot be used.", Args: []any{counted(len(problems), "file", "files")}}
	}
	m.report.CardRule, m.report.NotTaken = batch.CardRule, batch.NotTaken
	if err := m.plan(ctx, batch); err != nil {
		return err
	}
	m.report.Changes = m.report.changes()
	if o.apply && m.report.Changes {
		if err := m.apply(ctx, c); err != nil {
			return err
		}
	}
	m.report.Applied = o.apply
	slices.SortStableFunc(m.report.NotTaken, func(a, b foreign.Note) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return m.report.write(c)
}

func (m *migration) options(o *foreignOptions) error {
	if o.apply && o.dry {
		return usagef("--apply and --dry-run exclude each other")
	}
	if o.currency.value != "" {
		u, err := currency.ParseISO(o.currency.value)
		if err != nil {
			return usagef("--currency is a code of ISO 4217 such as EUR, not %q", o.currency.value)
		}
		m.currency = u.String()
		m.digits, _ = currency.Standard.Rounding(u)
	}
	var err error
	if m.rule, err = cardrule.Parse(o.rule.value); err != nil {
		return usagef("--card-rule: %s", fault.Text(err))
	}
	return nil
}
