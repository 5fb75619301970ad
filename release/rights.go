package release

import (
	"cmp"

	"platen/directory"
	"platen/job"
	"platen/site"
)

// terms are what the rights of a person make of a job at a device.
type terms struct {
	why     string // why it may not be released, a sentence; "" it may
	mono    bool
	duplex  bool
	history []job.Entry
}

// onto lays what the rights demand over what the person has chosen.
func (t terms) onto(o job.Options) job.Options {
	if t.mono {
		o.Mono = true
	}
	if t.duplex && (o.Sides == "" || o.Sides == "one-sided") {
		o.Sides = "two-sided-long-edge"
	}
	return o
}

// termsOf looks at a person's rights for a job at a device. A job that has or may
// have colour, and cannot be printed without there, is not released by whoever may
// not print in colour, nor one of which nobody knows how many pages it has by whoever
// may print only so many. Both sides of the paper are for where it can be told so.
func (s *Service) termsOf(j *job.Job, d *site.Device, u *directory.User) terms {
	at := directory.Place{Queue: j.Queue, Groups: d.Groups}
	var t terms
	if !u.MayAt(directory.Release, at) {
		t.why = "You do not have the right to release this document at this device."
		return t
	}
	if most, _ := u.Limit(at); most > 0 {
		if t.why = tooMany(j, most); t.why != "" {
			return t
		}
	}
	tells := func() bool { // whether the device does what it is told with this document
		if s.Allows == nil {
			return false
		}
		_, sides := s.Allows(*j, *d)
		return sides
	}
	s.noColour(&t, j, d, u, at)
	if g, ok := u.Has(directory.ForceDuplex, at); ok && !twoSided(sides(j)) && tells() {
		t.duplex = true
		t.note(s, "Printed on both sides, because of the right force-duplex of %s.", g.From)
	}
	return t
}

// tooMany says why a job may not be printed by somebody who may print so many pages
// at a time, "" when it may. What nobody has counted may be more.
func tooMany(j *job.Job, most int) string {
	n := 0
	for i := range j.Documents {
		d := &j.Documents[i]
		switch {
		case d.Count.Method == "" && d.Count.Why == "":
			return "The pages of this document are still being counted. Please wait a moment."
		case d.Count.Method == "" || d.Count.Pages < 0:
			return "Nobody knows how many pages this document has, and you may print only so many at a time here."
		}
		n += d.Count.Pages * cmp.Or(j.Options.Copies, max(d.Copies, j.Ticket.Copies, 1))
	}
	if n > most {
		return "This document has more pages than you may print at a time here."
	}
	return ""
}

func (s *Service) noColour(t *terms, j *job.Job, d *site.Device, u *directory.User, at directory.Place) {
	g, forced := u.Has(directory.ForceMono, at)
	if !forced && u.MayAt(directory.Colour, at) {
		return
	}
	has := colour(j)
	if has != nil && !*has {
		return
	}
	if s.Greys == nil || !s.Greys(*j, *d) {
		t.why = "This document has colour, and you may not print in colour here."
		if has == nil {
			t.why = "This document may have colour, this device cannot be told to print it without, and you may not print in colour here."
		}
		return
	}
	t.mono = true
	if forced {
		t.note(s, "Printed without colour, because of the right force-mono of %s.", g.From)
		return
	}
	if u.ID != j.Owner {
		t.note(s, "Printed without colour, because %s has no right to print in colour here.", u.Login)
		return
	}
	t.history = append(t.history, job.Entry{At: s.Now(), Actor: node, Text: "Printed without colour, because its owner has no right to print in colour here."})
}

func (t *terms) note(s *Service, text, from string) {
	t.history = append(t.history, job.Entry{At: s.Now(), Actor: node, Text: text, Args: []any{from}})
}

func twoSided(sides *string) bool { return sides != nil && *sides != "one-sided" }
