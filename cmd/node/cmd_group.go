package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"platen/directory"
	"platen/job"
	"platen/site"
)

func groupCommands() []*command {
	var users, groups *opt[[]string]
	members := func(fs *flag.FlagSet) {
		users = optWords(fs, "user", "`LOGIN` of a person; several times for several")
		groups = optWords(fs, "group", "`NAME` of a group; several times for several")
	}
	return []*command{
		{
			name: "group add", args: "NAME", least: 1, most: 1, summary: "make a group of people", more: "Groups of a directory come by themselves.",
			examples: []string{"group add pupils"}, admin: on((*admin).addGroup),
		},
		{name: "group list", summary: "list all groups", examples: []string{"group list", "group list --json"}, admin: on((*admin).listGroups)},
		{name: "group show", args: "NAME", least: 1, most: 1, summary: "show a group, who is in it and what it may do", examples: []string{"group show pupils"}, admin: on((*admin).showGroup)},
		{name: "group remove", args: "NAME", least: 1, most: 1, summary: "remove a group that was made here, with its rights", examples: []string{"group remove pupils"}, admin: on((*admin).removeGroup)},
		{
			name: "group join", args: "NAME", least: 1, most: 1, summary: "put people and groups into a group", flags: members, examples: []string{"group join pupils --user anna --group year-7"},
			admin: func(ctx context.Context, a *admin, c *call) error {
				return a.setMembers(ctx, c, users.value, groups.value, true)
			},
		},
		{
			name: "group leave", args: "NAME", least: 1, most: 1, summary: "take people and groups out of a group", flags: members, examples: []string{"group leave pupils --user anna"},
			admin: func(ctx context.Context, a *admin, c *call) error {
				return a.setMembers(ctx, c, users.value, groups.value, false)
			},
		},
	}
}

func (a *admin) group(ctx context.Context, name string) (directory.Group, error) {
	g, err := a.scope.GroupByName(ctx, name)
	return g, named(err, "group", name)
}

func (a *admin) addGroup(ctx context.Context, c *call) error {
	g := directory.Group{ID: job.NewUUID(), Name: c.args[0]}
	if strings.TrimSpace(g.Name) == "" {
		return usagef("group add needs a name")
	}
	if err := a.scope.PutGroup(ctx, g); err != nil {
		return err
	}
	if err := a.audit(ctx, "group.add", g.Name, ""); err != nil {
		return err
	}
	return a.printGroup(ctx, c, g.ID)
}

func (a *admin) listGroups(ctx context.Context, c *call) error {
	list, err := a.scope.Groups(ctx)
	if err != nil {
		return err
	}
	return writeList(c, list, []column[directory.Group]{
		{"name", func(g directory.Group) string { return g.Name }},
		{"from", func(g directory.Group) string { return g.From }},
		{"people", func(g directory.Group) string { return strconv.Itoa(g.People) }},
		{"groups", func(g directory.Group) string { return strconv.Itoa(g.Members) }},
		{"id", func(g directory.Group) string { return g.ID }},
	})
}

func (a *admin) showGroup(ctx context.Context, c *call) error {
	g, err := a.group(ctx, c.args[0])
	if err != nil {
		return err
	}
	return a.printGroup(ctx, c, g.ID)
}

func (a *admin) printGroup(ctx context.Context, c *call, id string) error {
	g, err := a.scope.Group(ctx, id)
	if err != nil {
		return err
	}
	members, err := a.scope.Members(ctx, id)
	if err != nil {
		return err
	}
	rights, err := a.scope.RightsOf(ctx, id)
	if err != nil {
		return err
	}
	if c.json {
		return writeJSON(c.out, struct {
			directory.Group
			List   []directory.Member `json:"list"`
			Rights []directory.Grant  `json:"rights"`
		}{g, members, rights})
	}
	places, err := a.places(ctx)
	if err != nil {
		return err
	}
	var names, may []string
	for _, m := range members {
		if m.Nested {
			m.Name = "group " + m.Name
		}
		names = append(names, m.Name)
	}
	for _, r := range rights {
		may = append(may, places.text(&r))
	}
	return fields(c.out, "name", g.Name, "from", g.From, "people", strconv.Itoa(g.People), "groups", strconv.Itoa(g.Members),
		"in it", shortList(names, 50), "may", strings.Join(may, "; "), "id", g.ID)
}

// shortList is at most so many names, and how many there are more.
func shortList(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

func (a *admin) removeGroup(ctx context.Context, c *call) error {
	g, err := a.group(ctx, c.args[0])
	if err != nil {
		return err
	}
	if err := a.scope.RemoveGroup(ctx, g.ID); err != nil {
		return err
	}
	return a.audit(ctx, "group.remove", g.Name, "")
}

func (a *admin) setMembers(ctx context.Context, c *call, users, groups []string, in bool) error {
	g, err := a.group(ctx, c.args[0])
	if err != nil {
		return err
	}
	if len(users)+len(groups) == 0 {
		return usagef("whom? Give --user or --group")
	}
	var list []directory.Member
	for _, name := range users {
		u, err := a.user(ctx, name)
		if err != nil {
			return err
		}
		list = append(list, directory.Member{ID: u.ID, Name: u.Login})
	}
	for _, name := range groups {
		x, err := a.group(ctx, name)
		if err != nil {
			return err
		}
		list = append(list, directory.Member{ID: x.ID, Name: x.Name, Nested: true})
	}
	action := "group.leave"
	if in {
		action = "group.join"
	}
	for _, m := range list {
		if err := a.scope.SetMember(ctx, g.ID, m, in); err != nil {
			return err
		}
		if err := a.audit(ctx, action, g.Name, m.Name); err != nil {
			return err
		}
	}
	return a.printGroup(ctx, c, g.ID)
}

// rightFlags say who has a right, and where.
type rightFlags struct {
	user, group, source *opt[string]
	everybody           bool
	queue, devices      *opt[string]
	amount              *opt[int]
}

func (f *rightFlags) add(fs *flag.FlagSet) {
	f.user = optText(fs, "user", "`LOGIN` of the person who has it")
	f.group = optText(fs, "group", "`NAME` of the group that has it")
	f.source = optText(fs, "source", "`NAME` of the directory whose people have it")
	fs.BoolVar(&f.everybody, "everybody", false, "everybody has it")
	f.queue = optText(fs, "queue", "only for documents of the queue `NAME`")
	f.devices = optText(fs, "device-group", "only at the devices of the group `NAME`")
	f.amount = optNumber(fs, "pages", "of page-limit: at most so many printed sides in one document, `NUMBER`", 1, 1_000_000)
}

// grant returns what the flags and the name of a right say.
func (f *rightFlags) grant(ctx context.Context, a *admin, name string) (directory.Grant, error) {
	g := directory.Grant{Right: directory.Right(strings.ToLower(name)), Amount: f.amount.value}
	if !slices.Contains(directory.Rights(), g.Right) {
		return g, usagef("there is no right %q; rights are %s", name, rightNames())
	}
	if (g.Right == directory.PageLimit) != f.amount.given {
		return g, usagef("--pages goes with page-limit")
	}
	var err error
	if g.Holder, err = f.holder(ctx, a); err != nil {
		return g, err
	}
	if f.queue.given {
		q, err := a.queue(ctx, f.queue.value)
		if err != nil {
			return g, err
		}
		g.Queue = q.ID
	}
	if f.devices.given {
		d, err := a.scope.DeviceGroupByName(ctx, f.devices.value)
		if err != nil {
			return g, named(err, "device group", f.devices.value)
		}
		g.DeviceGroup = d.ID
	}
	return g, nil
}

func (f *rightFlags) holder(ctx context.Context, a *admin) (string, error) {
	given := 0
	for _, x := range []bool{f.user.given, f.group.given, f.source.given, f.everybody} {
		if x {
			given++
		}
	}
	switch {
	case given != 1:
		return "", usagef("who? Give one of --user, --group, --source and --everybody")
	case f.user.given:
		u, err := a.user(ctx, f.user.value)
		return u.ID, err
	case f.group.given:
		g, err := a.group(ctx, f.group.value)
		return g.ID, err
	case f.source.given:
		x, err := a.source(ctx, f.source.value)
		return x.ID, err
	}
	return "", nil
}

func rightNames() string {
	all := directory.Rights()
	names := make([]string, len(all))
	for i, r := range all {
		names[i] = string(r)
	}
	return strings.Join(names, ", ")
}

func rightCommands() []*command {
	var added, removed, listed rightFlags
	return []*command{
		{
			name: "right add", args: "RIGHT", least: 1, most: 1, summary: "give a right to a person, a group, all of a directory, or everybody",
			more: "Rights: " + rightNames() + ".\nforce-mono, force-duplex and page-limit restrict: whoever has one of them somehow, is restricted.\n" +
				"Where a device cannot be told to print without colour and the document cannot be made so, it is not released to whoever may not print in colour; nor is one of which\n" +
				"nobody knows how many pages it has to whoever has a page-limit.",
			examples: []string{
				"right add release --group staff", "right add colour --group marketing --device-group first-floor", "right add page-limit --group pupils --pages 20",
			},
			flags: added.add, admin: func(ctx context.Context, a *admin, c *call) error { return a.setRight(ctx, c, &added, true) },
		},
		{
			name: "right remove", args: "RIGHT", least: 1, most: 1, summary: "take a right away", more: "The same words as when it was given.",
			examples: []string{"right remove colour --everybody"},
			flags:    removed.add, admin: func(ctx context.Context, a *admin, c *call) error {
				if directory.Right(strings.ToLower(c.args[0])) == directory.PageLimit {
					removed.amount.given = true
				}
				return a.setRight(ctx, c, &removed, false)
			},
		},
		{
			name: "right list", summary: "list all rights that were given, or those of one", examples: []string{"right list", "right list --group staff --json"},
			more:  "What a person may do in the end, and why, is shown by platen user show.",
			flags: listed.add, admin: func(ctx context.Context, a *admin, c *call) error { return a.listRights(ctx, c, &listed) },
		},
	}
}

func (a *admin) setRight(ctx context.Context, c *call, f *rightFlags, give bool) error {
	g, err := f.grant(ctx, a, c.args[0])
	if err != nil {
		return err
	}
	action := "right.remove"
	if give {
		action, err = "right.add", a.scope.PutRight(ctx, g)
	} else {
		err = a.scope.RemoveRight(ctx, g)
	}
	if err != nil {
		return err
	}
	places, err := a.places(ctx)
	if err != nil {
		return err
	}
	rights, err := a.scope.RightsOf(ctx, g.Holder)
	if err != nil {
		return err
	}
	from := "everybody"
	for _, r := range rights {
		from = r.From
	}
	if err := a.audit(ctx, action, orElse(f.user.value+f.group.value+f.source.value, from), places.text(&g)); err != nil {
		return err
	}
	return a.writeRights(c, rights, places)
}

func (a *admin) listRights(ctx context.Context, c *call, f *rightFlags) error {
	places, err := a.places(ctx)
	if err != nil {
		return err
	}
	if !f.user.given && !f.group.given && !f.source.given && !f.everybody {
		rights, err := a.scope.AllRights(ctx)
		if err != nil {
			return err
		}
		return a.writeRights(c, rights, places)
	}
	holder, err := f.holder(ctx, a)
	if err != nil {
		return err
	}
	rights, err := a.scope.RightsOf(ctx, holder)
	if err != nil {
		return err
	}
	return a.writeRights(c, rights, places)
}

func (a *admin) writeRights(c *call, rights []directory.Grant, places *placeNames) error {
	return writeList(c, rights, []column[directory.Grant]{
		{"who", func(g directory.Grant) string { return g.From }},
		{"right", func(g directory.Grant) string { return string(g.Right) }},
		{"queue", func(g directory.Grant) string { return places.queues[g.Queue] }},
		{"device group", func(g directory.Grant) string { return places.groups[g.DeviceGroup] }},
		{"pages", func(g directory.Grant) string {
			if g.Amount == 0 {
				return ""
			}
			return strconv.Itoa(g.Amount)
		}},
	})
}

// placeNames are the names of the queues and device groups that rights speak of.
type placeNames struct{ queues, groups map[string]string }

func (a *admin) places(ctx context.Context) (*placeNames, error) {
	p := &placeNames{queues: map[string]string{}, groups: map[string]string{}}
	queues, err := a.scope.Queues(ctx)
	if err != nil {
		return nil, err
	}
	for i := range queues {
		p.queues[queues[i].ID] = queues[i].Name
	}
	groups, err := a.scope.DeviceGroups(ctx)
	for _, g := range groups {
		p.groups[g.ID] = g.Name
	}
	return p, err
}

// text says a right in words: "colour at first-floor (group marketing)".
func (p *placeNames) text(g *directory.Grant) string {
	s := string(g.Right)
	if g.Amount > 0 {
		s += " " + strconv.Itoa(g.Amount)
	}
	if g.Queue != "" {
		s += " of queue " + orElse(p.queues[g.Queue], "(removed)")
	}
	if g.DeviceGroup != "" {
		s += " at " + orElse(p.groups[g.DeviceGroup], "(removed)")
	}
	return s
}

// placeCommands are those of device groups and sites.
func placeCommands() []*command {
	var location, newLocation *opt[string]
	return []*command{
		{
			name: "device-group add", args: "NAME", least: 1, most: 1, summary: "make a group of devices, for rights and prices", examples: []string{"device-group add first-floor"},
			more: "Devices are put into it by platen device set DEVICE --group NAME.",
			admin: func(ctx context.Context, a *admin, c *call) error {
				if err := a.scope.PutDeviceGroup(ctx, site.DeviceGroup{ID: job.NewUUID(), Name: c.args[0]}); err != nil {
					return err
				}
				return a.audit(ctx, "device-group.add", c.args[0], "")
			},
		},
		{
			name: "device-group list", summary: "list the groups of devices", examples: []string{"device-group list --json"},
			admin: func(ctx context.Context, a *admin, c *call) error {
				list, err := a.scope.DeviceGroups(ctx)
				if err != nil {
					return err
				}
				return writeList(c, list, []column[site.DeviceGroup]{
					{"name", func(g site.DeviceGroup) string { return g.Name }}, {"id", func(g site.DeviceGroup) string { return g.ID }},
				})
			},
		},
		{
			name: "device-group remove", args: "NAME", least: 1, most: 1, summary: "remove a group of devices", examples: []string{"device-group remove first-floor"},
			admin: func(ctx context.Context, a *admin, c *call) error {
				g, err := a.scope.DeviceGroupByName(ctx, c.args[0])
				if err != nil {
					return named(err, "device group", c.args[0])
				}
				if err := a.scope.RemoveDeviceGroup(ctx, g.ID); err != nil {
					return err
				}
				return a.audit(ctx, "device-group.remove", g.Name, "")
			},
		},
		{
			name: "site add", args: "NAME", least: 1, most: 1, summary: "add a site: a building, a school, a branch", examples: []string{`site add north --location "North Road 1"`},
			flags: func(fs *flag.FlagSet) { location = optText(fs, "location", "where it is, `TEXT`") },
			admin: func(ctx context.Context, a *admin, c *call) error {
				if err := a.scope.PutPlace(ctx, site.Place{ID: job.NewUUID(), Name: c.args[0], Location: location.value}); err != nil {
					return err
				}
				return a.audit(ctx, "site.add", c.args[0], "")
			},
		},
		{
			name: "site list", summary: "list the sites", examples: []string{"site list --json"},
			admin: func(ctx context.Context, a *admin, c *call) error {
				list, err := a.scope.Places(ctx)
				if err != nil {
					return err
				}
				return writeList(c, list, []column[site.Place]{
					{"name", func(p site.Place) string { return p.Name }}, {"location", func(p site.Place) string { return p.Location }},
					{"id", func(p site.Place) string { return p.ID }},
				})
			},
		},
		{
			name: "site set", args: "NAME", least: 1, most: 1, summary: "change a site", examples: []string{`site set north --location "North Road 3"`},
			flags: func(fs *flag.FlagSet) { newLocation = optText(fs, "location", "where it is, `TEXT`") },
			admin: func(ctx context.Context, a *admin, c *call) error {
				p, err := a.scope.PlaceByName(ctx, c.args[0])
				if err != nil {
					return named(err, "site", c.args[0])
				}
				newLocation.apply(&p.Location)
				if err := a.scope.PutPlace(ctx, p); err != nil {
					return err
				}
				return a.audit(ctx, "site.set", p.Name, strings.Join(c.given, " "))
			},
		},
		{
			name: "site remove", args: "NAME", least: 1, most: 1, summary: "remove a site", examples: []string{"site remove north"},
			admin: func(ctx context.Context, a *admin, c *call) error {
				p, err := a.scope.PlaceByName(ctx, c.args[0])
				if err != nil {
					return named(err, "site", c.args[0])
				}
				if err := a.scope.RemovePlace(ctx, p.ID); err != nil {
					return err
				}
				return a.audit(ctx, "site.remove", p.Name, "")
			},
		},
	}
}
