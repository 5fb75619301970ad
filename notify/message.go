package notify

import (
	"bytes"
	"crypto/rand"
	netmail "net/mail"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/wneessen/go-mail"

	"platen/fault"
)

const (
	maxText = 64 * 1024 // octets of a message's text
	width   = 72        // characters of its lines, as people quote them
)

// Message is a text for one person.
type Message struct {
	To       string // address
	Subject  string // one line
	Text     string // UTF-8, lines end with \n; longer ones are wrapped at spaces
	Language string // of the text, "de"; "" is not said
}

var languageTag = regexp.MustCompile(`^[A-Za-z0-9-]{1,35}$`)

// check refuses what must not get near a header.
func (m Message) check() error {
	const op = "notify.Message"
	wrong := func(kind fault.Kind, text string) error { return &fault.Error{Op: op, Kind: kind, Text: text} }
	switch {
	case !isAddress(m.To):
		return wrong(fault.Invalid, "This is not an e-mail address that mail can be sent to.")
	case strings.TrimSpace(m.Subject) == "" || !isName(m.Subject):
		return wrong(fault.Invalid, "The subject of a message is one line of text.")
	case len(m.Text) > maxText:
		return wrong(fault.TooLarge, "This message is too long to be sent by mail.")
	case !utf8.ValidString(m.Text) || strings.ContainsFunc(m.Text, forbidden):
		return wrong(fault.Invalid, "This message has characters that mail cannot have.")
	}
	return nil
}

// forbidden reports whether r may not be in a text. A carriage return may, but
// only as a part of a line's end, where wrap removes it.
func forbidden(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' }

// compose writes m as RFC 5322 wants it, in octets that every server takes: no
// line longer than 78, no octet above 127.
func (m Message) compose(c Config, now time.Time) ([]byte, error) {
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent())
	msg.FromMailAddress(&netmail.Address{Name: tidy(c.FromName), Address: c.From}) // FromFormat does not escape quotes
	msg.ToMailAddress(&netmail.Address{Address: m.To})
	msg.Subject(tidy(m.Subject))
	msg.SetDateWithValue(now)
	msg.SetMessageIDWithValue(rand.Text() + "@" + domain(c.From)) // the library's has the name of the machine
	msg.SetGenHeader("Auto-Submitted", "auto-generated")          // RFC 3834: no answer from who is on holiday
	if languageTag.MatchString(m.Language) {
		msg.SetGenHeader("Content-Language", m.Language)
	}
	msg.SetBodyString(mail.TypeTextPlain, wrap(m.Text))
	var b bytes.Buffer
	_, err := msg.WriteTo(&b)
	return b.Bytes(), err
}

// tidy makes a line survive being folded, and not look as if it were encoded
// already: RFC 2047, section 2.
func tidy(s string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "=?", "= ?")
}

// wrap breaks lines at spaces, so that they are no longer than width unless a
// single word is, and ends the last one.
func wrap(text string) string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		wrapLine(&b, strings.TrimRight(line, " \t"))
	}
	return b.String()
}

func wrapLine(b *strings.Builder, line string) {
	for utf8.RuneCountInString(line) > width {
		at := breakAt(line)
		if at < 0 {
			break
		}
		b.WriteString(strings.TrimRight(line[:at], " "))
		b.WriteByte('\n')
		line = strings.TrimLeft(line[at:], " ")
	}
	b.WriteString(line)
	b.WriteByte('\n')
}

// breakAt returns the last space of line's first width characters that follows
// a word, else the first one behind them, else -1.
func breakAt(line string) int {
	at, seen, word := -1, 0, false
	for i, r := range line {
		if seen > width && at >= 0 {
			break
		}
		if r == ' ' && word {
			at = i
		}
		word = word || r != ' '
		seen++
	}
	return at
}
