package config

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Watcher reads a file again when it changes. All fields are set before Serve.
type Watcher struct {
	Path    string
	Current Config // what is in force when Serve begins
	Log     *slog.Logger
	Quiet   time.Duration         // how long the folder is left alone before the file is read; an editor writes in pieces
	Apply   func(old, now Config) // gets every good new version, one at a time
}

// Serve watches until ctx ends. It looks at the folder and not at the file,
// because most editors and every careful script replace the file by a rename.
// A file that is gone, half written or wrong changes nothing: the node goes on
// with what it had, and the log says why.
func (w *Watcher) Serve(ctx context.Context) error {
	n, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("config: watch: %w", err)
	}
	defer func() { _ = n.Close() }()
	var last []byte
	if err := w.watch(n); err != nil {
		return err
	}
	quiet := time.NewTimer(0) // the file may have changed since it was loaded
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-n.Events:
			quiet.Reset(w.Quiet)
		case err := <-n.Errors: // the kernel's queue overflowed: look
			w.Log.Warn("config: watching the file", "error", err)
			quiet.Reset(w.Quiet)
		case <-quiet.C:
			last = w.look(last)
			if err := w.watch(n); err != nil {
				w.Log.Warn("config: watching the file", "error", err)
			}
		}
	}
}

// watch sets the watch on the file's folder, and on the folder of the file
// that a symbolic link leads to. Adding a folder twice is harmless.
func (w *Watcher) watch(n *fsnotify.Watcher) error {
	if err := n.Add(filepath.Dir(w.Path)); err != nil {
		return fmt.Errorf("config: watch: %w", err)
	}
	if real, err := filepath.EvalSymlinks(w.Path); err == nil && filepath.Dir(real) != filepath.Dir(w.Path) {
		return n.Add(filepath.Dir(real))
	}
	return nil
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
