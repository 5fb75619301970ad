package cardrule

import "strings"

// myq has the commands of docs.myq-solution.com, "ID card transformation
// commands" (Print Server 8.2 and 10.1).
var myq = foreign{vendor: "MyQ", functions: map[string]foreignFunction{
	"ltrim":   {"ltrim(2)", "n", func(a []value) []step { return sliced(a[0].n, 0) }},
	"rtrim":   {"rtrim(2)", "n", func(a []value) []step { return sliced(0, a[0].n) }},
	"mid":     {"mid(2,2)", "nn", func(a []value) []step { return sliced(a[0].n, a[1].n) }},
	"left":    {"left(2)", "n", func(a []value) []step { return []step{must("slice", number(0), a[0])} }},
	"right":   {"right(2)", "n", func(a []value) []step { return right(a[0].n) }},
	"prepend": {"prepend(AB)", "s", func(a []value) []step { return []step{must("prepend", a...)} }},
	"append":  {"append(AB)", "s", func(a []value) []step { return []step{must("append", a...)} }},
	"lpad":    {"lpad(12,0)", "nc", func(a []value) []step { return padLeft(a[0], a[1]) }},
	"hex2dec": same("hex2dec()", "hex2dec"),
	"dec2hex": same("dec2hex()", "dec2hex"),
	"hex2bin": same("hex2bin()", "hex2bin"),
	"bin2hex": same("bin2hex()", "bin2hex"),
	"dec2bin": same("dec2bin()", "dec2bin"),
	"bin2dec": same("bin2dec()", "bin2dec"),
	"reverse": same("reverse()", "reverse_bytes"),
}}

// FromMyQ reads a card transformation of MyQ: commands in the order in which
// they apply. What may stand between two commands is not published and means
// nothing here: blanks, line ends, commas and semicolons are all the same.
//
// What reverse makes of an odd number of characters is not published; such a
// card number is refused when it comes.
func FromMyQ(text string) (Rule, error) {
	if len(text) > maxText {
		return Rule{}, refuse("A card number rule has at most %d characters.", maxText)
	}
	const between = " \t\r\n,;"
	var r Rule
	rest := strings.Trim(text, between)
	for rest != "" {
		c, after, err := myq.next(rest)
		if err != nil {
			return Rule{}, err
		}
		steps, err := myq.steps(c)
		if err != nil {
			return Rule{}, err
		}
		r = r.then(steps...)
		rest = strings.TrimLeft(after, between)
	}
	return imported(r)
}

// sliced takes characters away at the start and at the end.
func sliced(start, end int) []step {
	switch {
	case start == 0 && end == 0:
		return nil
	case end == 0:
		return []step{must("slice", number(start))}
	default:
		return []step{must("slice", number(start), number(-end))}
	}
}

// right is the last n characters, which may be none.
func right(n int) []step {
	if n == 0 {
		return []step{must("slice", number(0), number(0))}
	}
	return []step{must("right", number(n))}
}

// padLeft is pad_left, which knows no length of nothing.
func padLeft(n, c value) []step {
	if n.n == 0 {
		return nil
	}
	return []step{must("pad_left", n, c)}
}
