package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// orHelp answers a command line that names no command: with the list of
// commands, the verbs of a noun, the help of one command, or the mistake.
func orHelp(e *env, argv []string, err error) error {
	if err != nil {
		return err
	}
	words := slices.DeleteFunc(slices.Clone(argv), func(w string) bool { return strings.HasPrefix(w, "-") })
	asked := len(words) > 0 && words[0] == "help" || len(words) == 0 && len(argv) > 0
	if len(words) > 0 && words[0] == "help" {
		words = words[1:]
	}
	table := commands()
	if len(words) == 0 {
		if !asked {
			listCommands(e.err, table, "")
			return fmt.Errorf("%w%w", &usage{"which command?"}, errSaid)
		}
		listCommands(e.out, table, "")
		return nil
	}
	cmd, _, err := find(table, words)
	switch {
	case err != nil:
		return err
	case cmd != nil:
		return help(e.out, cmd)
	case asked || len(argv) > len(words):
		listCommands(e.out, table, words[0])
		return nil
	default:
		listCommands(e.err, table, words[0])
		return fmt.Errorf("%w%w", &usage{words[0] + " and then?"}, errSaid)
	}
}

// listCommands lists all commands, or those of one noun.
func listCommands(w io.Writer, table []*command, noun string) {
	fmt.Fprint(w, "Platen is an open print node.\n\n")
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, c := range table {
		if n, _, _ := strings.Cut(c.name, " "); !c.hidden && (noun == "" || n == noun) {
			fmt.Fprintf(tw, "  platen %s\t%s\n", strings.TrimSpace(c.name+" "+c.args), c.summary)
		}
	}
	_ = tw.Flush()
	fmt.Fprint(w, "\nplaten COMMAND --help tells more and gives an example.\n--config FILE or --dir DIR says which node; --json answers for programs.\nExit status: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 conflict.\n")
}

// help writes all there is to know of one command.
func help(w io.Writer, cmd *command) error {
	fmt.Fprintf(w, "platen %s\n\n%s\n", strings.TrimSpace(cmd.name+" "+cmd.args), cmd.summary)
	if cmd.more != "" {
		fmt.Fprintf(w, "\n%s\n", cmd.more)
	}
	fmt.Fprint(w, "\nExample:\n")
	for _, x := range cmd.examples {
		fmt.Fprintf(w, "  platen %s\n", x)
	}
	fmt.Fprint(w, "\nFlags:\n")
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	flagSet(cmd, &call{}).VisitAll(func(f *flag.Flag) {
		value, text := flag.UnquoteUsage(f)
		if d := f.DefValue; d != "" && d != "false" && d != "0" && d != "0s" {
			text += " (" + d + ")"
		}
		fmt.Fprintf(tw, "  --%s\t%s\n", strings.TrimSpace(f.Name+" "+value), text)
	})
	return tw.Flush()
}
