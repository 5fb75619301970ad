package main

import (
	"context"
	"flag"
	"fmt"

	"platen/pki"
)

func certSigningCommands() []*command {
	var yes, ask bool
	return []*command{
		{name: "cert signing list", summary: "list the chains that sign API tokens, or did", examples: []string{"cert signing list", "cert signing list --json"}, admin: func(ctx context.Context, a *admin, c *call) error {
			return a.listUse(ctx, c, func(v pki.Shown) bool { return v.Use == pki.UseSigning || v.Chosen })
		}},
		{name: "cert signing show", args: "NAME", least: 1, most: 1, summary: "show a chain that signs", examples: []string{"cert signing show signing"}, admin: on((*admin).showChain)},
		{
			name: "cert signing generate", summary: "make a new chain that signs from now on; what the one before has signed stays good until it ends",
			examples: []string{"cert signing generate"}, admin: on((*admin).generateSigning),
		},
		{
			name: "cert signing import", args: "NAME FILE", least: 2, most: 2, summary: "import a chain to sign with: PKCS #12 or PEM; choose it then",
			examples: []string{"cert signing import corp signing.pfx"}, input: &input{"certificate", 1}, secret: &secret{what: "password of the file", optional: func(*call) bool { return !ask }}, flags: func(fs *flag.FlagSet) { askPassword(fs, &ask) },
			admin: func(ctx context.Context, a *admin, c *call) error { return a.importChain(ctx, c, pki.UseSigning, nil) },
		},
		{
			name: "cert signing choose", args: "NAME", least: 1, most: 1, summary: "let a chain sign API tokens; none: no tokens any more",
			examples: []string{"cert signing choose corp", "cert signing choose none"}, admin: on((*admin).chooseSigning),
		},
		{
			name: "cert signing remove", args: "NAME", least: 1, most: 1, summary: "remove a chain that signed; its tokens end",
			examples: []string{"cert signing remove old"}, flags: func(fs *flag.FlagSet) { fs.BoolVar(&yes, "yes", false, "also the one that signs now") },
			admin: func(ctx context.Context, a *admin, c *call) error { return a.removeChain(ctx, c, yes) },
		},
	}
}

func (a *admin) generateSigning(ctx context.Context, c *call) error {
	if err := (certWork{a}).GenerateSigning(ctx); err != nil {
		return err
	}
	return a.tellSigning(ctx, c)
}

func (a *admin) chooseSigning(ctx context.Context, c *call) error {
	if err := (certWork{a}).ChooseSigning(ctx, c.args[0]); err != nil {
		return err
	}
	return a.tellSigning(ctx, c)
}

// tellSigning says what signs from now on.
func (a *admin) tellSigning(ctx context.Context, c *call) error {
	k, err := a.certs(ctx)
	if err != nil {
		return err
	}
	if v, ok := k.Signer(); ok {
		return a.tellChain(c, k, v.ID, nil)
	}
	if !c.json {
		fmt.Fprintln(c.out, "Nothing signs API tokens: none can be made. platen cert signing generate makes a chain that does.")
	}
	return nil
}
