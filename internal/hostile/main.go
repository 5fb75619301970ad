// Command hostile stands in front of a node's ports with thousands of clients
// that mean no good, and checks that people who want to print notice nothing of
// it: memory stays within its limit, a normal job passes, everybody is shed by
// the deadline, and afterwards connections, goroutines, descriptors and memory
// are what they were.
//
// It shares no code with the node and knows it by its outside face only: LPD,
// HTTPS, IPP, /metrics, the commands, and what /proc says of the process. The node
// is the one that people get.
//
// Everything runs on loopback, and every loop ends.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "hostile:", err)
		os.Exit(1)
	}
}

type options struct {
	node  string
	short bool
	only  string
	keep  bool
	dir   string
}

func run(ctx context.Context, args []string) error {
	var o options
	fs := flag.NewFlagSet("hostile", flag.ContinueOnError)
	fs.StringVar(&o.node, "node", "bin/platen", "the node")
	fs.BoolVar(&o.short, "short", false, "smaller crowds; well under a minute")
	fs.StringVar(&o.only, "only", "", "play only attacks whose name holds this")
	fs.BoolVar(&o.keep, "keep", false, "keep the folders of the nodes")
	if err := fs.Parse(args); err != nil {
		return err
	}
	abs, err := filepath.Abs(o.node)
	if err != nil {
		return err
	}
	o.node = abs
	if o.dir, err = os.MkdirTemp("", "platen-hostile-"); err != nil {
		return err
	}
	if !o.keep {
		defer os.RemoveAll(o.dir)
	}
	if err := raiseDescriptors(); err != nil {
		return err
	}
	start := time.Now()
	played, failed := 0, 0
	for i, a := range attacks(o.short) {
		if !strings.Contains(strings.ToLower(a.name), strings.ToLower(o.only)) {
			continue
		}
		played++
		if err := play(ctx, o, filepath.Join(o.dir, fmt.Sprint(i)), a); err != nil {
			fmt.Printf("FAILED  %s: %v\nrepeat it with: go run ./internal/hostile -node %s -only %q\n", a.name, err, o.node, a.name)
			failed++
		}
	}
	fmt.Printf("hostile: %s\n", time.Since(start).Round(time.Second))
	switch {
	case played == 0:
		return fmt.Errorf("no attack has %q in its name", o.only)
	case failed > 0:
		return fmt.Errorf("%d attacks did harm", failed)
	}
	return nil
}

// raiseDescriptors lets this process, and the node that it starts, hold as many
// connections as the system allows.
func raiseDescriptors() error {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return err
	}
	l.Cur = l.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return err
	}
	if l.Cur < 11_000 {
		return fmt.Errorf("%d descriptors are allowed and 11,000 are needed (ulimit -Hn)", l.Cur)
	}
	return nil
}
