package main

import (
	"context"
	"flag"
	"io"
	"os"

	"platen/fault"
	"platen/setup"
	"platen/site"
)

// deployFlags are what all deployments take.
type deployFlags struct {
	queues *opt[[]string]
	host   *opt[string]
	ca     bool
	detect bool
}

func (f *deployFlags) add(fs *flag.FlagSet) {
	f.queues = optWords(fs, "queue", "`NAME` of a queue; several times for several, without: all that are not hidden")
	f.host = optText(fs, "host", "`NAME` by which clients reach this node")
	fs.BoolVar(&f.ca, "ca", false, "also make the machine trust the authority that vouches for this node")
}

const deployHelp = "The output goes to standard output. It may run again at any time: it adds what is missing and removes nothing."

func deployCommands() []*command {
	var windows, intune, macos, jamf, ansible, cups deployFlags
	one := func(name, summary, more, example string, f *deployFlags, write func(setup.Deployment, io.Writer) error) *command {
		return &command{
			name: "deploy " + name, summary: summary, more: more, examples: []string{example}, flags: f.add,
			admin: func(ctx context.Context, a *admin, c *call) error {
				d, err := a.deployment(ctx, f)
				if err != nil {
					return err
				}
				return write(d, c.out)
			},
		}
	}
	profile := func(d setup.Deployment, w io.Writer) error { return d.Profile(w) }
	inTune := one("intune", "write a PowerShell script that adds queues to Windows through Intune",
		deployHelp+"\nAs a remediation it needs two scripts: with --detect it is the one that only looks.",
		"deploy intune --queue secure --ca", &intune, func(d setup.Deployment, w io.Writer) error { return d.Intune(w, intune.detect) })
	inTune.examples = append(inTune.examples, "deploy intune --queue secure --ca --detect")
	inTune.flags = func(fs *flag.FlagSet) {
		intune.add(fs)
		fs.BoolVar(&intune.detect, "detect", false, "the script that only looks whether all is there")
	}
	return []*command{
		one("windows", "write a PowerShell script that adds queues to Windows, for a start-up script of Group Policy",
			deployHelp+"\nIt runs as administrator or SYSTEM, logs to %ProgramData%\\Platen\\deploy.log and says by its exit code how it went.",
			"deploy windows --queue secure --ca", &windows, func(d setup.Deployment, w io.Writer) error { return d.Windows(w) }),
		inTune,
		one("macos", "write a configuration profile that adds queues to macOS, iOS and iPadOS", deployHelp,
			"deploy macos --queue secure", &macos, profile),
		one("jamf", "write a configuration profile to upload to Jamf or another device management", deployHelp,
			"deploy jamf --queue secure --ca", &jamf, profile),
		one("ansible", "write a file of Ansible tasks that adds queues to Linux", deployHelp,
			"deploy ansible --queue secure --ca", &ansible, func(d setup.Deployment, w io.Writer) error { return d.Ansible(w) }),
		one("cups", "write a shell script that adds queues to Linux, or to anything with CUPS", deployHelp,
			"deploy cups --queue secure", &cups, func(d setup.Deployment, w io.Writer) error { return d.CUPS(w) }),
	}
}

func (a *admin) deployment(ctx context.Context, f *deployFlags) (setup.Deployment, error) {
	at, err := a.reached(f.host.value)
	if err != nil {
		return setup.Deployment{}, err
	}
	d := setup.Deployment{Node: at, Version: version}
	queues, err := a.deployed(ctx, f.queues.value)
	if err != nil {
		return d, err
	}
	for _, q := range queues {
		d.Queues = append(d.Queues, setup.Of(at, q))
	}
	if f.ca {
		d.CA, err = os.ReadFile(a.place.ca())
		if err != nil {
			return d, &fault.Error{Op: "deploy", Kind: fault.NotFound, Text: "The authority of this node cannot be read. It is made when the node starts first.", Err: err}
		}
	}
	return d, nil
}

// deployed returns the named queues, or all that take jobs and are not hidden.
func (a *admin) deployed(ctx context.Context, names []string) (list []site.Queue, err error) {
	for _, name := range names {
		q, err := a.queue(ctx, name)
		if err != nil {
			return nil, err
		}
		list = append(list, q)
	}
	if len(names) > 0 {
		return list, nil
	}
	all, err := a.scope.Queues(ctx)
	for _, q := range all {
		if q.AcceptJobs && !q.IPP.Hidden {
			list = append(list, q)
		}
	}
	return list, err
}
