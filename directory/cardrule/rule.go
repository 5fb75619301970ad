package cardrule

import (
	"slices"
	"strings"

	"platen/fault"
)

// What a rule may be and may do.
const (
	maxText  = 1024 // characters of a rule
	maxSteps = 16   // functions of a rule, with those within others
	maxDepth = 4    // functions within functions
	maxValue = 256  // octets of a card number, at the start and after every function
	maxArg   = 256  // octets of a text or a pattern
)

// Rule is a pipeline of functions. It never changes once made. The zero Rule
// changes nothing.
type Rule struct {
	steps []step
}

// step is one function of a pipeline with its arguments.
type step struct {
	fn   *function
	args []value
	run  func(string) (string, error)
}

// value is an argument: a text, a number or a rule.
type value struct {
	kind byte // 't', 'n' or 'r', as in function.params
	text string
	n    int
	rule Rule
}

// Apply returns the number that the rule makes of what a reader sent. The error
// is a fault.Error of kind Invalid that names the function that could not go on,
// and never the number.
func (r Rule) Apply(raw string) (string, error) {
	if len(raw) > maxValue {
		return "", tooLong()
	}
	out, err := r.run(raw)
	if err != nil {
		return "", err
	}
	if out == "" {
		return "", misfit("Nothing of this card number is left after the rule of its reader.")
	}
	return out, nil
}

// run is Apply without the checks of the whole.
func (r Rule) run(in string) (string, error) {
	for i := range r.steps {
		out, err := r.steps[i].run(in)
		if err != nil {
			return "", err
		}
		if len(out) > maxValue {
			return "", tooLong()
		}
		in = out
	}
	return in, nil
}

// Keeps reports whether the rule changes nothing.
func (r Rule) Keeps() bool { return len(r.steps) == 0 }

// Equal reports whether two rules are written the same.
func (r Rule) Equal(other Rule) bool { return r.String() == other.String() }

// Len returns the number of functions, with those within others.
func (r Rule) Len() int {
	n := len(r.steps)
	for _, s := range r.steps {
		for _, a := range s.args {
			n += a.rule.Len()
		}
	}
	return n
}

// has reports whether a function is one of the rule's own.
func (r Rule) has(name string) bool {
	return slices.ContainsFunc(r.steps, func(s step) bool { return s.fn.name == name })
}

// then returns the rule with more functions behind it.
func (r Rule) then(more ...step) Rule {
	steps := make([]step, 0, len(r.steps)+len(more))
	return Rule{append(append(steps, r.steps...), more...)}
}

// String returns the rule as Parse reads it, in its one canonical form.
func (r Rule) String() string {
	if len(r.steps) == 0 {
		return "keep"
	}
	var b strings.Builder
	for i, s := range r.steps {
		if i > 0 {
			b.WriteString(" | ")
		}
		s.write(&b)
	}
	return b.String()
}

// MarshalText returns String, so that a rule may stand in JSON and the like.
func (r Rule) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText is Parse.
func (r *Rule) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*r = parsed
	return nil
}

func (s *step) write(b *strings.Builder) {
	b.WriteString(s.fn.name)
	for i, a := range s.args {
		if i == 0 {
			b.WriteByte('(')
		} else {
			b.WriteString(", ")
		}
		a.write(b)
	}
	if len(s.args) > 0 {
		b.WriteByte(')')
	}
}

// misfit is the error of a card number that does not fit its rule.
func misfit(text string, args ...any) error {
	return &fault.Error{Op: "cardrule.Apply", Kind: fault.Invalid, Text: text, Args: args}
}

func tooLong() error { return misfit("This card number is too long.") }

// refuse is the error of a rule that is none.
func refuse(text string, args ...any) error {
	return &fault.Error{Op: "cardrule.Parse", Kind: fault.Invalid, Text: text, Args: args}
}
