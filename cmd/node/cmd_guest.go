package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/internal/table"
	"platen/job"
	"platen/site"
)

// guestEnd says when the account of a guest ends.
type guestEnd struct {
	until  *opt[string]
	lasts  *opt[time.Duration]
	usual  bool // without either it is this evening
	moment time.Time
}

func (f *guestEnd) add(fs *flag.FlagSet) {
	f.until = optText(fs, "until", "it ends at the end of a `DAY`, or at a moment such as \"2026-12-31 18:00\"")
	f.lasts = optTime(fs, "for", "it ends after this `TIME`, such as 3d", directory.LongestGuest)
}

func (f *guestEnd) read(now time.Time) (err error) {
	switch {
	case f.until.given && f.lasts.given:
		return usagef("until when? Give --until or --for")
	case f.until.given:
		if f.moment, err = directory.ParseUntil(f.until.value, time.Local); err != nil {
			return usagef("--until: %s", fault.Text(err))
		}
	case f.lasts.given:
		f.moment = now.Add(f.lasts.value)
	case f.usual:
		f.moment = directory.UsualUntil(now.Local())
	default:
		return usagef("until when? Give --until or --for")
	}
	return nil
}

// guestFlags are what can be said of a new guest.
type guestFlags struct {
	guestEnd
	sponsor, email, company, login, language *opt[string]
	pin, password                            *opt[bool]
	mail                                     bool
}

func (f *guestFlags) add(fs *flag.FlagSet) {
	f.guestEnd.add(fs)
	f.sponsor = optText(fs, "sponsor", "`LOGIN` of who answers for the guest")
	f.email = optText(fs, "email", "e-mail `ADDRESS` of the guest")
	f.company = optText(fs, "company", "where the guest comes from, `TEXT`; the ledger calls it the department")
	f.login = optText(fs, "login", "`NAME` to sign in with; made unless given")
	f.language = optText(fs, "language", "of the letter and of the terminal's pages, `de|en`")
	f.pin = optYesNo(fs, "give-pin", "the guest gets a PIN; yes unless given")
	f.password = optYesNo(fs, "give-password", "the guest gets a password; no unless given")
	fs.BoolVar(&f.mail, "mail", false, "user name and PIN go to the guest's e-mail address and are not shown")
}

func (f *guestFlags) guest(name string, now time.Time) (directory.Guest, error) {
	g := directory.Guest{Name: name, Login: f.login.value, Company: f.company.value, Email: f.email.value, Sponsor: f.sponsor.value,
		Language: strings.ToLower(f.language.value), Password: f.password.value, NoPIN: f.pin.given && !f.pin.value, Mail: f.mail}
	switch {
	case g.Sponsor == "":
		return g, usagef("who answers for the guest? Give --sponsor")
	case g.Language != "" && g.Language != "de" && g.Language != "en":
		return g, usagef("--language is de or en")
	}
	err := f.read(now)
	g.Until = f.moment
	return g, err
}

func guestCommands() []*command {
	var added, imported guestFlags
	var extended guestEnd
	added.usual, imported.usual = true, true
	var label, answers *opt[string]
	var expires *opt[time.Duration]
	return []*command{
		{
			name: "guest add", args: "[NAME]", most: 1, summary: "make an account with an end, and show its slip once",
			more: "Without --until and --for it ends at six today, or tomorrow from four on. All guests are in the group guests: what they may do is\n" +
				"what that group may, which is to release unless somebody says otherwise (platen right add --help). At most\n" +
				fmt.Sprintf("%d guests at a time.", directory.MostGuests),
			examples: []string{`guest add "Eve Example" --company ACME --sponsor anna --for 3d`, "guest add --sponsor anna --until 2026-12-31 --json", `guest add "Eve Example" --sponsor anna --email eve@example.org --mail`},
			flags:    added.add,
			admin:    func(ctx context.Context, a *admin, c *call) error { return a.addGuest(ctx, c, &added) },
		},
		{
			name: "guest list", summary: "list the guests, and how long each may still print", examples: []string{"guest list", "guest list --json"},
			admin: on((*admin).listGuests),
		},
		{
			name: "guest extend", args: "LOGIN", least: 1, most: 1, summary: "let a guest's account end at another time, also one that has ended",
			examples: []string{"guest extend guest-bcdf --until 2026-12-31", "guest extend guest-bcdf --for 8h"}, flags: extended.add,
			admin: func(ctx context.Context, a *admin, c *call) error {
				if err := extended.read(a.now()); err != nil {
					return err
				}
				if err := mistyped(directory.CheckUntil(extended.moment, a.now())); err != nil {
					return err
				}
				u, err := a.extendGuest(ctx, c.args[0], extended.moment)
				if err != nil {
					return err
				}
				return a.printUser(ctx, c, u.Login)
			},
		},
		{
			name: "guest end", args: "LOGIN", least: 1, most: 1, summary: "end a guest's account now",
			more:     "Sessions end, and PIN, password and cards do nothing any longer. It is removed later: platen settings set --guests-for.",
			examples: []string{"guest end guest-bcdf"},
			admin:    func(ctx context.Context, a *admin, c *call) error { return a.endGuest(ctx, c.args[0]) },
		},
		{
			name: "guest import", args: "FILE.csv", least: 1, most: 1, summary: "make the accounts of many guests, of an agency, say",
			more: "Columns: " + strings.Join(guestColumns, ", ") + "; only name is required. What a line does not say is as the flags say.\n" +
				"When a line is wrong, nothing is done. The slips are shown once, one line each; with --mail each guest gets mail.",
			examples: []string{"guest import agency.csv --sponsor anna --until 2026-12-31 --company ACME", "guest import agency.csv --sponsor anna --for 14d --mail"},
			flags:    imported.add, input: &input{"table of guests", 0},
			admin: func(ctx context.Context, a *admin, c *call) error { return a.importGuests(ctx, c, &imported) },
		},
		{
			name: "guest token add", summary: "make a token with which a program may make accounts of guests over the API",
			more:     "The token is shown this once. It cannot print, and reads nothing but the list of guests.",
			examples: []string{`guest token add --label "visitor system" --sponsor anna`},
			flags: func(fs *flag.FlagSet) {
				label = optText(fs, "label", "what it is for, `TEXT`")
				answers = optText(fs, "sponsor", "`LOGIN` of who answers for the guests where a request does not say")
				expires = optExpires(fs)
			},
			admin: func(ctx context.Context, a *admin, c *call) error {
				return a.addReceptionToken(ctx, c, label.value, answers.value, expires.value)
			},
		},
		{
			name: "guest token list", summary: "list the tokens that make accounts of guests", examples: []string{"guest token list", "guest token list --json"},
			more: "platen token remove ID makes one worthless.", admin: on((*admin).listReceptionTokens),
		},
	}
}

func (a *admin) addGuest(ctx context.Context, c *call, f *guestFlags) error {
	name := ""
	if len(c.args) > 0 {
		name = c.args[0]
	}
	g, err := f.guest(name, a.now())
	if err != nil {
		return err
	}
	if err := mistyped(g.Check(a.now())); err != nil {
		return err
	}
	slip, unsent, err := a.greet(ctx, g)
	if err != nil {
		return err
	}
	s := a.printedSlip(slip, unsent)
	if s.Unsent != "" {
		fmt.Fprintf(c.err, "The mail was not sent: %s Here is the slip.\n", plain(s.Unsent))
	}
	if c.json {
		return writeJSON(c.out, s)
	}
	if err := fields(c.out, "guest", joined(s.Name, s.Company), "user name", s.Login, "PIN", s.PIN, "password", s.Password, "sent to", slip.Email,
		"until", stamp(s.Until), "guest of", s.Sponsor, "how to print", s.Pages, "or by this address, which is the guest's own", s.Address); err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.out, "It is shown this once.")
	return err
}

func joined(name, company string) string {
	return strings.Trim(name+", "+company, ", ")
}

// slipView is a slip, and why it was not sent.
type slipView struct {
	directory.ToldSlip
	Unsent string `json:"mail_error"` // why the mail was not sent, "" it was, or was not asked for
}

// printedSlip adds where the pages are, as far as the node can know.
func (a *admin) printedSlip(s directory.Slip, unsent error) slipView {
	v := slipView{ToldSlip: s.Told()}
	if unsent != nil {
		v.Unsent = fault.Text(unsent)
	}
	at, err := a.reached("")
	if err != nil || at.Web == 0 {
		return v
	}
	v.Pages = at.Pages() + "print"
	if s.Secret != "" {
		v.Address = at.Pages() + "print/" + s.Queue + "/u/" + s.Secret
	}
	return v
}

func (a *admin) listGuests(ctx context.Context, c *call) error {
	list, err := a.scope.Guests(ctx)
	if err != nil {
		return err
	}
	now := a.now()
	return writeList(c, list, []column[directory.User]{
		{"login", func(u directory.User) string { return u.Login }},
		{"name", func(u directory.User) string { return u.FullName }},
		{"company", func(u directory.User) string { return u.Department }},
		{"until", func(u directory.User) string { return stamp(u.Until) }},
		{"left", func(u directory.User) string { return leftOf(&u, now) }},
		{"guest of", func(u directory.User) string { return u.Sponsor }},
	})
}

// leftOf says in one unit what is left of a guest's account.
func leftOf(u *directory.User, now time.Time) string {
	left := u.Until.Sub(now)
	switch {
	case u.Blocked:
		return "blocked"
	case !u.Enabled || left <= 0:
		return "ended"
	case left >= 48*time.Hour:
		return fmt.Sprintf("%d days", left/(24*time.Hour))
	case left >= 2*time.Hour:
		return fmt.Sprintf("%d hours", left/time.Hour)
	}
	return counted(int(left/time.Minute), "minute", "minutes")
}

var guestColumns = []string{"name", "company", "email", "login", "until", "sponsor", "language"}

// importGuests checks all lines, and then makes the accounts one by one: what was
// made stays when one of them fails in the end.
func (a *admin) importGuests(ctx context.Context, c *call, f *guestFlags) error {
	all, err := f.guest("", a.now())
	if err != nil {
		return err
	}
	if err := mistyped(directory.CheckUntil(all.Until, a.now())); err != nil {
		return err
	}
	guests, err := a.readGuests(c, all)
	if err != nil {
		return err
	}
	var slips []slipView
	for i := range guests {
		slip, unsent, err := a.greet(ctx, guests[i])
		if err != nil {
			fmt.Fprintf(c.err, "At %s it ended.\n", plain(guests[i].Name))
			return errors.Join(err, a.tellSlips(c, slips))
		}
		slips = append(slips, a.printedSlip(slip, unsent))
		if !c.json { // at once: nobody can read it again
			fmt.Fprintln(c.out, plain(slips[i].line()))
		}
	}
	return a.tellSlips(c, slips)
}

// line is a slip in one line.
func (s *slipView) line() string {
	parts := []string{s.Login, s.PIN, s.Password, stamp(s.Until), joined(s.Name, s.Company)}
	switch {
	case s.Mailed:
		parts = append(parts, "sent by mail")
	case s.Unsent != "":
		parts = append(parts, "not sent: "+s.Unsent)
	}
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), "  ")
}

// tellSlips ends an import, also one that came to a bad end: who was made must be
// told, because nothing tells it again.
func (a *admin) tellSlips(c *call, slips []slipView) error {
	unsent := 0
	for _, s := range slips {
		if s.Unsent != "" {
			unsent++
		}
	}
	fmt.Fprintf(c.err, "%s. What is on the slips is shown this once.\n", counted(len(slips), "guest", "guests"))
	if unsent > 0 {
		fmt.Fprintf(c.err, "%s not sent; hand out these slips.\n", counted(unsent, "mail was", "mails were"))
	}
	if c.json {
		return writeJSON(c.out, slips)
	}
	return nil
}

func (a *admin) readGuests(c *call, all directory.Guest) ([]directory.Guest, error) {
	rows, problems, err := table.Read(c.in, guestColumns, []string{"name"})
	if err != nil {
		return nil, err
	}
	var guests []directory.Guest
	seen := map[string]bool{}
	for _, row := range rows {
		g, err := guestOfRow(row, all)
		if err == nil {
			err = g.Check(a.now())
		}
		if err == nil && g.Login != "" && seen[g.Login] {
			err = &fault.Error{Op: "guest.import", Kind: fault.Invalid, Text: "The same user name stands in the table twice."}
		}
		if err != nil {
			problems = append(problems, table.Problem{Line: row.Line, Text: fault.Text(err)})
		}
		seen[g.Login] = true
		guests = append(guests, g)
	}
	if len(problems) > 0 {
		return nil, refuseTable(c, problems)
	}
	if len(guests) > directory.MostGuests {
		return nil, &fault.Error{Op: "guest.import", Kind: fault.TooLarge, Text: "There are at most %d guests at a time.", Args: []any{directory.MostGuests}}
	}
	return guests, nil
}

// guestOfRow is what all have, over which a row says what is different.
func guestOfRow(row table.Row, g directory.Guest) (directory.Guest, error) {
	for column, field := range map[string]*string{"name": &g.Name, "company": &g.Company, "email": &g.Email, "login": &g.Login, "sponsor": &g.Sponsor, "language": &g.Language} {
		if text := row.Get(column); text != "" {
			*field = text
		}
	}
	if g.Name == "" {
		return g, &fault.Error{Op: "guest.import", Kind: fault.Invalid, Text: "The name is missing."}
	}
	if text := row.Get("until"); text != "" {
		var err error
		if g.Until, err = directory.ParseUntil(text, time.Local); err != nil {
			return g, err
		}
	}
	return g, nil
}

func (a *admin) addReceptionToken(ctx context.Context, c *call, label, sponsor string, life time.Duration) error {
	v := tokenView{Token: site.Token{ID: job.NewUUID(), Kind: site.ReceptionToken, Label: label, Created: a.now().UTC()}}
	if sponsor != "" {
		u, err := a.user(ctx, sponsor)
		if err != nil {
			return err
		}
		v.Owner, v.OwnerName = u.ID, u.Login
	}
	var err error
	if v.Text, err = a.keepToken(ctx, &v.Token, life); err != nil {
		return err
	}
	if err := a.audit(ctx, "guest.token.add", v.ID, label); err != nil {
		return err
	}
	return writeToken(c, v)
}

func (a *admin) listReceptionTokens(ctx context.Context, c *call) error {
	tokens, err := a.scope.Tokens(ctx)
	if err != nil {
		return err
	}
	var views []tokenView
	for _, t := range tokens {
		if t.Kind == site.ReceptionToken {
			views = append(views, a.viewToken(ctx, t))
		}
	}
	return writeList(c, views, []column[tokenView]{
		{"label", func(t tokenView) string { return t.Label }},
		{"guests of", func(t tokenView) string { return t.OwnerName }},
		{"since", func(t tokenView) string { return stamp(t.Created) }},
		{"until", func(t tokenView) string { return stamp(t.Expires) }},
		{"last used", func(t tokenView) string { return stamp(t.Used) }},
		{"id", func(t tokenView) string { return t.ID }},
	})
}
