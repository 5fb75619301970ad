package directory

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Kinds of what a source has.
const (
	KindUser  = "user"
	KindGroup = "group"
)

// Entry is what is known here of one entry of a source.
type Entry struct {
	Key     string
	Kind    string // KindUser, KindGroup
	Target  string // id of the user or group that it is here
	Base    string
	Digest  [16]byte  // of what the source last said
	Missing time.Time // it was not in an answer, and nobody has said whether to believe that
	Gone    time.Time // it has left
}

// Guard says how many people may leave with one answer before somebody has to
// say that this is right: the larger of Least and Share of those who are there.
// A directory that answers with half of itself must not lock the other half out.
type Guard struct {
	Least int
	Share float64
}

// DefaultGuard is 20 people or 2 %.
var DefaultGuard = Guard{Least: 20, Share: 0.02}

// most is how many of so many may leave.
func (g Guard) most(there int) int { return max(g.Least, int(float64(there)*g.Share)) }

// Plan is what an answer changes here.
type Plan struct {
	People []Record      // new, changed, or back again
	Groups []GroupRecord // the same
	Gone   []string      // keys that have left
	Wait   []string      // keys that seem to have left, and about which somebody must be asked
	Asked  int           // people who are in question with this answer or since an earlier one
	Why    string        // why somebody must be asked, an English sentence; "" nobody
	New    int           // of People
	Same   int           // entries that are as they were
	Off    int           // of People, those that are disabled now; without Back

	// Of People and Groups, those that were in question and are there as before. They
	// are in Same.
	Back, BackGroups int
}

// Compare says what an answer changes about what is known. key is that of the
// digests: cards and PINs are in them, and few enough to be tried.
//
// Of keys that are there twice the first counts. What an administrator was asked
// about stays in question until it is seen again or approved.
func Compare(key []byte, known map[string]Entry, a *Answer, g Guard) Plan {
	var p Plan
	seen := make(map[string]bool, len(a.People)+len(a.Groups))
	for i := range a.People {
		r := &a.People[i]
		if seen[r.Key] {
			continue
		}
		seen[r.Key] = true
		e, ok := known[r.Key]
		same := ok && e.Gone.IsZero() && e.Digest == r.Digest(key)
		switch {
		case same && e.Missing.IsZero():
			p.Same++
			continue
		case same: // it was in question, and has to be stored as there
			p.Same++
			p.Back++
		case !ok:
			p.New++
		}
		if !same && !r.Enabled {
			p.Off++
		}
		p.People = append(p.People, *r)
	}
	for i := range a.Groups {
		seen[a.Groups[i].Key] = true
	}
	there := func(key string) bool { return seen[key] || known[key].Target != "" && known[key].Gone.IsZero() }
	told := map[string]bool{}
	for i := range a.Groups {
		r := a.Groups[i].only(there)
		if told[r.Key] {
			continue
		}
		told[r.Key] = true
		if e, ok := known[r.Key]; ok && e.Gone.IsZero() && e.Digest == r.Digest(key) {
			p.Same++
			if e.Missing.IsZero() {
				continue
			}
			p.BackGroups++
		}
		p.Groups = append(p.Groups, r)
	}
	p.leave(known, left(known, a, seen), seen, g)
	return p
}

// left lists the keys that an answer says are not there any more, in order.
func left(known map[string]Entry, a *Answer, seen map[string]bool) []string {
	keys := a.Gone
	if a.Full {
		keys = slices.Sorted(maps.Keys(known))
	}
	var list []string
	told := map[string]bool{}
	for _, k := range keys {
		if e, ok := known[k]; ok && e.Gone.IsZero() && !seen[k] && !told[k] {
			told[k] = true
			list = append(list, k)
		}
	}
	return list
}

// leave decides who may go at once. People who are in question already count
// with the new ones, so that nothing passes the guard in small parts.
func (p *Plan) leave(known map[string]Entry, keys []string, seen map[string]bool, g Guard) {
	leaving := map[string]bool{}
	for _, k := range keys {
		leaving[k] = true
	}
	const all = "\x00" // sorts before every base
	there, going := map[string]int{}, map[string]int{}
	for _, e := range known {
		if e.Kind != KindUser || !e.Gone.IsZero() {
			continue
		}
		there[all]++
		there[e.Base]++
		if leaving[e.Key] || !e.Missing.IsZero() && !seen[e.Key] {
			going[all]++
			going[e.Base]++
		}
	}
	p.Gone = keys
	for _, base := range slices.Sorted(maps.Keys(going)) {
		if going[base] <= g.most(there[base]) {
			continue
		}
		p.Why = fmt.Sprintf("%d of %d people would be removed.", going[base], there[base])
		if base != all && base != "" {
			p.Why = fmt.Sprintf("%d of %d people of %s would be removed.", going[base], there[base], base)
		}
		p.Gone, p.Wait, p.Asked = nil, keys, going[all]
		return
	}
}

// Digest tells whether a source says something else of a person than before.
// Where the entry is does not matter, unless it is another base.
func (r *Record) Digest(key []byte) [16]byte {
	enabled := "no"
	if r.Enabled {
		enabled = "yes"
	}
	return digest(key, []string{r.Base, r.Login, r.UPN, r.Email, r.FullName, r.Department, r.Language, enabled, r.PIN}, r.Aliases, r.Cards)
}

// Digest tells whether a source says something else of a group than before.
func (r *GroupRecord) Digest(key []byte) [16]byte {
	people, groups := slices.Clone(r.People), slices.Clone(r.Members)
	slices.Sort(people)
	slices.Sort(groups)
	return digest(key, []string{r.Base, r.Name}, people, groups)
}

// only returns the group with those members that are there: who is known later makes
// it another group, which is stored again.
func (r *GroupRecord) only(there func(key string) bool) GroupRecord {
	g := *r
	g.People, g.Members = nil, nil
	for _, k := range r.People {
		if there(k) {
			g.People = append(g.People, k)
		}
	}
	for _, k := range r.Members {
		if there(k) {
			g.Members = append(g.Members, k)
		}
	}
	return g
}

// digest keeps lists of texts apart, whatever is in them.
func digest(key []byte, lists ...[]string) (d [16]byte) {
	h := hmac.New(sha256.New, key)
	var n [8]byte
	count := func(x int) {
		binary.BigEndian.PutUint64(n[:], uint64(x))
		h.Write(n[:])
	}
	for _, list := range lists {
		count(len(list))
		for _, s := range list {
			count(len(s))
			h.Write([]byte(s))
		}
	}
	copy(d[:], h.Sum(nil))
	return d
}
