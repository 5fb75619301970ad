//go:build chaos

package fsys

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
)

// logFile opens the log once; nil when none is asked for.
var logFile = sync.OnceValue(func() *os.File {
	path := os.Getenv("PLATEN_FSLOG")
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		panic(err) // a chaos run without its log proves nothing
	}
	return f
})

// record writes op in one write, so that lines of several goroutines and
// processes never mix. It is called after the fact: what is not in the log when
// the process is killed did, for the model, not happen.
func record(op Op) {
	f := logFile()
	if f == nil {
		return
	}
	op.Path = absolute(op.Path)
	if op.To != "" {
		op.To = absolute(op.To)
	}
	line, err := json.Marshal(op)
	if err == nil {
		_, err = f.Write(append(line, '\n'))
	}
	if err != nil {
		panic(err)
	}
}

func recordSync(f *os.File) {
	if logFile() == nil {
		return
	}
	info, err := f.Stat()
	if err != nil {
		panic(err)
	}
	record(Op{Op: "sync", Path: f.Name(), Length: info.Size()})
}

func absolute(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		panic(err)
	}
	return abs
}
