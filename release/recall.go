package release

import (
	"context"
	"time"

	"platen/job"
	"platen/site"
)

// Recaller ends sessions that nobody uses any longer, and brings back to held
// what was released and has not begun after the time its device's terminal
// allows, so that nothing prints hours later with nobody there.
type Recaller struct {
	Service *Service
	Every   time.Duration // one round each; 2 s unless set

	since map[int64]released // what waits, by job number
}

// released is a release of a job as this process has seen it, with the
// monotonic clock: a clock on the wall that is set back must not let a job wait
// for ever.
type released struct {
	at, seen time.Time
}

// forgetAfter is when a throttle that nobody touched is of no consequence.
const forgetAfter = 2 * time.Hour

// Serve works until ctx ends, and returns nil.
func (r *Recaller) Serve(ctx context.Context) error {
	every := r.Every
	if every <= 0 {
		every = 2 * time.Second
	}
	round := time.NewTicker(every)
	defer round.Stop()
	swept := time.Time{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-round.C:
		}
		if err := r.round(ctx); err != nil && ctx.Err() == nil {
			r.Service.Log.Warn("release: a round of recalling failed", "error", err)
		}
		if now := r.Service.Now(); now.Sub(swept).Abs() >= time.Hour {
			swept = now
			if err := r.Service.Store.ForgetThrottles(ctx, now.Add(-forgetAfter)); err != nil && ctx.Err() == nil {
				r.Service.Log.Warn("release: old throttles were not removed", "error", err)
			}
		}
	}
}

func (r *Recaller) round(ctx context.Context) error {
	if err := r.endSessions(ctx); err != nil {
		return err
	}
	return r.recallWaiting(ctx)
}

func (r *Recaller) endSessions(ctx context.Context) error {
	all, err := r.Service.Store.Sessions(ctx)
	if err != nil {
		return err
	}
	r.Service.prune(all)
	for _, sess := range all {
		if !r.Service.rested(&sess) {
			continue
		}
		if err := r.Service.end(ctx, sess, "idle"); err != nil {
			return err
		}
	}
	return nil
}

func (r *Recaller) recallWaiting(ctx context.Context) error {
	waiting, err := r.Service.Store.WaitingJobs(ctx, r.Service.Limits.Jobs)
	if err != nil {
		return err
	}
	r.note(waiting)
	if len(waiting) == 0 {
		return nil
	}
	terminals, err := r.Service.Store.Terminals(ctx)
	if err != nil {
		return err
	}
	now := r.Service.Now()
	for _, j := range waiting {
		if r.waited(&j, now) < patience(terminals, j.Device) {
			continue
		}
		if err := r.Service.hold(ctx, j, "The device had not begun it in time, so it is held again."); err != nil {
			return err
		}
	}
	return nil
}

// note keeps, for what waits and nothing else, when this process first saw it.
func (r *Recaller) note(waiting []job.Job) {
	now := r.Service.Now()
	since := make(map[int64]released, len(waiting))
	for _, j := range waiting {
		w, ok := r.since[j.ID]
		if !ok || !w.at.Equal(j.Released) {
			w = released{at: j.Released, seen: now}
		}
		since[j.ID] = w
	}
	r.since = since
}

// waited returns for how long a job has waited, by whichever clock says longer.
func (r *Recaller) waited(j *job.Job, now time.Time) time.Duration {
	return max(now.Sub(j.Released), now.Sub(r.since[j.ID].seen))
}

// patience returns how long a released job may wait for the device: as long as
// its most patient terminal says.
func patience(terminals []site.Terminal, device string) time.Duration {
	var longest time.Duration
	for _, t := range terminals {
		if t.Device == device {
			longest = max(longest, t.RecallAfter)
		}
	}
	if longest == 0 {
		return site.DefaultRecallAfter
	}
	return longest
}
