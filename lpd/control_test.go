package lpd

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"platen/fault"
	"platen/job"
)

// TestCaptures reads control files of clients that nobody here wrote.
func TestCaptures(t *testing.T) {
	lprng := func(a, d string) []line {
		return []line{{'A', "root@localhost+" + a}, {'D', "2026-11-23-" + d}}
	}
	tests := map[string]controlFile{
		"cups-utf8": {Host: "vm", User: `CORP\jürgen.müller`, Job: "Bericht Gr____e",
			Documents: []printed{{'l', "dfA390vm", "Bericht Gr____e", 1}}},
		"cups-copies-lines": {Host: "vm", User: "anna", Job: "Two copies",
			Documents: []printed{{'l', "dfA737vm", "Two copies", 2}}},
		"cups-copies-manual": {Host: "vm", User: "anna", Job: "Two copies",
			Documents: []printed{{'l', "dfA628vm", "Two copies", 1}}},
		"cups-postscript": {Host: "vm", User: "anna", Job: "Bericht Größe",
			Documents: []printed{{'o', "dfA875vm", "Bericht Größe", 1}}},
		"cups-reserved-banner": {Host: "vm", User: "anna", Job: "Reserved", Class: "vm", Banner: "anna",
			Documents: []printed{{'l', "dfA450vm", "Reserved", 1}}},
		"rlpr-copies": {Host: "vm", User: "root", Job: "a.txt", Class: "vm", Banner: "root",
			Documents: []printed{{'f', "dfA212vm", "a.txt", 3}}},
		"rlpr-class": {Host: "vm", User: "root", Job: "Größe", Class: "cls", Banner: "root", Title: "tt",
			Documents: []printed{{'f', "dfA563vm", "a.txt", 1}}},
		"rlpr-two-2": {Host: "vm", User: "root", Job: "b.bin", Class: "vm", Banner: "root",
			Documents: []printed{{'f', "dfB205vm", "b.bin", 1}}},
		"lprng-two": {Host: "localhost", User: "root", Job: "two", Class: "A", Banner: "root",
			Extra: append(lprng("649", "02:46:22.928"), line{'Q', "secure"}),
			Documents: []printed{
				{'f', "dfA649localhost", "a.txt", 1},
				{'f', "dfB649localhost", "b.bin", 1},
			}},
		"lprng-copies-two": {Host: "localhost", User: "root", Job: "a.txt,b.bin", Class: "A", Banner: "root",
			Extra: append(lprng("208", "02:47:33.991"), line{'Q', "many"}),
			Documents: []printed{
				{'f', "dfA208localhost", "a.txt", 2},
				{'f', "dfB208localhost", "b.bin", 2},
			}},
		"lprng-stream-options": {Host: "localhost", User: "root", Job: "stream", Class: "A", Banner: "root",
			Extra:     append(lprng("532", "02:47:03.145"), line{'Q', "secure"}, line{'Z', "duplex"}),
			Documents: []printed{{'f', "dfA532localhost", "(STDIN)", 1}}},
		"windows": {Host: "PC-17", User: "anna", Job: "Invoice M\xfcller", Class: "PC-17", Banner: "anna",
			Documents: []printed{{'l', "dfA001PC-17", "Invoice M\xfcller", 1}}},
		"unknown-letters": {Host: "AS400", User: "QPRTJOB", Job: "012345/ANNA/QPRTJOB", Class: "192.0.2.17", Banner: "QPRTJOB",
			Extra:     []line{{'k', " ticket"}, {'Z', "ordinary"}, {'Z', "tray=2"}, {'q', "low"}},
			Documents: []printed{{'l', "dfA123AS400", "QSYSPRT", 1}}},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			b, err := os.ReadFile("../testdata/lpd/" + name + ".cf")
			if err != nil {
				t.Fatal(err)
			}
			got, err := parseControlFile(b)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := unnumbered(got), unnumbered(want); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

// unnumbered hides what changes with every capture: job numbers and stamps.
func unnumbered(cf controlFile) string {
	digits := func(r rune) rune {
		if unicode.IsDigit(r) {
			return '0'
		}
		return r
	}
	return strings.Map(digits, fmt.Sprintf("%+v", cf))
}

func TestControlFile(t *testing.T) {
	many := strings.Builder{}
	for i := range 53 {
		fmt.Fprintf(&many, "ldf%02d\n", i)
	}
	tests := map[string]struct {
		in   string
		want controlFile
		kind fault.Kind // of the refusal, when one is wanted
	}{
		"no user":           {in: "Hx\nldfA1x\n", want: controlFile{Host: "x", Documents: []printed{{'l', "dfA1x", "", 1}}}},
		"no documents":      {in: "Hx\nPanna\n", kind: fault.Invalid},
		"empty":             {in: "", kind: fault.Invalid},
		"only NUL":          {in: "\x00\x00\n\x00", kind: fault.Invalid},
		"print of nothing":  {in: "Hx\nl\n", kind: fault.Invalid},
		"too many":          {in: many.String(), kind: fault.Invalid},
		"first line counts": {in: "Panna\nPben\nldfA1x\n", want: controlFile{User: "anna", Documents: []printed{{'l', "dfA1x", "", 1}}}},
		"empty line is not first": {in: "P\nPben\nldfA1x\n",
			want: controlFile{User: "ben", Documents: []printed{{'l', "dfA1x", "", 1}}}},
		"two prints, one name: the nearest": {in: "fA\nfB\nNb\n",
			want: controlFile{Documents: []printed{{'f', "A", "", 1}, {'f', "B", "b", 1}}}},
		"two prints, two names": {in: "fA\nfB\nNa\nNb\n",
			want: controlFile{Documents: []printed{{'f', "A", "a", 1}, {'f', "B", "b", 1}}}},
		"two names, two prints": {in: "Na\nNb\nfA\nfB\n",
			want: controlFile{Documents: []printed{{'f', "A", "a", 1}, {'f', "B", "b", 1}}}},
		"one name, two prints": {in: "Na\nfA\nfB\n",
			want: controlFile{Documents: []printed{{'f', "A", "a", 1}, {'f', "B", "", 1}}}},
		"names that repeat with their copies": {in: "Na\nfA\nNa\nfA\nNb\nfB\n",
			want: controlFile{Documents: []printed{{'f', "A", "a", 2}, {'f', "B", "b", 1}}}},
		"collated copies": {in: "fA\nfB\nfA\nfB\nNa\nNb\n",
			want: controlFile{Documents: []printed{{'f', "A", "a", 2}, {'f', "B", "b", 2}}}},
		"letters beyond the RFC": {in: "xdfA1x\nxtra\n",
			want: controlFile{Documents: []printed{{'x', "dfA1x", "", 1}}, Extra: []line{{'x', "tra"}}}},
		"A09 secrets": {in: "ldfA1x\nXPassword: hunter2\nYmypwd=1\nZKennwort geheim\nWfine\n",
			want: controlFile{Documents: []printed{{'l', "dfA1x", "", 1}}, Extra: []line{{'W', "fine"}}}},
		"A02 orders": {in: "ldfA1x\nU/etc/passwd\nS1 2\nMroot\n",
			want: controlFile{Documents: []printed{{'l', "dfA1x", "", 1}}}},
		"letters that are none": {in: "ldfA1x\n\x01boo\n \xc3\xa4\n\x7fx\n",
			want: controlFile{Documents: []printed{{'l', "dfA1x", "", 1}}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parseControlFile([]byte(tt.in))
			if (err != nil) != (tt.kind != 0) || err != nil && fault.KindOf(err) != tt.kind {
				t.Fatalf("err = %v, want kind %v", err, tt.kind)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestTicket(t *testing.T) {
	doc := []printed{{'l', "dfA1x", "a.txt", 1}}
	long := strings.Repeat("x", 2000)
	tests := map[string]struct {
		cf       controlFile
		encoding string
		want     job.Ticket
	}{
		"the title is J":       {controlFile{Job: "J", Title: "T", Documents: doc}, windows1252, job.Ticket{Title: "J"}},
		"or the file's name":   {controlFile{Title: "T", Documents: doc}, windows1252, job.Ticket{Title: "a.txt"}},
		"or pr's title":        {controlFile{Title: "T", Documents: []printed{{'l', "dfA1x", "", 1}}}, windows1252, job.Ticket{Title: "T"}},
		"850":                  {controlFile{Job: "Gr\x94\xe1e", Documents: doc}, ibm850, job.Ticket{Title: "Größe"}},
		"1252":                 {controlFile{Job: "Gr\xf6\xdfe", Documents: doc}, windows1252, job.Ticket{Title: "Größe"}},
		"unknown code page":    {controlFile{Job: "Gr\xf6\xdfe", Documents: doc}, "klingon", job.Ticket{Title: "Größe"}},
		"UTF-8 in a 850 queue": {controlFile{Job: "Größe", Documents: doc}, ibm850, job.Ticket{Title: "Größe"}},
		"long titles end":      {controlFile{Job: long, Documents: doc}, windows1252, job.Ticket{Title: long[:255]}},
		"31 octets may be cut": {controlFile{User: long[:31], Job: "J", Documents: doc}, windows1252, job.Ticket{Title: "J", Claimed: long[:31], Cut: true}},
		"30 are not":           {controlFile{User: long[:30], Job: "J", Documents: doc}, windows1252, job.Ticket{Title: "J", Claimed: long[:30]}},
		"32 are not":           {controlFile{User: long[:32], Job: "J", Documents: doc}, windows1252, job.Ticket{Title: "J", Claimed: long[:32]}},
		"unknown letters": {controlFile{Job: "J", Documents: doc, Extra: []line{{'Z', "a"}, {'Z', "b"}, {'Q', "q\x1b"}}}, windows1252,
			job.Ticket{Title: "J", Extra: map[string]string{"Z": "a\nb", "Q": "q"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tt.cf.ticket(tt.encoding); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestDecode(t *testing.T) {
	tests := map[string]struct {
		raw   string
		limit int
		want  string
	}{
		"plain":                            {"anna", 31, "anna"},
		"UTF-8":                            {"jürgen", 31, "jürgen"},
		"1252, last letter an accent":      {"Ren\xe9", 31, "René"},
		"1252 in the middle":               {"M\xfcller", 31, "Müller"},
		"UTF-8 cut at its limit":           {"abc\xc3", 4, "abc"},
		"UTF-8 cut elsewhere":              {"ü-abc\xe2\x82", 31, "ü-abc"},
		"UTF-8 wrong in the middle":        {"ü\xff\xfc", 31, "Ã¼ÿü"},
		"a real replacement character":     {"a\uFFFDb", 31, "a\uFFFDb"},
		"a replacement character, then ü":  {"a\uFFFDb\xfc", 31, "aï¿½bü"},
		"control characters":               {"a\x00\x1b[1mb\r\nc\x7f\u0085", 31, "a[1mbc"},
		"tabs are spaces":                  {"\ta\tb\t", 31, "a b"},
		"overrides":                        {"a\u202eb\u2066c\u2028d", 31, "abcd"},
		"right to left is not an override": {"שלום\u200f", 31, "שלום\u200f"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := decode(tt.raw, windows1252, tt.limit); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCut(t *testing.T) {
	for in, want := range map[string]string{"": "", "abcd": "abcd", "abcde": "abcd", "abcü": "abc", "üü": "üü", "ü€": "ü", "𝄞x": "𝄞"} {
		if got := cut(in, 4); got != want {
			t.Errorf("cut(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzControlFile(f *testing.F) {
	names, err := filepath.Glob("../testdata/lpd/*.cf")
	if err != nil || len(names) == 0 {
		f.Fatal("no captures", err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		cf, err := parseControlFile(b)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Errorf("a client's mistake became %v", err)
			}
			return
		}
		again, err := parseControlFile(cf.marshal())
		if err != nil || !reflect.DeepEqual(cf, again) {
			t.Errorf("read %+v\nwrote it and read %+v, %v", cf, again, err)
		}
		for _, encoding := range []string{windows1252, ibm850} {
			ticket := cf.ticket(encoding)
			for _, s := range []string{ticket.Title, ticket.Claimed, ticket.Host, ticket.Class, ticket.Banner} {
				checkText(t, s)
			}
			for letter, s := range ticket.Extra {
				checkText(t, letter)
				checkText(t, strings.ReplaceAll(s, "\n", ""))
			}
		}
	})
}

// checkText checks what job.Ticket promises of its texts.
func checkText(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		t.Errorf("text %q", s)
	}
}
