package notify

import (
	"bytes"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"platen/fault"
)

var (
	noon   = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	sender = Config{Host: "mail.example.test", From: "print@example.test", FromName: "Drucken im Büro"}
)

// read parses a message back, as its recipient would.
func read(t *testing.T, octets []byte) (h mail.Header, subject, text string) {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(octets))
	if err != nil {
		t.Fatalf("%v\n%q", err, octets)
	}
	subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	if e := m.Header.Get("Content-Transfer-Encoding"); e != "quoted-printable" {
		t.Errorf("encoding %q", e)
	}
	b, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	return m.Header, subject, strings.ReplaceAll(string(b), "\r\n", "\n")
}

func TestCompose(t *testing.T) {
	m := Message{To: "anna@example.test", Subject: "Ihre neue PIN für das Drucken", Text: "Grüße\n.\nFrom here\n", Language: "de"}
	octets, err := m.compose(sender, noon)
	if err != nil {
		t.Fatal(err)
	}
	h, subject, text := read(t, octets)
	if subject != m.Subject || text != m.Text {
		t.Errorf("%q, %q", subject, text)
	}
	for name, want := range map[string]string{
		"To":               "<anna@example.test>",
		"Auto-Submitted":   "auto-generated",
		"Content-Language": "de",
		"Date":             "Sat, 14 Mar 2026 12:00:00 +0000",
		"Mime-Version":     "1.0",
		"User-Agent":       "",
		"X-Mailer":         "",
		"Content-Type":     "text/plain; charset=UTF-8",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	from, err := h.AddressList("From")
	if err != nil || len(from) != 1 || *from[0] != (mail.Address{Name: sender.FromName, Address: sender.From}) {
		t.Errorf("from %v, %v", from, err)
	}
	if id := h.Get("Message-ID"); !strings.HasPrefix(id, "<") || !strings.HasSuffix(id, "@example.test>") {
		t.Errorf("Message-ID %q", id)
	}
	other, err := m.compose(sender, noon)
	if err != nil || bytes.Equal(octets, other) {
		t.Errorf("two messages have one Message-ID, %v", err)
	}
}

func TestRefusedMessages(t *testing.T) {
	tests := map[string]struct {
		change func(*Message)
		kind   fault.Kind
	}{
		"header in the subject":      {func(m *Message) { m.Subject = "PIN\r\nBcc: eve@example.test" }, fault.Invalid},
		"bare LF in the subject":     {func(m *Message) { m.Subject = "PIN\nBcc: eve@example.test" }, fault.Invalid},
		"NUL in the subject":         {func(m *Message) { m.Subject = "PIN\x00" }, fault.Invalid},
		"a subject that turns round": {func(m *Message) { m.Subject = "PIN \u202Etset.elpmaxe" }, fault.Invalid},
		"no subject":                 {func(m *Message) { m.Subject = " " }, fault.Invalid},
		"a long subject":             {func(m *Message) { m.Subject = strings.Repeat("x", maxName+1) }, fault.Invalid},
		"no recipient":               {func(m *Message) { m.To = "" }, fault.Invalid},
		"header in the recipient":    {func(m *Message) { m.To = "anna@example.test\r\nBcc: eve@example.test" }, fault.Invalid},
		"command in the recipient":   {func(m *Message) { m.To = "anna@example.test>\r\nRCPT TO:<eve@example.test" }, fault.Invalid},
		"two recipients":             {func(m *Message) { m.To = "anna@example.test, eve@example.test" }, fault.Invalid},
		"a name before it":           {func(m *Message) { m.To = "Anna <anna@example.test>" }, fault.Invalid},
		"parameters":                 {func(m *Message) { m.To = "anna@example.test> NOTIFY=NEVER" }, fault.Invalid},
		"quotes":                     {func(m *Message) { m.To = `"a b"@example.test` }, fault.Invalid},
		"letters beyond ASCII":       {func(m *Message) { m.To = "änna@example.test" }, fault.Invalid},
		"a route":                    {func(m *Message) { m.To = "@a,@b:anna@example.test" }, fault.Invalid},
		"no UTF-8":                   {func(m *Message) { m.Text = "\xff" }, fault.Invalid},
		"a bell":                     {func(m *Message) { m.Text = "\a" }, fault.Invalid},
		"too long":                   {func(m *Message) { m.Text = strings.Repeat("x", maxText+1) }, fault.TooLarge},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m := Message{To: "anna@example.test", Subject: "Your new PIN", Text: "It is 246810.\n"}
			if err := m.check(); err != nil {
				t.Fatal(err)
			}
			tt.change(&m)
			if err := m.check(); !fault.Is(err, tt.kind) {
				t.Errorf("%v, want %v", err, tt.kind)
			}
		})
	}
}

func TestWrap(t *testing.T) {
	long := strings.Repeat("x", 100)
	tests := map[string]struct{ in, want string }{
		"short":        {"one\ntwo", "one\ntwo\n"},
		"empty lines":  {"one\n\n\ntwo\n\n\n", "one\n\n\ntwo\n"},
		"Windows":      {"one\r\ntwo\rthree", "one\ntwo\nthree\n"},
		"at a space":   {strings.Repeat("word ", 15) + "end", strings.Repeat("word ", 13) + "word\nword end\n"},
		"exactly":      {strings.Repeat("x", 72), strings.Repeat("x", 72) + "\n"},
		"a long word":  {"see " + long + " there", "see\n" + long + "\nthere\n"},
		"only a word":  {long, long + "\n"},
		"by letters":   {strings.Repeat("äöü ", 18), strings.TrimSpace(strings.Repeat("äöü ", 18)) + "\n"},
		"spaces first": {"  " + long, "  " + long + "\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := wrap(tt.in); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

var ours = []string{"Auto-Submitted", "Content-Language", "Content-Transfer-Encoding", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To"}

// Whatever is in a message that is not refused: its recipient reads that subject
// and that text, and there is no header that is not ours.
func FuzzMessage(f *testing.F) {
	f.Add("anna@example.test", "Ihre neue PIN", "Grüße\n", "Drucken", "de")
	f.Add("a@b", "=?utf-8?q?PIN=0D=0ABcc:_eve@b?=", "\r\n.\r\nMAIL FROM:<x@y>\r\n", "=?utf-8?q?x?=", "")
	f.Add("a+b=c@d.e", strings.Repeat("wörter ", 25), strings.Repeat("x ", 2000), `"Q" <q@q>, \`, "x-y")
	f.Add("a@b", "a  b\u2028c \u00a0d", "\t\x85 trailing \n", strings.Repeat("n", 200), "de\r\nBcc: e@b")
	f.Fuzz(func(t *testing.T, to, subject, text, name, language string) {
		c := sender
		c.FromName = name
		m := Message{To: to, Subject: subject, Text: text, Language: language}
		if c.Check() != nil || m.check() != nil {
			return
		}
		octets, err := m.compose(c, noon)
		if err != nil {
			t.Fatalf("was not refused before: %v", err)
		}
		if rest := bytes.ReplaceAll(octets, []byte("\r\n"), nil); bytes.ContainsAny(rest, "\r\n") {
			t.Fatalf("a bare CR or LF in %q", octets)
		}
		for l := range bytes.SplitSeq(octets, []byte("\r\n")) {
			if len(l) > 998 || bytes.ContainsFunc(l, func(r rune) bool { return r >= utf8.RuneSelf }) {
				t.Errorf("a line that not every server takes: %q", l)
			}
		}
		h, gotSubject, gotText := read(t, octets)
		if gotSubject != tidy(subject) || gotText != wrap(text) {
			t.Errorf("got  %q, %q\nwant %q, %q", gotSubject, gotText, tidy(subject), wrap(text))
		}
		if from, err := h.AddressList("From"); err != nil || len(from) != 1 || from[0].Address != c.From || from[0].Name != tidy(name) {
			t.Errorf("from %q, %v, want %q", h.Get("From"), err, name)
		}
		if rcpt, err := h.AddressList("To"); err != nil || len(rcpt) != 1 || rcpt[0].Address != to {
			t.Errorf("to %q, %v", h.Get("To"), err)
		}
		for key := range h {
			if !slices.Contains(ours, key) {
				t.Errorf("a header of somebody else: %s in %q", key, octets)
			}
		}
	})
}
