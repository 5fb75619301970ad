package table_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"platen/fault"
	"platen/internal/table"
)

var columns = []string{"login", "full_name", "card"}

func TestRead(t *testing.T) {
	utf16 := func(s string) string {
		out := "\xFF\xFE"
		for _, r := range s {
			out += string([]byte{byte(r), byte(r >> 8)})
		}
		return out
	}
	tests := map[string]struct {
		in       string
		want     []string // line login full_name card
		problems []string
	}{
		"plain":       {in: "login,full_name,card\nanna,Anna Muster,04A1\nben,,\n", want: []string{"2 anna|Anna Muster|04A1", "3 ben||"}},
		"semicolons":  {in: "Login;Full Name\r\nanna;Muster, Anna\r\n", want: []string{"2 anna|Muster, Anna|"}},
		"tabs":        {in: "login\tcard\nanna\t1\n", want: []string{"2 anna||1"}},
		"quotes":      {in: "login,full_name\nanna,\"Anna \"\"A\"\"\nMuster\"\nben,B\n", want: []string{"2 anna|Anna \"A\"\nMuster|", "4 ben|B|"}},
		"mark":        {in: "\xEF\xBB\xBFlogin\nanna\n", want: []string{"2 anna||"}},
		"UTF-16":      {in: utf16("login;full-name\nanna;Jürgen\n"), want: []string{"2 anna|Jürgen|"}},
		"1252":        {in: "login,full_name\nanna,J\xFCrgen\n", want: []string{"2 anna|Jürgen|"}},
		"blank rows":  {in: "login,card\n\nanna,1\n,\n , \n", want: []string{"3 anna||1"}},
		"loose ends":  {in: "login,card\nanna\nben,2,,\n", want: []string{"2 anna||", "3 ben||2"}},
		"only a head": {in: "login\n"},
		"unknown column": {in: "login,name\nanna,x\n", problems: []string{
			`line 1: there is no column "name"; columns are login, full_name, card`}},
		"column twice":   {in: "login,login\n", problems: []string{"line 1: the column login is there twice"}},
		"missing column": {in: "card\n1\n", problems: []string{"line 1: the column login is missing"}},
		"many fields":    {in: "login\nanna\nben,2\ncarl,3\n", want: []string{"2 anna||"}, problems: []string{"line 3: 2 fields, but only 1 columns", "line 4: 2 fields, but only 1 columns"}},
		"open quote":     {in: "login,card\nanna,1\nben,\"2\ncarl,3\n", want: []string{"2 anna||1"}, problems: []string{"line 3: the quotation marks do not match"}},
		"a zero":         {in: "login\nan\x00na\n", problems: []string{"line 2: the field login is too long or holds a zero"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			rows, problems, err := table.Read(strings.NewReader(tt.in), columns, []string{"login"})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range rows {
				got = append(got, fmt.Sprintf("%d %s|%s|%s", r.Line, r.Get("login"), r.Get("full_name"), r.Get("card")))
			}
			var told []string
			for _, p := range problems {
				told = append(told, p.String())
			}
			if !reflect.DeepEqual(got, tt.want) || !reflect.DeepEqual(told, tt.problems) {
				t.Errorf("got  %q %q\nwant %q %q", got, told, tt.want, tt.problems)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	if _, _, err := table.Read(strings.NewReader(""), columns, nil); !fault.Is(err, fault.Invalid) {
		t.Errorf("an empty file: %v", err)
	}
	if _, _, err := table.Read(strings.NewReader(strings.Repeat("x", table.MaxOctets+1)), columns, nil); !fault.Is(err, fault.TooLarge) {
		t.Errorf("a huge file: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{"login,card\nanna,1\n", "login;full name\nben;\"x\n\ny\"\n", "\xFF\xFEl\x00", "login\n\x00\n", "login\n\"a"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		rows, problems, err := table.Read(strings.NewReader(string(b)), columns, []string{"login"})
		if err != nil {
			if k := fault.KindOf(err); k != fault.Invalid {
				t.Errorf("a mistake in the file became %v", err)
			}
			return
		}
		last := 1
		for _, r := range rows {
			if r.Line <= last {
				t.Errorf("line %d after %d", r.Line, last)
			}
			last = r.Line
		}
		for _, p := range problems {
			if p.Line < 1 || p.Text == "" {
				t.Errorf("problem %+v", p)
			}
		}
	})
}
