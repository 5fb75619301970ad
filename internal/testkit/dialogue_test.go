package testkit

import (
	"io"
	"net"
	"testing"
)

func TestParseDialogueRefuses(t *testing.T) {
	for _, script := range []string{"X 00", "C", "C 0", `C "open`, "C x3", "S-dance", "C zz"} {
		if d, err := ParseDialogue("bad", []byte(script)); err == nil {
			t.Errorf("%q was read as %+v", script, d)
		}
	}
}

func TestPlay(t *testing.T) {
	d, err := ParseDialogue("echo", []byte(`
# both sides are played against each other
given nothing
C 02 "ab\n" x2     # five and two octets
S 00
C "x" x100000
C-half
S "bye"
S-close
then peace
`))
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Given) != 1 || len(d.Then) != 1 {
		t.Fatalf("given %q, then %q", d.Given, d.Then)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := ln.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		d.Play(t, Server, conn)
	}()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	d.Play(t, Client, conn)
	<-done
}

func TestExpectShowsWhatCame(t *testing.T) {
	s := step{items: []item{{[]byte{0}, 1}}}
	a, b := net.Pipe()
	go func() {
		a.Write([]byte{1})
		a.Close()
	}()
	if err := s.expect(io.Reader(b)); err == nil {
		t.Error("a refusal passed for an acknowledgement")
	}
}
