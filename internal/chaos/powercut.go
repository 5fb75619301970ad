package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// fsOp is one line of the log that a chaos build writes of its own file
// operations.
type fsOp struct {
	Op   string `json:"op"`
	Path string `json:"path"`
	To   string `json:"to"`
	At   int64  `json:"at"`
	Len  int64  `json:"len"`
}

// loseUnsynced does to the spool what a power cut may do: a file whose folder
// was not synced after it was made is gone, and octets after the last sync of a
// file are gone. (A real ext4 often keeps more; a promise may not rest on it.)
func loseUnsynced(log string) (lost int, err error) {
	f, err := os.Open(log)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()

	synced := map[string]int64{} // octets of a file that are safe
	named := map[string]bool{}   // false: its folder entry is not safe yet
	over := map[string][]fsOp{}  // written over others since the last sync
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var op fsOp
		if err := json.Unmarshal(lines.Bytes(), &op); err != nil {
			return 0, fmt.Errorf("fs log: %w in %q", err, lines.Text())
		}
		switch op.Op {
		case "create":
			synced[op.Path], named[op.Path] = 0, false
		case "write":
			over[op.Path] = append(over[op.Path], op)
		case "sync":
			synced[op.Path] = op.Len
			delete(over, op.Path)
		case "syncdir":
			for p := range named {
				if filepath.Dir(p) == strings.TrimSuffix(op.Path, "/") {
					named[p] = true
				}
			}
		case "rename":
			synced[op.To], named[op.To] = synced[op.Path], false
			delete(named, op.Path)
			delete(synced, op.Path)
			delete(over, op.Path)
		case "remove":
			delete(named, op.Path)
			delete(synced, op.Path)
			delete(over, op.Path)
		}
	}
	if err := lines.Err(); err != nil {
		return 0, err
	}
	for p, ops := range over {
		if err := blank(p, ops); err != nil {
			return lost, err
		}
		lost++
	}
	for p, ok := range named {
		info, err := os.Stat(p)
		if err != nil {
			continue
		}
		switch {
		case !ok:
			err = os.Remove(p)
			lost++
		case info.Size() > synced[p]:
			err = os.Truncate(p, synced[p])
			lost++
		}
		if err != nil {
			return lost, err
		}
	}
	return lost, nil
}

// blank puts back what stood where these octets were written: the segments of
// the spool's log are made of zeros. What stood there before in a segment that is
// used again was nobody's either.
func blank(path string, ops []fsOp) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	for _, op := range ops {
		if _, err := f.WriteAt(make([]byte, op.Len), op.At); err != nil {
			return err
		}
	}
	return f.Sync()
}
