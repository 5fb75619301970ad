package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"platen/directory"
	"platen/fault"
	"platen/job"
)

// userFlags are what can be said of a user.
type userFlags struct {
	fullName, email, upn, department, language *opt[string]
	enabled                                    *opt[bool]
	rights, aliases                            *opt[[]string]
	ask                                        bool
}

func (f *userFlags) add(fs *flag.FlagSet) {
	f.fullName = optText(fs, "full-name", "what the person is called, `TEXT`")
	f.email = optText(fs, "email", "e-mail `ADDRESS`; clients may print under it")
	f.upn = optText(fs, "upn", "user principal `NAME`; clients may print under it")
	f.department = optText(fs, "department", "for the ledger, `TEXT`")
	f.language = optText(fs, "language", "of the terminal's pages, `de|en`")
	f.enabled = optYesNo(fs, "enabled", "a disabled user can do nothing and owns no new jobs")
	f.rights = optWords(fs, "right", "`NAME` of a right that this person alone gets, everywhere; none for none; several times for several. See platen right add")
	f.aliases = optWords(fs, "alias", "another `NAME` that clients write; several times for several, empty for none")
	fs.BoolVar(&f.ask, "ask-password", false, "ask for a password, or read it from standard input")
}

func (f *userFlags) apply(u *directory.User) error {
	f.fullName.apply(&u.FullName)
	f.department.apply(&u.Department)
	if f.enabled.given {
		u.Enabled, u.Blocked = f.enabled.value && u.Removed.IsZero(), !f.enabled.value
	}
	if f.email.given {
		u.Email = directory.Fold(f.email.value)
	}
	if f.upn.given {
		u.UPN = directory.Fold(f.upn.value)
	}
	if f.language.given {
		u.Language = strings.ToLower(f.language.value)
		if u.Language != "" && u.Language != "de" && u.Language != "en" {
			return usagef("--language is de or en")
		}
	}
	if f.aliases.given {
		u.Aliases = nil
		for _, a := range f.aliases.value {
			u.Aliases = append(u.Aliases, directory.Fold(a))
		}
	}
	if !f.rights.given {
		return nil
	}
	var err error
	u.Rights, err = rightsOf(f.rights.value)
	return err
}

func rightsOf(names []string) ([]directory.Right, error) {
	rights := []directory.Right{}
	for _, n := range names {
		switch r := directory.Right(strings.ToLower(n)); {
		case r == "none":
		case slices.Contains(directory.Rights(), r) && r != directory.PageLimit:
			rights = append(rights, r)
		default:
			return nil, usagef("there is no right %q to be given like that; rights are %s", n, rightNames())
		}
	}
	return rights, nil
}

// password says when a user's password is asked for.
func (f *userFlags) password() *secret {
	return &secret{what: "password", twice: true, optional: func(*call) bool { return !f.ask }}
}

func userCommands() []*command {
	var added, changed userFlags
	return []*command{
		{
			name: "user add", args: "LOGIN", least: 1, most: 1, summary: "add a person",
			examples: []string{
				`user add anna --full-name "Anna Muster" --email anna@example.org`,
				"user add ben --password-file ben.txt --right release --right break-glass",
			},
			flags: added.add, secret: added.password(),
			admin: func(ctx context.Context, a *admin, c *call) error { return a.addUser(ctx, c, &added) },
		},
		{
			name: "user list", summary: "list all people", examples: []string{"user list", "user list --json"},
			admin: func(ctx context.Context, a *admin, c *call) error { return a.listUsers(ctx, c) },
		},
		{
			name: "user show", args: "LOGIN", least: 1, most: 1, summary: "show one person, with cards",
			examples: []string{"user show anna"},
			admin:    func(ctx context.Context, a *admin, c *call) error { return a.showUser(ctx, c) },
		},
		{
			name: "user set", args: "LOGIN", least: 1, most: 1, summary: "change what is known of a person",
			more:     "What is not named stays. A new password ends the person's sessions.",
			examples: []string{"user set anna --department sales", "user set ben --enabled no", "user set anna --ask-password"},
			flags:    changed.add, secret: changed.password(),
			admin: func(ctx context.Context, a *admin, c *call) error { return a.setUser(ctx, c, &changed) },
		},
		{
			name: "user remove", args: "LOGIN", least: 1, most: 1, summary: "remove a person with cards and secrets",
			more:     "Jobs that are not done become unclaimed. The ledger keeps what was printed.",
			examples: []string{"user remove ben"},
			admin:    func(ctx context.Context, a *admin, c *call) error { return a.removeUser(ctx, c) },
		},
	}
}

func (a *admin) user(ctx context.Context, login string) (directory.User, error) {
	u, err := a.scope.UserByLogin(ctx, directory.Fold(login))
	return u, named(err, "user", login)
}

func (a *admin) addUser(ctx context.Context, c *call, f *userFlags) error {
	u := directory.User{
		ID: job.NewUUID(), Login: directory.Fold(c.args[0]), Enabled: true, Source: "local",
		Rights: []directory.Right{directory.Release}, Created: a.now().UTC(),
	}
	if u.Login == "" {
		return usagef("user add needs a login")
	}
	if err := f.apply(&u); err != nil {
		return err
	}
	if _, err := a.scope.UserByLogin(ctx, u.Login); err == nil {
		return &fault.Error{Op: "user.add", Kind: fault.Conflict, Text: "There is a user %s already.", Args: []any{u.Login}}
	}
	var hash string
	if c.secret != "" { // before the user exists: a refused password leaves nothing behind
		var err error
		if hash, err = directory.HashSecret(c.secret); err != nil {
			return err
		}
	}
	if err := a.scope.PutUser(ctx, u); err != nil {
		return err
	}
	if hash != "" {
		if err := a.scope.SetSecrets(ctx, u.ID, directory.Secrets{Password: hash}); err != nil {
			return err
		}
	}
	if err := a.audit(ctx, "user.add", u.Login, ""); err != nil {
		return err
	}
	return a.printUser(ctx, c, u.Login)
}

func (a *admin) setUser(ctx context.Context, c *call, f *userFlags) error {
	u, err := a.user(ctx, c.args[0])
	if err != nil {
		return err
	}
	if err := f.apply(&u); err != nil {
		return err
	}
	if c.secret != "" {
		if err := a.setPassword(ctx, u.ID, c.secret); err != nil {
			return err
		}
	}
	if err := a.scope.PutUser(ctx, u); err != nil {
		return err
	}
	if err := a.audit(ctx, "user.set", u.Login, strings.Join(c.given, " ")); err != nil {
		return err
	}
	return a.printUser(ctx, c, u.Login)
}

func (a *admin) setPassword(ctx context.Context, user, password string) error {
	hash, err := directory.HashSecret(password)
	if err != nil {
		return err
	}
	s, err := a.scope.Secrets(ctx, user)
	if err != nil {
		return err
	}
	s.Password = hash
	return a.scope.SetSecrets(ctx, user, s)
}

func (a *admin) removeUser(ctx context.Context, c *call) error {
	u, err := a.user(ctx, c.args[0])
	if err != nil {
		return err
	}
	if _, _, err := a.scope.EntryOf(ctx, u.ID); err == nil {
		return &fault.Error{Op: "user.remove", Kind: fault.Conflict, Text: "%s comes from a directory and would come again. Remove the person there, or block the account here: platen user set %s --enabled no", Args: []any{u.Login, u.Login}}
	}
	if err := a.forgetPrintURLs(ctx, u, ""); err != nil {
		return err
	}
	if err := a.scope.RemoveUser(ctx, u.ID, a.actor); err != nil {
		return err
	}
	return a.audit(ctx, "user.remove", u.Login, "")
}

func (a *admin) listUsers(ctx context.Context, c *call) error {
	users, err := a.scope.Users(ctx)
	if err != nil {
		return err
	}
	return writeList(c, users, []column[directory.User]{
		{"login", func(u directory.User) string { return u.Login }},
		{"name", func(u directory.User) string { return u.FullName }},
		{"department", func(u directory.User) string { return u.Department }},
		{"enabled", func(u directory.User) string { return yesNo(u.Enabled) }},
		{"given here", rightsText},
		{"cards", func(u directory.User) string { return strconv.Itoa(u.Cards) }},
		{"PIN", func(u directory.User) string { return yesNo(u.HasPIN) }},
		{"password", func(u directory.User) string { return yesNo(u.HasPass) }},
		{"source", func(u directory.User) string { return u.From }},
	})
}

func rightsText(u directory.User) string {
	words := make([]string, len(u.Rights))
	for i, r := range u.Rights {
		words[i] = string(r)
	}
	return strings.Join(words, " ")
}

// enabledText says why somebody is not enabled, where it is known.
func enabledText(u *directory.User) string {
	switch {
	case u.Enabled:
		return "yes"
	case !u.Removed.IsZero():
		return "no, gone from its source since " + stamp(u.Removed) + ", forgotten after " + stamp(u.Removed.Add(directory.ForgetAfter))
	case u.Blocked:
		return "no, blocked here"
	case !u.Until.IsZero():
		return "no, ended"
	}
	return "no"
}

func balanceText(list []directory.Balance) string {
	var words []string
	for _, b := range list {
		words = append(words, strings.TrimSpace(fmt.Sprintf("%d.%02d %s %s (%s)", b.Amount/100, max(b.Amount, -b.Amount)%100, b.Currency, b.Account, b.Origin)))
	}
	return strings.Join(words, ", ")
}

// whyRights says what a person may do, and which group, source or rule gave it.
func (a *admin) whyRights(ctx context.Context, u *directory.User) ([]string, error) {
	places, err := a.places(ctx)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, r := range u.Rights {
		list = append(list, string(r)+" (given to "+u.Login+")")
	}
	for i := range u.Grants {
		g := &u.Grants[i]
		from := g.From
		path, err := a.scope.PathTo(ctx, u.ID, g.Holder)
		if err != nil {
			return nil, err
		}
		if len(path) > 1 { // in a group that is in this one
			from += ", by " + strings.Join(path[:len(path)-1], " in ")
		}
		list = append(list, places.text(g)+" ("+from+")")
	}
	return list, nil
}

func (a *admin) showUser(ctx context.Context, c *call) error { return a.printUser(ctx, c, c.args[0]) }

func (a *admin) printUser(ctx context.Context, c *call, login string) error {
	u, err := a.user(ctx, login)
	if err != nil {
		return err
	}
	cards, err := a.scope.Cards(ctx, u.ID)
	if err != nil {
		return err
	}
	if c.json {
		return writeJSON(c.out, struct {
			directory.User
			CardList []directory.Card `json:"card_list"`
		}{u, cards})
	}
	may, err := a.whyRights(ctx, &u)
	if err != nil {
		return err
	}
	balances, err := a.scope.Balances(ctx, u.ID)
	if err != nil {
		return err
	}
	lines := make([]string, len(cards))
	for i, k := range cards {
		lines[i] = cardText(k)
	}
	return fields(c.out, "login", u.Login, "name", u.FullName, "e-mail", u.Email, "UPN", u.UPN,
		"department", u.Department, "language", u.Language, "enabled", enabledText(&u), "until", stamp(u.Until), "guest of", u.Sponsor, "may", strings.Join(may, "; "),
		"aliases", strings.Join(u.Aliases, ", "), "password", yesNo(u.HasPass), "PIN", yesNo(u.HasPIN),
		"cards", strings.Join(lines, ", "), "credit in the system before", balanceText(balances), "source", u.From, "since", stamp(u.Created), "id", u.ID)
}
