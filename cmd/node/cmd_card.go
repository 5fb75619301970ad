package main

import (
	"context"
	"flag"
	"slices"
	"strings"

	"platen/directory"
	"platen/fault"
	"platen/job"
	"platen/site"
)

func cardCommands() []*command {
	var label, newLabel *opt[string]
	var random bool
	var blocked *opt[bool]
	var at cardPlace
	var block, unblock cardNamed
	return []*command{
		{
			name: "card add", args: "LOGIN", least: 1, most: 1, summary: "give a person a card",
			more: "The number is typed, comes from a reader that types like a keyboard, or from standard input. Only a keyed\ndigest of it is kept. " +
				"With --terminal or --reader it is taken for what is sent there, and its card rule applies.",
			examples: []string{"card add anna", `card add anna --label "blue badge" --password-file card.txt`, "card add anna --terminal mfp-2"},
			secret:   &secret{what: "card number", shown: true},
			flags: func(fs *flag.FlagSet) {
				label = optText(fs, "label", "what the card is called, `TEXT`")
				fs.BoolVar(&random, "random", false, "take a number that the card makes up anew each time; it will not be recognised")
				at.add(fs)
			},
			admin: func(ctx context.Context, a *admin, c *call) error { return a.addCard(ctx, c, at, label.value, random) },
		},
		{
			name: "card list", args: "[LOGIN]", most: 1, summary: "list the cards of all people, or of one",
			examples: []string{"card list", "card list anna --json"},
			admin:    func(ctx context.Context, a *admin, c *call) error { return a.listCards(ctx, c) },
		},
		{
			name: "card show", args: "ID", least: 1, most: 1, summary: "show one card",
			examples: []string{"card show 018f3c2e-7b1a-7c3d-9e4f-0123456789ab"},
			admin:    func(ctx context.Context, a *admin, c *call) error { return a.showCard(ctx, c) },
		},
		{
			name: "card set", args: "ID", least: 1, most: 1, summary: "block a card, or name it anew",
			examples: []string{"card set 018f3c2e-7b1a-7c3d-9e4f-0123456789ab --blocked yes"},
			flags: func(fs *flag.FlagSet) {
				blocked = optYesNo(fs, "blocked", "a blocked card opens nothing and cannot be registered anew")
				newLabel = optText(fs, "label", "what the card is called, `TEXT`")
			},
			admin: func(ctx context.Context, a *admin, c *call) error {
				return a.setCard(ctx, c, func(k *directory.Card) { blocked.apply(&k.Blocked); newLabel.apply(&k.Label) })
			},
		},
		{
			name: "card remove", args: "ID", least: 1, most: 1, summary: "take a card away",
			examples: []string{"card remove 018f3c2e-7b1a-7c3d-9e4f-0123456789ab"},
			admin:    func(ctx context.Context, a *admin, c *call) error { return a.removeCard(ctx, c) },
		},
		{
			name: "card block", args: "[ID]", most: 1, summary: "block a card now: it opens nothing any longer",
			more:     "Whoever is signed in with a card of that person is signed out.",
			examples: []string{"card block --login anna --last 3D4", "card block 018f3c2e-7b1a-7c3d-9e4f-0123456789ab"},
			flags:    block.add,
			admin:    func(ctx context.Context, a *admin, c *call) error { return a.blockCard(ctx, c, &block, true) },
		},
		{
			name: "card unblock", args: "[ID]", most: 1, summary: "let a blocked card open again what it did",
			examples: []string{"card unblock --login anna --last 3D4"},
			flags:    unblock.add,
			admin:    func(ctx context.Context, a *admin, c *call) error { return a.blockCard(ctx, c, &unblock, false) },
		},
		learnCommand(),
	}
}

// cardPlace is where the number of a card comes from.
type cardPlace struct{ terminal, reader *opt[string] }

func (p *cardPlace) add(fs *flag.FlagSet) {
	p.terminal = optText(fs, "terminal", "`NAME` of the terminal whose reader sends the number")
	p.reader = optText(fs, "reader", "`NAME` of the reader that sends the number")
}

// find returns the terminal, and the reader when it was named. The zero terminal is
// nowhere.
func (p *cardPlace) find(ctx context.Context, a *admin) (t site.Terminal, r site.Reader, err error) {
	switch {
	case p.reader.value != "":
		if r, err = a.reader(ctx, p.reader.value); err == nil {
			t, err = a.scope.Terminal(ctx, r.Terminal)
		}
	case p.terminal.value != "":
		t, err = a.terminal(ctx, p.terminal.value)
	}
	return t, r, err
}

// cardNamed says which card is meant, when not by its id.
type cardNamed struct{ login, last *opt[string] }

func (n *cardNamed) add(fs *flag.FlagSet) {
	n.login = optText(fs, "login", "`LOGIN` of whose card it is")
	n.last = optText(fs, "last", "its last `DIGITS`, as lists show them")
}

// find returns the one card that is meant.
func (n *cardNamed) find(ctx context.Context, a *admin, args []string) (directory.Card, error) {
	switch {
	case len(args) == 1 && !n.login.given && !n.last.given:
		return a.card(ctx, args[0])
	case len(args) == 1 || !n.login.given:
		return directory.Card{}, usagef("say which card: its ID, or --login LOGIN and --last DIGITS")
	}
	u, err := a.user(ctx, n.login.value)
	if err != nil {
		return directory.Card{}, err
	}
	cards, err := a.scope.Cards(ctx, u.ID)
	if err != nil {
		return directory.Card{}, err
	}
	cards = slices.DeleteFunc(cards, func(k directory.Card) bool { return n.last.given && !strings.EqualFold(k.Last, n.last.value) })
	switch len(cards) {
	case 0:
		return directory.Card{}, &fault.Error{Op: "card", Kind: fault.NotFound, Text: "%s has no such card.", Args: []any{u.Login}}
	case 1:
		return cards[0], nil
	}
	return directory.Card{}, &fault.Error{Op: "card", Kind: fault.Conflict, Text: "%s has several such cards. Please name it by its id: platen card list %s", Args: []any{u.Login, u.Login}}
}

func (a *admin) blockCard(ctx context.Context, c *call, n *cardNamed, blocked bool) error {
	k, err := n.find(ctx, a, c.args)
	if err != nil {
		return err
	}
	k.Blocked = blocked
	if err := a.scope.PutCard(ctx, k); err != nil {
		return err
	}
	action := "card.unblock"
	if blocked {
		action = "card.block"
	}
	if err := a.audit(ctx, action, k.Login, "…"+k.Last); err != nil {
		return err
	}
	if blocked {
		if err := a.endCardSessions(ctx, k.User); err != nil {
			return err
		}
	}
	return a.printCard(c, k, k.Login)
}

// endCardSessions signs out who came in with a card of this person: which of several
// it was, nobody knows.
func (a *admin) endCardSessions(ctx context.Context, user string) error {
	list, err := a.scope.Sessions(ctx)
	if err != nil {
		return err
	}
	for _, sess := range list {
		if sess.User.ID != user || sess.Method != directory.MethodCard {
			continue
		}
		if err := a.desk.SignOut(ctx, sess); err != nil {
			return err
		}
	}
	return nil
}

func cardText(k directory.Card) string {
	text := "…" + k.Last
	if k.Label != "" {
		text += " " + k.Label
	}
	if k.Blocked {
		text += " (blocked)"
	}
	return text
}

// newCard makes a card of its number.
func (a *admin) newCard(user, number, label string) (directory.Card, error) {
	return a.readCard(user, number, number, label)
}

// readCard makes a card of its number and of what a reader has sent for it.
func (a *admin) readCard(user, number, raw, label string) (directory.Card, error) {
	normal, err := directory.NormalCard(number)
	if err != nil {
		return directory.Card{}, err
	}
	digests := a.keys.Tenant(a.scope.Tenant())
	return directory.Card{
		ID: job.NewUUID(), User: user, Label: label, Created: a.now().UTC(), Last: normal[max(0, len(normal)-3):],
		Digest: digests.CardDigest(normal), Raw: directory.RawDigest(digests.CardDigest, raw, normal),
	}, nil
}

func (a *admin) addCard(ctx context.Context, c *call, at cardPlace, label string, random bool) error {
	u, err := a.user(ctx, c.args[0])
	if err != nil {
		return err
	}
	t, r, err := at.find(ctx, a)
	if err != nil {
		return err
	}
	number := c.secret
	if t.ID != "" {
		if number, err = a.desk.Number(t, r.Name, c.secret); err != nil {
			return err
		}
	}
	k, err := a.readCard(u.ID, number, c.secret, label)
	if err != nil {
		return err
	}
	if normal, err := directory.NormalCard(number); err == nil && directory.RandomUID(normal) && !random {
		return &fault.Error{Op: "card.add", Kind: fault.Invalid, Text: "This number is one that the card makes up anew each time it is shown (four octets that begin with 08). It would never be recognised."}
	}
	if err := a.scope.PutCard(ctx, k); err != nil {
		return err
	}
	if err := a.audit(ctx, "card.add", u.Login, "…"+k.Last); err != nil {
		return err
	}
	return a.printCard(c, k, u.Login)
}

func (a *admin) listCards(ctx context.Context, c *call) error {
	user := ""
	if len(c.args) > 0 {
		u, err := a.user(ctx, c.args[0])
		if err != nil {
			return err
		}
		user = u.ID
	}
	cards, err := a.scope.Cards(ctx, user)
	if err != nil {
		return err
	}
	return writeList(c, cards, []column[directory.Card]{
		{"user", func(k directory.Card) string { return k.Login }},
		{"number", func(k directory.Card) string { return "…" + k.Last }},
		{"label", func(k directory.Card) string { return k.Label }},
		{"blocked", func(k directory.Card) string { return yesNo(k.Blocked) }},
		{"since", func(k directory.Card) string { return stamp(k.Created) }},
		{"id", func(k directory.Card) string { return k.ID }},
	})
}

func (a *admin) card(ctx context.Context, id string) (directory.Card, error) {
	k, err := a.scope.Card(ctx, strings.ToLower(id))
	return k, named(err, "card", id)
}

func (a *admin) showCard(ctx context.Context, c *call) error {
	k, err := a.card(ctx, c.args[0])
	if err != nil {
		return err
	}
	return a.printCard(c, k, k.Login)
}

func (a *admin) printCard(c *call, k directory.Card, login string) error {
	if k.Login = login; c.json {
		return writeJSON(c.out, k)
	}
	return fields(c.out, "user", login, "number", "…"+k.Last, "label", k.Label, "blocked", yesNo(k.Blocked), "since", stamp(k.Created), "id", k.ID)
}

func (a *admin) setCard(ctx context.Context, c *call, change func(*directory.Card)) error {
	k, err := a.card(ctx, c.args[0])
	if err != nil {
		return err
	}
	change(&k)
	if err := a.scope.PutCard(ctx, k); err != nil {
		return err
	}
	if err := a.audit(ctx, "card.set", k.Login, "…"+k.Last+" "+strings.Join(c.given, " ")); err != nil {
		return err
	}
	return a.printCard(c, k, k.Login)
}

func (a *admin) removeCard(ctx context.Context, c *call) error {
	k, err := a.card(ctx, c.args[0])
	if err != nil {
		return err
	}
	if err := a.scope.RemoveCard(ctx, k.ID); err != nil {
		return err
	}
	return a.audit(ctx, "card.remove", k.Login, "…"+k.Last)
}
