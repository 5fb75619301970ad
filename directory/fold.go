package directory

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold brings a name to the one form in which names of people are stored and
// compared: compatibility composition (a full-width letter is the letter), no
// case (not by locale: a Turkish I folds like everyone's), no control
// characters, no white space around it. Fold(Fold(s)) is Fold(s).
func Fold(s string) string {
	s = strings.ToValidUTF8(s, "")
	s = norm.NFKC.String(cases.Fold().String(norm.NFKC.String(s)))
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) { // joiners and marks nobody sees
			return -1
		}
		return r
	}, s)
	return norm.NFKC.String(strings.TrimSpace(s))
}
