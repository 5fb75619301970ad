package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"platen/fault"
	"platen/pki"
)

func certCommands() []*command {
	return slices.Concat(certChainCommands(), certRequestCommands(), certACMECommands(), certWatchCommands(), certDomainCommands(), certAuthorityCommands(), certSigningCommands(), certTrustCommands())
}

// certFlags are those of several commands about chains.
type certFlags struct {
	domains *opt[[]string]
	rsa     bool
	yes     bool
	ask     bool
}

func certChainCommands() []*command {
	var f certFlags
	return []*command{
		{name: "cert list", summary: "list the certificates that this node shows, signs with and trusts", examples: []string{"cert list", "cert list --json"}, admin: on((*admin).listCerts)},
		{name: "cert chain list", summary: "list the chains that can be shown to clients", examples: []string{"cert chain list", "cert chain list --json"}, admin: on((*admin).listChains)},
		{name: "cert chain show", args: "NAME", least: 1, most: 1, summary: "show a chain, certificate by certificate; its key is never shown", examples: []string{"cert chain show web"}, admin: on((*admin).showChain)},
		{
			name: "cert chain import", args: "NAME FILE", least: 2, most: 2, summary: "import a chain with its key: PKCS #12 (.pfx, .p12) or PEM",
			more: "A .pfx or .p12 has a password, the same for its key: say --ask-password or --password-file. With --domain the chain is shown for these domains at once. A chain that was imported\n" +
				"under this name before is replaced, and its domains show the new one from the next connection on. What is refused, and why: docs/certificates-rules.md",
			examples: []string{"cert chain import web print.pfx --domain print.example.com --ask-password", "cert chain import web fullchain-and-key.pem"},
			flags: func(fs *flag.FlagSet) {
				f.domains = optWords(fs, "domain", "show it for `DOMAIN`; more than once for several")
				askPassword(fs, &f.ask)
			},
			input: &input{"certificate", 1}, secret: &secret{what: "password of the file", optional: func(*call) bool { return !f.ask }},
			admin: func(ctx context.Context, a *admin, c *call) error {
				return a.importChain(ctx, c, pki.UseServer, f.domains.value)
			},
		},
		{
			name: "cert chain generate", args: "NAME", least: 1, most: 1, summary: "make a chain of the built-in authority for domains of the account",
			more:     "For tests and for devices to which you give the authority (platen cert ca export). For everybody else a public or company authority is the better choice.",
			examples: []string{"cert chain generate print --domain print.example.com"},
			flags: func(fs *flag.FlagSet) {
				f.domains = optWords(fs, "domain", "`DOMAIN`; more than once for several")
				fs.BoolVar(&f.rsa, "rsa", false, "with an RSA key, for clients that know nothing else")
			},
			admin: func(ctx context.Context, a *admin, c *call) error { return a.generateChain(ctx, c, &f) },
		},
		{
			name: "cert chain choose", args: "NAME DOMAIN…", least: 2, most: -1, summary: "show a chain to whoever asks for these domains",
			more:     "node is the chain that the node makes by itself.",
			examples: []string{"cert chain choose web print.example.com", "cert chain choose node print.example.com"}, admin: on((*admin).chooseChain),
		},
		{
			name: "cert chain remove", args: "NAME", least: 1, most: 1, summary: "remove a chain and its key",
			examples: []string{"cert chain remove web"}, flags: func(fs *flag.FlagSet) { fs.BoolVar(&f.yes, "yes", false, "also when it is in use") },
			admin: func(ctx context.Context, a *admin, c *call) error { return a.removeChain(ctx, c, f.yes) },
		},
	}
}

// askPassword adds the flag of commands whose file may have a password.
func askPassword(fs *flag.FlagSet, ask *bool) {
	fs.BoolVar(ask, "ask-password", false, "the file has a password: ask for it, or read it from standard input")
}

// mostCertFile bounds a file with certificates; pki has a limit of its own.
const mostCertFile = 1<<20 + 1

func readCertFile(c *call) ([]byte, error) { return io.ReadAll(io.LimitReader(c.in, mostCertFile)) }

func (a *admin) importChain(ctx context.Context, c *call, use string, domains []string) error {
	k, err := a.certs(ctx)
	if err != nil {
		return err
	}
	data, err := readCertFile(c)
	if err != nil {
		return err
	}
	x, err := certWork{a}.Import(ctx, c.args[0], use, data, c.secret, domains)
	if err != nil {
		tellFindings(c.err, x.Findings)
		return err
	}
	return a.tellChain(c, k, x.ID, x.Findings)
}

// tellFindings says what is to be known of a file.
func tellFindings(w io.Writer, list []pki.Finding) {
	for _, f := range list {
		mark := "note"
		if f.Refuse {
			mark = "refused"
		}
		fmt.Fprintf(w, "%s (%s): %s\n", mark, f.Rule, plain(f.String()))
	}
}

// tellChain shows a chain after it was changed.
func (a *admin) tellChain(c *call, k *pki.Keeper, id string, findings []pki.Finding) error {
	v, err := k.Find(id)
	if err != nil {
		return err
	}
	if c.json {
		return writeJSON(c.out, a.viewChain(v, findings))
	}
	tellFindings(c.err, findings)
	return a.printChain(c, v)
}

// chainView is a chain as programs read it. There is no key in it.
type chainView = pki.View

func (a *admin) viewChain(v pki.Shown, findings []pki.Finding) chainView {
	return v.View(findings, a.now())
}

// printChain shows a chain to a person.
func (a *admin) printChain(c *call, v pki.Shown) error {
	x := a.viewChain(v, nil)
	err := fields(c.out, "chain", x.Name, "for", x.Use, "from", x.From, "names", strings.Join(x.Names, ", "), "shown for", strings.Join(x.Domains, ", "),
		"good until", untilText(x.Until, a.now()), "server", x.Server, "challenge", x.Proof, "files", strings.Join(x.Files, ", "), "renewed", nextText(x, a.now()), "state", chainState(v))
	for i := 0; err == nil && i < len(x.Certs); i++ {
		err = printCert(c.out, i+1, x.Certs[i])
	}
	return err
}

func printCert(w io.Writer, n int, x pki.Description) error {
	fmt.Fprintf(w, "\n%d. %s\n", n, plain(x.Subject))
	return fields(w, "   issued by", x.Issuer, "   valid", stamp(x.NotBefore)+" to "+stamp(x.NotAfter), "   names", short(x.Names), "   key", x.Key,
		"   signed with", x.Signature, "   SHA-256", x.SHA256, "   note", sentences(x.Findings))
}

func sentences(list []pki.Finding) string {
	texts := make([]string, len(list))
	for i, f := range list {
		texts[i] = f.String()
	}
	return strings.Join(texts, " ")
}

// chainState is what is to be known of a chain, "" nothing.
func chainState(v pki.Shown) string {
	switch {
	case v.Damaged:
		return "its key cannot be opened; import it again"
	case v.Awaited:
		return "waits for the answer of an authority: platen cert chain answer"
	case v.Trouble != "":
		return v.Trouble
	}
	return ""
}

// untilText is when something ends, and in how many days.
func untilText(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	days := int(t.Sub(now).Hours() / 24)
	if t.Before(now) {
		return stamp(t) + " (ended)"
	}
	return fmt.Sprintf("%s (%s)", stamp(t), counted(days, "day", "days"))
}

func fingerprint(c *x509.Certificate) string { return pki.DescribeCert(c, time.Time{}).SHA256 }

func (a *admin) listChains(ctx context.Context, c *call) error {
	return a.listUse(ctx, c, func(v pki.Shown) bool { return v.Use == pki.UseServer })
}

func (a *admin) listUse(ctx context.Context, c *call, want func(pki.Shown) bool) error {
	k, err := a.certs(ctx)
	if err != nil {
		return err
	}
	var list []chainView
	for _, v := range k.Chains() {
		if want(v) {
			list = append(list, a.viewChain(v, nil))
		}
	}
	return writeList(c, list, []column[chainView]{
		{"name", func(v chainView) string { return v.Name }},
		{"from", func(v chainView) string { return v.From }},
		{"until", func(v chainView) string { return untilText(v.Until, a.now()) }},
		{"shown for", chainView.Where},
		{"names", func(v chainView) string { return short(v.Names) }},
		{"state", chainView.State},
	})
}

// short shows the first of many names.
func short(names []string) string {
	if len(names) > 3 {
		return strings.Join(names[:3], ", ") + fmt.Sprintf(" and %d more", len(names)-3)
	}
	return strings.Join(names, ", ")
}

func (a *admin) showChain(ctx context.Context, c *call) error {
	k, err := a.certs(ctx)
	if err != nil {
		return err
	}
	v, err := k.Find(c.args[0])
	if err != nil {
		return err
	}
	if c.json {
		return writeJSON(c.out, a.viewChain(v, nil))
	}
	return a.printChain(c, v)
}

func (a *admin) generateChain(ctx context.Context, c *call, f *certFlags) error {
	if len(f.domains.value) == 0 {
		return usagef("name the domains: --domain print.example.com")
	}
	k, err := a.certs(ctx)
	if err != nil {
		return err
	}
	x, err := certWork{a}.Generate(ctx, c.args[0], f.domains.value, f.rsa)
	if err != nil {
		return err
	}
	return a.tellChain(c, k, x.ID, x.Findings)
}

func (a *admin) chooseChain(ctx context.Context, c *call) error {
	if err := (certWork{a}).Choose(ctx, c.args[0], c.args[1:]); err != nil {
		return err
	}
	if !c.json {
		fmt.Fprintf(c.out, "%s is shown for %s from the next connection on.\n", plain(c.args[0]), plain(strings.Join(c.args[1:], ", ")))
	}
	return nil
}

func (a *admin) removeChain(ctx context.Context, c *call, yes bool) error {
	return certWork{a}.Remove(ctx, c.args[0], yes)
}

func (a *admin) listCerts(ctx context.Context, c *call) error {
	k, err := a.certs(ctx)
	if err != nil {
		return err
	}
	return writeList(c, k.Rows(), []column[certRow]{
		{"name", func(r certRow) string { return r.Name }},
		{"for", func(r certRow) string { return r.Use }},
		{"from", func(r certRow) string { return r.From }},
		{"until", func(r certRow) string { return untilText(r.Until, a.now()) }},
		{"where", func(r certRow) string { return r.Where }},
		{"state", func(r certRow) string { return r.State }},
	})
}

// certRow is a certificate in the list of all.
type certRow = pki.Row

func certDomainCommands() []*command {
	return []*command{
		{name: "cert domain list", summary: "list the DNS names of the account and what is shown for them", examples: []string{"cert domain list", "cert domain list --json"}, admin: on((*admin).listDomains)},
		{
			name: "cert domain add", args: "DOMAIN…", least: 1, most: -1, summary: "add DNS names of the account",
			more:     "The node's own certificate has them from the next connection on, until another chain is chosen for them.",
			examples: []string{"cert domain add print.example.com"}, admin: on((*admin).addDomains),
		},
		{name: "cert domain remove", args: "DOMAIN", least: 1, most: 1, summary: "remove a DNS name of the account", examples: []string{"cert domain remove print.example.com"}, admin: on((*admin).removeDomain)},
	}
}

type domainView = pki.DomainView

func (a *admin) listDomains(ctx context.Context, c *call) error {
	k, err := a.certs(ctx)
	if err != nil {
		return err
	}
	return writeList(c, k.DomainViews(), []column[domainView]{
		{"domain", func(v domainView) string { return v.Domain }},
		{"chain", func(v domainView) string { return v.Chain }},
	})
}

func (a *admin) addDomains(ctx context.Context, c *call) error {
	for _, name := range c.args {
		if _, err := (certWork{a}).AddDomain(ctx, name); err != nil {
			return err
		}
	}
	return a.listDomains(ctx, c)
}

func (a *admin) removeDomain(ctx context.Context, c *call) error {
	return certWork{a}.RemoveDomain(ctx, c.args[0])
}

func certAuthorityCommands() []*command {
	var format string
	var yes bool
	return []*command{
		{name: "cert ca show", summary: "show the built-in authority", examples: []string{"cert ca show"}, admin: on((*admin).showCA)},
		{name: "cert ca list", summary: "list the built-in authority and what stands between it and its certificates", examples: []string{"cert ca list", "cert ca list --json"}, admin: func(ctx context.Context, a *admin, c *call) error {
			return a.listUse(ctx, c, func(v pki.Shown) bool { return v.Use == pki.UseRoot || v.Use == pki.UseIssuing })
		}},
		{
			name: "cert ca export", args: "FILE", least: 1, most: 1, summary: "write the authority's certificate, for clients to trust",
			more:     "The page /trust of the node says how to give it to Windows (by group policy), macOS, iOS, Android and Linux.",
			examples: []string{"cert ca export platen-ca.pem", "cert ca export platen-ca.mobileconfig --format mobileconfig"},
			flags:    func(fs *flag.FlagSet) { fs.StringVar(&format, "format", "pem", "`pem|der|mobileconfig`") }, output: &output{"certificate", 0},
			admin: func(ctx context.Context, a *admin, c *call) error { return a.exportCA(ctx, c, format) },
		},
		{
			name: "cert ca generate", summary: "make a new authority; every client that trusts the old one must be given the new one",
			examples: []string{"cert ca generate --yes"}, flags: func(fs *flag.FlagSet) { fs.BoolVar(&yes, "yes", false, "yes, I know") },
			admin: func(ctx context.Context, a *admin, c *call) error { return a.generateCA(ctx, c, yes) },
		},
		{
			name: "cert ca sign", args: "REQUEST FILE", least: 2, most: 2, summary: "let the built-in authority answer a certificate request (PKCS #10) for domains of the account",
			examples: []string{"cert ca sign device.csr device.pem"}, input: &input{"certificate request", 0}, output: &output{"certificate", 1}, admin: on((*admin).signRequest),
		},
	}
}

func (a *admin) showCA(ctx context.Context, c *call) error {
	k, err := a.certs(ctx)
	if err != nil {
		return err
	}
	v, err := k.Find("root")
	if err != nil {
		return err
	}
	if c.json {
		return writeJSON(c.out, a.viewChain(v, nil))
	}
	if err := a.printChain(c, v); err != nil {
		return err
	}
	fmt.Fprintln(c.out, "\nIt is for tests and for devices that you manage. Clients trust it once they have its certificate: platen cert ca export FILE, or the page /trust.")
	return nil
}

func (a *admin) exportCA(ctx context.Context, c *call, format string) error {
	k, err := a.certs(ctx)
	if err != nil {
		return err
	}
	root := k.Root()
	if root == nil {
		return &fault.Error{Op: "cert", Kind: fault.Internal, Text: "The node's certificate authority is damaged. Restore it from a backup, or make a new one: platen cert ca generate"}
	}
	var out []byte
	switch format {
	case "pem":
		out = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw})
	case "der":
		out = root.Raw
	case "mobileconfig":
		out = k.Mobileconfig(hostName())
	default:
		return usagef("there is no format %q; there are pem, der and mobileconfig", format)
	}
	_, err = c.file.Write(out)
	return err
}

func (a *admin) generateCA(ctx context.Context, c *call, yes bool) error {
	if !yes {
		return usagef("every client that trusts the present authority must be given the new one. Say --yes")
	}
	if err := (certWork{a}).NewAuthority(ctx); err != nil {
		return err
	}
	return a.showCA(ctx, c)
}

func (a *admin) signRequest(ctx context.Context, c *call) error {
	data, err := readCertFile(c)
	if err != nil {
		return err
	}
	certs, err := certWork{a}.Sign(ctx, data)
	if err != nil {
		return err
	}
	for _, x := range certs {
		if err := pem.Encode(c.file, &pem.Block{Type: "CERTIFICATE", Bytes: x.Raw}); err != nil {
			return err
		}
	}
	return nil
}
