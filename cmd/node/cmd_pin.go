package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/notify"
)

func pinCommands() []*command {
	var mail, all, codeMail bool
	var validFor *opt[time.Duration]
	return []*command{
		{
			name: "pin set", args: "LOGIN", least: 1, most: 1, summary: "give a person a PIN, in place of the one there was",
			more: "The PIN is asked for, or comes from standard input or a file. Whether a PIN alone opens a terminal is the\n" +
				"terminal's business (platen terminal set --help); where one does, a PIN has to be long enough for the number of people.",
			examples: []string{"pin set anna", "pin set anna --password-file pin.txt"},
			secret:   &secret{what: "PIN", twice: true},
			admin:    func(ctx context.Context, a *admin, c *call) error { return a.setPIN(ctx, c) },
		},
		{
			name: "pin generate", args: "[LOGIN]", most: 1, summary: "make a PIN for a person, and show it once or send it by mail",
			more:     "It is as long as the number of people asks for. With --all, everybody who is enabled, has an e-mail address and\nno PIN yet gets one by mail.",
			examples: []string{"pin generate anna", "pin generate anna --mail", "pin generate --all --mail"},
			flags: func(fs *flag.FlagSet) {
				fs.BoolVar(&mail, "mail", false, "send it to the person's e-mail address instead of showing it")
				fs.BoolVar(&all, "all", false, "for everybody without a PIN; goes with --mail")
			},
			admin: func(ctx context.Context, a *admin, c *call) error { return a.generatePINs(ctx, c, mail, all) },
		},
		{
			name: "pin clear", args: "LOGIN", least: 1, most: 1, summary: "take a person's PIN away",
			examples: []string{"pin clear anna"},
			admin:    func(ctx context.Context, a *admin, c *call) error { return a.clearPIN(ctx, c) },
		},
		{
			name: "code add", args: "LOGIN", least: 1, most: 1, summary: "make a code that signs a person in once, or registers a card",
			more:     "The codes that the person had before stop working.",
			examples: []string{"code add anna", "code add anna --mail --for 48h"},
			flags: func(fs *flag.FlagSet) {
				fs.BoolVar(&codeMail, "mail", false, "send it to the person's e-mail address instead of showing it")
				validFor = optTime(fs, "for", "it works for this `TIME`, 1m to 30d; 24h unless given", 30*24*time.Hour)
			},
			admin: func(ctx context.Context, a *admin, c *call) error {
				if validFor.given && validFor.value < time.Minute {
					return usagef("--for is from 1m to 30d; a code that is over when it is made is of no use")
				}
				return a.addCode(ctx, c, codeMail, orElseTime(validFor, 24*time.Hour))
			},
		},
	}
}

func orElseTime(o *opt[time.Duration], other time.Duration) time.Duration {
	if o.given {
		return o.value
	}
	return other
}

func (a *admin) setPIN(ctx context.Context, c *call) error {
	u, err := a.user(ctx, c.args[0])
	if err != nil {
		return err
	}
	if err := a.givePIN(ctx, &u, c.secret); err != nil {
		return err
	}
	if !c.json {
		fmt.Fprintf(c.out, "%s has a new PIN.\n", u.Login)
	}
	return a.audit(ctx, "pin.set", u.Login, "")
}

// givePIN keeps a PIN, if it is long enough and nobody else has it.
func (a *admin) givePIN(ctx context.Context, u *directory.User, pin string) error {
	least, err := a.leastPIN(ctx)
	if err != nil {
		return err
	}
	if len(pin) < least {
		return &fault.Error{Op: "pin.set", Kind: fault.Invalid,
			Text: "A PIN alone signs in at some terminals here, and among so many people it needs %d digits at least.", Args: []any{least}}
	}
	s, err := a.scope.Secrets(ctx, u.ID)
	if err != nil {
		return err
	}
	if err := a.putPIN(&s, pin); err != nil {
		return err
	}
	if err := a.pinIsFree(ctx, u.ID, s.PINDigest); err != nil {
		return err
	}
	return a.scope.SetSecrets(ctx, u.ID, s)
}

// leastPIN is how long a PIN has to be here, 0 when no terminal takes one alone.
func (a *admin) leastPIN(ctx context.Context) (int, error) {
	terminals, err := a.scope.Terminals(ctx)
	if err != nil {
		return 0, err
	}
	for i := range terminals {
		if terminals[i].PINOnly {
			n, err := a.scope.CountPINs(ctx)
			return directory.LeastPIN(n + 1), err
		}
	}
	return 0, nil
}

// newPIN makes a PIN that nobody has.
func (a *admin) newPIN(ctx context.Context, u *directory.User) (string, error) {
	n, err := a.scope.CountUsers(ctx)
	if err != nil {
		return "", err
	}
	for {
		pin, err := directory.GeneratePIN(n)
		if err != nil {
			return "", err
		}
		if err := a.givePIN(ctx, u, pin); !fault.Is(err, fault.Conflict) {
			return pin, err
		}
	}
}

func (a *admin) generatePINs(ctx context.Context, c *call, mail, all bool) error {
	switch {
	case all && !mail:
		return usagef("--all goes with --mail: nobody wants to read all PINs on one screen")
	case all == (len(c.args) == 1):
		return usagef("for whom? Give a login, or --all")
	case all:
		return a.generateAll(ctx, c)
	}
	u, err := a.user(ctx, c.args[0])
	if err != nil {
		return err
	}
	if mail && u.Email == "" {
		return &fault.Error{Op: "pin.generate", Kind: fault.Invalid, Text: "This person has no e-mail address."}
	}
	before, err := a.scope.Secrets(ctx, u.ID)
	if err != nil {
		return err
	}
	pin, err := a.newPIN(ctx, &u)
	if err != nil {
		return err
	}
	if mail {
		if err := a.mailTo(ctx, u.Email, notify.PINMessage(say(), u.Language, u.Name(), pin)); err != nil {
			return errors.Join(err, a.scope.SetSecrets(context.WithoutCancel(ctx), u.ID, before)) // the PIN of before goes on working
		}
	}
	if err := a.audit(ctx, "pin.generate", u.Login, ""); err != nil {
		return err
	}
	if mail {
		if !c.json {
			fmt.Fprintf(c.out, "%s has a new PIN, and mail.\n", u.Login)
		}
		return nil
	}
	if c.json {
		return writeJSON(c.out, map[string]string{"login": u.Login, "pin": pin})
	}
	fmt.Fprintf(c.out, "The PIN of %s is %s. It is shown this once.\n", u.Login, pin)
	return nil
}

func (a *admin) generateAll(ctx context.Context, c *call) error {
	users, err := a.scope.Users(ctx)
	if err != nil {
		return err
	}
	done, left := 0, 0
	p := &progress{c: c, what: "people looked at", of: len(users)}
	for i := range users {
		u := &users[i]
		p.at(i + 1)
		if !u.Enabled || u.HasPIN {
			continue
		}
		if u.Email == "" {
			left++
			continue
		}
		pin, err := a.newPIN(ctx, u)
		if err == nil {
			err = a.mailTo(ctx, u.Email, notify.PINMessage(say(), u.Language, u.Name(), pin))
		}
		if err != nil {
			s, serr := a.scope.Secrets(ctx, u.ID)
			if serr == nil { // so that the next try finds the person again
				s.PIN, s.PINDigest = "", nil
				serr = a.scope.SetSecrets(ctx, u.ID, s)
			}
			fmt.Fprintf(c.err, "%s now; at %s it ended.\n", counted(done, "person has a PIN", "people have a PIN"), u.Login)
			if serr != nil {
				return serr
			}
			return err
		}
		done++
	}
	if c.json {
		err = writeJSON(c.out, map[string]int{"made": done, "without_address": left})
	} else {
		fmt.Fprintf(c.out, "%s now, and mail. %s neither a PIN nor an e-mail address.\n", counted(done, "person has a PIN", "people have a PIN"), counted(left, "has", "have"))
	}
	if err != nil {
		return err
	}
	return a.audit(ctx, "pin.generate", "", counted(done, "person", "people"))
}

// addCode makes a code that works once.
func (a *admin) addCode(ctx context.Context, c *call, mail bool, validFor time.Duration) error {
	u, err := a.user(ctx, c.args[0])
	if err != nil {
		return err
	}
	code, err := directory.NewCode()
	if err != nil {
		return err
	}
	until := a.now().Add(validFor)
	digest := a.keys.Tenant(a.scope.Tenant()).TokenDigest("code " + code)
	if mail { // first: when it does not leave, the code of before goes on working
		if err := a.mailTo(ctx, u.Email, notify.CodeMessage(say(), u.Language, u.Name(), code, until)); err != nil {
			return err
		}
	}
	if err := a.scope.PutCode(ctx, digest, u.ID, directory.CodeSignIn, until); err != nil {
		return err
	}
	if err := a.audit(ctx, "code.add", u.Login, "until "+until.UTC().Format(time.RFC3339)); err != nil {
		return err
	}
	switch {
	case mail && c.json:
		return writeJSON(c.out, map[string]any{"login": u.Login, "until": until.UTC()})
	case mail:
		fmt.Fprintf(c.out, "%s has mail with a code that works once, until %s.\n", u.Login, stamp(until))
		return nil
	case c.json:
		return writeJSON(c.out, map[string]any{"login": u.Login, "code": code, "until": until.UTC()})
	}
	fmt.Fprintf(c.out, "The code of %s is %s. It works once, until %s, and is shown this once.\n", u.Login, code, stamp(until))
	return nil
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
