package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"platen/directory"
	"platen/fault"
	"platen/site"
)

// mostRules bounds a file of owner rules.
const mostRules = 1 << 20

func ownerCommands() []*command {
	var queue, from, with, preset *opt[string]
	var last bool
	var similar, remember *opt[bool]
	forQueue := func(fs *flag.FlagSet) { queue = optText(fs, "queue", "`NAME` of the queue whose rules are meant") }
	onQueue := func(do func(a *admin, ctx context.Context, c *call, q *site.Queue) error) func(context.Context, *admin, *call) error {
		return func(ctx context.Context, a *admin, c *call) error { return a.withOwnerRules(ctx, c, queue, do) }
	}
	return []*command{
		{
			name: "owner show", summary: "say by which rules the jobs of a queue get their owner, in their order", flags: forQueue,
			more:     "With --json it is the data that owner set reads.",
			examples: []string{"owner show --queue secure", "owner show --queue secure --json"},
			admin: func(ctx context.Context, a *admin, c *call) error {
				q, err := a.ownerQueue(ctx, queue)
				if err != nil {
					return err
				}
				return a.showOwnerRules(ctx, c, &q)
			},
		},
		{
			name: "owner set", args: "FILE", least: 1, most: 1, summary: "replace the owner rules of a queue by those of a file", flags: forQueue,
			more:     "FILE is what owner show --json writes, - reads it from standard input. docs/decisions/0014-owner-rules.md describes it.",
			examples: []string{"owner set rules.json --queue secure", "owner set - --queue labels"},
			input:    &input{"owner rules", 0},
			admin:    onQueue((*admin).setOwnerRules),
		},
		{
			name: "owner reset", summary: "give a queue the owner rules of the house again, without a pattern of its own", flags: forQueue,
			examples: []string{"owner reset --queue secure"},
			admin: onQueue(func(_ *admin, _ context.Context, _ *call, q *site.Queue) error {
				q.Owner, q.OwnerPattern = site.OwnerRules{}, ""
				return nil
			}),
		},
		{
			name: "owner unclaimed", args: "hold|ask", least: 1, most: 1, summary: "say what becomes of jobs that no rule names an owner of",
			more: "hold: an administrator says whose they are. ask: at a terminal, a person is shown those that came from a computer this person has printed from, and says which are theirs.",
			flags: func(fs *flag.FlagSet) {
				forQueue(fs)
				similar = optYesNo(fs, "similar", "also ask those whose name is like the claimed one")
				remember = optYesNo(fs, "remember", "the claimed name becomes one of the person who confirms that it is theirs")
			},
			examples: []string{"owner unclaimed ask --queue secure --similar yes --remember yes", "owner unclaimed hold --queue secure"},
			admin: onQueue(func(_ *admin, _ context.Context, c *call, q *site.Queue) error {
				if q.Owner.Unclaimed = c.args[0]; c.args[0] == site.UnclaimedHold {
					q.Owner.Similar, q.Owner.Remember = false, false
				}
				similar.apply(&q.Owner.Similar)
				remember.apply(&q.Owner.Remember)
				return nil
			}),
		},
		{
			name: "owner host add", args: "CLIENT LOGIN", least: 2, most: 2, summary: "say whose computer it is that sends", flags: forQueue,
			more:     "CLIENT is an address, a prefix such as 10.1.2.0/24, or the name that the computer gives itself. Only for computers that one person uses.",
			examples: []string{"owner host add 10.1.2.17 anna --queue secure", "owner host add reception-pc ben --queue secure"},
			admin:    onQueue((*admin).addOwnerHost),
		},
		{
			name: "owner host remove", args: "CLIENT", least: 1, most: 1, summary: "forget whose computer it is", flags: forQueue,
			examples: []string{"owner host remove 10.1.2.17 --queue secure"},
			admin: onQueue(func(_ *admin, _ context.Context, c *call, q *site.Queue) error {
				n := len(q.Owner.Hosts)
				q.Owner.Hosts = slices.DeleteFunc(slices.Clone(q.Owner.Hosts), func(h site.OwnerHost) bool { return strings.EqualFold(h.Client, c.args[0]) })
				if len(q.Owner.Hosts) == n {
					return &fault.Error{Op: "owner", Kind: fault.NotFound, Text: "The rules do not speak of a computer %s.", Args: []any{c.args[0]}}
				}
				return nil
			}),
		},
		{
			name: "owner pattern add", args: "[PATTERN]", least: 0, most: 1, summary: "look for the name with a regular expression, whose one group is the name",
			more: "Presets: sap, the line @PJL COMMENT SAP_USER=\"...\" that is added for SAP systems.",
			flags: func(fs *flag.FlagSet) {
				forQueue(fs)
				from = optText(fs, "from", "where: `STEP` such as claimed, pjl-comment, pjl-set:NAME, control-line:LETTER, or pattern for the beginning of the document; otherwise claimed")
				with = optText(fs, "with", "what is made of a match, `TEXT` with $1 for the group")
				preset = optText(fs, "preset", "a pattern that is known, `NAME`")
				fs.BoolVar(&last, "last", false, "after all other steps; otherwise before what else is claimed")
			},
			examples: []string{`owner pattern add --queue erp --preset sap`, `owner pattern add '^CORP-(.*)$' --queue secure`, `owner pattern add '%%Owner: (\w+)' --from pattern --queue host --last`},
			admin: onQueue(func(_ *admin, _ context.Context, c *call, q *site.Queue) error {
				return addOwnerPattern(c, q, from, with, preset, last)
			}),
		},
		{
			name: "owner pattern remove", args: "NUMBER", least: 1, most: 1, summary: "remove a step with a pattern, by its number in owner show", flags: forQueue,
			examples: []string{"owner pattern remove 3 --queue secure"},
			admin:    onQueue(removeOwnerPattern),
		},
		explainCommand(),
	}
}

func (a *admin) ownerQueue(ctx context.Context, name *opt[string]) (site.Queue, error) {
	if name.value == "" {
		return site.Queue{}, usagef("which queue? Please name it with --queue")
	}
	return a.queue(ctx, name.value)
}

// withOwnerRules changes the rules of a queue, and shows them.
func (a *admin) withOwnerRules(ctx context.Context, c *call, name *opt[string], do func(a *admin, ctx context.Context, c *call, q *site.Queue) error) error {
	q, err := a.ownerQueue(ctx, name)
	if err != nil {
		return err
	}
	if err := do(a, ctx, c, &q); err != nil {
		return err
	}
	q.Owner = shortRules(q.Owner)
	if err := mistyped(q.Owner.Check()); err != nil {
		return err
	}
	if err := a.scope.PutQueue(ctx, q); err != nil {
		return err
	}
	if err := a.audit(ctx, "owner.set", q.Name, rulesDetail(&q)); err != nil {
		return err
	}
	return a.showOwnerRules(ctx, c, &q)
}

// rulesDetail is what the rules have become, for the audit trail, without the
// end of very long ones.
func rulesDetail(q *site.Queue) string {
	b, err := json.Marshal(q.Owner)
	if err != nil {
		return ""
	}
	const most = 2000
	if len(b) > most {
		b = append(b[:most:most], "..."...)
	}
	return strings.ToValidUTF8(string(b), "")
}

// fullRules says all that holds for a queue, also what nobody has said.
func fullRules(q *site.Queue) site.OwnerRules {
	r := q.Owner
	if len(r.Steps) == 0 {
		r.Steps = site.DefaultOwnerSteps
	}
	if len(r.Match) == 0 {
		r.Match = site.OwnerMatches
	}
	r.Strip, r.Unclaimed = orElse(r.Strip, site.StripAll), orElse(r.Unclaimed, site.UnclaimedHold)
	return r
}

// shortRules leaves out what holds anyway, so that it stays what the house does.
func shortRules(r site.OwnerRules) site.OwnerRules {
	if reflect.DeepEqual(r.Steps, site.DefaultOwnerSteps) {
		r.Steps = nil
	}
	if slices.Equal(r.Match, site.OwnerMatches) {
		r.Match = nil
	}
	if r.Strip == site.StripAll {
		r.Strip = ""
	}
	if r.Unclaimed == site.UnclaimedHold {
		r.Unclaimed = ""
	}
	return r
}

func (a *admin) setOwnerRules(ctx context.Context, c *call, q *site.Queue) error {
	b, err := io.ReadAll(io.LimitReader(c.in, mostRules+1))
	if err != nil {
		return err
	}
	if len(b) > mostRules {
		return usagef("owner rules have at most %s", octets(mostRules))
	}
	var r site.OwnerRules
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err = d.Decode(&r); err == nil && d.More() {
		err = errors.New("there is more than one")
	}
	if err != nil {
		return usagef("these are no owner rules: %v", err)
	}
	if err := r.Check(); err != nil {
		return err
	}
	for i := range r.Hosts {
		u, err := a.user(ctx, r.Hosts[i].User)
		if err != nil {
			return err
		}
		r.Hosts[i].User = u.Login
	}
	q.Owner = r
	return nil
}

func (a *admin) addOwnerHost(ctx context.Context, c *call, q *site.Queue) error {
	u, err := a.user(ctx, c.args[1])
	if err != nil {
		return err
	}
	for _, h := range q.Owner.Hosts {
		if strings.EqualFold(h.Client, c.args[0]) {
			return &fault.Error{Op: "owner", Kind: fault.Conflict, Text: "The computer %s is that of %s already.", Args: []any{h.Client, h.User}}
		}
	}
	q.Owner.Hosts = append(slices.Clone(q.Owner.Hosts), site.OwnerHost{Client: c.args[0], User: u.Login})
	return nil
}

func addOwnerPattern(c *call, q *site.Queue, from, with, preset *opt[string], last bool) error {
	step := site.OwnerStep{From: orElse(from.value, "claimed"), With: with.value}
	switch {
	case preset.value != "" && (len(c.args) > 0 || from.given || with.given):
		return usagef("a preset says everything itself")
	case preset.value != "":
		var ok bool
		if step, ok = site.OwnerPresets[preset.value]; !ok {
			return usagef("there is no preset %q; there is sap", preset.value)
		}
	case len(c.args) == 0:
		return usagef("owner pattern add needs a PATTERN or --preset")
	default:
		step.Pattern = c.args[0]
	}
	steps := fullRules(q).Steps
	at := slices.IndexFunc(steps, func(s site.OwnerStep) bool { x, _ := site.OwnerSourceOf(s.From); return !x.Proof })
	if at < 0 || last {
		at = len(steps)
	}
	q.Owner.Steps = slices.Insert(slices.Clone(steps), at, step)
	return nil
}

// removeOwnerPattern takes a number of owner show, which counts the queue's old
// pattern as well.
func removeOwnerPattern(_ *admin, _ context.Context, c *call, q *site.Queue) error {
	all := q.AllSteps()
	n, err := strconv.Atoi(c.args[0])
	if err != nil || n < 1 || n > len(all) || all[n-1].Pattern == "" {
		return usagef("step %s of the rules has no pattern; owner show numbers them", c.args[0])
	}
	if all[n-1] == (site.OwnerStep{From: "claimed", Pattern: q.OwnerPattern}) {
		q.OwnerPattern = ""
		return nil
	}
	q.Owner.Steps = slices.Clone(fullRules(q).Steps)
	at := slices.Index(q.Owner.Steps, all[n-1])
	q.Owner.Steps = slices.Delete(q.Owner.Steps, at, at+1)
	return nil
}

func (a *admin) showOwnerRules(ctx context.Context, c *call, q *site.Queue) error {
	if c.json {
		return writeJSON(c.out, fullRules(q))
	}
	set, err := a.scope.Settings(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "The owner of a job of queue %s is looked for in this order. The first name that belongs to exactly one person decides.\n\n", plain(q.Name))
	for i, s := range q.AllSteps() {
		fmt.Fprintf(c.out, "%4d. %s\n", i+1, plain(stepText(q, s)))
	}
	fmt.Fprintln(c.out)
	for _, line := range ruleLines(q, &set) {
		fmt.Fprintln(c.out, plain(line))
	}
	return nil
}

// stepText says in words what a step does.
func stepText(q *site.Queue, s site.OwnerStep) string {
	source, _ := site.OwnerSourceOf(s.From)
	text := source.What
	switch {
	case source.Proof:
		text += " (counts as proof)"
	case s.From == "host":
		text += " (" + counted(len(q.Owner.Hosts), "computer", "computers") + ")"
	}
	if s.Pattern == "" {
		return text
	}
	text = strings.TrimSuffix(text, " Username") + ", what the group of " + s.Pattern + " finds"
	if s.With != "" {
		text += ", as " + s.With
	}
	if s == (site.OwnerStep{From: "claimed", Pattern: q.OwnerPattern}) {
		text += " (queue set --owner-pattern)"
	}
	return text
}

// ruleLines say in words what is done to a name and who is asked.
func ruleLines(q *site.Queue, set *site.Settings) []string {
	r := fullRules(q)
	var lines []string
	for _, x := range r.Replace {
		lines = append(lines, fmt.Sprintf("In each name, %s becomes %s.", x.Pattern, quoted(x.With)))
	}
	domains := map[string]string{
		site.StripAll:    "A name that nobody has as a whole is looked for without its domain as well.",
		site.StripNone:   "A name counts only as a whole, with its domain.",
		site.StripListed: "A name that nobody has as a whole is looked for without its domain as well, if that is " + strings.Join(r.Domains, ", ") + ".",
	}[r.Strip]
	if r.KeepUPN {
		domains += " What stands behind an @ stays."
	}
	lines = append(lines, domains, "It counts as one of these of a person, the first before the next: "+strings.Join(r.Match, ", ")+".")
	if !set.AliasesEnabled || r.NoAliases {
		lines = append(lines, "Aliases do not count.")
	}
	if set.PrefixEnabled && !r.NoPrefix {
		lines = append(lines, "A name of 31 octets, which may be cut, is completed when only one person's name begins like it.")
	}
	for _, h := range r.Hosts {
		lines = append(lines, fmt.Sprintf("The computer %s is that of %s.", h.Client, h.User))
	}
	return append(lines, unclaimedText(q))
}

// unclaimedText says what becomes of a job that nobody owns.
func unclaimedText(q *site.Queue) string {
	switch {
	case q.Mode != site.Hold:
		return "A job that nobody owns prints like any other."
	case !q.Asks():
		return "A job that nobody owns is held until an administrator says whose it is, or it expires."
	}
	text := "A job that nobody owns is held, and people at a terminal are asked who have printed from the same computer"
	if q.Owner.Similar {
		text += ", or whose name is like the claimed one"
	}
	text += "."
	if q.Owner.Remember {
		text += " Its name becomes an alias of the person who confirms that it is theirs."
	}
	return text
}

// remember makes the name that a job claims one of a person's.
func (a *admin) remember(ctx context.Context, u directory.User, claimed string) error {
	forms := directory.Forms(claimed)
	if len(forms) == 0 || directory.Generic(claimed) {
		return &fault.Error{Op: "job.assign", Kind: fault.Conflict, Text: "The name %s is not one to remember: many computers claim it.", Args: []any{quoted(claimed)}}
	}
	return a.scope.AddAlias(ctx, u.ID, forms[0])
}
