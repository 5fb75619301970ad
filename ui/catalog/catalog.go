// Package catalog holds what people read, in their languages.
//
// The English sentence is the key: it stands where something happens, in a
// fault.Error, a line of a job's history, or a template, and this package knows
// how the other languages say it. A sentence that a language does not know is
// shown in English, which is better than nothing; a test reads the whole tree
// and fails for every sentence that has no German.
package catalog

import (
	"fmt"
	"maps"
	"slices"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/message/catalog"
	"golang.org/x/text/number"
)

// Language is one language that pages can be shown in.
type Language struct {
	Tag  language.Tag
	Name string // in itself: "Deutsch"
	Dir  string // "ltr" or "rtl"

	Sentences map[string]string // by their English key
	Counted   map[string]Counted
}

// Counted is a sentence that depends on its first number.
type Counted struct{ One, Other string }

// Code returns the language as HTML and settings write it, "de".
func (l *Language) Code() string { return l.Tag.String() }

// Catalog is a set of languages. It does not change once it is made, and may
// be used by everybody at the same time.
type Catalog struct {
	languages []*Language
	matcher   language.Matcher
	messages  *catalog.Builder
}

// New returns the catalogue with English, German and more.
func New(more ...*Language) (*Catalog, error) {
	c := &Catalog{languages: append([]*Language{english, german}, more...)}
	c.messages = catalog.NewBuilder(catalog.Fallback(language.English))
	tags := make([]language.Tag, len(c.languages))
	for i, l := range c.languages {
		tags[i] = l.Tag
		if err := c.add(l); err != nil {
			return nil, fmt.Errorf("catalog: %s: %w", l.Tag, err)
		}
	}
	c.matcher = language.NewMatcher(tags)
	return c, nil
}

func (c *Catalog) add(l *Language) error {
	for _, key := range slices.Sorted(maps.Keys(l.Sentences)) {
		if err := c.messages.SetString(l.Tag, key, l.Sentences[key]); err != nil {
			return fmt.Errorf("%q: %w", key, err)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(l.Counted)) {
		n := l.Counted[key]
		if err := c.messages.Set(l.Tag, key, plural.Selectf(1, "%d", "=1", n.One, "other", n.Other)); err != nil {
			return fmt.Errorf("%q: %w", key, err)
		}
	}
	return nil
}

// Languages returns all languages, English first.
func (c *Catalog) Languages() []*Language { return c.languages }

// Find returns the language with exactly this code, or nil.
func (c *Catalog) Find(code string) *Language {
	for _, l := range c.languages {
		if l.Code() == code {
			return l
		}
	}
	return nil
}

// Match returns the first of the wishes that can be fulfilled, English when
// there is none. A wish is a language code or an Accept-Language header.
func (c *Catalog) Match(wishes ...string) *Language {
	for _, w := range wishes {
		tags, _, err := language.ParseAcceptLanguage(w)
		if err != nil || len(tags) == 0 {
			continue // nonsense from a stranger is no wish
		}
		if _, i, confidence := c.matcher.Match(tags...); confidence >= language.High {
			return c.languages[i]
		}
	}
	return c.languages[0]
}

// Printer says sentences in one language. It serves one request.
type Printer struct {
	Language *Language
	printer  *message.Printer
}

// Printer returns a printer for l.
func (c *Catalog) Printer(l *Language) *Printer {
	return &Printer{Language: l, printer: message.NewPrinter(l.Tag, message.Catalog(c.messages))}
}

// Text says key in the printer's language. Whole numbers are written without
// separators: most of them are names of jobs and not amounts.
func (p *Printer) Text(key string, args ...any) string {
	if len(args) == 0 {
		// Sentences without arguments may hold a percent sign in the clear: a
		// job's message is one, finished, by the time it gets here.
		if !p.knows(key) {
			return key
		}
		return p.printer.Sprintf(key)
	}
	plain := make([]any, len(args))
	for i, a := range args {
		switch n := a.(type) {
		case int:
			plain[i] = number.Decimal(n, number.NoSeparator())
		case int64:
			plain[i] = number.Decimal(n, number.NoSeparator())
		default:
			plain[i] = a
		}
	}
	return p.printer.Sprintf(key, plain...)
}

func (p *Printer) knows(key string) bool {
	_, ok := p.Language.Sentences[key]
	return ok
}

// Decimal says a number with that many digits after the point.
func (p *Printer) Decimal(n float64, digits int) string {
	return p.printer.Sprint(number.Decimal(n, number.MaxFractionDigits(digits)))
}
