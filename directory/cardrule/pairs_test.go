package cardrule

import (
	"slices"
	"strings"
	"testing"

	"platen/fault"
)

func TestReadPairs(t *testing.T) {
	tests := map[string]struct {
		in   string
		want []Pair
		says string // of the refusal, "" none
	}{
		"nothing":               {"", nil, ""},
		"two cards":             {"04A1B2C3 3283263748\n10FF0000 0000065296\n", []Pair{{"04A1B2C3", "3283263748"}, {"10FF0000", "0000065296"}}, ""},
		"from a spreadsheet":    {"\uFEFF04A1\t0815\r\n", []Pair{{"04A1", "0815"}}, ""},
		"what people write":     {"# raw, number\n\n  04A1   0815  \n", []Pair{{"04A1", "0815"}}, ""},
		"blanks in what is raw": {"04 A1 B2 0815", []Pair{{"04 A1 B2", "0815"}}, ""},
		"one number":            {"04A1 0815\n4711\n", nil, "Line 2 has one number"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ReadPairs(strings.NewReader(tt.in))
			if tt.says == "" && err != nil || tt.says != "" && (!fault.Is(err, fault.Invalid) || !strings.Contains(fault.Text(err), tt.says)) {
				t.Fatalf("err = %v, want %q", err, tt.says)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// What was read says the same when it is written and read again.
func FuzzReadPairs(f *testing.F) {
	for _, s := range []string{"a b", "04A1B2C3 3283263748\n# x\n\n10FF0000\t0000065296\r\n", "\uFEFFx y\n", "one", "a\u2003b c", "\x00 \xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		pairs, err := ReadPairs(strings.NewReader(text))
		if err != nil {
			return
		}
		var b strings.Builder
		for _, p := range pairs {
			if p.Raw == "" || p.Wanted == "" {
				t.Fatalf("%q has a pair without a half: %q", text, p)
			}
			b.WriteString(p.Raw + " " + p.Wanted + "\n")
		}
		if again, err := ReadPairs(strings.NewReader(b.String())); err != nil || !slices.Equal(again, pairs) {
			t.Errorf("read %q\nwrote it and read %q, %v", pairs, again, err)
		}
	})
}

func TestJudge(t *testing.T) {
	three := []Pair{{"04A1B2C3", "3283263748"}, {"10FF0000", "0000065296"}, {"9A00BC01", "0029098138"}}
	tests := map[string]struct {
		pairs []Pair
		want  Certainty
	}{
		"three cards":         {three, Sure},
		"the same one thrice": {[]Pair{three[0], three[0], three[0]}, Undecided},
		"no rule":             {[]Pair{{"04A1B2C3", "99"}, {"04A1B2C3", "98"}}, NoRule},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Judge(tt.pairs, Learn(tt.pairs)); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
	keep, _ := Parse("keep")
	if got := Judge(three[:1], []Rule{keep}); got != Likely {
		t.Errorf("one rule of one card is %s", got)
	}
}

func TestTrace(t *testing.T) {
	r, err := Parse(`reverse_bytes | hex2dec | pad_left(10, "0")`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Trace("10FF0000")
	if want := []Stage{{"reverse_bytes", "0000FF10"}, {"hex2dec", "65296"}, {`pad_left(10, "0")`, "0000065296"}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	if got, err := r.Trace("10FG"); len(got) != 1 || !fault.Is(err, fault.Invalid) {
		t.Errorf("%v, %v", got, err)
	}
}
