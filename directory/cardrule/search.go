package cardrule

import "strings"

// search looks for rules by trying functions one after the other on all numbers
// at once: those of the pairs, and made-up ones like them, which show whether two
// rules differ. What gives the same numbers is followed once.
type search struct {
	pairs  int      // how many of a state's numbers are those of pairs
	wanted []string // of the pairs; empty in LearnOne
	start  []string
	seen   map[string]bool
	found  []found

	known func(string) bool // in LearnOne
	asked map[string]bool   // and what it said

	wiegand map[string][]step // by base, made once
}

// found is a rule with what it does.
type found struct {
	rule Rule
	text string
	cost int
	does []string // the numbers it makes
}

// state is a rule on the way with the numbers that it makes.
type state struct {
	rule   Rule
	values []string
	cut    bool   // a part has been taken, or taking one now is the same as before
	last   string // the function that the last move began with
}

// move is what may come next: one function, or one and the padding that belongs
// to it.
type move struct {
	steps []step
	cut   bool // as in state
}

// failed stands for a made-up number that does not fit the rule.
const failed = "\xff"

// depth is how many moves there are before the last one.
const depth = 3

func newSearch(pairs []Pair) *search {
	s := &search{pairs: len(pairs), seen: map[string]bool{}}
	for _, p := range pairs {
		s.start = append(s.start, p.Raw)
		if p.Wanted != "" {
			s.wanted = append(s.wanted, p.Wanted)
		}
	}
	s.start = append(s.start, variations(s.start)...)
	return s
}

// walk tries everything, the shorter first.
func (s *search) walk() {
	level := []state{{values: s.start}}
	s.seen[key(s.start)] = true
	for left := depth; ; left-- {
		for i := range level {
			s.finish(&level[i], left)
		}
		if left == 0 {
			return
		}
		var next []state
		for i := range level {
			for _, m := range s.moves(&level[i], left) {
				if st, ok := s.follow(&level[i], m); ok {
					next = append(next, st)
				}
			}
		}
		level = next
	}
}

// follow makes a move, unless it leads nowhere or to where another led.
func (s *search) follow(st *state, m move) (state, bool) {
	values, ok := s.apply(st.values, m.steps)
	if !ok || len(s.seen) >= maxStates {
		return state{}, false
	}
	k := key(values)
	if s.seen[k] {
		return state{}, false
	}
	s.seen[k] = true
	return state{st.rule.then(m.steps...), values, st.cut || m.cut, m.steps[0].fn.name}, true
}

// apply returns what functions make of numbers. Those of pairs must fit.
func (s *search) apply(values []string, steps []step) ([]string, bool) {
	out := make([]string, len(values))
	r := Rule{steps}
	for i, v := range values {
		if v != failed {
			to, err := r.run(v)
			if err != nil || to == "" {
				to = failed
			}
			v = to
		}
		if v == failed && i < s.pairs {
			return nil, false
		}
		out[i] = v
	}
	return out, true
}

// keep remembers a rule that fits.
func (s *search) keep(st *state, last ...step) {
	if len(s.found) >= maxKept {
		return
	}
	values, ok := s.apply(st.values, last)
	if !ok {
		return
	}
	r := st.rule.then(last...)
	if r.check() != nil {
		return
	}
	s.found = append(s.found, found{r, r.String(), r.cost(), values})
}

// likes reports whether two rules make the same of all numbers that both can
// read, and there are some.
func (f *found) likes(other *found) bool {
	both := 0
	for i, v := range f.does {
		switch {
		case v == failed || other.does[i] == failed:
		case v != other.does[i]:
			return false
		default:
			both++
		}
	}
	return both > 0
}

func key(values []string) string { return strings.Join(values, "\xfe") }

// variations returns made-up numbers like those given: with other digits, with
// zeros at the start, with zeros at the end.
func variations(raws []string) []string {
	const many = 12
	out := make([]string, 0, many)
	seed := uint32(1)
	for i := range many {
		raw := raws[i%len(raws)]
		if hidden, err := asciiDecode(raw); err == nil && all(raws, isASCIIHex) {
			shown, _ := asciiEncode(vary(hidden, i, &seed)) // never fails
			out = append(out, shown)
			continue
		}
		out = append(out, vary(raw, i, &seed))
	}
	return out
}

// vary replaces the digits of one number by digits of the same base. A decimal
// number does not get much larger, because it has a number of bits.
func vary(raw string, i int, seed *uint32) string {
	base := uint32(16)
	plain := strings.Map(func(r rune) rune {
		if strings.ContainsRune(hexDigits, r) {
			return r
		}
		return -1
	}, raw)
	switch {
	case inBase(plain, 2) && len(plain) > 12:
		base = 2
	case inBase(plain, 10):
		base = 10
	}
	zeros := []int{0, 2, -2, 4}[i%4]
	b := []byte(raw)
	first := true
	for j, c := range b {
		d, ok := nibble(c)
		if !ok {
			continue
		}
		*seed = *seed*1664525 + 1013904223 // Numerical Recipes, chapter 7
		n := byte(*seed >> 16 % base)
		if first && d > 0 {
			n, first = min(n, d), false
		}
		if j < zeros || zeros < 0 && j >= len(b)+zeros {
			n = 0
		}
		b[j] = capitals[n]
		if c >= 'a' && n > 9 {
			b[j] += 'a' - 'A'
		}
	}
	return string(b)
}

func all(values []string, is func(string) bool) bool {
	for _, v := range values {
		if !is(v) {
			return false
		}
	}
	return true
}

func some(values []string, is func(string) bool) bool {
	return !all(values, func(s string) bool { return !is(s) })
}

// isASCIIHex reports whether s is the characters of a card number, each written
// as two hexadecimal digits.
func isASCIIHex(s string) bool {
	out, err := asciiDecode(s)
	return err == nil && len(out) >= 4 && remove(out, hexDigits) == ""
}
