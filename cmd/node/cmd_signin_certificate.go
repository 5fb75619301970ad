package main

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"platen/directory"
	"platen/fault"
)

func certificateCommands() []*command {
	return []*command{
		{
			name: "sign-in certificate trust", args: "FILE", least: 1, most: 1, summary: "take certificates of people, signed by the authorities in a PEM file, for proof of who prints over ipps",
			more: "Clients are asked for a certificate from then on, and may have none. One proves something when it leads to one of these authorities, is\n" +
				"valid now and made for clients (clientAuth), and the name in it is one person's here. What is in the file replaces what was there.",
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

// certificateSetup returns what is set up, NotFound when nothing is.
func (a *admin) certificateSetup(ctx context.Context) (certificateSetup, error) {
	x, ok, err := a.members().certificates.setup(ctx)
	if err == nil && !ok {
		err = &fault.Error{Op: "certificates", Kind: fault.NotFound, Text: "No authority for certificates of people is set up."}
	}
	return x, err
}

func (a *admin) trustCertificates(ctx context.Context, c *call) error {
	x, _, err := a.members().certificates.setup(ctx)
	if err != nil {
		return err
	}
	if x.CA, err = readPEM(c); err != nil {
		return err
	}
	list, err := x.authorities()
	if err != nil {
		return err
	}
	for _, k := range list {
		if a.now().After(k.NotAfter) {
			return &fault.Error{Op: "certificates", Kind: fault.Invalid, Text: "The certificate %s has ended.", Args: []any{k.Subject.String()}}
		}
	}
	return a.putCertificates(ctx, c, x, "sign-in.certificate.trust", fmt.Sprintf("%d authorities", len(list)))
}

func (a *admin) mapCertificates(ctx context.Context, c *call) error {
	x, err := a.certificateSetup(ctx)
	if err != nil {
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
	x.Names = c.args
	return a.putCertificates(ctx, c, x, "sign-in.certificate.map", strings.Join(x.Names, " "))
}

func (a *admin) putCertificates(ctx context.Context, c *call, x certificateSetup, what, detail string) error {
	text, err := json.Marshal(x)
	if err != nil {
		return err
	}
	if err := a.scope.PutSetup(ctx, certificateSetupName, string(text)); err != nil {
		return err
	}
	a.certificatesChanged()
	if err := a.audit(ctx, what, "", detail); err != nil {
		return err
	}
	return a.showCertificates(ctx, c)
}

func (a *admin) removeCertificates(ctx context.Context, _ *call) error {
	if _, err := a.certificateSetup(ctx); err != nil {
		return err
	}
	if err := a.scope.PutSetup(ctx, certificateSetupName, ""); err != nil {
		return err
	}
	a.certificatesChanged()
	return a.audit(ctx, "sign-in.certificate.remove", "", "")
}

// authorityView is an authority as lists show it.
type authorityView struct {
	Subject string    `json:"subject"`
	Until   time.Time `json:"until"`
	SHA256  string    `json:"sha256"`
	Ended   bool      `json:"ended"`
}

func (a *admin) showCertificates(ctx context.Context, c *call) error {
	x, err := a.certificateSetup(ctx)
	if err != nil {
		return err
	}
	list, err := x.authorities()
	if err != nil {
		return err
	}
	views := make([]authorityView, len(list))
	for i, k := range list {
		views[i] = a.viewAuthority(k)
	}
	if c.json {
		return writeJSON(c.out, struct {
			Names       []string        `json:"names"`
			Authorities []authorityView `json:"authorities"`
		}{x.names(), views})
	}
	if err := fields(c.out, "name that counts, the first that is there", strings.Join(x.names(), ", ")); err != nil {
		return err
	}
	return writeList(c, views, []column[authorityView]{
		{"authority", func(v authorityView) string { return v.Subject }},
		{"until", func(v authorityView) string { return stamp(v.Until) }},
		{"ended", func(v authorityView) string { return yesNo(v.Ended) }},
		{"SHA-256", func(v authorityView) string { return v.SHA256 }},
	})
}

func (a *admin) viewAuthority(k *x509.Certificate) authorityView {
	sum := sha256.Sum256(k.Raw)
	return authorityView{k.Subject.String(), k.NotAfter.UTC(), hex.EncodeToString(sum[:]), a.now().After(k.NotAfter)}
}
