package main

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"platen/pki"
)

func certTrustCommands() []*command {
	var name string
	var purposes *opt[[]string]
	forFlag := func(fs *flag.FlagSet) {
		purposes = optWords(fs, "for", "`PURPOSE`, more than once for several: "+strings.Join(pki.Purposes(), ", "))
	}
	return []*command{
		{name: "cert trust list", summary: "list the authorities that this node trusts for connections to others", examples: []string{"cert trust list", "cert trust list --json"}, admin: on((*admin).listTrusted)},
		{name: "cert trust show", args: "NAME", least: 1, most: 1, summary: "show an authority", examples: []string{`cert trust show "Example Root CA"`}, admin: on((*admin).showTrusted)},
		{
			name: "cert trust import", args: "FILE", least: 1, most: 1, summary: "trust the authorities in a file (PEM, DER, P7B; several are fine) for some purposes",
			more: "They count from the next connection on, beside those of the system; for devices and people they count alone. What a source,\n" +
				"the mail server or the sign-in service was given for itself (source trust, mail trust, sign-in oidc trust) counts there alone. A device\n" +
				"for which one of them vouches by its name may change its key; any other is known by the key that it has shown first.",
			examples: []string{"cert trust import corp-root.crt --for directory --for mail"},
			flags: func(fs *flag.FlagSet) {
				fs.StringVar(&name, "name", "", "what it is called here, `NAME`; what it calls itself when it is not named")
				forFlag(fs)
			},
			input: &input{"certificate", 0},
			admin: func(ctx context.Context, a *admin, c *call) error { return a.trust(ctx, c, name, purposes.value) },
		},
		{name: "cert trust remove", args: "NAME", least: 1, most: 1, summary: "trust an authority no longer", examples: []string{`cert trust remove "Example Root CA"`}, admin: on((*admin).distrust)},
		{
			name: "cert trust test", args: "ADDRESS", least: 1, most: 1, summary: "connect somewhere, and show the chain that was seen and which authority anchored it",
			more: "ldaps://, ldap:// (StartTLS), smtp:// (STARTTLS), smtps://, https://, ipps://, ipp:// (upgrade), or HOST:PORT. Nothing is sent but what the handshake\n" +
				"needs. The exit status is 1 when the node would not trust it.",
			examples: []string{"cert trust test ldaps://dc1.example.com --for directory", "cert trust test smtp://mail.example.com:587"}, flags: forFlag,
			admin: func(ctx context.Context, a *admin, c *call) error { return a.testTrust(ctx, c, purposes.value) },
		},
	}
}

// trustedView is a trusted authority as programs read it.
type trustedView = pki.TrustedView

func (a *admin) viewTrusted(list []pki.Trusted) []trustedView { return pki.TrustedViews(list, a.now()) }

func (a *admin) printTrusted(c *call, list []pki.Trusted) error {
	return writeList(c, a.viewTrusted(list), []column[trustedView]{
		{"name", func(v trustedView) string { return v.Name }},
		{"for", func(v trustedView) string { return strings.Join(v.Purposes, ", ") }},
		{"until", func(v trustedView) string { return untilText(v.Cert.NotAfter, a.now()) }},
		{"SHA-256", func(v trustedView) string { return v.Cert.SHA256 }},
	})
}

func (a *admin) listTrusted(ctx context.Context, c *call) error {
	k, err := a.certs(ctx)
	if err != nil {
		return err
	}
	return a.printTrusted(c, k.Trusted())
}

func (a *admin) showTrusted(ctx context.Context, c *call) error {
	k, err := a.certs(ctx)
	if err != nil {
		return err
	}
	t, err := k.FindTrusted(c.args[0])
	if err != nil {
		return err
	}
	v := a.viewTrusted([]pki.Trusted{t})[0]
	if c.json {
		return writeJSON(c.out, v)
	}
	if err := fields(c.out, "authority", v.Name, "trusted for", strings.Join(v.Purposes, ", ")); err != nil {
		return err
	}
	return printCert(c.out, 1, v.Cert)
}

func (a *admin) trust(ctx context.Context, c *call, name string, purposes []string) error {
	if len(purposes) == 0 {
		return usagef("say what it is trusted for: --for %s", strings.Join(pki.Purposes(), ", --for "))
	}
	list, err := a.importTrusted(ctx, c, name, purposes)
	if err != nil {
		return err
	}
	return a.printTrusted(c, list)
}

// importTrusted trusts what is in the file of the command.
func (a *admin) importTrusted(ctx context.Context, c *call, name string, purposes []string) ([]pki.Trusted, error) {
	data, err := readCertFile(c)
	if err != nil {
		return nil, err
	}
	return certWork{a}.Trust(ctx, name, data, purposes)
}

func (a *admin) distrust(ctx context.Context, c *call) error {
	return certWork{a}.Distrust(ctx, c.args[0])
}

func (a *admin) testTrust(ctx context.Context, c *call, purposes []string) error {
	if len(purposes) > 1 {
		return usagef("name one purpose: --for %s", purposes[0])
	}
	purpose := ""
	if len(purposes) == 1 {
		purpose = purposes[0]
	}
	r, err := certWork{a}.Test(ctx, c.args[0], purpose)
	if err != nil {
		return err
	}
	if c.json {
		if err := writeJSON(c.out, r); err != nil {
			return err
		}
	} else if err := a.printProbe(c, r); err != nil {
		return err
	}
	if !r.Good {
		return errSaid
	}
	return nil
}

func (a *admin) printProbe(c *call, r pki.Report) error {
	if err := fields(c.out, "connected to", r.Server, "with", strings.TrimSpace(r.TLS+" "+r.Suite), "for", r.Purpose, "anchored by", anchorText(r.Anchor)); err != nil {
		return err
	}
	for i, x := range r.Chain {
		if err := printCert(c.out, i+1, x); err != nil {
			return err
		}
	}
	fmt.Fprintln(c.out)
	if r.Good {
		fmt.Fprintf(c.out, "It is trusted. The first certificate of the chain ends in %s.\n", counted(r.Days, "day", "days"))
	}
	tellFindings(c.out, r.Findings)
	return nil
}

// anchorText says which certificate a chain ends at.
func anchorText(a *pki.Anchor) string {
	switch {
	case a == nil:
		return "nothing that this node trusts"
	case a.System:
		return a.Certificate.Subject + ", which the system trusts"
	}
	return a.Name
}
