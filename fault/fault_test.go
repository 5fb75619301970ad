package fault

import (
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestText(t *testing.T) {
	private := Text(errors.New("sqlite: /var/lib/platen/platen.db is on fire"))
	person := &Error{Op: "release.card", Kind: Denied, Text: "This card belongs to %s.", Args: []any{"nobody"}, Err: io.ErrUnexpectedEOF}
	tests := map[string]struct {
		err  error
		text string
		kind Kind
	}{
		"prepared":              {person, "This card belongs to nobody.", Denied},
		"with context":          {fmt.Errorf("ui: %w", person), "This card belongs to nobody.", Denied},
		"outermost sentence":    {&Error{Kind: Full, Text: "No room.", Err: person}, "No room.", Full},
		"sentence further down": {&Error{Kind: Conflict, Err: person}, "This card belongs to nobody.", Conflict},
		"nobody prepared it":    {errors.New("x"), private, Internal},
		"no sentence at all":    {&Error{Kind: Unavailable, Err: errors.New("secret path")}, private, Unavailable},
		"nil":                   {nil, private, Internal},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Text(tt.err); got != tt.text {
				t.Errorf("Text = %q, want %q", got, tt.text)
			}
			if got := KindOf(tt.err); got != tt.kind {
				t.Errorf("KindOf = %v, want %v", got, tt.kind)
			}
		})
	}
	if Is(nil, Internal) {
		t.Error("nil is a failure")
	}
	if !errors.Is(person, io.ErrUnexpectedEOF) {
		t.Error("the cause is lost")
	}
	if want := "release.card: denied: This card belongs to nobody.: unexpected EOF"; person.Error() != want {
		t.Errorf("for the log: %q, want %q", person.Error(), want)
	}
}

func TestKindsTravelAsWords(t *testing.T) {
	for k := Internal; k <= Unavailable; k++ {
		if got := ParseKind(k.String()); got != k {
			t.Errorf("%v came back as %v", k, got)
		}
	}
	if ParseKind("kind(99)") != Internal || Kind(99).String() != "kind(99)" {
		t.Error("a kind that nobody knows is not Internal")
	}
}
