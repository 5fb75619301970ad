package main

import (
	"context"
	"flag"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"platen/device"
	"platen/fault"
	"platen/internal/table"
	"platen/job"
	"platen/site"
	"platen/store"
)

// deviceFlags are what can be said of a device.
type deviceFlags struct {
	uri, serial, model, location, template, host *opt[string]
	profile                                      *opt[string]
	place                                        *opt[string]
	groups                                       *opt[[]string]
	quirks                                       *opt[[]string]
	enabled                                      *opt[bool]
}

func (f *deviceFlags) add(fs *flag.FlagSet) {
	f.uri = optText(fs, "uri", "`URI`: lpr://HOST[:515]/QUEUE, socket://HOST[:9100] or folder:///PATH")
	f.template = optText(fs, "template", "`NAME` of a template instead of --uri; see platen device template")
	f.host = optText(fs, "host", "`HOST` for the template")
	f.serial = optText(fs, "serial", "serial `NUMBER`, the device's identity")
	f.model = optText(fs, "model", "maker and model, `TEXT`; brings the quirks that are known of it")
	f.location = optText(fs, "location", "where it stands, `TEXT`")
	f.profile = optProfile(fs)
	f.place = optText(fs, "site", "`NAME` of the site where it stands; empty for none")
	f.groups = optWords(fs, "group", "`NAME` of a device group; several times for several, empty for none")
	f.quirks = optWords(fs, "quirk", "`NAME` of a quirk beside those of its model; several times for several, empty for none")
	f.enabled = optYesNo(fs, "enabled", "jobs wait for a device that is not enabled")
}

func (f *deviceFlags) apply(d *site.Device) error {
	if f.template.given {
		if err := applyTemplate(d, f.template.value, f.host.value); err != nil {
			return err
		}
	} else if f.host.given {
		return usagef("--host goes with --template")
	}
	f.uri.apply(&d.URI)
	f.serial.apply(&d.Serial)
	f.model.apply(&d.Model)
	f.location.apply(&d.Location)
	f.quirks.apply(&d.Quirks)
	f.enabled.apply(&d.Enabled)
	f.profile.apply(&d.Profile)
	return nil
}

// template is how devices of a kind are reached. @ stands for the host.
type template struct {
	Name   string   `json:"name"`
	URI    string   `json:"uri"`
	Quirks []string `json:"quirks"`
	Info   string   `json:"info"`
}

// templates lists the kinds that a newcomer can choose from.
func templates() []template {
	return []template{
		{"raw", "socket://@:9100", nil, "raw port 9100, for any network printer"},
		{"raw-pjl", "socket://@:9100", []string{"pjl"}, "raw port 9100 of a device that speaks PJL: its word counts as evidence"},
		{"lpr", "lpr://@/lp", nil, "LPR to the queue lp, for print servers and older devices"},
		{"lpr-reserved", "lpr://@/lp", []string{"reserved-port"}, "the same from a port below 1024, for those who insist on RFC 1179"},
		{"labels", "socket://@:9100", []string{"no-pjl"}, "label printer on port 9100: octet for octet"},
	}
}

// put says where a device stands and in which groups it is.
func (f *deviceFlags) put(ctx context.Context, a *admin, d *site.Device) error {
	if f.place.given {
		d.Site = ""
		if f.place.value != "" {
			p, err := a.scope.PlaceByName(ctx, f.place.value)
			if err != nil {
				return named(err, "site", f.place.value)
			}
			d.Site = p.ID
		}
	}
	if !f.groups.given {
		return nil
	}
	d.Groups = nil
	for _, name := range f.groups.value {
		g, err := a.scope.DeviceGroupByName(ctx, name)
		if err != nil {
			return named(err, "device group", name)
		}
		d.Groups = append(d.Groups, g.ID)
	}
	return nil
}

func applyTemplate(d *site.Device, name, host string) error {
	i := slices.IndexFunc(templates(), func(t template) bool { return t.Name == name })
	if i < 0 {
		return &fault.Error{Op: "device.template", Kind: fault.NotFound, Text: "There is no template %s.", Args: []any{name}}
	}
	if host == "" {
		return usagef("--template needs --host")
	}
	if strings.Contains(host, ":") && !strings.HasPrefix(host, "[") {
		if _, err := netip.ParseAddr(host); err != nil {
			return usagef("--host is a name or an address without a port; with another port, say --uri")
		}
		host = "[" + host + "]" // IPv6
	}
	t := templates()[i]
	d.URI, d.Quirks = strings.Replace(t.URI, "@", host, 1), t.Quirks
	return nil
}

func deviceCommands() []*command {
	var added, changed deviceFlags
	var replacement store.Replacement
	var dry bool
	return []*command{
		{
			name: "device add", args: "NAME", least: 1, most: 1, summary: "add a device that prints",
			examples: []string{
				"device add mfp-2 --uri socket://10.0.0.20 --serial ABC123 --location \"2nd floor\"",
				"device add mfp-3 --template raw-pjl --host 10.0.0.21 --model \"HP LaserJet M507\"",
			},
			flags: added.add,
			admin: func(ctx context.Context, a *admin, c *call) error { return a.addDevice(ctx, c, &added) },
		},
		{
			name: "device list", summary: "list all devices and how they are", examples: []string{"device list", "device list --json"},
			admin: func(ctx context.Context, a *admin, c *call) error { return a.listDevices(ctx, c) },
		},
		{
			name: "device show", args: "NAME", least: 1, most: 1, summary: "show one device", examples: []string{"device show mfp-2"},
			admin: func(ctx context.Context, a *admin, c *call) error { return a.printDevice(ctx, c, c.args[0]) },
		},
		{
			name: "device set", args: "NAME", least: 1, most: 1, summary: "change a device", more: "What is not named stays.",
			examples: []string{"device set mfp-2 --enabled no", "device set mfp-2 --quirk pjl --quirk one-connection"},
			flags:    changed.add,
			admin:    func(ctx context.Context, a *admin, c *call) error { return a.setDevice(ctx, c, &changed) },
		},
		{
			name: "device remove", args: "NAME", least: 1, most: 1, summary: "remove a device that nothing prints on", examples: []string{"device remove mfp-2"},
			admin: func(ctx context.Context, a *admin, c *call) error { return a.removeDevice(ctx, c) },
		},
		{
			name: "device replace", args: "NAME", least: 1, most: 1, summary: "put another machine in its place, or follow it to a new address",
			more:     "Queues, terminals and waiting jobs go on with the new one. NAME may also be the serial number.",
			examples: []string{"device replace mfp-2 --serial XYZ789 --uri socket://10.0.0.30", "device replace ABC123 --uri socket://10.0.0.31"},
			flags: func(fs *flag.FlagSet) {
				fs.StringVar(&replacement.URI, "uri", "", "new `URI`")
				fs.StringVar(&replacement.Serial, "serial", "", "serial `NUMBER` of the new machine")
				fs.StringVar(&replacement.Model, "model", "", "its maker and model, `TEXT`")
			},
			admin: func(ctx context.Context, a *admin, c *call) error { return a.replaceDevice(ctx, c, replacement) },
		},
		{
			name: "device template", summary: "list the templates for device add", examples: []string{"device template", "device template --json"},
			local: func(_ context.Context, _ *env, c *call) error { return listTemplates(c) },
		},
		{
			name: "device import", args: "FILE.csv", least: 1, most: 1, summary: "add or change devices from a table",
			more: "Columns: " + strings.Join(deviceColumns(), ", ") + "; only name is required. Several quirks are separated by |.\n" +
				"A device is the one with that serial number, else the one with that name, else a new one.\nNothing is changed when a line is wrong.",
			examples: []string{"device import devices.csv --dry-run", "device import devices.csv"},
			input:    &input{"table of devices", 0},
			flags:    func(fs *flag.FlagSet) { fs.BoolVar(&dry, "dry-run", false, "only say what would be done") },
			admin:    func(ctx context.Context, a *admin, c *call) error { return a.importDevices(ctx, c, dry) },
		},
	}
}

func (a *admin) device(ctx context.Context, name string) (site.Device, error) {
	d, err := a.scope.DeviceByName(ctx, name)
	return d, named(err, "device", name)
}

// checkDevice asks the package that will speak to it whether it can.
func (a *admin) checkDevice(d site.Device) error {
	if d.URI == "" {
		return usagef("a device needs --uri, or --template and --host")
	}
	set := deviceSettings(a.place.cfg, a.log)
	if a.running != nil { // knows its own ports, at which no device can be
		set = a.running.deviceSettings()
	}
	_, err := device.New(d, set)
	return err
}

func (a *admin) addDevice(ctx context.Context, c *call, f *deviceFlags) error {
	d := site.Device{ID: job.NewUUID(), Name: c.args[0], Enabled: true}
	if err := checkName(d.Name); err != nil {
		return err
	}
	if err := f.apply(&d); err != nil {
		return err
	}
	if err := f.put(ctx, a, &d); err != nil {
		return err
	}
	if err := mistyped(a.checkDevice(d)); err != nil {
		return err
	}
	if err := a.scope.PutDevice(ctx, d); err != nil {
		return err
	}
	return a.deviceDone(ctx, c, "device.add", d)
}

// deviceDone ends a command that has changed a device.
func (a *admin) deviceDone(ctx context.Context, c *call, action string, d site.Device) error {
	a.devicesChanged()
	if err := a.audit(ctx, action, d.Name, strings.Join(c.given, " ")); err != nil {
		return err
	}
	return a.printDevice(ctx, c, d.Name)
}

func (a *admin) setDevice(ctx context.Context, c *call, f *deviceFlags) error {
	d, err := a.device(ctx, c.args[0])
	if err != nil {
		return err
	}
	if err := f.apply(&d); err != nil {
		return err
	}
	if err := f.put(ctx, a, &d); err != nil {
		return err
	}
	if err := mistyped(a.checkDevice(d)); err != nil {
		return err
	}
	if err := a.scope.PutDevice(ctx, d); err != nil {
		return err
	}
	return a.deviceDone(ctx, c, "device.set", d)
}

func (a *admin) replaceDevice(ctx context.Context, c *call, r store.Replacement) error {
	if r == (store.Replacement{}) {
		return usagef("device replace needs --uri, --serial or both")
	}
	d, err := a.scope.DeviceBySerial(ctx, c.args[0])
	if fault.Is(err, fault.NotFound) {
		d, err = a.device(ctx, c.args[0])
	}
	if err != nil {
		return err
	}
	next := d
	if r.URI != "" {
		next.URI = r.URI
	}
	if r.Model != "" {
		next.Model = r.Model
	}
	if err := a.checkDevice(next); err != nil {
		return err
	}
	if d, err = a.scope.ReplaceDevice(ctx, d.ID, r); err != nil {
		return err
	}
	return a.deviceDone(ctx, c, "device.replace", d)
}

func (a *admin) removeDevice(ctx context.Context, c *call) error {
	d, err := a.device(ctx, c.args[0])
	if err != nil {
		return err
	}
	if err := a.scope.RemoveDevice(ctx, d.ID); err != nil {
		return err
	}
	a.devicesChanged()
	return a.audit(ctx, "device.remove", d.Name, "")
}

func (a *admin) listDevices(ctx context.Context, c *call) error {
	devices, err := a.scope.Devices(ctx)
	if err != nil {
		return err
	}
	return writeList(c, devices, []column[site.Device]{
		{"name", func(d site.Device) string { return d.Name }},
		{"state", func(d site.Device) string { return d.Status.State }},
		{"enabled", func(d site.Device) string { return yesNo(d.Enabled) }},
		{"model", func(d site.Device) string { return d.Model }},
		{"location", func(d site.Device) string { return d.Location }},
		{"URI", func(d site.Device) string { return d.URI }},
		{"serial", func(d site.Device) string { return d.Serial }},
		{"says", func(d site.Device) string { return d.Status.Text }},
	})
}

func (a *admin) printDevice(ctx context.Context, c *call, name string) error {
	d, err := a.device(ctx, name)
	if err != nil {
		return err
	}
	if c.json {
		return writeJSON(c.out, d)
	}
	where, groups, err := a.standsAt(ctx, &d)
	if err != nil {
		return err
	}
	return fields(c.out, "name", d.Name, "URI", d.URI, "serial number", d.Serial, "model", d.Model, "location", d.Location,
		"quirks", strings.Join(d.Quirks, " "), "profile", d.Profile, "enabled", yesNo(d.Enabled), "state", d.Status.State, "says", d.Status.Text,
		"since", stamp(d.Status.Since), "last contact", stamp(d.Status.Seen), "site", where, "device groups", strings.Join(groups, ", "), "id", d.ID)
}

// standsAt returns the names of a device's site and groups.
func (a *admin) standsAt(ctx context.Context, d *site.Device) (where string, groups []string, err error) {
	places, err := a.scope.Places(ctx)
	if err != nil {
		return "", nil, err
	}
	for _, p := range places {
		if p.ID == d.Site {
			where = p.Name
		}
	}
	list, err := a.scope.DeviceGroups(ctx)
	for _, g := range list {
		if slices.Contains(d.Groups, g.ID) {
			groups = append(groups, g.Name)
		}
	}
	return where, groups, err
}

func listTemplates(c *call) error {
	return writeList(c, templates(), []column[template]{
		{"name", func(t template) string { return t.Name }},
		{"URI", func(t template) string { return t.URI }},
		{"quirks", func(t template) string { return strings.Join(t.Quirks, " ") }},
		{"info", func(t template) string { return t.Info }},
	})
}

func deviceColumns() []string {
	return []string{"name", "uri", "serial", "model", "location", "quirks", "enabled", "template", "host"}
}

// importDevices checks the whole table before it changes anything.
func (a *admin) importDevices(ctx context.Context, c *call, dry bool) error {
	rows, problems, err := table.Read(c.in, deviceColumns(), []string{"name"})
	if err != nil {
		return err
	}
	have, err := a.scope.Devices(ctx)
	if err != nil {
		return err
	}
	list, added := make([]site.Device, 0, len(rows)), 0
	names, serials := map[string]int{}, map[string]int{}
	for _, row := range rows {
		d, isNew, err := a.deviceRow(row, have)
		if err != nil {
			problems = append(problems, table.Problem{Line: row.Line, Text: explain(err)})
		}
		if first := names[site.FoldName(d.Name)]; first > 0 {
			problems = append(problems, table.Problem{Line: row.Line, Text: fmt.Sprintf("the device %s is on line %d too", d.Name, first)})
		}
		if first := serials[d.Serial]; d.Serial != "" && first > 0 {
			problems = append(problems, table.Problem{Line: row.Line, Text: fmt.Sprintf("the serial number %s is on line %d too", d.Serial, first)})
		}
		names[site.FoldName(d.Name)], serials[d.Serial] = row.Line, row.Line
		if list = append(list, d); isNew {
			added++
		}
	}
	if len(problems) > 0 {
		return refuseTable(c, problems)
	}
	if !dry {
		for _, d := range list {
			if err := a.scope.PutDevice(ctx, d); err != nil {
				return err
			}
		}
		a.devicesChanged()
		if err := a.audit(ctx, "device.import", "", fmt.Sprintf("%d added, %d changed", added, len(list)-added)); err != nil {
			return err
		}
	}
	return imported(c, dry, counted(added, "device", "devices"), added, len(list)-added)
}

// deviceRow is the device that a row describes.
func (a *admin) deviceRow(row table.Row, have []site.Device) (d site.Device, isNew bool, err error) {
	name, serial := row.Get("name"), row.Get("serial")
	i := slices.IndexFunc(have, func(d site.Device) bool { return serial != "" && d.Serial == serial })
	if i < 0 {
		i = slices.IndexFunc(have, func(d site.Device) bool { return site.FoldName(d.Name) == site.FoldName(name) })
	}
	if isNew = i < 0; isNew {
		d = site.Device{ID: job.NewUUID(), Enabled: true}
	} else {
		d = have[i]
	}
	d.Name = name
	if err := checkName(name); err != nil {
		return d, isNew, err
	}
	if t := row.Get("template"); t != "" {
		if err := applyTemplate(&d, t, row.Get("host")); err != nil {
			return d, isNew, err
		}
	}
	for column, field := range map[string]*string{"uri": &d.URI, "serial": &d.Serial, "model": &d.Model, "location": &d.Location} {
		if v := row.Get(column); v != "" {
			*field = v
		}
	}
	if row.Get("quirks") != "" {
		d.Quirks = strings.FieldsFunc(row.Get("quirks"), func(r rune) bool { return r == '|' || r == ' ' })
	}
	switch strings.ToLower(row.Get("enabled")) {
	case "no", "false", "0":
		d.Enabled = false
	case "yes", "true", "1":
		d.Enabled = true
	case "":
	default:
		return d, isNew, usagef("enabled is yes or no")
	}
	return d, isNew, a.checkDevice(d)
}
