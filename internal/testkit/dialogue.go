// Package testkit holds what tests of several packages share.
package testkit

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A Dialogue is a conversation between a client and a server, as a script:
//
//	# a comment
//	given queue encoding ibm850     what the test has to set up; its own words
//	C 02 "accounts\n"               the client sends these octets: hexadecimal pairs and Go strings
//	S 00                            the server answers exactly these
//	C "0123456789" x1000 00         x repeats the item before it
//	C-half                          the client closes its half of the connection
//	C-close                         the client closes
//	C-rst                           the client resets the connection
//	S-half, S-close, S-rst          likewise the server; the peer reads the end
//	then job title="Invoice 4"      what must be so afterwards; the test's own words
//
// One side is played, the other is under test.
type Dialogue struct {
	Name  string
	Given []string
	Then  []string
	steps []step
}

// Side is who a Dialogue is played as.
type Side byte

// The two sides.
const (
	Client Side = 'C'
	Server Side = 'S'
)

type step struct {
	line   int
	side   Side
	action string // "", "half", "close", "rst"
	items  []item // for "": the octets
}

type item struct {
	octets []byte
	times  int
}

// patience bounds every wait for the side under test.
const patience = 20 * time.Second

// LoadDialogues reads the scripts that match a pattern. There must be some.
func LoadDialogues(t testing.TB, pattern string) []*Dialogue {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("no dialogues in %s: %v", pattern, err)
	}
	var all []*Dialogue
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		d, err := ParseDialogue(strings.TrimSuffix(filepath.Base(name), filepath.Ext(name)), b)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

// ParseDialogue reads a script.
func ParseDialogue(name string, script []byte) (*Dialogue, error) {
	d := &Dialogue{Name: name}
	number := 0
	for raw := range bytes.Lines(script) {
		number++
		if err := d.parseLine(number, strings.TrimSpace(string(raw))); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, number, err)
		}
	}
	return d, nil
}

func (d *Dialogue) parseLine(number int, text string) error {
	if text == "" || text[0] == '#' {
		return nil
	}
	if s, ok := strings.CutPrefix(text, "given "); ok {
		d.Given = append(d.Given, s)
		return nil
	}
	if s, ok := strings.CutPrefix(text, "then "); ok {
		d.Then = append(d.Then, s)
		return nil
	}
	s := step{line: number, side: Side(text[0])}
	if s.side != Client && s.side != Server {
		return fmt.Errorf("a line starts with C, S, given or then: %q", text)
	}
	if action, ok := strings.CutPrefix(text[1:], "-"); ok {
		s.action, _, _ = strings.Cut(action, " ")
		if s.action != "half" && s.action != "close" && s.action != "rst" {
			return fmt.Errorf("unknown action %q", s.action)
		}
	} else {
		var err error
		if s.items, err = parseItems(text[1:]); err != nil {
			return err
		}
	}
	d.steps = append(d.steps, s)
	return nil
}

// parseItems reads `02 "accounts\n" x3 # comment`.
func parseItems(text string) ([]item, error) {
	var items []item
	for {
		text = strings.TrimLeft(text, " \t")
		if text == "" || text[0] == '#' {
			break
		}
		if text[0] == '"' {
			quoted, err := strconv.QuotedPrefix(text)
			if err != nil {
				return nil, fmt.Errorf("bad string: %s", text)
			}
			s, err := strconv.Unquote(quoted)
			if err != nil {
				return nil, err
			}
			items = append(items, item{[]byte(s), 1})
			text = text[len(quoted):]
			continue
		}
		word, rest, _ := strings.Cut(text, " ")
		text = rest
		if n, ok := strings.CutPrefix(word, "x"); ok {
			times, err := strconv.Atoi(n)
			if err != nil || len(items) == 0 {
				return nil, fmt.Errorf("bad repetition %q", word)
			}
			items[len(items)-1].times = times
			continue
		}
		b, err := hex.DecodeString(word)
		if err != nil {
			return nil, fmt.Errorf("neither a string nor hexadecimal: %q", word)
		}
		items = append(items, item{b, 1})
	}
	if len(items) == 0 {
		return nil, errors.New("no octets")
	}
	return items, nil
}

// Play speaks one side's lines on conn and checks that the other side answers
// with its own. It closes conn at the end.
func (d *Dialogue) Play(t testing.TB, as Side, conn net.Conn) {
	t.Helper()
	defer conn.Close()
	r := bufio.NewReader(conn)
	for _, s := range d.steps {
		conn.SetDeadline(time.Now().Add(patience))
		var err error
		switch {
		case s.side == as && s.action == "":
			// A peer that refuses may stop reading. Whether it may is for the
			// lines that follow to say.
			_ = s.send(conn)
		case s.side == as:
			err = end(conn, s.action)
		case s.action == "":
			err = s.expect(r)
		default:
			err = expectEnd(r, s.action)
		}
		if err != nil {
			t.Fatalf("%s: line %d: %v", d.Name, s.line, err)
		}
	}
}

func (s step) send(w io.Writer) error {
	bw := bufio.NewWriterSize(w, 64<<10)
	for _, it := range s.items {
		for range it.times {
			if _, err := bw.Write(it.octets); err != nil {
				return err
			}
		}
	}
	return bw.Flush()
}

func (s step) expect(r io.Reader) error {
	for _, it := range s.items {
		got := make([]byte, len(it.octets))
		for range it.times {
			n, err := io.ReadFull(r, got)
			if err != nil {
				return fmt.Errorf("got %q, want %q: %w", got[:n], it.octets, err)
			}
			if !bytes.Equal(got, it.octets) {
				return fmt.Errorf("got %q, want %q", got, it.octets)
			}
		}
	}
	return nil
}

func end(conn net.Conn, action string) error {
	tcp, ok := conn.(*net.TCPConn)
	switch {
	case action == "close":
		return conn.Close()
	case !ok:
		return fmt.Errorf("%T cannot %s", conn, action)
	case action == "half":
		return tcp.CloseWrite()
	}
	if err := tcp.SetLinger(0); err != nil {
		return err
	}
	return tcp.Close()
}

// expectEnd waits for the other side's end and nothing before it.
func expectEnd(r io.Reader, action string) error {
	b, err := io.ReadAll(r)
	switch {
	case len(b) > 0:
		return fmt.Errorf("got %q, want the end of the connection", b)
	case action == "rst":
		if err == nil {
			return errors.New("got an orderly end, want a reset")
		}
		return nil
	case err != nil:
		return fmt.Errorf("want an orderly end: %w", err)
	}
	return nil
}
