package lpd

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// Encodings of names that are not UTF-8.
const (
	windows1252 = "windows-1252"
	ibm850      = "ibm850"
)

// Lengths to which RFC 1179, section 7, limits names, in octets. Clients cut
// there, sometimes in the middle of a character.
const (
	maxHost  = 31
	maxUser  = 31
	maxJob   = 99
	maxName  = 131
	maxTitle = 79
)

// Longest texts of a ticket in octets: name(255) and text(1023) of RFC 8011,
// section 5.1.
const (
	maxNameText = 255
	maxLongText = 1023
)

// decode makes text of a client's octets: valid UTF-8, one line, nothing that
// moves a cursor. limit is the length at which clients cut this field.
func decode(raw, encoding string, limit int) string {
	s, ok := asUTF8(raw, limit)
	if !ok {
		s = fromCodePage(raw, encoding)
	}
	return cut(tidy(s), maxNameText)
}

// asUTF8 returns raw without a character that was cut at its end. A last
// octet that could begin a character is a cut one only where clients cut, or
// after other characters of several octets: "Ren\xe9" is code page 1252.
func asUTF8(raw string, limit int) (string, bool) {
	if utf8.ValidString(raw) {
		return raw, true
	}
	whole := raw
	for i, r := range raw {
		if r == utf8.RuneError && !strings.HasPrefix(raw[i:], "\uFFFD") {
			whole = raw[:i]
			break
		}
	}
	if utf8.FullRuneInString(raw[len(whole):]) {
		return "", false // wrong, not cut
	}
	return whole, len(raw) == limit || utf8.RuneCountInString(whole) < len(whole)
}

func fromCodePage(raw, encoding string) string {
	page := charmap.Windows1252
	if encoding == ibm850 {
		page = charmap.CodePage850
	}
	var b strings.Builder
	for i := range len(raw) {
		b.WriteRune(page.DecodeByte(raw[i]))
	}
	return b.String()
}

// tidy removes what has no business in a name: control characters, which
// forge lines in logs and PJL, and the overrides that show a name backwards.
func tidy(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case unicode.IsControl(r),
			r >= 0x2028 && r <= 0x202E, // line and paragraph separators, bidirectional embeddings
			r >= 0x2066 && r <= 0x2069: // bidirectional isolates
			return -1
		}
		return r
	}, s))
}

// cut returns at most n octets of s and never half a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
