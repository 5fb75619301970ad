package config

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"reflect"
	"time"
)

// Watcher reads a file again when it changes. All fields are set before Serve.
type Watcher struct {
	Path    string
	Current Config // what is in force when Serve begins
	Log     *slog.Logger
	Every   time.Duration         // between two looks; what changed is read when it has rested for so long: an editor writes in pieces
	Apply   func(old, now Config) // gets every good new version, one at a time
}

// Serve watches until ctx ends. It asks for the file's name again and again rather
// than for events: most editors and every careful script replace the file by a
// rename, links lead elsewhere, network and container file systems tell nothing, and
// a folder that holds the database besides tells of every page. A file that is gone,
// half written or wrong changes nothing: the node goes on with what it had, and the
// log says why.
func (w *Watcher) Serve(ctx context.Context) error {
	tick := time.NewTicker(w.Every)
	defer tick.Stop()
	var text []byte
	var before, done os.FileInfo
	for first := true; ; first = false { // the file may have changed since it was loaded
		now, err := os.Stat(w.Path)
		if err != nil {
			now = nil // who reads it says why
		}
		if first || same(now, before) && !same(now, done) {
			text, done = w.look(text), now
		}
		before = now
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// same reports whether two looks at a name have seen the same file, unchanged.
func same(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// look reads the file, hands over a good new version, and returns what it has
// read, so that a bad version is complained of once.
func (w *Watcher) look(last []byte) []byte {
	data, err := read(w.Path)
	if err != nil {
		w.Log.Warn("config: the file cannot be read; the old one stays in force", "error", err)
		return last
	}
	if bytes.Equal(data, last) {
		return last
	}
	cfg, err := Parse(w.Path, data)
	if err != nil {
		w.Log.Error("config: the new file is refused; the old one stays in force", "error", err)
		return data
	}
	if !reflect.DeepEqual(cfg, w.Current) {
		w.Apply(w.Current, cfg)
		w.Current = cfg
	}
	return data
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}
