package main

import (
	"context"
	"flag"
	"strings"
)

func certWatchCommands() []*command {
	var f certFlags
	return []*command{{
		name: "cert chain watch", args: "NAME FILE [KEYFILE]", least: 2, most: 3, summary: "take a chain from a file that another tool puts there, now and whenever it changes",
		more: "FILE is PKCS #12 or PEM, by its whole path on the node; KEYFILE is its key where that has a file of its own. The node's own user must be able to read them. What is refused is told\n" +
			"in platen cert list and in the log, and changes nothing. With --domain the chain is shown for these domains at once. cert chain remove ends it.",
		examples: []string{
			"cert chain watch web /etc/letsencrypt/live/print.example.com/fullchain.pem /etc/letsencrypt/live/print.example.com/privkey.pem --domain print.example.com",
			"cert chain watch web /srv/certs/print.pfx --ask-password",
		},
		flags: func(fs *flag.FlagSet) {
			f.domains = optWords(fs, "domain", "show it for `DOMAIN`; more than once for several")
			askPassword(fs, &f.ask)
		},
		secret: &secret{what: "password of the file", optional: func(*call) bool { return !f.ask }},
		admin:  func(ctx context.Context, a *admin, c *call) error { return a.watchChain(ctx, c, f.domains.value) },
	}}
}

func (a *admin) watchChain(ctx context.Context, c *call, domains []string) error {
	k, err := a.certs(ctx)
	if err != nil {
		return err
	}
	x, err := k.Watch(ctx, c.args[0], c.args[1:], c.secret)
	if err != nil {
		tellFindings(c.err, x.Findings)
		return err
	}
	if len(domains) > 0 {
		if err := k.Choose(ctx, x.ID, domains); err != nil {
			return err
		}
	}
	if err := a.audit(ctx, "cert.chain.watch", x.ID, x.Name+" "+strings.Join(c.args[1:], " ")); err != nil {
		return err
	}
	return a.tellChain(c, k, x.ID, x.Findings)
}
