package store

import (
	"regexp"
	"sync"
	"sync/atomic"
)

// Every job that comes in asks for the same queue, the same settings and the
// same people, and they change a few times a day. So the answers are kept, each
// with the versions of the tables that it was read from; a version goes up with
// every COMMIT that wrote to its table, before anybody hears of that.

// tableSet is a set of tables, one bit each.
type tableSet uint64

// tableNames are the tables whose versions somebody asks for.
var tableNames = []string{"queues", "devices", "settings", "users", "aliases", "queue_names", "memberships", "rights", "groups", "sources"}

func tablesOf(names ...string) (t tableSet) {
	for _, name := range names {
		for i, known := range tableNames {
			if name == known {
				t |= 1 << i
			}
		}
	}
	return t
}

var written = regexp.MustCompile(`(?i)\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+([a-z_]+)`)

// writes says which tables a statement writes to. What goes with a row of users
// (ON DELETE CASCADE) is read together with it.
func writes(text string) (t tableSet) {
	for _, m := range written.FindAllStringSubmatch(text, -1) {
		t |= tablesOf(m[1])
	}
	return t
}

// versions counts the writes to tables.
type versions [16]atomic.Uint64

// raise says that these tables have changed.
func (v *versions) raise(t tableSet) {
	for i := range tableNames {
		if t&(1<<i) != 0 {
			v[i].Add(1)
		}
	}
}

// sum changes whenever one of these tables does: versions only grow.
func (v *versions) sum(t tableSet) (n uint64) {
	for i := range tableNames {
		if t&(1<<i) != 0 {
			n += v[i].Load()
		}
	}
	return n
}

// cache keeps answers.
type cache struct {
	mu      sync.RWMutex
	answers map[question]answer
}

type question struct {
	tenant, about, name string
}

type answer struct {
	version uint64
	value   any
}

// mostAnswers bounds what strangers' names can fill.
const mostAnswers = 4096

// kept returns what read returned last, unless one of the tables has changed
// since. Errors are not kept. Callers share the value and must not change it.
func kept[T any](s Scope, from tableSet, about, name string, read func() (T, error)) (T, error) {
	q := question{s.tenant, about, name}
	version := s.st.versions.sum(from) // before reading: what changes meanwhile counts as new
	c := &s.st.cache
	c.mu.RLock()
	a, ok := c.answers[q]
	c.mu.RUnlock()
	if ok && a.version == version {
		return a.value.(T), nil
	}
	value, err := read()
	if err != nil {
		return value, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answers == nil || len(c.answers) >= mostAnswers {
		c.answers = map[question]answer{}
	}
	c.answers[q] = answer{version, value}
	return value, nil
}
