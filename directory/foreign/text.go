package foreign

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"platen/internal/table"
)

// Limits of one file beside its octets.
const (
	maxLines  = 1_000_000
	maxField  = 4 << 10
	maxFields = 1000
	maxLogin  = 255
	maxEach   = 100 // cards and other names of one person
)

// file is a file as rows of trimmed fields.
type file struct {
	name, kind string
	guessed    bool // the encoding
	separator  rune
	text       []byte
	rows       []row
}

type row struct {
	line   int
	fields []string
}

// at returns a field, "" behind the last.
func (r row) at(i int) string {
	if i < len(r.fields) {
		return r.fields[i]
	}
	return ""
}

func (f *file) said(r row) Said { return Said{f.name, r.line} }

// open reads a file whole. A problem is one that a person can mend.
func open(n Named) (f *file, problem string, err error) {
	data, err := io.ReadAll(io.LimitReader(n.R, table.MaxOctets+1))
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", n.Name, err)
	}
	f = &file{name: n.Name, kind: n.Kind}
	if len(data) > table.MaxOctets {
		return f, "it is larger than 64 MiB", nil
	}
	if f.text, f.guessed, err = decode(data); err != nil || bytes.IndexByte(f.text, 0) >= 0 {
		return f, "it is not text", nil //nolint:nilerr // the person mends the file
	}
	if n.Kind == Rule { // no table
		return f, "", nil
	}
	f.separator = separator(f.text)
	if problem = tooMuch(f.text, f.separator); problem == "" {
		problem = f.split()
	}
	return f, problem, nil
}

// tooMuch looks at the size of a table before memory is spent on it.
func tooMuch(text []byte, separator rune) string {
	lines := 0
	for line := range bytes.Lines(text) {
		if lines++; lines > maxLines {
			return fmt.Sprintf("it has more than %d lines", maxLines)
		}
		if bytes.Count(line, []byte(string(separator))) >= maxFields {
			return fmt.Sprintf("line %d has more than %d fields", lines, maxFields)
		}
	}
	return ""
}

// split takes the rows apart. Rows of empty fields are none.
func (f *file) split() (problem string) {
	in := csv.NewReader(bytes.NewReader(f.text))
	in.Comma, in.FieldsPerRecord, in.ReuseRecord = f.separator, -1, true
	for {
		record, err := in.Read()
		var parse *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			if len(f.rows) == 0 {
				return "it is empty"
			}
			return ""
		case errors.As(err, &parse): // what follows cannot be told apart
			return fmt.Sprintf("line %d: the quotation marks do not match", parse.StartLine)
		case err != nil:
			return "it is not a table"
		}
		line, _ := in.FieldPos(0)
		r := row{line: line}
		some := false
		for _, field := range record {
			field = strings.TrimSpace(field)
			if len(field) > maxField {
				return fmt.Sprintf("line %d: a field is too long", line)
			}
			some = some || field != ""
			r.fields = append(r.fields, strings.Clone(field))
		}
		if some {
			f.rows = append(f.rows, r)
		}
	}
}

// separator is the one of tab, semicolon and comma that the first lines have
// most of: a head may be behind a title.
func separator(text []byte) rune {
	head := text[:min(len(text), 8<<10)]
	best, most := ',', bytes.Count(head, []byte(","))
	for _, r := range ";\t" {
		if n := bytes.Count(head, []byte(string(r))); n >= most && n > 0 {
			best, most = r, n
		}
	}
	return best
}

// decode returns a file as UTF-8 without a byte order mark, as package table
// does, and whether its encoding was guessed.
func decode(data []byte) (text []byte, guessed bool, err error) {
	switch {
	case bytes.HasPrefix(data, []byte{0xFF, 0xFE}), bytes.HasPrefix(data, []byte{0xFE, 0xFF}):
		text, err = unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder().Bytes(data)
		return text, false, err
	case utf8.Valid(data):
		return bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF")), false, nil
	default:
		text, err = charmap.Windows1252.NewDecoder().Bytes(data)
		return text, true, err
	}
}

// lettersOf brings the title of a column to the form in which titles are
// compared: "Card/ID Number" is cardidnumber.
func lettersOf(title string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return -1
	}, title)
}
