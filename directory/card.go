package directory

import (
	"strings"

	"platen/fault"
)

// maxCard is the longest card number: ten octets of UID are twenty digits, and
// readers add a few of their own.
const maxCard = 64

// NormalCard brings a number, as a reader or a person wrote it, to the one form
// in which cards are compared: no separators, no white space, upper case. It
// does not guess at what a reader means: leading zeros stay, hexadecimal and
// decimal stay different numbers.
func NormalCard(raw string) (string, error) {
	const op = "directory.NormalCard"
	var b strings.Builder
	for _, r := range raw {
		switch {
		case r == ' ' || r == ':' || r == '-' || r == '\t' || r == '\r' || r == '\n' || r == 0:
		case r >= 'a' && r <= 'z':
			b.WriteRune(r - 'a' + 'A')
		case r >= '0' && r <= '9' || r >= 'A' && r <= 'Z':
			b.WriteRune(r)
		default:
			return "", &fault.Error{Op: op, Kind: fault.Invalid, Text: "This card number has characters that no card has."}
		}
		if b.Len() > maxCard {
			return "", &fault.Error{Op: op, Kind: fault.Invalid, Text: "This card number is too long."}
		}
	}
	if b.Len() == 0 {
		return "", &fault.Error{Op: op, Kind: fault.Invalid, Text: "The card number is empty."}
	}
	return b.String(), nil
}

// RawDigest is the digest of a number as a reader sent it, for a card whose number
// in normal form is another one; nil when it is the same.
func RawDigest(digest func(string) []byte, raw, number string) []byte {
	if same, err := NormalCard(raw); err == nil && same == number {
		return nil
	}
	return digest(raw)
}

// RandomUID reports whether a normal card number is a random identifier, a
// 4-octet UID that starts with 08 and changes each time the card is shown (ISO
// 14443-3). Such a card must not be enrolled: it would never be found again.
func RandomUID(normal string) bool {
	if len(normal) != 8 || !strings.HasPrefix(normal, "08") {
		return false
	}
	return strings.Trim(normal, "0123456789ABCDEF") == ""
}

// LastDigits returns what logs and lists may show of a card: its last three
// characters, and nothing of a number so short that they would give it away.
func LastDigits(normal string) string {
	if len(normal) < 6 {
		return ""
	}
	return normal[len(normal)-3:]
}
