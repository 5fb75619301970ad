//go:build !windows

package main

import (
	"context"
	"os"
	"syscall"
)

func stopSignals() []os.Signal   { return []os.Signal{os.Interrupt, syscall.SIGTERM} }
func hangupSignals() []os.Signal { return []os.Signal{syscall.SIGHUP} }

// underServiceManager runs the node. systemd and its relatives speak by
// signals.
func underServiceManager(ctx context.Context, serve func(context.Context) error) error {
	return serve(ctx)
}
