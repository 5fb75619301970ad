package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"platen/config"
	"platen/directory"
)

// readiness says who could sign in here with everything beyond the node gone.
func (n *node) readiness(ctx context.Context) (directory.Readiness, error) {
	return n.scope.Readiness(ctx, time.Now())
}

// readinessText is the sentence about it: "offline 310 of 312 people can sign in
// here; by card 300, by PIN 12, by password 40".
func readinessText(r *directory.Readiness) string {
	return fmt.Sprintf("offline, %d of %d people can sign in here: by card %d, by PIN %d, by password %d", r.Ready, r.People, r.Card, r.PIN, r.Password)
}

// agesText says how old what is known of directories is.
func agesText(r *directory.Readiness) string {
	var list []string
	for _, s := range r.Sources {
		text := s.Name + " " + ageText(&s)
		if s.Failed != "" {
			text += " (" + s.Failed + ")"
		}
		list = append(list, text)
	}
	return strings.Join(list, "; ")
}

// ageText says how old what is known of one is.
func ageText(s *directory.SourceAge) string {
	switch {
	case s.New:
		return "is new and not read yet"
	case s.Good.IsZero():
		return "has never answered"
	case s.Full.IsZero():
		return fmt.Sprintf("answered %s ago, everybody is compared with the next look", config.Duration{Duration: s.Age.Round(time.Second)})
	}
	return fmt.Sprintf("answered %s ago, everybody was compared %s", config.Duration{Duration: s.Age.Round(time.Second)}, stamp(s.Full))
}

// checkSources says how old what is known of directories is, and which are not as they
// should be.
func checkSources(r *directory.Readiness, f *findings) {
	for _, s := range r.Sources {
		what, pushed := "source "+s.Name, s.Kind == directory.SourcePush
		switch {
		case s.New:
			f.warn(what, "%s", upper(notBegun(s.Name)))
		case s.Failed != "" && !(pushed && s.Silent):
			f.warn(what, "It was not read the last time: %s It %s.", s.Failed, ageText(&s))
		case s.Waiting > 0:
			f.warn(what, "%s If that is right: platen source approve %s. It %s.", s.Why, s.Name, ageText(&s))
		case pushed && s.Good.IsZero():
			f.warn(what, "Nobody has brought its people yet: platen sync-directory does, on another machine.")
		case pushed && s.Silent:
			f.warn(what, "Nobody has brought its people for %s. Look whether platen sync-directory still runs on its machine, and what its log says.", s.Age.Round(time.Minute))
		case s.Silent:
			f.warn(what, "It has not answered for %s.", s.Age.Round(time.Minute))
		default:
			f.ok(what, "It %s.", ageText(&s))
		}
	}
}

func readinessCommands() []*command {
	return []*command{
		{
			name: "readiness", summary: "say who could sign in here right now, with the directory and the primary gone",
			more:     "By card, by PIN and by password; who could not and why; and how old what is known of people is.",
			examples: []string{"readiness", "readiness --json"}, admin: on((*admin).showReadiness),
		},
		drillCommand(),
	}
}

func (a *admin) showReadiness(ctx context.Context, c *call) error {
	r, err := a.scope.Readiness(ctx, a.now())
	if err != nil {
		return err
	}
	if c.json {
		return writeJSON(c.out, r)
	}
	if err := fields(c.out, "people who can sign in", fmt.Sprintf("%d of %d", r.Ready, r.People), "by card", fmt.Sprint(r.Card), "by PIN", fmt.Sprint(r.PIN),
		"by password", fmt.Sprint(r.Password), "directories", orElse(agesText(&r), "none is asked"), "primary", orElse(r.Uplink, "none: this node stands alone")); err != nil {
		return err
	}
	if len(r.Cannot) == 0 {
		return nil
	}
	fmt.Fprintln(c.out, "\nWho cannot:")
	if err := writeList(c, r.Cannot, []column[directory.Unready]{
		{"login", func(u directory.Unready) string { return u.Login }},
		{"name", func(u directory.Unready) string { return u.Name }},
		{"why", func(u directory.Unready) string { return u.Why }},
	}); err != nil {
		return err
	}
	if r.More > 0 {
		fmt.Fprintf(c.out, "… and %d more\n", r.More)
	}
	return nil
}
