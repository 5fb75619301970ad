package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/job"
	"platen/setup"
	"platen/site"
	"platen/spool"
	"platen/store"
	"platen/ui"
)

// personal keeps the addresses of their own that people print to. Whoever has one
// prints as its owner; the store has only its digest.
type personal struct {
	scope   store.Scope
	digests spool.TenantKeys
	now     func() time.Time
}

func (n *node) personal() personal {
	return personal{n.scope, n.keys.Tenant(n.scope.Tenant()), time.Now}
}

func (a *admin) personal() personal {
	return personal{a.scope, a.keys.Tenant(a.scope.Tenant()), a.now}
}

// Addresses implements ui.Personal.
func (p personal) Addresses(ctx context.Context, user string) ([]site.Token, error) {
	list, err := p.scope.Tokens(ctx)
	return slices.DeleteFunc(list, func(t site.Token) bool { return t.Kind != site.PersonalURL || t.Owner != user }), err
}

// NewAddress implements ui.Personal.
func (p personal) NewAddress(ctx context.Context, u directory.User, label, queue string) (site.Token, string, error) {
	return p.add(ctx, "user "+u.Login, u, label, queue)
}

// RemoveAddress implements ui.Personal.
func (p personal) RemoveAddress(ctx context.Context, u directory.User, id string) error {
	return p.remove(ctx, "user "+u.Login, u, id)
}

// Valid implements ui.Personal.
func (p personal) Valid(ctx context.Context, secret, queue string) error {
	_, err := (&ippPeople{scope: p.scope, digests: p.digests}).Personal(ctx, secret, queue)
	return err
}

func (p personal) add(ctx context.Context, actor string, u directory.User, label, queue string) (site.Token, string, error) {
	t := site.Token{ID: job.NewUUID(), Kind: site.PersonalURL, Label: label, Queue: queue, Owner: u.ID, Created: p.now().UTC()}
	text := newToken()
	if err := p.scope.AddToken(ctx, t, p.digests.TokenDigest(text)); err != nil {
		return t, "", err
	}
	return t, text, p.scope.Audit(ctx, actor, "user.print-url.add", u.Login, t.ID)
}

func (p personal) remove(ctx context.Context, actor string, u directory.User, id string) error {
	mine, err := p.Addresses(ctx, u.ID)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(mine, func(t site.Token) bool { return t.ID == id }) {
		return &fault.Error{Op: "personal.remove", Kind: fault.NotFound, Text: "%s has no such address.", Args: []any{u.Login}}
	}
	if err := p.scope.RemoveToken(ctx, id); err != nil {
		return err
	}
	return p.scope.Audit(ctx, actor, "user.print-url.remove", u.Login, id)
}

var _ ui.Personal = personal{}

func printURLCommands() []*command {
	var queue, host, label, removed *opt[string]
	return []*command{
		{
			name: "user print-url add", args: "LOGIN", least: 1, most: 1, summary: "make an address of a person's own to print to",
			more: "Whoever prints to it prints as that person, without a password. It is shown this once. With --queue it is\n" +
				"good for that queue only; without, for every queue whose name stands in it.",
			examples: []string{"user print-url add anna --queue secure --label tablet", "user print-url add anna --json"},
			flags: func(fs *flag.FlagSet) {
				queue = optText(fs, "queue", "`NAME` of the only queue it is good for")
				host = optText(fs, "host", "`NAME` by which clients reach this node")
				label = optText(fs, "label", "what it is for, `TEXT`")
			},
			admin: func(ctx context.Context, a *admin, c *call) error {
				return a.addPrintURL(ctx, c, queue.value, host.value, label.value)
			},
		},
		{
			name: "user print-url list", args: "LOGIN", least: 1, most: 1, summary: "list the addresses of a person's own",
			examples: []string{"user print-url list anna", "user print-url list anna --json"},
			admin:    func(ctx context.Context, a *admin, c *call) error { return a.listPrintURLs(ctx, c) },
		},
		{
			name: "user print-url remove", args: "LOGIN [ID]", least: 1, most: 2, summary: "make addresses of a person's own worthless",
			more:     "ID is from the list. With --queue those for that queue go, and without either all of them.",
			examples: []string{"user print-url remove anna", "user print-url remove anna --queue secure", "user print-url remove anna 018f3c2e-7b1a-7c3d-9e4f-0123456789ab"},
			flags:    func(fs *flag.FlagSet) { removed = optText(fs, "queue", "`NAME` of the queue") },
			admin: func(ctx context.Context, a *admin, c *call) error {
				return a.removePrintURLs(ctx, c, removed.value)
			},
		},
	}
}

func (a *admin) addPrintURL(ctx context.Context, c *call, queue, host, label string) error {
	u, err := a.user(ctx, c.args[0])
	if err != nil {
		return err
	}
	set, err := a.scope.Settings(ctx)
	if err != nil {
		return err
	}
	if !set.PersonalURLs {
		return &fault.Error{Op: "print-url.add", Kind: fault.Conflict, Text: "Personal addresses are turned off; platen settings set --personal-urls yes turns them on."}
	}
	q, only, err := a.queueOrDefault(ctx, queue, set)
	if err != nil {
		return err
	}
	at, err := a.reached(host)
	if err != nil {
		return err
	}
	t, secret, err := a.personal().add(ctx, a.actor, u, label, only)
	if err != nil {
		return err
	}
	target := setup.Of(at, q)
	target.Secret = secret
	if c.json {
		return writeJSON(c.out, struct {
			tokenView
			URL string `json:"url"`
		}{a.viewToken(ctx, t), target.IPPS()})
	}
	fmt.Fprintf(c.out, "The address of %s, shown this once:\n%s\n", u.Login, target.IPPS())
	return nil
}

// queueOrDefault returns the named queue and its id, or the default one and "".
func (a *admin) queueOrDefault(ctx context.Context, name string, set site.Settings) (q site.Queue, only string, err error) {
	if name != "" {
		q, err = a.queue(ctx, name)
		return q, q.ID, err
	}
	queues, err := a.scope.Queues(ctx)
	if err != nil {
		return q, "", err
	}
	q, ok := site.DefaultQueue(queues, set)
	if !ok {
		err = &fault.Error{Op: "queue.default", Kind: fault.NotFound, Text: "There is no queue yet."}
	}
	return q, "", err
}

func (a *admin) listPrintURLs(ctx context.Context, c *call) error {
	u, err := a.user(ctx, c.args[0])
	if err != nil {
		return err
	}
	list, err := a.personal().Addresses(ctx, u.ID)
	if err != nil {
		return err
	}
	views := make([]tokenView, len(list))
	for i, t := range list {
		views[i] = a.viewToken(ctx, t)
	}
	return writeList(c, views, []column[tokenView]{
		{"label", func(t tokenView) string { return t.Label }},
		{"queue", func(t tokenView) string { return t.QueueName }},
		{"since", func(t tokenView) string { return stamp(t.Created) }},
		{"last used", func(t tokenView) string { return stamp(t.Used) }},
		{"id", func(t tokenView) string { return t.ID }},
	})
}

func (a *admin) removePrintURLs(ctx context.Context, c *call, queue string) error {
	u, err := a.user(ctx, c.args[0])
	if err != nil {
		return err
	}
	if len(c.args) > 1 {
		return a.personal().remove(ctx, a.actor, u, strings.ToLower(c.args[1]))
	}
	only := ""
	if queue != "" {
		q, err := a.queue(ctx, queue)
		if err != nil {
			return err
		}
		only = q.ID
	}
	return a.forgetPrintURLs(ctx, u, only)
}

// forgetPrintURLs removes a person's addresses: those for a queue, or all.
func (a *admin) forgetPrintURLs(ctx context.Context, u directory.User, queue string) error {
	list, err := a.personal().Addresses(ctx, u.ID)
	if err != nil {
		return err
	}
	for _, t := range list {
		if queue != "" && t.Queue != queue {
			continue
		}
		if err := a.personal().remove(ctx, a.actor, u, t.ID); err != nil {
			return err
		}
	}
	return nil
}
