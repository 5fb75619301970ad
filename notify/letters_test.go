package notify

import (
	"fmt"
	"strings"
	"testing"
)

func TestLetters(t *testing.T) {
	tests := map[string]struct {
		got     Message
		subject string
		parts   []string
	}{
		"PIN": {PINMessage(nil, "en", "Anna Berg", "246810"), "Your new PIN for printing",
			[]string{"Good day Anna Berg,\n\n", "is 246810.", "old PIN"}},
		"code": {CodeMessage(nil, "en", "", "771204", noon), "Your code for signing in",
			[]string{"Good day,\n\n", "is 771204.", "until 2026-03-14 12:00."}},
		"card": {CardRegistered(nil, "en", "Anna", "3D4", "Ricoh, 2nd floor", noon), "A card was registered on your account",
			[]string{"on 2026-03-14 12:00, at Ricoh, 2nd floor.", "ends in 3D4."}},
		"a card somewhere": {CardRegistered(nil, "en", "Anna", "", "", noon), "A card was registered on your account",
			[]string{"on 2026-03-14 12:00.\n\nIf this was not you"}},
		"guest": {GuestSlip(nil, "en", "Eve", "guest-7", "909132", noon), "Printing as a guest",
			[]string{"until 2026-03-14 12:00.", "is guest-7.", "is 909132."}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.got.Subject != tt.subject || tt.got.Language != "en" || tt.got.To != "" {
				t.Errorf("%+v", tt.got)
			}
			for _, p := range tt.parts {
				if !strings.Contains(tt.got.Text, p) {
					t.Errorf("%q is not in\n%s", p, tt.got.Text)
				}
			}
			tt.got.To = "anna@example.test"
			if err := tt.got.check(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A secret in a subject is read on locked screens and kept in logs of servers.
func TestSubjectsHaveNoSecret(t *testing.T) {
	for _, m := range []Message{PINMessage(nil, "", "n", "246810"), CodeMessage(nil, "", "n", "246810", noon), GuestSlip(nil, "", "n", "l", "246810", noon)} {
		if strings.Contains(m.Subject, "246810") {
			t.Error(m.Subject)
		}
	}
}

func TestLettersAreTranslated(t *testing.T) {
	say := func(language, sentence string, args ...any) string {
		return language + ":" + fmt.Sprintf(sentence, args...)
	}
	m := PINMessage(say, "de", "Anna", "246810")
	if m.Subject != "de:Your new PIN for printing" || !strings.HasPrefix(m.Text, "de:Good day Anna,\n\nde:Your new") {
		t.Errorf("%q, %q", m.Subject, m.Text)
	}
}

// Who may choose his own name cannot write sentences of ours with it.
func TestNamesAreOneLine(t *testing.T) {
	m := PINMessage(nil, "en", "Anna,\n\nYour PIN is void: https://evil.example\r\n\u202E%s\xff", "246810")
	first, _, _ := strings.Cut(m.Text, "\n")
	if first != "Good day Anna, Your PIN is void: https://evil.example %s," {
		t.Errorf("%q", first)
	}
	if m = PINMessage(nil, "en", strings.Repeat("ä", 500), "1"); !strings.HasPrefix(m.Text, "Good day "+strings.Repeat("ä", 80)+",\n") {
		t.Errorf("%q", m.Text)
	}
}
