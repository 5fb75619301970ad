package lpd

import (
	"reflect"
	"strings"
	"testing"

	"platen/fault"
)

func TestCommand(t *testing.T) {
	tests := map[string]struct {
		in   string
		want command
		kind fault.Kind
	}{
		"receive":             {in: "\x02secure", want: command{code: 2, queue: "secure", rest: "secure"}},
		"spaces and slashes":  {in: "\x022nd floor/a@b ", want: command{code: 2, queue: "2nd floor/a@b", rest: "2nd floor/a@b"}},
		"carriage return":     {in: "\x02secure\r", want: command{code: 2, queue: "secure", rest: "secure"}},
		"NUL":                 {in: "\x02sec\x00ure", want: command{code: 2, queue: "secure", rest: "secure"}},
		"code page":           {in: "\x02B\xfcro", want: command{code: 2, queue: "Büro", rest: "Büro"}},
		"no queue":            {in: "\x02", want: command{code: 2}},
		"print":               {in: "\x01secure", want: command{code: 1, queue: "secure", rest: "secure"}},
		"short status":        {in: "\x03secure", want: command{code: 3, queue: "secure", rest: "secure"}},
		"status of a list":    {in: "\x04secure anna 12 ben 007", want: command{code: 4, queue: "secure", rest: "secure anna 12 ben 007", users: []string{"anna", "ben"}, ids: []int64{12, 7}}},
		"remove":              {in: "\x05secure root 12", want: command{code: 5, queue: "secure", rest: "secure root 12", agent: "root", ids: []int64{12}}},
		"remove without list": {in: "\x05secure root", want: command{code: 5, queue: "secure", rest: "secure root", agent: "root"}},
		"numbers too large":   {in: "\x03q 99999999999999999999 -1", want: command{code: 3, queue: "q", rest: "q 99999999999999999999 -1", users: []string{"99999999999999999999", "-1"}}},
		"nothing":             {in: "", kind: fault.Invalid},
		"only NUL":            {in: "\x00\x00", kind: fault.Invalid},
		"unknown":             {in: "\x06secure", kind: fault.Invalid},
		"A22 HTTP":            {in: "GET / HTTP/1.1", kind: fault.Invalid},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parseCommand([]byte(tt.in))
			if (err != nil) != (tt.kind != 0) || err != nil && fault.KindOf(err) != tt.kind {
				t.Fatalf("err = %v, want kind %v", err, tt.kind)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestCommandNamesNotTooMany(t *testing.T) {
	c, err := parseCommand([]byte("\x03q" + strings.Repeat(" 1", 400)))
	if err != nil || len(c.ids) != maxListed {
		t.Errorf("%d job numbers, %v", len(c.ids), err)
	}
}

// TestA04Counts: a size is digits, and at most 2^63.
func TestA04Counts(t *testing.T) {
	tests := map[string]struct {
		in      string
		want    subcommand
		bounded bool
		kind    fault.Kind
	}{
		"data":                  {in: "\x035 dfA001PC", want: subcommand{3, 5, "dfA001PC"}, bounded: true},
		"control":               {in: "\x0259 cfA001PC", want: subcommand{2, 59, "cfA001PC"}, bounded: true},
		"several spaces":        {in: "\x0259 \t cfA001PC ", want: subcommand{2, 59, "cfA001PC"}, bounded: true},
		"no name":               {in: "\x0359", want: subcommand{3, 59, ""}, bounded: true},
		"name with spaces":      {in: "\x0359 df A", want: subcommand{3, 59, "df A"}, bounded: true},
		"leading zeros":         {in: "\x03007 x", want: subcommand{3, 7, "x"}, bounded: true},
		"zero":                  {in: "\x030 x", want: subcommand{3, 0, "x"}},
		"2^31":                  {in: "\x032147483648 x", want: subcommand{3, 1 << 31, "x"}, bounded: true},
		"2^32-1":                {in: "\x034294967295 x", want: subcommand{3, 1<<32 - 1, "x"}, bounded: true},
		"just below a stream":   {in: "\x0399999999999 x", want: subcommand{3, 99999999999, "x"}, bounded: true},
		"10^11":                 {in: "\x03100000000000 x", want: subcommand{3, 100000000000, "x"}},
		"CUPS":                  {in: "\x03999999999999 x", want: subcommand{3, 999999999999, "x"}},
		"Windows":               {in: "\x03125899906843000 x", want: subcommand{3, 125899906843000, "x"}},
		"2^63":                  {in: "\x039223372036854775808 x", want: subcommand{3, 1 << 63, "x"}},
		"abort":                 {in: "\x01", want: subcommand{code: 1}},
		"abort with a name":     {in: "\x01secure", want: subcommand{code: 1}},
		"2^63+1":                {in: "\x039223372036854775809 x", kind: fault.Invalid},
		"2^64":                  {in: "\x0318446744073709551616 x", kind: fault.Invalid},
		"negative":              {in: "\x03-1 x", kind: fault.Invalid},
		"signed":                {in: "\x03+5 x", kind: fault.Invalid},
		"hexadecimal":           {in: "\x030x10 x", kind: fault.Invalid},
		"underscores":           {in: "\x031_000 x", kind: fault.Invalid},
		"other people's digits": {in: "\x03٣ x", kind: fault.Invalid},
		"none":                  {in: "\x03 x", kind: fault.Invalid},
		"nothing":               {in: "", kind: fault.Invalid},
		"unknown":               {in: "\x045 x", kind: fault.Invalid},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parseSubcommand([]byte(tt.in))
			if (err != nil) != (tt.kind != 0) || err != nil && fault.KindOf(err) != tt.kind {
				t.Fatalf("err = %v, want kind %v", err, tt.kind)
			}
			if got != tt.want || got.bounded() != tt.bounded {
				t.Errorf("got  %+v, bounded %v\nwant %+v", got, got.bounded(), tt.want)
			}
		})
	}
}

func TestJobNumber(t *testing.T) {
	for name, want := range map[string]string{
		"dfA001PC": "001", "cfa999x": "999", "dfA1234x": "123", "dfA1x": "1", "dfAx": "", "df": "", "": "", "/etc/passwd": "",
	} {
		if got := jobNumber(name); got != want {
			t.Errorf("jobNumber(%q) = %q, want %q", name, got, want)
		}
	}
}

func FuzzCommand(f *testing.F) {
	for _, s := range []string{"\x02secure", "\x04secure anna 12", "\x05secure root 7", "\x01q", "\x032nd floor\r", "GET / HTTP/1.1", "\x02B\xfcro@host%5515", "\x09q"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseCommand(b)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Errorf("a client's mistake became %v", err)
			}
			return
		}
		for _, s := range append([]string{c.queue, c.rest, c.agent}, c.users...) {
			checkText(t, s)
		}
		for _, id := range c.ids {
			if id < 0 {
				t.Errorf("job %d", id)
			}
		}
	})
}

func FuzzSubcommand(f *testing.F) {
	for _, s := range []string{"\x0259 cfA001PC", "\x03125899906843000 dfA001PC", "\x03999999999999 x", "\x030 x", "\x039223372036854775808 x", "\x01", "\x03-1 x", "\x03+5\tx"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseSubcommand(b)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Errorf("a client's mistake became %v", err)
			}
			return
		}
		if s.count > maxCount || strings.ContainsAny(s.name, "\x00") || s.bounded() && s.count >= unbounded {
			t.Errorf("%+v", s)
		}
	})
}
