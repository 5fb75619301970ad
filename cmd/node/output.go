package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// column is one column of a list for people.
type column[T any] struct {
	title string
	value func(T) string
}

// writeList writes a list: a JSON array for programs, a table for people. T is
// what the JSON shows.
func writeList[T any](c *call, list []T, columns []column[T]) error {
	if c.json {
		return writeJSON(c.out, list)
	}
	var table bytes.Buffer
	tw := tabwriter.NewWriter(&table, 0, 8, 2, ' ', 0)
	row := func(cell func(column[T]) string) {
		cells := make([]string, len(columns))
		for i, k := range columns {
			cells[i] = plain(cell(k))
		}
		fmt.Fprintln(tw, strings.Join(cells, "\t"))
	}
	row(func(k column[T]) string { return strings.ToUpper(k.title) })
	for _, v := range list {
		row(func(k column[T]) string { return k.value(v) })
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for line := range bytes.Lines(table.Bytes()) { // empty cells at the end of a row are no spaces there
		if _, err := fmt.Fprintf(c.out, "%s\n", bytes.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// fields writes one thing for people: a line for each field that says
// something.
func fields(w io.Writer, pairs ...string) error {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			fmt.Fprintf(tw, "%s:\t%s\n", pairs[i], plain(pairs[i+1]))
		}
	}
	return tw.Flush()
}

// plain makes a text safe for a terminal and for one cell of a table: clients
// choose titles and names, and an escape sequence in one must stay a text.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, s)
}

// stamp shows a time in the zone of the machine, "" for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// octets shows a size.
func octets(n int64) string {
	units := []string{"", " KiB", " MiB", " GiB", " TiB"}
	f, i := float64(n), 0
	for f >= 1024 && i < len(units)-1 {
		f, i = f/1024, i+1
	}
	if i == 0 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%.1f%s", f, units[i])
}

// counted is a number with what is counted.
func counted[N int | int64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n) + " " + many
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
