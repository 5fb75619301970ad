package directory

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"platen/fault"
)

// Lookup is what the owner rules ask of the directory. Names are folded.
type Lookup interface {
	// User finds a person by id.
	User(ctx context.Context, id string) (User, error)
	// UsersByName finds the people whose login, alias, UPN or e-mail address is
	// name; nobody is no error.
	UsersByName(ctx context.Context, name string) ([]User, error)
	// UsersByPrefix finds at most limit people whose login, alias, UPN or e-mail
	// address begins with prefix.
	UsersByPrefix(ctx context.Context, prefix string, limit int) ([]User, error)
}

// Facts are the names that came with a job, as they came.
type Facts struct {
	Proven     string // user id that the door itself has proof of
	PJLUser    string // @PJL SET USERNAME
	PJLAcct    string // @PJL SET JOBATTR="JobAcct1=..."
	PJLComment string // @PJL COMMENT "Username: ..."
	PSFor      string // %%For of PostScript
	Claimed    string // P of RFC 1179, requesting-user-name
	Cut        bool   // Claimed may be cut: it has exactly 31 octets
	Banner     string // L of RFC 1179
	IPP        bool   // it came by IPP
	Believed   bool   // from a host whose word for its users counts
}

// Rules are what an administrator may change about naming the owner.
type Rules struct {
	Pattern *regexp.Regexp // one group; what it finds in Claimed is the name; nil none
	Aliases bool           // people's other names count
	Prefix  bool           // a cut name may be completed when only one person fits
}

// Match is an answer to whose job it is.
type Match struct {
	User User   // the zero User when the job is unclaimed
	Rule string // one English sentence: which rule named the owner, or why none did
}

// Owned reports whether somebody owns the job.
func (m Match) Owned() bool { return m.User.ID != "" }

// source is one place a name may come from.
type source struct {
	what string // "the control file"
	name string
	cut  bool
}

// Owner says whose job it is, by rules in a fixed order, and which rule said so.
// The first source whose name belongs to exactly one person decides. A name
// that nobody has says nothing, so the next source is asked; a name that
// several people have stops the search, because going on would be guessing.
// See docs/decisions/0003-who-owns-a-job.md.
func Owner(ctx context.Context, l Lookup, f Facts, r Rules) (Match, error) {
	if f.Proven != "" {
		return proven(ctx, l, f.Proven)
	}
	var tried []string
	for _, s := range sources(f, r) {
		name := clean(s.name)
		if name == "" {
			continue
		}
		m, why, err := match(ctx, l, s, name, r)
		if err != nil || m.Owned() {
			return m, err
		}
		if why != "" {
			return Match{Rule: why}, nil
		}
		tried = append(tried, fmt.Sprintf("%q (%s)", name, s.what))
	}
	if len(tried) == 0 {
		return Match{Rule: "The job came without any name."}, nil
	}
	return Match{Rule: "Nobody here is called " + strings.Join(tried, " or ") + "."}, nil
}

// proven is the rule for doors that know who prints.
func proven(ctx context.Context, l Lookup, id string) (Match, error) {
	u, err := l.User(ctx, id)
	switch {
	case fault.Is(err, fault.NotFound):
		return Match{Rule: "The person whom the sending system named no longer exists."}, nil
	case err != nil:
		return Match{}, err
	case !u.Enabled:
		return Match{Rule: fmt.Sprintf("%s is disabled.", u.Login)}, nil
	}
	return Match{User: u, Rule: fmt.Sprintf("The sending system has proof that it is %s.", u.Login)}, nil
}

// sources lists where names come from, the most telling first: what the user's
// own computer wrote into the print data, then what the protocol carried.
func sources(f Facts, r Rules) []source {
	list := []source{
		{what: "PJL USERNAME", name: f.PJLUser},
		{what: "PJL JOBATTR JobAcct1", name: f.PJLAcct},
		{what: "PJL COMMENT Username", name: f.PJLComment},
		{what: "PostScript %%For", name: f.PSFor},
		{what: "control file", name: f.Claimed, cut: f.Cut},
		{what: "banner name", name: f.Banner},
	}
	if f.IPP {
		list[4].what = "requesting-user-name"
	}
	if f.Believed {
		return []source{{what: "the word of a trusted host", name: f.Claimed}}
	}
	if r.Pattern != nil {
		if g := r.Pattern.FindStringSubmatch(f.Claimed); len(g) > 1 {
			list = append([]source{{what: "the queue's pattern", name: g[1]}}, list...)
		}
	}
	return list
}

// clean takes away what surrounds a name on the wire.
func clean(name string) string {
	return strings.TrimFunc(name, func(r rune) bool {
		return r == 0 || r == '"' || r == '\'' || r == ' ' || r == '\t' || r == '\r' || r == '\n'
	})
}

// forms returns the folded spellings under which a name is looked up: whole,
// then without its domain. DOMAIN\user keeps the domain in the first, and
// user@example.org is a UPN or e-mail address in the first.
func forms(name string) []string {
	whole := Fold(name)
	list := []string{whole}
	short := whole
	if i := strings.LastIndexByte(short, '\\'); i >= 0 {
		short = short[i+1:]
		list = append(list, short)
	}
	if i := strings.IndexByte(short, '@'); i > 0 {
		list = append(list, short[:i])
	}
	return list
}

// match asks the directory for one name. why is not empty when the search must
// end here.
func match(ctx context.Context, l Lookup, s source, name string, r Rules) (m Match, why string, err error) {
	list := forms(name)
	for _, form := range list {
		if form == "" {
			continue
		}
		people, err := l.UsersByName(ctx, form)
		if err != nil {
			return Match{}, "", err
		}
		u, kind, several := pickOne(people, form, r)
		switch {
		case several:
			return Match{}, fmt.Sprintf("%q (%s) is the %s of several people.", name, s.what, kind), nil
		case kind == "":
			continue
		case !u.Enabled:
			return Match{}, fmt.Sprintf("%q (%s) is %s, who is disabled.", name, s.what, u.Login), nil
		}
		return Match{User: u, Rule: fmt.Sprintf("%q (%s) is the %s of %s.", name, s.what, kind, u.Login)}, "", nil
	}
	if s.cut && r.Prefix {
		return matchCut(ctx, l, s, name, r)
	}
	return Match{}, "", nil
}

// leastCut is how much of a name has to be left, in characters, for the rest of
// it to be guessed from who is there: a long domain leaves little of it.
const leastCut = 8

// matchCut completes a name that the client may have cut at 31 octets, when
// only one person fits. Only the end of a name can be cut: what stands before
// an @ is whole.
func matchCut(ctx context.Context, l Lookup, s source, name string, r Rules) (Match, string, error) {
	form := Fold(name)
	form = form[strings.LastIndexByte(form, '\\')+1:]
	if utf8.RuneCountInString(form) < leastCut {
		return Match{}, "", nil
	}
	people, err := l.UsersByPrefix(ctx, form, 10)
	if err != nil {
		return Match{}, "", err
	}
	people = slices.DeleteFunc(people, func(u User) bool { return !begins(u, form, r) })
	switch {
	case len(people) == 0:
		return Match{}, "", nil
	case len(people) > 1:
		return Match{}, fmt.Sprintf("%q (%s) was cut by the client, and several people's names begin like that.", name, s.what), nil
	case !people[0].Enabled:
		return Match{}, fmt.Sprintf("%q (%s) can only be %s, who is disabled.", name, s.what, people[0].Login), nil
	}
	return Match{User: people[0], Rule: fmt.Sprintf("Assumed: %q (%s) was cut by the client, and only the name of %s begins like that.", name, s.what, people[0].Login)}, "", nil
}

// begins reports whether one of a person's names, of those that count, begins
// with form.
func begins(u User, form string, r Rules) bool {
	names := []string{u.Login, u.UPN, u.Email}
	if r.Aliases {
		names = append(names, u.Aliases...)
	}
	return slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, form) })
}

// pickOne finds the one person whom a form names, by the strongest kind of name
// first. kind is "" when nobody fits, several when more than one does.
func pickOne(people []User, form string, r Rules) (u User, kind string, several bool) {
	for _, k := range []struct {
		kind string
		is   func(User) bool
	}{
		{"alias", func(u User) bool { return r.Aliases && slices.Contains(u.Aliases, form) }},
		{"login", func(u User) bool { return u.Login == form }},
		{"user principal name", func(u User) bool { return u.UPN == form }},
		{"e-mail address", func(u User) bool { return u.Email == form }},
	} {
		n := 0
		for _, p := range people {
			if k.is(p) {
				u, n = p, n+1
			}
		}
		if n > 0 {
			return u, k.kind, n > 1
		}
	}
	return User{}, "", false
}
