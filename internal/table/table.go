// Package table reads tables that people export from spreadsheets and other
// programs: CSV with commas, semicolons or tabs, in UTF-8, UTF-16 or code page
// 1252, with or without a byte order mark.
//
// The first row names the columns. What is wrong is told by line, all of it at
// once, so that a person mends a file once and not forty times.
package table

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"platen/fault"
)

// Limits of one file. A school district has fewer people.
const (
	MaxOctets = 64 << 20
	maxField  = 4 << 10
)

// Row is one line of the table below its head.
type Row struct {
	Line   int
	names  []string
	fields map[string]string
}

// Has reports whether the table has the column, filled in this row or not.
func (r Row) Has(column string) bool { return slices.Contains(r.names, column) }

// Get returns the trimmed field of a column, "" when the table does not have
// the column.
func (r Row) Get(column string) string { return r.fields[column] }

// Problem is what is wrong with one line.
type Problem struct {
	Line int    `json:"line"`
	Text string `json:"text"`
}

func (p Problem) String() string { return fmt.Sprintf("line %d: %s", p.Line, p.Text) }

// Read returns the rows of a table with these columns, of which the required
// ones must be there. Problems and an error exclude each other: an error means
// that nothing could be read at all.
func Read(r io.Reader, columns, required []string) (rows []Row, problems []Problem, err error) {
	const op = "table.Read"
	data, err := io.ReadAll(io.LimitReader(r, MaxOctets+1))
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", op, err)
	}
	if len(data) > MaxOctets {
		return nil, nil, &fault.Error{Op: op, Kind: fault.TooLarge, Text: "The file is larger than 64 MiB."}
	}
	text, err := decode(data)
	if err != nil {
		return nil, nil, &fault.Error{Op: op, Kind: fault.Invalid, Text: "The file is not text.", Err: err}
	}
	in := csv.NewReader(bytes.NewReader(text))
	in.Comma, in.FieldsPerRecord, in.ReuseRecord = separator(text), -1, true
	head, err := in.Read()
	if err != nil {
		return nil, nil, &fault.Error{Op: op, Kind: fault.Invalid, Text: "The first line must name the columns: %s.", Args: []any{strings.Join(columns, ", ")}, Err: err}
	}
	names, problems := columnsOf(head, columns, required)
	if problems != nil {
		return nil, problems, nil
	}
	return body(in, names)
}

// columnsOf brings the head to normal form and checks it.
func columnsOf(head, columns, required []string) (names []string, problems []Problem) {
	bad := func(format string, args ...any) {
		problems = append(problems, Problem{1, fmt.Sprintf(format, args...)})
	}
	for _, h := range head {
		n := strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(strings.TrimSpace(h)))
		switch {
		case !slices.Contains(columns, n):
			bad("there is no column %q; columns are %s", h, strings.Join(columns, ", "))
		case slices.Contains(names, n):
			bad("the column %s is there twice", n)
		}
		names = append(names, n)
	}
	for _, n := range required {
		if !slices.Contains(names, n) {
			bad("the column %s is missing", n)
		}
	}
	return names, problems
}

func body(in *csv.Reader, names []string) (rows []Row, problems []Problem, err error) {
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			return rows, problems, nil
		}
		var parse *csv.ParseError
		if errors.As(err, &parse) { // quotes that do not match: what follows cannot be told apart
			return rows, append(problems, Problem{parse.StartLine, "the quotation marks do not match"}), nil
		}
		if err != nil {
			return nil, nil, fmt.Errorf("table.Read: %w", err)
		}
		line, _ := in.FieldPos(0)
		row, problem := rowOf(record, names, line)
		if problem != nil {
			problems = append(problems, *problem)
		} else if row.fields != nil {
			rows = append(rows, row)
		}
	}
}

// rowOf names the fields of a record. A row of empty fields, which spreadsheets
// like to leave at the end, is no row.
func rowOf(record, names []string, line int) (Row, *Problem) {
	for len(record) > len(names) && strings.TrimSpace(record[len(record)-1]) == "" {
		record = record[:len(record)-1]
	}
	if len(record) > len(names) {
		return Row{}, &Problem{line, fmt.Sprintf("%d fields, but only %d columns", len(record), len(names))}
	}
	row := Row{Line: line, names: names}
	for i, f := range record {
		f = strings.TrimSpace(f)
		if f == "" {
			continue
		}
		if len(f) > maxField || strings.ContainsRune(f, 0) {
			return Row{}, &Problem{line, fmt.Sprintf("the field %s is too long or holds a zero", names[i])}
		}
		if row.fields == nil {
			row.fields = map[string]string{}
		}
		row.fields[names[i]] = f
	}
	return row, nil
}

// separator is the one of comma, semicolon and tab that the head has most of.
// German spreadsheets write semicolons.
func separator(text []byte) rune {
	head, _, _ := bytes.Cut(text, []byte("\n"))
	best, most := ',', bytes.Count(head, []byte(","))
	for _, r := range []rune{';', '\t'} {
		if n := bytes.Count(head, []byte(string(r))); n > most {
			best, most = r, n
		}
	}
	return best
}

// decode returns the file as UTF-8 without a byte order mark.
func decode(data []byte) ([]byte, error) {
	switch {
	case bytes.HasPrefix(data, []byte{0xFF, 0xFE}), bytes.HasPrefix(data, []byte{0xFE, 0xFF}):
		return unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder().Bytes(data)
	case utf8.Valid(data):
		return bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF")), nil
	default:
		return charmap.Windows1252.NewDecoder().Bytes(data)
	}
}
