package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"platen/fault"
	"platen/internal/fsys"
)

// input is a file that a command reads. It is opened by the process of the
// person who typed the command, with that person's rights.
type input struct {
	what string // "table of users"
	arg  int    // which argument names it; "-" is standard input
}

// beginning is what a command reads of a file that a flag may name.
type beginning struct {
	name func() string // "-" is standard input, "" nothing
	most int64         // octets
}

// output is a file that a command writes, private and durable, and only under
// its name once it is whole.
type output struct {
	what string
	arg  int
}

// prepare gets everything that a call needs before it begins. The caller
// closes what it returns.
func prepareCall(e *env, cmd *command, c *call) (done func(error) error, err error) {
	done = func(err error) error { return err }
	c.in = nil
	if cmd.input != nil && len(c.args) > cmd.input.arg { // else it is one that may be missing
		in, err := cmd.input.open(e, c)
		if err != nil {
			return done, err
		}
		c.in = in
		done = func(err error) error { return errors.Join(err, in.Close()) }
	}
	if cmd.head != nil && cmd.head.name() != "" {
		if c.in, err = cmd.head.read(e); err != nil {
			return done, err
		}
	}
	if cmd.secret != nil {
		if c.secret, err = cmd.secret.read(e, c); err != nil {
			return done, err
		}
	}
	if cmd.output != nil && len(c.args) > cmd.output.arg { // else it is one that may be missing
		closeInput := done
		var closeOutput func(error) error
		if c.file, closeOutput, err = cmd.output.create(e, c); err != nil {
			return done, err
		}
		done = func(err error) error { return closeOutput(closeInput(err)) }
	}
	return done, nil
}

func (in *input) open(e *env, c *call) (io.ReadCloser, error) {
	if in.arg == everyArg {
		return openEvery(e, c, in.what)
	}
	name := c.args[in.arg]
	if name == "-" {
		return io.NopCloser(e.in), nil
	}
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, &fault.Error{Op: "input", Kind: fault.NotFound, Text: "There is no file %s.", Args: []any{name}, Err: err}
	}
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, errors.Join(&fault.Error{Op: "input", Kind: fault.Invalid, Text: "%s is a folder, not a file.", Args: []any{name}}, f.Close())
	}
	return f, nil
}

// read gets it all at once: it is short.
func (b *beginning) read(e *env) (io.Reader, error) {
	from := e.in
	if name := b.name(); name != "-" {
		f, err := os.Open(name)
		if errors.Is(err, os.ErrNotExist) {
			return nil, &fault.Error{Op: "input", Kind: fault.NotFound, Text: "There is no file %s.", Args: []any{name}, Err: err}
		}
		if err != nil {
			return nil, err
		}
		defer f.Close()
		from = f
	}
	head, err := io.ReadAll(io.LimitReader(from, b.most))
	return bytes.NewReader(head), err
}

// create opens the file under a name of its own. With an error the unfinished
// file goes away; without one it gets its name.
func (o *output) create(e *env, c *call) (io.Writer, func(error) error, error) {
	const op = "output"
	name := c.args[o.arg]
	if name == "-" {
		return e.out, func(err error) error { return err }, nil
	}
	if _, err := os.Lstat(name); err == nil {
		return nil, nil, &fault.Error{Op: op, Kind: fault.Conflict, Text: "There is a file %s already.", Args: []any{name}}
	}
	part := name + ".part"
	f, err := fsys.CreatePrivate(part)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", op, err)
	}
	return f, func(err error) error {
		if err == nil {
			err = fsys.SyncFile(f)
		}
		err = errors.Join(err, f.Close())
		if err == nil {
			err = fsys.Rename(part, name)
		}
		if err == nil {
			return fsys.SyncDir(filepath.Dir(name))
		}
		return errors.Join(err, fsys.RemoveFile(part))
	}, nil
}

// local runs a command in this process.
func runLocal(ctx context.Context, e *env, cmd *command, c *call) error {
	done, err := prepareCall(e, cmd, c)
	if err == nil {
		err = cmd.local(ctx, e, c)
	}
	return done(err)
}
