package directory

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
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
	Proven      string // user id that the door itself has proof of
	Certificate string // name in a TLS client certificate that was verified
	Account     string // job-accounting-user-id
	PJLUser     string // @PJL SET USERNAME
	PJLAcct     string // @PJL SET JOBATTR="JobAcct1=..."
	PJLComment  string // @PJL COMMENT "Username: ..."
	PSFor       string // %%For of PostScript
	Claimed     string // P of RFC 1179, requesting-user-name
	Cut         bool   // Claimed may be cut: it has exactly 31 octets
	Banner      string // L of RFC 1179
	IPP         bool   // it came by IPP
	Believed    bool   // from a host whose word for its users counts

	Client netip.Addr        // the peer's address; invalid where there is none
	Host   string            // what the computer calls itself
	Lines  map[string]string // lines of a control file that nobody here understands, by their letter

	// Look returns what the beginnings of the documents hold for a step that the
	// fields above have no answer to: "pattern" the beginnings themselves, which may
	// be no text, "pjl-comment" all comments, "pjl-set:NAME" a variable. Nil: nothing.
	Look func(from string) []string
}

// Match is an answer to whose job it is.
type Match struct {
	User  User    // the zero User when the job is unclaimed
	Rule  string  // one English sentence: which rule named the owner, or why none did
	Tried []Tried // every step up to the answer
}

// Owned reports whether somebody owns the job.
func (m Match) Owned() bool { return m.User.ID != "" }

// Tried is one name that a step of the rules found and the directory was asked
// for, or a step that found none. Name and form are as strangers chose them.
type Tried struct {
	Step   string `json:"step"`   // "pjl-username"
	From   string `json:"from"`   // the same in words: "PJL USERNAME"
	Raw    string `json:"raw"`    // what stood there, "" nothing
	Form   string `json:"form"`   // the spelling that the directory was asked for, "" none
	Result string `json:"result"` // what came of it, in words
}

// source is a name that a step has found.
type source struct {
	step string // "control-file"
	what string // "control file"
	name string
	cut  bool
}

// search is one look for an owner.
type search struct {
	l     Lookup
	f     *Facts
	r     *Rules
	tried []Tried
}

// Owner says whose job it is, by the rules in their order, and which rule said
// so. The first source whose name belongs to exactly one person decides. A name
// that nobody has says nothing, so the next source is asked; a name that
// several people have stops the search, because going on would be guessing.
// See docs/decisions/0003-who-owns-a-job.md and 0014-owner-rules.md.
func Owner(ctx context.Context, l Lookup, f Facts, r Rules) (Match, error) {
	steps := r.steps(&f)
	s := &search{l: l, f: &f, r: &r, tried: make([]Tried, 0, len(steps)+2)}
	var said []string
	for i := range steps {
		m, name, err := s.step(ctx, &steps[i])
		if err != nil {
			return Match{}, err
		}
		if m.Rule != "" {
			m.Tried = s.tried
			return m, nil
		}
		if name != "" {
			said = append(said, name)
		}
	}
	m := Match{Rule: "The job came without any name.", Tried: s.tried}
	if len(said) > 0 {
		m.Rule = "Nobody here is called " + strings.Join(said, " or ") + "."
	}
	return m, nil
}

// step asks one place. Without a rule in the match the next one is asked; name
// is what this one said then, for people.
func (s *search) step(ctx context.Context, step *Step) (m Match, name string, err error) {
	switch step.From {
	case "proof":
		m, err = s.proven(ctx, step)
		return m, "", err
	case "host":
		m, err = s.host(ctx, step)
		return m, "", err
	}
	src := source{step: step.From, what: step.What}
	src.name, src.cut = step.find(s.f)
	src.name = clean(src.name)
	if src.name == "" {
		s.note(src, "", "says nothing")
		return Match{}, "", nil
	}
	m, err = s.match(ctx, src)
	return m, fmt.Sprintf("%s (%s)", quoted(src.name), src.what), err
}

// note keeps what a step came to.
func (s *search) note(src source, form, result string) {
	s.tried = append(s.tried, Tried{Step: src.step, From: src.what, Raw: src.name, Form: form, Result: result})
}

// proven is the rule for doors that know who prints.
func (s *search) proven(ctx context.Context, step *Step) (Match, error) {
	src := source{step: step.From, what: step.What, name: s.f.Proven}
	if src.name == "" {
		s.note(src, "", "says nothing")
		return Match{}, nil
	}
	u, err := s.l.User(ctx, src.name)
	switch {
	case fault.Is(err, fault.NotFound):
		s.note(src, "", "is nobody any longer")
		return Match{Rule: "The person whom the sending system named no longer exists."}, nil
	case err != nil:
		return Match{}, err
	case !u.Enabled:
		s.note(src, "", "is "+u.Login+", who is disabled")
		return Match{Rule: fmt.Sprintf("%s is disabled.", u.Login)}, nil
	}
	s.note(src, "", "is "+u.Login)
	return Match{User: u, Rule: fmt.Sprintf("The sending system has proof that it is %s.", u.Login)}, nil
}

// host asks the queue's table of computers. A login that nobody has any longer
// says nothing.
func (s *search) host(ctx context.Context, step *Step) (Match, error) {
	src := source{step: step.From, what: step.What}
	h, ok := s.r.hostOf(s.f)
	if !ok {
		s.note(src, "", "does not have this computer")
		return Match{}, nil
	}
	src.name = h.Client
	people, err := s.l.UsersByName(ctx, h.User)
	if err != nil {
		return Match{}, err
	}
	i := slices.IndexFunc(people, func(u User) bool { return u.Login == h.User })
	switch {
	case i < 0:
		s.note(src, h.User, "is nobody any longer")
		return Match{}, nil
	case !people[i].Enabled:
		s.note(src, h.User, "is disabled")
		return Match{Rule: fmt.Sprintf("%s (%s) belongs to %s, who is disabled.", quoted(src.name), src.what, h.User)}, nil
	}
	s.note(src, h.User, "is "+h.User)
	return Match{User: people[i], Rule: fmt.Sprintf("%s (%s) belongs to %s.", quoted(src.name), src.what, h.User)}, nil
}

// quoted puts a name between quotes as its owner would read it. Quotes, and what is
// no character to be seen, are escaped, so that no name can pretend to be a line or a
// text of its own; a backslash is not, because names of Windows have one.
func quoted(name string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i, r := range name {
		_, size := utf8.DecodeRuneInString(name[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, name[i])
		case r == '"':
			b.WriteString(`\"`)
		case strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	b.WriteByte('"')
	return b.String()
}

// clean takes away what surrounds a name on the wire.
func clean(name string) string {
	return strings.TrimFunc(name, func(r rune) bool {
		return r == 0 || r == '"' || r == '\'' || r == ' ' || r == '\t' || r == '\r' || r == '\n'
	})
}

// match asks the directory for one name, under each of its forms. A rule without
// a user ends the search.
func (s *search) match(ctx context.Context, src source) (Match, error) {
	for _, form := range s.r.formsOf(&src) {
		people, err := s.l.UsersByName(ctx, form)
		if err != nil {
			return Match{}, err
		}
		u, kind, several := s.r.pickOne(people, form)
		switch {
		case several:
			s.note(src, form, "is the "+kind+" of several people")
			return Match{Rule: fmt.Sprintf("%s (%s) is the %s of several people.", quoted(src.name), src.what, kind)}, nil
		case kind == "":
			s.note(src, form, "is nobody")
			continue
		case !u.Enabled:
			s.note(src, form, "is "+u.Login+", who is disabled")
			return Match{Rule: fmt.Sprintf("%s (%s) is %s, who is disabled.", quoted(src.name), src.what, u.Login)}, nil
		}
		s.note(src, form, "is the "+kind+" of "+u.Login)
		return Match{User: u, Rule: s.says(src, kind, u)}, nil
	}
	if src.cut && s.r.Prefix {
		return s.matchCut(ctx, src)
	}
	return Match{}, nil
}

// says is the rule of a name that one person has.
func (s *search) says(src source, kind string, u User) string {
	if src.step == "certificate" {
		return fmt.Sprintf("The certificate of the client proves that it is %s.", u.Login)
	}
	return fmt.Sprintf("%s (%s) is the %s of %s.", quoted(src.name), src.what, kind, u.Login)
}

// leastCut is how much of a name has to be left, in characters, for the rest of
// it to be guessed from who is there: a long domain leaves little of it.
const leastCut = 8

// matchCut completes a name that the client may have cut at 31 octets, when
// only one person fits. Only the end of a name can be cut: what stands before
// an @ is whole.
func (s *search) matchCut(ctx context.Context, src source) (Match, error) {
	form := s.r.beginning(src.name)
	if utf8.RuneCountInString(form) < leastCut {
		s.note(src, form, "is too little of a name that was cut")
		return Match{}, nil
	}
	people, err := s.l.UsersByPrefix(ctx, form, 10)
	if err != nil {
		return Match{}, err
	}
	people = slices.DeleteFunc(people, func(u User) bool { return !s.r.begins(&u, form) })
	switch {
	case len(people) == 0:
		s.note(src, form, "was cut, and no name begins like that")
		return Match{}, nil
	case len(people) > 1:
		s.note(src, form, "was cut, and several people's names begin like that")
		return Match{Rule: fmt.Sprintf("%s (%s) was cut by the client, and several people's names begin like that.", quoted(src.name), src.what)}, nil
	case !people[0].Enabled:
		s.note(src, form, "was cut, and can only be "+people[0].Login+", who is disabled")
		return Match{Rule: fmt.Sprintf("%s (%s) can only be %s, who is disabled.", quoted(src.name), src.what, people[0].Login)}, nil
	}
	s.note(src, form, "was cut, and only the name of "+people[0].Login+" begins like that")
	return Match{User: people[0], Rule: fmt.Sprintf("Assumed: %s (%s) was cut by the client, and only the name of %s begins like that.", quoted(src.name), src.what, people[0].Login)}, nil
}
