package setup

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"
	"unicode/utf16"
)

// shell makes one word of s for a POSIX shell, and leaves a harmless one as it is.
func shell(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune(harmless, r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

const harmless = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,"

// powerShell makes one string of s for PowerShell, in ASCII: Windows PowerShell
// reads a script without a byte order mark in the code page of the machine. It
// also takes typographic quotes for quotes.
func powerShell(s string) string {
	var b strings.Builder
	b.WriteByte('\'')
	split := false
	for _, r := range s {
		switch {
		case r == '\'':
			b.WriteString("''")
		case r >= ' ' && r <= '~':
			b.WriteRune(r)
		default:
			for _, u := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, "' + [char]0x%04X + '", u)
			}
			split = true
		}
	}
	b.WriteByte('\'')
	if split {
		return "(" + b.String() + ")"
	}
	return b.String()
}

// yaml makes one string of s for Ansible: a JSON string is one of YAML, and what
// would be a template is none.
func yaml(s string) (string, error) {
	for _, open := range []string{"{{", "{%", "{#"} {
		if strings.Contains(s, open) { // the first replacement must not be found by the next
			return quoteJSON(strings.NewReplacer("{{", "{{ '{{' }}", "{%", "{{ '{%' }}", "{#", "{{ '{#' }}").Replace(s))
		}
	}
	return quoteJSON(s)
}

func quoteJSON(s string) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return "", fmt.Errorf("setup: %w", err)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

func escapeXML(s string) (string, error) {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		return "", fmt.Errorf("setup: %w", err)
	}
	return b.String(), nil
}

// comment keeps a text within the line of a comment.
func comment(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}
