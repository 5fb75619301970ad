package directory

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Fold brings a name to the one form in which names of people are stored and
// compared: compatibility composition (a full-width letter is the letter),
// simple case folding (by no locale: a Turkish I folds like everyone's), no
// control or invisible format characters, no white space around it.
// Fold(Fold(s)) is Fold(s).
func Fold(s string) string {
	s = strings.ToValidUTF8(s, "")
	for range 4 { // composing may make a letter that folds, and folding one that composes
		next := strings.TrimSpace(norm.NFKC.String(strings.Map(foldRune, norm.NFKC.String(s))))
		if next == s {
			break
		}
		s = next
	}
	return s
}

// foldRune returns the same letter for all that differ only in case, and drops
// what nobody can see.
func foldRune(r rune) rune {
	if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
		return -1
	}
	first := r
	for x := unicode.SimpleFold(r); x != r; x = unicode.SimpleFold(x) {
		first = min(first, x)
	}
	if lower := unicode.ToLower(first); sameLetter(lower, first) {
		return lower
	}
	return first
}

// sameLetter reports whether simple case folding takes a to b.
func sameLetter(a, b rune) bool {
	for x := unicode.SimpleFold(a); ; x = unicode.SimpleFold(x) {
		if x == b {
			return true
		}
		if x == a {
			return false
		}
	}
}
