package directory

import (
	"hash/fnv"
	"time"
)

// FullEvery is how often everybody is compared, whatever a source says of changes.
const FullEvery = 24 * time.Hour

// When that is: in the night of the node, so that a directory is read whole while
// nobody waits for it.
const (
	nightHour   = 2         // o'clock
	nightSpread = 30        // minutes within which sources begin, each at its own
	nightLength = time.Hour // and how long a night lasts; so much longer is the day on which clocks are set back
)

// LastNight is when everybody of a source was to be compared last, in the node's
// time, which is that of now. Where that hour does not exist, on the day on which
// clocks are set ahead, it is the one before or after; where it comes twice it is
// one of the two.
func LastNight(source string, now time.Time) time.Time {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(source)) // never fails
	minute := int(sum.Sum32() % nightSpread)
	y, m, d := now.Date()
	at := time.Date(y, m, d, nightHour, minute, 0, 0, now.Location())
	if at.After(now) {
		at = time.Date(y, m, d-1, nightHour, minute, 0, 0, now.Location())
	}
	return at
}

// FullDue says whether everybody of a source is to be compared, when that was done
// last then: in the night, and as soon as may be when a night was missed. What lies
// in the future, before the clock was set back, is long ago.
func FullDue(source string, then, now time.Time) bool {
	if then.IsZero() || then.After(now) {
		return true
	}
	night := LastNight(source, now)
	return then.Before(night) && now.Sub(night) < nightLength || now.Sub(then) >= FullEvery+nightLength
}

// Silent is for how long nothing was heard of a source, once that is longer than it
// may be: a day, or twice the time between two looks where that is more. 0: it is
// not, or nothing ever was.
func (x *SourceSetup) Silent(now time.Time) time.Duration {
	if x.Good.IsZero() {
		return 0
	}
	silent := now.Sub(x.Good)
	if silent <= max(FullEvery, 2*x.Every) {
		return 0
	}
	return silent
}
