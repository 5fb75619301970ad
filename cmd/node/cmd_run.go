package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"

	"platen/pdl"
)

// runCommand is the node itself.
func runCommand() *command {
	return &command{
		name: "run", summary: "run the node until it is told to stop",
		more: "It reads " + "the configuration file, opens its ports, and serves. SIGTERM or Ctrl-C ends it: transfers under way\n" +
			"may finish. SIGHUP opens the log file anew. Under systemd it tells when it is ready and feeds the watchdog.",
		examples: []string{"run", "run --config /etc/platen/node.toml"},
		local: func(ctx context.Context, e *env, c *call) error {
			p, err := c.where.find()
			if err != nil {
				return err
			}
			return runNode(ctx, e, p, nil)
		},
	}
}

// runNode is a node with the process around it: its log and its signals.
func runNode(ctx context.Context, e *env, p place, ready func(*node) error) error {
	if err := p.cfg.Check(); err != nil {
		return err
	}
	log, err := openLog(p.cfg.Log, e.err)
	if err != nil {
		return err
	}
	defer log.close()
	defer onHangup(func() {
		if err := log.reopen(); err != nil {
			log.Warn("log: the file cannot be opened anew", "error", err)
		}
	})()
	ctx, stop := signal.NotifyContext(ctx, stopSignals()...)
	defer stop()
	return underServiceManager(ctx, func(ctx context.Context) error {
		err := serve(ctx, p, log, ready)
		if err != nil {
			log.Error("the node ends", "error", err)
		} else {
			log.Info("stopped")
		}
		return err
	})
}

// onHangup calls do for each signal that means "open your files anew".
func onHangup(do func()) (stop func()) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, hangupSignals()...)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-hup:
				do()
			case <-done:
				return
			}
		}
	}()
	return func() { signal.Stop(hup); close(done) }
}

// countPagesName is how the node calls itself to count pages.
const countPagesName = "count-pages"

func countPages() *command {
	return &command{
		name: countPagesName, hidden: true, summary: "count the pages of the document on standard input, within limits", most: -1,
		examples: []string{"count-pages"},
		local: func(_ context.Context, e *env, c *call) error {
			if code := pdl.CountMain(c.args, e.in, e.out); code != 0 {
				return errSaid
			}
			return nil
		},
	}
}

func versionCommand() *command {
	return &command{
		name: "version", summary: "say which version this is", examples: []string{"version", "version --json"},
		local: func(_ context.Context, e *env, c *call) error {
			if c.json {
				return writeJSON(e.out, versions())
			}
			v := versions()
			_, err := fmt.Fprintf(e.out, "platen %s (%s, %s)\n", v["version"], v["go"], v["platform"])
			return err
		},
	}
}

var _ io.Writer = (*queued)(nil)
