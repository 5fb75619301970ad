package cardrule

import (
	"strconv"
	"strings"
	"testing"

	"platen/fault"
)

func itoa(n int) string { return strconv.Itoa(n) }

var ruleSeeds = []string{
	"", "keep", `trim | strip_prefix(";0") | regex("^(\\d{8})") | hex2dec | pad_left(10,"0")`,
	"concat(left(2) | hex2dec, slice(2,-1)) | first(ascii_decode, keep)", "when(`=`, regex(`^([^=]+)=`))",
	"wiegand(H10301, facility*65536+number, hex+parity)", "reverse_bytes|reverse_bits|reverse_nibbles|reverse", `trim("\x00\xff")`,
	"const(1)|append(2)|pad_right(256,F)", "first(first(first(", "regex(`(a{1000}){1000}`)",
}

// Whatever is given as a rule is refused as Invalid, or is a rule with one
// canonical form within the limits.
func FuzzParse(f *testing.F) {
	for _, s := range ruleSeeds {
		f.Add(s)
	}
	for _, s := range []string{"ltrim(2);hex2bin;lpad(12,0)", "ASCII2Hex;Hex2Dec;Substring(-8)", "CardNo + Const(1)", "hex2dec|ascii-enc", `^(?:;0)?(\d{8})`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		check := func(r Rule, err error) {
			if err != nil {
				if !fault.Is(err, fault.Invalid) || fault.Text(err) == "" {
					t.Errorf("%q: %v", text, err)
				}
				return
			}
			again, err := Parse(r.String())
			if err != nil || !again.Equal(r) || len(r.String()) > maxText || r.Len() > maxSteps {
				t.Errorf("%q is %s, and that is %s, %v", text, r, again, err)
			}
		}
		check(Parse(text))
		check(FromMyQ(text))
		check(FromSafeQ(text))
		check(FromPaperCut(text, ""))
		check(FromPaperCut("", text))
	})
}

// Whatever a reader sends becomes a number within the limits or is refused as
// Invalid, always in the same way.
func FuzzApply(f *testing.F) {
	for _, s := range ruleSeeds {
		f.Add(s, "04A1B2C3D4")
		f.Add(s, ";0123456789=1?")
		f.Add(s, "3934364542443238")
		f.Add(s, "\x00\xffä")
	}
	f.Fuzz(func(t *testing.T, text, raw string) {
		r, err := Parse(text)
		if err != nil {
			return
		}
		out, err := r.Apply(raw)
		again, err2 := parsed(t, r.String()).Apply(raw)
		if out != again || (err == nil) != (err2 == nil) {
			t.Errorf("%s of %q is %q, then %q", r, raw, out, again)
		}
		if err == nil && (out == "" || len(out) > maxValue) {
			t.Errorf("%s of %q is %q", r, raw, out)
		}
		if err != nil && (!fault.Is(err, fault.Invalid) || len(raw) > 40 && strings.Contains(err.Error(), raw)) {
			t.Errorf("%s of %q: %v", r, raw, err)
		}
	})
}

// Whatever is given as pairs: the rules that are found fit them, within the
// limits of rules, and the same pairs find the same.
func FuzzLearn(f *testing.F) {
	f.Add("04A1B2C3", "3283263748", "946EBD28", "683503252")
	f.Add(";0123=4?", "0123", ";0567=8?", "0567")
	f.Add("3934364542443238", "946EBD28", "3030", "00")
	f.Add("04:a1-b2 c3", "C3B2A104", "0012345678", "12345678")
	f.Add("\x00\xff", "\xff", "ä-^]\\[", "ä")
	f.Fuzz(func(t *testing.T, raw1, want1, raw2, want2 string) {
		pairs := []Pair{{raw1, want1}, {raw2, want2}}
		rules := Learn(pairs)
		for _, r := range rules {
			for _, p := range pairs {
				want := remove(p.Wanted, ":-"+blanks)
				if out, err := r.Apply(p.Raw); err != nil || !strings.EqualFold(out, want) {
					t.Errorf("%s of %q is %q, %v; want %q", r, p.Raw, out, err, want)
				}
			}
			if again, err := Parse(r.String()); err != nil || !again.Equal(r) {
				t.Errorf("%s is no rule: %v", r, err)
			}
		}
		if len(rules) > maxFound {
			t.Errorf("%d rules", len(rules))
		}
		for _, r := range LearnOne(raw1, func(c string) bool { return c == want1 }) {
			if out, err := r.Apply(raw1); err != nil || out != want1 {
				t.Errorf("%s of %q is %q, %v; want %q", r, raw1, out, err, want1)
			}
		}
	})
}
