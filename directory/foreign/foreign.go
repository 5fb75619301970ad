package foreign

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"platen/directory"
	"platen/internal/table"
)

// What a file is.
const (
	Users    = "users"    // people, with all that is said of them
	Internal = "internal" // people of PaperCut with passwords, which are not taken
	Cards    = "cards"    // logins and card numbers
	Queues   = "queues"   // names of queues
	Rule     = "rule"     // how the product reads card numbers
)

// product is one system that people come from.
type product struct {
	title  string
	kinds  []string
	detect func(f *file) string // "" cannot tell
	read   func(b *builder, f *file)
}

var products = map[string]product{
	"papercut": {"PaperCut", []string{Users, Internal, Cards, Queues, Rule}, detectPaperCut, readPaperCut},
	"safeq":    {"SafeQ", []string{Users, Queues, Rule}, detectSafeQ, readSafeQ},
	"equitrac": {"Equitrac", []string{Users, Queues}, detectEquitrac, readEquitrac},
}

// Kinds returns what files of a product may be; nil for a product that nobody
// knows.
func Kinds(name string) []string { return slices.Clone(products[name].kinds) }

// Named is one file.
type Named struct {
	Name string // for notes
	Kind string // what it is; "" finds out
	R    io.Reader
}

// Note says something of a line; line 0 is the file as a whole.
type Note struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Text string `json:"text"`
}

func (n Note) String() string {
	if n.Line == 0 {
		return n.File + ": " + n.Text
	}
	return n.File + ", " + table.Problem{Line: n.Line, Text: n.Text}.String()
}

// Said is where something was said.
type Said struct {
	File string
	Line int
}

// Note makes a note of that place.
func (s Said) Note(format string, args ...any) Note {
	return Note{s.File, s.Line, fmt.Sprintf(format, args...)}
}

// Card is a card number as the product has it.
type Card struct {
	Said
	Number string
}

// User is a person. What is empty was not said.
type User struct {
	Said
	Whole      bool   // a line describes the person; otherwise only a card and the like were said
	Login      string // folded
	FullName   string
	Email      string // folded
	Department string
	Cards      []Card
	PIN        string
	PINSaid    Said
	Aliases    []string // folded
	Balance    *Decimal
	Locked     bool // may not print in the product
}

// Queue is what people printed to.
type Queue struct {
	Said
	Name, Location, Comment string
}

// Batch is all that was read.
type Batch struct {
	Users    []User // each login once
	Queues   []Queue
	CardRule string // of the product's readers, in the words of package cardrule; "" none was read
	NotTaken []Note // what did not fit, and why
}

// Read reads the files of one product. Problems are files that cannot be used;
// when there are any, the batch is not whole. An error is a file that could not
// be read at all.
func Read(name string, files []Named) (Batch, []Note, error) {
	p, ok := products[name]
	if !ok {
		return Batch{}, nil, fmt.Errorf("foreign.Read: there is no product %q", name)
	}
	b := &builder{byLogin: map[string]int{}, queues: map[string]bool{}, centres: map[string]string{}}
	for _, n := range files {
		f, problem, err := open(n)
		if err != nil {
			return Batch{}, nil, fmt.Errorf("foreign.Read: %w", err)
		}
		if problem == "" {
			problem = f.decide(p)
		}
		if problem != "" {
			b.problems = append(b.problems, Note{n.Name, 0, problem})
			continue
		}
		b.readFile(p, f)
	}
	b.nameCentres()
	return b.Batch, b.problems, nil
}

// decide finds out what the file is and returns a problem when it cannot.
func (f *file) decide(p product) string {
	if f.kind == "" {
		f.kind = p.detect(f)
	}
	switch {
	case f.kind == "":
		return fmt.Sprintf("it could be several things of %s; say which: %s=FILE", p.title, strings.Join(p.kinds, "=FILE or "))
	case !slices.Contains(p.kinds, f.kind):
		return fmt.Sprintf("%s has no %s; there are %s", p.title, f.kind, strings.Join(p.kinds, ", "))
	}
	return ""
}

// builder puts together what the files say.
type builder struct {
	Batch
	problems []Note
	byLogin  map[string]int    // index in Users
	queues   map[string]bool   // folded names
	centres  map[string]string // cost centres of SafeQ: the name of a number
	dropped  []dropped         // of the file that is read
}

// dropped is a field that is not taken, told once for a file.
type dropped struct {
	what, why   string
	line, lines int
}

func (b *builder) readFile(p product, f *file) {
	b.dropped = nil
	if f.guessed {
		b.note(Said{f.name, 0}, "it is not UTF-8 and was read as code page 1252; if names look wrong, export it as UTF-8")
	}
	if f.kind == Queues {
		b.readQueues(f)
	} else {
		p.read(b, f)
	}
	for _, d := range b.dropped {
		lines := "1 line"
		if d.lines > 1 {
			lines = fmt.Sprintf("%d lines", d.lines)
		}
		b.note(Said{f.name, d.line}, "%s is not taken (%s): %s", d.what, lines, d.why)
	}
}

func (b *builder) note(at Said, format string, args ...any) {
	b.NotTaken = append(b.NotTaken, at.Note(format, args...))
}

// drop passes over a field that has no place here.
func (b *builder) drop(at Said, what, value, why string) {
	if value == "" {
		return
	}
	i := slices.IndexFunc(b.dropped, func(d dropped) bool { return d.what == what })
	if i < 0 {
		b.dropped, i = append(b.dropped, dropped{what, why, at.Line, 0}), len(b.dropped)
	}
	b.dropped[i].lines++
}

// user returns the person with a login, new or known; nil with a note when the
// login cannot be one.
func (b *builder) user(at Said, login string) *User {
	folded := directory.Fold(login)
	if folded == "" || len(folded) > maxLogin {
		b.note(at, "the login is missing or too long")
		return nil
	}
	i, ok := b.byLogin[folded]
	if !ok {
		i = len(b.Users)
		b.byLogin[folded] = i
		b.Users = append(b.Users, User{Said: at, Login: folded})
	}
	return &b.Users[i]
}

// newUser returns the person of a line that describes one, which is there once
// in each file.
func (b *builder) newUser(at Said, login string, seen map[string]int) *User {
	folded := directory.Fold(login)
	if first, ok := seen[folded]; ok && folded != "" {
		b.note(at, "%s is on line %d too", folded, first)
		return nil
	}
	u := b.user(at, login)
	if u != nil {
		seen[folded], u.Whole = at.Line, true
	}
	return u
}

// say sets a field that nobody has set yet.
func (b *builder) say(at Said, u *User, what string, field *string, value string) {
	switch {
	case value == "" || value == *field:
	case *field == "":
		*field = value
	default:
		b.note(at, "%s has another %s before", u.Login, what)
	}
}

func (b *builder) email(at Said, u *User, value string) {
	if value != "" && !strings.Contains(value, "@") {
		b.note(at, "%q is not an e-mail address", value)
		return
	}
	b.say(at, u, "e-mail address", &u.Email, directory.Fold(value))
}

// pin takes a PIN whatever it is: whether it is good enough is for others to
// say.
func (b *builder) pin(at Said, u *User, value string) {
	if value != "" && u.PIN == "" {
		u.PINSaid = at
	}
	b.say(at, u, "PIN", &u.PIN, value)
}

func (b *builder) card(at Said, u *User, number string) {
	same := func(c Card) bool { return c.Number == number }
	switch {
	case number == "" || slices.ContainsFunc(u.Cards, same):
	case len(u.Cards) == maxEach:
		b.note(at, "%s has more than %d cards", u.Login, maxEach)
	default:
		u.Cards = append(u.Cards, Card{at, number})
	}
}

func (b *builder) alias(at Said, u *User, name string) {
	name = directory.Fold(name)
	switch {
	case name == "" || name == u.Login || slices.Contains(u.Aliases, name):
	case len(u.Aliases) == maxEach || len(name) > maxLogin:
		b.note(at, "%s has too many other names, or one that is too long", u.Login)
	default:
		u.Aliases = append(u.Aliases, name)
	}
}

func (b *builder) balance(at Said, u *User, text string) {
	if text == "" {
		return
	}
	d, err := ParseDecimal(text)
	switch {
	case err != nil:
		b.note(at, "the balance of %s is not taken: %v", u.Login, err)
	case u.Balance != nil && *u.Balance != d:
		b.note(at, "%s has another balance before", u.Login)
	default:
		u.Balance = &d
	}
}
