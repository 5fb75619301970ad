package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"platen/directory/cardrule"
	"platen/fault"
	"platen/job"
	"platen/reader"
	"platen/site"
)

// readerFlags are what can be said of a card reader, of whatever kind.
type readerFlags struct {
	kind, terminal, rule *opt[string]
	enabled              *opt[bool]

	role, address, terminator, prefix, suffix, serverName, print *opt[string]
	allow                                                        *opt[[]netip.Prefix]
	gap                                                          *opt[time.Duration]
	framed, strict, secure                                       *opt[bool]

	match           *opt[[]string]
	socket, removal *opt[string]
}

func (f *readerFlags) add(fs *flag.FlagSet) {
	f.kind = optText(fs, "kind", "`line|pcsc`: sends lines over TCP, or is plugged into this machine")
	f.terminal = optText(fs, "terminal", "`NAME` of the terminal whose people show their cards to it")
	f.rule = optText(fs, "card-rule", "brings what it sends to the number of the card, `RULE`; empty: nothing need be done")
	f.enabled = optYesNo(fs, "enabled", "whether it is heard")
	f.role = optText(fs, "role", "line: `server|client`, the reader calls this node, or is called by it")
	f.address = optText(fs, "address", "line: `HOST:PORT` where the node listens, such as :4001, or of the reader")
	f.allow = optPrefixes(fs, "allow", "line: address or `PREFIX` that may call; several times for several, empty for this machine only")
	f.terminator = optText(fs, "terminator", "line: what ends a number, `cr|lf|crlf|none`; none: a pause does")
	f.gap = optTime(fs, "gap", "line: a pause of this `TIME` ends a number, or refuses half of one", time.Minute)
	f.prefix = optRaw(fs, "prefix", "line: `TEXT` to take off before the number")
	f.suffix = optRaw(fs, "suffix", "line: `TEXT` to take off behind the number")
	f.framed = optYesNo(fs, "framed", "line: what lacks prefix or suffix is no number")
	f.strict = optYesNo(fs, "strict", "line: control characters within a number refuse it, instead of being dropped")
	f.secure = optYesNo(fs, "tls", "line: encrypted; who calls this node sees its certificate")
	f.serverName = optText(fs, "server-name", "line: `NAME` in the certificate of a reader that is called, instead of its host")
	f.print = optText(fs, "fingerprint", "line: SHA-256 of the public key that the reader shows, in `HEX`, instead of an authority")
	f.match = optWords(fs, "match", "pcsc: `NAME` of the reader, * for anything; several times for several, none for all of this machine")
	f.socket = optText(fs, "socket", "pcsc: `PATH` of pcscd's socket where it is not the usual one")
	f.removal = optText(fs, "removal", "pcsc: taking the card away means `sign-out|nothing`")
}

// apply changes what was named.
func (f *readerFlags) apply(ctx context.Context, a *admin, r *site.Reader) error {
	if f.kind.given && f.kind.value != r.Kind {
		return usagef("the kind of a reader stays; add another one")
	}
	if f.terminal.given {
		t, err := a.terminal(ctx, f.terminal.value)
		if err != nil {
			return err
		}
		r.Terminal, r.TerminalName = t.ID, t.Name
	}
	if f.rule.given {
		rule, err := cardrule.Parse(f.rule.value)
		if err != nil {
			return usagef("--card-rule: %s", fault.Text(err))
		}
		r.Rule = rule.String()
	}
	f.enabled.apply(&r.Enabled)
	switch r.Kind {
	case readerLine:
		return f.applyLine(r)
	case readerPCSC:
		return f.applyPCSC(r)
	}
	return usagef("--kind is line or pcsc")
}

func (f *readerFlags) applyLine(r *site.Reader) error {
	if f.match.given || f.socket.given || f.removal.given {
		return usagef("--match, --socket and --removal are for readers of the kind pcsc")
	}
	c, err := lineReader(r)
	if err != nil {
		return err
	}
	if f.role.given {
		c.Role = reader.Role(f.role.value)
	}
	if f.terminator.given {
		c.Terminator = reader.Terminator(f.terminator.value)
	}
	f.address.apply(&c.Address)
	f.allow.apply(&c.Allow)
	f.gap.apply(&c.Gap.Duration)
	f.prefix.apply(&c.Prefix)
	f.suffix.apply(&c.Suffix)
	f.framed.apply(&c.Framed)
	f.strict.apply(&c.Strict)
	f.secure.apply(&c.TLS)
	f.serverName.apply(&c.ServerName)
	if f.print.given {
		c.Key = strings.ToLower(strings.NewReplacer(":", "", " ", "").Replace(f.print.value))
	}
	return putReaderConfig(r, c, mistyped(c.check()))
}

func (f *readerFlags) applyPCSC(r *site.Reader) error {
	if f.role.given || f.address.given || f.allow.given || f.terminator.given || f.gap.given || f.prefix.given || f.suffix.given ||
		f.framed.given || f.strict.given || f.secure.given || f.serverName.given || f.print.given {
		return usagef("a reader of the kind pcsc has --match, --socket and --removal")
	}
	var c pcscConfig
	if err := parseReader(r.Kind, r.Config, &c); err != nil {
		return err
	}
	f.match.apply(&c.Match)
	f.socket.apply(&c.Socket)
	if f.removal.given {
		if c.Stay = f.removal.value == "nothing"; !c.Stay && f.removal.value != "sign-out" {
			return usagef("--removal is sign-out or nothing")
		}
	}
	return putReaderConfig(r, c, nil)
}

func putReaderConfig(r *site.Reader, c any, err error) error {
	if err != nil {
		return err
	}
	text, err := json.Marshal(c)
	r.Config = string(text)
	return err
}

func readerCommands() []*command {
	var added, changed readerFlags
	return []*command{
		{
			name: "reader add", args: "NAME", least: 1, most: 1, summary: "hear a card reader that does not type like a keyboard",
			more: "A reader stands beside one terminal. Who shows a card to it is signed in there, at the page or at the box that asks\n" +
				"for it. Readers with a network plug, or behind a serial device server, send lines over TCP; several may call the\n" +
				"same address when --allow says which is which. A number may sign somebody in, so let no others call, and use --tls\n" +
				"yes where the network is not yours. Readers that are plugged in are heard through PC/SC.",
			examples: []string{
				"reader add door --kind line --terminal mfp-2 --address :4001 --allow 10.0.0.7",
				"reader add hall --kind line --terminal mfp-3 --role client --address 10.0.0.8:4001 --terminator crlf",
				`reader add desk --kind pcsc --terminal mfp-4 --match "ACS ACR122U*" --removal nothing`,
			},
			flags: added.add,
			admin: func(ctx context.Context, a *admin, c *call) error { return a.addReader(ctx, c, &added) },
		},
		{
			name: "reader list", summary: "list the card readers, and how they are", examples: []string{"reader list", "reader list --json"}, admin: on((*admin).listReaders),
		},
		{
			name: "reader show", args: "NAME", least: 1, most: 1, summary: "show one card reader", examples: []string{"reader show door"}, admin: on((*admin).showReader),
		},
		{
			name: "reader set", args: "NAME", least: 1, most: 1, summary: "change a card reader", more: "What is not named stays.",
			examples: []string{`reader set door --card-rule "hex2dec | pad_left(10, 0)"`, "reader set door --enabled no"},
			flags:    changed.add,
			admin:    func(ctx context.Context, a *admin, c *call) error { return a.setReader(ctx, c, &changed) },
		},
		{
			name: "reader trust", args: "NAME FILE", least: 2, most: 2, summary: "trust the authority in a PEM file for the other side's certificate",
			more:     "A reader that calls this node must then show a certificate of it.",
			examples: []string{"reader trust hall ca.pem"}, input: &input{"certificate", 1}, admin: on((*admin).trustReader),
		},
		{
			name: "reader remove", args: "NAME", least: 1, most: 1, summary: "hear a card reader no longer", examples: []string{"reader remove door"}, admin: on((*admin).removeReader),
		},
	}
}

func (a *admin) reader(ctx context.Context, name string) (site.Reader, error) {
	r, err := a.scope.ReaderByName(ctx, name)
	return r, named(err, "reader", name)
}

// readersChanged lets the running node look at its readers again.
func (a *admin) readersChanged() {
	if a.running != nil {
		a.running.readers.wake()
	}
}

func (a *admin) addReader(ctx context.Context, c *call, f *readerFlags) error {
	r := site.Reader{ID: job.NewUUID(), Name: c.args[0], Kind: f.kind.value, Config: "{}", Enabled: true}
	if err := checkName(r.Name); err != nil {
		return err
	}
	if !f.kind.given || !f.terminal.given {
		return usagef("a reader needs --kind and --terminal")
	}
	if r.Kind == readerLine {
		r.Config = `{"role":"server","terminator":"cr"}`
	}
	if err := f.apply(ctx, a, &r); err != nil {
		return err
	}
	if err := a.putReader(ctx, r); err != nil {
		return err
	}
	if err := a.audit(ctx, "reader.add", r.Name, "terminal "+r.TerminalName); err != nil {
		return err
	}
	a.noteReader(c, &r)
	a.settleReader(ctx, &r)
	return a.printReader(c, r)
}

// putReader stores a reader that the others leave room for.
func (a *admin) putReader(ctx context.Context, r site.Reader) error {
	if err := a.checkReader(ctx, &r); err != nil {
		return err
	}
	if err := a.scope.PutReader(ctx, r); err != nil {
		return err
	}
	a.readersChanged()
	return nil
}

// checkReader holds a reader that listens to the others at the same address.
func (a *admin) checkReader(ctx context.Context, r *site.Reader) error {
	if r.Kind != readerLine {
		return nil
	}
	c, err := lineReader(r)
	if err != nil || c.Role == reader.Client {
		return err
	}
	list, err := a.scope.Readers(ctx)
	if err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(c.Address) // it was checked
	for i := range list {
		if list[i].ID == r.ID || list[i].Kind != readerLine || port == "0" {
			continue
		}
		o, err := lineReader(&list[i])
		switch {
		case err != nil || o.Role == reader.Client || o.Address != c.Address:
		case o.shares() != c.shares():
			return &fault.Error{Op: "reader", Kind: fault.Conflict, Text: "The reader %s has the same address with other settings. Readers at one address differ in --allow only.", Args: []any{list[i].Name}}
		case len(o.Allow) == 0 || len(c.Allow) == 0:
			return &fault.Error{Op: "reader", Kind: fault.Conflict, Text: "The reader %s has the same address. Say of both with --allow where they call from.", Args: []any{list[i].Name}}
		}
	}
	return nil
}

// settleFor is how long a command waits until a reader that was changed is heard.
const settleFor = 3 * time.Second

// settleReader waits a moment until it shows how a reader is that was just changed.
func (a *admin) settleReader(ctx context.Context, r *site.Reader) {
	if a.running == nil || !r.Enabled {
		return
	}
	for until := time.Now().Add(settleFor); !a.running.readers.settled(r) && time.Now().Before(until) && ctx.Err() == nil; {
		time.Sleep(10 * time.Millisecond)
	}
}

// noteReader says what is easily overlooked.
func (a *admin) noteReader(c *call, r *site.Reader) {
	if r.Kind != readerLine || c.json {
		return
	}
	if l, err := lineReader(r); err == nil && l.Role != reader.Client && len(l.Allow) == 0 {
		fmt.Fprintln(c.err, "Only this machine may call it. For a reader with a network plug: platen reader set "+plain(r.Name)+" --allow ADDRESS")
	}
}

func (a *admin) setReader(ctx context.Context, c *call, f *readerFlags) error {
	r, err := a.reader(ctx, c.args[0])
	if err != nil {
		return err
	}
	if err := f.apply(ctx, a, &r); err != nil {
		return err
	}
	if err := a.putReader(ctx, r); err != nil {
		return err
	}
	if err := a.audit(ctx, "reader.set", r.Name, strings.Join(c.given, " ")); err != nil {
		return err
	}
	a.settleReader(ctx, &r)
	return a.printReader(c, r)
}

func (a *admin) trustReader(ctx context.Context, c *call) error {
	r, err := a.reader(ctx, c.args[0])
	if err != nil {
		return err
	}
	if r.Kind != readerLine {
		return usagef("a reader of the kind %s trusts nobody", r.Kind)
	}
	l, err := lineReader(&r)
	if err != nil {
		return err
	}
	if l.CAPEM, err = readPEM(c); err != nil {
		return err
	}
	if err := putReaderConfig(&r, l, l.check()); err != nil {
		return err
	}
	if err := a.putReader(ctx, r); err != nil {
		return err
	}
	if err := a.audit(ctx, "reader.trust", r.Name, ""); err != nil {
		return err
	}
	a.settleReader(ctx, &r)
	return a.printReader(c, r)
}

func (a *admin) removeReader(ctx context.Context, c *call) error {
	r, err := a.reader(ctx, c.args[0])
	if err != nil {
		return err
	}
	if err := a.scope.RemoveReader(ctx, r.ID); err != nil {
		return err
	}
	a.readersChanged()
	return a.audit(ctx, "reader.remove", r.Name, "")
}

// readerView is a reader with how it is.
type readerView struct {
	site.Reader
	Config json.RawMessage `json:"config"`
	State  readerState     `json:"state"`
}

func (a *admin) viewReader(r site.Reader) readerView {
	v := readerView{Reader: r, Config: json.RawMessage(r.Config), State: readerState{Text: "The node is not running."}}
	switch {
	case !r.Enabled:
		v.State.Text = "It is not enabled."
	case a.running != nil:
		v.State = a.running.readers.state(&r)
	}
	return v
}

func (a *admin) listReaders(ctx context.Context, c *call) error {
	list, err := a.scope.Readers(ctx)
	if err != nil {
		return err
	}
	views := make([]readerView, len(list))
	for i, r := range list {
		views[i] = a.viewReader(r)
	}
	return writeList(c, views, []column[readerView]{
		{"name", func(v readerView) string { return v.Name }},
		{"terminal", func(v readerView) string { return v.TerminalName }},
		{"kind", func(v readerView) string { return v.Kind }},
		{"enabled", func(v readerView) string { return yesNo(v.Enabled) }},
		{"good", func(v readerView) string { return yesNo(v.State.OK) }},
		{"since", func(v readerView) string { return stamp(v.State.Since) }},
		{"state", func(v readerView) string { return v.State.Text }},
	})
}

func (a *admin) showReader(ctx context.Context, c *call) error {
	r, err := a.reader(ctx, c.args[0])
	if err != nil {
		return err
	}
	return a.printReader(c, r)
}

func (a *admin) printReader(c *call, r site.Reader) error {
	v := a.viewReader(r)
	if c.json {
		return writeJSON(c.out, v)
	}
	return fields(c.out, "name", r.Name, "terminal", r.TerminalName, "kind", r.Kind, "enabled", yesNo(r.Enabled), "configuration", configText(r.Config),
		"card rule", r.Rule, "listens at", v.State.Listening, "good", yesNo(v.State.OK), "state", v.State.Text, "since", stamp(v.State.Since), "id", r.ID)
}
