package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"platen/directory/kerberos"
	"platen/fault"
	"platen/job"
)

// ticketFlags are what can be said of Kerberos.
type ticketFlags struct {
	services, realms, trusted *opt[[]string]
	try                       *opt[[]netip.Prefix]
}

func (f *ticketFlags) add(fs *flag.FlagSet) {
	f.services = optWords(fs, "service", "`NAME` of a service whose keys count, HTTP unless set; CUPS asks for host unless its client.conf has GSSServiceName HTTP")
	f.realms = optWords(fs, "realm", "`REALM` whose names of people are logins here; several times for several, none for those of the keytab")
	f.trusted = optWords(fs, "trusted-realm", "`REALM` that ours trusts, whose people are known by their user principal name only; several times for several")
	f.try = optPrefixes(fs, "try", "`ADDRESS` or prefix of computers of the domain, whose browsers are asked for a ticket at once; several times for several")
}

// maxKeytab is the longest keytab.
const maxKeytab = 1 << 20

func (a *admin) setTickets(ctx context.Context, c *call, f *ticketFlags) error {
	keytab, err := io.ReadAll(io.LimitReader(c.in, maxKeytab+1))
	if err != nil {
		return err
	}
	x := ticketSetup{Version: job.NewUUID(), Services: f.services.value, Realms: f.realms.value, Trusted: f.trusted.value, Try: f.try.value}
	if _, err := x.acceptor(keytab, a.now); err != nil {
		return err
	}
	text, err := json.Marshal(x)
	if err != nil {
		return err
	}
	if err := a.scope.SetSecret(ctx, keytabName, base64.StdEncoding.EncodeToString(keytab)); err != nil {
		return err
	}
	if err := a.scope.PutSetup(ctx, ticketSetupName, string(text)); err != nil {
		return err
	}
	a.ticketsChanged()
	if err := a.audit(ctx, "sign-in.kerberos.set", "", strings.Join(c.given, " ")); err != nil {
		return err
	}
	return a.showTickets(ctx, c)
}

func (a *admin) ticketSetup(ctx context.Context) (ticketSetup, error) {
	x, ok, err := a.members().tickets.setup(ctx)
	if err == nil && !ok {
		err = &fault.Error{Op: "kerberos", Kind: fault.NotFound, Text: "Signing in with Kerberos is not set up."}
	}
	return x, err
}

func (a *admin) showTickets(ctx context.Context, c *call) error {
	x, err := a.ticketSetup(ctx)
	if err != nil {
		return err
	}
	secret, err := a.scope.Secret(ctx, keytabName)
	if err != nil {
		return err
	}
	keytab, err := base64.StdEncoding.DecodeString(secret)
	if err != nil {
		return err
	}
	entries, err := kerberos.Inspect(keytab)
	if err != nil {
		return err
	}
	var warnings []string
	for _, w := range kerberos.Warnings(entries) {
		warnings = append(warnings, fmt.Sprintf(w.Text, w.Args...))
	}
	if c.json {
		return writeJSON(c.out, struct {
			ticketSetup
			Keys     []kerberos.Entry `json:"keys"`
			Warnings []string         `json:"warnings"`
		}{x, entries, warnings})
	}
	var try []string
	for _, p := range x.Try {
		try = append(try, p.String())
	}
	if err := fields(c.out, "services", orElse(strings.Join(x.Services, " "), "HTTP"), "realms whose names are logins", orElse(strings.Join(x.Realms, " "), "those of the keytab"),
		"realms that are trusted", strings.Join(x.Trusted, " "), "asked for a ticket at once", orElse(strings.Join(try, " "), "browsers that have shown one before")); err != nil {
		return err
	}
	err = writeList(c, entries, []column[kerberos.Entry]{
		{"principal", func(e kerberos.Entry) string { return e.Principal }},
		{"kvno", func(e kerberos.Entry) string { return fmt.Sprint(e.KVNO) }},
		{"encryption", func(e kerberos.Entry) string { return e.Enctype }},
		{"usable", func(e kerberos.Entry) string { return yesNo(e.Usable) }},
		{"written", func(e kerberos.Entry) string { return stamp(e.Time) }},
	})
	for _, w := range warnings {
		fmt.Fprintln(c.err, plain(w))
	}
	return err
}

func (a *admin) removeTickets(ctx context.Context, _ *call) error {
	if _, err := a.ticketSetup(ctx); err != nil {
		return err
	}
	if err := a.scope.PutSetup(ctx, ticketSetupName, ""); err != nil {
		return err
	}
	if err := a.scope.SetSecret(ctx, keytabName, ""); err != nil {
		return err
	}
	a.ticketsChanged()
	return a.audit(ctx, "sign-in.kerberos.remove", "", "")
}
