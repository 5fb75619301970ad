package main

import (
	"context"
	"fmt"

	"platen/directory"
	"platen/fault"
	"platen/job"
	"platen/site"
)

// bringers let other machines bring the people of sources: platen sync-directory.
type bringers struct {
	tokens
	sources *sources
}

// Token returns the token of a machine that brings people, or Denied.
func (b bringers) Token(ctx context.Context, text string) (site.Token, error) {
	return b.kind(ctx, text, site.Bringer)
}

// source returns the source of a token. One that was switched off takes nobody.
func (b bringers) source(ctx context.Context, id string) (directory.SourceSetup, error) {
	x, err := b.scope.Source(ctx, id)
	switch {
	case err != nil:
		return x, err
	case x.Kind != directory.SourcePush:
		return x, &fault.Error{Op: "bringers", Kind: fault.Denied, Text: "This token is not known here."}
	case !x.Enabled:
		return x, &fault.Error{Op: "bringers", Kind: fault.Conflict, Text: "The source %s is switched off at the node.", Args: []any{x.Name}}
	}
	return x, nil
}

// Stand tells what a source has brought last.
func (b bringers) Stand(ctx context.Context, id string) (directory.Stand, error) {
	x, err := b.source(ctx, id)
	if err != nil {
		return directory.Stand{}, err
	}
	cursor, full, err := b.scope.StandOf(ctx, id)
	st := directory.Stand{Source: x.Name, FullDue: directory.FullDue(x.Name, full, b.sources.now())}
	if !st.FullDue {
		st.Cursor = cursor
	}
	return st, err
}

// Bring stores what was brought, under the same guards as what the node reads itself.
func (b bringers) Bring(ctx context.Context, id string, what *directory.Brought) (directory.Run, error) {
	x, err := b.source(ctx, id)
	if err != nil {
		return directory.Run{}, err
	}
	r, err := b.sources.ask(ctx, x, what, directory.Ask{DryRun: what.DryRun})
	if err == nil {
		b.sources.tell(&x, &r)
	}
	return r, err
}

// doubted is a source that says once more who has left, of those in doubt: what
// another machine has brought is not here to be read again.
type doubted struct {
	store  directory.SyncStore
	source string
}

// Read returns those about whom an administrator was asked. Where changes stand stays.
func (d doubted) Read(ctx context.Context, _ []byte, _ func(int)) (directory.Answer, error) {
	known, err := d.store.Entries(ctx, d.source)
	if err != nil {
		return directory.Answer{}, err
	}
	var a directory.Answer
	for key, e := range known {
		if e.Gone.IsZero() && !e.Missing.IsZero() {
			a.Gone = append(a.Gone, key)
		}
	}
	a.Cursor, _, err = d.store.StandOf(ctx, d.source)
	return a, err
}

// bringerTokens lists the tokens that bring the people of a source.
func (a *admin) bringerTokens(ctx context.Context, source string) ([]site.Token, error) {
	all, err := a.scope.Tokens(ctx)
	var list []site.Token
	for _, t := range all {
		if t.Kind == site.Bringer && t.Source == source {
			list = append(list, t)
		}
	}
	return list, err
}

// revokeBringers makes tokens of a source worthless.
func (a *admin) revokeBringers(ctx context.Context, list []site.Token) error {
	for _, t := range list {
		if err := a.scope.RemoveToken(ctx, t.ID); err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	return nil
}

// sourceToken makes the token of a source, or ends it. One machine brings a source.
func (a *admin) sourceToken(ctx context.Context, c *call, revoke bool) error {
	x, err := a.source(ctx, c.args[0])
	if err != nil {
		return err
	}
	if x.Kind != directory.SourcePush {
		return &fault.Error{Op: "source.token", Kind: fault.Invalid, Text: "The source %s is read by the node itself. Only a source of the kind push has a token.", Args: []any{x.Name}}
	}
	before, err := a.bringerTokens(ctx, x.ID)
	if err != nil {
		return err
	}
	if revoke {
		return a.endSourceToken(ctx, &x, before)
	}
	v := tokenView{Token: site.Token{ID: job.NewUUID(), Kind: site.Bringer, Label: x.Name, Source: x.ID, Created: a.now().UTC()}}
	if v.Text, err = a.keepToken(ctx, &v.Token, 0); err != nil { // a machine that nobody looks at does not stop by itself
		return err
	}
	if err := a.revokeBringers(ctx, before); err != nil {
		return err
	}
	if err := a.audit(ctx, "source.token", x.Name, v.ID); err != nil {
		return err
	}
	if c.json {
		return writeJSON(c.out, v)
	}
	if len(before) > 0 {
		fmt.Fprintln(c.err, "The token before is worthless from now on.")
	}
	fmt.Fprintf(c.out, "The token of source %s, shown this once:\n%s\n", plain(x.Name), v.Text)
	return nil
}

func (a *admin) endSourceToken(ctx context.Context, x *directory.SourceSetup, list []site.Token) error {
	if len(list) == 0 {
		return &fault.Error{Op: "source.token", Kind: fault.NotFound, Text: "The source %s has no token.", Args: []any{x.Name}}
	}
	if err := a.revokeBringers(ctx, list); err != nil {
		return err
	}
	return a.audit(ctx, "source.token.revoke", x.Name, "")
}
