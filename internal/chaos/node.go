package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// node is one life of the program under test.
type node struct {
	dir  string
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
	lpd  string
	ipp  string
	web  string
}

// ready is how long a node may take until it serves again (I6).
const ready = 30 * time.Second

// start runs the node on dir. A node that dies of a failpoint before it is
// ready is no error: dead() tells.
func start(ctx context.Context, binary, dir string, env ...string) (*node, error) {
	addresses := filepath.Join(dir, "addresses.json")
	if err := os.Remove(addresses); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(dir, "chaos.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	n := &node{dir: dir, done: make(chan struct{})}
	n.cmd = exec.CommandContext(ctx, binary, "demo", "--dir", dir, "--lpd", "127.0.0.1:0", "--ipp", "127.0.0.1:0", "--web", "127.0.0.1:0")
	n.cmd.Env = append(os.Environ(), env...)
	n.cmd.Stdout, n.cmd.Stderr = log, log
	if err := n.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = n.cmd.Wait(); close(n.done) }()

	for until := time.Now().Add(ready); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		if n.dead() {
			return n, nil
		}
		b, err := os.ReadFile(addresses)
		if err != nil {
			continue
		}
		var a struct{ LPD, IPP, Web string }
		if json.Unmarshal(b, &a) != nil || a.LPD == "" || a.IPP == "" || a.Web == "" {
			continue
		}
		if conn, err := net.DialTimeout("tcp", a.LPD, time.Second); err == nil {
			conn.Close()
			n.lpd, n.ipp, n.web = a.LPD, a.IPP, a.Web
			return n, nil
		}
	}
	n.kill()
	return nil, &broken{"I6", fmt.Sprintf("the node did not serve within %s", ready)}
}

func (n *node) dead() bool {
	select {
	case <-n.done:
		return true
	default:
		return false
	}
}

// kill is kill -9.
func (n *node) kill() {
	_ = n.cmd.Process.Signal(syscall.SIGKILL)
	<-n.done
}

// stop ends the node in order and demands that it obeys.
func (n *node) stop() error {
	_ = n.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-n.done:
		return nil
	case <-time.After(30 * time.Second):
		n.kill()
		return errors.New("the node did not stop within 30 s of SIGTERM")
	}
}

// command runs one of the node's own commands and reads its JSON into v.
func command(ctx context.Context, binary, dir string, v any, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, append(args, "--dir", dir)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("platen %v: %w: %s%s", args, err, errs.String(), out.String())
	}
	if v == nil {
		return nil
	}
	if err := json.Unmarshal(out.Bytes(), v); err != nil {
		return fmt.Errorf("platen %v: %w in %.200s", args, err, out.String())
	}
	return nil
}
