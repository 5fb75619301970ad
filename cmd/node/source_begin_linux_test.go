package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"platen/directory"
	"platen/store"
)

// Nobody reads a new source before somebody has said so, and everybody says that.
func TestNewSource(t *testing.T) {
	h := startDemo(t, "")
	people := filepath.Join(t.TempDir(), "people.csv")
	put(t, people, "id,login\n1,erik\n2,frida\n")
	const begins = "t is not read yet: platen source sync corp --dry-run shows what it would bring, platen source sync corp begins."
	wants(t, h.dir, exitDone, "Next: platen source test corp. I"+begins, "source", "add", "corp", "--kind", "csv", "--path", people, "--every", "1s")
	wants(t, h.dir, exitDone, begins, "source", "test", "corp")
	wants(t, h.dir, exitDone, begins, "source", "set", "corp", "--every", "2s")
	wants(t, h.dir, exitDone, begins, "source", "list")
	wants(t, h.dir, exitDone, "new; i"+begins, "source", "show", "corp")
	wants(t, h.dir, exitDone, "corp is new and not read yet", "readiness")
	wants(t, h.dir, exitDone, begins, "doctor")
	var v struct {
		New    bool
		Report directory.Run
	}
	h.json(&v, "source", "show", "corp")
	if r := h.sync("--dry-run"); r.New != 2 || !v.New {
		t.Errorf("dry run: %+v, %+v", r, v)
	}
	if h.json(&v, "source", "show", "corp"); !v.New || !v.Report.Began.IsZero() {
		t.Errorf("a dry run has begun it: %+v", v)
	}
	wants(t, h.dir, exitNotFound, "", "user", "show", "erik")
	if r := h.sync(); r.New != 2 {
		t.Errorf("begun: %+v", r)
	}
	put(t, people, "id,login\n1,erik\n2,frida\n3,gerd\n")
	await(t, "the node reads it by itself", func() bool { return platen("", "user", "show", "gerd", "--dir", h.dir).code == exitDone })
	wants(t, h.dir, exitDone, "source corp", "doctor")
	other := filepath.Join(t.TempDir(), "other.csv")
	put(t, other, "id,login\n1,erik\n2,frida\n3,gerd\n4,hugo\n")
	wants(t, h.dir, exitDone, "The next look at the source compares everybody with this.", "source", "set", "corp", "--path", other)
	await(t, "the node has applied it", func() bool { return platen("", "user", "show", "hugo", "--dir", h.dir).code == exitDone })
	wants(t, h.dir, exitDone, "The source corp is removed, and 4 people with it.", "source", "remove", "corp", "--people")
	wants(t, h.dir, exitDone, "Next: platen source token push1,", "source", "add", "push1", "--kind", "push")
	h.end()
}

// Only what somebody has begun is due.
func TestNewSourceIsNotDue(t *testing.T) {
	s := newSources(store.Scope{}, nil, time.Now, slog.New(slog.DiscardHandler))
	for _, kind := range []string{directory.SourceLDAP, directory.SourceEntra, directory.SourceCSV} {
		x := directory.SourceSetup{ID: kind, Name: kind, Kind: kind, Enabled: true, Every: time.Second}
		s.wake(x.ID)
		if s.due(&x, true) {
			t.Errorf("%s: new, and due", kind)
		}
		x.Report.Began = time.Now().Add(-time.Hour)
		if !s.due(&x, false) {
			t.Errorf("%s: begun, and not due", kind)
		}
	}
}

// Who asks while the node reads a source waits, and hears how far that is.
func TestAskInTurn(t *testing.T) {
	dir := newNode(t)
	people := filepath.Join(t.TempDir(), "people.csv")
	put(t, people, "id,login\n1,erik\n")
	must(t, dir, "", "source", "add", "corp", "--kind", "csv", "--path", people)
	p, err := (&where{dir: dir}).find()
	if err != nil {
		t.Fatal(err)
	}
	a, closeStore, err := openAdmin(t.Context(), p, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = closeStore() }()
	runner := a.sourceRunner()
	x, err := a.source(t.Context(), "corp")
	if err != nil {
		t.Fatal(err)
	}
	src, err := runner.open(t.Context(), x)
	if err != nil {
		t.Fatal(err)
	}
	st, leave, err := runner.enter(x)
	if err != nil {
		t.Fatal(err)
	}
	*st = stage{"read", 4711, 0}
	told, waited := "", false
	ask := func(ctx context.Context) (directory.Run, error) {
		return runner.askInTurn(ctx, x, src, directory.Ask{Full: true, DryRun: true, Progress: func(what string, done, of int) {
			if told == "" {
				told = stage{what, done, of}.String()
				leave()
			}
		}}, func() { waited = true })
	}
	if r, err := ask(t.Context()); err != nil || r.New != 1 || told != "read: 4711" || !waited {
		t.Errorf("%+v, %v; heard %q, waited %v", r, err, told, waited)
	}
	_, leave, err = runner.enter(x)
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ask(over); err == nil {
		t.Error("who has gone still waits")
	}
}

// What an administrator reads of numbers that are not there, and of limits.
func TestWordsOfLimits(t *testing.T) {
	if peopleThere(-1) != "not said" || peopleThere(0) != "0" {
		t.Error("people of Entra ID")
	}
	dir := newNode(t)
	for _, bad := range []string{"0s", "1s", "99999h", "31d", "-1h"} {
		wants(t, dir, exitUsage, "30d", "code", "add", "anna", "--for", bad)
	}
	wants(t, dir, exitDone, "It works once", "code", "add", "anna", "--for", "30d")
	out := must(t, dir, "", "owner", "show", "--queue", "secure")
	if strings.Contains(out, "no door asks") || !strings.Contains(out, "TLS client certificate (counts as proof)") {
		t.Error(out)
	}
}
