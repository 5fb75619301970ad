package cardrule

import (
	"math/big"
	"math/bits"
	"slices"
	"strings"
)

// The digits of numbers that readers send.
const (
	decDigits = "0123456789"
	hexDigits = decDigits + "ABCDEFabcdef"
)

// rebased makes a function that writes a number to another base. Numbers may be
// of any length. What is written has no leading zeros, and capital letters.
func rebased(name string, from, to int) function {
	return plain(name, func(s string) (string, error) {
		n, err := readNumber(name, s, from)
		if err != nil {
			return "", err
		}
		return upper(n.Text(to)), nil
	})
}

// readNumber reads a number for the function that is named.
func readNumber(name, s string, base int) (*big.Int, error) {
	if !inBase(s, base) {
		return nil, notInBase(name, base)
	}
	n, ok := new(big.Int).SetString(s, base)
	if !ok {
		return nil, notInBase(name, base)
	}
	return n, nil
}

// inBase reports whether s has digits of a base, and nothing else.
func inBase(s string, base int) bool {
	switch base {
	case 2:
		return s != "" && strings.Trim(s, "01") == ""
	case 10:
		return s != "" && strings.Trim(s, decDigits) == ""
	default:
		return isHex(s)
	}
}

func notInBase(name string, base int) error {
	switch base {
	case 2:
		return misfit("This card number does not fit the rule of its reader: %s takes only the digits 0 and 1.", name)
	case 10:
		return misfit("This card number does not fit the rule of its reader: %s takes only decimal digits.", name)
	default:
		return misfit("This card number does not fit the rule of its reader: %s takes only hexadecimal digits.", name)
	}
}

func isHex(s string) bool { return s != "" && strings.Trim(s, hexDigits) == "" }

func unpaired(name string) error {
	return misfit("This card number does not fit the rule of its reader: %s takes characters in pairs, and one is alone.", name)
}

// asciiDecode reads pairs of hexadecimal digits as the characters that they
// number. Only characters that can be printed are any.
func asciiDecode(s string) (string, error) {
	out := make([]byte, 0, len(s)/2)
	for i := 0; i < len(s); i += 2 {
		c, ok := octet(s[i:min(i+2, len(s))])
		if !ok || c < ' ' || c > '~' {
			return "", misfit("This card number does not fit the rule of its reader: %s takes characters that are written as pairs of hexadecimal digits.", "ascii_decode")
		}
		out = append(out, c)
	}
	return string(out), nil
}

const capitals = "0123456789ABCDEF"

func asciiEncode(s string) (string, error) {
	out := make([]byte, 0, 2*len(s))
	for _, c := range []byte(s) {
		out = append(out, capitals[c>>4], capitals[c&15])
	}
	return string(out), nil
}

// octet reads two hexadecimal digits.
func octet(pair string) (byte, bool) {
	if len(pair) != 2 {
		return 0, false
	}
	hi, ok1 := nibble(pair[0])
	lo, ok2 := nibble(pair[1])
	return hi<<4 | lo, ok1 && ok2
}

func nibble(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

func reverse(s string) (string, error) {
	b := []byte(s)
	slices.Reverse(b)
	return string(b), nil
}

// reverseBytes turns the order of pairs of characters round.
func reverseBytes(s string) (string, error) {
	if len(s)%2 != 0 {
		return "", unpaired("reverse_bytes")
	}
	b := make([]byte, 0, len(s))
	for i := len(s) - 2; i >= 0; i -= 2 {
		b = append(b, s[i], s[i+1])
	}
	return string(b), nil
}

// reverseNibbles turns each pair of characters round.
func reverseNibbles(s string) (string, error) {
	if len(s)%2 != 0 {
		return "", unpaired("reverse_nibbles")
	}
	b := []byte(s)
	for i := 0; i < len(b); i += 2 {
		b[i], b[i+1] = b[i+1], b[i]
	}
	return string(b), nil
}

// reverseBits turns the bits of each octet round. A reader that sends each octet
// with its least significant bit first, and the last octet first, needs
// reverse_bytes as well.
func reverseBits(s string) (string, error) {
	if !isHex(s) {
		return "", notInBase("reverse_bits", 16)
	}
	if len(s)%2 != 0 {
		return "", unpaired("reverse_bits")
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i += 2 {
		c, _ := octet(s[i : i+2]) // isHex has looked
		c = bits.Reverse8(c)
		b = append(b, capitals[c>>4], capitals[c&15])
	}
	return string(b), nil
}
