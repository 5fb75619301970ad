package foreign

import (
	"slices"
	"strings"
)

// equitracActions are those that the help of EQCmd lists.
var equitracActions = []string{"add", "addormodify", "adjust", "assign", "delete", "lock", "modify", "quota", "remove", "unlock"}

func detectEquitrac(f *file) string {
	switch {
	case isQueueHead(f.rows[0]):
		return Queues
	case slices.Contains(equitracActions, strings.ToLower(f.rows[0].at(0))) && len(f.rows[0].fields) > 2:
		return Users
	}
	return ""
}

func readEquitrac(b *builder, f *file) {
	seen := map[string]int{}
	for _, r := range f.rows {
		at, action, object := f.said(r), strings.ToLower(r.at(0)), strings.ToLower(r.at(1))
		switch {
		case !slices.Contains(equitracActions, action):
			b.note(at, "%q is no action of EQCmd", r.at(0))
		case object != "ur":
			b.note(at, "only users (ur) are taken, not %q", r.at(1))
		case action == "addormodify":
			b.equitracUser(at, r, seen)
		case action == "lock" || action == "unlock":
			if u := b.equitracID(at, r.at(2), nil); u != nil {
				u.Locked = action == "lock"
			}
		case action == "add":
			b.note(at, "the parameters of add are not known here; write addormodify")
		default:
			b.note(at, "%s is not done here", action)
		}
	}
}

// equitracID reads a user id, with or without a domain, DOMAIN\ID ("Add and edit
// users individually", EQT6042). The whole is another name of the person.
func (b *builder) equitracID(at Said, id string, seen map[string]int) *User {
	if strings.EqualFold(id, "all") {
		b.note(at, "all users at once are not taken")
		return nil
	}
	login := id[strings.LastIndexByte(id, '\\')+1:]
	var u *User
	if seen == nil {
		u = b.user(at, login)
	} else {
		u = b.newUser(at, login, seen)
	}
	if u != nil {
		b.alias(at, u, id)
	}
	return u
}

// equitracUser reads the parameters of addormodify ur, in the order of its help.
func (b *builder) equitracUser(at Said, r row, seen map[string]int) {
	get := func(i int) string {
		if v := r.at(i); v != "!" { // what it is already
			return v
		}
		return ""
	}
	u := b.equitracID(at, get(2), seen)
	if u == nil {
		return
	}
	b.balance(at, u, get(3))
	b.say(at, u, "name", &u.FullName, get(4))
	b.drop(at, "the minimum balance", get(5), "people have none here")
	b.email(at, u, get(6))
	b.say(at, u, "department", &u.Department, get(7))
	b.card(at, u, get(8))
	b.pin(at, u, get(9))
	b.drop(at, "the quota of colour pages", get(10), "it is set here by an administrator")
	b.card(at, u, get(11))
	b.drop(at, "the home server", get(12), "people have none here")
	switch locked := get(13); locked {
	case "1":
		u.Locked = true
	case "", "0":
	default:
		b.note(at, "locked is 0 or 1, not %q", locked)
	}
	for i, what := range []string{"the location", "the default billing code", "the additional information", "the home folder"} {
		b.drop(at, what, get(14+i), "people have none here")
	}
	for i := 18; i < len(r.fields); i++ {
		b.drop(at, "what is behind the last known parameter", r.fields[i], "nothing published says what it is")
	}
}
