package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"platen/config"
	"platen/directory"
	"platen/directory/cardrule"
	"platen/fault"
	"platen/job"
	"platen/site"
)

// terminalFlags are what can be said of a terminal.
type terminalFlags struct {
	device, language  *opt[string]
	allow             *opt[[]netip.Prefix]
	pinOnly, asserted *opt[bool]
	recallAfter       *opt[time.Duration]
	rule              *opt[string]
}

func (f *terminalFlags) add(fs *flag.FlagSet) {
	f.device = optText(fs, "device", "`NAME` of the device that it belongs to")
	f.allow = optPrefixes(fs, "allow", "address or `PREFIX` it may come from; several times for several, empty for any")
	f.pinOnly = optYesNo(fs, "pin-only", "a PIN alone signs in, where guessing one is hard enough for the number of people")
	f.asserted = optYesNo(fs, "asserted", "its word for who the person is counts: for devices that sign people in themselves")
	f.language = optText(fs, "language", "of its pages, `de|en`; empty: as the browser says")
	f.rule = optText(fs, "card-rule", "brings what its reader sends to the number of the card, `RULE`; see platen card rule and platen card learn")
	f.recallAfter = optTime(fs, "recall-after", "a released job that has not begun is held again after this `TIME`", 24*time.Hour)
}

func (f *terminalFlags) apply(ctx context.Context, a *admin, t *site.Terminal) error {
	f.allow.apply(&t.Allow)
	f.pinOnly.apply(&t.PINOnly)
	f.asserted.apply(&t.Asserted)
	f.recallAfter.apply(&t.RecallAfter)
	if f.rule.given {
		r, err := cardrule.Parse(f.rule.value)
		if err != nil {
			return usagef("--card-rule: %s", fault.Text(err))
		}
		t.Rule = r.String()
	}
	if f.language.given {
		if t.Language = strings.ToLower(f.language.value); t.Language != "" && t.Language != "de" && t.Language != "en" {
			return usagef("--language is de or en")
		}
	}
	if f.device.given {
		d, err := a.device(ctx, f.device.value)
		if err != nil {
			return err
		}
		t.Device = d.ID
	}
	if t.Device == "" {
		return usagef("a terminal needs --device")
	}
	return nil
}

const enrolHelp = "It prints the address to open once on the panel, tablet or thin client; it works for three days. A box or a\n" +
	"program that speaks the terminal API asks for a token instead, with --token or --json: it works at once.\n" +
	"Neither can be shown again, and a new one ends the one before."

func terminalCommands() []*command {
	var added, changed terminalFlags
	var tokenAdded, tokenEnrolled bool
	token := func(at *bool) func(*flag.FlagSet) {
		return func(fs *flag.FlagSet) { fs.BoolVar(at, "token", false, "print a token for the terminal API") }
	}
	return []*command{
		{
			name: "terminal add", args: "NAME", least: 1, most: 1, summary: "add a terminal to a device", more: enrolHelp,
			examples: []string{"terminal add mfp-2 --device mfp-2", "terminal add reader-7 --device mfp-2 --allow 10.0.7.7 --token"},
			flags:    func(fs *flag.FlagSet) { added.add(fs); token(&tokenAdded)(fs) },
			admin:    func(ctx context.Context, a *admin, c *call) error { return a.addTerminal(ctx, c, &added, tokenAdded) },
		},
		{
			name: "terminal list", summary: "list all terminals", examples: []string{"terminal list", "terminal list --json"},
			admin: func(ctx context.Context, a *admin, c *call) error { return a.listTerminals(ctx, c) },
		},
		{
			name: "terminal show", args: "NAME", least: 1, most: 1, summary: "show one terminal", examples: []string{"terminal show mfp-2"},
			admin: func(ctx context.Context, a *admin, c *call) error { return a.printTerminal(ctx, c, c.args[0]) },
		},
		{
			name: "terminal set", args: "NAME", least: 1, most: 1, summary: "change a terminal", more: "What is not named stays.",
			examples: []string{"terminal set mfp-2 --pin-only yes", "terminal set mfp-2 --recall-after 2m --language de"},
			flags:    changed.add,
			admin:    func(ctx context.Context, a *admin, c *call) error { return a.setTerminal(ctx, c, &changed) },
		},
		{
			name: "terminal enrol", args: "NAME", least: 1, most: 1, summary: "give a terminal a new first address, or a new token", more: enrolHelp,
			examples: []string{"terminal enrol mfp-2", "terminal enrol reader-7 --token"},
			flags:    token(&tokenEnrolled),
			admin:    func(ctx context.Context, a *admin, c *call) error { return a.enrolTerminal(ctx, c, tokenEnrolled) },
		},
		{
			name: "terminal remove", args: "NAME", least: 1, most: 1, summary: "remove a terminal and end its sessions", examples: []string{"terminal remove reader-7"},
			admin: func(ctx context.Context, a *admin, c *call) error { return a.removeTerminal(ctx, c) },
		},
	}
}

func (a *admin) terminal(ctx context.Context, name string) (site.Terminal, error) {
	t, err := a.scope.TerminalByName(ctx, name)
	return t, named(err, "terminal", name)
}

func (a *admin) addTerminal(ctx context.Context, c *call, f *terminalFlags, token bool) error {
	t := site.Terminal{ID: job.NewUUID(), Name: c.args[0], RecallAfter: site.DefaultRecallAfter}
	if err := checkName(t.Name); err != nil {
		return err
	}
	if err := f.apply(ctx, a, &t); err != nil {
		return err
	}
	if err := a.scope.PutTerminal(ctx, t); err != nil {
		return err
	}
	if err := a.audit(ctx, "terminal.add", t.Name, ""); err != nil {
		return err
	}
	return a.enrol(ctx, c, t, token)
}

// enrol prints what the terminal will prove itself with.
func (a *admin) enrol(ctx context.Context, c *call, t site.Terminal, token bool) error {
	if token || c.json {
		text, err := a.desk.NewToken(ctx, a.actor, t.ID)
		if err != nil {
			return err
		}
		if c.json {
			return writeJSON(c.out, struct {
				terminalView
				Token string `json:"token"`
			}{viewTerminal(t), text})
		}
		fmt.Fprintf(c.out, "The token of terminal %s, shown this once:\n%s\n", t.Name, text)
		return nil
	}
	secret, err := a.desk.NewEnrolment(ctx, a.actor, t.ID)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "Open this address once on terminal %s; it works for three days:\n%s/t/%s/enrol?secret=%s\n", t.Name, a.webURL(), url.PathEscape(t.Name), secret)
	return a.notePINs(ctx, c, t)
}

// webURL is how this node's pages are reached from elsewhere, as far as the
// node can know.
func (a *admin) webURL() string {
	at := readAddresses(a.place.addresses()).Web
	if at == "" {
		at = a.place.cfg.Listen.Web
	}
	host, port, err := net.SplitHostPort(at)
	if err != nil {
		return "https://HOST"
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host, err = os.Hostname()
		if err != nil {
			host = "HOST"
		}
	}
	if port == "443" {
		return "https://" + (&url.URL{Host: host}).Host
	}
	return "https://" + net.JoinHostPort(host, port)
}

// notePINs says when the numbers do not let a PIN alone open this terminal.
func (a *admin) notePINs(ctx context.Context, c *call, t site.Terminal) error {
	if !t.PINOnly {
		return nil
	}
	for digits := 4; digits <= 16; digits++ {
		ok, err := a.desk.PINOnly(ctx, t, digits)
		if err != nil {
			return err
		}
		if ok {
			if digits > 4 {
				fmt.Fprintf(c.err, "With this many people a PIN alone opens the terminal only if it has %d digits or more.\n", digits)
			}
			return nil
		}
	}
	return nil
}

func (a *admin) setTerminal(ctx context.Context, c *call, f *terminalFlags) error {
	t, err := a.terminal(ctx, c.args[0])
	if err != nil {
		return err
	}
	if err := f.apply(ctx, a, &t); err != nil {
		return err
	}
	if err := a.scope.PutTerminal(ctx, t); err != nil {
		return err
	}
	if err := a.audit(ctx, "terminal.set", t.Name, strings.Join(c.given, " ")); err != nil {
		return err
	}
	if err := a.notePINs(ctx, c, t); err != nil {
		return err
	}
	return a.printTerminal(ctx, c, t.Name)
}

func (a *admin) enrolTerminal(ctx context.Context, c *call, token bool) error {
	t, err := a.terminal(ctx, c.args[0])
	if err != nil {
		return err
	}
	return a.enrol(ctx, c, t, token)
}

func (a *admin) removeTerminal(ctx context.Context, c *call) error {
	t, err := a.terminal(ctx, c.args[0])
	if err != nil {
		return err
	}
	if err := a.scope.RemoveTerminal(ctx, t.ID); err != nil {
		return err
	}
	return a.audit(ctx, "terminal.remove", t.Name, "")
}

// terminalView is a terminal with its time as people and scripts write it.
type terminalView struct {
	site.Terminal
	RecallAfter config.Duration `json:"recall_after"`
}

func viewTerminal(t site.Terminal) terminalView {
	return terminalView{t, config.Duration{Duration: t.RecallAfter}}
}

func (a *admin) listTerminals(ctx context.Context, c *call) error {
	terminals, err := a.scope.Terminals(ctx)
	if err != nil {
		return err
	}
	views := make([]terminalView, len(terminals))
	for i, t := range terminals {
		views[i] = viewTerminal(t)
	}
	return writeList(c, views, []column[terminalView]{
		{"name", func(t terminalView) string { return t.Name }},
		{"device", func(t terminalView) string { return t.DeviceName }},
		{"from", func(t terminalView) string { return prefixesText(t.Allow) }},
		{"PIN only", func(t terminalView) string { return yesNo(t.PINOnly) }},
		{"asserted", func(t terminalView) string { return yesNo(t.Asserted) }},
		{"recall after", func(t terminalView) string { return t.RecallAfter.String() }},
		{"language", func(t terminalView) string { return t.Language }},
	})
}

func (a *admin) printTerminal(ctx context.Context, c *call, name string) error {
	t, err := a.terminal(ctx, name)
	if err != nil {
		return err
	}
	v := viewTerminal(t)
	if c.json {
		return writeJSON(c.out, v)
	}
	return fields(c.out, "name", t.Name, "device", t.DeviceName, "pages", a.webURL()+"/t/"+url.PathEscape(t.Name)+"/", "may come from", prefixesText(t.Allow),
		"a PIN alone signs in", yesNo(t.PINOnly), "its word counts", yesNo(t.Asserted), "language", t.Language, "card rule", t.Rule,
		"recalls after", v.RecallAfter.String(), "id", t.ID)
}

func tokenCommands() []*command {
	var label, queue, owner *opt[string]
	var rights *opt[[]string]
	var expires *opt[time.Duration]
	return []*command{
		{
			name: "token add", summary: "make a token with which a program may print over the API",
			more: "The token is shown this once. Jobs that come with it belong to --owner, or to whoever the request claims.\n" +
				"With --right it is one for the administration API instead, and does not print.\n" +
				"It is a JWT, signed by the chain that platen cert signing show names.",
			examples: []string{"token add --label \"SAP PRD\" --queue labels --owner erp", "token add --label Grafana --right report --expires 90d"},
			flags: func(fs *flag.FlagSet) {
				label = optText(fs, "label", "what it is for, `TEXT`")
				queue = optText(fs, "queue", "`NAME` of the only queue it may print to")
				owner = optText(fs, "owner", "`LOGIN` whose jobs they are")
				rights = optWords(fs, "right", "`report|support|administer`: what it may do over the administration API; several times for several")
				expires = optExpires(fs)
			},
			admin: func(ctx context.Context, a *admin, c *call) error {
				return a.addToken(ctx, c, label.value, queue.value, owner.value, rights.value, expires.value)
			},
		},
		{
			name: "token list", summary: "list the tokens", examples: []string{"token list", "token list --json"},
			admin: func(ctx context.Context, a *admin, c *call) error { return a.listTokens(ctx, c) },
		},
		{
			name: "token remove", args: "ID", least: 1, most: 1, summary: "make a token worthless",
			examples: []string{"token remove 018f3c2e-7b1a-7c3d-9e4f-0123456789ab"},
			admin:    func(ctx context.Context, a *admin, c *call) error { return a.removeToken(ctx, c) },
		},
	}
}

// tokenView is a token with names instead of ids.
type tokenView struct {
	site.Token
	QueueName string `json:"queue_name"`
	OwnerName string `json:"owner_name"`
	Text      string `json:"token,omitempty"` // only when it is new
}

func (a *admin) addToken(ctx context.Context, c *call, label, queue, owner string, rights []string, life time.Duration) error {
	v := tokenView{Token: site.Token{ID: job.NewUUID(), Label: label, Created: a.now().UTC(), Rights: rights}}
	if len(rights) > 0 {
		v.Kind = site.AdminToken
		for _, r := range rights {
			if !slices.Contains([]directory.Right{directory.Report, directory.Support, directory.Administer}, directory.Right(r)) {
				return usagef("a token has the rights report, support or administer")
			}
		}
		if queue != "" || owner != "" {
			return usagef("a token with --right does not print, so it has no --queue and no --owner")
		}
	}
	if queue != "" {
		q, err := a.queue(ctx, queue)
		if err != nil {
			return err
		}
		v.Queue, v.QueueName = q.ID, q.Name
	}
	if owner != "" {
		u, err := a.user(ctx, owner)
		if err != nil {
			return err
		}
		v.Owner, v.OwnerName = u.ID, u.Login
	}
	var err error
	if v.Text, err = a.keepToken(ctx, &v.Token, life); err != nil {
		return err
	}
	if err := a.audit(ctx, "token.add", v.ID, label); err != nil {
		return err
	}
	return writeToken(c, v)
}

func (a *admin) listTokens(ctx context.Context, c *call) error {
	tokens, err := a.scope.Tokens(ctx)
	if err != nil {
		return err
	}
	var views []tokenView
	for _, t := range tokens {
		if t.Kind == "" || t.Kind == site.AdminToken { // the others are of people and of sources: platen user print-url list, platen source show
			views = append(views, a.viewToken(ctx, t))
		}
	}
	return writeList(c, views, []column[tokenView]{
		{"label", func(t tokenView) string { return t.Label }},
		{"queue", func(t tokenView) string { return t.QueueName }},
		{"owner", func(t tokenView) string { return t.OwnerName }},
		{"rights", func(t tokenView) string { return strings.Join(t.Rights, " ") }},
		{"since", func(t tokenView) string { return stamp(t.Created) }},
		{"until", func(t tokenView) string { return stamp(t.Expires) }},
		{"last used", func(t tokenView) string { return stamp(t.Used) }},
		{"id", func(t tokenView) string { return t.ID }},
	})
}

func (a *admin) viewToken(ctx context.Context, t site.Token) tokenView {
	v := tokenView{Token: t}
	if q, err := a.scope.Queue(ctx, t.Queue); err == nil {
		v.QueueName = q.Name
	}
	if u, err := a.scope.User(ctx, t.Owner); err == nil {
		v.OwnerName = u.Login
	}
	return v
}

func (a *admin) removeToken(ctx context.Context, c *call) error {
	err := a.scope.RemoveToken(ctx, strings.ToLower(c.args[0]))
	if fault.Is(err, fault.NotFound) {
		return named(err, "token", c.args[0])
	}
	if err != nil {
		return err
	}
	return a.audit(ctx, "token.remove", c.args[0], "")
}
