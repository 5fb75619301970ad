package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"strings"

	"platen/directory"
	"platen/directory/oidc"
	"platen/fault"
	"platen/pki"
)

// oidcFlags are what can be said of the provider.
type oidcFlags struct {
	issuer, client, name, login, email, groups *opt[string]
	scopes, roles                              *opt[[]string]
	create, trustEmail                         *opt[bool]
	ask                                        bool
}

func (f *oidcFlags) add(fs *flag.FlagSet) {
	f.issuer = optText(fs, "issuer", "`URL` of the provider, exactly as it spells it")
	f.client = optText(fs, "client", "client `ID` that the provider knows this node by")
	f.name = optText(fs, "name", "what people know the provider by, `TEXT`; empty: its host")
	f.scopes = optWords(fs, "scope", "`NAME` of a scope to ask for; several times for several, empty for openid profile email")
	f.login = optText(fs, "login-claim", "`NAME` of the claim that is the login: "+strings.Join(oidc.LoginClaims(), ", "))
	f.email = optText(fs, "email-claim", "`NAME` of the claim with the e-mail address; empty: email")
	f.groups = optText(fs, "groups-claim", "`NAME` of the claim with the groups, such as groups or roles; empty: none is read")
	f.roles = optWords(fs, "role", "`GROUP=ROLE`: people whom the claim puts into GROUP have ROLE while they are signed in; several times for several, empty for none")
	f.create = optYesNo(fs, "create", "people whom nobody here knows are added, without any right of their own")
	f.trustEmail = optYesNo(fs, "trust-email", "e-mail addresses count although the provider does not say that it has checked them: only where people cannot choose theirs")
	fs.BoolVar(&f.ask, "ask-password", false, "ask for the client secret, or read it from standard input")
}

func (f *oidcFlags) apply(x *oidcSetup) error {
	f.issuer.apply(&x.Issuer)
	f.client.apply(&x.ClientID)
	f.scopes.apply(&x.Scopes)
	f.login.apply(&x.LoginClaim)
	f.email.apply(&x.EmailClaim)
	f.groups.apply(&x.GroupsClaim)
	f.trustEmail.apply(&x.TrustEmail)
	f.name.apply(&x.Name)
	if f.create.given {
		x.RefuseUnknown = !f.create.value
	}
	if f.roles.given {
		x.Roles = nil
		for _, text := range f.roles.value {
			i := strings.LastIndexByte(text, '=') // a group may be a name with = in it
			if i < 1 || i == len(text)-1 {
				return usagef("--role is GROUP=ROLE, such as print-admins=administrator")
			}
			x.Roles = append(x.Roles, oidc.GroupRole{Group: text[:i], Role: directory.Fold(text[i+1:])})
		}
	}
	if u, err := url.Parse(x.Issuer); err == nil && x.Name == "" {
		x.Name = u.Hostname()
	}
	return mistyped(x.Check())
}

func signInCommands() []*command {
	var o oidcFlags
	var k ticketFlags
	oidcSet := &command{
		name: "sign-in oidc set", summary: "let people sign in to the pages with an OpenID Connect provider, or change how",
		more: "What is not named stays. Register https://HOST/sign-in/oidc/callback with the provider, for every name of this node.\n" +
			"Another issuer, client or trust forgets the secret that is kept: it must not be sent somewhere else. Somebody is found by\n" +
			"what the provider called the person before, else by user principal name, login or a confirmed e-mail address.",
		examples: []string{
			"sign-in oidc set --issuer https://login.example.org/realms/school --client platen --groups-claim groups --role print-admins=administrator --ask-password",
			"sign-in oidc set --create yes --role staff=user",
		},
		flags: o.add, secret: &secret{what: "client secret", optional: func(*call) bool { return !o.ask }},
		admin: func(ctx context.Context, a *admin, c *call) error { return a.setOIDC(ctx, c, &o) },
	}
	var subject *opt[string]
	return []*command{
		oidcSet,
		{name: "sign-in oidc show", summary: "show how people sign in with OpenID Connect", examples: []string{"sign-in oidc show", "sign-in oidc show --json"}, admin: on((*admin).showOIDC)},
		{name: "sign-in oidc test", summary: "ask the provider what it says of itself, without any secret", examples: []string{"sign-in oidc test"}, admin: on((*admin).testOIDC)},
		{
			name: "sign-in oidc trust", args: "FILE", least: 1, most: 1, summary: "trust the authority in a PEM file that has signed the provider's certificate",
			examples: []string{"sign-in oidc trust ca.pem"}, input: &input{"certificate", 0}, admin: on((*admin).trustOIDC),
		},
		{
			name: "sign-in oidc link", args: "LOGIN", least: 1, most: 1, summary: "say how the provider calls a person, or forget it",
			more: "The subject is what the provider calls somebody for ever; the log of the node tells it when somebody is refused.\n" +
				"Without --subject the node forgets it, and the next sign-in looks for the person by name again.",
			examples: []string{"sign-in oidc link ada --subject 6f1c0a1e-93b7-4a55-8f3e-1d0c52f0a7b1", "sign-in oidc link anna"},
			flags:    func(fs *flag.FlagSet) { subject = optText(fs, "subject", "`TEXT` of the claim sub") },
			admin:    func(ctx context.Context, a *admin, c *call) error { return a.linkOIDC(ctx, c, subject.value) },
		},
		{name: "sign-in oidc remove", summary: "nobody signs in with OpenID Connect any longer; the secret is forgotten", examples: []string{"sign-in oidc remove"}, admin: on((*admin).removeOIDC)},
		{
			name: "sign-in kerberos set", args: "KEYTAB-FILE", least: 1, most: 1, summary: "let people sign in, and print, with the ticket that their computer has",
			more: "The keytab has the keys of HTTP/NAME-OF-THIS-NODE, written by ktpass, samba-tool domain exportkeytab or msktutil. What else is\n" +
				"set up is as the flags say: those that are not given are as in the beginning. A browser that has signed in with a ticket once is\n" +
				"asked for one at once from then on; those of --try always are.",
			examples: []string{"sign-in kerberos set platen.keytab", "sign-in kerberos set platen.keytab --service HTTP --service host --try 10.0.0.0/8"},
			input:    &input{"keytab", 0}, flags: k.add,
			admin: func(ctx context.Context, a *admin, c *call) error { return a.setTickets(ctx, c, &k) },
		},
		{name: "sign-in kerberos show", summary: "show the keys of the keytab, without what they are, and what is wrong with it", examples: []string{"sign-in kerberos show", "sign-in kerberos show --json"}, admin: on((*admin).showTickets)},
		{name: "sign-in kerberos remove", summary: "nobody signs in with a ticket any longer; the keytab is forgotten", examples: []string{"sign-in kerberos remove"}, admin: on((*admin).removeTickets)},
	}
}

func (a *admin) setOIDC(ctx context.Context, c *call, f *oidcFlags) error {
	old, there, err := a.members().provider.setup(ctx)
	if err != nil {
		return err
	}
	x := old
	if !there {
		x.RefuseUnknown = true
	}
	if err := f.apply(&x); err != nil {
		return err
	}
	if err := a.knownRoles(ctx, x.Roles); err != nil {
		return err
	}
	return a.putOIDC(ctx, c, x, old, c.secret, strings.Join(c.given, " "))
}

// knownRoles refuses roles that nobody has made.
func (a *admin) knownRoles(ctx context.Context, roles []oidc.GroupRole) error {
	others, err := a.scope.Roles(ctx)
	if err != nil {
		return err
	}
	for _, r := range roles {
		if _, ok := directory.RoleNamed(others, r.Role); !ok {
			return usagef("there is no role %q; platen role list shows them", r.Role)
		}
	}
	return nil
}

// putOIDC keeps what was set up. A secret that would go somewhere else from now on
// is forgotten first, so that it never does.
func (a *admin) putOIDC(ctx context.Context, c *call, x, old oidcSetup, secret, detail string) error {
	was, err := a.scope.Secret(ctx, oidcSecretName)
	if err != nil {
		return err
	}
	forgotten := was != "" && !x.SameServer(old.Config)
	if forgotten {
		if err := a.scope.SetSecret(ctx, oidcSecretName, ""); err != nil {
			return err
		}
		detail += " (the secret was forgotten)"
	}
	text, err := json.Marshal(x)
	if err != nil {
		return err
	}
	if err := a.scope.PutSetup(ctx, oidcSetupName, string(text)); err != nil {
		return err
	}
	if secret != "" {
		if err := a.scope.SetSecret(ctx, oidcSecretName, secret); err != nil {
			return err
		}
	}
	if err := a.audit(ctx, "sign-in.oidc.set", x.Issuer, detail); err != nil {
		return err
	}
	if forgotten && secret == "" && !c.json {
		fmt.Fprintln(c.err, "The client secret was forgotten, because it leads somewhere else now. Give it again: platen sign-in oidc set --ask-password")
	}
	return a.showOIDC(ctx, c)
}

var errNoOIDC = &fault.Error{Op: "oidc", Kind: fault.NotFound, Text: "Signing in with OpenID Connect is not set up."}

// oidcSetup returns what is set up, NotFound when nothing is.
func (a *admin) oidcSetup(ctx context.Context) (oidcSetup, error) {
	x, ok, err := a.members().provider.setup(ctx)
	if err == nil && !ok {
		err = errNoOIDC
	}
	return x, err
}

func (a *admin) showOIDC(ctx context.Context, c *call) error {
	x, err := a.oidcSetup(ctx)
	if err != nil {
		return err
	}
	secret, err := a.scope.Secret(ctx, oidcSecretName)
	if err != nil {
		return err
	}
	at, err := a.pages("")
	if err != nil && a.running != nil {
		return err
	}
	callback := ""
	if err == nil { // else nobody knows the port yet
		callback = at + "sign-in/oidc/callback"
	}
	if c.json {
		return writeJSON(c.out, struct {
			oidcSetup
			HasSecret bool   `json:"has_secret"`
			Callback  string `json:"callback"`
		}{x, secret != "", callback})
	}
	var roles []string
	for _, r := range x.Roles {
		roles = append(roles, r.Group+"="+r.Role)
	}
	ca := ""
	if x.CA != "" {
		ca = "(" + certificates(x.CA) + ")"
	}
	return fields(c.out, "name", x.Name, "issuer", x.Issuer, "client", x.ClientID, "client secret kept", yesNo(secret != ""), "register there", orElse(callback, "the node says it when it runs"),
		"scopes", orElse(strings.Join(x.Scopes, " "), "openid profile email"), "login from", orElse(x.LoginClaim, "preferred_username"), "e-mail from", orElse(x.EmailClaim, "email"),
		"groups from", orElse(x.GroupsClaim, "no claim"), "roles", strings.Join(roles, ", "), "strangers are added", yesNo(!x.RefuseUnknown),
		"unconfirmed e-mail counts", yesNo(x.TrustEmail), "trusted authority", orElse(ca, "the system's, and those that are trusted for sign-in"))
}

func (a *admin) testOIDC(ctx context.Context, c *call) error {
	x, err := a.oidcSetup(ctx)
	if err != nil {
		return err
	}
	if err := (&oidc.Provider{Config: x.Config, Now: a.now, Roots: a.roots(pki.ForSignIn)}).Test(ctx); err != nil {
		return err
	}
	if c.json {
		return writeJSON(c.out, map[string]string{"issuer": x.Issuer, "answer": "good"})
	}
	fmt.Fprintf(c.out, "%s answers, and everything that a sign-in needs is there. Whether the client and its secret are right shows when somebody signs in.\n", plain(x.Name))
	return nil
}

func (a *admin) trustOIDC(ctx context.Context, c *call) error {
	x, err := a.oidcSetup(ctx)
	if err != nil {
		return err
	}
	old := x
	if x.CA, err = readPEM(c); err != nil {
		return err
	}
	if err := x.Check(); err != nil {
		return err
	}
	return a.putOIDC(ctx, c, x, old, "", "another authority is trusted")
}

func (a *admin) linkOIDC(ctx context.Context, c *call, subject string) error {
	u, err := a.user(ctx, c.args[0])
	if err != nil {
		return err
	}
	detail := "forgotten"
	if subject != "" {
		x, err := a.oidcSetup(ctx)
		if err != nil {
			return err
		}
		detail, subject = "known at "+x.Issuer, subjectOf(x.Issuer, subject)
	}
	if err := a.scope.SetSubject(ctx, u.ID, subject); err != nil {
		return err
	}
	return a.audit(ctx, "sign-in.oidc.link", u.Login, detail)
}

func (a *admin) removeOIDC(ctx context.Context, _ *call) error {
	x, err := a.oidcSetup(ctx)
	if err != nil {
		return err
	}
	if err := a.scope.SetSecret(ctx, oidcSecretName, ""); err != nil {
		return err
	}
	if err := a.scope.PutSetup(ctx, oidcSetupName, ""); err != nil {
		return err
	}
	return a.audit(ctx, "sign-in.oidc.remove", x.Issuer, "")
}

func adminCommands() []*command {
	var host *opt[string]
	return []*command{{
		name: "admin token", summary: "print the address with which somebody becomes an administrator, once and within an hour",
		more: "It is for the first administrator; one that was made before there was any is worthless as soon as there is one by another way.\n" +
			"Whoever may run this command may make another at any time.",
		examples: []string{"admin token", "admin token --host print.example.org"},
		flags:    func(fs *flag.FlagSet) { host = optText(fs, "host", "`NAME` by which a browser reaches this node") },
		admin: func(ctx context.Context, a *admin, c *call) error {
			at, err := a.pages(host.value)
			if err != nil {
				return err
			}
			token, err := a.members().NewFirst(ctx)
			if err != nil {
				return err
			}
			if err := a.audit(ctx, "admin.token", "", "for the pages"); err != nil {
				return err
			}
			if a.running == nil {
				fmt.Fprintln(c.err, "The node is not running, and the address works only while it does. Start it: platen service start, or platen run.")
			}
			address := at + "setup?" + url.Values{"token": {token}}.Encode()
			if c.json {
				return writeJSON(c.out, map[string]any{"url": address, "until": a.now().Add(firstFor).UTC()})
			}
			fmt.Fprintf(c.out, "Open this address in a browser within an hour; it works once:\n%s\n", address)
			return nil
		},
	}}
}

// pages is where browsers reach the pages, by this host or by the node's own name.
func (a *admin) pages(host string) (string, error) {
	at, err := a.reached(host)
	if err != nil && at.Host == "" {
		return "", err
	}
	if at.Web == 0 && a.running == nil && a.place.cfg.Listen.Web != "" {
		return "", notRunning("node.pages")
	}
	if at.Web == 0 { // without IPP there are pages all the same
		return "", &fault.Error{Op: "node.pages", Kind: fault.Invalid, Text: "This node does not listen for browsers, or has not said yet at which port."}
	}
	return at.Pages(), nil
}
