package cardrule

import (
	"regexp"
	"slices"
	"strings"
)

// moves lists what may sensibly come after a state; left is how many moves there
// may still be, with this one. Taking a part is never the last of them, because
// finish finds out which part is wanted.
func (s *search) moves(st *state, left int) []move {
	v := st.values[:s.pairs]
	if st.rule.has("hex2dec") || st.rule.has("bin2dec") { // a decimal number is the end of the way
		return nil
	}
	m := clean(v)
	for _, next := range append(rebase(v), turn(v)...) {
		name := next.steps[0].fn.name
		if !st.rule.has(name) && (name != "hex2dec" || !strings.HasSuffix(st.last, "2hex")) {
			m = append(m, next)
		}
	}
	if left > 1 && !st.cut {
		m = append(m, s.parts(v)...)
	}
	return m
}

func one(steps ...step) move { return move{steps: steps} }

// final is a move after which taking a part is the same as before it, or for the
// end.
func final(steps ...step) move { return move{steps: steps, cut: true} }

// clean lists what takes away what is no digit.
func clean(v []string) []move {
	var m []move
	if some(v, func(s string) bool { return strings.Trim(s, blanks) != s }) {
		m = append(m, one(must("trim")))
	}
	if set := edges(v); set != "" {
		m = append(m, one(must("trim", text(set))))
	}
	if set := separators(v); set != "" {
		m = append(m, one(must("remove", text(set))))
		m = append(m, fields(v, set)...)
	}
	return m
}

func isSign(r rune) bool {
	return r > ' ' && r <= '~' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
}

// edges returns the signs around the numbers, in the order of their codes.
func edges(v []string) string {
	var set []rune
	for _, s := range v {
		inner := strings.TrimFunc(s, isSign)
		if at := strings.Index(s, inner); inner != "" {
			set = append(set, []rune(s[:at]+s[at+len(inner):])...)
		}
	}
	slices.Sort(set)
	return string(slices.Compact(set))
}

// separators returns the signs and blanks that are within every number.
func separators(v []string) string {
	var set []byte
	for c := byte(' '); c <= '~'; c++ {
		within := func(s string) bool { return strings.IndexByte(strings.TrimFunc(s, isSign), c) > 0 }
		if (c == ' ' || isSign(rune(c))) && all(v, within) && len(set) < 3 {
			set = append(set, c)
		}
	}
	return string(set)
}

// fields lists the parts between separators.
func fields(v []string, set string) []move {
	var m []move
	for _, c := range []byte(set) {
		n := 4
		for _, s := range v {
			n = min(n, strings.Count(s, string(c))+1)
		}
		sign, other := regexp.QuoteMeta(string(c)), "[^"+string(c)+"]*"
		if strings.IndexByte(`\]^-`, c) >= 0 {
			other = `[^\` + string(c) + "]*"
		}
		for i := range n {
			m = append(m, one(must("regex", text("^"+strings.Repeat(other+sign, i)+"("+other+")"))))
		}
	}
	return m
}

// octets are the lengths of hexadecimal numbers that cards have: 24 bits, UIDs
// of 4, 7, 8 and 10 octets, and the 5 of EM4100.
var octets = []int{6, 8, 10, 14, 16, 20}

// rebase lists other bases.
func rebase(v []string) []move {
	var m []move
	if all(v, isHex) {
		m = append(m, final(must("hex2dec")))
	}
	if all(v, func(s string) bool { return inBase(s, 10) }) {
		m = append(m, padded16("dec2hex", v)...)
		m = append(m, facilityAndNumber(v)...)
	}
	if all(v, func(s string) bool { return inBase(s, 2) && len(s) > 12 }) {
		m = append(m, final(must("bin2dec")))
		m = append(m, padded16("bin2hex", v)...)
	}
	if all(v, isASCIIHex) {
		m = append(m, one(must("ascii_decode")))
	}
	return m
}

// padded16 is a conversion to hexadecimal, as it is and with the zeros of whole
// octets.
func padded16(name string, v []string) []move {
	s := must(name)
	m := []move{one(s)}
	longest := 0
	for _, in := range v {
		if out, err := s.run(in); err == nil {
			longest = max(longest, len(out))
		}
	}
	for _, n := range octets {
		if n >= longest && len(m) < 3 {
			m = append(m, one(s, must("pad_left", number(n), text("0"))))
		}
	}
	return m
}

// facilityAndNumber puts the 24 bits together that a reader has taken apart, three
// digits and five.
func facilityAndNumber(v []string) []move {
	s := must("concat",
		ruled(Rule{[]step{must("slice", number(0), number(-5)), must("dec2hex"), must("pad_left", number(2), text("0"))}}),
		ruled(Rule{[]step{must("right", number(5)), must("dec2hex"), must("pad_left", number(4), text("0"))}}))
	if !all(v, func(in string) bool {
		out, err := s.run(in)
		return err == nil && len(out) == 6 && len(in) >= 6 && len(in) <= 8
	}) {
		return nil
	}
	return []move{final(s)}
}

// turn lists other orders.
func turn(v []string) []move {
	var m []move
	if all(v, func(s string) bool { return len(s)%2 == 0 && isHex(s) }) {
		m = append(m, final(must("reverse_bytes")), final(must("reverse_bits")), final(must("reverse_nibbles")))
	}
	return append(m, final(must("reverse")))
}

// parts lists the parts of numbers that may be the card's: at the end, at the
// start, and of hexadecimal numbers whole octets in between.
func (s *search) parts(v []string) []move {
	shortest, longest := len(v[0]), 0
	for _, s := range v {
		shortest, longest = min(shortest, len(s)), max(longest, len(s))
	}
	equal := shortest == longest
	var m []move
	part := func(name string, args ...value) {
		m = append(m, final(must(name, args...)))
	}
	for n := shortest - 1; n >= 4; n-- {
		if s.usualPart(n, shortest) {
			part("right", number(n))
			part("left", number(n))
		}
	}
	for n := 1; n <= 4 && !equal && n < shortest; n++ {
		part("slice", number(n))
		part("slice", number(0), number(-n))
	}
	for from := 2; from < shortest-4 && equal && shortest <= 32 && all(v, isHex); from += 2 {
		for to := from + 4; to < shortest; to += 2 {
			if s.usualPart(to-from, shortest) {
				part("slice", number(from), number(to))
			}
		}
	}
	return m
}

// usualPart leaves out, when nothing is wanted by which parts could be judged,
// those that no reader takes.
func (s *search) usualPart(n, whole int) bool {
	if len(s.wanted) > 0 {
		return n >= 4 && n <= 40
	}
	return slices.Contains(octets, n) || n == whole-1 || n == whole-2
}
