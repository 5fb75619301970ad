package directory

import "time"

// Standing is what of a person can be used to sign in here, with the node alone.
type Standing struct {
	ID, Login, FullName string
	Cards               int  // that are not blocked
	Blocked             int  // cards that are
	PIN                 bool //
	Password            bool // the person's own here, or what stands in for the directory's
	Directory           bool // a directory has the password
}

// Readiness says how many people can sign in here right now, with everything beyond
// the node gone.
type Readiness struct {
	At       time.Time   `json:"at"`
	People   int         `json:"people"` // who are enabled
	Ready    int         `json:"ready"`  // by at least one way
	Card     int         `json:"card"`
	PIN      int         `json:"pin"`
	Password int         `json:"password"`
	Cannot   []Unready   `json:"cannot"` // at most MaxUnready
	More     int         `json:"more"`   // who cannot either
	Sources  []SourceAge `json:"sources"`
	Uplink   string      `json:"uplink"` // in words; "" none is set up
}

// Unready is somebody who could not sign in.
type Unready struct {
	Login string `json:"login"`
	Name  string `json:"name"`
	Why   string `json:"why"` // one English sentence
}

// SourceAge is how old what is known of a source's people is.
type SourceAge struct {
	Name   string        `json:"name"`
	Kind   string        `json:"kind"`
	Good   time.Time     `json:"good"`   // it answered last; zero never
	Full   time.Time     `json:"full"`   // everybody was compared last
	Age    time.Duration `json:"-"`      // since Good
	Hours  float64       `json:"hours"`  // the same
	Silent bool          `json:"silent"` // for longer than it may be
	New    bool          `json:"new"`    // it is not read yet: nobody has begun
	Failed string        `json:"failed"` // why the last try failed, "" it did not

	Waiting int    `json:"waiting"` // people who seem to have left, about whom somebody has to say so
	Why     string `json:"why"`
}

// MaxUnready bounds Readiness.Cannot.
const MaxUnready = 1000

// Add counts one person in.
func (r *Readiness) Add(p *Standing) {
	r.People++
	if p.Cards > 0 {
		r.Card++
	}
	if p.PIN {
		r.PIN++
	}
	if p.Password {
		r.Password++
	}
	if p.Cards > 0 || p.PIN || p.Password {
		r.Ready++
		return
	}
	if len(r.Cannot) == MaxUnready {
		r.More++
		return
	}
	name := p.FullName
	if name == "" {
		name = p.Login
	}
	r.Cannot = append(r.Cannot, Unready{Login: p.Login, Name: name, Why: p.why()})
}

// why says what keeps a person out, and by that what would help.
func (p *Standing) why() string {
	switch {
	case p.Blocked > 0 && p.Directory:
		return "All cards are blocked, there is no PIN, and the password has not been used here since the last time that it could be checked."
	case p.Blocked > 0:
		return "All cards are blocked, and there is neither a PIN nor a password."
	case p.Directory:
		return "There is no card and no PIN, and the password has not been used here while the directory could check it."
	}
	return "There is no card, no PIN and no password."
}
