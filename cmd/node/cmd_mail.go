package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"time"

	"platen/fault"
	"platen/notify"
)

// mailFlags are what can be said of the mail server.
type mailFlags struct {
	host, tls, user, from, fromName, helo *opt[string]
	port                                  *opt[int]
	noTLS                                 *opt[bool]
	ask                                   bool
}

func (f *mailFlags) add(fs *flag.FlagSet) {
	f.host = optText(fs, "host", "mail `SERVER`")
	f.port = optNumber(fs, "port", "`NUMBER`; 0: the usual one", 0, 65535)
	f.tls = optText(fs, "tls", "`starttls|tls|none`")
	f.noTLS = optYesNo(fs, "allow-no-tls", "goes with --tls none: whoever listens reads PINs and codes")
	f.user = optText(fs, "user", "account to sign in with, `NAME`; empty for none")
	f.from = optText(fs, "from", "`ADDRESS` that mails come from")
	f.fromName = optText(fs, "from-name", "what the sender is called, `TEXT`")
	f.helo = optText(fs, "helo", "how the node calls itself, `NAME`")
	fs.BoolVar(&f.ask, "ask-password", false, "ask for the password of the account, or read it from standard input")
}

func (f *mailFlags) apply(c *notify.Config) {
	f.host.apply(&c.Host)
	f.port.apply(&c.Port)
	f.tls.apply(&c.TLS)
	f.noTLS.apply(&c.AllowNoTLS)
	f.user.apply(&c.User)
	f.from.apply(&c.From)
	f.fromName.apply(&c.FromName)
	f.helo.apply(&c.HELO)
}

func mailCommands() []*command {
	var f mailFlags
	return []*command{
		{
			name: "mail set", summary: "set up the mail server that PINs, codes and notices go through",
			more:     "What is not named stays. Another server, port, trust or account forgets the password: it must not be sent\nsomewhere else.",
			examples: []string{"mail set --host mail.example.org --from print@example.org --user print --ask-password"},
			flags:    f.add, secret: &secret{what: "password of the account", optional: func(*call) bool { return !f.ask }},
			admin: func(ctx context.Context, a *admin, c *call) error { return a.setMail(ctx, c, &f) },
		},
		{name: "mail show", summary: "show the mail server", examples: []string{"mail show", "mail show --json"}, admin: on((*admin).showMail)},
		{
			name: "mail trust", args: "FILE", least: 1, most: 1, summary: "trust the authority in a PEM file for the mail server",
			examples: []string{"mail trust ca.pem"}, input: &input{"certificate", 0}, admin: on((*admin).trustMail),
		},
		{
			name: "mail test", args: "[ADDRESS]", most: 1, summary: "connect to the mail server and sign in; with an address, send a mail there",
			examples: []string{"mail test", "mail test anna@example.org"}, admin: on((*admin).testMail),
		},
		{name: "mail remove", summary: "send no mail any more", examples: []string{"mail remove"}, admin: on((*admin).removeMail)},
	}
}

func (a *admin) setMail(ctx context.Context, c *call, f *mailFlags) error {
	var now notify.Config
	if _, err := a.scope.Value(ctx, mailValue, &now); err != nil {
		return err
	}
	old := now
	f.apply(&now)
	if err := mistyped(now.Check()); err != nil {
		return err
	}
	return a.putMail(ctx, c, old, now)
}

// putMail keeps the configuration, and forgets the password when it would go
// somewhere else.
func (a *admin) putMail(ctx context.Context, c *call, old, now notify.Config) error {
	if err := now.Check(); err != nil {
		return err
	}
	was, err := a.scope.Secret(ctx, mailValue)
	if err != nil {
		return err
	}
	detail := strings.Join(c.given, " ")
	if forgets := was != "" && !now.SameServer(old); forgets {
		if err := a.scope.SetSecret(ctx, mailValue, ""); err != nil {
			return err
		}
		detail += " (the password was forgotten)"
		if c.secret == "" && !c.json {
			fmt.Fprintln(c.err, "The password was forgotten, because it leads somewhere else now. Give it again: platen mail set --ask-password")
		}
	}
	if err := a.scope.PutValue(ctx, mailValue, now); err != nil {
		return err
	}
	if c.secret != "" {
		if err := a.scope.SetSecret(ctx, mailValue, c.secret); err != nil {
			return err
		}
	}
	if err := a.audit(ctx, "mail.set", "", detail); err != nil {
		return err
	}
	return a.showMail(ctx, c)
}

func (a *admin) trustMail(ctx context.Context, c *call) error {
	var old notify.Config
	if _, err := a.scope.Value(ctx, mailValue, &old); err != nil {
		return err
	}
	text, err := readPEM(c)
	if err != nil {
		return err
	}
	now := old
	now.CA = text
	return a.putMail(ctx, c, old, now)
}

func (a *admin) showMail(ctx context.Context, c *call) error {
	m, err := mailer(ctx, a.scope, a.roots, a.now, a.log)
	if err != nil {
		return err
	}
	if c.json {
		return writeJSON(c.out, struct {
			notify.Config
			HasPassword bool `json:"has_password"`
		}{m.Config, m.Secret != ""})
	}
	return fields(c.out, "server", m.Host, "port", strconv.Itoa(m.Port), "encryption", orElse(m.TLS, notify.StartTLS), "account", m.User, "password kept", yesNo(m.Secret != ""),
		"from", m.From, "name", m.FromName, "trusts", configText(`{"ca_pem":`+strconv.Quote(m.CA)+`}`))
}

func (a *admin) testMail(ctx context.Context, c *call) error {
	m, err := mailer(ctx, a.scope, a.roots, a.now, a.log)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	r, err := m.Test(ctx)
	var chain []string
	for _, k := range r.Chain {
		chain = append(chain, fmt.Sprintf("%s, by %s, until %s", k.Subject, k.Issuer, k.Until.Format(time.DateOnly)))
	}
	if c.json {
		err = errors.Join(writeJSON(c.out, r), err)
	} else {
		err = errors.Join(fields(c.out, "server", r.Server, "encryption", r.TLS, "certificates", strings.Join(chain, "; "), "ways to sign in", strings.Join(r.Auth, " "), "signed in", yesNo(r.SignedIn)), err)
	}
	if err != nil || len(c.args) == 0 {
		return err
	}
	return m.Send(ctx, notify.Message{To: c.args[0], Subject: "Platen", Text: "This mail shows that the print service can send mail."})
}

func (a *admin) removeMail(ctx context.Context, _ *call) error {
	if err := a.scope.SetSecret(ctx, mailValue, ""); err != nil {
		return err
	}
	if err := a.scope.PutValue(ctx, mailValue, nil); err != nil {
		return err
	}
	return a.audit(ctx, "mail.remove", "", "")
}

// mailTo sends a message to a person while somebody waits for it.
func (a *admin) mailTo(ctx context.Context, to string, msg notify.Message) error {
	if to == "" {
		return &fault.Error{Op: "mail", Kind: fault.Invalid, Text: "This person has no e-mail address."}
	}
	m, err := mailer(ctx, a.scope, a.roots, a.now, a.log)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	msg.To = to
	return m.Send(ctx, msg)
}
