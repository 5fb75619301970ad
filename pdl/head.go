package pdl

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// Head is what the beginning of a document tells. All of it is claimed by
// whoever sent it.
type Head struct {
	Language Language
	PJL      bool // it comes with a PJL header of its own

	User    string // @PJL SET USERNAME
	Account string // @PJL SET JOBATTR="JobAcct1=...": the user, by drivers' convention
	Comment string // @PJL COMMENT "Username: ...; ..."
	For     string // %%For of PostScript
	Copies  int    // @PJL SET COPIES or QTY, 0 when it does not say
	Sides   string // sides keyword by @PJL SET DUPLEX and BINDING, "" when it does not say
	Colour  string // "color" or "monochrome" by @PJL SET RENDERMODE, "" when it does not say
}

// uel is the Universal Exit Language command that begins a PJL header.
const uel = "\x1b%-12345X"

// Bounds of what is read of a stranger's header.
const (
	maxLines  = 400
	maxValue  = 255
	maxCopies = 9999
)

// Examine reads the first octets of a document, HeadOctets of them or the whole
// when it is shorter. More is not looked at.
func Examine(head []byte) Head {
	head = head[:min(len(head), HeadOctets)]
	h := Head{}
	body := h.pjl(head)
	if h.Language == "" || h.Language == Unknown {
		if found := detect(body); found != Unknown || h.Language == "" {
			h.Language = found
		}
	}
	if h.Language == PostScript {
		h.For = dscFor(body)
	}
	return h
}

// pjl reads the PJL header, if there is one, and returns what follows it.
// Source: HP PJL Technical Reference Manual.
func (h *Head) pjl(b []byte) []byte {
	trimmed := bytes.TrimLeft(b, "\x00")
	if !bytes.HasPrefix(trimmed, []byte(uel)) {
		return b
	}
	b = trimmed
	duplex, long := "", true
	for range maxLines {
		b = bytes.TrimPrefix(b, []byte(uel))
		if !bytes.HasPrefix(b, []byte("@PJL")) {
			break
		}
		h.PJL = true
		line, rest, found := bytes.Cut(b, []byte("\n"))
		if !found && len(line) > maxLineOctets {
			break
		}
		b = rest
		if language, ok := h.pjlLine(string(bytes.TrimRight(line[4:], "\r \t")), &duplex, &long); ok {
			h.Language = language
			break
		}
	}
	h.Sides = sides(duplex, long)
	return b
}

const maxLineOctets = 8 << 10

// lines calls f with each line of the PJL header after its @PJL, until f returns
// false.
func lines(b []byte, f func(line string) bool) {
	b = bytes.TrimLeft(b[:min(len(b), HeadOctets)], "\x00")
	for range maxLines {
		b = bytes.TrimPrefix(b, []byte(uel))
		if !bytes.HasPrefix(b, []byte("@PJL")) {
			return
		}
		line, rest, found := bytes.Cut(b, []byte("\n"))
		if !found && len(line) > maxLineOctets || !f(string(bytes.TrimRight(line[4:], "\r \t"))) {
			return
		}
		b = rest
	}
}

// Comments returns the comments of the PJL header at the beginning of a document,
// without the quotes that stand around a whole one.
func Comments(head []byte) (list []string) {
	lines(head, func(line string) bool {
		if text, ok := pjlVerb(line, "COMMENT"); ok {
			list = append(list, unquote(text))
		}
		return true
	})
	return list
}

// Setting returns what the PJL header at the beginning of a document sets a
// variable to for the job, "" when it does not.
func Setting(head []byte, name string) (value string) {
	lines(head, func(line string) bool {
		text, ok := pjlVerb(line, "SET")
		key, v, found := strings.Cut(text, "=")
		if ok && found && strings.EqualFold(strings.TrimSpace(key), name) {
			value = unquote(v)
		}
		return value == ""
	})
	return value
}

// pjlVerb returns what follows a verb, if it is the line's.
func pjlVerb(line, want string) (string, bool) {
	verb, rest, _ := strings.Cut(strings.TrimLeft(line, " \t"), " ")
	return rest, strings.EqualFold(verb, want)
}

// pjlLine reads one line after @PJL. It reports the language when the line
// enters one.
func (h *Head) pjlLine(line string, duplex *string, long *bool) (Language, bool) {
	verb, rest, _ := strings.Cut(strings.TrimLeft(line, " \t"), " ")
	switch strings.ToUpper(verb) {
	case "ENTER":
		_, name, _ := strings.Cut(rest, "=")
		return entered(name), true
	case "COMMENT":
		h.comment(rest)
	case "SET", "DEFAULT":
		if strings.EqualFold(verb, "DEFAULT") {
			return "", false // changes the device, not this job
		}
		name, value, ok := strings.Cut(rest, "=")
		if ok {
			h.set(strings.ToUpper(strings.TrimSpace(name)), unquote(value), duplex, long)
		}
	}
	return "", false
}

func (h *Head) set(name, value string, duplex *string, long *bool) {
	switch name {
	case "USERNAME":
		h.User = value
	case "JOBATTR":
		if acct, ok := strings.CutPrefix(value, "JobAcct1="); ok && h.Account == "" {
			h.Account = acct
		}
	case "COPIES", "QTY":
		if n, err := strconv.Atoi(value); err == nil && n >= 1 && n <= maxCopies {
			h.Copies = max(h.Copies, 1) * n
		}
	case "DUPLEX":
		*duplex = strings.ToUpper(value)
	case "BINDING":
		*long = !strings.EqualFold(value, "SHORTEDGE")
	case "RENDERMODE":
		switch strings.ToUpper(value) {
		case "COLOR":
			h.Colour = "color"
		case "GRAYSCALE":
			h.Colour = "monochrome"
		}
	}
}

// comment finds a user in the convention of some drivers:
// @PJL COMMENT "Username: anna; App Filename: ...".
func (h *Head) comment(text string) {
	text = unquote(text)
	for _, part := range strings.Split(text, ";") {
		name, value, ok := strings.Cut(part, ":")
		if ok && strings.EqualFold(strings.TrimSpace(name), "Username") && h.Comment == "" {
			h.Comment = strings.TrimSpace(value)
		}
	}
}

func sides(duplex string, long bool) string {
	switch {
	case duplex == "OFF":
		return "one-sided"
	case duplex == "ON" && long:
		return "two-sided-long-edge"
	case duplex == "ON":
		return "two-sided-short-edge"
	}
	return ""
}

// entered maps the names of ENTER LANGUAGE. Host-based languages that nobody
// can read are Unknown.
func entered(name string) Language {
	switch strings.ToUpper(strings.TrimSpace(name)) {
	case "PCL":
		return PCL
	case "PCLXL":
		return PCLXL
	case "POSTSCRIPT", "PS":
		return PostScript
	case "PDF":
		return PDF
	}
	return Unknown
}

// unquote takes a PJL value out of its quotes and makes it text.
func unquote(s string) string {
	s = strings.TrimSpace(s)
	if len(s) >= 2 && s[0] == '"' {
		if end := strings.IndexByte(s[1:], '"'); end >= 0 {
			s = s[1 : 1+end]
		}
	}
	return text([]byte(s))
}

// text makes valid UTF-8 of a stranger's octets: what is not UTF-8 is read as
// code page 1252. Control characters go, and what is too long is cut.
func text(b []byte) string {
	s := string(b)
	if !utf8.ValidString(s) {
		decoded, err := charmap.Windows1252.NewDecoder().Bytes(b)
		if err != nil {
			return ""
		}
		s = string(decoded)
	}
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return -1
		}
		return r
	}, s)
	for len(s) > maxValue {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}

// dscFor reads %%For from the header comments of a PostScript document (Adobe
// Document Structuring Conventions 3.0, section 5). They end at the first line
// that is no comment, or with %%EndComments.
func dscFor(b []byte) string {
	for n := 0; len(b) > 0 && n < maxLines; n++ {
		end := bytes.IndexAny(b, "\r\n")
		line := b
		if end >= 0 {
			line, b = b[:end], bytes.TrimLeft(b[end:], "\r\n")
		} else {
			b = nil
		}
		switch value, ok := bytes.CutPrefix(line, []byte("%%For:")); {
		case ok && bytes.Equal(bytes.TrimSpace(value), []byte("(atend)")):
			return "" // it comes at the end, where nobody looks
		case ok:
			return psText(bytes.TrimSpace(value))
		case bytes.HasPrefix(line, []byte("%%EndComments")):
			return ""
		case n > 0 && !bytes.HasPrefix(line, []byte("%")):
			return ""
		}
	}
	return ""
}

// psText reads a DSC text value: bare, in parentheses with escapes, or
// hexadecimal in angle brackets.
func psText(b []byte) string {
	if len(b) < 2 {
		return text(b)
	}
	switch b[0] {
	case '(':
		return text(psString(b[1:]))
	case '<':
		var out []byte
		digits := bytes.TrimSuffix(b[1:], []byte(">"))
		for i := 0; i+1 < len(digits); i += 2 {
			n, err := strconv.ParseUint(string(digits[i:i+2]), 16, 8)
			if err != nil {
				return ""
			}
			out = append(out, byte(n))
		}
		return text(out)
	}
	return text(b)
}

// psString reads a PostScript string up to its closing parenthesis.
func psString(b []byte) []byte {
	var out []byte
	depth := 1
	for i := 0; i < len(b); i++ {
		switch c := b[i]; c {
		case '\\':
			n, used := psEscape(b[i+1:])
			out = append(out, n...)
			i += used
		case '(':
			depth++
			out = append(out, c)
		case ')':
			if depth--; depth == 0 {
				return out
			}
			out = append(out, c)
		default:
			out = append(out, c)
		}
	}
	return out
}

// psEscape reads what follows a backslash: up to three octal digits, or one
// character.
func psEscape(b []byte) (octets []byte, used int) {
	n := 0
	for used < 3 && used < len(b) && b[used] >= '0' && b[used] <= '7' {
		n = n*8 + int(b[used]-'0')
		used++
	}
	switch {
	case used > 0:
		return []byte{byte(n)}, used
	case len(b) == 0:
		return nil, 0
	}
	return b[:1], 1
}
