package directory

import "slices"

// Right is something a person may do, or has to put up with.
type Right string

// Rights that allow something. Whoever has none of them may do nothing.
const (
	Release    Right = "release"     // release own jobs
	Copy       Right = "copy"        // at the device's panel
	Scan       Right = "scan"        //
	Fax        Right = "fax"         //
	Colour     Right = "colour"      // print in colour
	BreakGlass Right = "break-glass" // release somebody else's job, with a reason
	Administer Right = "administer"  // change everything
	Support    Right = "support"     // help people: their jobs, cards, PINs, guests
	Report     Right = "report"      // read reports and how the node is
)

// Rights that restrict what the others allow.
const (
	ForceMono   Right = "force-mono"   // without colour, whatever was asked for, or not at all
	ForceDuplex Right = "force-duplex" // on both sides, whatever was asked for
	PageLimit   Right = "page-limit"   // at most Grant.Amount impressions in one job; none of which nobody knows how many it has
)

// Rights lists every right there is.
func Rights() []Right {
	return []Right{Release, Copy, Scan, Fax, Colour, BreakGlass, Administer, Support, Report, ForceMono, ForceDuplex, PageLimit}
}

// Restricts reports whether the right takes something away instead of allowing
// it.
func (r Right) Restricts() bool { return r == ForceMono || r == ForceDuplex || r == PageLimit }

// Grant is a right that somebody has, where, and from whom.
type Grant struct {
	Right       Right  `json:"right"`
	Holder      string `json:"holder"`       // id of the group, person or source that has it; "" everybody
	From        string `json:"from"`         // what the holder is called, filled when read: "group sales", "anna", "source corp", "everybody"
	DeviceGroup string `json:"device_group"` // only at devices of this group (id); "" at all
	Queue       string `json:"queue"`        // only for jobs of this queue (id); "" of all
	Amount      int    `json:"amount,omitempty"`
}

// Place is where something is to be done. What is not known is "" or nil: then
// only rights count that hold everywhere.
type Place struct {
	Queue  string   // id of the job's queue
	Groups []string // ids of the device's groups
}

// covers reports whether a grant holds at a place.
func (g *Grant) covers(p Place) bool {
	return (g.Queue == "" || g.Queue == p.Queue) && (g.DeviceGroup == "" || slices.Contains(p.Groups, g.DeviceGroup))
}

// May reports whether the user has a right everywhere. A disabled user has none.
func (u *User) May(r Right) bool { return u.MayAt(r, Place{}) }

// MayAt reports whether the user has a right at a place.
func (u *User) MayAt(r Right, p Place) bool {
	_, ok := u.Has(r, p)
	return ok
}

// MaySomewhere reports whether there is any place where the user has a right.
func (u *User) MaySomewhere(r Right) bool {
	return u.Enabled && (slices.Contains(u.Rights, r) || slices.ContainsFunc(u.Grants, func(g Grant) bool { return g.Right == r }))
}

// Everywhere returns the rights that the user has at every place, each once.
func (u *User) Everywhere() []Right {
	list := []Right{}
	for _, r := range Rights() {
		if u.May(r) {
			list = append(list, r)
		}
	}
	return list
}

// Limit returns the smallest page limit that holds at a place, and 0 when there
// is none.
func (u *User) Limit(p Place) (impressions int, from string) {
	for i := range u.Grants {
		g := &u.Grants[i]
		if g.Right == PageLimit && g.covers(p) && (impressions == 0 || g.Amount < impressions) {
			impressions, from = g.Amount, g.From
		}
	}
	return impressions, from
}

// Has finds what gives the user a right at a place: the person's own first.
func (u *User) Has(r Right, p Place) (Grant, bool) {
	if !u.Enabled {
		return Grant{}, false
	}
	if slices.Contains(u.Rights, r) {
		return Grant{Right: r, Holder: u.ID, From: u.Login}, true
	}
	for _, g := range u.Grants {
		if g.Right == r && g.covers(p) {
			return g, true
		}
	}
	return Grant{}, false
}

// Group is a set of people and of other groups.
type Group struct {
	ID      string `json:"id"` // UUIDv7
	Name    string `json:"name"`
	Source  string `json:"source"` // id of the source it comes from, "" made here
	From    string `json:"from"`   // what that source is called, filled when read; "local"
	People  int    `json:"people"` // in it directly, filled when read
	Members int    `json:"members"`
}

// Member is a person or a group in a group.
type Member struct {
	ID     string `json:"id"`
	Name   string `json:"name"` // login, or name of the group
	Nested bool   `json:"nested"`
}
