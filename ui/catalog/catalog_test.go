package catalog

import (
	"testing"

	"golang.org/x/text/language"
)

func newCatalog(t *testing.T) *Catalog {
	t.Helper()
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestText(t *testing.T) {
	tests := map[string]struct {
		language, key string
		args          []any
		want          string
	}{
		"English is the key":           {"en", "Sign out", nil, "Sign out"},
		"German":                       {"de", "Sign out", nil, "Abmelden"},
		"with a name":                  {"de", "Released at %s.", []any{"Ricoh %d"}, "An Ricoh %d freigegeben."},
		"unknown in German":            {"de", "Nobody has said this %s.", []any{"before"}, "Nobody has said this before."},
		"a finished sentence":          {"de", "It is 100% done, %s and all.", nil, "It is 100% done, %s and all."},
		"one page":                     {"en", "%d pages", []any{1}, "1 page"},
		"eine Seite":                   {"de", "%d pages", []any{1}, "1 Seite"},
		"no page":                      {"en", "%d pages", []any{0}, "0 pages"},
		"many":                         {"de", "%d pages", []any{12345}, "12345 Seiten"},
		"numbers of jobs have no dots": {"de", "There is no job %d.", []any{int64(1234567)}, "Es gibt keinen Auftrag 1234567."},
		"print one":                    {"en", "Print all %d", []any{1}, "Print"},
		"print three":                  {"de", "Print all %d", []any{3}, "Alle 3 drucken"},
	}
	c := newCatalog(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := c.Printer(c.Find(tt.language)).Text(tt.key, tt.args...); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestDecimal(t *testing.T) {
	c := newCatalog(t)
	for code, want := range map[string]string{"en": "2.5", "de": "2,5"} {
		if got := c.Printer(c.Find(code)).Decimal(2.5, 1); got != want {
			t.Errorf("%s: %q, want %q", code, got, want)
		}
	}
}

func TestMatch(t *testing.T) {
	tests := map[string]struct {
		wishes []string
		want   string
	}{
		"nothing":                {nil, "en"},
		"a code":                 {[]string{"de"}, "de"},
		"a region":               {[]string{"de-CH"}, "de"},
		"a header":               {[]string{"fr;q=0.9, de;q=0.8, en;q=0.1"}, "de"},
		"the first wish counts":  {[]string{"en", "de"}, "en"},
		"an empty one does not":  {[]string{"", "de"}, "de"},
		"one that nobody speaks": {[]string{"ja", "de"}, "de"},
		"nonsense":               {[]string{"\x00;;q=", "de"}, "de"},
		"English of anywhere":    {[]string{"en-AU", "de"}, "en"},
		"everything":             {[]string{"*"}, "en"},
		"Dutch is not German":    {[]string{"nl"}, "en"},
	}
	c := newCatalog(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := c.Match(tt.wishes...).Code(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestALanguageMore(t *testing.T) {
	c, err := New(&Language{Tag: language.Arabic, Name: "العربية", Dir: "rtl", Sentences: map[string]string{"Sign out": "خروج"}})
	if err != nil {
		t.Fatal(err)
	}
	l := c.Match("ar-EG")
	if l.Dir != "rtl" || c.Printer(l).Text("Sign out") != "خروج" || c.Printer(l).Text("Sign in") != "Sign in" {
		t.Errorf("%s, %s", l.Dir, c.Printer(l).Text("Sign out"))
	}
	if c.Find("ar") == nil || c.Find("xx") != nil || len(c.Languages()) != 3 {
		t.Error("the languages are not as added")
	}
}

// FuzzMatch: whatever a stranger's browser wishes for, it gets a language.
func FuzzMatch(f *testing.F) {
	for _, s := range []string{"de", "en-US,en;q=0.5", "*;q=0", "x-klingon", "de;q=\xff", "zh-Hant-TW-u-ca-roc"} {
		f.Add(s)
	}
	c, err := New()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if c.Match(header) == nil {
			t.Errorf("no language for %q", header)
		}
	})
}
