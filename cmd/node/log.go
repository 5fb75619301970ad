package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"platen/config"
)

// logger is where the node writes its log. Printing never waits for it: lines
// go through a queue, and when the disk is full or nobody reads the pipe they
// are dropped and counted.
type logger struct {
	*slog.Logger
	level *slog.LevelVar
	out   *queued
	file  *reopened // nil for standard error
}

// openLog makes the log that cfg asks for; stderr is used when it names no file.
func openLog(cfg config.Log, stderr io.Writer) (*logger, error) {
	l := &logger{level: &slog.LevelVar{}}
	l.setLevel(cfg.Level)
	w := stderr
	if cfg.File != "" {
		l.file = &reopened{path: cfg.File}
		if err := l.file.reopen(); err != nil {
			return nil, fmt.Errorf("log: %w", err)
		}
		w = l.file
	}
	l.out = newQueued(w)
	o := &slog.HandlerOptions{Level: l.level}
	if cfg.Format == "json" {
		l.Logger = slog.New(slog.NewJSONHandler(l.out, o))
	} else {
		l.Logger = slog.New(slog.NewTextHandler(l.out, o))
	}
	return l, nil
}

// setLevel changes what is written from now on. The level was checked before.
func (l *logger) setLevel(level string) {
	var v slog.Level
	if v.UnmarshalText([]byte(level)) == nil {
		l.level.Set(v)
	}
}

// reopen begins a new file under the same name, after the old one was moved.
func (l *logger) reopen() error {
	if l.file == nil {
		return nil
	}
	return l.file.reopen()
}

// close writes what is still in the queue, for a second at most.
func (l *logger) close() {
	l.out.close(time.Second)
	if l.file != nil {
		_ = l.file.Close()
	}
}

// queued is a writer that never waits.
type queued struct {
	w       io.Writer
	lines   chan []byte
	done    chan struct{}
	mu      sync.RWMutex
	closed  bool
	dropped atomic.Int64 // lines that nobody will ever read
}

// queueLength is how many lines may wait. At some hundred octets each it is
// about a megabyte.
const queueLength = 4096

func newQueued(w io.Writer) *queued {
	q := &queued{w: w, lines: make(chan []byte, queueLength), done: make(chan struct{})}
	go q.drain()
	return q
}

// Write takes one line, as slog's handlers write it, or drops it.
func (q *queued) Write(p []byte) (int, error) {
	q.mu.RLock()
	defer q.mu.RUnlock()
	if q.closed {
		q.dropped.Add(1)
		return len(p), nil
	}
	select {
	case q.lines <- append([]byte(nil), p...):
	default:
		q.dropped.Add(1)
	}
	return len(p), nil
}

func (q *queued) drain() {
	defer close(q.done)
	told := int64(0)
	for line := range q.lines {
		if _, err := q.w.Write(line); err != nil {
			q.dropped.Add(1)
			continue
		}
		if n := q.dropped.Load(); n > told {
			if _, err := fmt.Fprintf(q.w, "time=%s level=WARN msg=\"log: lines were dropped\" count=%d\n", time.Now().UTC().Format(time.RFC3339), n-told); err == nil {
				told = n
			}
		}
	}
}

// close ends the queue and waits for it to run empty, but not for ever.
func (q *queued) close(wait time.Duration) {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		close(q.lines)
	}
	q.mu.Unlock()
	select {
	case <-q.done:
	case <-time.After(wait):
	}
}

// reopened is a file that is only ever appended to.
type reopened struct {
	path string
	mu   sync.Mutex
	f    *os.File
}

func (r *reopened) reopen() error {
	f, err := os.OpenFile(r.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.f != nil {
		_ = r.f.Close()
	}
	r.f = f
	return nil
}

func (r *reopened) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.f.Write(p)
}

func (r *reopened) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.f.Close()
}
