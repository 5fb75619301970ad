package cardrule

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A foreign rule is a list of calls, name(argument,...), in the words of
// another vendor. Arguments have no quotes.

// foreignFunction is what another vendor's function is here.
type foreignFunction struct {
	usage  string
	params string // n a number from 0, i any number, s text, c one character; behind ? what may be missing
	make   func(a []value) []step
}

// foreign is the language of one vendor.
type foreign struct {
	vendor    string
	functions map[string]foreignFunction
}

// same is a function that has no arguments and a name here.
func same(name, ours string) foreignFunction {
	return foreignFunction{usage: name, make: func([]value) []step { return []step{must(ours)} }}
}

// call is one call in a foreign rule.
type call struct {
	name string
	args []string
}

// next reads one call from the start of rest.
func (f *foreign) next(rest string) (call, string, error) {
	n := 0
	for n < len(rest) && isName(rest[n]) {
		n++
	}
	if n == 0 {
		return call{}, "", f.unreadable(rest)
	}
	c, rest := call{name: rest[:n]}, rest[n:]
	if !strings.HasPrefix(rest, "(") {
		return c, rest, nil
	}
	inside, after, closed := strings.Cut(rest[1:], ")")
	if !closed {
		return call{}, "", f.unreadable(rest)
	}
	if strings.TrimSpace(inside) != "" {
		c.args = strings.Split(inside, ",")
	}
	return c, after, nil
}

// steps returns what a call is here.
func (f *foreign) steps(c call) ([]step, error) {
	fn, ok := f.functions[c.name]
	if !ok {
		names := slices.Sorted(maps.Keys(f.functions))
		return nil, refuse("Platen does not know what %s does in %s. It knows: %s.", c.name, f.vendor, strings.Join(names, ", "))
	}
	args, ok := fn.arguments(c.args)
	if !ok {
		return nil, refuse("In %s the function %s is written like this: %s.", f.vendor, c.name, fn.usage)
	}
	return fn.make(args), nil
}

func (f *foreign) unreadable(rest string) error {
	if rest == "" {
		return refuse("The rule of %s ends too early.", f.vendor)
	}
	return refuse("The rule of %s cannot be read from here on: %q.", f.vendor, rest[:min(len(rest), 20)])
}

// arguments checks what is between the parentheses.
func (f *foreignFunction) arguments(given []string) ([]value, bool) {
	required, _, _ := strings.Cut(f.params, "?")
	kinds := strings.ReplaceAll(f.params, "?", "")
	if len(given) < len(required) || len(given) > len(kinds) {
		return nil, false
	}
	args := make([]value, len(given))
	for i, g := range given {
		var ok bool
		if args[i], ok = foreignArgument(kinds[i], strings.TrimSpace(g)); !ok {
			return nil, false
		}
	}
	return args, true
}

// foreignArgument reads one argument. How vendors quote what needs quotes is not
// published, so such text is none.
func foreignArgument(kind byte, s string) (value, bool) {
	switch kind {
	case 'n', 'i':
		n, err := strconv.Atoi(s)
		return number(n), err == nil && n <= maxValue && n >= -maxValue && (kind == 'i' || n >= 0)
	case 'c':
		return text(s), len(s) == 1 && !odd(s)
	default:
		return text(s), s != "" && len(s) <= maxArg && !odd(s)
	}
}

// odd reports whether s has characters that a vendor may read in a way of its
// own.
func odd(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"'`\\()+;", r) })
}

// imported checks the limits of a rule that was put together.
func imported(r Rule) (Rule, error) {
	if err := r.check(); err != nil {
		return Rule{}, err
	}
	return r, nil
}
