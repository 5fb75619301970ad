package ipp

import (
	"slices"
	"strings"
	"time"

	"github.com/OpenPrinting/goipp"
)

// Find returns the first attribute of this name, and whether there is one.
func Find(list goipp.Attributes, name string) (goipp.Attribute, bool) {
	for _, a := range list {
		if a.Name == name {
			return a, true
		}
	}
	return goipp.Attribute{}, false
}

// Texts returns the values that are strings of any kind, in UTF-8 without NUL.
func Texts(list goipp.Attributes, name string) []string {
	a, _ := Find(list, name)
	return TextsOf(a)
}

// TextsOf is Texts of one attribute.
func TextsOf(a goipp.Attribute) []string {
	var all []string
	for _, v := range a.Values {
		switch x := v.V.(type) {
		case goipp.String:
			all = append(all, clean(string(x)))
		case goipp.TextWithLang:
			all = append(all, clean(x.Text))
		}
	}
	return all
}

// Text returns the first of Texts, "" when there is none.
func Text(list goipp.Attributes, name string) string {
	if all := Texts(list, name); len(all) > 0 {
		return all[0]
	}
	return ""
}

// clean makes a stranger's text storable: valid UTF-8 without control characters.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// Ints returns the values that are integers or enums.
func Ints(list goipp.Attributes, name string) []int {
	a, _ := Find(list, name)
	var all []int
	for _, v := range a.Values {
		if x, ok := v.V.(goipp.Integer); ok {
			all = append(all, int(x))
		}
	}
	return all
}

// Int returns the first of Ints.
func Int(list goipp.Attributes, name string) (int, bool) {
	if all := Ints(list, name); len(all) > 0 {
		return all[0], true
	}
	return 0, false
}

// Bool returns the first value that is a boolean.
func Bool(list goipp.Attributes, name string) (value, ok bool) {
	a, _ := Find(list, name)
	for _, v := range a.Values {
		if x, is := v.V.(goipp.Boolean); is {
			return bool(x), true
		}
	}
	return false, false
}

// Octets returns the first value as its octets, whatever kind of string it is.
func Octets(list goipp.Attributes, name string) []byte {
	a, _ := Find(list, name)
	for _, v := range a.Values {
		switch x := v.V.(type) {
		case goipp.Binary:
			return x
		case goipp.String:
			return []byte(x)
		}
	}
	return nil
}

// Ranges returns the values that are ranges; an integer is a range of one.
func Ranges(list goipp.Attributes, name string) []goipp.Range {
	a, _ := Find(list, name)
	var all []goipp.Range
	for _, v := range a.Values {
		switch x := v.V.(type) {
		case goipp.Range:
			all = append(all, x)
		case goipp.Integer:
			all = append(all, goipp.Range{Lower: int(x), Upper: int(x)})
		}
	}
	return all
}

// Collections returns the values that are collections.
func Collections(list goipp.Attributes, name string) []goipp.Attributes {
	a, _ := Find(list, name)
	return CollectionsOf(a)
}

// CollectionsOf is Collections of one attribute.
func CollectionsOf(a goipp.Attribute) []goipp.Attributes {
	var all []goipp.Attributes
	for _, v := range a.Values {
		if x, ok := v.V.(goipp.Collection); ok {
			all = append(all, goipp.Attributes(x))
		}
	}
	return all
}

// Tag returns the tag of an attribute's first value.
func Tag(a goipp.Attribute) goipp.Tag {
	if len(a.Values) == 0 {
		return goipp.TagZero
	}
	return a.Values[0].T
}

// strs makes an attribute of strings; without any it is no-value.
func strs(tag goipp.Tag, name string, values []string) goipp.Attribute {
	if len(values) == 0 {
		return NoValue(name)
	}
	a := goipp.Attribute{Name: name, Values: make(goipp.Values, 0, len(values))}
	for _, v := range values {
		a.Values.Add(tag, goipp.String(v))
	}
	return a
}

// Keyword and the others make attributes of their syntax (RFC 8011, section 5.1).
// A list without values becomes out-of-band no-value.
func Keyword(name string, values ...string) goipp.Attribute {
	return strs(goipp.TagKeyword, name, values)
}

// Keywords is Keyword for any kind of string.
func Keywords[S ~string](name string, values []S) goipp.Attribute {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = string(v)
	}
	return strs(goipp.TagKeyword, name, all)
}

// Name makes a nameWithoutLanguage of at most 255 octets.
func Name(name, value string) goipp.Attribute {
	return strs(goipp.TagName, name, []string{Cut(value, 255)})
}

// TextWithout makes a textWithoutLanguage of at most 1023 octets.
func TextWithout(name, value string) goipp.Attribute {
	return strs(goipp.TagText, name, []string{Cut(value, 1023)})
}

// URI makes an attribute of URIs.
func URI(name string, values ...string) goipp.Attribute { return strs(goipp.TagURI, name, values) }

// MIME makes an attribute of mimeMediaType.
func MIME(name string, values ...string) goipp.Attribute {
	return strs(goipp.TagMimeType, name, values)
}

// Charset makes an attribute of charset.
func Charset(name string, values ...string) goipp.Attribute {
	return strs(goipp.TagCharset, name, values)
}

// Language makes an attribute of naturalLanguage.
func Language(name string, values ...string) goipp.Attribute {
	return strs(goipp.TagLanguage, name, values)
}

func ints(tag goipp.Tag, name string, values []int) goipp.Attribute {
	if len(values) == 0 {
		return NoValue(name)
	}
	a := goipp.Attribute{Name: name, Values: make(goipp.Values, 0, len(values))}
	for _, v := range values {
		a.Values.Add(tag, goipp.Integer(v))
	}
	return a
}

// Integer makes an attribute of integers.
func Integer(name string, values ...int) goipp.Attribute {
	return ints(goipp.TagInteger, name, values)
}

// Enum makes an attribute of enums.
func Enum(name string, values ...int) goipp.Attribute { return ints(goipp.TagEnum, name, values) }

// Boolean makes a boolean.
func Boolean(name string, value bool) goipp.Attribute {
	return goipp.MakeAttribute(name, goipp.TagBoolean, goipp.Boolean(value))
}

// Range makes a rangeOfInteger.
func Range(name string, lower, upper int) goipp.Attribute {
	return goipp.MakeAttribute(name, goipp.TagRange, goipp.Range{Lower: lower, Upper: upper})
}

// Resolution makes an attribute of resolutions, the same in both directions, in
// dots per inch.
func Resolution(name string, dpi ...int) goipp.Attribute {
	a := goipp.Attribute{Name: name}
	for _, d := range dpi {
		a.Values.Add(goipp.TagResolution, goipp.Resolution{Xres: d, Yres: d, Units: goipp.UnitsDpi})
	}
	return a
}

// DateTime makes a dateTime; the zero time is no-value.
func DateTime(name string, at time.Time) goipp.Attribute {
	if at.IsZero() {
		return NoValue(name)
	}
	return goipp.MakeAttribute(name, goipp.TagDateTime, goipp.Time{Time: at.UTC()})
}

// OctetString makes an octetString.
func OctetString(name string, values ...string) goipp.Attribute {
	a := goipp.Attribute{Name: name}
	for _, v := range values {
		a.Values.Add(goipp.TagString, goipp.Binary(v))
	}
	return a
}

// Collection makes an attribute of collections.
func Collection(name string, values ...[]goipp.Attribute) goipp.Attribute {
	if len(values) == 0 {
		return NoValue(name)
	}
	a := goipp.Attribute{Name: name}
	for _, v := range values {
		a.Values.Add(goipp.TagBeginCollection, goipp.Collection(v))
	}
	return a
}

// NoValue makes an attribute with the out-of-band value no-value.
func NoValue(name string) goipp.Attribute {
	return goipp.MakeAttribute(name, goipp.TagNoValue, goipp.Void{})
}

// Unknown makes an attribute with the out-of-band value unknown.
func Unknown(name string) goipp.Attribute {
	return goipp.MakeAttribute(name, goipp.TagUnknown, goipp.Void{})
}

// Cut shortens a text to at most n octets of whole characters.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n]
}

// Contains reports whether one of the attribute's texts is s.
func Contains(list goipp.Attributes, name, s string) bool {
	return slices.Contains(Texts(list, name), s)
}
