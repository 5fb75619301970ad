package cardrule

import (
	"strings"
	"testing"

	"platen/fault"
)

// foreignCase is a rule of another vendor, a card and what the vendor says comes
// out.
type foreignCase struct{ rule, in, want string }

func checkForeign(t *testing.T, read func(string) (Rule, error), tests []foreignCase) {
	t.Helper()
	for _, tt := range tests {
		r, err := read(tt.rule)
		if err != nil {
			t.Errorf("%s: %v", tt.rule, err)
			continue
		}
		if got, err := r.Apply(tt.in); err != nil || got != tt.want {
			t.Errorf("%s is %s, and that of %s is %q, %v; want %s", tt.rule, r, tt.in, got, err, tt.want)
		}
	}
}

func checkRefused(t *testing.T, read func(string) (Rule, error), tests map[string]string) {
	t.Helper()
	for rule, want := range tests {
		r, err := read(rule)
		if !fault.Is(err, fault.Invalid) || !strings.Contains(fault.Text(err), want) {
			t.Errorf("%q is %s, %v; want an error with %q", rule, r, err, want)
		}
	}
}

// The examples of "ID card transformation commands",
// docs.myq-solution.com/es/print-server/10.1/id-card-transformation-commands.
func TestMyQExamples(t *testing.T) {
	checkForeign(t, FromMyQ, []foreignCase{
		{"ltrim(2)", "123456", "3456"},
		{"rtrim(2)", "123456", "1234"},
		{"prepend(AB)", "123456", "AB123456"},
		{"append(AB)", "123456", "123456AB"},
		{"left(2)", "123456", "12"},
		{"right(2)", "123456", "56"},
		{"mid(2,2)", "123456", "34"},
		{"lpad(12,0)", "123456", "000000123456"},
		{"hex2dec()", "1000AB", "1048747"},
		{"dec2hex()", "1048747", "1000AB"},
		{"hex2bin", "1000AB", "100000000000010101011"},
		{"bin2hex", "100000000000010101011", "1000AB"},
		{"dec2bin", "100023", "11000011010110111"},
		{"bin2dec()", "11000011010110111", "100023"},
		{"reverse()", "1234AB", "AB3412"},
	})
}

func TestFromMyQ(t *testing.T) {
	checkForeign(t, FromMyQ, []foreignCase{
		{"", "12", "12"},
		{"reverse(); hex2dec(); lpad(10,0)", "04A1B2C3", "3283263748"},
		{"reverse()\nhex2dec()\n", "C3B2A104", "77705923"},
		{"ltrim( 2 ),rtrim(1)", "123456", "345"},
		{"ltrim(0)rtrim(0)lpad(0,1)", "123456", "123456"},
		{"mid(2,0)", "123456", "3456"},
		{"append(A);right(9)", "12", "12A"},
	})
	checkRefused(t, FromMyQ, map[string]string{
		"rpad(2,0)":                     "does not know what rpad does in MyQ. It knows: append, bin2dec,",
		"LTRIM(2)":                      "does not know what LTRIM does",
		"ltrim":                         "ltrim is written like this: ltrim(2)",
		"ltrim(-2)":                     "ltrim is written",
		"ltrim(2,3)":                    "ltrim is written",
		"ltrim(x)":                      "ltrim is written",
		"lpad(12,00)":                   "lpad is written",
		"prepend()":                     "prepend is written",
		`prepend("AB")`:                 "prepend is written",
		"prepend(A B)":                  "prepend is written",
		"hex2dec(1)":                    "hex2dec is written",
		"ltrim(2":                       `from here on: "(2"`,
		"ltrim(2)&":                     `from here on: "&"`,
		strings.Repeat("reverse;", 17):  "at most 16 functions",
		strings.Repeat("reverse;", 200): "at most 1024 characters",
	})
	r, err := FromMyQ("reverse()") // of an odd number of characters: not published
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.Apply("123"); !fault.Is(err, fault.Invalid) {
		t.Errorf("reverse() of 123 is %q, %v", got, err)
	}
}

// The examples of docs.dispatcher-phoenix.com/print-management/
// Using_Card_Number_Conversion.html that have a result, and the first typical
// one, with a card whose number PaperCut has published.
func TestSafeQExamples(t *testing.T) {
	checkForeign(t, FromSafeQ, []foreignCase{
		{"LeftPadding(0,3) + Substring(2,6)", "1a2b3c4d", "1a2b3c4d2b3c"},
		{"ASCII2Hex;Hex2Dec;Substring(-8)", "3934364542443238", "90285352"},
	})
}

// The second typical example has both signs, and the page does not say what
// comes out.
func TestSafeQOpen(t *testing.T) {
	_, err := FromSafeQ("Substring(2);Hex2Dec;LeftPadding(0,3) + Substring(2,6);Hex2Dec")
	for _, want := range []string{
		`either concat(slice(2) | hex2dec | pad_left(3, "0"), slice(2, 6) | hex2dec)`,
		`or slice(2) | hex2dec | concat(pad_left(3, "0"), slice(2, 6)) | hex2dec.`,
	} {
		if !fault.Is(err, fault.Invalid) || !strings.Contains(fault.Text(err), want) {
			t.Errorf("%v has not %s", err, want)
		}
	}
}

func TestFromSafeQ(t *testing.T) {
	checkForeign(t, FromSafeQ, []foreignCase{
		{" ", "12", "12"},
		{"ASCII2Hex", "946EBD28", "946EBD28"}, // "the other input is not changed"
		{"ASCII2Hex", "50515253", "50515253"}, // no digit in the vendor's pattern
		{"ASCII2Hex;Hex2Dec", "946EBD28", "2490285352"},
		{"Hex2Dec ; Dec2Bin;Bin2Dec; Dec2Hex", "946EBD28", "946EBD28"},
		{"Const(7) + CardNo", "12", "712"},
		{"LeftAppend(7)", "12", "712"},
		{"RightAppend(7)", "12", "127"},
		{"CardNo;LeftPadding(0,10)", "12", "0000000012"},
		{"Substring(2)", "123456", "3456"},
	})
	checkRefused(t, FromSafeQ, map[string]string{
		"hex2dec":           "does not know what hex2dec does in SafeQ. It knows: ASCII2Hex, Bin2Dec,",
		"Hex2Bin":           "does not know what Hex2Bin does",
		"RightPadding(0,3)": "does not know what RightPadding does",
		"Hex2Dec;":          "ends too early",
		"Hex2Dec +":         "ends too early",
		"Hex2Dec Dec2Hex":   `from here on: " Dec2Hex"`,
		"Substring":         "Substring is written",
		"Substring(2,-3)":   "Substring is written",
		"LeftPadding(00,3)": "LeftPadding is written",
		"LeftPadding(0,-3)": "LeftPadding is written",
		"Const(a;b)":        "cannot be read from here on",
		"Const(a'b)":        "Const is written",
		"Hex2Dec;CardNo":    "CardNo is the number as it was read",
		strings.Repeat("Hex2Dec;", 16) + "Hex2Dec": "at most 16 functions",
		strings.Repeat("Hex2Dec;", 200):            "at most 1024 characters",
	})
	r, err := FromSafeQ("ASCII2Hex") // with FF behind it: not published
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.Apply("3934FFff"); !fault.Is(err, fault.Invalid) {
		t.Errorf("ASCII2Hex of 3934FFff is %q, %v", got, err)
	}
}

// The examples of the PaperCut Ricoh Embedded Manual, revision 19, pages 36 and
// 37 (also in the Sharp OSA manual of 2014, pages 27 and 28), and of
// papercut.com/kb/Main/RegularExpressionsForCardNumbers.
func TestPaperCutExamples(t *testing.T) {
	for _, tt := range []struct{ regex, converter, in, want string }{
		{"", "hex2dec", "946EBD28", "2490285352"},
		{"", "dec2hex", "2490285352", "946EBD28"},
		{"", "ascii-enc", "3934364542443238", "946EBD28"},
		{"", "ascii-enc|hex2dec", "3934364542443238", "2490285352"},
		{"", "", "5235092385=8", "5235092385"},
		{"(.{10})", "", "123456789012", "1234567890"},
		{`(\d{19})`, "", ";1234567890123456789?", "1234567890123456789"},
		{`\d*=(\d*)=\d*`, "", "123453=292929=1221", "292929"},
		{`^(?:;0)?(\d{8})`, "", ";012345678", "12345678"},
		{`^(?:;0)?(\d{8})`, "", "01234567", "01234567"},
		{`;?0?(\d{8})`, "", ";012345678", "12345678"},
		{` ^(?:;0)?([0-9A-F]{8}) `, " hex2dec ", ";0946EBD28", "2490285352"},
		{`\Q[a&&b]\E(\d)`, "", "[a&&b]7", "7"},
		{`[^\]a](\d)`, "", "b7", "7"},
	} {
		r, err := FromPaperCut(tt.regex, tt.converter)
		if err != nil {
			t.Errorf("%s and %s: %v", tt.regex, tt.converter, err)
			continue
		}
		if got, err := r.Apply(tt.in); err != nil || got != tt.want {
			t.Errorf("%s and %s is %s, and that of %s is %q, %v; want %s", tt.regex, tt.converter, r, tt.in, got, err, tt.want)
		}
	}
}

func TestPaperCutRefused(t *testing.T) {
	checkRefused(t, func(converter string) (Rule, error) { return FromPaperCut("", converter) }, map[string]string{
		"javascript:custom/card.js":                "runs JavaScript cannot be taken over",
		"ascii-enc| javascript:custom/card.js":     "runs JavaScript cannot be taken over",
		"hex2bin":                                  `PaperCut has no converter "hex2bin"`,
		"hex2dec||dec2hex":                         `no converter ""`,
		strings.Repeat("hex2dec|", 200):            "at most 1024 characters",
		strings.Repeat("hex2dec|", 16) + "hex2dec": "at most 16 functions",
	})
	checkRefused(t, func(regex string) (Rule, error) { return FromPaperCut(regex, "") }, map[string]string{
		"GLOBAL":                             "set for all devices",
		`\d{8}`:                              "no group in parentheses",
		`(\d{8}`:                             "missing closing )",
		`(?<=;)(\d{8})`:                      "cannot be used",
		`(\d++)`:                             "cannot be used",
		`([a-z&&[^bc]])`:                     "[... &, which means one thing in Java",
		`([a-d[m-p]])`:                       "[... [, which means",
		`([[:digit:]])`:                      "[... [, which means",
		`([]a])`:                             "[], which means",
		`([^]a])`:                            "[], which means",
		`(\v)`:                               `\v, which means`,
		`(?U)(\d)`:                           "(?U, which means",
		`\Q[`:                                "no group in parentheses",
		`[`:                                  "cannot be used",
		`(` + strings.Repeat("a", 300) + ")": "regex is written",
	})
}
