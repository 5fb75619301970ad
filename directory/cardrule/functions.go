package cardrule

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
)

// function is one of those that a rule is made of.
type function struct {
	name   string
	usage  string // an example, for those who wrote it wrongly
	params string // t text, n number, r rule; what stands behind ? may be missing, the last before * comes any number of times
	make   func(args []value) (run, []value, bool)
}

// run does a function's work.
type run func(string) (string, error)

// plain makes a function that has no arguments.
func plain(name string, f func(string) (string, error)) function {
	return function{name: name, usage: name, make: func([]value) (run, []value, bool) { return f, nil, true }}
}

// functions are all there are, by name.
var functions = []function{
	{"append", `append("AB")`, "t", func(a []value) (run, []value, bool) {
		return func(s string) (string, error) { return s + a[0].text, nil }, a, true
	}},
	plain("ascii_decode", asciiDecode),
	plain("ascii_encode", asciiEncode),
	rebased("bin2dec", 2, 10),
	rebased("bin2hex", 2, 16),
	{"concat", `concat(left(2), slice(2) | hex2dec)`, "rr*", concat},
	{"const", `const("AB")`, "t", func(a []value) (run, []value, bool) {
		return func(string) (string, error) { return a[0].text, nil }, a, true
	}},
	rebased("dec2bin", 10, 2),
	rebased("dec2hex", 10, 16),
	{"first", `first(ascii_decode, keep)`, "rr*", first},
	rebased("hex2bin", 16, 2),
	rebased("hex2dec", 16, 10),
	plain("keep", func(s string) (string, error) { return s, nil }),
	{"left", `left(8)`, "n", func(a []value) (run, []value, bool) {
		return func(s string) (string, error) { return cut(s, 0, a[0].n), nil }, a, a[0].n > 0
	}},
	plain("lower", func(s string) (string, error) { return lower(s), nil }),
	{"pad_left", `pad_left(10, "0")`, "nt", func(a []value) (run, []value, bool) {
		return func(s string) (string, error) { return padding(s, a) + s, nil }, a, padded(a)
	}},
	{"pad_right", `pad_right(10, "F")`, "nt", func(a []value) (run, []value, bool) {
		return func(s string) (string, error) { return s + padding(s, a), nil }, a, padded(a)
	}},
	{"prepend", `prepend("AB")`, "t", func(a []value) (run, []value, bool) {
		return func(s string) (string, error) { return a[0].text + s, nil }, a, true
	}},
	{"regex", "regex(`^(\\d{8})`, 1)", "t?n", pattern},
	{"remove", `remove(":- ")`, "t", func(a []value) (run, []value, bool) {
		return func(s string) (string, error) { return remove(s, a[0].text), nil }, a, a[0].text != ""
	}},
	plain("reverse", reverse),
	{"reverse_bits", `reverse_bits`, "?t", func(a []value) (run, []value, bool) {
		return reverseBits, nil, len(a) == 0 || a[0].text == "byte" // there is no other kind
	}},
	plain("reverse_bytes", reverseBytes),
	plain("reverse_nibbles", reverseNibbles),
	{"right", `right(8)`, "n", func(a []value) (run, []value, bool) {
		return func(s string) (string, error) { return cut(s, -a[0].n, len(s)), nil }, a, a[0].n > 0
	}},
	{"slice", `slice(2, -2)`, "n?n", func(a []value) (run, []value, bool) {
		if len(a) == 1 {
			return func(s string) (string, error) { return cut(s, a[0].n, len(s)), nil }, a, true
		}
		return func(s string) (string, error) { return cut(s, a[0].n, a[1].n), nil }, a, true
	}},
	{"strip_prefix", `strip_prefix(";0")`, "t", func(a []value) (run, []value, bool) {
		return func(s string) (string, error) { return strings.TrimPrefix(s, a[0].text), nil }, a, true
	}},
	{"strip_suffix", `strip_suffix("?")`, "t", func(a []value) (run, []value, bool) {
		return func(s string) (string, error) { return strings.TrimSuffix(s, a[0].text), nil }, a, true
	}},
	trimming("trim", strings.Trim),
	trimming("trim_left", strings.TrimLeft),
	trimming("trim_right", strings.TrimRight),
	plain("upper", func(s string) (string, error) { return upper(s), nil }),
	{"when", "when(`=`, regex(`^([^=]+)=`))", "tr", when},
	{"wiegand", `wiegand("H10301", "FFFNNNNN", "hex")`, "tt?t", wiegand},
}

// Functions returns the names of all functions, separated by commas.
func Functions() string {
	names := make([]string, len(functions))
	for i := range functions {
		names[i] = functions[i].name
	}
	return strings.Join(names, ", ")
}

// find returns the function of a name, or nil.
func find(name string) *function {
	i, ok := slices.BinarySearchFunc(functions, name, func(f function, name string) int { return strings.Compare(f.name, name) })
	if !ok {
		return nil
	}
	return &functions[i]
}

// param returns the kind of the i-th argument, 0 if there can be none.
func (f *function) param(i int) byte {
	kinds := strings.ReplaceAll(f.params, "?", "")
	if rest, many := strings.CutSuffix(kinds, "*"); many {
		kinds = rest
		i = min(i, len(kinds)-1)
	}
	if i >= len(kinds) {
		return 0
	}
	return kinds[i]
}

// least returns how many arguments there must be.
func (f *function) least() int {
	required, _, _ := strings.Cut(f.params, "?")
	return len(strings.TrimSuffix(required, "*"))
}

// with returns the function with its arguments, in their canonical form.
func (f *function) with(args ...value) (step, error) {
	if len(args) < f.least() {
		return step{}, f.misused()
	}
	for _, a := range args {
		if len(a.text) > maxArg || a.n > maxValue || a.n < -maxValue {
			return step{}, f.misused()
		}
	}
	if f.name == "regex" || f.name == "when" {
		if _, err := regexp.Compile(args[0].text); err != nil {
			return step{}, badPattern(args[0].text, err)
		}
	}
	run, args, ok := f.make(args)
	if !ok {
		return step{}, f.misused()
	}
	return step{f, args, run}, nil
}

func (f *function) misused() error {
	return refuse("The card number function %s is written like this: %s.", f.name, f.usage)
}

// badPattern is the error of a pattern that package regexp does not take.
func badPattern(pattern string, err error) error {
	var s *syntax.Error
	if errors.As(err, &s) {
		return refuse("The pattern %q cannot be used: %s.", pattern, string(s.Code)+" "+strconv.Quote(s.Expr))
	}
	return refuse("The pattern %q cannot be used: %s.", pattern, err)
}

// must is with for arguments that are known to be right.
func must(name string, args ...value) step {
	s, err := find(name).with(args...)
	if err != nil {
		return must("keep")
	}
	return s
}

// blanks are what readers send around a number.
const blanks = " \t\r\n\x00"

func trimming(name string, f func(s, set string) string) function {
	return function{name, name + `(";?")`, "?t", func(a []value) (run, []value, bool) {
		set := blanks
		if len(a) == 1 && a[0].text != blanks {
			set = a[0].text
		} else {
			a = nil
		}
		return func(s string) (string, error) { return f(s, set), nil }, a, set != ""
	}}
}

// pattern is the function regex. A pattern is compiled once.
func pattern(a []value) (run, []value, bool) {
	re, err := regexp.Compile(a[0].text)
	if err != nil {
		return nil, nil, false
	}
	group := min(1, re.NumSubexp())
	if len(a) == 2 && a[1].n != group {
		group = a[1].n
	} else {
		a = a[:1]
	}
	return func(s string) (string, error) {
		m := re.FindStringSubmatchIndex(s)
		if m == nil || m[2*group] < 0 {
			return "", misfit("This card number does not fit the rule of its reader: it has nothing of the pattern of %s.", "regex")
		}
		return s[m[2*group]:m[2*group+1]], nil
	}, a, group >= 0 && group <= re.NumSubexp()
}

// concat gives each rule the same text and joins what they return.
func concat(a []value) (run, []value, bool) {
	return func(s string) (string, error) {
		var b strings.Builder
		for _, r := range a {
			out, err := r.rule.run(s)
			if err != nil {
				return "", err
			}
			b.WriteString(out)
		}
		return b.String(), nil
	}, a, true
}

// first returns what the first rule returns that fits.
func first(a []value) (run, []value, bool) {
	return func(s string) (out string, err error) {
		for _, r := range a {
			if out, err = r.rule.run(s); err == nil {
				return out, nil
			}
		}
		return "", err
	}, a, true
}

// when uses its rule for texts in which its pattern is, and leaves others as
// they are.
func when(a []value) (run, []value, bool) {
	re, err := regexp.Compile(a[0].text)
	if err != nil {
		return nil, nil, false
	}
	return func(s string) (string, error) {
		if !re.MatchString(s) {
			return s, nil
		}
		return a[1].rule.run(s)
	}, a, true
}

// cut returns s[from:to] of what is there; negative positions count from the
// end.
func cut(s string, from, to int) string {
	if from < 0 {
		from += len(s)
	}
	if to < 0 {
		to += len(s)
	}
	from, to = max(0, min(from, len(s))), max(0, min(to, len(s)))
	if from >= to {
		return ""
	}
	return s[from:to]
}

// padding returns what s lacks; a is its length and the character to add.
func padding(s string, a []value) string {
	return strings.Repeat(a[1].text, max(0, a[0].n-len(s)))
}

func padded(a []value) bool {
	return a[0].n > 0 && len(a[1].text) == 1 && a[1].text > " " && a[1].text < "\x7f"
}

// remove takes all characters of a set away.
func remove(s, set string) string {
	b := make([]byte, 0, len(s))
	for _, c := range []byte(s) {
		if strings.IndexByte(set, c) < 0 {
			b = append(b, c)
		}
	}
	return string(b)
}

// upper and lower know the letters that cards have, and leave every other octet
// as it is.
func upper(s string) string { return letters(s, 'a', 'z', 'A') }
func lower(s string) string { return letters(s, 'A', 'Z', 'a') }

func letters(s string, from, to, become byte) string {
	b := []byte(s)
	for i, c := range b {
		if c >= from && c <= to {
			b[i] = c - from + become
		}
	}
	return string(b)
}
