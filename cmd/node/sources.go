package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"

	"platen/directory"
	"platen/directory/cardrule"
	"platen/directory/csvfile"
	"platen/directory/entra"
	"platen/directory/ldap"
	"platen/fault"
	"platen/job"
	"platen/pki"
	"platen/spool"
	"platen/store"
)

// sources asks the directories of a tenant for people: by and by while the node
// runs, and when a command says so.
type sources struct {
	scope  store.Scope
	keys   *spool.Keys
	now    func() time.Time
	log    *slog.Logger
	wakeup chan struct{}
	cut    *cut // nil: never
	roots  rooted

	answered func(source string) // it is not away; nil: nobody wants to know

	mu      sync.Mutex
	running map[string]*stage        // by source
	tried   map[string]time.Time     // when one was asked last
	silent  map[string]time.Time     // when it was told that one is not heard of
	failed  map[string]directory.Run // the last run that failed: with a full disk nobody can store that
}

// stage is how far a run has come.
type stage struct {
	what     string
	done, of int
}

func newSources(scope store.Scope, keys *spool.Keys, now func() time.Time, log *slog.Logger) *sources {
	return &sources{
		scope: scope, keys: keys, now: now, log: log, wakeup: make(chan struct{}, 1),
		running: map[string]*stage{}, tried: map[string]time.Time{}, silent: map[string]time.Time{},
		failed: map[string]directory.Run{},
	}
}

// parseConfig reads the configuration of a source of this kind.
func parseConfig(kind, text string, into any) error {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return &fault.Error{Op: "sources", Kind: fault.Invalid, Text: "The configuration of this source cannot be read.", Err: fmt.Errorf("%s: %w", kind, err)}
	}
	return nil
}

// open makes a source of what an administrator set up.
func (s *sources) open(ctx context.Context, x directory.SourceSetup) (directory.Source, error) {
	if s.cut.now() {
		return nil, &fault.Error{Op: "sources.open", Kind: fault.Unavailable, Text: "Directories are not asked while a drill is under way."}
	}
	secret, err := s.scope.SourceSecret(ctx, x.ID)
	if err != nil {
		return nil, err
	}
	switch x.Kind {
	case directory.SourceLDAP:
		src := &ldap.Source{Secret: secret, Log: s.log, Now: s.now, Roots: s.roots.of(pki.ForDirectory)}
		return src, parseConfig(x.Kind, x.Config, &src.Config)
	case directory.SourceEntra:
		src := &entra.Source{Secret: secret, Log: s.log, Now: s.now, Roots: s.roots.of(pki.ForSignIn)}
		return src, parseConfig(x.Kind, x.Config, &src.Config)
	case directory.SourceCSV:
		src := &csvfile.Source{}
		return src, parseConfig(x.Kind, x.Config, &src.Config)
	}
	return nil, &fault.Error{Op: "sources.open", Kind: fault.Invalid, Text: "This source is not asked: another machine brings its people (platen sync-directory)."}
}

// ask runs a source now. One run at a time of each; the second is a Conflict.
func (s *sources) ask(ctx context.Context, x directory.SourceSetup, src directory.Source, how directory.Ask) (directory.Run, error) {
	st, leave, err := s.enter(x)
	if err != nil {
		return directory.Run{}, err
	}
	defer leave()
	rule, err := cardrule.Parse(x.Rule)
	if err != nil {
		return directory.Run{}, err
	}
	how.Rule = rule.Apply
	told := how.Progress
	how.Progress = func(what string, done, of int) {
		s.mu.Lock()
		*st = stage{what, done, of}
		s.mu.Unlock()
		if told != nil {
			told(what, done, of)
		}
	}
	syncer := &directory.Syncer{
		Store: s.scope, Digests: s.keys.Tenant(s.scope.Tenant()), NewID: job.NewUUID, Now: s.now, Log: s.log, Guard: directory.DefaultGuard,
	}
	r, err := syncer.Run(ctx, x, src, how)
	if !how.DryRun {
		s.ended(x.ID, r, err)
	}
	if err == nil && s.answered != nil {
		s.answered(x.ID)
	}
	return r, err
}

// errAsked is that somebody else asks a source.
var errAsked = errors.New("another run is under way")

// askInTurn is ask for somebody who waits, and hears how far it is, while another run
// is under way.
func (s *sources) askInTurn(ctx context.Context, x directory.SourceSetup, src directory.Source, how directory.Ask, waits func()) (directory.Run, error) {
	for told := false; ; told = true {
		r, err := s.ask(ctx, x, src, how)
		if !errors.Is(err, errAsked) {
			return r, err
		}
		if !told {
			waits()
		}
		if err := s.over(ctx, x.ID, how.Progress); err != nil {
			return r, err
		}
	}
}

// over waits until the run of a source that is under way has ended.
func (s *sources) over(ctx context.Context, id string, told func(what string, done, of int)) error {
	for {
		st, running := s.progress(id)
		if !running {
			return nil
		}
		told(st.what, st.done, st.of)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// ended remembers a run that failed.
func (s *sources) ended(id string, r directory.Run, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		delete(s.failed, id)
		return
	}
	r.Failed = fault.Text(err)
	s.failed[id] = r
}

// latest brings the report of a source to what the node knows better than the store,
// where there was no room for it.
func (s *sources) latest(x *directory.SourceSetup) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.failed[x.ID]; ok && !r.Began.Before(x.Report.Began) {
		x.Report = r
	}
}

// latest is the same for a command.
func (a *admin) latest(x *directory.SourceSetup) {
	if a.running != nil {
		a.running.sources.latest(x)
	}
}

func (s *sources) enter(x directory.SourceSetup) (*stage, func(), error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running[x.ID] != nil {
		return nil, nil, &fault.Error{Op: "sources.ask", Kind: fault.Conflict, Text: "The source %s is being asked at this moment.", Args: []any{x.Name}, Err: errAsked}
	}
	st := &stage{what: "connect"}
	s.running[x.ID], s.tried[x.ID] = st, s.now()
	return st, func() {
		s.mu.Lock()
		delete(s.running, x.ID)
		s.mu.Unlock()
	}, nil
}

// progress returns how far the run of a source has come; ok is false when none runs.
func (s *sources) progress(id string) (st stage, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running[id] == nil {
		return stage{}, false
	}
	return *s.running[id], true
}

// wake makes serve look at the sources again, and ask one that was changed.
func (s *sources) wake(id string) {
	s.mu.Lock()
	s.tried[id] = s.now().Add(-directory.FullEvery)
	s.mu.Unlock()
	select {
	case s.wakeup <- struct{}{}:
	default:
	}
}

// look is how often serve looks whose turn it is.
const look = 15 * time.Second

// serve asks every source that somebody has begun with when its time has come, and
// whenever its file changes.
func (s *sources) serve(ctx context.Context) error {
	files := newFileWatch(s.log)
	defer files.close()
	var runs sync.WaitGroup
	defer runs.Wait()
	for {
		list, err := s.scope.Sources(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.Warn("sources: nobody knows whom to ask", "error", err)
		}
		files.watch(list)
		for _, x := range list {
			s.listen(&x)
			if s.due(&x, files.changed(x.ID)) {
				runs.Go(func() { s.round(ctx, x) })
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.wakeup:
		case <-files.events:
		case <-time.After(look):
		}
	}
}

// due says whether a source is to be asked now.
func (s *sources) due(x *directory.SourceSetup, changed bool) bool {
	if !x.Enabled || x.Kind == directory.SourcePush || x.New() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.tried[x.ID]
	if last.IsZero() {
		last = x.Report.Began
	}
	every := x.Every
	if every <= 0 {
		every = directory.DefaultEvery
	}
	now := s.now()
	since := now.Sub(last)
	tonight := directory.FullDue(x.Name, x.Full, now) && last.Before(directory.LastNight(x.Name, now))
	return s.running[x.ID] == nil && (changed || tonight || since >= every || since < 0)
}

// listen tells in the log, once a day, that a machine that brings people has fallen
// silent, and that it is back.
func (s *sources) listen(x *directory.SourceSetup) {
	if !x.Enabled || x.Kind != directory.SourcePush {
		return
	}
	now := s.now()
	silent := x.Silent(now)
	s.mu.Lock()
	told, was := s.silent[x.ID]
	again := silent > 0 && (!was || now.Sub(told) >= directory.FullEvery)
	switch {
	case again:
		s.silent[x.ID] = now
	case silent == 0:
		delete(s.silent, x.ID)
	}
	s.mu.Unlock()
	switch {
	case again:
		s.log.Warn("sources: nobody brings people any longer; what is known of them stays", "source", x.Name, "for", silent.Round(time.Minute).String(), "last", x.Good)
	case was && silent == 0:
		s.log.Info("sources: people are brought again", "source", x.Name)
	}
}

// round asks one source, and tells in the log what is worth a line.
func (s *sources) round(ctx context.Context, x directory.SourceSetup) {
	src, err := s.open(ctx, x)
	var r directory.Run
	if err == nil {
		r, err = s.ask(ctx, x, src, directory.Ask{})
	}
	switch {
	case ctx.Err() != nil || fault.Is(err, fault.Conflict):
	case err != nil:
		s.log.Warn("sources: a directory was not read; what is known of its people stays", "source", x.Name, "error", err)
	default:
		s.tell(&x, &r)
	}
}

// tell writes a line about a run that has changed something.
func (s *sources) tell(x *directory.SourceSetup, r *directory.Run) {
	if r.New+r.Changed+r.Removed+r.Groups > 0 && !r.DryRun {
		s.log.Info("sources: people have changed", "source", x.Name, "new", r.New, "changed", r.Changed, "disabled", r.Disabled, "removed", r.Removed, "groups", r.Groups)
	}
}

// fileWatch hears when watched files change. Without it, and on file systems that
// tell nothing, the time of each source does.
type fileWatch struct {
	log    *slog.Logger
	w      *fsnotify.Watcher
	events chan struct{}

	mu    sync.Mutex
	paths map[string]string // path to source
	dirty map[string]bool   // sources
}

func newFileWatch(log *slog.Logger) *fileWatch {
	f := &fileWatch{log: log, events: make(chan struct{}, 1), paths: map[string]string{}, dirty: map[string]bool{}}
	var err error
	if f.w, err = fsnotify.NewWatcher(); err != nil {
		log.Warn("sources: changes of files are not heard of at once", "error", err)
		return f
	}
	go f.hear()
	return f
}

func (f *fileWatch) close() {
	if f.w != nil {
		_ = f.w.Close()
	}
}

// watch says which files are watched from now on: their folders, in fact, because
// files are mostly replaced.
func (f *fileWatch) watch(list []directory.SourceSetup) {
	if f.w == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.paths)
	for _, x := range list {
		var c csvfile.Config
		if x.Kind != directory.SourceCSV || !x.Enabled || json.Unmarshal([]byte(x.Config), &c) != nil || c.Check() != nil {
			continue
		}
		f.paths[filepath.Clean(c.Path)] = x.ID
		if err := f.w.Add(filepath.Dir(c.Path)); err != nil {
			f.log.Debug("sources: a folder is not watched", "error", err)
		}
	}
}

// settle is how long a file must be quiet: whoever writes it may not be done.
const settleFile = time.Second

func (f *fileWatch) hear() {
	timer := time.NewTimer(time.Hour)
	for {
		select {
		case e, ok := <-f.w.Events:
			if !ok {
				timer.Stop()
				return
			}
			f.mu.Lock()
			id := f.paths[filepath.Clean(e.Name)]
			if id != "" {
				f.dirty[id] = true
				timer.Reset(settleFile)
			}
			f.mu.Unlock()
		case _, ok := <-f.w.Errors:
			if !ok {
				return
			}
		case <-timer.C:
			select {
			case f.events <- struct{}{}:
			default:
			}
		}
	}
}

// changed reports, once, whether the file of a source has changed.
func (f *fileWatch) changed(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	was := f.dirty[id]
	delete(f.dirty, id)
	return was
}

// keepPeople ends accounts whose time is over and forgets people who have left,
// once a minute.
func (n *node) keepPeople(ctx context.Context) error {
	for {
		x, err := n.scope.EndPeople(ctx, time.Now(), "the node")
		switch {
		case err != nil && ctx.Err() == nil:
			n.log.Warn("people: accounts whose time is over were not ended", "error", err)
		case len(x.Ended)+len(x.Forgotten) > 0:
			n.log.Info("people: accounts have ended", "ended", len(x.Ended), "forgotten", len(x.Forgotten))
			if err := n.scope.Audit(ctx, "the node", "people.end", "", fmt.Sprintf("%d ended, %d forgotten", len(x.Ended), len(x.Forgotten))); err != nil {
				return err
			}
		}
		if err := n.keepGuests(ctx, time.Now()); err != nil && ctx.Err() == nil {
			n.log.Warn("people: guests and delegations whose time is over were not removed", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Minute):
		}
	}
}
