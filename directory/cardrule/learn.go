package cardrule

import (
	"cmp"
	"slices"
	"strings"
)

// Pair is one card: what the reader sends, and the number that the directory has
// for it.
type Pair struct {
	Raw    string
	Wanted string
}

// What is looked at, and how much is returned.
const (
	maxPairs    = 1000  // more do not make a rule surer
	searchPairs = 4     // a rule is made from these, the others are held against it
	maxFound    = 20    // rules that are returned
	maxStates   = 20000 // numbers on the way that are looked at
	maxKept     = 1000  // rules that are compared
	maxLearnRaw = 128   // octets; a longer number has too many parts
	maxKnown    = 2000  // numbers that LearnOne asks for
	minKnown    = 4     // characters; a shorter number belongs to somebody by chance
)

// Learn returns the rules that make of every pair's Raw its Wanted, the simplest
// first, at most 20; none when it finds none. It tries up to four functions in
// sequence (padding a hexadecimal number to whole octets counts as part of the
// conversion), with lengths, positions and texts that it takes from the pairs.
// The same pairs always give the same rules.
//
// Blanks, colons and hyphens in Wanted do not count. Nor does the case of its
// letters if no rule gives it: cards are compared without.
//
// See the package comment for how many pairs are enough.
func Learn(pairs []Pair) []Rule {
	pairs, ok := usable(pairs)
	if !ok {
		return nil
	}
	if rules := learn(pairs); len(rules) > 0 {
		return rules
	}
	for i := range pairs {
		pairs[i].Wanted = upper(pairs[i].Wanted)
	}
	return learn(pairs)
}

// LearnOne returns the rules that make of raw a number that somebody has, the
// simplest first, at most 20: for the card of a person who is known, shown once
// at a new reader. known says whether somebody has a number; it is asked at most
// 2000 times, for numbers of at least four characters.
//
// One card decides little: see the package comment.
func LearnOne(raw string, known func(candidate string) bool) []Rule {
	if raw == "" || len(raw) > maxLearnRaw {
		return nil
	}
	s := newSearch([]Pair{{Raw: raw}})
	s.known, s.asked = known, map[string]bool{}
	s.walk()
	return s.best(nil)
}

// usable returns the pairs that differ, and false if they cannot have a rule.
func usable(pairs []Pair) ([]Pair, bool) {
	wanted := map[string]string{}
	var good []Pair
	for _, p := range pairs[:min(len(pairs), maxPairs)] {
		p.Wanted = remove(p.Wanted, ":-"+blanks)
		if p.Raw == "" || p.Wanted == "" || len(p.Raw) > maxLearnRaw || len(p.Wanted) > maxLearnRaw {
			return nil, false
		}
		before, again := wanted[p.Raw]
		if again && !strings.EqualFold(before, p.Wanted) {
			return nil, false
		}
		if !again {
			wanted[p.Raw] = p.Wanted
			good = append(good, p)
		}
	}
	return good, len(good) > 0
}

// learn is Learn for pairs that are usable.
func learn(pairs []Pair) []Rule {
	s := newSearch(telling(pairs))
	s.walk()
	return s.best(pairs)
}

// telling returns the pairs from which a rule can best be read: of different
// lengths if there are such, and with zeros at the start.
func telling(pairs []Pair) []Pair {
	kind := func(p Pair) [4]int {
		zero := func(s string) int { return len(s) - len(strings.TrimLeft(s, "0")) }
		return [4]int{len(p.Raw), len(p.Wanted), zero(p.Raw), zero(p.Wanted)}
	}
	var first, others []Pair
	seen := map[[4]int]bool{}
	for _, p := range pairs {
		if k := kind(p); !seen[k] {
			seen[k] = true
			first = append(first, p)
		} else {
			others = append(others, p)
		}
	}
	first = append(first, others...)
	return first[:min(len(first), searchPairs)]
}

// best returns what was found and fits all pairs.
func (s *search) best(pairs []Pair) []Rule {
	slices.SortFunc(s.found, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.cost, b.cost), cmp.Compare(len(a.text), len(b.text)), strings.Compare(a.text, b.text))
	})
	var rules []Rule
	var kept []*found
	for i := range s.found {
		f := &s.found[i]
		if len(rules) == maxFound {
			break
		}
		if slices.ContainsFunc(kept, f.likes) || !f.rule.fits(pairs) {
			continue
		}
		kept, rules = append(kept, f), append(rules, f.rule)
	}
	return rules
}

func (r Rule) fits(pairs []Pair) bool {
	for _, p := range pairs {
		if out, err := r.Apply(p.Raw); err != nil || out != p.Wanted {
			return false
		}
	}
	return true
}

// costs says how simple a function is to an administrator. One that brings a
// text of its own, or takes a part, explains less and fits more by chance.
var costs = map[string]int{
	"upper": 6, "lower": 6, "trim": 6, "remove": 7, "pad_left": 8, "pad_right": 9, "trim_left": 9,
	"reverse_bytes": 10, "hex2dec": 10, "dec2hex": 10, "ascii_decode": 10, "strip_prefix": 10, "strip_suffix": 10,
	"right": 12, "left": 12, "ascii_encode": 12, "reverse_bits": 13, "reverse_nibbles": 13, "reverse": 13,
	"bin2dec": 12, "bin2hex": 12, "dec2bin": 12, "hex2bin": 12,
	"regex": 11, "slice": 14, "wiegand": 15, "prepend": 16, "append": 16, "concat": 20,
}

func (r Rule) cost() int {
	n := 0
	for _, s := range r.steps {
		n += costs[s.fn.name]
		for _, a := range s.args {
			if a.n%2 != 0 { // half an octet
				n += 3
			}
		}
	}
	return n
}
