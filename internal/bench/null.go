package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// nullName is the argument that makes this program a null receiver.
const nullName = "null-receiver"

// startNull starts a receiver that answers as RFC 1179 wants and stores nothing:
// what client and protocol cost. With a folder it does to the documents what must
// be done to them, as the bare loop of store. It is a process of its own, so that
// it shares the cores with the client as a node does.
func startNull(ctx context.Context, dir ...string) (addr string, stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	cmd := exec.CommandContext(ctx, self, append([]string{nullName}, dir...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return "", nil, err
	}
	return strings.TrimSpace(line), stop, nil
}

// receiveNothing is that process.
func receiveNothing(dir []string) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	for {
		c, err := ln.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			if len(dir) > 0 {
				if err := store(c, dir[0]); err != nil {
					fmt.Fprintln(os.Stderr, "bare loop:", err)
				}
				return
			}
			drop(c)
		}()
	}
}

func drop(c net.Conn) {
	r := bufio.NewReader(c)
	if _, err := r.ReadString('\n'); err != nil {
		return
	}
	_, _ = c.Write([]byte{0})
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		count, err := strconv.ParseInt(strings.Fields(line[1:] + " x")[0], 10, 64)
		if err != nil {
			return
		}
		_, _ = c.Write([]byte{0})
		if _, err := io.CopyN(io.Discard, r, count+1); err != nil {
			return
		}
		_, _ = c.Write([]byte{0})
	}
}
