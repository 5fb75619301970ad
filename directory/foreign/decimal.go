package foreign

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
)

// Decimal is an amount exactly as it was written: Digits / 10^Scale.
type Decimal struct {
	Digits int64
	Scale  int // 0..18; the last digit behind the mark is not 0
}

var (
	errNoAmount  = errors.New("it is not an amount")
	errAmbiguous = errors.New("its mark may be of thousands or of decimals")
)

// amount is digits with marks; which mark is which is found out later.
var amount = regexp.MustCompile(`^([+-]?)([0-9]{1,18}(?:[.,][0-9]+)*)$`)

// ParseDecimal reads an amount with a comma or a point. 1.234,50 and 1,234.50
// are one; 1,234 alone may be two things and is refused.
func ParseDecimal(text string) (Decimal, error) {
	m := amount.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return Decimal{}, errNoAmount
	}
	whole, rest, err := splitAmount(m[2])
	if err != nil {
		return Decimal{}, err
	}
	rest = strings.TrimRight(rest, "0")
	n, err := strconv.ParseInt(m[1]+whole+rest, 10, 64)
	if err != nil || len(rest) > 18 {
		return Decimal{}, errNoAmount
	}
	return Decimal{n, len(rest)}, nil
}

// splitAmount returns the digits before and behind the decimal mark.
func splitAmount(s string) (whole, rest string, err error) {
	last := strings.LastIndexAny(s, ".,")
	if last < 0 {
		return s, "", nil
	}
	mark := s[last : last+1]
	other := strings.Trim(".,", mark)
	head, tail := s[:last], s[last+1:]
	switch {
	case strings.Contains(head, mark): // 1.234.567
		whole, ok := ungroup(s, mark)
		return whole, "", orNone(ok)
	case strings.Contains(head, other): // 1.234,50
		whole, ok := ungroup(head, other)
		return whole, tail, orNone(ok)
	case len(tail) == 3 && len(head) <= 3 && head[0] != '0':
		return "", "", errAmbiguous
	}
	return head, tail, nil
}

func orNone(ok bool) error {
	if ok {
		return nil
	}
	return errNoAmount
}

// ungroup joins groups of three digits.
func ungroup(s, mark string) (string, bool) {
	groups := strings.Split(s, mark)
	for i, g := range groups {
		if i > 0 && len(g) != 3 || len(g) > 3 || strings.Trim(g, "0123456789") != "" {
			return "", false
		}
	}
	return strings.Join(groups, ""), true
}

// Minor returns the amount in minor units of a currency that has this many
// digits behind the mark; false when it would have to be rounded or is too
// large.
func (d Decimal) Minor(digits int) (int64, bool) {
	if d.Scale > digits {
		return 0, false
	}
	n := d.Digits
	for range digits - d.Scale {
		if n > 1<<62/10 || n < -(1<<62/10) {
			return 0, false
		}
		n *= 10
	}
	return n, true
}
