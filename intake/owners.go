package intake

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"platen/directory"
	"platen/job"
	"platen/pdl"
	"platen/site"
)

// ruled is what a queue says of owners, as it was last seen.
type ruled struct {
	pattern string
	owner   site.OwnerRules
	rules   directory.Rules
}

// rules returns the owner rules of the arrival's queue.
func (in *Intake) rules(q *site.Queue, s *site.Settings) directory.Rules {
	if c, ok := in.ruled.Load(q.ID); ok {
		if c := c.(ruled); c.pattern == q.OwnerPattern && reflect.DeepEqual(c.owner, q.Owner) {
			return allowed(c.rules, q, s)
		}
	}
	rules, err := OwnerRules(q, s)
	if err != nil {
		in.Log.Warn("intake: owner rules of a queue cannot be read and are left out", "queue", q.Name, "error", err)
	}
	in.ruled.Store(q.ID, ruled{q.OwnerPattern, q.Owner, rules})
	return rules
}

// OwnerRules makes of what an administrator wrote for a queue rules that can be
// followed. What cannot be read is left out, and the error says what that is.
func OwnerRules(q *site.Queue, s *site.Settings) (directory.Rules, error) {
	o := &q.Owner
	r := directory.Rules{Steps: []directory.Step{}, KeepUPN: o.KeepUPN, Strip: stripping(o)}
	if len(o.Match) > 0 {
		r.Match = o.Match
	}
	var errs []error
	for _, x := range q.AllSteps() {
		step, err := ownerStep(x)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		r.Steps = append(r.Steps, step)
	}
	for _, x := range o.Replace {
		re, err := site.CompilePattern(x.Pattern)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		r.Replace = append(r.Replace, directory.Replacement{Pattern: re, With: x.With})
	}
	for _, x := range o.Hosts {
		h := directory.Host{Client: x.Client, User: directory.Fold(x.User)}
		if p, ok := x.Prefix(); ok {
			h.Prefix = p
		}
		r.Hosts = append(r.Hosts, h)
	}
	return allowed(r, q, s), errors.Join(errs...)
}

func ownerStep(x site.OwnerStep) (directory.Step, error) {
	source, ok := site.OwnerSourceOf(x.From)
	if !ok {
		return directory.Step{}, fmt.Errorf("intake: there is no step %q", x.From)
	}
	step := directory.Step{From: x.From, What: source.What, With: x.With}
	if x.Pattern == "" {
		return step, nil
	}
	var err error
	step.Pattern, err = site.CompileName(x.Pattern)
	switch {
	case x.From == "claimed":
		step.What = "the queue's pattern"
	case !source.Needs:
		step.What += ", by pattern"
	}
	return step, err
}

// stripping says which domains are taken off, nil every one.
func stripping(o *site.OwnerRules) func(string) bool {
	switch o.Strip {
	case site.StripNone:
		return func(string) bool { return false }
	case site.StripListed:
		folded := make([]string, len(o.Domains))
		for i, d := range o.Domains {
			folded[i] = directory.Fold(d)
		}
		return func(domain string) bool { return slices.Contains(folded, domain) }
	}
	return nil
}

// allowed takes from the rules what the node's settings do not allow.
func allowed(r directory.Rules, q *site.Queue, s *site.Settings) directory.Rules {
	r.Aliases = s.AliasesEnabled && !q.Owner.NoAliases
	r.Prefix = s.PrefixEnabled && !q.Owner.NoPrefix
	return r
}

// OwnerFacts are the names that came with a job. heads are the beginnings of its
// documents; those that are not there any longer are left out.
func OwnerFacts(o job.Origin, t job.Ticket, heads [][]byte) directory.Facts {
	f := directory.Facts{
		Proven: o.User, Account: t.Account, Claimed: t.Claimed, Cut: t.Cut, Banner: t.Banner, Believed: o.Believed, IPP: o.Door == doorIPP,
		Client: o.Client, Host: t.Host, Lines: t.Extra,
		Look: func(from string) []string { return lookInto(heads, from) },
	}
	if o.Certificate != "" { // the step of certificates says who that is, and how it knows
		f.Proven, f.Certificate = "", o.Certificate
	}
	for _, head := range heads {
		learn(&f, pdl.Examine(head))
	}
	return f
}

// lookInto finds what a step wants of the documents that no other step wants.
func lookInto(heads [][]byte, from string) (list []string) {
	for _, head := range heads {
		switch name, set := strings.CutPrefix(from, "pjl-set:"); {
		case set:
			list = append(list, pdl.Setting(head, name))
		case from == "pjl-comment":
			list = append(list, pdl.Comments(head)...)
		case from == "pattern":
			list = append(list, string(head))
		}
	}
	return list
}
