package directory

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"platen/fault"
)

func sample() Brought {
	return Brought{
		Answer: Answer{
			Full: false, Cursor: []byte{0, 1, 0xff}, Problems: []string{"an entry was passed over: x"},
			People: []Record{
				{Key: "1", DN: "uid=anna", Base: "ou=a", Login: "anna", UPN: "anna@example.org", Email: "a@example.org", FullName: "Anna <&> Bell\u2028", Department: "D1",
					Language: "de", Aliases: []string{"ab", "a.b"}, Enabled: true, Cards: []string{"04A1B2C3D4"}, PIN: "246810"},
				{Key: "2", Login: "ben"},
			},
			Groups: []GroupRecord{{Key: "g", Name: "staff", DN: "cn=staff", Base: "ou=g", People: []string{"1", "2"}, Members: []string{"h"}}},
			Gone:   []string{"3"},
		},
		Since: []byte("before"),
	}
}

func written(t testing.TB, b Brought) string {
	t.Helper()
	var out bytes.Buffer
	if err := b.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestBroughtTravels(t *testing.T) {
	for name, b := range map[string]Brought{
		"changes": sample(), "nobody": {}, "everybody": {Answer: Answer{Full: true, People: sample().People}, DryRun: true},
	} {
		got, err := ReadBrought(strings.NewReader(written(t, b)))
		if err != nil || !reflect.DeepEqual(got, b) {
			t.Errorf("%s: %v\nread  %+v\nwrote %+v", name, err, got, b)
		}
	}
}

// F48: what is not whole, or not exactly what was meant, is nothing.
func TestF48BroughtRefused(t *testing.T) {
	const head = `{"full":true,"since":null,"cursor":"YQ==","dry_run":false,"problems":null}` + "\n"
	const anna = `{"person":{"key":"1","login":"anna","enabled":true}}` + "\n"
	const end = `{"end":{"people":1,"groups":0,"gone":0}}` + "\n"
	if _, err := ReadBrought(strings.NewReader(head + anna + end)); err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{
		"nothing":              "",
		"only a head":          head,
		"no head":              anna + end,
		"no end":               head + anna,
		"half a last line":     head + anna + strings.TrimSuffix(end, "\n"),
		"half a line":          head + anna[:20],
		"an empty line":        head + "\n" + anna + end,
		"a count too low":      head + end,
		"a count too high":     head + anna + anna + end,
		"something behind":     head + anna + end + "x",
		"two answers":          head + anna + end + head + anna + end,
		"two values":           head + strings.TrimSpace(anna) + anna + end,
		"two things":           head + `{"person":{"key":"1","login":"anna","enabled":true},"group":{"key":"g","name":"g"}}` + "\n" + end,
		"no thing":             head + `{}` + "\n" + anna + end,
		"null":                 head + `{"person":null}` + "\n" + anna + end,
		"an unknown thing":     head + `{"device":{}}` + "\n" + anna + end,
		"an unknown field":     head + `{"person":{"key":"1","login":"anna","enabled":true,"right":"administer"}}` + "\n" + end,
		"an unknown head":      `{"full":true,"approved":true}` + "\n" + anna + end,
		"no enabled":           head + `{"person":{"key":"1","login":"anna"}}` + "\n" + end,
		"no key":               head + `{"person":{"login":"anna","enabled":true}}` + "\n" + end,
		"a group without key":  head + anna + `{"group":{"name":"g"}}` + "\n" + `{"end":{"people":1,"groups":1,"gone":0}}` + "\n",
		"NUL":                  head + `{"person":{"key":"1","login":"an\u0000na","enabled":true}}` + "\n" + end,
		"NUL in a problem":     `{"full":true,"problems":["\u0000"]}` + "\n" + anna + end,
		"gone of everybody":    head + anna + `{"gone":"2"}` + "\n" + `{"end":{"people":1,"groups":0,"gone":1}}` + "\n",
		"gone without a key":   `{"since":"YQ=="}` + "\n" + `{"gone":""}` + "\n" + `{"end":{"people":0,"groups":0,"gone":1}}` + "\n",
		"a cursor that is not": `{"full":true,"cursor":"?"}` + "\n" + anna + end,
		"a number":             head + "1\n" + anna + end,
		"not JSON":             "<html>\n",
	}
	for name, text := range tests {
		if got, err := ReadBrought(strings.NewReader(text)); !fault.Is(err, fault.Invalid) || !reflect.DeepEqual(got, Brought{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	whole := written(t, sample())
	for n := range len(whole) {
		if _, err := ReadBrought(strings.NewReader(whole[:n])); !fault.Is(err, fault.Invalid) {
			t.Fatalf("%d of %d octets: %v", n, len(whole), err)
		}
	}
}

func TestBroughtLimits(t *testing.T) {
	text := func(lines ...string) string { return "{\"full\":true}\n" + strings.Join(lines, "\n") + "\n" }
	one := `{"person":{"key":"1","login":"a","enabled":true}}`
	tests := map[string]struct {
		text   string
		limits wireLimits
	}{
		"a long line":  {text(`{"person":{"key":"` + strings.Repeat("1", 200)), wireLimits{line: 200, entries: 3, weight: 10_000}},
		"many entries": {text(one, one, one, one), wireLimits{line: 200, entries: 3, weight: 10_000}},
		"many octets":  {text(one, one, one), wireLimits{line: 200, entries: 30, weight: 150}},
		"many texts": {text(`{"person":{"key":"1","login":"a","enabled":true,"aliases":["","","","","","","","","","","","","","","","",""]}}`),
			wireLimits{line: 200, entries: 30, weight: 500}},
	}
	if _, err := readBrought(strings.NewReader(text(one, one, one, `{"end":{"people":3,"groups":0,"gone":0}}`)), wireLimits{line: 200, entries: 3, weight: 2000}); err != nil {
		t.Error(err)
	}
	for name, tt := range tests {
		if _, err := readBrought(strings.NewReader(tt.text), tt.limits); !fault.Is(err, fault.TooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The real limit of a line, from somebody who never ends it.
	endless := io.MultiReader(strings.NewReader(`{"problems":["`), zeros{})
	if _, err := ReadBrought(endless); !fault.Is(err, fault.TooLarge) {
		t.Errorf("a line without an end: %v", err)
	}
}

// zeros is a line that never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

func TestBroughtReadFollowsTheCursor(t *testing.T) {
	b := sample()
	for cursor, ok := range map[string]bool{"before": true, "later": false, "": false} {
		_, err := b.Read(t.Context(), []byte(cursor), nil)
		if (err == nil) != ok || err != nil && !errors.Is(err, ErrAnew) {
			t.Errorf("changes since “before” after %q: %v", cursor, err)
		}
	}
	b.Full, b.Gone = true, nil
	read := 0
	if a, err := b.Read(t.Context(), []byte("later"), func(n int) { read = n }); err != nil || len(a.People) != 2 || read != 3 {
		t.Errorf("everybody: %v, %d", err, read)
	}
}

// FuzzAnswer: what is read is whole and says the same when it is written again;
// what is refused is refused as the sender's mistake.
func FuzzAnswer(f *testing.F) {
	whole := written(f, sample())
	f.Add(whole)
	f.Add(whole[:len(whole)-10])
	f.Add(written(f, Brought{Answer: Answer{Full: true}}))
	f.Add("{}\n{\"end\":{\"people\":0,\"groups\":0,\"gone\":0}}\n")
	f.Add("{\"full\":true}\n{\"person\":{\"key\":\"\\ud800\",\"login\":\"\\u0000\",\"enabled\":null}}\n")
	f.Add("{\"Full\":1e400}\n" + strings.Repeat("[", 1000))
	f.Fuzz(func(t *testing.T, text string) {
		b, err := readBrought(strings.NewReader(text), wireLimits{line: 4096, entries: 20, weight: 16 << 10})
		if err != nil {
			if !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.TooLarge) {
				t.Errorf("%q became %v", text, err)
			}
			return
		}
		again, err := ReadBrought(strings.NewReader(written(t, b)))
		if err != nil || !sameAnswer(again, b) {
			t.Errorf("%q: %v\nread  %+v\nagain %+v", text, err, b, again)
		}
		if b.Full && len(b.Gone) > 0 || len(b.People)+len(b.Groups)+len(b.Gone) > 20 {
			t.Errorf("%q gave %+v", text, b)
		}
	})
}

// sameAnswer takes an empty list for none.
func sameAnswer(a, b Brought) bool {
	if len(a.People) != len(b.People) || len(a.Groups) != len(b.Groups) || len(a.Gone) != len(b.Gone) {
		return false
	}
	key := []byte("k")
	for i := range a.People {
		if a.People[i].Digest(key) != b.People[i].Digest(key) || a.People[i].Key != b.People[i].Key || a.People[i].DN != b.People[i].DN {
			return false
		}
	}
	for i := range a.Groups {
		if a.Groups[i].Digest(key) != b.Groups[i].Digest(key) || a.Groups[i].Key != b.Groups[i].Key {
			return false
		}
	}
	return a.Full == b.Full && a.DryRun == b.DryRun && bytes.Equal(a.Since, b.Since) && bytes.Equal(a.Cursor, b.Cursor) && strings.Join(a.Gone, "\n") == strings.Join(b.Gone, "\n")
}
