package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"platen/fault"
)

// Exit codes. Scripts rely on them.
const (
	exitDone     = 0
	exitFailed   = 1
	exitUsage    = 2
	exitNotFound = 3
	exitConflict = 4
)

// env is what a command has of its process.
type env struct {
	in       io.Reader
	out, err io.Writer
}

// command is one row of the table of commands. Either local or admin is set.
type command struct {
	name     string   // "user add"
	args     string   // how the arguments are called in the help, "LOGIN"
	summary  string   // one line
	more     string   // what else there is to know, "" nothing
	examples []string // whole command lines without the program's name; at least one
	least    int      // how many arguments it needs
	most     int      // how many it takes; -1 any number
	hidden   bool     // not in the list of commands
	secret   *secret  // what is asked of the person before the command begins; nil nothing
	input    *input   // what is read from a file before the command begins; nil nothing
	output   *output  // what is written to a file while the command runs; nil nothing

	head *beginning // what is read of a file that a flag names, before the command begins; nil nothing

	flags func(*flag.FlagSet)                                // adds the command's own; nil none
	local func(ctx context.Context, e *env, c *call) error   // runs in this process
	admin func(ctx context.Context, a *admin, c *call) error // runs in the node, or here while no node runs
}

// call is one use of a command: its arguments and what goes in and out.
type call struct {
	argv     []string // as typed, for the node to read again
	args     []string // without flags
	given    []string // names of the flags that say what is done, for the audit trail; their values may be personal
	json     bool     // --json
	where    where    // which node
	secret   string
	passFile string // --password-file
	in       io.Reader
	out, err io.Writer
	file     io.Writer // what output names; nil for none
	actor    string    // who calls, for history and audit: "administrator root"
}

// usage is a mistake on the command line.
type usage struct{ text string }

func (u *usage) Error() string { return u.text }

func usagef(format string, args ...any) error { return &usage{fmt.Sprintf(format, args...)} }

// mistyped is the error of a check of what flags and arguments say: what cannot be is
// a mistake on the command line.
func mistyped(err error) error {
	if !fault.Is(err, fault.Invalid) {
		return err
	}
	return &usage{fault.Text(err)}
}

// run is the whole program: it finds the command, reads its flags, runs it
// here or in the node, and returns the exit code.
func run(ctx context.Context, argv []string, stdin io.Reader, stdout, stderr io.Writer) int {
	e := &env{in: stdin, out: stdout, err: stderr}
	err := dispatchCommand(ctx, e, argv)
	code := exitCode(err)
	if err != nil && !errors.Is(err, errSaid) {
		fmt.Fprintln(stderr, "platen: "+explain(err))
	}
	return code
}

// errSaid ends a command that has told the person already what is wrong.
var errSaid = errors.New("already told")

// exitCode maps an error to what scripts see.
func exitCode(err error) int {
	var u *usage
	var r *remoteError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &r):
		return r.Code
	case errors.As(err, &u):
		return exitUsage
	case fault.Is(err, fault.NotFound):
		return exitNotFound
	case fault.Is(err, fault.Conflict):
		return exitConflict
	default:
		return exitFailed
	}
}

// explain says what went wrong to an administrator: the sentence that was made
// for people, and the cause only where nobody made one. Whoever may run these
// commands may read the log as well.
func explain(err error) string {
	var u *usage
	var r *remoteError
	var f *fault.Error
	switch {
	case errors.As(err, &u):
		return u.text
	case errors.As(err, &r):
		return r.Text
	case errors.As(err, &f) && f.Kind != fault.Internal:
		return fault.Text(err)
	default:
		return err.Error()
	}
}

func dispatchCommand(ctx context.Context, e *env, argv []string) error {
	cmd, rest, err := find(commands(), argv)
	if err != nil || cmd == nil {
		return orHelp(e, argv, err)
	}
	c, err := parse(cmd, rest)
	if errors.Is(err, flag.ErrHelp) {
		return help(e.out, cmd)
	}
	if err != nil {
		return fmt.Errorf("%w\nTry: platen %s --help", err, cmd.name)
	}
	c.argv, c.in, c.out, c.err = argv, e.in, e.out, e.err
	if cmd.local != nil {
		return runLocal(ctx, e, cmd, c)
	}
	return administer(ctx, e, cmd, c)
}

// find returns the command that argv begins with, and what follows it. Without
// an error and a command, argv asks for help.
func find(table []*command, argv []string) (*command, []string, error) {
	words := 0
	for words < len(argv) && !strings.HasPrefix(argv[words], "-") {
		words++
	}
	for n := min(words, 3); n > 0; n-- {
		name := strings.Join(argv[:n], " ")
		if i := slices.IndexFunc(table, func(c *command) bool { return c.name == name }); i >= 0 {
			return table[i], argv[n:], nil
		}
	}
	if words == 0 || argv[0] == "help" {
		return nil, nil, nil
	}
	if verbs := verbsOf(table, argv[0]); len(verbs) > 0 && words == 1 {
		return nil, nil, nil
	} else if len(verbs) > 0 {
		return nil, nil, usagef("%s has no %q; there are %s", argv[0], argv[1], strings.Join(verbs, ", "))
	}
	return nil, nil, usagef("there is no command %q. Try: platen help", argv[0])
}

// verbsOf lists what can be done with a noun.
func verbsOf(table []*command, noun string) []string {
	var verbs []string
	for _, c := range table {
		if n, v, ok := strings.Cut(c.name, " "); ok && n == noun && !c.hidden {
			verbs = append(verbs, v)
		}
	}
	return verbs
}

// parse reads the flags of a command, which may stand before, between and
// after its arguments.
func parse(cmd *command, rest []string) (*call, error) {
	c := &call{}
	fs := flagSet(cmd, c)
	for {
		if err := fs.Parse(rest); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, &usage{err.Error()}
		}
		if fs.NArg() == 0 {
			break
		}
		ended := len(rest) > fs.NArg() && rest[len(rest)-fs.NArg()-1] == "--"
		if ended {
			c.args = append(c.args, fs.Args()...)
			break
		}
		c.args = append(c.args, fs.Arg(0))
		rest = fs.Args()[1:]
	}
	fs.Visit(func(f *flag.Flag) {
		if !slices.Contains(aside, f.Name) {
			c.given = append(c.given, f.Name)
		}
	})
	if len(c.args) < cmd.least {
		return nil, usagef("%s needs %s", cmd.name, cmd.args)
	}
	if cmd.most >= 0 && len(c.args) > cmd.most {
		return nil, usagef("%s does not take %q", cmd.name, c.args[cmd.most])
	}
	return c, nil
}

// aside are the flags that say where and how, and nothing of what is done.
var aside = []string{"config", "dir", "json"}

// flagSet is the command's own flags and those that every command has.
func flagSet(cmd *command, c *call) *flag.FlagSet {
	fs := flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&c.where.config, "config", "", "the node's configuration `FILE`")
	fs.StringVar(&c.where.dir, "dir", "", "the node's data folder `DIR`")
	fs.BoolVar(&c.json, "json", false, "answer in JSON, for programs")
	if cmd.secret != nil {
		fs.StringVar(&c.passFile, "password-file", "", "read the "+cmd.secret.what+" from `FILE`, - for standard input")
	}
	if cmd.flags != nil {
		cmd.flags(fs)
	}
	return fs
}
