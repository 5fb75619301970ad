package directory

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"platen/fault"
)

// Brought is an answer that another machine has read and brings to a node.
//
// On the wire it is lines of JSON (application/x-ndjson): a head, then each person,
// group and key that has gone, then how many there were. An answer without its
// last line is one that was cut off, and must never look as if people had left.
type Brought struct {
	Answer
	Since  []byte // the cursor that it was read with; empty: everybody was
	DryRun bool   // nothing is to be changed, only told
}

var _ Source = (*Brought)(nil)

// ErrAnew tells who brings changes that they are not those since the last answer:
// somebody else has brought something meanwhile, or everybody is due.
var ErrAnew = &fault.Error{Op: "directory.Brought", Kind: fault.Conflict, Text: "These changes do not follow what this node knows. Ask it again where it stands, and begin there."}

// Read returns what was brought. Changes since another cursor than this one would
// leave gaps; they are ErrAnew.
func (b *Brought) Read(_ context.Context, cursor []byte, progress func(int)) (Answer, error) {
	if !b.Full && (len(cursor) == 0 || !bytes.Equal(cursor, b.Since)) {
		return Answer{}, ErrAnew
	}
	if progress != nil {
		progress(len(b.People) + len(b.Groups))
	}
	return b.Answer, nil
}

// Stand is what a node knows of a source that another machine brings.
type Stand struct {
	Source  string `json:"source"`   // its name
	Cursor  []byte `json:"cursor"`   // of the last answer; empty: everybody is to be brought
	FullDue bool   `json:"full_due"` // everybody is to be compared again, whatever is known of changes
}

// wireHead is the first line.
type wireHead struct {
	Full     bool     `json:"full"`
	Since    []byte   `json:"since"`
	Cursor   []byte   `json:"cursor"`
	DryRun   bool     `json:"dry_run"`
	Problems []string `json:"problems"`
}

// wireLine is every other line; one of its fields is there.
type wireLine struct {
	Person *wirePerson `json:"person,omitempty"`
	Group  *wireGroup  `json:"group,omitempty"`
	Gone   *string     `json:"gone,omitempty"`
	End    *wireEnd    `json:"end,omitempty"`
}

// wirePerson is a Record.
type wirePerson struct {
	Key        string   `json:"key"`
	DN         string   `json:"dn,omitempty"`
	Base       string   `json:"base,omitempty"`
	Login      string   `json:"login"`
	UPN        string   `json:"upn,omitempty"`
	Email      string   `json:"email,omitempty"`
	FullName   string   `json:"full_name,omitempty"`
	Department string   `json:"department,omitempty"`
	Language   string   `json:"language,omitempty"`
	Aliases    []string `json:"aliases,omitempty"`
	Enabled    *bool    `json:"enabled"` // must be there: who forgets it would disable everybody
	Cards      []string `json:"cards,omitempty"`
	PIN        string   `json:"pin,omitempty"`
}

func (p *wirePerson) record() Record {
	return Record{
		Key: p.Key, DN: p.DN, Base: p.Base, Login: p.Login, UPN: p.UPN, Email: p.Email, FullName: p.FullName, Department: p.Department,
		Language: p.Language, Aliases: p.Aliases, Enabled: *p.Enabled, Cards: p.Cards, PIN: p.PIN,
	}
}

func personLine(r *Record) wireLine {
	return wireLine{Person: &wirePerson{
		Key: r.Key, DN: r.DN, Base: r.Base, Login: r.Login, UPN: r.UPN, Email: r.Email, FullName: r.FullName, Department: r.Department,
		Language: r.Language, Aliases: r.Aliases, Enabled: &r.Enabled, Cards: r.Cards, PIN: r.PIN,
	}}
}

// wireGroup is a GroupRecord.
type wireGroup struct {
	Key     string   `json:"key"`
	Name    string   `json:"name"`
	DN      string   `json:"dn,omitempty"`
	Base    string   `json:"base,omitempty"`
	People  []string `json:"people,omitempty"`
	Members []string `json:"members,omitempty"`
}

// wireEnd is the last line.
type wireEnd struct {
	People int `json:"people"`
	Groups int `json:"groups"`
	Gone   int `json:"gone"`
}

// Write writes an answer as ReadBrought reads it.
func (b *Brought) Write(w io.Writer) error {
	buffered := bufio.NewWriterSize(w, 64<<10)
	enc := json.NewEncoder(buffered)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(wireHead{b.Full, b.Since, b.Cursor, b.DryRun, b.Problems}); err != nil {
		return err
	}
	for i := range b.People {
		if err := enc.Encode(personLine(&b.People[i])); err != nil {
			return err
		}
	}
	for i := range b.Groups {
		g := &b.Groups[i]
		if err := enc.Encode(wireLine{Group: &wireGroup{g.Key, g.Name, g.DN, g.Base, g.People, g.Members}}); err != nil {
			return err
		}
	}
	for i := range b.Gone {
		if err := enc.Encode(wireLine{Gone: &b.Gone[i]}); err != nil {
			return err
		}
	}
	if err := enc.Encode(wireLine{End: &wireEnd{len(b.People), len(b.Groups), len(b.Gone)}}); err != nil {
		return err
	}
	return buffered.Flush()
}

// wireLimits are what an answer may be.
type wireLimits struct {
	line    int   // octets of a line
	entries int   // people, groups and keys
	weight  int64 // octets of all lines, and stringWeight for each text in them
}

var bringLimits = wireLimits{line: 64 << 20, entries: 1_000_000, weight: 1 << 30}

// stringWeight is about what a text costs in memory beside its octets.
const stringWeight = 32

// maxProblem is the longest of the sentences about what was passed over.
const maxProblem = 1000

// ReadBrought reads an answer, whole or not at all. Errors are Invalid for what is
// not one or was cut off, and TooLarge. An error of r that is made for people is
// returned as it is.
func ReadBrought(r io.Reader) (Brought, error) { return readBrought(r, bringLimits) }

func readBrought(r io.Reader, limits wireLimits) (Brought, error) {
	d := &wireReader{r: bufio.NewReaderSize(r, 64<<10), limits: limits}
	if err := d.head(); err != nil {
		return Brought{}, err
	}
	for !d.ended {
		if err := d.entry(); err != nil {
			return Brought{}, err
		}
	}
	// What follows belongs to nothing. The end of a compressed body also has its
	// checksum.
	if _, err := d.r.ReadByte(); !errors.Is(err, io.EOF) {
		return Brought{}, d.wrong(err)
	}
	return d.b, nil
}

// wireReader reads the lines of one answer.
type wireReader struct {
	r      *bufio.Reader
	limits wireLimits
	buf    []byte
	number int // of the line, from 1
	weight int64
	b      Brought
	ended  bool
}

const opWire = "directory.ReadBrought"

// wrong says that the line at hand is not what it should be.
func (d *wireReader) wrong(err error) error {
	return &fault.Error{Op: opWire, Kind: fault.Invalid, Text: "Line %d of what was brought cannot be used, so nothing was changed.", Args: []any{d.number}, Err: err}
}

func tooMuch(err error) error {
	return &fault.Error{Op: opWire, Kind: fault.TooLarge, Text: "More was brought than a node takes at a time, so nothing was changed.", Err: err}
}

// cutOff says that what came is not all of it.
func cutOff(err error) error {
	if e := (*fault.Error)(nil); errors.As(err, &e) {
		return err
	}
	return &fault.Error{Op: opWire, Kind: fault.Invalid, Text: "What was brought did not arrive whole, so nothing was changed.", Err: err}
}

// line returns the next line without its end. It is good until the next call.
func (d *wireReader) line() ([]byte, error) {
	d.number++
	d.buf = d.buf[:0]
	for {
		part, err := d.r.ReadSlice('\n')
		d.buf = append(d.buf, part...)
		d.weight += int64(len(part))
		switch {
		case len(d.buf) > d.limits.line:
			return nil, tooMuch(fmt.Errorf("line %d", d.number))
		case d.weight > d.limits.weight:
			return nil, tooMuch(fmt.Errorf("%d octets by line %d", d.weight, d.number))
		case err == nil:
			return d.buf, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, cutOff(err)
		}
	}
}

// parse reads the next line into v, which has a field for everything in it.
func (d *wireReader) parse(v any) error {
	line, err := d.line()
	if err != nil {
		return err
	}
	j := json.NewDecoder(bytes.NewReader(line))
	j.DisallowUnknownFields()
	if err := j.Decode(v); err != nil {
		return d.wrong(err)
	}
	if _, err := j.Token(); !errors.Is(err, io.EOF) {
		return d.wrong(errors.New("more than one value"))
	}
	return nil
}

func (d *wireReader) head() error {
	var h wireHead
	if err := d.parse(&h); err != nil {
		return err
	}
	if len(h.Problems) > MaxProblems {
		h.Problems = h.Problems[:MaxProblems]
	}
	for _, p := range h.Problems {
		if len(p) > maxProblem || strings.ContainsRune(p, 0) {
			return d.wrong(errors.New("a problem is no sentence"))
		}
	}
	d.b = Brought{Answer: Answer{Full: h.Full, Cursor: h.Cursor, Problems: h.Problems}, Since: h.Since, DryRun: h.DryRun}
	return nil
}

// entry reads one of the lines after the head.
func (d *wireReader) entry() error {
	var l wireLine
	if err := d.parse(&l); err != nil {
		return err
	}
	if n := boolInt(l.Person != nil) + boolInt(l.Group != nil) + boolInt(l.Gone != nil) + boolInt(l.End != nil); n != 1 {
		return d.wrong(fmt.Errorf("%d things in one line", n))
	}
	for s := range l.texts() {
		d.weight += stringWeight
		if strings.ContainsRune(s, 0) {
			return d.wrong(errors.New("NUL in a text"))
		}
	}
	if d.weight > d.limits.weight {
		return tooMuch(fmt.Errorf("weight %d by line %d", d.weight, d.number))
	}
	return d.keep(&l)
}

func (d *wireReader) keep(l *wireLine) error {
	b := &d.b
	switch {
	case l.End != nil:
		if want := (wireEnd{len(b.People), len(b.Groups), len(b.Gone)}); *l.End != want {
			return d.wrong(fmt.Errorf("there were %+v and not %+v", want, *l.End))
		}
		d.ended = true
		return nil
	case len(b.People)+len(b.Groups)+len(b.Gone) == d.limits.entries:
		return tooMuch(fmt.Errorf("more than %d entries", d.limits.entries))
	case l.Person != nil && l.Person.Enabled == nil:
		return d.wrong(errors.New("a person who is neither enabled nor disabled"))
	case l.Person != nil:
		b.People = append(b.People, l.Person.record())
		return d.keyed(l.Person.Key)
	case l.Group != nil:
		g := l.Group
		b.Groups = append(b.Groups, GroupRecord{Key: g.Key, Name: g.Name, DN: g.DN, Base: g.Base, People: g.People, Members: g.Members})
		return d.keyed(g.Key)
	}
	if b.Full {
		return d.wrong(errors.New("somebody has gone where everybody is there"))
	}
	b.Gone = append(b.Gone, *l.Gone)
	return d.keyed(*l.Gone)
}

func (d *wireReader) keyed(key string) error {
	if key == "" {
		return d.wrong(errors.New("an entry without a key"))
	}
	return nil
}

// texts returns every text of a line.
func (l *wireLine) texts() iter.Seq[string] {
	var lists [][]string
	switch {
	case l.Person != nil:
		p := l.Person
		lists = [][]string{{p.Key, p.DN, p.Base, p.Login, p.UPN, p.Email, p.FullName, p.Department, p.Language, p.PIN}, p.Aliases, p.Cards}
	case l.Group != nil:
		lists = [][]string{{l.Group.Key, l.Group.Name, l.Group.DN, l.Group.Base}, l.Group.People, l.Group.Members}
	case l.Gone != nil:
		lists = [][]string{{*l.Gone}}
	}
	return func(yield func(string) bool) {
		for _, list := range lists {
			if slices.ContainsFunc(list, func(s string) bool { return !yield(s) }) {
				return
			}
		}
	}
}
