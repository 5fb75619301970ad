package config_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"platen/config"
)

// lines is a log that a test can wait for.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
	new chan struct{}
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	l.buf.Write(p)
	l.mu.Unlock()
	select {
	case l.new <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (l *lines) await(t *testing.T, what string) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		l.mu.Lock()
		text := l.buf.String()
		l.mu.Unlock()
		if strings.Contains(text, what) {
			return
		}
		select {
		case <-l.new:
		case <-deadline:
			t.Fatalf("the log never said %q; it says\n%s", what, text)
		}
	}
}

func replace(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func watch(t *testing.T, path string) (<-chan config.Config, *lines) {
	t.Helper()
	log := &lines{new: make(chan struct{}, 1)}
	got := make(chan config.Config, 10)
	w := &config.Watcher{
		Path: path, Current: config.Default(), Log: slog.New(slog.NewTextHandler(log, nil)),
		Every: 5 * time.Millisecond, Apply: func(_, now config.Config) { got <- now },
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return got, log
}

func next(t *testing.T, got <-chan config.Config) config.Config {
	t.Helper()
	select {
	case c := <-got:
		return c
	case <-time.After(20 * time.Second):
		t.Fatal("no new version arrived")
		return config.Config{}
	}
}

// F52: a file that is half written or gone keeps the old one in force, and the
// next good one is taken.
func TestF52WatcherKeepsTheLastGoodFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.toml")
	replace(t, path, "[log]\nlevel = \"info\"\n")
	got, log := watch(t, path)

	replace(t, path, "[log]\nlevel = \"warn\"\n")
	if c := next(t, got); c.Log.Level != "warn" {
		t.Errorf("got level %s", c.Log.Level)
	}
	replace(t, path, "[log]\nlevel = \"wa")
	log.await(t, "the new file is refused; the old one stays in force")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	log.await(t, "the file cannot be read; the old one stays in force")
	replace(t, path, "[log]\nlevl = \"debug\"\n")
	log.await(t, "did you mean log.level?")
	if err := os.WriteFile(path, []byte("[log]\nlevel = \"error\"\n"), 0o600); err != nil { // in place, as some editors do
		t.Fatal(err)
	}
	if c := next(t, got); c.Log.Level != "error" {
		t.Errorf("got level %s", c.Log.Level)
	}
}

// A file behind a symbolic link, as configuration tools set it up, is watched
// where it is.
func TestWatcherFollowsALink(t *testing.T) {
	real := filepath.Join(t.TempDir(), "real.toml")
	replace(t, real, "[log]\nlevel = \"info\"\n")
	path := filepath.Join(t.TempDir(), "node.toml")
	if err := os.Symlink(real, path); err != nil {
		t.Fatal(err)
	}
	got, _ := watch(t, path)
	replace(t, real, "[log]\nlevel = \"warn\"\n")
	if c := next(t, got); c.Log.Level != "warn" {
		t.Errorf("got level %s", c.Log.Level)
	}
}
