package main

import (
	"context"
	"flag"
	"fmt"

	"platen/pki"
)

func certRequestCommands() []*command {
	var s pki.Subject
	var names *opt[[]string]
	var rsa bool
	return []*command{
		{
			name: "cert chain request", args: "NAME FILE", least: 2, most: 2, summary: "make a key here and a request for an authority (PKCS #10), for the company's AD CS for example",
			more: "The key never leaves the node. Give FILE to the authority, and what it answers to: platen cert chain answer NAME ANSWER\n" +
				"For a chain that was answered before, use cert chain renew.",
			examples: []string{"cert chain request web web.csr --domain print.example.com --organization Example", "cert chain request web - --domain print.example.com"},
			flags: func(fs *flag.FlagSet) {
				names = optWords(fs, "domain", "`DOMAIN` that it is for; more than once for several")
				fs.StringVar(&s.CommonName, "common-name", "", "`TEXT`; the first domain when it is not named")
				fs.StringVar(&s.Organization, "organization", "", "`TEXT`")
				fs.StringVar(&s.OrganizationalUnit, "unit", "", "`TEXT`")
				fs.StringVar(&s.Locality, "locality", "", "`TEXT`")
				fs.StringVar(&s.Province, "province", "", "`TEXT`")
				fs.StringVar(&s.Country, "country", "", "two letters, `CC`")
				fs.BoolVar(&rsa, "rsa", false, "with an RSA key, for authorities that sign nothing else")
			},
			output: &output{"request", 1},
			admin: func(ctx context.Context, a *admin, c *call) error {
				if len(names.value) == 0 {
					return usagef("name the domains: --domain print.example.com")
				}
				return a.requestChain(c, func() (pki.Shown, error) {
					return certWork{a}.Request(ctx, c.args[0], s, names.value, rsa)
				})
			},
		},
		{
			name: "cert chain renew", args: "NAME [FILE]", least: 1, most: 2, summary: "ask for the same again, with a new key",
			more: "For a chain that an authority answered, it writes a request to FILE, and what there is goes on being shown until the answer is there.\n" +
				"An ACME server is asked at once, also before the time has come.",
			examples: []string{"cert chain renew web web.csr", "cert chain renew public"}, output: &output{"request", 1},
			admin: on((*admin).renewChain),
		},
		{
			name: "cert chain answer", args: "NAME FILE", least: 2, most: 2, summary: "take what an authority answered to a request: PEM, DER or P7B",
			more:     "With the certificates of the authority between, where the file has them; the key is here.",
			examples: []string{"cert chain answer web certnew.p7b"}, input: &input{"certificate", 1}, admin: on((*admin).answerChain),
		},
	}
}

func (a *admin) requestChain(c *call, ask func() (pki.Shown, error)) error {
	v, err := ask()
	if err != nil {
		return err
	}
	if _, err := c.file.Write(pki.RequestPEM(v.Request)); err != nil || c.args[1] == "-" {
		return err
	}
	if c.json {
		return writeJSON(c.out, a.viewChain(v, nil))
	}
	_, err = fmt.Fprintf(c.out, "Give %s to the authority. What it answers goes to: platen cert chain answer %s FILE\n", plain(c.args[1]), plain(c.args[0]))
	return err
}

func (a *admin) answerChain(ctx context.Context, c *call) error {
	k, err := a.certs(ctx)
	if err != nil {
		return err
	}
	data, err := readCertFile(c)
	if err != nil {
		return err
	}
	x, err := certWork{a}.Answer(ctx, c.args[0], data)
	if err != nil {
		tellFindings(c.err, x.Findings)
		return err
	}
	if err := a.tellChain(c, k, x.ID, x.Findings); err != nil {
		return err
	}
	if !c.json && len(x.Domains) == 0 {
		fmt.Fprintf(c.err, "It is shown to nobody yet: platen cert chain choose %s DOMAIN\n", plain(x.Name))
	}
	return nil
}
