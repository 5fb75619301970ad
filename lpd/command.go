package lpd

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"platen/fault"
)

// Commands of RFC 1179, section 5.
const (
	cmdPrint       = 1 // print waiting jobs
	cmdReceive     = 2 // receive a printer job
	cmdShortStatus = 3 // send queue state (short)
	cmdLongStatus  = 4 // send queue state (long)
	cmdRemove      = 5 // remove jobs
)

// Subcommands of "receive a printer job", section 6.
const (
	subAbort   = 1
	subControl = 2
	subData    = 3
)

const (
	// maxLine is the longest command line, in octets.
	maxLine = 1024
	// maxListed is how many jobs and users a status or remove command may name.
	maxListed = 100
	// maxCount is the largest size that means anything. Clients announce up to
	// 125899906843000; nobody announces more than fits 63 bits and a sign.
	maxCount = 1 << 63
	// unbounded is the size from which on a data file ends with its
	// connection: CUPS sends 999999999999, Windows 125899906843000.
	unbounded = 100_000_000_000
)

// command is the first line of a connection.
type command struct {
	code  byte
	queue string   // as the client wrote it, made text
	rest  string   // for status: everything after the code, should the queue's name hold spaces
	agent string   // for remove: who asks; proven by nobody
	users []string // for status and remove
	ids   []int64  // for status and remove: job numbers
}

// parseCommand reads a command line without its line feed.
func parseCommand(line []byte) (command, error) {
	line = bytes.ReplaceAll(line, []byte{0}, nil)
	if len(line) == 0 || line[0] < cmdPrint || line[0] > cmdRemove {
		return command{}, invalid("lpd.command", "The print client sent a command that does not exist.")
	}
	text := decode(string(line[1:]), windows1252, 0)
	c := command{code: line[0], queue: text, rest: text}
	if c.code == cmdPrint || c.code == cmdReceive {
		return c, nil
	}
	words := strings.Fields(text)
	c.queue, words = shift(words)
	if c.code == cmdRemove {
		c.agent, words = shift(words)
	}
	for _, w := range words[:min(len(words), maxListed)] {
		if id, err := strconv.ParseInt(w, 10, 64); err == nil && id >= 0 {
			c.ids = append(c.ids, id)
		} else {
			c.users = append(c.users, w)
		}
	}
	return c, nil
}

func shift(words []string) (string, []string) {
	if len(words) == 0 {
		return "", nil
	}
	return words[0], words[1:]
}

// subcommand is a line inside "receive a printer job".
type subcommand struct {
	code  byte
	count uint64 // size in octets of the file that follows
	name  string // of the file, in raw octets; only ever compared
}

// bounded reports whether the size is meant as it stands.
func (s subcommand) bounded() bool { return s.count > 0 && s.count < unbounded }

// parseSubcommand reads a subcommand line without its line feed.
func parseSubcommand(line []byte) (subcommand, error) {
	const op = "lpd.subcommand"
	text := strings.TrimRight(strings.ReplaceAll(string(line), "\x00", ""), "\r")
	if text == "" || text[0] < subAbort || text[0] > subData {
		return subcommand{}, invalid(op, "The print client sent a command that does not exist.")
	}
	s := subcommand{code: text[0]}
	if s.code == subAbort {
		return s, nil
	}
	digits, name := text[1:], ""
	if i := strings.IndexAny(digits, " \t"); i >= 0 {
		digits, name = digits[:i], strings.TrimSpace(digits[i:])
	}
	count, err := parseCount(digits)
	if err != nil {
		return subcommand{}, &fault.Error{Op: op, Kind: fault.Invalid, Text: "The print client announced a size that is not a number.", Err: err}
	}
	s.count, s.name = count, name
	return s, nil
}

// parseCount reads a size: digits and nothing else.
func parseCount(digits string) (uint64, error) {
	n, err := strconv.ParseUint(digits, 10, 64) // takes neither signs nor prefixes nor underscores in base 10
	if err == nil && n > maxCount {
		err = errors.New("more than 2^63")
	}
	return n, err
}

func invalid(op, text string) error {
	return &fault.Error{Op: op, Kind: fault.Invalid, Text: text}
}
