package release

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"platen/directory"
	"platen/fault"
)

// rule says how fast guesses of one sort may follow each other. The numbers
// and their reasons are in ../docs/decisions/0005-throttles.md.
type rule struct {
	free    int           // failures within window that cost nothing
	first   time.Duration // wait after the next one; it doubles with each
	longest time.Duration // and stays at this
	hourly  int           // failures within an hour, and then no guess is looked at; 0: no such end
}

// window is the time within which a rule's free failures are counted.
const window = 15 * time.Minute

var (
	// A terminal delays, shortly, and never closes: people stand before it.
	terminalRule = rule{free: 5, first: 2 * time.Second, longest: 30 * time.Second}
	// One terminal can use up half of what an account may be guessed at, so
	// that its owner can still come in at another one.
	hereRule = rule{free: 5, first: 30 * time.Second, longest: 15 * time.Minute, hourly: 10}
	// Wherever it is tried.
	accountRule = rule{free: 20, hourly: 20}
	// An address may be that of a whole house: it delays, shortly, and never closes.
	clientRule = rule{free: 20, first: time.Second, longest: 30 * time.Second}
	// A PIN alone is tried against everybody.
	pinHereRule = rule{free: 20, hourly: 20}
	pinRule     = rule{free: 100, hourly: 100}
	// The PIN of one document, which nobody but its signed-in owner is asked for.
	documentRule = rule{free: 3, first: 30 * time.Second, longest: 15 * time.Minute, hourly: 5}
	// The PINs of all documents of an owner.
	documentsRule = rule{free: 20, hourly: 20}
)

// most is how many failures of a throttle are kept: the largest hourly number.
const most = 100

// wait returns how long after now the next guess is looked at. A clock that
// was set back makes failures come from the future; those beyond an hour are
// not believed, so that nobody waits for a clock to catch up with years.
func (r rule) wait(now time.Time, failures []time.Time) time.Duration {
	recent := within(now, time.Hour, failures)
	if len(recent) == 0 {
		return 0
	}
	if r.hourly > 0 && len(recent) >= r.hourly {
		return recent[len(recent)-r.hourly].Add(time.Hour).Sub(now)
	}
	over := len(within(now, window, recent)) - r.free
	if over < 0 || r.first == 0 {
		return 0
	}
	delay := r.first
	for range over {
		delay = min(2*delay, r.longest)
	}
	return max(0, recent[len(recent)-1].Add(delay).Sub(now))
}

// within returns the failures not older than d.
func within(now time.Time, d time.Duration, failures []time.Time) []time.Time {
	var in []time.Time
	for _, f := range failures {
		if now.Sub(f) < d && f.Sub(now) < time.Hour {
			in = append(in, f)
		}
	}
	return in
}

// limit is a rule for one account, terminal or the like.
type limit struct {
	key  string
	rule rule
	left func(wait time.Duration) time.Duration // how much of a wait counts for this attempt; nil: all
}

// attempt is a guess that has been counted as failed before it is looked at:
// a crash or a sibling's guess at the same time is no free one.
type attempt struct {
	s      *Service
	limits []limit
	at     time.Time
	alarm  []string // keys that start to wait after this failure
	what   string   // was tried, for the log and the audit trail; "" a sign-in
}

// tries is how often a compare-and-set is tried while others win.
const tries = 10

// Who waits for an address has a turn after that, however many others fail there
// meanwhile: else whoever guesses without a pause would keep everybody out.
const (
	turnFor  = time.Minute // and it counts for so long
	maxTurns = 1000
)

// turn says what is left of the wait of an address for one account there: nothing
// where it is known, and nothing once it has waited.
func (s *Service) turn(here string, known bool) func(time.Duration) time.Duration {
	now, took := s.Now(), false
	return func(wait time.Duration) time.Duration {
		if known || took {
			return 0
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		maps.DeleteFunc(s.turns, func(_ string, at time.Time) bool { return now.Sub(at) >= turnFor || at.Sub(now) > turnFor })
		at, waits := s.turns[here]
		switch {
		case waits && !now.Before(at):
			delete(s.turns, here)
			took = true
			return 0
		case waits:
			return min(wait, at.Sub(now))
		case len(s.turns) < maxTurns:
			if s.turns == nil {
				s.turns = map[string]time.Time{}
			}
			s.turns[here] = now.Add(wait)
		}
		return wait
	}
}

// knows reports whether an account has lately signed in from an address.
func (s *Service) knows(ctx context.Context, here string) (bool, error) {
	ts, err := s.Store.Throttles(ctx, []string{directory.ThrottleKnown + here})
	return err == nil && len(ts[0].Failures) > 0, err
}

// know notes that an account has signed in from an address, once a day.
func (s *Service) know(ctx context.Context, here string) error {
	ts, err := s.Store.Throttles(ctx, []string{directory.ThrottleKnown + here})
	if err != nil {
		return err
	}
	now := s.Now().Round(0).Truncate(time.Millisecond)
	if last := ts[0].Failures; len(last) > 0 && now.Sub(last[0]).Abs() < 24*time.Hour {
		return nil
	}
	ts[0].Failures = []time.Time{now} // of the last success, here
	if err := s.Store.PutThrottles(ctx, ts); !fault.Is(err, fault.Conflict) {
		return err
	}
	return nil // somebody else has noted it
}

// noCard takes the card out of what somebody reads who has to wait where there is no
// reader.
func noCard(err error) error {
	t := (*Throttled)(nil)
	f := (*fault.Error)(nil)
	if errors.As(err, &t) && errors.As(t.Err, &f) && t.RetryAfter > saidInDetail {
		f.Text = "Too many attempts. Please wait %d minutes and try again."
	}
	return err
}

// saidInDetail is the longest wait that people are told in seconds.
const saidInDetail = 2 * time.Minute

// attempt counts a failure under every limit, or returns a Throttled.
func (s *Service) attempt(ctx context.Context, op string, limits ...limit) (*attempt, error) {
	keys := make([]string, len(limits))
	for i, l := range limits {
		keys[i] = l.key
	}
	for range tries {
		ts, err := s.Store.Throttles(ctx, keys)
		if err != nil {
			return nil, err
		}
		a := &attempt{s: s, limits: limits, at: s.Now().Round(0).Truncate(time.Millisecond)}
		if err := a.wait(op, ts); err != nil {
			return nil, err
		}
		a.count(ts)
		err = s.Store.PutThrottles(ctx, ts)
		if err == nil {
			return a, nil
		}
		if !fault.Is(err, fault.Conflict) {
			return nil, err
		}
	}
	return nil, throttled(op, time.Second) // others guess at the same account at this very moment
}

// wait returns a Throttled when any limit says so.
func (a *attempt) wait(op string, ts []Throttle) error {
	var longest time.Duration
	for i, l := range a.limits {
		wait := l.rule.wait(a.at, ts[i].Failures)
		if wait > 0 && l.left != nil {
			wait = l.left(wait)
		}
		longest = max(longest, wait)
	}
	if longest > 0 {
		return throttled(op, longest)
	}
	return nil
}

func (a *attempt) count(ts []Throttle) {
	for i, l := range a.limits {
		f := append(within(a.at, time.Hour, ts[i].Failures), a.at)
		ts[i].Failures = f[max(0, len(f)-most):]
		if len(within(a.at, window, f)) == l.rule.free {
			a.alarm = append(a.alarm, l.key)
		}
	}
}

// succeeded takes back what the attempt counted. Under the keys of forget
// nothing is left: the owner of the account has been here.
func (a *attempt) succeeded(ctx context.Context, forget ...string) error {
	keys := make([]string, len(a.limits))
	for i, l := range a.limits {
		keys[i] = l.key
	}
	for range tries {
		ts, err := a.s.Store.Throttles(ctx, keys)
		if err != nil {
			return err
		}
		for i := range ts {
			ts[i].Failures = without(ts[i].Failures, a.at)
			if slices.Contains(forget, ts[i].Key) {
				ts[i].Failures = nil
			}
		}
		if err := a.s.Store.PutThrottles(ctx, ts); !fault.Is(err, fault.Conflict) {
			return err
		}
	}
	return nil // one failure too many stays counted for an hour
}

// failed tells the log and the audit trail when somebody seems to be guessing.
func (a *attempt) failed(ctx context.Context) error {
	for _, key := range a.alarm {
		what := cmp.Or(a.what, "repeated failures to sign in")
		a.s.Log.Warn("release: repeated failures, further ones have to wait", "throttle", key, "what", what)
		if err := a.s.Store.Audit(ctx, node, "throttle", key, what); err != nil {
			return err
		}
	}
	return nil
}

func without(failures []time.Time, at time.Time) []time.Time {
	for i, f := range failures {
		if f.Equal(at) {
			return slices.Delete(slices.Clone(failures), i, i+1)
		}
	}
	return failures
}

// throttled rounds up to whole seconds, which is what people and Retry-After
// read.
func throttled(op string, wait time.Duration) *Throttled {
	wait = (wait + time.Second - 1).Truncate(time.Second)
	e := &fault.Error{
		Op: op, Kind: fault.Unavailable,
		Text: "Too many attempts. Please wait %d seconds and try again.", Args: []any{max(2, int(wait/time.Second))}, // nobody waits "1 seconds"
	}
	if wait > saidInDetail {
		e.Text = "Too many attempts. Please wait %d minutes, or sign in with your card."
		e.Args = []any{int((wait + time.Minute - 1) / time.Minute)}
	}
	return &Throttled{RetryAfter: wait, Err: e}
}
