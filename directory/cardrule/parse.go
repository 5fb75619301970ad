package cardrule

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Parse reads a rule in Platen's own form; see the package comment. An empty
// text is the rule that changes nothing. The error is a fault.Error of kind
// Invalid that says which function or character is wrong.
func Parse(text string) (Rule, error) {
	if len(text) > maxText {
		return Rule{}, refuse("A card number rule has at most %d characters.", maxText)
	}
	p := parser{text: text}
	if p.blank(); p.end() {
		return Rule{}, nil
	}
	r, err := p.rule()
	if err != nil {
		return Rule{}, err
	}
	if !p.end() {
		return Rule{}, p.unreadable()
	}
	return r, r.check()
}

// check holds a whole rule to its limits.
func (r Rule) check() error {
	if r.Len() > maxSteps {
		return refuse("A card number rule has at most %d functions.", maxSteps)
	}
	if len(r.String()) > maxText { // what is written short may be long in full
		return refuse("A card number rule has at most %d characters.", maxText)
	}
	return nil
}

// parser reads a rule from left to right.
//
//	rule     = function { "|" function }
//	function = name [ "(" argument { "," argument } ")" ]
//	argument = text | number | rule, as the function wants
type parser struct {
	text  string
	pos   int
	depth int
	steps int
}

func (p *parser) rule() (Rule, error) {
	if p.depth++; p.depth > maxDepth {
		return Rule{}, refuse("A card number rule has functions within functions at most %d deep.", maxDepth)
	}
	defer func() { p.depth-- }()
	var r Rule
	for {
		s, err := p.function()
		if err != nil {
			return Rule{}, err
		}
		if s.fn.name != "keep" { // it is what is left when there is nothing else
			r.steps = append(r.steps, s)
		}
		if p.blank(); !p.take('|') {
			return r, nil
		}
	}
}

func (p *parser) function() (step, error) {
	p.blank()
	start := p.pos
	for p.pos < len(p.text) && isName(p.text[p.pos]) {
		p.pos++
	}
	if start == p.pos {
		return step{}, p.unreadable()
	}
	name := p.text[start:p.pos]
	fn := find(name)
	if fn == nil {
		return step{}, refuse("There is no card number function %s. There are: %s.", name, Functions())
	}
	if p.steps++; p.steps > maxSteps {
		return step{}, refuse("A card number rule has at most %d functions.", maxSteps)
	}
	args, err := p.arguments(fn)
	if err != nil {
		return step{}, err
	}
	return fn.with(args...)
}

func (p *parser) arguments(fn *function) ([]value, error) {
	if p.blank(); !p.take('(') {
		return nil, nil
	}
	if p.blank(); p.take(')') {
		return nil, nil
	}
	var args []value
	for {
		kind := fn.param(len(args))
		if kind == 0 {
			return nil, fn.misused()
		}
		p.blank()
		a, err := p.argument(kind, fn)
		if err != nil {
			return nil, err
		}
		args = append(args, a)
		p.blank()
		switch {
		case p.take(')'):
			return args, nil
		case !p.take(','):
			return nil, p.unreadable()
		}
	}
}

func (p *parser) argument(kind byte, fn *function) (value, error) {
	if kind == 'r' {
		r, err := p.rule()
		return ruled(r), err
	}
	if !p.end() && (p.text[p.pos] == '"' || p.text[p.pos] == '`') {
		if kind == 'n' {
			return value{}, fn.misused()
		}
		return p.quoted()
	}
	start := p.pos
	for p.pos < len(p.text) && !strings.ContainsRune(" \t\r\n,()|\"`", rune(p.text[p.pos])) {
		p.pos++
	}
	word := p.text[start:p.pos]
	switch {
	case word == "":
		return value{}, p.unreadable()
	case kind == 't':
		return text(word), nil
	}
	n, err := strconv.Atoi(word)
	if err != nil {
		return value{}, fn.misused()
	}
	return number(n), nil
}

func (p *parser) quoted() (value, error) {
	q, err := strconv.QuotedPrefix(p.text[p.pos:])
	if err != nil {
		return value{}, refuse("The text in quotes at character %d cannot be read. In quotes a backslash is written twice; between back quotes it is written once.", p.at())
	}
	s, _ := strconv.Unquote(q) // QuotedPrefix has looked
	p.pos += len(q)
	return text(s), nil
}

func isName(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

func (p *parser) end() bool { return p.pos >= len(p.text) }

func (p *parser) blank() {
	for !p.end() && strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
}

func (p *parser) take(c byte) bool {
	if p.end() || p.text[p.pos] != c {
		return false
	}
	p.pos++
	return true
}

// at returns which character is next, as people count.
func (p *parser) at() int { return utf8.RuneCountInString(p.text[:p.pos]) + 1 }

// unreadable is the error of a character that cannot stand where it stands.
func (p *parser) unreadable() error {
	if p.end() {
		return refuse("The card number rule ends too early.")
	}
	_, size := utf8.DecodeRuneInString(p.text[p.pos:])
	return refuse("The card number rule cannot be read from character %d on, which is %q.", p.at(), p.text[p.pos:p.pos+size])
}

func text(s string) value { return value{kind: 't', text: s} }
func number(n int) value  { return value{kind: 'n', n: n} }
func ruled(r Rule) value  { return value{kind: 'r', rule: r} }

func (a *value) write(b *strings.Builder) {
	switch a.kind {
	case 't':
		b.WriteString(strconv.Quote(a.text))
	case 'n':
		b.WriteString(strconv.Itoa(a.n))
	default:
		b.WriteString(a.rule.String())
	}
}
