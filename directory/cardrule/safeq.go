package cardrule

import "strings"

// safeq has the rules whose meaning is published on the parts of
// docs.ysoft.cloud/docs/using-card-number-conversion and
// docs.dispatcher-phoenix.com/print-management/Using_Card_Number_Conversion.html
// that were to be had. There are more in the product.
var safeq = foreign{vendor: "SafeQ", functions: map[string]foreignFunction{
	"ASCII2Hex":   {"ASCII2Hex", "", asciiToHex},
	"Bin2Dec":     same("Bin2Dec", "bin2dec"),
	"CardNo":      {"CardNo", "", func([]value) []step { return nil }},
	"Const":       {"Const(AB)", "s", func(a []value) []step { return []step{must("const", a...)} }},
	"Dec2Bin":     same("Dec2Bin", "dec2bin"),
	"Dec2Hex":     same("Dec2Hex", "dec2hex"),
	"Hex2Dec":     same("Hex2Dec", "hex2dec"),
	"LeftAppend":  {"LeftAppend(AB)", "s", func(a []value) []step { return []step{must("prepend", a...)} }},
	"RightAppend": {"RightAppend(AB)", "s", func(a []value) []step { return []step{must("append", a...)} }},
	"LeftPadding": {"LeftPadding(0,10)", "cn", func(a []value) []step { return padLeft(a[1], a[0]) }},
	"Substring":   {"Substring(-8), Substring(2) or Substring(2,6)", "i?n", func(a []value) []step { return []step{must("slice", a...)} }},
}}

// asciiToHex decodes what is "ASCII format" in the vendor's words, by the
// vendor's own pattern, and leaves everything else as it is. What becomes of FF
// at the end is not published; such a card number is refused when it comes.
func asciiToHex([]value) []step {
	return []step{must("when", text(`^([34][0-9])+([fF]{2})*$`), ruled(Rule{[]step{must("ascii_decode")}}))}
}

// FromSafeQ reads a card number conversion of SafeQ or Dispatcher Paragon: rules
// in sequence, separated by a semicolon, or in parallel, connected by a plus
// sign. Names are case sensitive.
//
// The vendor does not say which of the two signs binds first, and its examples
// fit either. A rule that has both is refused; the error shows both readings.
func FromSafeQ(text string) (Rule, error) {
	if len(text) > maxText {
		return Rule{}, refuse("A card number rule has at most %d characters.", maxText)
	}
	if strings.TrimSpace(text) == "" {
		return Rule{}, nil
	}
	parallel, err := split(text, '+', func(part string) (Rule, error) { return split(part, ';', safeqCall) })
	if err != nil {
		return Rule{}, err
	}
	if strings.Contains(text, ";") && strings.Contains(text, "+") {
		sequence, err := split(text, ';', func(part string) (Rule, error) { return split(part, '+', safeqCall) })
		if err != nil {
			return Rule{}, err
		}
		return Rule{}, refuse("SafeQ does not say whether the plus sign or the semicolon comes first. Please try with a card which of these is right: either %s, or %s.", parallel.String(), sequence.String())
	}
	return imported(parallel)
}

// split reads the parts of a rule between two signs, one after the other or, with
// a plus sign, side by side.
func split(text string, sign byte, read func(string) (Rule, error)) (Rule, error) {
	var parts []value
	var r Rule
	for i, part := range strings.Split(text, string(sign)) {
		one, err := read(strings.TrimSpace(part))
		if err != nil {
			return Rule{}, err
		}
		if i > 0 && sign == ';' && strings.HasPrefix(strings.TrimSpace(part), "CardNo") {
			return Rule{}, refuse("In SafeQ %s is the number as it was read. Behind another function Platen cannot take it over.", "CardNo")
		}
		parts, r = append(parts, ruled(one)), r.then(one.steps...)
	}
	if sign == '+' && len(parts) > 1 {
		s, err := find("concat").with(parts...)
		return Rule{[]step{s}}, err
	}
	return r, nil
}

func safeqCall(text string) (Rule, error) {
	c, rest, err := safeq.next(text)
	if err != nil {
		return Rule{}, err
	}
	if rest != "" {
		return Rule{}, safeq.unreadable(rest)
	}
	steps, err := safeq.steps(c)
	if err != nil {
		return Rule{}, err
	}
	return Rule{steps}, nil
}
