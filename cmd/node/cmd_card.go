package main

import (
	"context"
	"flag"
	"strings"

	"platen/directory"
	"platen/fault"
	"platen/job"
)

func cardCommands() []*command {
	var label, newLabel *opt[string]
	var random bool
	var blocked *opt[bool]
	return []*command{
		{
			name: "card add", args: "LOGIN", least: 1, most: 1, summary: "give a person a card",
			more:     "The number is typed, comes from a reader that types like a keyboard, or from standard input. Only a keyed\ndigest of it is kept.",
			examples: []string{"card add anna", `card add anna --label "blue badge" --password-file card.txt`},
			secret:   &secret{what: "card number", shown: true},
			flags: func(fs *flag.FlagSet) {
				label = optText(fs, "label", "what the card is called, `TEXT`")
				fs.BoolVar(&random, "random", false, "take a number that the card makes up anew each time; it will not be recognised")
			},
			admin: func(ctx context.Context, a *admin, c *call) error { return a.addCard(ctx, c, label.value, random) },
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
	}
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

// newCard makes a card of the number that a reader has sent.
func (a *admin) newCard(user, raw, label string) (directory.Card, error) {
	normal, err := directory.NormalCard(raw)
	if err != nil {
		return directory.Card{}, err
	}
	digests := a.keys.Tenant(a.scope.Tenant())
	return directory.Card{
		ID: job.NewUUID(), User: user, Label: label, Created: a.now().UTC(), Last: normal[max(0, len(normal)-3):],
		Digest: digests.CardDigest(normal), Raw: directory.RawDigest(digests.CardDigest, raw, normal),
	}, nil
}

func (a *admin) addCard(ctx context.Context, c *call, label string, random bool) error {
	u, err := a.user(ctx, c.args[0])
	if err != nil {
		return err
	}
	k, err := a.newCard(u.ID, c.secret, label)
	if err != nil {
		return err
	}
	if normal, err := directory.NormalCard(c.secret); err == nil && directory.RandomUID(normal) && !random {
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
	if err := a.audit(ctx, "card.set", k.Login, "…"+k.Last+" "+strings.Join(given(c.argv), " ")); err != nil {
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
