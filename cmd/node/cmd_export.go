package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"time"

	"platen/accounting"
	"platen/job"
)

func exportCommands() []*command {
	format := "csv"
	var from, to *opt[time.Time]
	return []*command{{
		name: "export accounting", summary: "write the ledger: one row for each send of a job to a device",
		more: "CSV is for spreadsheets: a field that they would take for a formula begins with an apostrophe. What nobody\n" +
			"knows is empty in CSV and null in JSON, never 0. Titles that were forgotten are empty.",
		examples: []string{"export accounting --format csv --from 2026-11-01 --to 2026-12-01", "export accounting --format json"},
		flags: func(fs *flag.FlagSet) {
			fs.StringVar(&format, "format", format, "`csv|json`")
			from = optDay(fs, "from", "rows since this `DAY`")
			to = optDay(fs, "to", "rows before this `DAY`")
		},
		admin: func(ctx context.Context, a *admin, c *call) error {
			if c.json {
				format = "json"
			}
			var e exporter
			switch format {
			case "csv":
				e = &csvExport{csv.NewWriter(c.out)}
			case "json":
				e = &jsonExport{c: c}
			default:
				return usagef("--format is csv or json")
			}
			if err := e.begin(); err != nil {
				return err
			}
			if err := a.scope.Ledger(ctx, from.value, to.value, func(r accounting.Row) error { return e.row(ledgerLine(r)) }); err != nil {
				return err
			}
			return e.end()
		},
	}}
}

// exporter writes rows in one format, as they come.
type exporter interface {
	begin() error
	row(ledgerRow) error
	end() error
}

// ledgerRow is a row as it is exported: what is unknown is null.
type ledgerRow struct {
	accounting.Row
	Evidence    string `json:"evidence"`
	Octets      *int64 `json:"octets"`
	Copies      *int   `json:"copies"`
	Pages       *int   `json:"pages"`
	Impressions *int   `json:"impressions"`
	Sheets      *int   `json:"sheets"`
}

func ledgerLine(r accounting.Row) ledgerRow {
	l := ledgerRow{Row: r, Evidence: r.Evidence.String(), Pages: known(r.Pages), Impressions: known(r.Impressions), Sheets: known(r.Sheets)}
	if r.Octets != job.Unknown {
		l.Octets = &r.Octets
	}
	if r.Copies != 0 {
		l.Copies = &r.Copies
	}
	return l
}

func known(n int) *int {
	if n == job.Unknown {
		return nil
	}
	return &n
}

type jsonExport struct {
	c    *call
	rows int
}

func (e *jsonExport) begin() error { return e.write("[") }

func (e *jsonExport) row(r ledgerRow) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	sep := ",\n"
	if e.rows == 0 {
		sep = "\n"
	}
	e.rows++
	return e.write(sep + string(b))
}

func (e *jsonExport) end() error { return e.write("\n]\n") }

func (e *jsonExport) write(s string) error {
	_, err := fmt.Fprint(e.c.out, s)
	return err
}

type csvExport struct{ w *csv.Writer }

func (e *csvExport) begin() error {
	return e.w.Write([]string{"id", "key", "epoch", "seq", "at", "job", "job_id", "owner", "department", "device", "serial", "queue", "title",
		"outcome", "evidence", "octets", "copies", "sides", "colour", "pages", "impressions", "sheets", "method", "confidence", "cost_minor", "currency"})
}

func (e *csvExport) row(r ledgerRow) error {
	octets := ""
	if r.Octets != nil {
		octets = strconv.FormatInt(*r.Octets, 10)
	}
	record := []string{
		r.ID, r.Key, strconv.FormatInt(r.Epoch, 10), strconv.FormatInt(r.Seq, 10), r.At.UTC().Format(time.RFC3339Nano), r.Job,
		strconv.FormatInt(r.JobID, 10), r.OwnerName, r.Department, r.DeviceName, r.Serial, r.QueueName, r.Title, string(r.Outcome), r.Evidence,
		octets, cell(r.Copies), r.Sides, r.Colour, cell(r.Pages), cell(r.Impressions), cell(r.Sheets), r.Method, r.Confidence,
		strconv.FormatInt(r.CostMinor, 10), r.Currency,
	}
	for i, f := range record {
		record[i] = harmless(f)
	}
	return e.w.Write(record)
}

func (e *csvExport) end() error {
	e.w.Flush()
	return e.w.Error()
}

func cell(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

// harmless keeps a spreadsheet from running a text as a formula: clients choose
// titles. A number is a number, also a negative one.
func harmless(field string) string {
	if field == "" || !strings.ContainsRune("=+-@\t\r\n|%", rune(field[0])) {
		return field
	}
	if _, err := strconv.ParseFloat(field, 64); err == nil && field[0] == '-' {
		return field
	}
	return "'" + field
}
