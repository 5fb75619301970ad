package main

import (
	"context"
	"flag"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"platen/config"
	"platen/fault"
	"platen/intake"
	"platen/job"
	"platen/setup"
	"platen/site"
)

// longest is the longest time that an administrator may ask for.
const longest = 366 * 24 * time.Hour

// queueFlags are what can be said of a queue.
type queueFlags struct {
	info, mode, device, encoding, ownerPattern *opt[string]
	allow                                      *opt[[]netip.Prefix]
	priority                                   *opt[int]
	holdFor, keepFor                           *opt[time.Duration]
	confidential, acceptJobs, allowRemove      *opt[bool]
	maxOctets                                  *opt[int64]
	ipp                                        ippFlags
}

func (f *queueFlags) add(fs *flag.FlagSet) {
	f.info = optText(fs, "info", "what the queue is for, `TEXT`")
	f.mode = optText(fs, "mode", "`hold|passthrough`: until the owner comes, or at once")
	f.device = optText(fs, "device", "`NAME` of the device that a passthrough queue prints on")
	f.encoding = optText(fs, "encoding", "of names that are not UTF-8, `windows-1252|ibm850`")
	f.ownerPattern = optText(fs, "owner-pattern", "regular expression whose one group is the owner's name within what clients claim, `PATTERN`")
	f.allow = optPrefixes(fs, "allow", "address or `PREFIX` of clients that may print; several times for several, empty for all")
	f.priority = optNumber(fs, "priority", "`1..100`; higher goes first at a device", 1, 100)
	f.holdFor = optTime(fs, "hold-for", "held jobs expire after this `TIME`", longest)
	f.keepFor = optTime(fs, "keep-for", "a printed document can be printed again for this `TIME`", longest)
	f.confidential = optYesNo(fs, "confidential", "nothing is kept after printing")
	f.acceptJobs = optYesNo(fs, "accept-jobs", "whether the queue takes jobs")
	f.allowRemove = optYesNo(fs, "allow-remove", "whether lprm may remove jobs of the same host and user; there is no proof of either")
	f.maxOctets = optOctets(fs, "max-octets", "largest job, `SIZE`; 0 for the node's own limit")
	f.ipp.add(fs)
}

func (f *queueFlags) apply(ctx context.Context, a *admin, q *site.Queue) error {
	f.info.apply(&q.Info)
	f.allow.apply(&q.Allow)
	f.priority.apply(&q.Priority)
	f.holdFor.apply(&q.HoldFor)
	f.keepFor.apply(&q.KeepFor)
	f.confidential.apply(&q.Confidential)
	f.acceptJobs.apply(&q.AcceptJobs)
	f.allowRemove.apply(&q.AllowRemove)
	f.maxOctets.apply(&q.MaxOctets)
	f.encoding.apply(&q.Encoding)
	f.ownerPattern.apply(&q.OwnerPattern)
	if f.mode.given {
		q.Mode = site.ReleaseMode(f.mode.value)
	}
	if f.device.given && f.device.value != "" {
		d, err := a.device(ctx, f.device.value)
		if err != nil {
			return err
		}
		q.Device = d.ID
	} else if f.device.given {
		q.Device = ""
	}
	if err := f.ipp.apply(ctx, a, q); err != nil {
		return err
	}
	return checkQueue(q)
}

func checkQueue(q *site.Queue) error {
	switch {
	case q.Mode != site.Hold && q.Mode != site.Passthrough:
		return usagef("--mode is hold or passthrough")
	case q.Mode == site.Passthrough && q.Device == "":
		return usagef("a passthrough queue needs --device")
	case q.Mode == site.Hold && q.Device != "":
		return usagef("only a passthrough queue has a device; held jobs print where their owner stands")
	case q.Encoding != "windows-1252" && q.Encoding != "ibm850":
		return usagef("--encoding is windows-1252 or ibm850")
	}
	if q.OwnerPattern == "" {
		return nil
	}
	re, err := regexp.Compile(q.OwnerPattern)
	if err != nil || re.NumSubexp() != 1 || len(q.OwnerPattern) > 500 {
		return usagef("--owner-pattern is a regular expression with exactly one group, such as ^CORP-(.*)$")
	}
	return nil
}

func queueCommands() []*command {
	var added, changed queueFlags
	return []*command{
		{
			name: "queue add", args: "NAME", least: 1, most: 1, summary: "add a queue that clients print to",
			examples: []string{
				"queue add secure",
				"queue add labels --mode passthrough --device zebra-1 --priority 90 --allow 10.0.5.0/24",
				"queue add secure --alias HP_3rd_floor --alias secure-old --location \"every floor\"",
			},
			flags: added.add,
			admin: func(ctx context.Context, a *admin, c *call) error { return a.addQueue(ctx, c, &added) },
		},
		{
			name: "queue list", summary: "list all queues", examples: []string{"queue list", "queue list --json"},
			admin: func(ctx context.Context, a *admin, c *call) error { return a.listQueues(ctx, c) },
		},
		{
			name: "queue show", args: "NAME", least: 1, most: 1, summary: "show one queue", examples: []string{"queue show secure"},
			admin: func(ctx context.Context, a *admin, c *call) error { return a.printQueue(ctx, c, c.args[0]) },
		},
		{
			name: "queue set", args: "NAME", least: 1, most: 1, summary: "change a queue", more: "What is not named stays.",
			examples: []string{"queue set secure --hold-for 4d --confidential yes", "queue set secure --allow ''", "queue set secure --alias HP_3rd_floor --require-identity yes", "queue set secure --behind mfp-2 --behind mfp-3"},
			flags:    changed.add,
			admin:    func(ctx context.Context, a *admin, c *call) error { return a.setQueue(ctx, c, &changed) },
		},
		{
			name: "queue remove", args: "NAME", least: 1, most: 1, summary: "remove a queue without jobs", examples: []string{"queue remove labels"},
			admin: func(ctx context.Context, a *admin, c *call) error { return a.removeQueue(ctx, c) },
		},
	}
}

func (a *admin) queue(ctx context.Context, name string) (site.Queue, error) {
	q, err := a.scope.QueueByName(ctx, name)
	return q, named(err, "queue", name)
}

// newQueue is a queue with the defaults of the house.
func newQueue(name string) site.Queue {
	return site.Queue{
		ID: job.NewUUID(), Name: name, Mode: site.Hold, Priority: site.DefaultPriority, Encoding: site.DefaultEncoding,
		HoldFor: site.DefaultHoldFor, KeepFor: site.DefaultKeepFor, AcceptJobs: true,
		IPP: site.IPP{UUID: setup.PrinterUUID(fullHostName(), name)},
	}
}

// checkName refuses names that a command line, a URL or a control file could
// not carry.
func checkName(name string) error {
	if name == "" || len(name) > 100 || strings.ContainsAny(name, " \t/\\?#%@:\"'<>") || plain(name) != name {
		return usagef("%q cannot be a name: it needs 1 to 100 characters without spaces and without / \\ ? # %% @ : \" ' < >", plain(name))
	}
	return nil
}

func (a *admin) addQueue(ctx context.Context, c *call, f *queueFlags) error {
	q := newQueue(c.args[0])
	if err := checkName(q.Name); err != nil {
		return err
	}
	if _, err := a.scope.QueueByName(ctx, q.Name); err == nil {
		return &fault.Error{Op: "queue.add", Kind: fault.Conflict, Text: "There is a queue %s already.", Args: []any{q.Name}}
	}
	if err := f.apply(ctx, a, &q); err != nil {
		return err
	}
	if err := a.scope.PutQueue(ctx, q); err != nil {
		return err
	}
	a.queuesChanged()
	if err := a.audit(ctx, "queue.add", q.Name, ""); err != nil {
		return err
	}
	return a.printQueue(ctx, c, q.Name)
}

func (a *admin) setQueue(ctx context.Context, c *call, f *queueFlags) error {
	q, err := a.queue(ctx, c.args[0])
	if err != nil {
		return err
	}
	if f.mode.given && f.mode.value == string(site.Hold) {
		q.Device = ""
	}
	if err := f.apply(ctx, a, &q); err != nil {
		return err
	}
	if err := a.scope.PutQueue(ctx, q); err != nil {
		return err
	}
	a.queuesChanged()
	if err := a.resumer().Resume(ctx, q); err != nil {
		return err
	}
	if err := a.audit(ctx, "queue.set", q.Name, strings.Join(c.given, " ")); err != nil {
		return err
	}
	return a.printQueue(ctx, c, q.Name)
}

func (a *admin) removeQueue(ctx context.Context, c *call) error {
	q, err := a.queue(ctx, c.args[0])
	if err != nil {
		return err
	}
	if err := a.scope.RemoveQueue(ctx, q.ID); err != nil {
		return err
	}
	a.queuesChanged()
	return a.audit(ctx, "queue.remove", q.Name, "")
}

// queueView is a queue with its times as people and scripts write them.
type queueView struct {
	site.Queue
	HoldFor config.Duration `json:"hold_for"`
	KeepFor config.Duration `json:"keep_for"`
}

func viewQueue(q site.Queue) queueView {
	return queueView{q, config.Duration{Duration: q.HoldFor}, config.Duration{Duration: q.KeepFor}}
}

func (a *admin) listQueues(ctx context.Context, c *call) error {
	queues, err := a.scope.Queues(ctx)
	if err != nil {
		return err
	}
	views := make([]queueView, len(queues))
	for i, q := range queues {
		views[i] = viewQueue(q)
	}
	return writeList(c, views, []column[queueView]{
		{"name", func(q queueView) string { return q.Name }},
		{"mode", func(q queueView) string { return string(q.Mode) }},
		{"device", func(q queueView) string { return q.DeviceName }},
		{"priority", func(q queueView) string { return strconv.Itoa(q.Priority) }},
		{"hold for", func(q queueView) string { return q.HoldFor.String() }},
		{"keep for", func(q queueView) string { return q.stays() }},
		{"accepts", func(q queueView) string { return yesNo(q.AcceptJobs) }},
		{"info", func(q queueView) string { return q.Info }},
	})
}

// stays tells how long a printed document really stays.
func (q queueView) stays() string {
	if q.Confidential {
		return "not at all"
	}
	return q.KeepFor.String()
}

func (a *admin) printQueue(ctx context.Context, c *call, name string) error {
	q, err := a.queue(ctx, name)
	if err != nil {
		return err
	}
	v := viewQueue(q)
	if c.json {
		return writeJSON(c.out, v)
	}
	limit := "the node's"
	if q.MaxOctets > 0 {
		limit = octets(q.MaxOctets)
	}
	behind, err := a.behind(ctx, &q)
	if err != nil {
		return err
	}
	return fields(c.out, "name", q.Name, "other names", strings.Join(q.Aliases, " "), "info", q.Info, "mode", string(q.Mode), "device", q.DeviceName,
		"clients", prefixesText(q.Allow), "priority", strconv.Itoa(q.Priority), "encoding", q.Encoding,
		"held jobs expire after", v.HoldFor.String(), "printed documents stay", v.stays(),
		"accepts jobs", yesNo(q.AcceptJobs), "lprm may remove", yesNo(q.AllowRemove), "owner pattern", q.OwnerPattern, "jobs that nobody owns", unclaimedText(&q),
		"largest job", limit, "location", q.IPP.Location, "geographic location", q.IPP.Geo, "organisation", q.IPP.Organization, "unit", q.IPP.Unit,
		"who prints must prove it", yesNo(q.IPP.RequireIdentity), "held jobs are reported as completed", yesNo(q.IPP.ReportCompleted),
		"paused", yesNo(q.IPP.Paused), "holds new jobs", yesNo(q.IPP.HoldNew), "hidden", yesNo(q.IPP.Hidden), "found on the network as", a.foundAs(q.Name), "profile", q.IPP.Profile, "devices behind it", behind, "printer-uuid", q.IPP.UUID, "id", q.ID)
}

// resumer lets jobs go on: that of the running node, which wakes their device.
func (a *admin) resumer() *intake.Intake {
	if a.running != nil {
		return a.running.intake
	}
	return &intake.Intake{Tenant: a.scope.Tenant(), Store: a.scope, Now: a.now, Log: a.log}
}

// foundAs is the name under which a queue is advertised now, "" for none.
func (a *admin) foundAs(queue string) string {
	if a.running == nil {
		return ""
	}
	return a.running.advertiser.Names()[queue]
}

func prefixesText(list []netip.Prefix) string {
	if len(list) == 0 {
		return "all"
	}
	words := make([]string, len(list))
	for i, p := range list {
		words[i] = p.String()
	}
	return strings.Join(words, " ")
}
