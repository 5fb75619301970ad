package cardrule

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode"

	"platen/fault"
)

// What is read of a list of pairs.
const (
	maxPairsText = 1 << 20 // octets in all
	maxPairsLine = 4096    // octets of a line
)

// ReadPairs reads a line for each card: what the reader sends, a blank, and the
// number that the card has in the directory. Empty lines and those that begin with #
// are for people. The error is a fault.Error of kind Invalid that names the line and
// never a number, or what reading from r has said.
func ReadPairs(r io.Reader) ([]Pair, error) {
	var pairs []Pair
	lines := bufio.NewScanner(io.LimitReader(r, maxPairsText))
	lines.Buffer(nil, maxPairsLine)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimFunc(lines.Text(), unseen)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		i := strings.LastIndexFunc(line, unicode.IsSpace)
		if i < 0 {
			return nil, &fault.Error{Op: "cardrule.ReadPairs", Kind: fault.Invalid,
				Text: "Line %d has one number: each needs what the reader sends, a blank, and the number of the card.", Args: []any{n}}
		}
		pairs = append(pairs, Pair{Raw: strings.TrimFunc(line[:i], unseen), Wanted: strings.TrimFunc(line[i:], unseen)})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("cardrule.ReadPairs: %w", err)
	}
	return pairs, nil
}

// unseen is what stands around numbers: blanks, and the mark that some programs put
// at the start of a file.
func unseen(r rune) bool { return unicode.IsSpace(r) || r == '\uFEFF' }

// Certainty says how far the rules that were found can be relied on.
type Certainty string

// How sure a rule is.
const (
	NoRule    Certainty = "none"   // none fits
	Undecided Certainty = "open"   // several fit, and one more card decides
	Likely    Certainty = "likely" // one fits, but few cards say so
	Sure      Certainty = "sure"   // one fits, and enough cards say so
)

// enoughPairs are enough for the usual readers; see the package comment.
const enoughPairs = 3

// Judge says how sure the rules are that Learn has found for these pairs, or LearnOne
// for the Raw of one.
func Judge(pairs []Pair, rules []Rule) Certainty {
	cards := map[string]bool{}
	for _, p := range pairs {
		cards[p.Raw] = true
	}
	switch {
	case len(rules) == 0:
		return NoRule
	case len(rules) > 1:
		return Undecided
	case len(cards) < enoughPairs:
		return Likely
	}
	return Sure
}

// Stage is a function of a rule, and what it has made of a number.
type Stage struct {
	Function string `json:"function"`
	Value    string `json:"value"`
}

// Trace returns what each function of the pipeline makes of what a reader sent, in
// order, up to the one that cannot go on.
func (r Rule) Trace(raw string) ([]Stage, error) {
	var list []Stage
	for _, s := range r.Steps() {
		var err error
		if raw, err = s.Apply(raw); err != nil {
			return list, err
		}
		list = append(list, Stage{s.String(), raw})
	}
	return list, nil
}
