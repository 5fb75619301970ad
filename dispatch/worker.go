package dispatch

import (
	"context"
	"fmt"
	"slices"
	"time"

	"platen/device"
	"platen/fault"
	"platen/internal/failpoint"
	"platen/site"
)

// Pauses after attempts that a device did not take: 5 s growing to 30 s
// (protocols, section 6.1; as CUPS).
const (
	firstPause = 5 * time.Second
	longPause  = 30 * time.Second
)

func pauseAfter(failures int) time.Duration {
	pause := firstPause
	for range min(failures, 10) - 1 {
		pause = min(2*pause, longPause)
	}
	return pause
}

// A worker sees to one device.
type worker struct {
	d     *Dispatcher
	id    string
	leave context.CancelFunc
	wake  chan struct{} // a person waits: try, even during a pause
	look  chan struct{} // something may have changed

	// Used by the worker's own goroutine only.
	dev      site.Device      // as read last
	opened   int64            // how the settings were counted when open was made
	open     device.Device    // of dev; nil when it must be opened again
	failures int              // attempts in a row that the device did not take
	until    time.Time        // no attempt before, unless a person waits
	probed   time.Time        // last look at the device, or delivery
	said     map[int64]string // why the last attempt failed, by job
	made     *made            // what was converted for the last job; nil nothing
}

func newWorker(d *Dispatcher, dev site.Device, leave context.CancelFunc) *worker {
	d.seen.start(dev.ID, dev.Status)
	return &worker{d: d, id: dev.ID, leave: leave, wake: make(chan struct{}, 1), look: make(chan struct{}, 1), said: map[int64]string{}}
}

func (w *worker) nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// serve delivers until ctx ends; a delivery under way goes on until work ends.
func (w *worker) serve(ctx, work context.Context) {
	defer w.leave()
	defer w.drop()
	for ctx.Err() == nil {
		pause, err := w.round(ctx, work)
		if err != nil && ctx.Err() == nil {
			w.d.Log.Warn("dispatch: a device waits for the store", "device", w.id, "error", err)
			pause = w.d.Poll
		}
		select {
		case <-ctx.Done():
		case <-w.wake:
			w.until = time.Time{}
		case <-w.look:
		case <-time.After(pause):
		}
	}
}

// round delivers what waits, or looks at the device when nothing does. It
// returns when to do so again if nobody calls before.
func (w *worker) round(ctx, work context.Context) (time.Duration, error) {
	for ctx.Err() == nil {
		now := w.d.Now()
		if wait := w.until.Sub(now); wait > 0 {
			return wait, nil
		}
		if w.dev.ID == "" { // later it is read with the locks in hand, and that is enough
			if err := w.read(ctx); err != nil {
				return 0, err
			}
		}
		release, err := w.d.locks.take(ctx, device.Keys(w.dev))
		if err != nil {
			return 0, err
		}
		again, pause, err := w.locked(ctx, work)
		release()
		if err != nil || !again {
			return pause, err
		}
	}
	return 0, nil
}

// read reads the device's row, and has the device opened again when something
// has changed that matters for speaking to it.
func (w *worker) read(ctx context.Context) error {
	dev, err := w.d.Store.Device(ctx, w.id)
	if err != nil {
		return fmt.Errorf("dispatch: device: %w", err)
	}
	settings := w.d.settings.Load()
	if settings != w.opened || dev.URI != w.dev.URI || dev.Model != w.dev.Model || !slices.Equal(dev.Quirks, w.dev.Quirks) {
		w.open = nil
	}
	w.dev, w.opened = dev, settings
	return nil
}

// locked does one thing at the device, of which it holds all locks: one
// delivery, or one look.
func (w *worker) locked(ctx, work context.Context) (again bool, pause time.Duration, err error) {
	keys := device.Keys(w.dev)
	if err := w.read(ctx); err != nil {
		return false, 0, err
	}
	if !slices.Equal(keys, device.Keys(w.dev)) { // it has moved, and these are not its locks
		return true, 0, nil
	}
	if o, ok := w.d.orphan(w.id); ok { // of a device that is disabled too
		w.resolve(work, o)
		return true, 0, nil
	}
	if !w.dev.Enabled {
		return false, w.d.Probe, nil
	}
	if w.open == nil {
		open, err := w.d.Open(w.dev)
		if err != nil {
			w.see(site.Condition{State: "stopped", Text: plainText(err)})
			return false, w.d.Probe, nil // its jobs wait; the row says why
		}
		w.open = open // not before it is known to be one
	}
	// A claim that the store has made must not be lost by us.
	claiming, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	j, err := w.d.Store.Claim(claiming, w.id, w.d.Boot, w.d.Now())
	cancel()
	if err == nil {
		failpoint.Hit("dispatch.claimed")
		w.deliver(work, j)
		return true, 0, nil
	}
	if !fault.Is(err, fault.NotFound) {
		return false, 0, fmt.Errorf("dispatch: claim: %w", err)
	}
	return false, w.peek(ctx), nil
}

// peek looks at the idle device when it is time to, and returns when to look
// again.
func (w *worker) peek(ctx context.Context) time.Duration {
	now := w.d.Now()
	if w.made != nil && now.Sub(w.made.at) > w.d.HoldAfter { // its job went elsewhere
		w.drop()
	}
	if wait := w.probed.Add(w.d.Probe).Sub(now); wait > 0 {
		return wait
	}
	w.probed = now
	c, err := w.open.Condition(ctx)
	if err == nil && c.State != "unknown" {
		w.see(c)
	}
	return w.d.Probe
}

// see notes a condition of the device.
func (w *worker) see(c site.Condition) { w.d.seen.set(w.id, c, w.d.Now()) }

// failed notes an attempt that the device did not take, and how long to leave
// it alone.
func (w *worker) failed(text string) {
	w.failures++
	w.until = w.d.Now().Add(pauseAfter(w.failures))
	w.see(site.Condition{State: "stopped", Text: text})
}

// plainText is a sentence without arguments, as a condition has it.
func plainText(err error) string {
	text, args := fault.Sentence(err)
	if len(args) > 0 {
		return "The device is not set up correctly."
	}
	return text
}
