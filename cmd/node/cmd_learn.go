package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"platen/directory"
	"platen/directory/cardrule"
	"platen/fault"
	"platen/site"
)

func cardRuleCommands() []*command {
	return []*command{
		{
			name: "card rule test", args: "RULE", least: 1, most: 1, summary: "show what a rule makes of a number, function by function",
			more:     "The number is typed, comes from a reader that types like a keyboard, or from standard input.",
			examples: []string{`card rule test "strip_prefix(;0) | hex2dec"`},
			secret:   &secret{what: "card number", shown: true},
			local:    func(_ context.Context, _ *env, c *call) error { return testRule(c) },
		},
		{
			name: "card rule from", args: "VENDOR TEXT [CONVERTER]", least: 2, most: 3, summary: "take over a card number rule of papercut, myq or safeq",
			more: "For PaperCut TEXT is the regular expression, and CONVERTER what is set as converter; either may be empty.\n" +
				"What a vendor has not published is refused, and so are scripts.",
			examples: []string{`card rule from papercut "^(?:;0)?([0-9A-F]{8})" "hex2dec"`, `card rule from myq "ltrim(0);hex2dec"`, `card rule from safeq "Hex2Dec;LeftPadding(10,0)"`},
			local:    func(_ context.Context, _ *env, c *call) error { return foreignRule(c) },
		},
		{
			name: "card rule functions", summary: "list the functions that a card number rule may have", examples: []string{"card rule functions", "card rule functions --json"},
			local: func(_ context.Context, _ *env, c *call) error { return listFunctions(c) },
		},
	}
}

func testRule(c *call) error {
	rule, err := cardrule.Parse(c.args[0])
	if err != nil {
		return mistyped(err)
	}
	made, err := rule.Trace(c.secret)
	steps := append([]cardrule.Stage{{Function: "(as it came)", Value: c.secret}}, made...)
	if err == nil {
		var number string
		if number, err = directory.NormalCard(steps[len(steps)-1].Value); err == nil {
			steps = append(steps, cardrule.Stage{Function: "(the card's number)", Value: number})
		}
	}
	return errors.Join(writeList(c, steps, []column[cardrule.Stage]{
		{"function", func(s cardrule.Stage) string { return s.Function }},
		{"makes", func(s cardrule.Stage) string { return s.Value }},
	}), err)
}

func foreignRule(c *call) error {
	var rule cardrule.Rule
	var err error
	vendor, text := strings.ToLower(c.args[0]), c.args[1]
	switch {
	case vendor == "papercut":
		rule, err = cardrule.FromPaperCut(text, strings.Join(c.args[2:], ""))
	case len(c.args) == 3:
		return usagef("only PaperCut has a converter beside its rule")
	case vendor == "myq":
		rule, err = cardrule.FromMyQ(text)
	case vendor == "safeq":
		rule, err = cardrule.FromSafeQ(text)
	default:
		return usagef("the vendor is papercut, myq or safeq")
	}
	if err != nil {
		return mistyped(err)
	}
	if c.json {
		return writeJSON(c.out, rule)
	}
	_, err = fmt.Fprintln(c.out, rule)
	return err
}

// learnFlags say from what a rule is learned, and for whom.
type learnFlags struct {
	at    cardPlace
	login *opt[string]
	any   bool
	apply *opt[int]
	typed bool
}

func (f *learnFlags) add(fs *flag.FlagSet) {
	f.at.add(fs)
	f.login = optText(fs, "login", "`LOGIN` of the person whose card is shown once")
	fs.BoolVar(&f.any, "anybody", false, "a card that somebody has, whoever, is shown once")
	fs.BoolVar(&f.typed, "typed", false, "the number is typed here, instead of waiting until the card is shown at the reader or terminal")
	f.apply = optNumber(fs, "apply", "set the rule with this `NUMBER` for the terminal or the reader", 1, 20)
}

func (f *learnFlags) one() bool { return f.login.given || f.any }

// waits reports whether the card is to be shown where the rule is for.
func (f *learnFlags) waits(c *call) bool {
	return f.one() && !f.typed && c.passFile == "" && (f.at.reader.value != "" || f.at.terminal.value != "")
}

func learnCommand() *command {
	var f learnFlags
	return &command{
		name: "card learn", args: "[FILE]", most: 1, summary: "find the rule that makes card numbers of what a reader sends",
		more: "FILE, - for standard input, has a line for each card: what the reader sends, a blank, and the number that the\n" +
			"card has in the directory. Three pairs are enough for most readers, if one number begins with zeros. With --login\n" +
			"or --anybody one card that is known already is shown once, at the --reader or --terminal that is named, or typed; that\n" +
			"decides less.",
		examples: []string{"card learn pairs.txt", "card learn pairs.txt --terminal mfp-2 --apply 1", "card learn --login anna --reader door"},
		input:    &input{"pairs of numbers", 0},
		secret:   &secret{what: "card number", shown: true, optional: func(c *call) bool { return !f.one() || f.waits(c) }},
		flags:    f.add,
		admin:    func(ctx context.Context, a *admin, c *call) error { return a.learn(ctx, c, &f) },
	}
}

func (a *admin) learn(ctx context.Context, c *call, f *learnFlags) error {
	if f.one() == (len(c.args) == 1) || f.login.given && f.any {
		return usagef("card learn needs one of FILE, --login and --anybody")
	}
	if f.apply.given && f.at.terminal.value == "" && f.at.reader.value == "" {
		return usagef("--apply needs --terminal or --reader")
	}
	var rules []cardrule.Rule
	if f.one() {
		user := directory.User{}
		if f.login.given {
			var err error
			if user, err = a.user(ctx, f.login.value); err != nil {
				return err
			}
		}
		known, err := a.knownCards(ctx, user.ID)
		if err != nil {
			return err
		}
		raw := c.secret
		if f.waits(c) {
			if raw, err = a.awaitCard(ctx, c, f); err != nil {
				return err
			}
		}
		rules = cardrule.LearnOne(raw, known)
	} else {
		pairs, err := readPairs(c.in)
		if err != nil {
			return err
		}
		rules = cardrule.Learn(pairs)
	}
	if f.apply.given {
		return a.applyLearned(ctx, c, f, rules)
	}
	return showRules(c, rules)
}

// holdFor is how long a command waits for a card.
const holdFor = time.Minute

// awaitCard returns what the reader or terminal sends of a card that is shown there.
func (a *admin) awaitCard(ctx context.Context, c *call, f *learnFlags) (string, error) {
	const op = "card.learn"
	t, r, err := f.at.find(ctx, a)
	if err != nil {
		return "", err
	}
	at := terminalPlace(&t)
	if r.ID != "" {
		at = readerPlace(&r)
	}
	switch {
	case a.running == nil:
		return "", &fault.Error{Op: op, Kind: fault.Unavailable, Text: "The node is not running, so nobody hears a card. Start it first: platen service start, or platen run. Or type the number: --typed"}
	case r.ID != "" && !at.Live:
		return "", &fault.Error{Op: op, Kind: fault.Conflict, Text: "The reader %s is not enabled. Type the number: --typed", Args: []any{at.Name}}
	case !at.Live:
		return "", &fault.Error{Op: op, Kind: fault.Conflict, Text: "At the terminal %s a PIN may stand in the field for cards, so nobody waits for what is typed there. Type the number: --typed", Args: []any{at.Name}}
	}
	if st := a.viewReader(r).State; r.ID != "" && !st.OK {
		fmt.Fprintf(c.err, "The reader %s is not ready: %s\n", plain(at.Name), plain(st.Text))
	}
	fmt.Fprintf(c.err, "Hold the card to %s, within %d seconds. Ctrl-C ends this.\n", plain(at.Name), int(holdFor.Seconds()))
	if c.in != nil {
		_, _ = io.Copy(io.Discard, c.in) // there is nothing, and behind it whoever called may go away
	}
	waiting, cancel := context.WithTimeout(ctx, holdFor)
	defer cancel()
	raw, err := a.running.learner.Await(waiting, at, a.actor)
	if err == nil && raw == "" {
		err = &fault.Error{Op: op, Kind: fault.Unavailable, Text: "No card was shown at %s.", Args: []any{at.Name}}
	}
	return raw, err
}

// knownCards returns what says whether a number is one of a card of this person (id),
// of "" anybody. It remembers digests.
func (a *admin) knownCards(ctx context.Context, user string) (func(string) bool, error) {
	cards, err := a.scope.Cards(ctx, user)
	if err != nil {
		return nil, err
	}
	has := make(map[string]bool, len(cards))
	for i := range cards {
		has[string(cards[i].Digest)] = true
	}
	digests := a.keys.Tenant(a.scope.Tenant())
	return func(number string) bool {
		normal, err := directory.NormalCard(number)
		return err == nil && has[string(digests.CardDigest(normal))]
	}, nil
}

// readPairs reads the pairs of a file.
func readPairs(r io.Reader) ([]cardrule.Pair, error) {
	pairs, err := cardrule.ReadPairs(r)
	switch {
	case fault.Is(err, fault.Invalid):
		return nil, usagef("%s", fault.Text(err))
	case err == nil && len(pairs) == 0:
		return nil, usagef("there are no pairs")
	}
	return pairs, err
}

// found is a rule that fits.
type found struct {
	Number int           `json:"number"`
	Rule   cardrule.Rule `json:"rule"`
}

func showRules(c *call, rules []cardrule.Rule) error {
	list := make([]found, len(rules))
	for i, r := range rules {
		list[i] = found{i + 1, r}
	}
	if len(list) == 0 && !c.json {
		fmt.Fprintln(c.err, "No rule fits. Is each line one card, what the reader sends first?")
	} else if len(list) > 1 {
		fmt.Fprintln(c.err, "More than one rule fits. One more card tells which is right, best one whose number begins with zeros or has another length.")
	}
	return writeList(c, list, []column[found]{
		{"number", func(f found) string { return fmt.Sprint(f.Number) }},
		{"rule", func(f found) string { return f.Rule.String() }},
	})
}

// applyLearned sets one of the rules.
func (a *admin) applyLearned(ctx context.Context, c *call, f *learnFlags, rules []cardrule.Rule) error {
	if f.apply.value > len(rules) {
		return usagef("there is no rule %d; %d fit", f.apply.value, len(rules))
	}
	t, r, err := f.at.find(ctx, a)
	if err != nil {
		return err
	}
	if err := a.setCardRule(ctx, &t, &r, rules[f.apply.value-1]); err != nil {
		return err
	}
	if r.ID != "" {
		return a.printReader(c, r)
	}
	return a.printTerminal(ctx, c, t.Name)
}

// setCardRule sets the rule of a reader, or of a terminal when r is none.
func (a *admin) setCardRule(ctx context.Context, t *site.Terminal, r *site.Reader, rule cardrule.Rule) error {
	if r.ID != "" {
		r.Rule = rule.String()
		if err := a.putReader(ctx, *r); err != nil {
			return err
		}
		return a.audit(ctx, "reader.set", r.Name, "card rule "+r.Rule)
	}
	t.Rule = rule.String()
	if err := a.scope.PutTerminal(ctx, *t); err != nil {
		return err
	}
	return a.audit(ctx, "terminal.set", t.Name, "card rule "+t.Rule)
}
