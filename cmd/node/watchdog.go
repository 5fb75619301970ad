package main

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// health says whether the node is well: its store can write. Everything else
// that may be wrong (a device, a full disk) is not mended by a restart.
type health struct {
	probe func(context.Context) error // writes to the store
	log   *slog.Logger
	seen  atomic.Pointer[state]
}

// state is what the last probe found.
type state struct {
	at  time.Time
	err error
}

// probeEvery is how often the store is asked, and probeFor how long it may
// take: a disk that needs longer for one commit helps nobody.
const (
	probeEvery = 5 * time.Second
	probeFor   = 20 * time.Second
)

// serve probes until ctx ends and tells systemd's watchdog, when there is one,
// as long as the answer is good. A node that hangs says nothing and is started
// again.
func (h *health) serve(ctx context.Context) error {
	every := probeEvery
	if d, err := daemon.SdWatchdogEnabled(false); err == nil && d > 0 {
		every = min(every, d/3)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		h.check(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (h *health) check(ctx context.Context) {
	probe, cancel := context.WithTimeout(ctx, probeFor)
	defer cancel()
	err := h.probe(probe)
	if ctx.Err() != nil {
		return
	}
	before := h.seen.Swap(&state{time.Now(), err})
	switch was := before != nil && before.err != nil; {
	case err != nil && !was:
		h.log.Error("health: the store cannot write", "error", err)
	case err == nil && was:
		h.log.Info("health: the store writes again")
	}
	if err == nil {
		_, _ = daemon.SdNotify(false, daemon.SdNotifyWatchdog)
	}
}

// err returns what is wrong: the last probe failed, or there was none for too
// long.
func (h *health) err() error {
	s := h.seen.Load()
	switch {
	case s == nil:
		return errNotProbed
	case s.err != nil:
		return s.err
	case time.Since(s.at) > probeEvery+probeFor:
		return errNotProbed
	}
	return nil
}
