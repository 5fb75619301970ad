package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"platen/config"
	"platen/intake"
)

// folders are the hot folders of the configuration. They change with it.
type folders struct {
	n       *node
	changed chan struct{}

	mu   sync.Mutex
	want []config.HotFolder
}

func newFolders(n *node) *folders {
	return &folders{n: n, changed: make(chan struct{}, 1), want: n.cfg.HotFolders}
}

// set says which folders are to be watched from now on.
func (f *folders) set(list []config.HotFolder) {
	f.mu.Lock()
	same := slices.Equal(f.want, list)
	f.want = list
	f.mu.Unlock()
	if same {
		return
	}
	select {
	case f.changed <- struct{}{}:
	default:
	}
}

// serve watches until ctx ends.
func (f *folders) serve(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := f.watch(ctx); err != nil {
			return err
		}
	}
	return nil
}

// watch serves the folders of the moment until others are wanted.
func (f *folders) watch(ctx context.Context) error {
	f.mu.Lock()
	hot := &intake.HotFolder{Intake: f.n.intake, Now: time.Now, Log: f.n.log.Logger}
	for _, h := range f.want {
		hot.Folders = append(hot.Folders, intake.Folder{Path: h.Path, Queue: h.Queue, Owner: h.Owner})
	}
	f.mu.Unlock()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-ctx.Done():
		case <-f.changed:
			stop()
		}
	}()
	if len(hot.Folders) == 0 {
		<-ctx.Done()
		return nil
	}
	return hot.Serve(ctx)
}
