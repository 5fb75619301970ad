package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"
)

// echo answers each line with its name in front, and ends a connection when
// its client does.
func echo(name string) server {
	return func(ctx context.Context, ln net.Listener) error {
		defer context.AfterFunc(ctx, func() { ln.Close() })()
		var conns sync.WaitGroup
		defer conns.Wait()
		for {
			conn, err := ln.Accept()
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			if err != nil {
				return err
			}
			conns.Go(func() {
				defer conn.Close()
				for in := bufio.NewScanner(conn); in.Scan(); {
					fmt.Fprintf(conn, "%s %s\n", name, in.Text())
				}
			})
		}
	}
}

// talker is a client of echo.
type talker struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func talkTo(t *testing.T, ln net.Listener) *talker {
	t.Helper()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &talker{t, conn, bufio.NewReader(conn)}
}

func (k *talker) want(say, answer string) {
	k.t.Helper()
	fmt.Fprintln(k.conn, say)
	got, err := k.in.ReadString('\n')
	if err != nil || got != answer+"\n" {
		k.t.Errorf("got %q, %v, want %q", got, err, answer)
	}
}

func openDoor(t *testing.T, grace time.Duration) (d *door, stop func(), end func() error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d = newDoor("test", ln, grace, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.serve(ctx, echo("first")) }()
	t.Cleanup(cancel)
	return d, cancel, func() error {
		select {
		case err := <-done:
			return err
		case <-time.After(20 * time.Second):
			t.Error("the door does not close")
			return nil
		}
	}
}

// A connection keeps the server that it began with; new ones get the new one.
func TestDoorReplacesItsServer(t *testing.T) {
	d, stop, end := openDoor(t, time.Minute)
	old := talkTo(t, d.ln)
	old.want("a", "first a")
	d.replace(echo("second"))
	for { // until the new one is there
		k := talkTo(t, d.ln)
		fmt.Fprintln(k.conn, "b")
		got, _ := k.in.ReadString('\n')
		k.conn.Close()
		if got == "second b\n" {
			break
		}
	}
	old.want("c", "first c")
	old.conn.Close()
	stop()
	if err := end(); err != nil {
		t.Error(err)
	}
}

// What is still open when the grace is over is cut off; nothing new comes in.
func TestDoorClosesInTime(t *testing.T) {
	d, stop, end := openDoor(t, 50*time.Millisecond)
	k := talkTo(t, d.ln)
	k.want("a", "first a")
	stop()
	if err := end(); err != nil {
		t.Error(err)
	}
	if _, err := k.in.ReadByte(); !errors.Is(err, io.EOF) {
		var op *net.OpError
		if !errors.As(err, &op) {
			t.Errorf("the connection says %v", err)
		}
	}
	if _, err := net.Dial("tcp", d.ln.Addr().String()); err == nil {
		t.Error("the port is still open")
	}
}

// A server that fails takes the door, and so the node, with it.
func TestDoorTellsAFailure(t *testing.T) {
	d, _, end := openDoor(t, time.Minute)
	d.replace(func(context.Context, net.Listener) error { return errors.New("no good") })
	if err := end(); err == nil || err.Error() != "test: no good" {
		t.Errorf("err = %v", err)
	}
}
