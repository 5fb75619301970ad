package spool

import "time"

// clock says by which time a document may be deleted for its age. Wall clocks
// jump: a battery dies, somebody types the wrong year, the network corrects it.
// A job that is deleted because of that is lost for good, so two clocks have to
// agree: the wall clock, and the trusted time, which is what the wall clock said
// when it was last believed plus what the machine's own running time has added.
//
//   - Deletion goes by the earlier of the two. After a jump ahead, ages
//     go on to be measured by running time alone.
//   - While the wall clock is behind the trusted time nothing is deleted by
//     age, and for confirmFor after it has come back neither: a job that came
//     in meanwhile carries the wrong time and has to be given its hold time.
//   - After the machine was off, running time says nothing. The wall clock is
//     then believed when it has run evenly for believeAfter (the network has
//     corrected it by then) and no more than believeGap seems to have passed.
//     On a new node it is believed after that time wherever it stands.
//
// An administrator ends every doubt with accept. A clock is used by one
// goroutine at a time.
type clock struct {
	wall func() time.Time
	up   func() time.Duration // running time, suspended time included

	base   time.Time // trusted time at baseUp
	baseUp time.Duration
	known  bool      // the wall clock was believed at some time, perhaps before a restart
	sure   bool      // it has been believed since the machine started
	until  time.Time // trusted time before which nothing is deleted by age

	evenWall time.Time // since then wall clock and running time have gone alike
	evenUp   time.Duration
}

const (
	agree        = 5 * time.Minute
	believeAfter = time.Hour
	believeGap   = 31 * 24 * time.Hour
	confirmFor   = 96 * time.Hour // the default hold time of a job
)

// clockState is what a clock keeps over a restart.
type clockState struct {
	Trusted time.Time     `json:"trusted"`
	Up      time.Duration `json:"up"`   // running time, nanoseconds, when it was written
	Boot    string        `json:"boot"` // the run of the machine that Up belongs to; "" unknown
	Known   bool          `json:"known"`
	Sure    bool          `json:"sure"`
	Until   time.Time     `json:"until"`
}

// What is wrong with the clock, for people.
const (
	clockBehind  = "The clock has gone back. Nothing is deleted for its age until an administrator accepts the clock."
	clockAhead   = "The clock has jumped ahead. Jobs that came before are deleted later than it says, unless an administrator accepts the clock."
	clockUnread  = "What the node knew of the clock cannot be read. Nothing is deleted for its age."
	clockWaiting = "The clock was wrong for a while. Nothing is deleted for its age during four days, unless an administrator accepts the clock."
)

// newClock goes on from what an earlier process saved, in the run of the machine
// called boot; the zero state when there was none.
func newClock(wall func() time.Time, up func() time.Duration, boot string, saved clockState) *clock {
	c := &clock{wall: wall, up: up}
	now, running := c.read()
	c.evenWall, c.evenUp = now, running
	c.base, c.baseUp = now, running
	if !saved.Known {
		return c
	}
	c.base, c.known, c.until = saved.Trusted, true, saved.Until
	if boot != "" && saved.Boot == boot {
		c.base, c.sure = c.base.Add(running-saved.Up), saved.Sure
	}
	return c
}

// read takes both clocks; the wall clock without Go's own monotonic reading,
// which would make every comparison agree.
func (c *clock) read() (time.Time, time.Duration) { return c.wall().Round(0), c.up() }

// deleteBefore returns the time to go by, the zero time while nothing may be
// deleted by age, and what is wrong, "" when nothing is.
func (c *clock) deleteBefore() (now time.Time, trouble string) {
	wall, up := c.read()
	trusted := c.base.Add(up - c.baseUp)
	if !c.sure && c.believable(wall, up, trusted) {
		c.base, c.baseUp, c.known, c.sure = wall, up, true, true
		trusted = wall
	}
	ahead := wall.Sub(trusted)
	switch {
	case !c.known:
		return time.Time{}, ""
	case ahead < -agree:
		c.until = trusted.Add(confirmFor)
		return time.Time{}, clockBehind
	case trusted.Before(c.until):
		return time.Time{}, clockWaiting
	case ahead > agree && (c.sure || ahead > believeGap):
		return trusted, clockAhead
	}
	return earlier(wall, trusted), ""
}

// believable reports whether the wall clock's word may be taken for how long
// the machine has been off.
func (c *clock) believable(wall time.Time, up time.Duration, trusted time.Time) bool {
	if drift := wall.Sub(c.evenWall) - (up - c.evenUp); drift.Abs() > agree {
		c.evenWall, c.evenUp = wall, up
		if !c.known { // jobs that came before the jump carry a time of their own
			c.until = wall.Add(confirmFor)
		}
	}
	gap := wall.Sub(trusted)
	return up-c.evenUp >= believeAfter && (!c.known || gap >= -agree && gap <= believeGap)
}

// accept believes the wall clock.
func (c *clock) accept() {
	c.base, c.baseUp = c.read()
	c.known, c.sure, c.until = true, true, time.Time{}
}

func (c *clock) state(boot string) clockState {
	up := c.up()
	return clockState{Trusted: c.base.Add(up - c.baseUp), Up: up, Boot: boot, Known: c.known, Sure: c.sure, Until: c.until}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
