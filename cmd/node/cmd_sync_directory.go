package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os/signal"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"platen/directory"
)

// syncDirFlags say what sync-directory does instead of serving.
type syncDirFlags struct{ once, full, dry, test bool }

func syncDirectoryCommands() []*command {
	var f syncDirFlags
	var revoke bool
	return []*command{
		{
			name: "source token", args: "NAME", least: 1, most: 1, summary: "make the token with which another machine brings the people of a source",
			more: "The source is of the kind push; the machine runs platen sync-directory. The token is good for this source and for\n" +
				"nothing else. It is shown this once, and a new one ends the one before.",
			examples: []string{"source token corp", "source token corp --revoke"},
			flags: func(fs *flag.FlagSet) {
				fs.BoolVar(&revoke, "revoke", false, "make no new one, and end the one there is")
			},
			admin: func(ctx context.Context, a *admin, c *call) error { return a.sourceToken(ctx, c, revoke) },
		},
		{
			name: "sync-directory", args: "FILE", least: 1, most: 1, summary: "read a directory on this machine, which is no node, and bring its people to one",
			more: "FILE says which directory, which node, and where the token is; packaging/sync-directory.toml explains every key. It runs\n" +
				"until it is told to stop, by Ctrl-C or SIGTERM, and keeps nothing on this machine. At the node:\n" +
				"platen source add NAME --kind push, and then platen source token NAME.",
			examples: []string{"sync-directory /etc/platen/sync-directory.toml --test", "sync-directory /etc/platen/sync-directory.toml --once", "sync-directory /etc/platen/sync-directory.toml"},
			flags: func(fs *flag.FlagSet) {
				fs.BoolVar(&f.once, "once", false, "bring people once, and end")
				fs.BoolVar(&f.full, "full", false, "everybody, instead of what has changed; with --once")
				fs.BoolVar(&f.dry, "dry-run", false, "read everybody, and only say what the node would do")
				fs.BoolVar(&f.test, "test", false, "look at the directory and at the node, without changing anything")
			},
			local: func(ctx context.Context, e *env, c *call) error { return syncDirectory(ctx, e, c, f) },
		},
	}
}

func syncDirectory(ctx context.Context, e *env, c *call, f syncDirFlags) error {
	if f.full && !f.once && !f.dry {
		return usagef("--full is for --once: a service compares everybody every night")
	}
	cfg, err := loadDirConfig(c.args[0])
	if err != nil {
		return err
	}
	log, err := openLog(cfg.Log, e.err)
	if err != nil {
		return err
	}
	defer log.close()
	b, err := newBringer(cfg, log.Logger)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, stopSignals()...)
	defer stop()
	switch {
	case f.test:
		return b.test(ctx, c)
	case f.once, f.dry:
		return b.now(ctx, c, directory.Ask{Full: f.full || f.dry, DryRun: f.dry})
	}
	defer onHangup(func() {
		if err := log.reopen(); err != nil {
			log.Warn("log: the file cannot be opened anew", "error", err)
		}
	})()
	return underServiceManager(ctx, func(ctx context.Context) error {
		log.Info("sync-directory: serving", "version", version, "node", cfg.Node, "every", cfg.Every.String())
		_, _ = daemon.SdNotify(false, daemon.SdNotifyReady)
		err := b.serve(ctx)
		_, _ = daemon.SdNotify(false, daemon.SdNotifyStopping)
		log.Info("stopped")
		return err
	})
}

// now is one round for somebody who waits for it.
func (b *bringer) now(ctx context.Context, c *call, how directory.Ask) error {
	how.Progress = progressTo(c.err)
	r, err := b.bring(ctx, how)
	if err != nil {
		return err
	}
	return printRun(c, &r, "")
}

// test looks at both ends, and tells of both what it has found.
func (b *bringer) test(ctx context.Context, c *call) error {
	src, _, err := b.open()
	var report any
	if err == nil {
		report, err = probe(ctx, c, src)
	}
	if err != nil {
		fmt.Fprintln(c.err, "The directory: "+explain(err))
	}
	st, nodeErr := b.stand(ctx)
	if nodeErr != nil {
		fmt.Fprintln(c.err, "The node: "+explain(nodeErr))
	}
	if c.json {
		if werr := writeJSON(c.out, map[string]any{"directory": report, "node": st}); werr != nil {
			return werr
		}
	} else if nodeErr == nil {
		next := "what has changed"
		if len(st.Cursor) == 0 {
			next = "everybody"
		}
		if werr := fields(c.out, "node", b.cfg.Node, "source there", st.Source, "it waits for", next); werr != nil {
			return werr
		}
	}
	if err := errors.Join(err, nodeErr); err != nil {
		return fmt.Errorf("%w: %w", errSaid, err)
	}
	return nil
}

// progressTo tells now and then how far a run has come.
func progressTo(w io.Writer) func(what string, done, of int) {
	var last time.Time
	return func(what string, done, of int) {
		if now := time.Now(); now.Sub(last) >= 500*time.Millisecond {
			last = now
			fmt.Fprintln(w, stage{what, done, of})
		}
	}
}

// printRun tells what a run has brought. source is the name of it at this node, ""
// where it is at another.
func printRun(c *call, r *directory.Run, source string) error {
	if c.json {
		return writeJSON(c.out, r)
	}
	if r.DryRun {
		fmt.Fprintln(c.out, "Nothing was changed. This would be done:")
	}
	fmt.Fprintln(c.out, plain(runText(r)))
	for _, p := range r.Problems {
		fmt.Fprintln(c.out, "  "+plain(p))
	}
	if r.Waiting > 0 {
		if source == "" {
			source = "NAME, at the node"
		}
		fmt.Fprintf(c.out, "%s Nobody was removed. If that is right: platen source approve %s\n", plain(r.Why), plain(source))
	}
	return nil
}
