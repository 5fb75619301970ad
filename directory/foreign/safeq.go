package foreign

import (
	"strings"

	"platen/directory/cardrule"
)

// encrypted marks what SafeQ has written encrypted.
const encrypted = "do_not_convert@@"

func detectSafeQ(f *file) string {
	switch {
	case isQueueHead(f.rows[0]):
		return Queues
	case f.separator == ';' && isSafeQ(f.rows[0].at(0)):
		return Users
	}
	return ""
}

func isSafeQ(code string) bool {
	switch code {
	case "100", "200", "201", "202", "300":
		return true
	}
	return false
}

func readSafeQ(b *builder, f *file) {
	if f.kind == Rule {
		text := strings.TrimSpace(string(f.text))
		rule, err := cardrule.FromSafeQ(text)
		b.rule(f, rule, err, text != "")
		return
	}
	seen := map[string]int{}
	for _, r := range f.rows {
		b.safeqLine(f, r, seen)
	}
}

func (b *builder) safeqLine(f *file, r row, seen map[string]int) {
	at, code := f.said(r), r.at(0)
	switch adds := r.at(1) == "add"; {
	case !isSafeQ(code):
		b.note(at, "lines that begin with %q are not taken: nothing published says what they are", code)
	case code != "201" && code != "202" && !adds:
		b.note(at, "%q is not done here", r.at(1))
	case code == "100":
		b.safeqUser(at, r, seen)
	case code == "300":
		if r.at(3) != "" {
			b.centres[r.at(2)] = r.at(3)
		}
	case code == "200":
		if u := b.user(at, r.at(2)); u != nil {
			b.safeqCard(at, u, r.at(3))
		}
	default: // 201, 202
		u := b.user(at, r.at(1))
		if u == nil {
			return
		}
		if code == "201" {
			b.email(at, u, r.at(2))
		} else {
			b.say(at, u, "cost centre", &u.Department, r.at(2))
		}
	}
}

// safeqUser reads 100;add;username[,alias,…];name;surname;card;cost
// centre;email;home directory;password.
func (b *builder) safeqUser(at Said, r row, seen map[string]int) {
	login, aliases, _ := strings.Cut(r.at(2), ",")
	u := b.newUser(at, login, seen)
	if u == nil {
		return
	}
	for name := range strings.SplitSeq(aliases, ",") {
		b.alias(at, u, name)
	}
	b.say(at, u, "name", &u.FullName, strings.TrimSpace(r.at(3)+" "+r.at(4)))
	b.safeqCard(at, u, r.at(5))
	b.say(at, u, "cost centre", &u.Department, r.at(6))
	b.email(at, u, r.at(7))
	b.drop(at, "the home directory", r.at(8), "people have no folder here")
	b.drop(at, "the password", r.at(9), "passwords are never taken")
	for i := 10; i < len(r.fields); i++ {
		b.drop(at, "what is behind the last known field", r.fields[i], "nothing published says what it is")
	}
}

// safeqCard reads a card number, or PIN%…% for a PIN.
func (b *builder) safeqCard(at Said, u *User, value string) {
	inner, isPIN := strings.CutPrefix(value, "PIN%")
	if isPIN {
		inner, isPIN = strings.CutSuffix(inner, "%")
	}
	switch {
	case strings.Contains(value, encrypted):
		b.note(at, "a card or PIN of %s is not taken: it is encrypted", u.Login)
	case isPIN:
		b.pin(at, u, inner)
	default:
		b.card(at, u, value)
	}
}

// nameCentres gives people the name of their cost centre instead of its number,
// where a file has it.
func (b *builder) nameCentres() {
	for i := range b.Users {
		if name, ok := b.centres[b.Users[i].Department]; ok {
			b.Users[i].Department = name
		}
	}
}
