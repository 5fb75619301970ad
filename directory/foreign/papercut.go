package foreign

import (
	"slices"
	"strings"

	"platen/directory/cardrule"
	"platen/fault"
)

// Fields of PaperCut. Those that have no place here are dropped with a reason.
const (
	pcLogin          = "username"
	pcPasswordColumn = "password"
	pcBalance        = "balance"
	pcRestricted     = "restricted"
	pcName           = "full name"
	pcEmail          = "e-mail"
	pcDepartment     = "department"
	pcOffice         = "office"
	pcCard           = "card"
	pcCard2          = "secondary card"
	pcPINColumn      = "PIN"
	pcNotes          = "notes"
	pcOther          = "other e-mail addresses"
	pcAlias          = "alias"
	pcHome           = "home folder"
)

var (
	// papercutUsers is "Batch import and update user data", papercutInternal the
	// same for internal users; see the package comment.
	papercutUsers = []string{
		pcLogin, pcBalance, pcRestricted, pcName, pcEmail, pcDepartment, pcOffice, pcCard, pcPINColumn, pcNotes, pcCard2, pcOther, pcAlias, pcHome,
	}
	papercutInternal = []string{
		pcLogin, pcPasswordColumn, pcBalance, pcRestricted, pcName, pcEmail, pcDepartment, pcOffice, pcCard, pcPINColumn, pcNotes, pcCard2, pcHome,
	}
	papercutCards = []string{pcLogin, pcCard}

	// papercutTitles are the names that the manuals give these fields.
	papercutTitles = map[string]string{
		"username": pcLogin, "password": pcPasswordColumn, "balance": pcBalance, "creditbalance": pcBalance,
		"restricted": pcRestricted, "restrictedstatus": pcRestricted, "restrictionstatus": pcRestricted, "fullname": pcName,
		"email": pcEmail, "emailaddress": pcEmail, "department": pcDepartment, "office": pcOffice,
		"cardidnumber": pcCard, "primarycardidnumber": pcCard, "cardidentitynumber": pcCard, "secondarycardidnumber": pcCard2,
		"cardidpin": pcPINColumn, "notes": pcNotes, "otheremailaddresses": pcOther, "usernamealias": pcAlias, "homefolder": pcHome,
	}

	papercutDrops = map[string]string{
		pcPasswordColumn: "passwords are never taken", pcRestricted: "nobody is held back here for want of credit",
		pcOffice: "people have no office here", pcNotes: "people have no notes here",
		pcOther: "people have one e-mail address here", pcHome: "people have no folder here",
	}
)

// maxTitles is how many lines may stand before the head of a report.
const maxTitles = 10

// headOf returns the row that names the columns, -1 when there is none.
func headOf(f *file) int {
	return slices.IndexFunc(f.rows[:min(len(f.rows), maxTitles)], func(r row) bool {
		return slices.ContainsFunc(r.fields, func(t string) bool { return papercutTitles[lettersOf(t)] == pcLogin })
	})
}

// detectPaperCut tells the formats apart. Without a head, users and internal
// users are those of which every line makes sense as one and not as the other;
// a file of few columns may be many things.
func detectPaperCut(f *file) string {
	switch {
	case isSettings(string(f.text)):
		return Rule
	case headOf(f) >= 0:
		return Users
	case isQueueHead(f.rows[0]):
		return Queues
	case f.separator != '\t' || !slices.ContainsFunc(f.rows, func(r row) bool { return len(r.fields) > 5 }):
		return ""
	}
	users, internal := f.could(papercutUsers), f.could(papercutInternal)
	switch {
	case users && !internal:
		return Users
	case internal && !users:
		return Internal
	}
	return ""
}

// could reports whether all lines make sense with these columns.
func (f *file) could(columns []string) bool {
	return !slices.ContainsFunc(f.rows, func(r row) bool {
		return slices.ContainsFunc(r.fields[min(len(r.fields), len(columns)):], filled) ||
			slices.ContainsFunc([]string{pcBalance, pcRestricted, pcEmail}, func(name string) bool {
				return !plausible(name, r.at(slices.Index(columns, name)))
			})
	})
}

func filled(s string) bool { return s != "" }

// plausible only serves to tell two formats apart. How restricted is written is
// not published; these are the ways that are likely.
func plausible(column, value string) bool {
	switch column {
	case pcBalance:
		_, err := ParseDecimal(value)
		return value == "" || err == nil || err == errAmbiguous //nolint:errorlint // made in this package
	case pcRestricted:
		return slices.Contains([]string{"", "y", "n", "yes", "no", "true", "false"}, strings.ToLower(value))
	default:
		return value == "" || strings.Contains(value, "@")
	}
}

func readPaperCut(b *builder, f *file) {
	if f.kind == Rule {
		b.papercutRule(f)
		return
	}
	columns, rows := papercutUsers, f.rows
	switch f.kind {
	case Internal:
		columns = papercutInternal
	case Cards:
		columns = papercutCards
	}
	if head := headOf(f); head >= 0 {
		columns, rows = b.papercutHead(f, f.rows[head]), f.rows[head+1:]
	}
	seen := map[string]int{}
	for _, r := range rows {
		b.papercutUser(f, r, columns, seen)
	}
}

// papercutHead reads the titles of columns; "" is one that is not known.
func (b *builder) papercutHead(f *file, head row) []string {
	columns := make([]string, len(head.fields))
	for i, title := range head.fields {
		columns[i] = papercutTitles[lettersOf(title)]
		switch {
		case title == "":
		case columns[i] == "":
			b.note(f.said(head), "the column %q is not taken: nothing published says what it is", title)
		case slices.Contains(columns[:i], columns[i]):
			b.note(f.said(head), "the column %q is not taken: it is there twice", title)
			columns[i] = ""
		}
	}
	return columns
}

func (b *builder) papercutUser(f *file, r row, columns []string, seen map[string]int) {
	at, get := f.said(r), func(column string) string {
		if i := slices.Index(columns, column); i >= 0 {
			return r.at(i)
		}
		return ""
	}
	var u *User
	if f.kind == Cards { // a person may have several
		u = b.user(at, get(pcLogin))
	} else {
		u = b.newUser(at, get(pcLogin), seen)
	}
	if u == nil {
		return
	}
	b.balance(at, u, get(pcBalance))
	b.say(at, u, "name", &u.FullName, get(pcName))
	b.email(at, u, get(pcEmail))
	b.say(at, u, "department", &u.Department, get(pcDepartment))
	b.card(at, u, get(pcCard))
	b.card(at, u, get(pcCard2))
	b.pin(at, u, get(pcPINColumn))
	b.alias(at, u, get(pcAlias))
	for _, column := range columns {
		if why, ok := papercutDrops[column]; ok {
			b.drop(at, "the field "+column, get(column), why)
		}
	}
	for i := len(columns); i < len(r.fields); i++ {
		b.drop(at, "what is behind the last known column", r.fields[i], "nothing published says what it is")
	}
}

const (
	regexKey     = "ext-device.card-no-regex"
	converterKey = "ext-device.card-no-converter"
)

func isSettings(text string) bool {
	first, _, _ := strings.Cut(strings.TrimSpace(text), "=")
	first = strings.TrimSpace(first)
	return first == regexKey || first == converterKey
}

// papercutRule reads lines KEY=VALUE. A value may hold further equals signs.
func (b *builder) papercutRule(f *file) {
	values := map[string]string{}
	n := 0
	for line := range strings.Lines(string(f.text)) {
		n++
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		key = strings.TrimSpace(key)
		if !ok || key != regexKey && key != converterKey {
			b.note(Said{f.name, n}, "this setting is not taken; there are %s and %s", regexKey, converterKey)
			continue
		}
		values[key] = strings.TrimSpace(value)
	}
	rule, err := cardrule.FromPaperCut(values[regexKey], values[converterKey])
	b.rule(f, rule, err, len(values) > 0)
}

// rule keeps the rule of the product's readers.
func (b *builder) rule(f *file, rule cardrule.Rule, err error, given bool) {
	at := Said{f.name, 0}
	switch {
	case err != nil:
		b.note(at, "the card rule is not taken: %s", fault.Text(err))
	case !given:
		b.note(at, "there is no card rule in it")
	case b.CardRule != "" && b.CardRule != rule.String():
		b.note(at, "another file has another card rule")
	default:
		b.CardRule = rule.String()
	}
}
