package notify

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Translate says a sentence, which is a key of the catalogue, in a language. A
// nil one speaks English.
type Translate func(language, sentence string, args ...any) string

// stamp is how times are written in every language: ISO 8601, to the minute.
const stamp = "2006-01-02 15:04"

// line is one paragraph of a message, or its subject.
type line struct {
	Text string // the catalogue's key
	Args []any  // what it speaks of
}

// PINMessage tells a person the PIN that was made for them.
func PINMessage(say Translate, language, name, pin string) Message {
	return say.letter(language, name, line{Text: "Your new PIN for printing"},
		line{Text: "Your new PIN for printing is %s.", Args: []any{pin}},
		line{Text: "Your old PIN is no longer valid."},
		line{Text: "Please keep the PIN to yourself. The help desk will never ask you for it."})
}

// CodeMessage tells a person the code that they have asked for. The times of
// this and the other messages are written in their own time zone.
func CodeMessage(say Translate, language, name, code string, until time.Time) Message {
	return say.letter(language, name, line{Text: "Your code for signing in"},
		line{Text: "Your code is %s.", Args: []any{code}},
		line{Text: "It can be used once, until %s.", Args: []any{until.Format(stamp)}},
		line{Text: "If you have not asked for a code, please ignore this message."})
}

// CardRegistered tells a person that somebody, they themselves as we hope, has
// registered a card. last is the end of its number, where the name of the
// device or page; both may be empty.
func CardRegistered(say Translate, language, name, last, where string, at time.Time) Message {
	what := line{Text: "A card was registered on your account on %s.", Args: []any{at.Format(stamp)}}
	if where != "" {
		what = line{Text: "A card was registered on your account on %s, at %s.", Args: []any{at.Format(stamp), clean(where)}}
	}
	lines := []line{what}
	if last != "" {
		lines = append(lines, line{Text: "Its number ends in %s.", Args: []any{clean(last)}})
	}
	lines = append(lines, line{Text: "If this was not you, please tell the help desk at once: whoever has the card can print your documents."})
	return say.letter(language, name, line{Text: "A card was registered on your account"}, lines...)
}

// GuestSlip tells a guest how to print here: as whom, with which PIN, and for
// how long.
func GuestSlip(say Translate, language, name, login, pin string, until time.Time) Message {
	return say.letter(language, name, line{Text: "Printing as a guest"},
		line{Text: "You can print here as a guest until %s.", Args: []any{until.Format(stamp)}},
		line{Text: "Your user name is %s.", Args: []any{clean(login)}},
		line{Text: "Your PIN is %s.", Args: []any{pin}},
		line{Text: "Type both at the device to print your documents."})
}

// letter puts a message together: greeting, paragraphs, and who has sent it.
func (say Translate) letter(language, name string, subject line, lines ...line) Message {
	greeting := line{Text: "Good day,"}
	if name = clean(name); name != "" {
		greeting = line{Text: "Good day %s,", Args: []any{name}}
	}
	lines = append(append([]line{greeting}, lines...), line{Text: "The print service sends this message by itself. Please do not answer it."})
	said := make([]string, len(lines))
	for i, l := range lines {
		said[i] = say.line(language, l)
	}
	return Message{Subject: say.line(language, subject), Text: strings.Join(said, "\n\n") + "\n", Language: language}
}

func (say Translate) line(language string, l line) string {
	if say == nil {
		return fmt.Sprintf(l.Text, l.Args...)
	}
	return say(language, l.Text, l.Args...)
}

// clean makes a name that somebody else wrote fit for the middle of a sentence:
// one line, of a length that names have, so that it cannot add sentences that
// look like ours.
func clean(name string) string { return cleanTo(name, 80) }

// cleanTo is clean for what may be longer, in characters.
func cleanTo(name string, most int) string {
	name = strings.Map(func(r rune) rune {
		if unseen(r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, name)
	runes := []rune(strings.Join(strings.Fields(name), " "))
	return strings.TrimSpace(string(runes[:min(len(runes), most)]))
}
