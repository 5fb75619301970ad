package main

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"platen/directory"
	"platen/fault"
	"platen/pki"
)

func certificateCommands() []*command {
	return []*command{
		{
			name: "sign-in certificate trust", args: "FILE", least: 1, most: 1, summary: "take certificates of people, signed by the authorities in a file (PEM, DER or P7B), for proof of who prints over ipps",
			more: "Clients are asked for a certificate from then on, and may have none. One proves something when it leads to one of these authorities, is\n" +
				"valid now and made for clients (clientAuth), and the name in it is one person's here. The authorities are trusted beside those that are\n" +
				"for people already, and stand in platen cert trust list: it is the same as platen cert trust import FILE --for people.",
			examples: []string{"sign-in certificate trust people-ca.pem"}, input: &input{"certificate", 0}, admin: on((*admin).trustCertificates),
		},
		{
			name: "sign-in certificate map", args: "KIND…", least: 1, most: len(directory.AllCertNames), summary: "say which name in a certificate counts, the first that it has",
			more: "The kinds are upn (user principal name), email, cn (common name of the subject) and san-dns (name of a computer that one person has).\n" +
				"A name with a domain is that of somebody who has it whole, as user principal name, e-mail address or alias; a domain is taken off only when\n" +
				"the rules of the queue list it (strip: listed).",
			examples: []string{"sign-in certificate map upn email", "sign-in certificate map cn"}, admin: on((*admin).mapCertificates),
		},
		{name: "sign-in certificate show", summary: "show whose certificates count, and which name in them", examples: []string{"sign-in certificate show", "sign-in certificate show --json"}, admin: on((*admin).showCertificates)},
		{name: "sign-in certificate remove", summary: "certificates of people prove nothing any longer", examples: []string{"sign-in certificate remove"}, admin: on((*admin).removeCertificates)},
	}
}

// peopleTrust returns the authorities whose certificates name people, NotFound when there
// are none.
func (a *admin) peopleTrust(ctx context.Context) (*pki.Keeper, []pki.Trusted, error) {
	k, err := a.certs(ctx)
	if err != nil {
		return nil, nil, err
	}
	list := slices.DeleteFunc(k.Trusted(), func(t pki.Trusted) bool { return !t.For(pki.ForPeople) })
	if len(list) == 0 {
		return k, nil, &fault.Error{Op: "certificates", Kind: fault.NotFound, Text: "No authority for certificates of people is set up."}
	}
	return k, list, nil
}

func (a *admin) trustCertificates(ctx context.Context, c *call) error {
	if _, err := a.importTrusted(ctx, c, "", []string{pki.ForPeople}); err != nil {
		return err
	}
	return a.showCertificates(ctx, c)
}

func (a *admin) mapCertificates(ctx context.Context, c *call) error {
	if _, _, err := a.peopleTrust(ctx); err != nil {
		return err
	}
	for i, kind := range c.args {
		if !slices.Contains(directory.AllCertNames, kind) {
			return usagef("there is no kind of name %q in certificates; there are %s", kind, strings.Join(directory.AllCertNames, ", "))
		}
		if slices.Contains(c.args[:i], kind) {
			return usagef("%s stands there twice", kind)
		}
	}
	text, err := json.Marshal(certificateSetup{Names: c.args})
	if err != nil {
		return err
	}
	if err := a.scope.PutSetup(ctx, certificateSetupName, string(text)); err != nil {
		return err
	}
	if err := a.audit(ctx, "sign-in.certificate.map", "", strings.Join(c.args, " ")); err != nil {
		return err
	}
	return a.showCertificates(ctx, c)
}

func (a *admin) removeCertificates(ctx context.Context, _ *call) error {
	k, _, err := a.peopleTrust(ctx)
	if err != nil {
		return err
	}
	was, err := k.Untrust(ctx, pki.ForPeople)
	if err != nil {
		return err
	}
	if err := a.scope.PutSetup(ctx, certificateSetupName, ""); err != nil {
		return err
	}
	return a.audit(ctx, "sign-in.certificate.remove", "", counted(len(was), "authority", "authorities"))
}

func (a *admin) showCertificates(ctx context.Context, c *call) error {
	_, list, err := a.peopleTrust(ctx)
	if err != nil {
		return err
	}
	x, err := a.members().certificates.setup(ctx)
	if err != nil {
		return err
	}
	if c.json {
		return writeJSON(c.out, struct {
			Names       []string      `json:"names"`
			Authorities []trustedView `json:"authorities"`
		}{x.names(), a.viewTrusted(list)})
	}
	if err := fields(c.out, "name that counts, the first that is there", strings.Join(x.names(), ", ")); err != nil {
		return err
	}
	return a.printTrusted(c, list)
}
