package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"platen/site"
)

// ippFlags are what can be said of a queue as clients find it over IPP.
type ippFlags struct {
	aliases, behind                                           *opt[[]string]
	location, geo, organization, unit                         *opt[string]
	profile                                                   *opt[string]
	requireIdentity, reportCompleted, hidden, paused, holdNew *opt[bool]
}

func (f *ippFlags) add(fs *flag.FlagSet) {
	f.aliases = optWords(fs, "alias", "another `NAME` that clients may print to, such as one of the system that was here before; several times for several, empty for none")
	f.location = optText(fs, "location", "where its jobs come out, `TEXT`")
	f.geo = optText(fs, "geo", "the same as a geo: `URI`, such as geo:48.40,9.99")
	f.organization = optText(fs, "organization", "whose queue it is, `TEXT`")
	f.unit = optText(fs, "unit", "of which department, `TEXT`")
	f.requireIdentity = optYesNo(fs, "require-identity", "a user name alone may not print by IPP: a password, a personal address or a believed host is needed")
	f.reportCompleted = optYesNo(fs, "report-completed", "clients are told that a held job is completed, so that they forget it")
	f.paused = optYesNo(fs, "paused", "jobs of a passthrough queue wait; no lets them go on")
	f.holdNew = optYesNo(fs, "hold-new", "new jobs of a passthrough queue are held; no lets them go")
	f.hidden = optYesNo(fs, "hidden", "it is not advertised on the network, and not shown on the page that says how to print")
	f.profile = optProfile(fs)
	f.behind = optWords(fs, "behind", "`DEVICE` whose abilities a queue that holds offers; several times for several, empty for all devices")
}

// optProfile takes the name of a profile, or "" for what the devices say.
func optProfile(fs *flag.FlagSet) *opt[string] {
	names := slices.Sorted(maps.Keys(site.Profiles))
	return addOpt(fs, "profile", "what it can do, by `NAME` instead of asking: "+strings.Join(names, ", ")+"; empty: ask", func(s, _ string) (string, error) {
		if s = strings.ToLower(strings.TrimSpace(s)); s != "" && !slices.Contains(names, s) {
			return "", fmt.Errorf("one of %s", strings.Join(names, ", "))
		}
		return s, nil
	})
}

func (f *ippFlags) apply(ctx context.Context, a *admin, q *site.Queue) error {
	f.location.apply(&q.IPP.Location)
	f.organization.apply(&q.IPP.Organization)
	f.unit.apply(&q.IPP.Unit)
	f.requireIdentity.apply(&q.IPP.RequireIdentity)
	f.reportCompleted.apply(&q.IPP.ReportCompleted)
	f.hidden.apply(&q.IPP.Hidden)
	f.paused.apply(&q.IPP.Paused)
	f.holdNew.apply(&q.IPP.HoldNew)
	f.profile.apply(&q.IPP.Profile)
	if f.geo.apply(&q.IPP.Geo); q.IPP.Geo != "" && !strings.HasPrefix(q.IPP.Geo, "geo:") {
		return usagef("--geo is a URI such as geo:48.40,9.99")
	}
	if err := f.applyAliases(q); err != nil {
		return err
	}
	if !f.behind.given {
		return nil
	}
	q.IPP.Devices = nil
	for _, name := range f.behind.value {
		d, err := a.device(ctx, name)
		if err != nil {
			return err
		}
		if !slices.Contains(q.IPP.Devices, d.ID) {
			q.IPP.Devices = append(q.IPP.Devices, d.ID)
		}
	}
	return nil
}

func (f *ippFlags) applyAliases(q *site.Queue) error {
	if !f.aliases.given {
		return nil
	}
	q.Aliases = nil
	for _, name := range f.aliases.value {
		if err := checkName(name); err != nil {
			return err
		}
		if name = site.FoldName(name); !slices.Contains(q.Aliases, name) {
			q.Aliases = append(q.Aliases, name)
		}
	}
	return nil
}

// behind lists the devices whose abilities a queue offers.
func (a *admin) behind(ctx context.Context, q *site.Queue) (string, error) {
	if q.Mode == site.Passthrough {
		return "", nil
	}
	if len(q.IPP.Devices) == 0 {
		return "all", nil
	}
	all, err := a.scope.Devices(ctx)
	var names []string
	for _, d := range all {
		if slices.Contains(q.IPP.Devices, d.ID) {
			names = append(names, d.Name)
		}
	}
	return strings.Join(names, " "), err
}

// fullHostName is what the machine calls itself.
func fullHostName() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}
