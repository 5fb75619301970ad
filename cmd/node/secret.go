package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"platen/fault"
)

// secret is something that must not stand in argv or in the environment, where
// every user of the machine may read it. It comes from a prompt, from standard
// input, or from a file.
type secret struct {
	what     string             // "password", "card number"
	twice    bool               // asked again at a prompt, because it cannot be read there
	shown    bool               // may be shown while it is typed: a card number
	optional func(c *call) bool // true: not asked for, unless a file is named; nil: always asked for
	each     func() []string    // what they are, when there may be several or none: one line for each; nil: there is one
}

// maxSecret bounds a secret. Everybody's password is shorter.
const maxSecret = 1024

// read gets the secret for one call.
func (s *secret) read(e *env, c *call) (string, error) {
	switch {
	case s.each != nil:
		return s.several(e, c)
	case c.passFile == "-":
		return s.line(e.in)
	case c.passFile != "":
		f, err := os.Open(c.passFile)
		if err != nil {
			return "", &fault.Error{Op: "secret", Kind: fault.Invalid, Text: "The file with the %s cannot be read.", Args: []any{s.what}, Err: err}
		}
		defer f.Close()
		return s.line(f)
	case s.optional != nil && s.optional(c):
		return "", nil
	}
	if f, ok := e.in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return s.prompt(e, int(f.Fd()))
	}
	return s.line(e.in)
}

// several gets each of the secrets, in their order, with ends of lines between.
func (s *secret) several(e *env, c *call) (string, error) {
	if len(s.each()) == 0 {
		return "", nil
	}
	from := e.in
	f, ok := e.in.(*os.File)
	asks := c.passFile == "" && ok && term.IsTerminal(int(f.Fd()))
	if c.passFile != "" && c.passFile != "-" {
		named, err := os.Open(c.passFile)
		if err != nil {
			return "", &fault.Error{Op: "secret", Kind: fault.Invalid, Text: "The file with the %s cannot be read.", Args: []any{s.what}, Err: err}
		}
		defer named.Close()
		from = named
	}
	lines := bufio.NewReaderSize(from, maxSecret+2)
	var all []string
	for _, what := range s.each() {
		one := secret{what: what}
		read := func() (string, error) { return one.next(lines) }
		if asks {
			read = func() (string, error) { return one.prompt(e, int(f.Fd())) }
		}
		text, err := read()
		if err != nil {
			return "", err
		}
		all = append(all, text)
	}
	return strings.Join(all, "\n"), nil
}

// line reads one line. The rest of the input is left alone.
func (s *secret) line(r io.Reader) (string, error) {
	return s.next(bufio.NewReaderSize(io.LimitReader(r, maxSecret+2), maxSecret+2))
}

// next reads the next line of several.
func (s *secret) next(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return "", fmt.Errorf("reading the %s: %w", s.what, err)
	}
	text := strings.TrimRight(string(line), "\r\n")
	if text == "" || len(text) > maxSecret {
		return "", usagef("there is no %s on standard input or in the file", s.what)
	}
	return text, nil
}

func (s *secret) prompt(e *env, fd int) (string, error) {
	if s.shown {
		fmt.Fprintf(e.err, "%s: ", upper(s.what))
		return s.line(e.in)
	}
	first, err := s.ask(e, fd, upper(s.what)+": ")
	if err != nil || !s.twice {
		return first, err
	}
	second, err := s.ask(e, fd, "The same again: ")
	if err == nil && first != second {
		return "", usagef("the two were not the same")
	}
	return first, err
}

func (s *secret) ask(e *env, fd int, prompt string) (string, error) {
	fmt.Fprint(e.err, prompt)
	text, err := term.ReadPassword(fd)
	fmt.Fprintln(e.err)
	if err != nil {
		return "", fmt.Errorf("reading the %s: %w", s.what, err)
	}
	if len(text) == 0 || len(text) > maxSecret {
		return "", usagef("the %s is empty or too long", s.what)
	}
	return string(text), nil
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
