package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"platen/fault"
)

// maxFile bounds the file: a megabyte of configuration is a mistake.
const maxFile = 1 << 20

// Problem is one thing that is wrong with the file.
type Problem struct {
	Line int    // from 1; 0 where the file does not name the key
	Key  string // "lpd.idle"; "" for a file that is not TOML
	Text string // one clause, "must be at least 1"
}

// Problems is everything that is wrong with one file.
type Problems struct {
	File string
	List []Problem
}

// Error lists the problems, one a line, as "node.toml:12: lpd.idle: …".
func (p *Problems) Error() string {
	lines := make([]string, len(p.List))
	for i, q := range p.List {
		lines[i] = p.File + ":"
		if q.Line > 0 {
			lines[i] += fmt.Sprintf("%d:", q.Line)
		}
		if q.Key != "" {
			lines[i] += " " + q.Key + ":"
		}
		lines[i] += " " + q.Text
	}
	return strings.Join(lines, "\n")
}

// refused wraps problems as the fault that its reader may fix.
func refused(p *Problems) error {
	return &fault.Error{Op: "config.Load", Kind: fault.Invalid, Text: "The configuration is not valid.\n%s", Args: []any{p.Error()}, Err: p}
}

// Load reads and checks the file at path. What the file does not say keeps
// its default.
func Load(path string) (Config, error) {
	const op = "config.Load"
	data, err := read(path)
	if errors.Is(err, os.ErrNotExist) {
		return Config{}, &fault.Error{Op: op, Kind: fault.NotFound, Text: "There is no configuration file %s.", Args: []any{path}, Err: err}
	}
	if err != nil {
		return Config{}, &fault.Error{Op: op, Kind: fault.Internal, Text: "The configuration file %s cannot be read.", Args: []any{path}, Err: err}
	}
	return Parse(path, data)
}

// Parse reads and checks data; name is what messages call the file.
func Parse(name string, data []byte) (Config, error) {
	cfg := Default()
	if len(data) > maxFile {
		return cfg, refused(&Problems{File: name, List: []Problem{{Text: "the file is larger than 1 MiB"}}})
	}
	problems := decode(data, &cfg)
	if len(problems) == 0 {
		problems = locate(data, cfg.check())
	}
	if len(problems) > 0 {
		return cfg, refused(&Problems{File: name, List: problems})
	}
	return cfg, nil
}

// Check tells what is wrong with a configuration that was made or changed by
// other means than a file.
func (c *Config) Check() error {
	if problems := c.check(); len(problems) > 0 {
		return refused(&Problems{File: "configuration", List: problems})
	}
	return nil
}

// decode fills cfg and returns what the decoder could not make sense of.
func decode(data []byte, cfg *Config) []Problem {
	err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(cfg)
	var unknown *toml.StrictMissingError
	if errors.As(err, &unknown) {
		known := Keys()
		list := make([]Problem, len(unknown.Errors))
		for i := range unknown.Errors {
			list[i] = unknownKey(&unknown.Errors[i], known)
		}
		return list
	}
	var wrong *toml.DecodeError
	if errors.As(err, &wrong) {
		line, _ := wrong.Position()
		return []Problem{{Line: line, Key: strings.Join(wrong.Key(), "."), Text: strings.TrimPrefix(wrong.Error(), "toml: ")}}
	}
	var value *valueError
	if errors.As(err, &value) {
		return []Problem{findValue(data, value)}
	}
	if err != nil {
		return []Problem{{Text: err.Error()}}
	}
	return nil
}

// unknownKey says where the key stands and which one was probably meant.
func unknownKey(e *toml.DecodeError, known []string) Problem {
	line, _ := e.Position()
	key := strings.Join(e.Key(), ".")
	p := Problem{Line: line, Key: key, Text: "unknown key"}
	if near := nearest(key, known); near != "" {
		p.Text += "; did you mean " + near + "?"
	}
	return p
}

// nearest returns the known key with the fewest edits from key, or "" when
// none is near. A key that only stands in the wrong table counts as near.
func nearest(key string, known []string) string {
	best, least := "", len(key)/2+1
	for _, k := range known {
		d := edits(key, k)
		if last(k) == last(key) {
			d = min(d, 2)
		}
		if d < least {
			best, least = k, d
		}
	}
	return best
}

func last(key string) string { return key[strings.LastIndexByte(key, '.')+1:] }

// edits is the Levenshtein distance of two short ASCII words.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// Keys lists every key that a file may hold, sorted: "lpd.idle", and
// "hotfolder.path" for a key of the repeated table.
func Keys() []string {
	keys := []string{}
	leaves(Config{}, func(l leaf) { keys = append(keys, l.key) })
	slices.Sort(keys)
	return keys
}
