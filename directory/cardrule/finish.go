package cardrule

import "strings"

// finish remembers the rules that one more function makes of a state, or none.
// What the function is can be seen from what is there and what is wanted.
func (s *search) finish(st *state, left int) {
	if len(s.wanted) == 0 {
		s.ask(st, left)
		return
	}
	v := st.values[:s.pairs]
	s.last(st, v)
	if left > 0 && !st.rule.has("concat") { // which has just put together what this would take apart
		s.lastWiegand(st, v)
	}
}

// last finishes with what needs no search.
func (s *search) last(st *state, v []string) {
	t := s.wanted
	is := func(f func(v, t string) bool) bool {
		for i := range v {
			if !f(v[i], t[i]) {
				return false
			}
		}
		return true
	}
	switch {
	case is(func(v, t string) bool { return v == t }):
		s.keep(st)
		s.maybePadded(st, v)
		return
	case is(func(v, t string) bool { return upper(v) == t }):
		s.keep(st, must("upper"))
	case is(func(v, t string) bool { return lower(v) == t }):
		s.keep(st, must("lower"))
	case is(func(v, t string) bool { return strings.TrimLeft(v, "0") == t }):
		s.keep(st, must("trim_left", text("0")))
	}
	s.lastTrimmed(st, v)
	switch {
	case is(func(v, t string) bool { return len(t) < len(v) && strings.Contains(v, t) }):
		s.lastPart(st, v)
	case is(func(v, t string) bool { return len(t) >= len(v) && strings.Contains(t, v) }):
		s.lastMore(st, v)
	case is(func(v, t string) bool { return len(t) == 2*len(v) }):
		s.lastEncoded(st)
	}
}

// lastTrimmed brings a number that may have leading zeros to another length.
func (s *search) lastTrimmed(st *state, v []string) {
	if !all(v, isHex) || !sameLength(s.wanted) || sameLength(v) {
		return
	}
	trimmed := make([]string, len(v))
	for i := range v {
		trimmed[i] = strings.TrimLeft(v[i], "0")
	}
	if padChar(trimmed, s.wanted, true) == "0" {
		s.keepIf(st, must("trim_left", text("0")), must("pad_left", number(len(s.wanted[0])), text("0")))
	}
}

// maybePadded adds the rule with leading zeros where no pair shows whether there
// would be any: after a conversion, when all numbers have the same length.
func (s *search) maybePadded(st *state, v []string) {
	n := len(st.rule.steps)
	if n == 0 || !strings.Contains(st.rule.steps[n-1].fn.name, "2") || !sameLength(v) || v[0][0] == '0' {
		return
	}
	s.keep(st, must("pad_left", number(len(v[0])), text("0")))
}

// sameLength reports whether all have the same length.
func sameLength(v []string) bool { return all(v, func(s string) bool { return len(s) == len(v[0]) }) }

// lastPart finds which part is wanted.
func (s *search) lastPart(st *state, v []string) {
	from := 0
	for {
		i := strings.Index(v[0][from:], s.wanted[0])
		if i < 0 {
			return
		}
		from += i
		to, length := from+len(s.wanted[0]), len(v[0])
		if from > 0 && to == length {
			s.keepIf(st, must("right", number(length-from)))
		}
		if from == 0 {
			s.keepIf(st, must("left", number(to)))
		}
		for _, a := range []int{from, from - length} {
			if to == length {
				s.keepIf(st, must("slice", number(a)))
			}
			for _, b := range []int{to, to - length} {
				if b != 0 {
					s.keepIf(st, must("slice", number(a), number(b)))
				}
			}
		}
		from++
	}
}

// lastMore finds what is added.
func (s *search) lastMore(st *state, v []string) {
	at := strings.Index(s.wanted[0], v[0])
	before, after := s.wanted[0][:at], s.wanted[0][at+len(v[0]):]
	n := number(len(s.wanted[0]))
	if c := padChar(v, s.wanted, true); c == "0" || c != "" && !sameLength(v) {
		s.keepIf(st, must("pad_left", n, text(c)))
		return
	}
	if c := padChar(v, s.wanted, false); c == "0" || c == "F" || c != "" && !sameLength(v) {
		s.keepIf(st, must("pad_right", n, text(c)))
		return
	}
	for _, in := range v {
		if len(in) < max(3, len(before)+len(after)) { // more is made up than read
			return
		}
	}
	var add []step
	if before != "" {
		add = append(add, must("prepend", text(before)))
	}
	if after != "" {
		add = append(add, must("append", text(after)))
	}
	s.keepIf(st, add...)
}

// padChar returns the one character that is added on one side to reach the same
// length, "" when there is none.
func padChar(v, t []string, left bool) string {
	if !sameLength(t) {
		return ""
	}
	c := ""
	for i := range v {
		add, ok := strings.CutSuffix(t[i], v[i])
		if !left {
			add, ok = strings.CutPrefix(t[i], v[i])
		}
		if !ok {
			return ""
		}
		if add != "" && c == "" {
			c = add[:1]
		}
		if strings.Trim(add, c) != "" {
			return ""
		}
	}
	return c
}

// lastEncoded tries other spellings of twice the length.
func (s *search) lastEncoded(st *state) { s.keepIf(st, must("ascii_encode")) }

// keepIf remembers a rule if it gives what is wanted.
func (s *search) keepIf(st *state, last ...step) {
	r := Rule{last}
	for i, want := range s.wanted {
		if out, err := r.run(st.values[i]); err != nil || out != want {
			return
		}
	}
	s.keep(st, last...)
}

// wiegands are the ways to take a card number apart, made once.
func wiegands(base string) []step {
	var all []step
	for _, f := range wiegandFormats {
		for _, in := range []string{base, base + "+parity"} {
			for _, out := range []string{"FFFNNNNN", "facility*65536+number", "number", "FFFFFNNNNNN", "facility*524288+number"} {
				if f.name == "H10301" && (out == "FFFFFNNNNNN" || out == "facility*524288+number") {
					continue
				}
				all = append(all, must("wiegand", text(f.name), text(out), text(in)))
			}
		}
	}
	return all
}

// wiegandsOf returns those for numbers like these, nil if they have too many
// bits.
func (s *search) wiegandsOf(v []string) []step {
	if s.wiegand == nil {
		s.wiegand = map[string][]step{"hex": wiegands("hex"), "dec": wiegands("dec"), "bin": wiegands("bin")}
	}
	dec, bin := true, true
	for _, n := range v {
		short := strings.TrimLeft(n, "0")
		if !isHex(n) || len(n) > 37 || len(short) > 12 && !inBase(n, 2) {
			return nil
		}
		dec, bin = dec && inBase(n, 10), bin && inBase(n, 2) && len(n) >= 24
	}
	steps := s.wiegand["hex"]
	switch {
	case bin:
		steps = s.wiegand["bin"]
	case dec:
		steps = append(steps[:len(steps):len(steps)], s.wiegand["dec"]...)
	}
	return steps
}

// lastWiegand finishes with the fields of a number, and leading zeros.
func (s *search) lastWiegand(st *state, v []string) {
	if !all(s.wanted, func(t string) bool { return inBase(t, 10) }) {
		return
	}
	for _, w := range s.wiegandsOf(v) {
		out, err := w.run(v[0])
		if err != nil || strings.TrimLeft(out, "0") != strings.TrimLeft(s.wanted[0], "0") || !takesApart(w, v) {
			continue
		}
		if next, ok := s.apply(st.values, []step{w}); ok {
			s.last(&state{rule: st.rule.then(w), values: next}, next[:s.pairs])
		}
	}
}

// takesApart reports whether a wiegand function does more to some of the numbers
// than write them in decimal.
func takesApart(w step, v []string) bool {
	return some(v, func(in string) bool {
		out, err := w.run(in)
		whole := in
		if len(w.args) < 3 { // hexadecimal, see wiegand
			whole, _ = must("hex2dec").run(in)
		}
		return err == nil && strings.TrimLeft(out, "0") != strings.TrimLeft(whole, "0")
	})
}

// ask remembers the rules whose number somebody has.
func (s *search) ask(st *state, left int) {
	s.askFor(st)
	v := st.values[:1]
	if inBase(v[0], 10) {
		for _, n := range []int{8, 10, 12} {
			if len(v[0]) < n {
				s.askFor(st, must("pad_left", number(n), text("0")))
			}
		}
		if len(v[0]) > 8 {
			s.askFor(st, must("right", number(8)))
		}
	}
	if v[0][0] == '0' && isHex(v[0]) {
		s.askFor(st, must("trim_left", text("0")))
	}
	if left == 0 || st.rule.has("concat") {
		return
	}
	for _, w := range s.wiegandsOf(v) {
		if takesApart(w, v) {
			s.askFor(st, w)
		}
	}
}

func (s *search) askFor(st *state, last ...step) {
	out, err := Rule{last}.run(st.values[0])
	if err != nil || len(out) < minKnown {
		return
	}
	is, again := s.asked[out]
	if !again {
		if len(s.asked) >= maxKnown {
			return
		}
		is = s.known(out)
		s.asked[out] = is
	}
	if is {
		s.keep(st, last...)
	}
}
