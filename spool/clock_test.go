package spool

import (
	"testing"
	"time"
)

// machine is a wall clock and a running time that a test turns.
type machine struct {
	wall time.Time
	up   time.Duration
	boot string
}

func (m *machine) now() time.Time            { return m.wall }
func (m *machine) running() time.Duration    { return m.up }
func (m *machine) pass(d time.Duration)      { m.wall, m.up = m.wall.Add(d), m.up+d }
func (m *machine) jump(d time.Duration)      { m.wall = m.wall.Add(d) }
func (m *machine) clock(s clockState) *clock { return newClock(m.now, m.running, m.boot, s) }
func (m *machine) restart(c *clock) *clock   { return m.clock(c.state(m.boot)) }
func (m *machine) off(d time.Duration, b string) {
	m.wall, m.up, m.boot = m.wall.Add(d), time.Minute, b
}

const year = 365 * 24 * time.Hour

// believed is a clock of a machine that has been running well for long.
func believed(t *testing.T) (*machine, *clock) {
	t.Helper()
	m := &machine{wall: someTime, up: time.Hour, boot: "first"}
	c := m.clock(clockState{})
	if now, trouble := c.deleteBefore(); !now.IsZero() || trouble != "" {
		t.Errorf("a new node deletes by age at once: %v, %q", now, trouble)
	}
	m.pass(believeAfter)
	wantClock(t, c, m.wall, "")
	return m, c
}

func wantClock(t *testing.T, c *clock, want time.Time, wantTrouble string) {
	t.Helper()
	if now, trouble := c.deleteBefore(); !now.Equal(want) || trouble != wantTrouble {
		t.Errorf("deletes what was due at %v, %q; want %v, %q", now, trouble, want, wantTrouble)
	}
}

func TestClockGoesWithTheWallClock(t *testing.T) {
	m, c := believed(t)
	for range 1000 {
		m.pass(time.Minute)
		wantClock(t, c, m.wall, "")
	}
	m.jump(4 * time.Minute) // a small correction
	wantClock(t, c, m.wall.Add(-4*time.Minute), "")
	m.jump(-8 * time.Minute)
	wantClock(t, c, m.wall, "")
}

func TestF22AJumpAheadDeletesNothing(t *testing.T) {
	m, c := believed(t)
	before := m.wall
	m.jump(10 * year)
	wantClock(t, c, before, clockAhead)
	m.pass(48 * time.Hour) // ages go on to be measured by running time
	wantClock(t, c, before.Add(48*time.Hour), clockAhead)
	m.jump(-10 * year)
	wantClock(t, c, m.wall, "")
}

func TestF22AJumpBackDeletesNothingFourDaysLong(t *testing.T) {
	m, c := believed(t)
	m.jump(-year)
	wantClock(t, c, time.Time{}, clockBehind)
	m.pass(24 * time.Hour) // jobs that come now say that they are a year old
	wantClock(t, c, time.Time{}, clockBehind)
	m.jump(year)
	wantClock(t, c, time.Time{}, clockWaiting)
	m.pass(confirmFor - time.Minute)
	wantClock(t, c, time.Time{}, clockWaiting)
	m.pass(time.Minute)
	wantClock(t, c, m.wall, "")
}

func TestF23AnAdministratorEndsTheDoubt(t *testing.T) {
	for name, jump := range map[string]time.Duration{"ahead": year, "back": -year} {
		t.Run(name, func(t *testing.T) {
			m, c := believed(t)
			m.jump(jump)
			c.deleteBefore()
			c.accept()
			wantClock(t, c, m.wall, "")
			m.pass(time.Hour)
			wantClock(t, c, m.wall, "")
			c = m.restart(c)
			wantClock(t, c, m.wall, "")
		})
	}
}

func TestF23DoubtOutlivesARestartOfTheNode(t *testing.T) {
	m, c := believed(t)
	before := m.wall
	m.jump(10 * year)
	c.deleteBefore()
	m.pass(time.Hour)
	c = m.restart(c)
	wantClock(t, c, before.Add(time.Hour), clockAhead)

	m, c = believed(t)
	m.jump(-year)
	c.deleteBefore()
	m.jump(year)
	c = m.restart(c)
	wantClock(t, c, time.Time{}, clockWaiting)
}

// The node was stopped, the machine ran on: running time vouches for the gap,
// and shows a jump in it.
func TestF22AStoppedNode(t *testing.T) {
	m, c := believed(t)
	saved := c.state(m.boot)
	m.pass(60 * 24 * time.Hour)
	wantClock(t, m.clock(saved), m.wall, "")
	m.jump(10 * year)
	wantClock(t, m.clock(saved), m.wall.Add(-10*year), clockAhead)
}

// The machine was off: for an hour the time goes on from where it was, then the
// wall clock is believed if what it says can be.
func TestF22AMachineThatWasOff(t *testing.T) {
	m, c := believed(t)
	saved, before := c.state(m.boot), m.wall
	m.off(12*time.Hour, "second")
	c = m.clock(saved)
	wantClock(t, c, before, "")
	m.pass(believeAfter - time.Second)
	wantClock(t, c, before.Add(believeAfter-time.Second), "")
	m.pass(time.Second)
	wantClock(t, c, m.wall, "")

	t.Run("for very long, or so it says", func(t *testing.T) {
		m, c := believed(t)
		saved, before := c.state(m.boot), m.wall
		m.off(10*year, "second")
		c = m.clock(saved)
		wantClock(t, c, before, clockAhead)
		m.pass(believeAfter)
		wantClock(t, c, before.Add(believeAfter), clockAhead)
		c.accept()
		wantClock(t, c, m.wall, "")
	})
	t.Run("and has lost the time", func(t *testing.T) {
		m, c := believed(t)
		saved := c.state(m.boot)
		m.off(-20*year, "second")
		c = m.clock(saved)
		wantClock(t, c, time.Time{}, clockBehind)
		m.pass(2 * believeAfter)
		wantClock(t, c, time.Time{}, clockBehind)
		m.jump(20*year + 3*time.Hour) // the network has told it
		wantClock(t, c, time.Time{}, clockWaiting)
		m.pass(confirmFor + believeAfter)
		wantClock(t, c, m.wall, "")
	})
	t.Run("and starts with the time it was stopped at", func(t *testing.T) {
		m, c := believed(t)
		saved, before := c.state(m.boot), m.wall
		m.off(0, "second")
		c = m.clock(saved)
		m.pass(30 * time.Second)
		m.jump(12 * time.Hour) // the network has told it
		wantClock(t, c, before.Add(30*time.Second), "")
		m.pass(believeAfter)
		wantClock(t, c, m.wall, "")
	})
}

func TestF22ANewNodeWithAWrongClock(t *testing.T) {
	m := &machine{wall: time.Unix(0, 0), up: time.Minute, boot: "first"}
	c := m.clock(clockState{})
	wantClock(t, c, time.Time{}, "")
	m.pass(time.Minute)
	m.jump(56 * year) // the network has told it
	wantClock(t, c, time.Time{}, "")
	m.pass(believeAfter)
	wantClock(t, c, time.Time{}, clockWaiting) // jobs of the first minute say that they are 56 years old
	m.pass(confirmFor)
	wantClock(t, c, m.wall, "")
}

// F24: a machine that slept, or a process that was stopped, has running time for
// it; a virtual machine that was frozen has not.
func TestF24Suspend(t *testing.T) {
	m, c := believed(t)
	m.pass(60 * time.Hour)
	wantClock(t, c, m.wall, "")
	m.jump(10 * time.Minute) // frozen
	wantClock(t, c, m.wall.Add(-10*time.Minute), clockAhead)
}

func TestUnknownBootIsAnotherBoot(t *testing.T) {
	m, c := believed(t)
	saved := c.state("")
	m.boot = ""
	m.pass(time.Hour)
	c = m.clock(saved)
	if c.sure {
		t.Error("a run of the machine that nobody can name was taken for the same")
	}
}

func TestTheMachineTellsItsTime(t *testing.T) {
	if up := machineUp(); up <= 0 || machineUp() < up || processUp() < 0 {
		t.Errorf("up %v", up)
	}
	if a, b := machineBoot(), machineBoot(); a != b {
		t.Errorf("boot %q, then %q", a, b)
	}
}
