package cardrule

import (
	"regexp"
	"strings"
)

// papercut has the standard converters of the manuals for embedded devices, for
// example Ricoh Embedded Manual, revision 19, page 37.
var papercut = map[string]string{"hex2dec": "hex2dec", "dec2hex": "dec2hex", "ascii-enc": "ascii_decode"}

// FromPaperCut reads the two settings of PaperCut about card numbers:
// ext-device.card-no-regex, a regular expression of Java whose first group is
// the number, and ext-device.card-no-converter, names of converters separated by
// a bar. Either may be empty.
//
// Without a regular expression PaperCut takes what is before an equals sign if
// there is one (5235092385=8 is 5235092385: the manuals, "Card number needs no
// conversion"), and so does the rule. What PaperCut does with a number that its
// regular expression does not find is not published; here it is an error.
func FromPaperCut(regex, converter string) (Rule, error) {
	if len(regex)+len(converter) > maxText {
		return Rule{}, refuse("A card number rule has at most %d characters.", maxText)
	}
	s, err := papercutFilter(strings.TrimSpace(regex))
	if err != nil {
		return Rule{}, err
	}
	r := Rule{[]step{s}}
	if strings.TrimSpace(converter) == "" {
		return imported(r)
	}
	for name := range strings.SplitSeq(converter, "|") {
		name = strings.TrimSpace(name)
		if strings.HasPrefix(name, "javascript:") {
			return Rule{}, refuse("A rule of PaperCut that runs JavaScript cannot be taken over, because Platen runs no scripts in rules. Please give some pairs of card numbers, so that a rule can be found.")
		}
		ours, ok := papercut[name]
		if !ok {
			return Rule{}, refuse("PaperCut has no converter %q. Its manuals name hex2dec, dec2hex, ascii-enc and javascript.", name)
		}
		r = r.then(must(ours))
	}
	return imported(r)
}

func papercutFilter(regex string) (step, error) {
	switch regex {
	case "":
		before := must("regex", text("^([^=]+)="))
		return must("when", text("="), ruled(Rule{[]step{before}})), nil
	case "GLOBAL":
		return step{}, refuse("GLOBAL stands for the regular expression that is set for all devices of PaperCut. Please give that one.")
	}
	if what := notLikeJava(regex); what != "" {
		return step{}, refuse("The regular expression has %s, which means one thing in Java and another in Platen. Please write it without.", what)
	}
	re, err := regexp.Compile(regex)
	if err != nil {
		return step{}, badPattern(regex, err)
	}
	if re.NumSubexp() == 0 {
		return step{}, refuse("The regular expression has no group in parentheses that is the card number.")
	}
	return find("regex").with(text(regex), number(1))
}

// flags are those of a group, (?i), of which U is another thing in Java.
var flags = regexp.MustCompile(`\(\?[a-zA-Z-]*U`)

// notLikeJava returns the first thing that both Java and package regexp take and
// understand differently, "" when there is none (java.util.regex.Pattern, Java
// 8, and regexp/syntax). What only Java takes does not compile anyway. The
// vertical tab, which is a blank in Java only, is no part of a card number.
func notLikeJava(regex string) string {
	inClass := false
	for i := 0; i < len(regex); i++ {
		rest := regex[i:]
		switch {
		case strings.HasPrefix(rest, `\v`): // any vertical space in Java
			return `\v`
		case strings.HasPrefix(rest, `\Q`) && !inClass:
			i += len(rest) - 1
			if end := strings.Index(rest, `\E`); end >= 0 {
				i += end + 2 - len(rest)
			}
		case rest[0] == '\\':
			i++
		case inClass && (rest[0] == '[' || strings.HasPrefix(rest, "&&")): // sets in sets
			return "[... " + rest[:1]
		case rest[0] == '[':
			inClass = true
			if strings.HasPrefix(rest[1:], "^") {
				i++
			}
			if strings.HasPrefix(regex[i+1:], "]") {
				return "[]"
			}
		case rest[0] == ']':
			inClass = false
		}
	}
	return flags.FindString(regex)
}
