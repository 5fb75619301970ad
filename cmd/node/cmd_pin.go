package main

import (
	"context"
	"fmt"

	"platen/directory"
	"platen/fault"
)

func pinCommands() []*command {
	return []*command{
		{
			name: "pin set", args: "LOGIN", least: 1, most: 1, summary: "give a person a PIN, in place of the one there was",
			more:     "The PIN is asked for, or comes from standard input or a file. Whether a PIN alone opens a terminal is the\nterminal's business: see platen terminal set --help.",
			examples: []string{"pin set anna", "pin set anna --password-file pin.txt"},
			secret:   &secret{what: "PIN", twice: true},
			admin:    func(ctx context.Context, a *admin, c *call) error { return a.setPIN(ctx, c) },
		},
		{
			name: "pin clear", args: "LOGIN", least: 1, most: 1, summary: "take a person's PIN away",
			examples: []string{"pin clear anna"},
			admin:    func(ctx context.Context, a *admin, c *call) error { return a.clearPIN(ctx, c) },
		},
	}
}

func (a *admin) setPIN(ctx context.Context, c *call) error {
	u, err := a.user(ctx, c.args[0])
	if err != nil {
		return err
	}
	s, err := a.scope.Secrets(ctx, u.ID)
	if err != nil {
		return err
	}
	if err := a.putPIN(&s, c.secret); err != nil {
		return err
	}
	if err := a.pinIsFree(ctx, u.ID, s.PINDigest); err != nil {
		return err
	}
	if err := a.scope.SetSecrets(ctx, u.ID, s); err != nil {
		return err
	}
	if !c.json {
		fmt.Fprintf(c.out, "%s has a new PIN.\n", u.Login)
	}
	return a.audit(ctx, "pin.set", u.Login, "")
}

// pinIsFree refuses a PIN that somebody else has: alone, it would name neither
// of them any more.
func (a *admin) pinIsFree(ctx context.Context, user string, digest []byte) error {
	holders, err := a.scope.UsersByPIN(ctx, digest, 2)
	if err != nil {
		return err
	}
	for i := range holders {
		if holders[i].ID != user {
			return &fault.Error{Op: "pin.set", Kind: fault.Conflict, Text: "This PIN is taken. Please choose another one."}
		}
	}
	return nil
}

// putPIN writes the verifier and the look-up digest of a PIN.
func (a *admin) putPIN(s *directory.Secrets, pin string) error {
	if err := directory.CheckPIN(pin); err != nil {
		return err
	}
	hash, err := directory.HashSecret(pin)
	if err != nil {
		return err
	}
	s.PIN, s.PINDigest = hash, a.keys.Tenant(a.scope.Tenant()).PINDigest(pin)
	return nil
}

func (a *admin) clearPIN(ctx context.Context, c *call) error {
	u, err := a.user(ctx, c.args[0])
	if err != nil {
		return err
	}
	s, err := a.scope.Secrets(ctx, u.ID)
	if err != nil {
		return err
	}
	s.PIN, s.PINDigest = "", nil
	if err := a.scope.SetSecrets(ctx, u.ID, s); err != nil {
		return err
	}
	return a.audit(ctx, "pin.clear", u.Login, "")
}
