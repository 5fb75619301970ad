package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"platen/pki"
	"platen/pki/acme"
)

// acmeFlags say which ACME server is asked, and how names are proven to it.
type acmeFlags struct {
	acme.Config
	domains *opt[[]string]
}

func (f *acmeFlags) add(fs *flag.FlagSet) {
	f.domains = optWords(fs, "domain", "`DOMAIN` that it is for, also *.DOMAIN with dns-01; more than once for several")
	fs.StringVar(&f.Directory, "server", "", "its directory, a `URL`; Let's Encrypt when it is not named")
	fs.StringVar(&f.Email, "email", "", "whom the server may write to, `ADDRESS`")
	fs.StringVar(&f.Challenge, "challenge", acme.ByHTTP, "`http-01|dns-01`")
	fs.StringVar(&f.DNS.Server, "dns-server", "", "name server that takes entries of dns-01 (RFC 2136), `HOST[:PORT]`")
	fs.StringVar(&f.DNS.Zone, "dns-zone", "", "`ZONE` of the entries; the name server is asked when it is not named")
	fs.StringVar(&f.DNS.KeyName, "dns-key", "", "`NAME` of the key that signs entries (TSIG); its secret is asked for")
	fs.StringVar(&f.DNS.Algorithm, "dns-algorithm", "", "of that key, `"+strings.Join(acme.Algorithms(), "|")+"`")
	fs.StringVar(&f.EABKeyID, "eab-key-id", "", "`ID` of the key that says whose account it is (EAB); its secret is asked for")
	fs.BoolVar(&f.Agreed, "agree", false, "you have read the server's terms and agree to them")
}

// secrets are what is asked for, in this order.
func (f *acmeFlags) secrets() []string {
	var list []string
	if f.EABKeyID != "" {
		list = append(list, "secret of the EAB key")
	}
	if f.DNS.KeyName != "" {
		list = append(list, "secret of the DNS key")
	}
	return list
}

// secret puts what was asked for into the form of the vault.
func (f *acmeFlags) secret(asked string) (string, error) {
	lines := strings.Split(asked, "\n")
	if len(f.secrets()) == 0 {
		lines = nil
	}
	if len(lines) != len(f.secrets()) {
		return "", usagef("there are fewer secrets than keys")
	}
	var s acmeSecret
	if f.EABKeyID != "" {
		s.EAB, lines = lines[0], lines[1:]
	}
	if f.DNS.KeyName != "" {
		s.DNS = lines[0]
	}
	b, err := json.Marshal(s)
	return string(b), err
}

func certACMECommands() []*command {
	var f acmeFlags
	return []*command{{
		name: "cert chain acme", args: "NAME", least: 1, most: 1, summary: "get a chain from an ACME server, Let's Encrypt or one of the house; it is renewed by itself",
		more: "The server wants a proof that the names are yours. With http-01 it asks at port 80 of each name, which must lead to this node: set acme = \":80\" under [listen] in its\n" +
			"configuration. With dns-01 the node makes an entry in the DNS. The chain is shown for its domains at once, and renewed at two thirds of its life.\n" +
			"The secrets of --eab-key-id and --dns-key are asked for, in this order; on standard input and in the file of --password-file each is a line.",
		examples: []string{
			"cert chain acme public --domain print.example.com --email admin@example.com --agree",
			"cert chain acme house --domain print.corp.example --server https://ca.corp.example/acme/acme/directory --challenge dns-01 --dns-server 10.1.1.1 --dns-key platen --agree",
		},
		flags: f.add, secret: &secret{what: "secrets", each: f.secrets},
		admin: func(ctx context.Context, a *admin, c *call) error { return a.orderChain(ctx, c, &f) },
	}}
}

func (a *admin) orderChain(ctx context.Context, c *call, f *acmeFlags) error {
	if len(f.domains.value) == 0 {
		return usagef("name the domains: --domain print.example.com")
	}
	k, err := a.certs(ctx)
	if err != nil {
		return err
	}
	secret, err := f.secret(c.secret)
	if err != nil {
		return err
	}
	config, err := json.Marshal(f.Config)
	if err != nil {
		return err
	}
	x, err := k.Order(working(ctx, c), c.args[0], f.domains.value, string(config), secret)
	if err != nil {
		return err
	}
	if err := k.Choose(ctx, x.ID, showing(k, x.Certs[0])); err != nil {
		return err
	}
	if err := a.audit(ctx, "cert.chain.acme", x.ID, x.Name+" "+fingerprint(x.Certs[0])); err != nil {
		return err
	}
	return a.tellChain(c, k, x.ID, x.Findings)
}

// showing are the domains that show what was ordered for them; a wildcard is for those
// right below it that show nothing else yet.
func showing(k *pki.Keeper, leaf *x509.Certificate) []string {
	var names []string
	for _, d := range k.Domains() {
		_, parent, _ := strings.Cut(d.Name, ".")
		has := func(n string) bool { return slices.Contains(leaf.DNSNames, n) }
		named, below := has(d.Name) || has("*."+d.Name), has("*."+parent)
		if named || below && d.Chain == "" {
			names = append(names, d.Name)
		}
	}
	return names
}

// working tells what is done while somebody waits, unless it is a program.
func working(ctx context.Context, c *call) context.Context {
	if c.json {
		return ctx
	}
	return telling(ctx, func(text string, args ...any) { fmt.Fprintln(c.err, plain(fmt.Sprintf(text, args...))) })
}

// renewChain asks again for what a chain has, wherever it comes from.
func (a *admin) renewChain(ctx context.Context, c *call) error {
	k, err := a.certs(ctx)
	if err != nil {
		return err
	}
	v, err := k.Find(c.args[0])
	if err != nil {
		return err
	}
	switch file := len(c.args) > 1; {
	case v.From == pki.FromACME && file:
		return usagef("%s comes from an ACME server: there is no request to write", v.Name)
	case v.From == pki.FromACME:
		if _, err := (certWork{a}).Renew(working(ctx, c), v.ID); err != nil {
			return err
		}
		return a.tellChain(c, k, v.ID, nil)
	case v.From == pki.FromRequest && !file:
		return usagef("name the file for the request: platen cert chain renew %s FILE", v.Name)
	}
	return a.requestChain(c, func() (pki.Shown, error) { return certWork{a}.Renew(ctx, v.ID) })
}

// nextText is when a chain is renewed by itself, or tried again.
func nextText(x chainView, now time.Time) string {
	switch {
	case x.Next.IsZero():
		return ""
	case !x.Next.After(now):
		return "within the hour"
	case x.Trouble != "":
		return "tried again " + stamp(x.Next)
	}
	return stamp(x.Next)
}
