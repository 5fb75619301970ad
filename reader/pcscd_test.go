//go:build !windows

package reader

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// daemon is the first part of a pcscd: versions and states.
type daemon struct {
	minor  uint32 // the only one it speaks
	states []byte
	offers chan uint32
}

func (d *daemon) serve(conn io.ReadWriter) error {
	for {
		head := make([]byte, 8)
		if _, err := io.ReadFull(conn, head); err != nil {
			return err
		}
		body := make([]byte, word(head, 0))
		if _, err := io.ReadFull(conn, body); err != nil {
			return err
		}
		var answer []byte
		switch word(head, 1) {
		case cmdVersion:
			rv := uint32(0)
			if d.offers <- word(body, 1); word(body, 1) != d.minor {
				rv = serviceStopped
			}
			answer = words(4, d.minor, rv)
		case cmdStates, cmdWait:
			answer = d.states
		default:
			return errors.New("unknown command")
		}
		if _, err := conn.Write(answer); err != nil {
			return err
		}
		if word(head, 1) == cmdWait {
			return nil // and hang up
		}
	}
}

func state(name string, card bool, events uint32) []byte {
	b := make([]byte, stateSize)
	bits := uint32(2)
	if card {
		bits = 0x34
	}
	copy(b, name)
	copy(b[nameSize:], words(events, bits, 0))
	return b
}

// Versions and numbers of readers that the pcscd of the other tests does not have.
func TestOtherPCSCDs(t *testing.T) {
	many := make([][]byte, 48)
	for i := range many {
		many[i] = state("", false, 0)
	}
	many[0], many[40] = state("first", false, 7), state(strings.Repeat("n", 127), true, 65535)
	tests := map[string]struct {
		minor  uint32
		states [][]byte
		want   []presence
		offers []uint32
		err    string
	}{
		"1.8.24 to 2.2.3":  {4, many[:16], []presence{{"first", false, 7}}, []uint32{4, 4}, "EOF"},
		"2.3.0 to 2.4.0":   {5, many[:16], []presence{{"first", false, 7}}, []uint32{4, 5, 5}, "EOF"},
		"built for 48":     {4, many, []presence{{"first", false, 7}, {strings.Repeat("n", 127), true, 65535}}, []uint32{4, 4}, "EOF"},
		"1.8.23":           {3, many[:16], nil, []uint32{4}, "it speaks protocol 4:3"},
		"too many readers": {4, slicesRepeat(many, 6), nil, nil, "too many readers"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := &daemon{tt.minor, bytes.Join(tt.states, nil), make(chan uint32, 9)}
			socket := filepath.Join(t.TempDir(), "pcscd.comm")
			ln, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			go func() {
				conn, err := ln.Accept()
				if err != nil {
					return
				}
				_ = d.serve(conn)
				conn.Close()
				close(d.offers)
			}()
			var got []presence
			err = (&pcscd{socket: socket}).watch(t.Context(), func(list []presence) { got = list })
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("err = %v, want %s", err, tt.err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %v\nwant %v", got, tt.want)
			}
			var offers []uint32
			for o := range d.offers {
				offers = append(offers, o)
			}
			if tt.offers != nil && !reflect.DeepEqual(offers, tt.offers) {
				t.Errorf("offered %v, want %v", offers, tt.offers)
			}
		})
	}
}

func slicesRepeat(list [][]byte, n int) (all [][]byte) {
	for range n {
		all = append(all, list...)
	}
	return all
}

// stream is a pcscd that says what it says, whatever it is asked.
type stream struct {
	net.Conn
	io.Reader
}

func (s stream) Read(b []byte) (int, error)  { return s.Reader.Read(b) }
func (s stream) Write(b []byte) (int, error) { return len(b), nil }

// A program in pcscd's place may say anything: nothing comes of it but an error
// or readers with names, and an answer within its limit.
func FuzzPCSCD(f *testing.F) {
	full := bytes.Join([][]byte{words(4, 4, 0), state("one", true, 1), state("", false, 0), words(4, 4, 0), state("one", true, 2), state("", false, 0), words(0, 0)}, nil)
	f.Add(full)
	f.Add(bytes.Join([][]byte{words(4, 5, serviceStopped), words(4, 5, 0), words(4, 5, 0), words(0, 0)}, nil))
	card := append(append(words(1), make([]byte, nameSize)...), words(2, 3, 9, 2, 0)...)
	f.Add(bytes.Join([][]byte{words(4, 4, 0), words(2, 7, 0), card, words(9, 2, 8, 5, 2, 8, 6, 0), {4, 3, 2, 1, 0x90, 0}, words(9, 0, 0), words(7, 0)}, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		speak := func() *pcscdConn {
			c, _ := net.Pipe()
			return &pcscdConn{stream{c, bytes.NewReader(b)}, 4}
		}
		c := speak()
		if c.agree() == nil {
			err := c.follow(func(list []presence) {
				for _, p := range list {
					if p.reader == "" || len(p.reader) > nameSize {
						t.Errorf("a reader called %q", p.reader)
					}
				}
			})
			if err == nil {
				t.Error("it followed for ever")
			}
		}
		c = speak()
		if c.agree() == nil {
			if answer, err := c.ask("one", getUID); err == nil && len(answer) > maxAnswer {
				t.Errorf("an answer of %d octets", len(answer))
			}
		}
	})
}

func TestPCSCDThatIsNotThere(t *testing.T) {
	d := &pcscd{socket: filepath.Join(t.TempDir(), "pcscd.comm")}
	if err := d.watch(t.Context(), func([]presence) { t.Error("it saw something") }); err == nil {
		t.Error("no error")
	}
	if _, err := d.ask(context.Background(), "one", getUID); err == nil {
		t.Error("no error")
	}
}
