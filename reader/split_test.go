package reader

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// split feeds pieces and returns what came of them; "!" is a line refused.
func split(end []byte, most int, pieces ...string) (lines []string) {
	s := &splitter{end: end, max: most}
	for _, p := range pieces {
		s.feed([]byte(p), func(line []byte) { lines = append(lines, string(line)) }, func() { lines = append(lines, "!") })
	}
	return lines
}

func TestSplit(t *testing.T) {
	long := strings.Repeat("1", 8)
	tests := map[string]struct {
		end  Terminator
		in   string
		want []string
	}{
		"cr":                     {CR, "123\r456\r7", []string{"123", "456"}},
		"cr of a crlf":           {CR, "123\r\n456\r\n", []string{"123", "\n456"}},
		"lf":                     {LF, "123\n456\r\n", []string{"123", "456\r"}},
		"crlf":                   {CRLF, "123\r\n4\r5\n6\r\r\n", []string{"123", "4\r5\n6\r"}},
		"empty ones are none":    {CRLF, "\r\n\r\n1\r\n", []string{"1"}},
		"as long as may be":      {CRLF, long + "\r\n", []string{long}},
		"longer":                 {CRLF, long + "2\r\n3\r\n", []string{"!", "3"}},
		"longer by its own end":  {CRLF, long + "\r\r\n3\r\n", []string{"!", "3"}},
		"much longer":            {CR, long + long + long + "\r3\r", []string{"!", "3"}},
		"longer and never ended": {CR, long + long, nil},
		"nothing ends it":        {None, "123\r\n", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := split(ends[tt.end], 8, tt.in); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if got := split(ends[tt.end], 8, strings.Split(tt.in, "")...); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("octet by octet: got %q, want %q", got, tt.want)
			}
		})
	}
}

// What is said of a pause: with an end of line it refuses, without one it ends.
func TestSplitPauses(t *testing.T) {
	tests := map[string]struct {
		end    Terminator
		pieces []string // a pause after each
		want   []string
	}{
		"the tail is not a number": {CR, []string{"1234", "5678\r", "9\r"}, []string{"!", "9"}},
		"between lines":            {CR, []string{"1\r", "2\r"}, []string{"1", "2"}},
		"within the end":           {CRLF, []string{"1\r", "\n2\r\n"}, []string{"!", "2"}},
		"ends what nothing else":   {None, []string{"1234", "5678"}, []string{"1234", "5678"}},
		"too long":                 {None, []string{"123456789012", "3"}, []string{"!", "3"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			emit, refuse := func(line []byte) { got = append(got, string(line)) }, func() { got = append(got, "!") }
			s := &splitter{end: ends[tt.end], max: 8}
			for _, p := range tt.pieces {
				s.feed([]byte(p), emit, refuse)
				s.pause(emit, refuse)
				s.pause(emit, refuse)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// However a stream is cut into packets, it is the same lines; and they are those
// between the ends of lines.
func FuzzSplit(f *testing.F) {
	f.Add([]byte("04A1B2C3\r\n1234567890\r\n"), uint8(2), []byte{3, 1, 200})
	f.Add([]byte("\r\r\n\n123456789\r0"), uint8(0), []byte{1})
	f.Add([]byte("12345678901\n\x00\n"), uint8(1), []byte{9, 2})
	names := []Terminator{CR, LF, CRLF}
	f.Fuzz(func(t *testing.T, stream []byte, which uint8, cuts []byte) {
		const most = 8
		end := ends[names[int(which)%len(names)]]
		var want []string
		whole := bytes.Split(stream, end)
		for _, line := range whole[:len(whole)-1] {
			switch {
			case len(line) > most:
				want = append(want, "!")
			case len(line) > 0:
				want = append(want, string(line))
			}
		}
		var pieces []string
		rest := stream
		for _, c := range cuts {
			n := min(int(c), len(rest))
			pieces, rest = append(pieces, string(rest[:n])), rest[n:]
		}
		if got := split(end, most, append(pieces, string(rest))...); !slices.Equal(got, want) {
			t.Errorf("%q in %d pieces: got %q, want %q", stream, len(pieces)+1, got, want)
		}
	})
}

// Whatever a line holds, the number is printable.
func FuzzNumber(f *testing.F) {
	f.Add([]byte("\x02;123?\x03"), ";", "?", true, false)
	f.Add([]byte("\x00\x00READY\xff"), "", "", false, true)
	f.Fuzz(func(t *testing.T, line []byte, prefix, suffix string, framed, strict bool) {
		l := &Lines{Prefix: prefix, Suffix: suffix, Framed: framed, Strict: strict}
		raw, ok := l.number(line)
		if !ok && raw != "" || strings.ContainsFunc(raw, notPrintable) || len(raw) > len(line) || strings.TrimSpace(raw) != raw {
			t.Errorf("%q of %q", raw, line)
		}
	})
}

func TestNumber(t *testing.T) {
	tests := map[string]struct {
		l    *Lines
		in   string
		want string
		ok   bool
	}{
		"plain":                     {&Lines{}, "0012345678", "0012345678", true},
		"NULs around and within":    {&Lines{}, "\x00\x00123\x0045\x00", "12345", true},
		"spaces":                    {&Lines{}, "  123 45 ", "123 45", true},
		"STX and ETX":               {&Lines{}, "\x0212345\x03", "12345", true},
		"high octets":               {&Lines{}, "\xff\xfd\x01123", "123", true},
		"strict":                    {&Lines{Strict: true}, "12\x0034", "", false},
		"strict, NULs around":       {&Lines{Strict: true}, "\x001234\x00", "1234", true},
		"strict, framed by control": {&Lines{Strict: true, Prefix: "\x02", Suffix: "\x03"}, "\x021234\x03", "1234", true},
		"prefix and suffix":         {&Lines{Prefix: ";", Suffix: "?"}, ";1234?", "1234", true},
		"they are not there":        {&Lines{Prefix: ";", Suffix: "?"}, "1234", "1234", true},
		"a message of the reader":   {&Lines{Prefix: ";", Suffix: "?", Framed: true}, "READY", "", true},
		"framed":                    {&Lines{Prefix: ";", Framed: true}, ";1234", "1234", true},
		"the frame alone":           {&Lines{Prefix: "abc", Suffix: "cd"}, "abcd", "d", true},
		"nothing":                   {&Lines{}, "\x00", "", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got, ok := tt.l.number([]byte(tt.in)); got != tt.want || ok != tt.ok {
				t.Errorf("got %q, %v, want %q, %v", got, ok, tt.want, tt.ok)
			}
		})
	}
}

func TestEars(t *testing.T) {
	var e ears
	for i := range 3 * maxEars {
		e.again(fmt.Sprint(i), "x", testTime, defaultDebounce)
		if len(e.of) > maxEars {
			t.Fatalf("%d ears", len(e.of))
		}
	}
}
