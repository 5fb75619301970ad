package reader

import (
	"sync"
	"time"
)

// maxEars is how many readers are remembered. With a whole network allowed,
// each of its addresses may be one.
const maxEars = 1024

// ears remember, for each reader, what it said last and how much it says.
type ears struct {
	mu sync.Mutex
	of map[string]*ear
}

type ear struct {
	value string
	at    time.Time // when value was heard last
	since time.Time // the minute that is counted
	count int
}

func (e *ears) earLocked(reader string, now time.Time) *ear {
	if one := e.of[reader]; one != nil {
		return one
	}
	if e.of == nil || len(e.of) >= maxEars {
		e.forgetLocked(now)
	}
	one := &ear{since: now}
	e.of[reader] = one
	return one
}

// forgetLocked makes room: of those that were silent for a minute, or of all.
func (e *ears) forgetLocked(now time.Time) {
	for name, one := range e.of {
		if now.Sub(one.at) > time.Minute {
			delete(e.of, name)
		}
	}
	if e.of == nil || len(e.of) >= maxEars {
		e.of = make(map[string]*ear)
	}
}

// again reports whether value is what reader said within the last d. A card
// that lies on a reader which repeats it is one reading, however long it lies.
func (e *ears) again(reader, value string, now time.Time, d time.Duration) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	one := e.earLocked(reader, now)
	same := one.value == value && now.Sub(one.at) < d
	one.value, one.at = value, now
	return same
}

// busy counts a reading and calls tell when it is one more in its minute than
// most. It does so once a minute.
func (e *ears) busy(reader string, now time.Time, most int, tell func(reader string, perMinute int)) {
	e.mu.Lock()
	one := e.earLocked(reader, now)
	one.at = now
	if now.Sub(one.since) >= time.Minute {
		one.since, one.count = now, 0
	}
	one.count++
	n := one.count
	e.mu.Unlock()
	if n == most+1 && tell != nil {
		tell(reader, n)
	}
}
